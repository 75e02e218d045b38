/* tests/fuzz/oracle.h - msgpack-c as the second opinion on bytes that the guard has already let through. */
#ifndef POLIS_TESTS_FUZZ_ORACLE_H
#define POLIS_TESTS_FUZZ_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

#include <msgpack/unpack.h>

#define ORACLE_DEPTH_MAX 24u /* msgpack-c gives up a little deeper */

/* True when msgpack-c reads exactly one value that fills all of the bytes. Fill `out` with msgpack_unpacked_init()
 * first and msgpack_unpacked_destroy() it in every case. Never for bytes that guard_check() refused. */
static inline bool
oracle_reads(msgpack_unpacked *out, const void *bytes, size_t size)
{
    size_t offset = 0;

    return msgpack_unpack_next(out, bytes, size, &offset) == MSGPACK_UNPACK_SUCCESS && offset == size;
}

#endif
