/* world/sandbox/contagion.c - who is compromised, by whom, and for how long.
 *
 * Invariants (check_state): 1. `infected` is the number of agents with a depth; 2. only these count for R0 or have been
 * taken out of service; 3. infections less cures are those infected now. */
#include "world/sandbox/contagion.h"

#include "core/arena.h"
#include "core/assert.h"
#include "world/sandbox/feature.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 255u /* of what agents are told */

struct contagion_span {
    uint64_t infections, cures, depth;
    uint64_t closed, passed; /* early infections whose time is over, and whom they infected */
};

struct contagion {
    struct {
        struct contagion_span epoch, run;
        uint64_t infected;  /* now */
        uint64_t outbreak;  /* step in which the present or last outbreak began, from 1; 0: none yet */
        uint64_t contained; /* steps the last outbreak took; 0: none is over, or there is one now */
    } counts;
    /* By agent. */
    uint32_t *depth;  /* 0: clean; 1: a source */
    uint32_t *passed; /* others it has infected within its window */
    uint64_t *since;
    uint8_t *early;   /* 1: counts for R0, and its time is not over */
    uint8_t *treated; /* 1: it was frozen while infected */
};

_Static_assert(sizeof(struct contagion_span) == 5 * 8, "no padding in what is saved as bytes");

#define CONTAGION_COLUMNS(C) C(depth) C(passed) C(since) C(early) C(treated)

static bool
is_on(const struct config *config)
{
    return config->contagion.enabled;
}

#define SPAN_ADD(own, name, amount) SPANS_ADD(&(own)->counts, name, amount)

/* ---- infection and cure ---- */

/* In step 0, before the first, nothing is noted. */
static void
infect(struct sandbox *self, uint32_t agent, uint32_t by, uint32_t depth)
{
    struct contagion *own = self->contagion;

    own->depth[agent] = depth;
    own->passed[agent] = 0;
    own->since[agent] = self->now.step;
    own->treated[agent] = 0;
    if (own->counts.infected == 0) {
        own->counts.outbreak = self->now.step > 0 ? self->now.step : 1;
        own->counts.contained = 0;
    }
    own->counts.infected++;
    own->early[agent] =
        (double)own->counts.infected <= self->config.contagion.onset * (double)self->config.agent_count;
    SPAN_ADD(own, infections, 1);
    own->counts.epoch.depth = depth > own->counts.epoch.depth ? depth : own->counts.epoch.depth;
    own->counts.run.depth = depth > own->counts.run.depth ? depth : own->counts.run.depth;
    if (by != SANDBOX_NOBODY && own->early[by])
        own->passed[by]++;
    if (self->now.step > 0)
        settle_note(self, &(struct note){.kind = NOTE_infected, .agent = agent, .other = by, .id = SANDBOX_NOBODY,
                                         .value = (double)depth});
}

/* Its time is over: whom it has infected counts now. */
static void
close_window(struct contagion *own, uint32_t agent)
{
    if (!own->early[agent])
        return;
    own->early[agent] = 0;
    SPAN_ADD(own, closed, 1);
    SPAN_ADD(own, passed, own->passed[agent]);
}

static void
cure(struct sandbox *self, uint32_t agent)
{
    struct contagion *own = self->contagion;

    close_window(own, agent);
    own->depth[agent] = 0;
    own->treated[agent] = 0;
    own->counts.infected--;
    SPAN_ADD(own, cures, 1);
    if (own->counts.infected == 0)
        own->counts.contained = self->now.step - own->counts.outbreak + 1;
    settle_note(self, &(struct note){.kind = NOTE_cured, .agent = agent, .other = SANDBOX_NOBODY,
                                     .id = SANDBOX_NOBODY});
}

/* ---- life ---- */

static void
make(struct sandbox *self)
{
    struct contagion *own = ALLOC(struct contagion);
    uint32_t count = self->config.agent_count;

#define ALLOCATE(name) own->name = alloc_array(count, sizeof own->name[0]);
    CONTAGION_COLUMNS(ALLOCATE)
    self->contagion = own;
}

static void
destroy(struct sandbox *self)
{
    struct contagion *own = self->contagion;

    if (own == NULL)
        return;
#define FREE(name) free(own->name);
    CONTAGION_COLUMNS(FREE)
    free(own);
    self->contagion = NULL;
}

static void
genesis(struct sandbox *self)
{
    struct contagion *own = self->contagion;
    uint32_t count = self->config.agent_count, sources = self->config.contagion.sources;
    struct rng rng = rng_make(self->seed, STREAM_CONTAGION, 0, 0);

    memset(&own->counts, 0, sizeof own->counts);
#define ZERO(name) memset(own->name, 0, count * sizeof own->name[0]);
    CONTAGION_COLUMNS(ZERO)
    sources = sources < count ? sources : count;
    /* Each agent in turn, with the chance that keeps all choices equally likely (Knuth 1997, algorithm S). */
    for (uint32_t agent = 0; agent < count && sources > 0; agent++)
        if (rng_below(&rng, count - agent) < sources) {
            infect(self, agent, SANDBOX_NOBODY, 1);
            sources--;
        }
}

/* ---- a deal ---- */

uint32_t
contagion_flags(const struct sandbox *self, const struct deal *deal)
{
    struct rng rng;

    if (!self->config.contagion.enabled || !deal->payload)
        return 0;
    rng = rng_make(self->seed, STREAM_PAYLOAD, deal->initiator, self->now.step);
    return rng_chance(&rng, self->config.contagion.detectability) ? 1 : 0;
}

/* Who sends payloads of its own accord is as good as a source. */
static void
dealt(struct sandbox *self, const struct deal *deal, bool happened)
{
    struct contagion *own = self->contagion;
    uint32_t from = deal->initiator, to = deal->counterparty;

    if (happened && deal->payload && own->depth[to] == 0) {
        struct rng rng = rng_make(self->seed, STREAM_CONTAGION, from, self->now.step);

        if (rng_chance(&rng, self->config.contagion.susceptibility))
            infect(self, to, from, (own->depth[from] > 0 ? own->depth[from] : 1) + 1);
    }
    if (self->config.contagion.cure_on_audit && deal->audit == AUDIT_CAUGHT && own->depth[from] > 0)
        cure(self, from);
}

/* ---- steps ---- */

static void
begin(struct sandbox *self)
{
    struct contagion *own = self->contagion;

    if (is_epoch_start(self) && self->now.step > 1) /* genesis belongs to the first epoch */
        own->counts.epoch = (struct contagion_span){0};
    for (uint32_t agent = 0; agent < self->config.agent_count && own->counts.infected > 0; agent++) {
        if (own->depth[agent] == 0)
            continue;
        if (is_frozen(self, agent))
            own->treated[agent] = self->config.contagion.cure_on_freeze;
        else if (own->treated[agent])
            cure(self, agent);
    }
}

static void
end(struct sandbox *self)
{
    struct contagion *own = self->contagion;

    for (uint32_t agent = 0; agent < self->config.agent_count && own->counts.infected > 0; agent++)
        if (own->early[agent] && self->now.step - own->since[agent] >= self->config.contagion.window)
            close_window(own, agent);
}

static void
write(const struct sandbox *self, const struct batch_writer *writer, const uint32_t *agents)
{
    uint8_t *compromised = batch_column(writer, OBSERVE_compromised);

    for (uint32_t i = 0; i < writer->count[ACT_TRAIT]; i++) {
        uint32_t depth = self->contagion->depth[agents[i]];

        compromised[i] = (uint8_t)(depth < DEPTH_MAX ? depth : DEPTH_MAX);
    }
}

static void
figures(const struct sandbox *self, bool whole_run, const struct figure_sink *sink)
{
    const struct contagion *own = self->contagion;
    const struct contagion_span *span = whole_run ? &own->counts.run : &own->counts.epoch;

    figure_put(sink, "infected", (double)own->counts.infected, true);
    figure_put_share(sink, "infected_share", (double)own->counts.infected, (double)self->config.agent_count);
    figure_put(sink, "contagion_depth", (double)span->depth, true);
    figure_put_share(sink, "contagion_r0", (double)span->passed, (double)span->closed);
    figure_put(sink, "contagion_containment_steps", (double)own->counts.contained, own->counts.contained > 0);
    figure_put(sink, "infections", (double)span->infections, true);
    figure_put(sink, "cures", (double)span->cures, true);
}

static void
cells(struct sandbox *self, struct cells *out)
{
    struct contagion *own = self->contagion;

    cells_add(out, &own->counts, sizeof own->counts);
#define CELL(name) cells_add(out, own->name, self->config.agent_count * sizeof own->name[0]);
    CONTAGION_COLUMNS(CELL)
}

static int
check_state(const struct sandbox *self, struct why *why)
{
    const struct contagion *own = self->contagion;
    uint64_t infected = 0;

    for (uint32_t agent = 0; agent < self->config.agent_count; agent++) {
        bool is_infected = own->depth[agent] > 0;

        infected += is_infected;
        if (own->early[agent] > is_infected || own->treated[agent] > is_infected)
            return fail(why, ERR_STATE, "contagion: what is known of agent %" PRIu32 " makes no sense", agent);
    }
    if (infected != own->counts.infected || own->counts.run.infections - own->counts.run.cures != infected)
        return fail(why, ERR_STATE, "contagion: %" PRIu64 " infected, not %" PRIu64, own->counts.infected, infected);
    return 0;
}

const struct feature feature_contagion = {
    .name = "contagion",
    .traits = true,
    .is_on = is_on,
    .make = make,
    .destroy = destroy,
    .genesis = genesis,
    .begin = begin,
    .end = end,
    .write = write,
    .dealt = dealt,
    .figures = figures,
    .cells = cells,
    .check_state = check_state,
};
