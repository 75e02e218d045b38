#include "core/collusion.h"

#include "tests/support/test.h"

#include <string.h>

#define NEAR 1e-12
#define ITEMS_MAX 512

/* ---- one pair ---- */

static const struct score_row {
    const char *name;
    struct collusion_evidence evidence;
    double want;
} scores[] = {
    {"nothing but full acceptance", {10, 1, 0, 0.5, 0.5, 0}, 0.2},
    {"half as much seen, half as sure", {5, 1, 0, 0.5, 0.5, 0}, 0.1},
    {"more than enough seen", {40, 1, 0, 0.5, 0.5, 0}, 0.2},
    {"as frequent as counts in full", {10, 1, 0, 0.5, 0.5, 2}, 0.45},
    {"half as frequent", {10, 1, 0, 0.5, 0.5, 1}, 0.325},
    {"rarer than expected is no credit", {10, 1, 0, 0.5, 0.5, -3}, 0.2},
    {"gains in step", {10, 1, 1, 0.5, 0.5, 0}, 0.5},
    {"gains against each other", {10, 1, -1, 0.5, 0.5, 0}, 0.2},
    {"bad work accepted", {10, 1, 0, 0.3, 0.1, 0}, 0.35},
    {"bad work refused half the time", {10, 0.5, 0, 0, 0, 0}, 0.0},
    {"bad work mostly accepted", {10, 0.75, 0, 0, 0, 0}, 0.35},
    {"everything", {10, 1, 1, 0, 0, 2}, 1.0},
    {"nothing", {0, 0, 0, 0.5, 0.5, 0}, 0.0},
};

static void
score(void **state)
{
    const struct score_row *row = *state;

    assert_close(collusion_pair_score(&row->evidence, 2.0), row->want, NEAR);
}

static const struct expected_row {
    const char *name;
    double a, b, total, squares, want;
} expecteds[] = {
    {"two agents have nobody else", 10, 10, 10, 200, 10},
    {"three alike share equally", 4, 4, 6, 48, 2},
    {"a busy pair is expected to meet", 40, 40, 65, 4450, 65.0 * 1600.0 / 6225.0},
    {"an idle agent meets nobody", 0, 10, 10, 200, 0},
    {"no interactions", 0, 0, 0, 0, 0},
};

static void
expected(void **state)
{
    const struct expected_row *row = *state;

    assert_close(collusion_expected(row->a, row->b, row->total, row->squares), row->want, NEAR);
}

static void
excess(void **state)
{
    (void)state;
    assert_close(collusion_excess(8, 4), 2.0, NEAR);
    assert_close(collusion_excess(0, 4), -2.0, NEAR);
    assert_close(collusion_excess(3, 0), 0.0, NEAR);
}

/* Gains (1, 2) and (3, 6): squares 2 and 8, product 4, correlation 4 / sqrt(16). */
static void
tally(void **state)
{
    struct collusion_tally tally = {0};
    struct collusion_evidence got;

    (void)state;
    got = collusion_tally_read(&tally, 0.0);
    assert_close(got.p_a, 0.5, NEAR);
    collusion_tally_add(&tally, true, true, 0.2, 1.0, 2.0);
    collusion_tally_add(&tally, false, false, 0.6, 3.0, 6.0);
    got = collusion_tally_read(&tally, 1.5);
    assert_close(got.n, 2.0, NEAR);
    assert_close(got.accepted, 0.5, NEAR);
    assert_close(got.correlation, 1.0, NEAR);
    assert_close(got.p_a, 0.2, NEAR);
    assert_close(got.p_b, 0.6, NEAR);
    assert_close(got.z, 1.5, NEAR);
    collusion_tally_decay(&tally, 0.5);
    got = collusion_tally_read(&tally, 0.0);
    assert_close(got.n, 1.0, NEAR);
    assert_close(got.correlation, 1.0, NEAR);
    assert_close(got.p_b, 0.6, NEAR);
    collusion_tally_add(&tally, true, true, 0.5, 5.0, 0.0); /* mean 2 of weight 1, and 5 */
    assert_close(tally.mean_a, 3.5, NEAR);
    collusion_tally_decay(&tally, 0.0);
    assert_close(tally.n + tally.mean_a + tally.squares_a, 0.0, NEAR);
}

/* ---- a history ---- */

struct history {
    struct detect_interaction items[ITEMS_MAX];
    size_t count;
};

/* `times` accepted interactions, initiated in turn, that cost both sides the same tax: it varies with the label. */
static void
trade(struct history *history, uint32_t a, uint32_t b, uint32_t times, double p, double time)
{
    for (uint32_t i = 0; i < times; i++) {
        double label = p + 0.01 * (double)(i % 5), tax = 0.05 * (2.0 * label + 1.0);

        assert_true(history->count < ITEMS_MAX);
        history->items[history->count++] = (struct detect_interaction){
            .initiator = i % 2 == 0 ? a : b, .counterparty = i % 2 == 0 ? b : a, .accepted = 1, .p = label,
            .tau = i % 3 == 0 ? 0.0 : 0.1, .cost_a = tax, .cost_b = tax, .time = time};
    }
}

/* Four honest agents of activity 1, 1, 2, 2; all accept all; each pair meets 5 x the product of its activities. */
static void
trade_honestly(struct history *history, double time)
{
    const uint32_t activity[] = {1, 1, 2, 2};

    for (uint32_t a = 0; a < 4; a++)
        for (uint32_t b = a + 1; b < 4; b++)
            trade(history, a, b, 5 * activity[a] * activity[b], 0.75, time);
}

/* Agents 4 and 5 pass bad work to and fro, and now and then trade with the others as those do. */
static void
trade_in_ring(struct history *history, double time)
{
    trade(history, 4, 5, 30, 0.08, time);
    for (uint32_t a = 0; a < 4; a++) {
        trade(history, a, 4, 2, 0.75, time);
        trade(history, a, 5, 2, 0.75, time);
    }
}

static struct collusion_params
params_of(enum collusion_null null)
{
    return (struct collusion_params){
        .null = null, .frequency_threshold = 2.0, .interactions_min = 3.0, .score_threshold = 0.5};
}

static const struct collusion_pair *
pair_find(const struct collusion_report *report, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < report->pair_count; i++)
        if (report->pairs[i].a == a && report->pairs[i].b == b)
            return &report->pairs[i];
    return NULL;
}

/* The named mistake: the tax moves both sides' gains in step, and the busiest pair stands out among the counts.
 * Transfers are left out here: they alone would hide it. */
static void
counts_flag_the_honest(void **state)
{
    const struct collusion_params params = params_of(COLLUSION_NULL_COUNTS);
    static struct history history;
    struct collusion_report report = {0};
    const struct collusion_pair *pair;

    (void)state;
    history.count = 0;
    trade_honestly(&history, 0.0);
    for (size_t i = 0; i < history.count; i++)
        history.items[i].tau = 0.0;
    collusion_analyze(&params, history.items, history.count, 4, &report);
    for (uint32_t i = 0; i < report.pair_count; i++)
        assert_close(report.pairs[i].evidence.correlation, 1.0, 1e-9);
    pair = pair_find(&report, 2, 3);
    assert_true(pair->flagged);
    assert_close(pair->score, 0.75, 1e-9); /* z = (20 - 65/6) / sqrt(725/36) = 2.04 */
    collusion_report_fini(&report);
}

static void
exposure_spares_the_honest(void **state)
{
    const struct collusion_params params = params_of(COLLUSION_NULL_EXPOSURE);
    static struct history history;
    struct collusion_report report = {0};
    const struct collusion_pair *pair;
    double z = (20.0 - 65.0 * 1600.0 / 6225.0) / 4.0873992;

    (void)state;
    for (uint32_t transfers = 0; transfers < 2; transfers++) {
        history.count = 0;
        trade_honestly(&history, 0.0);
        for (size_t i = 0; i < history.count; i++)
            history.items[i].tau *= transfers;
        collusion_analyze(&params, history.items, history.count, 4, &report);
        assert_int_equal(report.pair_count, 6);
        assert_int_equal(report.flagged_count, 0);
        pair = pair_find(&report, 2, 3);
        assert_close(pair->evidence.z, z, 1e-6);
        assert_close(pair->score, 0.25 * z / 2.0 + 0.2, 1e-6);
        for (uint32_t i = 0; i < report.pair_count; i++)
            assert_true(report.pairs[i].evidence.correlation <= 0.0); /* what one gives the other takes */
    }
    collusion_report_fini(&report);
}

/* Degrees 29, 29, 44, 44, 38, 38 in 111 interactions: 111 x 38^2 / 20421 = 7.85 meetings of the ring expected. Its
 * labels are .08 to .12: .25 + .20 + .25 x .8. */
static void
exposure_flags_the_ring(void **state)
{
    const struct collusion_params params = params_of(COLLUSION_NULL_EXPOSURE);
    static struct history history;
    struct collusion_report report = {0};
    const struct collusion_pair *ring;

    (void)state;
    history.count = 0;
    trade_honestly(&history, 0.0);
    trade_in_ring(&history, 0.0);
    collusion_analyze(&params, history.items, history.count, 6, &report);
    ring = pair_find(&report, 4, 5);
    assert_int_equal(report.flagged_count, 1);
    assert_true(ring->flagged);
    assert_close(ring->evidence.z, (30.0 - 111.0 * 1444.0 / 20421.0) / 2.80161, 1e-4);
    assert_close(ring->score, 0.65, 1e-9);
    assert_close(report.risk[4], 0.65, 1e-9);
    assert_true(report.risk[2] < 0.5);
    collusion_report_fini(&report);
}

/* Ten half-lives later 30 meetings weigh 0.03; a fresh history beside them is judged as if they had not been. */
static void
exposure_forgets(void **state)
{
    struct collusion_params params = params_of(COLLUSION_NULL_EXPOSURE);
    static struct history history;
    struct collusion_report report = {0};

    (void)state;
    params.half_life = 10.0;
    params.now = 100.0;
    history.count = 0;
    trade_in_ring(&history, 0.0);
    trade_honestly(&history, 100.0);
    collusion_analyze(&params, history.items, history.count, 6, &report);
    assert_null(pair_find(&report, 4, 5));
    assert_close(pair_find(&report, 2, 3)->evidence.n, 20.0, NEAR);
    assert_int_equal(report.flagged_count, 0);
    params.now = 0.0; /* seen from then, nothing has aged */
    collusion_analyze(&params, history.items, history.count, 6, &report);
    assert_true(pair_find(&report, 4, 5)->flagged);
    collusion_report_fini(&report);
}

/* Five who trade only good work, 10 times each pair under a shared tax (score .5), and refuse the sixth's bad offers,
 * 10 each: of their 150 interactions 100 are inside, so the group's score is
 * (.4 x 2 (2/3 - .5) + .6 x (1 - 0)) x 1 = 11/15; the system's .3 x 10/15 + .3 x 5/6 + .4 x 11/15. */
static void
group(void **state)
{
    struct collusion_params params = params_of(COLLUSION_NULL_COUNTS);
    static struct history history;
    struct collusion_report report = {0};

    (void)state;
    params.score_threshold = 0.4;
    history.count = 0;
    for (uint32_t a = 0; a < 5; a++) {
        for (uint32_t b = a + 1; b < 5; b++)
            trade(&history, a, b, 10, 0.9, 0.0);
        trade(&history, 5, a, 10, 0.0, 0.0);
    }
    for (size_t i = 0; i < history.count; i++) {
        struct detect_interaction *item = &history.items[i];
        bool outside = item->initiator == 5 || item->counterparty == 5;

        item->tau = 0.0;
        item->accepted = !outside;
        item->p = outside ? 0.0 : 1.0;
        if (outside)
            item->cost_a = item->cost_b = 0.0;
    }
    collusion_analyze(&params, history.items, history.count, 6, &report);
    assert_int_equal(report.flagged_count, 10);
    assert_int_equal(report.group_count, 1);
    assert_int_equal(report.groups[0].size, 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(report.members[i], i);
    assert_close(report.groups[0].internal_p, 1.0, NEAR);
    assert_close(report.groups[0].external_p, 0.0, NEAR);
    assert_close(report.groups[0].internal_rate, 2.0 / 3.0, NEAR);
    assert_close(report.groups[0].score, 11.0 / 15.0, 1e-9);
    assert_close(report.risk[0], 11.0 / 15.0, 1e-9);
    assert_close(report.risk[5], 0.0, NEAR);
    assert_close(report.ecosystem, 0.45 + 0.4 * 11.0 / 15.0, 1e-9);
    collusion_report_fini(&report);
}

/* A sum of ten tenths is not one: a cost that never changes must not look as if it moved in step. */
static void
constant_gains_do_not_correlate(void **state)
{
    const struct collusion_params params = params_of(COLLUSION_NULL_COUNTS);
    static struct history history;
    struct collusion_report report = {0};

    (void)state;
    history.count = 0;
    trade(&history, 0, 1, 10, 0.5, 0.0);
    for (size_t i = 0; i < history.count; i++) {
        history.items[i].tau = 0.0;
        history.items[i].cost_a = history.items[i].cost_b = 0.1;
    }
    collusion_analyze(&params, history.items, history.count, 2, &report);
    assert_close(report.pairs[0].evidence.correlation, 0.0, NEAR);
    assert_close(report.pairs[0].evidence.z, 0.0, NEAR); /* the only pair has nothing to stand out from */
    collusion_report_fini(&report);
}

static void
nothing_to_see(void **state)
{
    const struct collusion_params params = params_of(COLLUSION_NULL_EXPOSURE);
    struct collusion_report report = {0};

    (void)state;
    collusion_analyze(&params, NULL, 0, 3, &report);
    assert_int_equal(report.pair_count + report.group_count, 0);
    assert_close(report.risk[2] + report.ecosystem + report.score_mean, 0.0, NEAR);
    collusion_report_fini(&report);
    assert_null(report.risk);
}

/* ---- other signs ---- */

static void
votes(void **state)
{
    const struct collusion_vote cast[] = {
        {1, 0, 1}, {1, 1, 1}, {1, 2, -1}, {1, 3, -1}, /* the second */
        {0, 3, 1}, {0, 0, 1}, {0, 1, 1}, {0, 2, -1}, {0, 3, -1}, /* agrees on all: the last one counts */
        {2, 0, 1}, {2, 1, -1}, {2, 2, -1},            /* on two of three */
        {3, 0, 1}, {3, 1, 1},                         /* too little in common */
    };
    struct collusion_alignment out[4];

    (void)state;
    assert_int_equal(collusion_votes(cast, sizeof cast / sizeof cast[0], 0.8, out, 4), 1);
    assert_true(out[0].a == 0 && out[0].b == 1);
    assert_close(out[0].agreement, 1.0, NEAR);
    assert_int_equal(collusion_votes(cast, sizeof cast / sizeof cast[0], 0.5, out, 2), 3);
    assert_true(out[1].a == 0 && out[1].b == 2);
    assert_close(out[1].agreement, 2.0 / 3.0, NEAR);
    assert_int_equal(collusion_votes(NULL, 0, 0.5, out, 2), 0);
}

static const struct cluster_row {
    const char *name;
    double times[4];
    size_t count;
    double want;
} clusters[] = {
    {"two are no crowd", {0, 1}, 2, 0},
    {"all at once", {5, 5, 5, 5}, 4, 1},
    {"two of three close together", {0, 30, 300}, 3, 1.0 / 3.0},
    {"far apart", {0, 100, 200, 300}, 4, 0},
    {"the border counts as near", {0, 60, 300}, 3, 1.0 / 3.0},
};

static void
cluster(void **state)
{
    const struct cluster_row *row = *state;

    assert_close(collusion_clustering(row->times, row->count, 60.0), row->want, NEAR);
}

static const struct test_case cases[] = {
    {"an excess is in standard deviations", excess},
    {"a tally needs no history", tally},
    {"raw counts and shared costs flag honest partners", counts_flag_the_honest},
    {"exposure spares honest partners under the same tax", exposure_spares_the_honest},
    {"exposure flags a planted ring and nobody else", exposure_flags_the_ring},
    {"exposure forgets", exposure_forgets},
    {"a group that keeps good work to itself", group},
    {"constant gains do not correlate", constant_gains_do_not_correlate},
    {"nothing to see", nothing_to_see},
    {"aligned votes", votes},
};

int
main(void)
{
    return TEST_ROWS("collusion_pair_score", scores, score) + TEST_ROWS("collusion_expected", expecteds, expected) +
           TEST_CASES("collusion", cases) + TEST_ROWS("collusion_clustering", clusters, cluster);
}
