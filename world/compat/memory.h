/* world/compat/memory.h - what agents remember of one another, as the original's agent objects do: the labels of their
 * past interactions, a deceiver's trust scores, an adversary's targets and allies.
 *
 * Two agents that have dealt with each other have a bond each way. Bonds are kept in the order in which they were made;
 * the index that finds them is not state. All memory is taken at the start. */
#ifndef POLIS_WORLD_COMPAT_MEMORY_H
#define POLIS_WORLD_COMPAT_MEMORY_H

#include "core/buffer.h"
#include "core/error.h"
#include "world/compat/compat.h"

#define COMPAT_AGENTS_MAX 4096u /* sets of agents are square tables of bits */

/* What one agent remembers of another. No padding: its bytes are state. */
struct compat_bond {
    double p_accepted, p_all; /* sums of labels, in the order of the interactions */
    double faith;             /* a deceiver's trust score; 0.5 before the first accepted interaction */
    uint32_t of, with;        /* who remembers, whom */
    uint32_t accepted, all;   /* interactions with it, either direction */
    uint32_t met;             /* proposals of it that a deceiver was asked about at the end of a step */
    uint32_t faithful;        /* 1: there is a trust score */
};

struct compat_memory {
    uint32_t agent_count, bond_count, bond_room, index_room; /* index_room: a power of 2 */
    struct compat_bond *bonds;
    uint32_t *index;               /* bond + 1 by hash of (of, with); 0: free */
    uint64_t *targets, *allies;    /* a bit for each pair, row by row */
    uint32_t words;                /* of a row */
    uint32_t *cooldown;            /* an adversary's turns until it may attack again */
    uint32_t *confided;            /* a deceiver's trust scores over 0.7 */
    uint32_t *met;                 /* sum of its bonds' `met` */
};

/* For at most `bond_room` bonds; agent_count <= COMPAT_AGENTS_MAX. */
void compat_memory_init(struct compat_memory *self, uint32_t agent_count, uint64_t bond_room);
void compat_memory_fini(struct compat_memory *self);
void compat_memory_clear(struct compat_memory *self);

/* NULL: nothing is remembered. The pointers hold until memory_clear(). */
const struct compat_bond *compat_memory_find(const struct compat_memory *self, uint32_t of, uint32_t with);
struct compat_bond *compat_memory_make(struct compat_memory *self, uint32_t of, uint32_t with);

/* Mean label of the accepted interactions with it; 0.5 without any. */
double compat_memory_trust(const struct compat_memory *self, uint32_t of, uint32_t with);

bool compat_memory_is_target(const struct compat_memory *self, uint32_t of, uint32_t other);
bool compat_memory_is_ally(const struct compat_memory *self, uint32_t of, uint32_t other);
void compat_memory_add_target(struct compat_memory *self, uint32_t of, uint32_t other);
void compat_memory_add_ally(struct compat_memory *self, uint32_t of, uint32_t other);

/* A deceiver's score and count, with the totals that follow from them. */
void compat_memory_set_faith(struct compat_memory *self, uint32_t of, uint32_t with, double faith);
void compat_memory_add_met(struct compat_memory *self, uint32_t of, uint32_t with, uint32_t times);

/* The outcome of an interaction, for one of its two sides. `deceiver`: it keeps trust scores. */
void compat_memory_learn(
    struct compat_memory *self, uint32_t of, uint32_t with, bool deceiver, bool accepted, double p);

void compat_memory_save(const struct compat_memory *self, struct buffer *out);
/* From bytes[*offset], which it moves on. ERR_FORMAT. */
MUST_CHECK int compat_memory_load(
    struct compat_memory *self, const uint8_t *bytes, size_t size, size_t *offset, struct why *why);
MUST_CHECK int compat_memory_check(const struct compat_memory *self, struct why *why);

#endif
