/* tests/unit/world/test_compat_observables.c - observables and labels worked out by hand: v = .4 t + .2 r
 * + .2 (j + m)/2 + .2 e, where a count of n is worth 1 for 0, else 2 d^n - 1 with d = .3 (rework), .4 (rejections),
 * .5 (misuse). */
#include "core/math.h"
#include "tests/support/test.h"
#include "world/compat/observables.h"

static const struct row {
    const char *name;
    enum compat_version version;
    enum compat_type type;
    double reputation;
    bool accepted;
    double draws[5];
    double progress;
    uint32_t rework, rejections, misuse;
    double engagement, v_hat;
    uint32_t used;
} rows[] = {
    {"honest, in the middle", COMPAT_V1, COMPAT_HONEST, 0, true, {0.5, 0.4, 0.5}, 0.55, 0, 0, 0, 0.4,
     0.4 * 0.55 + 0.2 + 0.2 + 0.08, 3},
    {"honest, done again", COMPAT_V1, COMPAT_HONEST, 0, true, {0.5, 0.5, 0.5}, 0.55, 1, 0, 0, 0.4,
     0.4 * 0.55 - 0.08 + 0.2 + 0.08, 3},
    {"honest, refused: nobody engaged", COMPAT_V1, COMPAT_HONEST, 0, false, {0.5, 0.4, 0.5}, 0.55, 0, 0, 0, 0,
     0.4 * 0.55 + 0.2 + 0.2, 3},
    {"opportunistic, rejected once", COMPAT_V1, COMPAT_OPPORTUNISTIC, 0, true, {0.5, 0.99, 0.5, 0.5}, 0.3, 2, 1, 0,
     0.05,
     0.12 + 0.2 * -0.82 + 0.2 * (-0.2 + 1) / 2 + 0.01, 4},
    {"deceptive, at its worst", COMPAT_V1, COMPAT_DECEPTIVE, 0, true, {0, 0.99, 0.99, 0}, 0.2, 2, 1, 0, 0,
     0.08 + 0.2 * -0.82 + 0.08, 4},
    {"adversarial, at its worst", COMPAT_V1, COMPAT_ADVERSARIAL, 0, true, {0, 0.99, 0.99, 0.99, 0}, -0.3, 3, 2, 1, -0.5,
     -0.12 + 0.2 * -0.946 + 0.2 * (-0.68 + 0) / 2 - 0.1, 5},
    {"v1 ignores reputation", COMPAT_V1, COMPAT_HONEST, -5, true, {0, 0, 0}, 0.3, 0, 0, 0, 0.2, 0.12 + 0.4 + 0.04, 3},
    {"v1g: a fresh agent works at three quarters", COMPAT_V1G, COMPAT_HONEST, 0, true, {0, 0, 0}, 0.225, 0, 0, 0,
     0.15, 0.09 + 0.4 + 0.03, 3},
    {"v1g: a bad one at half", COMPAT_V1G, COMPAT_HONEST, -5, true, {0, 0, 0}, 0.15, 0, 0, 0, 0.1, 0.06 + 0.4 + 0.02,
     3},
    {"v1g: which makes harm look better", COMPAT_V1G, COMPAT_ADVERSARIAL, -1, true, {0, 0, 0, 0, 0}, -0.15, 1, 1, 0,
     -0.25,
     -0.06 + 0.2 * -0.4 + 0.2 * (-0.2 + 1) / 2 - 0.05, 5},
};

static void
draw(void **state)
{
    const struct row *row = *state;
    struct compat_draws draws;
    struct observables seen;

    compat_draws_script(&draws, row->draws, 5);
    compat_observables_draw(row->version, row->type, row->reputation, row->accepted, &draws, &seen);
    assert_close(seen.progress, row->progress, 1e-14);
    assert_int_equal(seen.rework, row->rework);
    assert_int_equal(seen.rejections, row->rejections);
    assert_int_equal(seen.misuse, row->misuse);
    assert_close(seen.engagement, row->engagement, 1e-14);
    assert_int_equal(draws.used, row->used);
    assert_close(proxy_v_hat(compat_proxy(), &seen), row->v_hat, 1e-13);
    assert_close(proxy_p(compat_proxy(), &seen), 1.0 / (1.0 + math_exp(-2.0 * row->v_hat)), 1e-13);
}

int
main(void)
{
    return TEST_ROWS("compat_observables", rows, draw);
}
