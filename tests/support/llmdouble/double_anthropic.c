/* tests/support/llmdouble/double_anthropic.c - Anthropic's messages. */
#include "tests/support/llmdouble/double_dialect.h"

#include "core/text.h"

#include <inttypes.h>

static const char *
stop_reason(const struct double_answer *answer, bool calls)
{
    return answer->finish == DOUBLE_LENGTH    ? "max_tokens"
           : answer->finish == DOUBLE_REFUSED ? "refusal"
           : calls                            ? "tool_use"
                                              : "end_turn";
}

static void
add_usage(const struct double_answer *answer, int64_t tokens_out, struct buffer *out)
{
    text_addf(out,
              ",\"usage\":{\"input_tokens\":%" PRId64
              ",\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":%" PRId64
              ",\"service_tier\":\"standard\"}",
              answer->tokens_in, tokens_out);
}

static void
begin_message(const struct double_answer *answer, struct buffer *out)
{
    text_addf(out,
              "{\"id\":\"msg_%016" PRIx64 "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":", answer->key);
    double_dialect_quote(out, answer->model);
}

static void
add_tool(const struct double_ask *ask, const struct double_answer *answer, struct buffer *out)
{
    text_addf(out, "{\"type\":\"tool_use\",\"id\":\"toolu_%016" PRIx64 "\",\"name\":", answer->key);
    double_dialect_quote(out, ask->tool);
    text_add(out, ",\"input\":");
}

static void
anthropic_whole(const struct double_ask *ask, const struct double_answer *answer, struct buffer *body)
{
    bool calls = double_dialect_calls_tool(ask, answer, true);

    if (ask->endpoint == DOUBLE_ANTHROPIC_COUNT) {
        text_addf(body, "{\"input_tokens\":%" PRId64 "}", answer->tokens_in);
        return;
    }
    begin_message(answer, body);
    text_add(body, ",\"content\":[");
    if (calls) {
        add_tool(ask, answer, body);
        buffer_append(body, answer->text.data, answer->text.size);
        text_add(body, "}");
    } else if (!answer->is_null && answer->finish != DOUBLE_REFUSED) {
        text_add(body, "{\"type\":\"text\",\"text\":");
        double_dialect_quote_text(body, &answer->text);
        text_add(body, "}");
    }
    text_addf(body, "],\"stop_reason\":\"%s\",\"stop_sequence\":null", stop_reason(answer, calls));
    if (!answer->usage_absent)
        add_usage(answer, answer->tokens_out, body);
    text_add(body, "}");
}

static void
event(struct double_stream *out, const char *text)
{
    text_add(&out->body, text);
    double_stream_end(out);
}

static void
stream_block(const struct double_ask *ask, const struct double_answer *answer, bool calls, struct double_stream *out)
{
    struct double_slice piece;
    size_t at = 0;

    text_add(&out->body,
             "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":");
    if (calls)
        add_tool(ask, answer, &out->body);
    event(out, calls ? "{}}}\n\n" : "{\"type\":\"text\",\"text\":\"\"}}\n\n");
    event(out, "event: ping\ndata: {\"type\": \"ping\"}\n\n");
    while ((piece = double_dialect_piece(&answer->text, &at, answer->piece_size)).size > 0) {
        text_addf(&out->body,
                  "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{%s:",
                  calls ? "\"type\":\"input_json_delta\",\"partial_json\"" : "\"type\":\"text_delta\",\"text\"");
        double_dialect_quote(&out->body, piece);
        event(out, "}}\n\n");
    }
    event(out, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
}

static void
anthropic_stream(const struct double_ask *ask, const struct double_answer *answer, struct double_stream *out)
{
    bool calls = double_dialect_calls_tool(ask, answer, true);

    text_add(&out->body, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":");
    begin_message(answer, &out->body);
    text_add(&out->body, ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null");
    if (!answer->usage_absent)
        add_usage(answer, 1, &out->body);
    event(out, "}}\n\n");
    if (!answer->is_null && answer->finish != DOUBLE_REFUSED)
        stream_block(ask, answer, calls, out);
    if (!answer->finish_absent) {
        text_addf(&out->body,
                  "event: message_delta\ndata: "
                  "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"%s\",\"stop_sequence\":null}",
                  stop_reason(answer, calls));
        if (!answer->usage_absent)
            text_addf(&out->body, ",\"usage\":{\"output_tokens\":%" PRId64 "}", answer->tokens_out);
        event(out, "}\n\n");
    }
    if (!answer->closing_absent)
        event(out, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}

static const struct row {
    unsigned status;
    const char *type;
} rows[] = {
    [DOUBLE_BAD_REQUEST] = {400, "invalid_request_error"},
    [DOUBLE_NO_SUCH_PLACE] = {404, "not_found_error"},
    [DOUBLE_RATE] = {429, "rate_limit_error"},
    [DOUBLE_QUOTA] = {402, "billing_error"},
    [DOUBLE_SPEND_LIMIT] = {429, "rate_limit_error"},
    [DOUBLE_BROKEN] = {500, "api_error"},
    [DOUBLE_LOADING] = {503, "api_error"},
    [DOUBLE_OVERLOADED] = {529, "overloaded_error"},
};

static unsigned
anthropic_refuse(enum double_refusal refusal, const char *message, uint32_t wait_ms, uint64_t key, struct buffer *body)
{
    (void)wait_ms;
    text_addf(body, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":", rows[refusal].type);
    double_dialect_quote(body, double_slice_of(message));
    if (refusal == DOUBLE_SPEND_LIMIT)
        text_add(body, ",\"details\":{\"error_code\":\"enforced_spend_limit_reached\"}");
    text_addf(body, "},\"request_id\":\"req_%016" PRIx64 "\"}", key);
    return rows[refusal].status;
}

static void
anthropic_stream_error(uint64_t key, struct double_stream *out)
{
    text_add(&out->body, "event: error\ndata: ");
    (void)anthropic_refuse(DOUBLE_OVERLOADED, "Overloaded", 0, key, &out->body);
    event(out, "\n\n");
}

const struct double_dialect double_dialect_anthropic = {
    .name = "anthropic",
    .whole = anthropic_whole,
    .stream = anthropic_stream,
    .refuse = anthropic_refuse,
    .stream_error = anthropic_stream_error,
};
