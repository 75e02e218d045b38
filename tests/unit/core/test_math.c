/* The functions of core/math.h against the x87's 64-bit mantissas, whose own error is below 0.002 units in the last
 * place of a double; at special points against C17 Annex F; and against recorded fingerprints of their bits. */
#include "core/math.h"

#include "core/bytes.h"
#include "core/digest.h"
#include "core/math_table.h"
#include "core/rng.h"
#include "core/streams.h"
#include "tests/support/test.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

/* Points of one range. Sanitized and unoptimized builds look at a twentieth. */
#ifndef MATH_TEST_POINTS
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MATH_TEST_POINTS 600000
#else
#define MATH_TEST_POINTS 30000
#endif
#endif

_Static_assert(LDBL_MANT_DIG >= 64, "the reference is wider than what it judges");

enum drawing { UNIFORM, PATTERN, POSITIVE_PATTERN, SUBNORMAL };

struct range {
    enum drawing drawing;
    double low, high;
};

static double
draw(struct rng *rng, const struct range *range)
{
    uint64_t bits;

    if (range->drawing == UNIFORM)
        return rng_between(rng, range->low, range->high);
    bits = rng_u64(rng);
    if (range->drawing == POSITIVE_PATTERN)
        bits &= UINT64_MAX >> 1;
    if (range->drawing == SUBNORMAL)
        bits = bits >> 12 >> rng_below(rng, 52);
    return bytes_get_f64(&bits);
}

/* Distance in units in the last place of a double where the exact value lies. */
static double
error_of(double got, long double exact)
{
    double rounded = (double)exact, unit;
    int exponent;

    if (isnan(got) || isnan(exact))
        return isnan(got) && isnan(exact) ? 0.0 : INFINITY;
    if (isinf(rounded) || isinf(got))
        return got == rounded ? 0.0 : INFINITY;
    if (exact == 0.0L)
        return got == 0.0 ? 0.0 : INFINITY;
    frexpl(exact, &exponent);
    unit = ldexp(1.0, (exponent < -1021 ? -1021 : exponent) - 53);
    return (double)(fabsl((long double)got - exact) / (long double)unit);
}

/* ---- accuracy ---- */

static const struct one {
    const char *name;
    double (*function)(double);
    long double (*reference)(long double);
    struct range range;
} ones[] = {
    {"exp, every pattern", math_exp, expl, {PATTERN, 0, 0}},
    {"exp, its whole range", math_exp, expl, {UNIFORM, -745.2, 709.8}},
    {"exp, usual arguments", math_exp, expl, {UNIFORM, -10, 10}},
    {"exp, near 0", math_exp, expl, {UNIFORM, -0x1p-7, 0x1p-7}},
    {"exp, subnormal results", math_exp, expl, {UNIFORM, -745.2, -708.3}},
    {"exp, at overflow", math_exp, expl, {UNIFORM, 709.78, 709.79}},
    {"log, every pattern", math_log, logl, {POSITIVE_PATTERN, 0, 0}},
    {"log, usual arguments", math_log, logl, {UNIFORM, 0, 100}},
    {"log, around 1", math_log, logl, {UNIFORM, 0.5, 2}},
    {"log, near 1", math_log, logl, {UNIFORM, 0.999, 1.001}},
    {"log, subnormal arguments", math_log, logl, {SUBNORMAL, 0, 0}},
    {"tanh, every pattern", math_tanh, tanhl, {PATTERN, 0, 0}},
    {"tanh, its whole range", math_tanh, tanhl, {UNIFORM, -22.5, 22.5}},
    {"tanh, usual arguments", math_tanh, tanhl, {UNIFORM, -2, 2}},
    {"tanh, near 0", math_tanh, tanhl, {UNIFORM, -0.02, 0.02}},
    {"sin, every pattern", math_sin, sinl, {PATTERN, 0, 0}},
    {"sin, usual arguments", math_sin, sinl, {UNIFORM, -7, 7}},
    {"sin, large arguments", math_sin, sinl, {UNIFORM, -1e9, 1e9}},
    {"cos, every pattern", math_cos, cosl, {PATTERN, 0, 0}},
    {"cos, usual arguments", math_cos, cosl, {UNIFORM, -7, 7}},
    {"cos, large arguments", math_cos, cosl, {UNIFORM, -1e9, 1e9}},
};

static void
accuracy_of_one(void **state)
{
    const struct one *row = *state;
    struct rng rng = rng_make(1, STREAM_TEST, (uint32_t)(row - ones), 0);
    double worst = -1.0, where = 0.0;

    for (int i = 0; i < MATH_TEST_POINTS; i++) {
        double x = draw(&rng, &row->range);
        double error = error_of(row->function(x), row->reference((long double)x));

        if (error > worst) {
            worst = error;
            where = x;
        }
    }
    printf("    at most %.4f ulp, at %a, over %d points\n", worst, where, MATH_TEST_POINTS);
    assert_true(worst <= 1.0);
}

static const struct two {
    const char *name;
    struct range x, y;
} twos[] = {
    {"pow, every pattern", {PATTERN, 0, 0}, {PATTERN, 0, 0}},
    {"pow, every base, usual exponents", {POSITIVE_PATTERN, 0, 0}, {UNIFORM, -2, 2}},
    {"pow, usual arguments", {UNIFORM, 0, 10}, {UNIFORM, -20, 20}},
    {"pow, into overflow and underflow", {UNIFORM, 0, 100}, {UNIFORM, -200, 200}},
    {"pow, bases near 1", {UNIFORM, 0.99, 1.01}, {UNIFORM, -70000, 70000}},
    {"pow, bases very near 1", {UNIFORM, 1 - 0x1p-20, 1 + 0x1p-20}, {UNIFORM, -0x1p29, 0x1p29}},
    {"pow, subnormal bases", {SUBNORMAL, 0, 0}, {UNIFORM, -1.1, 1.1}},
    {"pow, subnormal results", {UNIFORM, 0.1, 0.9}, {UNIFORM, 300, 7000}},
};

static void
accuracy_of_two(void **state)
{
    const struct two *row = *state;
    struct rng rng = rng_make(2, STREAM_TEST, (uint32_t)(row - twos), 0);
    double worst = -1.0, where_x = 0.0, where_y = 0.0;

    for (int i = 0; i < MATH_TEST_POINTS; i++) {
        double x = draw(&rng, &row->x);
        double y = draw(&rng, &row->y);
        double error = error_of(math_pow(x, y), powl((long double)x, (long double)y));

        if (error > worst) {
            worst = error;
            where_x = x;
            where_y = y;
        }
    }
    printf("    at most %.4f ulp, at %a ^ %a, over %d points\n", worst, where_x, where_y, MATH_TEST_POINTS);
    assert_true(worst <= 1.0);
}

/* ---- special points, C17 F.10 ---- */

#define NAN_BITS UINT64_C(0x7ff8000000000000)

static void
assert_same(double got, double want)
{
    assert_int_equal(bytes_get_u64(&got), isnan(want) ? NAN_BITS : bytes_get_u64(&want));
}

static const struct special {
    const char *name;
    double (*function)(double);
    double x, want;
} specials[] = {
    {"exp(0)", math_exp, 0.0, 1.0},
    {"exp(-0)", math_exp, -0.0, 1.0},
    {"exp(inf)", math_exp, INFINITY, INFINITY},
    {"exp(-inf)", math_exp, -INFINITY, 0.0},
    {"exp(NaN)", math_exp, -NAN, NAN},
    {"exp(1)", math_exp, 1.0, 0x1.5bf0a8b145769p+1},
    {"exp overflows just above its end", math_exp, 0x1.62e42fefa39fp+9, INFINITY},
    {"exp at its end", math_exp, 0x1.62e42fefa39efp+9, 0x1.fffffffffff2ap+1023},
    {"exp's least subnormal", math_exp, -745.13, 0x1p-1074},
    {"exp underflows", math_exp, -745.14, 0.0},
    {"exp of the least number", math_exp, 0x1p-1074, 1.0},
    {"log(1)", math_log, 1.0, 0.0},
    {"log(2)", math_log, 2.0, 0x1.62e42fefa39efp-1},
    {"log(0)", math_log, 0.0, -INFINITY},
    {"log(-0)", math_log, -0.0, -INFINITY},
    {"log(-1)", math_log, -1.0, NAN},
    {"log(-inf)", math_log, -INFINITY, NAN},
    {"log(inf)", math_log, INFINITY, INFINITY},
    {"log(NaN)", math_log, -NAN, NAN},
    {"log of the least number", math_log, 0x1p-1074, -0x1.74385446d71c3p+9},
    {"tanh(0)", math_tanh, 0.0, 0.0},
    {"tanh(-0)", math_tanh, -0.0, -0.0},
    {"tanh(inf)", math_tanh, INFINITY, 1.0},
    {"tanh(-inf)", math_tanh, -INFINITY, -1.0},
    {"tanh(NaN)", math_tanh, -NAN, NAN},
    {"tanh of the least number", math_tanh, -0x1p-1074, -0x1p-1074},
    {"sin(0)", math_sin, 0.0, 0.0},
    {"sin(-0)", math_sin, -0.0, -0.0},
    {"sin(inf)", math_sin, INFINITY, NAN},
    {"sin(-inf)", math_sin, -INFINITY, NAN},
    {"sin(NaN)", math_sin, -NAN, NAN},
    {"sin of pi's double is what pi lacks", math_sin, 0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53},
    {"cos(0)", math_cos, 0.0, 1.0},
    {"cos(-0)", math_cos, -0.0, 1.0},
    {"cos(inf)", math_cos, INFINITY, NAN},
    {"cos(NaN)", math_cos, -NAN, NAN},
    {"cos where a double is nearest to a multiple of pi/2", math_cos, 0x1.6ac5b262ca1ffp+849, -0x1.14ae72e6ba22fp-61},
    {"sqrt(0)", math_sqrt, 0.0, 0.0},
    {"sqrt(-0)", math_sqrt, -0.0, -0.0},
    {"sqrt(2)", math_sqrt, 2.0, 0x1.6a09e667f3bcdp+0},
    {"sqrt of the least number", math_sqrt, 0x1p-1074, 0x1p-537},
    {"sqrt(-1)", math_sqrt, -1.0, NAN},
    {"sqrt(inf)", math_sqrt, INFINITY, INFINITY},
    {"sqrt(NaN)", math_sqrt, -NAN, NAN},
    {"floor(2.5)", math_floor, 2.5, 2.0},
    {"floor(-2.5)", math_floor, -2.5, -3.0},
    {"floor(0.5)", math_floor, 0.5, 0.0},
    {"floor(-0.5)", math_floor, -0.5, -1.0},
    {"floor(-0)", math_floor, -0.0, -0.0},
    {"floor(-3)", math_floor, -3.0, -3.0},
    {"floor of the largest odd half", math_floor, 0x1.fffffffffffffp+51, 0x1.ffffffffffffep+51},
    {"floor of a huge number", math_floor, -1e300, -1e300},
    {"floor(inf)", math_floor, INFINITY, INFINITY},
    {"floor(NaN)", math_floor, -NAN, NAN},
    {"abs(-0)", math_abs, -0.0, 0.0},
    {"abs(-3)", math_abs, -3.0, 3.0},
    {"abs(-inf)", math_abs, -INFINITY, INFINITY},
    {"abs(NaN)", math_abs, -NAN, NAN},
};

static void
special(void **state)
{
    const struct special *row = *state;

    assert_same(row->function(row->x), row->want);
}

static const struct power {
    const char *name;
    double x, y, want;
} powers[] = {
    {"0 to an odd negative", 0.0, -3, INFINITY},
    {"-0 to an odd negative", -0.0, -3, -INFINITY},
    {"-0 to an even negative", -0.0, -2, INFINITY},
    {"-0 to a negative fraction", -0.0, -0.5, INFINITY},
    {"-0 to -inf", -0.0, -INFINITY, INFINITY},
    {"-0 to an odd", -0.0, 3, -0.0},
    {"0 to an odd", 0.0, 3, 0.0},
    {"-0 to an even", -0.0, 2, 0.0},
    {"-0 to inf", -0.0, INFINITY, 0.0},
    {"-1 to inf", -1, INFINITY, 1},
    {"-1 to -inf", -1, -INFINITY, 1},
    {"1 to NaN", 1, NAN, 1},
    {"1 to inf", 1, INFINITY, 1},
    {"NaN to 0", NAN, 0.0, 1},
    {"NaN to -0", NAN, -0.0, 1},
    {"inf to 0", INFINITY, 0.0, 1},
    {"NaN to 1", NAN, 1, NAN},
    {"2 to NaN", 2, NAN, NAN},
    {"a negative to a fraction", -8, 1.0 / 3, NAN},
    {"a small one to -inf", 0.5, -INFINITY, INFINITY},
    {"a small negative to -inf", -0.5, -INFINITY, INFINITY},
    {"a large one to -inf", -2, -INFINITY, 0.0},
    {"a small one to inf", -0.5, INFINITY, 0.0},
    {"a large one to inf", -2, INFINITY, INFINITY},
    {"-inf to an odd negative", -INFINITY, -3, -0.0},
    {"-inf to an even negative", -INFINITY, -2, 0.0},
    {"-inf to a negative fraction", -INFINITY, -0.5, 0.0},
    {"-inf to an odd", -INFINITY, 3, -INFINITY},
    {"-inf to an even", -INFINITY, 2, INFINITY},
    {"-inf to a fraction", -INFINITY, 0.5, INFINITY},
    {"inf to a negative", INFINITY, -0.5, 0.0},
    {"inf to a positive", INFINITY, 0.5, INFINITY},
    {"a negative to an odd", -2, 3, -8},
    {"a negative to an even", -2, 4, 16},
    {"an exact cube", 3, 3, 27},
    {"an exact root", 2.25, 0.5, 1.5},
    {"an exact power at the end of the mantissa", 3, 33, 5559060566555523.0},
    {"the least number", 2, -1074, 0x1p-1074},
    {"half the least number", 2, -1075, 0.0},
    {"a little more than half the least number", 2, -1074.9, 0x1p-1074},
    {"an odd number above 2^52", -1, 0x1.0000000000001p52, -1},
    {"every number above 2^53 is even", -1, 0x1.0000000000001p53, 1},
    {"a huge exponent", 1 + 0x1p-52, 1e300, INFINITY},
    {"a huge negative exponent", 1 - 0x1p-53, 1e300, 0.0},
    {"a tiny exponent", 1e300, 1e-300, 1},
    {"a huge odd-signed base overflows to its sign", -1e200, 3, -INFINITY},
};

static void
power(void **state)
{
    const struct power *row = *state;

    assert_same(math_pow(row->x, row->y), row->want);
}

static void
power_integer(void **state)
{
    (void)state;
    assert_same(math_power_integer(0.1, 3), 0.1 * 0.1 * 0.1);
    assert_same(math_power_integer(-2.0, 5), -32.0);
    assert_same(math_power_integer(7.0, 0), 1.0);
}

/* Square roots are correctly rounded: r^2 - x changes its sign within half a place around r. */
static void
square_root(void **state)
{
    struct rng rng = rng_make(3, STREAM_TEST, 0, 0);
    const struct range range = {POSITIVE_PATTERN, 0, 0};

    (void)state;
    for (int i = 0; i < 100000; i++) {
        double x = draw(&rng, &range);

        assert_same(math_sqrt(x), isnan(x) ? NAN : sqrt(x));
    }
}

/* ---- tables ---- */

static void
assert_near(long double a, long double b, long double distance)
{
    assert_true(fabsl(a - b) <= distance);
}

static void
tables(void **state)
{
    (void)state;
    assert_near((long double)MATH_LN2_HI + MATH_LN2_LO, logl(2), 1e-18L);
    assert_near((long double)MATH_EXP_STEP_HI + MATH_EXP_STEP_LO, logl(2) / 64, 1e-20L);
    assert_true(ldexp(MATH_LN2_HI, 42) == floor(ldexp(MATH_LN2_HI, 42)));
    assert_true(ldexp(MATH_EXP_STEP_HI, 42) == floor(ldexp(MATH_EXP_STEP_HI, 42)));
    for (int j = 0; j < 64; j++)
        assert_near((long double)math_exp_table[j].hi + math_exp_table[j].lo, exp2l(j / 64.0L), 3e-19L);
    for (int j = 0; j < 128; j++) {
        double middle = j < 80 ? 0.6875 + (j + 0.5) / 256 : 1 + (j - 80 + 0.5) / 128;
        double inverse = j == 79 || j == 80 ? 1.0 : round(256 / middle) / 256;

        assert_same(math_log_table[j].inverse, inverse);
        assert_near((long double)math_log_table[j].hi + math_log_table[j].lo, -logl((long double)inverse), 1e-19L);
        assert_true(ldexp(math_log_table[j].hi, 42) == floor(ldexp(math_log_table[j].hi, 42)));
    }
}

/* ---- bits ---- */

static double
pow_usual(double x)
{
    return math_pow(math_abs(x), 1.7);
}

static double
pow_steep(double x)
{
    return math_pow(1.0 + 0.01 * math_tanh(x), x * 100.0);
}

/* The same million points give the same bits with every compiler, at every level, on every machine. */
static const struct stable {
    const char *name;
    double (*function)(double);
    const char *want;
} stables[] = {
    {"exp keeps its bits", math_exp, "4ef022a4d3cce4b7505cba3b438e6d29"},
    {"log keeps its bits", math_log, "0f2c03622d446590e782b9dbfed8014e"},
    {"pow keeps its bits", pow_usual, "b99fa6ddbcc4fa7cf63e113bc6f0b691"},
    {"pow of steep curves keeps its bits", pow_steep, "824cbf8a33d5221c59c8d81e6a5d5726"},
    {"tanh keeps its bits", math_tanh, "5ae0d643685c9b208cd8ac8bad5ce1c6"},
    {"sin keeps its bits", math_sin, "31096c0568bbef017b9f96c4c4431f68"},
    {"cos keeps its bits", math_cos, "74138d3f3bd72fd4722f47b292664a64"},
    {"sqrt keeps its bits", math_sqrt, "81908fbb2a97b0d783b43ee4dd257085"},
};

static void
stable(void **state)
{
    const struct stable *row = *state;
    struct rng rng = rng_make(4, STREAM_TEST, 0, 0);
    const struct range usual = {UNIFORM, -30, 30}, wide = {UNIFORM, -800, 800}, any = {PATTERN, 0, 0};
    struct fold fold;
    uint8_t out[FOLD_SIZE];
    char text[2 * FOLD_SIZE + 1];

    fold_init(&fold);
    for (int i = 0; i < 1000000; i++)
        fold_f64(&fold, row->function(draw(&rng, i % 4 < 2 ? &usual : i % 4 == 2 ? &wide : &any)));
    fold_end(&fold, out);
    assert_string_equal(digest_hex(out, FOLD_SIZE, text), row->want);
}

static const struct test_case plain[] = {
    {"whole powers multiply from the left", power_integer},
    {"square roots are correctly rounded", square_root},
    {"every row of the tables is its formula", tables},
};

int
main(void)
{
    return TEST_ROWS("math: special points", specials, special) + TEST_ROWS("math_pow: special points", powers, power) +
           TEST_CASES("math", plain) + TEST_ROWS("math: accuracy", ones, accuracy_of_one) +
           TEST_ROWS("math_pow: accuracy", twos, accuracy_of_two) + TEST_ROWS("math: bits", stables, stable);
}
