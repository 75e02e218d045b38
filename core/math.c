/* core/math.c - the methods.
 *
 * A number carried in two doubles, hi + lo, has about 100 significant bits. The error-free sum of a larger and a
 * smaller number is Dekker's, the split of a factor into halves Veltkamp's (Dekker 1971, "A floating-point technique
 * for extending the available precision"). Arguments are first reduced by tables (Tang 1989, 1990), sine and cosine by
 * as many bits of 2/pi as the exponent asks for (Payne & Hanek 1983); what is left goes into short Taylor sums. */
#include "core/math.h"

#include "core/bytes.h"
#include "core/math_table.h"
#include "core/wide.h"

#include <float.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

_Static_assert(FLT_EVAL_METHOD == 0, "doubles are computed as doubles");

#define INFINITE __builtin_inf()
#define QUIET_NAN __builtin_nan("")
#define SIGN_BIT (UINT64_C(1) << 63)
#define EXPONENT_ONE (UINT64_C(1) << 52)

/* Added to a number below 2^31 and taken away again, leaves the nearest whole number. */
#define ROUNDER 0x1.8p52

struct pair {
    double hi, lo;
};

static inline uint64_t
bits_of(double x)
{
    return bytes_get_u64(&x);
}

static inline double
real_of(uint64_t bits)
{
    return bytes_get_f64(&bits);
}

/* 2^exponent for -1022 <= exponent <= 1023. */
static inline double
power_of_two(int exponent)
{
    return real_of((uint64_t)(exponent + 1023) << 52);
}

/* a + b exactly, where |a| >= |b| or a is a multiple of the last place of b. */
static inline struct pair
sum_ordered(double a, double b)
{
    double hi = a + b;

    return (struct pair){hi, a - hi + b};
}

/* a + b exactly. */
static inline struct pair
sum(double a, double b)
{
    double hi = a + b;
    double from_b = hi - a;

    return (struct pair){hi, (a - (hi - from_b)) + (b - from_b)};
}

/* The upper 26 bits of x; |x| < 2^995. */
static inline double
upper_half(double x)
{
    double big = 0x1.0000002p27 * x;

    return big - (big - x);
}

/* a * b exactly, as long as nothing overflows or becomes subnormal. */
static inline struct pair
product(double a, double b)
{
    double hi = a * b;
    double a_upper = upper_half(a), a_lower = a - a_upper;
    double b_upper = upper_half(b), b_lower = b - b_upper;

    return (struct pair){
        hi, ((a_upper * b_upper - hi) + a_upper * b_lower + a_lower * b_upper) + a_lower * b_lower};
}

double
math_abs(double x)
{
    return x != x ? QUIET_NAN : real_of(bits_of(x) & ~SIGN_BIT);
}

double
math_sqrt(double x)
{
    if (!(x >= 0.0))
        return QUIET_NAN;
#if defined(__SSE2__)
    /* The instruction itself: __builtin_sqrt() may become a call, for the sake of errno. */
    return _mm_cvtsd_f64(_mm_sqrt_sd(_mm_setzero_pd(), _mm_set_sd(x)));
#else
    return __builtin_sqrt(x);
#endif
}

double
math_floor(double x)
{
    double whole;

    if (x != x)
        return QUIET_NAN;
    if (!(math_abs(x) < 0x1p52))
        return x;
    whole = (double)(int64_t)x;
    if (whole == x)
        return x; /* keeps -0 */
    return whole > x ? whole - 1.0 : whole;
}

double
math_power_integer(double x, unsigned n)
{
    double power = 1.0;

    for (unsigned i = 0; i < n; i++)
        power *= x;
    return power != power ? QUIET_NAN : power;
}

/* ---- exponential ---- */

/* (hi + rest) * 2^exponent, hi in [1, 2) and |rest| < 0.02, rounded once also where the result is subnormal. */
static double
scale(double hi, double rest, int exponent)
{
    double value = hi + rest, shrink, sum_hi, sum_lo;

    if (exponent >= 1024)
        return exponent == 1024 && value < 1.0 ? real_of(bits_of(value) + ((uint64_t)exponent << 52)) : INFINITE;
    if (exponent >= -1021)
        return real_of(bits_of(value) + ((uint64_t)(int64_t)exponent << 52));
    if (exponent < -1080)
        return 0.0;
    shrink = power_of_two(exponent + 1022); /* in units of the smallest normal number */
    if (value * shrink >= 1.0)
        return value * shrink * 0x1p-1022;
    /* The last place of a number in [1, 2) is the spacing of the subnormal numbers in these units. */
    hi *= shrink;
    sum_hi = 1.0 + hi;
    sum_lo = (1.0 - sum_hi) + hi + rest * shrink;
    return ((sum_hi + sum_lo) - 1.0) * 0x1p-1022;
}

/* hi + lo = steps * ln2/64 + (out.hi + out.lo), |out.hi| <= 0.0055. |hi| < 760, lo is small beside hi. */
static inline struct pair
reduce_exponent(double hi, double lo, int32_t *steps)
{
    double rounded = hi * MATH_EXP_STEPS + ROUNDER;
    double count;

    *steps = (int32_t)(uint32_t)bits_of(rounded);
    count = rounded - ROUNDER;
    return sum_ordered(hi - count * MATH_EXP_STEP_HI, lo - count * MATH_EXP_STEP_LO);
}

/* e^r - 1 - r for |r| <= 0.0055. */
static inline double
exp_tail(double r)
{
    double square = r * r;

    return square * ((0.5 + r * (1.0 / 6)) + square * ((1.0 / 24 + r * (1.0 / 120)) + square * (1.0 / 720)));
}

/* e^(hi + lo) for |hi| < 760. */
static double
exp_pair(double hi, double lo)
{
    int32_t steps;
    struct pair r = reduce_exponent(hi, lo, &steps);
    int32_t row = steps & 63;
    double top = math_exp_table[row].hi;
    double less_one = r.hi + exp_tail(r.hi);

    return scale(top, math_exp_table[row].lo + top * less_one, (steps - row) / 64);
}

double
math_exp(double x)
{
    if (x != x)
        return QUIET_NAN;
    if (x > 709.8)
        return INFINITE;
    if (x < -745.2)
        return 0.0;
    if (math_abs(x) < 0x1p-54)
        return 1.0 + x;
    return exp_pair(x, 0.0);
}

/* ---- logarithm ---- */

/* ln x for finite x > 0, to about 2^-67 of its value. x = 2^exponent * m, m * inverse = 1 + r. */
static inline struct pair
log_pair(double x)
{
    uint64_t bits = bits_of(x), offset;
    int64_t exponent = 0;
    double m, m_upper, inverse, coarse, fine, r, r_lo, r_upper, square_hi, square_lo, cubic, power, lo;
    struct pair reduced, first, second;
    uint32_t row;

    if (bits < EXPONENT_ONE) { /* subnormal */
        bits = bits_of(x * 0x1p52);
        exponent = -52;
    }
    offset = bits - UINT64_C(0x3fe6000000000000);
    exponent += (int64_t)(offset & ~(EXPONENT_ONE - 1)) / (int64_t)EXPONENT_ONE;
    row = (uint32_t)(offset >> 45) & 127;
    m = real_of(bits - (offset & ~(EXPONENT_ONE - 1)));
    inverse = math_log_table[row].inverse;

    /* The inverse has at most nine bits, so both products and the difference are exact. */
    m_upper = real_of(bits_of(m) & ~((UINT64_C(1) << 27) - 1));
    coarse = m_upper * inverse - 1.0;
    fine = (m - m_upper) * inverse;
    reduced = sum_ordered(coarse, fine);
    r = reduced.hi;
    r_lo = reduced.lo;

    /* ln(1 + r) = r - r^2/2 + r^3/3 - ..., the first two terms in pairs. */
    r_upper = real_of(bits_of(r) & ~((UINT64_C(1) << 27) - 1));
    square_hi = -0.5 * (r_upper * r_upper);
    square_lo = -0.5 * ((r - r_upper) * (r + r_upper));
    power = r * r;
    cubic = r * power *
            (((1.0 / 3 - r * 0.25) + power * (0.2 - r * (1.0 / 6))) +
             power * power * ((1.0 / 7 - r * 0.125) + power * (1.0 / 9 - r * 0.1)));

    first = sum_ordered((double)exponent * MATH_LN2_HI + math_log_table[row].hi, r);
    second = sum_ordered(first.hi, square_hi);
    lo = (double)exponent * MATH_LN2_LO + math_log_table[row].lo;
    lo = ((lo + (r_lo - r_lo * r)) + (first.lo + second.lo)) + (square_lo + cubic);
    return sum_ordered(second.hi, lo);
}

double
math_log(double x)
{
    if (!(x >= 0.0))
        return QUIET_NAN;
    if (x == 0.0)
        return -INFINITE;
    if (x == INFINITE)
        return x;
    return log_pair(x).hi;
}

/* ---- power ---- */

enum whole { WHOLE_NOT, WHOLE_ODD, WHOLE_EVEN };

/* y is finite. */
static enum whole
whole_kind(double y)
{
    double size = math_abs(y);

    if (size >= 0x1p53)
        return WHOLE_EVEN;
    if (math_floor(size) != size)
        return WHOLE_NOT;
    return (uint64_t)size & 1 ? WHOLE_ODD : WHOLE_EVEN;
}

/* size^y where neither the size (> 0, not NaN) nor y (not 0, not NaN) need be finite. */
static double
power_of_size(double size, double y)
{
    struct pair logarithm, raised;
    double upper, y_upper;

    if (size == 1.0)
        return 1.0;
    if (size == INFINITE || math_abs(y) >= 0x1p65) /* beyond 2^65 every base but 1 is driven to the end */
        return (size > 1.0) == (y > 0.0) ? INFINITE : 0.0;
    if (math_abs(y) < 0x1p-65)
        return 1.0;

    logarithm = log_pair(size);
    upper = upper_half(logarithm.hi);
    y_upper = upper_half(y);
    raised = sum_ordered(
        upper * y_upper, upper * (y - y_upper) + (logarithm.hi - upper + logarithm.lo) * y);
    if (raised.hi > 710.0)
        return INFINITE;
    if (raised.hi < -746.0)
        return 0.0;
    return exp_pair(raised.hi, raised.lo);
}

double
math_pow(double x, double y)
{
    double size = math_abs(x), power;
    enum whole whole;

    if (y == 0.0 || x == 1.0)
        return 1.0;
    if (x != x || y != y)
        return QUIET_NAN;
    if (math_abs(y) == INFINITE)
        return power_of_size(size == 0.0 ? 0x1p-1022 : size, y);
    whole = whole_kind(y);
    if (x < 0.0 && x != -INFINITE && whole == WHOLE_NOT)
        return QUIET_NAN;
    if (size == 0.0)
        power = y < 0.0 ? INFINITE : 0.0;
    else
        power = power_of_size(size, y);
    return whole == WHOLE_ODD && (bits_of(x) & SIGN_BIT) != 0 ? -power : power;
}

/* ---- hyperbolic tangent ---- */

double
math_tanh(double x)
{
    double size = math_abs(x), top, less_one, less_one_lo, quotient, rest;
    struct pair r, t, bottom, back;
    int32_t steps, row;

    if (x != x)
        return QUIET_NAN;
    if (size < 0x1p-28)
        return x;
    if (size >= 22.0)
        return x < 0.0 ? -1.0 : 1.0;

    /* t = e^(2|x|) - 1 in a pair: with T = 2^(steps/64) and p = e^r - 1 it is (T - 1) + p + (T - 1) p. */
    r = reduce_exponent(2.0 * size, 0.0, &steps);
    row = steps & 63;
    top = math_exp_table[row].hi * power_of_two((steps - row) / 64);
    less_one = top - 1.0;
    less_one_lo = ((top - less_one) - 1.0) + math_exp_table[row].lo * power_of_two((steps - row) / 64);
    rest = r.lo + exp_tail(r.hi);
    t = sum_ordered(less_one, r.hi);
    t = sum_ordered(t.hi, (t.lo + (rest + less_one * (r.hi + rest))) + less_one_lo);

    /* tanh = t / (t + 2); the quotient's error comes from the exact remainder. */
    bottom = sum(t.hi, 2.0);
    bottom.lo += t.lo;
    quotient = t.hi / bottom.hi;
    back = product(quotient, bottom.hi);
    rest = ((t.hi - back.hi) - back.lo) + (t.lo - quotient * bottom.lo);
    quotient += rest / bottom.hi;
    return x < 0.0 ? -quotient : quotient;
}

/* ---- sine and cosine ---- */

/* |x| = quarter * pi/2 + (out.hi + out.lo) modulo 2 pi, |out.hi| <= pi/4, for finite |x| > pi/4.
 * x is M * 2^e with M < 2^53. Bits of 2/pi heavier than 2^(1-e) add whole turns; the next 192 decide. */
static struct pair
reduce_angle(double x, uint32_t *quarter)
{
    uint64_t bits = bits_of(x) & ~SIGN_BIT;
    uint64_t m = (bits & (EXPONENT_ONE - 1)) | EXPONENT_ONE;
    uint32_t start = (uint32_t)((int)(bits >> 52) - 1075 - 1 + 64 - 1); /* of the 192 bits, from 0, zeros included */
    uint32_t word = start / 64, shift = start % 64;
    uint64_t window[3], high, middle, low;
    uint128 low_product, middle_product, fraction;
    bool negative;
    int zeros;
    double unit;
    struct pair turn, angle;

    for (uint32_t i = 0; i < 3; i++)
        window[i] = shift == 0 ? math_two_over_pi[word + i]
                               : math_two_over_pi[word + i] << shift | math_two_over_pi[word + i + 1] >> (64 - shift);
    low_product = (uint128)m * window[2];
    middle_product = (uint128)m * window[1] + (uint64_t)(low_product >> 64);
    low = (uint64_t)low_product;
    middle = (uint64_t)middle_product;
    high = m * window[0] + (uint64_t)(middle_product >> 64);

    /* Two bits of quarter turns, then the fraction of one, taken to the nearest. */
    *quarter = (uint32_t)(high >> 62);
    fraction = ((uint128)high << 64 | middle) << 2 | low >> 62;
    negative = (uint64_t)(fraction >> 127) != 0;
    if (negative) {
        fraction = -fraction;
        *quarter = (*quarter + 1) & 3;
    }
    /* No double comes nearer than 2^-62 quarter turns to a whole number of them, so 66 good bits are always left. */
    zeros = wide_leading_zeros(fraction | 1);
    fraction <<= zeros;
    unit = power_of_two(-53 - zeros);
    turn.hi = (double)(uint64_t)(fraction >> 75) * unit;
    turn.lo = (double)(uint64_t)(fraction >> 11) * (unit * 0x1p-64);
    angle = product(turn.hi, MATH_HALF_PI_HI);
    angle.lo += turn.lo * MATH_HALF_PI_HI + turn.hi * MATH_HALF_PI_LO;
    angle = sum_ordered(angle.hi, angle.lo);
    return negative ? (struct pair){-angle.hi, -angle.lo} : angle;
}

/* sin(hi + lo), |hi| <= pi/4. */
static double
sin_pair(double hi, double lo)
{
    double square = hi * hi;
    double tail = -1.0 / 1307674368000.0 + square * (1.0 / 355687428096000.0);

    tail = 1.0 / 6227020800.0 + square * tail;
    tail = -1.0 / 39916800 + square * tail;
    tail = 1.0 / 362880 + square * tail;
    tail = -1.0 / 5040 + square * tail;
    tail = 1.0 / 120 + square * tail;
    tail = -1.0 / 6 + square * tail;
    return hi + (hi * square * tail + (lo - 0.5 * square * lo));
}

/* cos(hi + lo), |hi| <= pi/4. */
static double
cos_pair(double hi, double lo)
{
    double square = hi * hi;
    double upper = upper_half(hi);
    double half = 0.5 * (upper * upper), half_lo = 0.5 * ((hi - upper) * (hi + upper));
    double tail = 1.0 / 20922789888000.0 - square * (1.0 / 6402373705728000.0);
    struct pair top = sum_ordered(1.0, -half);

    tail = -1.0 / 87178291200.0 + square * tail;
    tail = 1.0 / 479001600 + square * tail;
    tail = -1.0 / 3628800 + square * tail;
    tail = 1.0 / 40320 + square * tail;
    tail = -1.0 / 720 + square * tail;
    tail = 1.0 / 24 + square * tail;
    return top.hi + (square * square * tail + (top.lo - half_lo - hi * lo));
}

/* The sine of quarter * pi/2 + angle. */
static double
sin_quarter(struct pair angle, uint32_t quarter)
{
    double value = quarter & 1 ? cos_pair(angle.hi, angle.lo) : sin_pair(angle.hi, angle.lo);

    return quarter & 2 ? -value : value;
}

double
math_sin(double x)
{
    double size = math_abs(x), value;
    uint32_t quarter;
    struct pair angle;

    if (!(size < INFINITE))
        return QUIET_NAN;
    if (size < 0x1p-27)
        return x;
    if (size <= 0.78)
        return sin_pair(x, 0.0);
    angle = reduce_angle(size, &quarter);
    value = sin_quarter(angle, quarter);
    return x < 0.0 ? -value : value;
}

double
math_cos(double x)
{
    double size = math_abs(x);
    uint32_t quarter = 0;
    struct pair angle = {size, 0.0};

    if (!(size < INFINITE))
        return QUIET_NAN;
    if (size > 0.78)
        angle = reduce_angle(size, &quarter);
    return sin_quarter(angle, quarter + 1);
}
