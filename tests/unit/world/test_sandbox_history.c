/* tests/unit/world/test_sandbox_history.c - properties of the whole domain on seeded random histories: invariants
 * after every step, the same digest whatever the chunks, snapshots that go on like the original. */
#include "tests/unit/world/sandbox_driver.h"

#include <stdlib.h>

static const char *const agents =
    "agents:\n"
    "- {type: honest, count: 7, role: worker}\n"
    "- {type: opportunistic, count: 5, role: verifier, params: {threshold: 0.1}}\n"
    "- {type: deceptive, count: 4, role: planner}\n"
    "- {type: honest, count: 3, role: poster}\n"
    "- {type: adversarial, count: 2, role: moderator, initial_resources: 1}\n";
/* In scenarios that follow a word some of them ask models. */
static const char *const agents_with_models =
    "agents:\n"
    "- {type: llm, count: 9, role: worker, params: {max_taint: 2}}\n"
    "- {type: honest, count: 5, role: verifier}\n"
    "- {type: llm, count: 5, role: poster}\n"
    "- {type: adversarial, count: 2, role: moderator}\n";

static char *
scenario(bool levers, const char *turns, const char *sandbox)
{
    static char text[4096];

    snprintf(text, sizeof text, "%ssimulation: {epochs: 5, steps_per_epoch: 4, turns: %s}\nsandbox: %s\n%s",
             strstr(sandbox, "words") != NULL ? agents_with_models : agents, turns, sandbox,
             levers ? "governance: {transaction_tax: {rate: 0.1}, circuit_breaker: {}}\n" : "");
    return text;
}

/* Any of the visible ids, or nonsense now and then. */
static uint32_t
any_of(const struct batch *seen, uint32_t column, uint32_t count, struct rng *rng)
{
    if (count == 0 || rng_chance(rng, 0.1))
        return rng_chance(rng, 0.5) ? rng_below(rng, 300) : rng_u32(rng);
    return batch_u32(seen, column, rng_below(rng, count));
}

static void
mind_wildly(struct rng *rng, struct driver_mind *out)
{
    *out = (struct driver_mind){.mind = rng_below(rng, SANDBOX_MINDS), .signs = rng_below(rng, 16),
        .taint = rng_below(rng, 256), .tokens = rng_u32(rng), .confidence = rng_real(rng)};
}

static void
answer_mind_wildly(struct driver *driver, const struct batch *seen, uint32_t row, struct driver_mind *out)
{
    struct rng rng = driver_rng(driver, batch_u32(seen, OFFERS_agent, row), 7);

    mind_wildly(&rng, out);
}

/* Does anything: sensible, hopeless, outside its role. */
static void
act_wildly(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    uint32_t task = batch_u32(seen, OBSERVE_task, row);

    (void)driver;
    out->verb = rng_below(rng, VERB_COUNT);
    out->value = rng_integer(rng, -1, 1);
    out->work = rng_real(rng);
    out->amount = rng_below(rng, 1000000);
    out->target = out->verb == VERB_REPLY || out->verb == VERB_VOTE
                      ? any_of(seen, OBSERVE_post, seen->count[ACT_POST], rng)
                  : out->verb == VERB_SUBMIT_WORK && rng_chance(rng, 0.9)
                      ? task
                      : any_of(seen, OBSERVE_task_id, seen->count[ACT_TASK], rng);
    if (rng_chance(rng, 0.8)) {
        uint32_t begin = batch_u32(seen, OBSERVE_candidates, row), end = batch_u32(seen, OBSERVE_candidates, row + 1);

        out->partner = begin == end || rng_chance(rng, 0.1) ? rng_below(rng, 30)
            : batch_u32(seen, OBSERVE_candidate, begin + rng_below(rng, end - begin));
        out->kind = rng_below(rng, INTERACTION_KINDS);
        out->effort = rng_real(rng);
        out->disguise = rng_real(rng);
        out->transfer = rng_chance(rng, 0.5) ? 0 : rng_integer(rng, -30000000, 30000000);
    }
    out->text_size = rng_below(rng, sizeof out->text);
    memcpy(out->text, rng_chance(rng, 0.5) ? "zebra" : "zebus", 5);
    mind_wildly(rng, &out->mind);
    memset(out->text, rng_chance(rng, 0.05) ? 0xff : 'a', out->text_size);
    out->memory_size = rng_below(rng, 64 + 1); /* sandbox.memory_max of a scenario that does not say */
    memset(out->memory, (int)rng_below(rng, 256), out->memory_size);
}

static bool
answer_wildly(struct driver *driver, const struct batch *seen, uint32_t offer, struct rng *rng)
{
    (void)driver;
    (void)seen;
    (void)offer;
    return rng_chance(rng, 0.7);
}

static void
judge_wildly(struct driver *driver, const struct batch *docket, struct batch_writer *w, struct rng *rng)
{
    for (uint32_t i = 0; i < docket->count[DOCKET_ROW]; i++) {
        bool allow = rng_chance(rng, 0.8);

        ((uint8_t *)batch_column(w, VERDICT_allow))[i] = allow;
        ((uint8_t *)batch_column(w, VERDICT_reason))[i] = allow ? 0 : (uint8_t)(REFUSAL_LEVER + rng_below(rng, 2));
        ((int64_t *)batch_column(w, VERDICT_cost_a))[i] =
            rng_chance(rng, 0.1) ? INT64_C(1000000000000000) : rng_below(rng, 900000);
        ((int64_t *)batch_column(w, VERDICT_cost_b))[i] = rng_below(rng, 900000);
        ((uint8_t *)batch_column(w, VERDICT_audit))[i] = (uint8_t)rng_below(rng, 4);
        ((double *)batch_column(w, VERDICT_reputation))[i] = rng_between(rng, -2, 2);
    }
    for (uint32_t i = 0; i < docket->count[DOCKET_ACTION]; i++) {
        bool allow = rng_chance(rng, 0.8);

        ((uint8_t *)batch_column(w, VERDICT_action_allow))[i] = allow;
        ((uint8_t *)batch_column(w, VERDICT_action_reason))[i] = allow ? 0 : REFUSAL_LEVER;
        ((double *)batch_column(w, VERDICT_action_weight))[i] = rng_between(rng, 0, 2);
        ((int64_t *)batch_column(w, VERDICT_action_cost))[i] = rng_below(rng, 900000);
    }
    for (uint32_t i = 0; i < driver->effects; i++) {
        uint32_t kind = rng_below(rng, EFFECT_NORM); /* rules come only where some were adopted */

        ((uint8_t *)batch_column(w, VERDICT_effect_kind))[i] = (uint8_t)kind;
        ((uint32_t *)batch_column(w, VERDICT_effect_agent))[i] =
            rng_chance(rng, 0.2) && kind != EFFECT_FREEZE ? SANDBOX_NOBODY : rng_below(rng, 21);
        ((uint8_t *)batch_column(w, VERDICT_effect_lever))[i] = (uint8_t)rng_below(rng, 2);
        ((int64_t *)batch_column(w, VERDICT_effect_amount))[i] =
            kind == EFFECT_FREEZE ? rng_below(rng, 6) : rng_below(rng, 9000000);
        ((double *)batch_column(w, VERDICT_effect_value))[i] = rng_between(rng, -1.5, 1.5);
    }
    if (docket->count[DOCKET_OPENING] > 0)
        for (uint32_t i = 0; i < QUOTE_GOVERNANCE_END; i++)
            ((double *)batch_column(w, VERDICT_quote))[i] =
                i == QUOTE_STAKE_REQUIRED ? rng_between(rng, 0, 5) : rng_real(rng);
}

static const struct row {
    const char *name;
    bool levers;
    const char *turns, *sandbox;
} rows[] = {
    {"simultaneous, nobody judges", false, "simultaneous", "{}"},
    {"simultaneous, judged", true, "simultaneous", "{}"},
    {"sequential, nobody judges", false, "sequential", "{}"},
    {"sequential, judged", true, "sequential", "{}"},
    {"narrow: tiny feed, pool and tables", true, "simultaneous",
     "{feed: {feed_capacity: 3, visible_posts: 2}, tasks: {capacity: 2, visible: 1, rate: 0.5}, "
      "trust_slots: 1, candidates: 1, "
     "memory_max: 0, rails: {max_interactions_per_step: 1, token_rate: 0.5, token_burst: 2, budget_per_epoch: 2}}"},
    {"narrow and sequential, dividend", true, "sequential",
     "{feed: {feed_capacity: 1}, trust_slots: 2, treasury: dividend, tasks: {deadline_epochs: 1, max_steps: 2}}"},
    {"poor: next to no money", true, "simultaneous",
     "{initial_resources: 0.5, payoff: {s_minus: 5, rho_a: 1, rho_b: 1}}"},
    {"models and a marked word", true, "simultaneous", "{words: {marker: zebra}}"},
    {"models one after the other, a tiny feed", false, "sequential",
     "{words: {marker: zebra}, feed: {feed_capacity: 3, visible_posts: 2}}"},
    {"models without a word, stories", false, "simultaneous", "{words: {}, discourse: {enabled: true, threads: true}}"},
};

static struct driver
wild(const struct row *row, uint64_t seed, uint32_t chunk)
{
    struct driver driver = {.seed = seed, .chunk = chunk, .act = act_wildly, .answer = answer_wildly,
                            .answer_mind = answer_mind_wildly, .judge = judge_wildly, .effects = 4};

    if (strstr(row->sandbox, "memory_max: 0") != NULL)
        driver.context = &driver; /* see act_small */
    driver_begin(&driver, scenario(row->levers, row->turns, row->sandbox));
    return driver;
}

static void
act_small(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    act_wildly(driver, seen, row, rng, out);
    out->memory_size = 0;
}

static struct driver
start(const struct row *row, uint64_t seed, uint32_t chunk)
{
    struct driver driver = wild(row, seed, chunk);

    if (driver.context != NULL)
        driver.act = act_small;
    driver.context = NULL;
    return driver;
}

static void
holds_and_repeats(void **state)
{
    const struct row *row = *state;

    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct driver a = start(row, seed, 0), b = start(row, seed, 1), c = start(row, seed, 3);
        char da[33], db[33], dc[33];

        for (uint32_t step = 0; step < 24; step++) {
            driver_step(&a);
            driver_step(&b);
            driver_step(&c);
            driver_digest(&a, da);
            driver_digest(&b, db);
            driver_digest(&c, dc);
            assert_string_equal(da, db);
            assert_string_equal(da, dc);
        }
        driver_end(&a);
        driver_end(&b);
        driver_end(&c);
    }
}

static void
snapshot_goes_on(void **state)
{
    const struct row *row = *state;

    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct driver a = start(row, seed, 0), b = start(row, seed, 0);
        struct buffer bytes = {0}, again = {0};
        struct why why = {0};
        char da[33], db[33];

        for (uint32_t step = 0; step < 10 + (uint32_t)seed; step++)
            driver_step(&a);
        domain_sandbox.save(a.self, &bytes);
        for (uint32_t step = 0; step < 3; step++)
            driver_step(&b); /* any other state */
        if (domain_sandbox.load(b.self, bytes.data, bytes.size, &why) != 0)
            fail_msg("%s", why.text);
        b.step = a.step;
        domain_sandbox.save(b.self, &again);
        assert_int_equal(bytes.size, again.size);
        assert_memory_equal(bytes.data, again.data, bytes.size);
        for (uint32_t step = 0; step < 9; step++) {
            driver_digest(&a, da);
            driver_digest(&b, db);
            assert_string_equal(da, db);
            driver_step(&a);
            driver_step(&b);
        }
        buffer_fini(&bytes);
        buffer_fini(&again);
        driver_end(&a);
        driver_end(&b);
    }
}

/* Damaged snapshots are refused, or load into a state whose invariants hold; nothing breaks. */
static void
snapshot_damaged(void **state)
{
    const struct row *row = *state;
    struct driver a = start(row, 5, 0);
    struct buffer bytes = {0};
    struct rng rng = rng_make(9, STREAM_TEST, 1, 1);
    uint32_t refused = 0;

    for (uint32_t step = 0; step < 7; step++)
        driver_step(&a);
    domain_sandbox.save(a.self, &bytes);
    for (uint32_t i = 0; i < 300; i++) {
        uint32_t at = rng_below(&rng, (uint32_t)bytes.size);
        size_t size = rng_chance(&rng, 0.2) ? at : bytes.size;
        uint8_t before = bytes.data[at];
        struct why why = {0};

        bytes.data[at] ^= (uint8_t)(1u << rng_below(&rng, 8));
        if (domain_sandbox.load(a.self, bytes.data, size, &why) != 0) {
            refused++;
            assert_int_equal(why.text[0] != '\0', 1);
        } else {
            assert_int_equal(domain_sandbox.check_invariants(a.self, &why), 0);
        }
        bytes.data[at] = before;
    }
    assert_true(refused > 50);
    buffer_fini(&bytes);
    driver_end(&a);
}

int
main(void)
{
    return TEST_ROWS("invariants and chunks", rows, holds_and_repeats) + TEST_ROWS("snapshot", rows, snapshot_goes_on) +
        TEST_ROWS("damaged snapshot", rows, snapshot_damaged);
}
