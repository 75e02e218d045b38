/* control/launch.h, all in this process: the same actors, on one thread, with letters that move by pointer. */
#include "control/launch.h"

#include "agents/worker.h"
#include "bus/clock.h"
#include "bus/local.h"
#include "bus/process.h"
#include "bus/signals.h"
#include "bus/subscriber.h"
#include "control/models.h"
#include "control/models_gateway.h"
#include "control/progress.h"
#include "control/talk.h"
#include "core/arena.h"
#include "core/log.h"
#include "governance/court.h"
#include "proto/sandbox.h"
#include "world/world.h"

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

static void
show(struct progress *progress, uint64_t step, uint32_t epoch, const struct blob *summary)
{
    struct figures figures = {0};
    struct batch batch;

    if (summary->size > 0 && batch_read(&schema_summary, summary->data, summary->size, &batch, NULL) == 0 &&
        figures_add(&figures, step, epoch, &batch, NULL) == 0)
        progress_figures(progress, &figures);
    figures_fini(&figures);
    progress_step(progress, step, clock_ms());
}

static void
on_step(void *context, const struct envelope *head, const struct step_event *event)
{
    (void)head;
    show(context, event->step, event->simulation_epoch, &event->summary);
}

/* Everything but the world, lent to the bus. */
struct cast {
    struct worker **workers;
    struct courthouse *court;
    struct gateway *gateway;
    struct subscriber *subscriber;
    struct progress progress;
};

static void
attach_all(struct cast *cast, const struct launch *launch, struct local *local)
{
    struct subscriber_calls calls = {.context = &cast->progress, .step = on_step};
    struct actor actor;

    if (launch->governed && !launch->recompute) {
        cast->court = court_new();
        court_actor(cast->court, &actor);
        local_attach(local, &actor);
    }
    if (cast->gateway != NULL) {
        gateway_actor(cast->gateway, &actor);
        local_attach(local, &actor);
    }
    cast->workers = ALLOC_ARRAY(struct worker *, launch->plan->cluster.workers);
    for (uint32_t i = 0; i < launch->plan->cluster.workers; i++) {
        cast->workers[i] = worker_new(NULL);
        worker_actor(cast->workers[i], &actor);
        local_attach(local, &actor);
    }
    if (launch->quiet)
        return;
    cast->subscriber = subscriber_new(&calls, -1);
    local_attach(local, subscriber_actor(cast->subscriber));
}

int
launch_inproc(struct launch *self)
{
    struct world_options options = {.folder = self->folder,
        .cluster = self->plan->cluster,
        .store.durability = self->plan->logging.durability == 0 ? STORE_SYNC : STORE_NOSYNC,
        .snapshot_every = self->plan->logging.snapshot_every,
        .stop_after = self->stop_after, .recompute = self->recompute, .invariants = self->invariants};
    struct world *world = NULL;
    struct cast cast = {0};
    struct local *local;
    struct actor actor;
    struct why why = {0};
    bool asks = self->scenario != NULL && !self->recompute && models_are_asked(self->scenario);
    int signal_fd, status;

    process_tune();
    log_set_level(LOG_LEVEL_WARNING); /* its lines would break the line of progress */
    signals_block();
    signal_fd = self->no_signals ? -1 : signals_open();
    /* The gateway reads the run's manifest before the world opens it: a process may have it open only once. */
    if ((asks && models_gateway_open(self->folder, self->dry, &cast.gateway, &why) != 0) ||
        world_new(&options, &world, &why) != 0) {
        gateway_destroy(&cast.gateway);
        if (signal_fd >= 0)
            close(signal_fd);
        return talk_failure(&why);
    }
    local = local_new(&(struct local_options){.signal_fd = signal_fd});
    progress_init(&cast.progress, self->plan, self->metrics, world_step(world), clock_ms());
    world_actor(world, &actor);
    local_attach(local, &actor);
    attach_all(&cast, self, local);
    status = local_run(local);
    progress_end(&cast.progress);
    if (self->keep != NULL && status == 0)
        world_save(world, self->keep);
    local_destroy(&local);
    for (uint32_t i = 0; i < self->plan->cluster.workers; i++)
        worker_destroy(&cast.workers[i]);
    free(cast.workers);
    court_destroy(&cast.court);
    gateway_destroy(&cast.gateway);
    subscriber_destroy(&cast.subscriber);
    if (world_destroy(&world, &why) != 0)
        status = talk_failure(&why);
    if (signal_fd >= 0)
        close(signal_fd);
    return status;
}
