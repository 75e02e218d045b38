#include "world/gather.h"

#include "core/assert.h"
#include "core/digest.h"
#include "core/log.h"
#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOLDERS_MAX 4u
#define CHUNK_MIN 256u /* smaller shares cost more in messages than they gain */
#define CHUNKS_PER_WORKER 4u
#define CHUNKS_PER_WORKER_FAST 2u /* when a chunk is back in no time, what it costs is its journey */
#define FAST_MS 2.0
#define FORGIVEN_AFTER 30u /* deadlines */

/* An observation on its way: what a worker's answer gives the credit back for, whoever answered the chunk meanwhile. */
struct errand {
    uint64_t step;
    uint32_t phase, chunk;
    uint64_t deadline_ms;
};

struct worker {
    struct peer peer;
    char *serves;
    struct errand *errands; /* sent to it and not answered yet, oldest first; room for twice the credit */
    uint32_t holds;         /* how many */
    uint64_t answered;
    uint8_t *told;       /* a byte a slot: its parameters were sent */
    bool barred;         /* it sent an answer that no healthy worker sends */
};

struct chunk {
    uint32_t group, first, count;
    uint32_t attempt;
    uint32_t kills;
    uint32_t holder_count;
    struct peer holders[HOLDERS_MAX];
    struct peer refuser; /* who refused it last: others are asked */
    bool waiting;        /* wants to be sent */
    bool answered;
    uint64_t sent_ms, deadline_ms;
    uint64_t hash;       /* of the observation */
    struct buffer answer;
};

/* What the answers taken of a group come to, by axis. */
struct filled {
    uint64_t count[AXIS_MAX];
};

struct gather {
    const struct domain *domain;
    void *domain_self;
    struct gather_options options;
    const struct domain_slot *slots;
    uint32_t slot_count;
    struct worker *workers;
    uint32_t worker_count, worker_room;
    const struct exchange *exchange; /* NULL between exchanges */
    struct buffer *joined;           /* a group's answers in one batch; the room is used again */
    uint32_t joined_count;
    struct filled *filled;           /* by group */
    uint32_t filled_room;
    uint64_t step;
    uint32_t phase;
    struct chunk *chunks;
    uint32_t chunk_count, chunk_room, open_count;
    uint32_t lowest_waiting; /* no waiting chunk is below */
    double usual_ms; /* moving average of a chunk's round trip */
    bool warned_unserved;
    struct gather_counters counters;
};

struct gather *
gather_new(const struct domain *domain, void *domain_self, const struct gather_options *options)
{
    struct gather *self = ALLOC(struct gather);

    ASSERT(options->chunk > 0 && options->credit > 0 && options->poison_kills > 0);

    self->domain = domain;
    self->domain_self = domain_self;
    self->options = *options;
    self->slot_count = domain->slots(domain_self, &self->slots);
    return self;
}

static void
worker_fini(struct worker *worker)
{
    free(worker->serves);
    free(worker->told);
    free(worker->errands);
}

void
gather_destroy(struct gather **self_p)
{
    struct gather *self = *self_p;

    if (self == NULL)
        return;
    gather_forget_workers(self);
    for (uint32_t i = 0; i < self->chunk_room; i++)
        buffer_fini(&self->chunks[i].answer);
    for (uint32_t g = 0; g < self->joined_count; g++)
        buffer_fini(&self->joined[g]);
    free(self->joined);
    free(self->filled);
    free(self->chunks);
    free(self->workers);
    free(self);
    *self_p = NULL;
}

/* ---- workers ---- */

static struct worker *
find_worker(struct gather *self, const struct peer *peer)
{
    for (uint32_t i = 0; i < self->worker_count; i++)
        if (peer_equal(&self->workers[i].peer, peer))
            return &self->workers[i];
    return NULL;
}

static bool
serves(const struct worker *worker, const char *policy)
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

static void
chunk_wait(struct gather *self, uint32_t index)
{
    self->chunks[index].waiting = true;
    if (index < self->lowest_waiting)
        self->lowest_waiting = index;
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
            chunk_wait(self, i);
    }
}

void
gather_worker_up(struct gather *self, const struct peer *peer, const char *serves_list)
{
    struct worker *worker = find_worker(self, peer);

    if (worker != NULL)
        return;
    if (self->worker_count == self->worker_room) {
        self->worker_room = self->worker_room == 0 ? 8 : self->worker_room * 2;
        self->workers = realloc(self->workers, self->worker_room * sizeof *self->workers);
        ASSERT(self->workers != NULL);
    }
    worker = &self->workers[self->worker_count++];
    *worker = (struct worker){.peer = *peer, .serves = strdup(serves_list),
        .told = ALLOC_ARRAY(uint8_t, self->slot_count + 1u),
        .errands = ALLOC_ARRAY(struct errand, 2u * self->options.credit)};
    ASSERT(worker->serves != NULL);
}

/* ---- credit ---- */

static void
errand_drop(struct worker *worker, uint32_t index)
{
    worker->holds--;
    memmove(&worker->errands[index], &worker->errands[index + 1], (worker->holds - index) * sizeof worker->errands[0]);
}

static void
errand_add(struct gather *self, struct worker *worker, uint32_t chunk, uint64_t deadline_ms)
{
    if (worker->holds == 2u * self->options.credit)
        errand_drop(worker, 0); /* the oldest, long past its deadline: it will hardly be answered any more */
    worker->errands[worker->holds++] =
        (struct errand){.step = self->step, .phase = self->phase, .chunk = chunk, .deadline_ms = deadline_ms};
}

/* The worker has answered (or refused) what the head names; a repeated answer gives no credit. Letters between two
 * peers stay in order, so what is older and overdue got lost. */
static void
errand_done(struct worker *worker, const struct envelope *head, uint64_t now_ms)
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

/* After a long silence a worker is given another chance. */
static void
errands_forgive(struct gather *self, uint64_t now_ms)
{
    for (uint32_t w = 0; w < self->worker_count; w++)
        for (uint32_t i = self->workers[w].holds; i-- > 0;)
            if (now_ms >= self->workers[w].errands[i].deadline_ms +
                              (uint64_t)FORGIVEN_AFTER * self->options.deadline_ms)
                errand_drop(&self->workers[w], i);
}

/* Errands past their deadline: the worker is slow, or the letter or its answer got lost. */
static uint32_t
errands_overdue(const struct worker *worker, uint64_t now_ms)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < worker->holds; i++)
        count += now_ms >= worker->errands[i].deadline_ms ? 1 : 0;
    return count;
}

static uint64_t
errands_deadline(const struct gather *self, uint64_t now_ms)
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

/* Writes the observation that ended so many workers to FOLDER/poison/, for whoever looks for the bug. */
static int
poison(struct gather *self, struct chunk *chunk, const char *what, struct why *why)
{
    const struct exchange_group *group = &self->exchange->groups[chunk->group];
    struct buffer ask = {0};
    char path[4200];
    int fd;

    self->domain->ask(self->domain_self, self->exchange, chunk->group, chunk->first, chunk->count, &ask);
    snprintf(path, sizeof path, "%s/poison", self->options.folder);
    (void)mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/poison/step-%" PRIu64 "-phase-%u-agents-%u-%u.msgpack", self->options.folder,
             self->step,
             self->phase, group->agents[chunk->first], group->agents[chunk->first + chunk->count - 1]);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0) {
        ssize_t written = write(fd, ask.data, ask.size);

        close(fd);
        if (written < 0 || (size_t)written != ask.size)
            fd = -1;
    }
    buffer_fini(&ask);
    return fail(why, ERR_LIMIT,
                "step %" PRIu64 ", phase %u: agents %u to %u (policy %s) %s; their observation is %s %s",
                self->step, self->phase, group->agents[chunk->first], group->agents[chunk->first + chunk->count - 1],
                self->slots[group->slot].policy, what, fd >= 0 ? "in" : "lost, cannot write", path);
}

static bool
drop_holder(struct chunk *chunk, const struct peer *peer)
{
    for (uint32_t i = 0; i < chunk->holder_count; i++)
        if (peer_equal(&chunk->holders[i], peer)) {
            chunk->holders[i] = chunk->holders[--chunk->holder_count];
            return true;
        }
    return false;
}

int
gather_worker_down(struct gather *self, const struct peer *peer, bool said_bye, struct why *why)
{
    struct worker *worker = find_worker(self, peer);

    if (worker == NULL)
        return 0;
    worker_fini(worker);
    *worker = self->workers[--self->worker_count];
    self->counters.deaths += said_bye ? 0 : 1;
    if (self->exchange == NULL)
        return 0;
    for (uint32_t i = 0; i < self->chunk_count; i++) {
        struct chunk *chunk = &self->chunks[i];

        if (!drop_holder(chunk, peer) || chunk->answered)
            continue;
        if (!said_bye && ++chunk->kills >= self->options.poison_kills)
            return poison(self, chunk, "ended every worker they were given to", why);
        if (chunk->holder_count == 0)
            chunk_wait(self, i);
    }
    return 0;
}

/* ---- an exchange ---- */

/* Enough chunks for every worker to have several, none too small. The log does not see the grid. */
static uint32_t
chunk_size(const struct gather *self, const struct exchange *exchange)
{
    uint64_t total = 0;
    bool fast = self->counters.answered > 0 && self->usual_ms < FAST_MS;
    uint64_t shares = (self->worker_count > 0 ? self->worker_count : 1) *
                      (uint64_t)(fast ? CHUNKS_PER_WORKER_FAST : CHUNKS_PER_WORKER);
    uint64_t size;

    for (uint32_t g = 0; g < exchange->group_count; g++)
        total += exchange->groups[g].count;
    size = (total + shares - 1) / shares;
    if (size < CHUNK_MIN)
        size = CHUNK_MIN;
    return size > self->options.chunk ? self->options.chunk : (uint32_t)size;
}

static struct chunk *
add_chunk(struct gather *self)
{
    struct buffer answer;

    if (self->chunk_count == self->chunk_room) {
        uint32_t room = self->chunk_room == 0 ? 16 : self->chunk_room * 2;

        self->chunks = realloc(self->chunks, room * sizeof *self->chunks);
        ASSERT(self->chunks != NULL);
        memset(self->chunks + self->chunk_room, 0, (room - self->chunk_room) * sizeof *self->chunks);
        self->chunk_room = room;
    }
    answer = self->chunks[self->chunk_count].answer; /* its room is used again */
    buffer_clear(&answer);
    self->chunks[self->chunk_count] = (struct chunk){.answer = answer, .waiting = true};
    return &self->chunks[self->chunk_count++];
}

static void
forget_filled(struct gather *self, uint32_t group_count)
{
    if (group_count > self->filled_room) {
        free(self->filled);
        self->filled = ALLOC_ARRAY(struct filled, group_count);
        self->filled_room = group_count;
    }
    if (group_count > 0)
        memset(self->filled, 0, group_count * sizeof *self->filled);
}

void
gather_begin(struct gather *self, const struct exchange *exchange, uint64_t step, uint32_t phase)
{
    uint32_t size = chunk_size(self, exchange);

    ASSERT(self->exchange == NULL && exchange->kind == EXCHANGE_AGENTS);

    self->exchange = exchange;
    self->step = step;
    self->phase = phase;
    self->chunk_count = 0;
    self->lowest_waiting = 0;
    forget_filled(self, exchange->group_count);
    for (uint32_t g = 0; g < exchange->group_count; g++) {
        ASSERT(exchange->groups[g].slot < self->slot_count);
        for (uint32_t first = 0; first < exchange->groups[g].count; first += size) {
            struct chunk *chunk = add_chunk(self);
            uint32_t left = exchange->groups[g].count - first;

            chunk->group = g;
            chunk->first = first;
            chunk->count = left < size ? left : size;
        }
    }
    self->open_count = self->chunk_count;
}

bool
gather_complete(const struct gather *self)
{
    return self->exchange != NULL && self->open_count == 0;
}

static const char *
policy_of(const struct gather *self, const struct chunk *chunk)
{
    return self->slots[self->exchange->groups[chunk->group].slot].policy;
}

/* Whether there is somebody who answers in time to ask beside the worker that refused the chunk last. */
static bool
another_serves(const struct gather *self, const struct chunk *chunk, const char *policy, uint64_t now_ms)
{
    for (uint32_t i = 0; i < self->worker_count; i++)
        if (!self->workers[i].barred && !peer_equal(&chunk->refuser, &self->workers[i].peer) &&
            errands_overdue(&self->workers[i], now_ms) == 0 && serves(&self->workers[i], policy))
            return true;
    return false;
}

/* The least busy worker that may take this chunk: rather one that answers in time, rather one that does not hold it.
 * One that refused it gets it again only when nobody else would answer: the others may be busy now, and the one that
 * refuses everything never is. Those that do not answer in time get more only when nobody else serves the policy,
 * so that one slow worker does not slow every step, and a lost letter does not stop the run. */
static struct worker *
choose_worker(struct gather *self, const struct chunk *chunk, uint64_t now_ms, bool *anybody_serves)
{
    const char *policy = policy_of(self, chunk);
    struct worker *best = NULL, *best_late = NULL;
    uint64_t best_score = UINT64_MAX, best_late_score = UINT64_MAX;
    bool somebody_in_time = false;

    for (uint32_t i = 0; i < self->worker_count; i++) {
        struct worker *worker = &self->workers[i];
        uint32_t overdue = errands_overdue(worker, now_ms);
        uint64_t score = worker->holds;

        if (worker->barred || !serves(worker, policy))
            continue;
        *anybody_serves = true;
        if (peer_equal(&chunk->refuser, &worker->peer) && another_serves(self, chunk, policy, now_ms))
            continue;
        somebody_in_time = somebody_in_time || overdue == 0;
        if (worker->holds - overdue >= self->options.credit)
            continue;
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

static void
tell_params(struct gather *self, struct worker *worker, uint32_t slot, struct outbox *out)
{
    struct params_of params = {.slot = slot, .seed = self->options.seed};

    if (worker->told[slot])
        return;
    snprintf(params.policy, sizeof params.policy, "%s", self->slots[slot].policy);
    params.yaml = (struct blob){(const uint8_t *)self->slots[slot].params, (uint32_t)strlen(self->slots[slot].params)};
    outbox_send_message(out, CHANNEL_DATA, &worker->peer, NULL, MSG_PARAMS, &params);
    worker->told[slot] = 1;
}

static uint64_t
patience_ms(const struct gather *self)
{
    double usual = self->usual_ms * 8.0;

    return usual > self->options.deadline_ms ? (uint64_t)usual : self->options.deadline_ms;
}

static void
send_chunk(struct gather *self, uint32_t index, struct worker *worker, uint64_t now_ms, struct outbox *out)
{
    struct chunk *chunk = &self->chunks[index];
    uint32_t slot = self->exchange->groups[chunk->group].slot;
    struct envelope head = {.type = MSG_OBSERVATION, .flags = (uint16_t)slot, .step = self->step, .phase = self->phase,
        .chunk = index, .attempt = chunk->attempt++};
    struct buffer ask = {0};

    tell_params(self, worker, slot, out);
    self->domain->ask(self->domain_self, self->exchange, chunk->group, chunk->first, chunk->count, &ask);
    chunk->hash = head.payload_hash = digest_xxh3(ask.data, ask.size);
    drop_holder(chunk, &worker->peer); /* once in the list, however often it is asked */
    if (chunk->holder_count == HOLDERS_MAX)
        chunk->holder_count--;
    chunk->holders[chunk->holder_count++] = worker->peer;
    chunk->waiting = false;
    chunk->sent_ms = now_ms;
    chunk->deadline_ms = now_ms + (patience_ms(self) << (chunk->attempt < 6 ? chunk->attempt - 1 : 5));
    errand_add(self, worker, index, chunk->deadline_ms);
    self->counters.sent++;
    outbox_send_hashed(out, CHANNEL_DATA, &worker->peer, &head, &ask);
}

/* Chunks past their deadline may go out a second time; returns the next deadline (UINT64_MAX: none). */
static uint64_t
expire(struct gather *self, uint64_t now_ms)
{
    uint64_t next = UINT64_MAX;

    for (uint32_t i = 0; i < self->chunk_count; i++) {
        struct chunk *chunk = &self->chunks[i];

        if (chunk->answered || chunk->waiting || chunk->holder_count == 0)
            continue;
        if (now_ms >= chunk->deadline_ms) {
            self->counters.deadlines++;
            chunk_wait(self, i);
        } else if (chunk->deadline_ms < next) {
            next = chunk->deadline_ms;
        }
    }
    return next;
}

static bool
anybody_has_room(const struct gather *self, uint64_t now_ms)
{
    for (uint32_t i = 0; i < self->worker_count; i++)
        if (!self->workers[i].barred &&
            self->workers[i].holds - errands_overdue(&self->workers[i], now_ms) < self->options.credit)
            return true;
    return false;
}

static void
warn_unserved(struct gather *self, uint32_t index)
{
    if (self->warned_unserved || self->worker_count == 0)
        return;
    self->warned_unserved = true;
    log_line(LOG_LEVEL_WARNING, "world", "step %" PRIu64 " waits: no worker serves policy '%s'", self->step,
             policy_of(self, &self->chunks[index]));
}

void
gather_pump(struct gather *self, uint64_t now_ms, struct outbox *out)
{
    uint64_t next;
    bool left = false;

    if (self->exchange == NULL || self->open_count == 0)
        return;
    errands_forgive(self, now_ms);
    next = expire(self, now_ms);
    for (uint32_t i = self->lowest_waiting; i < self->chunk_count; i++) {
        struct worker *worker;
        bool anybody = false;

        if (!self->chunks[i].waiting || self->chunks[i].answered) {
            if (i == self->lowest_waiting)
                self->lowest_waiting++;
            continue;
        }
        if (!anybody_has_room(self, now_ms)) {
            left = true;
            break;
        }
        worker = choose_worker(self, &self->chunks[i], now_ms, &anybody);
        if (worker == NULL) { /* those who serve its policy are busy; another chunk's may be free */
            left = true;
            if (!anybody)
                warn_unserved(self, i);
            continue;
        }
        send_chunk(self, i, worker, now_ms, out);
        if (self->chunks[i].deadline_ms < next)
            next = self->chunks[i].deadline_ms;
        if (i == self->lowest_waiting)
            self->lowest_waiting++;
    }
    if (left) { /* room may come by an errand's deadline, too */
        uint64_t deadline_ms = errands_deadline(self, now_ms);

        next = deadline_ms < next ? deadline_ms : next;
    }
    if (next != UINT64_MAX)
        outbox_wake(out, next);
}

/* ---- answers ---- */

static bool
fenced(const struct gather *self, const struct letter *letter)
{
    const struct envelope *head = &letter->head;

#ifdef POLIS_MUTANT_unfenced
    return self->exchange != NULL && head->chunk < self->chunk_count;
#else
    return self->exchange != NULL && head->run == self->options.run && head->epoch == self->options.epoch &&
           head->step == self->step && head->phase == self->phase && head->chunk < self->chunk_count &&
           self->chunks[head->chunk].attempt > 0;
#endif
}

/* Whether a group's answers with this one fit into one batch. Each may be within its bounds and all together not. */
static int
check_room(const struct gather *self, const struct chunk *chunk, const struct batch *answer, struct why *why)
{
    const struct schema *schema = answer->schema;

    for (uint32_t a = 0; a < schema->axis_count; a++)
        if (self->filled[chunk->group].count[a] + answer->count[a] > schema->axes[a].max)
            return fail(why, ERR_LIMIT, "%s: with %" PRIu32 " on axis %s more than %" PRIu32 " in all of its group",
                        schema->name, answer->count[a], schema->axes[a].name, schema->axes[a].max);
    return 0;
}

static int
check_answer(struct gather *self, const struct chunk *chunk, const struct letter *letter, struct batch *out,
             struct why *why)
{
    int error = batch_read(self->exchange->answer, letter->payload, letter->size, out, why);

    if (error != 0 || (error = batch_check(out, why)) != 0)
        return error;
#ifndef POLIS_MUTANT_unfenced
    if (out->tag != chunk->hash)
        return fail(why, ERR_DIGEST, "it answers another observation");
#endif
    if (out->count[0] != chunk->count)
        return fail(why, ERR_INVALID, "%u rows for %u agents", out->count[0], chunk->count);
    if ((error = check_room(self, chunk, out, why)) != 0)
        return error;
    return self->domain->check(self->domain_self, self->exchange, chunk->group, chunk->first, chunk->count, out, why);
}

static void
take_answer(struct gather *self, struct chunk *chunk, const struct letter *letter, const struct batch *answer,
            uint64_t now_ms)
{
    double took = (double)(now_ms - chunk->sent_ms);

    for (uint32_t a = 0; a < answer->schema->axis_count; a++)
        self->filled[chunk->group].count[a] += answer->count[a];
    buffer_clear(&chunk->answer);
    buffer_append(&chunk->answer, letter->payload, letter->size);
    chunk->answered = true;
    chunk->waiting = false;
    self->open_count--;
    self->counters.answered++;
    self->usual_ms += 0.1 * (took - self->usual_ms);
}

/* What a worker could not or should not have answered: it gets nothing more when the answer was wrong; the chunk goes
 * to others, and stops the run when nobody can answer it. */
static int
refuse_answer(struct gather *self, uint32_t index, const struct peer *peer, const char *reason, struct why *why)
{
    struct chunk *chunk = &self->chunks[index];
    char hex[33];

    log_line(LOG_LEVEL_WARNING, "world", "step %" PRIu64 ", phase %u, chunk %u: answer of worker %.8s refused: %s",
             self->step,
             self->phase, index, digest_hex(peer->id, sizeof peer->id, hex), reason);
    chunk->refuser = *peer;
    if (!drop_holder(chunk, peer))
        return 0; /* it was not asked (any more), so this says nothing about the chunk */
    if (++chunk->kills >= self->options.poison_kills)
        return poison(self, chunk, reason, why);
    if (chunk->holder_count == 0)
        chunk_wait(self, index);
    return 0;
}

static int
on_nack(struct gather *self, const struct letter *letter, struct worker *worker, struct why *why)
{
    struct nack nack;

    if (message_unpack(MSG_NACK, letter->payload, letter->size, &nack, NULL) != 0) {
        self->counters.invalid++;
        return 0;
    }
    self->counters.refused++;
    if (nack.code == ERR_UNKNOWN && letter->head.flags < self->slot_count)
        worker->told[letter->head.flags] = 0; /* it has forgotten (or never got) the slot's parameters */
    if (!fenced(self, letter) || self->chunks[letter->head.chunk].answered)
        return 0;
    return refuse_answer(self, letter->head.chunk, &letter->peer, nack.text, why);
}

int
gather_letter(struct gather *self, const struct letter *letter, uint64_t now_ms, struct why *why)
{
    struct worker *worker = find_worker(self, &letter->peer);
    struct chunk *chunk;
    struct batch answer;
    struct why reason = {0};

    if (worker == NULL || worker->barred) {
        self->counters.stale++;
        return 0;
    }
    errand_done(worker, &letter->head, now_ms);
    if (letter->head.type == MSG_NACK)
        return on_nack(self, letter, worker, why);
    if (!fenced(self, letter)) {
        self->counters.stale++;
        return 0;
    }
    chunk = &self->chunks[letter->head.chunk];
    if (chunk->answered) {
        self->counters.repeated++;
        return 0;
    }
    if (!serves(worker, policy_of(self, chunk)))
        fail(&reason, ERR_DENIED, "it does not serve policy %s", policy_of(self, chunk));
    else
        (void)!check_answer(self, chunk, letter, &answer, &reason);
    if (reason.code != 0) {
        self->counters.invalid++;
        worker->barred = true;
        return refuse_answer(self, letter->head.chunk, &letter->peer, reason.text, why);
    }
    worker->answered++;
    take_answer(self, chunk, letter, &answer, now_ms);
    return 0;
}

static struct blob
join_group(struct gather *self, uint32_t group, struct arena *arena)
{
    struct batch *parts = ARENA_ARRAY(arena, struct batch, self->chunk_count + 1);
    struct buffer *joined = &self->joined[group];
    uint32_t count = 0;

    for (uint32_t i = 0; i < self->chunk_count; i++) {
        const struct chunk *chunk = &self->chunks[i];

        if (chunk->group != group)
            continue;
        if (batch_read(self->exchange->answer, chunk->answer.data, chunk->answer.size, &parts[count++], NULL) != 0)
            UNREACHABLE(); /* it was read before */
    }
    buffer_clear(joined);
    batch_concatenate(self->exchange->answer, parts, count, 0, joined);
    return (struct blob){joined->data, (uint32_t)joined->size};
}

static void
make_room_for_groups(struct gather *self, uint32_t count)
{
    if (count <= self->joined_count)
        return;
    self->joined = realloc(self->joined, count * sizeof *self->joined);
    ASSERT(self->joined != NULL);
    memset(self->joined + self->joined_count, 0, (count - self->joined_count) * sizeof *self->joined);
    self->joined_count = count;
}

void
gather_take(struct gather *self, struct arena *arena, struct batch *answers, struct blob *bytes)
{
    ASSERT(gather_complete(self));

    make_room_for_groups(self, self->exchange->group_count);
    for (uint32_t g = 0; g < self->exchange->group_count; g++) {
        bytes[g] = join_group(self, g, arena);
        if (batch_read(self->exchange->answer, bytes[g].data, bytes[g].size, &answers[g], NULL) != 0)
            UNREACHABLE();
    }
    self->exchange = NULL;
}

struct gather_counters
gather_counters(const struct gather *self)
{
    return self->counters;
}

void
gather_write_status(const struct gather *self, struct buffer *out)
{
    char line[256], hex[33];

    buffer_append(out, "[", 1);
    for (uint32_t i = 0; i < self->worker_count; i++) {
        const struct worker *worker = &self->workers[i];

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
