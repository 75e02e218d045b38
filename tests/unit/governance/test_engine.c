/* The engine: order of dockets, digests, saving, and dockets that lie. */
#include "tests/unit/governance/docket_case.h"

#define HISTORY 60u

static void
assert_same_state(const struct engine *a, const struct engine *b)
{
    uint8_t digest_a[FOLD_SIZE], digest_b[FOLD_SIZE];

    engine_digest(a, digest_a);
    engine_digest(b, digest_b);
    assert_memory_equal(digest_a, digest_b, FOLD_SIZE);
}

/* Docket `i` of a history: 1 to 3 dockets a step, an opening every 5 steps. */
struct place {
    uint64_t step;
    uint32_t phase;
    int64_t epoch;
};

static struct place
place_of(uint32_t i)
{
    uint64_t step = 1 + i / 2;

    return (struct place){.step = step, .phase = i % 2 == 0 ? 1 : 4, .epoch = i % 10 == 0 ? (int64_t)(i / 10) : -1};
}

static void
judge_random(struct engine *engine, uint64_t seed, uint32_t i, struct case_verdict *verdict)
{
    struct rng rng = rng_make(seed, STREAM_TEST, i, 1);
    struct case_row rows[32];
    struct case_action actions[32];
    struct place place = place_of(i);
    struct case_docket docket = case_random(&rng, rows, actions, place.epoch);

    case_judge(engine, place.step, place.phase, &docket, verdict);
}

/* The property: saved and loaded at any point, an engine goes on as if nothing had happened. */
static void
save_and_load_with(const char *section, uint64_t seeds)
{
    for (uint64_t seed = 0; seed < seeds; seed++) {
        struct engine *straight = case_engine(section, seed, CASE_AGENTS);
        struct case_verdict a = {0}, b = {0};
        uint32_t effects = 0;

        for (uint32_t i = 0; i < HISTORY; i++) {
            struct engine *again = case_engine(section, seed, CASE_AGENTS);
            struct buffer saved = {0};
            struct why why = {0};

            engine_save(straight, &saved);
            assert_int_equal(engine_load(again, saved.data, saved.size, &why), 0);
            assert_same_state(straight, again);
            judge_random(straight, seed, i, &a);
            judge_random(again, seed, i, &b);
            if (a.bytes.size != b.bytes.size || memcmp(a.bytes.data, b.bytes.data, a.bytes.size) != 0)
                print_error("seed %u docket %u\n", (unsigned)seed, i);
            assert_int_equal(a.bytes.size, b.bytes.size);
            assert_memory_equal(a.bytes.data, b.bytes.data, a.bytes.size);
            assert_same_state(straight, again);
            effects += a.batch.count[VERDICT_EFFECT];
            buffer_fini(&saved);
            engine_destroy(&again);
        }
        assert_true(effects > 20); /* it was worth looking at */
        engine_destroy(&straight);
        buffer_fini(&a.bytes);
        buffer_fini(&b.bytes);
    }
}

static void
save_and_load(void **state)
{
    (void)state;
    save_and_load_with(CASE_ALL, 20);
    save_and_load_with(CASE_MORE, 20);
}

/* Any single bit of a saved state that is turned is refused or changes the digest; cut ones are refused. */
static void
load_refuses(void **state)
{
    struct engine *engine = case_engine(CASE_MORE, 3, CASE_AGENTS);
    struct engine *other = case_engine(CASE_MORE, 3, CASE_AGENTS);
    struct case_verdict verdict = {0};
    struct buffer saved = {0};
    struct why why = {0};

    (void)state;
    for (uint32_t i = 0; i < 12; i++)
        judge_random(engine, 3, i, &verdict);
    engine_save(engine, &saved);
    assert_int_equal(saved.data[48], 1); /* the controller has tuned the audit */
    for (size_t cut = 0; cut < saved.size; cut++)
        assert_int_not_equal(engine_load(other, saved.data, cut, &why), 0);
    saved.data[4] ^= 2;
    assert_int_equal(engine_load(other, saved.data, saved.size, &why), ERR_VERSION);
    saved.data[4] ^= 2;
    saved.data[8] ^= 1; /* the seed */
    assert_int_equal(engine_load(other, saved.data, saved.size, &why), ERR_STATE);
    saved.data[8] ^= 1;
    saved.data[64] ^= 1; /* the first lever's name */
    assert_int_equal(engine_load(other, saved.data, saved.size, &why), ERR_FORMAT);
    saved.data[64] ^= 1;
    saved.data[saved.size - 1] = 0x7f; /* the audit's probability: beyond all bounds */
    assert_int_equal(engine_load(other, saved.data, saved.size, &why), ERR_FORMAT);
    assert_int_equal(engine_step(other), 0); /* nothing has changed so far */
    buffer_clear(&saved);
    engine_save(engine, &saved);
    assert_int_equal(engine_load(other, saved.data, saved.size, &why), 0);
    assert_same_state(engine, other);
    buffer_fini(&saved);
    buffer_fini(&verdict.bytes);
    engine_destroy(&engine);
    engine_destroy(&other);
}

static const struct order_row {
    const char *name;
    uint64_t step;
    uint32_t phase;
    int want;
} order_rows[] = {
    {"the next phase", 5, 3, 0},
    {"a later step, any phase", 7, 0, 0},
    {"the same again", 5, 2, ERR_STATE},
    {"an earlier phase", 5, 1, ERR_STATE},
    {"an earlier step", 4, 9, ERR_STATE},
    {"no step at all", 0, 9, ERR_STATE},
    {"a step beyond what random numbers are keyed by", UINT64_C(1) << 48, 0, ERR_STATE},
};

static void
order(void **state)
{
    const struct order_row *row = *state;
    struct engine *engine = case_engine(CASE_ALL, 3, CASE_AGENTS);
    struct case_verdict verdict = {0};
    struct buffer bytes = {0};
    struct batch docket;
    struct why why = {0};
    uint8_t before[FOLD_SIZE], after[FOLD_SIZE];

    case_judge(engine, 5, 2, &(struct case_docket){.epoch = 0}, &verdict);
    engine_digest(engine, before);
    case_write(&(struct case_docket){.epoch = -1}, &bytes);
    assert_int_equal(batch_read(&schema_sandbox_docket, bytes.data, bytes.size, &docket, &why), 0);
    assert_int_equal(engine_judge(engine, row->step, row->phase, &docket, 0, NULL, &why), row->want);
    engine_digest(engine, after);
    if (row->want != 0)
        assert_memory_equal(before, after, FOLD_SIZE);
    buffer_fini(&bytes);
    buffer_fini(&verdict.bytes);
    engine_destroy(&engine);
}

/* ---- dockets with impossible values ---- */

static const struct hostile_row {
    const char *name;
    struct case_row in;
    struct case_action action;
    int64_t epoch;
    uint32_t agents;
    double p;
} hostile_rows[] = {
    {"an initiator that does not exist", .in = {.initiator = CASE_AGENTS}, .epoch = -1},
    {"a counterparty that does not exist", .in = {.counterparty = 1000000}, .epoch = -1},
    {"an actor that does not exist", .action = {.actor = CASE_AGENTS}, .epoch = -1},
    {"a label that is no number", .in = {.p = __builtin_nan("")}, .epoch = -1},
    {"a label above one", .in = {.p = 1.5}, .epoch = -1},
    {"a transfer beyond all money", .in = {.transfer = INT64_MIN}, .epoch = -1},
    {"a verb that does not exist", .action = {.verb = (enum sandbox_verb)200}, .epoch = -1},
    {"an opening for too few agents", .epoch = 0, .agents = CASE_AGENTS - 1},
    {"an opening for too many agents", .epoch = 0, .agents = CASE_AGENTS + 1},
};

static void
hostile(void **state)
{
    const struct hostile_row *row = *state;
    struct engine *engine = case_engine(CASE_ALL, 3, CASE_AGENTS);
    struct case_docket docket = {.rows = &row->in, .row_count = 1, .actions = &row->action, .action_count = 1,
        .epoch = row->epoch, .agents = row->agents};
    struct buffer bytes = {0};
    struct batch batch;
    struct why why = {0};
    uint8_t before[FOLD_SIZE], after[FOLD_SIZE];

    engine_digest(engine, before);
    case_write(&docket, &bytes);
    assert_int_equal(batch_read(&schema_sandbox_docket, bytes.data, bytes.size, &batch, &why), 0);
    assert_int_equal(engine_judge(engine, 1, 0, &batch, 0, NULL, &why), ERR_INVALID);
    assert_true(why.text[0] != '\0');
    engine_digest(engine, after);
    assert_memory_equal(before, after, FOLD_SIZE);
    buffer_fini(&bytes);
    engine_destroy(&engine);
}

/* Levers run by (stage, name) whatever the scenario's order; the order only numbers the reasons. */
static void
composition(void **state)
{
    struct engine *a = case_engine("staking: 1000\nbandwidth_cap: 0", 1, CASE_AGENTS);
    struct engine *b = case_engine("bandwidth_cap: 0\nstaking: 1000", 1, CASE_AGENTS);
    struct case_row row = {0, 1, true, 0, 0.5, 1, 0};
    struct case_docket docket = {.rows = &row, .row_count = 1, .epoch = -1};
    struct case_verdict v = {0};

    (void)state;
    assert_string_equal(engine_lever_name(a, 0), "staking");
    case_judge(a, 1, 0, &docket, &v);
    assert_int_equal(batch_u8(&v.batch, VERDICT_reason, 0), REFUSAL_LEVER + 1); /* the cap comes first: b < s */
    case_judge(b, 1, 0, &docket, &v);
    assert_int_equal(batch_u8(&v.batch, VERDICT_reason, 0), REFUSAL_LEVER);
    buffer_fini(&v.bytes);
    engine_destroy(&a);
    engine_destroy(&b);
}

/* A digest is for ever: histories of today's levers end here on every machine. */
static void
digest_is_stable(void **state)
{
    struct engine *engine = case_engine(CASE_ALL, 42, CASE_AGENTS);
    struct case_verdict verdict = {0};
    uint8_t digest[FOLD_SIZE];
    char text[2 * FOLD_SIZE + 1];

    (void)state;
    for (uint32_t i = 0; i < HISTORY; i++)
        judge_random(engine, 42, i, &verdict);
    engine_digest(engine, digest);
    assert_string_equal(digest_hex(digest, FOLD_SIZE, text), "7895f046eb2bbb3cb41ed3e0346783d8");
    buffer_fini(&verdict.bytes);
    engine_destroy(&engine);
}

static void
too_many_agents(void **state)
{
    struct engine *engine = NULL;
    struct why why = {0};

    (void)state;
    assert_int_equal(engine_new(NULL, 1, ENGINE_AGENTS_MAX + 1, &engine, &why), ERR_LIMIT);
    assert_null(engine);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"saved and loaded anywhere, it goes on the same", save_and_load},
        {"what is not a saved state of this run is refused", load_refuses},
        {"levers run by stage and name", composition},
        {"the digest is the same everywhere", digest_is_stable},
        {"more agents than it can watch are refused", too_many_agents},
    };

    return TEST_ROWS("engine_order", order_rows, order) + TEST_ROWS("engine_hostile", hostile_rows, hostile) +
        TEST_CASES("engine", cases);
}
