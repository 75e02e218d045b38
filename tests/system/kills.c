/* Nothing committed is lost, and nothing is applied twice: workers, broker, governance and world are killed with -9 in
 * mid-step, and the log ends up the same as that of an undisturbed run. */
#include "core/rng.h"
#include "core/streams.h"
#include "tests/support/rig.h"
#include "tests/support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCENARIO "tests/system/mixed.yaml"
#define PATIENCE_MS 240000u

static const char *const overrides[] = {"simulation.epochs=60", "cluster.workers=3", "cluster.poison_kills=100",
    "cluster.deadline_ms=500", "log.snapshot_every=40", NULL};
static const char *const short_overrides[] = {"simulation.epochs=24", "cluster.poison_kills=100",
                                              "log.snapshot_every=7", NULL};
static char reference[65], short_reference[65];

static const char *
folder_of(const char *name)
{
    static char path[4200];

    snprintf(path, sizeof path, "%s/%s", test_folder(), name);
    return path;
}

static void
undisturbed(const char *name, const char *const *with, char hash[65])
{
    static char output[100000];
    const char *folder = folder_of(name);
    int status;

    rig_create(folder, SCENARIO, with);
    status = POLIS(output, 300, "resume", folder, "--inproc", "--quiet");
    if (status != 0)
        print_error("%s", output);
    assert_int_equal(status, 0);
    assert_int_equal(strlen(rig_hash(folder, hash)), 64);
}

static void
make_references(void **state)
{
    (void)state;
    undisturbed("reference", overrides, reference);
    undisturbed("short-reference", short_overrides, short_reference);
}

/* ---- random kills ---- */

enum victim { WORKER = 1, BROKER = 2, GOVERNANCE = 4, WORLD = 8, PAUSE = 16 };

static const struct row {
    const char *name;
    unsigned victims;
    unsigned wait_low_ms, wait_high_ms; /* between two kills */
    unsigned kills_min;
} rows[] = {
    {"workers", WORKER, 4, 16, 200},
    {"workers, stopped for a while", WORKER | PAUSE, 10, 40, 12},
    {"broker", BROKER, 100, 400, 5},
    {"governance", GOVERNANCE, 40, 120, 10},
    {"world", WORLD, 20, 60, 50},
    {"world, other moments", WORLD, 25, 75, 50},
    {"everything", WORKER | BROKER | GOVERNANCE | WORLD, 40, 160, 20},
};

struct havoc {
    struct rig rig;
    struct rng rng;
    uint64_t committed; /* most ever seen */
    unsigned kills;
    unsigned slack_ms;  /* added to every wait: on a slow machine a world must live long enough to make a step */
};

static void
kill_one(struct havoc *havoc, const struct row *row)
{
    struct rig_process *worker = &havoc->rig.agents[rng_below(&havoc->rng, havoc->rig.agent_count)];
    unsigned choices[4], count = 0, victim;

    for (unsigned bit = WORKER; bit <= WORLD; bit <<= 1)
        if (row->victims & bit)
            choices[count++] = bit;
    victim = choices[rng_below(&havoc->rng, count)];
    if (victim == WORKER && (row->victims & PAUSE) && rng_below(&havoc->rng, 2) == 0) {
        /* Alive but late: its answers come when nobody waits for them any more. */
        kill(worker->pid, SIGSTOP);
        rig_sleep_ms(700);
        kill(worker->pid, SIGCONT);
        havoc->kills++;
        return;
    }
    rig_kill(victim == WORKER ? worker : victim == BROKER ? &havoc->rig.broker
            : victim == GOVERNANCE                        ? &havoc->rig.governance
                                                          : &havoc->rig.world);
    havoc->kills++;
    if (victim == WORLD) {
        uint64_t now = rig_committed(havoc->rig.folder);

        assert_true(now >= havoc->committed); /* what was committed stays */
        if (now == havoc->committed)
            havoc->slack_ms += 5;
        else if (havoc->slack_ms > 0)
            havoc->slack_ms--;
        havoc->committed = now;
        havoc->rig.world.pid = rig_spawn(&havoc->rig, "world");
    }
    rig_revive(&havoc->rig);
}

static unsigned rounds; /* of random_kills() so far: each at other moments */

static void
random_kills(void **state)
{
    const struct row *row = *state;
    struct havoc havoc = {.rng = rng_make(rounds, STREAM_TEST, (uint32_t)(row - rows), 0)};
    uint64_t deadline = rig_now_ms() + PATIENCE_MS;
    char folder[4300], name[32], hash[65];
    static char output[100000];
    int status;

    snprintf(name, sizeof name, "kills-%u-%u", (unsigned)(row - rows), rounds++);
    snprintf(folder, sizeof folder, "%s", folder_of(name));
    rig_create(folder, SCENARIO, overrides);
    setenv("POLIS_WORKER_DELAY_MS", "2", 1);
    havoc.rig.folder = folder;
    rig_start(&havoc.rig, 3, true);
    do {
        kill_one(&havoc, row);
        rig_sleep_ms(havoc.slack_ms + row->wait_low_ms + rng_below(&havoc.rng, row->wait_high_ms - row->wait_low_ms));
    } while ((status = rig_reap(&havoc.rig.world)) < 0 && rig_now_ms() < deadline);
    unsetenv("POLIS_WORKER_DELAY_MS");
    rig_stop(&havoc.rig);
    printf("# %s: %u kills, world ended with %d, %llu steps\n", row->name, havoc.kills, status,
           (unsigned long long)rig_committed(folder));
    assert_int_equal(status, 0);
    assert_true(havoc.kills >= row->kills_min);
    assert_string_equal(rig_hash(folder, hash), reference);
    assert_int_equal(POLIS(output, 300, "replay", folder, "--verify"), 0);
}

/* ---- crash points ---- */

static const struct point {
    const char *name;
    bool always; /* every run passes it often enough to die there */
} points[] = {
    {"step-begin", true},    {"mid-gather", true},    {"after-gather", true}, {"after-verdict", true},
    {"before-append", true}, {"after-append", true},  {"append", true},       {"before-put", true},
    {"between-puts", true},  {"before-commit", true}, {"after-commit", true}, {"snapshot", false},
    {"after-publish", true},
};

static void
crash_at(const char *point, unsigned n, bool always)
{
    static char output[100000];
    char folder[4300], name[64], hash[65];
    uint64_t committed;
    int status;

    snprintf(name, sizeof name, "crash-%s-%u", point, n);
    snprintf(folder, sizeof folder, "%s", folder_of(name));
    rig_create(folder, SCENARIO, short_overrides);
    snprintf(name, sizeof name, "%s:%u", point, n);
    setenv("POLIS_CRASH", name, 1);
    status = POLIS(output, 120, "resume", folder, "--inproc", "--quiet");
    unsetenv("POLIS_CRASH");
    if (always && status != 137)
        print_error("%s ended with %d: %s\n", name, status, output);
    assert_true(status == 137 || (!always && status == 0));
    committed = rig_committed(folder);
    status = POLIS(output, 120, "resume", folder, "--inproc", "--quiet");
    if (status != 0)
        print_error("%s after step %llu: %s\n", name, (unsigned long long)committed, output);
    assert_int_equal(status, 0);
    assert_string_equal(rig_hash(folder, hash), short_reference);
}

static void
crash_point(void **state)
{
    const struct point *point = *state;

    for (unsigned n = 1; n <= 20; n++)
        crash_at(point->name, n, point->always);
}

/* The same with a real cluster around the world, which is started again beside living workers. */
static void
crash_point_in_cluster(void **state)
{
    const struct point *point = *state;
    struct rig rig = {0};
    uint64_t deadline = rig_now_ms() + 60000;
    char folder[4300], name[64], hash[65];
    int status;

    snprintf(name, sizeof name, "cluster-crash-%s", point->name);
    snprintf(folder, sizeof folder, "%s", folder_of(name));
    rig_create(folder, SCENARIO, short_overrides);
    rig.folder = folder;
    snprintf(rig.environment[0], sizeof rig.environment[0], "POLIS_CRASH=%s:3", point->name);
    rig_start(&rig, 2, true);
    while ((status = rig_reap(&rig.world)) < 0 && rig_now_ms() < deadline)
        rig_sleep_ms(2);
    assert_true(status == 137 || (!point->always && status == 0));
    rig.environment[0][0] = '\0';
    if (status == 137) {
        rig.world.pid = rig_spawn(&rig, "world");
        while ((status = rig_reap(&rig.world)) < 0 && rig_now_ms() < deadline)
            rig_sleep_ms(2);
    }
    rig_stop(&rig);
    assert_int_equal(status, 0);
    assert_string_equal(rig_hash(folder, hash), short_reference);
}

/* ---- the wrong variant must be caught ---- */

/* Workers are stopped for longer than a chunk's deadline: others answer for them, and their own answers come some steps
 * too late. The fence is all that keeps those out. Returns whether the run ended with the reference's log. */
static bool
late_answers_are_harmless(const char *binary, const char *name)
{
    static const char *const hurried[] = {"simulation.epochs=24", "cluster.poison_kills=100", "log.snapshot_every=7",
                                          "cluster.deadline_ms=15", NULL};
    struct rig rig = {.binary = binary};
    uint64_t deadline = rig_now_ms() + 30000;
    char folder[4300], hash[65];
    unsigned turn = 0;
    int status;

    snprintf(folder, sizeof folder, "%s", folder_of(name));
    rig_create(folder, SCENARIO, hurried);
    rig.folder = folder;
    setenv("POLIS_WORKER_DELAY_MS", "2", 1);
    rig_start(&rig, 3, true);
    while ((status = rig_reap(&rig.world)) < 0 && rig_now_ms() < deadline) {
        pid_t worker = rig.agents[turn++ % 3].pid;

        kill(worker, SIGSTOP);
        rig_sleep_ms(60);
        kill(worker, SIGCONT);
        rig_sleep_ms(3);
    }
    unsetenv("POLIS_WORKER_DELAY_MS");
    rig_stop(&rig);
    return status == 0 && strcmp(rig_hash(folder, hash), short_reference) == 0;
}

static void
fence_keeps_late_answers_out(void **state)
{
    (void)state;
    assert_true(late_answers_are_harmless(rig_binary(), "late-fenced"));
}

static void
without_the_fence_the_log_differs(void **state)
{
    (void)state;
    if (access("build/release-unfenced/polis", X_OK) != 0) {
        test_say_skipped("unfenced", "build/release-unfenced/polis is not built here");
        return;
    }
    for (unsigned attempt = 0; attempt < 5; attempt++) {
        char name[32];

        snprintf(name, sizeof name, "late-unfenced-%u", attempt);
        if (!late_answers_are_harmless("build/release-unfenced/polis", name))
            return;
    }
    fail_msg("five runs without the fence were all unharmed: this test proves nothing");
}

static const struct test_case first[] = {{"undisturbed runs", make_references}};
static const struct test_case last[] = {{"late answers are kept out by the fence", fence_keeps_late_answers_out},
    {"the unfenced variant is caught", without_the_fence_the_log_differs}};

/* `kills fence`: only the fence. `kills soak N`: the random kills N times over. */
int
main(int argc, char **argv)
{
    int failures = TEST_CASES("kills: reference", first);

    if (failures > 0)
        return failures;
    for (int i = argc > 2 && strcmp(argv[1], "soak") == 0 ? atoi(argv[2]) : 0; i > 0; i--)
        failures += TEST_ROWS("kills at random", rows, random_kills);
    if (rounds > 0)
        return failures;
    if (argc > 1 && strcmp(argv[1], "fence") == 0)
        return TEST_CASES("kills: fence", last);
    failures += TEST_CASES("kills: fence", last);
    failures += TEST_ROWS("kills at random", rows, random_kills);
    failures += TEST_ROWS("crash points x 20", points, crash_point);
    failures += TEST_ROWS("crash points in a cluster", points, crash_point_in_cluster);
    return failures;
}
