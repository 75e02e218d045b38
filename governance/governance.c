#include "governance/governance.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/text.h"

const struct governance_alias governance_aliases[] = {
    {"transaction_tax_rate", "transaction_tax", "rate"},
    {"reputation_decay_rate", "reputation_decay", "rate"},
    {"vote_weight_cap", "vote_normalization", "max_weight"},
    {"staking_required", "staking", "min_stake"},
    {"audit_probability", "random_audit", "prob"},
    {"audit_penalty", "random_audit", "penalty"},
    {"circuit_breaker_threshold", "circuit_breaker", "threshold"},
    {NULL, NULL, NULL},
};

const char *
governance_stage_name(enum lever_stage stage)
{
    static const char *const names[STAGE_COUNT] = {"admission", "pricing", "verdict", "audit", "epoch"};

    return stage < STAGE_COUNT ? names[stage] : "none";
}

static int
fail_unknown(const struct yaml_node *member, struct why *why)
{
    struct text_nearest near = {.name = member->key};

    for (const struct lever *const *lever = lever_roll; *lever != NULL; lever++)
        text_nearest_offer(&near, (*lever)->name);
    for (const struct governance_alias *alias = governance_aliases; alias->name != NULL; alias++)
        text_nearest_offer(&near, alias->name);
    if (near.best != NULL)
        return yaml_fail_key(
            member, why, ERR_UNKNOWN, "unknown lever '%.60s'; did you mean '%s'?", member->key, near.best);
    return yaml_fail_key(
        member, why, ERR_UNKNOWN, "unknown lever '%.60s'; see the manual's chapter on governance", member->key);
}

/* The lever's place in the list, with default parameters when it is new there. */
static uint32_t
place_of(struct governance *self, const struct lever *lever)
{
    uint32_t i = 0;

    while (i < self->count && self->levers[i] != lever)
        i++;
    if (i == self->count) {
        ASSERT(self->count < GOVERNANCE_LEVERS_MAX);
        self->levers[i] = lever;
        self->params[i] = alloc_array(1, lever->params->size);
        params_default(lever->params, self->params[i]);
        self->count++;
    }
    return i;
}

/* True and *on set when the node is a switch: true, false, or nothing at all (on). */
static bool
is_switch(const struct yaml_node *node, bool *on)
{
    struct why ignored = {0};

    *on = true;
    return node->kind == YAML_NULL || (node->kind == YAML_SCALAR && yaml_get_bool(node, on, &ignored) == 0);
}

static int
bind_lever(struct governance *self, const struct lever *lever, const struct yaml_node *member, struct why *why)
{
    bool on;
    uint32_t place;

    if (is_switch(member, &on)) {
        if (on)
            (void)place_of(self, lever);
        return 0;
    }
    place = place_of(self, lever);
    if (member->kind == YAML_SCALAR && lever->params->count > 0)
        return params_bind_row(&lever->params->rows[0], member, self->params[place], why);
    return params_bind(lever->params, member, NULL, self->params[place], why);
}

static int
bind_alias(
    struct governance *self, const struct governance_alias *alias, const struct yaml_node *member, struct why *why)
{
    const struct lever *lever = lever_find(alias->lever);
    const struct param *row;

    ASSERT(lever != NULL);
    row = params_find(lever->params, alias->param);
    ASSERT(row != NULL);
    if (member->kind == YAML_NULL) /* "none" in the spelling these come from: no such lever */
        return 0;
    return params_bind_row(row, member, self->params[place_of(self, lever)], why);
}

static int
bind_member(struct governance *self, const struct yaml_node *member, struct why *why)
{
    const struct lever *lever = lever_find(member->key);

    if (lever != NULL)
        return bind_lever(self, lever, member, why);
    for (const struct governance_alias *alias = governance_aliases; alias->name != NULL; alias++)
        if (strcmp(alias->name, member->key) == 0)
            return bind_alias(self, alias, member, why);
    return fail_unknown(member, why);
}

/* What the levers themselves have to say about their parameters. */
static int
validate(const struct governance *self, const struct yaml_node *section, struct why *why)
{
    for (uint32_t i = 0; i < self->count; i++) {
        struct why inner = {0};
        int code = self->levers[i]->validate == NULL ? 0 : self->levers[i]->validate(self->params[i], &inner);

        if (code != 0)
            return yaml_fail(section, why, code, "%s.%s", self->levers[i]->name, inner.text);
    }
    return 0;
}

int
governance_bind(const struct yaml_node *section, struct governance *out, struct why *why)
{
    char shown[YAML_SHOWN_SIZE];
    int code = 0;

    *out = (struct governance){0};
    if (section == NULL || section->kind == YAML_NULL)
        return 0;
    if (section->kind != YAML_MAP)
        return yaml_fail(section, why, ERR_INVALID, "expected a map of levers, found %s", yaml_shown(section, shown));
    for (const struct yaml_node *member = section->first; member != NULL && code == 0; member = member->next)
        code = bind_member(out, member, why);
    if (code == 0)
        code = validate(out, section, why);
    if (code != 0)
        governance_fini(out);
    return code;
}

void
governance_fini(struct governance *self)
{
    for (uint32_t i = 0; i < self->count; i++)
        free(self->params[i]);
    *self = (struct governance){0};
}

int
governance_resolve(struct yaml_tree *tree, struct why *why)
{
    struct yaml_node *root = yaml_root(tree);
    struct governance bound;
    struct yaml_node *section;
    int code = governance_bind(yaml_find(root, "governance"), &bound, why);

    if (code != 0)
        return code;
    section = yaml_put_empty(tree, root, "governance", YAML_MAP);
    for (uint32_t i = 0; i < bound.count; i++)
        params_put(bound.levers[i]->params, bound.params[i], tree,
            yaml_put_empty(tree, section, bound.levers[i]->name, YAML_MAP));
    governance_fini(&bound);
    return 0;
}

void
governance_write_schema(struct buffer *out)
{
    text_add(out, "\"governance\": {\"type\": [\"object\", \"null\"], \"additionalProperties\": false, "
                  "\"description\": \"levers that are on, by name\", \"properties\": {");
    for (const struct lever *const *lever = lever_roll; *lever != NULL; lever++) {
        text_add(out, lever == lever_roll ? "" : ", ");
        text_add_json(out, (*lever)->name, strlen((*lever)->name));
        text_add(out, ": {\"description\": ");
        text_add_json(out, (*lever)->doc, strlen((*lever)->doc));
        text_add(out, ", \"type\": [\"object\", \"number\", \"string\", \"boolean\", \"null\"], ");
        params_write_schema((*lever)->params, out);
        text_add(out, "}");
    }
    for (const struct governance_alias *alias = governance_aliases; alias->name != NULL; alias++)
        text_addf(out,
            ", \"%s\": {\"type\": [\"number\", \"string\", \"null\"], \"description\": \"the same as %s.%s\"}",
            alias->name, alias->lever, alias->param);
    text_add(out, "}}");
}

void
governance_write_manual(struct buffer *out)
{
    text_add(out,
        "## governance\n\n"
        "A lever is on when it is named. Levers act in the order of their stages (admission, pricing, verdict, "
        "audit, epoch), within a stage by name. `lever: 0.95` sets its first parameter, `lever: true` takes all "
        "defaults, `lever: false` switches it off again.\n");
    for (const struct lever *const *lever = lever_roll; *lever != NULL; lever++) {
        text_addf(out, "\n### %s\n\n%s Stage: %s.\n\n", (*lever)->name, (*lever)->doc,
            governance_stage_name((*lever)->stage));
        params_write_manual((*lever)->params, out);
    }
    text_add(out, "\nOther spellings: ");
    for (const struct governance_alias *alias = governance_aliases; alias->name != NULL; alias++)
        text_addf(
            out, "%s`%s` (%s.%s)", alias == governance_aliases ? "" : ", ", alias->name, alias->lever, alias->param);
    text_add(out, ".\n");
}
