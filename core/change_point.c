#include "core/change_point.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/math.h"
#include "core/rng.h"
#include "core/streams.h"

#define PLACES 200u /* tried for the bend */
#define LEAST 5u    /* rows and points */

struct fit {
    double sse, at, a, b, c; /* a + b x + c max(0, x - at), to the means */
};

/* Solves a 3 x 3 system by elimination with row exchange; a singular one gives zeros. */
static void
solve(double m[3][4], double out[3])
{
    for (int i = 0; i < 3; i++) {
        int pivot = i;

        for (int j = i + 1; j < 3; j++)
            if (math_abs(m[j][i]) > math_abs(m[pivot][i]))
                pivot = j;
        for (int k = 0; k < 4; k++) {
            double spare = m[i][k];

            m[i][k] = m[pivot][k];
            m[pivot][k] = spare;
        }
        if (m[i][i] == 0.0) {
            out[0] = out[1] = out[2] = 0.0;
            return;
        }
        for (int j = i + 1; j < 3; j++) {
            double factor = m[j][i] / m[i][i];

            for (int k = i; k < 4; k++)
                m[j][k] -= factor * m[i][k];
        }
    }
    for (int i = 2; i >= 0; i--) {
        double sum = m[i][3];

        for (int j = i + 1; j < 3; j++)
            sum -= m[i][j] * out[j];
        out[i] = sum / m[i][i];
    }
}

static double
error_of(const double *x, const double *y, uint32_t points, const struct fit *fit)
{
    double sse = 0.0;

    for (uint32_t i = 0; i < points; i++) {
        double e = y[i] - fit->a - fit->b * x[i] - fit->c * math_max(0.0, x[i] - fit->at);

        sse += e * e;
    }
    return sse;
}

static struct fit
fit_line(const double *x, const double *y, uint32_t points)
{
    double n = points, sx = 0, sy = 0, sxx = 0, sxy = 0, mean_x, mean_y;
    struct fit fit = {0};

    for (uint32_t i = 0; i < points; i++) {
        sx += x[i];
        sy += y[i];
    }
    mean_x = sx / n;
    mean_y = sy / n;
    for (uint32_t i = 0; i < points; i++) {
        sxx += (x[i] - mean_x) * (x[i] - mean_x);
        sxy += (x[i] - mean_x) * (y[i] - mean_y);
    }
    fit.b = sxx > 0 ? sxy / sxx : 0.0;
    fit.a = mean_y - fit.b * mean_x;
    fit.sse = error_of(x, y, points, &fit);
    return fit;
}

static struct fit
fit_bend_at(const double *x, const double *y, uint32_t points, double at)
{
    double m[3][4] = {{0}}, out[3] = {0};
    struct fit fit = {.at = at};

    for (uint32_t i = 0; i < points; i++) {
        double row[3] = {1.0, x[i], math_max(0.0, x[i] - at)};

        for (int j = 0; j < 3; j++) {
            for (int k = 0; k < 3; k++)
                m[j][k] += row[j] * row[k];
            m[j][3] += row[j] * y[i];
        }
    }
    solve(m, out);
    fit.a = out[0];
    fit.b = out[1];
    fit.c = out[2];
    fit.sse = error_of(x, y, points, &fit);
    return fit;
}

/* The best bend between the second and the last but one point. */
static struct fit
fit_bend(const double *x, const double *y, uint32_t points)
{
    struct fit best = {.sse = INFINITY};

    for (uint32_t i = 0; i <= PLACES; i++) {
        double at = x[1] + (x[points - 2] - x[1]) * (double)i / PLACES;
        struct fit fit = fit_bend_at(x, y, points, at);

        if (fit.sse < best.sse)
            best = fit;
    }
    return best;
}

/* Column means of the rows whose indexes are given, and the sum of squares within columns. */
static double
take_means(const double *y, const uint32_t *chosen, uint32_t rows, uint32_t points, double *means)
{
    double within = 0.0;

    for (uint32_t j = 0; j < points; j++) {
        double sum = 0.0;

        for (uint32_t i = 0; i < rows; i++)
            sum += y[(size_t)chosen[i] * points + j];
        means[j] = sum / rows;
        for (uint32_t i = 0; i < rows; i++) {
            double e = y[(size_t)chosen[i] * points + j] - means[j];

            within += e * e;
        }
    }
    return within;
}

/* sup F: what two more parameters (the bend and its place) explain, against what stays unexplained. */
static double
statistic_of(const struct fit *line, const struct fit *bend, double within, uint32_t rows, uint32_t points)
{
    double left = rows * bend->sse + within, degrees = (double)rows * points - 4.0;

    return left > 0.0 ? rows * (line->sse - bend->sse) / 2.0 / (left / degrees) : 0.0;
}

static void
choose(struct rng *rng, uint32_t rows, uint32_t *out)
{
    for (uint32_t i = 0; i < rows; i++)
        out[i] = rng_below(rng, rows);
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Rows without an unknown value, packed. */
static uint32_t
pack_rows(const double *y, uint32_t rows, uint32_t points, double *out)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < rows; i++) {
        bool known = true;

        for (uint32_t j = 0; j < points; j++)
            known = known && isfinite(y[(size_t)i * points + j]);
        if (known)
            memcpy(out + (size_t)kept++ * points, y + (size_t)i * points, points * sizeof *y);
    }
    return kept;
}

struct work {
    double *packed, *null, *means, *places;
    uint32_t *chosen;
};

/* Under "no bend" the means lie on the line and the rows scatter about them as they do. */
static void
make_null(const struct work *work, const double *x, uint32_t rows, uint32_t points, const struct fit *line)
{
    for (uint32_t i = 0; i < rows; i++)
        for (uint32_t j = 0; j < points; j++)
            work->null[(size_t)i * points + j] =
                work->packed[(size_t)i * points + j] - work->means[j] + line->a + line->b * x[j];
}

static void
resample(const struct work *work, const double *x, uint32_t points, uint32_t resamples, uint64_t seed,
         struct change_point *out)
{
    uint32_t reached = 0;

    for (uint32_t r = 0; r < resamples; r++) {
        struct rng rng = rng_make(seed, STREAM_CHANGE_POINT, 0, r);
        struct fit line, bend;
        double within;

        choose(&rng, out->rows, work->chosen);
        within = take_means(work->null, work->chosen, out->rows, points, work->means);
        line = fit_line(x, work->means, points);
        bend = fit_bend(x, work->means, points);
        reached += statistic_of(&line, &bend, within, out->rows, points) >= out->statistic;
        choose(&rng, out->rows, work->chosen);
        (void)take_means(work->packed, work->chosen, out->rows, points, work->means);
        work->places[r] = fit_bend(x, work->means, points).at;
    }
    qsort(work->places, resamples, sizeof *work->places, compare);
    out->low = work->places[(uint32_t)(0.025 * (resamples - 1) + 0.5)];
    out->high = work->places[(uint32_t)(0.975 * (resamples - 1) + 0.5)];
    out->p = (1.0 + reached) / (1.0 + resamples);
}

static double
spread(const double *means, uint32_t points)
{
    double sum = 0.0, squares = 0.0;

    for (uint32_t j = 0; j < points; j++)
        sum += means[j];
    for (uint32_t j = 0; j < points; j++)
        squares += (means[j] - sum / points) * (means[j] - sum / points);
    return squares;
}

void
change_point_find(const double *x, uint32_t points, const double *y, uint32_t rows, uint64_t seed, uint32_t resamples,
                  struct change_point *out)
{
    struct work work = {.packed = ALLOC_ARRAY(double, (size_t)rows * points + 1),
        .null = ALLOC_ARRAY(double, (size_t)rows * points + 1), .means = ALLOC_ARRAY(double, points + 1u),
        .places = ALLOC_ARRAY(double, resamples + 1u), .chosen = ALLOC_ARRAY(uint32_t, rows + 1u)};
    struct fit line, bend;
    double within, range;

    ASSERT(resamples > 0);
    *out = (struct change_point){.rows = pack_rows(y, rows, points, work.packed)};
    if (out->rows >= LEAST && points >= LEAST) {
        for (uint32_t i = 0; i < out->rows; i++)
            work.chosen[i] = i;
        within = take_means(work.packed, work.chosen, out->rows, points, work.means);
        line = fit_line(x, work.means, points);
        bend = fit_bend(x, work.means, points);
        range = spread(work.means, points);
        out->tested = true;
        out->at = bend.at;
        out->before = bend.b;
        out->after = bend.b + bend.c;
        out->jump = range > 0.0 ? (line.sse - bend.sse) / range : 0.0;
        out->statistic = statistic_of(&line, &bend, within, out->rows, points);
        make_null(&work, x, out->rows, points, &line);
        resample(&work, x, points, resamples, seed, out);
    }
    free(work.packed);
    free(work.null);
    free(work.means);
    free(work.places);
    free(work.chosen);
}
