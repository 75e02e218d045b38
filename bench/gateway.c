/* bench/gateway.c - the gateway as a process, from a worker's question to its answer: client -> broker -> gateway ->
 * HTTP server and back, against clients that ask the server directly, in turn, in one run. The server
 * (bench/http_server.h) is never what is measured: the bare client's figures show what it can. Where several processes
 * share two CPUs, rates are floors; the gateway's CPU for each question says what it costs.
 * POLIS_BENCH_SOAK=10000000 asks so many questions in the soaks instead of a few; POLIS_BENCH_PART=T1 measures only
 * this (T1, T2, T3, T4, T20). */
#include <arpa/inet.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/actor_drive.h"
#include "bench/asking.h"
#include "bench/http_load.h"
#include "bench/http_server.h"
#include "bench/measure.h"
#include "bench/questions.h"
#include "bench/usage.h"
#include "bus/clock.h"
#include "bus/outbox.h"
#include "core/assert.h"
#include "core/log.h"

#define ROUNDS 5u
#define ROUNDS_LATE 3u
#define STEP 16384u /* questions of a step where nothing is said about steps */

struct bench {
    struct measure *measure;
    struct http_load http;
    char now[64], late[64]; /* base URLs */
};

static void
report(struct measure *measure, const char *what, double value, const char *unit, enum measure_bar bar, double limit)
{
    measure_report(measure, &(struct measure_row){
                                .what = what, .value = value, .unit = unit, .ratio = MEASURE_NONE, .bar = bar,
                                .limit = limit});
}

static void
path_of(const struct bench *self, const char *name, char out[4400])
{
    (void)snprintf(out, 4400, "%s/%s", measure_folder(self->measure), name);
}

/* ---- rates ---- */

/* One way of asking, over all rounds. */
struct way {
    const char *what;
    struct asking_load load;
    double bar;
    struct asking *rig;
    double rate[ROUNDS], gateway[ROUNDS], broker[ROUNDS], client[ROUNDS];
};

static void
report_way(struct bench *self, struct way *way, const double *bare, uint32_t rounds)
{
    char what[96];

    (void)snprintf(what, sizeof what, "%s: questions", way->what);
    report(self->measure, what, measure_middle(way->rate, rounds), "/s", way->bar > 0 ? BAR_AT_LEAST : BAR_NONE,
           way->bar);
    (void)snprintf(what, sizeof what, "   against asking the server directly");
    measure_report(self->measure, &(struct measure_row){.what = what, .value = measure_middle(bare, rounds),
        .unit = "/s", .ratio = measure_ratio(way->rate, bare, rounds), .than = "bare"});
    report(self->measure, "   CPU, gateway (broker, client below)", measure_middle(way->gateway, rounds), "us/question",
           BAR_AT_MOST, 60);
    report(self->measure, "   CPU, broker", measure_middle(way->broker, rounds), "us/question", BAR_NONE, 0);
    report(self->measure, "   CPU, client", measure_middle(way->client, rounds), "us/question", BAR_NONE, 0);
}

static void
run_way(struct way *way, uint32_t round)
{
    struct asking_figure figure;

    asking_run(way->rig, &way->load, &figure);
    if (figure.sources[ANSWER_FROM_LIVE] != way->load.total)
        measure_wrong(way->rig->measure, "%s: %" PRIu64 " of %" PRIu64 " answers were live", way->what,
                      figure.sources[ANSWER_FROM_LIVE], way->load.total);
    way->rate[round] = figure.per_second;
    way->gateway[round] = figure.gateway_us;
    way->broker[round] = figure.broker_us;
    way->client[round] = figure.client_us;
}

/* The ways in turn with the two that know no gateway. */
static void
run_ways(struct bench *self, struct way *ways, uint32_t count, uint32_t in_flight, uint64_t total, uint32_t rounds)
{
    double bare[ROUNDS], engine[ROUNDS], engine_cpu[ROUNDS];

    self->http.in_flight = in_flight;
    self->http.total = total;
    for (uint32_t round = 0; round < rounds; round++) {
        struct http_figure figure = http_load_engine(&self->http);

        engine[round] = figure.per_second;
        engine_cpu[round] = figure.cpu_us;
        bare[round] = http_load_bare(&self->http).per_second;
        for (uint32_t i = 0; i < count; i++)
            run_way(&ways[i], round);
    }
    measure_report(self->measure, &(struct measure_row){.what = "the HTTP engine alone: requests",
        .value = measure_middle(engine, rounds), .unit = "/s", .ratio = measure_ratio(engine, bare, rounds),
        .than = "bare"});
    report(self->measure, "   CPU, engine", measure_middle(engine_cpu, rounds), "us/request", BAR_NONE, 0);
    for (uint32_t i = 0; i < count; i++)
        report_way(self, &ways[i], bare, rounds);
}

static void
report_throughput(struct bench *self, uint64_t total)
{
    struct asking off, record;
    char log[4400];
    struct asking_load one = {.in_flight = 256, .rows = 1, .warmup = 4096, .total = total, .step_size = STEP};
    struct asking_load chunks = {.in_flight = 512, .rows = 64, .warmup = 4096, .total = total, .step_size = STEP};
    struct way ways[] = {{"T1 1 a message", one, 10000, &off, {0}, {0}, {0}, {0}},
                         {"T1 64 a message, 8 out", chunks, 10000, &off, {0}, {0}, {0}, {0}},
                         {"T1 recorded, 1 a message", one, 8000, &record, {0}, {0}, {0}, {0}},
                         {"T1 recorded, 64 a message", chunks, 8000, &record, {0}, {0}, {0}, {0}}};

    measure_title(self->measure, "256 in flight, an answer at once");
    path_of(self, "record.log", log);
    measure_remove(log);
    self->http.path = "/now";
    asking_start(&off, self->measure, "off", &(struct questions_gateway){.base_url = self->now, .in_flight_max = 256});
    asking_start(&record, self->measure, "record",
              &(struct questions_gateway){
                  .base_url = self->now, .in_flight_max = 256, .mode = REPLAY_RECORD, .log = log});
    run_ways(self, ways, sizeof ways / sizeof ways[0], 256, total, ROUNDS);
    asking_stop(&off);
    asking_stop(&record);
    measure_remove(log);
}

static void
report_concurrent(struct bench *self, uint32_t in_flight, double bar, uint64_t total)
{
    struct asking rig;
    struct asking_load load = {
        .in_flight = in_flight, .rows = 1, .warmup = 4 * (uint64_t)in_flight, .total = total, .step_size = 1u << 20};
    struct way ways[] = {{"", load, bar, &rig, {0}, {0}, {0}, {0}}, {"", load, bar, &rig, {0}, {0}, {0}, {0}}};
    char title[96], what[2][64];

    (void)snprintf(title, sizeof title, "%u in flight, an answer after %u ms: at most %u/s", in_flight, HTTP_LATE_MS,
                   in_flight * (1000 / HTTP_LATE_MS));
    measure_title(self->measure, title);
    (void)snprintf(what[0], sizeof what[0], "T2 %u in flight, 1 a message", in_flight);
    (void)snprintf(what[1], sizeof what[1], "T2 %u in flight, 8 a message", in_flight);
    ways[0].what = what[0];
    ways[1].what = what[1];
    ways[1].load.rows = 8;
    self->http.path = "/late";
    asking_start(&rig, self->measure, "late",
              &(struct questions_gateway){.base_url = self->late, .in_flight_max = in_flight});
    run_ways(self, ways, 2, in_flight, total, ROUNDS_LATE);
    asking_stop(&rig);
}

/* ---- T3: what the way through the gateway adds ---- */

static void
report_added(struct bench *self, uint32_t total)
{
    double *values = calloc(total, sizeof *values);
    double direct[2][ROUNDS], bus[2][ROUNDS], added[2][ROUNDS], rest[ROUNDS];
    static const double shares[2] = {0.5, 0.99};
    struct asking_load load = {
        .in_flight = 256, .rows = 1, .warmup = 1024, .total = total, .step_size = STEP, .per_second = 1000};
    struct asking live, kept;

    ASSERT(values != NULL);
    measure_title(self->measure, "1,000 questions a second, each from the moment it was due, an answer at once");
    self->http.path = "/now";
    self->http.in_flight = load.in_flight;
    self->http.total = total;
    self->http.per_second = load.per_second;
    self->http.latencies = values;
    asking_start(&live, self->measure, "live",
                 &(struct questions_gateway){.base_url = self->now, .in_flight_max = 256});
    asking_start(&kept, self->measure, "kept", &(struct questions_gateway){.cached = true});
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct asking_figure through, only_bus;

        (void)http_load_bare(&self->http);
        load.equal = false;
        asking_run(&live, &load, &through);
        load.equal = true;
        asking_run(&kept, &load, &only_bus);
        for (uint32_t i = 0; i < 2; i++) {
            direct[i][round] = measure_quantile(values, total, shares[i]) / 1000;
            bus[i][round] = measure_quantile(only_bus.latencies, total, shares[i]) / 1000;
            added[i][round] = measure_quantile(through.latencies, total, shares[i]) / 1000 - direct[i][round];
        }
        rest[round] = added[0][round] - bus[0][round];
    }
    asking_stop(&live);
    asking_stop(&kept);
    self->http.per_second = 0;
    self->http.latencies = NULL;
    free(values);
    report(self->measure, "p50, asking the server directly", measure_middle(direct[0], ROUNDS), "us", BAR_NONE, 0);
    report(self->measure, "p50, bus and gateway without a server: from the cache", measure_middle(bus[0], ROUNDS),
           "us", BAR_NONE, 0);
    report(self->measure, "T3 p50, added to asking directly", measure_middle(added[0], ROUNDS), "us", BAR_AT_MOST, 150);
    report(self->measure, "   what is left of it without the bus", measure_middle(rest, ROUNDS), "us", BAR_NONE, 0);
    report(self->measure, "p99, asking the server directly", measure_middle(direct[1], ROUNDS), "us", BAR_NONE, 0);
    report(self->measure, "p99, bus and gateway without a server: from the cache", measure_middle(bus[1], ROUNDS),
           "us", BAR_NONE, 0);
    report(self->measure, "T3 p99, added to asking directly", measure_middle(added[1], ROUNDS), "us", BAR_AT_MOST,
           1000);
}

/* ---- T4: answers that need no server ---- */

/* Through the actor: the median of a message's time, and questions a second of the actor's time. */
static void
drive(struct bench *self, const struct questions_gateway *plan, enum answer_source source, uint32_t rows,
      uint32_t total, double *middle_us, double *rate)
{
    double *values = calloc(total / rows, sizeof *values);
    struct actor_drive drive;
    bool equal = source == ANSWER_FROM_CACHE;

    ASSERT(values != NULL);
    actor_drive_init(&drive, self->measure, plan);
    if (equal) /* the one that is kept */
        (void)actor_drive_ask(&drive, 1, 0, 1, true);
    memset(drive.sources, 0, sizeof drive.sources);
    drive.seconds = 0;
    for (uint32_t i = 0; i < total / rows; i++) {
        uint32_t index = i % (STEP / rows);

        values[i] = actor_drive_ask(&drive, 2 + i / (STEP / rows), index, rows, equal);
    }
    if (drive.sources[source] != total)
        measure_wrong(self->measure, "%" PRIu64 " of %u answers are from where they should", drive.sources[source],
                      total);
    *rate = total / drive.seconds;
    *middle_us = measure_quantile(values, total / rows, 0.5) * 1e6;
    actor_drive_fini(&drive);
    free(values);
}

static void
report_drive(struct bench *self, const char *name, const struct questions_gateway *plan, enum answer_source source,
             uint32_t total)
{
    double middle[ROUNDS], rate[2][ROUNDS], ignored;
    char what[96];

    for (uint32_t round = 0; round < ROUNDS; round++) {
        drive(self, plan, source, 1, total, &middle[round], &rate[0][round]);
        drive(self, plan, source, 64, total, &ignored, &rate[1][round]);
    }
    (void)snprintf(what, sizeof what, "T4 %s, in the actor: p50", name);
    report(self->measure, what, measure_middle(middle, ROUNDS), "us", BAR_AT_MOST, 60);
    (void)snprintf(what, sizeof what, "T4 %s, in the actor, 1 a message: questions", name);
    report(self->measure, what, measure_middle(rate[0], ROUNDS), "/s", BAR_AT_LEAST, 100000);
    (void)snprintf(what, sizeof what, "T4 %s, in the actor, 64 a message: questions", name);
    report(self->measure, what, measure_middle(rate[1], ROUNDS), "/s", BAR_AT_LEAST, 100000);
}

static void
report_bus(struct bench *self, uint32_t total)
{
    static const struct questions_gateway plan = {.cached = true};
    struct asking_load one = {.in_flight = 1, .rows = 1, .warmup = 64, .total = total / 16, .step_size = STEP,
                              .equal = true};
    struct asking_load chunks = {.in_flight = 512, .rows = 64, .warmup = 64, .total = total, .step_size = STEP,
                                 .equal = true};
    double middle[ROUNDS], rate[ROUNDS], cpu[ROUNDS];
    struct asking rig;

    asking_start(&rig, self->measure, "cached", &plan);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct asking_figure figure;

        asking_run(&rig, &one, &figure);
        middle[round] = measure_quantile(figure.latencies, figure.latency_count, 0.5) / 1000;
        asking_run(&rig, &chunks, &figure);
        if (figure.sources[ANSWER_FROM_CACHE] != chunks.total)
            measure_wrong(self->measure, "%" PRIu64 " answers are from the cache", figure.sources[ANSWER_FROM_CACHE]);
        rate[round] = figure.per_second;
        cpu[round] = figure.gateway_us;
    }
    asking_stop(&rig);
    report(self->measure, "from the cache, over the bus, one at a time: p50", measure_middle(middle, ROUNDS), "us",
           BAR_NONE, 0);
    report(self->measure, "from the cache, over the bus, 64 a message: questions", measure_middle(rate, ROUNDS), "/s",
           BAR_NONE, 0);
    report(self->measure, "   CPU, gateway", measure_middle(cpu, ROUNDS), "us/question", BAR_NONE, 0);
}

static void
report_kept(struct bench *self, uint32_t total)
{
    struct questions_gateway cache = {.cached = true}, record = {.mode = REPLAY_RECORD},
                             replay = {.mode = REPLAY_STRICT};
    char log[4400];
    double ignored[2];

    measure_title(self->measure, "answers without a server");
    path_of(self, "kept.log", log);
    measure_remove(log);
    record.log = replay.parent = log;
    report_drive(self, "from the cache", &cache, ANSWER_FROM_CACHE, total);
    drive(self, &record, ANSWER_FROM_LIVE, 64, total, &ignored[0], &ignored[1]);
    report_drive(self, "from a log", &replay, ANSWER_FROM_REPLAY, total);
    measure_remove(log);
    report_bus(self, total);
}

/* ---- T20: soaks ---- */

#define SOAK_STEP 1000u
#define SOAK_ROWS 8u

struct soak {
    double growth_kib;
    uint32_t files_before, files_after;
};

static void
report_soak(struct bench *self, const char *what, const struct soak *soak)
{
    char text[96];

    (void)snprintf(text, sizeof text, "T20 %s: memory that came", what);
    report(self->measure, text, soak->growth_kib, "KiB", BAR_AT_MOST, 1024);
    if (soak->files_after != soak->files_before)
        measure_wrong(self->measure, "%s: %u descriptors became %u", what, soak->files_before, soak->files_after);
}

/* The actor with a script, in a process of its own, so that nothing that was free before hides what grows. */
static void
soak_actor(struct bench *self, uint64_t total)
{
    struct soak *soak = mmap(NULL, sizeof *soak, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child;
    int status;

    ASSERT(soak != MAP_FAILED);
    (void)fflush(NULL);
    child = fork();
    if (child == 0) {
        static const struct questions_gateway plan = {0};
        struct actor_drive drive;
        uint64_t tenth = total / SOAK_STEP / 10 + 1;

        (void)malloc_trim(0); /* of what the bench used before */
        actor_drive_init(&drive, self->measure, &plan);
        for (uint64_t step = 1; step <= total / SOAK_STEP; step++) {
            for (uint32_t i = 0; i < SOAK_STEP / SOAK_ROWS; i++)
                (void)actor_drive_ask(&drive, step, i, SOAK_ROWS, false);
            if (step == tenth) {
                soak->growth_kib = -usage_resident_kib(getpid());
                soak->files_before = usage_file_count(getpid());
            }
        }
        soak->growth_kib += usage_resident_kib(getpid());
        soak->files_after = usage_file_count(getpid());
        actor_drive_fini(&drive);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        measure_wrong(self->measure, "the soak ended with wait status %d", status);
    report_soak(self, "in the actor, a script answers", soak);
    (void)munmap(soak, sizeof *soak);
}

/* The process, over bus and HTTP; ten clients come and go. */
static void
soak_process(struct bench *self, uint64_t total)
{
    struct asking_load load = {
        .in_flight = 256, .rows = SOAK_ROWS, .warmup = SOAK_STEP, .total = total / 10, .step_size = SOAK_STEP};
    struct soak soak = {0};
    struct asking rig;

    load.total -= load.total % SOAK_ROWS;
    /* Fewer places than questions: all connections are made in the first tenth. */
    asking_start(&rig, self->measure, "soak", &(struct questions_gateway){.base_url = self->now, .in_flight_max = 64});
    for (uint32_t i = 0; i < 10; i++) {
        struct asking_figure figure;

        asking_run(&rig, &load, &figure);
        if (i == 0) {
            soak.growth_kib = -usage_resident_kib(rig.gateway);
            soak.files_before = usage_file_count(rig.gateway);
        }
    }
    soak.growth_kib += usage_resident_kib(rig.gateway);
    soak.files_after = usage_file_count(rig.gateway);
    asking_stop(&rig);
    report_soak(self, "over bus and HTTP", &soak);
}

static void
report_soaks(struct bench *self)
{
    const char *wanted = getenv("POLIS_BENCH_SOAK");
    uint64_t total = wanted != NULL ? strtoull(wanted, NULL, 10) : measure_is_quick(self->measure) ? 20000 : 100000;
    char title[96];

    if (total < 10 * SOAK_STEP)
        total = 10 * SOAK_STEP;
    (void)snprintf(title, sizeof title, "%" PRIu64 " questions, %u a step: after the first tenth", total, SOAK_STEP);
    measure_title(self->measure, title);
    soak_actor(self, total);
    soak_process(self, total);
}

static bool
is_wanted(const char *part)
{
    const char *wanted = getenv("POLIS_BENCH_PART");

    return wanted == NULL || strcmp(wanted, part) == 0;
}

int
main(int argc, char **argv)
{
    struct measure *measure = measure_new("gateway", argc, argv);
    struct bench self = {.measure = measure};
    bool quick = measure_is_quick(measure);
    struct sockaddr_in address;
    pid_t server;

    usage_raise_files();
    log_set_level(LOG_ERROR);
    server = http_server_start(&address);
    http_load_init(&self.http, measure, &address);
    (void)snprintf(self.now, sizeof self.now, "http://127.0.0.1:%u/now", ntohs(address.sin_port));
    (void)snprintf(self.late, sizeof self.late, "http://127.0.0.1:%u/late", ntohs(address.sin_port));
    if (is_wanted("T1"))
        report_throughput(&self, quick ? 8192 : 24576);
    if (is_wanted("T2")) {
        report_concurrent(&self, 1000, 8000, quick ? 4000 : 16000);
        report_concurrent(&self, 4000, 0, quick ? 16000 : 32000);
    }
    if (is_wanted("T3"))
        report_added(&self, quick ? 500 : 2000);
    if (is_wanted("T4"))
        report_kept(&self, quick ? 8192 : 32768);
    if (is_wanted("T20"))
        report_soaks(&self);
    http_server_stop(&server);
    return measure_end(&measure);
}
