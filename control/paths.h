/* control/paths.h - where two scenarios differ, as dotted paths: "governance.random_audit", "agents[0].params.greed".
 * A member that only one of them has is one difference, however much is in it. */
#ifndef POLIS_CONTROL_PATHS_H
#define POLIS_CONTROL_PATHS_H

#include "core/buffer.h"
#include "core/yaml.h"

#include <stdbool.h>

#define PATH_SIZE 512u

/* `a` or `b` is NULL where there is no such node. All lent for the call. */
typedef void paths_fn(void *context, const char *path, const struct yaml_node *a, const struct yaml_node *b);

/* In the order of `a`, then what only `b` has. The order of a map's members does not count. */
void paths_differ(const struct yaml_node *a, const struct yaml_node *b, paths_fn *each, void *context);

/* Every scalar (and every empty list or map) of a tree: `b` is NULL. */
void paths_each(const struct yaml_node *a, paths_fn *each, void *context);

/* Whether `path` is what `pattern` means ("agents.*.count": of any item), lies below it, or holds it. */
bool paths_match(const char *path, const char *pattern);

/* A value on one line: "0.5", "{rate: 0.1}", "none" for NULL. */
void paths_show(const struct yaml_node *node, struct buffer *out);

#endif
