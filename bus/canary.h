/* bus/canary.h - what two processes must have in common to compute the same bits: the same program, and a processor,
 * compiler and library that give the same numbers. Both are said in HELLO and compared by the broker. */
#ifndef POLIS_BUS_CANARY_H
#define POLIS_BUS_CANARY_H

#include "core/error.h"

#include <stdint.h>

#define CANARY_BUILD_SIZE 33u

/* Hash of a fixed numeric workload: every function of core/math over its range, the draws of core/rng, and the plain
 * arithmetic that a contraction to fused multiply-add would change. */
uint64_t canary_compute(void);

/* XXH3-128 of this process's program file, in hexadecimal. ERR_IO. */
MUST_CHECK int canary_build(char out[CANARY_BUILD_SIZE], struct why *why);

#endif
