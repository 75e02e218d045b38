/* llm-gateway/redact.h - takes secrets out of texts that people or logs will see: every loaded secret letter by letter,
 * then whatever looks like a key. Each becomes [redacted]. */
#ifndef POLIS_LLM_GATEWAY_REDACT_H
#define POLIS_LLM_GATEWAY_REDACT_H

#include "core/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REDACT_SECRETS_MAX 64u
#define REDACT_SECRET_MIN 6u /* bytes; a shorter one would match everywhere */

/* The secrets are lent: they stay in the caller's locked memory and nowhere else. Start from {0}. */
struct redact {
    struct { const char *bytes; size_t size; } secrets[REDACT_SECRETS_MAX];
    uint32_t count;
};

/* False when it is too short or there is no room: then the caller must not use the secret. */
bool redact_add(struct redact *self, const char *bytes, size_t size);

/* Adds the text to `out` without its secrets; returns how many were taken out. `out` holds no part of the text. */
uint32_t redact_text(const struct redact *self, const char *text, size_t size, struct buffer *out);

/* The same in place: the text becomes shorter, or is cut, never longer than `size` bytes with its terminator. */
uint32_t redact_in_place(const struct redact *self, char *text, size_t size);

/* A literal in a configuration that must not be there: a value of the form of a key, or 32 and more base64 characters
 * under a name with key, token or secret in it (a name that ends in _env names a variable, and is allowed). */
bool redact_looks_secret(const char *name, const char *value);

#endif
