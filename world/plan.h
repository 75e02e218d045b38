/* world/plan.h - the sections of a scenario that are nobody's domain: how long, which seed, whose turn, what the log
 * keeps, and how the cluster that runs it is laid out. The last one (`cluster`) changes no result and is not part of
 * the manifest. */
#ifndef POLIS_WORLD_PLAN_H
#define POLIS_WORLD_PLAN_H

#include "core/buffer.h"
#include "core/error.h"
#include "core/params.h"
#include "core/yaml.h"

#include <stdbool.h>
#include <stdint.h>

enum plan_turns { TURNS_SIMULTANEOUS, TURNS_SEQUENTIAL };
enum plan_detail { DETAIL_ACTIONS, DETAIL_INPUTS };
enum plan_transport { TRANSPORT_IPC, TRANSPORT_TCP };

#define SIMULATION_PARAMS(P, S)                                                                                      \
    P(S, U32, epochs, 10, 1, 1e6, "epochs", "how many epochs the run has")                                           \
    P(S, U32, steps_per_epoch, 10, 1, 1e6, "steps", "steps in an epoch")                                             \
    P(S, I64, seed, 42, 0, 9007199254740991.0, "", "all random numbers of the run are a function of it")             \
    P(S, ENUM, turns, 0, 0, 1, "simultaneous|sequential",                                                            \
      "simultaneous: everyone sees the state at the start of the step; sequential: each sees the effects of those "  \
      "before it")
PARAMS_STRUCT(simulation, SIMULATION_PARAMS)

#define LOGGING_PARAMS(P, S)                                                                                         \
    P(S, ENUM, detail, 0, 0, 1, "actions|inputs",                                                                    \
      "actions: the log keeps every decision, so a replay needs no policy; inputs: only digests and what comes "     \
      "from outside")                                                                                                \
    P(S, U32, snapshot_every, 0, 0, 1e9, "steps",                                                                    \
      "a snapshot of the state each so many steps; 0: when the log has grown by four times the state")               \
    P(S, ENUM, durability, 0, 0, 1, "sync|none", "none: benches only, a power cut may lose the run")
PARAMS_STRUCT(logging, LOGGING_PARAMS)

#define CLUSTER_PARAMS(P, S)                                                                                         \
    P(S, U32, workers, 2, 1, 1024, "processes", "agent workers")                                                     \
    P(S, U32, chunk, 8192, 1, 65536, "agents", "largest share of work handed out at once")                           \
    P(S, ENUM, transport, 0, 0, 1, "ipc|tcp", "how the processes talk; tcp only on the loopback for now")            \
    P(S, U32, port, 7710, 1024, 65000, "", "first of the five tcp ports")                                            \
    P(S, U32, deadline_ms, 2000, 10, 3600000, "ms",                                                                  \
      "after this long (or 8 times the usual) a chunk is given to another worker as well")                           \
    P(S, U32, credit, 2, 1, 64, "chunks", "chunks a worker may hold at once")                                        \
    P(S, U32, poison_kills, 3, 1, 100, "workers", "a chunk that ended so many workers stops the run")
PARAMS_STRUCT(cluster, CLUSTER_PARAMS)

struct plan {
    char name[101];
    struct simulation simulation;
    struct logging logging;
    struct cluster cluster;
    uint64_t steps; /* epochs * steps_per_epoch */
};

extern const struct params *const plan_simulation_params, *const plan_logging_params, *const plan_cluster_params;

/* Reads name, simulation, log and cluster from a scenario's or a manifest's root; absent sections are defaults. */
MUST_CHECK int plan_read(const struct yaml_node *root, struct plan *out, struct why *why);

/* As plan_read(), and puts the resolved sections into the tree. */
MUST_CHECK int plan_resolve(struct yaml_tree *tree, struct why *why);

/* The manifest: the resolved scenario without what only says how it is run (`cluster`, some of `log` and `llm`), its
 * sections in one order, behind a line with the format's version. It is what a run is a function of: it starts the
 * log's chain. plan_read_manifest() refuses other formats (ERR_VERSION). */
#define MANIFEST_FORMAT 1
void plan_write_manifest(struct yaml_tree *resolved, struct buffer *out);
MUST_CHECK int plan_read_manifest(
    const void *bytes, size_t size, struct yaml_tree **tree_out, struct plan *plan_out, struct why *why);

#endif
