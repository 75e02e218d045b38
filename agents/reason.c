#include "agents/reason.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "core/money.h"
#include "proto/sandbox_roles.h"

#define PAST_MAX 10u          /* n_t of a belief */
#define RECORD_PRIOR 4.0      /* acceptances that the own record is started with */
#define GRID_STEP 0.1
#define OBSERVABLES 5.0       /* that may be revealed */
#define POST_BITS 32u         /* of OBSERVE_voted */
#define BREAKER_STEPS 10.0    /* that a plan is carried out before the breaker freezes */
#define BREAKER_EPOCHS 2.0    /* that it freezes for */

void
reason_read(const struct batch *batch, uint32_t quote_column, struct reason *out)
{
#define QUOTE(name) batch_f64(batch, quote_column, QUOTE_##name)
    *out = (struct reason){
        .payoff = {.s_plus = QUOTE(S_PLUS), .s_minus = QUOTE(S_MINUS), .h = QUOTE(H), .theta = QUOTE(THETA),
            .rho_a = QUOTE(RHO_A), .rho_b = QUOTE(RHO_B), .w_rep = QUOTE(W_REP)},
        .eta = QUOTE(ETA), .effort_cost = QUOTE(EFFORT_COST), .disguise_cost = QUOTE(DISGUISE_COST),
        .attention_scarcity = QUOTE(ATTENTION_SCARCITY), .good = QUOTE(P_GOOD), .tax_rate = QUOTE(TAX_RATE),
        .audit_probability = QUOTE(AUDIT_PROBABILITY), .audit_penalty = QUOTE(AUDIT_PENALTY),
        .audit_threshold = QUOTE(AUDIT_THRESHOLD), .audit_power = QUOTE(AUDIT_POWER),
        .slash_rate = QUOTE(SLASH_RATE), .stake_required = QUOTE(STAKE_REQUIRED),
        .reputation_weight = math_max(QUOTE(TRANSPARENCY), 1.0), .step = QUOTE(STEP),
        .refinery_threshold = QUOTE(REFINERY_THRESHOLD), .moderation_probability = QUOTE(MODERATION_PROBABILITY),
        .moderation_penalty = QUOTE(MODERATION_PENALTY), .moderation_threshold = QUOTE(MODERATION_THRESHOLD),
        .council_probability = QUOTE(COUNCIL_PROBABILITY), .breaker_threshold = QUOTE(BREAKER_THRESHOLD),
        .steps_per_epoch = QUOTE(STEPS_PER_EPOCH),
    };
    for (uint32_t i = 0; i < SANDBOX_GRID; i++)
        out->bad[i] = QUOTE(P_BAD + i);
    if (!(out->step >= 0.0 && out->step < 1e15)) /* it becomes a whole number in texts */
        out->step = 0.0;
#undef QUOTE
}

/* ---- beliefs ---- */

double
reason_belief(double n_s, double signal, uint32_t past, double trust, double n_r, double reputation)
{
    double n_t = past < PAST_MAX ? past : PAST_MAX;
    double weight = n_s + n_t + n_r;
    double belief;

    if (!(weight > 0.0))
        return 0.5;
    belief = (n_s * signal + n_t * trust + n_r * (0.5 + 0.5 * reputation)) / weight;
    return math_clamp(belief, 0.0, 1.0);
}

double
reason_belief_of_offer(const struct sandbox_offer_view *view)
{
    return reason_belief((double)__builtin_popcount(OFFERED(view, u8, revealed)), OFFERED(view, f64, signal),
        OFFERED(view, u16, past), OFFERED(view, f64, trust), OFFERED(view, f64, reputation_weight),
        OFFERED(view, f64, initiator_reputation));
}

double
reason_belief_of_candidate(const struct reason *self, const struct sandbox_view *view, uint32_t candidate)
{
    return reason_belief(0.0, 0.0, batch_u16(view->batch, OBSERVE_candidate_past, candidate),
        batch_f64(view->batch, OBSERVE_candidate_trust, candidate), self->reputation_weight,
        batch_f64(view->batch, OBSERVE_candidate_reputation, candidate));
}

/* ---- what an offer brings ---- */

double
reason_surplus(const struct reason *self, double p)
{
    return payoff_surplus(&self->payoff, p);
}

double
reason_harm(const struct reason *self, double p)
{
    return payoff_harm(&self->payoff, p);
}

/* The counterparty's reputation moves half as fast as the initiator's. */
double
reason_counterparty(const struct reason *self, double p, double tau, double reputation)
{
    return (1.0 - self->payoff.theta) * reason_surplus(self, p) + tau - self->tax_rate * math_abs(tau) -
        self->payoff.rho_b * reason_harm(self, p) + self->payoff.w_rep * 0.5 * self->eta * (2.0 * p - 1.0 - reputation);
}

double
reason_good_work(double effort, double skill)
{
    return math_clamp(0.10 + 0.85 * effort * (0.5 + 0.5 * skill), 0.02, 0.98);
}

struct reason_self
reason_self_of(const struct reason *self, const struct sandbox_view *view)
{
    struct reason_self me = {.skill = OBSERVED(view, f64, skill), .reputation = OBSERVED(view, f64, reputation),
        .stake = money_to_real(OBSERVED(view, i64, stake))};
    double due = reason_good_work(1.0, me.skill) * self->good * OBSERVED(view, u32, proposed);

    me.acceptance = math_min((OBSERVED(view, u32, accepted) + RECORD_PRIOR) / (due + RECORD_PRIOR), 1.0);
    return me;
}

/* What a good and a bad piece of work bring, each weighed with the chance that it looks good and is accepted. */
struct prospects {
    double good, bad[SANDBOX_GRID];
    double looks_good, looks_bad[SANDBOX_GRID]; /* chance of being accepted by the other side */
    double good_passes, bad_passes[SANDBOX_GRID]; /* of that, what governance leaves */
    double worth_good, worth_bad; /* of an accepted offer, less audits */
};

/* What the rules that look at the whole label leave of accepted work, and what they cost: of work that looks good to
 * them with probability `look`. */
struct inspection {
    double passes, fine;
};

static struct inspection
inspect(const struct reason *self, double look)
{
    double bad = self->attention_scarcity * (1.0 - look);
    double fine = self->moderation_probability * self->moderation_penalty * (1.0 + self->payoff.w_rep);
    struct inspection out = {.passes = 1.0};

    if (self->refinery_threshold > 0.0)
        out.passes = self->refinery_threshold > self->good ? 0.0 : 1.0 - bad;
    out.fine = fine * (bad * self->moderation_threshold +
                          (1.0 - bad) * math_max(self->moderation_threshold - self->good, 0.0));
    return out;
}

/* The refinery, moderation and the council, where they are on. The council stops what is bad before anybody gains. */
static void
inspect_all(const struct reason *self, struct prospects *prospects)
{
    double stopped = math_clamp(self->council_probability, 0.0, 1.0);
    struct inspection seen;

    if (self->refinery_threshold > 0.0 || self->moderation_probability > 0.0) {
        seen = inspect(self, self->good);
        prospects->good_passes *= seen.passes;
        prospects->good = prospects->good_passes * (prospects->worth_good - seen.fine);
        for (uint32_t i = 0; i < SANDBOX_GRID; i++) {
            seen = inspect(self, self->bad[i]);
            prospects->bad_passes[i] *= seen.passes;
            prospects->bad[i] = prospects->bad_passes[i] * (prospects->worth_bad - seen.fine);
        }
    }
    if (stopped > 0.0)
        for (uint32_t i = 0; i < SANDBOX_GRID; i++) {
            prospects->bad_passes[i] *= 1.0 - stopped;
            prospects->bad[i] *= 1.0 - stopped;
        }
}

static struct prospects
prospects_of(const struct reason *self, const struct reason_self *me, enum reason_goal goal)
{
    double worth = goal == REASON_OWN
        ? self->payoff.theta * reason_surplus(self, self->good) - self->payoff.rho_a * reason_harm(self, self->good)
        : reason_surplus(self, self->good) - (self->payoff.rho_a + self->payoff.rho_b) * reason_harm(self, self->good);
    double fine = self->audit_penalty * (1.0 + self->payoff.w_rep);
    double by_label = (1.0 - self->audit_power) * math_max(self->audit_threshold - self->good, 0.0);
    double audit_good = self->audit_probability * fine * by_label;
    double audit_bad = self->audit_probability * (fine * (self->audit_power * self->audit_threshold + by_label) +
                                                     self->audit_power * self->slash_rate * me->stake);
    struct prospects out = {.looks_good = me->acceptance * self->good};

    worth += self->payoff.w_rep * self->eta * (2.0 * self->good - 1.0 - me->reputation);
    out.good = out.looks_good * (worth - audit_good);
    for (uint32_t i = 0; i < SANDBOX_GRID; i++) {
        out.looks_bad[i] = me->acceptance * self->bad[i];
        out.bad[i] = out.looks_bad[i] * (worth - audit_bad);
    }
    out.good_passes = out.looks_good;
    memcpy(out.bad_passes, out.looks_bad, sizeof out.bad_passes);
    out.worth_good = worth - audit_good;
    out.worth_bad = worth - audit_bad;
    inspect_all(self, &out);
    return out;
}

/* What is left of the worth of a plan that ends in a freeze. */
static double
after_breaker(const struct reason *self, double good, uint32_t disguise, double value)
{
    double label = good * self->good + (1.0 - good) * self->bad[disguise];

    if (!(self->breaker_threshold < 1.0) || 1.0 - label < self->breaker_threshold || value <= 0.0)
        return value;
    return value * (BREAKER_STEPS / (BREAKER_STEPS + BREAKER_EPOCHS * math_max(self->steps_per_epoch, 0.0)));
}

/* Harm needs to be accepted, and left alone, and to be bad: the chance of that times the chance of not looking good. */
static double
harm_of(const struct reason *self, const struct prospects *prospects, double good, uint32_t disguise)
{
    double look = good * prospects->looks_good + (1.0 - good) * prospects->looks_bad[disguise];
    double passes = good * prospects->good_passes + (1.0 - good) * prospects->bad_passes[disguise];

    return passes * (1.0 - look) * self->payoff.h;
}

static double
value_of(const struct reason *self, const struct prospects *prospects, enum reason_goal goal, double good,
         uint32_t effort, uint32_t disguise)
{
    double costs = GRID_STEP * (self->effort_cost * effort + self->disguise_cost * disguise);

    if (goal == REASON_HARM)
        return after_breaker(self, good, disguise, harm_of(self, prospects, good, disguise));
    return after_breaker(
        self, good, disguise, good * prospects->good + (1.0 - good) * prospects->bad[disguise] - costs);
}

double
reason_value(
    const struct reason *self, const struct reason_self *me, enum reason_goal goal, uint32_t effort, uint32_t disguise)
{
    struct prospects prospects = prospects_of(self, me, goal);

    ASSERT(effort < SANDBOX_GRID && disguise < SANDBOX_GRID);
    return value_of(self, &prospects, goal, reason_good_work(GRID_STEP * effort, me->skill), effort, disguise);
}

struct reason_plan
reason_best(const struct reason *self, const struct reason_self *me, enum reason_goal goal, uint32_t disguise_max)
{
    struct prospects prospects = prospects_of(self, me, goal);
    struct reason_plan best = {.value = -INFINITY};
    uint32_t efforts = goal == REASON_HARM ? 1 : SANDBOX_GRID; /* who wants harm makes no effort */
    double good[SANDBOX_GRID];

    ASSERT(disguise_max < SANDBOX_GRID);
    for (uint32_t e = 0; e < efforts; e++)
        good[e] = reason_good_work(GRID_STEP * e, me->skill);
    for (uint32_t m = 0; m <= disguise_max; m++)
        for (uint32_t e = 0; e < efforts; e++) {
            double value = value_of(self, &prospects, goal, good[e], e, m);

            if (value > best.value)
                best = (struct reason_plan){.effort = GRID_STEP * e, .disguise = GRID_STEP * m, .value = value,
                    .label = good[e] * self->good + (1.0 - good[e]) * self->bad[m]};
        }
    return best;
}

void
reason_ask(const struct reason *self, const struct reason_self *me, double share, struct reason_plan *plan)
{
    double seen = OBSERVABLES * (1.0 - self->attention_scarcity);
    double belief = reason_belief(seen, self->good, 0, 0.5, self->reputation_weight, me->reputation);
    double gain = reason_counterparty(self, belief, 0.0, 0.0);
    double asked = share * gain / (1.0 + self->tax_rate);

    if (!(asked > 0.0) || !(self->tax_rate < 1.0))
        return;
    plan->tau = -asked;
    plan->value += me->acceptance * self->good * asked * (1.0 - self->tax_rate);
}

/* ---- partners ---- */

double
reason_score_belief(const struct reason *self, const struct sandbox_view *view, uint32_t candidate)
{
    return reason_belief_of_candidate(self, view, candidate);
}

/* The share of the dealings with it in which it accepted, as if there had been two more, one of them accepted. */
double
reason_score_acceptance(const struct reason *self, const struct sandbox_view *view, uint32_t candidate)
{
    double accepted = batch_u16(view->batch, OBSERVE_candidate_accepted, candidate);
    double past = batch_u16(view->batch, OBSERVE_candidate_past, candidate);

    (void)self;
    return (accepted + 1.0) / (math_max(past, accepted) + 2.0);
}

bool
reason_is_kin(const struct sandbox_view *view, uint32_t candidate)
{
    return candidate != SANDBOX_NOBODY && batch_u8(view->batch, OBSERVE_candidate_kin, candidate) != 0;
}

double
reason_score_name(const struct reason *self, const struct sandbox_view *view, uint32_t candidate)
{
    (void)self;
    return reason_is_kin(view, candidate) ? -INFINITY
                                          : batch_f64(view->batch, OBSERVE_candidate_reputation, candidate);
}

double
reason_score_trusting(const struct reason *self, const struct sandbox_view *view, uint32_t candidate)
{
    (void)self;
    return reason_is_kin(view, candidate) ? -INFINITY
                                          : batch_u16(view->batch, OBSERVE_candidate_accepted, candidate);
}

uint32_t
reason_partner(const struct reason *self, struct sandbox_view *view, double exploration, reason_score_fn *score)
{
    uint32_t count = view->candidate_end - view->candidate_begin;
    bool explores = rng_chance(&view->rng, exploration);
    uint32_t best = SANDBOX_NOBODY;
    double best_score = -INFINITY;

    if (count == 0)
        return SANDBOX_NOBODY;
    if (explores)
        return batch_u32(view->batch, OBSERVE_candidate, view->candidate_begin + rng_below(&view->rng, count));
    for (uint32_t i = view->candidate_begin; i < view->candidate_end; i++) {
        double s = score(self, view, i);

        if (s > best_score) {
            best = batch_u32(view->batch, OBSERVE_candidate, i);
            best_score = s;
        }
    }
    return best;
}

void
reason_propose(const struct reason *self, const struct sandbox_view *view, uint32_t partner,
               enum sandbox_interaction kind, const struct reason_plan *plan, struct sandbox_decision *out)
{
    double tokens = self->effort_cost * plan->effort + self->disguise_cost * plan->disguise +
        math_max(plan->tau, 0.0) + self->tax_rate * math_abs(plan->tau);
    int64_t cost = money_from_real(tokens);

    if (partner == SANDBOX_NOBODY || partner == view->agent || !reason_may_act(self, view) ||
        cost > OBSERVED(view, i64, resources) || cost > OBSERVED(view, i64, budget_left))
        return;
    out->partner = partner;
    out->kind = kind;
    out->effort = plan->effort;
    out->disguise = plan->disguise;
    out->transfer = money_from_real(plan->tau);
}

bool
reason_may_act(const struct reason *self, const struct sandbox_view *view)
{
    return OBSERVED(view, u8, frozen) == 0 && OBSERVED(view, i64, stake) >= money_from_real(self->stake_required);
}

bool
reason_can_pay(const struct sandbox_offer_view *view)
{
    double rate = batch_f64(view->batch, OFFERS_quote, QUOTE_TAX_RATE);
    double tau = money_to_real(OFFERED(view, i64, transfer));

    return money_from_real(math_max(-tau, 0.0) + rate * math_abs(tau)) <= OFFERED_ROW(view, i64, resources);
}

/* ---- feed and tasks ---- */

static bool
is_allowed(const struct sandbox_view *view, enum sandbox_verb verb)
{
    return sandbox_role_allows(OBSERVED(view, u8, role), verb);
}

static bool
is_submitted(const struct sandbox_view *view, uint32_t id)
{
    for (uint32_t i = 0; i < view->batch->count[ACT_TASK]; i++)
        if (batch_u32(view->batch, OBSERVE_task_id, i) == id)
            return batch_u8(view->batch, OBSERVE_task_status, i) == TASK_SUBMITTED;
    return false;
}

bool
reason_submit(const struct sandbox_view *view, double work, uint32_t steps, struct sandbox_decision *out)
{
    if (OBSERVED(view, u32, task) == SANDBOX_NOBODY || OBSERVED(view, u32, task_steps) < steps ||
        !is_allowed(view, VERB_SUBMIT_WORK) || is_submitted(view, OBSERVED(view, u32, task)))
        return false;
    out->verb = VERB_SUBMIT_WORK;
    out->target = OBSERVED(view, u32, task);
    out->work = work;
    return true;
}

/* One of the tasks (posts) that `fits`, each as likely as the others; SANDBOX_NOBODY when there is none. */
typedef bool fits_fn(const struct sandbox_view *view, uint32_t index);
static uint32_t
any_of(struct sandbox_view *view, uint32_t count, fits_fn *fits)
{
    uint32_t found = 0, chosen;

    for (uint32_t i = 0; i < count; i++)
        found += fits(view, i);
    if (found == 0)
        return SANDBOX_NOBODY;
    chosen = rng_below(&view->rng, found);
    for (uint32_t i = 0; i < count; i++)
        if (fits(view, i) && chosen-- == 0)
            return i;
    return SANDBOX_NOBODY;
}

/* What somebody pays for is that one's to judge; a part of a project also its planner's; the rest the verifiers'. */
static bool
is_to_verify(const struct sandbox_view *view, uint32_t task)
{
    uint8_t owner = batch_u8(view->batch, OBSERVE_task_owner, task);
    bool is_own = owner != OWNER_ENVIRONMENT && batch_u32(view->batch, OBSERVE_task_poster, task) == view->agent;

    return batch_u8(view->batch, OBSERVE_task_status, task) == TASK_SUBMITTED &&
        batch_u32(view->batch, OBSERVE_task_worker, task) != view->agent &&
        (is_own || (owner != OWNER_BOUNTY && OBSERVED(view, u8, role) == SANDBOX_VERIFIER));
}

bool
reason_verify(struct sandbox_view *view, bool flip, struct sandbox_decision *out)
{
    uint32_t task;
    bool looks_good;

    if (!is_allowed(view, VERB_VERIFY))
        return false;
    task = any_of(view, view->batch->count[ACT_TASK], is_to_verify);
    if (task == SANDBOX_NOBODY)
        return false;
    looks_good = batch_f64(view->batch, OBSERVE_task_signal, task) >= 0.5;
    out->verb = VERB_VERIFY;
    out->target = batch_u32(view->batch, OBSERVE_task_id, task);
    out->value = looks_good != flip;
    return true;
}

static bool
is_to_claim(const struct sandbox_view *view, uint32_t task)
{
    return batch_u8(view->batch, OBSERVE_task_status, task) == TASK_OPEN &&
        batch_f64(view->batch, OBSERVE_task_min_reputation, task) <= OBSERVED(view, f64, reputation);
}

bool
reason_claim(struct sandbox_view *view, double chance, struct sandbox_decision *out)
{
    uint32_t task;

    if (view->batch->count[ACT_TASK] == 0 || OBSERVED(view, u32, task) != SANDBOX_NOBODY ||
        OBSERVED(view, u16, tasks_left) == 0 || !is_allowed(view, VERB_CLAIM_TASK) ||
        !is_allowed(view, VERB_SUBMIT_WORK) || !rng_chance(&view->rng, chance))
        return false;
    task = any_of(view, view->batch->count[ACT_TASK], is_to_claim);
    if (task == SANDBOX_NOBODY)
        return false;
    out->verb = VERB_CLAIM_TASK;
    out->target = batch_u32(view->batch, OBSERVE_task_id, task);
    return true;
}

uint32_t
reason_candidate_of(const struct sandbox_view *view, uint32_t agent)
{
    for (uint32_t i = view->candidate_begin; i < view->candidate_end; i++)
        if (batch_u32(view->batch, OBSERVE_candidate, i) == agent)
            return i;
    return SANDBOX_NOBODY;
}

int32_t
reason_opinion_sincere(const struct reason *self, const struct sandbox_view *view, uint32_t post)
{
    uint32_t author = batch_u32(view->batch, OBSERVE_post_author, post);
    uint32_t candidate;
    double belief;

    if (author == view->agent)
        return 0;
    candidate = reason_candidate_of(view, author);
    belief = candidate != SANDBOX_NOBODY
        ? reason_belief_of_candidate(self, view, candidate)
        : reason_belief(0.0, 0.0, 0, 0.0, 1.0, batch_f64(view->batch, OBSERVE_post_reputation, post));
    return belief >= 0.5 ? 1 : -1;
}

int32_t
reason_opinion_against(const struct reason *self, const struct sandbox_view *view, uint32_t post)
{
    uint32_t author = batch_u32(view->batch, OBSERVE_post_author, post);

    (void)self;
    return author == view->agent || reason_is_kin(view, reason_candidate_of(view, author)) ? 0 : -1;
}

bool
reason_vote(const struct reason *self, struct sandbox_view *view, double chance, reason_opinion_fn *opinion,
            struct sandbox_decision *out)
{
    int32_t opinions[POST_BITS] = {0};
    uint32_t count = view->batch->count[ACT_POST], voted = OBSERVED(view, u32, voted), some = 0, chosen;

    if (count == 0 || OBSERVED(view, u16, votes_left) == 0 || !is_allowed(view, VERB_VOTE) ||
        !rng_chance(&view->rng, chance))
        return false;
    for (uint32_t i = 0; i < count && i < POST_BITS; i++) {
        if ((voted >> i & 1u) == 0)
            opinions[i] = opinion(self, view, i);
        some += opinions[i] != 0;
    }
    if (some == 0)
        return false;
    chosen = rng_below(&view->rng, some);
    for (uint32_t i = 0; i < POST_BITS; i++) {
        if (opinions[i] == 0 || chosen-- > 0)
            continue;
        out->verb = VERB_VOTE;
        out->target = batch_u32(view->batch, OBSERVE_post, i);
        out->value = opinions[i];
        break;
    }
    return true;
}

static void
write_text(const struct reason *self, struct sandbox_view *view, const char *const *texts, struct sandbox_decision *out)
{
    uint32_t count = 0;
    int size;

    while (texts[count] != NULL)
        count++;
    size = snprintf(out->text, sizeof out->text, "%s [%u/%llu]", texts[rng_below(&view->rng, count)], view->agent,
        (unsigned long long)self->step);
    ASSERT(size > 0 && (size_t)size < sizeof out->text);
    out->text_size = (uint32_t)size;
}

bool
reason_post(const struct reason *self, struct sandbox_view *view, double chance, double sincerity,
            const char *const *texts, struct sandbox_decision *out)
{
    if (OBSERVED(view, u16, posts_left) == 0 || !is_allowed(view, VERB_POST) || !rng_chance(&view->rng, chance))
        return false;
    out->verb = VERB_POST;
    out->work = sincerity;
    write_text(self, view, texts, out);
    return true;
}

static bool
is_by_another(const struct sandbox_view *view, uint32_t post)
{
    return batch_u32(view->batch, OBSERVE_post_author, post) != view->agent;
}

bool
reason_reply(const struct reason *self, struct sandbox_view *view, double chance, const char *const *texts,
             struct sandbox_decision *out)
{
    uint32_t post;

    if (view->batch->count[ACT_POST] == 0 || OBSERVED(view, u16, posts_left) == 0 || !is_allowed(view, VERB_REPLY) ||
        !rng_chance(&view->rng, chance))
        return false;
    post = any_of(view, view->batch->count[ACT_POST], is_by_another);
    if (post == SANDBOX_NOBODY)
        return false;
    out->verb = VERB_REPLY;
    out->target = batch_u32(view->batch, OBSERVE_post, post);
    write_text(self, view, texts, out);
    return true;
}
