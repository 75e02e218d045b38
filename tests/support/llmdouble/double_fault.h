/* tests/support/llmdouble/double_fault.h - the ways in which providers fail, by number. A fault is named in a rule as
 * F04, or as {id: F26, variant: surrogate, ms: 10, size: 3} where its defaults do not serve. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_FAULT_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_FAULT_H

#include <stdint.h>

/* F(number, name, variants, ms, size, doc). `ms` and `size` are defaults of what a rule may set; 0: not used. Without a
 * variant in the rule, one is drawn for each request. */
/* clang-format off */
#define DOUBLE_FAULTS(F)                                                                                                                      \
    F( 1, SILENT,       "", 0, 0,                    "takes the request and never answers")                                                   \
    F( 2, STALL,        "", 0, 0,                    "sends the headers and nothing more")                                                    \
    F( 3, DRIP,         "", 50, 1,                   "sends `size` bytes every `ms`")                                                         \
    F( 4, RATE_SECONDS, "", 2000, 0,                 "429 with Retry-After in seconds: `ms` rounded up")                                      \
    F( 5, RATE_DATE,    "", 2000, 0,                 "429 with Retry-After as a date, `ms` from now")                                         \
    F( 6, RATE_MS,      "", 1500, 0,                 "429 with retry-after-ms, and a longer Retry-After that must not win")                   \
    F( 7, RATE_LONG,    "", 3600000, 0,              "429 with a Retry-After nobody waits for")                                               \
    F( 8, QUOTA,        "", 0, 0,                    "429 insufficient_quota; Anthropic: 402 billing_error")                                  \
    F( 9, SPEND_LIMIT,  "", 0, 0,                    "429 of Anthropic's spend limit, without Retry-After; others: as F08")                   \
    F(10, BROKEN,       "", 0, 0,                    "500 in the dialect")                                                                    \
    F(11, BAD_GATEWAY,  "", 0, 0,                    "502 with an HTML page")                                                                 \
    F(12, LOADING,      "", 0, 0,                    "503 Loading model")                                                                     \
    F(13, OVERLOADED,   "", 0, 0,                    "529 overloaded_error")                                                                  \
    F(14, TRUNCATED,    "", 0, 0,                    "200 with half a JSON body, of the length it says")                                      \
    F(15, SHORT_BODY,   "", 0, 0,                    "200 with half of the length it says, then closed; a chunked stream ends without its end") \
    F(16, RESET,        "", 0, 0,                    "connection reset in the middle of the body")                                            \
    F(17, RESET_REUSED, "", 0, 0,                    "connection reset before the headers, unless the request is its first")                  \
    F(18, NO_JSON,      "", 0, 0,                    "the answer's text is no JSON")                                                          \
    F(19, FENCED,       "", 0, 0,                    "the answer's JSON stands in a fence")                                                   \
    F(20, PROSE,        "", 0, 0,                    "the answer's JSON stands between prose")                                                \
    F(21, PYTHON,       "", 0, 0,                    "the answer is written as Python would: single quotes, True, None")                      \
    F(22, TRAILING,     "", 0, 0,                    "a comma before the last closing bracket")                                               \
    F(23, DUPLICATE,    "", 0, 0,                    "the first key stands twice, with different values")                                     \
    F(24, DEEP,         "", 0, 10000,                "lists, `size` levels deep")                                                             \
    F(25, NUMBER,       "huge|nan|negative_zero|infinity", 0, 0, "the first number is 5e71028, NaN, -0 or Infinity")                          \
    F(26, BYTES,        "utf8|surrogate|nul|bom", 0, 0, "bad UTF-8, a lone surrogate, NUL or a byte order mark in the answer")                \
    F(27, LARGE,        "", 0, 67108864,             "a body of `size` bytes more than it needs")                                             \
    F(28, ENDLESS,      "", 0, 0,                    "a chunked body without end")                                                            \
    F(29, BOMB,         "", 0, 67108864,             "a compressed body that becomes `size` bytes more than it needs")                        \
    F(30, LENGTH,       "", 0, 0,                    "cut in half, with the finish reason length")                                            \
    F(31, REFUSAL,      "", 0, 0,                    "the model refuses")                                                                     \
    F(32, NULL_CONTENT, "", 0, 0,                    "there is no content")                                                                   \
    F(33, SPLIT,        "", 2, 0,                    "stream: sent in pieces that split characters and the word data, `ms` apart")            \
    F(34, COMMENTS,     "", 0, 0,                    "stream: lines end with CR LF, comments between the events (Ollama: empty lines)")       \
    F(35, NO_END,       "finished|unfinished", 0, 0, "stream: no [DONE] or message_stop; unfinished: no finish reason either")                \
    F(36, STREAM_ERROR, "", 0, 0,                    "stream: an error after half of it")                                                     \
    F(37, NO_USAGE,     "", 0, 0,                    "stream: no usage")                                                                      \
    F(38, USAGE_LIES,   "negative|huge|absent", 0, 0, "the usage is negative, huge or missing")                                               \
    F(39, REDIRECT,     "", 0, 0,                    "307 to another host (127.0.0.2, where the double counts who comes)")                    \
    F(40, ODD,          "model|type|http10|continue|empty", 0, 0, "another model's name; text/html; HTTP/1.0 without a length; 100 first; 204") \
    F(41, FORBIDDEN,    "", 0, 0,                    "fits the schema, and no rules: strangers' ids, negative money")                         \
    F(42, INJECTION,    "", 0, 0,                    "instructions to the reader and the prompt's canary in the text")                        \
    F(43, FLAPPING,     "refuse|reset", 30000, 0,    "well for `ms`, then 503 or resets for `ms`, and so on")                                 \
    F(44, CERTIFICATE,  "", 0, 0,                    "a certificate for another host: this double speaks no TLS, so no rule may name it")
/* clang-format on */

#define DOUBLE_FAULT_ENUM(number, name, variants, ms, size, doc) DOUBLE_FAULT_##name = (number),
enum double_fault_id { DOUBLE_FAULT_NONE, DOUBLE_FAULTS(DOUBLE_FAULT_ENUM) DOUBLE_FAULT_END };

#define DOUBLE_FAULT_DRAWN UINT32_MAX

/* A fault as a rule uses it. */
struct double_fault {
    enum double_fault_id id;
    uint32_t variant; /* or DOUBLE_FAULT_DRAWN */
    uint32_t ms;
    uint64_t size;
};

struct double_fault_kind {
    const char *variants, *doc;
    uint32_t ms;
    uint64_t size;
};

/* id: 1 to DOUBLE_FAULT_END - 1. */
const struct double_fault_kind *double_fault_kind(enum double_fault_id id);
/* "F04" to its number; DOUBLE_FAULT_NONE for other words. */
enum double_fault_id double_fault_find(const char *word);
/* The number of a variant by name, or DOUBLE_FAULT_DRAWN; and how many a fault has (0: none). */
uint32_t double_fault_variant(enum double_fault_id id, const char *name);
uint32_t double_fault_variant_count(enum double_fault_id id);

/* As in the enumerations above. */
enum { DOUBLE_NUMBER_HUGE, DOUBLE_NUMBER_NAN, DOUBLE_NUMBER_NEGATIVE_ZERO, DOUBLE_NUMBER_INFINITY };
enum { DOUBLE_BYTES_UTF8, DOUBLE_BYTES_SURROGATE, DOUBLE_BYTES_NUL, DOUBLE_BYTES_BOM };
enum { DOUBLE_END_FINISHED, DOUBLE_END_UNFINISHED };
enum { DOUBLE_USAGE_NEGATIVE, DOUBLE_USAGE_HUGE, DOUBLE_USAGE_ABSENT };
enum { DOUBLE_ODD_MODEL, DOUBLE_ODD_TYPE, DOUBLE_ODD_HTTP10, DOUBLE_ODD_CONTINUE, DOUBLE_ODD_EMPTY };
enum { DOUBLE_FLAP_REFUSE, DOUBLE_FLAP_RESET };

#endif
