/* core/text.h - bytes that people read: UTF-8, names and their misspellings, numbers as text, JSON strings, sizes
 * and durations. Nothing here depends on the locale of the process. */
#ifndef POLIS_CORE_TEXT_H
#define POLIS_CORE_TEXT_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads the code point that starts at `bytes` and returns its length, 1 to 4; 0 when the bytes are no UTF-8
 * (overlong forms, surrogates, values over U+10FFFF and cut sequences are none). size > 0. `out` may be NULL. */
size_t text_decode(const char *bytes, size_t size, uint32_t *out);

/* Length in bytes of the longest valid start of `bytes`: equal to `size` when all of it is UTF-8. */
size_t text_valid_size(const char *bytes, size_t size);
bool text_is_utf8(const char *bytes, size_t size);

/* The largest length <= max that does not split a code point of the `size` bytes. */
size_t text_cut(const char *text, size_t size, size_t max);

/* Copies a terminated text into `out` (out_size > 0), cut at a code point boundary, always terminated. Returns
 * false when it was cut. */
bool text_copy(char *out, size_t out_size, const char *text);

/* Adds a terminated text, or a formatted one, behind the used bytes (without the terminator). */
void text_add(struct buffer *out, const char *text);
__attribute__((format(printf, 2, 3))) void text_addf(struct buffer *out, const char *format, ...);

/* Adds the bytes with everything that is not UTF-8 replaced by U+FFFD, one for each bad byte. */
void text_add_valid(struct buffer *out, const char *bytes, size_t size);

/* The short escape of a character in double quotes, the same in JSON and YAML: "\\n" for a newline; NULL when it has
 * none. */
const char *text_find_escape(uint32_t point);

/* Adds a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void text_add_json(struct buffer *out, const char *bytes, size_t size);

/* How many single-byte insertions, deletions, substitutions and swaps of neighbours turn `a` into `b` (optimal
 * string alignment). Texts over TEXT_DISTANCE_SIZE bytes count as wholly different: the longer one's length. */
#define TEXT_DISTANCE_SIZE 64u
uint32_t text_distance(const char *a, const char *b);

/* The candidate of several that is closest to a name and near enough to be what was meant. Start from
 * {.name = name}, offer each candidate; the first one wins a tie; `best` stays NULL when none is near. */
struct text_nearest {
    const char *name;
    const char *best;
    uint32_t distance;
};
void text_nearest_offer(struct text_nearest *self, const char *candidate);

/* What a text looks like: a decimal integer, a decimal real (a point or an exponent), or neither. */
enum text_number { TEXT_NO_NUMBER, TEXT_INTEGER, TEXT_REAL };
enum text_number text_number(const char *text);

/* Strict decimal numbers, the whole text and nothing else. Refused with ERR_INVALID: spaces, hexadecimal, octal,
 * digit groups, leading zeros, inf and nan; with ERR_LIMIT what does not fit. An integer has no point and no
 * exponent; a real too small for a double becomes 0. */
MUST_CHECK int text_parse_integer(const char *text, int64_t *out, struct why *why);
MUST_CHECK int text_parse_real(const char *text, double *out, struct why *why);

/* The shortest of 15, 16 or 17 significant digits that reads back to the same double: "0.1", "1e+300", "-0". Values
 * that are not finite become "inf", "-inf" and "nan", which text_parse_real() refuses. */
#define TEXT_NUMBER_SIZE 32
void text_format_real(double value, char out[TEXT_NUMBER_SIZE]);

/* "512 B", "1.2 GiB" (powers of 1024); "450ms", "12.3s", "3m 12s", "2h 5m", "4d 6h". For people, not for logs. */
void text_format_size(uint64_t bytes, char out[TEXT_NUMBER_SIZE]);
void text_format_duration(uint64_t duration_ms, char out[TEXT_NUMBER_SIZE]);

#endif
