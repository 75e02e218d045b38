/* core/payoff.h - what an interaction with soft label p is worth, in tokens as real numbers. Good work brings s_plus,
 * bad work costs s_minus and harms others by h:
 *     S = p s_plus - (1-p) s_minus          E = (1-p) h
 *     initiator:    theta S     - tau - c_a - rho_a E + w_rep r_a
 *     counterparty: (1-theta) S + tau - c_b - rho_b E + w_rep r_b */
#ifndef POLIS_CORE_PAYOFF_H
#define POLIS_CORE_PAYOFF_H

#include "core/error.h"
#include "core/params.h"

#define PAYOFF_PARAMS(P, S)                                                                                          \
    P(S, F64, s_plus, 2.0, 0.0, 1e9, "tokens", "surplus of good work")                                               \
    P(S, F64, s_minus, 1.0, 0.0, 1e9, "tokens", "loss from bad work")                                                \
    P(S, F64, h, 2.0, 0.0, 1e9, "tokens", "harm of bad work to others")                                              \
    P(S, F64, theta, 0.5, 0.0, 1.0, "share", "of the surplus that the initiator gets")                               \
    P(S, F64, rho_a, 0.0, 0.0, 1e9, "factor", "of the harm that the initiator bears")                                \
    P(S, F64, rho_b, 0.0, 0.0, 1e9, "factor", "of the harm that the counterparty bears")                             \
    P(S, F64, w_rep, 1.0, -1e9, 1e9, "tokens", "worth of one unit of reputation")
PARAMS_STRUCT(payoff_params, PAYOFF_PARAMS)
extern const struct params payoff_params_list;

/* One interaction. _a is the initiator, _b the counterparty. */
struct payoff_terms {
    double p;                          /* soft label, [0, 1] */
    double transfer;                   /* tau, from a to b */
    double cost_a, cost_b;             /* laid on them by governance */
    double reputation_a, reputation_b; /* changes */
};

struct payoff_breakdown {
    double expected_surplus; /* S */
    double expected_harm;    /* E */
    double surplus_share;
    double transfer; /* received: -tau for the initiator */
    double governance_cost;
    double externality_cost;
    double reputation_bonus;
    double total;
};

/* Are all members within the bounds of the list? ERR_INVALID names the first that is not. */
MUST_CHECK int payoff_check(const struct payoff_params *params, struct why *why);

double payoff_surplus(const struct payoff_params *params, double p);
double payoff_harm(const struct payoff_params *params, double p);

double payoff_initiator(const struct payoff_params *params, const struct payoff_terms *terms);
double payoff_counterparty(const struct payoff_params *params, const struct payoff_terms *terms);
struct payoff_breakdown payoff_breakdown_initiator(
    const struct payoff_params *params, const struct payoff_terms *terms);
struct payoff_breakdown payoff_breakdown_counterparty(
    const struct payoff_params *params, const struct payoff_terms *terms);

/* Both payoffs together; and the surplus less the harm, whoever bears it. */
double payoff_welfare(const struct payoff_params *params, const struct payoff_terms *terms);
double payoff_social_surplus(const struct payoff_params *params, double p);

/* The p where S, and S - E, are zero. All stakes zero: 0.5. */
double payoff_break_even_p(const struct payoff_params *params);
double payoff_social_break_even_p(const struct payoff_params *params);

#endif
