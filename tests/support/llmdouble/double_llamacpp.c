/* tests/support/llmdouble/double_llamacpp.c - llama.cpp's own completion; its chat speaks OpenAI's dialect. */
#include "tests/support/llmdouble/double_dialect.h"

#include "core/text.h"

#include <inttypes.h>

static struct double_slice
words(const struct double_answer *answer)
{
    if (answer->finish == DOUBLE_REFUSED)
        return double_slice_of("I cannot help with that.");
    return (struct double_slice){(const char *)answer->text.data, answer->text.size};
}

static void
add_end(const struct double_answer *answer, struct buffer *out)
{
    text_addf(out, ",\"stop\":true,\"stop_type\":\"%s\",\"stopping_word\":\"\",\"truncated\":false,\"model\":",
              answer->finish == DOUBLE_LENGTH ? "limit" : "eos");
    double_dialect_quote(out, answer->model);
    if (!answer->usage_absent)
        text_addf(out,
                  ",\"tokens_predicted\":%" PRId64 ",\"tokens_evaluated\":%" PRId64
                  ",\"tokens_cached\":0,\"timings\":{\"prompt_n\":%" PRId64
                  ",\"prompt_ms\":10.0,\"predicted_n\":%" PRId64
                  ",\"predicted_ms\":20.0,\"predicted_per_second\":50.0}",
                  answer->tokens_out, answer->tokens_in, answer->tokens_in, answer->tokens_out);
    text_add(out, "}");
}

static void
add_content(const struct double_answer *answer, struct double_slice text, struct buffer *out)
{
    text_add(out, "{\"index\":0,\"content\":");
    if (answer->is_null)
        text_add(out, "null");
    else
        double_dialect_quote(out, text);
}

static void
llamacpp_whole(const struct double_ask *ask, const struct double_answer *answer, struct buffer *body)
{
    if (ask->endpoint == DOUBLE_LLAMACPP_HEALTH) {
        text_add(body, "{\"status\":\"ok\"}");
        return;
    }
    add_content(answer, words(answer), body);
    text_add(body, ",\"id_slot\":0");
    add_end(answer, body);
}

static void
llamacpp_stream(const struct double_ask *ask, const struct double_answer *answer, struct double_stream *out)
{
    struct double_slice all = words(answer), piece;
    struct buffer text = {(uint8_t *)(uintptr_t)all.at, all.size, all.size};
    size_t at = 0;

    (void)ask;
    while (!answer->is_null && (piece = double_dialect_piece(&text, &at, answer->piece_size)).size > 0) {
        text_add(&out->body, "data: ");
        add_content(answer, piece, &out->body);
        text_add(&out->body, ",\"stop\":false,\"id_slot\":0}\n\n");
        double_stream_end(out);
    }
    if (answer->closing_absent)
        return;
    text_add(&out->body, "data: ");
    add_content(answer, double_slice_of(""), &out->body);
    add_end(answer, &out->body);
    text_add(&out->body, "\n\n");
    double_stream_end(out);
}

static const struct row {
    unsigned status;
    const char *type;
} rows[] = {
    [DOUBLE_BAD_REQUEST] = {400, "invalid_request_error"},
    [DOUBLE_NO_SUCH_PLACE] = {404, "not_found_error"},
    [DOUBLE_RATE] = {429, "rate_limit_error"},
    [DOUBLE_QUOTA] = {429, "insufficient_quota"},
    [DOUBLE_SPEND_LIMIT] = {429, "insufficient_quota"},
    [DOUBLE_BROKEN] = {500, "server_error"},
    [DOUBLE_LOADING] = {503, "unavailable_error"},
    [DOUBLE_OVERLOADED] = {529, "unavailable_error"},
};

static unsigned
llamacpp_refuse(enum double_refusal refusal, const char *message, uint32_t wait_ms, uint64_t key, struct buffer *body)
{
    (void)wait_ms;
    (void)key;
    text_addf(body, "{\"error\":{\"code\":%u,\"message\":", rows[refusal].status);
    double_dialect_quote(body, double_slice_of(refusal == DOUBLE_LOADING ? "Loading model" : message));
    text_addf(body, ",\"type\":\"%s\"}}", rows[refusal].type);
    return rows[refusal].status;
}

static void
llamacpp_stream_error(uint64_t key, struct double_stream *out)
{
    text_add(&out->body, "data: ");
    (void)llamacpp_refuse(DOUBLE_BROKEN, "the slot failed", 0, key, &out->body);
    text_add(&out->body, "\n\n");
    double_stream_end(out);
}

const struct double_dialect double_dialect_llamacpp = {
    .name = "llamacpp",
    .whole = llamacpp_whole,
    .stream = llamacpp_stream,
    .refuse = llamacpp_refuse,
    .stream_error = llamacpp_stream_error,
};
