#include "bench/actor_drive.h"

#include <stdlib.h>

#include "bus/clock.h"

void
actor_drive_init(struct actor_drive *self, const struct measure *measure, const struct questions_gateway *plan)
{
    *self = (struct actor_drive){.measure = measure, .gateway = questions_gateway_new(plan)};
    gateway_actor(self->gateway, &self->actor);
    outbox_init(&self->out);
    self->actor.start(self->actor.self, clock_ms(), &self->out);
}

void
actor_drive_fini(struct actor_drive *self)
{
    self->actor.signal(self->actor.self, clock_ms(), ACTOR_FINISH, &self->out);
    if (!self->out.stopped || self->out.status != 0)
        measure_wrong(self->measure, "the gateway ends with status %d", self->out.status);
    gateway_destroy(&self->gateway);
    outbox_fini(&self->out);
}

double
actor_drive_ask(struct actor_drive *self, uint64_t step, uint32_t index, uint32_t rows, bool equal)
{
    struct letter letter = {.channel = CHANNEL_DATA, .peer = {.id = {[0] = 0x80}}};
    struct outbox_parcel parcel = {0};
    struct buffer bytes = {0};
    double seconds;
    uint64_t begin;

    questions_write(step, index, rows, equal, &letter.head, &bytes);
    letter.payload = bytes.data;
    letter.size = bytes.size;
    begin = measure_ns();
    self->actor.receive(self->actor.self, clock_ms(), &letter, &self->out);
    seconds = measure_seconds(begin);
    self->seconds += seconds;
    if (!outbox_queue_pop(&self->out.queue, &parcel) || parcel.head.type != MSG_COMPLETION ||
        !questions_read(parcel.bytes, parcel.size, rows, self->sources))
        measure_wrong(self->measure, "step %llu, message %u has no good answer", (unsigned long long)step, index);
    free(parcel.bytes);
    buffer_fini(&bytes);
    return seconds;
}
