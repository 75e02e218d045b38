#include "governance/engine.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/bytes.h"
#include "governance/effects.h"
#include "governance/governance.h"
#include "governance/tuning.h"

#define COST_MAX INT64_C(1000000000000000) /* of the verdict's cost columns */
#define SAVE_MAGIC UINT32_C(0x45564f47)    /* "GOVE" */
#define SAVE_VERSION 1u

/* A ruling and who refused. */
struct judged {
    struct lever_ruling ruling;
    uint8_t reason;
};
struct judged_action {
    struct lever_action_ruling ruling;
    uint8_t reason;
};

struct engine {
    struct governance law;
    uint32_t order[GOVERNANCE_LEVERS_MAX]; /* places by (stage, name) */
    struct lever_context contexts[GOVERNANCE_LEVERS_MAX];
    uint8_t *states[GOVERNANCE_LEVERS_MAX]; /* a lever's own state, its agents' behind it */
    size_t state_sizes[GOVERNANCE_LEVERS_MAX];
    uint64_t seed, step;
    uint32_t phase, epoch, agent_count;
    uint32_t interactions, actions; /* judged so far in this step */
    struct lever_effects effects;
    struct judged *judged;
    struct judged_action *judged_actions;
    uint32_t judged_room, judged_action_room;
    double *opening_reputation;
    int64_t *opening_resources, *opening_stake;
};

static bool
is_before(const struct lever *a, const struct lever *b)
{
    return a->stage != b->stage ? a->stage < b->stage : strcmp(a->name, b->name) < 0;
}

static void
order_levers(struct engine *self)
{
    for (uint32_t i = 0; i < self->law.count; i++) {
        uint32_t at = i;

        for (; at > 0 && is_before(self->law.levers[i], self->law.levers[self->order[at - 1]]); at--)
            self->order[at] = self->order[at - 1];
        self->order[at] = i;
    }
}

static void
make_state(struct engine *self, uint32_t place)
{
    const struct lever *lever = self->law.levers[place];
    struct lever_context *context = &self->contexts[place];

    ASSERT(lever->state_size % 8 == 0 && lever->agent_size % 8 == 0); /* so that every part is aligned */
    self->state_sizes[place] = lever->state_size + lever->agent_size * self->agent_count;
    if (self->state_sizes[place] > 0)
        self->states[place] = alloc_array(1, self->state_sizes[place]);
    context->engine = self;
    context->params = self->law.params[place];
    context->state = lever->state_size > 0 ? self->states[place] : NULL;
    context->agents = lever->agent_size > 0 ? self->states[place] + lever->state_size : NULL;
    context->agent_count = self->agent_count;
    context->seed = self->seed;
    context->effects = &self->effects;
}

int
engine_new(const struct yaml_node *section, uint64_t seed, uint32_t agent_count, struct engine **out, struct why *why)
{
    struct governance law;
    struct engine *self;
    int code;

    if (agent_count > ENGINE_AGENTS_MAX)
        return fail(
            why, ERR_LIMIT, "governance: %u agents are more than the %u it can watch", agent_count, ENGINE_AGENTS_MAX);
    code = governance_bind(section, &law, why);
    if (code != 0)
        return code;
    self = ALLOC(struct engine);
    self->law = law;
    self->seed = seed;
    self->agent_count = agent_count;
    order_levers(self);
    for (uint32_t i = 0; i < law.count; i++)
        make_state(self, i);
    self->opening_reputation = ALLOC_ARRAY(double, agent_count + 1u);
    self->opening_resources = ALLOC_ARRAY(int64_t, agent_count + 1u);
    self->opening_stake = ALLOC_ARRAY(int64_t, agent_count + 1u);
    *out = self;
    return 0;
}

void
engine_destroy(struct engine **self_p)
{
    struct engine *self = *self_p;

    if (self == NULL)
        return;
    for (uint32_t i = 0; i < self->law.count; i++)
        free(self->states[i]);
    governance_fini(&self->law);
    effects_fini(&self->effects);
    free(self->judged);
    free(self->judged_actions);
    free(self->opening_reputation);
    free(self->opening_resources);
    free(self->opening_stake);
    free(self);
    *self_p = NULL;
}

/* ---- parameters that change ---- */

int
lever_tuned(const struct lever_context *context, const char *path, double *out, struct why *why)
{
    return tuning_get(&context->engine->law, path, out, why);
}

int
lever_tune(struct lever_context *context, const char *path, double value, struct why *why)
{
    return tuning_set(&context->engine->law, path, value, why);
}

/* Norms are words from outside: what cannot be applied is refused and changes nothing. The effect names the lever that
 * was meant, or the first one when none was. */
static void
apply_norms(struct engine *self, const struct batch *docket)
{
    const uint8_t *texts = docket->data[DOCKET_norm_text];

    for (uint32_t i = 0; i < docket->count[DOCKET_NORM]; i++) {
        uint32_t begin = batch_u32(docket, DOCKET_norms, i), end = batch_u32(docket, DOCKET_norms, i + 1);
        struct why why = {0};
        bool applied;

        self->effects.lever = 0;
        applied = tuning_apply_norm(&self->law, texts + begin, end - begin, &self->effects.lever, &why) == 0;
        lever_effect(&self->effects, EFFECT_NORM, SANDBOX_NOBODY, i, applied ? 1.0 : 0.0);
    }
}

uint64_t
engine_step(const struct engine *self)
{
    return self->step;
}

uint32_t
engine_phase(const struct engine *self)
{
    return self->phase;
}

const char *
engine_lever_name(const struct engine *self, uint32_t place)
{
    ASSERT(place < self->law.count);
    return self->law.levers[place]->name;
}

/* ---- a docket ---- */

static int
check_agents(const struct engine *self, const struct batch *docket, uint32_t column, uint32_t axis, struct why *why)
{
    for (uint32_t i = 0; i < docket->count[axis]; i++)
        if (batch_u32(docket, column, i) >= self->agent_count)
            return fail(why, ERR_INVALID, "docket: %s %u of row %u is no agent: there are %u",
                docket->schema->columns[column].name, batch_u32(docket, column, i), i, self->agent_count);
    return 0;
}

static int
check_docket(const struct engine *self, uint64_t step, uint32_t phase, const struct batch *docket, struct why *why)
{
    bool is_opening = docket->count[DOCKET_OPENING] > 0;
    uint32_t agents_due = is_opening ? self->agent_count : 0;
    int code;

    if (step < self->step || (step == self->step && phase <= self->phase) || step == 0 || step >= UINT64_C(1) << 48)
        return fail(why, ERR_STATE, "docket of step %llu phase %u does not follow step %llu phase %u",
            (unsigned long long)step, phase, (unsigned long long)self->step, self->phase);
    if (docket->count[DOCKET_AGENT] != agents_due)
        return fail(
            why, ERR_INVALID, "docket: %u agents at an opening, %u expected", docket->count[DOCKET_AGENT], agents_due);
    code = batch_check(docket, why);
    if (code == 0)
        code = check_agents(self, docket, DOCKET_initiator, DOCKET_ROW, why);
    if (code == 0)
        code = check_agents(self, docket, DOCKET_counterparty, DOCKET_ROW, why);
    if (code == 0)
        code = check_agents(self, docket, DOCKET_actor, DOCKET_ACTION, why);
    return code;
}

/* The levers' contexts follow the step; phase numbers start at any value, so the first of a step is taken as it is. */
static void
enter(struct engine *self, uint64_t step, uint32_t phase)
{
    if (step != self->step)
        self->interactions = self->actions = 0;
    self->step = step;
    self->phase = phase;
    self->effects.count = 0;
    for (uint32_t i = 0; i < self->law.count; i++) {
        self->contexts[i].step = step;
        self->contexts[i].epoch = self->epoch;
    }
}

static void
open_epoch(struct engine *self, const struct batch *docket)
{
    struct lever_opening opening = {.epoch = batch_u32(docket, DOCKET_epoch, 0), .agent_count = self->agent_count,
        .reputation = self->opening_reputation, .resources = self->opening_resources, .stake = self->opening_stake};

    for (uint32_t i = 0; i < self->agent_count; i++) {
        self->opening_reputation[i] = batch_f64(docket, DOCKET_agent_reputation, i);
        self->opening_resources[i] = batch_i64(docket, DOCKET_agent_resources, i);
        self->opening_stake[i] = batch_i64(docket, DOCKET_agent_stake, i);
    }
    self->epoch = opening.epoch;
    for (uint32_t i = 0; i < self->law.count; i++)
        self->contexts[i].epoch = self->epoch;
    apply_norms(self, docket);
    for (uint32_t i = 0; i < self->law.count; i++) {
        uint32_t place = self->order[i];

        self->effects.lever = place;
        if (self->law.levers[place]->before_opening != NULL)
            self->law.levers[place]->before_opening(&self->contexts[place], &opening);
    }
    for (uint32_t i = 0; i < self->law.count; i++) {
        uint32_t place = self->order[i];

        self->effects.lever = place;
        if (self->law.levers[place]->on_opening != NULL)
            self->law.levers[place]->on_opening(&self->contexts[place], &opening);
    }
}

static struct judged_action
judge_action(struct engine *self, const struct batch *docket, uint32_t row)
{
    struct judged_action judged = {.ruling = {.allow = true, .weight = 1.0}};
    struct lever_action action = {.index = self->actions + row, .actor = batch_u32(docket, DOCKET_actor, row),
        .verb = (enum sandbox_verb)batch_u8(docket, DOCKET_verb, row), .target = batch_u32(docket, DOCKET_target, row),
        .subject = batch_u32(docket, DOCKET_subject, row), .value = batch_i32(docket, DOCKET_value, row),
        .amount = batch_i64(docket, DOCKET_amount, row)};

    if (batch_u8(docket, DOCKET_refused, row) != REFUSAL_NONE) /* does not happen anyway */
        return judged;
    for (uint32_t i = 0; i < self->law.count && judged.ruling.allow; i++) {
        uint32_t place = self->order[i];

        self->effects.lever = place;
        if (self->law.levers[place]->on_action != NULL)
            self->law.levers[place]->on_action(&self->contexts[place], &action, &judged.ruling);
        if (!judged.ruling.allow)
            judged = (struct judged_action){.reason = (uint8_t)(REFUSAL_LEVER + place), .ruling = {.weight = 1.0}};
    }
    ASSERT(judged.ruling.weight >= 0.0 && judged.ruling.weight <= 1.0 && judged.ruling.cost >= 0);
    return judged;
}

static struct lever_interaction
read_interaction(const struct engine *self, const struct batch *docket, uint32_t row)
{
    return (struct lever_interaction){
        .index = self->interactions + row,
        .initiator = batch_u32(docket, DOCKET_initiator, row),
        .counterparty = batch_u32(docket, DOCKET_counterparty, row),
        .kind = (enum sandbox_interaction)batch_u8(docket, DOCKET_kind, row),
        .accepted = batch_u8(docket, DOCKET_accepted, row) != 0,
        .transfer = batch_i64(docket, DOCKET_transfer, row),
        .p = batch_f64(docket, DOCKET_p, row),
        .observables = {.progress = batch_f64(docket, DOCKET_progress, row),
            .rework = batch_u8(docket, DOCKET_rework, row), .rejections = batch_u8(docket, DOCKET_rejections, row),
            .misuse = batch_u8(docket, DOCKET_misuse, row), .engagement = batch_f64(docket, DOCKET_engagement, row)},
        .reputation = batch_f64(docket, DOCKET_reputation, row),
        .stake = batch_i64(docket, DOCKET_stake, row),
    };
}

static void
tell_outcome(struct engine *self, struct lever_interaction *interaction, enum sandbox_audit audit)
{
    interaction->truth = 0;
    interaction->audit = audit;
    for (uint32_t i = 0; i < self->law.count; i++) {
        uint32_t place = self->order[i];

        self->effects.lever = place;
        if (self->law.levers[place]->on_outcome != NULL)
            self->law.levers[place]->on_outcome(&self->contexts[place], interaction);
    }
}

static struct judged
judge_interaction(struct engine *self, const struct batch *docket, uint32_t row)
{
    struct judged judged = {.ruling = {.allow = true}};
    struct lever_interaction interaction = read_interaction(self, docket, row);
    int32_t truth = batch_i32(docket, DOCKET_truth, row);

    for (uint32_t i = 0; i < self->law.count; i++) {
        uint32_t place = self->order[i];
        const struct lever *lever = self->law.levers[place];

        interaction.truth = lever->stage == STAGE_AUDIT ? truth : 0;
        self->effects.lever = place;
        if (lever->on_interaction != NULL)
            lever->on_interaction(&self->contexts[place], &interaction, &judged.ruling);
        if (!judged.ruling.allow)
            return (struct judged){.reason = (uint8_t)(REFUSAL_LEVER + place)};
    }
    ASSERT(judged.ruling.cost_a >= 0 && judged.ruling.cost_b >= 0);
    if (judged.ruling.cost_a > COST_MAX)
        judged.ruling.cost_a = COST_MAX;
    if (judged.ruling.cost_b > COST_MAX)
        judged.ruling.cost_b = COST_MAX;
    judged.ruling.reputation = math_clamp(judged.ruling.reputation, -2.0, 2.0);
    tell_outcome(self, &interaction, judged.ruling.audit);
    return judged;
}

/* At least `count` elements, without keeping the old ones. */
static void *
room(void *items, uint32_t *capacity, uint32_t count, size_t size)
{
    if (count <= *capacity)
        return items;
    free(items);
    *capacity = count;
    return alloc_array(count, size);
}

static void
write_effects(const struct engine *self, const struct batch_writer *writer)
{
    uint32_t *agent = batch_column(writer, VERDICT_effect_agent);
    uint8_t *kind = batch_column(writer, VERDICT_effect_kind);
    uint8_t *lever = batch_column(writer, VERDICT_effect_lever);
    int64_t *amount = batch_column(writer, VERDICT_effect_amount);
    double *value = batch_column(writer, VERDICT_effect_value);

    for (uint32_t i = 0; i < self->effects.count; i++) {
        const struct effect *effect = &self->effects.items[i];

        agent[i] = effect->agent;
        kind[i] = (uint8_t)effect->kind;
        lever[i] = (uint8_t)effect->lever;
        amount[i] = effect->amount;
        value[i] = effect->value;
    }
}

void
engine_quotes(const struct engine *self, double quotes[QUOTE_GOVERNANCE_END])
{
    memset(quotes, 0, QUOTE_GOVERNANCE_END * sizeof quotes[0]);

    /* What holds without levers; the others are 0. */
    quotes[QUOTE_REPUTATION_DECAY] = 1.0;
    quotes[QUOTE_BREAKER_THRESHOLD] = 1.0;
    quotes[QUOTE_TRANSPARENCY] = 1.0;
    for (uint32_t i = 0; i < self->law.count; i++) {
        uint32_t place = self->order[i];

        if (self->law.levers[place]->quote != NULL)
            self->law.levers[place]->quote(self->law.params[place], quotes);
    }
}

static void
write_quotes(const struct engine *self, const struct batch_writer *writer)
{
    engine_quotes(self, batch_column(writer, VERDICT_quote));
}

static void
write_verdict(const struct engine *self, const struct batch *docket, uint64_t tag, struct buffer *out)
{
    uint32_t counts[VERDICT_AXES] = {
        [VERDICT_ROW] = docket->count[DOCKET_ROW],
        [VERDICT_ACTION] = docket->count[DOCKET_ACTION],
        [VERDICT_EFFECT] = self->effects.count,
        [VERDICT_QUOTE] = docket->count[DOCKET_OPENING] > 0 ? QUOTE_GOVERNANCE_END : 0,
    };
    struct batch_writer writer;

    batch_begin(&writer, &schema_sandbox_verdict, out, tag, docket->first, counts);
    for (uint32_t i = 0; i < counts[VERDICT_ROW]; i++) {
        const struct judged *judged = &self->judged[i];

        ((uint8_t *)batch_column(&writer, VERDICT_allow))[i] = judged->ruling.allow;
        ((uint8_t *)batch_column(&writer, VERDICT_reason))[i] = judged->reason;
        ((int64_t *)batch_column(&writer, VERDICT_cost_a))[i] = judged->ruling.cost_a;
        ((int64_t *)batch_column(&writer, VERDICT_cost_b))[i] = judged->ruling.cost_b;
        ((uint8_t *)batch_column(&writer, VERDICT_audit))[i] = (uint8_t)judged->ruling.audit;
        ((double *)batch_column(&writer, VERDICT_reputation))[i] = judged->ruling.reputation;
    }
    for (uint32_t i = 0; i < counts[VERDICT_ACTION]; i++) {
        const struct judged_action *judged = &self->judged_actions[i];

        ((uint8_t *)batch_column(&writer, VERDICT_action_allow))[i] = judged->ruling.allow;
        ((uint8_t *)batch_column(&writer, VERDICT_action_reason))[i] = judged->reason;
        ((double *)batch_column(&writer, VERDICT_action_weight))[i] = judged->ruling.weight;
        ((int64_t *)batch_column(&writer, VERDICT_action_cost))[i] =
            judged->ruling.cost > COST_MAX ? COST_MAX : judged->ruling.cost;
    }
    write_effects(self, &writer);
    if (counts[VERDICT_QUOTE] > 0)
        write_quotes(self, &writer);
}

int
engine_judge(struct engine *self, uint64_t step, uint32_t phase, const struct batch *docket, uint64_t tag,
             struct buffer *out, struct why *why)
{
    int code;

    ASSERT(docket->schema == &schema_sandbox_docket);
    code = check_docket(self, step, phase, docket, why);
    if (code != 0)
        return code;

    enter(self, step, phase);
    self->judged = room(self->judged, &self->judged_room, docket->count[DOCKET_ROW], sizeof *self->judged);
    self->judged_actions = room(
        self->judged_actions, &self->judged_action_room, docket->count[DOCKET_ACTION], sizeof *self->judged_actions);
    if (docket->count[DOCKET_OPENING] > 0)
        open_epoch(self, docket);
    for (uint32_t i = 0; i < docket->count[DOCKET_ACTION]; i++)
        self->judged_actions[i] = judge_action(self, docket, i);
    for (uint32_t i = 0; i < docket->count[DOCKET_ROW]; i++)
        self->judged[i] = judge_interaction(self, docket, i);
    self->actions += docket->count[DOCKET_ACTION];
    self->interactions += docket->count[DOCKET_ROW];
    if (out != NULL)
        write_verdict(self, docket, tag, out);
    return 0;
}

/* ---- where a fork begins ---- */

static bool
has_same_params(const struct engine *self, uint32_t i, const struct engine *other, uint32_t j)
{
    struct yaml_tree *mine = yaml_new("lever"), *theirs = yaml_new("lever");
    bool same;

    params_put(self->law.levers[i]->params, self->law.declared[i], mine, yaml_root(mine));
    params_put(other->law.levers[j]->params, other->law.declared[j], theirs, yaml_root(theirs));
    same = yaml_equal(yaml_root(mine), yaml_root(theirs));
    yaml_destroy(&mine);
    yaml_destroy(&theirs);
    return same;
}

/* What it was tuned to is taken over as far as it makes sense among the levers there are now. */
static void
inherit_lever(struct engine *self, uint32_t i, const struct engine *parent, uint32_t j)
{
    struct why ignored = {0};

    if (self->state_sizes[i] > 0)
        memcpy(self->states[i], parent->states[j], self->state_sizes[i]);
    if (governance_validate(&self->law, i, parent->law.params[j], &ignored) == 0)
        memcpy(self->law.params[i], parent->law.params[j], self->law.levers[i]->params->size);
}

void
engine_inherit(struct engine *self, const struct engine *parent)
{
    ASSERT(self->agent_count == parent->agent_count);

    self->step = parent->step;
    self->phase = parent->phase;
    self->epoch = parent->epoch;
    self->interactions = parent->interactions;
    self->actions = parent->actions;
    for (uint32_t i = 0; i < self->law.count; i++)
        for (uint32_t j = 0; j < parent->law.count; j++)
            if (self->law.levers[i] == parent->law.levers[j] && has_same_params(self, i, parent, j))
                inherit_lever(self, i, parent, j);
}

/* ---- the state as bytes ---- */

#define HEAD_SIZE 64u
#define NAME_SIZE 32u
#define TUNED_AT 48u /* in the head: how many parameters are not as declared */

static void
write_head(const struct engine *self, uint8_t head[HEAD_SIZE])
{
    memset(head, 0, HEAD_SIZE);
    bytes_put_u32(head, SAVE_MAGIC);
    bytes_put_u32(head + 4, SAVE_VERSION);
    bytes_put_u64(head + 8, self->seed);
    bytes_put_u64(head + 16, self->step);
    bytes_put_u32(head + 24, self->phase);
    bytes_put_u32(head + 28, self->epoch);
    bytes_put_u32(head + 32, self->agent_count);
    bytes_put_u32(head + 36, self->law.count);
    bytes_put_u32(head + 40, self->interactions);
    bytes_put_u32(head + 44, self->actions);
    bytes_put_u32(head + TUNED_AT, tuning_count(&self->law));
}

void
engine_save(const struct engine *self, struct buffer *out)
{
    uint8_t head[HEAD_SIZE];

    write_head(self, head);
    buffer_append(out, head, sizeof head);
    for (uint32_t i = 0; i < self->law.count; i++) {
        char *name = buffer_extend(out, NAME_SIZE);

        memset(name, 0, NAME_SIZE);
        ASSERT(strlen(self->law.levers[i]->name) < NAME_SIZE);
        memcpy(name, self->law.levers[i]->name, strlen(self->law.levers[i]->name));
        bytes_put_u64(buffer_extend(out, 8), self->state_sizes[i]);
        buffer_append(out, self->states[i], self->state_sizes[i]);
    }
    tuning_save(&self->law, out);
}

void
engine_digest(const struct engine *self, uint8_t out[FOLD_SIZE])
{
    uint8_t head[HEAD_SIZE];
    struct fold fold;

    fold_init(&fold);
    write_head(self, head);
    fold_bytes(&fold, head, sizeof head);
    for (uint32_t i = 0; i < self->law.count; i++) {
        fold_bytes(&fold, self->law.levers[i]->name, strlen(self->law.levers[i]->name) + 1);
        fold_u64(&fold, self->state_sizes[i]);
        fold_bytes(&fold, self->states[i], self->state_sizes[i]);
    }
    tuning_fold(&self->law, &fold);
    fold_end(&fold, out);
}

/* Walks the saved levers; copies their states when `commit`, so that a refusal has changed nothing. *end is where what
 * follows them begins. */
static int
load_levers(
    struct engine *self, const uint8_t *bytes, size_t size, bool commit, size_t *end, struct why *why)
{
    size_t at = HEAD_SIZE;

    for (uint32_t i = 0; i < self->law.count; i++) {
        const char *name = self->law.levers[i]->name;
        size_t need = self->state_sizes[i];

        if (size - at < NAME_SIZE + 8 || strncmp((const char *)bytes + at, name, NAME_SIZE) != 0 ||
            bytes_get_u64(bytes + at + NAME_SIZE) != need || size - at - NAME_SIZE - 8 < need)
            return fail(why, ERR_FORMAT, "saved governance: the state of lever %s is not where it should be", name);
        at += NAME_SIZE + 8;
        if (commit && need > 0)
            memcpy(self->states[i], bytes + at, need);
        at += need;
    }
    if (size - at != (size_t)bytes_get_u32(bytes + TUNED_AT) * TUNING_ENTRY)
        return fail(why, ERR_FORMAT, "saved governance: %zu bytes behind the levers, %u parameters expected", size - at,
            bytes_get_u32(bytes + TUNED_AT));
    *end = at;
    return 0;
}

int
engine_load(struct engine *self, const void *bytes, size_t size, struct why *why)
{
    const uint8_t *head = bytes;
    size_t end = 0;
    int code;

    if (size < HEAD_SIZE || bytes_get_u32(head) != SAVE_MAGIC)
        return fail(why, ERR_FORMAT, "these bytes are no saved governance");
    if (bytes_get_u32(head + 4) != SAVE_VERSION)
        return fail(why, ERR_VERSION, "saved governance of format %u, this program reads %u", bytes_get_u32(head + 4),
            SAVE_VERSION);
    if (bytes_get_u64(head + 8) != self->seed || bytes_get_u32(head + 32) != self->agent_count ||
        bytes_get_u32(head + 36) != self->law.count)
        return fail(why, ERR_STATE, "saved governance belongs to another run: seed, agents or levers differ");
    code = load_levers(self, bytes, size, false, &end, why);
    if (code == 0)
        code = tuning_load(&self->law, head + end, size - end, why);
    if (code != 0)
        return code;
    code = load_levers(self, bytes, size, true, &end, why);
    ASSERT(code == 0);
    self->step = bytes_get_u64(head + 16);
    self->phase = bytes_get_u32(head + 24);
    self->epoch = bytes_get_u32(head + 28);
    self->interactions = bytes_get_u32(head + 40);
    self->actions = bytes_get_u32(head + 44);
    return 0;
}
