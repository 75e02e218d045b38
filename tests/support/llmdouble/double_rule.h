/* tests/support/llmdouble/double_rule.h - rules: which requests get which reply, usage, pace and fault. The first rule
 * that matches wins.
 *
 *     seed: 7
 *     steady: true
 *     rules:
 *       - name: first try fails
 *         match: {path: "*chat*", model: "gpt-*", header: {x-test: "*"}, body_has: [writer, packet], body_re: "t.: ?3",
 *                 nth: 1, every: 3, hash_mod: [10, 3]}
 *         reply: schema_fill
 *         usage: {in: 412, out: 37}
 *         pace: {ttft_ms: 100, per_chunk_ms: 10, chunk_bytes: 16}
 *         fault: F10
 *
 * `nth` and `every` look at the number of the request among those with the same body; `hash_mod: [m, r]` takes the
 * bodies whose hash leaves r when divided by m. Replies: {text: ...}, {template: ...}, schema_fill, echo, {file: ...},
 * {hostile: missing|type|extra|number|inject|canary|any}, sandbox, rules:writer, rules:compiler; schema_fill and
 * sandbox take {weights: {word: 3, ...}} for the words of enumerations. A list of rules may stand alone; so may JSON
 * lines. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_RULE_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_RULE_H

#include "core/yaml.h"
#include "tests/support/llmdouble/double_fault.h"
#include "tests/support/llmdouble/double_http.h"

#include <regex.h>

enum double_reply_kind {
    DOUBLE_REPLY_TEXT,
    DOUBLE_REPLY_TEMPLATE,
    DOUBLE_REPLY_SCHEMA_FILL,
    DOUBLE_REPLY_ECHO,
    DOUBLE_REPLY_FILE,
    DOUBLE_REPLY_HOSTILE,
    DOUBLE_REPLY_SANDBOX,
    DOUBLE_REPLY_WRITER,
    DOUBLE_REPLY_COMPILER,
    DOUBLE_REPLY_KINDS
};

enum double_hostility {
    DOUBLE_HOSTILE_MISSING, /* a required member is not there */
    DOUBLE_HOSTILE_TYPE,    /* a value of a type that is not allowed */
    DOUBLE_HOSTILE_EXTRA,   /* a member nobody asked for */
    DOUBLE_HOSTILE_NUMBER,  /* a number out of all bounds */
    DOUBLE_HOSTILE_INJECT,  /* instructions in a text */
    DOUBLE_HOSTILE_CANARY,  /* the canary of the prompt in a text */
    DOUBLE_HOSTILE_ANY,     /* one of these, drawn */
    DOUBLE_HOSTILITIES
};

struct double_rule {
    const char *name; /* "rule 3" when it has none */
    /* match; NULL and 0: does not matter */
    const char *path, *model;
    const struct yaml_node *headers;  /* map of name: pattern */
    const struct yaml_node *body_has; /* a text, or a list of them */
    regex_t *body_re;
    uint32_t nth, every, hash_mod, hash_rest;
    /* what it does */
    enum double_reply_kind reply;
    struct double_slice text;        /* of text, template and file */
    const struct yaml_node *weights; /* map of word: weight, or NULL */
    enum double_hostility hostility;
    int64_t tokens_in, tokens_out; /* -1: counted from the bytes */
    uint32_t ttft_ms, per_chunk_ms, chunk_bytes;
    struct double_fault fault;
    uint64_t hits;
};

struct double_rules {
    struct double_rule *rules;
    uint32_t count;
    uint64_t seed;
    bool has_seed;
    bool steady; /* answers are the same however often a body was seen: what a client asks again after a death */
    struct yaml_tree *tree; /* the texts are in it */
    struct buffer *files;   /* one for each rule */
};

/* One rule that answers everything with `sandbox`. */
void double_rules_default(struct double_rules *self);
/* Errors read "file:line:col: path: what". `folder` is where files of replies are; NULL: such rules are refused (rules
 * that come over the network must not make the double read files). On failure `self` is as it was. */
MUST_CHECK int double_rules_read(struct double_rules *self, const char *name, const char *text, size_t size,
                                 const char *folder, struct why *why);
void double_rules_fini(struct double_rules *self);

/* What a rule is asked about. */
struct double_occasion {
    const struct double_http *http;
    struct double_slice model;
    uint64_t hash;
    uint32_t number;
};

/* The first rule that matches, or NULL. */
struct double_rule *double_rules_find(struct double_rules *self, const struct double_occasion *occasion);

#endif
