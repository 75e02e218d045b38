/* world/compat/compat.h - what the files of this room share. The room keeps the rules of the earlier Python
 * implementation of the sandbox (commits 08977f9, "v1", and 344f46c, "v1g"), constant by constant and draw by draw, in
 * double precision as there: `sandbox.rules: compat`. It exists to show that our numerics are right; where it repeats
 * a mistake of the original, docs/compat.md names it. All agents, levers and the world draw from one generator in the
 * order of execution, so nothing of it can be decided by another process: a run asks nobody. */
#ifndef POLIS_WORLD_COMPAT_COMPAT_H
#define POLIS_WORLD_COMPAT_COMPAT_H

#include "core/proxy.h"
#include "proto/sandbox.h"

#include <stdbool.h>
#include <stdint.h>

#define COMPAT_NOBODY UINT32_MAX

enum compat_version { COMPAT_V1, COMPAT_V1G };

enum compat_type {
    COMPAT_HONEST, COMPAT_OPPORTUNISTIC, COMPAT_DECEPTIVE, COMPAT_ADVERSARIAL, COMPAT_ADAPTIVE, COMPAT_TYPES
};

/* A stream of uniforms on [0, 1): splitmix64 (Steele, Lea & Flood 2014), or a script that is read to its end and then
 * again from its start. `used` counts the draws. */
struct compat_draws {
    uint64_t state, used;
    const double *script; /* NULL: splitmix64; else lent */
    uint32_t script_count;
};
void compat_draws_seed(struct compat_draws *self, uint64_t seed);
void compat_draws_script(struct compat_draws *self, const double *script, uint32_t count);
double compat_draw(struct compat_draws *self);                                   /* [0, 1) */
double compat_draw_between(struct compat_draws *self, double low, double high);  /* low + (high - low) u */
int32_t compat_draw_integer(struct compat_draws *self, int32_t low, int32_t high); /* low + floor(u (high - low + 1)) */
uint32_t compat_draw_choice(struct compat_draws *self, uint32_t count);          /* floor(u count) */
void compat_draw_shuffle(struct compat_draws *self, uint32_t *items, uint32_t count); /* i from the last down to 1 */

/* An interaction after it was decided. */
struct compat_interaction {
    uint32_t id, initiator, counterparty;
    enum sandbox_interaction kind;
    bool accepted;
    struct observables seen;
    double v_hat, p;
    double tau, c_a, c_b, r_a, r_b;
    double minutes; /* when, on the original's clock: only detectors look at it */
};

/* What agents are to levers. Arrays by agent id. */
struct compat_agents {
    uint32_t count;
    double *reputation, *resources;
};

/* What levers say about one event: costs add up, changes add up, sets unite. Arrays by agent id, owned by the
 * caller. */
struct compat_effect {
    double cost_a, cost_b;
    double *reputation, *resources; /* changes */
    bool *freeze, *unfreeze;
    bool refuse; /* refinery: the interaction counts as not accepted */
};

#endif
