#include "llm-gateway/json_limits.h"

#include <string.h>

#include "tests/support/test.h"

#define DEEP_16 "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"
#define BYTES(text) text, sizeof(text) - 1

static const struct row {
    const char *name;
    const char *text;
    size_t size;
    int want;
    const char *written; /* NULL: as it came */
} rows[] = {
    {"an object", BYTES("{\"a\":1,\"b\":[true,false,null]}"), 0, NULL},
    {"blanks everywhere", BYTES(" \t{\r\n\"a\" : [ 1 , 2 ] } "), 0, "{\"a\":[1,2]}"},
    {"a plain number", BYTES("-12.5"), 0, NULL},
    {"members keep their order", BYTES("{\"z\":1,\"a\":2,\"m\":3}"), 0, NULL},
    {"escapes", BYTES("\"\\u00e9\\ud83d\\ude00\\n\""), 0, "\"\xc3\xa9\xf0\x9f\x98\x80\\n\""},
    {"the largest number", BYTES("999999999999999"), 0, NULL},
    {"its negative", BYTES("-999999999999999.5"), 0, NULL},
    {"zero with any exponent", BYTES("0e99999999999"), 0, "0"},
    {"a tiny number", BYTES("1e-999999999999"), 0, "0"},
    {"1e14", BYTES("1e14"), 0, "100000000000000"},
    {"0.0001e18 is 1e14", BYTES("0.0001e18"), 0, "100000000000000"},
    {"refuses 1e15", BYTES("1e15"), ERR_LIMIT, NULL},
    {"refuses 10^15 in digits", BYTES("1000000000000000"), ERR_LIMIT, NULL},
    {"refuses it with a point", BYTES("0.000001e21"), ERR_LIMIT, NULL},
    {"refuses 5e71028", BYTES("{\"delta\":5e71028}"), ERR_LIMIT, NULL},
    {"refuses an exponent of many digits", BYTES("1e99999999999999999999999999"), ERR_LIMIT, NULL},
    {"sixteen levels", BYTES(DEEP_16), 0, NULL},
    {"refuses seventeen", BYTES("[" DEEP_16 "]"), ERR_LIMIT, NULL},
    {"refuses NaN", BYTES("[NaN]"), ERR_FORMAT, NULL},
    {"refuses Infinity", BYTES("-Infinity"), ERR_FORMAT, NULL},
    {"refuses a duplicate key", BYTES("{\"a\":1,\"a\":2}"), ERR_FORMAT, NULL},
    {"refuses one that is escaped", BYTES("{\"a\":1,\"\\u0061\":2}"), ERR_FORMAT, NULL},
    {"refuses a trailing comma", BYTES("[1,]"), ERR_FORMAT, NULL},
    {"refuses a missing comma", BYTES("[1 2]"), ERR_FORMAT, NULL},
    {"refuses a missing colon", BYTES("{\"a\" 1}"), ERR_FORMAT, NULL},
    {"refuses a key without quotes", BYTES("{a:1}"), ERR_FORMAT, NULL},
    {"refuses two values", BYTES("1 2"), ERR_FORMAT, NULL},
    {"refuses nothing", BYTES("  "), ERR_FORMAT, NULL},
    {"refuses the wrong bracket", BYTES("[1}"), ERR_FORMAT, NULL},
    {"refuses a closing bracket alone", BYTES("]"), ERR_FORMAT, NULL},
    {"refuses an open list", BYTES("[[1]"), ERR_FORMAT, NULL},
    {"refuses an open text", BYTES("[\"a"), ERR_FORMAT, NULL},
    {"refuses a leading zero", BYTES("01"), ERR_FORMAT, NULL},
    {"refuses a leading plus", BYTES("+1"), ERR_FORMAT, NULL},
    {"refuses a point at the end", BYTES("1."), ERR_FORMAT, NULL},
    {"refuses a point at the start", BYTES(".5"), ERR_FORMAT, NULL},
    {"refuses an exponent without digits", BYTES("1e+"), ERR_FORMAT, NULL},
    {"refuses a minus alone", BYTES("-"), ERR_FORMAT, NULL},
    {"refuses a byte order mark", BYTES("\xef\xbb\xbf{}"), ERR_FORMAT, NULL},
    {"refuses bytes that are not UTF-8", BYTES("\"\xff\""), ERR_FORMAT, NULL},
    {"refuses a surrogate in UTF-8", BYTES("\"\xed\xa0\x80\""), ERR_FORMAT, NULL},
    {"refuses a lone surrogate", BYTES("\"\\ud800\""), ERR_FORMAT, NULL},
    {"refuses two high surrogates", BYTES("\"\\ud800\\ud800\""), ERR_FORMAT, NULL},
    {"refuses a low surrogate first", BYTES("\"\\udc00\""), ERR_FORMAT, NULL},
    {"refuses a raw zero byte", BYTES("\"a\0b\""), ERR_FORMAT, NULL},
    {"refuses a written zero byte", BYTES("\"a\\u0000b\""), ERR_FORMAT, NULL},
    {"refuses a raw line end in a text", BYTES("\"a\nb\""), ERR_FORMAT, NULL},
    {"refuses an unknown escape", BYTES("\"\\x41\""), ERR_FORMAT, NULL},
    {"refuses a cut escape", BYTES("\"\\u00"), ERR_FORMAT, NULL},
    {"refuses words of other languages", BYTES("[True]"), ERR_FORMAT, NULL},
    {"refuses comments", BYTES("{} // x"), ERR_FORMAT, NULL},
};

static void
answers(void **state)
{
    const struct row *row = *state;
    struct buffer written = {0};
    struct why why = {0};
    json_t *tree;
    int code = json_limits_parse(&json_limits_answer, row->text, row->size, &tree, &why);

    assert_int_equal(code, row->want);
    assert_true((tree != NULL) == (row->want == 0));
    assert_true((why.text[0] != '\0') == (row->want != 0));
    if (tree == NULL)
        return;
    json_limits_write(tree, &written);
    buffer_append(&written, "", 1);
    assert_string_equal((const char *)written.data, row->written == NULL ? row->text : row->written);
    buffer_fini(&written);
    json_decref(tree);
}

static void
bounds(void **state)
{
    size_t size = (64u << 10) + 1;
    char *text = malloc(size);
    json_t *tree;

    (void)state;
    assert_non_null(text);
    memset(text, ' ', size);
    text[0] = '1';
    assert_int_equal(json_limits_check(&json_limits_answer, text, size - 1, NULL), 0);
    assert_int_equal(json_limits_check(&json_limits_answer, text, size, NULL), ERR_LIMIT);
    assert_int_equal(json_limits_check(&json_limits_envelope, text, size, NULL), 0);
    memset(text, '[', 10000);
    assert_int_equal(json_limits_check(&json_limits_answer, text, 10000, NULL), ERR_LIMIT);
    assert_int_equal(json_limits_parse(&json_limits_answer, text, 10000, &tree, NULL), ERR_LIMIT);
    free(text);
}

static void
envelopes(void **state)
{
    json_t *tree;

    (void)state;
    /* A server's odd numbers must not cost the answer beside them. */
    assert_int_equal(
        json_limits_parse(&json_limits_envelope, BYTES("{\"n\":123456789012345678901234}"), &tree, NULL), 0);
    assert_true(json_is_real(json_object_get(tree, "n")));
    json_decref(tree);
    assert_int_equal(json_limits_parse(&json_limits_envelope, BYTES("[1e300]"), &tree, NULL), ERR_LIMIT);
    assert_int_equal(json_limits_parse(&json_limits_envelope, BYTES("[\"a\\u0000b\"]"), &tree, NULL), 0);
    assert_int_equal(json_string_length(json_array_get(tree, 0)), 3);
    json_decref(tree);
}

int
main(void)
{
    static const struct test_case cases[] = {{"sizes and depths", bounds}, {"envelopes", envelopes}};

    return TEST_ROWS("json_limits answers", rows, answers) + TEST_CASES("json_limits bounds", cases);
}
