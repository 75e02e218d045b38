/* world/compat/check.c - what must hold between steps, and after loading. */
#include "world/compat/domain.h"

#include "core/math.h"

#include <inttypes.h>

#define REAL_MAX 1e300 /* what is beyond is infinite or no number */

static int
check_agent(const struct compat_run *run, uint32_t agent, struct why *why)
{
    const double reals[] = {run->reputation[agent], run->resources[agent], run->payoff[agent]};

    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++)
        if (!(math_abs(reals[i]) <= REAL_MAX))
            return fail(why, ERR_STATE, "agent %" PRIu32 ": reputation, resources or payoff is no number", agent);
    if (!(run->p_initiated[agent] >= 0.0 && run->p_initiated[agent] <= 1.0) ||
        !(run->p_received[agent] >= 0.0 && run->p_received[agent] <= 1.0))
        return fail(why, ERR_STATE, "agent %" PRIu32 ": a mean label is out of 0 .. 1", agent);
    if (run->accepted[agent] != run->initiated[agent] || run->frozen[agent] > 1)
        return fail(why, ERR_STATE, "agent %" PRIu32 ": its counts contradict each other", agent);
    return 0;
}

static int
check_limits(const struct compat_run *run, uint32_t row, struct why *why)
{
    const struct compat_limits *limits = &run->config->limits;
    const struct compat_used *used = &run->used[row];

    if (used->posts > limits->posts_per_epoch || used->votes > limits->votes_per_epoch ||
        used->interactions > limits->interactions_per_step || used->bounties > limits->bounties_per_epoch ||
        used->bids > limits->bids_per_epoch)
        return fail(why, ERR_STATE, "agent %" PRIu32 " is over its limits", row);
    return 0;
}

static int
check_counts(const struct compat_run *run, struct why *why)
{
    uint64_t initiated = 0, received = 0, waiting = 0, spe = run->config->steps_per_epoch;
    uint32_t pending;

    compat_pending(run, &pending);
    for (uint32_t i = 0; i < run->config->agent_count; i++) {
        initiated += run->initiated[i];
        received += run->received[i];
        waiting += run->waiting[i];
    }
    if (initiated != run->run_set->accepted || received != run->run_set->accepted)
        return fail(why, ERR_STATE, "%" PRIu64 " interactions initiated and %" PRIu64 " received, but %" PRIu64
                    " accepted", initiated, received, run->run_set->accepted);
    if (run->run_set->count + pending != run->now.next_proposal || waiting != pending)
        return fail(why, ERR_STATE, "%" PRIu32 " proposals, but %" PRIu64 " interactions and %" PRIu32 " waiting",
                    run->now.next_proposal, run->run_set->count, pending);
    if (run->epoch_set->count > run->run_set->count || run->now.paused > 1 ||
        run->now.epoch != (run->now.step == 0 ? 0 : (run->now.step - 1) / spe) ||
        run->now.epochs_ended != run->now.step / spe)
        return fail(why, ERR_STATE, "step %" PRIu64 " is not in epoch %" PRIu32, run->now.step, run->now.epoch);
    return 0;
}

int
compat_check_invariants(const void *self_any, struct why *why)
{
    const struct compat_run *run = &((const struct compat *)self_any)->run;
    uint32_t count = run->config->agent_count;
    int code = check_counts(run, why);

    for (uint32_t i = 0; i < count && code == 0; i++)
        code = check_agent(run, i, why);
    for (uint32_t i = 0; i <= count && code == 0; i++)
        code = check_limits(run, i, why);
    if (code == 0)
        code = compat_memory_check(&run->memory, why);
    if (code == 0)
        code = compat_board_check(&run->board, why);
    if (code == 0)
        code = tasks_check(run->tasks, count, why);
    if (code == 0 && run->market != NULL)
        code = compat_market_check(run->market, count, why);
    if (code == 0 && run->network != NULL)
        code = compat_network_check(run->network, why);
    return code;
}
