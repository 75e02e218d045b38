/* llm-gateway/key.h - what makes two requests the same: 128 bits over everything that an answer may depend on, and
 * nothing else. Not in it: run, step, client, ordinal, who decides, deadline, priority, secrets, addresses. The seed is
 * in it, so two agents with the same prompt still draw their own answers; a role that shares sets it to 0.
 *
 * The first 16 bytes of BLAKE2b-256 (core/digest.h, the house's one strong digest) over a canonical encoding: "k1",
 * then each field in the order of struct key_fields, texts with their length in front (u64), numbers as u64,
 * little-endian; the stop list is its length and its texts. No two lists of fields have the same encoding. */
#ifndef POLIS_LLM_GATEWAY_KEY_H
#define POLIS_LLM_GATEWAY_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KEY_SIZE 16u

struct key {
    uint8_t bytes[KEY_SIZE];
};

struct key_text {
    const char *bytes; /* lent; NULL only with size 0 */
    size_t size;
};

struct key_fields {
    const char *dialect; /* terminated, as is the model: as the server calls it */
    const char *model;
    uint32_t template, template_version;
    struct key_text system, user;
    uint64_t schema_hash; /* 0: free text */
    uint32_t temperature_e4, top_p_e4; /* ten-thousandths */
    uint32_t out_max;
    const char *const *stop; /* NULL-ended, or NULL */
    uint64_t seed;
};

struct key key_of(const struct key_fields *fields);

static inline bool
key_equal(const struct key *a, const struct key *b)
{
    return memcmp(a->bytes, b->bytes, KEY_SIZE) == 0;
}

/* The key of the question that is asked after an answer to `key` that did not fit: a key of its own, with the
 * complaints in it. */
struct key key_again(const struct key *key, const char *complaints, size_t size);

#define KEY_HEX_SIZE (2 * KEY_SIZE + 1)
char *key_hex(const struct key *self, char out[KEY_HEX_SIZE]);

#endif
