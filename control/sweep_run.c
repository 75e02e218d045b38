#include "control/sweep_run.h"

#include "control/figures.h"
#include "control/launch.h"
#include "control/models_mode.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#define DURABILITY_NONE 1u

void
sweep_run_path(const struct sweep_runs *self, uint32_t cell, uint32_t replicate, char out[FOLDER_PATH_SIZE])
{
    snprintf(out, FOLDER_PATH_SIZE, "%.4000s/%u-%lld", self->folder, (unsigned)cell + 1,
        (long long)self->plan->seeds[replicate]);
}

static int
remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

int
sweep_run_remove(const char *path, struct why *why)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        return fail_errno(why, ERR_IO, errno, "%s cannot be removed", path);
    return 0;
}

static int
read_figures(const char *path, struct buffer *out, struct why *why)
{
    struct folder folder;
    struct figures figures = {0};
    int error = folder_open(path, &folder, why);

    if (error != 0)
        return error;
    error = figures_read_whole(folder.store, &folder.plan, &figures, why);
    if (error == 0)
        figures_write_json(&figures, 0, out);
    figures_fini(&figures);
    folder_close(&folder);
    return error;
}

static int
launch(const struct sweep_runs *self, struct scenario *scenario, const char *path, uint64_t stop_after,
    struct why *why)
{
    struct launch launch = {.folder = path,
        .plan = &scenario->plan,
        .scenario = yaml_root(scenario->tree),
        .governed = scenario->governed,
        .stop_after = stop_after,
        .quiet = true,
        .no_signals = true};
    int status;

    /* Neither changes the log: any number of workers gives the same one. */
    scenario->plan.cluster.workers = 1;
    if (self->keep != SWEEP_KEEP_ALL)
        scenario->plan.logging.durability = DURABILITY_NONE;
    status = launch_inproc(&launch);
    if (status != 0 && !(stop_after > 0 && status == EX_TEMPFAIL))
        return fail(why, ERR_STATE, "the run stopped with status %d", status);
    return 0;
}

int
sweep_run_make(const struct sweep_runs *self, uint32_t cell, uint32_t replicate, uint64_t stop_after,
    struct buffer *figures, struct why *why)
{
    struct scenario scenario;
    char path[FOLDER_PATH_SIZE];
    int error;

    sweep_run_path(self, cell, replicate, path);
    error = sweep_plan_scenario(self->plan, cell, self->plan->seeds[replicate], &scenario, why);
    if (error == 0)
        error = models_mode_settle(scenario.tree, why);
    if (error == 0)
        error = sweep_run_remove(path, why);
    if (error == 0)
        error = folder_create(path, scenario.tree, why);
    if (error == 0)
        error = launch(self, &scenario, path, stop_after, why);
    scenario_fini(&scenario);
    if (error == 0 && stop_after == 0)
        error = read_figures(path, figures, why);
    return error;
}
