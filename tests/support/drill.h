/* tests/support/drill.h - the smallest domain that exercises the engine: agents that see four numbers (36 bytes) and
 * answer with one (13 bytes), over one or several rounds a step and one or several policy slots. For tests and benches
 * of everything that is not a real domain. Programs that link it replace the world's table of domains by their own. */
#ifndef POLIS_TESTS_SUPPORT_DRILL_H
#define POLIS_TESTS_SUPPORT_DRILL_H

#include "bus/actor.h"
#include "world/domain.h"

#include <stdint.h>

extern const struct schema schema_drill_ask, schema_drill_answer; /* ids 60000, 60001 */
extern const struct domain domain_drill;

/* The scenario of a drill, as a manifest for store_create(). */
void drill_manifest(struct buffer *out, uint32_t agents, uint32_t slots, uint32_t rounds, uint32_t steps, uint64_t seed,
                    const char *detail);

/* The policy: `work` multiply-adds an agent (32: about 28 ns). Answers one observation at the end of `out`. */
int drill_answer(const void *ask, size_t size, uint64_t hash, uint32_t work, struct buffer *out, struct why *why);

/* A worker for it, as an actor. `self` must outlive the actor. */
struct drill_worker {
    uint32_t work;
    uint64_t answered;
};
void drill_worker_actor(struct drill_worker *self, struct actor *out);

#endif
