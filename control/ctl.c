/* polis status and polis ctl: words with a run that is going on. */
#include "bus/operator.h"
#include "control/commands.h"
#include "control/folder.h"
#include "control/models.h"
#include "control/talk.h"
#include "core/digest.h"
#include "core/text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define STATUS_MS 2000u
#define COMMAND_MS 15000u

static int
ask(const char *path, const struct peer *whom, const char *verb, const char *argument, uint32_t timeout_ms,
    struct buffer *text, struct why *why)
{
    char place[FOLDER_PATH_SIZE + 64];
    int error = folder_read_place(path, place, sizeof place, why);

    if (error != 0)
        return error;
    if (!folder_is_live(path))
        return fail(why, ERR_TIMEOUT, "%s is not going on; polis resume %s would", path, path);
    return operator_request(place, whom, verb, argument, timeout_ms, text, why);
}

/* ---- status ---- */

static void
write_asleep(const struct folder *folder, bool json, struct buffer *out)
{
    struct store_commit tip = store_committed(folder->store);
    const char *state = tip.step >= folder->plan.steps ? "complete" : "stopped";
    char chain[2 * STORE_CHAIN + 1];

    digest_hex(tip.chain, STORE_CHAIN, chain);
    if (json) {
        text_add(out, "{\"scenario\": ");
        text_add_json(out, folder->plan.name, strlen(folder->plan.name));
        text_addf(out,
            ", \"step\": %" PRIu64 ", \"committed\": %" PRIu64 ", \"steps\": %" PRIu64
            ", \"state\": \"%s\", \"chain\": \"%s\"}\n",
            tip.step, tip.step, folder->plan.steps, state, chain);
        return;
    }
    text_addf(out, "%s: %s, step %" PRIu64 " of %" PRIu64 "\nchain %s\n", folder->plan.name, state, tip.step,
        folder->plan.steps, chain);
    if (tip.step < folder->plan.steps)
        text_addf(out, "go on with: polis resume %s\n", folder->path);
}

static int64_t
number_of(const json_t *map, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(map, key));
}

static void
write_awake(const char *answer, size_t size, struct buffer *out)
{
    json_error_t error;
    json_t *root = json_loadb(answer, size, 0, &error);
    const json_t *chunks = json_object_get(root, "chunks");
    const json_t *workers = json_object_get(root, "workers");
    const char *name = json_string_value(json_object_get(root, "scenario"));
    const char *state = json_string_value(json_object_get(root, "state"));
    size_t i;
    const json_t *worker;

    if (root == NULL) {
        text_addf(out, "%.*s\n", (int)size, answer);
        return;
    }
    text_addf(out, "%s: %s, step %" PRId64 " of %" PRId64 " (%" PRId64 " on disk), world epoch %" PRId64 "\n",
        name != NULL ? name : "?", state != NULL ? state : "?", number_of(root, "step"), number_of(root, "steps"),
        number_of(root, "committed"), number_of(root, "epoch"));
    text_addf(out, "%" PRId64 " agents, %zu workers, %s\n", number_of(root, "agents"), json_array_size(workers),
        !json_is_true(json_object_get(root, "governed"))          ? "no governance"
        : json_is_true(json_object_get(root, "governance_ready")) ? "governance is ready"
                                                                  : "governance is not ready");
    text_addf(out,
        "chunks: %" PRId64 " sent, %" PRId64 " answered, %" PRId64 " stale, %" PRId64 " past their deadline, %" PRId64
        " workers lost\n",
        number_of(chunks, "sent"), number_of(chunks, "answered"), number_of(chunks, "stale"),
        number_of(chunks, "deadlines"), number_of(chunks, "worker_deaths"));
    json_array_foreach (workers, i, worker)
        text_addf(out, "  worker %s: %" PRId64 " answered\n",
            json_is_string(json_object_get(worker, "peer")) ? json_string_value(json_object_get(worker, "peer")) : "?",
            number_of(worker, "answered"));
    json_decref(root);
}

/* ---- models ---- */

/* What models cost and how they are: a line for all, a line for each. */
static void
write_models(const struct buffer *answer, struct buffer *out)
{
    json_error_t error;
    json_t *root = json_loadb((const char *)answer->data, answer->size, 0, &error);
    const json_t *budget = json_object_get(root, "budget"), *most = json_object_get(budget, "cost_run_max");
    const json_t *model;
    size_t i;

    text_addf(out, "models (%s): %" PRId64 " questions open, %" PRId64 " calls in the log, spent %.6f",
        json_is_string(json_object_get(root, "mode")) ? json_string_value(json_object_get(root, "mode")) : "?",
        number_of(root, "open"), number_of(json_object_get(root, "log"), "calls"),
        (double)number_of(budget, "cost_run") / 1e6);
    if (json_is_integer(most))
        text_addf(out, " of %.6f", (double)json_integer_value(most) / 1e6);
    text_add(out, "\n");
    json_array_foreach (json_object_get(root, "models"), i, model)
        text_addf(out,
            "  %s/%s: %" PRId64 " asked, %" PRId64 " answered, %" PRId64 " + %" PRId64 " tokens, %.6f, breaker %s\n",
            json_string_value(json_object_get(model, "provider")), json_string_value(json_object_get(model, "model")),
            number_of(model, "sent"), number_of(model, "ok"), number_of(model, "tokens_in"),
            number_of(model, "tokens_out"), (double)number_of(model, "cost") / 1e6,
            json_string_value(json_object_get(model, "breaker")));
    json_decref(root);
}

/* Beside what the world says: what the gateway says, if the run has one. */
static void
add_models(const struct folder *folder, bool json, struct buffer *text)
{
    struct buffer answer = {0};
    struct why why = {0};
    int error;

    if (!models_are_asked(yaml_root(folder->tree)))
        return;
    error = ask(folder->path, &PEER_GATEWAY, "status", NULL, STATUS_MS, &answer, &why);
    if (error != 0)
        talk_warn("%s", why.text);
    if (json && text->size > 0 && text->data[text->size - 1] == '}') {
        text->size--;
        text_add(text, ",\"llm\":");
        if (error == 0)
            buffer_append(text, answer.data, answer.size);
        else
            text_add(text, "null");
        text_add(text, "}");
    } else if (!json && error == 0) {
        write_models(&answer, text);
    }
    buffer_fini(&answer);
}

static int
write_metrics(const struct folder *folder)
{
    struct buffer text = {0};
    struct why why = {0};

    if (!models_are_asked(yaml_root(folder->tree))) {
        talk_error("%s asks no models: only their gateway has metrics", folder->path);
        return EX_UNAVAILABLE;
    }
    if (ask(folder->path, &PEER_GATEWAY, "metrics", NULL, STATUS_MS, &text, &why) == 0)
        return talk_give(&text);
    buffer_fini(&text);
    return talk_failure(&why);
}

int
status_command(const struct invocation *invocation)
{
    bool json = invocation_has(invocation, "json");
    struct buffer answer = {0};
    struct buffer text = {0};
    struct folder folder;
    struct why why = {0};
    int status;

    if (folder_open(invocation->words[0], &folder, &why) != 0)
        return talk_failure(&why);
    if (invocation_has(invocation, "metrics")) {
        status = write_metrics(&folder);
        folder_close(&folder);
        return status;
    }
    if (ask(folder.path, &PEER_WORLD, "status", NULL, STATUS_MS, &answer, &why) != 0) {
        if (why.code != ERR_TIMEOUT) /* somebody is there, and does not want to talk */
            talk_warn("%s", why.text);
        write_asleep(&folder, json, &text);
    } else if (json) {
        buffer_append(&text, answer.data, answer.size);
        add_models(&folder, true, &text);
        text_add(&text, "\n");
    } else {
        write_awake((const char *)answer.data, answer.size, &text);
        add_models(&folder, false, &text);
    }
    status = talk_give(&text);
    buffer_fini(&answer);
    folder_close(&folder);
    return status;
}

/* ---- ctl ---- */

/* What stands behind the verbs that take something; the others take nothing. */
static const struct verb {
    const char *name, *words;
    uint32_t word_min, word_max;
} verbs[] = {
    {"kill_switch", "on or off", 1, 1},
    {"freeze", "AGENT [EPOCHS]", 1, 2},
    {"unfreeze", "AGENT", 1, 1},
};

/* The words behind the verb as one argument, as the world takes it: "7 2". */
static int
read_argument(const struct invocation *invocation, char *out, size_t size)
{
    const char *name = invocation->words[1];
    struct verb verb = {.name = name, .words = "nothing"};
    uint32_t count = invocation->word_count - 2;
    size_t used = 0;
    bool good;

    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].name, name) == 0)
            verb = verbs[i];
    out[0] = '\0';
    for (uint32_t i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? " " : "", invocation->words[2 + i]);
    good = count >= verb.word_min && count <= verb.word_max && used < size;
    if (strcmp(name, "kill_switch") == 0)
        good = good && (strcmp(out, "on") == 0 || strcmp(out, "off") == 0);
    if (!good)
        talk_error("polis ctl: %s takes %s", name, verb.words);
    return good ? 0 : EX_USAGE;
}

int
ctl_command(const struct invocation *invocation)
{
    char argument[200];
    char path[FOLDER_PATH_SIZE];
    struct buffer answer = {0};
    struct buffer text = {0};
    struct why why = {0};
    int error, status = read_argument(invocation, argument, sizeof argument);
    bool for_gateway = strcmp(invocation->words[1], "llm-reload") == 0;

    if (status != 0)
        return status;
    if (folder_find(invocation->words[0], path, &why) != 0)
        return talk_failure(&why);
    if (for_gateway)
        error = ask(path, &PEER_GATEWAY, "reload", NULL, STATUS_MS, &answer, &why);
    else
        error = ask(path, &PEER_WORLD, invocation->words[1], argument, COMMAND_MS, &answer, &why);
    if (error != 0) {
        buffer_fini(&answer);
        return talk_failure(&why);
    }
    if (invocation_has(invocation, "json")) {
        text_add(&text, "{\"schema\": \"polis.ctl/1\", \"answer\": ");
        text_add_json(&text, (const char *)answer.data, answer.size);
        text_add(&text, "}\n");
    } else {
        buffer_append(&text, answer.data, answer.size);
        text_add(&text, "\n");
    }
    status = talk_give(&text);
    buffer_fini(&answer);
    return status;
}
