#include "bus/subscriber.h"

#include <stdlib.h>
#include <string.h>

#include "bus/clock.h"
#include "core/assert.h"

#define RESEND_MIN_MS 20u
#define RESEND_MAX_MS 1000u
#define TRIES_MAX 12u /* for a record; then join again */

enum state { OFF, JOINING, STREAMING, REPAIRING };

struct waiting {
    struct envelope head;
    uint8_t *bytes;
    size_t size;
};

struct subscriber {
    struct actor actor;
    struct subscriber_calls calls;
    struct subscriber_counts counts;
    enum state state;
    uint32_t epoch;
    uint64_t last_seq, last_step;
    struct waiting waiting[SUBSCRIBER_WAITING]; /* a ring */
    uint32_t waiting_begin, waiting_count;
    uint64_t repair_next, repair_last; /* steps */
    uint32_t repair_part;
    uint64_t resend_ms;
    uint32_t backoff_ms, tries;
    bool stopped;
    int status;
};

static void
wait_push(struct subscriber *self, const struct letter *letter)
{
    struct waiting *item;

    if (self->waiting_count == SUBSCRIBER_WAITING) {
        free(self->waiting[self->waiting_begin].bytes);
        self->waiting_begin = (self->waiting_begin + 1) % SUBSCRIBER_WAITING;
        self->waiting_count--;
        self->counts.overflown++;
    }
    item = &self->waiting[(self->waiting_begin + self->waiting_count++) % SUBSCRIBER_WAITING];
    *item = (struct waiting){.head = letter->head, .size = letter->size};
    if (letter->size > 0) {
        item->bytes = malloc(letter->size);
        ASSERT(item->bytes != NULL);
        memcpy(item->bytes, letter->payload, letter->size);
    }
}

static void
wait_drop(struct subscriber *self)
{
    free(self->waiting[self->waiting_begin].bytes);
    self->waiting_begin = (self->waiting_begin + 1) % SUBSCRIBER_WAITING;
    self->waiting_count--;
}

static void
wait_clear(struct subscriber *self)
{
    while (self->waiting_count > 0)
        wait_drop(self);
}

/* Asks for what the state needs next, again later if nobody answers. */
static void
ask(struct subscriber *self, uint64_t now_ms, struct outbox *out)
{
    struct sync sync = {.from = 0};
    struct fetch fetch = {.step = self->repair_next, .part = self->repair_part, .count = 1};

    if (self->state == JOINING)
        outbox_send_message(out, CHANNEL_FETCH, &PEER_WORLD, NULL, MSG_SYNC, &sync);
    else
        outbox_send_message(out, CHANNEL_FETCH, &PEER_WORLD, NULL, MSG_FETCH, &fetch);
    self->tries++;
    self->resend_ms = now_ms + self->backoff_ms;
    self->backoff_ms = self->backoff_ms * 2 < RESEND_MAX_MS ? self->backoff_ms * 2 : RESEND_MAX_MS;
    outbox_wake(out, self->resend_ms);
}

static void
ask_anew(struct subscriber *self, uint64_t now_ms, struct outbox *out)
{
    self->backoff_ms = RESEND_MIN_MS;
    self->tries = 0;
    ask(self, now_ms, out);
}

static void
join(struct subscriber *self, uint64_t now_ms, struct outbox *out)
{
    self->state = JOINING;
    ask_anew(self, now_ms, out);
}

static void
repair(struct subscriber *self, uint64_t first, uint64_t last, uint64_t now_ms, struct outbox *out)
{
    self->counts.gaps++;
    if (self->calls.missing != NULL)
        self->calls.missing(self->calls.context, first, last);
    if (last - first >= SUBSCRIBER_REPAIR_MAX) {
        join(self, now_ms, out);
        return;
    }
    self->state = REPAIRING;
    self->repair_next = first;
    self->repair_last = last;
    self->repair_part = 0;
    ask_anew(self, now_ms, out);
}

static bool
take_step(struct subscriber *self, const struct letter *letter, bool gap, uint64_t now_ms, struct outbox *out)
{
    struct step_event event;

    if (message_unpack(MSG_STEP, letter->payload, letter->size, &event, NULL) != 0)
        return true;
    if (gap && event.step > self->last_step + 1) {
        repair(self, self->last_step + 1, event.step - 1, now_ms, out);
        return false;
    }
    if (event.step > self->last_step) {
        self->last_step = event.step;
        if (self->calls.step != NULL)
            self->calls.step(self->calls.context, &letter->head, &event);
    }
    return true;
}

static bool
take_head(struct subscriber *self, const struct letter *letter, bool gap, uint64_t now_ms, struct outbox *out)
{
    struct head_event event;

    if (message_unpack(MSG_HEAD, letter->payload, letter->size, &event, NULL) != 0)
        return true;
    if (gap && event.committed > self->last_step) {
        repair(self, self->last_step + 1, event.committed, now_ms, out);
        return false;
    }
    if (self->calls.head != NULL)
        self->calls.head(self->calls.context, &letter->head, &event);
    return true;
}

/* Takes an event while streaming. False when something must come before it: then it waits. */
static bool
take_event(struct subscriber *self, const struct letter *letter, uint64_t now_ms, struct outbox *out)
{
    bool gap, taken;

    if (letter->head.epoch > self->epoch) {
        join(self, now_ms, out);
        return false;
    }
    if (letter->head.epoch < self->epoch || letter->head.seq <= self->last_seq) {
        self->counts.repeated++;
        return true;
    }
    gap = letter->head.seq != self->last_seq + 1;
    taken = letter->head.type == MSG_STEP   ? take_step(self, letter, gap, now_ms, out)
            : letter->head.type == MSG_HEAD ? take_head(self, letter, gap, now_ms, out)
                                            : true;
    if (taken) {
        self->last_seq = letter->head.seq;
        self->counts.events++;
    }
    return taken;
}

/* Takes what waits, as far as that goes. */
static void
catch_up(struct subscriber *self, uint64_t now_ms, struct outbox *out)
{
    while (self->state == STREAMING && self->waiting_count > 0 && !self->stopped) {
        const struct waiting *item = &self->waiting[self->waiting_begin];
        struct letter letter = {.channel = CHANNEL_EVENT, .peer = PEER_WORLD, .head = item->head,
                                .payload = item->bytes, .size = item->size};

        if (take_event(self, &letter, now_ms, out))
            wait_drop(self);
    }
}

static void
on_sync_state(struct subscriber *self, const struct letter *letter)
{
    struct sync_state state;

    if (self->state != JOINING || message_unpack(MSG_SYNC_STATE, letter->payload, letter->size, &state, NULL) != 0)
        return;
    self->epoch = letter->head.epoch;
    self->last_seq = state.seq;
    self->last_step = state.step;
    self->state = STREAMING;
    self->counts.snapshots++;
    if (self->calls.snapshot != NULL)
        self->calls.snapshot(self->calls.context, &letter->head, &state);
}

static void
on_record(struct subscriber *self, const struct letter *letter, uint64_t now_ms, struct outbox *out)
{
    struct record record;

    if (self->state != REPAIRING || message_unpack(MSG_RECORD, letter->payload, letter->size, &record, NULL) != 0 ||
        record.step != self->repair_next || record.part != self->repair_part)
        return;
    if (!record.found) {
        join(self, now_ms, out);
        return;
    }
    if (self->calls.record != NULL)
        self->calls.record(self->calls.context, &record);
    if (self->repair_part == 0) {
        self->repair_part = SUBSCRIBER_PART_COMMIT;
    } else {
        self->last_step = self->repair_next++;
        self->repair_part = 0;
        self->counts.steps_repaired++;
    }
    if (self->repair_next > self->repair_last)
        self->state = STREAMING; /* the event behind the hole waits, and no step is missing before it any more */
    else
        ask_anew(self, now_ms, out);
}

static void
start(void *context, uint64_t now_ms, struct outbox *out)
{
    struct subscriber *self = context;

    wait_clear(self);
    join(self, now_ms, out);
}

static void
receive(void *context, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct subscriber *self = context;

    if (letter->channel == CHANNEL_EVENT) {
        if (self->state != STREAMING || !take_event(self, letter, now_ms, out))
            wait_push(self, letter);
    } else if (letter->head.type == MSG_SYNC_STATE) {
        on_sync_state(self, letter);
    } else if (letter->head.type == MSG_RECORD) {
        on_record(self, letter, now_ms, out);
    }
    catch_up(self, now_ms, out);
    if (self->stopped)
        outbox_stop(out, self->status);
}

static void
tick(void *context, uint64_t now_ms, struct outbox *out)
{
    struct subscriber *self = context;

    if (self->state != JOINING && self->state != REPAIRING)
        return;
    if (now_ms < self->resend_ms)
        outbox_wake(out, self->resend_ms);
    else if (self->state == REPAIRING && self->tries >= TRIES_MAX)
        join(self, now_ms, out);
    else
        ask(self, now_ms, out);
}

static void
ready(void *context, uint64_t now_ms, struct outbox *out)
{
    struct subscriber *self = context;

    (void)now_ms;
    self->calls.ready(self->calls.context);
    if (self->stopped)
        outbox_stop(out, self->status);
}

struct subscriber *
subscriber_new(const struct subscriber_calls *calls, int ready_fd)
{
    struct subscriber *self = calloc(1, sizeof *self);

    ASSERT(self != NULL && (ready_fd < 0 || calls->ready != NULL));
    self->calls = *calls;
    self->actor = (struct actor){.role = ROLE_MONITOR, .self = self, .ready_fd = ready_fd, .start = start,
                                 .receive = receive, .tick = tick, .ready = ready_fd >= 0 ? ready : NULL};
    return self;
}

void
subscriber_destroy(struct subscriber **self_p)
{
    if (*self_p == NULL)
        return;
    wait_clear(*self_p);
    free(*self_p);
    *self_p = NULL;
}

const struct actor *
subscriber_actor(const struct subscriber *self)
{
    return &self->actor;
}

void
subscriber_stop(struct subscriber *self, int status)
{
    self->stopped = true;
    self->status = status;
}

const struct subscriber_counts *
subscriber_counts(const struct subscriber *self)
{
    return &self->counts;
}
