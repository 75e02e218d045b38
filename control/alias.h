/* control/alias.h - other spellings of a scenario's keys that are understood: those of scenario files written for
 * earlier implementations of the same economies, which load unchanged. */
#ifndef POLIS_CONTROL_ALIAS_H
#define POLIS_CONTROL_ALIAS_H

#include "core/buffer.h"
#include "core/error.h"
#include "core/yaml.h"

#include <stdbool.h>

/* Moves every other spelling in the tree to ours; places (file, line, column) go along. Both spellings of one thing are
 * refused (ERR_INVALID), unless `replace`: then the other spelling wins, as an override does. */
MUST_CHECK int alias_apply(struct yaml_tree *tree, bool replace, struct why *why);

/* As alias_apply() of a layer that will be laid on `base` (NULL: on nothing): under `sandbox.rules: compat` the earlier
 * implementation's own keys are kept, and the base may be what says so. */
MUST_CHECK int alias_apply_layer(struct yaml_tree *tree, const struct yaml_node *base, struct why *why);

/* Rows of a Markdown table: other spelling, ours. */
void alias_write_manual(struct buffer *out);

#endif
