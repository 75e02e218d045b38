/* core/digest.h - fingerprints. `struct digest` is BLAKE2b-256 (libsodium): for what must not be forged, the chain of
 * the log. `struct fold` is XXH3-128 (libxxhash): fast, for the state of every step. digest_xxh3() guards frames. */
#ifndef POLIS_CORE_DIGEST_H
#define POLIS_CORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32u
#define FOLD_SIZE 16u

/* A plain value: may be copied at any time to continue in two ways. */
struct digest {
    uint8_t state[384];
};

void digest_init(struct digest *self);
void digest_bytes(struct digest *self, const void *bytes, size_t size); /* NULL allowed when size is 0 */
/* The digest of everything so far; afterwards only digest_init() may follow. */
void digest_end(struct digest *self, uint8_t out[DIGEST_SIZE]);
/* All of it at once. */
void digest_of(const void *bytes, size_t size, uint8_t out[DIGEST_SIZE]);

/* XXH3-64 with seed 0. */
uint64_t digest_xxh3(const void *bytes, size_t size);

/* Lower-case hexadecimal: 2 * size characters and the terminator. Returns `out`. */
char *digest_hex(const uint8_t *bytes, size_t size, char *out);

/* Streaming XXH3-128. Numbers go in little-endian; the bytes count, not the calls that brought them. Not copied or
 * moved between fold_init() and fold_end(); owns nothing. */
struct fold {
    const struct fold *home;
    uint32_t used; /* bytes of `stage` not yet hashed */
    uint8_t stage[1020];
    uint8_t room[576 + 64]; /* the hash's state, at the first multiple of 64 */
};

void fold_init(struct fold *self);
void fold_bytes(struct fold *self, const void *bytes, size_t size); /* NULL allowed when size is 0 */
void fold_u32(struct fold *self, uint32_t value);
void fold_u64(struct fold *self, uint64_t value);
void fold_i64(struct fold *self, int64_t value);
void fold_f64(struct fold *self, double value); /* every NaN counts as one; -0 and 0 differ */
/* Canonical (big-endian) XXH3-128 of everything so far. */
void fold_end(struct fold *self, uint8_t out[FOLD_SIZE]);

#endif
