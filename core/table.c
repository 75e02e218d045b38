/* core/table.c - linear probing over indexes into a dense array of entries. Removal moves the followers of a run back
 * (Knuth, The Art of Computer Programming 3, 6.4, Algorithm R), so there are no marks for removed slots. */
#include "core/table.h"

#include "core/arena.h"
#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 8u
#define CAPACITY_MAX (1u << 30)

/* The 64-bit finalizer of MurmurHash3 (Appleby): every bit of the key moves every bit of the slot. */
static uint32_t
home_slot(const struct table *self, uint64_t key)
{
    key ^= key >> 33;
    key *= UINT64_C(0xff51afd7ed558ccd);
    key ^= key >> 33;
    key *= UINT64_C(0xc4ceb9fe1a85ec53);
    key ^= key >> 33;
    return (uint32_t)key & (self->slot_count - 1);
}

/* The slot that holds the key, or the empty one where it would go. The table has slots. */
static uint32_t
slot_of(const struct table *self, uint64_t key)
{
    uint32_t slot = home_slot(self, key);

    while (self->slots[slot] != 0 && self->entries[self->slots[slot] - 1].key != key)
        slot = (slot + 1) & (self->slot_count - 1);
    return slot;
}

/* Squeezes out the removed entries, in order, with room for `capacity` (a power of two). */
static void
rebuild(struct table *self, uint32_t capacity)
{
    struct table_entry *entries = ALLOC_ARRAY(struct table_entry, capacity);
    uint32_t used = 0;

    for (uint32_t i = 0; i < self->used; i++)
        if (self->entries[i].alive != 0)
            entries[used++] = self->entries[i];
    ASSERT(used == self->count);
    free(self->entries);
    free(self->slots);
    self->entries = entries;
    self->used = used;
    self->capacity = capacity;
    self->slot_count = capacity * 2;
    self->slots = ALLOC_ARRAY(uint32_t, self->slot_count);
    for (uint32_t i = 0; i < used; i++)
        self->slots[slot_of(self, entries[i].key)] = i + 1;
}

void
table_init(struct table *self, uint32_t expected)
{
    uint32_t capacity = CAPACITY_MIN;

    ASSERT(expected <= CAPACITY_MAX);

    *self = (struct table){0};
    while (capacity < expected)
        capacity *= 2;
    rebuild(self, capacity);
}

void
table_fini(struct table *self)
{
    free(self->entries);
    free(self->slots);
    *self = (struct table){0};
}

void
table_clear(struct table *self)
{
    if (self->slot_count > 0)
        memset(self->slots, 0, self->slot_count * sizeof *self->slots);
    self->used = 0;
    self->count = 0;
}

bool
table_find(const struct table *self, uint64_t key, uint32_t *out)
{
    uint32_t index;

    if (self->slot_count == 0)
        return false;
    index = self->slots[slot_of(self, key)];
    if (index == 0)
        return false;
    if (out != NULL)
        *out = self->entries[index - 1].value;
    return true;
}

uint32_t
table_get(const struct table *self, uint64_t key)
{
    uint32_t value = 0;

    ASSERT(table_find(self, key, &value));
    return value;
}

bool
table_put(struct table *self, uint64_t key, uint32_t value)
{
    uint32_t slot;

    if (self->slot_count > 0) {
        slot = slot_of(self, key);
        if (self->slots[slot] != 0) {
            self->entries[self->slots[slot] - 1].value = value;
            return false;
        }
    }
    if (self->used == self->capacity) {
        /* Where a quarter is removed, squeezing makes room enough; else the room doubles. */
        bool squeeze = self->count < self->capacity - self->capacity / 4;

        ASSERT(squeeze || self->capacity < CAPACITY_MAX);
        rebuild(self, self->capacity == 0 ? CAPACITY_MIN : squeeze ? self->capacity : self->capacity * 2);
    }
    slot = slot_of(self, key);
    self->entries[self->used] = (struct table_entry){.key = key, .value = value, .alive = 1};
    self->used++;
    self->count++;
    self->slots[slot] = self->used;
    return true;
}

bool
table_remove(struct table *self, uint64_t key)
{
    uint32_t mask = self->slot_count - 1, hole, slot;

    if (self->slot_count == 0)
        return false;
    hole = slot_of(self, key);
    if (self->slots[hole] == 0)
        return false;
    self->entries[self->slots[hole] - 1].alive = 0;
    self->count--;
    for (slot = (hole + 1) & mask; self->slots[slot] != 0; slot = (slot + 1) & mask) {
        uint32_t home = home_slot(self, self->entries[self->slots[slot] - 1].key);

        /* An entry may fill the hole unless its home lies behind the hole. */
        if (((slot - home) & mask) >= ((slot - hole) & mask)) {
            self->slots[hole] = self->slots[slot];
            hole = slot;
        }
    }
    self->slots[hole] = 0;
    return true;
}

bool
table_next(const struct table *self, uint32_t *cursor, uint64_t *key, uint32_t *value)
{
    while (*cursor < self->used && self->entries[*cursor].alive == 0)
        (*cursor)++;
    if (*cursor >= self->used)
        return false;
    if (key != NULL)
        *key = self->entries[*cursor].key;
    if (value != NULL)
        *value = self->entries[*cursor].value;
    (*cursor)++;
    return true;
}
