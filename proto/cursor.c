#include "proto/cursor.h"

#include <inttypes.h>

#include "core/assert.h"
#include "core/text.h"
#include "proto/head.h"

static const char *const kind_names[] = {
    [HEAD_NIL] = "nil",     [HEAD_BOOL] = "a boolean", [HEAD_UNSIGNED] = "an integer", [HEAD_SIGNED] = "an integer",
    [HEAD_F32] = "a float", [HEAD_F64] = "a float",    [HEAD_TEXT] = "a text",         [HEAD_BIN] = "a bin",
    [HEAD_EXT] = "an extension", [HEAD_ARRAY] = "an array", [HEAD_MAP] = "a map",
};

void
cursor_init(struct cursor *self, const void *bytes, size_t size, struct why *why)
{
    ASSERT(self != NULL);
    ASSERT(bytes != NULL || size == 0);

    *self = (struct cursor){.bytes = bytes, .size = size, .why = why};
}

/* The head of the next value, with room checked for all that it announces. Does not step. */
static bool
cursor_peek(struct cursor *self, struct head *out)
{
    size_t left = self->size - self->offset;

    if (self->failed != 0)
        return false;
    if (left == 0)
        self->failed = fail(self->why, ERR_FORMAT, "the bytes end at offset %zu where a value should be", self->offset);
    else if (!head_read(self->bytes + self->offset, left, out))
        self->failed = fail(self->why, ERR_FORMAT, "no whole value at offset %zu (tag %02x)", self->offset,
                            (unsigned)self->bytes[self->offset]);
    else if (head_body(out) > left - out->size || head_children(out) > left - out->size)
        self->failed = fail(self->why, ERR_FORMAT, "offset %zu announces %s of %" PRIu64 " but %zu bytes are left",
                            self->offset, kind_names[out->kind], out->value, left - out->size);
    return self->failed == 0;
}

static bool
cursor_refuse_type(struct cursor *self, const struct head *head, const char *wanted)
{
    self->failed = fail(self->why, ERR_FORMAT, "offset %zu holds %s where %s should be", self->offset,
                        kind_names[head->kind], wanted);
    return false;
}

/* Steps behind the next value's head if it is of one of two kinds. */
static bool
cursor_take(struct cursor *self, enum head_kind kind, enum head_kind other, struct head *out)
{
    if (!cursor_peek(self, out))
        return false;
    if (out->kind != kind && out->kind != other)
        return cursor_refuse_type(self, out, kind_names[kind]);
    self->offset += out->size;
    return true;
}

static bool
cursor_refuse_sign(struct cursor *self, const struct head *head, const char *what)
{
    self->offset -= head->size;
    self->failed = fail(self->why, ERR_INVALID, "the integer at offset %zu %s", self->offset, what);
    return false;
}

bool
cursor_array(struct cursor *self, uint32_t *count)
{
    struct head head;

    if (!cursor_take(self, HEAD_ARRAY, HEAD_ARRAY, &head))
        return false;
    *count = (uint32_t)head.value;
    return true;
}

bool
cursor_map(struct cursor *self, uint32_t *count)
{
    struct head head;

    if (!cursor_take(self, HEAD_MAP, HEAD_MAP, &head))
        return false;
    *count = (uint32_t)head.value;
    return true;
}

bool
cursor_u64(struct cursor *self, uint64_t *out)
{
    struct head head;

    if (!cursor_take(self, HEAD_UNSIGNED, HEAD_SIGNED, &head))
        return false;
    if (head.kind == HEAD_SIGNED && (int64_t)head.value < 0)
        return cursor_refuse_sign(self, &head, "is negative");
    *out = head.value;
    return true;
}

bool
cursor_i64(struct cursor *self, int64_t *out)
{
    struct head head;

    if (!cursor_take(self, HEAD_UNSIGNED, HEAD_SIGNED, &head))
        return false;
    if (head.kind == HEAD_UNSIGNED && head.value > INT64_MAX)
        return cursor_refuse_sign(self, &head, "is over 2^63 - 1");
    *out = (int64_t)head.value;
    return true;
}

bool
cursor_f64(struct cursor *self, double *out)
{
    struct head head;

    if (!cursor_take(self, HEAD_F64, HEAD_F32, &head))
        return false;
    if (head.kind == HEAD_F32) {
        uint32_t bits = (uint32_t)head.value;

        *out = (double)bytes_get_f32(&bits);
    } else {
        *out = bytes_get_f64(&head.value);
    }
    return true;
}

bool
cursor_bool(struct cursor *self, bool *out)
{
    struct head head;

    if (!cursor_take(self, HEAD_BOOL, HEAD_BOOL, &head))
        return false;
    *out = head.value != 0;
    return true;
}

bool
cursor_nil(struct cursor *self)
{
    struct head head;

    return cursor_take(self, HEAD_NIL, HEAD_NIL, &head);
}

bool
cursor_text(struct cursor *self, const char **out, uint32_t *size)
{
    struct head head;
    const char *text;

    if (!cursor_take(self, HEAD_TEXT, HEAD_TEXT, &head))
        return false;
    text = (const char *)self->bytes + self->offset;
    if (!text_is_utf8(text, (size_t)head.value)) {
        self->offset -= head.size;
        self->failed = fail(self->why, ERR_FORMAT, "the text at offset %zu is not UTF-8", self->offset);
        return false;
    }
    self->offset += (size_t)head.value;
    *out = text;
    *size = (uint32_t)head.value;
    return true;
}

bool
cursor_bin(struct cursor *self, const uint8_t **out, uint32_t *size)
{
    struct head head;

    if (!cursor_take(self, HEAD_BIN, HEAD_BIN, &head))
        return false;
    *out = self->bytes + self->offset;
    *size = (uint32_t)head.value;
    self->offset += (size_t)head.value;
    return true;
}

bool
cursor_skip(struct cursor *self)
{
    /* How deep it goes does not matter for stepping over: only how many values are still to come. Each announced
     * count was checked against the bytes left, so the sum cannot wrap before the bytes run out. */
    uint64_t pending = 1;

    while (pending > 0) {
        struct head head;

        if (!cursor_peek(self, &head))
            return false;
        self->offset += head.size + (size_t)head_body(&head);
        pending += head_children(&head);
        pending--;
    }
    return true;
}

bool
cursor_end(struct cursor *self)
{
    if (self->failed == 0 && self->offset != self->size)
        self->failed = fail(self->why, ERR_FORMAT, "%zu bytes are left over at offset %zu", self->size - self->offset,
                            self->offset);
    return self->failed == 0;
}
