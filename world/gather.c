#include "world/gather_inner.h"

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

#define CHUNK_MIN 256u /* smaller shares cost more in messages than they gain */
#define CHUNKS_PER_WORKER 4u
#define CHUNKS_PER_WORKER_FAST 2u /* when a chunk is back in no time, what it costs is its journey */
#define FAST_MS 2.0
#define EXTERNAL_CHUNK_MAX 256u      /* agents: their questions and answers are texts, and go in one letter */
#define EXTERNAL_DEADLINE_MS 600000u /* models take their time; a worker's death is noticed without a deadline */

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
    struct gather_worker *worker = gather_worker_find(self, peer);

    if (worker == NULL)
        return 0;
    gather_worker_remove(self, worker);
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
            gather_chunk_wait(self, i);
    }
    return 0;
}

/* ---- an exchange ---- */

/* Enough chunks for every worker to have several, none too small. The log does not see the grid. */
static uint32_t
chunk_size(const struct gather *self, const struct exchange *exchange, const struct blob *given)
{
    uint64_t total = 0;
    bool fast = self->counters.answered > 0 && self->usual_ms < FAST_MS;
    uint64_t shares = (self->worker_count > 0 ? self->worker_count : 1) *
                      (uint64_t)(fast ? CHUNKS_PER_WORKER_FAST : CHUNKS_PER_WORKER);
    uint64_t size;

    for (uint32_t g = 0; g < exchange->group_count; g++)
        total += given != NULL && given[g].size > 0 ? 0 : exchange->groups[g].count;
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

static void
add_group(struct gather *self, uint32_t group, uint32_t size)
{
    uint32_t count = self->exchange->groups[group].count;
    bool external = self->slots[self->exchange->groups[group].slot].external;

    if (external && size > EXTERNAL_CHUNK_MAX)
        size = EXTERNAL_CHUNK_MAX;
    for (uint32_t first = 0; first < count; first += size) {
        struct chunk *chunk = add_chunk(self);

        chunk->group = group;
        chunk->first = first;
        chunk->count = count - first < size ? count - first : size;
        chunk->external = external;
        self->external_count += external ? 1 : 0;
        self->open_count++;
    }
}

/* All of the group as one chunk that has been answered. */
static void
add_given(struct gather *self, uint32_t group, const struct blob *answers)
{
    struct chunk *chunk = add_chunk(self);

    chunk->group = group;
    chunk->count = self->exchange->groups[group].count;
    chunk->waiting = false;
    chunk->answered = true;
    buffer_append(&chunk->answer, answers->data, answers->size);
}

void
gather_begin(struct gather *self, const struct exchange *exchange, uint64_t step, uint32_t phase,
             const struct blob *given)
{
    uint32_t size = chunk_size(self, exchange, given);

    ASSERT(self->exchange == NULL && exchange->kind == EXCHANGE_AGENTS);

    self->exchange = exchange;
    self->step = step;
    self->phase = phase;
    self->chunk_count = self->open_count = self->external_count = 0;
    self->lowest_waiting = 0;
    forget_filled(self, exchange->group_count);
    for (uint32_t g = 0; g < exchange->group_count; g++) {
        ASSERT(exchange->groups[g].slot < self->slot_count);
        if (given != NULL && given[g].size > 0)
            add_given(self, g, &given[g]);
        else
            add_group(self, g, size);
    }
}

bool
gather_complete(const struct gather *self)
{
    return self->exchange != NULL && self->open_count == 0;
}

static void
tell_params(struct gather *self, struct gather_worker *worker, uint32_t slot, struct outbox *out)
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
send_chunk(struct gather *self, uint32_t index, struct gather_worker *worker, uint64_t now_ms, struct outbox *out)
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
    if (chunk->holder_count == GATHER_HOLDERS_MAX)
        chunk->holder_count--;
    chunk->holders[chunk->holder_count++] = worker->peer;
    chunk->waiting = false;
    chunk->sent_ms = now_ms;
    chunk->deadline_ms = now_ms + (patience_ms(self) << (chunk->attempt < 6 ? chunk->attempt - 1 : 5));
    if (chunk->external)
        chunk->deadline_ms = now_ms + EXTERNAL_DEADLINE_MS;
    else
        gather_errand_add(self, worker, index, chunk->deadline_ms);
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
            gather_chunk_wait(self, i);
        } else if (chunk->deadline_ms < next) {
            next = chunk->deadline_ms;
        }
    }
    return next;
}

static void
warn_unserved(struct gather *self, uint32_t index)
{
    if (self->warned_unserved || self->worker_count == 0)
        return;
    self->warned_unserved = true;
    log_line(LOG_LEVEL_WARNING, "world", "step %" PRIu64 " waits: no worker serves policy '%s'", self->step,
             gather_policy_of(self, &self->chunks[index]));
}

void
gather_pump(struct gather *self, uint64_t now_ms, struct outbox *out)
{
    uint64_t next;
    bool left = false;

    if (self->exchange == NULL || self->open_count == 0)
        return;
    gather_errand_forgive(self, now_ms);
    next = expire(self, now_ms);
    for (uint32_t i = self->lowest_waiting; i < self->chunk_count; i++) {
        struct gather_worker *worker;
        bool anybody = false;

        if (!self->chunks[i].waiting || self->chunks[i].answered) {
            if (i == self->lowest_waiting)
                self->lowest_waiting++;
            continue;
        }
        if (!self->chunks[i].external && !gather_worker_has_room(self, now_ms)) {
            left = true;
            if (self->external_count == 0)
                break;
            continue;
        }
        worker = gather_worker_choose(self, &self->chunks[i], now_ms, &anybody);
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
        uint64_t deadline_ms = gather_errand_deadline(self, now_ms);

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
    if (!chunk->external) /* how long models take says nothing about workers */
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
        gather_chunk_wait(self, index);
    return 0;
}

static int
on_nack(struct gather *self, const struct letter *letter, struct gather_worker *worker, struct why *why)
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
    struct gather_worker *worker = gather_worker_find(self, &letter->peer);
    struct chunk *chunk;
    struct batch answer;
    struct why reason = {0};

    if (worker == NULL || worker->barred) {
        self->counters.stale++;
        return 0;
    }
    gather_errand_done(worker, &letter->head, now_ms);
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
    if (!gather_worker_serves(worker, gather_policy_of(self, chunk)))
        fail(&reason, ERR_DENIED, "it does not serve policy %s", gather_policy_of(self, chunk));
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
