#include "tests/support/gateway_rig.h"

#include <dirent.h>
#include <poll.h>
#include <string.h>

#include "bus/clock.h"
#include "core/digest.h"
#include "llm-gateway/flow_inner.h"
#include "tests/support/test.h"

#define PATIENCE_MS 240000u /* of real time, for the slowest machine: nothing is measured by it */

void
gateway_rig_open(struct gateway_rig *self, const struct gateway_rig_options *options)
{
    struct gateway_options of = {.seed = GATEWAY_RIG_SEED,
                                 .run = GATEWAY_RIG_RUN,
                                 .clients = options->clients,
                                 .client_count = options->client_count,
                                 .mode = options->mode,
                                 .log = options->log,
                                 .parent = options->parent,
                                 .keep_prompts = true};
    struct why why = {0};

    *self = (struct gateway_rig){.now_ms = 1000, .epoch = 1, .step = 1};
    if (yaml_read_text("test.yaml", options->yaml, strlen(options->yaml), &self->tree, &why) != 0)
        fail_msg("%s", why.text);
    of.section = yaml_find(yaml_root(self->tree), "llm");
    if (gateway_new(&of, &self->gateway, &why) != 0)
        fail_msg("%s", why.text);
    gateway_actor(self->gateway, &self->actor);
    outbox_init(&self->out);
    self->actor.start(self->actor.self, self->now_ms, &self->out);
}

void
gateway_rig_close(struct gateway_rig *self)
{
    gateway_rig_forget(self);
    gateway_destroy(&self->gateway);
    outbox_fini(&self->out);
    yaml_destroy(&self->tree);
    free(self->heard);
    self->heard = NULL;
}

void
gateway_rig_forget(struct gateway_rig *self)
{
    for (uint32_t i = 0; i < self->heard_count; i++)
        buffer_fini(&self->heard[i].bytes);
    self->heard_count = 0;
}

/* Nobody who was due by now still waits. */
static void
check_deadlines(const struct gateway_rig *self)
{
    const struct flow *flow = self->gateway->flow;

    for (uint32_t i = 0; i < flow->slot_count; i++) {
        const struct flow_slot *slot = flow->slots[i];

        if (slot->used && slot->state != FLOW_DONE && slot->deadline_us <= (int64_t)self->now_ms * 1000)
            fail_msg("ordinal %u outlives its deadline", slot->request.id.ordinal);
    }
}

/* What came of the last event: letters, and an order of things that must be as promised. */
static void
after(struct gateway_rig *self)
{
    struct outbox_parcel parcel;
    struct why why = {0};

    while (outbox_queue_pop(&self->out.queue, &parcel)) {
        struct gateway_rig_heard *heard;

        if (self->heard_count == self->heard_capacity) {
            self->heard_capacity = self->heard_capacity > 0 ? 2 * self->heard_capacity : 64;
            self->heard = realloc(self->heard, self->heard_capacity * sizeof self->heard[0]);
            assert_non_null(self->heard);
        }
        heard = &self->heard[self->heard_count++];
        *heard = (struct gateway_rig_heard){.peer = parcel.to.id[3] - 1u, .head = parcel.head};
        buffer_append(&heard->bytes, parcel.bytes, parcel.size);
        free(parcel.bytes);
        assert_true(self->waiting > 0);
        self->waiting--;
    }
    if (flow_check(self->gateway->flow, &why) != 0)
        fail_msg("%s", why.text);
    check_deadlines(self);
}

void
gateway_rig_send(struct gateway_rig *self, uint32_t peer, uint32_t slot, uint32_t phase, uint32_t chunk,
                 uint32_t attempt, const struct prompt_plan *plan)
{
    struct letter letter = {.channel = CHANNEL_DATA,
                            .peer = {.id = {[3] = (uint8_t)(peer + 1)}},
                            .head = {.type = MSG_PROMPT,
                                     .flags = (uint16_t)slot,
                                     .run = GATEWAY_RIG_RUN,
                                     .epoch = self->epoch,
                                     .step = self->step,
                                     .phase = phase,
                                     .chunk = chunk,
                                     .attempt = attempt}};
    struct buffer bytes = {0};

    prompt_write(plan, &bytes);
    letter.payload = bytes.data;
    letter.size = bytes.size;
    letter.head.payload_hash = digest_xxh3(bytes.data, bytes.size);
    self->waiting++;
    self->actor.receive(self->actor.self, self->now_ms, &letter, &self->out);
    buffer_fini(&bytes);
    after(self);
}

/* The next thing that happens, no later than `limit_ms`. */
static void
go_on(struct gateway_rig *self, uint64_t limit_ms)
{
    uint64_t due_ms = clock_earlier(self->out.wake_ms, limit_ms);
    bool is_ready = false;

    if (due_ms > self->now_ms && asker_stats(self->gateway->asker)->in_flight == 0) {
        if (due_ms == CLOCK_NEVER)
            fail_msg("%u prompts wait for nothing", self->waiting);
        self->now_ms = due_ms;
    } else if (due_ms > self->now_ms) {
        struct pollfd file = {.fd = self->actor.ready_fd, .events = POLLIN};
        uint64_t start_ms = clock_ms(), left_ms = due_ms - self->now_ms;

        is_ready = poll(&file, 1, left_ms < 1000 ? (int)left_ms : 1000) > 0;
        self->now_ms += clock_ms() - start_ms;
    }
    if (outbox_wake_due(&self->out, self->now_ms))
        self->actor.tick(self->actor.self, self->now_ms, &self->out);
    if (is_ready)
        self->actor.ready(self->actor.self, self->now_ms, &self->out);
    after(self);
}

void
gateway_rig_drive(struct gateway_rig *self)
{
    uint64_t end_ms = clock_ms() + PATIENCE_MS;

    while (self->waiting > 0 && !self->out.stopped) {
        assert_true(clock_ms() < end_ms);
        go_on(self, CLOCK_NEVER);
    }
}

void
gateway_rig_drive_until(struct gateway_rig *self, uint64_t until_ms)
{
    uint64_t end_ms = clock_ms() + PATIENCE_MS;

    while (self->now_ms < until_ms && !self->out.stopped) {
        assert_true(clock_ms() < end_ms);
        go_on(self, until_ms);
    }
}

void
gateway_rig_finish(struct gateway_rig *self)
{
    self->actor.signal(self->actor.self, self->now_ms, ACTOR_FINISH, &self->out);
    after(self);
    assert_true(self->out.stopped);
    assert_int_equal(self->out.status, 0);
}

const struct gateway_rig_heard *
gateway_rig_heard_of(const struct gateway_rig *self, uint32_t slot, uint32_t phase, uint32_t chunk)
{
    for (uint32_t i = self->heard_count; i-- > 0;) {
        const struct envelope *head = &self->heard[i].head;

        if (head->flags == slot && head->phase == phase && head->chunk == chunk)
            return &self->heard[i];
    }
    fail_msg("nothing was heard of slot %u, phase %u, chunk %u", slot, phase, chunk);
    return NULL;
}

void
gateway_rig_read(const struct gateway_rig_heard *heard, struct batch *out)
{
    struct why why = {0};

    assert_int_equal(heard->head.type, MSG_COMPLETION);
    if (batch_read(&schema_completion, heard->bytes.data, heard->bytes.size, out, &why) != 0 ||
        batch_check(out, &why) != 0)
        fail_msg("%s", why.text);
}

uint32_t
gateway_rig_file_count(void)
{
    DIR *folder = opendir("/proc/self/fd");
    uint32_t count = 0;

    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    (void)closedir(folder);
    return count;
}
