#include "llm-gateway/flow.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/assert.h"
#include "llm-gateway/flow_inner.h"

/* ---- making ---- */

struct flow *
flow_new(const struct flow_plan *plan, int64_t now_us)
{
    struct flow *self = ALLOC(struct flow);

    ASSERT(plan->client_count > 0 && plan->role_count > 0 && plan->role_count <= ANSWER_ROLE_MAX + 1);
    ASSERT(plan->provider_count <= FLOW_PROVIDERS_MAX && plan->model_count <= FLOW_MODELS_MAX);
    self->plan = *plan;
    self->totals = plan->before;
    if (self->plan.queue_max == 0)
        self->plan.queue_max = FLOW_QUEUE_MAX;
    self->cache = cache_new(plan->cache_bytes);
    self->lines = ALLOC_ARRAY(struct flow_line, plan->provider_count + 1);
    for (uint32_t i = 0; i < plan->provider_count; i++) {
        const struct flow_provider *provider = &plan->providers[i];
        struct flow_line *line = &self->lines[i];

        line->lanes = lanes_new(plan->client_count);
        window_init(&line->window, provider->max_in_flight);
        bucket_init(&line->requests, provider->requests_per_minute, provider->burst_s, now_us);
        bucket_init(&line->tokens, provider->tokens_per_minute, provider->burst_s, now_us);
        retry_budget_init(&line->retries);
        line->wake_us = INT64_MAX;
    }
    self->breakers = ALLOC_ARRAY(struct breaker, plan->model_count + 1);
    self->models = ALLOC_ARRAY(struct flow_model_figures, plan->model_count + 1);
    for (uint32_t i = 0; i < plan->model_count; i++)
        breaker_init(&self->breakers[i], plan->seed, i);
    return self;
}

void
flow_destroy(struct flow **self_p)
{
    struct flow *self = *self_p;

    if (self == NULL)
        return;
    for (uint32_t i = 0; i < self->slot_count; i++) {
        buffer_fini(&self->slots[i]->texts);
        buffer_fini(&self->slots[i]->complaints);
        buffer_fini(&self->slots[i]->text);
        free(self->slots[i]);
    }
    for (uint32_t i = 0; i < self->plan.provider_count; i++)
        lanes_destroy(&self->lines[i].lanes);
    cache_destroy(&self->cache);
    key_map_fini(&self->ids);
    timers_fini(&self->timers);
    buffer_fini(&self->room);
    spare_fini(&self->texts);
    free(self->lines);
    free(self->breakers);
    free(self->models);
    free(self->slots);
    free(self->free_slots);
    free(self->outputs);
    free(self);
    *self_p = NULL;
}

/* ---- slots, outputs, figures ---- */

static struct flow_slot *
slot_new(struct flow *self)
{
    struct flow_slot *slot;

    if (self->free_count == 0 && self->slot_count == self->slot_capacity) {
        uint32_t capacity = self->slot_capacity > 0 ? 2 * self->slot_capacity : 64;
        struct flow_slot **slots = ALLOC_ARRAY(struct flow_slot *, capacity);

        ASSERT(capacity <= 1u << FLOW_SLOT_BITS);
        if (self->slot_count > 0)
            memcpy(slots, self->slots, self->slot_count * sizeof slots[0]);
        free(self->slots);
        free(self->free_slots);
        self->slots = slots;
        self->free_slots = ALLOC_ARRAY(uint32_t, capacity);
        self->slot_capacity = capacity;
    }
    if (self->free_count == 0) {
        self->slots[self->slot_count] = ALLOC(struct flow_slot);
        self->slots[self->slot_count]->number = self->slot_count;
        self->free_slots[self->free_count++] = self->slot_count++;
    }
    slot = self->slots[self->free_slots[--self->free_count]];
    ASSERT(!slot->used);
    if (slot->texts.data == NULL)
        slot->texts = spare_take(&self->texts);
    *slot = (struct flow_slot){.used = true, .number = slot->number, .mark = slot->mark + 1, .texts = slot->texts,
        .complaints = slot->complaints, .text = slot->text};
    buffer_clear(&slot->texts);
    buffer_clear(&slot->complaints);
    buffer_clear(&slot->text);
    self->figures.open++;
    return slot;
}

void
flow_free_slot(struct flow *self, struct flow_slot *slot)
{
    ASSERT(slot->used && slot->state == FLOW_DONE);
    slot->used = false;
    self->free_slots[self->free_count++] = slot->number;
}

void
flow_move(struct flow *self, struct flow_slot *slot, enum flow_state state)
{
    ASSERT(slot->state != FLOW_DONE);
    self->figures.edges[slot->state][state]++;
    slot->state = state;
    if (state == FLOW_DONE)
        self->figures.open--;
}

void
flow_put_output(struct flow *self, const struct flow_output *output)
{
    if (self->broken != 0)
        return;
    if (self->output_first == self->output_count) {
        self->output_first = 0;
        self->output_count = 0;
    }
    if (self->output_count == self->output_capacity) {
        uint32_t capacity = self->output_capacity > 0 ? 2 * self->output_capacity : 64;
        struct flow_output *outputs = ALLOC_ARRAY(struct flow_output, capacity);

        if (self->output_count > 0)
            memcpy(outputs, self->outputs, self->output_count * sizeof outputs[0]);
        free(self->outputs);
        self->outputs = outputs;
        self->output_capacity = capacity;
    }
    self->outputs[self->output_count++] = *output;
}

bool
flow_take(struct flow *self, struct flow_output *out)
{
    if (self->output_first == self->output_count)
        return false;
    *out = self->outputs[self->output_first++];
    if (out->kind == FLOW_SEND && self->slots[out->call & FLOW_SLOT_MASK]->call == out->call)
        self->slots[out->call & FLOW_SLOT_MASK]->is_read = false;
    return true;
}

void
flow_histogram_add(struct flow_histogram *self, int64_t value_us)
{
    uint32_t bin = value_us > 0 ? 64 - (uint32_t)__builtin_clzll((uint64_t)value_us) : 0;

    self->bins[bin < 48 ? bin : 47]++;
}

/* What every call ends with: what can be sent is sent, and a failure of the log is reported. */
static int
settle_down(struct flow *self, int64_t now_us, struct why *why)
{
    if (self->broken == 0)
        flow_pump(self, now_us);
    if (self->broken == 0)
        return 0;
    if (why != NULL)
        *why = self->why;
    return self->broken;
}

/* ---- a step ---- */

/* What is over is kept for duplicates until the next step begins. */
static void
forget_step(struct flow *self)
{
    for (uint32_t i = 0; i < self->slot_count; i++)
        if (self->slots[i]->used)
            flow_free_slot(self, self->slots[i]);
    key_map_clear(&self->ids);
}

int
flow_open(struct flow *self, uint64_t step, const double *weights, int64_t now_us, struct why *why)
{
    int error;

    if (self->is_open)
        return fail(why, ERR_STATE, "step %" PRIu64 " is still open", self->step);
    if (self->is_drained)
        return fail(why, ERR_STATE, "the gateway is going down");
    if ((error = budget_open(self->plan.budget, step, weights, why)) != 0)
        return error;
    ASSERT(self->figures.open == 0);
    forget_step(self);
    self->step = step;
    self->is_open = true;
    self->report = (struct flow_report){.step = step};
    return settle_down(self, now_us, why);
}

void
flow_carry(struct flow *self, const struct record_totals *before)
{
    self->totals.calls += before->calls;
    self->totals.tokens += before->tokens;
    self->totals.cost += before->cost;
}

void
flow_remember(struct flow *self, const struct answer_id *id, const struct answer *answer)
{
    struct budget_amount reserved = {.calls = 1, .tokens = answer->reserved_tokens, .cost = answer->reserved_cost};
    struct budget_amount used = {.calls = 1, .cost = answer->paid};
    struct why ignored = {0};
    uint64_t ticket;
    bool low;

    ASSERT(self->is_open && id->step == self->step);
    if (answer->status == ANSWER_CANCELLED)
        return; /* it will be asked again, and admitted again */
    if (answer->source == ANSWER_FROM_LIVE)
        used.tokens = (int64_t)answer->tokens_in + answer->tokens_out;
    flow_carry(self, &(struct record_totals){1, (uint64_t)used.tokens, answer->paid});
    if (answer->status == ANSWER_BUDGET || id->client >= self->plan.client_count || id->role >= self->plan.role_count ||
        budget_admit(self->plan.budget, id->client, id->role, &reserved, &ticket, &ignored) != 0)
        return;
    if (answer->source == ANSWER_FROM_LIVE || answer->paid > 0)
        (void)!budget_settle(self->plan.budget, ticket, &used, &low, &ignored);
    else
        (void)!budget_release(self->plan.budget, ticket, &ignored);
}

static void
cancel_slot(struct flow *self, struct flow_slot *slot, int64_t now_us)
{
    flow_withdraw(self, slot, LLM_OK, now_us);
    flow_end_rules(self, slot, ANSWER_CANCELLED, now_us);
}

/* All of one client, or of everybody (BUDGET_NOBODY). Who waits for another's answer goes first, so that nobody is made
 * a leader who is to be cancelled next. */
static void
cancel_all(struct flow *self, uint32_t client, int64_t now_us)
{
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < self->slot_count; i++) {
            struct flow_slot *slot = self->slots[i];

            if (slot->used && slot->state != FLOW_DONE && (pass == 1 || slot->state == FLOW_JOINED) &&
                (client == BUDGET_NOBODY || slot->request.id.client == client))
                cancel_slot(self, slot, now_us);
        }
}

int
flow_close(struct flow *self, uint64_t step, int64_t now_us, struct flow_report *out, struct why *why)
{
    int error;

    if (!self->is_open || step != self->step)
        return fail(why, ERR_STATE, "step %" PRIu64 " is not open", step);
    cancel_all(self, BUDGET_NOBODY, now_us);
    if ((error = settle_down(self, now_us, why)) != 0)
        return error;
    if ((error = budget_close(self->plan.budget, why)) != 0) /* B3 */
        return error;
    self->is_open = false;
    *out = self->report;
    return replay_mark(self->plan.replay, step, &self->totals, why);
}

int
flow_drain(struct flow *self, int64_t now_us, struct why *why)
{
    self->is_drained = true;
    cancel_all(self, BUDGET_NOBODY, now_us);
    return settle_down(self, now_us, why);
}

int
flow_client_gone(struct flow *self, uint32_t client, int64_t now_us, struct why *why)
{
    cancel_all(self, client, now_us);
    return settle_down(self, now_us, why);
}

static struct flow_slot *
find_slot(const struct flow *self, const struct answer_id *id)
{
    struct key key = answer_id_key(id);
    uint32_t number;

    return key_map_find(&self->ids, &key, &number) ? self->slots[number] : NULL;
}

int
flow_cancel(struct flow *self, const struct answer_id *id, int64_t now_us, struct why *why)
{
    struct flow_slot *slot = find_slot(self, id);

    if (slot == NULL || slot->state == FLOW_DONE)
        return fail(why, ERR_UNKNOWN, "nobody waits for step %" PRIu64 ", client %" PRIu32 ", role %" PRIu32
            ", ordinal %" PRIu32, id->step, id->client, id->role, id->ordinal);
    cancel_slot(self, slot, now_us);
    return settle_down(self, now_us, why);
}

/* ---- a request ---- */

static int
check_place(const struct flow *self, const struct flow_request *request, struct why *why)
{
    const struct answer_id *id = &request->id;

    if (self->is_drained)
        return fail(why, ERR_STATE, "the gateway is going down");
    if (request->run != self->plan.run)
        return fail(why, ERR_STATE, "run: %" PRIu64 " is not the one that is open", request->run);
    if (!self->is_open || id->step != self->step)
        return fail(why, ERR_STATE, "step: %" PRIu64 " is not open", id->step);
    if (id->client >= self->plan.client_count)
        return fail(why, ERR_UNKNOWN, "client: there is no client %" PRIu32, id->client);
    if (id->role >= self->plan.role_count)
        return fail(why, ERR_UNKNOWN, "role: there is no role %" PRIu32, id->role);
    return 0;
}

static int
check_fields(const struct flow *self, const struct flow_request *request, struct why *why)
{
    const struct flow_role *role = &self->plan.roles[request->id.role];

    if (request->out_max == 0 || request->out_max > role->out_max)
        return fail(why, ERR_INVALID, "out_max: %" PRIu32 " is not in 1 to %" PRIu32 " of role %s", request->out_max,
            role->out_max, role->name);
    if (request->taint > role->max_taint)
        return fail(why, ERR_DENIED, "taint: %" PRIu32 " is more than %" PRIu32 " of role %s", request->taint,
            role->max_taint, role->name);
    if (request->priority >= LANES_PRIORITIES || request->cache > CACHE_WRITE || request->deadline_ms == 0 ||
        request->user.size == 0 || request->user.size > 65536 || request->system.size > 8192 ||
        request->fallback.size > 16384)
        return fail(why, ERR_INVALID, "priority, cache, deadline_ms or a text is out of its range");
    return 0;
}

/* The key without the model: which of the chain answers does not change the question. The first link stands for it. */
static struct key
key_of_request(const struct flow *self, const struct flow_request *request)
{
    const struct flow_role *role = &self->plan.roles[request->id.role];
    bool rules = role->chain_count == 0 || role->chain[0] == FLOW_RULES;
    const struct flow_model *model = rules ? NULL : &self->plan.models[role->chain[0]];
    struct key_fields fields = {.dialect = rules ? "rules" : self->plan.providers[model->provider].dialect,
        .model = rules ? "" : model->name, .template = request->template, .template_version = request->template_version,
        .system = request->system, .user = request->user, .schema_hash = request->schema_hash,
        .temperature_e4 = request->temperature_e4, .top_p_e4 = request->top_p_e4, .out_max = request->out_max,
        .seed = role->share ? 0 : request->seed};

    return key_of(&fields);
}

static struct key_text
copy_text(struct buffer *out, struct key_text text)
{
    size_t at = out->size;

    buffer_append(out, text.bytes, text.size);
    return (struct key_text){(const char *)out->data + at, text.size};
}

static struct flow_slot *
accept(struct flow *self, const struct flow_request *request, const struct key *key, int64_t now_us)
{
    struct flow_slot *slot = slot_new(self);
    const struct flow_role *role = &self->plan.roles[request->id.role];

    slot->request = *request;
    buffer_reserve(&slot->texts, request->system.size + request->user.size + request->fallback.size);
    slot->request.system = copy_text(&slot->texts, request->system);
    slot->request.user = copy_text(&slot->texts, request->user);
    slot->request.fallback = copy_text(&slot->texts, request->fallback);
    slot->request.seed = role->share ? 0 : request->seed;
    slot->request.cache = request->cache < role->cache ? request->cache : role->cache;
    slot->key = *key;
    slot->call_key = *key;
    slot->received_us = now_us;
    slot->deadline_us = now_us + (int64_t)request->deadline_ms * 1000;
    slot->answer.key = *key;
    return slot;
}

/* The dearest link decides: nobody knows yet which will answer. ERR_LIMIT when a price does not fit. */
static int
reserve(struct flow *self, struct flow_slot *slot, struct why *why)
{
    const struct flow_role *role = flow_role_of(self, slot);
    uint64_t bytes = slot->request.system.size + slot->request.user.size;

    slot->reservation = (struct budget_amount){.calls = 1};
    for (uint32_t i = 0; i < role->chain_count && role->chain[i] != FLOW_RULES; i++) {
        const struct flow_model *model = &self->plan.models[role->chain[i]];
        struct price_reserve reserve;
        int error = price_reserve(&model->price,
            price_estimate(bytes, slot->request.system.size > 0 ? 2 : 1, model->bytes_per_token_x10),
            slot->request.out_max, &reserve, why);

        if (error != 0)
            return error;
        if ((int64_t)reserve.tokens > slot->reservation.tokens)
            slot->reservation.tokens = (int64_t)reserve.tokens;
        if (reserve.cost > slot->reservation.cost)
            slot->reservation.cost = reserve.cost;
    }
    slot->answer.reserved_tokens = slot->reservation.tokens;
    slot->answer.reserved_cost = slot->reservation.cost;
    return budget_admit(self->plan.budget, slot->request.id.client, slot->request.id.role, &slot->reservation,
        &slot->ticket, why);
}

/* True when an answer was kept. */
static bool
from_cache(struct flow *self, struct flow_slot *slot)
{
    struct why ignored = {0};
    size_t size;
    const uint8_t *bytes = cache_find(self->cache, &slot->key, &size);

    if (bytes == NULL)
        return false;
    ASSERT(size >= sizeof slot->answer);
    memcpy(&slot->answer, bytes, sizeof slot->answer);
    buffer_append(&slot->text, bytes + sizeof slot->answer, size - sizeof slot->answer);
    slot->answer.source = ANSWER_FROM_CACHE;
    slot->answer.paid = 0;
    slot->answer.queue_us = 0;
    slot->answer.provider_us = 0;
    slot->answer.attempt_count = 0;
    (void)!budget_release(self->plan.budget, slot->ticket, &ignored);
    slot->ticket = 0;
    return true;
}

/* From admission to the first queue. */
static void
begin(struct flow *self, struct flow_slot *slot, int64_t now_us)
{
    struct why why = {0};

    if (self->figures.open > self->plan.queue_max) {
        flow_end_rules(self, slot, ANSWER_UNAVAILABLE, now_us);
        return;
    }
    if (reserve(self, slot, &why) != 0) {
        self->report.refused += !slot->shadow;
        flow_end_rules(self, slot, ANSWER_BUDGET, now_us);
        return;
    }
    self->report.admitted += !slot->shadow;
    flow_move(self, slot, FLOW_ADMITTED);
    timers_set(&self->timers, slot->deadline_us, slot->number, slot->mark);
    if (slot->request.cache >= CACHE_READ && from_cache(self, slot)) {
        flow_end_ready(self, slot, true);
        return;
    }
    if (slot->request.cache >= CACHE_FLIGHT) {
        slot->leads = cache_fly(self->cache, &slot->key, slot->number);
        slot->waits_for_leader = !slot->leads;
    }
    if (slot->waits_for_leader)
        flow_move(self, slot, FLOW_JOINED);
    else
        flow_route(self, slot, now_us);
}

/* An audit asks a second time: with a budget of its own, without cache. */
static void
begin_shadow(struct flow *self, const struct flow_slot *of, int64_t now_us)
{
    struct flow_slot *slot = accept(self, &of->request, &of->key, now_us);

    slot->shadow = true;
    slot->request.cache = CACHE_OFF;
    buffer_append(&slot->text, of->text.data, of->text.size); /* what the log said, to be compared */
    begin(self, slot, now_us);
}

static void
begin_known(struct flow *self, struct flow_slot *slot, enum replay_verdict verdict, const struct answer *answer,
    int64_t now_us)
{
    slot->answer = *answer;
    buffer_append(&slot->text, answer->text, answer->text_size);
    slot->is_read = verdict == REPLAY_AGAIN;
    flow_end_ready(self, slot, false);
    if (verdict == REPLAY_AGAIN)
        begin_shadow(self, slot, now_us);
}

/* The same id again: answered again if it is the same question. */
static int
duplicate(struct flow *self, const struct flow_slot *slot, const struct key *key, struct why *why)
{
    struct flow_output output = {.kind = FLOW_RESPOND, .id = slot->request.id, .answer = &slot->answer};

    if (!key_equal(key, &slot->key))
        return fail(why, ERR_INVALID, "ordinal: %" PRIu32 " of this step, client and role was another question",
            slot->request.id.ordinal);
    self->figures.duplicates++;
    if (slot->state == FLOW_DONE)
        flow_put_output(self, &output);
    return 0;
}

int
flow_request(struct flow *self, const struct flow_request *request, int64_t now_us, struct why *why)
{
    struct key key, id = answer_id_key(&request->id);
    enum replay_verdict verdict = REPLAY_ASK;
    struct flow_slot *slot = find_slot(self, &request->id);
    struct answer answer = {0};
    int error;

    if ((error = check_place(self, request, why)) != 0 || (error = check_fields(self, request, why)) != 0)
        return error;
    key = key_of_request(self, request);
    if (slot != NULL)
        return duplicate(self, slot, &key, why);
    error = replay_find(
        self->plan.replay, &request->id, &key, &request->user, &answer, &self->room, &verdict, why);
    if (error != 0) {
        self->broken = error;
        self->why = *why;
        return error;
    }
    if (verdict == REPLAY_OTHER) {
        why->code = ERR_INVALID;
        return ERR_INVALID;
    }
    self->report.calls++;
    slot = accept(self, request, &key, now_us);
    key_map_put(&self->ids, &id, slot->number);
    if (verdict == REPLAY_ASK)
        begin(self, slot, now_us);
    else if (verdict == REPLAY_MISS)
        flow_end_rules(self, slot, ANSWER_MISS, now_us);
    else
        begin_known(self, slot, verdict, &answer, now_us);
    return settle_down(self, now_us, why);
}

/* ---- time ---- */

static bool
timer_is_alive(const void *context, const struct timer *timer)
{
    const struct flow *self = context;
    const struct flow_slot *slot = self->slots[timer->what];

    return slot->used && slot->mark == timer->mark && slot->state != FLOW_DONE;
}

int
flow_tick(struct flow *self, int64_t now_us, struct why *why)
{
    struct timer timer;

    while (self->broken == 0 && timers_take(&self->timers, now_us, &timer)) {
        struct flow_slot *slot = self->slots[timer.what];

        if (!timer_is_alive(self, &timer))
            continue;
        if (now_us >= slot->deadline_us) {
            flow_withdraw(self, slot, LLM_TIMEOUT_TOTAL, now_us);
            slot->last_class = LLM_TIMEOUT_TOTAL;
            flow_end_rules(self, slot, ANSWER_TIMEOUT, now_us);
        } else if (slot->state == FLOW_WAITING && now_us >= slot->wait_until_us) {
            flow_route(self, slot, now_us);
        }
    }
    if (self->timers.count > 4 * self->figures.open + 1024)
        timers_squeeze(&self->timers, timer_is_alive, self);
    for (uint32_t i = 0; i < self->plan.provider_count; i++)
        if (self->lines[i].wake_us <= now_us) {
            self->lines[i].wake_us = INT64_MAX;
            self->lines[i].dirty = true;
        }
    return settle_down(self, now_us, why);
}

int64_t
flow_next_us(const struct flow *self)
{
    int64_t next_us = timers_next_us(&self->timers);

    for (uint32_t i = 0; i < self->plan.provider_count; i++)
        if (self->lines[i].wake_us < next_us)
            next_us = self->lines[i].wake_us;
    return next_us;
}

void
flow_reload(struct flow *self)
{
    for (uint32_t i = 0; i < self->plan.model_count; i++)
        if (self->breakers[i].state == BREAKER_LATCHED)
            breaker_reload(&self->breakers[i]);
}

/* ---- looking ---- */

const struct flow_figures *
flow_figures(const struct flow *self)
{
    return &self->figures;
}

const struct flow_model_figures *
flow_model_figures(const struct flow *self, uint32_t model)
{
    ASSERT(model < self->plan.model_count);
    return &self->models[model];
}

const struct breaker *
flow_breaker(const struct flow *self, uint32_t model)
{
    ASSERT(model < self->plan.model_count);
    return &self->breakers[model];
}

struct flow_provider_figures
flow_provider_figures(const struct flow *self, uint32_t provider, int64_t now_us)
{
    const struct flow_line *line = &self->lines[provider];

    ASSERT(provider < self->plan.provider_count);
    return (struct flow_provider_figures){line->window.in_flight, line->window.size, lanes_count(line->lanes),
        bucket_units(&line->requests, now_us), bucket_units(&line->tokens, now_us), line->retries.spent,
        line->retries.refused};
}

struct cache_figures
flow_cache_figures(const struct flow *self)
{
    return cache_figures(self->cache);
}

int
flow_check(const struct flow *self, struct why *why)
{
    uint32_t in_flight[FLOW_PROVIDERS_MAX] = {0}, queued[FLOW_PROVIDERS_MAX] = {0}, open = 0, tickets = 0;

    for (uint32_t i = 0; i < self->slot_count; i++) {
        const struct flow_slot *slot = self->slots[i];

        if (!slot->used)
            continue;
        open += slot->state != FLOW_DONE;
        tickets += slot->ticket != 0;
        if (slot->state == FLOW_IN_FLIGHT)
            in_flight[self->plan.models[flow_model_of(self, slot)].provider]++;
        if (slot->state == FLOW_QUEUED)
            queued[self->plan.models[flow_model_of(self, slot)].provider]++;
        if (slot->state == FLOW_DONE && (slot->ticket != 0 || slot->leads || slot->waits_for_leader))
            return fail(why, ERR_DIGEST, "slot %" PRIu32 " is done and holds something", i);
        if (slot->leads && cache_leader(self->cache, &slot->key) != i)
            return fail(why, ERR_DIGEST, "slot %" PRIu32 " leads a flight that knows another leader", i);
    }
    for (uint32_t i = 0; i < self->plan.provider_count; i++)
        if (in_flight[i] != self->lines[i].window.in_flight || queued[i] != lanes_count(self->lines[i].lanes))
            return fail(why, ERR_DIGEST, "provider %" PRIu32 ": calls on their way or in the queue are miscounted", i);
    if (open != self->figures.open || tickets != budget_open_count(self->plan.budget))
        return fail(why, ERR_DIGEST, "open requests or their reservations are miscounted");
    return budget_check(self->plan.budget, why);
}
