/* bus/link.h - a process's connections to the broker: one socket per channel, all with the same fresh routing id. A
 * connection that was lost is never taken up again: the process opens a new link, with a new id, and says hello. */
#ifndef POLIS_BUS_LINK_H
#define POLIS_BUS_LINK_H

#include "bus/outbox.h"
#include "bus/place.h"

#include <zmq.h>

struct link_counts {
    uint64_t sent, received;
    uint64_t malformed; /* frames, header, hash or size wrong: dropped */
    uint64_t dropped;   /* ours, unsent when the link was lost or closed */
};

struct link_line {
    void *socket, *watcher;      /* NULL: this role has no such channel, or the link is closed */
    struct outbox_queue backlog; /* what the socket would not take yet */
    uint64_t seq;                /* of the last letter sent */
};

struct link {
    void *context;
    const struct place *place; /* lent, open */
    enum role role;
    bool is_open;
    struct peer id;
    uint64_t generation; /* how many times it was opened */
    struct link_line lines[CHANNEL_COUNT];
    struct link_counts counts;
};

/* A received letter with the frames that it is lent from; link_letter_fini() gives them back. */
struct link_letter {
    struct letter letter;
    zmq_msg_t frames[3];
    uint32_t frame_count;
};

/* The event socket (the world publishes, monitors subscribe) is made here once and outlives lost connections. */
MUST_CHECK int link_init(struct link *self, void *context, const struct place *place, enum role role, struct why *why);
void link_fini(struct link *self);

/* Connects all channels of the role under a new random id. */
MUST_CHECK int link_open(struct link *self, struct why *why);
/* Closes them; letters that wait are dropped. */
void link_close(struct link *self);

/* Sends or, when the socket is not ready, keeps the parcel (whose bytes it takes in any case). */
void link_send(struct link *self, struct outbox_parcel *parcel);
/* Tries again what waits. Returns a mask of the channels that may be read or written right away after that. */
uint32_t link_flush(struct link *self);

/* The next well-formed letter without waiting; false when there is none. */
bool link_receive(struct link *self, enum channel channel, struct link_letter *out);
void link_letter_fini(struct link_letter *self);
/* Moves the frames to a place of their own: a small payload lies within its frame, so a plain copy would not do. */
void link_letter_move(struct link_letter *to, struct link_letter *from);

/* True when a connection of this link has ended since it was opened. */
bool link_is_lost(struct link *self);

#endif
