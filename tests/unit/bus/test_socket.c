/* The options of every kind of socket, read back from libzmq. */
#include "bus/socket.h"

#include <string.h>
#include <zmq.h>

#include "tests/support/test.h"

/* Written out by hand from the design, not taken from the table under test. */
static const struct row {
    const char *name;
    enum socket_use use;
    int type, send_mark, receive_mark;
    int64_t message_max;
    int immediate;
} rows[] = {
    {"broker control", SOCKET_BROKER_CONTROL, ZMQ_ROUTER, 10000, 0, 1048576, 0},
    {"broker data", SOCKET_BROKER_DATA, ZMQ_ROUTER, 0, 0, 268435456, 0},
    {"broker events out", SOCKET_BROKER_EVENTS_OUT, ZMQ_XPUB, 1000, 0, 1048576, 0},
    {"broker fetch", SOCKET_BROKER_FETCH, ZMQ_ROUTER, 64, 0, 4194304, 0},
    {"broker events in", SOCKET_BROKER_EVENTS_IN, ZMQ_XSUB, 1000, 0, 1048576, 0},
    {"control", SOCKET_CONTROL, ZMQ_DEALER, 10000, 0, 1048576, 1},
    {"data", SOCKET_DATA, ZMQ_DEALER, 0, 0, 268435456, 1},
    {"subscribe", SOCKET_SUBSCRIBE, ZMQ_SUB, 1000, 10000, 1048576, 1},
    {"fetch", SOCKET_FETCH, ZMQ_DEALER, 1000, 0, 4194304, 1},
    {"publish", SOCKET_PUBLISH, ZMQ_PUB, 100000, 0, 1048576, 1},
};

static void *context;

static int
number(void *socket, int option)
{
    int value = -12345;
    size_t size = sizeof value;

    assert_int_equal(zmq_getsockopt(socket, option, &value, &size), 0);
    return value;
}

static void *
open_at(const char *text, enum socket_use use, const struct peer *id)
{
    struct place place;
    struct why why = {0};
    void *socket;

    assert_int_equal(place_parse(text, &place, &why), 0);
    assert_int_equal(place_open(&place, false, &why), 0);
    socket = socket_open(context, use, &place, id, 0, &why);
    if (socket == NULL)
        print_error("%s\n", why.text);
    assert_non_null(socket);
    place_close(&place);
    return socket;
}

static void
check(const struct row *row, void *socket, int heartbeat, int timeout, int ttl, int keepalive, int maxrt)
{
    int64_t message_max = 0;
    size_t size = sizeof message_max;

    assert_int_equal(number(socket, ZMQ_TYPE), row->type);
    assert_int_equal(number(socket, ZMQ_LINGER), 0);
    assert_int_equal(number(socket, ZMQ_SNDHWM), row->send_mark);
    assert_int_equal(number(socket, ZMQ_RCVHWM), row->receive_mark);
    assert_int_equal(zmq_getsockopt(socket, ZMQ_MAXMSGSIZE, &message_max, &size), 0);
    assert_int_equal(message_max, row->message_max);
    assert_int_equal(number(socket, ZMQ_IMMEDIATE), row->immediate);
    assert_int_equal(number(socket, ZMQ_HANDSHAKE_IVL), 5000);
    assert_int_equal(number(socket, ZMQ_RECONNECT_IVL), 10);
    assert_int_equal(number(socket, ZMQ_RECONNECT_IVL_MAX), 1000);
    assert_int_equal(number(socket, ZMQ_HEARTBEAT_IVL), heartbeat);
    assert_int_equal(number(socket, ZMQ_HEARTBEAT_TIMEOUT), timeout);
    assert_int_equal(number(socket, ZMQ_HEARTBEAT_TTL), ttl);
    assert_int_equal(number(socket, ZMQ_TCP_KEEPALIVE), keepalive);
    assert_int_equal(number(socket, ZMQ_TCP_MAXRT), maxrt);
}

static void
ipc_options(void **state)
{
    const struct row *row = *state;
    void *socket = open_at(test_folder(), row->use, NULL);

    check(row, socket, 0, -1, 0, -1, 0);
    socket_close(&socket);
    assert_null(socket);
}

static void
tcp_options(void **state)
{
    const struct row *row = *state;
    void *socket = open_at("tcp://127.0.0.1:24680", row->use, NULL);

    check(row, socket, 1000, 3000, 3000, 1, 15000);
    assert_int_equal(number(socket, ZMQ_TCP_KEEPALIVE_IDLE), 30);
    assert_int_equal(number(socket, ZMQ_TCP_KEEPALIVE_INTVL), 10);
    assert_int_equal(number(socket, ZMQ_TCP_KEEPALIVE_CNT), 3);
    socket_close(&socket);
}

/* ROUTER_MANDATORY cannot be asked for as such: what it does can be seen. */
static void
mandatory(void **state)
{
    static const struct peer nobody = {.id = {0x80, 1}};
    void *socket = open_at(test_folder(), SOCKET_BROKER_CONTROL, NULL);

    (void)state;
    assert_int_equal(zmq_send(socket, nobody.id, sizeof nobody.id, ZMQ_DONTWAIT | ZMQ_SNDMORE), -1);
    assert_int_equal(zmq_errno(), EHOSTUNREACH);
    socket_close(&socket);
}

static void
routing_id(void **state)
{
    static const struct peer id = {.id = {0x81, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
    void *socket = open_at(test_folder(), SOCKET_DATA, &id);
    uint8_t back[64];
    size_t size = sizeof back;

    (void)state;
    assert_int_equal(zmq_getsockopt(socket, ZMQ_ROUTING_ID, back, &size), 0);
    assert_int_equal(size, 16);
    assert_memory_equal(back, id.id, 16);
    socket_close(&socket);
}

static void
context_options(void **state)
{
    (void)state;
    assert_int_equal(zmq_ctx_get(context, ZMQ_BLOCKY), 0);
    assert_int_equal(zmq_ctx_get(context, ZMQ_IO_THREADS), 1);
    assert_int_equal(zmq_ctx_get(context, ZMQ_MAX_SOCKETS), 4096);
}

static const struct place_row {
    const char *name, *text;
    int want, want_open; /* of place_parse(), and of socket_open(): 0, or the error */
    const char *data;    /* endpoint of the data door */
} place_rows[] = {
    {"a directory", "/run/polis", 0, 0, "ipc:///run/polis/data"},
    {"a directory with ipc:// before it", "ipc:///run/polis", 0, 0, "ipc:///run/polis/data"},
    {"loopback", "tcp://127.0.0.1:7710", 0, 0, "tcp://127.0.0.1:7711"},
    {"another loopback address", "tcp://127.8.0.1:7710", 0, 0, "tcp://127.8.0.1:7711"},
    {"all interfaces", "tcp://0.0.0.0:7710", 0, ERR_DENIED, "tcp://0.0.0.0:7711"},
    {"a public address", "tcp://192.0.2.1:7710", 0, ERR_DENIED, "tcp://192.0.2.1:7711"},
    {"nothing", "", ERR_INVALID, 0, NULL},
    {"an abstract socket", "@polis", ERR_INVALID, 0, NULL},
    {"a name", "tcp://localhost:7710", ERR_INVALID, 0, NULL},
    {"no port", "tcp://127.0.0.1", ERR_INVALID, 0, NULL},
    {"port nought", "tcp://127.0.0.1:0", ERR_LIMIT, 0, NULL},
    {"a port with too few behind it", "tcp://127.0.0.1:65532", ERR_LIMIT, 0, NULL},
    {"a port with rubbish", "tcp://127.0.0.1:77x", ERR_INVALID, 0, NULL},
};

static void
places(void **state)
{
    const struct place_row *row = *state;
    char endpoint[PLACE_ENDPOINT_SIZE];
    struct place place;
    struct why why = {0};
    void *socket;

    assert_int_equal(place_parse(row->text, &place, &why), row->want);
    if (row->want != 0) {
        assert_true(why.text[0] != '\0');
        return;
    }
    place_endpoint(&place, PLACE_DATA, endpoint);
    assert_string_equal(endpoint, row->data);
    if (!place.tcp)
        return;
    socket = socket_open(context, SOCKET_DATA, &place, NULL, 0, &why);
    assert_int_equal(why.code, row->want_open);
    assert_true((socket == NULL) == (row->want_open != 0));
    socket_close(&socket);
}

static const struct test_case cases[] = {
    {"a router says that nobody is there", mandatory},
    {"the routing id is ours", routing_id},
    {"the context", context_options},
};

int
main(void)
{
    int failures = 0;

    context = socket_context_new(1);
    failures += TEST_ROWS("socket_ipc", rows, ipc_options);
    failures += TEST_ROWS("socket_tcp", rows, tcp_options);
    failures += TEST_ROWS("socket_place", place_rows, places);
    failures += TEST_CASES("socket", cases);
    zmq_ctx_term(context);
    return failures;
}
