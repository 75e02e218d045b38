/* core/streams.h - what random numbers are for. One number a purpose, for ever: a new purpose goes at the end. */
#ifndef POLIS_CORE_STREAMS_H
#define POLIS_CORE_STREAMS_H

enum stream {
    STREAM_GENESIS = 1,    /* drawing agents at the start: entity = agent */
    STREAM_DECIDE = 2,     /* a policy's own draws in the act round: entity = agent */
    STREAM_ACCEPT = 3,     /* a policy's own draws in the accept round: entity = agent */
    STREAM_QUALITY = 4,    /* latent quality and observables: entity = proposal's initiator */
    STREAM_CANDIDATES = 5, /* which partners an agent gets to see: entity = agent */
    STREAM_SIGNAL = 6,     /* which observables a counterparty sees: entity = initiator */
    STREAM_AUDIT = 7,      /* the random audit's coin: entity = initiator */
    STREAM_TASKS = 8,      /* generated tasks: entity = 0 */
    STREAM_BENCH = 9,      /* the bench's own domain */
    STREAM_TEST = 60000,   /* tests */
};

#endif
