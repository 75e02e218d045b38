/* tests/support/llmdouble/double_gemini.c - Gemini's generateContent. */
#include "tests/support/llmdouble/double_dialect.h"

#include "core/text.h"

#include <inttypes.h>

static void
add_rest(const struct double_answer *answer, bool usage, struct buffer *out)
{
    if (usage && !answer->usage_absent)
        text_addf(out,
                  ",\"usageMetadata\":{\"promptTokenCount\":%" PRId64 ",\"candidatesTokenCount\":%" PRId64
                  ",\"thoughtsTokenCount\":0,\"totalTokenCount\":%" PRId64 "}",
                  answer->tokens_in, answer->tokens_out,
                  (int64_t)((uint64_t)answer->tokens_in + (uint64_t)answer->tokens_out));
    text_add(out, ",\"modelVersion\":");
    double_dialect_quote(out, answer->model);
    text_addf(out, ",\"responseId\":\"%016" PRIx64 "\"}", answer->key);
}

static const char *
finish_name(const struct double_answer *answer)
{
    return answer->finish == DOUBLE_LENGTH ? "MAX_TOKENS" : "STOP";
}

static void
add_response(const struct double_answer *answer, struct double_slice text, bool last, struct buffer *out)
{
    if (answer->finish == DOUBLE_REFUSED) {
        text_add(out, "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}");
        add_rest(answer, true, out);
        return;
    }
    text_add(out, "{\"candidates\":[{\"content\":{");
    if (!answer->is_null) {
        text_add(out, "\"parts\":[{\"text\":");
        double_dialect_quote(out, text);
        text_add(out, "}],");
    }
    text_add(out, "\"role\":\"model\"}");
    if (last && !answer->finish_absent)
        text_addf(out, ",\"finishReason\":\"%s\"", finish_name(answer));
    text_add(out, ",\"index\":0}]");
    add_rest(answer, last, out);
}

static void
gemini_whole(const struct double_ask *ask, const struct double_answer *answer, struct buffer *body)
{
    (void)ask;
    add_response(answer, (struct double_slice){(const char *)answer->text.data, answer->text.size}, true, body);
}

static void
gemini_stream(const struct double_ask *ask, const struct double_answer *answer, struct double_stream *out)
{
    struct double_slice piece = {NULL, 0};
    bool silent = answer->is_null || answer->finish == DOUBLE_REFUSED;
    size_t at = 0;

    (void)ask;
    do {
        bool last;

        if (!silent)
            piece = double_dialect_piece(&answer->text, &at, answer->piece_size);
        last = silent || at == answer->text.size;
        text_add(&out->body, "data: ");
        add_response(answer, piece, last, &out->body);
        text_add(&out->body, "\r\n\r\n");
        double_stream_end(out);
        if (last)
            return;
    } while (true);
}

static const struct row {
    unsigned status;
    const char *name;
} rows[] = {
    [DOUBLE_BAD_REQUEST] = {400, "INVALID_ARGUMENT"},
    [DOUBLE_NO_SUCH_PLACE] = {404, "NOT_FOUND"},
    [DOUBLE_RATE] = {429, "RESOURCE_EXHAUSTED"},
    [DOUBLE_QUOTA] = {429, "RESOURCE_EXHAUSTED"},
    [DOUBLE_SPEND_LIMIT] = {429, "RESOURCE_EXHAUSTED"},
    [DOUBLE_BROKEN] = {500, "INTERNAL"},
    [DOUBLE_LOADING] = {503, "UNAVAILABLE"},
    [DOUBLE_OVERLOADED] = {529, "UNAVAILABLE"},
};

static unsigned
gemini_refuse(enum double_refusal refusal, const char *message, uint32_t wait_ms, uint64_t key, struct buffer *body)
{
    (void)key;
    text_addf(body, "{\"error\":{\"code\":%u,\"message\":", rows[refusal].status);
    double_dialect_quote(body, double_slice_of(message));
    text_addf(body, ",\"status\":\"%s\"", rows[refusal].name);
    if (refusal == DOUBLE_QUOTA || refusal == DOUBLE_SPEND_LIMIT)
        text_add(body, ",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.QuotaFailure\",\"violations\":[{"
                       "\"quotaId\":\"GenerateRequestsPerDayPerProjectPerModel\",\"quotaValue\":\"0\"}]}]");
    else if (wait_ms > 0)
        text_addf(body,
                  ",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"%u.%03us\"}]",
                  wait_ms / 1000, wait_ms % 1000);
    text_add(body, "}}");
    return rows[refusal].status;
}

static void
gemini_stream_error(uint64_t key, struct double_stream *out)
{
    text_add(&out->body, "data: ");
    (void)gemini_refuse(DOUBLE_BROKEN, "An internal error has occurred.", 0, key, &out->body);
    text_add(&out->body, "\r\n\r\n");
    double_stream_end(out);
}

const struct double_dialect double_dialect_gemini = {
    .name = "gemini",
    .whole = gemini_whole,
    .stream = gemini_stream,
    .refuse = gemini_refuse,
    .stream_error = gemini_stream_error,
};
