/* world/sandbox/trust.h - what agents remember of one another: a bounded table an agent, the least recently used
 * partner is forgotten first. Trust is the mean soft label of past accepted interactions with a partner, in which
 * each proof that its work was bad counts as further labels of 0.
 *
 * Sums are whole numbers (labels in 1/65536), so that a table is 16 bytes a partner and order does not matter. */
#ifndef POLIS_WORLD_SANDBOX_TRUST_H
#define POLIS_WORLD_SANDBOX_TRUST_H

#include "core/error.h"
#include "world/sandbox/cells.h"

#include <stdbool.h>
#include <stdint.h>

#define TRUST_NOBODY UINT32_MAX

struct trust_entry {
    uint32_t partner; /* TRUST_NOBODY: unused */
    uint32_t sum;     /* of labels, in 1/65536 */
    uint16_t weight;  /* labels in the sum; when full, sum and weight are halved */
    uint16_t past;    /* accepted interactions; stays at 65535 */
    uint16_t accepted; /* of the agent's proposals, by the partner; stays at 65535 */
    uint16_t flags;
};

enum { TRUST_DOWNVOTED = 1 }; /* the agent has voted against a post of the partner */

struct trust;

struct trust *trust_new(uint32_t agent_count, uint32_t slots);
void trust_destroy(struct trust **self_p);
void trust_clear(struct trust *self);

/* NULL when the agent does not remember the partner. Does not count as use. */
const struct trust_entry *trust_find(const struct trust *self, uint32_t agent, uint32_t partner);
/* 0 .. 1; 0.5 for nobody and for one without labels. */
double trust_value(const struct trust_entry *entry);
/* The agent's table, most recently used first; unused entries come last. */
const struct trust_entry *trust_table(const struct trust *self, uint32_t agent, uint32_t *count);

/* An accepted interaction with soft label p; `proposed`: the agent had proposed it. */
void trust_note(struct trust *self, uint32_t agent, uint32_t partner, double p, bool proposed);
/* Proof of bad work: `weight` labels of 0. Only for a partner that is remembered. */
void trust_punish(struct trust *self, uint32_t agent, uint32_t partner, uint32_t weight);
/* Sets a flag on a partner that is remembered. True when it was not set before. */
bool trust_flag(struct trust *self, uint32_t agent, uint32_t partner, uint16_t flag);

/* Partners in the agent's table that accepted at least `least` of its proposals. */
uint32_t trust_count(const struct trust *self, uint32_t agent, uint16_t least);

void trust_cells(struct trust *self, struct cells *out);
MUST_CHECK int trust_check(const struct trust *self, struct why *why);

#endif
