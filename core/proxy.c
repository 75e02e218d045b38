#include "core/proxy.h"

#include "core/math.h"

static const struct param proxy_param_rows[] = {PROXY_PARAMS(PARAM_ROW, proxy_params)};
const struct params proxy_params_list = {
    "proxy", sizeof(struct proxy_params), proxy_param_rows, sizeof proxy_param_rows / sizeof proxy_param_rows[0]};

/* 1 for a clean record, then 2 decay^count - 1: towards -1. */
static double
count_signal(double decay, uint32_t count)
{
    switch (count) {
    case 0:
        return 1.0;
    case 1:
        return 2.0 * decay - 1.0;
    case 2:
        return 2.0 * (decay * decay) - 1.0;
    default:
        return 2.0 * math_pow(decay, (double)count) - 1.0;
    }
}

struct proxy_signals
proxy_signals(const struct proxy_params *params, const struct observables *seen)
{
    struct proxy_signals out = {
        .task = math_clamp(seen->progress, -1.0, 1.0),
        .rework = count_signal(params->rework_decay, seen->rework),
        .rejection = count_signal(params->rejection_decay, seen->rejections),
        .misuse = count_signal(params->misuse_decay, seen->misuse),
        .engagement = math_clamp(seen->engagement, -1.0, 1.0),
    };

    out.verifier = (out.rejection + out.misuse) / 2.0;
    return out;
}

struct proxy_weights
proxy_weights(const struct proxy_params *params)
{
    double sum = math_abs(params->weight_task) + math_abs(params->weight_rework) +
                 math_abs(params->weight_verifier) + math_abs(params->weight_engagement);

    if (sum == 0.0)
        return (struct proxy_weights){0.25, 0.25, 0.25, 0.25};
    return (struct proxy_weights){
        params->weight_task / sum,
        params->weight_rework / sum,
        params->weight_verifier / sum,
        params->weight_engagement / sum,
    };
}

double
proxy_v_hat(const struct proxy_params *params, const struct observables *seen)
{
    struct proxy_signals signals = proxy_signals(params, seen);
    struct proxy_weights weights = proxy_weights(params);
    double v = weights.task * signals.task + weights.rework * signals.rework +
               weights.verifier * signals.verifier + weights.engagement * signals.engagement;

    return math_clamp(v, -1.0, 1.0);
}

double
proxy_p(const struct proxy_params *params, const struct observables *seen)
{
    return proxy_sigmoid(proxy_v_hat(params, seen), params->k, params->b);
}

double
proxy_partial(const struct proxy_params *params, const struct observables *seen, unsigned mask)
{
    struct proxy_signals signals;
    struct proxy_weights weights;
    double sum = 0.0, weight_sum = 0.0;

    if ((mask & PROXY_ALL) == PROXY_ALL)
        return proxy_p(params, seen);
    signals = proxy_signals(params, seen);
    weights = proxy_weights(params);

    const struct {
        unsigned bit;
        double weight, signal;
    } parts[] = {
        {PROXY_PROGRESS, weights.task, signals.task},
        {PROXY_REWORK, weights.rework, signals.rework},
        {PROXY_REJECTIONS, weights.verifier / 2.0, signals.rejection},
        {PROXY_MISUSE, weights.verifier / 2.0, signals.misuse},
        {PROXY_ENGAGEMENT, weights.engagement, signals.engagement},
    };
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if ((mask & parts[i].bit) == 0)
            continue;
        sum += parts[i].weight * parts[i].signal;
        weight_sum += math_abs(parts[i].weight);
    }
    if (weight_sum == 0.0)
        return 0.5;
    return proxy_sigmoid(math_clamp(sum / weight_sum, -1.0, 1.0), params->k, params->b);
}

double
proxy_sigmoid(double v, double k, double b)
{
    double clamped = math_clamp(v, -10.0, 10.0);

    return 1.0 / (1.0 + math_exp(-k * (clamped - b)));
}

double
proxy_sigmoid_derivative(double v, double k, double b)
{
    double p = proxy_sigmoid(v, k, b);

    return k * p * (1.0 - p);
}

int
proxy_sigmoid_inverse(double p, double k, double b, double *out, struct why *why)
{
    if (!(p > 0.0 && p < 1.0))
        return fail(why, ERR_INVALID, "p is %.17g: it must lie between 0 and 1", p);
    if (k == 0.0 || k != k)
        return fail(why, ERR_INVALID, "k is %.17g: a flat curve has no inverse", k);
    *out = -math_log((1.0 - p) / p) / k + b;
    return 0;
}

int
proxy_uncertainty_band(double threshold, double k, double b, double *low, double *high, struct why *why)
{
    double first, second;
    int error;

    if (!(threshold > 0.0 && threshold < 0.5))
        return fail(why, ERR_INVALID, "threshold is %.17g: it must lie between 0 and 0.5", threshold);
    error = proxy_sigmoid_inverse(0.5 - threshold, k, b, &first, why);
    if (error == 0)
        error = proxy_sigmoid_inverse(0.5 + threshold, k, b, &second, why);
    if (error != 0)
        return error;
    *low = math_min(first, second);
    *high = math_max(first, second);
    return 0;
}
