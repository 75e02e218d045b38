/* Any sequence of reads on any bytes: nothing outside the bytes is touched, what is lent lies inside them, and after
 * a failure nothing moves. The first 8 bytes choose the reads, the rest is read. */
#include "core/assert.h"
#include "core/text.h"
#include "proto/cursor.h"
#include "tests/fuzz/fuzz.h"

#define READS 8u

static void
touch(const uint8_t *inside, uint32_t size, const struct cursor *cursor)
{
    volatile uint8_t sum = 0;

    ASSERT(inside >= cursor->bytes && inside + size == cursor->bytes + cursor->offset);
    for (uint32_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + inside[i]);
}

static bool
read_some(struct cursor *cursor, uint8_t choice)
{
    const uint8_t *bytes = NULL;
    const char *text = NULL;
    uint64_t natural;
    int64_t integer;
    uint32_t count = 0;
    double real;
    bool truth;

    switch (choice % 10) {
    case 0:
        return cursor_array(cursor, &count) && (ASSERT(count <= cursor->size - cursor->offset), true);
    case 1:
        return cursor_map(cursor, &count) && (ASSERT(2 * (uint64_t)count <= cursor->size - cursor->offset), true);
    case 2:
        return cursor_u64(cursor, &natural);
    case 3:
        return cursor_i64(cursor, &integer);
    case 4:
        return cursor_f64(cursor, &real);
    case 5:
        return cursor_bool(cursor, &truth);
    case 6:
        return cursor_nil(cursor);
    case 7:
        if (!cursor_text(cursor, &text, &count))
            return false;
        touch((const uint8_t *)text, count, cursor);
        ASSERT(text_is_utf8(text, count));
        return true;
    case 8:
        if (!cursor_bin(cursor, &bytes, &count))
            return false;
        touch(bytes, count, cursor);
        return true;
    default:
        return cursor_skip(cursor);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor cursor;
    struct why why = {0};

    if (size < READS)
        return 0;
    cursor_init(&cursor, data + READS, size - READS, &why);
    for (size_t i = 0; i < 4 * READS; i++) {
        size_t before = cursor.offset;
        int failed = cursor.failed;
        bool done = read_some(&cursor, (uint8_t)(data[i % READS] + i / READS * 7));

        ASSERT(done == (cursor.failed == 0));
        ASSERT(done ? cursor.offset > before : failed == 0 || (cursor.offset == before && cursor.failed == failed));
        ASSERT(cursor.offset <= cursor.size);
        ASSERT(why.code == cursor.failed);
    }
    ASSERT(cursor_end(&cursor) == (cursor.failed == 0 && cursor.offset == cursor.size));
    return 0;
}
