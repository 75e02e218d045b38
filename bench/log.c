/* bench/log.c - the log: what it costs the world's thread, how long a commit takes against the disk's own sync, and how
 * fast a run comes back from it. Everything happens in the bench's folder, so the disk is the same for both sides. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/drill_table.h"
#include "bench/fleet.h"
#include "bench/measure.h"
#include "core/arena.h"
#include "core/digest.h"
#include "core/log.h"
#include "world/record.h"
#include "world/replay.h"
#include "world/store.h"
#include "world/world.h"

#define ANSWER_BYTES 13u /* an agent, as in the other benches */

struct bench {
    struct measure *measure;
    char run[5000], file[5000];
    struct store *store;
    uint64_t step;
};

static void
must(struct bench *self, int error, const struct why *why)
{
    if (error != 0)
        measure_wrong(self->measure, "%s", why->text);
}

static void
open_store(struct bench *self, enum store_durability durability)
{
    struct why why = {0};

    measure_remove(self->run);
    self->step = 0;
    must(self, store_create(self->run, "name: bench\n", 12, &why), &why);
    must(self, store_open(self->run, &(struct store_options){.durability = durability}, &self->store, &why), &why);
}

static void
close_store(struct bench *self)
{
    struct why why = {0};

    must(self, store_close(&self->store, &why), &why);
    measure_remove(self->run);
}

/* What the world's thread does with the answers of a step: section, header, hand-off. Seconds. */
static double
append(struct bench *self, const uint8_t *bytes, size_t size)
{
    struct store_step step = {.step = ++self->step};
    struct section section = {.kind = SECTION_ANSWERS, .schema = 60001, .bytes = bytes, .size = size};
    struct record_head header = {.step = self->step, .section_count = 1};
    uint64_t from = measure_ns();
    double seconds;
    struct why why = {0};

    record_put(&step.data, &section);
    header.data_size = step.data.size;
    record_head_write(&header, &step.header);
    must(self, store_append(self->store, &step, &why), &why);
    seconds = measure_seconds(from);
    return seconds;
}

static void
measure_append(struct bench *self)
{
    static const uint32_t agents[] = {1000, 10000, 100000, 1000000};

    measure_title(self->measure, "cost in the world's thread: section, header, hand-off (13 bytes an agent)");
    open_store(self, STORE_SYNC);
    for (uint32_t a = 0; a < sizeof agents / sizeof agents[0]; a++) {
        uint32_t count = measure_is_quick(self->measure) ? 5 : agents[a] > 100000 ? 20 : 60;
        size_t size = (size_t)agents[a] * ANSWER_BYTES;
        uint8_t *bytes = calloc(1, size);
        double *seconds = ALLOC_ARRAY(double, count), middle;
        char what[80];
        struct why why = {0};

        memset(bytes, 7, size);
        for (uint32_t i = 0; i < count; i++) {
            seconds[i] = append(self, bytes, size);
            must(self, store_wait(self->store, self->step, &why), &why);
        }
        middle = measure_median(seconds, count);
        snprintf(what, sizeof what, "%u agents, %.0f us a step", agents[a], middle * 1e6);
        measure_report(self->measure, &(struct measure_row){.what = what, .value = middle * 1e9 / agents[a],
            .unit = "ns/agent", .ratio = MEASURE_NONE, .bar = agents[a] >= 10000 ? BAR_AT_MOST : BAR_NONE, .limit = 5});
        free(seconds);
        free(bytes);
    }
    close_store(self);
}

/* Seconds from the hand-off until the step is committed. */
static double
commit(struct bench *self, const uint8_t *bytes, size_t size)
{
    uint64_t from = measure_ns();
    struct why why = {0};

    append(self, bytes, size);
    must(self, store_wait(self->store, self->step, &why), &why);
    return measure_seconds(from);
}

/* Seconds that a plain file takes to grow by as much and to be on the disk. */
static double
write_file(struct bench *self, int fd, const uint8_t *bytes, size_t size)
{
    uint64_t from = measure_ns();

    if (write(fd, bytes, size) != (ssize_t)size || fdatasync(fd) != 0)
        measure_wrong(self->measure, "%s: %s", self->file, strerror(errno));
    return measure_seconds(from);
}

static void
measure_commit(struct bench *self, enum store_durability durability)
{
    static const struct {
        const char *name;
        size_t size;
        double limit;
    } rows[] = {{"4 KiB", 4096, 3}, {"64 KiB", 65536, 3}, {"1 MiB", 1 << 20, 0}};
    uint8_t *bytes = calloc(1, 1 << 20);
    int fd = open(self->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool sync = durability == STORE_SYNC;

    measure_title(self->measure, sync ? "commit, synced: median from hand-off to committed, against fdatasync of a file"
                                      : "commit, not synced");
    open_store(self, durability);
    for (uint32_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        double ours[MEASURE_ROUNDS_MAX], theirs[MEASURE_ROUNDS_MAX], steps;
        uint32_t count = measure_is_quick(self->measure) ? 9 : 61;
        uint64_t from;
        struct why why = {0};

        for (uint32_t i = 0; i < count; i++) {
            ours[i] = commit(self, bytes, rows[r].size) * 1e3;
            theirs[i] = write_file(self, fd, bytes, rows[r].size) * 1e3;
        }
        measure_report(self->measure, &(struct measure_row){.what = rows[r].name, .value = measure_middle(ours, count),
            .unit = "ms", .ratio = sync ? measure_middle(ours, count) / measure_middle(theirs, count) : MEASURE_NONE,
            .than = "fdatasync", .bar = sync && rows[r].limit > 0 ? BAR_AT_MOST : BAR_NONE, .limit = rows[r].limit});
        from = measure_ns();
        for (uint32_t i = 0; i < count * 4; i++)
            append(self, bytes, rows[r].size);
        must(self, store_wait(self->store, self->step, &why), &why);
        steps = count * 4 / measure_seconds(from);
        measure_report(self->measure, &(struct measure_row){.what = "   one after the other, 4 steps behind",
            .value = steps * (double)rows[r].size, .unit = "B/s", .ratio = MEASURE_NONE});
    }
    close_store(self);
    close(fd);
    measure_remove(self->file);
    free(bytes);
}

/* ---- coming back ---- */

static void
measure_verify(struct bench *self, const char *folder)
{
    struct store *store;
    struct stat status;
    char path[5100];
    uint64_t from;
    double seconds;
    struct why why = {0};

    must(self, store_open_read(folder, &store, &why), &why);
    snprintf(path, sizeof path, "%s/log.mdb", folder);
    if (stat(path, &status) != 0)
        measure_wrong(self->measure, "%s: %s", path, strerror(errno));
    from = measure_ns();
    must(self, store_verify(store, 0, UINT64_MAX, &why), &why);
    seconds = measure_seconds(from);
    must(self, store_close(&store, &why), &why);
    measure_report(self->measure, &(struct measure_row){.what = "verify the chain of the whole log",
        .value = (double)status.st_size / seconds, .unit = "B/s", .ratio = MEASURE_NONE});
}

static void
measure_resume(struct bench *self, const char *folder)
{
    struct world_options options = {.folder = folder, .cluster = {.workers = 1, .chunk = 8192, .deadline_ms = 2000,
        .credit = 2, .poison_kills = 3}};
    double seconds[5];
    uint64_t steps = 0;
    char what[100];
    struct world *world;
    struct why why = {0};

    for (uint32_t i = 0; i < 5; i++) {
        uint64_t from = measure_ns();

        must(self, world_new(&options, &world, &why), &why);
        seconds[i] = measure_seconds(from);
        steps = world_recovered_steps(world);
        must(self, world_destroy(&world, &why), &why);
    }
    snprintf(what, sizeof what, "resume: open, newest snapshot, %" PRIu64 " steps replayed", steps);
    measure_report(self->measure, &(struct measure_row){.what = what, .value = measure_median(seconds, 5) * 1e3,
        .unit = "ms", .ratio = MEASURE_NONE, .bar = BAR_AT_MOST, .limit = 1000});
}

/* Live steps a second, and those of a replay that makes every step again and compares every byte. */
static void
measure_replay(struct bench *self, uint32_t agents, uint32_t steps)
{
    struct fleet_setup setup = {.way = WAY_IPC, .agents = agents, .steps = steps, .warmup = steps / 10 + 1,
        .workers = 2, .work = 32, .durable = true};
    struct replay_report report;
    struct fleet_result live;
    struct fleet fleet;
    char title[100];
    double live_rate, rate[3], lives[3];
    struct why why = {0};

    fleet_prepare(&fleet, self->measure, &setup);
    fleet_start(&fleet);
    fleet_wait(&fleet, &live);
    live_rate = live.rate / agents;
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t from = measure_ns();

        must(self, replay_run(fleet.folder, &(struct replay_options){0}, &report, &why), &why);
        rate[i] = (double)report.steps / measure_seconds(from);
        lives[i] = live_rate;
        if (report.steps != steps || memcmp(report.chain, live.chain, sizeof live.chain) != 0 ||
            memcmp(report.digest, live.digest, sizeof live.digest) != 0)
            measure_wrong(self->measure, "the replay ended elsewhere than the run");
    }
    snprintf(title, sizeof title, "coming back: %u agents, %u steps", agents, steps);
    measure_title(self->measure, title);
    measure_report(self->measure, &(struct measure_row){.what = "live steps/s (cluster over ipc, log synced)",
        .value = live_rate, .unit = "/s", .ratio = MEASURE_NONE});
    measure_report(self->measure, &(struct measure_row){
        .what = "replay from the log alone, every byte compared: steps/s", .value = measure_middle(rate, 3),
        .unit = "/s", .ratio = measure_ratio(rate, lives, 3), .than = "live", .bar = BAR_AT_LEAST, .limit = 5});
    measure_resume(self, fleet.folder);
    measure_verify(self, fleet.folder);
    fleet_result_fini(&live);
    fleet_clean(&fleet);
}

int
main(int argc, char **argv)
{
    struct bench self = {0};
    bool quick;

    fleet_role(argc, argv);
    self.measure = measure_new("log", argc, argv);
    log_set_level(LOG_ERROR);
    quick = measure_is_quick(self.measure);
    snprintf(self.run, sizeof self.run, "%s/log-run", measure_folder(self.measure));
    snprintf(self.file, sizeof self.file, "%s/log-file", measure_folder(self.measure));
    measure_append(&self);
    measure_commit(&self, STORE_SYNC);
    measure_commit(&self, STORE_NOSYNC);
    measure_replay(&self, 10000, quick ? 50 : 1000);
    measure_replay(&self, 100000, quick ? 10 : 120);
    return measure_end(&self.measure);
}
