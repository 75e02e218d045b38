/* The promises of the log, for every scenario of configs/scenarios: the same log whatever the memory holds before it is
 * written, whatever the chunks, workers and snapshots, wherever it was killed; every run replays, with its invariants
 * after every step; and where governance changes its own parameters they survive its death. */
#include "core/rng.h"
#include "core/streams.h"
#include "tests/support/rig.h"
#include "tests/support/test.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "configs/scenarios"
#define SCENARIOS_MAX 128u

/* A scenario under one order of turns and one kind of log. */
struct row {
    const char *name; /* "market, sequential" */
    char text[96], scenario[64];
    const char *turns, *detail;
    uint32_t number;
};
static struct row rows[4 * SCENARIOS_MAX];

/* A way to come to the log of a scenario. */
static const struct way {
    const char *name, *fill; /* MALLOC_PERTURB_ */
    unsigned chunk, workers; /* workers: 0 is all in one process */
    const char *crash;       /* where the world dies, to be resumed; NULL: nowhere */
} ways[] = {
    {"memory full of 0xaa", "85", 8192, 0, NULL},
    {"memory full of 0x55, one by one, killed between steps", "170", 1, 0, "after-commit:%u"},
    {"by seven, killed before a commit", "0", 7, 0, "before-commit:%u"},
    {"a worker", "170", 1, 1, NULL},
    {"two workers", "85", 7, 2, NULL},
    {"three workers", "170", 8192, 3, NULL},
    {"five workers", "85", 1, 5, NULL},
};
enum { WAYS = sizeof ways / sizeof ways[0], WAY_CLUSTER = 3 };
static bool in_full; /* `scenarios full [NAME]`: every epoch, every way; takes minutes */

/* Each number of workers has its turn, and clusters are not asked of every scenario under every order of turns. */
static bool
is_tried(const struct row *row, unsigned way)
{
    if (in_full || way < 2)
        return true;
    if (strcmp(row->detail, "actions") != 0)
        return false;
    return way == 2 ? row->number % 5 == 0 : (way - WAY_CLUSTER) * 2 == row->number / 3 % 8;
}

/* What makes a scenario small enough for a test. */
static const struct small {
    const char *scenario, *override;
} smaller[] = {
    {"hundred_thousand", "agents[0].count=40"}, {"hundred_thousand", "agents[1].count=30"},
    {"hundred_thousand", "agents[2].count=15"}, {"hundred_thousand", "agents[3].count=15"},
    {"llm_agents", "llm.providers.local.base_url=http://127.0.0.1:9"}, /* nobody there, whatever runs on this machine */
};

static char output[200000];

static const char *
folder_of(const char *name)
{
    static char path[4200];

    snprintf(path, sizeof path, "%s/%s", test_folder(), name);
    return path;
}

static int
start(const struct row *row, const struct way *way, const char *folder)
{
    char chunk[48], workers[48], turns[64], detail[64];
    const char *words[48] = {"run", row->scenario, "--out", folder, "--quiet", "-s", "log.snapshot_every=3", "-s",
        "log.durability=none", "-s", chunk, "-s", workers, "-s", turns, "-s", detail};
    unsigned count = 17;

    snprintf(chunk, sizeof chunk, "cluster.chunk=%u", way->chunk);
    snprintf(workers, sizeof workers, "cluster.workers=%u", way->workers > 0 ? way->workers : 1);
    snprintf(turns, sizeof turns, "simulation.turns=%s", row->turns);
    snprintf(detail, sizeof detail, "log.detail=%s", row->detail);
    if (way->workers == 0)
        words[count++] = "--inproc";
    if (!in_full) {
        words[count++] = "--epochs";
        words[count++] = "5";
    }
    for (unsigned i = 0; i < sizeof smaller / sizeof smaller[0]; i++)
        if (strcmp(smaller[i].scenario, row->scenario) == 0) {
            words[count++] = "-s";
            words[count++] = smaller[i].override;
        }
    return rig_command(rig_binary(), words, 120, output, sizeof output);
}

static void
expect_done(const char *what, int status)
{
    if (status != 0)
        print_error("%s ended with %d: %s\n", what, status, output);
    assert_int_equal(status, 0);
}

/* Leaves a finished run in the folder. */
static void
make(const struct row *row, const struct way *way, const char *folder)
{
    char crash[64];
    int status;

    setenv("MALLOC_PERTURB_", way->fill, 1);
    if (way->crash != NULL) {
        snprintf(crash, sizeof crash, way->crash, 1 + (row->number * 7 + way->chunk) % 9);
        setenv("POLIS_CRASH", crash, 1);
    }
    status = start(row, way, folder);
    unsetenv("POLIS_CRASH");
    if (way->crash != NULL) {
        assert_int_equal(status, 137);
        status = POLIS(output, 120, "resume", folder, "--inproc", "--quiet");
    }
    unsetenv("MALLOC_PERTURB_");
    expect_done(way->name, status);
}

static void
same_log(void **state)
{
    const struct row *row = *state;
    char hash[65], first[65] = "", folder[4300], name[64];

    for (unsigned i = 0; i < WAYS; i++) {
        if (!is_tried(row, i))
            continue;
        snprintf(name, sizeof name, "%u-%u", row->number, i);
        snprintf(folder, sizeof folder, "%s", folder_of(name));
        make(row, &ways[i], folder);
        assert_int_equal(strlen(rig_hash(folder, hash)), 64);
        if (first[0] == '\0')
            memcpy(first, hash, sizeof first);
        if (strcmp(first, hash) != 0)
            fail_msg("%s: another log with %s", row->name, ways[i].name);
    }
    snprintf(folder, sizeof folder, "%s", folder_of(name));
    expect_done("replay", POLIS(output, 120, "replay", folder, "--verify", "--quiet"));
    expect_done("check", POLIS(output, 120, "check", folder, "--deep", "--quiet"));
    if (strcmp(row->detail, "actions") == 0) /* else its replay has done so already */
        expect_done("recompute", POLIS(output, 120, "replay", folder, "--recompute", "--quiet"));
}

/* ---- governance that changes its own parameters ---- */

static const struct ruled {
    const char *name, *scenario;
    bool broker; /* dies too */
} ruled_rows[] = {
    {"a controller's governance is killed", "adaptive_audit", false},
    {"a controller's governance and the broker are killed", "adaptive_audit", true},
    {"the governance that rules are put to is killed", "norm_drafting", false},
    {"that governance and the broker are killed", "norm_drafting", true},
};

/* What was tuned and what was adopted comes back from the log: whoever dies, the log is that of an undisturbed run. */
static void
governance_killed(void **state)
{
    static const char *const overrides[] = {
        "cluster.poison_kills=100", "cluster.workers=2", "log.durability=none", NULL};
    const struct ruled *row = *state;
    struct rng rng = rng_make(1, STREAM_TEST, (uint32_t)(row - ruled_rows), 0);
    uint64_t deadline = rig_now_ms() + 120000;
    char folder[4300], hash[65], undisturbed[65];
    struct rig rig = {.folder = folder};
    unsigned kills = 0;
    int status;

    snprintf(folder, sizeof folder, "%s-calm", folder_of(row->name));
    expect_done("an undisturbed run", POLIS(output, 120, "run", row->scenario, "--out", folder, "--inproc", "--quiet"));
    assert_int_equal(strlen(rig_hash(folder, undisturbed)), 64);
    snprintf(folder, sizeof folder, "%s", folder_of(row->name));
    rig_create(folder, row->scenario, overrides);
    setenv("POLIS_WORKER_DELAY_MS", "1", 1);
    rig_start(&rig, 2, true);
    while ((status = rig_reap(&rig.world)) < 0 && rig_now_ms() < deadline) {
        rig_sleep_ms(30 + rng_below(&rng, 90));
        rig_kill(row->broker && kills % 3 == 2 ? &rig.broker : &rig.governance);
        rig_revive(&rig);
        kills++;
    }
    unsetenv("POLIS_WORKER_DELAY_MS");
    rig_stop(&rig);
    printf("# %s: %u kills, world ended with %d, %llu steps\n", row->name, kills, status,
           (unsigned long long)rig_committed(folder));
    assert_int_equal(status, 0);
    assert_true(kills >= 4);
    assert_string_equal(rig_hash(folder, hash), undisturbed);
}

/* ---- the list ---- */

static int
by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int
is_scenario(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return dot != NULL && strcmp(dot, ".yaml") == 0;
}

static unsigned
list_rows(void)
{
    static const char *const kinds[][2] = {
        {"simultaneous", "actions"}, {"sequential", "actions"}, {"simultaneous", "inputs"}, {"sequential", "inputs"}};
    struct dirent **entries = NULL;
    int found = scandir(FOLDER, &entries, is_scenario, by_name);
    unsigned count = 0;

    for (int i = 0; i < found; i++) {
        char scenario[64];

        snprintf(scenario, sizeof scenario, "%.*s", (int)(strlen(entries[i]->d_name) - 5) & 63, entries[i]->d_name);
        free(entries[i]);
        for (unsigned k = 0; k < (in_full ? 4 : 3) && count < sizeof rows / sizeof rows[0]; k++) {
            struct row *row = &rows[count];

            row->turns = kinds[k][0];
            row->detail = kinds[k][1];
            row->number = count++;
            snprintf(row->scenario, sizeof row->scenario, "%s", scenario);
            snprintf(row->text, sizeof row->text, "%s, %s, %s", scenario, row->turns, row->detail);
            row->name = row->text;
        }
    }
    free(entries);
    return count;
}

int
main(int argc, char **argv)
{
    unsigned count;
    int failures = 0;

    in_full = argc > 1 && strcmp(argv[1], "full") == 0;
    count = list_rows();
    for (unsigned i = 0; i < count; i++)
        if (argc < 3 || strcmp(rows[i].scenario, argv[2]) == 0)
            failures += test_run_rows("scenarios", &rows[i], 1, sizeof rows[0], same_log);
    if (argc < 3)
        failures += TEST_ROWS("governance that changes", ruled_rows, governance_killed);
    return count == 0 ? 1 : failures;
}
