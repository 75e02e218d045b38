/* bus/subscriber.h - follows a run: an actor of the role monitor that joins the event bus by a snapshot and then takes
 * the stream, for tail, status pages and whoever else watches. Events may be lost on the way; the subscriber sees that
 * by their numbers and fetches the records of the missing steps from the world's log.
 *
 *  1. JOINING: SYNC was sent (again and again until answered); events wait. SYNC_STATE says at which step and behind
 *     which number the stream goes on: what waits up to there is dropped, the rest is taken.
 *  2. STREAMING: numbers rise by one. A hole in them and in the steps means: repair. A newer world means: join again.
 *  3. REPAIRING: header and commit record of each missing step are fetched, in order; newer events wait. Too many
 *     missing steps, or a record that is not there: join again.
 * When more than SUBSCRIBER_WAITING events wait, the oldest are dropped: that makes a hole like any other. */
#ifndef POLIS_BUS_SUBSCRIBER_H
#define POLIS_BUS_SUBSCRIBER_H

#include "bus/actor.h"

#include <stdint.h>

#define SUBSCRIBER_WAITING 1024u
#define SUBSCRIBER_REPAIR_MAX 256u       /* missing steps; more of them: a new snapshot instead */
#define SUBSCRIBER_PART_COMMIT UINT32_MAX

/* What the follower gets to see, in the order of the steps. What is pointed to is lent until the call returns. Any of
 * them may be NULL. */
struct subscriber_calls {
    void *context;
    /* The state now; what was told before is overtaken. */
    void (*snapshot)(void *context, const struct envelope *head, const struct sync_state *state);
    void (*step)(void *context, const struct envelope *head, const struct step_event *event);
    void (*head)(void *context, const struct envelope *head, const struct head_event *event);
    /* The events of these steps were lost. Their records follow: for each step part 0, then the commit record (or, if
     * they cannot be had, a snapshot). */
    void (*missing)(void *context, uint64_t first, uint64_t last);
    void (*record)(void *context, const struct record *record);
    /* `ready_fd` of subscriber_new() is readable. */
    void (*ready)(void *context);
};

struct subscriber_counts {
    uint64_t events, repeated, gaps, steps_repaired, snapshots, overflown;
};

struct subscriber;

/* The calls are copied. ready_fd: polled for the caller; -1: none. */
struct subscriber *subscriber_new(const struct subscriber_calls *calls, int ready_fd);
void subscriber_destroy(struct subscriber **self_p);

/* For process_main() or local_attach(); valid as long as the subscriber. INT and TERM end it. */
const struct actor *subscriber_actor(const struct subscriber *self);

/* From within a call: leave, with this exit status. */
void subscriber_stop(struct subscriber *self, int status);

const struct subscriber_counts *subscriber_counts(const struct subscriber *self);

#endif
