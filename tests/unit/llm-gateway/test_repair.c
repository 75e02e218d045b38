#include "llm-gateway/repair.h"

#include <string.h>

#include "tests/support/test.h"

#define BYTES(text) text, sizeof(text) - 1

static const char source[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"ops\",\"note\"],\"properties\":{"
    "\"ops\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"id\","
    "\"n\",\"ok\"],\"properties\":{\"id\":{\"type\":\"string\"},\"n\":{\"type\":\"number\"},"
    "\"ok\":{\"type\":[\"boolean\",\"null\"]}}}},\"note\":{\"type\":[\"string\",\"null\"]}}}";

#define OP "{\"id\":\"a\",\"n\":1,\"ok\":null}"
#define GOOD "{\"ops\":[" OP "],\"note\":null}"

/* F18 to F26 are the faults of the specification's list. */
// clang-format off
static const struct row {
    const char *name;
    const char *text;
    size_t size;
    bool cut_off;
    uint32_t bits; /* UINT32_MAX: refused */
    const char *want;
} rows[] = {
    {"clean", BYTES(GOOD), false, 0, GOOD},
    {"blanks around are nothing", BYTES(" \n" GOOD "\n"), false, 0, GOOD},
    {"clean though it was cut off", BYTES(GOOD), true, 0, GOOD},
    {"F18 no JSON", BYTES("I would rather not."), false, UINT32_MAX, ""},
    {"F18 nothing", BYTES(""), false, UINT32_MAX, ""},
    {"F18 half an object", BYTES("{\"ops\":["), false, UINT32_MAX, ""},
    {"F19 fenced", BYTES("```json\n" GOOD "\n```"), false, REPAIR_FENCE, GOOD},
    {"F19 fenced without a word", BYTES("```\n" GOOD "```"), false, REPAIR_FENCE, GOOD},
    {"F19 a fence that is not closed", BYTES("```json\n" GOOD), false, REPAIR_FENCE, GOOD},
    {"F19 a fence inside a text stays", BYTES("{\"ops\":[],\"note\":\"```x```\"}"), false, 0,
     "{\"ops\":[],\"note\":\"```x```\"}"},
    {"F20 words around", BYTES("Here you are: " GOOD " I hope {it} helps."), false, REPAIR_PROSE, GOOD},
    {"F20 words and a fence", BYTES("Sure!\n```json\n" GOOD "\n```\nBye."), false, REPAIR_PROSE | REPAIR_FENCE, GOOD},
    {"F20 braces in a sentence are no object", BYTES("I use {x}: " GOOD), false, REPAIR_PROSE, GOOD},
    {"F20 a bracket in a text is none", BYTES("ok {\"ops\":[],\"note\":\"}]{\"} ok"), false, REPAIR_PROSE,
     "{\"ops\":[],\"note\":\"}]{\"}"},
    {"F20 the first of two objects", BYTES(GOOD " " "{\"ops\":[]}"), false, REPAIR_PROSE, GOOD},
    {"F21 Python", BYTES("{'ops':[{'id':'a','n':1,'ok':True},{'id':'b','n':2,'ok':None}],'note':None}"), false,
     REPAIR_PYTHON | REPAIR_SINGLE_QUOTES,
     "{\"ops\":[{\"id\":\"a\",\"n\":1,\"ok\":true},{\"id\":\"b\",\"n\":2,\"ok\":null}],\"note\":null}"},
    {"F21 an escaped single quote", BYTES("{'ops':[],'note':'it\\'s'}"), false, REPAIR_SINGLE_QUOTES,
     "{\"ops\":[],\"note\":\"it's\"}"},
    {"F21 single quotes beside double ones", BYTES("{\"ops\":[],'note':null}"), false, UINT32_MAX, ""},
    {"F21 Python's words in a text stay", BYTES("{\"ops\":[],\"note\":\"None True\",}"), false, REPAIR_TRAILING_COMMA,
     "{\"ops\":[],\"note\":\"None True\"}"},
    {"F22 trailing commas", BYTES("{\"ops\":[" OP ", ],\"note\":null,\n}"), false, REPAIR_TRAILING_COMMA, GOOD},
    {"F22 two commas are too many", BYTES("{\"ops\":[],,\"note\":null}"), false, UINT32_MAX, ""},
    {"F23 duplicate keys", BYTES("{\"ops\":[],\"ops\":[" OP "],\"note\":null}"), false, UINT32_MAX, ""},
    {"F25 an absurd number", BYTES("{\"ops\":[{\"id\":\"a\",\"n\":5e71028,\"ok\":null}],\"note\":null}"), false,
     UINT32_MAX, ""},
    {"F25 NaN", BYTES("{\"ops\":[{\"id\":\"a\",\"n\":NaN,\"ok\":null}],\"note\":null}"), false, UINT32_MAX, ""},
    {"F25 minus zero", BYTES("{\"ops\":[{\"id\":\"a\",\"n\":-0,\"ok\":null}],\"note\":null}"), false, 0,
     "{\"ops\":[{\"id\":\"a\",\"n\":-0,\"ok\":null}],\"note\":null}"},
    {"F26 bytes that are not UTF-8", BYTES("{\"ops\":[],\"note\":\"\xff\"}"), false, UINT32_MAX, ""},
    {"F26 half a surrogate pair", BYTES("{\"ops\":[],\"note\":\"\\ud800\"}"), false, UINT32_MAX, ""},
    {"F26 a zero byte", BYTES("{\"ops\":[],\"note\":\"a\0b\"}"), false, UINT32_MAX, ""},
    {"F26 a byte order mark", BYTES("\xef\xbb\xbf" GOOD), false, REPAIR_BOM, GOOD},
    {"curly quotes", BYTES("{\xe2\x80\x9cops\xe2\x80\x9d:[],\xe2\x80\x9cnote\xe2\x80\x9d:\xe2\x80\x9chi\xe2\x80\x9d}"),
     false, REPAIR_SMART_QUOTES, "{\"ops\":[],\"note\":\"hi\"}"},
    {"curly quotes in a text stay", BYTES("x {\"ops\":[],\"note\":\"\xe2\x80\x9chi\xe2\x80\x9d\"}"), false, REPAIR_PROSE,
     "{\"ops\":[],\"note\":\"\xe2\x80\x9chi\xe2\x80\x9d\"}"},
    {"F30 cut off in an item", BYTES("{\"ops\":[" OP "," OP ",{\"id\":\"c\",\"n"), true,
     REPAIR_CLOSERS | REPAIR_NULL_MEMBER, "{\"ops\":[" OP "," OP "],\"note\":null}"},
    {"F30 cut off behind a comma", BYTES("{\"note\":\"n\",\"ops\":[" OP ","), true, REPAIR_CLOSERS,
     "{\"note\":\"n\",\"ops\":[" OP "]}"},
    {"F30 cut off in a later text", BYTES("{\"ops\":[" OP "],\"note\":\"and the"), true,
     REPAIR_CLOSERS | REPAIR_NULL_MEMBER, GOOD},
    {"F30 in a fence", BYTES("```json\n{\"ops\":[" OP ",{\"id"), true,
     REPAIR_FENCE | REPAIR_CLOSERS | REPAIR_NULL_MEMBER, GOOD},
    {"F30 not a single whole item", BYTES("{\"ops\":[{\"id\":\"a\""), true, UINT32_MAX, ""},
    {"F30 the same text not cut off", BYTES("{\"ops\":[" OP ",{\"id"), false, UINT32_MAX, ""},
    {"an unknown member", BYTES("{\"ops\":[],\"note\":null,\"why\":\"because\"}"), false, REPAIR_UNKNOWN_MEMBER,
     "{\"ops\":[],\"note\":null}"},
    {"a number in a text", BYTES("{\"ops\":[{\"id\":\"7\",\"n\":\"1.5\",\"ok\":null}],\"note\":null}"), false,
     REPAIR_NUMBER_TEXT, "{\"ops\":[{\"id\":\"7\",\"n\":1.5,\"ok\":null}],\"note\":null}"},
    {"a member that may not be null is missing", BYTES("{\"note\":null}"), false, UINT32_MAX, ""},
    {"another type", BYTES("{\"ops\":{},\"note\":null}"), false, UINT32_MAX, ""},
    {"a list at the root", BYTES("[" GOOD "]"), false, UINT32_MAX, ""},
    {"brackets that do not match", BYTES("{\"ops\":[}],\"note\":null}"), false, UINT32_MAX, ""},
    {"a number that rounds up to the bound",
     BYTES("x{\"ops\":[{\"id\":\"a\",\"n\":999999999999999.99999,\"ok\":null}],\"note\":null}"), false, UINT32_MAX, ""},
};
// clang-format on

static void
json(void **state)
{
    const struct row *row = *state;
    struct schema *schema;
    struct repair first = {0};
    struct repair again = {0};

    assert_int_equal(schema_compile("t", source, sizeof source - 1, &schema, NULL), 0);
    repair_json(&first, schema, row->text, row->size, row->cut_off);
    assert_int_equal(first.text.size, strlen(row->want));
    assert_true(first.text.size == 0 || memcmp(first.text.data, row->want, first.text.size) == 0);
    if (row->bits == UINT32_MAX) {
        assert_int_equal(first.status, REPAIR_REFUSED);
        assert_true(first.report.count > 0 && first.report.first[0].what[0] != '\0');
    } else {
        assert_int_equal(first.bits, row->bits);
        assert_int_equal(first.status, row->bits == 0 ? REPAIR_CLEAN : REPAIR_MENDED);
        repair_json(&again, schema, (const char *)first.text.data, first.text.size, row->cut_off);
        assert_int_equal(again.status, REPAIR_CLEAN);
        assert_int_equal(again.text.size, first.text.size);
        assert_memory_equal(again.text.data, first.text.data, first.text.size);
    }
    repair_fini(&first);
    repair_fini(&again);
    schema_destroy(&schema);
}

/* F24 and other ways to make a reader work: each ends at once and is refused. */
static void
hostile(void **state)
{
    static const char *const patterns[] = {
        "[", "{\"a\":", "{", "{ ", "\"", "```", "{\"", ",", "\\", "\xe2\x80\x9c", "'"};
    size_t size = 64u << 10;
    struct schema *schema;
    struct repair repair = {0};
    char *text = malloc(size + 1);

    (void)state;
    assert_non_null(text);
    assert_int_equal(schema_compile("t", source, sizeof source - 1, &schema, NULL), 0);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        size_t length = strlen(patterns[i]);

        for (size_t at = 0; at < size; at += length)
            memcpy(text + at, patterns[i], at + length <= size ? length : size - at);
        repair_json(&repair, schema, text, size, i % 2 == 0);
        assert_int_equal(repair.status, REPAIR_REFUSED);
        assert_int_equal(repair.text.size, 0);
    }
    memset(text, ' ', size + 1);
    repair_json(&repair, schema, text, size + 1, true);
    assert_int_equal(repair.status, REPAIR_REFUSED);
    repair_fini(&repair);
    schema_destroy(&schema);
    free(text);
}

static const struct text_row {
    const char *name;
    const char *text;
    size_t size;
    size_t size_max;
    bool cut_off;
    uint32_t bits;
    const char *want; /* empty: refused */
} text_rows[] = {
    {"as it is", BYTES("N1 sells cloth."), 100, false, 0, "N1 sells cloth."},
    {"no full stop is no matter", BYTES(" N1 sells cloth "), 100, false, 0, "N1 sells cloth"},
    {"cut off", BYTES("N1 sells. N2 buys! And th"), 100, true, REPAIR_SENTENCE, "N1 sells. N2 buys!"},
    {"a decimal point ends nothing", BYTES("N1 pays 3.50 coin. N2 gets 2.5"), 100, true, REPAIR_SENTENCE,
     "N1 pays 3.50 coin."},
    {"cut off just at the end", BYTES("N1 sells."), 100, true, 0, "N1 sells."},
    {"a quote behind the stop", BYTES("He said \"no.\" And"), 100, true, REPAIR_SENTENCE, "He said \"no.\""},
    {"wide full stops", BYTES("\xe4\xb8\xad\xe3\x80\x82\xe4\xb8\xad"), 100, true, REPAIR_SENTENCE,
     "\xe4\xb8\xad\xe3\x80\x82"},
    {"cut off without a sentence", BYTES("N1 sells and"), 100, true, REPAIR_SENTENCE, ""},
    {"too long", BYTES("One. Two. Three."), 12, false, REPAIR_SENTENCE, "One. Two."},
    {"bytes that are not UTF-8", BYTES("a\xff."), 100, false, REPAIR_BYTES, "a\xef\xbf\xbd."},
    {"zero bytes", BYTES("a\0b."), 100, false, REPAIR_BYTES, "ab."},
    {"a byte order mark", BYTES("\xef\xbb\xbfHi."), 100, false, REPAIR_BOM, "Hi."},
    {"one behind a zero byte", BYTES("\0\xef\xbb\xbfHi."), 100, false, REPAIR_BOM | REPAIR_BYTES, "Hi."},
    {"nothing", BYTES(""), 100, false, 0, ""},
};

static void
text(void **state)
{
    const struct text_row *row = *state;
    struct repair repair = {0};

    repair_text(&repair, row->text, row->size, row->size_max, row->cut_off);
    assert_int_equal(repair.bits, row->bits);
    assert_int_equal(repair.text.size, strlen(row->want));
    assert_true(repair.text.size == 0 || memcmp(repair.text.data, row->want, repair.text.size) == 0);
    assert_int_equal(repair.status, row->want[0] == '\0' ? REPAIR_REFUSED : row->bits ? REPAIR_MENDED : REPAIR_CLEAN);
    repair_fini(&repair);
}

int
main(void)
{
    static const struct test_case cases[] = {{"hostile texts are refused at once", hostile}};

    return TEST_ROWS("repair_json", rows, json) + TEST_ROWS("repair_text", text_rows, text) +
           TEST_CASES("repair", cases);
}
