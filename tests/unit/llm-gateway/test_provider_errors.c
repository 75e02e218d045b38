/* Every row of the error tables: what a server says, which class it is, how long it asks to wait. */
#include "tests/unit/llm-gateway/provider_case.h"

#define NOW INT64_C(784111767000) /* ten seconds before the date of the rows */
#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

// clang-format off
static const struct row {
    const char *name, *provider;
    int status;
    const char *headers, *body;
    enum llm_class class;
    int64_t wait_ms;
    int32_t retry;
} rows[] = {
    /* OpenAI and its family */
    {"openai 400", "openai", 400, "", "{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"param\":null,"
     "\"code\":null}}", LLM_BAD_REQUEST, -1, -1},
    {"openai 400 context", "openai", 400, "", "{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\","
     "\"code\":\"context_length_exceeded\"}}", LLM_CONTEXT, -1, -1},
    {"llama.cpp 400 context", "openai", 400, "", "{\"error\":{\"code\":400,\"message\":\"the request exceeds the available "
     "context size\",\"type\":\"exceed_context_size_error\"}}", LLM_CONTEXT, -1, -1},
    {"vllm 400 context, in words", "openai", 400, "", "{\"object\":\"error\",\"message\":\"This model's maximum context "
     "length is 4096 tokens\",\"type\":\"BadRequestError\",\"code\":400}", LLM_CONTEXT, -1, -1},
    {"openai 401", "openai", 401, "", "{\"error\":{\"code\":\"invalid_api_key\"}}", LLM_AUTH, -1, -1},
    {"openai 403", "openai", 403, "", "{}", LLM_AUTH, -1, -1},
    {"openai 404", "openai", 404, "", "{\"error\":{\"code\":\"model_not_found\",\"type\":\"invalid_request_error\"}}",
     LLM_NOT_FOUND, -1, -1},
    {"openai 408", "openai", 408, "", "", LLM_SERVER, -1, -1},
    {"openai 409", "openai", 409, "", "", LLM_SERVER, -1, -1},
    {"openai 413", "openai", 413, "", "", LLM_TOO_LARGE, -1, -1},
    {"vllm 422", "openai", 422, "", "{\"error\":{\"message\":\"unknown member\"}}", LLM_BAD_REQUEST, -1, -1},
    {"openai 429", "openai", 429, "", "{\"error\":{\"code\":\"rate_limit_exceeded\",\"type\":\"requests\"}}", LLM_RATE, -1,
     -1},
    {"F04 seconds", "openai", 429, "Retry-After: 2", "", LLM_RATE, 2000, -1},
    {"F05 a date", "openai", 429, "retry-after: " DATE, "", LLM_RATE, 10000, -1},
    {"F06 milliseconds go first", "openai", 429, "retry-after: 9\nretry-after-ms: 1500", "", LLM_RATE, 1500, -1},
    {"F06 unless they are none", "openai", 429, "retry-after: 9\nretry-after-ms: soon", "", LLM_RATE, 9000, -1},
    {"F07 an hour", "openai", 429, "Retry-After: 3600", "", LLM_RATE, 3600000, -1},
    {"F08 quota", "openai", 429, "retry-after: 1", "{\"error\":{\"type\":\"insufficient_quota\",\"code\":"
     "\"insufficient_quota\"}}", LLM_QUOTA, 1000, -1},
    {"openai 429, reset of an empty bucket", "openai", 429, "x-ratelimit-remaining-requests: 0\n"
     "x-ratelimit-reset-requests: 6m0s\nx-ratelimit-limit-requests: 60", "", LLM_RATE, 360000, -1},
    {"openai 429, a bucket that is not empty", "openai", 429, "x-ratelimit-remaining-requests: 3\n"
     "x-ratelimit-reset-requests: 6m0s\nx-ratelimit-limit-requests: 60", "", LLM_RATE, -1, -1},
    {"x-should-retry: false", "openai", 500, "x-should-retry: false", "", LLM_SERVER, -1, 0},
    {"x-should-retry: true", "openai", 400, "X-Should-Retry: True", "", LLM_BAD_REQUEST, -1, 1},
    {"F10 500", "openai", 500, "", "{\"error\":{\"message\":\"m\",\"type\":\"server_error\"}}", LLM_SERVER, -1, -1},
    {"F11 502 in HTML", "openai", 502, "", "<html><h1>Bad gateway</h1>", LLM_SERVER, -1, -1},
    {"F12 503 loading", "openai", 503, "", "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":"
     "\"unavailable_error\"}}", LLM_OVERLOAD, -1, -1},
    {"openrouter 402", "openai", 402, "", "{\"error\":{\"code\":402,\"message\":\"Insufficient credits\"}}", LLM_QUOTA, -1,
     -1},
    {"F39 307", "openai", 307, "location: https://evil.example/", "", LLM_REDIRECT, -1, -1},
    {"F40 204", "openai", 204, "", "", LLM_ENVELOPE, -1, -1},
    {"F40 no status of HTTP", "openai", 999, "", "", LLM_ENVELOPE, -1, -1},
    {"an informational status", "openai", 100, "", "", LLM_ENVELOPE, -1, -1},
    /* Anthropic */
    {"anthropic 400", "anthropic", 400, "", "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
     "\"m\"},\"request_id\":\"req_1\"}", LLM_BAD_REQUEST, -1, -1},
    {"anthropic 400 context", "anthropic", 400, "", "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is "
     "too long: 210000 tokens > 200000 maximum\"}}", LLM_CONTEXT, -1, -1},
    {"anthropic 400 own spending limit", "anthropic", 400, "", "{\"error\":{\"type\":\"invalid_request_error\",\"message\":"
     "\"You have reached your specified API usage limits.\"}}", LLM_QUOTA, -1, -1},
    {"anthropic 401", "anthropic", 401, "", "{\"error\":{\"type\":\"authentication_error\"}}", LLM_AUTH, -1, -1},
    {"anthropic 402", "anthropic", 402, "", "{\"error\":{\"type\":\"billing_error\"}}", LLM_QUOTA, -1, -1},
    {"anthropic 403", "anthropic", 403, "", "{\"error\":{\"type\":\"permission_error\"}}", LLM_AUTH, -1, -1},
    {"anthropic 404", "anthropic", 404, "", "{\"error\":{\"type\":\"not_found_error\"}}", LLM_NOT_FOUND, -1, -1},
    {"anthropic 409", "anthropic", 409, "", "{\"error\":{\"type\":\"conflict_error\"}}", LLM_SERVER, -1, -1},
    {"anthropic 413", "anthropic", 413, "", "{\"error\":{\"type\":\"request_too_large\"}}", LLM_TOO_LARGE, -1, -1},
    {"anthropic 429", "anthropic", 429, "retry-after: 7", "{\"error\":{\"type\":\"rate_limit_error\"}}", LLM_RATE, 7000, -1},
    {"anthropic 429, reset as a moment", "anthropic", 429, "anthropic-ratelimit-input-tokens-limit: 1000\n"
     "anthropic-ratelimit-input-tokens-remaining: 0\nanthropic-ratelimit-input-tokens-reset: 1994-11-06T08:49:37Z",
     "{\"error\":{\"type\":\"rate_limit_error\"}}", LLM_RATE, 10000, -1},
    {"F09 spending cap", "anthropic", 429, "", "{\"error\":{\"type\":\"rate_limit_error\",\"details\":{\"error_code\":"
     "\"enforced_spend_limit_reached\"}}}", LLM_QUOTA, -1, -1},
    {"anthropic 500", "anthropic", 500, "", "{\"error\":{\"type\":\"api_error\"}}", LLM_SERVER, -1, -1},
    {"F13 529", "anthropic", 529, "", "{\"error\":{\"type\":\"overloaded_error\"}}", LLM_OVERLOAD, -1, -1},
    /* Ollama */
    {"ollama 400", "ollama", 400, "", "{\"error\":\"invalid format\"}", LLM_BAD_REQUEST, -1, -1},
    {"ollama 404", "ollama", 404, "", "{\"error\":\"model 'x' not found\"}", LLM_NOT_FOUND, -1, -1},
    {"ollama 500", "ollama", 500, "", "{\"error\":\"llama runner process has terminated\"}", LLM_SERVER, -1, -1},
    {"ollama 503", "ollama", 503, "", "{\"error\":\"server busy, please try again.\"}", LLM_OVERLOAD, -1, -1},
    /* Gemini */
    {"gemini 429 with RetryInfo", "gemini", 429, "", "{\"error\":{\"code\":429,\"message\":\"m\",\"status\":"
     "\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"22s\"}]}}",
     LLM_RATE, 22000, -1},
    {"gemini 429 for the day", "gemini", 429, "", "{\"error\":{\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":"
     "\"type.googleapis.com/google.rpc.QuotaFailure\",\"violations\":[{\"quotaId\":\"GenerateRequestsPerDayPerProject\"}]}]}}",
     LLM_QUOTA, -1, -1},
    {"gemini 400", "gemini", 400, "", "{\"error\":{\"status\":\"INVALID_ARGUMENT\",\"message\":\"bad\"}}", LLM_BAD_REQUEST, -1,
     -1},
    {"gemini 400 for a key", "gemini", 400, "", "{\"error\":{\"status\":\"INVALID_ARGUMENT\",\"message\":\"API key not "
     "valid.\",\"details\":[{\"reason\":\"API_KEY_INVALID\"}]}}", LLM_AUTH, -1, -1},
    {"gemini 400 context", "gemini", 400, "", "{\"error\":{\"status\":\"INVALID_ARGUMENT\",\"message\":\"The input token count "
     "(9) exceeds the maximum number of tokens allowed (8).\"}}", LLM_CONTEXT, -1, -1},
    {"gemini 400 country", "gemini", 400, "", "{\"error\":{\"status\":\"FAILED_PRECONDITION\"}}", LLM_AUTH, -1, -1},
    {"gemini 403", "gemini", 403, "", "{\"error\":{\"status\":\"PERMISSION_DENIED\"}}", LLM_AUTH, -1, -1},
    {"gemini 404", "gemini", 404, "", "{\"error\":{\"status\":\"NOT_FOUND\"}}", LLM_NOT_FOUND, -1, -1},
    {"gemini 500", "gemini", 500, "", "{\"error\":{\"status\":\"INTERNAL\"}}", LLM_SERVER, -1, -1},
    {"gemini 503", "gemini", 503, "", "{\"error\":{\"status\":\"UNAVAILABLE\"}}", LLM_OVERLOAD, -1, -1},
    {"gemini 504", "gemini", 504, "", "{\"error\":{\"status\":\"DEADLINE_EXCEEDED\"}}", LLM_SERVER, -1, -1},
    {"gemini, an error in a list", "gemini", 503, "", "[{\"error\":{\"status\":\"UNAVAILABLE\",\"message\":\"x\"}}]",
     LLM_OVERLOAD, -1, -1},
};
// clang-format on

static void
errors(void **state)
{
    const struct row *row = *state;
    struct provider_request request = case_request("m", NULL);
    struct provider_field fields[20];
    struct provider_result result = {0};
    char room[2000];
    struct provider_reply reply = {.status = row->status, .body = case_bytes(row->body), .now_ms = NOW,
        .headers = fields, .header_count = case_headers(row->headers, room, fields)};

    provider_read(provider_find(row->provider), &request, &reply, &result);
    assert_string_equal(llm_classes[result.verdict.class].name, llm_classes[row->class].name);
    assert_int_equal(result.verdict.wait_ms, row->wait_ms);
    assert_int_equal(result.verdict.retry, row->retry);
    assert_int_equal(result.text.size, 0);
    assert_true(result.flags & PROVIDER_USAGE_ABSENT);
    provider_result_fini(&result);
}

/* The table of the specification, written a second time. */
static const struct class_row {
    const char *name;
    enum llm_class class;
    enum llm_remedy remedy;
    bool opens; /* counts among what opens a breaker */
    bool latches;
} class_rows[] = {
    {"transport", LLM_TRANSPORT, LLM_REMEDY_RETRY, true, false},
    {"timeout_connect", LLM_TIMEOUT_CONNECT, LLM_REMEDY_RETRY, true, false},
    {"timeout_first", LLM_TIMEOUT_FIRST, LLM_REMEDY_RETRY, true, false},
    {"timeout_idle", LLM_TIMEOUT_IDLE, LLM_REMEDY_RETRY, true, false},
    {"timeout_total", LLM_TIMEOUT_TOTAL, LLM_REMEDY_NONE, true, false},
    {"rate", LLM_RATE, LLM_REMEDY_RETRY, false, false},
    {"overload", LLM_OVERLOAD, LLM_REMEDY_RETRY, true, false},
    {"server", LLM_SERVER, LLM_REMEDY_RETRY, true, false},
    {"quota", LLM_QUOTA, LLM_REMEDY_NONE, false, true},
    {"auth", LLM_AUTH, LLM_REMEDY_NONE, false, true},
    {"not_found", LLM_NOT_FOUND, LLM_REMEDY_NONE, false, true},
    {"bad_request", LLM_BAD_REQUEST, LLM_REMEDY_NONE, false, false},
    {"context", LLM_CONTEXT, LLM_REMEDY_NONE, false, false},
    {"too_large", LLM_TOO_LARGE, LLM_REMEDY_NONE, false, false},
    {"refusal", LLM_REFUSAL, LLM_REMEDY_ANSWER, false, false},
    {"length", LLM_LENGTH, LLM_REMEDY_ANSWER, false, false},
    {"envelope", LLM_ENVELOPE, LLM_REMEDY_ONCE, true, false},
    {"schema", LLM_SCHEMA, LLM_REMEDY_ANSWER, false, false},
    {"body_limit", LLM_BODY_LIMIT, LLM_REMEDY_NONE, false, false},
    {"tls", LLM_TLS, LLM_REMEDY_NONE, false, false},
    {"redirect", LLM_REDIRECT, LLM_REMEDY_NONE, false, false},
};

static void
classes(void **state)
{
    const struct class_row *row = *state;
    const struct llm_class_row *class = &llm_classes[row->class];

    assert_int_equal(sizeof class_rows / sizeof class_rows[0], LLM_CLASS_COUNT - 1);
    assert_string_equal(class->name, row->name);
    assert_int_equal(class->remedy, row->remedy);
    assert_int_equal(class->breaker == LLM_BREAKER_COUNTS, row->opens);
    assert_int_equal(class->breaker == LLM_BREAKER_LATCHES, row->latches);
}

// clang-format off
static const struct limit_row {
    const char *name, *provider, *headers;
    enum provider_bucket bucket;
    int64_t limit, remaining, reset_ms;
} limit_rows[] = {
    {"openai, requests", "openai", "x-ratelimit-limit-requests: 60\nx-ratelimit-remaining-requests: 59\n"
     "x-ratelimit-reset-requests: 1s", PROVIDER_REQUESTS, 60, 59, 1000},
    {"openai, tokens", "openai", "X-RateLimit-Limit-Tokens: 150000\nX-RateLimit-Remaining-Tokens: 149984\n"
     "X-RateLimit-Reset-Tokens: 6m0s", PROVIDER_TOKENS, 150000, 149984, 360000},
    {"12 milliseconds", "openai", "x-ratelimit-reset-tokens: 12ms", PROVIDER_TOKENS, -1, -1, 12},
    {"a limit of 0 is not believed", "openai", "x-ratelimit-limit-requests: 0\nx-ratelimit-remaining-requests: 0",
     PROVIDER_REQUESTS, -1, -1, -1},
    {"nor one of -1", "openai", "x-ratelimit-limit-requests: -1\nx-ratelimit-remaining-requests: -1", PROVIDER_REQUESTS, -1,
     -1, -1},
    {"nor words", "openai", "x-ratelimit-limit-requests: many", PROVIDER_REQUESTS, -1, -1, -1},
    {"anthropic, tokens out", "anthropic", "anthropic-ratelimit-output-tokens-limit: 8000\n"
     "anthropic-ratelimit-output-tokens-remaining: 0\nanthropic-ratelimit-output-tokens-reset: 1994-11-06T08:49:37Z",
     PROVIDER_TOKENS_OUT, 8000, 0, 10000},
    {"ollama has none", "ollama", "x-ratelimit-limit-requests: 60", PROVIDER_REQUESTS, -1, -1, -1},
};
// clang-format on

static void
limits(void **state)
{
    const struct limit_row *row = *state;
    struct provider_field fields[20];
    struct provider_limits got;
    char room[2000];
    struct provider_reply reply = {.status = 200, .now_ms = NOW, .headers = fields,
        .header_count = case_headers(row->headers, room, fields)};

    provider_read_limits(provider_find(row->provider), &reply, &got);
    assert_int_equal(got.of[row->bucket].limit, row->limit);
    assert_int_equal(got.of[row->bucket].remaining, row->remaining);
    assert_int_equal(got.of[row->bucket].reset_ms, row->reset_ms);
}

int
main(void)
{
    return TEST_ROWS("what servers say", rows, errors) + TEST_ROWS("the table of classes", class_rows, classes) +
           TEST_ROWS("limit headers", limit_rows, limits);
}
