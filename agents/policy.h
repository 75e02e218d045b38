/* agents/policy.h - how an agent decides: one policy, one file in agents/policies, found by its name in the scenario.
 * A decision is a pure function of (what the agent sees, with its private memory; parameters; its random numbers):
 * a worker keeps nothing between two calls, so any other may give the same answer. A policy includes this and core/. */
#ifndef POLIS_AGENTS_POLICY_H
#define POLIS_AGENTS_POLICY_H

#include "core/buffer.h"
#include "core/bytes.h"
#include "core/error.h"
#include "core/math.h"
#include "core/money.h"
#include "core/params.h"
#include "core/payoff.h"
#include "core/proxy.h"
#include "core/rng.h"
#include "core/streams.h"
#include "proto/models.h"
#include "proto/sandbox.h"
#include "proto/sandbox_roles.h"

#include <stdbool.h>
#include <stdint.h>

#define POLICY_MEMORY_MAX 255u
#define POLICY_TEXT_MAX 1000u

/* One agent's view in the sandbox's act round: row `row` of the batch, read with the helpers below. */
struct sandbox_view {
    const struct batch *batch; /* schema_sandbox_observe */
    uint32_t row, agent;
    uint32_t candidate_begin, candidate_end;
    const uint8_t *memory;
    uint32_t memory_size;
    struct rng rng; /* keyed (seed, STREAM_DECIDE, agent, step) */
    uint64_t seed, step; /* the run's seed, and the step: for what all agents of a step have in common */
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

/* All offers of one agent: what a policy sees that asks about them together. */
struct sandbox_offers_view {
    const struct batch *batch; /* schema_sandbox_offers */
    uint32_t row, agent;
    uint32_t offer_begin, offer_end; /* on the offer axis */
    const uint8_t *memory;
    uint32_t memory_size;
    uint64_t seed, step;
};

/* ---- policies that ask models ---- */

#define POLICY_NAME_MAX 63u

/* What a model is asked for one agent. The buffers are empty when it is handed over. */
struct policy_question {
    char role[POLICY_NAME_MAX + 1], template[POLICY_NAME_MAX + 1]; /* row of the scenario's roles; template's name */
    uint32_t template_hash, template_version; /* low 32 bits of the XXH3-64 of the template's text */
    struct buffer system, user, schema;
    uint8_t taint; /* highest of what is quoted in it */
};

/* What came back. */
struct policy_answer {
    enum models_status status;
    const char *text; /* lent; may be NULL when size is 0 */
    size_t size;
    uint64_t digest;
    uint32_t tokens; /* in and out */
};

/* Who decided, for the record: a row of DECIDE_MIND or ANSWER_MIND. */
struct policy_mind {
    enum sandbox_mind mind;
    uint8_t signs, taint; /* bits of enum sandbox_sign; of what was written: 1 + the highest that was read */
    double confidence;
    uint64_t answer;
    uint32_t tokens;
    uint32_t read; /* act round: posts whose words were laid before a model that answered, a bit each */
};

struct policy {
    const char *name, *doc;
    const struct params *params;
    /* The sandbox's two rounds. `params` is the struct of the parameter list. NULL: not for the sandbox. */
    void (*sandbox_act)(const void *params, struct sandbox_view *view, struct sandbox_decision *out);
    void (*sandbox_answer)(const void *params, struct sandbox_offer_view *view, struct sandbox_reply *out);
    /* A policy that asks models has all of these four, the others none of them. `ask` says what to ask, or returns
     * false where there is nothing to ask: then sandbox_act (sandbox_answer, offer by offer) decides alone. `hear`
     * decides with what came back, whatever it is; out->memory is the old one at first. An agent's question depends on
     * nothing but the view and the parameters, and the questions of one batch have no more than 256 different (role,
     * template, system, schema). */
    bool (*sandbox_ask)(const void *params, const struct sandbox_view *view, struct policy_question *out);
    void (*sandbox_hear)(const void *params, struct sandbox_view *view, const struct policy_answer *answer,
                         struct sandbox_decision *out, struct policy_mind *mind);
    bool (*sandbox_ask_offers)(const void *params, const struct sandbox_offers_view *view, struct policy_question *out);
    /* `replies`: one an offer of the view, each {.belief = 0.5} at first. */
    void (*sandbox_hear_offers)(const void *params, const struct sandbox_offers_view *view,
                                const struct policy_answer *answer, struct sandbox_reply *replies,
                                struct policy_mind *mind);
    /* What bounds of single parameters cannot say; may be NULL. */
    int (*check)(const void *params, struct why *why);
};

/* Written by make from agents/policies; NULL-ended, by name. */
extern const struct policy *const policy_roll[];
const struct policy *policy_find(const char *name);
static inline bool policy_asks(const struct policy *policy) { return policy->sandbox_ask != NULL; }

/* The view of an offer as it is handed to sandbox_answer. */
struct sandbox_offer_view policy_offer_view(const struct sandbox_offers_view *view, uint32_t offer);

#define OBSERVED(view, kind, column) batch_##kind((view)->batch, OBSERVE_##column, (view)->row)
#define OFFERED(view, kind, column) batch_##kind((view)->batch, OFFERS_##column, (view)->offer)
#define OFFERED_ROW(view, kind, column) batch_##kind((view)->batch, OFFERS_##column, (view)->row)
static inline double policy_quote(const struct sandbox_view *view, enum sandbox_quote quote)
{
    return batch_f64(view->batch, OBSERVE_quote, quote);
}

#endif
