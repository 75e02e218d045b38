/* The processes of a run, each this same program. `polis run` starts them; by hand they are for a cluster laid out by
 * somebody else. */
#include "agents/worker.h"
#include "broker/broker.h"
#include "bus/process.h"
#include "bus/signals.h"
#include "control/commands.h"
#include "control/folder.h"
#include "control/models_gateway.h"
#include "control/talk.h"
#include "core/log.h"
#include "governance/court.h"
#include "world/world.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define UNWELCOME_MS 30000u /* a process that nobody starts a broker for ends by itself */

struct role_place {
    char folder[FOLDER_PATH_SIZE]; /* "" when only a broker's place was named */
    char place[FOLDER_PATH_SIZE + 64];
    int parent;
    char who[32];
};

/* Where this process belongs: --run FOLDER, or --connect PLACE. */
static int
read_place(const struct invocation *invocation, struct role_place *out, struct why *why)
{
    const char *run = invocation_text(invocation, "run", NULL);
    const char *place = invocation_text(invocation, "connect", NULL);
    enum log_level level;
    int error;

    signals_block(); /* a signal during recovery is heard once the loop runs */
    *out = (struct role_place){.parent = (int)invocation_number(invocation, "parent", 0)};
    snprintf(out->who, sizeof out->who, "%.20s.%llu", invocation->command->name,
        (unsigned long long)invocation_number(invocation, "number", 1));
    if ((error = log_level_parse(invocation_text(invocation, "log-level", "info"), &level, why)) != 0)
        return error;
    log_set_level(level);
    if (run == NULL && place == NULL)
        return fail(why, ERR_INVALID, "polis %s needs --run FOLDER or --connect PLACE", invocation->command->name);
    if (run != NULL)
        snprintf(out->folder, sizeof out->folder, "%s", run);
    if (place == NULL)
        return folder_read_place(run, out->place, sizeof out->place, why);
    snprintf(out->place, sizeof out->place, "%s", place);
    return 0;
}

static int
usage_failure(const struct why *why)
{
    talk_error("%s", why->text);
    return why->code == ERR_INVALID || why->code == ERR_UNKNOWN ? EX_USAGE : error_exit_status(why->code);
}

int
roles_broker(const struct invocation *invocation)
{
    struct role_place here;
    struct why why = {0};

    if (read_place(invocation, &here, &why) != 0)
        return usage_failure(&why);
    return broker_main(&(struct broker_options){.place = here.place, .parent_pid = here.parent, .ready_fd = -1});
}

static int
run_actor(const struct role_place *here, const struct actor *actor)
{
    return process_main(&(struct process_options){.who = here->who, .place = here->place, .parent_pid = here->parent,
                            .connect_timeout_ms = UNWELCOME_MS}, actor);
}

int
roles_world(const struct invocation *invocation)
{
    struct role_place here;
    struct world_options options = {0};
    struct logging logging;
    struct world *world = NULL;
    struct actor actor;
    struct why why = {0};
    int status;

    if (read_place(invocation, &here, &why) != 0)
        return usage_failure(&why);
    if (here.folder[0] == '\0') {
        talk_error("polis world needs --run FOLDER: it owns the run's log");
        return EX_USAGE;
    }
    if (folder_read_cluster(here.folder, &options.cluster, &logging, &why) != 0)
        return talk_failure(&why);
    options.folder = here.folder;
    options.snapshot_every = logging.snapshot_every;
    options.store.durability = logging.durability == 0 ? STORE_SYNC : STORE_NOSYNC;
    options.stop_after = invocation_number(invocation, "until", 0);
    options.wait_for_workers = invocation_has(invocation, "wait-for-workers");
    if (world_new(&options, &world, &why) != 0) {
        log_line(LOG_ERROR, here.who, "%s", why.text);
        return why.code == ERR_DIGEST ? WORLD_EXIT_DIGEST : error_exit_status(why.code);
    }
    world_actor(world, &actor);
    status = run_actor(&here, &actor);
    if (world_destroy(&world, &why) != 0) {
        log_line(LOG_ERROR, here.who, "%s", why.text);
        status = status == 0 ? error_exit_status(why.code) : status;
    }
    return status;
}

int
roles_agents(const struct invocation *invocation)
{
    struct role_place here;
    struct worker *worker;
    struct actor actor;
    struct why why = {0};
    int status;

    if (read_place(invocation, &here, &why) != 0)
        return usage_failure(&why);
    worker = worker_new(&(struct worker_options){.serves = invocation_text(invocation, "serves", "*")});
    worker_actor(worker, &actor);
    status = run_actor(&here, &actor);
    worker_destroy(&worker);
    return status;
}

int
roles_governance(const struct invocation *invocation)
{
    struct role_place here;
    struct courthouse *court;
    struct actor actor;
    struct why why = {0};
    int status;

    if (read_place(invocation, &here, &why) != 0)
        return usage_failure(&why);
    court = court_new();
    court_actor(court, &actor);
    status = run_actor(&here, &actor);
    court_destroy(&court);
    return status;
}

int
roles_gateway(const struct invocation *invocation)
{
    struct role_place here;
    struct gateway *gateway = NULL;
    struct actor actor;
    struct why why = {0};
    int status;

    if (read_place(invocation, &here, &why) != 0)
        return usage_failure(&why);
    if (here.folder[0] == '\0') {
        talk_error("polis llm-gateway needs --run FOLDER: it keeps the run's call log");
        return EX_USAGE;
    }
    if (models_gateway_open(here.folder, false, &gateway, &why) != 0) {
        log_line(LOG_ERROR, here.who, "%s", why.text);
        return error_exit_status(why.code);
    }
    gateway_actor(gateway, &actor);
    status = run_actor(&here, &actor);
    gateway_destroy(&gateway);
    return status;
}
