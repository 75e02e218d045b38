#include "bus/clock.h"
#include "control/commands.h"
#include "control/estimate.h"
#include "control/folder.h"
#include "control/launch.h"
#include "control/models_mode.h"
#include "control/report.h"
#include "control/run.h"
#include "control/scenario.h"
#include "control/talk.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define OVERRIDE_MAX 256u

/* -s in the order given, then the options that are short for one. */
struct overrides {
    const char *list[OVERRIDE_MAX + 3];
    uint32_t count;
    char words[3][64];
};

static void
collect_overrides(const struct invocation *invocation, struct overrides *out)
{
    static const struct {
        const char *option, *path;
    } shorts[3] = {{"seed", "simulation.seed"}, {"epochs", "simulation.epochs"}, {"workers", "cluster.workers"}};
    const char *text;
    uint32_t cursor = 0;

    out->count = 0;
    while (out->count < OVERRIDE_MAX && (text = invocation_next(invocation, "set", &cursor)) != NULL)
        out->list[out->count++] = text;
    for (uint32_t i = 0; i < 3; i++)
        if (invocation_has(invocation, shorts[i].option)) {
            snprintf(out->words[i], sizeof out->words[i], "%s=%llu", shorts[i].path,
                (unsigned long long)invocation_number(invocation, shorts[i].option, 0));
            out->list[out->count++] = out->words[i];
        }
}

static void
say_next(const char *folder, int status, bool complete)
{
    if (status != 0 && !complete) {
        talk_say("%sThe run is not complete.%s Every committed step is kept; go on with:\n  polis resume %s",
            talk_strong(), talk_plain(), folder);
        return;
    }
    talk_say("next:  polis replay %s --verify\n       polis export %s --format csv\n       polis check %s", folder,
        folder, folder);
}

int
run_to_end(struct launch *launch, const struct invocation *invocation, uint64_t begun_at)
{
    struct report_options report = {
        .json = invocation_has(invocation, "json"), .quiet = invocation_has(invocation, "quiet"), .begun_at = begun_at};
    uint64_t started_ms = clock_ms();
    struct why why = {0};
    int status = invocation_has(invocation, "inproc") ? launch_inproc(launch) : launch_cluster(launch);

    report.spent_ms = clock_ms() - started_ms;
    report.restarts = launch->restarts;
    if (status != 0 && status != EX_TEMPFAIL && status != 128 + SIGINT)
        talk_error("the run has stopped with status %d; what its processes said is in %s/log", status, launch->folder);
    if (report_write(launch->folder, &report, &why) != 0 && status == 0)
        status = talk_failure(&why);
    say_next(launch->folder, status, status == 0);
    return status;
}

/* Nothing is left to do but to say what came of it. */
static int
tell_complete(const char *path, const struct invocation *invocation)
{
    struct report_options report = {
        .json = invocation_has(invocation, "json"), .quiet = invocation_has(invocation, "quiet")};
    struct why why = {0};

    talk_say("%s is complete", path);
    return report_write(path, &report, &why) != 0 ? talk_failure(&why) : 0;
}

static bool
is_governed(const struct yaml_node *root)
{
    const struct yaml_node *node = yaml_find(root, "domain");
    const struct domain *domain = domain_of(node != NULL && node->text != NULL ? node->text : "sandbox", root);

    return domain != NULL && domain_is_governed(domain, root);
}

/* As scenario_load(), with what --llm says. */
static int
load(const struct invocation *invocation, struct scenario *out, struct why *why)
{
    struct overrides overrides;
    struct models_wish wish;
    struct yaml_tree *tree = NULL;
    int error = 0;

    memset(out, 0, sizeof *out);
    collect_overrides(invocation, &overrides);
    if (invocation_has(invocation, "llm"))
        error = models_wish_read(invocation_text(invocation, "llm", ""), true, &wish, why);
    if (error == 0)
        error = scenario_read(invocation->words[0], overrides.list, overrides.count, &tree, why);
    if (error == 0 && invocation_has(invocation, "llm") && (error = models_wish_apply(&wish, tree, why)) != 0)
        yaml_destroy(&tree);
    if (error == 0)
        error = scenario_resolve(&tree, out, why);
    return error != 0 ? error : models_mode_settle(out->tree, why);
}

static int
tell_estimate(const struct scenario *scenario, bool json)
{
    struct buffer text = {0};
    struct why why = {0};

    if (estimate_write(scenario, json, &text, &why) != 0) {
        buffer_fini(&text);
        return talk_failure(&why);
    }
    return talk_give(&text);
}

int
run_command(const struct invocation *invocation)
{
    struct scenario scenario;
    struct launch launch = {0};
    char path[FOLDER_PATH_SIZE];
    struct why why = {0};
    int status;

    talk_set_quiet(invocation_has(invocation, "quiet"));
    if (load(invocation, &scenario, &why) != 0) {
        scenario_fini(&scenario);
        return talk_failure(&why);
    }
    if (invocation_has(invocation, "dry-run")) {
        status = tell_estimate(&scenario, invocation_has(invocation, "json"));
        scenario_fini(&scenario);
        return status;
    }
    if (invocation_has(invocation, "out"))
        snprintf(path, sizeof path, "%s", invocation_text(invocation, "out", ""));
    else if (folder_choose(scenario.plan.name, scenario.plan.simulation.seed, path, &why) != 0) {
        scenario_fini(&scenario);
        return talk_failure(&why);
    }
    if (folder_create(path, scenario.tree, &why) != 0) {
        scenario_fini(&scenario);
        talk_error("%s", why.text);
        return why.code == ERR_FULL ? EX_IOERR : EX_CANTCREAT;
    }
    talk_say("%s%s%s: %u epochs of %u steps, seed %lld, %u lever%s, in %s", talk_strong(), scenario.plan.name,
        talk_plain(), (unsigned)scenario.plan.simulation.epochs, (unsigned)scenario.plan.simulation.steps_per_epoch,
        (long long)scenario.plan.simulation.seed, (unsigned)scenario.lever_count, scenario.lever_count == 1 ? "" : "s",
        path);
    launch = (struct launch){.folder = path,
        .plan = &scenario.plan,
        .scenario = yaml_root(scenario.tree),
        .governed = scenario.governed,
        .metrics = yaml_find(yaml_root(scenario.tree), "metrics_to_track"),
        .stop_after = invocation_number(invocation, "until", 0)};
    status = run_to_end(&launch, invocation, 0);
    scenario_fini(&scenario);
    return status;
}

int
resume_command(const struct invocation *invocation)
{
    struct folder folder;
    struct launch launch = {0};
    struct why why = {0};
    uint64_t step;
    int status;

    talk_set_quiet(invocation_has(invocation, "quiet"));
    if (folder_open(invocation->words[0], &folder, &why) != 0)
        return talk_failure(&why);
    step = store_committed(folder.store).step;
    /* Closed before the world opens it: one process must not have the same log open twice. */
    if (store_close(&folder.store, &why) != 0) {
        folder_close(&folder);
        return talk_failure(&why);
    }
    if (step >= folder.plan.steps) {
        status = tell_complete(folder.path, invocation);
        folder_close(&folder);
        return status;
    }
    folder.plan.cluster.workers = (uint32_t)invocation_number(invocation, "workers", folder.plan.cluster.workers);
    if (folder_write_cluster(folder.path, &folder.plan,
            yaml_find(yaml_root(folder.tree), "llm") != NULL ? &folder.models : NULL, &why) != 0) {
        folder_close(&folder);
        return talk_failure(&why);
    }
    talk_say("%s%s%s goes on behind step %llu of %llu", talk_strong(), folder.path, talk_plain(),
        (unsigned long long)step, (unsigned long long)folder.plan.steps);
    launch = (struct launch){.folder = folder.path,
        .plan = &folder.plan,
        .scenario = yaml_root(folder.tree),
        .governed = is_governed(yaml_root(folder.tree)),
        .metrics = yaml_find(yaml_root(folder.tree), "metrics_to_track"),
        .stop_after = invocation_number(invocation, "until", 0)};
    status = run_to_end(&launch, invocation, step);
    folder_close(&folder);
    return status;
}
