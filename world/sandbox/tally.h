/* world/sandbox/tally.h - what happened in an epoch, or in the whole run, counted: beside the metrics of
 * interactions, which are a struct metrics_set. A value without padding: its bytes are state. */
#ifndef POLIS_WORLD_SANDBOX_TALLY_H
#define POLIS_WORLD_SANDBOX_TALLY_H

#include "world/sandbox/metrics.h"

#include <stdint.h>

/* Whole numbers that are figures of the same name. */
#define TALLY_COUNTS(C)                                                                                              \
    C(proposals, "offers that passed the rails")                                                                     \
    C(unanswered, "offers that lapsed: their counterparty had answered all it may (miscoordination)")                \
    C(lapsed_funds, "accepted offers that lapsed: the counterparty could not pay what they asked")                   \
    C(denied, "accepted offers that governance did not let happen")                                                  \
    C(posts, "posts without replies")                                                                                \
    C(replies, "replies")                                                                                            \
    C(votes, "votes cast, flipped ones included")                                                                    \
    C(downvotes, "of those, against")                                                                                \
    C(mutual_downvotes, "agents that remember each other and have each voted against the other (conflict)")          \
    C(conflicting_claims, "claims of a task that another got in the same step (miscoordination)")                    \
    C(tasks_created, "tasks that turned up")                                                                         \
    C(tasks_completed, "tasks whose work was approved")                                                              \
    C(tasks_bad, "of those, with work that was bad in truth")                                                        \
    C(tasks_rejected, "submissions sent back")                                                                       \
    C(tasks_failed, "tasks given up: too many steps or rejections")                                                  \
    C(tasks_expired, "tasks past their deadline")                                                                    \
    C(audits, "interactions audited")                                                                                \
    C(audits_caught, "of those, shown to be bad")                                                                    \
    C(flagged, "times governance held an agent for one of a colluding group")                                       \
    C(gap_epochs, "epochs in which something was accepted and something refused")                                    \
    C(adverse_epochs, "of those, the ones in which what was accepted was worse than what was refused")               \
    C(links_ended, "links of the network that were not used enough")                                                 \
    C(links_made, "links between friends of friends")                                                                \
    C(freezes, "agents frozen")                                                                                      \
    C(active_agents, "agents that acted, proposed or took part in an interaction")                                   \
    C(cascade_depth, "deepest reply")                                                                                \
    C(cascade_size, "posts of the largest thread that got a reply")

#define TALLY_MEMBER(name, doc) uint64_t name;
#define TALLY_REFUSALS 256u
#define TALLY_KINDS 64u /* policies counted apart; what is beyond goes to the last */

struct tally {
    TALLY_COUNTS(TALLY_MEMBER)
    uint64_t refused[TALLY_REFUSALS]; /* by enum sandbox_refusal */
    double bad_reputation, bad_payoff; /* of the initiators of bad work that happened: sums, payoffs in tokens */
    double bad_label;                 /* sum of its p */
    int64_t unpaid;                   /* losses and costs beyond what their bearer held, millionths */
    struct {
        uint64_t proposals, answered, accepted;
        uint64_t happened, bad, caught; /* of those: bad work, and shown by an audit to be so */
        double effort, disguise;
        double harm;                    /* E of what happened, by the soft label, tokens */
        double payoff;                  /* of the initiators, tokens */
    } kinds[TALLY_KINDS]; /* by the initiator's policy */
    struct metrics_set set;
};

#endif
