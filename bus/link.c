#include "bus/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bus/rights.h"
#include "bus/socket.h"
#include "core/assert.h"

static bool
has_channel(enum role role, enum channel channel)
{
    switch (channel) {
    case CHANNEL_CONTROL:
    case CHANNEL_FETCH:
        return true;
    case CHANNEL_DATA:
        return rights_has_data(role);
    case CHANNEL_EVENT:
        return role == ROLE_WORLD || role == ROLE_MONITOR;
    default:
        return false;
    }
}

static const enum socket_use uses[CHANNEL_COUNT] = {
    [CHANNEL_CONTROL] = SOCKET_CONTROL, [CHANNEL_DATA] = SOCKET_DATA, [CHANNEL_FETCH] = SOCKET_FETCH};

int
link_init(struct link *self, void *context, const struct place *place, enum role role, struct why *why)
{
    *self = (struct link){.context = context, .place = place, .role = role};
    if (!has_channel(role, CHANNEL_EVENT))
        return 0;
    self->lines[CHANNEL_EVENT].socket = socket_open(
        context, role == ROLE_WORLD ? SOCKET_PUBLISH : SOCKET_SUBSCRIBE, place, NULL, 0, why);
    return self->lines[CHANNEL_EVENT].socket == NULL ? ERR_IO : 0;
}

void
link_fini(struct link *self)
{
    link_close(self);
    socket_close(&self->lines[CHANNEL_EVENT].socket);
    for (size_t i = 0; i < CHANNEL_COUNT; i++)
        outbox_queue_fini(&self->lines[i].backlog);
}

/* A random id never begins with a zero byte: those are well-known ones, and ROUTER's own. */
static int
make_id(struct peer *id, struct why *why)
{
    if (getrandom(id->id, sizeof id->id, 0) != (ssize_t)sizeof id->id)
        return fail_errno(why, ERR_IO, errno, "no random bytes for a routing id");
    id->id[0] |= 0x80;
    return 0;
}

int
link_open(struct link *self, struct why *why)
{
    char name[64];

    ASSERT(!self->is_open);
    if (make_id(&self->id, why) != 0)
        return why->code;
    self->is_open = true;
    self->generation++;
    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        struct link_line *line = &self->lines[channel];

        if (channel == CHANNEL_EVENT || !has_channel(self->role, (enum channel)channel))
            continue;
        line->seq = 0;
        line->socket = socket_open(self->context, uses[channel], self->place, &self->id, 0, why);
        if (line->socket == NULL)
            goto refuse;
        snprintf(name, sizeof name, "inproc://link-%d-%llu", channel, (unsigned long long)self->generation);
        line->watcher = socket_watch(self->context, line->socket, name, ZMQ_EVENT_DISCONNECTED, why);
        if (line->watcher == NULL)
            goto refuse;
    }
    return 0;

refuse:
    link_close(self);
    return ERR_IO;
}

void
link_close(struct link *self)
{
    self->is_open = false;
    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        struct link_line *line = &self->lines[channel];

        if (channel == CHANNEL_EVENT)
            continue;
        if (line->socket != NULL)
            socket_unwatch(line->socket, &line->watcher);
        socket_close(&line->socket);
        self->counts.dropped += outbox_queue_clear(&line->backlog);
    }
}

static void
release(void *bytes, void *hint)
{
    (void)hint;
    free(bytes);
}

/* Frames: destination (the topic on the event channel), header, payload unless it is empty. False when the socket
 * would block; the parcel is then untouched. After the first frame was taken the rest is, too: a connection that
 * breaks in between swallows the letter, as it swallows those before it. */
static bool
send_parcel(struct link *self, struct link_line *line, struct outbox_parcel *parcel)
{
    uint8_t header[ENVELOPE_SIZE];
    const void *first = parcel->channel == CHANNEL_EVENT ? (const void *)"S" : parcel->to.id;
    size_t first_size = parcel->channel == CHANNEL_EVENT ? 1 : sizeof parcel->to.id;
    int more = parcel->size > 0 ? ZMQ_SNDMORE : 0;
    zmq_msg_t payload;

    if (zmq_send(line->socket, first, first_size, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return false;
    if (parcel->channel != CHANNEL_EVENT)
        parcel->head.seq = ++line->seq;
    outbox_parcel_seal(parcel, header);
    zmq_send(line->socket, header, sizeof header, ZMQ_DONTWAIT | more);
    if (more != 0) {
        ASSERT(zmq_msg_init_data(&payload, parcel->bytes, parcel->size, release, NULL) == 0);
        parcel->bytes = NULL;
        if (zmq_msg_send(&payload, line->socket, ZMQ_DONTWAIT) < 0)
            zmq_msg_close(&payload);
    }
    self->counts.sent++;
    return true;
}

void
link_send(struct link *self, struct outbox_parcel *parcel)
{
    struct link_line *line = &self->lines[parcel->channel];

    ASSERT(has_channel(self->role, parcel->channel) && (parcel->channel != CHANNEL_EVENT || self->role == ROLE_WORLD));
    if (line->socket == NULL) {
        free(parcel->bytes);
        self->counts.dropped++;
    } else if (line->backlog.count > 0 || !send_parcel(self, line, parcel)) {
        outbox_queue_push(&line->backlog, parcel);
    }
}

uint32_t
link_flush(struct link *self)
{
    uint32_t mask = 0;

    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        struct link_line *line = &self->lines[channel];
        struct outbox_parcel *front, done;
        int events = 0;
        size_t size = sizeof events;

        if (line->backlog.count == 0)
            continue;
        while ((front = outbox_queue_front(&line->backlog)) != NULL && send_parcel(self, line, front))
            outbox_queue_pop(&line->backlog, &done);
        /* An attempt to send may have swallowed the signal that something came or that there is room. */
        ASSERT(zmq_getsockopt(line->socket, ZMQ_EVENTS, &events, &size) == 0);
        if ((events & (front != NULL ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN)) != 0)
            mask |= 1u << channel;
    }
    return mask;
}

void
link_letter_fini(struct link_letter *self)
{
    for (uint32_t i = 0; i < self->frame_count; i++)
        zmq_msg_close(&self->frames[i]);
    self->frame_count = 0;
}

void
link_letter_move(struct link_letter *to, struct link_letter *from)
{
    to->letter = from->letter;
    to->frame_count = from->frame_count;
    for (uint32_t i = 0; i < to->frame_count; i++) {
        zmq_msg_init(&to->frames[i]);
        zmq_msg_move(&to->frames[i], &from->frames[i]);
    }
    if (to->frame_count == 3)
        to->letter.payload = zmq_msg_data(&to->frames[2]);
    link_letter_fini(from);
}

/* Reads one whole message; frames beyond the third are thrown away and make it malformed. */
static bool
receive_frames(void *socket, struct link_letter *out, bool *too_many)
{
    zmq_msg_t frame;

    out->frame_count = 0;
    *too_many = false;
    for (;;) {
        bool keep = out->frame_count < 3;
        zmq_msg_t *into = keep ? &out->frames[out->frame_count] : &frame;
        int more;

        zmq_msg_init(into);
        if (zmq_msg_recv(into, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(into);
            return false;
        }
        more = zmq_msg_more(into);
        if (keep)
            out->frame_count++;
        else {
            *too_many = true;
            zmq_msg_close(&frame);
        }
        if (!more)
            return true;
    }
}

static bool
read_letter(enum channel channel, struct link_letter *in)
{
    struct letter *letter = &in->letter;
    size_t first_size = channel == CHANNEL_EVENT ? 1 : sizeof letter->peer.id;

    if (in->frame_count < 2 || zmq_msg_size(&in->frames[0]) != first_size)
        return false;
    *letter = (struct letter){.channel = channel};
    if (channel != CHANNEL_EVENT)
        memcpy(letter->peer.id, zmq_msg_data(&in->frames[0]), sizeof letter->peer.id);
    else
        letter->peer = PEER_WORLD;
    if (in->frame_count == 3) {
        letter->payload = zmq_msg_data(&in->frames[2]);
        letter->size = zmq_msg_size(&in->frames[2]);
    }
    return envelope_read(zmq_msg_data(&in->frames[1]), zmq_msg_size(&in->frames[1]), &letter->head, NULL) == 0 &&
           envelope_check(&letter->head, letter->payload, letter->size, NULL) == 0;
}

bool
link_receive(struct link *self, enum channel channel, struct link_letter *out)
{
    void *socket = self->lines[channel].socket;
    bool too_many;

    if (socket == NULL || (channel == CHANNEL_EVENT && self->role == ROLE_WORLD))
        return false;
    while (receive_frames(socket, out, &too_many)) {
        if (!too_many && read_letter(channel, out)) {
            self->counts.received++;
            return true;
        }
        self->counts.malformed++;
        link_letter_fini(out);
    }
    link_letter_fini(out);
    return false;
}

bool
link_is_lost(struct link *self)
{
    bool lost = false;
    int event, fd;

    for (int channel = 0; channel < CHANNEL_COUNT; channel++)
        if (self->lines[channel].watcher != NULL)
            while (socket_watch_read(self->lines[channel].watcher, &event, &fd))
                lost = lost || event == ZMQ_EVENT_DISCONNECTED;
    return lost;
}
