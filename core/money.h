/* core/money.h - amounts of money: int64 millionths, never floating point. Every split goes through one function,
 * so that no dust is made or lost. */
#ifndef POLIS_CORE_MONEY_H
#define POLIS_CORE_MONEY_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MONEY_ONE INT64_C(1000000)      /* one token, in millionths */
#define MONEY_MAX INT64_C(1000000000000000000) /* 10^12 tokens: the largest amount a scenario may name */

/* Nearest millionth, ties to even; clamped to +-MONEY_MAX; NaN is 0. */
int64_t money_from_real(double tokens);
double money_to_real(int64_t amount);

/* a + b into *out. False (and *out untouched) on overflow of int64. */
MUST_CHECK bool money_add(int64_t a, int64_t b, int64_t *out);

/* amount * share, share in [0, 1], rounded toward zero to whole millionths; exact for every int64 amount. */
int64_t money_share(int64_t amount, double share);

/* Divides `total` (any sign) over `count` parties in proportion to weights >= 0: sum of out == total exactly, each
 * within one millionth of its exact share; the millionths left over go to the largest remainders, then the lowest
 * index (Hamilton's method). All weights 0: equal weights. count > 0; no weight NaN or infinite. */
void money_allocate(int64_t total, const double *weights, size_t count, int64_t *out);

/* "12.5", "-0.000001": shortest exact decimal. `text` has room for MONEY_TEXT bytes. Parse refuses more than 6
 * decimals, junk and amounts over MONEY_MAX. */
#define MONEY_TEXT 32
void money_format(int64_t amount, char text[MONEY_TEXT]);
MUST_CHECK int money_parse(const char *text, int64_t *out, struct why *why);

#endif
