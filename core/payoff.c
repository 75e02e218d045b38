#include "core/payoff.h"

#include "core/bytes.h"

static const struct param payoff_param_rows[] = {PAYOFF_PARAMS(PARAM_ROW, payoff_params)};
const struct params payoff_params_list = {
    "payoff", sizeof(struct payoff_params), payoff_param_rows, sizeof payoff_param_rows / sizeof payoff_param_rows[0]};

int
payoff_check(const struct payoff_params *params, struct why *why)
{
    for (uint32_t i = 0; i < payoff_params_list.count; i++) {
        const struct param *row = &payoff_params_list.rows[i];
        double value = bytes_get_f64((const char *)params + row->offset);

        if (!(value >= row->low && value <= row->high))
            return fail(why, ERR_INVALID, "payoff.%s is %.17g: it must be from %g to %g", row->name, value, row->low,
                row->high);
    }
    return 0;
}

double
payoff_surplus(const struct payoff_params *params, double p)
{
    return p * params->s_plus - (1.0 - p) * params->s_minus;
}

double
payoff_harm(const struct payoff_params *params, double p)
{
    return (1.0 - p) * params->h;
}

/* The sides differ in their share, in the sign of the transfer and in whose terms they read. */
static struct payoff_breakdown
breakdown(
    const struct payoff_params *params, double p, double share, double received, double cost, double rho, double change)
{
    struct payoff_breakdown out = {
        .expected_surplus = payoff_surplus(params, p),
        .expected_harm = payoff_harm(params, p),
        .transfer = received,
        .governance_cost = cost,
        .reputation_bonus = params->w_rep * change,
    };

    out.surplus_share = share * out.expected_surplus;
    out.externality_cost = rho * out.expected_harm;
    out.total = out.surplus_share + out.transfer - out.governance_cost - out.externality_cost + out.reputation_bonus;
    return out;
}

struct payoff_breakdown
payoff_breakdown_initiator(const struct payoff_params *params, const struct payoff_terms *terms)
{
    return breakdown(
        params, terms->p, params->theta, -terms->transfer, terms->cost_a, params->rho_a, terms->reputation_a);
}

struct payoff_breakdown
payoff_breakdown_counterparty(const struct payoff_params *params, const struct payoff_terms *terms)
{
    return breakdown(
        params, terms->p, 1.0 - params->theta, terms->transfer, terms->cost_b, params->rho_b, terms->reputation_b);
}

double
payoff_initiator(const struct payoff_params *params, const struct payoff_terms *terms)
{
    return payoff_breakdown_initiator(params, terms).total;
}

double
payoff_counterparty(const struct payoff_params *params, const struct payoff_terms *terms)
{
    return payoff_breakdown_counterparty(params, terms).total;
}

double
payoff_welfare(const struct payoff_params *params, const struct payoff_terms *terms)
{
    return payoff_initiator(params, terms) + payoff_counterparty(params, terms);
}

double
payoff_social_surplus(const struct payoff_params *params, double p)
{
    return payoff_surplus(params, p) - payoff_harm(params, p);
}

double
payoff_break_even_p(const struct payoff_params *params)
{
    double sum = params->s_plus + params->s_minus;

    return sum == 0.0 ? 0.5 : params->s_minus / sum;
}

double
payoff_social_break_even_p(const struct payoff_params *params)
{
    double sum = params->s_plus + params->s_minus + params->h;

    return sum == 0.0 ? 0.5 : (params->s_minus + params->h) / sum;
}
