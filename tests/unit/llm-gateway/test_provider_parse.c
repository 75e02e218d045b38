/* Five dialects, each with a text, an answer by schema, an error and a stream, parsed to one result; and what servers
 * do beside the rule. */
#include <stdio.h>

#include "tests/unit/llm-gateway/provider_case.h"

#define ABSENT PROVIDER_USAGE_ABSENT
#define NO_TEXT PROVIDER_TEXT_ABSENT
#define TOOL PROVIDER_FROM_TOOL
#define FALSE_USAGE PROVIDER_USAGE_FALSE
#define OTHER_MODEL PROVIDER_OTHER_MODEL

struct row {
    const char *name, *dialect, *model;
    const char *body;
    enum llm_class class;
    enum provider_finish finish;
    const char *text;
    uint32_t in, out, cached, flags;
};

// clang-format off
static const struct row whole_rows[] = {
    {"openai: text", "openai", "gpt-4o-mini",
     "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1730000000,\"model\":\"gpt-4o-mini-2024-07-18\","
     "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hello \\u20ac.\",\"refusal\":null},"
     "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":412,\"completion_tokens\":37,"
     "\"total_tokens\":449,\"prompt_tokens_details\":{\"cached_tokens\":12},\"completion_tokens_details\":"
     "{\"reasoning_tokens\":0}},\"service_tier\":\"default\",\"system_fingerprint\":\"fp_x\"}",
     LLM_OK, PROVIDER_STOP, "Hello \xe2\x82\xac.", 412, 37, 12, 0},
    {"openai: by schema", "openai", "gpt-4o-mini",
     "{\"choices\":[{\"message\":{\"content\":\"{\\\"ops\\\":[]}\"},\"finish_reason\":\"stop\"}],"
     "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}",
     LLM_OK, PROVIDER_STOP, "{\"ops\":[]}", 1, 2, 0, 0},
    {"openai: cut off", "openai", "m",
     "{\"choices\":[{\"message\":{\"content\":\"{\\\"ops\"},\"finish_reason\":\"length\"}],"
     "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}",
     LLM_LENGTH, PROVIDER_LENGTH, "{\"ops", 1, 2, 0, 0},
    {"openai: refused", "openai", "m",
     "{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"No.\"},\"finish_reason\":\"stop\"}]}",
     LLM_REFUSAL, PROVIDER_REFUSED, "", 0, 0, 0, ABSENT | NO_TEXT},
    {"openai: filtered", "openai", "m",
     "{\"choices\":[{\"message\":{\"content\":\"\"},\"finish_reason\":\"content_filter\"}]}",
     LLM_REFUSAL, PROVIDER_REFUSED, "", 0, 0, 0, ABSENT},
    {"openai: content null", "openai", "m",
     "{\"choices\":[{\"message\":{\"content\":null},\"finish_reason\":\"stop\"}]}",
     LLM_SCHEMA, PROVIDER_STOP, "", 0, 0, 0, ABSENT | NO_TEXT},
    {"openai: a tool call", "openai", "m",
     "{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":"
     "{\"name\":\"emit\",\"arguments\":\"{\\\"ops\\\":[]}\"}}]},\"finish_reason\":\"tool_calls\"}]}",
     LLM_OK, PROVIDER_STOP, "{\"ops\":[]}", 0, 0, 0, ABSENT | TOOL},
    {"openai: another model", "openai", "gpt-4o",
     "{\"model\":\"llama\",\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}",
     LLM_OK, PROVIDER_STOP, "x", 0, 0, 0, ABSENT | OTHER_MODEL},
    {"openai: false counts", "openai", "m",
     "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],"
     "\"usage\":{\"prompt_tokens\":-5,\"completion_tokens\":123456789012345678901234567890}}",
     LLM_OK, PROVIDER_STOP, "x", 0, PROVIDER_TOKENS_MAX, 0, FALSE_USAGE},
    {"openai: more cached than sent", "openai", "m",
     "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":5,"
     "\"completion_tokens\":1,\"prompt_tokens_details\":{\"cached_tokens\":9}}}",
     LLM_OK, PROVIDER_STOP, "x", 5, 1, 5, FALSE_USAGE},
    {"openai: no finish_reason", "openai", "m", "{\"choices\":[{\"message\":{\"content\":\"x\"}}]}",
     LLM_ENVELOPE, PROVIDER_UNFINISHED, "", 0, 0, 0, ABSENT},
    {"openai: no choice", "openai", "m", "{\"choices\":[]}", LLM_ENVELOPE, PROVIDER_UNFINISHED, "", 0, 0, 0,
     ABSENT | NO_TEXT},
    {"openai: cut in the middle", "openai", "m", "{\"choices\":[{\"mess", LLM_ENVELOPE, PROVIDER_UNFINISHED, "", 0, 0,
     0, ABSENT},
    {"openai: HTML", "openai", "m", "<html>", LLM_ENVELOPE, PROVIDER_UNFINISHED, "", 0, 0, 0, ABSENT},
    {"openai: an error inside a 200", "openrouter", "m", "{\"error\":{\"code\":429,\"message\":\"slow down\"}}", LLM_RATE,
     PROVIDER_UNFINISHED, "", 0, 0, 0, ABSENT | NO_TEXT},
    {"openai: an error inside the choice", "openrouter", "m",
     "{\"choices\":[{\"error\":{\"code\":502,\"message\":\"bad\"},\"message\":{\"content\":\"\"},"
     "\"finish_reason\":\"error\"}]}",
     LLM_SERVER, PROVIDER_UNFINISHED, "", 0, 0, 0, ABSENT | NO_TEXT},
    {"llama.cpp: text", "llamacpp", "gemma",
     "{\"choices\":[{\"finish_reason\":\"stop\",\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hi.\"}}],"
     "\"created\":1730000000,\"model\":\"gemma\",\"system_fingerprint\":\"b4000\",\"object\":\"chat.completion\","
     "\"usage\":{\"completion_tokens\":3,\"prompt_tokens\":11,\"total_tokens\":14},\"id\":\"chatcmpl-x\","
     "\"timings\":{\"cache_n\":4,\"prompt_n\":7,\"prompt_ms\":12.5,\"predicted_n\":3,\"predicted_per_second\":81.25}}",
     LLM_OK, PROVIDER_STOP, "Hi.", 11, 3, 0, 0},
    {"llama.cpp: by schema, cut off", "llamacpp_grammar", "gemma",
     "{\"choices\":[{\"finish_reason\":\"length\",\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
     "\"{\\\"ops\\\":[\\\"a\\\",\"}}],\"usage\":{\"completion_tokens\":3,\"prompt_tokens\":11}}",
     LLM_LENGTH, PROVIDER_LENGTH, "{\"ops\":[\"a\",", 11, 3, 0, 0},
    {"anthropic: text", "anthropic", "claude-haiku-4-5",
     "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-haiku-4-5\",\"content\":"
     "[{\"type\":\"text\",\"text\":\"Hi.\"},{\"type\":\"text\",\"text\":\"More\"}],\"stop_reason\":\"end_turn\","
     "\"stop_sequence\":null,\"usage\":{\"input_tokens\":400,\"cache_creation_input_tokens\":5,"
     "\"cache_read_input_tokens\":7,\"output_tokens\":37,\"service_tier\":\"standard\"}}",
     LLM_OK, PROVIDER_STOP, "Hi.", 412, 37, 7, 0},
    {"anthropic: by schema", "anthropic", "claude-haiku-4-5",
     "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"{\\\"ops\\\":[]}\"}],\"stop_reason\":"
     "\"stop_sequence\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}",
     LLM_OK, PROVIDER_STOP, "{\"ops\":[]}", 1, 2, 0, 0},
    {"anthropic: by tool", "anthropic_tool", "c",
     "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"I call it.\"},{\"type\":\"tool_use\",\"id\":"
     "\"toolu_1\",\"name\":\"patch_v1\",\"input\":{\"ops\":[ \"a\", 1.50 ]}}],\"stop_reason\":\"tool_use\","
     "\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}",
     LLM_OK, PROVIDER_STOP, "{\"ops\":[\"a\",1.5]}", 1, 2, 0, TOOL},
    {"anthropic: cut off", "anthropic", "c",
     "{\"content\":[{\"type\":\"text\",\"text\":\"Ha\"}],\"stop_reason\":\"max_tokens\",\"usage\":{\"input_tokens\":1,"
     "\"output_tokens\":2}}",
     LLM_LENGTH, PROVIDER_LENGTH, "Ha", 1, 2, 0, 0},
    {"anthropic: refused", "anthropic", "c",
     "{\"content\":[],\"stop_reason\":\"refusal\",\"stop_details\":{\"category\":\"x\"},\"usage\":{\"input_tokens\":1,"
     "\"output_tokens\":0}}",
     LLM_REFUSAL, PROVIDER_REFUSED, "", 1, 0, 0, NO_TEXT},
    {"anthropic: a paused turn is half an answer", "anthropic", "c",
     "{\"content\":[{\"type\":\"text\",\"text\":\"Ha\"}],\"stop_reason\":\"pause_turn\"}", LLM_ENVELOPE, PROVIDER_OTHER,
     "Ha", 0, 0, 0, ABSENT},
    {"anthropic: an error inside a 200", "anthropic", "c",
     "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}", LLM_OVERLOAD,
     PROVIDER_UNFINISHED, "", 0, 0, 0, ABSENT | NO_TEXT},
    {"ollama: text", "ollama", "gemma3:27b",
     "{\"model\":\"gemma3:27b\",\"created_at\":\"2024-12-06T00:46:58.265747Z\",\"message\":{\"role\":\"assistant\","
     "\"content\":\"Hi.\"},\"done_reason\":\"stop\",\"done\":true,\"total_duration\":2254970291,\"load_duration\":"
     "574751416,\"prompt_eval_count\":34,\"prompt_eval_duration\":1502000000,\"eval_count\":12,"
     "\"eval_duration\":175000000}",
     LLM_OK, PROVIDER_STOP, "Hi.", 34, 12, 0, 0},
    {"ollama: by schema", "ollama", "gemma3:27b",
     "{\"model\":\"gemma3:27b\",\"message\":{\"content\":\"{\\\"ops\\\":[]}\"},\"done_reason\":\"stop\",\"done\":true,"
     "\"prompt_eval_count\":34,\"eval_count\":12}",
     LLM_OK, PROVIDER_STOP, "{\"ops\":[]}", 34, 12, 0, 0},
    {"ollama: generate", "ollama_generate", "g",
     "{\"model\":\"g\",\"response\":\"Hi.\",\"context\":[1,2],\"done_reason\":\"length\",\"done\":true,"
     "\"prompt_eval_count\":3,\"eval_count\":2}",
     LLM_LENGTH, PROVIDER_LENGTH, "Hi.", 3, 2, 0, 0},
    {"ollama: the prompt was cached", "ollama", "g",
     "{\"model\":\"g\",\"message\":{\"content\":\"Hi.\"},\"done_reason\":\"stop\",\"done\":true,\"eval_count\":2}", LLM_OK,
     PROVIDER_STOP, "Hi.", 0, 2, 0, ABSENT},
    {"ollama: the model was only loaded", "ollama", "g",
     "{\"model\":\"g\",\"message\":{\"content\":\"\"},\"done_reason\":\"load\",\"done\":true}", LLM_ENVELOPE,
     PROVIDER_OTHER, "", 0, 0, 0, ABSENT},
    {"ollama: an error inside a 200", "ollama", "g", "{\"error\":\"model 'x' not found\"}", LLM_NOT_FOUND,
     PROVIDER_UNFINISHED, "", 0, 0, 0, ABSENT | NO_TEXT},
    {"ollama: not done", "ollama", "g", "{\"message\":{\"content\":\"Hi\"},\"done\":false}", LLM_ENVELOPE,
     PROVIDER_UNFINISHED, "", 0, 0, 0, ABSENT},
    {"gemini: text", "gemini", "gemini-2.5-flash-lite",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true},{\"text\":\"Hi \"},{\"text\":\"you.\"}],"
     "\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":412,"
     "\"candidatesTokenCount\":37,\"thoughtsTokenCount\":5,\"totalTokenCount\":454,\"cachedContentTokenCount\":9},"
     "\"modelVersion\":\"gemini-2.5-flash-lite\",\"responseId\":\"r1\"}",
     LLM_OK, PROVIDER_STOP, "Hi you.", 412, 42, 9, 0},
    {"gemini: by schema", "gemini", "g",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"{\\\"ops\\\":[]}\"}]},\"finishReason\":\"STOP\"}],"
     "\"usageMetadata\":{\"promptTokenCount\":4,\"candidatesTokenCount\":3}}",
     LLM_OK, PROVIDER_STOP, "{\"ops\":[]}", 4, 3, 0, 0},
    {"gemini: cut off", "gemini", "g",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Ha\"}]},\"finishReason\":\"MAX_TOKENS\"}]}", LLM_LENGTH,
     PROVIDER_LENGTH, "Ha", 0, 0, 0, ABSENT},
    {"gemini: safety", "gemini", "g", "{\"candidates\":[{\"finishReason\":\"SAFETY\"}]}", LLM_REFUSAL, PROVIDER_REFUSED,
     "", 0, 0, 0, ABSENT | NO_TEXT},
    {"gemini: a reason that nobody knows yet", "gemini", "g", "{\"candidates\":[{\"finishReason\":\"NEW_THING\"}]}",
     LLM_REFUSAL, PROVIDER_REFUSED, "", 0, 0, 0, ABSENT | NO_TEXT},
    {"gemini: the prompt was blocked", "gemini", "g",
     "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":{\"promptTokenCount\":4}}", LLM_REFUSAL,
     PROVIDER_REFUSED, "", 4, 0, 0, NO_TEXT},
    {"gemini: nothing", "gemini", "g", "{}", LLM_ENVELOPE, PROVIDER_UNFINISHED, "", 0, 0, 0, ABSENT | NO_TEXT},
};
// clang-format on

// clang-format off
static const struct row stream_rows[] = {
    {"openai: stream", "openai", "gpt-4o-mini",
     "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":"
     "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"finish_reason\":null}],\"usage\":null}\n\n"
     ": ping\n\n"
     "data: {\"choices\":[{\"delta\":{\"content\":\"Hi \\u20ac\"},\"finish_reason\":null}],\"usage\":null,"
     "\"obfuscation\":\"xyz\"}\r\n\r\n"
     "data: {\"choices\":[{\"delta\":{\"content\":\" \xf0\x9f\x98\x80\"},\"finish_reason\":null}]}\n\n"
     "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
     "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":3,\"prompt_tokens_details\":"
     "{\"cached_tokens\":2}}}\n\ndata: [DONE]\n\ndata: junk\n\n",
     LLM_OK, PROVIDER_STOP, "Hi \xe2\x82\xac \xf0\x9f\x98\x80", 12, 3, 2, 0},
    {"openai: F35 no [DONE], but an end", "vllm", "m",
     "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\n", LLM_OK, PROVIDER_STOP, "Hi",
     0, 0, 0, ABSENT},
    {"openai: F35 no end at all", "vllm", "m", "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]\n\n",
     LLM_ENVELOPE, PROVIDER_UNFINISHED, "", 0, 0, 0, ABSENT},
    {"openai: F36 an error in the middle", "openrouter", "m",
     "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n"
     "data: {\"error\":{\"code\":503,\"message\":\"gone\"}}\n\n"
     "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
     LLM_OVERLOAD, PROVIDER_UNFINISHED, "", 0, 0, 0, ABSENT},
    {"openai: a chunk that is no JSON", "openai", "m", "data: {\"choices\n\n", LLM_ENVELOPE, PROVIDER_UNFINISHED, "", 0, 0,
     0, ABSENT | NO_TEXT},
    {"openai: refused in pieces", "openai", "m",
     "data: {\"choices\":[{\"delta\":{\"refusal\":\"I \"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"refusal\":\"won't\"},"
     "\"finish_reason\":\"stop\"}]}\n\n",
     LLM_REFUSAL, PROVIDER_REFUSED, "", 0, 0, 0, ABSENT | NO_TEXT},
    {"openai: a tool call in pieces", "openai", "m",
     "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"e\",\"arguments\":"
     "\"{\\\"ops\\\":\"}}]}}]}\n\ndata: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
     "\"[]}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\n",
     LLM_OK, PROVIDER_STOP, "{\"ops\":[]}", 0, 0, 0, ABSENT | TOOL},
    {"llama.cpp: stream with timings", "llamacpp", "m",
     "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n"
     "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":1},"
     "\"timings\":{\"cache_n\":0}}\n\ndata: [DONE]\n\n",
     LLM_LENGTH, PROVIDER_LENGTH, "Hi", 4, 1, 0, 0},
    {"anthropic: stream", "anthropic", "claude",
     "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude\",\"content\":[],"
     "\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":1,\"cache_read_input_tokens\":2,\"output_tokens\":1}}}"
     "\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
     "\"thinking\",\"thinking\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
     "\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\nevent: content_block_start\ndata: {\"type\":"
     "\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: ping\ndata: {\"type\":"
     "\"ping\"}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":"
     "\"text_delta\",\"text\":\"Hi \"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,"
     "\"delta\":{\"type\":\"text_delta\",\"text\":\"\xc3\xa9\"}}\n\nevent: content_block_stop\ndata: {\"type\":"
     "\"content_block_stop\",\"index\":1}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
     "\"end_turn\"},\"usage\":{\"output_tokens\":15}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
     LLM_OK, PROVIDER_STOP, "Hi \xc3\xa9", 13, 15, 2, 0},
    {"anthropic: a tool's input in pieces", "anthropic_tool", "c",
     "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
     "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"I call\"}}\n\n"
     "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"input\":{}}}\n\n"
     "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"op\"}}"
     "\n\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":"
     "\"s\\\":[]}\"}}\n\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":"
     "{\"output_tokens\":5}}\n\ndata: {\"type\":\"message_stop\"}\n\n",
     LLM_OK, PROVIDER_STOP, "{\"ops\":[]}", 0, 5, 0, TOOL},
    {"anthropic: F36 overloaded in the middle", "anthropic", "c",
     "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"Hi\"}}\n\n"
     "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
     LLM_OVERLOAD, PROVIDER_UNFINISHED, "", 0, 0, 0, ABSENT},
    {"anthropic: cut in the middle", "anthropic", "c",
     "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"Hi\"}}\n\n", LLM_ENVELOPE,
     PROVIDER_UNFINISHED, "", 0, 0, 0, ABSENT},
    {"ollama: stream", "ollama", "g",
     "{\"model\":\"g\",\"message\":{\"role\":\"assistant\",\"content\":\"Hi \xe2\x82\xac\"},\"done\":false}\n"
     "{\"model\":\"g\",\"message\":{\"content\":\"!\"},\"done\":false}\n"
     "{\"model\":\"g\",\"message\":{\"content\":\"\"},\"done_reason\":\"stop\",\"done\":true,\"prompt_eval_count\":3,"
     "\"eval_count\":2}\nrest",
     LLM_OK, PROVIDER_STOP, "Hi \xe2\x82\xac!", 3, 2, 0, 0},
    {"ollama: an error ends the stream", "ollama", "g",
     "{\"message\":{\"content\":\"Hi\"},\"done\":false}\n{\"error\":\"server busy\"}\n", LLM_OVERLOAD, PROVIDER_UNFINISHED,
     "", 0, 0, 0, ABSENT},
    {"ollama: cut in the middle", "ollama", "g", "{\"message\":{\"content\":\"Hi\"},\"done\":false}\n", LLM_ENVELOPE,
     PROVIDER_UNFINISHED, "", 0, 0, 0, ABSENT},
    {"gemini: stream", "gemini", "g",
     "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi \"}]}}],\"usageMetadata\":{\"promptTokenCount\":4},"
     "\"modelVersion\":\"g\"}\r\n\r\ndata: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"you\"}]},\"finishReason\":"
     "\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":4,\"candidatesTokenCount\":2,\"thoughtsTokenCount\":1}}\r\n\r\n",
     LLM_OK, PROVIDER_STOP, "Hi you", 4, 3, 0, 0},
    {"gemini: an error in the stream", "gemini", "g",
     "data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}\n\n", LLM_OVERLOAD,
     PROVIDER_UNFINISHED, "", 0, 0, 0, ABSENT | NO_TEXT},
};
// clang-format on

static void
check(const struct row *row, const struct provider_result *result)
{
    assert_string_equal(llm_classes[result->verdict.class].name, llm_classes[row->class].name);
    assert_int_equal(result->finish, row->finish);
    assert_int_equal(result->text.size, strlen(row->text));
    assert_true(result->text.size == 0 || memcmp(result->text.data, row->text, result->text.size) == 0);
    assert_int_equal(result->tokens_in, row->in);
    assert_int_equal(result->tokens_out, row->out);
    assert_int_equal(result->tokens_cached, row->cached);
    assert_int_equal(result->flags, row->flags);
}

static void
whole(void **state)
{
    const struct row *row = *state;
    struct provider_request request = case_request(row->model, NULL);
    struct provider_reply reply = {.status = 200, .body = case_bytes(row->body)};
    struct provider_result result = {0};
    struct provider_dialect dialect;
    const struct provider *provider = provider_find_dialect(row->dialect, &dialect, NULL);

    assert_non_null(provider);
    provider_read(provider, &request, &reply, &result);
    check(row, &result);
    provider_result_fini(&result);
}

/* Cut in two at every byte. */
static void
stream(void **state)
{
    const struct row *row = *state;
    struct provider_request request = case_request(row->model, NULL);
    struct provider_result result = {0};
    struct provider_dialect dialect;
    const struct provider *provider = provider_find_dialect(row->dialect, &dialect, NULL);
    size_t size = strlen(row->body);

    assert_non_null(provider);
    for (size_t cut = 0; cut <= size; cut++) {
        struct provider_stream pieces;

        provider_stream_init(&pieces, provider, &result, 0);
        (void)provider_stream_feed(&pieces, row->body, cut);
        (void)provider_stream_feed(&pieces, row->body + cut, size - cut);
        assert_int_equal(provider_stream_end(&pieces, &request), row->class);
        provider_stream_fini(&pieces);
        check(row, &result);
    }
    provider_result_fini(&result);
}

static void
names(void **state)
{
    struct provider_request request = case_request("gpt-4o-mini", NULL);
    struct provider_reply reply = {.status = 200, .body = case_bytes(whole_rows[0].body)};
    struct provider_result result = {0};

    (void)state;
    provider_read(provider_find("openai"), &request, &reply, &result);
    assert_string_equal(result.id, "chatcmpl-1");
    assert_string_equal(result.model, "gpt-4o-mini-2024-07-18");
    assert_string_equal(result.fingerprint, "fp_x");
    provider_result_fini(&result);
}

/* F27, F28: a body without end is stopped at its bound, whole or in pieces. */
static void
endless(void **state)
{
    struct provider_request request = case_request("m", NULL);
    struct provider_result result = {0};
    struct provider_stream pieces;
    struct provider_reply reply = {.status = 200};
    size_t size = (1u << 20) + 1;
    char *text = malloc(size);
    uint32_t fed = 0;

    (void)state;
    assert_non_null(text);
    memset(text, ' ', size);
    reply.body = (struct provider_bytes){text, size};
    provider_read(provider_find("gemini"), &request, &reply, &result);
    assert_int_equal(result.verdict.class, LLM_BODY_LIMIT);
    provider_stream_init(&pieces, provider_find("openai"), &result, 0);
    while (provider_stream_feed(&pieces, ": ping\n\n", 8) == LLM_OK && fed < 1000000)
        fed++;
    assert_int_equal(fed, (1u << 20) / 8);
    assert_int_equal(provider_stream_end(&pieces, &request), LLM_BODY_LIMIT);
    provider_stream_fini(&pieces);
    provider_result_fini(&result);
    free(text);
}

int
main(void)
{
    static const struct test_case cases[] = {{"names of the server", names}, {"endless bodies", endless}};

    return TEST_ROWS("whole answers", whole_rows, whole) + TEST_ROWS("streams, cut anywhere", stream_rows, stream) +
           TEST_CASES("provider", cases);
}
