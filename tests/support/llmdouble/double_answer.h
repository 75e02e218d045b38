/* tests/support/llmdouble/double_answer.h - what a double says, before a dialect puts it into words. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_ANSWER_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_ANSWER_H

#include "core/buffer.h"
#include "tests/support/llmdouble/double_slice.h"

#include <stdint.h>

enum double_finish { DOUBLE_STOP, DOUBLE_LENGTH, DOUBLE_REFUSED };

struct double_answer {
    struct buffer text;
    enum double_finish finish;
    bool is_null; /* F32: there is no content at all */
    bool usage_absent;
    bool closing_absent; /* F35: a stream stops without its last word */
    bool finish_absent;  /* F35: and without the reason why it ends */
    int64_t tokens_in, tokens_out;
    struct double_slice model; /* as echoed */
    uint64_t key;              /* of seed, hash of the body and its number: what ids are made of */
    uint32_t number;           /* the how manyeth request with this body, from 1 */
    uint32_t piece_size;       /* bytes of text in one event of a stream */
};

/* Seconds of a constant past, so that no reply depends on the clock. */
#define DOUBLE_CREATED 1700000000u

#endif
