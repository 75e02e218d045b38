/* core/yaml.h - a YAML file as a tree that remembers lines and columns. Read by libyaml; refuses what makes
 * scenarios ambiguous: duplicate keys, tabs as indentation, anchors and aliases (no alias bombs), merge keys, tags,
 * several documents, keys that are not text (lists, maps, null, and numbers or booleans without quotes), bytes that
 * are not UTF-8, more than YAML_NODE_MAX nodes or YAML_DEPTH_MAX levels of lists and maps. null, ~ and nothing at
 * all are YAML_NULL; every other scalar keeps its text, and the reader who asks for it says what it must be. */
#ifndef POLIS_CORE_YAML_H
#define POLIS_CORE_YAML_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

#define YAML_NODE_MAX 100000u
#define YAML_DEPTH_MAX 32u
#define YAML_SIZE_MAX (16u << 20)
#define YAML_KEY_MAX 200u /* bytes of a key */

enum yaml_kind { YAML_NULL, YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    bool quoted;              /* a scalar in quotes: text, never a number or null */
    const char *key;          /* in a map: this member's key; else NULL */
    const char *text;         /* a scalar's text; NULL for the others */
    const char *file;         /* where it was read: file name, or "-s" for an override */
    uint32_t line, column;    /* from 1; 0 when it was not read from a file. Of the value */
    uint32_t key_line, key_column;
    struct yaml_node *parent; /* NULL at the root */
    struct yaml_node *first, *next; /* members of a map or items of a list, in order */
    uint32_t count;           /* members or items */
};

struct yaml_tree;

/* Both own nothing of the caller's afterwards. Errors read "file:line:col: path: what". A text without any value is
 * an error; the root may be of any kind. */
MUST_CHECK int yaml_read_file(const char *path, struct yaml_tree **out, struct why *why);
MUST_CHECK int yaml_read_text(const char *name, const char *text, size_t size, struct yaml_tree **out, struct why *why);
struct yaml_tree *yaml_new(const char *name); /* an empty map */
void yaml_destroy(struct yaml_tree **self_p);

struct yaml_node *yaml_root(struct yaml_tree *self);

/* Member by key, or NULL (also when `map` is NULL or no map). */
struct yaml_node *yaml_find(const struct yaml_node *map, const char *key);
/* By dotted path, list items by number or [number]: "agents.0.count", "agents[0].count". A key that holds a dot, a
 * bracket, = or " stands in double quotes: prices."a.b". NULL when there is no such node, or no sense in the path. */
struct yaml_node *yaml_find_path(const struct yaml_node *root, const char *path);

/* Sets "path=value" (value: any YAML in flow style; nothing is null), making maps on the way. Fails on a list index
 * past the end or a path through a scalar, and then changes nothing. The new nodes' file is `name`, without lines:
 * their errors read "-s: economy.tax: what". */
MUST_CHECK int yaml_set(struct yaml_tree *self, const char *name, const char *assignment, struct why *why);
/* Adds (or replaces, in its place) a member; a deep copy of `value`. `map` is a map or null, which becomes one; a key
 * has 1 to YAML_KEY_MAX bytes; what is not UTF-8 is replaced by U+FFFD. */
struct yaml_node *yaml_put(
    struct yaml_tree *self, struct yaml_node *map, const char *key, const struct yaml_node *value);
/* The text as it would be typed without quotes ("12" is a number), and as if in quotes ("12" stays text). */
struct yaml_node *yaml_put_text(struct yaml_tree *self, struct yaml_node *map, const char *key, const char *text);
struct yaml_node *yaml_put_quoted(struct yaml_tree *self, struct yaml_node *map, const char *key, const char *text);
/* An empty map, an empty list or null. */
struct yaml_node *yaml_put_empty(struct yaml_tree *self, struct yaml_node *map, const char *key, enum yaml_kind kind);
/* Adds a deep copy of `value` behind the last item. `list` is a list or null, which becomes one. */
struct yaml_node *yaml_add(struct yaml_tree *self, struct yaml_node *list, const struct yaml_node *value);
void yaml_remove(struct yaml_tree *self, struct yaml_node *member);
/* Lays `over` on top: maps merge member by member, everything else replaces. An `over` that is null changes nothing. */
void yaml_merge(struct yaml_tree *self, const struct yaml_node *over);

/* Canonical block style: two spaces, the order of the tree, strings quoted only where they must be. What is
 * written reads back to an equal tree, and equal trees are written as the same bytes. */
void yaml_write(const struct yaml_node *node, struct buffer *out);

/* Same kinds, keys, order and texts, with numbers and booleans told from quoted text; places do not count. */
bool yaml_equal(const struct yaml_node *a, const struct yaml_node *b);

/* The dotted path of a node, "agents[0].count", as yaml_find_path() takes it; cut when there is no room. Empty at
 * the root. */
void yaml_path(const struct yaml_node *node, char *out, size_t out_size);

/* fail() with "file:line:col: path: " in front: the place and path of the value; or, for yaml_fail_key(), the place
 * of the member's key and the path of its map. `node` may be NULL: then nothing is in front. */
__attribute__((format(printf, 4, 5), cold)) int yaml_fail(
    const struct yaml_node *node, struct why *why, int code, const char *format, ...);
__attribute__((format(printf, 4, 5), cold)) int yaml_fail_key(
    const struct yaml_node *member, struct why *why, int code, const char *format, ...);

/* What a node is, for a message: "a list", "a map", "nothing", "12", "'word'", "the text \"12\"". */
#define YAML_SHOWN_SIZE 80
const char *yaml_shown(const struct yaml_node *node, char out[YAML_SHOWN_SIZE]);

/* Typed reading; each explains itself with yaml_fail(). `node` is not NULL. Numbers and booleans stand without quotes
 * and follow core/text.h; a boolean is true or false (also True, TRUE), no other word, so that the country code no
 * stays text; text is any scalar, read letter by letter, quoted or not. */
MUST_CHECK int yaml_get_real(const struct yaml_node *node, double *out, struct why *why);
MUST_CHECK int yaml_get_integer(const struct yaml_node *node, int64_t *out, struct why *why);
MUST_CHECK int yaml_get_bool(const struct yaml_node *node, bool *out, struct why *why);
MUST_CHECK int yaml_get_text(const struct yaml_node *node, const char **out, struct why *why);

#endif
