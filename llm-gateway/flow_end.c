/* How a request ends: settled, kept for others, logged, answered. */
#include "llm-gateway/flow_inner.h"

#include <string.h>

#include "core/assert.h"

struct budget_amount
flow_usage(const struct flow *self, uint32_t model, uint32_t tokens_in, uint32_t tokens_cached, uint32_t tokens_out)
{
    struct budget_amount used = {.calls = 1, .tokens = (int64_t)tokens_in + tokens_out, .cost = BUDGET_MAX};
    struct why ignored = {0};

    /* A bill that does not fit a number is the largest there is. */
    if (price_cost(&self->plan.models[model].price, tokens_in, tokens_cached, tokens_out, &used.cost, &ignored) != 0 ||
        used.cost > BUDGET_MAX)
        used.cost = BUDGET_MAX;
    return used;
}

static void
count(struct flow *self, const struct answer *answer)
{
    self->figures.statuses[answer->status]++;
    self->figures.sources[answer->source]++;
    self->figures.repaired += answer->status == ANSWER_REPAIRED;
    self->report.live += answer->source == ANSWER_FROM_LIVE;
    self->report.cached += answer->source == ANSWER_FROM_CACHE;
    self->report.joined += answer->source == ANSWER_FROM_JOINED;
    self->report.replayed += answer->source == ANSWER_FROM_REPLAY;
    self->report.fallback += answer->source == ANSWER_FROM_RULES && answer->status != ANSWER_BUDGET;
    self->report.cost += answer->paid;
    self->totals.calls++;
    self->totals.tokens += answer->source == ANSWER_FROM_LIVE ? answer->tokens_in + (uint64_t)answer->tokens_out : 0;
    self->totals.cost += answer->paid;
}

/* The last of it: written, then said. */
static void
finish(struct flow *self, struct flow_slot *slot, bool must_note)
{
    struct answer *answer = &slot->answer;
    struct flow_output output = {.kind = FLOW_RESPOND, .id = slot->request.id, .answer = answer};
    int error = 0;

    ASSERT(slot->ticket == 0 && !slot->leads && !slot->waits_for_leader);
    flow_move(self, slot, FLOW_DONE);
    if (slot->shadow) {
        self->report.cost += answer->paid;
        self->totals.cost += answer->paid;
        flow_free_slot(self, slot);
        return;
    }
    answer->key = slot->key;
    answer->entity = (uint32_t)slot->request.entity;
    answer->text = (const char *)slot->text.data;
    answer->text_size = (uint32_t)slot->text.size;
    if (answer->source != ANSWER_FROM_REPLAY) {
        answer->queue_us = (uint64_t)slot->queue_us;
        answer->provider_us = (uint64_t)slot->provider_us;
    }
    count(self, answer);
    if (must_note)
        error = replay_note(self->plan.replay, &slot->request.id, answer, &slot->request.user, &self->why);
    if (!slot->is_read)
        spare_give(&self->texts, &slot->texts);
    if (error != 0)
        self->broken = error;
    else
        flow_put_output(self, &output);
}

void
flow_end_ready(struct flow *self, struct flow_slot *slot, bool must_note)
{
    finish(self, slot, must_note);
}

/* ---- who waits for the same answer ---- */

static void
end_joined(struct flow *self, struct flow_slot *slot, const struct flow_slot *leader)
{
    struct why ignored = {0};

    slot->waits_for_leader = false;
    (void)!budget_release(self->plan.budget, slot->ticket, &ignored); /* it was the leader's call */
    slot->ticket = 0;
    slot->answer = leader->answer;
    slot->answer.source = ANSWER_FROM_JOINED;
    slot->answer.paid = 0;
    slot->answer.attempt_count = 0;
    slot->answer.reserved_tokens = slot->reservation.tokens;
    slot->answer.reserved_cost = slot->reservation.cost;
    buffer_clear(&slot->text);
    buffer_append(&slot->text, leader->text.data, leader->text.size);
    finish(self, slot, true);
}

/* Before the leader is finished: an audit's slot is gone afterwards, and the leader leads no more. */
static void
land_whole(struct flow *self, struct flow_slot *leader)
{
    uint32_t waiter;

    if (!leader->leads)
        return;
    leader->leads = false;
    while ((waiter = cache_land(self->cache, &leader->key)) != CACHE_NOBODY)
        end_joined(self, self->slots[waiter], leader);
}

/* The leader failed. Because of its own deadline or a cancellation: the first who waits leads now, and is sent itself.
 * Because nobody of the chain can answer: nobody will for the others either. */
static void
land_failed(struct flow *self, struct flow_slot *leader, enum answer_status status, int64_t now_us)
{
    uint32_t waiter;

    if (!leader->leads)
        return;
    leader->leads = false;
    if (status == ANSWER_TIMEOUT || status == ANSWER_CANCELLED) {
        waiter = cache_succeed(self->cache, &leader->key);
        if (waiter == CACHE_NOBODY)
            return;
        self->slots[waiter]->waits_for_leader = false;
        self->slots[waiter]->leads = true;
        flow_route(self, self->slots[waiter], now_us);
        return;
    }
    while ((waiter = cache_land(self->cache, &leader->key)) != CACHE_NOBODY) {
        self->slots[waiter]->waits_for_leader = false;
        self->slots[waiter]->last_class = leader->last_class;
        flow_end_rules(self, self->slots[waiter], status, now_us);
    }
}

/* ---- the two ends ---- */

static void
keep(struct flow *self, const struct flow_slot *slot)
{
    struct buffer bytes = {0};
    struct answer *copy = buffer_extend(&bytes, sizeof *copy);

    memcpy(copy, &slot->answer, sizeof *copy);
    copy->text = NULL;
    buffer_append(&bytes, slot->text.data, slot->text.size);
    cache_store(self->cache, &slot->key, bytes.data, bytes.size);
    buffer_fini(&bytes);
}

void
flow_end_whole(struct flow *self, struct flow_slot *slot, int64_t now_us)
{
    (void)now_us;
    if (slot->request.cache >= CACHE_WRITE && !slot->shadow)
        keep(self, slot);
    slot->answer.reason = 0;
    land_whole(self, slot);
    finish(self, slot, true);
}

void
flow_end_rules(struct flow *self, struct flow_slot *slot, enum answer_status status, int64_t now_us)
{
    struct budget_amount used = budget_reserved(self->plan.budget, slot->ticket);
    struct why ignored = {0};
    bool low;

    slot->answer.status = status;
    slot->answer.source = ANSWER_FROM_RULES;
    slot->answer.reason = slot->last_class;
    slot->answer.repairs = 0;
    slot->answer.schema_ok = 0;
    if (slot->ticket != 0 && slot->outcome_unknown) {
        slot->answer.cost += used.cost;
        slot->answer.paid += used.cost;
        self->report.tokens += (uint64_t)used.tokens;
        (void)!budget_settle(self->plan.budget, slot->ticket, NULL, &low, &ignored);
    } else if (slot->ticket != 0) {
        (void)!budget_release(self->plan.budget, slot->ticket, &ignored);
    }
    slot->ticket = 0;
    if (!slot->shadow) {
        buffer_clear(&slot->text);
        buffer_append(&slot->text, slot->request.fallback.bytes, slot->request.fallback.size);
    }
    land_failed(self, slot, status, now_us);
    finish(self, slot, status != ANSWER_MISS);
}
