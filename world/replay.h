/* world/replay.h - a run again from its log alone: no worker, no model, no network. Every step is made anew from the
 * logged answers and must equal the logged record and state digest in every byte. */
#ifndef POLIS_WORLD_REPLAY_H
#define POLIS_WORLD_REPLAY_H

#include "core/error.h"
#include "world/domain.h"

#include <stdbool.h>
#include <stdint.h>

struct replay_options {
    uint64_t upto;          /* 0: to the last committed step */
    bool chain;             /* verify the hash chain, too */
    bool invariants;        /* check every invariant of the domain after every step */
    /* After every replayed step; may be NULL. */
    void (*each)(void *context, uint64_t step, uint64_t steps);
    /* The run's figures at the end; may be NULL. */
    domain_figure_fn *figure;
    void *context;
};

struct replay_report {
    uint64_t steps;
    uint8_t chain[32];
    uint8_t digest[16];
};

/* ERR_DIGEST names the first step that differs; ERR_STATE (log.detail: inputs): the log alone does not hold the
 * decisions. */
MUST_CHECK int replay_run(const char *folder, const struct replay_options *options, struct replay_report *out,
                          struct why *why);

#endif
