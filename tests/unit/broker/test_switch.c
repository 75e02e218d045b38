/* The broker's mind: who comes in, who is refused, who may say what, what the world is told. */
#include "broker/switch.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/test.h"

static const struct peer world_id = {.id = {0x81}}, agents_id = {.id = {0x82}}, other_id = {.id = {0x83}};
static const struct peer monitor_id = {.id = {0x84}}, operator_id = {.id = {0x85}};

static struct switch_board *
board_new(void)
{
    struct switch_options options = {.build = "b1", .schema = 10, .canary = 20, .host = "here", .heartbeat_ms = 1000,
                                     .evict_ms = 5000, .hold_ms = 2000};

    return switch_new(&options);
}

static struct hello
hello_of(enum role role, uint64_t pid)
{
    struct hello hello = {.role = role, .host = "here", .pid = pid, .build = "b1", .schema = 10, .canary = 20};

    return hello;
}

static void
say(struct switch_board *board, const struct peer *from, enum channel channel, enum message_type type,
    const void *message, int fd, uint64_t now_ms, struct outbox *out)
{
    struct letter letter = {.channel = channel, .peer = *from, .head = {.type = (uint16_t)type, .seq = 1}};
    struct buffer payload = {0};

    if (message != NULL)
        message_pack(type, message, &payload);
    letter.payload = payload.data;
    letter.size = payload.size;
    switch_receive(board, &letter, fd, now_ms, out);
    buffer_fini(&payload);
}

/* Both hellos of a well-behaved peer, on descriptors fd and fd + 1. */
static void
enter(struct switch_board *board, const struct peer *peer, enum role role, uint64_t pid, int fd, uint64_t now_ms,
      struct outbox *out)
{
    struct hello hello = hello_of(role, pid);

    switch_accepted(board, CHANNEL_CONTROL, fd);
    switch_accepted(board, CHANNEL_DATA, fd + 1);
    say(board, peer, CHANNEL_CONTROL, MSG_HELLO, &hello, fd, now_ms, out);
    say(board, peer, CHANNEL_DATA, MSG_HELLO, NULL, fd + 1, now_ms, out);
}

/* What the board has written since, as words: type>first byte of the receiver's id, for PEER_DOWN with its cause. */
static const char *
told(struct outbox *out)
{
    static char words[1024];
    struct outbox_parcel parcel;
    struct peer_down down;
    struct why why = {0};

    words[0] = '\0';
    while (outbox_queue_pop(&out->queue, &parcel)) {
        size_t used = strlen(words);

        used += (size_t)snprintf(words + used, sizeof words - used, "%s%s>%02x", used > 0 ? " " : "",
                                 message_name(parcel.head.type), parcel.to.id[0]);
        if (parcel.head.type == MSG_PEER_DOWN) {
            assert_int_equal(message_unpack(MSG_PEER_DOWN, parcel.bytes, parcel.size, &down, &why), 0);
            snprintf(words + used, sizeof words - used, ":%02x:%s", down.peer.id[0], down.cause);
        }
        free(parcel.bytes);
    }
    return words;
}

/* ---- hello ---- */

static const struct hello_row {
    const char *name, *build;
    uint64_t schema, canary;
    enum role role;
    const char *want;
} hello_rows[] = {
    {"all is well", "b1", 10, 20, ROLE_MONITOR, "WELCOME>82"},
    {"another build", "b2", 10, 20, ROLE_MONITOR, "REJECT>82"},
    {"another schema", "b1", 11, 20, ROLE_MONITOR, "REJECT>82"},
    {"another canary", "b1", 10, 21, ROLE_MONITOR, "REJECT>82"},
    {"as a broker", "b1", 10, 20, ROLE_BROKER, "REJECT>82"},
    {"agents wait for their data channel", "b1", 10, 20, ROLE_AGENTS, ""},
};

static void
hello_checked(void **state)
{
    const struct hello_row *row = *state;
    struct switch_board *board = board_new();
    struct hello hello = hello_of(row->role, 1);
    struct outbox out;

    outbox_init(&out);
    hello.schema = row->schema;
    hello.canary = row->canary;
    memcpy(hello.build, row->build, strlen(row->build) + 1);
    say(board, &agents_id, CHANNEL_CONTROL, MSG_HELLO, &hello, 5, 1, &out);
    assert_string_equal(told(&out), row->want);
    assert_int_equal(switch_counts(board)->rejected, strncmp(row->want, "REJECT", 6) == 0 ? 1 : 0);
    outbox_fini(&out);
    switch_destroy(&board);
    assert_null(board);
}

static void
mixed_builds(void **state)
{
    struct switch_options options = {.build = "b1", .schema = 10, .canary = 20, .heartbeat_ms = 1000,
                                     .mixed_builds = true};
    struct switch_board *board = switch_new(&options);
    struct hello hello = hello_of(ROLE_MONITOR, 1);
    struct outbox out;

    (void)state;
    outbox_init(&out);
    hello.build[1] = '2';
    say(board, &agents_id, CHANNEL_CONTROL, MSG_HELLO, &hello, 5, 1, &out);
    assert_string_equal(told(&out), "WELCOME>82");
    outbox_fini(&out);
    switch_destroy(&board);
}

static void
announcements(void **state)
{
    struct switch_board *board = board_new();
    struct outbox out;

    (void)state;
    outbox_init(&out);
    enter(board, &agents_id, ROLE_AGENTS, 1, 10, 1, &out);
    assert_string_equal(told(&out), "WELCOME>82"); /* nobody to tell yet */
    enter(board, &world_id, ROLE_WORLD, 2, 20, 2, &out);
    assert_string_equal(told(&out), "WELCOME>81 PEER_UP>81");
    enter(board, &other_id, ROLE_AGENTS, 3, 30, 3, &out);
    assert_string_equal(told(&out), "PEER_UP>81 WELCOME>83"); /* the world first */
    assert_int_equal(switch_workers(board), 3);
    assert_int_equal(switch_connections(board), 3);
    outbox_fini(&out);
    switch_destroy(&board);
}

static void
data_hello_first(void **state)
{
    struct switch_board *board = board_new();
    struct hello hello = hello_of(ROLE_AGENTS, 1);
    struct outbox out;

    (void)state;
    outbox_init(&out);
    say(board, &agents_id, CHANNEL_DATA, MSG_HELLO, NULL, 11, 1, &out);
    assert_string_equal(told(&out), "");
    say(board, &agents_id, CHANNEL_CONTROL, MSG_HELLO, &hello, 10, 1, &out);
    assert_string_equal(told(&out), "WELCOME>82");
    say(board, &agents_id, CHANNEL_CONTROL, MSG_HELLO, &hello, 10, 1, &out); /* once is enough */
    assert_string_equal(told(&out), "");
    assert_int_equal(switch_counts(board)->malformed, 1);
    outbox_fini(&out);
    switch_destroy(&board);
}

static void
one_world(void **state)
{
    struct switch_board *board = board_new();
    struct outbox out;

    (void)state;
    outbox_init(&out);
    enter(board, &world_id, ROLE_WORLD, 1, 10, 100, &out);
    enter(board, &other_id, ROLE_WORLD, 2, 20, 100, &out);
    assert_string_equal(told(&out), "WELCOME>81"); /* the second one is held ... */
    switch_tick(board, 2099, &out);
    assert_string_equal(told(&out), "");
    switch_tick(board, 2100, &out);
    assert_string_equal(told(&out), "REJECT>83"); /* ... and refused */
    enter(board, &agents_id, ROLE_WORLD, 3, 30, 2200, &out);
    switch_disconnected(board, CHANNEL_CONTROL, 10, 2300, &out);
    assert_string_equal(told(&out), "WELCOME>82"); /* held until the first is gone */
    enter(board, &monitor_id, ROLE_WORLD, 3, 40, 2400, &out); /* the same process again: its old link is dead */
    assert_string_equal(told(&out), "WELCOME>84");
    outbox_fini(&out);
    switch_destroy(&board);
}

static void
endings(void **state)
{
    struct switch_board *board = board_new();
    struct proc_exit exit_of = {.pid = 4};
    struct bye bye = {.reason = "done"};
    struct outbox out;

    (void)state;
    outbox_init(&out);
    enter(board, &world_id, ROLE_WORLD, 1, 10, 1, &out);
    told(&out);
    enter(board, &agents_id, ROLE_AGENTS, 2, 20, 1, &out);
    told(&out);
    switch_disconnected(board, CHANNEL_DATA, 21, 1, &out);
    assert_string_equal(told(&out), "PEER_DOWN>81:82:disconnect");
    switch_disconnected(board, CHANNEL_CONTROL, 20, 1, &out);
    assert_string_equal(told(&out), ""); /* once */
    enter(board, &agents_id, ROLE_AGENTS, 2, 20, 1, &out);
    told(&out);
    switch_unreachable(board, &agents_id, 1, &out);
    assert_string_equal(told(&out), "PEER_DOWN>81:82:disconnect");
    enter(board, &agents_id, ROLE_AGENTS, 2, 20, 1, &out);
    told(&out);
    switch_stuck(board, &agents_id, 1, &out);
    assert_string_equal(told(&out), "PEER_DOWN>81:82:evicted");
    enter(board, &agents_id, ROLE_AGENTS, 2, 20, 1, &out);
    told(&out);
    say(board, &agents_id, CHANNEL_CONTROL, MSG_BYE, &bye, 20, 1, &out);
    assert_string_equal(told(&out), ""); /* data may still be on the way */
    say(board, &agents_id, CHANNEL_DATA, MSG_BYE, NULL, 21, 1, &out);
    assert_string_equal(told(&out), "BYE_ACK>82 PEER_DOWN>81:82:bye");
    enter(board, &other_id, ROLE_AGENTS, 4, 30, 1, &out);
    told(&out);
    say(board, &operator_id, CHANNEL_CONTROL, MSG_HELLO, &(struct hello){.role = ROLE_OPERATOR, .host = "here",
        .pid = 9, .build = "b1", .schema = 10, .canary = 20}, 50, 1, &out);
    told(&out);
    say(board, &operator_id, CHANNEL_CONTROL, MSG_PROC_EXIT, &exit_of, 50, 1, &out);
    assert_string_equal(told(&out), "PEER_DOWN>81:83:exit");
    outbox_fini(&out);
    switch_destroy(&board);
}

static void
silence(void **state)
{
    struct switch_board *board = board_new();
    struct hello hello = hello_of(ROLE_AGENTS, 9);
    struct ping ping = {0};
    struct outbox out;

    (void)state;
    outbox_init(&out);
    switch_tick(board, 1000, &out);
    enter(board, &world_id, ROLE_WORLD, 1, 10, 1000, &out);
    enter(board, &agents_id, ROLE_AGENTS, 2, 20, 1000, &out);
    told(&out);
    say(board, &agents_id, CHANNEL_CONTROL, MSG_PING, &ping, 20, 1500, &out);
    assert_string_equal(told(&out), "PONG>82");
    say(board, &other_id, CHANNEL_CONTROL, MSG_HELLO, &hello, 30, 1500, &out); /* its data channel never comes */
    for (uint64_t now = 2000; now < 6000; now += 1000) {
        switch_tick(board, now, &out);
        assert_string_equal(told(&out), "");
    }
    switch_tick(board, 6000, &out);
    assert_string_equal(told(&out), "PEER_DOWN>81:82:evicted"); /* the world, silent as long, stays */
    assert_int_equal(switch_counts(board)->evicted, 1);
    enter(board, &agents_id, ROLE_AGENTS, 2, 20, 6100, &out);
    told(&out);
    switch_tick(board, 60000, &out); /* the broker itself was asleep: nobody is to blame */
    assert_string_equal(told(&out), "");
    outbox_fini(&out);
    switch_destroy(&board);
}

/* A descriptor is used again: the end of the old connection must not fall on the new peer. */
static void
descriptors(void **state)
{
    struct switch_board *board = board_new();
    struct hello hello = hello_of(ROLE_MONITOR, 1);
    struct outbox out;

    (void)state;
    outbox_init(&out);
    switch_accepted(board, CHANNEL_CONTROL, 7);
    say(board, &monitor_id, CHANNEL_CONTROL, MSG_HELLO, &hello, 7, 1, &out);
    switch_disconnected(board, CHANNEL_CONTROL, 7, 1, &out);
    assert_string_equal(told(&out), "WELCOME>84");
    say(board, &other_id, CHANNEL_CONTROL, MSG_HELLO, &hello, 7, 1, &out); /* it died before its hello was read */
    assert_string_equal(told(&out), "");
    switch_accepted(board, CHANNEL_CONTROL, 7);
    say(board, &agents_id, CHANNEL_CONTROL, MSG_HELLO, &hello, 7, 1, &out);
    assert_string_equal(told(&out), "WELCOME>82");
    switch_disconnected(board, CHANNEL_CONTROL, 7, 1, &out);
    assert_int_equal(switch_connections(board), 0);
    outbox_fini(&out);
    switch_destroy(&board);
}

/* ---- letters ---- */

enum spoil { SOUND, SHORT_SOURCE, ZERO_SOURCE, SHORT_DESTINATION, SHORT_HEADER, BAD_MAGIC, BAD_MAJOR, BAD_SIZE };

static const struct route_row {
    const char *name;
    const struct peer *from, *to;
    enum channel channel;
    uint16_t type;
    enum spoil spoil;
    enum switch_verdict want;
    const struct peer *lands;       /* FORWARD: with whom */
    size_t counter;                 /* offset of what counts it */
} route_rows[] = {
#define COUNTS(member) offsetof(struct switch_counts, member)
    {"a chunk to agents", &world_id, &agents_id, CHANNEL_DATA, MSG_OBSERVATION, SOUND, SWITCH_FORWARD, &agents_id,
     COUNTS(forwarded)},
    {"an action to whoever is the world", &agents_id, &PEER_WORLD, CHANNEL_DATA, MSG_ACTION, SOUND, SWITCH_FORWARD,
     &world_id, COUNTS(forwarded)},
    {"an action to the world by its own id", &agents_id, &world_id, CHANNEL_DATA, MSG_ACTION, SOUND, SWITCH_FORWARD,
     &world_id, COUNTS(forwarded)},
    {"a snapshot is asked for", &monitor_id, &PEER_WORLD, CHANNEL_FETCH, MSG_SYNC, SOUND, SWITCH_FORWARD, &world_id,
     COUNTS(forwarded)},
    {"a ping", &agents_id, &PEER_BROKER, CHANNEL_CONTROL, MSG_PING, SOUND, SWITCH_OWN, NULL, COUNTS(own)},
    {"a hello", &other_id, &PEER_BROKER, CHANNEL_CONTROL, MSG_HELLO, SOUND, SWITCH_OWN, NULL, COUNTS(own)},
    {"an epoch", &world_id, &PEER_BROKER, CHANNEL_CONTROL, MSG_EPOCH, SOUND, SWITCH_RELAY, NULL, COUNTS(relayed)},
    {"an epoch from agents", &agents_id, &PEER_BROKER, CHANNEL_CONTROL, MSG_EPOCH, SOUND, SWITCH_DROP, NULL,
     COUNTS(unauthorised)},
    {"a chunk from agents", &agents_id, &PEER_WORLD, CHANNEL_DATA, MSG_OBSERVATION, SOUND, SWITCH_DROP, NULL,
     COUNTS(unauthorised)},
    {"an action to a monitor", &agents_id, &monitor_id, CHANNEL_DATA, MSG_ACTION, SOUND, SWITCH_DROP, NULL,
     COUNTS(unauthorised)},
    {"an action on control", &agents_id, &PEER_WORLD, CHANNEL_CONTROL, MSG_ACTION, SOUND, SWITCH_DROP, NULL,
     COUNTS(unauthorised)},
    {"a command from a monitor", &monitor_id, &PEER_WORLD, CHANNEL_CONTROL, MSG_COMMAND, SOUND, SWITCH_DROP, NULL,
     COUNTS(unauthorised)},
    {"a welcome from agents", &agents_id, &monitor_id, CHANNEL_CONTROL, MSG_WELCOME, SOUND, SWITCH_DROP, NULL,
     COUNTS(unauthorised)},
    {"a type nobody knows", &world_id, &agents_id, CHANNEL_DATA, 63, SOUND, SWITCH_DROP, NULL, COUNTS(unauthorised)},
    {"a type beyond all", &world_id, &agents_id, CHANNEL_DATA, 9999, SOUND, SWITCH_DROP, NULL, COUNTS(unauthorised)},
    {"from a stranger", &other_id, &PEER_WORLD, CHANNEL_DATA, MSG_ACTION, SOUND, SWITCH_DROP, NULL,
     COUNTS(unknown_source)},
    {"to a stranger", &world_id, &other_id, CHANNEL_DATA, MSG_OBSERVATION, SOUND, SWITCH_DROP, NULL,
     COUNTS(unknown_destination)},
    {"to a governance that is not there", &world_id, &PEER_GOVERNANCE, CHANNEL_DATA, MSG_DOCKET, SOUND, SWITCH_DROP,
     NULL, COUNTS(unknown_destination)},
    {"a source of 15 bytes", &agents_id, &PEER_WORLD, CHANNEL_DATA, MSG_ACTION, SHORT_SOURCE, SWITCH_DROP, NULL,
     COUNTS(malformed)},
    {"a source that looks well-known", &PEER_WORLD, &agents_id, CHANNEL_DATA, MSG_OBSERVATION, ZERO_SOURCE, SWITCH_DROP,
     NULL, COUNTS(malformed)},
    {"a destination of 15 bytes", &agents_id, &PEER_WORLD, CHANNEL_DATA, MSG_ACTION, SHORT_DESTINATION, SWITCH_DROP,
     NULL, COUNTS(malformed)},
    {"a header of 71 bytes", &agents_id, &PEER_WORLD, CHANNEL_DATA, MSG_ACTION, SHORT_HEADER, SWITCH_DROP, NULL,
     COUNTS(malformed)},
    {"another magic", &agents_id, &PEER_WORLD, CHANNEL_DATA, MSG_ACTION, BAD_MAGIC, SWITCH_DROP, NULL,
     COUNTS(malformed)},
    {"another major version", &agents_id, &PEER_WORLD, CHANNEL_DATA, MSG_ACTION, BAD_MAJOR, SWITCH_DROP, NULL,
     COUNTS(malformed)},
    {"a payload of another size", &agents_id, &PEER_WORLD, CHANNEL_DATA, MSG_ACTION, BAD_SIZE, SWITCH_DROP, NULL,
     COUNTS(malformed)},
};

static void
route(void **state)
{
    const struct route_row *row = *state;
    struct switch_board *board = board_new();
    struct envelope head = {.type = row->type, .seq = 2}, back;
    struct hello monitor = hello_of(ROLE_MONITOR, 7);
    uint8_t header[ENVELOPE_SIZE];
    struct switch_frames frames = {.channel = row->channel, .source = row->from->id, .source_size = 16,
                                   .destination = row->to->id, .destination_size = 16, .header = header,
                                   .header_size = sizeof header, .payload_size = 4};
    struct peer to = {{0}};
    struct outbox out;
    uint64_t before, after;

    outbox_init(&out);
    enter(board, &world_id, ROLE_WORLD, 1, 10, 1, &out);
    enter(board, &agents_id, ROLE_AGENTS, 2, 20, 1, &out);
    say(board, &monitor_id, CHANNEL_CONTROL, MSG_HELLO, &monitor, 30, 1, &out);
    told(&out);
    if (row->channel == CHANNEL_FETCH)
        head.seq = 1;
    envelope_write(&head, "four", 4, header);
    frames.source_size -= row->spoil == SHORT_SOURCE ? 1 : 0;
    frames.destination_size -= row->spoil == SHORT_DESTINATION ? 1 : 0;
    frames.header_size -= row->spoil == SHORT_HEADER ? 1 : 0;
    frames.payload_size += row->spoil == BAD_SIZE ? 1 : 0;
    header[2] ^= row->spoil == BAD_MAGIC ? 1 : 0;
    header[5] ^= row->spoil == BAD_MAJOR ? 2 : 0;

    memcpy(&before, (const char *)switch_counts(board) + row->counter, sizeof before);
    assert_int_equal(switch_route(board, &frames, 5, &back, &to), row->want);
    memcpy(&after, (const char *)switch_counts(board) + row->counter, sizeof after);
    assert_int_equal(after, before + 1);
    assert_int_equal(switch_counts(board)->gaps, 0);
    if (row->want == SWITCH_FORWARD)
        assert_true(peer_equal(&to, row->lands));
    outbox_fini(&out);
    switch_destroy(&board);
}

static void
gaps(void **state)
{
    struct switch_board *board = board_new();
    struct envelope head = {.type = MSG_CREDIT}, back;
    uint8_t header[ENVELOPE_SIZE];
    struct switch_frames frames = {.channel = CHANNEL_DATA, .source = agents_id.id, .source_size = 16,
                                   .destination = PEER_WORLD.id, .destination_size = 16, .header = header,
                                   .header_size = sizeof header};
    static const uint64_t numbers[] = {2, 3, 5, 6, 6, 7};
    struct outbox out;
    struct peer to;

    (void)state;
    outbox_init(&out);
    enter(board, &world_id, ROLE_WORLD, 1, 10, 1, &out);
    enter(board, &agents_id, ROLE_AGENTS, 2, 20, 1, &out);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        head.seq = numbers[i];
        envelope_write(&head, NULL, 0, header);
        assert_int_equal(switch_route(board, &frames, 5, &back, &to), SWITCH_FORWARD);
    }
    assert_int_equal(switch_counts(board)->gaps, 2); /* 4 is missing; 6 came twice */
    told(&out);
    outbox_fini(&out);
    switch_destroy(&board);
}

static void
epoch_is_remembered(void **state)
{
    struct switch_board *board = board_new();
    struct envelope head = {.type = MSG_EPOCH, .seq = 2, .run = 77, .epoch = 5}, back;
    uint8_t header[ENVELOPE_SIZE];
    struct switch_frames frames = {.channel = CHANNEL_CONTROL, .source = world_id.id, .source_size = 16,
                                   .destination = PEER_BROKER.id, .destination_size = 16, .header = header,
                                   .header_size = sizeof header};
    struct hello hello = hello_of(ROLE_MONITOR, 7);
    struct outbox_parcel parcel;
    struct welcome welcome;
    struct why why = {0};
    struct outbox out;
    struct peer to;

    (void)state;
    outbox_init(&out);
    enter(board, &world_id, ROLE_WORLD, 1, 10, 1, &out);
    told(&out);
    envelope_write(&head, NULL, 0, header);
    assert_int_equal(switch_route(board, &frames, 5, &back, &to), SWITCH_RELAY);
    say(board, &monitor_id, CHANNEL_CONTROL, MSG_HELLO, &hello, 30, 1, &out);
    while (outbox_queue_pop(&out.queue, &parcel)) {
        if (parcel.head.type == MSG_WELCOME) {
            assert_int_equal(message_unpack(MSG_WELCOME, parcel.bytes, parcel.size, &welcome, &why), 0);
            assert_int_equal(welcome.run, 77);
            assert_int_equal(welcome.epoch, 5);
        }
        free(parcel.bytes);
    }
    outbox_fini(&out);
    switch_destroy(&board);
}

static const struct event_row {
    const char *name;
    uint16_t type;
    size_t topic_size, header_size, payload_size;
    bool want;
} event_rows[] = {
    {"a step", MSG_STEP, 1, 72, 4, true},
    {"a head", MSG_HEAD, 1, 72, 4, true},
    {"a command as an event", MSG_COMMAND, 1, 72, 4, false},
    {"a long topic", MSG_STEP, 2, 72, 4, false},
    {"a short header", MSG_STEP, 1, 71, 4, false},
    {"a payload of another size", MSG_STEP, 1, 72, 5, false},
};

static void
events(void **state)
{
    const struct event_row *row = *state;
    struct switch_board *board = board_new();
    struct envelope head = {.type = row->type};
    uint8_t header[ENVELOPE_SIZE];

    envelope_write(&head, "four", 4, header);
    assert_int_equal(switch_allows_event(board, row->topic_size, header, row->header_size, row->payload_size, 1),
                     row->want);
    switch_destroy(&board);
}

static const struct test_case cases[] = {
    {"mixed builds where they are allowed", mixed_builds},
    {"the world is told of all", announcements},
    {"the data hello comes first", data_hello_first},
    {"one world at a time", one_world},
    {"how peers end", endings},
    {"silence", silence},
    {"descriptors are used again", descriptors},
    {"gaps in the numbers", gaps},
    {"the epoch is remembered", epoch_is_remembered},
};

int
main(void)
{
    return TEST_ROWS("switch_hello", hello_rows, hello_checked) + TEST_ROWS("switch_route", route_rows, route) +
           TEST_ROWS("switch_event", event_rows, events) + TEST_CASES("switch", cases);
}
