/* proto/head.h - the first bytes of one MessagePack value: what it is, and how much follows. Shared by the guard and
 * the cursor, so that both mean the same by "well formed". Private to proto. */
#ifndef POLIS_PROTO_HEAD_H
#define POLIS_PROTO_HEAD_H

#include "core/bytes.h"

#include <stdbool.h>

enum head_kind {
    HEAD_NIL, HEAD_BOOL, HEAD_UNSIGNED, HEAD_SIGNED, HEAD_F32, HEAD_F64, /* the value is all there is */
    HEAD_TEXT, HEAD_BIN, HEAD_EXT,                                      /* `value` bytes follow */
    HEAD_ARRAY, HEAD_MAP                                                /* `value` values, or pairs, follow */
};

struct head {
    enum head_kind kind;
    uint32_t size;  /* bytes of the tag, and of the number or length behind it */
    uint64_t value; /* number (HEAD_SIGNED: two's complement; floats: their bits), length or count */
};

/* The tags c0 .. df: kind, bytes of number or length behind the tag, bytes of body that the length does not count
 * (an extension's type), and the value of those that carry none. */
struct head_tag {
    uint8_t kind, extra, more, value;
};

#define HEAD_NEVER 255u /* c1 is no tag */

static const struct head_tag head_tags[32] = {
    [0x00] = {HEAD_NIL, 0, 0, 0},      [0x01] = {HEAD_NEVER, 0, 0, 0},
    [0x02] = {HEAD_BOOL, 0, 0, 0},     [0x03] = {HEAD_BOOL, 0, 0, 1},
    [0x04] = {HEAD_BIN, 1, 0, 0},      [0x05] = {HEAD_BIN, 2, 0, 0},      [0x06] = {HEAD_BIN, 4, 0, 0},
    [0x07] = {HEAD_EXT, 1, 1, 0},      [0x08] = {HEAD_EXT, 2, 1, 0},      [0x09] = {HEAD_EXT, 4, 1, 0},
    [0x0a] = {HEAD_F32, 4, 0, 0},      [0x0b] = {HEAD_F64, 8, 0, 0},
    [0x0c] = {HEAD_UNSIGNED, 1, 0, 0}, [0x0d] = {HEAD_UNSIGNED, 2, 0, 0},
    [0x0e] = {HEAD_UNSIGNED, 4, 0, 0}, [0x0f] = {HEAD_UNSIGNED, 8, 0, 0},
    [0x10] = {HEAD_SIGNED, 1, 0, 0},   [0x11] = {HEAD_SIGNED, 2, 0, 0},
    [0x12] = {HEAD_SIGNED, 4, 0, 0},   [0x13] = {HEAD_SIGNED, 8, 0, 0},
    [0x14] = {HEAD_EXT, 0, 1, 1},      [0x15] = {HEAD_EXT, 0, 1, 2},      [0x16] = {HEAD_EXT, 0, 1, 4},
    [0x17] = {HEAD_EXT, 0, 1, 8},      [0x18] = {HEAD_EXT, 0, 1, 16},
    [0x19] = {HEAD_TEXT, 1, 0, 0},     [0x1a] = {HEAD_TEXT, 2, 0, 0},     [0x1b] = {HEAD_TEXT, 4, 0, 0},
    [0x1c] = {HEAD_ARRAY, 2, 0, 0},    [0x1d] = {HEAD_ARRAY, 4, 0, 0},
    [0x1e] = {HEAD_MAP, 2, 0, 0},      [0x1f] = {HEAD_MAP, 4, 0, 0},
};

static inline uint64_t
head_number(const uint8_t *bytes, uint32_t width, bool is_signed)
{
    switch (width) {
    case 1: return is_signed ? (uint64_t)(int64_t)(int8_t)bytes[0] : bytes[0];
    case 2: return is_signed ? (uint64_t)(int64_t)(int16_t)bytes_get_u16_be(bytes) : bytes_get_u16_be(bytes);
    case 4: return is_signed ? (uint64_t)(int64_t)(int32_t)bytes_get_u32_be(bytes) : bytes_get_u32_be(bytes);
    default: return bytes_get_u64_be(bytes);
    }
}

/* Reads the head at `bytes`. False when the tag is c1 or the head does not fit in `size`; bodies are not looked at. */
static inline bool
head_read(const uint8_t *bytes, size_t size, struct head *out)
{
    const struct head_tag *row;
    uint8_t tag;

    if (size == 0)
        return false;
    tag = bytes[0];
    out->size = 1;
    if (tag < 0x80 || tag >= 0xe0) {
        out->kind = tag < 0x80 ? HEAD_UNSIGNED : HEAD_SIGNED;
        out->value = (uint64_t)(int64_t)(int8_t)tag;
        return true;
    }
    if (tag < 0xc0) {
        out->kind = tag < 0x90 ? HEAD_MAP : tag < 0xa0 ? HEAD_ARRAY : HEAD_TEXT;
        out->value = tag < 0xa0 ? tag & 0x0fu : tag & 0x1fu;
        return true;
    }
    row = &head_tags[tag - 0xc0];
    if (row->kind == HEAD_NEVER || size < 1u + row->extra)
        return false;
    out->kind = (enum head_kind)row->kind;
    out->size += row->extra;
    out->value = row->extra > 0 ? head_number(bytes + 1, row->extra, row->kind == HEAD_SIGNED) : row->value;
    out->value += row->more;
    return true;
}

/* Values directly inside an array or a map; 0 for everything else. */
static inline uint64_t
head_children(const struct head *head)
{
    return head->kind == HEAD_ARRAY ? head->value : head->kind == HEAD_MAP ? 2 * head->value : 0;
}

/* Bytes of body behind the head of a text, bin or extension; 0 for everything else. */
static inline uint64_t
head_body(const struct head *head)
{
    return head->kind == HEAD_TEXT || head->kind == HEAD_BIN || head->kind == HEAD_EXT ? head->value : 0;
}

#endif
