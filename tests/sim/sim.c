#include "tests/sim/sim.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus/local.h"
#include "core/arena.h"
#include "core/assert.h"
#include "tests/support/drill.h"
#include "world/plan.h"
#include "world/replay.h"
#include "world/step.h"
#include "world/store.h"
#include "world/world.h"

#define HANDS_MAX 16u
#define TURNS_MAX 2000000u
#define VIRTUAL_MS_MAX (24u * 3600u * 1000u)
#define WORLD_KILLS_MAX 12u    /* a step has to end some time */
#define HAND_KILLS_MAX 100u
#define POISON_NEVER 1000000u /* deaths here say nothing about the chunk */

struct place {
    bool here;
    struct peer peer;
    struct sim_hand hand;
    uint64_t to_it_ms, from_it_ms; /* governance: no letter overtakes an earlier one */
};

/* Who is told about the steps. */
struct listener {
    uint64_t told; /* last step */
    uint64_t wrong; /* first step that was told out of turn */
};

/* Who gives commands, one after the other, each again and again until it is answered. Number n of them has the source
 * number n and is kill_switch off, which changes nothing; every third is one that nobody knows. */
struct boss {
    uint32_t wanted, given, answered, repeated, refused;
};

struct sim {
    const struct sim_options *options;
    struct sim_report *report;
    uint64_t random;
    struct local *local;
    struct world *world;
    struct actor world_actor, listener_actor, boss_actor;
    struct peer world_peer;
    struct listener listener;
    struct boss boss;
    struct place workers[HANDS_MAX], governance;
    char folder[PATH_MAX];
    uint32_t life; /* of the world: 0 for the first */
    uint32_t resumed;   /* times the run was stopped and resumed */
    bool inputs_only;   /* the log does not hold the decisions */
};

uint64_t
sim_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint32_t
sim_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)(sim_random(state) >> 32) % bound;
}

static bool
happens(struct sim *self, uint32_t per_mille)
{
    return per_mille > 0 && sim_below(&self->random, 1000) < per_mille;
}

/* Nothing, but for one time in `times`: then a number below `bound`. (One draw a statement: the order in which the
 * arguments of one call are evaluated is the compiler's.) */
static uint32_t
sometimes(uint64_t *state, uint32_t times, uint32_t bound)
{
    bool now = sim_below(state, times) == 0;
    uint32_t number = sim_below(state, bound);

    return now ? number : 0;
}

void
sim_draw(uint64_t seed, struct sim_options *out)
{
    uint64_t random = seed * 2 + 1;

    out->seed = seed;
    out->workers = 1 + sim_below(&random, 8);
    out->chunk = 1 + sim_below(&random, 400);
    out->credit = 1 + sim_below(&random, 4);
    out->deadline_ms = 10 + sim_below(&random, 200);
    out->snapshot_every = sim_below(&random, 5);
    out->stop_after = sometimes(&random, 3, 7);
    out->troubles.late = sim_below(&random, 300);
    out->troubles.late_max_ms = 1 + sim_below(&random, 4 * out->deadline_ms);
    out->troubles.drop = sometimes(&random, 2, 60);
    out->troubles.twice = sometimes(&random, 2, 100);
    out->troubles.worker_kill = sometimes(&random, 2, 30);
    out->troubles.worker_bye = sometimes(&random, 2, 20);
    out->troubles.governance_kill = sometimes(&random, 2, 30);
    out->troubles.world_kill = sometimes(&random, 2, 15);
    out->troubles.bus_kill = sometimes(&random, 3, 10);
}

/* ---- hands ---- */

static void
drill_worker_free(void *self)
{
    free(self);
}

void
sim_hire_drill(struct sim_hand *out)
{
    struct drill_worker *worker = ALLOC(struct drill_worker);

    worker->work = 3;
    drill_worker_actor(worker, &out->actor);
    out->self = worker;
    out->destroy = drill_worker_free;
}

static void
hire(struct sim *self, struct place *place, sim_hire_fn *fn)
{
    *place = (struct place){.here = true};
    fn(&place->hand);
    place->peer = local_attach(self->local, &place->hand.actor);
}

static void
dismiss(struct sim *self, struct place *place, bool bye)
{
    if (!place->here)
        return;
    (bye ? local_detach : local_kill)(self->local, &place->peer);
    place->hand.destroy(place->hand.self);
    place->here = false;
}

static void
listener_start(void *context, uint64_t now_ms, struct outbox *out)
{
    (void)context;
    (void)now_ms;
    (void)out;
}

static void
listener_receive(void *context, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct listener *self = context;
    struct step_event event;

    (void)now_ms;
    (void)out;
    if (letter->head.type != MSG_STEP)
        return;
    if (message_unpack(MSG_STEP, letter->payload, letter->size, &event, NULL) != 0 || event.step != self->told + 1)
        self->wrong = self->wrong == 0 ? self->told + 1 : self->wrong;
    else
        self->told = event.step;
}

#define BOSS_PATIENCE_MS 40u

static void
boss_tick(void *context, uint64_t now_ms, struct outbox *out)
{
    struct boss *self = context;
    struct command command = {.source_seq = self->answered + 1, .verb = "kill_switch", .argument = "off"};

    if (self->answered == self->wanted)
        return;
    if (command.source_seq % 3 == 0)
        memcpy(command.verb, "dance", sizeof "dance");
    self->repeated += self->given == self->answered + 1 ? 1 : 0;
    self->given = self->answered + 1;
    outbox_send_message(out, CHANNEL_CONTROL, &PEER_WORLD, NULL, MSG_COMMAND, &command);
    outbox_wake(out, now_ms + BOSS_PATIENCE_MS);
}

static void
boss_receive(void *context, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct boss *self = context;
    struct result result;

    (void)now_ms;
    (void)out;
    if (letter->head.type != MSG_RESULT ||
        message_unpack(MSG_RESULT, letter->payload, letter->size, &result, NULL) != 0 ||
        result.source_seq != self->answered + 1 || result.code == ERR_STATE)
        return; /* the run was stopped before it was applied: asked again when it goes on */
    self->refused += result.code != 0 ? 1 : 0;
    self->answered++;
}

/* ---- fates ---- */

static struct local_fate
fate_of_governance(struct sim *self, uint64_t *not_before_ms, uint64_t now_ms)
{
    struct local_fate fate = {0};

    if (happens(self, self->options->troubles.late))
        fate.delay_ms = sim_below(&self->random, self->options->troubles.late_max_ms);
    if (now_ms + fate.delay_ms < *not_before_ms)
        fate.delay_ms = (uint32_t)(*not_before_ms - now_ms);
    *not_before_ms = now_ms + fate.delay_ms;
    return fate;
}

/* Only letters between the world and workers are lost or doubled: their channel is mended by deadlines. Governance's
 * may be late, but stay in order, as a connection's do. */
static struct local_fate
choose_fate(void *context, const struct letter *letter, const struct peer *to, uint64_t now_ms)
{
    struct sim *self = context;
    const struct sim_troubles *troubles = &self->options->troubles;
    struct local_fate fate = {0};

    if (letter->channel != CHANNEL_DATA)
        return fate;
    if (self->governance.here && peer_equal(to, &self->governance.peer))
        return fate_of_governance(self, &self->governance.to_it_ms, now_ms);
    if (self->governance.here && peer_equal(&letter->peer, &self->governance.peer))
        return fate_of_governance(self, &self->governance.from_it_ms, now_ms);
    fate.drop = happens(self, troubles->drop);
    if (happens(self, troubles->late))
        fate.delay_ms = 1 + sim_below(&self->random, troubles->late_max_ms);
    fate.copies = happens(self, troubles->twice) ? 1 + sim_below(&self->random, 2) : 0;
    self->report->drops += fate.drop ? 1 : 0;
    self->report->lates += fate.delay_ms > 0 ? 1 : 0;
    self->report->twices += fate.copies;
    return fate;
}

/* ---- the world's lives ---- */

static int
copy_file(int from_folder, int to_folder, const char *name, struct why *why)
{
    int from = openat(from_folder, name, O_RDONLY | O_CLOEXEC);
    int to = openat(to_folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct stat status;
    off_t at = 0;
    bool good = from >= 0 && to >= 0 && fstat(from, &status) == 0;

    while (good && at < status.st_size) {
        ssize_t moved = copy_file_range(from, NULL, to, NULL, (size_t)(status.st_size - at), 0);

        good = moved > 0;
        at += good ? moved : 0;
    }
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return good ? 0 : fail(why, ERR_IO, "cannot copy %s", name);
}

/* What a killed process leaves behind: the files as they are now, without a clean end. */
static int
copy_folder(const char *from, const char *to, struct why *why)
{
    DIR *folder = opendir(from);
    struct dirent *entry;
    int target, error = 0;

    if (folder == NULL || mkdir(to, 0700) != 0) {
        if (folder != NULL)
            closedir(folder);
        return fail(why, ERR_IO, "cannot copy %s to %s", from, to);
    }
    target = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (error == 0 && (entry = readdir(folder)) != NULL)
        if (entry->d_type == DT_REG)
            error = copy_file(dirfd(folder), target, entry->d_name, why);
    close(target);
    closedir(folder);
    return error;
}

static void
remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL)
        if (entry->d_type == DT_REG)
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder != NULL)
        closedir(folder);
    rmdir(path);
}

static int
open_world(struct sim *self, struct why *why)
{
    const struct sim_options *options = self->options;
    struct world_options world = {.folder = self->folder, .snapshot_every = options->snapshot_every,
        .stop_after = self->resumed > 0 ? 0 : options->stop_after,
        .store = {.durability = STORE_NOSYNC, .no_thread = true, .map_size = 64u << 20},
        .cluster = {.workers = options->workers, .chunk = options->chunk, .deadline_ms = options->deadline_ms,
            .credit = options->credit, .poison_kills = POISON_NEVER}};
    int error = world_new(&world, &self->world, why);

    if (error != 0)
        return error;
    self->report->rebuilt_steps += world_recovered_steps(self->world);
    world_actor(self->world, &self->world_actor);
    self->world_peer = local_attach(self->local, &self->world_actor);
    return 0;
}

/* kill -9 (or a clean end) and a new start. Without a log thread, what was applied is committed, and the new world must
 * know it; where it starts behind and catches up (log.detail: inputs), the next step told shows what it knew. Events
 * that died with the world are a subscriber's to fetch. */
static int
restart_world(struct sim *self, bool killed, struct why *why)
{
    char old[PATH_MAX];
    uint64_t committed = world_step(self->world) > self->listener.told ? world_step(self->world) : self->listener.told;
    int error = 0;

    memcpy(old, self->folder, sizeof old);
    if (killed) {
        snprintf(self->folder, sizeof self->folder, "%s/life%" PRIu32, self->options->folder, ++self->life);
        error = copy_folder(old, self->folder, why);
        self->listener.told = committed;
    }
    (killed ? local_kill : local_detach)(self->local, &self->world_peer);
    if (error == 0)
        error = world_destroy(&self->world, why);
    if (killed)
        remove_folder(old);
    if (error == 0)
        error = open_world(self, why);
    if (error == 0 && !self->inputs_only && world_step(self->world) != committed)
        error = fail(why, ERR_STATE, "step %" PRIu64 " was committed, the next world begins after step %" PRIu64,
                     committed, world_step(self->world));
    return error;
}

static void
attach_watchers(struct sim *self)
{
    self->listener_actor = (struct actor){.role = ROLE_MONITOR, .self = &self->listener, .ready_fd = -1,
        .start = listener_start, .receive = listener_receive, .tick = listener_start};
    local_attach(self->local, &self->listener_actor);
    if (self->options->commands == 0)
        return;
    self->boss.wanted = self->options->commands;
    self->boss_actor = (struct actor){.role = ROLE_OPERATOR, .self = &self->boss, .ready_fd = -1, .start = boss_tick,
        .receive = boss_receive, .tick = boss_tick};
    local_attach(self->local, &self->boss_actor);
}

static struct local *
make_bus(struct sim *self)
{
    struct local_options options = {
        .virtual_time = true, .fate = choose_fate, .fate_context = self, .signal_fd = -1};

    return local_new(&options);
}

/* A broker is killed and another one comes: all letters are lost, everybody says hello again. */
static void
restart_bus(struct sim *self)
{
    if (world_step(self->world) > self->listener.told)
        self->listener.told = world_step(self->world); /* the events on their way are a subscriber's to fetch */
    self->report->virtual_ms += local_now(self->local);
    local_destroy(&self->local);
    self->local = make_bus(self);
    attach_watchers(self);
    self->world_peer = local_attach(self->local, &self->world_actor);
    for (uint32_t i = 0; i < HANDS_MAX; i++)
        if (self->workers[i].here)
            self->workers[i].peer = local_attach(self->local, &self->workers[i].hand.actor);
    if (self->governance.here) {
        self->governance.peer = local_attach(self->local, &self->governance.hand.actor);
        self->governance.to_it_ms = self->governance.from_it_ms = 0;
    }
}

/* ---- a run ---- */

static void
trouble_hands(struct sim *self)
{
    const struct sim_troubles *troubles = &self->options->troubles;
    uint32_t here = 0;

    for (uint32_t i = 0; i < self->options->workers; i++) {
        struct place *place = &self->workers[i];

        if (place->here && self->report->worker_kills < HAND_KILLS_MAX && happens(self, troubles->worker_kill)) {
            dismiss(self, place, false);
            self->report->worker_kills++;
        } else if (place->here && happens(self, troubles->worker_bye)) {
            dismiss(self, place, true);
            self->report->worker_byes++;
        } else if (!place->here && happens(self, 200)) {
            hire(self, place, self->options->hire_worker);
        }
        here += place->here ? 1 : 0;
    }
    if (here == 0)
        hire(self, &self->workers[0], self->options->hire_worker);
    if (self->options->hire_governance == NULL)
        return;
    if (self->governance.here && self->report->governance_kills < HAND_KILLS_MAX &&
        happens(self, troubles->governance_kill)) {
        dismiss(self, &self->governance, false);
        self->report->governance_kills++;
    } else if (!self->governance.here && happens(self, 300)) {
        hire(self, &self->governance, self->options->hire_governance);
    }
}

static int
run_turns(struct sim *self, struct why *why)
{
    for (;;) {
        int status = 0, error = 0;

        if (local_is_stopped(self->local, &self->world_peer, &status)) {
            if (status == 0)
                return 0;
            if (status != WORLD_EXIT_UNFINISHED || self->options->stop_after == 0)
                return fail(why, ERR_STATE, "the world stopped with status %d after step %" PRIu64, status,
                            world_step(self->world));
            self->resumed++;
            error = restart_world(self, false, why);
        } else if (self->report->world_kills < WORLD_KILLS_MAX && happens(self, self->options->troubles.world_kill)) {
            self->report->world_kills++;
            error = restart_world(self, true, why);
        } else if (self->report->bus_kills < WORLD_KILLS_MAX && happens(self, self->options->troubles.bus_kill)) {
            self->report->bus_kills++;
            restart_bus(self);
        }
        if (error != 0)
            return error;
        trouble_hands(self);
        if (++self->report->turns > TURNS_MAX || local_now(self->local) > VIRTUAL_MS_MAX || !local_step(self->local, 0))
            return fail(why, ERR_TIMEOUT, "the run stands still after step %" PRIu64 " (%" PRIu64 " turns, %" PRIu64
                        " ms)", world_step(self->world), self->report->turns, local_now(self->local));
    }
}

static int
read_canonical(const char *folder, struct buffer *out, struct why *why)
{
    struct store *store = NULL;
    int fd = memfd_create("canonical", MFD_CLOEXEC);
    int error = fd < 0 ? fail(why, ERR_IO, "no memory file") : store_open_read(folder, &store, why);
    struct stat status;

    if (error == 0 && (error = store_export_canonical(store, fd, why)) == 0) {
        if (fstat(fd, &status) != 0 || status.st_size == 0 ||
            pread(fd, buffer_extend(out, (size_t)status.st_size), (size_t)status.st_size, 0) != status.st_size)
            error = fail(why, ERR_IO, "the canonical stream cannot be read back");
    }
    if (store != NULL && store_close(&store, NULL) != 0 && error == 0)
        error = ERR_IO;
    if (fd >= 0)
        close(fd);
    return error;
}

/* Every command that was answered well is in the log, and none is there twice. */
static int
check_commands(struct sim *self, uint64_t steps, struct why *why)
{
    struct step_input *inputs = ALLOC_ARRAY(struct step_input, STEP_INPUTS_MAX);
    uint64_t last = 0, end;
    uint32_t count, sum = 0, good = self->boss.answered - self->boss.refused;
    struct store *store = NULL;
    int error = store_open_read(self->folder, &store, why);

    for (uint64_t step = 1; step <= steps && error == 0; step++) {
        struct buffer data = {0};

        if ((error = store_read_step(store, step, NULL, &data, NULL, why)) == 0)
            error = step_inputs_read(&data, inputs, &count, &end, why);
        for (uint32_t i = 0; i < count && error == 0; i++) {
            if (inputs[i].source_seq <= last || inputs[i].source_seq % 3 == 0)
                error = fail(why, ERR_STATE, "command %" PRIu64 " is in step %" PRIu64 " behind command %" PRIu64,
                             inputs[i].source_seq, step, last);
            last = inputs[i].source_seq;
            sum++;
        }
        buffer_fini(&data);
    }
    if (store != NULL && store_close(&store, NULL) != 0 && error == 0)
        error = ERR_IO;
    free(inputs);
    self->report->commands_applied = sum;
    self->report->commands_repeated = self->boss.repeated;
    if (error == 0 && self->boss.refused != self->boss.answered / 3)
        error = fail(why, ERR_STATE, "%u of %u commands were refused", self->boss.refused, self->boss.answered);
    /* The last one may have been applied and its answer lost. */
    if (error == 0 && sum != good && sum != good + 1)
        error = fail(why, ERR_STATE, "%u commands are in the log, %u were answered well", sum, good);
    return error;
}

/* What is left of the run on the disk. */
static int
check_run(struct sim *self, const struct plan *plan, struct why *why)
{
    struct replay_options replay = {.chain = true, .invariants = true};
    struct replay_report report;
    int error;

    if (self->listener.wrong != 0)
        return fail(why, ERR_STATE, "subscribers were not told step %" PRIu64 " in its turn", self->listener.wrong);
    if (self->listener.told != plan->steps)
        return fail(why, ERR_STATE, "subscribers were told %" PRIu64 " steps of %" PRIu64, self->listener.told,
                    plan->steps);
    if ((error = read_canonical(self->folder, &self->report->canonical, why)) != 0)
        return error;
    self->report->steps = plan->steps;
    if ((error = check_commands(self, plan->steps, why)) != 0)
        return error;
    if (plan->logging.detail == DETAIL_INPUTS)
        return 0; /* needs workers; that the streams are equal says it all */
    if ((error = replay_run(self->folder, &replay, &report, why)) != 0)
        return error;
    return report.steps == plan->steps ? 0 : fail(why, ERR_STATE, "the replay has %" PRIu64 " steps", report.steps);
}

static int
run_all(struct sim *self, const struct plan *plan, struct why *why)
{
    int error;

    self->inputs_only = plan->logging.detail == DETAIL_INPUTS;
    attach_watchers(self);
    if ((error = open_world(self, why)) != 0)
        return error;
    for (uint32_t i = 0; i < self->options->workers; i++)
        hire(self, &self->workers[i], self->options->hire_worker);
    if (self->options->hire_governance != NULL)
        hire(self, &self->governance, self->options->hire_governance);
    if ((error = run_turns(self, why)) != 0)
        return error;
    while (local_step(self->local, 0) && self->listener.told < plan->steps)
        ;
    self->report->virtual_ms += local_now(self->local);
    return 0;
}

int
sim_run(const struct sim_options *options, struct sim_report *out, struct why *why)
{
    struct sim *self = ALLOC(struct sim);
    struct yaml_tree *tree = NULL;
    struct plan plan;
    int error;

    ASSERT(options->workers > 0 && options->workers <= HANDS_MAX);

    *out = (struct sim_report){0};
    self->options = options;
    self->report = out;
    self->random = options->seed;
    self->local = make_bus(self);
    snprintf(self->folder, sizeof self->folder, "%s/life0", options->folder);
    if ((error = plan_read_manifest(options->manifest, options->manifest_size, &tree, &plan, why)) == 0 &&
        (error = store_create(self->folder, options->manifest, options->manifest_size, why)) == 0)
        error = run_all(self, &plan, why);
    for (uint32_t i = 0; i < HANDS_MAX; i++)
        dismiss(self, &self->workers[i], false);
    dismiss(self, &self->governance, false);
    if (self->world != NULL) {
        local_kill(self->local, &self->world_peer);
        if (world_destroy(&self->world, error == 0 ? why : NULL) != 0 && error == 0)
            error = ERR_IO;
    }
    if (error == 0)
        error = check_run(self, &plan, why);
    remove_folder(self->folder);
    local_destroy(&self->local);
    yaml_destroy(&tree);
    free(self);
    return error;
}
