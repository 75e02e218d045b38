/* bench/gateway_http.c - what the HTTP engine of the gateway costs over a bare client that knows nothing but this one
 * request: the same server, in turn, in one run. Requests of 2,000 bytes, answers of 340, kept connections, loopback.
 * POLIS_BENCH_SOAK=10000000 adds a soak of so many requests: memory and descriptors must not grow. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure.h"
#include "bus/clock.h"
#include "core/assert.h"
#include "core/text.h"
#include "llm-gateway/http.h"

#define REQUEST_SIZE 2000u
#define ANSWER_SIZE 340u
#define FILES 20000
#define ROUNDS 3u
#define LATE_MS 100u /* the path /late answers after so long */

static int
socket_new(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;

    ASSERT(fd >= 0 && fd < FILES);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

/* ---- the server ---- */

struct late {
    int fd;
    uint64_t due_ms;
};

struct server {
    int epoll;
    size_t sizes[FILES]; /* bytes of the request that have come */
    char *heads[FILES];
    char answer[512];
    size_t answer_size;
    struct late late[FILES]; /* a ring: all wait equally long */
    uint32_t late_first, late_count;
};

#define SERVER_IN 8192u

static void
server_accept(struct server *self, int listener)
{
    int fd, yes = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

        ASSERT(fd < FILES);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        self->sizes[fd] = 0;
        if (self->heads[fd] == NULL)
            self->heads[fd] = malloc(SERVER_IN + 1);
        ASSERT(self->heads[fd] != NULL);
        (void)epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static void
server_read(struct server *self, int fd)
{
    char *in = self->heads[fd], *end;
    ssize_t got = recv(fd, in + self->sizes[fd], SERVER_IN - self->sizes[fd], 0);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        (void)close(fd);
        return;
    }
    self->sizes[fd] += (size_t)got;
    in[self->sizes[fd]] = '\0';
    end = strstr(in, "\r\n\r\n");
    if (end == NULL || self->sizes[fd] < (size_t)(end - in) + 4 + REQUEST_SIZE)
        return;
    self->sizes[fd] = 0;
    if (strncmp(in, "POST /late", 10) == 0) {
        self->late[(self->late_first + self->late_count++) % FILES] = (struct late){fd, clock_ms() + LATE_MS};
        return;
    }
    (void)!send(fd, self->answer, self->answer_size, MSG_NOSIGNAL);
}

static void
server_loop(int listener)
{
    struct server *self = calloc(1, sizeof *self);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    struct epoll_event events[256];

    ASSERT(self != NULL);
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    (void)epoll_ctl(self->epoll, EPOLL_CTL_ADD, listener, &event);
    self->answer_size = (size_t)snprintf(self->answer, sizeof self->answer,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %u\r\n\r\n{\"text\":\"%0*d\"}",
        ANSWER_SIZE, (int)ANSWER_SIZE - 11, 0);
    for (;;) {
        int count = epoll_wait(self->epoll, events, 256, self->late_count > 0 ? 1 : -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                server_accept(self, listener);
            else
                server_read(self, events[i].data.fd);
        }
        while (self->late_count > 0 && self->late[self->late_first].due_ms <= clock_ms()) {
            (void)!send(self->late[self->late_first].fd, self->answer, self->answer_size, MSG_NOSIGNAL);
            self->late_first = (self->late_first + 1) % FILES;
            self->late_count--;
        }
    }
}

static pid_t
server_start(struct sockaddr_in *address)
{
    socklen_t size = sizeof *address;
    int listener = socket_new();
    pid_t child;

    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ASSERT(bind(listener, (struct sockaddr *)address, size) == 0 && listen(listener, 4096) == 0);
    ASSERT(getsockname(listener, (struct sockaddr *)address, &size) == 0);
    child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)fcntl(listener, F_SETFL, O_NONBLOCK);
        server_loop(listener);
    }
    (void)close(listener);
    return child;
}

/* ---- what both clients are asked to do ---- */

struct load {
    const struct measure *measure;
    struct sockaddr_in address;
    const char *path;
    char body[REQUEST_SIZE + 1];
    uint32_t in_flight;
    uint64_t total;
    uint64_t sent, done;
    double *latencies; /* ns of each, or NULL; only with one in flight */
    uint64_t since_ns;
};

struct figure {
    double per_second, cpu_us;
};

static double
cpu_seconds(void)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
load_note(struct load *load)
{
    uint64_t now;

    if (load->latencies != NULL) {
        now = measure_ns();
        load->latencies[load->done] = (double)(now - load->since_ns);
        load->since_ns = now;
    }
    load->done++;
}

/* ---- the bare client ---- */

static void
raw_send(const struct load *load, int fd, const char *request, size_t size)
{
    if (send(fd, request, size, MSG_NOSIGNAL) != (ssize_t)size)
        measure_wrong(load->measure, "the bare client cannot send: %s", strerror(errno));
}

/* An answer comes in one piece, whole: it is far smaller than any buffer on the way. */
static void
raw_turn(struct load *load, int epoll, const char *request, size_t size)
{
    struct epoll_event events[256];
    char in[4096];
    int count = epoll_wait(epoll, events, 256, -1);

    for (int i = 0; i < count; i++) {
        ssize_t got = recv(events[i].data.fd, in, sizeof in, 0);

        if (got < (ssize_t)ANSWER_SIZE || memcmp(in, "HTTP/1.1 200", 12) != 0)
            measure_wrong(load->measure, "the bare client got %zd bytes", got);
        load_note(load);
        if (load->sent < load->total) {
            load->sent++;
            raw_send(load, events[i].data.fd, request, size);
        }
    }
}

static struct figure
raw_run(struct load *load)
{
    int *fds = calloc(load->in_flight, sizeof *fds);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    char request[REQUEST_SIZE + 256];
    size_t size = (size_t)snprintf(request, sizeof request,
        "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %u\r\n\r\n%s",
        load->path, REQUEST_SIZE, load->body);
    struct figure figure;
    double cpu;
    uint64_t start;

    ASSERT(fds != NULL);
    for (uint32_t i = 0; i < load->in_flight; i++) {
        struct epoll_event event = {.events = EPOLLIN};

        fds[i] = event.data.fd = socket_new();
        if (connect(fds[i], (const struct sockaddr *)&load->address, sizeof load->address) != 0)
            measure_wrong(load->measure, "connection %u: %s", i, strerror(errno));
        (void)epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event);
    }
    cpu = cpu_seconds();
    start = load->since_ns = measure_ns();
    for (load->sent = 0, load->done = 0; load->sent < load->in_flight; load->sent++)
        raw_send(load, fds[load->sent], request, size);
    while (load->done < load->total)
        raw_turn(load, epoll, request, size);
    figure.per_second = (double)load->total / measure_seconds(start);
    figure.cpu_us = (cpu_seconds() - cpu) / (double)load->total * 1e6;
    for (uint32_t i = 0; i < load->in_flight; i++)
        (void)close(fds[i]);
    (void)close(epoll);
    free(fds);
    return figure;
}

/* ---- the engine ---- */

struct drive {
    struct load *load;
    struct http *http;
    struct http_ask ask;
    struct provider_http request;
    char base[64];
    uint64_t now_ms;
};

static void
drive_send(struct drive *self)
{
    struct why why = {0};

    self->ask.id = ++self->load->sent;
    if (http_send(self->http, self->now_ms, &self->ask, &why) != 0)
        measure_wrong(self->load->measure, "%s", why.text);
}

static void
on_done(void *context, const struct http_reply *reply)
{
    struct drive *self = context;

    if (reply->class != LLM_OK || reply->answer.status != 200 || reply->answer.body.size != ANSWER_SIZE)
        measure_wrong(self->load->measure, "ask %" PRIu64 ": %s %d, %zu bytes: %s", reply->id,
                      llm_classes[reply->class].name, reply->answer.status, reply->answer.body.size, reply->error);
    load_note(self->load);
    if (self->load->sent < self->load->total)
        drive_send(self);
}

static void
drive_init(struct drive *self, struct load *load)
{
    struct why why = {0};

    *self = (struct drive){.load = load, .ask = {.done = on_done, .context = self}};
    self->http = http_new(&(struct http_options){.in_flight_max = load->in_flight}, &why);
    if (self->http == NULL)
        measure_wrong(load->measure, "%s", why.text);
    (void)snprintf(self->base, sizeof self->base, "http://127.0.0.1:%u", ntohs(load->address.sin_port));
    (void)snprintf(self->request.path, sizeof self->request.path, "%s", load->path);
    self->request.method = "POST";
    self->request.headers[0] = (struct provider_header){"content-type", "application/json", PROVIDER_PLAIN};
    self->request.header_count = 1;
    text_add(&self->request.body, load->body);
    self->ask.base_url = self->base;
    self->ask.request = &self->request;
    self->now_ms = clock_ms();
}

static void
drive_until(struct drive *self, uint64_t done)
{
    while (self->load->done < done) {
        struct pollfd ready = {.fd = http_fd(self->http), .events = POLLIN};

        (void)poll(&ready, 1, http_timeout_ms(self->http, self->now_ms));
        self->now_ms = clock_ms();
        (void)http_turn(self->http, self->now_ms);
    }
}

static void
drive_fini(struct drive *self)
{
    http_destroy(&self->http);
    provider_http_fini(&self->request);
}

static struct figure
engine_run(struct load *load)
{
    uint64_t total = load->total;
    struct drive drive;
    struct figure figure;
    double cpu, *latencies = load->latencies;
    uint64_t start;

    /* Connections and buffers are made in a first round, as the bare client makes them before its clock starts. */
    load->latencies = NULL;
    load->total = load->in_flight;
    load->sent = load->done = 0;
    drive_init(&drive, load);
    while (load->sent < load->in_flight)
        drive_send(&drive);
    drive_until(&drive, load->in_flight);
    load->latencies = latencies;
    load->total = total;
    load->sent = load->done = 0;
    cpu = cpu_seconds();
    start = load->since_ns = measure_ns();
    while (load->sent < load->in_flight)
        drive_send(&drive);
    drive_until(&drive, total);
    figure.per_second = (double)total / measure_seconds(start);
    figure.cpu_us = (cpu_seconds() - cpu) / (double)total * 1e6;
    drive_fini(&drive);
    return figure;
}

/* ---- figures ---- */

static void
report_at(struct measure *measure, struct load *load, uint32_t in_flight, uint64_t total)
{
    double raw[ROUNDS], engine[ROUNDS], raw_cpu[ROUNDS], engine_cpu[ROUNDS];
    char what[96];

    load->in_flight = in_flight;
    load->total = total;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct figure a = raw_run(load), b = engine_run(load);

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

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double
quantile(double *values, uint64_t count, double share)
{
    qsort(values, count, sizeof *values, by_value);
    return values[(uint64_t)((double)(count - 1) * share)] / 1000;
}

static void
report_latency(struct measure *measure, struct load *load, uint64_t total)
{
    double *values = calloc(total, sizeof *values);
    double middle[2][ROUNDS], high[2][ROUNDS], added[2][ROUNDS];

    ASSERT(values != NULL);
    load->in_flight = 1;
    load->total = total;
    load->latencies = values;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        (void)raw_run(load);
        middle[0][i] = quantile(values, total, 0.5);
        high[0][i] = quantile(values, total, 0.99);
        (void)engine_run(load);
        middle[1][i] = quantile(values, total, 0.5);
        high[1][i] = quantile(values, total, 0.99);
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

/* ---- soak ---- */

static double
resident_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long size = 0, resident = 0;

    if (file != NULL && fscanf(file, "%lu %lu", &size, &resident) != 2)
        resident = 0;
    if (file != NULL)
        (void)fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static uint32_t
file_count(void)
{
    DIR *folder = opendir("/proc/self/fd");
    uint32_t count = 0;

    while (folder != NULL && readdir(folder) != NULL)
        count++;
    if (folder != NULL)
        (void)closedir(folder);
    return count;
}

static void
report_soak(struct measure *measure, struct load *load, uint64_t total)
{
    struct drive drive;
    double before, growth;
    uint32_t files;

    load->in_flight = 256;
    load->total = total;
    load->sent = load->done = 0;
    drive_init(&drive, load);
    while (load->sent < load->in_flight)
        drive_send(&drive);
    drive_until(&drive, total / 10);
    before = resident_kib();
    files = file_count();
    drive_until(&drive, total - load->in_flight);
    growth = resident_kib() - before;
    if (file_count() != files)
        measure_wrong(measure, "%u descriptors became %u", files, file_count());
    drive_until(&drive, total);
    drive_fini(&drive);
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
    struct load load = {.measure = measure, .path = "/now"};
    struct rlimit files;
    pid_t server;

    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    memset(load.body, 'q', REQUEST_SIZE);
    server = server_start(&load.address);
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
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    return measure_end(&measure);
}
