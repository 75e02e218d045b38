#include "control/sweep_results.h"

#include "control/sweep_stop.h"
#include "core/text.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SWEEP                                                                                                        \
    "scenario: {agents: [{type: honest, count: 3}]}\n"                                                               \
    "list: [{label: none}, {label: \"tax, low\", set: {governance.transaction_tax.rate: 0.1}}]\n"

static void
read_plan(const char *text, struct sweep_plan *out)
{
    struct sweep_asked asked = {0};
    struct why why = {0};
    char path[400];
    FILE *stream;

    snprintf(path, sizeof path, "%s/results.yaml", test_folder());
    stream = fopen(path, "w");
    assert_non_null(stream);
    assert_true(fputs(text, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
    if (sweep_plan_read(path, &asked, out, &why) != 0)
        fail_msg("%s", why.text);
}

static void
take(struct sweep_results *results, const char *line)
{
    struct why why = {0};

    if (sweep_results_take(results, line, strlen(line), NULL, NULL, &why) != 0)
        fail_msg("%s", why.text);
}

/* One run with one figure; NaN: undefined. */
static void
take_value(
    const struct sweep_plan *plan, struct sweep_results *results, uint32_t cell, uint32_t replicate, double value)
{
    struct buffer figures = {0}, line = {0};
    char number[TEXT_NUMBER_SIZE];

    text_format_real(value, number);
    text_addf(&figures, "{\"toxicity_rate\": %s}", isnan(value) ? "null" : number);
    sweep_results_format_done(plan, cell, replicate, &figures, &line);
    buffer_append(&line, "", 1);
    take(results, (const char *)line.data);
    buffer_fini(&figures);
    buffer_fini(&line);
}

/* Baseline 1 2 3 4 (5); the other 2 4 - 8, the last one failed. Pairs with seeds 1, 2 and 4: differences 1 2 4, mean
 * 7/3, sum of squares 42/9, sd sqrt(42/18), t(2) = 4.3026527, half width 4.3026527 * 1.5275252 / sqrt(3) = 3.794583. */
static void
pairs_by_seed(void **state)
{
    struct sweep_plan plan;
    struct sweep_results *results;
    struct sweep_estimate estimate;
    struct buffer failed = {0};
    uint32_t rows[2] = {5, 5};

    (void)state;
    read_plan(SWEEP "seeds: 5\n", &plan);
    results = sweep_results_new(&plan);
    for (uint32_t i = 5; i > 0; i--)
        take_value(&plan, results, 0, i - 1, i);
    take_value(&plan, results, 1, 3, 8);
    take_value(&plan, results, 1, 0, 2);
    take_value(&plan, results, 1, 2, (double)NAN);
    take_value(&plan, results, 1, 1, 4);
    sweep_results_format_failed(&plan, 1, 4, "said \"no\"", &failed);
    buffer_append(&failed, "", 1);
    take(results, (const char *)failed.data);
    assert_string_equal(sweep_results_reason(results, 1, 4), "said \"no\"");
    sweep_results_estimate(results, rows, 1, "toxicity_rate", &estimate);
    assert_int_equal(estimate.count, 3);
    assert_int_equal(estimate.pairs, 3);
    assert_close(estimate.mean, 14.0 / 3.0, 1e-14);
    assert_close(estimate.difference, 7.0 / 3.0, 1e-14);
    assert_close(estimate.difference_high, 7.0 / 3.0 + 3.7945830, 1e-7);
    assert_close(estimate.difference_low, 7.0 / 3.0 - 3.7945830, 1e-6);
    /* t = (7/3) / (sd / sqrt(3)) = sqrt(7); with two degrees p = 1 - t / sqrt(2 + t^2) = 1 - sqrt(7)/3 */
    assert_close(estimate.p, 1.0 - 2.6457513110645906 / 3.0, 1e-12);
    sweep_results_estimate(results, rows, 0, "toxicity_rate", &estimate);
    assert_int_equal(estimate.count, 5);
    assert_int_equal(estimate.pairs, 0);
    assert_true(isnan(estimate.difference));
    assert_close(estimate.mean, 3.0, 1e-15);
    rows[1] = 2; /* only the first two count: differences 1 and 2 */
    sweep_results_estimate(results, rows, 1, "toxicity_rate", &estimate);
    assert_int_equal(estimate.pairs, 2);
    assert_close(estimate.difference, 1.5, 1e-15);
    sweep_results_estimate(results, rows, 1, "volume", &estimate);
    assert_int_equal(estimate.count, 0);
    assert_true(isnan(estimate.mean));
    assert_int_equal(sweep_results_forget_failed(results), 9);
    assert_int_equal(sweep_results_status(results, 1, 4), SWEEP_MISSING);
    sweep_results_destroy(&results);
    buffer_fini(&failed);
    sweep_plan_fini(&plan);
}

static const char *const lines[] = {
    "{\"cell\": 1, \"replicate\": 1, \"seed\": 7, \"status\": \"done\", \"figures\": {\"a\": 1, \"b\": null}}",
    "{\"cell\": 1, \"replicate\": 2, \"seed\": 9, \"status\": \"done\", \"figures\": {\"c\": -0.125, \"a\": 3e+20}}",
    "{\"cell\": 2, \"replicate\": 1, \"seed\": 7, \"status\": \"failed\", \"reason\": \"gone\"}",
    "{\"cell\": 2, \"replicate\": 2, \"seed\": 9, \"status\": \"done\", \"figures\": {\"a\": 2, \"b\": 0.1}}",
};

/* The same bytes in whatever order the runs came in, and a run that came in twice counts as it was last. */
static void
table(void **state)
{
    static const char want[] = "cell,label,governance.transaction_tax.rate,seed,status,a,b,c\n"
                               "1,none,NA,7,done,1,NA,NA\n"
                               "1,none,NA,9,done,3e+20,NA,-0.125\n"
                               "2,\"tax, low\",0.1,7,failed,NA,NA,NA\n"
                               "2,\"tax, low\",0.1,9,done,2,0.1,NA\n";
    static const uint32_t orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}};
    uint32_t rows[2] = {2, 2};
    struct sweep_plan plan;

    (void)state;
    read_plan(SWEEP "seeds: [7, 9]\n", &plan);
    for (size_t o = 0; o < sizeof orders / sizeof orders[0]; o++) {
        struct sweep_results *results = sweep_results_new(&plan);
        struct buffer text = {0};

        take(results, "{\"cell\": 2, \"replicate\": 2, \"seed\": 9, \"status\": \"failed\", \"reason\": \"\"}");
        for (size_t i = 0; i < 4; i++)
            take(results, lines[orders[o][i]]);
        sweep_results_write_rows(results, rows, &text);
        buffer_append(&text, "", 1);
        assert_string_equal((const char *)text.data, want);
        buffer_fini(&text);
        sweep_results_destroy(&results);
    }
    sweep_plan_fini(&plan);
}

static const struct bad {
    const char *name, *line;
    int want;
} bads[] = {
    {"cut", "{\"cell\": 1, \"repl", ERR_FORMAT},
    {"no such cell", "{\"cell\": 3, \"replicate\": 1, \"seed\": 7, \"status\": \"failed\"}", ERR_INVALID},
    {"cells count from 1", "{\"cell\": 0, \"replicate\": 1, \"seed\": 7, \"status\": \"failed\"}", ERR_INVALID},
    {"no such replicate", "{\"cell\": 1, \"replicate\": 3, \"seed\": 7, \"status\": \"failed\"}", ERR_INVALID},
    {"another seed", "{\"cell\": 1, \"replicate\": 1, \"seed\": 8, \"status\": \"failed\"}", ERR_INVALID},
    {"no status", "{\"cell\": 1, \"replicate\": 1, \"seed\": 7}", ERR_FORMAT},
    {"done without figures", "{\"cell\": 1, \"replicate\": 1, \"seed\": 7, \"status\": \"done\"}", ERR_FORMAT},
    {"a list", "[1, 2]", ERR_INVALID},
};

static void
bad(void **state)
{
    const struct bad *row = *state;
    struct sweep_plan plan;
    struct sweep_results *results;
    struct why why = {0};

    read_plan(SWEEP "seeds: [7, 9]\n", &plan);
    results = sweep_results_new(&plan);
    assert_int_equal(sweep_results_take(results, row->line, strlen(row->line), NULL, NULL, &why), row->want);
    assert_int_equal(sweep_results_status(results, 0, 0), SWEEP_MISSING);
    sweep_results_destroy(&results);
    sweep_plan_fini(&plan);
}

/* ---- the stopping rule ---- */

/* Plays a sweep with `jobs` runs at a time, which end in an order drawn by `order`; value_of says what they come to. */
static void
play(const struct sweep_plan *plan, uint32_t jobs, uint32_t order,
    double (*value_of)(uint32_t cell, uint32_t replicate), uint32_t needs[])
{
    struct sweep_results *results = sweep_results_new(plan);
    struct sweep_stopper *stopper = sweep_stop_new(plan, results);
    struct {
        uint32_t cell, replicate;
    } running[8];
    uint32_t count = 0;

    sweep_stop_look(stopper);
    while (!sweep_stop_ended(stopper)) {
        uint32_t ends;

        while (count < jobs && sweep_stop_next(stopper, &running[count].cell, &running[count].replicate))
            count++;
        assert_true(count > 0);
        order = order * 1664525u + 1013904223u;
        ends = (order >> 16) % count;
        take_value(plan, results, running[ends].cell, running[ends].replicate,
            value_of(running[ends].cell, running[ends].replicate));
        running[ends] = running[--count];
        sweep_stop_look(stopper);
    }
    for (uint32_t c = 0; c < plan->cell_count; c++)
        needs[c] = sweep_stop_needs(stopper)[c];
    sweep_stop_destroy(&stopper);
    sweep_results_destroy(&results);
}

/* The second cell differs from the baseline by exactly one: its interval has no width at the first look. The third one
 * swings by +-1 around it: half width t sd / sqrt(n) with sd about 1, below 0.5 between 15 and 20 pairs. */
static double
swinging(uint32_t cell, uint32_t replicate)
{
    double base = replicate % 4 == 0 ? 1.5 : 0.25;

    return cell == 0 ? base : cell == 1 ? base + 1 : base + (replicate % 2 == 0 ? 1 : -1);
}

static double
wild(uint32_t cell, uint32_t replicate)
{
    return cell == 0 ? 0 : replicate % 2 == 0 ? 50.0 * cell : -50.0;
}

static const struct rule {
    const char *name, *text;
    double (*value_of)(uint32_t cell, uint32_t replicate);
    uint32_t needs[3];
} rules[] = {
    {"none: all seeds", "", swinging, {40, 40, 40}},
    /* n = 20: sd of ten +1 and ten -1 is sqrt(20/19) = 1.0260, t(19) = 2.0930, half width 0.480; n = 15: sd 1.0328
     * (eight +1, seven -1), t(14) = 2.1448, half width 0.572. The baseline goes along. */
    {"each cell by its own pairs", "stop_when: {metric: toxicity_rate, half_width: 0.5, min_seeds: 5, batch: 5}\n",
        swinging, {20, 5, 20}},
    {"never narrow enough", "stop_when: {metric: toxicity_rate, half_width: 0.5, min_seeds: 5, batch: 7}\n", wild,
        {40, 40, 40}},
    {"more at least than there are", "stop_when: {metric: toxicity_rate, half_width: 9, min_seeds: 50}\n", swinging,
        {40, 40, 40}},
};

static void
rule(void **state)
{
    const struct rule *row = *state;
    struct buffer text = {0};
    struct sweep_plan plan;

    text_addf(&text, "scenario: {agents: [{type: honest, count: 3}]}\nlist: [{label: a}, {label: b}, {label: c}]\n"
                     "seeds: 40\n%s",
        row->text);
    buffer_append(&text, "", 1);
    read_plan((const char *)text.data, &plan);
    for (uint32_t jobs = 1; jobs <= 8; jobs++)
        for (uint32_t order = 0; order < 12; order++) {
            uint32_t needs[3];

            play(&plan, jobs, order, row->value_of, needs);
            for (uint32_t c = 0; c < 3; c++)
                if (needs[c] != row->needs[c])
                    fail_msg("%u jobs, order %u: cell %u needs %u, not %u", (unsigned)jobs, (unsigned)order,
                        (unsigned)c, (unsigned)needs[c], (unsigned)row->needs[c]);
        }
    buffer_fini(&text);
    sweep_plan_fini(&plan);
}

static const struct test_case cases[] = {
    {"pairs of equal seeds, NA left out", pairs_by_seed},
    {"the table does not depend on the order", table},
};

int
main(void)
{
    return TEST_CASES("sweep_results", cases) + TEST_ROWS("sweep_results refuses a line", bads, bad) +
           TEST_ROWS("sweep_stop", rules, rule);
}
