/* tests/fuzz/fuzz_provider_parse.c - any bytes as an answer of each provider: read whole, as an error and as a stream
 * that is cut where the second byte says. The first byte chooses provider, status and headers. */
#include "core/assert.h"
#include "core/text.h"
#include "llm-gateway/provider.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void
check_result(const struct provider_result *result)
{
    ASSERT(result->verdict.class < LLM_CLASS_COUNT && result->finish <= PROVIDER_OTHER);
    ASSERT(result->verdict.wait_ms >= -1 && result->verdict.wait_ms <= RETRY_AFTER_MAX_MS);
    ASSERT(result->tokens_in <= PROVIDER_TOKENS_MAX && result->tokens_out <= PROVIDER_TOKENS_MAX);
    ASSERT(result->tokens_cached <= result->tokens_in || result->verdict.class != LLM_OK);
    ASSERT(text_is_utf8((const char *)result->text.data, result->text.size));
    ASSERT(text_is_utf8(result->verdict.detail, strlen(result->verdict.detail)));
    ASSERT(text_is_utf8(result->model, strlen(result->model)));
    if (result->verdict.class == LLM_OK)
        ASSERT(result->finish == PROVIDER_STOP);
    else if (llm_classes[result->verdict.class].remedy != LLM_REMEDY_ANSWER && result->finish != PROVIDER_OTHER)
        ASSERT(result->text.size == 0);
}

static void
run_stream(const struct provider *provider, const struct provider_request *request, const char *bytes, size_t size,
           size_t cut, struct provider_result *out)
{
    struct provider_stream stream;

    provider_stream_init(&stream, provider, out, 1000);
    (void)provider_stream_feed(&stream, bytes, cut);
    (void)provider_stream_feed(&stream, bytes + cut, size - cut);
    (void)provider_stream_end(&stream, request);
    provider_stream_fini(&stream);
    check_result(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"openai", "anthropic", "ollama", "gemini"};
    static const int statuses[] = {200, 400, 429, 503};
    struct provider_request request = {.model = "m", .out_max = 1};
    struct provider_result whole = {0};
    struct provider_result parts = {0};
    struct provider_limits limits;
    const struct provider *provider;
    char value[64];
    struct provider_field fields[] = {{"Retry-After", value}, {"x-ratelimit-reset-tokens", value},
                                      {"x-ratelimit-remaining-tokens", "0"}};
    struct provider_reply reply = {.headers = fields, .header_count = 3, .now_ms = 1000};
    size_t cut;

    if (size < 2)
        return 0;
    provider = provider_find(names[data[0] & 3]);
    reply.status = statuses[(data[0] >> 2) & 3];
    cut = data[1] < size - 2 ? data[1] : size - 2;
    memcpy(value, data + 2, cut < sizeof value ? cut : sizeof value - 1);
    value[cut < sizeof value ? cut : sizeof value - 1] = '\0';
    reply.body = (struct provider_bytes){(const char *)data + 2, size - 2};
    provider_read(provider, &request, &reply, &whole);
    check_result(&whole);
    provider_read_limits(provider, &reply, &limits);
    run_stream(provider, &request, (const char *)data + 2, size - 2, 0, &whole);
    run_stream(provider, &request, (const char *)data + 2, size - 2, cut, &parts);
    ASSERT(whole.verdict.class == parts.verdict.class && whole.text.size == parts.text.size);
    ASSERT(whole.tokens_in == parts.tokens_in && whole.tokens_out == parts.tokens_out && whole.flags == parts.flags);
    provider_result_fini(&whole);
    provider_result_fini(&parts);
    return 0;
}
