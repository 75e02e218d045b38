#include "llm-gateway/ndjson.h"
#include "llm-gateway/sse.h"

#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "tests/support/test.h"

#define BYTES(text) text, sizeof(text) - 1

/* Events as "name|data;" one behind the other. */
static void
collect_event(void *context, const char *event, const char *data, size_t size)
{
    text_addf(context, "%s|", event);
    buffer_append(context, data, size);
    text_add(context, ";");
}

static void
collect_line(void *context, const char *data, size_t size)
{
    buffer_append(context, data, size);
    text_add(context, ";");
}

static const struct row {
    const char *name;
    const char *bytes;
    size_t size;
    const char *want;
} sse_rows[] = {
    {"one event", BYTES("data: hello\n\n"), "|hello;"},
    {"its name", BYTES("event: ping\ndata: {}\n\n"), "ping|{};"},
    {"several lines of data", BYTES("data: a\ndata: b\n\n"), "|a\nb;"},
    {"CRLF", BYTES("data: a\r\n\r\ndata: b\r\n\r\n"), "|a;|b;"},
    {"CRLF inside one event", BYTES("event: x\r\ndata: a\r\ndata: b\r\n\r\n"), "x|a\nb;"},
    {"CR alone", BYTES("data: a\r\rdata: b\r\r"), "|a;|b;"},
    {"mixed ends", BYTES("data: a\r\n\ndata: b\n\r\n"), "|a;|b;"},
    {"comments are nothing", BYTES(": ping\n\n: x\ndata: a\n: y\n\n"), "|a;"},
    {"no blank behind the colon", BYTES("data:a\n\n"), "|a;"},
    {"only one blank goes", BYTES("data:  a\n\n"), "| a;"},
    {"empty data is an event", BYTES("data:\n\n"), "|;"},
    {"data without a colon", BYTES("data\ndata\n\n"), "|\n;"},
    {"other fields are nothing", BYTES("id: 1\nretry: 5\nfoo: b\ndata: a\n\n"), "|a;"},
    {"a name alone is no event", BYTES("event: x\n\ndata: a\n\n"), "|a;"},
    {"a byte order mark in front", BYTES("\xef\xbb\xbf" "data: a\n\n"), "|a;"},
    {"none elsewhere", BYTES("data: a\n\n\xef\xbb\xbf" "data: b\n\n"), "|a;"},
    {"letters of several bytes", BYTES("data: \xe2\x82\xac\xf0\x9f\x98\x80\n\n"), "|\xe2\x82\xac\xf0\x9f\x98\x80;"},
    {"no blank line at the end", BYTES("data: a\n\ndata: [DONE]"), "|a;|[DONE];"},
    {"nothing", BYTES(""), ""},
};

static void
feed_sse(const char *bytes, size_t size, size_t cut, size_t step, struct buffer *out)
{
    struct sse_sink sink = {collect_event, out};
    struct sse sse;
    struct why why = {0};

    sse_init(&sse, 1000);
    if (step > 0) {
        for (size_t at = 0; at < size; at += step)
            assert_int_equal(sse_feed(&sse, bytes + at, size - at < step ? size - at : step, &sink, &why), 0);
    } else {
        assert_int_equal(sse_feed(&sse, bytes, cut, &sink, &why), 0);
        assert_int_equal(sse_feed(&sse, bytes + cut, size - cut, &sink, &why), 0);
    }
    assert_int_equal(sse_end(&sse, &sink, &why), 0);
    buffer_append(out, "", 1);
    sse_fini(&sse);
}

/* Whole, cut in two at every byte, and in pieces of 1 to 3 bytes. */
static void
sse(void **state)
{
    const struct row *row = *state;
    struct buffer out = {0};

    for (size_t cut = 0; cut <= row->size + 3; cut++) {
        buffer_clear(&out);
        feed_sse(row->bytes, row->size, cut <= row->size ? cut : 0, cut <= row->size ? 0 : cut - row->size, &out);
        assert_string_equal((const char *)out.data, row->want);
    }
    buffer_fini(&out);
}

static const struct row ndjson_rows[] = {
    {"two lines", BYTES("{\"a\":1}\n{\"b\":2}\n"), "{\"a\":1};{\"b\":2};"},
    {"CRLF and empty lines", BYTES("\r\n{}\r\n\n\n[]\r\n"), "{};[];"},
    {"no end of the last", BYTES("{}\n{\"error\":\"x\"}"), "{};{\"error\":\"x\"};"},
    {"letters of several bytes", BYTES("\"\xf0\x9f\x98\x80\"\n"), "\"\xf0\x9f\x98\x80\";"},
    {"nothing", BYTES(""), ""},
};

static void
ndjson(void **state)
{
    const struct row *row = *state;

    for (size_t cut = 0; cut <= row->size; cut++) {
        struct buffer out = {0};
        struct ndjson_sink sink = {collect_line, &out};
        struct ndjson lines;

        ndjson_init(&lines, 100);
        assert_int_equal(ndjson_feed(&lines, row->bytes, cut, &sink, NULL), 0);
        assert_int_equal(ndjson_feed(&lines, row->bytes + cut, row->size - cut, &sink, NULL), 0);
        ndjson_end(&lines, &sink);
        buffer_append(&out, "", 1);
        assert_string_equal((const char *)out.data, row->want);
        ndjson_fini(&lines);
        buffer_fini(&out);
    }
}

/* An endless line or event is stopped at its bound, however it comes, and memory stays within it. */
static void
endless(void **state)
{
    struct buffer out = {0};
    struct sse_sink sse_sink = {collect_event, &out};
    struct ndjson_sink ndjson_sink = {collect_line, &out};
    struct why why = {0};
    struct sse sse;
    struct ndjson lines;
    int code = 0;
    int fed;

    (void)state;
    sse_init(&sse, 1000);
    for (fed = 0; code == 0 && fed < 2000; fed++)
        code = sse_feed(&sse, "d", 1, &sse_sink, &why);
    assert_int_equal(code, ERR_LIMIT);
    assert_int_equal(fed, 1001);
    sse_fini(&sse);
    sse_init(&sse, 1000);
    for (code = 0, fed = 0; code == 0 && fed < 2000; fed++)
        code = sse_feed(&sse, "data: 0123456789\n", 17, &sse_sink, &why);
    assert_int_equal(code, ERR_LIMIT);
    assert_in_range(sse.data.size, 900, 1000);
    sse_fini(&sse);
    ndjson_init(&lines, 1000);
    for (code = 0, fed = 0; code == 0 && fed < 2000; fed++)
        code = ndjson_feed(&lines, "ab", 2, &ndjson_sink, &why);
    assert_int_equal(code, ERR_LIMIT);
    assert_int_equal(fed, 501);
    assert_int_equal(out.size, 0);
    ndjson_fini(&lines);
    buffer_fini(&out);
}

int
main(void)
{
    static const struct test_case cases[] = {{"endless lines are stopped", endless}};

    return TEST_ROWS("sse, cut anywhere", sse_rows, sse) + TEST_ROWS("ndjson, cut anywhere", ndjson_rows, ndjson) +
           TEST_CASES("streams", cases);
}
