/* One pass with a fixed stack: no recursion, no allocation, no byte read twice. An announced count is believed only
 * as far as the bytes that are left could hold it (a value takes at least one), so the work is bounded by the size. */
#include "proto/cursor.h"

#include <inttypes.h>

#include "core/assert.h"
#include "proto/head.h"

/* Checks the head at `offset` and the room for what it announces. */
static int
guard_head(const uint8_t *bytes, size_t size, size_t offset, struct head *out, struct why *why)
{
    size_t left = size - offset;

    if (left == 0)
        return fail(why, ERR_FORMAT, "the bytes end at offset %zu where a value should be", offset);
    if (!head_read(bytes + offset, left, out))
        return fail(why, ERR_FORMAT, "no whole value at offset %zu (tag %02x)", offset, (unsigned)bytes[offset]);
    left -= out->size;
    if (head_body(out) > left)
        return fail(why, ERR_FORMAT, "offset %zu announces %" PRIu64 " bytes but %zu are left", offset,
                    head_body(out), left);
    if (head_children(out) > left)
        return fail(why, ERR_FORMAT, "offset %zu announces %" PRIu64 " values but %zu bytes are left", offset,
                    head_children(out), left);
    return 0;
}

int
guard_check(const void *bytes, size_t size, uint32_t depth_max, uint32_t count_max, struct why *why)
{
    uint64_t open[GUARD_DEPTH_MAX + 1]; /* values still to come at each level; level 0 holds the one value */
    uint32_t level = 0, count = 0;
    size_t offset = 0;

    ASSERT(bytes != NULL || size == 0);
    ASSERT(depth_max <= GUARD_DEPTH_MAX);

    open[0] = 1;
    for (;;) {
        struct head head = {0};
        int code;

        while (open[level] == 0) {
            if (level == 0)
                return offset == size
                           ? 0
                           : fail(why, ERR_FORMAT, "%zu bytes are left over behind the value", size - offset);
            level--;
        }
        code = guard_head(bytes, size, offset, &head, why);
        if (code != 0)
            return code;
        if (++count > count_max)
            return fail(why, ERR_LIMIT, "more than %" PRIu32 " values", count_max);
        open[level]--;
        offset += head.size + (size_t)head_body(&head);
        if (head.kind != HEAD_ARRAY && head.kind != HEAD_MAP)
            continue;
        if (level == depth_max)
            return fail(why, ERR_LIMIT, "values nested deeper than %" PRIu32 " levels", depth_max);
        open[++level] = head_children(&head);
    }
}
