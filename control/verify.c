/* polis replay and polis check: is a run what its log says? */
#include "bus/clock.h"
#include "control/commands.h"
#include "control/folder.h"
#include "control/launch.h"
#include "control/talk.h"
#include "core/digest.h"
#include "core/text.h"
#include "world/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct walk {
    uint64_t shown_ms, started_ms;
};

static void
on_step(void *context, uint64_t step, uint64_t steps)
{
    struct walk *walk = context;
    uint64_t now_ms = clock_ms();
    char line[100];

    if (now_ms - walk->shown_ms < 100)
        return;
    walk->shown_ms = now_ms;
    snprintf(line, sizeof line, "replaying step %" PRIu64 "/%" PRIu64, step, steps);
    talk_progress(line);
}

static int
report(const struct invocation *invocation, const char *path, const struct replay_report *result, uint64_t spent_ms,
    const char *verb)
{
    char chain[2 * STORE_CHAIN + 1], digest[2 * STORE_DIGEST + 1], spent[TEXT_NUMBER_SIZE];
    struct buffer text = {0};

    digest_hex(result->chain, STORE_CHAIN, chain);
    digest_hex(result->digest, STORE_DIGEST, digest);
    text_format_duration(spent_ms, spent);
    if (invocation_has(invocation, "json")) {
        text_addf(&text, "{\"schema\": \"polis.%s/1\", \"run\": ", verb);
        text_add_json(&text, path, strlen(path));
        text_addf(&text,
            ", \"good\": true, \"steps\": %" PRIu64 ", \"chain\": \"%s\", \"digest\": \"%s\", \"seconds\": %.3f}\n",
            result->steps, chain, digest, (double)spent_ms / 1000.0);
    } else if (!invocation_has(invocation, "quiet")) {
        text_addf(&text, "%s: %" PRIu64 " steps %s, all as the log says (%s)\nchain %s\nstate %s\n", path,
            result->steps, strcmp(verb, "replay") == 0 ? "replayed" : "checked", spent, chain, digest);
    }
    return talk_give(&text);
}

static int
replay(const struct invocation *invocation, const char *path, bool invariants, const char *verb)
{
    struct walk walk = {.started_ms = clock_ms()};
    bool bounded = strcmp(verb, "replay") == 0;
    struct replay_options options = {.upto = bounded ? invocation_number(invocation, "until", 0) : 0,
        .chain = true,
        .invariants = invariants,
        .each = on_step,
        .context = &walk};
    struct replay_report result = {0};
    struct why why = {0};
    int error = replay_run(path, &options, &result, &why);

    talk_progress("");
    if (error != 0)
        return talk_failure(&why);
    return report(invocation, path, &result, clock_ms() - walk.started_ms, verb);
}

/* What a replay to the step asked for (or the last one) arrives at: the run was opened for reading and is sound. */
static int
read_result(struct folder *folder, uint64_t until, struct replay_report *out, struct why *why)
{
    struct store_commit tip = store_committed(folder->store);
    int error = 0;

    if (until > 0 && until < tip.step)
        error = store_read_commit(folder->store, until, &tip, why);
    out->steps = tip.step;
    memcpy(out->chain, tip.chain, sizeof out->chain);
    memcpy(out->digest, tip.digest, sizeof out->digest);
    return error;
}

/* Has workers in this process make every step again; they must come to the logged records and states. */
static int
recompute(const struct invocation *invocation, struct folder *folder, bool invariants, const char *verb)
{
    bool bounded = strcmp(verb, "replay") == 0;
    uint64_t started_ms = clock_ms(), until = bounded ? invocation_number(invocation, "until", 0) : 0;
    struct launch launch = {.folder = folder->path, .plan = &folder->plan, .stop_after = until, .recompute = true,
        .invariants = invariants, .quiet = true};
    struct replay_report result = {0};
    struct why why = {0};
    int error, status;

    error = store_verify(folder->store, 0, until > 0 ? until : UINT64_MAX, &why);
    if (error == 0)
        error = read_result(folder, until, &result, &why);
    folder_close_store(folder); /* a process may have a run open only once */
    if (error != 0)
        return talk_failure(&why);
    status = launch_inproc(&launch);
    return status != 0 ? status : report(invocation, folder->path, &result, clock_ms() - started_ms, verb);
}

int
replay_command(const struct invocation *invocation)
{
    struct folder folder;
    struct why why = {0};
    int status;

    talk_set_quiet(invocation_has(invocation, "quiet"));
    if (folder_open(invocation->words[0], &folder, &why) != 0)
        return talk_failure(&why);
    if (invocation_has(invocation, "recompute") || folder.plan.logging.detail == DETAIL_INPUTS) {
        status = recompute(invocation, &folder, false, "replay");
    } else {
        folder_close_store(&folder);
        status = replay(invocation, folder.path, false, "replay");
    }
    folder_close(&folder);
    return status;
}

int
check_command(const struct invocation *invocation)
{
    uint64_t started_ms = clock_ms();
    struct replay_report result = {0};
    struct folder folder;
    struct why why = {0};
    int error = folder_open(invocation->words[0], &folder, &why), status;

    talk_set_quiet(invocation_has(invocation, "quiet"));
    if (error == 0 && invocation_has(invocation, "deep") && folder.plan.logging.detail == DETAIL_INPUTS) {
        status = recompute(invocation, &folder, true, "check");
        folder_close(&folder);
        return status;
    }
    if (error == 0)
        error = store_verify(folder.store, 0, UINT64_MAX, &why);
    if (error == 0)
        error = read_result(&folder, 0, &result, &why);
    folder_close(&folder);
    if (error != 0)
        return talk_failure(&why);
    if (invocation_has(invocation, "deep"))
        return replay(invocation, folder.path, true, "check");
    return report(invocation, folder.path, &result, clock_ms() - started_ms, "check");
}
