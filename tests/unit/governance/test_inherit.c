/* Governance of a fork: what its levers take over, and how a court is brought to where the fork begins. */
#include "bus/actor.h"
#include "bus/outbox.h"
#include "governance/court.h"
#include "proto/envelope.h"

#include "tests/unit/governance/docket_case.h"

#define HISTORY 40u
#define MORE 30u
#define RUN 9u

/* Two dockets a step, an opening every eighth. */
static void
write_random(uint32_t i, struct buffer *out)
{
    struct rng rng = rng_make(11, STREAM_TEST, i, 2);
    struct case_row rows[32];
    struct case_action actions[32];
    struct case_docket docket = case_random(&rng, rows, actions, i % 8 == 0 ? (int64_t)(i / 8) : -1);

    buffer_clear(out);
    case_write(&docket, out);
}

/* Judges docket i; the verdict, with tag 0, replaces `verdict`. */
static void
judge(struct engine *engine, uint32_t i, struct buffer *verdict)
{
    struct buffer bytes = {0};
    struct batch docket;
    struct why why = {0};

    write_random(i, &bytes);
    buffer_clear(verdict);
    assert_int_equal(batch_read(&schema_sandbox_docket, bytes.data, bytes.size, &docket, &why), 0);
    assert_int_equal(engine_judge(engine, 1 + i / 2, i % 2, &docket, 0, verdict, &why), 0);
    buffer_fini(&bytes);
}

static struct engine *
grown(const char *section)
{
    struct engine *engine = case_engine(section, 5, CASE_AGENTS);
    struct buffer verdict = {0};

    for (uint32_t i = 1; i <= HISTORY; i++)
        judge(engine, i, &verdict);
    buffer_fini(&verdict);
    return engine;
}

/* Whether two engines judge the same from here on. */
static bool
judge_alike(struct engine *a, struct engine *b)
{
    struct buffer left = {0}, right = {0};
    bool alike = true;

    for (uint32_t i = HISTORY + 1; i <= HISTORY + MORE && alike; i++) {
        judge(a, i, &left);
        judge(b, i, &right);
        alike = left.size == right.size && memcmp(left.data, right.data, left.size) == 0;
    }
    buffer_fini(&left);
    buffer_fini(&right);
    return alike;
}

/* circuit_breaker and bandwidth_cap remember agents; reputation_decay has no state. */
#define BREAKER "circuit_breaker: {threshold: 0.3, violations: 1, min_sample: 1}\n"
#define CAP "bandwidth_cap: {max_actions: 3}\n"

static const struct row {
    const char *name, *parent, *child;
    bool keeps; /* the child goes on as the parent does; else its lever knows nothing */
} rows[] = {
    {"the same levers keep their state", BREAKER CAP, BREAKER CAP, true},
    {"in another order, too", BREAKER, BREAKER "reputation_decay: {rate: 1}\n", true},
    {"other parameters begin anew", BREAKER, "circuit_breaker: {threshold: 0.3, violations: 1, min_sample: 2}\n",
        false},
    {"a new lever begins anew", "reputation_decay: {rate: 1}\n", BREAKER, false},
};

/* Whether any byte of the first lever's state is set: behind the head (64 bytes), its name (32) and a size (8). */
static bool
has_state(const struct buffer *saved)
{
    uint64_t size = bytes_get_u64(saved->data + 96);

    assert_true(size > 0 && saved->size >= 104 + size);
    for (uint64_t i = 0; i < size; i++)
        if (saved->data[104 + i] != 0)
            return true;
    return false;
}

static void
inherits(void **state)
{
    const struct row *row = *state;
    struct engine *parent = grown(row->parent), *child = case_engine(row->child, 5, CASE_AGENTS);
    struct engine *fresh = case_engine(row->child, 5, CASE_AGENTS), *long_lived = grown(row->child);
    uint8_t a[FOLD_SIZE], b[FOLD_SIZE];
    struct buffer saved = {0};

    engine_inherit(child, parent);
    assert_int_equal(engine_step(child), engine_step(parent));
    assert_int_equal(engine_phase(child), engine_phase(parent));
    if (strcmp(row->parent, row->child) == 0) {
        engine_digest(child, a);
        engine_digest(parent, b);
        assert_memory_equal(a, b, FOLD_SIZE);
    }
    assert_false(judge_alike(fresh, long_lived)); /* the state matters */
    engine_destroy(&fresh);
    engine_destroy(&long_lived);
    long_lived = grown(row->child);
    engine_save(child, &saved);
    assert_int_equal(has_state(&saved), row->keeps);
    assert_int_equal(judge_alike(child, long_lived), row->keeps);
    buffer_fini(&saved);
    engine_destroy(&parent);
    engine_destroy(&child);
    engine_destroy(&long_lived);
}

static void
quotes_are_the_openings(void **state)
{
    static const char section[] = "transaction_tax: {rate: 0.07}\nrandom_audit: {prob: 0.3}\nstaking: {min_stake: 4}\n";
    struct engine *engine = case_engine(section, 5, CASE_AGENTS);
    double quotes[QUOTE_GOVERNANCE_END];
    struct buffer verdict = {0};
    struct batch batch;
    struct why why = {0};

    (void)state;
    judge(engine, 8, &verdict); /* an opening */
    assert_int_equal(batch_read(&schema_sandbox_verdict, verdict.data, verdict.size, &batch, &why), 0);
    assert_int_equal(batch.count[VERDICT_QUOTE], QUOTE_GOVERNANCE_END);
    engine_quotes(engine, quotes);
    for (uint32_t i = 0; i < QUOTE_GOVERNANCE_END; i++)
        assert_close(quotes[i], batch_f64(&batch, VERDICT_quote, i), 0.0);
    assert_close(quotes[QUOTE_TAX_RATE], 0.07, 0.0);
    assert_close(quotes[QUOTE_STAKE_REQUIRED], 4.0, 0.0);
    buffer_fini(&verdict);
    engine_destroy(&engine);
}

/* ---- the court of a fork ---- */

struct desk {
    struct courthouse *court;
    struct actor actor;
    struct outbox out;
};

/* Hands in a message; returns the type of the one answer, 0 for none. */
static uint32_t
tell(struct desk *self, enum message_type type, const void *message, uint32_t run, struct court_ready *ready)
{
    struct outbox_parcel answer = {0};
    struct buffer payload = {0};
    struct letter letter = {.channel = CHANNEL_DATA, .peer = PEER_WORLD};
    struct why why = {0};

    message_pack(type, message, &payload);
    letter.head = (struct envelope){.type = (uint16_t)type, .run = run, .epoch = 1, .payload_size =
        (uint32_t)payload.size, .payload_hash = digest_xxh3(payload.data, payload.size)};
    letter.payload = payload.data;
    letter.size = payload.size;
    self->actor.receive(self->actor.self, 1, &letter, &self->out);
    buffer_fini(&payload);
    if (!outbox_queue_pop(&self->out.queue, &answer))
        return 0;
    if (answer.head.type == MSG_COURT_READY && ready != NULL)
        assert_int_equal(message_unpack(MSG_COURT_READY, answer.bytes, answer.size, ready, &why), 0);
    if (answer.head.type == MSG_COURT_READY && ready != NULL)
        ready->digest.data = NULL; /* dies with the answer */
    free(answer.bytes);
    return answer.head.type;
}

static const struct court_row {
    const char *name;
    uint32_t piece, run, leave_out; /* bytes a piece; of which run they are; pieces left out at the end */
    uint32_t want;
} court_rows[] = {
    {"in one piece", 1000000, RUN, 0, MSG_COURT_READY},
    {"in pieces", 64, RUN, 0, MSG_COURT_READY},
    {"a piece is missing", 64, RUN, 1, MSG_NACK},
    {"pieces of another run", 64, RUN + 1, 0, MSG_NACK},
};

static void
courts(void **state)
{
    const struct court_row *row = *state;
    struct engine *parent = grown(BREAKER);
    struct buffer saved = {0};
    struct desk desk = {.court = court_new()};
    struct court court = {.seed = 5, .domain = "sandbox", .agents = CASE_AGENTS, .step = 1 + HISTORY / 2,
        .yaml = {(const uint8_t *)BREAKER, (uint32_t)strlen(BREAKER)}};
    struct court_ready ready = {0};

    court_actor(desk.court, &desk.actor);
    outbox_init(&desk.out);
    engine_save(parent, &saved);
    court.base = saved.size;
    for (uint64_t at = 0; at + (uint64_t)row->leave_out * row->piece < saved.size; at += row->piece) {
        uint64_t left = saved.size - at;
        struct court_base piece = {.size = saved.size, .offset = at,
            .bytes = {saved.data + at, (uint32_t)(left < row->piece ? left : row->piece)}};

        assert_int_equal(tell(&desk, MSG_COURT_BASE, &piece, row->run, NULL), 0);
    }
    assert_int_equal(tell(&desk, MSG_COURT, &court, RUN, &ready), row->want);
    if (row->want == MSG_COURT_READY)
        assert_int_equal(ready.step, engine_step(parent));
    outbox_fini(&desk.out);
    court_destroy(&desk.court);
    buffer_fini(&saved);
    engine_destroy(&parent);
}

/* A piece that does not follow is refused. */
static void
gaps_are_refused(void **state)
{
    struct desk desk = {.court = court_new()};
    struct court_base piece = {.size = 100, .offset = 10, .bytes = {(const uint8_t *)"0123456789", 10}};

    (void)state;
    court_actor(desk.court, &desk.actor);
    outbox_init(&desk.out);
    assert_int_equal(tell(&desk, MSG_COURT_BASE, &piece, RUN, NULL), MSG_NACK);
    piece.offset = 0;
    assert_int_equal(tell(&desk, MSG_COURT_BASE, &piece, RUN, NULL), 0);
    piece.offset = 20;
    assert_int_equal(tell(&desk, MSG_COURT_BASE, &piece, RUN, NULL), MSG_NACK);
    piece = (struct court_base){.size = 5, .offset = 0, .bytes = {(const uint8_t *)"0123456789", 10}};
    assert_int_equal(tell(&desk, MSG_COURT_BASE, &piece, RUN, NULL), MSG_NACK); /* more than the whole */
    outbox_fini(&desk.out);
    court_destroy(&desk.court);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"quotes are those of an opening", quotes_are_the_openings}, {"gaps are refused", gaps_are_refused}};

    return TEST_ROWS("engine_inherit", rows, inherits) + TEST_ROWS("court_base", court_rows, courts) +
           TEST_CASES("inherit", cases);
}
