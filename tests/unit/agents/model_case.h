/* tests/unit/agents/model_case.h - scenes for policies that ask models, and answers written by hand. */
#ifndef POLIS_TESTS_MODEL_CASE_H
#define POLIS_TESTS_MODEL_CASE_H

#include "core/injection.h"
#include "tests/unit/agents/view_case.h"

#define MODEL_STEP 7u

/* Posts with words, beside what view_case.h makes. */
struct model_words {
    const char *text[CASE_LIST]; /* NULL: none */
    uint8_t taint[CASE_LIST];
};

/* The same observation with texts: a copy of the batch with the axis of words filled. */
static CASE_UNUSED void
model_observe(const struct case_scene *scene, const struct model_words *words, const struct case_agent *agents,
              uint32_t count, uint32_t first, struct buffer *out)
{
    struct buffer plain = {0};
    struct batch batch;
    struct batch_writer w;
    struct why why = {0};
    uint32_t counts[AXIS_MAX] = {0}, at = 0;

    case_observe(scene, agents, count, &plain);
    assert_int_equal(batch_read(&schema_sandbox_observe, plain.data, plain.size, &batch, &why), 0);
    memcpy(counts, batch.count, sizeof counts);
    for (uint32_t i = 0; i < scene->post_count; i++)
        counts[ACT_WORDS] += words->text[i] != NULL ? (uint32_t)strlen(words->text[i]) : 0;
    batch_begin(&w, &schema_sandbox_observe, out, CASE_SEED, first, counts);
    for (uint32_t c = 0; c < OBSERVE_COUNT; c++) {
        const struct column *column = &schema_sandbox_observe.columns[c];
        size_t elements = counts[column->axis] + (column->kind == COLUMN_OFFSETS);

        if (c != OBSERVE_post_words && c != OBSERVE_words && c != OBSERVE_post_taint)
            memcpy(batch_column(&w, c), batch.data[c], elements * column_width(column->kind));
    }
    for (uint32_t i = 0; i < scene->post_count; i++) {
        uint32_t size = words->text[i] != NULL ? (uint32_t)strlen(words->text[i]) : 0;

        batch_fill_bytes(&w, OBSERVE_words, at, words->text[i], size);
        at += size;
        PUT(uint32_t, OBSERVE_post_words, i + 1, at);
        PUT(uint8_t, OBSERVE_post_taint, i, words->taint[i]);
    }
    buffer_fini(&plain);
}

/* What a model answered, row by row of a prompt. */
struct model_answer {
    enum models_status status;
    const char *text; /* NULL: "" */
    uint64_t digest;
    uint32_t tokens;
};

static CASE_UNUSED void
model_complete(const struct buffer *prompt, const struct model_answer *answers, struct buffer *out)
{
    struct batch batch;
    struct batch_writer w;
    struct why why = {0};
    uint32_t counts[COMPLETION_AXES] = {0}, at = 0;

    assert_int_equal(batch_read(&schema_prompt, prompt->data, prompt->size, &batch, &why), 0);
    counts[COMPLETION_ROW] = batch.count[PROMPT_ROW];
    for (uint32_t i = 0; i < counts[COMPLETION_ROW]; i++)
        counts[COMPLETION_TEXT] += answers[i].text != NULL ? (uint32_t)strlen(answers[i].text) : 0;
    batch_begin(&w, &schema_completion, out, digest_xxh3(prompt->data, prompt->size), 0, counts);
    for (uint32_t i = 0; i < counts[COMPLETION_ROW]; i++) {
        uint32_t size = answers[i].text != NULL ? (uint32_t)strlen(answers[i].text) : 0;

        PUT(uint32_t, COMPLETION_place, i, batch_u32(&batch, PROMPT_place, i));
        PUT(uint8_t, COMPLETION_status, i, (uint8_t)answers[i].status);
        PUT(uint64_t, COMPLETION_digest, i, answers[i].digest);
        PUT(uint32_t, COMPLETION_tokens_in, i, answers[i].tokens);
        PUT(uint32_t, COMPLETION_tokens_out, i, answers[i].tokens);
        batch_fill_bytes(&w, COMPLETION_text, at, answers[i].text, size);
        at += size;
        PUT(uint32_t, COMPLETION_texts, i + 1, at);
    }
}

/* A batch of questions, a batch of what came back, and the decisions about it. */
struct model_round {
    struct buffer ask, prompt, completion, out;
    struct batch observed, asked, told, decided;
    struct chunk_scratch scratch;
    bool asks;
};

/* Asks about round->ask, in phase 3. */
static CASE_UNUSED void
model_ask(struct model_round *round, const struct chunk_policy *policy)
{
    bool is_act = batch_schema_id(round->ask.data, round->ask.size) == schema_sandbox_observe.id;
    struct why why = {0};

    assert_int_equal(batch_read(is_act ? &schema_sandbox_observe : &schema_sandbox_offers, round->ask.data,
                                round->ask.size, &round->observed, &why), 0);
    if (chunk_check(policy, &round->observed, MODEL_STEP, &why) != 0)
        case_fail(why.text);
    buffer_clear(&round->prompt);
    round->asks = chunk_ask(policy, &round->observed, MODEL_STEP, 3, &round->scratch, &round->prompt);
    assert_int_equal(round->asks, round->prompt.size > 0);
    if (!round->asks)
        return;
    assert_int_equal(batch_read(&schema_prompt, round->prompt.data, round->prompt.size, &round->asked, &why), 0);
    if (batch_check(&round->asked, &why) != 0)
        case_fail(why.text);
}

/* Decides with these answers; NULL: none. */
static CASE_UNUSED void
model_hear(struct model_round *round, const struct chunk_policy *policy, const struct model_answer *answers)
{
    bool is_act = round->observed.schema == &schema_sandbox_observe;
    struct why why = {0};

    if (answers != NULL) {
        buffer_clear(&round->completion);
        model_complete(&round->prompt, answers, &round->completion);
        assert_int_equal(batch_read(&schema_completion, round->completion.data, round->completion.size, &round->told,
                                    &why), 0);
        if (chunk_answers_check(&round->asked, &round->told, &why) != 0)
            case_fail(why.text);
    }
    buffer_clear(&round->out);
    chunk_hear(policy, &round->observed, answers != NULL ? &round->told : NULL, MODEL_STEP, 99, &round->scratch,
               &round->out);
    assert_int_equal(batch_read(is_act ? &schema_sandbox_decide : &schema_sandbox_answer, round->out.data,
                                round->out.size, &round->decided, &why), 0);
    if (batch_check(&round->decided, &why) != 0)
        case_fail(why.text);
}

static CASE_UNUSED void
model_fini(struct model_round *round)
{
    buffer_fini(&round->ask);
    buffer_fini(&round->prompt);
    buffer_fini(&round->completion);
    buffer_fini(&round->out);
    chunk_scratch_fini(&round->scratch);
}

/* A list of bytes of a read batch: whether some words stand in it. */
static CASE_UNUSED bool
model_holds(const struct batch *batch, uint32_t offsets, uint32_t bytes, uint32_t i, const char *words)
{
    uint32_t from = batch_u32(batch, offsets, i), to = batch_u32(batch, offsets, i + 1);

    return to > from && memmem(batch->data[bytes] + from, to - from, words, strlen(words)) != NULL;
}

#endif
