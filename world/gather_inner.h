/* world/gather_inner.h - what gather.c (exchanges, chunks, answers) and gather_worker.c (who is asked, and how much at
 * once) know of one another. */
#ifndef POLIS_WORLD_GATHER_INNER_H
#define POLIS_WORLD_GATHER_INNER_H

#include "core/buffer.h"
#include "world/gather.h"

#include <stdbool.h>
#include <stdint.h>

#define GATHER_HOLDERS_MAX 4u

/* An observation on its way: what a worker's answer gives the credit back for, whoever answered the chunk meanwhile. */
struct errand {
    uint64_t step;
    uint32_t phase, chunk;
    uint64_t deadline_ms;
};

struct gather_worker {
    struct peer peer;
    char *serves;
    struct errand *errands; /* sent to it and not answered yet, oldest first; room for twice the credit */
    uint32_t holds;         /* how many */
    uint64_t answered;
    uint8_t *told;       /* a byte a slot: its parameters were sent */
    bool barred;         /* it sent an answer that no healthy worker sends */
};

struct chunk {
    uint32_t group, first, count;
    uint32_t attempt;
    uint32_t kills;
    uint32_t holder_count;
    struct peer holders[GATHER_HOLDERS_MAX];
    struct peer refuser; /* who refused it last: others are asked */
    bool waiting;        /* wants to be sent */
    bool answered;
    bool external;       /* a worker only waits for it: it uses up no credit */
    uint64_t sent_ms, deadline_ms;
    uint64_t hash;       /* of the observation */
    struct buffer answer;
};

/* What the answers taken of a group come to, by axis. */
struct filled {
    uint64_t count[AXIS_MAX];
};

struct gather {
    const struct domain *domain;
    void *domain_self;
    struct gather_options options;
    const struct domain_slot *slots;
    uint32_t slot_count;
    struct gather_worker *workers;
    uint32_t worker_count, worker_room;
    const struct exchange *exchange; /* NULL between exchanges */
    struct buffer *joined;           /* a group's answers in one batch; the room is used again */
    uint32_t joined_count;
    struct filled *filled;           /* by group */
    uint32_t filled_room;
    uint64_t step;
    uint32_t phase;
    struct chunk *chunks;
    uint32_t chunk_count, chunk_room, open_count;
    uint32_t external_count; /* of these */
    uint32_t lowest_waiting; /* no waiting chunk is below */
    double usual_ms; /* moving average of a chunk's round trip */
    bool warned_unserved;
    struct gather_counters counters;
};

static inline const char *
gather_policy_of(const struct gather *self, const struct chunk *chunk)
{
    return self->slots[self->exchange->groups[chunk->group].slot].policy;
}

/* It wants to be sent (again). */
static inline void
gather_chunk_wait(struct gather *self, uint32_t index)
{
    self->chunks[index].waiting = true;
    if (index < self->lowest_waiting)
        self->lowest_waiting = index;
}

/* ---- gather_worker.c ---- */

struct gather_worker *gather_worker_find(struct gather *self, const struct peer *peer);
bool gather_worker_serves(const struct gather_worker *worker, const char *policy);
void gather_worker_remove(struct gather *self, struct gather_worker *worker);

/* Who gets this chunk next, or NULL: nobody has room for it; *anybody_serves is set when somebody ever will. */
struct gather_worker *gather_worker_choose(
    struct gather *self, const struct chunk *chunk, uint64_t now_ms, bool *anybody_serves);
bool gather_worker_has_room(const struct gather *self, uint64_t now_ms); /* has anybody? */

void gather_errand_add(struct gather *self, struct gather_worker *worker, uint32_t chunk, uint64_t deadline_ms);
/* The worker has answered (or refused) what the head names; a repeated answer gives no credit. */
void gather_errand_done(struct gather_worker *worker, const struct envelope *head, uint64_t now_ms);
/* After a long silence a worker is given another chance. */
void gather_errand_forgive(struct gather *self, uint64_t now_ms);
/* When the next errand is past its deadline (UINT64_MAX: none will be). */
uint64_t gather_errand_deadline(const struct gather *self, uint64_t now_ms);

#endif
