/* control/sweep_pool.h - several tasks at once: processes of this program, forked once, that do one task after the
 * other until there are no more. A task that ends its process is lost alone: the others go on, and the process is made
 * again.
 *
 * Invariants:
 * 1. A process has at most one task; a task is given to one process, once, and comes back once: answered or lost.
 * 2. A process dies with the one that made it, whatever ends that. */
#ifndef POLIS_CONTROL_SWEEP_POOL_H
#define POLIS_CONTROL_SWEEP_POOL_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

#define SWEEP_POOL_MAX 1024u

struct sweep_pool_options {
    uint32_t jobs;          /* processes */
    const char *log_folder; /* NUMBER.log there takes what a process says while it is at a task */
    /* In the other process: does the task and writes the answer; an empty one means that it could not be done, and why
     * is what was said last, on stderr. Its memory is a copy of that at the time of the fork.
     * The signals of signals_block() are blocked there, too. */
    void (*work)(void *context, uint64_t task, struct buffer *answer);
    void *context;
};

enum sweep_pool_event { SWEEP_POOL_ANSWER, SWEEP_POOL_LOST, SWEEP_POOL_SIGNAL, SWEEP_POOL_NOTHING };

struct sweep_pool_report {
    uint64_t task;
    struct buffer answer; /* the caller's: buffer_fini() */
    char reason[400];     /* LOST: the last words of the process, and what ended it if it is gone */
};

struct sweep_pool;

/* Starts no process yet. */
struct sweep_pool *sweep_pool_new(const struct sweep_pool_options *options);
/* Kills what still runs; its tasks are gone. */
void sweep_pool_destroy(struct sweep_pool **self_p);

uint32_t sweep_pool_idle(const struct sweep_pool *self);

/* Hands a task to an idle process (there must be one). ERR_IO: no process could be made; the task was not given. */
MUST_CHECK int sweep_pool_give(struct sweep_pool *self, uint64_t task, struct why *why);

/* Waits for the next thing to happen: a task that comes back, or a signal (signal_fd is readable; -1: none). */
enum sweep_pool_event sweep_pool_wait(
    struct sweep_pool *self, int signal_fd, int timeout_ms, struct sweep_pool_report *out);

#endif
