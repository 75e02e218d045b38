/* llm-gateway/schema.h - the shape that an answer must have: the subset of JSON Schema that OpenAI, Anthropic, Ollama,
 * llama.cpp and Gemini all enforce. The root is an object; every object lists all its properties as required and says
 * additionalProperties: false; what is optional has a type that may be null; enums, lists of one kind; no bounds on
 * numbers, lengths or texts (the caller checks those); at most SCHEMA_DEPTH_MAX lists and objects inside each other.
 * Compiled once to a table. */
#ifndef POLIS_LLM_GATEWAY_SCHEMA_H
#define POLIS_LLM_GATEWAY_SCHEMA_H

#include <jansson.h>

#include "core/buffer.h"
#include "core/error.h"
#include "core/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEMA_DEPTH_MAX 5u
#define SCHEMA_NAME_SIZE 64u
#define SCHEMA_NODE_MAX 300u
#define SCHEMA_CHOICE_MAX 500u

struct schema;

/* `name` (letters, digits, _ - .) is what the schema is called in scenarios and towards providers. A schema outside of
 * the subset is refused with the JSON pointer of the place. */
MUST_CHECK int schema_compile(
    const char *name, const char *text, size_t size, struct schema **out, struct why *why);
void schema_destroy(struct schema **self_p);

const char *schema_name(const struct schema *self);
/* The schema without blanks, terminated; owned by the schema. */
const char *schema_text(const struct schema *self);

/* What is wrong with a value: how many things, and the first of them as JSON pointers (RFC 6901, cut when long) with a
 * sentence. The sentences hold no word of the value, since they are read by a model. */
#define SCHEMA_SHOWN 3u
struct schema_report {
    uint32_t count;
    struct {
        char path[160];
        char what[120];
    } first[SCHEMA_SHOWN];
};

/* True when the value fits. */
bool schema_validate(const struct schema *self, const json_t *value, struct schema_report *report);

/* Mends in place what can be mended without guessing: unknown members go, members that may be null and are missing
 * become null, a number in a text becomes a number where a number is asked. Adds the bits of what was done
 * (REPAIR_UNKNOWN_MEMBER, REPAIR_NULL_MEMBER, REPAIR_NUMBER_TEXT of llm-gateway/repair.h) to *bits. */
void schema_mend(const struct schema *self, json_t *value, uint32_t *bits);

/* Completes a value in place, inside its objects and lists as well: members that are missing become null where they
 * may, otherwise the first of an enum, an empty text or list, 0, false, or an object made alike. With `rng` enums are
 * drawn, and numbers that need not be whole from 0, 0.01 .. 1, also where they may be null. What is there already is
 * kept, fit or not. */
void schema_fill(const struct schema *self, json_t *value, struct rng *rng);

/* Writes the schema as a GBNF grammar (llama.cpp): members in the order of the schema, numbers below 1e15 without
 * exponents, escapes of whole characters only, at most one blank between tokens: what it lets through, repair_json()
 * takes as it is. */
void schema_write_grammar(const struct schema *self, struct buffer *out);

#endif
