/* control/supervise.h - keeps the processes of a run alive, and stops them in order.
 *
 *   RUNNING --INT/TERM--> FINISHING (main was asked to end) --main ended--> STOPPING (stage by stage, last one first)
 * --> DONE
 *      `--main ended with 0, or a loss that cannot be borne--------------------^
 *
 * Invariants:
 * 1. A child is in exactly one of the states idle, running, waiting (for its restart) and ended; only a running one has
 * a process, and its end is seen through its pidfd: there is no SIGCHLD handler and no waitpid(-1).
 * 2. In STOPPING nothing is started; a stage is told to end when every later stage has ended.
 * 3. Exit statuses 64 to 78 are final: such a child is not started again. */
#ifndef POLIS_CONTROL_SUPERVISE_H
#define POLIS_CONTROL_SUPERVISE_H

#include "core/error.h"
#include "core/log.h"

#include <stdbool.h>
#include <stdint.h>

enum supervise_part {
    SUPERVISE_MAIN,  /* its end with status 0 is the end of the run, with 75 a stop; a crash is repaired */
    SUPERVISE_VITAL, /* must be there: when it cannot be brought back, the run stops */
    SUPERVISE_SPARE, /* when it cannot be brought back, the run goes on as long as another of its name is left */
};

struct supervise_child {
    const char *name; /* "agents"; lent */
    uint32_t number;  /* "agents.3" */
    uint32_t stage;   /* started in rising order, stopped in falling order */
    enum supervise_part part;
    const char *program;    /* a path; lent */
    char *const *arguments; /* argv, NULL-ended; lent */
    char *const *environment; /* NULL-ended, lent; NULL: the supervisor's own */
};

struct supervise_options {
    const char *log_folder; /* stdout and stderr of children go to FOLDER/NAME.N; NULL: they are not caught */
    bool signals;           /* INT and TERM are for the supervisor (they must be blocked: bus/signals.h) */
    uint32_t finish_ms;     /* how long main may take to finish; 0: 30,000 */
    uint32_t stop_ms;       /* how long a stage may take to end before it is killed; 0: 3,000 */
    /* For tests; NULL: the monotonic clock, the system's random numbers. */
    uint64_t (*clock_ms)(void *context);
    uint32_t (*random)(void *context);
    /* Says what happened to whom. NULL: nobody listens. */
    void (*say)(void *context, enum log_level level, const char *text);
    void *context;
};

enum supervise_interrupt { SUPERVISE_NOT_INTERRUPTED, SUPERVISE_FINISH, SUPERVISE_CHECKPOINT, SUPERVISE_NOW };

struct supervisor;

struct supervisor *supervise_new(const struct supervise_options *options);
/* Children that still run are killed. */
void supervise_destroy(struct supervisor **self_p);
void supervise_add(struct supervisor *self, const struct supervise_child *child);

/* Starts every child. ERR_IO: what was started is stopped again by supervise_destroy(). */
MUST_CHECK int supervise_start(struct supervisor *self, struct why *why);

/* Waits at most timeout_ms for something to happen and deals with it. False when everything has ended. */
bool supervise_poll(struct supervisor *self, uint32_t timeout_ms);

/* As a signal would: FINISH (INT), CHECKPOINT (TERM); NOW kills everything. */
void supervise_interrupt(struct supervisor *self, enum supervise_interrupt how);

/* After the end: 0, or the exit status the run should have. */
int supervise_status(const struct supervisor *self);
enum supervise_interrupt supervise_interrupted(const struct supervisor *self);
/* The process of a child, or 0 while it has none. */
int supervise_pid(const struct supervisor *self, const char *name, uint32_t number);
/* How often children were started again. */
uint32_t supervise_restarts(const struct supervisor *self);

#endif
