#include "control/alias.h"

#include "core/text.h"
#include "governance/governance.h"
#include "world/domain.h"

#include <stdio.h>
#include <string.h>

/* A key whose value is null is dropped when it is moved: there it means "none". The spellings within `governance` are
 * the court's own (governance_aliases). */
static const struct alias {
    const char *from, *to;
} aliases[] = {
    {"scenario_id", "name"},
    {"environment.initial_budget", "sandbox.initial_resources"},
    {"environment", "sandbox"},
};
#define ALIAS_COUNT (sizeof aliases / sizeof aliases[0])

/* Under `sandbox.rules: compat`: where the earlier implementation has its sections, and those that it reads and does
 * not use. Its governance stays as it is. */
static const struct alias compat_aliases[] = {
    {"scenario_id", "name"},
    {"payoff", "sandbox.payoff"},
    {"rate_limits", "sandbox.rate_limits"},
    {"network", "sandbox.network"},
    {"marketplace", "sandbox.marketplace"},
    {"simulation.n_epochs", "simulation.epochs"},
};
#define COMPAT_ALIAS_COUNT (sizeof compat_aliases / sizeof compat_aliases[0])
static const char *const compat_unused[] = {
    "outputs", "success_criteria", "environment", "boundaries", "composite_tasks", NULL};

/* The map that will hold the last key of `path`, made on the way; NULL and why when something there is no map. */
static struct yaml_node *
make_parent(struct yaml_tree *tree, const char *path, const char **key_out, struct why *why)
{
    struct yaml_node *node = yaml_root(tree);

    for (;;) {
        char key[YAML_KEY_MAX + 1];
        size_t size = strcspn(path, ".");
        struct yaml_node *child;

        if (path[size] == '\0') {
            *key_out = path;
            return node;
        }
        memcpy(key, path, size);
        key[size] = '\0';
        child = yaml_find(node, key);
        if (child == NULL)
            child = yaml_put_empty(tree, node, key, YAML_MAP);
        if (child->kind != YAML_MAP && child->kind != YAML_NULL) {
            yaml_fail(child, why, ERR_INVALID, "must be a map");
            return NULL;
        }
        node = child;
        path += size + 1;
    }
}

static int
move(struct yaml_tree *tree, struct yaml_node *from, const char *to, bool replace, struct why *why)
{
    const char *key;
    struct yaml_node *map, *old;

    if (from->kind == YAML_NULL) {
        yaml_remove(tree, from);
        return 0;
    }
    if ((map = make_parent(tree, to, &key, why)) == NULL)
        return why != NULL ? why->code : ERR_INVALID;
    old = yaml_find(map, key);
    if (old != NULL && !replace)
        return yaml_fail_key(
            from, why, ERR_INVALID, "%s says the same as %s (line %u); keep one", from->key, to, (unsigned)old->line);
    yaml_put(tree, map, key, from);
    yaml_remove(tree, from);
    return 0;
}

/* environment: {...} -> sandbox: {...}, member by member. */
static int
move_members(struct yaml_tree *tree, struct yaml_node *from, const char *to, bool replace, struct why *why)
{
    while (from->first != NULL) {
        char path[2 * YAML_KEY_MAX];
        int error;

        if (strchr(from->first->key, '.') != NULL)
            return yaml_fail_key(from->first, why, ERR_UNKNOWN, "unknown key '%.60s'", from->first->key);
        snprintf(path, sizeof path, "%s.%s", to, from->first->key);
        if ((error = move(tree, from->first, path, replace, why)) != 0)
            return error;
    }
    yaml_remove(tree, from);
    return 0;
}

/* `whole`: a map goes as one where there is none yet, for its being there means something. */
static int
apply_own(struct yaml_tree *tree, const struct alias *list, size_t count, bool whole, bool replace, struct why *why)
{
    for (size_t i = 0; i < count; i++) {
        const struct alias *alias = &list[i];
        struct yaml_node *from = yaml_find_path(yaml_root(tree), alias->from);
        const struct yaml_node *to = yaml_find_path(yaml_root(tree), alias->to);
        int error = 0;

        if (whole && from != NULL && from->kind == YAML_MAP && (to == NULL || to->kind == YAML_NULL))
            error = move(tree, from, alias->to, true, why);
        else if (from != NULL && from->kind == YAML_MAP)
            error = move_members(tree, from, alias->to, replace, why);
        else if (from != NULL)
            error = move(tree, from, alias->to, replace, why);
        if (error != 0)
            return error;
    }
    return 0;
}

/* bandwidth_cap: 10 -> bandwidth_cap: {max_actions: 10}: a plain value is that of the lever's first parameter. */
static void
wrap(struct yaml_tree *tree, struct yaml_node *value, const char *param)
{
    struct yaml_tree *wrapped = yaml_new("alias");

    yaml_put(wrapped, yaml_root(wrapped), param, value);
    yaml_put(tree, value->parent, value->key, yaml_root(wrapped));
    yaml_destroy(&wrapped);
}

static bool
is_switch(const struct yaml_node *node)
{
    bool on;

    return yaml_get_bool(node, &on, NULL) == 0;
}

/* Every lever as a map, so that layers and overrides meet at the same key. */
static int
apply_governance(struct yaml_tree *tree, bool replace, struct why *why)
{
    struct yaml_node *section = yaml_find(yaml_root(tree), "governance");
    const struct lever *lever;

    for (struct yaml_node *member = section != NULL ? section->first : NULL; member != NULL; member = member->next)
        if (member->kind == YAML_SCALAR && !is_switch(member) && (lever = lever_find(member->key)) != NULL &&
            lever->params->count > 0)
            wrap(tree, member, lever->params->rows[0].name);
    for (const struct governance_alias *alias = governance_aliases; alias->name != NULL; alias++) {
        struct yaml_node *from = yaml_find(section, alias->name);
        char path[2 * YAML_KEY_MAX];
        int error;

        snprintf(path, sizeof path, "governance.%s.%s", alias->lever, alias->param);
        if (from != NULL && (error = move(tree, from, path, replace, why)) != 0)
            return error;
    }
    return 0;
}

static int
apply_compat(struct yaml_tree *tree, bool replace, struct why *why)
{
    for (uint32_t i = 0; compat_unused[i] != NULL; i++) {
        struct yaml_node *section = yaml_find(yaml_root(tree), compat_unused[i]);

        if (section != NULL)
            yaml_remove(tree, section);
    }
    return apply_own(tree, compat_aliases, COMPAT_ALIAS_COUNT, true, replace, why);
}

static bool
is_self_contained(const struct yaml_node *root)
{
    const struct domain *domain = domain_of("sandbox", root);

    return domain != NULL && domain->self_contained;
}

static int
apply(struct yaml_tree *tree, bool self_contained, bool replace, struct why *why)
{
    int error;

    if (self_contained)
        return apply_compat(tree, replace, why);
    error = apply_own(tree, aliases, ALIAS_COUNT, false, replace, why);
    return error != 0 ? error : apply_governance(tree, replace, why);
}

int
alias_apply(struct yaml_tree *tree, bool replace, struct why *why)
{
    return apply(tree, is_self_contained(yaml_root(tree)), replace, why);
}

int
alias_apply_layer(struct yaml_tree *tree, const struct yaml_node *base, struct why *why)
{
    const struct yaml_node *own = yaml_find_path(yaml_root(tree), "sandbox.rules");

    return apply(tree, is_self_contained(own == NULL && base != NULL ? base : yaml_root(tree)), false, why);
}

void
alias_write_manual(struct buffer *out)
{
    text_add(out, "| also understood | meaning |\n|---|---|\n");
    for (size_t i = 0; i < ALIAS_COUNT; i++)
        text_addf(out, "| `%s` | `%s` |\n", aliases[i].from, aliases[i].to);
    for (const struct governance_alias *alias = governance_aliases; alias->name != NULL; alias++)
        text_addf(out, "| `governance.%s` | `governance.%s.%s` |\n", alias->name, alias->lever, alias->param);
    text_add(out, "| `governance.LEVER: number` | the lever's first parameter |\n");
    for (size_t i = 1; i < COMPAT_ALIAS_COUNT; i++)
        text_addf(out, "| `%s`, with `sandbox.rules: compat` | `%s` |\n", compat_aliases[i].from,
            compat_aliases[i].to);
    for (uint32_t i = 0; compat_unused[i] != NULL; i++)
        text_addf(out, "| `%s`, with `sandbox.rules: compat` | nothing |\n", compat_unused[i]);
}
