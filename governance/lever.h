/* governance/lever.h - a rule of the game: one lever, one file in governance/levers, found by its name in the scenario
 * (`governance: {transaction_tax: {rate: 0.05}}`; naming it switches it on). Levers run in the order of their stages,
 * within a stage by name. A lever sees what it is handed and its own state, which is a fold over what it was handed
 * since step 1: it is rebuilt from the log after a restart. Its random numbers are keyed by what they are for. Includes
 * this and core/. */
#ifndef POLIS_GOVERNANCE_LEVER_H
#define POLIS_GOVERNANCE_LEVER_H

#include "core/buffer.h"
#include "core/digest.h"
#include "core/error.h"
#include "core/math.h"
#include "core/money.h"
#include "core/params.h"
#include "core/rng.h"
#include "core/streams.h"
#include "proto/sandbox.h"

#include <stdbool.h>
#include <stdint.h>

enum lever_stage { STAGE_ADMISSION, STAGE_PRICING, STAGE_VERDICT, STAGE_AUDIT, STAGE_EPOCH, STAGE_COUNT };

struct lever_interaction {
    uint32_t index; /* within the step */
    uint32_t initiator, counterparty;
    enum sandbox_interaction kind;
    bool accepted;
    int64_t transfer; /* tau, millionths */
    double p;
    struct { double progress; uint32_t rework, rejections, misuse; double engagement; } observables;
    double reputation; /* the initiator's */
    int64_t stake;     /* the initiator's */
    int32_t truth;     /* v: only stage AUDIT is given it; 0 elsewhere */
    enum sandbox_audit audit; /* only on_outcome is given it; AUDIT_NONE elsewhere */
};

struct lever_action {
    uint32_t index, actor;
    enum sandbox_verb verb;
    uint32_t target;
    uint32_t subject; /* whom it is about: a post's author, a worker, a poster; SANDBOX_NOBODY when nobody */
    int32_t value;
    int64_t amount;
};

/* What levers add up to; costs and changes of all levers are summed, allow needs all: the first that refuses is the
 * reason, those behind it are not asked, and a refused interaction costs nothing. */
struct lever_ruling {
    bool allow;
    int64_t cost_a, cost_b; /* millionths, >= 0, to the treasury */
    double reputation;      /* added to the initiator's */
    enum sandbox_audit audit;
};
struct lever_action_ruling {
    bool allow;
    double weight; /* of a vote; starts at 1; levers may only lower or scale it */
    int64_t cost;
};

/* Where effects (freeze, fine, slash ...) go, in order. */
struct lever_effects;
void lever_effect(struct lever_effects *self, enum sandbox_effect kind, uint32_t agent, int64_t amount, double value);

/* What an opening of an epoch shows. */
struct lever_opening {
    uint32_t epoch;
    uint32_t agent_count;
    const double *reputation;  /* by agent id */
    const int64_t *resources, *stake;
};

struct engine;
struct governance; /* the levers of a scenario, with their parameters */

struct lever_context {
    struct engine *engine; /* for lever_tune() */
    const void *params;    /* as they are now: they may change from one call to the next */
    void *state;  /* state_size bytes, zeroed at genesis; NULL when that is 0 */
    void *agents; /* agent_size bytes for each agent, zeroed at genesis; NULL when that is 0 */
    uint32_t agent_count;
    uint64_t seed, step;
    uint32_t epoch;
    struct lever_effects *effects;
};

/* Looks a parameter up by "lever.parameter": one of a lever that the scenario has on. ERR_UNKNOWN, ERR_INVALID. */
MUST_CHECK int lever_parameter(
    const struct governance *law, const char *path, const struct param **out, struct why *why);
/* What a parameter is now, and a new value for it (whole numbers are rounded to), which holds from now on, in quotes as
 * well. Refused when there is no such parameter, when it is a text, outside of its bounds or refused by its lever's own
 * checks; then nothing has changed. */
MUST_CHECK int lever_tuned(const struct lever_context *context, const char *path, double *out, struct why *why);
MUST_CHECK int lever_tune(struct lever_context *context, const char *path, double value, struct why *why);

struct lever {
    const char *name, *doc;
    enum lever_stage stage;
    const struct params *params;
    /* Multiples of 8. Plain numbers only: saved, loaded and digested as bytes; no padding, no pointers. */
    size_t state_size, agent_size;
    /* Beyond the parameters' own bounds; the reason begins with the field's name ("min_sample: ..."). May be NULL. */
    MUST_CHECK int (*validate)(const void *params, struct why *why);
    /* The same against the other levers of the scenario. May be NULL. */
    MUST_CHECK int (*validate_among)(const void *params, const struct governance *law, struct why *why);
    /* The numbers that everybody may know. */
    void (*quote)(const void *params, double quotes[QUOTE_GOVERNANCE_END]);
    /* Called of all levers before on_opening() is called of any: here is where parameters are tuned. */
    void (*before_opening)(struct lever_context *context, const struct lever_opening *opening);
    void (*on_opening)(struct lever_context *context, const struct lever_opening *opening);
    void (*on_action)(
        struct lever_context *context, const struct lever_action *action, struct lever_action_ruling *ruling);
    void (*on_interaction)(
        struct lever_context *context, const struct lever_interaction *interaction, struct lever_ruling *ruling);
    /* After every lever has ruled on an interaction and none has refused it, accepted or not: to remember it, and for
     * effects, which are all that can still be said (what follows from an audit's outcome is said here). */
    void (*on_outcome)(struct lever_context *context, const struct lever_interaction *interaction);
};

/* Written by make from governance/levers; NULL-ended, by name. */
extern const struct lever *const lever_roll[];
const struct lever *lever_find(const char *name);

#endif
