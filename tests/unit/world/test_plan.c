#include "world/plan.h"

#include <string.h>

#include "tests/support/test.h"

/* ---- reading ---- */

static const struct read_row {
    const char *name, *text;
    int want;
    uint32_t epochs;
    uint64_t steps;
    int64_t seed;
    const char *says;
} read_rows[] = {
    {"all defaults", "{}", 0, 10, 100, 42, ""},
    {"its own numbers", "simulation: {epochs: 3, steps_per_epoch: 7, seed: 5}", 0, 3, 21, 5, ""},
    {"many steps", "simulation: {epochs: 1000000, steps_per_epoch: 1000000}", 0, 1000000, 1000000000000, 42, ""},
    {"no epochs", "simulation: {epochs: 0}", ERR_INVALID, 0, 0, 0, "epochs"},
    {"a seed below zero", "simulation: {seed: -1}", ERR_INVALID, 0, 0, 0, "seed"},
    {"an unknown key", "simulation: {epoch: 5}", ERR_UNKNOWN, 0, 0, 0, "epochs"},
    {"turns nobody knows", "simulation: {turns: some}", ERR_UNKNOWN, 0, 0, 0, "turns"},
    {"a detail nobody knows", "log: {detail: all}", ERR_UNKNOWN, 0, 0, 0, "detail"},
    {"no workers", "cluster: {workers: 0}", ERR_INVALID, 0, 0, 0, "workers"},
    {"a name that is a list", "name: [a]", ERR_INVALID, 0, 0, 0, ""},
    {"a name as long as may be", "name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaa", 0, 10, 100, 42, ""},
    {"a name too long", "name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaa", ERR_LIMIT, 0, 0, 0, "100"},
};

static void
reads(void **state)
{
    const struct read_row *row = *state;
    struct yaml_tree *tree = NULL;
    struct plan plan;
    struct why why = {0};

    assert_int_equal(yaml_read_text("test", row->text, strlen(row->text), &tree, &why), 0);
    assert_int_equal(plan_read(yaml_root(tree), &plan, &why), row->want);
    assert_non_null(strstr(why.text, row->says));
    if (row->want == 0) {
        assert_int_equal(plan.simulation.epochs, row->epochs);
        assert_int_equal(plan.steps, row->steps);
        assert_int_equal(plan.simulation.seed, row->seed);
        assert_int_equal(plan.logging.detail, DETAIL_ACTIONS);
        assert_int_equal(plan.cluster.chunk, 8192);
    }
    yaml_destroy(&tree);
}

/* ---- the manifest ---- */

static struct buffer
manifest_of(const char *text)
{
    struct yaml_tree *tree = NULL;
    struct buffer out = {0};
    struct why why = {0};

    assert_int_equal(yaml_read_text("test", text, strlen(text), &tree, &why), 0);
    assert_int_equal(plan_resolve(tree, &why), 0);
    plan_write_manifest(tree, &out);
    yaml_destroy(&tree);
    return out;
}

static void
round_trip(void **state)
{
    struct buffer bytes = manifest_of("name: a \"town\"\nsimulation: {epochs: 4, steps_per_epoch: 5, "
                                      "seed: 9007199254740991, turns: sequential}\nlog: {detail: inputs}\n"
                                      "sandbox: {agents: {honest: 3}}\n");
    struct yaml_tree *tree = NULL;
    struct plan plan;
    struct buffer again = {0};
    int64_t three = 0;
    struct why why = {0};

    (void)state;
    assert_true(bytes.size > 9 && memcmp(bytes.data, "polis: 1\n", 9) == 0);
    assert_int_equal(plan_read_manifest(bytes.data, bytes.size, &tree, &plan, &why), 0);
    assert_string_equal(plan.name, "a \"town\"");
    assert_int_equal(plan.simulation.epochs, 4);
    assert_int_equal(plan.simulation.seed, 9007199254740991);
    assert_int_equal(plan.simulation.turns, TURNS_SEQUENTIAL);
    assert_int_equal(plan.logging.detail, DETAIL_INPUTS);
    assert_int_equal(plan.steps, 20);
    assert_int_equal(yaml_get_integer(yaml_find_path(yaml_root(tree), "sandbox.agents.honest"), &three, &why), 0);
    assert_int_equal(three, 3);
    assert_null(yaml_find(yaml_root(tree), "polis"));
    plan_write_manifest(tree, &again); /* and once more: the same bytes */
    assert_int_equal(again.size, bytes.size);
    assert_memory_equal(again.data, bytes.data, bytes.size);
    yaml_destroy(&tree);
    buffer_fini(&again);
    buffer_fini(&bytes);
}

/* What changes no result is no part of the manifest; what does, is. */
static const struct part_row {
    const char *name, *text;
    bool same;
} part_rows[] = {
    {"the cluster is none", "cluster: {workers: 7, chunk: 3, transport: tcp}", true},
    {"nor is durability", "log: {durability: none}", true},
    {"nor are snapshots", "log: {snapshot_every: 3}", true},
    {"defaults that are spelled out are none", "simulation: {epochs: 10, steps_per_epoch: 10, seed: 42}", true},
    {"the seed is", "simulation: {seed: 43}", false},
    {"the detail of the log is", "log: {detail: inputs}", false},
    {"whose turn it is, is", "simulation: {turns: sequential}", false},
};

static void
parts(void **state)
{
    const struct part_row *row = *state;
    struct buffer plain = manifest_of("{}"), other = manifest_of(row->text);

    assert_int_equal(plain.size == other.size && memcmp(plain.data, other.data, plain.size) == 0, row->same);
    buffer_fini(&plain);
    buffer_fini(&other);
}

/* Whether models are asked, or a log of them, is no part of the manifest; what they are asked, is. */
static void
models(void **state)
{
    struct buffer asked = manifest_of("llm: {mode: record, parent: '', audit_per_mille: 50, cache_mb: 64, "
                                      "record_prompts: true, roles: {a: 1}}");
    struct buffer replayed = manifest_of("llm: {mode: replay, parent: x, audit_per_mille: 3, cache_mb: 9, "
                                         "record_prompts: false, roles: {a: 1}}");
    struct buffer other = manifest_of("llm: {mode: record, roles: {a: 2}}");

    (void)state;
    assert_int_equal(asked.size, replayed.size);
    assert_memory_equal(asked.data, replayed.data, asked.size);
    assert_int_equal(asked.size, other.size);
    assert_memory_not_equal(asked.data, other.data, asked.size);
    buffer_fini(&asked);
    buffer_fini(&replayed);
    buffer_fini(&other);
}

static const struct format_row {
    const char *name, *text;
    int want;
} format_rows[] = {
    {"this format", "polis: 1\n", 0},
    {"a later one", "polis: 2\n", ERR_VERSION},
    {"an earlier one", "polis: 0\n", ERR_VERSION},
    {"none", "name: x\n", ERR_VERSION},
    {"no number", "polis: new\n", ERR_VERSION},
    {"a list", "polis: [1]\n", ERR_VERSION},
    {"no YAML", "polis: 1\n\tx", ERR_FORMAT},
    {"nothing", "", ERR_INVALID},
    {"a wrong section", "polis: 1\nsimulation: {epochs: 0}\n", ERR_INVALID},
};

static void
formats(void **state)
{
    const struct format_row *row = *state;
    struct yaml_tree *tree = NULL;
    struct plan plan;
    struct why why = {0};

    assert_int_equal(plan_read_manifest(row->text, strlen(row->text), &tree, &plan, &why), row->want);
    assert_int_equal(tree == NULL, row->want != 0);
    assert_int_equal(why.text[0] == '\0', row->want == 0);
    yaml_destroy(&tree);
}

static void
order_of_sections(void **state)
{
    static const char want[] = "polis: 1\nname: x\nsimulation:\n";
    struct buffer one = manifest_of("zoo: {b: 1, a: 2}\nant: 2\nlog: {}\ncluster: {}\nname: x\n");
    struct buffer other = manifest_of("name: x\nant: 2\nsimulation: {}\nzoo: {b: 1, a: 2}\n");

    (void)state;
    assert_int_equal(one.size, other.size);
    assert_memory_equal(one.data, other.data, one.size);
    assert_memory_equal(one.data, want, sizeof want - 1);
    buffer_fini(&one);
    buffer_fini(&other);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"a manifest's round trip", round_trip}, {"sections stand in one order", order_of_sections},
        {"how models are asked is no part of a manifest", models}};

    return TEST_ROWS("plan", read_rows, reads) + TEST_ROWS("manifest's parts", part_rows, parts) +
           TEST_ROWS("formats", format_rows, formats) + TEST_CASES("manifest", cases);
}
