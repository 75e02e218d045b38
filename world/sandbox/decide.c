/* world/sandbox/decide.c - what agents answer in the act round: checked, cut down by the rails, and turned into
 * actions and offers. */
#include "core/assert.h"
#include "core/money.h"
#include "world/sandbox/feature.h"
#include "world/sandbox/minds.h"

#include <inttypes.h>
#include <string.h>

int
decide_check(const struct sandbox *self, const struct batch *answer, struct why *why)
{
    uint32_t extras = features_traits(self) ? answer->count[DECIDE_ROW] : 0;
    int code;

    if (answer->count[DECIDE_EXTRA] != extras)
        return fail(why, ERR_INVALID, "decide: %" PRIu32 " elements on axis extra, not %" PRIu32,
                    answer->count[DECIDE_EXTRA], extras);
    code = minds_check(self, answer, why);
    if (code != 0)
        return code;
    for (uint32_t i = 0; i < answer->count[DECIDE_ROW]; i++) {
        uint32_t size = batch_u32(answer, DECIDE_memories, i + 1) - batch_u32(answer, DECIDE_memories, i);

        if (size > self->config.world.memory_max)
            return fail(why, ERR_LIMIT, "decide: agent %" PRIu32 ": memories: %" PRIu32 " bytes, more than %" PRIu32,
                        batch_u32(answer, DECIDE_agent, i), size, self->config.world.memory_max);
    }
    return 0;
}

/* ---- actions ---- */

static enum sandbox_refusal
check_post(const struct sandbox *self, const struct action *action)
{
    if (!feed_find(self->feed, action->target, NULL))
        return REFUSAL_TARGET;
    if (action->verb == VERB_REPLY)
        return REFUSAL_NONE;
    if (action->value != 1 && action->value != -1)
        return REFUSAL_TARGET;
    return feed_voted(self->feed, action->target, action->actor) == action->value ? REFUSAL_REPEATED : REFUSAL_NONE;
}

static enum sandbox_refusal
check_target(const struct sandbox *self, const struct action *action)
{
    switch (action->verb) {
    case VERB_POST:
        return REFUSAL_NONE;
    case VERB_REPLY:
    case VERB_VOTE:
        return check_post(self, action);
    case VERB_CLAIM_TASK:
    case VERB_SUBMIT_WORK:
    case VERB_VERIFY:
        return labour_check(self, action);
    default: {
        const struct feature *feature = features_of_verb(self, action->verb);

        if (feature == NULL)
            return REFUSAL_UNAVAILABLE;
        return feature->check != NULL ? feature->check(self, action) : REFUSAL_NONE;
    }
    }
}

/* Whom a wish is about. */
static uint32_t
subject_of(const struct sandbox *self, const struct action *action)
{
    const struct feature *feature = features_of_verb(self, action->verb);
    const struct task *task;
    struct feed_post post;

    if (feature != NULL)
        return feature->subject != NULL ? feature->subject(self, action) : SANDBOX_NOBODY;
    switch (action->verb) {
    case VERB_REPLY:
    case VERB_VOTE:
        return feed_find(self->feed, action->target, &post) ? post.author : SANDBOX_NOBODY;
    case VERB_VERIFY:
        task = tasks_find(self->tasks, action->target);
        return task != NULL ? task->worker : SANDBOX_NOBODY;
    default:
        return SANDBOX_NOBODY;
    }
}

/* What a wish costs its actor at once. */
static int64_t
cost_of(const struct sandbox *self, const struct action *action)
{
    const struct feature *feature = features_of_verb(self, action->verb);

    if (feature == NULL)
        return labour_cost(self, action);
    return feature->cost != NULL ? feature->cost(self, action) : 0;
}

/* What rows say on the extra axis, if there is one. */
static void
read_extra(const struct batch *answer, uint32_t row, struct action *action)
{
    action->whom = action->topic = action->subject = SANDBOX_NOBODY;
    if (answer->count[DECIDE_EXTRA] == 0)
        return;
    action->whom = batch_u32(answer, DECIDE_whom, row);
    action->topic = batch_u32(answer, DECIDE_topic, row);
    action->stance = (int8_t)batch_i32(answer, DECIDE_stance, row);
    action->post_kind = batch_u8(answer, DECIDE_post_kind, row);
}

/* The wish counts, and its money leaves the actor's account: what a feature asks for is set aside. */
static void
grant(struct sandbox *self, struct action *action, const struct rails_wish *wish)
{
    rails_accept(self->rails, wish);
    settle_active(self, action->actor);
    if (features_of_verb(self, action->verb) == NULL) {
        settle_charge(self, action->actor, ACCOUNT_ENVIRONMENT, wish->spending, MONEY_effort);
        return;
    }
    settle_charge(self, action->actor, ACCOUNT_ESCROW, wish->spending, MONEY_escrow);
    action->held = wish->spending;
}

static void
take_action(struct sandbox *self, const struct batch *answer, uint32_t row)
{
    struct turn *turn = &self->turn;
    uint32_t begin = batch_u32(answer, DECIDE_texts, row), end = batch_u32(answer, DECIDE_texts, row + 1);
    struct action *action = &turn->actions[turn->action_count];
    struct rails_wish wish;

    if (batch_u8(answer, DECIDE_verb, row) == VERB_PASS)
        return;
    ASSERT(turn->action_count < turn->action_room);
    turn->action_count++;
    *action = (struct action){
        .actor = batch_u32(answer, DECIDE_agent, row), .verb = batch_u8(answer, DECIDE_verb, row),
        .target = batch_u32(answer, DECIDE_target, row), .value = batch_i32(answer, DECIDE_value, row),
        .amount = batch_i64(answer, DECIDE_amount, row), .work = batch_f64(answer, DECIDE_work, row), .weight = 1.0,
        .text = (const char *)answer->data[DECIDE_text] + begin, .text_size = end - begin};
    read_extra(answer, row, action);
    action->taint = minds_taint(answer, row);
    wish = (struct rails_wish){
        .agent = action->actor, .role = self->agents.role[action->actor], .verb = action->verb, .text = action->text,
        .text_size = action->text_size, .spending = cost_of(self, action), .step = self->now.step};

    action->refused = (uint8_t)rails_check(self->rails, &wish);
    if (action->refused == REFUSAL_NONE)
        action->refused = (uint8_t)check_target(self, action);
    if (action->refused == REFUSAL_NONE && wish.spending > money_of(self, action->actor))
        action->refused = REFUSAL_FUNDS;
    action->subject = subject_of(self, action);
    if (action->refused == REFUSAL_NONE)
        grant(self, action, &wish);
    /* The answer's bytes are lent until take() returns; a refused text is not needed again. */
    if (action->refused == REFUSAL_NONE && (action->verb == VERB_POST || action->verb == VERB_REPLY))
        action->text = arena_text(self->arena, action->text, action->text_size);
    else
        action->text = NULL, action->text_size = 0;
}

/* ---- proposals ---- */

static enum sandbox_refusal
check_proposal(const struct sandbox *self, const struct rails_wish *wish, uint32_t partner)
{
    enum sandbox_refusal refusal = rails_check(self->rails, wish);

    if (refusal != REFUSAL_NONE)
        return refusal;
    if (partner >= self->config.agent_count || partner == wish->agent)
        return REFUSAL_TARGET;
    if (is_frozen(self, partner))
        return REFUSAL_FROZEN;
    if (!network_linked(self, wish->agent, partner))
        return REFUSAL_LINK;
    if (stake_held(self, wish->agent) < money_from_real(self->now.quotes[QUOTE_STAKE_REQUIRED]) ||
        wish->spending > money_of(self, wish->agent))
        return REFUSAL_FUNDS;
    return REFUSAL_NONE;
}

static void
draw_deal(struct sandbox *self, struct deal *deal)
{
    struct rng quality = rng_make(self->seed, STREAM_QUALITY, deal->initiator, self->now.step);
    struct rng eyes = rng_make(self->seed, STREAM_SIGNAL, deal->initiator, self->now.step);
    double chance = draw_chance(deal->effort, self->agents.skill[deal->initiator], self->config.world.difficulty);
    struct draw draw = draw_work(&quality, chance, deal->disguise);

    deal->truth = (int8_t)draw.truth;
    deal->progress = draw.seen.progress;
    deal->rework = (uint8_t)draw.seen.rework;
    deal->rejections = (uint8_t)draw.seen.rejections;
    draw.seen.misuse += contagion_flags(self, deal);
    deal->misuse = (uint8_t)draw.seen.misuse;
    deal->engagement = draw.seen.engagement;
    deal->v_hat = proxy_v_hat(&self->config.proxy, &draw.seen);
    deal->p = proxy_sigmoid(deal->v_hat, self->config.proxy.k, self->config.proxy.b);
    deal->revealed = draw_revealed(&eyes, self->config.world.attention_scarcity);
    deal->signal = proxy_partial(&self->config.proxy, &draw.seen, deal->revealed);
}

static void
tally_proposal(struct sandbox *self, const struct deal *deal)
{
    uint32_t kind = tally_kind_of(self, deal->initiator);

    TALLY_ADD(self, proposals, 1);
    TALLY_ADD(self, kinds[kind].proposals, 1);
    TALLY_ADD(self, kinds[kind].effort, deal->effort);
    TALLY_ADD(self, kinds[kind].disguise, deal->disguise);
}

/* Effort and disguise are paid now, whatever becomes of the offer; a transfer that is offered is set aside. */
static void
make_deal(struct sandbox *self, const struct batch *answer, uint32_t row, int64_t cost)
{
    struct turn *turn = &self->turn;
    struct deal *deal = &turn->deals[turn->deal_count++];
    uint32_t agent = batch_u32(answer, DECIDE_agent, row);

    ASSERT(turn->deal_count <= turn->deal_room);
    *deal = (struct deal){
        .initiator = agent, .counterparty = batch_u32(answer, DECIDE_partner, row),
        .kind = batch_u8(answer, DECIDE_kind, row), .transfer = batch_i64(answer, DECIDE_transfer, row),
        .effort = batch_f64(answer, DECIDE_effort, row), .disguise = batch_f64(answer, DECIDE_disguise, row),
        .payload = answer->count[DECIDE_EXTRA] > 0 ? batch_u8(answer, DECIDE_payload, row) : 0, .allow = 1};
    settle_charge(self, agent, ACCOUNT_ENVIRONMENT, cost, MONEY_effort);
    if (deal->transfer > 0)
        settle_charge(self, agent, ACCOUNT_ESCROW, deal->transfer, MONEY_escrow);
    self->agents.proposed[agent]++;
    settle_active(self, agent);
    draw_deal(self, deal);
    tally_proposal(self, deal);
}

static void
take_proposal(struct sandbox *self, const struct batch *answer, uint32_t row)
{
    struct turn *turn = &self->turn;
    uint32_t partner = batch_u32(answer, DECIDE_partner, row), agent = batch_u32(answer, DECIDE_agent, row);
    int64_t transfer = batch_i64(answer, DECIDE_transfer, row);
    int64_t cost = money_from_real(self->config.world.k_e * batch_f64(answer, DECIDE_effort, row) +
                                   self->config.world.k_m * batch_f64(answer, DECIDE_disguise, row));
    struct rails_wish wish = {
        .agent = agent, .role = self->agents.role[agent], .verb = VERB_PASS,
        .spending = cost + (transfer > 0 ? transfer : 0), .step = self->now.step};
    enum sandbox_refusal refusal;

    if (partner == SANDBOX_NOBODY)
        return;
    refusal = check_proposal(self, &wish, partner);
    if (refusal != REFUSAL_NONE) {
        ASSERT(turn->lost_count < turn->lost_room);
        turn->lost[turn->lost_count++] = (struct action){
            .actor = agent, .verb = VERB_PASS, .target = partner, .weight = 1.0, .refused = (uint8_t)refusal,
            .whom = SANDBOX_NOBODY, .topic = SANDBOX_NOBODY, .subject = SANDBOX_NOBODY};
        TALLY_ADD(self, refused[refusal], 1);
        return;
    }
    rails_accept(self->rails, &wish);
    make_deal(self, answer, row, cost);
}

/* ---- both, in id order ---- */

static void
take_memory(struct sandbox *self, const struct batch *answer, uint32_t row)
{
    uint32_t agent = batch_u32(answer, DECIDE_agent, row);
    uint32_t begin = batch_u32(answer, DECIDE_memories, row), end = batch_u32(answer, DECIDE_memories, row + 1);
    uint8_t *memory = self->agents.memory + (size_t)agent * self->config.world.memory_max;

    memcpy(memory, answer->data[DECIDE_memory] + begin, end - begin);
    memset(memory + (end - begin), 0, self->config.world.memory_max - (end - begin));
    self->agents.memory_size[agent] = (uint8_t)(end - begin);
}

static void
take_row(struct sandbox *self, const struct batch *answer, uint32_t row)
{
    take_memory(self, answer, row);
    minds_decided(self, answer, row);
    take_action(self, answer, row);
    take_proposal(self, answer, row);
}

/* Room for what these answers hold; one turn of many has room for all of them already. */
static void
make_room(struct sandbox *self, const struct batch *answers)
{
    struct turn *turn = &self->turn;

    if (turn->deals != NULL)
        return;
    turn->deal_room = turn->lost_room = turn->action_room = self->config.sequential ? self->config.agent_count : 0;
    for (uint32_t group = 0; group < turn->group_count && !self->config.sequential; group++)
        for (uint32_t i = 0; i < turn->groups[group].count; i++) {
            turn->action_room += batch_u8(&answers[group], DECIDE_verb, i) != VERB_PASS;
            turn->deal_room += batch_u32(&answers[group], DECIDE_partner, i) != SANDBOX_NOBODY;
        }
    turn->lost_room = turn->deal_room;
    turn->deals = ARENA_ARRAY(self->arena, struct deal, turn->deal_room + 1);
    turn->lost = ARENA_ARRAY(self->arena, struct action, turn->lost_room + 1);
    turn->actions = ARENA_ARRAY(self->arena, struct action, turn->action_room + 1);
}

void
decide_take(struct sandbox *self, const struct batch *answers)
{
    uint32_t *next; /* by slot: the next row */
    const uint32_t *group_of;

    make_room(self, answers);
    if (self->config.sequential) {
        take_row(self, &answers[0], 0);
        return;
    }
    next = ARENA_ARRAY(self->arena, uint32_t, self->config.slot_count);
    group_of = groups_by_slot(self);
    for (uint32_t agent = 0; agent < self->config.agent_count; agent++) {
        uint32_t slot = self->agents.slot[agent];

        if (!is_frozen(self, agent))
            take_row(self, &answers[group_of[slot]], next[slot]++);
    }
}
