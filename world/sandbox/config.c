#include "world/sandbox/config.h"

#include "core/assert.h"
#include "core/money.h"
#include "core/text.h"
#include "proto/envelope.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

PARAMS_TABLE(sandbox_params, SANDBOX_PARAMS)
PARAMS_TABLE(feed_params, FEED_PARAMS)
PARAMS_TABLE(task_params, TASK_PARAMS)
PARAMS_TABLE(projects_params, PROJECTS_PARAMS)
PARAMS_TABLE(contagion_params, CONTAGION_PARAMS)
PARAMS_TABLE(discourse_params, DISCOURSE_PARAMS)
PARAMS_TABLE(norms_params, NORMS_PARAMS)
PARAMS_TABLE(moderation_params, MODERATION_PARAMS)
PARAMS_TABLE(words_params, WORDS_PARAMS)

#define ROLE_CHOICES "planner|worker|verifier|poster|moderator"
#define GROUP_PARAMS(P, S)                                                                                           \
    P(S, TEXT, type, "", 1, SANDBOX_NAME_MAX, "policy", "how these agents decide")                                   \
    P(S, U32, count, 1, 0, SANDBOX_AGENTS_MAX, "agents", "how many of them; 0: none, as in a sweep over shares")     \
    P(S, ENUM, role, SANDBOX_WORKER, 0, SANDBOX_ROLES - 1, ROLE_CHOICES, "what they may and should do")              \
    P(S, TEXT, name, "", 0, SANDBOX_NAME_MAX, "",                                                                    \
      "what they are called, with a number behind it; the type when not given")                                      \
    P(S, F64, skill_low, 0, 0, 1, "skill", "least skill; as sandbox.skill_low when not given")                       \
    P(S, F64, skill_high, 1, 0, 1, "skill", "greatest skill; as sandbox.skill_high when not given")                  \
    P(S, MONEY, initial_resources, 100, 0, 1e9, "tokens",                                                            \
      "what each starts with; as sandbox.initial_resources when not given")                                          \
    P(S, BOOL, insider, 0, 0, 1, "", "whether they know their own kind; for deceiving types it is true when not given")
PARAMS_DEFINE(group_params, GROUP_PARAMS)

/* The maps inside `sandbox`. */
static const struct section {
    const char *name, *doc;
    const struct params *list;
    size_t offset; /* in struct config */
} sections[] = {
    {"payoff", "What interactions are worth.", &payoff_params_list, offsetof(struct config, payoff)},
    {"proxy", "From observables to the soft label p.", &proxy_params_list, offsetof(struct config, proxy)},
    {"feed", "Posts and their ranking.", &feed_params_params, offsetof(struct config, feed)},
    {"tasks", "Work to be claimed, done and verified.", &task_params_params, offsetof(struct config, tasks)},
    {"rails", "What no agent may do.", &rails_params_list, offsetof(struct config, rails)},
    {"contagion", "Injections that spread with proposals.", &contagion_params_params,
     offsetof(struct config, contagion)},
    {"discourse", "What posts are about, and who takes it up.", &discourse_params_params,
     offsetof(struct config, discourse)},
    {"market", "Bounties, bids, escrow and disputes.", &market_params_list, offsetof(struct config, market)},
    {"projects", "Work that takes a planner and several workers.", &projects_params_params,
     offsetof(struct config, projects)},
    {"network", "Who may propose to whom.", &topology_params_list, offsetof(struct config, network)},
    {"norms", "Rules that agents propose and adopt.", &norms_params_params, offsetof(struct config, norms)},
    {"moderation", "Moderators who hide posts and freeze authors.", &moderation_params_params,
     offsetof(struct config, moderation)},
    {"words", "A word that is followed through what is posted.", &words_params_params, offsetof(struct config, words)},
};
#define SECTION_COUNT (sizeof sections / sizeof sections[0])

static const char *const inner_maps[] = {"payoff", "proxy", "feed", "tasks", "rails", "market", "projects",
    "contagion", "discourse", "norms", "moderation", "network", "words", NULL};
static const char *const group_others[] = {"params", NULL};

/* ---- reading ---- */

static int
expect(const struct yaml_node *node, enum yaml_kind kind, const char *what, struct why *why)
{
    char shown[YAML_SHOWN_SIZE];

    if (node == NULL || node->kind == kind || node->kind == YAML_NULL)
        return 0;
    return yaml_fail(node, why, ERR_INVALID, "must be %s, not %s", what, yaml_shown(node, shown));
}

static int
read_world(struct config *self, const struct yaml_node *root, struct why *why)
{
    const struct yaml_node *map = yaml_find(root, "sandbox");
    int code = expect(map, YAML_MAP, "a map", why);

    if (code != 0)
        return code;
    if (map != NULL && map->kind != YAML_MAP)
        map = NULL;
    code = params_bind(&sandbox_params_params, map, inner_maps, &self->world, why);
    for (size_t i = 0; i < SECTION_COUNT && code == 0; i++) {
        const struct yaml_node *inner = yaml_find(map, sections[i].name);

        code = expect(inner, YAML_MAP, "a map", why);
        if (code == 0)
            code = params_bind(sections[i].list, inner != NULL && inner->kind == YAML_MAP ? inner : NULL, NULL,
                               (char *)self + sections[i].offset, why);
    }
    if (code != 0)
        return code;
    if (self->world.skill_low > self->world.skill_high)
        return yaml_fail(map, why, ERR_INVALID, "skill_low is greater than skill_high");
    if (self->tasks.bounty_low > self->tasks.bounty_high)
        return yaml_fail(yaml_find(map, "tasks"), why, ERR_INVALID, "bounty_low is greater than bounty_high");
    if (self->projects.parts_low > self->projects.parts_high)
        return yaml_fail(yaml_find(map, "projects"), why, ERR_INVALID, "parts_low is greater than parts_high");
    if (self->projects.bounty_low > self->projects.bounty_high)
        return yaml_fail(yaml_find(map, "projects"), why, ERR_INVALID, "bounty_low is greater than bounty_high");
    if (self->tasks.difficulty_low > self->tasks.difficulty_high)
        return yaml_fail(yaml_find(map, "tasks"), why, ERR_INVALID, "difficulty_low is greater than difficulty_high");
    return 0;
}

static bool
is_deceiving(const char *policy)
{
    return strcmp(policy, "deceptive") == 0 || strcmp(policy, "adversarial") == 0 ||
           strcmp(policy, "adaptive_adversary") == 0 || strcmp(policy, "red_team") == 0;
}

/* The item's parameters, with what it does not say taken from the world's. */
static int
bind_group(const struct config *self, const struct yaml_node *item, struct group_params *out, struct why *why)
{
    int code;

    if (item->kind != YAML_MAP)
        return yaml_fail(item, why, ERR_INVALID, "must be a map like {type: honest, count: 3}");
    code = params_bind(&group_params_params, item, group_others, out, why);
    if (code != 0)
        return code;
    if (out->type[0] == '\0')
        return yaml_fail(item, why, ERR_MISSING, "has no type (the name of a policy, like honest)");
    if (yaml_find(item, "name") == NULL || out->name[0] == '\0')
        text_copy(out->name, sizeof out->name, out->type);
    if (yaml_find(item, "skill_low") == NULL)
        out->skill_low = self->world.skill_low;
    if (yaml_find(item, "skill_high") == NULL)
        out->skill_high = self->world.skill_high;
    if (yaml_find(item, "initial_resources") == NULL)
        out->initial_resources = self->world.initial_resources;
    if (yaml_find(item, "insider") == NULL)
        out->insider = is_deceiving(out->type);
    if (out->skill_low > out->skill_high)
        return yaml_fail(item, why, ERR_INVALID, "skill_low is greater than skill_high");
    return expect(yaml_find(item, "params"), YAML_MAP, "a map", why);
}

static const char *
params_text(struct config *self, const struct yaml_node *item)
{
    const struct yaml_node *params = yaml_find(item, "params");
    struct buffer text = {0};
    const char *copy;

    if (params == NULL || params->kind != YAML_MAP || params->count == 0)
        return "";
    yaml_write(params, &text);
    copy = arena_text(self->arena, (const char *)text.data, text.size);
    buffer_fini(&text);
    return copy;
}

/* Slot and kind of a group: those of an earlier one that decides alike, or new ones. */
static void
place_group(struct config *self, struct sandbox_group *group)
{
    group->slot = self->slot_count;
    group->kind = self->kind_count;
    for (struct sandbox_group *other = self->groups; other < group; other++) {
        if (strcmp(other->policy, group->policy) != 0)
            continue;
        group->kind = other->kind;
        if (strcmp(other->params, group->params) == 0)
            group->slot = other->slot;
    }
    self->slot_count += group->slot == self->slot_count;
    self->kind_count += group->kind == self->kind_count;
}

static int
add_group(struct config *self, const struct yaml_node *item, struct why *why)
{
    struct sandbox_group *group = &self->groups[self->group_count];
    struct group_params params;
    int code = bind_group(self, item, &params, why);

    if (code != 0)
        return code;
    if (params.count == 0) /* checked like the others, and then left out */
        return 0;
    if (params.count > SANDBOX_AGENTS_MAX - self->agent_count)
        return yaml_fail(item, why, ERR_LIMIT, "more than %u agents", SANDBOX_AGENTS_MAX);
    if (params.initial_resources > (MONEY_MAX - self->money) / (int64_t)params.count)
        return yaml_fail(item, why, ERR_LIMIT, "more than 10^12 tokens in all agents' hands");
    self->money += params.initial_resources * (int64_t)params.count;
    text_copy(group->policy, sizeof group->policy, params.type);
    text_copy(group->name, sizeof group->name, params.name);
    group->params = params_text(self, item);
    if (strlen(group->params) > SANDBOX_GROUP_PARAMS_MAX)
        return yaml_fail(item, why, ERR_LIMIT, "its params have more than %u bytes", SANDBOX_GROUP_PARAMS_MAX);
    group->first = self->agent_count;
    group->count = params.count;
    group->role = params.role;
    group->skill_low = params.skill_low;
    group->skill_high = params.skill_high;
    group->initial_resources = params.initial_resources;
    group->insider = params.insider;
    place_group(self, group);
    self->minds = self->minds || config_is_mind(group);
    self->group_count++;
    self->agent_count += params.count;
    return 0;
}

static int
read_agents(struct config *self, const struct yaml_node *root, struct why *why)
{
    const struct yaml_node *list = yaml_find(root, "agents");

    if (list == NULL || list->kind != YAML_LIST || list->count == 0)
        return yaml_fail(list != NULL ? list : root, why, ERR_INVALID,
                         "agents must be a list of groups like {type: honest, count: 3}");
    if (list->count > SANDBOX_GROUPS_MAX)
        return yaml_fail(list, why, ERR_LIMIT, "more than %u groups of agents", SANDBOX_GROUPS_MAX);
    self->groups = ARENA_ARRAY(self->arena, struct sandbox_group, list->count);
    for (const struct yaml_node *item = list->first; item != NULL; item = item->next) {
        int code = add_group(self, item, why);

        if (code != 0)
            return code;
    }
    if (self->agent_count < 2)
        return yaml_fail(list, why, ERR_INVALID, "one agent has nobody to deal with: at least 2 are needed");
    return 0;
}

static int
read_simulation(struct config *self, const struct yaml_node *root, struct why *why)
{
    const struct yaml_node *map = yaml_find(root, "simulation");
    const struct yaml_node *steps = yaml_find(map, "steps_per_epoch"), *turns = yaml_find(map, "turns");
    int64_t count = 10;
    const char *word = "simultaneous";
    int code = steps != NULL ? yaml_get_integer(steps, &count, why) : 0;

    if (code == 0 && turns != NULL)
        code = yaml_get_text(turns, &word, why);
    if (code != 0)
        return code;
    if (count < 1 || count > 1000000)
        return yaml_fail(steps, why, ERR_INVALID, "must be 1 to 1000000");
    self->steps_per_epoch = (uint32_t)count;
    self->sequential = strcmp(word, "sequential") == 0;
    if (!self->sequential && strcmp(word, "simultaneous") != 0)
        return yaml_fail(turns, why, ERR_INVALID, "must be simultaneous or sequential");
    return 0;
}

/* Of the largest docket: each agent of a turn makes an offer and acts. Verdicts are smaller. */
static size_t
docket_size_max(const struct config *self)
{
    uint32_t due = self->sequential ? 1 : self->agent_count;
    size_t judged = batch_size(
        &schema_sandbox_docket, (uint32_t[DOCKET_AXES]){[DOCKET_ROW] = due, [DOCKET_ACTION] = due});
    size_t opening = batch_size(
        &schema_sandbox_docket, (uint32_t[DOCKET_AXES]){[DOCKET_OPENING] = 1, [DOCKET_AGENT] = self->agent_count});

    return judged > opening ? judged : opening;
}

static int
read_levers(struct config *self, const struct yaml_node *root, struct why *why)
{
    const struct yaml_node *map = yaml_find(root, "governance");
    int code = expect(map, YAML_MAP, "a map", why);

    if (code != 0 || map == NULL || map->kind != YAML_MAP)
        return code;
    if (map->count > SANDBOX_LEVERS_MAX)
        return yaml_fail(map, why, ERR_LIMIT, "more than %u levers", SANDBOX_LEVERS_MAX);
    if (map->count > 0 && docket_size_max(self) > PAYLOAD_MAX)
        return yaml_fail(map, why, ERR_LIMIT, "what %" PRIu32 " agents do in a step is more than governance can be "
                         "told at once: the docket would have %zu bytes, %u go", self->agent_count,
                         docket_size_max(self), PAYLOAD_MAX);
    for (const struct yaml_node *lever = map->first; lever != NULL; lever = lever->next)
        self->levers[self->lever_count++] = arena_text(self->arena, lever->key, strlen(lever->key));
    return 0;
}

static int
check_network(const struct config *self, const struct yaml_node *root, struct why *why)
{
    struct why inner = {0};

    if (topology_params_check(&self->network, self->agent_count, &inner) == 0)
        return 0;
    return yaml_fail(yaml_find(yaml_find(root, "sandbox"), "network"), why, inner.code, "%s", inner.text);
}

int
config_read(struct config *self, const struct yaml_node *scenario, struct why *why)
{
    int code;

    self->arena = arena_new(1 << 16);
    code = read_world(self, scenario, why);
    if (code == 0)
        code = read_agents(self, scenario, why);
    if (code == 0)
        code = check_network(self, scenario, why);
    if (code == 0)
        code = read_simulation(self, scenario, why);
    if (code == 0)
        code = read_levers(self, scenario, why);
    if (code != 0)
        config_fini(self);
    return code;
}

void
config_fini(struct config *self)
{
    arena_destroy(&self->arena);
    memset(self, 0, sizeof *self);
}

const struct sandbox_group *
config_slot(const struct config *self, uint32_t slot)
{
    for (uint32_t i = 0; i < self->group_count; i++)
        if (self->groups[i].slot == slot)
            return &self->groups[i];
    UNREACHABLE();
}

const char *
config_kind(const struct config *self, uint32_t kind)
{
    for (uint32_t i = 0; i < self->group_count; i++)
        if (self->groups[i].kind == kind)
            return self->groups[i].policy;
    UNREACHABLE();
}

bool
config_is_mind(const struct sandbox_group *group)
{
    return strcmp(group->policy, "llm") == 0;
}

/* ---- the resolved form ---- */

static struct yaml_node *
map_of(struct yaml_tree *tree, struct yaml_node *parent, const char *key)
{
    struct yaml_node *map = yaml_find(parent, key);

    return map != NULL && map->kind == YAML_MAP ? map : yaml_put_empty(tree, parent, key, YAML_MAP);
}

static int
resolve_agents(const struct config *self, struct yaml_tree *tree, struct why *why)
{
    struct yaml_node *list = yaml_find(yaml_root(tree), "agents");

    for (struct yaml_node *item = list->first; item != NULL; item = item->next) {
        struct group_params params;
        int code = bind_group(self, item, &params, why);

        if (code != 0)
            return code;
        params_put(&group_params_params, &params, tree, item);
        map_of(tree, item, "params");
    }
    return 0;
}

/* The resolved form says which seed the links come from, so that another future of a run has the same network. */
static void
name_network_seed(struct config *self, const struct yaml_node *root)
{
    const struct yaml_node *seed = yaml_find(yaml_find(root, "simulation"), "seed");
    int64_t value = 42; /* what a simulation has that names none */

    if (self->network.topology == TOPOLOGY_NONE || self->network.seed >= 0)
        return;
    if (seed == NULL || yaml_get_integer(seed, &value, NULL) == 0)
        self->network.seed = value;
}

int
config_resolve(struct yaml_tree *tree, struct why *why)
{
    struct yaml_node *root = yaml_root(tree), *map;
    struct config config = {0};
    int code = config_read(&config, root, why);

    if (code != 0)
        return code;
    name_network_seed(&config, root);
    map = map_of(tree, root, "sandbox");
    params_put(&sandbox_params_params, &config.world, tree, map);
    for (size_t i = 0; i < SECTION_COUNT; i++)
        params_put(sections[i].list, (const char *)&config + sections[i].offset, tree,
                   map_of(tree, map, sections[i].name));
    code = resolve_agents(&config, tree, why);
    config_fini(&config);
    return code;
}

/* ---- schema and manual ---- */

void
config_write_schema(struct buffer *out)
{
    text_add(out, "\"agents\": {\"type\": \"array\", \"minItems\": 1, \"description\": \"Groups of agents.\", "
                  "\"items\": {\"type\": \"object\", \"required\": [\"type\"], \"properties\": {");
    params_write_schema_rows(&group_params_params, out);
    text_add(out, ", \"params\": {\"type\": [\"object\", \"null\"], \"description\": \"the policy's own parameters\"}"
                  "}, \"additionalProperties\": false}}, ");
    text_add(
        out,
        "\"sandbox\": {\"type\": [\"object\", \"null\"], \"description\": \"The sandbox economy.\", \"properties\": {");
    params_write_schema_rows(&sandbox_params_params, out);
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        text_addf(out, ", \"%s\": {\"type\": [\"object\", \"null\"], \"description\": ", sections[i].name);
        text_add_json(out, sections[i].doc, strlen(sections[i].doc));
        text_add(out, ", ");
        params_write_schema(sections[i].list, out);
        text_add(out, "}");
    }
    text_add(out, "}, \"additionalProperties\": false}");
}

void
config_write_manual(struct buffer *out)
{
    text_add(out, "### agents\n\nA list of groups. Ids are given in the order of the list, from 0. `params` holds the "
                  "policy's own parameters.\n\n");
    params_write_manual(&group_params_params, out);
    text_add(out, "\n### sandbox\n\n");
    params_write_manual(&sandbox_params_params, out);
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        text_addf(out, "\n### sandbox.%s\n\n%s\n\n", sections[i].name, sections[i].doc);
        params_write_manual(sections[i].list, out);
    }
}
