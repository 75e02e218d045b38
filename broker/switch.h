/* broker/switch.h - the broker's mind without its sockets: who is there, who may come in, who may say what to whom, and
 * what the world must be told. Pure: frames and times go in, a verdict and letters come out.
 *
 * Invariants of a peer:
 *  1. It is GREETED when its hello on control was found good, HEARD when its hello on data came; a role without a data
 *     channel is heard at once. Only a greeted and heard one becomes PRESENT: then it gets WELCOME, and the world,
 *     if there is one, its PEER_UP.
 *  2. Of world, governance and gateway at most one is present. A second one is held for hold_ms, in case the first is
 *     gone and that was not noticed yet; then it is rejected.
 *  3. Letters come only from and go only to those who are present. Whoever stops being present is forgotten, and the
 *     world, if it is another, gets PEER_DOWN; a world that becomes present gets PEER_UP of all who are.
 *  4. Ids are never used twice: a peer that comes back has a new one. */
#ifndef POLIS_BROKER_SWITCH_H
#define POLIS_BROKER_SWITCH_H

#include "bus/actor.h"
#include "bus/outbox.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SWITCH_PEERS_MAX 4096u

struct switch_options {
    char build[65];        /* what a peer must say in HELLO */
    uint64_t schema, canary;
    bool mixed_builds;     /* any build is welcome (its schema and canary must still fit) */
    char host[256];        /* this machine: PROC_EXIT speaks of its processes */
    uint32_t heartbeat_ms; /* told to peers */
    uint32_t evict_ms;     /* a peer that says nothing for so long is put out; 0: never. The world never is: it may be
                            * reading its log for minutes, and a lost connection is noticed without this */
    uint32_t hold_ms;      /* see invariant 2 */
    char events[201], data[201], fetch[201]; /* endpoints, for WELCOME */
};

struct switch_counts {
    uint64_t forwarded, own, relayed;   /* taken */
    uint64_t malformed;                 /* frame count or size, header, magic, version: dropped */
    uint64_t unauthorised;              /* this role must not say this, or not to that one, or not here: dropped */
    uint64_t unknown_source;            /* never said hello, or was put out: dropped */
    uint64_t unknown_destination;       /* nobody of that id or role is present: dropped */
    uint64_t gaps;                      /* a sender's numbers did not rise by one: reported */
    uint64_t rejected, evicted, lost;   /* peers */
};

struct switch_board;

/* The options are copied. */
struct switch_board *switch_new(const struct switch_options *options);
void switch_destroy(struct switch_board **self_p);

/* A message as it lies before the switch. */
struct switch_frames {
    enum channel channel;
    const void *source, *destination, *header;
    size_t source_size, destination_size, header_size, payload_size;
};

enum switch_verdict {
    SWITCH_FORWARD, /* to `to` */
    SWITCH_OWN,     /* for the broker: switch_receive() */
    SWITCH_RELAY,   /* to all who are present but its sender: switch_next() */
    SWITCH_DROP     /* counted */
};

/* Judges a message by its fixed-size frames; the payload is not looked at. `head` is filled unless malformed. */
enum switch_verdict switch_route(struct switch_board *self, const struct switch_frames *frames, uint64_t now_ms,
                                 struct envelope *head, struct peer *to);
/* The same for the event bus, where topic, header and payload come without addresses. */
bool switch_allows_event(struct switch_board *self, size_t topic_size, const void *header, size_t header_size,
                         size_t payload_size, uint64_t now_ms);
/* A message that was not even counted out right (too many or too few frames). */
void switch_malformed(struct switch_board *self, uint64_t now_ms);

/* A letter to the broker itself, its payload hash checked. `fd`: the connection it came by, -1 when not known. */
void switch_receive(struct switch_board *self, const struct letter *letter, int fd, uint64_t now_ms,
                    struct outbox *out);

/* What became of connections. */
void switch_accepted(struct switch_board *self, enum channel channel, int fd);
void switch_disconnected(struct switch_board *self, enum channel channel, int fd, uint64_t now_ms, struct outbox *out);
/* A letter could not be sent to this peer: it is not there, or it does not read. */
void switch_unreachable(struct switch_board *self, const struct peer *peer, uint64_t now_ms, struct outbox *out);
void switch_stuck(struct switch_board *self, const struct peer *peer, uint64_t now_ms, struct outbox *out);

/* Deadlines: evictions, held and half-finished hellos. To be called every `heartbeat_ms` or sooner. */
void switch_tick(struct switch_board *self, uint64_t now_ms, struct outbox *out);

/* Walks through those who are present: start with *cursor = 0, false at the end. */
bool switch_next(const struct switch_board *self, uint32_t *cursor, struct peer *out, enum role *role);
/* Peers that are present and work (world, agents, governance, gateway); connections of the control channel. */
uint32_t switch_workers(const struct switch_board *self);
uint32_t switch_connections(const struct switch_board *self);
const struct switch_counts *switch_counts(const struct switch_board *self);

#endif
