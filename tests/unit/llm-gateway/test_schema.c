#include "llm-gateway/schema.h"

#include <stdio.h>
#include <string.h>

#include "core/streams.h"
#include "llm-gateway/json_limits.h"
#include "llm-gateway/repair.h"
#include "tests/support/test.h"

/* An object of one property "a" of the given schema; and with its own members around it. */
#define ONE(schema) ROOT("\"a\":" schema, "\"a\"")
#define ROOT(properties, required)                                                                                   \
    "{\"type\":\"object\",\"properties\":{" properties "},\"required\":[" required "],\"additionalProperties\":false}"
#define LIST(items) "{\"type\":\"array\",\"items\":" items "}"
#define TEXT "{\"type\":\"string\"}"

static const struct subset_row {
    const char *name;
    const char *text;
    const char *place; /* NULL: taken; else the pointer in the refusal */
} subset_rows[] = {
    {"an empty object", ROOT("", ""), NULL},
    {"every type", ROOT("\"a\":" TEXT ",\"b\":{\"type\":\"integer\"},\"c\":{\"type\":\"number\"},\"d\":{\"type\":"
                        "\"boolean\"},\"e\":" LIST(TEXT), "\"a\",\"b\",\"c\",\"d\",\"e\""), NULL},
    {"a nullable type", ONE("{\"type\":[\"string\",\"null\"]}"), NULL},
    {"a nullable object", ONE("{\"type\":[\"object\",\"null\"],\"properties\":{},\"required\":[],"
                              "\"additionalProperties\":false}"), NULL},
    {"an enum with null", ONE("{\"type\":[\"string\",\"null\"],\"enum\":[\"x\",null]}"), NULL},
    {"titles and descriptions", ONE("{\"type\":\"string\",\"title\":\"t\",\"description\":\"d\"}"), NULL},
    {"five levels", ONE(LIST(LIST(LIST(LIST(TEXT))))), NULL},
    {"refuses six", ONE(LIST(LIST(LIST(LIST(LIST(TEXT)))))), "/properties/a/items/items/items/items"},
    {"refuses another root", LIST(TEXT), ""},
    {"refuses a nullable root", "{\"type\":[\"object\",\"null\"],\"properties\":{},\"required\":[],"
                                "\"additionalProperties\":false}", ""},
    {"refuses a missing required", ROOT("\"a\":" TEXT ",\"b\":" TEXT, "\"a\""), ""},
    {"refuses an unknown required", ROOT("\"a\":" TEXT, "\"b\""), ""},
    {"refuses open objects", "{\"type\":\"object\",\"properties\":{},\"required\":[]}", ""},
    {"refuses a minimum", ONE("{\"type\":\"integer\",\"minimum\":0}"), "/properties/a"},
    {"refuses a pattern", ONE("{\"type\":\"string\",\"pattern\":\"x\"}"), "/properties/a"},
    {"refuses a length", ONE("{\"type\":\"string\",\"maxLength\":3}"), "/properties/a"},
    {"refuses a default", ONE("{\"type\":\"string\",\"default\":\"\"}"), "/properties/a"},
    {"refuses a reference", ONE("{\"$ref\":\"#\"}"), "/properties/a"},
    {"refuses anyOf", ONE("{\"anyOf\":[]}"), "/properties/a"},
    {"refuses two types", ONE("{\"type\":[\"string\",\"integer\"]}"), "/properties/a"},
    {"refuses null alone", ONE("{\"type\":\"null\"}"), "/properties/a"},
    {"refuses an unknown type", ONE("{\"type\":\"date\"}"), "/properties/a"},
    {"refuses a list without items", ONE("{\"type\":\"array\"}"), "/properties/a"},
    {"refuses an empty enum", ONE("{\"type\":\"string\",\"enum\":[]}"), "/properties/a"},
    {"refuses an enum of another type", ONE("{\"type\":\"string\",\"enum\":[1]}"), "/properties/a"},
    {"refuses a value twice", ONE("{\"type\":\"number\",\"enum\":[1,1.0]}"), "/properties/a"},
    {"refuses items of a text", ONE("{\"type\":\"string\",\"items\":{}}"), "/properties/a"},
    {"escapes its pointers", ROOT("\"x/y~z\":{\"type\":\"date\"}", "\"x/y~z\""), "/properties/x~1y~0z"},
    {"refuses what is no JSON", "{", NULL},
};

static void
subset(void **state)
{
    const struct subset_row *row = *state;
    struct schema *schema = NULL;
    struct why why = {0};
    char place[300];
    int code = schema_compile("test.v1", row->text, strlen(row->text), &schema, &why);

    if (row->place == NULL && strcmp(row->text, "{") != 0) {
        assert_string_equal(why.text, "");
        assert_int_equal(code, 0);
        assert_string_equal(schema_text(schema), row->text);
        assert_string_equal(schema_name(schema), "test.v1");
    } else {
        assert_int_not_equal(code, 0);
        assert_null(schema);
        snprintf(place, sizeof place, "at \"%s\":", row->place == NULL ? "" : row->place);
        assert_true(row->place == NULL || strstr(why.text, place) != NULL);
    }
    schema_destroy(&schema);
}

/* The patch of a society, cut down to what shows every kind of node. */
static const char patch[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"ops\",\"notes\"],\"properties\":{"
    "\"notes\":{\"type\":[\"string\",\"null\"]},\"ops\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
    "\"additionalProperties\":false,\"required\":[\"op\",\"n\",\"x\",\"edge\"],\"properties\":{"
    "\"op\":{\"type\":\"string\",\"enum\":[\"add\",\"cut\"]},\"n\":{\"type\":\"integer\"},"
    "\"x\":{\"type\":[\"number\",\"null\"]},\"edge\":{\"type\":[\"object\",\"null\"],\"additionalProperties\":false,"
    "\"required\":[\"on\"],\"properties\":{\"on\":{\"type\":\"boolean\"}}}}}}}}";

// clang-format off
static const struct value_row {
    const char *name;
    const char *value;
    uint32_t count; /* errors */
    const char *path; /* of the first */
    uint32_t bits;    /* of mending */
    const char *mended; /* NULL: does not fit afterwards either */
} value_rows[] = {
    {"fits", "{\"ops\":[{\"op\":\"add\",\"n\":1,\"x\":2.5,\"edge\":{\"on\":true}}],\"notes\":\"y\"}", 0, "", 0, ""},
    {"nulls fit", "{\"ops\":[{\"op\":\"cut\",\"n\":-3,\"x\":null,\"edge\":null}],\"notes\":null}", 0, "", 0, ""},
    {"no item fits", "{\"ops\":[],\"notes\":null}", 0, "", 0, ""},
    {"3.0 is a whole number", "{\"ops\":[{\"op\":\"add\",\"n\":3.0,\"x\":1,\"edge\":null}],\"notes\":null}", 0, "", 0, ""},
    {"3.5 is none", "{\"ops\":[{\"op\":\"add\",\"n\":3.5,\"x\":1,\"edge\":null}],\"notes\":null}", 1, "/ops/0/n", 0, NULL},
    {"another word", "{\"ops\":[{\"op\":\"mul\",\"n\":3,\"x\":1,\"edge\":null}],\"notes\":null}", 1, "/ops/0/op", 0, NULL},
    {"a list is missing", "{\"notes\":null}", 1, "/ops", 0, NULL},
    {"a number is no text", "{\"ops\":[],\"notes\":4}", 1, "/notes", 0, NULL},
    {"no object", "[1]", 1, "", 0, NULL},
    {"several things", "{\"ops\":[{\"op\":1,\"n\":\"x\",\"x\":true,\"edge\":[]}],\"notes\":null}", 4, "/ops/0/op", 0, NULL},
    {"a deep place", "{\"ops\":[{\"op\":\"add\",\"n\":1,\"x\":1,\"edge\":{\"on\":1}}],\"notes\":null}", 1,
     "/ops/0/edge/on", 0, NULL},
    {"an unknown member goes", "{\"ops\":[],\"notes\":\"a\",\"more\":1}", 1, "", REPAIR_UNKNOWN_MEMBER,
     "{\"ops\":[],\"notes\":\"a\"}"},
    {"also deep down", "{\"ops\":[{\"op\":\"add\",\"n\":1,\"z\":1,\"x\":null,\"edge\":{\"on\":true,\"q\":0}}],"
     "\"notes\":null}", 2, "/ops/0/edge", REPAIR_UNKNOWN_MEMBER,
     "{\"ops\":[{\"op\":\"add\",\"n\":1,\"x\":null,\"edge\":{\"on\":true}}],\"notes\":null}"},
    {"a missing member that may be null", "{\"ops\":[]}", 1, "/notes", REPAIR_NULL_MEMBER, "{\"ops\":[],\"notes\":null}"},
    {"a number in a text", "{\"ops\":[{\"op\":\"add\",\"n\":\"12\",\"x\":\"-0.5\",\"edge\":null}],\"notes\":\"7\"}", 2,
     "/ops/0/n", REPAIR_NUMBER_TEXT, "{\"ops\":[{\"op\":\"add\",\"n\":12,\"x\":-0.5,\"edge\":null}],\"notes\":\"7\"}"},
    {"not with a unit behind", "{\"ops\":[{\"op\":\"add\",\"n\":\"12 coin\",\"x\":1,\"edge\":null}],\"notes\":null}", 1,
     "/ops/0/n", 0, NULL},
    {"not a hexadecimal one", "{\"ops\":[{\"op\":\"add\",\"n\":\"0x12\",\"x\":1,\"edge\":null}],\"notes\":null}", 1,
     "/ops/0/n", 0, NULL},
    {"not an absurd one", "{\"ops\":[{\"op\":\"add\",\"n\":\"1e300\",\"x\":1,\"edge\":null}],\"notes\":null}", 1,
     "/ops/0/n", 0, NULL},
};
// clang-format on

static void
values(void **state)
{
    const struct value_row *row = *state;
    struct schema_report report;
    struct schema *schema;
    struct buffer text = {0};
    uint32_t bits = 0;
    json_t *tree;

    assert_int_equal(schema_compile("patch", patch, sizeof patch - 1, &schema, NULL), 0);
    assert_int_equal(json_limits_parse(&json_limits_answer, row->value, strlen(row->value), &tree, NULL), 0);
    assert_int_equal(schema_validate(schema, tree, &report), row->count == 0);
    assert_int_equal(report.count, row->count);
    assert_string_equal(report.first[0].path, row->path);
    assert_true((report.first[0].what[0] != '\0') == (row->count > 0));
    schema_mend(schema, tree, &bits);
    assert_int_equal(bits, row->bits);
    assert_int_equal(schema_validate(schema, tree, &report), row->mended != NULL);
    json_limits_write(tree, &text);
    buffer_append(&text, "", 1);
    if (row->mended != NULL && row->mended[0] != '\0')
        assert_string_equal((const char *)text.data, row->mended);
    buffer_fini(&text);
    json_decref(tree);
    schema_destroy(&schema);
}

static void
grammar(void **state)
{
    static const char source[] = ROOT("\"ops\":" LIST("{\"type\":[\"integer\",\"null\"]}") ",\"q\\\"\":"
                                      "{\"type\":\"string\",\"enum\":[\"a\\\"b\",\"c\"]}", "\"ops\",\"q\\\"\"");
    static const char want[] = "root ::= ws n0 ws\n"
                               "n0 ::= \"{\" ws \"\\\"ops\\\"\" ws \":\" ws n1 ws "
                               "\",\" ws \"\\\"q\\\\\\\"\\\"\" ws \":\" ws n2 ws \"}\"\n"
                               "n1 ::= \"[\" ws (n3 ws (\",\" ws n3 ws)*)? \"]\"\n"
                               "n2 ::= \"\\\"a\\\\\\\"b\\\"\" | \"\\\"c\\\"\"\n"
                               "n3 ::= integer | \"null\"\n"
                               "ws ::= [ \\n]?\n";
    static const char number[] = "number ::= integer | \"-\"? (\"0\" | [1-9] [0-9]{0,13}) \".\" [0-9]{1,9}\n";
    /* No half of a surrogate pair and no zero, as the engine of tests/system/engine.c finds them. */
    static const char code[] = "code ::= \"00\" [2-9a-fA-F] hex | (\"0\" [1-9a-fA-F] | [1-9a-cA-Ce-fE-F] hex |"
                               " [dD] [0-7]) hex hex | [dD] [89abAB] hex hex \"\\\\u\" [dD] [c-fC-F] hex hex\n";
    struct schema *schema;
    struct buffer out = {0};

    (void)state;
    assert_int_equal(schema_compile("g", source, sizeof source - 1, &schema, NULL), 0);
    schema_write_grammar(schema, &out);
    buffer_append(&out, "", 1);
    assert_int_equal(strncmp((const char *)out.data, want, sizeof want - 1), 0);
    assert_non_null(strstr((const char *)out.data, number));
    assert_non_null(strstr((const char *)out.data, code));
    buffer_fini(&out);
    schema_destroy(&schema);
}

static void
names(void **state)
{
    struct schema *schema;

    (void)state;
    assert_int_equal(schema_compile("", ROOT("", ""), strlen(ROOT("", "")), &schema, NULL), ERR_INVALID);
    assert_int_equal(schema_compile("a b", ROOT("", ""), strlen(ROOT("", "")), &schema, NULL), ERR_INVALID);
}

/* ---- completing ---- */

#define NULLABLE(type) "{\"type\":[\"" type "\",\"null\"]}"
#define INNER "{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"integer\"},\"y\":" NULLABLE("string") \
              "},\"required\":[\"x\",\"y\"],\"additionalProperties\":false}"

static const struct fill_row {
    const char *name, *schema, *value, *want;
} fill_rows[] = {
    {"null where it may be", ROOT("\"a\":" NULLABLE("string") ",\"b\":" NULLABLE("integer"), "\"a\",\"b\""), "{}",
     "{\"a\":null,\"b\":null}"},
    {"the least of each type", ROOT("\"a\":" TEXT ",\"b\":{\"type\":\"number\"},\"c\":{\"type\":\"boolean\"},\"d\":"
                                    LIST(TEXT), "\"a\",\"b\",\"c\",\"d\""), "{}",
     "{\"a\":\"\",\"b\":0,\"c\":false,\"d\":[]}"},
    {"the first of an enum", ONE("{\"type\":\"string\",\"enum\":[\"x\",\"y\"]}"), "{}", "{\"a\":\"x\"}"},
    {"an enum that holds null", ONE("{\"type\":[\"string\",\"null\"],\"enum\":[\"x\",null]}"), "{}", "{\"a\":null}"},
    {"one that may be null and does not hold it", ONE("{\"type\":[\"string\",\"null\"],\"enum\":[\"x\"]}"), "{}",
     "{\"a\":\"x\"}"},
    {"objects inside", ONE(INNER), "{}", "{\"a\":{\"x\":0,\"y\":null}}"},
    {"what is there is kept", ONE(INNER), "{\"a\":{\"y\":\"k\"}}", "{\"a\":{\"y\":\"k\",\"x\":0}}"},
    {"in lists as well", ONE(LIST(INNER)), "{\"a\":[{\"x\":5},{}]}",
     "{\"a\":[{\"x\":5,\"y\":null},{\"x\":0,\"y\":null}]}"},
    {"fit or not", ONE(INNER), "{\"a\":7}", "{\"a\":7}"},
};

static void
filled(void **state)
{
    const struct fill_row *row = *state;
    struct schema *schema;
    struct buffer out = {0};
    json_t *value;

    assert_int_equal(schema_compile("s", row->schema, strlen(row->schema), &schema, NULL), 0);
    assert_int_equal(json_limits_parse(&json_limits_answer, row->value, strlen(row->value), &value, NULL), 0);
    schema_fill(schema, value, NULL);
    json_limits_write(value, &out);
    assert_int_equal(out.size, strlen(row->want));
    assert_memory_equal(out.data, row->want, out.size);
    json_decref(value);
    buffer_fini(&out);
    schema_destroy(&schema);
}

/* With dice, whatever comes of an empty object fits, and all of an enum's values come. */
static void
drawn(void **state)
{
    static const char text[] = ROOT("\"a\":{\"type\":[\"string\",\"null\"],\"enum\":[\"x\",\"y\",null]},\"b\":" INNER
                                    ",\"c\":" NULLABLE("number"), "\"a\",\"b\",\"c\"");
    struct schema *schema;
    uint32_t seen[3] = {0};
    double sum = 0.0, number;

    (void)state;
    assert_int_equal(schema_compile("s", text, sizeof text - 1, &schema, NULL), 0);
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct rng rng = rng_make(seed, STREAM_TEST, 0, 0);
        json_t *value = json_object();
        struct schema_report report;
        const char *a;

        schema_fill(schema, value, &rng);
        assert_true(schema_validate(schema, value, &report));
        a = json_string_value(json_object_get(value, "a"));
        seen[a == NULL ? 2 : a[0] - 'x']++;
        number = json_real_value(json_object_get(value, "c"));
        assert_true(json_is_real(json_object_get(value, "c")) && number >= 0.0 && number <= 1.0);
        sum += number;
        json_decref(value);
    }
    for (uint32_t i = 0; i < 3; i++)
        assert_in_range(seen[i], 67, 133); /* 100 +- 4 x 8.2 */
    assert_true(sum > 130 && sum < 170);   /* 150 +- 4 x 5 */
    schema_destroy(&schema);
}

static const struct test_case fill_cases[] = {{"drawn values fit, and all come", drawn}};

int
main(void)
{
    static const struct test_case cases[] = {{"as a grammar", grammar}, {"names", names}};

    return TEST_ROWS("schemas inside and outside the subset", subset_rows, subset) +
           TEST_ROWS("values", value_rows, values) + TEST_CASES("schema", cases) +
           TEST_ROWS("completing", fill_rows, filled) + TEST_CASES("completing with dice", fill_cases);
}
