/* tests/sim/sim.h - a whole cluster in one process, on virtual time, with troubles drawn from a seed: letters that are
 * lost, late, overtaken or doubled, workers that die or leave, a governance that dies, a bus that is replaced, a world
 * that is killed and comes back from what is on the disk. Whatever happens, the log must come out the same.
 *
 * What is held against every run:
 * 1. It ends, with status 0 or the one asked for.
 * 2. A world that comes back knows every step that was committed before it was killed.
 * 3. Subscribers are told every step once, in order.
 * 4. The finished run verifies: its hash chain, and (where the log holds the decisions) a replay of every step.
 * 5. A command that an operator repeats until it is answered is in the log once; one that was refused is not.
 * The caller compares the canonical streams of a troubled and of a calm run. */
#ifndef POLIS_TESTS_SIM_H
#define POLIS_TESTS_SIM_H

#include "bus/actor.h"
#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Somebody to play a part: an actor, and how to be rid of it. */
struct sim_hand {
    void *self;
    void (*destroy)(void *self);
    struct actor actor;
};
typedef void sim_hire_fn(struct sim_hand *out);

/* How bad it gets. Rates are per mille. */
struct sim_troubles {
    uint32_t drop, late, twice;   /* of the letters between world and workers */
    uint32_t late_max_ms;
    uint32_t worker_kill, worker_bye, governance_kill, world_kill, bus_kill; /* of the turns */
};

struct sim_options {
    const char *folder;           /* an empty one to work in; lent */
    const void *manifest;         /* of the run; lent */
    size_t manifest_size;
    sim_hire_fn *hire_worker;
    sim_hire_fn *hire_governance; /* NULL: the scenario has no levers */
    uint64_t seed;                /* of the troubles */
    struct sim_troubles troubles; /* {0}: a calm run */
    uint32_t workers;             /* 1..16 */
    uint32_t chunk, credit, deadline_ms, snapshot_every;
    uint64_t stop_after;          /* 0: to the end; the run is then resumed once */
    uint32_t commands;            /* that an operator gives: then two runs are not the same any more */
};

struct sim_report {
    struct buffer canonical; /* the run's canonical stream; buffer_fini() it */
    uint64_t steps, turns, virtual_ms;
    uint32_t drops, lates, twices, worker_kills, worker_byes, governance_kills, world_kills, bus_kills;
    uint32_t commands_applied, commands_repeated;
    uint64_t rebuilt_steps;  /* replayed by worlds that came back */
};

/* Runs to the end and checks 1 to 5. ERR_STATE, ERR_DIGEST, ...: which promise was broken. The troubles a seed stands
 * for are the caller's to draw: sim_draw() is what test_sim uses. */
MUST_CHECK int sim_run(const struct sim_options *options, struct sim_report *out, struct why *why);

/* Options of a troubled run, drawn from the seed; folder, manifest and hire functions are left alone. */
void sim_draw(uint64_t seed, struct sim_options *out);

/* A small generator for drawing: advances `state`. */
uint64_t sim_random(uint64_t *state);
uint32_t sim_below(uint64_t *state, uint32_t bound); /* bound > 0 */

/* A worker for the drill (tests/support/drill.h). */
void sim_hire_drill(struct sim_hand *out);

#endif
