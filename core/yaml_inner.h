/* core/yaml_inner.h - what the yaml*.c files share with each other and with nobody else. */
#ifndef POLIS_CORE_YAML_INNER_H
#define POLIS_CORE_YAML_INNER_H

#include "core/arena.h"
#include "core/yaml.h"

struct yaml_tree {
    struct arena *arena; /* every node and text; what is removed stays here until the end */
    struct yaml_node *root;
    const char *name;
    uint32_t node_count; /* made so far */
};

struct yaml_tree *yaml_tree_new(const char *name); /* without a root */

/* A node of the tree that is linked to nothing yet. `file` must live as long as the tree. */
struct yaml_node *yaml_node_new(struct yaml_tree *self, enum yaml_kind kind, const char *file);

/* Links `child` behind `last` (NULL: as the first) below `parent`. */
void yaml_node_link(struct yaml_node *parent, struct yaml_node *last, struct yaml_node *child);

/* How a plain scalar reads. */
bool yaml_is_null(const char *text);
bool yaml_is_bool(const char *text, bool *out);

/* One step of a dotted path. */
struct yaml_step {
    char key[YAML_KEY_MAX + 1]; /* also the digits of an index */
    bool is_key;                /* in quotes, or not all digits: never an item's number */
    bool is_index;              /* in brackets: never a key */
    uint32_t index;             /* when it is not is_key; UINT32_MAX when too large */
};

/* Reads the step at *at and moves behind it. Returns 1, or 0 at the end of the path ('\0' or '='), or -1 when there is
 * no step. `first`: nothing was read before. */
int yaml_step_next(const char **at, bool first, struct yaml_step *out);
struct yaml_node *yaml_step_find(const struct yaml_node *node, const struct yaml_step *step);

/* Reads the value of an override: as yaml_read_text(), but nothing at all is null, and errors begin with
 * "name: path: " instead of a line and column. */
MUST_CHECK int yaml_read_value(
    const char *name, const char *path, const char *text, size_t size, struct yaml_tree **out, struct why *why);

#endif
