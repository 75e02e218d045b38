/* The governance process, letter by letter: setting up, judging, repeating, catching up, refusing. */
#include "bus/actor.h"
#include "bus/outbox.h"
#include "governance/court.h"
#include "proto/envelope.h"

#include "tests/unit/governance/docket_case.h"

#define RUN 9u
#define HISTORY 40u

struct desk {
    struct courthouse *court;
    struct actor actor;
    struct outbox out;
    struct outbox_parcel answer; /* of the last tell(), its bytes owned */
};

static void
desk_init(struct desk *self)
{
    *self = (struct desk){.court = court_new()};
    court_actor(self->court, &self->actor);
    outbox_init(&self->out);
    self->actor.start(self->actor.self, 1, &self->out);
    assert_int_equal(self->out.queue.count, 0);
}

static void
desk_fini(struct desk *self)
{
    free(self->answer.bytes);
    outbox_fini(&self->out);
    court_destroy(&self->court);
}

/* Hands in a letter; returns the type of the one answer, 0 for none. */
static uint32_t
tell(struct desk *self, enum channel channel, struct envelope head, const struct buffer *payload)
{
    struct letter letter = {.channel = channel, .peer = PEER_WORLD, .payload = payload->data, .size = payload->size};

    head.payload_hash = digest_xxh3(payload->data, payload->size);
    head.payload_size = (uint32_t)payload->size;
    letter.head = head;
    free(self->answer.bytes);
    self->answer = (struct outbox_parcel){0};
    self->actor.receive(self->actor.self, 1, &letter, &self->out);
    assert_in_range(self->out.queue.count, 0, 1);
    if (!outbox_queue_pop(&self->out.queue, &self->answer))
        return 0;
    assert_true(peer_equal(&self->answer.to, &PEER_WORLD));
    assert_int_equal(self->answer.channel, channel);
    assert_int_equal(self->answer.head.step, head.step);
    assert_int_equal(self->answer.head.phase, head.phase);
    assert_int_equal(self->answer.head.attempt, head.attempt);
    assert_int_equal(self->answer.head.epoch, head.epoch);
    assert_int_equal(self->answer.head.run, head.run);
    return self->answer.head.type;
}

/* Sends COURT and returns the step that COURT_READY names, with the digest; UINT64_MAX for a refusal. */
static uint64_t
tell_court(struct desk *self, uint32_t epoch, uint64_t step, const char *yaml, uint8_t digest[FOLD_SIZE])
{
    struct court court = {.seed = 5, .domain = "sandbox", .agents = CASE_AGENTS, .step = step,
        .yaml = {(const uint8_t *)yaml, (uint32_t)strlen(yaml)}};
    struct court_ready ready;
    struct buffer payload = {0};
    struct why why = {0};
    uint32_t type;

    message_pack(MSG_COURT, &court, &payload);
    type = tell(self, CHANNEL_DATA, (struct envelope){.type = MSG_COURT, .run = RUN, .epoch = epoch}, &payload);
    buffer_fini(&payload);
    if (type == MSG_NACK)
        return UINT64_MAX;
    assert_int_equal(type, MSG_COURT_READY);
    assert_int_equal(message_unpack(MSG_COURT_READY, self->answer.bytes, self->answer.size, &ready, &why), 0);
    assert_int_equal(ready.digest.size, FOLD_SIZE);
    memcpy(digest, ready.digest.data, FOLD_SIZE);
    return ready.step;
}

static uint32_t
tell_docket(
    struct desk *self, uint32_t epoch, uint64_t step, uint32_t phase, uint32_t attempt, const struct buffer *docket)
{
    return tell(self, CHANNEL_DATA,
        (struct envelope){
            .type = MSG_DOCKET, .run = RUN, .epoch = epoch, .step = step, .phase = phase, .attempt = attempt},
        docket);
}

/* Docket `i` of a history: two a step. */
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

static void
judges_and_repeats(void **state)
{
    struct desk desk;
    struct buffer docket = {0}, other = {0};
    struct batch verdict;
    struct why why = {0};
    struct nack nack;
    uint8_t digest[FOLD_SIZE], again[FOLD_SIZE], *first;
    size_t first_size;

    (void)state;
    desk_init(&desk);
    write_random(0, &docket);
    write_random(1, &other);
    assert_int_equal(tell_docket(&desk, 1, 1, 0, 0, &docket), MSG_NACK); /* before COURT */
    assert_int_equal(tell_court(&desk, 1, 0, CASE_ALL, digest), 0);
    assert_int_equal(tell_docket(&desk, 1, 1, 0, 7, &docket), MSG_VERDICT);
    assert_int_equal(batch_read(&schema_sandbox_verdict, desk.answer.bytes, desk.answer.size, &verdict, &why), 0);
    assert_int_equal(verdict.tag, digest_xxh3(docket.data, docket.size));
    first = malloc(desk.answer.size);
    first_size = desk.answer.size;
    memcpy(first, desk.answer.bytes, first_size);
    /* Again, as another attempt: the same bytes, not folded twice. */
    assert_int_equal(tell_docket(&desk, 1, 1, 0, 8, &docket), MSG_VERDICT);
    assert_int_equal(desk.answer.size, first_size);
    assert_memory_equal(desk.answer.bytes, first, first_size);
    assert_int_equal(tell_court(&desk, 1, 1, CASE_ALL, digest), 1);
    assert_int_equal(tell_docket(&desk, 1, 1, 0, 9, &docket), MSG_VERDICT);
    assert_int_equal(tell_court(&desk, 1, 1, CASE_ALL, again), 1);
    assert_memory_equal(digest, again, FOLD_SIZE);
    /* Another docket in its place. */
    assert_int_equal(tell_docket(&desk, 1, 1, 0, 9, &other), MSG_NACK);
    assert_int_equal(message_unpack(MSG_NACK, desk.answer.bytes, desk.answer.size, &nack, &why), 0);
    assert_int_equal(nack.code, ERR_STATE);
    assert_int_equal(tell_docket(&desk, 1, 1, 3, 0, &other), MSG_VERDICT);
    assert_int_equal(tell_docket(&desk, 1, 1, 0, 0, &docket), MSG_NACK); /* no longer the last one */
    free(first);
    buffer_fini(&docket);
    buffer_fini(&other);
    desk_fini(&desk);
}

/* The property: whoever catches up at any point is where one is who was always there, and stays there. */
static void
catches_up(void **state)
{
    struct desk straight;
    struct buffer docket = {0};
    uint8_t wanted[FOLD_SIZE], reached[FOLD_SIZE];

    (void)state;
    desk_init(&straight);
    assert_int_equal(tell_court(&straight, 1, 0, CASE_ALL, wanted), 0);
    for (uint32_t done = 0; done < HISTORY; done += 2) {
        struct desk late;

        desk_init(&late);
        assert_int_equal(tell_court(&late, 1, done / 2, CASE_ALL, reached), 0);
        for (uint32_t i = 0; i < done; i++) {
            write_random(i, &docket);
            assert_int_equal(tell_docket(&late, 1, 1 + i / 2, i % 2, COURT_CATCH_UP, &docket), MSG_CREDIT);
            if (i % 3 == 0) /* twice on the way */
                assert_int_equal(tell_docket(&late, 1, 1 + i / 2, i % 2, COURT_CATCH_UP, &docket), MSG_CREDIT);
        }
        assert_int_equal(tell_court(&late, 1, done / 2, CASE_ALL, reached), done / 2);
        assert_int_equal(tell_court(&straight, 1, done / 2, CASE_ALL, wanted), done / 2);
        assert_memory_equal(reached, wanted, FOLD_SIZE);
        for (uint32_t i = done; i < done + 2; i++) {
            write_random(i, &docket);
            assert_int_equal(tell_docket(&straight, 1, 1 + i / 2, i % 2, 0, &docket), MSG_VERDICT);
            assert_int_equal(tell_docket(&late, 1, 1 + i / 2, i % 2, 0, &docket), MSG_VERDICT);
            assert_int_equal(late.answer.size, straight.answer.size);
            assert_memory_equal(late.answer.bytes, straight.answer.bytes, late.answer.size);
        }
        desk_fini(&late);
    }
    buffer_fini(&docket);
    desk_fini(&straight);
}

/* A catch-up that ends between the two dockets of a step goes on with that step: nothing is lost, nothing folded
 * twice. */
static void
cut_off_within_a_step(void **state)
{
    struct desk straight, late;
    struct buffer docket = {0};
    uint8_t wanted[FOLD_SIZE], reached[FOLD_SIZE];

    (void)state;
    desk_init(&straight);
    desk_init(&late);
    assert_int_equal(tell_court(&straight, 1, 0, CASE_ALL, wanted), 0);
    assert_int_equal(tell_court(&late, 1, 0, CASE_ALL, reached), 0);
    for (uint32_t i = 0; i < 4; i++) {
        write_random(i, &docket);
        assert_int_equal(tell_docket(&straight, 1, 1 + i / 2, i % 2, 0, &docket), MSG_VERDICT);
        if (i < 3) /* of step 2 only the first docket comes */
            assert_int_equal(tell_docket(&late, 1, 1 + i / 2, i % 2, COURT_CATCH_UP, &docket), MSG_CREDIT);
    }
    assert_int_equal(tell_court(&late, 1, 2, CASE_ALL, reached), 2);
    for (uint32_t i = 2; i < 4; i++) {
        write_random(i, &docket);
        assert_int_equal(tell_docket(&late, 1, 2, i % 2, COURT_CATCH_UP, &docket), MSG_CREDIT);
    }
    assert_int_equal(tell_court(&late, 1, 2, CASE_ALL, reached), 2);
    assert_int_equal(tell_court(&straight, 1, 2, CASE_ALL, wanted), 2);
    assert_memory_equal(reached, wanted, FOLD_SIZE);
    buffer_fini(&docket);
    desk_fini(&straight);
    desk_fini(&late);
}

/* A folded docket that is asked in earnest gets its verdict. */
static void
caught_up_docket_is_judged(void **state)
{
    struct desk desk;
    struct buffer docket = {0};
    uint8_t digest[FOLD_SIZE];

    (void)state;
    desk_init(&desk);
    write_random(0, &docket);
    assert_int_equal(tell_court(&desk, 1, 1, CASE_ALL, digest), 0);
    assert_int_equal(tell_docket(&desk, 1, 1, 0, COURT_CATCH_UP, &docket), MSG_CREDIT);
    assert_int_equal(tell_docket(&desk, 1, 1, 0, 0, &docket), MSG_VERDICT);
    assert_true(desk.answer.size > 0);
    buffer_fini(&docket);
    desk_fini(&desk);
}

static const struct reset_row {
    const char *name, *yaml;
    uint32_t epoch;
    uint64_t wanted, want_step;
} reset_rows[] = {
    {"the same court at the same step is kept", CASE_ALL, 3, 2, 2},
    {"one that lacks steps keeps what it has", CASE_ALL, 3, 9, 2},
    {"one that is ahead starts over", CASE_ALL, 3, 1, 0},
    {"another epoch starts over", CASE_ALL, 4, 2, 0},
    {"other levers start over", "bandwidth_cap: 1", 3, 2, 0},
};

static void
resets(void **state)
{
    const struct reset_row *row = *state;
    struct desk desk;
    struct buffer docket = {0};
    uint8_t digest[FOLD_SIZE];

    desk_init(&desk);
    assert_int_equal(tell_court(&desk, 3, 0, CASE_ALL, digest), 0);
    for (uint32_t i = 0; i < 4; i++) {
        write_random(i, &docket);
        assert_int_equal(tell_docket(&desk, 3, 1 + i / 2, i % 2, 0, &docket), MSG_VERDICT);
    }
    assert_int_equal(tell_court(&desk, row->epoch, row->wanted, row->yaml, digest), row->want_step);
    buffer_fini(&docket);
    desk_fini(&desk);
}

/* Old worlds are not answered; courts and dockets that make no sense are refused and change nothing. */
static void
refusals(void **state)
{
    struct desk desk;
    struct buffer docket = {0};
    uint8_t digest[FOLD_SIZE], after[FOLD_SIZE];

    (void)state;
    desk_init(&desk);
    write_random(0, &docket);
    assert_int_equal(tell_court(&desk, 3, 0, "no_such_lever: 1", digest), UINT64_MAX);
    assert_int_equal(tell_court(&desk, 3, 0, "a: [", digest), UINT64_MAX);
    assert_int_equal(tell_court(&desk, 3, 0, CASE_ALL, digest), 0);
    assert_int_equal(tell_docket(&desk, 2, 1, 0, 0, &docket), 0);
    assert_int_equal(tell_docket(&desk, 4, 1, 0, 0, &docket), MSG_NACK);
    for (size_t cut = 0; cut < docket.size; cut += 7) {
        struct buffer part = {.data = docket.data, .size = cut};

        assert_int_equal(tell_docket(&desk, 3, 1, 0, 0, &part), MSG_NACK);
    }
    assert_int_equal(
        tell(&desk, CHANNEL_CONTROL, (struct envelope){.type = MSG_CANCEL, .run = RUN, .epoch = 3}, &docket), 0);
    assert_int_equal(tell_court(&desk, 3, 0, CASE_ALL, after), 0);
    assert_memory_equal(digest, after, FOLD_SIZE);
    buffer_fini(&docket);
    desk_fini(&desk);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"judges, and says the same again", judges_and_repeats},
        {"catching up equals having been there", catches_up},
        {"a catch-up cut off within a step loses nothing", cut_off_within_a_step},
        {"a folded docket can be asked in earnest", caught_up_docket_is_judged},
        {"refuses what makes no sense", refusals},
    };

    return TEST_CASES("court", cases) + TEST_ROWS("court_resets", reset_rows, resets);
}
