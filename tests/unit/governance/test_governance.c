/* The scenario's governance section: forms, aliases, resolution, refusals. */
#include "tests/unit/governance/docket_case.h"

static const struct resolve_row {
    const char *name, *scenario, *want;
} resolve_rows[] = {
    {"nothing", "name: x\n", "name: x\ngovernance: {}\n"},
    {"null", "governance:\n", "governance: {}\n"},
    {"a scalar is the first parameter", "governance: {reputation_decay: 0.95}\n",
        "governance:\n  reputation_decay:\n    rate: 0.95\n"},
    {"true is all defaults, false is off", "governance: {reputation_decay: true, staking: false}\n",
        "governance:\n  reputation_decay:\n    rate: 0.95\n"},
    {"null is all defaults", "governance: {reputation_decay: }\n",
        "governance:\n  reputation_decay:\n    rate: 0.95\n"},
    {"order and the rest are kept", "governance: {vote_normalization: 5, bandwidth_cap: {}}\nseed: 1\n",
        "governance:\n  vote_normalization:\n    max_weight: 5\n  bandwidth_cap:\n    max_actions: 10\nseed: 1\n"},
    {"money and defaults", "governance: {staking: {min_stake: 2.5}}\n",
        "governance:\n  staking:\n    min_stake: 2.5\n    slash_rate: 0.1\n"},
    {"flat spellings",
        "governance: {reputation_decay: 0.95, bandwidth_cap: 10, vote_weight_cap: null, staking_required: 3}\n",
        "governance:\n  reputation_decay:\n    rate: 0.95\n  bandwidth_cap:\n    max_actions: 10\n  staking:\n    "
        "min_stake: 3\n    slash_rate: 0.1\n"},
    {"flat ones of levers that watch", "governance: {refinery_p_threshold: 0.25, collusion_realtime_penalty: true}\n",
        "governance:\n  refinery:\n    threshold: 0.25\n  collusion:\n    threshold: 0.5\n    penalty: 1\n"
        "    fine: 10\n    frequency_threshold: 2\n    min_interactions: 3\n    memory: 0.8\n    realtime: true\n"
        "    realtime_rate: 0.1\n"},
    {"two flat ones of one lever", "governance: {audit_probability: 0.2, audit_penalty: 3}\n",
        "governance:\n  random_audit:\n    prob: 0.2\n    penalty: 3\n    threshold: 0.5\n    audit_power: 1\n"},
};

static void
resolve(void **state)
{
    const struct resolve_row *row = *state;
    struct yaml_tree *tree = NULL, *again = NULL;
    struct buffer once = {0}, twice = {0};
    struct why why = {0};

    assert_int_equal(yaml_read_text("test", row->scenario, strlen(row->scenario), &tree, &why), 0);
    if (governance_resolve(tree, &why) != 0)
        case_fail(why.text);
    yaml_write(yaml_root(tree), &once);
    buffer_append(&once, "", 1);
    assert_string_equal((char *)once.data, row->want);
    assert_int_equal(yaml_read_text("again", (char *)once.data, once.size - 1, &again, &why), 0);
    assert_int_equal(governance_resolve(again, &why), 0);
    yaml_write(yaml_root(again), &twice);
    buffer_append(&twice, "", 1);
    assert_string_equal((char *)twice.data, row->want); /* resolved is resolved */
    buffer_fini(&once);
    buffer_fini(&twice);
    yaml_destroy(&tree);
    yaml_destroy(&again);
}

static const struct refuse_row {
    const char *name, *scenario;
    int want;
    const char *says;
} refuse_rows[] = {
    {"a misspelt lever", "governance:\n  reputation_decy: 1\n", ERR_UNKNOWN, "did you mean 'reputation_decay'"},
    {"a misspelt alias", "governance: {audit_probabilty: 1}\n", ERR_UNKNOWN, "did you mean 'audit_probability'"},
    {"nothing like it", "governance: {zzz: 1}\n", ERR_UNKNOWN, "unknown lever 'zzz'"},
    {"a misspelt parameter", "governance: {random_audit: {probb: 1}}\n", ERR_UNKNOWN, "governance.random_audit"},
    {"a list", "governance: [1]\n", ERR_INVALID, "expected a map"},
    {"tax rate over 1", "governance: {transaction_tax: {rate: 1.5}}\n", 0, "rate"},
    {"decay below 0", "governance: {reputation_decay: -0.1}\n", 0, "reputation_decay"},
    {"slash over 1", "governance: {staking: {slash_rate: 2}}\n", 0, "slash_rate"},
    {"minimum stake below 0", "governance: {staking: {min_stake: -1}}\n", 0, "min_stake"},
    {"toxicity over 1", "governance: {circuit_breaker: {threshold: 2}}\n", 0, "threshold"},
    {"no violations", "governance: {circuit_breaker: {violations: 0}}\n", 0, "violations"},
    {"no duration", "governance: {circuit_breaker: {duration: 0}}\n", 0, "duration"},
    {"a sample the window cannot hold", "governance: {circuit_breaker: {window: 4}}\n", ERR_INVALID,
        "circuit_breaker.min_sample"},
    {"audit probability over 1", "governance: {random_audit: {prob: 1.01}}\n", 0, "prob"},
    {"audit threshold below 0", "governance: {random_audit: {threshold: -1}}\n", 0, "threshold"},
    {"audit penalty below 0", "governance: {random_audit: {penalty: -1}}\n", 0, "penalty"},
    {"votes of no weight", "governance: {vote_normalization: 0}\n", 0, "vote_normalization"},
    {"an even jury", "governance:\n  council:\n    prob: 0.5\n    size: 4\n", ERR_INVALID,
        "test:4:11: governance.council.size: 4 jurors"},
    {"a controller of nothing", "governance: {adaptive_controller: true}\n", ERR_UNKNOWN,
        "governance: adaptive_controller.target: there is no lever 'random_audit' in this scenario"},
    {"a controller of no parameter", "governance:\n  random_audit: 0.1\n  adaptive_controller:\n"
        "    target: random_audit.luck\n", ERR_UNKNOWN,
        "test:4:13: governance.adaptive_controller.target: random_audit has no parameter 'luck'"},
    {"a controller of itself", "governance: {adaptive_controller: {target: adaptive_controller.gain}}\n", ERR_INVALID,
        "cannot be tuned"},
    {"a controller upside down", "governance: {refinery: 0, adaptive_controller: {target: refinery.threshold, "
        "low: 0.5, high: 0.25}}\n", ERR_INVALID, "governance.adaptive_controller.low: 0.5 is above high"},
    {"a controller beyond the bounds", "governance: {refinery: 0, adaptive_controller: {target: refinery.threshold, "
        "high: 2}}\n", ERR_INVALID, "adaptive_controller.high: 2 is above the most"},
    {"a controller below the bounds", "governance: {refinery: 0, adaptive_controller: {target: refinery.threshold, "
        "low: -1}}\n", ERR_INVALID, "adaptive_controller.low: -1 is below the least"},
    {"a chain of one", "governance: {security: {chain_min: 1}}\n", 0, "chain_min"},
    {"collusion that nothing is frequent for", "governance: {collusion: {frequency_threshold: 0}}\n", 0,
        "frequency_threshold"},
    {"refinery over 1", "governance: {refinery: 1.1}\n", 0, "refinery"},
    {"moderator's fee below 0", "governance: {moderator: {fee: -1}}\n", 0, "fee"},
    {"bandwidth below 0", "governance: {bandwidth_cap: -1}\n", 0, "bandwidth_cap"},
};

static void
refuse(void **state)
{
    const struct refuse_row *row = *state;
    struct yaml_tree *tree = NULL;
    struct why why = {0};
    int code;

    assert_int_equal(yaml_read_text("test", row->scenario, strlen(row->scenario), &tree, &why), 0);
    code = governance_resolve(tree, &why);
    assert_int_not_equal(code, 0);
    if (row->want != 0)
        assert_int_equal(code, row->want);
    if (strstr(why.text, row->says) == NULL || strncmp(why.text, "test:", 5) != 0)
        case_fail(why.text);
    yaml_destroy(&tree);
}

/* The aliases name levers and parameters that exist; schema and manual name every lever. */
static void
documents(void **state)
{
    struct buffer schema = {0}, manual = {0};
    int depth = 0;

    (void)state;
    governance_write_schema(&schema);
    governance_write_manual(&manual);
    buffer_append(&schema, "", 1);
    buffer_append(&manual, "", 1);
    for (const char *c = (char *)schema.data; *c != '\0'; c++)
        depth += *c == '{' ? 1 : *c == '}' ? -1 : 0;
    assert_int_equal(depth, 0);
    for (const struct lever *const *lever = lever_roll; *lever != NULL; lever++) {
        assert_non_null(strstr((char *)schema.data, (*lever)->name));
        assert_non_null(strstr((char *)manual.data, (*lever)->name));
    }
    for (const struct governance_alias *alias = governance_aliases; alias->name != NULL; alias++) {
        assert_non_null(lever_find(alias->lever));
        assert_non_null(params_find(lever_find(alias->lever)->params, alias->param));
        assert_null(lever_find(alias->name));
    }
    buffer_fini(&schema);
    buffer_fini(&manual);
}

int
main(void)
{
    static const struct test_case cases[] = {{"schema, manual and aliases", documents}};

    return TEST_ROWS("governance_resolve", resolve_rows, resolve) +
        TEST_ROWS("governance_refuse", refuse_rows, refuse) + TEST_CASES("governance", cases);
}
