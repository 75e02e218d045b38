/* control/run.h - what the commands that begin or go on with a run have in common. */
#ifndef POLIS_CONTROL_RUN_H
#define POLIS_CONTROL_RUN_H

#include "control/command.h"
#include "control/launch.h"

#include <stdint.h>

/* Runs a made run to its end (or to `launch->stop_after`) and says what came of it, as the options inproc, json and
 * quiet of the command want it. `begun_at`: its last step so far. Returns the exit status. */
int run_to_end(struct launch *launch, const struct invocation *invocation, uint64_t begun_at);

#endif
