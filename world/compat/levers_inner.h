/* world/compat/levers_inner.h - the levers' state, shared by the files that make them up. */
#ifndef POLIS_WORLD_COMPAT_LEVERS_INNER_H
#define POLIS_WORLD_COMPAT_LEVERS_INNER_H

#include "world/compat/levers.h"

#define BREAKER_WINDOW 10u

/* Of one agent. Eight-byte members without padding: saved as bytes. */
struct lever_agent {
    double window[BREAKER_WINDOW]; /* 1 - p of its last interactions as initiator, oldest first */
    uint64_t window_count;
    int64_t violations, freeze_until; /* -1: not frozen */
    uint64_t quarantined;
    double collusion_risk, security_score; /* of the last analysis */
};
_Static_assert(sizeof(struct lever_agent) == (BREAKER_WINDOW + 6) * 8, "no padding in what is saved as bytes");

struct compat_levers {
    struct compat_governance params;
    enum compat_version version;
    uint32_t agent_count;
    uint32_t epoch;
    struct compat_draws *draws; /* lent */
    struct lever_agent *agents;
    /* One history for both detectors; each has forgotten what comes before its first. */
    struct detect_interaction *history;
    size_t history_count, history_capacity;
    size_t collusion_first, security_first;
};

/* levers_watch.c */
void levers_remember(struct compat_levers *self, const struct compat_interaction *interaction, bool accepted);
void levers_collusion_epoch(struct compat_levers *self, struct compat_effect *effect);
void levers_collusion_interaction(
    const struct compat_levers *self, const struct compat_interaction *interaction, struct compat_effect *effect);
void levers_security_epoch(
    struct compat_levers *self, const struct compat_agents *agents, struct compat_effect *effect);
void levers_security_interaction(const struct compat_levers *self, const struct compat_interaction *interaction,
                                 bool accepted, struct compat_effect *effect);

#endif
