#include "agents/chunk.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/digest.h"
#include "core/table.h"
#include "core/text.h"

#define USER_MAX 8192u /* bytes that a question may have on average, so that any number of rows fits into a prompt */
#define TRANSFER_MAX INT64_C(1000000000000000) /* of the column */

/* A decision without its texts, which lie in the scratch buffers up to these ends. */
struct chunk_row {
    uint32_t target, partner, whom, topic;
    int32_t value, stance;
    uint8_t verb, kind, post_kind, payload;
    int64_t amount, transfer;
    double work, effort, disguise;
    size_t text_end, memory_end;
};

void
chunk_scratch_fini(struct chunk_scratch *self)
{
    free(self->rows);
    free(self->minds);
    free(self->replies);
    buffer_fini(&self->text);
    buffer_fini(&self->memory);
    buffer_fini(&self->question.system);
    buffer_fini(&self->question.user);
    buffer_fini(&self->question.schema);
    *self = (struct chunk_scratch){0};
}

int
chunk_check(const struct chunk_policy *policy, const struct batch *ask, uint64_t step, struct why *why)
{
    bool is_act = ask->schema == &schema_sandbox_observe;
    uint32_t quotes;

    if (!is_act && ask->schema != &schema_sandbox_offers)
        return fail(why, ERR_FORMAT, "a batch of %s is nothing to decide about", ask->schema->name);
    quotes = ask->count[is_act ? (uint32_t)ACT_QUOTE : (uint32_t)OFFERS_QUOTE];
    if (quotes < QUOTE_COUNT)
        return fail(why, ERR_FORMAT, "%s: %u quotes, %u expected", ask->schema->name, quotes, (unsigned)QUOTE_COUNT);
    if (ask->tag != policy->seed)
        return fail(why, ERR_STATE, "%s: for another seed than the slot's parameters", ask->schema->name);
    if (step == 0 || step >= UINT64_C(1) << 48)
        return fail(why, ERR_INVALID, "%s: step %llu is none", ask->schema->name, (unsigned long long)step);
    if (policy_asks(policy->policy) && (ask->count[0] > schema_prompt.axes[PROMPT_USER].max / USER_MAX ||
                                        ask->first > MODELS_PLACE_MAX + 1 - ask->count[0]))
        return fail(why, ERR_LIMIT, "%s: %u agents from place %u on are more than can ask models at a time",
                    ask->schema->name, ask->count[0], ask->first);
    return 0;
}

/* Within [0, 1]; what is not a number is 0. */
static double
share(double x)
{
    return x > 0.0 ? math_min(x, 1.0) : 0.0;
}

/* Keeps what the columns can hold: policies reckon with numbers from outside. */
static void
keep(struct chunk_scratch *scratch, struct chunk_row *row, const struct sandbox_view *view,
     const struct sandbox_decision *decision)
{
    bool proposes = decision->partner != SANDBOX_NOBODY && decision->partner != view->agent;
    bool speaks = decision->verb == VERB_POST || decision->verb == VERB_REPLY;

    *row = (struct chunk_row){
        .verb = (uint8_t)decision->verb,
        .target = decision->target,
        .value = decision->value < 0 ? -1 : decision->value > 0,
        .amount = decision->amount > 0 ? decision->amount : 0,
        .work = share(decision->work),
        .partner = proposes ? decision->partner : SANDBOX_NOBODY,
        .whom = decision->whom,
        .topic = speaks ? decision->topic : SANDBOX_NOBODY,
        .stance = !speaks || decision->stance == 0 ? 0 : decision->stance < 0 ? -1 : 1,
        .post_kind = speaks ? (uint8_t)decision->post_kind : POST_PLAIN,
        .payload = proposes && decision->payload,
    };
    if (proposes) {
        row->kind = (uint8_t)decision->kind;
        row->transfer = decision->transfer > TRANSFER_MAX ? TRANSFER_MAX
            : decision->transfer < -TRANSFER_MAX ? -TRANSFER_MAX : decision->transfer;
        row->effort = share(decision->effort);
        row->disguise = share(decision->disguise);
    }
    ASSERT(decision->verb < VERB_COUNT && decision->kind < INTERACTION_KINDS && decision->post_kind < POST_KINDS);
    ASSERT(decision->text_size <= POLICY_TEXT_MAX && decision->memory_size <= POLICY_MEMORY_MAX);
    if (speaks)
        buffer_append(&scratch->text, decision->text, decision->text_size);
    buffer_append(&scratch->memory, decision->memory, decision->memory_size);
    row->text_end = scratch->text.size;
    row->memory_end = scratch->memory.size;
}

static struct sandbox_view
view_of(const struct chunk_policy *policy, const struct batch *ask, uint64_t step, uint32_t row)
{
    uint32_t agent = batch_u32(ask, OBSERVE_agent, row);
    uint32_t memory_begin = batch_u32(ask, OBSERVE_memories, row),
             memory_end = batch_u32(ask, OBSERVE_memories, row + 1);

    return (struct sandbox_view){
        .batch = ask, .row = row, .agent = agent,
        .candidate_begin = batch_u32(ask, OBSERVE_candidates, row),
        .candidate_end = batch_u32(ask, OBSERVE_candidates, row + 1),
        .memory = ask->data[OBSERVE_memory] + memory_begin,
        .memory_size = memory_end - memory_begin,
        .rng = rng_make(policy->seed, STREAM_DECIDE, agent, step),
        .seed = policy->seed, .step = step,
    };
}

static struct sandbox_offers_view
offers_view_of(const struct chunk_policy *policy, const struct batch *ask, uint64_t step, uint32_t row)
{
    uint32_t memory_begin = batch_u32(ask, OFFERS_memories, row), memory_end = batch_u32(ask, OFFERS_memories, row + 1);

    return (struct sandbox_offers_view){
        .batch = ask, .row = row, .agent = batch_u32(ask, OFFERS_agent, row),
        .offer_begin = batch_u32(ask, OFFERS_offers, row), .offer_end = batch_u32(ask, OFFERS_offers, row + 1),
        .memory = ask->data[OFFERS_memory] + memory_begin,
        .memory_size = memory_end - memory_begin,
        .seed = policy->seed, .step = step,
    };
}

/* ---- asking ---- */

static bool
ask_row(const struct chunk_policy *policy, const struct batch *ask, uint64_t step, uint32_t row,
        struct policy_question *out)
{
    buffer_clear(&out->system);
    buffer_clear(&out->user);
    buffer_clear(&out->schema);
    out->role[0] = out->template[0] = '\0';
    out->template_hash = out->template_version = 0;
    out->taint = 0;
    if (ask->schema == &schema_sandbox_observe) {
        struct sandbox_view view = view_of(policy, ask, step, row);

        return policy->policy->sandbox_ask(policy->params, &view, out);
    } else {
        struct sandbox_offers_view view = offers_view_of(policy, ask, step, row);

        return policy->policy->sandbox_ask_offers(policy->params, &view, out);
    }
}

/* Questions as they are gathered, before their number is known. Texts lie one behind the other, up to these ends. */
#define FRAMES_MAX 256u
struct gathered {
    struct gathered_row {
        uint32_t row;
        uint16_t frame, shape;
        uint8_t taint;
        size_t user_end;
    } *rows;
    uint32_t row_count, frame_count;
    struct gathered_frame {
        uint64_t hash;
        uint32_t template_hash, template_version;
        size_t role_end, template_end, system_end;
    } frames[FRAMES_MAX];
    struct table shapes;      /* by hash of the schema, to their places */
    struct buffer shape_ends; /* size_t each */
    struct buffer users, roles, templates, systems, schemas;
};

static uint16_t
gather_shape(struct gathered *self, const struct policy_question *question)
{
    uint64_t hash = digest_xxh3(question->schema.data, question->schema.size);
    uint32_t place;

    if (table_find(&self->shapes, hash, &place))
        return (uint16_t)place;
    place = self->shapes.count;
    (void)table_put(&self->shapes, hash, place);
    buffer_append(&self->schemas, question->schema.data, question->schema.size);
    buffer_append(&self->shape_ends, &self->schemas.size, sizeof self->schemas.size);
    return (uint16_t)place;
}

static uint16_t
gather_frame(struct gathered *self, const struct policy_question *question)
{
    struct gathered_frame *frame = self->frames;
    struct fold fold;
    uint8_t digest[FOLD_SIZE];
    uint64_t hash;

    fold_init(&fold);
    fold_bytes(&fold, question->role, strlen(question->role) + 1);
    fold_bytes(&fold, question->template, strlen(question->template) + 1);
    fold_u32(&fold, question->template_hash);
    fold_u32(&fold, question->template_version);
    fold_u64(&fold, question->system.size);
    fold_bytes(&fold, question->system.data, question->system.size);
    fold_end(&fold, digest);
    hash = bytes_get_u64(digest);
    for (uint32_t i = 0; i < self->frame_count; i++)
        if (self->frames[i].hash == hash)
            return (uint16_t)i;
    ASSERT(self->frame_count < FRAMES_MAX); /* the policy's promise */
    frame += self->frame_count;
    text_add(&self->roles, question->role);
    text_add(&self->templates, question->template);
    buffer_append(&self->systems, question->system.data, question->system.size);
    *frame = (struct gathered_frame){.hash = hash, .template_hash = question->template_hash,
        .template_version = question->template_version, .role_end = self->roles.size,
        .template_end = self->templates.size, .system_end = self->systems.size};
    return (uint16_t)self->frame_count++;
}

static void
write_frames(const struct gathered *self, const struct batch_writer *writer)
{
    uint32_t *roles = batch_column(writer, PROMPT_roles), *templates = batch_column(writer, PROMPT_templates);
    uint32_t *systems = batch_column(writer, PROMPT_systems);
    uint32_t *hashes = batch_column(writer, PROMPT_template_hash);
    uint32_t *versions = batch_column(writer, PROMPT_template_version);

    for (uint32_t i = 0; i < self->frame_count; i++) {
        const struct gathered_frame *frame = &self->frames[i];

        hashes[i] = frame->template_hash;
        versions[i] = frame->template_version;
        roles[i + 1] = (uint32_t)frame->role_end;
        templates[i + 1] = (uint32_t)frame->template_end;
        systems[i + 1] = (uint32_t)frame->system_end;
    }
    batch_fill_bytes(writer, PROMPT_role, 0, self->roles.data, (uint32_t)self->roles.size);
    batch_fill_bytes(writer, PROMPT_template, 0, self->templates.data, (uint32_t)self->templates.size);
    batch_fill_bytes(writer, PROMPT_system, 0, self->systems.data, (uint32_t)self->systems.size);
}

static void
write_shapes(const struct gathered *self, const struct batch_writer *writer)
{
    const size_t *ends = (const size_t *)(const void *)self->shape_ends.data;
    uint32_t *schemas = batch_column(writer, PROMPT_schemas);

    for (uint32_t i = 0; i < self->shapes.count; i++)
        schemas[i + 1] = (uint32_t)ends[i];
    batch_fill_bytes(writer, PROMPT_schema, 0, self->schemas.data, (uint32_t)self->schemas.size);
}

static void
write_prompt(const struct chunk_policy *policy, const struct batch *ask, uint64_t step, uint32_t phase,
             const struct gathered *self, struct buffer *out)
{
    uint32_t counts[PROMPT_AXES] = {[PROMPT_ROW] = self->row_count, [PROMPT_FRAME] = self->frame_count,
        [PROMPT_SPAN] = 1, [PROMPT_SHAPE] = self->shapes.count, [PROMPT_USER] = (uint32_t)self->users.size,
        [PROMPT_ROLE] = (uint32_t)self->roles.size,
        [PROMPT_TEMPLATE] = (uint32_t)self->templates.size, [PROMPT_SYSTEM] = (uint32_t)self->systems.size,
        [PROMPT_SCHEMA] = (uint32_t)self->schemas.size};
    bool is_act = ask->schema == &schema_sandbox_observe;
    struct batch_writer writer;

    for (uint32_t a = 0; a < PROMPT_AXES; a++)
        ASSERT(counts[a] <= schema_prompt.axes[a].max);
    batch_begin(&writer, &schema_prompt, out, policy->seed, ask->first, counts);
    for (uint32_t i = 0; i < self->row_count; i++) {
        const struct gathered_row *row = &self->rows[i];
        uint32_t agent = batch_u32(ask, is_act ? (uint32_t)OBSERVE_agent : (uint32_t)OFFERS_agent, row->row);
        struct rng rng = rng_make(policy->seed, STREAM_LLM_SEED, agent, step);

        rng_lane(&rng, phase);
        ((uint32_t *)batch_column(&writer, PROMPT_place))[i] = ask->first + row->row;
        ((uint32_t *)batch_column(&writer, PROMPT_entity))[i] = agent;
        ((uint64_t *)batch_column(&writer, PROMPT_seed))[i] = rng_u64(&rng);
        ((uint16_t *)batch_column(&writer, PROMPT_frame))[i] = row->frame;
        ((uint16_t *)batch_column(&writer, PROMPT_shape))[i] = row->shape;
        ((uint8_t *)batch_column(&writer, PROMPT_taint))[i] = row->taint;
        ((uint32_t *)batch_column(&writer, PROMPT_users))[i + 1] = (uint32_t)row->user_end;
    }
    batch_fill_bytes(&writer, PROMPT_user, 0, self->users.data, counts[PROMPT_USER]);
    write_frames(self, &writer);
    write_shapes(self, &writer);
    *(uint32_t *)batch_column(&writer, PROMPT_rows) = ask->count[0];
}

bool
chunk_ask(const struct chunk_policy *policy, const struct batch *ask, uint64_t step, uint32_t phase,
          struct chunk_scratch *scratch, struct buffer *out)
{
    struct gathered *all;

    if (!policy_asks(policy->policy))
        return false;
    all = ALLOC(struct gathered);
    all->rows = ALLOC_ARRAY(struct gathered_row, ask->count[0] + 1u);
    for (uint32_t row = 0; row < ask->count[0]; row++) {
        struct policy_question *question = &scratch->question;

        if (!ask_row(policy, ask, step, row, question))
            continue;
        ASSERT(question->user.size <= USER_MAX);
        buffer_append(&all->users, question->user.data, question->user.size);
        all->rows[all->row_count++] = (struct gathered_row){.row = row, .frame = gather_frame(all, question),
            .shape = gather_shape(all, question), .taint = question->taint, .user_end = all->users.size};
    }
    write_prompt(policy, ask, step, phase, all, out);
    buffer_fini(&all->users);
    buffer_fini(&all->roles);
    buffer_fini(&all->templates);
    buffer_fini(&all->systems);
    buffer_fini(&all->schemas);
    buffer_fini(&all->shape_ends);
    table_fini(&all->shapes);
    free(all->rows);
    free(all);
    return true;
}

int
chunk_answers_check(const struct batch *prompt, const struct batch *completion, struct why *why)
{
    uint32_t count = prompt->count[PROMPT_ROW];
    int code = batch_check(completion, why);

    if (code != 0)
        return code;
    if (completion->count[COMPLETION_ROW] != count)
        return fail(why, ERR_INVALID, "%u answers to %u questions", completion->count[COMPLETION_ROW], count);
    for (uint32_t i = 0; i < count; i++)
        if (batch_u32(completion, COMPLETION_place, i) != batch_u32(prompt, PROMPT_place, i))
            return fail(why, ERR_INVALID, "answer %u is of place %u, not %u", i,
                        batch_u32(completion, COMPLETION_place, i), batch_u32(prompt, PROMPT_place, i));
    return 0;
}

/* ---- hearing ---- */

static uint32_t
sum_of(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* What a row was told; false: it asked nothing. `next`: the first answer that no row has had yet. */
static bool
answer_of(const struct chunk_policy *policy, const struct batch *ask, const struct batch *completion, uint64_t step,
          uint32_t row, uint32_t *next, struct chunk_scratch *scratch, struct policy_answer *out)
{
    uint32_t i = *next, begin;

    *out = (struct policy_answer){.status = MODELS_UNAVAILABLE};
    if (!policy_asks(policy->policy))
        return false;
    if (completion == NULL)
        return ask_row(policy, ask, step, row, &scratch->question);
    if (i == completion->count[COMPLETION_ROW] || batch_u32(completion, COMPLETION_place, i) != ask->first + row)
        return false;
    begin = batch_u32(completion, COMPLETION_texts, i);
    *out = (struct policy_answer){
        .status = (enum models_status)batch_u8(completion, COMPLETION_status, i),
        .text = (const char *)completion->data[COMPLETION_text] + begin,
        .size = batch_u32(completion, COMPLETION_texts, i + 1) - begin,
        .digest = batch_u64(completion, COMPLETION_digest, i),
        .tokens = sum_of(batch_u32(completion, COMPLETION_tokens_in, i),
                         batch_u32(completion, COMPLETION_tokens_out, i)),
    };
    ++*next;
    return true;
}

/* ---- the act round ---- */

static void
decide_row(const struct chunk_policy *policy, struct sandbox_view *view, const struct policy_answer *answer,
           struct sandbox_decision *decision, struct policy_mind *mind)
{
    decision->verb = VERB_PASS;
    decision->target = SANDBOX_NOBODY;
    decision->value = 0;
    decision->amount = 0;
    decision->work = 0.0;
    decision->partner = SANDBOX_NOBODY;
    decision->kind = INTERACTION_REPLY;
    decision->transfer = 0;
    decision->effort = decision->disguise = 0.0;
    decision->payload = false;
    decision->whom = decision->topic = SANDBOX_NOBODY;
    decision->post_kind = POST_PLAIN;
    decision->stance = 0;
    decision->text[0] = '\0';
    decision->text_size = 0;
    decision->memory_size = view->memory_size < POLICY_MEMORY_MAX ? view->memory_size : POLICY_MEMORY_MAX;
    if (decision->memory_size > 0)
        memcpy(decision->memory, view->memory, decision->memory_size);
    *mind = (struct policy_mind){.mind = MIND_NONE, .confidence = 0.5};
    if (answer != NULL)
        policy->policy->sandbox_hear(policy->params, view, answer, decision, mind);
    else
        policy->policy->sandbox_act(policy->params, view, decision);
}

static void
write_extra(struct batch_writer *writer, const struct chunk_row *rows, uint32_t count)
{
    uint32_t *whom = batch_column(writer, DECIDE_whom), *topic = batch_column(writer, DECIDE_topic);
    int32_t *stance = batch_column(writer, DECIDE_stance);
    uint8_t *post_kind = batch_column(writer, DECIDE_post_kind), *payload = batch_column(writer, DECIDE_payload);

    for (uint32_t i = 0; i < count; i++) {
        whom[i] = rows[i].whom;
        topic[i] = rows[i].topic;
        stance[i] = rows[i].stance;
        post_kind[i] = rows[i].post_kind;
        payload[i] = rows[i].payload;
    }
}

/* One column of the answer from one member of the rows. */
#define COLUMN_FROM(type, column, member)                                                                            \
    do {                                                                                                             \
        type *to = batch_column(&writer, column);                                                                    \
        for (uint32_t i = 0; i < count; i++)                                                                         \
            to[i] = rows[i].member;                                                                                  \
    } while (0)

static void
write_minds(struct batch_writer *writer, const struct policy_mind *minds, uint32_t count)
{
    uint8_t *mind = batch_column(writer, DECIDE_mind), *signs = batch_column(writer, DECIDE_mind_signs);
    uint8_t *taint = batch_column(writer, DECIDE_mind_taint);
    double *confidence = batch_column(writer, DECIDE_mind_confidence);
    uint64_t *answer = batch_column(writer, DECIDE_mind_answer);
    uint32_t *tokens = batch_column(writer, DECIDE_mind_tokens), *read = batch_column(writer, DECIDE_mind_read);

    for (uint32_t i = 0; i < count; i++) {
        ASSERT(minds[i].mind < SANDBOX_MINDS);
        mind[i] = (uint8_t)minds[i].mind;
        signs[i] = minds[i].signs;
        taint[i] = minds[i].taint;
        confidence[i] = share(minds[i].confidence);
        answer[i] = minds[i].answer;
        tokens[i] = minds[i].tokens;
        read[i] = minds[i].read;
    }
}

static void
write_decisions(const struct batch *ask, uint64_t tag, bool asks, const struct chunk_scratch *scratch,
                struct buffer *out)
{
    bool extra = ask->count[ACT_TRAIT] > 0;
    uint32_t count = ask->count[ACT_ROW];
    uint32_t counts[DECIDE_AXES] = {[DECIDE_ROW] = count, [DECIDE_TEXT] = (uint32_t)scratch->text.size,
        [DECIDE_MEMORY] = (uint32_t)scratch->memory.size, [DECIDE_EXTRA] = extra ? count : 0,
        [DECIDE_MIND] = asks ? count : 0};
    const struct chunk_row *rows = scratch->rows;
    struct batch_writer writer;

    batch_begin(&writer, &schema_sandbox_decide, out, tag, ask->first, counts);
    if (count > 0)
        memcpy(batch_column(&writer, DECIDE_agent), ask->data[OBSERVE_agent], 4 * (size_t)count);
    COLUMN_FROM(uint8_t, DECIDE_verb, verb);
    COLUMN_FROM(uint32_t, DECIDE_target, target);
    COLUMN_FROM(int32_t, DECIDE_value, value);
    COLUMN_FROM(int64_t, DECIDE_amount, amount);
    COLUMN_FROM(double, DECIDE_work, work);
    COLUMN_FROM(uint32_t, DECIDE_partner, partner);
    COLUMN_FROM(uint8_t, DECIDE_kind, kind);
    COLUMN_FROM(int64_t, DECIDE_transfer, transfer);
    COLUMN_FROM(double, DECIDE_effort, effort);
    COLUMN_FROM(double, DECIDE_disguise, disguise);
    if (extra)
        write_extra(&writer, rows, count);
    if (asks)
        write_minds(&writer, scratch->minds, count);
    for (uint32_t i = 0; i < count; i++) { /* element 0 stays 0 */
        ((uint32_t *)batch_column(&writer, DECIDE_texts))[i + 1] = (uint32_t)rows[i].text_end;
        ((uint32_t *)batch_column(&writer, DECIDE_memories))[i + 1] = (uint32_t)rows[i].memory_end;
    }
    batch_fill_bytes(&writer, DECIDE_text, 0, scratch->text.data, counts[DECIDE_TEXT]);
    batch_fill_bytes(&writer, DECIDE_memory, 0, scratch->memory.data, counts[DECIDE_MEMORY]);
}

/* Room for what so many rows decide. */
static void
make_room(struct chunk_scratch *scratch, uint32_t rows)
{
    if (rows > scratch->mind_capacity) {
        free(scratch->minds);
        scratch->minds = ALLOC_ARRAY(struct policy_mind, rows);
        scratch->mind_capacity = rows;
    }
    if (rows > scratch->capacity) {
        free(scratch->rows);
        scratch->rows = ALLOC_ARRAY(struct chunk_row, rows);
        scratch->capacity = rows;
    }
}

static void
decide_all(const struct chunk_policy *policy, const struct batch *ask, const struct batch *completion, uint64_t step,
           uint64_t tag, struct chunk_scratch *scratch, struct buffer *out)
{
    struct sandbox_decision decision = {0};
    uint32_t count = ask->count[ACT_ROW], next = 0;

    make_room(scratch, count);
    buffer_clear(&scratch->text);
    buffer_clear(&scratch->memory);
    for (uint32_t row = 0; row < count; row++) {
        struct sandbox_view view = view_of(policy, ask, step, row);
        struct policy_answer answer;
        bool asked = answer_of(policy, ask, completion, step, row, &next, scratch, &answer);

        decide_row(policy, &view, asked ? &answer : NULL, &decision, &scratch->minds[row]);
        keep(scratch, &scratch->rows[row], &view, &decision);
    }
    write_decisions(ask, tag, policy_asks(policy->policy), scratch, out);
}

/* ---- the accept round ---- */

static void
answer_row(const struct chunk_policy *policy, const struct sandbox_offers_view *view,
           const struct policy_answer *answer, struct chunk_scratch *scratch, struct policy_mind *mind)
{
    uint32_t count = view->offer_end - view->offer_begin;

    if (count > scratch->reply_capacity) {
        free(scratch->replies);
        scratch->replies = ALLOC_ARRAY(struct sandbox_reply, count);
        scratch->reply_capacity = count;
    }
    for (uint32_t i = 0; i < count; i++)
        scratch->replies[i] = (struct sandbox_reply){.belief = 0.5};
    *mind = (struct policy_mind){.mind = MIND_NONE, .confidence = 0.5};
    if (answer != NULL) {
        policy->policy->sandbox_hear_offers(policy->params, view, answer, scratch->replies, mind);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct sandbox_offer_view one = policy_offer_view(view, view->offer_begin + i);

        policy->policy->sandbox_answer(policy->params, &one, &scratch->replies[i]);
    }
}

static void
write_answer_minds(struct batch_writer *writer, const struct policy_mind *minds, uint32_t count)
{
    uint8_t *mind = batch_column(writer, ANSWER_mind), *signs = batch_column(writer, ANSWER_mind_signs);
    double *confidence = batch_column(writer, ANSWER_mind_confidence);
    uint64_t *answer = batch_column(writer, ANSWER_mind_answer);
    uint32_t *tokens = batch_column(writer, ANSWER_mind_tokens);

    for (uint32_t i = 0; i < count; i++) {
        ASSERT(minds[i].mind < SANDBOX_MINDS);
        mind[i] = (uint8_t)minds[i].mind;
        signs[i] = minds[i].signs;
        confidence[i] = share(minds[i].confidence);
        answer[i] = minds[i].answer;
        tokens[i] = minds[i].tokens;
    }
}

static void
answer_all(const struct chunk_policy *policy, const struct batch *ask, const struct batch *completion, uint64_t step,
           uint64_t tag, struct chunk_scratch *scratch, struct buffer *out)
{
    uint32_t rows = ask->count[OFFERS_ROW], next = 0;
    uint32_t counts[ANSWER_AXES] = {[ANSWER_ROW] = rows, [ANSWER_OFFER] = ask->count[OFFERS_OFFER],
        [ANSWER_MIND] = policy_asks(policy->policy) ? rows : 0};
    struct batch_writer writer;

    make_room(scratch, rows);
    batch_begin(&writer, &schema_sandbox_answer, out, tag, ask->first, counts);
    memcpy(batch_column(&writer, ANSWER_offers), ask->data[OFFERS_offers], 4 * ((size_t)rows + 1));
    if (rows > 0)
        memcpy(batch_column(&writer, ANSWER_agent), ask->data[OFFERS_agent], 4 * (size_t)rows);
    for (uint32_t row = 0; row < rows; row++) {
        struct sandbox_offers_view view = offers_view_of(policy, ask, step, row);
        uint8_t *accept = (uint8_t *)batch_column(&writer, ANSWER_accept) + view.offer_begin;
        double *belief = (double *)batch_column(&writer, ANSWER_belief) + view.offer_begin;
        struct policy_answer answer;
        bool asked = answer_of(policy, ask, completion, step, row, &next, scratch, &answer);

        answer_row(policy, &view, asked ? &answer : NULL, scratch, &scratch->minds[row]);
        for (uint32_t i = 0; i < view.offer_end - view.offer_begin; i++) {
            accept[i] = scratch->replies[i].accept;
            belief[i] = share(scratch->replies[i].belief);
        }
    }
    if (counts[ANSWER_MIND] > 0)
        write_answer_minds(&writer, scratch->minds, rows);
}

void
chunk_hear(const struct chunk_policy *policy, const struct batch *ask, const struct batch *completion, uint64_t step,
           uint64_t tag, struct chunk_scratch *scratch, struct buffer *out)
{
    if (ask->schema == &schema_sandbox_observe)
        decide_all(policy, ask, completion, step, tag, scratch, out);
    else
        answer_all(policy, ask, completion, step, tag, scratch, out);
}

void
chunk_decide(const struct chunk_policy *policy, const struct batch *ask, uint64_t step, uint64_t tag,
             struct chunk_scratch *scratch, struct buffer *out)
{
    chunk_hear(policy, ask, NULL, step, tag, scratch, out);
}
