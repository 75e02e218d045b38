#include "control/sweep_plan.h"

#include "core/text.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SOCIETY "scenario: {agents: [{type: honest, count: 3}, {type: deceptive, count: 2}]}\n"

static const char *
write_sweep(const char *text)
{
    static char path[400];
    static int number;
    FILE *stream;

    snprintf(path, sizeof path, "%s/sweep%d.yaml", test_folder(), number++);
    stream = fopen(path, "w");
    assert_non_null(stream);
    assert_true(fputs(text, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
    return path;
}

static void
read_good(const char *text, const struct sweep_asked *asked, struct sweep_plan *out)
{
    struct why why = {0};
    int error = sweep_plan_read(write_sweep(text), asked, out, &why);

    if (error != 0)
        fail_msg("%s", why.text);
}

/* ---- how cells come about: their labels in order, joined by | ---- */

static const struct shape {
    const char *name, *text, *labels, *params;
} shapes[] = {
    {"nothing varies", "", "all", ""},
    {"a grid: the later path varies fastest",
        "grid: {simulation.epochs: [1, 2], governance.random_audit.prob: [0, 0.5]}\n",
        "epochs=1 prob=0|epochs=1 prob=0.5|epochs=2 prob=0|epochs=2 prob=0.5",
        "simulation.epochs governance.random_audit.prob"},
    {"a zip goes in step", "zip: {simulation.epochs: [1, 2], governance.random_audit.prob: [0.1, 0.2]}\n",
        "epochs=1 prob=0.1|epochs=2 prob=0.2", "simulation.epochs governance.random_audit.prob"},
    {"a zip may have labels",
        "zip: {label: [a few, many], simulation.epochs: [1, 2], governance.random_audit.prob: [0.1, 0.2]}\n",
        "a few|many", "simulation.epochs governance.random_audit.prob"},
    {"a list has names", "list: [{label: none}, {label: tax, set: {governance.transaction_tax.rate: 0.1}}]\n",
        "none|tax", "governance.transaction_tax.rate"},
    {"kinds combine, in the order of the file",
        "list: [{label: a}, {label: b}]\nzip: {simulation.epochs: [3, 4]}\n"
        "grid: {governance.random_audit.prob: [0, 1]}\n",
        "a epochs=3 prob=0|a epochs=3 prob=1|a epochs=4 prob=0|a epochs=4 prob=1|"
        "b epochs=3 prob=0|b epochs=3 prob=1|b epochs=4 prob=0|b epochs=4 prob=1",
        "simulation.epochs governance.random_audit.prob"},
    {"a map's members are parameters of their own",
        "grid: {governance: [{}, {random_audit: {prob: 0.4}, transaction_tax: {rate: 0.2}}]}\n",
        "governance={}|governance={random_audit: {prob: 0.4}, transaction_",
        "governance governance.random_audit.prob governance.transaction_tax.rate"},
    {"other spellings are made ours", "grid: {governance.audit_probability: [0.1, 0.2]}\n",
        "audit_probability=0.1|audit_probability=0.2", "governance.random_audit.prob"},
    {"the same last word: the whole path",
        "grid: {governance.transaction_tax.rate: [0.1], governance.reputation_decay.rate: [0.9]}\n",
        "governance.transaction_tax.rate=0.1 governance.reputation_decay.rate=0.9",
        "governance.transaction_tax.rate governance.reputation_decay.rate"},
    {"items of a list", "grid: {\"agents[1].count\": [1, 2]}\n", "count=1|count=2", "agents[1].count"},
    {"a hypercube", "latin_hypercube: {samples: 2, ranges: {governance.random_audit.prob: {low: 0, high: 1}}}\n",
        "point 1|point 2", "governance.random_audit.prob"},
};

static void
shape(void **state)
{
    const struct shape *row = *state;
    struct sweep_asked asked = {0};
    struct sweep_plan plan;
    struct buffer text = {0}, labels = {0}, params = {0};

    text_addf(&text, SOCIETY "seeds: 3\n%s", row->text);
    buffer_append(&text, "", 1);
    read_good((const char *)text.data, &asked, &plan);
    for (uint32_t i = 0; i < plan.cell_count; i++)
        text_addf(&labels, "%s%s", i > 0 ? "|" : "", plan.cells[i].label);
    for (uint32_t i = 0; i < plan.param_count; i++)
        text_addf(&params, "%s%s", i > 0 ? " " : "", plan.params[i]);
    buffer_append(&labels, "", 1);
    buffer_append(&params, "", 1);
    assert_string_equal((const char *)labels.data, row->labels);
    assert_string_equal((const char *)params.data, row->params);
    assert_int_equal(plan.seed_count, 3);
    assert_int_equal(plan.seeds[2], 3);
    buffer_fini(&text);
    buffer_fini(&labels);
    buffer_fini(&params);
    sweep_plan_fini(&plan);
}

/* ---- what is refused, and where ---- */

static const struct refusal {
    const char *name, *text;
    int want;
    const char *says;
} refusals[] = {
    {"an unknown key", SOCIETY "sedes: 3\n", ERR_UNKNOWN, ".yaml:2:1: unknown key 'sedes'; did you mean 'seeds'?"},
    {"no scenario", "seeds: 3\n", ERR_MISSING, "no scenario"},
    {"a scenario that is not there", "scenario: basseline\n", ERR_MISSING, ".yaml:1:11: scenario: "},
    {"a cell that is no scenario", SOCIETY "grid:\n  governance.random_audit.prob: [0.1, 1.5]\n", ERR_INVALID,
        "cell 2 (prob=1.5): "},
    {"its place", SOCIETY "grid:\n  governance.random_audit.prob: [0.1, 1.5]\n", ERR_INVALID, ".yaml:3:39: governance"},
    {"an unknown parameter", SOCIETY "list: [{label: a, set: {governance.random_audit.prop: 1}}]\n", ERR_UNKNOWN,
        "did you mean 'prob'"},
    {"an unknown key of an item", SOCIETY "list: [{label: a, sets: {}}]\n", ERR_UNKNOWN, "did you mean 'set'?"},
    {"an item without a label", SOCIETY "list: [{set: {}}]\n", ERR_INVALID, "a map with a label"},
    {"two items of one name", SOCIETY "list: [{label: a}, {label: a}]\n", ERR_INVALID, "two cells are called 'a'"},
    {"a zip of two lengths", SOCIETY "zip: {simulation.epochs: [1, 2], simulation.steps_per_epoch: [1]}\n", ERR_INVALID,
        "has 1 value, and simulation.epochs has 2"},
    {"a label of a zip that is none", SOCIETY "zip: {label: [a, \"\"], simulation.epochs: [1, 2]}\n", ERR_INVALID,
        "must be a word or some"},
    {"labels of a zip that are too few", SOCIETY "zip: {simulation.epochs: [1, 2], label: [a]}\n", ERR_INVALID,
        "label: has 1 value, and simulation.epochs has 2"},
    {"a grid without a list", SOCIETY "grid: {simulation.epochs: 3}\n", ERR_INVALID, "must be a list of values"},
    {"an item that is not there", SOCIETY "grid: {\"agents[7].count\": [1]}\n", ERR_UNKNOWN, "there is no item 7"},
    {"seeds are not for a grid", SOCIETY "grid: {simulation.seed: [1, 2]}\n", ERR_INVALID, "those of `seeds`"},
    {"nor for set", SOCIETY "set: {simulation.seed: 1}\n", ERR_INVALID, "those of `seeds`"},
    {"a seed twice", SOCIETY "seeds: [1, 2, 1]\n", ERR_INVALID, ".yaml:2:15: seeds[2]: the seed 1 is there twice"},
    {"no seeds", SOCIETY "seeds: 0\n", ERR_INVALID, ".yaml:2:8: seeds: "},
    {"a baseline that is no cell", SOCIETY "list: [{label: none}, {label: tax}]\nbaseline: non\n", ERR_UNKNOWN,
        ".yaml:3:11: baseline: no cell is called 'non'; the nearest is 'none'"},
    {"a figure that nobody has", SOCIETY "metrics: [toxicity_rate, toxity_rate]\n", ERR_UNKNOWN,
        "did you mean 'toxicity_rate'?"},
    {"a rule on a figure that nobody has", SOCIETY "stop_when: {metric: toxity_rate, half_width: 0.1}\n", ERR_UNKNOWN,
        "did you mean 'toxicity_rate'?"},
    {"a rule with a slip", SOCIETY "stop_when: {metric: toxicity_rate, halfwidth: 0.1}\n", ERR_UNKNOWN,
        "did you mean 'half_width'?"},
    {"a rule without a width", SOCIETY "stop_when: {metric: toxicity_rate}\n", ERR_INVALID, "needs a metric and"},
    {"a range upside down", SOCIETY "latin_hypercube: {ranges: {simulation.epochs: {low: 3, high: 1}}}\n", ERR_INVALID,
        "low is greater than high"},
    {"a logarithm of zero",
        SOCIETY "latin_hypercube: {ranges: {simulation.epochs: {low: 0, high: 1, scale: log}}}\n", ERR_INVALID,
        "must be over 0"},
    {"half a range", SOCIETY "latin_hypercube: {ranges: {simulation.epochs: {low: 0}}}\n", ERR_INVALID, "both low and"},
    {"no ranges", SOCIETY "latin_hypercube: {samples: 3}\n", ERR_INVALID, "needs ranges"},
    {"too many cells",
        SOCIETY "latin_hypercube: {samples: 90000, ranges: {simulation.epochs: {low: 1, high: 2}}}\n"
                "grid: {simulation.steps_per_epoch: [1, 2]}\n",
        ERR_LIMIT, "more than 100000 cells"},
};

static void
refusal(void **state)
{
    const struct refusal *row = *state;
    struct sweep_asked asked = {0};
    struct sweep_plan plan;
    struct why why = {0};
    int error = sweep_plan_read(write_sweep(row->text), &asked, &plan, &why);

    sweep_plan_fini(&plan);
    if (error != row->want || strstr(why.text, row->says) == NULL)
        fail_msg("got %d (%s), wanted %d (%s)", error, why.text, row->want, row->says);
}

/* ---- values ---- */

/* Every cell shows every parameter as it was resolved; NULL where there is no such lever. */
static void
values(void **state)
{
    struct sweep_asked asked = {0};
    struct sweep_plan plan;
    struct scenario scenario;
    struct why why = {0};

    (void)state;
    read_good(SOCIETY "set: {simulation.epochs: 4, simulation.steps_per_epoch: 5}\n"
                      "list:\n"
                      "  - label: none\n"
                      "  - {label: all, set: {governance: {random_audit: {prob: 0.3}, staking: {}}}}\n"
                      "  - {label: more, set: {\"agents[0].count\": 8, governance.staking.min_stake: 7}}\n"
                      "baseline: all\nseeds: {count: 4, first: 11}\n",
        &asked, &plan);
    assert_int_equal(plan.cell_count, 3);
    assert_int_equal(plan.baseline, 1);
    assert_int_equal(plan.seeds[0], 11);
    assert_int_equal(plan.seeds[3], 14);
    assert_int_equal(plan.param_count, 6);
    assert_string_equal(plan.params[0], "simulation.epochs");
    assert_string_equal(plan.cells[0].values[0], "4");
    assert_string_equal(plan.params[2], "governance.random_audit.prob");
    assert_null(plan.cells[0].values[2]);
    assert_string_equal(plan.cells[1].values[2], "0.3");
    assert_string_equal(plan.params[3], "governance.staking");
    assert_string_equal(plan.cells[1].values[3], "{min_stake: 10, slash_rate: 0.1}");
    assert_string_equal(plan.params[4], "agents[0].count");
    assert_string_equal(plan.cells[0].values[4], "3"); /* not set there, but known all the same */
    assert_string_equal(plan.cells[2].values[4], "8");
    assert_string_equal(plan.params[5], "governance.staking.min_stake");
    assert_string_equal(plan.cells[1].values[5], "10");
    assert_int_equal(plan.cells[0].work, 5 * 20);
    assert_int_equal(plan.cells[2].work, 10 * 20);
    assert_int_equal(sweep_plan_scenario(&plan, 2, 13, &scenario, &why), 0);
    assert_int_equal(scenario.plan.simulation.seed, 13);
    assert_int_equal(scenario.plan.steps, 20);
    scenario_fini(&scenario);
    sweep_plan_fini(&plan);
}

/* What the command line says is for every cell, and is written down with the sweep: read back, it is the same. */
static void
written(void **state)
{
    static const char *const overrides[] = {"governance.transaction_tax.rate=0.25", "simulation.epochs=2"};
    struct sweep_asked asked = {.overrides = overrides, .override_count = 2, .seed_count = 2};
    struct sweep_asked nothing = {0};
    struct sweep_plan plan, again;
    struct buffer first = {0}, second = {0};

    (void)state;
    read_good("name: \"12\"\n" SOCIETY "set: {simulation.epochs: 9}\n"
              "latin_hypercube: {samples: 3, ranges: {governance.random_audit.prob: {low: 0, high: 1}}}\n"
              "seeds: 5\nmetrics: [volume]\nstop_when: {metric: volume, half_width: 2}\n",
        &asked, &plan);
    assert_int_equal(plan.seed_count, 2);
    assert_string_equal(plan.cells[1].values[0], "2");
    sweep_plan_write(&plan, &first);
    buffer_append(&first, "", 1);
    read_good((const char *)first.data, &nothing, &again);
    sweep_plan_write(&again, &second);
    buffer_append(&second, "", 1);
    assert_string_equal((const char *)first.data, (const char *)second.data);
    assert_int_equal(again.cell_count, 3);
    assert_int_equal(again.seed_count, 2);
    assert_string_equal(again.name, "12");
    for (uint32_t c = 0; c < 3; c++)
        for (uint32_t p = 0; p < plan.param_count; p++)
            assert_string_equal(plan.cells[c].values[p], again.cells[c].values[p]);
    buffer_fini(&first);
    buffer_fini(&second);
    sweep_plan_fini(&plan);
    sweep_plan_fini(&again);
}

static void
override_of_a_factor(void **state)
{
    static const char *const overrides[] = {"simulation.epochs=2"};
    struct sweep_asked asked = {.overrides = overrides, .override_count = 1};
    struct sweep_plan plan;
    struct why why = {0};

    (void)state;
    assert_int_equal(sweep_plan_read(write_sweep(SOCIETY "grid: {simulation.epochs: [1, 2]}\n"), &asked, &plan, &why),
        ERR_INVALID);
    assert_non_null(strstr(why.text, "the sweep varies this one itself"));
    sweep_plan_fini(&plan);
}

/* ---- the Latin hypercube ---- */

/* Each of the equal parts of [0, 1) holds exactly one point; dimensions and seeds differ. */
static void
stratified(void **state)
{
    double points[257], others[257];
    bool seen[257];

    (void)state;
    for (uint32_t samples = 1; samples <= 257; samples += 16)
        for (uint64_t seed = 0; seed < 8; seed++)
            for (uint32_t dimension = 0; dimension < 4; dimension++) {
                memset(seen, 0, sizeof seen);
                sweep_factor_draw(seed, dimension, samples, points);
                for (uint32_t i = 0; i < samples; i++) {
                    uint32_t part = (uint32_t)floor(points[i] * samples);

                    assert_true(points[i] >= 0 && points[i] < 1 && part < samples);
                    assert_false(seen[part]);
                    seen[part] = true;
                }
            }
    sweep_factor_draw(1, 0, 257, points);
    sweep_factor_draw(1, 0, 257, others);
    assert_memory_equal(points, others, sizeof points);
    sweep_factor_draw(1, 1, 257, others);
    assert_memory_not_equal(points, others, sizeof points);
    sweep_factor_draw(2, 0, 257, others);
    assert_memory_not_equal(points, others, sizeof points);
}

/* Four whole numbers and eight points: each number twice. Of a range of four powers of ten on a scale of logarithms and
 * eight points: two to each power. */
static void
ranges(void **state)
{
    struct sweep_asked asked = {0};
    struct sweep_plan plan;
    uint32_t numbers[4] = {0}, powers[4] = {0};

    (void)state;
    read_good(SOCIETY "latin_hypercube:\n  samples: 8\n  ranges:\n"
                      "    simulation.epochs: {low: 3, high: 6, integer: true}\n"
                      "    governance.staking.min_stake: {low: 0.01, high: 100, scale: log}\n",
        &asked, &plan);
    assert_int_equal(plan.cell_count, 8);
    for (uint32_t c = 0; c < 8; c++) {
        int64_t number;
        double stake;

        assert_int_equal(text_parse_integer(plan.cells[c].values[0], &number, NULL), 0);
        assert_true(number >= 3 && number <= 6);
        numbers[number - 3]++;
        assert_int_equal(text_parse_real(plan.cells[c].values[1], &stake, NULL), 0);
        powers[(int)floor(log10(stake)) + 2]++;
    }
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(numbers[i], 2);
        assert_int_equal(powers[i], 2);
    }
    sweep_plan_fini(&plan);
}

/* A scenario's own wish is the sweep's, when it has none; a figure may be that of some cells only. */
static void
figures_of_some(void **state)
{
    struct sweep_asked asked = {0};
    struct sweep_plan plan, again;
    struct buffer text = {0};

    (void)state;
    read_good("scenario: {agents: [{type: honest, count: 3}], metrics_to_track: [volume, effort_honest]}\n"
              "grid: {\"agents[0].type\": [deceptive, honest]}\n",
        &asked, &plan);
    assert_int_equal(plan.metric_count, 2);
    assert_string_equal(plan.metrics[1], "effort_honest");
    sweep_plan_write(&plan, &text);
    buffer_append(&text, "", 1);
    read_good((const char *)text.data, &asked, &again);
    assert_int_equal(again.metric_count, 2);
    buffer_fini(&text);
    sweep_plan_fini(&plan);
    sweep_plan_fini(&again);
}

static const struct test_case cases[] = {
    {"figures that some cells have", figures_of_some},
    {"parameters of every cell", values},
    {"written down and read back", written},
    {"an override of what varies", override_of_a_factor},
    {"a point in every part", stratified},
    {"whole numbers and logarithms", ranges},
};

int
main(void)
{
    return TEST_ROWS("sweep_plan cells", shapes, shape) + TEST_ROWS("sweep_plan refuses", refusals, refusal) +
           TEST_CASES("sweep_plan", cases);
}
