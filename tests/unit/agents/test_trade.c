/* What jobs, hearings and refusals are worth, by hand; what each policy does on the market; and that without one
 * nothing is drawn. */
#include "agents/trade.h"

#include "tests/unit/agents/view_case.h"

/* ---- worth. Good work looks good with 0.95, bad work with 0.05; effort costs 0.4; terms are f, w, l, k ---- */

enum worth { GOOD_WORK, LOOKS_GOOD, BREAK_EVEN, JOB_VALUE, BEST_EFFORT, HEARING, REFUSAL };

static const struct worth_row {
    const char *name;
    enum worth what;
    double a, b, c; /* effort, difficulty | pay, effort | pay | pay, signal | pay, signal, disputed; skill is 0.5 */
    struct trade_terms terms;
    double want;
} worth_rows[] = {
    {"0.1 + 0.85 x 0.75", GOOD_WORK, 1, 0, 0, {.fee = 0}, 0.7375},
    {"a tenth less for the hardest", GOOD_WORK, 1, 1, 0, {.fee = 0}, 0.6375},
    {"never hopeless", GOOD_WORK, 0, 1, 0, {.fee = 0}, 0.02},
    {"0.7375 x 0.95 + 0.2625 x 0.05", LOOKS_GOOD, 1, 0, 0, {.fee = 0}, 0.71375},
    {"0.4 / (0.71375 x 0.98)", BREAK_EVEN, 0, 0, 0, {.fee = 0.02}, 0.57185746452696671},
    {"1.39895 - 0.0229 - 0.4", JOB_VALUE, 2, 1, 0, {0.02, 0.8, 0.05, 0.5}, 0.97605},
    {"0.14 x 1.96 - 0.86 x 0.08", JOB_VALUE, 2, 0, 0, {0.02, 0.8, 0.05, 0.5}, 0.2056},
    {"effort does not pay at 0.68", BEST_EFFORT, 0.68, 0, 0, {0.02, 0.8, 0.05, 0.5}, 0},
    {"and pays at 0.69: the line is 0.4 / (0.57375 x 1.02)", BEST_EFFORT, 0.69, 0, 0, {0.02, 0.8, 0.05, 0.5}, 1},
    {"0.8 (1.862 - 0.005) + 0.2 x 0.98", HEARING, 2, 0.95, 0, {0.02, 0.8, 0.05, 0.5}, 1.6816},
    {"a hearing about bad work, costly", HEARING, 2, 0, 0, {0.02, 0.8, 0.5, 0.5}, -0.8 + 0.196},
    {"2 - 0.5 (1.596 + 0.2)", REFUSAL, 2, 0.95, 0.5, {0.02, 0.8, 0.05, 0.5}, 1.102},
    {"2 - (2.28 + 0.2): refusing does not pay", REFUSAL, 2, 0.95, 1, {0.02, 0.8, 0.5, 0.5}, -0.48},
};

static double
worth_of(const struct worth_row *row)
{
    struct reason reason = {.effort_cost = 0.4, .good = 0.95, .bad = {0.05}};

    switch (row->what) {
    case GOOD_WORK:
        return trade_good_work(row->a, 0.5, row->b);
    case LOOKS_GOOD:
        return trade_looks_good(&reason, row->a, 0.5, row->b);
    case BREAK_EVEN:
        return trade_break_even(&reason, row->terms.fee, 0.5, 0.0);
    case JOB_VALUE:
        return trade_job_value(&reason, &row->terms, row->a, row->b, 0.5, 0.0);
    case BEST_EFFORT:
        return trade_best_effort(&reason, &row->terms, row->a, 0.5, 0.0);
    case HEARING:
        return trade_hearing_value(&row->terms, row->a, row->b);
    case REFUSAL:
        break;
    }
    return trade_refusal_value(&row->terms, row->a, row->b, row->c);
}

static void
worth(void **state)
{
    const struct worth_row *row = *state;

    if (row->want == 0.0)
        assert_true(worth_of(row) == 0.0);
    else
        assert_close(worth_of(row), row->want, 1e-12);
}

/* ---- an observation with a market: agent 0 of skill 0.5 and reputation 0, with 100 tokens ---- */

struct case_bounty {
    uint32_t id, poster;
    int64_t reward, lowest;
    double min_reputation;
};
struct case_bid {
    uint32_t id, bidder;
    int64_t amount;
    double reputation, trust;
};
struct case_job {
    uint32_t id, task;
    uint8_t task_status, is_worker;
    int64_t amount;
    double signal, loss;
};
struct case_market {
    uint8_t role;
    uint32_t task, task_steps; /* task: id + 1; 0: none */
    uint32_t bid_on;
    bool no_rights;
    struct case_bounty bounties[2];
    struct case_bid bids[2];
    struct case_job jobs[2];
};

static uint32_t
put_bounties(const struct case_market *market, const struct batch_writer *writer, uint32_t count)
{
    struct batch_writer w = *writer;
    uint32_t put = 0;

    for (; put < count; put++) {
        PUT(uint32_t, OBSERVE_bounty, put, market->bounties[put].id);
        PUT(uint32_t, OBSERVE_bounty_poster, put, market->bounties[put].poster);
        PUT(int64_t, OBSERVE_bounty_reward, put, market->bounties[put].reward);
        PUT(int64_t, OBSERVE_bounty_lowest, put, market->bounties[put].lowest);
        PUT(double, OBSERVE_bounty_min_reputation, put, market->bounties[put].min_reputation);
        PUT(double, OBSERVE_bounty_fee, put, 0.02);
    }
    return put;
}

static void
put_deals(const struct case_market *market, const struct batch_writer *writer, uint32_t bids, uint32_t jobs)
{
    struct batch_writer w = *writer;

    for (uint32_t i = 0; i < bids; i++) {
        PUT(uint32_t, OBSERVE_bid, i, market->bids[i].id);
        PUT(uint32_t, OBSERVE_bid_bidder, i, market->bids[i].bidder);
        PUT(int64_t, OBSERVE_bid_amount, i, market->bids[i].amount);
        PUT(double, OBSERVE_bid_reputation, i, market->bids[i].reputation);
        PUT(double, OBSERVE_bid_trust, i, market->bids[i].trust);
    }
    for (uint32_t i = 0; i < jobs; i++) {
        PUT(uint32_t, OBSERVE_job, i, market->jobs[i].id);
        PUT(uint32_t, OBSERVE_job_task, i, market->jobs[i].task);
        PUT(uint8_t, OBSERVE_job_status, i, BOUNTY_AWARDED);
        PUT(uint8_t, OBSERVE_job_task_status, i, market->jobs[i].task_status);
        PUT(uint8_t, OBSERVE_job_is_worker, i, market->jobs[i].is_worker);
        PUT(uint32_t, OBSERVE_job_other, i, 9);
        PUT(int64_t, OBSERVE_job_amount, i, market->jobs[i].amount);
        PUT(double, OBSERVE_job_signal, i, market->jobs[i].signal);
        PUT(double, OBSERVE_job_fee, i, 0.02);
        PUT(double, OBSERVE_job_power, i, 0.8);
        PUT(double, OBSERVE_job_split, i, 0.5);
        PUT(double, OBSERVE_job_loss, i, market->jobs[i].loss);
    }
    PUT(uint32_t, OBSERVE_bids, 1, bids);
    PUT(uint32_t, OBSERVE_jobs, 1, jobs);
}

static void
observe(const struct case_market *market, bool traits, struct buffer *out)
{
    struct case_agent agent = {.role = market->role, .resources = 100 * TOKEN, .skill = 0.5, .task = market->task,
        .task_steps = market->task_steps, .no_rights = true};
    struct case_scene scene = {0};
    uint32_t bounties = 0, bids = 0, jobs = 0;
    struct batch_writer w;

    while (traits && bounties < 2 && market->bounties[bounties].reward > 0)
        bounties++;
    while (traits && bids < 2 && market->bids[bids].amount > 0)
        bids++;
    while (traits && jobs < 2 && market->jobs[jobs].amount > 0)
        jobs++;
    case_quotes(scene.quotes);
    batch_begin(&w, &schema_sandbox_observe, out, CASE_SEED, 0, (uint32_t[ACT_AXES]){[ACT_ROW] = 1,
        [ACT_QUOTE] = QUOTE_COUNT, [ACT_TRAIT] = traits, [ACT_BOUNTY] = bounties, [ACT_BID] = bids, [ACT_JOB] = jobs});
    case_put_agent(&w, &agent, 0);
    case_put_scene(&w, &scene);
    if (!traits)
        return;
    PUT(uint32_t, OBSERVE_bid_on, 0, market->bid_on);
    PUT(uint32_t, OBSERVE_topic, 0, SANDBOX_NOBODY);
    PUT(uint16_t, OBSERVE_bids_left, 0, market->no_rights ? 0 : 5);
    PUT(uint16_t, OBSERVE_bounties_left, 0, market->no_rights ? 0 : 3);
    put_bounties(market, &w, bounties);
    put_deals(market, &w, bids, jobs);
}

/* ---- what policies do ---- */

#define WORKER SANDBOX_WORKER
#define POSTER SANDBOX_POSTER
#define OFFER .bounties = {{7, 9, 5 * TOKEN, 0, -1}}
#define ONE_BID(lowest_) .bounties = {{7, 9, 5 * TOKEN, lowest_, -1}}
#define OWN_JOB(amount_, signal_) .task = 31, .task_steps = 3,                                                       \
    .jobs = {{8, 30, TASK_IN_PROGRESS, 1, amount_, signal_, 0.05}}
#define HANDED_IN(signal_, loss_) .jobs = {{8, 30, TASK_SUBMITTED, 0, 2 * TOKEN, signal_, loss_}}

static const struct act_row {
    const char *name, *policy, *params;
    struct case_market market;
    enum sandbox_verb verb; /* VERB_PASS: any other than those of the market */
    uint32_t target;
    int32_t value;
    int64_t amount;
    double work;
} act_rows[] = {
    {"honest bids cost and half of the rest", "honest", "bid: 1", {WORKER, OFFER}, VERB_BID, 7, 0, 2785929, 0},
    {"opportunistic bids cost and a quarter", "opportunistic", "bid: 1", {WORKER, OFFER}, VERB_BID, 7, 0, 1678893, 0},
    {"opportunistic stays 5 % below another", "opportunistic", "bid: 1", {WORKER, ONE_BID(TOKEN)}, VERB_BID, 7, 0,
        950000, 0},
    {"but not below its cost", "opportunistic", "bid: 1", {WORKER, ONE_BID(TOKEN / 2)}, VERB_BID, 7, 0, 571857, 0},
    {"deceptive bids its cost", "deceptive", "bid: 1", {WORKER, OFFER}, VERB_BID, 7, 0, 571857, 0},
    {"adversarial bids next to nothing", "adversarial", "bid: 1", {WORKER, OFFER}, VERB_BID, 7, 0, 10000, 0},
    {"not for less than it costs", "honest", "bid: 1", {WORKER, .bounties = {{7, 9, TOKEN / 2, 0, -1}}}, VERB_PASS, 0,
        0, 0, 0},
    {"not without the reputation", "honest", "bid: 1", {WORKER, .bounties = {{7, 9, 5 * TOKEN, 0, 0.1}}}, VERB_PASS, 0,
        0, 0, 0},
    {"not twice", "honest", "bid: 1", {WORKER, .bid_on = 1, OFFER}, VERB_PASS, 0, 0, 0, 0},
    {"not when none are left", "honest", "bid: 1", {WORKER, .no_rights = true, OFFER}, VERB_PASS, 0, 0, 0, 0},
    {"not with a task in work", "honest", "bid: 1", {WORKER, .task = 5, OFFER}, VERB_PASS, 0, 0, 0, 0},
    {"not for its own", "honest", "bid: 1", {WORKER, .bounties = {{7, 0, 5 * TOKEN, 0, -1}}}, VERB_PASS, 0, 0, 0, 0},
    {"a poster does not bid", "honest", "{bid: 1, bounty: 0}", {POSTER, OFFER}, VERB_PASS, 0, 0, 0, 0},
    {"a poster posts", "honest", "bounty: 1", {.role = POSTER}, VERB_POST_BOUNTY, SANDBOX_NOBODY, 0, 5 * TOKEN, 0},
    {"not when none are left to post", "honest", "bounty: 1", {POSTER, .no_rights = true}, VERB_PASS, 0, 0, 0, 0},
    {"0.7 x 8 - 4 is more than 0.3 x 8 - 1", "honest", "bounty: 0",
        {POSTER, .bids = {{70, 4, 4 * TOKEN, 0.8, 0.5}, {71, 5, TOKEN, -0.8, 0.5}}}, VERB_ACCEPT_BID, 70, 0, 0, 0},
    {"and 0.7 x 8 - 5 is not", "honest", "bounty: 0",
        {POSTER, .bids = {{70, 4, 5 * TOKEN, 0.8, 0.5}, {71, 5, TOKEN, -0.8, 0.5}}}, VERB_ACCEPT_BID, 71, 0, 0, 0},
    {"nothing that costs more than it is worth", "honest", "bounty: 0",
        {POSTER, .bids = {{70, 4, 6 * TOKEN, 0.8, 0.5}}}, VERB_PASS, 0, 0, 0, 0},
    {"honest approves what looks good", "honest", "bounty: 0", {POSTER, HANDED_IN(0.5, 0.05)}, VERB_VERIFY, 30, 1, 0,
        0},
    {"honest sends back what does not", "honest", "bounty: 0", {POSTER, HANDED_IN(0.49, 0.05)}, VERB_VERIFY, 30, 0, 0,
        0},
    {"honest disputes what is certainly bad", "honest", "bounty: 0", {POSTER, HANDED_IN(0.09, 0.05)}, VERB_DISPUTE, 8,
        0, 0, 0},
    {"opportunistic keeps the money for good work", "opportunistic", "bounty: 0", {POSTER, HANDED_IN(0.95, 0.05)},
        VERB_VERIFY, 30, 0, 0, 0},
    {"unless losing a hearing is dear", "opportunistic", "bounty: 0", {POSTER, HANDED_IN(0.95, 0.5)}, VERB_VERIFY, 30,
        1, 0, 0},
    {"adversarial disputes good work", "adversarial", "bait: 0", {POSTER, HANDED_IN(0.95, 0.5)}, VERB_DISPUTE, 8, 0, 0,
        0},
    {"honest works with all its might", "honest", "{}", {WORKER, OWN_JOB(TOKEN / 10, 0)}, VERB_SUBMIT_WORK, 30, 0, 0,
        1},
    {"opportunistic does not work for 0.68", "opportunistic", "{}", {WORKER, OWN_JOB(680000, 0)}, VERB_SUBMIT_WORK, 30,
        0, 0, 0},
    {"but does for 0.69", "opportunistic", "{}", {WORKER, OWN_JOB(690000, 0)}, VERB_SUBMIT_WORK, 30, 0, 0, 1},
    {"adversarial never delivers", "adversarial", "{}", {WORKER, OWN_JOB(2 * TOKEN, 0)}, VERB_PASS, 0, 0, 0, 0},
    {"honest goes to a hearing for good work", "honest", "{}", {WORKER, OWN_JOB(2 * TOKEN, 0.95)}, VERB_DISPUTE, 8, 0,
        0, 0},
    {"honest mends bad work", "honest", "{}", {WORKER, OWN_JOB(2 * TOKEN, 0.05)}, VERB_SUBMIT_WORK, 30, 0, 0, 1},
    {"opportunistic mends it where that pays more", "opportunistic", "{}", {WORKER, OWN_JOB(2 * TOKEN, 0.05)},
        VERB_SUBMIT_WORK, 30, 0, 0, 1},
};

static bool
is_of_market(uint32_t verb)
{
    return verb == VERB_POST_BOUNTY || verb == VERB_BID || verb == VERB_ACCEPT_BID || verb == VERB_DISPUTE ||
        verb == VERB_SUBMIT_WORK || verb == VERB_VERIFY;
}

static void
acts(void **state)
{
    const struct act_row *row = *state;
    struct chunk_policy policy = case_policy(row->policy, row->params);
    struct buffer ask = {0}, out = {0};
    struct batch answer;

    observe(&row->market, true, &ask);
    case_decide(&policy, &ask, 7, &out, &answer);
    if (row->verb == VERB_PASS) {
        assert_false(is_of_market(batch_u8(&answer, DECIDE_verb, 0)));
    } else {
        assert_int_equal(batch_u8(&answer, DECIDE_verb, 0), row->verb);
        assert_int_equal(batch_u32(&answer, DECIDE_target, 0), row->target);
        assert_int_equal(batch_i32(&answer, DECIDE_value, 0), row->value);
        assert_int_equal(batch_i64(&answer, DECIDE_amount, 0), row->amount);
        if (row->verb == VERB_SUBMIT_WORK)
            assert_true(batch_f64(&answer, DECIDE_work, 0) == row->work);
    }
    buffer_fini(&ask);
    buffer_fini(&out);
    free((void *)(uintptr_t)policy.params);
}

/* ---- without a market ---- */

static void
draws_nothing(void **state)
{
    static const struct trade_style style = {.post = 1, .bid = 1, .awards = true, .covers_cost = true, .reward = TOKEN};

    (void)state;
    for (uint32_t role = 0; role < SANDBOX_ROLES; role++)
        for (uint32_t traits = 0; traits < 2; traits++) {
            struct case_market none = {.role = (uint8_t)role, .no_rights = true};
            struct sandbox_view view = {.agent = 0, .rng = rng_make(1, STREAM_DECIDE, 0, 7)};
            struct rng before = view.rng;
            struct sandbox_decision decision = {0};
            struct reason reason;
            struct buffer ask = {0};
            struct batch batch;
            struct why why = {0};

            observe(&none, traits != 0, &ask);
            assert_int_equal(batch_read(&schema_sandbox_observe, ask.data, ask.size, &batch, &why), 0);
            view.batch = &batch;
            reason_read(&batch, OBSERVE_quote, &reason);
            assert_false(trade_act(&reason, &style, &view, &decision));
            assert_memory_equal(&before, &view.rng, sizeof before);
            buffer_fini(&ask);
        }
}

static const struct test_case cases[] = {{"without a market nothing is drawn", draws_nothing}};

int
main(void)
{
    return TEST_ROWS("trade: worth", worth_rows, worth) + TEST_ROWS("trade: policies", act_rows, acts) +
        TEST_CASES("trade: off", cases);
}
