/* tests/support/engine_rig.h - for tests: a true engine of language models (tests/engine) as a process. Everything ends
 * within its deadline. */
#ifndef POLIS_TESTS_SUPPORT_ENGINE_RIG_H
#define POLIS_TESTS_SUPPORT_ENGINE_RIG_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct engine_rig {
    pid_t pid;
    int in, out;   /* its stdin, which it ends with, and its stdout */
    uint16_t port; /* on 127.0.0.1 */
};

enum engine_rig_state {
    ENGINE_RIG_RUNS,
    ENGINE_RIG_UNUSABLE, /* this machine cannot: no node, no network to install from, no fitting processor */
    ENGINE_RIG_BROKEN,   /* it could, and something of ours is wrong */
};

/* Sets it up below build/engine, which is done once, and starts it. `why` (terminated) says what stands in the way; it
 * is empty when it runs. */
enum engine_rig_state engine_rig_start(struct engine_rig *self, char *why, size_t size);
/* By closing its stdin, or by a signal (not 0); a kill after twenty seconds. Its exit status, or -1. */
int engine_rig_stop(struct engine_rig *self, int signal);

#endif
