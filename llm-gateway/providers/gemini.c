/* llm-gateway/providers/gemini.c - Google's Gemini by API key. The key travels in a header, never in the address, which
 * would land in logs. */
#include "llm-gateway/provider.h"

#include <stdio.h>
#include <string.h>

static const struct provider_preset presets[] = {
    {"gemini",
     "Google's Gemini.",
     {.schema = PROVIDER_SCHEMA_NATIVE, .seed = true, .seed_bits = 31, .temperature = true, .temperature_max = 20000,
      .top_p = true, .context = 4096}},
    {NULL, NULL, {0}},
};

static void
put_parts(struct buffer *body, struct provider_bytes text)
{
    provider_put_raw(body, "parts", "[{");
    provider_put_bytes(body, "text", text);
    text_add(body, "}]");
}

static int
build(const struct provider_request *request, const struct provider_dialect *dialect, struct provider_http *out,
      struct why *why)
{
    struct buffer *body = &out->body;
    struct buffer system = {0};

    if (dialect->schema != PROVIDER_SCHEMA_NONE && dialect->schema != PROVIDER_SCHEMA_JSON &&
        dialect->schema != PROVIDER_SCHEMA_NATIVE)
        return fail(why, ERR_INVALID, "schema: this provider knows none, json and native");
    if (strcspn(request->model, "/:@") != strlen(request->model))
        return fail(why, ERR_INVALID, "model: a name of this provider has no / : @");
    snprintf(out->path, sizeof out->path, "/v1beta/models/%s:%s", request->model,
             request->stream ? "streamGenerateContent?alt=sse" : "generateContent");
    provider_add_header(out, "x-goog-api-key", "", PROVIDER_KEY);
    text_add(body, "{");
    provider_system_text(request, dialect, &system);
    if (system.size > 0) {
        provider_put_raw(body, "systemInstruction", "{");
        put_parts(body, (struct provider_bytes){(const char *)system.data, system.size});
        text_add(body, "}");
    }
    buffer_fini(&system);
    provider_put_raw(body, "contents", "[{");
    provider_put_text(body, "role", "user");
    put_parts(body, request->user);
    text_add(body, "}]");
    provider_put_raw(body, "generationConfig", "{");
    provider_put_sampling(body, request, dialect, "temperature", "topP", "seed");
    provider_put_number(body, "maxOutputTokens", request->out_max);
    provider_put_number(body, "candidateCount", 1);
    provider_put_stop(body, "stopSequences", request->stop);
    if (request->schema != NULL && dialect->schema != PROVIDER_SCHEMA_NONE)
        provider_put_text(body, "responseMimeType", "application/json");
    if (request->schema != NULL && dialect->schema == PROVIDER_SCHEMA_NATIVE)
        provider_put_raw(body, "responseJsonSchema", schema_text(request->schema));
    text_add(body, "}}");
    return 0;
}

/* ---- errors ---- */

/* google.rpc details: how long to wait, which limit it was, whose key is wrong. */
static void
read_details(const json_t *details, struct provider_verdict *out)
{
    size_t i;
    json_t *detail;

    json_array_foreach(details, i, detail) {
        const char *type = provider_text(json_object_get(detail, "@type"));
        const char *delay = provider_text(json_object_get(detail, "retryDelay"));
        const char *limit = provider_text(PROVIDER_MEMBER(detail, "violations", "0", "quotaId"));

        int64_t wait_ms;

        if (provider_mentions(type, "RetryInfo") && retry_after_parse_duration(delay, &wait_ms))
            out->wait_ms = wait_ms;
        if (provider_mentions(type, "QuotaFailure") && provider_mentions(limit, "PerDay") && out->class == LLM_RATE)
            out->class = LLM_QUOTA;
        if (provider_is_text(json_object_get(detail, "reason"), "API_KEY_INVALID"))
            out->class = LLM_AUTH;
    }
}

static void
classify(int status, const json_t *root, int64_t now_ms, struct provider_verdict *out)
{
    static const struct {
        const char *word;
        enum llm_class class;
    } rows[] = {
        {"INVALID_ARGUMENT", LLM_BAD_REQUEST}, {"FAILED_PRECONDITION", LLM_AUTH}, /* country, billing: no way in */
        {"PERMISSION_DENIED", LLM_AUTH},       {"UNAUTHENTICATED", LLM_AUTH},
        {"NOT_FOUND", LLM_NOT_FOUND},          {"RESOURCE_EXHAUSTED", LLM_RATE},
        {"INTERNAL", LLM_SERVER},              {"UNAVAILABLE", LLM_OVERLOAD},
        {"DEADLINE_EXCEEDED", LLM_SERVER},     {"UNKNOWN", LLM_SERVER},
    };
    const json_t *error = json_object_get(json_is_array(root) ? json_array_get(root, 0) : root, "error");

    (void)now_ms;
    provider_copy(out->detail, sizeof out->detail, json_object_get(error, "message"));
    if (status == 0)
        out->class = LLM_SERVER;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (provider_is_text(json_object_get(error, "status"), rows[i].word))
            out->class = rows[i].class;
    read_details(json_object_get(error, "details"), out);
    if (out->class == LLM_BAD_REQUEST && provider_mentions(out->detail, "API key not valid"))
        out->class = LLM_AUTH;
    if (out->class == LLM_BAD_REQUEST && provider_mentions(out->detail, "token count") &&
        provider_mentions(out->detail, "exceeds"))
        out->class = LLM_CONTEXT;
}

/* ---- answers ---- */

static enum provider_finish
finish_of(const json_t *reason)
{
    if (!json_is_string(reason) || provider_is_text(reason, "FINISH_REASON_UNSPECIFIED"))
        return PROVIDER_UNFINISHED;
    if (provider_is_text(reason, "STOP"))
        return PROVIDER_STOP;
    /* SAFETY, RECITATION, PROHIBITED_CONTENT and what will be added to them. */
    return provider_is_text(reason, "MAX_TOKENS") ? PROVIDER_LENGTH : PROVIDER_REFUSED;
}

static void
read_usage(const json_t *usage, struct provider_result *out)
{
    uint32_t answer, thoughts;

    if (!json_is_object(usage))
        return;
    answer = provider_count(json_object_get(usage, "candidatesTokenCount"), out);
    thoughts = provider_count(json_object_get(usage, "thoughtsTokenCount"), out);
    out->tokens_in = provider_count(json_object_get(usage, "promptTokenCount"), out);
    out->tokens_out = provider_sum(answer, thoughts, out);
    out->tokens_cached = provider_count(json_object_get(usage, "cachedContentTokenCount"), out);
    if (json_object_get(usage, "promptTokenCount") != NULL)
        out->flags &= ~(uint32_t)PROVIDER_USAGE_ABSENT;
}

/* A whole answer, or one of a stream's, which have the same form. False when it is an error. */
static bool
read_piece(const json_t *root, int64_t now_ms, struct provider_result *out)
{
    const json_t *candidate = PROVIDER_MEMBER(root, "candidates", "0");
    const json_t *parts = PROVIDER_MEMBER(candidate, "content", "parts");
    enum provider_finish finish = finish_of(json_object_get(candidate, "finishReason"));
    size_t i;
    json_t *part;

    if (json_is_object(json_object_get(root, "error"))) {
        provider_broken(out, LLM_SERVER, "");
        classify(0, root, now_ms, &out->verdict);
        return false;
    }
    if (json_is_string(json_object_get(root, "modelVersion")))
        provider_copy(out->model, sizeof out->model, json_object_get(root, "modelVersion"));
    if (json_is_string(json_object_get(root, "responseId")))
        provider_copy(out->id, sizeof out->id, json_object_get(root, "responseId"));
    read_usage(json_object_get(root, "usageMetadata"), out);
    json_array_foreach(parts, i, part) {
        if (!json_is_true(json_object_get(part, "thought")))
            provider_add_answer(out, json_object_get(part, "text"));
    }
    if (json_is_string(PROVIDER_MEMBER(root, "promptFeedback", "blockReason")))
        finish = PROVIDER_REFUSED;
    if (finish != PROVIDER_UNFINISHED)
        out->finish = finish;
    return true;
}

static void
parse(const json_t *root, int64_t now_ms, struct provider_result *out)
{
    out->flags = PROVIDER_USAGE_ABSENT | PROVIDER_TEXT_ABSENT;
    if (!read_piece(root, now_ms, out))
        return;
    if (out->finish == PROVIDER_UNFINISHED)
        provider_broken(out, LLM_ENVELOPE, "no candidate with a finishReason");
    else
        provider_settle(out);
}

static void
event(struct provider_stream *stream, const char *name, const json_t *root)
{
    (void)name;
    (void)read_piece(root, stream->now_ms, stream->result);
}

const struct provider provider_gemini = {
    .name = "gemini",
    .doc = "Google's Gemini by API key.",
    .framing = PROVIDER_SSE,
    .presets = presets,
    .build = build,
    .parse = parse,
    .event = event,
    .classify = classify,
};
