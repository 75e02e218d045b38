#include "agents/trade.h"

#include <math.h>

#include "core/assert.h"

#define GRID_STEP 0.1
#define LOOKS_GOOD 0.5  /* of a signal */
#define LEAST_BID 10000 /* millionths: of who does not mean to work */

/* ---- what it is worth ---- */

double
trade_good_work(double effort, double skill, double difficulty)
{
    return math_clamp(0.10 + 0.85 * effort * (0.5 + 0.5 * skill) - 0.10 * difficulty, 0.02, 0.98);
}

double
trade_looks_good(const struct reason *reason, double effort, double skill, double difficulty)
{
    double good = trade_good_work(effort, skill, difficulty);

    return good * reason->good + (1.0 - good) * reason->bad[0];
}

double
trade_job_value(const struct reason *reason, const struct trade_terms *terms, double pay, double effort, double skill,
                double difficulty)
{
    double looks = trade_looks_good(reason, effort, skill, difficulty);

    return looks * pay * (1.0 - terms->fee) - (1.0 - looks) * terms->power * terms->loss * pay -
        reason->effort_cost * effort;
}

double
trade_best_effort(
    const struct reason *reason, const struct trade_terms *terms, double pay, double skill, double difficulty)
{
    double best = 0.0, most = -INFINITY;

    for (uint32_t i = 0; i < SANDBOX_GRID; i++) {
        double value = trade_job_value(reason, terms, pay, GRID_STEP * i, skill, difficulty);

        if (value > most) {
            best = GRID_STEP * i;
            most = value;
        }
    }
    return best;
}

double
trade_break_even(const struct reason *reason, double fee, double skill, double difficulty)
{
    double kept = trade_looks_good(reason, 1.0, skill, difficulty) * (1.0 - fee);

    return kept > 0.0 ? reason->effort_cost / kept : INFINITY;
}

double
trade_hearing_value(const struct trade_terms *terms, double pay, double signal)
{
    double net = pay * (1.0 - terms->fee);

    return terms->power * (signal * net - (1.0 - signal) * terms->loss * pay) +
        (1.0 - terms->power) * terms->split * net;
}

double
trade_refusal_value(const struct trade_terms *terms, double pay, double signal, double disputed)
{
    return pay - disputed * (terms->power * signal * pay * (1.0 + terms->loss) +
                             (1.0 - terms->power) * terms->split * pay);
}

/* ---- what is seen ---- */

#define JOB(view, kind, column, index) batch_##kind((view)->batch, OBSERVE_##column, (index))

static bool
is_allowed(const struct sandbox_view *view, enum sandbox_verb verb)
{
    return sandbox_role_allows(OBSERVED(view, u8, role), verb);
}

static struct trade_terms
terms_of(const struct sandbox_view *view, uint32_t job)
{
    return (struct trade_terms){.fee = JOB(view, f64, job_fee, job), .power = JOB(view, f64, job_power, job),
        .split = JOB(view, f64, job_split, job), .loss = JOB(view, f64, job_loss, job)};
}

static bool
decide(struct sandbox_decision *out, enum sandbox_verb verb, uint32_t target)
{
    out->verb = verb;
    out->target = target;
    return true;
}

/* ---- the worker's side ---- */

static double
effort_of(const struct reason *reason, const struct trade_style *style, const struct sandbox_view *view, uint32_t job)
{
    struct trade_terms terms = terms_of(view, job);

    if (style->effort >= 0.0)
        return style->effort;
    return trade_best_effort(reason, &terms, money_to_real(JOB(view, i64, job_amount, job)),
                             OBSERVED(view, f64, skill), JOB(view, f64, job_difficulty, job));
}

/* Work that was sent back: whether to let a hearing decide. Who has sent back what looks good will do so again;
 * what looks bad can be done again. */
static bool
is_to_dispute(
    const struct reason *reason, const struct trade_style *style, const struct sandbox_view *view, uint32_t job)
{
    struct trade_terms terms = terms_of(view, job);
    double pay = money_to_real(JOB(view, i64, job_amount, job)), signal = JOB(view, f64, job_signal, job);
    double again = 0.0;

    if (style->judgement == TRADE_HOSTILE)
        return true;
    if (signal < LOOKS_GOOD && style->judgement == TRADE_FAIR)
        return false;
    if (signal < LOOKS_GOOD)
        again = trade_job_value(reason, &terms, pay, effort_of(reason, style, view, job), OBSERVED(view, f64, skill),
                                JOB(view, f64, job_difficulty, job));
    return trade_hearing_value(&terms, pay, signal) > math_max(again, 0.0);
}

static bool
work(const struct reason *reason, const struct trade_style *style, const struct sandbox_view *view, uint32_t job,
     struct sandbox_decision *out)
{
    bool sent_back = JOB(view, f64, job_signal, job) > 0.0;

    if (JOB(view, u8, job_task_status, job) != TASK_IN_PROGRESS || OBSERVED(view, u32, task) == SANDBOX_NOBODY ||
        JOB(view, u32, job_task, job) != OBSERVED(view, u32, task))
        return false;
    if (sent_back && is_allowed(view, VERB_DISPUTE) && is_to_dispute(reason, style, view, job))
        return decide(out, VERB_DISPUTE, JOB(view, u32, job, job));
    if (style->effort > 1.0 || OBSERVED(view, u32, task_steps) < style->work_steps ||
        !is_allowed(view, VERB_SUBMIT_WORK))
        return false;
    out->work = effort_of(reason, style, view, job);
    return decide(out, VERB_SUBMIT_WORK, JOB(view, u32, job_task, job));
}

/* What it would ask for a visible bounty, in millionths; 0: it would not do it for what is offered. */
static int64_t
price_of(const struct reason *reason, const struct trade_style *style, const struct sandbox_view *view, uint32_t i)
{
    double reward = money_to_real(JOB(view, i64, bounty_reward, i));
    double lowest = money_to_real(JOB(view, i64, bounty_lowest, i)) * (1.0 - style->undercut);
    double cost = trade_break_even(
        reason, JOB(view, f64, bounty_fee, i), OBSERVED(view, f64, skill), JOB(view, f64, bounty_difficulty, i));
    double price = cost + style->margin * (reward - cost);

    if (!style->covers_cost)
        return JOB(view, i64, bounty_reward, i) < LEAST_BID ? JOB(view, i64, bounty_reward, i) : LEAST_BID;
    if (cost > reward)
        return 0;
    if (style->undercut > 0.0 && lowest > 0.0 && lowest < price)
        price = math_max(lowest, cost);
    return money_from_real(price);
}

static bool
is_to_bid_for(const struct reason *reason, const struct trade_style *style, const struct sandbox_view *view,
              uint32_t i)
{
    double epoch = policy_quote(view, QUOTE_EPOCH);
    uint32_t deadline = JOB(view, u32, bounty_deadline, i);

    return i < 32 && (OBSERVED(view, u32, bid_on) >> i & 1u) == 0 && JOB(view, u32, bounty_poster, i) != view->agent &&
        JOB(view, f64, bounty_min_reputation, i) <= OBSERVED(view, f64, reputation) &&
        (deadline == 0 || epoch < deadline) && price_of(reason, style, view, i) > 0;
}

/* On one of the bounties that are worth it, each as likely as the others. */
static bool
bid(const struct reason *reason, const struct trade_style *style, struct sandbox_view *view,
    struct sandbox_decision *out)
{
    uint32_t found = 0, chosen;

    if (OBSERVED(view, u32, task) != SANDBOX_NOBODY || OBSERVED(view, u16, bids_left) == 0 ||
        !is_allowed(view, VERB_BID))
        return false;
    for (uint32_t i = 0; i < view->batch->count[ACT_BOUNTY]; i++)
        found += is_to_bid_for(reason, style, view, i);
    if (found == 0 || !rng_chance(&view->rng, style->bid))
        return false;
    chosen = rng_below(&view->rng, found);
    for (uint32_t i = 0; i < view->batch->count[ACT_BOUNTY]; i++) {
        if (!is_to_bid_for(reason, style, view, i) || chosen-- > 0)
            continue;
        out->amount = price_of(reason, style, view, i);
        return decide(out, VERB_BID, JOB(view, u32, bounty, i));
    }
    UNREACHABLE();
}

/* ---- the poster's side ---- */

static bool
judge(const struct trade_style *style, const struct sandbox_view *view, uint32_t job, struct sandbox_decision *out)
{
    double signal = JOB(view, f64, job_signal, job), pay = money_to_real(JOB(view, i64, job_amount, job));
    struct trade_terms terms = terms_of(view, job);
    bool approves = signal >= LOOKS_GOOD;

    if (JOB(view, u8, job_status, job) != BOUNTY_AWARDED || JOB(view, u8, job_task_status, job) != TASK_SUBMITTED)
        return false;
    if (is_allowed(view, VERB_DISPUTE) && (style->judgement == TRADE_HOSTILE || signal < style->certain))
        return decide(out, VERB_DISPUTE, JOB(view, u32, job, job));
    if (!is_allowed(view, VERB_VERIFY))
        return false;
    if (approves && style->judgement == TRADE_STINGY)
        approves = trade_refusal_value(&terms, pay, signal, style->disputed) <= 0.0;
    out->value = approves && style->judgement != TRADE_HOSTILE;
    return decide(out, VERB_VERIFY, JOB(view, u32, job_task, job));
}

/* Accepts the bid of the most belief x value - price, if that is more than nothing. */
static bool
award(const struct reason *reason, const struct trade_style *style, const struct sandbox_view *view,
      struct sandbox_decision *out)
{
    uint32_t best = SANDBOX_NOBODY;
    double most = 0.0;

    if (!style->awards || !is_allowed(view, VERB_ACCEPT_BID))
        return false;
    for (uint32_t i = OBSERVED(view, u32, bids); i < batch_u32(view->batch, OBSERVE_bids, view->row + 1); i++) {
        uint32_t known = reason_candidate_of(view, JOB(view, u32, bid_bidder, i));
        uint32_t past = known != SANDBOX_NOBODY ? JOB(view, u16, candidate_past, known) : 1;
        double belief = reason_belief(0.0, 0.0, past, JOB(view, f64, bid_trust, i), reason->reputation_weight,
                                      JOB(view, f64, bid_reputation, i));
        double gain = belief * style->value - money_to_real(JOB(view, i64, bid_amount, i));

        if (gain > most) {
            best = i;
            most = gain;
        }
    }
    return best != SANDBOX_NOBODY && decide(out, VERB_ACCEPT_BID, JOB(view, u32, bid, best));
}

static bool
post(const struct trade_style *style, struct sandbox_view *view, struct sandbox_decision *out)
{
    if (OBSERVED(view, u16, bounties_left) == 0 || !is_allowed(view, VERB_POST_BOUNTY) ||
        style->reward > OBSERVED(view, i64, resources) || style->reward > OBSERVED(view, i64, budget_left) ||
        !rng_chance(&view->rng, style->post))
        return false;
    out->amount = style->reward;
    out->work = rng_real(&view->rng);
    return decide(out, VERB_POST_BOUNTY, SANDBOX_NOBODY);
}

/* ---- all together ---- */

bool
trade_act(const struct reason *reason, const struct trade_style *style, struct sandbox_view *view,
          struct sandbox_decision *out)
{
    uint32_t begin, end;

    if (view->batch->count[ACT_TRAIT] == 0)
        return false;
    begin = OBSERVED(view, u32, jobs);
    end = batch_u32(view->batch, OBSERVE_jobs, view->row + 1);
    for (uint32_t job = begin; job < end; job++)
        if (JOB(view, u8, job_is_worker, job) != 0 ? work(reason, style, view, job, out)
                                                   : judge(style, view, job, out))
            return true;
    return award(reason, style, view, out) || bid(reason, style, view, out) || post(style, view, out);
}
