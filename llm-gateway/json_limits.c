#include "llm-gateway/json_limits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/text.h"

const struct json_limits json_limits_envelope = {
    .size_max = 1u << 20, .depth_max = 32, .decades_max = 300, .zero_bytes = true};
const struct json_limits json_limits_answer = {.size_max = 64u << 10, .depth_max = 16, .decades_max = 15};

/* What may come next. */
enum expect { EXPECT_VALUE, EXPECT_ITEM_OR_END, EXPECT_KEY, EXPECT_KEY_OR_END, EXPECT_COLON, EXPECT_COMMA, EXPECT_END };

struct scan {
    const struct json_limits *limits;
    const char *text;
    size_t size, at;
    uint32_t depth;
    bool in_object[JSON_LIMITS_DEPTH_MAX];
    bool wide; /* a whole number that does not fit int64 */
};

static int
refuse(const struct scan *self, struct why *why, const char *what)
{
    return fail(why, ERR_FORMAT, "%s at byte %zu", what, self->at);
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char
peek(const struct scan *self)
{
    return self->at < self->size ? self->text[self->at] : '\0';
}

/* Four hexadecimal digits; false when they are none. */
static bool
scan_hex(struct scan *self, uint32_t *out)
{
    uint32_t value = 0;

    if (self->size - self->at < 4)
        return false;
    for (uint32_t i = 0; i < 4; i++) {
        char c = self->text[self->at + i];
        uint32_t digit;

        if (is_digit(c))
            digit = (uint32_t)(c - '0');
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            digit = (uint32_t)((c | 0x20) - 'a') + 10;
        else
            return false;
        value = value << 4 | digit;
    }
    self->at += 4;
    *out = value;
    return true;
}

/* Behind the backslash. */
static int
scan_escape(struct scan *self, struct why *why)
{
    uint32_t high, low;
    char c = peek(self);

    if (c == '\0' || strchr("\"\\/bfnrtu", c) == NULL)
        return refuse(self, why, "no such escape");
    self->at++;
    if (c != 'u')
        return 0;
    if (!scan_hex(self, &high))
        return refuse(self, why, "\\u without four digits");
    if (high == 0 && !self->limits->zero_bytes)
        return refuse(self, why, "a zero byte");
    if (high >= 0xdc00 && high <= 0xdfff)
        return refuse(self, why, "half a surrogate pair");
    if (high < 0xd800 || high > 0xdbff)
        return 0;
    if (self->size - self->at < 2 || self->text[self->at] != '\\' || self->text[self->at + 1] != 'u')
        return refuse(self, why, "half a surrogate pair");
    self->at += 2;
    if (!scan_hex(self, &low) || low < 0xdc00 || low > 0xdfff)
        return refuse(self, why, "half a surrogate pair");
    return 0;
}

/* At the opening quote. */
static int
scan_string(struct scan *self, struct why *why)
{
    int code;

    self->at++;
    while (self->at < self->size) {
        unsigned char c = (unsigned char)self->text[self->at];

        if (c == '"') {
            self->at++;
            return 0;
        }
        if (c == '\\') {
            self->at++;
            code = scan_escape(self, why);
            if (code != 0)
                return code;
        } else if (c < 0x20) {
            return refuse(self, why, "a control character in a text");
        } else if (c < 0x80) {
            self->at++;
        } else {
            size_t length = text_decode(self->text + self->at, self->size - self->at, NULL);

            if (length == 0)
                return refuse(self, why, "bytes that are not UTF-8");
            self->at += length;
        }
    }
    return refuse(self, why, "a text without its end");
}

/* The exponent behind e or E, saturated. */
static bool
scan_exponent(struct scan *self, int64_t *out)
{
    bool minus = peek(self) == '-';
    int64_t value = 0;

    if (minus || peek(self) == '+')
        self->at++;
    if (!is_digit(peek(self)))
        return false;
    for (; is_digit(peek(self)); self->at++)
        if (value < 100000000)
            value = value * 10 + (peek(self) - '0');
    *out = minus ? -value : value;
    return true;
}

/* The grammar of RFC 8259, and the decimal place of the first digit that is not zero: |x| < 10^n exactly when that
 * place is below n, so no floating point decides. */
static int
scan_number(struct scan *self, struct why *why)
{
    int64_t place = 0; /* digits in front of the point from the first that is not zero; or minus the zeros behind it */
    int64_t exponent = 0;
    bool some = false; /* a digit that is not zero was seen */
    bool whole = true;
    size_t start;

    if (peek(self) == '-')
        self->at++;
    start = self->at;
    for (; is_digit(peek(self)); self->at++) {
        some = some || peek(self) != '0';
        place += some;
    }
    if (self->at == start || (self->text[start] == '0' && self->at - start > 1))
        return refuse(self, why, "no number");
    if (peek(self) == '.') {
        whole = false;
        start = ++self->at;
        for (; is_digit(peek(self)); self->at++) {
            if (!some && peek(self) == '0')
                place--;
            else
                some = true;
        }
        if (self->at == start)
            return refuse(self, why, "a number that ends with its point");
    }
    if (peek(self) == 'e' || peek(self) == 'E') {
        whole = false;
        self->at++;
        if (!scan_exponent(self, &exponent))
            return refuse(self, why, "a number that ends with its exponent");
    }
    if (some && place + exponent > (int64_t)self->limits->decades_max)
        return fail(why, ERR_LIMIT, "a number of 1e%" PRIu32 " or more ends at byte %zu", self->limits->decades_max,
                    self->at);
    self->wide = self->wide || (whole && place > 18);
    return 0;
}

static int
scan_word(struct scan *self, struct why *why)
{
    static const char *const words[] = {"true", "false", "null"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i]);

        if (self->size - self->at >= length && memcmp(self->text + self->at, words[i], length) == 0) {
            self->at += length;
            return 0;
        }
    }
    return refuse(self, why, "no value");
}

static int
scan_open(struct scan *self, bool object, enum expect *expect, struct why *why)
{
    if (self->depth >= self->limits->depth_max)
        return fail(why, ERR_LIMIT, "more than %" PRIu32 " levels at byte %zu", self->limits->depth_max, self->at);
    self->in_object[self->depth++] = object;
    self->at++;
    *expect = object ? EXPECT_KEY_OR_END : EXPECT_ITEM_OR_END;
    return 0;
}

static void
scan_close(struct scan *self, enum expect *expect)
{
    self->at++;
    self->depth--;
    *expect = self->depth == 0 ? EXPECT_END : EXPECT_COMMA;
}

static int
scan_value(struct scan *self, enum expect *expect, struct why *why)
{
    char c = peek(self);

    if (c == '{' || c == '[')
        return scan_open(self, c == '{', expect, why);
    *expect = self->depth == 0 ? EXPECT_END : EXPECT_COMMA;
    if (c == '"')
        return scan_string(self, why);
    if (c == '-' || is_digit(c))
        return scan_number(self, why);
    return scan_word(self, why);
}

/* One token, which is not blank. */
static int
scan_token(struct scan *self, enum expect *expect, struct why *why)
{
    char c = peek(self);

    switch (*expect) {
    case EXPECT_ITEM_OR_END:
        if (c == ']') {
            scan_close(self, expect);
            return 0;
        }
        return scan_value(self, expect, why);
    case EXPECT_VALUE: return scan_value(self, expect, why);
    case EXPECT_KEY_OR_END:
    case EXPECT_KEY:
        if (c == '}' && *expect == EXPECT_KEY_OR_END) {
            scan_close(self, expect);
            return 0;
        }
        *expect = EXPECT_COLON;
        return c == '"' ? scan_string(self, why) : refuse(self, why, "no key");
    case EXPECT_COLON:
        *expect = EXPECT_VALUE;
        self->at++;
        return c == ':' ? 0 : refuse(self, why, "no colon");
    case EXPECT_COMMA:
        if (c == (self->in_object[self->depth - 1] ? '}' : ']')) {
            scan_close(self, expect);
            return 0;
        }
        *expect = self->in_object[self->depth - 1] ? EXPECT_KEY : EXPECT_VALUE;
        self->at++;
        return c == ',' ? 0 : refuse(self, why, "neither a comma nor the end of a list or object");
    case EXPECT_END: break;
    }
    return refuse(self, why, "something behind the value");
}

static int
scan_all(struct scan *self, struct why *why)
{
    enum expect expect = EXPECT_VALUE;
    int code = 0;

    if (self->size > self->limits->size_max)
        return fail(why, ERR_LIMIT, "%zu bytes where %zu are allowed", self->size, self->limits->size_max);
    while (code == 0) {
        while (self->at < self->size && is_blank(self->text[self->at]))
            self->at++;
        if (self->at >= self->size)
            break;
        code = scan_token(self, &expect, why);
    }
    if (code == 0 && expect != EXPECT_END)
        return refuse(self, why, "the text ends too early");
    return code;
}

int
json_limits_check(const struct json_limits *self, const char *text, size_t size, struct why *why)
{
    struct scan scan = {.limits = self, .text = text, .size = size};

    ASSERT(self->depth_max <= JSON_LIMITS_DEPTH_MAX && (text != NULL || size == 0));
    return scan_all(&scan, why);
}

int
json_limits_parse(const struct json_limits *self, const char *text, size_t size, json_t **out, struct why *why)
{
    struct scan scan = {.limits = self, .text = text, .size = size};
    size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES;
    json_error_t error;
    int code;

    ASSERT(self->depth_max <= JSON_LIMITS_DEPTH_MAX && (text != NULL || size == 0));
    *out = NULL;
    code = scan_all(&scan, why);
    if (code != 0)
        return code;
    flags |= self->zero_bytes ? JSON_ALLOW_NUL : 0;
    flags |= scan.wide ? JSON_DECODE_INT_AS_REAL : 0;
    *out = json_loadb(text, size, flags, &error);
    if (*out == NULL)
        return fail(why, ERR_FORMAT, "%s at byte %d",
                    json_error_code(&error) == json_error_duplicate_key ? "a duplicate key" : "no value",
                    error.position);
    return 0;
}

void
json_limits_write(const json_t *value, struct buffer *out)
{
    char number[TEXT_NUMBER_SIZE];
    const char *comma = "";
    const char *key;
    json_t *member;
    size_t i;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        text_add(out, "{");
        json_object_foreach((json_t *)(uintptr_t)value, key, member) {
            text_add(out, comma);
            text_add_json(out, key, strlen(key));
            text_add(out, ":");
            json_limits_write(member, out);
            comma = ",";
        }
        text_add(out, "}");
        break;
    case JSON_ARRAY:
        text_add(out, "[");
        json_array_foreach(value, i, member) {
            text_add(out, comma);
            json_limits_write(member, out);
            comma = ",";
        }
        text_add(out, "]");
        break;
    case JSON_STRING: text_add_json(out, json_string_value(value), json_string_length(value)); break;
    case JSON_INTEGER: text_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value)); break;
    case JSON_REAL:
        /* Minus zero is zero: written as -0 it would be read as a whole number and lose its sign there. */
        text_format_real(json_real_value(value) == 0.0 ? 0.0 : json_real_value(value), number);
        text_add(out, number);
        break;
    case JSON_TRUE: text_add(out, "true"); break;
    case JSON_FALSE: text_add(out, "false"); break;
    case JSON_NULL: text_add(out, "null"); break;
    }
}
