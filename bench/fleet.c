#include "bench/fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker/broker.h"
#include "bus/local.h"
#include "bus/outbox.h"
#include "bus/process.h"
#include "bus/signals.h"
#include "core/arena.h"
#include "core/assert.h"
#include "core/digest.h"
#include "core/log.h"
#include "tests/support/drill.h"
#include "world/recover.h"
#include "world/store.h"
#include "world/world.h"

#define ROLE_WORD "bench-role"
#define SEED 42u
#define CHUNK 8192u
#define READY_FD 9       /* of a child: gets a byte when the process is where its starter wants it */
#define WAIT_MS 120000u  /* after which a cluster that does not move is given up */

extern char **environ;

/* ---- what a role is told ---- */

enum {
    ARG_WORD = 1, ARG_ROLE, ARG_FOLDER, ARG_PLACE, ARG_MARKS, ARG_AGENTS, ARG_STEPS, ARG_WARMUP, ARG_WORKERS,
    ARG_WORK, ARG_DURABLE, ARG_PARENT, ARG_COUNT
};

struct role_options {
    const char *folder, *place, *marks;
    struct fleet_setup setup;
    int parent;
};

static uint32_t
number(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 10);
}

static struct role_options
role_read(char **argv)
{
    return (struct role_options){.folder = argv[ARG_FOLDER], .place = argv[ARG_PLACE], .marks = argv[ARG_MARKS],
        .setup = {.agents = number(argv[ARG_AGENTS]), .steps = number(argv[ARG_STEPS]),
            .warmup = number(argv[ARG_WARMUP]), .workers = number(argv[ARG_WORKERS]), .work = number(argv[ARG_WORK]),
            .durable = number(argv[ARG_DURABLE]) != 0},
        .parent = (int)number(argv[ARG_PARENT])};
}

_Noreturn static void
role_wrong(const char *what, const struct why *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why->text);
    exit(EXIT_FAILURE);
}

static void
say_ready(void)
{
    (void)!write(READY_FD, "", 1);
    close(READY_FD);
}

/* ---- the world, watched ---- */

struct watch {
    struct actor inner;
    struct world *world;
    const struct fleet_setup *setup;
    uint64_t step;
    bool ready, ended;
    struct mark *marks;
    uint32_t count, room;
};

static void
note(struct watch *self, uint64_t ns, enum mark_kind kind, uint64_t step)
{
    if (self->count == self->room) {
        self->room = self->room == 0 ? 4096 : self->room * 2;
        self->marks = realloc(self->marks, self->room * sizeof *self->marks);
        ASSERT(self->marks != NULL);
    }
    self->marks[self->count++] = (struct mark){.ns = ns, .step = step, .kind = kind};
}

/* After everything the world does. */
static void
look(struct watch *self, const struct outbox *out)
{
    uint64_t step = world_step(self->world), now;

    if (step == self->step && (!out->stopped || self->ended))
        return;
    now = measure_ns();
    for (; self->step < step; self->step++)
        note(self, now, MARK_STEP, self->step + 1);
    if (step >= self->setup->warmup && !self->ready) {
        self->ready = true;
        say_ready();
    }
    if (out->stopped && !self->ended) {
        self->ended = true;
        note(self, now, MARK_END, step);
    }
}

static void
watch_start(void *context, uint64_t now_ms, struct outbox *out)
{
    struct watch *self = context;

    note(self, measure_ns(), MARK_CONNECTED, self->step);
    self->inner.start(self->inner.self, now_ms, out);
    look(self, out);
}

static void
watch_receive(void *context, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct watch *self = context;
    struct peer_up up;
    struct peer_down down;

    if (letter->head.type == MSG_PEER_UP &&
        message_unpack(MSG_PEER_UP, letter->payload, letter->size, &up, NULL) == 0 && up.role == ROLE_AGENTS)
        note(self, measure_ns(), MARK_WORKER_UP, self->step);
    if (letter->head.type == MSG_PEER_DOWN &&
        message_unpack(MSG_PEER_DOWN, letter->payload, letter->size, &down, NULL) == 0 && down.role == ROLE_AGENTS)
        note(self, measure_ns(), MARK_WORKER_DOWN, self->step);
    self->inner.receive(self->inner.self, now_ms, letter, out);
    look(self, out);
}

static void
watch_tick(void *context, uint64_t now_ms, struct outbox *out)
{
    struct watch *self = context;

    self->inner.tick(self->inner.self, now_ms, out);
    look(self, out);
}

static void
watch_ready(void *context, uint64_t now_ms, struct outbox *out)
{
    struct watch *self = context;

    self->inner.ready(self->inner.self, now_ms, out);
    look(self, out);
}

static void
watch_signal(void *context, uint64_t now_ms, enum actor_signal signal, struct outbox *out)
{
    struct watch *self = context;

    self->inner.signal(self->inner.self, now_ms, signal, out);
    look(self, out);
}

static struct actor
watch_actor(struct watch *self)
{
    struct actor out = self->inner;

    out.self = self;
    out.start = watch_start;
    out.receive = watch_receive;
    out.tick = watch_tick;
    out.ready = self->inner.ready != NULL ? watch_ready : NULL;
    out.signal = self->inner.signal != NULL ? watch_signal : NULL;
    return out;
}

static void
write_marks(const char *path, const struct watch *self, const uint8_t digest[STORE_DIGEST])
{
    FILE *file = fopen(path, "we");

    if (file == NULL || fwrite(digest, STORE_DIGEST, 1, file) != 1 ||
        fwrite(self->marks, sizeof *self->marks, self->count, file) != self->count || fclose(file) != 0) {
        fprintf(stderr, "bench: cannot write %s: %s\n", path, strerror(errno));
        exit(EXIT_FAILURE);
    }
}

static void
watch_open(struct watch *self, const struct role_options *options)
{
    struct world_options world = {.folder = options->folder,
        .cluster = {.workers = options->setup.workers, .chunk = CHUNK, .deadline_ms = 2000, .credit = 2,
            .poison_kills = 3},
        .store.durability = options->setup.durable ? STORE_SYNC : STORE_NOSYNC, .wait_for_workers = true};
    struct why why = {0};

    *self = (struct watch){.setup = &options->setup};
    if (world_new(&world, &self->world, &why) != 0)
        role_wrong("the world does not begin", &why);
    self->step = world_step(self->world);
    world_actor(self->world, &self->inner);
}

static int
watch_close(struct watch *self, const struct role_options *options, int status)
{
    static const uint8_t unknown[STORE_DIGEST];
    struct why why = {0};

    if (world_destroy(&self->world, &why) != 0)
        role_wrong("the world does not end", &why);
    write_marks(options->marks, self, unknown);
    free(self->marks);
    return status;
}

/* ---- roles ---- */

static int
role_broker(const struct role_options *options)
{
    return broker_main(&(struct broker_options){.place = options->place, .parent_pid = options->parent,
        .ready_fd = READY_FD});
}

static int
role_agents(const struct role_options *options)
{
    struct drill_worker worker = {.work = options->setup.work};
    struct actor actor;

    drill_worker_actor(&worker, &actor);
    return process_main(&(struct process_options){.place = options->place, .parent_pid = options->parent,
                            .connect_timeout_ms = 20000}, &actor);
}

static int
role_world(const struct role_options *options)
{
    struct watch watch;
    struct actor actor;
    int status;

    signals_block();
    watch_open(&watch, options);
    actor = watch_actor(&watch);
    status = process_main(&(struct process_options){.place = options->place, .parent_pid = options->parent,
                              .connect_timeout_ms = 20000}, &actor);
    return watch_close(&watch, options, status);
}

static int
role_inproc(const struct role_options *options)
{
    struct drill_worker workers[FLEET_WORKERS_MAX] = {0};
    struct actor actors[FLEET_WORKERS_MAX + 1];
    struct local *local;
    struct watch watch;
    int status;

    process_tune(); /* as process_main() does it for the other roles */
    watch_open(&watch, options);
    local = local_new(&(struct local_options){.signal_fd = -1});
    actors[0] = watch_actor(&watch);
    local_attach(local, &actors[0]);
    for (uint32_t i = 0; i < options->setup.workers; i++) {
        workers[i].work = options->setup.work;
        drill_worker_actor(&workers[i], &actors[i + 1]);
        local_attach(local, &actors[i + 1]);
    }
    status = local_run(local);
    local_destroy(&local);
    return watch_close(&watch, options, status);
}

/* One exchange of the floor: ask, answer, read, check, concatenate, take. */
static int
floor_exchange(void *drill, const struct exchange *exchange, uint32_t work, struct buffer *answers,
               struct buffer *joined, struct why *why)
{
    struct batch parts[256], whole[64];
    uint32_t count = exchange->groups[0].count, part_count = 0;
    struct buffer ask = {0};
    int error = 0;

    ASSERT(exchange->group_count == 1 && (count + CHUNK - 1) / CHUNK <= sizeof parts / sizeof parts[0]);
    for (uint32_t first = 0; error == 0 && first < count; first += CHUNK, part_count++) {
        uint32_t rows = count - first < CHUNK ? count - first : CHUNK;
        struct buffer *answer = &answers[part_count];

        buffer_clear(&ask);
        buffer_clear(answer);
        domain_drill.ask(drill, exchange, 0, first, rows, &ask);
        if ((error = drill_answer(ask.data, ask.size, 0, work, answer, why)) == 0 &&
            (error = batch_read(exchange->answer, answer->data, answer->size, &parts[part_count], why)) == 0 &&
            (error = batch_check(&parts[part_count], why)) == 0)
            error = domain_drill.check(drill, exchange, 0, first, rows, &parts[part_count], why);
    }
    buffer_fini(&ask);
    if (error != 0)
        return error;
    buffer_clear(joined);
    batch_concatenate(exchange->answer, parts, part_count, 0, joined);
    if ((error = batch_read(exchange->answer, joined->data, joined->size, &whole[0], why)) == 0)
        domain_drill.take(drill, exchange, whole, NULL);
    return error;
}

static int
role_floor(const struct role_options *options)
{
    const struct fleet_setup *setup = &options->setup;
    struct buffer manifest = {0}, joined = {0}, answers[256] = {0};
    struct watch watch = {.setup = setup};
    struct exchange exchange;
    struct scene scene;
    struct fold fold;
    uint8_t digest[STORE_DIGEST];
    struct why why = {0};

    process_tune();
    drill_manifest(&manifest, setup->agents, 1, 1, setup->steps, SEED, "actions");
    if (scene_open(manifest.data, manifest.size, &scene, &why) != 0)
        role_wrong("the floor", &why);
    for (uint64_t step = 1; step <= setup->steps; step++) {
        domain_drill.begin(scene.domain_self, step);
        while (domain_drill.next(scene.domain_self, &exchange))
            if (floor_exchange(scene.domain_self, &exchange, setup->work, answers, &joined, &why) != 0)
                role_wrong("the floor", &why);
        domain_drill.end(scene.domain_self);
        fold_init(&fold);
        domain_drill.digest(scene.domain_self, &fold);
        fold_end(&fold, digest);
        note(&watch, measure_ns(), MARK_STEP, step);
    }
    note(&watch, measure_ns(), MARK_END, setup->steps);
    write_marks(options->marks, &watch, digest);
    for (uint32_t i = 0; i < 256; i++)
        buffer_fini(&answers[i]);
    buffer_fini(&joined);
    buffer_fini(&manifest);
    scene_fini(&scene);
    free(watch.marks);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(const struct role_options *options);
} roles[] = {{"broker", role_broker}, {"agents", role_agents}, {"world", role_world}, {"inproc", role_inproc},
    {"floor", role_floor}};

void
fleet_role(int argc, char **argv)
{
    struct role_options options;

    if (argc != ARG_COUNT || strcmp(argv[ARG_WORD], ROLE_WORD) != 0)
        return;
    options = role_read(argv);
    log_set_level(LOG_ERROR);
    for (uint32_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (strcmp(roles[i].name, argv[ARG_ROLE]) == 0)
            exit(roles[i].run(&options));
    exit(EXIT_FAILURE);
}

/* ---- processes ---- */

/* Starts this program as a role; with `wait_ready`, returns when it has said that it is ready (or has ended). */
static pid_t
start(const struct fleet *self, const char *role, bool wait_ready)
{
    const struct fleet_setup *setup = &self->setup;
    char numbers[7][16], *arguments[ARG_COUNT + 1] = {(char *)"polis-bench", (char *)ROLE_WORD, (char *)role,
        (char *)self->folder, (char *)self->place, (char *)self->marks};
    const uint32_t values[7] = {setup->agents, setup->steps, setup->warmup, setup->workers, setup->work, setup->durable,
        (uint32_t)getpid()};
    posix_spawn_file_actions_t actions;
    int pipes[2], error;
    char byte;
    pid_t pid;

    for (uint32_t i = 0; i < 7; i++) {
        snprintf(numbers[i], sizeof numbers[i], "%u", values[i]);
        arguments[ARG_AGENTS + i] = numbers[i];
    }
    if (pipe2(pipes, O_CLOEXEC) != 0)
        measure_wrong(self->measure, "pipe: %s", strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], READY_FD);
    error = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    if (error != 0)
        measure_wrong(self->measure, "cannot start %s: %s", role, strerror(error));
    if (wait_ready)
        while (read(pipes[0], &byte, 1) < 0 && errno == EINTR)
            continue;
    close(pipes[0]);
    return pid;
}

static int
reap(pid_t *pid)
{
    int status = 0;

    if (*pid > 0)
        while (waitpid(*pid, &status, 0) < 0 && errno == EINTR)
            continue;
    *pid = 0;
    return status;
}

uint64_t
fleet_kill(pid_t *pid)
{
    uint64_t now = measure_ns();

    kill(*pid, SIGKILL);
    reap(pid);
    return now;
}

static void
finish(pid_t *pid)
{
    if (*pid <= 0)
        return;
    kill(*pid, SIGTERM);
    reap(pid);
}

/* ---- a run ---- */

/* A base port with nothing on it and the four behind it. */
static uint32_t
free_port(const struct fleet *self)
{
    for (uint32_t base = 21000 + (uint32_t)getpid() % 2000u * 10u, tries = 0; tries < 500; base += 10, tries++) {
        bool all = true;

        for (uint32_t i = 0; all && i < 5; i++) {
            struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(base + i)),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
            int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
            all = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
            close(fd);
        }
        if (all)
            return base;
    }
    measure_wrong(self->measure, "no five free ports in a row");
}

void
fleet_prepare(struct fleet *self, struct measure *measure, const struct fleet_setup *setup)
{
    struct buffer manifest = {0};
    struct why why = {0};

    *self = (struct fleet){.measure = measure, .setup = *setup};
    ASSERT(setup->workers <= FLEET_WORKERS_MAX && setup->warmup >= 1 && setup->warmup < setup->steps);
    snprintf(self->folder, sizeof self->folder, "%s/run", measure_folder(measure));
    snprintf(self->marks, sizeof self->marks, "%s/marks", measure_folder(measure));
    if (setup->way == WAY_TCP)
        snprintf(self->place, sizeof self->place, "tcp://127.0.0.1:%u", free_port(self));
    else
        snprintf(self->place, sizeof self->place, "%s/meet", measure_folder(measure));
    measure_remove(self->folder);
    if (setup->way == WAY_FLOOR)
        return;
    drill_manifest(&manifest, setup->agents, 1, 1, setup->steps, SEED, "actions");
    if (store_create(self->folder, manifest.data, manifest.size, &why) != 0)
        measure_wrong(measure, "%s", why.text);
    buffer_fini(&manifest);
}

void
fleet_start_broker(struct fleet *self)
{
    self->broker = start(self, "broker", true);
}

void
fleet_start_worker(struct fleet *self, uint32_t index)
{
    self->workers[index] = start(self, "agents", false);
}

void
fleet_start_world(struct fleet *self)
{
    self->world = start(self, "world", true);
}

void
fleet_start(struct fleet *self)
{
    if (self->setup.way == WAY_FLOOR) {
        self->world = start(self, "floor", false);
    } else if (self->setup.way == WAY_INPROC) {
        self->world = start(self, "inproc", true);
    } else {
        fleet_start_broker(self);
        for (uint32_t i = 0; i < self->setup.workers; i++)
            fleet_start_worker(self, i);
        fleet_start_world(self);
    }
}

bool
fleet_is_running(struct fleet *self)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)self->world, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

static void
read_marks(struct fleet *self, struct fleet_result *out)
{
    FILE *file = fopen(self->marks, "re");
    struct stat status;

    if (file == NULL || fstat(fileno(file), &status) != 0 || fread(out->digest, sizeof out->digest, 1, file) != 1)
        measure_wrong(self->measure, "cannot read %s", self->marks);
    out->mark_count = (uint32_t)(((size_t)status.st_size - sizeof out->digest) / sizeof *out->marks);
    out->marks = calloc(out->mark_count + 1, sizeof *out->marks);
    ASSERT(out->marks != NULL);
    if (fread(out->marks, sizeof *out->marks, out->mark_count, file) != out->mark_count)
        measure_wrong(self->measure, "cannot read %s", self->marks);
    fclose(file);
}

/* What the log says in the end: chain and digest, and that nothing is missing. */
static void
read_log(struct fleet *self, struct fleet_result *out)
{
    struct store *store;
    struct store_commit last;
    struct why why = {0};

    if (store_open_read(self->folder, &store, &why) != 0)
        measure_wrong(self->measure, "%s", why.text);
    last = store_committed(store);
    if (last.step != self->setup.steps)
        measure_wrong(self->measure, "the log ends at step %" PRIu64 " of %u", last.step, self->setup.steps);
    memcpy(out->chain, last.chain, sizeof out->chain);
    memcpy(out->digest, last.digest, sizeof out->digest);
    if (store_close(&store, &why) != 0)
        measure_wrong(self->measure, "%s", why.text);
}

void
fleet_wait(struct fleet *self, struct fleet_result *out)
{
    uint64_t begin = 0, end = 0, first = 0, from = measure_ns();
    int status;

    *out = (struct fleet_result){0};
    while (fleet_is_running(self)) {
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        if (measure_seconds(from) * 1e3 > WAIT_MS) {
            fleet_kill(&self->world);
            measure_wrong(self->measure, "the cluster stands still");
        }
    }
    status = reap(&self->world);
    for (uint32_t i = 0; i < FLEET_WORKERS_MAX; i++)
        finish(&self->workers[i]);
    finish(&self->broker);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        measure_wrong(self->measure, "the world ended with wait status %d", status);
    read_marks(self, out);
    if (self->setup.way != WAY_FLOOR)
        read_log(self, out);
    for (uint32_t i = 0; i < out->mark_count; i++) {
        if (begin == 0 && out->marks[i].kind == MARK_STEP && out->marks[i].step >= self->setup.warmup) {
            begin = out->marks[i].ns;
            first = out->marks[i].step;
        }
        if (out->marks[i].kind == MARK_END)
            end = out->marks[i].ns;
    }
    if (begin == 0 || end <= begin)
        measure_wrong(self->measure, "the world did not say when it began and ended");
    out->seconds = (double)(end - begin) / 1e9;
    out->rate = (double)self->setup.agents * (double)(self->setup.steps - first) / out->seconds;
}

void
fleet_clean(struct fleet *self)
{
    measure_remove(self->folder);
    measure_remove(self->marks);
    if (self->setup.way == WAY_IPC)
        measure_remove(self->place);
}

void
fleet_run(struct measure *measure, const struct fleet_setup *setup, struct fleet_result *out)
{
    struct fleet fleet;

    fleet_prepare(&fleet, measure, setup);
    fleet_start(&fleet);
    fleet_wait(&fleet, out);
    fleet_clean(&fleet);
}

void
fleet_result_fini(struct fleet_result *self)
{
    free(self->marks);
    *self = (struct fleet_result){0};
}

uint32_t
fleet_step_times(const struct fleet_setup *setup, const struct fleet_result *result, double *out)
{
    uint32_t count = 0;

    for (uint32_t i = 1; i < result->mark_count; i++) {
        const struct mark *mark = &result->marks[i], *before = mark - 1;

        if (mark->kind == MARK_STEP && before->kind == MARK_STEP && mark->step > setup->warmup)
            out[count++] = (double)(mark->ns - before->ns) / 1e9;
    }
    return count;
}
