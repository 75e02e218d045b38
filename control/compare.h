/* control/compare.h - where the records of one step differ between two runs: which exchange, section, column and row,
 * with both values and, where the rows say it, whose they are. */
#ifndef POLIS_CONTROL_COMPARE_H
#define POLIS_CONTROL_COMPARE_H

#include "core/buffer.h"
#include "core/error.h"
#include "world/store.h"

#include <stdbool.h>
#include <stdint.h>

#define COMPARE_TEXT 160u

/* The first difference. Texts are empty where they do not apply. */
struct difference {
    bool found;
    bool only_tag;              /* nothing but the seed that batches bear as their tag: worth looking on behind it */
    uint64_t step;
    uint32_t phase;             /* ordinal of the exchange within the step */
    bool in_section;            /* phase and section mean something */
    char section[COMPARE_TEXT]; /* "answers (sandbox.decide)" */
    char field[COMPARE_TEXT];   /* "effort", "state digest", "number of rows" */
    uint32_t row;
    bool has_row;
    uint32_t agent;
    bool has_agent;
    char a[COMPARE_TEXT], b[COMPARE_TEXT];
};

/* Compares header, record and state digest of a step that both logs hold. */
MUST_CHECK int compare_step(
    struct store *a, struct store *b, uint64_t step, struct difference *out, struct why *why);

/* Only the digests of the states behind a step. */
MUST_CHECK int compare_state(
    struct store *a, struct store *b, uint64_t step, struct difference *out, struct why *why);

/* Of two records alone: what a test can make by hand. `out->found` is left false when they are equal. */
MUST_CHECK int compare_records(
    const struct buffer *a, const struct buffer *b, struct difference *out, struct why *why);

#endif
