/* The guard, the cursor's skip and msgpack-c must agree about what one well-formed value is. Two bytes choose the
 * limits, the rest is the value. */
#include "core/assert.h"
#include "proto/cursor.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/oracle.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor cursor;
    struct why why = {0};
    uint32_t depth, count;
    bool whole;
    int code;

    if (size < 2)
        return 0;
    depth = data[0] % (GUARD_DEPTH_MAX + 1);
    count = data[1] * 16u;
    code = guard_check(data + 2, size - 2, depth, count, &why);
    ASSERT(code == 0 || code == ERR_FORMAT || code == ERR_LIMIT);
    ASSERT(code == why.code);
    ASSERT(guard_check(data + 2, size - 2, depth, count, NULL) == code);

    cursor_init(&cursor, data + 2, size - 2, NULL);
    whole = cursor_skip(&cursor);
    whole = cursor_end(&cursor) && whole;
    ASSERT(code != 0 || whole);
    ASSERT(code != ERR_FORMAT || !whole);
    if (code == 0 && depth <= ORACLE_DEPTH_MAX) {
        msgpack_unpacked value;

        msgpack_unpacked_init(&value);
        ASSERT(oracle_reads(&value, data + 2, size - 2));
        msgpack_unpacked_destroy(&value);
    }
    return 0;
}
