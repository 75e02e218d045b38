/* tests/support/llmdouble/double_ask.h - what a request asks for, the same in every dialect. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_ASK_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_ASK_H

#include "tests/support/llmdouble/double_http.h"
#include "tests/support/llmdouble/double_json.h"

/* E(NAME, method, how the path ends, dialect, name in the statistics); of several that fit, the first. A path may have
 * anything in front, so that one double can play several providers: rules tell them apart by path. */
#define DOUBLE_ENDPOINTS(E)                                                                                            \
    E(OPENAI_COUNT, "POST", "/v1/chat/completions/input_tokens", OPENAI, "openai input_tokens")                        \
    E(OPENAI_CHAT, "POST", "/chat/completions", OPENAI, "openai chat")                                                 \
    E(OPENAI_MODELS, "GET", "/v1/models", OPENAI, "openai models")                                                     \
    E(ANTHROPIC_COUNT, "POST", "/v1/messages/count_tokens", ANTHROPIC, "anthropic count_tokens")                       \
    E(ANTHROPIC_MESSAGES, "POST", "/v1/messages", ANTHROPIC, "anthropic messages")                                     \
    E(OLLAMA_CHAT, "POST", "/api/chat", OLLAMA, "ollama chat")                                                         \
    E(OLLAMA_GENERATE, "POST", "/api/generate", OLLAMA, "ollama generate")                                             \
    E(OLLAMA_TAGS, "GET", "/api/tags", OLLAMA, "ollama tags")                                                          \
    E(LLAMACPP_COMPLETION, "POST", "/completion", LLAMACPP, "llamacpp completion")                                     \
    E(LLAMACPP_HEALTH, "GET", "/health", LLAMACPP, "llamacpp health")                                                  \
    E(GEMINI_STREAM, "POST", ":streamGenerateContent", GEMINI, "gemini stream")                                        \
    E(GEMINI_GENERATE, "POST", ":generateContent", GEMINI, "gemini generate")

#define DOUBLE_ENDPOINT_ENUM(name, method, tail, dialect, label) DOUBLE_##name,
enum double_endpoint { DOUBLE_ENDPOINTS(DOUBLE_ENDPOINT_ENUM) DOUBLE_NOWHERE, DOUBLE_ENDPOINT_COUNT };

enum double_dialect_id { DOUBLE_OPENAI, DOUBLE_ANTHROPIC, DOUBLE_OLLAMA, DOUBLE_LLAMACPP, DOUBLE_GEMINI };

/* Lent from the request, except `system` and `prompt`. */
struct double_ask {
    enum double_endpoint endpoint;
    enum double_dialect_id dialect;
    struct double_slice model;
    bool stream;
    bool stream_usage;                     /* OpenAI: a last chunk with the usage was asked for */
    bool lines;                            /* a stream of lines (Ollama), not of events */
    bool llamacpp;                         /* OpenAI's dialect with members only llama.cpp knows */
    struct buffer system, prompt;          /* all system text; the text of the last message */
    int64_t out_max;                       /* tokens the answer may have; 0: not said */
    const struct double_json_node *schema; /* of the answer, or NULL */
    struct double_slice tool;              /* the tool that must be called, or empty */
    struct double_json json;               /* of the body */
};

/* "openai chat"; "nowhere" for what is served nowhere. */
const char *double_ask_endpoint_name(enum double_endpoint endpoint);

/* Start from {0}. */
void double_ask_fini(struct double_ask *self);

/* Fails when the body of a POST is no JSON object or lacks what the dialect needs; the endpoint and dialect are known
 * then too, so that the refusal can be written in it. */
MUST_CHECK int double_ask_read(struct double_ask *self, const struct double_http *http, struct why *why);

#endif
