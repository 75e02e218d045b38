/* governance/levers/security.c - looks out for attacks in what everybody can see, keeps a score for each agent, and at
 * openings punishes and quarantines those whose score is high. Where an audit has shown the truth, that counts for the
 * label. Formulas of single signs are core/security's; what they
 * are looked for in is a memory of bounded size that fades from epoch to epoch (a full one forgets the partner with the
 * least weight). An agent's risk of a kind is severity x confidence of the worst sign, its score the highest risk.
 *
 * - Injection: interactions whose score (misuse, rejections, accepted p < .3) reaches the threshold. Honest work fails
 *   now and then and looks the same, so that the mean risk of all of an initiator's proposals counts.
 * - Exfiltration: two or more flags of misuse in one interaction.
 * - Manipulation: the share of an initiator's proposals that were accepted, looked bad, and either took more than a
 *   token (p < .5) or went to somebody who had accepted at least two before (p < .4) reaches the threshold.
 * - Laundering: an agent's reputation has risen since the last opening and stands more than a gap above that of
 *   everybody on a chain of at least `chain_min` agents, itself the first, each of which took work from the one before
 *   three times or more (by faded weight) that mostly was bad.
 * - Contagion: who accepts bad work (p < .3) and within `window` steps passes bad work on twice has depth one more than
 *   its source, whose depth counts as long. Nobody catches it from whom it gave it to.
 *
 * Quarantined agents neither act nor propose until the epoch of their release. */
#include "governance/lever.h"

#include "core/security.h"

#define TIES 8u
#define CHAIN_MAX 5u
#define FORGOTTEN 0.01 /* a faded weight below it is nothing */
#define P_BAD 0.3
#define P_TALKED 0.4
#define P_DOUBTFUL 0.5
#define REPEATED 3.0   /* times that the same one is talked into something */
#define SPREADS 2u     /* times that bad work is passed on */

#define SECURITY_PARAMS(P, S)                                                                                        \
    P(S, F64, injection_threshold, 0.3, 0.0, 1.0, "score", "of an interaction that is held for an injection")        \
    P(S, F64, manipulation_threshold, 0.5, 0.0, 1.0, "share", "of successes that is held for manipulation")          \
    P(S, F64, laundering_gap, 0.3, 0.0, 2.0, "reputation", "above those on the chain")                               \
    P(S, U32, chain_min, 3, 2, CHAIN_MAX, "agents", "on a chain, the first included")                                \
    P(S, U32, window, 10, 1, 1000000, "steps", "in which contagion is passed on")                                    \
    P(S, F64, min_interactions, 5, 1, 1e6, "proposals", "by faded weight, that shares are at least taken of")         \
    P(S, F64, penalty_threshold, 0.3, 0.0, 1.0, "score", "from which an agent is punished at an opening")            \
    P(S, F64, quarantine_threshold, 0.7, 0.0, 1.0, "score", "from which it is quarantined")                          \
    P(S, U32, duration, 2, 1, 1000000, "epochs", "of quarantine")                                                    \
    P(S, F64, penalty, 1.0, 0.0, 1000.0, "reputation", "lost for each unit of score")                                \
    P(S, F64, fine, 5.0, 0.0, 1e6, "tokens", "lost for each unit of reputation that is lost")                        \
    P(S, F64, memory, 0.5, 0.0, 1.0, "factor", "what is left of a risk or a weight after an epoch")                  \
    P(S, BOOL, realtime, false, 0, 1, "", "suspicious interactions cost both sides as well")                         \
    P(S, F64, realtime_threshold, 0.5, 0.0, 1.0, "score", "from which they do")                                      \
    P(S, F64, realtime_rate, 0.2, 0.0, 1000.0, "tokens", "for each unit of score; half for the counterparty")
PARAMS_DEFINE(security, SECURITY_PARAMS)

/* Accepted proposals to a partner. */
struct tie {
    double n, p;      /* by weight; p: sum */
    uint32_t partner; /* n = 0: nobody */
    uint32_t unused;
};
struct suspect {
    double risk[SECURITY_KINDS];
    double score;                /* at the last opening */
    double reputation, rise;     /* at the last opening, and since the one before */
    double proposals, successes; /* by weight */
    double injected;             /* sum of risks, by weight */
    uint64_t free_at;            /* first epoch without quarantine; 0: none */
    uint64_t exposed_at;         /* step in which it accepted bad work; 0: has not */
    uint64_t infected_at;        /* step in which it got its depth */
    uint32_t exposed_depth;      /* of whom it accepted from */
    uint32_t source;             /* who that was */
    uint32_t depth, spreads;
    struct tie ties[TIES];
};
_Static_assert(sizeof(struct suspect) == (SECURITY_KINDS + 6) * 8 + 3 * 8 + 16 + TIES * 24, "no padding");

static void
raise_risk(struct suspect *suspect, enum security_kind kind, double severity, double confidence)
{
    struct security_sign sign = {.kind = kind, .severity = severity, .confidence = confidence};

    suspect->risk[kind] = math_max(suspect->risk[kind], security_sign_risk(&sign));
}

static struct detect_interaction
seen(const struct lever_interaction *interaction)
{
    return (struct detect_interaction){.initiator = interaction->initiator, .counterparty = interaction->counterparty,
        .accepted = interaction->accepted, .rework = interaction->observables.rework,
        .rejections = interaction->observables.rejections, .misuse = interaction->observables.misuse,
        .p = interaction->p, .tau = money_to_real(interaction->transfer)};
}

/* ---- what an interaction shows ---- */

static void
note_flags(const struct security *params, const struct detect_interaction *item, struct suspect *suspect)
{
    double score = security_injection(item);

    if (score > 0.0 && score >= params->injection_threshold)
        suspect->injected += score * math_min(0.9, score + 0.2);
    if (item->misuse >= 2)
        raise_risk(suspect, SECURITY_EXFILTRATION, math_min(1.0, 0.3 * item->misuse), 0.6);
}

/* The partner's tie, or the one with the least weight, emptied. */
static struct tie *
make_tie(struct suspect *suspect, uint32_t partner)
{
    struct tie *least = &suspect->ties[0];

    for (uint32_t i = 0; i < TIES; i++) {
        if (suspect->ties[i].n > 0.0 && suspect->ties[i].partner == partner)
            return &suspect->ties[i];
        if (suspect->ties[i].n < least->n)
            least = &suspect->ties[i];
    }
    *least = (struct tie){.partner = partner};
    return least;
}

static void
note_dealing(const struct detect_interaction *item, struct suspect *suspect)
{
    struct tie *tie;

    suspect->proposals += 1.0;
    if (!item->accepted)
        return;
    tie = make_tie(suspect, item->counterparty);
    tie->n += 1.0;
    tie->p += item->p;
    if ((item->p < P_DOUBTFUL && item->tau < -1.0) || (item->p < P_TALKED && tie->n >= REPEATED))
        suspect->successes += 1.0;
}

static bool
is_recent(const struct lever_context *context, uint64_t then)
{
    return then > 0 && context->step - then <= ((const struct security *)context->params)->window;
}

static void
note_contagion(const struct lever_context *context, const struct detect_interaction *item)
{
    struct suspect *from = (struct suspect *)context->agents + item->initiator;
    struct suspect *to = (struct suspect *)context->agents + item->counterparty;
    uint32_t depth;

    if (!item->accepted || item->p >= P_BAD)
        return;
    if (is_recent(context, from->exposed_at) && context->step > from->exposed_at && ++from->spreads >= SPREADS) {
        double span = (double)(context->step - from->exposed_at);

        from->depth = from->exposed_depth + 1;
        from->infected_at = context->step;
        raise_risk(from, SECURITY_CONTAGION, math_min(1.0, from->depth / 5.0),
            math_min(0.9, 0.5 + from->depth / (span + 0.01) / 10.0));
    }
    depth = is_recent(context, from->infected_at) ? from->depth : 0;
    if ((is_recent(context, from->exposed_at) && from->source == item->counterparty) ||
        (is_recent(context, to->exposed_at) && depth <= to->exposed_depth))
        return;
    to->exposed_at = context->step;
    to->exposed_depth = depth;
    to->source = item->initiator;
    to->spreads = 0;
}

static void
on_outcome(struct lever_context *context, const struct lever_interaction *interaction)
{
    struct detect_interaction item = seen(interaction);
    struct suspect *suspect = (struct suspect *)context->agents + item.initiator;

    if (item.initiator == item.counterparty)
        return;
    if (interaction->audit == AUDIT_CAUGHT || interaction->audit == AUDIT_CLEAN)
        item.p = interaction->audit == AUDIT_CLEAN ? 1.0 : 0.0;
    note_flags(context->params, &item, suspect);
    note_dealing(&item, suspect);
    note_contagion(context, &item);
}

/* ---- what an opening shows ---- */

static void
judge_shares(const struct security *params, struct suspect *suspect)
{
    double rate;

    raise_risk(suspect, SECURITY_INJECTION,
        math_min(1.0, suspect->injected / math_max(suspect->proposals, params->min_interactions)), 1.0);
    if (suspect->proposals < params->min_interactions || !(suspect->successes > 0.0))
        return;
    rate = suspect->successes / suspect->proposals;
    if (rate >= params->manipulation_threshold)
        raise_risk(suspect, SECURITY_MANIPULATION, rate, math_min(0.9, 0.5 + 0.4 * rate));
}

static bool
is_on(const uint32_t *chain, uint32_t size, uint32_t agent)
{
    for (uint32_t i = 0; i < size; i++)
        if (chain[i] == agent)
            return true;
    return false;
}

/* How far the first agent of the chain stands above everybody behind it on the best way to go on to `chain_min`
 * agents; `gain` is how far it does so far. 0 when there is none. */
static double
best_gain(const struct lever_context *context, uint32_t chain[CHAIN_MAX], uint32_t size, double gain)
{
    const struct security *params = context->params;
    const struct suspect *suspects = context->agents, *last = &suspects[chain[size - 1]];
    double best = 0.0;

    if (size == params->chain_min)
        return gain;
    for (uint32_t i = 0; i < TIES; i++) {
        const struct tie *tie = &last->ties[i];
        double above = suspects[chain[0]].reputation - suspects[tie->partner].reputation;

        if (tie->n < REPEATED || tie->p >= P_DOUBTFUL * tie->n || is_on(chain, size, tie->partner) ||
            !(above > params->laundering_gap))
            continue;
        chain[size] = tie->partner;
        best = math_max(best, best_gain(context, chain, size + 1, math_min(gain, above)));
    }
    return best;
}

static void
judge_laundering(const struct lever_context *context, uint32_t agent, struct suspect *suspect)
{
    uint32_t chain[CHAIN_MAX] = {agent};
    double gain = suspect->rise > 0.0 ? best_gain(context, chain, 1, 2.0) : 0.0;

    if (gain > 0.0)
        raise_risk(suspect, SECURITY_LAUNDERING, math_min(1.0, gain / 0.5), math_min(0.8, 0.4 + gain));
}

static void
punish(struct lever_context *context, uint32_t agent, struct suspect *suspect)
{
    const struct security *params = context->params;
    double lost = suspect->score * params->penalty;

    if (!(suspect->score > 0.0))
        return;
    if (suspect->score >= params->penalty_threshold && lost > 0.0) {
        lever_effect(context->effects, EFFECT_REPUTATION, agent, 0, -lost);
        lever_effect(context->effects, EFFECT_FINE, agent, money_from_real(params->fine * lost), 0.0);
    }
    if (suspect->score >= params->quarantine_threshold) {
        suspect->free_at = (uint64_t)context->epoch + params->duration;
        lever_effect(context->effects, EFFECT_FREEZE, agent, (int64_t)suspect->free_at, 0.0);
    }
}

static void
fade(struct suspect *suspect, double memory)
{
    for (uint32_t i = 0; i < SECURITY_KINDS; i++)
        suspect->risk[i] = suspect->risk[i] < FORGOTTEN ? 0.0 : suspect->risk[i] * memory;
    suspect->proposals *= memory;
    suspect->successes *= memory;
    suspect->injected *= memory;
    for (uint32_t i = 0; i < TIES; i++) {
        suspect->ties[i].n *= memory;
        suspect->ties[i].p *= memory;
        if (suspect->ties[i].n < FORGOTTEN)
            suspect->ties[i] = (struct tie){0};
    }
}

static void
on_opening(struct lever_context *context, const struct lever_opening *opening)
{
    const struct security *params = context->params;
    struct suspect *suspects = context->agents;

    for (uint32_t i = 0; i < context->agent_count; i++) {
        suspects[i].rise = opening->reputation[i] - suspects[i].reputation;
        suspects[i].reputation = opening->reputation[i];
    }
    for (uint32_t i = 0; i < context->agent_count; i++) {
        judge_shares(params, &suspects[i]);
        judge_laundering(context, i, &suspects[i]);
        suspects[i].score = 0.0;
        for (uint32_t k = 0; k < SECURITY_KINDS; k++)
            suspects[i].score = math_max(suspects[i].score, suspects[i].risk[k]);
    }
    for (uint32_t i = 0; i < context->agent_count; i++) {
        if (suspects[i].free_at <= opening->epoch)
            suspects[i].free_at = 0;
        punish(context, i, &suspects[i]);
        fade(&suspects[i], params->memory);
    }
}

/* ---- between openings ---- */

static void
on_action(struct lever_context *context, const struct lever_action *action, struct lever_action_ruling *ruling)
{
    ruling->allow = ((const struct suspect *)context->agents)[action->actor].free_at == 0;
}

static void
on_interaction(struct lever_context *context, const struct lever_interaction *interaction, struct lever_ruling *ruling)
{
    const struct security *params = context->params;
    const struct suspect *suspect = (const struct suspect *)context->agents + interaction->initiator;
    struct detect_interaction item = seen(interaction);
    double score;

    ruling->allow = suspect->free_at == 0;
    if (!params->realtime || !ruling->allow)
        return;
    score = security_injection_realtime(&item, suspect->score);
    if (!(score >= params->realtime_threshold))
        return;
    ruling->cost_a += money_from_real(params->realtime_rate * score);
    ruling->cost_b += money_from_real(params->realtime_rate * score / 2.0);
}

const struct lever lever_security = {
    .name = "security",
    .doc = "Looks out for injection, exfiltration, manipulation, laundering and contagion; punishes and quarantines.",
    .stage = STAGE_ADMISSION,
    .params = &security_params,
    .agent_size = sizeof(struct suspect),
    .on_opening = on_opening,
    .on_action = on_action,
    .on_interaction = on_interaction,
    .on_outcome = on_outcome,
};
