#include "bench/asking.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/usage.h"
#include "broker/broker.h"
#include "bus/process.h"
#include "core/assert.h"
#include "core/log.h"

#define PATIENCE_S 60u /* a client that has not ended by then, and a second for 1,000 questions, is taken for hung */

struct asking_shared {
    struct asking_figure figure;
    double latencies[ASKING_MESSAGES_MAX];
};

/* ---- the client ---- */

enum stage { WARMING, MEASURING, ENDED };

struct client {
    const struct asking_load *load;
    const struct asking *rig;
    struct asking_shared *shared;
    enum stage stage;
    uint64_t step;
    uint64_t sent, answered, total; /* questions of this stage */
    uint32_t index;                 /* the next message of this step */
    uint64_t *due_ns;               /* by message of this step */
    uint64_t begin_ns;
    double cpu_gateway, cpu_broker, cpu_own;
    int timer;
};

_Noreturn static void
client_wrong(const char *what)
{
    fprintf(stderr, "bench gateway: the client: %s\n", what);
    exit(EXIT_FAILURE);
}

static void
client_send(struct client *self, uint64_t due_ns, struct outbox *out)
{
    struct envelope head;
    struct buffer bytes = {0};

    questions_write(self->step, self->index, self->load->rows, self->load->equal, &head, &bytes);
    self->due_ns[self->index++] = due_ns;
    self->sent += self->load->rows;
    outbox_send_hashed(out, CHANNEL_DATA, &PEER_GATEWAY, &head, &bytes);
}

/* The rate counts in the stage that is measured; before, all goes as fast as it is answered. */
static uint64_t
due_ns(const struct client *self)
{
    if (self->load->per_second == 0 || self->stage == WARMING)
        return 0;
    return self->begin_ns + self->sent / self->load->rows * (1000000000u / self->load->per_second);
}

static void
client_pump(struct client *self, struct outbox *out)
{
    uint64_t now = measure_ns();

    if (self->sent == self->answered && (uint64_t)self->index * self->load->rows >= self->load->step_size) {
        self->step++;
        self->index = 0;
    }
    while (self->sent < self->total && self->sent - self->answered + self->load->rows <= self->load->in_flight &&
           (uint64_t)self->index * self->load->rows < self->load->step_size && due_ns(self) <= now)
        client_send(self, due_ns(self) > 0 ? due_ns(self) : now, out);
}

/* A message is due with each beat of the timer. */
static void
client_set_timer(const struct client *self)
{
    long period = 1000000000 / (long)self->load->per_second;
    struct itimerspec often = {{.tv_nsec = period}, {.tv_nsec = period}};

    ASSERT(timerfd_settime(self->timer, 0, &often, NULL) == 0);
}

static void
client_measure(struct client *self)
{
    self->stage = MEASURING;
    self->total = self->load->total;
    self->sent = self->answered = 0;
    self->step++;
    self->index = 0;
    memset(&self->shared->figure, 0, sizeof self->shared->figure);
    self->cpu_gateway = usage_cpu_seconds(self->rig->gateway);
    self->cpu_broker = usage_cpu_seconds(self->rig->broker);
    self->cpu_own = usage_cpu_seconds(0);
    if (self->load->per_second > 0)
        client_set_timer(self);
    self->begin_ns = measure_ns();
}

static void
client_end(struct client *self, struct outbox *out)
{
    struct asking_figure *figure = &self->shared->figure;
    double us = 1e6 / (double)self->total;

    figure->per_second = (double)self->total / measure_seconds(self->begin_ns);
    figure->gateway_us = (usage_cpu_seconds(self->rig->gateway) - self->cpu_gateway) * us;
    figure->broker_us = (usage_cpu_seconds(self->rig->broker) - self->cpu_broker) * us;
    figure->client_us = (usage_cpu_seconds(0) - self->cpu_own) * us;
    self->stage = ENDED;
    outbox_stop(out, 0);
}

static void
client_start(void *context, uint64_t now_ms, struct outbox *out)
{
    struct client *self = context;

    (void)now_ms;
    if (self->answered > 0)
        client_wrong("the connection was lost");
    client_pump(self, out);
}

static void
client_receive(void *context, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct client *self = context;
    struct asking_figure *figure = &self->shared->figure;

    (void)now_ms;
    if (letter->head.type == MSG_NACK)
        client_wrong("a question was refused");
    if (letter->head.type != MSG_COMPLETION || self->stage == ENDED)
        return;
    if (letter->head.step != self->step || letter->head.chunk >= self->index ||
        !questions_read(letter->payload, letter->size, self->load->rows, figure->sources))
        client_wrong("an answer is not what was wanted");
    if (self->stage == MEASURING && figure->latency_count < ASKING_MESSAGES_MAX)
        self->shared->latencies[figure->latency_count++] =
            (double)(measure_ns() - self->due_ns[letter->head.chunk]);
    self->answered += self->load->rows;
    if (self->answered < self->total) {
        client_pump(self, out);
        return;
    }
    if (self->stage == MEASURING) {
        client_end(self, out);
    } else {
        client_measure(self);
        client_pump(self, out);
    }
}

static void
client_tick(void *context, uint64_t now_ms, struct outbox *out)
{
    (void)context, (void)now_ms, (void)out;
}

static void
client_ready(void *context, uint64_t now_ms, struct outbox *out)
{
    struct client *self = context;
    uint64_t times;

    (void)now_ms;
    (void)!read(self->timer, &times, sizeof times);
    if (self->stage == MEASURING)
        client_pump(self, out);
}

static int
client_run(const struct asking *rig, const struct asking_load *load)
{
    struct client self = {.load = load,
                          .rig = rig,
                          .shared = rig->shared,
                          .step = rig->step + 1,
                          .total = load->warmup,
                          .timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
    struct actor actor = {.role = ROLE_AGENTS,
                          .serves = "",
                          .self = &self,
                          .ready_fd = self.timer,
                          .start = client_start,
                          .receive = client_receive,
                          .tick = client_tick,
                          .ready = client_ready};

    ASSERT(load->warmup > 0 && self.timer >= 0);
    self.due_ns = calloc(load->step_size / load->rows + 1, sizeof *self.due_ns);
    ASSERT(self.due_ns != NULL);
    (void)alarm(PATIENCE_S + (unsigned)(load->total / 1000));
    return process_main(
        &(struct process_options){.place = rig->place, .parent_pid = getppid(), .connect_timeout_ms = 20000}, &actor);
}

/* ---- the gateway ---- */

struct watch {
    struct actor inner;
    int ready_fd;
};

static void
watch_start(void *context, uint64_t now_ms, struct outbox *out)
{
    struct watch *self = context;

    self->inner.start(self->inner.self, now_ms, out);
    (void)!write(self->ready_fd, "", 1);
}

static void
watch_receive(void *context, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct watch *self = context;

    self->inner.receive(self->inner.self, now_ms, letter, out);
}

static void
watch_tick(void *context, uint64_t now_ms, struct outbox *out)
{
    struct watch *self = context;

    self->inner.tick(self->inner.self, now_ms, out);
}

static void
watch_ready(void *context, uint64_t now_ms, struct outbox *out)
{
    struct watch *self = context;

    self->inner.ready(self->inner.self, now_ms, out);
}

static void
watch_signal(void *context, uint64_t now_ms, enum actor_signal signal, struct outbox *out)
{
    struct watch *self = context;

    self->inner.signal(self->inner.self, now_ms, signal, out);
}

static int
gateway_run(const struct asking *rig, const struct questions_gateway *plan, int ready_fd)
{
    struct gateway *gateway = questions_gateway_new(plan);
    struct watch watch = {.ready_fd = ready_fd};
    struct actor actor;
    int status;

    gateway_actor(gateway, &watch.inner);
    actor = watch.inner;
    actor.self = &watch;
    actor.start = watch_start;
    actor.receive = watch_receive;
    actor.tick = watch_tick;
    actor.ready = watch_ready;
    actor.signal = watch_signal;
    status = process_main(
        &(struct process_options){.place = rig->place, .parent_pid = getppid(), .connect_timeout_ms = 20000}, &actor);
    gateway_destroy(&gateway);
    return status;
}

/* ---- processes ---- */

static pid_t
child_new(const struct measure *measure)
{
    pid_t child;

    (void)fflush(NULL);
    child = fork();
    if (child < 0)
        measure_wrong(measure, "fork: %s", strerror(errno));
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        log_set_level(LOG_ERROR);
    }
    return child;
}

static void
await_byte(const struct measure *measure, int pipes[2], const char *what)
{
    char byte;
    ssize_t got;

    (void)close(pipes[1]);
    while ((got = read(pipes[0], &byte, 1)) < 0 && errno == EINTR)
        continue;
    (void)close(pipes[0]);
    if (got != 1)
        measure_wrong(measure, "the %s does not begin", what);
}

void
asking_start(struct asking *self, const struct measure *measure, const char *name,
          const struct questions_gateway *plan)
{
    int pipes[2];

    *self = (struct asking){.measure = measure};
    (void)snprintf(self->place, sizeof self->place, "%s/%s", measure_folder(measure), name);
    self->shared =
        mmap(NULL, sizeof *self->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT(self->shared != MAP_FAILED && pipe(pipes) == 0);
    self->broker = child_new(measure);
    if (self->broker == 0)
        _exit(broker_main(&(struct broker_options){
            .place = self->place, .parent_pid = getppid(), .ready_fd = pipes[1]}));
    await_byte(measure, pipes, "broker");
    ASSERT(pipe(pipes) == 0);
    self->gateway = child_new(measure);
    if (self->gateway == 0)
        _exit(gateway_run(self, plan, pipes[1]));
    await_byte(measure, pipes, "gateway");
}

static void
finish(const struct asking *self, pid_t *pid, const char *what)
{
    int status;

    (void)kill(*pid, SIGTERM);
    while (waitpid(*pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        measure_wrong(self->measure, "the %s ended with wait status %d", what, status);
    *pid = 0;
}

void
asking_stop(struct asking *self)
{
    finish(self, &self->gateway, "gateway");
    finish(self, &self->broker, "broker");
    (void)munmap(self->shared, sizeof *self->shared);
    measure_remove(self->place);
}

void
asking_run(struct asking *self, const struct asking_load *load, struct asking_figure *out)
{
    pid_t client = child_new(self->measure);
    int status;

    if (client == 0)
        _exit(client_run(self, load));
    while (waitpid(client, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        measure_wrong(self->measure, "the client ended with wait status %d", status);
    self->step += 2 + load->warmup / load->step_size + load->total / load->step_size;
    *out = self->shared->figure;
    out->latencies = self->shared->latencies;
}
