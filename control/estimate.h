/* control/estimate.h - what the models of a scenario would be asked and would cost, before anybody is asked: its first
 * steps are made with the fallbacks deciding, every question is put together and paid for in advance as in earnest
 * (tokens in estimated by bytes, tokens out at their most), and the rest of the run is taken to be like them. */
#ifndef POLIS_CONTROL_ESTIMATE_H
#define POLIS_CONTROL_ESTIMATE_H

#include "control/scenario.h"
#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

#define ESTIMATE_STEPS_MAX 50u /* tried at most; or as many as an epoch has, if those are fewer */

/* Writes a table, or JSON. ERR_STATE: the scenario asks no models. */
MUST_CHECK int estimate_write(const struct scenario *scenario, bool json, struct buffer *out, struct why *why);

#endif
