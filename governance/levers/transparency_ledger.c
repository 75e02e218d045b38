/* governance/levers/transparency_ledger.c - publishes what is known about everybody's past work, so that a public
 * reputation weighs more in what others believe (n_r of their belief grows). */
#include "governance/lever.h"

#define TRANSPARENCY_LEDGER_PARAMS(P, S)                                                                             \
    P(S, F64, weight, 3.0, 1.0, 100.0, "observations", "that a public reputation is worth; 1 without this lever")
PARAMS_DEFINE(transparency_ledger, TRANSPARENCY_LEDGER_PARAMS)

static void
quote(const void *params, double quotes[QUOTE_GOVERNANCE_END])
{
    quotes[QUOTE_TRANSPARENCY] = ((const struct transparency_ledger *)params)->weight;
}

const struct lever lever_transparency_ledger = {
    .name = "transparency_ledger",
    .doc = "Publishes past outcomes: reputations weigh more in what agents believe.",
    .stage = STAGE_EPOCH,
    .params = &transparency_ledger_params,
    .quote = quote,
};
