#include "world/world.h"

#include "core/assert.h"
#include "core/log.h"
#include "core/text.h"
#include "world/archive.h"
#include "world/base.h"
#include "world/gather.h"
#include "world/recover.h"
#include "world/verdicts.h"
#include "world/wishes.h"

#include <inttypes.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define SNAPSHOT_LOG_MIN (4u << 20) /* no automatic snapshot before the log has grown by this much */
#define SNAPSHOT_LOG_RATIO 4u       /* an automatic snapshot when the log has grown by so many times the state */
#define FIGURES_EVERY_STEP_MAX 2000u /* agents up to which every step's event carries figures */
#define HEAD_EVERY_MS 1000u
#define CHECKPOINT_PATIENCE_MS 3000u /* TERM: how long the step under way may still take */
#define FINISH_PATIENCE_MS 25000u    /* INT */

struct world {
    struct world_options options;
    struct scene scene;
    struct store *store;
    struct gather *gather;
    struct verdicts *verdicts;
    struct archive *archive;
    struct buffer court; /* a fork: governance's state where it branched off */
    struct recover_report recovered;

    struct step step;          /* in the making */
    uint32_t phase;            /* index into phases[] */
    uint64_t applied;          /* last step applied to the domain */
    struct exchange exchange;  /* under way, when `asking` */
    bool asking;

    /* log.detail: inputs. Steps up to here are in the log without their answers and are computed again. */
    uint64_t recompute_through;
    struct step_replay logged;
    struct buffer logged_header, logged_data;
    struct store_commit logged_commit;

    struct wishes *wishes;

    uint64_t log_growth;       /* bytes since the newest snapshot */
    uint64_t state_size;       /* of the newest snapshot */
    bool snapshot_wanted;
    bool paused, stopping, ended, failed;
    bool connected, enough_workers;
    uint64_t next_head_ms;
    uint64_t patience_ms;      /* stopping: leave the step under way undone at this time; 0: not stopping by a signal */
    uint64_t ignored;          /* letters that nobody here reads */
};

/* ---- life ---- */

static int
open_run(struct world *self, struct why *why)
{
    const void *manifest;
    size_t size;
    uint64_t tip;
    int error = self->options.recompute ? store_open_read(self->options.folder, &self->store, why)
                                        : store_open(self->options.folder, &self->options.store, &self->store, why);

    if (error != 0)
        return error;
    manifest = store_manifest(self->store, &size);
    if ((error = scene_open(manifest, size, &self->scene, why)) != 0)
        return error;
    tip = store_committed(self->store).step;
    /* What the log does not hold is computed again by workers: from the newest snapshot on, or all of it to verify. */
    if (self->options.recompute || self->scene.plan.logging.detail == DETAIL_INPUTS) {
        error = recover_start(self->store, &self->scene, tip, !self->options.recompute, &self->recovered.snapshot_step,
                              why);
        self->applied = self->recovered.snapshot_step;
        self->recompute_through = tip;
    } else {
        error = recover_to(self->store, &self->scene, tip, true, NULL, NULL, &self->recovered, why);
        self->applied = tip;
    }
    return error != 0 ? error : base_read_court(self->store, &self->court, why);
}

static void
make_parts(struct world *self)
{
    const struct scene *scene = &self->scene;
    struct gather_options gather = {.chunk = self->options.cluster.chunk,
        .deadline_ms = self->options.cluster.deadline_ms, .credit = self->options.cluster.credit,
        .poison_kills = self->options.cluster.poison_kills,
        .folder = self->options.folder, .seed = (uint64_t)scene->plan.simulation.seed, .run = store_run_id(self->store),
        .epoch = store_epoch(self->store)};
    struct verdicts_options verdicts = {.seed = gather.seed, .domain = scene->domain->name,
        .agent_count = scene->domain->agent_count(scene->domain_self),
        .yaml = {scene->governance.data, (uint32_t)scene->governance.size}, .base = self->court.data,
        .base_size = self->court.size, .store = self->store, .tag = "world"};
    struct archive_options archive = {.store = self->store, .scenario = scene->plan.name, .steps = scene->plan.steps,
        .steps_per_epoch = scene->plan.simulation.steps_per_epoch};

    self->gather = gather_new(scene->domain, scene->domain_self, &gather);
    self->verdicts = verdicts_new(&verdicts);
    self->archive = archive_new(&archive);
    verdicts_begin_step(self->verdicts, store_committed(self->store).step + 1);
    self->wishes = wishes_new(scene->domain, scene->domain_self, self->store);
    step_init(&self->step, scene->domain, scene->domain_self, scene->plan.logging.detail == DETAIL_INPUTS);
}

static void
world_free(struct world *self)
{
    gather_destroy(&self->gather);
    verdicts_destroy(&self->verdicts);
    archive_destroy(&self->archive);
    if (self->step.arena != NULL)
        step_fini(&self->step);
    scene_fini(&self->scene);
    buffer_fini(&self->court);
    buffer_fini(&self->logged_header);
    buffer_fini(&self->logged_data);
    wishes_destroy(&self->wishes);
    free(self);
}

int
world_new(const struct world_options *options, struct world **out, struct why *why)
{
    struct world *self = ALLOC(struct world);
    int error;

    self->options = *options;
    error = open_run(self, why);
    if (error != 0) {
        if (self->store != NULL && store_close(&self->store, NULL) != 0)
            log_line(LOG_LEVEL_WARNING, "world", "the store did not close cleanly either");
        world_free(self);
        return error;
    }
    make_parts(self);
    if (self->recovered.replayed > 0 || self->recovered.snapshot_step > 0)
        log_line(LOG_LEVEL_INFO, "world", "recovered to step %" PRIu64 " (snapshot of step %" PRIu64 ", %" PRIu64
                 " steps replayed), epoch %u", self->applied, self->recovered.snapshot_step, self->recovered.replayed,
                 store_epoch(self->store));
    *out = self;
    return 0;
}

int
world_destroy(struct world **self_p, struct why *why)
{
    struct world *self = *self_p;
    int error;

    if (self == NULL)
        return 0;
    error = store_close(&self->store, why);
    world_free(self);
    *self_p = NULL;
    return error;
}

uint64_t
world_step(const struct world *self)
{
    return self->applied;
}

void
world_save(const struct world *self, struct buffer *out)
{
    self->scene.domain->save(self->scene.domain_self, out);
}

uint64_t
world_recovered_steps(const struct world *self)
{
    return self->recovered.replayed;
}

/* Says why, and stops with the status that tells a supervisor whether to try again. */
static void
give_up(struct world *self, const struct why *why, struct outbox *out)
{
    int status = why->code == ERR_LIMIT ? WORLD_EXIT_POISON
        : why->code == ERR_DIGEST       ? WORLD_EXIT_DIGEST
        : why->code == ERR_FULL || why->code == ERR_IO ? EX_IOERR
                                        : EX_SOFTWARE;

    log_line(LOG_ERROR, "world", "%s", why->text);
    self->failed = true;
    outbox_stop(out, status);
}

/* ---- commands ---- */

static void
write_status(struct world *self, char *out, size_t size)
{
    struct gather_counters gather = gather_counters(self->gather);
    struct verdicts_counters verdicts = verdicts_counters(self->verdicts);
    struct buffer workers = {0}, name = {0};

    gather_write_status(self->gather, &workers);
    text_add_json(&name, self->scene.plan.name, strlen(self->scene.plan.name));
    snprintf(out, size,
             "{\"scenario\":%.*s,\"step\":%" PRIu64 ",\"committed\":%" PRIu64 ",\"steps\":%" PRIu64
             ",\"epoch\":%u,\"agents\":%u,\"state\":\"%s\",\"governed\":%s,\"governance_ready\":%s,"
             "\"chunks\":{\"sent\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"stale\":%" PRIu64 ",\"repeated\":%" PRIu64
             ",\"invalid\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"deadlines\":%" PRIu64 ",\"worker_deaths\":%" PRIu64
             "},\"dockets\":{\"asked\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"fed_again\":%" PRIu64
             ",\"stale\":%" PRIu64 "},\"workers\":%.*s}",
             (int)name.size, (const char *)name.data, self->applied, store_committed(self->store).step,
             self->scene.plan.steps, store_epoch(self->store), self->scene.domain->agent_count(self->scene.domain_self),
             self->ended ? "ended" : self->stopping ? "stopping" : self->paused ? "paused" : "running",
             self->scene.governed ? "true" : "false", verdicts_ready(self->verdicts) ? "true" : "false", gather.sent,
             gather.answered, gather.stale, gather.repeated, gather.invalid, gather.refused, gather.deadlines,
             gather.deaths, verdicts.asked, verdicts.answered, verdicts.fed + verdicts.again, verdicts.stale,
             (int)workers.size, (const char *)workers.data);
    buffer_fini(&workers);
    buffer_fini(&name);
}

static void
on_command(struct world *self, const struct letter *letter, struct outbox *out)
{
    struct command command;
    char text[60000];
    struct why why = {0};

    if (message_unpack(MSG_COMMAND, letter->payload, letter->size, &command, &why) != 0) {
        wishes_reply(letter, 0, why.code, why.text, out);
        return;
    }
    if (wishes_known(self->wishes, letter, command.source_seq, out))
        return;
    if (strcmp(command.verb, "status") == 0) {
        write_status(self, text, sizeof text);
        wishes_reply(letter, command.source_seq, 0, text, out);
    } else if (strcmp(command.verb, "pause") == 0 || strcmp(command.verb, "resume") == 0) {
        self->paused = command.verb[0] == 'p';
        snprintf(text, sizeof text, "%s after step %" PRIu64, self->paused ? "paused" : "going on", self->applied);
        wishes_reply(letter, command.source_seq, 0, text, out);
    } else if (strcmp(command.verb, "stop") == 0) {
        self->stopping = self->snapshot_wanted = true;
        wishes_reply(letter, command.source_seq, 0, "stopping after the step under way", out);
    } else if (strcmp(command.verb, "snapshot") == 0) {
        self->snapshot_wanted = true;
        wishes_reply(letter, command.source_seq, 0, "a snapshot comes with the step under way", out);
    } else {
        wishes_add(self->wishes, letter, &command, out);
    }
}

/* ---- a step, as a table of phases ---- */

enum turn { TURN_NEXT, TURN_WAIT, TURN_FAILED };

typedef enum turn phase_fn(struct world *self, uint64_t now_ms, struct outbox *out, struct why *why);

/* Does anything forbid to begin another step? */
static enum turn
phase_gate(struct world *self, uint64_t now_ms, struct outbox *out, struct why *why)
{
    (void)why;
    if (self->ended || self->failed)
        return TURN_WAIT;
    if (self->applied >= self->scene.plan.steps ||
        (self->options.recompute && self->applied >= self->recompute_through)) {
        self->ended = true;
    } else if (self->stopping || (self->options.stop_after > 0 && self->applied >= self->options.stop_after)) {
        self->ended = true;
    } else {
        return self->paused || !self->connected || !self->enough_workers ? TURN_WAIT : TURN_NEXT;
    }
    /* The last steps may still be on their way to the disk: the end is said when they are there. */
    outbox_wake(out, now_ms);
    return TURN_WAIT;
}

static int
begin_live(struct world *self, struct outbox *out, struct why *why)
{
    struct step_input *inputs = ALLOC_ARRAY(struct step_input, STEP_INPUTS_MAX);
    uint32_t count = wishes_due(self->wishes, self->applied + 1, inputs, out);
    int error = step_begin(&self->step, self->applied + 1, inputs, count, why);

    free(inputs);
    return error;
}

static int
begin_recomputed(struct world *self, struct why *why)
{
    struct step_input *inputs = ALLOC_ARRAY(struct step_input, STEP_INPUTS_MAX);
    uint32_t count = 0;
    int error;

    buffer_clear(&self->logged_header);
    buffer_clear(&self->logged_data);
    error = store_read_step(self->store, self->applied + 1, &self->logged_header, &self->logged_data,
                            &self->logged_commit, why);
    self->logged = (struct step_replay){.data = &self->logged_data, .number = self->applied + 1, .skip_answers = true};
    if (error == 0)
        error = step_inputs_read(&self->logged_data, inputs, &count, &self->logged.offset, why);
    if (error == 0)
        error = step_begin(&self->step, self->applied + 1, inputs, count, why);
    free(inputs);
    return error;
}

static enum turn
phase_begin(struct world *self, uint64_t now_ms, struct outbox *out, struct why *why)
{
    int error = self->applied < self->recompute_through ? begin_recomputed(self, why) : begin_live(self, out, why);

    (void)now_ms;
    if (error != 0)
        return TURN_FAILED;
    /* Verdicts of steps that are computed again come from the log: governance is wanted behind them only. */
    verdicts_begin_step(self->verdicts, self->applied < self->recompute_through ? self->recompute_through + 1
                                                                               : self->applied + 1);
    store_crash_point("step-begin");
    return TURN_NEXT;
}

static int
ask_agents(struct world *self, uint64_t now_ms, struct outbox *out, struct why *why)
{
    struct blob *given = NULL;
    int error = 0;

    if (self->step.number <= self->recompute_through) { /* what models decided is not made again */
        given = ARENA_ARRAY(self->step.arena, struct blob, self->exchange.group_count + 1);
        error = step_find_logged_answers(&self->step, &self->logged, &self->exchange, given, why);
    }
    if (error != 0)
        return error;
    gather_begin(self->gather, &self->exchange, self->step.number, self->step.phase, given);
    gather_pump(self->gather, now_ms, out);
    return 0;
}

static int
ask(struct world *self, uint64_t now_ms, struct outbox *out, struct why *why)
{
    struct buffer docket = {0};

    if (self->exchange.kind == EXCHANGE_AGENTS)
        return ask_agents(self, now_ms, out, why);
    self->scene.domain->ask(self->scene.domain_self, &self->exchange, 0, 0, self->exchange.row_count, &docket);
    verdicts_ask(self->verdicts, self->scene.domain, self->scene.domain_self, &self->exchange, self->step.phase,
                 &docket, out);
    return 0;
}

static void
take(struct world *self)
{
    struct arena *arena = self->step.arena;

    if (self->exchange.kind == EXCHANGE_AGENTS) {
        struct batch *answers = ARENA_ARRAY(arena, struct batch, self->exchange.group_count + 1);
        struct blob *bytes = ARENA_ARRAY(arena, struct blob, self->exchange.group_count + 1);

        gather_take(self->gather, arena, answers, bytes);
        store_crash_point("after-gather");
        step_take(&self->step, &self->exchange, answers, NULL, (struct blob){0}, bytes);
    } else {
        struct batch docket, verdict;
        struct blob docket_bytes, verdict_bytes;

        verdicts_take(self->verdicts, &docket, &docket_bytes, &verdict, &verdict_bytes);
        store_crash_point("after-verdict");
        step_take(&self->step, &self->exchange, &verdict, &docket, docket_bytes, &verdict_bytes);
    }
}

static bool
is_answered(const struct world *self)
{
    return self->exchange.kind == EXCHANGE_AGENTS ? gather_complete(self->gather) : verdicts_complete(self->verdicts);
}

/* One exchange after the other, until the domain has no more. */
static enum turn
phase_exchanges(struct world *self, uint64_t now_ms, struct outbox *out, struct why *why)
{
    for (;;) {
        if (!self->asking) {
            if (!step_next(&self->step, &self->exchange))
                return TURN_NEXT;
            if (self->exchange.kind == EXCHANGE_GOVERNANCE && self->step.number <= self->recompute_through) {
                if (step_take_logged_verdict(&self->step, &self->logged, &self->exchange, why) != 0)
                    return TURN_FAILED;
                continue;
            }
            if (ask(self, now_ms, out, why) != 0)
                return TURN_FAILED;
            self->asking = true;
        }
        if (!is_answered(self)) {
            if (self->exchange.kind == EXCHANGE_AGENTS)
                gather_pump(self->gather, now_ms, out);
            return TURN_WAIT;
        }
        take(self);
        self->asking = false;
    }
}

static bool
snapshot_due(struct world *self)
{
    uint32_t every = self->options.snapshot_every;
    uint64_t grown = self->state_size * SNAPSHOT_LOG_RATIO;
    uint64_t threshold = grown > SNAPSHOT_LOG_MIN ? grown : SNAPSHOT_LOG_MIN;

    if (self->snapshot_wanted || (every > 0 && self->step.number % every == 0))
        return true;
    return every == 0 && self->log_growth >= threshold;
}

/* How the step came about, for whoever looks for time or trouble: a MessagePack map a step in trace.bin. Never
 * canonical: it differs between two runs that have the same log. */
static void
put_trace(const struct world *self, struct store_step *made, uint64_t now_ms)
{
    const struct gather_counters gather = gather_counters(self->gather);
    const struct {
        const char *name;
        uint64_t value;
    } fields[] = {{"step", made->step}, {"epoch", store_epoch(self->store)}, {"monotonic_ms", now_ms},
        {"workers", gather_worker_count(self->gather)}, {"chunks_sent", gather.sent}, {"stale", gather.stale},
        {"repeated", gather.repeated}, {"invalid", gather.invalid}, {"deadlines", gather.deadlines},
        {"worker_deaths", gather.deaths}, {"bytes", made->header.size + made->data.size}};
    msgpack_sbuffer bytes;
    msgpack_packer packer;

    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, sizeof fields / sizeof fields[0]);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        msgpack_pack_str_with_body(&packer, fields[i].name, strlen(fields[i].name));
        msgpack_pack_uint64(&packer, fields[i].value);
    }
    buffer_append(&made->trace, bytes.data, bytes.size);
    msgpack_sbuffer_destroy(&bytes);
}

static enum turn
commit_made(struct world *self, struct store_step *made, uint64_t now_ms, struct why *why)
{
    put_trace(self, made, now_ms);
    self->log_growth += made->data.size + made->header.size;
    if (snapshot_due(self)) {
        bool forced = self->snapshot_wanted || self->options.snapshot_every > 0;

        self->scene.domain->save(self->scene.domain_self, &made->snapshot);
        self->state_size = made->snapshot.size;
        self->snapshot_wanted = false;
        if (forced || self->log_growth >= self->state_size * SNAPSHOT_LOG_RATIO)
            self->log_growth = 0;
        else
            buffer_clear(&made->snapshot); /* the first look at its size says that it can wait */
    }
    store_crash_point("before-append");
    if (store_append(self->store, made, why) != 0) {
        buffer_fini(&made->header);
        buffer_fini(&made->data);
        buffer_fini(&made->snapshot);
        buffer_fini(&made->trace);
        return TURN_FAILED;
    }
    store_crash_point("after-append");
    return TURN_NEXT;
}

/* Of a step that was made again: is it what the log says, and is the state sound? */
static int
compare_made(struct world *self, const struct store_step *made, struct why *why)
{
    int error = step_compare(made, &self->logged_header, &self->logged_data, self->logged_commit.digest, why);

    if (error != 0 || !self->options.invariants)
        return error;
    error = self->scene.domain->check_invariants(self->scene.domain_self, why);
    if (error != 0)
        fail_prefix(why, "after step %" PRIu64, made->step);
    return error;
}

static enum turn
phase_commit(struct world *self, uint64_t now_ms, struct outbox *out, struct why *why)
{
    struct store_step made;
    struct buffer summary = {0};
    uint8_t digest[STORE_DIGEST];

    step_end(&self->step, &made);
    memcpy(digest, made.digest, sizeof digest);
    self->applied = made.step;
    if (made.step <= self->recompute_through) {
        int error = compare_made(self, &made, why);

        buffer_fini(&made.header);
        buffer_fini(&made.data);
        return error != 0 ? TURN_FAILED : TURN_NEXT;
    }
    if (self->step.figures.size > 0)
        buffer_append(&summary, self->step.figures.data, self->step.figures.size);
    else if (self->scene.domain->agent_count(self->scene.domain_self) <= FIGURES_EVERY_STEP_MAX)
        step_summary(self->scene.domain, self->scene.domain_self, false, &summary);
    archive_step_made(self->archive, made.step, digest, &summary);
    if (commit_made(self, &made, now_ms, why) != TURN_NEXT)
        return TURN_FAILED;
    archive_publish(self->archive, out); /* steps may follow one another faster than the bus looks at the log thread */
    return TURN_NEXT;
}

static const struct {
    const char *name;
    phase_fn *run;
} phases[] = {
    {"gate", phase_gate},           /* may another step begin? */
    {"begin", phase_begin},         /* inputs due now, in (source) order */
    {"exchanges", phase_exchanges}, /* observe, gather, govern, apply: as the domain says */
    {"commit", phase_commit},       /* end of step, figures, digest, hand-off to the log thread */
};
#define PHASE_COUNT (sizeof phases / sizeof phases[0])

/* Goes on until something has to be waited for; a step that waited for nobody lets the letters have their turn. */
static void
advance(struct world *self, uint64_t now_ms, struct outbox *out)
{
    struct why why = {0};
    uint64_t first = self->applied;

    while (!self->failed) {
        enum turn turn;

        if (self->applied > first + 1 && self->phase == 0) {
            outbox_wake(out, now_ms);
            return;
        }
        turn = phases[self->phase].run(self, now_ms, out, &why);
        if (turn == TURN_FAILED) {
            give_up(self, &why, out);
            return;
        }
        if (turn == TURN_WAIT)
            return;
        self->phase = (self->phase + 1) % PHASE_COUNT;
    }
}

/* ---- letters ---- */

typedef void handler_fn(struct world *self, uint64_t now_ms, const struct letter *letter, struct outbox *out);

static void
on_peer_up(struct world *self, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct peer_up up;

    (void)now_ms;
    if (message_unpack(MSG_PEER_UP, letter->payload, letter->size, &up, NULL) != 0)
        return;
    if (up.role == ROLE_AGENTS) {
        gather_worker_up(self->gather, &up.peer, up.serves);
        if (!self->options.wait_for_workers || gather_worker_count(self->gather) >= self->options.cluster.workers)
            self->enough_workers = true;
    } else if (up.role == ROLE_GOVERNANCE && self->scene.governed) {
        verdicts_peer_up(self->verdicts, &up.peer, out);
    }
}

static void
on_peer_down(struct world *self, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct peer_down down;
    struct why why = {0};

    (void)now_ms;
    if (message_unpack(MSG_PEER_DOWN, letter->payload, letter->size, &down, NULL) != 0)
        return;
    if (down.role == ROLE_AGENTS) {
        if (gather_worker_down(self->gather, &down.peer, strcmp(down.cause, "bye") == 0, &why) != 0)
            give_up(self, &why, out);
    } else if (down.role == ROLE_GOVERNANCE) {
        verdicts_peer_down(self->verdicts, &down.peer);
    }
}

static void
on_gathered(struct world *self, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct why why = {0};

    store_crash_point("mid-gather");
    if (gather_letter(self->gather, letter, now_ms, &why) != 0)
        give_up(self, &why, out);
}

static void
on_judged(struct world *self, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct why why = {0};

    (void)now_ms;
    if (self->scene.governed && verdicts_letter(self->verdicts, letter, out, &why) != 0)
        give_up(self, &why, out);
}

/* Agents' refusals and governance's come as the same message. */
static void
on_nack(struct world *self, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    if (self->scene.governed && verdicts_is_peer(self->verdicts, &letter->peer))
        on_judged(self, now_ms, letter, out);
    else
        on_gathered(self, now_ms, letter, out);
}

static void
on_credit(struct world *self, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    if (self->scene.governed && verdicts_is_peer(self->verdicts, &letter->peer))
        on_judged(self, now_ms, letter, out);
}

static void
on_asked_for_log(struct world *self, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    (void)now_ms;
    archive_letter(self->archive, letter, out);
}

static void
on_operator(struct world *self, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    (void)now_ms;
    on_command(self, letter, out);
}

static handler_fn *const handlers[MSG_COUNT] = {
    [MSG_PEER_UP] = on_peer_up,
    [MSG_PEER_DOWN] = on_peer_down,
    [MSG_ACTION] = on_gathered,
    [MSG_NACK] = on_nack,
    [MSG_CREDIT] = on_credit,
    [MSG_VERDICT] = on_judged,
    [MSG_COURT_READY] = on_judged,
    [MSG_SYNC] = on_asked_for_log,
    [MSG_FETCH] = on_asked_for_log,
    [MSG_COMMAND] = on_operator,
};

/* ---- the actor ---- */

static void
actor_start(void *context, uint64_t now_ms, struct outbox *out)
{
    struct world *self = context;
    struct store_commit tip = store_committed(self->store);
    struct epoch epoch = {.epoch = store_epoch(self->store), .step = tip.step, .chain = {tip.chain, STORE_CHAIN}};

    /* A new connection: whoever was known is unknown again until the broker names them. */
    gather_forget_workers(self->gather);
    verdicts_peer_down(self->verdicts, NULL);
    outbox_identity(out, store_run_id(self->store), store_epoch(self->store));
    outbox_send_message(out, CHANNEL_CONTROL, &PEER_BROKER, NULL, MSG_EPOCH, &epoch);
    self->connected = true;
    if (!self->options.wait_for_workers)
        self->enough_workers = true;
    self->next_head_ms = now_ms;
    advance(self, now_ms, out);
    outbox_wake(out, now_ms);
}

static void
actor_receive(void *context, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct world *self = context;

    if (self->failed)
        return;
    if (letter->head.type >= MSG_COUNT || handlers[letter->head.type] == NULL) {
        self->ignored++;
        return;
    }
    handlers[letter->head.type](self, now_ms, letter, out);
    advance(self, now_ms, out);
}

/* The scenario's end (or the stop asked for), once everything is on disk. */
static void
finish(struct world *self, struct outbox *out)
{
    bool complete = self->applied >= self->scene.plan.steps || (self->options.recompute && !self->stopping);

    if (store_committed(self->store).step < self->applied)
        return;
    archive_publish(self->archive, out);
    archive_publish_head(self->archive, complete, out);
    wishes_answer(self->wishes, out);
    wishes_dismiss(self->wishes, out);
    self->failed = true; /* nothing more is read or done */
    outbox_stop(out, complete ? 0 : WORLD_EXIT_UNFINISHED);
}

/* Told to stop, but the step under way does not come to its end (its workers are gone, say). It was never committed, so
 * it is simply left undone. */
static void
leave_step(struct world *self, struct outbox *out)
{
    log_line(LOG_LEVEL_WARNING, "world", "step %" PRIu64 " does not end: left undone", self->applied + 1);
    self->failed = true;
    outbox_stop(out, WORLD_EXIT_UNFINISHED);
}

static void
actor_tick(void *context, uint64_t now_ms, struct outbox *out)
{
    struct world *self = context;

    if (self->failed)
        return;
    advance(self, now_ms, out);
    if (self->patience_ms != 0 && now_ms >= self->patience_ms && !self->ended) {
        leave_step(self, out);
        return;
    }
    if (now_ms >= self->next_head_ms && !self->failed) {
        archive_publish_head(self->archive, false, out);
        self->next_head_ms = now_ms + HEAD_EVERY_MS;
    }
    outbox_wake(out, self->next_head_ms);
    if (self->ended && !self->failed)
        finish(self, out);
}

/* The log thread has committed, or failed. */
static void
actor_ready(void *context, uint64_t now_ms, struct outbox *out)
{
    struct world *self = context;
    struct why why = {0};

    if (store_acknowledge(self->store, &why) != 0) {
        if (!self->failed)
            give_up(self, &why, out);
        return;
    }
    if (self->failed)
        return;
    archive_publish(self->archive, out);
    store_crash_point("after-publish");
    wishes_answer(self->wishes, out);
    if (verdicts_committed(self->verdicts, out, &why) != 0) {
        give_up(self, &why, out);
        return;
    }
    advance(self, now_ms, out);
    if (self->ended && !self->failed)
        finish(self, out);
}

static void
actor_signal(void *context, uint64_t now_ms, enum actor_signal signal, struct outbox *out)
{
    struct world *self = context;
    static char text[60000];

    if (signal == ACTOR_DUMP) {
        write_status(self, text, sizeof text);
        log_line(LOG_LEVEL_INFO, "world", "%s", text);
        return;
    }
    if (signal == ACTOR_RELOAD || self->failed)
        return;
    self->stopping = self->snapshot_wanted = true;
    if (self->patience_ms == 0)
        self->patience_ms = now_ms + (signal == ACTOR_CHECKPOINT ? CHECKPOINT_PATIENCE_MS : FINISH_PATIENCE_MS);
    log_line(LOG_LEVEL_INFO, "world", "stopping after step %" PRIu64,
             self->phase == 0 ? self->applied : self->applied + 1);
    advance(self, now_ms, out);
    if (self->ended && !self->failed)
        finish(self, out);
}

void
world_actor(struct world *self, struct actor *out)
{
    *out = (struct actor){.role = ROLE_WORLD, .self = self, .ready_fd = store_ready_fd(self->store),
        .start = actor_start, .receive = actor_receive, .tick = actor_tick, .ready = actor_ready,
        .signal = actor_signal};
}
