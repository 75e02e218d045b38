/* core/bytes.h - numbers in bytes. Little-endian for columns, big-endian for keys and MessagePack. The loads and
 * stores work at any alignment; gcc and clang turn each into one instruction. The host must be little-endian. */
#ifndef POLIS_CORE_BYTES_H
#define POLIS_CORE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "columns are little-endian in memory and on the wire");
_Static_assert(sizeof(double) == 8 && sizeof(float) == 4, "IEEE-754 binary64 and binary32");

#define BYTES_DEFINE(name, type)                                                                                     \
    static inline type bytes_get_##name(const void *from)                                                            \
    {                                                                                                                \
        type value;                                                                                                  \
        memcpy(&value, from, sizeof value);                                                                          \
        return value;                                                                                                \
    }                                                                                                                \
    static inline void bytes_put_##name(void *to, type value) { memcpy(to, &value, sizeof value); }

BYTES_DEFINE(u16, uint16_t)
BYTES_DEFINE(u32, uint32_t)
BYTES_DEFINE(u64, uint64_t)
BYTES_DEFINE(i32, int32_t)
BYTES_DEFINE(i64, int64_t)
BYTES_DEFINE(f32, float)
BYTES_DEFINE(f64, double)

static inline uint16_t bytes_get_u16_be(const void *from) { return __builtin_bswap16(bytes_get_u16(from)); }
static inline uint32_t bytes_get_u32_be(const void *from) { return __builtin_bswap32(bytes_get_u32(from)); }
static inline uint64_t bytes_get_u64_be(const void *from) { return __builtin_bswap64(bytes_get_u64(from)); }
static inline void bytes_put_u16_be(void *to, uint16_t value) { bytes_put_u16(to, __builtin_bswap16(value)); }
static inline void bytes_put_u32_be(void *to, uint32_t value) { bytes_put_u32(to, __builtin_bswap32(value)); }
static inline void bytes_put_u64_be(void *to, uint64_t value) { bytes_put_u64(to, __builtin_bswap64(value)); }

#endif
