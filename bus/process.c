#include "bus/process.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include <zmq.h>

#include "bus/canary.h"
#include "bus/clock.h"
#include "bus/link.h"
#include "bus/roster.h"
#include "bus/signals.h"
#include "bus/socket.h"
#include "bus/waiter.h"
#include "core/assert.h"
#include "core/log.h"
#include "core/text.h"

#define REOPEN_MS 10u           /* before a lost link is opened again */
#define HELLO_TIMEOUT_MS 10000u /* the broker may hold a hello for a while, see broker/switch.h */
#define BYE_TIMEOUT_MS 2000u
#define PARK_MS 500u            /* how long data wait for the PEER_UP they overtook */
#define PONGS_MISSED 3u
#define SENDERS_MAX 4096u
#define HEARTBEAT_MS 1000u      /* until WELCOME names another */

static const uint32_t burst[CHANNEL_COUNT] = {
    [CHANNEL_CONTROL] = 256, [CHANNEL_DATA] = 32, [CHANNEL_EVENT] = 256, [CHANNEL_FETCH] = 32};

/* 1. WAITING has no sockets; the others have. 2. The actor's letters are sent in CONNECTED only. 3. LEAVING is entered
 * from CONNECTED only, and everything the actor sent went before the BYE. */
enum state { WAITING, GREETING, CONNECTED, LEAVING, ENDED };

/* Items of the waiter: each channel's socket, each one's watcher, and two descriptors. */
#define ITEM_WATCHER(channel) ((uint32_t)(CHANNEL_COUNT + (channel)))
#define ITEM_SIGNAL ((uint32_t)(2 * CHANNEL_COUNT))
#define ITEM_READY ((uint32_t)(2 * CHANNEL_COUNT + 1))

/* What is known of those who write to us; by slot of the roster. */
struct sender {
    uint64_t seq[CHANNEL_COUNT];
    bool is_up, is_gone; /* the world's view: between PEER_UP and PEER_DOWN */
};

struct process {
    const struct process_options *options;
    const struct actor *actor;
    const char *who;
    struct place place;
    void *context;
    struct link link;
    struct waiter waiter;
    struct outbox outbox;
    struct hello hello;
    enum state state;
    uint64_t now_ms;
    uint64_t state_ms;     /* when the state was entered; WAITING: when it ends */
    uint64_t unwelcome_ms; /* since when nobody has welcomed us */
    uint64_t heard_ms, pinged_ms; /* pinged_ms: of the ping that is unanswered, or CLOCK_NEVER */
    uint64_t sent_ms;
    uint32_t heartbeat_ms;
    int signal_fd;
    struct roster roster;
    struct sender *senders;
    bool is_parked;
    struct link_letter parked; /* data from one who is not announced yet */
    uint64_t parked_ms;
    uint64_t gaps, unannounced;
    int status;
};

/* A log line, unless the caller wants none. */
#define SAY(self, level, ...) ((self)->options->quiet ? (void)0 : log_line(level, (self)->who, __VA_ARGS__))

static void
enter(struct process *self, enum state state)
{
    self->state = state;
    self->state_ms = self->now_ms;
}

static void
unpark(struct process *self)
{
    if (!self->is_parked)
        return;
    link_letter_fini(&self->parked);
    self->is_parked = false;
    waiter_touch(&self->waiter, CHANNEL_DATA);
}

/* The waiter looks after the sockets of an open link. The event socket, which outlives links, is always there. */
static void
watch(struct process *self)
{
    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        const struct link_line *line = &self->link.lines[channel];

        if (channel == CHANNEL_EVENT || line->socket == NULL)
            continue;
        waiter_add_socket(&self->waiter, (uint32_t)channel, line->socket);
        waiter_add_socket(&self->waiter, ITEM_WATCHER(channel), line->watcher);
    }
}

static void
unwatch(struct process *self)
{
    for (int channel = 0; channel < CHANNEL_COUNT; channel++)
        if (channel != CHANNEL_EVENT) {
            waiter_remove(&self->waiter, (uint32_t)channel);
            waiter_remove(&self->waiter, ITEM_WATCHER(channel));
        }
}

/* Sends, and has the socket looked at afterwards (see bus/waiter.h). */
static void
send_out(struct process *self, struct outbox_parcel *parcel)
{
    enum channel channel = parcel->channel;

    if (channel == CHANNEL_CONTROL)
        self->sent_ms = self->now_ms;
    link_send(&self->link, parcel);
    waiter_touch(&self->waiter, (uint32_t)channel);
}

/* Ends this incarnation; the next one begins in a moment. */
static void
lose(struct process *self, const char *reason)
{
    SAY(self, LOG_WARNING, "%s; connecting again", reason);
    unpark(self);
    unwatch(self);
    link_close(&self->link);
    roster_clear(&self->roster);
    if (self->state >= CONNECTED)
        self->unwelcome_ms = self->now_ms;
    if (self->state == LEAVING) {
        enter(self, ENDED); /* whom should it say goodbye to */
        return;
    }
    enter(self, WAITING);
    self->state_ms += REOPEN_MS;
}

static void
send_own(struct process *self, enum channel channel, enum message_type type, const void *message)
{
    struct outbox_parcel parcel = {.channel = channel, .to = PEER_BROKER, .head = {.type = (uint16_t)type}};
    struct buffer payload = {0};

    if (message != NULL) {
        message_pack(type, message, &payload);
        parcel.bytes = buffer_take(&payload, &parcel.size);
    }
    send_out(self, &parcel);
}

static void
greet(struct process *self)
{
    struct why why = {0};

    if (link_open(&self->link, &why) != 0) {
        lose(self, why.text);
        return;
    }
    watch(self);
    self->hello.last_epoch = self->outbox.epoch;
    send_own(self, CHANNEL_CONTROL, MSG_HELLO, &self->hello);
    if (self->link.lines[CHANNEL_DATA].socket != NULL)
        send_own(self, CHANNEL_DATA, MSG_HELLO, NULL);
    self->heard_ms = self->now_ms;
    self->pinged_ms = CLOCK_NEVER;
    enter(self, GREETING);
}

/* Sends what the actor wrote. Without a connection only events go out, and those to nobody. */
static void
flush(struct process *self)
{
    struct outbox_parcel parcel;

    while (outbox_queue_pop(&self->outbox.queue, &parcel)) {
        if (self->state == CONNECTED || parcel.channel == CHANNEL_EVENT) {
            send_out(self, &parcel);
        } else {
            free(parcel.bytes);
            self->link.counts.dropped++;
        }
    }
}

static void
on_welcome(struct process *self, const struct letter *letter)
{
    struct welcome welcome;
    struct why why = {0};

    if (self->state != GREETING)
        return;
    if (message_unpack(MSG_WELCOME, letter->payload, letter->size, &welcome, &why) != 0) {
        lose(self, why.text);
        return;
    }
    self->heartbeat_ms = welcome.heartbeat_ms;
    if (self->actor->role != ROLE_WORLD)
        outbox_identity(&self->outbox, welcome.run, welcome.epoch);
    enter(self, CONNECTED);
    SAY(self, LOG_INFO, "connected as %02x%02x%02x%02x, world epoch %" PRIu32, self->link.id.id[0],
             self->link.id.id[1], self->link.id.id[2], self->link.id.id[3], welcome.epoch);
    if (!self->outbox.stopped)
        self->actor->start(self->actor->self, self->now_ms, &self->outbox);
}

static void
on_reject(struct process *self, const struct letter *letter)
{
    struct reject reject = {0};
    struct why why = {0};
    int code = ERR_DENIED;

    if (message_unpack(MSG_REJECT, letter->payload, letter->size, &reject, &why) == 0) {
        code = reject.code > ERR_OK && reject.code < ERROR_COUNT ? (int)reject.code : ERR_DENIED;
        fail(&why, code, "the broker refuses this process: %s", reject.text);
    }
    SAY(self, LOG_ERROR, "%s", why.text);
    if (self->options->why != NULL)
        *self->options->why = why;
    self->status = EX_CONFIG;
    enter(self, ENDED);
}

/* Letters that are the bus's own affair. True when the actor need not see it. */
static bool
on_own(struct process *self, const struct letter *letter)
{
    switch (letter->head.type) {
    case MSG_WELCOME:
        on_welcome(self, letter);
        return true;
    case MSG_REJECT:
        on_reject(self, letter);
        return true;
    case MSG_PONG:
        return true;
    case MSG_BYE_ACK:
        if (self->state == LEAVING)
            enter(self, ENDED);
        return true;
    default:
        return false;
    }
}

/* The sender's entry, made when it is new. When the table is full it is emptied of those who are gone. */
static struct sender *
sender_of(struct process *self, const struct peer *peer)
{
    uint32_t slot = roster_find(&self->roster, peer);

    if (slot != ROSTER_NONE)
        return &self->senders[slot];
    if (self->roster.count == self->roster.capacity)
        for (uint32_t i = 0; i < self->roster.capacity; i++)
            if (self->roster.used[i] && (self->senders[i].is_gone || !self->senders[i].is_up))
                roster_remove(&self->roster, i);
    slot = roster_add(&self->roster, peer);
    if (slot == ROSTER_NONE)
        return NULL;
    self->senders[slot] = (struct sender){0};
    return &self->senders[slot];
}

/* Each sender's numbers rise within a channel (the broker checks that none is missing, for it sees them all). */
static void
note_seq(struct process *self, struct sender *sender, const struct letter *letter)
{
    if (sender == NULL || letter->channel == CHANNEL_EVENT)
        return;
    if (letter->head.seq <= sender->seq[letter->channel]) {
        self->gaps++;
        SAY(self, LOG_WARNING, "letter %" PRIu64 " came after %" PRIu64 " of the same sender",
                 letter->head.seq, sender->seq[letter->channel]);
    }
    sender->seq[letter->channel] = letter->head.seq;
}

static void
note_peer(struct process *self, const struct letter *letter)
{
    struct peer_up up;
    struct peer_down down;
    struct sender *sender;

    if (letter->head.type == MSG_PEER_UP &&
        message_unpack(MSG_PEER_UP, letter->payload, letter->size, &up, NULL) == 0) {
        sender = sender_of(self, &up.peer);
        if (sender != NULL)
            sender->is_up = true;
    } else if (letter->head.type == MSG_PEER_DOWN &&
               message_unpack(MSG_PEER_DOWN, letter->payload, letter->size, &down, NULL) == 0) {
        sender = sender_of(self, &down.peer);
        if (sender != NULL)
            sender->is_gone = true;
    }
}

/* A world that came back has a new epoch; other processes stamp it on what they send from now on. */
static void
note_epoch(struct process *self, const struct letter *letter)
{
    if (self->actor->role != ROLE_WORLD)
        outbox_identity(&self->outbox, letter->head.run, letter->head.epoch);
}

static void
deliver(struct process *self, const struct letter *letter, struct sender *sender)
{
    note_seq(self, sender, letter);
    if (letter->channel == CHANNEL_CONTROL) {
        self->heard_ms = self->now_ms;
        self->pinged_ms = CLOCK_NEVER;
        if (peer_equal(&letter->peer, &PEER_BROKER)) {
            if (on_own(self, letter))
                return;
            note_peer(self, letter);
        } else if (letter->head.type == MSG_EPOCH) {
            note_epoch(self, letter);
        }
    }
    if (self->state == CONNECTED && !self->outbox.stopped)
        self->actor->receive(self->actor->self, self->now_ms, letter, &self->outbox);
}

/* Takes at most a burst of letters. Data that overtook their sender's PEER_UP are parked, and the data behind them
 * wait; data of one who is gone are dropped, as the actor was told that none would come. */
static void
drain(struct process *self, enum channel channel)
{
    struct link_letter in;

    for (uint32_t i = 0; i < burst[channel] && self->state != WAITING && self->state != ENDED; i++) {
        struct sender *sender;

        if (channel == CHANNEL_DATA && self->is_parked)
            return;
        if (!link_receive(&self->link, channel, &in)) {
            waiter_take(&self->waiter, (uint32_t)channel);
            return;
        }
        sender = channel == CHANNEL_EVENT ? NULL : sender_of(self, &in.letter.peer);
        if (channel == CHANNEL_DATA && self->actor->role == ROLE_WORLD && (sender == NULL || !sender->is_up)) {
            link_letter_move(&self->parked, &in);
            self->is_parked = true;
            self->parked_ms = self->now_ms;
            return;
        }
        if (sender == NULL || !sender->is_gone)
            deliver(self, &in.letter, sender);
        link_letter_fini(&in);
    }
    waiter_touch(&self->waiter, (uint32_t)channel);
}

/* Lets the parked letter go on when its sender has been announced, or drops it when that took too long. */
static void
settle(struct process *self)
{
    uint32_t slot;

    if (!self->is_parked)
        return;
    slot = roster_find(&self->roster, &self->parked.letter.peer);
    if (slot != ROSTER_NONE && self->senders[slot].is_up) {
        if (!self->senders[slot].is_gone)
            deliver(self, &self->parked.letter, &self->senders[slot]);
    } else if (self->now_ms < self->parked_ms + PARK_MS) {
        return;
    } else {
        self->unannounced++;
    }
    unpark(self);
}

static void
on_signal(struct process *self, enum actor_signal signal)
{
    if (self->actor->signal != NULL)
        self->actor->signal(self->actor->self, self->now_ms, signal, &self->outbox);
    else if (signal == ACTOR_FINISH || signal == ACTOR_CHECKPOINT)
        outbox_stop(&self->outbox, EX_OK);
    if (signal == ACTOR_DUMP)
        SAY(self, LOG_INFO,
                 "state %d, sent %" PRIu64 ", received %" PRIu64 ", malformed %" PRIu64 ", dropped %" PRIu64
                 ", out of order %" PRIu64 ", unannounced %" PRIu64,
                 (int)self->state, self->link.counts.sent, self->link.counts.received, self->link.counts.malformed,
                 self->link.counts.dropped, self->gaps, self->unannounced);
}

/* Signs of life both ways, and goodbye. */
static void
keep(struct process *self)
{
    static const struct ping ping = {0};
    static const struct bye bye = {.reason = "done"};

    if (self->state == CONNECTED && self->outbox.stopped) {
        send_own(self, CHANNEL_CONTROL, MSG_BYE, &bye);
        if (self->link.lines[CHANNEL_DATA].socket != NULL)
            send_own(self, CHANNEL_DATA, MSG_BYE, NULL);
        enter(self, LEAVING);
    }
    if (self->outbox.stopped && (self->state == WAITING || self->state == GREETING))
        enter(self, ENDED);
    if (self->state == LEAVING && self->now_ms >= self->state_ms + BYE_TIMEOUT_MS) {
        SAY(self, LOG_WARNING, "the broker did not answer the goodbye");
        enter(self, ENDED);
    }
    if (self->state == GREETING && self->now_ms >= self->state_ms + HELLO_TIMEOUT_MS)
        lose(self, "no answer to hello");
    if (self->state == CONNECTED && self->pinged_ms == CLOCK_NEVER &&
        self->now_ms >= clock_earlier(self->sent_ms, self->heard_ms) + self->heartbeat_ms) {
        send_own(self, CHANNEL_CONTROL, MSG_PING, &ping);
        self->heard_ms = self->now_ms;
        self->pinged_ms = self->now_ms;
    }
    if (self->state == CONNECTED && self->pinged_ms != CLOCK_NEVER &&
        self->now_ms >= self->pinged_ms + PONGS_MISSED * self->heartbeat_ms)
        lose(self, "the broker does not answer");
    if (self->state == WAITING && self->now_ms >= self->state_ms)
        greet(self);
    if (self->state < CONNECTED && self->options->connect_timeout_ms != 0 &&
        self->now_ms >= self->unwelcome_ms + self->options->connect_timeout_ms) {
        SAY(self, LOG_ERROR, "no broker at %s", self->options->place);
        fail(self->options->why, ERR_TIMEOUT, "no broker at %s", self->options->place);
        self->status = EX_UNAVAILABLE;
        enter(self, ENDED);
    }
}

static int
timeout(const struct process *self)
{
    uint64_t at = self->outbox.wake_ms, now = clock_ms();

    switch (self->state) {
    case WAITING:
        at = clock_earlier(at, self->state_ms);
        break;
    case GREETING:
        at = clock_earlier(at, self->state_ms + HELLO_TIMEOUT_MS);
        break;
    case CONNECTED:
        at = clock_earlier(at, self->pinged_ms == CLOCK_NEVER
                                   ? clock_earlier(self->sent_ms, self->heard_ms) + self->heartbeat_ms
                                   : self->pinged_ms + PONGS_MISSED * self->heartbeat_ms);
        break;
    case LEAVING:
        at = clock_earlier(at, self->state_ms + BYE_TIMEOUT_MS);
        break;
    default:
        return 0;
    }
    if (self->state < CONNECTED && self->options->connect_timeout_ms != 0)
        at = clock_earlier(at, self->unwelcome_ms + self->options->connect_timeout_ms);
    if (self->is_parked)
        at = clock_earlier(at, self->parked_ms + PARK_MS);
    return at <= now ? 0 : at - now > 60000 ? 60000 : (int)(at - now);
}

static void
turn(struct process *self)
{
    enum actor_signal signal;
    bool watched = false;

    waiter_wait(&self->waiter, timeout(self));
    self->now_ms = clock_ms();
    if (waiter_take(&self->waiter, ITEM_SIGNAL))
        while (signals_read(self->signal_fd, &signal))
            on_signal(self, signal);
    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        if (waiter_take(&self->waiter, ITEM_WATCHER(channel)))
            watched = true;
        if (waiter_take(&self->waiter, (uint32_t)channel)) {
            drain(self, (enum channel)channel);
            flush(self);
        }
    }
    settle(self);
    if (watched && self->state != ENDED && link_is_lost(&self->link) && self->state != WAITING)
        lose(self, "the connection to the broker is lost");
    if (waiter_take(&self->waiter, ITEM_READY) && !self->outbox.stopped)
        self->actor->ready(self->actor->self, self->now_ms, &self->outbox);
    if (outbox_wake_due(&self->outbox, self->now_ms) && !self->outbox.stopped)
        self->actor->tick(self->actor->self, self->now_ms, &self->outbox);
    flush(self);
    keep(self);
    self->waiter.due |= link_flush(&self->link);
}

/* What this process says of itself. */
static int
introduce(struct process *self, struct why *why)
{
    const struct process_options *options = self->options;
    struct hello *hello = &self->hello;
    char host[256] = "";

    hello->role = self->actor->role;
    hello->pid = (uint64_t)getpid();
    gethostname(host, sizeof host - 1);
    text_copy(hello->host, sizeof hello->host, host);
    if (!text_copy(hello->serves, sizeof hello->serves, self->actor->serves != NULL ? self->actor->serves : ""))
        return fail(why, ERR_LIMIT, "more policies are served than a hello can name");
    if (options->build != NULL)
        text_copy(hello->build, sizeof hello->build, options->build);
    else if (canary_build(hello->build, why) != 0)
        return why->code;
    hello->schema = options->schema != NULL ? *options->schema : proto_digest();
    hello->canary = options->canary != NULL ? *options->canary : canary_compute();
    return 0;
}

void
process_tune(void)
{
    mallopt(M_MMAP_THRESHOLD, 256 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

static int
run(struct process *self, struct why *why)
{
    int code = place_parse(self->options->place, &self->place, why);

    if (code == 0)
        code = place_open(&self->place, false, why);
    if (code == 0)
        code = introduce(self, why);
    if (code == 0)
        code = link_init(&self->link, self->context, &self->place, self->actor->role, why);
    if (code != 0)
        return code;
    if (self->link.lines[CHANNEL_EVENT].socket != NULL && self->actor->role != ROLE_WORLD)
        waiter_add_socket(&self->waiter, CHANNEL_EVENT, self->link.lines[CHANNEL_EVENT].socket);
    if (self->signal_fd >= 0)
        waiter_add_fd(&self->waiter, ITEM_SIGNAL, self->signal_fd);
    if (self->actor->ready != NULL && self->actor->ready_fd >= 0)
        waiter_add_fd(&self->waiter, ITEM_READY, self->actor->ready_fd);
    self->now_ms = clock_ms();
    self->unwelcome_ms = self->now_ms;
    enter(self, WAITING);
    while (self->state != ENDED)
        turn(self);
    unpark(self);
    return 0;
}

int
process_main(const struct process_options *options, const struct actor *actor)
{
    struct process *self = calloc(1, sizeof *self);
    struct why why = {0};
    int status;

    ASSERT(self != NULL);
    self->options = options;
    self->actor = actor;
    self->who = options->who != NULL ? options->who : role_name(actor->role);
    self->signal_fd = -1;
    self->place.folder_fd = -1;
    self->heartbeat_ms = HEARTBEAT_MS;
    outbox_init(&self->outbox);
    waiter_init(&self->waiter);
    if (!options->embedded) {
        process_tune();
        signals_block();
        self->signal_fd = signals_open();
        if (!signals_follow_parent(options->parent_pid))
            outbox_stop(&self->outbox, EX_UNAVAILABLE);
    }
    self->senders = calloc(SENDERS_MAX, sizeof *self->senders);
    ASSERT(self->senders != NULL);
    roster_init(&self->roster, SENDERS_MAX);
    self->context = socket_context_new(options->io_threads > 0 ? options->io_threads : 1);
    if (run(self, &why) != 0) {
        SAY(self, LOG_ERROR, "%s", why.text);
        if (options->why != NULL)
            *options->why = why;
        self->status = error_exit_status(why.code);
    }
    status = self->status != 0 ? self->status : self->outbox.status;
    for (uint32_t item = 0; item <= ITEM_READY; item++)
        waiter_remove(&self->waiter, item);
    waiter_fini(&self->waiter);
    if (self->link.context != NULL)
        link_fini(&self->link);
    zmq_ctx_term(self->context);
    place_close(&self->place);
    if (self->signal_fd >= 0)
        close(self->signal_fd);
    roster_fini(&self->roster);
    outbox_fini(&self->outbox);
    free(self->senders);
    free(self);
    return status;
}
