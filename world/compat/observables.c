#include "world/compat/observables.h"

#include "core/assert.h"
#include "core/math.h"

/* Ranges; equal bounds draw nothing. */
static const struct {
    double progress[2];
    int32_t rework[2], rejections[2], misuse[2];
    double engagement[2];
} ranges[COMPAT_TYPES] = {
    [COMPAT_HONEST] = {{0.3, 0.8}, {0, 1}, {0, 0}, {0, 0}, {0.2, 0.6}},
    [COMPAT_OPPORTUNISTIC] = {{0.1, 0.5}, {0, 2}, {0, 1}, {0, 0}, {-0.2, 0.3}},
    [COMPAT_DECEPTIVE] = {{0.2, 0.6}, {0, 2}, {0, 1}, {0, 0}, {0.0, 0.4}},
    [COMPAT_ADVERSARIAL] = {{-0.3, 0.2}, {1, 3}, {1, 2}, {0, 1}, {-0.5, -0.1}},
    [COMPAT_ADAPTIVE] = {{-0.3, 0.2}, {1, 3}, {1, 2}, {0, 1}, {-0.5, -0.1}}, /* its type is "adversarial" there */
};

static uint32_t
draw_count(const int32_t range[2], struct compat_draws *draws)
{
    return (uint32_t)(range[0] == range[1] ? range[0] : compat_draw_integer(draws, range[0], range[1]));
}

void
compat_observables_draw(enum compat_version version, enum compat_type initiator, double reputation, bool accepted,
                        struct compat_draws *draws, struct observables *out)
{
    ASSERT(initiator < COMPAT_TYPES);
    out->progress = compat_draw_between(draws, ranges[initiator].progress[0], ranges[initiator].progress[1]);
    out->rework = draw_count(ranges[initiator].rework, draws);
    out->rejections = draw_count(ranges[initiator].rejections, draws);
    out->misuse = draw_count(ranges[initiator].misuse, draws);
    out->engagement = compat_draw_between(draws, ranges[initiator].engagement[0], ranges[initiator].engagement[1]);
    if (version == COMPAT_V1G) {
        double factor = 0.75 + 0.25 * math_clamp(reputation, -1.0, 1.0);

        out->progress *= factor;
        out->engagement *= factor;
    }
    if (!accepted)
        out->engagement = math_min(out->engagement, 0.0);
}

const struct proxy_params *
compat_proxy(void)
{
    static const struct proxy_params peers = {
        .weight_task = 0.4, .weight_rework = 0.2, .weight_verifier = 0.2, .weight_engagement = 0.2,
        .rework_decay = 0.3, .rejection_decay = 0.4, .misuse_decay = 0.5, .k = 2.0, .b = 0.0};

    return &peers;
}
