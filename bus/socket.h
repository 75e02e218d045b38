/* bus/socket.h - every libzmq socket of the house is made here, from one table of options, so that none is left at a
 * default that loses messages in silence: ROUTER_MANDATORY is set, an ipc receiver has no high-water mark (a finite one
 * loses the tail when its peer exits), LINGER is 0 because processes leave by a handshake, nothing blocks in a send. */
#ifndef POLIS_BUS_SOCKET_H
#define POLIS_BUS_SOCKET_H

#include "bus/actor.h"
#include "bus/place.h"

#include <stdbool.h>
#include <stdint.h>

enum socket_use {
    SOCKET_BROKER_CONTROL, SOCKET_BROKER_DATA, SOCKET_BROKER_EVENTS_OUT, SOCKET_BROKER_FETCH, SOCKET_BROKER_EVENTS_IN,
    SOCKET_CONTROL, SOCKET_DATA, SOCKET_SUBSCRIBE, SOCKET_FETCH, SOCKET_PUBLISH, /* of the other processes */
    SOCKET_USES
};

struct socket_row {
    const char *name;
    int type;              /* ZMQ_ROUTER ... */
    bool binds;
    enum place_door door;
    int send_mark, receive_mark; /* high-water marks, messages; 0: none */
    int64_t message_max;   /* bytes of a frame; the peer that sends more loses its connection */
};
extern const struct socket_row socket_rows[SOCKET_USES];

/* Common to all, milliseconds. */
#define SOCKET_HANDSHAKE_MS 5000
#define SOCKET_RECONNECT_MS 10
#define SOCKET_RECONNECT_MAX_MS 1000
#define SOCKET_HEARTBEAT_MS 1000   /* tcp only */
#define SOCKET_HEARTBEAT_TIMEOUT_MS 3000
#define SOCKET_TCP_MAXRT_MS 15000

/* A context that ends without waiting for unsent messages, with room for many peers' sockets. */
void *socket_context_new(int io_threads);

/* Makes, secures and binds or connects a socket. `id` (NULL: none) becomes its routing id; `affinity` is a mask of I/O
 * threads (0: any). NULL and a reason (ERR_IO, ERR_DENIED) when that failed. Closed with socket_close(). */
void *socket_open(void *context, enum socket_use use, const struct place *place, const struct peer *id,
                  uint64_t affinity, struct why *why);
void socket_close(void **socket);

/* Decides whether bytes may travel through this socket unencrypted. Unix sockets and the loopback interface: yes. */
MUST_CHECK int socket_secure(void *socket, enum socket_use use, const struct place *place, struct why *why);

/* A PAIR socket that reports the ends of `socket`'s connections; `name` is unique within the context. */
void *socket_watch(void *context, void *socket, const char *name, int events, struct why *why);
/* Ends the reports and closes the PAIR: before its socket is closed. */
void socket_unwatch(void *socket, void **watcher);
/* Reads one report without waiting; false when there is none. */
bool socket_watch_read(void *watcher, int *event, int *fd);

#endif
