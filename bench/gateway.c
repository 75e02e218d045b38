/* bench/gateway.c - the gateway as a process, from a worker's question to its answer: client -> broker -> gateway ->
 * HTTP server and back, against clients that ask the server directly, in turn, in one run. The server
 * (bench/http_server.h) is never what is measured: the bare client's figures show what it can. Where several processes
 * share two CPUs, rates are floors; the gateway's CPU for each question says what it costs.
 * POLIS_BENCH_SOAK=10000000 asks so many questions in the soaks instead of a few; POLIS_BENCH_PART=T1 measures only
 * this (T1, T2, T3, T4, T20). */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

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
    struct way way = {"", load, bar, &rig, {0}, {0}, {0}, {0}};
    char title[96], what[64];

    (void)snprintf(title, sizeof title, "%u in flight, an answer after %u ms: at most %u/s", in_flight, HTTP_LATE_MS,
                   in_flight * (1000 / HTTP_LATE_MS));
    measure_title(self->measure, title);
    (void)snprintf(what, sizeof what, "T2 %u in flight", in_flight);
    way.what = what;
    self->http.path = "/late";
    asking_start(&rig, self->measure, "late",
              &(struct questions_gateway){.base_url = self->late, .in_flight_max = in_flight});
    run_ways(self, &way, 1, in_flight, total, ROUNDS_LATE);
    asking_stop(&rig);
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
        report_throughput(&self, quick ? 8192 : 32768);
    if (is_wanted("T2")) {
        report_concurrent(&self, 1000, 8000, quick ? 4000 : 24000);
        report_concurrent(&self, 4000, 0, quick ? 16000 : 48000);
    }
    http_server_stop(&server);
    return measure_end(&measure);
}
