/* bus/process.h - runs an actor as a process: over ZeroMQ, through a broker. */
#ifndef POLIS_BUS_PROCESS_H
#define POLIS_BUS_PROCESS_H

#include "bus/actor.h"
#include "bus/place.h"

#include <stdbool.h>
#include <stdint.h>

struct process_options {
    const char *who;             /* begins its log lines; NULL: the role's name */
    const char *place;           /* as for place_parse() */
    int parent_pid;              /* whose death ends this process too; 0: nobody's */
    uint32_t connect_timeout_ms; /* gives up when no broker has welcomed it for so long; 0: never */
    int io_threads;              /* 0: one */
    bool embedded;               /* leaves signals and malloc alone: a short errand inside another program */
    bool quiet;                  /* logs nothing: the caller tells of failures, from `why` */
    struct why *why;             /* where the reason of a failure goes, beside the log; may be NULL */
    /* For tests: what to say in HELLO instead of the truth. NULL: the truth. */
    const char *build;
    const uint64_t *schema, *canary;
};

/* Large buffers come and go with every chunk: without this each one is mapped and unmapped by the kernel. For the whole
 * process; a program that runs actors calls it once. */
void process_tune(void);

/* Runs until the actor stops, a signal ends it or the broker refuses it; returns the exit status: the actor's own, 78
 * when the broker refused it, 69 when no broker answered in time, or that of the error (core/error.h).
 *
 *  - Every connection is a new incarnation: a random 16-byte id, HELLO on control and data, then WELCOME and
 *    actor.start(). When the broker is lost (disconnected, or three heartbeats without an answer), all that was unsent
 *    is dropped, a new incarnation begins, and start() is called again.
 *  - Between incarnations tick(), ready() and signal() are still called; what they send is lost, but for events, which
 *    keep their numbers.
 *  - The world hears a peer's data only after its PEER_UP: data that overtook it wait.
 *  - outbox_stop() sends what is unsent, says BYE, and waits for the answer (at most two seconds). */
int process_main(const struct process_options *options, const struct actor *actor);

#endif
