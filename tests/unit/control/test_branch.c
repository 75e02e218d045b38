/* Where a fork begins, and what it may not change. */
#include "control/branch.h"
#include "control/launch.h"
#include "control/paths.h"
#include "core/digest.h"
#include "core/text.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- RUN@STEP ---- */

static const struct point_row {
    const char *name, *text;
    int want;
    const char *run;
    enum branch_where where;
    uint64_t number;
} point_rows[] = {
    {"a run alone", "runs/a-42-1", 0, "runs/a-42-1", BRANCH_NEWEST, 0},
    {"a step", "runs/a@120", 0, "runs/a", BRANCH_STEP, 120},
    {"before the first step", "a@0", 0, "a", BRANCH_STEP, 0},
    {"an epoch", "a@epoch:5", 0, "a", BRANCH_EPOCH, 5},
    {"the end", "a@end", 0, "a", BRANCH_END, 0},
    {"a name with an @ in it", "a@home@7", 0, "a@home", BRANCH_STEP, 7},
    {"no run", "@7", ERR_INVALID, "", 0, 0},
    {"nothing at all", "", ERR_INVALID, "", 0, 0},
    {"nothing behind the @", "a@", ERR_INVALID, "", 0, 0},
    {"words behind the @", "a@noon", ERR_INVALID, "", 0, 0},
    {"a negative step", "a@-1", ERR_INVALID, "", 0, 0},
    {"a fraction", "a@1.5", ERR_INVALID, "", 0, 0},
    {"too large for a number", "a@99999999999999999999", ERR_INVALID, "", 0, 0},
    {"an epoch without a number", "a@epoch:", ERR_INVALID, "", 0, 0},
    {"an epoch with a word", "a@epoch:last", ERR_INVALID, "", 0, 0},
};

static void
points(void **state)
{
    const struct point_row *row = *state;
    struct branch_point point;
    struct why why = {0};

    assert_int_equal(branch_point_read(row->text, &point, &why), row->want);
    if (row->want != 0) {
        assert_true(strlen(why.text) > 10);
        return;
    }
    assert_string_equal(point.run, row->run);
    assert_int_equal(point.where, row->where);
    assert_int_equal(point.number, row->number);
}

/* ---- paths ---- */

static const struct match_row {
    const char *name, *path, *pattern;
    bool want;
} match_rows[] = {
    {"itself", "sandbox.rules", "sandbox.rules", true},
    {"another one", "sandbox.eta", "sandbox.rules", false},
    {"one that begins alike", "sandbox.rulesets", "sandbox.rules", false},
    {"any item", "agents[3].count", "agents.*.count", true},
    {"any item, another member", "agents[3].role", "agents.*.count", false},
    {"below it", "agents[3].params.patience", "agents.*.params", true},
    {"what holds it", "agents[3]", "agents.*.count", true},
    {"the whole section", "sandbox", "sandbox.feed.feed_capacity", true},
    {"a key in quotes", "x-a.\"b.c\"", "x-a.\"b.c\"", true},
};

static void
matches(void **state)
{
    const struct match_row *row = *state;

    assert_int_equal(paths_match(row->path, row->pattern), row->want);
}

struct seen {
    char text[400];
};

static void
see(void *context, const char *path, const struct yaml_node *a, const struct yaml_node *b)
{
    struct seen *seen = context;
    struct buffer line = {0};

    text_addf(&line, "%s ", path);
    paths_show(a, &line);
    text_add(&line, " ");
    paths_show(b, &line);
    text_add(&line, "; ");
    assert_true(strlen(seen->text) + line.size < sizeof seen->text);
    strncat(seen->text, (const char *)line.data, line.size);
    buffer_fini(&line);
}

static const struct differ_row {
    const char *name, *a, *b, *want;
} differ_rows[] = {
    {"equal", "{a: 1, b: {c: 2}}", "{b: {c: 2}, a: 1}", ""},
    {"a value", "{a: 1, b: {c: 2}}", "{a: 1, b: {c: 3}}", "b.c 2 3; "},
    {"only in one", "{a: 1, b: {c: 2, d: [1, 2]}}", "{a: 1}", "b {c: 2, d: [1, 2]} none; "},
    {"only in the other", "{a: 1}", "{a: 1, b: null}", "b none null; "},
    {"an item", "{a: [1, {b: 2}]}", "{a: [1, {b: 4}]}", "a[1].b 2 4; "},
    {"an item more", "{a: [1]}", "{a: [1, 2]}", "a[1] none 2; "},
    {"another kind", "{a: [1]}", "{a: 1}", "a [1] 1; "},
    {"text and number", "{a: \"1\"}", "{a: 1}", "a 1 1; "},
};

static void
differs(void **state)
{
    const struct differ_row *row = *state;
    struct yaml_tree *a = NULL, *b = NULL;
    struct seen seen = {""};
    struct why why = {0};

    assert_int_equal(yaml_read_text("a", row->a, strlen(row->a), &a, &why), 0);
    assert_int_equal(yaml_read_text("b", row->b, strlen(row->b), &b, &why), 0);
    paths_differ(yaml_root(a), yaml_root(b), see, &seen);
    assert_string_equal(seen.text, row->want);
    yaml_destroy(&a);
    yaml_destroy(&b);
}

/* ---- a run, and what becomes of it ---- */

static const char scenario_text[] =
    "name: trunk\n"
    "agents:\n"
    "  - {type: honest, count: 3}\n"
    "  - {type: opportunistic, count: 2}\n"
    "simulation: {epochs: 3, steps_per_epoch: 5}\n"
    "governance:\n"
    "  bandwidth_cap: {max_actions: 3}\n"
    "  random_audit: {prob: 0.5}\n";

/* Made once: 15 steps. */
static const char *
trunk(void)
{
    static char path[4400];
    char file[4400];
    struct scenario scenario;
    struct launch launch;
    struct why why = {0};
    FILE *stream;

    if (path[0] != '\0')
        return path;
    snprintf(file, sizeof file, "%s/trunk.yaml", test_folder());
    snprintf(path, sizeof path, "%s/trunk", test_folder());
    stream = fopen(file, "we");
    assert_non_null(stream);
    fputs(scenario_text, stream);
    assert_int_equal(fclose(stream), 0);
    if (scenario_load(file, NULL, 0, &scenario, &why) != 0 || folder_create(path, scenario.tree, &why) != 0)
        fail_msg("%s", why.text);
    launch = (struct launch){.folder = path, .plan = &scenario.plan, .governed = true, .quiet = true};
    assert_int_equal(launch_inproc(&launch), 0);
    scenario_fini(&scenario);
    return path;
}

static const struct change_row {
    const char *name, *change;
    int want;
    const char *why;
} change_rows[] = {
    {"more epochs", "simulation.epochs=9", 0, NULL},
    {"another seed", "simulation.seed=7", 0, NULL},
    {"a lever more", "governance.staking=true", 0, NULL},
    {"a lever less", "governance.random_audit=false", 0, NULL},
    {"a policy's parameter", "agents[0].params.interact=0.9", 0, NULL},
    {"a payoff", "sandbox.payoff.h=5", 0, NULL},
    {"one agent at a time", "simulation.turns=sequential", 0, NULL},
    {"a name", "name=branch", 0, NULL},
    {"a section of one's own", "x-note=hello", 0, NULL},
    {"a smaller log", "log.detail=inputs", 0, NULL},
    {"more workers", "cluster.workers=3", 0, NULL},
    {"the same value again", "agents[0].count=3", 0, NULL},
    {"another count", "agents[0].count=4", ERR_INVALID, "agents[0].count from 3 to 4"},
    {"another policy", "agents[1].type=honest", ERR_INVALID, "agents[1].type from opportunistic to honest"},
    {"another role", "agents[1].role=poster", ERR_INVALID, "agents[1].role from worker to poster"},
    {"longer epochs", "simulation.steps_per_epoch=6", ERR_INVALID, "simulation.steps_per_epoch from 5 to 6"},
    {"a longer memory of others", "sandbox.trust_slots=9", ERR_INVALID, "sandbox.trust_slots from 8 to 9"},
    {"a larger feed", "sandbox.feed.feed_capacity=300", ERR_INVALID, "sandbox.feed.feed_capacity from 256 to 300"},
    {"longer texts", "sandbox.rails.max_content_length=9", ERR_INVALID, "sandbox.rails.max_content_length"},
    {"what they began with", "agents[0].initial_resources=7", ERR_INVALID, "has had its effect before step 1"},
    {"an end that is over", "simulation.epochs=1", ERR_INVALID, "nothing would be left to do"},
    {"where it comes from", "fork.step=3", ERR_INVALID, "not for the scenario to say"},
    {"no such parameter", "sandbox.etta=1", ERR_UNKNOWN, "eta"},
    {"out of bounds", "sandbox.eta=2", ERR_INVALID, "sandbox.eta"},
};

static void
changes(void **state)
{
    const struct change_row *row = *state;
    struct branch branch;
    struct scenario scenario;
    struct why why = {0};
    char text[4500];
    int error;

    snprintf(text, sizeof text, "%s@7", trunk());
    if (branch_open(text, &branch, &why) != 0)
        fail_msg("%s", why.text);
    assert_int_equal(branch.step, 7);
    error = branch_plan(&branch, &(struct branch_wish){.overrides = &row->change, .override_count = 1, .number = 3},
        &scenario, &why);
    if (error != row->want || (row->why != NULL && strstr(why.text, row->why) == NULL))
        fail_msg("%d: %s", error, why.text);
    if (error == 0) {
        assert_string_equal(yaml_find_path(yaml_root(scenario.tree), "fork.parent")->text, "trunk");
        assert_string_equal(yaml_find_path(yaml_root(scenario.tree), "fork.step")->text, "7");
        assert_string_equal(yaml_find_path(yaml_root(scenario.tree), "fork.branch")->text, "3");
        scenario_fini(&scenario);
    }
    branch_close(&branch);
}

static const struct step_row {
    const char *name, *at;
    int want;
    uint64_t step;
} step_rows[] = {
    {"the newest", "", 0, 15},
    {"the end", "@end", 0, 15},
    {"a step", "@4", 0, 4},
    {"before all", "@0", 0, 0},
    {"an epoch", "@epoch:2", 0, 10},
    {"no epoch", "@epoch:0", 0, 0},
    {"a step too far", "@16", ERR_MISSING, 0},
    {"an epoch too far", "@epoch:4", ERR_MISSING, 0},
    {"an epoch beyond all bounds", "@epoch:9223372036854775807", ERR_MISSING, 0},
};

static void
steps(void **state)
{
    const struct step_row *row = *state;
    struct branch branch;
    struct why why = {0};
    char text[4500];

    snprintf(text, sizeof text, "%s%s", trunk(), row->at);
    assert_int_equal(branch_open(text, &branch, &why), row->want);
    if (row->want != 0)
        return;
    assert_int_equal(branch.step, row->step);
    assert_non_null(branch.engine);
    assert_true(branch.state.size > 0);
    branch_close(&branch);
}

/* The state in the fork's log is the parent's, and its manifest names the parent's chain there. */
static void
begins_with_the_parent(void **state)
{
    struct branch branch, again;
    struct scenario scenario;
    struct folder folder;
    struct why why = {0};
    char text[4500], path[4500], hex[2 * STORE_CHAIN + 1];
    struct store_commit commit;

    (void)state;
    snprintf(text, sizeof text, "%s@11", trunk());
    snprintf(path, sizeof path, "%s/branch", test_folder());
    if (branch_open(text, &branch, &why) != 0 ||
        branch_plan(&branch, &(struct branch_wish){.reseeded = true, .seed = 5}, &scenario, &why) != 0 ||
        branch_make(&branch, &scenario, path, &why) != 0 || folder_open(path, &folder, &why) != 0)
        fail_msg("%s", why.text);
    assert_int_equal(folder.plan.simulation.seed, 5);
    assert_true(store_is_fork(folder.store));
    assert_int_equal(store_base(folder.store), 11);
    assert_int_equal(store_committed(folder.store).step, 11);
    assert_int_equal(store_read_commit(folder.store, 11, &commit, &why), 0);
    assert_memory_equal(commit.digest, branch.commit.digest, STORE_DIGEST);
    assert_string_equal(yaml_find_path(yaml_root(folder.tree), "fork.parent_chain")->text,
        digest_hex(branch.commit.chain, STORE_CHAIN, hex));
    assert_int_equal(store_read_commit(folder.store, 10, &commit, &why), ERR_MISSING);
    folder_close(&folder);
    if (branch_open(path, &again, &why) != 0)
        fail_msg("%s", why.text);
    assert_int_equal(again.step, 11);
    assert_int_equal(again.state.size, branch.state.size);
    assert_memory_equal(again.state.data, branch.state.data, branch.state.size);
    branch_close(&again);
    assert_int_equal(branch_make(&branch, &scenario, path, &why), ERR_STATE); /* it is there */
    scenario_fini(&scenario);
    branch_close(&branch);
}

int
main(void)
{
    static const struct test_case cases[] = {{"a branch begins with the parent's state", begins_with_the_parent}};

    return TEST_ROWS("branch_point", point_rows, points) + TEST_ROWS("paths_match", match_rows, matches) +
           TEST_ROWS("paths_differ", differ_rows, differs) + TEST_ROWS("branch_plan", change_rows, changes) +
           TEST_ROWS("branch_point_step", step_rows, steps) + TEST_CASES("branch_make", cases);
}
