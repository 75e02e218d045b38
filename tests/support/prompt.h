/* tests/support/prompt.h - for tests and benches: a worker's PROMPT by hand, and what came back. */
#ifndef POLIS_TESTS_SUPPORT_PROMPT_H
#define POLIS_TESTS_SUPPORT_PROMPT_H

#include "core/buffer.h"
#include "proto/models.h"

#include <stdint.h>

struct prompt_row {
    uint32_t place;
    uint64_t seed;
    const char *user, *fallback; /* fallback NULL: none */
};

struct prompt_plan {
    const char *role, *system, *schema; /* NULL: empty */
    uint32_t first, span;
    const struct prompt_row *rows;
    uint32_t row_count;
    uint8_t taint;
};

/* At the end of `out`, which is empty. */
void prompt_write(const struct prompt_plan *plan, struct buffer *out);

#endif
