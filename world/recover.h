/* world/recover.h - from a run's folder to a domain in the state after some step: newest usable snapshot, then the
 * logged answers, digest checked at every step. Needs no worker, model or network; replay, check
 * and fork use it too. */
#ifndef POLIS_WORLD_RECOVER_H
#define POLIS_WORLD_RECOVER_H

#include "world/domain.h"
#include "world/plan.h"
#include "world/step.h"
#include "world/store.h"

#include <stdbool.h>
#include <stdint.h>

/* A run's scenario and its domain. */
struct scene {
    struct yaml_tree *tree;
    struct plan plan;
    const struct domain *domain;
    void *domain_self;
    struct buffer governance; /* the governance section as YAML; empty when there is no lever */
    bool governed;
};

/* From a manifest (plan_write_manifest). The domain is configured and at its genesis. */
MUST_CHECK int scene_open(const void *manifest, size_t size, struct scene *out, struct why *why);
void scene_fini(struct scene *self);

struct recover_report {
    uint64_t snapshot_step; /* 0: started from genesis; a fork's base: from there */
    uint64_t replayed;      /* steps */
};

/* Loads the newest usable snapshot at or below a committed step, digest checked. *step 0: there is none, and the domain
 * stays as it is. */
MUST_CHECK int recover_snapshot(struct store *store, struct scene *scene, uint64_t at_or_below, uint64_t *step,
                                struct why *why);

/* Where a replay up to a committed step may begin: the newest usable snapshot, else (or with `use_snapshots` false) the
 * base of a fork, else genesis. Brings the scene's domain there and sets *step. */
MUST_CHECK int recover_start(struct store *store, struct scene *scene, uint64_t at_or_below, bool use_snapshots,
                             uint64_t *step, struct why *why);

/* Brings the scene's domain to the state after `step` (committed). `use_snapshots` false: from where the log begins, so
 * that every step is verified. ERR_MISSING: the log begins behind that step. `each` (may be NULL) is called after every
 * replayed step. ERR_DIGEST names the first step that differs. */
MUST_CHECK int recover_to(struct store *store, struct scene *scene, uint64_t step, bool use_snapshots,
                          void (*each)(void *context, uint64_t step), void *context, struct recover_report *out,
                          struct why *why);

#endif
