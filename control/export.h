/* control/export.h - a run's rows as text. A table is one axis of one kind of batch in the log; its columns are those
 * of the batch's schema, so a new domain's tables need no word here. */
#ifndef POLIS_CONTROL_EXPORT_H
#define POLIS_CONTROL_EXPORT_H

#include "core/buffer.h"
#include "core/error.h"
#include "proto/columns.h"

#include <stdbool.h>
#include <stdint.h>

enum export_format { EXPORT_CSV, EXPORT_JSONL };

#define EXPORT_JOIN_MAX 2u

/* Rows of an axis; `joined` (NULL: none) is another batch of the same exchange whose axis has a row for each of them:
 * the verdict beside the docket. */
struct export_table {
    const char *name;
    const struct schema *schema;
    uint32_t axis;
    const struct schema *joined;
    uint32_t joined_axis;
    const char *(*word)(uint32_t number); /* not NULL: what stands for the numbers of the column `spelled` */
    uint32_t spelled;
};

/* The table of that name: one with a name of its own ("interactions"), or SCHEMA.AXIS. ERR_UNKNOWN names the nearest.
 */
MUST_CHECK int export_table_find(const char *name, struct export_table *out, struct why *why);
/* Every table with its columns, for people. */
void export_write_tables(struct buffer *out);

/* The line of column names (CSV). */
void export_write_head(const struct export_table *table, struct buffer *out);
/* A line for every row of the batch; `joined` is the other batch, or NULL when the table has none. Lists of bytes are
 * text (JSON: strings; what is not UTF-8 is replaced); of other lists the length is written, their members are rows of
 * another table, in which `row` says to whom they belong. ERR_FORMAT: the two batches do not fit. */
MUST_CHECK int export_write_rows(const struct export_table *table, enum export_format format, uint64_t step,
    uint32_t phase, const struct batch *batch, const struct batch *joined, struct buffer *out, struct why *why);

/* A field of a CSV line (RFC 4180): quoted when it must be. */
void export_add_field(struct buffer *out, const char *bytes, size_t size);

/* A number, or what the format has for one that is not finite: NA in CSV, null in JSON. */
void export_add_real(struct buffer *out, enum export_format format, double value);

#endif
