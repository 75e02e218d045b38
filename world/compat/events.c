/* world/compat/events.c - the interactions and acts of a step in the columns of the sandbox's events. What the original
 * has no notion of (truth, effort, disguise, signals, audits that are told) stays 0. */
#include "world/compat/domain.h"

#include "core/math.h"
#include "core/money.h"

#define COLUMN(type, name) type *name = batch_column(writer, EVENTS_##name)
#define COST_MAX 1e9 /* tokens; costs have no bound there */

static int64_t
cost_of(double tokens)
{
    return money_from_real(math_clamp(tokens, 0.0, COST_MAX));
}

static void
write_deals(const struct compat_deal *deals, uint32_t count, const struct batch_writer *writer)
{
    COLUMN(uint32_t, initiator);
    COLUMN(uint32_t, counterparty);
    COLUMN(uint8_t, kind);
    COLUMN(uint8_t, answered);
    COLUMN(uint8_t, accepted);
    COLUMN(uint8_t, allow);
    COLUMN(double, p);
    COLUMN(double, v_hat);
    COLUMN(int64_t, cost_a);
    COLUMN(int64_t, cost_b);
    COLUMN(double, payoff_a);
    COLUMN(double, payoff_b);

    for (uint32_t i = 0; i < count; i++) {
        const struct compat_interaction *in = &deals[i].interaction;

        initiator[i] = in->initiator;
        counterparty[i] = in->counterparty;
        kind[i] = (uint8_t)in->kind;
        answered[i] = 1;
        accepted[i] = in->accepted;
        allow[i] = 1;
        p[i] = in->p;
        v_hat[i] = in->v_hat;
        cost_a[i] = cost_of(in->c_a);
        cost_b[i] = cost_of(in->c_b);
        payoff_a[i] = deals[i].payoff_a;
        payoff_b[i] = deals[i].payoff_b;
    }
}

static void
write_work(const struct compat_deal *deals, uint32_t count, const struct batch_writer *writer)
{
    COLUMN(double, progress);
    COLUMN(uint8_t, rework);
    COLUMN(uint8_t, rejections);
    COLUMN(uint8_t, misuse);
    COLUMN(double, engagement);

    for (uint32_t i = 0; i < count; i++) {
        const struct observables *seen = &deals[i].interaction.seen;

        progress[i] = seen->progress;
        rework[i] = (uint8_t)seen->rework;
        rejections[i] = (uint8_t)seen->rejections;
        misuse[i] = (uint8_t)seen->misuse;
        engagement[i] = seen->engagement;
    }
}

/* Answers show as deals; proposals that failed as a pass, as under the market rules. VERB_COUNT: not written. */
static enum sandbox_verb
verb_of(const struct compat_done *done)
{
    static const enum sandbox_verb verbs[COMPAT_VERBS] = {
        [COMPAT_NOOP] = VERB_COUNT, [COMPAT_POST] = VERB_POST, [COMPAT_VOTE] = VERB_VOTE, [COMPAT_PROPOSE] = VERB_PASS,
        [COMPAT_ACCEPT] = VERB_COUNT, [COMPAT_REJECT] = VERB_COUNT, [COMPAT_CLAIM] = VERB_CLAIM_TASK,
        [COMPAT_SUBMIT] = VERB_SUBMIT_WORK, [COMPAT_BOUNTY] = VERB_POST_BOUNTY, [COMPAT_BID] = VERB_BID,
        [COMPAT_ACCEPT_BID] = VERB_ACCEPT_BID, [COMPAT_DISPUTE] = VERB_DISPUTE};

    return done->act.verb == COMPAT_PROPOSE && done->succeeded ? VERB_COUNT : verbs[done->act.verb];
}

static void
write_actions(const struct compat_done *done, uint32_t count, const struct batch_writer *writer)
{
    COLUMN(uint32_t, actor);
    COLUMN(uint8_t, verb);
    COLUMN(uint32_t, target);
    COLUMN(int32_t, value);
    COLUMN(uint8_t, refused);
    COLUMN(double, weight);
    COLUMN(int64_t, amount);
    COLUMN(uint32_t, whom);
    uint32_t at = 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct compat_act *act = &done[i].act;

        if (verb_of(&done[i]) == VERB_COUNT)
            continue;
        actor[at] = done[i].agent;
        verb[at] = (uint8_t)verb_of(&done[i]);
        target[at] = act->verb == COMPAT_PROPOSE ? act->counterparty : act->target;
        value[at] = act->vote;
        refused[at] = done[i].refused;
        weight[at] = act->verb == COMPAT_VOTE ? 1.0 : 0.0;
        amount[at] = cost_of(act->amount);
        whom[at++] = act->bid; /* accept_bid: which; else COMPAT_NOBODY */
    }
}

void
compat_events(const void *self_any, struct buffer *out)
{
    const struct compat_run *run = &((const struct compat *)self_any)->run;
    uint32_t deal_count, done_count, written = 0;
    const struct compat_deal *deals = compat_deals(run, &deal_count);
    const struct compat_done *done = compat_done(run, &done_count);
    struct batch_writer writer;

    for (uint32_t i = 0; i < done_count; i++)
        written += verb_of(&done[i]) != VERB_COUNT;
    batch_begin(&writer, &schema_sandbox_events, out, 0, 0,
                (uint32_t[EVENTS_AXES]){[EVENTS_ROW] = deal_count, [EVENTS_ACTION] = written});
    write_deals(deals, deal_count, &writer);
    write_work(deals, deal_count, &writer);
    write_actions(done, done_count, &writer);
}
