/* llm-gateway/ndjson.h - one JSON text a line, byte by byte: the same lines come out wherever the network cut them.
 * Empty lines are skipped, a CR in front of the LF is dropped. What is in the lines is the reader's business. */
#ifndef POLIS_LLM_GATEWAY_NDJSON_H
#define POLIS_LLM_GATEWAY_NDJSON_H

#include "core/buffer.h"
#include "core/error.h"

#include <stddef.h>

/* Takes one line, lent, not terminated, never empty. */
struct ndjson_sink {
    void (*line)(void *context, const char *data, size_t size);
    void *context;
};

struct ndjson {
    size_t size_max; /* bytes that one line may have */
    struct buffer line;
};

void ndjson_init(struct ndjson *self, size_t size_max);
void ndjson_fini(struct ndjson *self);

/* ERR_LIMIT when a line grows too long; the stream is then of no further use. */
MUST_CHECK int ndjson_feed(
    struct ndjson *self, const char *bytes, size_t size, const struct ndjson_sink *sink, struct why *why);

/* The stream is over: hands out a last line without its end. */
void ndjson_end(struct ndjson *self, const struct ndjson_sink *sink);

#endif
