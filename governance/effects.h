/* governance/effects.h - the inside of a list of effects: what levers want changed in the world, in the order said. */
#ifndef POLIS_GOVERNANCE_EFFECTS_H
#define POLIS_GOVERNANCE_EFFECTS_H

#include "governance/lever.h"

struct effect {
    enum sandbox_effect kind;
    uint32_t agent, lever; /* lever: place in the scenario's list */
    int64_t amount;
    double value;
};

struct lever_effects {
    struct effect *items;
    uint32_t count, capacity;
    uint32_t lever; /* whose turn it is */
};

void effects_fini(struct lever_effects *self);

#endif
