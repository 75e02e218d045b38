/* bench/gateway_http.c - what the HTTP engine of the gateway costs over a bare client that knows nothing but this one
 * request: the same server, in turn, in one run. Requests of 2,000 bytes, answers of 340, kept connections, loopback.
 * POLIS_BENCH_SOAK=10000000 adds a soak of so many requests: memory and descriptors must not grow. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/http_load.h"
#include "bench/http_server.h"
#include "bench/measure.h"
#include "bench/usage.h"
#include "core/assert.h"

#define ROUNDS 3u

static void
report_at(struct measure *measure, struct http_load *load, uint32_t in_flight, uint64_t total)
{
    double raw[ROUNDS], engine[ROUNDS], raw_cpu[ROUNDS], engine_cpu[ROUNDS];
    char what[96];

    load->in_flight = in_flight;
    load->total = total;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct http_figure a = http_load_bare(load), b = http_load_engine(load);

        raw[i] = a.per_second;
        raw_cpu[i] = a.cpu_us;
        engine[i] = b.per_second;
        engine_cpu[i] = b.cpu_us;
    }
    (void)snprintf(what, sizeof what, "%s %u in flight: requests, engine", load->path, in_flight);
    measure_report(measure, &(struct measure_row){.what = what, .value = measure_middle(engine, ROUNDS), .unit = "/s",
        .ratio = measure_ratio(engine, raw, ROUNDS), .than = "bare"});
    (void)snprintf(what, sizeof what, "%s %u in flight: CPU, bare", load->path, in_flight);
    measure_report(measure, &(struct measure_row){.what = what, .value = measure_middle(raw_cpu, ROUNDS),
        .unit = "us/request", .ratio = MEASURE_NONE});
    (void)snprintf(what, sizeof what, "%s %u in flight: CPU, engine", load->path, in_flight);
    measure_report(measure, &(struct measure_row){.what = what, .value = measure_middle(engine_cpu, ROUNDS),
        .unit = "us/request", .ratio = MEASURE_NONE, .bar = BAR_AT_MOST, .limit = 60});
}

static void
report_latency(struct measure *measure, struct http_load *load, uint64_t total)
{
    double *values = calloc(total, sizeof *values);
    double middle[2][ROUNDS], high[2][ROUNDS], added[2][ROUNDS];

    ASSERT(values != NULL);
    load->in_flight = 1;
    load->total = total;
    load->latencies = values;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        (void)http_load_bare(load);
        middle[0][i] = measure_quantile(values, total, 0.5) / 1000;
        high[0][i] = measure_quantile(values, total, 0.99) / 1000;
        (void)http_load_engine(load);
        middle[1][i] = measure_quantile(values, total, 0.5) / 1000;
        high[1][i] = measure_quantile(values, total, 0.99) / 1000;
        added[0][i] = middle[1][i] - middle[0][i];
        added[1][i] = high[1][i] - high[0][i];
    }
    load->latencies = NULL;
    free(values);
    measure_report(measure, &(struct measure_row){.what = "one in flight: p50, bare",
        .value = measure_middle(middle[0], ROUNDS), .unit = "us", .ratio = MEASURE_NONE});
    measure_report(measure, &(struct measure_row){.what = "one in flight: p50 added by the engine",
        .value = measure_middle(added[0], ROUNDS), .unit = "us", .ratio = MEASURE_NONE, .bar = BAR_AT_MOST,
        .limit = 150});
    measure_report(measure, &(struct measure_row){.what = "one in flight: p99, bare",
        .value = measure_middle(high[0], ROUNDS), .unit = "us", .ratio = MEASURE_NONE});
    measure_report(measure, &(struct measure_row){.what = "one in flight: p99 added by the engine",
        .value = measure_middle(added[1], ROUNDS), .unit = "us", .ratio = MEASURE_NONE, .bar = BAR_AT_MOST,
        .limit = 1000});
}

static void
report_soak(struct measure *measure, struct http_load *load, uint64_t total)
{
    struct http_drive *drive;
    double before, growth;
    uint32_t files;

    load->in_flight = 256;
    load->total = total;
    drive = http_drive_new(load);
    http_drive_until(drive, total / 10);
    before = usage_resident_kib(getpid());
    files = usage_file_count(getpid());
    http_drive_until(drive, total - load->in_flight);
    growth = usage_resident_kib(getpid()) - before;
    if (usage_file_count(getpid()) != files)
        measure_wrong(measure, "%u descriptors became %u", files, usage_file_count(getpid()));
    http_drive_until(drive, total);
    http_drive_destroy(&drive);
    measure_report(measure, &(struct measure_row){.what = "soak: memory that came after the first tenth",
        .value = growth, .unit = "KiB", .ratio = MEASURE_NONE, .bar = BAR_AT_MOST, .limit = 1024});
}

int
main(int argc, char **argv)
{
    static const uint32_t in_flights[] = {64, 256, 1000, 4000};
    struct measure *measure = measure_new("gateway_http", argc, argv);
    const char *soak = getenv("POLIS_BENCH_SOAK");
    uint64_t total = measure_is_quick(measure) ? 4000 : 40000;
    struct sockaddr_in address;
    struct http_load load;
    pid_t server;

    usage_raise_files();
    server = http_server_start(&address);
    http_load_init(&load, measure, &address);
    measure_title(measure, "an answer at once");
    for (uint32_t i = 0; i < sizeof in_flights / sizeof in_flights[0]; i++)
        report_at(measure, &load, in_flights[i], total);
    measure_title(measure, "an answer after 100 ms: at most 10 requests/s for each in flight");
    load.path = "/late";
    report_at(measure, &load, 1000, total / 2);
    report_at(measure, &load, 4000, total);
    load.path = "/now";
    measure_title(measure, "latency");
    report_latency(measure, &load, total / 4);
    if (soak != NULL && strtoull(soak, NULL, 10) >= 10000) {
        measure_title(measure, "soak");
        report_soak(measure, &load, strtoull(soak, NULL, 10));
    }
    http_server_stop(&server);
    return measure_end(&measure);
}
