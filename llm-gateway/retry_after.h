/* llm-gateway/retry_after.h - how long a server asks one to wait, in all the ways in which servers say it. No clock is
 * read: `now_ms` is Unix time in milliseconds. Waits are milliseconds, rounded up, never negative (a moment that has
 * passed is no wait) and at most RETRY_AFTER_MAX_MS. Blanks around a value are no matter; anything else that is not
 * part of the form is refused. Each returns false, and leaves *out alone, when the text is not of its form. */
#ifndef POLIS_LLM_GATEWAY_RETRY_AFTER_H
#define POLIS_LLM_GATEWAY_RETRY_AFTER_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RETRY_AFTER_MAX_MS INT64_C(1000000000000)

/* Retry-After: seconds, whole or not ("2", "0.5"), or a date. */
MUST_CHECK bool retry_after_parse(const char *text, int64_t now_ms, int64_t *out);

/* Retry-After-Ms: milliseconds, whole or not. */
MUST_CHECK bool retry_after_parse_ms(const char *text, int64_t *out);

/* "22s", "6m0s", "12ms", "1h2m3.5s": h, m, s, ms, us, ns in falling order, each once (Go's time.Duration; the form of
 * RetryInfo.retryDelay too). */
MUST_CHECK bool retry_after_parse_duration(const char *text, int64_t *out);

/* The reset headers: a duration, seconds, or a moment in RFC 3339. */
MUST_CHECK bool retry_after_parse_reset(const char *text, int64_t now_ms, int64_t *out);

/* Moments in Unix milliseconds. HTTP dates in the three forms of RFC 9110 5.6.7; a year of two digits is the one
 * within 50 years after `now_ms` or before. Years 1970 to 9999. */
MUST_CHECK bool retry_after_parse_date(const char *text, int64_t now_ms, int64_t *moment);
MUST_CHECK bool retry_after_parse_rfc3339(const char *text, int64_t *moment);

#endif
