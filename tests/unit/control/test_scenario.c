/* Scenarios: what is understood, and that every kind of mistake is answered with its place, its name and what was
 * meant. */
#include "control/scenario.h"
#include "core/text.h"
#include "tests/support/test.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GOOD_HEAD "agents: [{type: honest, count: 3}]\nsimulation: {epochs: 2}\n"

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

/* ---- mistakes ---- */

static const struct row {
    const char *name, *text, *override;
    int want;
    const char *why; /* behind the file's name (or the whole start, for an override) and anywhere in the reason */
    const char *also;
} rows[] = {
    {"no such section", GOOD_HEAD "governence: {}\n", NULL, ERR_UNKNOWN, ":3:1: ", "did you mean 'governance'?"},
    {"a section like nothing", GOOD_HEAD "xylophone: 1\n", NULL, ERR_UNKNOWN, ":3:1: ", "polis scenario schema"},
    {"not a map", "[1, 2]\n", NULL, ERR_INVALID, ":1:1: ", "a map of sections"},
    {"a key twice", GOOD_HEAD "agents: []\n", NULL, ERR_INVALID, ":3:1: ", "agents"},
    {"a tab", "agents:\n\t- {type: honest}\n", NULL, 0, ":2:1: ", "tab"},
    {"unknown parameter of the simulation", "agents: [{type: honest, count: 3}]\nsimulation: {epocs: 2}\n", NULL,
        ERR_UNKNOWN, ":2:14: simulation", "epochs"},
    {"out of bounds", "agents: [{type: honest, count: 3}]\nsimulation: {epochs: 0}\n", NULL, ERR_INVALID,
        ":2:22: simulation.epochs: ", "0"},
    {"not a number", "agents: [{type: honest, count: 3}]\nsimulation: {epochs: many}\n", NULL, ERR_INVALID,
        ":2:22: simulation.epochs: ", "many"},
    {"unknown choice", "agents: [{type: honest, count: 3}]\nsimulation: {turns: sequentail}\n", NULL, 0,
        ":2:21: simulation.turns: ", "sequential"},
    {"unknown policy", "agents:\n  - {type: honset, count: 3}\n", NULL, ERR_UNKNOWN,
        ":2:12: agents[0].type: ", "did you mean 'honest'?"},
    {"a policy like nothing", "agents:\n  - {type: xylophone, count: 3}\n", NULL, ERR_UNKNOWN,
        ":2:12: agents[0].type: ", "--document"},
    {"a group without a type", "agents:\n  - {count: 3}\n", NULL, ERR_INVALID,
        ":2:5: agents[0]: ", "needs a type|with a type"},
    {"unknown parameter of a policy", "agents:\n  - {type: honest, count: 3, params: {exploraton: 0.2}}\n", NULL,
        ERR_UNKNOWN, ":2:39: agents[0].params: ", "exploration"},
    {"a policy's parameter out of bounds", "agents:\n  - {type: honest, count: 3, params: {exploration: 2}}\n", NULL,
        ERR_INVALID, ":2:52: agents[0].params.exploration: ", "2"},
    {"unknown member of a group", "agents:\n  - {type: honest, cuont: 3}\n", NULL, ERR_UNKNOWN,
        ":2:20: agents[0]: ", "count"},
    {"unknown role", "agents:\n  - {type: honest, count: 3, role: wroker}\n", NULL, 0,
        ":2:36: agents[0].role: ", "worker"},
    {"unknown lever", GOOD_HEAD "governance:\n  random_adit: {prob: 0.1}\n", NULL, ERR_UNKNOWN,
        ":4:3: governance: ", "random_audit"},
    {"unknown parameter of a lever", GOOD_HEAD "governance:\n  random_audit: {prb: 0.1}\n", NULL, ERR_UNKNOWN,
        ":4:18: governance.random_audit: ", "prob"},
    {"a lever's parameter out of bounds", GOOD_HEAD "governance:\n  random_audit: {prob: 1.5}\n", NULL, ERR_INVALID,
        ":4:24: governance.random_audit.prob: ", "1.5"},
    {"another spelling out of bounds keeps its place", GOOD_HEAD "governance:\n  audit_probability: 1.5\n", NULL,
        ERR_INVALID, ":4:22: governance.random_audit.prob: ", "1.5"},
    {"two spellings of one thing", GOOD_HEAD "governance:\n  audit_probability: 0.5\n  random_audit: {prob: 0.4}\n",
        NULL, ERR_INVALID, ":4:3: governance: ", "keep one"},
    {"unknown key of the other spelling of sandbox", GOOD_HEAD "environment: {initial_bugdet: 3}\n", NULL, ERR_UNKNOWN,
        ":3:15: sandbox: ", "initial_budget|initial_resources|unknown"},
    {"unknown key of the sandbox", GOOD_HEAD "sandbox: {attention_scarcty: 0.5}\n", NULL, ERR_UNKNOWN,
        ":3:11: sandbox: ", "attention_scarcity"},
    {"unknown domain", GOOD_HEAD "domain: sandbx\n", NULL, ERR_UNKNOWN, ":3:9: domain: ", "did you mean 'sandbox'?"},
    {"unknown figure", GOOD_HEAD "metrics_to_track:\n  - quality_gab\n", NULL, ERR_UNKNOWN,
        ":4:5: metrics_to_track[0]: ", "did you mean 'quality_gap'?"},
    {"figures are a list", GOOD_HEAD "metrics_to_track: quality_gap\n", NULL, ERR_INVALID,
        ":3:19: metrics_to_track: ", "list of names"},
    {"what it extends is not there", "extends: no_such_base\n" GOOD_HEAD, NULL, ERR_MISSING,
        ":1:10: extends: ", "no_such_base"},
    {"it extends itself", "extends: mistake.yaml\n" GOOD_HEAD, NULL, ERR_LIMIT,
        ":1:10: extends: ", "does a scenario extend itself?"},
    {"an override without a value", GOOD_HEAD, "simulation.epochs", ERR_INVALID, "-s: ", "path=value"},
    {"an override of nothing known", GOOD_HEAD, "simulation.epocs=3", ERR_UNKNOWN, "-s: simulation: ", "epochs"},
    {"an override out of bounds", GOOD_HEAD, "simulation.epochs=-3", ERR_INVALID, "-s: simulation.epochs: ", "-3"},
    {"an override past the list's end", GOOD_HEAD, "agents[7].count=3", ERR_UNKNOWN,
        "-s: agents[7].count: ", "counted from 0"},
    {"nobody to deal with", "agents: [{type: honest}]\n", NULL, ERR_INVALID, ":1:9: agents: ", "at least 2"},
    {"no agents at all", "simulation: {epochs: 2}\n", NULL, ERR_INVALID, ":1:1: ", "agents"},
    {"an empty file", "", NULL, 0, ": ", "empty"},
    {"a name that is a list", GOOD_HEAD "name: [a]\n", NULL, ERR_INVALID, ":3:7: name: ", "list"},
    {"unknown key of the cluster", GOOD_HEAD "cluster: {wrokers: 3}\n", NULL, ERR_UNKNOWN,
        ":3:11: cluster: ", "workers"},
};

/* `parts` holds one text, or several with a bar between of which one is enough. */
static bool
has_one_of(const char *text, const char *parts)
{
    while (*parts != '\0') {
        char part[100];
        size_t size = strcspn(parts, "|");

        snprintf(part, sizeof part, "%.*s", (int)size, parts);
        if (strstr(text, part) != NULL)
            return true;
        parts += size + (parts[size] == '|');
    }
    return false;
}

static void
mistake(void **state)
{
    const struct row *row = *state;
    const char *path = write_scenario("mistake.yaml", row->text);
    struct scenario scenario;
    struct why why = {0};
    char begin[5000];
    int error = scenario_load(path, &row->override, row->override != NULL ? 1 : 0, &scenario, &why);

    scenario_fini(&scenario);
    assert_int_not_equal(error, 0);
    if (row->want != 0 && error != row->want)
        print_error("%s\n", why.text);
    if (row->want != 0)
        assert_int_equal(error, row->want);
    snprintf(begin, sizeof begin, "%s%s", row->override != NULL ? "" : path, row->why);
    if (strncmp(why.text, begin, strlen(begin)) != 0 && strstr(why.text, begin) == NULL)
        assert_string_equal(why.text, begin);
    if (row->also[0] != '\0' && !has_one_of(why.text, row->also))
        assert_string_equal(why.text, row->also);
}

/* ---- what is understood ---- */

static void
load(struct scenario *out, const char *path, const char *const *overrides, uint32_t count)
{
    struct why why = {0};

    if (scenario_load(path, overrides, count, out, &why) != 0)
        print_error("%s\n", why.text);
    assert_int_equal(why.code, 0);
}

static const char *
value(const struct scenario *scenario, const char *path)
{
    const struct yaml_node *node = yaml_find_path(yaml_root(scenario->tree), path);

    return node != NULL && node->text != NULL ? node->text : "(none)";
}

static void
reads_older_spellings(void **state)
{
    static const char text[] =
        "scenario_id: status_game_v1\n"
        "motif: reputation_competition\n"
        "agents:\n  - {type: honest, count: 3, role: worker}\n"
        "environment:\n  initial_budget: 80.0\n  attention_scarcity: 0.25\n"
        "governance:\n  transaction_tax_rate: 0.05\n  reputation_decay: 0.9\n  bandwidth_cap: 7\n"
        "  vote_weight_cap: null\n  staking_required: 3\n  audit_penalty: 4\n"
        "  circuit_breaker_threshold: 0.6\n"
        "simulation: {epochs: 3, steps_per_epoch: 5, seed: 7}\n"
        "metrics_to_track: [toxicity_rate, quality_gap]\n";
    struct scenario scenario;

    (void)state;
    load(&scenario, write_scenario("older.yaml", text), NULL, 0);
    assert_string_equal(scenario.plan.name, "status_game_v1");
    assert_int_equal(scenario.plan.steps, 15);
    assert_string_equal(value(&scenario, "motif"), "reputation_competition");
    assert_string_equal(value(&scenario, "sandbox.initial_resources"), "80");
    assert_string_equal(value(&scenario, "sandbox.attention_scarcity"), "0.25");
    assert_string_equal(value(&scenario, "governance.transaction_tax.rate"), "0.05");
    assert_string_equal(value(&scenario, "governance.reputation_decay.rate"), "0.9");
    assert_string_equal(value(&scenario, "governance.bandwidth_cap.max_actions"), "7");
    assert_string_equal(value(&scenario, "governance.staking.min_stake"), "3");
    assert_string_equal(value(&scenario, "governance.random_audit.penalty"), "4");
    assert_string_equal(value(&scenario, "governance.circuit_breaker.threshold"), "0.6");
    assert_null(yaml_find_path(yaml_root(scenario.tree), "governance.vote_normalization"));
    assert_int_equal(scenario.lever_count, 6);
    assert_true(scenario.governed);
    assert_string_equal(value(&scenario, "metrics_to_track[1]"), "quality_gap");
    scenario_fini(&scenario);
}

static void
lays_layers(void **state)
{
    struct scenario scenario;
    const char *const overrides[] = {"governance.transaction_tax_rate=0.3", "agents[0].count=9"};

    (void)state;
    write_scenario(
        "ground.yaml", GOOD_HEAD "governance: {transaction_tax: {rate: 0.1}, bandwidth_cap: {max_actions: 4}}\n");
    write_scenario("middle.yaml", "extends: ground\ngovernance: {transaction_tax_rate: 0.2}\n");
    load(&scenario, write_scenario("top.yaml", "extends: middle.yaml\nsimulation: {seed: 5}\n"), NULL, 0);
    assert_string_equal(scenario.plan.name, "top");
    assert_int_equal(scenario.plan.simulation.epochs, 2); /* from the ground */
    assert_int_equal(scenario.plan.simulation.seed, 5);
    assert_string_equal(value(&scenario, "governance.transaction_tax.rate"), "0.2");
    assert_string_equal(value(&scenario, "governance.bandwidth_cap.max_actions"), "4");
    assert_null(yaml_find(yaml_root(scenario.tree), "extends"));
    scenario_fini(&scenario);

    load(&scenario, write_scenario("top.yaml", "extends: middle.yaml\n"), overrides, 2);
    assert_string_equal(value(&scenario, "governance.transaction_tax.rate"), "0.3");
    assert_string_equal(value(&scenario, "agents[0].count"), "9");
    scenario_fini(&scenario);
}

static void
switches_levers(void **state)
{
    static const char text[] = GOOD_HEAD "governance:\n  random_audit: {prob: 0.4}\n  staking:\n";
    const char *const off[] = {"governance.random_audit=false"};
    const char *const none[] = {"governance=null"};
    struct scenario scenario;

    (void)state;
    load(&scenario, write_scenario("levers.yaml", text), NULL, 0);
    assert_int_equal(scenario.lever_count, 2);
    scenario_fini(&scenario);
    load(&scenario, write_scenario("levers.yaml", text), off, 1);
    assert_int_equal(scenario.lever_count, 1);
    scenario_fini(&scenario);
    load(&scenario, write_scenario("levers.yaml", text), none, 1);
    assert_false(scenario.governed);
    scenario_fini(&scenario);
}

static void
manifest_of(const char *text, struct buffer *out)
{
    struct scenario scenario;

    load(&scenario, write_scenario("order.yaml", text), NULL, 0);
    plan_write_manifest(scenario.tree, out);
    scenario_fini(&scenario);
}

static void
order_does_not_count(void **state)
{
    struct buffer a = {0}, b = {0};

    (void)state;
    manifest_of("name: n\nsimulation: {seed: 3, epochs: 2}\nagents: [{count: 3, params: {vote: 0.2, post: 0.1}, type: "
                "honest}]\n"
                "description: d\nsandbox: {feed: {beta: 0.2, alpha: 0.3}, eta: 0.2}\n",
        &a);
    manifest_of("description: d\nagents: [{type: honest, count: 3, params: {post: 0.1, vote: 0.2}}]\n"
                "simulation: {epochs: 2, seed: 3}\nname: n\ncluster: {workers: 5}\n"
                "sandbox: {eta: 0.2, feed: {alpha: 0.3, beta: 0.2}}\n",
        &b);
    buffer_append(&a, "", 1);
    buffer_append(&b, "", 1);
    assert_non_null(strstr((const char *)a.data, "beta: 0.2"));
    assert_string_equal((const char *)a.data, (const char *)b.data);
    buffer_fini(&a);
    buffer_fini(&b);
}

/* Resolving what was resolved changes nothing: the manifest is a scenario. */
static void
resolved_is_a_scenario(void **state)
{
    struct scenario first, second;
    struct buffer a = {0}, b = {0};

    (void)state;
    load(&first,
        write_scenario(
            "first.yaml", GOOD_HEAD "governance: {random_audit: , bandwidth_cap: 3}\nx-note: {any: [thing]}\n"),
        NULL, 0);
    yaml_write(yaml_root(first.tree), &a);
    buffer_append(&a, "", 1);
    load(&second, write_scenario("second.yaml", (const char *)a.data), NULL, 0);
    yaml_write(yaml_root(second.tree), &b);
    buffer_append(&b, "", 1);
    assert_string_equal((const char *)a.data, (const char *)b.data);
    assert_string_equal(value(&second, "x-note.any[0]"), "thing");
    scenario_fini(&first);
    scenario_fini(&second);
    buffer_fini(&a);
    buffer_fini(&b);
}

static void
finds_by_name(void **state)
{
    char path[LIBRARY_PATH_SIZE];
    struct why why = {0};

    (void)state;
    write_scenario("waterfall.yaml", GOOD_HEAD);
    assert_int_equal(setenv("POLIS_SCENARIOS", test_folder(), 1), 0);
    assert_int_equal(library_find(&library_scenarios, "waterfall", NULL, path, &why), 0);
    assert_non_null(strstr(path, "/waterfall.yaml"));
    assert_int_equal(library_find(&library_scenarios, "watrefall", NULL, path, &why), ERR_MISSING);
    assert_string_equal(why.text, "there is no scenario 'watrefall'; did you mean 'waterfall'?");
    assert_int_equal(library_find(&library_scenarios, "", NULL, path, &why), ERR_INVALID);
    assert_int_equal(unsetenv("POLIS_SCENARIOS"), 0);
}

static void
schema_is_json(void **state)
{
    static const char *const sections[] = {"agents", "sandbox", "governance", "simulation", "log", "cluster"};
    struct buffer text = {0};
    json_error_t error;
    json_t *root;

    (void)state;
    scenario_write_schema(&text);
    root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        print_error("%d: %s\n", error.position, error.text);
    assert_non_null(root);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        assert_true(json_is_object(json_object_get(json_object_get(root, "properties"), sections[i])));
    json_decref(root);
    buffer_fini(&text);
}

/* ---- the scenarios that come with the program ---- */

static void
load_shipped(void *context, const char *name, const char *path)
{
    struct scenario scenario;

    if (strncmp(path, "configs/", 8) != 0)
        return;
    load(&scenario, path, NULL, 0);
    assert_true(scenario.plan.steps > 0);
    scenario_fini(&scenario);
    (void)name;
    ++*(uint32_t *)context;
}

static void
shipped_ones_are_good(void **state)
{
    uint32_t count = 0;

    (void)state;
    if (access("configs/scenarios", R_OK) != 0) {
        test_say_skipped("shipped scenarios", "not run from the project's folder");
        return;
    }
    library_each(&library_scenarios, load_shipped, &count);
    assert_true(count >= 6);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"reads older spellings", reads_older_spellings},
        {"lays layers and overrides on one another", lays_layers},
        {"switches levers on and off", switches_levers},
        {"the order of sections does not count", order_does_not_count},
        {"what was resolved resolves to itself", resolved_is_a_scenario},
        {"finds by name, or says what is near", finds_by_name},
        {"the schema is JSON", schema_is_json},
        {"the scenarios that come along are good", shipped_ones_are_good},
    };

    return TEST_ROWS("scenario mistakes", rows, mistake) + TEST_CASES("scenario", cases);
}
