#include "core/rng.h"

#include "core/assert.h"
#include "core/bytes.h"
#include "core/math.h"

#define ROUNDS 10

struct rng
rng_make(uint64_t seed, uint32_t stream, uint32_t entity, uint64_t step)
{
    ASSERT(stream < UINT32_C(1) << 16);
    ASSERT(step < UINT64_C(1) << 48);

    return (struct rng){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .counter = {0, entity, (uint32_t)step, stream << 16 | (uint32_t)(step >> 32)},
        .used = 4,
    };
}

void
rng_lane(struct rng *self, uint32_t lane)
{
    self->counter[0] = (lane & ((1u << 26) - 1u)) * 64u;
    self->used = 4;
}

void
rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3];
    uint32_t key_0 = key[0], key_1 = key[1];

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t product_0 = (uint64_t)UINT32_C(0xD2511F53) * a;
        uint64_t product_1 = (uint64_t)UINT32_C(0xCD9E8D57) * c;

        a = (uint32_t)(product_1 >> 32) ^ b ^ key_0;
        b = (uint32_t)product_1;
        c = (uint32_t)(product_0 >> 32) ^ d ^ key_1;
        d = (uint32_t)product_0;
        key_0 += UINT32_C(0x9E3779B9); /* golden ratio */
        key_1 += UINT32_C(0xBB67AE85); /* square root of 3, less 1 */
    }
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
}

uint32_t
rng_u32(struct rng *self)
{
    if (self->used == 4) {
        ASSERT(self->counter[0] != UINT32_MAX); /* 2^34 draws for one purpose: a loop that does not end */
        rng_philox(self->counter, self->key, self->block);
        self->counter[0]++;
        self->used = 0;
    }
    return self->block[self->used++];
}

uint64_t
rng_u64(struct rng *self)
{
    uint64_t low = rng_u32(self);

    return (uint64_t)rng_u32(self) << 32 | low;
}

double
rng_real(struct rng *self)
{
    return (double)(rng_u64(self) >> 11) * 0x1p-53;
}

/* The largest double below x; x is finite. */
static double
below(double x)
{
    uint64_t bits = bytes_get_u64(&x);

    if (x == 0.0)
        return -0x1p-1074;
    bits += x > 0.0 ? UINT64_MAX : 1;
    return bytes_get_f64(&bits);
}

double
rng_between(struct rng *self, double low, double high)
{
    double value;

    ASSERT(low <= high && high - low < __builtin_inf());

    value = low + (high - low) * rng_real(self);
    return value >= high && low < high ? below(high) : value; /* the sum may have been rounded up to the end */
}

uint32_t
rng_below(struct rng *self, uint32_t bound)
{
    uint64_t product;

    ASSERT(bound > 0);

    product = (uint64_t)rng_u32(self) * bound;
    if ((uint32_t)product < bound) {
        uint32_t least = -bound % bound; /* 2^32 modulo bound: so many low words would be one too many */

        while ((uint32_t)product < least)
            product = (uint64_t)rng_u32(self) * bound;
    }
    return (uint32_t)(product >> 32);
}

int32_t
rng_integer(struct rng *self, int32_t low, int32_t high)
{
    uint32_t count, offset;

    ASSERT(low <= high);

    count = (uint32_t)high - (uint32_t)low + 1;
    offset = count == 0 ? rng_u32(self) : rng_below(self, count);
    return (int32_t)((int64_t)low + (int64_t)offset);
}

bool
rng_chance(struct rng *self, double p)
{
    return rng_real(self) < p;
}

double
rng_normal(struct rng *self)
{
    double radius = math_sqrt(-2.0 * math_log(1.0 - rng_real(self))); /* of (0, 1]: never ln 0 */
    double angle = 0x1.921fb54442d18p+2 * rng_real(self);             /* 2 pi */

    return radius * math_cos(angle);
}

void
rng_shuffle(struct rng *self, uint32_t *items, uint32_t count)
{
    for (uint32_t left = count; left > 1; left--) {
        uint32_t other = rng_below(self, left);
        uint32_t item = items[left - 1];

        items[left - 1] = items[other];
        items[other] = item;
    }
}
