/* bench/failure.c - what a kill -9 costs: of a worker, of the broker, of the world. The bench is the supervisor: it
 * kills and starts again at once. Whatever was killed, the run must end with the chain of one in which nothing was. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/drill_table.h"
#include "bench/fleet.h"
#include "bench/measure.h"

#define KILLS_MAX 60u

struct kills {
    uint64_t at[KILLS_MAX];
    uint32_t count;
};

enum victim { NOBODY, WORKER, BROKER };

static void
sleep_ms(uint32_t ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

/* Runs to the end; kills one every `every_ms` until `most` have been killed. */
static void
run(struct measure *measure, const struct fleet_setup *setup, enum victim victim, uint32_t every_ms, uint32_t most,
    struct kills *kills, struct fleet_result *out)
{
    struct fleet fleet;

    kills->count = 0;
    fleet_prepare(&fleet, measure, setup);
    fleet_start(&fleet);
    while (victim != NOBODY && kills->count < most) {
        sleep_ms(every_ms);
        if (!fleet_is_running(&fleet))
            break;
        if (victim == WORKER) {
            uint32_t index = kills->count % setup->workers;

            kills->at[kills->count++] = fleet_kill(&fleet.workers[index]);
            fleet_start_worker(&fleet, index);
        } else {
            kills->at[kills->count++] = fleet_kill(&fleet.broker);
            fleet_start_broker(&fleet);
        }
    }
    fleet_wait(&fleet, out);
    fleet_clean(&fleet);
}

static void
compare(struct measure *measure, const struct fleet_result *a, const struct fleet_result *b, const char *what)
{
    if (memcmp(a->chain, b->chain, sizeof a->chain) != 0)
        measure_wrong(measure, "%s: another chain than undisturbed", what);
}

/* Index of the first mark of a kind behind `ns`, from `from` on; mark_count when there is none. */
static uint32_t
find(const struct fleet_result *result, uint32_t from, uint64_t ns, enum mark_kind kind)
{
    while (from < result->mark_count && (result->marks[from].ns < ns || result->marks[from].kind != (uint64_t)kind))
        from++;
    return from;
}

/* The longest step, in ms, that was under way between two moments. */
static double
longest_step(const struct fleet_result *result, uint64_t from, uint64_t to)
{
    uint64_t before = 0, longest = 0;

    for (uint32_t i = 0; i < result->mark_count; i++) {
        const struct mark *mark = &result->marks[i];

        if (mark->kind != MARK_STEP)
            continue;
        if (before != 0 && mark->ns >= from && before <= to && mark->ns - before > longest)
            longest = mark->ns - before;
        before = mark->ns;
    }
    return (double)longest / 1e6;
}

static void
measure_workers(struct measure *self, uint32_t agents, uint32_t steps)
{
    struct fleet_setup setup = {.way = WAY_IPC, .agents = agents, .steps = steps, .warmup = 5, .workers = 2,
        .work = 32, .durable = true};
    struct fleet_result calm, result;
    struct kills kills;
    double *times, normal, notice[KILLS_MAX], step[KILLS_MAX], middle;
    uint32_t noticed = 0;
    char text[120];

    run(self, &setup, NOBODY, 0, 0, &kills, &calm);
    times = calloc(calm.mark_count, sizeof *times);
    normal = measure_median(times, fleet_step_times(&setup, &calm, times)) * 1e3;
    free(times);
    run(self, &setup, WORKER, 120, measure_is_quick(self) ? 5 : 30, &kills, &result);
    compare(self, &calm, &result, "workers killed");
    for (uint32_t i = 0; i < kills.count; i++) {
        uint32_t down = find(&result, 0, kills.at[i], MARK_WORKER_DOWN);

        if (down == result.mark_count)
            break;
        notice[noticed] = (double)(result.marks[down].ns - kills.at[i]) / 1e6;
        step[noticed++] = longest_step(&result, kills.at[i], result.marks[down].ns);
    }
    if (noticed == 0)
        measure_wrong(self, "the run was over before anybody was killed");
    snprintf(text, sizeof text, "a worker of 2 is killed: %u agents, %u kills, a step takes %.2f ms undisturbed",
             agents, noticed, normal);
    measure_title(self, text);
    measure_report(self, &(struct measure_row){.what = "until the world has its PEER_DOWN, median",
        .value = measure_middle(notice, noticed), .unit = "ms", .ratio = MEASURE_NONE, .bar = BAR_AT_MOST, .limit = 5});
    middle = measure_middle(step, noticed);
    measure_report(self, &(struct measure_row){.what = "the step it happened in, median (bar: 1.5 steps + 5 ms)",
        .value = middle, .unit = "ms", .ratio = MEASURE_NONE, .bar = BAR_AT_MOST, .limit = 1.5 * normal + 5.0});
    fleet_result_fini(&calm);
    fleet_result_fini(&result);
}

/* The run that loses its broker, or its world. */
static struct fleet_setup
large_setup(const struct measure *self)
{
    return (struct fleet_setup){.way = WAY_IPC, .agents = 10000, .steps = measure_is_quick(self) ? 500 : 1500,
        .warmup = 5, .workers = 2, .work = 32, .durable = true};
}

static void
measure_broker(struct measure *self)
{
    struct fleet_setup setup = large_setup(self);
    struct fleet_result calm, result;
    struct kills kills;
    double back[KILLS_MAX], worst = 0;
    uint32_t count = 0;

    run(self, &setup, NOBODY, 0, 0, &kills, &calm);
    run(self, &setup, BROKER, 250, measure_is_quick(self) ? 3 : 12, &kills, &result);
    compare(self, &calm, &result, "broker killed");
    for (uint32_t i = 0; i < kills.count; i++) {
        uint32_t at = find(&result, 0, kills.at[i], MARK_CONNECTED);

        at = find(&result, at, kills.at[i], MARK_WORKER_UP);
        at = find(&result, at, kills.at[i], MARK_STEP);
        if (at == result.mark_count)
            break;
        back[count] = (double)(result.marks[at].ns - kills.at[i]) / 1e6;
        worst = back[count] > worst ? back[count] : worst;
        count++;
    }
    if (count == 0)
        measure_wrong(self, "the run was over before the broker was killed");
    measure_title(self, "the broker is killed and started again at once: 10000 agents, same chain");
    measure_report(self, &(struct measure_row){.what = "until the next step of the new connection, median",
        .value = measure_middle(back, count), .unit = "ms", .ratio = MEASURE_NONE, .bar = BAR_AT_MOST, .limit = 100});
    measure_report(self, &(struct measure_row){.what = "   the longest", .value = worst, .unit = "ms",
        .ratio = MEASURE_NONE});
    fleet_result_fini(&calm);
    fleet_result_fini(&result);
}

static void
measure_world(struct measure *self)
{
    struct fleet_setup setup = large_setup(self);
    struct fleet_result calm, result;
    struct kills kills;
    struct fleet fleet;
    double back[KILLS_MAX];
    uint32_t count = 0;

    run(self, &setup, NOBODY, 0, 0, &kills, &calm);
    fleet_prepare(&fleet, self, &setup);
    fleet_start(&fleet);
    while (count < 10) {
        uint64_t at;

        sleep_ms(150);
        if (!fleet_is_running(&fleet))
            break;
        at = fleet_kill(&fleet.world);
        fleet_start_world(&fleet);
        back[count++] = measure_seconds(at) * 1e3;
    }
    fleet_wait(&fleet, &result);
    fleet_clean(&fleet);
    compare(self, &calm, &result, "world killed");
    if (count == 0)
        measure_wrong(self, "the run was over before the world was killed");
    measure_title(self, "the world is killed and started again at once: 10000 agents, same chain");
    measure_report(self, &(struct measure_row){.what = "until it has made another step, median",
        .value = measure_middle(back, count), .unit = "ms", .ratio = MEASURE_NONE, .bar = BAR_AT_MOST, .limit = 1000});
    fleet_result_fini(&calm);
    fleet_result_fini(&result);
}

int
main(int argc, char **argv)
{
    struct measure *self;

    fleet_role(argc, argv);
    self = measure_new("failure", argc, argv);
    measure_workers(self, 10000, measure_is_quick(self) ? 300 : 1500);
    measure_workers(self, 100000, measure_is_quick(self) ? 60 : 350);
    measure_broker(self);
    measure_world(self);
    return measure_end(&self);
}
