#include "bus/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "bus/clock.h"
#include "core/assert.h"

#define QUEUE_START 16u

static void
grow(struct outbox_queue *self)
{
    size_t capacity = self->capacity == 0 ? QUEUE_START : self->capacity * 2;
    struct outbox_parcel *parcels = malloc(capacity * sizeof *parcels);

    ASSERT(parcels != NULL);
    for (size_t i = 0; i < self->count; i++)
        parcels[i] = self->parcels[(self->begin + i) & (self->capacity - 1)];
    free(self->parcels);
    self->parcels = parcels;
    self->capacity = capacity;
    self->begin = 0;
}

void
outbox_queue_push(struct outbox_queue *self, const struct outbox_parcel *parcel)
{
    if (self->count == self->capacity)
        grow(self);
    self->parcels[(self->begin + self->count) & (self->capacity - 1)] = *parcel;
    self->count++;
}

struct outbox_parcel *
outbox_queue_front(struct outbox_queue *self)
{
    return self->count == 0 ? NULL : &self->parcels[self->begin];
}

bool
outbox_queue_pop(struct outbox_queue *self, struct outbox_parcel *out)
{
    if (self->count == 0)
        return false;
    *out = self->parcels[self->begin];
    self->begin = (self->begin + 1) & (self->capacity - 1);
    self->count--;
    return true;
}

size_t
outbox_queue_clear(struct outbox_queue *self)
{
    struct outbox_parcel parcel;
    size_t count = self->count;

    while (outbox_queue_pop(self, &parcel))
        free(parcel.bytes);
    return count;
}

void
outbox_queue_fini(struct outbox_queue *self)
{
    outbox_queue_clear(self);
    free(self->parcels);
    *self = (struct outbox_queue){0};
}

void
outbox_init(struct outbox *self)
{
    *self = (struct outbox){.wake_ms = CLOCK_NEVER};
}

void
outbox_fini(struct outbox *self)
{
    outbox_queue_fini(&self->queue);
    outbox_init(self);
}

size_t
outbox_payload_max(enum channel channel)
{
    switch (channel) {
    case CHANNEL_DATA:
        return PAYLOAD_MAX;
    case CHANNEL_FETCH:
        return OUTBOX_FETCH_MAX;
    default:
        return PAYLOAD_CONTROL_MAX;
    }
}

void
outbox_parcel_seal(struct outbox_parcel *self, uint8_t header[ENVELOPE_SIZE])
{
    if (self->hashed)
        envelope_write_hashed(&self->head, self->head.payload_hash, self->size, header);
    else
        envelope_write(&self->head, self->bytes, self->size, header);
}

static void
send(struct outbox *self, enum channel channel, const struct peer *to, const struct envelope *head, bool hashed,
     struct buffer *payload)
{
    struct outbox_parcel parcel = {.channel = channel, .to = *to, .head = *head, .hashed = hashed};

    ASSERT(channel < CHANNEL_COUNT && head->type > 0 && head->type < MSG_COUNT);
    if (payload != NULL && payload->size > 0) {
        ASSERT(payload->size <= outbox_payload_max(channel));
        parcel.bytes = buffer_take(payload, &parcel.size);
    }
    if (parcel.head.run == 0)
        parcel.head.run = self->run;
    if (parcel.head.epoch == 0)
        parcel.head.epoch = self->epoch;
    if (channel == CHANNEL_EVENT)
        parcel.head.seq = ++self->events;
    outbox_queue_push(&self->queue, &parcel);
}

void
outbox_send(struct outbox *self, enum channel channel, const struct peer *to, const struct envelope *head,
            struct buffer *payload)
{
    send(self, channel, to, head, false, payload);
}

void
outbox_send_hashed(struct outbox *self, enum channel channel, const struct peer *to, const struct envelope *head,
                   struct buffer *payload)
{
    send(self, channel, to, head, true, payload);
}

void
outbox_send_message(struct outbox *self, enum channel channel, const struct peer *to, const struct envelope *head,
                    enum message_type type, const void *message)
{
    struct envelope own = {0};
    struct buffer payload = {0};

    if (head != NULL)
        own = *head;
    own.type = (uint16_t)type;
    message_pack(type, message, &payload);
    outbox_send(self, channel, to, &own, &payload);
    buffer_fini(&payload);
}

void
outbox_wake(struct outbox *self, uint64_t at_ms)
{
    self->wake_ms = clock_earlier(self->wake_ms, at_ms);
}

bool
outbox_wake_due(struct outbox *self, uint64_t now_ms)
{
    if (self->wake_ms > now_ms)
        return false;
    self->wake_ms = CLOCK_NEVER;
    return true;
}

void
outbox_stop(struct outbox *self, int status)
{
    if (self->stopped)
        return;
    self->stopped = true;
    self->status = status;
}

void
outbox_identity(struct outbox *self, uint32_t run, uint32_t epoch)
{
    self->run = run;
    self->epoch = epoch;
}

uint64_t
outbox_event_number(const struct outbox *self)
{
    return self->events;
}
