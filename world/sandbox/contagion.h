/* world/sandbox/contagion.h - injections that spread: a proposal may carry a payload, and who accepts it may be
 * compromised by it. A compromised agent sees that it is, and by how many steps from the source (1: a source itself);
 * its policy then does what the worm wants. It is cured when governance finds its work out or takes it out of
 * service.
 *
 * R0 is the mean number of others that an infected agent compromises, over those that were infected when at most a
 * share `onset` of the agents was: each counts with what it did until it was cured, or in `window` steps, and is
 * counted when that time is over. */
#ifndef POLIS_WORLD_SANDBOX_CONTAGION_H
#define POLIS_WORLD_SANDBOX_CONTAGION_H

#include "core/params.h"

#include <stdint.h>

#define CONTAGION_PARAMS(P, S)                                                                                       \
    P(S, BOOL, enabled, 0, 0, 1, "", "whether proposals may carry injections")                                       \
    P(S, F64, susceptibility, 0.3, 0, 1, "probability", "that an accepted proposal with a payload compromises")      \
    P(S, U32, sources, 0, 0, 1000000, "agents", "compromised at the start, drawn from all")                          \
    P(S, F64, detectability, 0.7, 0, 1, "probability", "that a payload shows as one more flag of misuse")            \
    P(S, BOOL, cure_on_freeze, 1, 0, 1, "", "a frozen agent is clean when it is free again")                         \
    P(S, BOOL, cure_on_audit, 1, 0, 1, "", "an audit that shows bad work cleans its author")                         \
    P(S, U32, window, 20, 1, 1000000, "steps", "in which those it compromises count for R0")                         \
    P(S, F64, onset, 0.25, 0, 1, "share", "of the agents compromised up to which infections count for R0")
PARAMS_STRUCT(contagion_params, CONTAGION_PARAMS)

struct sandbox;
struct deal;

/* How many more flags of misuse a deal shows for its payload: 0 or 1. */
uint32_t contagion_flags(const struct sandbox *self, const struct deal *deal);

#endif
