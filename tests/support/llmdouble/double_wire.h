/* tests/support/llmdouble/double_wire.h - puts a body or a stream on the wire: status line, headers, framing, pace, and
 * the faults that are about transport. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_WIRE_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_WIRE_H

#include "tests/support/llmdouble/double_dialect.h"
#include "tests/support/llmdouble/double_fault.h"
#include "tests/support/llmdouble/double_reply.h"

struct double_wire {
    unsigned status;
    const char *type;    /* Content-Type */
    const char *id_name; /* the header with the request's id; NULL: none */
    const char *extra;   /* more headers, each with its CR LF; may be "" */
    uint64_t key;        /* of the id */
    bool keep_alive;
    uint32_t ttft_ms, per_chunk_ms;
    struct double_fault fault; /* with its variant chosen */
};

/* Both add to `out`, which was cleared. */
void double_wire_whole(const struct double_wire *self, const struct buffer *body, struct double_reply *out);
void double_wire_stream(const struct double_wire *self, const struct double_stream *stream, struct double_reply *out);

#endif
