#include "core/money.h"

#include "core/arena.h"
#include "core/assert.h"
#include "core/bytes.h"
#include "core/wide.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DECIMALS 6

/* A finite double >= 0 as whole * 2^exponent, exactly. */
struct parts {
    uint64_t whole; /* < 2^53 */
    int exponent;
};

static struct parts
parts_of(double x)
{
    uint64_t bits = bytes_get_u64(&x) & (UINT64_MAX >> 1);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int field = (int)(bits >> 52);

    if (field == 0)
        return (struct parts){fraction, -1074};
    return (struct parts){fraction | UINT64_C(1) << 52, field - 1075};
}

static uint64_t
magnitude(int64_t amount)
{
    return amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount;
}

/* The amount of this size and sign; 2^63 only with the sign. */
static int64_t
signed_amount(uint64_t size, bool negative)
{
    return (int64_t)(negative ? 0 - size : size);
}

int64_t
money_from_real(double tokens)
{
    struct parts parts;
    uint128 exact, amount, half, rest;
    bool negative = tokens < 0.0;

    if (tokens != tokens)
        return 0;
    if (tokens >= (double)(MONEY_MAX / MONEY_ONE) || tokens <= -(double)(MONEY_MAX / MONEY_ONE))
        return negative ? -MONEY_MAX : MONEY_MAX;
    parts = parts_of(tokens);
    exact = (uint128)parts.whole * (uint64_t)MONEY_ONE; /* below 2^73, and the exponent is below -12 */
    if (parts.exponent < -100)
        return 0;
    half = (uint128)1 << (-parts.exponent - 1);
    rest = exact & (2 * half - 1);
    amount = exact >> -parts.exponent;
    if (rest > half || (rest == half && (amount & 1) != 0))
        amount++;
    return signed_amount((uint64_t)amount, negative);
}

double
money_to_real(int64_t amount)
{
    return (double)amount / (double)MONEY_ONE;
}

bool
money_add(int64_t a, int64_t b, int64_t *out)
{
    int64_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

int64_t
money_share(int64_t amount, double share)
{
    struct parts parts;

    ASSERT(share >= 0.0 && share <= 1.0);

    parts = parts_of(share);
    if (parts.exponent <= -128)
        return 0; /* the product is below 2^117 */
    return signed_amount((uint64_t)(((uint128)magnitude(amount) * parts.whole) >> -parts.exponent), amount < 0);
}

/* ---- division among parties ----
 * Weights become whole numbers on one common scale, so that quotients, remainders and the sum are exact. The scale
 * keeps every bit of every weight unless the largest and the smallest differ so much that the sum would pass 2^125;
 * then the lowest bits of the small ones are dropped, which moves a share by less than 2^-20 of a millionth. */

struct scale {
    int exponent; /* a weight's whole number counts units of 2^exponent */
    bool equal;   /* no weight above 0: everybody counts 1 */
};

static struct scale
scale_of(const double *weights, size_t count)
{
    int top = INT32_MIN, bottom = INT32_MAX, room;

    for (size_t i = 0; i < count; i++) {
        struct parts parts;

        ASSERT(weights[i] >= 0.0 && weights[i] < __builtin_inf());
        if (weights[i] == 0.0)
            continue;
        parts = parts_of(weights[i]);
        if (parts.exponent + 64 - __builtin_clzll(parts.whole) > top)
            top = parts.exponent + 64 - __builtin_clzll(parts.whole);
        if (parts.exponent + __builtin_ctzll(parts.whole) < bottom)
            bottom = parts.exponent + __builtin_ctzll(parts.whole);
    }
    if (top == INT32_MIN)
        return (struct scale){.equal = true};
    room = 125 - (64 - __builtin_clzll((uint64_t)count));
    return (struct scale){.exponent = top - bottom > room ? top - room : bottom};
}

static uint128
scaled(const struct scale *scale, double weight)
{
    struct parts parts = parts_of(weight);
    int shift = parts.exponent - scale->exponent;

    if (scale->equal)
        return 1;
    if (shift >= 0)
        return (uint128)parts.whole << shift; /* below 2^room */
    return shift > -64 ? parts.whole >> -shift : 0;
}

/* total * weight / sum: the whole part, and what is left in *rest (below sum). weight <= sum < 2^125. */
static uint64_t
quota(uint64_t total, uint128 weight, uint128 sum, uint128 *rest)
{
    uint128 left = 0;
    uint64_t whole = 0;

    if (weight >> 64 == 0) {
        uint128 product = (uint128)total * (uint64_t)weight;

        *rest = product % sum;
        return (uint64_t)(product / sum);
    }
    /* Long multiplication and division at once, one bit of the total after the other. */
    for (int bit = 63; bit >= 0; bit--) {
        whole *= 2;
        left = 2 * left + ((total >> bit & 1) != 0 ? weight : 0);
        while (left >= sum) {
            left -= sum;
            whole++;
        }
    }
    *rest = left;
    return whole;
}

struct claim {
    uint128 rest;
    size_t index;
};

/* Who comes first when a millionth is left over. */
static bool
claims_before(const struct claim *a, const struct claim *b)
{
    return a->rest != b->rest ? a->rest > b->rest : a->index < b->index;
}

static void
swap(struct claim *a, struct claim *b)
{
    struct claim kept = *a;

    *a = *b;
    *b = kept;
}

/* Moves the first `wanted` claims to the front, in any order among themselves (Hoare's selection). */
static void
select_claims(struct claim *claims, size_t count, size_t wanted)
{
    size_t low = 0, high = count;

    while (high - low > 1 && wanted > low && wanted < high) {
        struct claim pivot = claims[low + (high - low) / 2];
        size_t i = low, j = high - 1;

        for (;;) {
            while (claims_before(&claims[i], &pivot))
                i++;
            while (claims_before(&pivot, &claims[j]))
                j--;
            if (i >= j)
                break;
            swap(&claims[i], &claims[j]);
            i++;
            j--;
        }
        /* What is before i comes no later than the pivot, what is behind j no earlier, and j <= i <= j + 1. */
        if (wanted <= i)
            high = i;
        else
            low = j + 1;
    }
}

void
money_allocate(int64_t total, const double *weights, size_t count, int64_t *out)
{
    struct claim few[64], *claims = few;
    struct scale scale;
    uint64_t size = magnitude(total), left = size;
    uint128 sum = 0;

    ASSERT(count > 0 && count < (size_t)1 << 40);

    scale = scale_of(weights, count);
    for (size_t i = 0; i < count; i++)
        sum += scaled(&scale, weights[i]);
    if (count > sizeof few / sizeof few[0])
        claims = ALLOC_ARRAY(struct claim, count);
    for (size_t i = 0; i < count; i++) {
        uint64_t whole = quota(size, scaled(&scale, weights[i]), sum, &claims[i].rest);

        claims[i].index = i;
        left -= whole;
        out[i] = signed_amount(whole, total < 0);
    }
    ASSERT(left < count);
    select_claims(claims, count, (size_t)left);
    for (size_t i = 0; i < left; i++)
        out[claims[i].index] += total < 0 ? -1 : 1;
    if (claims != few)
        free(claims);
}

/* ---- text ---- */

void
money_format(int64_t amount, char text[MONEY_TEXT])
{
    uint64_t size = magnitude(amount), one = (uint64_t)MONEY_ONE;
    size_t length;

    snprintf(
        text, MONEY_TEXT, "%s%" PRIu64 ".%06" PRIu64, amount < 0 ? "-" : "", size / one, size % one);
    length = strlen(text);
    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    text[length] = '\0';
}

int
money_parse(const char *text, int64_t *out, struct why *why)
{
    const char *at = text;
    bool negative = *at == '-', point = false;
    uint64_t size = 0;
    int decimals = 0, digits = 0;

    for (at += negative ? 1 : 0; *at != '\0'; at++) {
        if (*at == '.' && !point && digits > 0) {
            point = true;
            digits = 0;
            continue;
        }
        if (*at < '0' || *at > '9')
            return fail(why, ERR_INVALID, "\"%.40s\" is not an amount: expected digits, as in 12.5", text);
        if (point && ++decimals > DECIMALS)
            return fail(why, ERR_INVALID, "\"%.40s\" has more than %d decimals", text, DECIMALS);
        size = size * 10 + (uint64_t)(*at - '0');
        digits++;
        if (size > (uint64_t)MONEY_MAX)
            return fail(why, ERR_LIMIT, "\"%.40s\" is more than 10^12", text);
    }
    if (digits == 0)
        return fail(why, ERR_INVALID, "\"%.40s\" is not an amount: a digit is missing", text);
    for (; decimals < DECIMALS; decimals++) {
        if (size > (uint64_t)MONEY_MAX / 10)
            return fail(why, ERR_LIMIT, "\"%.40s\" is more than 10^12", text);
        size *= 10;
    }
    *out = signed_amount(size, negative);
    return 0;
}
