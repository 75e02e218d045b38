/* core/math.h - our own elementary functions, because glibc's give other bits with and without the CPU's FMA.
 * Only + - * / and sqrt of IEEE binary64 in a fixed order (-ffp-contract=off): the same bits on every machine.
 * Each is within 1 ulp of the correctly rounded value over its whole domain (tests/unit/core/math). */
#ifndef POLIS_CORE_MATH_H
#define POLIS_CORE_MATH_H

/* NaN in, NaN out (one canonical quiet NaN). */
double math_exp(double x);            /* overflow: +inf; underflow: 0 or subnormal */
double math_log(double x);            /* x < 0: NaN; 0: -inf */
double math_pow(double x, double y);  /* C17 F.10.4.4's special cases */
double math_tanh(double x);
double math_sin(double x);
double math_cos(double x);
double math_sqrt(double x);           /* correctly rounded */
double math_floor(double x);
double math_abs(double x);

/* x to a whole power by repeated multiplication, left to right: exactly x*x*...*x. n >= 0; x^0 = 1. */
double math_power_integer(double x, unsigned n);

static inline double math_min(double a, double b) { return b < a ? b : a; }
static inline double math_max(double a, double b) { return b > a ? b : a; }
static inline double math_clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

#endif
