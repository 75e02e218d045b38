/* world/sandbox/offers.c - the accept round: who has which offers to answer, and what the answers do. */
#include "core/assert.h"
#include "core/money.h"
#include "world/sandbox/minds.h"
#include "world/sandbox/state.h"

#include <inttypes.h>
#include <string.h>

/* ---- sorting ---- */

/* Offers by (counterparty, initiator): a counting sort that keeps the order of initiators. */
static void
sort_offers(struct sandbox *self)
{
    struct turn *turn = &self->turn;
    uint32_t at = 0;

    memset(turn->offer_count, 0, self->config.agent_count * sizeof turn->offer_count[0]);
    for (uint32_t i = turn->deal_first; i < turn->deal_count; i++)
        turn->offer_count[turn->deals[i].counterparty]++;
    for (uint32_t agent = 0; agent < self->config.agent_count; agent++) {
        turn->offer_first[agent] = at;
        at += turn->offer_count[agent];
        turn->offer_count[agent] = 0;
    }
    for (uint32_t i = turn->deal_first; i < turn->deal_count; i++) {
        uint32_t agent = turn->deals[i].counterparty;

        turn->offers[turn->offer_first[agent] + turn->offer_count[agent]++] = i;
    }
}

static void
group_offers(struct sandbox *self)
{
    struct turn *turn = &self->turn;
    uint32_t count = 0;

    turn->group_count = 0;
    for (uint32_t i = 0; i < self->config.agent_count; i++) {
        uint32_t agent = self->agents.by_slot[i];
        uint32_t slot = self->agents.slot[agent];

        if (turn->offer_count[agent] == 0)
            continue;
        if (turn->group_count == 0 || turn->groups[turn->group_count - 1].slot != slot)
            turn->groups[turn->group_count++] = (struct exchange_group){.slot = slot, .agents = turn->due + count};
        turn->groups[turn->group_count - 1].count++;
        turn->due[count++] = agent;
    }
}

bool
offers_begin(struct sandbox *self)
{
    struct turn *turn = &self->turn;
    uint32_t count = turn->deal_count - turn->deal_first;

    if (count == 0)
        return false;
    if (turn->offers == NULL)
        turn->offers = ARENA_ARRAY(self->arena, uint32_t, turn->deal_room);
    if (self->config.sequential) { /* one offer: nothing to sort */
        uint32_t agent = turn->deals[turn->deal_first].counterparty;

        ASSERT(count == 1);
        turn->offers[0] = turn->deal_first;
        turn->offer_first[agent] = 0;
        turn->offer_count[agent] = 1;
        turn->due[0] = agent;
        turn->groups[0] = (struct exchange_group){.slot = self->agents.slot[agent], .agents = turn->due, .count = 1};
        turn->group_count = 1;
        return true;
    }
    sort_offers(self);
    group_offers(self);
    return true;
}

/* ---- asking ---- */

#define COLUMN(type, name) type *name = batch_column(writer, OFFERS_##name)

static void
write_rows(const struct sandbox *self, const struct batch_writer *writer, const uint32_t *ids)
{
    uint32_t offer_at = 0, memory_at = 0;
    COLUMN(uint32_t, agent);
    COLUMN(uint8_t, role);
    COLUMN(int64_t, resources);
    COLUMN(double, reputation);
    COLUMN(uint16_t, answers_left);
    COLUMN(uint32_t, offers);
    COLUMN(uint32_t, memories);

    for (uint32_t i = 0; i < writer->count[OFFERS_ROW]; i++) {
        uint32_t id = ids[i], size = self->agents.memory_size[id];

        agent[i] = id;
        role[i] = self->agents.role[id];
        resources[i] = money_of(self, id);
        reputation[i] = self->agents.reputation[id];
        answers_left[i] = (uint16_t)rails_left(self->rails, RAILS_INTERACTION, id);
        offers[i] = offer_at;
        memories[i] = memory_at;
        batch_fill_bytes(writer, OFFERS_memory, memory_at,
                         self->agents.memory + (size_t)id * self->config.world.memory_max, size);
        offer_at += self->turn.offer_count[id];
        memory_at += size;
    }
    offers[writer->count[OFFERS_ROW]] = offer_at;
    memories[writer->count[OFFERS_ROW]] = memory_at;
}

static void
write_offers(const struct sandbox *self, const struct batch_writer *writer, const uint32_t *ids)
{
    const struct turn *turn = &self->turn;
    double weight = self->now.quotes[QUOTE_TRANSPARENCY];
    uint32_t at = 0;
    COLUMN(uint32_t, initiator);
    COLUMN(uint8_t, kind);
    COLUMN(int64_t, transfer);
    COLUMN(double, initiator_reputation);
    COLUMN(double, trust);
    COLUMN(uint16_t, past);
    COLUMN(uint8_t, revealed);
    COLUMN(double, signal);
    COLUMN(double, reputation_weight);
    COLUMN(int32_t, insider);
    COLUMN(uint8_t, kin);

    for (uint32_t i = 0; i < writer->count[OFFERS_ROW]; i++)
        for (uint32_t j = 0; j < turn->offer_count[ids[i]]; j++, at++) {
            const struct deal *deal = &turn->deals[turn->offers[turn->offer_first[ids[i]] + j]];
            const struct trust_entry *entry = trust_find(self->trust, ids[i], deal->initiator);

            initiator[at] = deal->initiator;
            kind[at] = deal->kind;
            transfer[at] = deal->transfer;
            initiator_reputation[at] = self->agents.reputation[deal->initiator];
            trust[at] = trust_value(entry);
            past[at] = entry != NULL ? entry->past : 0;
            revealed[at] = deal->revealed;
            signal[at] = deal->signal;
            reputation_weight[at] = weight < 0.0 ? 0.0 : weight > 100.0 ? 100.0 : weight;
            kin[at] = is_kin(self, ids[i], deal->initiator);
            insider[at] = kin[at] ? deal->truth : 0;
        }
}

void
offers_ask(const struct sandbox *self, uint32_t group, uint32_t first, uint32_t count, struct buffer *out)
{
    const uint32_t *ids = self->turn.groups[group].agents + first;
    struct batch_writer writer;
    uint32_t offers = 0, memories = 0;

    ASSERT(group < self->turn.group_count && first + count <= self->turn.groups[group].count);
    for (uint32_t i = 0; i < count; i++) {
        offers += self->turn.offer_count[ids[i]];
        memories += self->agents.memory_size[ids[i]];
    }
    batch_begin(&writer, &schema_sandbox_offers, out, self->seed, first, (uint32_t[OFFERS_AXES]){
        [OFFERS_ROW] = count, [OFFERS_OFFER] = offers, [OFFERS_MEMORY] = memories, [OFFERS_QUOTE] = QUOTE_COUNT});
    write_rows(self, &writer, ids);
    write_offers(self, &writer, ids);
    memcpy(batch_column(&writer, OFFERS_quote), self->now.quotes, sizeof self->now.quotes);
}

/* ---- answers ---- */

int
offers_check(const struct sandbox *self, const struct batch *answer, struct why *why)
{
    for (uint32_t i = 0; i < answer->count[ANSWER_ROW]; i++) {
        uint32_t agent = batch_u32(answer, ANSWER_agent, i);
        uint32_t offers = batch_u32(answer, ANSWER_offers, i + 1) - batch_u32(answer, ANSWER_offers, i);

        if (offers != self->turn.offer_count[agent])
            return fail(why, ERR_INVALID,
                        "answer: agent %" PRIu32 ": offers: %" PRIu32 " answers to %" PRIu32 " offers", agent, offers,
                        self->turn.offer_count[agent]);
    }
    return minds_check(self, answer, why);
}

/* What becomes of the label of an offer that will not happen. */
static void
refuse_deal(const struct sandbox *self, struct deal *deal)
{
    struct observables seen = {deal->progress, deal->rework, deal->rejections, deal->misuse, deal->engagement};

    draw_refused(&seen);
    deal->engagement = seen.engagement;
    deal->v_hat = proxy_v_hat(&self->config.proxy, &seen);
    deal->p = proxy_sigmoid(deal->v_hat, self->config.proxy.k, self->config.proxy.b);
}

static void
tally_answer(struct sandbox *self, const struct deal *deal)
{
    uint32_t kind = tally_kind_of(self, deal->initiator);

    TALLY_ADD(self, kinds[kind].answered, 1);
    TALLY_ADD(self, kinds[kind].accepted, deal->accepted);
}

static void
take_answer(struct sandbox *self, struct deal *deal, bool accept, double belief)
{
    uint32_t agent = deal->counterparty;

    if (!rails_use(self->rails, RAILS_INTERACTION, agent)) {
        TALLY_ADD(self, unanswered, 1);
        return;
    }
    deal->answered = 1;
    deal->belief = belief;
    deal->accepted = accept;
    if (accept && deal->transfer < 0) { /* what the offer asks for is set aside */
        if (money_of(self, agent) < -deal->transfer) {
            deal->accepted = 0;
            deal->lapsed = 1;
            TALLY_ADD(self, lapsed_funds, 1);
        } else {
            settle_charge(self, agent, ACCOUNT_ESCROW, -deal->transfer, MONEY_escrow);
        }
    }
    if (deal->accepted)
        settle_active(self, agent);
    else if (!deal->lapsed)
        refuse_deal(self, deal);
    self->agents.accepted[deal->initiator] += deal->accepted;
    tally_answer(self, deal);
}

static void
take_row(struct sandbox *self, uint32_t agent, const struct batch *answer, uint32_t row)
{
    struct turn *turn = &self->turn;
    uint32_t begin = batch_u32(answer, ANSWER_offers, row);

    minds_replied(self, answer, row);
    for (uint32_t i = 0; i < turn->offer_count[agent]; i++) {
        struct deal *deal = &turn->deals[turn->offers[turn->offer_first[agent] + i]];

        take_answer(self, deal, batch_u8(answer, ANSWER_accept, begin + i) != 0,
                    batch_f64(answer, ANSWER_belief, begin + i));
        if (i < SANDBOX_OFFERS_ASKED)
            minds_judged(self, answer, row, deal);
    }
}

void
offers_take(struct sandbox *self, const struct batch *answers)
{
    struct turn *turn = &self->turn;
    const uint32_t *group_of;
    uint32_t *next;

    if (self->config.sequential) {
        take_row(self, turn->due[0], &answers[0], 0);
        return;
    }
    next = ARENA_ARRAY(self->arena, uint32_t, self->config.slot_count);
    group_of = groups_by_slot(self);
    for (uint32_t agent = 0; agent < self->config.agent_count; agent++) {
        uint32_t slot = self->agents.slot[agent];

        if (turn->offer_count[agent] > 0)
            take_row(self, agent, &answers[group_of[slot]], next[slot]++);
    }
}
