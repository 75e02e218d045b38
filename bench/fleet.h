/* bench/fleet.h - a small cluster that runs the drill: this program starts itself again as broker, world and agents,
 * or as a world with its workers in one process, or as the floor: the same work without messages and without a log.
 * The world notes when its steps and what else happened, so that nothing is counted but the steps themselves. */
#ifndef POLIS_BENCH_FLEET_H
#define POLIS_BENCH_FLEET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/measure.h"

#define FLEET_WORKERS_MAX 16u

enum mark_kind { MARK_STEP, MARK_END, MARK_CONNECTED, MARK_WORKER_UP, MARK_WORKER_DOWN };

/* `step`: the last one that was applied then. MARK_END: everything is committed. */
struct mark {
    uint64_t ns, step;
    uint64_t kind;
};

enum fleet_way { WAY_FLOOR, WAY_INPROC, WAY_IPC, WAY_TCP };

struct fleet_setup {
    enum fleet_way way;
    uint32_t agents, steps, warmup; /* the first `warmup` steps are not counted */
    uint32_t workers, work;         /* work: multiply-adds an agent (32: about 28 ns) */
    bool durable;
};

struct fleet_result {
    double seconds;     /* from the end of step `warmup` (or of the first one behind it) to the last commit */
    double rate;        /* decisions a second in that time */
    uint8_t chain[32];  /* of the last step; zero for the floor, which has no log */
    uint8_t digest[16]; /* of the last state */
    struct mark *marks; /* owned */
    uint32_t mark_count;
};

struct fleet {
    struct measure *measure; /* lent */
    struct fleet_setup setup;
    char folder[4200];       /* of the run */
    char place[4300];        /* where its processes meet */
    char marks[4300];
    pid_t broker, world, workers[FLEET_WORKERS_MAX];
};

/* When this process was started as one of a cluster: runs as that and never returns. To be called first in main(). */
void fleet_role(int argc, char **argv);

/* All of it: prepares, runs, reads, cleans up. What goes wrong ends the program. */
void fleet_run(struct measure *measure, const struct fleet_setup *setup, struct fleet_result *out);
void fleet_result_fini(struct fleet_result *self);

/* Piece by piece, for benches that kill. fleet_prepare() makes the run's folder; fleet_start() returns when the
 * world has passed the warm-up; fleet_wait() when it has ended, with the result; the run's
 * folder is there until fleet_clean(). */
void fleet_prepare(struct fleet *self, struct measure *measure, const struct fleet_setup *setup);
void fleet_start(struct fleet *self);
void fleet_wait(struct fleet *self, struct fleet_result *out);
/* Removes the run and what else was made. */
void fleet_clean(struct fleet *self);
/* True while the world runs. */
bool fleet_is_running(struct fleet *self);
/* A worker: returns once the process exists; a broker: once its sockets are bound; a world: once it has made a step
 * (and passed the warm-up), or has ended. */
void fleet_start_broker(struct fleet *self);
void fleet_start_worker(struct fleet *self, uint32_t index);
void fleet_start_world(struct fleet *self);
/* SIGKILL, and waits for the process to be gone. Returns when it was sent. */
uint64_t fleet_kill(pid_t *pid);

/* The time from the mark before to this one, in seconds, of every counted step without a mark of another kind within.
 * Returns their number; `out` has room for all marks. */
uint32_t fleet_step_times(const struct fleet_setup *setup, const struct fleet_result *result, double *out);

#endif
