#include "bus/roster.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"

static uint32_t
home(const struct roster *self, const struct peer *peer)
{
    uint64_t mixed = (bytes_get_u64(peer->id) ^ bytes_get_u64(peer->id + 8)) * UINT64_C(0x9e3779b97f4a7c15);

    return (uint32_t)(mixed >> 32) & self->bucket_mask;
}

void
roster_init(struct roster *self, uint32_t capacity)
{
    uint32_t buckets = 2;

    ASSERT(capacity > 0 && capacity <= 1u << 20);
    while (buckets < 2 * capacity)
        buckets *= 2;
    *self = (struct roster){.capacity = capacity, .bucket_mask = buckets - 1};
    self->ids = calloc(capacity, sizeof *self->ids);
    self->used = calloc(capacity, sizeof *self->used);
    self->buckets = malloc(buckets * sizeof *self->buckets);
    ASSERT(self->ids != NULL && self->used != NULL && self->buckets != NULL);
    roster_clear(self);
}

void
roster_fini(struct roster *self)
{
    free(self->ids);
    free(self->used);
    free(self->buckets);
    *self = (struct roster){0};
}

void
roster_clear(struct roster *self)
{
    memset(self->used, 0, self->capacity);
    for (uint32_t i = 0; i <= self->bucket_mask; i++)
        self->buckets[i] = ROSTER_NONE;
    self->count = 0;
    self->next_free = 0;
}

uint32_t
roster_find(const struct roster *self, const struct peer *peer)
{
    for (uint32_t at = home(self, peer);; at = (at + 1) & self->bucket_mask) {
        uint32_t slot = self->buckets[at];

        if (slot == ROSTER_NONE || peer_equal(&self->ids[slot], peer))
            return slot;
    }
}

uint32_t
roster_add(struct roster *self, const struct peer *peer)
{
    uint32_t slot = self->next_free, at = home(self, peer);

    if (self->count == self->capacity)
        return ROSTER_NONE;
    ASSERT(roster_find(self, peer) == ROSTER_NONE);
    while (self->used[slot])
        slot = slot + 1 == self->capacity ? 0 : slot + 1;
    while (self->buckets[at] != ROSTER_NONE)
        at = (at + 1) & self->bucket_mask;
    self->buckets[at] = slot;
    self->ids[slot] = *peer;
    self->used[slot] = 1;
    self->count++;
    self->next_free = slot + 1 == self->capacity ? 0 : slot + 1;
    return slot;
}

void
roster_remove(struct roster *self, uint32_t slot)
{
    uint32_t hole;

    ASSERT(slot < self->capacity && self->used[slot]);
    hole = home(self, &self->ids[slot]);
    while (self->buckets[hole] != slot)
        hole = (hole + 1) & self->bucket_mask;
    /* Close the hole: whoever comes later in the same run of buckets and would be found from the hole moves up. */
    for (uint32_t at = (hole + 1) & self->bucket_mask; self->buckets[at] != ROSTER_NONE;
         at = (at + 1) & self->bucket_mask) {
        uint32_t wanted = home(self, &self->ids[self->buckets[at]]);

        if (((at - wanted) & self->bucket_mask) >= ((at - hole) & self->bucket_mask)) {
            self->buckets[hole] = self->buckets[at];
            hole = at;
        }
    }
    self->buckets[hole] = ROSTER_NONE;
    self->used[slot] = 0;
    self->count--;
}
