/* llm-gateway/llm_config.h: what the section may say, what it becomes, and everything that it is refused for. */
#include "llm-gateway/llm_config.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/test.h"

#define SCHEMA                                                                                                        \
    "'{\"type\": \"object\", \"properties\": {\"scene\": {\"type\": \"string\"}}, " \
    "\"required\": [\"scene\"], \"additionalProperties\": false}'"
#define PROVIDERS                                                                                                      \
    "  providers:\n"                                                                                                   \
    "    local: {dialect: ollama, base_url: 'http://127.0.0.1:11434', models: {gemma3: {price: free}}}\n"              \
    "    cloud: {dialect: openai, base_url: 'https://api.example.org/v1', key_env: OPENAI_API_KEY, rpm: 500,\n"        \
    "      max_cost_per_run: 1.5, models: {small: {price: {in: 0.15, cached: 0.075, out: 0.6}, context: 128000}}}\n"
#define ROLES                                                                                                          \
    "  roles:\n"                                                                                                       \
    "    writer_pair: {chain: [local/gemma3, cloud/small, rules], out_max: 220, schema: writer.v1}\n"                  \
    "    society.compiler: {chain: [cloud/small], temperature: 0, reask: 1, priority: 0, weight: 2}\n"
#define WHOLE                                                                                                          \
    "llm:\n  mode: record\n  budgets: {max_calls_per_step: 50, max_cost_per_run: 2.5, client: {max_tokens_per_step: "  \
    "9000}}\n  schemas: {writer.v1: " SCHEMA "}\n" PROVIDERS ROLES

static struct yaml_tree *
tree_of(const char *text)
{
    struct yaml_tree *tree = NULL;
    struct why why = {0};

    if (yaml_read_text("test.yaml", text, strlen(text), &tree, &why) != 0)
        fail_msg("%s", why.text);
    return tree;
}

/* A life before this one paid 700 at the cloud and 100 for rules: both count for the run, one for the provider. */
static void
carry(const struct llm_config *config, const struct budget_plan *plan)
{
    struct budget *budget = budget_new(plan);
    struct record_header header = {.build = "test"};
    struct answer answer = {.provider = "cloud", .paid = 700, .cost = 700}, other = {.paid = 100, .cost = 100};
    struct record_totals totals;
    struct record *log;
    struct why why = {0};
    char path[400];

    snprintf(path, sizeof path, "%s/calls.log", test_folder());
    assert_int_equal(record_create(path, &header, &log, &why), 0);
    assert_int_equal(record_add(log, &(struct answer_id){.step = 1}, &answer, NULL, &why), 0);
    assert_int_equal(record_add(log, &(struct answer_id){.step = 1, .role = 1}, &other, NULL, &why), 0);
    assert_int_equal(record_add(log, &(struct answer_id){.step = 2}, &other, NULL, &why), 0);
    assert_int_equal(llm_config_carry(config, log, 2, budget, &totals, &why), 0);
    assert_int_equal(totals.calls, 2);
    assert_int_equal(totals.cost, 800);
    assert_int_equal(budget_scope(budget, BUDGET_WHOLE, 0)->settled.cost_run, 800);
    assert_int_equal(budget_scope(budget, BUDGET_PROVIDER, 1)->settled.cost_run, 700);
    assert_int_equal(budget_scope(budget, BUDGET_ROLE, 1)->settled.cost_run, 100);
    record_close(&log);
    budget_destroy(&budget);
}

static void
reads(void **state)
{
    struct yaml_tree *tree = tree_of(WHOLE);
    struct llm_config *config;
    struct budget_cap caps[2];
    struct budget_plan budget;
    struct flow_plan flow;
    double weights[4];
    struct why why = {0};

    (void)state;
    if (llm_config_read(yaml_find(yaml_root(tree), "llm"), &config, &why) != 0)
        fail_msg("%s", why.text);
    llm_config_flow(config, &flow);
    llm_config_budget(config, 2, caps, &budget);
    llm_config_weights(config, 2, weights);
    assert_int_equal(flow.provider_count, 2);
    assert_string_equal(flow.providers[1].name, "cloud");
    assert_int_equal(flow.providers[1].requests_per_minute, 500);
    assert_int_equal(flow.model_count, 2);
    assert_int_equal(flow.models[1].provider, 1);
    assert_int_equal(flow.models[1].price.out, 600000);
    assert_string_equal(flow.roles[0].name, "society.writer_pair");
    assert_int_equal(flow.roles[0].chain_count, 3);
    assert_int_equal(flow.roles[0].chain[1], 1);
    assert_true(flow.roles[0].chain[2] == FLOW_RULES);
    assert_int_equal(flow.roles[1].reask, 1);
    assert_int_equal(budget.whole.step.calls, 50);
    assert_true(budget.whole.step.tokens == BUDGET_NONE);
    assert_int_equal(budget.whole.cost_run, 2500000);
    assert_int_equal(budget.clients[1].step.tokens, 9000);
    assert_int_equal(budget.providers[1].cost_run, 1500000);
    /* 73,728 bytes are ceil(29,491.2) + 16 tokens at 0.15, and 256 at 0.6 a million: 4,426.2 + 153.6, rounded up. */
    assert_int_equal(budget.headroom, 4580);
    assert_true(budget.asks_again[0] && budget.asks_again[1]);
    assert_close(weights[3], 2, 1e-15);
    assert_int_equal(config->roles[0].schema, 0);
    carry(config, &budget);
    llm_config_destroy(&config);
    yaml_destroy(&tree);
}

static void
resolved_is_resolved(void **state)
{
    struct yaml_tree *tree = tree_of("name: x\n" WHOLE), *again;
    struct buffer once = {0}, twice = {0};
    struct why why = {0};

    (void)state;
    if (llm_config_resolve(tree, &why) != 0)
        fail_msg("%s", why.text);
    yaml_write(yaml_root(tree), &once);
    assert_int_equal(yaml_read_text("again", (char *)once.data, once.size, &again, &why), 0);
    if (llm_config_resolve(again, &why) != 0)
        fail_msg("%s", why.text);
    yaml_write(yaml_root(again), &twice);
    assert_int_equal(once.size, twice.size);
    assert_memory_equal(once.data, twice.data, once.size);
    assert_non_null(yaml_find_path(yaml_root(again), "llm.roles.\"society.writer_pair\".deadline_ms"));
    assert_non_null(yaml_find_path(yaml_root(again), "llm.providers.local.keep_alive"));
    yaml_destroy(&tree);
    yaml_destroy(&again);
    tree = tree_of("name: x\nllm:\n");
    assert_int_equal(llm_config_resolve(tree, &why), 0); /* nothing said, nothing there */
    assert_null(yaml_find(yaml_root(tree), "llm"));
    yaml_destroy(&tree);
    buffer_fini(&once);
    buffer_fini(&twice);
}

#define ONE_ROLE "  roles: {voter: {chain: [rules]}}\n"
#define URL(url) "llm:\n  providers: {p: {dialect: openai, base_url: " url "}}\n" ONE_ROLE

static const struct row {
    const char *name, *text;
    int want;
    const char *says; /* the place, and what; may be one of two */
} rows[] = {
    {"no roles", "llm: {mode: record}\n", ERR_MISSING, "no roles"},
    {"an unknown key", "llm:\n  mod: record\n" ONE_ROLE, ERR_UNKNOWN,
        "test.yaml:2:3: llm: unknown key 'mod'; did you mean"},
    {"an unknown role", "llm:\n  roles: {writer_pear: {chain: [rules]}}\n", ERR_UNKNOWN,
        "unknown role 'writer_pear'; did you mean 'writer_pair'?"},
    {"a role twice", "llm:\n  roles: {voter: {chain: [rules]}, swarm.voter: {chain: [rules]}}\n", ERR_INVALID,
        "swarm.voter is there already"},
    {"an unknown schema", "llm:\n  roles: {voter: {chain: [rules], schema: vote.v1}}\n", ERR_UNKNOWN,
        "test.yaml:2:43: llm.roles.voter.schema: unknown schema 'vote.v1'"},
    {"a schema outside of the subset", "llm:\n  schemas: {s: '{\"type\": \"string\"}'}\n" ONE_ROLE, ERR_INVALID,
        "schemas.s"},
    {"an unknown provider", "llm:\n" PROVIDERS "  roles: {voter: {chain: [locl/gemma3]}}\n", ERR_UNKNOWN,
        "unknown provider 'locl'"},
    {"an unknown model", "llm:\n" PROVIDERS "  roles: {voter: {chain: [local/gemma]}}\n", ERR_UNKNOWN,
        "unknown model 'gemma'; did you mean 'gemma3'?"},
    {"an unknown dialect", "llm:\n  providers: {p: {dialect: openia}}\n" ONE_ROLE, ERR_UNKNOWN,
        "unknown dialect 'openia'; did you mean 'openai'?"},
    {"no chain", "llm:\n  roles: {voter: {out_max: 5}}\n", ERR_MISSING, "chain is missing"},
    {"behind rules", "llm:\n" PROVIDERS "  roles: {voter: {chain: [rules, local/gemma3]}}\n", ERR_INVALID,
        "nobody is asked behind rules"},
    {"no price", "llm:\n  providers: {p: {dialect: ollama, base_url: 'http://localhost', models: {m: {}}}}\n" ONE_ROLE,
        ERR_MISSING, "no price"},
    {"out of range", "llm:\n  roles: {voter: {chain: [rules], out_max: 9000}}\n", ERR_INVALID, "out_max"},
    {"a key", "llm:\n  providers: {p: {dialect: openai, key_env: sk-abcdefghijklmnopqrstuvwx}}\n" ONE_ROLE, ERR_DENIED,
        "this looks like a key"},
    {"a key of another make",
        "llm:\n  providers: {p: {dialect: gemini, key_file: AIzaSyA1234567890abcdefghijklmnopqrstu}}\n"
        ONE_ROLE, ERR_DENIED, "this looks like a key"},
    {"a key under a name of its own", "llm:\n  providers: {p: {dialect: openai, options: {api_key: "
        "abcdefghijklmnopqrstuvwxyz0123456789ABCD}}}\n" ONE_ROLE, ERR_DENIED, "this looks like a key"},
    {"a user in the address", URL("'https://user@host/v1'"), ERR_INVALID, "without user"},
    {"a query in the address", URL("'https://host/v1?key=1'"), ERR_INVALID, "without user"},
    {"another protocol", URL("'ftp://host/'"), ERR_INVALID, "begins with https"},
    {"http to another machine", URL("'http://10.0.0.1:8000/v1'"), ERR_DENIED, "in the clear"},
    {"a name that looks like this machine", URL("'http://127.0.0.1.example.org/'"), ERR_DENIED, "in the clear"},
    {"no address", "llm:\n  providers: {p: {dialect: openai}}\n" ONE_ROLE, ERR_MISSING, "base_url is missing"},
    {"a replay of nothing", "llm:\n  mode: replay\n" ONE_ROLE, ERR_MISSING, "needs a parent"},
    {"a parent for nothing", "llm:\n  parent: x\n" ONE_ROLE, ERR_INVALID, "reads no parent"},
    {"two places for one key",
        "llm:\n  providers: {p: {dialect: openai, base_url: 'https://h', key_env: A, key_file: b}}\n"
        ONE_ROLE, ERR_INVALID, "only one"},
    {"not a map", "llm: 3\n", ERR_INVALID, "expected a map"},
    {"this machine by name", URL("'http://localhost:8000/v1'"), 0, ""},
    {"this machine, version 6", URL("'http://[::1]:8000/v1'"), 0, ""},
    {"another machine, if one insists", "llm:\n  providers: {p: {dialect: openai, base_url: 'http://10.0.0.1/v1', "
        "insecure: true}}\n" ONE_ROLE, 0, ""},
};

static void
refuses(void **state)
{
    const struct row *row = *state;
    struct yaml_tree *tree = tree_of(row->text);
    struct llm_config *config = NULL;
    struct why why = {0};
    int code = llm_config_read(yaml_find(yaml_root(tree), "llm"), &config, &why);

    if (code != row->want || (row->says[0] != '\0' && strstr(why.text, row->says) == NULL))
        fail_msg("%d: %s", code, why.text);
    assert_true((config != NULL) == (row->want == 0));
    llm_config_destroy(&config);
    yaml_destroy(&tree);
}

static void
lists(void **state)
{
    struct buffer out = {0};

    (void)state;
    text_add(&out, "{");
    llm_config_write_schema(&out);
    text_add(&out, "}");
    {
        json_error_t error;
        json_t *schema = json_loadb((const char *)out.data, out.size, JSON_REJECT_DUPLICATES, &error);

        if (schema == NULL)
            fail_msg("the schema is no JSON: %s at %d", error.text, error.position);
        json_decref(schema);
    }
    buffer_clear(&out);
    llm_config_write_manual(&out);
    assert_true(out.size > 4000);
    buffer_fini(&out);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"a whole section", reads},
        {"what is resolved is resolved", resolved_is_resolved},
        {"the schema is JSON, and there is a manual", lists},
    };

    return TEST_CASES("llm_config", cases) + TEST_ROWS("llm_config_read", rows, refuses);
}
