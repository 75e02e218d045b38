#include "agents/chunk.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/assert.h"

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
    buffer_fini(&self->text);
    buffer_fini(&self->memory);
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

static void
decide_row(const struct chunk_policy *policy, const struct batch *ask, uint64_t step, uint32_t row,
           struct sandbox_decision *decision, struct chunk_scratch *scratch)
{
    uint32_t agent = batch_u32(ask, OBSERVE_agent, row);
    uint32_t memory_begin = batch_u32(ask, OBSERVE_memories, row),
             memory_end = batch_u32(ask, OBSERVE_memories, row + 1);
    struct sandbox_view view = {
        .batch = ask, .row = row, .agent = agent,
        .candidate_begin = batch_u32(ask, OBSERVE_candidates, row),
        .candidate_end = batch_u32(ask, OBSERVE_candidates, row + 1),
        .memory = ask->data[OBSERVE_memory] + memory_begin,
        .memory_size = memory_end - memory_begin,
        .rng = rng_make(policy->seed, STREAM_DECIDE, agent, step),
    };

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
    decision->memory_size = view.memory_size < POLICY_MEMORY_MAX ? view.memory_size : POLICY_MEMORY_MAX;
    if (decision->memory_size > 0)
        memcpy(decision->memory, view.memory, decision->memory_size);
    policy->policy->sandbox_act(policy->params, &view, decision);
    keep(scratch, &scratch->rows[row], &view, decision);
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
write_decisions(const struct batch *ask, uint64_t tag, const struct chunk_scratch *scratch, struct buffer *out)
{
    bool extra = ask->count[ACT_TRAIT] > 0;
    uint32_t count = ask->count[ACT_ROW];
    uint32_t counts[DECIDE_AXES] = {[DECIDE_ROW] = count, [DECIDE_TEXT] = (uint32_t)scratch->text.size,
        [DECIDE_MEMORY] = (uint32_t)scratch->memory.size, [DECIDE_EXTRA] = extra ? count : 0};
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
    for (uint32_t i = 0; i < count; i++) { /* element 0 stays 0 */
        ((uint32_t *)batch_column(&writer, DECIDE_texts))[i + 1] = (uint32_t)rows[i].text_end;
        ((uint32_t *)batch_column(&writer, DECIDE_memories))[i + 1] = (uint32_t)rows[i].memory_end;
    }
    batch_fill_bytes(&writer, DECIDE_text, 0, scratch->text.data, counts[DECIDE_TEXT]);
    batch_fill_bytes(&writer, DECIDE_memory, 0, scratch->memory.data, counts[DECIDE_MEMORY]);
}

static void
decide_all(const struct chunk_policy *policy, const struct batch *ask, uint64_t step, uint64_t tag,
           struct chunk_scratch *scratch, struct buffer *out)
{
    struct sandbox_decision decision = {0};
    uint32_t count = ask->count[ACT_ROW];

    if (count > scratch->capacity) {
        free(scratch->rows);
        scratch->rows = ALLOC_ARRAY(struct chunk_row, count);
        scratch->capacity = count;
    }
    buffer_clear(&scratch->text);
    buffer_clear(&scratch->memory);
    for (uint32_t row = 0; row < count; row++)
        decide_row(policy, ask, step, row, &decision, scratch);
    write_decisions(ask, tag, scratch, out);
}

static void
answer_row(const struct chunk_policy *policy, const struct batch *ask, uint64_t step, uint32_t row, uint8_t *accept,
           double *belief)
{
    uint32_t agent = batch_u32(ask, OFFERS_agent, row);
    uint32_t memory_begin = batch_u32(ask, OFFERS_memories, row), memory_end = batch_u32(ask, OFFERS_memories, row + 1);
    struct sandbox_offer_view view = {
        .batch = ask, .row = row, .agent = agent,
        .memory = ask->data[OFFERS_memory] + memory_begin,
        .memory_size = memory_end - memory_begin,
    };

    for (view.offer = batch_u32(ask, OFFERS_offers, row); view.offer < batch_u32(ask, OFFERS_offers, row + 1);
         view.offer++) {
        struct sandbox_reply reply = {.belief = 0.5};

        /* An initiator proposes once a step, so its lane is this offer's alone, also when turns are sequential. */
        view.rng = rng_make(policy->seed, STREAM_ACCEPT, agent, step);
        rng_lane(&view.rng, batch_u32(ask, OFFERS_initiator, view.offer));
        policy->policy->sandbox_answer(policy->params, &view, &reply);
        accept[view.offer] = reply.accept;
        belief[view.offer] = share(reply.belief);
    }
}

static void
answer_all(const struct chunk_policy *policy, const struct batch *ask, uint64_t step, uint64_t tag, struct buffer *out)
{
    uint32_t counts[ANSWER_AXES] = {[ANSWER_ROW] = ask->count[OFFERS_ROW], [ANSWER_OFFER] = ask->count[OFFERS_OFFER]};
    struct batch_writer writer;

    batch_begin(&writer, &schema_sandbox_answer, out, tag, ask->first, counts);
    memcpy(batch_column(&writer, ANSWER_offers), ask->data[OFFERS_offers], 4 * ((size_t)counts[ANSWER_ROW] + 1));
    if (counts[ANSWER_ROW] > 0)
        memcpy(batch_column(&writer, ANSWER_agent), ask->data[OFFERS_agent], 4 * (size_t)counts[ANSWER_ROW]);
    for (uint32_t row = 0; row < counts[ANSWER_ROW]; row++)
        answer_row(policy, ask, step, row, batch_column(&writer, ANSWER_accept), batch_column(&writer, ANSWER_belief));
}

void
chunk_decide(const struct chunk_policy *policy, const struct batch *ask, uint64_t step, uint64_t tag,
             struct chunk_scratch *scratch, struct buffer *out)
{
    if (ask->schema == &schema_sandbox_observe)
        decide_all(policy, ask, step, tag, scratch, out);
    else
        answer_all(policy, ask, step, tag, out);
}
