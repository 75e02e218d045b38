/* llm-gateway/cache.h - answers that are already there, and questions that are already on their way. Least recently
 * used goes first when the bytes are full; equal keys in flight wait for one answer (single-flight). Only whole
 * answers are kept (the caller stores none but OK and REPAIRED). Nothing here is like a meaning: other keys are other
 * questions.
 *
 * Invariants:
 * 1. A flight has exactly one leader; who joins waits in the order in which he came.
 * 2. A waiter is handed back exactly once: by cache_land(), cache_leave() or cache_succeed().
 * 3. The bytes kept never exceed the bound. */
#ifndef POLIS_LLM_GATEWAY_CACHE_H
#define POLIS_LLM_GATEWAY_CACHE_H

#include "llm-gateway/key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How much of it a request wants; each includes the ones before. */
enum cache_use { CACHE_OFF, CACHE_FLIGHT, CACHE_READ, CACHE_WRITE };

struct cache;
struct cache *cache_new(size_t bytes_max); /* 0: keeps nothing, flights only */
void cache_destroy(struct cache **self_p);

/* The bytes that were stored for a key, lent until the next call that changes the cache; it now is the most recently
 * used. NULL when there are none. */
const void *cache_find(struct cache *self, const struct key *key, size_t *size);

/* Keeps a copy, over an older one; what is larger than the bound is not kept. */
void cache_store(struct cache *self, const struct key *key, const void *bytes, size_t size);

/* True: `who` leads a new flight of this key. False: he waits for the one that there is. `who` is in no other flight.
 * */
bool cache_fly(struct cache *self, const struct key *key, uint32_t who);

/* The flight is over: its waiters in their order, one a call, CACHE_NOBODY at the end; then the flight is gone. */
#define CACHE_NOBODY UINT32_MAX
uint32_t cache_land(struct cache *self, const struct key *key);

/* A waiter goes. False when he did not wait there. */
bool cache_leave(struct cache *self, const struct key *key, uint32_t who);

/* The leader goes without an answer: the first waiter leads now and is returned; CACHE_NOBODY: the flight is gone. */
uint32_t cache_succeed(struct cache *self, const struct key *key);

/* The leader of a key's flight, or CACHE_NOBODY. */
uint32_t cache_leader(const struct cache *self, const struct key *key);

struct cache_figures {
    size_t bytes; /* texts and what it takes to keep them */
    uint32_t entries, flights;
    uint64_t hits, misses, joins, evictions;
};
struct cache_figures cache_figures(const struct cache *self);

#endif
