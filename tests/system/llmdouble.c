/* llmdouble on the wire: the shape of every endpoint, streams, what each fault looks like to a client that sees bytes,
 * rules over the control port, the same bytes twice, thousands of connections, no growth. */
#include "tests/support/llmdouble/double_rig.h"
#include "tests/support/rig.h"
#include "tests/support/test.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct double_rig rig;
static struct double_rig_answer got;

#define TEXT "na\xc3\xafve \xe2\x82\xac 5"
#define OPENAI "/v1/chat/completions"
#define ANTHROPIC "/v1/messages"
#define OLLAMA "/api/chat"
#define GEMINI "/v1beta/models/m:generateContent"
#define GEMINI_SSE "/v1beta/models/m:streamGenerateContent?alt=sse"
#define USER "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]"
#define OPENAI_BODY "{\"model\":\"m\"," USER "}"
#define OPENAI_STREAM "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true}," USER "}"
#define ANTHROPIC_BODY "{\"model\":\"m\",\"max_tokens\":50," USER "}"
#define ANTHROPIC_STREAM "{\"model\":\"m\",\"max_tokens\":50,\"stream\":true," USER "}"
#define OLLAMA_BODY "{\"model\":\"m\",\"stream\":false," USER "}"
#define OLLAMA_STREAM "{\"model\":\"m\"," USER "}"
#define GEMINI_BODY "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hello\"}]}]}"

static void
use_rules(const char *yaml)
{
    if (!double_rig_rules(&rig, yaml, &got))
        print_error("%s\n", got.body.data == NULL ? "no answer" : (const char *)got.body.data);
    assert_int_equal(got.status, 200);
}

/* The value at "choices.0.message.content" as text: strings plain, the rest as JSON; "absent" when there is none. */
static void
value_at(const json_t *value, const char *path, char *out, size_t size)
{
    char *text;

    while (value != NULL && *path != '\0') {
        char key[64];
        size_t length = strcspn(path, ".");

        snprintf(key, sizeof key, "%.*s", (int)length, path);
        value = json_is_array(value) ? json_array_get(value, strtoul(key, NULL, 10)) : json_object_get(value, key);
        path += length + (path[length] == '.');
    }
    text = value == NULL || json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    snprintf(out, size, "%s", value == NULL ? "absent" : text != NULL ? text : json_string_value(value));
    free(text);
}

static void
expect_at(const char *body, const char *path, const char *want)
{
    json_error_t error;
    json_t *value = json_loads(body, JSON_ALLOW_NUL, &error);
    char found[4000];

    if (value == NULL)
        print_error("%s in %.400s\n", error.text, body);
    assert_non_null(value);
    value_at(value, path, found, sizeof found);
    if (strcmp(found, want) != 0)
        print_error("%s in %.600s\n", path, body);
    assert_string_equal(found, want);
    json_decref(value);
}

static const char *
body(void)
{
    return got.body.data == NULL ? "" : (const char *)got.body.data;
}

static const char *
head(void)
{
    return got.head.data == NULL ? "" : (const char *)got.head.data;
}

/* ---- shapes ---- */

/* clang-format off */
static const struct shape {
    const char *name, *method, *target, *body;
    struct {
        const char *path, *want;
    } at[5];
} shapes[] = {
    {"openai chat", "POST", OPENAI, OPENAI_BODY,
        {{"object", "chat.completion"}, {"choices.0.message.content", TEXT}, {"choices.0.finish_reason", "stop"},
            {"choices.0.message.refusal", "null"}, {"usage.completion_tokens", "3"}}},
    {"openai chat below another base", "POST", "/proxy/a" OPENAI, OPENAI_BODY, {{"created", "1700000001"}, {"model", "m"}}},
    {"openai tool call", "POST", OPENAI,
        "{\"model\":\"m\",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}},\"tools\":[{\"type\":\"function\","
        "\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\"}}}]," USER "}",
        {{"choices.0.message.content", "null"}, {"choices.0.message.tool_calls.0.function.name", "f"},
            {"choices.0.message.tool_calls.0.function.arguments", TEXT}, {"choices.0.finish_reason", "tool_calls"}}},
    {"openai models", "GET", "/v1/models", NULL, {{"object", "list"}, {"data.0.object", "model"}}},
    {"llama.cpp input_tokens", "POST", OPENAI "/input_tokens", "{" USER "}", {{"input_tokens", "2"}}},
    {"llama.cpp timings", "POST", OPENAI, "{\"model\":\"m\",\"cache_prompt\":false," USER "}", {{"timings.prompt_n", "2"}}},
    {"anthropic messages", "POST", ANTHROPIC, ANTHROPIC_BODY,
        {{"type", "message"}, {"content.0.text", TEXT}, {"stop_reason", "end_turn"}, {"usage.input_tokens", "2"},
            {"usage.output_tokens", "3"}}},
    {"anthropic count_tokens", "POST", ANTHROPIC "/count_tokens", "{\"model\":\"m\"," USER "}", {{"input_tokens", "2"}}},
    {"ollama chat", "POST", OLLAMA, OLLAMA_BODY,
        {{"message.content", TEXT}, {"done", "true"}, {"done_reason", "stop"}, {"prompt_eval_count", "2"}, {"eval_count", "3"}}},
    {"ollama generate", "POST", "/api/generate", "{\"model\":\"m\",\"stream\":false,\"prompt\":\"hello\"}",
        {{"response", TEXT}, {"message", "absent"}, {"context.0", "1"}}},
    {"ollama tags", "GET", "/api/tags", NULL, {{"models.0.name", "gemma3:27b"}}},
    {"llama.cpp completion", "POST", "/completion", "{\"prompt\":\"hello\"}",
        {{"content", TEXT}, {"stop", "true"}, {"stop_type", "eos"}, {"tokens_evaluated", "2"}, {"truncated", "false"}}},
    {"llama.cpp health", "GET", "/health", NULL, {{"status", "ok"}}},
    {"gemini generateContent", "POST", GEMINI, GEMINI_BODY,
        {{"candidates.0.content.parts.0.text", TEXT}, {"candidates.0.finishReason", "STOP"},
            {"usageMetadata.totalTokenCount", "5"}, {"modelVersion", "m"}}},
};
/* clang-format on */

static void
shape(void **state)
{
    const struct shape *row = *state;

    use_rules("- reply: {text: \"" TEXT "\"}\n");
    double_rig_ask(rig.control, "POST", "/reset", "", NULL, &got);
    double_rig_ask(rig.port, row->method, row->target, "", row->body, &got);
    assert_int_equal(got.status, 200);
    for (unsigned i = 0; i < 5 && row->at[i].path != NULL; i++)
        expect_at(body(), row->at[i].path, row->at[i].want);
}

static const struct wrong {
    const char *name, *target, *body, *path, *want;
    int status;
} wrongs[] = {
    {"openai without messages", OPENAI, "{\"model\":\"m\"}", "error.type", "invalid_request_error", 400},
    {"anthropic without max_tokens", ANTHROPIC, "{\"model\":\"m\"," USER "}", "error.type", "invalid_request_error",
     400},
    {"ollama with no JSON", OLLAMA, "{", "error", "byte 1: this is no JSON", 400},
    {"gemini without contents", GEMINI, "{}", "error.status", "INVALID_ARGUMENT", 400},
    {"a place that does not exist", "/v2/x", "{}", "error.code", "unknown_url", 404},
};

static void
wrong(void **state)
{
    const struct wrong *row = *state;

    double_rig_ask(rig.port, "POST", row->target, "", row->body, &got);
    assert_int_equal(got.status, row->status);
    expect_at(body(), row->path, row->want);
}

/* ---- streams ---- */

struct gathered {
    char text[4000];
    unsigned events;
    bool finished, done, usage, failed;
};

static void
gather_event(const char *data, struct gathered *out)
{
    static const char *const texts[] = {
        "choices.0.delta.content",           "delta.text",        "message.content", "content",
        "candidates.0.content.parts.0.text", "delta.partial_json"};
    static const char *const ends[] = {"choices.0.finish_reason", "delta.stop_reason", "done_reason", "stop_type",
                                       "candidates.0.finishReason"};
    static const char *const uses[] = {"usage.total_tokens", "usage.output_tokens", "eval_count", "tokens_predicted",
                                       "usageMetadata.totalTokenCount"};
    json_t *value = json_loads(data, 0, NULL);
    char found[4000];

    if (strncmp(data, "[DONE]", 6) == 0) {
        out->done = true;
        return;
    }
    if (value == NULL)
        print_error("no JSON: %s\n", data);
    assert_non_null(value);
    out->events++;
    for (unsigned i = 0; i < 6; i++) {
        value_at(value, texts[i], found, sizeof found);
        if (strcmp(found, "absent") != 0 && found[0] != '[' && strcmp(found, "null") != 0)
            snprintf(out->text + strlen(out->text), sizeof out->text - strlen(out->text), "%s", found);
    }
    for (unsigned i = 0; i < 5; i++) {
        value_at(value, ends[i], found, sizeof found);
        out->finished = out->finished || (strcmp(found, "absent") != 0 && strcmp(found, "null") != 0);
        value_at(value, uses[i], found, sizeof found);
        out->usage = out->usage || (strcmp(found, "absent") != 0 && json_object_get(value, "message") == NULL) ||
                     (i == 2 && strcmp(found, "absent") != 0);
    }
    value_at(value, "type", found, sizeof found);
    out->done = out->done || strcmp(found, "message_stop") == 0;
    out->failed = out->failed || json_object_get(value, "error") != NULL;
    json_decref(value);
}

/* Reads SSE or lines out of the body. */
static struct gathered
gather(void)
{
    struct gathered out = {0};
    char *copy = strdup(body()), *save = NULL;

    for (char *line = strtok_r(copy, "\r\n", &save); line != NULL; line = strtok_r(NULL, "\r\n", &save)) {
        if (strncmp(line, "data: ", 6) == 0)
            gather_event(line + 6, &out);
        else if (line[0] == '{')
            gather_event(line, &out);
        else
            assert_true(line[0] == ':' || strncmp(line, "event: ", 7) == 0);
    }
    free(copy);
    return out;
}

static const struct stream {
    const char *name, *target, *body, *type;
    bool done; /* has a last word of its own beside the reason it ends */
} streams[] = {
    {"openai", OPENAI, OPENAI_STREAM, "text/event-stream", true},
    {"anthropic", ANTHROPIC, ANTHROPIC_STREAM, "text/event-stream", true},
    {"ollama", OLLAMA, OLLAMA_STREAM, "application/x-ndjson", false},
    {"llama.cpp", "/completion", "{\"prompt\":\"hello\",\"stream\":true}", "text/event-stream", false},
    {"gemini", GEMINI_SSE, GEMINI_BODY, "text/event-stream", false},
};

#define STREAM_TEXT "{\"a\": \"" TEXT " and more\", \"b\": [1, 2, 3]}"
#define STREAM_RULE "- {reply: {text: '" STREAM_TEXT "'}, pace: {chunk_bytes: 5}, fault: "

static void
ask_stream(const struct stream *row, const char *rule)
{
    use_rules(rule);
    double_rig_ask(rig.port, "POST", row->target, "", row->body, &got);
    assert_int_equal(got.status, 200);
    assert_non_null(strstr(head(), row->type));
}

static void
stream(void **state)
{
    const struct stream *row = *state;
    struct gathered out;

    ask_stream(row, "- {reply: {text: '" STREAM_TEXT "'}, pace: {chunk_bytes: 5}}\n");
    out = gather();
    assert_string_equal(out.text, STREAM_TEXT);
    assert_true(out.finished && out.usage && !out.failed && out.events >= 7);
    assert_int_equal(out.done, row->done);
}

static void
stream_faults(void **state)
{
    const struct stream *row = *state;
    struct gathered out;

    ask_stream(row, STREAM_RULE "{id: F33, ms: 15}}\n");
    assert_true(got.reads >= 3); /* in pieces, and whole again */
    assert_string_equal(gather().text, STREAM_TEXT);

    ask_stream(row, STREAM_RULE "F34}\n");
    assert_non_null(strstr(body(), "\r\n\r\n"));
    assert_string_equal(gather().text, STREAM_TEXT);

    ask_stream(row, STREAM_RULE "{id: F35, variant: finished}}\n");
    out = gather();
    assert_false(out.done);
    if (row->done)
        assert_true(out.finished);
    ask_stream(row, STREAM_RULE "{id: F35, variant: unfinished}}\n");
    out = gather();
    assert_false(out.done || out.finished);

    ask_stream(row, STREAM_RULE "F36}\n");
    out = gather();
    assert_true(out.failed && !out.done && !out.finished);
    assert_true(strlen(out.text) > 0 && strlen(out.text) < sizeof STREAM_TEXT - 1);

    ask_stream(row, STREAM_RULE "F37}\n");
    out = gather();
    assert_false(out.usage);
    assert_true(out.finished);

    use_rules(STREAM_RULE "F15}\n");
    double_rig_ask(rig.port, "POST", row->target, "", row->body, &got);
    assert_int_equal(got.end, DOUBLE_RIG_CLOSED);
    use_rules(STREAM_RULE "F16}\n");
    double_rig_ask(rig.port, "POST", row->target, "", row->body, &got);
    assert_int_equal(got.end, DOUBLE_RIG_RESET);
    assert_true(got.body.size > 0);
}

/* ---- faults: one request, and what is on the wire ---- */

/* clang-format off */
static const struct fault {
    const char *name, *fault, *target, *body;
    int status;
    enum double_rig_end end;
    const char *in_head, *path, *want; /* path: in the JSON body; without one, `want` is somewhere in the body */
    const char *not_in_head;
    uint32_t deadline_ms;
} faults[] = {
    {"F01 never answers", "F01", OPENAI, OPENAI_BODY, 0, .end = DOUBLE_RIG_LATE, .deadline_ms = 150},
    {"F02 stalls behind the headers", "F02", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_LATE, "Content-Length", .deadline_ms = 150},
    {"F04 seconds", "F04", OPENAI, OPENAI_BODY, 429, .end = DOUBLE_RIG_WHOLE, "Retry-After: 2\r\n", "error.code", "rate_limit_exceeded"},
    {"F04 openai's reset", "F04", OPENAI, OPENAI_BODY, 429, .end = DOUBLE_RIG_WHOLE, "x-ratelimit-reset-requests: 2000ms\r\n"},
    {"F04 anthropic", "F04", ANTHROPIC, ANTHROPIC_BODY, 429, .end = DOUBLE_RIG_WHOLE, "Retry-After: 2\r\n", "error.type", "rate_limit_error"},
    {"F04 gemini", "F04", GEMINI, GEMINI_BODY, 429, .end = DOUBLE_RIG_WHOLE, NULL, "error.details.0.retryDelay", "2.000s"},
    {"F05 date", "F05", OPENAI, OPENAI_BODY, 429, .end = DOUBLE_RIG_WHOLE, " GMT\r\n"},
    {"F06 milliseconds", "F06", OPENAI, OPENAI_BODY, 429, .end = DOUBLE_RIG_WHOLE, "retry-after-ms: 1500\r\n"},
    {"F07 too long", "F07", OPENAI, OPENAI_BODY, 429, .end = DOUBLE_RIG_WHOLE, "Retry-After: 3600\r\n"},
    {"F08 openai", "F08", OPENAI, OPENAI_BODY, 429, .end = DOUBLE_RIG_WHOLE, NULL, "error.code", "insufficient_quota", "Retry-After"},
    {"F08 anthropic", "F08", ANTHROPIC, ANTHROPIC_BODY, 402, .end = DOUBLE_RIG_WHOLE, NULL, "error.type", "billing_error"},
    {"F08 gemini", "F08", GEMINI, GEMINI_BODY, 429, .end = DOUBLE_RIG_WHOLE, NULL, "error.status", "RESOURCE_EXHAUSTED"},
    {"F09 spend cap", "F09", ANTHROPIC, ANTHROPIC_BODY, 429, .end = DOUBLE_RIG_WHOLE, NULL, "error.details.error_code",
        "enforced_spend_limit_reached", "Retry-After"},
    {"F10 openai", "F10", OPENAI, OPENAI_BODY, 500, .end = DOUBLE_RIG_WHOLE, NULL, "error.type", "server_error"},
    {"F10 anthropic", "F10", ANTHROPIC, ANTHROPIC_BODY, 500, .end = DOUBLE_RIG_WHOLE, NULL, "error.type", "api_error"},
    {"F10 ollama", "F10", OLLAMA, OLLAMA_BODY, 500, .end = DOUBLE_RIG_WHOLE, NULL, "error", "The server had an error."},
    {"F10 gemini", "F10", GEMINI, GEMINI_BODY, 500, .end = DOUBLE_RIG_WHOLE, NULL, "error.status", "INTERNAL"},
    {"F11 html", "F11", OPENAI, OPENAI_BODY, 502, .end = DOUBLE_RIG_WHOLE, "text/html", NULL, "<html>"},
    {"F12 loading", "F12", OPENAI, OPENAI_BODY, 503, .end = DOUBLE_RIG_WHOLE, NULL, "error.code", "503"},
    {"F13 anthropic", "F13", ANTHROPIC, ANTHROPIC_BODY, 529, .end = DOUBLE_RIG_WHOLE, NULL, "error.type", "overloaded_error"},
    {"F15 short body", "F15", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_CLOSED},
    {"F16 reset in the body", "F16", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_RESET},
    {"F18 no JSON", "F18", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, NULL, "two merchants"},
    {"F19 fenced", "F19", ANTHROPIC, ANTHROPIC_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "content.0.text", "```json\n{\"n\":1}\n```"},
    {"F20 prose", "F20", OLLAMA, OLLAMA_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, NULL, "Let me know"},
    {"F21 python", "F21", GEMINI, GEMINI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "candidates.0.content.parts.0.text", "{'n':1}"},
    {"F22 comma", "F22", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "choices.0.message.content", "{\"n\":1,}"},
    {"F23 twice", "F23", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "choices.0.message.content",
        "{\"n\":\"another value\",\"n\":1}"},
    {"F24 deep", "F24", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, NULL, "[[[[[[[[[[[[[[[["},
    {"F25 huge", "{id: F25, variant: huge}", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "choices.0.message.content",
        "{\"n\":5e71028}"},
    {"F26 bad UTF-8", "{id: F26, variant: utf8}", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, NULL, "\xff\xc0\xaf\xf5"},
    {"F26 surrogate", "{id: F26, variant: surrogate}", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, NULL, "\\ud83d\\\""},
    {"F26 NUL", "{id: F26, variant: nul}", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, NULL, " \\u0000"},
    {"F26 mark", "{id: F26, variant: bom}", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, NULL, "\"\xef\xbb\xbf{"},
    {"F30 openai", "F30", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "choices.0.finish_reason", "length"},
    {"F30 anthropic", "F30", ANTHROPIC, ANTHROPIC_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "stop_reason", "max_tokens"},
    {"F30 ollama", "F30", OLLAMA, OLLAMA_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "done_reason", "length"},
    {"F30 gemini", "F30", GEMINI, GEMINI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "candidates.0.finishReason", "MAX_TOKENS"},
    {"F31 openai", "F31", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "choices.0.message.refusal", "I cannot help with that."},
    {"F31 anthropic", "F31", ANTHROPIC, ANTHROPIC_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "stop_reason", "refusal"},
    {"F31 gemini", "F31", GEMINI, GEMINI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "promptFeedback.blockReason", "SAFETY"},
    {"F32 openai", "F32", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "choices.0.message.content", "null"},
    {"F32 anthropic", "F32", ANTHROPIC, ANTHROPIC_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "content", "[]"},
    {"F38 negative", "{id: F38, variant: negative}", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "usage.completion_tokens", "-5"},
    {"F38 huge", "{id: F38, variant: huge}", GEMINI, GEMINI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "usageMetadata.promptTokenCount",
        "4611686018427387904"},
    {"F38 absent", "{id: F38, variant: absent}", ANTHROPIC, ANTHROPIC_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "usage", "absent"},
    {"F39 redirect", "F39", OPENAI, OPENAI_BODY, 307, .end = DOUBLE_RIG_WHOLE, "Location: http://127.0.0.2:"},
    {"F40 model", "{id: F40, variant: model}", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, "model", "some-other-model"},
    {"F40 type", "{id: F40, variant: type}", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, "text/html", "model", "m"},
    {"F40 HTTP/1.0", "{id: F40, variant: http10}", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, "HTTP/1.0 200", "model", "m", "Content-Length"},
    {"F40 100 first", "{id: F40, variant: continue}", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"},
    {"F40 204", "{id: F40, variant: empty}", OPENAI, OPENAI_BODY, 204, .end = DOUBLE_RIG_WHOLE},
    {"F41 forbidden", "F41", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, NULL, "N999999"},
    {"F42 injection", "F42", OPENAI, OPENAI_BODY, 200, .end = DOUBLE_RIG_WHOLE, NULL, NULL, "Ignore all previous instructions"},
};
/* clang-format on */

static void
ask_fault(const struct fault *row)
{
    struct buffer request = {0};
    char rule[300];
    int fd = double_rig_connect(rig.port);

    snprintf(rule, sizeof rule, "- {reply: {text: '{\"n\":1}'}, fault: %s}\n", row->fault);
    use_rules(rule);
    double_rig_request(&request, "POST", row->target, "", row->body);
    double_rig_exchange(fd, request.data, request.size, row->deadline_ms > 0 ? row->deadline_ms : 10000, 1u << 20,
                        &got);
    buffer_fini(&request);
    close(fd);
}

static void
fault(void **state)
{
    const struct fault *row = *state;

    ask_fault(row);
    if (got.end != row->end || got.status != row->status)
        print_error("end %d, status %d: %s%s\n", got.end, got.status, head(), body());
    assert_int_equal(got.status, row->status);
    assert_int_equal(got.end, row->end);
    if (row->in_head != NULL)
        assert_non_null(strstr(head(), row->in_head));
    if (row->not_in_head != NULL)
        assert_null(strstr(head(), row->not_in_head));
    if (row->path != NULL)
        expect_at(body(), row->path, row->want);
    else if (row->want != NULL)
        assert_non_null(memmem(body(), got.body.size, row->want, strlen(row->want)));
}

/* ---- faults that need more than one look ---- */

static void
drips(void **state)
{
    (void)state;
    ask_fault(&(struct fault){.fault = "{id: F03, ms: 5, size: 20}", .target = OPENAI, .body = OPENAI_BODY});
    assert_int_equal(got.end, DOUBLE_RIG_WHOLE);
    assert_true(got.reads >= 10);
    assert_true(got.took_ms >= (got.wire.size / 20) * 5 - 5);
    expect_at(body(), "choices.0.message.content", "{\"n\":1}");
}

static void
truncates(void **state)
{
    (void)state;
    ask_fault(&(struct fault){.fault = "F14", .target = OPENAI, .body = OPENAI_BODY});
    assert_int_equal(got.end, DOUBLE_RIG_WHOLE); /* of the length it says */
    assert_null(json_loads(body(), 0, NULL));
    assert_int_equal(body()[0], '{');
}

static void
resets_only_the_reused(void **state)
{
    struct buffer request = {0};
    int fd = double_rig_connect(rig.port);

    (void)state;
    use_rules("- {reply: {text: x}, fault: F17}\n");
    double_rig_request(&request, "POST", OPENAI, "", OPENAI_BODY);
    double_rig_exchange(fd, request.data, request.size, 5000, 1u << 20, &got);
    assert_int_equal(got.status, 200);
    double_rig_exchange(fd, request.data, request.size, 5000, 1u << 20, &got);
    assert_int_equal(got.end, DOUBLE_RIG_RESET);
    assert_int_equal(got.wire.size, 0);
    close(fd);
    buffer_fini(&request);
}

static void
large_endless_and_bomb(void **state)
{
    struct buffer request = {0};
    int fd;

    (void)state;
    use_rules("- {reply: {text: x}, fault: {id: F27, size: 3000001}}\n");
    double_rig_ask(rig.port, "POST", OPENAI, "", OPENAI_BODY, &got);
    assert_int_equal(got.end, DOUBLE_RIG_WHOLE);
    assert_true(got.body.size > 3000001 && got.body.size < 3001000);
    expect_at(body(), "choices.0.message.content", "x");

    use_rules("- {reply: {text: x}, fault: F28}\n");
    for (int i = 0; i < 2; i++) {
        fd = double_rig_connect(rig.port);
        double_rig_request(&request, "POST", OPENAI, "", i == 0 ? OPENAI_BODY : OPENAI_STREAM);
        double_rig_exchange(fd, request.data, request.size, 10000, 20u << 20, &got);
        assert_int_equal(got.end, DOUBLE_RIG_ENOUGH);
        close(fd);
    }
    use_rules("- {reply: {text: x}, fault: {id: F29, size: 10000000}}\n");
    double_rig_ask(rig.port, "POST", OPENAI, "", OPENAI_BODY, &got);
    assert_non_null(strstr(head(), "Content-Encoding: deflate"));
    assert_true(got.body.size < 80000);
    assert_int_equal(got.body.data[0], 0x78);
    buffer_fini(&request);
}

static void
flaps(void **state)
{
    unsigned up = 0, down = 0;

    (void)state;
    use_rules("- {reply: {text: x}, fault: {id: F43, ms: 60}}\n");
    for (int i = 0; i < 40; i++) {
        double_rig_ask(rig.port, "POST", OPENAI, "", OPENAI_BODY, &got);
        up += got.status == 200;
        down += got.status == 503;
        rig_sleep_ms(10);
    }
    assert_int_equal(up + down, 40);
    assert_true(up > 5 && down > 5);
}

static void
faults_by_number(void **state)
{
    (void)state;
    use_rules("- {name: first try, match: {nth: 1}, fault: F10}\n- {name: then, reply: {text: fine}}\n");
    double_rig_ask(rig.control, "POST", "/reset", "", NULL, &got);
    double_rig_ask(rig.port, "POST", OPENAI, "", OPENAI_BODY, &got);
    assert_int_equal(got.status, 500);
    double_rig_ask(rig.port, "POST", OPENAI, "", OPENAI_BODY, &got);
    assert_int_equal(got.status, 200);
    double_rig_ask(rig.control, "GET", "/stats", "", NULL, &got);
    expect_at(body(), "requests", "2");
    expect_at(body(), "faults.F10", "1");
    expect_at(body(), "statuses.500", "1");
    expect_at(body(), "rules.0.hits", "1");
    expect_at(body(), "rules.1.name", "then");
    expect_at(body(), "endpoints.openai chat", "2");
    double_rig_ask(rig.control, "POST", "/reset", "", NULL, &got);
    double_rig_ask(rig.control, "GET", "/stats", "", NULL, &got);
    expect_at(body(), "requests", "0");
}

static void
matches(void **state)
{
    (void)state;
    use_rules("- {match: {header: {x-role: 'wri*'}}, reply: {text: by header}}\n"
              "- {match: {model: 'gpt-*'}, reply: {text: by model}}\n"
              "- {match: {body_re: 'hel+o'}, reply: {template: 'm=${model} n=${number} $$ ${prompt} ${pick a}'}}\n");
    double_rig_ask(rig.control, "POST", "/reset", "", NULL, &got);
    double_rig_ask(rig.port, "POST", OPENAI, "X-Role: writer\r\n", OPENAI_BODY, &got);
    expect_at(body(), "choices.0.message.content", "by header");
    double_rig_ask(rig.port, "POST", OPENAI, "", "{\"model\":\"gpt-4\"," USER "}", &got);
    expect_at(body(), "choices.0.message.content", "by model");
    double_rig_ask(rig.port, "POST", OPENAI, "", OPENAI_BODY, &got);
    expect_at(body(), "choices.0.message.content", "m=m n=2 $ hello a");
}

static void
paces(void **state)
{
    (void)state;
    use_rules("- {reply: {text: '0123456789'}, pace: {ttft_ms: 60, per_chunk_ms: 20, chunk_bytes: 2}}\n");
    double_rig_ask(rig.port, "POST", OPENAI, "", OPENAI_BODY, &got);
    assert_true(got.took_ms >= 59);
    double_rig_ask(rig.port, "POST", OPENAI, "", OPENAI_STREAM, &got);
    assert_true(got.took_ms >= 59 + 8 * 20 - 10); /* 5 pieces, a role, a finish, the usage, [DONE] */
    assert_string_equal(gather().text, "0123456789");
}

static void
refuses_rules(void **state)
{
    (void)state;
    use_rules("- {reply: {text: old}}\n");
    assert_false(double_rig_rules(&rig, "rules:\n  - {fault: F77}\n", &got));
    assert_int_equal(got.status, 400);
    expect_at(body(), "error", "rules:2:13: rules[0].fault: unknown fault 'F77': they are F01 to F44");
    double_rig_ask(rig.port, "POST", OPENAI, "", OPENAI_BODY, &got);
    expect_at(body(), "choices.0.message.content", "old");
}

static void
odd_requests(void **state)
{
    /* clang-format off */
    static const char chunked[] = "POST " OPENAI " HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"model\r\n5;x=1\r\n\":\"m\"\r\n"
                                  "2b\r\n,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}\r\n2\r\n]}\r\n0\r\n\r\n";
    static const char expect[] = "POST " OPENAI " HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3000\r\n\r\n";
    static const char twice[] = "GET /health HTTP/1.1\r\n\r\nGET /health HTTP/1.1\r\nConnection: close\r\n\r\n";
    /* clang-format on */
    int fd = double_rig_connect(rig.port);

    (void)state;
    use_rules("- reply: echo\n");
    double_rig_exchange(fd, chunked, sizeof chunked - 1, 5000, 1u << 20, &got);
    expect_at(body(), "choices.0.message.content", "hi");
    double_rig_exchange(fd, expect, sizeof expect - 1, 200, 1u << 20, &got);
    assert_int_equal(got.status, 100);
    close(fd);
    fd = double_rig_connect(rig.port);
    double_rig_exchange(fd, "nonsense\r\n\r\n", 12, 5000, 1u << 20, &got);
    assert_int_equal(got.status, 400);
    close(fd);
    fd = double_rig_connect(rig.port);
    double_rig_exchange(fd, twice, sizeof twice - 1, 300, 1000, &got);
    if (strstr((const char *)got.wire.data + 20, "HTTP/1.1 200") == NULL) /* the second may come with the next read */
        double_rig_exchange(fd, "", 0, 5000, 1000, &got);
    assert_non_null(strstr((const char *)got.wire.data, "Connection: close"));
    close(fd);
}

/* ---- the same bytes twice ---- */

static void
record(struct buffer *out)
{
    static const char *const bodies[][2] = {
        {OPENAI, OPENAI_BODY},
        {OPENAI, OPENAI_STREAM},
        {ANTHROPIC, ANTHROPIC_STREAM},
        {OLLAMA, OLLAMA_STREAM},
        {GEMINI, GEMINI_BODY},
        {OPENAI, "{\"model\":\"m\",\"response_format\":{\"schema\":{\"type\":\"object\",\"properties\":{\"a\":"
                 "{\"type\":\"number\"},\"b\":{\"type\":\"string\"}}}}," USER "}"},
    };

    for (unsigned i = 0; i < 60; i++) {
        double_rig_ask(rig.port, "POST", bodies[i % 6][0], "", bodies[i % 6][1], &got);
        buffer_append(out, got.wire.data, got.wire.size);
    }
}

static void
same_twice(void **state)
{
    struct buffer first = {0}, second = {0};

    (void)state;
    use_rules("seed: 4\nrules:\n  - {match: {every: 3}, reply: {hostile: any}, fault: F25}\n  - reply: schema_fill\n");
    double_rig_ask(rig.control, "POST", "/reset", "", NULL, &got);
    record(&first);
    double_rig_stop(&rig);
    assert_true(double_rig_start(&rig, NULL));
    use_rules("seed: 4\nrules:\n  - {match: {every: 3}, reply: {hostile: any}, fault: F25}\n  - reply: schema_fill\n");
    record(&second);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    buffer_fini(&first);
    buffer_fini(&second);
}

/* ---- load ---- */

struct load {
    int epoll, *fds;
    struct buffer *requests;
    size_t request_count, answer_size;
    uint32_t connections;
    uint64_t sent, answered;
};

static void
send_next(struct load *load, uint32_t which)
{
    const struct buffer *request = &load->requests[load->sent++ % load->request_count];

    assert_int_equal(send(load->fds[which], request->data, request->size, MSG_NOSIGNAL), (ssize_t)request->size);
}

/* Answers are all of one size, so that counting bytes counts answers. */
static void
run_load(struct load *load, uint64_t count)
{
    uint64_t deadline = double_rig_now_ms() + 200000;
    size_t *waiting = calloc(load->connections, sizeof *waiting);
    static char room[65536];

    load->sent = load->answered = 0;
    for (uint32_t i = 0; i < load->connections; i++)
        send_next(load, i);
    while (load->answered < count && double_rig_now_ms() < deadline) {
        struct epoll_event events[256];
        int ready = epoll_wait(load->epoll, events, 256, 1000);

        for (int i = 0; i < ready; i++) {
            uint32_t which = events[i].data.u32;
            ssize_t size = recv(load->fds[which], room, sizeof room, MSG_DONTWAIT);

            assert_true(size > 0);
            waiting[which] += (size_t)size;
            if (waiting[which] < load->answer_size)
                continue;
            waiting[which] -= load->answer_size;
            load->answered++;
            if (load->sent < count)
                send_next(load, which);
        }
    }
    free(waiting);
    assert_true(load->answered >= count);
}

static void
load_open(struct load *load, uint32_t connections)
{
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    *load = (struct load){.epoll = epoll_create1(EPOLL_CLOEXEC), .connections = connections, .request_count = 64};
    load->fds = calloc(connections, sizeof *load->fds);
    load->requests = calloc(load->request_count, sizeof *load->requests);
    for (uint32_t i = 0; i < load->request_count; i++) {
        char text[200];

        snprintf(text, sizeof text, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"prompt %02u\"}]}",
                 i);
        double_rig_request(&load->requests[i], "POST", OPENAI, "", text);
    }
    for (uint32_t i = 0; i < connections; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};

        load->fds[i] = double_rig_connect(rig.port);
        assert_true(load->fds[i] >= 0);
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, load->fds[i], &event);
    }
    double_rig_ask(rig.port, "POST", OPENAI, "", (const char *)strstr((const char *)load->requests[0].data, "{"), &got);
    load->answer_size = got.wire.size;
}

static void
load_close(struct load *load)
{
    for (uint32_t i = 0; i < load->connections; i++)
        close(load->fds[i]);
    for (size_t i = 0; i < load->request_count; i++)
        buffer_fini(&load->requests[i]);
    close(load->epoll);
    free(load->fds);
    free(load->requests);
}

/* Processor time the double has used, in seconds. */
static double
processor_seconds(pid_t pid)
{
    unsigned long user = 0, kernel = 0;
    char path[64], line[1000] = "";
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(line, sizeof line, file) != NULL && strrchr(line, ')') != NULL)
            (void)sscanf(strrchr(line, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel);
        fclose(file);
    }
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static void
load_at(uint32_t connections, uint64_t count)
{
    struct load load;
    uint64_t before, after, start;
    double processor;

    use_rules("- {reply: {text: '{\"verb\":\"pass\"}'}}\n");
    load_open(&load, connections);
    run_load(&load, connections * 4 > 20000 ? connections * 4 : 20000); /* until every buffer has its size */
    before = double_rig_resident(rig.pid);
    processor = processor_seconds(rig.pid);
    start = double_rig_now_ms();
    run_load(&load, count);
    start = double_rig_now_ms() - start;
    processor = processor_seconds(rig.pid) - processor;
    after = double_rig_resident(rig.pid);
    print_message("# %u connections, %llu requests: %.0f a second, %.1f us of its processor each, resident %+lld KiB\n",
                  connections, (unsigned long long)count, (double)count * 1000 / (double)(start + 1),
                  processor * 1e6 / (double)count, ((long long)after - (long long)before) / 1024);
    assert_true(after <= before + (512u << 10));
    load_close(&load);
}

static void
load_64(void **state)
{
    const char *count = getenv("POLIS_DOUBLE_REQUESTS");

    (void)state;
    load_at(64, count != NULL ? strtoull(count, NULL, 10) : 200000);
}

static void
load_4000(void **state)
{
    (void)state;
    load_at(4000, 60000);
    double_rig_ask(rig.control, "GET", "/stats", "", NULL, &got);
    assert_non_null(strstr(body(), "\"connections_peak\":400"));
}

/* Nobody is left behind: silent answers end with their clients, and the process with its parent. */
static void
lets_go(void **state)
{
    int fds[50];

    (void)state;
    use_rules("- {fault: F01}\n");
    for (int i = 0; i < 50; i++) {
        fds[i] = double_rig_connect(rig.port);
        assert_true(send(fds[i], "GET /health HTTP/1.1\r\n\r\n", 24, MSG_NOSIGNAL) == 24);
    }
    for (int i = 0; i < 50; i++)
        close(fds[i]);
    for (int tries = 0; tries < 100; tries++) {
        double_rig_ask(rig.control, "GET", "/stats", "", NULL, &got);
        if (strstr(body(), "\"connections\":1,") != NULL)
            return;
        rig_sleep_ms(20);
    }
    fail_msg("%s", body());
}

static void
dies_with_its_parent(void **state)
{
    int pipe_fds[2];
    pid_t child, orphan = 0;

    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    child = fork();
    if (child == 0) {
        struct double_rig other;

        if (double_rig_start(&other, NULL))
            (void)!write(pipe_fds[1], &other.pid, sizeof other.pid);
        _exit(0);
    }
    assert_int_equal(read(pipe_fds[0], &orphan, sizeof orphan), (ssize_t)sizeof orphan);
    waitpid(child, NULL, 0);
    for (int tries = 0; tries < 250 && double_rig_resident(orphan) > 0; tries++)
        rig_sleep_ms(20);
    assert_int_equal(double_rig_resident(orphan), 0);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static const struct test_case cases[] = {
    {"F03 drips", drips},
    {"F14 truncated in good order", truncates},
    {"F17 resets only a reused connection", resets_only_the_reused},
    {"F27 F28 F29 too much", large_endless_and_bomb},
    {"F43 flaps", flaps},
    {"rules by number, and statistics", faults_by_number},
    {"rules by header, model and pattern", matches},
    {"pace", paces},
    {"wrong rules are refused and the old ones stay", refuses_rules},
    {"chunked bodies, 100-continue, nonsense, pipelining", odd_requests},
    {"the same requests, the same bytes", same_twice},
    {"64 connections do not make it grow", load_64},
    {"4000 connections", load_4000},
    {"silent answers end with their clients", lets_go},
    {"it ends with its parent", dies_with_its_parent},
};

int
main(void)
{
    int failures;

    signal(SIGPIPE, SIG_IGN);
    if (!double_rig_start(&rig, NULL)) {
        fprintf(stderr, "%s does not start\n", double_rig_binary());
        return 1;
    }
    failures = TEST_ROWS("llmdouble endpoints", shapes, shape);
    failures += TEST_ROWS("llmdouble refusals", wrongs, wrong);
    failures += TEST_ROWS("llmdouble streams", streams, stream);
    failures += TEST_ROWS("llmdouble faults", faults, fault);
    failures += TEST_ROWS("llmdouble stream faults", streams, stream_faults);
    failures += TEST_CASES("llmdouble", cases);
    failures += double_rig_stop(&rig) != 0;
    double_rig_answer_fini(&got);
    return failures;
}
