#include "core/digest.h"

#include "core/assert.h"
#include "core/bytes.h"

#include <pthread.h>
#include <string.h>

#include <sodium.h>
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

_Static_assert(sizeof(crypto_generichash_state) == sizeof ((struct digest *)0)->state, "BLAKE2b's state fits");
_Static_assert(sizeof(XXH3_state_t) + 64 <= sizeof ((struct fold *)0)->room, "XXH3's state fits at any address");
_Static_assert(_Alignof(XXH3_state_t) <= 64, "XXH3's state is aligned");

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Lets libsodium choose its fastest implementation for this processor. */
static void
prepare(void)
{
    ASSERT(sodium_init() >= 0);
}

/* libsodium wants its state at a multiple of 64, which a struct on the heap need not be: it is worked on in a copy. */
void
digest_init(struct digest *self)
{
    crypto_generichash_state state;

    pthread_once(&once, prepare);
    memset(&state, 0, sizeof state);
    ASSERT(crypto_generichash_init(&state, NULL, 0, DIGEST_SIZE) == 0);
    memcpy(self->state, &state, sizeof state);
}

void
digest_bytes(struct digest *self, const void *bytes, size_t size)
{
    crypto_generichash_state state;

    if (size == 0)
        return;
    memcpy(&state, self->state, sizeof state);
    ASSERT(crypto_generichash_update(&state, bytes, size) == 0);
    memcpy(self->state, &state, sizeof state);
}

void
digest_end(struct digest *self, uint8_t out[DIGEST_SIZE])
{
    crypto_generichash_state state;

    memcpy(&state, self->state, sizeof state);
    ASSERT(crypto_generichash_final(&state, out, DIGEST_SIZE) == 0);
    memset(self->state, 0, sizeof self->state);
}

void
digest_of(const void *bytes, size_t size, uint8_t out[DIGEST_SIZE])
{
    struct digest digest;

    digest_init(&digest);
    digest_bytes(&digest, bytes, size);
    digest_end(&digest, out);
}

uint64_t
digest_xxh3(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}

char *
digest_hex(const uint8_t *bytes, size_t size, char *out)
{
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    out[2 * size] = '\0';
    return out;
}

static XXH3_state_t *
fold_state(struct fold *self)
{
    uintptr_t start = (uintptr_t)self->room;

    ASSERT(self->home == self);
    return (XXH3_state_t *)((start + 63) & ~(uintptr_t)63);
}

void
fold_init(struct fold *self)
{
    self->home = self;
    self->used = 0;
    XXH3_INITSTATE(fold_state(self));
    ASSERT(XXH3_128bits_reset(fold_state(self)) == XXH_OK);
}

static void
fold_flush(struct fold *self)
{
    ASSERT(XXH3_128bits_update(fold_state(self), self->stage, self->used) == XXH_OK);
    self->used = 0;
}

void
fold_bytes(struct fold *self, const void *bytes, size_t size)
{
    if (size == 0)
        return;
    if (size > sizeof self->stage - self->used)
        fold_flush(self);
    if (size > sizeof self->stage) {
        ASSERT(XXH3_128bits_update(fold_state(self), bytes, size) == XXH_OK);
        return;
    }
    memcpy(self->stage + self->used, bytes, size);
    self->used += (uint32_t)size;
}

void
fold_u32(struct fold *self, uint32_t value)
{
    if (sizeof self->stage - self->used < sizeof value)
        fold_flush(self);
    bytes_put_u32(self->stage + self->used, value);
    self->used += (uint32_t)sizeof value;
}

void
fold_u64(struct fold *self, uint64_t value)
{
    if (sizeof self->stage - self->used < sizeof value)
        fold_flush(self);
    bytes_put_u64(self->stage + self->used, value);
    self->used += (uint32_t)sizeof value;
}

void
fold_i64(struct fold *self, int64_t value)
{
    fold_u64(self, (uint64_t)value);
}

void
fold_f64(struct fold *self, double value)
{
    fold_u64(self, value != value ? UINT64_C(0x7ff8000000000000) : bytes_get_u64(&value));
}

void
fold_end(struct fold *self, uint8_t out[FOLD_SIZE])
{
    XXH128_canonical_t canonical;

    fold_flush(self);
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(fold_state(self)));
    _Static_assert(sizeof canonical == FOLD_SIZE, "128 bits");
    memcpy(out, &canonical, FOLD_SIZE);
    self->home = NULL;
}
