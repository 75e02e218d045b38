/* world/sandbox/sandbox.c - the sandbox domain: an economy of agents of several dispositions that propose deals to
 * each other, answer them, post, vote and do tasks, under the rules of a governance. How a step runs: see state.h. */
#include "core/assert.h"
#include "core/text.h"
#include "world/sandbox/feature.h"

#include <inttypes.h>
#include <string.h>

/* ---- the step ---- */

static void
begin_turn_memory(struct sandbox *self)
{
    struct turn *turn = &self->turn;
    uint32_t count = self->config.agent_count;

    arena_reset(self->arena);
    memset(turn, 0, sizeof *turn);
    turn->groups = ARENA_ARRAY(self->arena, struct exchange_group, self->config.slot_count);
    turn->due = ARENA_ARRAY(self->arena, uint32_t, count);
    turn->candidates = ARENA_ARRAY(self->arena, uint32_t, (size_t)count * self->config.world.candidates);
    turn->candidate_count = ARENA_ARRAY(self->arena, uint8_t, count);
    turn->offer_first = ARENA_ARRAY(self->arena, uint32_t, count);
    turn->offer_count = ARENA_ARRAY(self->arena, uint32_t, count);
}

static void
begin_act(struct sandbox *self)
{
    observe_begin(self);
    self->stage = self->turn.group_count > 0 ? STAGE_ACT : STAGE_DONE;
}

static void
sandbox_begin(void *self_any, uint64_t step)
{
    struct sandbox *self = self_any;

    ASSERT(self->stage == STAGE_DONE && step == self->now.step + 1);
    self->now.step = step;
    self->now.epoch = (uint32_t)((step - 1) / self->config.steps_per_epoch);
    self->now.quotes[QUOTE_STEP] = (double)step;
    self->now.quotes[QUOTE_EPOCH] = (double)self->now.epoch;
    begin_turn_memory(self);
    rails_begin_step(self->rails);
    if (is_epoch_start(self)) {
        rails_begin_epoch(self->rails);
        memset(self->epoch, 0, sizeof *self->epoch);
    }
    labour_begin(self);
    features_begin(self);
    if (is_epoch_start(self) && self->config.lever_count > 0)
        self->stage = STAGE_OPENING;
    else
        begin_act(self);
}

/* The turn has been judged (verdict NULL: there is nobody to judge): it happens, and the next one begins. */
static void
end_turn(struct sandbox *self, const struct batch *verdict)
{
    if (verdict != NULL)
        docket_take(self, verdict);
    settle_turn(self);
    if (verdict != NULL)
        docket_effects(self, verdict);
    self->stage = STAGE_DONE;
    if (self->config.sequential) {
        self->turn.agent++;
        begin_act(self);
    }
}

static void
begin_judge(struct sandbox *self)
{
    const struct turn *turn = &self->turn;
    bool any = turn->deal_count > turn->deal_first || turn->action_count > turn->action_first;

    if (self->config.lever_count > 0 && any)
        self->stage = STAGE_JUDGE;
    else
        end_turn(self, NULL);
}

static bool
sandbox_next(void *self_any, struct exchange *out)
{
    static const struct exchange exchanges[] = {
        [STAGE_OPENING] = {.kind = EXCHANGE_GOVERNANCE, .name = "open", .ask = &schema_sandbox_docket,
                           .answer = &schema_sandbox_verdict},
        [STAGE_ACT] = {.kind = EXCHANGE_AGENTS, .name = "act", .ask = &schema_sandbox_observe,
                       .answer = &schema_sandbox_decide, .ask_shared = OBSERVE_SHARED},
        [STAGE_OFFERS] = {.kind = EXCHANGE_AGENTS, .name = "offers", .ask = &schema_sandbox_offers,
                          .answer = &schema_sandbox_answer, .ask_shared = 1u << OFFERS_QUOTE},
        [STAGE_JUDGE] = {.kind = EXCHANGE_GOVERNANCE, .name = "judge", .ask = &schema_sandbox_docket,
                         .answer = &schema_sandbox_verdict},
    };
    const struct sandbox *self = self_any;

    if (self->stage == STAGE_DONE)
        return false;
    *out = exchanges[self->stage];
    out->round = self->stage;
    if (out->kind == EXCHANGE_AGENTS) {
        out->groups = self->turn.groups;
        out->group_count = self->turn.group_count;
    } else if (self->stage == STAGE_JUDGE) {
        out->row_count = self->turn.deal_count - self->turn.deal_first;
    }
    return true;
}

static void
sandbox_ask(const void *self_any, const struct exchange *exchange, uint32_t group, uint32_t first, uint32_t count,
            struct buffer *out)
{
    const struct sandbox *self = self_any;

    ASSERT(exchange->round == self->stage);
    switch (self->stage) {
    case STAGE_ACT:
        observe_ask(self, group, first, count, out);
        return;
    case STAGE_OFFERS:
        offers_ask(self, group, first, count, out);
        return;
    case STAGE_OPENING:
    case STAGE_JUDGE:
        docket_ask(self, out);
        return;
    case STAGE_DONE:
        break;
    }
    UNREACHABLE();
}

_Static_assert((int)DECIDE_ROW == (int)ANSWER_ROW && (int)DECIDE_agent == (int)ANSWER_agent,
               "both kinds of answer say in the same place whose they are");

/* An answer has a row for each of the agents asked, in the same order. */
static int
check_agents(const struct batch *answer, const char *what, const uint32_t *asked, uint32_t count, struct why *why)
{
    if (answer->count[DECIDE_ROW] != count)
        return fail(why, ERR_INVALID, "%s: %" PRIu32 " rows for %" PRIu32 " agents", what, answer->count[DECIDE_ROW],
                    count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t agent = batch_u32(answer, DECIDE_agent, i);

        if (agent != asked[i])
            return fail(why, ERR_INVALID, "%s: row %" PRIu32 ": agent: %" PRIu32 " instead of %" PRIu32, what, i,
                        agent, asked[i]);
    }
    return 0;
}

static int
sandbox_check(const void *self_any, const struct exchange *exchange, uint32_t group, uint32_t first, uint32_t count,
              const struct batch *answer, struct why *why)
{
    const struct sandbox *self = self_any;
    int code;

    if (exchange->round != self->stage)
        return fail(why, ERR_STATE, "an answer for round %" PRIu32 " in round %d", exchange->round, (int)self->stage);
    if (exchange->kind == EXCHANGE_GOVERNANCE)
        return docket_check(self, answer, why);
    ASSERT(group < self->turn.group_count && first + count <= self->turn.groups[group].count);
    code = check_agents(answer, self->stage == STAGE_ACT ? "decide" : "answer",
                        self->turn.groups[group].agents + first, count, why);
    if (code != 0)
        return code;
    return self->stage == STAGE_ACT ? decide_check(self, answer, why) : offers_check(self, answer, why);
}

static void
sandbox_take(void *self_any, const struct exchange *exchange, const struct batch *answers, const struct batch *docket)
{
    struct sandbox *self = self_any;

    (void)docket;
    ASSERT(exchange->round == self->stage);
    switch (self->stage) {
    case STAGE_OPENING:
        docket_open(self, &answers[0]);
        begin_act(self);
        return;
    case STAGE_ACT:
        decide_take(self, answers);
        if (offers_begin(self))
            self->stage = STAGE_OFFERS;
        else
            begin_judge(self);
        return;
    case STAGE_OFFERS:
        offers_take(self, answers);
        begin_judge(self);
        return;
    case STAGE_JUDGE:
        end_turn(self, &answers[0]);
        return;
    case STAGE_DONE:
        break;
    }
    UNREACHABLE();
}

/* The treasury in equal parts; what does not divide stays. */
static void
pay_dividend(struct sandbox *self)
{
    int64_t share = accounts_balance(self->accounts, ACCOUNT_TREASURY) / (int64_t)self->config.agent_count;

    for (uint32_t agent = 0; agent < self->config.agent_count; agent++)
        accounts_collect(self->accounts, ACCOUNT_TREASURY, account_of(agent), share, MONEY_dividend);
}

static void
sandbox_end(void *self_any)
{
    struct sandbox *self = self_any;

    struct metrics_value gap;

    ASSERT(self->stage == STAGE_DONE);
    features_end(self);
    if (is_epoch_end(self)) {
        gap = metrics_set_figure(&self->epoch->set, &self->config.payoff, "quality_gap");
        TALLY_ADD(self, gap_epochs, gap.known);
        TALLY_ADD(self, adverse_epochs, gap.known && gap.value < 0.0);
    }
    if (is_epoch_end(self) && self->config.world.treasury == TREASURY_DIVIDEND)
        pay_dividend(self);
}

/* ---- commands ---- */

/* "7", or "7 12": an agent and a number. */
static int
read_numbers(const char *text, int64_t *agent, int64_t *number, struct why *why)
{
    char first[TEXT_NUMBER_SIZE];
    size_t size = strcspn(text, " ");
    int code;

    if (size >= sizeof first)
        return fail(why, ERR_INVALID, "'%s' names no agent", text);
    memcpy(first, text, size);
    first[size] = '\0';
    code = text_parse_integer(first, agent, why);
    if (code != 0 || text[size] == '\0')
        return code;
    return text_parse_integer(text + size + 1, number, why);
}

/* A command that was understood. */
struct order {
    enum { ORDER_KILL_SWITCH, ORDER_FREEZE, ORDER_UNFREEZE } verb;
    bool on;
    uint32_t agent, epochs;
};

/* The epoch a command is for: between two steps that of the step that comes. */
static uint32_t
epoch_due(const struct sandbox *self)
{
    return self->stage == STAGE_DONE ? (uint32_t)(self->now.step / self->config.steps_per_epoch) : self->now.epoch;
}

static int
read_freeze(const struct sandbox *self, const char *argument, struct order *out, struct why *why)
{
    int64_t agent = -1, epochs = 1;
    int code = read_numbers(argument, &agent, &epochs, why);

    if (code != 0)
        return code;
    if (agent < 0 || agent >= self->config.agent_count)
        return fail(why, ERR_UNKNOWN, "there is no agent %" PRId64 ": they are 0 to %" PRIu32, agent,
                    self->config.agent_count - 1);
    if (epochs < 1 || epochs > UINT32_MAX - (int64_t)epoch_due(self))
        return fail(why, ERR_INVALID, "%" PRId64 " epochs: must be 1 or more", epochs);
    out->agent = (uint32_t)agent;
    out->epochs = (uint32_t)epochs;
    return 0;
}

static int
read_order(const struct sandbox *self, const char *verb, const char *argument, struct order *out, struct why *why)
{
    argument = argument == NULL ? "" : argument;
    *out = (struct order){0};
    if (strcmp(verb, "kill_switch") == 0) {
        if (strcmp(argument, "on") != 0 && strcmp(argument, "off") != 0)
            return fail(why, ERR_INVALID, "kill_switch is 'on' or 'off', not '%s'", argument);
        out->on = strcmp(argument, "on") == 0;
        return rails_kill_check(self->rails, why);
    }
    if (strcmp(verb, "freeze") == 0 || strcmp(verb, "unfreeze") == 0) {
        out->verb = verb[0] == 'f' ? ORDER_FREEZE : ORDER_UNFREEZE;
        return read_freeze(self, argument, out, why);
    }
    return fail(why, ERR_UNKNOWN, "the sandbox knows no command '%s' (kill_switch on|off, freeze AGENT [EPOCHS], "
                "unfreeze AGENT)", verb);
}

static int
sandbox_command_check(const void *self_any, const char *verb, const char *argument, struct why *why)
{
    struct order order;

    return read_order(self_any, verb, argument, &order, why);
}

static int
sandbox_command(void *self_any, const char *verb, const char *argument, struct why *why)
{
    struct sandbox *self = self_any;
    struct order order;
    int code = read_order(self, verb, argument, &order, why);

    if (code != 0)
        return code;
    if (order.verb == ORDER_KILL_SWITCH)
        return rails_kill(self->rails, order.on, why);
    self->agents.frozen_until[order.agent] = order.verb == ORDER_FREEZE ? epoch_due(self) + order.epochs : 0;
    if (self->stage == STAGE_ACT)
        begin_act(self); /* the step has begun, but no exchange yet: who is due has changed */
    return 0;
}

/* ---- what it is ---- */

static uint32_t
sandbox_agent_count(const void *self)
{
    return ((const struct sandbox *)self)->config.agent_count;
}

static uint32_t
sandbox_slots(const void *self, const struct domain_slot **out)
{
    *out = ((const struct sandbox *)self)->slots;
    return ((const struct sandbox *)self)->config.slot_count;
}

static uint32_t
sandbox_steps_per_epoch(const void *self)
{
    return ((const struct sandbox *)self)->config.steps_per_epoch;
}

#define AT_GENESIS "it has had its effect before step 1"
#define SHAPE "it gives the state its shape"

static const struct domain_fixed fixed[] = {
    {"simulation.steps_per_epoch", "it numbers the epochs that are over"},
    {"agents.*.type", "the agents' memories are of the policies they had"},
    {"agents.*.count", SHAPE},
    {"agents.*.role", "tasks in work are of the roles they had"},
    {"agents.*.name", "it would rename those whom the past knows"},
    {"agents.*.skill_low", AT_GENESIS},
    {"agents.*.skill_high", AT_GENESIS},
    {"agents.*.initial_resources", AT_GENESIS},
    {"sandbox.rules", SHAPE},
    {"sandbox.initial_resources", AT_GENESIS},
    {"sandbox.skill_low", AT_GENESIS},
    {"sandbox.skill_high", AT_GENESIS},
    {"sandbox.trust_slots", SHAPE},
    {"sandbox.memory_max", SHAPE},
    {"sandbox.feed.feed_capacity", SHAPE},
    {"sandbox.tasks.capacity", SHAPE},
    {"sandbox.rails.max_content_length", SHAPE},
    {"sandbox.contagion.enabled", SHAPE},
    {"sandbox.contagion.sources", AT_GENESIS},
    {"sandbox.discourse.enabled", SHAPE},
    {"sandbox.discourse.topics_max", SHAPE},
    {"sandbox.norms.enabled", SHAPE},
    {"sandbox.moderation.enabled", SHAPE},
    {"sandbox.projects.enabled", SHAPE},
    {"sandbox.projects.capacity", SHAPE},
    {"sandbox.projects.capability", AT_GENESIS},
    {"sandbox.market.enabled", SHAPE},
    {"sandbox.market.capacity", SHAPE},
    {"sandbox.market.max_bids", SHAPE},
    {"sandbox.network.topology", SHAPE},
    {"sandbox.network.k", AT_GENESIS},
    {"sandbox.network.rewire", AT_GENESIS},
    {"sandbox.network.m", AT_GENESIS},
    {"sandbox.network.edge_probability", AT_GENESIS},
    {"sandbox.network.seed", AT_GENESIS},
    {"sandbox.network.dynamic", SHAPE},
    {"sandbox.network.slots_max", SHAPE},
    {"sandbox.network.weight_max", AT_GENESIS},
    {"sandbox.words.marker", "posts of the past were looked through for it"},
    {NULL, NULL},
};

static const struct domain_fork fork_rules = {.fixed = fixed, .adopt = genesis_adopt};

const struct domain domain_sandbox = {
    .name = "sandbox",
    .doc = "An economy of agents of several dispositions under rules of the game: interactions of uncertain quality, "
           "a feed, tasks.",
    .configure = genesis_configure,
    .destroy = genesis_destroy,
    .genesis = genesis_make,
    .agent_count = sandbox_agent_count,
    .slots = sandbox_slots,
    .steps_per_epoch = sandbox_steps_per_epoch,
    .begin = sandbox_begin,
    .next = sandbox_next,
    .ask = sandbox_ask,
    .check = sandbox_check,
    .take = sandbox_take,
    .command_check = sandbox_command_check,
    .command = sandbox_command,
    .end = sandbox_end,
    .event_schema = &schema_sandbox_events,
    .events = events_write,
    .figures = figures_each,
    .digest = save_digest,
    .save = save_write,
    .load = save_load,
    .check_invariants = check_invariants,
    .resolve = config_resolve,
    .write_schema = config_write_schema,
    .write_manual = config_write_manual,
    .fork = &fork_rules,
};
