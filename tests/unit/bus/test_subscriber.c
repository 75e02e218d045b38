/* A subscriber beside a world that publishes, over the bus in memory, with events lost on purpose. */
#include "bus/subscriber.h"

#include <stdio.h>
#include <string.h>

#include "bus/local.h"
#include "tests/support/test.h"

#define EVENTS_MAX 64u

/* A world of ten steps, one every ten milliseconds, and a HEAD at the end; it answers SYNC and FETCH. */
struct stage {
    struct actor actor;
    uint64_t step, steps;
    uint32_t epoch;
    uint32_t syncs_ignored;  /* the first ones get no answer */
    bool has_no_records;
    struct local *local;
    /* What the subscriber told, a word each. */
    char diary[2048];
    struct subscriber *subscriber;
    /* Which events the hook drops (a bit each, by number), and how late SYNC_STATE comes. */
    uint64_t lost;
    uint32_t sync_delay_ms;
    uint32_t fetches_lost;
};

static uint8_t zeros[32];

static void
publish_head(struct stage *self, struct outbox *out)
{
    struct head_event event = {.committed = self->step, .ended = self->step == self->steps};

    event.seq = outbox_event_number(out) + 1;
    outbox_send_message(out, CHANNEL_EVENT, &PEER_WORLD, NULL, MSG_HEAD, &event);
}

static void
world_start(void *context, uint64_t now_ms, struct outbox *out)
{
    struct stage *self = context;

    outbox_identity(out, 1, self->epoch);
    outbox_wake(out, now_ms + 10);
}

static void
world_tick(void *context, uint64_t now_ms, struct outbox *out)
{
    struct stage *self = context;
    struct step_event event = {.step = ++self->step, .committed = self->step, .steps = self->steps,
                               .chain = {zeros, 32}, .digest = {zeros, 16}};

    outbox_send_message(out, CHANNEL_EVENT, &PEER_WORLD, NULL, MSG_STEP, &event);
    if (self->step < self->steps)
        outbox_wake(out, now_ms + 10);
    else
        publish_head(self, out);
}

static void
world_receive(void *context, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct stage *self = context;
    struct sync_state state = {.step = self->step, .seq = outbox_event_number(out), .steps = self->steps};
    struct record record = {.found = !self->has_no_records};
    struct fetch fetch;
    struct why why = {0};

    (void)now_ms;
    if (letter->head.type == MSG_SYNC) {
        if (self->syncs_ignored > 0)
            self->syncs_ignored--;
        else
            outbox_send_message(out, CHANNEL_FETCH, &letter->peer, NULL, MSG_SYNC_STATE, &state);
    } else if (letter->head.type == MSG_FETCH) {
        assert_int_equal(message_unpack(MSG_FETCH, letter->payload, letter->size, &fetch, &why), 0);
        record.step = fetch.step;
        record.part = fetch.part;
        outbox_send_message(out, CHANNEL_FETCH, &letter->peer, NULL, MSG_RECORD, &record);
    }
}

__attribute__((format(printf, 2, 3))) static void
jot(struct stage *self, const char *format, ...)
{
    size_t used = strlen(self->diary);
    va_list arguments;

    if (used > 0)
        self->diary[used++] = ' ';
    va_start(arguments, format);
    vsnprintf(self->diary + used, sizeof self->diary - used, format, arguments);
    va_end(arguments);
}

static void
on_snapshot(void *context, const struct envelope *head, const struct sync_state *state)
{
    (void)head;
    jot(context, "at%u", (unsigned)state->step);
}

static void
on_step(void *context, const struct envelope *head, const struct step_event *event)
{
    (void)head;
    jot(context, "%u", (unsigned)event->step);
}

static void
on_head(void *context, const struct envelope *head, const struct head_event *event)
{
    struct stage *self = context;

    (void)head;
    jot(self, event->ended ? "end" : "head");
    if (event->ended)
        subscriber_stop(self->subscriber, 0);
}

static void
on_missing(void *context, uint64_t first, uint64_t last)
{
    jot(context, "missing%u-%u", (unsigned)first, (unsigned)last);
}

static void
on_record(void *context, const struct record *record)
{
    jot(context, record->part == 0 ? "<%u" : "%u>", (unsigned)record->step);
}

static struct local_fate
choose(void *context, const struct letter *letter, const struct peer *to, uint64_t now_ms)
{
    struct stage *self = context;

    (void)to;
    (void)now_ms;
    if (letter->channel == CHANNEL_EVENT && letter->head.seq < 64)
        return (struct local_fate){.drop = (self->lost >> letter->head.seq & 1) != 0};
    if (letter->head.type == MSG_SYNC_STATE)
        return (struct local_fate){.delay_ms = self->sync_delay_ms};
    if (letter->head.type == MSG_FETCH && self->fetches_lost > 0) {
        self->fetches_lost--;
        return (struct local_fate){.drop = true};
    }
    return (struct local_fate){0};
}

#define LOST(n) (UINT64_C(1) << (n))

/* Event n is step n; event 11 is the HEAD. The clock starts at 1 and step n comes at 1 + 10 n. */
static const struct row {
    const char *name;
    uint64_t lost;
    uint32_t syncs_ignored, sync_delay_ms, fetches_lost;
    bool has_no_records;
    const char *want;
} rows[] = {
    {"nothing is lost", .want = "at0 1 2 3 4 5 6 7 8 9 10 end"},
    {"one step is lost", .lost = LOST(4), .want = "at0 1 2 3 missing4-4 <4 4> 5 6 7 8 9 10 end"},
    {"three steps are lost", .lost = LOST(4) | LOST(5) | LOST(6),
     .want = "at0 1 2 3 missing4-6 <4 4> <5 5> <6 6> 7 8 9 10 end"},
    {"the first step is lost", .lost = LOST(1), .want = "at0 missing1-1 <1 1> 2 3 4 5 6 7 8 9 10 end"},
    {"the last step is lost: the head tells", .lost = LOST(10),
     .want = "at0 1 2 3 4 5 6 7 8 9 missing10-10 <10 10> end"},
    {"the first request for a record is lost, too", .lost = LOST(2), .fetches_lost = 1,
     .want = "at0 1 missing2-2 <2 2> 3 4 5 6 7 8 9 10 end"},
    {"events that come before the snapshot wait", .sync_delay_ms = 35, .want = "at0 1 2 3 4 5 6 7 8 9 10 end"},
    {"a hole among the events that wait", .sync_delay_ms = 35, .lost = LOST(2),
     .want = "at0 1 missing2-2 <2 2> 3 4 5 6 7 8 9 10 end"},
    {"the snapshot is newer than the events that wait", .syncs_ignored = 1,
     .want = "at2 3 4 5 6 7 8 9 10 end"}, /* asked again after 20 ms: step 2 was published */
    {"no records: a new snapshot", .lost = LOST(4), .has_no_records = true,
     .want = "at0 1 2 3 missing4-4 at5 6 7 8 9 10 end"},
};

static void
follow(void **state)
{
    const struct row *row = *state;
    struct stage stage = {.actor = {.role = ROLE_WORLD, .ready_fd = -1, .start = world_start, .tick = world_tick,
                                    .receive = world_receive},
                          .steps = 10, .epoch = 1, .lost = row->lost, .syncs_ignored = row->syncs_ignored,
                          .sync_delay_ms = row->sync_delay_ms, .fetches_lost = row->fetches_lost,
                          .has_no_records = row->has_no_records};
    const struct subscriber_calls calls = {.context = &stage, .snapshot = on_snapshot, .step = on_step,
                                           .head = on_head, .missing = on_missing, .record = on_record};
    struct local *local = local_new(&(struct local_options){
        .virtual_time = true, .fate = choose, .fate_context = &stage, .signal_fd = -1});
    struct peer id;
    int status = -1;

    stage.actor.self = &stage;
    stage.subscriber = subscriber_new(&calls, -1);
    local_attach(local, &stage.actor);
    id = local_attach(local, subscriber_actor(stage.subscriber));
    for (int i = 0; i < 1000 && local_step(local, 0); i++)
        ;
    assert_string_equal(stage.diary, row->want);
    assert_true(local_is_stopped(local, &id, &status));
    assert_int_equal(status, 0);
    local_destroy(&local);
    subscriber_destroy(&stage.subscriber);
    assert_null(stage.subscriber);
}

/* A world that came back counts its events from 1 again; its epoch tells. */
static void
new_epoch(void **state)
{
    struct stage first = {.actor = {.role = ROLE_WORLD, .ready_fd = -1, .start = world_start, .tick = world_tick,
                                    .receive = world_receive},
                          .steps = 3, .epoch = 1, .lost = LOST(4)};
    struct stage second = first;
    const struct subscriber_calls calls = {.context = &first, .snapshot = on_snapshot, .step = on_step,
                                           .head = on_head, .missing = on_missing, .record = on_record};
    struct local *local = local_new(&(struct local_options){
        .virtual_time = true, .fate = choose, .fate_context = &first, .signal_fd = -1});
    struct peer id;

    (void)state;
    first.actor.self = &first;
    second.actor.self = &second;
    second.step = 2; /* the third was published, but never committed */
    second.epoch = 2;
    second.steps = 5;
    first.subscriber = subscriber_new(&calls, -1);
    id = local_attach(local, &first.actor);
    local_attach(local, subscriber_actor(first.subscriber));
    for (int i = 0; i < 1000 && local_step(local, 0); i++)
        ;
    assert_string_equal(first.diary, "at0 1 2 3");
    first.diary[0] = '\0';
    first.lost = 0;
    local_kill(local, &id);
    local_attach(local, &second.actor);
    for (int i = 0; i < 1000 && local_step(local, 0); i++)
        ;
    assert_string_equal(first.diary, "at3 4 5 end");
    local_destroy(&local);
    subscriber_destroy(&first.subscriber);
}

static const struct test_case cases[] = {{"a new epoch: join again", new_epoch}};

int
main(void)
{
    return TEST_ROWS("subscriber", rows, follow) + TEST_CASES("subscriber_epoch", cases);
}
