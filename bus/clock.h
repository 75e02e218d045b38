/* bus/clock.h - monotonic milliseconds, for deadlines only: nothing that reaches the log may come from here. */
#ifndef POLIS_BUS_CLOCK_H
#define POLIS_BUS_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_NEVER UINT64_MAX

static inline uint64_t
clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* The earlier of two deadlines. */
static inline uint64_t clock_earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

#endif
