#include "bus/local.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "bus/clock.h"
#include "bus/outbox.h"
#include "bus/rights.h"
#include "bus/signals.h"
#include "core/assert.h"
#include "core/bytes.h"
#include "core/log.h"

#define ACTORS_MAX 1024u
#define FINISH_MS 1000u
#define POLL_EVERY 16u /* letters between looks at the descriptors */

/* What waits in the heap, ordered by (at_ms, order). WELCOME is a letter whose delivery starts the actor. */
struct item {
    uint64_t at_ms, order;
    struct outbox_parcel parcel;
    struct peer from;
};

struct member {
    struct peer id;
    struct actor actor;
    struct outbox outbox;
    bool attached, started;
    uint64_t seq[CHANNEL_COUNT];
};

struct local {
    struct local_options options;
    struct rights rights;
    struct local_counts counts;
    struct member *members[ACTORS_MAX];
    uint32_t member_count;
    uint32_t attached; /* ever: numbers the ids */
    struct item *heap;
    size_t count, capacity;
    uint64_t order;
    uint64_t now_ms;
    uint32_t since_poll;
    uint32_t run, epoch; /* as said in the world's EPOCH */
    uint64_t broker_seq;
};

struct local *
local_new(const struct local_options *options)
{
    struct local *self = calloc(1, sizeof *self);

    ASSERT(self != NULL);
    self->options = *options;
    self->now_ms = options->virtual_time ? 1 : clock_ms();
    rights_init(&self->rights);
    return self;
}

void
local_destroy(struct local **self_p)
{
    struct local *self = *self_p;

    if (self == NULL)
        return;
    for (size_t i = 0; i < self->count; i++)
        free(self->heap[i].parcel.bytes);
    for (uint32_t i = 0; i < self->member_count; i++) {
        outbox_fini(&self->members[i]->outbox);
        free(self->members[i]);
    }
    free(self->heap);
    free(self);
    *self_p = NULL;
}

/* ---- the heap ---- */

static bool
before(const struct item *a, const struct item *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void
heap_push(struct local *self, const struct item *item)
{
    size_t at = self->count++;

    if (self->count > self->capacity) {
        self->capacity = self->capacity == 0 ? 64 : self->capacity * 2;
        self->heap = realloc(self->heap, self->capacity * sizeof *self->heap);
        ASSERT(self->heap != NULL);
    }
    while (at > 0 && before(item, &self->heap[(at - 1) / 2])) {
        self->heap[at] = self->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    self->heap[at] = *item;
}

static void
heap_sink(struct local *self, size_t at, const struct item *item)
{
    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < self->count && before(&self->heap[child + 1], &self->heap[child]))
            child++;
        if (child >= self->count || !before(&self->heap[child], item))
            break;
        self->heap[at] = self->heap[child];
        at = child;
    }
    self->heap[at] = *item;
}

static struct item
heap_pop(struct local *self)
{
    struct item first = self->heap[0], last = self->heap[--self->count];

    if (self->count > 0)
        heap_sink(self, 0, &last);
    return first;
}

/* Removes what a dead peer sent and what was on its way to it; then the order of the rest is made again. */
static void
heap_purge(struct local *self, const struct peer *peer)
{
    size_t kept = 0;

    for (size_t i = 0; i < self->count; i++) {
        if (peer_equal(&self->heap[i].from, peer) || peer_equal(&self->heap[i].parcel.to, peer)) {
            free(self->heap[i].parcel.bytes);
            self->counts.of_the_dead++;
        } else {
            self->heap[kept++] = self->heap[i];
        }
    }
    self->count = kept;
    for (size_t i = kept / 2; i-- > 0;) {
        struct item item = self->heap[i];

        heap_sink(self, i, &item);
    }
}

/* ---- members ---- */

static struct member *
member_find(const struct local *self, const struct peer *peer)
{
    for (uint32_t i = 0; i < self->member_count; i++)
        if (self->members[i]->attached && peer_equal(&self->members[i]->id, peer))
            return self->members[i];
    return NULL;
}

static struct member *
member_of_role(const struct local *self, enum role role)
{
    for (uint32_t i = 0; i < self->member_count; i++)
        if (self->members[i]->attached && self->members[i]->actor.role == role)
            return self->members[i];
    return NULL;
}

/* Where an address leads now. */
static struct member *
member_resolve(const struct local *self, const struct peer *to)
{
    enum role role = rights_alias(to);

    return role == ROLE_NONE ? member_find(self, to) : member_of_role(self, role);
}

bool
local_is_attached(const struct local *self, const struct peer *peer)
{
    return member_find(self, peer) != NULL;
}

bool
local_is_stopped(const struct local *self, const struct peer *peer, int *status)
{
    const struct member *member = member_find(self, peer);

    if (member == NULL || !member->outbox.stopped)
        return false;
    if (status != NULL)
        *status = member->outbox.status;
    return true;
}

/* ---- sending ---- */

/* Completes the head as the wire would and puts the parcel into the queue. */
static void
enqueue(struct local *self, const struct peer *from, struct outbox_parcel *parcel, uint64_t at_ms)
{
    struct item item = {.at_ms = at_ms, .order = self->order++, .parcel = *parcel, .from = *from};

    heap_push(self, &item);
}

static void
send_broker(struct local *self, const struct member *to, enum message_type type, const void *message)
{
    struct outbox_parcel parcel = {.channel = CHANNEL_CONTROL, .to = to->id, .head = {.type = (uint16_t)type}};
    struct buffer payload = {0};
    uint8_t header[ENVELOPE_SIZE];

    message_pack(type, message, &payload);
    parcel.bytes = buffer_take(&payload, &parcel.size);
    parcel.head.seq = ++self->broker_seq;
    envelope_write(&parcel.head, parcel.bytes, parcel.size, header);
    enqueue(self, &PEER_BROKER, &parcel, self->now_ms);
}

static void
announce_up(struct local *self, const struct member *world, const struct member *member)
{
    struct peer_up up = {.peer = member->id, .role = member->actor.role};

    if (member->actor.serves != NULL) {
        ASSERT(strlen(member->actor.serves) < sizeof up.serves);
        memcpy(up.serves, member->actor.serves, strlen(member->actor.serves) + 1);
    }
    send_broker(self, world, MSG_PEER_UP, &up);
}

static void
announce_down(struct local *self, const struct member *member, const char *cause)
{
    const struct member *world = member_of_role(self, ROLE_WORLD);
    struct peer_down down = {.peer = member->id, .role = member->actor.role};

    if (world == NULL || world == member)
        return;
    memcpy(down.cause, cause, strlen(cause) + 1);
    send_broker(self, world, MSG_PEER_DOWN, &down);
}

/* One letter to one receiver, through the hook. The last copy takes the bytes. */
static void
send_to(struct local *self, const struct peer *from, const struct member *to, struct outbox_parcel *parcel)
{
    struct local_fate fate = {0};

    parcel->to = to->id;
    if (self->options.fate != NULL) {
        struct letter letter = {.channel = parcel->channel, .peer = *from, .head = parcel->head,
                                .payload = parcel->bytes, .size = parcel->size};

        fate = self->options.fate(self->options.fate_context, &letter, &to->id, self->now_ms);
    }
    if (fate.drop) {
        self->counts.dropped_by_fate++;
        free(parcel->bytes);
        return;
    }
    for (uint32_t i = 0; i < fate.copies; i++) {
        struct outbox_parcel copy = *parcel;

        if (parcel->size > 0) {
            copy.bytes = malloc(parcel->size);
            ASSERT(copy.bytes != NULL);
            memcpy(copy.bytes, parcel->bytes, parcel->size);
        }
        enqueue(self, from, &copy, self->now_ms + fate.delay_ms);
    }
    enqueue(self, from, parcel, self->now_ms + fate.delay_ms);
}

/* To every attached member that wants it: events go to monitors, the world's EPOCH to all others. */
static void
send_to_many(struct local *self, const struct peer *from, struct outbox_parcel *parcel)
{
    for (uint32_t i = 0; i < self->member_count; i++) {
        struct member *member = self->members[i];
        struct outbox_parcel copy = *parcel;
        bool wants = parcel->channel == CHANNEL_EVENT ? member->actor.role == ROLE_MONITOR
                                                      : member->actor.role != ROLE_WORLD;

        if (!member->attached || !wants)
            continue;
        if (parcel->size > 0) {
            copy.bytes = malloc(parcel->size);
            ASSERT(copy.bytes != NULL);
            memcpy(copy.bytes, parcel->bytes, parcel->size);
        }
        send_to(self, from, member, &copy);
    }
    free(parcel->bytes);
}

/* The broker's part: rights, aliases, relays. Takes the bytes. */
static void
route(struct local *self, const struct peer *from, enum role role, struct outbox_parcel *parcel)
{
    bool event = parcel->channel == CHANNEL_EVENT;
    bool to_broker = !event && peer_equal(&parcel->to, &PEER_BROKER);
    struct member *to = event || to_broker ? NULL : member_resolve(self, &parcel->to);
    enum role to_role = event ? ROLE_MONITOR : to_broker ? ROLE_BROKER : to != NULL ? to->actor.role : ROLE_NONE;
    uint8_t header[ENVELOPE_SIZE];

    outbox_parcel_seal(parcel, header);
    if (to_role == ROLE_NONE) {
        self->counts.unknown_peer++;
    } else if (!rights_allow(&self->rights, parcel->head.type, role, to_role, parcel->channel)) {
        const char *name = message_name(parcel->head.type);

        self->counts.unauthorised++;
        log_line(LOG_WARNING, "bus", "%s must not send %s to %s here", role_name(role), name != NULL ? name : "that",
                 role_name(to_role));
    } else if (event || (to_broker && parcel->head.type == MSG_EPOCH)) {
        if (to_broker) {
            self->run = parcel->head.run;
            self->epoch = parcel->head.epoch;
        }
        send_to_many(self, from, parcel);
        return;
    } else if (!to_broker) {
        send_to(self, from, to, parcel);
        return;
    }
    free(parcel->bytes);
}

/* Sends what a handler has written. */
static void
collect(struct local *self, struct member *member)
{
    struct outbox_parcel parcel;

    while (outbox_queue_pop(&member->outbox.queue, &parcel)) {
        if (parcel.channel != CHANNEL_EVENT)
            parcel.head.seq = ++member->seq[parcel.channel];
        route(self, &member->id, member->actor.role, &parcel);
    }
}

void
local_send(struct local *self, const struct peer *from, enum channel channel, const struct peer *to,
           const struct envelope *head, struct buffer *payload)
{
    static const struct peer outside = {.id = {0xff}};
    const struct member *member = from != NULL ? member_find(self, from) : NULL;
    struct outbox_parcel parcel = {.channel = channel, .to = *to, .head = *head};

    ASSERT(from == NULL || member != NULL);
    if (payload != NULL && payload->size > 0)
        parcel.bytes = buffer_take(payload, &parcel.size);
    route(self, from != NULL ? from : &outside, member != NULL ? member->actor.role : ROLE_OPERATOR, &parcel);
}

/* ---- coming and going ---- */

static struct peer
next_id(struct local *self)
{
    struct peer id = {.id = {0x80}};

    self->attached++;
    bytes_put_u32_be(id.id + 12, self->attached);
    return id;
}

struct peer
local_attach(struct local *self, const struct actor *actor)
{
    struct member *world = member_of_role(self, ROLE_WORLD);
    struct welcome welcome = {.heartbeat_ms = 1000};
    struct member *member = calloc(1, sizeof *member);

    ASSERT(member != NULL && self->member_count < ACTORS_MAX);
    ASSERT(!rights_is_single(actor->role) || member_of_role(self, actor->role) == NULL);
    member->id = next_id(self);
    member->actor = *actor;
    member->attached = true;
    outbox_init(&member->outbox);
    self->members[self->member_count++] = member;
    if (actor->role != ROLE_WORLD && world != NULL) {
        welcome.run = self->run;
        welcome.epoch = self->epoch;
        announce_up(self, world, member);
    }
    send_broker(self, member, MSG_WELCOME, &welcome);
    if (actor->role == ROLE_WORLD)
        for (uint32_t i = 0; i + 1 < self->member_count; i++)
            if (self->members[i]->attached)
                announce_up(self, member, self->members[i]);
    return member->id;
}

/* Forgets members that are gone, so that many deaths do not fill the table. */
static void
remove_member(struct local *self, struct member *member)
{
    uint32_t kept = 0;

    member->attached = false;
    for (uint32_t i = 0; i < self->member_count; i++)
        if (self->members[i]->attached)
            self->members[kept++] = self->members[i];
    self->member_count = kept;
    outbox_fini(&member->outbox);
    free(member);
}

void
local_detach(struct local *self, const struct peer *peer)
{
    struct member *member = member_find(self, peer);

    if (member == NULL)
        return;
    announce_down(self, member, "bye");
    remove_member(self, member);
}

void
local_kill(struct local *self, const struct peer *peer)
{
    struct member *member = member_find(self, peer);

    if (member == NULL)
        return;
    heap_purge(self, &member->id);
    announce_down(self, member, "disconnect");
    remove_member(self, member);
}

/* ---- running ---- */

static void
start(struct local *self, struct member *member, const struct item *item)
{
    struct welcome welcome;
    struct why why = {0};
    int code = message_unpack(MSG_WELCOME, item->parcel.bytes, item->parcel.size, &welcome, &why);

    ASSERT(code == 0);
    if (member->actor.role != ROLE_WORLD)
        outbox_identity(&member->outbox, welcome.run, welcome.epoch);
    member->started = true;
    member->actor.start(member->actor.self, self->now_ms, &member->outbox);
}

static void
deliver(struct local *self, struct item *item)
{
    struct member *member = member_find(self, &item->parcel.to);
    struct letter letter = {.channel = item->parcel.channel, .peer = item->from, .head = item->parcel.head,
                            .payload = item->parcel.bytes, .size = item->parcel.size};

    if (member == NULL || member->outbox.stopped) {
        self->counts.of_the_dead++;
    } else if (peer_equal(&item->from, &PEER_BROKER) && item->parcel.head.type == MSG_WELCOME) {
        start(self, member, item);
    } else if (!member->started) {
        self->counts.unknown_peer++; /* on the wire nobody is written to before its welcome */
    } else {
        if (item->parcel.head.type == MSG_EPOCH)
            outbox_identity(&member->outbox, item->parcel.head.run, item->parcel.head.epoch);
        self->counts.delivered++;
        member->actor.receive(member->actor.self, self->now_ms, &letter, &member->outbox);
    }
    free(item->parcel.bytes);
    if (member != NULL)
        collect(self, member);
}

void
local_signal(struct local *self, const struct peer *peer, enum actor_signal signal)
{
    struct member *member = member_find(self, peer);

    if (member == NULL)
        return;
    if (member->actor.signal != NULL)
        member->actor.signal(member->actor.self, self->now_ms, signal, &member->outbox);
    else if (signal == ACTOR_FINISH || signal == ACTOR_CHECKPOINT)
        outbox_stop(&member->outbox, 0);
    collect(self, member);
}

/* The started member whose tick is wished for first. */
static struct member *
first_wake(const struct local *self)
{
    struct member *first = NULL;

    for (uint32_t i = 0; i < self->member_count; i++) {
        struct member *member = self->members[i];

        if (member->attached && member->started && !member->outbox.stopped &&
            member->outbox.wake_ms != CLOCK_NEVER && (first == NULL || member->outbox.wake_ms < first->outbox.wake_ms))
            first = member;
    }
    return first;
}

/* Serves the descriptors that are readable within `wait_ms` of real time. True when one was. */
static bool
poll_ready(struct local *self, int wait_ms)
{
    struct pollfd fds[ACTORS_MAX + 1];
    struct member *owners[ACTORS_MAX + 1];
    struct member *world = member_of_role(self, ROLE_WORLD);
    enum actor_signal signal;
    nfds_t count = 0;
    bool served = false;

    self->since_poll = 0;
    for (uint32_t i = 0; i < self->member_count; i++) {
        struct member *member = self->members[i];

        if (member->started && !member->outbox.stopped && member->actor.ready != NULL &&
            member->actor.ready_fd >= 0) {
            owners[count] = member;
            fds[count++] = (struct pollfd){.fd = member->actor.ready_fd, .events = POLLIN};
        }
    }
    owners[count] = NULL;
    fds[count] = (struct pollfd){.fd = self->options.signal_fd, .events = POLLIN};
    if ((count == 0 && fds[0].fd < 0 && wait_ms == 0) || poll(fds, count + 1, wait_ms) <= 0)
        return false;
    for (nfds_t i = 0; i < count; i++)
        if (fds[i].revents != 0) {
            owners[i]->actor.ready(owners[i]->actor.self, self->now_ms, &owners[i]->outbox);
            collect(self, owners[i]);
            served = true;
        }
    if (fds[count].revents != 0)
        while (world != NULL && signals_read(self->options.signal_fd, &signal)) {
            local_signal(self, &world->id, signal);
            served = true;
        }
    return served;
}

static void
tick(struct local *self, struct member *member)
{
    member->outbox.wake_ms = CLOCK_NEVER;
    member->actor.tick(member->actor.self, self->now_ms, &member->outbox);
    collect(self, member);
}

bool
local_step(struct local *self, uint32_t wait_ms)
{
    struct member *waker = first_wake(self);
    uint64_t wake_ms = waker != NULL ? waker->outbox.wake_ms : CLOCK_NEVER;
    uint64_t letter_ms = self->count > 0 ? self->heap[0].at_ms : CLOCK_NEVER;
    uint64_t due = clock_earlier(wake_ms, letter_ms);

    if (!self->options.virtual_time)
        self->now_ms = clock_ms();
    if (++self->since_poll >= POLL_EVERY && poll_ready(self, 0))
        return true;
    if (due > self->now_ms) {
        uint64_t wait = self->options.virtual_time && due != CLOCK_NEVER ? 0
                        : clock_earlier(wait_ms, due == CLOCK_NEVER ? wait_ms : due - self->now_ms);

        if (poll_ready(self, (int)wait))
            return true;
        if (due == CLOCK_NEVER)
            return false;
        self->now_ms = self->options.virtual_time ? due : clock_ms();
        if (due > self->now_ms)
            return false;
    }
    if (letter_ms <= wake_ms) {
        struct item item = heap_pop(self);

        deliver(self, &item);
    } else {
        tick(self, waker);
    }
    return true;
}

static bool
all_stopped(const struct local *self)
{
    for (uint32_t i = 0; i < self->member_count; i++)
        if (!self->members[i]->outbox.stopped)
            return false;
    return true;
}

/* One that the run cannot do without has given up. */
static bool
has_lost(const struct local *self, int *status)
{
    static const enum role vital[] = {ROLE_GOVERNANCE, ROLE_GATEWAY};

    for (size_t i = 0; i < sizeof vital / sizeof vital[0]; i++) {
        const struct member *member = member_of_role(self, vital[i]);

        if (member != NULL && member->outbox.stopped && member->outbox.status != 0) {
            *status = member->outbox.status;
            return true;
        }
    }
    return false;
}

int
local_run(struct local *self)
{
    const struct member *world = member_of_role(self, ROLE_WORLD);
    struct peer others[ACTORS_MAX];
    uint64_t until_ms;
    uint32_t count = 0;
    int status = 0;

    ASSERT(world != NULL);
    while (!world->outbox.stopped && !has_lost(self, &status))
        local_step(self, 1000);
    if (world->outbox.stopped)
        status = world->outbox.status;
    for (uint32_t i = 0; i < self->member_count; i++)
        if (self->members[i] != world)
            others[count++] = self->members[i]->id;
    while (self->count > 0 && self->heap[0].at_ms <= self->now_ms)
        local_step(self, 0);
    for (uint32_t i = 0; i < count; i++)
        local_signal(self, &others[i], ACTOR_FINISH);
    until_ms = self->now_ms + FINISH_MS;
    while (!all_stopped(self) && self->now_ms < until_ms && (local_step(self, 10) || !self->options.virtual_time))
        ;
    return status;
}

uint64_t
local_now(const struct local *self)
{
    return self->now_ms;
}

const struct local_counts *
local_counts(const struct local *self)
{
    return &self->counts;
}
