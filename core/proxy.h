/* core/proxy.h - from what can be seen of a piece of work to a soft label p, the probability that it is good:
 * observables -> signals in [-1, 1] -> their weighted mean v_hat -> p = 1 / (1 + exp(-k (v_hat - b))). */
#ifndef POLIS_CORE_PROXY_H
#define POLIS_CORE_PROXY_H

#include "core/error.h"
#include "core/params.h"

#include <stdint.h>

struct observables {
    double progress;     /* of the task, nominally [-1, 1] */
    uint32_t rework;     /* times it was done again */
    uint32_t rejections; /* by verifiers */
    uint32_t misuse;     /* flags for misused tools */
    double engagement;   /* of the counterparty, nominally [-1, 1] */
};

/* k and b put undisguised good work near 0.95 and bad work near 0.05; that of rules: compat is k = 2, b = 0. */
#define PROXY_PARAMS(P, S)                                                                                           \
    P(S, F64, weight_task, 0.4, 0.0, 1000.0, "weight", "of the task's progress")                                     \
    P(S, F64, weight_rework, 0.2, 0.0, 1000.0, "weight", "of the rework count")                                      \
    P(S, F64, weight_verifier, 0.2, 0.0, 1000.0, "weight", "of verifier rejections and tool misuse together")        \
    P(S, F64, weight_engagement, 0.2, 0.0, 1000.0, "weight", "of the counterparty's engagement")                     \
    P(S, F64, rework_decay, 0.3, 0.0, 1.0, "factor", "what each rework leaves of the good half of its signal")       \
    P(S, F64, rejection_decay, 0.4, 0.0, 1.0, "factor", "what each rejection leaves of it")                          \
    P(S, F64, misuse_decay, 0.5, 0.0, 1.0, "factor", "what each misuse flag leaves of it")                           \
    P(S, F64, k, 8.0, 0.0, 100.0, "per unit", "steepness of the curve from v_hat to p")                              \
    P(S, F64, b, 0.17, -1.0, 1.0, "v_hat", "where p is one half")
PARAMS_STRUCT(proxy_params, PROXY_PARAMS)
extern const struct params proxy_params_list;

/* Each within [-1, 1]. */
struct proxy_signals {
    double task;
    double rework;
    double rejection;
    double misuse;
    double verifier; /* mean of rejection and misuse */
    double engagement;
};

/* The four weights divided by the sum of their magnitudes; all of them zero: a quarter each. */
struct proxy_weights {
    double task, rework, verifier, engagement;
};

/* For proxy_partial(): which observables are seen. */
enum proxy_component {
    PROXY_PROGRESS = 1u << 0,
    PROXY_REWORK = 1u << 1,
    PROXY_REJECTIONS = 1u << 2,
    PROXY_MISUSE = 1u << 3,
    PROXY_ENGAGEMENT = 1u << 4,
    PROXY_ALL = (1u << 5) - 1
};

struct proxy_signals proxy_signals(const struct proxy_params *params, const struct observables *seen);
struct proxy_weights proxy_weights(const struct proxy_params *params);

/* Weighted sum of the signals in the order task, rework, verifier, engagement; clamped to [-1, 1]. */
double proxy_v_hat(const struct proxy_params *params, const struct observables *seen);

/* The soft label of fully seen work. */
double proxy_p(const struct proxy_params *params, const struct observables *seen);

/* The soft label from the observables in `mask` only, weights renormalised over them (rejections and misuse have half
 * the verifier's weight each). Nothing seen, or nothing that has a weight: 0.5. PROXY_ALL: proxy_p() to the bit. */
double proxy_partial(const struct proxy_params *params, const struct observables *seen, unsigned mask);

/* 1 / (1 + exp(-k (v - b))), v clamped to [-10, 10] first. */
double proxy_sigmoid(double v, double k, double b);

/* dp/dv at v: k p (1 - p). */
double proxy_sigmoid_derivative(double v, double k, double b);

/* The v whose label is p. Fails (ERR_INVALID) unless 0 < p < 1 and k is not 0. */
MUST_CHECK int proxy_sigmoid_inverse(double p, double k, double b, double *out, struct why *why);

/* The range of v where |p - 0.5| < threshold. Fails (ERR_INVALID) unless 0 < threshold < 0.5 and k is not 0. */
MUST_CHECK int proxy_uncertainty_band(
    double threshold, double k, double b, double *low, double *high, struct why *why);

#endif
