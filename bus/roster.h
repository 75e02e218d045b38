/* bus/roster.h - which slot a peer's id has: a small hash table of fixed room, so that what a switch or a process
 * knows about its peers can stand in plain arrays. A slot stays the peer's until it is removed. */
#ifndef POLIS_BUS_ROSTER_H
#define POLIS_BUS_ROSTER_H

#include "bus/actor.h"

#include <stdint.h>

#define ROSTER_NONE UINT32_MAX

struct roster {
    uint32_t capacity; /* slots */
    uint32_t count;    /* slots in use */
    struct peer *ids;  /* by slot */
    uint8_t *used;     /* by slot */
    uint32_t *buckets; /* slot or ROSTER_NONE; bucket_mask + 1 of them */
    uint32_t bucket_mask;
    uint32_t next_free; /* where the search for a free slot begins */
};

/* capacity > 0. */
void roster_init(struct roster *self, uint32_t capacity);
void roster_fini(struct roster *self);
void roster_clear(struct roster *self);

/* The peer's slot, or ROSTER_NONE. */
uint32_t roster_find(const struct roster *self, const struct peer *peer);
/* A slot for a peer that has none; ROSTER_NONE when all are taken. */
uint32_t roster_add(struct roster *self, const struct peer *peer);
void roster_remove(struct roster *self, uint32_t slot);

#endif
