/* A real broker and real processes, each a child that is this same program with words behind its name. A child writes
 * a line for everything that happens to it; the test reads those lines. */
#include "broker/broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "bus/operator.h"
#include "bus/process.h"
#include "bus/socket.h"
#include "bus/subscriber.h"
#include "tests/support/test.h"

#define PATIENCE_MS 8000 /* for a line that must come */
#define LETTERS 20000u
#define CHUNK 300000u

extern char **environ;

/* ---- actors ---- */

struct subject {
    struct actor actor;
    uint32_t nacks, last_nack, in_order;
    bool spoiled;
};

static void
fill(struct buffer *out, uint32_t size, uint32_t seed)
{
    uint8_t *bytes = buffer_extend(out, size);

    for (uint32_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 31u + seed + (i >> 8));
}

static bool
is_filled(const uint8_t *bytes, size_t size, uint32_t seed)
{
    for (uint32_t i = 0; i < size; i++)
        if (bytes[i] != (uint8_t)(i * 31u + seed + (i >> 8)))
            return false;
    return true;
}

static void
start(void *self, uint64_t now_ms, struct outbox *out)
{
    struct subject *subject = self;
    struct credit credit = {.chunks = 1};
    struct envelope head = {.type = MSG_EPOCH, .run = 77, .epoch = 3};
    uint8_t chain[32] = {1};
    struct epoch epoch = {.epoch = 3, .chain = {chain, sizeof chain}};

    (void)now_ms;
    puts("start");
    if (subject->actor.role == ROLE_WORLD)
        outbox_send_message(out, CHANNEL_CONTROL, &PEER_BROKER, &head, MSG_EPOCH, &epoch);
    else if (subject->actor.role == ROLE_AGENTS)
        outbox_send_message(out, CHANNEL_DATA, &PEER_WORLD, NULL, MSG_CREDIT, &credit);
}

static void
tick(void *self, uint64_t now_ms, struct outbox *out)
{
    (void)self;
    (void)now_ms;
    (void)out;
}

/* World: a chunk for every credit, and a count of control letters. */
static void
world_receive(void *self, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct subject *subject = self;
    struct buffer payload = {0};
    struct envelope head = {.type = MSG_OBSERVATION, .chunk = 5, .step = 9};
    struct peer_up up;
    struct peer_down down;
    struct why why = {0};

    (void)now_ms;
    switch (letter->head.type) {
    case MSG_PEER_UP:
        assert_int_equal(message_unpack(MSG_PEER_UP, letter->payload, letter->size, &up, &why), 0);
        printf("up %s %s\n", role_name(up.role), up.serves);
        break;
    case MSG_PEER_DOWN:
        assert_int_equal(message_unpack(MSG_PEER_DOWN, letter->payload, letter->size, &down, &why), 0);
        printf("down %s %s\n", role_name(down.role), down.cause);
        break;
    case MSG_CREDIT:
        fill(&payload, CHUNK, 5);
        outbox_send(out, CHANNEL_DATA, &letter->peer, &head, &payload);
        break;
    case MSG_ACTION:
        printf("action %zu %s\n", letter->size,
               is_filled(letter->payload, letter->size, 5) && letter->size == CHUNK && letter->head.chunk == 5
                   ? "intact" : "spoiled");
        break;
    case MSG_NACK:
        subject->in_order += letter->head.chunk == ++subject->nacks ? 1 : 0;
        if ((letter->head.flags & FLAG_LAST) != 0)
            printf("nacks %" PRIu32 " in order %" PRIu32 "\n", subject->nacks, subject->in_order);
        break;
    default:
        printf("other %u\n", letter->head.type);
        break;
    }
}

static void
agents_receive(void *self, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct envelope head = letter->head;
    struct credit credit = {.chunks = 1};
    struct buffer payload = {0};

    (void)self;
    (void)now_ms;
    if (letter->head.type == MSG_OBSERVATION) {
        buffer_append(&payload, letter->payload, letter->size);
        head.type = MSG_ACTION;
        outbox_send(out, CHANNEL_DATA, &letter->peer, &head, &payload);
    } else if (letter->head.type == MSG_EPOCH) {
        printf("epoch %" PRIu32 " run %" PRIu32 "\n", letter->head.epoch, letter->head.run);
        outbox_send_message(out, CHANNEL_DATA, &PEER_WORLD, NULL, MSG_CREDIT, &credit); /* what was said is forgotten */
    }
}

/* Says a great deal on control and leaves at once. */
static void
talker_start(void *self, uint64_t now_ms, struct outbox *out)
{
    struct nack nack = {.code = 1, .text = "one of many"};

    (void)self;
    (void)now_ms;
    for (uint32_t i = 1; i <= LETTERS; i++) {
        struct envelope head = {.chunk = i, .flags = i == LETTERS ? FLAG_LAST : 0};

        outbox_send_message(out, CHANNEL_CONTROL, &PEER_WORLD, &head, MSG_NACK, &nack);
    }
    outbox_stop(out, 0);
}

/* Sends what only a world may send, and a command, which only an operator may. */
static void
rogue_start(void *self, uint64_t now_ms, struct outbox *out)
{
    struct command command = {.source_seq = 1, .verb = "stop"};
    struct cancel cancel = {.step = 4};

    (void)self;
    (void)now_ms;
    outbox_send_message(out, CHANNEL_DATA, &PEER_WORLD, NULL, MSG_CANCEL, &cancel);
    outbox_send_message(out, CHANNEL_CONTROL, &PEER_WORLD, NULL, MSG_COMMAND, &command);
    outbox_stop(out, 0);
}

/* ---- a world that publishes, and one who follows ---- */

#define STEPS 60u

static uint64_t published;

static void
publisher_tick(void *self, uint64_t now_ms, struct outbox *out)
{
    static uint8_t zeros[32];
    struct step_event step = {.step = published + 1, .steps = STEPS, .chain = {zeros, 32}, .digest = {zeros, 16}};
    struct head_event head = {.seq = outbox_event_number(out) + 1, .committed = published, .ended = true};

    (void)self;
    outbox_identity(out, 77, 3);
    if (published < STEPS) {
        published++;
        outbox_send_message(out, CHANNEL_EVENT, &PEER_WORLD, NULL, MSG_STEP, &step);
    } else {
        outbox_send_message(out, CHANNEL_EVENT, &PEER_WORLD, NULL, MSG_HEAD, &head);
    }
    outbox_wake(out, now_ms + 10);
}

static void
publisher_start(void *self, uint64_t now_ms, struct outbox *out)
{
    start(self, now_ms, out);
    outbox_wake(out, now_ms + 10);
}

static void
publisher_receive(void *self, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct sync_state state = {.step = published, .seq = outbox_event_number(out), .steps = STEPS};
    struct result result = {0};
    struct record record = {.found = true};
    struct command command;
    struct fetch fetch;
    struct why why = {0};

    (void)self;
    (void)now_ms;
    if (letter->head.type == MSG_SYNC) {
        outbox_send_message(out, CHANNEL_FETCH, &letter->peer, NULL, MSG_SYNC_STATE, &state);
    } else if (letter->head.type == MSG_FETCH) {
        assert_int_equal(message_unpack(MSG_FETCH, letter->payload, letter->size, &fetch, &why), 0);
        record.step = fetch.step;
        record.part = fetch.part;
        outbox_send_message(out, CHANNEL_FETCH, &letter->peer, NULL, MSG_RECORD, &record);
    } else if (letter->head.type == MSG_COMMAND) {
        assert_int_equal(message_unpack(MSG_COMMAND, letter->payload, letter->size, &command, &why), 0);
        if (strcmp(command.verb, "silence") == 0)
            return;
        result.source_seq = command.source_seq;
        result.code = strcmp(command.verb, "status") == 0 ? ERR_OK : ERR_UNKNOWN;
        snprintf(result.text, sizeof result.text, "%s(%.100s)", command.verb, command.argument);
        outbox_send_message(out, CHANNEL_CONTROL, &letter->peer, NULL, MSG_RESULT, &result);
    }
}

struct follower {
    struct subscriber *subscriber;
    uint64_t step;
};

static void
follow_snapshot(void *context, const struct envelope *head, const struct sync_state *state)
{
    (void)head;
    ((struct follower *)context)->step = state->step;
    puts("snapshot");
}

static void
follow(struct follower *self, uint64_t step)
{
    printf("%s %" PRIu64 "\n", step == self->step + 1 ? "step" : "hole", step);
    self->step = step;
}

static void
follow_step(void *context, const struct envelope *head, const struct step_event *event)
{
    (void)head;
    follow(context, event->step);
}

static void
follow_record(void *context, const struct record *record)
{
    if (record->part == SUBSCRIBER_PART_COMMIT)
        follow(context, record->step);
}

static void
follow_head(void *context, const struct envelope *head, const struct head_event *event)
{
    struct follower *self = context;

    (void)head;
    if (!event->ended)
        return;
    printf("end %" PRIu64 " %s\n", event->committed, event->committed == self->step ? "reached" : "not reached");
    subscriber_stop(self->subscriber, 0);
}

static int
play_follower(const char *place)
{
    struct follower self = {0};
    const struct subscriber_calls calls = {.context = &self, .snapshot = follow_snapshot, .step = follow_step,
                                           .record = follow_record, .head = follow_head};
    const struct process_options options = {.who = "follower", .place = place, .parent_pid = (int)getppid()};
    int status;

    setvbuf(stdout, NULL, _IOLBF, 0);
    self.subscriber = subscriber_new(&calls, -1);
    status = process_main(&options, subscriber_actor(self.subscriber));
    subscriber_destroy(&self.subscriber);
    return status;
}

static int
play(const char *kind, const char *place, const char *lie)
{
    static const uint64_t wrong = 12345;
    struct subject subject = {.actor = {.role = ROLE_AGENTS, .serves = "*", .ready_fd = -1, .start = start,
                                        .receive = agents_receive, .tick = tick}};
    struct process_options options = {.who = kind, .place = place, .parent_pid = (int)getppid()};

    if (strcmp(kind, "world") == 0) {
        subject.actor.role = ROLE_WORLD;
        subject.actor.receive = world_receive;
    } else if (strcmp(kind, "publisher") == 0) {
        subject.actor.role = ROLE_WORLD;
        subject.actor.start = publisher_start;
        subject.actor.receive = publisher_receive;
        subject.actor.tick = publisher_tick;
    } else if (strcmp(kind, "follower") == 0) {
        return play_follower(place);
    } else if (strcmp(kind, "talker") == 0) {
        subject.actor.start = talker_start;
    } else if (strcmp(kind, "rogue") == 0) {
        subject.actor.start = rogue_start;
    }
    options.build = strcmp(lie, "build") == 0 ? "another" : NULL;
    options.schema = strcmp(lie, "schema") == 0 ? &wrong : NULL;
    options.canary = strcmp(lie, "canary") == 0 ? &wrong : NULL;
    subject.actor.self = &subject;
    setvbuf(stdout, NULL, _IOLBF, 0);
    return process_main(&options, &subject.actor);
}

/* ---- children ---- */

struct child {
    pid_t pid;
    int fd; /* what it writes */
    char line[512], rest[4096];
    size_t rest_size;
};

static struct child
spawn(const char *mode, const char *place, const char *word)
{
    char *arguments[] = {(char *)(uintptr_t)"test_broker", (char *)(uintptr_t)mode, (char *)(uintptr_t)place,
                         (char *)(uintptr_t)word, NULL};
    posix_spawn_file_actions_t actions;
    struct child child = {0};
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    if (strcmp(mode, "broker") == 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    assert_int_equal(posix_spawn(&child.pid, "/proc/self/exe", &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    child.fd = ends[0];
    return child;
}

/* The next line, in child->line; false when none came in time. */
static bool
read_line(struct child *child, int patience_ms)
{
    for (;;) {
        char *end = memchr(child->rest, '\n', child->rest_size);
        struct pollfd item = {.fd = child->fd, .events = POLLIN};
        ssize_t size;

        if (end != NULL) {
            size_t length = (size_t)(end - child->rest);

            snprintf(child->line, sizeof child->line, "%.*s", (int)length, child->rest);
            child->rest_size -= length + 1;
            memmove(child->rest, end + 1, child->rest_size);
            return true;
        }
        if (child->rest_size == sizeof child->rest || poll(&item, 1, patience_ms) <= 0)
            return false;
        size = read(child->fd, child->rest + child->rest_size, sizeof child->rest - child->rest_size);
        if (size <= 0)
            return false;
        child->rest_size += (size_t)size;
    }
}

/* Reads until a line has `text` in it. */
static void
expect(struct child *child, const char *text)
{
    while (read_line(child, PATIENCE_MS))
        if (strstr(child->line, text) != NULL)
            return;
    print_error("\"%s\" never came; last line: \"%s\"\n", text, child->line);
    assert_true(false);
}

static int
finish(struct child *child, int signal)
{
    int status = 0;

    if (signal != 0)
        kill(child->pid, signal);
    for (int i = 0; i < PATIENCE_MS / 10; i++) {
        if (waitpid(child->pid, &status, WNOHANG) == child->pid) {
            close(child->fd);
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        usleep(10000);
    }
    kill(child->pid, SIGKILL);
    waitpid(child->pid, &status, 0);
    close(child->fd);
    print_error("process %d did not end\n", (int)child->pid);
    assert_true(false);
    return -1;
}

static struct child
spawn_broker(const char *place, const char *word)
{
    struct child broker = spawn("broker", place, word);

    expect(&broker, "ready at");
    return broker;
}

/* Ends a broker and returns the figure behind `name` in its report. */
static uint64_t
end_broker(struct child *broker, const char *name, char report[512])
{
    const char *at;

    kill(broker->pid, SIGTERM);
    expect(broker, "forwarded ");
    if (report != NULL)
        snprintf(report, 512, "%s", broker->line);
    at = strstr(broker->line, name);
    assert_non_null(at);
    assert_int_equal(finish(broker, 0), 0);
    return strtoull(at + strlen(name), NULL, 10);
}

static uint64_t
figure(const char *report, const char *name)
{
    const char *at = strstr(report, name);

    assert_non_null(at);
    return strtoull(at + strlen(name), NULL, 10);
}

/* ---- places ---- */

enum kind { IPC, IPC_LONG, TCP };

/* A port whose four followers are free, too, at the moment of asking. */
static int
free_port(void)
{
    for (int base = 20000 + (int)(getpid() % 20000); base < 60000; base += 7) {
        int fds[5], open_count = 0;
        bool all = true;

        for (int i = 0; i < 5; i++) {
            struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(base + i))};

            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            fds[open_count++] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            all = all && bind(fds[i], (struct sockaddr *)&address, sizeof address) == 0;
        }
        for (int i = 0; i < open_count; i++)
            close(fds[i]);
        if (all)
            return base;
    }
    assert_true(false); /* no free ports */
    return 0;
}

static void
make_place(enum kind kind, char out[4096])
{
    static int number;
    size_t used;

    if (kind == TCP) {
        snprintf(out, 4096, "tcp://127.0.0.1:%d", free_port());
        return;
    }
    used = (size_t)snprintf(out, 4096, "%s/run%d", test_folder(), ++number);
    if (kind == IPC_LONG) {
        memset(out + used, 'x', 120);
        out[used + 120] = '\0';
    }
}

/* A broker at a new place, with a world of that kind that it has welcomed. */
static struct child
spawn_with_world(enum kind kind, const char *kind_of_world, char place[4096], struct child *world)
{
    struct child broker;

    make_place(kind, place);
    broker = spawn_broker(place, "");
    *world = spawn(kind_of_world, place, "");
    expect(world, "start");
    return broker;
}

/* ---- tests ---- */

static const struct place_row {
    const char *name;
    enum kind kind;
} place_rows[] = {
    {"unix sockets", IPC},
    {"unix sockets in a directory with a long name", IPC_LONG},
    {"tcp on the loopback interface", TCP},
};

/* Hello, a chunk there and back intact, a killed worker noticed, a goodbye. */
static void
exchange(void **state)
{
    const struct place_row *row = *state;
    struct child broker, world, agents;
    char place[4096];

    make_place(row->kind, place);
    broker = spawn_broker(place, "");
    agents = spawn("agents", place, ""); /* before the world: it is announced once there is one */
    expect(&agents, "start");
    world = spawn("world", place, "");
    expect(&world, "start");
    expect(&world, "up agents *");
    expect(&agents, "epoch 3 run 77");
    assert_int_equal(finish(&agents, SIGKILL), 128 + SIGKILL);
    expect(&world, "down agents disconnect");
    agents = spawn("agents", place, "");
    expect(&world, "up agents *");
    expect(&world, "action 300000 intact");
    assert_int_equal(finish(&agents, SIGINT), 0);
    expect(&world, "down agents bye");
    assert_int_equal(finish(&world, SIGTERM), 0);
    assert_int_equal(end_broker(&broker, "lost ", NULL), 1);
}

static const struct lie_row {
    const char *name, *lie;
} lie_rows[] = {
    {"another build", "build"},
    {"another schema", "schema"},
    {"other numbers", "canary"},
};

static void
refusal(void **state)
{
    const struct lie_row *row = *state;
    struct child broker, agents;
    char place[4096];

    make_place(IPC, place);
    broker = spawn_broker(place, "");
    agents = spawn("agents", place, row->lie);
    assert_int_equal(finish(&agents, 0), 78);
    assert_int_equal(end_broker(&broker, "rejected ", NULL), 1);
}

static void
second_world(void **state)
{
    struct child broker, world, second;
    char place[4096];

    (void)state;
    broker = spawn_with_world(IPC, "world", place, &world);
    second = spawn("world", place, "");
    assert_int_equal(finish(&second, 0), 78);
    assert_int_equal(finish(&world, SIGTERM), 0);
    assert_int_equal(end_broker(&broker, "rejected ", NULL), 1);
}

static void
second_broker(void **state)
{
    struct child broker, second;
    char place[4096];

    (void)state;
    make_place(IPC, place);
    broker = spawn_broker(place, "");
    second = spawn("broker", place, "");
    expect(&second, "another broker serves");
    assert_int_not_equal(finish(&second, 0), 0);
    end_broker(&broker, "rejected ", NULL);
}

static void
killed_broker(void **state)
{
    struct child broker, world, agents;
    char place[4096];

    (void)state;
    broker = spawn_with_world(IPC, "world", place, &world);
    agents = spawn("agents", place, "");
    expect(&world, "action 300000 intact");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(finish(&broker, SIGKILL), 128 + SIGKILL);
        broker = spawn_broker(place, "");
        expect(&world, "start");
        expect(&world, "up agents");
        expect(&world, "action 300000 intact");
    }
    assert_int_equal(finish(&agents, SIGTERM), 0);
    assert_int_equal(finish(&world, SIGTERM), 0);
    assert_int_equal(end_broker(&broker, "malformed ", NULL), 0);
}

/* The world comes back while its old connection may still look alive. */
static void
killed_world(void **state)
{
    struct child broker, world, agents;
    char place[4096];

    (void)state;
    broker = spawn_with_world(IPC, "world", place, &world);
    agents = spawn("agents", place, "");
    expect(&world, "action 300000 intact");
    for (int i = 0; i < 5; i++) {
        kill(world.pid, SIGKILL);
        close(world.fd);
        waitpid(world.pid, NULL, 0);
        world = spawn("world", place, "");
        expect(&world, "up agents");
        expect(&agents, "epoch 3");
    }
    assert_int_equal(finish(&agents, SIGTERM), 0);
    assert_int_equal(finish(&world, SIGTERM), 0);
    assert_int_equal(end_broker(&broker, "rejected ", NULL), 0);
}

static void
goodbye(void **state)
{
    const struct place_row *row = *state;
    struct child broker, world, talker;
    char place[4096], report[512];

    broker = spawn_with_world(row->kind, "world", place, &world);
    talker = spawn("talker", place, "");
    assert_int_equal(finish(&talker, 0), 0);
    expect(&world, "nacks 20000 in order 20000");
    expect(&world, "down agents bye");
    assert_int_equal(finish(&world, SIGTERM), 0);
    assert_int_equal(end_broker(&broker, "gaps ", report), 0);
    assert_true(figure(report, "forwarded ") >= LETTERS);
}

static void
rogue(void **state)
{
    struct child broker, world, bad;
    char place[4096];

    (void)state;
    broker = spawn_with_world(IPC, "world", place, &world);
    bad = spawn("rogue", place, "");
    assert_int_equal(finish(&bad, 0), 0);
    expect(&world, "up agents");
    assert_true(read_line(&world, PATIENCE_MS)); /* nothing between coming and going: no CANCEL, no COMMAND */
    assert_string_equal(world.line, "down agents bye");
    assert_int_equal(finish(&world, SIGTERM), 0);
    assert_int_equal(end_broker(&broker, "unauthorised ", NULL), 2);
}

/* Who follows gets every step, once, although the broker, and with it the events on their way, is lost. */
static void
following(void **state)
{
    const struct place_row *row = *state;
    struct child broker, world, follower;
    char place[4096];

    make_place(row->kind, place);
    broker = spawn_broker(place, "");
    follower = spawn("follower", place, "");
    world = spawn("publisher", place, "");
    expect(&world, "start");
    expect(&follower, "snapshot");
    expect(&follower, "step");
    assert_int_equal(finish(&broker, SIGKILL), 128 + SIGKILL);
    broker = spawn_broker(place, "");
    while (read_line(&follower, PATIENCE_MS) && strncmp(follower.line, "end", 3) != 0)
        assert_true(strcmp(follower.line, "snapshot") == 0 || strncmp(follower.line, "step", 4) == 0);
    assert_string_equal(follower.line, "end 60 reached");
    assert_int_equal(finish(&follower, 0), 0);
    assert_int_equal(finish(&world, SIGTERM), 0);
    end_broker(&broker, "forwarded ", NULL);
}

static const struct command_row {
    const char *name, *verb, *argument;
    int want;
    const char *text;
} command_rows[] = {
    {"a command is answered", "status", "all", 0, "status(all)"},
    {"a command is refused", "dance", NULL, ERR_UNKNOWN, "dance()"},
    {"a command is not answered", "silence", NULL, ERR_TIMEOUT, "did not answer"},
    {"a command that is none", "", NULL, ERR_LIMIT, "no command"},
};

static void
commands(void **state)
{
    const struct command_row *row = *state;
    struct buffer text = {0};
    struct child broker, world;
    struct why why = {0};
    char place[4096];

    broker = spawn_with_world(IPC, "publisher", place, &world);
    assert_int_equal(operator_request(place, &PEER_WORLD, row->verb, row->argument, 1000, &text, &why), row->want);
    buffer_append(&text, "", 1);
    assert_non_null(strstr(row->want == 0 ? (const char *)text.data : why.text, row->text));
    buffer_fini(&text);
    assert_int_equal(finish(&world, SIGTERM), 0);
    end_broker(&broker, "forwarded ", NULL);
}

static void
no_broker(void **state)
{
    struct buffer text = {0};
    struct why why = {0};

    (void)state;
    assert_int_equal(operator_request(test_folder(), &PEER_WORLD, "status", NULL, 200, &text, &why), ERR_TIMEOUT);
    assert_non_null(strstr(why.text, "no broker at"));
    buffer_fini(&text);
}

/* ---- hostile bytes ---- */

static void *
raw_dealer(void *context, const char *place_text, enum socket_use use, uint8_t first)
{
    struct peer id = {.id = {first, 1, 2, 3}};
    struct place place;
    struct why why = {0};
    void *socket;

    assert_int_equal(place_parse(place_text, &place, &why), 0);
    assert_int_equal(place_open(&place, false, &why), 0);
    socket = socket_open(context, use, &place, &id, 0, &why);
    assert_non_null(socket);
    place_close(&place);
    return socket;
}

/* Sends frames, waiting as long as it takes: a test may block. */
static void
send_frames(void *socket, const struct blob *frames, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(zmq_send(socket, frames[i].data, frames[i].size, i + 1 < count ? ZMQ_SNDMORE : 0),
                         (int)frames[i].size);
}

static void
garbage_bytes(const char *folder, const char *door)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    uint8_t bytes[4000];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%.80s/%s", folder, door);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i * 7 + 13);
    if (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) < 0)
        assert_true(errno == EPIPE || errno == ECONNRESET);
    close(fd);
}

static void
hostile(void **state)
{
    static uint8_t large[PAYLOAD_CONTROL_MAX + 1];
    static const struct peer nobody = {.id = {0x99, 9, 9}};
    uint8_t header[ENVELOPE_SIZE], bad_magic[ENVELOPE_SIZE], text[] = "hello";
    struct envelope head = {.type = MSG_NACK};
    struct child broker, world, agents;
    void *context = socket_context_new(1), *control, *data, *oversize;
    char place[4096], report[512];

    (void)state;
    broker = spawn_with_world(IPC, "world", place, &world);
    envelope_write(&head, text, sizeof text, header);
    memcpy(bad_magic, header, sizeof header);
    bad_magic[2] ^= 0xff;
    control = raw_dealer(context, place, SOCKET_CONTROL, 0xa1);
    data = raw_dealer(context, place, SOCKET_DATA, 0xa2);
    oversize = raw_dealer(context, place, SOCKET_CONTROL, 0xa3);
    const struct blob to = {PEER_WORLD.id, 16}, good = {header, 72}, bad = {bad_magic, 72}, cut = {header, 71};
    const struct blob word = {text, sizeof text}, none = {text, 0}, to_nobody = {nobody.id, 16};

    send_frames(control, (struct blob[]){to, bad, word}, 3);                   /* malformed: magic */
    send_frames(control, (struct blob[]){to, cut, word}, 3);                   /* malformed: short header */
    send_frames(control, (struct blob[]){to, good, none}, 3);                  /* malformed: payload size */
    send_frames(control, (struct blob[]){to, good, word, word}, 4);            /* malformed: five at the broker */
    send_frames(control, (struct blob[]){to, good, word, word, word, word}, 6);
    send_frames(control, (struct blob[]){word}, 1);                            /* malformed: one frame */
    send_frames(control, (struct blob[]){none, good, word}, 3);                /* malformed: destination size */
    send_frames(control, (struct blob[]){to, good, word}, 3);                  /* a stranger */
    send_frames(data, (struct blob[]){to_nobody, good, word}, 3);              /* a stranger on data */
    send_frames(oversize, (struct blob[]){to, good, {large, sizeof large}}, 3); /* loses its connection */
    agents = spawn("agents", place, "");
    expect(&world, "action 300000 intact");
    assert_int_equal(finish(&agents, SIGTERM), 0);
    assert_int_equal(finish(&world, SIGTERM), 0);
    assert_int_equal(end_broker(&broker, "malformed ", report), 7);
    assert_int_equal(figure(report, "unknown source "), 2);
    assert_int_equal(figure(report, "unauthorised "), 0);
    zmq_close(control);
    zmq_close(data);
    zmq_close(oversize);
    zmq_ctx_term(context);
}

/* Some of it passes for ZMTP 1.0, so that how many malformed messages it makes is not foreseen. */
static void
garbage(void **state)
{
    static const char *const doors[] = {"ctl", "data", "fetch", "evin", "evout"};
    struct child broker, world, agents;
    char place[4096];

    (void)state;
    broker = spawn_with_world(IPC, "world", place, &world);
    for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++)
        garbage_bytes(place, doors[i]);
    agents = spawn("agents", place, "");
    expect(&world, "action 300000 intact");
    assert_int_equal(finish(&agents, SIGTERM), 0);
    assert_int_equal(finish(&world, SIGTERM), 0);
    assert_int_equal(end_broker(&broker, "unauthorised ", NULL), 0);
}

static void
not_loopback(void **state)
{
    struct child broker;

    (void)state;
    broker = spawn("broker", "tcp://0.0.0.0:23400", "");
    expect(&broker, "not a loopback address");
    assert_int_not_equal(finish(&broker, 0), 0);
}

static const struct test_case cases[] = {
    {"a command without a broker", no_broker},
    {"a second world is refused", second_world},
    {"a second broker is refused", second_broker},
    {"all connect again after the broker was killed", killed_broker},
    {"a killed world comes back", killed_world},
    {"letters a role may not send are dropped", rogue},
    {"hostile frames are counted and harmless", hostile},
    {"garbage on the bare sockets is harmless", garbage},
    {"tcp beyond the loopback interface is refused", not_loopback},
};

int
main(int argument_count, char **arguments)
{
    int failures = 0;

    if (argument_count == 4 && strcmp(arguments[1], "broker") == 0) {
        struct broker_options options = {.place = arguments[2], .parent_pid = (int)getppid(), .ready_fd = -1,
                                         .hold_ms = 700};

        return broker_main(&options);
    }
    if (argument_count == 4)
        return play(arguments[1], arguments[2], arguments[3]);
    failures += TEST_ROWS("broker_exchange", place_rows, exchange);
    failures += TEST_ROWS("broker_goodbye", place_rows, goodbye);
    failures += TEST_ROWS("broker_refusal", lie_rows, refusal);
    failures += TEST_ROWS("broker_following", place_rows, following);
    failures += TEST_ROWS("broker_command", command_rows, commands);
    failures += TEST_CASES("broker", cases);
    return failures;
}
