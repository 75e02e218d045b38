/* bench/http_load.h - two clients with one task: a bare one that knows nothing but this one request, and the gateway's
 * HTTP engine. Requests of 2,000 bytes to bench/http_server.h, over connections that are kept. */
#ifndef POLIS_BENCH_HTTP_LOAD_H
#define POLIS_BENCH_HTTP_LOAD_H

#include <netinet/in.h>
#include <stdint.h>

#include "bench/measure.h"

#define HTTP_REQUEST_SIZE 2000u

struct http_load {
    const struct measure *measure; /* whom a failure is told */
    struct sockaddr_in address;
    const char *path;              /* "/now", "/late" */
    char body[HTTP_REQUEST_SIZE + 1];
    uint32_t in_flight;
    uint64_t total;
    /* 0: the next is sent when one was answered. Else one every 1/per_second, whoever was answered; only the bare
     * client can, with at most `in_flight` at once. */
    uint32_t per_second;
    double *latencies; /* ns of each; or NULL. With per_second from the moment it was due, else from its sending */
    uint64_t sent, done;
};

struct http_figure {
    double per_second, cpu_us; /* CPU of this process for each request */
};

void http_load_init(struct http_load *self, const struct measure *measure, const struct sockaddr_in *address);
struct http_figure http_load_bare(struct http_load *self);
struct http_figure http_load_engine(struct http_load *self);

/* The engine with this load, piece by piece: `done` of the asks have come back when http_drive_until() returns. */
struct http_drive;
struct http_drive *http_drive_new(struct http_load *load);
void http_drive_until(struct http_drive *self, uint64_t done);
void http_drive_destroy(struct http_drive **self_p);

#endif
