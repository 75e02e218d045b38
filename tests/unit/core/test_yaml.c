#include "core/yaml.h"

#include "core/rng.h"
#include "core/text.h"
#include "tests/support/test.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Reads a text that must be good. */
static struct yaml_tree *
read_good(const char *text)
{
    struct yaml_tree *tree = NULL;
    struct why why = {0};

    if (yaml_read_text("t.yaml", text, strlen(text), &tree, &why) != 0)
        fail_msg("%s", why.text);
    return tree;
}

static void
assert_written(const struct yaml_node *node, const char *want)
{
    struct buffer out = {0};

    yaml_write(node, &out);
    buffer_append(&out, "", 1);
    assert_string_equal((const char *)out.data, want);
    buffer_fini(&out);
}

/* ---- what is refused, and how it is said ---- */

static const struct refused_row {
    const char *name;
    const char *text;
    size_t size; /* 0: up to the terminator */
    int code;
    const char *want;
} refused_rows[] = {
    {"nothing", "", 0, ERR_INVALID, "t.yaml: empty; write at least one key and value"},
    {"only comments", "# a\n\n  # b\n", 0, ERR_INVALID, "t.yaml: empty; write at least one key and value"},
    {"a duplicate key", "a: 1\nb: 2\na: 3\n", 0, ERR_INVALID,
        "t.yaml:3:1: duplicate key 'a', already given in line 1, column 1; remove one of the two"},
    {"a duplicate deeper down", "x:\n  y:\n    tax: 1\n    \"tax\": 2\n", 0, ERR_INVALID,
        "t.yaml:4:5: x.y: duplicate key 'tax', already given in line 3, column 5; remove one of the two"},
    {"the first duplicate of three", "{z: 1, b: 1, z: 2, b: 2, z: 3}", 0, ERR_INVALID,
        "t.yaml:1:14: duplicate key 'z', already given in line 1, column 2; remove one of the two"},
    {"a tab as indentation", "a:\n\tb: 1\n", 0, ERR_FORMAT,
        "t.yaml:2:1: a: a tab in the indentation; indent with spaces"},
    {"a tab behind spaces", "a:\n  b: 1\n \tc: 1\n", 0, ERR_FORMAT,
        "t.yaml:3:1: a.b: a tab in the indentation; indent with spaces"},
    {"a tab inside braces", "a: {\n\tb: 1}\n", 0, ERR_FORMAT,
        "t.yaml:2:1: a: a tab in the indentation; indent with spaces"},
    {"a second document", "a: 1\n---\nb: 2\n", 0, ERR_INVALID,
        "t.yaml:2:1: a second document begins; write one document a file"},
    {"an anchor", "a: &x 1\n", 0, ERR_INVALID,
        "t.yaml:1:4: a: anchors (&x) are not read; remove it, or quote a text that begins with &"},
    {"an anchor of a list", "a: &x [1]\n", 0, ERR_INVALID,
        "t.yaml:1:4: a: anchors (&x) are not read; remove it, or quote a text that begins with &"},
    {"an alias", "a: 1\nb: *x\n", 0, ERR_INVALID,
        "t.yaml:2:4: b: aliases (*x) are not read; write the value out, or quote a text that begins with *"},
    {"a tag", "a: !!str 5\n", 0, ERR_INVALID,
        "t.yaml:1:4: a: tags (tag:yaml.org,2002:str) are not read; remove it, or quote a text that begins with !"},
    {"a merge key", "a: 1\n<<: {b: 2}\n", 0, ERR_INVALID,
        "t.yaml:2:1: merge keys (<<) are not read; write the members out"},
    {"a list as a key", "? [a, b]\n: 1\n", 0, ERR_INVALID, "t.yaml:1:3: a key that is a list; keys are text"},
    {"a map as a key", "{a: 1}: 1\n", 0, ERR_INVALID, "t.yaml:1:1: a key that is a map; keys are text"},
    {"null as a key", "~: 1\n", 0, ERR_INVALID, "t.yaml:1:1: the key ~ is no text; write \"~\""},
    {"a number as a key", "m:\n  3: 1\n", 0, ERR_INVALID, "t.yaml:2:3: m: the key 3 is no text; write \"3\""},
    {"a boolean as a key", "true: 1\n", 0, ERR_INVALID, "t.yaml:1:1: the key true is no text; write \"true\""},
    {"an empty key", "\"\": 1\n", 0, ERR_INVALID, "t.yaml:1:1: an empty key; give it a name"},
    {"a zero byte", "a: b\0c\n", 7, ERR_FORMAT,
        "t.yaml:1:5: the control character U+0000; remove it, or write it as \"\\u0000\" in double quotes"},
    {"an escaped zero", "a: \"x\\0y\"\n", 0, ERR_FORMAT,
        "t.yaml:1:4: a: a text with a zero character (\"\\0\"); remove it"},
    {"an escape character", "a: 1\nb: \x1b[0m\n", 0, ERR_FORMAT,
        "t.yaml:2:4: the control character U+001B; remove it, or write it as \"\\u001B\" in double quotes"},
    {"bytes that are not UTF-8", "a: \xc3\xa9\nb: \xc3(\n", 0, ERR_FORMAT,
        "t.yaml:2:4: byte 0xc3 is not UTF-8; save the file as UTF-8"},
    {"UTF-16", "\xff\xfe" "a\0:\0", 6, ERR_FORMAT, "t.yaml:1:1: byte 0xff is not UTF-8; save the file as UTF-8"},
    {"a bracket left open", "a: [1, 2\nb: 3\n", 0, ERR_FORMAT,
        "t.yaml:2:2: a[2]: did not find expected ',' or ']' while parsing a flow sequence that begins in line 1; "
        "check the indentation, the colons and the quotes"},
    {"a bad indentation", "a:\n    b: 1\n  c: 2\n", 0, ERR_FORMAT,
        "t.yaml:3:3: did not find expected key while parsing a block mapping that begins in line 1; check the "
        "indentation, the colons and the quotes"},
    {"a reserved character", "a: @x\n", 0, ERR_FORMAT,
        "t.yaml:1:4: a: found character that cannot start any token while scanning for the next token that begins in "
        "line 1; check the indentation, the colons and the quotes"},
};

static void
refused(void **state)
{
    const struct refused_row *row = *state;
    struct yaml_tree *tree = NULL;
    struct why why = {0};

    assert_int_equal(
        yaml_read_text("t.yaml", row->text, row->size > 0 ? row->size : strlen(row->text), &tree, &why), row->code);
    assert_string_equal(why.text, row->want);
    assert_int_equal(why.code, row->code);
    assert_null(tree);
}

/* ---- bounds ---- */

/* `count` times `piece`, between two ends. */
static int
read_repeated(const char *before, const char *piece, size_t count, const char *behind, struct why *why)
{
    struct yaml_tree *tree = NULL;
    struct buffer text = {0};
    int code;

    text_add(&text, before);
    for (size_t i = 0; i < count; i++)
        text_add(&text, piece);
    text_add(&text, behind);
    code = yaml_read_text("t.yaml", (const char *)text.data, text.size, &tree, why);
    buffer_fini(&text);
    yaml_destroy(&tree);
    return code;
}

static void
bounds(void **state)
{
    struct why why = {0};

    (void)state;
    assert_int_equal(read_repeated("a: ", "[", YAML_DEPTH_MAX - 1, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", &why), 0);
    assert_int_equal(read_repeated("a: ", "[", 100000, "", &why), ERR_LIMIT);
    assert_non_null(strstr(why.text, "deeper than 32 levels"));
    assert_int_equal(read_repeated("[", "1,", YAML_NODE_MAX - 1, "]", &why), 0);
    assert_int_equal(read_repeated("[", "1,", YAML_NODE_MAX, "]", &why), ERR_LIMIT);
    assert_string_equal(why.text, "t.yaml:1:200000: [99999]: more than 100000 values");
    assert_int_equal(read_repeated("a: ", "x", YAML_SIZE_MAX - 3, "", &why), 0);
    assert_int_equal(read_repeated("a: ", "x", YAML_SIZE_MAX - 2, "", &why), ERR_LIMIT);
    assert_string_equal(why.text, "t.yaml: larger than 16 MiB");
    assert_int_equal(read_repeated("", "k", YAML_KEY_MAX, ": 1", &why), 0);
    assert_int_equal(read_repeated("", "k", YAML_KEY_MAX + 1, ": 1", &why), ERR_LIMIT);
    assert_string_equal(why.text, "t.yaml:1:1: a key of over 200 bytes; shorten it");
}

static void
files(void **state)
{
    struct yaml_tree *tree = NULL;
    struct why why = {0};
    char path[4200];
    char want[4400];
    FILE *file;

    (void)state;
    snprintf(path, sizeof path, "%s/none.yaml", test_folder());
    snprintf(want, sizeof want, "%s: no such file; check the name and the folder", path);
    assert_int_equal(yaml_read_file(path, &tree, &why), ERR_MISSING);
    assert_string_equal(why.text, want);

    snprintf(want, sizeof want, "%s: a folder, not a file; name a file in it", test_folder());
    assert_int_equal(yaml_read_file(test_folder(), &tree, &why), ERR_INVALID);
    assert_string_equal(why.text, want);

    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    snprintf(want, sizeof want, "%s: empty; write at least one key and value", path);
    assert_int_equal(yaml_read_file(path, &tree, &why), ERR_INVALID);
    assert_string_equal(why.text, want);

    file = fopen(path, "w");
    assert_non_null(file);
    fputs("\xef\xbb\xbfseed: 7\r\nname: base\r\n", file);
    fclose(file);
    assert_int_equal(yaml_read_file(path, &tree, &why), 0);
    assert_string_equal(yaml_find(yaml_root(tree), "seed")->text, "7");
    assert_int_equal(yaml_find(yaml_root(tree), "seed")->column, 7);
    assert_int_equal(yaml_find(yaml_root(tree), "name")->line, 2);
    assert_string_equal(yaml_find(yaml_root(tree), "name")->file, path);
    yaml_destroy(&tree);
}

/* ---- kinds of values ---- */

static const struct value_row {
    const char *name;
    const char *text; /* of the value of v */
    enum yaml_kind kind;
    const char *real, *integer, *truth, *words; /* the value read, or what the error says behind the path */
} value_rows[] = {
    {"an integer", "12", YAML_SCALAR, "=12", "=12", "expected true or false, found 12", "=12"},
    {"a real", "3.5", YAML_SCALAR, "=3.5", "expected a whole number, found 3.5; write it with digits only",
        "expected true or false, found 3.5", "=3.5"},
    {"an exponent", "1e3", YAML_SCALAR, "=1000", "expected a whole number, found 1e3; write it with digits only",
        "expected true or false, found 1e3", "=1e3"},
    {"too large", "1e999", YAML_SCALAR, "1e999 is too large for a number",
        "expected a whole number, found 1e999; write it with digits only", "expected true or false, found 1e999",
        "=1e999"},
    {"too large an integer", "9223372036854775808", YAML_SCALAR, "=9.223372036854776e+18",
        "9223372036854775808 does not fit in 64 bits", "expected true or false, found 9223372036854775808",
        "=9223372036854775808"},
    {"a quoted number", "\"12\"", YAML_SCALAR, "expected a number, found the text \"12\"; remove the quotes",
        "expected a whole number, found the text \"12\"; remove the quotes",
        "expected true or false, found the text \"12\"", "=12"},
    {"a leading zero", "010", YAML_SCALAR, "'010' begins with 0, which some readers take for octal; remove the zero",
        "'010' begins with 0, which some readers take for octal; remove the zero",
        "expected true or false, found 010", "=010"},
    {"hexadecimal", "0x1F", YAML_SCALAR, "expected a number, found '0x1F'", "expected a whole number, found '0x1F'",
        "expected true or false, found '0x1F'", "=0x1F"},
    {"infinity", ".inf", YAML_SCALAR, "expected a number, found '.inf'", "expected a whole number, found '.inf'",
        "expected true or false, found '.inf'", "=.inf"},
    {"true", "true", YAML_SCALAR, "expected a number, found 'true'", "expected a whole number, found 'true'", "=1",
        "=true"},
    {"FALSE", "FALSE", YAML_SCALAR, "expected a number, found 'FALSE'", "expected a whole number, found 'FALSE'", "=0",
        "=FALSE"},
    {"yes is a word", "yes", YAML_SCALAR, "expected a number, found 'yes'", "expected a whole number, found 'yes'",
        "expected true or false, found 'yes'; write true", "=yes"},
    {"no is a word", "No", YAML_SCALAR, "expected a number, found 'No'", "expected a whole number, found 'No'",
        "expected true or false, found 'No'; write false", "=No"},
    {"a quoted true", "'true'", YAML_SCALAR, "expected a number, found the text \"true\"",
        "expected a whole number, found the text \"true\"",
        "expected true or false, found the text \"true\"; remove the quotes", "=true"},
    {"a word", "hello world", YAML_SCALAR, "expected a number, found 'hello world'",
        "expected a whole number, found 'hello world'", "expected true or false, found 'hello world'", "=hello world"},
    {"an empty text", "\"\"", YAML_SCALAR, "expected a number, found the text \"\"",
        "expected a whole number, found the text \"\"", "expected true or false, found the text \"\"", "="},
    {"null", "null", YAML_NULL, "expected a number, found nothing; write a value or remove the key",
        "expected a whole number, found nothing; write a value or remove the key",
        "expected true or false, found nothing", "expected text, found nothing; write a value, or \"\" for no text"},
    {"a tilde", "~", YAML_NULL, "expected a number, found nothing; write a value or remove the key",
        "expected a whole number, found nothing; write a value or remove the key",
        "expected true or false, found nothing", "expected text, found nothing; write a value, or \"\" for no text"},
    {"a quoted null is text", "\"null\"", YAML_SCALAR, "expected a number, found the text \"null\"",
        "expected a whole number, found the text \"null\"", "expected true or false, found the text \"null\"",
        "=null"},
    {"a list", "[1, 2]", YAML_LIST, "expected a number, found a list", "expected a whole number, found a list",
        "expected true or false, found a list", "expected text, found a list"},
    {"a map", "{a: 1}", YAML_MAP, "expected a number, found a map", "expected a whole number, found a map",
        "expected true or false, found a map", "expected text, found a map"},
};

/* `want` is "=value", or the message behind "t.yaml:2:6: top.v: ". */
static void
check_read(int code, const struct why *why, const char *value, const char *want)
{
    static const char place[] = "t.yaml:2:6: top.v: ";

    if (want[0] == '=') {
        assert_int_equal(code, 0);
        assert_string_equal(value, want + 1);
        return;
    }
    assert_int_not_equal(code, 0);
    assert_memory_equal(why->text, place, sizeof place - 1);
    assert_string_equal(why->text + sizeof place - 1, want);
}

static void
value(void **state)
{
    const struct value_row *row = *state;
    struct yaml_tree *tree;
    const struct yaml_node *node;
    struct why why = {0};
    char text[256];
    double real = 0;
    int64_t integer = 0;
    bool truth = false;
    const char *words = "";
    int code;

    snprintf(text, sizeof text, "top:\n  v: %s\n", row->text);
    tree = read_good(text);
    node = yaml_find_path(yaml_root(tree), "top.v");
    assert_int_equal(node->kind, row->kind);
    code = yaml_get_real(node, &real, &why);
    text_format_real(real, text);
    check_read(code, &why, text, row->real);
    code = yaml_get_integer(node, &integer, &why);
    snprintf(text, sizeof text, "%lld", (long long)integer);
    check_read(code, &why, text, row->integer);
    code = yaml_get_bool(node, &truth, &why);
    check_read(code, &why, truth ? "1" : "0", row->truth);
    code = yaml_get_text(node, &words, &why);
    check_read(code, &why, words, row->words);
    yaml_destroy(&tree);
}

/* ---- places and paths ---- */

static const char city[] = "economy:\n"
                           "  tax: 0.1   # a comment\n"
                           "agents:\n"
                           "  - kind: greedy\n"
                           "    count: 3\n"
                           "  - {kind: kind, count: 4}\n"
                           "none:\n"
                           "odd: {\"a.b\": {\"[x]\": 5}, 'q\"t': 6, \"7\": 8}\n"
                           "text: |\n"
                           "  two\n"
                           "  lines\n";

static const struct path_row {
    const char *name;
    const char *path, *shown; /* shown NULL: there is none */
    uint32_t line, column, key_line, key_column;
} path_rows[] = {
    {"a member", "economy", "economy", 2, 3, 1, 1},
    {"a member's member", "economy.tax", "economy.tax", 2, 8, 2, 3},
    {"an item in brackets", "agents[1]", "agents[1]", 6, 5, 0, 0},
    {"an item by dot", "agents.0.count", "agents[0].count", 5, 12, 5, 5},
    {"a member of a flow map", "agents[1].count", "agents[1].count", 6, 25, 6, 18},
    {"nothing as a value", "none", "none", 7, 6, 7, 1},
    {"a key with a dot", "odd.\"a.b\"", "odd.\"a.b\"", 8, 14, 8, 7},
    {"a key with brackets", "odd.\"a.b\".\"[x]\"", "odd.\"a.b\".\"[x]\"", 8, 22, 8, 15},
    {"a key with a quote", "odd.\"q\\\"t\"", "odd.\"q\\\"t\"", 8, 33, 8, 26},
    {"a key of digits", "odd.7", "odd.7", 8, 41, 8, 36},
    {"a block text", "text", "text", 9, 7, 9, 1},
    {"no such member", "economy.rate", NULL, 0, 0, 0, 0},
    {"past the end", "agents[2]", NULL, 0, 0, 0, 0},
    {"far past the end", "agents[99999999999]", NULL, 0, 0, 0, 0},
    {"an index into a map", "economy[0]", NULL, 0, 0, 0, 0},
    {"below a scalar", "economy.tax.x", NULL, 0, 0, 0, 0},
    {"a name in a list", "agents.kind", NULL, 0, 0, 0, 0},
    {"no path", "", NULL, 0, 0, 0, 0},
    {"a dot too many", "economy..tax", NULL, 0, 0, 0, 0},
    {"a dot at the end", "economy.", NULL, 0, 0, 0, 0},
    {"a bracket left open", "agents[0", NULL, 0, 0, 0, 0},
    {"a quote left open", "odd.\"7", NULL, 0, 0, 0, 0},
    {"an assignment", "economy.tax=3", NULL, 0, 0, 0, 0},
};

static void
path(void **state)
{
    const struct path_row *row = *state;
    struct yaml_tree *tree = read_good(city);
    const struct yaml_node *node = yaml_find_path(yaml_root(tree), row->path);
    char text[100];

    assert_int_equal(node != NULL, row->shown != NULL);
    if (node != NULL) {
        yaml_path(node, text, sizeof text);
        assert_string_equal(text, row->shown);
        assert_int_equal(node->line, row->line);
        assert_int_equal(node->column, row->column);
        assert_int_equal(node->key_line, row->key_line);
        assert_int_equal(node->key_column, row->key_column);
    }
    yaml_destroy(&tree);
}

/* ---- writing ---- */

static const struct write_row {
    const char *name;
    const char *text, *want;
} write_rows[] = {
    {"numbers as they were", "a: 1.50\nb: -3\nc: 1e3\n", "a: 1.50\nb: -3\nc: 1e3\n"},
    {"quoted numbers keep their quotes", "a: '12'\nb: \"1.5\"\n", "a: \"12\"\nb: \"1.5\"\n"},
    {"quoted words lose theirs", "a: 'x'\n\"b\": \"hello world\"\n", "a: x\nb: hello world\n"},
    {"booleans and words like them", "a: true\nb: 'true'\nc: yes\n", "a: true\nb: \"true\"\nc: \"yes\"\n"},
    {"null in all its forms", "a:\nb: ~\nc: null\nd: 'null'\n", "a: null\nb: null\nc: null\nd: \"null\"\n"},
    {"flow becomes block", "{a: [1, {b: 2, c: []}, [3, [4]]], d: {}}",
        "a:\n  - 1\n  - b: 2\n    c: []\n  - - 3\n    - - 4\nd: {}\n"},
    {"line breaks are escaped", "a: |\n  one\n  two\n", "a: \"one\\ntwo\\n\"\n"},
    {"what means something is quoted", "a: 'x: y'\nb: 'x #y'\nc: '- x'\nd: ' x'\ne: 'x '\nf: 'x:'\ng: '@x'\nh: ''\n",
        "a: \"x: y\"\nb: \"x #y\"\nc: \"- x\"\nd: \" x\"\ne: \"x \"\nf: \"x:\"\ng: \"@x\"\nh: \"\"\n"},
    {"colons inside words are not", "a: http://x/y\n", "a: http://x/y\n"},
    {"dates and times are quoted", "a: 2024-01-01\nb: 12:30\n", "a: \"2024-01-01\"\nb: \"12:30\"\n"},
    {"unicode as it is", "\xc3\xa9: \xe2\x82\xac\n", "\xc3\xa9: \xe2\x82\xac\n"},
    {"but not what looks like a line break", "a: \"x\\u2028\\x85\\ty\\a\"\n", "a: \"x\\u2028\\x85\\ty\\x07\"\n"},
    {"keys that need quotes", "\"a b\": 1\n\"3\": 2\n\"<<\": 3\n'---': 4\n",
        "a b: 1\n\"3\": 2\n\"<<\": 3\n\"---\": 4\n"},
    {"a scalar alone", "word", "word\n"},
    {"a list alone", "- 1\n-\n- a: 1\n", "- 1\n- null\n- a: 1\n"},
};

static void
write_canonical(void **state)
{
    const struct write_row *row = *state;
    struct yaml_tree *tree = read_good(row->text);
    struct yaml_tree *again = read_good(row->want);

    assert_written(yaml_root(tree), row->want);
    assert_written(yaml_root(again), row->want);
    assert_true(yaml_equal(yaml_root(tree), yaml_root(again)));
    yaml_destroy(&tree);
    yaml_destroy(&again);
}

/* Random trees of nasty texts come back equal, and the second writing is the first. */

static const char *const nasty[] = {
    "", " ", "a", "a b", " a", "a ", "a: b", "a:", ":a", ": ", "#", "a #b", "a#b", "-", "- a", "--- ", "---", "...",
    "?", "? a", "!x", "&x", "*x", "<<", "=", "|", ">", "%", "%YAML 1.2", "@a", "`a`", "'", "\"", "'a'", "\"a\"", "\\",
    "\\n", "\n", "a\nb", "\na", "a\n", "\t", "a\tb", "\ta", "\r", "\r\n", "{", "}", "{}", "[]", "[a", "a]", "a, b",
    ",", "1", "-1", "+1", "1.5", ".5", "5.", "1e3", "1e999", "0x1F", "0o7", "010", "1_000", ".inf", "-.inf", ".nan",
    "inf", "nan", "null", "Null", "NULL", "~", "true", "True", "TRUE", "false", "yes", "no", "on", "off", "y", "N",
    "2024-01-01", "12:30:45", "0", "-0", "\xc3\xa9", "\xe2\x82\xac uro", "\xf0\x9f\x98\x80", "\xc2\x85", "\xc2\xa0",
    "\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf", "a\xef\xbb\xbf", "\xef\xbf\xbe", "\x01", "\x7f", "a\x1b[0m",
    "\xc2\x80", "key", "http://x:1/y?z=1#f", "C:\\x", "a\n  b\n c", "  leading\n  lines\n", "x y  z", "a;b", "$x",
    "100%", "(a)", "~/x",
};
#define NASTY_COUNT (sizeof nasty / sizeof nasty[0])

static void
grow(struct yaml_tree *tree, struct yaml_node *node, uint32_t depth, struct rng *rng)
{
    uint32_t count = rng_below(rng, 6);
    struct yaml_tree *scratch = yaml_new("grown");

    for (uint32_t i = 0; i < count; i++) {
        const char *text = nasty[rng_below(rng, NASTY_COUNT)];
        const char *key = nasty[1 + rng_below(rng, NASTY_COUNT - 1)];
        uint32_t kind = rng_below(rng, depth > 6 ? 4 : 8);
        struct yaml_node *child;

        if (kind < 4)
            child = kind == 0 ? yaml_put_empty(scratch, yaml_root(scratch), "x", YAML_NULL)
                    : kind < 2 ? yaml_put_text(scratch, yaml_root(scratch), "x", text)
                               : yaml_put_quoted(scratch, yaml_root(scratch), "x", text);
        else
            child = yaml_put_empty(scratch, yaml_root(scratch), "x", kind < 6 ? YAML_MAP : YAML_LIST);
        if (node->kind == YAML_MAP)
            child = yaml_put(tree, node, key, child);
        else
            child = yaml_add(tree, node, child);
        if (kind >= 4)
            grow(tree, child, depth + 1, rng);
    }
    yaml_destroy(&scratch);
}

static void
check_seed(uint64_t seed)
{
    struct rng rng = rng_make(seed, 1, 0, 0);
    struct yaml_tree *tree = yaml_new("grown");
    struct yaml_tree *again = NULL;
    struct buffer first = {0};
    struct buffer second = {0};
    struct why why = {0};

    grow(tree, yaml_root(tree), 0, &rng);
    yaml_write(yaml_root(tree), &first);
    if (yaml_read_text("again", (const char *)first.data, first.size, &again, &why) != 0)
        fail_msg("seed %u: %s\n%.*s", (unsigned)seed, why.text, (int)first.size, (const char *)first.data);
    yaml_write(yaml_root(again), &second);
    if (!yaml_equal(yaml_root(tree), yaml_root(again)) || first.size != second.size ||
        memcmp(first.data, second.data, first.size) != 0)
        fail_msg("seed %u: not the same\n%.*s", (unsigned)seed, (int)first.size, (const char *)first.data);
    buffer_fini(&first);
    buffer_fini(&second);
    yaml_destroy(&tree);
    yaml_destroy(&again);
}

static void
round_trip(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 2000; seed++)
        check_seed(seed);
}

static void
equality(void **state)
{
    static const char *const pairs[][2] = {{"a: 1", "a: '1'"}, {"a: 1", "a: 1.0"}, {"a: 1", "b: 1"}, {"a: [1]",
        "a: [1, 1]"},
        {"a: {}", "a: []"}, {"a: ''", "a:"}, {"{a: 1, b: 2}", "{b: 2, a: 1}"}, {"[true]", "['true']"}};

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct yaml_tree *a = read_good(pairs[i][0]);
        struct yaml_tree *b = read_good(pairs[i][1]);

        assert_false(yaml_equal(yaml_root(a), yaml_root(b)));
        assert_true(yaml_equal(yaml_root(a), yaml_root(a)));
        yaml_destroy(&a);
        yaml_destroy(&b);
    }
}

/* ---- path=value ---- */

static const struct set_row {
    const char *name;
    const char *before, *assignment;
    int code;
    const char *want; /* what is written, or the reason */
} set_rows[] = {
    {"replaces a value", "a: 1\nb: 2\n", "a=3", 0, "a: 3\nb: 2\n"},
    {"adds a value", "a: 1\n", "b=x", 0, "a: 1\nb: x\n"},
    {"makes maps on the way", "a: 1\n", "b.c.d=true", 0, "a: 1\nb:\n  c:\n    d: true\n"},
    {"makes a map of null", "a:\n", "a.b=1", 0, "a:\n  b: 1\n"},
    {"sets an item", "a: [1, 2]\n", "a[1]=5", 0, "a:\n  - 1\n  - 5\n"},
    {"sets an item by dot", "a: [{c: 1}, 2]\n", "a.0.c=5", 0, "a:\n  - c: 5\n  - 2\n"},
    {"adds to an item", "a: [{c: 1}]\n", "a[0].d=5", 0, "a:\n  - c: 1\n    d: 5\n"},
    {"takes a list", "a: 1\n", "a=[1, {b: 2}]", 0, "a:\n  - 1\n  - b: 2\n"},
    {"takes an equal sign in the value", "a: 1\n", "a=b=c", 0, "a: b=c\n"},
    {"takes nothing as null", "a: 1\n", "a=", 0, "a: null\n"},
    {"keeps the quotes of a number", "a: 1\n", "a=\"1\"", 0, "a: \"1\"\n"},
    {"takes a quoted key", "a: 1\n", "\"x.y\"=1", 0, "a: 1\nx.y: 1\n"},
    {"takes a quoted number as a key", "a: 1\n", "m.\"3\"=1", 0, "a: 1\nm:\n  \"3\": 1\n"},
    {"refuses an item past the end", "a: [1, 2]\n", "a[2]=5", ERR_UNKNOWN,
        "-s: a[2]: there is no item 2; the list has 2, counted from 0"},
    {"refuses a name in a list", "a: [1, 2]\n", "a.b=5", ERR_INVALID,
        "-s: a.b: 'b' is no item of a list; write its number, from 0"},
    {"refuses a way through a scalar", "a: {b: 1}\n", "a.b.c=5", ERR_INVALID,
        "-s: a.b.c: 'c' lies below a value that is no map"},
    {"refuses to make a list", "a: 1\n", "b[0]=5", ERR_UNKNOWN,
        "-s: b[0]: there is no list with an item 0; set the whole list, or quote a key"},
    {"refuses an index into a map", "a: {b: 1}\n", "a[0]=5", ERR_UNKNOWN,
        "-s: a[0]: there is no list with an item 0; set the whole list, or quote a key"},
    {"refuses a missing value", "a: 1\n", "a", ERR_INVALID, "-s: a: no value; write path=value"},
    {"refuses a missing path", "a: 1\n", "=1", ERR_INVALID,
        "-s: =1: no path at '=1'; write path=value, as in agents[0].count=3"},
    {"refuses a broken path", "a: 1\n", "a..b=1", ERR_INVALID,
        "-s: a..b=1: no path at '..b=1'; write path=value, as in agents[0].count=3"},
    {"refuses a broken value", "a: 1\n", "a.b=[1, 2", ERR_FORMAT,
        "-s: a.b: did not find expected ',' or ']' while parsing a flow sequence that begins in line 1; check the "
        "indentation, the colons and the quotes"},
    {"refuses an alias", "a: 1\n", "economy.tax=*x", ERR_INVALID,
        "-s: economy.tax: aliases (*x) are not read; write the value out, or quote a text that begins with *"},
    {"refuses too many steps", "a: 1\n", "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=1",
        ERR_LIMIT,
        "-s: a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=1: the path has over 32 steps"},
    {"refuses too deep a value", "b: 1\n", "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=[]",
        ERR_LIMIT,
        "-s: a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a: deeper than 32 levels"},
    {"refuses bytes that are no text", "a: 1\n", "a=\xff", ERR_FORMAT, "-s: an assignment is not UTF-8"},
};

static void
set(void **state)
{
    const struct set_row *row = *state;
    struct yaml_tree *tree = read_good(row->before);
    struct yaml_tree *before = read_good(row->before);
    struct why why = {0};

    assert_int_equal(yaml_set(tree, "-s", row->assignment, &why), row->code);
    if (row->code == 0) {
        assert_written(yaml_root(tree), row->want);
    } else {
        assert_string_equal(why.text, row->want);
        assert_true(yaml_equal(yaml_root(tree), yaml_root(before)));
    }
    yaml_destroy(&tree);
    yaml_destroy(&before);
}

static void
set_place(void **state)
{
    struct yaml_tree *tree = read_good("economy: {tax: 0.1}\n");
    struct why why = {0};
    double real;

    (void)state;
    assert_int_equal(yaml_set(tree, "-s", "economy.tax=[high]", &why), 0);
    assert_int_not_equal(yaml_get_real(yaml_find_path(yaml_root(tree), "economy.tax[0]"), &real, &why), 0);
    assert_string_equal(why.text, "-s: economy.tax[0]: expected a number, found 'high'");
    yaml_destroy(&tree);
}

/* ---- merging and editing ---- */

static const struct merge_row {
    const char *name;
    const char *base, *over, *want;
} merge_rows[] = {
    {"members side by side", "a: 1\n", "b: 2\n", "a: 1\nb: 2\n"},
    {"the upper one wins", "a: 1\nb: 2\n", "a: 3\n", "a: 3\nb: 2\n"},
    {"maps merge deep down", "a: {b: {c: 1, d: 2}}\n", "a: {b: {d: 3, e: 4}}\n",
        "a:\n  b:\n    c: 1\n    d: 3\n    e: 4\n"},
    {"lists replace", "a: [1, 2, 3]\n", "a: [4]\n", "a:\n  - 4\n"},
    {"a scalar replaces a map", "a: {b: 1}\n", "a: 5\n", "a: 5\n"},
    {"a map replaces a scalar", "a: 5\n", "a: {b: 1}\n", "a:\n  b: 1\n"},
    {"null replaces", "a: 5\n", "a:\n", "a: null\n"},
    {"null at the root changes nothing", "a: 5\n", "---\n~\n", "a: 5\n"},
};

static void
merge(void **state)
{
    const struct merge_row *row = *state;
    struct yaml_tree *tree = read_good(row->base);
    struct yaml_tree *over = read_good(row->over);

    yaml_merge(tree, yaml_root(over));
    yaml_destroy(&over); /* nothing of it may be in the tree */
    assert_written(yaml_root(tree), row->want);
    yaml_destroy(&tree);
}

static void
edit(void **state)
{
    struct yaml_tree *tree = yaml_new("made");
    struct yaml_node *root = yaml_root(tree);
    struct yaml_node *list;

    (void)state;
    assert_written(root, "{}\n");
    yaml_put_text(tree, root, "seed", "42");
    yaml_put_quoted(tree, root, "name", "42");
    list = yaml_put_empty(tree, root, "list", YAML_LIST);
    yaml_add(tree, list, yaml_find(root, "seed"));
    yaml_add(tree, list, list);
    assert_written(root, "seed: 42\nname: \"42\"\nlist:\n  - 42\n  - - 42\n");
    yaml_put(tree, root, "seed", list);
    assert_written(root, "seed:\n  - 42\n  - - 42\nname: \"42\"\nlist:\n  - 42\n  - - 42\n");
    yaml_remove(tree, list->first);
    yaml_remove(tree, yaml_find(root, "seed"));
    yaml_put_text(tree, root, "bad", "x\xff");
    assert_written(root, "name: \"42\"\nlist:\n  - - 42\nbad: x\xef\xbf\xbd\n");
    assert_int_equal(root->count, 3);
    assert_null(yaml_find(root, "seed"));
    assert_null(yaml_find(NULL, "seed"));
    assert_null(yaml_find(list, "seed"));
    yaml_destroy(&tree);
    assert_null(tree);
    yaml_destroy(&tree);
}

static void
failures(void **state)
{
    struct yaml_tree *tree = read_good(city);
    struct why why = {0};
    const struct yaml_node *count = yaml_find_path(yaml_root(tree), "agents[0].count");

    (void)state;
    assert_int_equal(yaml_fail(count, &why, ERR_LIMIT, "over %d", 2), ERR_LIMIT);
    assert_string_equal(why.text, "t.yaml:5:12: agents[0].count: over 2");
    assert_int_equal(yaml_fail_key(count, &why, ERR_UNKNOWN, "unknown"), ERR_UNKNOWN);
    assert_string_equal(why.text, "t.yaml:5:5: agents[0]: unknown");
    assert_int_equal(yaml_fail(yaml_root(tree), &why, ERR_STATE, "no"), ERR_STATE);
    assert_string_equal(why.text, "t.yaml:1:1: no");
    assert_int_equal(yaml_fail(NULL, &why, ERR_STATE, "nowhere"), ERR_STATE);
    assert_string_equal(why.text, "nowhere");
    assert_int_equal(yaml_fail(count, NULL, ERR_LIMIT, "unheard"), ERR_LIMIT);
    yaml_destroy(&tree);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"bounds of size, depth and number", bounds},
        {"files that are there, and others", files},
        {"written trees read back equal", round_trip},
        {"trees that are not equal", equality},
        {"an override's place is its name", set_place},
        {"trees made by hand", edit},
        {"failures name their place", failures},
    };
    int failed = 0;

    failed += TEST_ROWS("yaml_read refuses", refused_rows, refused);
    failed += TEST_ROWS("yaml_get", value_rows, value);
    failed += TEST_ROWS("yaml_find_path", path_rows, path);
    failed += TEST_ROWS("yaml_write", write_rows, write_canonical);
    failed += TEST_ROWS("yaml_set", set_rows, set);
    failed += TEST_ROWS("yaml_merge", merge_rows, merge);
    failed += TEST_CASES("yaml", cases);
    return failed;
}
