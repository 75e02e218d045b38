/* tests/support/llmdouble/double_spoil.h - what models do to JSON: an answer's text, changed as F18 to F26 say. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_SPOIL_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_SPOIL_H

#include "core/buffer.h"
#include "tests/support/llmdouble/double_fault.h"

/* Changes the text in place. A text that is no JSON object is replaced by a small one first, where the fault is about
 * JSON. Other faults change nothing. */
void double_spoil(struct buffer *text, const struct double_fault *fault);

#endif
