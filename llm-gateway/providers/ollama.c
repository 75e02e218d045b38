/* llm-gateway/providers/ollama.c - Ollama's own routes: /api/chat and /api/generate. No key; streams are lines of JSON,
 * and are what it does unless told otherwise. */
#include "llm-gateway/provider.h"

#include <string.h>

#define COMMON                                                                                                       \
    .schema = PROVIDER_SCHEMA_NATIVE, .seed = true, .seed_bits = 31, .temperature = true, .temperature_max = 20000,  \
    .top_p = true, .context = 4096, .keep_alive = "5m"

static const struct provider_preset presets[] = {
    {"ollama", "Ollama, /api/chat.", {COMMON}},
    {"ollama_generate", "Ollama, /api/generate.", {COMMON, .generate = true}},
    {NULL, NULL, {0}},
};

static void
put_prompt(struct buffer *body, const struct provider_request *request, const struct provider_dialect *dialect)
{
    struct buffer system = {0};
    struct provider_bytes text;

    provider_system_text(request, dialect, &system);
    text = (struct provider_bytes){(const char *)system.data, system.size};
    if (dialect->generate) {
        if (text.size > 0)
            provider_put_bytes(body, "system", text);
        provider_put_bytes(body, "prompt", request->user);
    } else {
        provider_put_raw(body, "messages", "[");
        if (text.size > 0) {
            text_add(body, "{");
            provider_put_text(body, "role", "system");
            provider_put_bytes(body, "content", text);
            text_add(body, "},");
        }
        text_add(body, "{");
        provider_put_text(body, "role", "user");
        provider_put_bytes(body, "content", request->user);
        text_add(body, "}]");
    }
    buffer_fini(&system);
}

static int
build(const struct provider_request *request, const struct provider_dialect *dialect, struct provider_http *out,
      struct why *why)
{
    struct buffer *body = &out->body;

    if (dialect->schema != PROVIDER_SCHEMA_NONE && dialect->schema != PROVIDER_SCHEMA_JSON &&
        dialect->schema != PROVIDER_SCHEMA_NATIVE)
        return fail(why, ERR_INVALID, "schema: this provider knows none, json and native");
    text_copy(out->path, sizeof out->path, dialect->generate ? "/api/generate" : "/api/chat");
    text_add(body, "{");
    provider_put_text(body, "model", request->model);
    put_prompt(body, request, dialect);
    provider_put_bool(body, "stream", request->stream);
    provider_put_bool(body, "think", false); /* thoughts and an enforced form exclude each other */
    if (request->schema != NULL && dialect->schema == PROVIDER_SCHEMA_JSON)
        provider_put_text(body, "format", "json");
    else if (request->schema != NULL && dialect->schema == PROVIDER_SCHEMA_NATIVE)
        provider_put_raw(body, "format", schema_text(request->schema));
    provider_put_raw(body, "options", "{");
    provider_put_sampling(body, request, dialect, "temperature", "top_p", "seed");
    provider_put_number(body, "num_ctx", dialect->context);
    provider_put_number(body, "num_predict", request->out_max);
    provider_put_stop(body, "stop", request->stop);
    text_add(body, "}");
    if (dialect->keep_alive[0] != '\0')
        provider_put_text(body, "keep_alive", dialect->keep_alive);
    text_add(body, "}");
    return 0;
}

static void
classify(int status, const json_t *root, int64_t now_ms, struct provider_verdict *out)
{
    const json_t *error = json_object_get(root, "error");

    (void)now_ms;
    provider_copy(out->detail, sizeof out->detail,
                  json_is_object(error) ? json_object_get(error, "message") : error);
    if (status == 0)
        out->class = LLM_SERVER;
    if (out->class == LLM_SERVER || out->class == LLM_BAD_REQUEST) {
        if (provider_mentions(out->detail, "not found") && provider_mentions(out->detail, "model"))
            out->class = LLM_NOT_FOUND;
        else if (provider_mentions(out->detail, "busy") || provider_mentions(out->detail, "loading model"))
            out->class = LLM_OVERLOAD;
        else if (provider_mentions(out->detail, "context length") || provider_mentions(out->detail, "context size"))
            out->class = LLM_CONTEXT;
    }
}

/* One object, which is the whole answer or a piece of it; false when it is an error. */
static bool
read_piece(const json_t *root, int64_t now_ms, struct provider_result *out)
{
    static const struct provider_word rows[] = {{"stop", PROVIDER_STOP}, {"length", PROVIDER_LENGTH}};
    const json_t *reason = json_object_get(root, "done_reason");
    const json_t *text = PROVIDER_MEMBER(root, "message", "content");

    if (json_object_get(root, "error") != NULL) {
        provider_broken(out, LLM_SERVER, "");
        classify(0, root, now_ms, &out->verdict);
        return false;
    }
    provider_copy(out->model, sizeof out->model, json_object_get(root, "model"));
    provider_add_answer(out, text == NULL ? json_object_get(root, "response") : text);
    if (!json_is_true(json_object_get(root, "done")))
        return true;
    /* load and unload say that the model came or went and nothing was answered. Older servers give no reason. */
    out->finish = reason == NULL ? PROVIDER_STOP : provider_finish_of(reason, rows, sizeof rows / sizeof rows[0]);
    /* The count of the prompt is missing when the server had all of it cached: the whole is then not known. */
    out->tokens_in = provider_count(json_object_get(root, "prompt_eval_count"), out);
    out->tokens_out = provider_count(json_object_get(root, "eval_count"), out);
    if (json_object_get(root, "prompt_eval_count") != NULL && json_object_get(root, "eval_count") != NULL)
        out->flags &= ~(uint32_t)PROVIDER_USAGE_ABSENT;
    return true;
}

static void
parse(const json_t *root, int64_t now_ms, struct provider_result *out)
{
    out->flags = PROVIDER_USAGE_ABSENT | PROVIDER_TEXT_ABSENT;
    if (!read_piece(root, now_ms, out))
        return;
    if (out->finish == PROVIDER_UNFINISHED)
        provider_broken(out, LLM_ENVELOPE, "not done");
    else
        provider_settle(out);
}

static void
event(struct provider_stream *stream, const char *name, const json_t *root)
{
    (void)name;
    if (read_piece(root, stream->now_ms, stream->result))
        stream->closed = json_is_true(json_object_get(root, "done"));
}

const struct provider provider_ollama = {
    .name = "ollama",
    .doc = "Ollama's own routes.",
    .framing = PROVIDER_NDJSON,
    .presets = presets,
    .build = build,
    .parse = parse,
    .event = event,
    .classify = classify,
};
