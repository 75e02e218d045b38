/* tests/unit/world/test_compat_domain.c - the compat rules as a domain: a snapshot at any step leads to the same end,
 * damaged ones are refused, wrong scenarios are told where they are wrong. */
#include "tests/unit/world/compat_case.h"

static const struct row {
    const char *name, *scenario;
    uint32_t steps;
} rows[] = {
    {"the baseline", "agents: [{type: honest, count: 3}, {type: opportunistic}, {type: deceptive}]\n" CASE_SANDBOX, 40},
    {"all types, v1g, random order",
     "agents: [{type: honest, count: 2}, {type: opportunistic}, {type: deceptive}, {type: adversarial, count: 2}, "
     "{type: adaptive_adversary}]\nsandbox: {rules: compat, version: v1g, schedule: random}\n", 40},
    {"a market and a network, by reputation",
     "agents: [{type: honest, count: 4}, {type: opportunistic, count: 2}, {type: adversarial, count: 2}]\n"
     "sandbox: {rules: compat, schedule: priority, marketplace: {}, network: {topology: small_world, dynamic: true}}\n",
     40},
    {"all levers",
     "agents: [{type: honest, count: 3}, {type: adversarial, count: 3}]\n" CASE_SANDBOX
     "governance: {transaction_tax_rate: 0.1, reputation_decay_rate: 0.9, staking_enabled: true, "
     "min_stake_to_participate: 10, circuit_breaker_enabled: true, freeze_threshold_toxicity: 0.6, "
     "audit_enabled: true, collusion_detection_enabled: true, security_enabled: true, moderator_enabled: true, "
     "transparency_enabled: true}\n",
     40},
};

/* At every step: saved, loaded into a fresh one, both go on alike. */
static void
save_load(void **state)
{
    const struct row *row = *state;
    struct compat *self = case_new(row->scenario, 11), *copy = case_new(row->scenario, 11);

    for (uint32_t step = 0; step < row->steps; step++) {
        uint8_t one[FOLD_SIZE], other[FOLD_SIZE];
        struct buffer bytes = {0};
        struct why why = {0};

        domain_compat.save(self, &bytes);
        if (domain_compat.load(copy, bytes.data, bytes.size, &why) != 0)
            fail_msg("step %u: %s", step, why.text);
        case_digest(self, one);
        case_digest(copy, other);
        assert_memory_equal(one, other, sizeof one);
        case_step(self);
        case_step(copy);
        case_digest(self, one);
        case_digest(copy, other);
        assert_memory_equal(one, other, sizeof one);
        if (step % 10 == 9)
            for (size_t size = 0; size < bytes.size; size += 1 + bytes.size / 41)
                assert_int_equal(domain_compat.load(copy, bytes.data, size, &why), ERR_FORMAT);
        buffer_fini(&bytes);
    }
    assert_true(self->run.run_set->count > 3);
    domain_compat.destroy(self);
    domain_compat.destroy(copy);
}

/* Another seed behind a step gives another future, the same seed the same one. */
static void
fork(void **state)
{
    const struct row *row = *state;
    struct compat *self = case_new(row->scenario, 11), *same = case_new(row->scenario, 11);
    struct compat *other = case_new(row->scenario, 12);
    uint8_t digests[3][FOLD_SIZE];
    struct buffer bytes = {0};
    struct why why = {0};

    for (uint32_t step = 0; step < 15; step++)
        case_step(self);
    domain_compat.save(self, &bytes);
    assert_int_equal(domain_compat.load(same, bytes.data, bytes.size, &why), 0);
    assert_int_equal(domain_compat.load(other, bytes.data, bytes.size, &why), 0);
    domain_compat.fork->adopt(same, NULL, 0);
    domain_compat.fork->adopt(other, NULL, 0);
    for (uint32_t step = 0; step < 10; step++) {
        case_step(self);
        case_step(same);
        case_step(other);
    }
    case_digest(self, digests[0]);
    case_digest(same, digests[1]);
    case_digest(other, digests[2]);
    assert_memory_equal(digests[0], digests[1], FOLD_SIZE);
    assert_memory_not_equal(digests[0], digests[2], FOLD_SIZE);
    buffer_fini(&bytes);
    domain_compat.destroy(self);
    domain_compat.destroy(same);
    domain_compat.destroy(other);
}

/* ---- wrong scenarios ---- */

#define GOOD "agents: [{type: honest, count: 3}]\n"

static const struct wrong_row {
    const char *name, *scenario;
    int want;
    const char *place, *says;
} wrong_rows[] = {
    {"no agents", CASE_SANDBOX, ERR_INVALID, "s:1:1: ", "agents must be a list"},
    {"unknown type", "agents:\n  - {type: honset}\n" CASE_SANDBOX, ERR_UNKNOWN, "s:2:12: agents[0].type: ", "honest"},
    {"a model's agents", "agents:\n  - {type: llm}\n" CASE_SANDBOX, ERR_UNKNOWN, "s:2:12: agents[0].type: ", "honest"},
    {"no type", "agents:\n  - {count: 3}\n" CASE_SANDBOX, ERR_MISSING, "s:2:5: agents[0]: ", "has no type"},
    {"a role", "agents:\n  - {type: honest, role: worker}\n" CASE_SANDBOX, ERR_UNKNOWN, "s:2:20: agents[0]: ",
     "'role' changes nothing"},
    {"the market's parameters", "agents:\n  - {type: honest, params: {}}\n" CASE_SANDBOX, ERR_UNKNOWN,
     "s:2:20: agents[0]: ", "'params' is of the market rules"},
    {"insiders", "agents:\n  - {type: deceptive, insider: true}\n" CASE_SANDBOX, ERR_UNKNOWN, "s:2:23: agents[0]: ",
     "'insider' is of the market rules"},
    {"too many", "agents: [{type: honest, count: 4096}, {type: honest}]\n" CASE_SANDBOX, ERR_LIMIT,
     "s:1:39: agents[1]: ",
     "more than 4096 agents"},
    {"a key of the market rules", GOOD "sandbox:\n  rules: compat\n  attention_scarcity: 0.5\n", ERR_UNKNOWN,
     "s:4:3: sandbox: ",
     "attention_scarcity"},
    {"unknown version", GOOD "sandbox: {rules: compat, version: v2}\n", ERR_UNKNOWN, "s:2:35: sandbox.version: ", "v1"},
    {"no map", GOOD "sandbox: {rules: compat, payoff: 3}\n", ERR_INVALID, "s:2:34: sandbox.payoff: ", "must be a map"},
    {"a limit's name", GOOD "sandbox: {rules: compat, rate_limits: {posts: 3}}\n", ERR_UNKNOWN,
     "s:2:40: sandbox.rate_limits: ",
     "posts_per_epoch"},
    {"out of bounds", GOOD "sandbox: {rules: compat, payoff: {theta: 2}}\n", ERR_INVALID,
     "s:2:42: sandbox.payoff.theta: ", "1"},
    {"unknown topology", GOOD "sandbox: {rules: compat, network: {topology: torus}}\n", ERR_UNKNOWN,
     "s:2:46: sandbox.network.topology: ", "ring"},
    {"a lever of the market rules", GOOD CASE_SANDBOX "governance: {transaction_tax: {rate: 0.1}}\n", ERR_INVALID,
     "s:3:31: governance.transaction_tax: ", "a map"},
    {"unknown lever", GOOD CASE_SANDBOX "governance: {audit_enable: true}\n", ERR_UNKNOWN, "s:3:14: governance: ",
     "audit_enabled"},
    {"one thing twice", GOOD CASE_SANDBOX "governance: {transaction_tax: 0.1, transaction_tax_rate: 0.2}\n",
     ERR_INVALID,
     "s:3:14: governance: ", "keep one"},
};

static void
wrong(void **state)
{
    const struct wrong_row *row = *state;
    struct yaml_tree *tree;
    struct why why = {0};

    assert_int_equal(yaml_read_text("s", row->scenario, strlen(row->scenario), &tree, &why), 0);
    assert_int_equal(domain_compat.resolve(tree, &why), row->want);
    if (strncmp(why.text, row->place, strlen(row->place)) != 0)
        fail_msg("'%s' instead of '%s'", why.text, row->place);
    if (strstr(why.text, row->says) == NULL)
        fail_msg("'%s' does not say '%s'", why.text, row->says);
    yaml_destroy(&tree);
}

/* What is resolved resolves to itself, aliases gone. */
static void
resolved(void **state)
{
    static const char text[] =
        GOOD "sandbox: {rules: compat, network: {topology: ring, params: {k_neighbors: 6}}, marketplace: {}}\n"
             "governance: {transaction_tax: 0.1}\n";
    struct buffer once = {0}, twice = {0};
    struct yaml_tree *tree;
    struct why why = {0};

    (void)state;
    assert_int_equal(yaml_read_text("s", text, sizeof text - 1, &tree, &why), 0);
    assert_int_equal(domain_compat.resolve(tree, &why), 0);
    yaml_write(yaml_root(tree), &once);
    yaml_destroy(&tree);
    assert_int_equal(yaml_read_text("s", (const char *)once.data, once.size, &tree, &why), 0);
    if (domain_compat.resolve(tree, &why) != 0)
        fail_msg("%s", why.text);
    yaml_write(yaml_root(tree), &twice);
    assert_int_equal(once.size, twice.size);
    assert_memory_equal(once.data, twice.data, once.size);
    assert_string_equal(yaml_find_path(yaml_root(tree), "sandbox.network.params.k")->text, "6");
    assert_null(yaml_find_path(yaml_root(tree), "sandbox.network.params.k_neighbors"));
    assert_string_equal(yaml_find_path(yaml_root(tree), "governance.transaction_tax_rate")->text, "0.1");
    assert_null(yaml_find_path(yaml_root(tree), "governance.transaction_tax"));
    yaml_destroy(&tree);
    buffer_fini(&once);
    buffer_fini(&twice);
}

/* ---- which domain a scenario is of ---- */

static const struct claim_row {
    const char *name, *scenario;
    bool want;
} claim_rows[] = {
    {"compat", GOOD CASE_SANDBOX, true},
    {"market", GOOD "sandbox: {rules: market}\n", false},
    {"nothing said", GOOD, false},
    {"no map", GOOD "sandbox: 3\n", false},
};

static void
claim(void **state)
{
    const struct claim_row *row = *state;
    struct yaml_tree *tree;
    struct why why = {0};

    assert_int_equal(yaml_read_text("s", row->scenario, strlen(row->scenario), &tree, &why), 0);
    assert_true((domain_of("sandbox", yaml_root(tree)) == &domain_compat) == row->want);
    assert_ptr_not_equal(domain_find("sandbox"), &domain_compat);
    yaml_destroy(&tree);
}

static const struct test_case cases[] = {{"resolving twice is resolving once", resolved}};

int
main(void)
{
    return TEST_ROWS("compat_save_load", rows, save_load) + TEST_ROWS("compat_fork", rows, fork) +
           TEST_ROWS("compat_wrong", wrong_rows, wrong) + TEST_ROWS("compat_claims", claim_rows, claim) +
           TEST_CASES("compat_resolve", cases);
}
