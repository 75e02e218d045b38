#include "world/plan.h"

#include "core/assert.h"

#include <stdio.h>
#include <string.h>

PARAMS_TABLE(simulation, SIMULATION_PARAMS)
PARAMS_TABLE(logging, LOGGING_PARAMS)
PARAMS_TABLE(cluster, CLUSTER_PARAMS)

const struct params *const plan_simulation_params = &simulation_params;
const struct params *const plan_logging_params = &logging_params;
const struct params *const plan_cluster_params = &cluster_params;

static int
read_name(const struct yaml_node *root, struct plan *out, struct why *why)
{
    const struct yaml_node *node = yaml_find(root, "name");
    const char *text = "unnamed";
    int error;

    if (node != NULL && (error = yaml_get_text(node, &text, why)) != 0)
        return error;
    if (strlen(text) >= sizeof out->name)
        return yaml_fail(node, why, ERR_LIMIT, "longer than %zu bytes", sizeof out->name - 1);
    snprintf(out->name, sizeof out->name, "%s", text);
    return 0;
}

int
plan_read(const struct yaml_node *root, struct plan *out, struct why *why)
{
    int error;

    memset(out, 0, sizeof *out);
    if ((error = read_name(root, out, why)) != 0 ||
        (error = params_bind(&simulation_params, yaml_find(root, "simulation"), NULL, &out->simulation, why)) != 0 ||
        (error = params_bind(&logging_params, yaml_find(root, "log"), NULL, &out->logging, why)) != 0 ||
        (error = params_bind(&cluster_params, yaml_find(root, "cluster"), NULL, &out->cluster, why)) != 0)
        return error;
    out->steps = (uint64_t)out->simulation.epochs * out->simulation.steps_per_epoch;
    return 0;
}

static void
put_section(struct yaml_tree *tree, const char *key, const struct params *list, const void *values)
{
    struct yaml_tree *section = yaml_new("resolved");

    params_put(list, values, section, yaml_root(section));
    yaml_put(tree, yaml_root(tree), key, yaml_root(section));
    yaml_destroy(&section);
}

int
plan_resolve(struct yaml_tree *tree, struct why *why)
{
    struct plan plan;
    int error = plan_read(yaml_root(tree), &plan, why);

    if (error != 0)
        return error;
    yaml_put_text(tree, yaml_root(tree), "name", plan.name);
    put_section(tree, "simulation", &simulation_params, &plan.simulation);
    put_section(tree, "log", &logging_params, &plan.logging);
    put_section(tree, "cluster", &cluster_params, &plan.cluster);
    return 0;
}

/* Whether section `a` comes before `b` in a manifest: the plan's own first, then the others by name. */
static bool
stands_before(const char *a, const char *b)
{
    static const char *const first[] = {"name", "domain", "simulation", "log"};

    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
        if (strcmp(b, first[i]) == 0)
            return false;
        if (strcmp(a, first[i]) == 0)
            return true;
    }
    return strcmp(a, b) < 0;
}

/* How hard the disk is synced, and whether models' answers come from models or from a log, changes nothing of what a
 * run computes: the same run recorded and replayed has one manifest. */
static const char *const operational[] = {
    "log.durability", "log.snapshot_every", "llm.mode", "llm.parent", "llm.audit_per_mille", "llm.cache_mb",
    "llm.record_prompts"};

/* The sections in one order, however the scenario had them; without the cluster, which changes nothing either. */
void
plan_write_manifest(struct yaml_tree *resolved, struct buffer *out)
{
    struct yaml_tree *copy = yaml_new("manifest");
    const char *last = NULL;
    struct yaml_node *member;
    char line[32];

    for (;;) {
        const struct yaml_node *next = NULL;

        for (const struct yaml_node *at = yaml_root(resolved)->first; at != NULL; at = at->next)
            if ((last == NULL || stands_before(last, at->key)) && (next == NULL || stands_before(at->key, next->key)))
                next = at;
        if (next == NULL)
            break;
        last = next->key;
        if (strcmp(last, "cluster") != 0)
            yaml_put(copy, yaml_root(copy), last, next);
    }
    for (size_t i = 0; i < sizeof operational / sizeof operational[0]; i++)
        if ((member = yaml_find_path(yaml_root(copy), operational[i])) != NULL)
            yaml_remove(copy, member);
    snprintf(line, sizeof line, "polis: %d\n", MANIFEST_FORMAT);
    buffer_append(out, line, strlen(line));
    yaml_write(yaml_root(copy), out);
    yaml_destroy(&copy);
}

int
plan_read_manifest(const void *bytes, size_t size, struct yaml_tree **tree_out, struct plan *plan_out, struct why *why)
{
    struct yaml_tree *tree = NULL;
    struct yaml_node *format;
    int64_t number = 0;
    int error = yaml_read_text("manifest", bytes, size, &tree, why);

    if (error != 0)
        return error;
    format = yaml_find(yaml_root(tree), "polis");
    if (format == NULL || yaml_get_integer(format, &number, NULL) != 0 || number != MANIFEST_FORMAT) {
        yaml_destroy(&tree);
        return fail(why, ERR_VERSION, "the run's manifest is of format %lld, this program reads %d", (long long)number,
                    MANIFEST_FORMAT);
    }
    yaml_remove(tree, format);
    if ((error = plan_read(yaml_root(tree), plan_out, why)) != 0) {
        yaml_destroy(&tree);
        return error;
    }
    *tree_out = tree;
    return 0;
}
