/* world/sandbox/feature.h - parts of the sandbox that a scenario may use or leave: the market of bounties, projects,
 * moderation, discourse, norms, contagion, networks. Each is one file that keeps its own state and takes part in a step
 * at fixed places; features.c has the table, whose order is the order in which they are asked. A feature that is
 * switched off costs nothing and changes nothing.
 *
 * Every member may be NULL. */
#ifndef POLIS_WORLD_SANDBOX_FEATURE_H
#define POLIS_WORLD_SANDBOX_FEATURE_H

#include "proto/columns.h"
#include "world/sandbox/cells.h"
#include "world/sandbox/state.h"

/* What is handed on to whoever wants the figures. */
struct figure_sink {
    domain_figure_fn *each;
    void *context;
};
void figure_put(const struct figure_sink *sink, const char *name, double value, bool known);
/* part / whole; unknown when whole is 0. */
void figure_put_share(const struct figure_sink *sink, const char *name, double part, double whole);

/* Counts something in the epoch and in the run, in what a feature keeps of both (members `epoch` and `run`). */
#define SPANS_ADD(spans, name, amount)                                                                               \
    do {                                                                                                             \
        (spans)->epoch.name += (amount);                                                                             \
        (spans)->run.name += (amount);                                                                               \
    } while (0)

struct feature {
    const char *name;
    bool traits;    /* what agents see or say for it needs ACT_TRAIT and DECIDE_EXTRA */
    uint32_t verbs; /* 1 << VERB_...: this feature checks, prices and settles them */
    bool (*is_on)(const struct config *config);

    void (*make)(struct sandbox *self);    /* memory, once; only when it is on, like all that follow */
    void (*destroy)(struct sandbox *self); /* also when it was never made */
    void (*genesis)(struct sandbox *self); /* the state before step 1, over whatever was there */

    /* The step begins (is_epoch_start() says whether an epoch does), after tasks have moved on. */
    void (*begin)(struct sandbox *self);
    /* The step is over, before the epoch's last figures; is_epoch_end() says whether the epoch is, too. */
    void (*end)(struct sandbox *self);

    /* Room for and content of what agents see. count(): adds to the counts of its axes for these agents; ACT_TRAIT is
     * set to `agent_count` when a feature with `traits` is on. write(): fills its columns. */
    void (*count)(const struct sandbox *self, const uint32_t *agents, uint32_t agent_count, uint32_t counts[ACT_AXES]);
    void (*write)(const struct sandbox *self, const struct batch_writer *writer, const uint32_t *agents);
    /* Shared by all chunks of a turn: fixes what is shown (turn begins). */
    void (*show)(struct sandbox *self);

    /* A wish with one of its verbs: may it be granted (nothing changes)? How much of its actor's money must be set
     * aside for it, in millionths (action->held, in escrow, counted by the rails as spending)? What happens: settle()
     * takes over what is held (escrow() counts it from then on), or sets action->refused because somebody was faster,
     * and then it goes back. */
    enum sandbox_refusal (*check)(const struct sandbox *self, const struct action *action);
    int64_t (*cost)(const struct sandbox *self, const struct action *action);
    void (*settle)(struct sandbox *self, struct action *action);
    /* Whom a wish is about, for governance: an agent or SANDBOX_NOBODY. */
    uint32_t (*subject)(const struct sandbox *self, const struct action *action);

    /* After a post or reply was made (action->target is its id), a vote was cast, an interaction was settled. */
    void (*posted)(struct sandbox *self, const struct action *action);
    void (*voted)(struct sandbox *self, const struct action *action, uint32_t author);
    void (*dealt)(struct sandbox *self, const struct deal *deal, bool happened);
    /* A task of this owner has ended: TASK_COMPLETED, TASK_FAILED or TASK_EXPIRED; its bounty is still in escrow, to be
     * paid or given back by the feature. */
    enum sandbox_owner owner; /* OWNER_ENVIRONMENT: none */
    void (*task_ended)(struct sandbox *self, const struct task *task, enum sandbox_task_status how);

    /* Governance has said whether adopted rule `number` of this opening holds now. */
    void (*norm_ruled)(struct sandbox *self, uint32_t number, bool holds);

    void (*figures)(const struct sandbox *self, bool whole_run, const struct figure_sink *sink);
    void (*cells)(struct sandbox *self, struct cells *out);
    /* Beside those: what it holds in ACCOUNT_ESCROW, millionths. */
    int64_t (*escrow)(const struct sandbox *self);
    MUST_CHECK int (*check_state)(const struct sandbox *self, struct why *why);
};

/* NULL-ended (features.c). */
extern const struct feature *const features[];

void features_make(struct sandbox *self);
void features_destroy(struct sandbox *self);
void features_genesis(struct sandbox *self);
void features_begin(struct sandbox *self);
void features_end(struct sandbox *self);
void features_show(struct sandbox *self);
/* Whether rows have traits. */
bool features_traits(const struct sandbox *self);
void features_count(
    const struct sandbox *self, const uint32_t *agents, uint32_t agent_count, uint32_t counts[ACT_AXES]);
void features_write(const struct sandbox *self, const struct batch_writer *writer, const uint32_t *agents);
/* The feature that is on and takes care of the verb, or NULL. */
const struct feature *features_of_verb(const struct sandbox *self, uint32_t verb);
void features_posted(struct sandbox *self, const struct action *action);
void features_voted(struct sandbox *self, const struct action *action, uint32_t author);
void features_dealt(struct sandbox *self, const struct deal *deal, bool happened);
void features_task_ended(struct sandbox *self, const struct task *task, enum sandbox_task_status how);
void features_norm_ruled(struct sandbox *self, uint32_t number, bool holds);
void features_figures(const struct sandbox *self, bool whole_run, const struct figure_sink *sink);
void features_cells(struct sandbox *self, struct cells *out);
int64_t features_escrow(const struct sandbox *self);
MUST_CHECK int features_check(const struct sandbox *self, struct why *why);

#endif
