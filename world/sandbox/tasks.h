/* world/sandbox/tasks.h - work to be done: created with a bounty, claimed, worked on, submitted, verified. The pool
 * holds `capacity` tasks; a new one takes the place of one that has ended (completed, failed, expired), oldest
 * place first.
 *
 * A task is listed from its creation until it is claimed or found past its deadline. A deadline is the first epoch in
 * which it is too late; 0 is none. */
#ifndef POLIS_WORLD_SANDBOX_TASKS_H
#define POLIS_WORLD_SANDBOX_TASKS_H

#include "core/error.h"
#include "proto/sandbox.h"
#include "world/sandbox/cells.h"

#include <stdbool.h>
#include <stdint.h>

#define TASK_NONE UINT32_MAX
#define TASK_HELPERS 4u

struct task {
    int64_t budget, bounty; /* millionths */
    double min_reputation, difficulty;
    double signal;          /* of the last submission: noisy quality, 0 .. 1 */
    double quality;         /* given when completed */
    uint64_t changed;       /* step of the last change of status */
    uint32_t id, worker;    /* worker: TASK_NONE until claimed */
    uint32_t deadline;      /* epoch; 0: none */
    uint32_t max_steps;     /* of work; 0: no bound */
    uint32_t steps;         /* worked so far */
    uint32_t submissions, rejections;
    uint32_t helpers[TASK_HELPERS];
    int32_t truth;          /* v of the last submission */
    uint32_t owner_id;      /* the owner's own number for it */
    uint32_t poster;        /* who pays or plans; TASK_NONE: nobody */
    uint8_t status;         /* enum sandbox_task_status */
    uint8_t listed, used, helper_count;
    uint8_t owner;          /* enum sandbox_owner */
    uint8_t capability;     /* a bit: what it needs; 0: nothing special */
    uint8_t spare[6];
};

struct tasks_stats {
    uint32_t count, listed, by_status[TASK_EXPIRED + 1];
    int64_t bounty;        /* of all */
    double quality;        /* mean over the completed ones; 0 without any */
    uint32_t workers;      /* distinct */
};

struct tasks;

struct tasks *tasks_new(uint32_t capacity);
void tasks_destroy(struct tasks **self_p);
void tasks_clear(struct tasks *self);

/* The task to be, with budget, bounty, min_reputation, difficulty, deadline and max_steps set, becomes OPEN;
 * returns its id, or TASK_NONE when all places hold living tasks. */
uint32_t tasks_create(struct tasks *self, const struct task *task, uint64_t step);
/* NULL when it is gone. To be changed only through the functions below. */
const struct task *tasks_find(const struct tasks *self, uint32_t id);

/* OPEN -> CLAIMED, when the reputation suffices. */
bool tasks_claim(struct tasks *self, uint32_t id, uint32_t worker, double reputation, uint64_t step);
/* CLAIMED -> IN_PROGRESS. */
bool tasks_start(struct tasks *self, uint32_t id, uint64_t step);
/* Counts a step of work. True when max_steps are used up. */
bool tasks_work(struct tasks *self, uint32_t id);
/* What the budget still holds: 1 % goes with each step, and no less than nothing is left. Tokens. */
double tasks_budget_left(const struct tasks *self, uint32_t id);
/* -> SUBMITTED, from any status; returns the number of this submission, from 0. The task exists. */
uint32_t tasks_submit(struct tasks *self, uint32_t id, double signal, int32_t truth, uint64_t step);
/* -> COMPLETED with a quality, or back -> IN_PROGRESS. False when there is no such submission. */
bool tasks_accept(struct tasks *self, uint32_t id, uint32_t submission, double quality, uint64_t step);
bool tasks_reject(struct tasks *self, uint32_t id, uint32_t submission, uint64_t step);
void tasks_fail(struct tasks *self, uint32_t id, uint64_t step);
/* While claimed or in progress; nobody twice, at most TASK_HELPERS. */
bool tasks_help(struct tasks *self, uint32_t id, uint32_t agent);

/* Expires what is open, claimed or in progress past its deadline; ids (in order of places) into out, which has room
 * for `capacity`. Returns how many. */
uint32_t tasks_expire(struct tasks *self, uint32_t epoch, uint64_t step, uint32_t *out);
/* Unlists and expires listed tasks past their deadline: those nobody claimed. */
uint32_t tasks_unlist(struct tasks *self, uint32_t epoch, uint64_t step, uint32_t *out);

/* Open tasks that may be claimed with that reputation, highest bounty first, then lowest id; at most `limit`. */
uint32_t tasks_claimable(const struct tasks *self, double reputation, uint32_t limit, uint32_t *out);
/* Tasks of a status, longest unchanged first, then lowest place. */
uint32_t tasks_waiting(
    const struct tasks *self, enum sandbox_task_status status, uint32_t limit, uint32_t *out);

/* Every place, for a walk over all: place < capacity, NULL for an unused one. */
const struct task *tasks_at(const struct tasks *self, uint32_t place);
uint32_t tasks_capacity(const struct tasks *self);
struct tasks_stats tasks_stats(const struct tasks *self);

void tasks_cells(struct tasks *self, struct cells *out);
MUST_CHECK int tasks_check(const struct tasks *self, uint32_t agent_count, struct why *why);

#endif
