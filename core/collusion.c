#include "core/collusion.h"

#include "core/arena.h"
#include "core/assert.h"
#include "core/math.h"

#include <stdlib.h>
#include <string.h>

#define WEIGHT_FREQUENCY 0.25
#define WEIGHT_CORRELATION 0.30
#define WEIGHT_ACCEPTANCE 0.20
#define WEIGHT_QUALITY 0.25
#define FULL_COUNT 10.0 /* interactions that make a pair's score count in full */
#define P_UNKNOWN 0.5
#define FLAT 1e-13 /* gains that vary by less than this share of their mean do not vary: it is rounding */

/* ---- one pair ---- */

double
collusion_pair_score(const struct collusion_evidence *evidence, double frequency_threshold)
{
    double p = (evidence->p_a + evidence->p_b) / 2.0;
    double frequency = math_clamp(evidence->z / frequency_threshold, 0.0, 1.0);
    double acceptance = math_max(0.0, 2.0 * (evidence->accepted - 0.5));
    double quality = evidence->accepted > 0.5 ? math_max(0.0, 2.0 * (0.5 - p)) : 0.0;
    double sum = WEIGHT_FREQUENCY * frequency + WEIGHT_CORRELATION * math_max(0.0, evidence->correlation) +
                 WEIGHT_ACCEPTANCE * acceptance + WEIGHT_QUALITY * quality;

    return sum * math_min(1.0, evidence->n / FULL_COUNT);
}

double
collusion_expected(double degree_a, double degree_b, double total, double degree_squares)
{
    double degrees = 2.0 * total;
    double pairs = (degrees * degrees - degree_squares) / 2.0; /* sum of products over all pairs */

    return pairs > 0.0 ? total * (degree_a * degree_b) / pairs : 0.0;
}

double
collusion_excess(double n, double expected)
{
    return expected > 0.0 ? (n - expected) / math_sqrt(expected) : 0.0;
}

/* A sum of squared deviations, or 0 where all there is of it comes from a mean that was rounded. */
static double
squares_of(double squares, double n, double mean)
{
    return squares > n * (FLAT * mean) * (FLAT * mean) ? squares : 0.0;
}

/* Pearson's, from sums of squared deviations and of their products. */
static double
correlation_of(double squares_a, double squares_b, double product)
{
    double scale = squares_a > 0.0 && squares_b > 0.0 ? math_sqrt(squares_a * squares_b) : 0.0;

    return scale > 0.0 ? math_clamp(product / scale, -1.0, 1.0) : 0.0;
}

void
collusion_tally_add(
    struct collusion_tally *self, bool first_initiates, bool accepted, double p, double gain_a, double gain_b)
{
    double delta_a = gain_a - self->mean_a, delta_b = gain_b - self->mean_b;

    self->n += 1.0;
    self->accepted += accepted ? 1.0 : 0.0;
    *(first_initiates ? &self->n_a : &self->n_b) += 1.0;
    *(first_initiates ? &self->p_a : &self->p_b) += p;
    self->mean_a += delta_a / self->n;
    self->mean_b += delta_b / self->n;
    self->squares_a += delta_a * (gain_a - self->mean_a);
    self->squares_b += delta_b * (gain_b - self->mean_b);
    self->product += delta_a * (gain_b - self->mean_b);
}

void
collusion_tally_decay(struct collusion_tally *self, double factor)
{
    double *const sums[] = {&self->n, &self->accepted, &self->n_a, &self->p_a, &self->n_b, &self->p_b,
                            &self->squares_a, &self->squares_b, &self->product};

    ASSERT(factor >= 0.0 && factor <= 1.0);
    if (factor == 0.0) {
        *self = (struct collusion_tally){0};
        return;
    }
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
        *sums[i] *= factor;
}

struct collusion_evidence
collusion_tally_read(const struct collusion_tally *self, double z)
{
    return (struct collusion_evidence){
        .n = self->n, .accepted = self->n > 0.0 ? self->accepted / self->n : 0.0,
        .correlation = correlation_of(
            squares_of(self->squares_a, self->n, self->mean_a), squares_of(self->squares_b, self->n, self->mean_b),
            self->product),
        .p_a = self->n_a > 0.0 ? self->p_a / self->n_a : P_UNKNOWN,
        .p_b = self->n_b > 0.0 ? self->p_b / self->n_b : P_UNKNOWN, .z = z};
}

/* ---- a whole history: pairs ---- */

/* One interaction, seen from its pair. */
struct meeting {
    uint32_t a, b;
    bool first_initiates;
    size_t index;
    const struct detect_interaction *item;
    double weight, gain_a, gain_b;
};

static int
meeting_compare(const void *x, const void *y)
{
    const struct meeting *a = x, *b = y;

    if (a->a != b->a)
        return a->a < b->a ? -1 : 1;
    if (a->b != b->b)
        return a->b < b->b ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static double
weight_of(const struct collusion_params *params, double time)
{
    if (params->half_life <= 0.0)
        return 1.0;
    return math_pow(0.5, math_max(0.0, params->now - time) / params->half_life);
}

static struct meeting
meeting_of(const struct collusion_params *params, const struct detect_interaction *item, size_t index)
{
    bool costs = params->null == COLLUSION_NULL_COUNTS;
    double given = -item->tau - (costs ? item->cost_a : 0.0), taken = item->tau - (costs ? item->cost_b : 0.0);
    bool first = item->initiator < item->counterparty;

    ASSERT(item->initiator != item->counterparty);
    return (struct meeting){
        .a = first ? item->initiator : item->counterparty, .b = first ? item->counterparty : item->initiator,
        .first_initiates = first, .index = index, .item = item, .weight = weight_of(params, item->time),
        .gain_a = first ? given : taken, .gain_b = first ? taken : given};
}

static void
pair_moments(const struct meeting *meetings, size_t count, struct collusion_pair *pair)
{
    double sum = 0.0, accepted = 0.0, a = 0.0, b = 0.0, squares_a = 0.0, squares_b = 0.0, product = 0.0;
    double n_a = 0.0, n_b = 0.0, p_a = 0.0, p_b = 0.0;

    for (size_t i = 0; i < count; i++) {
        const struct meeting *at = &meetings[i];

        sum += at->weight;
        accepted += at->item->accepted ? at->weight : 0.0;
        a += at->weight * at->gain_a;
        b += at->weight * at->gain_b;
        *(at->first_initiates ? &n_a : &n_b) += at->weight;
        *(at->first_initiates ? &p_a : &p_b) += at->weight * at->item->p;
    }
    pair->gain_a = a / sum;
    pair->gain_b = b / sum;
    for (size_t i = 0; i < count; i++) {
        double delta_a = meetings[i].gain_a - pair->gain_a, delta_b = meetings[i].gain_b - pair->gain_b;

        squares_a += meetings[i].weight * (delta_a * delta_a);
        squares_b += meetings[i].weight * (delta_b * delta_b);
        product += meetings[i].weight * (delta_a * delta_b);
    }
    pair->evidence = (struct collusion_evidence){
        .n = sum, .accepted = accepted / sum,
        .correlation = correlation_of(
            squares_of(squares_a, sum, pair->gain_a), squares_of(squares_b, sum, pair->gain_b), product),
        .p_a = n_a > 0.0 ? p_a / n_a : P_UNKNOWN, .p_b = n_b > 0.0 ? p_b / n_b : P_UNKNOWN};
}

static int
double_compare(const void *x, const void *y)
{
    const double *a = x, *b = y;

    return *a < *b ? -1 : *a > *b;
}

/* Population mean and standard deviation. */
static void
spread_of(const double *values, size_t count, double *mean, double *deviation)
{
    double sum = 0.0, squares = 0.0;

    for (size_t i = 0; i < count; i++)
        sum += values[i];
    *mean = count > 0 ? sum / (double)count : 0.0;
    for (size_t i = 0; i < count; i++)
        squares += (values[i] - *mean) * (values[i] - *mean);
    *deviation = count > 0 ? math_sqrt(squares / (double)count) : 0.0;
}

static void
pair_timing(const struct meeting *meetings, size_t count, double *scratch, struct collusion_pair *pair)
{
    double deviation;

    for (size_t i = 0; i < count; i++)
        scratch[i] = meetings[i].item->time;
    qsort(scratch, count, sizeof *scratch, double_compare);
    for (size_t i = 0; i + 1 < count; i++)
        scratch[i] = scratch[i + 1] - scratch[i];
    spread_of(scratch, count - 1, &pair->gap_mean, &deviation);
    pair->burstiness = pair->gap_mean > 0.0 ? deviation / pair->gap_mean : 0.0;
}

/* z of every pair's count, judged or not, for counts in evidence.n. */
static void
judge_counts(const struct collusion_params *params, const struct meeting *meetings, size_t count,
             struct collusion_pair *pairs, uint32_t pair_count, uint32_t agent_count)
{
    double *degree = ALLOC_ARRAY(double, agent_count + 1u), *counts = ALLOC_ARRAY(double, pair_count + 1u);
    double mean, deviation, total = 0.0, squares = 0.0;

    for (size_t i = 0; i < count; i++) {
        degree[meetings[i].a] += meetings[i].weight;
        degree[meetings[i].b] += meetings[i].weight;
        total += meetings[i].weight;
    }
    for (uint32_t i = 0; i < agent_count; i++)
        squares += degree[i] * degree[i];
    for (uint32_t i = 0; i < pair_count; i++)
        counts[i] = pairs[i].evidence.n;
    spread_of(counts, pair_count, &mean, &deviation);
    for (uint32_t i = 0; i < pair_count; i++) {
        struct collusion_pair *pair = &pairs[i];

        if (params->null == COLLUSION_NULL_EXPOSURE)
            pair->evidence.z = collusion_excess(
                pair->evidence.n, collusion_expected(degree[pair->a], degree[pair->b], total, squares));
        else
            pair->evidence.z = deviation > 0.0 ? (pair->evidence.n - mean) / deviation : 0.0;
    }
    free(degree);
    free(counts);
}

/* All pairs of the sorted meetings; returns how many. */
static uint32_t
pairs_of(const struct meeting *meetings, size_t count, struct collusion_pair *pairs)
{
    double *scratch = ALLOC_ARRAY(double, count + 1);
    uint32_t out = 0;

    for (size_t i = 0, end; i < count; i = end) {
        for (end = i; end < count && meetings[end].a == meetings[i].a && meetings[end].b == meetings[i].b;)
            end++;
        pairs[out] = (struct collusion_pair){.a = meetings[i].a, .b = meetings[i].b};
        pair_moments(&meetings[i], end - i, &pairs[out]);
        pair_timing(&meetings[i], end - i, scratch, &pairs[out]);
        out++;
    }
    free(scratch);
    return out;
}

/* ---- groups ---- */

static uint32_t
root_of(uint32_t *parent, uint32_t agent)
{
    while (parent[agent] != agent)
        agent = parent[agent] = parent[parent[agent]];
    return agent;
}

/* Joins the flagged pairs; every agent's entry becomes the lowest member of its component. */
static uint32_t *
components_of(const struct collusion_report *report, uint32_t agent_count)
{
    uint32_t *parent = ALLOC_ARRAY(uint32_t, agent_count + 1u);

    for (uint32_t i = 0; i < agent_count; i++)
        parent[i] = i;
    for (uint32_t i = 0; i < report->pair_count; i++) {
        const struct collusion_pair *pair = &report->pairs[i];
        uint32_t a, b;

        if (!pair->flagged)
            continue;
        a = root_of(parent, pair->a);
        b = root_of(parent, pair->b);
        parent[a > b ? a : b] = a < b ? a : b;
    }
    for (uint32_t i = 0; i < agent_count; i++)
        parent[i] = root_of(parent, i);
    return parent;
}

/* What the interactions within a component and across its border add up to. */
struct border {
    double inside, inside_p, across, across_p;
    uint32_t size;
};

static struct border *
borders_of(const uint32_t *component, uint32_t agent_count, const struct meeting *meetings, size_t count)
{
    struct border *borders = ALLOC_ARRAY(struct border, agent_count + 1u);

    for (uint32_t i = 0; i < agent_count; i++)
        borders[component[i]].size++;
    for (size_t i = 0; i < count; i++) {
        const struct meeting *at = &meetings[i];
        struct border *a = &borders[component[at->a]], *b = &borders[component[at->b]];

        if (a == b) {
            a->inside += at->weight;
            a->inside_p += at->weight * at->item->p;
            continue;
        }
        a->across += at->weight;
        a->across_p += at->weight * at->item->p;
        b->across += at->weight;
        b->across_p += at->weight * at->item->p;
    }
    return borders;
}

static struct collusion_group
group_of(const struct border *border)
{
    double all = border->inside + border->across;
    struct collusion_group out = {
        .size = border->size, .internal_rate = all > 0.0 ? border->inside / all : 0.0,
        .internal_p = border->inside > 0.0 ? border->inside_p / border->inside : P_UNKNOWN,
        .external_p = border->across > 0.0 ? border->across_p / border->across : P_UNKNOWN};
    double closed = math_max(0.0, 2.0 * (out.internal_rate - 0.5));
    double favour = math_max(0.0, out.internal_p - out.external_p);

    out.score = (0.4 * closed + 0.6 * favour) * (0.5 + 0.5 * math_min(1.0, (double)border->size / 5.0));
    return out;
}

/* Groups, the members of those flagged, and the members' risk. Returns how many agents are in a flagged group. */
static uint32_t
find_groups(const struct collusion_params *params, const struct meeting *meetings, size_t count,
            uint32_t agent_count, struct collusion_report *report)
{
    uint32_t *component = components_of(report, agent_count), used = 0;
    struct border *borders = borders_of(component, agent_count, meetings, count);

    for (uint32_t lowest = 0; lowest < agent_count; lowest++) {
        struct collusion_group group;

        if (component[lowest] != lowest || borders[lowest].size < 2)
            continue;
        group = group_of(&borders[lowest]);
        if (!(group.score >= params->score_threshold))
            continue;
        group.first = used;
        for (uint32_t i = lowest; i < agent_count; i++)
            if (component[i] == lowest) {
                report->members[used++] = i;
                report->risk[i] = math_max(report->risk[i], group.score);
            }
        report->groups[report->group_count++] = group;
    }
    free(component);
    free(borders);
    return used;
}

/* ---- the report ---- */

void
collusion_report_fini(struct collusion_report *self)
{
    free(self->pairs);
    free(self->groups);
    free(self->members);
    free(self->risk);
    *self = (struct collusion_report){0};
}

/* Keeps the pairs that have enough interactions, with their scores. */
static void
judge_pairs(const struct collusion_params *params, uint32_t pair_count, struct collusion_report *report)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < pair_count; i++) {
        struct collusion_pair pair = report->pairs[i];

        if (pair.evidence.n < params->interactions_min)
            continue;
        pair.score = collusion_pair_score(&pair.evidence, params->frequency_threshold);
        pair.flagged = pair.score >= params->score_threshold;
        report->flagged_count += pair.flagged;
        report->score_max = math_max(report->score_max, pair.score);
        report->risk[pair.a] = math_max(report->risk[pair.a], pair.score);
        report->risk[pair.b] = math_max(report->risk[pair.b], pair.score);
        sum += pair.score;
        report->pairs[report->pair_count++] = pair;
    }
    report->score_mean = report->pair_count > 0 ? sum / (double)report->pair_count : 0.0;
}

static double
ecosystem_of(const struct collusion_report *report, uint32_t agent_count, uint32_t grouped)
{
    double agents = (double)agent_count, pairs = agents * (agents - 1.0) / 2.0, group_max = 0.0;

    if (agent_count < 2)
        return 0.0;
    for (uint32_t i = 0; i < report->group_count; i++)
        group_max = math_max(group_max, report->groups[i].score);
    return math_min(
        1.0, 0.3 * ((double)report->flagged_count / pairs) + 0.3 * ((double)grouped / agents) + 0.4 * group_max);
}

void
collusion_analyze(const struct collusion_params *params, const struct detect_interaction *items, size_t count,
                  uint32_t agent_count, struct collusion_report *report)
{
    struct meeting *meetings = ALLOC_ARRAY(struct meeting, count + 1);
    uint32_t pair_count, grouped;

    ASSERT(params->frequency_threshold > 0.0);
    collusion_report_fini(report);
    for (size_t i = 0; i < count; i++) {
        ASSERT(items[i].initiator < agent_count && items[i].counterparty < agent_count);
        meetings[i] = meeting_of(params, &items[i], i);
    }
    qsort(meetings, count, sizeof *meetings, meeting_compare);
    report->pairs = ALLOC_ARRAY(struct collusion_pair, count + 1);
    report->groups = ALLOC_ARRAY(struct collusion_group, agent_count / 2u + 1u);
    report->members = ALLOC_ARRAY(uint32_t, agent_count + 1u);
    report->risk = ALLOC_ARRAY(double, agent_count + 1u);
    pair_count = pairs_of(meetings, count, report->pairs);
    judge_counts(params, meetings, count, report->pairs, pair_count, agent_count);
    judge_pairs(params, pair_count, report);
    grouped = find_groups(params, meetings, count, agent_count, report);
    report->ecosystem = ecosystem_of(report, agent_count, grouped);
    free(meetings);
}

/* ---- other signs ---- */

struct ballot {
    struct collusion_vote vote;
    size_t index;
};

static int
ballot_compare(const void *x, const void *y)
{
    const struct ballot *a = x, *b = y;

    if (a->vote.voter != b->vote.voter)
        return a->vote.voter < b->vote.voter ? -1 : 1;
    if (a->vote.target != b->vote.target)
        return a->vote.target < b->vote.target ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* The last vote of each voter on each target, by (voter, target); returns how many. */
static size_t
ballots_of(const struct collusion_vote *votes, size_t count, struct ballot *out)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        out[i] = (struct ballot){votes[i], i};
    qsort(out, count, sizeof *out, ballot_compare);
    for (size_t i = 0; i < count; i++) {
        bool last = i + 1 == count || out[i + 1].vote.voter != out[i].vote.voter ||
                    out[i + 1].vote.target != out[i].vote.target;

        if (last)
            out[kept++] = out[i];
    }
    return kept;
}

/* Walks two voters' ballots side by side; true when they have enough targets in common. */
static bool
agreement_of(const struct ballot *a, const struct ballot *a_end, const struct ballot *b, const struct ballot *b_end,
             double *agreement)
{
    uint32_t common = 0, same = 0;

    while (a < a_end && b < b_end) {
        if (a->vote.target != b->vote.target) {
            if (a->vote.target < b->vote.target)
                a++;
            else
                b++;
            continue;
        }
        common++;
        same += a++->vote.direction == b++->vote.direction;
    }
    *agreement = common > 0 ? (double)same / (double)common : 0.0;
    return common >= 3;
}

static size_t
voter_end(const struct ballot *ballots, size_t count, size_t from)
{
    size_t end = from;

    while (end < count && ballots[end].vote.voter == ballots[from].vote.voter)
        end++;
    return end;
}

size_t
collusion_votes(const struct collusion_vote *votes, size_t count, double threshold,
                struct collusion_alignment *out, size_t out_max)
{
    struct ballot *ballots = ALLOC_ARRAY(struct ballot, count + 1);
    size_t kept = ballots_of(votes, count, ballots), found = 0;

    for (size_t a = 0, a_end; a < kept; a = a_end) {
        a_end = voter_end(ballots, kept, a);
        for (size_t b = a_end, b_end; b < kept; b = b_end) {
            double agreement;

            b_end = voter_end(ballots, kept, b);
            if (!agreement_of(&ballots[a], &ballots[a_end], &ballots[b], &ballots[b_end], &agreement) ||
                !(agreement >= threshold))
                continue;
            if (found++ < out_max)
                out[found - 1] =
                    (struct collusion_alignment){ballots[a].vote.voter, ballots[b].vote.voter, agreement};
        }
    }
    free(ballots);
    return found;
}

double
collusion_clustering(const double *times, size_t count, double window)
{
    double neighbours = 0.0;

    if (count < 3)
        return 0.0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            neighbours += math_abs(times[j] - times[i]) <= window ? 1.0 : 0.0;
    return (neighbours / (double)count - 1.0) / (double)(count - 1);
}
