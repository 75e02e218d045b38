/* tests/support/llmdouble/double_reply.h - bytes to send, with the pauses between them and how the connection goes on.
 */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_REPLY_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_REPLY_H

#include "core/buffer.h"

#include <stdbool.h>
#include <stdint.h>

#define DOUBLE_FOREVER UINT64_MAX

struct double_part {
    uint32_t delay_ms; /* before it */
    size_t start, size;
    uint64_t times; /* it is sent so often in a row; DOUBLE_FOREVER */
};

enum double_end {
    DOUBLE_KEEP, /* the next request may come */
    DOUBLE_CLOSE,
    DOUBLE_RESET, /* an RST, so that the other side gets an error */
    DOUBLE_STALL  /* nothing more, until the other side gives up */
};

struct double_reply {
    struct buffer bytes;
    struct double_part *parts;
    uint32_t count, capacity;
    size_t taken; /* bytes that are in parts */
    enum double_end end;
};

/* Start from {0}. */
void double_reply_fini(struct double_reply *self);
void double_reply_clear(struct double_reply *self);
/* The bytes added since the last part become a part. One without delay or repetition joins the one before it. An empty
 * one is kept if it has a delay: a pause. */
void double_reply_part(struct double_reply *self, uint32_t delay_ms, uint64_t times);

#endif
