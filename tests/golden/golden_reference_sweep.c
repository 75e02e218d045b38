/* tests/golden/golden_reference_sweep.c - runs that the original made with its own generator, 10 seeds a cell. Ours
 * draw other numbers, so means are compared. A figure may be off by LIMIT standard errors of the difference, the spread
 * being that of our own, larger sample. There are some 1,200 comparisons; a normal variable is beyond 4.5 with a chance
 * of 6.8e-6, so that a right program fails this test with a chance of about 1 %, and as the seeds are fixed it does so
 * always or never. */
#include "tests/golden/golden_compat_run.h"

#include <math.h>

#define SEEDS 100u
#define LIMIT 4.5
#define EXACT 1e-9 /* where nothing varies */

enum figure { TOTAL, ACCEPTED, ACCEPTANCE, TOXICITY, TOXICITY_ALL, GAP, WELFARE, EPOCH_TOXICITY, PAYOFF_H, PAYOFF_A,
              FROZEN, FIGURES };
static const char *const names[FIGURES] = {
    "total", "accepted", "acceptance", "toxicity", "toxicity_all", "quality_gap", "welfare", "epoch_mean_toxicity",
    "payoff_H", "payoff_A", "frozen"};

static double farthest; /* of all comparisons, in standard errors */

static json_t *
agents_of(const json_t *in)
{
    static const struct {
        const char *letter, *type;
    } types[] = {{"H", "honest"}, {"O", "opportunistic"}, {"D", "deceptive"}, {"A", "adversarial"}};
    json_t *list = json_array(), *letter;
    size_t index;

    json_array_foreach(json_object_get(in, "agents"), index, letter)
        for (size_t i = 0; i < 4; i++)
            if (strcmp(types[i].letter, json_string_value(letter)) == 0)
                json_array_append_new(list, json_pack("{s:s, s:i}", "type", types[i].type, "count", 1));
    if (index > 0)
        return list;
    for (size_t i = 0; i < 4; i += 3) {
        int count = (int)golden_real(in, i == 0 ? "honest" : "adversarial");

        if (count > 0)
            json_array_append_new(list, json_pack("{s:s, s:i}", "type", types[i].type, "count", count));
    }
    return list;
}

static double
share(double part, double whole)
{
    return whole > 0.0 ? part / whole : 0.0;
}

static void
read_figures(const struct compat_run *run, double out[FIGURES])
{
    const struct metrics_set *set = run->run_set;
    double payoff[COMPAT_TYPES] = {0}, count[COMPAT_TYPES] = {0}, accepted = (double)set->accepted;
    double rejected = (double)set->count - accepted;

    out[FROZEN] = 0.0;
    for (uint32_t i = 0; i < run->config->agent_count; i++) {
        payoff[run->config->types[i]] += run->payoff[i];
        count[run->config->types[i]] += 1.0;
        out[FROZEN] += run->frozen[i];
    }
    out[TOTAL] = (double)set->count;
    out[ACCEPTED] = accepted;
    out[ACCEPTANCE] = share(accepted, out[TOTAL]);
    out[TOXICITY] = share(set->not_p_accepted, accepted);
    out[TOXICITY_ALL] = share(set->not_p_all, out[TOTAL]);
    out[GAP] = accepted > 0.0 && rejected > 0.0 ? set->p_accepted / accepted - set->p_rejected / rejected : 0.0;
    out[WELFARE] = set->welfare;
    out[EPOCH_TOXICITY] = run->now.toxicity_sum / (double)run->now.epochs_ended;
    out[PAYOFF_H] = share(payoff[COMPAT_HONEST], count[COMPAT_HONEST]);
    out[PAYOFF_A] = share(payoff[COMPAT_ADVERSARIAL], count[COMPAT_ADVERSARIAL]);
}

/* Means and variances over our seeds. */
static void
run_cell(const struct compat_config *config, uint64_t first_seed, double mean[FIGURES], double variance[FIGURES])
{
    double squares[FIGURES] = {0}, values[FIGURES];
    struct compat_run run;

    compat_run_init(&run, config);
    memset(mean, 0, FIGURES * sizeof mean[0]);
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        compat_run_genesis(&run, first_seed + seed * 1000);
        for (uint64_t step = 1; step <= (uint64_t)config->epochs * config->steps_per_epoch; step++) {
            compat_run_begin(&run, step);
            compat_run_act(&run);
            compat_run_end(&run);
        }
        read_figures(&run, values);
        for (uint32_t i = 0; i < FIGURES; i++) { /* Welford 1962 */
            double before = values[i] - mean[i];

            mean[i] += before / (double)(seed + 1);
            squares[i] += before * (values[i] - mean[i]);
        }
    }
    for (uint32_t i = 0; i < FIGURES; i++)
        variance[i] = squares[i] / (double)(SEEDS - 1);
    compat_run_fini(&run);
}

static void
compare_cell(struct golden_count *count, size_t index, const json_t *in, const json_t *out, enum compat_version version)
{
    json_t *scenario = json_pack("{s:o, s:{s:O, s:O}}", "agents", agents_of(in), "simulation", "n_epochs",
                                 json_object_get(in, "epochs"), "steps_per_epoch", json_object_get(in, "steps"));
    double mean[FIGURES], variance[FIGURES], theirs = golden_real(in, "seeds");
    struct compat_config config;

    case_set(scenario, "governance", json_object_get(in, "governance"));
    case_config(&config, scenario, version);
    run_cell(&config, 1000000 * (index + 1), mean, variance);
    for (uint32_t i = 0; i < FIGURES; i++) {
        const json_t *want = json_object_get(out, names[i]);
        double error = sqrt(variance[i] * (1.0 / theirs + 1.0 / SEEDS)), distance;

        if (want == NULL)
            continue;
        distance = fabs(mean[i] - golden_real(want, "mean"));
        count->values++;
        count->equal += distance <= EXACT;
        if (distance <= EXACT)
            continue;
        if (!(distance <= LIMIT * error))
            print_error("cell %zu, %s: %.6g is %.2f standard errors from %.6g\n", index, names[i], mean[i],
                        distance / error, golden_real(want, "mean"));
        farthest = fmax(farthest, distance / error);
    }
    compat_config_fini(&config);
    json_decref(scenario);
}

static void
compare_v1(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    compare_cell(count, index, in, out, COMPAT_V1);
}

static void
compare_v1g(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    compare_cell(count, index, in, out, COMPAT_V1G);
}

static void
sweep(const char *name, golden_each_fn *each)
{
    farthest = 0.0;
    golden_run(name, each);
    if (farthest > 0.0)
        printf("    %s: farthest off %.2f of %.1f standard errors\n", name, farthest, LIMIT);
    assert_true(farthest <= LIMIT);
}

static void
v1_cells(void **state)
{
    (void)state;
    sweep("reference_sweep", compare_v1);
}

static void
v1g_cells(void **state)
{
    (void)state;
    sweep("reference_sweep_later", compare_v1g);
}

static const struct test_case groups[] = {{"reference_sweep", v1_cells}, {"reference_sweep_later", v1g_cells}};

int
main(void)
{
    return TEST_CASES("golden: reference_sweep", groups);
}
