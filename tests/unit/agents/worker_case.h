/* tests/unit/agents/worker_case.h - the agents process on a desk: letters go in, and what it sends lies there. */
#ifndef POLIS_TESTS_WORKER_CASE_H
#define POLIS_TESTS_WORKER_CASE_H

#include "agents/worker.h"
#include "bus/actor.h"
#include "bus/outbox.h"
#include "proto/envelope.h"

#include "tests/unit/agents/model_case.h"

#define RUN 9u

struct desk {
    struct worker *worker;
    struct actor actor;
    struct outbox out;
    struct outbox_parcel parcels[4]; /* answers of the last tell(), their bytes owned */
    uint32_t count;
    uint64_t now_ms;
};

static CASE_UNUSED void
clear(struct desk *self)
{
    for (uint32_t i = 0; i < self->count; i++)
        free(self->parcels[i].bytes);
    self->count = 0;
}

static CASE_UNUSED void
collect(struct desk *self)
{
    clear(self);
    assert_in_range(self->out.queue.count, 0, 4);
    while (outbox_queue_pop(&self->out.queue, &self->parcels[self->count]))
        self->count++;
    for (uint32_t i = 0; i < self->count; i++) {
        bool asks = self->parcels[i].head.type == MSG_PROMPT;

        assert_true(peer_equal(&self->parcels[i].to, asks ? &PEER_GATEWAY : &PEER_WORLD));
        assert_int_equal(self->parcels[i].channel, CHANNEL_DATA);
    }
}

static CASE_UNUSED uint32_t
credit_of(const struct outbox_parcel *parcel)
{
    struct credit credit = {0};
    struct why why = {0};

    assert_int_equal(parcel->head.type, MSG_CREDIT);
    assert_int_equal(message_unpack(MSG_CREDIT, parcel->bytes, parcel->size, &credit, &why), 0);
    return credit.chunks;
}

static CASE_UNUSED struct nack
nack_of(const struct outbox_parcel *parcel)
{
    struct nack nack = {0};
    struct why why = {0};

    assert_int_equal(parcel->head.type, MSG_NACK);
    assert_int_equal(message_unpack(MSG_NACK, parcel->bytes, parcel->size, &nack, &why), 0);
    return nack;
}

static CASE_UNUSED void
desk_init(struct desk *self, const char *serves)
{
    *self = (struct desk){.worker = worker_new(&(struct worker_options){.serves = serves}), .now_ms = 1};
    worker_actor(self->worker, &self->actor);
    assert_int_equal(self->actor.role, ROLE_AGENTS);
    assert_string_equal(self->actor.serves, serves);
    outbox_init(&self->out);
    self->actor.start(self->actor.self, 1, &self->out);
    collect(self);
    assert_int_equal(self->count, 1);
    assert_int_equal(credit_of(&self->parcels[0]), WORKER_CREDIT);
}

static CASE_UNUSED void
desk_fini(struct desk *self)
{
    clear(self);
    outbox_fini(&self->out);
    worker_destroy(&self->worker);
}

static CASE_UNUSED void
tell(struct desk *self, struct envelope head, const struct buffer *payload)
{
    struct letter letter = {
        .channel = CHANNEL_DATA, .peer = PEER_WORLD, .payload = payload->data, .size = payload->size};

    head.payload_hash = digest_xxh3(payload->data, payload->size);
    head.payload_size = (uint32_t)payload->size;
    letter.head = head;
    self->actor.receive(self->actor.self, self->now_ms, &letter, &self->out);
    collect(self);
}

static CASE_UNUSED void
tell_params(struct desk *self, uint32_t epoch, uint32_t slot, const char *policy, const char *yaml)
{
    struct params_of params = {
        .slot = slot, .seed = CASE_SEED, .yaml = {(const uint8_t *)yaml, (uint32_t)strlen(yaml)}};
    struct buffer payload = {0};

    snprintf(params.policy, sizeof params.policy, "%s", policy);
    message_pack(MSG_PARAMS, &params, &payload);
    tell(self, (struct envelope){.type = MSG_PARAMS, .run = RUN, .epoch = epoch}, &payload);
    buffer_fini(&payload);
}

static CASE_UNUSED void
write_observation(uint32_t count, struct buffer *out)
{
    struct case_agent agents[8];
    struct case_scene scene = {0};

    case_quotes(scene.quotes);
    for (uint32_t i = 0; i < count; i++)
        agents[i] = (struct case_agent){.agent = 20 + i, .role = SANDBOX_WORKER, .resources = TOKEN, .skill = 0.1 * i,
            .candidates = {{11, 0, 0.5, 0, 0, 0}}, .candidate_count = 1};
    buffer_clear(out);
    case_observe(&scene, agents, count, out);
}

static const CASE_UNUSED struct envelope ask_head = {
    .type = MSG_OBSERVATION, .run = RUN, .epoch = 3, .step = 7, .phase = 2, .chunk = 5, .attempt = 6, .flags = 1};

#endif
