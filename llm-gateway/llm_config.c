#include "llm-gateway/llm_config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/text.h"
#include "llm-gateway/redact.h"

PARAMS_TABLE(llm_settings, LLM_PARAMS)
PARAMS_TABLE(llm_budgets, LLM_BUDGET_PARAMS)
PARAMS_TABLE(llm_client, LLM_CLIENT_PARAMS)
PARAMS_TABLE(llm_provider_params, LLM_PROVIDER_PARAMS)
PARAMS_TABLE(llm_model_params, LLM_MODEL_PARAMS)
PARAMS_TABLE(llm_role_params, LLM_ROLE_PARAMS)

const char *const llm_role_names[] = {
    "society.writer_pair", "society.writer_prod", "society.compiler", "society.succession_writer",
    "society.succession_compiler", "society.institution", "society.job_title", "society.shock_story", "swarm.poster",
    "swarm.voter", "swarm.planner", "swarm.verifier", "swarm.worker", "swarm.moderator", "panarchy.government",
    "panarchy.firm", "panarchy.bank", "economy.agent_turn", NULL};

static const char *const section_maps[] = {"budgets", "providers", "roles", "schemas", NULL};
static const char *const budget_maps[] = {"client", NULL};
static const char *const role_keys[] = {"chain", NULL};
static const char *const model_keys[] = {"price", NULL};

#define PROMPT_BYTES_MAX (8192u + 65536u)

/* ---- names ---- */

static int
fail_name(const struct yaml_node *node, bool is_key, const char *what, const struct text_nearest *near, struct why *why)
{
    const char *before = near->best != NULL ? "; did you mean '" : "", *best = near->best != NULL ? near->best : "";
    const char *after = near->best != NULL ? "'?" : "";

    if (is_key)
        return yaml_fail_key(
            node, why, ERR_UNKNOWN, "unknown %s '%.60s'%s%s%s", what, near->name, before, best, after);
    return yaml_fail(node, why, ERR_UNKNOWN, "unknown %s '%.60s'%s%s%s", what, near->name, before, best, after);
}

static const char *
behind_dot(const char *name)
{
    return strchr(name, '.') + 1;
}

const char *
llm_role_find(const char *name)
{
    const char *found = NULL;

    for (uint32_t i = 0; llm_role_names[i] != NULL; i++) {
        if (strcmp(llm_role_names[i], name) == 0)
            return llm_role_names[i];
        if (strcmp(behind_dot(llm_role_names[i]), name) == 0)
            found = found == NULL ? llm_role_names[i] : "";
    }
    return found != NULL && found[0] != '\0' ? found : NULL;
}

/* Where the name's models begin and how long the provider's part is: "local/gemma3". */
static int
find_model(const struct llm_config *self, const struct yaml_node *node, uint32_t *out, struct why *why)
{
    const char *text, *slash;
    struct text_nearest near = {0}, near_model = {0};
    uint32_t provider = 0;
    size_t size;
    int error = yaml_get_text(node, &text, why);

    if (error != 0)
        return error;
    if (strcmp(text, "rules") == 0) {
        *out = FLOW_RULES;
        return 0;
    }
    slash = strchr(text, '/');
    if (slash == NULL)
        return yaml_fail(node, why, ERR_INVALID, "'%.60s' is neither provider/model nor rules", text);
    size = (size_t)(slash - text);
    near.name = text;
    for (provider = 0; provider < self->provider_count; provider++) {
        const char *name = self->providers[provider].name;

        if (strlen(name) == size && memcmp(name, text, size) == 0)
            break;
        text_nearest_offer(&near, name);
    }
    if (provider == self->provider_count)
        return yaml_fail(node, why, ERR_UNKNOWN, "unknown provider '%.*s'%s%s", (int)(size < 60 ? size : 60), text,
            near.best != NULL ? "; there is " : "", near.best != NULL ? near.best : "");
    near_model.name = slash + 1;
    for (uint32_t i = 0; i < self->model_count; i++) {
        if (self->models[i].provider != provider)
            continue;
        if (strcmp(self->models[i].name, slash + 1) == 0) {
            *out = i;
            return 0;
        }
        text_nearest_offer(&near_model, self->models[i].name);
    }
    return fail_name(node, false, "model", &near_model, why);
}

/* ---- secrets and addresses ---- */

/* No scalar and no name of the section may look like a key, whatever it is called. */
static int
refuse_secrets(const struct yaml_node *node, const char *name, struct why *why)
{
    int error = 0;

    if (node->kind == YAML_SCALAR && redact_looks_secret(strcmp(name, "key_file") == 0 ? "path" : name, node->text))
        return yaml_fail(node, why, ERR_DENIED,
            "this looks like a key; name the variable that holds it (key_env) or the file (key_file)");
    for (const struct yaml_node *member = node->first; member != NULL && error == 0; member = member->next) {
        if (member->key != NULL && redact_looks_secret("", member->key)) /* said of the map: a path has the names */
            return yaml_fail(node, why, ERR_DENIED, "a name in here looks like a key");
        error = refuse_secrets(member, member->key != NULL ? member->key : name, why);
    }
    return error;
}

static bool
is_loopback(const char *host, size_t size)
{
    if ((size == 9 && memcmp(host, "localhost", 9) == 0) || (size == 5 && memcmp(host, "[::1]", 5) == 0))
        return true;
    if (size < 7 || size > 15 || memcmp(host, "127.", 4) != 0)
        return false;
    for (size_t i = 0; i < size; i++) /* 127.evil.example is a name */
        if ((host[i] < '0' || host[i] > '9') && host[i] != '.')
            return false;
    return true;
}

static int
check_url(const struct yaml_node *map, const struct llm_provider *provider, struct why *why)
{
    const struct yaml_node *node = yaml_find(map, "base_url");
    const char *url = provider->params.base_url, *host;
    bool plain = strncmp(url, "http://", 7) == 0;
    size_t size, host_size;

    if (provider->provider->build == NULL)
        return url[0] == '\0' ? 0 : yaml_fail(node, why, ERR_INVALID, "%s asks nobody", provider->params.dialect);
    if (url[0] == '\0')
        return yaml_fail(map, why, ERR_MISSING, "base_url is missing");
    if (!plain && strncmp(url, "https://", 8) != 0)
        return yaml_fail(node, why, ERR_INVALID, "a base_url begins with https:// or http://");
    host = url + (plain ? 7 : 8);
    size = strcspn(host, "/");
    if (size == 0 || strpbrk(host, "@?#\\") != NULL)
        return yaml_fail(node, why, ERR_INVALID, "a base_url is a host and a path, without user, query or fragment");
    for (const char *at = url; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~')
            return yaml_fail(node, why, ERR_INVALID, "a base_url has printable ASCII characters only");
    host_size = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    if (plain && !provider->params.insecure && !is_loopback(host, host_size < size ? host_size : size))
        return yaml_fail(node, why, ERR_DENIED,
            "http to another machine sends everything in the clear; use https, or say `insecure: true`");
    return 0;
}

/* ---- reading ---- */

static int
expect_map(const struct yaml_node *node, const char *what, struct why *why)
{
    char shown[YAML_SHOWN_SIZE];

    if (node == NULL || node->kind == YAML_NULL || node->kind == YAML_MAP)
        return 0;
    return yaml_fail(node, why, ERR_INVALID, "expected a map of %s, found %s", what, yaml_shown(node, shown));
}

static int
read_models(struct llm_config *self, const struct yaml_node *map, uint32_t provider, struct why *why)
{
    int error = expect_map(map, "models", why);

    if (error != 0 || map == NULL)
        return error;
    for (const struct yaml_node *node = map->first; node != NULL; node = node->next) {
        struct llm_model *model = &self->models[self->model_count];

        if (self->model_count == FLOW_MODELS_MAX)
            return yaml_fail_key(node, why, ERR_LIMIT, "more than %u models", FLOW_MODELS_MAX);
        if (!text_copy(model->name, sizeof model->name, node->key))
            return yaml_fail_key(node, why, ERR_LIMIT, "a model's name has at most %u bytes", ANSWER_MODEL_SIZE - 1);
        if ((error = params_bind(&llm_model_params_params, node, model_keys, &model->params, why)) != 0)
            return error;
        if (yaml_find(node, "price") == NULL)
            return yaml_fail_key(
                node, why, ERR_MISSING, "no price; write `price: free` for a model that costs nothing");
        if ((error = price_read(yaml_find(node, "price"), &model->price, why)) != 0)
            return error;
        model->provider = provider;
        self->model_count++;
    }
    return error;
}

/* Keys of a provider's map that its own list does not have, and the other way round: two lists read one map. */
struct also {
    const char *names[64];
};

static void
also_list(struct also *also, const struct params *list)
{
    static const char *const maps[] = {"models", "options"};
    uint32_t count = 0;

    for (size_t i = 0; i < 2; i++)
        also->names[count++] = maps[i];
    for (uint32_t i = 0; list != NULL && i < list->count; i++) {
        ASSERT(count + 1 < sizeof also->names / sizeof also->names[0]);
        also->names[count++] = list->rows[i].name;
    }
    also->names[count] = NULL;
}

/* What only the provider itself understands: its dialect's settings, or the options of one that asks nobody. */
static int
read_dialect(struct llm_provider *provider, const struct yaml_node *map, struct why *why)
{
    const struct yaml_node *options = yaml_find(map, "options");
    struct also own;
    void *state = NULL;
    int error;

    if (provider->provider->open == NULL) {
        if (options != NULL)
            return yaml_fail_key(options, why, ERR_UNKNOWN, "%s has no options", provider->params.dialect);
        also_list(&own, &llm_provider_params_params);
        return provider_dialect_bind(map, own.names, &provider->dialect, why);
    }
    error = provider->provider->open(options, &state, why);
    if (error == 0 && provider->provider->close != NULL)
        provider->provider->close(&state);
    return error;
}

static int
read_provider(struct llm_config *self, const struct yaml_node *map, struct why *why)
{
    struct llm_provider *provider = &self->providers[self->provider_count];
    const struct yaml_node *dialect = yaml_find(map, "dialect");
    const char *nearest = NULL;
    struct also known;
    int error;

    if (self->provider_count == FLOW_PROVIDERS_MAX)
        return yaml_fail_key(map, why, ERR_LIMIT, "more than %u providers", FLOW_PROVIDERS_MAX);
    if (!text_copy(provider->name, sizeof provider->name, map->key) || strchr(map->key, '/') != NULL ||
        strcmp(map->key, "rules") == 0)
        return yaml_fail_key(
            map, why, ERR_INVALID, "a provider's name has 1 to %d bytes, no slash, and is not rules", LLM_NAME_MAX);
    also_list(&known, provider_dialect_list);
    if ((error = expect_map(map, "settings", why)) != 0 ||
        (error = params_bind(&llm_provider_params_params, map, known.names, &provider->params, why)) != 0)
        return error;
    if (dialect == NULL)
        return yaml_fail_key(map, why, ERR_MISSING, "dialect is missing");
    provider->provider = provider_find_dialect(provider->params.dialect, &provider->dialect, &nearest);
    if (provider->provider == NULL) {
        struct text_nearest near = {.name = provider->params.dialect, .best = nearest};

        return fail_name(dialect, false, "dialect", &near, why);
    }
    if ((error = read_dialect(provider, map, why)) != 0 || (error = check_url(map, provider, why)) != 0)
        return error;
    if (provider->params.key_env[0] != '\0' && provider->params.key_file[0] != '\0')
        return yaml_fail(
            yaml_find(map, "key_file"), why, ERR_INVALID, "key_env and key_file: only one can hold the key");
    return read_models(self, yaml_find(map, "models"), self->provider_count++, why);
}

static int
read_schema(struct llm_config *self, const struct yaml_node *node, struct why *why)
{
    struct llm_schema *schema = &self->schemas[self->schema_count];
    struct why inner = {0};
    const char *text;
    int error = yaml_get_text(node, &text, why);

    if (error != 0)
        return error;
    if (self->schema_count == LLM_SCHEMAS_MAX || !text_copy(schema->name, sizeof schema->name, node->key))
        return yaml_fail_key(node, why, ERR_LIMIT, "too many schemas, or too long a name");
    if ((error = schema_compile(schema->name, text, strlen(text), &schema->schema, &inner)) != 0)
        return yaml_fail(node, why, error, "%.300s", inner.text);
    self->schema_count++;
    return 0;
}

static int
read_chain(const struct llm_config *self, const struct yaml_node *map, struct llm_role *role, struct why *why)
{
    const struct yaml_node *chain = yaml_find(map, "chain");
    int error = 0;

    if (chain == NULL)
        return yaml_fail_key(map, why, ERR_MISSING, "chain is missing: who is asked, one after the other, then rules");
    if (chain->kind != YAML_LIST || chain->count == 0)
        return yaml_fail(chain, why, ERR_INVALID, "a chain is a list of provider/model or rules");
    for (const struct yaml_node *link = chain->first; link != NULL; link = link->next) {
        if (role->chain_count == FLOW_CHAIN_MAX)
            return yaml_fail(link, why, ERR_LIMIT, "more than %u links", FLOW_CHAIN_MAX);
        if ((error = find_model(self, link, &role->chain[role->chain_count++], why)) != 0)
            return error;
        if (role->chain[role->chain_count - 1] == FLOW_RULES && link->next != NULL)
            return yaml_fail(link->next, why, ERR_INVALID, "nobody is asked behind rules: they always answer");
    }
    return 0;
}

static int
read_role(struct llm_config *self, const struct yaml_node *map, struct why *why)
{
    struct llm_role *role = &self->roles[self->role_count];
    struct text_nearest near = {.name = map->key};
    int error;

    role->name = llm_role_find(map->key);
    for (uint32_t i = 0; llm_role_names[i] != NULL; i++) {
        text_nearest_offer(&near, llm_role_names[i]);
        text_nearest_offer(&near, behind_dot(llm_role_names[i]));
    }
    if (role->name == NULL)
        return fail_name(map, true, "role", &near, why);
    for (uint32_t i = 0; i < self->role_count; i++)
        if (self->roles[i].name == role->name)
            return yaml_fail_key(map, why, ERR_INVALID, "%s is there already", role->name);
    if ((error = expect_map(map, "settings", why)) != 0 ||
        (error = params_bind(&llm_role_params_params, map, role_keys, &role->params, why)) != 0 ||
        (error = read_chain(self, map, role, why)) != 0)
        return error;
    role->schema = FLOW_RULES;
    near = (struct text_nearest){.name = role->params.schema};
    for (uint32_t i = 0; i < self->schema_count; i++) {
        if (strcmp(self->schemas[i].name, role->params.schema) == 0)
            role->schema = i;
        text_nearest_offer(&near, self->schemas[i].name);
    }
    if (role->params.schema[0] != '\0' && role->schema == FLOW_RULES)
        return fail_name(yaml_find(map, "schema"), false, "schema", &near, why);
    self->role_count++;
    return 0;
}

static int
read_each(struct llm_config *self, const struct yaml_node *map, const char *what,
    int (*read)(struct llm_config *self, const struct yaml_node *node, struct why *why), struct why *why)
{
    int error = expect_map(map, what, why);

    for (const struct yaml_node *node = map != NULL ? map->first : NULL; node != NULL && error == 0; node = node->next)
        error = read(self, node, why);
    return error;
}

/* ---- for the flow ---- */

static struct budget_cap
cap_of(int64_t calls, int64_t tokens, int64_t cost_step, int64_t cost_run)
{
    return (struct budget_cap){{calls < 0 ? BUDGET_NONE : calls, tokens < 0 ? BUDGET_NONE : tokens,
                                   cost_step < 0 ? BUDGET_NONE : cost_step},
        cost_run < 0 ? BUDGET_NONE : cost_run};
}

#define CAP_OF(params)                                                                                                 \
    cap_of((params)->max_calls_per_step, (params)->max_tokens_per_step, (params)->max_cost_per_step,                   \
        (params)->max_cost_per_run)

/* What the dearest call of a role can cost; the largest there is where a number cannot hold it. */
static int64_t
dearest(const struct llm_config *self, const struct llm_role *role)
{
    int64_t most = 0;

    for (uint32_t i = 0; i < role->chain_count && role->chain[i] != FLOW_RULES; i++) {
        const struct llm_model *model = &self->models[role->chain[i]];
        struct price_reserve reserve = {.cost = BUDGET_MAX};
        struct why ignored = {0};

        if (price_reserve(&model->price, price_estimate(PROMPT_BYTES_MAX, 2, model->params.bytes_per_token_x10),
                role->params.out_max, &reserve, &ignored) != 0)
            reserve.cost = BUDGET_MAX;
        most = reserve.cost > most ? reserve.cost : most;
    }
    return most;
}

static void
make_tables(struct llm_config *self)
{
    self->flow_providers = ALLOC_ARRAY(struct flow_provider, self->provider_count + 1);
    self->flow_models = ALLOC_ARRAY(struct flow_model, self->model_count + 1);
    self->flow_roles = ALLOC_ARRAY(struct flow_role, self->role_count + 1);
    self->role_caps = ALLOC_ARRAY(struct budget_cap, self->role_count + 1);
    self->provider_caps = ALLOC_ARRAY(struct budget_cap, self->provider_count + 1);
    self->asks_again = ALLOC_ARRAY(bool, self->role_count + 1);
    for (uint32_t i = 0; i < self->provider_count; i++) {
        const struct llm_provider *provider = &self->providers[i];

        self->flow_providers[i] = (struct flow_provider){provider->name, provider->params.dialect,
            provider->params.rpm, provider->params.tpm, provider->params.burst_s, provider->params.max_in_flight};
        self->provider_caps[i] = CAP_OF(&provider->params);
    }
    for (uint32_t i = 0; i < self->model_count; i++)
        self->flow_models[i] = (struct flow_model){self->models[i].name, self->models[i].provider,
            self->models[i].price, self->models[i].params.bytes_per_token_x10};
    for (uint32_t i = 0; i < self->role_count; i++) {
        const struct llm_role *role = &self->roles[i];
        struct flow_role *out = &self->flow_roles[i];

        *out = (struct flow_role){.name = role->name, .chain_count = role->chain_count,
            .out_max = role->params.out_max, .attempts = role->params.attempts, .reask = role->params.reask,
            .cache = role->params.cache, .max_taint = role->params.max_taint, .share = role->params.share};
        memcpy(out->chain, role->chain, sizeof out->chain);
        self->role_caps[i] = CAP_OF(&role->params);
        self->asks_again[i] =
            role->params.reask > 0 || (role->chain_count > 1 && role->chain[1] != FLOW_RULES);
        if (dearest(self, role) > self->headroom)
            self->headroom = dearest(self, role);
    }
}

/* ---- the section ---- */

static int
read_section(struct llm_config *self, const struct yaml_node *section, struct why *why)
{
    const struct yaml_node *budgets = yaml_find(section, "budgets");
    bool needs_parent;
    int error;

    if ((error = expect_map(section, "llm settings", why)) != 0 || (error = refuse_secrets(section, "", why)) != 0 ||
        (error = params_bind(&llm_settings_params, section, section_maps, &self->settings, why)) != 0 ||
        (error = params_bind(&llm_budgets_params, budgets, budget_maps, &self->budgets, why)) != 0 ||
        (error = params_bind(&llm_client_params, yaml_find(budgets, "client"), NULL, &self->client, why)) != 0)
        return error;
    needs_parent = self->settings.mode >= REPLAY_STRICT;
    if (needs_parent && self->settings.parent[0] == '\0')
        return yaml_fail(yaml_find(section, "mode"), why, ERR_MISSING, "this mode needs a parent: a run with a log");
    if (!needs_parent && self->settings.parent[0] != '\0')
        return yaml_fail(yaml_find(section, "parent"), why, ERR_INVALID, "this mode reads no parent");
    self->providers = ALLOC_ARRAY(struct llm_provider, FLOW_PROVIDERS_MAX);
    self->models = ALLOC_ARRAY(struct llm_model, FLOW_MODELS_MAX);
    self->roles = ALLOC_ARRAY(struct llm_role, LLM_ROLES_MAX);
    self->schemas = ALLOC_ARRAY(struct llm_schema, LLM_SCHEMAS_MAX);
    if ((error = read_each(self, yaml_find(section, "schemas"), "schemas", read_schema, why)) != 0 ||
        (error = read_each(self, yaml_find(section, "providers"), "providers", read_provider, why)) != 0 ||
        (error = read_each(self, yaml_find(section, "roles"), "roles", read_role, why)) != 0)
        return error;
    if (self->role_count == 0)
        return yaml_fail(section, why, ERR_MISSING, "no roles: nobody would ask");
    make_tables(self);
    return 0;
}

int
llm_config_read(const struct yaml_node *section, struct llm_config **out, struct why *why)
{
    struct llm_config *self;
    int error;

    *out = NULL;
    if (section == NULL || section->kind == YAML_NULL)
        return 0;
    self = ALLOC(struct llm_config);
    error = read_section(self, section, why);
    if (error != 0) {
        llm_config_destroy(&self);
        return error;
    }
    *out = self;
    return 0;
}

void
llm_config_destroy(struct llm_config **self_p)
{
    struct llm_config *self = *self_p;

    if (self == NULL)
        return;
    for (uint32_t i = 0; i < self->schema_count; i++)
        schema_destroy(&self->schemas[i].schema);
    free(self->providers);
    free(self->models);
    free(self->roles);
    free(self->schemas);
    free(self->flow_providers);
    free(self->flow_models);
    free(self->flow_roles);
    free(self->role_caps);
    free(self->provider_caps);
    free(self->asks_again);
    free(self);
    *self_p = NULL;
}

void
llm_config_budget(
    const struct llm_config *self, uint32_t client_count, struct budget_cap *caps, struct budget_plan *out)
{
    for (uint32_t i = 0; i < client_count; i++)
        caps[i] = CAP_OF(&self->client);
    *out = (struct budget_plan){.whole = CAP_OF(&self->budgets), .headroom = self->headroom,
        .client_count = client_count, .role_count = self->role_count, .provider_count = self->provider_count,
        .clients = caps, .roles = self->role_caps, .providers = self->provider_caps,
        .again_per_mille = self->budgets.again_per_mille, .asks_again = self->asks_again};
}

void
llm_config_flow(const struct llm_config *self, struct flow_plan *out)
{
    *out = (struct flow_plan){.providers = self->flow_providers, .models = self->flow_models,
        .roles = self->flow_roles, .provider_count = self->provider_count, .model_count = self->model_count,
        .role_count = self->role_count, .cache_bytes = (size_t)self->settings.cache_mb << 20};
}

void
llm_config_weights(const struct llm_config *self, uint32_t client_count, double *out)
{
    for (uint32_t client = 0; client < client_count; client++)
        for (uint32_t role = 0; role < self->role_count; role++)
            out[client * self->role_count + role] = self->roles[role].params.weight;
}

int
llm_config_carry(const struct llm_config *self, const struct record *log, uint64_t except, struct budget *budget,
    struct record_totals *totals, struct why *why)
{
    struct buffer room = {0};
    int error = 0;

    *totals = (struct record_totals){0};
    for (uint32_t i = 0; i < record_count(log) && error == 0; i++) {
        uint32_t provider = 0;
        struct answer answer;
        struct answer_id id;

        if ((error = record_read(log, i, &id, &answer, &room, NULL, why)) != 0)
            break;
        if (id.step == except && answer.status != ANSWER_CANCELLED)
            continue;
        totals->calls++;
        totals->tokens += answer.source == ANSWER_FROM_LIVE ? answer.tokens_in + (uint64_t)answer.tokens_out : 0;
        totals->cost += answer.paid;
        while (provider < self->provider_count && strcmp(self->providers[provider].name, answer.provider) != 0)
            provider++;
        budget_carry(budget, id.client, id.role, provider, answer.paid);
    }
    buffer_fini(&room);
    return error;
}

/* ---- the resolved form ---- */

static void
put_provider(const struct llm_config *self, uint32_t number, const struct yaml_node *written, struct yaml_tree *tree,
    struct yaml_node *providers)
{
    const struct llm_provider *provider = &self->providers[number];
    struct yaml_node *map = yaml_put_empty(tree, providers, provider->name, YAML_MAP), *models;

    params_put(&llm_provider_params_params, &provider->params, tree, map);
    if (provider->provider->open == NULL)
        params_put(provider_dialect_list, &provider->dialect, tree, map);
    if (yaml_find(written, "options") != NULL)
        yaml_put(tree, map, "options", yaml_find(written, "options"));
    models = yaml_put_empty(tree, map, "models", YAML_MAP);
    for (uint32_t i = 0; i < self->model_count; i++)
        if (self->models[i].provider == number) {
            const struct llm_model *model = &self->models[i];
            struct yaml_node *out = yaml_put_empty(tree, models, model->name, YAML_MAP);

            params_put(&llm_model_params_params, &model->params, tree, out);
            yaml_put(tree, out, "price", yaml_find(yaml_find(yaml_find(written, "models"), model->name), "price"));
        }
}

/* The role as it was written, under any of its names. */
static const struct yaml_node *
written_role(const struct yaml_node *roles, const char *name)
{
    const struct yaml_node *node = yaml_find(roles, name);

    return node != NULL ? node : yaml_find(roles, behind_dot(name));
}

static void
put_section(const struct llm_config *self, const struct yaml_node *written, struct yaml_tree *tree,
    struct yaml_node *out)
{
    struct yaml_node *map;

    params_put(&llm_settings_params, &self->settings, tree, out);
    map = yaml_put_empty(tree, out, "budgets", YAML_MAP);
    params_put(&llm_budgets_params, &self->budgets, tree, map);
    params_put(&llm_client_params, &self->client, tree, yaml_put_empty(tree, map, "client", YAML_MAP));
    map = yaml_put_empty(tree, out, "schemas", YAML_MAP);
    for (uint32_t i = 0; i < self->schema_count; i++)
        yaml_put_quoted(tree, map, self->schemas[i].name, schema_text(self->schemas[i].schema));
    map = yaml_put_empty(tree, out, "providers", YAML_MAP);
    for (uint32_t i = 0; i < self->provider_count; i++)
        put_provider(self, i, yaml_find(yaml_find(written, "providers"), self->providers[i].name), tree, map);
    map = yaml_put_empty(tree, out, "roles", YAML_MAP);
    for (uint32_t i = 0; i < self->role_count; i++) {
        const struct llm_role *role = &self->roles[i];
        struct yaml_node *member = yaml_put_empty(tree, map, role->name, YAML_MAP);

        params_put(&llm_role_params_params, &role->params, tree, member);
        yaml_put(tree, member, "chain", yaml_find(written_role(yaml_find(written, "roles"), role->name), "chain"));
    }
}

int
llm_config_read_settings(const struct yaml_node *section, struct llm_settings *out, struct why *why)
{
    return params_bind(&llm_settings_params, section, section_maps, out, why);
}

void
llm_config_put_settings(const struct llm_settings *settings, struct yaml_tree *tree, struct yaml_node *section)
{
    params_put(&llm_settings_params, settings, tree, section);
}

int
llm_config_resolve(struct yaml_tree *tree, struct why *why)
{
    struct yaml_node *root = yaml_root(tree), *section = yaml_find(root, "llm");
    struct llm_config *self;
    struct yaml_tree *resolved;
    int error = llm_config_read(section, &self, why);

    if (error != 0)
        return error;
    if (self == NULL) {
        if (section != NULL)
            yaml_remove(tree, section);
        return 0;
    }
    resolved = yaml_new("llm");
    put_section(self, section, resolved, yaml_root(resolved));
    yaml_put(tree, root, "llm", yaml_root(resolved));
    yaml_destroy(&resolved);
    llm_config_destroy(&self);
    return 0;
}

/* ---- schema and manual ---- */

static const char object[] = "\"type\": [\"object\", \"null\"], \"properties\": {";
static const char closed[] = "}, \"additionalProperties\": false}";

static void
write_providers_schema(struct buffer *out)
{
    text_addf(out, ", \"providers\": {\"type\": [\"object\", \"null\"], \"additionalProperties\": {%s", object);
    params_write_schema_rows(&llm_provider_params_params, out);
    text_add(out, ", ");
    params_write_schema_rows(provider_dialect_list, out);
    text_addf(out, ", \"options\": {}, \"models\": {\"type\": [\"object\", \"null\"], \"additionalProperties\": {%s",
        object);
    params_write_schema_rows(&llm_model_params_params, out);
    text_addf(out, ", \"price\": {\"type\": [\"object\", \"string\"]}%s}%s}", closed, closed);
}

void
llm_config_write_schema(struct buffer *out)
{
    text_addf(out, "\"llm\": {\"description\": \"Models that may be asked.\", %s", object);
    params_write_schema_rows(&llm_settings_params, out);
    text_addf(out, ", \"budgets\": {%s", object);
    params_write_schema_rows(&llm_budgets_params, out);
    text_addf(out, ", \"client\": {%s", object);
    params_write_schema_rows(&llm_client_params, out);
    text_addf(out, "%s%s, \"schemas\": {\"type\": [\"object\", \"null\"], \"additionalProperties\": {\"type\": "
                   "\"string\"}}", closed, closed);
    write_providers_schema(out);
    text_add(out, ", \"roles\": {\"type\": [\"object\", \"null\"], \"propertyNames\": {\"enum\": [");
    for (uint32_t i = 0; llm_role_names[i] != NULL; i++) {
        text_addf(out, "%s\"%s\"", i > 0 ? ", " : "", llm_role_names[i]);
        if (llm_role_find(behind_dot(llm_role_names[i])) != NULL)
            text_addf(out, ", \"%s\"", behind_dot(llm_role_names[i]));
    }
    text_addf(out, "]}, \"additionalProperties\": {%s", object);
    params_write_schema_rows(&llm_role_params_params, out);
    text_addf(out, ", \"chain\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}}%s}%s", closed, closed);
}

void
llm_config_write_manual(struct buffer *out)
{
    text_add(out, "## llm\n\nModels that may be asked. Without this section nobody is.\n\n");
    params_write_manual(&llm_settings_params, out);
    text_add(out, "\n### llm.budgets\n\nCaps of the whole run; `client` has the same caps for each client.\n\n");
    params_write_manual(&llm_budgets_params, out);
    text_add(out, "\n### llm.schemas\n\nBy name, the JSON Schema of an answer, as a text.\n\n"
                  "### llm.providers\n\nBy name. Beside these: the settings of the dialect, and `options` for a "
                  "provider that answers in the process.\n\n");
    params_write_manual(&llm_provider_params_params, out);
    text_add(out, "\nSettings of a dialect:\n\n");
    params_write_manual(provider_dialect_list, out);
    text_add(out, "\n### llm.providers.models\n\nBy name, as the server calls them; `price` is `free` or {in, cached, "
                  "out} per million tokens.\n\n");
    params_write_manual(&llm_model_params_params, out);
    text_add(out, "\n### llm.roles\n\n`chain` lists who is asked, one after the other: provider/model, at last rules. "
                  "The roles are ");
    for (uint32_t i = 0; llm_role_names[i] != NULL; i++)
        text_addf(out, "%s%s", i > 0 ? ", " : "", llm_role_names[i]);
    text_add(out, ".\n\n");
    params_write_manual(&llm_role_params_params, out);
}
