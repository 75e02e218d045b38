/* world/sandbox/draw.h - how work turns out: its latent quality v, what can be observed of it, and what a
 * counterparty sees of that before it answers. All the chance there is in an interaction. */
#ifndef POLIS_WORLD_SANDBOX_DRAW_H
#define POLIS_WORLD_SANDBOX_DRAW_H

#include "core/proxy.h"
#include "core/rng.h"
#include "proto/sandbox.h"

#include <stdint.h>

struct draw {
    int32_t truth; /* v: -1 or 1 */
    struct observables seen;
};

/* P(v = +1) = clamp(0.10 + 0.85 effort (0.5 + 0.5 skill) - 0.10 difficulty, 0.02, 0.98). All in [0, 1]. */
double draw_chance(double effort, double skill, double difficulty);

/* Draws v and the observables: of good work from the good row, of bad work each from the bad row, or, with
 * probability `disguise`, from the good one. Takes the same number of draws whatever the outcome.
 *     progress U(.3,.8) | U(-.3,.2)   rework {0,1} | {1..3}   rejections {0} | {1,2}   misuse {0} | {0,1}
 *     engagement U(.2,.6) | U(-.5,-.1) */
struct draw draw_work(struct rng *rng, double chance, double disguise);

/* Which observables are seen (enum proxy_component), each with probability 1 - scarcity. */
uint8_t draw_revealed(struct rng *rng, double scarcity);

/* What happens to the observables of refused work: its counterparty was not engaged. */
void draw_refused(struct observables *seen);

/* Exact expectations of the label: E[p | v = +1] and, for disguise i/10, E[p | v = -1]. The counts are summed over,
 * the two uniforms integrated (Gauss-Legendre, 4 panels of 8 points each). */
void draw_expectations(const struct proxy_params *params, double *good, double bad[SANDBOX_GRID]);

#endif
