/* llm-gateway/key_map.h - a map from 16 bytes (a request's key, or who asked) to a number. What strangers can choose
 * goes in here, so two keys that share a hash are still two keys: they stand in one row behind each other. Heap, one
 * owner; start from {0}. */
#ifndef POLIS_LLM_GATEWAY_KEY_MAP_H
#define POLIS_LLM_GATEWAY_KEY_MAP_H

#include "core/table.h"
#include "llm-gateway/key.h"

struct key_map_entry {
    struct key key;
    uint32_t value;
    uint32_t next; /* place + 1 of the next with the same hash, or of the next free one; 0: none */
};

struct key_map {
    struct table heads; /* hash to place + 1 */
    struct key_map_entry *entries;
    uint32_t capacity, used, count;
    uint32_t free_list; /* place + 1 */
};

void key_map_fini(struct key_map *self);
void key_map_clear(struct key_map *self);

/* True and the value in *out (which may be NULL). */
bool key_map_find(const struct key_map *self, const struct key *key, uint32_t *out);
void key_map_put(struct key_map *self, const struct key *key, uint32_t value);
bool key_map_remove(struct key_map *self, const struct key *key);

#endif
