/* world/compat/config.h - what a scenario with `sandbox.rules: compat` says: its sections `agents`, `sandbox` (with the
 * original's payoff, rate_limits, network and marketplace in it), `governance` in the original's flat keys, and how
 * long it runs. */
#ifndef POLIS_WORLD_COMPAT_CONFIG_H
#define POLIS_WORLD_COMPAT_CONFIG_H

#include "core/arena.h"
#include "core/buffer.h"
#include "core/params.h"
#include "core/payoff.h"
#include "core/yaml.h"
#include "world/compat/levers.h"
#include "world/compat/market.h"
#include "world/compat/memory.h"
#include "world/compat/network.h"

#define COMPAT_GROUPS_MAX 1000u
#define COMPAT_NAME_MAX 64

enum { COMPAT_ROUND_ROBIN, COMPAT_RANDOM, COMPAT_PRIORITY };

#define COMPAT_PARAMS(P, S)                                                                                          \
    P(S, ENUM, rules, 0, 0, 0, "compat", "the rules of the earlier Python implementation")                           \
    P(S, ENUM, version, COMPAT_V1, 0, 1, "v1|v1g", "v1: commit 08977f9; v1g: 344f46c, with its feedback changes")    \
    P(S, ENUM, schedule, COMPAT_ROUND_ROBIN, 0, 2, "round_robin|random|priority",                                    \
      "who acts first: as registered, shuffled in each step, or by reputation")                                      \
    P(S, U32, max_actions_per_step, 20, 1, 1e6, "actions",                                                           \
      "that may succeed in a step; agents that come after them do not act")
PARAMS_STRUCT(compat_params, COMPAT_PARAMS)

#define COMPAT_LIMITS(P, S)                                                                                          \
    P(S, U32, posts_per_epoch, 10, 0, 1e9, "posts", "of an agent")                                                   \
    P(S, U32, interactions_per_step, 5, 0, 1e9, "proposals", "of an agent")                                          \
    P(S, U32, votes_per_epoch, 50, 0, 1e9, "votes", "of an agent")                                                   \
    P(S, U32, tasks_per_epoch, 3, 0, 1e9, "claims", "of an agent; only what it sees, no claim is refused")           \
    P(S, U32, bounties_per_epoch, 3, 0, 1e9, "bounties", "of an agent")                                              \
    P(S, U32, bids_per_epoch, 5, 0, 1e9, "bids", "of an agent")
PARAMS_STRUCT(compat_limits, COMPAT_LIMITS)

/* An item of `agents`. */
struct compat_group {
    char name[COMPAT_NAME_MAX + 1];
    enum compat_type type;
    uint32_t first, count; /* agents' ids */
};

struct compat_config {
    struct compat_params world;
    struct compat_limits limits;
    struct payoff_params payoff;
    struct compat_market_params market;
    struct compat_network_params network;
    struct compat_governance governance;
    bool has_market, has_network;
    uint32_t epochs, steps_per_epoch, agent_count, group_count;
    struct compat_group *groups;
    uint8_t *types; /* enum compat_type by agent */
    struct arena *arena; /* owns groups and types */
};

/* Does the scenario ask for these rules? */
bool compat_config_claims(const struct yaml_node *root);

/* From the scenario's root; `self` is zeroed. On failure nothing is left to be freed. */
MUST_CHECK int compat_config_read(struct compat_config *self, const struct yaml_node *scenario, struct why *why);
void compat_config_fini(struct compat_config *self);

/* struct domain's resolve, write_schema, write_manual. */
MUST_CHECK int compat_config_resolve(struct yaml_tree *tree, struct why *why);
void compat_config_write_schema(struct buffer *out);
void compat_config_write_manual(struct buffer *out);

#endif
