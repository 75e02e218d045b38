/* world/sandbox/config.h - what a scenario says about the sandbox: its sections `agents`, `sandbox`, and what it
 * needs to know of `simulation` and `governance`. */
#ifndef POLIS_WORLD_SANDBOX_CONFIG_H
#define POLIS_WORLD_SANDBOX_CONFIG_H

#include "core/arena.h"
#include "core/buffer.h"
#include "core/error.h"
#include "core/params.h"
#include "core/payoff.h"
#include "core/proxy.h"
#include "core/yaml.h"
#include "proto/sandbox.h"
#include "world/sandbox/contagion.h"
#include "world/sandbox/discourse.h"
#include "world/sandbox/market.h"
#include "world/sandbox/moderation.h"
#include "world/sandbox/norms.h"
#include "world/sandbox/projects.h"
#include "world/sandbox/rails.h"
#include "world/sandbox/topology.h"
#include "world/sandbox/words.h"

#include <stdbool.h>
#include <stdint.h>

#define SANDBOX_AGENTS_MAX 10000000u
#define SANDBOX_GROUPS_MAX 1000u
#define SANDBOX_LEVERS_MAX 200u
#define SANDBOX_NAME_MAX 64
#define SANDBOX_GROUP_PARAMS_MAX 100000u /* bytes; what the message PARAMS takes */

enum { RULES_MARKET };
enum { TREASURY_KEEP, TREASURY_DIVIDEND };

#define SANDBOX_PARAMS(P, S)                                                                                         \
    P(S, ENUM, rules, RULES_MARKET, 0, 0, "market", "the set of rules")                                              \
    P(S, MONEY, initial_resources, 100, 0, 1e9, "tokens", "what each agent starts with")                             \
    P(S, F64, attention_scarcity, 0.5, 0, 1, "probability",                                                          \
      "that an observable of an offer is not seen by who has to answer")                                             \
    P(S, F64, k_e, 0.4, 0, 1e6, "tokens", "what full effort costs")                                                  \
    P(S, F64, k_m, 0.2, 0, 1e6, "tokens", "what full disguise costs")                                                \
    P(S, F64, eta, 0.1, 0, 1, "share", "of the way to the label that an interaction moves the initiator's reputation") \
    P(S, F64, eta_counterparty, 0.5, 0, 1, "share", "of eta that moves the counterparty's")                          \
    P(S, F64, vote_reputation, 0.01, 0, 1, "reputation",                                                             \
      "that a vote of weight 1 adds to or takes from a post's author")                                               \
    P(S, F64, difficulty, 0, 0, 1, "level",                                                                          \
      "of what agents propose to each other: 1 costs 0.1 of the chance of good work")                                \
    P(S, F64, skill_low, 0, 0, 1, "skill", "least skill of an agent, drawn at the start")                            \
    P(S, F64, skill_high, 1, 0, 1, "skill", "greatest skill")                                                        \
    P(S, U32, candidates, 5, 1, 32, "agents", "possible partners an agent gets to see")                              \
    P(S, U32, familiar, 2, 0, 32, "agents", "of those, at most so many that it remembers")                           \
    P(S, U32, trust_slots, 8, 1, 64, "agents", "that an agent remembers")                                            \
    P(S, U32, proof_weight, 3, 0, 1000, "labels",                                                                    \
      "of 0 that an audit's proof of bad work counts as in the counterparty's trust")                                \
    P(S, U32, memory_max, 64, 0, 255, "bytes", "private memory of an agent")                                         \
    P(S, ENUM, treasury, TREASURY_KEEP, 0, 1, "keep|dividend",                                                       \
      "what becomes of the treasury's money at the end of an epoch")                                                 \
    P(S, BOOL, communities, 0, 0, 1, "", "whether communities are looked for at epochs' ends, among up to 20000 agents")
PARAMS_STRUCT(sandbox_params, SANDBOX_PARAMS)

#define FEED_PARAMS(P, S)                                                                                            \
    P(S, U32, visible_posts, 20, 0, 32, "posts", "that agents see, best first")                                      \
    P(S, U32, feed_capacity, 256, 1, 65536, "posts",                                                                 \
      "and replies that are kept; each costs 2 bits an agent and its text")                                          \
    P(S, F64, alpha, 0.5, 0, 1e6, "score", "of a reply")                                                             \
    P(S, F64, beta, 0.1, 0, 1e6, "score", "lost with each step")
PARAMS_STRUCT(feed_params, FEED_PARAMS)

#define TASK_PARAMS(P, S)                                                                                            \
    P(S, F64, rate, 0.05, 0, 10, "tasks", "that turn up in a step for each agent")                                   \
    P(S, U32, capacity, 256, 1, 65536, "tasks", "alive at a time; more do not turn up")                              \
    P(S, U32, visible, 16, 0, 32, "tasks", "to claim that agents see, and as many to verify")                        \
    P(S, MONEY, bounty_low, 2, 0, 1e6, "tokens", "least bounty")                                                     \
    P(S, MONEY, bounty_high, 8, 0, 1e6, "tokens", "greatest bounty")                                                 \
    P(S, F64, difficulty_low, 0, 0, 1, "level", "least difficulty")                                                  \
    P(S, F64, difficulty_high, 1, 0, 1, "level", "greatest difficulty")                                              \
    P(S, F64, min_reputation, -1, -1, 1, "reputation", "needed to claim the hardest tasks; the easiest take -1")     \
    P(S, U32, work_steps, 3, 1, 1000, "steps", "of work that the hardest task needs; less leaves it half done")      \
    P(S, U32, max_steps, 20, 1, 100000, "steps", "a worker may take before the task fails")                          \
    P(S, U32, deadline_epochs, 2, 0, 100000, "epochs", "until a task expires; 0: never")                             \
    P(S, U32, verify_after, 3, 1, 100000, "steps",                                                                   \
      "after which the environment judges submitted work that no agent has judged")                                  \
    P(S, U32, max_rejections, 2, 0, 1000, "rejections", "that a task survives")                                      \
    P(S, F64, verifier_fee, 0.1, 0, 1, "share", "of the bounty that the environment pays who verifies")
PARAMS_STRUCT(task_params, TASK_PARAMS)

/* An item of `agents`. */
struct sandbox_group {
    char policy[SANDBOX_NAME_MAX + 1], name[SANDBOX_NAME_MAX + 1];
    const char *params; /* YAML text, in the configuration's arena */
    uint32_t first, count; /* agents' ids */
    uint32_t role, slot, kind; /* kind: which policy, whatever its parameters */
    double skill_low, skill_high;
    int64_t initial_resources;
    bool insider;
};

struct config {
    struct sandbox_params world;
    struct payoff_params payoff;
    struct proxy_params proxy;
    struct feed_params feed;
    struct task_params tasks;
    struct rails_params rails;
    struct contagion_params contagion;
    struct discourse_params discourse;
    struct market_params market;
    struct moderation_params moderation;
    struct norms_params norms;
    struct projects_params projects;
    struct topology_params network;
    struct words_params words;
    struct sandbox_group *groups;
    uint32_t group_count, agent_count, slot_count, kind_count;
    int64_t money; /* what all agents start with together, at most MONEY_MAX */
    uint32_t steps_per_epoch;
    bool sequential;
    bool minds; /* some agents ask models (type: llm) */
    const char *levers[SANDBOX_LEVERS_MAX];
    uint32_t lever_count;
    struct arena *arena; /* owns groups and texts */
};

/* From the scenario's root; `self` is zeroed. On failure nothing is left to be freed. */
MUST_CHECK int config_read(struct config *self, const struct yaml_node *scenario, struct why *why);
void config_fini(struct config *self);
/* The policy's name of a kind, and the parameters' text of a slot. */
const struct sandbox_group *config_slot(const struct config *self, uint32_t slot);
const char *config_kind(const struct config *self, uint32_t kind);
/* Whether these agents ask models. */
bool config_is_mind(const struct sandbox_group *group);

/* struct domain's resolve, write_schema, write_manual. */
MUST_CHECK int config_resolve(struct yaml_tree *tree, struct why *why);
void config_write_schema(struct buffer *out);
void config_write_manual(struct buffer *out);

#endif
