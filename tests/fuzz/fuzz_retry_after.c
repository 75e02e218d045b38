/* tests/fuzz/fuzz_retry_after.c - any text as each form of a wait; the first eight bytes are the time. */
#include "core/assert.h"
#include "core/bytes.h"
#include "llm-gateway/retry_after.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void
check_wait(bool read, int64_t wait)
{
    ASSERT(read ? wait >= 0 && wait <= RETRY_AFTER_MAX_MS : wait == -7);
}

static void
check_moment(bool read, int64_t moment)
{
    /* From a day before 1970 to a day after 9999. */
    ASSERT(read ? moment >= -INT64_C(86400000) && moment < INT64_C(253402387200000) : moment == -7);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[256];
    int64_t now, wait;
    size_t length;
    bool read;

    if (size < 8)
        return 0;
    now = bytes_get_i64(data);
    length = size - 8 < sizeof text - 1 ? size - 8 : sizeof text - 1;
    memcpy(text, data + 8, length);
    text[length] = '\0';
    wait = -7;
    read = retry_after_parse(text, now, &wait);
    check_wait(read, wait);
    wait = -7;
    read = retry_after_parse_ms(text, &wait);
    check_wait(read, wait);
    wait = -7;
    read = retry_after_parse_duration(text, &wait);
    check_wait(read, wait);
    wait = -7;
    read = retry_after_parse_reset(text, now, &wait);
    check_wait(read, wait);
    wait = -7;
    read = retry_after_parse_date(text, now, &wait);
    check_moment(read, wait);
    wait = -7;
    read = retry_after_parse_rfc3339(text, &wait);
    check_moment(read, wait);
    return 0;
}
