#include "bus/canary.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/assert.h"
#include "core/math.h"
#include "core/rng.h"
#include "core/streams.h"

#define POINTS 512u
#define SEED UINT64_C(0x706f6c6973)

static void
fold(XXH3_state_t *state, double value)
{
    ASSERT(XXH3_64bits_update(state, &value, sizeof value) == XXH_OK);
}

uint64_t
canary_compute(void)
{
    XXH3_state_t *state = XXH3_createState();
    struct rng rng = rng_make(SEED, STREAM_TEST, 1, 1);
    double sum = 0.0;
    uint64_t hash;

    ASSERT(state != NULL && XXH3_64bits_reset(state) == XXH_OK);
    for (uint32_t i = 0; i < POINTS; i++) {
        double x = rng_between(&rng, -40.0, 40.0), y = rng_between(&rng, 1e-6, 1e6), z = rng_normal(&rng);

        fold(state, math_exp(x));
        fold(state, math_log(y));
        fold(state, math_pow(y, x / 16.0));
        fold(state, math_tanh(x / 8.0));
        fold(state, math_sin(x));
        fold(state, math_cos(x));
        fold(state, math_sqrt(y));
        fold(state, math_power_integer(z, i % 7u));
        fold(state, z);
        sum += x * y + z / (1.0 + y);
        fold(state, sum);
        fold(state, (double)rng_below(&rng, i + 1u));
    }
    hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return hash;
}

int
canary_build(char out[CANARY_BUILD_SIZE], struct why *why)
{
    static const char path[] = "/proc/self/exe";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    XXH3_state_t *state;
    XXH128_hash_t hash;
    char bytes[65536];
    ssize_t size;

    if (fd < 0)
        return fail_errno(why, ERR_IO, errno, "cannot open %s", path);
    state = XXH3_createState();
    ASSERT(state != NULL && XXH3_128bits_reset(state) == XXH_OK);
    while ((size = read(fd, bytes, sizeof bytes)) > 0)
        ASSERT(XXH3_128bits_update(state, bytes, (size_t)size) == XXH_OK);
    hash = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    close(fd);
    if (size < 0)
        return fail_errno(why, ERR_IO, errno, "cannot read %s", path);
    snprintf(out, CANARY_BUILD_SIZE, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64, (uint64_t)hash.low64);
    return 0;
}
