/* proto/columns.h - batches: many rows as columns. A schema names its axes and columns; a batch is a MessagePack array
 *
 *     [schema u16, tag u64, first u32, [count of each axis], pad, column, pad, column, ...]
 *
 * with every column a bin32 of little-endian numbers whose data start at a multiple of 8 bytes from the payload's
 * start (`pad` is a bin8 of 0..7 zero bytes). Axis 0 is the rows; the others hold lists that rows share or own. A
 * column of kind OFFSETS has one more element than its axis, rises, starts at 0 and ends at its target axis's count:
 * element i's list is [offset[i], offset[i+1]) of that axis. Unequal lengths, counts over the axis's limit, falling
 * offsets and bytes left over are refused. Hot messages and the log's sections are batches. */
#ifndef POLIS_PROTO_COLUMNS_H
#define POLIS_PROTO_COLUMNS_H

#include "core/buffer.h"
#include "core/bytes.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AXIS_MAX 16u
#define COLUMN_MAX 128u

enum column_kind { COLUMN_U8, COLUMN_U16, COLUMN_U32, COLUMN_U64, COLUMN_I32, COLUMN_I64, COLUMN_F64, COLUMN_OFFSETS };

struct column {
    const char *name;
    enum column_kind kind;
    uint8_t axis;
    uint8_t target;    /* OFFSETS: the axis whose elements the list holds */
    double low, high;  /* bounds of every value, for batch_check(); NaN is always refused there */
    const char *doc;
};

struct axis {
    const char *name;
    uint32_t max; /* most elements a batch may have */
    const char *doc;
};

struct schema {
    uint16_t id; /* not 0 */
    const char *name, *from, *to, *doc;
    const struct axis *axes;
    uint32_t axis_count;
    const struct column *columns;
    uint32_t column_count;
};

/* Columns and axes are declared in lists:
 *   #define X_COLUMNS(C) C(X, agent, U32, ROW, 0, 0, 1e9, "who") ...   -> enum { X_agent, ... } and the rows. */
#define COLUMN_ENUM(P, name, kind, axis, target, lo, hi, doc) P##_##name,
#define COLUMN_ROW(P, name, kind, axis, target, lo, hi, doc) {#name, COLUMN_##kind, axis, target, lo, hi, doc},

/* A batch being read: columns point into the payload, which must stay alive. */
struct batch {
    const struct schema *schema;
    uint64_t tag;                   /* ask: the run's seed; answer: XXH3-64 of the ask's payload; log: 0 */
    uint32_t first;                 /* index of row 0 within its group */
    uint32_t count[AXIS_MAX];
    const uint8_t *data[COLUMN_MAX]; /* any alignment */
};

uint32_t column_width(enum column_kind kind);

/* Structure only: counts, lengths, offsets. ERR_FORMAT, ERR_LIMIT. The encoding is canonical (forced tag widths, the
 * one possible padding), so equal batches are equal bytes. Costs
 * about 4 ns a column, and one pass over the OFFSETS columns; nothing else depends on the number of rows. */
MUST_CHECK int batch_read(
    const struct schema *schema, const void *bytes, size_t size, struct batch *out, struct why *why);
/* Every value against its column's bounds; names column and row. ERR_INVALID. */
MUST_CHECK int batch_check(const struct batch *self, struct why *why);
/* The schema id of a payload that may be a batch, or -1. */
int32_t batch_schema_id(const void *bytes, size_t size);

static inline uint8_t
batch_u8(const struct batch *b, uint32_t c, uint32_t i)
{
    return b->data[c][i];
}
static inline uint16_t
batch_u16(const struct batch *b, uint32_t c, uint32_t i)
{
    return bytes_get_u16(b->data[c] + 2u * (size_t)i);
}
static inline uint32_t
batch_u32(const struct batch *b, uint32_t c, uint32_t i)
{
    return bytes_get_u32(b->data[c] + 4u * (size_t)i);
}
static inline uint64_t
batch_u64(const struct batch *b, uint32_t c, uint32_t i)
{
    return bytes_get_u64(b->data[c] + 8u * (size_t)i);
}
static inline int32_t
batch_i32(const struct batch *b, uint32_t c, uint32_t i)
{
    return bytes_get_i32(b->data[c] + 4u * (size_t)i);
}
static inline int64_t
batch_i64(const struct batch *b, uint32_t c, uint32_t i)
{
    return bytes_get_i64(b->data[c] + 8u * (size_t)i);
}
static inline double
batch_f64(const struct batch *b, uint32_t c, uint32_t i)
{
    return bytes_get_f64(b->data[c] + 8u * (size_t)i);
}

/* Bytes of a batch with these counts. */
size_t batch_size(const struct schema *schema, const uint32_t counts[]);

/* A batch being written at the end of a buffer whose used size is a multiple of 8 (an empty one, mostly): the layout
 * is made at once from the counts, all columns zeroed; the caller fills them in. Pointers stay valid until the buffer
 * grows. */
struct batch_writer {
    const struct schema *schema;
    struct buffer *buffer;
    uint32_t count[AXIS_MAX];
    size_t offset[COLUMN_MAX]; /* of each column's data in the buffer */
};

void batch_begin(struct batch_writer *self, const struct schema *schema, struct buffer *buffer, uint64_t tag,
                 uint32_t first, const uint32_t counts[]);
/* Column data, 8-byte aligned: cast to the kind's type. Fill OFFSETS columns (count+1 elements) too. */
void *batch_column(const struct batch_writer *self, uint32_t column);

/* The concatenation, in the order given, of batches of one schema: axis `shared` bits (1 << axis) are taken from the
 * first part, all others are appended with their offsets moved. Tag and first are 0: how the log stores an exchange.
 * The buffer's used size is a multiple of 8. */
void batch_concatenate(const struct schema *schema, const struct batch *parts, uint32_t part_count, uint32_t shared,
                       struct buffer *out);
/* Whether parts from outside may be concatenated: no axis passes its limit, shared axes are equally long. ERR_LIMIT,
 * ERR_INVALID. (Concatenating parts that fail this is a broken promise.) */
MUST_CHECK int batch_concatenate_check(
    const struct schema *schema, const struct batch *parts, uint32_t part_count, uint32_t shared, struct why *why);
/* Lists can only be shared by whom they belong to: the axis of every OFFSETS column must be shared exactly when its
 * target is. True when `shared` keeps that rule and names no axis that is not there. */
bool schema_shareable(const struct schema *schema, uint32_t shared);

/* Copies `size` bytes into a list axis at [begin, begin + size): for U8 axes that hold text or memory. */
static inline void
batch_fill_bytes(const struct batch_writer *w, uint32_t column, uint32_t begin, const void *bytes, uint32_t size)
{
    if (size > 0)
        memcpy((uint8_t *)batch_column(w, column) + begin, bytes, size);
}

#endif
