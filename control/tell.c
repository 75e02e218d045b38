/* polis describe: what a run or a scenario is. */
#include "control/commands.h"
#include "control/describe.h"
#include "control/folder.h"
#include "control/scenario.h"
#include "control/talk.h"

#include <string.h>
#include <sysexits.h>

static int
describe(const struct invocation *invocation, const struct subject *subject)
{
    struct buffer text = {0};
    struct why why = {0};

    if (!invocation_has(invocation, "odd"))
        describe_write(subject, &text);
    else if (describe_write_odd(subject, &text, &why) != 0)
        return talk_failure(&why);
    return talk_give(&text);
}

static int
describe_run(const struct invocation *invocation, struct folder *folder)
{
    size_t size;
    const void *bytes = store_manifest(folder->store, &size);
    struct buffer manifest = {0};
    int status;

    buffer_append(&manifest, bytes, size);
    status = describe(invocation, &(struct subject){.place = folder->path, .root = yaml_root(folder->tree),
                                      .plan = &folder->plan, .store = folder->store, .manifest = &manifest});
    buffer_fini(&manifest);
    return status;
}

static int
describe_scenario(const struct invocation *invocation)
{
    const char *overrides[INVOCATION_OPTIONS], *text;
    struct scenario scenario;
    struct buffer manifest = {0};
    struct why why = {0};
    uint32_t cursor = 0, count = 0;
    int status;

    while ((text = invocation_next(invocation, "set", &cursor)) != NULL)
        overrides[count++] = text;
    if (scenario_load(invocation->words[0], overrides, count, &scenario, &why) != 0) {
        scenario_fini(&scenario);
        return talk_failure(&why);
    }
    plan_write_manifest(scenario.tree, &manifest);
    status = describe(invocation, &(struct subject){.place = scenario.path, .root = yaml_root(scenario.tree),
                                      .plan = &scenario.plan, .manifest = &manifest});
    buffer_fini(&manifest);
    scenario_fini(&scenario);
    return status;
}

/* A folder with a log is a run; all else is a scenario's file or name. */
int
describe_command(const struct invocation *invocation)
{
    struct folder folder;
    char path[FOLDER_PATH_SIZE];
    struct why why = {0};
    int status;

    if (folder_find(invocation->words[0], path, NULL) != 0)
        return describe_scenario(invocation);
    if (invocation_has(invocation, "set")) {
        talk_error("%s is a run, and what it is cannot be set any more; -s is for scenarios", path);
        return EX_USAGE;
    }
    if (folder_open(path, &folder, &why) != 0)
        return talk_failure(&why);
    status = describe_run(invocation, &folder);
    folder_close(&folder);
    return status;
}
