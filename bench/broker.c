/* bench/broker.c - the house's broker against zmq_proxy() between a ROUTER and a DEALER, which looks at nothing. Both
 * run at once, each with one end that sends and one that answers; rounds alternate. The ends are the same code on bare
 * libzmq, so what differs is the process in the middle: it reads addresses and headers, and keeps a table of peers. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "bench/measure.h"
#include "broker/broker.h"
#include "bus/canary.h"
#include "bus/link.h"
#include "bus/signals.h"
#include "core/assert.h"
#include "core/log.h"
#include "proto/registry.h"

#define CHILD_WORD "bench-child"
#define PAYLOAD_LARGEST (1u << 20)
#define ROUNDS 5u

extern char **environ;

/* What the sender asks the far end for, in the header's `chunk`. */
enum wish { WISH_NOTHING, WISH_ECHO, WISH_SIGN, WISH_END };

/* One end of a connection through either broker. */
struct end {
    void *context, *socket;
    struct link link;     /* the house's broker only */
    struct place place;
    bool house, far;
    struct peer to;       /* house: destination; proxy, far: whom the proxy's ROUTER is to send the answer to */
    uint8_t route[256];
    size_t route_size;
    uint64_t seq;
};

static uint8_t payload_bytes[PAYLOAD_LARGEST];

_Noreturn static void
give_up(const char *what)
{
    fprintf(stderr, "bench broker: %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(EXIT_FAILURE);
}

/* ---- messages ---- */

static void
send_frame(struct end *self, const void *bytes, size_t size, int flags)
{
    if (zmq_send(self->socket, bytes, size, flags) < 0)
        give_up("send");
}

/* The payload lies in static memory: libzmq sends it from there. */
static void
send_message(struct end *self, enum wish wish, size_t size)
{
    struct envelope head = {.type = self->far ? MSG_ACTION : MSG_OBSERVATION, .chunk = wish, .seq = ++self->seq};
    uint8_t header[ENVELOPE_SIZE];
    zmq_msg_t payload;

    envelope_write_hashed(&head, 1, size, header);
    if (self->house)
        send_frame(self, self->to.id, sizeof self->to.id, ZMQ_SNDMORE);
    else if (self->far)
        send_frame(self, self->route, self->route_size, ZMQ_SNDMORE);
    send_frame(self, header, sizeof header, size > 0 ? ZMQ_SNDMORE : 0);
    if (size == 0)
        return;
    if (zmq_msg_init_data(&payload, payload_bytes, size, NULL, NULL) != 0 ||
        zmq_msg_send(&payload, self->socket, 0) < 0)
        give_up("send");
}

static bool
receive_frame(struct end *self, zmq_msg_t *frame)
{
    zmq_msg_init(frame);
    while (zmq_msg_recv(frame, self->socket, 0) < 0)
        if (zmq_errno() != EINTR)
            give_up("receive");
    return zmq_msg_more(frame) != 0;
}

static enum wish
receive_message(struct end *self, size_t *size)
{
    zmq_msg_t frame;
    struct envelope head;
    bool more = true;

    if (self->house || self->far) {
        more = receive_frame(self, &frame);
        self->route_size = zmq_msg_size(&frame);
        ASSERT(self->route_size <= sizeof self->route);
        memcpy(self->route, zmq_msg_data(&frame), self->route_size);
        zmq_msg_close(&frame);
    }
    ASSERT(more);
    more = receive_frame(self, &frame);
    if (envelope_read(zmq_msg_data(&frame), zmq_msg_size(&frame), &head, NULL) != 0)
        give_up("a header");
    zmq_msg_close(&frame);
    *size = 0;
    if (more) {
        more = receive_frame(self, &frame);
        *size = zmq_msg_size(&frame);
        zmq_msg_close(&frame);
    }
    ASSERT(!more && *size == head.payload_size);
    return (enum wish)head.chunk;
}

/* ---- connecting ---- */

static void
say_hello(struct end *self, enum role role)
{
    struct hello hello = {.role = role, .pid = (uint64_t)getpid(), .schema = proto_digest(),
        .canary = canary_compute()};
    struct outbox_parcel control = {.channel = CHANNEL_CONTROL, .to = PEER_BROKER, .head.type = MSG_HELLO};
    struct outbox_parcel data = {.channel = CHANNEL_DATA, .to = PEER_BROKER, .head.type = MSG_HELLO};
    struct buffer packed = {0};
    struct why why = {0};

    if (canary_build(hello.build, &why) != 0)
        give_up(why.text);
    message_pack(MSG_HELLO, &hello, &packed);
    control.bytes = buffer_take(&packed, &control.size);
    link_send(&self->link, &control);
    link_send(&self->link, &data);
}

/* Until the broker has welcomed this end and, for the near one, named the other. */
static void
await_peers(struct end *self)
{
    bool welcome = false, peer = self->far;
    uint64_t from = measure_ns();

    while (!welcome || !peer) {
        zmq_pollitem_t item = {.socket = self->link.lines[CHANNEL_CONTROL].socket, .events = ZMQ_POLLIN};
        struct link_letter in;
        struct peer_up up;

        link_flush(&self->link);
        zmq_poll(&item, 1, 10);
        while (link_receive(&self->link, CHANNEL_CONTROL, &in)) {
            welcome = welcome || in.letter.head.type == MSG_WELCOME;
            if (in.letter.head.type == MSG_PEER_UP &&
                message_unpack(MSG_PEER_UP, in.letter.payload, in.letter.size, &up, NULL) == 0) {
                self->to = up.peer;
                peer = true;
            }
            link_letter_fini(&in);
        }
        if (measure_seconds(from) > 20.0)
            give_up("nobody answers the hello");
    }
}

static void
connect_house(struct end *self, const char *place, bool far)
{
    struct why why = {0};

    *self = (struct end){.house = true, .far = far, .to = PEER_WORLD, .context = zmq_ctx_new()};
    if (place_parse(place, &self->place, &why) != 0 || place_open(&self->place, false, &why) != 0 ||
        link_init(&self->link, self->context, &self->place, far ? ROLE_AGENTS : ROLE_WORLD, &why) != 0 ||
        link_open(&self->link, &why) != 0)
        give_up(why.text);
    say_hello(self, far ? ROLE_AGENTS : ROLE_WORLD);
    await_peers(self);
    self->socket = self->link.lines[CHANNEL_DATA].socket;
    self->seq = self->link.lines[CHANNEL_DATA].seq;
}

static void
set_marks(void *socket)
{
    int zero = 0;

    zmq_setsockopt(socket, ZMQ_SNDHWM, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
}

static void
proxy_endpoint(const char *place, bool far, char *out, size_t size)
{
    snprintf(out, size, "ipc://%s/%s", place, far ? "far" : "near");
}

static void
connect_proxy(struct end *self, const char *place, bool far)
{
    char endpoint[5000];

    *self = (struct end){.far = far, .context = zmq_ctx_new()};
    self->socket = zmq_socket(self->context, ZMQ_DEALER);
    set_marks(self->socket);
    proxy_endpoint(place, far, endpoint, sizeof endpoint);
    if (zmq_connect(self->socket, endpoint) != 0)
        give_up(endpoint);
}

/* ---- the other processes ---- */

static int
run_proxy(const char *place)
{
    void *context = zmq_ctx_new(), *near = zmq_socket(context, ZMQ_ROUTER), *far = zmq_socket(context, ZMQ_DEALER);
    char endpoint[5000];

    mkdir(place, 0700);
    set_marks(near);
    set_marks(far);
    proxy_endpoint(place, false, endpoint, sizeof endpoint);
    if (zmq_bind(near, endpoint) != 0)
        give_up(endpoint);
    proxy_endpoint(place, true, endpoint, sizeof endpoint);
    if (zmq_bind(far, endpoint) != 0)
        give_up(endpoint);
    return zmq_proxy(near, far, NULL);
}

static int
run_far(const char *place, bool house)
{
    struct end end;
    size_t size;

    if (house)
        connect_house(&end, place, true);
    else
        connect_proxy(&end, place, true);
    for (;;) {
        enum wish wish = receive_message(&end, &size);

        if (wish == WISH_END)
            return 0;
        if (wish != WISH_NOTHING)
            send_message(&end, WISH_NOTHING, wish == WISH_ECHO ? size : 0);
    }
}

/* arguments: word, what, place, parent */
static int
run_child(char **argv)
{
    int parent = atoi(argv[4]);

    log_set_level(LOG_ERROR);
    if (!signals_follow_parent(parent))
        return EXIT_FAILURE;
    if (strcmp(argv[2], "broker") == 0)
        return broker_main(&(struct broker_options){.place = argv[3], .parent_pid = parent, .ready_fd = -1});
    if (strcmp(argv[2], "proxy") == 0)
        return run_proxy(argv[3]);
    return run_far(argv[3], strcmp(argv[2], "far-house") == 0);
}

static pid_t
start(const char *what, const char *place)
{
    char parent[16];
    char *arguments[] = {(char *)"polis-bench", (char *)CHILD_WORD, (char *)what, (char *)place, parent, NULL};
    pid_t pid;

    snprintf(parent, sizeof parent, "%d", (int)getpid());
    if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ) != 0)
        give_up(what);
    return pid;
}

/* ---- measuring ---- */

/* Messages a second, one way; at most `window` of them are under way. */
static double
throughput(struct end *self, size_t size, uint32_t count, uint32_t window)
{
    uint32_t quarter = window / 4, open = 0;
    uint64_t from = measure_ns();
    size_t answer;

    for (uint32_t i = 1; i <= count; i++) {
        send_message(self, i % quarter == 0 ? WISH_SIGN : WISH_NOTHING, size);
        for (open++; open >= window || (i == count && open >= quarter); open -= quarter)
            receive_message(self, &answer);
    }
    return count / measure_seconds(from);
}

/* Median round trip in seconds. */
static double
round_trip(struct end *self, size_t size, uint32_t count)
{
    double *seconds = calloc(count, sizeof *seconds), median;
    size_t answer;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t from = measure_ns();

        send_message(self, WISH_ECHO, size);
        receive_message(self, &answer);
        ASSERT(answer == size);
        seconds[i] = measure_seconds(from);
    }
    median = measure_median(seconds, count);
    free(seconds);
    return median;
}

static void
measure_throughput(struct measure *self, struct end *house, struct end *proxy)
{
    static const struct {
        const char *name;
        size_t size;
        uint32_t count, window;
        double limit;
    } rows[] = {
        {"256 B: messages/s", 256, 100000, 1000, 0.75},
        {"4 KiB: messages/s", 4096, 40000, 400, 0.90},
        {"64 KiB: messages/s", 65536, 4000, 64, 0.90},
        {"1 MiB: messages/s", PAYLOAD_LARGEST, 400, 8, 0.90},
    };

    measure_title(self, "throughput over ipc, one sender, one receiver");
    for (uint32_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        uint32_t count = measure_is_quick(self) ? rows[r].count / 10 : rows[r].count;
        double ours[ROUNDS], theirs[ROUNDS];

        count -= count % (rows[r].window / 4);
        for (uint32_t i = 0; i < ROUNDS; i++) {
            ours[i] = throughput(house, rows[r].size, count, rows[r].window);
            theirs[i] = throughput(proxy, rows[r].size, count, rows[r].window);
        }
        measure_report(self, &(struct measure_row){.what = rows[r].name, .value = measure_middle(ours, ROUNDS),
            .unit = "/s", .ratio = measure_ratio(ours, theirs, ROUNDS), .than = "zmq_proxy", .bar = BAR_AT_LEAST,
            .limit = rows[r].limit});
    }
}

static void
measure_round_trip(struct measure *self, struct end *house, struct end *proxy)
{
    static const struct {
        const char *name;
        size_t size;
    } rows[] = {{"32 B: median round trip", 32}, {"4 KiB: median round trip", 4096}};

    measure_title(self, "round trip over ipc, one message at a time");
    for (uint32_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        uint32_t count = measure_is_quick(self) ? 200 : 2000;
        double ours[ROUNDS], theirs[ROUNDS];

        for (uint32_t i = 0; i < ROUNDS; i++) {
            ours[i] = round_trip(house, rows[r].size, count) * 1e6;
            theirs[i] = round_trip(proxy, rows[r].size, count) * 1e6;
        }
        measure_report(self, &(struct measure_row){.what = rows[r].name, .value = measure_middle(ours, ROUNDS),
            .unit = "us", .ratio = measure_ratio(ours, theirs, ROUNDS), .than = "zmq_proxy", .bar = BAR_AT_MOST,
            .limit = 1.10});
    }
}

int
main(int argc, char **argv)
{
    static const char *const names[4] = {"broker", "proxy", "far-house", "far-proxy"};
    struct end house, proxy;
    struct measure *self;
    char places[2][5000];
    pid_t pids[4];

    if (argc == 5 && strcmp(argv[1], CHILD_WORD) == 0)
        return run_child(argv);
    self = measure_new("broker", argc, argv);
    log_set_level(LOG_ERROR);
    snprintf(places[0], sizeof places[0], "%s/house", measure_folder(self));
    snprintf(places[1], sizeof places[1], "%s/proxy", measure_folder(self));
    for (int i = 0; i < 2; i++)
        mkdir(places[i], 0700);
    for (int i = 0; i < 4; i++)
        pids[i] = start(names[i], places[i % 2]);
    connect_house(&house, places[0], false);
    connect_proxy(&proxy, places[1], false);
    measure_throughput(self, &house, &proxy);
    measure_round_trip(self, &house, &proxy);
    for (int i = 0; i < 4; i++) {
        kill(pids[i], SIGKILL);
        while (waitpid(pids[i], NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    link_fini(&house.link);
    place_close(&house.place);
    zmq_close(proxy.socket);
    zmq_ctx_term(house.context);
    zmq_ctx_term(proxy.context);
    for (int i = 0; i < 2; i++)
        measure_remove(places[i]);
    return measure_end(&self);
}
