/* control/sweep_run.h - one run of a sweep, in this process, in a folder of its own below the sweep's. */
#ifndef POLIS_CONTROL_SWEEP_RUN_H
#define POLIS_CONTROL_SWEEP_RUN_H

#include "control/folder.h"
#include "control/sweep_plan.h"
#include "core/buffer.h"
#include "core/error.h"

#include <stdint.h>

enum sweep_keep { SWEEP_KEEP_NONE, SWEEP_KEEP_FAILED, SWEEP_KEEP_ALL };

struct sweep_runs {
    const struct sweep_plan *plan;
    const char *folder; /* runs/ of the sweep */
    enum sweep_keep keep; /* ALL: logs are synced as the scenario says; else not, a lost run is made again */
};

/* "FOLDER/3-17": cell 3, seed 17. */
void sweep_run_path(const struct sweep_runs *self, uint32_t cell, uint32_t replicate, char out[FOLDER_PATH_SIZE]);

/* Makes the run from its beginning (what lies in its folder is removed first) and writes the figures of the whole run
 * as a JSON object. `stop_after` > 0: no further than this step, and no figures. */
MUST_CHECK int sweep_run_make(const struct sweep_runs *self, uint32_t cell, uint32_t replicate, uint64_t stop_after,
    struct buffer *figures, struct why *why);

/* Removes a folder with all that is in it; none is none. */
MUST_CHECK int sweep_run_remove(const char *path, struct why *why);

#endif
