/* world/base.h - what a fork's log begins with: one record at the step it branched off, with the state there and, when
 * there are levers, governance's. So a fork replays and verifies without the run it came from. */
#ifndef POLIS_WORLD_BASE_H
#define POLIS_WORLD_BASE_H

#include "core/buffer.h"
#include "core/error.h"
#include "world/domain.h"
#include "world/store.h"

#include <stdint.h>

/* The record as store_create_fork() takes it: what the domain is now, and `court` (engine_save(); empty: no lever).
 * `step` is the one the domain has come to. store_step's buffers are the caller's. */
void base_write(const struct domain *domain, const void *domain_self, uint64_t step, const struct buffer *court,
                struct store_step *out);

/* Brings the domain to the base of a fork's log, digest checked (ERR_DIGEST), and sets *step to its step. Another log:
 * the domain stays at its genesis, and *step is 0. */
MUST_CHECK int base_load(
    struct store *store, const struct domain *domain, void *domain_self, uint64_t *step, struct why *why);

/* Governance's part of the base, at the end of `out`; nothing when there is none. */
MUST_CHECK int base_read_court(struct store *store, struct buffer *out, struct why *why);

#endif
