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
    STREAM_SWEEP = 10,     /* the points of a Latin hypercube: entity = dimension */
    STREAM_MODERATION = 11, /* the moderator lever's coin: entity = initiator */
    STREAM_COUNCIL = 12,    /* whether a council sits and who is on it: entity = initiator */
    STREAM_JUROR = 13,      /* what a juror sees: entity = juror */
    STREAM_CONTAGION = 14,  /* whether a payload compromises: entity = initiator; at genesis (step 0): the sources */
    STREAM_PAYLOAD = 15,    /* whether a payload shows: entity = initiator */
    STREAM_PROJECTS = 16,   /* capabilities at genesis: entity = agent; projects that turn up: entity = 2^32 - 1 */
    STREAM_DISPUTES = 17,   /* whether a hearing finds out about the work: entity = bounty */
    STREAM_CHANGE_POINT = 19, /* resampling of rows; never of a run */
    STREAM_NETWORK = 18,    /* links: entity = agent */
    STREAM_SCRIPT = 20,       /* the scripted model's dice: seed = the request's, entity = row of the script */
    STREAM_LLM_BREAKER = 30, /* how long a breaker stays open: entity = breaker, step = times opened */
    STREAM_LLM_RETRY = 31,   /* waits before a model is asked again: entity and step = the request's key, attempt */
    STREAM_LLM_AUDIT = 32,   /* which recorded answers are asked for again: entity and step = the request's key */
    STREAM_LLM_SEED = 33,    /* what a model samples with: entity = agent, step; lane = phase */
    STREAM_TEST = 60000,   /* tests */
};

#endif
