/* Parcels in order, wishes, and the two small tables beside them: roster and rights. */
#include "bus/outbox.h"

#include <string.h>

#include "bus/clock.h"
#include "bus/rights.h"
#include "bus/roster.h"
#include "core/bytes.h"
#include "tests/support/test.h"

static void
order(void **state)
{
    struct outbox out;
    struct outbox_parcel parcel;
    uint32_t next = 0, sent = 0;

    (void)state;
    outbox_init(&out);
    /* More in than out, so that the ring grows while it is wrapped around. */
    for (uint32_t round = 0; round < 200; round++) {
        for (uint32_t i = 0; i < 5; i++) {
            struct envelope head = {.type = MSG_CREDIT, .chunk = sent++};

            outbox_send(&out, CHANNEL_DATA, &PEER_WORLD, &head, NULL);
        }
        for (uint32_t i = 0; i < 3; i++) {
            assert_true(outbox_queue_pop(&out.queue, &parcel));
            assert_int_equal(parcel.head.chunk, next++);
        }
    }
    while (outbox_queue_pop(&out.queue, &parcel))
        assert_int_equal(parcel.head.chunk, next++);
    assert_int_equal(next, 1000);
    assert_null(outbox_queue_front(&out.queue));
    outbox_fini(&out);
}

static void
payload(void **state)
{
    struct envelope head = {.type = MSG_ACTION};
    struct buffer bytes = {0};
    struct outbox_parcel parcel;
    const uint8_t *data;
    struct outbox out;

    (void)state;
    outbox_init(&out);
    buffer_append(&bytes, "twelve bytes", 12);
    data = bytes.data;
    outbox_send(&out, CHANNEL_DATA, &PEER_WORLD, &head, &bytes);
    assert_null(bytes.data); /* taken, not copied */
    assert_int_equal(bytes.size, 0);
    assert_true(outbox_queue_pop(&out.queue, &parcel));
    assert_ptr_equal(parcel.bytes, data);
    assert_int_equal(parcel.size, 12);
    free(parcel.bytes);
    buffer_append(&bytes, "left", 4);
    outbox_send(&out, CHANNEL_DATA, &PEER_WORLD, &head, &bytes);
    assert_int_equal(outbox_queue_clear(&out.queue), 1); /* and freed: the sanitizer looks */
    outbox_fini(&out);
}

static void
identity(void **state)
{
    struct envelope plain = {.type = MSG_CREDIT}, own = {.type = MSG_CREDIT, .run = 5, .epoch = 6};
    struct outbox_parcel parcel;
    struct outbox out;

    (void)state;
    outbox_init(&out);
    outbox_identity(&out, 77, 3);
    outbox_send(&out, CHANNEL_CONTROL, &PEER_WORLD, &plain, NULL);
    outbox_send(&out, CHANNEL_CONTROL, &PEER_WORLD, &own, NULL);
    assert_true(outbox_queue_pop(&out.queue, &parcel));
    assert_int_equal(parcel.head.run, 77);
    assert_int_equal(parcel.head.epoch, 3);
    assert_true(outbox_queue_pop(&out.queue, &parcel));
    assert_int_equal(parcel.head.run, 5);
    assert_int_equal(parcel.head.epoch, 6);
    outbox_fini(&out);
}

static void
events(void **state)
{
    struct envelope head = {.type = MSG_HEAD};
    struct outbox_parcel parcel;
    struct outbox out;

    (void)state;
    outbox_init(&out);
    assert_int_equal(outbox_event_number(&out), 0);
    for (uint64_t i = 1; i <= 3; i++) {
        outbox_send(&out, CHANNEL_EVENT, &PEER_WORLD, &head, NULL);
        assert_int_equal(outbox_event_number(&out), i);
        assert_true(outbox_queue_pop(&out.queue, &parcel));
        assert_int_equal(parcel.head.seq, i);
    }
    outbox_fini(&out);
}

static void
wishes(void **state)
{
    struct outbox out;

    (void)state;
    outbox_init(&out);
    assert_false(outbox_wake_due(&out, UINT64_MAX - 1));
    outbox_wake(&out, 500);
    outbox_wake(&out, 300);
    outbox_wake(&out, 400);
    assert_false(outbox_wake_due(&out, 299));
    assert_true(outbox_wake_due(&out, 300));
    assert_false(outbox_wake_due(&out, 600)); /* forgotten once called */
    outbox_stop(&out, 4);
    outbox_stop(&out, 5);
    assert_true(out.stopped);
    assert_int_equal(out.status, 4); /* the first word counts */
    outbox_fini(&out);
}

static void
message(void **state)
{
    struct credit credit = {.chunks = 2}, back = {0};
    struct envelope head = {.step = 9};
    struct outbox_parcel parcel;
    struct why why = {0};
    struct outbox out;

    (void)state;
    outbox_init(&out);
    outbox_send_message(&out, CHANNEL_DATA, &PEER_WORLD, &head, MSG_CREDIT, &credit);
    assert_true(outbox_queue_pop(&out.queue, &parcel));
    assert_int_equal(parcel.head.type, MSG_CREDIT);
    assert_int_equal(parcel.head.step, 9);
    assert_int_equal(message_unpack(MSG_CREDIT, parcel.bytes, parcel.size, &back, &why), 0);
    assert_int_equal(back.chunks, 2);
    free(parcel.bytes);
    outbox_fini(&out);
}

/* Against a plain list, over a history in which the table is mostly full and the buckets wrap around. */
static void
roster(void **state)
{
    enum { ROOM = 64, STEPS = 20000 };
    struct peer ids[ROOM];
    uint32_t slots[ROOM], count = 0, seed = 12345;
    struct roster table;

    (void)state;
    roster_init(&table, ROOM);
    for (uint32_t step = 0; step < STEPS; step++) {
        seed = seed * 1664525u + 1013904223u;
        if (count < ROOM && (count == 0 || seed >> 31 == 0)) {
            struct peer id = {{0}};

            bytes_put_u32(id.id, step + 1);
            assert_int_equal(roster_find(&table, &id), ROSTER_NONE);
            slots[count] = roster_add(&table, &id);
            assert_int_not_equal(slots[count], ROSTER_NONE);
            ids[count++] = id;
        } else {
            uint32_t victim = (seed >> 8) % count;

            roster_remove(&table, slots[victim]);
            assert_int_equal(roster_find(&table, &ids[victim]), ROSTER_NONE);
            ids[victim] = ids[--count];
            slots[victim] = slots[count];
        }
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(roster_find(&table, &ids[i]), slots[i]);
    }
    roster_fini(&table);
}

static void
roster_full(void **state)
{
    struct peer a = {{1}}, b = {{2}}, c = {{3}};
    struct roster table;

    (void)state;
    roster_init(&table, 2);
    assert_int_equal(roster_add(&table, &a), 0);
    assert_int_equal(roster_add(&table, &b), 1);
    assert_int_equal(roster_add(&table, &c), ROSTER_NONE);
    roster_clear(&table);
    assert_int_equal(roster_find(&table, &a), ROSTER_NONE);
    assert_int_equal(roster_add(&table, &c), 0);
    roster_fini(&table);
}

static const struct right_row {
    const char *name;
    uint32_t type;
    enum role from, to;
    enum channel channel;
    bool want;
} right_rows[] = {
    {"the world shows agents what they see", MSG_OBSERVATION, ROLE_WORLD, ROLE_AGENTS, CHANNEL_DATA, true},
    {"not on control", MSG_OBSERVATION, ROLE_WORLD, ROLE_AGENTS, CHANNEL_CONTROL, false},
    {"not to governance", MSG_OBSERVATION, ROLE_WORLD, ROLE_GOVERNANCE, CHANNEL_DATA, false},
    {"agents do not show anything", MSG_OBSERVATION, ROLE_AGENTS, ROLE_WORLD, CHANNEL_DATA, false},
    {"agents act", MSG_ACTION, ROLE_AGENTS, ROLE_WORLD, CHANNEL_DATA, true},
    {"governance does not act", MSG_ACTION, ROLE_GOVERNANCE, ROLE_WORLD, CHANNEL_DATA, false},
    {"agents give credit", MSG_CREDIT, ROLE_AGENTS, ROLE_WORLD, CHANNEL_DATA, true},
    {"monitors do not", MSG_CREDIT, ROLE_MONITOR, ROLE_WORLD, CHANNEL_DATA, false},
    {"governance judges", MSG_VERDICT, ROLE_GOVERNANCE, ROLE_WORLD, CHANNEL_DATA, true},
    {"agents do not judge", MSG_VERDICT, ROLE_AGENTS, ROLE_WORLD, CHANNEL_DATA, false},
    {"the world convenes the court", MSG_COURT, ROLE_WORLD, ROLE_GOVERNANCE, CHANNEL_CONTROL, true},
    {"nobody else does", MSG_COURT, ROLE_OPERATOR, ROLE_GOVERNANCE, CHANNEL_CONTROL, false},
    {"an operator commands", MSG_COMMAND, ROLE_OPERATOR, ROLE_WORLD, CHANNEL_CONTROL, true},
    {"a monitor does not", MSG_COMMAND, ROLE_MONITOR, ROLE_WORLD, CHANNEL_CONTROL, false},
    {"a monitor asks for a snapshot", MSG_SYNC, ROLE_MONITOR, ROLE_WORLD, CHANNEL_FETCH, true},
    {"but not on control", MSG_SYNC, ROLE_MONITOR, ROLE_WORLD, CHANNEL_CONTROL, false},
    {"governance reads the log", MSG_FETCH, ROLE_GOVERNANCE, ROLE_WORLD, CHANNEL_FETCH, true},
    {"the world publishes", MSG_STEP, ROLE_WORLD, ROLE_MONITOR, CHANNEL_EVENT, true},
    {"agents do not publish", MSG_STEP, ROLE_AGENTS, ROLE_MONITOR, CHANNEL_EVENT, false},
    {"a supervisor reports an exit", MSG_PROC_EXIT, ROLE_OPERATOR, ROLE_BROKER, CHANNEL_CONTROL, true},
    {"agents do not report exits", MSG_PROC_EXIT, ROLE_AGENTS, ROLE_BROKER, CHANNEL_CONTROL, false},
    {"the broker announces", MSG_PEER_UP, ROLE_BROKER, ROLE_WORLD, CHANNEL_CONTROL, true},
    {"nobody announces in its place", MSG_PEER_DOWN, ROLE_AGENTS, ROLE_WORLD, CHANNEL_CONTROL, false},
    {"the world says its epoch", MSG_EPOCH, ROLE_WORLD, ROLE_BROKER, CHANNEL_CONTROL, true},
    {"governance has none", MSG_EPOCH, ROLE_GOVERNANCE, ROLE_BROKER, CHANNEL_CONTROL, false},
    {"a type nobody knows", 63, ROLE_WORLD, ROLE_AGENTS, CHANNEL_DATA, false},
    {"a type beyond all", 60000, ROLE_WORLD, ROLE_AGENTS, CHANNEL_DATA, false},
};

static void
rights(void **state)
{
    const struct right_row *row = *state;
    struct rights table;

    rights_init(&table);
    assert_int_equal(rights_allow(&table, row->type, row->from, row->to, row->channel), row->want);
}

static void
aliases(void **state)
{
    struct peer random = {.id = {0x80}}, high = {.id = {[15] = 200}}, agents = {.id = {[15] = ROLE_AGENTS}};

    (void)state;
    assert_int_equal(rights_alias(&PEER_WORLD), ROLE_WORLD);
    assert_int_equal(rights_alias(&PEER_BROKER), ROLE_BROKER);
    assert_int_equal(rights_alias(&PEER_GATEWAY), ROLE_GATEWAY);
    assert_int_equal(rights_alias(&random), ROLE_NONE);
    assert_int_equal(rights_alias(&high), ROLE_NONE);
    assert_int_equal(rights_alias(&agents), ROLE_NONE); /* there are many */
}

static const struct test_case cases[] = {
    {"first in, first out", order},
    {"payloads move", payload},
    {"run and epoch are stamped where missing", identity},
    {"events are numbered", events},
    {"wishes", wishes},
    {"messages are packed", message},
    {"the roster finds whom a list finds", roster},
    {"a full roster", roster_full},
    {"well-known addresses", aliases},
};

int
main(void)
{
    return TEST_CASES("outbox", cases) + TEST_ROWS("rights", right_rows, rights);
}
