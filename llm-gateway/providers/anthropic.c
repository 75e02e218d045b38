/* llm-gateway/providers/anthropic.c - Anthropic's Messages. No seed; the schema by output_config, its older form with a
 * beta header, or a tool that the model must call. */
#include "llm-gateway/provider.h"

#include <string.h>

#define COMMON                                                                                                       \
    .temperature = true, .temperature_max = 10000, .strict = true, .seed_bits = 31, .stream_usage = true,            \
    .context = 4096

static const struct provider_preset presets[] = {
    {"anthropic", "Anthropic's own service.", {COMMON, .schema = PROVIDER_SCHEMA_NATIVE}},
    {"anthropic_beta", "The older form of the schema, with its beta header.", {COMMON, .schema = PROVIDER_SCHEMA_BETA}},
    {"anthropic_tool",
     "The schema as a tool that must be called: models and servers without output_config.",
     {COMMON, .schema = PROVIDER_SCHEMA_TOOL}},
    {NULL, NULL, {0}},
};

/* ---- asking ---- */

/* A tool's name may not have dots. */
static void
put_tool(struct buffer *body, const struct schema *schema, const struct provider_dialect *dialect)
{
    char name[SCHEMA_NAME_SIZE];

    text_copy(name, sizeof name, schema_name(schema));
    for (char *c = name; *c != '\0'; c++)
        *c = *c == '.' ? '_' : *c;
    provider_put_raw(body, "tools", "[{");
    provider_put_text(body, "name", name);
    provider_put_text(body, "description", "Takes the answer.");
    provider_put_raw(body, "input_schema", schema_text(schema));
    if (dialect->strict)
        provider_put_bool(body, "strict", true);
    text_add(body, "}]");
    provider_put_raw(body, "tool_choice", "{");
    provider_put_text(body, "type", "tool");
    provider_put_text(body, "name", name);
    text_add(body, "}");
}

static void
put_schema(struct provider_http *out, const struct schema *schema, const struct provider_dialect *dialect)
{
    struct buffer *body = &out->body;

    if (dialect->schema == PROVIDER_SCHEMA_TOOL) {
        put_tool(body, schema, dialect);
    } else if (dialect->schema != PROVIDER_SCHEMA_NONE) {
        bool beta = dialect->schema == PROVIDER_SCHEMA_BETA;

        provider_put_raw(body, beta ? "output_format" : "output_config", beta ? "{" : "{\"format\":{");
        provider_put_text(body, "type", "json_schema");
        provider_put_raw(body, "schema", schema_text(schema));
        text_add(body, beta ? "}" : "}}");
        if (beta)
            provider_add_header(out, "anthropic-beta", "structured-outputs-2025-11-13", PROVIDER_PLAIN);
    }
}

static int
build(const struct provider_request *request, const struct provider_dialect *dialect, struct provider_http *out,
      struct why *why)
{
    struct buffer *body = &out->body;
    struct buffer system = {0};

    if (dialect->schema != PROVIDER_SCHEMA_NONE && dialect->schema < PROVIDER_SCHEMA_NATIVE)
        return fail(why, ERR_INVALID, "schema: this provider knows none, native, beta and tool");
    text_copy(out->path, sizeof out->path, "/v1/messages");
    provider_add_header(out, "anthropic-version", "2023-06-01", PROVIDER_PLAIN);
    provider_add_header(out, "x-api-key", "", PROVIDER_KEY);
    text_add(body, "{");
    provider_put_text(body, "model", request->model);
    provider_put_number(body, "max_tokens", request->out_max);
    provider_system_text(request, dialect, &system);
    if (system.size > 0)
        provider_put_bytes(body, "system", (struct provider_bytes){(const char *)system.data, system.size});
    buffer_fini(&system);
    provider_put_raw(body, "messages", "[{");
    provider_put_text(body, "role", "user");
    provider_put_bytes(body, "content", request->user);
    text_add(body, "}]");
    provider_put_sampling(body, request, dialect, "temperature", "top_p", NULL);
    provider_put_stop(body, "stop_sequences", request->stop);
    provider_put_bool(body, "stream", request->stream);
    if (request->schema != NULL)
        put_schema(out, request->schema, dialect);
    text_add(body, "}");
    return 0;
}

/* ---- errors ---- */

static void
classify(int status, const json_t *root, int64_t now_ms, struct provider_verdict *out)
{
    static const struct {
        const char *type;
        enum llm_class class;
    } rows[] = {
        {"invalid_request_error", LLM_BAD_REQUEST}, {"authentication_error", LLM_AUTH},
        {"billing_error", LLM_QUOTA},               {"permission_error", LLM_AUTH},
        {"not_found_error", LLM_NOT_FOUND},         {"conflict_error", LLM_SERVER},
        {"request_too_large", LLM_TOO_LARGE},       {"rate_limit_error", LLM_RATE},
        {"api_error", LLM_SERVER},                  {"timeout_error", LLM_SERVER},
        {"overloaded_error", LLM_OVERLOAD},
    };
    const json_t *error = json_object_get(root, "error");

    (void)now_ms;
    provider_copy(out->detail, sizeof out->detail, json_object_get(error, "message"));
    if (status == 0)
        out->class = LLM_SERVER;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (provider_is_text(json_object_get(error, "type"), rows[i].type))
            out->class = rows[i].class;
    /* A limit of money comes as a limit of speed without a wait, or as a bad request: waiting would never help. */
    if (provider_is_text(PROVIDER_MEMBER(error, "details", "error_code"), "enforced_spend_limit_reached") ||
        (out->class == LLM_BAD_REQUEST && (provider_mentions(out->detail, "usage limits") ||
                                           provider_mentions(out->detail, "credit balance is too low"))))
        out->class = LLM_QUOTA;
    if (out->class == LLM_BAD_REQUEST && provider_mentions(out->detail, "prompt is too long"))
        out->class = LLM_CONTEXT;
}

/* ---- answers ---- */

static enum provider_finish
finish_of(const json_t *reason)
{
    static const struct provider_word rows[] = {
        {"end_turn", PROVIDER_STOP}, {"stop_sequence", PROVIDER_STOP}, {"tool_use", PROVIDER_STOP},
        {"max_tokens", PROVIDER_LENGTH}, {"model_context_window_exceeded", PROVIDER_LENGTH},
        {"refusal", PROVIDER_REFUSED}};

    if (!json_is_string(reason))
        return PROVIDER_UNFINISHED;
    /* Another word: pause_turn among them, half an answer that we do not go on with. */
    return provider_finish_of(reason, rows, sizeof rows / sizeof rows[0]);
}

/* Counts in a stream are cumulative: what a later event names replaces what an earlier one said. */
static void
read_usage(const json_t *usage, struct provider_result *out)
{
    const json_t *read = json_object_get(usage, "cache_read_input_tokens");
    const json_t *made = json_object_get(usage, "cache_creation_input_tokens");

    if (json_object_get(usage, "input_tokens") != NULL) {
        out->tokens_in = provider_count(json_object_get(usage, "input_tokens"), out);
        out->tokens_in = provider_sum(out->tokens_in, provider_count(made, out), out);
        out->tokens_cached = provider_count(read, out);
        out->tokens_in = provider_sum(out->tokens_in, out->tokens_cached, out);
    }
    if (json_object_get(usage, "output_tokens") != NULL) {
        out->tokens_out = provider_count(json_object_get(usage, "output_tokens"), out);
        out->flags &= ~(uint32_t)PROVIDER_USAGE_ABSENT;
    }
}

static void
read_names(const json_t *message, struct provider_result *out)
{
    provider_copy(out->model, sizeof out->model, json_object_get(message, "model"));
    provider_copy(out->id, sizeof out->id, json_object_get(message, "id"));
}

static bool
read_error_object(const json_t *root, int64_t now_ms, struct provider_result *out)
{
    if (!json_is_object(json_object_get(root, "error")))
        return false;
    provider_broken(out, LLM_SERVER, "");
    classify(0, root, now_ms, &out->verdict);
    return true;
}

static void
read_tool(const json_t *block, struct provider_result *out)
{
    buffer_clear(&out->text);
    json_limits_write(json_object_get(block, "input"), &out->text);
    out->flags = (out->flags & ~(uint32_t)PROVIDER_TEXT_ABSENT) | PROVIDER_FROM_TOOL;
}

static void
parse(const json_t *root, int64_t now_ms, struct provider_result *out)
{
    const json_t *content = json_object_get(root, "content");
    const json_t *text = NULL;
    size_t i;
    json_t *block;

    out->flags = PROVIDER_USAGE_ABSENT | PROVIDER_TEXT_ABSENT;
    if (read_error_object(root, now_ms, out))
        return;
    out->finish = finish_of(json_object_get(root, "stop_reason"));
    if (!json_is_array(content) || out->finish == PROVIDER_UNFINISHED) {
        provider_broken(out, LLM_ENVELOPE, "no content or no stop_reason");
        return;
    }
    read_names(root, out);
    read_usage(json_object_get(root, "usage"), out);
    /* The first text block; the first tool call, where there is one, goes before it. */
    json_array_foreach(content, i, block) {
        if (text == NULL && provider_is_text(json_object_get(block, "type"), "text"))
            text = json_object_get(block, "text");
        if ((out->flags & PROVIDER_FROM_TOOL) == 0 && provider_is_text(json_object_get(block, "type"), "tool_use") &&
            json_is_object(json_object_get(block, "input")))
            read_tool(block, out);
    }
    if ((out->flags & PROVIDER_FROM_TOOL) == 0)
        provider_add_answer(out, text);
    provider_settle(out);
}

/* The same choice of blocks as parse() makes, as they open. */
static void
open_block(struct provider_stream *stream, const json_t *root)
{
    struct provider_result *out = stream->result;
    const json_t *block = json_object_get(root, "content_block");
    const json_t *index = json_object_get(root, "index");
    bool tool = provider_is_text(json_object_get(block, "type"), "tool_use");

    if (!json_is_integer(index) || json_integer_value(index) < 0 || (out->flags & PROVIDER_FROM_TOOL))
        return;
    if (tool) {
        buffer_clear(&out->text);
        out->flags = (out->flags & ~(uint32_t)PROVIDER_TEXT_ABSENT) | PROVIDER_FROM_TOOL;
        stream->block = json_integer_value(index);
    } else if (stream->block < 0 && provider_is_text(json_object_get(block, "type"), "text")) {
        provider_add_answer(out, json_object_get(block, "text"));
        stream->block = json_integer_value(index);
    }
}

static void
add_delta(struct provider_stream *stream, const json_t *root)
{
    const json_t *delta = json_object_get(root, "delta");
    const json_t *index = json_object_get(root, "index");

    if (stream->block < 0 || !json_is_integer(index) || json_integer_value(index) != stream->block)
        return;
    provider_add_answer(stream->result, json_object_get(delta, "text"));
    provider_add_answer(stream->result, json_object_get(delta, "partial_json"));
}

static void
event(struct provider_stream *stream, const char *name, const json_t *root)
{
    struct provider_result *out = stream->result;
    const char *type = provider_text(json_object_get(root, "type"));
    enum provider_finish finish;

    if (strcmp(type, "error") == 0 || strcmp(name, "error") == 0) {
        if (!read_error_object(root, stream->now_ms, out))
            provider_broken(out, LLM_SERVER, "");
    } else if (strcmp(type, "message_start") == 0) {
        read_names(json_object_get(root, "message"), out);
        read_usage(PROVIDER_MEMBER(root, "message", "usage"), out);
        out->flags |= PROVIDER_USAGE_ABSENT; /* the count of the answer is not final yet */
    } else if (strcmp(type, "content_block_start") == 0) {
        open_block(stream, root);
    } else if (strcmp(type, "content_block_delta") == 0) {
        add_delta(stream, root);
    } else if (strcmp(type, "message_delta") == 0) {
        finish = finish_of(PROVIDER_MEMBER(root, "delta", "stop_reason"));
        if (finish != PROVIDER_UNFINISHED)
            out->finish = finish;
        read_usage(json_object_get(root, "usage"), out);
    } else if (strcmp(type, "message_stop") == 0) {
        stream->closed = true;
    }
}

static const char *const limit_names[PROVIDER_BUCKETS][3] = {
    {"anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining",
     "anthropic-ratelimit-requests-reset"},
    {"anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"},
    {"anthropic-ratelimit-input-tokens-limit", "anthropic-ratelimit-input-tokens-remaining",
     "anthropic-ratelimit-input-tokens-reset"},
    {"anthropic-ratelimit-output-tokens-limit", "anthropic-ratelimit-output-tokens-remaining",
     "anthropic-ratelimit-output-tokens-reset"},
};

const struct provider provider_anthropic = {
    .name = "anthropic",
    .doc = "Anthropic's Messages.",
    .framing = PROVIDER_SSE,
    .presets = presets,
    .build = build,
    .parse = parse,
    .event = event,
    .classify = classify,
    .limit_names = limit_names,
};
