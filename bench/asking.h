/* bench/asking.h - a broker and a gateway as processes of their own, and a client that asks in a worker's place:
 * a peer of the bus with the role of agents. All are children of the bench. */
#ifndef POLIS_BENCH_ASKING_H
#define POLIS_BENCH_ASKING_H

#include "bench/measure.h"
#include "bench/questions.h"

#include <sys/types.h>

#define ASKING_MESSAGES_MAX 100000u /* so many latencies of one asking_run() are kept */

struct asking {
    const struct measure *measure; /* lent, for the rig's life */
    char place[4300];
    pid_t broker, gateway;
    uint64_t step;             /* the last one that was asked about */
    struct asking_shared *shared; /* with the client */
};

struct asking_load {
    uint32_t in_flight; /* questions that wait for their answers at once */
    uint32_t rows;      /* questions in a message */
    uint64_t warmup, total; /* questions; the first are not counted. Multiples of `rows` */
    uint64_t step_size; /* questions of a step; its answers are awaited before the next begins */
    uint32_t per_second; /* messages; 0: the next goes when one is answered */
    bool equal;
};

struct asking_figure {
    double per_second; /* questions */
    double gateway_us, broker_us, client_us; /* CPU for each question, all threads */
    double *latencies; /* ns of each message, lent until the next asking_run() */
    uint64_t latency_count;
    uint64_t sources[ANSWER_SOURCE_COUNT];
};

/* Both are ready when it returns. `name`: of this rig among others at work. */
void asking_start(struct asking *self, const struct measure *measure, const char *name,
               const struct questions_gateway *plan);
void asking_stop(struct asking *self);
void asking_run(struct asking *self, const struct asking_load *load, struct asking_figure *out);

#endif
