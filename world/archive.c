#include "world/archive.h"

#include "core/arena.h"
#include "core/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PENDING_MAX (STORE_BEHIND + 4u)
#define FETCH_BYTES (4u << 20) /* a request for many parts is answered up to here: it must not fill the memory */

struct pending {
    uint64_t step;
    uint8_t digest[STORE_DIGEST];
    struct buffer summary;
};

struct archive {
    struct archive_options options;
    struct pending pending[PENDING_MAX];
    uint32_t pending_count;
    uint64_t events;       /* sent so far: the number of the last one */
    struct buffer summary; /* of the newest committed step that had one */
    uint64_t committed;
    uint64_t refused;
};

struct archive *
archive_new(const struct archive_options *options)
{
    struct archive *self = ALLOC(struct archive);

    self->options = *options;
    self->committed = store_committed(options->store).step;
    return self;
}

void
archive_destroy(struct archive **self_p)
{
    struct archive *self = *self_p;

    if (self == NULL)
        return;
    for (uint32_t i = 0; i < self->pending_count; i++)
        buffer_fini(&self->pending[i].summary);
    buffer_fini(&self->summary);
    free(self);
    *self_p = NULL;
}

void
archive_step_made(struct archive *self, uint64_t step, const uint8_t digest[STORE_DIGEST], struct buffer *summary)
{
    struct pending *pending;

    ASSERT(self->pending_count < PENDING_MAX); /* the store holds steps back before this can fill up */

    pending = &self->pending[self->pending_count++];
    *pending = (struct pending){.step = step, .summary = *summary};
    memcpy(pending->digest, digest, STORE_DIGEST);
    *summary = (struct buffer){0};
}

static void
publish_one(struct archive *self, struct pending *pending, const struct store_commit *tip, struct outbox *out)
{
    struct store_commit commit;
    struct step_event event = {.step = pending->step, .committed = tip->step, .steps = self->options.steps,
        .simulation_epoch = (uint32_t)((pending->step - 1) / self->options.steps_per_epoch),
        .digest = {pending->digest, STORE_DIGEST},
        .summary = {pending->summary.data, (uint32_t)pending->summary.size}};

    if (store_read_commit(self->options.store, pending->step, &commit, NULL) != 0)
        commit = *tip;
    event.chain = (struct blob){commit.chain, STORE_CHAIN};
    if (event.summary.size > 60000)
        event.summary.size = 0;
    outbox_send_message(out, CHANNEL_EVENT, &PEER_BROKER, NULL, MSG_STEP, &event);
    self->events++;
    if (pending->summary.size > 0) {
        buffer_clear(&self->summary);
        buffer_append(&self->summary, pending->summary.data, pending->summary.size);
    }
}

void
archive_publish(struct archive *self, struct outbox *out)
{
    struct store_commit tip = store_committed(self->options.store);
    uint32_t done = 0;

    while (done < self->pending_count && self->pending[done].step <= tip.step) {
        publish_one(self, &self->pending[done], &tip, out);
        buffer_fini(&self->pending[done].summary);
        done++;
    }
    memmove(self->pending, self->pending + done, (self->pending_count - done) * sizeof self->pending[0]);
    self->pending_count -= done;
    self->committed = tip.step;
}

void
archive_publish_head(struct archive *self, bool ended, struct outbox *out)
{
    struct head_event head = {.seq = self->events, .committed = self->committed, .ended = ended};

    outbox_send_message(out, CHANNEL_EVENT, &PEER_BROKER, NULL, MSG_HEAD, &head);
    self->events++;
}

static void
on_sync(struct archive *self, const struct letter *letter, struct outbox *out)
{
    struct sync_state state = {.step = self->committed, .seq = self->events, .steps = self->options.steps,
        .summary = {self->summary.data, (uint32_t)self->summary.size}};

    snprintf(state.scenario, sizeof state.scenario, "%.*s", (int)sizeof state.scenario - 1, self->options.scenario);
    outbox_send_message(out, letter->channel, &letter->peer,
                        &(struct envelope){.chunk = letter->head.chunk, .step = state.step}, MSG_SYNC_STATE, &state);
}

/* Returns the part's bytes. */
static size_t
send_record(struct archive *self, const struct letter *letter, uint64_t step, uint32_t part, bool *found,
            struct outbox *out)
{
    struct record record = {.step = step, .part = part};
    struct buffer bytes = {0};

    *found = step <= self->committed && store_read_part(self->options.store, step, part, &bytes, NULL) == 0;
    record.found = *found;
    record.bytes = (struct blob){bytes.data, (uint32_t)bytes.size};
    outbox_send_message(out, letter->channel, &letter->peer,
                        &(struct envelope){.chunk = letter->head.chunk, .step = step}, MSG_RECORD, &record);
    buffer_fini(&bytes);
    return record.bytes.size;
}

void
archive_letter(struct archive *self, const struct letter *letter, struct outbox *out)
{
    struct sync sync;
    struct fetch fetch;
    bool found = true;
    size_t sent = 0;

    if (letter->head.type == MSG_SYNC && message_unpack(MSG_SYNC, letter->payload, letter->size, &sync, NULL) == 0) {
        on_sync(self, letter, out);
    } else if (letter->head.type == MSG_FETCH &&
               message_unpack(MSG_FETCH, letter->payload, letter->size, &fetch, NULL) == 0) {
        for (uint32_t i = 0; i < fetch.count && found && sent < FETCH_BYTES && fetch.part <= UINT32_MAX - i; i++)
            sent += send_record(self, letter, fetch.step, fetch.part + i, &found, out);
    } else {
        self->refused++;
    }
}
