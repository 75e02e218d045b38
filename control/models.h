/* control/models.h - agents that ask language models, as a scenario says it: groups of the policy llm. Each has a role
 * of the section llm, and is told the text of a template, which lies in a file and goes into the scenario with its
 * version when that is resolved: so a run's manifest holds all that was told, and is hashed with it. */
#ifndef POLIS_CONTROL_MODELS_H
#define POLIS_CONTROL_MODELS_H

#include "core/error.h"
#include "core/yaml.h"

#include <stdbool.h>
#include <stdint.h>

#define MODELS_POLICY "llm"
#define MODELS_MEMORY_MAX 255u  /* bytes; what the policy's parameter takes */
#define MODELS_SYSTEM_MAX 8000u /* bytes of a template's text */

/* Fills in what a group's parameters leave open: role (from the agents' own), template, system and version (from the
 * template's file), memory. A `system` that is given is left alone. The section llm must be resolved; `memory_max` is
 * the sandbox's. */
MUST_CHECK int models_resolve_group(
    struct yaml_tree *tree, struct yaml_node *group, uint32_t memory_max, struct why *why);

/* Agents that decide as one (same parameters) must be few enough for one batch of questions. Once all are resolved. */
MUST_CHECK int models_check_counts(const struct yaml_node *root, struct why *why);

/* Whether anybody asks models: there is the section, and a group of the policy llm. */
bool models_are_asked(const struct yaml_node *root);

/* -s llm.roles.worker.temperature=0 means the role's own row where the scenario calls it by its whole name. */
void models_merge_override(struct yaml_tree *tree);

/* A fork: where it names another template than `before` and leaves the text as it was, the text goes, so that resolving
 * looks for it. */
void models_forget_templates(const struct yaml_node *before, struct yaml_tree *tree);

#endif
