/* world/compat/domain.h - the run of the original as a domain of the world: the insides, for the files of this folder.
 * The domain asks nobody: a step is done when it has begun, and end() only closes the epoch. */
#ifndef POLIS_WORLD_COMPAT_DOMAIN_H
#define POLIS_WORLD_COMPAT_DOMAIN_H

#include "world/compat/orchestrator.h"
#include "world/domain.h"

struct compat {
    struct compat_config config;
    struct compat_run run;
    uint64_t seed;
    struct domain_slot *slots; /* a policy each; nobody is asked for its decisions */
    uint32_t slot_count;
};

/* figures.c, events.c, save.c, check.c: struct domain's functions of these names. */
void compat_figures(const void *self, bool whole_run, domain_figure_fn *each, void *context);
void compat_events(const void *self, struct buffer *out);
void compat_digest(const void *self, struct fold *fold);
void compat_save(const void *self, struct buffer *out);
MUST_CHECK int compat_load(void *self, const void *bytes, size_t size, struct why *why);
MUST_CHECK int compat_check_invariants(const void *self, struct why *why);

#endif
