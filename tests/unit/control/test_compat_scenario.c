/* tests/unit/control/test_compat_scenario.c - scenario files of the earlier implementation load under
 * `sandbox.rules: compat`, with their own keys for governance; others keep ours. */
#include "control/scenario.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

static const char *
write_scenario(const char *name, const char *text)
{
    static char path[4400];
    FILE *stream;

    snprintf(path, sizeof path, "%s/%s", test_folder(), name);
    stream = fopen(path, "we");
    assert_non_null(stream);
    fputs(text, stream);
    assert_int_equal(fclose(stream), 0);
    return path;
}

#define ORIGINAL                                                                                                     \
    "scenario_id: strict\nsandbox: {rules: compat}\nagents: [{type: honest, count: 3}, {type: adaptive_adversary}]\n" \
    "governance: {transaction_tax_rate: 0.1, staking_enabled: true}\nsimulation: {n_epochs: 7, seed: 3}\n"            \
    "payoff: {h: 2.5}\nrate_limits: {posts_per_epoch: 8}\nnetwork: {enabled: true, topology: ring, params: {k: 6}}\n" \
    "marketplace: {escrow_fee_rate: 0.1}\noutputs: {event_log: x}\nsuccess_criteria: {min_epochs: 3}\n"

static const struct row {
    const char *name, *base, *text, *override, *path, *want; /* base: what text extends; want NULL: not there */
} rows[] = {
    {"its name", NULL, ORIGINAL, NULL, "name", "strict"},
    {"its epochs", NULL, ORIGINAL, NULL, "simulation.epochs", "7"},
    {"its payoff", NULL, ORIGINAL, NULL, "sandbox.payoff.h", "2.5"},
    {"with our defaults", NULL, ORIGINAL, NULL, "sandbox.payoff.s_plus", "2"},
    {"its limits", NULL, ORIGINAL, NULL, "sandbox.rate_limits.posts_per_epoch", "8"},
    {"its network", NULL, ORIGINAL, NULL, "sandbox.network.params.k", "6"},
    {"its marketplace", NULL, ORIGINAL, NULL, "sandbox.marketplace.escrow_fee_rate", "0.1"},
    {"its levers, in flat keys", NULL, ORIGINAL, NULL, "governance.transaction_tax_rate", "0.1"},
    {"and no lever of ours", NULL, ORIGINAL, NULL, "governance.transaction_tax", NULL},
    {"what it does not use is gone", NULL, ORIGINAL, NULL, "outputs", NULL},
    {"an override", NULL, ORIGINAL, "governance.audit_enabled=true", "governance.audit_enabled", "true"},
    {"an override at its own place", NULL, ORIGINAL, "network.dynamic=true", "sandbox.network.dynamic", "true"},
    {"which keeps the rest", NULL, ORIGINAL, "network.dynamic=true", "sandbox.network.topology", "ring"},
    {"a layer on it speaks its words", ORIGINAL, "extends: base.yaml\ngovernance: {reputation_decay: 0.9}\n", NULL,
     "governance.reputation_decay_rate", "0.9"},
    {"ours keep ours", NULL, "agents: [{type: honest, count: 3}]\ngovernance: {transaction_tax_rate: 0.1}\n", NULL,
     "governance.transaction_tax.rate", "0.1"},
};

static void
loads(void **state)
{
    const struct row *row = *state;
    struct scenario scenario;
    const struct yaml_node *node;
    struct why why = {0};

    if (row->base != NULL)
        write_scenario("base.yaml", row->base);
    if (scenario_load(write_scenario("s.yaml", row->text), &row->override, row->override != NULL, &scenario, &why) != 0)
        fail_msg("%s", why.text);
    node = yaml_find_path(yaml_root(scenario.tree), row->path);
    if (row->want == NULL) {
        assert_null(node);
    } else {
        assert_non_null(node);
        assert_string_equal(node->text, row->want);
    }
    assert_int_equal(scenario.governed, row->base == NULL && strstr(row->text, "compat") == NULL);
    scenario_fini(&scenario);
}

int
main(void)
{
    return TEST_ROWS("compat_scenario", rows, loads);
}
