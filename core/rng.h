/* core/rng.h - counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror & Shaw 2011, "Parallel random
 * numbers: as easy as 1, 2, 3"). A draw is a pure function of (seed, stream, entity, step, index), so it does not
 * matter who draws first or where. Streams are named in core/streams.h; never share one generator between uses. */
#ifndef POLIS_CORE_RNG_H
#define POLIS_CORE_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
    uint32_t key[2];
    uint32_t counter[4]; /* draw block, entity, step (low 32), stream << 16 | step (high 16) */
    uint32_t block[4];
    uint32_t used; /* words of `block` given out; 4 = none left */
};

/* The generator for one purpose. `stream` < 2^16 says what for, `entity` for whom (an agent's id), `step` < 2^48
 * when (steps count through the whole run). A value: copy it freely. */
struct rng rng_make(uint64_t seed, uint32_t stream, uint32_t entity, uint64_t step);

/* Moves a fresh generator to lane `lane` of its own: 256 draws that no other lane has (lanes count modulo 2^26). For
 * one purpose, entity and step that draw for several partners, in whatever order they come. */
void rng_lane(struct rng *self, uint32_t lane);

/* The raw function: ten rounds on `counter` with `key`. */
void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

uint32_t rng_u32(struct rng *self);
uint64_t rng_u64(struct rng *self);

/* Uniform on [0, 1), 53 bits. */
double rng_real(struct rng *self);

/* Uniform on [low, high). */
double rng_between(struct rng *self, double low, double high);

/* Uniform on {0 .. bound-1}, without bias (Lemire 2019). bound > 0. */
uint32_t rng_below(struct rng *self, uint32_t bound);

/* Uniform on {low .. high}, both included. */
int32_t rng_integer(struct rng *self, int32_t low, int32_t high);

/* True with probability p (p <= 0: never, p >= 1: always; one draw in every case, so streams stay aligned). */
bool rng_chance(struct rng *self, double p);

/* Standard normal (Box-Muller on core/math; two draws). */
double rng_normal(struct rng *self);

/* Fisher-Yates over `count` indexes. */
void rng_shuffle(struct rng *self, uint32_t *items, uint32_t count);

#endif
