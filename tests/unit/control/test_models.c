/* Agents that ask models: what a scenario must say of them, what becomes of it, and that a run, its repetition from the
 * call log and an unchanged fork are the same, whoever is there to be asked. */
#include "control/branch.h"
#include "control/launch.h"
#include "control/models.h"
#include "control/models_gateway.h"
#include "control/models_mode.h"
#include "llm-gateway/record.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define LLM                                                                                                            \
    "llm:\n  providers: {s: {dialect: scripted, options: {script: [{reply: '{}', fill: drawn}]}, models: {m: {price: " \
    "{in: 1, cached: 0, out: 2}}}}}\n  roles: {worker: {chain: [s/m, rules]}}\n"
#define SOME "agents:\n  - {type: honest, count: 3}\n  - {type: llm, count: 2"

static const char *
write_file(const char *name, const char *text)
{
    static char path[32][4400];
    static uint32_t next;
    char *out = path[next++ % 32];
    FILE *stream;

    snprintf(out, sizeof path[0], "%s/%s", test_folder(), name);
    stream = fopen(out, "we");
    assert_non_null(stream);
    fputs(text, stream);
    assert_int_equal(fclose(stream), 0);
    return out;
}

/* Templates beside the scenarios of these tests. */
static void
write_templates(void)
{
    static char long_text[MODELS_SYSTEM_MAX + 100];

    memset(long_text, 'x', sizeof long_text - 1);
    memcpy(long_text, "# long, version 1\n", 18);
    write_file("swarm.worker.md", "# swarm.worker, version 3\nYou work.\n\"Quoted\": {and} # braced.\n");
    write_file("swarm.poster.md", "# swarm.poster, version 1\nYou post.\n");
    write_file("mine.md", "# my own, version 12\nDo as you like.\n");
    write_file("headless.md", "You work.\n");
    write_file("nameless.md", "# , version 2\nYou work.\n");
    write_file("timeless.md", "# timeless, version soon\nYou work.\n");
    write_file("zero.md", "# zero, version 0\nYou work.\n");
    write_file("mute.md", "# mute, version 2\n");
    write_file("long.md", long_text);
    write_file("broken.md", "# broken, version 1\nYou \xff work.\n");
}

/* ---- mistakes ---- */

static const struct mistake_row {
    const char *name, *text;
    int want;
    const char *why; /* all of it, behind the file's name */
} mistake_rows[] = {
    {"no section", SOME "}\n", ERR_MISSING,
        ":3:12: agents[1].type: these agents ask models, and no section llm says which"},
    {"no such role in the section", SOME ", role: poster}\n" LLM, ERR_MISSING,
        ":3:33: agents[1].role: llm.roles has no swarm.poster: it says whom these agents ask"},
    {"a role that is named and not there", SOME ", params: {role: planner}}\n" LLM, ERR_MISSING,
        ":3:42: agents[1].params.role: llm.roles has no swarm.planner: it says whom these agents ask"},
    {"a role that does not exist", SOME ", params: {role: swarm.wroker}}\n" LLM, ERR_UNKNOWN,
        ":3:42: agents[1].params.role: no role 'swarm.wroker'; did you mean 'swarm.worker'?"},
    {"a fallback that asks itself", SOME ", params: {fallback: llm}}\n" LLM, ERR_UNKNOWN,
        ":3:46: agents[1].params.fallback: 'llm' is no built-in policy that decides by itself"},
    {"a template like nothing", SOME ", params: {template: xylophone}}\n" LLM, ERR_MISSING,
        ":3:46: agents[1].params.template: there is no template 'xylophone'; the folder configs/prompts shows what "
        "there is"},
    {"a template without a head", SOME ", params: {template: headless}}\n" LLM, ERR_FORMAT,
        ":3:46: agents[1].params.template: @/headless.md:1: a template begins with a line '# NAME, version N'"},
    {"a template without a name", SOME ", params: {template: nameless}}\n" LLM, ERR_FORMAT,
        ":3:46: agents[1].params.template: @/nameless.md:1: a template begins with a line '# NAME, version N'"},
    {"a template whose version is a word", SOME ", params: {template: timeless}}\n" LLM, ERR_FORMAT,
        ":3:46: agents[1].params.template: @/timeless.md:1: a template begins with a line '# NAME, version N'"},
    {"a template of version 0", SOME ", params: {template: zero}}\n" LLM, ERR_FORMAT,
        ":3:46: agents[1].params.template: @/zero.md:1: a template begins with a line '# NAME, version N'"},
    {"a template without a text", SOME ", params: {template: mute}}\n" LLM, ERR_FORMAT,
        ":3:46: agents[1].params.template: @/mute.md: the template has no text behind its first line"},
    {"a template that is too long", SOME ", params: {template: long}}\n" LLM, ERR_LIMIT,
        ":3:46: agents[1].params.template: @/long.md: the text has more than 8000 bytes"},
    {"a template that is no text", SOME ", params: {template: broken}}\n" LLM, ERR_FORMAT,
        ":3:46: agents[1].params.template: @/broken.md: the text is not UTF-8"},
    {"more memory than an agent has", SOME ", params: {memory: 60}}\nsandbox: {memory_max: 50}\n" LLM, ERR_INVALID,
        ":3:44: agents[1].params.memory: 60 bytes, and sandbox.memory_max leaves an agent 50"},
    {"too many for one batch", "agents:\n  - {type: llm, count: 65537}\n" LLM, ERR_LIMIT,
        ":2:5: agents[0]: 65537 agents with these params ask models; at most 65536 can"},
    {"too many that decide as one",
        "agents:\n  - {type: llm, count: 65530}\n  - {type: llm, count: 7, name: others}\n" LLM, ERR_LIMIT,
        ":3:5: agents[1]: 65537 agents with these params ask models; at most 65536 can"},
    {"a wrong section", SOME "}\nllm: {mode: recrod}\n", ERR_INVALID, NULL},
};

static void
mistake(void **state)
{
    const struct mistake_row *row = *state;
    const char *path = write_file("mistake.yaml", row->text), *folder = test_folder();
    struct scenario scenario;
    struct why why = {0};
    char want[5000] = "";
    int error;

    write_templates();
    error = scenario_load(path, NULL, 0, &scenario, &why);
    scenario_fini(&scenario);
    if (row->why == NULL) {
        assert_int_not_equal(error, 0);
        assert_non_null(strstr(why.text, "llm.mode"));
        return;
    }
    snprintf(want, sizeof want, "%s", path);
    for (const char *at = row->why; *at != '\0'; at++)
        if (*at == '@')
            strncat(want, folder, sizeof want - strlen(want) - 1);
        else
            strncat(want, at, 1);
    assert_string_equal(why.text, want);
    assert_int_equal(error, row->want);
}

/* ---- what is filled in ---- */

static const struct filled_row {
    const char *name, *text, *role, *template, *system, *version, *memory;
} filled_rows[] = {
    {"all of it", SOME "}\n" LLM, "swarm.worker", "swarm.worker", "You work.\n\"Quoted\": {and} # braced.\n", "3",
        NULL},
    {"a role by its short name", SOME ", role: poster, params: {role: worker}}\n" LLM, "swarm.worker", "swarm.worker",
        "You work.\n\"Quoted\": {and} # braced.\n", "3", NULL},
    {"a template of one's own goes by the name it has in its file", SOME ", params: {template: mine}}\n" LLM,
        "swarm.worker", "my own", "Do as you like.\n", "12", NULL},
    {"a text that is given is left alone", SOME ", params: {system: 'Be brief.', version: 7}}\n" LLM, "swarm.worker",
        "", "Be brief.", "7", NULL},
    {"all the memory there is", SOME "}\nsandbox: {memory_max: 40}\n" LLM, "swarm.worker", "swarm.worker", NULL, "3",
        "40"},
    {"memory that is given", SOME ", params: {memory: 9}}\nsandbox: {memory_max: 40}\n" LLM, "swarm.worker",
        "swarm.worker", NULL, "3", "9"},
};

static const char *
param_of(const struct yaml_node *root, const char *name)
{
    char path[100];

    snprintf(path, sizeof path, "agents[1].params.%s", name);
    return yaml_find_path(root, path)->text;
}

static void
filled(void **state)
{
    const struct filled_row *row = *state;
    struct scenario scenario, again;
    struct buffer manifest = {0}, other = {0};
    struct yaml_tree *tree = NULL;
    struct plan plan;
    struct why why = {0};

    write_templates();
    if (scenario_load(write_file("filled.yaml", row->text), NULL, 0, &scenario, &why) != 0)
        fail_msg("%s", why.text);
    assert_string_equal(param_of(yaml_root(scenario.tree), "role"), row->role);
    assert_string_equal(param_of(yaml_root(scenario.tree), "template"), row->template);
    assert_string_equal(param_of(yaml_root(scenario.tree), "version"), row->version);
    if (row->system != NULL)
        assert_string_equal(param_of(yaml_root(scenario.tree), "system"), row->system);
    if (row->memory != NULL)
        assert_string_equal(param_of(yaml_root(scenario.tree), "memory"), row->memory);
    /* Resolved from its manifest, without any file, it is the same again. */
    plan_write_manifest(scenario.tree, &manifest);
    if (plan_read_manifest(manifest.data, manifest.size, &tree, &plan, &why) != 0 ||
        scenario_resolve(&tree, &again, &why) != 0)
        fail_msg("%s", why.text);
    plan_write_manifest(again.tree, &other);
    assert_int_equal(manifest.size, other.size);
    assert_memory_equal(manifest.data, other.data, other.size);
    buffer_fini(&manifest);
    buffer_fini(&other);
    scenario_fini(&scenario);
    scenario_fini(&again);
}

/* ---- --llm ---- */

static const struct wish_row {
    const char *name, *text;
    bool needs_run;
    int want;
    const char *mode, *run, *why;
} wish_rows[] = {
    {"live keeps nothing", "live", true, 0, "off", "", NULL},
    {"record", "record", true, 0, "record", "", NULL},
    {"rules ask nobody", "rules", true, 0, NULL, "", NULL},
    {"replay of a run", "replay=runs/a-1", true, 0, "replay", "runs/a-1", NULL},
    {"a run with = in its name", "audit=a=b", true, 0, "audit", "a=b", NULL},
    {"a fork needs no run", "replay_loose", false, 0, "replay_loose", "", NULL},
    {"a run is missing", "replay", true, ERR_INVALID, NULL, NULL,
        "--llm replay needs the run whose call log it reads: --llm replay=RUN"},
    {"a run is empty", "branch=", false, ERR_INVALID, NULL, NULL,
        "--llm branch needs the run whose call log it reads: --llm branch=RUN"},
    {"a run too many", "record=x", true, ERR_INVALID, NULL, NULL, "--llm record reads no other run's log"},
    {"a slip", "reply=x", true, ERR_INVALID, NULL, NULL, "--llm: no mode 'reply'; did you mean 'replay'?"},
    {"nothing known", "xylophone", true, ERR_INVALID, NULL, NULL,
        "--llm: no mode 'xylophone'; there are live, record, replay, replay_loose, branch, audit and rules"},
};

static void
wishes(void **state)
{
    const struct wish_row *row = *state;
    struct models_wish wish;
    struct why why = {0};

    assert_int_equal(models_wish_read(row->text, row->needs_run, &wish, &why), row->want);
    if (row->want != 0) {
        assert_string_equal(why.text, row->why);
        return;
    }
    assert_string_equal(wish.run, row->run);
    if (row->mode == NULL)
        assert_null(wish.mode);
    else
        assert_string_equal(wish.mode, row->mode);
}

static void
rules_are_another_scenario(void **state)
{
    static const char *const modes[] = {"record", "live", "rules"};
    struct buffer manifests[3] = {{0}};
    struct models_wish wish;
    struct why why = {0};

    (void)state;
    write_templates();
    for (int i = 0; i < 3; i++) {
        struct yaml_tree *tree = NULL;
        struct scenario scenario;

        if (models_wish_read(modes[i], true, &wish, &why) != 0 ||
            scenario_read(write_file("rules.yaml", SOME "}\n" LLM), NULL, 0, &tree, &why) != 0 ||
            models_wish_apply(&wish, tree, &why) != 0 || scenario_resolve(&tree, &scenario, &why) != 0)
            fail_msg("%s", why.text);
        plan_write_manifest(scenario.tree, &manifests[i]);
        scenario_fini(&scenario);
    }
    assert_int_equal(manifests[0].size, manifests[1].size);
    assert_memory_equal(manifests[0].data, manifests[1].data, manifests[0].size);
    assert_false(manifests[0].size == manifests[2].size &&
                 memcmp(manifests[0].data, manifests[2].data, manifests[0].size) == 0);
    for (int i = 0; i < 3; i++)
        buffer_fini(&manifests[i]);
}

static void
a_role_is_set_by_either_name(void **state)
{
    const char *set[] = {"llm.roles.worker.temperature=0.25"};
    struct scenario scenario;
    struct why why = {0};

    (void)state;
    write_templates();
    if (scenario_load(write_file("named.yaml",
                          SOME "}\nllm:\n  providers: {s: {dialect: scripted, options: {script: [{reply: a}]}, models: "
                               "{m: {price: free}}}}\n  roles: {swarm.worker: {chain: [s/m, rules]}}\n"),
            set, 1, &scenario, &why) != 0)
        fail_msg("%s", why.text);
    assert_string_equal(
        yaml_find_path(yaml_root(scenario.tree), "llm.roles.\"swarm.worker\".temperature")->text, "0.25");
    assert_int_equal(yaml_find_path(yaml_root(scenario.tree), "llm.roles")->count, 1);
    scenario_fini(&scenario);
}

/* ---- runs ---- */

static struct buffer
canonical_of(const char *path)
{
    struct folder folder;
    struct buffer out = {0};
    struct store_commit tip;
    struct why why = {0};

    if (folder_open(path, &folder, &why) != 0)
        fail_msg("%s", why.text);
    tip = store_committed(folder.store);
    for (uint64_t step = store_base(folder.store) + 1; step <= tip.step; step++) {
        struct buffer header = {0}, data = {0};
        struct store_commit commit;

        if (store_read_step(folder.store, step, &header, &data, &commit, &why) != 0)
            fail_msg("%s", why.text);
        buffer_append(&out, header.data, header.size);
        buffer_append(&out, data.data, data.size);
        buffer_append(&out, commit.digest, sizeof commit.digest);
        buffer_fini(&header);
        buffer_fini(&data);
    }
    buffer_append(&out, store_is_fork(folder.store) ? (const uint8_t *)"" : tip.chain,
        store_is_fork(folder.store) ? 0 : sizeof tip.chain);
    folder_close(&folder);
    return out;
}

/* The exit status of a run with one value set. */
static int
run_status(const char *llm, const char *set, const char *path)
{
    struct models_wish wish;
    struct yaml_tree *tree = NULL;
    struct scenario scenario;
    struct launch launch;
    struct why why = {0};
    int status;

    write_templates();
    if (models_wish_read(llm, true, &wish, &why) != 0 ||
        scenario_read(write_file("run.yaml", SOME "}\nsimulation: {epochs: 2, steps_per_epoch: 4}\n" LLM), &set, 1,
            &tree, &why) != 0 ||
        models_wish_apply(&wish, tree, &why) != 0 || scenario_resolve(&tree, &scenario, &why) != 0 ||
        models_mode_settle(scenario.tree, &why) != 0 || folder_create(path, scenario.tree, &why) != 0)
        fail_msg("%s", why.text);
    launch = (struct launch){.folder = path, .plan = &scenario.plan, .scenario = yaml_root(scenario.tree),
        .quiet = true, .no_signals = true};
    status = launch_inproc(&launch);
    scenario_fini(&scenario);
    return status;
}

static void
run(const char *llm, const char *set, const char *path)
{
    assert_int_equal(run_status(llm, set, path), 0);
}

/* How many calls the log has, and how many of them were not taken from another log. */
static uint32_t
count_calls(const char *folder, uint32_t *asked)
{
    struct record *log = NULL;
    struct buffer room = {0};
    struct why why = {0};
    char path[4500];
    uint32_t count;

    *asked = 0;
    snprintf(path, sizeof path, "%s/" RECORD_FILE, folder);
    if (record_open(path, false, &log, &why) != 0)
        fail_msg("%s", why.text);
    count = record_count(log);
    for (uint32_t i = 0; i < count; i++) {
        struct answer_id id;
        struct answer answer;

        assert_int_equal(record_read(log, i, &id, &answer, &room, NULL, &why), 0);
        assert_true(id.step >= 1 && id.step <= 8);
        *asked += answer.source != ANSWER_FROM_REPLAY ? 1 : 0;
    }
    record_close(&log);
    buffer_fini(&room);
    return count;
}

static const struct detail_row {
    const char *name, *set;
} detail_rows[] = {{"a log of all decisions", "log.detail=actions"}, {"a log of inputs", "log.detail=inputs"}};

/* Recorded, answered from that record, and live: one log; and computed again without a model. */
static void
one_log_whoever_answers(void **state)
{
    const struct detail_row *row = *state;
    char first[4400], second[4400], third[4400], replay[4500];
    struct buffer want, have;
    struct folder folder;
    struct launch launch;
    struct why why = {0};
    uint32_t asked, calls;

    snprintf(first, sizeof first, "%s/%c-record", test_folder(), row->set[11]);
    snprintf(second, sizeof second, "%s/%c-replay", test_folder(), row->set[11]);
    snprintf(third, sizeof third, "%s/%c-live", test_folder(), row->set[11]);
    snprintf(replay, sizeof replay, "replay=%s", first);
    run("record", row->set, first);
    calls = count_calls(first, &asked);
    assert_true(calls > 0 && asked == calls);
    run(replay, row->set, second);
    run("live", row->set, third);
    want = canonical_of(first);
    for (int i = 0; i < 2; i++) {
        have = canonical_of(i == 0 ? second : third);
        assert_int_equal(have.size, want.size);
        assert_memory_equal(have.data, want.data, want.size);
        buffer_fini(&have);
    }
    buffer_fini(&want);
    if (folder_open(first, &folder, &why) != 0)
        fail_msg("%s", why.text);
    folder_close_store(&folder);
    launch = (struct launch){.folder = folder.path, .plan = &folder.plan, .recompute = true, .invariants = true,
        .quiet = true, .no_signals = true}; /* no scenario: nobody could be asked */
    assert_int_equal(launch_inproc(&launch), 0);
    folder_close(&folder);
}

static const struct fork_row {
    const char *name, *set, *llm;
    bool same, asks;
} fork_rows[] = {
    {"unchanged, it asks nobody", NULL, NULL, true, false},
    {"unchanged, as a strict replay", NULL, "replay", true, false},
    {"another temperature: other questions", "llm.roles.worker.temperature=0.3", NULL, true, true},
    {"recorded anew", NULL, "record", true, true},
    {"told that nobody is asked", NULL, "rules", false, false},
};

static void
forks(void **state)
{
    const struct fork_row *row = *state;
    static char parent[4400], text[4500], path[4500];
    static int number;
    struct branch branch;
    struct scenario scenario;
    struct launch launch;
    struct branch_wish wish = {.overrides = &row->set, .override_count = row->set != NULL ? 1 : 0, .llm = row->llm};
    struct buffer want, have;
    struct why why = {0};
    uint32_t asked = 0;

    if (parent[0] == '\0') {
        snprintf(parent, sizeof parent, "%s/parent", test_folder());
        run("record", "log.detail=actions", parent);
    }
    snprintf(text, sizeof text, "%s@3", parent);
    snprintf(path, sizeof path, "%s/fork%d", test_folder(), number++);
    if (branch_open(text, &branch, &why) != 0 || branch_plan(&branch, &wish, &scenario, &why) != 0 ||
        branch_make(&branch, &scenario, path, &why) != 0)
        fail_msg("%s", why.text);
    launch = (struct launch){.folder = path, .plan = &scenario.plan, .scenario = yaml_root(scenario.tree),
        .quiet = true, .no_signals = true};
    assert_int_equal(launch_inproc(&launch), 0);
    if (row->llm == NULL || strcmp(row->llm, "record") == 0) {
        assert_true(count_calls(path, &asked) > 0);
        assert_int_equal(asked > 0, row->asks);
    }
    have = canonical_of(path);
    want = canonical_of(parent);
    want.size -= STORE_CHAIN; /* a fork's chain begins elsewhere */
    assert_true(want.size > have.size);
    assert_int_equal(memcmp(want.data + want.size - have.size, have.data, have.size) == 0, row->same);
    buffer_fini(&have);
    buffer_fini(&want);
    scenario_fini(&scenario);
    branch_close(&branch);
}

/* A question that the log does not have ends a replay. What was answered before is kept. */
static void
a_miss_ends_the_run(void **state)
{
    char parent[4400], path[4400], replay[4500];

    (void)state;
    snprintf(parent, sizeof parent, "%s/missed", test_folder());
    snprintf(path, sizeof path, "%s/missing", test_folder());
    snprintf(replay, sizeof replay, "replay=%s", parent);
    run("record", "llm.roles.worker.temperature=0.5", parent);
    assert_int_equal(run_status(replay, "llm.roles.worker.temperature=0.4", path), EX_DATAERR);
}

/* The text of another template takes the place of the one that the manifest holds. */
static void
a_fork_may_be_told_otherwise(void **state)
{
    const char *set = "agents[1].params.template=mine";
    char parent[4400], text[4500];
    struct branch branch;
    struct scenario scenario;
    struct why why = {0};

    (void)state;
    snprintf(parent, sizeof parent, "%s/told", test_folder());
    run("live", "log.detail=actions", parent);
    assert_int_equal(setenv("POLIS_PROMPTS", test_folder(), 1), 0);
    snprintf(text, sizeof text, "%s@3", parent);
    if (branch_open(text, &branch, &why) != 0 ||
        branch_plan(&branch, &(struct branch_wish){.overrides = &set, .override_count = 1}, &scenario, &why) != 0)
        fail_msg("%s", why.text);
    assert_string_equal(param_of(yaml_root(scenario.tree), "system"), "Do as you like.\n");
    assert_string_equal(param_of(yaml_root(scenario.tree), "version"), "12");
    assert_string_equal(yaml_find_path(yaml_root(scenario.tree), "llm.mode")->text, "off"); /* nothing was kept */
    assert_int_equal(unsetenv("POLIS_PROMPTS"), 0);
    scenario_fini(&scenario);
    branch_close(&branch);
}

static void
a_run_without_a_log_cannot_be_replayed(void **state)
{
    struct yaml_tree *tree = NULL;
    struct scenario scenario;
    struct models_wish wish;
    struct why why = {0};
    char folder[4400], text[4500], want[4600];

    (void)state;
    snprintf(folder, sizeof folder, "%s/none", test_folder());
    run("live", "log.detail=actions", folder);
    snprintf(text, sizeof text, "replay=%s", folder);
    snprintf(want, sizeof want, "llm.parent: %s has kept no call log", folder);
    if (models_wish_read(text, true, &wish, &why) != 0 ||
        scenario_read(write_file("run.yaml", SOME "}\n" LLM), NULL, 0, &tree, &why) != 0 ||
        models_wish_apply(&wish, tree, &why) != 0 || scenario_resolve(&tree, &scenario, &why) != 0)
        fail_msg("%s", why.text);
    assert_int_equal(models_mode_settle(scenario.tree, &why), ERR_MISSING);
    assert_string_equal(why.text, want);
    scenario_fini(&scenario);
}

/* ---- keys ---- */

static bool
has_variable(char *const *environment, const char *start)
{
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, start, strlen(start)) == 0)
            return true;
    return false;
}

static void
keys_are_left_out(void **state)
{
    static const char text[] = "providers:\n  a: {key_env: TEST_KEY_A}\n  b: {key_env: ''}\n  c: {key_file: x}\n"
                               "  d: {key_env: TEST_KEY_D}\n  e: {key_env: TEST_NOT_SET}\n";
    struct yaml_tree *tree = NULL;
    struct why why = {0};
    char **clean, **all;

    (void)state;
    assert_int_equal(yaml_read_text("keys", text, strlen(text), &tree, &why), 0);
    assert_int_equal(setenv("TEST_KEY_A", "secret-a", 1) | setenv("TEST_KEY_D", "secret-d", 1) |
                         setenv("TEST_KEY_AB", "not-one", 1) | setenv("TEST_KEY_", "nor-this", 1),
        0);
    clean = models_gateway_clean_environment(yaml_root(tree));
    all = models_gateway_clean_environment(NULL);
    assert_false(has_variable(clean, "TEST_KEY_A="));
    assert_false(has_variable(clean, "TEST_KEY_D="));
    assert_true(has_variable(clean, "TEST_KEY_AB=not-one"));
    assert_true(has_variable(clean, "TEST_KEY_=nor-this"));
    assert_true(has_variable(all, "TEST_KEY_A=secret-a") && has_variable(all, "TEST_KEY_D=secret-d"));
    free(clean);
    free(all);
    yaml_destroy(&tree);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"to ask nobody is another scenario; to keep a log is not", rules_are_another_scenario},
        {"a role is set by either of its names", a_role_is_set_by_either_name},
        {"a fork may be told otherwise", a_fork_may_be_told_otherwise},
        {"a run without a log cannot be replayed", a_run_without_a_log_cannot_be_replayed},
        {"a miss ends the run", a_miss_ends_the_run},
        {"keys are left out", keys_are_left_out},
    };

    return TEST_ROWS("mistakes", mistake_rows, mistake) + TEST_ROWS("filled in", filled_rows, filled) +
           TEST_ROWS("--llm", wish_rows, wishes) + TEST_CASES("models", cases) +
           TEST_ROWS("one log whoever answers", detail_rows, one_log_whoever_answers) +
           TEST_ROWS("forks", fork_rows, forks);
}
