/* tests/support/llmdouble/double_dialect.h - how each provider writes its answers, streams and refusals. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_DIALECT_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_DIALECT_H

#include "tests/support/llmdouble/double_answer.h"
#include "tests/support/llmdouble/double_ask.h"

/* The body of a stream and where its events end: after the blank line of an SSE event, after a line. */
struct double_stream {
    struct buffer body;
    size_t *ends;
    uint32_t count, capacity;
};

/* Start from {0}. */
void double_stream_fini(struct double_stream *self);
void double_stream_clear(struct double_stream *self);
/* What was added to the body since the last one is an event. */
void double_stream_end(struct double_stream *self);

/* Why a request gets no answer. */
enum double_refusal {
    DOUBLE_BAD_REQUEST,
    DOUBLE_NO_SUCH_PLACE,
    DOUBLE_RATE,
    DOUBLE_QUOTA,       /* the account has nothing left */
    DOUBLE_SPEND_LIMIT, /* Anthropic's enforced limit, which looks like a rate limit */
    DOUBLE_BROKEN,      /* 500 */
    DOUBLE_LOADING,     /* llama.cpp while it reads its model */
    DOUBLE_OVERLOADED   /* 529, or what the dialect has instead */
};

struct double_dialect {
    const char *name;
    void (*whole)(const struct double_ask *ask, const struct double_answer *answer, struct buffer *body);
    void (*stream)(const struct double_ask *ask, const struct double_answer *answer, struct double_stream *out);
    /* The status, and the body with `message` in it. `wait_ms` > 0 where the body itself can say how long to wait. */
    unsigned (*refuse)(enum double_refusal refusal, const char *message, uint32_t wait_ms, uint64_t key,
                       struct buffer *body);
    /* Puts an error into a stream that had begun well. */
    void (*stream_error)(uint64_t key, struct double_stream *out);
};

const struct double_dialect *double_dialect_get(enum double_dialect_id id);
extern const struct double_dialect double_dialect_openai, double_dialect_anthropic, double_dialect_ollama,
    double_dialect_llamacpp, double_dialect_gemini;

/* The next piece of a text that is streamed: at most `max` bytes, a whole number of code points; empty at the end. */
struct double_slice double_dialect_piece(const struct buffer *text, size_t *at, uint32_t max);
/* The answer must be given as a call of the tool asked for. The dialects with objects as arguments also need a text
 * that is one. */
bool double_dialect_calls_tool(const struct double_ask *ask, const struct double_answer *answer, bool as_object);
void double_dialect_quote(struct buffer *out, struct double_slice text);
void double_dialect_quote_text(struct buffer *out, const struct buffer *text);

#endif
