/* core/incoherence.h - whether repeated runs of one decision go wrong at random or in the same way (bias and variance
 * of choices; after the peers' measure, swarm sandbox 1.9, 2026). */
#ifndef POLIS_CORE_INCOHERENCE_H
#define POLIS_CORE_INCOHERENCE_H

#include <stddef.h>
#include <stdint.h>

#define INCOHERENCE_NO_BENCHMARK UINT32_MAX

struct incoherence {
    double disagreement; /* share of runs that did not do what most did */
    double error;        /* share that did not do what was right; 0 without a benchmark */
    double incoherence;  /* disagreement / error, at most 1: 1 when all error is scatter, 0 when there is no scatter */
};

/* What each run chose, as numbers, against the right choice. Zeros without runs. O(count^2). */
struct incoherence incoherence_of(const uint32_t *choices, size_t count, uint32_t benchmark);

#endif
