/* world/sandbox/labour.c - tasks in the economy: they turn up by chance with a bounty set aside for them, are
 * claimed, take steps of work, are handed in with an effort that decides on their quality, and judged by a verifier
 * or, when none comes, by the environment. Approved work is paid whatever its truth; good or bad reputation follows
 * its label. */
#include "core/assert.h"
#include "core/math.h"
#include "core/money.h"
#include "world/sandbox/feature.h"

/* ---- money and ends ---- */

static void
note_task(struct sandbox *self, const struct task *task, enum sandbox_note kind, int64_t amount, double value)
{
    settle_note(self, &(struct note){.kind = (uint8_t)kind, .agent = task->worker, .other = task->poster,
        .id = task->id, .amount = amount, .value = value});
}

/* The bounty leaves the escrow: for the worker, or back to the environment. A feature's task has none. */
static void
release_bounty(struct sandbox *self, const struct task *task, uint32_t to)
{
    int64_t moved = accounts_collect(self->accounts, ACCOUNT_ESCROW, to, task->bounty, MONEY_bounty);

    ASSERT(moved == task->bounty);
}

/* The task has ended: its worker is free again. */
static void
leave_worker(struct sandbox *self, const struct task *task)
{
    if (task->worker != TASK_NONE && self->agents.task[task->worker] == task->id)
        self->agents.task[task->worker] = TASK_NONE;
}

static void
complete_task(struct sandbox *self, const struct task *task)
{
    release_bounty(self, task, account_of(task->worker));
    settle_reputation(self, task->worker, self->config.world.eta *
                      (2.0 * task->signal - 1.0 - self->agents.reputation[task->worker]));
    leave_worker(self, task);
    tasks_accept(self->tasks, task->id, task->submissions - 1, task->signal, self->now.step);
    TALLY_ADD(self, tasks_completed, 1);
    TALLY_ADD(self, tasks_bad, task->truth < 0);
    note_task(self, task, NOTE_task_completed, task->bounty, task->signal);
    features_task_ended(self, task, TASK_COMPLETED);
}

static void
fail_task(struct sandbox *self, const struct task *task)
{
    release_bounty(self, task, ACCOUNT_ENVIRONMENT);
    leave_worker(self, task);
    tasks_fail(self->tasks, task->id, self->now.step);
    TALLY_ADD(self, tasks_failed, 1);
    note_task(self, task, NOTE_task_failed, 0, 0.0);
    features_task_ended(self, task, TASK_FAILED);
}

static void
judge_task(struct sandbox *self, const struct task *task, bool approve)
{
    if (approve) {
        complete_task(self, task);
        return;
    }
    tasks_reject(self->tasks, task->id, task->submissions - 1, self->now.step);
    TALLY_ADD(self, tasks_rejected, 1);
    note_task(self, task, NOTE_task_rejected, 0, task->signal);
    if (task->rejections > self->config.tasks.max_rejections)
        fail_task(self, task);
}

/* ---- the start of a step ---- */

static void
expire_tasks(struct sandbox *self)
{
    uint32_t *ids = ARENA_ARRAY(self->arena, uint32_t, tasks_capacity(self->tasks));
    uint32_t count = tasks_expire(self->tasks, self->now.epoch, self->now.step, ids);

    for (uint32_t i = 0; i < count; i++) {
        const struct task *task = tasks_find(self->tasks, ids[i]);

        release_bounty(self, task, ACCOUNT_ENVIRONMENT);
        leave_worker(self, task);
        TALLY_ADD(self, tasks_expired, 1);
        note_task(self, task, NOTE_task_expired, 0, 0.0);
        features_task_ended(self, task, TASK_EXPIRED);
    }
}

static void
advance_tasks(struct sandbox *self)
{
    for (uint32_t place = 0; place < tasks_capacity(self->tasks); place++) {
        const struct task *task = tasks_at(self->tasks, place);

        if (task == NULL)
            continue;
        if (task->status == TASK_CLAIMED)
            tasks_start(self->tasks, task->id, self->now.step);
        if (task->status == TASK_IN_PROGRESS && tasks_work(self->tasks, task->id))
            fail_task(self, task);
        else if (task->status == TASK_SUBMITTED && self->now.step >= task->changed + self->config.tasks.verify_after)
            judge_task(self, task, task->signal >= 0.5);
    }
}

uint32_t
labour_create(struct sandbox *self, const struct task *task, uint32_t worker)
{
    uint32_t id;

    ASSERT(task->bounty == 0 && task->owner != OWNER_ENVIRONMENT);
    ASSERT(worker == TASK_NONE || self->agents.task[worker] == TASK_NONE);
    id = tasks_create(self->tasks, task, self->now.step);
    if (id == TASK_NONE)
        return TASK_NONE;
    TALLY_ADD(self, tasks_created, 1);
    note_task(self, tasks_find(self->tasks, id), NOTE_task_created, 0, 0.0);
    if (worker == TASK_NONE)
        return id;
    if (!tasks_claim(self->tasks, id, worker, 1.0, self->now.step))
        UNREACHABLE(); /* it was just made, for any reputation up to 1 */
    self->agents.task[worker] = id;
    return id;
}

void
labour_cancel(struct sandbox *self, uint32_t id)
{
    const struct task *task = tasks_find(self->tasks, id);

    ASSERT(task != NULL && task->owner != OWNER_ENVIRONMENT && task->status <= TASK_SUBMITTED);
    leave_worker(self, task);
    tasks_fail(self->tasks, id, self->now.step);
    TALLY_ADD(self, tasks_failed, 1);
    note_task(self, task, NOTE_task_failed, 0, 0.0);
}

static bool
create_task(struct sandbox *self, struct rng *rng)
{
    const struct task_params *params = &self->config.tasks;
    double level = rng_real(rng), pay = rng_real(rng);
    int64_t range = params->bounty_high - params->bounty_low;
    uint32_t created;
    struct task task = {
        .bounty = params->bounty_low + money_share(range, pay),
        .difficulty = params->difficulty_low + (params->difficulty_high - params->difficulty_low) * level,
        .min_reputation = -1.0 + (params->min_reputation + 1.0) * level,
        .deadline = params->deadline_epochs == 0 ? 0 : self->now.epoch + params->deadline_epochs,
        .max_steps = params->max_steps, .poster = TASK_NONE};

    task.budget = 2 * task.bounty;
    /* Payoffs may bring the environment as deep into debt as can be counted. All others together hold what it owes, so
     * the escrow has room for whatever it can still give. */
    if (accounts_balance(self->accounts, ACCOUNT_ENVIRONMENT) < INT64_MIN + 1 + task.bounty ||
        (created = tasks_create(self->tasks, &task, self->now.step)) == TASK_NONE)
        return false;
    if (accounts_transfer(self->accounts, ACCOUNT_ENVIRONMENT, ACCOUNT_ESCROW, task.bounty, MONEY_escrow, NULL) != 0)
        UNREACHABLE();
    TALLY_ADD(self, tasks_created, 1);
    settle_note(self, &(struct note){.kind = NOTE_task_created, .agent = SANDBOX_NOBODY, .other = SANDBOX_NOBODY,
        .id = created, .amount = task.bounty});
    return true;
}

/* As many as the rate says for all agents; the fraction that is left turns up by chance. */
static void
create_tasks(struct sandbox *self)
{
    struct rng rng = rng_make(self->seed, STREAM_TASKS, 0, self->now.step);
    double expected = self->config.tasks.rate * (double)self->config.agent_count;
    double whole = math_floor(expected);
    bool one_more = rng_chance(&rng, expected - whole);
    uint64_t count = (uint64_t)whole + one_more;

    for (uint64_t i = 0; i < count && i < self->config.tasks.capacity; i++)
        if (!create_task(self, &rng))
            return;
}

void
labour_begin(struct sandbox *self)
{
    if (is_epoch_start(self))
        expire_tasks(self);
    advance_tasks(self);
    create_tasks(self);
}

/* ---- wishes ---- */

/* What somebody pays for, that one judges; everything else is the verifiers'. */
static bool
may_judge(const struct sandbox *self, const struct task *task, uint32_t agent)
{
    if (task->owner == OWNER_BOUNTY)
        return task->poster == agent;
    return self->agents.role[agent] == SANDBOX_VERIFIER || (task->owner == OWNER_PROJECT && task->poster == agent);
}

enum sandbox_refusal
labour_check(const struct sandbox *self, const struct action *action)
{
    const struct task *task = tasks_find(self->tasks, action->target);
    uint32_t own = self->agents.task[action->actor];

    if (action->verb == VERB_CLAIM_TASK && own != TASK_NONE)
        return REFUSAL_REPEATED;
    if (task == NULL)
        return REFUSAL_TARGET;
    switch (action->verb) {
    case VERB_CLAIM_TASK:
        return task->status == TASK_OPEN && task->min_reputation <= self->agents.reputation[action->actor] ?
            REFUSAL_NONE : REFUSAL_TARGET;
    case VERB_SUBMIT_WORK:
        return own == task->id && task->status == TASK_IN_PROGRESS ? REFUSAL_NONE : REFUSAL_TARGET;
    case VERB_VERIFY:
        return task->status == TASK_SUBMITTED && task->worker != action->actor && action->value >= 0 &&
            may_judge(self, task, action->actor) ? REFUSAL_NONE : REFUSAL_TARGET;
    default:
        UNREACHABLE();
    }
}

int64_t
labour_cost(const struct sandbox *self, const struct action *action)
{
    return action->verb == VERB_SUBMIT_WORK ? money_from_real(self->config.world.k_e * action->work) : 0;
}

/* ---- what happens ---- */

static void
claim(struct sandbox *self, struct action *action)
{
    if (self->agents.task[action->actor] != TASK_NONE) { /* it was given one in this very step */
        action->refused = REFUSAL_BUSY;
        return;
    }
    if (!tasks_claim(self->tasks, action->target, action->actor, self->agents.reputation[action->actor],
                     self->now.step)) {
        action->refused = REFUSAL_TARGET; /* somebody with a lower id was faster */
        TALLY_ADD(self, conflicting_claims, 1);
        settle_note(self, &(struct note){.kind = NOTE_miscoordination, .agent = action->actor,
            .other = SANDBOX_NOBODY, .id = action->target});
        return;
    }
    self->agents.task[action->actor] = action->target;
}

/* Quality as of an interaction, by the effort put in and the share of the needed steps it got. The draws' entity lies
 * behind those of the agents' offers. */
static void
submit(struct sandbox *self, struct action *action)
{
    const struct task *task = tasks_find(self->tasks, action->target);
    struct rng rng = rng_make(
        self->seed, STREAM_QUALITY, self->config.agent_count + action->actor, self->now.step);
    double needed, done;
    struct draw draw;

    if (task == NULL || task->status != TASK_IN_PROGRESS) {
        action->refused = REFUSAL_TARGET;
        return;
    }
    needed = 1.0 + task->difficulty * (double)(self->config.tasks.work_steps - 1);
    done = math_min(1.0, (double)task->steps / needed);
    done *= projects_fitness(self, action->actor, task->capability);
    draw = draw_work(&rng, draw_chance(action->work * done, self->agents.skill[action->actor], task->difficulty), 0.0);
    tasks_submit(self->tasks, task->id, proxy_p(&self->config.proxy, &draw.seen), draw.truth, self->now.step);
}

static void
verify(struct sandbox *self, struct action *action)
{
    const struct task *task = tasks_find(self->tasks, action->target);
    int64_t fee;

    if (task == NULL || task->status != TASK_SUBMITTED) {
        action->refused = REFUSAL_TARGET; /* judged by another already */
        return;
    }
    fee = task->owner == OWNER_BOUNTY ? 0 : money_share(task->budget / 2, self->config.tasks.verifier_fee);
    judge_task(self, task, action->value > 0);
    if (accounts_transfer(self->accounts, ACCOUNT_ENVIRONMENT, account_of(action->actor), fee, MONEY_bounty, NULL) != 0)
        settle_unpaid(self, fee);
}

void
labour_settle(struct sandbox *self, struct action *action)
{
    switch (action->verb) {
    case VERB_CLAIM_TASK:
        claim(self, action);
        return;
    case VERB_SUBMIT_WORK:
        submit(self, action);
        return;
    case VERB_VERIFY:
        verify(self, action);
        return;
    default:
        UNREACHABLE();
    }
}
