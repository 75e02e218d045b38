/* llm-gateway/json_limits.h - JSON from strangers. An own scan looks at every byte before jansson may allocate for it:
 * size, depth, UTF-8, escapes, the grammar of numbers and how large they are; jansson then builds the tree and refuses
 * duplicate keys. Nothing is forgiven here; llm-gateway/repair.h is the place for that. */
#ifndef POLIS_LLM_GATEWAY_JSON_LIMITS_H
#define POLIS_LLM_GATEWAY_JSON_LIMITS_H

#include <jansson.h>

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_LIMITS_DEPTH_MAX 64u

struct json_limits {
    size_t size_max;      /* bytes */
    uint32_t depth_max;   /* lists and objects inside each other, at most JSON_LIMITS_DEPTH_MAX */
    uint32_t decades_max; /* numbers are smaller than 10^decades_max in magnitude */
    bool zero_bytes;      /* \u0000 may stand in a text */
};

extern const struct json_limits json_limits_envelope; /* what a provider sends: 1 MiB, depth 32, |x| < 1e300 */
extern const struct json_limits json_limits_answer;   /* what a model writes: 64 KiB, depth 16, |x| < 1e15 */

/* ERR_LIMIT when a bound is passed, ERR_FORMAT for anything that is not JSON; the reason names the byte. Duplicate keys
 * are not looked for. */
MUST_CHECK int json_limits_check(const struct json_limits *self, const char *text, size_t size, struct why *why);

/* Checks, then reads. *out belongs to the caller (json_decref()); it is NULL after a refusal. */
MUST_CHECK int json_limits_parse(
    const struct json_limits *self, const char *text, size_t size, json_t **out, struct why *why);

/* Writes a tree without blanks, members in the order in which they came, reals as the shortest decimal that reads back:
 * the same tree gives the same bytes. */
void json_limits_write(const json_t *value, struct buffer *out);

#endif
