/* What a step costs on its way to the disk: `store_bench FOLDER` (default: below TMPDIR). Figures of one machine and
 * one disk; compare them with each other, not with others'. */
#include "world/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/assert.h"

#define ROUNDS_MAX 2000u

static double
now_us(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int
compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

static struct store *
open_new(const char *base, unsigned number, const struct store_options *options)
{
    char folder[4096];
    struct store *store = NULL;
    struct why why = {0};

    snprintf(folder, sizeof folder, "%s/run%u", base, number);
    if (store_create(folder, "bench", 5, &why) != 0 || store_open(folder, options, &store, &why) != 0) {
        fprintf(stderr, "%s\n", why.text);
        exit(error_exit_status(why.code));
    }
    return store;
}

static void
clear(const char *base, unsigned number)
{
    static const char *const names[] = {"log.mdb",   "log.mdb-lock", "state.mdb", "state.mdb-lock",
                                        "trace.bin", "world.lock",   ""};
    char path[4200];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/run%u/%s", base, number, names[i]);
        remove(path);
    }
}

static void
append(struct store *store, uint64_t number, size_t size)
{
    struct store_step step = {.step = number};
    struct why why = {0};

    memset(buffer_extend(&step.header, 60), 1, 60);
    memset(buffer_extend(&step.data, size), (int)number, size);
    if (store_append(store, &step, &why) != 0) {
        fprintf(stderr, "%s\n", why.text);
        exit(error_exit_status(why.code));
    }
}

/* Latency: each step waits for its commit. Throughput: only the last one does. */
static void
measure(const char *base, size_t size, enum store_durability durability)
{
    static unsigned runs;
    static double latency[ROUNDS_MAX];
    struct store_options options = {.durability = durability};
    uint32_t rounds = size < 100000 ? ROUNDS_MAX : 200, count = 0;
    struct store *store = open_new(base, runs++, &options);
    struct why why = {0};
    double began;

    for (uint64_t step = 1; step <= rounds; step++) {
        began = now_us();
        append(store, step, size);
        ASSERT(store_wait(store, step, &why) == 0);
        latency[count++] = now_us() - began;
    }
    qsort(latency, count, sizeof latency[0], compare);
    began = now_us();
    for (uint64_t step = rounds + 1; step <= 2 * rounds; step++)
        append(store, step, size);
    ASSERT(store_wait(store, 2 * rounds, &why) == 0);
    began = (now_us() - began) / rounds;
    printf("%-8s %9zu B: commit p50 %8.0f us, p99 %8.0f us; behind a thread %8.1f us a step, %6.2f ns/B\n",
           durability == STORE_SYNC ? "sync" : "no sync", size, latency[count / 2], latency[count * 99 / 100], began,
           began * 1e3 / (double)(size + 60));
    if (store_close(&store, &why) != 0)
        fprintf(stderr, "%s\n", why.text);
    clear(base, runs - 1);
}

int
main(int argc, char **argv)
{
    static const size_t sizes[] = {100, 4000, 64000, STORE_PART, 4 * STORE_PART};
    char base[4096];
    const char *folder = argc > 1 ? argv[1] : getenv("TMPDIR");

    snprintf(base, sizeof base, "%s/store-bench-XXXXXX", folder == NULL || folder[0] == '\0' ? "/tmp" : folder);
    if (mkdtemp(base) == NULL) {
        perror(base);
        return 1;
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        measure(base, sizes[i], STORE_SYNC);
        measure(base, sizes[i], STORE_NOSYNC);
    }
    return rmdir(base) == 0 ? 0 : 1;
}
