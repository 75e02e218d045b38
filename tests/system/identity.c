/* Same seed, same log: one canonical hash whatever the number of workers, the transport, the compiler. */
#include "tests/support/rig.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCENARIO "tests/system/mixed.yaml"

enum turns { SIMULTANEOUS, SEQUENTIAL };
static const char *const turn_names[] = {"simulation.turns=simultaneous", "simulation.turns=sequential"};

static char reference[2][65]; /* the hash of one worker in one process */

static const char *
folder_of(const char *name)
{
    static char path[4200];

    snprintf(path, sizeof path, "%s/%s", test_folder(), name);
    return path;
}

static int
run(const char *binary, const char *folder, enum turns turns, unsigned workers, const char *transport, char *output,
    size_t output_size)
{
    char count[64], way[64], port[64];
    bool inproc = strcmp(transport, "inproc") == 0;
    const char *words[] = {"run", SCENARIO, "--out", folder, "-s",      turn_names[turns],          "-s", count,
                           "-s",  way,      "-s",    port,   "--quiet", inproc ? "--inproc" : NULL, NULL};

    snprintf(count, sizeof count, "cluster.workers=%u", workers);
    snprintf(way, sizeof way, "cluster.transport=%s", strcmp(transport, "tcp") == 0 ? "tcp" : "ipc");
    snprintf(port, sizeof port, "cluster.port=%u", 20000u + (unsigned)getpid() % 20000u);
    return rig_command(binary, words, 300, output, output_size);
}

static void
expect_same(const char *binary, const char *name, enum turns turns, unsigned workers, const char *transport)
{
    static char output[100000];
    const char *folder = folder_of(name);
    char hash[65];
    int status = run(binary, folder, turns, workers, transport, output, sizeof output);

    if (status != 0)
        print_error("%s", output);
    assert_int_equal(status, 0);
    assert_int_equal(strlen(rig_hash(folder, hash)), 64);
    if (reference[turns][0] == '\0')
        memcpy(reference[turns], hash, sizeof hash);
    assert_string_equal(hash, reference[turns]);
}

struct row {
    const char *name;
    enum turns turns;
    unsigned workers;
    const char *transport;
};

#define ROWS(turns, tag)                                                                                               \
    {tag "-inproc-1", turns, 1, "inproc"}, {tag "-inproc-2", turns, 2, "inproc"},                                      \
        {tag "-inproc-3", turns, 3, "inproc"}, {tag "-inproc-5", turns, 5, "inproc"},                                  \
        {tag "-inproc-8", turns, 8, "inproc"}, {tag "-ipc-1", turns, 1, "ipc"}, {tag "-ipc-2", turns, 2, "ipc"},       \
        {tag "-ipc-3", turns, 3, "ipc"}, {tag "-ipc-5", turns, 5, "ipc"}, {tag "-ipc-8", turns, 8, "ipc"},             \
        {tag "-tcp-1", turns, 1, "tcp"}, {tag "-tcp-2", turns, 2, "tcp"}, {tag "-tcp-3", turns, 3, "tcp"},             \
        {tag "-tcp-5", turns, 5, "tcp"},                                                                               \
    {                                                                                                                  \
        tag "-tcp-8", turns, 8, "tcp"                                                                                  \
    }

static const struct row rows[] = {ROWS(SIMULTANEOUS, "simultaneous"), ROWS(SEQUENTIAL, "sequential")};

static void
same_hash(void **state)
{
    const struct row *row = *state;

    expect_same(rig_binary(), row->name, row->turns, row->workers, row->transport);
}

/* ---- other builds of the same sources ---- */

static const struct build {
    const char *name, *binary, *tunables;
} builds[] = {
    {"clang", "build/clang/polis", NULL},
    {"gcc -O0", "build/gcc-O0/polis", NULL},
    {"address,undefined", "build/address-undefined/polis", NULL},
    {"a C library without AVX2 and FMA", "build/release/polis", "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F"},
};

static void
same_hash_of_build(void **state)
{
    const struct build *build = *state;
    char name[64];

    if (access(build->binary, X_OK) != 0) {
        test_say_skipped(build->name, "not built here");
        return;
    }
    if (build->tunables != NULL)
        setenv("GLIBC_TUNABLES", build->tunables, 1);
    for (unsigned turns = 0; turns < 2; turns++) {
        snprintf(name, sizeof name, "build-%u-%u", (unsigned)(build - builds), turns);
        expect_same(build->binary, name, turns, 2, "ipc");
    }
    unsetenv("GLIBC_TUNABLES");
}

/* ---- what must not be the same ---- */

static void
another_seed_is_another_log(void **state)
{
    static char output[100000];
    const char *folder = folder_of("seed-8");
    char hash[65];

    (void)state;
    assert_int_equal(POLIS(output, 300, "run", SCENARIO, "--out", folder, "--seed", "8", "--quiet", "--inproc"), 0);
    assert_string_not_equal(rig_hash(folder, hash), reference[SIMULTANEOUS]);
    assert_string_not_equal(reference[SEQUENTIAL], reference[SIMULTANEOUS]);
}

static void
replays(void **state)
{
    const struct row *row = *state;
    static char output[100000];
    int status = POLIS(output, 300, "replay", folder_of(row->name), "--verify");

    if (status != 0)
        print_error("%s", output);
    assert_int_equal(status, 0);
}

static const struct test_case others[] = {{"another seed is another log", another_seed_is_another_log}};

int
main(void)
{
    int failures = TEST_ROWS("identity", rows, same_hash);

    failures += TEST_ROWS("identity of builds", builds, same_hash_of_build);
    failures += TEST_CASES("identity is not trivial", others);
    failures += TEST_ROWS("replay of each", rows, replays);
    return failures;
}
