#include "control/scenario.h"

#include "agents/policy.h"
#include "control/alias.h"
#include "control/figures.h"
#include "control/models.h"
#include "core/arena.h"
#include "core/assert.h"
#include "core/text.h"
#include "governance/governance.h"
#include "llm-gateway/llm_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- layers ---- */

static int
read_layer(const char *path, struct yaml_tree **out, struct why *why)
{
    struct yaml_tree *tree = NULL;
    int error = yaml_read_file(path, &tree, why);

    if (error != 0)
        return error;
    if (yaml_root(tree)->kind != YAML_MAP)
        error = yaml_fail(yaml_root(tree), why, ERR_INVALID, "a scenario is a map of sections");
    if (error != 0) {
        yaml_destroy(&tree);
        return error;
    }
    *out = tree;
    return 0;
}

/* In the usual words, with a name. What words mean may be up to what the layer is laid on (NULL: nothing). */
static int
finish_layer(const char *path, struct yaml_tree *tree, const struct yaml_node *base, struct why *why)
{
    char stem[LIBRARY_NAME_SIZE];
    const char *file = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    int error = alias_apply_layer(tree, base, why);

    if (error == 0 && yaml_find(yaml_root(tree), "name") == NULL)
        yaml_put_quoted(tree, yaml_root(tree), "name", library_stem(&library_scenarios, file, stem) ? stem : file);
    return error;
}

/* Reads `path` and lays it on what it extends. */
static int
read_layers(const char *path, uint32_t depth, struct yaml_tree **out, struct why *why)
{
    char base_path[LIBRARY_PATH_SIZE];
    struct yaml_tree *tree = NULL;
    struct yaml_tree *base = NULL;
    struct yaml_node *extends;
    const char *name;
    int error = read_layer(path, &tree, why);

    if (error != 0)
        return error;
    extends = yaml_find(yaml_root(tree), "extends");
    if (extends == NULL) {
        if ((error = finish_layer(path, tree, NULL, why)) != 0)
            yaml_destroy(&tree);
        *out = tree;
        return error;
    }
    if (depth + 1 >= SCENARIO_LAYER_MAX)
        error = yaml_fail(
            extends, why, ERR_LIMIT, "more than %u layers; does a scenario extend itself?", SCENARIO_LAYER_MAX);
    if (error == 0)
        error = yaml_get_text(extends, &name, why);
    if (error == 0 && (error = library_find(&library_scenarios, name, path, base_path, why)) != 0)
        error = fail_prefix(why, "%s:%u:%u: extends", path, (unsigned)extends->line, (unsigned)extends->column);
    if (error == 0)
        error = read_layers(base_path, depth + 1, &base, why);
    if (error == 0 && (error = finish_layer(path, tree, yaml_root(base), why)) != 0)
        yaml_destroy(&base);
    if (error == 0) {
        yaml_remove(tree, extends);
        yaml_merge(base, yaml_root(tree));
        *out = base;
    }
    yaml_destroy(&tree);
    return error;
}

int
scenario_read(
    const char *name, const char *const *overrides, uint32_t override_count, struct yaml_tree **out, struct why *why)
{
    char path[LIBRARY_PATH_SIZE];
    struct yaml_tree *tree = NULL;
    int error = library_find(&library_scenarios, name, NULL, path, why);

    if (error == 0)
        error = read_layers(path, 0, &tree, why);
    for (uint32_t i = 0; error == 0 && i < override_count; i++) {
        error = yaml_set(tree, "-s", overrides[i], why);
        if (error == 0)
            error = alias_apply(tree, true, why);
        models_merge_override(tree);
    }
    if (error != 0)
        yaml_destroy(&tree);
    *out = tree;
    return error;
}

/* ---- resolving ---- */

/* The sections that are nobody's domain, in their usual order; a domain's own come behind `simulation`. */
static const char *const head_keys[] = {"name", "description", "motif", "domain", "simulation", NULL};
static const char *const tail_keys[] = {"governance", "llm", "metrics_to_track", "log", "cluster", NULL};

static bool
is_own_key(const char *key)
{
    static const char *const *const lists[] = {head_keys, tail_keys};

    for (size_t l = 0; l < 2; l++)
        for (uint32_t i = 0; lists[l][i] != NULL; i++)
            if (strcmp(lists[l][i], key) == 0)
                return true;
    return strcmp(key, "agents") == 0 || domain_find(key) != NULL || strncmp(key, "x-", 2) == 0;
}

static int
check_keys(const struct yaml_node *root, struct why *why)
{
    for (const struct yaml_node *member = root->first; member != NULL; member = member->next) {
        struct text_nearest nearest = {.name = member->key};

        if (is_own_key(member->key))
            continue;
        for (uint32_t i = 0; head_keys[i] != NULL; i++)
            text_nearest_offer(&nearest, head_keys[i]);
        for (uint32_t i = 0; tail_keys[i] != NULL; i++)
            text_nearest_offer(&nearest, tail_keys[i]);
        for (uint32_t i = 0; domains[i] != NULL; i++)
            text_nearest_offer(&nearest, domains[i]->name);
        text_nearest_offer(&nearest, "agents");
        text_nearest_offer(&nearest, "extends");
        if (nearest.best != NULL)
            return yaml_fail_key(
                member, why, ERR_UNKNOWN, "unknown section '%.60s'; did you mean '%s'?", member->key, nearest.best);
        return yaml_fail_key(member, why, ERR_UNKNOWN,
            "unknown section '%.60s'; polis scenario schema lists them (sections of your own begin with x-)",
            member->key);
    }
    return 0;
}

/* The domain that is named, or whose section is there; the sandbox when neither is. */
static int
choose_domain(const struct yaml_node *root, const struct domain **out, struct why *why)
{
    const struct yaml_node *node = yaml_find(root, "domain");
    struct text_nearest nearest = {0};
    const struct domain *chosen = NULL;
    const char *name = NULL;
    int error;

    if (node != NULL && (error = yaml_get_text(node, &name, why)) != 0)
        return error;
    if (name != NULL && (chosen = domain_of(name, root)) == NULL) {
        nearest.name = name;
        for (uint32_t i = 0; domains[i] != NULL; i++)
            text_nearest_offer(&nearest, domains[i]->name);
        return yaml_fail(node, why, ERR_UNKNOWN, "no domain '%.60s'%s%s%s", name,
            nearest.best != NULL ? "; did you mean '" : "", nearest.best != NULL ? nearest.best : "",
            nearest.best != NULL ? "'?" : "");
    }
    for (uint32_t i = 0; domains[i] != NULL; i++) {
        const struct yaml_node *section = yaml_find(root, domains[i]->name);

        if (section != NULL && chosen != NULL && strcmp(chosen->name, domains[i]->name) != 0)
            return yaml_fail_key(section, why, ERR_INVALID, "a scenario has one domain, and it is %s", chosen->name);
        if (section != NULL)
            chosen = domain_of(domains[i]->name, root);
    }
    *out = chosen != NULL ? chosen : domain_find("sandbox");
    ASSERT(*out != NULL);
    return 0;
}

static int
check_words(const struct yaml_node *root, struct why *why)
{
    static const char *const keys[] = {"name", "description", "motif"};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct yaml_node *node = yaml_find(root, keys[i]);
        const char *text;
        int error = node != NULL ? yaml_get_text(node, &text, why) : 0;

        if (error != 0)
            return error;
    }
    return 0;
}

static int
unknown_policy(const struct yaml_node *type, struct why *why)
{
    struct text_nearest nearest = {.name = type->text};

    for (uint32_t i = 0; policy_roll[i] != NULL; i++)
        text_nearest_offer(&nearest, policy_roll[i]->name);
    if (nearest.best != NULL)
        return yaml_fail(type, why, ERR_UNKNOWN, "no policy '%.60s'; did you mean '%s'?", type->text, nearest.best);
    return yaml_fail(
        type, why, ERR_UNKNOWN, "no policy '%.60s'; polis scenario schema --document lists them", type->text);
}

/* What a policy has to say about its parameters, at the place of the field that its reason begins with. */
static int
check_params(const struct yaml_node *group, const struct policy *policy, const void *values, struct why *why)
{
    const struct yaml_node *params = yaml_find(group, "params"), *field = NULL;
    struct why inner = {0};
    char name[YAML_KEY_MAX + 1];
    size_t size;

    if (policy->check == NULL || policy->check(values, &inner) == 0)
        return 0;
    size = strcspn(inner.text, ":");
    if (params != NULL && params->kind == YAML_MAP && size < sizeof name && inner.text[size] == ':') {
        memcpy(name, inner.text, size);
        name[size] = '\0';
        field = yaml_find(params, name);
    }
    return yaml_fail(field != NULL ? field : group, why, inner.code, "%s",
        field != NULL ? inner.text + size + strspn(inner.text + size, ": ") : inner.text);
}

/* Checks the parameters of a group's policy and writes the defaults out. */
static int
resolve_params(struct yaml_tree *tree, struct yaml_node *group, const struct policy *policy, struct why *why)
{
    struct yaml_node *params = yaml_find(group, "params");
    void *values;
    int error;

    if (policy->params == NULL && params != NULL && params->count > 0)
        return yaml_fail(params, why, ERR_UNKNOWN, "the policy %s has no parameters", policy->name);
    if (policy->params == NULL)
        return 0;
    values = alloc_array(1, policy->params->size);
    error = params_bind(policy->params, params != NULL && params->kind != YAML_NULL ? params : NULL, NULL, values, why);
    if (error == 0)
        error = check_params(group, policy, values, why);
    if (error == 0) {
        params = yaml_put_empty(tree, group, "params", YAML_MAP);
        params_put(policy->params, values, tree, params);
    }
    free(values);
    return error;
}

static struct yaml_tree *make_pattern(const struct yaml_node *root, const struct domain *domain);

/* How much an agent may remember in the sandbox: what the scenario says, or else what is usual there. */
static uint32_t
memory_max_of(const struct yaml_node *root, const struct domain *domain)
{
    const struct yaml_node *node = yaml_find_path(root, "sandbox.memory_max");
    struct yaml_tree *pattern = node == NULL ? make_pattern(root, domain) : NULL;
    int64_t size = 0;

    if (pattern != NULL)
        node = yaml_find_path(yaml_root(pattern), "sandbox.memory_max");
    if (node == NULL || yaml_get_integer(node, &size, NULL) != 0 || size < 0 || size > UINT32_MAX)
        size = 0; /* the domain says what is wrong with it */
    yaml_destroy(&pattern);
    return (uint32_t)size;
}

static int
resolve_group(struct yaml_tree *tree, struct yaml_node *group, const struct domain *domain, struct why *why)
{
    const struct yaml_node *type = yaml_find(group, "type");
    const struct policy *policy;
    int error = 0;

    if (group->kind != YAML_MAP || type == NULL || type->kind != YAML_SCALAR)
        return yaml_fail(group, why, ERR_INVALID, "a group of agents is a map with a type: the name of a policy");
    if ((policy = policy_find(type->text)) == NULL)
        return unknown_policy(type, why);
    if (strcmp(policy->name, MODELS_POLICY) == 0)
        error = models_resolve_group(tree, group, memory_max_of(yaml_root(tree), domain), why);
    return error != 0 ? error : resolve_params(tree, group, policy, why);
}

/* Every group of agents names a policy, and sets parameters that the policy has. The domain checks the rest. */
static int
resolve_policies(struct yaml_tree *tree, const struct domain *domain, struct why *why)
{
    struct yaml_node *agents = yaml_find(yaml_root(tree), "agents");

    for (struct yaml_node *group = agents != NULL ? agents->first : NULL; group != NULL; group = group->next) {
        int error = resolve_group(tree, group, domain, why);

        if (error != 0)
            return error;
    }
    return models_check_counts(yaml_root(tree), why);
}

/* ---- one order for what means the same ---- */

/* A copy of `map` as the member `key`, its members in the order of `like` (which may be NULL), then the others. */
static void
put_like(struct yaml_tree *tree, struct yaml_node *parent, const char *key, const struct yaml_node *map,
    const struct yaml_node *like)
{
    struct yaml_node *copy = yaml_put_empty(tree, parent, key, YAML_MAP);
    const struct yaml_node *member;

    for (const struct yaml_node *step = like != NULL ? like->first : NULL; step != NULL; step = step->next) {
        if ((member = yaml_find(map, step->key)) == NULL)
            continue;
        if (member->kind == YAML_MAP && step->kind == YAML_MAP)
            put_like(tree, copy, step->key, member, step);
        else
            yaml_put(tree, copy, step->key, member);
    }
    for (member = map->first; member != NULL; member = member->next)
        if (yaml_find(copy, member->key) == NULL)
            yaml_put(tree, copy, member->key, member);
}

/* The groups of agents, each with its members in the order of the first group of `like`. */
static void
put_agents(struct yaml_tree *tree, const struct yaml_node *agents, const struct yaml_node *like)
{
    struct yaml_node *list = yaml_put_empty(tree, yaml_root(tree), "agents", YAML_LIST);

    for (const struct yaml_node *group = agents->first; group != NULL; group = group->next) {
        struct yaml_tree *one = yaml_new("group");

        put_like(one, yaml_root(one), "group", group, like != NULL ? like->first : NULL);
        yaml_add(tree, list, yaml_find(yaml_root(one), "group"));
        yaml_destroy(&one);
    }
}

/* What the domain makes of a scenario that says nothing of its own: its order is the usual one. NULL when the domain
 * needs to be told more. */
static struct yaml_tree *
make_pattern(const struct yaml_node *root, const struct domain *domain)
{
    struct yaml_tree *pattern = yaml_new("pattern");
    const struct yaml_node *agents = yaml_find(root, "agents");
    struct yaml_node *list;
    struct yaml_tree *group;

    if (agents != NULL && agents->first != NULL && yaml_find(agents->first, "type") != NULL) {
        group = yaml_new("group");
        yaml_put(group, yaml_root(group), "type", yaml_find(agents->first, "type"));
        yaml_put_text(group, yaml_root(group), "count", "2");
        list = yaml_put_empty(pattern, yaml_root(pattern), "agents", YAML_LIST);
        yaml_add(pattern, list, yaml_root(group));
        yaml_destroy(&group);
    }
    if (domain->resolve(pattern, NULL) != 0)
        yaml_destroy(&pattern);
    return pattern;
}

/* Everything in the usual order: what is written in another order is the same scenario, and gives the same manifest.
 * But for the levers, whose places in the list are numbers that verdicts use. */
static struct yaml_tree *
put_in_order(struct yaml_tree *tree, const struct domain *domain)
{
    struct yaml_tree *ordered = yaml_new("scenario");
    struct yaml_tree *pattern = make_pattern(yaml_root(tree), domain);
    const struct yaml_node *root = yaml_root(tree);
    const struct yaml_node *like = pattern != NULL ? yaml_root(pattern) : NULL;
    const struct yaml_node *member;

    for (uint32_t i = 0; head_keys[i] != NULL; i++)
        if ((member = yaml_find(root, head_keys[i])) != NULL)
            yaml_put(ordered, yaml_root(ordered), head_keys[i], member);
    if ((member = yaml_find(root, "agents")) != NULL && member->kind == YAML_LIST)
        put_agents(ordered, member, yaml_find(like, "agents"));
    for (uint32_t i = 0; domains[i] != NULL; i++)
        if ((member = yaml_find(root, domains[i]->name)) != NULL && member->kind == YAML_MAP)
            put_like(ordered, yaml_root(ordered), domains[i]->name, member, yaml_find(like, domains[i]->name));
    for (uint32_t i = 0; tail_keys[i] != NULL; i++)
        if ((member = yaml_find(root, tail_keys[i])) != NULL)
            yaml_put(ordered, yaml_root(ordered), tail_keys[i], member);
    for (member = root->first; member != NULL; member = member->next)
        if (yaml_find(yaml_root(ordered), member->key) == NULL)
            yaml_put(ordered, yaml_root(ordered), member->key, member);
    yaml_destroy(&pattern);
    return ordered;
}

static int
resolve_sections(struct yaml_tree *tree, struct scenario *out, struct why *why)
{
    struct yaml_node *root = yaml_root(tree);
    struct yaml_node *governance = yaml_find(root, "governance");
    int error;

    if (governance != NULL && governance->count == 0 && (governance->kind == YAML_NULL || governance->kind == YAML_MAP))
        yaml_remove(tree, governance);
    if ((error = check_keys(root, why)) != 0 || (error = check_words(root, why)) != 0 ||
        (error = choose_domain(root, &out->domain, why)) != 0 || (error = plan_resolve(tree, why)) != 0 ||
        (error = llm_config_resolve(tree, why)) != 0 ||
        (!out->domain->self_contained &&
            ((error = governance_resolve(tree, why)) != 0 ||
                (error = resolve_policies(tree, out->domain, why)) != 0)) ||
        (error = out->domain->resolve(tree, why)) != 0 || (error = plan_read(root, &out->plan, why)) != 0)
        return error;
    yaml_put_text(tree, root, "domain", out->domain->name);
    governance = yaml_find(root, "governance");
    out->governed = domain_is_governed(out->domain, root);
    out->lever_count = out->governed ? governance->count : 0;
    return figures_check_names(root, out->domain, (uint64_t)out->plan.simulation.seed, why);
}

int
scenario_resolve(struct yaml_tree **tree_p, struct scenario *out, struct why *why)
{
    int error;

    memset(out, 0, sizeof *out);
    error = resolve_sections(*tree_p, out, why);
    if (error == 0)
        out->tree = put_in_order(*tree_p, out->domain);
    yaml_destroy(tree_p);
    return error;
}

int
scenario_load(
    const char *name, const char *const *overrides, uint32_t override_count, struct scenario *out, struct why *why)
{
    struct yaml_tree *tree = NULL;
    int error = scenario_read(name, overrides, override_count, &tree, why);

    memset(out, 0, sizeof *out);
    if (error == 0)
        error = scenario_resolve(&tree, out, why);
    if (error == 0)
        error = library_find(&library_scenarios, name, NULL, out->path, why);
    return error;
}

void
scenario_fini(struct scenario *self)
{
    yaml_destroy(&self->tree);
}

/* ---- schema ---- */

static void
write_section_schema(const char *name, const char *doc, const struct params *list, struct buffer *out)
{
    text_addf(out, ", \"%s\": {\"type\": \"object\", \"description\": ", name);
    text_add_json(out, doc, strlen(doc));
    text_add(out, ", ");
    params_write_schema(list, out);
    text_add(out, "}");
}

/* The sections that are a domain's mean something else to a domain that claims its scenarios by their `rules`. */
static void
write_domains_schema(struct buffer *out)
{
    const char *before = "";

    text_add(out, "\"if\": {\"required\": [\"sandbox\"], \"properties\": {\"sandbox\": {\"required\": [\"rules\"], "
                  "\"properties\": {\"rules\": {\"const\": \"compat\"}}}}}, \"then\": {\"properties\": {");
    for (uint32_t i = 0; domains[i] != NULL; i++)
        if (domains[i]->claims != NULL) {
            text_add(out, before);
            domains[i]->write_schema(out);
            before = ", ";
        }
    text_add(out, "}}, \"else\": {\"properties\": {");
    governance_write_schema(out);
    for (uint32_t i = 0; domains[i] != NULL; i++)
        if (domains[i]->claims == NULL) {
            text_add(out, ", ");
            domains[i]->write_schema(out);
        }
    text_add(out, "}}");
}

void
scenario_write_schema(struct buffer *out)
{
    text_add(out,
        "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"title\": \"Polis scenario\", \"type\": "
        "\"object\", \"properties\": {"
        "\"name\": {\"type\": \"string\", \"maxLength\": 100}, "
        "\"scenario_id\": {\"type\": \"string\", \"description\": \"another spelling of name\"}, "
        "\"description\": {\"type\": \"string\"}, \"domain\": {\"type\": \"string\"}, \"motif\": {\"type\": "
        "\"string\"}, "
        "\"extends\": {\"type\": \"string\", \"description\": \"the scenario this one is laid on\"}, "
        "\"metrics_to_track\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}, \"description\": "
        "\"figures that are shown\"}, \"environment\": {\"type\": \"object\", \"description\": \"another spelling "
        "of sandbox\"}");
    write_section_schema("simulation", "how long, which seed, whose turn", plan_simulation_params, out);
    text_add(out, ", ");
    llm_config_write_schema(out);
    write_section_schema("log", "what the log keeps; changes no result", plan_logging_params, out);
    write_section_schema("cluster", "the processes of a run; changes no result", plan_cluster_params, out);
    text_add(out, ", \"agents\": {}, \"governance\": {}");
    for (uint32_t i = 0; domains[i] != NULL; i++)
        if (domains[i]->claims == NULL)
            text_addf(out, ", \"%s\": {}", domains[i]->name);
    text_add(out, "}, \"patternProperties\": {\"^x-\": {}}, \"additionalProperties\": false, ");
    write_domains_schema(out);
    text_add(out, "}\n");
}

void
scenario_write_aliases(struct buffer *out)
{
    alias_write_manual(out);
}
