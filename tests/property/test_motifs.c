/* What a motif is measured by: each shipped scenario of one shows its signature, and a control of it does not. Every
 * row is a claim about a figure, held against the same seeds: in every one of them, or in the mean with a 95 % interval
 * of the paired differences.
 *
 * What does not hold is not claimed. In status_game influence grows more equal (votes for its few posters run out),
 * with or without fading reputations. In adversarial_attack the harm summed over the run is no greater than where
 * honest agents stand in for the attackers, because those trade more; per accepted interaction it is. In meta_discourse
 * answers to the opposite are not clearly deeper or flatter than answers to anybody. In contagion weaker audits than
 * these let the worm smoulder, and then it may get farther from its source than where it infects everybody at once. */
#include "tests/property/motif.h"

#include <math.h>

#define SEEDS 8u
#define STUDENT_7 2.365 /* t(0.975, 7 degrees of freedom) */
#define LAST 5u         /* epochs that are the end of a run */

/* How a run is read. */
enum reading {
    OF_RUN,    /* the run's figure */
    AT_END,    /* its mean over the last epochs */
    RISE,      /* that, less its value in the first epoch */
    LAST_THIRD /* its mean over the last third of the epochs */
};

#define AGENTS_META(how)                                                                                             \
    "agents.0.params.answers=" how, "agents.1.params.answers=" how, "agents.2.params.answers=" how
#define NO_NORMS "sandbox.norms.enabled=false", "metrics_to_track=[]"
#define GOVERNED "governance.random_audit.prob=0.5", "governance.circuit_breaker.threshold=0.4"

#define ABOVE(x) .above = (x), .below = INFINITY
#define BELOW(x) .above = -INFINITY, .below = (x)
#define BETWEEN(low, high) .above = (low), .below = (high)

static const struct row {
    const char *name, *scenario, *figure;
    enum reading reading;
    const char *with[4];    /* overrides */
    const char *without[4]; /* of the control: its reading is subtracted */
    bool paired;            /* there is a control */
    bool in_mean;           /* else in every seed */
    double above, below;
} rows[] = {
    {"myth: stories become fewer", "myth_making", "narrative_concentration", RISE, ABOVE(0.1)},
    {"myth: where nobody listens they do not", "myth_making", "narrative_concentration", AT_END,
     .paired = true, .without = {"agents.0.params.copy=0"}, ABOVE(0.1)},
    {"myth: stories go through several mouths", "myth_making", "adoption_depth", OF_RUN, ABOVE(2.5)},
    {"norms: at least one rule is adopted", "norm_drafting", "norms_adopted", OF_RUN, ABOVE(0.5)},
    {"norms: audits become likelier", "norm_drafting", "quote_audit_probability", AT_END, ABOVE(0.05),
     .in_mean = true},
    {"norms: work gets better than without", "norm_drafting", "hard_toxicity", LAST_THIRD, .paired = true,
     .without = {NO_NORMS}, .in_mean = true, BELOW(-0.1)},
    {"memes: spread at first", "meme_warfare", "topic_r0", OF_RUN, .with = {"simulation.epochs=2"}, ABOVE(1.0)},
    {"memes: both camps last", "meme_warfare", "camp_balance", AT_END, BETWEEN(0.02, 1.01)},
    {"memes: go through at least three hands", "meme_warfare", "adoption_depth", OF_RUN,
     .with = {"simulation.epochs=2"}, ABOVE(2.5)},
    {"memes: without a crowd that listens nothing spreads", "meme_warfare", "topic_adoptions", OF_RUN,
     .with = {"agents.2.params.copy=0"}, BETWEEN(-0.5, 0.5)},
    {"meta: who answers the opposite is no friend", "meta_discourse", "meta_assortativity", OF_RUN, BELOW(-0.6)},
    {"meta: who answers anybody is neither", "meta_discourse", "meta_assortativity", OF_RUN,
     .with = {AGENTS_META("any")}, BETWEEN(-0.2, 0.2)},
    {"meta: friends are deeper in talk than who answers anybody", "meta_discourse", "meta_reply_depth", OF_RUN,
     .paired = true, .with = {AGENTS_META("like")}, .without = {AGENTS_META("any")}, ABOVE(0.0)},
    {"contagion: R0 without governance", "contagion", "contagion_r0", OF_RUN, ABOVE(1.0)},
    {"contagion: R0 under audits and the breaker", "contagion", "contagion_r0", OF_RUN, .with = {GOVERNED},
     BELOW(1.0)},
    {"contagion: fewer infected under them", "contagion", "infected_share", AT_END, .paired = true,
     .with = {GOVERNED}, BELOW(-0.5)},
    {"contagion: nearer to the source under them", "contagion", "contagion_depth", OF_RUN, .paired = true,
     .in_mean = true, .with = {GOVERNED}, BELOW(0.0)},
    {"status: a few grow rich", "status_game", "wealth_gini", RISE, ABOVE(0.1)},
    {"status: names fade under decay", "status_game", "average_reputation", OF_RUN, .paired = true,
     .without = {"governance.reputation_decay.rate=1"}, .in_mean = true, BELOW(0.0)},
    {"attack: more of what is accepted is bad", "adversarial_attack", "hard_toxicity", OF_RUN, .paired = true,
     .without = {"agents.3.type=honest"}, ABOVE(0.05)},
    {"attack: an accepted interaction does more harm", "adversarial_attack", "toxicity_rate", OF_RUN, .paired = true,
     .without = {"agents.3.type=honest"}, .in_mean = true, ABOVE(0.0)},
};

/* A figure of an epoch, or what agents were quoted in it. */
static double
mean_of(const struct motif *motif, const char *figure, uint32_t first)
{
    double sum = 0.0;

    if (strcmp(figure, "quote_audit_probability") != 0)
        return motif_mean(motif, figure, first, motif->epoch_count);
    for (uint32_t i = first; i < motif->epoch_count; i++)
        sum += motif->epochs[i].quotes[QUOTE_AUDIT_PROBABILITY];
    return sum / (motif->epoch_count - first);
}

static double
read_run(const struct row *row, const char *const *overrides, uint64_t seed)
{
    struct motif motif = motif_play(row->scenario, overrides, seed);
    uint32_t end = motif.epoch_count > LAST ? motif.epoch_count - LAST : 0;
    double out = 0.0;

    switch (row->reading) {
    case OF_RUN:
        out = motif_get(&motif.run, row->figure);
        break;
    case AT_END:
        out = mean_of(&motif, row->figure, end);
        break;
    case RISE:
        out = mean_of(&motif, row->figure, end) - motif_get(&motif.epochs[0], row->figure);
        break;
    case LAST_THIRD:
        out = mean_of(&motif, row->figure, motif.epoch_count - motif.epoch_count / 3);
        break;
    }
    motif_fini(&motif);
    return out;
}

static void
holds(const struct row *row, const char *what, double low, double high)
{
    if (!(low > row->above && high < row->below))
        fail_msg("%s, %s: %s is in %g .. %g", row->name, what, row->figure, low, high);
}

static void
signature(void **state)
{
    const struct row *row = *state;
    double values[SEEDS], sum = 0.0, squares = 0.0, error;
    char what[32];

    for (uint32_t i = 0; i < SEEDS; i++) {
        values[i] = read_run(row, row->with, 1 + i);
        if (row->paired)
            values[i] -= read_run(row, row->without, 1 + i);
        sum += values[i];
    }
    for (uint32_t i = 0; i < SEEDS; i++)
        squares += (values[i] - sum / SEEDS) * (values[i] - sum / SEEDS);
    error = STUDENT_7 * sqrt(squares / (SEEDS - 1) / SEEDS);
    printf("# %s: %.3g +- %.2g\n", row->figure, sum / SEEDS, error);
    if (row->in_mean)
        holds(row, "in the mean", sum / SEEDS - error, sum / SEEDS + error);
    for (uint32_t i = 0; i < SEEDS && !row->in_mean; i++) {
        snprintf(what, sizeof what, "seed %u", 1 + i);
        holds(row, what, values[i], values[i]);
    }
}

int
main(void)
{
    return TEST_ROWS("signatures of the motifs", rows, signature);
}
