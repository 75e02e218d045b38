#include "llm-gateway/key_map.h"

#include <stdlib.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/digest.h"

static uint64_t
hash_of(const struct key *key)
{
    return digest_xxh3(key->bytes, KEY_SIZE);
}

void
key_map_fini(struct key_map *self)
{
    table_fini(&self->heads);
    free(self->entries);
    *self = (struct key_map){0};
}

void
key_map_clear(struct key_map *self)
{
    table_clear(&self->heads);
    self->used = 0;
    self->count = 0;
    self->free_list = 0;
}

/* Place + 1 of a key's entry, or 0. */
static uint32_t
place_of(const struct key_map *self, const struct key *key)
{
    uint32_t place = 0;

    if (!table_find(&self->heads, hash_of(key), &place))
        return 0;
    while (place != 0 && !key_equal(&self->entries[place - 1].key, key))
        place = self->entries[place - 1].next;
    return place;
}

bool
key_map_find(const struct key_map *self, const struct key *key, uint32_t *out)
{
    uint32_t place = place_of(self, key);

    if (place != 0 && out != NULL)
        *out = self->entries[place - 1].value;
    return place != 0;
}

static uint32_t
place_new(struct key_map *self)
{
    uint32_t place = self->free_list;

    if (place != 0) {
        self->free_list = self->entries[place - 1].next;
        return place;
    }
    if (self->used == self->capacity) {
        uint32_t capacity = self->capacity > 0 ? 2 * self->capacity : 64;
        struct key_map_entry *entries = ALLOC_ARRAY(struct key_map_entry, capacity);

        ASSERT(capacity <= 1u << 30);
        if (self->used > 0)
            memcpy(entries, self->entries, self->used * sizeof entries[0]);
        free(self->entries);
        self->entries = entries;
        self->capacity = capacity;
    }
    return ++self->used;
}

void
key_map_put(struct key_map *self, const struct key *key, uint32_t value)
{
    uint64_t hash = hash_of(key);
    uint32_t place = place_of(self, key), head = 0;

    if (place != 0) {
        self->entries[place - 1].value = value;
        return;
    }
    place = place_new(self);
    (void)table_find(&self->heads, hash, &head);
    self->entries[place - 1] = (struct key_map_entry){*key, value, head};
    table_put(&self->heads, hash, place);
    self->count++;
}

bool
key_map_remove(struct key_map *self, const struct key *key)
{
    uint64_t hash = hash_of(key);
    uint32_t place = place_of(self, key), at;
    struct key_map_entry *entry;

    if (place == 0)
        return false;
    entry = &self->entries[place - 1];
    at = table_get(&self->heads, hash);
    if (at == place && entry->next == 0) {
        table_remove(&self->heads, hash);
    } else if (at == place) {
        table_put(&self->heads, hash, entry->next);
    } else {
        while (self->entries[at - 1].next != place)
            at = self->entries[at - 1].next;
        self->entries[at - 1].next = entry->next;
    }
    entry->next = self->free_list;
    self->free_list = place;
    self->count--;
    return true;
}
