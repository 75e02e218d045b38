/* Where a request goes, and what comes back: along the role's chain, past breakers, windows and buckets, and again. */
#include "llm-gateway/flow_inner.h"

#include "core/assert.h"

#define PROBE_WAIT_US 50000 /* then it is looked again */

uint32_t
flow_model_of(const struct flow *self, const struct flow_slot *slot)
{
    const struct flow_role *role = flow_role_of(self, slot);

    ASSERT(slot->link < role->chain_count && role->chain[slot->link] != FLOW_RULES);
    return role->chain[slot->link];
}

static struct flow_line *
line_of(struct flow *self, const struct flow_slot *slot)
{
    return &self->lines[self->plan.models[flow_model_of(self, slot)].provider];
}

static void
next_link(struct flow_slot *slot)
{
    slot->link++;
    slot->same_class = 0;
    slot->asked_here = false;
}

/* How a request ends for which the chain has nobody left. */
static enum answer_status
status_of_end(const struct flow *self, const struct flow_slot *slot)
{
    const struct flow_role *role = flow_role_of(self, slot);

    if (slot->last_class == LLM_REFUSAL)
        return ANSWER_REFUSED;
    if (slot->attempts > 0 || role->chain_count == 0 || role->chain[0] == FLOW_RULES)
        return ANSWER_FALLBACK;
    return ANSWER_UNAVAILABLE;
}

/* Agents ask together: when a server that was given up answers again, all but the one question that tries it out would
 * be left to the rules. Who has nobody else to ask waits for how that goes. */
static bool
waits_for_probe(const struct flow *self, const struct flow_slot *slot, int64_t now_us)
{
    const struct breaker *breaker = &self->breakers[flow_model_of(self, slot)];
    const struct flow_role *role = flow_role_of(self, slot);
    bool is_last = slot->link + 1 >= role->chain_count || role->chain[slot->link + 1] == FLOW_RULES;

    return breaker->state == BREAKER_HALF_OPEN && breaker->probing && is_last &&
        now_us + PROBE_WAIT_US < slot->deadline_us;
}

static void
wait_for_probe(struct flow *self, struct flow_slot *slot, int64_t now_us)
{
    flow_move(self, slot, FLOW_WAITING);
    slot->wait_until_us = now_us + PROBE_WAIT_US;
    timers_set(&self->timers, slot->wait_until_us, slot->number, slot->mark);
}

void
flow_route(struct flow *self, struct flow_slot *slot, int64_t now_us)
{
    const struct flow_role *role = flow_role_of(self, slot);
    struct why ignored = {0};

    for (; slot->link < role->chain_count && role->chain[slot->link] != FLOW_RULES; next_link(slot)) {
        uint32_t model = role->chain[slot->link], provider = self->plan.models[model].provider;

        if (slot->attempts >= role->attempts)
            break;
        if (!self->models[model].estimate_low && !breaker_allows(&self->breakers[model], now_us) &&
            waits_for_probe(self, slot, now_us)) {
            wait_for_probe(self, slot, now_us);
            return;
        }
        if (self->models[model].estimate_low || !breaker_allows(&self->breakers[model], now_us) ||
            budget_route(self->plan.budget, slot->ticket, provider, &ignored) != 0)
            continue;
        flow_move(self, slot, FLOW_QUEUED);
        slot->queued_us = now_us;
        lanes_put(self->lines[provider].lanes, slot->request.priority, slot->request.id.client, slot->number,
            slot->reservation.tokens);
        self->lines[provider].dirty = true;
        return;
    }
    flow_end_rules(self, slot, status_of_end(self, slot), now_us);
}

static void
send(struct flow *self, struct flow_slot *slot, struct flow_line *line, int64_t now_us)
{
    uint32_t model = flow_model_of(self, slot);
    struct flow_output output = {.kind = FLOW_SEND, .id = slot->request.id, .model = model,
        .provider = self->plan.models[model].provider, .seed = slot->request.seed, .request = &slot->request,
        .complaints = {(const char *)slot->complaints.data, slot->complaints.size}, .deadline_us = slot->deadline_us};

    flow_move(self, slot, FLOW_IN_FLIGHT);
    if (!slot->asked_here)
        retry_budget_request(&line->retries);
    slot->asked_here = true;
    slot->attempts++;
    slot->queue_us += now_us - slot->queued_us;
    flow_histogram_add(&self->figures.queue_us, now_us - slot->queued_us);
    slot->sent_us = now_us;
    slot->call = ++self->next_call << FLOW_SLOT_BITS | slot->number;
    slot->breaker_sent = breaker_send(&self->breakers[model], now_us);
    window_send(&line->window);
    bucket_take(&line->requests, 1, now_us);
    bucket_take(&line->tokens, slot->reservation.tokens, now_us);
    self->models[model].sent++;
    output.call = slot->call;
    slot->is_read = true;
    flow_put_output(self, &output);
}

/* What one provider can take now. */
static void
pump_line(struct flow *self, struct flow_line *line, int64_t now_us)
{
    line->dirty = false;
    while (window_allows(&line->window) && lanes_peek(line->lanes) != LANES_NOBODY) {
        struct flow_slot *slot = self->slots[lanes_peek(line->lanes)];
        uint32_t model = flow_model_of(self, slot);
        int64_t ready_us = bucket_ready_us(&line->requests, 1, now_us);
        int64_t tokens_us = bucket_ready_us(&line->tokens, slot->reservation.tokens, now_us);

        ready_us = tokens_us > ready_us ? tokens_us : ready_us;
        if (self->models[model].estimate_low || !breaker_allows(&self->breakers[model], now_us) ||
            ready_us >= slot->deadline_us) {
            lanes_remove(line->lanes, slot->number);
            if (waits_for_probe(self, slot, now_us)) {
                wait_for_probe(self, slot, now_us);
                continue;
            }
            next_link(slot);
            flow_route(self, slot, now_us);
            continue;
        }
        if (ready_us > now_us) {
            line->wake_us = ready_us;
            return;
        }
        (void)lanes_take(line->lanes);
        send(self, slot, line, now_us);
    }
}

void
flow_pump(struct flow *self, int64_t now_us)
{
    bool again = true;

    while (again && self->broken == 0) {
        again = false;
        for (uint32_t i = 0; i < self->plan.provider_count; i++)
            if (self->lines[i].dirty) {
                pump_line(self, &self->lines[i], now_us);
                again = true;
            }
    }
}

/* The call is over, with what it says about the server; LLM_OK for a call that was taken back: it says nothing. */
static void
call_over(struct flow *self, struct flow_slot *slot, enum llm_class class, bool taken_back, int64_t now_us)
{
    struct flow_line *line = line_of(self, slot);
    uint32_t model = flow_model_of(self, slot);

    if (taken_back) {
        window_forget(&line->window);
        breaker_forget(&self->breakers[model], slot->breaker_sent);
    } else {
        window_result(&line->window, class, now_us);
        (void)breaker_result(&self->breakers[model], slot->breaker_sent, class, now_us);
        self->models[model].classes[class]++;
    }
    slot->provider_us += now_us - slot->sent_us;
    flow_histogram_add(&self->models[model].provider_us, now_us - slot->sent_us);
    slot->call = 0;
    line->dirty = true;
}

static void
note_attempt(const struct flow *self, struct flow_slot *slot, enum llm_class class, uint32_t http_status)
{
    struct answer *answer = &slot->answer;

    if (answer->attempt_count < ANSWER_ATTEMPTS_MAX)
        answer->attempts[answer->attempt_count++] = (struct answer_attempt){
            self->plan.models[flow_model_of(self, slot)].provider, class, http_status, slot->wait_ms};
    slot->wait_ms = 0;
    slot->same_class = class == slot->last_class ? slot->same_class + 1 : 1;
    slot->last_class = class;
}

void
flow_withdraw(struct flow *self, struct flow_slot *slot, enum llm_class class, int64_t now_us)
{
    struct flow_output output = {.kind = FLOW_ABORT, .call = slot->call, .id = slot->request.id};

    if (slot->state == FLOW_QUEUED) {
        lanes_remove(line_of(self, slot)->lanes, slot->number);
        line_of(self, slot)->dirty = true;
    }
    if (slot->state == FLOW_JOINED) {
        bool left = cache_leave(self->cache, &slot->key, slot->number);

        ASSERT(left);
        slot->waits_for_leader = false;
    }
    if (slot->state != FLOW_IN_FLIGHT)
        return;
    flow_put_output(self, &output);
    if (class != LLM_OK)
        note_attempt(self, slot, class, 0);
    call_over(self, slot, class, class == LLM_OK, now_us);
    slot->outcome_unknown = true;
}

/* ---- what comes back ---- */

/* Pays for an answer that is no good. */
static void
pay(struct flow *self, struct flow_slot *slot, const struct flow_result *result)
{
    uint32_t model = flow_model_of(self, slot);
    struct budget_amount used = budget_reserved(self->plan.budget, slot->ticket);
    struct why ignored = {0};
    bool low = false;

    if (result->usage_known)
        used = flow_usage(self, model, result->tokens_in, result->tokens_cached, result->tokens_out);
    (void)!budget_charge(self->plan.budget, slot->ticket, &used, &low, &ignored);
    slot->answer.cost += used.cost;
    slot->answer.paid += used.cost;
    self->report.tokens += (uint64_t)used.tokens;
    self->models[model].cost += used.cost;
    self->models[model].estimate_low = self->models[model].estimate_low || low;
}

/* False: there is nothing left to ask again with. */
static bool
reserve_again(struct flow *self, const struct flow_slot *slot)
{
    struct why ignored = {0};

    return budget_extend(self->plan.budget, slot->ticket, &slot->reservation, &ignored) == 0;
}

static void
ask_again(struct flow *self, struct flow_slot *slot, const struct flow_result *result, int64_t now_us)
{
    buffer_clear(&slot->complaints);
    buffer_append(&slot->complaints, result->complaints.bytes, result->complaints.size);
    slot->call_key = key_again(&slot->call_key, result->complaints.bytes, result->complaints.size);
    slot->asked_again++;
    self->figures.reasks++;
    flow_route(self, slot, now_us);
}

/* An answer came, and it is refused or does not fit. */
static void
answer_unfit(struct flow *self, struct flow_slot *slot, const struct flow_result *result, int64_t now_us)
{
    const struct flow_role *role = flow_role_of(self, slot);
    bool refused = result->class == LLM_REFUSAL, more = slot->attempts < role->attempts;

    pay(self, slot, result);
    if (more && !refused && slot->asked_again < role->reask && reserve_again(self, slot)) {
        ask_again(self, slot, result, now_us);
    } else if (more && refused && slot->link + 1 < role->chain_count && role->chain[slot->link + 1] != FLOW_RULES &&
        reserve_again(self, slot)) {
        next_link(slot);
        flow_route(self, slot, now_us);
    } else {
        flow_end_rules(self, slot, refused ? ANSWER_REFUSED : ANSWER_FALLBACK, now_us);
    }
}

/* No answer came: again here, after a while; or the next of the chain. */
static void
answer_failed(struct flow *self, struct flow_slot *slot, const struct flow_result *result, int64_t now_us)
{
    struct retry_case of = {.seed = self->plan.seed, .key = slot->call_key, .class = result->class,
        .should_retry = result->should_retry, .hint_us = result->wait_ms < 0 ? -1 : result->wait_ms * 1000,
        .attempts = slot->attempts, .attempts_max = flow_role_of(self, slot)->attempts,
        .same_class = slot->same_class, .left_us = slot->deadline_us - now_us};
    int64_t wait_us;

    if (now_us >= slot->deadline_us) { /* whoever noticed it first, the transfer or the timer */
        flow_end_rules(self, slot, ANSWER_TIMEOUT, now_us);
        return;
    }
    if (result->wait_ms > RETRY_HINT_MAX_US)
        of.hint_us = INT64_MAX;
    if (retry_wanted(&of, &wait_us) && retry_budget_take(&line_of(self, slot)->retries)) {
        self->figures.retries++;
        flow_move(self, slot, FLOW_WAITING);
        slot->wait_until_us = now_us + wait_us;
        slot->wait_ms = (uint64_t)(wait_us + 999) / 1000;
        timers_set(&self->timers, slot->wait_until_us, slot->number, slot->mark);
        return;
    }
    next_link(slot);
    flow_route(self, slot, now_us);
}

static bool
may_be_billed(enum llm_class class)
{
    return class == LLM_TRANSPORT || class == LLM_TIMEOUT_FIRST || class == LLM_TIMEOUT_IDLE ||
        class == LLM_TIMEOUT_TOTAL || class == LLM_ENVELOPE || class == LLM_BODY_LIMIT;
}

/* Counts that cannot be are cut to what was set aside: no figure shows what nobody can have used. */
static void
take_counts(struct flow_slot *slot, const struct flow_result *result)
{
    struct answer *answer = &slot->answer;

    answer->tokens_in = result->tokens_in;
    answer->tokens_out = result->tokens_out;
    if (!result->usage_known) {
        uint64_t most = (uint64_t)slot->reservation.tokens;

        if (answer->tokens_out > slot->request.out_max)
            answer->tokens_out = slot->request.out_max;
        if (answer->tokens_in > most - answer->tokens_out)
            answer->tokens_in = (uint32_t)(most - answer->tokens_out);
    }
    answer->tokens_cached = result->tokens_cached < answer->tokens_in ? result->tokens_cached : answer->tokens_in;
}

static void
answer_whole(struct flow *self, struct flow_slot *slot, const struct flow_result *result, int64_t now_us)
{
    struct answer *answer = &slot->answer;
    uint32_t model = flow_model_of(self, slot);
    const struct flow_provider *provider = &self->plan.providers[self->plan.models[model].provider];
    struct budget_amount used = budget_reserved(self->plan.budget, slot->ticket);
    struct why ignored = {0};
    bool low = false;

    answer->status = result->repairs != 0 ? ANSWER_REPAIRED : ANSWER_OK;
    answer->source = ANSWER_FROM_LIVE;
    (void)text_copy(answer->provider, sizeof answer->provider, provider->name);
    (void)text_copy(answer->model, sizeof answer->model, self->plan.models[model].name);
    if (result->usage_known && !slot->outcome_unknown)
        used = flow_usage(self, model, result->tokens_in, result->tokens_cached, result->tokens_out);
    (void)!budget_settle(self->plan.budget, slot->ticket, &used, &low, &ignored);
    slot->ticket = 0;
    answer->cost += used.cost;
    answer->paid += used.cost;
    take_counts(slot, result);
    self->report.tokens += (uint64_t)used.tokens;
    self->models[model].estimate_low = self->models[model].estimate_low || low;
    self->models[model].tokens_in += answer->tokens_in;
    self->models[model].tokens_out += answer->tokens_out;
    self->models[model].cost += used.cost;
    if (!slot->shadow) {
        buffer_clear(&slot->text);
        buffer_append(&slot->text, result->text.bytes, result->text.size);
    } else {
        replay_agree(self->plan.replay, slot->request.id.role, (const char *)slot->text.data, slot->text.size,
            result->text.bytes, result->text.size);
    }
    flow_end_whole(self, slot, now_us);
}

static void
heed_limits(struct flow_line *line, const struct provider_limits *limits, int64_t now_us)
{
    static const int64_t longest_ms = 3600000;
    struct bucket *const buckets[] = {&line->requests, &line->tokens};
    static const enum provider_bucket kinds[] = {PROVIDER_REQUESTS, PROVIDER_TOKENS};

    for (size_t i = 0; i < 2; i++) {
        int64_t reset_ms = limits->of[kinds[i]].reset_ms;

        bucket_heed(buckets[i], limits->of[kinds[i]].remaining,
            reset_ms < 0 ? -1 : (reset_ms < longest_ms ? reset_ms : longest_ms) * 1000, now_us);
    }
}

static struct flow_slot *
slot_of_call(const struct flow *self, uint64_t call)
{
    uint64_t number = call & FLOW_SLOT_MASK;

    if (call == 0 || number >= self->slot_count)
        return NULL;
    return self->slots[number]->used && self->slots[number]->call == call ? self->slots[number] : NULL;
}

/* What the buckets had set aside for tokens that were not used. */
static void
give_back(struct flow_line *line, const struct flow_slot *slot, const struct flow_result *result, int64_t now_us)
{
    int64_t used = (int64_t)result->tokens_in + result->tokens_out;

    if (result->usage_known && used < slot->reservation.tokens)
        bucket_refund(&line->tokens, slot->reservation.tokens - used, now_us);
    else if (!result->usage_known && result->class == LLM_RATE)
        bucket_refund(&line->tokens, slot->reservation.tokens, now_us);
}

int
flow_answer(struct flow *self, uint64_t call, const struct flow_result *result, int64_t now_us, struct why *why)
{
    struct flow_slot *slot = slot_of_call(self, call);
    struct flow_line *line;

    ASSERT(result->class < LLM_CLASS_COUNT);
    if (slot == NULL) {
        self->figures.late_answers++;
        return 0;
    }
    line = line_of(self, slot);
    flow_move(self, slot, FLOW_CHECKING);
    give_back(line, slot, result, now_us);
    if (result->limits != NULL)
        heed_limits(line, result->limits, now_us);
    note_attempt(self, slot, result->class, result->http_status);
    call_over(self, slot, result->class, false, now_us);
    slot->answer.http_status = result->http_status;
    slot->answer.finish = result->finish;
    slot->answer.schema_ok = result->schema_ok;
    slot->answer.repairs = result->repairs;
    slot->outcome_unknown = slot->outcome_unknown || (may_be_billed(result->class) && !result->usage_known);
    if (result->class == LLM_OK && result->text.size <= ANSWER_TEXT_MAX)
        answer_whole(self, slot, result, now_us);
    else if (result->class == LLM_OK || llm_classes[result->class].remedy == LLM_REMEDY_ANSWER)
        answer_unfit(self, slot, result, now_us);
    else
        answer_failed(self, slot, result, now_us);
    return flow_tick(self, now_us, why);
}
