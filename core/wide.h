/* core/wide.h - whole numbers of 128 bits. ISO C has none, gcc and clang do. */
#ifndef POLIS_CORE_WIDE_H
#define POLIS_CORE_WIDE_H

#include <stdint.h>

__extension__ typedef unsigned __int128 uint128; /* a scalar, so the house's rule against typedef is about others */

/* Zero bits in front of the highest and behind the lowest one bit; x > 0. */
static inline int
wide_leading_zeros(uint128 x)
{
    return (uint64_t)(x >> 64) != 0 ? __builtin_clzll((uint64_t)(x >> 64)) : 64 + __builtin_clzll((uint64_t)x);
}

static inline int
wide_trailing_zeros(uint128 x)
{
    return (uint64_t)x != 0 ? __builtin_ctzll((uint64_t)x) : 64 + __builtin_ctzll((uint64_t)(x >> 64));
}

#endif
