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

struct sim {
    const struct sim_options *options;
    struct sim_report *report;
    uint64_t random;
    struct local *local;
    struct world *world;
    struct actor world_actor, listener_actor;
    struct peer world_peer;
    struct listener listener;
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
    out->stop_after = sim_below(&random, 3) == 0 ? 1 + sim_below(&random, 6) : 0;
    out->troubles = (struct sim_troubles){
        .drop = sim_below(&random, 2) * sim_below(&random, 60),
        .late = sim_below(&random, 300),
        .late_max_ms = 1 + sim_below(&random, 4 * out->deadline_ms),
        .twice = sim_below(&random, 2) * sim_below(&random, 100),
        .worker_kill = sim_below(&random, 2) * sim_below(&random, 30),
        .worker_bye = sim_below(&random, 2) * sim_below(&random, 20),
        .governance_kill = sim_below(&random, 15),
        .world_kill = sim_below(&random, 2) * sim_below(&random, 15),
    };
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
    self->listener_actor = (struct actor){.role = ROLE_MONITOR, .self = &self->listener, .ready_fd = -1,
        .start = listener_start, .receive = listener_receive, .tick = listener_start};
    local_attach(self->local, &self->listener_actor);
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
    self->report->virtual_ms = local_now(self->local);
    return 0;
}

int
sim_run(const struct sim_options *options, struct sim_report *out, struct why *why)
{
    struct sim *self = ALLOC(struct sim);
    struct local_options local = {.virtual_time = true, .fate = choose_fate, .fate_context = self, .signal_fd = -1};
    struct yaml_tree *tree = NULL;
    struct plan plan;
    int error;

    ASSERT(options->workers > 0 && options->workers <= HANDS_MAX);

    *out = (struct sim_report){0};
    self->options = options;
    self->report = out;
    self->random = options->seed;
    self->local = local_new(&local);
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
