#include "world/world.h"

#include <fcntl.h>
#include <jansson.h>
#include <sysexits.h>
#include <unistd.h>

#include "bus/local.h"
#include "tests/sim/sim.h"
#include "tests/unit/world/drill_case.h"
#include "world/record.h"
#include "world/replay.h"

#define AGENTS 900u
#define WORKERS_MAX 8u

/* ---- one log for every cluster ---- */

static const struct run_row {
    const char *name;
    uint32_t workers, chunk, credit, late, snapshot_every;
    uint64_t stop_after;
    const char *detail;
} run_rows[] = {
    {"one worker, one chunk", 1, 8192, 2, 0, 0, 0, "actions"},
    {"two workers", 2, 8192, 2, 0, 0, 0, "actions"},
    {"three workers, small chunks", 3, 7, 2, 0, 0, 0, "actions"},
    {"five workers, answers in any order", 5, 50, 4, 700, 0, 0, "actions"},
    {"eight workers, answers in any order", 8, 33, 8, 900, 0, 0, "actions"},
    {"eight workers, chunks of one", 8, 1, 64, 900, 0, 0, "actions"},
    {"snapshots leave no mark", 2, 100, 2, 300, 2, 0, "actions"},
    {"stopped and resumed, from genesis", 3, 100, 2, 300, 0, 4, "actions"},
    {"stopped and resumed, from a snapshot", 3, 100, 2, 300, 3, 4, "actions"},
    {"inputs only", 3, 100, 2, 300, 0, 0, "inputs"},
    {"inputs only, resumed: all is computed again", 3, 100, 2, 300, 0, 4, "inputs"},
    {"inputs only, resumed: computed again from a snapshot", 3, 100, 2, 300, 3, 4, "inputs"},
};

static struct sim_report
run_row(const struct run_row *row)
{
    struct sim_options options = {.folder = test_folder(), .hire_worker = sim_hire_drill, .seed = 11,
        .troubles = {.late = row->late, .late_max_ms = 30}, .workers = row->workers, .chunk = row->chunk,
        .credit = row->credit, .deadline_ms = 1000, .snapshot_every = row->snapshot_every,
            .stop_after = row->stop_after};
    struct buffer manifest = {0};
    struct sim_report report;
    struct why why = {0};

    drill_manifest(&manifest, AGENTS, 2, 2, 9, 5, row->detail);
    options.manifest = manifest.data;
    options.manifest_size = manifest.size;
    case_ok(sim_run(&options, &report, &why), &why);
    buffer_fini(&manifest);
    return report;
}

static void
run(void **state)
{
    const struct run_row *row = *state;
    struct run_row plain = run_rows[0];
    struct sim_report want, have = run_row(row);

    plain.detail = row->detail;
    want = run_row(&plain);
    assert_int_equal(have.steps, 9);
    assert_int_equal(have.canonical.size, want.canonical.size);
    assert_memory_equal(have.canonical.data, want.canonical.data, want.canonical.size);
    if (row->stop_after > 0 && strcmp(row->detail, "actions") == 0)
        assert_int_equal(have.rebuilt_steps, row->snapshot_every > 0 ? row->stop_after % row->snapshot_every
                         : row->stop_after);
    buffer_fini(&have.canonical);
    buffer_fini(&want.canonical);
}

/* ---- a cluster that a test can talk to ---- */

#define RESULTS_MAX 64u
#define EVENTS_MAX 4096u

struct talker {
    struct result results[RESULTS_MAX];
    uint32_t result_count;
    uint64_t told[EVENTS_MAX]; /* steps, in the order of their events */
    uint8_t chains[EVENTS_MAX][STORE_CHAIN];
    uint64_t told_seq[EVENTS_MAX];
    uint32_t told_count;
    struct sync_state sync;
    uint32_t sync_count;
    struct buffer fetched; /* parts, in the order they came */
    uint32_t found_count, missing_count;
};

struct town {
    char folder[PATH_MAX];
    struct local *local;
    struct world *world;
    struct actor world_actor, worker_actor, operator_actor, monitor_actor;
    struct peer world_peer, operator, monitor;
    struct peer workers[WORKERS_MAX];
    uint32_t worker_count;
    struct drill_worker worker;
    struct talker talker;
};

static void
nothing(void *context, uint64_t now_ms, struct outbox *out)
{
    (void)context;
    (void)now_ms;
    (void)out;
}

static void
listen(void *context, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct talker *self = context;
    struct step_event event;
    struct record record;
    struct why why = {0};

    (void)now_ms;
    (void)out;
    if (letter->head.type == MSG_RESULT) {
        assert_true(self->result_count < RESULTS_MAX);
        case_ok(message_unpack(MSG_RESULT, letter->payload, letter->size, &self->results[self->result_count++], &why),
                &why);
    } else if (letter->head.type == MSG_STEP) {
        assert_true(self->told_count < EVENTS_MAX);
        case_ok(message_unpack(MSG_STEP, letter->payload, letter->size, &event, &why), &why);
        assert_true(event.committed >= event.step);
        memcpy(self->chains[self->told_count], event.chain.data, STORE_CHAIN);
        self->told_seq[self->told_count] = letter->head.seq;
        self->told[self->told_count++] = event.step;
    } else if (letter->head.type == MSG_SYNC_STATE) {
        case_ok(message_unpack(MSG_SYNC_STATE, letter->payload, letter->size, &self->sync, &why), &why);
        self->sync_count++;
    } else if (letter->head.type == MSG_RECORD) {
        case_ok(message_unpack(MSG_RECORD, letter->payload, letter->size, &record, &why), &why);
        buffer_append(&self->fetched, record.bytes.data, record.bytes.size);
        *(record.found ? &self->found_count : &self->missing_count) += 1;
    }
}

static void
town_create(struct town *self, uint32_t agents, uint32_t steps, const char *more)
{
    struct buffer manifest = {0};
    struct why why = {0};

    snprintf(self->folder, sizeof self->folder, "%s", case_folder());
    drill_manifest(&manifest, agents, 1, 1, steps, 5, "actions");
    buffer_append(&manifest, more, strlen(more));
    case_ok(store_create(self->folder, manifest.data, manifest.size, &why), &why);
    buffer_fini(&manifest);
}

static const struct world_options world_defaults = {.store = {.no_thread = true, .durability = STORE_NOSYNC},
    .cluster = {.workers = 1, .chunk = 8192, .deadline_ms = 1000, .credit = 2, .poison_kills = 3}};

static void
town_hire(struct town *self)
{
    self->workers[self->worker_count++] = local_attach(self->local, &self->worker_actor);
}

static void
town_open(struct town *self, const struct world_options *options, uint32_t workers)
{
    struct world_options own = options != NULL ? *options : world_defaults;
    struct local_options local = {.virtual_time = own.store.no_thread, .signal_fd = -1};
    struct why why = {0};

    own.folder = self->folder;
    self->local = local_new(&local);
    case_ok(world_new(&own, &self->world, &why), &why);
    world_actor(self->world, &self->world_actor);
    self->operator_actor = (struct actor){.role = ROLE_OPERATOR, .self = &self->talker, .ready_fd = -1,
        .start = nothing,
        .receive = listen, .tick = nothing};
    self->monitor_actor = self->operator_actor;
    self->monitor_actor.role = ROLE_MONITOR;
    self->worker.work = 3;
    drill_worker_actor(&self->worker, &self->worker_actor);
    self->worker_count = 0;
    self->monitor = local_attach(self->local, &self->monitor_actor);
    self->operator = local_attach(self->local, &self->operator_actor);
    self->world_peer = local_attach(self->local, &self->world_actor);
    for (uint32_t i = 0; i < workers; i++)
        town_hire(self);
}

static void
town_close(struct town *self)
{
    struct why why = {0};

    local_destroy(&self->local);
    case_ok(world_destroy(&self->world, &why), &why);
}

static void
town_fini(struct town *self)
{
    buffer_fini(&self->talker.fetched);
    free(self);
}

/* Until the world has stopped; its status. */
static int
town_finish(struct town *self)
{
    int status = -1;

    for (uint32_t i = 0; !local_is_stopped(self->local, &self->world_peer, &status); i++) {
        assert_true(i < 1000000);
        local_step(self->local, 100);
    }
    while (local_step(self->local, 0))
        ;
    return status;
}

static void
town_reach(struct town *self, uint64_t step)
{
    for (uint32_t i = 0; world_step(self->world) < step; i++) {
        assert_true(i < 1000000);
        local_step(self->local, 100);
    }
}

/* So many letters and ticks, whatever they are. */
static void
town_idle(struct town *self, uint32_t turns)
{
    for (uint32_t i = 0; i < turns; i++)
        local_step(self->local, 0);
}

static void
town_send(struct town *self, const struct peer *from, enum channel channel, enum message_type type,
             const void *message)
{
    struct envelope head = {.type = (uint16_t)type};
    struct buffer payload = {0};

    message_pack(type, message, &payload);
    local_send(self->local, from, channel, &PEER_WORLD, &head, &payload);
}

static void
town_command(struct town *self, uint64_t source_seq, const char *verb, const char *argument)
{
    struct command command = {.source_seq = source_seq};

    snprintf(command.verb, sizeof command.verb, "%s", verb);
    snprintf(command.argument, sizeof command.argument, "%s", argument);
    town_send(self, &self->operator, CHANNEL_CONTROL, MSG_COMMAND, &command);
}

/* Waits for the next answer. */
static const struct result *
town_result(struct town *self)
{
    uint32_t before = self->talker.result_count;

    for (uint32_t i = 0; self->talker.result_count == before; i++) {
        assert_true(i < 100000);
        local_step(self->local, 100);
    }
    return &self->talker.results[before];
}

/* How many inputs are in the log; the last one's step. The run must be closed. */
static uint32_t
count_inputs(const char *folder, uint64_t *last_step)
{
    struct store *store = NULL;
    struct why why = {0};
    uint32_t count = 0;

    case_ok(store_open_read(folder, &store, &why), &why);
    for (uint64_t step = 1; step <= store_committed(store).step; step++) {
        struct buffer data = {0};
        struct section section;
        uint64_t offset = 0;

        case_ok(store_read_step(store, step, NULL, &data, NULL, &why), &why);
        while (offset < data.size) {
            case_ok(record_next(data.data, data.size, &offset, &section, &why), &why);
            if (section.kind == SECTION_INPUT) {
                count++;
                *last_step = step;
            }
        }
        buffer_fini(&data);
    }
    case_ok(store_close(&store, &why), &why);
    return count;
}

static void
assert_replays(const char *folder, uint64_t steps)
{
    struct replay_options options = {.chain = true, .invariants = true};
    struct replay_report report;
    struct why why = {0};

    case_ok(replay_run(folder, &options, &report, &why), &why);
    assert_int_equal(report.steps, steps);
}

/* ---- commands ---- */

static void
status_tells(void **state)
{
    struct town *town = ALLOC(struct town);
    json_t *status;

    (void)state;
    town_create(town, 100, 20, "");
    town_open(town, NULL, 2);
    town_reach(town, 3);
    town_command(town, 5, "status", "");
    status = json_loads(town_result(town)->text, 0, NULL);
    assert_non_null(status);
    assert_string_equal(json_string_value(json_object_get(status, "scenario")), "drill");
    assert_string_equal(json_string_value(json_object_get(status, "state")), "running");
    assert_int_equal(json_integer_value(json_object_get(status, "step")), 3);
    assert_int_equal(json_integer_value(json_object_get(status, "steps")), 20);
    assert_int_equal(json_integer_value(json_object_get(status, "agents")), 100);
    assert_int_equal(json_array_size(json_object_get(status, "workers")), 2);
    assert_true(json_is_false(json_object_get(status, "governed")));
    json_decref(status);
    town_close(town);
    town_fini(town);
}

static void
pause_holds_and_resume_goes_on(void **state)
{
    struct town *town = ALLOC(struct town);
    uint64_t held;

    (void)state;
    town_create(town, 100, 20, "");
    town_open(town, NULL, 1);
    town_reach(town, 2);
    town_command(town, 1, "pause", "");
    assert_int_equal(town_result(town)->code, 0);
    town_idle(town, 50);
    held = world_step(town->world);
    assert_true(held >= 2 && held <= 4);
    town_idle(town, 500);
    assert_int_equal(world_step(town->world), held);
    town_command(town, 2, "status", "");
    assert_non_null(strstr(town_result(town)->text, "\"paused\""));
    town_command(town, 3, "resume", "");
    assert_int_equal(town_finish(town), 0);
    town_close(town);
    assert_replays(town->folder, 20);
    town_fini(town);
}

static void
a_command_is_logged_and_applied_once(void **state)
{
    struct town *town = ALLOC(struct town);
    struct world_options options = world_defaults;
    const struct result *result;
    uint64_t step = 0;

    (void)state;
    town_create(town, 100, 20, "");
    options.stop_after = 10;
    town_open(town, &options, 1);
    town_reach(town, 2);
    town_command(town, 77, "kill_switch", "off");
    town_command(town, 77, "kill_switch", "off"); /* before it is applied */
    result = town_result(town);
    assert_int_equal(result->source_seq, 77);
    assert_int_equal(result->code, 0);
    assert_non_null(strstr(result->text, "applied at step"));
    town_command(town, 77, "kill_switch", "off"); /* after */
    result = town_result(town);
    assert_int_equal(result->code, 0);
    assert_string_equal(result->text, "applied before");
    assert_int_equal(town_finish(town), WORLD_EXIT_UNFINISHED);
    town_close(town);
    town_open(town, NULL, 1); /* and in another life of the world */
    town_command(town, 77, "kill_switch", "off");
    assert_string_equal(town_result(town)->text, "applied before");
    assert_int_equal(town_finish(town), 0);
    town_close(town);
    assert_int_equal(count_inputs(town->folder, &step), 1);
    assert_true(step >= 3 && step <= 5);
    assert_replays(town->folder, 20);
    town_fini(town);
}

static void
commands_of_a_step_are_in_the_order_of_their_numbers(void **state)
{
    struct town *town = ALLOC(struct town);
    struct store *store = NULL;
    struct buffer data = {0};
    struct step_input *inputs = ALLOC_ARRAY(struct step_input, STEP_INPUTS_MAX);
    uint32_t count = 0;
    uint64_t end, step = 0;
    struct why why = {0};

    (void)state;
    town_create(town, 100, 20, "");
    town_open(town, NULL, 1);
    town_reach(town, 2);
    town_command(town, 1, "pause", "");
    (void)town_result(town);
    town_command(town, 30, "kill_switch", "off");
    town_command(town, 10, "kill_switch", "on");
    town_command(town, 20, "kill_switch", "on");
    town_idle(town, 50);
    town_command(town, 2, "resume", "");
    assert_int_equal(town_finish(town), 0);
    town_close(town);
    assert_int_equal(count_inputs(town->folder, &step), 3);
    case_ok(store_open_read(town->folder, &store, &why), &why);
    case_ok(store_read_step(store, step, NULL, &data, NULL, &why), &why);
    case_ok(step_inputs_read(&data, inputs, &count, &end, &why), &why);
    assert_int_equal(count, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(inputs[i].source_seq, 10 * (i + 1));
    assert_string_equal(inputs[0].argument, "on");
    assert_string_equal(inputs[2].argument, "off");
    buffer_fini(&data);
    free(inputs);
    case_ok(store_close(&store, &why), &why);
    assert_replays(town->folder, 20);
    town_fini(town);
}

static void
an_unknown_command_is_refused(void **state)
{
    struct town *town = ALLOC(struct town);
    const struct result *result;
    struct buffer garbage = {0};
    uint64_t step = 0;

    (void)state;
    town_create(town, 100, 8, "");
    town_open(town, NULL, 1);
    town_reach(town, 1);
    town_command(town, 4, "dance", "tango");
    result = town_result(town);
    assert_int_equal(result->code, ERR_UNKNOWN);
    assert_int_equal(result->source_seq, 4);
    assert_non_null(strstr(result->text, "dance"));
    town_command(town, 5, "pause", "");
    (void)town_result(town);
    town_command(town, 6, "dance", ""); /* answered while nothing moves, too */
    assert_int_equal(town_result(town)->code, ERR_UNKNOWN);
    town_command(town, 7, "resume", "");
    (void)town_result(town);
    buffer_append(&garbage, "\x93no", 3);
    local_send(town->local, &town->operator, CHANNEL_CONTROL, &PEER_WORLD, &(struct envelope){.type = MSG_COMMAND},
               &garbage);
    assert_int_not_equal(town_result(town)->code, 0);
    assert_int_equal(town_finish(town), 0);
    town_close(town);
    assert_int_equal(count_inputs(town->folder, &step), 0);
    town_fini(town);
}

static void
a_command_too_late_is_answered(void **state)
{
    struct town *town = ALLOC(struct town);

    (void)state;
    town_create(town, 100, 3, "");
    town_open(town, NULL, 1);
    town_reach(town, 2);
    town_command(town, 8, "stop", "");
    town_command(town, 9, "kill_switch", "on");
    assert_true(town_finish(town) == 0 || world_step(town->world) < 3);
    assert_int_equal(town->talker.result_count, 2);
    assert_int_equal(town->talker.results[0].source_seq, 8);
    assert_int_equal(town->talker.results[1].source_seq, 9);
    assert_int_equal(town->talker.results[1].code, ERR_STATE);
    town_close(town);
    town_fini(town);
}

/* Nobody acts any more, so steps wait for nobody: they must not keep commands from being heard, nor pile up. */
static void
steps_without_exchanges(void **state)
{
    const struct world_options *options = *state;
    struct town *town = ALLOC(struct town);
    uint64_t step = 0;

    town_create(town, 100, 3000, "");
    town_open(town, options, 1);
    town_reach(town, 2);
    town_command(town, 1, "kill_switch", "on");
    assert_int_equal(town_result(town)->code, 0);
    town_command(town, 2, "kill_switch", "off");
    assert_int_equal(town_result(town)->code, 0);
    assert_true(world_step(town->world) < 2000);
    town_command(town, 3, "kill_switch", "on");
    assert_int_equal(town_finish(town), 0);
    town_close(town);
    assert_int_equal(town->talker.told_count, 3000);
    for (uint32_t i = 0; i < 3000; i++)
        assert_int_equal(town->talker.told[i], i + 1);
    assert_int_equal(count_inputs(town->folder, &step), 3);
    assert_replays(town->folder, 3000);
    town_fini(town);
}

/* ---- stopping ---- */

static void
stop_and_resume(void **state)
{
    struct town *town = ALLOC(struct town);
    struct buffer snapshot = {0};
    struct store *store = NULL;
    struct why why = {0};
    uint64_t stopped, step = 0;

    (void)state;
    town_create(town, 100, 20, "");
    town_open(town, NULL, 2);
    town_reach(town, 3);
    town_command(town, 1, "stop", "");
    assert_int_equal(town_finish(town), WORLD_EXIT_UNFINISHED);
    stopped = world_step(town->world);
    assert_true(stopped >= 3 && stopped < 7);
    town_close(town);
    case_ok(store_open_read(town->folder, &store, &why), &why);
    assert_int_equal(store_committed(store).step, stopped);
    case_ok(store_read_snapshot(store, stopped, &step, &snapshot, &why), &why);
    assert_int_equal(step, stopped); /* it leaves a snapshot behind */
    buffer_fini(&snapshot);
    case_ok(store_close(&store, &why), &why);

    town_open(town, NULL, 2);
    assert_int_equal(world_step(town->world), stopped);
    assert_int_equal(world_recovered_steps(town->world), 0);
    town_reach(town, 8);
    local_signal(town->local, &town->world_peer, ACTOR_FINISH);
    assert_int_equal(town_finish(town), WORLD_EXIT_UNFINISHED);
    town_close(town);

    town_open(town, NULL, 1);
    assert_int_equal(town_finish(town), 0);
    town_close(town);
    assert_int_equal(town->talker.told_count, 20);
    assert_replays(town->folder, 20);

    town_open(town, NULL, 0); /* a finished run has nothing left to do */
    assert_int_equal(town_finish(town), 0);
    town_close(town);
    town_fini(town);
}

static void
nack_all(void *context, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct envelope head = letter->head;

    (void)context;
    (void)now_ms;
    if (letter->head.type == MSG_OBSERVATION)
        outbox_send_message(out, CHANNEL_DATA, &letter->peer, &head, MSG_NACK,
                            &(struct nack){.code = ERR_INVALID, .text = "never"});
}

static void
a_chunk_nobody_can_answer_stops_with_its_own_status(void **state)
{
    struct town *town = ALLOC(struct town);

    (void)state;
    town_create(town, 100, 20, "");
    town_open(town, NULL, 0);
    town->worker_actor.receive = nack_all;
    town_hire(town);
    assert_int_equal(town_finish(town), WORLD_EXIT_POISON);
    town_close(town);
    town_fini(town);
}

static void
a_full_disk_stops_and_loses_nothing(void **state)
{
    struct town *town = ALLOC(struct town);
    struct world_options options = world_defaults;
    struct why why = {0};

    (void)state;
    town_create(town, 20000, 10, "");
    options.store.map_size = 1u << 20;
    options.store.map_limit = 1u << 20;
    town_open(town, &options, 1);
    assert_int_equal(town_finish(town), EX_IOERR);
    local_destroy(&town->local);
    assert_int_equal(world_destroy(&town->world, &why), ERR_FULL);
    town_open(town, NULL, 1); /* the cause is gone */
    assert_true(world_step(town->world) > 0);
    assert_int_equal(town_finish(town), 0);
    town_close(town);
    assert_replays(town->folder, 10);
    town_fini(town);
}

static void
wait_for_workers_holds_the_first_step(void **state)
{
    struct town *town = ALLOC(struct town);
    struct world_options options = world_defaults;

    (void)state;
    town_create(town, 100, 5, "");
    options.wait_for_workers = true;
    options.cluster.workers = 2;
    town_open(town, &options, 1);
    town_idle(town, 200);
    assert_int_equal(world_step(town->world), 0);
    town_hire(town);
    assert_int_equal(town_finish(town), 0);
    town_close(town);
    town_fini(town);
}

static void
note_court(void *context, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    uint64_t *steps = context;
    struct court court;
    struct why why = {0};

    (void)now_ms;
    (void)out;
    if (letter->head.type != MSG_COURT)
        return;
    case_ok(message_unpack(MSG_COURT, letter->payload, letter->size, &court, &why), &why);
    steps[0]++;
    steps[1] = court.step;
}

/* A resumed world knows which of governance's states it wants before its own next step begins. */
static void
governance_is_greeted_with_the_step_that_is_wanted(void **state)
{
    struct town *town = ALLOC(struct town);
    struct world_options options = world_defaults;
    uint64_t steps[2] = {0};
    struct actor court = {.role = ROLE_GOVERNANCE, .self = steps, .ready_fd = -1, .start = nothing,
        .receive = note_court, .tick = nothing};

    (void)state;
    town_create(town, 100, 9, "governance:\n  tax: {}\n");
    options.stop_after = 4;
    town_open(town, &options, 1);
    assert_int_equal(town_finish(town), WORLD_EXIT_UNFINISHED);
    town_close(town);
    options.stop_after = 0;
    options.wait_for_workers = true;
    town_open(town, &options, 0);
    local_attach(town->local, &court);
    town_idle(town, 100);
    assert_int_equal(steps[0], 1);
    assert_int_equal(steps[1], 4);
    town_hire(town);
    assert_int_equal(town_finish(town), 0); /* the drill asks no governance */
    town_close(town);
    town_fini(town);
}

/* ---- subscribers ---- */

/* Snapshot, then stream: what SYNC shows and what the events tell afterwards meet without a gap, and the log's records
 * can be fetched behind. */
static void
sync_fetch_and_stream_meet(void **state)
{
    struct town *town = ALLOC(struct town);
    struct store *store = NULL;
    struct buffer header = {0}, data = {0};
    struct store_commit commit;
    struct why why = {0};
    uint32_t first = 0;

    (void)state;
    town_create(town, 100, 30, "");
    town_open(town, NULL, 1);
    town_reach(town, 7);
    town_send(town, &town->monitor, CHANNEL_FETCH, MSG_SYNC, &(struct sync){.from = 0});
    while (town->talker.sync_count == 0)
        local_step(town->local, 0);
    assert_true(town->talker.sync.step >= 7);
    assert_int_equal(town->talker.sync.steps, 30);
    assert_string_equal(town->talker.sync.scenario, "drill");
    town_send(town, &town->monitor, CHANNEL_FETCH, MSG_FETCH, &(struct fetch){.step = 5, .part = 0, .count = 64});
    town_send(town, &town->monitor, CHANNEL_FETCH, MSG_FETCH, &(struct fetch){.step = 29, .part = 0, .count = 1});
    assert_int_equal(town_finish(town), 0);
    town_close(town);
    /* The first event behind the number that SYNC named is the step after the one it showed. */
    while (town->talker.told_seq[first] <= town->talker.sync.seq)
        first++;
    assert_int_equal(town->talker.told[first], town->talker.sync.step + 1);
    for (uint32_t i = 0; i < 30; i++)
        assert_int_equal(town->talker.told[i], i + 1);
    assert_int_equal(town->talker.told_count, 30);
    /* Step 5: header and one part of data were there, a second part was not; step 29 was not yet. */
    assert_int_equal(town->talker.found_count, 2);
    assert_int_equal(town->talker.missing_count, 2);
    case_ok(store_open_read(town->folder, &store, &why), &why);
    case_ok(store_read_step(store, 5, &header, &data, &commit, &why), &why);
    buffer_append(&header, data.data, data.size);
    assert_int_equal(town->talker.fetched.size, header.size);
    assert_memory_equal(town->talker.fetched.data, header.data, header.size);
    assert_memory_equal(town->talker.chains[4], commit.chain, STORE_CHAIN);
    buffer_fini(&header);
    buffer_fini(&data);
    case_ok(store_close(&store, &why), &why);
    town_fini(town);
}

/* ---- decisions from outside ---- */

/* Answers for slot 1 as a model would: never twice the same. */
static struct fickle {
    struct drill_worker steady, moody;
    struct actor actor, moody_actor;
    uint32_t asked[16]; /* of slot 1, by step */
} fickle;

static void
fickle_receive(void *context, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct fickle *self = context;

    if (letter->head.type == MSG_OBSERVATION && letter->head.flags == 1) {
        self->asked[letter->head.step]++;
        self->moody.work++;
        self->moody_actor.receive(&self->moody, now_ms, letter, out);
    } else {
        self->actor.receive(&self->steady, now_ms, letter, out);
    }
}

static int
run_fickle(struct town *town, uint64_t stop_after, bool recompute)
{
    struct world_options options = world_defaults;
    struct actor actor;
    int status;

    options.stop_after = stop_after;
    options.recompute = recompute;
    town_open(town, &options, 0);
    drill_worker_actor(&fickle.steady, &fickle.actor);
    drill_worker_actor(&fickle.moody, &fickle.moody_actor);
    actor = fickle.actor;
    actor.self = &fickle;
    actor.receive = fickle_receive;
    local_attach(town->local, &actor);
    status = town_finish(town);
    town_close(town);
    return status;
}

static const struct outside_row {
    const char *name, *detail;
} outside_rows[] = {{"a log of all decisions", "actions"}, {"a log of inputs", "inputs"}};

/* Stopped, gone on with and computed again: what came from outside comes from the log then, and nobody is asked. */
static void
outside_is_asked_once(void **state)
{
    const struct outside_row *row = *state;
    struct town *town = ALLOC(struct town);
    struct buffer manifest = {0};
    struct why why = {0};

    memset(&fickle, 0, sizeof fickle);
    snprintf(town->folder, sizeof town->folder, "%s", case_folder());
    drill_manifest(&manifest, 600, 2, 2, 8, 5, row->detail);
    buffer_append(&manifest, "  external: 1\n", strlen("  external: 1\n"));
    case_ok(store_create(town->folder, manifest.data, manifest.size, &why), &why);
    buffer_fini(&manifest);
    assert_int_equal(run_fickle(town, 4, false), WORLD_EXIT_UNFINISHED);
    assert_int_equal(run_fickle(town, 0, false), 0);
    assert_int_equal(run_fickle(town, 0, true), 0);
    for (uint32_t step = 1; step <= 8; step++)
        assert_int_equal(fickle.asked[step], 2 * 2); /* two rounds of two chunks, once */
    town_fini(town);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"status tells", status_tells},
        {"pause holds, resume goes on", pause_holds_and_resume_goes_on},
        {"a command is logged, and applied once", a_command_is_logged_and_applied_once},
        {"commands of a step are in the order of their numbers", commands_of_a_step_are_in_the_order_of_their_numbers},
        {"an unknown command is refused", an_unknown_command_is_refused},
        {"a command that comes too late is answered", a_command_too_late_is_answered},
        {"stop, resume, finish", stop_and_resume},
        {"a chunk nobody can answer stops the run", a_chunk_nobody_can_answer_stops_with_its_own_status},
        {"a full disk stops the run and loses nothing", a_full_disk_stops_and_loses_nothing},
        {"the first step waits for workers where it is asked to", wait_for_workers_holds_the_first_step},
        {"governance is greeted with the step that is wanted", governance_is_greeted_with_the_step_that_is_wanted},
        {"sync, fetch and stream meet", sync_fetch_and_stream_meet},
    };
    static struct world_options behind;
    const struct CMUnitTest alone[] = {
        {"steps without exchanges", steps_without_exchanges, NULL, NULL, NULL},
        {"steps without exchanges, log thread", steps_without_exchanges, NULL, NULL, &behind},
    };

    behind = world_defaults;
    behind.store.no_thread = false;
    log_set_level(LOG_ERROR);
    return TEST_ROWS("one log for every cluster", run_rows, run) + TEST_CASES("world", cases) +
           TEST_ROWS("decisions from outside", outside_rows, outside_is_asked_once) +
           cmocka_run_group_tests_name("idle", alone, NULL, NULL);
}
