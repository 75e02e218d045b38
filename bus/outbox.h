/* bus/outbox.h - the inside of an outbox: parcels in the order in which they were sent, and what else the actor asked
 * for. Only what carries parcels (bus/process.c, bus/local.c, the broker) looks in here. */
#ifndef POLIS_BUS_OUTBOX_H
#define POLIS_BUS_OUTBOX_H

#include "bus/actor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A letter on its way out. `bytes` is owned (free()), NULL when size is 0. */
struct outbox_parcel {
    enum channel channel;
    struct peer to;
    struct envelope head;
    uint8_t *bytes;
    size_t size;
    bool hashed; /* head.payload_hash is that of the bytes */
};

/* Writes the header as it goes out: version, size and hash are set in the parcel's head, too. */
void outbox_parcel_seal(struct outbox_parcel *self, uint8_t header[ENVELOPE_SIZE]);

/* First in, first out; grows as needed. Start from {0}. */
struct outbox_queue {
    struct outbox_parcel *parcels;
    size_t begin, count, capacity; /* a ring; capacity is 0 or a power of two */
};

struct outbox {
    struct outbox_queue queue;
    uint64_t wake_ms; /* earliest wish, CLOCK_NEVER: none */
    uint64_t events;  /* events sent so far: the newest one's number */
    uint32_t run, epoch;
    bool stopped;
    int status;
};

/* Takes the parcel's bytes. */
void outbox_queue_push(struct outbox_queue *self, const struct outbox_parcel *parcel);
/* The oldest one, or NULL; valid until the next push or pop. */
struct outbox_parcel *outbox_queue_front(struct outbox_queue *self);
/* Hands the oldest parcel and its bytes to the caller; false when there is none. */
bool outbox_queue_pop(struct outbox_queue *self, struct outbox_parcel *out);
/* Frees what waits, keeps the room. Returns how many parcels that were. */
size_t outbox_queue_clear(struct outbox_queue *self);
void outbox_queue_fini(struct outbox_queue *self);

void outbox_init(struct outbox *self);
void outbox_fini(struct outbox *self);

/* The wish for a tick when it is due (and forgets it). */
bool outbox_wake_due(struct outbox *self, uint64_t now_ms);

/* Most bytes a payload may have on a channel. Fetch: one part of the log, or a snapshot's summary. */
#define OUTBOX_FETCH_MAX (4u << 20)
size_t outbox_payload_max(enum channel channel);

#endif
