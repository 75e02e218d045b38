/* bench/sandbox.c - the sandbox as its users run it: `polis run` of a society, in one process and as a cluster, from
 * ten agents to a million. Its speed is held against that of the Python implementation with the same purpose, whose
 * figures were measured on a 2-core machine when idle (one process, one thread; CPU time equal to wall time). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <libgen.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/measure.h"
#include "core/assert.h"

extern char **environ;

struct society {
    uint32_t honest, opportunistic, deceptive, adversarial;
    uint32_t epochs, steps_per_epoch;
};

struct outcome {
    double seconds;      /* as the report says: from the start of its processes to the last commit */
    double agent_steps, interactions; /* a second */
    double memory;       /* bytes: the largest resident size of any of its processes */
    char chain[65];
};

struct bench {
    struct measure *measure;
    char polis[4200], folder[4200], scenario[4200], output[4200];
};

static uint32_t
agents_of(const struct society *society)
{
    return society->honest + society->opportunistic + society->deceptive + society->adversarial;
}

static void
write_scenario(struct bench *self, const struct society *society)
{
    FILE *file = fopen(self->scenario, "we");

    if (file == NULL)
        measure_wrong(self->measure, "%s: %s", self->scenario, strerror(errno));
    fprintf(file, "name: bench\nagents:\n  - {type: honest, count: %u}\n  - {type: opportunistic, count: %u}\n"
            "  - {type: deceptive, count: %u}\n", society->honest, society->opportunistic, society->deceptive);
    if (society->adversarial > 0)
        fprintf(file, "  - {type: adversarial, count: %u}\n", society->adversarial);
    fprintf(file, "simulation: {epochs: %u, steps_per_epoch: %u, seed: 42}\n", society->epochs,
            society->steps_per_epoch);
    fclose(file);
}

/* Runs the program to its end with stdout in a file; the largest resident size of it and of those it waited for. */
static double
spawn(struct bench *self, char *const arguments[])
{
    posix_spawn_file_actions_t actions;
    struct rusage usage;
    int status = 0, error;
    pid_t pid;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, self->output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    error = posix_spawn(&pid, self->polis, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
        measure_wrong(self->measure, "%s: %s", self->polis, strerror(error));
    while (wait4(pid, &status, 0, &usage) < 0)
        if (errno != EINTR)
            measure_wrong(self->measure, "wait: %s", strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        measure_wrong(self->measure, "polis run ended with wait status %d", status);
    return (double)usage.ru_maxrss * 1024.0;
}

static void
read_report(struct bench *self, const struct society *society, struct outcome *out)
{
    json_error_t where;
    json_t *report = json_load_file(self->output, 0, &where), *figures = json_object_get(report, "figures");
    const char *chain = json_string_value(json_object_get(report, "chain"));
    double steps = (double)json_integer_value(json_object_get(report, "steps"));

    if (report == NULL || chain == NULL || !json_is_true(json_object_get(report, "complete")))
        measure_wrong(self->measure, "the report of polis run cannot be read: %s", where.text);
    snprintf(out->chain, sizeof out->chain, "%s", chain);
    out->seconds = json_number_value(json_object_get(report, "seconds"));
    if (out->seconds <= 0)
        measure_wrong(self->measure, "the report does not say how long the run took");
    out->agent_steps = steps * agents_of(society) / out->seconds;
    out->interactions = json_number_value(json_object_get(figures, "interactions")) / out->seconds;
    json_decref(report);
}

static void
run(struct bench *self, const struct society *society, bool inproc, struct outcome *out)
{
    char *arguments[] = {self->polis, (char *)"run", self->scenario, (char *)"--json", (char *)"--quiet",
        (char *)"--out", self->folder, inproc ? (char *)"--inproc" : NULL, NULL};

    write_scenario(self, society);
    measure_remove(self->folder);
    out->memory = spawn(self, arguments);
    read_report(self, society, out);
    measure_remove(self->folder);
    measure_remove(self->output);
    measure_remove(self->scenario);
}

/* ---- against the peer ---- */

static void
measure_peer(struct bench *self)
{
    /* Agent-steps/s of the peer's version 1 with its own baseline mix (60 % honest, 20 % opportunistic, 20 %
     * deceptive), no governance, everybody acting in every step: sandbox_peer.md, section 17 "Speed". */
    static const struct {
        const char *name;
        struct society society;
        double peer;
    } rows[] = {
        {"5 agents, 10 x 10 steps", {3, 1, 1, 0, 10, 10}, 9305},
        {"10 agents, 100 x 10 steps", {6, 2, 2, 0, 100, 10}, 919},
        {"100 agents, 10 x 10 steps", {60, 20, 20, 0, 10, 10}, 904},
        {"1000 agents, 1 x 10 steps", {600, 200, 200, 0, 1, 10}, 613},
    };

    measure_title(self->measure, "agent-steps/s in one process, log synced; the Python peer's mix and lengths");
    for (uint32_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        double rates[3];
        struct outcome outcome;

        for (uint32_t i = 0; i < 3; i++) {
            run(self, &rows[r].society, true, &outcome);
            rates[i] = outcome.agent_steps;
        }
        measure_report(self->measure, &(struct measure_row){.what = rows[r].name, .value = measure_middle(rates, 3),
            .unit = "/s", .ratio = measure_middle(rates, 3) / rows[r].peer, .than = "peer", .bar = BAR_AT_LEAST,
            .limit = 1000});
    }
}

/* ---- how long a study takes ---- */

#define LONG_SECONDS 2.0   /* for 1,000 agents x 100 epochs x 10 steps */
#define SWEEP_SECONDS 60.0 /* for 12 configurations x 30 seeds */

/* A run that the Python implementation needs a day for: a million agent-steps, every step on disk. */
static void
measure_long(struct bench *self)
{
    static const struct society society = {600, 200, 200, 0, 100, 10};
    double seconds[2][3];

    measure_title(self->measure, "1,000 agents, 100 epochs of 10 steps, log synced; seconds from start to last commit");
    for (uint32_t inproc = 0; inproc < 2; inproc++) {
        for (uint32_t i = 0; i < 3; i++) {
            struct outcome outcome;

            run(self, &society, inproc == 1, &outcome);
            seconds[inproc][i] = outcome.seconds;
        }
        measure_report(self->measure, &(struct measure_row){.what = inproc == 1 ? "one process" : "cluster, 2 workers",
            .value = measure_middle(seconds[inproc], 3), .unit = "s",
            .ratio = measure_middle(seconds[inproc], 3) / LONG_SECONDS, .than = "2 s", .bar = BAR_AT_MOST, .limit = 1});
    }
}

/* The sweep of the twelve configurations of governance, whole: plan, runs, tables. */
static void
measure_sweep(struct bench *self)
{
    char *arguments[] = {self->polis, (char *)"sweep", (char *)"governance", (char *)"--json", (char *)"--quiet",
        (char *)"--out", self->folder, NULL};
    struct timespec begin, end;
    double seconds;

    measure_remove(self->folder);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    spawn(self, arguments);
    clock_gettime(CLOCK_MONOTONIC, &end);
    seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    measure_remove(self->folder);
    measure_remove(self->output);
    measure_title(self->measure, "polis sweep governance: 12 configurations x 30 seeds of 20 agents x 200 steps");
    measure_report(self->measure, &(struct measure_row){.what = "wall time", .value = seconds, .unit = "s",
        .ratio = seconds / SWEEP_SECONDS, .than = "60 s", .bar = BAR_AT_MOST, .limit = 1});
}

/* ---- sizes ---- */

static double
memory_available(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    char line[200];
    uint64_t kilobytes = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "MemAvailable: %" SCNu64, &kilobytes) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return (double)kilobytes * 1024.0;
}

static void
report_size(struct bench *self, const char *way, const struct outcome *outcome, double against)
{
    char what[100];

    snprintf(what, sizeof what, "%s: agent-steps/s", way);
    measure_report(self->measure, &(struct measure_row){.what = what, .value = outcome->agent_steps, .unit = "/s",
        .ratio = against > 0 ? outcome->agent_steps / against : MEASURE_NONE, .than = "one process"});
    measure_report(self->measure, &(struct measure_row){.what = "   interactions/s", .value = outcome->interactions,
        .unit = "/s", .ratio = MEASURE_NONE});
    measure_report(self->measure, &(struct measure_row){.what = "   largest process", .value = outcome->memory,
        .unit = "B", .ratio = MEASURE_NONE});
}

static void
measure_sizes(struct bench *self)
{
    static const struct {
        uint32_t agents, epochs, steps_per_epoch;
        double memory; /* bytes that must be free */
    } rows[] = {{10, 200, 10, 0}, {100, 100, 10, 0}, {1000, 20, 10, 0}, {100000, 1, 5, 2e9}, {1000000, 1, 2, 8e9}};

    for (uint32_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        uint32_t n = rows[r].agents;
        struct society society = {.opportunistic = n * 3 / 10, .deceptive = n * 3 / 20, .adversarial = n * 3 / 20,
            .epochs = rows[r].epochs, .steps_per_epoch = rows[r].steps_per_epoch};
        struct outcome inproc, cluster;
        char title[120];

        society.honest = n - society.opportunistic - society.deceptive - society.adversarial;
        snprintf(title, sizeof title,
                 "%u agents (40 %% honest, 30 opportunistic, 15 deceptive, 15 adversarial), %u steps",
                 n, society.epochs * society.steps_per_epoch);
        if (measure_is_quick(self->measure) && n > 100000)
            continue;
        if (memory_available() < rows[r].memory) {
            measure_note(self->measure, "%u agents: left out, less than %.0f GB of memory are free", n,
                         rows[r].memory / 1e9);
            continue;
        }
        run(self, &society, true, &inproc);
        run(self, &society, false, &cluster);
        if (strcmp(inproc.chain, cluster.chain) != 0)
            measure_wrong(self->measure, "%u agents: the cluster's chain is another one", n);
        measure_title(self->measure, title);
        report_size(self, "one process", &inproc, 0);
        report_size(self, "cluster, 2 workers", &cluster, inproc.agent_steps);
    }
}

/* The program stands beside the folder that this one is in. */
static void
find_polis(struct bench *self)
{
    char path[4096];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);

    ASSERT(size > 0);
    path[size] = '\0';
    snprintf(self->polis, sizeof self->polis, "%s/polis", dirname(dirname(path)));
    if (access(self->polis, X_OK) != 0)
        measure_wrong(self->measure, "%s: %s (make builds it)", self->polis, strerror(errno));
}

int
main(int argc, char **argv)
{
    struct bench self = {.measure = measure_new("sandbox", argc, argv)};

    find_polis(&self);
    snprintf(self.folder, sizeof self.folder, "%s/sandbox", measure_folder(self.measure));
    snprintf(self.scenario, sizeof self.scenario, "%s/sandbox.yaml", measure_folder(self.measure));
    snprintf(self.output, sizeof self.output, "%s/sandbox.json", measure_folder(self.measure));
    measure_peer(&self);
    measure_long(&self);
    measure_sweep(&self);
    measure_sizes(&self);
    return measure_end(&self.measure);
}
