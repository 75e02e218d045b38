/* llm-gateway/secrets.h - the keys of providers. They come from environment variables or files, are read once, live in
 * locked memory that is neither dumped nor inherited, and leave it only into the header list of a transfer. Everything
 * else knows a key by its number. No function puts a key, or a part of one, into `why`. */
#ifndef POLIS_LLM_GATEWAY_SECRETS_H
#define POLIS_LLM_GATEWAY_SECRETS_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECRET_NONE 0u       /* no secret: numbers begin with 1 */
#define SECRET_SIZE_MIN 8u   /* bytes; a shorter one would be found in every text */
#define SECRET_SIZE_MAX 4096u
#define SECRETS_MAX 32u

struct secrets;

/* Makes the process undumpable (PR_SET_DUMPABLE 0, RLIMIT_CORE 0) for good: from here on it will hold keys. NULL with
 * the reason when the system refuses. Memory that cannot be locked is a warning on stderr, no error: some containers
 * forbid it. */
struct secrets *secrets_new(struct why *why);
/* Wipes the keys, and sets it to NULL. */
void secrets_destroy(struct secrets **self_p);

/* Takes the variable out of the environment, wiping the place it stood in, so that neither children nor
 * /proc/self/environ show it. A variable that was loaded before gives its number again. ERR_MISSING: it is unset or
 * empty; ERR_INVALID: its value cannot be a header's (8 to 4096 printable ASCII characters, no blank); ERR_FULL. */
MUST_CHECK int secrets_load_env(struct secrets *self, const char *variable, uint32_t *out, struct why *why);

/* A regular file with the key and blanks or newlines behind it. ERR_DENIED: others than its owner may write it. One
 * that everybody may read gets a warning. */
MUST_CHECK int secrets_load_file(struct secrets *self, const char *path, uint32_t *out, struct why *why);

/* By the name of the variable or file; false: not loaded. What a status page may say. */
bool secrets_find(const struct secrets *self, const char *name, uint32_t *out);
uint32_t secrets_count(const struct secrets *self);
/* False when the system did not lock the memory: keys may reach the swap. */
bool secrets_is_locked(const struct secrets *self);

/* Bytes of a loaded key, without a terminator; and the key itself into `out`, which has that room and is wiped by the
 * caller. For header lists only. */
size_t secrets_size(const struct secrets *self, uint32_t secret);
void secrets_copy(const struct secrets *self, uint32_t secret, char *out);

/* For what people or logs will see: adds the text to `out` without loaded keys or what looks like one; in place, the
 * text becomes shorter, or is cut, and stays terminated (`size`: the room). Return how many were taken out. */
uint32_t secrets_redact(const struct secrets *self, const char *text, size_t size, struct buffer *out);
uint32_t secrets_redact_in_place(const struct secrets *self, char *text, size_t size);

/* For what providers send: loaded keys only, letter by letter, since the rest is data. Each becomes [redacted], or
 * stars where that is longer; *size shrinks. A key cut off at the very end goes as far as it is there, from its eighth
 * byte on, unless more is to come (see secrets_tail()). */
uint32_t secrets_mask(const struct secrets *self, char *bytes, size_t *size, bool more);

/* How many bytes at the end may be the beginning of a key: to be held back until the rest of a stream has come. */
size_t secrets_tail(const struct secrets *self, const char *bytes, size_t size);

/* Is a loaded key in there? */
bool secrets_found(const struct secrets *self, const void *bytes, size_t size);

#endif
