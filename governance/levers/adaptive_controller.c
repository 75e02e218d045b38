/* governance/levers/adaptive_controller.c - tunes a parameter of another lever from what the last epoch has shown: an
 * integral controller (value += gain x (metric - setpoint), kept within low and high). A positive gain raises the
 * parameter while the metric is above what is wanted. The new value holds from the opening on, quotes and all. An
 * epoch that shows nothing changes nothing.
 *
 * Metrics: toxicity, the mean 1 - p of accepted interactions; caught, the share of audits that showed the true quality
 * and found it bad. */
#include <string.h>

#include "governance/lever.h"

#define TARGET_MAX 80
enum { METRIC_TOXICITY, METRIC_CAUGHT };

#define ADAPTIVE_CONTROLLER_PARAMS(P, S)                                                                             \
    P(S, TEXT, target, "random_audit.prob", 3, TARGET_MAX, "", "lever.parameter that is tuned")                      \
    P(S, ENUM, metric, METRIC_TOXICITY, 0, 1, "toxicity|caught", "what is watched")                                  \
    P(S, F64, setpoint, 0.15, 0.0, 1.0, "share", "that the metric should be")                                        \
    P(S, F64, gain, 0.5, -1e6, 1e6, "units", "of the parameter an epoch, for each unit that the metric is off")      \
    P(S, F64, low, 0.0, -1e9, 1e9, "units", "least value")                                                           \
    P(S, F64, high, 1.0, -1e9, 1e9, "units", "greatest value")
PARAMS_DEFINE(adaptive_controller, ADAPTIVE_CONTROLLER_PARAMS)

struct controller {
    double sum; /* of the epoch so far */
    uint64_t count;
    double carry; /* what a whole parameter could not follow yet */
};

static int
validate(const void *params, struct why *why)
{
    const struct adaptive_controller *self = params;

    if (self->low > self->high)
        return fail(why, ERR_INVALID, "low: %g is above high, %g", self->low, self->high);
    return 0;
}

static int
validate_among(const void *params, const struct governance *law, struct why *why)
{
    const struct adaptive_controller *self = params;
    const struct param *row;
    struct why inner = {0};
    int code = lever_parameter(law, self->target, &row, &inner);

    if (code != 0)
        return fail(why, code, "target: %s", inner.text);
    if (row->kind == PARAM_TEXT || strncmp(self->target, "adaptive_controller.", 20) == 0)
        return fail(why, ERR_INVALID, "target: %s cannot be tuned", self->target);
    if (self->low < row->low)
        return fail(
            why, ERR_INVALID, "low: %g is below the least that %s may be, %g", self->low, self->target, row->low);
    if (self->high > row->high)
        return fail(why, ERR_INVALID, "high: %g is above the most that %s may be, %g", self->high, self->target,
            row->high);
    return 0;
}

static void
before_opening(struct lever_context *context, const struct lever_opening *opening)
{
    const struct adaptive_controller *params = context->params;
    struct controller *seen = context->state;
    struct why ignored = {0};
    double value, metric, wanted;

    (void)opening;
    if (seen->count == 0 || lever_tuned(context, params->target, &value, &ignored) != 0)
        return;
    metric = seen->sum / (double)seen->count;
    wanted = math_clamp(
        value + seen->carry + params->gain * (metric - params->setpoint), params->low, params->high);
    *seen = (struct controller){0};
    /* The target's own checks may not like it; then it stays what it was. */
    if (lever_tune(context, params->target, wanted, &ignored) == 0 &&
        lever_tuned(context, params->target, &value, &ignored) == 0)
        seen->carry = wanted - value;
}

static void
on_outcome(struct lever_context *context, const struct lever_interaction *interaction)
{
    struct controller *seen = context->state;

    if (((const struct adaptive_controller *)context->params)->metric == METRIC_TOXICITY) {
        if (!interaction->accepted)
            return;
        seen->sum += 1.0 - interaction->p;
    } else {
        if (interaction->audit != AUDIT_CAUGHT && interaction->audit != AUDIT_CLEAN)
            return;
        seen->sum += interaction->audit == AUDIT_CAUGHT ? 1.0 : 0.0;
    }
    seen->count++;
}

const struct lever lever_adaptive_controller = {
    .name = "adaptive_controller",
    .doc = "Tunes a parameter of another lever from epoch to epoch, until a metric is what is wanted.",
    .stage = STAGE_EPOCH,
    .params = &adaptive_controller_params,
    .state_size = sizeof(struct controller),
    .validate = validate,
    .validate_among = validate_among,
    .before_opening = before_opening,
    .on_outcome = on_outcome,
};
