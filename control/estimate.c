#include "control/estimate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "control/folder.h"
#include "control/launch.h"
#include "control/models.h"
#include "control/sweep_run.h"
#include "core/arena.h"
#include "core/text.h"
#include "llm-gateway/llm_config.h"
#include "llm-gateway/record.h"

/* Of one role, in the steps that were tried. */
struct part {
    uint64_t calls, refused;
    double tokens_in, tokens_out, cost; /* cost in currency units */
};

struct estimate {
    const struct scenario *scenario;
    struct llm_config *config;
    struct part *parts; /* by role of the configuration */
    uint64_t tried, steps;
};

/* ---- trying ---- */

static uint64_t
steps_to_try(const struct plan *plan)
{
    uint64_t steps = plan->simulation.steps_per_epoch;

    steps = steps > ESTIMATE_STEPS_MAX ? ESTIMATE_STEPS_MAX : steps;
    return steps > plan->steps ? plan->steps : steps;
}

static int
try_steps(const struct scenario *scenario, const char *folder, uint64_t steps, struct why *why)
{
    struct plan plan = scenario->plan;
    struct launch launch = {.folder = folder,
                            .plan = &plan,
                            .scenario = yaml_root(scenario->tree),
                            .governed = scenario->governed,
                            .stop_after = steps,
                            .dry = true,
                            .quiet = true,
                            .no_signals = true};
    struct yaml_node *section = yaml_find(yaml_root(scenario->tree), "llm");
    int error, status;

    plan.cluster.workers = 1;
    yaml_put_text(scenario->tree, section, "mode", "record"); /* nobody's log answers, every question counts */
    yaml_put_text(scenario->tree, section, "parent", "");
    if ((error = folder_create(folder, scenario->tree, why)) != 0)
        return error;
    status = launch_inproc(&launch);
    return status == 0 || status == EX_TEMPFAIL
               ? 0
               : fail(why, ERR_STATE, "the first %" PRIu64 " steps could not be tried", steps);
}

/* ---- counting ---- */

static void
count_call(struct estimate *self, const struct answer_id *id, const struct answer *answer)
{
    struct part *part = &self->parts[id->role];
    uint32_t out_max = self->config->roles[id->role].params.out_max;

    if (answer->status == ANSWER_BUDGET) {
        part->refused++;
        return;
    }
    part->calls++;
    if (answer->reserved_tokens == 0)
        return; /* its chain is rules alone */
    part->tokens_in += (double)answer->reserved_tokens - out_max;
    part->tokens_out += out_max;
    part->cost += (double)answer->reserved_cost / 1e6;
}

static int
count_calls(struct estimate *self, const char *folder, struct why *why)
{
    char path[FOLDER_PATH_SIZE + 32];
    struct record *log = NULL;
    struct buffer room = {0};
    int error;

    snprintf(path, sizeof path, "%s/%s", folder, RECORD_FILE);
    if ((error = record_open(path, false, &log, why)) != 0)
        return error;
    for (uint32_t i = 0; i < record_count(log) && error == 0; i++) {
        struct answer_id id;
        struct answer answer;

        error = record_read(log, i, &id, &answer, &room, NULL, why);
        if (error == 0 && id.role < self->config->role_count)
            count_call(self, &id, &answer);
    }
    record_close(&log);
    buffer_fini(&room);
    return error;
}

/* ---- telling ---- */

static const char *
first_asked(const struct estimate *self, uint32_t role, char out[200])
{
    uint32_t model = self->config->roles[role].chain[0];

    if (model == FLOW_RULES)
        return "rules";
    snprintf(out, 200, "%s/%s", self->config->providers[self->config->models[model].provider].name,
             self->config->models[model].name);
    return out;
}

static struct part
scaled(const struct estimate *self, const struct part *part)
{
    double factor = (double)self->steps / (double)self->tried;

    return (struct part){(uint64_t)((double)part->calls * factor + 0.5),
                         (uint64_t)((double)part->refused * factor + 0.5), part->tokens_in * factor,
                         part->tokens_out * factor, part->cost * factor};
}

static void
add_part(struct part *to, const struct part *part)
{
    to->calls += part->calls;
    to->refused += part->refused;
    to->tokens_in += part->tokens_in;
    to->tokens_out += part->tokens_out;
    to->cost += part->cost;
}

static void
write_json_part(struct buffer *out, const struct part *part)
{
    text_addf(out,
              "\"calls\": %" PRIu64 ", \"refused_by_budget\": %" PRIu64
              ", \"tokens_in\": %.0f, \"tokens_out_max\": %.0f, \"cost_max\": %.6f",
              part->calls, part->refused, part->tokens_in, part->tokens_out, part->cost);
}

static void
write_json(const struct estimate *self, struct buffer *out)
{
    struct part total = {0};
    char model[200];

    text_addf(out, "{\"steps\": %" PRIu64 ", \"steps_tried\": %" PRIu64 ", \"roles\": [", self->steps, self->tried);
    for (uint32_t i = 0; i < self->config->role_count; i++) {
        struct part part = scaled(self, &self->parts[i]);

        add_part(&total, &part);
        text_addf(out, "%s{\"role\": \"%s\", \"asks\": ", i > 0 ? ", " : "", self->config->roles[i].name);
        text_add_json(out, first_asked(self, i, model), strlen(first_asked(self, i, model)));
        text_add(out, ", ");
        write_json_part(out, &part);
        text_add(out, "}");
    }
    text_add(out, "], \"total\": {");
    write_json_part(out, &total);
    text_add(out, "}}\n");
}

static void
write_line(struct buffer *out, const char *role, const char *model, const struct part *part)
{
    text_addf(out, "%-22s %-26s %10" PRIu64 " %14.0f %14.0f %14.4f\n", role, model, part->calls, part->tokens_in,
              part->tokens_out, part->cost);
}

static void
write_table(const struct estimate *self, struct buffer *out)
{
    struct part total = {0};
    char model[200];

    text_addf(out, "%-22s %-26s %10s %14s %14s %14s\n", "role", "asks first", "calls", "tokens in",
              "tokens out <=", "cost <=");
    for (uint32_t i = 0; i < self->config->role_count; i++) {
        struct part part = scaled(self, &self->parts[i]);

        add_part(&total, &part);
        write_line(out, self->config->roles[i].name, first_asked(self, i, model), &part);
    }
    write_line(out, "all", "", &total);
    text_addf(
        out,
        "\nOf %" PRIu64 " steps %" PRIu64 " were tried, with the fallbacks deciding and nobody asked. Tokens in are "
        "estimated from bytes;\ntokens out and cost are at their most, for one call a question, by the dearest of "
        "its chain.\n",
        self->steps, self->tried);
    if (total.refused > 0)
        text_addf(out, "%" PRIu64 " more questions would have no budget: there the fallbacks decide.\n", total.refused);
}

/* ---- all of it ---- */

static int
estimate(struct estimate *self, const char *folder, struct why *why)
{
    int error = try_steps(self->scenario, folder, self->tried, why);

    return error != 0 ? error : count_calls(self, folder, why);
}

int
estimate_write(const struct scenario *scenario, bool json, struct buffer *out, struct why *why)
{
    struct estimate self = {
        .scenario = scenario, .steps = scenario->plan.steps, .tried = steps_to_try(&scenario->plan)};
    const char *base = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    char folder[FOLDER_PATH_SIZE], run[FOLDER_PATH_SIZE + 8];
    struct why ignored = {0};
    int error;

    if (!models_are_asked(yaml_root(scenario->tree)))
        return fail(why, ERR_STATE, "%s asks no models: it has no section llm, or no agents of type llm",
                    scenario->plan.name);
    if ((error = llm_config_read(yaml_find(yaml_root(scenario->tree), "llm"), &self.config, why)) != 0)
        return error;
    snprintf(folder, sizeof folder, "%s/polis-estimate-XXXXXX", base);
    if (mkdtemp(folder) == NULL) {
        llm_config_destroy(&self.config);
        return fail(why, ERR_IO, "no folder can be made in %.300s", base);
    }
    snprintf(run, sizeof run, "%s/run", folder);
    self.parts = ALLOC_ARRAY(struct part, self.config->role_count);
    error = estimate(&self, run, why);
    if (error == 0 && json)
        write_json(&self, out);
    else if (error == 0)
        write_table(&self, out);
    (void)!sweep_run_remove(folder, &ignored);
    llm_config_destroy(&self.config);
    free(self.parts);
    return error;
}
