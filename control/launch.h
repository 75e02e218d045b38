/* control/launch.h - brings a made run to its end: as a cluster of processes, or all in this one. */
#ifndef POLIS_CONTROL_LAUNCH_H
#define POLIS_CONTROL_LAUNCH_H

#include "core/buffer.h"
#include "core/error.h"
#include "core/yaml.h"
#include "world/plan.h"

#include <stdbool.h>
#include <stdint.h>

struct launch {
    const char *folder;
    const struct plan *plan;
    const struct yaml_node *metrics; /* which figures to show while it runs; may be NULL */
    const struct yaml_node *scenario; /* its root: whether models are asked, and with which keys; NULL: none are */
    bool governed;
    uint64_t stop_after; /* step; 0: go on to the end */
    bool recompute;      /* in this process only: make the logged steps again and compare, writing nothing */
    bool invariants;     /* with `recompute`: checks the domain's invariants after every step */
    bool dry;            /* in this process only: no model is asked, see llm-gateway/gateway.h */
    bool quiet;          /* in this process only: no progress */
    bool no_signals;     /* in this process only: INT and TERM are somebody else's business */
    struct buffer *keep; /* in this process only: the state that it ends with is put there; may be NULL */
    uint32_t restarts;   /* written: how often processes were started again */
};

/* Starts broker, world, governance (when there is a lever), the gateway (when models are asked) and workers as
 * processes of this program, keeps them alive, shows progress. None but the gateway gets the variables that hold keys.
 * Returns the exit status: 0 when the run is complete, 75 when it was interrupted. */
int launch_cluster(struct launch *self);

/* The same actors in this process, on one thread. */
int launch_inproc(struct launch *self);

#endif
