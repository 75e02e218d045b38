#include "broker/switch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/clock.h"
#include "bus/rights.h"
#include "bus/roster.h"
#include "core/assert.h"
#include "core/log.h"
#include "core/text.h"

#define GREETING_MS 5000u /* for the second of the two hellos */
#define QUIET_MS 1000u    /* between two log lines of the same kind */
#define FD_MAX 65536

struct entry {
    enum role role;
    uint64_t pid;
    char *host, *serves; /* owned; set once greeted */
    bool greeted, heard, present;
    bool bye[CHANNEL_COUNT];
    uint64_t since_ms; /* of the first hello */
    uint64_t seen_ms;
    uint64_t seq[CHANNEL_COUNT]; /* last letter from it */
    uint64_t told;               /* letters from the broker to it */
    int fd[CHANNEL_COUNT];       /* -1: not known */
};

enum trouble { MALFORMED, UNAUTHORISED, UNKNOWN_SOURCE, GAP, TROUBLES };
static const char *const trouble_names[TROUBLES] = {
    "malformed messages", "letters of the wrong kind", "letters from strangers",
    "gaps in the numbers of a sender"};

/* Which slot hangs on a descriptor, and whether its connection is known to have ended. */
struct wire {
    uint32_t slot;
    bool ended, open;
};

struct switch_board {
    struct switch_options options;
    struct rights rights;
    struct switch_counts counts;
    struct roster roster;
    struct entry entries[SWITCH_PEERS_MAX];
    uint32_t alone[ROLE_COUNT]; /* slot of the one present, for roles of which there is one */
    uint32_t run, epoch;        /* as the world said */
    struct wire *wires[CHANNEL_COUNT];
    int wire_count[CHANNEL_COUNT];
    uint32_t connections;
    uint64_t ticked_ms;
    struct {
        uint64_t said_ms, count;
    } troubles[TROUBLES];
};

struct switch_board *
switch_new(const struct switch_options *options)
{
    struct switch_board *self = calloc(1, sizeof *self);

    ASSERT(self != NULL && options->heartbeat_ms > 0);
    self->options = *options;
    rights_init(&self->rights);
    roster_init(&self->roster, SWITCH_PEERS_MAX);
    for (int role = 0; role < ROLE_COUNT; role++)
        self->alone[role] = ROSTER_NONE;
    return self;
}

static void
entry_fini(struct entry *entry)
{
    free(entry->host);
    free(entry->serves);
    *entry = (struct entry){0};
}

void
switch_destroy(struct switch_board **self_p)
{
    struct switch_board *self = *self_p;

    if (self == NULL)
        return;
    for (uint32_t i = 0; i < SWITCH_PEERS_MAX; i++)
        entry_fini(&self->entries[i]);
    for (int channel = 0; channel < CHANNEL_COUNT; channel++)
        free(self->wires[channel]);
    roster_fini(&self->roster);
    free(self);
    *self_p = NULL;
}

const struct switch_counts *
switch_counts(const struct switch_board *self)
{
    return &self->counts;
}

/* At most a line a second of each kind: whoever sends rubbish must not fill the disk. */
static void
note(struct switch_board *self, enum trouble trouble, uint64_t now_ms)
{
    self->troubles[trouble].count++;
    if (self->troubles[trouble].said_ms != 0 && now_ms < self->troubles[trouble].said_ms + QUIET_MS)
        return;
    log_line(LOG_WARNING, "broker", "%" PRIu64 " %s", self->troubles[trouble].count, trouble_names[trouble]);
    self->troubles[trouble].said_ms = now_ms;
    self->troubles[trouble].count = 0;
}

static enum switch_verdict
drop(struct switch_board *self, enum trouble trouble, uint64_t *counter, uint64_t now_ms)
{
    ++*counter;
    note(self, trouble, now_ms);
    return SWITCH_DROP;
}

void
switch_malformed(struct switch_board *self, uint64_t now_ms)
{
    drop(self, MALFORMED, &self->counts.malformed, now_ms);
}

/* ---- connections ---- */

static struct wire *
wire_of(struct switch_board *self, enum channel channel, int fd)
{
    if (fd < 0 || fd >= FD_MAX)
        return NULL;
    if (fd >= self->wire_count[channel]) {
        int count = fd + 64;

        self->wires[channel] = realloc(self->wires[channel], (size_t)count * sizeof *self->wires[channel]);
        ASSERT(self->wires[channel] != NULL);
        for (int i = self->wire_count[channel]; i < count; i++)
            self->wires[channel][i] = (struct wire){.slot = ROSTER_NONE};
        self->wire_count[channel] = count;
    }
    return &self->wires[channel][fd];
}

void
switch_accepted(struct switch_board *self, enum channel channel, int fd)
{
    struct wire *wire = wire_of(self, channel, fd);

    if (wire == NULL)
        return;
    if (channel == CHANNEL_CONTROL && !wire->open)
        self->connections++;
    *wire = (struct wire){.slot = ROSTER_NONE, .open = true};
}

uint32_t
switch_connections(const struct switch_board *self)
{
    return self->connections;
}

/* Notes by which connection a peer came. False when that one has ended already: nobody is there to be greeted. */
static bool
attach(struct switch_board *self, uint32_t slot, enum channel channel, int fd)
{
    struct wire *wire = wire_of(self, channel, fd);

    self->entries[slot].fd[channel] = fd;
    if (wire == NULL)
        return true;
    if (wire->ended)
        return false;
    wire->slot = slot;
    return true;
}

/* ---- letters of the broker's own ---- */

static void
tell(struct switch_board *self, uint32_t slot, enum message_type type, const void *message, struct outbox *out)
{
    struct envelope head = {.run = self->run, .epoch = self->epoch, .seq = ++self->entries[slot].told};

    outbox_send_message(out, CHANNEL_CONTROL, &self->roster.ids[slot], &head, type, message);
}

static void
tell_up(struct switch_board *self, uint32_t world, uint32_t slot, struct outbox *out)
{
    const struct entry *entry = &self->entries[slot];
    struct peer_up up = {.peer = self->roster.ids[slot], .role = entry->role};

    text_copy(up.serves, sizeof up.serves, entry->serves);
    tell(self, world, MSG_PEER_UP, &up, out);
}

static void
tell_welcome(struct switch_board *self, uint32_t slot, struct outbox *out)
{
    struct welcome welcome = {.heartbeat_ms = self->options.heartbeat_ms};

    if (self->alone[ROLE_WORLD] != ROSTER_NONE && self->alone[ROLE_WORLD] != slot) {
        welcome.run = self->run;
        welcome.epoch = self->epoch;
    }
    text_copy(welcome.events, sizeof welcome.events, self->options.events);
    text_copy(welcome.data, sizeof welcome.data, self->options.data);
    text_copy(welcome.fetch, sizeof welcome.fetch, self->options.fetch);
    tell(self, slot, MSG_WELCOME, &welcome, out);
}

/* ---- coming and going ---- */

static void consider(struct switch_board *self, uint32_t slot, uint64_t now_ms, struct outbox *out);

/* Forgets a peer. The world hears of it when it was present, and one who was held in its place may come in. */
static void
forget(struct switch_board *self, uint32_t slot, const char *cause, uint64_t now_ms, struct outbox *out)
{
    struct entry *entry = &self->entries[slot];
    struct peer_down down = {.peer = self->roster.ids[slot], .role = entry->role};
    uint32_t world = self->alone[ROLE_WORLD];
    bool was_alone = entry->present && rights_is_single(entry->role);

    if (entry->present) {
        log_line(LOG_INFO, "broker", "%s %02x%02x%02x%02x is gone (%s)", role_name(entry->role), down.peer.id[0],
                 down.peer.id[1], down.peer.id[2], down.peer.id[3], cause);
        text_copy(down.cause, sizeof down.cause, cause);
        if (world != ROSTER_NONE && world != slot)
            tell(self, world, MSG_PEER_DOWN, &down, out);
    }
    if (was_alone)
        self->alone[entry->role] = ROSTER_NONE;
    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        struct wire *wire = wire_of(self, (enum channel)channel, entry->fd[channel]);

        if (wire != NULL && wire->slot == slot)
            wire->slot = ROSTER_NONE;
    }
    entry_fini(entry);
    roster_remove(&self->roster, slot);
    if (was_alone)
        for (uint32_t i = 0; i < SWITCH_PEERS_MAX; i++)
            if (self->roster.used[i] && !self->entries[i].present && self->entries[i].role == (enum role)down.role)
                consider(self, i, now_ms, out);
}

static void
reject(struct switch_board *self, uint32_t slot, int code, const char *text, uint64_t now_ms, struct outbox *out)
{
    struct reject message = {.code = (uint32_t)code};

    self->counts.rejected++;
    log_line(LOG_WARNING, "broker", "refused: %s", text);
    text_copy(message.text, sizeof message.text, text);
    tell(self, slot, MSG_REJECT, &message, out);
    forget(self, slot, "rejected", now_ms, out);
}

/* Lets a peer in when nothing stands against it any more. */
static void
consider(struct switch_board *self, uint32_t slot, uint64_t now_ms, struct outbox *out)
{
    struct entry *entry = &self->entries[slot];
    uint32_t other = self->alone[entry->role];

    if (!entry->greeted || !entry->heard || entry->present)
        return;
    if (rights_is_single(entry->role) && other != ROSTER_NONE) {
        /* The same process has connected again: its old connection is dead, whether that was noticed or not. */
        if (self->entries[other].pid != entry->pid || strcmp(self->entries[other].host, entry->host) != 0)
            return;
        forget(self, other, "disconnect", now_ms, out); /* comes back here for this slot, or for another one held */
        return;
    }
    entry->present = true;
    entry->seen_ms = now_ms;
    if (rights_is_single(entry->role))
        self->alone[entry->role] = slot;
    log_line(LOG_INFO, "broker", "%s %02x%02x%02x%02x is here (process %" PRIu64 " on %s)", role_name(entry->role),
             self->roster.ids[slot].id[0], self->roster.ids[slot].id[1], self->roster.ids[slot].id[2],
             self->roster.ids[slot].id[3], entry->pid, entry->host);
    /* The world must know of a peer before the peer's first letter, so it is told first. */
    if (entry->role != ROLE_WORLD && self->alone[ROLE_WORLD] != ROSTER_NONE)
        tell_up(self, self->alone[ROLE_WORLD], slot, out);
    tell_welcome(self, slot, out);
    if (entry->role == ROLE_WORLD)
        for (uint32_t i = 0; i < SWITCH_PEERS_MAX; i++)
            if (i != slot && self->roster.used[i] && self->entries[i].present)
                tell_up(self, slot, i, out);
}

/* The entry of a peer that says hello; ROSTER_NONE when the table is full. */
static uint32_t
entry_of(struct switch_board *self, const struct peer *peer, uint64_t now_ms)
{
    uint32_t slot = roster_find(&self->roster, peer);

    if (slot != ROSTER_NONE)
        return slot;
    slot = roster_add(&self->roster, peer);
    if (slot != ROSTER_NONE) {
        self->entries[slot] = (struct entry){.since_ms = now_ms, .seen_ms = now_ms};
        for (int channel = 0; channel < CHANNEL_COUNT; channel++)
            self->entries[slot].fd[channel] = -1;
    }
    return slot;
}

/* What a hello says against the options: the first thing that is wrong. */
static int
hello_check(const struct switch_board *self, const struct hello *hello, struct why *why)
{
    char who[320];

    snprintf(who, sizeof who, "%s (process %" PRIu64 " on %s)", role_name(hello->role), hello->pid, hello->host);
    if (hello->role <= ROLE_BROKER || hello->role >= ROLE_COUNT)
        return fail(why, ERR_UNKNOWN, "nobody connects to a broker as role %" PRIu32, hello->role);
    if (hello->schema != self->options.schema)
        return fail(why, ERR_VERSION, "%s speaks another version of the messages: %016" PRIx64 ", here %016" PRIx64,
                    who, hello->schema, self->options.schema);
    if (!self->options.mixed_builds && strcmp(hello->build, self->options.build) != 0)
        return fail(why, ERR_VERSION, "%s is another build: %s, here %s; start all from one program file", who,
                    hello->build, self->options.build);
    if (hello->canary != self->options.canary)
        return fail(why, ERR_DIGEST, "%s computes other numbers: canary %016" PRIx64 ", here %016" PRIx64
                    "; it would change the results", who, hello->canary, self->options.canary);
    return 0;
}

static void
on_hello(struct switch_board *self, const struct letter *letter, int fd, uint64_t now_ms, struct outbox *out)
{
    struct hello hello;
    struct why why = {0};
    struct entry *entry;
    uint32_t slot = entry_of(self, &letter->peer, now_ms);

    if (slot == ROSTER_NONE) {
        drop(self, UNKNOWN_SOURCE, &self->counts.unknown_source, now_ms);
        return;
    }
    entry = &self->entries[slot];
    if (entry->present || (letter->channel == CHANNEL_CONTROL ? entry->greeted : entry->heard)) {
        switch_malformed(self, now_ms);
        return;
    }
    entry->seq[letter->channel] = letter->head.seq;
    if (!attach(self, slot, letter->channel, fd)) {
        forget(self, slot, "disconnect", now_ms, out);
        return;
    }
    if (letter->channel == CHANNEL_DATA) {
        entry->heard = true;
        consider(self, slot, now_ms, out);
        return;
    }
    if (message_unpack(MSG_HELLO, letter->payload, letter->size, &hello, &why) != 0 ||
        hello_check(self, &hello, &why) != 0) {
        reject(self, slot, why.code, why.text, now_ms, out);
        return;
    }
    entry->role = (enum role)hello.role;
    entry->pid = hello.pid;
    entry->host = strdup(hello.host);
    entry->serves = strdup(hello.serves);
    ASSERT(entry->host != NULL && entry->serves != NULL);
    entry->greeted = true;
    entry->heard = entry->heard || !rights_has_data(entry->role);
    consider(self, slot, now_ms, out);
}

/* Goodbye holds when it was said on every channel that carries letters which must arrive. */
static void
on_bye(struct switch_board *self, uint32_t slot, enum channel channel, uint64_t now_ms, struct outbox *out)
{
    struct entry *entry = &self->entries[slot];
    struct bye_ack ack = {.epoch = self->epoch};

    entry->bye[channel] = true;
    if (!entry->bye[CHANNEL_CONTROL] || (rights_has_data(entry->role) && !entry->bye[CHANNEL_DATA]))
        return;
    tell(self, slot, MSG_BYE_ACK, &ack, out);
    forget(self, slot, "bye", now_ms, out);
}

static void
on_exit_of(struct switch_board *self, const struct letter *letter, uint64_t now_ms, struct outbox *out)
{
    struct proc_exit message;

    if (message_unpack(MSG_PROC_EXIT, letter->payload, letter->size, &message, NULL) != 0) {
        switch_malformed(self, now_ms);
        return;
    }
    for (uint32_t i = 0; i < SWITCH_PEERS_MAX; i++) {
        const struct entry *entry = &self->entries[i];

        if (self->roster.used[i] && entry->greeted && entry->pid == message.pid &&
            strcmp(entry->host, self->options.host) == 0) {
            self->counts.lost++;
            forget(self, i, "exit", now_ms, out);
        }
    }
}

void
switch_receive(struct switch_board *self, const struct letter *letter, int fd, uint64_t now_ms, struct outbox *out)
{
    uint32_t slot = roster_find(&self->roster, &letter->peer);
    struct pong pong = {.epoch = self->epoch};

    if (letter->head.type == MSG_HELLO) {
        on_hello(self, letter, fd, now_ms, out);
        return;
    }
    if (slot == ROSTER_NONE)
        return;
    switch (letter->head.type) {
    case MSG_PING:
        tell(self, slot, MSG_PONG, &pong, out);
        break;
    case MSG_BYE:
        on_bye(self, slot, letter->channel, now_ms, out);
        break;
    case MSG_PROC_EXIT:
        on_exit_of(self, letter, now_ms, out);
        break;
    default:
        break;
    }
}

void
switch_disconnected(struct switch_board *self, enum channel channel, int fd, uint64_t now_ms, struct outbox *out)
{
    struct wire *wire = wire_of(self, channel, fd);
    uint32_t slot;

    if (wire == NULL)
        return;
    slot = wire->slot;
    if (channel == CHANNEL_CONTROL && wire->open)
        self->connections--;
    *wire = (struct wire){.slot = ROSTER_NONE, .ended = true};
    if (slot != ROSTER_NONE) {
        self->counts.lost++;
        forget(self, slot, "disconnect", now_ms, out);
    }
}

void
switch_unreachable(struct switch_board *self, const struct peer *peer, uint64_t now_ms, struct outbox *out)
{
    uint32_t slot = roster_find(&self->roster, peer);

    if (slot == ROSTER_NONE)
        return;
    self->counts.lost++;
    forget(self, slot, "disconnect", now_ms, out);
}

void
switch_stuck(struct switch_board *self, const struct peer *peer, uint64_t now_ms, struct outbox *out)
{
    uint32_t slot = roster_find(&self->roster, peer);

    if (slot == ROSTER_NONE)
        return;
    self->counts.evicted++;
    forget(self, slot, "evicted", now_ms, out);
}

void
switch_tick(struct switch_board *self, uint64_t now_ms, struct outbox *out)
{
    /* When this process itself was asleep, its silence is no one else's. */
    bool slept = self->ticked_ms != 0 && now_ms > self->ticked_ms + 2u * self->options.heartbeat_ms;

    self->ticked_ms = now_ms;
    for (uint32_t i = 0; i < SWITCH_PEERS_MAX; i++) {
        struct entry *entry = &self->entries[i];

        if (!self->roster.used[i])
            continue;
        if (slept)
            entry->seen_ms = now_ms;
        if (!entry->present && entry->greeted && entry->heard) {
            if (now_ms >= entry->since_ms + self->options.hold_ms)
                reject(self, i, ERR_STATE, "there is another process of this role already", now_ms, out);
        } else if (!entry->present) {
            if (now_ms >= entry->since_ms + GREETING_MS)
                forget(self, i, "half a hello", now_ms, out);
        } else if (self->options.evict_ms != 0 && entry->role != ROLE_WORLD &&
                   now_ms >= entry->seen_ms + self->options.evict_ms) {
            self->counts.evicted++;
            forget(self, i, "evicted", now_ms, out);
        }
    }
}

/* ---- letters between peers ---- */

static void
note_seq(struct switch_board *self, struct entry *entry, enum channel channel, uint64_t seq, uint64_t now_ms)
{
    if (seq != entry->seq[channel] + 1) {
        self->counts.gaps++;
        note(self, GAP, now_ms);
    }
    entry->seq[channel] = seq;
}

/* Who is meant, and as what; ROLE_NONE when nobody. */
static enum role
resolve(const struct switch_board *self, const struct peer *named, struct peer *to)
{
    enum role alias = rights_alias(named);
    uint32_t slot;

    if (alias == ROLE_BROKER) {
        *to = PEER_BROKER;
        return ROLE_BROKER;
    }
    slot = alias != ROLE_NONE ? self->alone[alias] : roster_find(&self->roster, named);
    if (slot == ROSTER_NONE || !self->entries[slot].present)
        return ROLE_NONE;
    *to = self->roster.ids[slot];
    return self->entries[slot].role;
}

/* A role that never may send a type is told apart from one that names somebody who is not there. */
static bool
may_send(const struct switch_board *self, uint16_t type, enum role from, enum channel channel)
{
    return type < MSG_COUNT && (self->rights.rows[type].channels >> channel & 1) != 0 &&
           (self->rights.rows[type].from >> from & 1) != 0;
}

enum switch_verdict
switch_route(struct switch_board *self, const struct switch_frames *frames, uint64_t now_ms, struct envelope *head,
             struct peer *to)
{
    struct peer source, named;
    struct entry *entry;
    enum role to_role;
    uint32_t slot;

    if (frames->source_size != sizeof source.id || frames->destination_size != sizeof named.id ||
        ((const uint8_t *)frames->source)[0] == 0 ||
        envelope_read(frames->header, frames->header_size, head, NULL) != 0 ||
        head->payload_size != frames->payload_size)
        return drop(self, MALFORMED, &self->counts.malformed, now_ms);
    memcpy(source.id, frames->source, sizeof source.id);
    memcpy(named.id, frames->destination, sizeof named.id);
    if (head->type == MSG_HELLO && peer_equal(&named, &PEER_BROKER) &&
        (frames->channel == CHANNEL_CONTROL || frames->channel == CHANNEL_DATA)) {
        self->counts.own++;
        return SWITCH_OWN;
    }
    slot = roster_find(&self->roster, &source);
    if (slot == ROSTER_NONE || !self->entries[slot].present)
        return drop(self, UNKNOWN_SOURCE, &self->counts.unknown_source, now_ms);
    entry = &self->entries[slot];
    entry->seen_ms = now_ms;
    note_seq(self, entry, frames->channel, head->seq, now_ms);
    if (!may_send(self, head->type, entry->role, frames->channel))
        return drop(self, UNAUTHORISED, &self->counts.unauthorised, now_ms);
    to_role = resolve(self, &named, to);
    if (to_role == ROLE_NONE) {
        /* Nothing to worry about: who it was for has just gone, or has not come yet. */
        self->counts.unknown_destination++;
        return SWITCH_DROP;
    }
    if (!rights_allow(&self->rights, head->type, entry->role, to_role, frames->channel))
        return drop(self, UNAUTHORISED, &self->counts.unauthorised, now_ms);
    if (to_role != ROLE_BROKER) {
        self->counts.forwarded++;
        return SWITCH_FORWARD;
    }
    if (head->type != MSG_EPOCH) {
        self->counts.own++;
        return SWITCH_OWN;
    }
    self->run = head->run;
    self->epoch = head->epoch;
    self->counts.relayed++;
    return SWITCH_RELAY;
}

bool
switch_allows_event(struct switch_board *self, size_t topic_size, const void *header, size_t header_size,
                    size_t payload_size, uint64_t now_ms)
{
    struct envelope head;

    if (topic_size != 1 || envelope_read(header, header_size, &head, NULL) != 0 || head.payload_size != payload_size) {
        switch_malformed(self, now_ms);
        return false;
    }
    if (!may_send(self, head.type, ROLE_WORLD, CHANNEL_EVENT)) {
        drop(self, UNAUTHORISED, &self->counts.unauthorised, now_ms);
        return false;
    }
    self->counts.forwarded++;
    return true;
}

bool
switch_next(const struct switch_board *self, uint32_t *cursor, struct peer *out, enum role *role)
{
    while (*cursor < SWITCH_PEERS_MAX) {
        uint32_t slot = (*cursor)++;

        if (self->roster.used[slot] && self->entries[slot].present) {
            *out = self->roster.ids[slot];
            *role = self->entries[slot].role;
            return true;
        }
    }
    return false;
}

uint32_t
switch_workers(const struct switch_board *self)
{
    uint32_t cursor = 0, count = 0;
    struct peer peer;
    enum role role;

    while (switch_next(self, &cursor, &peer, &role))
        count += rights_has_data(role) ? 1 : 0;
    return count;
}
