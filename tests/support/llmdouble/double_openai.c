/* tests/support/llmdouble/double_openai.c - chat completions of OpenAI and of the servers that speak like it. */
#include "tests/support/llmdouble/double_dialect.h"

#include "core/text.h"

#include <inttypes.h>

#define NO_ANSWER "I cannot help with that."

static void
add_usage(const struct double_answer *answer, struct buffer *out)
{
    text_addf(
        out,
        "{\"prompt_tokens\":%" PRId64 ",\"completion_tokens\":%" PRId64 ",\"total_tokens\":%" PRId64
        ",\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}",
        answer->tokens_in, answer->tokens_out, (int64_t)((uint64_t)answer->tokens_in + (uint64_t)answer->tokens_out));
}

static const char *
finish_name(const struct double_answer *answer, bool calls)
{
    return answer->finish == DOUBLE_LENGTH ? "length" : calls ? "tool_calls" : "stop";
}

static void
add_call(const struct double_ask *ask, const struct double_answer *answer, struct buffer *out)
{
    text_addf(out,
              "\"content\":null,\"refusal\":null,\"tool_calls\":[{\"id\":\"call_%016" PRIx64
              "\",\"type\":\"function\",\"function\":{\"name\":",
              answer->key);
    double_dialect_quote(out, ask->tool);
    text_add(out, ",\"arguments\":");
    double_dialect_quote_text(out, &answer->text);
    text_add(out, "}}]");
}

static void
add_message(const struct double_ask *ask, const struct double_answer *answer, bool calls, struct buffer *out)
{
    text_add(out, "{\"role\":\"assistant\",");
    if (calls) {
        add_call(ask, answer, out);
    } else if (answer->finish == DOUBLE_REFUSED) {
        text_add(out, "\"content\":null,\"refusal\":\"" NO_ANSWER "\"");
    } else if (answer->is_null) {
        text_add(out, "\"content\":null,\"refusal\":null");
    } else {
        text_add(out, "\"content\":");
        double_dialect_quote_text(out, &answer->text);
        text_add(out, ",\"refusal\":null");
    }
    text_add(out, "}");
}

static void
add_models(struct buffer *body)
{
    static const char *const names[] = {"gpt-4o-mini", "double-small", "double-large"};

    text_add(body, "{\"object\":\"list\",\"data\":[");
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        text_addf(body, "%s{\"id\":\"%s\",\"object\":\"model\",\"created\":%u,\"owned_by\":\"double\"}",
                  i == 0 ? "" : ",", names[i], DOUBLE_CREATED);
    text_add(body, "]}");
}

static void
openai_whole(const struct double_ask *ask, const struct double_answer *answer, struct buffer *body)
{
    bool calls = double_dialect_calls_tool(ask, answer, false);

    if (ask->endpoint == DOUBLE_OPENAI_MODELS) {
        add_models(body);
        return;
    }
    if (ask->endpoint == DOUBLE_OPENAI_COUNT) {
        text_addf(body, "{\"object\":\"response.input_tokens\",\"input_tokens\":%" PRId64 "}", answer->tokens_in);
        return;
    }
    text_addf(body,
              "{\"id\":\"chatcmpl-%016" PRIx64 "\",\"object\":\"chat.completion\",\"created\":%" PRIu64 ",\"model\":",
              answer->key, (uint64_t)DOUBLE_CREATED + answer->number);
    double_dialect_quote(body, answer->model);
    text_add(body, ",\"choices\":[{\"index\":0,\"message\":");
    add_message(ask, answer, calls, body);
    text_addf(body, ",\"logprobs\":null,\"finish_reason\":\"%s\"}]", finish_name(answer, calls));
    if (!answer->usage_absent) {
        text_add(body, ",\"usage\":");
        add_usage(answer, body);
    }
    if (ask->llamacpp)
        text_addf(body,
                  ",\"timings\":{\"cache_n\":0,\"prompt_n\":%" PRId64 ",\"prompt_ms\":10.0,\"predicted_n\":%" PRId64
                  ",\"predicted_ms\":20.0,\"predicted_per_second\":50.0}",
                  answer->tokens_in, answer->tokens_out);
    text_add(body, ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_double\"}");
}

static void
begin_chunk(const struct double_answer *answer, struct buffer *out)
{
    text_addf(out,
              "data: {\"id\":\"chatcmpl-%016" PRIx64 "\",\"object\":\"chat.completion.chunk\",\"created\":%" PRIu64
              ",\"model\":",
              answer->key, (uint64_t)DOUBLE_CREATED + answer->number);
    double_dialect_quote(out, answer->model);
    text_add(out, ",\"system_fingerprint\":\"fp_double\",\"choices\":[");
}

static void
end_chunk(const struct double_ask *ask, const char *finish, struct double_stream *out)
{
    text_add(&out->body, ",\"logprobs\":null,\"finish_reason\":");
    text_addf(&out->body, finish == NULL ? "null}]" : "\"%s\"}]", finish == NULL ? "" : finish);
    text_add(&out->body, ask->stream_usage ? ",\"usage\":null}\n\n" : "}\n\n");
    double_stream_end(out);
}

static void
stream_text(const struct double_ask *ask, const struct double_answer *answer, bool calls, struct double_stream *out)
{
    struct double_slice piece;
    size_t at = 0;

    while ((piece = double_dialect_piece(&answer->text, &at, answer->piece_size)).size > 0) {
        begin_chunk(answer, &out->body);
        text_add(&out->body, calls ? "{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
                                   : "{\"index\":0,\"delta\":{\"content\":");
        double_dialect_quote(&out->body, piece);
        text_add(&out->body, calls ? "}}]}" : "}");
        end_chunk(ask, NULL, out);
    }
}

static void
openai_stream(const struct double_ask *ask, const struct double_answer *answer, struct double_stream *out)
{
    bool calls = double_dialect_calls_tool(ask, answer, false);

    begin_chunk(answer, &out->body);
    if (calls) {
        text_addf(&out->body,
                  "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"index\":0,"
                  "\"id\":\"call_%016" PRIx64 "\",\"type\":\"function\",\"function\":{\"name\":",
                  answer->key);
        double_dialect_quote(&out->body, ask->tool);
        text_add(&out->body, ",\"arguments\":\"\"}}]}");
    } else {
        text_addf(&out->body, "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":%s,\"refusal\":null}",
                  answer->is_null || answer->finish == DOUBLE_REFUSED ? "null" : "\"\"");
    }
    end_chunk(ask, NULL, out);
    if (answer->finish == DOUBLE_REFUSED) {
        begin_chunk(answer, &out->body);
        text_add(&out->body, "{\"index\":0,\"delta\":{\"refusal\":\"" NO_ANSWER "\"}");
        end_chunk(ask, NULL, out);
    } else if (!answer->is_null) {
        stream_text(ask, answer, calls, out);
    }
    if (!answer->finish_absent) {
        begin_chunk(answer, &out->body);
        text_add(&out->body, "{\"index\":0,\"delta\":{}");
        end_chunk(ask, finish_name(answer, calls), out);
    }
    if (ask->stream_usage && !answer->usage_absent && !answer->closing_absent) {
        begin_chunk(answer, &out->body);
        text_add(&out->body, "],\"usage\":");
        add_usage(answer, &out->body);
        text_add(&out->body, "}\n\n");
        double_stream_end(out);
    }
    if (!answer->closing_absent) {
        text_add(&out->body, "data: [DONE]\n\n");
        double_stream_end(out);
    }
}

static const struct row {
    unsigned status;
    const char *type, *code;
} rows[] = {
    [DOUBLE_BAD_REQUEST] = {400, "invalid_request_error", "\"invalid_value\""},
    [DOUBLE_NO_SUCH_PLACE] = {404, "invalid_request_error", "\"unknown_url\""},
    [DOUBLE_RATE] = {429, "requests", "\"rate_limit_exceeded\""},
    [DOUBLE_QUOTA] = {429, "insufficient_quota", "\"insufficient_quota\""},
    [DOUBLE_SPEND_LIMIT] = {429, "insufficient_quota", "\"insufficient_quota\""},
    [DOUBLE_BROKEN] = {500, "server_error", "null"},
    [DOUBLE_LOADING] = {503, NULL, NULL},
    [DOUBLE_OVERLOADED] = {529, "server_error", "\"overloaded\""},
};

static unsigned
openai_refuse(enum double_refusal refusal, const char *message, uint32_t wait_ms, uint64_t key, struct buffer *body)
{
    const struct row *row = &rows[refusal];

    (void)wait_ms;
    (void)key;
    if (refusal == DOUBLE_LOADING) { /* only llama.cpp says so, also on this route */
        text_add(body, "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":\"unavailable_error\"}}");
        return row->status;
    }
    text_add(body, "{\"error\":{\"message\":");
    double_dialect_quote(body, double_slice_of(message));
    text_addf(body, ",\"type\":\"%s\",\"param\":null,\"code\":%s}}", row->type, row->code);
    return row->status;
}

static void
openai_stream_error(uint64_t key, struct double_stream *out)
{
    text_add(&out->body, "data: ");
    (void)openai_refuse(DOUBLE_BROKEN, "The server had an error while processing your request.", 0, key, &out->body);
    text_add(&out->body, "\n\n");
    double_stream_end(out);
}

const struct double_dialect double_dialect_openai = {
    .name = "openai",
    .whole = openai_whole,
    .stream = openai_stream,
    .refuse = openai_refuse,
    .stream_error = openai_stream_error,
};
