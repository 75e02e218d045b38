/* bus/actor.h - what a process is: an actor, a function of (its state, one letter) that writes to an outbox. It reads
 * no clock, no socket and no file of its own accord, so the same actor runs as a process over ZeroMQ (bus/process.h)
 * and beside the others in one process over memory (bus/local.h), where a test may drop, delay and kill. */
#ifndef POLIS_BUS_ACTOR_H
#define POLIS_BUS_ACTOR_H

#include "core/buffer.h"
#include "proto/envelope.h"
#include "proto/messages.h"

#include <stdbool.h>
#include <stdint.h>

/* Delivery classes, never mixed on one socket: control must arrive (acknowledged or asked again by its sender), data
 * is bounded by credit, events may be dropped and are repaired from the log by fetch. */
enum channel { CHANNEL_CONTROL, CHANNEL_DATA, CHANNEL_EVENT, CHANNEL_FETCH, CHANNEL_COUNT };

/* Well-known addresses: the broker itself, and "whoever is the world now". All other peers have random ids. */
extern const struct peer PEER_BROKER, PEER_WORLD, PEER_GOVERNANCE, PEER_GATEWAY;
bool peer_equal(const struct peer *a, const struct peer *b);

struct letter {
    enum channel channel;
    struct peer peer;       /* received: who sent it; sending: to whom */
    struct envelope head;   /* checked, payload hash included */
    const uint8_t *payload; /* lent until the handler returns */
    size_t size;
};

/* Where an actor's effects go. */
struct outbox;
/* Takes the payload's bytes (leaving the buffer empty); `payload` may be NULL. Never blocks. */
void outbox_send(struct outbox *self, enum channel channel, const struct peer *to, const struct envelope *head,
                 struct buffer *payload);
/* As outbox_send() for a payload whose XXH3-64 is in head->payload_hash already: it is not computed again. */
void outbox_send_hashed(struct outbox *self, enum channel channel, const struct peer *to, const struct envelope *head,
                        struct buffer *payload);
/* Packs and sends a cold message; `head` may be NULL (all zero but the type). */
void outbox_send_message(struct outbox *self, enum channel channel, const struct peer *to, const struct envelope *head,
                         enum message_type type, const void *message);
/* Wishes tick() to be called no later than `at_ms` (the earliest wish wins; it is forgotten once called). */
void outbox_wake(struct outbox *self, uint64_t at_ms);
/* Says goodbye and ends the actor's loop with this exit status (sysexits; 0 = all is well). */
void outbox_stop(struct outbox *self, int status);
/* The bus's own epoch and run, stamped on outgoing heads whose run and epoch are 0. The world sets them. */
void outbox_identity(struct outbox *self, uint32_t run, uint32_t epoch);
/* Number of the newest letter sent on CHANNEL_EVENT (the first one is 1, strictly +1, lost connections or not). */
uint64_t outbox_event_number(const struct outbox *self);

enum actor_signal { ACTOR_FINISH, ACTOR_CHECKPOINT, ACTOR_RELOAD, ACTOR_DUMP }; /* INT, TERM, HUP, USR2 */

struct actor {
    enum role role;
    const char *serves; /* for hello; NULL: "" */
    void *self;
    int ready_fd;       /* polled beside the sockets; -1: none */
    /* Connected (again): WELCOME has come. `now_ms` everywhere is monotonic milliseconds, for deadlines only. */
    void (*start)(void *self, uint64_t now_ms, struct outbox *out);
    void (*receive)(void *self, uint64_t now_ms, const struct letter *letter, struct outbox *out);
    void (*tick)(void *self, uint64_t now_ms, struct outbox *out);
    void (*ready)(void *self, uint64_t now_ms, struct outbox *out);  /* ready_fd is readable; may be NULL */
    /* NULL: INT and TERM just stop. */
    void (*signal)(void *self, uint64_t now_ms, enum actor_signal signal, struct outbox *out);
};

#endif
