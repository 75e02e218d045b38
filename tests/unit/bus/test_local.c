/* The bus in memory: delivery, aliases, coming and going, virtual time, and the hook that decides a letter's fate. */
#include "bus/local.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/support/test.h"

/* An actor that writes down what happens to it, a word each. */
struct scribe {
    struct actor actor;
    char diary[1024];
    struct peer last_from;
    struct envelope last_head;
    const uint8_t *last_payload;
    uint64_t last_ms;
    uint32_t received;
    struct peer to;        /* on start: a letter to it */
    uint16_t type;         /* of that type; 0: none */
    uint32_t count;        /* that many, numbered by chunk */
    uint64_t wake_ms;      /* on start: a wish */
    uint32_t stop_after;   /* letters */
};

static void
jot(struct scribe *self, const char *word)
{
    size_t used = strlen(self->diary);

    snprintf(self->diary + used, sizeof self->diary - used, "%s%s", used > 0 ? " " : "", word);
}

static void
start(void *context, uint64_t now_ms, struct outbox *out)
{
    struct scribe *self = context;

    (void)now_ms;
    jot(self, "start");
    for (uint32_t i = 0; i < self->count && self->type != 0; i++) {
        struct envelope head = {.type = self->type, .chunk = i + 1};
        struct buffer payload = {0};

        buffer_append(&payload, "payload", 8);
        outbox_send(out, CHANNEL_DATA, &self->to, &head, &payload);
    }
    if (self->wake_ms != 0)
        outbox_wake(out, self->wake_ms);
}

static void
receive(void *context, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct scribe *self = context;
    struct peer_down down;
    struct peer_up up;
    struct why why = {0};
    char word[128];

    self->last_from = letter->peer;
    self->last_head = letter->head;
    self->last_payload = letter->payload;
    self->last_ms = now_ms;
    self->received++;
    if (letter->head.type == MSG_PEER_UP) {
        assert_true(peer_equal(&letter->peer, &PEER_BROKER));
        assert_int_equal(message_unpack(MSG_PEER_UP, letter->payload, letter->size, &up, &why), 0);
        snprintf(word, sizeof word, "up:%s", role_name(up.role));
    } else if (letter->head.type == MSG_PEER_DOWN) {
        assert_int_equal(message_unpack(MSG_PEER_DOWN, letter->payload, letter->size, &down, &why), 0);
        snprintf(word, sizeof word, "down:%s:%s", role_name(down.role), down.cause);
    } else {
        snprintf(word, sizeof word, "%s%u", message_name(letter->head.type), letter->head.chunk);
    }
    assert_int_equal(envelope_check(&letter->head, letter->payload, letter->size, &why), 0);
    jot(self, word);
    if (self->stop_after != 0 && self->received >= self->stop_after)
        outbox_stop(out, 3);
}

static void
tick(void *context, uint64_t now_ms, struct outbox *out)
{
    (void)out;
    ((struct scribe *)context)->last_ms = now_ms;
    jot(context, "tick");
}

static struct scribe
scribe(enum role role)
{
    return (struct scribe){.actor = {.role = role, .ready_fd = -1, .start = start, .receive = receive, .tick = tick}};
}

static struct peer
attach(struct local *local, struct scribe *self)
{
    self->actor.self = self;
    return local_attach(local, &self->actor);
}

static struct local *
virtual_bus(struct local_fate (*fate)(void *, const struct letter *, const struct peer *, uint64_t), void *context)
{
    return local_new(&(struct local_options){
        .virtual_time = true, .fate = fate, .fate_context = context, .signal_fd = -1});
}

static void
run_dry(struct local *local)
{
    for (int i = 0; i < 10000 && local_step(local, 0); i++)
        ;
}

static void
agents_first(void **state)
{
    struct local *local = virtual_bus(NULL, NULL);
    struct scribe world = scribe(ROLE_WORLD), agents = scribe(ROLE_AGENTS);

    (void)state;
    agents.to = PEER_WORLD;
    agents.type = MSG_ACTION;
    agents.count = 2;
    attach(local, &agents);
    attach(local, &world);
    run_dry(local);
    assert_string_equal(agents.diary, "start");
    assert_string_equal(world.diary, "start up:agents ACTION1 ACTION2");
    local_destroy(&local);
    assert_null(local);
}

static void
world_first(void **state)
{
    struct local *local = virtual_bus(NULL, NULL);
    struct scribe world = scribe(ROLE_WORLD), agents = scribe(ROLE_AGENTS);
    struct peer id;

    (void)state;
    agents.to = PEER_WORLD;
    agents.type = MSG_ACTION;
    agents.count = 1;
    attach(local, &world);
    id = attach(local, &agents);
    run_dry(local);
    assert_string_equal(world.diary, "start up:agents ACTION1");
    assert_true(peer_equal(&world.last_from, &id)); /* the sender is seen by its own id */
    assert_int_equal(world.last_head.seq, 1);
    local_destroy(&local);
}

static void
payload_moves(void **state)
{
    struct local *local = virtual_bus(NULL, NULL);
    struct scribe world = scribe(ROLE_WORLD);
    struct envelope head = {.type = MSG_ACTION};
    struct buffer payload = {0};
    struct scribe agents = scribe(ROLE_AGENTS);
    const uint8_t *bytes;
    struct peer id;

    (void)state;
    attach(local, &world);
    id = attach(local, &agents);
    run_dry(local);
    buffer_append(&payload, "0123456789", 10);
    bytes = payload.data;
    local_send(local, &id, CHANNEL_DATA, &PEER_WORLD, &head, &payload);
    run_dry(local);
    assert_ptr_equal(world.last_payload, bytes);
    local_destroy(&local);
}

static void
leaving(void **state)
{
    struct local *local = virtual_bus(NULL, NULL);
    struct scribe world = scribe(ROLE_WORLD), a = scribe(ROLE_AGENTS), b = scribe(ROLE_AGENTS);
    struct envelope head = {.type = MSG_ACTION, .chunk = 1};
    struct peer id_a, id_b;

    (void)state;
    attach(local, &world);
    id_a = attach(local, &a);
    id_b = attach(local, &b);
    run_dry(local);
    world.diary[0] = '\0';
    local_send(local, &id_a, CHANNEL_DATA, &PEER_WORLD, &head, NULL);
    local_detach(local, &id_a); /* its letter still arrives */
    head.chunk = 2;
    local_send(local, &id_b, CHANNEL_DATA, &PEER_WORLD, &head, NULL);
    local_kill(local, &id_b); /* its letter does not */
    run_dry(local);
    assert_string_equal(world.diary, "ACTION1 down:agents:bye down:agents:disconnect");
    assert_false(local_is_attached(local, &id_a));
    assert_int_equal(local_counts(local)->of_the_dead, 1);
    local_destroy(&local);
}

static void
world_again(void **state)
{
    struct local *local = virtual_bus(NULL, NULL);
    struct scribe world = scribe(ROLE_WORLD), second = scribe(ROLE_WORLD), agents = scribe(ROLE_AGENTS);
    struct envelope head = {.type = MSG_EPOCH, .run = 7, .epoch = 2};
    struct peer id;

    (void)state;
    id = attach(local, &world);
    attach(local, &agents);
    run_dry(local);
    local_kill(local, &id);
    id = attach(local, &second);
    run_dry(local);
    assert_string_equal(second.diary, "start up:agents");
    local_send(local, &id, CHANNEL_CONTROL, &PEER_BROKER, &head, NULL);
    run_dry(local);
    assert_string_equal(agents.diary, "start EPOCH0");
    assert_int_equal(agents.last_head.epoch, 2);
    local_destroy(&local);
}

static void
nobody(void **state)
{
    struct local *local = virtual_bus(NULL, NULL);
    struct scribe agents = scribe(ROLE_AGENTS);

    (void)state;
    agents.to = PEER_WORLD;
    agents.type = MSG_ACTION;
    agents.count = 1;
    attach(local, &agents);
    run_dry(local);
    assert_int_equal(local_counts(local)->unknown_peer, 1);
    local_destroy(&local);
}

static void
not_allowed(void **state)
{
    struct local *local = virtual_bus(NULL, NULL);
    struct scribe world = scribe(ROLE_WORLD), agents = scribe(ROLE_AGENTS);

    (void)state;
    agents.to = PEER_WORLD;
    agents.type = MSG_OBSERVATION;
    agents.count = 1;
    attach(local, &world);
    attach(local, &agents);
    run_dry(local);
    assert_string_equal(world.diary, "start up:agents");
    assert_int_equal(local_counts(local)->unauthorised, 1);
    local_destroy(&local);
}

static void
events_go_to_monitors(void **state)
{
    struct local *local = virtual_bus(NULL, NULL);
    struct scribe world = scribe(ROLE_WORLD), a = scribe(ROLE_MONITOR), b = scribe(ROLE_MONITOR);
    struct scribe agents = scribe(ROLE_AGENTS);
    struct envelope head = {.type = MSG_HEAD, .chunk = 5};
    struct peer id;

    (void)state;
    id = attach(local, &world);
    attach(local, &a);
    attach(local, &agents);
    attach(local, &b);
    run_dry(local);
    local_send(local, &id, CHANNEL_EVENT, &PEER_WORLD, &head, NULL);
    run_dry(local);
    assert_string_equal(a.diary, "start HEAD5");
    assert_string_equal(b.diary, "start HEAD5");
    assert_string_equal(agents.diary, "start");
    local_destroy(&local);
}

static void
time_jumps(void **state)
{
    struct local *local = virtual_bus(NULL, NULL);
    struct scribe world = scribe(ROLE_WORLD);

    (void)state;
    world.wake_ms = 86400000;
    attach(local, &world);
    run_dry(local);
    assert_string_equal(world.diary, "start tick");
    assert_int_equal(world.last_ms, 86400000);
    assert_int_equal(local_now(local), 86400000);
    local_destroy(&local);
}

/* Chunk 1 is lost, chunk 2 late, chunk 3 doubled; the broker's own letters are never asked about. */
static struct local_fate
choose(void *context, const struct letter *letter, const struct peer *to, uint64_t now_ms)
{
    ++*(int *)context;
    (void)to;
    (void)now_ms;
    assert_false(peer_equal(&letter->peer, &PEER_BROKER));
    return (struct local_fate){.drop = letter->head.chunk == 1,
                               .delay_ms = letter->head.chunk == 2 ? 50 : 0,
                               .copies = letter->head.chunk == 3 ? 1 : 0};
}

static void
fates(void **state)
{
    int asked = 0;
    struct local *local = virtual_bus(choose, &asked);
    struct scribe world = scribe(ROLE_WORLD), agents = scribe(ROLE_AGENTS);

    (void)state;
    agents.to = PEER_WORLD;
    agents.type = MSG_ACTION;
    agents.count = 4;
    attach(local, &world);
    attach(local, &agents);
    run_dry(local);
    assert_string_equal(world.diary, "start up:agents ACTION3 ACTION3 ACTION4 ACTION2");
    assert_int_equal(world.last_ms, 51);
    assert_int_equal(asked, 4);
    assert_int_equal(local_counts(local)->dropped_by_fate, 1);
    local_destroy(&local);
}

static void
ready(void *context, uint64_t now_ms, struct outbox *out)
{
    struct scribe *self = context;
    uint64_t count;

    (void)now_ms;
    assert_int_equal(read(self->actor.ready_fd, &count, sizeof count), (ssize_t)sizeof count);
    jot(self, "ready");
    outbox_stop(out, 7);
}

static void
real_run(void **state)
{
    struct local *local = local_new(&(struct local_options){.signal_fd = -1});
    struct scribe world = scribe(ROLE_WORLD), agents = scribe(ROLE_AGENTS);
    struct peer id;
    int fd = eventfd(1, EFD_CLOEXEC);

    (void)state;
    world.actor.ready_fd = fd;
    world.actor.ready = ready;
    attach(local, &world);
    id = attach(local, &agents);
    assert_int_equal(local_run(local), 7);
    assert_string_equal(world.diary + strlen(world.diary) - 5, "ready");
    assert_true(local_is_stopped(local, &id, NULL)); /* told to finish */
    local_destroy(&local);
    close(fd);
}

static void
stop_after_letters(void **state)
{
    struct local *local = virtual_bus(NULL, NULL);
    struct scribe world = scribe(ROLE_WORLD), agents = scribe(ROLE_AGENTS);

    (void)state;
    world.stop_after = 3;
    agents.to = PEER_WORLD;
    agents.type = MSG_ACTION;
    agents.count = 5;
    attach(local, &world);
    attach(local, &agents);
    assert_int_equal(local_run(local), 3);
    assert_string_equal(world.diary, "start up:agents ACTION1 ACTION2"); /* nothing after it has stopped */
    local_destroy(&local);
}

static const struct test_case cases[] = {
    {"agents before the world", agents_first},
    {"the world before agents", world_first},
    {"payloads move by pointer", payload_moves},
    {"leaving and dying", leaving},
    {"a second world finds all who are there", world_again},
    {"a letter to nobody", nobody},
    {"a letter that its role may not send", not_allowed},
    {"events go to monitors", events_go_to_monitors},
    {"virtual time jumps", time_jumps},
    {"letters are lost, late and doubled", fates},
    {"a run by the clock ends with the world", real_run},
    {"a run in virtual time ends with the world", stop_after_letters},
};

int
main(void)
{
    return TEST_CASES("local", cases);
}
