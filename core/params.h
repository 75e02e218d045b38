/* core/params.h - parameters declared once. A module writes one list; it becomes the struct, the defaults, the
 * bounds, the YAML reader, the JSON Schema and the manual:
 *
 *     #define TAX_PARAMS(P, S)                                                                          \
 *         P(S, F64, rate,  0.0, 0.0, 1.0, "share", "part of the transfer that is taken")                \
 *         P(S, ENUM, base, 0,   0,   1,   "transfer|surplus", "what is taxed")
 *     PARAMS_DEFINE(tax, TAX_PARAMS)       // struct tax, and static const struct params tax_params
 *
 * Kinds and their members: F64 double; I64 int64_t; U32 uint32_t; BOOL bool; MONEY int64_t (millionths; default and
 * bounds are written in whole tokens as real numbers); ENUM uint32_t (the unit column lists the choices "a|b|c", and
 * hi is the number of the last); TEXT char[hi+1] (lo..hi bound its length in bytes; hi is a plain integer constant;
 * the default is a string). Defaults and bounds of the numeric kinds pass through a double: whole numbers over 2^53
 * there must be exact in one. A bound of F64, I64 or MONEY may be INFINITY or -INFINITY: none. */
#ifndef POLIS_CORE_PARAMS_H
#define POLIS_CORE_PARAMS_H

#include "core/buffer.h"
#include "core/error.h"
#include "core/yaml.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum param_kind { PARAM_F64, PARAM_I64, PARAM_U32, PARAM_BOOL, PARAM_MONEY, PARAM_ENUM, PARAM_TEXT };

struct param {
    const char *name;
    enum param_kind kind;
    size_t offset;
    double number;    /* default of the numeric kinds, BOOL and ENUM */
    const char *text; /* default of TEXT; else NULL */
    double low, high;
    const char *unit; /* or the choices of an ENUM */
    const char *doc;
};

struct params {
    const char *name;
    size_t size; /* of the struct */
    const struct param *rows;
    uint32_t count;
};

#define PARAM_MEMBER_F64(name, hi) double name;
#define PARAM_MEMBER_I64(name, hi) int64_t name;
#define PARAM_MEMBER_U32(name, hi) uint32_t name;
#define PARAM_MEMBER_BOOL(name, hi) bool name;
#define PARAM_MEMBER_MONEY(name, hi) int64_t name;
#define PARAM_MEMBER_ENUM(name, hi) uint32_t name;
#define PARAM_MEMBER_TEXT(name, hi) char name[(hi) + 1];
#define PARAM_MEMBER(S, kind, name, def, lo, hi, unit, doc) PARAM_MEMBER_##kind(name, hi)

#define PARAM_NUMBER_F64(def) (def), NULL
#define PARAM_NUMBER_I64(def) (double)(def), NULL
#define PARAM_NUMBER_U32(def) (double)(def), NULL
#define PARAM_NUMBER_BOOL(def) (double)(def), NULL
#define PARAM_NUMBER_MONEY(def) (def), NULL
#define PARAM_NUMBER_ENUM(def) (double)(def), NULL
#define PARAM_NUMBER_TEXT(def) 0.0, (def)
#define PARAM_ROW(S, kind, name, def, lo, hi, unit, doc)                                                             \
    {#name, PARAM_##kind, offsetof(struct S, name), PARAM_NUMBER_##kind(def), (double)(lo), (double)(hi), unit, doc},

/* PARAMS_STRUCT in a header, PARAMS_TABLE in the .c file; PARAMS_DEFINE does both in one place. */
#define PARAMS_STRUCT(S, LIST) struct S { LIST(PARAM_MEMBER, S) };
#define PARAMS_TABLE(S, LIST)                                                                                        \
    static const struct param S##_param_rows[] = {LIST(PARAM_ROW, S)};                                               \
    static const struct params S##_params = {                                                                        \
        #S, sizeof(struct S), S##_param_rows, (uint32_t)(sizeof S##_param_rows / sizeof S##_param_rows[0])};
#define PARAMS_DEFINE(S, LIST) PARAMS_STRUCT(S, LIST) PARAMS_TABLE(S, LIST)

/* Fills `out` (of list->size bytes, zeroed first) with the defaults. */
void params_default(const struct params *list, void *out);

/* Defaults, then the members of `map` (NULL: only defaults). An unknown key fails with file:line:col, the path and
 * the nearest known name, unless it is one of `also` (a NULL-ended list of keys that somebody else reads; may be
 * NULL). */
MUST_CHECK int params_bind(
    const struct params *list, const struct yaml_node *map, const char *const *also, void *out, struct why *why);

/* Reads one row's value from a node into `out` (the whole struct). */
MUST_CHECK int params_bind_row(const struct param *row, const struct yaml_node *value, void *out, struct why *why);

const struct param *params_find(const struct params *list, const char *name);

/* Writes every row as a member of `map`: the resolved form, defaults included. */
void params_put(const struct params *list, const void *in, struct yaml_tree *tree, struct yaml_node *map);

/* The members of a JSON Schema object ("properties": {...}, "additionalProperties": false); the rows alone, for
 * "properties" that hold others too; and rows of a Markdown table: name, kind, default, range, unit, meaning. */
void params_write_schema(const struct params *list, struct buffer *out);
void params_write_schema_rows(const struct params *list, struct buffer *out);
void params_write_manual(const struct params *list, struct buffer *out);

/* Looks for slips in a list itself: a default out of its bounds, two rows of one name, bounds upside down, a number of
 * choices that is not hi + 1. For the test of whoever declares one. */
MUST_CHECK int params_check(const struct params *list, struct why *why);

/* The entry of the NULL-ended `names` closest to `name` by edit distance, or NULL when none is near. */
const char *params_nearest(const char *name, const char *const *names);

#endif
