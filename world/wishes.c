#include "world/wishes.h"

#include "core/arena.h"
#include "core/assert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define APPLIED_MAX 256u     /* commands whose repetition is recognised */
#define REMEMBERED_STEPS 64u /* whose commands are remembered over a restart */

struct wish {
    struct peer peer;
    enum channel channel;
    struct step_input input;
    uint64_t applied_step; /* 0: waiting */
};

struct wishes {
    const struct domain *domain;
    const void *domain_self;
    struct store *store;
    struct wish list[STEP_INPUTS_MAX];
    uint32_t count;
    uint64_t applied[APPLIED_MAX]; /* numbers, a ring */
    uint32_t applied_next;
};

static void
remember(struct wishes *self, const struct step_input *inputs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        self->applied[self->applied_next++ % APPLIED_MAX] = inputs[i].source_seq;
}

struct wishes *
wishes_new(const struct domain *domain, const void *domain_self, struct store *store)
{
    struct wishes *self = ALLOC(struct wishes);
    struct step_input *inputs = ALLOC_ARRAY(struct step_input, STEP_INPUTS_MAX);
    uint64_t tip = store_committed(store).step;
    struct buffer part = {0};

    self->domain = domain;
    self->domain_self = domain_self;
    self->store = store;
    for (uint64_t step = tip > REMEMBERED_STEPS ? tip - REMEMBERED_STEPS : 1; step <= tip; step++) {
        uint32_t count = 0;
        uint64_t end;

        buffer_clear(&part);
        /* Inputs come first; what follows may be cut off by the part's end, which is not our concern. */
        if (store_read_part(store, step, 1, &part, NULL) == 0)
            (void)!step_inputs_read(&part, inputs, &count, &end, NULL);
        remember(self, inputs, count);
    }
    buffer_fini(&part);
    free(inputs);
    return self;
}

void
wishes_destroy(struct wishes **self_p)
{
    free(*self_p);
    *self_p = NULL;
}

/* ---- answers ---- */

static void
reply(const struct peer *peer, enum channel channel, uint64_t source_seq, int code, const char *text,
      struct outbox *out)
{
    struct result result = {.source_seq = source_seq, .code = (uint32_t)code};

    snprintf(result.text, sizeof result.text, "%s", text);
    outbox_send_message(out, channel, peer, NULL, MSG_RESULT, &result);
}

static void
reply_to(const struct wish *wish, int code, const char *text, struct outbox *out)
{
    reply(&wish->peer, wish->channel, wish->input.source_seq, code, text, out);
}

void
wishes_reply(const struct letter *letter, uint64_t source_seq, int code, const char *text, struct outbox *out)
{
    reply(&letter->peer, letter->channel, source_seq, code, text, out);
}

/* ---- coming ---- */

bool
wishes_known(struct wishes *self, const struct letter *letter, uint64_t source_seq, struct outbox *out)
{
    /* Asked again before its step is committed: the answer goes to the one who still listens. */
    for (uint32_t i = 0; i < self->count; i++)
        if (self->list[i].input.source_seq == source_seq) {
            self->list[i].peer = letter->peer;
            self->list[i].channel = letter->channel;
            return true;
        }
    for (uint32_t i = 0; i < APPLIED_MAX; i++)
        if (source_seq != 0 && self->applied[i] == source_seq) {
            wishes_reply(letter, source_seq, 0, "applied before", out);
            return true;
        }
    return false;
}

void
wishes_add(struct wishes *self, const struct letter *letter, const struct command *command, struct outbox *out)
{
    struct wish *wish;
    struct why why = {0};

    if (self->domain->command_check(self->domain_self, command->verb, command->argument, &why) != 0) {
        wishes_reply(letter, command->source_seq, why.code, why.text, out);
        return;
    }
    if (self->count == STEP_INPUTS_MAX) {
        wishes_reply(letter, command->source_seq, ERR_LIMIT, "too many commands are waiting", out);
        return;
    }
    wish = &self->list[self->count++];
    *wish = (struct wish){.peer = letter->peer, .channel = letter->channel, .input.source_seq = command->source_seq};
    snprintf(wish->input.verb, sizeof wish->input.verb, "%s", command->verb);
    snprintf(wish->input.argument, sizeof wish->input.argument, "%s", command->argument);
}

/* ---- going ---- */

/* A wish that the domain does not take any more is answered and goes nowhere near the log. */
static void
drop_refused(struct wishes *self, struct outbox *out)
{
    for (uint32_t i = 0; i < self->count;) {
        struct wish *wish = &self->list[i];
        struct why why = {0};

        if (wish->applied_step == 0 &&
            self->domain->command_check(self->domain_self, wish->input.verb, wish->input.argument, &why) != 0) {
            reply_to(wish, why.code, why.text, out);
            *wish = self->list[--self->count];
            continue;
        }
        i++;
    }
}

uint32_t
wishes_due(struct wishes *self, uint64_t step, struct step_input inputs[STEP_INPUTS_MAX], struct outbox *out)
{
    uint32_t count = 0;

    drop_refused(self, out);
    for (uint32_t i = 0; i < self->count; i++) {
        struct wish *wish = &self->list[i];
        uint32_t at = count;

        if (wish->applied_step != 0)
            continue;
        while (at > 0 && inputs[at - 1].source_seq > wish->input.source_seq) {
            inputs[at] = inputs[at - 1];
            at--;
        }
        inputs[at] = wish->input;
        count++;
        wish->applied_step = step;
    }
    remember(self, inputs, count);
    return count;
}

void
wishes_answer(struct wishes *self, struct outbox *out)
{
    uint64_t committed = store_committed(self->store).step;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < self->count; i++) {
        struct wish *wish = &self->list[i];
        char text[64];

        if (wish->applied_step == 0 || wish->applied_step > committed) {
            self->list[kept++] = *wish;
            continue;
        }
        snprintf(text, sizeof text, "applied at step %" PRIu64, wish->applied_step);
        reply_to(wish, 0, text, out);
    }
    self->count = kept;
}

void
wishes_dismiss(struct wishes *self, struct outbox *out)
{
    for (uint32_t i = 0; i < self->count; i++)
        reply_to(&self->list[i], ERR_STATE, "no step followed that could have applied it", out);
    self->count = 0;
}
