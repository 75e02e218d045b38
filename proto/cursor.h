/* proto/cursor.h - reads MessagePack from bytes that may lie. Never allocates, never reads past the end; every count
 * is checked against the bytes that are left. After the first failure all further reads fail with the same reason. */
#ifndef POLIS_PROTO_CURSOR_H
#define POLIS_PROTO_CURSOR_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
    const uint8_t *bytes;
    size_t size;
    size_t offset;
    struct why *why;
    int failed; /* ERR_* of the first failure */
};

void cursor_init(struct cursor *self, const void *bytes, size_t size, struct why *why);

/* Each returns false on a wrong type, a value that does not fit, or the end of the bytes. Integers of any width and
 * sign that fit are taken; floats only by cursor_f64() (which also takes float32). Text and bin are lent. */
MUST_CHECK bool cursor_array(struct cursor *self, uint32_t *count);
MUST_CHECK bool cursor_map(struct cursor *self, uint32_t *count);
MUST_CHECK bool cursor_u64(struct cursor *self, uint64_t *out);
MUST_CHECK bool cursor_i64(struct cursor *self, int64_t *out);
MUST_CHECK bool cursor_f64(struct cursor *self, double *out);
MUST_CHECK bool cursor_bool(struct cursor *self, bool *out);
MUST_CHECK bool cursor_nil(struct cursor *self);
MUST_CHECK bool cursor_text(struct cursor *self, const char **out, uint32_t *size); /* not terminated; UTF-8 checked */
MUST_CHECK bool cursor_bin(struct cursor *self, const uint8_t **out, uint32_t *size);
/* Steps over one whole value. */
MUST_CHECK bool cursor_skip(struct cursor *self);
/* True when every byte was read and nothing failed. */
MUST_CHECK bool cursor_end(struct cursor *self);

/* proto/guard: one pass over untrusted bytes before anything else looks at them: exactly one well-formed value, at
 * most `depth_max` levels and `count_max` values in all. No allocation. ERR_FORMAT or ERR_LIMIT. An array or a map is
 * a level, so a flat map needs one and a lone number none; keys, values and the containers themselves are counted.
 * depth_max <= GUARD_DEPTH_MAX. */
#define GUARD_DEPTH_MAX 32u
MUST_CHECK int guard_check(const void *bytes, size_t size, uint32_t depth_max, uint32_t count_max, struct why *why);

#endif
