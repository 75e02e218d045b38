/* bus/local.h - the same actors in one process, over memory: for `run --inproc`, and for tests, where time may be
 * virtual and a hook decides each letter's fate. Payloads move by pointer. One thread; no actor is ever called from
 * within another's handler. The rules of the broker hold here too: who may send what (bus/rights.h), aliases,
 * PEER_UP before a peer's first letter and none of its letters after its PEER_DOWN, EPOCH relayed to all. */
#ifndef POLIS_BUS_LOCAL_H
#define POLIS_BUS_LOCAL_H

#include "bus/actor.h"

#include <stdbool.h>
#include <stdint.h>

/* What becomes of a letter. {0}: it arrives at once, once, in order. */
struct local_fate {
    bool drop;
    uint32_t delay_ms; /* a letter with a longer delay is overtaken by later ones */
    uint32_t copies;   /* beside the letter itself; each with the same delay, behind one another */
};

struct local_options {
    bool virtual_time; /* now_ms starts at 1 and jumps to whatever is due next */
    /* Asked for every letter between actors, never for the broker's own; NULL: all arrive. */
    struct local_fate (*fate)(void *context, const struct letter *letter, const struct peer *to, uint64_t now_ms);
    void *fate_context;
    int signal_fd; /* as of signals_open(): passed on to the world's actor by local_run(); -1: none */
};

struct local_counts {
    uint64_t delivered, dropped_by_fate, unauthorised, unknown_peer, of_the_dead;
};

struct local;

/* The options are copied. */
struct local *local_new(const struct local_options *options);
void local_destroy(struct local **self_p);

/* Adds an actor (the struct is copied; what it points to is lent until it is detached): it is started by a later step,
 * and the world is told before. At most one each of world, governance and gateway may be attached at a time. The peer's
 * id depends only on how many were attached before it. */
struct peer local_attach(struct local *self, const struct actor *actor);

/* The peer leaves: what it sent before still arrives (what a hook delayed, later), then PEER_DOWN, cause "bye". */
void local_detach(struct local *self, const struct peer *peer);
/* The peer dies: what it sent and what was sent to it is lost, and the world gets PEER_DOWN ("disconnect"). */
void local_kill(struct local *self, const struct peer *peer);
bool local_is_attached(const struct local *self, const struct peer *peer);

/* Puts a letter into the queue as if an attached peer, or (`from` NULL) some operator, had sent it. Takes the bytes. */
void local_send(struct local *self, const struct peer *from, enum channel channel, const struct peer *to,
                const struct envelope *head, struct buffer *payload);
/* The signal is handled by the peer's actor now. */
void local_signal(struct local *self, const struct peer *peer, enum actor_signal signal);

/* Does one thing: delivers a letter, starts an actor, ticks, or serves a ready descriptor. With virtual time the clock
 * jumps to it; else it waits at most `wait_ms` for something to be due. False when nothing was (virtual time: when
 * nothing is queued at all and no descriptor became ready within wait_ms of real time). */
bool local_step(struct local *self, uint32_t wait_ms);

/* Runs until the world's actor has stopped, or governance or the gateway has given up (with a status that is not 0);
 * then tells the others to finish (signal ACTOR_FINISH) and lets them, for a second at most. Returns that status. */
int local_run(struct local *self);
/* Whether the actor has called outbox_stop(), and with what. `status` may be NULL. */
bool local_is_stopped(const struct local *self, const struct peer *peer, int *status);

uint64_t local_now(const struct local *self);
const struct local_counts *local_counts(const struct local *self);

#endif
