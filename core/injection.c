#include "core/injection.h"

#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "core/digest.h"
#include "core/text.h"

#define ENCODED_MIN 64u

const char *
injection_kind_name(enum injection_kind kind)
{
    static const char *const names[INJECTION_KIND_COUNT] = {"override", "order", "role", "operation",
                                                            "encoded",  "link",  "hidden"};

    ASSERT(kind < INJECTION_KIND_COUNT);
    return names[kind];
}

/* Characters that nobody sees, from the tables of Unicode 15: formats, tags, fillers, variation selectors. */
static const struct range {
    uint32_t first, last;
} hidden_ranges[] = {
    {0x00, 0x08},       {0x0b, 0x0c},       {0x0e, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},
    {0x34f, 0x34f},     {0x61c, 0x61c},     {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},
    {0x200b, 0x200f},   {0x202a, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164},   {0xfe00, 0xfe0f},
    {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},   {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
    {0xe0000, 0xe0fff},
};

static bool
is_hidden(uint32_t point)
{
    for (size_t i = 0; i < sizeof hidden_ranges / sizeof hidden_ranges[0]; i++)
        if (point >= hidden_ranges[i].first && point <= hidden_ranges[i].last)
            return true;
    return (point & 0xfffe) == 0xfffe; /* the last two of every plane are no characters */
}

static bool
is_line_end(uint32_t point)
{
    return point == '\n' || point == '\r' || point == '\t' || point == 0x2028 || point == 0x2029;
}

/* One character of `text`; bytes that are none are U+FFFD, one at a time. */
static size_t
next_point(const char *text, size_t size, uint32_t *point)
{
    size_t length = text_decode(text, size, point);

    if (length > 0)
        return length;
    *point = 0xfffd;
    return 1;
}

uint32_t
injection_clean(const char *text, size_t size, size_t size_max, bool one_line, struct buffer *out)
{
    size_t start = out->size;
    uint32_t dropped = 0;
    uint32_t point;

    ASSERT(text != NULL || size == 0);
    for (size_t at = 0; at < size;) {
        const char *bytes = text + at;
        size_t length = next_point(bytes, size - at, &point);

        at += length;
        if (is_hidden(point)) {
            dropped++;
            continue;
        }
        if (is_line_end(point) && (one_line || point > 0x7f)) {
            bytes = one_line ? " " : "\n";
            length = 1;
        } else if (point == 0xfffd) {
            bytes = "\xef\xbf\xbd";
            length = 3;
        }
        if (out->size - start + length > size_max)
            break;
        buffer_append(out, bytes, length);
    }
    return dropped;
}

/* ---- the detector ---- */

/* The text as the rules read it: lower case, wide letters (U+FF01 to U+FF5E) as narrow ones, hidden characters gone,
 * every run of blanks one blank, everything beyond ASCII one '?'. A blank stands at both ends. */
static uint32_t
fold_text(const char *text, size_t size, struct buffer *out)
{
    uint32_t hidden = 0;
    uint32_t point;
    char last = ' ';

    buffer_append(out, " ", 1);
    for (size_t at = 0; at < size;) {
        char c;

        at += next_point(text + at, size - at, &point);
        if (is_hidden(point)) {
            hidden++;
            continue;
        }
        if (point >= 0xff01 && point <= 0xff5e)
            point -= 0xff01 - '!';
        if (is_line_end(point) || point == ' ' || point == 0xa0 || point == 0x3000)
            c = ' ';
        else if (point >= 'A' && point <= 'Z')
            c = (char)(point + 32);
        else
            c = point < 0x80 ? (char)point : '?';
        if (c != ' ' || last != ' ')
            buffer_append(out, &c, 1);
        last = c;
    }
    if (last != ' ')
        buffer_append(out, " ", 1);
    return hidden;
}

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* How often `word` stands in the text; at its ends, where it has letters, words must end too. */
static uint64_t
occurrences(const struct buffer *text, const char *word)
{
    const char *from = (const char *)text->data;
    const char *end = from + text->size;
    size_t length = strlen(word);
    uint64_t count = 0;

    if (length == 0)
        return 0;
    for (; (from = memmem(from, (size_t)(end - from), word, length)) != NULL; from++) {
        bool left = !is_letter(word[0]) || !is_letter(from[-1]); /* a blank stands in front of the text */
        bool right = !is_letter(word[length - 1]) || !is_letter(from[length]);

        count += left && right;
    }
    return count;
}

static const struct phrase {
    enum injection_kind kind;
    const char *text;
} phrases[] = {
    {INJECTION_OVERRIDE, "ignore previous"},
    {INJECTION_OVERRIDE, "ignore all previous"},
    {INJECTION_OVERRIDE, "ignore the previous"},
    {INJECTION_OVERRIDE, "ignore all prior"},
    {INJECTION_OVERRIDE, "ignore prior"},
    {INJECTION_OVERRIDE, "ignore the above"},
    {INJECTION_OVERRIDE, "ignore your instructions"},
    {INJECTION_OVERRIDE, "ignore all instructions"},
    {INJECTION_OVERRIDE, "disregard previous"},
    {INJECTION_OVERRIDE, "disregard all previous"},
    {INJECTION_OVERRIDE, "disregard the above"},
    {INJECTION_OVERRIDE, "disregard your instructions"},
    {INJECTION_OVERRIDE, "forget everything"},
    {INJECTION_OVERRIDE, "forget your instructions"},
    {INJECTION_OVERRIDE, "forget previous instructions"},
    {INJECTION_OVERRIDE, "override the rules"},
    {INJECTION_OVERRIDE, "new instructions:"},
    {INJECTION_ORDER, "you are now"},
    {INJECTION_ORDER, "you must now"},
    {INJECTION_ORDER, "you must respond"},
    {INJECTION_ORDER, "you must output"},
    {INJECTION_ORDER, "respond only with"},
    {INJECTION_ORDER, "respond with json"},
    {INJECTION_ORDER, "output the following"},
    {INJECTION_ORDER, "output only"},
    {INJECTION_ORDER, "repeat the system prompt"},
    {INJECTION_ORDER, "reveal your"},
    {INJECTION_ORDER, "print your instructions"},
    {INJECTION_ORDER, "as an ai"},
    {INJECTION_ORDER, "as a language model"},
    {INJECTION_ORDER, "pretend to be"},
    {INJECTION_ORDER, "developer mode"},
    {INJECTION_ORDER, "jailbreak"},
    {INJECTION_ROLE, "system:"},
    {INJECTION_ROLE, "assistant:"},
    {INJECTION_ROLE, "developer:"},
    {INJECTION_ROLE, "### instruction"},
    {INJECTION_ROLE, "### system"},
    {INJECTION_ROLE, "<|im_start|>"},
    {INJECTION_ROLE, "<|im_end|>"},
    {INJECTION_ROLE, "<|system|>"},
    {INJECTION_ROLE, "<|assistant|>"},
    {INJECTION_ROLE, "<|endoftext|>"},
    {INJECTION_ROLE, "<|eot_id|>"},
    {INJECTION_ROLE, "<start_of_turn>"},
    {INJECTION_ROLE, "<end_of_turn>"},
    {INJECTION_ROLE, "[inst]"},
    {INJECTION_ROLE, "[/inst]"},
    {INJECTION_ROLE, "<<sys>>"},
    {INJECTION_ROLE, "<system>"},
    {INJECTION_ROLE, "</system>"},
    {INJECTION_OPERATION, "{\""},
    {INJECTION_OPERATION, "{ \""},
    {INJECTION_OPERATION, "\"op\""},
    {INJECTION_OPERATION, "\"ops\""},
    {INJECTION_OPERATION, "```"},
    {INJECTION_LINK, "http://"},
    {INJECTION_LINK, "https://"},
    {INJECTION_LINK, "data:text"},
    {INJECTION_LINK, "javascript:"},
    {INJECTION_LINK, "!["},
};

static bool
is_base64(char c)
{
    return is_letter(c) || c == '+' || c == '/' || c == '=' || c == '-';
}

static uint64_t
encoded_runs(const struct buffer *text)
{
    uint64_t count = 0;
    size_t run = 0;

    for (size_t i = 0; i < text->size; i++) {
        run = is_base64((char)text->data[i]) ? run + 1 : 0;
        count += run == ENCODED_MIN;
    }
    return count;
}

uint32_t
injection_scan(const char *text, size_t size, const char *const *operations, struct injection_counts *counts)
{
    uint64_t found[INJECTION_KIND_COUNT] = {0};
    struct buffer folded = {0};
    uint32_t bits = 0;

    ASSERT(text != NULL || size == 0);
    found[INJECTION_HIDDEN] = fold_text(text, size, &folded);
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
        found[phrases[i].kind] += occurrences(&folded, phrases[i].text);
    for (; operations != NULL && *operations != NULL; operations++)
        found[INJECTION_OPERATION] += occurrences(&folded, *operations);
    found[INJECTION_ENCODED] = encoded_runs(&folded);
    buffer_fini(&folded);
    for (uint32_t kind = 0; kind < INJECTION_KIND_COUNT; kind++) {
        counts->of[kind] += found[kind];
        bits |= found[kind] > 0 ? 1u << kind : 0;
    }
    return bits;
}

/* ---- the canary ---- */

void
injection_canary(uint64_t run_seed, uint64_t step, char out[INJECTION_CANARY_SIZE])
{
    static const char purpose[] = "polis canary";
    uint8_t bytes[sizeof purpose + 16];
    uint8_t digest[DIGEST_SIZE];

    memcpy(bytes, purpose, sizeof purpose);
    bytes_put_u64(bytes + sizeof purpose, run_seed);
    bytes_put_u64(bytes + sizeof purpose + 8, step);
    digest_of(bytes, sizeof bytes, digest);
    for (uint32_t i = 0; i < INJECTION_CANARY_SIZE - 1; i++)
        out[i] = (char)('a' + (digest[2 * i] << 8 | digest[2 * i + 1]) % 26);
    out[INJECTION_CANARY_SIZE - 1] = '\0';
}

bool
injection_leaks(const char *text, size_t size, const char *canary)
{
    struct buffer folded = {0};
    char backwards[INJECTION_CANARY_SIZE];
    size_t length = strlen(canary);
    size_t kept = 0;
    bool leaks;

    ASSERT(length > 0 && length < sizeof backwards && (text != NULL || size == 0));
    (void)fold_text(text, size, &folded);
    for (size_t i = 0; i < folded.size; i++)
        if (folded.data[i] >= 'a' && folded.data[i] <= 'z')
            folded.data[kept++] = folded.data[i];
    for (size_t i = 0; i < length; i++)
        backwards[i] = canary[length - 1 - i];
    leaks = memmem(folded.data, kept, canary, length) != NULL || memmem(folded.data, kept, backwards, length) != NULL;
    buffer_fini(&folded);
    return leaks;
}
