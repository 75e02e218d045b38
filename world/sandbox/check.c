/* world/sandbox/check.c - what must hold between steps, and after loading. */
#include "core/math.h"
#include "world/sandbox/feature.h"

#include <inttypes.h>

static int
check_agent(const struct sandbox *self, uint32_t agent, struct why *why)
{
    const struct agents *agents = &self->agents;
    const struct task *task = tasks_find(self->tasks, agents->task[agent]);

    if (!(agents->reputation[agent] >= -1.0 && agents->reputation[agent] <= 1.0))
        return fail(why, ERR_STATE, "agent %" PRIu32 ": reputation %.17g", agent, agents->reputation[agent]);
    if (!(agents->skill[agent] >= 0.0 && agents->skill[agent] <= 1.0) || !(agents->influence[agent] >= 0.0))
        return fail(why, ERR_STATE, "agent %" PRIu32 ": skill or influence out of range", agent);
    if (agents->accepted[agent] > agents->proposed[agent])
        return fail(why, ERR_STATE, "agent %" PRIu32 ": %" PRIu32 " accepted of %" PRIu32 " proposals", agent,
                    agents->accepted[agent], agents->proposed[agent]);
    if (agents->memory_size[agent] > self->config.world.memory_max)
        return fail(why, ERR_STATE, "agent %" PRIu32 ": %u bytes of memory", agent,
                    (unsigned)agents->memory_size[agent]);
    if (agents->task[agent] != TASK_NONE && (task == NULL || task->worker != agent || task->status > TASK_SUBMITTED))
        return fail(why, ERR_STATE, "agent %" PRIu32 ": task %" PRIu32 " is not in its hands", agent,
                    agents->task[agent]);
    return 0;
}

/* Between steps only bounties are in escrow, and what features hold. */
static int
check_escrow(const struct sandbox *self, struct why *why)
{
    int64_t bounties = features_escrow(self);

    for (uint32_t place = 0; place < tasks_capacity(self->tasks); place++) {
        const struct task *task = tasks_at(self->tasks, place);

        if (task == NULL)
            continue;
        if (task->status <= TASK_SUBMITTED)
            bounties += task->bounty;
        if (task->status > TASK_OPEN && task->status <= TASK_SUBMITTED &&
            (task->worker >= self->config.agent_count || self->agents.task[task->worker] != task->id))
            return fail(why, ERR_STATE, "task %" PRIu32 ": its worker does not know of it", task->id);
    }
    if (bounties != accounts_balance(self->accounts, ACCOUNT_ESCROW))
        return fail(why, ERR_STATE, "%" PRId64 " in escrow for bounties of %" PRId64,
                    accounts_balance(self->accounts, ACCOUNT_ESCROW), bounties);
    return 0;
}

static int
check_tally(const struct sandbox *self, const struct tally *tally, const char *which, struct why *why)
{
    const struct metrics_set *set = &tally->set;

    if (set->accepted > set->count || set->count + tally->unanswered != tally->proposals)
        return fail(why, ERR_STATE,
                    "%s: %" PRIu64 " proposals, but %" PRIu64 " interactions and %" PRIu64 " unanswered", which,
                    tally->proposals, set->count, tally->unanswered);
    if (tally->active_agents > self->config.agent_count || tally->audits_caught > tally->audits || tally->unpaid < 0)
        return fail(why, ERR_STATE, "%s: counts contradict each other", which);
    return 0;
}

int
check_invariants(const void *self_any, struct why *why)
{
    const struct sandbox *self = self_any;
    int code = accounts_check(self->accounts, why);

    for (uint32_t agent = 0; agent < self->config.agent_count && code == 0; agent++)
        code = check_agent(self, agent, why);
    if (code == 0)
        code = tasks_check(self->tasks, self->config.agent_count, why);
    if (code == 0)
        code = check_escrow(self, why);
    if (code == 0)
        code = feed_check(self->feed, why);
    if (code == 0)
        code = rails_check_state(self->rails, why);
    if (code == 0)
        code = trust_check(self->trust, why);
    if (code == 0)
        code = features_check(self, why);
    if (code == 0)
        code = check_tally(self, self->epoch, "epoch", why);
    if (code == 0)
        code = check_tally(self, self->run, "run", why);
    if (code == 0 && self->now.epoch != (self->now.step == 0 ? 0 : (self->now.step - 1) / self->config.steps_per_epoch))
        code = fail(why, ERR_STATE, "step %" PRIu64 " is not in epoch %" PRIu32, self->now.step, self->now.epoch);
    return code;
}
