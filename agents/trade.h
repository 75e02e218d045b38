/* agents/trade.h - how policies use the market of bounties: what a job is worth, what to bid, how hard to work, what to
 * approve and what to dispute about. Closed forms from public numbers; agents/reason.h has the model of work.
 *
 * Work of effort e, skill s and difficulty d is good with probability g = clamp(0.10 + 0.85 e (0.5 + 0.5 s) - 0.10 d,
 * 0.02, 0.98), and looks good with probability L = g G + (1 - g) B(0): the work of a job is not disguised. A job that
 * pays a, of which the treasury keeps the share f, is worth
 *     L a (1 - f) - (1 - L) w l a - c_e e,
 * where work that looks bad is disputed, the hearing finds out with probability w, and who loses it pays l a. A hearing
 * about work of signal x, read as the probability of good work, is worth
 *     w (x a (1 - f) - (1 - x) l a) + (1 - w) k a (1 - f)
 * to the worker (k: the share that it gets where nothing is found); a poster that sends good work back expects to keep
 *     a - D (w x (a + l a) + (1 - w) k a),
 * D being the chance that the worker disputes. */
#ifndef POLIS_AGENTS_TRADE_H
#define POLIS_AGENTS_TRADE_H

#include "agents/policy.h"
#include "agents/reason.h"

/* The market's public numbers: f, w, l, k. */
struct trade_terms {
    double fee, power, loss, split;
};

double trade_good_work(double effort, double skill, double difficulty);
double trade_looks_good(const struct reason *reason, double effort, double skill, double difficulty);
/* What a job with pay `pay` (tokens) is worth to its worker. */
double trade_job_value(const struct reason *reason, const struct trade_terms *terms, double pay, double effort,
                       double skill, double difficulty);
/* The effort on the grid of tenths that is worth most; the lowest of equals. */
double trade_best_effort(const struct reason *reason, const struct trade_terms *terms, double pay, double skill,
                         double difficulty);
/* The least pay, in tokens, for which full effort costs no more than it brings, without hearings; INFINITY where the
 * fee leaves nothing. */
double trade_break_even(const struct reason *reason, double fee, double skill, double difficulty);
/* What a hearing is worth to the worker, and what a poster gains that sends work back instead of paying for it. */
double trade_hearing_value(const struct trade_terms *terms, double pay, double signal);
double trade_refusal_value(const struct trade_terms *terms, double pay, double signal, double disputed);

/* How a poster judges. */
enum trade_judgement {
    TRADE_FAIR,    /* pays for what looks good, disputes what looks certainly bad, sends back the rest */
    TRADE_STINGY,  /* the same, but sends good work back when that is expected to pay */
    TRADE_HOSTILE, /* disputes whatever is handed in */
};

/* How an agent trades. Chances are drawn for only where there is something to be done. */
struct trade_style {
    double post;           /* chance of posting a bounty in a step */
    int64_t reward;        /* millionths */
    double value;          /* what good work of the hardest kind is worth to it, tokens */
    double bid;            /* chance of bidding in a step */
    double margin;         /* share of what a bounty offers over its own cost that it asks for */
    double undercut;       /* share that it stays below the lowest bid, if that still covers its cost */
    double effort;         /* put into a job; below 0: what pays best; above 1: it never hands in anything */
    uint32_t work_steps;   /* before it hands in */
    double certain;        /* signal below which work is certainly bad */
    double disputed;       /* D */
    enum trade_judgement judgement;
    bool awards;           /* whether it accepts bids */
    bool covers_cost;      /* bids no less than what its work costs; else next to nothing */
};

/* The rows that policies have in common, and the style's members from them. */
#define TRADE_PARAMS(P, S, post_default, bid_default, margin_default)                                                \
    P(S, F64, bounty, post_default, 0.0, 1.0, "probability", "of posting a bounty in a step, where there is a market") \
    P(S, MONEY, bounty_reward, 5.0, 0.0, 1e9, "tokens", "that it offers")                                            \
    P(S, F64, bounty_value, 8.0, 0.0, 1e9, "tokens", "that good work is worth to it")                                \
    P(S, F64, bid, bid_default, 0.0, 1.0, "probability", "of bidding for a bounty in a step")                        \
    P(S, F64, bid_margin, margin_default, 0.0, 1.0, "share", "of what a bounty offers over its cost that it asks for")
#define TRADE_OF(p)                                                                                                  \
    .post = (p)->bounty, .reward = (p)->bounty_reward, .value = (p)->bounty_value, .bid = (p)->bid,                  \
    .margin = (p)->bid_margin

/* Decides on a verb and returns true, or changes nothing and returns false. Without a market it draws nothing. */
bool trade_act(const struct reason *reason, const struct trade_style *style, struct sandbox_view *view,
               struct sandbox_decision *out);

#endif
