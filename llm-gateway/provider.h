/* llm-gateway/provider.h - a kind of model server: one provider, one file in llm-gateway/providers, found by its name.
 * A provider is pure: it turns a request into the bytes of an HTTP request, and the bytes of an answer into one result
 * that looks the same for all of them. It opens no socket, reads no clock (times are arguments) and never sees a key:
 * a header that needs one says so. Includes this, core/ and jansson. */
#ifndef POLIS_LLM_GATEWAY_PROVIDER_H
#define POLIS_LLM_GATEWAY_PROVIDER_H

#include <jansson.h>

#include "core/buffer.h"
#include "core/error.h"
#include "core/params.h"
#include "core/rng.h"
#include "core/streams.h"
#include "core/text.h"
#include "core/yaml.h"
#include "llm-gateway/json_limits.h"
#include "llm-gateway/ndjson.h"
#include "llm-gateway/retry_after.h"
#include "llm-gateway/schema.h"
#include "llm-gateway/sse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- what can go wrong ---- */

/* What is done about it. */
enum llm_remedy {
    LLM_REMEDY_NONE,   /* never sent again: the next provider of the chain, or the fallback */
    LLM_REMEDY_ONCE,   /* sent again once */
    LLM_REMEDY_RETRY,  /* sent again as often as the role allows, after the wait */
    LLM_REMEDY_ANSWER, /* there is an answer, but not a whole or fit one: repaired, asked for again, or replaced */
};

/* What it says about the server: nothing; counts toward opening its circuit breaker; toward a longer row of them (a
 * limit is the bucket's business first); closes it until the operator steps in. */
enum llm_breaker { LLM_BREAKER_IGNORES, LLM_BREAKER_COUNTS, LLM_BREAKER_ROW, LLM_BREAKER_LATCHES };

/* The order is what is logged: add at the end. */
// clang-format off
#define LLM_CLASSES(C)                                                                                                 \
    C(OK,              "ok",              NONE,   IGNORES, "a whole answer")                                           \
    C(TRANSPORT,       "transport",       RETRY,  COUNTS,  "the connection failed or broke")                           \
    C(TIMEOUT_CONNECT, "timeout_connect", RETRY,  COUNTS,  "no connection in time")                                    \
    C(TIMEOUT_FIRST,   "timeout_first",   RETRY,  COUNTS,  "no first byte in time")                                    \
    C(TIMEOUT_IDLE,    "timeout_idle",    RETRY,  COUNTS,  "bytes stopped coming")                                     \
    C(TIMEOUT_TOTAL,   "timeout_total",   NONE,   COUNTS,  "the deadline has passed: no time is left to try again")    \
    C(RATE,            "rate",            RETRY,  ROW,     "too many requests or tokens for now")                      \
    C(OVERLOAD,        "overload",        RETRY,  COUNTS,  "the server is busy or still loading")                      \
    C(SERVER,          "server",          RETRY,  COUNTS,  "the server failed")                                        \
    C(QUOTA,           "quota",           NONE,   LATCHES, "credit or spending limit used up")                         \
    C(AUTH,            "auth",            NONE,   LATCHES, "the key is missing, wrong or not allowed to do this")      \
    C(NOT_FOUND,       "not_found",       NONE,   LATCHES, "no such model or path")                                    \
    C(BAD_REQUEST,     "bad_request",     NONE,   IGNORES, "the server does not take what was sent")                   \
    C(CONTEXT,         "context",         NONE,   IGNORES, "the prompt is longer than the model's context")            \
    C(TOO_LARGE,       "too_large",       NONE,   IGNORES, "the request has too many bytes")                           \
    C(REFUSAL,         "refusal",         ANSWER, IGNORES, "the model or its filter refused; never argued with")       \
    C(LENGTH,          "length",          ANSWER, IGNORES, "the answer was cut off at its length limit")               \
    C(ENVELOPE,        "envelope",        ONCE,   COUNTS,  "the answer is not of the provider's form")                 \
    C(SCHEMA,          "schema",          ANSWER, IGNORES, "the answer does not fit its schema")                       \
    C(BODY_LIMIT,      "body_limit",      NONE,   IGNORES, "the answer has too many bytes")                            \
    C(TLS,             "tls",             NONE,   IGNORES, "the certificate is not to be trusted")                     \
    C(REDIRECT,        "redirect",        NONE,   IGNORES, "sent elsewhere; keys do not travel")
// clang-format on

#define LLM_CLASS_ENUM(name, word, remedy, breaker, doc) LLM_##name,
enum llm_class { LLM_CLASSES(LLM_CLASS_ENUM) LLM_CLASS_COUNT };

struct llm_class_row {
    const char *name;
    enum llm_remedy remedy;
    enum llm_breaker breaker;
    const char *doc;
};
extern const struct llm_class_row llm_classes[LLM_CLASS_COUNT];

/* What a server's answer means. */
struct provider_verdict {
    enum llm_class class;
    int64_t wait_ms;  /* the server's hint, -1 without one */
    int32_t retry;    /* x-should-retry: 1 yes, 0 no, -1 not said. Goes before the class's remedy */
    char detail[200]; /* what the server said, UTF-8; pass it through redact before anyone sees it */
};

/* ---- dialects: how servers of one family differ ---- */

/* max_tokens: how the limit of the answer is called. schema: how an answer's shape is asked for: not at all (it is put
 * into words), any JSON, OpenAI's json_schema, the same with the schema directly below, json_object with a schema, a
 * GBNF grammar, the plain schema as Anthropic (format, before: beta), Ollama and Gemini take it, or a forced tool. */
// clang-format off
#define PROVIDER_DIALECT_PARAMS(P, S)                                                                                  \
    P(S, ENUM, max_tokens, 0, 0, 1, "max_tokens|max_completion_tokens", "name of the limit of the answer")             \
    P(S, ENUM, schema, 0, 0, 8, "none|json|json_schema|json_schema_flat|json_object|grammar|native|beta|tool",         \
      "how the shape of an answer is asked for")                                                                       \
    P(S, BOOL, strict, true, 0, 1, "", "asks for strict schemas where the form has the word")                          \
    P(S, ENUM, system, 0, 0, 2, "system|developer|user", "role of the system text; user: put in front of it")          \
    P(S, BOOL, seed, true, 0, 1, "", "sends the seed")                                                                 \
    P(S, U32, seed_bits, 31, 1, 63, "bits", "low bits of the seed that are sent")                                      \
    P(S, BOOL, temperature, true, 0, 1, "", "sends the temperature")                                                   \
    P(S, U32, temperature_max, 20000, 0, 20000, "1/10000", "higher temperatures are sent as this one")                 \
    P(S, BOOL, top_p, true, 0, 1, "", "sends top_p")                                                                   \
    P(S, BOOL, stream_usage, true, 0, 1, "", "asks a stream for its token counts")                                     \
    P(S, BOOL, exact_rerun, false, 0, 1, "", "llama.cpp: no prompt cache, one slot: equal seeds, equal answers")       \
    P(S, BOOL, generate, false, 0, 1, "", "Ollama: /api/generate instead of /api/chat")                                \
    P(S, U32, context, 4096, 256, 10000000, "tokens", "Ollama: num_ctx; its own default cuts prompts silently")        \
    P(S, TEXT, keep_alive, "5m", 0, 15, "duration", "Ollama: how long the model stays loaded; empty: not said")
// clang-format on
PARAMS_STRUCT(provider_dialect, PROVIDER_DIALECT_PARAMS)
extern const struct params *const provider_dialect_list;

enum provider_schema_form {
    PROVIDER_SCHEMA_NONE, PROVIDER_SCHEMA_JSON, PROVIDER_SCHEMA_OPENAI, PROVIDER_SCHEMA_FLAT, PROVIDER_SCHEMA_OBJECT,
    PROVIDER_SCHEMA_GRAMMAR, PROVIDER_SCHEMA_NATIVE, PROVIDER_SCHEMA_BETA, PROVIDER_SCHEMA_TOOL,
};
enum provider_system_role { PROVIDER_SYSTEM, PROVIDER_DEVELOPER, PROVIDER_USER };
enum provider_max_tokens { PROVIDER_MAX_TOKENS, PROVIDER_MAX_COMPLETION_TOKENS };

/* A dialect that ships with a provider; the scenario's own members go over it. */
struct provider_preset {
    const char *name, *doc;
    struct provider_dialect dialect;
};

/* ---- what is asked ---- */

struct provider_bytes {
    const char *text; /* lent; NULL only with size 0 */
    size_t size;
};

struct provider_request {
    const char *role;  /* of the role table */
    const char *model; /* as the server calls it */
    struct provider_bytes system, user; /* UTF-8; system may be empty */
    struct provider_bytes fallback;     /* the caller's ready answer, may be empty */
    uint32_t out_max;                   /* tokens of the answer, > 0 */
    uint32_t temperature_e4, top_p_e4;  /* ten-thousandths: 7000 is 0.7 */
    uint64_t seed;
    const struct schema *schema;        /* NULL: free text */
    const char *const *stop;            /* NULL-ended, or NULL */
    bool stream;
};

enum provider_secret { PROVIDER_PLAIN, PROVIDER_KEY, PROVIDER_BEARER };

/* With a secret, the key goes behind `value` and nowhere else; without a key loaded the header is left out. */
struct provider_header {
    const char *name, *value;
    enum provider_secret secret;
};

#define PROVIDER_HEADER_MAX 6u
#define PROVIDER_PATH_SIZE 256u

struct provider_http {
    const char *method;
    char path[PROVIDER_PATH_SIZE]; /* behind the base URL; begins with / */
    struct provider_header headers[PROVIDER_HEADER_MAX]; /* static texts */
    uint32_t header_count;
    struct buffer body; /* JSON */
};
void provider_http_fini(struct provider_http *self);

/* ---- what came back ---- */

struct provider_field {
    const char *name, *value; /* terminated; names in any case */
};

struct provider_reply {
    int status;
    const struct provider_field *headers;
    uint32_t header_count;
    struct provider_bytes body;
    int64_t now_ms; /* Unix time at which the headers came */
};

enum provider_finish { PROVIDER_UNFINISHED, PROVIDER_STOP, PROVIDER_LENGTH, PROVIDER_REFUSED, PROVIDER_OTHER };

enum provider_flag {
    PROVIDER_USAGE_ABSENT = 1u << 0, /* no token counts: the reservation is charged */
    PROVIDER_USAGE_FALSE = 1u << 1,  /* negative, huge or no numbers: clamped */
    PROVIDER_TEXT_ABSENT = 1u << 2,  /* the message had no text */
    PROVIDER_FROM_TOOL = 1u << 3,    /* the text is the input of a tool call */
    PROVIDER_OTHER_MODEL = 1u << 4,  /* the server named another model than was asked (or a dated name of it) */
};
#define PROVIDER_TOKENS_MAX 1000000000u

/* Start from {0}; provider_result_fini() ends it; may be used again after provider_result_clear(). */
struct provider_result {
    struct provider_verdict verdict; /* LLM_OK, LLM_LENGTH, LLM_REFUSAL with a text; else the error */
    enum provider_finish finish;
    struct buffer text; /* UTF-8, not terminated */
    uint32_t tokens_in, tokens_out, tokens_cached; /* cached are part of in */
    uint32_t flags;
    char model[97], id[65], fingerprint[65]; /* as the server named them; cut; empty when it did not */
};
void provider_result_clear(struct provider_result *self);
void provider_result_fini(struct provider_result *self);

/* What the headers say about limits; -1 where they do not. Zero and negative limits are not believed. */
enum provider_bucket { PROVIDER_REQUESTS, PROVIDER_TOKENS, PROVIDER_TOKENS_IN, PROVIDER_TOKENS_OUT, PROVIDER_BUCKETS };
struct provider_limits {
    struct { int64_t limit, remaining, reset_ms; } of[PROVIDER_BUCKETS];
};

/* ---- a provider ---- */

enum provider_framing { PROVIDER_NO_STREAM, PROVIDER_SSE, PROVIDER_NDJSON };

/* An answer that comes in pieces. */
struct provider_stream {
    const struct provider *provider;
    struct provider_result *result; /* lent; grows */
    int64_t now_ms;
    size_t taken; /* bytes */
    bool closed;  /* the provider's own end mark came: what follows is not looked at */
    int64_t block; /* Anthropic: the content block that is the answer, -1 before it */
    struct sse sse;
    struct ndjson ndjson;
};

struct provider {
    const char *name, *doc;
    enum provider_framing framing;
    const struct provider_preset *presets; /* ends with a name of NULL; the first is called like the provider */

    /* Asks over HTTP. ERR_INVALID for what this server cannot be asked at all; then *out is not to be used. */
    MUST_CHECK int (*build)(const struct provider_request *request, const struct provider_dialect *dialect,
        struct provider_http *out, struct why *why);
    /* A body that came with a status of 2xx; `root` is its JSON. Fills everything of the result. */
    void (*parse)(const json_t *root, int64_t now_ms, struct provider_result *out);
    /* One event or line of a stream. */
    void (*event)(struct provider_stream *stream, const char *event, const json_t *root);
    /* What an error means; `root` is the body's JSON or NULL. `status` is 0 for an error inside a stream or a 200. The
     * class is already set from the status, the wait from the headers. */
    void (*classify)(int status, const json_t *root, int64_t now_ms, struct provider_verdict *out);
    /* Names of the limit headers. May be NULL. */
    const char *const (*limit_names)[3];

    /* Answers in the process; then there is no build(). open() reads its `keys` (NULL-ended) of the scenario's map for
     * this provider, which may be NULL, and looks at no other; answer() gets what it made. The text of such an answer
     * may be any bytes. */
    const char *const *keys;
    MUST_CHECK int (*open)(const struct yaml_node *config, void **state, struct why *why);
    void (*close)(void **state);
    void (*answer)(const void *state, const struct provider_request *request, struct provider_result *out);
};

/* Written by make from llm-gateway/providers; NULL-ended, by name. */
extern const struct provider *const provider_roll[];
const struct provider *provider_find(const char *name);

/* A dialect by its name ("openai", "llamacpp", "vllm" ...): its provider, and its settings into *out. NULL when nobody
 * speaks it; `nearest` (may be NULL) then is the name that was perhaps meant, or NULL. */
const struct provider *provider_find_dialect(const char *name, struct provider_dialect *out, const char **nearest);
/* The scenario's members over the settings already in *dialect; `also` as for params_bind(). */
MUST_CHECK int provider_dialect_bind(const struct yaml_node *map, const char *const *also,
    struct provider_dialect *dialect, struct why *why);

enum provider_capability {
    PROVIDER_CAN_SEED = 1u << 0,
    PROVIDER_CAN_JSON = 1u << 1,   /* some JSON is enforced */
    PROVIDER_CAN_SCHEMA = 1u << 2, /* the schema is enforced */
    PROVIDER_CAN_STREAM = 1u << 3,
    PROVIDER_CAN_SYSTEM = 1u << 4, /* the system text has a place of its own */
    PROVIDER_CAN_TEMPERATURE = 1u << 5,
    PROVIDER_IN_PROCESS = 1u << 6,
};
uint32_t provider_capabilities(const struct provider *self, const struct provider_dialect *dialect);

/* Builds, and checks the request on the way: UTF-8, a model's name that may stand in a path. */
MUST_CHECK int provider_build(const struct provider *self, const struct provider_request *request,
    const struct provider_dialect *dialect, struct provider_http *out, struct why *why);

/* Any HTTP answer to one result: 2xx is parsed, everything else classified. */
void provider_read(const struct provider *self, const struct provider_request *request,
    const struct provider_reply *reply, struct provider_result *out);
void provider_read_limits(
    const struct provider *self, const struct provider_reply *reply, struct provider_limits *out);

/* A stream that began with 2xx. Feed returns the class so far: LLM_OK goes on, anything else is the end (stop
 * reading). End says whether it was whole; the result then is complete. `result` is cleared first. */
void provider_stream_init(
    struct provider_stream *self, const struct provider *provider, struct provider_result *result, int64_t now_ms);
enum llm_class provider_stream_feed(struct provider_stream *self, const char *bytes, size_t size);
enum llm_class provider_stream_end(struct provider_stream *self, const struct provider_request *request);
void provider_stream_fini(struct provider_stream *self);

/* ---- what providers share ---- */

/* The class that a status alone stands for; LLM_OK for 2xx. */
enum llm_class provider_class_of_status(int status);

/* The value of a header, or NULL. */
const char *provider_find_field(const struct provider_reply *reply, const char *name);

/* Members of a tree that may be missing, or of another kind than they should: NULL or "" then. */
const json_t *provider_member(const json_t *root, const char *const *path);
#define PROVIDER_MEMBER(root, ...) provider_member((root), (const char *const[]){__VA_ARGS__, NULL})
const char *provider_text(const json_t *value);
bool provider_is_text(const json_t *value, const char *text);
/* What a server's word for the end of an answer means: by the first row of that word, else PROVIDER_OTHER. */
struct provider_word {
    const char *word;
    enum provider_finish finish;
};
enum provider_finish provider_finish_of(const json_t *reason, const struct provider_word *rows, size_t count);
bool provider_mentions(const char *text, const char *words); /* in any case */
void provider_copy(char *out, size_t out_size, const json_t *value);
void provider_add_answer(struct provider_result *out, const json_t *text); /* a string behind the text so far */

/* A count of tokens: clamped to [0, PROVIDER_TOKENS_MAX], with the flag when that was needed; 0 when it is missing. */
uint32_t provider_count(const json_t *value, struct provider_result *out);
uint32_t provider_sum(uint32_t a, uint32_t b, struct provider_result *out);

/* The class that goes with how the answer ended and what there is of it. */
void provider_settle(struct provider_result *out);
void provider_broken(struct provider_result *out, enum llm_class class, const char *detail);

/* Pieces of a body. A member begins with its comma unless it is the first of its object. */
void provider_put_key(struct buffer *out, const char *key);
void provider_put_text(struct buffer *out, const char *key, const char *text);
void provider_put_bytes(struct buffer *out, const char *key, struct provider_bytes bytes);
void provider_put_number(struct buffer *out, const char *key, uint64_t number);
void provider_put_bool(struct buffer *out, const char *key, bool value);
void provider_put_e4(struct buffer *out, const char *key, uint32_t ten_thousandths); /* 7000 -> 0.7 */
void provider_put_raw(struct buffer *out, const char *key, const char *json);
void provider_put_stop(struct buffer *out, const char *key, const char *const *stop); /* nothing without any */
/* temperature, top_p and seed under these names (NULL: not sent), as far as the dialect lets them. */
void provider_put_sampling(struct buffer *out, const struct provider_request *request,
    const struct provider_dialect *dialect, const char *temperature, const char *top_p, const char *seed);
/* The system text; where the server is not told the schema in its own form, with the schema in words behind it. */
void provider_system_text(
    const struct provider_request *request, const struct provider_dialect *dialect, struct buffer *out);
void provider_add_header(
    struct provider_http *out, const char *name, const char *value, enum provider_secret secret);

#endif
