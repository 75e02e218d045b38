/* broker/broker.h - the broker: the one process all others connect to. It switches letters between them without
 * opening a payload, carries the event bus, and tells the world who comes and goes. It holds nothing that matters: when
 * it is killed, another takes its place and all connect again. */
#ifndef POLIS_BROKER_BROKER_H
#define POLIS_BROKER_BROKER_H

#include <stdbool.h>
#include <stdint.h>

struct broker_options {
    const char *place;     /* as for place_parse(); a directory is made when it is missing */
    int parent_pid;        /* whose death ends the broker too; 0: nobody's */
    int io_threads;        /* 0: one; with more the data channel has its own */
    bool mixed_builds;     /* let programs of another build in */
    uint32_t heartbeat_ms; /* 0: 1000 */
    uint32_t evict_ms;     /* a silent peer is put out after so long; 0: 60000 */
    uint32_t hold_ms;      /* a second world waits so long for the first one's end before it is refused; 0: 5000 */
    int ready_fd;          /* gets one byte when all sockets are bound, and is closed; -1: nobody waits */
    const char *build;     /* for tests: the build digest wanted; NULL: this program's own */
};

/* Runs until TERM or INT, and then until the working peers have said goodbye, two seconds at most. Returns the exit
 * status: 0, or that of the error (core/error.h). USR2 logs the counters. Two brokers in one directory: the second is
 * refused. */
int broker_main(const struct broker_options *options);

#endif
