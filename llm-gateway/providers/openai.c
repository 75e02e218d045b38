/* llm-gateway/providers/openai.c - chat completions as OpenAI defined them and everybody else took them over:
 * llama.cpp, vLLM, OpenRouter, LM Studio, MLX, and others by their flags. */
#include "llm-gateway/provider.h"

#include <string.h>

/* What all take; the seed as far as they hold it: 53 bits survive any reader of JSON, local engines keep 32. */
#define COMMON                                                                                                       \
    .strict = true, .seed = true, .temperature = true, .temperature_max = 20000, .top_p = true,                      \
    .stream_usage = true, .context = 4096
#define CLOUD COMMON, .seed_bits = 53
#define LOCAL COMMON, .seed_bits = 31

static const struct provider_preset presets[] = {
    {"openai", "OpenAI's own service.",
     {CLOUD, .max_tokens = PROVIDER_MAX_COMPLETION_TOKENS, .schema = PROVIDER_SCHEMA_OPENAI}},
    {"openai_reasoning", "OpenAI's models that think first: they take neither temperature nor top_p.",
     {.max_tokens = PROVIDER_MAX_COMPLETION_TOKENS, .schema = PROVIDER_SCHEMA_OPENAI, .strict = true,
      .system = PROVIDER_DEVELOPER, .seed = true, .seed_bits = 53, .temperature_max = 20000, .stream_usage = true,
      .context = 4096}},
    {"openrouter", "OpenRouter: one key for many services.", {CLOUD, .schema = PROVIDER_SCHEMA_OPENAI}},
    {"llamacpp", "llama-server, the schema directly in response_format.", {LOCAL, .schema = PROVIDER_SCHEMA_FLAT}},
    {"llamacpp_grammar", "llama-server, the schema as a GBNF grammar: numbers without exponents, members in order.",
     {LOCAL, .schema = PROVIDER_SCHEMA_GRAMMAR}},
    {"vllm", "vLLM's server.", {LOCAL, .schema = PROVIDER_SCHEMA_OPENAI}},
    {"lmstudio", "LM Studio's local server.", {LOCAL, .schema = PROVIDER_SCHEMA_OPENAI}},
    {"mlx", "mlx_lm.server: it enforces no form, so the schema is put into words.",
     {LOCAL, .schema = PROVIDER_SCHEMA_NONE}},
    {NULL, NULL, {0}},
};

/* ---- asking ---- */

static void
put_message(struct buffer *out, const char *role, struct provider_bytes content)
{
    text_add(out, out->data[out->size - 1] == '[' ? "{" : ",{");
    provider_put_text(out, "role", role);
    provider_put_bytes(out, "content", content);
    text_add(out, "}");
}

static void
put_messages(struct buffer *out, const struct provider_request *request, const struct provider_dialect *dialect)
{
    struct buffer system = {0};
    struct provider_bytes user = request->user;

    provider_system_text(request, dialect, &system);
    provider_put_raw(out, "messages", "[");
    if (dialect->system == PROVIDER_USER && system.size > 0) {
        text_add(&system, "\n\n");
        buffer_append(&system, user.text, user.size);
        user = (struct provider_bytes){(const char *)system.data, system.size};
    } else if (system.size > 0) {
        put_message(out, dialect->system == PROVIDER_DEVELOPER ? "developer" : "system",
                    (struct provider_bytes){(const char *)system.data, system.size});
    }
    put_message(out, "user", user);
    text_add(out, "]");
    buffer_fini(&system);
}

static void
put_grammar(struct buffer *out, const struct schema *schema)
{
    struct buffer grammar = {0};

    schema_write_grammar(schema, &grammar);
    provider_put_bytes(out, "grammar", (struct provider_bytes){(const char *)grammar.data, grammar.size});
    buffer_fini(&grammar);
}

static void
put_schema(struct buffer *out, const struct schema *schema, const struct provider_dialect *dialect)
{
    if (dialect->schema == PROVIDER_SCHEMA_NONE)
        return;
    if (dialect->schema == PROVIDER_SCHEMA_GRAMMAR) {
        put_grammar(out, schema);
        return;
    }
    provider_put_raw(out, "response_format", "{");
    if (dialect->schema == PROVIDER_SCHEMA_JSON) {
        provider_put_text(out, "type", "json_object");
    } else if (dialect->schema == PROVIDER_SCHEMA_OBJECT || dialect->schema == PROVIDER_SCHEMA_FLAT) {
        provider_put_text(out, "type", dialect->schema == PROVIDER_SCHEMA_OBJECT ? "json_object" : "json_schema");
        provider_put_raw(out, "schema", schema_text(schema));
    } else {
        provider_put_text(out, "type", "json_schema");
        provider_put_raw(out, "json_schema", "{");
        provider_put_text(out, "name", schema_name(schema));
        if (dialect->strict)
            provider_put_bool(out, "strict", true);
        provider_put_raw(out, "schema", schema_text(schema));
        text_add(out, "}");
    }
    text_add(out, "}");
}

static int
build(const struct provider_request *request, const struct provider_dialect *dialect, struct provider_http *out,
      struct why *why)
{
    struct buffer *body = &out->body;

    if (dialect->schema > PROVIDER_SCHEMA_GRAMMAR)
        return fail(why, ERR_INVALID, "schema: this provider asks by response_format or grammar");
    text_copy(out->path, sizeof out->path, "/v1/chat/completions");
    provider_add_header(out, "authorization", "Bearer ", PROVIDER_BEARER);
    text_add(body, "{");
    provider_put_text(body, "model", request->model);
    put_messages(body, request, dialect);
    provider_put_number(body, dialect->max_tokens == PROVIDER_MAX_TOKENS ? "max_tokens" : "max_completion_tokens",
                        request->out_max);
    provider_put_sampling(body, request, dialect, "temperature", "top_p", "seed");
    provider_put_stop(body, "stop", request->stop);
    provider_put_bool(body, "stream", request->stream);
    if (request->stream && dialect->stream_usage)
        provider_put_raw(body, "stream_options", "{\"include_usage\":true}");
    if (dialect->exact_rerun) {
        provider_put_bool(body, "cache_prompt", false);
        provider_put_number(body, "id_slot", 0);
    }
    if (request->schema != NULL)
        put_schema(body, request->schema, dialect);
    text_add(body, "}");
    return 0;
}

/* ---- errors ---- */

static bool
is_one_of(const json_t *error, const char *word)
{
    return provider_is_text(json_object_get(error, "code"), word) ||
           provider_is_text(json_object_get(error, "type"), word);
}

/* Compatible servers say in words what OpenAI says by a code. */
static bool
is_context(const char *message)
{
    return provider_mentions(message, "context length") || provider_mentions(message, "context size") ||
           provider_mentions(message, "context window") || provider_mentions(message, "maximum context");
}

static void
classify(int status, const json_t *root, int64_t now_ms, struct provider_verdict *out)
{
    static const struct {
        const char *word;
        enum llm_class class;
    } words[] = {
        {"context_length_exceeded", LLM_CONTEXT}, {"exceed_context_size_error", LLM_CONTEXT},
        {"insufficient_quota", LLM_QUOTA},        {"billing_hard_limit_reached", LLM_QUOTA},
        {"invalid_api_key", LLM_AUTH},            {"authentication_error", LLM_AUTH},
        {"permission_error", LLM_AUTH},           {"model_not_found", LLM_NOT_FOUND},
        {"rate_limit_exceeded", LLM_RATE},        {"unavailable_error", LLM_OVERLOAD},
        {"server_error", LLM_SERVER},             {"invalid_request_error", LLM_BAD_REQUEST},
    };
    const json_t *error = json_object_get(root, "error");
    const json_t *message = json_is_string(error) ? error : json_object_get(error, "message");
    const json_t *code = json_object_get(error, "code");

    (void)now_ms;
    provider_copy(out->detail, sizeof out->detail, message == NULL ? json_object_get(root, "message") : message);
    /* Inside a stream or a 200 only the error itself says what it is; OpenRouter and llama.cpp put a status there. */
    if (status == 0) {
        out->class = LLM_SERVER;
        if (json_is_integer(code) && json_integer_value(code) >= 400 && json_integer_value(code) < 600)
            out->class = provider_class_of_status((int)json_integer_value(code));
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        /* The two words for a whole family say less than a status does. */
        bool family = words[i].class == LLM_BAD_REQUEST || words[i].class == LLM_SERVER;

        if (is_one_of(error, words[i].word) && (!family || status == 0)) {
            out->class = words[i].class;
            break;
        }
    }
    if (out->class == LLM_BAD_REQUEST && is_context(out->detail))
        out->class = LLM_CONTEXT;
}

/* ---- answers ---- */

static enum provider_finish
finish_of(const json_t *reason)
{
    static const struct provider_word rows[] = {
        {"stop", PROVIDER_STOP}, {"tool_calls", PROVIDER_STOP}, {"function_call", PROVIDER_STOP},
        {"length", PROVIDER_LENGTH}, {"content_filter", PROVIDER_REFUSED}};

    if (!json_is_string(reason))
        return PROVIDER_UNFINISHED;
    return provider_finish_of(reason, rows, sizeof rows / sizeof rows[0]);
}

static void
read_usage(const json_t *usage, struct provider_result *out)
{
    if (!json_is_object(usage))
        return;
    out->flags &= ~(uint32_t)PROVIDER_USAGE_ABSENT;
    if (json_object_get(usage, "prompt_tokens") == NULL || json_object_get(usage, "completion_tokens") == NULL)
        out->flags |= PROVIDER_USAGE_ABSENT;
    out->tokens_in = provider_count(json_object_get(usage, "prompt_tokens"), out);
    out->tokens_out = provider_count(json_object_get(usage, "completion_tokens"), out);
    out->tokens_cached = provider_count(PROVIDER_MEMBER(usage, "prompt_tokens_details", "cached_tokens"), out);
}

static void
read_names(const json_t *root, struct provider_result *out)
{
    if (json_is_string(json_object_get(root, "model")))
        provider_copy(out->model, sizeof out->model, json_object_get(root, "model"));
    if (json_is_string(json_object_get(root, "id")))
        provider_copy(out->id, sizeof out->id, json_object_get(root, "id"));
    if (json_is_string(json_object_get(root, "system_fingerprint")))
        provider_copy(out->fingerprint, sizeof out->fingerprint, json_object_get(root, "system_fingerprint"));
}

/* A message or a delta. */
static void
read_message(const json_t *message, struct provider_result *out)
{
    const json_t *call = PROVIDER_MEMBER(message, "tool_calls", "0", "function", "arguments");
    const json_t *refusal = json_object_get(message, "refusal");

    provider_add_answer(out, json_object_get(message, "content"));
    if (json_is_string(call)) {
        provider_add_answer(out, call);
        out->flags |= PROVIDER_FROM_TOOL;
    }
    if (json_is_string(refusal)) {
        if (out->finish != PROVIDER_REFUSED)
            provider_copy(out->verdict.detail, sizeof out->verdict.detail, refusal);
        out->finish = PROVIDER_REFUSED;
    }
}

/* Servers behind a router answer 200 with an error inside. */
static bool
read_inner_error(const json_t *root, const json_t *choice, int64_t now_ms, struct provider_result *out)
{
    const json_t *holder = json_is_object(json_object_get(choice, "error")) ? choice : root;

    if (!json_is_object(json_object_get(holder, "error")))
        return false;
    provider_broken(out, LLM_SERVER, "");
    classify(0, holder, now_ms, &out->verdict);
    return true;
}

static void
parse(const json_t *root, int64_t now_ms, struct provider_result *out)
{
    const json_t *choice = PROVIDER_MEMBER(root, "choices", "0");
    const json_t *message = json_object_get(choice, "message");
    enum provider_finish finish;

    out->flags = PROVIDER_USAGE_ABSENT | PROVIDER_TEXT_ABSENT;
    if (read_inner_error(root, choice, now_ms, out))
        return;
    if (!json_is_object(message)) {
        provider_broken(out, LLM_ENVELOPE, "no choices[0].message");
        return;
    }
    read_names(root, out);
    read_usage(json_object_get(root, "usage"), out);
    read_message(message, out);
    finish = finish_of(json_object_get(choice, "finish_reason"));
    if (finish == PROVIDER_UNFINISHED) {
        provider_broken(out, LLM_ENVELOPE, "no choices[0].finish_reason");
        return;
    }
    if (out->finish != PROVIDER_REFUSED)
        out->finish = finish;
    provider_settle(out);
}

static void
event(struct provider_stream *stream, const char *name, const json_t *root)
{
    struct provider_result *out = stream->result;
    const json_t *choice = PROVIDER_MEMBER(root, "choices", "0");
    enum provider_finish finish = finish_of(json_object_get(choice, "finish_reason"));

    (void)name;
    if (read_inner_error(root, choice, stream->now_ms, out))
        return;
    read_names(root, out);
    read_usage(json_object_get(root, "usage"), out);
    if (json_is_object(json_object_get(choice, "delta")))
        read_message(json_object_get(choice, "delta"), out);
    if (finish != PROVIDER_UNFINISHED && out->finish != PROVIDER_REFUSED)
        out->finish = finish;
}

static const char *const limit_names[PROVIDER_BUCKETS][3] = {
    {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"},
    {"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"},
};

const struct provider provider_openai = {
    .name = "openai",
    .doc = "Chat completions: OpenAI, and every server that speaks like it.",
    .framing = PROVIDER_SSE,
    .presets = presets,
    .build = build,
    .parse = parse,
    .event = event,
    .classify = classify,
    .limit_names = limit_names,
};
