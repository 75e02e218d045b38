/* world/sandbox/events.c - what became of every offer and action of a step, for the log. */
#include "world/sandbox/state.h"

#define COLUMN(type, name) type *name = batch_column(writer, EVENTS_##name)

static void
write_deals(const struct turn *turn, const struct batch_writer *writer)
{
    COLUMN(uint32_t, initiator);
    COLUMN(uint32_t, counterparty);
    COLUMN(uint8_t, kind);
    COLUMN(uint8_t, answered);
    COLUMN(uint8_t, accepted);
    COLUMN(uint8_t, lapsed);
    COLUMN(uint8_t, allow);
    COLUMN(uint8_t, reason);
    COLUMN(uint8_t, audit);
    COLUMN(uint8_t, revealed);
    COLUMN(double, effort);
    COLUMN(double, disguise);
    COLUMN(double, signal);
    COLUMN(double, belief);

    for (uint32_t i = 0; i < turn->deal_count; i++) {
        const struct deal *deal = &turn->deals[i];

        initiator[i] = deal->initiator;
        counterparty[i] = deal->counterparty;
        kind[i] = deal->kind;
        answered[i] = deal->answered;
        accepted[i] = deal->accepted;
        lapsed[i] = deal->lapsed;
        allow[i] = deal->allow;
        reason[i] = deal->reason;
        audit[i] = deal->audit;
        revealed[i] = deal->revealed;
        effort[i] = deal->effort;
        disguise[i] = deal->disguise;
        signal[i] = deal->signal;
        belief[i] = deal->belief;
    }
}

static void
write_work(const struct turn *turn, const struct batch_writer *writer)
{
    COLUMN(int32_t, truth);
    COLUMN(double, p);
    COLUMN(double, v_hat);
    COLUMN(double, progress);
    COLUMN(uint8_t, rework);
    COLUMN(uint8_t, rejections);
    COLUMN(uint8_t, misuse);
    COLUMN(double, engagement);

    for (uint32_t i = 0; i < turn->deal_count; i++) {
        const struct deal *deal = &turn->deals[i];

        truth[i] = deal->truth;
        p[i] = deal->p;
        v_hat[i] = deal->v_hat;
        progress[i] = deal->progress;
        rework[i] = deal->rework;
        rejections[i] = deal->rejections;
        misuse[i] = deal->misuse;
        engagement[i] = deal->engagement;
    }
}

static void
write_money(const struct turn *turn, const struct batch_writer *writer)
{
    COLUMN(int64_t, transfer);
    COLUMN(int64_t, cost_a);
    COLUMN(int64_t, cost_b);
    COLUMN(double, reputation_a);
    COLUMN(double, reputation_b);
    COLUMN(double, payoff_a);
    COLUMN(double, payoff_b);

    for (uint32_t i = 0; i < turn->deal_count; i++) {
        const struct deal *deal = &turn->deals[i];

        transfer[i] = deal->transfer;
        cost_a[i] = deal->cost_a;
        cost_b[i] = deal->cost_b;
        reputation_a[i] = deal->reputation_a;
        reputation_b[i] = deal->reputation_b;
        payoff_a[i] = deal->payoff_a;
        payoff_b[i] = deal->payoff_b;
    }
}

/* From element `at` of the action axis on. */
static void
write_actions(const struct action *actions, uint32_t count, uint32_t at, const struct batch_writer *writer)
{
    COLUMN(uint32_t, actor);
    COLUMN(uint8_t, verb);
    COLUMN(uint32_t, target);
    COLUMN(int32_t, value);
    COLUMN(uint8_t, refused);
    COLUMN(double, weight);
    COLUMN(int64_t, cost);
    COLUMN(int64_t, amount);
    COLUMN(uint32_t, whom);

    for (uint32_t i = 0; i < count; i++) {
        actor[at + i] = actions[i].actor;
        verb[at + i] = actions[i].verb;
        target[at + i] = actions[i].target;
        value[at + i] = actions[i].value;
        refused[at + i] = actions[i].refused;
        weight[at + i] = actions[i].weight;
        cost[at + i] = actions[i].cost;
        amount[at + i] = actions[i].amount;
        whom[at + i] = actions[i].whom;
    }
}

static void
write_notes(const struct turn *turn, const struct batch_writer *writer)
{
    COLUMN(uint8_t, note);
    COLUMN(uint32_t, note_agent);
    COLUMN(uint32_t, note_other);
    COLUMN(uint32_t, note_id);
    COLUMN(int64_t, note_amount);
    COLUMN(double, note_value);

    for (uint32_t i = 0; i < turn->note_count; i++) {
        note[i] = turn->notes[i].kind;
        note_agent[i] = turn->notes[i].agent;
        note_other[i] = turn->notes[i].other;
        note_id[i] = turn->notes[i].id;
        note_amount[i] = turn->notes[i].amount;
        note_value[i] = turn->notes[i].value;
    }
}

void
events_write(const void *self_any, struct buffer *out)
{
    const struct turn *turn = &((const struct sandbox *)self_any)->turn;
    struct batch_writer writer;

    batch_begin(&writer, &schema_sandbox_events, out, 0, 0, (uint32_t[EVENTS_AXES]){
        [EVENTS_ROW] = turn->deal_count, [EVENTS_ACTION] = turn->action_count + turn->lost_count,
        [EVENTS_NOTE] = turn->note_count});
    write_deals(turn, &writer);
    write_work(turn, &writer);
    write_money(turn, &writer);
    write_actions(turn->actions, turn->action_count, 0, &writer);
    write_actions(turn->lost, turn->lost_count, turn->action_count, &writer);
    write_notes(turn, &writer);
}
