/* agents/policy.h - how an agent decides: one policy, one file in agents/policies, found by its name in the scenario.
 * A decision is a pure function of (what the agent sees, with its private memory; parameters; its random numbers):
 * a worker keeps nothing between two calls, so any other may give the same answer. A policy includes this and core/. */
#ifndef POLIS_AGENTS_POLICY_H
#define POLIS_AGENTS_POLICY_H

#include "core/bytes.h"
#include "core/math.h"
#include "core/money.h"
#include "core/params.h"
#include "core/payoff.h"
#include "core/proxy.h"
#include "core/rng.h"
#include "core/streams.h"
#include "proto/sandbox.h"
#include "proto/sandbox_roles.h"

#include <stdbool.h>
#include <stdint.h>

#define POLICY_MEMORY_MAX 64u
#define POLICY_TEXT_MAX 1000u

/* One agent's view in the sandbox's act round: row `row` of the batch, read with the helpers below. */
struct sandbox_view {
    const struct batch *batch; /* schema_sandbox_observe */
    uint32_t row, agent;
    uint32_t candidate_begin, candidate_end;
    const uint8_t *memory;
    uint32_t memory_size;
    struct rng rng; /* keyed (seed, STREAM_DECIDE, agent, step) */
};

/* What an agent decides; starts as pass, no proposal, memory unchanged. */
struct sandbox_decision {
    enum sandbox_verb verb;
    uint32_t target;
    int32_t value;
    int64_t amount;
    double work;
    uint32_t partner;
    enum sandbox_interaction kind;
    int64_t transfer;
    double effort, disguise;
    /* From here to `stance`: sent only where the observation has traits (ACT_TRAIT). */
    bool payload;           /* the proposal carries an injection */
    uint32_t whom;          /* assign: to which agent; else SANDBOX_NOBODY */
    enum sandbox_post post_kind; /* of a post or reply */
    uint32_t topic;         /* what it is about, or SANDBOX_NOBODY */
    int32_t stance;         /* what it holds: -1, 0, 1 */
    char text[POLICY_TEXT_MAX + 1]; /* for post and reply; terminated */
    uint32_t text_size;
    uint8_t memory[POLICY_MEMORY_MAX];
    uint32_t memory_size;
};

/* One offer in the accept round. */
struct sandbox_offer_view {
    const struct batch *batch; /* schema_sandbox_offers */
    uint32_t row, agent, offer; /* index on the offer axis */
    const uint8_t *memory;
    uint32_t memory_size;
    struct rng rng; /* keyed (seed, STREAM_ACCEPT, agent, step), the initiator's lane */
};
struct sandbox_reply {
    bool accept;
    double belief;
};

struct policy {
    const char *name, *doc;
    const struct params *params;
    /* The sandbox's two rounds. `params` is the struct of the parameter list. NULL: not for the sandbox. */
    void (*sandbox_act)(const void *params, struct sandbox_view *view, struct sandbox_decision *out);
    void (*sandbox_answer)(const void *params, struct sandbox_offer_view *view, struct sandbox_reply *out);
};

/* Written by make from agents/policies; NULL-ended, by name. */
extern const struct policy *const policy_roll[];
const struct policy *policy_find(const char *name);

#define OBSERVED(view, kind, column) batch_##kind((view)->batch, OBSERVE_##column, (view)->row)
#define OFFERED(view, kind, column) batch_##kind((view)->batch, OFFERS_##column, (view)->offer)
#define OFFERED_ROW(view, kind, column) batch_##kind((view)->batch, OFFERS_##column, (view)->row)
static inline double policy_quote(const struct sandbox_view *view, enum sandbox_quote quote)
{
    return batch_f64(view->batch, OBSERVE_quote, quote);
}

#endif
