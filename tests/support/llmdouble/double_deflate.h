/* tests/support/llmdouble/double_deflate.h - a small zlib stream (RFC 1950, 1951) that becomes a large one. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_DEFLATE_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_DEFLATE_H

#include "core/buffer.h"

#include <stdbool.h>

/* Adds a zlib stream of at least `size` times `blank` (a little more: a whole number of matches), then `tail`. About
 * 160 times smaller than what it becomes. tail_size < 2^32. */
void double_deflate_bomb(struct buffer *out, char blank, uint64_t size, const uint8_t *tail, size_t tail_size);

#endif
