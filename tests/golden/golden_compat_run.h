/* tests/golden/golden_compat_run.h - whole runs of the compat rules for golden cases: scenarios are given in the
 * original's words and go through the same reader as everybody's. */
#ifndef POLIS_TESTS_GOLDEN_COMPAT_RUN_H
#define POLIS_TESTS_GOLDEN_COMPAT_RUN_H

#include "tests/golden/golden_compat.h"
#include "world/compat/orchestrator.h"

static inline void
case_set(json_t *map, const char *key, const json_t *value)
{
    if (value != NULL)
        json_object_set(map, key, (json_t *)(uintptr_t)value);
}

/* Reads {agents, governance, simulation, payoff, rate_limits, network, marketplace, orchestrator}. */
static inline void
case_config(struct compat_config *config, const json_t *scenario, enum compat_version version)
{
    static const char *const inner[] = {"payoff", "rate_limits", "network", "marketplace"};
    const json_t *run = json_object_get(scenario, "orchestrator"), *times = json_object_get(scenario, "simulation");
    json_t *world = json_pack("{s:s, s:s}", "rules", "compat", "version", version == COMPAT_V1 ? "v1" : "v1g");
    json_t *root = json_object(), *simulation = json_object();
    struct yaml_tree *tree;
    struct why why = {0};
    char *text;

    for (size_t i = 0; i < sizeof inner / sizeof inner[0]; i++)
        case_set(world, inner[i], json_object_get(scenario, inner[i]));
    case_set(world, "schedule", json_object_get(run, "schedule_mode"));
    case_set(world, "max_actions_per_step", json_object_get(run, "max_actions_per_step"));
    case_set(simulation, "epochs", json_object_get(times, "n_epochs"));
    case_set(simulation, "steps_per_epoch", json_object_get(times, "steps_per_epoch"));
    case_set(root, "agents", json_object_get(scenario, "agents"));
    case_set(root, "governance", json_object_get(scenario, "governance"));
    json_object_set_new(root, "sandbox", world);
    json_object_set_new(root, "simulation", simulation);
    text = json_dumps(root, 0);
    *config = (struct compat_config){0};
    if (yaml_read_text("case", text, strlen(text), &tree, &why) != 0 || compat_config_resolve(tree, &why) != 0 ||
        compat_config_read(config, yaml_root(tree), &why) != 0)
        fail_msg("%s", why.text);
    yaml_destroy(&tree);
    free(text);
    json_decref(root);
}

#endif
