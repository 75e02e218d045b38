/* polis fork: other futures of a run. */
#include "control/branch.h"
#include "control/commands.h"
#include "control/futures.h"
#include "control/launch.h"
#include "control/run.h"
#include "control/talk.h"
#include "core/arena.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#define OVERRIDE_MAX 256u

struct fork {
    const struct invocation *invocation;
    struct branch branch;
    const char *overrides[OVERRIDE_MAX + 1];
    uint32_t override_count, count;
    char epochs[48];
};

static void
collect_overrides(struct fork *self)
{
    const char *text;
    uint32_t cursor = 0;

    while (self->override_count < OVERRIDE_MAX && (text = invocation_next(self->invocation, "set", &cursor)) != NULL)
        self->overrides[self->override_count++] = text;
    if (!invocation_has(self->invocation, "epochs"))
        return;
    snprintf(self->epochs, sizeof self->epochs, "simulation.epochs=%" PRIu64,
        invocation_number(self->invocation, "epochs", 0));
    self->overrides[self->override_count++] = self->epochs;
}

/* The scenario of branch k: seeds count up from the one that is given, or from that of branch 0. */
static int
plan_branch(const struct fork *self, uint32_t k, int64_t first_seed, struct scenario *out, struct why *why)
{
    struct branch_wish wish = {.overrides = self->overrides, .override_count = self->override_count,
        .llm = invocation_text(self->invocation, "llm", NULL), .number = k,
        .reseeded = k > 0 || invocation_has(self->invocation, "seed-from"), .seed = first_seed + k};

    return branch_plan(&self->branch, &wish, out, why);
}

static int
choose_path(const struct fork *self, const struct scenario *scenario, uint32_t k, char out[FOLDER_PATH_SIZE],
    struct why *why)
{
    const char *given = invocation_text(self->invocation, "out", NULL);
    int size;

    if (given == NULL)
        return folder_choose(scenario->plan.name, scenario->plan.simulation.seed, out, why);
    size = self->count == 1 ? snprintf(out, FOLDER_PATH_SIZE, "%s", given)
                            : snprintf(out, FOLDER_PATH_SIZE, "%s/%" PRIu32, given, k);
    return size < (int)FOLDER_PATH_SIZE ? 0 : fail(why, ERR_LIMIT, "the path %.60s... is too long", given);
}

static int
run_one(struct fork *self, struct why *why)
{
    int64_t seed = (int64_t)invocation_number(self->invocation, "seed-from", 0);
    struct launch launch;
    struct scenario scenario;
    char path[FOLDER_PATH_SIZE];
    int status, error = plan_branch(self, 0, seed, &scenario, why);

    if (error != 0)
        return talk_failure(why);
    if ((error = choose_path(self, &scenario, 0, path, why)) == 0)
        error = branch_make(&self->branch, &scenario, path, why);
    if (error != 0) {
        scenario_fini(&scenario);
        return error == ERR_STATE ? (talk_error("%s", why->text), EX_CANTCREAT) : talk_failure(why);
    }
    talk_say("%s%s%s branches off %s behind step %" PRIu64 ", seed %lld, to step %" PRIu64 ", in %s", talk_strong(),
        scenario.plan.name, talk_plain(), self->branch.path, self->branch.step,
        (long long)scenario.plan.simulation.seed, scenario.plan.steps, path);
    launch = (struct launch){.folder = path, .plan = &scenario.plan, .scenario = yaml_root(scenario.tree),
        .governed = scenario.governed,
        .metrics = yaml_find(yaml_root(scenario.tree), "metrics_to_track"),
        .stop_after = invocation_number(self->invocation, "until", 0)};
    status = run_to_end(&launch, self->invocation, self->branch.step);
    scenario_fini(&scenario);
    return status;
}

/* ---- several ---- */

static int
make_branches(struct fork *self, struct futures *futures, struct why *why)
{
    int64_t seed = (int64_t)invocation_number(self->invocation, "seed-from", 0);
    const char *given = invocation_text(self->invocation, "out", NULL);
    int error = 0;

    for (uint32_t k = 0; k < self->count && error == 0; k++) {
        struct future *future = &futures->list[k];
        struct scenario scenario;

        if ((error = plan_branch(self, k, seed, &scenario, why)) != 0)
            break;
        if (k == 0) {
            seed = scenario.plan.simulation.seed;
            if (given != NULL && mkdir(given, 0755) != 0)
                error = fail_errno(why, ERR_STATE, errno, "the folder %.200s cannot be made", given);
        }
        future->seed = scenario.plan.simulation.seed;
        if (error == 0)
            error = choose_path(self, &scenario, k, future->path, why);
        if (error == 0)
            error = branch_make(&self->branch, &scenario, future->path, why);
        scenario_fini(&scenario);
    }
    return error;
}

static int
run_all(struct fork *self, struct why *why)
{
    struct futures futures = {.count = self->count, .parent = self->branch.path, .step = self->branch.step,
        .until = invocation_number(self->invocation, "until", 0),
        .json = invocation_has(self->invocation, "json"), .one_by_one = invocation_has(self->invocation, "inproc")};
    int status;

    futures.list = ALLOC_ARRAY(struct future, self->count);
    if (make_branches(self, &futures, why) != 0) {
        status = why->code == ERR_STATE ? (talk_error("%s", why->text), EX_CANTCREAT) : talk_failure(why);
    } else {
        talk_say("%" PRIu32 " branches of %s behind step %" PRIu64 ", seeds %lld to %lld, the first in %s", self->count,
            self->branch.path, self->branch.step, (long long)futures.list[0].seed,
            (long long)futures.list[self->count - 1].seed, futures.list[0].path);
        status = futures_run(&futures);
    }
    free(futures.list);
    return status;
}

int
fork_command(const struct invocation *invocation)
{
    struct fork self = {.invocation = invocation, .count = (uint32_t)invocation_number(invocation, "branches", 1)};
    struct why why = {0};
    int status;

    talk_set_quiet(invocation_has(invocation, "quiet"));
    collect_overrides(&self);
    if (branch_open(invocation->words[0], &self.branch, &why) != 0)
        return talk_failure(&why);
    status = self.count == 1 ? run_one(&self, &why) : run_all(&self, &why);
    branch_close(&self.branch);
    return status;
}
