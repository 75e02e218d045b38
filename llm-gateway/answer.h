/* llm-gateway/answer.h - who asked, and what he was told: the same plain values for a live call, the cache, the call
 * log and the message that goes back. The order of the words is what is logged: add at the end. */
#ifndef POLIS_LLM_GATEWAY_ANSWER_H
#define POLIS_LLM_GATEWAY_ANSWER_H

#include "llm-gateway/key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// clang-format off
#define ANSWER_STATUSES(A)                                                                                             \
    A(OK,          "ok",          "a whole answer")                                                                    \
    A(REPAIRED,    "repaired",    "an answer whose form had to be mended")                                             \
    A(FALLBACK,    "fallback",    "nobody of the chain gave a fit answer: the caller's own rules")                     \
    A(REFUSED,     "refused",     "the model would not; the caller's own rules")                                       \
    A(INVALID,     "invalid",     "the request itself is not acceptable")                                              \
    A(BUDGET,      "budget",      "not admitted: no budget left; the caller's own rules")                              \
    A(TIMEOUT,     "timeout",     "the deadline passed; the caller's own rules")                                       \
    A(UNAVAILABLE, "unavailable", "nobody of the chain could be asked; the caller's own rules")                        \
    A(MISS,        "miss",        "a replay has no such call in its log")                                              \
    A(CANCELLED,   "cancelled",   "the caller, the end of the step or of the process took it back")
#define ANSWER_SOURCES(A)                                                                                              \
    A(LIVE,        "live",        "a model was asked")                                                                 \
    A(CACHE,       "cache",       "kept from an equal question before")                                                \
    A(JOINED,      "joined",      "an equal question was on its way")                                                  \
    A(REPLAY,      "replay",      "read from the call log")                                                            \
    A(RULES,       "rules",       "no model was asked, or none answered")
// clang-format on

#define ANSWER_STATUS_ENUM(name, word, doc) ANSWER_##name,
enum answer_status { ANSWER_STATUSES(ANSWER_STATUS_ENUM) ANSWER_STATUS_COUNT };
#define ANSWER_SOURCE_ENUM(name, word, doc) ANSWER_FROM_##name,
enum answer_source { ANSWER_SOURCES(ANSWER_SOURCE_ENUM) ANSWER_SOURCE_COUNT };

const char *answer_status_name(uint32_t status); /* "ok"; "none" for a number without a name */
const char *answer_source_name(uint32_t source);

/* A call's place in the run. The ordinal tells a client's calls of one role in one step apart: a function of what is
 * simulated (the gateway makes it from phase and place), never of who came first. */
struct answer_id {
    uint64_t step;
    uint32_t client, role, ordinal;
};
#define ANSWER_CLIENT_MAX 10000u
#define ANSWER_ROLE_MAX 255u
#define ANSWER_STEP_MAX UINT64_C(1000000000000000)

bool answer_id_equal(const struct answer_id *a, const struct answer_id *b);
/* Before (-1), same (0) or behind (1): by step, client, role, ordinal. */
int answer_id_compare(const struct answer_id *a, const struct answer_id *b);
/* The id as the key of a map. Different ids have different keys. */
struct key answer_id_key(const struct answer_id *id);

#define ANSWER_TEXT_MAX 65536u
#define ANSWER_ATTEMPTS_MAX 16u
#define ANSWER_PROVIDER_SIZE 33u
#define ANSWER_MODEL_SIZE 97u

struct answer_attempt {
    uint32_t provider; /* row of the provider table */
    uint32_t class;    /* enum llm_class */
    uint32_t http_status;
    uint64_t wait_ms; /* before it */
};

struct answer {
    uint32_t entity; /* who asked: the agent */
    uint32_t status, source;
    uint32_t reason; /* enum llm_class of the last failure; 0 when there was none */
    char provider[ANSWER_PROVIDER_SIZE], model[ANSWER_MODEL_SIZE];
    uint32_t finish; /* enum provider_finish */
    uint32_t schema_ok;
    uint32_t repairs; /* bits, llm-gateway/repair.h */
    const char *text; /* lent, not terminated */
    uint32_t text_size;
    uint32_t tokens_in, tokens_out, tokens_cached;
    int64_t cost; /* what the answer cost whoever paid for it, in millionths; the same in every replay */
    int64_t paid; /* what it cost this run: 0 from a log, a cache or somebody else's call */
    int64_t reserved_tokens, reserved_cost;
    uint32_t http_status;
    uint64_t queue_us, provider_us;
    struct answer_attempt attempts[ANSWER_ATTEMPTS_MAX];
    uint32_t attempt_count;
    struct key key;
};

#endif
