#include "llm-gateway/bucket.h"

#include "core/assert.h"

#define PARTS INT64_C(60000000) /* of a unit: microseconds in a minute */

_Static_assert(BUCKET_LIMIT_MAX <= INT64_MAX / PARTS / 4, "a full bucket and as much again fit");

void
bucket_init(struct bucket *self, int64_t limit, uint32_t burst_s, int64_t now_us)
{
    ASSERT(limit >= 0 && limit <= BUCKET_LIMIT_MAX && burst_s > 0 && burst_s <= BUCKET_BURST_MAX);
    *self = (struct bucket){.limit = limit, .capacity = limit * (PARTS / 60) * burst_s, .at_us = now_us};
    if (self->capacity < PARTS) /* at least one request must fit */
        self->capacity = PARTS;
    self->level = self->capacity;
}

static int64_t
level_at(const struct bucket *self, int64_t now_us)
{
    int64_t passed = now_us > self->at_us ? now_us - self->at_us : 0;
    int64_t missing = self->capacity - self->level;

    if (self->limit == 0 || passed > missing / self->limit)
        return self->capacity;
    return self->level + passed * self->limit;
}

/* Units as parts, no more than a full bucket. */
static int64_t
need(const struct bucket *self, int64_t units)
{
    return units > self->capacity / PARTS ? self->capacity : units * PARTS;
}

int64_t
bucket_ready_us(const struct bucket *self, int64_t units, int64_t now_us)
{
    int64_t missing, ready;

    ASSERT(units >= 0);
    if (self->limit == 0)
        return now_us;
    missing = need(self, units) - level_at(self, now_us);
    ready = missing <= 0 ? now_us : now_us + missing / self->limit + (missing % self->limit > 0);
    return ready > self->until_us ? ready : self->until_us;
}

/* Bounded, so that no sum of what strangers ask for leaves its type: nobody owes more than a minute's limit. */
static int64_t
bounded(const struct bucket *self, int64_t level)
{
    int64_t lowest = -self->limit * PARTS;

    return level < lowest ? lowest : level > self->capacity ? self->capacity : level;
}

void
bucket_take(struct bucket *self, int64_t units, int64_t now_us)
{
    int64_t most = self->limit > 0 ? 2 * self->limit : 0;

    ASSERT(units >= 0);
    if (self->limit == 0)
        return;
    self->level = level_at(self, now_us);
    self->level = bounded(self, self->level - (units < most ? units : most) * PARTS);
    self->at_us = now_us > self->at_us ? now_us : self->at_us;
}

void
bucket_refund(struct bucket *self, int64_t units, int64_t now_us)
{
    ASSERT(units >= 0);
    if (self->limit == 0)
        return;
    self->level = level_at(self, now_us);
    self->level = bounded(self, self->level + (units < 2 * self->limit ? units : 2 * self->limit) * PARTS);
    self->at_us = now_us > self->at_us ? now_us : self->at_us;
}

void
bucket_heed(struct bucket *self, int64_t remaining, int64_t reset_us, int64_t now_us)
{
    if (self->limit == 0 || remaining < 0)
        return;
    self->level = level_at(self, now_us);
    self->at_us = now_us > self->at_us ? now_us : self->at_us;
    if (remaining < self->capacity / PARTS && remaining * PARTS < self->level)
        self->level = remaining * PARTS;
    if (remaining == 0 && reset_us > 0 && now_us + reset_us > self->until_us)
        self->until_us = now_us + reset_us;
}

int64_t
bucket_units(const struct bucket *self, int64_t now_us)
{
    int64_t level = level_at(self, now_us);

    return level >= 0 ? level / PARTS : -((-level + PARTS - 1) / PARTS);
}
