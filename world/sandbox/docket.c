/* world/sandbox/docket.c - what governance is asked, and what its verdict does. */
#include "core/assert.h"
#include "core/money.h"
#include "world/sandbox/feature.h"

#include <inttypes.h>
#include <string.h>

/* ---- asking ---- */

#define COLUMN(type, name) type *name = batch_column(writer, DOCKET_##name)

static void
write_terms(const struct sandbox *self, const struct batch_writer *writer)
{
    const struct deal *deals = self->turn.deals + self->turn.deal_first;
    COLUMN(uint32_t, initiator);
    COLUMN(uint32_t, counterparty);
    COLUMN(uint8_t, kind);
    COLUMN(uint8_t, accepted);
    COLUMN(uint8_t, answered);
    COLUMN(int64_t, transfer);
    COLUMN(double, reputation);
    COLUMN(int64_t, stake);
    COLUMN(double, effort);
    COLUMN(double, disguise);
    COLUMN(double, belief);

    for (uint32_t i = 0; i < writer->count[DOCKET_ROW]; i++) {
        initiator[i] = deals[i].initiator;
        counterparty[i] = deals[i].counterparty;
        kind[i] = deals[i].kind;
        accepted[i] = deals[i].accepted;
        answered[i] = deals[i].answered;
        transfer[i] = deals[i].transfer;
        reputation[i] = self->agents.reputation[deals[i].initiator];
        stake[i] = stake_held(self, deals[i].initiator);
        effort[i] = deals[i].effort;
        disguise[i] = deals[i].disguise;
        belief[i] = deals[i].belief;
    }
}

static void
write_work(const struct sandbox *self, const struct batch_writer *writer)
{
    const struct deal *deals = self->turn.deals + self->turn.deal_first;
    COLUMN(double, p);
    COLUMN(int32_t, truth);
    COLUMN(double, progress);
    COLUMN(uint8_t, rework);
    COLUMN(uint8_t, rejections);
    COLUMN(uint8_t, misuse);
    COLUMN(double, engagement);

    for (uint32_t i = 0; i < writer->count[DOCKET_ROW]; i++) {
        p[i] = deals[i].p;
        truth[i] = deals[i].truth;
        progress[i] = deals[i].progress;
        rework[i] = deals[i].rework;
        rejections[i] = deals[i].rejections;
        misuse[i] = deals[i].misuse;
        engagement[i] = deals[i].engagement;
    }
}

static void
write_actions(const struct sandbox *self, const struct batch_writer *writer)
{
    const struct action *actions = self->turn.actions + self->turn.action_first;
    COLUMN(uint32_t, actor);
    COLUMN(uint8_t, verb);
    COLUMN(uint32_t, target);
    COLUMN(int32_t, value);
    COLUMN(int64_t, amount);
    COLUMN(uint8_t, refused);
    COLUMN(uint32_t, subject);

    for (uint32_t i = 0; i < writer->count[DOCKET_ACTION]; i++) {
        subject[i] = actions[i].subject;
        actor[i] = actions[i].actor;
        verb[i] = actions[i].verb;
        target[i] = actions[i].target;
        value[i] = actions[i].value;
        amount[i] = actions[i].amount;
        refused[i] = actions[i].refused;
    }
}

static void
write_opening(const struct sandbox *self, const struct batch_writer *writer)
{
    COLUMN(uint32_t, epoch);
    COLUMN(double, agent_reputation);
    COLUMN(int64_t, agent_resources);
    COLUMN(int64_t, agent_stake);

    epoch[0] = self->now.epoch;
    for (uint32_t agent = 0; agent < writer->count[DOCKET_AGENT]; agent++) {
        agent_reputation[agent] = self->agents.reputation[agent];
        agent_resources[agent] = money_of(self, agent);
        agent_stake[agent] = stake_held(self, agent);
    }
}

/* The rules that agents have adopted; theirs to write, governance's to apply. */
static void
write_norms(const struct sandbox *self, const struct batch_writer *writer)
{
    uint32_t at = 0;
    COLUMN(uint32_t, norms);

    for (uint32_t i = 0; i < writer->count[DOCKET_NORM]; i++) {
        norms[i] = at;
        batch_fill_bytes(writer, DOCKET_norm_text, at, self->turn.norms[i].text, self->turn.norms[i].size);
        at += self->turn.norms[i].size;
    }
    norms[writer->count[DOCKET_NORM]] = at;
}

void
docket_ask(const struct sandbox *self, struct buffer *out)
{
    bool opening = self->stage == STAGE_OPENING;
    struct batch_writer writer;
    uint32_t norm_bytes = 0;

    for (uint32_t i = 0; i < self->turn.norm_count; i++)
        norm_bytes += self->turn.norms[i].size;
    batch_begin(&writer, &schema_sandbox_docket, out, self->seed, 0, (uint32_t[DOCKET_AXES]){
        [DOCKET_ROW] = opening ? 0 : self->turn.deal_count - self->turn.deal_first,
        [DOCKET_ACTION] = opening ? 0 : self->turn.action_count - self->turn.action_first,
        [DOCKET_OPENING] = opening, [DOCKET_AGENT] = opening ? self->config.agent_count : 0,
        [DOCKET_NORM] = opening ? self->turn.norm_count : 0, [DOCKET_TEXT] = opening ? norm_bytes : 0});
    if (opening) {
        write_opening(self, &writer);
        write_norms(self, &writer);
        return;
    }
    write_terms(self, &writer);
    write_work(self, &writer);
    write_actions(self, &writer);
}

/* ---- checking ---- */

static int
check_reason(const struct sandbox *self, const char *what, uint32_t row, bool allow, uint32_t reason, struct why *why)
{
    bool lever = reason >= REFUSAL_LEVER && reason < REFUSAL_LEVER + self->config.lever_count;

    if (allow ? reason == 0 : lever)
        return 0;
    return fail(why, ERR_INVALID,
                "verdict: %s %" PRIu32 " is %s for reason %" PRIu32 ", which is no lever of this scenario", what, row,
                allow ? "allowed" : "refused", reason);
}

static int
check_effect(const struct sandbox *self, const struct batch *verdict, uint32_t i, struct why *why)
{
    uint32_t agent = batch_u32(verdict, VERDICT_effect_agent, i);
    int64_t amount = batch_i64(verdict, VERDICT_effect_amount, i);
    uint32_t lever = batch_u8(verdict, VERDICT_effect_lever, i);

    if (agent != SANDBOX_NOBODY && agent >= self->config.agent_count)
        return fail(why, ERR_INVALID, "verdict: effect %" PRIu32 ": effect_agent: there is no agent %" PRIu32, i,
                    agent);
    if (lever >= self->config.lever_count)
        return fail(why, ERR_INVALID, "verdict: effect %" PRIu32 ": effect_lever: there is no lever %" PRIu32, i,
                    lever);
    if (batch_u8(verdict, VERDICT_effect_kind, i) == EFFECT_NORM &&
        (self->stage != STAGE_OPENING || amount >= self->turn.norm_count))
        return fail(why, ERR_INVALID, "verdict: effect %" PRIu32 ": effect_amount: %" PRId64 " is no rule of this "
                    "docket", i, amount);
    if (batch_u8(verdict, VERDICT_effect_kind, i) == EFFECT_FREEZE && amount > UINT32_MAX)
        return fail(why, ERR_INVALID, "verdict: effect %" PRIu32 ": effect_amount: %" PRId64 " is no epoch", i, amount);
    return 0;
}

int
docket_check(const struct sandbox *self, const struct batch *verdict, struct why *why)
{
    bool opening = self->stage == STAGE_OPENING;
    uint32_t rows = opening ? 0 : self->turn.deal_count - self->turn.deal_first;
    uint32_t actions = opening ? 0 : self->turn.action_count - self->turn.action_first;
    int code = 0;

    if (verdict->count[VERDICT_ROW] != rows || verdict->count[VERDICT_ACTION] != actions)
        return fail(why, ERR_INVALID, "verdict: on %" PRIu32 " interactions and %" PRIu32 " actions, not %" PRIu32
                    " and %" PRIu32, verdict->count[VERDICT_ROW], verdict->count[VERDICT_ACTION], rows, actions);
    if (verdict->count[VERDICT_QUOTE] != (opening ? (uint32_t)QUOTE_GOVERNANCE_END : 0))
        return fail(why, ERR_INVALID, "verdict: %" PRIu32 " quotes %s", verdict->count[VERDICT_QUOTE],
                    opening ? "at an opening" : "outside an opening");
    for (uint32_t i = 0; i < rows && code == 0; i++)
        code = check_reason(self, "interaction", i, batch_u8(verdict, VERDICT_allow, i) != 0,
                            batch_u8(verdict, VERDICT_reason, i), why);
    for (uint32_t i = 0; i < actions && code == 0; i++)
        code = check_reason(self, "action", i, batch_u8(verdict, VERDICT_action_allow, i) != 0,
                            batch_u8(verdict, VERDICT_action_reason, i), why);
    for (uint32_t i = 0; i < verdict->count[VERDICT_EFFECT] && code == 0; i++)
        code = check_effect(self, verdict, i, why);
    return code;
}

/* ---- taking ---- */

void
docket_take(struct sandbox *self, const struct batch *verdict)
{
    struct deal *deals = self->turn.deals + self->turn.deal_first;
    struct action *actions = self->turn.actions + self->turn.action_first;

    for (uint32_t i = 0; i < verdict->count[VERDICT_ROW]; i++) {
        deals[i].allow = batch_u8(verdict, VERDICT_allow, i);
        deals[i].reason = batch_u8(verdict, VERDICT_reason, i);
        deals[i].cost_a = batch_i64(verdict, VERDICT_cost_a, i);
        deals[i].cost_b = batch_i64(verdict, VERDICT_cost_b, i);
        deals[i].audit = batch_u8(verdict, VERDICT_audit, i);
        deals[i].reputation_a = batch_f64(verdict, VERDICT_reputation, i); /* settling makes it the whole change */
    }
    for (uint32_t i = 0; i < verdict->count[VERDICT_ACTION]; i++) {
        if (actions[i].refused != REFUSAL_NONE)
            continue;
        if (!batch_u8(verdict, VERDICT_action_allow, i))
            actions[i].refused = batch_u8(verdict, VERDICT_action_reason, i);
        actions[i].weight = batch_f64(verdict, VERDICT_action_weight, i);
        actions[i].cost = batch_i64(verdict, VERDICT_action_cost, i);
    }
}

static void
apply_effect(struct sandbox *self, uint32_t agent, enum sandbox_effect kind, int64_t amount, double value)
{
    switch (kind) {
    case EFFECT_FREEZE:
        if (!is_frozen(self, agent) && (uint32_t)amount > self->now.epoch)
            TALLY_ADD(self, freezes, 1);
        if ((uint32_t)amount > self->agents.frozen_until[agent]) /* a longer one, by another lever, holds */
            self->agents.frozen_until[agent] = (uint32_t)amount;
        return;
    case EFFECT_UNFREEZE:
        self->agents.frozen_until[agent] = 0;
        return;
    case EFFECT_REPUTATION:
        settle_reputation(self, agent, value);
        return;
    case EFFECT_REPUTATION_SCALE:
        settle_reputation(self, agent, self->agents.reputation[agent] * (value - 1.0));
        return;
    case EFFECT_SLASH:
        accounts_collect(self->accounts, stake_of(self, agent), ACCOUNT_TREASURY, amount, MONEY_slash);
        return;
    case EFFECT_FINE:
        settle_charge(self, agent, ACCOUNT_TREASURY, amount, MONEY_fine);
        return;
    case EFFECT_FLAG:
        TALLY_ADD(self, flagged, 1);
        return;
    case EFFECT_NORM:
    case EFFECT_KINDS:
        break;
    }
    UNREACHABLE();
}

static void
note_effect(struct sandbox *self, uint32_t agent, enum sandbox_effect kind, int64_t amount, double value)
{
    static const uint8_t notes[EFFECT_KINDS] = {
        [EFFECT_FREEZE] = NOTE_agent_frozen, [EFFECT_UNFREEZE] = NOTE_agent_unfrozen,
        [EFFECT_REPUTATION] = NOTE_reputation_changed, [EFFECT_REPUTATION_SCALE] = NOTE_reputation_scaled,
        [EFFECT_SLASH] = NOTE_agent_slashed, [EFFECT_FINE] = NOTE_agent_fined, [EFFECT_FLAG] = NOTE_collusion};

    settle_note(self, &(struct note){.kind = notes[kind], .agent = agent, .other = SANDBOX_NOBODY,
        .id = SANDBOX_NOBODY, .amount = kind == EFFECT_FREEZE ? 0 : amount,
        .value = kind == EFFECT_FREEZE ? (double)amount : value});
}

void
docket_effects(struct sandbox *self, const struct batch *verdict)
{
    for (uint32_t i = 0; i < verdict->count[VERDICT_EFFECT]; i++) {
        uint32_t agent = batch_u32(verdict, VERDICT_effect_agent, i);
        enum sandbox_effect kind = batch_u8(verdict, VERDICT_effect_kind, i);
        int64_t amount = batch_i64(verdict, VERDICT_effect_amount, i);
        double value = batch_f64(verdict, VERDICT_effect_value, i);

        if (kind == EFFECT_NORM) {
            features_norm_ruled(self, (uint32_t)amount, value > 0.0);
            continue;
        }
        note_effect(self, agent, kind, amount, value);
        if (agent != SANDBOX_NOBODY)
            apply_effect(self, agent, kind, amount, value);
        else
            for (agent = 0; agent < self->config.agent_count; agent++)
                apply_effect(self, agent, kind, amount, value);
    }
}

void
docket_make_up_stakes(struct sandbox *self)
{
    int64_t wanted = money_from_real(self->now.quotes[QUOTE_STAKE_REQUIRED]);

    for (uint32_t agent = 0; agent < self->config.agent_count; agent++) {
        int64_t held = stake_held(self, agent);

        if (wanted < 0 || held == wanted || (held < wanted && money_of(self, agent) < wanted - held))
            continue;
        if (held < wanted)
            accounts_collect(self->accounts, account_of(agent), stake_of(self, agent), wanted - held, MONEY_stake);
        else
            accounts_collect(self->accounts, stake_of(self, agent), account_of(agent), held - wanted, MONEY_stake);
    }
}

void
docket_open(struct sandbox *self, const struct batch *verdict)
{
    for (uint32_t i = 0; i < QUOTE_GOVERNANCE_END; i++)
        self->now.quotes[i] = batch_f64(verdict, VERDICT_quote, i);
    docket_effects(self, verdict);
    docket_make_up_stakes(self);
}
