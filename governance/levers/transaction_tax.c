/* governance/levers/transaction_tax.c - both sides pay a share of what passes between them: c_a += rate |tau| and
 * c_b += rate |tau|. Optionally of the surplus as well, a half each. Only accepted interactions are taxed. */
#include "governance/lever.h"

#define TRANSACTION_TAX_PARAMS(P, S)                                                                                 \
    P(S, F64, rate, 0.05, 0.0, 1.0, "share", "of the transfer's size, paid by each side")                            \
    P(S, F64, surplus_rate, 0.0, 0.0, 1.0, "share", "of the expected surplus above zero, paid by both sides together") \
    P(S, F64, s_plus, 2.0, 0.0, 1e6, "tokens", "surplus of good work that the base on surplus assumes")              \
    P(S, F64, s_minus, 1.0, 0.0, 1e6, "tokens", "loss from bad work that the base on surplus assumes")
PARAMS_DEFINE(transaction_tax, TRANSACTION_TAX_PARAMS)

static void
on_interaction(struct lever_context *context, const struct lever_interaction *interaction, struct lever_ruling *ruling)
{
    const struct transaction_tax *params = context->params;
    int64_t moved = interaction->transfer < 0 ? -interaction->transfer : interaction->transfer;
    double surplus = interaction->p * params->s_plus - (1.0 - interaction->p) * params->s_minus;
    int64_t on_surplus = money_from_real(params->surplus_rate * math_max(surplus, 0.0));

    if (!interaction->accepted)
        return;
    ruling->cost_a += money_share(moved, params->rate) + on_surplus / 2;
    ruling->cost_b += money_share(moved, params->rate) + (on_surplus - on_surplus / 2); /* the parts make the whole */
}

static void
quote(const void *params, double quotes[QUOTE_GOVERNANCE_END])
{
    quotes[QUOTE_TAX_RATE] = ((const struct transaction_tax *)params)->rate;
}

const struct lever lever_transaction_tax = {
    .name = "transaction_tax",
    .doc = "Takes a share of every transfer from both sides.",
    .stage = STAGE_PRICING,
    .params = &transaction_tax_params,
    .quote = quote,
    .on_interaction = on_interaction,
};
