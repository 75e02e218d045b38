#include "world/compat/config.h"

#include "core/assert.h"
#include "core/text.h"
#include "world/compat/policy.h"

#include <inttypes.h>
#include <string.h>

PARAMS_TABLE(compat_params, COMPAT_PARAMS)
PARAMS_TABLE(compat_limits, COMPAT_LIMITS)

#define COMPAT_TYPE_CHOICES "honest|opportunistic|deceptive|adversarial|adaptive_adversary"
#define COMPAT_GROUP_PARAMS(P, S)                                                                                    \
    P(S, ENUM, type, COMPAT_HONEST, 0, COMPAT_TYPES - 1, COMPAT_TYPE_CHOICES, "how these agents decide")             \
    P(S, U32, count, 1, 1, COMPAT_AGENTS_MAX, "agents", "how many of them")                                          \
    P(S, TEXT, name, "", 0, COMPAT_NAME_MAX, "",                                                                     \
      "what they are called, with a number behind it; the type when not given")
PARAMS_DEFINE(compat_group_params, COMPAT_GROUP_PARAMS)

static const char *const inner_maps[] = {"payoff", "rate_limits", "network", "marketplace", NULL};

bool
compat_config_claims(const struct yaml_node *root)
{
    const struct yaml_node *rules = yaml_find(yaml_find(root, "sandbox"), "rules");

    return rules != NULL && rules->kind == YAML_SCALAR && strcmp(rules->text, "compat") == 0;
}

/* ---- reading ---- */

/* The member when it is a map; NULL when it is not there, or empty. */
static int
find_map(const struct yaml_node *parent, const char *key, const struct yaml_node **out, struct why *why)
{
    const struct yaml_node *node = yaml_find(parent, key);
    char shown[YAML_SHOWN_SIZE];

    *out = node != NULL && node->kind == YAML_MAP ? node : NULL;
    if (node == NULL || node->kind == YAML_NULL || node->kind == YAML_MAP)
        return 0;
    return yaml_fail(node, why, ERR_INVALID, "must be a map, not %s", yaml_shown(node, shown));
}

/* The original's other names for two of its keys. */
static const char *const lever_aliases[] = {"transaction_tax", "reputation_decay", NULL};
static const char *const lever_rows[] = {"transaction_tax_rate", "reputation_decay_rate"};

static int
read_governance(const struct yaml_node *map, struct compat_governance *out, struct why *why)
{
    int code = params_bind(&compat_governance_params, map, lever_aliases, out, why);

    for (uint32_t i = 0; code == 0 && lever_aliases[i] != NULL; i++) {
        const struct yaml_node *alias = yaml_find(map, lever_aliases[i]), *row = yaml_find(map, lever_rows[i]);

        if (alias != NULL && row != NULL)
            return yaml_fail_key(alias, why, ERR_INVALID, "says the same as %s (line %u); keep one", lever_rows[i],
                                 (unsigned)row->line);
        if (alias != NULL)
            code = params_bind_row(params_find(&compat_governance_params, lever_rows[i]), alias, out, why);
    }
    if (code == 0 && (code = compat_governance_check(out, why)) != 0 && map != NULL)
        fail_prefix(why, "%s:%u:%u: governance", map->file, (unsigned)map->line, (unsigned)map->column);
    return code;
}

static int
read_world(struct compat_config *self, const struct yaml_node *root, struct why *why)
{
    const struct yaml_node *world, *map;
    int code = find_map(root, "sandbox", &world, why);

    if (code == 0)
        code = params_bind(&compat_params_params, world, inner_maps, &self->world, why);
    if (code == 0 && (code = find_map(world, "payoff", &map, why)) == 0)
        code = params_bind(&payoff_params_list, map, NULL, &self->payoff, why);
    if (code == 0 && (code = find_map(world, "rate_limits", &map, why)) == 0)
        code = params_bind(&compat_limits_params, map, NULL, &self->limits, why);
    if (code == 0 && (code = find_map(world, "marketplace", &map, why)) == 0) {
        code = params_bind(compat_market_params_list(), map, NULL, &self->market, why);
        self->has_market = map != NULL && self->market.enabled;
    }
    if (code == 0 && (code = find_map(world, "network", &map, why)) == 0) {
        code = compat_network_params_bind(map, &self->network, why);
        self->has_network = map != NULL && self->network.rates.enabled;
    }
    if (code == 0 && (code = find_map(root, "governance", &map, why)) == 0)
        code = read_governance(map, &self->governance, why);
    return code;
}

/* What the scenarios of the market rules, or of the original, say of agents and has no meaning here. */
static int
check_group(const struct yaml_node *item, struct why *why)
{
    static const char *const market[] = {"params", "insider", "skill_low", "skill_high", "initial_resources"};
    static const char *const ignored[] = {"role", "roles", "capabilities", "config", "llm"};

    if (item->kind != YAML_MAP)
        return yaml_fail(item, why, ERR_INVALID, "must be a map like {type: honest, count: 3}");
    if (yaml_find(item, "type") == NULL)
        return yaml_fail(item, why, ERR_MISSING, "has no type (one of " COMPAT_TYPE_CHOICES ")");
    for (size_t i = 0; i < sizeof market / sizeof market[0]; i++)
        if (yaml_find(item, market[i]) != NULL)
            return yaml_fail_key(yaml_find(item, market[i]), why, ERR_UNKNOWN,
                                 "'%s' is of the market rules; agents of the compat rules have a type and a count",
                                 market[i]);
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        if (yaml_find(item, ignored[i]) != NULL)
            return yaml_fail_key(yaml_find(item, ignored[i]), why, ERR_UNKNOWN,
                                 "'%s' changes nothing under the compat rules (nor did it there); take it out",
                                 ignored[i]);
    return 0;
}

static int
bind_group(const struct yaml_node *item, struct compat_group_params *out, struct why *why)
{
    int code = check_group(item, why);

    if (code == 0)
        code = params_bind(&compat_group_params_params, item, NULL, out, why);
    if (code == 0 && out->name[0] == '\0')
        text_copy(out->name, sizeof out->name, compat_type_name(out->type));
    return code;
}

static int
read_agents(struct compat_config *self, const struct yaml_node *root, struct why *why)
{
    const struct yaml_node *list = yaml_find(root, "agents");

    if (list == NULL || list->kind != YAML_LIST || list->count == 0)
        return yaml_fail(list != NULL ? list : root, why, ERR_INVALID,
                         "agents must be a list of groups like {type: honest, count: 3}");
    if (list->count > COMPAT_GROUPS_MAX)
        return yaml_fail(list, why, ERR_LIMIT, "more than %u groups of agents", COMPAT_GROUPS_MAX);
    self->groups = ARENA_ARRAY(self->arena, struct compat_group, list->count);
    for (const struct yaml_node *item = list->first; item != NULL; item = item->next) {
        struct compat_group *group = &self->groups[self->group_count++];
        struct compat_group_params params;
        int code = bind_group(item, &params, why);

        if (code != 0)
            return code;
        if (params.count > COMPAT_AGENTS_MAX - self->agent_count)
            return yaml_fail(item, why, ERR_LIMIT, "more than %u agents", COMPAT_AGENTS_MAX);
        *group = (struct compat_group){.type = params.type, .first = self->agent_count, .count = params.count};
        text_copy(group->name, sizeof group->name, params.name);
        self->agent_count += params.count;
    }
    self->types = ARENA_ARRAY(self->arena, uint8_t, self->agent_count);
    for (uint32_t i = 0; i < self->group_count; i++)
        memset(self->types + self->groups[i].first, (int)self->groups[i].type, self->groups[i].count);
    return 0;
}

static int
read_count(const struct yaml_node *map, const char *key, uint32_t *out, struct why *why)
{
    const struct yaml_node *node = yaml_find(map, key);
    int64_t count = 10;
    int code = node != NULL ? yaml_get_integer(node, &count, why) : 0;

    if (code == 0 && (count < 1 || count > 1000000))
        return yaml_fail(node, why, ERR_INVALID, "must be 1 to 1000000");
    *out = (uint32_t)count;
    return code;
}

int
compat_config_read(struct compat_config *self, const struct yaml_node *scenario, struct why *why)
{
    const struct yaml_node *simulation = yaml_find(scenario, "simulation");
    int code;

    self->arena = arena_new(1 << 16);
    code = read_world(self, scenario, why);
    if (code == 0)
        code = read_agents(self, scenario, why);
    if (code == 0)
        code = read_count(simulation, "epochs", &self->epochs, why);
    if (code == 0)
        code = read_count(simulation, "steps_per_epoch", &self->steps_per_epoch, why);
    if (code != 0)
        compat_config_fini(self);
    return code;
}

void
compat_config_fini(struct compat_config *self)
{
    arena_destroy(&self->arena);
    *self = (struct compat_config){0};
}

/* ---- the resolved form ---- */

static struct yaml_node *
map_of(struct yaml_tree *tree, struct yaml_node *parent, const char *key)
{
    struct yaml_node *map = yaml_find(parent, key);

    return map != NULL && map->kind == YAML_MAP ? map : yaml_put_empty(tree, parent, key, YAML_MAP);
}

static void
drop(struct yaml_tree *tree, struct yaml_node *map, const char *key)
{
    struct yaml_node *member = yaml_find(map, key);

    if (member != NULL)
        yaml_remove(tree, member);
}

/* Sections that say whether something is there at all stay as absent as they were. */
static void
resolve_optional(const struct compat_config *config, struct yaml_tree *tree, struct yaml_node *world)
{
    static const char *const other_names[] = {"k_neighbors", "rewire_probability", "m_edges"};
    struct yaml_node *map = yaml_find(world, "marketplace"), *shape;

    if (map != NULL && map->kind == YAML_MAP)
        params_put(compat_market_params_list(), &config->market, tree, map);
    map = yaml_find(world, "network");
    if (map == NULL || map->kind != YAML_MAP)
        return;
    params_put(compat_network_rates_list(), &config->network.rates, tree, map);
    shape = map_of(tree, map, "params");
    for (size_t i = 0; i < sizeof other_names / sizeof other_names[0]; i++)
        drop(tree, shape, other_names[i]);
    params_put(compat_network_shape_list(), &config->network.shape, tree, shape);
}

static int
resolve_agents(struct yaml_tree *tree, struct why *why)
{
    struct yaml_node *list = yaml_find(yaml_root(tree), "agents");

    for (struct yaml_node *item = list->first; item != NULL; item = item->next) {
        struct compat_group_params params;
        int code = bind_group(item, &params, why);

        if (code != 0)
            return code;
        params_put(&compat_group_params_params, &params, tree, item);
    }
    return 0;
}

int
compat_config_resolve(struct yaml_tree *tree, struct why *why)
{
    struct yaml_node *root = yaml_root(tree), *world, *governance = yaml_find(root, "governance");
    struct compat_config config = {0};
    int code = compat_config_read(&config, root, why);

    if (code != 0)
        return code;
    world = map_of(tree, root, "sandbox");
    params_put(&compat_params_params, &config.world, tree, world);
    params_put(&payoff_params_list, &config.payoff, tree, map_of(tree, world, "payoff"));
    params_put(&compat_limits_params, &config.limits, tree, map_of(tree, world, "rate_limits"));
    resolve_optional(&config, tree, world);
    if (governance != NULL && governance->kind == YAML_MAP) {
        for (uint32_t i = 0; lever_aliases[i] != NULL; i++)
            drop(tree, governance, lever_aliases[i]);
        params_put(&compat_governance_params, &config.governance, tree, governance);
    }
    code = resolve_agents(tree, why);
    compat_config_fini(&config);
    return code;
}

/* ---- schema and manual ---- */

static void
write_map(const char *name, const char *doc, const struct params *list, const char *before, struct buffer *out)
{
    text_addf(out, "%s\"%s\": {\"type\": [\"object\", \"null\"], \"description\": \"%s\", ", before, name, doc);
    params_write_schema(list, out);
    text_add(out, "}");
}

void
compat_config_write_schema(struct buffer *out)
{
    text_add(out, "\"agents\": {\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"object\", \"required\": "
                  "[\"type\"], ");
    params_write_schema(&compat_group_params_params, out);
    text_add(out, "}}, \"sandbox\": {\"type\": \"object\", \"required\": [\"rules\"], \"properties\": {");
    params_write_schema_rows(&compat_params_params, out);
    write_map("payoff", "What interactions are worth.", &payoff_params_list, ", ", out);
    write_map("rate_limits", "How often an agent may.", &compat_limits_params, ", ", out);
    write_map("marketplace", "Bounties, bids, escrows, disputes.", compat_market_params_list(), ", ", out);
    text_add(out, ", \"network\": {\"type\": [\"object\", \"null\"], \"description\": \"Who sees whom.\", "
                  "\"properties\": {");
    params_write_schema_rows(compat_network_rates_list(), out);
    write_map("params", "What the topology needs to know.", compat_network_shape_list(), ", ", out);
    text_add(out, "}, \"additionalProperties\": false}}, \"additionalProperties\": false}");
    write_map("governance", "The levers, in flat keys.", &compat_governance_params, ", ", out);
}

void
compat_config_write_manual(struct buffer *out)
{
    const struct {
        const char *title;
        const struct params *list;
    } all[] = {
        {"agents", &compat_group_params_params},
        {"sandbox", &compat_params_params},
        {"sandbox.payoff", &payoff_params_list},
        {"sandbox.rate_limits", &compat_limits_params},
        {"sandbox.marketplace", compat_market_params_list()},
        {"sandbox.network", compat_network_rates_list()},
        {"sandbox.network.params", compat_network_shape_list()},
        {"governance", &compat_governance_params},
    };

    text_add(out, "## With `sandbox.rules: compat`\n\nThe rules of the earlier Python implementation (docs/compat.md); "
                  "`marketplace` and `network` are off unless they are there.\n");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        text_addf(out, "\n### %s\n\n", all[i].title);
        params_write_manual(all[i].list, out);
    }
}
