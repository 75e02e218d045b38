#include "world/sandbox/metrics.h"

#include "core/assert.h"
#include "core/math.h"

#include <string.h>

#define HIGH_QUALITY 0.5
#define UNCERTAIN_BAND 0.2
#define LOG_EPSILON 1e-15

_Static_assert(sizeof(struct metrics_set) == 10 * 8 + 18 * 8 + 4 * 24 + METRICS_BINS * 24 + 2 * METRICS_FINE_BINS * 4,
               "no padding in what is saved as bytes");

void
metrics_row_pay(struct metrics_row *row, const struct payoff_params *params)
{
    struct payoff_terms terms = {
        .p = row->p, .transfer = row->transfer, .cost_a = row->cost_a, .cost_b = row->cost_b,
        .reputation_a = row->reputation_a, .reputation_b = row->reputation_b};

    row->payoff_a = payoff_initiator(params, &terms);
    row->payoff_b = payoff_counterparty(params, &terms);
}

/* ---- adding ---- */

static void
moments_add(struct metrics_moments *self, double x)
{
    double delta = x - self->mean;

    self->count += 1.0;
    self->mean += delta / self->count;
    self->squares += delta * (x - self->mean);
}

/* Population variance; fewer than two values have none: 0. */
static double
moments_variance(const struct metrics_moments *self)
{
    return self->count < 2.0 ? 0.0 : self->squares / self->count;
}

/* The bin [i w, (i+1) w) that holds p, with edges computed as i * w; the last one holds 1 too. */
static uint32_t
bin_of(double p, uint32_t bins)
{
    double width = 1.0 / (double)bins;
    uint32_t i = (uint32_t)math_clamp(p * (double)bins, 0.0, (double)(bins - 1));

    while (i > 0 && p < (double)i * width)
        i--;
    while (i + 1 < bins && p >= (double)(i + 1) * width)
        i++;
    return i;
}

static void
add_truth(struct metrics_set *self, const struct metrics_row *row)
{
    double good = row->truth > 0 ? 1.0 : 0.0;
    double safe = math_clamp(row->p, LOG_EPSILON, 1.0 - LOG_EPSILON);
    uint32_t bin = bin_of(row->p, METRICS_BINS);

    self->truth++;
    self->positive += row->truth > 0;
    self->truth_p += row->p;
    self->brier += (row->p - good) * (row->p - good);
    self->log_loss -= row->truth > 0 ? math_log(safe) : math_log(1.0 - safe);
    self->bins[bin].count++;
    self->bins[bin].positive += row->truth > 0;
    self->bins[bin].p += row->p;
    self->fine[row->truth > 0][bin_of(row->p, METRICS_FINE_BINS)]++;
}

static void
add_accepted(struct metrics_set *self, const struct payoff_params *params, const struct metrics_row *row)
{
    self->accepted++;
    self->high_accepted += row->p >= HIGH_QUALITY;
    self->low_accepted += row->p < HIGH_QUALITY;
    self->p_accepted += row->p;
    self->not_p_accepted += 1.0 - row->p;
    moments_add(&self->p_in, row->p);
    self->payoff_a_accepted += row->payoff_a;
    self->payoff_b_accepted += row->payoff_b;
    self->welfare += row->payoff_a + row->payoff_b;
    self->social += payoff_social_surplus(params, row->p);
    self->harm += payoff_harm(params, row->p);
    self->volume += math_abs(row->transfer);
    if (row->truth != 0) {
        double p = row->truth > 0 ? 1.0 : 0.0;

        self->truth_accepted++;
        self->bad_accepted += row->truth < 0;
        self->welfare_hard += payoff_social_surplus(params, p);
        self->harm_hard += payoff_harm(params, p);
    }
}

void
metrics_set_add(struct metrics_set *self, const struct payoff_params *params, const struct metrics_row *row)
{
    self->count++;
    self->high += row->p >= HIGH_QUALITY;
    self->uncertain += row->p > 0.5 - UNCERTAIN_BAND && row->p < 0.5 + UNCERTAIN_BAND;
    self->p_all += row->p;
    self->not_p_all += 1.0 - row->p;
    self->payoff_a_all += row->payoff_a;
    self->payoff_b_all += row->payoff_b;
    moments_add(&self->p, row->p);
    moments_add(&self->payoff_a, row->payoff_a);
    moments_add(&self->payoff_b, row->payoff_b);
    if (row->accepted)
        add_accepted(self, params, row);
    else
        self->p_rejected += row->p;
    if (row->truth != 0)
        add_truth(self, row);
}

/* ---- reading ---- */

static struct metrics_value
known(double value)
{
    return (struct metrics_value){value, true};
}

/* sum / count, or the convention for an empty set: 0. */
static struct metrics_value
mean(double sum, uint64_t count)
{
    if (count == 0)
        return (struct metrics_value){0.0, false};
    return known(sum / (double)count);
}

static struct metrics_value
difference(struct metrics_value a, struct metrics_value b)
{
    if (!a.known || !b.known)
        return (struct metrics_value){0.0, false};
    return known(a.value - b.value);
}

static struct metrics_value
variation(const struct metrics_moments *moments)
{
    if (moments->count < 1.0 || moments->mean == 0.0)
        return (struct metrics_value){0.0, false};
    return known(math_abs(math_sqrt(moments_variance(moments)) / moments->mean));
}

static struct metrics_value
expected_calibration_error(const struct metrics_set *self)
{
    double sum = 0.0;

    if (self->truth == 0)
        return (struct metrics_value){0.0, false};
    for (uint32_t i = 0; i < METRICS_BINS; i++) {
        double count = (double)self->bins[i].count;

        if (self->bins[i].count > 0)
            sum += count / (double)self->truth *
                   math_abs(self->bins[i].p / count - (double)self->bins[i].positive / count);
    }
    return known(sum);
}

static struct metrics_value
binned_auc(const struct metrics_set *self)
{
    double wins = 0.0, below = 0.0;
    double good = (double)self->positive, bad = (double)(self->truth - self->positive);

    if (good == 0.0 || bad == 0.0)
        return (struct metrics_value){0.0, false};
    for (uint32_t i = 0; i < METRICS_FINE_BINS; i++) {
        wins += (double)self->fine[1][i] * (below + 0.5 * (double)self->fine[0][i]);
        below += (double)self->fine[0][i];
    }
    return known(wins / (good * bad));
}

/* sqrt(alpha (1 - alpha)), the spread of the acceptance itself. */
static double
acceptance_spread(const struct metrics_set *self)
{
    double alpha = self->count == 0 ? 0.0 : (double)self->accepted / (double)self->count;

    return math_sqrt(alpha * (1.0 - alpha));
}

static struct metrics_value
quality_gap(const struct metrics_set *self)
{
    return difference(mean(self->p_accepted, self->accepted), mean(self->p_rejected, self->count - self->accepted));
}

/* Quality gap in units of the labels' spread: with its sign the correlation of label and acceptance. */
static struct metrics_value
quality_correlation(const struct metrics_set *self)
{
    struct metrics_value gap = quality_gap(self);
    double spread = math_sqrt(moments_variance(&self->p));

    if (!gap.known || spread == 0.0)
        return (struct metrics_value){0.0, false};
    return known(gap.value * acceptance_spread(self) / spread);
}

static void
each_soft(const struct metrics_set *self, const struct payoff_params *params, metrics_each_fn *each, void *context)
{
    struct metrics_value all = mean(self->p_all, self->count), in = mean(self->p_accepted, self->accepted);
    struct metrics_value gap = quality_gap(self), correlation = quality_correlation(self);
    struct metrics_value spread = difference(all, in);
    double refused = self->count == 0 ? 0.0 : (double)(self->count - self->accepted) / (double)self->count;
    const struct {
        const char *name;
        struct metrics_value value;
    } rows[] = {
        {"toxicity_rate", mean(self->not_p_accepted, self->accepted)},
        {"toxicity_rate_all", mean(self->not_p_all, self->count)},
        {"conditional_loss_initiator",
         difference(mean(self->payoff_a_accepted, self->accepted), mean(self->payoff_a_all, self->count))},
        {"conditional_loss_counterparty",
         difference(mean(self->payoff_b_accepted, self->accepted), mean(self->payoff_b_all, self->count))},
        {"spread", {(params->s_plus + params->s_minus) * spread.value, spread.known}},
        {"quality_gap", gap},
        {"average_quality", all},
        {"average_quality_accepted", in},
        {"uncertain_fraction", mean((double)self->uncertain, self->count)},
        {"acceptance_rate", mean((double)self->accepted, self->count)},
        {"high_quality_acceptance", mean((double)self->high_accepted, self->high)},
        {"low_quality_acceptance", mean((double)self->low_accepted, self->count - self->high)},
        {"quality_correlation", correlation},
        {"selection_saturation", {math_abs(correlation.value), correlation.known}},
        {"selection_credit", {refused * gap.value, gap.known}},
        {"quality_variance", {moments_variance(&self->p), self->count > 0}},
        {"quality_variance_accepted", {moments_variance(&self->p_in), self->accepted > 0}},
        {"payoff_variance_initiator", {moments_variance(&self->payoff_a), self->count > 0}},
        {"payoff_variance_counterparty", {moments_variance(&self->payoff_b), self->count > 0}},
        {"cv_p", variation(&self->p)},
        {"cv_payoff_initiator", variation(&self->payoff_a)},
        {"cv_payoff_counterparty", variation(&self->payoff_b)},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        each(context, rows[i].name, rows[i].value.value, rows[i].value.known);
}

static void
each_rest(const struct metrics_set *self, metrics_each_fn *each, void *context)
{
    bool any = self->accepted > 0;
    struct metrics_value soft = mean(self->not_p_accepted, self->accepted);
    struct metrics_value hard = mean((double)self->bad_accepted, self->truth_accepted);
    struct metrics_value calibration =
        difference(mean(self->truth_p, self->truth), mean((double)self->positive, self->truth));
    const struct {
        const char *name;
        struct metrics_value value;
    } rows[] = {
        {"total_welfare", {self->welfare, any}},
        {"total_social_surplus", {self->social, any}},
        {"welfare_hard", {self->welfare_hard, self->truth_accepted > 0}},
        {"avg_initiator_payoff", mean(self->payoff_a_accepted, self->accepted)},
        {"avg_counterparty_payoff", mean(self->payoff_b_accepted, self->accepted)},
        {"harm", {self->harm, any}},
        {"harm_hard", {self->harm_hard, self->truth_accepted > 0}},
        {"volume", {self->volume, any}},
        {"hard_toxicity", hard},
        {"hard_toxicity_by_label", mean((double)self->low_accepted, self->accepted)},
        {"soft_hard_gap", difference(soft, hard)},
        {"calibration_error", calibration},
        {"brier_score", mean(self->brier, self->truth)},
        {"expected_calibration_error", expected_calibration_error(self)},
        {"log_loss", mean(self->log_loss, self->truth)},
        {"discrimination_auc", binned_auc(self)},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        each(context, rows[i].name, rows[i].value.value, rows[i].value.known);
}

void
metrics_set_figures(
    const struct metrics_set *self, const struct payoff_params *params, metrics_each_fn *each, void *context)
{
    each_soft(self, params, each, context);
    each_rest(self, each, context);
}

struct search {
    const char *name;
    struct metrics_value found;
    bool any;
};

static void
search_each(void *context, const char *name, double value, bool is_known)
{
    struct search *search = context;

    if (strcmp(name, search->name) == 0) {
        search->found = (struct metrics_value){value, is_known};
        search->any = true;
    }
}

struct metrics_value
metrics_set_figure(const struct metrics_set *self, const struct payoff_params *params, const char *name)
{
    struct search search = {.name = name};

    metrics_set_figures(self, params, search_each, &search);
    ASSERT(search.any);
    return search.found;
}

struct metrics_decomposition
metrics_set_decompose(const struct metrics_set *self)
{
    struct metrics_value gap = quality_gap(self);
    double refused = self->count == 0 ? 0.0 : (double)(self->count - self->accepted) / (double)self->count;
    struct metrics_decomposition out = {
        .baseline = mean(self->not_p_all, self->count).value, .credit = refused * gap.value,
        .toxicity = mean(self->not_p_accepted, self->accepted).value};

    out.error = out.baseline - out.credit - out.toxicity;
    return out;
}

/* ---- over rows ---- */

struct metrics_participation
metrics_participation(const struct metrics_row *rows, size_t count, double threshold)
{
    struct metrics_participation out = {0};
    uint32_t high_in = 0, low_in = 0;

    for (size_t i = 0; i < count; i++) {
        bool high = rows[i].p >= threshold;

        out.high += high;
        out.low += !high;
        high_in += high && rows[i].accepted;
        low_in += !high && rows[i].accepted;
    }
    out.high_acceptance = mean(high_in, out.high).value;
    out.low_acceptance = mean(low_in, out.low).value;
    return out;
}

double
metrics_uncertain(const struct metrics_row *rows, size_t count, double band)
{
    uint64_t uncertain = 0;

    for (size_t i = 0; i < count; i++)
        uncertain += rows[i].p > 0.5 - band && rows[i].p < 0.5 + band;
    return mean((double)uncertain, count).value;
}

static void
bins_begin(uint32_t bins, struct metrics_bin *out)
{
    double width = 1.0 / (double)bins;

    for (uint32_t i = 0; i < bins; i++)
        out[i] = (struct metrics_bin){.low = (double)i * width, .high = (double)(i + 1) * width};
}

void
metrics_distribution(const struct metrics_row *rows, size_t count, uint32_t bins, struct metrics_bin *out)
{
    bins_begin(bins, out);
    for (size_t i = 0; i < count; i++)
        out[bin_of(rows[i].p, bins)].count++;
}

size_t
metrics_calibration(const struct metrics_row *rows, size_t count, uint32_t bins, struct metrics_bin *out)
{
    size_t found = 0;

    bins_begin(bins, out);
    for (size_t i = 0; i < count; i++) {
        struct metrics_bin *bin = &out[bin_of(rows[i].p, bins)];

        if (rows[i].truth == 0)
            continue;
        found++;
        bin->count++;
        bin->p += rows[i].p;
        bin->positive += rows[i].truth > 0;
    }
    for (uint32_t i = 0; i < bins; i++) {
        struct metrics_bin *bin = &out[i];

        bin->p = bin->count > 0 ? bin->p / (double)bin->count : (bin->low + bin->high) / 2.0;
        bin->positive = bin->count > 0 ? bin->positive / (double)bin->count : 0.0;
    }
    return found;
}

struct metrics_value
metrics_auc(const struct metrics_row *rows, size_t count)
{
    double wins = 0.0, pairs = 0.0;

    for (size_t i = 0; i < count; i++) {
        if (rows[i].truth <= 0)
            continue;
        for (size_t j = 0; j < count; j++) {
            if (rows[j].truth >= 0)
                continue;
            pairs += 1.0;
            wins += rows[i].p > rows[j].p ? 1.0 : rows[i].p == rows[j].p ? 0.5 : 0.0;
        }
    }
    return pairs > 0.0 ? known(wins / pairs) : (struct metrics_value){0.0, false};
}

/* ---- Gini ---- */

/* The bits of a double as a whole number of the same order, and back. */
static uint64_t
ordered(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 != 0 ? ~bits : bits | UINT64_C(1) << 63;
}

/* Ascending, byte by byte from the least significant (radix sort): O(count), no comparisons, no heap. */
static void
sort(double *values, double *scratch, size_t count)
{
    double *from = values, *to = scratch;

    for (unsigned shift = 0; shift < 64; shift += 8) {
        size_t start[256] = {0}, sum = 0;
        double *other;

        for (size_t i = 0; i < count; i++)
            start[ordered(from[i]) >> shift & 0xff]++;
        if (start[ordered(from[0]) >> shift & 0xff] == count)
            continue; /* all alike in this byte */
        for (unsigned i = 0; i < 256; i++) {
            size_t here = start[i];

            start[i] = sum;
            sum += here;
        }
        for (size_t i = 0; i < count; i++)
            to[start[ordered(from[i]) >> shift & 0xff]++] = from[i];
        other = from;
        from = to;
        to = other;
    }
    if (from != values)
        memcpy(values, from, count * sizeof values[0]);
}

struct metrics_value
metrics_gini(double *values, double *scratch, size_t count)
{
    double running = 0.0, sum = 0.0, size = (double)count;

    if (count < 2)
        return (struct metrics_value){0.0, false};
    sort(values, scratch, count);
    for (size_t i = 0; i < count; i++) {
        running += values[i];
        sum += running;
    }
    if (running == 0.0)
        return (struct metrics_value){0.0, false};
    return known((size + 1.0 - 2.0 * sum / running) / size);
}
