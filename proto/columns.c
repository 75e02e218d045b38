/* The layout of a batch follows from its schema and its counts alone, so reading is comparing: every tag, length and
 * pad must be the one that writing would have put there. What is left to check are the values of offset columns. */
#include "proto/columns.h"

#include <inttypes.h>

#include "core/assert.h"

#define TAG_NIL_ARRAY 0x90u
#define HEAD_SIZE 21u /* array16, schema u16, tag u64, first u32, fixarray: 3 + 3 + 9 + 5 + 1 */
#define COUNT_SIZE 5u
#define PAD_HEAD 2u
#define COLUMN_HEAD 5u
#define BLOCK 64u /* elements looked at together: a constant trip count lets the compiler use vector instructions */

static const uint8_t widths[] = {
    [COLUMN_U8] = 1,  [COLUMN_U16] = 2, [COLUMN_U32] = 4, [COLUMN_U64] = 8,
    [COLUMN_I32] = 4, [COLUMN_I64] = 8, [COLUMN_F64] = 8, [COLUMN_OFFSETS] = 4,
};

uint32_t
column_width(enum column_kind kind)
{
    ASSERT((size_t)kind < sizeof widths);
    return widths[kind];
}

/* Bytes of a column's data. */
static size_t
column_bytes(const struct column *column, const uint32_t counts[])
{
    return ((size_t)counts[column->axis] + (column->kind == COLUMN_OFFSETS)) * column_width(column->kind);
}

/* Zero bytes between a pad's head at `at` and the next column's head, so that its data are aligned. */
static size_t
pad_size(size_t at)
{
    return (0u - (at + PAD_HEAD + COLUMN_HEAD)) & 7u;
}

size_t
batch_size(const struct schema *schema, const uint32_t counts[])
{
    size_t at = HEAD_SIZE + COUNT_SIZE * schema->axis_count;

    for (uint32_t c = 0; c < schema->column_count; c++)
        at += PAD_HEAD + pad_size(at) + COLUMN_HEAD + column_bytes(&schema->columns[c], counts);
    return at;
}

static uint16_t
element_count(const struct schema *schema)
{
    return (uint16_t)(4 + 2 * schema->column_count);
}

/* ---- reading ---- */

/* The fields in front of the columns. */
static int
read_head(const struct schema *schema, const uint8_t *bytes, size_t size, struct batch *out, struct why *why)
{
    size_t head = HEAD_SIZE + COUNT_SIZE * schema->axis_count;

    if (size < head)
        return fail(why, ERR_FORMAT, "%s: %zu bytes are too few for its head of %zu", schema->name, size, head);
    if (bytes[0] != 0xdc || bytes_get_u16_be(bytes + 1) != element_count(schema) || bytes[3] != 0xcd ||
        bytes[6] != 0xcf || bytes[15] != 0xce || bytes[20] != (TAG_NIL_ARRAY | schema->axis_count))
        return fail(why, ERR_FORMAT, "%s: the head is not that of this batch", schema->name);
    if (bytes_get_u16_be(bytes + 4) != schema->id)
        return fail(why, ERR_FORMAT, "%s: schema %u where %u should be", schema->name,
                    (unsigned)bytes_get_u16_be(bytes + 4), (unsigned)schema->id);
    out->schema = schema;
    out->tag = bytes_get_u64_be(bytes + 7);
    out->first = bytes_get_u32_be(bytes + 16);
    for (uint32_t a = 0; a < schema->axis_count; a++) {
        const uint8_t *at = bytes + HEAD_SIZE + (size_t)COUNT_SIZE * a;

        if (at[0] != 0xce)
            return fail(why, ERR_FORMAT, "%s: the count of axis %s is not a u32", schema->name, schema->axes[a].name);
        out->count[a] = bytes_get_u32_be(at + 1);
        if (out->count[a] > schema->axes[a].max)
            return fail(why, ERR_LIMIT, "%s: %" PRIu32 " on axis %s, at most %" PRIu32, schema->name, out->count[a],
                        schema->axes[a].name, schema->axes[a].max);
    }
    if (out->first > UINT32_MAX - out->count[0])
        return fail(why, ERR_LIMIT, "%s: row numbers pass 32 bits", schema->name);
    return 0;
}

/* The index of the first offset that is smaller than the one before it, or 0. `last` is the last one's index. */
static uint32_t
find_fall(const uint8_t *data, uint32_t last)
{
    uint32_t i = 0, fell = 0;

    for (; last - i >= BLOCK; i += BLOCK) {
        const uint8_t *block = data + (size_t)i * 4;

        for (uint32_t k = 0; k < BLOCK; k++)
            fell |= (uint32_t)(bytes_get_u32(block + 4 * (size_t)k + 4) < bytes_get_u32(block + 4 * (size_t)k));
        if (fell != 0)
            break;
    }
    for (; i < last; i++)
        if (bytes_get_u32(data + (size_t)i * 4 + 4) < bytes_get_u32(data + (size_t)i * 4))
            return i + 1;
    return 0;
}

static int
read_offsets(const struct schema *schema, const struct column *column, const struct batch *batch,
             const uint8_t *data, struct why *why)
{
    uint32_t last = batch->count[column->axis];
    uint32_t fall;

    if (bytes_get_u32(data) != 0)
        return fail(why, ERR_FORMAT, "%s: column %s starts at %" PRIu32 ", not at 0", schema->name, column->name,
                    bytes_get_u32(data));
    if (bytes_get_u32(data + (size_t)last * 4) != batch->count[column->target])
        return fail(why, ERR_FORMAT, "%s: column %s ends at %" PRIu32 " but axis %s has %" PRIu32, schema->name,
                    column->name, bytes_get_u32(data + (size_t)last * 4), schema->axes[column->target].name,
                    batch->count[column->target]);
    fall = find_fall(data, last);
    if (fall != 0)
        return fail(why, ERR_FORMAT, "%s: column %s falls at %" PRIu32, schema->name, column->name, fall);
    return 0;
}

int
batch_read(const struct schema *schema, const void *bytes, size_t size, struct batch *out, struct why *why)
{
    const uint8_t *in = bytes;
    size_t at;
    int code;

    ASSERT(schema != NULL && out != NULL);
    ASSERT(bytes != NULL || size == 0);

    code = read_head(schema, in, size, out, why);
    if (code != 0)
        return code;
    if (batch_size(schema, out->count) != size)
        return fail(why, ERR_FORMAT, "%s: %zu bytes where its counts need %zu", schema->name, size,
                    batch_size(schema, out->count));
    at = HEAD_SIZE + COUNT_SIZE * schema->axis_count;
    for (uint32_t c = 0; c < schema->column_count; c++) {
        const struct column *column = &schema->columns[c];
        size_t pad = pad_size(at), length = column_bytes(column, out->count);
        uint8_t stray = 0;

        if (in[at] != 0xc4 || in[at + 1] != pad)
            return fail(why, ERR_FORMAT, "%s: no padding of %zu before column %s", schema->name, pad, column->name);
        for (size_t i = 0; i < pad; i++)
            stray |= in[at + PAD_HEAD + i];
        if (stray != 0)
            return fail(why, ERR_FORMAT, "%s: the padding before column %s is not zero", schema->name, column->name);
        at += PAD_HEAD + pad;
        if (in[at] != 0xc6 || bytes_get_u32_be(in + at + 1) != length)
            return fail(why, ERR_FORMAT, "%s: column %s is not a bin of %zu bytes", schema->name, column->name, length);
        at += COLUMN_HEAD;
        out->data[c] = in + at;
        code = column->kind == COLUMN_OFFSETS ? read_offsets(schema, column, out, in + at, why) : 0;
        if (code != 0)
            return code;
        at += length;
    }
    return 0;
}

int32_t
batch_schema_id(const void *bytes, size_t size)
{
    const uint8_t *in = bytes;

    ASSERT(bytes != NULL || size == 0);

    return size >= HEAD_SIZE && in[0] == 0xdc && in[3] == 0xcd ? bytes_get_u16_be(in + 4) : -1;
}

/* ---- bounds ---- */

/* Bounds are doubles; for a column of integers they become the tightest integers of the column's own kind. */
static uint64_t
bound_unsigned(double bound, uint64_t most, bool upward)
{
    if (!(bound > 0))
        return 0;
    if (bound >= (double)most)
        return most;
    return (uint64_t)bound + (upward && (double)(uint64_t)bound < bound);
}

static int64_t
bound_signed(double bound, int64_t least, int64_t most, bool upward)
{
    int64_t cut;

    if (!(bound > (double)least))
        return least;
    if (bound >= (double)most)
        return most;
    cut = (int64_t)bound;
    return cut + (upward && (double)cut < bound) - (!upward && (double)cut > bound);
}

/* find_KIND(): the index of the first element outside low .. high, or `count`. A block is judged as a whole with as
 * many flags as it has elements; NaN is outside of everything because it compares with nothing. */
#define FIND_DEFINE(kind, type, flag)                                                                                \
    static uint32_t find_##kind(const uint8_t *data, uint32_t count, type low, type high)                            \
    {                                                                                                                \
        uint32_t i = 0;                                                                                              \
                                                                                                                     \
        for (; count - i >= BLOCK; i += BLOCK) {                                                                     \
            type block[BLOCK];                                                                                       \
            flag outside = 0;                                                                                        \
                                                                                                                     \
            memcpy(block, data + (size_t)i * sizeof(type), sizeof block);                                            \
            for (uint32_t k = 0; k < BLOCK; k++)                                                                     \
                outside |= (flag) - (flag)!((block[k] >= low) & (block[k] <= high));                                 \
            if (outside != 0)                                                                                        \
                break;                                                                                               \
        }                                                                                                            \
        for (; i < count; i++) {                                                                                     \
            type value = bytes_get_##kind(data + (size_t)i * sizeof(type));                                          \
                                                                                                                     \
            if (!(value >= low && value <= high))                                                                    \
                return i;                                                                                            \
        }                                                                                                            \
        return count;                                                                                                \
    }

static inline uint8_t
bytes_get_u8(const uint8_t *from)
{
    return *from;
}

FIND_DEFINE(u8, uint8_t, uint8_t)
FIND_DEFINE(u16, uint16_t, uint16_t)
FIND_DEFINE(u32, uint32_t, uint32_t)
FIND_DEFINE(u64, uint64_t, uint64_t)
FIND_DEFINE(i32, int32_t, uint32_t)
FIND_DEFINE(i64, int64_t, uint64_t)
FIND_DEFINE(f64, double, uint64_t)

/* The index of a column's first value outside its bounds, or its length. */
static uint32_t
find_outside(const struct column *column, const uint8_t *data, uint32_t count)
{
    double low = column->low, high = column->high;

    switch (column->kind) {
    case COLUMN_U8:
        return find_u8(data, count, (uint8_t)bound_unsigned(low, UINT8_MAX, true),
                       (uint8_t)bound_unsigned(high, UINT8_MAX, false));
    case COLUMN_U16:
        return find_u16(data, count, (uint16_t)bound_unsigned(low, UINT16_MAX, true),
                        (uint16_t)bound_unsigned(high, UINT16_MAX, false));
    case COLUMN_U32:
        return find_u32(data, count, (uint32_t)bound_unsigned(low, UINT32_MAX, true),
                        (uint32_t)bound_unsigned(high, UINT32_MAX, false));
    case COLUMN_U64:
        return find_u64(data, count, bound_unsigned(low, UINT64_MAX, true), bound_unsigned(high, UINT64_MAX, false));
    case COLUMN_I32:
        return find_i32(data, count, (int32_t)bound_signed(low, INT32_MIN, INT32_MAX, true),
                        (int32_t)bound_signed(high, INT32_MIN, INT32_MAX, false));
    case COLUMN_I64:
        return find_i64(data, count, bound_signed(low, INT64_MIN, INT64_MAX, true),
                        bound_signed(high, INT64_MIN, INT64_MAX, false));
    case COLUMN_F64:
        return find_f64(data, count, low, high);
    case COLUMN_OFFSETS:
        return count; /* batch_read() has checked them */
    }
    UNREACHABLE();
}

/* One value as a real number, for the refusal's text. */
static double
value_real(const struct batch *self, uint32_t c, uint32_t i)
{
    switch (self->schema->columns[c].kind) {
    case COLUMN_U8: return batch_u8(self, c, i);
    case COLUMN_U16: return batch_u16(self, c, i);
    case COLUMN_U32:
    case COLUMN_OFFSETS: return batch_u32(self, c, i);
    case COLUMN_U64: return (double)batch_u64(self, c, i);
    case COLUMN_I32: return batch_i32(self, c, i);
    case COLUMN_I64: return (double)batch_i64(self, c, i);
    case COLUMN_F64: return batch_f64(self, c, i);
    }
    UNREACHABLE();
}

int
batch_check(const struct batch *self, struct why *why)
{
    ASSERT(self != NULL && self->schema != NULL);

    for (uint32_t c = 0; c < self->schema->column_count; c++) {
        const struct column *column = &self->schema->columns[c];
        uint32_t count = self->count[column->axis];
        uint32_t i = find_outside(column, self->data[c], count);

        if (i < count)
            return fail(why, ERR_INVALID, "%s: column %s, %s %" PRIu32 ": %.17g is not within %.17g .. %.17g",
                        self->schema->name, column->name, self->schema->axes[column->axis].name, i,
                        value_real(self, c, i), column->low, column->high);
    }
    return 0;
}

/* ---- writing ---- */

/* Adds everything but the columns' data: heads, counts, pads, and where the data go. */
static void
lay_out(struct batch_writer *self, const struct schema *schema, struct buffer *buffer, uint64_t tag, uint32_t first,
        const uint32_t counts[])
{
    size_t base = buffer->size, at = HEAD_SIZE + COUNT_SIZE * schema->axis_count;
    uint8_t *out;

    ASSERT(base % 8 == 0);
    ASSERT(schema->axis_count >= 1 && schema->axis_count <= AXIS_MAX && schema->column_count <= COLUMN_MAX);
    for (uint32_t a = 0; a < schema->axis_count; a++)
        ASSERT(counts[a] <= schema->axes[a].max);
    ASSERT(first <= UINT32_MAX - counts[0]);

    *self = (struct batch_writer){.schema = schema, .buffer = buffer};
    out = buffer_extend(buffer, batch_size(schema, counts));
    out[0] = 0xdc;
    bytes_put_u16_be(out + 1, element_count(schema));
    out[3] = 0xcd;
    bytes_put_u16_be(out + 4, schema->id);
    out[6] = 0xcf;
    bytes_put_u64_be(out + 7, tag);
    out[15] = 0xce;
    bytes_put_u32_be(out + 16, first);
    out[20] = (uint8_t)(TAG_NIL_ARRAY | schema->axis_count);
    for (uint32_t a = 0; a < schema->axis_count; a++) {
        self->count[a] = counts[a];
        out[HEAD_SIZE + COUNT_SIZE * a] = 0xce;
        bytes_put_u32_be(out + HEAD_SIZE + COUNT_SIZE * a + 1, counts[a]);
    }
    for (uint32_t c = 0; c < schema->column_count; c++) {
        size_t pad = pad_size(at), length = column_bytes(&schema->columns[c], counts);

        ASSERT(length <= UINT32_MAX);
        out[at] = 0xc4;
        out[at + 1] = (uint8_t)pad;
        memset(out + at + PAD_HEAD, 0, pad);
        at += PAD_HEAD + pad;
        out[at] = 0xc6;
        bytes_put_u32_be(out + at + 1, (uint32_t)length);
        at += COLUMN_HEAD;
        self->offset[c] = base + at;
        at += length;
    }
}

void
batch_begin(struct batch_writer *self, const struct schema *schema, struct buffer *buffer, uint64_t tag,
            uint32_t first, const uint32_t counts[])
{
    ASSERT(self != NULL && schema != NULL && buffer != NULL);

    lay_out(self, schema, buffer, tag, first, counts);
    for (uint32_t c = 0; c < schema->column_count; c++)
        memset(batch_column(self, c), 0, column_bytes(&schema->columns[c], counts));
}

void *
batch_column(const struct batch_writer *self, uint32_t column)
{
    ASSERT(column < self->schema->column_count);
    return self->buffer->data + self->offset[column];
}

/* ---- joining ---- */

bool
schema_shareable(const struct schema *schema, uint32_t shared)
{
    if (shared >> schema->axis_count != 0)
        return false;
    for (uint32_t c = 0; c < schema->column_count; c++) {
        const struct column *column = &schema->columns[c];

        if (column->kind == COLUMN_OFFSETS && (shared >> column->axis & 1) != (shared >> column->target & 1))
            return false;
    }
    return true;
}

int
batch_concatenate_check(const struct schema *schema, const struct batch *parts, uint32_t part_count, uint32_t shared,
                        struct why *why)
{
    for (uint32_t a = 0; a < schema->axis_count; a++) {
        uint64_t sum = 0;

        for (uint32_t p = 0; p < part_count; p++) {
            if ((shared >> a & 1) != 0 && parts[p].count[a] != parts[0].count[a])
                return fail(why, ERR_INVALID, "%s: parts 0 and %" PRIu32 " differ in the length of axis %s, which all "
                            "rows share", schema->name, p, schema->axes[a].name);
            sum += parts[p].count[a];
        }
        if ((shared >> a & 1) == 0 && sum > schema->axes[a].max)
            return fail(why, ERR_LIMIT, "%s: %" PRIu64 " on axis %s in all parts together, at most %" PRIu32,
                        schema->name, sum, schema->axes[a].name, schema->axes[a].max);
    }
    return 0;
}

/* Adds a part's offsets behind those of the parts before it, which end at `base`. */
static void
append_offsets(uint8_t *out, const uint8_t *from, uint32_t count, uint32_t base)
{
    for (uint32_t i = 1; i <= count; i++)
        bytes_put_u32(out + (size_t)i * 4, bytes_get_u32(from + (size_t)i * 4) + base);
}

static void
join_column(const struct batch_writer *writer, const struct batch *parts, uint32_t part_count, uint32_t c)
{
    const struct column *column = &writer->schema->columns[c];
    uint8_t *out = batch_column(writer, c);
    uint32_t base = 0;

    if (column->kind == COLUMN_OFFSETS)
        bytes_put_u32(out, 0);
    for (uint32_t p = 0; p < part_count; p++) {
        size_t size = (size_t)parts[p].count[column->axis] * column_width(column->kind);

        if (column->kind == COLUMN_OFFSETS) {
            append_offsets(out, parts[p].data[c], parts[p].count[column->axis], base);
            base += parts[p].count[column->target];
        } else if (size > 0) {
            memcpy(out, parts[p].data[c], size);
        }
        out += size;
    }
}

void
batch_concatenate(const struct schema *schema, const struct batch *parts, uint32_t part_count, uint32_t shared,
                  struct buffer *out)
{
    struct batch_writer writer;
    uint32_t counts[AXIS_MAX] = {0};

    ASSERT(schema != NULL && out != NULL);
    ASSERT(parts != NULL || part_count == 0);
    ASSERT(schema_shareable(schema, shared));
    ASSERT(batch_concatenate_check(schema, parts, part_count, shared, NULL) == 0);

    for (uint32_t p = 0; p < part_count; p++) {
        ASSERT(parts[p].schema == schema);
        for (uint32_t a = 0; a < schema->axis_count; a++)
            counts[a] += p == 0 || (shared >> a & 1) == 0 ? parts[p].count[a] : 0;
    }
    lay_out(&writer, schema, out, 0, 0, counts);
    for (uint32_t c = 0; c < schema->column_count; c++) {
        bool is_shared = (shared >> schema->columns[c].axis & 1) != 0;

        join_column(&writer, parts, is_shared && part_count > 1 ? 1 : part_count, c);
    }
}
