/* world/sandbox/rails.h - the safety rails: what an agent may not do, whatever it wants and whatever governance says.
 * Limits an epoch and a step, a token bucket, a budget, the length and encoding of texts, an interval between posts,
 * what a role may do, and the kill switch. A wish that the rails refuse is refused by name (enum sandbox_refusal),
 * changes nothing and costs nothing. */
#ifndef POLIS_WORLD_SANDBOX_RAILS_H
#define POLIS_WORLD_SANDBOX_RAILS_H

#include "core/error.h"
#include "core/params.h"
#include "proto/sandbox.h"
#include "world/sandbox/cells.h"

#include <stdbool.h>
#include <stdint.h>

#define RAILS_PARAMS(P, S)                                                                                           \
    P(S, U32, max_posts_per_epoch, 10, 0, 65535, "posts", "posts and replies of one agent in one epoch")             \
    P(S, U32, max_votes, 50, 0, 65535, "votes", "votes of one agent in one epoch")                                   \
    P(S, U32, max_interactions_per_step, 5, 0, 65535, "offers", "offers one agent may answer in one step")           \
    P(S, U32, max_task_claims, 3, 0, 65535, "tasks", "tasks one agent may claim in one epoch")                       \
    P(S, U32, max_bounties, 3, 0, 65535, "bounties", "bounties one agent may post in one epoch")                     \
    P(S, U32, max_bids, 5, 0, 65535, "bids", "bids of one agent in one epoch")                                       \
    P(S, U32, max_content_length, 1000, 0, 10000, "bytes", "longest text of a post or reply")                        \
    P(S, U32, min_steps_between_posts, 1, 0, 1000000, "steps", "from one post of an agent to its next")              \
    P(S, MONEY, budget_per_epoch, 100, 0, 1e9, "tokens", "what one agent may spend in one epoch on effort and offers") \
    P(S, F64, token_rate, 0, 0, 1000, "tokens a step",                                                               \
      "refill of the bucket each action and proposal takes a token from; 0: no bucket")                              \
    P(S, F64, token_burst, 10, 1, 1000, "tokens", "what a full bucket holds")                                        \
    P(S, BOOL, kill_switch_enabled, 1, 0, 1, "", "whether the command kill_switch is obeyed")
PARAMS_STRUCT(rails_params, RAILS_PARAMS)
extern const struct params rails_params_list;

enum rails_count { RAILS_POST, RAILS_VOTE, RAILS_CLAIM, RAILS_BOUNTY, RAILS_BID, RAILS_INTERACTION, RAILS_COUNTS };

/* A wish: an action, or a proposal (verb VERB_PASS). */
struct rails_wish {
    uint32_t agent;
    enum sandbox_role role;
    enum sandbox_verb verb;
    const void *text;
    uint32_t text_size;
    int64_t spending; /* millionths */
    uint64_t step;
};

struct rails;

/* `params` is copied. */
struct rails *rails_new(const struct rails_params *params, uint32_t agent_count);
void rails_destroy(struct rails **self_p);
void rails_clear(struct rails *self);

void rails_begin_step(struct rails *self);  /* forgets the counts of the step */
void rails_begin_epoch(struct rails *self); /* forgets all counts and spending */

/* True, and counted, while fewer than the limit are used. */
bool rails_use(struct rails *self, enum rails_count what, uint32_t agent);
uint32_t rails_used(const struct rails *self, enum rails_count what, uint32_t agent);
uint32_t rails_left(const struct rails *self, enum rails_count what, uint32_t agent);
int64_t rails_budget_left(const struct rails *self, uint32_t agent);

/* May this happen? Changes nothing. REFUSAL_NONE: yes, and rails_accept() then counts it. */
enum sandbox_refusal rails_check(const struct rails *self, const struct rails_wish *wish);
void rails_accept(struct rails *self, const struct rails_wish *wish);

/* "role", "frozen" ...; NULL for what is no refusal of the rails. */
const char *rails_refusal_name(uint32_t refusal);

bool rails_killed(const struct rails *self);
/* May the kill switch be used? ERR_DENIED when the scenario does without it. */
MUST_CHECK int rails_kill_check(const struct rails *self, struct why *why);
MUST_CHECK int rails_kill(struct rails *self, bool on, struct why *why);

/* Cuts what was used in this epoch to the limits, which a fork may have lowered since. */
void rails_fit(struct rails *self);
void rails_cells(struct rails *self, struct cells *out);
MUST_CHECK int rails_check_state(const struct rails *self, struct why *why);

#endif
