/* core/detect.h - an interaction as the detectors see it (core/collusion.h, core/security.h). Plain numbers without
 * padding: a history of them may be saved as its bytes. */
#ifndef POLIS_CORE_DETECT_H
#define POLIS_CORE_DETECT_H

#include <stdint.h>

struct detect_interaction {
    uint32_t initiator, counterparty; /* below the caller's number of agents, and different */
    uint32_t accepted;                /* 0 or 1 */
    uint32_t rework, rejections, misuse;
    double p;
    double tau;            /* from the initiator to the counterparty */
    double cost_a, cost_b; /* what levers took from each */
    double r_a, r_b;       /* changes of reputation */
    double time;           /* in the caller's unit, which the detectors' parameters must be in too */
};
_Static_assert(sizeof(struct detect_interaction) == 6 * 4 + 7 * 8, "no padding in what is saved as bytes");

#endif
