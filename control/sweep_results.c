#include "control/sweep_results.h"

#include "control/export.h"
#include "core/arena.h"
#include "core/assert.h"
#include "core/stats.h"
#include "core/text.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL 0.95

/* The names of a run's figures. Nearly all runs have the same ones, so they are kept once. */
struct name_set {
    char **names;
    uint32_t count;
};

struct outcome {
    enum sweep_status status;
    uint32_t set;   /* of a done one */
    double *values; /* one a name; NaN: undefined. Owned */
    char *reason;   /* of a failed one; owned */
};

struct sweep_results {
    const struct sweep_plan *plan;
    struct outcome *outcomes; /* cell * seed_count + replicate */
    struct name_set *sets;
    uint32_t set_count;
};

struct sweep_results *
sweep_results_new(const struct sweep_plan *plan)
{
    struct sweep_results *self = ALLOC(struct sweep_results);

    self->plan = plan;
    self->outcomes = ALLOC_ARRAY(struct outcome, (size_t)plan->cell_count * plan->seed_count);
    return self;
}

static void
forget(struct outcome *outcome)
{
    free(outcome->values);
    free(outcome->reason);
    memset(outcome, 0, sizeof *outcome);
}

void
sweep_results_destroy(struct sweep_results **self_p)
{
    struct sweep_results *self = *self_p;

    if (self == NULL)
        return;
    for (size_t i = 0; i < (size_t)self->plan->cell_count * self->plan->seed_count; i++)
        forget(&self->outcomes[i]);
    for (uint32_t s = 0; s < self->set_count; s++) {
        for (uint32_t i = 0; i < self->sets[s].count; i++)
            free(self->sets[s].names[i]);
        free(self->sets[s].names);
    }
    free(self->sets);
    free(self->outcomes);
    free(self);
    *self_p = NULL;
}

static struct outcome *
outcome_of(const struct sweep_results *self, uint32_t cell, uint32_t replicate)
{
    ASSERT(cell < self->plan->cell_count && replicate < self->plan->seed_count);

    return &self->outcomes[(size_t)cell * self->plan->seed_count + replicate];
}

/* ---- the journal's lines ---- */

static void
begin_line(const struct sweep_plan *plan, uint32_t cell, uint32_t replicate, const char *status, struct buffer *out)
{
    text_addf(out, "{\"cell\": %u, \"replicate\": %u, \"seed\": %lld, \"status\": \"%s\", ", (unsigned)cell + 1,
        (unsigned)replicate + 1, (long long)plan->seeds[replicate], status);
}

void
sweep_results_format_done(
    const struct sweep_plan *plan, uint32_t cell, uint32_t replicate, const struct buffer *figures, struct buffer *out)
{
    begin_line(plan, cell, replicate, "done", out);
    text_add(out, "\"figures\": ");
    buffer_append(out, figures->data, figures->size);
    text_add(out, "}");
}

void
sweep_results_format_failed(
    const struct sweep_plan *plan, uint32_t cell, uint32_t replicate, const char *reason, struct buffer *out)
{
    begin_line(plan, cell, replicate, "failed", out);
    text_add(out, "\"reason\": ");
    text_add_json(out, reason, strlen(reason));
    text_add(out, "}");
}

static bool
is_set(const struct name_set *set, json_t *figures)
{
    const char *name;
    json_t *value;
    uint32_t i = 0;

    if (set->count != json_object_size(figures))
        return false;
    json_object_foreach (figures, name, value)
        if (strcmp(set->names[i++], name) != 0)
            return false;
    return true;
}

static uint32_t
find_set(struct sweep_results *self, json_t *figures)
{
    struct name_set *set;
    const char *name;
    json_t *value;
    uint32_t i = 0;

    for (uint32_t s = 0; s < self->set_count; s++)
        if (is_set(&self->sets[s], figures))
            return s;
    self->sets = reallocarray(self->sets, self->set_count + 1, sizeof *self->sets);
    ASSERT(self->sets != NULL);
    set = &self->sets[self->set_count];
    set->count = (uint32_t)json_object_size(figures);
    set->names = ALLOC_ARRAY(char *, set->count + 1);
    json_object_foreach (figures, name, value) {
        set->names[i] = strdup(name);
        ASSERT(set->names[i] != NULL);
        i++;
    }
    return self->set_count++;
}

static void
take_figures(struct sweep_results *self, struct outcome *outcome, json_t *figures)
{
    const char *name;
    json_t *value;
    uint32_t i = 0;

    outcome->status = SWEEP_DONE;
    outcome->set = find_set(self, figures);
    outcome->values = ALLOC_ARRAY(double, json_object_size(figures) + 1);
    json_object_foreach (figures, name, value)
        outcome->values[i++] = json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static int
take_line(struct sweep_results *self, json_t *line, uint32_t *cell_out, uint32_t *replicate_out, struct why *why)
{
    json_int_t cell = json_integer_value(json_object_get(line, "cell"));
    json_int_t replicate = json_integer_value(json_object_get(line, "replicate"));
    json_int_t seed = json_integer_value(json_object_get(line, "seed"));
    const char *status = json_string_value(json_object_get(line, "status"));
    const char *reason = json_string_value(json_object_get(line, "reason"));
    json_t *figures = json_object_get(line, "figures");
    struct outcome *outcome;

    if (cell < 1 || cell > self->plan->cell_count || replicate < 1 || replicate > self->plan->seed_count)
        return fail(why, ERR_INVALID, "there is no replicate %lld of cell %lld", (long long)replicate, (long long)cell);
    if (seed != self->plan->seeds[replicate - 1])
        return fail(why, ERR_INVALID, "replicate %lld has the seed %lld, not %lld", (long long)replicate,
            (long long)self->plan->seeds[replicate - 1], (long long)seed);
    if (status == NULL || (strcmp(status, "done") == 0 ? !json_is_object(figures) : strcmp(status, "failed") != 0))
        return fail(why, ERR_FORMAT, "it says neither \"done\" with figures nor \"failed\"");
    *cell_out = (uint32_t)(cell - 1);
    *replicate_out = (uint32_t)(replicate - 1);
    outcome = outcome_of(self, *cell_out, *replicate_out);
    forget(outcome);
    if (strcmp(status, "done") == 0) {
        take_figures(self, outcome, figures);
    } else {
        outcome->status = SWEEP_FAILED;
        outcome->reason = strdup(reason != NULL ? reason : "");
        ASSERT(outcome->reason != NULL);
    }
    return 0;
}

int
sweep_results_take(struct sweep_results *self, const char *line, size_t size, uint32_t *cell, uint32_t *replicate,
    struct why *why)
{
    uint32_t ignored_cell, ignored_replicate;
    json_error_t error;
    json_t *json = json_loadb(line, size, JSON_REJECT_DUPLICATES, &error);
    int code;

    if (json == NULL)
        return fail(why, ERR_FORMAT, "not JSON: %s", error.text);
    code = take_line(self, json, cell != NULL ? cell : &ignored_cell,
        replicate != NULL ? replicate : &ignored_replicate, why);
    json_decref(json);
    return code;
}

uint64_t
sweep_results_forget_failed(struct sweep_results *self)
{
    uint64_t done = 0;

    for (size_t i = 0; i < (size_t)self->plan->cell_count * self->plan->seed_count; i++) {
        if (self->outcomes[i].status == SWEEP_FAILED)
            forget(&self->outcomes[i]);
        done += self->outcomes[i].status == SWEEP_DONE;
    }
    return done;
}

/* ---- reading ---- */

enum sweep_status
sweep_results_status(const struct sweep_results *self, uint32_t cell, uint32_t replicate)
{
    return outcome_of(self, cell, replicate)->status;
}

const char *
sweep_results_reason(const struct sweep_results *self, uint32_t cell, uint32_t replicate)
{
    const struct outcome *outcome = outcome_of(self, cell, replicate);

    return outcome->status == SWEEP_FAILED ? outcome->reason : "";
}

static double
value_of(const struct sweep_results *self, const struct outcome *outcome, const char *name)
{
    const struct name_set *set;

    if (outcome->status != SWEEP_DONE)
        return (double)NAN;
    set = &self->sets[outcome->set];
    for (uint32_t i = 0; i < set->count; i++)
        if (strcmp(set->names[i], name) == 0)
            return outcome->values[i];
    return (double)NAN;
}

double
sweep_results_value(const struct sweep_results *self, uint32_t cell, uint32_t replicate, const char *metric)
{
    return value_of(self, outcome_of(self, cell, replicate), metric);
}

static void
take_interval(const struct stats *stats, double *low, double *high)
{
    *low = *high = (double)NAN;
    (void)stats_interval(stats, LEVEL, low, high);
}

void
sweep_results_estimate(const struct sweep_results *self, const uint32_t rows[], uint32_t cell, const char *metric,
    struct sweep_estimate *out)
{
    uint32_t baseline = self->plan->baseline;
    struct stats own = {0}, paired = {0};

    for (uint32_t i = 0; i < rows[cell]; i++) {
        double value = sweep_results_value(self, cell, i, metric);
        double other = i < rows[baseline] ? sweep_results_value(self, baseline, i, metric) : (double)NAN;

        if (!isfinite(value))
            continue;
        stats_add(&own, value);
        if (cell != baseline && isfinite(other))
            stats_add(&paired, value - other);
    }
    *out = (struct sweep_estimate){.count = own.count, .pairs = paired.count};
    out->mean = own.count > 0 ? own.mean : (double)NAN;
    out->deviation = stats_sd(&own);
    take_interval(&own, &out->low, &out->high);
    out->difference = paired.count > 0 ? paired.mean : (double)NAN;
    take_interval(&paired, &out->difference_low, &out->difference_high);
    out->p = stats_p(&paired);
}

static bool
is_known(const struct sweep_results *self, const char *name)
{
    for (uint32_t s = 0; s < self->set_count; s++)
        for (uint32_t i = 0; i < self->sets[s].count; i++)
            if (strcmp(self->sets[s].names[i], name) == 0)
                return true;
    return false;
}

uint32_t
sweep_results_choose(const struct sweep_results *self, const char *out[SWEEP_SHOWN_MAX])
{
    static const char *const usual[] = {"toxicity_rate", "hard_toxicity", "total_welfare", "welfare_hard",
        "participation_rate", "accepted_interactions", NULL};
    uint32_t count = 0;

    for (uint32_t i = 0; i < self->plan->metric_count && count < SWEEP_SHOWN_MAX; i++)
        out[count++] = self->plan->metrics[i];
    for (uint32_t i = 0; self->plan->metric_count == 0 && usual[i] != NULL; i++)
        if (is_known(self, usual[i]))
            out[count++] = usual[i];
    /* A domain with other figures: the first ones of the first run that is done. */
    for (size_t r = 0; count == 0 && r < (size_t)self->plan->cell_count * self->plan->seed_count; r++)
        if (self->outcomes[r].status == SWEEP_DONE)
            for (const struct name_set *set = &self->sets[self->outcomes[r].set]; count < set->count && count < 6;)
                out[count] = set->names[count], count++;
    return count;
}

/* ---- tables ---- */

/* The union of the figures' names in the order of the table's rows, however the runs came in. */
static uint32_t
order_names(const struct sweep_results *self, const uint32_t rows[], const char ***out)
{
    bool *seen = ALLOC_ARRAY(bool, self->set_count + 1);
    uint32_t capacity = 0, count = 0;

    for (uint32_t s = 0; s < self->set_count; s++)
        capacity += self->sets[s].count;
    *out = ALLOC_ARRAY(const char *, capacity + 1);
    for (uint32_t c = 0; c < self->plan->cell_count; c++)
        for (uint32_t r = 0; r < rows[c]; r++) {
            const struct outcome *outcome = outcome_of(self, c, r);

            if (outcome->status != SWEEP_DONE || seen[outcome->set])
                continue;
            seen[outcome->set] = true;
            for (uint32_t i = 0; i < self->sets[outcome->set].count; i++) {
                uint32_t known = 0;

                while (known < count && strcmp((*out)[known], self->sets[outcome->set].names[i]) != 0)
                    known++;
                if (known == count)
                    (*out)[count++] = self->sets[outcome->set].names[i];
            }
        }
    free(seen);
    return count;
}

static void
add_text(struct buffer *out, const char *text)
{
    export_add_field(out, text, strlen(text));
}

static void
add_cell(const struct sweep_plan *plan, uint32_t cell, struct buffer *out)
{
    text_addf(out, "%u,", (unsigned)cell + 1);
    add_text(out, plan->cells[cell].label);
    for (uint32_t p = 0; p < plan->param_count; p++) {
        text_add(out, ",");
        add_text(out, plan->cells[cell].values[p] != NULL ? plan->cells[cell].values[p] : "NA");
    }
}

static void
add_head(const struct sweep_plan *plan, struct buffer *out)
{
    text_add(out, "cell,label");
    for (uint32_t p = 0; p < plan->param_count; p++) {
        text_add(out, ",");
        add_text(out, plan->params[p]);
    }
}

static void
add_number(struct buffer *out, double value)
{
    text_add(out, ",");
    export_add_real(out, EXPORT_CSV, value);
}

void
sweep_results_write_rows(const struct sweep_results *self, const uint32_t rows[], struct buffer *out)
{
    static const char *const words[] = {"missing", "done", "failed"};
    const struct sweep_plan *plan = self->plan;
    const char **names;
    uint32_t count = order_names(self, rows, &names);

    add_head(plan, out);
    text_add(out, ",seed,status");
    for (uint32_t i = 0; i < count; i++) {
        text_add(out, ",");
        add_text(out, names[i]);
    }
    text_add(out, "\n");
    for (uint32_t c = 0; c < plan->cell_count; c++)
        for (uint32_t r = 0; r < rows[c]; r++) {
            const struct outcome *outcome = outcome_of(self, c, r);

            add_cell(plan, c, out);
            text_addf(out, ",%lld,%s", (long long)plan->seeds[r], words[outcome->status]);
            for (uint32_t i = 0; i < count; i++)
                add_number(out, value_of(self, outcome, names[i]));
            text_add(out, "\n");
        }
    free(names);
}

void
sweep_results_write_summary(const struct sweep_results *self, const uint32_t rows[], struct buffer *out)
{
    const char *metrics[SWEEP_SHOWN_MAX];
    uint32_t count = sweep_results_choose(self, metrics);

    add_head(self->plan, out);
    text_add(out, ",metric,n,mean,sd,ci_low,ci_high,pairs,diff,diff_low,diff_high,p\n");
    for (uint32_t c = 0; c < self->plan->cell_count; c++)
        for (uint32_t m = 0; m < count; m++) {
            struct sweep_estimate estimate;

            sweep_results_estimate(self, rows, c, metrics[m], &estimate);
            add_cell(self->plan, c, out);
            text_add(out, ",");
            add_text(out, metrics[m]);
            text_addf(out, ",%llu", (unsigned long long)estimate.count);
            add_number(out, estimate.mean);
            add_number(out, estimate.deviation);
            add_number(out, estimate.low);
            add_number(out, estimate.high);
            text_addf(out, ",%llu", (unsigned long long)estimate.pairs);
            add_number(out, estimate.difference);
            add_number(out, estimate.difference_low);
            add_number(out, estimate.difference_high);
            add_number(out, estimate.p);
            text_add(out, "\n");
        }
}
