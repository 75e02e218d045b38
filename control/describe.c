#include "control/describe.h"

#include "agents/policy.h"
#include "bus/canary.h"
#include "control/command.h"
#include "control/odd.h"
#include "control/paths.h"
#include "control/scenario.h"
#include "core/digest.h"
#include "core/text.h"
#include "governance/governance.h"
#include "proto/envelope.h"
#include "proto/messages.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define TEXT_SHOWN 60u /* bytes of a parameter's text in a table */

/* ---- the scenario's own schema: default and meaning of every parameter ---- */

static json_t *
load_schema(void)
{
    struct buffer text = {0};
    json_t *schema;

    scenario_write_schema(&text);
    schema = json_loadb((const char *)text.data, text.size, 0, NULL);
    buffer_fini(&text);
    return schema;
}

static bool
is_compat(const struct yaml_node *root)
{
    const struct yaml_node *rules = yaml_find_path(root, "sandbox.rules");

    return rules != NULL && rules->text != NULL && strcmp(rules->text, "compat") == 0;
}

/* A member in a schema of maps: its own, or that of all members where they have names of the scenario's, or, where what
 * is allowed depends on the rules of the game, in the branch for these. A member that only says that there may be one
 * is no answer. */
static const json_t *
member_of(const json_t *schema, const char *key, bool compat)
{
    const json_t *own = json_object_get(json_object_get(schema, "properties"), key);
    const json_t *branch = json_object_get(schema, compat ? "then" : "else");
    const json_t *any = json_object_get(schema, "additionalProperties");

    if (own == NULL && branch == NULL && json_is_object(any))
        return any;
    return json_object_size(own) > 0 || branch == NULL ? own : member_of(branch, key, compat);
}

/* The schema of a node: that of its parent, one member or item down. NULL: free form, or somebody else's. */
static const json_t *
schema_of(const json_t *root, const struct yaml_node *node)
{
    const struct yaml_node *top = node;
    const json_t *parent;

    if (node->parent == NULL)
        return root;
    while (top->parent != NULL)
        top = top->parent;
    parent = schema_of(root, node->parent);
    return node->key == NULL ? json_object_get(parent, "items") : member_of(parent, node->key, is_compat(top));
}

static bool
is_default(const struct yaml_node *node, const json_t *schema)
{
    const json_t *value = json_object_get(schema, "default");
    double number;

    if (node->kind == YAML_NULL)
        return value == NULL || json_is_null(value);
    if (node->kind != YAML_SCALAR || value == NULL)
        return node->kind != YAML_SCALAR;
    if (json_is_string(value))
        return strcmp(json_string_value(value), node->text) == 0;
    if (json_is_boolean(value))
        return strcmp(json_is_true(value) ? "true" : "false", node->text) == 0;
    return text_parse_real(node->text, &number, NULL) == 0 && !(number < json_number_value(value)) &&
        !(number > json_number_value(value));
}

static void
add_default(const json_t *schema, struct buffer *out)
{
    const json_t *value = json_object_get(schema, "default");
    char number[TEXT_NUMBER_SIZE];

    if (json_is_string(value) && json_string_length(value) > 0) {
        text_addf(out, "`%s`", json_string_value(value));
    } else if (json_is_boolean(value)) {
        text_add(out, json_is_true(value) ? "`true`" : "`false`");
    } else if (json_is_number(value)) {
        text_format_real(json_number_value(value), number);
        text_addf(out, "`%s`", number);
    } else {
        text_add(out, "-");
    }
}

/* A cell of a table: without what would end it. */
static void
add_cell(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            text_add(out, "\\");
        buffer_append(out, *text == '\n' ? " " : text, 1);
    }
}

/* ---- parameters that differ ---- */

struct table {
    const json_t *schema;
    struct buffer *out;
    uint32_t rows;
};

static void
add_row(struct table *self, const char *path, const struct yaml_node *node, const json_t *schema)
{
    const char *doc = json_string_value(json_object_get(schema, "description"));
    struct buffer value = {0};

    if (self->rows++ == 0)
        text_add(self->out, "| parameter | value | default | meaning |\n|---|---|---|---|\n");
    paths_show(node, &value);
    buffer_append(&value, "", 1);
    text_addf(self->out, "| `%s` | `", path);
    add_cell(self->out, (const char *)value.data);
    text_add(self->out, "` | ");
    add_default(schema, self->out);
    text_add(self->out, " | ");
    add_cell(self->out, doc != NULL ? doc : "");
    text_add(self->out, " |\n");
    buffer_fini(&value);
}

/* Agents and levers have tables of their own; words and what the run is called are told elsewhere. */
static bool
is_told_elsewhere(const char *path)
{
    static const char *const others[] = {"name", "description", "motif", "domain", "agents", "governance", "fork",
        "cluster", "metrics_to_track", "log.durability", "log.snapshot_every", NULL};

    for (size_t i = 0; others[i] != NULL; i++)
        if (paths_match(path, others[i]))
            return true;
    return false;
}

static void
list_changed(void *context, const char *path, const struct yaml_node *a, const struct yaml_node *b)
{
    struct table *self = context;
    const json_t *schema = schema_of(self->schema, a);

    (void)b;
    if (!is_told_elsewhere(path) && !is_default(a, schema))
        add_row(self, path, a, schema);
}

static void
write_changed(const struct subject *self, const json_t *schema, struct buffer *out)
{
    struct table table = {.schema = schema, .out = out};

    paths_each(self->root, list_changed, &table);
    if (table.rows == 0)
        text_add(out, "All parameters have their defaults.\n");
}

/* ---- agents ---- */

static const char *
text_of(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *node = yaml_find(map, key);

    return node != NULL && node->text != NULL ? node->text : "-";
}

static uint64_t
count_agents(const struct subject *self)
{
    const struct yaml_node *agents = yaml_find(self->root, "agents");
    uint64_t count = 0;

    for (const struct yaml_node *group = agents != NULL ? agents->first : NULL; group != NULL; group = group->next) {
        const struct yaml_node *node = yaml_find(group, "count");
        int64_t number = 1;

        if (node == NULL || yaml_get_integer(node, &number, NULL) == 0)
            count += (uint64_t)number;
    }
    return count;
}

/* The schema of a policy's parameters by name; the caller gives it back. */
static json_t *
load_policy_schema(const struct policy *policy)
{
    struct buffer text = {0};
    json_t *schema;

    text_add(&text, "{");
    params_write_schema(policy->params, &text);
    text_add(&text, "}");
    schema = json_loadb((const char *)text.data, text.size, 0, NULL);
    buffer_fini(&text);
    return schema;
}

/* A text whose beginning is enough here. */
static void
add_short(struct buffer *out, const char *text)
{
    char cut[TEXT_SHOWN + 1];
    size_t size = text_cut(text, strlen(text), TEXT_SHOWN);

    memcpy(cut, text, size);
    cut[size] = '\0';
    add_cell(out, cut);
    if (text[size] != '\0')
        text_addf(out, "... (%zu bytes)", strlen(text));
}

/* Those of the policy's parameters that are not its defaults. */
static void
add_params(const struct yaml_node *group, bool compat, struct buffer *out)
{
    const struct yaml_node *params = yaml_find(group, "params");
    const struct policy *policy = compat ? NULL : policy_find(text_of(group, "type"));
    uint32_t count = 0;
    json_t *schema;

    if (params == NULL || policy == NULL || policy->params == NULL) {
        text_add(out, "-");
        return;
    }
    schema = load_policy_schema(policy);
    for (const struct yaml_node *member = params->first; member != NULL; member = member->next)
        if (!is_default(member, json_object_get(json_object_get(schema, "properties"), member->key))) {
            text_addf(out, "%s%s ", count++ > 0 ? ", " : "", member->key);
            add_short(out, member->text != NULL ? member->text : "");
        }
    if (count == 0)
        text_add(out, "-");
    json_decref(schema);
}

static void
write_agents(const struct subject *self, struct buffer *out)
{
    const struct yaml_node *agents = yaml_find(self->root, "agents");
    uint64_t first = 0;

    text_add(out, "| agents | policy | count | role | skill | money | insider | parameters of the policy |\n"
                  "|---|---|---|---|---|---|---|---|\n");
    for (const struct yaml_node *group = agents != NULL ? agents->first : NULL; group != NULL; group = group->next) {
        const struct yaml_node *node = yaml_find(group, "count");
        int64_t count = 1;

        if (node != NULL && yaml_get_integer(node, &count, NULL) != 0)
            count = 1;
        text_addf(out, count == 1 ? "| %s, id %" PRIu64 : "| %s, ids %" PRIu64, text_of(group, "name"), first);
        if (count > 1)
            text_addf(out, " to %" PRIu64, first + (uint64_t)count - 1);
        text_addf(out, " | `%s` | %" PRId64 " | %s | %s to %s | %s | %s | ", text_of(group, "type"), count,
            text_of(group, "role"), text_of(group, "skill_low"), text_of(group, "skill_high"),
            text_of(group, "initial_resources"), text_of(group, "insider"));
        add_params(group, is_compat(self->root), out);
        text_add(out, " |\n");
        first += (uint64_t)count;
    }
}

static bool
is_on(const struct subject *self, const struct odd_mechanism *mechanism)
{
    const struct yaml_node *node = is_compat(self->root) ? NULL : yaml_find_path(self->root, mechanism->path);

    return node != NULL && node->text != NULL && strcmp(node->text, mechanism->off) != 0;
}

/* What this scenario has beside what every one has. */
static void
write_mechanisms(const struct subject *self, struct buffer *out)
{
    uint32_t count = 0;

    for (const struct odd_mechanism *at = odd_mechanisms; at->path != NULL; at++)
        if (is_on(self, at)) {
            text_add(out, count++ == 0 ? "This scenario adds:\n\n" : "");
            text_addf(out, "- *%s*: %s\n", at->name, at->text);
        }
    text_add(out, count > 0 ? "\n" : "");
}

/* A policy's parameters with the values that agents have where nothing else is said. */
static void
write_policy(const struct policy *policy, struct buffer *out)
{
    json_t *schema = policy->params != NULL ? load_policy_schema(policy) : NULL;
    const char *name;
    json_t *row;

    text_addf(out, "**%s**: %s\n\n", policy->name, policy->doc);
    if (json_object_size(json_object_get(schema, "properties")) > 0)
        text_add(out, "| parameter | default | meaning |\n|---|---|---|\n");
    json_object_foreach (json_object_get(schema, "properties"), name, row) {
        const char *doc = json_string_value(json_object_get(row, "description"));

        text_addf(out, "| `%s` | ", name);
        add_default(row, out);
        text_add(out, " | ");
        add_cell(out, doc != NULL ? doc : "");
        text_add(out, " |\n");
    }
    text_add(out, "\n");
    json_decref(schema);
}

static void
write_defaults_note(const struct subject *self, struct buffer *out)
{
    text_add(out, is_compat(self->root) ? "\n"
                                        : "\nParameters of a policy that are not named have its defaults.\n\n");
}

static void
write_policies(const struct subject *self, struct buffer *out)
{
    const struct yaml_node *agents = yaml_find(self->root, "agents");

    if (is_compat(self->root)) { /* same names, other rules */
        text_add(out, "Those of the earlier implementation: docs/compat.md.\n");
        return;
    }
    for (uint32_t i = 0; policy_roll[i] != NULL; i++)
        for (const struct yaml_node *group = agents != NULL ? agents->first : NULL; group != NULL; group = group->next)
            if (strcmp(text_of(group, "type"), policy_roll[i]->name) == 0) {
                write_policy(policy_roll[i], out);
                break;
            }
}

/* ---- levers ---- */

static void
write_lever(const struct yaml_node *member, const json_t *schema, struct buffer *out)
{
    const struct lever *lever = lever_find(member->key);
    const json_t *rows = json_object_get(schema_of(schema, member), "properties");

    text_addf(out, "\n**%s**%s%s%s%s\n", member->key, lever != NULL ? " (stage " : "",
        lever != NULL ? governance_stage_name(lever->stage) : "", lever != NULL ? "): " : "",
        lever != NULL ? lever->doc : "");
    if (member->first == NULL)
        return;
    text_add(out, "\n| parameter | value | default | meaning |\n|---|---|---|---|\n");
    for (const struct yaml_node *param = member->first; param != NULL; param = param->next) {
        const json_t *row = json_object_get(rows, param->key);
        const char *doc = json_string_value(json_object_get(row, "description"));

        text_addf(out, "| `%s` | `%s` | ", param->key, param->text != NULL ? param->text : "");
        add_default(row, out);
        text_add(out, " | ");
        add_cell(out, doc != NULL ? doc : "");
        text_add(out, " |\n");
    }
}

static void
write_levers(const struct subject *self, const json_t *schema, struct buffer *out)
{
    const struct yaml_node *governance = yaml_find(self->root, "governance");

    if (governance == NULL || governance->first == NULL) {
        text_add(out, "No lever is on.\n");
        return;
    }
    text_add(out, "Levers act in the order of their stages (admission, pricing, verdict, audit, epoch), within a "
                  "stage by name.\n");
    for (const struct yaml_node *member = governance->first; member != NULL; member = member->next)
        write_lever(member, schema, out);
}

/* ---- versions and hashes ---- */

static void
write_log(const struct subject *self, struct buffer *out)
{
    struct store_commit tip = store_committed(self->store);
    char chain[2 * STORE_CHAIN + 1], digest[2 * STORE_DIGEST + 1];

    text_addf(out, "| steps committed | %" PRIu64 " of %" PRIu64 " |\n| head of the chain | `%s` |\n"
                   "| digest of the state | `%s` |\n", tip.step, self->plan->steps,
        digest_hex(tip.chain, STORE_CHAIN, chain), digest_hex(tip.digest, STORE_DIGEST, digest));
}

static void
write_facts(const struct subject *self, struct buffer *out)
{
    char build[CANARY_BUILD_SIZE] = "unknown", hex[2 * DIGEST_SIZE + 1];
    const struct yaml_node *fork = yaml_find(self->root, "fork");
    uint8_t manifest[DIGEST_SIZE];

    (void)!canary_build(build, NULL);
    digest_of(self->manifest->data, self->manifest->size, manifest);
    text_addf(out, "| fact | value |\n|---|---|\n| %s | `%s` |\n| seed | %" PRId64 " |\n",
        self->store != NULL ? "run" : "scenario", self->place, self->plan->simulation.seed);
    text_addf(out, "| epochs, steps | %" PRIu32 " epochs of %" PRIu32 " steps: %" PRIu64 " |\n",
        self->plan->simulation.epochs, self->plan->simulation.steps_per_epoch, self->plan->steps);
    if (self->store != NULL)
        write_log(self, out);
    if (fork != NULL)
        text_addf(out, "| fork of | %s, behind step %s, branch %s; its chain there `%s` |\n", text_of(fork, "parent"),
            text_of(fork, "step"), text_of(fork, "branch"), text_of(fork, "parent_chain"));
    text_addf(out, "| hash of the manifest (BLAKE2b-256) | `%s` |\n", digest_hex(manifest, DIGEST_SIZE, hex));
    text_addf(out, "| program | polis %s, protocol %u.%u, messages `%016" PRIx64 "`, build `%s` |\n", POLIS_VERSION,
        PROTO_MAJOR, PROTO_MINOR, proto_digest(), build);
}

/* ---- the page, and the whole ---- */

static void
write_title(const struct subject *self, struct buffer *out)
{
    const struct yaml_node *doc = yaml_find(self->root, "description");

    text_addf(out, "# %s\n\n", self->plan->name);
    if (doc != NULL && doc->text != NULL && doc->text[0] != '\0')
        text_addf(out, "%s\n\n", doc->text);
}

void
describe_write(const struct subject *self, struct buffer *out)
{
    json_t *schema = load_schema();

    write_title(self, out);
    text_addf(out, "%" PRIu64 " agents, %" PRIu32 " epochs of %" PRIu32 " steps (%" PRIu64 " in all), seed %" PRId64
              ", turns %s.\n\n## Agents\n\n", count_agents(self), self->plan->simulation.epochs,
        self->plan->simulation.steps_per_epoch, self->plan->steps, self->plan->simulation.seed,
        self->plan->simulation.turns == TURNS_SEQUENTIAL ? "sequential" : "simultaneous");
    write_agents(self, out);
    write_defaults_note(self, out);
    write_mechanisms(self, out);
    text_add(out, "## Governance\n\n");
    write_levers(self, schema, out);
    text_add(out, "\n## Parameters that differ from their defaults\n\n");
    write_changed(self, schema, out);
    text_add(out, "\n## Versions and hashes\n\n");
    write_facts(self, out);
    json_decref(schema);
}

static const char *
rules_of(const struct subject *self)
{
    return is_compat(self->root) ? "compat" : text_of(self->root, "domain");
}

static void
write_overview(const struct subject *self, const struct odd *odd, struct buffer *out)
{
    text_addf(out, "## 1. Purpose and patterns\n\n%s\n\n**Patterns.** %s\n\n## 2. Entities, state variables, and "
              "scales\n\n%s\n\nThis scenario has %" PRIu64 " agents:\n\n", odd->purpose, odd->patterns, odd->entities,
        count_agents(self));
    write_agents(self, out);
    write_defaults_note(self, out);
    text_addf(out, "**Scales.** %s Here: %" PRIu32 " epochs of %" PRIu32 " steps, %" PRIu64 " steps in all.\n\n"
              "## 3. Process overview and scheduling\n\n%s\n\nHere turns are %s.\n\n",
        odd->scales, self->plan->simulation.epochs, self->plan->simulation.steps_per_epoch, self->plan->steps,
        odd->process,
        self->plan->simulation.turns == TURNS_SEQUENTIAL ? "sequential" : "simultaneous");
    write_mechanisms(self, out);
}

static void
write_concepts(const struct odd *odd, struct buffer *out)
{
    text_add(out, "## 4. Design concepts\n");
#define WRITE_CONCEPT(name, title) text_addf(out, "\n### %s\n\n%s\n", title, odd->name);
    ODD_CONCEPTS(WRITE_CONCEPT)
}

static void
write_initialisation(const struct subject *self, const struct odd *odd, struct buffer *out)
{
    const struct yaml_node *fork = yaml_find(self->root, "fork");

    text_addf(out, "\n## 5. Initialisation\n\n%s The seed is %" PRId64 ".\n", odd->initialisation,
        self->plan->simulation.seed);
    if (fork != NULL)
        text_addf(out, "\nThis run is a fork: it begins with the state of the run %s behind step %s, whose chain of "
                  "hashes has the head `%s` there.\n", text_of(fork, "parent"), text_of(fork, "step"),
            text_of(fork, "parent_chain"));
}

int
describe_write_odd(const struct subject *self, struct buffer *out, struct why *why)
{
    const struct odd *odd = odd_find(rules_of(self));
    json_t *schema;

    if (odd == NULL)
        return fail(why, ERR_UNKNOWN, "the rules of %s have no description after the ODD protocol yet", rules_of(self));
    schema = load_schema();
    write_title(self, out);
    text_add(out, "Description after the ODD protocol (Grimm et al. 2006, Ecological Modelling 198; 2010, Ecological "
                  "Modelling 221; 2020, Journal of Artificial Societies and Social Simulation 23(2) 7).\n\n");
    write_overview(self, odd, out);
    write_concepts(odd, out);
    write_initialisation(self, odd, out);
    text_addf(out, "\n## 6. Input data\n\n%s\n\n## 7. Submodels\n\n%s\n\n### Policies\n\n", odd->input, odd->submodels);
    write_policies(self, out);
    text_add(out, "\n### Governance\n\n");
    write_levers(self, schema, out);
    text_add(out, "\n### Parameters that differ from their defaults\n\n");
    write_changed(self, schema, out);
    text_add(out, "\n## Versions and hashes\n\n");
    write_facts(self, out);
    json_decref(schema);
    return 0;
}
