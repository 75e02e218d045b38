#include "world/compat/levers.h"

#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#define NEAR 1e-12
#define AGENTS 4u

/* Levers with their agents and the effect of the last event. */
struct bench {
    struct compat_governance params;
    struct compat_levers *levers;
    struct compat_agents agents;
    struct compat_effect effect;
    struct compat_draws draws;
    double reputation[AGENTS], resources[AGENTS], reputation_change[AGENTS], resources_change[AGENTS];
    bool freeze[AGENTS], unfreeze[AGENTS];
};

static const double coins[] = {0.5, 0.05};

static void
bench_init(struct bench *self)
{
    memset(self, 0, sizeof *self);
    params_default(&compat_governance_params, &self->params);
    self->agents = (struct compat_agents){AGENTS, self->reputation, self->resources};
    self->effect = (struct compat_effect){.reputation = self->reputation_change, .resources = self->resources_change,
                                          .freeze = self->freeze, .unfreeze = self->unfreeze};
    compat_draws_script(&self->draws, coins, 2);
}

static void
bench_start(struct bench *self, enum compat_version version)
{
    struct why why = {0};

    if (compat_governance_check(&self->params, &why) != 0)
        fail_msg("%s", why.text);
    self->levers = compat_levers_new(&self->params, version, AGENTS, &self->draws);
}

static void
bench_clear(struct bench *self)
{
    self->effect.cost_a = self->effect.cost_b = 0.0;
    self->effect.refuse = false;
    memset(self->reputation_change, 0, sizeof self->reputation_change);
    memset(self->resources_change, 0, sizeof self->resources_change);
    memset(self->freeze, 0, sizeof self->freeze);
    memset(self->unfreeze, 0, sizeof self->unfreeze);
}

static void
interact(struct bench *self, uint32_t a, uint32_t b, bool accepted, double p, double tau)
{
    const struct compat_interaction interaction = {
        .initiator = a, .counterparty = b, .accepted = accepted, .p = p, .tau = tau};

    bench_clear(self);
    compat_levers_interaction(self->levers, &interaction, &self->effect);
}

static void
epoch(struct bench *self, uint32_t number)
{
    bench_clear(self);
    compat_levers_epoch_start(self->levers, &self->agents, number, &self->effect);
}

/* ---- parameters ---- */

static void
parameters(void **state)
{
    struct why why = {0};
    struct bench bench;

    (void)state;
    bench_init(&bench);
    assert_int_equal(params_check(&compat_governance_params, &why), 0);
    assert_int_equal(compat_governance_check(&bench.params, &why), 0);
    assert_false(bench.params.refinery_enabled || bench.params.moderator_enabled || bench.params.transparency_enabled);
    bench.params.collusion_frequency_threshold = 0.0;
    assert_int_equal(compat_governance_check(&bench.params, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "collusion_frequency_threshold"));
    bench_init(&bench);
    bench.params.audit_probability = NAN;
    assert_int_equal(compat_governance_check(&bench.params, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "audit_probability"));
}

/* ---- one interaction ---- */

static const struct row {
    const char *name;
    enum compat_version version;
    bool tax, audit, refinery, moderator, transparency, rejected;
    double p, tau;
    double cost_a, cost_b, reputation;
    bool refuse;
    uint64_t draws;
} rows[] = {
    {"nothing is on", .version = COMPAT_V1G, .p = 0.1, .tau = 5},
    {"a tax on the transfer, also when refused", .version = COMPAT_V1, .tax = true, .p = 0.9, .tau = -2,
     .rejected = true, .cost_a = 0.05, .cost_b = 0.15},
    {"later not when refused", .version = COMPAT_V1G, .tax = true, .p = 0.9, .tau = -2, .rejected = true},
    {"and on the surplus too: 2 x .8 - .2 + 2", .version = COMPAT_V1G, .tax = true, .p = 0.8, .tau = 2,
     .cost_a = 0.085, .cost_b = 0.255},
    {"bad work has no surplus to tax", .version = COMPAT_V1G, .tax = true, .p = 0.1, .tau = 2, .cost_a = 0.05,
     .cost_b = 0.15},
    {"an audit: (.5 - .2) x 2", .version = COMPAT_V1, .audit = true, .p = 0.2, .cost_a = 0.6, .draws = 1},
    {"later it hurts the reputation too", .version = COMPAT_V1G, .audit = true, .p = 0.2, .cost_a = 0.6,
     .reputation = -0.6, .draws = 1},
    {"good work passes an audit", .version = COMPAT_V1G, .audit = true, .p = 0.5, .draws = 1},
    {"a refinery refuses", .version = COMPAT_V1G, .refinery = true, .p = 0.4, .refuse = true},
    {"what it refuses is not taxed", .version = COMPAT_V1G, .refinery = true, .tax = true, .p = 0.4, .tau = 2,
     .refuse = true},
    {"a refinery lets good work through", .version = COMPAT_V1G, .refinery = true, .p = 0.5},
    {"transparency rewards: (.9 - .5) x .1", .version = COMPAT_V1G, .transparency = true, .p = 0.9, .reputation = 0.04},
    {"and shames", .version = COMPAT_V1G, .transparency = true, .p = 0.1, .reputation = -0.04},
    {"a review costs both; here (.5 - .2) x 1 more", .version = COMPAT_V1G, .moderator = true, .p = 0.2,
     .cost_a = 0.31, .cost_b = 0.01, .reputation = -0.3, .draws = 1},
    {"refused work is not reviewed", .version = COMPAT_V1G, .moderator = true, .p = 0.2, .rejected = true},
    {"audits draw before reviews: .5 at .5, then .05 at .1", .version = COMPAT_V1G, .audit = true,
     .moderator = true, .p = 0.2, .cost_a = 0.91, .cost_b = 0.01, .reputation = -0.9, .draws = 2},
};

static void
one(void **state)
{
    const struct row *row = *state;
    struct bench bench;

    bench_init(&bench);
    bench.params.transaction_tax_rate = row->tax ? 0.1 : 0.0;
    bench.params.transaction_tax_split = 0.25;
    bench.params.audit_enabled = row->audit;
    bench.params.audit_probability = 0.5;
    bench.params.refinery_enabled = row->refinery;
    bench.params.moderator_enabled = row->moderator;
    bench.params.moderator_review_probability = row->audit ? 0.1 : 0.5;
    bench.params.transparency_enabled = row->transparency;
    bench_start(&bench, row->version);
    interact(&bench, 1, 2, !row->rejected, row->p, row->tau);
    assert_close(bench.effect.cost_a, row->cost_a, NEAR);
    assert_close(bench.effect.cost_b, row->cost_b, NEAR);
    assert_close(bench.reputation_change[1], row->reputation, NEAR);
    assert_close(bench.reputation_change[2], 0.0, NEAR);
    assert_int_equal(bench.effect.refuse, row->refuse);
    assert_int_equal(bench.draws.used, row->draws);
    compat_levers_destroy(&bench.levers);
    assert_null(bench.levers);
}

/* ---- over time ---- */

/* 1 - p: .9 violates at once (mistake 19); two of them freeze until epoch 3; then the window is still there. */
static void
breaker(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    bench.params.circuit_breaker_enabled = true;
    bench.params.freeze_threshold_violations = 2;
    bench_start(&bench, COMPAT_V1);
    epoch(&bench, 1);
    interact(&bench, 0, 1, true, 0.1, 0.0);
    assert_int_equal(compat_levers_breaker(bench.levers, 0).violations, 1);
    assert_false(bench.freeze[0]);
    interact(&bench, 0, 1, true, 0.3, 0.0); /* mean .8 */
    assert_true(bench.freeze[0]);
    assert_int_equal(compat_levers_breaker(bench.levers, 0).freeze_until, 3);
    epoch(&bench, 2);
    assert_false(bench.unfreeze[0]);
    epoch(&bench, 3);
    assert_true(bench.unfreeze[0]);
    assert_int_equal(compat_levers_breaker(bench.levers, 0).violations, 0);
    interact(&bench, 0, 1, true, 0.5, 0.0); /* mean .7 of three */
    assert_close(compat_levers_breaker(bench.levers, 0).toxicity, 0.7, NEAR);
    for (uint32_t i = 0; i < 10; i++) /* the window holds ten */
        interact(&bench, 0, 1, true, 0.75, 0.0);
    assert_close(compat_levers_breaker(bench.levers, 0).toxicity, 0.25, NEAR);
    compat_levers_destroy(&bench.levers);
}

static void
staking(void **state)
{
    struct bench bench;

    (void)state;
    bench_init(&bench);
    bench.params.staking_enabled = true;
    bench.params.min_stake_to_participate = 10.0;
    bench_start(&bench, COMPAT_V1);
    bench.resources[1] = 10.0;
    assert_false(compat_levers_can_act(bench.levers, &bench.agents, 0));
    assert_true(compat_levers_can_act(bench.levers, &bench.agents, 1));
    assert_false(compat_levers_can_act(bench.levers, &bench.agents, AGENTS));
    assert_close(compat_stake_slash(&bench.params, -50.0), 5.0, NEAR); /* a gift to who is in debt */
    compat_levers_destroy(&bench.levers);
}

/* Ten accepted interactions of one pair under an equal tax that varies with p. Recorded without the costs their gains
 * are constant: risk .2. With them they move in step: .5. The detector sees the final ones, every epoch anew. */
static void
settled_costs(void **state)
{
    static const double want[2] = {0.2, 0.5};

    (void)state;
    for (uint32_t settle = 0; settle < 2; settle++) {
        struct bench bench;

        bench_init(&bench);
        bench.params.collusion_detection_enabled = true;
        bench.params.collusion_score_threshold = 0.45;
        bench.params.transaction_tax_rate = 0.1;
        bench_start(&bench, COMPAT_V1G);
        for (uint32_t i = 0; i < 10; i++) {
            interact(&bench, 0, 1, true, 0.5 + 0.05 * i, 0.0);
            if (settle)
                compat_levers_settle(bench.levers, bench.effect.cost_a, bench.effect.cost_b);
        }
        for (uint32_t number = 1; number <= 2; number++) {
            epoch(&bench, number);
            assert_close(compat_levers_collusion_risk(bench.levers, 0), want[settle], 1e-9);
            assert_close(bench.reputation_change[0], settle ? -0.5 : 0.0, 1e-9);
            assert_close(bench.resources_change[1], settle ? -5.0 : 0.0, 1e-9);
        }
        compat_levers_destroy(&bench.levers);
    }
}

/* Misuse 2 and 2 rejections of refused work: injection .7 at confidence .9, risk .63; with .6 it is quarantined. */
static void
quarantine(void **state)
{
    struct compat_interaction attack = {.initiator = 3, .counterparty = 0, .p = 0.5, .seen.misuse = 2,
                                        .seen.rejections = 2};
    struct bench bench;

    (void)state;
    bench_init(&bench);
    bench.params.security_enabled = true;
    bench.params.security_min_interactions = 1;
    bench.params.security_quarantine_threshold = 0.6;
    bench.params.security_clear_history_on_epoch = true;
    bench.params.security_realtime_penalty = true;
    bench_start(&bench, COMPAT_V1);
    bench_clear(&bench);
    compat_levers_interaction(bench.levers, &attack, &bench.effect);
    assert_close(bench.effect.cost_a, 0.14, NEAR); /* .2 x .7 */
    assert_close(bench.effect.cost_b, 0.07, NEAR);
    epoch(&bench, 1);
    assert_true(bench.freeze[3]);
    assert_close(bench.reputation_change[3], -0.63, NEAR);
    assert_close(bench.resources_change[3], -3.15, NEAR);
    assert_false(compat_levers_can_act(bench.levers, &bench.agents, 3));
    assert_true(compat_levers_can_act(bench.levers, &bench.agents, 0));
    epoch(&bench, 2); /* forgotten, but not forgiven */
    assert_false(bench.freeze[3]);
    assert_false(compat_levers_can_act(bench.levers, &bench.agents, 3));
    bench_clear(&bench);
    compat_levers_interaction(bench.levers, &attack, &bench.effect);
    assert_close(bench.effect.cost_a, 0.2 * (0.7 + 0.3 * 0.63), NEAR);
    compat_levers_destroy(&bench.levers);
}

/* ---- as bytes ---- */

static void
run_on(struct bench *self, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        interact(self, i % AGENTS, (i + 1 + i / 7 % 3) % AGENTS, i % 5 != 0, 0.05 + 0.01 * (i % 90), 0.1 * (i % 3));
        compat_levers_settle(self->levers, self->effect.cost_a, self->effect.cost_b);
        if (i % 500 == 0)
            epoch(self, i / 500);
    }
}

static void
start_busy(struct bench *self)
{
    bench_init(self);
    self->params.collusion_detection_enabled = self->params.security_enabled = true;
    self->params.security_clear_history_on_epoch = true;
    self->params.circuit_breaker_enabled = true;
    self->params.transaction_tax_rate = 0.1;
    bench_start(self, COMPAT_V1G);
}

/* 3,000 interactions at once, and the same with everything handed to other levers after 1,700. */
static void
save_and_load(void **state)
{
    struct buffer half = {0}, whole = {0}, other = {0};
    struct bench bench, second;
    struct why why = {0};

    (void)state;
    start_busy(&bench);
    run_on(&bench, 0, 1700);
    compat_levers_save(bench.levers, &half);
    run_on(&bench, 1700, 3000);
    compat_levers_save(bench.levers, &whole);
    assert_true(whole.size > 3000 * sizeof(struct detect_interaction)); /* the history is never cleared */
    start_busy(&second);
    run_on(&second, 0, 10); /* what it held is replaced */
    if (compat_levers_load(second.levers, half.data, half.size, &why) != 0)
        fail_msg("%s", why.text);
    run_on(&second, 1700, 3000);
    compat_levers_save(second.levers, &other);
    assert_int_equal(whole.size, other.size);
    assert_memory_equal(whole.data, other.data, whole.size);
    compat_levers_destroy(&bench.levers);
    compat_levers_destroy(&second.levers);
    buffer_fini(&half);
    buffer_fini(&whole);
    buffer_fini(&other);
}

/* Bytes that are not what they claim to be are refused and change nothing. */
static void
hostile_bytes(void **state)
{
    struct buffer good = {0}, after = {0};
    struct bench bench;
    struct why why = {0};

    (void)state;
    start_busy(&bench);
    run_on(&bench, 0, 20);
    compat_levers_save(bench.levers, &good);
    for (size_t size = 0; size < good.size; size++)
        assert_int_equal(compat_levers_load(bench.levers, good.data, size, &why), ERR_FORMAT);
    for (size_t word = 0; word + 8 <= good.size; word += 8) {
        uint64_t kept, absurd = UINT64_MAX;
        bool head = word < 40;

        memcpy(&kept, good.data + word, 8);
        memcpy(good.data + word, &absurd, 8);
        if (head)
            assert_int_equal(compat_levers_load(bench.levers, good.data, good.size, &why), ERR_FORMAT);
        memcpy(good.data + word, &kept, 8);
    }
    memcpy(good.data + good.size - sizeof(struct detect_interaction), &(uint32_t){AGENTS}, 4); /* an initiator */
    assert_int_equal(compat_levers_load(bench.levers, good.data, good.size, &why), ERR_FORMAT);
    assert_non_null(strstr(why.text, "interaction 19"));
    compat_levers_save(bench.levers, &after);
    assert_int_equal(after.size, good.size);
    assert_memory_equal(after.data, good.data, good.size - sizeof(struct detect_interaction));
    compat_levers_destroy(&bench.levers);
    buffer_fini(&good);
    buffer_fini(&after);
}

static const struct test_case cases[] = {
    {"parameters are checked by name", parameters},
    {"the circuit breaker freezes, thaws and remembers", breaker},
    {"who holds too little may not act", staking},
    {"collusion sees the final costs", settled_costs},
    {"quarantine is for ever", quarantine},
    {"saved levers go on as if nothing had been", save_and_load},
    {"hostile bytes are refused", hostile_bytes},
};

int
main(void)
{
    return TEST_ROWS("compat levers, one interaction", rows, one) + TEST_CASES("compat levers", cases);
}
