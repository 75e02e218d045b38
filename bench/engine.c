/* bench/engine.c - decisions a second: the whole engine against its floor. The floor is one thread that does what no
 * engine can save: encode what agents see, decide, read, check, concatenate, apply and digest. Above it come the log,
 * messages over memory, processes over unix sockets and over tcp, with the log synced and not. All of them must end
 * with the same chain; the floor, which has no log, with the same state. */
#include <stdio.h>
#include <string.h>

#include "bench/fleet.h"
#include "bench/drill_table.h"
#include "bench/measure.h"

#define ROUNDS 3u

enum { FLOOR, INPROC, IPC, IPC_UNSYNCED, TCP, WAYS };

static const struct {
    const char *name;
    enum fleet_way way;
    bool durable;
} ways[WAYS] = {
    [FLOOR] = {"floor: one thread, no messages, no log", WAY_FLOOR, false},
    [INPROC] = {"one process (--inproc), log synced", WAY_INPROC, true},
    [IPC] = {"cluster over ipc, 2 workers, log synced", WAY_IPC, true},
    [IPC_UNSYNCED] = {"the same, log not synced", WAY_IPC, false},
    [TCP] = {"cluster over tcp loopback, log synced", WAY_TCP, true},
};

struct scores {
    double rate[WAYS][ROUNDS];
    double step_ms[WAYS][ROUNDS];
};

static void
run_round(struct measure *self, uint32_t agents, uint32_t steps, uint32_t round, struct scores *scores)
{
    struct fleet_result results[WAYS];

    for (uint32_t w = 0; w < WAYS; w++) {
        struct fleet_setup setup = {.way = ways[w].way, .agents = agents, .steps = steps,
            .warmup = steps / 10 > 2 ? steps / 10 : 2, .workers = 2, .work = 32, .durable = ways[w].durable};

        fleet_run(self, &setup, &results[w]);
        scores->rate[w][round] = results[w].rate;
        scores->step_ms[w][round] = results[w].seconds * 1e3 / (setup.steps - setup.warmup);
        if (memcmp(results[w].digest, results[FLOOR].digest, sizeof results[w].digest) != 0)
            measure_wrong(self, "%u agents: %s: another state than the floor's", agents, ways[w].name);
        if (w > INPROC && memcmp(results[w].chain, results[INPROC].chain, sizeof results[w].chain) != 0)
            measure_wrong(self, "%u agents: %s: another chain", agents, ways[w].name);
    }
    for (uint32_t w = 0; w < WAYS; w++)
        fleet_result_fini(&results[w]);
}

static void
report_ratio(struct measure *self, const char *what, const struct scores *scores, int a, int b, const char *than,
             double limit)
{
    measure_report(self, &(struct measure_row){.what = what, .value = measure_middle(scores->rate[a], ROUNDS),
        .unit = "/s", .ratio = measure_ratio(scores->rate[a], scores->rate[b], ROUNDS), .than = than,
        .bar = limit > 0 ? BAR_AT_LEAST : BAR_NONE, .limit = limit});
}

/* The bars are for worlds big enough that a step is work and not waiting for a process to be woken. */
static void
run_size(struct measure *self, uint32_t agents, uint32_t steps)
{
    bool held = agents >= 100000;
    struct scores scores;
    char title[120];

    for (uint32_t round = 0; round < ROUNDS; round++)
        run_round(self, agents, steps, round, &scores);
    snprintf(title, sizeof title, "%u agents, %u steps: decisions/s (step: %.3f ms over ipc, %.3f ms the floor)",
             agents, steps, measure_middle(scores.step_ms[IPC], ROUNDS), measure_middle(scores.step_ms[FLOOR], ROUNDS));
    measure_title(self, title);
    measure_report(self, &(struct measure_row){.what = ways[FLOOR].name,
        .value = measure_middle(scores.rate[FLOOR], ROUNDS), .unit = "/s", .ratio = MEASURE_NONE});
    report_ratio(self, ways[INPROC].name, &scores, INPROC, FLOOR, "floor", 0);
    report_ratio(self, ways[IPC].name, &scores, IPC, FLOOR, "floor", agents == 100000 ? 0.70 : 0);
    report_ratio(self, "durable against not durable", &scores, IPC, IPC_UNSYNCED, "not synced", held ? 0.90 : 0);
    report_ratio(self, ways[TCP].name, &scores, TCP, IPC, "ipc", held ? 0.80 : 0);
}

int
main(int argc, char **argv)
{
    static const struct {
        uint32_t agents, steps;
    } sizes[] = {{1000, 4000}, {10000, 1000}, {100000, 120}, {1000000, 14}};
    struct measure *self;

    fleet_role(argc, argv);
    self = measure_new("engine", argc, argv);
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        run_size(self, sizes[i].agents,
                 measure_is_quick(self) && sizes[i].steps > 100 ? sizes[i].steps / 10 : sizes[i].steps);
    measure_note(self, "one chain for all of them, and the floor's state");
    return measure_end(&self);
}
