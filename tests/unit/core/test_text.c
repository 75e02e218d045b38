#include "core/text.h"

#include "core/rng.h"
#include "tests/support/test.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- UTF-8 ---- */

static const struct utf8_row {
    const char *name;
    const char *bytes;
    size_t size, valid;
} utf8_rows[] = {
    {"nothing is valid", "", 0, 0},
    {"ASCII", "abc", 3, 3},
    {"two, three and four bytes", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, 9},
    {"a zero byte is a code point", "a\0b", 3, 3},
    {"the last code point", "\xf4\x8f\xbf\xbf", 4, 4},
    {"refuses one past the last", "a\xf4\x90\x80\x80", 5, 1},
    {"refuses a lone continuation", "ab\x80", 3, 2},
    {"refuses a cut sequence", "ab\xe2\x82", 4, 2},
    {"refuses a broken sequence", "\xe2\x28\xa1", 3, 0},
    {"refuses an overlong slash", "\xc0\xaf", 2, 0},
    {"refuses an overlong euro", "\xf0\x82\x82\xac", 4, 0},
    {"refuses a surrogate", "x\xed\xa0\x80", 4, 1},
    {"takes the code point below the surrogates", "\xed\x9f\xbf", 3, 3},
    {"refuses 0xff", "\xff", 1, 0},
};

static void
utf8(void **state)
{
    const struct utf8_row *row = *state;

    assert_int_equal(text_valid_size(row->bytes, row->size), row->valid);
    assert_int_equal(text_is_utf8(row->bytes, row->size), row->valid == row->size);
}

static const struct cut_row {
    const char *name;
    const char *text;
    size_t max, cut;
} cut_rows[] = {
    {"keeps what fits", "abc", 3, 3},
    {"cuts ASCII anywhere", "abc", 2, 2},
    {"cuts to nothing", "abc", 0, 0},
    {"does not split two bytes", "a\xc3\xa9", 2, 1},
    {"does not split three bytes", "a\xe2\x82\xac", 3, 1},
    {"does not split four bytes", "\xf0\x9f\x98\x80z", 3, 0},
    {"keeps a whole one before the cut", "\xf0\x9f\x98\x80z", 4, 4},
    {"cuts bytes that are no text at the bound", "\x80\x80\x80\x80\x80\x80\x80\x80", 6, 6},
};

static void
cut(void **state)
{
    const struct cut_row *row = *state;
    char copy[16];

    assert_int_equal(text_cut(row->text, strlen(row->text), row->max), row->cut);
    assert_int_equal(text_copy(copy, row->max + 1, row->text), row->cut == strlen(row->text));
    assert_int_equal(strlen(copy), row->cut);
    assert_memory_equal(copy, row->text, row->cut);
}

/* ---- misspellings ---- */

static const struct distance_row {
    const char *name;
    const char *a, *b;
    uint32_t want;
} distance_rows[] = {
    {"equal", "tax", "tax", 0},
    {"both empty", "", "", 0},
    {"one empty", "", "rate", 4},
    {"substitution", "rate", "rite", 1},
    {"insertion", "rate", "rates", 1},
    {"deletion", "rate", "rte", 1},
    {"a swap is one slip", "epohcs", "epochs", 1},
    {"kitten, sitting", "kitten", "sitting", 3},
    {"optimal string alignment of ca and abc", "ca", "abc", 3},
    {"long equal texts", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0},
    {"a long text is wholly different",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a", 70},
};

static void
distance(void **state)
{
    const struct distance_row *row = *state;

    assert_int_equal(text_distance(row->a, row->b), row->want);
    assert_int_equal(text_distance(row->b, row->a), row->want);
}

static const struct nearest_row {
    const char *name;
    const char *word, *want;
} nearest_rows[] = {
    {"a swap", "epohcs", "epochs"},
    {"a missing letter", "spli", "split"},
    {"a letter too many", "ratee", "rate"},
    {"two slips in a long word", "transactoin_txa", "transaction_tax"},
    {"nothing near", "volume", NULL},
    {"one letter is near nothing", "r", NULL},
    {"the first wins a tie", "raxe", "rate"},
};

static void
nearest(void **state)
{
    static const char *const names[] = {"rate", "split", "epochs", "race", "transaction_tax"};
    const struct nearest_row *row = *state;
    struct text_nearest near = {.name = row->word};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        text_nearest_offer(&near, names[i]);
    if (row->want == NULL)
        assert_null(near.best);
    else
        assert_string_equal(near.best, row->want);
}

/* ---- numbers ---- */

static const struct number_row {
    const char *name;
    const char *text;
    int real_code;
    double real;
    int integer_code;
    int64_t integer;
} number_rows[] = {
    {"zero", "0", 0, 0, 0, 0},
    {"a negative", "-12", 0, -12, 0, -12},
    {"a plus sign", "+7", 0, 7, 0, 7},
    {"negative zero", "-0", 0, -0.0, 0, 0},
    {"a fraction is no integer", "3.5", 0, 3.5, ERR_INVALID, 0},
    {"a whole real is no integer", "3.0", 0, 3, ERR_INVALID, 0},
    {"an exponent is no integer", "1e3", 0, 1000, ERR_INVALID, 0},
    {"no digit before the point", ".5", 0, 0.5, ERR_INVALID, 0},
    {"no digit behind the point", "5.", 0, 5, ERR_INVALID, 0},
    {"a signed exponent", "25E-2", 0, 0.25, ERR_INVALID, 0},
    {"the largest int64", "9223372036854775807", 0, 0x1p63, 0, INT64_MAX},
    {"one too large", "9223372036854775808", 0, 0x1p63, ERR_LIMIT, 0},
    {"the smallest int64", "-9223372036854775808", 0, -0x1p63, 0, INT64_MIN},
    {"one too small", "-9223372036854775809", 0, -0x1p63, ERR_LIMIT, 0},
    {"twenty digits", "99999999999999999999", 0, 1e20, ERR_LIMIT, 0},
    {"refuses an overflow", "1e999", ERR_LIMIT, 0, ERR_INVALID, 0},
    {"an underflow is zero", "1e-999", 0, 0, ERR_INVALID, 0},
    {"the smallest double", "5e-324", 0, 5e-324, ERR_INVALID, 0},
    {"refuses nothing", "", ERR_INVALID, 0, ERR_INVALID, 0},
    {"refuses a lone point", ".", ERR_INVALID, 0, ERR_INVALID, 0},
    {"refuses a lone sign", "-", ERR_INVALID, 0, ERR_INVALID, 0},
    {"refuses a space before", " 1", ERR_INVALID, 0, ERR_INVALID, 0},
    {"refuses a space behind", "1 ", ERR_INVALID, 0, ERR_INVALID, 0},
    {"refuses a unit", "5s", ERR_INVALID, 0, ERR_INVALID, 0},
    {"refuses inf", "inf", ERR_INVALID, 0, ERR_INVALID, 0},
    {"refuses .inf", ".inf", ERR_INVALID, 0, ERR_INVALID, 0},
    {"refuses nan", "nan", ERR_INVALID, 0, ERR_INVALID, 0},
    {"refuses hexadecimal", "0x10", ERR_INVALID, 0, ERR_INVALID, 0},
    {"refuses a hexadecimal float", "0x1p3", ERR_INVALID, 0, ERR_INVALID, 0},
    {"refuses a decimal comma", "1,5", ERR_INVALID, 0, ERR_INVALID, 0},
    {"refuses digit groups", "1_000", ERR_INVALID, 0, ERR_INVALID, 0},
    {"refuses an empty exponent", "1e", ERR_INVALID, 0, ERR_INVALID, 0},
    {"refuses an exponent of a sign", "1e+", ERR_INVALID, 0, ERR_INVALID, 0},
    {"refuses leading zeros", "010", ERR_INVALID, 0, ERR_INVALID, 0},
    {"refuses leading zeros of a real", "00.5", ERR_INVALID, 0, ERR_INVALID, 0},
    {"refuses two signs", "--1", ERR_INVALID, 0, ERR_INVALID, 0},
};

static void
number(void **state)
{
    const struct number_row *row = *state;
    struct why why = {0};
    double real = 42;
    int64_t integer = 42;

    assert_int_equal(text_parse_real(row->text, &real, &why), row->real_code);
    assert_true(real == (row->real_code == 0 ? row->real : 42));
    assert_true(row->real_code == 0 || why.text[0] != '\0');
    assert_int_equal(text_parse_integer(row->text, &integer, &why), row->integer_code);
    assert_true(integer == (row->integer_code == 0 ? row->integer : 42));
}

static const struct format_row {
    const char *name;
    double value;
    const char *want;
} format_rows[] = {
    {"zero", 0, "0"},
    {"negative zero", -0.0, "-0"},
    {"a tenth", 0.1, "0.1"},
    {"three tenths are not 0.1 + 0.2", 0.1 + 0.2, "0.30000000000000004"},
    {"a third in 16 digits", 1.0 / 3, "0.3333333333333333"},
    {"a million", 1e6, "1000000"},
    {"a large one", 1e300, "1e+300"},
    {"the smallest double", 5e-324, "4.94065645841247e-324"},
    {"the largest double", 0x1.fffffffffffffp1023, "1.7976931348623157e+308"},
    {"2^53 + 2", 9007199254740994.0, "9007199254740994"},
    {"infinity", INFINITY, "inf"},
    {"negative infinity", -INFINITY, "-inf"},
    {"no number", NAN, "nan"},
};

static void
format_real(void **state)
{
    const struct format_row *row = *state;
    char text[TEXT_NUMBER_SIZE];

    text_format_real(row->value, text);
    assert_string_equal(text, row->want);
}

/* Every double comes back the same, whatever its bits. */
static void
round_trip(void **state)
{
    struct rng rng = rng_make(7, 1, 0, 0);

    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = rng_u64(&rng);
        char text[TEXT_NUMBER_SIZE];
        double value, back;

        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        text_format_real(value, text);
        assert_int_equal(text_parse_real(text, &back, NULL), 0);
        assert_memory_equal(&back, &value, sizeof value);
    }
}

/* A locale with a decimal comma changes nothing. Where none is installed the check shows less, but holds. */
static void
locale(void **state)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8"};
    char text[TEXT_NUMBER_SIZE];
    double value = 0;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (setlocale(LC_ALL, names[i]) != NULL)
            break;
    text_format_real(0.5, text);
    assert_string_equal(text, "0.5");
    assert_int_equal(text_parse_real("2.25", &value, NULL), 0);
    assert_true(value == 2.25);
    setlocale(LC_ALL, "C");
}

/* ---- sizes, durations, JSON ---- */

static const struct unit_row {
    const char *name;
    uint64_t value;
    const char *size, *duration;
} unit_rows[] = {
    {"nothing", 0, "0 B", "0ms"},
    {"below the first unit", 999, "999 B", "999ms"},
    {"the last byte", 1023, "1023 B", "1.0s"},
    {"one KiB", 1024, "1.0 KiB", "1.0s"},
    {"one and a half KiB", 1536, "1.5 KiB", "1.5s"},
    {"rounds up into the next unit", 1048575, "1.0 MiB", "17m 28s"},
    {"three minutes and twelve seconds", 192000, "187.5 KiB", "3m 12s"},
    {"1.2 GiB", 1288490189, "1.2 GiB", "14d 21h"},
    {"an hour and five minutes", 3900000, "3.7 MiB", "1h 5m"},
    {"the largest", UINT64_MAX, "16.0 EiB", "213503982334d 14h"},
};

static void
units(void **state)
{
    const struct unit_row *row = *state;
    char text[TEXT_NUMBER_SIZE];

    text_format_size(row->value, text);
    assert_string_equal(text, row->size);
    text_format_duration(row->value, text);
    assert_string_equal(text, row->duration);
}

static const struct json_row {
    const char *name;
    const char *bytes;
    size_t size;
    const char *want;
} json_rows[] = {
    {"empty", "", 0, "\"\""},
    {"plain", "tax", 3, "\"tax\""},
    {"quotes and backslash", "a\"b\\c", 5, "\"a\\\"b\\\\c\""},
    {"line breaks and tab", "a\nb\rc\td", 7, "\"a\\nb\\rc\\td\""},
    {"control bytes and zero", "\x01\0\x7f", 3, "\"\\u0001\\u0000\\u007f\""},
    {"unicode as it is", "\xe2\x82\xac", 3, "\"\xe2\x82\xac\""},
    {"bad bytes are replaced", "a\xff\xc3", 3, "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
};

static void
json(void **state)
{
    const struct json_row *row = *state;
    struct buffer out = {0};

    text_add_json(&out, row->bytes, row->size);
    assert_int_equal(out.size, strlen(row->want));
    assert_memory_equal(out.data, row->want, out.size);
    buffer_fini(&out);
}

static void
buffers(void **state)
{
    struct buffer out = {0};
    char longer[400];

    (void)state;
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    text_add(&out, "a");
    text_addf(&out, "%d-%s", 5, longer);
    text_add_valid(&out, "\xc3\xa9\xc3z", 4);
    buffer_append(&out, "", 1);
    assert_int_equal(out.size, 1 + 2 + 399 + 6 + 1);
    assert_memory_equal(out.data, "a5-xxx", 6);
    assert_string_equal((const char *)out.data + 402, "\xc3\xa9\xef\xbf\xbdz");
    buffer_fini(&out);
}

/* Long runs of ASCII are looked at by words: what stands where in a word changes nothing. */
static void
runs(void **state)
{
    static const char *const pieces[] = {"a",    "bcdefghij", "\"",               "\\",   "\n",   "\x01",
                                         "\x7f", "\xc3\xa9",  "\xf0\x9f\x98\x80", "\x80", "\xc3", "\xed\xa0\x80"};
    uint64_t draw = 88172645463325252u;

    (void)state;
    for (uint32_t round = 0; round < 20000; round++) {
        struct buffer text = {0}, whole = {0}, parts = {0};
        size_t valid = 0;

        for (uint32_t i = 0; i < round % 40 + 1; i++) {
            draw ^= draw << 13, draw ^= draw >> 7, draw ^= draw << 17;
            text_add(&text, pieces[draw % 3 == 0 ? draw / 3 % 12 : draw / 3 % 2]);
        }
        for (size_t at = 0, size; at < text.size; at += size) {
            const char *bytes = (const char *)text.data + at;
            size_t start = parts.size;

            size = text_decode(bytes, text.size - at, NULL);
            valid += size > 0 && valid == at ? size : 0;
            size = size > 0 ? size : 1;
            text_add_json(&parts, bytes, size); /* one at a time; without its quotes */
            memmove(parts.data + start, parts.data + start + 1, parts.size - start - 2);
            parts.size -= 2;
        }
        assert_int_equal(text_valid_size((const char *)text.data, text.size), valid);
        text_add_json(&whole, (const char *)text.data, text.size);
        assert_int_equal(whole.size, parts.size + 2);
        assert_memory_equal(whole.data + 1, parts.data, parts.size);
        buffer_fini(&text);
        buffer_fini(&whole);
        buffer_fini(&parts);
    }
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"runs and code points say the same", runs},
        {"doubles come back the same", round_trip},
        {"the locale changes nothing", locale},
        {"texts grow in buffers", buffers},
    };
    int failed = 0;

    failed += TEST_ROWS("text_utf8", utf8_rows, utf8);
    failed += TEST_ROWS("text_cut", cut_rows, cut);
    failed += TEST_ROWS("text_distance", distance_rows, distance);
    failed += TEST_ROWS("text_nearest", nearest_rows, nearest);
    failed += TEST_ROWS("text_parse", number_rows, number);
    failed += TEST_ROWS("text_format_real", format_rows, format_real);
    failed += TEST_ROWS("text_units", unit_rows, units);
    failed += TEST_ROWS("text_json", json_rows, json);
    failed += TEST_CASES("text", cases);
    return failed;
}
