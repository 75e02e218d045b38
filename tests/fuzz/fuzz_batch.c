/* Batches. Byte 0 chooses the schema and (its top bit) whether the rest is a payload as it came, or the filling of a
 * well-laid-out batch of which one byte is changed; byte 1 chooses the shared axes. Whatever is taken can be touched in
 * every element, checked, joined with itself and taken again. */
#include <string.h>

#include "core/assert.h"
#include "proto/registry.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/oracle.h"

static uint64_t
touch(const struct batch *batch, uint32_t c, uint32_t i)
{
    switch (batch->schema->columns[c].kind) {
    case COLUMN_U8: return batch_u8(batch, c, i);
    case COLUMN_U16: return batch_u16(batch, c, i);
    case COLUMN_U32: return batch_u32(batch, c, i);
    case COLUMN_U64: return batch_u64(batch, c, i);
    case COLUMN_I32: return (uint64_t)batch_i32(batch, c, i);
    case COLUMN_I64: return (uint64_t)batch_i64(batch, c, i);
    case COLUMN_F64: return batch_f64(batch, c, i) > 0;
    case COLUMN_OFFSETS: break;
    }
    ASSERT(batch_u32(batch, c, i) <= batch_u32(batch, c, i + 1));
    ASSERT(batch_u32(batch, c, i + 1) <= batch->count[batch->schema->columns[c].target]);
    return 0;
}

static void
touch_all(const struct batch *batch)
{
    volatile uint64_t sum = 0;

    for (uint32_t c = 0; c < batch->schema->column_count; c++)
        for (uint32_t i = 0; i < batch->count[batch->schema->columns[c].axis]; i++)
            sum = sum + touch(batch, c, i);
}

/* A batch joined with nothing is itself, but for tag and first row; joined with itself it is taken again. */
static void
join(const struct batch *batch, const uint8_t *bytes, size_t size, uint32_t shared)
{
    static struct buffer joined;
    struct batch parts[2] = {*batch, *batch}, out;
    struct why why = {0};
    int valid = batch_check(batch, &why);

    ASSERT(valid == 0 || valid == ERR_INVALID);
    shared &= (1u << batch->schema->axis_count) - 1;
    shared = schema_shareable(batch->schema, shared) ? shared : 0;
    buffer_clear(&joined);
    batch_concatenate(batch->schema, parts, 1, shared, &joined);
    ASSERT(joined.size == size && memcmp(joined.data + 20, bytes + 20, size - 20) == 0);

    if (batch_concatenate_check(batch->schema, parts, 2, shared, &why) != 0)
        return;
    buffer_clear(&joined);
    batch_concatenate(batch->schema, parts, 2, shared, &joined);
    ASSERT(batch_read(batch->schema, joined.data, joined.size, &out, NULL) == 0);
    for (uint32_t a = 0; a < batch->schema->axis_count; a++)
        ASSERT(out.count[a] == batch->count[a] * ((shared >> a & 1) != 0 ? 1u : 2u));
    ASSERT(batch_check(&out, NULL) == valid);
    touch_all(&out);
}

static void
check_bytes(const struct schema *schema, const uint8_t *bytes, size_t size, uint32_t shared)
{
    msgpack_unpacked value;
    struct batch batch;
    struct why why = {0};
    int code = batch_read(schema, bytes, size, &batch, &why);

    ASSERT(code == 0 || code == ERR_FORMAT || code == ERR_LIMIT);
    ASSERT(code == why.code);
    if (code != 0)
        return;
    ASSERT(batch_schema_id(bytes, size) == schema->id);
    touch_all(&batch);
    join(&batch, bytes, size, shared);
    msgpack_unpacked_init(&value);
    ASSERT(oracle_reads(&value, bytes, size));
    ASSERT(value.data.type == MSGPACK_OBJECT_ARRAY && value.data.via.array.size == 4 + 2 * schema->column_count);
    msgpack_unpacked_destroy(&value);
}

/* Takes numbers from the input until it is used up; then they are 0. */
struct feed {
    const uint8_t *data;
    size_t size;
};

static uint8_t
feed_byte(struct feed *self)
{
    if (self->size == 0)
        return 0;
    self->size--;
    return *self->data++;
}

static void
fill_column(const struct batch_writer *writer, uint32_t c, struct feed *feed)
{
    const struct column *column = &writer->schema->columns[c];
    uint8_t *data = batch_column(writer, c);
    uint32_t count = writer->count[column->axis], end = 0;

    if (column->kind != COLUMN_OFFSETS) {
        for (size_t i = 0; i < (size_t)count * column_width(column->kind); i++)
            data[i] = feed_byte(feed);
        return;
    }
    for (uint32_t i = 1; i <= count; i++) {
        uint32_t left = writer->count[column->target] - end;

        end += i == count ? left : feed_byte(feed) % (left + 1);
        bytes_put_u32(data + (size_t)i * 4, end);
    }
}

static void
check_made(const struct schema *schema, struct feed feed, uint32_t shared)
{
    static struct buffer made;
    struct batch_writer writer;
    uint32_t counts[AXIS_MAX] = {0};
    size_t change;

    for (uint32_t a = 0; a < schema->axis_count; a++) {
        counts[a] = feed_byte(&feed) % 6u;
        counts[a] = counts[a] <= schema->axes[a].max ? counts[a] : schema->axes[a].max;
    }
    change = feed_byte(&feed) * 256u;
    change += feed_byte(&feed);
    buffer_clear(&made);
    batch_begin(&writer, schema, &made, 7, feed_byte(&feed), counts);
    for (uint32_t c = 0; c < schema->column_count; c++)
        fill_column(&writer, c, &feed);
    check_bytes(schema, made.data, made.size, shared);
    made.data[change % made.size] ^= feed_byte(&feed);
    check_bytes(schema, made.data, made.size, shared);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct schema *schema;

    if (size < 2)
        return 0;
    schema = proto_schemas[(data[0] & 0x7fu) % proto_schema_count];
    if ((data[0] & 0x80) != 0)
        check_made(schema, (struct feed){.data = data + 2, .size = size - 2}, data[1]);
    else
        check_bytes(schema, data + 2, size - 2, data[1]);
    return 0;
}
