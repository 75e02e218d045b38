/* tests/fuzz/fuzz_sse.c - any bytes as a stream of events and as lines of JSON: the same come out whole and cut in two
 * or in many pieces. The first two bytes say where it is cut. */
#include "core/assert.h"
#include "core/text.h"
#include "llm-gateway/ndjson.h"
#include "llm-gateway/sse.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define SIZE_MAX_HERE 600u

static void
collect_event(void *context, const char *event, const char *data, size_t size)
{
    ASSERT(strlen(event) < SSE_EVENT_SIZE && size <= SIZE_MAX_HERE);
    text_addf(context, "%s|%zu|", event, size);
    buffer_append(context, data, size);
}

static void
collect_line(void *context, const char *data, size_t size)
{
    ASSERT(size > 0 && size <= SIZE_MAX_HERE && memchr(data, '\n', size) == NULL);
    text_addf(context, "%zu|", size);
    buffer_append(context, data, size);
}

/* In pieces of `first` bytes and then `step`. */
static int
run_sse(const char *bytes, size_t size, size_t first, size_t step, struct buffer *out)
{
    struct sse_sink sink = {collect_event, out};
    struct sse sse;
    int code = 0;

    sse_init(&sse, SIZE_MAX_HERE);
    for (size_t at = 0, piece = first; code == 0 && at < size; at += piece, piece = step) {
        piece = piece < size - at ? piece : size - at;
        code = sse_feed(&sse, bytes + at, piece, &sink, NULL);
    }
    ASSERT(sse.line.size + sse.data.size <= SIZE_MAX_HERE + 1);
    if (code == 0)
        code = sse_end(&sse, &sink, NULL);
    sse_fini(&sse);
    return code;
}

static int
run_ndjson(const char *bytes, size_t size, size_t first, size_t step, struct buffer *out)
{
    struct ndjson_sink sink = {collect_line, out};
    struct ndjson lines;
    int code = 0;

    ndjson_init(&lines, SIZE_MAX_HERE);
    for (size_t at = 0, piece = first; code == 0 && at < size; at += piece, piece = step) {
        piece = piece < size - at ? piece : size - at;
        code = ndjson_feed(&lines, bytes + at, piece, &sink, NULL);
    }
    if (code == 0)
        ndjson_end(&lines, &sink);
    ndjson_fini(&lines);
    return code;
}

static void
check(int (*run)(const char *, size_t, size_t, size_t, struct buffer *), const char *bytes, size_t size, size_t first,
      size_t step)
{
    struct buffer whole = {0};
    struct buffer parts = {0};
    int code = run(bytes, size, size, 1, &whole);

    ASSERT(run(bytes, size, first, step, &parts) == code);
    ASSERT(whole.size == parts.size && (whole.size == 0 || memcmp(whole.data, parts.data, whole.size) == 0));
    buffer_fini(&whole);
    buffer_fini(&parts);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t first, step;

    if (size < 2)
        return 0;
    first = data[0];
    step = (size_t)data[1] + 1;
    check(run_sse, (const char *)data + 2, size - 2, first, step);
    check(run_ndjson, (const char *)data + 2, size - 2, first, step);
    return 0;
}
