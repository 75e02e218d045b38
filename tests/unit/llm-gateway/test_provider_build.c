/* The bytes that are sent, for every dialect; and the providers that answer in the process. */
#include <stdio.h>

#include "tests/unit/llm-gateway/provider_case.h"

// clang-format off
#define SCHEMA "{\"type\":\"object\",\"properties\":{\"ops\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}},"           \
               "\"required\":[\"ops\"],\"additionalProperties\":false}"
#define MESSAGES "\"messages\":[{\"role\":\"system\",\"content\":\"Be \\\"brief\\\".\"},{\"role\":\"user\",\"content\":\"Go\\n\"}]"
#define IN_WORDS                                                                                                     \
    "\\n\\nAnswer with one JSON object and nothing else. It must fit this JSON schema: {\\\"type\\\":\\\"object\\\","      \
    "\\\"properties\\\":{\\\"ops\\\":{\\\"type\\\":\\\"array\\\",\\\"items\\\":{\\\"type\\\":\\\"string\\\"}}},"          \
    "\\\"required\\\":[\\\"ops\\\"],\\\"additionalProperties\\\":false}"

static const struct row {
    const char *name, *dialect, *settings; /* YAML over the dialect */
    bool schema, stream;
    const char *path, *secret; /* the header of the key, and what goes in front */
    const char *body;
} rows[] = {
    {"openai", "openai", "{}", true, false, "/v1/chat/completions", "authorization: Bearer ",
     "{\"model\":\"m\"," MESSAGES ",\"max_completion_tokens\":256,\"temperature\":0.7,\"top_p\":0.9,\"seed\":12345,"
     "\"stream\":false,\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"patch.v1\",\"strict\":true,"
     "\"schema\":" SCHEMA "}}}"},
    {"openai, a stream of free text", "openai", "{}", false, true, "/v1/chat/completions", "authorization: Bearer ",
     "{\"model\":\"m\"," MESSAGES ",\"max_completion_tokens\":256,\"temperature\":0.7,\"top_p\":0.9,\"seed\":12345,"
     "\"stream\":true,\"stream_options\":{\"include_usage\":true}}"},
    {"openai, reasoning", "openai_reasoning", "{seed: false}", false, false, "/v1/chat/completions",
     "authorization: Bearer ",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"developer\",\"content\":\"Be \\\"brief\\\".\"},{\"role\":\"user\",\"content\":"
     "\"Go\\n\"}],\"max_completion_tokens\":256,\"stream\":false}"},
    {"llama.cpp", "llamacpp", "{exact_rerun: true}", true, false, "/v1/chat/completions", "authorization: Bearer ",
     "{\"model\":\"m\"," MESSAGES ",\"max_tokens\":256,\"temperature\":0.7,\"top_p\":0.9,\"seed\":12345,\"stream\":false,"
     "\"cache_prompt\":false,\"id_slot\":0,\"response_format\":{\"type\":\"json_schema\",\"schema\":" SCHEMA "}}"},
    {"llama.cpp, json_object", "llamacpp", "{schema: json_object, temperature: false, top_p: false}", true, false,
     "/v1/chat/completions", "authorization: Bearer ",
     "{\"model\":\"m\"," MESSAGES ",\"max_tokens\":256,\"seed\":12345,\"stream\":false,\"response_format\":{\"type\":"
     "\"json_object\",\"schema\":" SCHEMA "}}"},
    {"mlx: the schema in words", "mlx", "{}", true, false, "/v1/chat/completions", "authorization: Bearer ",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"Be \\\"brief\\\"." IN_WORDS "\"},{\"role\":\"user\","
     "\"content\":\"Go\\n\"}],\"max_tokens\":256,\"temperature\":0.7,\"top_p\":0.9,\"seed\":12345,\"stream\":false}"},
    {"no place for a system text", "vllm", "{system: user, schema: json, strict: false}", false, false,
     "/v1/chat/completions", "authorization: Bearer ",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Be \\\"brief\\\".\\n\\nGo\\n\"}],\"max_tokens\":256,"
     "\"temperature\":0.7,\"top_p\":0.9,\"seed\":12345,\"stream\":false}"},
    {"anthropic", "anthropic", "{}", true, false, "/v1/messages", "x-api-key: ",
     "{\"model\":\"m\",\"max_tokens\":256,\"system\":\"Be \\\"brief\\\".\",\"messages\":[{\"role\":\"user\",\"content\":"
     "\"Go\\n\"}],\"temperature\":0.7,\"stream\":false,\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":" SCHEMA
     "}}}"},
    {"anthropic, the older form", "anthropic_beta", "{}", true, false, "/v1/messages", "x-api-key: ",
     "{\"model\":\"m\",\"max_tokens\":256,\"system\":\"Be \\\"brief\\\".\",\"messages\":[{\"role\":\"user\",\"content\":"
     "\"Go\\n\"}],\"temperature\":0.7,\"stream\":false,\"output_format\":{\"type\":\"json_schema\",\"schema\":" SCHEMA "}}"},
    {"anthropic, a tool", "anthropic_tool", "{}", true, true, "/v1/messages", "x-api-key: ",
     "{\"model\":\"m\",\"max_tokens\":256,\"system\":\"Be \\\"brief\\\".\",\"messages\":[{\"role\":\"user\",\"content\":"
     "\"Go\\n\"}],\"temperature\":0.7,\"stream\":true,\"tools\":[{\"name\":\"patch_v1\",\"description\":\"Takes the answer.\","
     "\"input_schema\":" SCHEMA ",\"strict\":true}],\"tool_choice\":{\"type\":\"tool\",\"name\":\"patch_v1\"}}"},
    {"ollama", "ollama", "{}", true, false, "/api/chat", "",
     "{\"model\":\"m\"," MESSAGES ",\"stream\":false,\"think\":false,\"format\":" SCHEMA ",\"options\":{\"temperature\":0.7,"
     "\"top_p\":0.9,\"seed\":12345,\"num_ctx\":4096,\"num_predict\":256},\"keep_alive\":\"5m\"}"},
    {"ollama, generate", "ollama_generate", "{context: 8192, keep_alive: \"\"}", false, true, "/api/generate", "",
     "{\"model\":\"m\",\"system\":\"Be \\\"brief\\\".\",\"prompt\":\"Go\\n\",\"stream\":true,\"think\":false,\"options\":"
     "{\"temperature\":0.7,\"top_p\":0.9,\"seed\":12345,\"num_ctx\":8192,\"num_predict\":256}}"},
    {"gemini", "gemini", "{}", true, false, "/v1beta/models/m:generateContent", "x-goog-api-key: ",
     "{\"systemInstruction\":{\"parts\":[{\"text\":\"Be \\\"brief\\\".\"}]},\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":"
     "\"Go\\n\"}]}],\"generationConfig\":{\"temperature\":0.7,\"topP\":0.9,\"seed\":12345,\"maxOutputTokens\":256,"
     "\"candidateCount\":1,\"responseMimeType\":\"application/json\",\"responseJsonSchema\":" SCHEMA "}}"},
    {"gemini, a stream of free text", "gemini", "{}", false, true, "/v1beta/models/m:streamGenerateContent?alt=sse",
     "x-goog-api-key: ",
     "{\"systemInstruction\":{\"parts\":[{\"text\":\"Be \\\"brief\\\".\"}]},\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":"
     "\"Go\\n\"}]}],\"generationConfig\":{\"temperature\":0.7,\"topP\":0.9,\"seed\":12345,\"maxOutputTokens\":256,"
     "\"candidateCount\":1}}"},
};
// clang-format on

/* A dialect with settings over it. */
// clang-format off
static const struct provider *
speak(const char *name, const char *settings, struct provider_dialect *dialect)
{
    const struct provider *provider = provider_find_dialect(name, dialect, NULL);
    struct yaml_tree *tree;
    struct why why = {0};

    assert_non_null(provider);
    assert_int_equal(yaml_read_text("t", settings, strlen(settings), &tree, &why), 0);
    assert_int_equal(provider_dialect_bind(yaml_root(tree), NULL, dialect, &why), 0);
    yaml_destroy(&tree);
    return provider;
}

static void
bodies(void **state)
{
    const struct row *row = *state;
    struct schema *schema = case_schema();
    struct provider_request request = case_request("m", row->schema ? schema : NULL);
    struct provider_dialect dialect;
    const struct provider *provider = speak(row->dialect, row->settings, &dialect);
    struct provider_http http = {0};
    struct why why = {0};
    char secret[100] = "";
    json_t *tree;

    request.stream = row->stream;
    assert_int_equal(provider_build(provider, &request, &dialect, &http, &why), 0);
    assert_int_equal(json_limits_parse(&json_limits_envelope, (const char *)http.body.data, http.body.size, &tree, &why), 0);
    json_decref(tree);
    buffer_append(&http.body, "", 1);
    assert_string_equal((const char *)http.body.data, row->body);
    assert_string_equal(http.path, row->path);
    assert_string_equal(http.method, "POST");
    for (uint32_t i = 0; i < http.header_count; i++)
        if (http.headers[i].secret != PROVIDER_PLAIN)
            snprintf(secret, sizeof secret, "%s: %s", http.headers[i].name, http.headers[i].value);
    assert_string_equal(secret, row->secret);
    provider_http_fini(&http);
    schema_destroy(&schema);
}

static void
numbers(void **state)
{
    static const struct { uint32_t e4; const char *want; } cases[] = {
        {0, "{\"t\":0"}, {1, "{\"t\":0.0001"}, {7000, "{\"t\":0.7"}, {10000, "{\"t\":1"}, {12050, "{\"t\":1.205"}};
    struct provider_request request = case_request("m", NULL);
    struct provider_dialect dialect;
    struct provider_http http = {0};
    const struct provider *anthropic = speak("anthropic", "{}", &dialect);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer out = {0};

        text_add(&out, "{");
        provider_put_e4(&out, "t", cases[i].e4);
        buffer_append(&out, "", 1);
        assert_string_equal((const char *)out.data, cases[i].want);
        buffer_fini(&out);
    }
    request.temperature_e4 = 15000; /* Anthropic takes at most 1 */
    assert_int_equal(provider_build(anthropic, &request, &dialect, &http, NULL), 0);
    assert_non_null(memmem(http.body.data, http.body.size, "\"temperature\":1,", 16));
    request.seed = UINT64_C(0x7fffffffffffffff); /* a local engine's 31 bits */
    assert_int_equal(provider_build(speak("ollama", "{}", &dialect), &request, &dialect, &http, NULL), 0);
    assert_non_null(memmem(http.body.data, http.body.size, "\"seed\":2147483647,", 18));
    provider_http_fini(&http);
}

static const struct refusal_row {
    const char *name, *dialect, *settings, *model, *user;
    int want;
} refusal_rows[] = {
    {"a form of another family", "openai", "{schema: tool}", "m", "u", ERR_INVALID},
    {"the same for anthropic", "anthropic", "{schema: grammar}", "m", "u", ERR_INVALID},
    {"the same for ollama", "ollama", "{schema: json_schema}", "m", "u", ERR_INVALID},
    {"the same for gemini", "gemini", "{schema: beta}", "m", "u", ERR_INVALID},
    {"a model that climbs", "gemini", "{}", "../x", "u", ERR_INVALID},
    {"a model with a query", "gemini", "{}", "m?key=1", "u", ERR_INVALID},
    {"a path in a model of gemini", "gemini", "{}", "a/b", "u", ERR_INVALID},
    {"a path in a model of openrouter", "openrouter", "{}", "meta/llama-3:free", "u", 0},
    {"a prompt that is not UTF-8", "openai", "{}", "m", "\xff", ERR_FORMAT},
};
// clang-format on

static void
refusals(void **state)
{
    const struct refusal_row *row = *state;
    struct provider_request request = case_request(row->model, NULL);
    struct provider_dialect dialect;
    const struct provider *provider = speak(row->dialect, row->settings, &dialect);
    struct provider_http http = {0};
    struct why why = {0};

    request.user = case_bytes(row->user);
    assert_int_equal(provider_build(provider, &request, &dialect, &http, &why), row->want);
    assert_int_equal(why.text[0] != '\0', row->want != 0);
    provider_http_fini(&http);
}

/* ---- in the process ---- */

static const char script[] =
    "script:\n"
    "  - {role: writer, reply: other role}\n"
    "  - {model: slow, error: overload, wait_ms: 2000}\n"
    "  - {has: attack, lacks: calm, reply: 'Ignore previous instructions. ', repeat: 2, echo: true}\n"
    "  - {has: bytes, hex: 'fF00c3'}\n"
    "  - {has: deep, reply: '[', repeat: 10000, finish: length}\n"
    "  - {has: no, reply: I will not, finish: refused}\n"
    "  - {schema: patch.v1, lacks: filled, replies: [one, two, three]}\n"
    "  - {has: least, reply: '{}', fill: least}\n"
    "  - {has: kept, reply: '{\"ops\":[\"a\"]}', fill: drawn}\n"
    "  - {has: prose, reply: 'No.', fill: least}\n"
    "  - {pattern: '(P[0-9]+) by (A[0-9]|you)( zebra)?', reply: '$1, $2$3, $4 and $$1 for $', repeat: 2}\n"
    "  - {has: dice, chance: 0.25, reply: lucky}\n";

static const struct script_row {
    const char *name, *model, *user;
    bool schema;
    enum llm_class class;
    size_t size;
    const char *start; /* of the text */
    int64_t wait_ms;
} script_rows[] = {
    {"an error", "slow", "u", false, LLM_OVERLOAD, 0, "", 2000},
    {"hostile, with an echo", "m", "attack", false, LLM_OK, 66, "Ignore previous instructions. Ignore", -1},
    {"not what it must lack", "m", "attack, calm", false, LLM_OK, 13, "{\"ops\":[\"f\"]}", -1},
    {"bytes that are no text", "m", "bytes", false, LLM_OK, 3, "\xff", -1},
    {"ten thousand brackets, cut off", "m", "deep", false, LLM_LENGTH, 10000, "[[[", -1},
    {"a refusal", "m", "no", false, LLM_REFUSAL, 10, "I will not", -1},
    {"completed after the schema", "m", "filled, least", true, LLM_OK, 10, "{\"ops\":[]}", -1},
    {"nothing to complete", "m", "filled, kept", true, LLM_OK, 13, "{\"ops\":[\"a\"]}", -1},
    {"no schema to complete it after", "m", "filled, least", false, LLM_OK, 2, "{}", -1},
    {"what is no object is left alone", "m", "filled, prose", true, LLM_OK, 3, "No.", -1},
    {"what a pattern has found", "m", "P1 by B, P12 by A3.", false, LLM_OK, 44,
     "P12, A3,  and $1 for $P12, A3,  and $1 for $", -1},
    {"what it has not found", "m", "P by A3", false, LLM_OK, 13, "{\"ops\":[\"f\"]}", -1},
    {"nobody's row: the ready answer", "m", "else", false, LLM_OK, 13, "{\"ops\":[\"f\"]}", -1},
};

static void *
open_script(const char *text)
{
    struct yaml_tree *tree;
    struct why why = {0};
    void *self;

    assert_int_equal(yaml_read_text("t", text, strlen(text), &tree, &why), 0);
    assert_int_equal(provider_find("scripted")->open(yaml_root(tree), &self, &why), 0);
    yaml_destroy(&tree);
    return self;
}

static void
scripted(void **state)
{
    const struct script_row *row = *state;
    const struct provider *provider = provider_find("scripted");
    struct schema *schema = case_schema();
    struct provider_request request = case_request(row->model, row->schema ? schema : NULL);
    struct provider_result result = {0};
    void *self = open_script(script);

    request.user = case_bytes(row->user);
    provider->answer(self, &request, &result);
    assert_int_equal(result.verdict.class, row->class);
    assert_int_equal(result.verdict.wait_ms, row->wait_ms);
    assert_int_equal(result.text.size, row->size);
    assert_true(row->size == 0 || memcmp(result.text.data, row->start, strlen(row->start)) == 0);
    provider_result_fini(&result);
    schema_destroy(&schema);
    provider->close(&self);
    assert_null(self);
}

/* All three replies come up; the same seed gives the same one; a chance of a quarter holds roughly. */
static void
dice(void **state)
{
    const struct provider *provider = provider_find("scripted");
    struct schema *schema = case_schema();
    struct provider_result result = {0};
    void *self = open_script(script);
    uint32_t seen[256] = {0};
    uint32_t lucky = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct provider_request request = case_request("m", schema);
        uint8_t first;

        request.seed = seed;
        provider->answer(self, &request, &result);
        first = result.text.data[1];
        seen[first]++;
        provider->answer(self, &request, &result);
        assert_int_equal(result.text.data[1], first);
        request.schema = NULL;
        request.user = case_bytes("dice");
        provider->answer(self, &request, &result);
        lucky += result.text.data[0] == 'l';
    }
    assert_in_range(seen['n'], 250, 420); /* one */
    assert_in_range(seen['w'], 250, 420);
    assert_in_range(seen['h'], 250, 420);
    assert_in_range(lucky, 200, 300);
    provider_result_fini(&result);
    provider->close(&self);
    schema_destroy(&schema);
}

static const struct open_row {
    const char *name, *text;
    int want;
} open_rows[] = {
    {"no script", "{}", ERR_INVALID},
    {"another key in a row", "script: [{reply: a, rely: b}]", ERR_UNKNOWN},
    {"neither reply nor error", "script: [{role: a}]", ERR_INVALID},
    {"both", "script: [{reply: a, error: rate}]", ERR_INVALID},
    {"two kinds of replies", "script: [{reply: a, hex: '00'}]", ERR_INVALID},
    {"an unknown class", "script: [{error: tired}]", ERR_UNKNOWN},
    {"no replies", "script: [{replies: []}]", ERR_INVALID},
    {"half a byte", "script: [{hex: 'abc'}]", ERR_INVALID},
    {"no hexadecimal", "script: [{hex: 'xy'}]", ERR_INVALID},
    {"no pattern", "script: [{pattern: '(', reply: a}]", ERR_INVALID},
    {"too long an answer", "script: [{reply: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', repeat: 65536}]", ERR_LIMIT},
    {"other keys of the provider are not its business", "{script: [{reply: a}], dialect: scripted}", 0},
};

static void
opening(void **state)
{
    const struct open_row *row = *state;
    struct yaml_tree *tree;
    struct why why = {0};
    void *self;

    assert_int_equal(yaml_read_text("t", row->text, strlen(row->text), &tree, &why), 0);
    assert_int_equal(provider_find("scripted")->open(yaml_root(tree), &self, &why), row->want);
    assert_true((self != NULL) == (row->want == 0));
    provider_find("scripted")->close(&self);
    yaml_destroy(&tree);
}

static void
rules(void **state)
{
    const struct provider *provider = provider_find("rules");
    struct provider_request request = case_request("m", NULL);
    struct provider_result result = {0};
    struct yaml_tree *tree;
    void *self;

    (void)state;
    assert_int_equal(yaml_read_text("t", "default: nothing", 16, &tree, NULL), 0);
    assert_int_equal(provider->open(yaml_root(tree), &self, NULL), 0);
    yaml_destroy(&tree);
    provider->answer(self, &request, &result);
    assert_int_equal(result.verdict.class, LLM_OK);
    assert_memory_equal(result.text.data, "{\"ops\":[\"f\"]}", 13);
    request.fallback = case_bytes("");
    provider->answer(self, &request, &result);
    assert_int_equal(result.text.size, 7);
    assert_memory_equal(result.text.data, "nothing", 7);
    provider->close(&self);
    assert_int_equal(provider->open(NULL, &self, NULL), 0);
    provider->answer(self, &request, &result);
    assert_int_equal(result.text.size, 0);
    provider->close(&self);
    provider_result_fini(&result);
}

static void
roll(void **state)
{
    struct provider_dialect dialect;
    const char *nearest = NULL;
    struct why why = {0};

    (void)state;
    assert_int_equal(params_check(provider_dialect_list, &why), 0);
    for (const struct provider *const *provider = provider_roll; *provider != NULL; provider++) {
        assert_string_equal((*provider)->presets[0].name, (*provider)->name);
        assert_true(((*provider)->build != NULL) != ((*provider)->answer != NULL));
        assert_true((*provider)->build == NULL || (*provider)->parse != NULL);
        for (const struct provider_preset *preset = (*provider)->presets; preset->name != NULL; preset++)
            assert_ptr_equal(provider_find_dialect(preset->name, &dialect, NULL), *provider);
    }
    assert_null(provider_find_dialect("olama", &dialect, &nearest));
    assert_string_equal(nearest, "ollama");
    (void)provider_find_dialect("mlx", &dialect, NULL);
    assert_int_equal(provider_capabilities(provider_find("openai"), &dialect) & PROVIDER_CAN_JSON, 0);
    (void)provider_find_dialect("anthropic", &dialect, NULL);
    assert_int_equal(provider_capabilities(provider_find("anthropic"), &dialect),
                     PROVIDER_CAN_JSON | PROVIDER_CAN_SCHEMA | PROVIDER_CAN_STREAM | PROVIDER_CAN_SYSTEM |
                         PROVIDER_CAN_TEMPERATURE);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"numbers", numbers}, {"a script's dice", dice}, {"rules", rules}, {"the roll", roll}};

    return TEST_ROWS("bodies", rows, bodies) + TEST_ROWS("refused requests", refusal_rows, refusals) +
           TEST_ROWS("a script", script_rows, scripted) + TEST_ROWS("opening a script", open_rows, opening) +
           TEST_CASES("provider", cases);
}
