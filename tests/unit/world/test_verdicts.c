#include "world/verdicts.h"

#include "tests/unit/world/drill_case.h"
#include "world/record.h"

#define SEED 99u
#define STEPS 20u

/* A domain whose dockets and verdicts are the drill's asks and answers: three rows, agents 0 to 2. */
static int
check(const void *self, const struct exchange *exchange, uint32_t group, uint32_t first, uint32_t count,
      const struct batch *answer, struct why *why)
{
    (void)self;
    (void)exchange;
    (void)group;
    (void)first;
    return answer->count[0] == count ? 0 : fail(why, ERR_INVALID, "%u rows for %u", answer->count[0], count);
}

static const struct domain court_domain = {.name = "drill", .check = check};
static const struct exchange court_exchange = {.kind = EXCHANGE_GOVERNANCE, .name = "govern", .ask = &schema_drill_ask,
    .answer = &schema_drill_answer, .row_count = 3};

static struct buffer
docket_of(uint64_t step, uint32_t phase)
{
    struct buffer out = {0};
    struct batch_writer writer;
    uint32_t count = 3, *agent;
    double *level;

    batch_begin(&writer, &schema_drill_ask, &out, SEED, 0, &count);
    agent = batch_column(&writer, 0);
    level = batch_column(&writer, 1);
    for (uint32_t i = 0; i < count; i++) {
        agent[i] = i;
        level[i] = (double)step * 100.0 + phase * 10.0 + i;
    }
    return out;
}

static struct buffer
verdict_of(const struct buffer *docket)
{
    struct buffer out = {0};
    struct why why = {0};

    case_ok(drill_answer(docket->data, docket->size, digest_xxh3(docket->data, docket->size), 3, &out, &why), &why);
    return out;
}

/* Which phases of a step had dockets: none, phase 1, phases 1 and 3, by turns. */
static uint32_t
docket_count(uint64_t step)
{
    return (uint32_t)(step % 3);
}

struct bench {
    struct store *store;
    struct verdicts *verdicts;
    struct outbox out;
    struct peer peer;
    struct outbox_parcel sent[256];
    uint32_t sent_count, seen; /* parcels up to `seen` were looked at */
};

static void
commit_step(struct store *store, uint64_t number)
{
    struct store_step step = {.step = number};
    struct record_head header = {.step = number, .section_count = 2 * docket_count(number)};
    struct why why = {0};

    for (uint32_t d = 0; d < docket_count(number); d++) {
        uint32_t phase = 1 + 2 * d;
        struct buffer docket = docket_of(number, phase), verdict = verdict_of(&docket);

        record_put(&step.data, &(struct section){.kind = SECTION_DOCKET, .phase = phase, .slot = UINT32_MAX,
                                   .schema = 60000, .bytes = docket.data, .size = docket.size});
        record_put(&step.data, &(struct section){.kind = SECTION_VERDICT, .phase = phase, .slot = UINT32_MAX,
                                   .schema = 60001, .bytes = verdict.data, .size = verdict.size});
        buffer_fini(&docket);
        buffer_fini(&verdict);
    }
    header.data_size = step.data.size;
    record_head_write(&header, &step.header);
    case_ok(store_append(store, &step, &why), &why);
}

/* `step` is under way; those before it are committed. */
static struct bench *
bench_new(uint64_t step)
{
    struct bench *self = ALLOC(struct bench);
    struct store_options options = {.durability = STORE_NOSYNC, .no_thread = true};
    const char *folder = case_folder();
    struct why why = {0};

    case_ok(store_create(folder, "polis: 1\n", 9, &why), &why);
    case_ok(store_open(folder, &options, &self->store, &why), &why);
    for (uint64_t number = 1; number < step; number++)
        commit_step(self->store, number);
    self->verdicts = verdicts_new(&(struct verdicts_options){.seed = SEED, .domain = "drill", .agent_count = 3,
        .yaml = {(const uint8_t *)"tax: {}\n", 8}, .store = self->store, .tag = "world"});
    outbox_init(&self->out);
    self->peer = case_peer(1);
    verdicts_begin_step(self->verdicts, step);
    return self;
}

static void
bench_destroy(struct bench *self)
{
    struct why why = {0};

    for (uint32_t i = 0; i < self->sent_count; i++)
        free(self->sent[i].bytes);
    verdicts_destroy(&self->verdicts);
    outbox_fini(&self->out);
    case_ok(store_close(&self->store, &why), &why);
    free(self);
}

/* The next parcel for governance, or NULL. */
static const struct outbox_parcel *
bench_next(struct bench *self)
{
    assert_true(self->sent_count < 256);
    while (outbox_queue_pop(&self->out.queue, &self->sent[self->sent_count])) {
        assert_true(peer_equal(&self->sent[self->sent_count].to, &self->peer));
        assert_int_equal(self->sent[self->sent_count].channel, CHANNEL_DATA);
        self->sent_count++;
    }
    return self->seen < self->sent_count ? &self->sent[self->seen++] : NULL;
}

static int
bench_letter(struct bench *self, const struct envelope *head, const void *bytes, size_t size, struct why *why)
{
    struct letter letter = case_letter(&self->peer, head, bytes, size);

    return verdicts_letter(self->verdicts, &letter, &self->out, why);
}

static int
bench_message(struct bench *self, const struct envelope *fence, enum message_type type, const void *message,
              struct why *why)
{
    struct envelope head = fence != NULL ? *fence : (struct envelope){0};
    struct buffer bytes = {0};
    int error;

    head.type = (uint16_t)type;
    message_pack(type, message, &bytes);
    error = bench_letter(self, &head, bytes.data, bytes.size, why);
    buffer_fini(&bytes);
    return error;
}

static void
bench_ready(struct bench *self, uint64_t step)
{
    static const uint8_t digest[16] = {1};
    struct why why = {0};

    case_ok(bench_message(self, NULL, MSG_COURT_READY, &(struct court_ready){.step = step, .digest = {digest, 16}},
                          &why),
            &why);
}

static void
bench_credit(struct bench *self)
{
    struct why why = {0};

    case_ok(bench_message(self, NULL, MSG_CREDIT, &(struct credit){.chunks = 1}, &why), &why);
}

static void
expect_court(struct bench *self, uint64_t step)
{
    const struct outbox_parcel *parcel = bench_next(self);
    struct court court;
    struct why why = {0};

    assert_non_null(parcel);
    assert_int_equal(parcel->head.type, MSG_COURT);
    case_ok(message_unpack(MSG_COURT, parcel->bytes, parcel->size, &court, &why), &why);
    assert_int_equal(court.step, step);
    assert_int_equal(court.seed, SEED);
    assert_int_equal(court.agents, 3);
    assert_string_equal(court.domain, "drill");
    assert_int_equal(court.yaml.size, 8);
    assert_memory_equal(court.yaml.data, "tax: {}\n", 8);
}

static void
expect_docket(struct bench *self, uint64_t step, uint32_t phase, uint32_t attempt)
{
    const struct outbox_parcel *parcel = bench_next(self);
    struct buffer want = docket_of(step, phase);

    assert_non_null(parcel);
    assert_int_equal(parcel->head.type, MSG_DOCKET);
    assert_int_equal(parcel->head.step, step);
    assert_int_equal(parcel->head.phase, phase);
    assert_int_equal(parcel->head.attempt, attempt);
    assert_int_equal(parcel->size, want.size);
    assert_memory_equal(parcel->bytes, want.data, want.size);
    buffer_fini(&want);
}

static void
bench_ask(struct bench *self, uint64_t step, uint32_t phase)
{
    struct buffer docket = docket_of(step, phase);

    verdicts_ask(self->verdicts, &court_domain, NULL, &court_exchange, phase, &docket, &self->out);
    assert_null(docket.data);
}

static int
bench_verdict(struct bench *self, uint64_t step, uint32_t phase, struct why *why)
{
    struct buffer docket = docket_of(step, phase), verdict = verdict_of(&docket);
    int error = bench_letter(self, &(struct envelope){.type = MSG_VERDICT, .step = step, .phase = phase}, verdict.data,
                             verdict.size, why);

    buffer_fini(&docket);
    buffer_fini(&verdict);
    return error;
}

/* From absent to in session, with the state wanted: the dockets of the last step come again all the same. */
static void
bench_convene(struct bench *self, uint64_t step)
{
    verdicts_peer_up(self->verdicts, &self->peer, &self->out);
    expect_court(self, step - 1);
    bench_ready(self, step - 1);
    if (step > 1) {
        for (uint32_t i = 0; i < docket_count(step - 1); i++) {
            expect_docket(self, step - 1, 2 * i + 1, VERDICTS_CATCH_UP);
            bench_credit(self);
        }
        expect_court(self, step - 1);
        bench_ready(self, step - 1);
    }
    assert_true(verdicts_ready(self->verdicts));
}

/* ---- greeting ---- */

static void
greeted_and_in_session(void **state)
{
    struct bench *bench = bench_new(1);
    struct batch docket, verdict;
    struct blob docket_bytes, verdict_bytes;
    struct buffer want = docket_of(1, 1);
    struct why why = {0};

    (void)state;
    assert_false(verdicts_ready(bench->verdicts));
    bench_convene(bench, 1);
    bench_ask(bench, 1, 1);
    expect_docket(bench, 1, 1, 0);
    assert_false(verdicts_complete(bench->verdicts));
    case_ok(bench_verdict(bench, 1, 1, &why), &why);
    assert_true(verdicts_complete(bench->verdicts));
    verdicts_take(bench->verdicts, &docket, &docket_bytes, &verdict, &verdict_bytes);
    assert_int_equal(docket_bytes.size, want.size);
    assert_memory_equal(docket_bytes.data, want.data, want.size);
    assert_int_equal(verdict.tag, digest_xxh3(want.data, want.size));
    assert_int_equal(verdict.count[0], 3);
    bench_ask(bench, 1, 2); /* the next exchange of the step waits for its own */
    assert_false(verdicts_complete(bench->verdicts));
    verdicts_begin_step(bench->verdicts, 2);
    assert_true(verdicts_ready(bench->verdicts));
    buffer_fini(&want);
    bench_destroy(bench);
}

static void
a_docket_waits_for_governance(void **state)
{
    struct bench *bench = bench_new(1);

    (void)state;
    bench_ask(bench, 1, 1);
    assert_null(bench_next(bench));
    bench_convene(bench, 1);
    expect_docket(bench, 1, 1, 0);
    assert_null(bench_next(bench));
    bench_destroy(bench);
}

/* ---- catching up ---- */

/* The dockets of the log come in order, some at a time, from the step that governance names (it may have seen a part of
 * it); then COURT again. Step 20 has two, step 21 begins. */
static void
catches_up_from_the_log(void **state)
{
    const uint64_t *from = *state;
    struct bench *bench = bench_new(STEPS + 1);
    uint64_t step = *from > 0 ? *from : 1;
    uint32_t phase = 1, unanswered = 0, fed = 0, total = 0;

    for (uint64_t i = step; i <= STEPS; i++)
        total += docket_count(i);
    verdicts_peer_up(bench->verdicts, &bench->peer, &bench->out);
    expect_court(bench, STEPS);
    bench_ready(bench, *from);
    assert_false(verdicts_ready(bench->verdicts));
    while (fed < total) {
        const struct outbox_parcel *parcel;

        while (docket_count(step) < (phase + 1) / 2) {
            step++;
            phase = 1;
        }
        parcel = bench_next(bench);
        if (parcel != NULL) {
            bench->seen--;
            expect_docket(bench, step, phase, VERDICTS_CATCH_UP);
            phase += 2;
            unanswered++;
            fed++;
            assert_true(unanswered <= VERDICTS_WINDOW + 1);
        } else {
            assert_true(unanswered >= VERDICTS_WINDOW);
            bench_credit(bench);
            unanswered--;
        }
    }
    while (unanswered-- > 0) {
        assert_null(bench_next(bench));
        bench_credit(bench);
    }
    expect_court(bench, STEPS);
    bench_ready(bench, STEPS);
    assert_true(verdicts_ready(bench->verdicts));
    assert_int_equal(verdicts_counters(bench->verdicts).fed, total);
    bench_destroy(bench);
}

/* Step 18 and none other since 17 had a docket: governance says 17, and is there all the same. */
static void
steps_without_dockets_leave_no_state_behind(void **state)
{
    struct bench *bench = bench_new(19);

    (void)state;
    verdicts_peer_up(bench->verdicts, &bench->peer, &bench->out);
    expect_court(bench, 18);
    bench_ready(bench, 17);
    for (uint32_t i = 0; i < docket_count(17); i++) {
        expect_docket(bench, 17, 2 * i + 1, VERDICTS_CATCH_UP);
        bench_credit(bench);
    }
    expect_court(bench, 18);
    bench_ready(bench, 17);
    assert_true(verdicts_ready(bench->verdicts));
    bench_destroy(bench);
}

/* The log thread is behind: dockets of steps that are not committed yet are fed when they are. */
static void
feeding_waits_for_the_commit(void **state)
{
    struct bench *bench = bench_new(2);
    struct why why = {0};

    (void)state;
    verdicts_begin_step(bench->verdicts, 3); /* step 2 is made, not committed */
    verdicts_peer_up(bench->verdicts, &bench->peer, &bench->out);
    expect_court(bench, 2);
    bench_ready(bench, 0);
    expect_docket(bench, 1, 1, VERDICTS_CATCH_UP);
    bench_credit(bench);
    assert_null(bench_next(bench));
    case_ok(verdicts_committed(bench->verdicts, &bench->out, &why), &why);
    assert_null(bench_next(bench));
    commit_step(bench->store, 2);
    case_ok(verdicts_committed(bench->verdicts, &bench->out, &why), &why);
    expect_docket(bench, 2, 1, VERDICTS_CATCH_UP);
    expect_docket(bench, 2, 3, VERDICTS_CATCH_UP);
    bench_credit(bench);
    bench_credit(bench);
    expect_court(bench, 2);
    bench_ready(bench, 2);
    assert_true(verdicts_ready(bench->verdicts));
    bench_destroy(bench);
}

static void
dies_while_catching_up(void **state)
{
    struct bench *bench = bench_new(STEPS + 1);

    (void)state;
    verdicts_peer_up(bench->verdicts, &bench->peer, &bench->out);
    expect_court(bench, STEPS);
    bench_ready(bench, 0);
    while (bench_next(bench) != NULL)
        ;
    verdicts_peer_down(bench->verdicts, &bench->peer);
    bench->peer = case_peer(2);
    verdicts_peer_up(bench->verdicts, &bench->peer, &bench->out);
    expect_court(bench, STEPS);
    bench_ready(bench, 0);
    expect_docket(bench, 1, 1, VERDICTS_CATCH_UP);
    expect_docket(bench, 2, 1, VERDICTS_CATCH_UP);
    bench_destroy(bench);
}

/* ---- a restart in the middle of a step ---- */

static struct bench *
restarted_in_mid_step(void)
{
    struct bench *bench = bench_new(5);
    struct why why = {0};

    bench_convene(bench, 5);
    bench_ask(bench, 5, 1);
    expect_docket(bench, 5, 1, 0);
    case_ok(bench_verdict(bench, 5, 1, &why), &why);
    bench_ask(bench, 5, 3);
    expect_docket(bench, 5, 3, 0);
    verdicts_peer_down(bench->verdicts, &bench->peer);
    assert_false(verdicts_ready(bench->verdicts));
    bench->peer = case_peer(2);
    bench_convene(bench, 5);
    expect_docket(bench, 5, 1, 0);
    expect_docket(bench, 5, 3, 0);
    assert_null(bench_next(bench));
    assert_int_equal(verdicts_counters(bench->verdicts).again, 1);
    return bench;
}

static void
an_equal_verdict_is_welcome(void **state)
{
    struct bench *bench = restarted_in_mid_step();
    struct why why = {0};

    (void)state;
    case_ok(bench_verdict(bench, 5, 1, &why), &why);
    assert_false(verdicts_complete(bench->verdicts));
    case_ok(bench_verdict(bench, 5, 3, &why), &why);
    assert_true(verdicts_complete(bench->verdicts));
    assert_int_equal(verdicts_counters(bench->verdicts).answered, 2);
    bench_destroy(bench);
}

static void
another_verdict_is_a_contradiction(void **state)
{
    struct bench *bench = restarted_in_mid_step();
    struct buffer docket = docket_of(5, 1), verdict = verdict_of(&docket);
    struct why why = {0};

    (void)state;
    verdict.data[verdict.size - 1] ^= 1;
    assert_int_equal(bench_letter(bench, &(struct envelope){.type = MSG_VERDICT, .step = 5, .phase = 1}, verdict.data,
                                  verdict.size, &why), ERR_DIGEST);
    assert_non_null(strstr(why.text, "step 5, phase 1"));
    buffer_fini(&docket);
    buffer_fini(&verdict);
    bench_destroy(bench);
}

/* ---- what is not taken ---- */

enum spoil { SPOIL_NOTHING, SPOIL_PEER, SPOIL_STEP, SPOIL_PHASE, SPOIL_HASH, SPOIL_SESSION, SPOIL_TYPE, SPOIL_BYTES,
             SPOIL_ROWS, SPOIL_BOUND };

static const struct refused_row {
    const char *name;
    enum spoil spoil;
    int want;
    uint64_t stale;
} refused_rows[] = {
    {"a right one is taken", SPOIL_NOTHING, 0, 0},
    {"a stranger's is stale", SPOIL_PEER, 0, 1},
    {"another step's is stale", SPOIL_STEP, 0, 1},
    {"another phase's is stale", SPOIL_PHASE, 0, 1},
    {"another docket's is stale", SPOIL_HASH, 0, 1},
    {"one out of session is stale", SPOIL_SESSION, 0, 1},
    {"another message is stale", SPOIL_TYPE, 0, 1},
    {"broken bytes stop the run", SPOIL_BYTES, ERR_FORMAT, 0},
    {"a row too few stops the run", SPOIL_ROWS, ERR_INVALID, 0},
    {"a value out of its bounds stops the run", SPOIL_BOUND, ERR_INVALID, 0},
};

static struct buffer
spoiled_verdict(enum spoil spoil, const struct buffer *docket)
{
    struct buffer out = {0};
    struct batch_writer writer;
    uint32_t count = spoil == SPOIL_ROWS ? 2 : 3;
    double *move;

    batch_begin(&writer, &schema_drill_answer, &out, digest_xxh3(docket->data, docket->size) + (spoil == SPOIL_HASH), 0,
                &count);
    move = batch_column(&writer, 1);
    move[1] = spoil == SPOIL_BOUND ? -1e7 : 0.5;
    if (spoil == SPOIL_BYTES)
        out.size -= 3;
    return out;
}

static void
refused(void **state)
{
    const struct refused_row *row = *state;
    struct bench *bench = bench_new(3);
    struct buffer docket = docket_of(3, 1), verdict = spoiled_verdict(row->spoil, &docket);
    struct envelope head = {.type = row->spoil == SPOIL_TYPE ? MSG_ACTION : MSG_VERDICT,
        .step = row->spoil == SPOIL_STEP ? 2 : 3, .phase = row->spoil == SPOIL_PHASE ? 2 : 1};
    struct why why = {0};

    bench_convene(bench, 3);
    bench_ask(bench, 3, 1);
    if (row->spoil == SPOIL_SESSION)
        verdicts_peer_up(bench->verdicts, &bench->peer, &bench->out);
    if (row->spoil == SPOIL_PEER)
        bench->peer = case_peer(9);
    assert_int_equal(bench_letter(bench, &head, verdict.data, verdict.size, &why), row->want);
    assert_int_equal(verdicts_counters(bench->verdicts).stale, row->stale);
    assert_int_equal(verdicts_complete(bench->verdicts), row->spoil == SPOIL_NOTHING);
    buffer_fini(&docket);
    buffer_fini(&verdict);
    bench_destroy(bench);
}

static void
a_refusal_stops_the_run(void **state)
{
    struct bench *bench = bench_new(3);
    struct why why = {0};

    (void)state;
    bench_convene(bench, 3);
    bench_ask(bench, 3, 1);
    assert_int_equal(bench_message(bench, &(struct envelope){.step = 3, .phase = 1}, MSG_NACK,
                                   &(struct nack){.code = ERR_INVALID, .text = "no such agent"}, &why), ERR_STATE);
    assert_non_null(strstr(why.text, "step 3: no such agent"));
    bench_destroy(bench);
}

int
main(void)
{
    static const uint64_t from_genesis = 0, from_seven = 7, from_nineteen = 19;
    static const struct test_case cases[] = {
        {"greeted, and in session", greeted_and_in_session},
        {"a docket waits for governance", a_docket_waits_for_governance},
        {"steps without dockets leave no state behind", steps_without_dockets_leave_no_state_behind},
        {"feeding waits for the commit", feeding_waits_for_the_commit},
        {"dies while catching up", dies_while_catching_up},
        {"after a restart an equal verdict is welcome", an_equal_verdict_is_welcome},
        {"after a restart another verdict is a contradiction", another_verdict_is_a_contradiction},
        {"a refusal stops the run", a_refusal_stops_the_run},
    };
    static const struct CMUnitTest catch_up[] = {
        {"from genesis", catches_up_from_the_log, NULL, NULL, (void *)(uintptr_t)&from_genesis},
        {"from step 7", catches_up_from_the_log, NULL, NULL, (void *)(uintptr_t)&from_seven},
        {"from step 19", catches_up_from_the_log, NULL, NULL, (void *)(uintptr_t)&from_nineteen},
    };

    log_set_level(LOG_ERROR);
    return TEST_ROWS("refused", refused_rows, refused) + TEST_CASES("verdicts", cases) +
           cmocka_run_group_tests_name("catches up from the log", catch_up, NULL, NULL);
}
