/* control/scenario.h - from what a person wrote to what a run is a function of: finds the file, lays its layers
 * (`extends`) on one another, understands other spellings, lays -s on top, and has every section resolved by the module
 * it belongs to, so that all defaults are written out. Whatever is wrong is answered with file:line:col, the path and
 * the nearest known name. */
#ifndef POLIS_CONTROL_SCENARIO_H
#define POLIS_CONTROL_SCENARIO_H

#include "control/library.h"
#include "core/buffer.h"
#include "core/error.h"
#include "core/yaml.h"
#include "world/domain.h"
#include "world/plan.h"

#include <stdbool.h>
#include <stdint.h>

#define SCENARIO_LAYER_MAX 8u

struct scenario {
    struct yaml_tree *tree; /* resolved, sections in their usual order */
    struct plan plan;
    const struct domain *domain;
    bool governed; /* there is at least one lever */
    uint32_t lever_count;
    char path[LIBRARY_PATH_SIZE]; /* the file it was read from */
};

/* What was written, layers and overrides laid on one another and spellings made ours, but not yet resolved. */
MUST_CHECK int scenario_read(
    const char *name, const char *const *overrides, uint32_t override_count, struct yaml_tree **out, struct why *why);

/* Resolves and validates a tree (takes it, also when it fails). */
MUST_CHECK int scenario_resolve(struct yaml_tree **tree_p, struct scenario *out, struct why *why);

/* Both. */
MUST_CHECK int scenario_load(
    const char *name, const char *const *overrides, uint32_t override_count, struct scenario *out, struct why *why);
void scenario_fini(struct scenario *self);

/* JSON Schema (2020-12) of a whole scenario, for editors; and the accepted other spellings as rows of Markdown. */
void scenario_write_schema(struct buffer *out);
void scenario_write_aliases(struct buffer *out);

#endif
