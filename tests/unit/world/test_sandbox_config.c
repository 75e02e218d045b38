#include "world/sandbox/config.h"

#include "core/text.h"
#include "tests/support/test.h"

#include <jansson.h>

#include <string.h>

static struct yaml_tree *
tree_of(const char *text)
{
    struct yaml_tree *tree;
    struct why why = {0};

    assert_int_equal(yaml_read_text("s.yaml", text, strlen(text), &tree, &why), 0);
    return tree;
}

#define AGENTS "agents: [{type: honest, count: 2}]\n"

static const struct row {
    const char *name, *text, *says; /* says NULL: fine */
} rows[] = {
    {"the least", AGENTS, NULL},
    {"empty sections", AGENTS "sandbox:\ngovernance:\n", NULL},
    {"no agents", "sandbox: {}\n", "agents must be a list"},
    {"one agent", "agents: [{type: honest}]\n", "nobody to deal with"},
    {"no type", "agents: [{count: 2}]\n", "has no type"},
    {"an unknown key of a group", "agents: [{type: honest, count: 2, rolle: worker}]\n", "role"},
    {"an unknown role", "agents: [{type: honest, count: 2, role: boss}]\n", "boss"},
    {"nobody at all", "agents: [{type: honest, count: 0}]\n", "at least 2"},
    {"a negative count", "agents: [{type: honest, count: -1}]\n", "count"},
    {"too many agents", "agents: [{type: a, count: 9999999}, {type: b, count: 9}]\n", "more than 10000000 agents"},
    {"too much money", "agents: [{type: a, count: 1000000, initial_resources: 10000000}]\n", "10^12"},
    {"skills the wrong way round", "agents: [{type: a, count: 2, skill_low: 0.5, skill_high: 0.2}]\n", "skill_low"},
    {"an unknown key", AGENTS "sandbox: {etta: 1}\n", "eta"},
    {"an unknown inner key", AGENTS "sandbox: {rails: {max_vote: 1}}\n", "max_votes"},
    {"out of bounds", AGENTS "sandbox: {attention_scarcity: 1.5}\n", "attention_scarcity"},
    {"a section that is no map", AGENTS "sandbox: {feed: 3}\n", "must be a map"},
    {"other rules", AGENTS "sandbox: {rules: other}\n", "rules"},
    {"bounties the wrong way round", AGENTS "sandbox: {tasks: {bounty_low: 9}}\n", "bounty_low"},
    {"no turns like that", AGENTS "simulation: {turns: both}\n", "simultaneous or sequential"},
    {"no steps", AGENTS "simulation: {steps_per_epoch: 0}\n", "1 to 1000000"},
    {"parameters that are no map", "agents: [{type: a, count: 2, params: 3}]\n", "must be a map"},
    {"as many agents as governance can be told of", "agents: [{type: a, count: 2000000}]\ngovernance: {a: {}}\n",
     NULL},
    {"more agents than governance can be told of", "agents: [{type: a, count: 3000000}]\ngovernance: {a: {}}\n",
     "the docket would have"},
    {"more agents, but one at a time",
     "agents: [{type: a, count: 3000000}]\ngovernance: {a: {}}\nsimulation: {turns: sequential}\n", NULL},
};

static void
reads(void **state)
{
    const struct row *row = *state;
    struct yaml_tree *tree = tree_of(row->text);
    struct config config = {0};
    struct why why = {0};
    int code = config_read(&config, yaml_root(tree), &why);

    if (row->says == NULL) {
        assert_string_equal(why.text, "");
        assert_int_equal(code, 0);
    } else {
        assert_int_not_equal(code, 0);
        assert_int_equal(code, why.code);
        if (strstr(why.text, row->says) == NULL || strstr(why.text, "s.yaml:") == NULL) {
            print_error("'%s' does not say '%s' and where\n", why.text, row->says);
            assert_null(why.text);
        }
        assert_int_not_equal(config_resolve(tree, &why), 0);
    }
    config_fini(&config);
    yaml_destroy(&tree);
}

static void
groups(void **state)
{
    struct yaml_tree *tree = tree_of(
        "agents:\n- {type: honest, count: 3, role: verifier}\n- {type: deceptive, count: 2, params: {patience: 2}}\n"
        "- {type: honest, count: 4, insider: true}\n- {type: deceptive, name: fox}\n- {type: honest, params: {}}\n"
        "sandbox: {initial_resources: 7, skill_low: 0.25}\nsimulation: {steps_per_epoch: 3, turns: sequential}\n"
        "governance: {transaction_tax: {rate: 0.1}, random_audit: {}}\n");
    struct config config = {0};
    struct why why = {0};

    (void)state;
    assert_int_equal(config_read(&config, yaml_root(tree), &why), 0);
    assert_int_equal(config.agent_count, 11);
    assert_int_equal(config.slot_count, 3); /* honest, deceptive that is patient, deceptive */
    assert_int_equal(config.kind_count, 2);
    assert_int_equal(config.groups[2].slot, 0);
    assert_int_equal(config.groups[4].slot, 0);
    assert_int_equal(config.groups[3].slot, 2);
    assert_int_equal(config.groups[3].kind, config.groups[1].kind);
    assert_int_equal(config.groups[3].first, 9);
    assert_string_equal(config.groups[3].name, "fox");
    assert_string_equal(config.groups[1].params, "patience: 2\n");
    assert_string_equal(config_slot(&config, 2)->policy, "deceptive");
    assert_string_equal(config_kind(&config, 0), "honest");
    assert_true(config.groups[1].insider && config.groups[2].insider && !config.groups[0].insider);
    assert_int_equal(config.groups[0].role, SANDBOX_VERIFIER);
    assert_int_equal(config.groups[1].role, SANDBOX_WORKER);
    assert_int_equal(config.groups[0].initial_resources, 7000000);
    assert_true(config.groups[0].skill_low == 0.25 && config.groups[0].skill_high == 1.0);
    assert_int_equal(config.lever_count, 2);
    assert_string_equal(config.levers[1], "random_audit");
    assert_true(config.sequential);
    config_fini(&config);
    yaml_destroy(&tree);
}

/* The parameters of a group travel to its workers in one message. */
static void
long_parameters(void **state)
{
    static const uint32_t sizes[] = {99990, 100000}; /* "text: " and a line's end come on top */
    static const int codes[] = {0, ERR_LIMIT};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct buffer text = {0};
        struct yaml_tree *tree;
        struct config config = {0};
        struct why why = {0};

        text_add(&text, "agents: [{type: honest, count: 2, params: {text: ");
        memset(buffer_extend(&text, sizes[i]), 'x', sizes[i]);
        buffer_append(&text, "}}]", sizeof "}}]");
        tree = tree_of((const char *)text.data);
        assert_int_equal(config_read(&config, yaml_root(tree), &why), codes[i]);
        if (codes[i] != 0)
            assert_non_null(strstr(why.text, "params have more than 100000 bytes"));
        config_fini(&config);
        yaml_destroy(&tree);
        buffer_fini(&text);
    }
}

/* What is resolved says everything, reads back as itself, and means the same. */
static void
resolves(void **state)
{
    struct yaml_tree *tree = tree_of(AGENTS "sandbox: {eta: 0.2, rails: {max_votes: 3}}\n"), *again;
    struct buffer first = {0}, second = {0};
    struct config config = {0};
    struct why why = {0};
    int64_t number;

    (void)state;
    assert_int_equal(config_resolve(tree, &why), 0);
    assert_int_equal(yaml_get_integer(yaml_find_path(yaml_root(tree), "sandbox.rails.max_votes"), &number, &why), 0);
    assert_int_equal(number, 3);
    assert_non_null(yaml_find_path(yaml_root(tree), "sandbox.payoff.s_plus"));
    assert_non_null(yaml_find_path(yaml_root(tree), "agents[0].initial_resources"));
    yaml_write(yaml_root(tree), &first);
    assert_int_equal(yaml_read_text("again", (const char *)first.data, first.size, &again, &why), 0);
    assert_int_equal(config_resolve(again, &why), 0);
    yaml_write(yaml_root(again), &second);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    assert_int_equal(config_read(&config, yaml_root(again), &why), 0);
    assert_true(config.world.eta == 0.2 && config.rails.max_votes == 3 && config.feed.alpha == 0.5);
    config_fini(&config);
    buffer_fini(&first);
    buffer_fini(&second);
    yaml_destroy(&tree);
    yaml_destroy(&again);
}

static void
describes(void **state)
{
    struct buffer schema = {0}, manual = {0};
    json_error_t error;
    json_t *read;

    (void)state;
    text_add(&schema, "{");
    config_write_schema(&schema);
    text_add(&schema, "}");
    read = json_loadb((const char *)schema.data, schema.size, JSON_REJECT_DUPLICATES, &error);
    if (read == NULL)
        print_error("%s\n", error.text);
    assert_non_null(read);
    assert_non_null(json_object_get(json_object_get(json_object_get(json_object_get(json_object_get(read, "sandbox"),
        "properties"), "rails"), "properties"), "max_votes"));
    assert_non_null(json_object_get(json_object_get(json_object_get(json_object_get(read, "agents"), "items"),
        "properties"), "params"));
    config_write_manual(&manual);
    buffer_append(&manual, "", 1);
    assert_non_null(strstr((const char *)manual.data, "attention_scarcity"));
    json_decref(read);
    buffer_fini(&schema);
    buffer_fini(&manual);
}

static const struct test_case cases[] = {
    {"groups, slots and kinds", groups}, {"parameters that are too long", long_parameters}, {"resolved", resolves},
    {"described", describes}};

int
main(void)
{
    return TEST_ROWS("config_read", rows, reads) + TEST_CASES("config", cases);
}
