#include "broker/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include <zmq.h>

#include "broker/switch.h"
#include "bus/canary.h"
#include "bus/clock.h"
#include "bus/place.h"
#include "bus/process.h"
#include "bus/rights.h"
#include "bus/signals.h"
#include "bus/socket.h"
#include "bus/waiter.h"
#include "core/assert.h"
#include "core/log.h"
#include "core/text.h"

#define BURST 128u           /* messages of one socket before the others get their turn */
#define LEAVE_MS 2000u       /* for the working peers' goodbyes */
#define GRACE_MS 100u        /* for the last answers to be read */
#define STUCK_MS 1000u       /* a peer whose control queue is full for so long is put out */
#define STUCK_MAX 100000u    /* letters kept for such peers together */
#define RETRY_MS 5u
#define FRAMES_MAX 4u        /* source, destination, header, payload */
#define TOPIC_MAX 1u         /* longest subscription: the topics of events have one byte */

/* Doors are items of the waiter, too; so are the rest. */
enum { DOOR_CONTROL, DOOR_DATA, DOOR_FETCH, DOOR_EVENTS_IN, DOOR_EVENTS_OUT, DOORS };
enum { ITEM_WATCH = DOORS, ITEM_SIGNAL = DOORS + 2 };

static const enum socket_use uses[DOORS] = {
    [DOOR_CONTROL] = SOCKET_BROKER_CONTROL, [DOOR_DATA] = SOCKET_BROKER_DATA, [DOOR_FETCH] = SOCKET_BROKER_FETCH,
    [DOOR_EVENTS_IN] = SOCKET_BROKER_EVENTS_IN, [DOOR_EVENTS_OUT] = SOCKET_BROKER_EVENTS_OUT};
static const enum channel channels[] = {
    [DOOR_CONTROL] = CHANNEL_CONTROL, [DOOR_DATA] = CHANNEL_DATA, [DOOR_FETCH] = CHANNEL_FETCH};

/* The frames of one message. */
struct bundle {
    zmq_msg_t frames[FRAMES_MAX];
    uint32_t count;
};

/* A control letter that its receiver's queue would not take. */
struct stuck {
    struct peer to;
    uint64_t since_ms;
    struct bundle message; /* source, header, payload */
};

struct broker {
    const struct broker_options *options;
    struct place place;
    void *context;
    void *doors[DOORS];
    void *watch[2]; /* of control and data */
    struct waiter waiter;
    struct switch_board *board;
    struct outbox outbox; /* letters of the board's own */
    int signal_fd, lock_fd;
    uint64_t now_ms;
    struct stuck *stuck;
    size_t stuck_count, stuck_capacity;
    uint64_t tick_ms, leave_ms; /* leave_ms: CLOCK_NEVER while it stays */
    uint64_t alone_ms;          /* since when no working peer is left, while leaving */
    uint32_t heartbeat_ms;
    uint64_t dropped;           /* archive answers that a client did not read */
};

static void
bundle_fini(struct bundle *self)
{
    for (uint32_t i = 0; i < self->count; i++)
        zmq_msg_close(&self->frames[i]);
    self->count = 0;
}

/* Reads one whole message without waiting. Frames over the limit are thrown away; `count` tells them all. */
static bool
bundle_receive(void *socket, struct bundle *out, uint32_t *count)
{
    zmq_msg_t rest;

    out->count = 0;
    for (*count = 0;;) {
        zmq_msg_t *into = out->count < FRAMES_MAX ? &out->frames[out->count] : &rest;

        zmq_msg_init(into);
        if (zmq_msg_recv(into, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(into);
            bundle_fini(out);
            return false;
        }
        ++*count;
        if (into == &rest) {
            int more = zmq_msg_more(&rest);

            zmq_msg_close(&rest);
            if (!more)
                return true;
        } else {
            out->count++;
            if (!zmq_msg_more(into))
                return true;
        }
    }
}

/* ---- sending ---- */

static void flush(struct broker *self);

static bool
is_stuck(const struct broker *self, const struct peer *to, size_t among)
{
    for (size_t i = 0; i < among; i++)
        if (peer_equal(&self->stuck[i].to, to))
            return true;
    return false;
}

/* Sends [to][frames...] on a ROUTER. 0, EAGAIN or EHOSTUNREACH; the frames are taken only on success. */
static int
send_to(struct broker *self, int door, const struct peer *to, struct bundle *message)
{
    void *socket = self->doors[door];

    waiter_touch(&self->waiter, (uint32_t)door);
    if (zmq_send(socket, to->id, sizeof to->id, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return zmq_errno();
    for (uint32_t i = 0; i < message->count; i++)
        if (zmq_msg_send(&message->frames[i], socket, ZMQ_DONTWAIT | (i + 1 < message->count ? ZMQ_SNDMORE : 0)) < 0)
            break; /* the connection ended in between: a ROUTER drops the rest */
    bundle_fini(message);
    return 0;
}

static void
keep_stuck(struct broker *self, const struct peer *to, struct bundle *message)
{
    if (self->stuck_count >= STUCK_MAX) {
        switch_stuck(self->board, to, self->now_ms, &self->outbox);
        bundle_fini(message);
        return;
    }
    if (self->stuck_count == self->stuck_capacity) {
        self->stuck_capacity = self->stuck_capacity == 0 ? 64 : self->stuck_capacity * 2;
        self->stuck = realloc(self->stuck, self->stuck_capacity * sizeof *self->stuck);
        ASSERT(self->stuck != NULL);
    }
    /* A zmq_msg_t is a value that may be copied as long as only one of the copies is used. */
    self->stuck[self->stuck_count++] = (struct stuck){.to = *to, .since_ms = self->now_ms, .message = *message};
    message->count = 0;
}

/* Delivers [source][header][payload]; takes the frames. */
static void
deliver(struct broker *self, int door, const struct peer *to, struct bundle *message)
{
    int error;

    if (door == DOOR_CONTROL && self->stuck_count > 0 && is_stuck(self, to, self->stuck_count)) {
        keep_stuck(self, to, message);
        return;
    }
    error = send_to(self, door, to, message);
    if (error == 0)
        return;
    if (error == EAGAIN && door == DOOR_CONTROL) {
        keep_stuck(self, to, message);
        return;
    }
    /* The archive's channel has no hello: who is not there will ask again, and that alone is no reason to part. */
    if (door == DOOR_FETCH)
        self->dropped++;
    else if (error == EHOSTUNREACH)
        switch_unreachable(self->board, to, self->now_ms, &self->outbox);
    else
        switch_stuck(self->board, to, self->now_ms, &self->outbox);
    bundle_fini(message);
}

/* Tries again, in order, what could not be sent; puts out who has been stuck for too long. */
static void
retry_stuck(struct broker *self)
{
    size_t kept = 0;

    for (size_t i = 0; i < self->stuck_count; i++) {
        struct stuck item = self->stuck[i];
        int error = EAGAIN;

        if (!is_stuck(self, &item.to, kept))
            error = send_to(self, DOOR_CONTROL, &item.to, &item.message);
        if (error == EAGAIN && self->now_ms < item.since_ms + STUCK_MS) {
            self->stuck[kept++] = item;
            continue;
        }
        if (error == EAGAIN)
            switch_stuck(self->board, &item.to, self->now_ms, &self->outbox);
        else if (error != 0)
            switch_unreachable(self->board, &item.to, self->now_ms, &self->outbox);
        bundle_fini(&item.message);
    }
    self->stuck_count = kept;
}

static void
release(void *bytes, void *hint)
{
    (void)hint;
    free(bytes);
}

/* Sends the board's own letters. Sending may make more of them (somebody turned out to be gone). */
static void
flush(struct broker *self)
{
    struct outbox_parcel parcel;

    while (outbox_queue_pop(&self->outbox.queue, &parcel)) {
        struct bundle message = {.count = parcel.size > 0 ? 3 : 2};

        ASSERT(parcel.channel == CHANNEL_CONTROL);
        ASSERT(zmq_msg_init_size(&message.frames[0], sizeof PEER_BROKER.id) == 0);
        memcpy(zmq_msg_data(&message.frames[0]), PEER_BROKER.id, sizeof PEER_BROKER.id);
        ASSERT(zmq_msg_init_size(&message.frames[1], ENVELOPE_SIZE) == 0);
        envelope_write(&parcel.head, parcel.bytes, parcel.size, zmq_msg_data(&message.frames[1]));
        if (parcel.size > 0)
            ASSERT(zmq_msg_init_data(&message.frames[2], parcel.bytes, parcel.size, release, NULL) == 0);
        deliver(self, DOOR_CONTROL, &parcel.to, &message);
    }
}

/* ---- receiving ---- */

static void
read_watch(struct broker *self, int which)
{
    int event, fd;

    while (socket_watch_read(self->watch[which], &event, &fd)) {
        if (event == ZMQ_EVENT_ACCEPTED)
            switch_accepted(self->board, channels[which], fd);
        else if (event == ZMQ_EVENT_DISCONNECTED)
            switch_disconnected(self->board, channels[which], fd, self->now_ms, &self->outbox);
    }
    flush(self);
}

/* A letter to the broker itself. */
static void
receive_own(struct broker *self, int door, const struct envelope *head, struct bundle *message)
{
    struct letter letter = {.channel = channels[door], .head = *head};
    int fd = zmq_msg_get(&message->frames[2], ZMQ_SRCFD);

    memcpy(letter.peer.id, zmq_msg_data(&message->frames[0]), sizeof letter.peer.id);
    if (message->count == 4) {
        letter.payload = zmq_msg_data(&message->frames[3]);
        letter.size = zmq_msg_size(&message->frames[3]);
    }
    if (envelope_check(head, letter.payload, letter.size, NULL) != 0) {
        switch_malformed(self->board, self->now_ms);
        return;
    }
    /* Descriptors are used again: what happened to this one before the hello must be known before it. */
    if (head->type == MSG_HELLO) {
        read_watch(self, DOOR_CONTROL);
        read_watch(self, DOOR_DATA);
    }
    switch_receive(self->board, &letter, fd, self->now_ms, &self->outbox);
    flush(self);
}

/* To all who are present, but for the sender. */
static void
relay(struct broker *self, struct bundle *message)
{
    uint32_t cursor = 0;
    struct peer to;
    enum role role;

    while (switch_next(self->board, &cursor, &to, &role)) {
        struct bundle copy = {.count = message->count};

        if (memcmp(zmq_msg_data(&message->frames[0]), to.id, sizeof to.id) == 0)
            continue;
        for (uint32_t i = 0; i < copy.count; i++) {
            zmq_msg_init(&copy.frames[i]);
            ASSERT(zmq_msg_copy(&copy.frames[i], &message->frames[i]) == 0);
        }
        deliver(self, DOOR_CONTROL, &to, &copy);
    }
    bundle_fini(message);
    flush(self);
}

/* Takes the destination out: what is left is what the receiver gets. */
static void
remove_destination(struct bundle *message)
{
    for (uint32_t i = 1; i + 1 < message->count; i++)
        zmq_msg_move(&message->frames[i], &message->frames[i + 1]);
    zmq_msg_close(&message->frames[--message->count]);
}

static void
switch_one(struct broker *self, int door, struct bundle *message, uint32_t count)
{
    struct switch_frames frames = {.channel = channels[door]};
    struct envelope head;
    struct peer to;

    if (count < 3 || count > FRAMES_MAX) {
        switch_malformed(self->board, self->now_ms);
        bundle_fini(message);
        return;
    }
    frames.source = zmq_msg_data(&message->frames[0]);
    frames.source_size = zmq_msg_size(&message->frames[0]);
    frames.destination = zmq_msg_data(&message->frames[1]);
    frames.destination_size = zmq_msg_size(&message->frames[1]);
    frames.header = zmq_msg_data(&message->frames[2]);
    frames.header_size = zmq_msg_size(&message->frames[2]);
    frames.payload_size = count == FRAMES_MAX ? zmq_msg_size(&message->frames[3]) : 0;
    switch (switch_route(self->board, &frames, self->now_ms, &head, &to)) {
    case SWITCH_FORWARD:
        remove_destination(message);
        deliver(self, door, &to, message);
        if (self->outbox.queue.count > 0)
            flush(self);
        break;
    case SWITCH_OWN:
        receive_own(self, door, &head, message);
        bundle_fini(message);
        break;
    case SWITCH_RELAY:
        remove_destination(message);
        relay(self, message);
        break;
    default:
        bundle_fini(message);
        break;
    }
}

static void
read_router(struct broker *self, int door)
{
    struct bundle message;
    uint32_t count;

    for (uint32_t i = 0; i < BURST; i++) {
        if (!bundle_receive(self->doors[door], &message, &count)) {
            waiter_take(&self->waiter, (uint32_t)door); /* read to the end, after whatever was sent meanwhile */
            return;
        }
        switch_one(self, door, &message, count);
    }
    waiter_touch(&self->waiter, (uint32_t)door);
}

static void
read_events(struct broker *self)
{
    struct bundle message;
    uint32_t count;

    waiter_touch(&self->waiter, DOOR_EVENTS_OUT);
    for (uint32_t i = 0; i < BURST; i++) {
        if (!bundle_receive(self->doors[DOOR_EVENTS_IN], &message, &count))
            return;
        if (count < 2 || count > 3) {
            switch_malformed(self->board, self->now_ms);
        } else if (switch_allows_event(self->board, zmq_msg_size(&message.frames[0]), zmq_msg_data(&message.frames[1]),
                                       zmq_msg_size(&message.frames[1]),
                                       count == 3 ? zmq_msg_size(&message.frames[2]) : 0, self->now_ms)) {
            for (uint32_t k = 0; k < count; k++)
                if (zmq_msg_send(&message.frames[k], self->doors[DOOR_EVENTS_OUT],
                                 ZMQ_DONTWAIT | (k + 1 < count ? ZMQ_SNDMORE : 0)) < 0)
                    break;
        }
        bundle_fini(&message);
    }
    waiter_touch(&self->waiter, DOOR_EVENTS_IN);
}

/* Subscriptions: the first byte says on or off. Long ones are refused, for each makes the prefix tree grow. */
static void
read_subscriptions(struct broker *self)
{
    struct bundle message;
    uint32_t count;

    while (bundle_receive(self->doors[DOOR_EVENTS_OUT], &message, &count)) {
        const uint8_t *bytes = zmq_msg_data(&message.frames[0]);
        size_t size = zmq_msg_size(&message.frames[0]);

        if (size == 0 || size > TOPIC_MAX + 1 || bytes[0] > 1)
            switch_malformed(self->board, self->now_ms);
        else
            zmq_setsockopt(self->doors[DOOR_EVENTS_OUT], bytes[0] == 1 ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, bytes + 1,
                           size - 1);
        bundle_fini(&message);
    }
}

/* ---- life ---- */

static void
report(const struct broker *self)
{
    const struct switch_counts *c = switch_counts(self->board);

    log_line(LOG_INFO, "broker",
             "forwarded %" PRIu64 ", own %" PRIu64 ", relayed %" PRIu64 ", malformed %" PRIu64 ", unauthorised %" PRIu64
             ", unknown source %" PRIu64 ", unknown destination %" PRIu64 ", gaps %" PRIu64 ", rejected %" PRIu64
             ", evicted %" PRIu64 ", lost %" PRIu64 ", unread %" PRIu64,
             c->forwarded, c->own, c->relayed, c->malformed, c->unauthorised, c->unknown_source, c->unknown_destination,
             c->gaps, c->rejected, c->evicted, c->lost, self->dropped);
}

static void
read_signals(struct broker *self)
{
    enum actor_signal signal;

    while (signals_read(self->signal_fd, &signal)) {
        if (signal == ACTOR_DUMP)
            report(self);
        else if (signal == ACTOR_FINISH || signal == ACTOR_CHECKPOINT)
            self->leave_ms = self->leave_ms == CLOCK_NEVER ? self->now_ms + LEAVE_MS : self->now_ms;
    }
}

/* Leaving: when the working peers have gone and the last answers were read, or when the time is up. */
static bool
is_done(struct broker *self)
{
    if (self->leave_ms == CLOCK_NEVER)
        return false;
    if (switch_workers(self->board) > 0)
        self->alone_ms = CLOCK_NEVER;
    else
        self->alone_ms = clock_earlier(self->alone_ms, self->now_ms);
    return self->now_ms >= self->leave_ms || switch_connections(self->board) == 0 ||
           (self->alone_ms != CLOCK_NEVER && self->now_ms >= self->alone_ms + GRACE_MS);
}

static int
timeout(const struct broker *self)
{
    uint64_t at = self->tick_ms, now = clock_ms();

    if (self->stuck_count > 0)
        at = clock_earlier(at, now + RETRY_MS);
    if (self->leave_ms != CLOCK_NEVER)
        at = clock_earlier(at, now + RETRY_MS);
    return at <= now ? 0 : (int)(at - now);
}

static void
turn(struct broker *self)
{
    struct waiter *waiter = &self->waiter;

    waiter_wait(waiter, timeout(self));
    self->now_ms = clock_ms();
    /* Letters before reports of ended connections: what a peer wrote before it died still goes its way. */
    for (int door = DOOR_CONTROL; door <= DOOR_FETCH; door++)
        if (waiter_take(waiter, (uint32_t)door))
            read_router(self, door);
    if (waiter_take(waiter, DOOR_EVENTS_IN))
        read_events(self);
    if (waiter_take(waiter, DOOR_EVENTS_OUT))
        read_subscriptions(self);
    for (int which = 0; which < 2; which++)
        if (waiter_take(waiter, (uint32_t)(ITEM_WATCH + which)))
            read_watch(self, which);
    if (waiter_take(waiter, ITEM_SIGNAL))
        read_signals(self);
    if (self->stuck_count > 0)
        retry_stuck(self);
    if (self->now_ms >= self->tick_ms) {
        switch_tick(self->board, self->now_ms, &self->outbox);
        self->tick_ms = self->now_ms + self->heartbeat_ms / 4 + 1;
    }
    flush(self);
}

/* One broker a directory: libzmq would take another one's sockets away without a word. */
static int
lock(struct broker *self, struct why *why)
{
    char path[PLACE_TEXT_SIZE + 16];

    if (self->place.tcp)
        return 0;
    snprintf(path, sizeof path, "%s/broker.lock", self->place.folder);
    self->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (self->lock_fd < 0)
        return fail_errno(why, ERR_IO, errno, "cannot open %s", path);
    if (flock(self->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return fail(why, ERR_STATE, "another broker serves %s", self->place.folder);
    return 0;
}

static int
open_doors(struct broker *self, struct why *why)
{
    const int events = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED;
    const char *const names[] = {"inproc://watch-control", "inproc://watch-data"};

    for (int door = 0; door < DOORS; door++) {
        uint64_t affinity = self->options->io_threads < 2 ? 0 : door == DOOR_DATA ? 2 : 1;

        self->doors[door] = socket_open(self->context, uses[door], &self->place, NULL, affinity, why);
        if (self->doors[door] == NULL)
            return why->code;
        if (door <= DOOR_DATA) {
            self->watch[door] = socket_watch(self->context, self->doors[door], names[door], events, why);
            if (self->watch[door] == NULL)
                return why->code;
            waiter_add_socket(&self->waiter, (uint32_t)(ITEM_WATCH + door), self->watch[door]);
        }
        waiter_add_socket(&self->waiter, (uint32_t)door, self->doors[door]);
    }
    waiter_add_fd(&self->waiter, ITEM_SIGNAL, self->signal_fd);
    /* All events are wanted from the world; who gets which is decided on the way out. */
    if (zmq_send(self->doors[DOOR_EVENTS_IN], "\x01", 1, ZMQ_DONTWAIT) < 0)
        return fail(why, ERR_IO, "cannot subscribe to events: %s", zmq_strerror(zmq_errno()));
    return 0;
}

static int
prepare(struct broker *self, struct why *why)
{
    const struct broker_options *options = self->options;
    struct switch_options board = {
        .schema = proto_digest(), .canary = canary_compute(), .mixed_builds = options->mixed_builds,
        .heartbeat_ms = self->heartbeat_ms, .evict_ms = options->evict_ms != 0 ? options->evict_ms : 60000,
        .hold_ms = options->hold_ms != 0 ? options->hold_ms : 5000};

    if (place_parse(options->place, &self->place, why) != 0 || place_open(&self->place, true, why) != 0 ||
        lock(self, why) != 0)
        return why->code;
    if (options->build != NULL)
        text_copy(board.build, sizeof board.build, options->build);
    else if (canary_build(board.build, why) != 0)
        return why->code;
    gethostname(board.host, sizeof board.host - 1);
    place_endpoint(&self->place, PLACE_EVENTS_OUT, board.events);
    place_endpoint(&self->place, PLACE_DATA, board.data);
    place_endpoint(&self->place, PLACE_FETCH, board.fetch);
    self->board = switch_new(&board);
    return open_doors(self, why);
}

static void
announce_ready(const struct broker *self)
{
    log_line(LOG_INFO, "broker", "ready at %s", self->options->place);
    if (self->options->ready_fd < 0)
        return;
    if (write(self->options->ready_fd, "1", 1) != 1)
        log_line(LOG_WARNING, "broker", "nobody waits to hear that the broker is ready");
    close(self->options->ready_fd);
}

static void
finish(struct broker *self)
{
    for (size_t i = 0; i < self->stuck_count; i++)
        bundle_fini(&self->stuck[i].message);
    free(self->stuck);
    for (uint32_t item = 0; item <= ITEM_SIGNAL; item++)
        waiter_remove(&self->waiter, item);
    waiter_fini(&self->waiter);
    for (int which = 0; which < 2; which++)
        if (self->doors[which] != NULL)
            socket_unwatch(self->doors[which], &self->watch[which]);
    for (int door = 0; door < DOORS; door++)
        socket_close(&self->doors[door]);
    zmq_ctx_term(self->context);
    place_close(&self->place);
    if (self->lock_fd >= 0)
        close(self->lock_fd);
    close(self->signal_fd);
    outbox_fini(&self->outbox);
    switch_destroy(&self->board);
}

int
broker_main(const struct broker_options *options)
{
    struct broker *self = calloc(1, sizeof *self);
    struct why why = {0};
    int status = EX_OK;

    ASSERT(self != NULL);
    self->options = options;
    self->heartbeat_ms = options->heartbeat_ms != 0 ? options->heartbeat_ms : 1000;
    self->place.folder_fd = self->lock_fd = -1;
    self->leave_ms = self->alone_ms = CLOCK_NEVER;
    self->now_ms = clock_ms();
    outbox_init(&self->outbox);
    waiter_init(&self->waiter);
    process_tune();
    umask(0077); /* nobody else connects to the sockets in the run directory */
    signals_block();
    self->signal_fd = signals_open();
    if (!signals_follow_parent(options->parent_pid))
        self->leave_ms = self->now_ms;
    self->context = socket_context_new(options->io_threads > 0 ? options->io_threads : 1);
    if (prepare(self, &why) != 0) {
        log_line(LOG_ERROR, "broker", "%s", why.text);
        status = error_exit_status(why.code);
    } else {
        announce_ready(self);
        while (!is_done(self))
            turn(self);
        report(self);
    }
    finish(self);
    free(self);
    return status;
}
