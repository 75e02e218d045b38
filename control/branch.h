/* control/branch.h - a run that begins where another one was after some step. It is a run of its own: its manifest
 * says (section `fork`) where it comes from, and its log begins with the state there, so that it needs the other one no
 * more.
 *
 * What may change is everything that does not give the state its shape and has not had its effect at genesis; the
 * domain says which paths those are (struct domain_fork). The seed may change: another future of the same past. Levers
 * may come, go and change: a lever with the same parameters keeps what it knows, one that is new or has others begins
 * anew behind the step (and opens with the next epoch).
 *
 * Where models were asked, the branch gets a copy of the log of their answers and asks only what the parent did not ask
 * at the same place in the same words, unless it is told otherwise. */
#ifndef POLIS_CONTROL_BRANCH_H
#define POLIS_CONTROL_BRANCH_H

#include "control/folder.h"
#include "control/scenario.h"
#include "core/buffer.h"
#include "core/error.h"
#include "governance/engine.h"

#include <stdbool.h>
#include <stdint.h>

enum branch_where { BRANCH_NEWEST, BRANCH_END, BRANCH_STEP, BRANCH_EPOCH };

/* "RUN@120", "RUN@epoch:12", "RUN@end", "RUN" (the newest committed step). */
struct branch_point {
    char run[FOLDER_PATH_SIZE];
    enum branch_where where;
    uint64_t number; /* of the step or of the epoch that is over */
};

MUST_CHECK int branch_point_read(const char *text, struct branch_point *out, struct why *why);
/* The step it means in a run. ERR_MISSING: not (or no more) in its log. */
MUST_CHECK int branch_point_step(
    const struct branch_point *self, const struct plan *plan, struct store *store, uint64_t *out, struct why *why);

/* All that is needed of the run that is left. */
struct branch {
    char path[FOLDER_PATH_SIZE];
    uint64_t step;
    struct store_commit commit; /* of that step; of the manifest when step is 0 */
    struct buffer manifest;     /* the parent's */
    struct plan plan;
    struct buffer state;        /* the domain's, after `step` */
    struct llm_settings models; /* how its models were asked */
    char calls[FOLDER_PATH_SIZE]; /* the log of all their answers; "" when there is none */
    struct engine *engine;      /* governance's, after `step`; NULL when it has no lever */
};

/* Reads the run, replays it up to the step (where its log holds no decisions, workers in this process make them again)
 * and judges its dockets again; leaves it closed. */
MUST_CHECK int branch_open(const char *text, struct branch *out, struct why *why);
void branch_close(struct branch *self);

struct branch_wish {
    const char *const *overrides; /* as for -s */
    uint32_t override_count;
    const char *llm;              /* as for --llm; NULL: as above */
    uint32_t number;              /* the branch's, from 0: written into the manifest */
    bool reseeded;                /* with `seed` instead of the parent's, or that of the overrides */
    int64_t seed;
};

/* The scenario of a branch, resolved, with its section `fork`. ERR_INVALID names the path that cannot be changed. */
MUST_CHECK int branch_plan(
    const struct branch *self, const struct branch_wish *wish, struct scenario *out, struct why *why);

/* Makes the run's folder, whole or not at all. */
MUST_CHECK int branch_make(const struct branch *self, struct scenario *scenario, const char *path, struct why *why);

#endif
