/* tools/study.c - tables of a study in Markdown, from the folders that `polis sweep` leaves.
 *
 *     study effects DIR METRIC ...      a line a cell: means, and differences to the baseline, seed by seed
 *     study means DIR METRIC ...        the same without differences
 *     study response DIR PARAM METRIC ...  a line a value of PARAM, and the trend over them
 *     study regimes DIR METRIC          shares of adversaries across, rules down; then where each line bends
 *
 * Intervals are Student's t at 95 %, of means or of paired differences; * marks one that excludes zero. */
#include "control/sweep_journal.h"
#include "control/sweep_plan.h"
#include "control/sweep_results.h"
#include "control/talk.h"
#include "core/arena.h"
#include "core/change_point.h"
#include "core/stats.h"
#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define RESAMPLES 999u
#define SHARES_MAX 32u

struct study {
    struct sweep_plan plan;
    struct sweep_results *results;
    uint32_t *rows; /* by cell: all replicates */
};

static int
study_open(struct study *self, const char *folder, struct why *why)
{
    struct sweep_journal journal;
    struct buffer text = {0};
    char path[4096];
    int error;

    snprintf(path, sizeof path, "%s/sweep.yaml", folder);
    error = sweep_plan_read(path, &(struct sweep_asked){0}, &self->plan, why);
    if (error != 0)
        return error;
    self->results = sweep_results_new(&self->plan);
    self->rows = ALLOC_ARRAY(uint32_t, self->plan.cell_count);
    for (uint32_t cell = 0; cell < self->plan.cell_count; cell++)
        self->rows[cell] = self->plan.seed_count;
    sweep_plan_write(&self->plan, &text);
    snprintf(path, sizeof path, "%s/journal.jsonl", folder);
    error = sweep_journal_open(path, &text, self->results, &journal, why);
    buffer_fini(&text);
    return error != 0 ? error : sweep_journal_close(&journal, why);
}

/* A number with four digits that count; an unknown one is a dash. */
static void
put(double value)
{
    if (!isfinite(value))
        printf("-");
    else if (fabs(value) >= 1000.0)
        printf("%.0f", value);
    else
        printf("%.4g", fabs(value) < 5e-5 ? 0.0 : value);
}

static void
put_interval(double low, double high)
{
    printf(" [");
    put(low);
    printf(", ");
    put(high);
    printf("]");
}

static void
put_head(const char *first, char *const *metrics, int count, bool differences)
{
    printf("| %s |", first);
    for (int i = 0; i < count; i++)
        printf(differences ? " %s | difference |" : " %s |", metrics[i]);
    printf("\n| --- |");
    for (int i = 0; i < count; i++)
        printf(differences ? " --- | --- |" : " --- |");
    printf("\n");
}

/* ---- effects ---- */

static void
put_effect(const struct study *self, uint32_t cell, const char *metric, bool differences)
{
    struct sweep_estimate estimate;

    sweep_results_estimate(self->results, self->rows, cell, metric, &estimate);
    printf(" ");
    put(estimate.mean);
    put_interval(estimate.low, estimate.high);
    printf(" |");
    if (!differences)
        return;
    if (cell == self->plan.baseline) {
        printf(" baseline |");
        return;
    }
    printf(" ");
    put(estimate.difference);
    put_interval(estimate.difference_low, estimate.difference_high);
    printf("%s |", estimate.difference_low > 0.0 || estimate.difference_high < 0.0 ? " *" : "");
}

static void
effects(const struct study *self, char *const *metrics, int count, bool differences)
{
    put_head("configuration", metrics, count, differences);
    for (uint32_t cell = 0; cell < self->plan.cell_count; cell++) {
        printf("| %s |", self->plan.cells[cell].label);
        for (int i = 0; i < count; i++)
            put_effect(self, cell, metrics[i], differences);
        printf("\n");
    }
}

/* ---- responses ---- */

/* The least-squares slope of each seed's line, over its known values. */
static bool
slope_of(const struct study *self, const double *x, uint32_t replicate, const char *metric, double *out)
{
    double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;

    for (uint32_t cell = 0; cell < self->plan.cell_count; cell++) {
        double y = sweep_results_value(self->results, cell, replicate, metric);

        if (!isfinite(y))
            continue;
        n += 1.0;
        sx += x[cell];
        sy += y;
        sxx += x[cell] * x[cell];
        sxy += x[cell] * y;
    }
    if (n < 3.0 || !(n * sxx - sx * sx > 0.0))
        return false;
    *out = (n * sxy - sx * sy) / (n * sxx - sx * sx);
    return true;
}

/* Whether the mean goes one way only from value to value. */
static const char *
direction_of(const struct study *self, const char *metric)
{
    bool rises = true, falls = true;
    double before = NAN;

    for (uint32_t cell = 0; cell < self->plan.cell_count; cell++) {
        struct sweep_estimate estimate;

        sweep_results_estimate(self->results, self->rows, cell, metric, &estimate);
        rises = rises && !(estimate.mean < before);
        falls = falls && !(estimate.mean > before);
        before = estimate.mean;
    }
    return rises && falls ? "constant" : rises ? "rises throughout" : falls ? "falls throughout" : "not monotone";
}

static void
put_trend(const struct study *self, const double *x, const char *metric)
{
    struct stats slopes = {0};
    double low = NAN, high = NAN, slope;

    for (uint32_t replicate = 0; replicate < self->plan.seed_count; replicate++)
        if (slope_of(self, x, replicate, metric, &slope))
            stats_add(&slopes, slope);
    printf("- %s: %s; slope ", metric, direction_of(self, metric));
    put(slopes.count > 0 ? slopes.mean : NAN);
    if (stats_interval(&slopes, 0.95, &low, &high))
        put_interval(low, high);
    printf("%s\n", low > 0.0 || high < 0.0 ? " *" : "");
}

static int
param_of(const struct study *self, const char *name, struct why *why)
{
    for (uint32_t i = 0; i < self->plan.param_count; i++)
        if (strcmp(self->plan.params[i], name) == 0)
            return (int)i;
    (void)fail(why, ERR_UNKNOWN, "the sweep sets no %s", name);
    return -1;
}

static int
response(const struct study *self, const char *param, char *const *metrics, int count, struct why *why)
{
    double *x = ALLOC_ARRAY(double, self->plan.cell_count);
    int column = param_of(self, param, why);

    if (column < 0) {
        free(x);
        return why->code;
    }
    put_head(param, metrics, count, false);
    for (uint32_t cell = 0; cell < self->plan.cell_count; cell++) {
        const char *value = self->plan.cells[cell].values[column];

        x[cell] = value != NULL ? strtod(value, NULL) : NAN;
        printf("| %s |", value != NULL ? value : "-");
        for (int i = 0; i < count; i++)
            put_effect(self, cell, metrics[i], false);
        printf("\n");
    }
    printf("\n");
    for (int i = 0; i < count; i++)
        put_trend(self, x, metrics[i]);
    free(x);
    return 0;
}

/* ---- regimes: cells are shares x rules ---- */

struct regimes {
    double shares[SHARES_MAX];
    uint32_t share_count, rule_count;
};

/* The rule's name: what the label says behind the share ("30 % random audits") or the counts that make it. */
static const char *
rule_of(const char *label)
{
    const char *at = strrchr(label, '%');

    at = at != NULL ? at : strrchr(label, '=');
    at = at != NULL ? strchr(at, ' ') : NULL;
    return at != NULL ? at + 1 : label;
}

static int
read_regimes(const struct study *self, struct regimes *out, struct why *why)
{
    int column = param_of(self, "agents[2].count", why);

    *out = (struct regimes){0};
    if (column < 0)
        return why->code;
    for (uint32_t cell = 0; cell < self->plan.cell_count; cell++) {
        double share = strtod(self->plan.cells[cell].values[column], NULL) / 20.0;

        if (out->share_count > 0 && share == out->shares[out->share_count - 1])
            continue;
        if (out->share_count == SHARES_MAX)
            return fail(why, ERR_LIMIT, "more than %u shares", SHARES_MAX);
        out->shares[out->share_count++] = share;
    }
    out->rule_count = out->share_count > 0 ? self->plan.cell_count / out->share_count : 0;
    if (out->rule_count == 0 || out->rule_count * out->share_count != self->plan.cell_count)
        return fail(why, ERR_FORMAT, "the sweep is no table of shares and rules");
    return 0;
}

static void
put_map(const struct study *self, const struct regimes *regimes, const char *metric)
{
    printf("| %s |", metric);
    for (uint32_t s = 0; s < regimes->share_count; s++)
        printf(" %.0f %% |", 100.0 * regimes->shares[s]);
    printf("\n| --- |");
    for (uint32_t s = 0; s < regimes->share_count; s++)
        printf(" --- |");
    printf("\n");
    for (uint32_t r = 0; r < regimes->rule_count; r++) {
        printf("| %s |", rule_of(self->plan.cells[r].label));
        for (uint32_t s = 0; s < regimes->share_count; s++) {
            struct sweep_estimate estimate;

            sweep_results_estimate(self->results, self->rows, s * regimes->rule_count + r, metric, &estimate);
            printf(" ");
            put(estimate.mean);
            printf(" +-");
            put((estimate.high - estimate.low) / 2.0);
            printf(" |");
        }
        printf("\n");
    }
}

static void
put_bends(const struct study *self, const struct regimes *regimes, const char *metric)
{
    uint32_t seeds = self->plan.seed_count;
    double *y = ALLOC_ARRAY(double, (size_t)seeds * regimes->share_count);

    printf("\n| bend of %s | seeds | at share | slope before | slope after | R2 gained | p of a straight line |\n"
           "| --- | --- | --- | --- | --- | --- | --- |\n", metric);
    for (uint32_t r = 0; r < regimes->rule_count; r++) {
        struct change_point found;

        for (uint32_t i = 0; i < seeds; i++)
            for (uint32_t s = 0; s < regimes->share_count; s++)
                y[(size_t)i * regimes->share_count + s] =
                    sweep_results_value(self->results, s * regimes->rule_count + r, i, metric);
        change_point_find(regimes->shares, regimes->share_count, y, seeds, 1, RESAMPLES, &found);
        printf("| %s | %u | ", rule_of(self->plan.cells[r].label), found.rows);
        if (!found.tested) {
            printf("too few | | | | |\n");
            continue;
        }
        put(found.at);
        put_interval(found.low, found.high);
        printf(" | %.3g | %.3g | %.3g | %.3g |\n", found.before, found.after, found.jump, found.p);
    }
    free(y);
}

static int
regimes(const struct study *self, const char *metric, struct why *why)
{
    struct regimes regimes;
    int error = read_regimes(self, &regimes, why);

    if (error != 0)
        return error;
    put_map(self, &regimes, metric);
    put_bends(self, &regimes, metric);
    return 0;
}

int
main(int argc, char **argv)
{
    struct study study = {0};
    struct why why = {0};
    int error;

    if (argc < 4) {
        fprintf(stderr, "study effects|means|response|regimes DIR ...: see the head of tools/study.c\n");
        return EX_USAGE;
    }
    error = study_open(&study, argv[2], &why);
    if (error == 0) {
        if (strcmp(argv[1], "effects") == 0 || strcmp(argv[1], "means") == 0)
            effects(&study, argv + 3, argc - 3, argv[1][0] == 'e');
        else if (strcmp(argv[1], "response") == 0)
            error = response(&study, argv[3], argv + 4, argc - 4, &why);
        else if (strcmp(argv[1], "regimes") == 0)
            error = regimes(&study, argv[3], &why);
        else
            error = fail(&why, ERR_INVALID, "study: no table '%s'", argv[1]);
    }
    free(study.rows);
    sweep_results_destroy(&study.results);
    sweep_plan_fini(&study.plan);
    return error != 0 ? talk_failure(&why) : 0;
}
