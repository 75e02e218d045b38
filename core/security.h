/* core/security.h - signs of attacks in a history of interactions: injected instructions, manipulation, trust that is
 * laundered through others, bad work that spreads, data carried off; from them a score for each agent and one for the
 * system. Pure functions; rules and constants are the peers' (swarm sandbox, 2026).
 *
 * - Injection: of one interaction, see security_injection().
 * - Manipulation: an initiator of at least 3 interactions whose share of successes (accepted with p < .4 while its
 *   reputation rose; accepted with p < .5 and a transfer to it of more than 1) reaches the threshold. Victims are the
 *   counterparties of successes, and those met at least 3 times with p < .5 once.
 * - Laundering: accepted interactions lead from an agent over others to one that is trusted more by a margin.
 * - Contagion: somebody accepts bad work (p < .3) and later has bad work of its own accepted at least twice: a chain.
 *   Its velocity is depth / (span + .01), the span in the caller's unit of time: steps here, minutes with the peers. A
 *   chain of agents that a deeper (or earlier, as deep) one contains is dropped.
 * - Exfiltration: two or more flags of misuse in one interaction. */
#ifndef POLIS_CORE_SECURITY_H
#define POLIS_CORE_SECURITY_H

#include "core/detect.h"

#include <stddef.h>
#include <stdint.h>

#define SECURITY_TRUST 0.5 /* of somebody of whom nothing is known */

struct security_params {
    double injection_threshold;    /* [0, 1] */
    double manipulation_threshold; /* [0, 1]: of a share of successes, and of the score that flags an agent */
    double laundering_gap;         /* trust; >= 0 */
    double contagion_velocity;     /* agents per unit of time; > 0 */
    uint32_t chain_min;            /* agents in a path or chain; >= 2 */
    double time_unit;              /* of velocity, in units of the interactions' times; > 0 */
};

enum security_kind {
    SECURITY_INJECTION,
    SECURITY_EXFILTRATION,
    SECURITY_MANIPULATION,
    SECURITY_LAUNDERING,
    SECURITY_CONTAGION,
    SECURITY_KINDS
};

/* An indicator; its agents are `size` entries of `agents` from `first`. */
struct security_sign {
    enum security_kind kind;
    uint32_t source;
    uint32_t first, size; /* whom it went for: victims, the destination, the chain behind the source; in order of id,
                             for laundering the way to the destination, for contagion the chain's order */
    double severity, confidence; /* [0, 1]; its risk is the product */
    double measure; /* manipulation: reputation won; laundering: trust won; contagion: velocity; else 0 */
};

/* Owns its arrays. Start from {0}; may be used for one analysis after another. */
struct security_report {
    struct security_sign *signs; /* by kind, then by time (injection, exfiltration), first appearance (manipulation),
                                    source and distance (laundering), depth (contagion) */
    uint32_t *agents;
    double *score; /* by agent: the highest risk it was source of, or .3 of one that went for it */
    size_t sign_count, agents_used;
    size_t sign_capacity, agents_capacity;
    uint32_t count[SECURITY_KINDS];
    uint32_t flagged_count; /* agents whose score reaches manipulation_threshold */
    uint32_t depth_max;     /* of contagion: agents behind the source */
    double injection_rate, laundering_rate; /* per interaction */
    double manipulation_rate;               /* per agent */
    double ecosystem;                       /* [0, 1] */
};
void security_report_fini(struct security_report *self);

/* [0, 1]: .3 at most for accepted work with p < .3, .2 a misuse up to .4, .15 a rejection up to .3. */
double security_injection(const struct detect_interaction *item);

/* What can be said at once, before the history is analysed: .3 for accepted work with p < .3, the same for misuse and
 * rejections, and .3 of what is held against the initiator already. [0, 1] */
double security_injection_realtime(const struct detect_interaction *item, double score);

double security_sign_risk(const struct security_sign *sign);

/* Interactions in order of time among agents 0..agent_count - 1; `trust` by agent. O(count log count + agent_count x
 * accepted pairs + chains x count). */
void security_analyze(const struct security_params *params, const struct detect_interaction *items, size_t count,
                      const double *trust, uint32_t agent_count, struct security_report *report);

#endif
