#include "llm-gateway/cache.h"

#include <stdlib.h>

#include "core/arena.h"
#include "core/assert.h"
#include "llm-gateway/key_map.h"

#define NONE UINT32_MAX

struct entry {
    struct key key;
    void *bytes;
    size_t size;
    uint32_t newer, older; /* places; a ring without ends: NONE at both */
};

struct flight {
    struct key key;
    uint32_t leader;
    uint32_t *waiters;
    uint32_t count, capacity, landed; /* landed: waiters handed back */
};

struct cache {
    size_t bytes_max, bytes;
    struct key_map entry_places, flight_places;
    struct entry *entries;
    struct flight *flights;
    uint32_t *entry_free, *flight_free; /* stacks */
    uint32_t entry_capacity, entry_free_count, flight_capacity, flight_free_count;
    uint32_t newest, oldest;
    uint64_t hits, misses, joins, evictions;
};

struct cache *
cache_new(size_t bytes_max)
{
    struct cache *self = ALLOC(struct cache);

    self->bytes_max = bytes_max;
    self->newest = NONE;
    self->oldest = NONE;
    return self;
}

void
cache_destroy(struct cache **self_p)
{
    struct cache *self = *self_p;

    if (self == NULL)
        return;
    for (uint32_t i = 0; i < self->entry_capacity; i++)
        free(self->entries[i].bytes);
    for (uint32_t i = 0; i < self->flight_capacity; i++)
        free(self->flights[i].waiters);
    key_map_fini(&self->entry_places);
    key_map_fini(&self->flight_places);
    free(self->entries);
    free(self->flights);
    free(self->entry_free);
    free(self->flight_free);
    free(self);
    *self_p = NULL;
}

/* ---- places ---- */

/* Doubles an array and puts the new places on the stack of free ones, the lowest on top. */
static void
grow(void **items, size_t size, uint32_t *capacity, uint32_t **stack, uint32_t *stack_count)
{
    uint32_t wanted = *capacity > 0 ? 2 * *capacity : 16;
    void *larger = alloc_array(wanted, size);

    ASSERT(wanted <= 1u << 30 && *stack_count == 0);
    if (*capacity > 0)
        memcpy(larger, *items, *capacity * size);
    free(*items);
    free(*stack);
    *items = larger;
    *stack = ALLOC_ARRAY(uint32_t, wanted);
    for (uint32_t i = wanted; i > *capacity; i--)
        (*stack)[(*stack_count)++] = i - 1;
    *capacity = wanted;
}

static uint32_t
entry_place(struct cache *self)
{
    void *items = self->entries;

    if (self->entry_free_count == 0)
        grow(&items, sizeof self->entries[0], &self->entry_capacity, &self->entry_free, &self->entry_free_count);
    self->entries = items;
    return self->entry_free[--self->entry_free_count];
}

static uint32_t
flight_place(struct cache *self)
{
    void *items = self->flights;

    if (self->flight_free_count == 0)
        grow(&items, sizeof self->flights[0], &self->flight_capacity, &self->flight_free, &self->flight_free_count);
    self->flights = items;
    return self->flight_free[--self->flight_free_count];
}

/* ---- what is kept ---- */

static void
unlink_entry(struct cache *self, struct entry *entry)
{
    if (entry->newer != NONE)
        self->entries[entry->newer].older = entry->older;
    else
        self->newest = entry->older;
    if (entry->older != NONE)
        self->entries[entry->older].newer = entry->newer;
    else
        self->oldest = entry->newer;
}

static void
link_newest(struct cache *self, uint32_t place)
{
    struct entry *entry = &self->entries[place];

    entry->newer = NONE;
    entry->older = self->newest;
    if (self->newest != NONE)
        self->entries[self->newest].newer = place;
    else
        self->oldest = place;
    self->newest = place;
}

/* What an entry weighs: its bytes and what stands around them. */
static size_t
weight(size_t size)
{
    return size + sizeof(struct entry) + sizeof(struct key_map_entry) + 32;
}

static void
evict(struct cache *self, uint32_t place)
{
    struct entry *entry = &self->entries[place];

    unlink_entry(self, entry);
    key_map_remove(&self->entry_places, &entry->key);
    self->bytes -= weight(entry->size);
    free(entry->bytes);
    entry->bytes = NULL;
    self->entry_free[self->entry_free_count++] = place;
}

const void *
cache_find(struct cache *self, const struct key *key, size_t *size)
{
    uint32_t place;

    *size = 0;
    if (!key_map_find(&self->entry_places, key, &place)) {
        self->misses++;
        return NULL;
    }
    self->hits++;
    unlink_entry(self, &self->entries[place]);
    link_newest(self, place);
    *size = self->entries[place].size;
    return self->entries[place].bytes;
}

void
cache_store(struct cache *self, const struct key *key, const void *bytes, size_t size)
{
    uint32_t place;

    if (key_map_find(&self->entry_places, key, &place))
        evict(self, place);
    if (size > self->bytes_max || weight(size) > self->bytes_max)
        return;
    while (self->bytes + weight(size) > self->bytes_max) {
        evict(self, self->oldest);
        self->evictions++;
    }
    place = entry_place(self);
    self->entries[place] = (struct entry){.key = *key, .bytes = alloc_array(size + 1, 1), .size = size};
    if (size > 0)
        memcpy(self->entries[place].bytes, bytes, size);
    self->bytes += weight(size);
    key_map_put(&self->entry_places, key, place);
    link_newest(self, place);
}

/* ---- what is on its way ---- */

static struct flight *
flight_find(const struct cache *self, const struct key *key)
{
    uint32_t place;

    return key_map_find(&self->flight_places, key, &place) ? &self->flights[place] : NULL;
}

static void
flight_end(struct cache *self, struct flight *flight)
{
    key_map_remove(&self->flight_places, &flight->key);
    self->flight_free[self->flight_free_count++] = (uint32_t)(flight - self->flights);
}

bool
cache_fly(struct cache *self, const struct key *key, uint32_t who)
{
    struct flight *flight = flight_find(self, key);

    if (flight == NULL) {
        uint32_t place = flight_place(self);

        flight = &self->flights[place];
        flight->key = *key;
        flight->leader = who;
        flight->count = 0;
        flight->landed = 0;
        key_map_put(&self->flight_places, key, place);
        return true;
    }
    if (flight->count == flight->capacity) {
        uint32_t capacity = flight->capacity > 0 ? 2 * flight->capacity : 4;
        uint32_t *waiters = ALLOC_ARRAY(uint32_t, capacity);

        if (flight->count > 0)
            memcpy(waiters, flight->waiters, flight->count * sizeof waiters[0]);
        free(flight->waiters);
        flight->waiters = waiters;
        flight->capacity = capacity;
    }
    flight->waiters[flight->count++] = who;
    self->joins++;
    return false;
}

uint32_t
cache_land(struct cache *self, const struct key *key)
{
    struct flight *flight = flight_find(self, key);

    if (flight == NULL)
        return CACHE_NOBODY;
    if (flight->landed < flight->count)
        return flight->waiters[flight->landed++];
    flight_end(self, flight);
    return CACHE_NOBODY;
}

bool
cache_leave(struct cache *self, const struct key *key, uint32_t who)
{
    struct flight *flight = flight_find(self, key);

    for (uint32_t i = flight != NULL ? flight->landed : 0; flight != NULL && i < flight->count; i++)
        if (flight->waiters[i] == who) {
            memmove(&flight->waiters[i], &flight->waiters[i + 1], (flight->count - i - 1) * sizeof flight->waiters[0]);
            flight->count--;
            return true;
        }
    return false;
}

uint32_t
cache_succeed(struct cache *self, const struct key *key)
{
    struct flight *flight = flight_find(self, key);

    ASSERT(flight != NULL && flight->landed == 0);
    if (flight->count == 0) {
        flight_end(self, flight);
        return CACHE_NOBODY;
    }
    flight->leader = flight->waiters[0];
    (void)cache_leave(self, key, flight->leader);
    return flight->leader;
}

uint32_t
cache_leader(const struct cache *self, const struct key *key)
{
    const struct flight *flight = flight_find(self, key);

    return flight != NULL ? flight->leader : CACHE_NOBODY;
}

struct cache_figures
cache_figures(const struct cache *self)
{
    return (struct cache_figures){self->bytes, self->entry_places.count, self->flight_places.count, self->hits,
        self->misses, self->joins, self->evictions};
}
