/* llm-gateway/sse.h - server-sent events (WHATWG HTML 9.2.6), byte by byte: the same events come out wherever the
 * network cut the stream. Lines end with LF, CRLF or CR; comments, ids and retry times are dropped. */
#ifndef POLIS_LLM_GATEWAY_SSE_H
#define POLIS_LLM_GATEWAY_SSE_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

#define SSE_EVENT_SIZE 48u

/* Takes one event. `event` is "" where the stream named none (a longer name than fits is cut); `data` is lent, is not
 * terminated, and may be empty. */
struct sse_sink {
    void (*event)(void *context, const char *event, const char *data, size_t size);
    void *context;
};

struct sse {
    size_t size_max; /* bytes that one event may have */
    struct buffer line, data;
    char event[SSE_EVENT_SIZE];
    bool has_data;
    bool after_cr; /* a line feed that comes now belongs to the line's end before it */
    bool begun;    /* the first line is over */
};

void sse_init(struct sse *self, size_t size_max);
void sse_fini(struct sse *self);

/* ERR_LIMIT when an event grows too large; the stream is then of no further use. */
MUST_CHECK int sse_feed(struct sse *self, const char *bytes, size_t size, const struct sse_sink *sink, struct why *why);

/* The stream is over: hands out an event whose blank line was forgotten. */
MUST_CHECK int sse_end(struct sse *self, const struct sse_sink *sink, struct why *why);

#endif
