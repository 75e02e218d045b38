/* polis replay and polis check: is a run what its log says? */
#include "bus/clock.h"
#include "control/commands.h"
#include "control/folder.h"
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
    int status;

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
    status = talk_data(text.data, text.size);
    buffer_fini(&text);
    return status;
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

int
replay_command(const struct invocation *invocation)
{
    char path[FOLDER_PATH_SIZE];
    struct why why = {0};

    talk_set_quiet(invocation_has(invocation, "quiet"));
    if (folder_find(invocation->words[0], path, &why) != 0)
        return talk_failure(&why);
    return replay(invocation, path, false, "replay");
}

int
check_command(const struct invocation *invocation)
{
    uint64_t started_ms = clock_ms();
    struct replay_report result = {0};
    struct folder folder;
    struct store_commit tip;
    struct why why = {0};
    int error = folder_open(invocation->words[0], &folder, &why);

    talk_set_quiet(invocation_has(invocation, "quiet"));
    if (error == 0)
        error = store_verify(folder.store, 0, UINT64_MAX, &why);
    if (error != 0) {
        folder_close(&folder);
        return talk_failure(&why);
    }
    tip = store_committed(folder.store);
    result.steps = tip.step;
    memcpy(result.chain, tip.chain, sizeof result.chain);
    memcpy(result.digest, tip.digest, sizeof result.digest);
    folder_close(&folder);
    if (invocation_has(invocation, "deep"))
        return replay(invocation, folder.path, true, "check");
    return report(invocation, folder.path, &result, clock_ms() - started_ms, "check");
}
