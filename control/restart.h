/* control/restart.h - when a child that ended is started again: after a back-off that doubles from 50 ms to 5 s, spread
 * at random so that several do not come back in the same instant, and not more than 5 times in 10 seconds. Knows no
 * process and no clock: it is told the time. */
#ifndef POLIS_CONTROL_RESTART_H
#define POLIS_CONTROL_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#define RESTART_FIRST_MS 50u
#define RESTART_MOST_MS 5000u
#define RESTART_INTENSITY 5u
#define RESTART_WINDOW_MS 10000u
#define RESTART_CALM_MS 60000u /* up for so long: the back-off starts anew */

/* Start from {0}. */
struct restart {
    uint64_t ends_ms[RESTART_INTENSITY]; /* the newest ends, a ring */
    uint32_t end_count;
    uint32_t backoff_ms;
    uint64_t started_ms;
};

void restart_started(struct restart *self, uint64_t now_ms);

/* The child has ended. True: start it again in *wait_ms (half of the back-off to all of it, chosen by `random`). False:
 * this was one end too many in RESTART_WINDOW_MS. */
bool restart_ended(struct restart *self, uint64_t now_ms, uint32_t random, uint32_t *wait_ms);

#endif
