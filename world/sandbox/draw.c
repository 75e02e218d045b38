#include "world/sandbox/draw.h"

#include "core/math.h"

#include <stdbool.h>

enum { BAD, GOOD };

/* The rows, [BAD] and [GOOD]: bounds of the uniforms, first and last of the counts. */
static const struct {
    double low, high;
} progress_row[] = {{-0.3, 0.2}, {0.3, 0.8}}, engagement_row[] = {{-0.5, -0.1}, {0.2, 0.6}};
static const struct {
    int32_t low, high;
} rework_row[] = {{1, 3}, {0, 1}}, rejections_row[] = {{1, 2}, {0, 0}}, misuse_row[] = {{0, 1}, {0, 0}};

double
draw_chance(double effort, double skill, double difficulty)
{
    return math_clamp(0.10 + 0.85 * effort * (0.5 + 0.5 * skill) - 0.10 * difficulty, 0.02, 0.98);
}

struct draw
draw_work(struct rng *rng, double chance, double disguise)
{
    bool good = rng_chance(rng, chance);
    struct draw out = {.truth = good ? 1 : -1};
    double u[5];
    bool row[5];

    for (unsigned i = 0; i < 5; i++) {
        row[i] = rng_chance(rng, disguise) || good;
        u[i] = rng_real(rng);
    }
#define UNIFORM(name, i) (name[row[i]].low + (name[row[i]].high - name[row[i]].low) * u[i])
#define COUNT(name, i)                                                                                               \
    ((uint32_t)(name[row[i]].low + (int32_t)(u[i] * (double)(name[row[i]].high - name[row[i]].low + 1))))
    out.seen.progress = UNIFORM(progress_row, 0);
    out.seen.rework = COUNT(rework_row, 1);
    out.seen.rejections = COUNT(rejections_row, 2);
    out.seen.misuse = COUNT(misuse_row, 3);
    out.seen.engagement = UNIFORM(engagement_row, 4);
    return out;
}

uint8_t
draw_revealed(struct rng *rng, double scarcity)
{
    unsigned revealed = 0;

    for (unsigned i = 0; i < 5; i++)
        if (!rng_chance(rng, scarcity))
            revealed |= 1u << i;
    return (uint8_t)revealed;
}

void
draw_refused(struct observables *seen)
{
    seen->engagement = math_min(seen->engagement, 0.0);
}

/* ---- expectations ---- */

#define PANELS 4u
#define POINTS 8u

/* Gauss-Legendre on [-1, 1], 8 points: nodes +-x and weights (Abramowitz & Stegun 1964, table 25.4). */
static const double node[POINTS / 2] = {
    0.1834346424956498, 0.5255324099163290, 0.7966664774136267, 0.9602898564975363};
static const double weight[POINTS / 2] = {
    0.3626837833783620, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763};

/* Nodes and weights (adding up to 1) of a uniform on [low, high]. */
static void
nodes_of(double low, double high, double at[PANELS * POINTS], double share[PANELS * POINTS])
{
    double half = (high - low) / (2.0 * PANELS);
    unsigned count = 0;

    for (unsigned panel = 0; panel < PANELS; panel++) {
        double middle = low + half * (double)(2 * panel + 1);

        for (unsigned i = 0; i < POINTS / 2; i++) {
            at[count] = middle - half * node[i];
            share[count++] = weight[i] / (2.0 * PANELS);
            at[count] = middle + half * node[i];
            share[count++] = weight[i] / (2.0 * PANELS);
        }
    }
}

/* E[p] over the two uniforms, drawn from the given rows, with these counts. */
static double
integrate(const struct proxy_params *params, struct observables seen, unsigned progress, unsigned engagement)
{
    double x[PANELS * POINTS], y[PANELS * POINTS], wx[PANELS * POINTS], wy[PANELS * POINTS];
    double sum = 0.0;

    nodes_of(progress_row[progress].low, progress_row[progress].high, x, wx);
    nodes_of(engagement_row[engagement].low, engagement_row[engagement].high, y, wy);
    for (unsigned i = 0; i < PANELS * POINTS; i++) {
        double inner = 0.0;

        seen.progress = x[i];
        for (unsigned j = 0; j < PANELS * POINTS; j++) {
            seen.engagement = y[j];
            inner += wy[j] * proxy_p(params, &seen);
        }
        sum += wx[i] * inner;
    }
    return sum;
}

#define REWORKS 4u
#define REJECTIONS 3u
#define MISUSES 2u

/* Probability of `count` when it comes from the good row with probability m, else from the bad one. */
#define MIXED(name, count, m) ((m) * SHARE(name, GOOD, count) + (1.0 - (m)) * SHARE(name, BAD, count))
#define SHARE(name, row, count)                                                                                      \
    ((int32_t)(count) >= name[row].low && (int32_t)(count) <= name[row].high ?                                       \
         1.0 / (double)(name[row].high - name[row].low + 1) : 0.0)

static double
mix(double label[REWORKS][REJECTIONS][MISUSES][2][2], double m)
{
    double sum = 0.0;

    for (unsigned i = 0; i < REWORKS * REJECTIONS * MISUSES * 4; i++) {
        unsigned rework = i % REWORKS, rejections = i / REWORKS % REJECTIONS;
        unsigned misuse = i / (REWORKS * REJECTIONS) % MISUSES;
        unsigned progress = i / (REWORKS * REJECTIONS * MISUSES) % 2,
                 engagement = i / (REWORKS * REJECTIONS * MISUSES * 2);

        sum += MIXED(rework_row, rework, m) * MIXED(rejections_row, rejections, m) * MIXED(misuse_row, misuse, m) *
               (progress == GOOD ? m : 1.0 - m) * (engagement == GOOD ? m : 1.0 - m) *
               label[rework][rejections][misuse][progress][engagement];
    }
    return sum;
}

void
draw_expectations(const struct proxy_params *params, double *good, double bad[SANDBOX_GRID])
{
    double label[REWORKS][REJECTIONS][MISUSES][2][2];

    for (unsigned rework = 0; rework < REWORKS; rework++)
        for (unsigned rejections = 0; rejections < REJECTIONS; rejections++)
            for (unsigned misuse = 0; misuse < MISUSES; misuse++)
                for (unsigned rows = 0; rows < 4; rows++)
                    label[rework][rejections][misuse][rows / 2][rows % 2] = integrate(
                        params, (struct observables){.rework = rework, .rejections = rejections, .misuse = misuse},
                        rows / 2, rows % 2);
    *good = mix(label, 1.0);
    for (unsigned i = 0; i < SANDBOX_GRID; i++)
        bad[i] = mix(label, (double)i / 10.0);
}

_Static_assert(SANDBOX_GRID == 11, "the grid's step is a tenth");
