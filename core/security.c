#include "core/security.h"

#include "core/arena.h"
#include "core/assert.h"
#include "core/math.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define P_BAD 0.3         /* below: work that harms */
#define P_SUCCESS 0.4     /* below, accepted and rewarded: somebody was talked into it */
#define P_DOUBTFUL 0.5
#define TARGET_SHARE 0.3  /* of a sign's risk that falls on whom it went for */
#define SPREAD_MAX 5u     /* later interactions that a chain follows */

/* ---- one interaction ---- */

static double
flags_of(const struct detect_interaction *item)
{
    return math_min(0.4, 0.2 * (double)item->misuse) + math_min(0.3, 0.15 * (double)item->rejections);
}

static bool
is_bad(const struct detect_interaction *item)
{
    return item->accepted && item->p < P_BAD;
}

double
security_injection(const struct detect_interaction *item)
{
    double work = is_bad(item) ? 0.3 * (P_BAD - item->p) / P_BAD : 0.0;

    return math_min(1.0, work + flags_of(item));
}

double
security_injection_realtime(const struct detect_interaction *item, double score)
{
    return math_min(1.0, (is_bad(item) ? 0.3 : 0.0) + flags_of(item) + 0.3 * score);
}

double
security_sign_risk(const struct security_sign *sign)
{
    return sign->severity * sign->confidence;
}

/* ---- the report's arrays ---- */

void
security_report_fini(struct security_report *self)
{
    free(self->signs);
    free(self->agents);
    free(self->score);
    *self = (struct security_report){0};
}

static void *
grown(void *items, size_t used, size_t *capacity, size_t size)
{
    if (used < *capacity)
        return items;
    *capacity = *capacity == 0 ? 64 : *capacity * 2;
    ASSERT(*capacity < SIZE_MAX / size);
    items = realloc(items, *capacity * size);
    ASSERT(items != NULL);
    return items;
}

/* A sign whose agents follow by add_agent(). */
static struct security_sign *
add_sign(struct security_report *report, enum security_kind kind, uint32_t source, double severity, double confidence)
{
    report->signs = grown(report->signs, report->sign_count, &report->sign_capacity, sizeof *report->signs);
    report->signs[report->sign_count] = (struct security_sign){
        .kind = kind, .source = source, .first = (uint32_t)report->agents_used, .severity = severity,
        .confidence = confidence};
    report->count[kind]++;
    return &report->signs[report->sign_count++];
}

static void
add_agent(struct security_report *report, uint32_t agent)
{
    report->agents = grown(report->agents, report->agents_used, &report->agents_capacity, sizeof *report->agents);
    report->agents[report->agents_used++] = agent;
    report->signs[report->sign_count - 1].size++;
}

/* ---- injection and exfiltration ---- */

static void
find_flags(const struct security_params *params, const struct detect_interaction *items, size_t count,
           struct security_report *report)
{
    for (size_t i = 0; i < count; i++) {
        double score = security_injection(&items[i]);

        if (!(score >= params->injection_threshold))
            continue;
        add_sign(report, SECURITY_INJECTION, items[i].initiator, score, math_min(0.9, score + 0.2));
        add_agent(report, items[i].counterparty);
    }
    for (size_t i = 0; i < count; i++) {
        if (items[i].misuse < 2)
            continue;
        add_sign(report, SECURITY_EXFILTRATION, items[i].initiator, math_min(1.0, 0.3 * (double)items[i].misuse), 0.6);
        add_agent(report, items[i].counterparty);
    }
}

/* ---- the interactions of each initiator ---- */

/* items[order[from[a]]] .. items[order[from[a + 1] - 1]] are those that agent a initiated, in their order. */
struct by_initiator {
    size_t *from, *order;
};

static struct by_initiator
by_initiator_new(const struct detect_interaction *items, size_t count, uint32_t agent_count)
{
    struct by_initiator out = {ALLOC_ARRAY(size_t, agent_count + 2u), ALLOC_ARRAY(size_t, count + 1)};

    for (size_t i = 0; i < count; i++)
        out.from[items[i].initiator + 2u]++;
    for (uint32_t a = 0; a < agent_count; a++)
        out.from[a + 2u] += out.from[a + 1u];
    for (size_t i = 0; i < count; i++)
        out.order[out.from[items[i].initiator + 1u]++] = i;
    return out;
}

static void
by_initiator_free(struct by_initiator *self)
{
    free(self->from);
    free(self->order);
}

/* ---- manipulation ---- */

static void
judge_manipulation(const struct security_params *params, const struct detect_interaction *items,
                   const size_t *order, size_t count, uint32_t *met, uint8_t *victim, uint32_t agent_count,
                   struct security_report *report)
{
    uint32_t successes = 0, victims = 0;
    double rate, reputation = 0.0;

    memset(met, 0, agent_count * sizeof *met);
    memset(victim, 0, agent_count);
    for (size_t i = 0; i < count; i++)
        met[items[order[i]].counterparty]++;
    for (size_t i = 0; i < count; i++) {
        const struct detect_interaction *item = &items[order[i]];
        bool rewarded = item->accepted && item->p < P_SUCCESS && item->r_a > 0.0;
        bool paid = item->accepted && item->tau < -1.0 && item->p < P_DOUBTFUL;

        successes += rewarded;
        successes += paid;
        if (rewarded || paid || (met[item->counterparty] >= 3 && item->p < P_DOUBTFUL))
            victim[item->counterparty] = 1;
        reputation += item->r_a;
    }
    for (uint32_t a = 0; a < agent_count; a++)
        victims += victim[a];
    rate = (double)successes / (double)count;
    if (victims == 0 || !(rate >= params->manipulation_threshold))
        return;
    add_sign(report, SECURITY_MANIPULATION, items[order[0]].initiator, rate, math_min(0.9, 0.5 + 0.4 * rate))->measure =
        reputation;
    for (uint32_t a = 0; a < agent_count; a++)
        if (victim[a])
            add_agent(report, a);
}

/* Initiators in the order of their first interaction. */
static void
find_manipulation(const struct security_params *params, const struct detect_interaction *items, size_t count,
                  const struct by_initiator *own, uint32_t agent_count, struct security_report *report)
{
    uint32_t *met = ALLOC_ARRAY(uint32_t, agent_count + 1u);
    uint8_t *victim = ALLOC_ARRAY(uint8_t, agent_count + 1u);

    for (size_t i = 0; i < count; i++) {
        uint32_t a = items[i].initiator;
        size_t from = own->from[a], size = own->from[a + 1u] - from;

        if (own->order[from] == i && size >= 3)
            judge_manipulation(params, items, &own->order[from], size, met, victim, agent_count, report);
    }
    free(met);
    free(victim);
}

/* ---- laundering ---- */

/* Where a search from one agent has been: the path to `agent` is followed back through `parent`. */
struct walk {
    uint32_t *queue, *parent, *depth; /* depth: agents on the path, 0 where it has not been */
};

static void
add_path(struct security_report *report, const struct walk *walk, uint32_t source, uint32_t end, double gain)
{
    uint32_t size = walk->depth[end] - 1;

    add_sign(report, SECURITY_LAUNDERING, source, math_min(1.0, gain / 0.5), math_min(0.8, 0.4 + gain))->measure = gain;
    for (uint32_t i = 0; i < size; i++)
        add_agent(report, 0);
    for (uint32_t i = size, at = end; i-- > 0; at = walk->parent[at])
        report->agents[report->agents_used - size + i] = at;
}

static void
walk_from(const struct security_params *params, const struct detect_interaction *items,
          const struct by_initiator *own, const double *trust, uint32_t source, struct walk *walk,
          struct security_report *report)
{
    uint32_t head = 0, tail = 0;

    walk->queue[tail++] = source;
    walk->depth[source] = 1;
    while (head < tail) {
        uint32_t at = walk->queue[head++];

        for (size_t i = own->from[at]; i < own->from[at + 1u]; i++) {
            const struct detect_interaction *item = &items[own->order[i]];
            uint32_t next = item->counterparty;

            if (!item->accepted || walk->depth[next] != 0)
                continue;
            walk->depth[next] = walk->depth[at] + 1;
            walk->parent[next] = at;
            walk->queue[tail++] = next;
            if (trust[next] > trust[source] + params->laundering_gap && walk->depth[next] >= params->chain_min)
                add_path(report, walk, source, next, trust[next] - trust[source]);
        }
    }
    for (uint32_t i = 0; i < tail; i++)
        walk->depth[walk->queue[i]] = 0;
}

static void
find_laundering(const struct security_params *params, const struct detect_interaction *items,
                const struct by_initiator *own, const double *trust, uint32_t agent_count,
                struct security_report *report)
{
    struct walk walk = {ALLOC_ARRAY(uint32_t, agent_count + 1u), ALLOC_ARRAY(uint32_t, agent_count + 1u),
                        ALLOC_ARRAY(uint32_t, agent_count + 1u)};

    for (uint32_t source = 0; source < agent_count; source++)
        walk_from(params, items, own, trust, source, &walk, report);
    free(walk.queue);
    free(walk.parent);
    free(walk.depth);
}

/* ---- contagion ---- */

struct chain {
    uint32_t agents[SPREAD_MAX + 2], size;
    double velocity;
    size_t index; /* of the interaction that it starts with */
};

static void
chain_add(struct chain *chain, uint32_t agent)
{
    for (uint32_t i = 0; i < chain->size; i++)
        if (chain->agents[i] == agent)
            return;
    chain->agents[chain->size++] = agent;
}

/* The chain that starts with items[index]; false when there is none. */
static bool
chain_from(const struct security_params *params, const struct detect_interaction *items, const struct by_initiator *own,
           size_t index, struct chain *out)
{
    const struct detect_interaction *start = &items[index];
    const struct detect_interaction *last = NULL;
    uint32_t later = 0;
    double span;

    *out = (struct chain){{start->initiator, start->counterparty}, .size = 2, .index = index};
    for (size_t i = own->from[start->counterparty]; i < own->from[start->counterparty + 1u]; i++) {
        const struct detect_interaction *item = &items[own->order[i]];

        if (own->order[i] <= index || !is_bad(item))
            continue;
        if (later++ < SPREAD_MAX)
            chain_add(out, item->counterparty);
        last = item;
    }
    if (later < 2 || out->size < params->chain_min)
        return false;
    span = (last->time - start->time) / params->time_unit;
    out->velocity = (double)(out->size - 1) / (span + 0.01);
    return out->velocity >= params->contagion_velocity;
}

static int
chain_compare(const void *x, const void *y)
{
    const struct chain *a = x, *b = y;

    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static bool
chain_contains(const struct chain *whole, const struct chain *part)
{
    for (uint32_t i = 0; i < part->size; i++) {
        bool found = false;

        for (uint32_t j = 0; j < whole->size; j++)
            found = found || whole->agents[j] == part->agents[i];
        if (!found)
            return false;
    }
    return true;
}

static void
add_chain(struct security_report *report, const struct chain *chain)
{
    uint32_t depth = chain->size - 1;

    add_sign(report, SECURITY_CONTAGION, chain->agents[0], math_min(1.0, (double)depth / 5.0),
        math_min(0.9, 0.5 + chain->velocity / 10.0))->measure = chain->velocity;
    for (uint32_t i = 1; i < chain->size; i++)
        add_agent(report, chain->agents[i]);
    if (depth > report->depth_max)
        report->depth_max = depth;
}

static void
find_contagion(const struct security_params *params, const struct detect_interaction *items, size_t count,
               const struct by_initiator *own, struct security_report *report)
{
    struct chain *chains = NULL;
    size_t found = 0, kept = 0, capacity = 0;

    if (count < params->chain_min)
        return;
    for (size_t i = 0; i < count; i++) {
        if (!is_bad(&items[i]))
            continue;
        chains = grown(chains, found, &capacity, sizeof *chains);
        found += chain_from(params, items, own, i, &chains[found]);
    }
    if (found > 0)
        qsort(chains, found, sizeof *chains, chain_compare);
    for (size_t i = 0; i < found; i++) {
        bool part = false;

        for (size_t j = 0; j < kept && !part; j++)
            part = chain_contains(&chains[j], &chains[i]);
        if (part)
            continue;
        chains[kept] = chains[i];
        add_chain(report, &chains[kept++]);
    }
    free(chains);
}

/* ---- scores ---- */

static void
score_agents(const struct security_params *params, uint32_t agent_count, struct security_report *report)
{
    for (size_t i = 0; i < report->sign_count; i++) {
        const struct security_sign *sign = &report->signs[i];
        double risk = security_sign_risk(sign);
        uint32_t from = sign->kind == SECURITY_LAUNDERING ? sign->size - 1 : 0; /* those between were only used */

        report->score[sign->source] = math_max(report->score[sign->source], risk);
        for (uint32_t j = from; j < sign->size; j++) {
            double *score = &report->score[report->agents[sign->first + j]];

            *score = math_max(*score, risk * TARGET_SHARE);
        }
    }
    for (uint32_t a = 0; a < agent_count; a++)
        report->flagged_count += report->score[a] >= params->manipulation_threshold;
}

static double
ecosystem_of(const struct security_report *report, uint32_t agent_count)
{
    double agents = (double)agent_count;

    return math_min(1.0, 0.25 * ((double)report->sign_count / (5.0 * agents)) +
                             0.25 * ((double)report->flagged_count / agents) +
                             0.30 * math_min(1.0, (double)report->depth_max / 5.0) + 0.20 * report->manipulation_rate);
}

void
security_analyze(const struct security_params *params, const struct detect_interaction *items, size_t count,
                 const double *trust, uint32_t agent_count, struct security_report *report)
{
    struct by_initiator own;

    ASSERT(params->time_unit > 0.0 && params->chain_min >= 2);
    security_report_fini(report);
    report->score = ALLOC_ARRAY(double, agent_count + 1u);
    if (count == 0 || agent_count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        ASSERT(items[i].initiator < agent_count && items[i].counterparty < agent_count);
    own = by_initiator_new(items, count, agent_count);
    find_flags(params, items, count, report);
    find_manipulation(params, items, count, &own, agent_count, report);
    find_laundering(params, items, &own, trust, agent_count, report);
    find_contagion(params, items, count, &own, report);
    by_initiator_free(&own);
    report->injection_rate = (double)report->count[SECURITY_INJECTION] / (double)count;
    report->laundering_rate = (double)report->count[SECURITY_LAUNDERING] / (double)count;
    report->manipulation_rate = (double)report->count[SECURITY_MANIPULATION] / (double)agent_count;
    score_agents(params, agent_count, report);
    report->ecosystem = ecosystem_of(report, agent_count);
}
