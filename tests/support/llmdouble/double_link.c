#include "tests/support/llmdouble/double_link.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEEP_MAX 65536u /* a larger buffer is given back between requests */
#define BURST 64u       /* writes before others get their turn */

/* Steps over what is sent. False at the end. */
static bool
find_part(struct double_link *self)
{
    while (self->part < self->reply.count) {
        const struct double_part *part = &self->reply.parts[self->part];

        if (self->sent < part->size)
            return true;
        if (part->size == 0 && part->delay_ms > 0 && !self->waited)
            return true;
        self->sent = 0;
        if (part->size > 0 && part->times != DOUBLE_FOREVER && self->round + 1 < part->times) {
            self->round++;
            return true;
        }
        if (part->times == DOUBLE_FOREVER)
            return true;
        self->round = 0;
        self->waited = false;
        self->part++;
    }
    return false;
}

enum double_progress
double_link_send(struct double_link *self, uint32_t *wait_ms)
{
    for (unsigned burst = 0; find_part(self); burst++) {
        const struct double_part *part = &self->reply.parts[self->part];
        ssize_t size;

        if (part->delay_ms > 0 && !self->waited) {
            *wait_ms = part->delay_ms;
            return DOUBLE_PAUSED;
        }
        if (part->size == 0)
            continue;
        if (burst == BURST)
            return DOUBLE_BLOCKED;
        size = send(self->fd, self->reply.bytes.data + part->start + self->sent, part->size - self->sent,
                    MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return DOUBLE_BLOCKED;
        if (size < 0 && errno != EINTR)
            return DOUBLE_BROKEN_LINK;
        self->sent += size > 0 ? (size_t)size : 0;
    }
    return DOUBLE_SENT;
}

bool
double_link_receive(struct double_link *self, size_t room)
{
    while (self->in.size < room) {
        size_t step = self->in.size < 4096 ? 4096 : 65536;
        ssize_t size;

        buffer_reserve(&self->in, step);
        size = recv(self->fd, self->in.data + self->in.size, step, MSG_DONTWAIT);
        if (size > 0)
            self->in.size += (size_t)size;
        else if (size == 0)
            self->ended = true;
        else if (errno == EINTR)
            continue;
        else if (errno != EAGAIN && errno != EWOULDBLOCK)
            return false;
        if (size < (ssize_t)step)
            return true;
    }
    return true;
}

static void
trim(struct buffer *buffer)
{
    if (buffer->capacity > KEEP_MAX)
        buffer_fini(buffer);
    buffer_clear(buffer);
}

void
double_link_close(struct double_link *self, bool reset)
{
    struct linger hard = {1, 0};

    if (reset)
        (void)setsockopt(self->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(self->fd);
    self->fd = -1;
    self->busy = self->ended = self->continued = self->waited = false;
    self->requests = self->round = 0;
    self->part = self->events = 0;
    self->sent = 0;
    trim(&self->in);
    trim(&self->reply.bytes);
    double_reply_clear(&self->reply);
}

void
double_link_fini(struct double_link *self)
{
    if (self->fd >= 0)
        double_link_close(self, false);
    buffer_fini(&self->in);
    double_reply_fini(&self->reply);
}
