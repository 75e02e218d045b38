/* tests/support/rig.h - real processes for system tests: the commands of `polis` as a person would type them, and
 * a cluster whose processes the test itself starts, kills and starts again. */
#ifndef POLIS_TESTS_SUPPORT_RIG_H
#define POLIS_TESTS_SUPPORT_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RIG_PEERS 16u

/* The program under test: $POLIS_BINARY, else build/release/polis. */
const char *rig_binary(void);

/* Runs `BINARY words...` (NULL-ended list) to its end, at most `seconds`; stdout and stderr go to `output` (may be
 * NULL; always terminated). Returns the exit status, 256 + signal, or 1000 when it took too long (then it is killed).
 */
int rig_command(const char *binary, const char *const *words, unsigned seconds, char *output, size_t output_size);
#define POLIS(output, seconds, ...)                                                                                  \
    rig_command(rig_binary(), (const char *const[]){__VA_ARGS__, NULL}, (seconds), (output), sizeof(output))

/* BLAKE2b-256 of the canonical stream of a run, in hexadecimal; "" when it cannot be read. */
const char *rig_hash(const char *folder, char out[65]);
/* Last committed step, or 0. */
uint64_t rig_committed(const char *folder);

/* Makes a run folder from a scenario (file or name) with overrides (NULL-ended); asserts that it works. */
void rig_create(const char *folder, const char *scenario, const char *const *overrides);

/* One process of the cluster. */
struct rig_process {
    pid_t pid; /* 0: none */
    const char *role;
};

struct rig {
    const char *folder, *binary;
    struct rig_process broker, world, governance, agents[RIG_PEERS];
    uint32_t agent_count;
    char environment[4][128]; /* "NAME=value" given to the world alone; "" for none */
};

pid_t rig_spawn(const struct rig *self, const char *role);
/* Starts what is not running. `governed`: the scenario has levers. */
void rig_start(struct rig *self, uint32_t agents, bool governed);
/* kill -9 and reap. */
void rig_kill(struct rig_process *process);
/* The exit status when the process has ended (256 + signal), or -1 while it runs. */
int rig_reap(struct rig_process *process);
/* Starts again whatever has ended except the world; returns how many were. */
unsigned rig_revive(struct rig *self);
/* Ends all: TERM, then KILL. */
void rig_stop(struct rig *self);

void rig_sleep_ms(unsigned ms);
uint64_t rig_now_ms(void);

#endif
