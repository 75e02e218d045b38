#include "control/sweep_stop.h"

#include "core/arena.h"
#include "core/assert.h"

#include <math.h>
#include <stdlib.h>

struct sweep_stopper {
    const struct sweep_plan *plan;
    const struct sweep_results *results;
    uint32_t *needs;  /* replicates up to the next look; final when it has stopped */
    bool *stopped;
    uint32_t *ended;  /* length of the start of its replicates that have all ended */
    uint32_t *given;  /* the first replicate that was neither given out nor there from the beginning */
};

struct sweep_stopper *
sweep_stop_new(const struct sweep_plan *plan, const struct sweep_results *results)
{
    struct sweep_stopper *self = ALLOC(struct sweep_stopper);
    bool rule = plan->stop.metric != NULL && plan->stop.min_seeds < plan->seed_count;

    self->plan = plan;
    self->results = results;
    self->needs = ALLOC_ARRAY(uint32_t, plan->cell_count);
    self->stopped = ALLOC_ARRAY(bool, plan->cell_count);
    self->ended = ALLOC_ARRAY(uint32_t, plan->cell_count);
    self->given = ALLOC_ARRAY(uint32_t, plan->cell_count);
    for (uint32_t c = 0; c < plan->cell_count; c++) {
        self->needs[c] = rule ? plan->stop.min_seeds : plan->seed_count;
        self->stopped[c] = !rule;
    }
    return self;
}

void
sweep_stop_destroy(struct sweep_stopper **self_p)
{
    struct sweep_stopper *self = *self_p;

    if (self == NULL)
        return;
    free(self->needs);
    free(self->stopped);
    free(self->ended);
    free(self->given);
    free(self);
    *self_p = NULL;
}

static bool
is_narrow(const struct sweep_stopper *self, uint32_t cell)
{
    const struct sweep_stop *stop = &self->plan->stop;
    struct sweep_estimate estimate;
    double half;

    sweep_results_estimate(self->results, self->needs, cell, stop->metric, &estimate);
    half = cell == self->plan->baseline ? (estimate.high - estimate.low) / 2.0
                                        : (estimate.difference_high - estimate.difference_low) / 2.0;
    return isfinite(half) && half < stop->half_width;
}

/* To the next look, or to the end when there are no more seeds. */
static void
go_on(struct sweep_stopper *self, uint32_t cell)
{
    uint32_t left = self->plan->seed_count - self->needs[cell];

    self->needs[cell] += self->plan->stop.batch < left ? self->plan->stop.batch : left;
    self->stopped[cell] = self->needs[cell] == self->plan->seed_count;
}

/* A cell other than the baseline. Its pairs are those of its own replicates: the baseline may be a look behind, and
 * then it is waited for. True when something was decided. */
static bool
look_at(struct sweep_stopper *self, uint32_t cell)
{
    uint32_t baseline = self->plan->baseline;

    if (self->stopped[cell] || self->ended[cell] < self->needs[cell] || self->needs[baseline] < self->needs[cell] ||
        self->ended[baseline] < self->needs[cell])
        return false;
    if (is_narrow(self, cell))
        self->stopped[cell] = true;
    else
        go_on(self, cell);
    return true;
}

static bool
look_at_baseline(struct sweep_stopper *self)
{
    uint32_t baseline = self->plan->baseline;
    bool wanted = false, waits = false;

    if (self->stopped[baseline] || self->ended[baseline] < self->needs[baseline])
        return false;
    for (uint32_t c = 0; c < self->plan->cell_count; c++) {
        wanted = wanted || self->needs[c] > self->needs[baseline];
        waits = waits || (c != baseline && !self->stopped[c] && self->needs[c] <= self->needs[baseline]);
    }
    if (!wanted && waits)
        return false;
    if (!wanted && is_narrow(self, baseline))
        self->stopped[baseline] = true;
    else
        go_on(self, baseline);
    return true;
}

void
sweep_stop_look(struct sweep_stopper *self)
{
    bool moved = true;

    for (uint32_t c = 0; c < self->plan->cell_count; c++)
        while (self->ended[c] < self->plan->seed_count &&
               sweep_results_status(self->results, c, self->ended[c]) != SWEEP_MISSING)
            self->ended[c]++;
    while (moved) {
        moved = false;
        for (uint32_t c = 0; c < self->plan->cell_count; c++)
            moved = (c == self->plan->baseline ? look_at_baseline(self) : look_at(self, c)) || moved;
    }
}

const uint32_t *
sweep_stop_needs(const struct sweep_stopper *self)
{
    return self->needs;
}

bool
sweep_stop_ended(const struct sweep_stopper *self)
{
    for (uint32_t c = 0; c < self->plan->cell_count; c++)
        if (!self->stopped[c] || self->ended[c] < self->needs[c])
            return false;
    return true;
}

/* The first one of a cell that has to be run and is below `limit`. */
static bool
find_open(struct sweep_stopper *self, uint32_t cell, uint32_t limit)
{
    while (self->given[cell] < limit &&
           sweep_results_status(self->results, cell, self->given[cell]) != SWEEP_MISSING)
        self->given[cell]++;
    return self->given[cell] < limit;
}

bool
sweep_stop_next(struct sweep_stopper *self, uint32_t *cell, uint32_t *replicate)
{
    uint32_t count = self->plan->seed_count, best = UINT32_MAX;

    for (uint32_t pass = 0; pass < 2 && best == UINT32_MAX; pass++)
        for (uint32_t c = 0; c < self->plan->cell_count; c++) {
            uint32_t ahead = pass == 0 || self->stopped[c] ? 0 : self->plan->stop.batch;
            uint32_t limit = count - self->needs[c] < ahead ? count : self->needs[c] + ahead;

            if (find_open(self, c, limit) && (best == UINT32_MAX || self->given[c] < self->given[best]))
                best = c;
        }
    if (best == UINT32_MAX)
        return false;
    *cell = best;
    *replicate = self->given[best]++;
    return true;
}
