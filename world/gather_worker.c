#include "world/gather_inner.h"

#include "core/assert.h"
#include "core/digest.h"
#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORGIVEN_AFTER 30u /* deadlines */

static void
worker_fini(struct gather_worker *worker)
{
    free(worker->serves);
    free(worker->told);
    free(worker->errands);
}

struct gather_worker *
gather_worker_find(struct gather *self, const struct peer *peer)
{
    for (uint32_t i = 0; i < self->worker_count; i++)
        if (peer_equal(&self->workers[i].peer, peer))
            return &self->workers[i];
    return NULL;
}

bool
gather_worker_serves(const struct gather_worker *worker, const char *policy)
{
    size_t length = strlen(policy);

    for (const char *at = worker->serves; at != NULL && *at != '\0';) {
        const char *comma = strchr(at, ',');
        size_t size = comma != NULL ? (size_t)(comma - at) : strlen(at);

        if ((size == 1 && *at == '*') || (size == length && memcmp(at, policy, length) == 0))
            return true;
        at = comma != NULL ? comma + 1 : NULL;
    }
    return false;
}

void
gather_forget_workers(struct gather *self)
{
    for (uint32_t i = 0; i < self->worker_count; i++)
        worker_fini(&self->workers[i]);
    self->worker_count = 0;
    if (self->exchange == NULL)
        return;
    for (uint32_t i = 0; i < self->chunk_count; i++) {
        self->chunks[i].holder_count = 0;
        if (!self->chunks[i].answered)
            gather_chunk_wait(self, i);
    }
}

void
gather_worker_up(struct gather *self, const struct peer *peer, const char *serves_list)
{
    struct gather_worker *worker = gather_worker_find(self, peer);

    if (worker != NULL)
        return;
    if (self->worker_count == self->worker_room) {
        self->worker_room = self->worker_room == 0 ? 8 : self->worker_room * 2;
        self->workers = realloc(self->workers, self->worker_room * sizeof *self->workers);
        ASSERT(self->workers != NULL);
    }
    worker = &self->workers[self->worker_count++];
    *worker = (struct gather_worker){.peer = *peer, .serves = strdup(serves_list),
        .told = ALLOC_ARRAY(uint8_t, self->slot_count + 1u),
        .errands = ALLOC_ARRAY(struct errand, 2u * self->options.credit)};
    ASSERT(worker->serves != NULL);
}

void
gather_worker_remove(struct gather *self, struct gather_worker *worker)
{
    worker_fini(worker);
    *worker = self->workers[--self->worker_count];
}

/* ---- credit ---- */

static void
errand_drop(struct gather_worker *worker, uint32_t index)
{
    worker->holds--;
    memmove(&worker->errands[index], &worker->errands[index + 1], (worker->holds - index) * sizeof worker->errands[0]);
}

void
gather_errand_add(struct gather *self, struct gather_worker *worker, uint32_t chunk, uint64_t deadline_ms)
{
    if (worker->holds == 2u * self->options.credit)
        errand_drop(worker, 0); /* the oldest, long past its deadline: it will hardly be answered any more */
    worker->errands[worker->holds++] =
        (struct errand){.step = self->step, .phase = self->phase, .chunk = chunk, .deadline_ms = deadline_ms};
}

/* Letters between two peers stay in order, so what is older and overdue got lost. */
void
gather_errand_done(struct gather_worker *worker, const struct envelope *head, uint64_t now_ms)
{
    for (uint32_t i = 0; i < worker->holds; i++)
        if (worker->errands[i].step == head->step && worker->errands[i].phase == head->phase &&
            worker->errands[i].chunk == head->chunk) {
            errand_drop(worker, i);
            while (i-- > 0)
                if (now_ms >= worker->errands[i].deadline_ms)
                    errand_drop(worker, i);
            return;
        }
}

void
gather_errand_forgive(struct gather *self, uint64_t now_ms)
{
    for (uint32_t w = 0; w < self->worker_count; w++)
        for (uint32_t i = self->workers[w].holds; i-- > 0;)
            if (now_ms >= self->workers[w].errands[i].deadline_ms +
                              (uint64_t)FORGIVEN_AFTER * self->options.deadline_ms)
                errand_drop(&self->workers[w], i);
}

/* Errands past their deadline: the worker is slow, or the letter or its answer got lost. */
static uint32_t
errands_overdue(const struct gather_worker *worker, uint64_t now_ms)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < worker->holds; i++)
        count += now_ms >= worker->errands[i].deadline_ms ? 1 : 0;
    return count;
}

uint64_t
gather_errand_deadline(const struct gather *self, uint64_t now_ms)
{
    uint64_t next = UINT64_MAX;

    for (uint32_t i = 0; i < self->worker_count; i++)
        for (uint32_t e = 0; e < self->workers[i].holds; e++) {
            uint64_t deadline_ms = self->workers[i].errands[e].deadline_ms;

            if (deadline_ms > now_ms && deadline_ms < next)
                next = deadline_ms;
        }
    return next;
}

uint32_t
gather_worker_count(const struct gather *self)
{
    return self->worker_count;
}

/* ---- who is next ---- */

/* Whether there is somebody who answers in time to ask beside the worker that refused the chunk last. */
static bool
another_serves(const struct gather *self, const struct chunk *chunk, const char *policy, uint64_t now_ms)
{
    for (uint32_t i = 0; i < self->worker_count; i++)
        if (!self->workers[i].barred && !peer_equal(&chunk->refuser, &self->workers[i].peer) &&
            errands_overdue(&self->workers[i], now_ms) == 0 && gather_worker_serves(&self->workers[i], policy))
            return true;
    return false;
}

/* How many external chunks it waits for. */
static uint32_t
external_holds(const struct gather *self, const struct gather_worker *worker)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < self->chunk_count; i++)
        for (uint32_t h = 0; self->chunks[i].external && !self->chunks[i].answered && h < self->chunks[i].holder_count;
             h++)
            count += peer_equal(&self->chunks[i].holders[h], &worker->peer) ? 1 : 0;
    return count;
}

/* The least busy worker that may take this chunk: rather one that answers in time, rather one that does not hold it.
 * One that refused it gets it again only when nobody else would answer: the others may be busy now, and the one that
 * refuses everything never is. Those that do not answer in time get more only when nobody else serves the policy,
 * so that one slow worker does not slow every step, and a lost letter does not stop the run. External chunks need no
 * credit: they are spread evenly. */
struct gather_worker *
gather_worker_choose(struct gather *self, const struct chunk *chunk, uint64_t now_ms, bool *anybody_serves)
{
    const char *policy = gather_policy_of(self, chunk);
    struct gather_worker *best = NULL, *best_late = NULL;
    uint64_t best_score = UINT64_MAX, best_late_score = UINT64_MAX;
    bool somebody_in_time = false;

    for (uint32_t i = 0; i < self->worker_count; i++) {
        struct gather_worker *worker = &self->workers[i];
        uint32_t overdue = errands_overdue(worker, now_ms);
        uint64_t score;

        if (worker->barred || !gather_worker_serves(worker, policy))
            continue;
        *anybody_serves = true;
        if (peer_equal(&chunk->refuser, &worker->peer) && another_serves(self, chunk, policy, now_ms))
            continue;
        somebody_in_time = somebody_in_time || overdue == 0;
        if (!chunk->external && worker->holds - overdue >= self->options.credit)
            continue;
        score = chunk->external ? external_holds(self, worker) : worker->holds;
        for (uint32_t h = 0; h < chunk->holder_count; h++)
            if (peer_equal(&chunk->holders[h], &worker->peer))
                score += 1000;
        if (overdue == 0 && score < best_score) {
            best = worker;
            best_score = score;
        } else if (overdue > 0 && score < best_late_score) {
            best_late = worker;
            best_late_score = score;
        }
    }
    return somebody_in_time ? best : best_late;
}

bool
gather_worker_has_room(const struct gather *self, uint64_t now_ms)
{
    for (uint32_t i = 0; i < self->worker_count; i++)
        if (!self->workers[i].barred &&
            self->workers[i].holds - errands_overdue(&self->workers[i], now_ms) < self->options.credit)
            return true;
    return false;
}

void
gather_write_status(const struct gather *self, struct buffer *out)
{
    char line[256], hex[33];

    buffer_append(out, "[", 1);
    for (uint32_t i = 0; i < self->worker_count; i++) {
        const struct gather_worker *worker = &self->workers[i];

        snprintf(line, sizeof line,
                 "%s{\"peer\":\"%.8s\",\"holds\":%u,\"answered\":%" PRIu64 ",\"barred\":%s,\"serves\":",
                 i > 0 ? "," : "", digest_hex(worker->peer.id, sizeof worker->peer.id, hex), worker->holds,
                 worker->answered,
                 worker->barred ? "true" : "false");
        buffer_append(out, line, strlen(line));
        text_add_json(out, worker->serves, strlen(worker->serves));
        buffer_append(out, "}", 1);
    }
    buffer_append(out, "]", 1);
}
