#include "bench/http_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bench/http_server.h"
#include "bench/usage.h"
#include "bus/clock.h"
#include "core/assert.h"
#include "core/text.h"
#include "llm-gateway/http.h"

void
http_load_init(struct http_load *self, const struct measure *measure, const struct sockaddr_in *address)
{
    *self = (struct http_load){.measure = measure, .address = *address, .path = "/now"};
    memset(self->body, 'q', HTTP_REQUEST_SIZE);
}

static void
note(struct http_load *self, uint64_t since_ns)
{
    if (self->latencies != NULL)
        self->latencies[self->done] = (double)(measure_ns() - since_ns);
    self->done++;
}

/* ---- the bare client ---- */

struct bare {
    struct http_load *load;
    int epoll, timer;
    int *fds;
    uint64_t *sent_ns; /* by connection */
    uint32_t *idle;    /* connections that nothing is on */
    uint32_t idle_count;
    uint64_t begin_ns;
    char request[HTTP_REQUEST_SIZE + 256];
    size_t size;
};

static void
bare_send(struct bare *self, uint32_t connection, uint64_t due_ns)
{
    self->sent_ns[connection] = due_ns;
    self->load->sent++;
    if (send(self->fds[connection], self->request, self->size, MSG_NOSIGNAL) != (ssize_t)self->size)
        measure_wrong(self->load->measure, "the bare client cannot send: %s", strerror(errno));
}

static void
bare_connect(struct bare *self, uint32_t connection)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = connection};
    const struct sockaddr *address = (const struct sockaddr *)&self->load->address;

    self->fds[connection] = http_socket_new();
    if (connect(self->fds[connection], address, sizeof self->load->address) != 0)
        measure_wrong(self->load->measure, "connection %u: %s", connection, strerror(errno));
    (void)epoll_ctl(self->epoll, EPOLL_CTL_ADD, self->fds[connection], &event);
    self->idle[self->idle_count++] = connection;
}

static void
bare_init(struct bare *self, struct http_load *load)
{
    *self = (struct bare){.load = load, .epoll = epoll_create1(EPOLL_CLOEXEC), .timer = -1};
    self->fds = calloc(load->in_flight, sizeof *self->fds);
    self->idle = calloc(load->in_flight, sizeof *self->idle);
    self->sent_ns = calloc(load->in_flight, sizeof *self->sent_ns);
    ASSERT(self->fds != NULL && self->idle != NULL && self->sent_ns != NULL);
    self->size = (size_t)snprintf(
        self->request, sizeof self->request,
        "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %u\r\n\r\n%s",
        load->path, HTTP_REQUEST_SIZE, load->body);
    for (uint32_t i = 0; i < load->in_flight; i++)
        bare_connect(self, i);
}

static void
bare_fini(struct bare *self)
{
    for (uint32_t i = 0; i < self->load->in_flight; i++)
        (void)close(self->fds[i]);
    if (self->timer >= 0)
        (void)close(self->timer);
    (void)close(self->epoll);
    free(self->fds);
    free(self->idle);
    free(self->sent_ns);
}

/* What may be sent now: with a rate what is due by it, else whatever finds a connection. */
static void
bare_pump(struct bare *self)
{
    struct http_load *load = self->load;
    uint64_t now = measure_ns(), period = load->per_second > 0 ? 1000000000u / load->per_second : 0;

    while (load->sent < load->total && self->idle_count > 0 && self->begin_ns + load->sent * period <= now)
        bare_send(self, self->idle[--self->idle_count], period > 0 ? self->begin_ns + load->sent * period : now);
}

/* An answer comes in one piece, whole: it is far smaller than any buffer on the way. */
static void
bare_turn(struct bare *self)
{
    struct epoll_event events[256];
    char in[4096];
    int count = epoll_wait(self->epoll, events, 256, -1);

    for (int i = 0; i < count; i++) {
        uint32_t connection = events[i].data.u32;
        ssize_t got;

        if (connection == UINT32_MAX) {
            (void)!read(self->timer, in, 8);
            continue;
        }
        got = recv(self->fds[connection], in, sizeof in, 0);
        if (got < (ssize_t)HTTP_ANSWER_SIZE || memcmp(in, "HTTP/1.1 200", 12) != 0)
            measure_wrong(self->load->measure, "the bare client got %zd bytes", got);
        note(self->load, self->sent_ns[connection]);
        self->idle[self->idle_count++] = connection;
        bare_pump(self);
    }
    bare_pump(self);
}

static void
bare_set_timer(struct bare *self)
{
    long period = 1000000000 / (long)self->load->per_second;
    struct itimerspec often = {{.tv_nsec = period}, {.tv_nsec = period}};
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = UINT32_MAX};

    self->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    ASSERT(self->timer >= 0 && timerfd_settime(self->timer, 0, &often, NULL) == 0);
    (void)epoll_ctl(self->epoll, EPOLL_CTL_ADD, self->timer, &event);
}

struct http_figure
http_load_bare(struct http_load *load)
{
    struct http_figure figure;
    struct bare bare;
    double cpu;

    bare_init(&bare, load);
    load->sent = load->done = 0;
    cpu = usage_cpu_seconds(0);
    if (load->per_second > 0)
        bare_set_timer(&bare);
    bare.begin_ns = measure_ns();
    bare_pump(&bare);
    while (load->done < load->total)
        bare_turn(&bare);
    figure.per_second = (double)load->total / measure_seconds(bare.begin_ns);
    figure.cpu_us = (usage_cpu_seconds(0) - cpu) / (double)load->total * 1e6;
    bare_fini(&bare);
    return figure;
}

/* ---- the engine ---- */

struct http_drive {
    struct http_load *load;
    struct http *http;
    struct http_ask ask;
    struct provider_http request;
    char base[64];
    uint64_t now_ms, since_ns;
};

static void
drive_send(struct http_drive *self)
{
    struct why why = {0};

    self->ask.id = ++self->load->sent;
    if (http_send(self->http, self->now_ms, &self->ask, &why) != 0)
        measure_wrong(self->load->measure, "%s", why.text);
}

static void
on_done(void *context, const struct http_reply *reply)
{
    struct http_drive *self = context;

    if (reply->class != LLM_OK || reply->answer.status != 200 || reply->answer.body.size != HTTP_ANSWER_SIZE)
        measure_wrong(self->load->measure, "ask %" PRIu64 ": %s %d, %zu bytes: %s", reply->id,
                      llm_classes[reply->class].name, reply->answer.status, reply->answer.body.size, reply->error);
    note(self->load, self->since_ns);
    self->since_ns = measure_ns();
    if (self->load->sent < self->load->total)
        drive_send(self);
}

struct http_drive *
http_drive_new(struct http_load *load)
{
    struct http_drive *self = calloc(1, sizeof *self);
    struct why why = {0};

    ASSERT(self != NULL && load->per_second == 0 && (load->latencies == NULL || load->in_flight == 1));
    *self = (struct http_drive){.load = load, .ask = {.done = on_done, .context = self}};
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
    load->sent = load->done = 0;
    return self;
}

void
http_drive_until(struct http_drive *self, uint64_t done)
{
    struct http_load *load = self->load;

    self->since_ns = measure_ns();
    while (load->sent < load->total && load->sent - load->done < load->in_flight)
        drive_send(self);
    while (load->done < done) {
        struct pollfd ready = {.fd = http_fd(self->http), .events = POLLIN};

        (void)poll(&ready, 1, http_timeout_ms(self->http, self->now_ms));
        self->now_ms = clock_ms();
        (void)http_turn(self->http, self->now_ms);
    }
}

void
http_drive_destroy(struct http_drive **self_p)
{
    http_destroy(&(*self_p)->http);
    provider_http_fini(&(*self_p)->request);
    free(*self_p);
    *self_p = NULL;
}

struct http_figure
http_load_engine(struct http_load *load)
{
    uint64_t total = load->total, start;
    double *latencies = load->latencies, cpu;
    struct http_drive *drive;
    struct http_figure figure;

    /* Connections and buffers are made in a first round, as the bare client makes them before its clock starts. */
    load->latencies = NULL;
    load->total = load->in_flight;
    if (latencies != NULL)
        ASSERT(load->in_flight == 1);
    drive = http_drive_new(load);
    http_drive_until(drive, load->in_flight);
    load->latencies = latencies;
    load->total = total;
    load->sent = load->done = 0;
    cpu = usage_cpu_seconds(0);
    start = measure_ns();
    http_drive_until(drive, total);
    figure.per_second = (double)total / measure_seconds(start);
    figure.cpu_us = (usage_cpu_seconds(0) - cpu) / (double)total * 1e6;
    http_drive_destroy(&drive);
    return figure;
}
