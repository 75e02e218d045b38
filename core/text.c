#include "core/text.h"

#include "core/assert.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t
text_decode(const char *bytes, size_t size, uint32_t *out)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead;
    uint32_t point;
    size_t length;

    ASSERT(bytes != NULL && size > 0);

    lead = (unsigned char)bytes[0];
    length = lead < 0x80 ? 1 : lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 0;
    if (length == 0 || length > size)
        return 0;
    point = length == 1 ? lead : lead & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        unsigned char next = (unsigned char)bytes[i];

        if ((next & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (next & 0x3f);
    }
    if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    if (out != NULL)
        *out = point;
    return length;
}

/* Most texts are ASCII, eight bytes of which are looked at together. */
static size_t
ascii_size(const char *bytes, size_t size)
{
    size_t at = 0;

    for (uint64_t word; at + sizeof word <= size; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    while (at < size && (unsigned char)bytes[at] < 0x80)
        at++;
    return at;
}

size_t
text_valid_size(const char *bytes, size_t size)
{
    size_t at = ascii_size(bytes, size);

    while (at < size) {
        size_t length = text_decode(bytes + at, size - at, NULL);

        if (length == 0)
            break;
        at += length;
    }
    return at;
}

bool
text_is_utf8(const char *bytes, size_t size)
{
    return text_valid_size(bytes, size) == size;
}

size_t
text_cut(const char *text, size_t size, size_t max)
{
    size_t cut = max;

    if (size <= max)
        return size;
    /* A code point has at most three continuation bytes; a longer run is no UTF-8 and may be cut anywhere. */
    for (int back = 0; back < 4 && cut > 0; back++, cut--)
        if (((unsigned char)text[cut] & 0xc0) != 0x80)
            return cut;
    return cut == 0 ? 0 : max;
}

bool
text_copy(char *out, size_t out_size, const char *text)
{
    size_t size = strlen(text);
    size_t kept;

    ASSERT(out_size > 0);

    kept = text_cut(text, size, out_size - 1);
    memcpy(out, text, kept);
    out[kept] = '\0';
    return kept == size;
}

void
text_add(struct buffer *out, const char *text)
{
    buffer_append(out, text, strlen(text));
}

void
text_addf(struct buffer *out, const char *format, ...)
{
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    ASSERT(size >= 0);

    buffer_reserve(out, (size_t)size + 1); /* vsnprintf writes a terminator that is not kept */
    va_start(arguments, format);
    vsnprintf((char *)out->data + out->size, (size_t)size + 1, format, arguments);
    va_end(arguments);
    out->size += (size_t)size;
}

void
text_add_valid(struct buffer *out, const char *bytes, size_t size)
{
    size_t at = 0;

    while (at < size) {
        size_t good = text_valid_size(bytes + at, size - at);

        buffer_append(out, bytes + at, good);
        at += good;
        if (at < size) {
            text_add(out, "\xef\xbf\xbd");
            at++;
        }
    }
}

const char *
text_find_escape(uint32_t point)
{
    switch (point) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

static void
add_json_character(struct buffer *out, char character)
{
    unsigned code = (unsigned char)character;
    const char *escape = text_find_escape(code);

    if (escape != NULL)
        text_add(out, escape);
    else if (code < 0x20 || code == 0x7f)
        text_addf(out, "\\u%04x", code);
    else
        buffer_append(out, &character, 1);
}

/* Bytes that stand in JSON as they are: printable ASCII but for quote and backslash. */
static size_t
plain_size(const char *bytes, size_t size)
{
    size_t at = 0;

    while (at < size && (unsigned char)bytes[at] >= 0x20 && (unsigned char)bytes[at] < 0x7f && bytes[at] != '"' &&
           bytes[at] != '\\')
        at++;
    return at;
}

void
text_add_json(struct buffer *out, const char *bytes, size_t size)
{
    size_t at = 0;

    buffer_reserve(out, size + 2);
    buffer_append(out, "\"", 1);
    while (at < size) {
        size_t plain = plain_size(bytes + at, size - at), length;

        buffer_append(out, bytes + at, plain);
        at += plain;
        if (at == size)
            break;
        length = text_decode(bytes + at, size - at, NULL);
        if (length == 1)
            add_json_character(out, bytes[at]);
        else if (length > 1)
            buffer_append(out, bytes + at, length);
        else
            text_add(out, "\xef\xbf\xbd");
        at += length > 0 ? length : 1;
    }
    buffer_append(out, "\"", 1);
}

static uint32_t
least_of(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t least = a < b ? a : b;

    return least < c ? least : c;
}

uint32_t
text_distance(const char *a, const char *b)
{
    uint32_t rows[3][TEXT_DISTANCE_SIZE + 1]; /* two rows back, one row back, this row */
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);

    if (a_size > TEXT_DISTANCE_SIZE || b_size > TEXT_DISTANCE_SIZE) {
        size_t longer = a_size > b_size ? a_size : b_size;

        return strcmp(a, b) == 0 ? 0 : longer > UINT32_MAX ? UINT32_MAX : (uint32_t)longer;
    }
    for (uint32_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (uint32_t i = 1; i <= a_size; i++) {
        uint32_t *row = rows[i % 3];
        const uint32_t *above = rows[(i + 2) % 3];
        const uint32_t *above_that = rows[(i + 1) % 3];

        row[0] = i;
        for (uint32_t j = 1; j <= b_size; j++) {
            uint32_t change = a[i - 1] == b[j - 1] ? 0 : 1;

            row[j] = least_of(above[j] + 1, row[j - 1] + 1, above[j - 1] + change);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && above_that[j - 2] + 1 < row[j])
                row[j] = above_that[j - 2] + 1;
        }
    }
    return rows[a_size % 3][b_size];
}

void
text_nearest_offer(struct text_nearest *self, const char *candidate)
{
    uint32_t distance = text_distance(self->name, candidate);
    size_t size = strlen(self->name);

    /* One slip in a short word, a third of a long one: further away it is another word. */
    if (distance > (size < 6 ? 1 + size / 4 : size / 3) || distance >= size)
        return;
    if (self->best == NULL || distance < self->distance) {
        self->best = candidate;
        self->distance = distance;
    }
}

static const char *
skip_digits(const char *at)
{
    while (*at >= '0' && *at <= '9')
        at++;
    return at;
}

/* [sign] digits [. digits] [e [sign] digits], with a digit on at least one side of the point. */
enum text_number
text_number(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');
    const char *digits = at;
    bool real = false;
    bool some;

    at = skip_digits(at);
    some = at > digits;
    if (*at == '.') {
        digits = at + 1;
        at = skip_digits(digits);
        some = some || at > digits;
        real = true;
    }
    if (!some)
        return TEXT_NO_NUMBER;
    if (*at == 'e' || *at == 'E') {
        at++;
        digits = at + (*at == '-' || *at == '+');
        at = skip_digits(digits);
        if (at == digits)
            return TEXT_NO_NUMBER;
        real = true;
    }
    return *at != '\0' ? TEXT_NO_NUMBER : real ? TEXT_REAL : TEXT_INTEGER;
}

/* Longer texts are cut where a message shows them. */
#define SHOWN 60

static int
check_number(const char *text, const char *wanted, struct why *why)
{
    const char *digits = text + (*text == '-' || *text == '+');

    if (text_number(text) == TEXT_NO_NUMBER)
        return fail(why, ERR_INVALID, "expected %s, found '%.*s'", wanted, (int)text_cut(text, strlen(text), SHOWN),
            text);
    if (digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9')
        return fail(why, ERR_INVALID, "'%.*s' begins with 0, which some readers take for octal; remove the zero", SHOWN,
            text);
    return 0;
}

int
text_parse_integer(const char *text, int64_t *out, struct why *why)
{
    bool negative = *text == '-';
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t value = 0;
    int code = check_number(text, "a whole number", why);

    if (code != 0)
        return code;
    if (text_number(text) != TEXT_INTEGER)
        return fail(why, ERR_INVALID, "expected a whole number, found %.*s; write it with digits only", SHOWN, text);
    for (const char *at = text + (*text == '-' || *text == '+'); *at != '\0'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');

        if (value > (limit - digit) / 10)
            return fail(why, ERR_LIMIT, "%.*s does not fit in 64 bits", SHOWN, text);
        value = value * 10 + digit;
    }
    /* -2^63 has no positive twin: subtract before the sign is turned. */
    *out = !negative ? (int64_t)value : value == 0 ? 0 : -(int64_t)(value - 1) - 1;
    return 0;
}

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void
make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    ASSERT(c_locale != (locale_t)0);
}

int
text_parse_real(const char *text, double *out, struct why *why)
{
    int code = check_number(text, "a number", why);
    double value;

    if (code != 0)
        return code;
    pthread_once(&c_locale_once, make_c_locale);
    value = strtod_l(text, NULL, c_locale);
    if (!isfinite(value))
        return fail(why, ERR_LIMIT, "%.*s is too large for a number", SHOWN, text);
    *out = value;
    return 0;
}

void
text_format_real(double value, char out[TEXT_NUMBER_SIZE])
{
    locale_t before;

    if (!isfinite(value)) {
        snprintf(out, TEXT_NUMBER_SIZE, "%s", isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    pthread_once(&c_locale_once, make_c_locale);
    before = uselocale(c_locale);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, TEXT_NUMBER_SIZE, "%.*g", digits, value);
        if (strtod_l(out, NULL, c_locale) == value)
            break;
    }
    uselocale(before);
}

void
text_format_size(uint64_t bytes, char out[TEXT_NUMBER_SIZE])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    uint64_t whole = bytes;
    uint64_t tenths = 0;
    int unit = -1;

    while (whole >= 1024 && unit < 5) {
        uint64_t size = UINT64_C(1) << (10 * (unit + 2));

        unit++;
        whole = bytes / size;
        /* Twentieths first, so that the largest remainder of an EiB still fits; then round half up. */
        tenths = (bytes % size / (size / 1024) * 20 / 1024 + 1) / 2;
        if (tenths == 10) {
            whole++;
            tenths = 0;
        }
    }
    if (unit < 0)
        snprintf(out, TEXT_NUMBER_SIZE, "%" PRIu64 " B", bytes);
    else
        snprintf(out, TEXT_NUMBER_SIZE, "%u.%u %s", (unsigned)(whole % 1024), (unsigned)tenths, units[unit]);
}

void
text_format_duration(uint64_t duration_ms, char out[TEXT_NUMBER_SIZE])
{
    uint64_t seconds = duration_ms / 1000;
    uint64_t minutes = seconds / 60;
    uint64_t hours = minutes / 60;

    if (duration_ms < 1000)
        snprintf(out, TEXT_NUMBER_SIZE, "%" PRIu64 "ms", duration_ms);
    else if (minutes == 0)
        snprintf(out, TEXT_NUMBER_SIZE, "%" PRIu64 ".%" PRIu64 "s", seconds, duration_ms % 1000 / 100);
    else if (hours == 0)
        snprintf(out, TEXT_NUMBER_SIZE, "%" PRIu64 "m %" PRIu64 "s", minutes, seconds % 60);
    else if (hours < 24)
        snprintf(out, TEXT_NUMBER_SIZE, "%" PRIu64 "h %" PRIu64 "m", hours, minutes % 60);
    else
        snprintf(out, TEXT_NUMBER_SIZE, "%" PRIu64 "d %" PRIu64 "h", hours / 24, hours % 24);
}
