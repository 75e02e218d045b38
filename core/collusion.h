/* core/collusion.h - who keeps to whom more than chance says: scores of pairs, groups of suspicious pairs, the risk of
 * each agent. Pure functions over a history of interactions, and a small tally for who can keep no history.
 *
 * Every suspicion is measured against a null model, what one would see of people who do not collude:
 * - COLLUSION_NULL_COUNTS, the peers': a pair is conspicuous when its count stands out from the counts of all pairs,
 *   and when the gains of its two sides move together, costs of levers included. Whoever trades much with many is
 *   conspicuous then, and under a tax that both sides share equally every pair's gains move together (correlation 1):
 *   it flags honest partners. Kept because results must be compared.
 * - COLLUSION_NULL_EXPOSURE: counts against those expected of two agents who trade as much as these do (configuration
 *   model, Newman 2006, without loops); gains before the levers' costs, so that no tax can correlate them; and old
 *   interactions count less and less.
 *
 * Weights of the pair score, and the rest of the formulas: the peers' (swarm sandbox, 2026). */
#ifndef POLIS_CORE_COLLUSION_H
#define POLIS_CORE_COLLUSION_H

#include "core/detect.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum collusion_null { COLLUSION_NULL_COUNTS, COLLUSION_NULL_EXPOSURE };

struct collusion_params {
    enum collusion_null null;
    double frequency_threshold; /* the z that counts in full; > 0 */
    double interactions_min;    /* pairs with fewer are not judged */
    double score_threshold;     /* of what is flagged; [0, 1] */
    double half_life;           /* of an interaction's weight, in the unit of its time; 0: nothing is forgotten */
    double now;                 /* the time that ages are counted from; not read when half_life is 0 */
};

/* ---- one pair ---- */

/* All that the score of a pair depends on. */
struct collusion_evidence {
    double n;           /* interactions, by weight */
    double accepted;    /* share, [0, 1] */
    double correlation; /* of the two sides' gains, [-1, 1]; 0 when it is not defined */
    double p_a, p_b;    /* mean label when the first / the second initiates; 0.5 when it never did */
    double z;           /* of its count under the null model */
};

/* [0, 1]: weights .25 frequency, .30 correlation, .20 acceptance over a half, .25 bad work accepted all the same (p
 * below a half); in full only from 10 interactions on. */
double collusion_pair_score(const struct collusion_evidence *evidence, double frequency_threshold);

/* Interactions expected between two agents that took part in degree_a and degree_b of `total` interactions, where
 * `degree_squares` is the sum of the squared degrees of all agents: total x (the pair's product / the products of all
 * pairs). 0 when nobody could have met. */
double collusion_expected(double degree_a, double degree_b, double total, double degree_squares);

/* (n - expected) / sqrt(expected), as of a Poisson count; 0 when nothing is expected. */
double collusion_excess(double n, double expected);

/* What has to be kept of a pair that keeps no history: eight-byte numbers without padding. Start from {0}. Moments by
 * West's weighted update (1979). */
struct collusion_tally {
    double n, accepted;
    double n_a, p_a, n_b, p_b; /* by who initiated: weight and sum of p */
    double mean_a, mean_b, squares_a, squares_b, product;
};
/* `first_initiates`: the pair's first agent did. gain_a is the first agent's whoever initiated. */
void collusion_tally_add(
    struct collusion_tally *self, bool first_initiates, bool accepted, double p, double gain_a, double gain_b);
/* Everything kept so far counts `factor` (0..1) of what it did. */
void collusion_tally_decay(struct collusion_tally *self, double factor);
struct collusion_evidence collusion_tally_read(const struct collusion_tally *self, double z);

/* ---- a whole history ---- */

struct collusion_pair {
    uint32_t a, b; /* a < b */
    struct collusion_evidence evidence;
    double gain_a, gain_b;      /* means */
    double gap_mean, burstiness; /* of the times between interactions: mean, and standard deviation over mean */
    double score;
    bool flagged;
};

struct collusion_group {
    uint32_t first, size; /* of its members in `members` */
    double internal_rate; /* of its members' interactions, the share among themselves */
    double internal_p, external_p;
    double score;
};

/* Owns its arrays. Start from {0}; may be used for one analysis after another. */
struct collusion_report {
    struct collusion_pair *pairs; /* those judged, by (a, b) */
    struct collusion_group *groups; /* those flagged, by their lowest member */
    uint32_t *members;
    double *risk; /* by agent: the highest score of its pairs and groups, flagged or not */
    uint32_t pair_count, group_count, flagged_count;
    double score_mean, score_max; /* of the pairs; 0 without */
    double ecosystem;             /* [0, 1] */
};
void collusion_report_fini(struct collusion_report *self);

/* Judges `count` interactions (order matters only for the order in which floats are added) among agents
 * 0..agent_count - 1. O(count log count). */
void collusion_analyze(const struct collusion_params *params, const struct detect_interaction *items, size_t count,
                       uint32_t agent_count, struct collusion_report *report);

/* ---- other signs ---- */

struct collusion_vote {
    uint32_t voter, target;
    int32_t direction;
};
struct collusion_alignment {
    uint32_t a, b; /* a < b */
    double agreement;
};
/* Pairs of voters with at least 3 targets in common whose votes on them agree in a share of at least `threshold`; a
 * later vote of a voter on a target replaces the earlier one. By (a, b). Writes at most `out_max` of them and returns
 * how many there are. */
size_t collusion_votes(const struct collusion_vote *votes, size_t count, double threshold,
                       struct collusion_alignment *out, size_t out_max);

/* How much events crowd together: the share of the other events within `window` of one, on average. 0 for fewer than
 * three. */
double collusion_clustering(const double *times, size_t count, double window);

#endif
