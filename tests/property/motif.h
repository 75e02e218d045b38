/* tests/property/motif.h - a shipped scenario played in this process: the domain, its policies and its levers talk to
 * each other directly, and what is kept of a run are its figures. */
#ifndef POLIS_TESTS_MOTIF_H
#define POLIS_TESTS_MOTIF_H

#include "agents/chunk.h"
#include "control/scenario.h"
#include "governance/engine.h"
#include "proto/sandbox.h"
#include "tests/support/test.h"
#include "world/domain.h"

#include <stdio.h>
#include <string.h>

#define MOTIF_FIGURES 400u
#define MOTIF_EPOCHS 100u
#define MOTIF_OVERRIDES 12u

/* The figures of an epoch, or of the run. */
struct motif_span {
    struct motif_figure {
        char name[64];
        double value;
        bool known;
    } figures[MOTIF_FIGURES];
    uint32_t count;
    double quotes[QUOTE_COUNT]; /* the public numbers that agents saw last */
};

struct motif {
    struct motif_span *epochs, run;
    uint32_t epoch_count;
};

struct motif_players {
    struct scenario scenario;
    void *self;
    struct engine *engine; /* NULL: no levers */
    struct chunk_policy *policies; /* by slot */
    struct chunk_scratch scratch;
    uint64_t seed, step;
    double quotes[QUOTE_COUNT];
};

static inline void
motif_hold(int code, const struct why *why)
{
    if (code != 0)
        fail_msg("%s", why->text);
}

static inline void
motif_read(const struct schema *schema, const struct buffer *bytes, struct batch *out)
{
    struct why why = {0};

    motif_hold(batch_read(schema, bytes->data, bytes->size, out, &why), &why);
    motif_hold(batch_check(out, &why), &why);
}

static inline struct chunk_policy
motif_policy(const struct domain_slot *slot, uint64_t seed)
{
    struct chunk_policy out = {.policy = policy_find(slot->policy), .seed = seed};
    struct yaml_tree *tree = NULL;
    struct why why = {0};
    void *params;

    assert_non_null(out.policy);
    params = calloc(1, out.policy->params->size);
    motif_hold(yaml_read_text("params", slot->params, strlen(slot->params), &tree, &why), &why);
    motif_hold(params_bind(out.policy->params, yaml_root(tree), NULL, params, &why), &why);
    yaml_destroy(&tree);
    out.params = params;
    return out;
}

/* A group's answer, or governance's, at the end of `out`. */
static inline void
motif_ask(struct motif_players *p, const struct exchange *exchange, uint32_t group, struct buffer *out,
          struct batch *answer)
{
    const struct domain *domain = p->scenario.domain;
    bool agents = exchange->kind == EXCHANGE_AGENTS;
    uint32_t count = agents ? exchange->groups[group].count : 0;
    struct buffer bytes = {0};
    struct batch ask;
    struct why why = {0};

    domain->ask(p->self, exchange, group, 0, count, &bytes);
    motif_read(exchange->ask, &bytes, &ask);
    if (exchange->ask == &schema_sandbox_observe)
        for (uint32_t i = 0; i < QUOTE_COUNT; i++)
            p->quotes[i] = batch_f64(&ask, OBSERVE_quote, i);
    if (agents)
        chunk_decide(&p->policies[exchange->groups[group].slot], &ask, p->step, p->seed, &p->scratch, out);
    else
        motif_hold(engine_judge(p->engine, p->step, engine_step(p->engine) == p->step ? engine_phase(p->engine) + 1 : 1,
                                &ask, p->seed, out, &why), &why);
    motif_read(exchange->answer, out, answer);
    motif_hold(domain->check(p->self, exchange, group, 0, count, answer, &why), &why);
    buffer_fini(&bytes);
}

static inline void
motif_exchange(struct motif_players *p, const struct exchange *exchange)
{
    uint32_t count = exchange->kind == EXCHANGE_AGENTS ? exchange->group_count : 1;
    struct buffer *bytes = calloc(count, sizeof *bytes);
    struct batch *answers = calloc(count, sizeof *answers);

    for (uint32_t group = 0; group < count; group++)
        motif_ask(p, exchange, group, &bytes[group], &answers[group]);
    p->scenario.domain->take(p->self, exchange, answers, NULL);
    for (uint32_t group = 0; group < count; group++)
        buffer_fini(&bytes[group]);
    free(bytes);
    free(answers);
}

static inline void
motif_keep(void *context, const char *name, double value, bool known)
{
    struct motif_span *span = context;

    assert_true(span->count < MOTIF_FIGURES);
    span->figures[span->count].value = value;
    span->figures[span->count].known = known;
    snprintf(span->figures[span->count++].name, sizeof span->figures[0].name, "%s", name);
}

static inline void
motif_begin(struct motif_players *p, const char *name, const char *const *overrides, uint64_t seed)
{
    const char *all[MOTIF_OVERRIDES + 1];
    char seed_text[64];
    const struct domain_slot *slots;
    uint32_t count = 0, slot_count;
    struct yaml_node *root;
    struct why why = {0};

    for (; overrides != NULL && overrides[count] != NULL; count++) {
        assert_true(count < MOTIF_OVERRIDES);
        all[count] = overrides[count];
    }
    snprintf(seed_text, sizeof seed_text, "simulation.seed=%llu", (unsigned long long)seed);
    all[count++] = seed_text;
    *p = (struct motif_players){.seed = seed};
    motif_hold(scenario_load(name, all, count, &p->scenario, &why), &why);
    root = yaml_root(p->scenario.tree);
    motif_hold(p->scenario.domain->configure(root, seed, &p->self, &why), &why);
    p->scenario.domain->genesis(p->self);
    slot_count = p->scenario.domain->slots(p->self, &slots);
    p->policies = calloc(slot_count, sizeof *p->policies);
    for (uint32_t i = 0; i < slot_count; i++)
        p->policies[i] = motif_policy(&slots[i], seed);
    if (p->scenario.governed)
        motif_hold(engine_new(yaml_find(root, "governance"), seed, p->scenario.domain->agent_count(p->self),
                              &p->engine, &why), &why);
}

static inline void
motif_end(struct motif_players *p)
{
    const struct domain_slot *slots;
    uint32_t count = p->scenario.domain->slots(p->self, &slots);

    for (uint32_t i = 0; i < count; i++)
        free((void *)(uintptr_t)p->policies[i].params);
    free(p->policies);
    chunk_scratch_fini(&p->scratch);
    engine_destroy(&p->engine);
    p->scenario.domain->destroy(p->self);
    scenario_fini(&p->scenario);
}

static inline void
motif_step(struct motif_players *p)
{
    const struct domain *domain = p->scenario.domain;
    struct exchange exchange;

    domain->begin(p->self, ++p->step);
    while (domain->next(p->self, &exchange))
        motif_exchange(p, &exchange);
    domain->end(p->self);
}

/* Plays it to its end. Free with motif_fini(). */
static inline struct motif
motif_play(const char *name, const char *const *overrides, uint64_t seed)
{
    struct motif out = {0};
    struct motif_players players;
    struct why why = {0};

    motif_begin(&players, name, overrides, seed);
    assert_true(players.scenario.plan.simulation.epochs <= MOTIF_EPOCHS);
    out.epochs = calloc(MOTIF_EPOCHS, sizeof *out.epochs);
    while (players.step < players.scenario.plan.steps) {
        motif_step(&players);
        if (players.step % players.scenario.plan.simulation.steps_per_epoch != 0)
            continue;
        motif_hold(players.scenario.domain->check_invariants(players.self, &why), &why);
        memcpy(out.epochs[out.epoch_count].quotes, players.quotes, sizeof players.quotes);
        players.scenario.domain->figures(players.self, false, motif_keep, &out.epochs[out.epoch_count++]);
    }
    players.scenario.domain->figures(players.self, true, motif_keep, &out.run);
    motif_end(&players);
    return out;
}

static inline void
motif_fini(struct motif *self)
{
    free(self->epochs);
    *self = (struct motif){0};
}

/* NULL when there is no such figure, or it is not known. */
static inline const double *
motif_find(const struct motif_span *span, const char *name)
{
    for (uint32_t i = 0; i < span->count; i++)
        if (strcmp(span->figures[i].name, name) == 0)
            return span->figures[i].known ? &span->figures[i].value : NULL;
    return NULL;
}

static inline double
motif_get(const struct motif_span *span, const char *name)
{
    const double *value = motif_find(span, name);

    if (value == NULL)
        fail_msg("figure %s is not there or not known", name);
    return *value;
}

/* The mean over epochs [first, last) in which it is known. */
static inline double
motif_mean(const struct motif *self, const char *name, uint32_t first, uint32_t last)
{
    double sum = 0.0;
    uint32_t count = 0;

    for (uint32_t i = first; i < last && i < self->epoch_count; i++) {
        const double *value = motif_find(&self->epochs[i], name);

        sum += value != NULL ? *value : 0.0;
        count += value != NULL;
    }
    if (count == 0)
        fail_msg("figure %s is known in none of the epochs", name);
    return sum / count;
}

#endif
