#include "control/sweep_show.h"

#include "control/export.h"
#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS 120u
#define LABEL_WIDTH 22u
#define PLOT_WIDTH 29u
#define CELLS_SHOWN 60u
#define REASONS_SHOWN 8u

/* In `width` columns, which is at least 3. */
static void
add_label(const char *label, uint32_t width, struct buffer *out)
{
    size_t size = strlen(label);
    size_t cut = text_cut(label, size, size > width ? width - 2 : width);

    text_addf(out, "%.*s%s%*s", (int)cut, label, cut < size ? ".." : "", (int)(width - (cut < size ? cut + 2 : cut)),
        "");
}

/* ---- the plan ---- */

/* What is set, cut where the line that began at `line` is full. */
static void
add_settings(const struct sweep_assignment list[], uint32_t count, size_t line, struct buffer *out)
{
    for (uint32_t i = 0; i < count; i++) {
        text_addf(out, "%s%s=", i > 0 ? "  " : "", list[i].path);
        sweep_factor_write_flow(list[i].value, out);
    }
    if (count == 0)
        text_add(out, "the scenario as it is");
    if (out->size - line > COLUMNS) {
        out->size = line + text_cut((const char *)out->data + line, out->size - line, COLUMNS - 3);
        text_add(out, "...");
    }
}

void
sweep_show_plan(const struct sweep_plan *plan, const struct sweep_outlook *outlook, struct buffer *out)
{
    char spent[TEXT_NUMBER_SIZE], one[TEXT_NUMBER_SIZE];
    uint32_t width = 5;

    text_addf(out, "%s: %u cell%s x %u seed%s = %llu runs, %u at a time%s\n", plan->name, (unsigned)plan->cell_count,
        plan->cell_count == 1 ? "" : "s", (unsigned)plan->seed_count, plan->seed_count == 1 ? "" : "s",
        (unsigned long long)plan->cell_count * plan->seed_count, (unsigned)outlook->jobs,
        plan->stop.metric != NULL ? ", fewer where stop_when allows" : "");
    if (outlook->run_seconds > 0) {
        text_format_duration((uint64_t)(outlook->run_seconds * 1000.0), one);
        text_format_duration((uint64_t)(outlook->seconds * 1000.0), spent);
        text_addf(out, "about %s: one run of the first cell takes %s here\n", spent, one);
    }
    if (plan->set_count > 0) {
        size_t line = out->size;

        text_add(out, "in all cells: ");
        add_settings(plan->set, plan->set_count, line, out);
        text_add(out, "\n");
    }
    for (uint32_t c = 0; c < plan->cell_count && c < CELLS_SHOWN; c++)
        width = strlen(plan->cells[c].label) > width ? (uint32_t)strlen(plan->cells[c].label) : width;
    width = width < LABEL_WIDTH ? width : LABEL_WIDTH;
    for (uint32_t c = 0; c < plan->cell_count && c < CELLS_SHOWN; c++) {
        const struct sweep_cell *cell = &plan->cells[c]; /* what is set in all cells comes first */
        size_t line = out->size;

        text_addf(out, "%5u  ", (unsigned)c + 1);
        add_label(cell->label, width, out);
        text_add(out, c == plan->baseline ? " =  " : "    ");
        add_settings(cell->list + plan->set_count, cell->count - plan->set_count, line, out);
        text_add(out, "\n");
    }
    if (plan->cell_count > CELLS_SHOWN)
        text_addf(out, "  ...  and %u more\n", (unsigned)(plan->cell_count - CELLS_SHOWN));
}

static void
add_string(struct buffer *out, const char *text)
{
    text_add_json(out, text, strlen(text));
}

/* "parameters": {...}, as text, null where the cell has none of that name. */
static void
add_parameters(const struct sweep_plan *plan, uint32_t cell, struct buffer *out)
{
    text_addf(out, "{\"cell\": %u, \"label\": ", (unsigned)cell + 1);
    add_string(out, plan->cells[cell].label);
    text_add(out, ", \"parameters\": {");
    for (uint32_t p = 0; p < plan->param_count; p++) {
        const char *value = plan->cells[cell].values[p];

        text_add(out, p > 0 ? ", " : "");
        add_string(out, plan->params[p]);
        text_add(out, ": ");
        if (value == NULL)
            text_add(out, "null");
        else if (text_number(value) != TEXT_NO_NUMBER || strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
            text_add(out, value);
        else
            add_string(out, value);
    }
    text_add(out, "}");
}

void
sweep_show_plan_json(const struct sweep_plan *plan, const struct sweep_outlook *outlook, struct buffer *out)
{
    text_add(out, "{\"schema\": \"polis.sweep.plan/1\", \"sweep\": ");
    add_string(out, plan->name);
    text_addf(out, ", \"runs\": %llu, \"jobs\": %u, \"seconds\": %.3f, \"run_seconds\": %.3f, \"baseline\": ",
        (unsigned long long)plan->cell_count * plan->seed_count, (unsigned)outlook->jobs, outlook->seconds,
        outlook->run_seconds);
    add_string(out, plan->cells[plan->baseline].label);
    text_add(out, ", \"seeds\": [");
    for (uint32_t i = 0; i < plan->seed_count; i++)
        text_addf(out, "%s%lld", i > 0 ? ", " : "", (long long)plan->seeds[i]);
    text_add(out, "], \"cells\": [");
    for (uint32_t c = 0; c < plan->cell_count; c++) {
        text_add(out, c > 0 ? ", " : "");
        add_parameters(plan, c, out);
        text_add(out, "}");
    }
    text_add(out, "]}\n");
}

/* ---- tables ---- */

/* In at most 8 columns, so that a table keeps its width. */
static void
format(double value, char out[32])
{
    double size = fabs(value);

    if (!isfinite(value))
        snprintf(out, 32, "-");
    else if (value == floor(value) && size < 1e7)
        snprintf(out, 32, "%.0f", value);
    else if (size >= 1e6 || size < 1e-4)
        snprintf(out, 32, "%.2g", value);
    else
        snprintf(out, 32, "%.*f", size >= 1e4 ? 0 : size >= 1e3 ? 1 : size >= 10 ? 2 : 4, value);
}

struct scale {
    double low, high;
};

static struct scale
find_scale(const struct sweep_results *self, const struct sweep_plan *plan, const uint32_t rows[], const char *metric)
{
    struct scale scale = {.low = INFINITY, .high = -INFINITY};

    for (uint32_t c = 0; c < plan->cell_count; c++) {
        struct sweep_estimate estimate;

        sweep_results_estimate(self, rows, c, metric, &estimate);
        scale.low = fmin(scale.low, fmin(estimate.mean, estimate.low)); /* fmin and fmax pass over NaN */
        scale.high = fmax(scale.high, fmax(estimate.mean, estimate.high));
    }
    return scale;
}

static int
column_of(const struct scale *scale, double value)
{
    double share = scale->high > scale->low ? (value - scale->low) / (scale->high - scale->low) : 0.5;

    return (int)(share * (PLOT_WIDTH - 1) + 0.5);
}

/* |---o---|, and a colon where the baseline's mean is. */
static void
add_plot(const struct scale *scale, const struct sweep_estimate *estimate, double baseline, struct buffer *out)
{
    char line[PLOT_WIDTH + 1];
    int last = PLOT_WIDTH;

    memset(line, ' ', PLOT_WIDTH);
    if (isfinite(baseline))
        line[column_of(scale, baseline)] = ':';
    if (isfinite(estimate->low)) {
        int low = column_of(scale, estimate->low), high = column_of(scale, estimate->high);

        memset(line + low, '-', (size_t)(high - low + 1));
        line[low] = line[high] = '|';
    }
    if (isfinite(estimate->mean))
        line[column_of(scale, estimate->mean)] = 'o';
    while (last > 0 && line[last - 1] == ' ')
        last--;
    line[last] = '\0';
    text_addf(out, "%s%s", last > 0 ? "  " : "", line);
}

static void
add_interval(double low, double high, struct buffer *out)
{
    char from[32], to[32], both[72];

    format(low, from);
    format(high, to);
    snprintf(both, sizeof both, "%s .. %s", from, to);
    text_addf(out, " %-20s", isfinite(low) ? both : "");
}

static void
add_row(const struct sweep_plan *plan, uint32_t cell, const struct sweep_estimate *estimate, const struct scale *scale,
    double baseline, struct buffer *out)
{
    bool differs = estimate->difference_low > 0 || estimate->difference_high < 0; /* false for NaN */
    char mean[32], difference[32] = "";

    add_label(plan->cells[cell].label, LABEL_WIDTH, out);
    format(estimate->mean, mean);
    text_addf(out, " %4llu %8s", (unsigned long long)estimate->count, mean);
    add_interval(estimate->low, estimate->high, out);
    if (cell == plan->baseline)
        snprintf(difference, sizeof difference, "baseline");
    else
        format(estimate->difference, difference);
    text_addf(out, " %8s", difference);
    add_interval(estimate->difference_low, estimate->difference_high, out);
    text_add(out, differs ? " *" : "  ");
    add_plot(scale, estimate, baseline, out);
    while (out->size > 0 && out->data[out->size - 1] == ' ')
        out->size--;
    text_add(out, "\n");
}

static void
add_table(const struct sweep_results *self, const struct sweep_plan *plan, const uint32_t rows[], const char *metric,
    struct buffer *out)
{
    struct scale scale = find_scale(self, plan, rows, metric);
    struct sweep_estimate estimate;
    char low[32], high[32];
    double baseline;

    sweep_results_estimate(self, rows, plan->baseline, metric, &estimate);
    baseline = estimate.mean;
    format(scale.low, low);
    format(scale.high, high);
    text_addf(out, "%-*.*s %4s %8s %-20s %8s %-20s", (int)LABEL_WIDTH, (int)LABEL_WIDTH + 20, metric, "n", "mean",
        "95 % interval", "diff", "95 % interval");
    if (isfinite(scale.low))
        text_addf(out, "    %-*s%s", (int)(PLOT_WIDTH - strlen(high)), low, high);
    text_add(out, "\n");
    for (uint32_t c = 0; c < plan->cell_count; c++) {
        sweep_results_estimate(self, rows, c, metric, &estimate);
        add_row(plan, c, &estimate, &scale, baseline, out);
    }
    text_add(out, "\n");
}

uint64_t
sweep_show_count_failed(const struct sweep_results *self, const struct sweep_plan *plan, const uint32_t rows[])
{
    uint64_t failed = 0;

    for (uint32_t c = 0; c < plan->cell_count; c++)
        for (uint32_t r = 0; r < rows[c]; r++)
            failed += sweep_results_status(self, c, r) == SWEEP_FAILED;
    return failed;
}

static void
add_failures(const struct sweep_results *self, const struct sweep_plan *plan, const uint32_t rows[], struct buffer *out)
{
    uint32_t shown = 0;

    for (uint32_t c = 0; c < plan->cell_count; c++) {
        uint32_t failed = 0;
        const char *reason = "";

        for (uint32_t r = rows[c]; r > 0; r--)
            if (sweep_results_status(self, c, r - 1) == SWEEP_FAILED) {
                reason = sweep_results_reason(self, c, r - 1);
                failed++;
            }
        if (failed > 0 && shown++ < REASONS_SHOWN)
            text_addf(out, "failed: %u of %u runs of cell %u (%s): %s\n", (unsigned)failed, (unsigned)rows[c],
                (unsigned)c + 1, plan->cells[c].label, reason);
    }
    if (shown > REASONS_SHOWN)
        text_addf(out, "failed: runs of %u more cells\n", (unsigned)(shown - REASONS_SHOWN));
}

void
sweep_show_tables(
    const struct sweep_results *self, const struct sweep_plan *plan, const uint32_t rows[], struct buffer *out)
{
    const char *metrics[SWEEP_SHOWN_MAX];
    uint32_t count = sweep_results_choose(self, metrics);

    for (uint32_t m = 0; m < count; m++)
        add_table(self, plan, rows, metrics[m], out);
    text_addf(out,
        "o mean, |--| its 95 %% interval, : mean of the baseline (%.40s); diff: to the baseline, seed by seed;\n"
        "* its 95 %% interval excludes zero. Intervals are Student's t, not widened for the number of comparisons.\n",
        plan->cells[plan->baseline].label);
    add_failures(self, plan, rows, out);
}

/* ---- JSON ---- */

static void
add_real(struct buffer *out, const char *name, double value)
{
    text_addf(out, ", \"%s\": ", name);
    export_add_real(out, EXPORT_JSONL, value);
}

static void
add_estimate(const struct sweep_estimate *estimate, struct buffer *out)
{
    text_addf(out, "{\"n\": %llu", (unsigned long long)estimate->count);
    add_real(out, "mean", estimate->mean);
    add_real(out, "sd", estimate->deviation);
    add_real(out, "ci_low", estimate->low);
    add_real(out, "ci_high", estimate->high);
    text_addf(out, ", \"pairs\": %llu", (unsigned long long)estimate->pairs);
    add_real(out, "diff", estimate->difference);
    add_real(out, "diff_low", estimate->difference_low);
    add_real(out, "diff_high", estimate->difference_high);
    add_real(out, "p", estimate->p);
    text_add(out, "}");
}

static void
add_cell_json(const struct sweep_results *self, const struct sweep_plan *plan, const uint32_t rows[], uint32_t cell,
    struct buffer *out)
{
    const char *metrics[SWEEP_SHOWN_MAX];
    uint32_t count = sweep_results_choose(self, metrics), failed = 0;

    for (uint32_t r = 0; r < rows[cell]; r++)
        failed += sweep_results_status(self, cell, r) == SWEEP_FAILED;
    add_parameters(plan, cell, out);
    text_addf(out, ", \"runs\": %u, \"failed\": %u, \"metrics\": {", (unsigned)rows[cell], (unsigned)failed);
    for (uint32_t m = 0; m < count; m++) {
        struct sweep_estimate estimate;

        sweep_results_estimate(self, rows, cell, metrics[m], &estimate);
        text_add(out, m > 0 ? ", " : "");
        add_string(out, metrics[m]);
        text_add(out, ": ");
        add_estimate(&estimate, out);
    }
    text_add(out, "}}");
}

void
sweep_show_json(const struct sweep_results *self, const struct sweep_plan *plan, const uint32_t rows[],
    const char *folder, struct buffer *out)
{
    text_add(out, "{\"schema\": \"polis.sweep.summary/1\", \"sweep\": ");
    add_string(out, plan->name);
    text_add(out, ", \"folder\": ");
    add_string(out, folder);
    text_add(out, ", \"baseline\": ");
    add_string(out, plan->cells[plan->baseline].label);
    text_addf(out, ", \"failed\": %llu, \"cells\": [", (unsigned long long)sweep_show_count_failed(self, plan, rows));
    for (uint32_t c = 0; c < plan->cell_count; c++) {
        text_add(out, c > 0 ? ", " : "");
        add_cell_json(self, plan, rows, c, out);
    }
    text_add(out, "]}\n");
}
