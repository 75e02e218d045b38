/* world/sandbox/state.h - the sandbox's insides, for the files of this folder and nobody else.
 *
 * A step is a series of turns: one of all agents (turns: simultaneous), or one of each agent in id order
 * (turns: sequential). The stages of a turn, each an exchange that may be skipped:
 *
 *     OPENING (first step of an epoch, if there are levers) -> ACT -> OFFERS (if any) -> JUDGE (if levers and
 * anything
 *     to judge) -> settled -> next turn, or DONE
 *
 * 1. Only take() moves on; next() says where the step is. 2. What an exchange asks is fixed when its stage begins.
 * 3. Money an offer needs is set aside when it is made (tau > 0) or accepted (tau < 0), so settling cannot fail.
 * 4. Everything in struct turn dies with the step; everything else is state, or follows from the configuration. */
#ifndef POLIS_WORLD_SANDBOX_STATE_H
#define POLIS_WORLD_SANDBOX_STATE_H

#include "core/arena.h"
#include "core/streams.h"
#include "world/domain.h"
#include "world/ledger/accounts.h"
#include "world/sandbox/config.h"
#include "world/sandbox/draw.h"
#include "world/sandbox/feed.h"
#include "world/sandbox/rails.h"
#include "world/sandbox/tally.h"
#include "world/sandbox/tasks.h"
#include "world/sandbox/trust.h"

struct feature;

enum sandbox_stage { STAGE_OPENING, STAGE_ACT, STAGE_OFFERS, STAGE_JUDGE, STAGE_DONE };

/* State of the agents, a column each. */
#define AGENT_COLUMNS(C)                                                                                             \
    C(double, reputation)       /* -1 .. 1 */                                                                        \
    C(double, skill)            /* 0 .. 1 */                                                                         \
    C(double, influence)        /* weighted votes for its posts; 0 and more */                                       \
    C(double, payoff)           /* sum of its payoffs, tokens */                                                     \
    C(uint32_t, frozen_until)   /* epoch in which it is free again */                                                \
    C(uint32_t, proposed)                                                                                            \
    C(uint32_t, accepted)       /* of those */                                                                       \
    C(uint32_t, caught)         /* audits that showed bad work */                                                    \
    C(uint32_t, task)           /* in work, or TASK_NONE */                                                          \
    C(uint32_t, active)         /* epoch + 1 in which it last did something */                                       \
    C(uint8_t, memory_size)

#define AGENT_MEMBER(type, name) type *name;
struct agents {
    AGENT_COLUMNS(AGENT_MEMBER)
    uint8_t *memory; /* memory_max an agent */
    /* From the configuration. */
    uint16_t *slot;
    uint8_t *role, *insider;
    uint32_t *by_slot; /* ids, by slot and then id */
};

/* An offer on its way to becoming an interaction. Money in millionths, payoffs in tokens. */
struct deal {
    uint32_t initiator, counterparty;
    int64_t transfer, cost_a, cost_b;
    double effort, disguise, p, v_hat, signal, belief;
    double reputation_a, reputation_b, payoff_a, payoff_b;
    double progress, engagement;
    uint8_t kind, rework, rejections, misuse, revealed;
    uint8_t answered, accepted, lapsed, allow, reason, audit;
    uint8_t payload; /* it carries an injection */
    int8_t truth;
};

struct action {
    uint32_t actor, target;
    int32_t value;
    uint32_t text_size;
    const char *text;
    int64_t amount, cost;
    int64_t held; /* set aside in escrow for a feature's verb; goes back when it is refused */
    double work, weight;
    uint32_t whom, topic, subject; /* agents or SANDBOX_NOBODY; subject: whom it is about */
    int8_t stance;
    uint8_t post_kind, verb, refused;
    uint8_t taint; /* of the text; 0: no model wrote it */
};

/* What else happened, for the log (enum sandbox_note). */
struct note {
    uint32_t agent, other, id;
    uint8_t kind;
    int64_t amount;
    double value;
};

/* What lives for one step. */
struct turn {
    struct deal *deals;
    struct action *actions;
    struct action *lost; /* refused proposals: verb VERB_PASS, target the partner */
    uint32_t deal_count, action_count, lost_count;
    uint32_t deal_room, action_room, lost_room;
    struct note *notes; /* in the arena; doubled when full */
    uint32_t note_count, note_room;
    uint32_t deal_first, action_first; /* where the present turn begins */
    uint32_t agent;                    /* sequential: whose turn */
    struct exchange_group *groups;
    uint32_t group_count;
    uint32_t *due;              /* the groups' agents */
    uint32_t *candidates;       /* `candidates` an agent */
    uint8_t *candidate_count;
    uint32_t *offer_first, *offer_count; /* by agent: its offers in `offers` */
    uint32_t *offers;           /* deals, by (counterparty, initiator) */
    struct norm_text {
        const char *text; /* lent: "lever.parameter=value" */
        uint32_t size, post, author;
    } *norms; /* adopted since the last opening; filled in when an epoch begins */
    uint32_t norm_count;
    uint32_t posts[32], post_count;
    uint32_t tasks[64], task_count;
};

struct sandbox {
    struct config config;
    struct domain_slot *slots;
    uint32_t *slot_kind; /* by slot */
    uint64_t seed;

    struct {
        uint64_t step;
        uint32_t epoch, spare;
        double quotes[QUOTE_COUNT];
    } now;
    struct agents agents;
    struct accounts *accounts;
    struct feed *feed;
    struct tasks *tasks;
    struct rails *rails;
    struct trust *trust;
    const struct feature *verbs[VERB_COUNT]; /* the feature that is on and takes care of a verb; NULL: none does */
    struct tally *epoch, *run;
    /* Of the features (features.c); NULL where a scenario does without. */
    struct market_desk *market;
    struct projects *projects;
    struct network *network;
    struct moderation *moderation;
    struct discourse *discourse;
    struct norms *norms;
    struct contagion *contagion;
    struct minds *minds;
    struct words *words;

    enum sandbox_stage stage;
    struct turn turn;
    struct arena *arena;
    double *scratch; /* two reals an agent, for sorting; not state */
};

static inline uint32_t
account_of(uint32_t agent)
{
    return ACCOUNT_FIRST + agent;
}

static inline uint32_t
stake_of(const struct sandbox *self, uint32_t agent)
{
    return ACCOUNT_FIRST + self->config.agent_count + agent;
}

static inline int64_t
money_of(const struct sandbox *self, uint32_t agent)
{
    return accounts_balances(self->accounts)[account_of(agent)];
}

static inline int64_t
stake_held(const struct sandbox *self, uint32_t agent)
{
    return accounts_balances(self->accounts)[stake_of(self, agent)];
}

static inline bool
is_frozen(const struct sandbox *self, uint32_t agent)
{
    return self->now.epoch < self->agents.frozen_until[agent];
}

/* Whether both are insiders of one kind. */
static inline bool
is_kin(const struct sandbox *self, uint32_t a, uint32_t b)
{
    return self->agents.insider[a] && self->agents.insider[b] &&
           self->slot_kind[self->agents.slot[a]] == self->slot_kind[self->agents.slot[b]];
}

/* The place in a tally's `kinds` of an agent's policy. */
static inline uint32_t
tally_kind_of(const struct sandbox *self, uint32_t agent)
{
    uint32_t kind = self->slot_kind[self->agents.slot[agent]];

    return kind < TALLY_KINDS ? kind : TALLY_KINDS - 1;
}

static inline bool
is_epoch_start(const struct sandbox *self)
{
    return (self->now.step - 1) % self->config.steps_per_epoch == 0;
}

static inline bool
is_epoch_end(const struct sandbox *self)
{
    return self->now.step % self->config.steps_per_epoch == 0;
}

/* The group that asks the agents of a slot, by slot, for those that are asked; lives for the step. */
static inline const uint32_t *
groups_by_slot(const struct sandbox *self)
{
    uint32_t *out = ARENA_ARRAY(self->arena, uint32_t, self->config.slot_count);

    for (uint32_t group = 0; group < self->turn.group_count; group++)
        out[self->turn.groups[group].slot] = group;
    return out;
}

/* Counts in the epoch and in the run at once. */
#define TALLY_ADD(self, name, amount)                                                                                \
    do {                                                                                                             \
        (self)->epoch->name += (amount);                                                                             \
        (self)->run->name += (amount);                                                                               \
    } while (0)

/* ---- genesis.c ---- */
MUST_CHECK int genesis_configure(const struct yaml_node *scenario, uint64_t seed, void **self_out, struct why *why);
void genesis_destroy(void *self);
void genesis_make(void *self);
/* struct domain_fork's. Public numbers follow the parameters; stakes follow the levers. */
void genesis_adopt(void *self, const double *quotes, uint32_t quote_count);

/* ---- observe.c ---- */
/* Fixes what the act round shows: visible posts and tasks, who is due, whom they may choose from. */
void observe_begin(struct sandbox *self);
void observe_ask(const struct sandbox *self, uint32_t group, uint32_t first, uint32_t count, struct buffer *out);

/* ---- network.c ---- */
/* Whether the network lets them deal with each other; without one everybody may. */
bool network_linked(const struct sandbox *self, uint32_t a, uint32_t b);
/* Whom the agent may deal with, by id; NULL: anybody. Lent until the step ends. */
const uint32_t *network_neighbours(const struct sandbox *self, uint32_t agent, uint32_t *count);
/* After loading: see topology_fit(). */
void network_fit(struct sandbox *self);

/* ---- decide.c ---- */
/* Of an answer whose rows are those of the agents asked; so is offers_check(). */
MUST_CHECK int decide_check(const struct sandbox *self, const struct batch *answer, struct why *why);
/* Turns answers into actions and offers, draws the offers' quality. */
void decide_take(struct sandbox *self, const struct batch *answers);

/* ---- offers.c ---- */
/* Sorts the turn's offers by who has to answer; false when there are none. */
bool offers_begin(struct sandbox *self);
void offers_ask(const struct sandbox *self, uint32_t group, uint32_t first, uint32_t count, struct buffer *out);
MUST_CHECK int offers_check(const struct sandbox *self, const struct batch *answer, struct why *why);
void offers_take(struct sandbox *self, const struct batch *answers);

/* ---- docket.c ---- */
void docket_ask(const struct sandbox *self, struct buffer *out);
MUST_CHECK int docket_check(const struct sandbox *self, const struct batch *verdict, struct why *why);
/* Notes a verdict in the deals and actions of the turn. */
void docket_take(struct sandbox *self, const struct batch *verdict);
/* Quotes and effects of an opening; then stakes are made up. */
void docket_open(struct sandbox *self, const struct batch *verdict);
/* Puts every agent's stake at what governance asks for, if its free money reaches; what is more is freed. */
void docket_make_up_stakes(struct sandbox *self);
/* Freezes, fines, slashes ... in order. */
void docket_effects(struct sandbox *self, const struct batch *verdict);

/* ---- settle.c ---- */
/* Makes the turn's actions and offers happen, in id order: actions first. */
void settle_turn(struct sandbox *self);
/* Adds to a reputation, within -1 .. 1; returns the change. */
double settle_reputation(struct sandbox *self, uint32_t agent, double change);
/* From an agent's account to another, as far as it goes; what is missing is counted as unpaid. */
void settle_charge(struct sandbox *self, uint32_t agent, uint32_t to, int64_t amount, enum money_reason reason);
/* Notes what nobody could pay; stays at INT64_MAX once it gets there. */
void settle_unpaid(struct sandbox *self, int64_t amount);
/* Counts the agent as active in this epoch. */
void settle_active(struct sandbox *self, uint32_t agent);

/* Notes for the log what else has happened. Outside a step nothing is noted. */
void settle_note(struct sandbox *self, const struct note *note);
/* Between the environment and an agent, in tokens: positive to the agent. */
void settle_pay(struct sandbox *self, uint32_t agent, double tokens);

/* ---- labour.c: tasks within the economy ---- */
/* The start of a step: deadlines, work in progress, what the environment judges itself, new tasks. */
void labour_begin(struct sandbox *self);
/* May this wish about a task be granted? REFUSAL_NONE: yes. */
enum sandbox_refusal labour_check(const struct sandbox *self, const struct action *action);
void labour_settle(struct sandbox *self, struct action *action);
/* A task for a worker (TASK_NONE: for whoever claims it) that a feature owns: money for it is the feature's affair, its
 * `bounty` stays 0. TASK_NONE: the pool is full. A task with a worker has been given to it. */
uint32_t labour_create(struct sandbox *self, const struct task *task, uint32_t worker);
/* Ends a feature's task that is not over yet, without telling the feature. */
void labour_cancel(struct sandbox *self, uint32_t id);
/* What handing in costs, in millionths. */
int64_t labour_cost(const struct sandbox *self, const struct action *action);

/* ---- figures.c ---- */
void figures_each(const void *self, bool whole_run, domain_figure_fn *each, void *context);

/* ---- save.c, check.c, events.c ---- */
void events_write(const void *self, struct buffer *out);
void save_digest(const void *self, struct fold *fold);
void save_write(const void *self, struct buffer *out);
MUST_CHECK int save_load(void *self, const void *bytes, size_t size, struct why *why);
MUST_CHECK int check_invariants(const void *self, struct why *why);

#endif
