/* tests/support/llmdouble/double_json.h - JSON text as a tree that is read once and then only looked at. Strict, but
 * lenient where a double must not be in the way: a lone surrogate becomes its three bytes, and of equal keys the last
 * one is found. Nodes and texts live until the next double_json_parse(); texts may lie in the parsed bytes. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_JSON_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_JSON_H

#include "core/buffer.h"
#include "core/error.h"
#include "tests/support/llmdouble/double_slice.h"

#include <stdint.h>

#define DOUBLE_JSON_DEPTH 100u
#define DOUBLE_JSON_NODES 2000000u

enum double_json_kind {
    DOUBLE_JSON_NULL,
    DOUBLE_JSON_FALSE,
    DOUBLE_JSON_TRUE,
    DOUBLE_JSON_NUMBER,
    DOUBLE_JSON_STRING,
    DOUBLE_JSON_ARRAY,
    DOUBLE_JSON_OBJECT
};

struct double_json_node {
    enum double_json_kind kind;
    uint32_t first, next, count; /* children by number, 0: none; the root is number 1 */
    struct double_slice key;     /* in an object */
    struct double_slice text;    /* a string, decoded; a number as written */
    struct double_slice source;  /* the bytes it was read from */
};

struct double_json {
    struct double_json_node *nodes;
    uint32_t count, capacity;
    struct buffer text; /* decoded strings */
    const char *at, *end;
};

/* Start from {0}. */
void double_json_fini(struct double_json *self);
/* The whole text and nothing else; the places in `why` are bytes from 0. */
MUST_CHECK int double_json_parse(struct double_json *self, struct double_slice text, struct why *why);
/* The first value in the text and where it ends, in self->at. */
MUST_CHECK int double_json_parse_first(struct double_json *self, struct double_slice text, struct why *why);

/* All take and give NULL for "no such node". */
const struct double_json_node *double_json_root(const struct double_json *self);
const struct double_json_node *double_json_first(const struct double_json *self, const struct double_json_node *node);
const struct double_json_node *double_json_next(const struct double_json *self, const struct double_json_node *node);
const struct double_json_node *double_json_find(const struct double_json *self, const struct double_json_node *object,
                                                const char *key);
/* By members in a row: "response_format.json_schema.schema". */
const struct double_json_node *double_json_path(const struct double_json *self, const struct double_json_node *object,
                                                const char *path);

bool double_json_is(const struct double_json_node *node, enum double_json_kind kind);
/* The string's text, or an empty slice. */
struct double_slice double_json_text(const struct double_json_node *node);
/* A number as a double; `otherwise` when it is none. */
double double_json_number(const struct double_json_node *node, double otherwise);

/* Adds a JSON string with its quotes. Bytes that are no UTF-8 stay as they are, because some faults are made of them;
 * a surrogate's three bytes become its escape. */
void double_json_quote(struct buffer *out, const char *bytes, size_t size);

#endif
