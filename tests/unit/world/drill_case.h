/* tests/unit/world/drill_case.h - what the tests of the engine share: the drill as the only domain, scenes and runs
 * made of it, and an outbox whose parcels a test can look at. */
#ifndef POLIS_TESTS_DRILL_CASE_H
#define POLIS_TESTS_DRILL_CASE_H

#include "tests/support/test.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bus/outbox.h"
#include "core/arena.h"
#include "core/digest.h"
#include "core/log.h"
#include "tests/support/drill.h"
#include "tests/unit/world/case.h"
#include "world/recover.h"
#include "world/step.h"
#include "world/store.h"

const struct domain *const domains[] = {&domain_drill, NULL};

const struct domain *
domain_find(const char *name)
{
    return strcmp(name, domain_drill.name) == 0 ? &domain_drill : NULL;
}

CASE_UNUSED static struct scene
case_scene(uint32_t agents, uint32_t slots, uint32_t rounds)
{
    struct buffer manifest = {0};
    struct scene scene = {0};
    struct why why = {0};

    drill_manifest(&manifest, agents, slots, rounds, 10, 7, "actions");
    case_ok(scene_open(manifest.data, manifest.size, &scene, &why), &why);
    buffer_fini(&manifest);
    return scene;
}

CASE_UNUSED static struct peer
case_peer(uint8_t number)
{
    struct peer peer = {{0xaa}};

    peer.id[15] = number;
    return peer;
}

/* A letter as the bus would hand it on. */
CASE_UNUSED static struct letter
case_letter(const struct peer *from, const struct envelope *head, const void *bytes, size_t size)
{
    struct letter letter = {.channel = CHANNEL_DATA, .peer = *from, .head = *head, .payload = bytes, .size = size};
    uint8_t header[ENVELOPE_SIZE];

    envelope_write(&letter.head, bytes, size, header);
    return letter;
}

/* One agents' exchange answered by the drill's own policy, without a bus. */
CASE_UNUSED static void
case_take(struct step *step, const struct exchange *exchange)
{
    struct batch answers[64], part;
    struct blob bytes[64];
    struct buffer joined[64] = {{0}};
    struct why why = {0};

    assert_true(exchange->group_count <= 64);
    for (uint32_t g = 0; g < exchange->group_count; g++) {
        struct buffer ask = {0}, answer = {0};

        step->domain->ask(step->self, exchange, g, 0, exchange->groups[g].count, &ask);
        case_ok(drill_answer(ask.data, ask.size, digest_xxh3(ask.data, ask.size), 3, &answer, &why), &why);
        case_ok(batch_read(exchange->answer, answer.data, answer.size, &part, &why), &why);
        batch_concatenate(exchange->answer, &part, 1, 0, &joined[g]);
        case_ok(batch_read(exchange->answer, joined[g].data, joined[g].size, &answers[g], &why), &why);
        bytes[g] = (struct blob){joined[g].data, (uint32_t)joined[g].size};
        buffer_fini(&ask);
        buffer_fini(&answer);
    }
    step_take(step, exchange, answers, NULL, (struct blob){0}, bytes);
    for (uint32_t g = 0; g < exchange->group_count; g++)
        buffer_fini(&joined[g]);
}

/* A whole step. */
CASE_UNUSED static struct store_step
case_make_step(struct step *step, uint64_t number, const struct step_input *inputs, uint32_t input_count)
{
    struct store_step made;
    struct exchange exchange;
    struct why why = {0};

    case_ok(step_begin(step, number, inputs, input_count, &why), &why);
    while (step_next(step, &exchange))
        case_take(step, &exchange);
    step_end(step, &made);
    return made;
}

CASE_UNUSED static void
case_step_fini(struct store_step *made)
{
    buffer_fini(&made->header);
    buffer_fini(&made->data);
    buffer_fini(&made->snapshot);
}

/* A small deterministic generator. */
CASE_UNUSED static uint64_t
case_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

#endif
