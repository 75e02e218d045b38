/* world/sandbox/projects.h - work that takes several agents: a project turns up with a bounty set aside for it and
 * parts that each need a capability; a planner takes it on (decomposes it) and assigns its parts to workers; each part
 * is a task like others, done, handed in, judged and, where it is sent back, done again. Parts are paid when they are
 * approved, the planner when all are. What was not earned by then goes back to where it came from.
 *
 * A planner sees of a candidate what it could do for it now: nothing while it has a task, or where its role does not
 * work. */
#ifndef POLIS_WORLD_SANDBOX_PROJECTS_H
#define POLIS_WORLD_SANDBOX_PROJECTS_H

#include "core/params.h"
#include "proto/sandbox.h"

#include <stdint.h>

#define PROJECT_PARTS_MAX 8u
#define PROJECTS_VISIBLE_MAX 32u

#define PROJECTS_PARAMS(P, S)                                                                                        \
    P(S, BOOL, enabled, 0, 0, 1, "", "whether there are projects, and agents have capabilities")                     \
    P(S, F64, rate, 0.01, 0, 1, "projects", "that turn up in a step for each agent")                                 \
    P(S, U32, capacity, 32, 1, 4096, "projects", "alive at a time; more do not turn up")                             \
    P(S, U32, visible, 8, 1, PROJECTS_VISIBLE_MAX, "projects",                                                       \
      "to be taken on that a planner sees, best paid first")                                                         \
    P(S, U32, parts_low, 3, 1, 8, "parts", "fewest parts of a project")                                              \
    P(S, U32, parts_high, 5, 1, 8, "parts", "most parts")                                                            \
    P(S, MONEY, bounty_low, 10, 0, 1e6, "tokens", "least bounty of a project")                                       \
    P(S, MONEY, bounty_high, 30, 0, 1e6, "tokens", "greatest bounty")                                                \
    P(S, F64, planner_share, 0.2, 0, 1, "share", "of the bounty that the planner gets when all parts are approved")  \
    P(S, U32, deadline_epochs, 3, 1, 100000, "epochs", "until a project fails; those not taken on by then go")       \
    P(S, F64, mismatch, 0.5, 0, 1, "factor", "on the effort of who works on a part without the capability it needs") \
    P(S, F64, capability, 0.375, 0, 1, "probability", "that an agent has a capability; it has at least one")         \
    P(S, U32, max_failures, 5, 0, 1000, "failures", "of parts that a project survives")
PARAMS_STRUCT(projects_params, PROJECTS_PARAMS)

struct sandbox;

/* What an agent can do, a bit each; 0 without projects. */
uint8_t projects_capabilities(const struct sandbox *self, uint32_t agent);
/* The factor on the effort that an agent puts into work that needs `capability` (0: nothing special). */
double projects_fitness(const struct sandbox *self, uint32_t agent, uint8_t capability);

#endif
