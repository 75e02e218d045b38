/* world/gather.h - asks agent workers and gathers their answers. Due agents are cut into chunks; workers hold at most
 * `credit` of them at once; the lowest chunk goes out first, encoded only then. Whatever happens to workers, the
 * answers end up by agent id, so who answered leaves no mark.
 *
 * Invariants:
 * 1. An answer is taken only while its fence (run, epoch, step, phase, chunk) is outstanding and not yet answered,
 * and when it    names the hash of the very observation; everything else is counted (stale, repeated, invalid) and
 * dropped. 2. A chunk whose worker dies goes to another; one that ends `poison_kills` workers stops the run with a
 * dump. 3. A chunk past its deadline is given to a second worker; the first valid answer wins. A worker that lets
 * deadlines    pass gets its credit back, but is asked again only when it has answered or nobody else serves the
 * policy. 4. A worker whose answer is wrong gets nothing more and is not listened to any more. 5. Chunks of external
 * slots (models decide, the worker only waits) use up no credit and wait long: the others, and what a dead worker left
 * of them, always find a worker. */
#ifndef POLIS_WORLD_GATHER_H
#define POLIS_WORLD_GATHER_H

#include "bus/actor.h"
#include "core/arena.h"
#include "world/domain.h"

#include <stdbool.h>
#include <stdint.h>

struct gather;

struct gather_options {
    uint32_t chunk;        /* agents, at most */
    uint32_t deadline_ms;
    uint32_t credit;       /* chunks a worker may hold */
    uint32_t poison_kills;
    const char *folder;    /* where a poison chunk is dumped; lent */
    uint64_t seed;
    uint32_t run, epoch;   /* of this world: an answer to another one is stale */
};

struct gather_counters {
    uint64_t sent, answered, stale, repeated, invalid, refused, deadlines, deaths;
};

struct gather *gather_new(const struct domain *domain, void *domain_self, const struct gather_options *options);
void gather_destroy(struct gather **self_p);

/* All workers are gone (the broker is a new one, the world has a new epoch). */
void gather_forget_workers(struct gather *self);
void gather_worker_up(struct gather *self, const struct peer *peer, const char *serves);
/* ERR_LIMIT: a chunk has now ended too many workers (a poison chunk); its observation has been dumped. */
MUST_CHECK int gather_worker_down(struct gather *self, const struct peer *peer, bool said_bye, struct why *why);
uint32_t gather_worker_count(const struct gather *self);

/* Starts on an exchange (lent until gather_take()). `given` (may be NULL): by group, answers that are known already,
 * for which nobody is asked; those without are empty. */
void gather_begin(struct gather *self, const struct exchange *exchange, uint64_t step, uint32_t phase,
                  const struct blob *given);
/* Sends what there is room for; asks to be woken at the next deadline. */
void gather_pump(struct gather *self, uint64_t now_ms, struct outbox *out);
/* An ACTION or NACK from a worker. Never fails the caller, but for a poison chunk (ERR_LIMIT): answers that several
 * workers got refused. */
MUST_CHECK int gather_letter(struct gather *self, const struct letter *letter, uint64_t now_ms, struct why *why);
bool gather_complete(const struct gather *self);
/* The answers, one batch a group, rows in id order; they are valid until the next gather_take(). Small things are put
 * in `arena`. Ends the exchange. */
void gather_take(struct gather *self, struct arena *arena, struct batch *answers, struct blob *bytes);

struct gather_counters gather_counters(const struct gather *self);
/* JSON of the workers: [{"peer": .., "serves": .., "holds": n, "answered": n}, ...]. */
void gather_write_status(const struct gather *self, struct buffer *out);

#endif
