/* Streams of llmdouble as providers read them, whole and in pieces of one and seven bytes: what F33 to F37 become in
 * each dialect. The gateway itself asks for whole answers. */
#include "llm-gateway/provider.h"
#include "tests/support/llmdouble/double_rig.h"
#include "tests/support/test.h"

#include <string.h>

#define REPLY "na\303\257ve \342\202\254 5, and a few more words, so that there are several pieces."

static struct double_rig rig;

/* `class` of the end; OK comes with the whole text. */
static const struct row {
    const char *name, *dialect, *fault;
    enum llm_class class;
    uint32_t flags;
} rows[] = {
    {"openai, no fault", "openai", NULL, LLM_OK, 0},
    {"openai F33 split", "openai", "F33", LLM_OK, 0},
    {"openai F34 comments", "openai", "F34", LLM_OK, 0},
    {"openai F35 no [DONE], finished", "openai", "{id: F35, variant: finished}", LLM_OK, PROVIDER_USAGE_ABSENT},
    {"openai F35 no [DONE], unfinished", "openai", "{id: F35, variant: unfinished}", LLM_ENVELOPE, 0},
    {"openai F36 an error in the middle", "openai", "F36", LLM_SERVER, 0},
    {"openai F37 no usage", "openai", "F37", LLM_OK, PROVIDER_USAGE_ABSENT},
    {"anthropic, no fault", "anthropic", NULL, LLM_OK, 0},
    {"anthropic F33 split", "anthropic", "F33", LLM_OK, 0},
    {"anthropic F34 comments", "anthropic", "F34", LLM_OK, 0},
    {"anthropic F35 no end, finished", "anthropic", "{id: F35, variant: finished}", LLM_OK, 0},
    {"anthropic F35 no end, unfinished", "anthropic", "{id: F35, variant: unfinished}", LLM_ENVELOPE, 0},
    {"anthropic F36 an error in the middle", "anthropic", "F36", LLM_OVERLOAD, 0},
    {"anthropic F37 no usage", "anthropic", "F37", LLM_OK, PROVIDER_USAGE_ABSENT},
    {"ollama, no fault", "ollama", NULL, LLM_OK, 0},
    {"ollama F33 split", "ollama", "F33", LLM_OK, 0},
    {"ollama F34 comments", "ollama", "F34", LLM_OK, 0},
    {"ollama F35 unfinished", "ollama", "{id: F35, variant: unfinished}", LLM_ENVELOPE, 0},
    {"ollama F36 an error in the middle", "ollama", "F36", LLM_SERVER, 0},
    {"ollama F37 no usage", "ollama", "F37", LLM_OK, PROVIDER_USAGE_ABSENT},
    {"gemini, no fault", "gemini", NULL, LLM_OK, 0},
    {"gemini F33 split", "gemini", "F33", LLM_OK, 0},
    {"gemini F34 comments", "gemini", "F34", LLM_OK, 0},
    {"gemini F35 unfinished", "gemini", "{id: F35, variant: unfinished}", LLM_ENVELOPE, 0},
    {"gemini F36 an error in the middle", "gemini", "F36", LLM_SERVER, 0},
    {"gemini F37 no usage", "gemini", "F37", LLM_OK, PROVIDER_USAGE_ABSENT},
    {"llama.cpp F33 split", "llamacpp", "F33", LLM_OK, 0},
};

static void
feed(const struct row *row, const struct provider *provider, const struct provider_request *request,
     const struct buffer *body, size_t step)
{
    struct provider_result result = {0};
    struct provider_stream stream;
    enum llm_class class = LLM_OK;

    provider_stream_init(&stream, provider, &result, 0);
    for (size_t at = 0; at < body->size && class == LLM_OK; at += step)
        class = provider_stream_feed(&stream, (const char *)body->data + at,
                                     body->size - at < step ? body->size - at : step);
    class = provider_stream_end(&stream, request);
    if (class != row->class)
        fail_msg("%s instead of %s: %s", llm_classes[class].name, llm_classes[row->class].name, result.verdict.detail);
    if (class == LLM_OK) {
        assert_int_equal(result.text.size, strlen(REPLY));
        assert_memory_equal(result.text.data, REPLY, result.text.size);
        assert_int_equal(result.flags & PROVIDER_USAGE_ABSENT, row->flags);
    }
    provider_stream_fini(&stream);
    provider_result_fini(&result);
}

static void
stream(void **state)
{
    const struct row *row = *state;
    struct provider_dialect dialect;
    const struct provider *provider = provider_find_dialect(row->dialect, &dialect, NULL);
    struct provider_request request = {
        .role = "swarm.worker", .model = "m", .user = {"hello", 5}, .out_max = 50, .top_p_e4 = 10000, .stream = true};
    struct double_rig_answer got = {0};
    struct provider_http http = {0};
    struct buffer rules = {0};
    struct why why = {0};

    text_addf(&rules, "rules:\n  - reply: {text: \"%s\"}\n    pace: {chunk_bytes: 3}\n%s%s\n", REPLY,
              row->fault != NULL ? "    fault: " : "", row->fault != NULL ? row->fault : "");
    buffer_append(&rules, "", 1);
    assert_true(double_rig_rules(&rig, (const char *)rules.data, &got));
    assert_non_null(provider);
    if (provider_build(provider, &request, &dialect, &http, &why) != 0)
        fail_msg("%s", why.text);
    buffer_append(&http.body, "", 1);
    double_rig_ask(rig.port, http.method, http.path, "", (const char *)http.body.data, &got);
    assert_int_equal(got.status, 200);
    feed(row, provider, &request, &got.body, 1);
    feed(row, provider, &request, &got.body, 7);
    feed(row, provider, &request, &got.body, got.body.size);
    provider_http_fini(&http);
    double_rig_answer_fini(&got);
    buffer_fini(&rules);
}

int
main(void)
{
    int failed;

    if (!double_rig_start(&rig, NULL))
        abort();
    failed = TEST_ROWS("faults of streams", rows, stream);
    (void)double_rig_stop(&rig);
    return failed;
}
