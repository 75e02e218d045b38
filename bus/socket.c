#include "bus/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "bus/outbox.h"
#include "core/assert.h"
#include "core/bytes.h"

#define CONTROL_MARK 10000 /* a peer with so many unread letters is stuck */
#define CONTROL_MAX ((int64_t)PAYLOAD_CONTROL_MAX)
#define DATA_MAX ((int64_t)PAYLOAD_MAX)
#define FETCH_MAX ((int64_t)OUTBOX_FETCH_MAX)
#define PAIR_MARK 0
#define SOCKETS_MAX 4096

/* Control: a bounded queue to each peer, and the one who lets it fill is evicted. Data: no mark, credit bounds it.
 * Events: the slow subscriber loses and repairs. Fetch: a few large answers. Receivers: none (see the header), but the
 * subscriber's, whose loss is repaired. */
const struct socket_row socket_rows[SOCKET_USES] = {
    [SOCKET_BROKER_CONTROL] = {"broker control", ZMQ_ROUTER, true, PLACE_CONTROL, CONTROL_MARK, 0, CONTROL_MAX},
    [SOCKET_BROKER_DATA] = {"broker data", ZMQ_ROUTER, true, PLACE_DATA, 0, 0, DATA_MAX},
    [SOCKET_BROKER_EVENTS_OUT] = {"broker events out", ZMQ_XPUB, true, PLACE_EVENTS_OUT, 1000, 0, CONTROL_MAX},
    [SOCKET_BROKER_FETCH] = {"broker fetch", ZMQ_ROUTER, true, PLACE_FETCH, 64, 0, FETCH_MAX},
    [SOCKET_BROKER_EVENTS_IN] = {"broker events in", ZMQ_XSUB, true, PLACE_EVENTS_IN, 1000, 0, CONTROL_MAX},
    [SOCKET_CONTROL] = {"control", ZMQ_DEALER, false, PLACE_CONTROL, CONTROL_MARK, 0, CONTROL_MAX},
    [SOCKET_DATA] = {"data", ZMQ_DEALER, false, PLACE_DATA, 0, 0, DATA_MAX},
    [SOCKET_SUBSCRIBE] = {"subscribe", ZMQ_SUB, false, PLACE_EVENTS_OUT, 1000, 10000, CONTROL_MAX},
    [SOCKET_FETCH] = {"fetch", ZMQ_DEALER, false, PLACE_FETCH, 1000, 0, FETCH_MAX},
    [SOCKET_PUBLISH] = {"publish", ZMQ_PUB, false, PLACE_EVENTS_IN, 100000, 0, CONTROL_MAX},
};

void *
socket_context_new(int io_threads)
{
    void *context = zmq_ctx_new();

    ASSERT(context != NULL);
    ASSERT(zmq_ctx_set(context, ZMQ_BLOCKY, 0) == 0);
    ASSERT(zmq_ctx_set(context, ZMQ_IO_THREADS, io_threads) == 0);
    ASSERT(zmq_ctx_set(context, ZMQ_MAX_SOCKETS, SOCKETS_MAX) == 0);
    return context;
}

static void
set(void *socket, int option, int value)
{
    ASSERT(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

static void
set_common(void *socket, const struct socket_row *row, const struct place *place)
{
    set(socket, ZMQ_LINGER, 0);
    set(socket, ZMQ_SNDHWM, row->send_mark);
    set(socket, ZMQ_RCVHWM, row->receive_mark);
    ASSERT(zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &row->message_max, sizeof row->message_max) == 0);
    set(socket, ZMQ_HANDSHAKE_IVL, SOCKET_HANDSHAKE_MS);
    set(socket, ZMQ_RECONNECT_IVL, SOCKET_RECONNECT_MS);
    set(socket, ZMQ_RECONNECT_IVL_MAX, SOCKET_RECONNECT_MAX_MS);
    if (!row->binds)
        set(socket, ZMQ_IMMEDIATE, 1);
    if (row->type == ZMQ_ROUTER) {
        set(socket, ZMQ_ROUTER_MANDATORY, 1);
        set(socket, ZMQ_ROUTER_HANDOVER, 0);
    }
    /* Subscriptions are looked at by the broker before they count. */
    if (row->type == ZMQ_XPUB)
        set(socket, ZMQ_XPUB_MANUAL, 1);
    if (place->tcp) {
        set(socket, ZMQ_HEARTBEAT_IVL, SOCKET_HEARTBEAT_MS);
        set(socket, ZMQ_HEARTBEAT_TIMEOUT, SOCKET_HEARTBEAT_TIMEOUT_MS);
        set(socket, ZMQ_HEARTBEAT_TTL, SOCKET_HEARTBEAT_TIMEOUT_MS);
        set(socket, ZMQ_TCP_KEEPALIVE, 1);
        set(socket, ZMQ_TCP_KEEPALIVE_IDLE, 30);
        set(socket, ZMQ_TCP_KEEPALIVE_INTVL, 10);
        set(socket, ZMQ_TCP_KEEPALIVE_CNT, 3);
        set(socket, ZMQ_TCP_MAXRT, SOCKET_TCP_MAXRT_MS);
    }
}

int
socket_secure(void *socket, enum socket_use use, const struct place *place, struct why *why)
{
    ASSERT(socket != NULL);
    if (place_is_local(place))
        return 0;
    return fail(why, ERR_DENIED, "%s socket: tcp://%s is not a loopback address, and without encryption a cluster "
                "must not leave its machine; use a run directory or tcp://127.0.0.1:PORT",
                socket_rows[use].name, place->host);
}

void *
socket_open(void *context, enum socket_use use, const struct place *place, const struct peer *id, uint64_t affinity,
            struct why *why)
{
    const struct socket_row *row = &socket_rows[use];
    char endpoint[PLACE_ENDPOINT_SIZE];
    void *socket = zmq_socket(context, row->type);

    if (socket == NULL) {
        fail(why, ERR_IO, "%s socket: %s", row->name, zmq_strerror(zmq_errno()));
        return NULL;
    }
    set_common(socket, row, place);
    if (affinity != 0)
        ASSERT(zmq_setsockopt(socket, ZMQ_AFFINITY, &affinity, sizeof affinity) == 0);
    if (id != NULL)
        ASSERT(zmq_setsockopt(socket, ZMQ_ROUTING_ID, id->id, sizeof id->id) == 0);
    if (row->type == ZMQ_SUB)
        ASSERT(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "S", 1) == 0);
    if (socket_secure(socket, use, place, why) != 0)
        goto refuse;
    place_endpoint(place, row->door, endpoint);
    if ((row->binds ? zmq_bind(socket, endpoint) : zmq_connect(socket, endpoint)) != 0) {
        fail(why, ERR_IO, "%s socket: cannot %s %s: %s", row->name, row->binds ? "bind" : "connect to", endpoint,
             zmq_strerror(zmq_errno()));
        goto refuse;
    }
    return socket;

refuse:
    zmq_close(socket);
    return NULL;
}

void
socket_close(void **socket)
{
    if (*socket != NULL)
        ASSERT(zmq_close(*socket) == 0);
    *socket = NULL;
}

void *
socket_watch(void *context, void *socket, const char *name, int events, struct why *why)
{
    void *watcher;

    if (zmq_socket_monitor(socket, name, events) != 0) {
        fail(why, ERR_IO, "cannot watch a socket: %s", zmq_strerror(zmq_errno()));
        return NULL;
    }
    watcher = zmq_socket(context, ZMQ_PAIR);
    if (watcher == NULL) {
        fail(why, ERR_IO, "cannot watch a socket: %s", zmq_strerror(zmq_errno()));
        return NULL;
    }
    set(watcher, ZMQ_LINGER, 0);
    set(watcher, ZMQ_RCVHWM, PAIR_MARK);
    if (zmq_connect(watcher, name) != 0) {
        fail(why, ERR_IO, "cannot watch a socket: %s", zmq_strerror(zmq_errno()));
        socket_close(&watcher);
    }
    return watcher;
}

void
socket_unwatch(void *socket, void **watcher)
{
    if (*watcher == NULL)
        return;
    zmq_socket_monitor(socket, NULL, 0);
    socket_close(watcher);
}

bool
socket_watch_read(void *watcher, int *event, int *fd)
{
    uint8_t report[6]; /* event u16, value i32, in the machine's order */
    char address[256];
    int size = zmq_recv(watcher, report, sizeof report, ZMQ_DONTWAIT);

    if (size < 0)
        return false;
    ASSERT(size == (int)sizeof report);
    *event = bytes_get_u16(report);
    *fd = bytes_get_i32(report + 2);
    return zmq_recv(watcher, address, sizeof address, ZMQ_DONTWAIT) >= 0;
}
