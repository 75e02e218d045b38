/* tests/support/llmdouble/double_fill.h - draws a JSON value that fits a JSON schema, or one that breaks it in exactly
 * one place. Understood: type (also lists of types, nullable, and Gemini's capitals), enum, const, properties,
 * required, additionalProperties, items, minItems, maxItems, minLength, maxLength, minimum, maximum and their exclusive
 * forms, anyOf and oneOf (one is drawn), allOf (the first), and $ref into the same schema. Patterns and formats are
 * not. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_FILL_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_FILL_H

#include "core/rng.h"
#include "core/yaml.h"
#include "tests/support/llmdouble/double_json.h"
#include "tests/support/llmdouble/double_rule.h"

enum double_fill_mode {
    DOUBLE_FILL_PLAIN,     /* any instance */
    DOUBLE_FILL_SANDBOX,   /* one with sense: numbers and names out of the prompt, likely words of an enumeration */
    DOUBLE_FILL_FORBIDDEN, /* fits, but names strangers and gives negative amounts */
    DOUBLE_FILL_BROKEN     /* breaks the schema as `hostility` says */
};

struct double_fill {
    const struct double_json *schema;
    enum double_fill_mode mode;
    enum double_hostility hostility; /* not ANY */
    const struct yaml_node *weights; /* of words in enumerations; may be NULL */
    const struct double_json *facts; /* the prompt's JSON, for SANDBOX; may be NULL */
    struct double_slice planted;     /* what INJECT and CANARY put into a text */
    struct rng rng;
    /* while it works */
    const struct double_json_node *root;
    uint32_t site, site_wanted;
};

/* Adds the value. Returns false when the schema has no place that could be broken so; then the value fits. */
bool double_fill_value(struct double_fill *self, const struct double_json_node *schema, struct buffer *out);

#endif
