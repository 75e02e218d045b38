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
    {"freeze_threshold_toxicity", "circuit_breaker", "threshold"},
    {"freeze_threshold_violations", "circuit_breaker", "violations"},
    {"freeze_duration_epochs", "circuit_breaker", "duration"},
    {"audit_penalty_multiplier", "random_audit", "penalty"},
    {"audit_threshold_p", "random_audit", "threshold"},
    {"min_stake_to_participate", "staking", "min_stake"},
    {"stake_slash_rate", "staking", "slash_rate"},
    {"max_vote_weight_per_agent", "vote_normalization", "max_weight"},
    {"moderator_review_probability", "moderator", "prob"},
    {"moderator_penalty_multiplier", "moderator", "penalty"},
    {"moderator_threshold_p", "moderator", "threshold"},
    {"refinery_p_threshold", "refinery", "threshold"},
    {"council_probability", "council", "prob"},
    {"council_size", "council", "size"},
    {"collusion_frequency_threshold", "collusion", "frequency_threshold"},
    {"collusion_min_interactions", "collusion", "min_interactions"},
    {"collusion_score_threshold", "collusion", "threshold"},
    {"collusion_penalty_multiplier", "collusion", "penalty"},
    {"collusion_realtime_penalty", "collusion", "realtime"},
    {"collusion_realtime_rate", "collusion", "realtime_rate"},
    {"security_injection_threshold", "security", "injection_threshold"},
    {"security_manipulation_threshold", "security", "manipulation_threshold"},
    {"security_laundering_trust_gap", "security", "laundering_gap"},
    {"security_min_chain_length", "security", "chain_min"},
    {"security_min_interactions", "security", "min_interactions"},
    {"security_penalty_threshold", "security", "penalty_threshold"},
    {"security_quarantine_threshold", "security", "quarantine_threshold"},
    {"security_penalty_multiplier", "security", "penalty"},
    {"security_realtime_penalty", "security", "realtime"},
    {"security_realtime_threshold", "security", "realtime_threshold"},
    {"security_realtime_rate", "security", "realtime_rate"},
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

int
governance_validate(const struct governance *self, uint32_t place, const void *params, struct why *why)
{
    const struct lever *lever = self->levers[place];
    int code = lever->validate == NULL ? 0 : lever->validate(params, why);

    return code == 0 && lever->validate_among != NULL ? lever->validate_among(params, self, why) : code;
}

/* Puts a reason "field: what" at the place of the field, or of its lever, or of the section, as far as they are
 * written down. */
static int
fail_field(const struct yaml_node *section, const char *lever, const struct why *inner, struct why *why)
{
    const struct yaml_node *member = yaml_find(section, lever), *field = NULL;
    size_t size = strcspn(inner->text, ":");
    char name[YAML_KEY_MAX + 1];

    if (member != NULL && size > 0 && size < sizeof name && inner->text[size] == ':') {
        memcpy(name, inner->text, size);
        name[size] = '\0';
        field = yaml_find(member, name);
    }
    if (field != NULL)
        return yaml_fail(field, why, inner->code, "%s", inner->text + size + strspn(inner->text + size, ": "));
    if (member == NULL)
        return yaml_fail(section, why, inner->code, "%s.%s", lever, inner->text);
    return yaml_fail_key(member, why, inner->code, "%s.%s", lever, inner->text);
}

static int
validate(const struct governance *self, const struct yaml_node *section, struct why *why)
{
    for (uint32_t i = 0; i < self->count; i++) {
        struct why inner = {0};

        if (governance_validate(self, i, self->params[i], &inner) != 0)
            return fail_field(section, self->levers[i]->name, &inner, why);
    }
    return 0;
}

static void
keep_declared(struct governance *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        self->declared[i] = alloc_array(1, self->levers[i]->params->size);
        memcpy(self->declared[i], self->params[i], self->levers[i]->params->size);
    }
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
    else
        keep_declared(out);
    return code;
}

void
governance_fini(struct governance *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        free(self->params[i]);
        free(self->declared[i]);
    }
    *self = (struct governance){0};
}

int
governance_find(const struct governance *self, const char *path, uint32_t *place, const struct param **row,
                struct why *why)
{
    size_t size = strcspn(path, ".");

    for (uint32_t i = 0; i < self->count; i++) {
        const struct lever *lever = self->levers[i];

        if (strlen(lever->name) != size || memcmp(lever->name, path, size) != 0)
            continue;
        *place = i;
        *row = path[size] == '.' ? params_find(lever->params, path + size + 1) : NULL;
        if (*row != NULL)
            return 0;
        return fail(why, ERR_UNKNOWN, "%s has no parameter '%.60s'", lever->name,
            path[size] == '.' ? path + size + 1 : "");
    }
    return fail(why, ERR_UNKNOWN, "there is no lever '%.*s' in this scenario", (int)(size < 60 ? size : 60), path);
}

int
lever_parameter(const struct governance *law, const char *path, const struct param **out, struct why *why)
{
    uint32_t place;

    return governance_find(law, path, &place, out, why);
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
            ", \"%s\": {\"type\": [\"number\", \"string\", \"boolean\", \"null\"], "
            "\"description\": \"the same as %s.%s\"}",
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
