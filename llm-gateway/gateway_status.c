/* What operators see of the gateway: a status as JSON, and metrics as OpenMetrics text under the names of
 * OpenTelemetry's conventions for generative AI; what those have no name for begins with polis_llm_. No text of any
 * question or answer, no key. */
#include "llm-gateway/gateway.h"

#include <inttypes.h>
#include <string.h>

#include "core/text.h"
#include "llm-gateway/gateway_inner.h"

/* ---- status ---- */

static void
put_text(struct buffer *out, const char *key, const char *text)
{
    text_addf(out, "\"%s\":", key);
    text_add_json(out, text, strlen(text));
}

static void
put_cap(struct buffer *out, const char *key, int64_t cap)
{
    if (cap == BUDGET_NONE)
        text_addf(out, "\"%s\":null", key);
    else
        text_addf(out, "\"%s\":%" PRId64, key, cap);
}

/* Money in millionths of a currency unit. */
static void
put_budget(const struct gateway *self, struct buffer *out)
{
    const struct budget_scope *whole = budget_scope(self->budget, BUDGET_WHOLE, 0);

    text_addf(out, "\"budget\":{\"cost_run\":%" PRId64 ",", whole->settled.cost_run);
    put_cap(out, "cost_run_max", whole->cap.cost_run);
    text_addf(out, ",\"step\":{\"calls\":%" PRId64 ",\"tokens\":%" PRId64 ",\"cost\":%" PRId64 ",",
              whole->settled.step.calls, whole->settled.step.tokens, whole->settled.step.cost);
    put_cap(out, "calls_max", whole->cap.step.calls);
    text_add(out, ",");
    put_cap(out, "tokens_max", whole->cap.step.tokens);
    text_add(out, ",");
    put_cap(out, "cost_max", whole->cap.step.cost);
    text_addf(
        out,
        "},\"reserved\":{\"calls\":%" PRId64 ",\"tokens\":%" PRId64 ",\"cost\":%" PRId64 "},\"overrun\":%" PRId64 "}",
        whole->reserved.step.calls, whole->reserved.step.tokens, whole->reserved.step.cost, whole->overrun.cost_run);
}

static void
put_models(const struct gateway *self, struct buffer *out)
{
    text_add(out, "\"models\":[");
    for (uint32_t i = 0; i < self->config->model_count; i++) {
        const struct llm_model *model = &self->config->models[i];
        const struct flow_model_figures *figures = flow_model_figures(self->flow, i);

        text_add(out, i > 0 ? ",{" : "{");
        put_text(out, "provider", self->config->providers[model->provider].name);
        text_add(out, ",");
        put_text(out, "model", model->name);
        text_addf(out,
                  ",\"breaker\":\"%s\",\"estimate_low\":%s,\"sent\":%" PRIu64 ",\"ok\":%" PRIu64
                  ",\"tokens_in\":%" PRIu64 ",\"tokens_out\":%" PRIu64 ",\"cost\":%" PRId64 "}",
                  breaker_state_name(flow_breaker(self->flow, i)->state), figures->estimate_low ? "true" : "false",
                  figures->sent, figures->classes[LLM_OK], figures->tokens_in, figures->tokens_out, figures->cost);
    }
    text_add(out, "]");
}

static void
put_providers(const struct gateway *self, struct buffer *out)
{
    text_add(out, "\"providers\":[");
    for (uint32_t i = 0; i < self->config->provider_count; i++) {
        const struct llm_provider *provider = &self->config->providers[i];
        struct flow_provider_figures figures = flow_provider_figures(self->flow, i, (int64_t)self->now_ms * 1000);

        text_add(out, i > 0 ? ",{" : "{");
        put_text(out, "name", provider->name);
        text_add(out, ",");
        put_text(out, "dialect", provider->params.dialect);
        text_addf(out,
                  ",\"in_flight\":%" PRIu32 ",\"window\":%" PRIu32 ",\"queued\":%" PRIu32 ",\"retries\":%" PRIu64
                  ",\"retries_refused\":%" PRIu64 ",\"key\":\"%s\",",
                  figures.in_flight, figures.window, figures.queued, figures.retries, figures.retries_refused,
                  provider->params.key_env[0] != '\0' || provider->params.key_file[0] != '\0' ? "set" : "none");
        put_text(out, "last_error", asker_last_error(self->asker, i));
        text_add(out, "}");
    }
    text_add(out, "]");
}

static void
put_counts(const struct gateway *self, struct buffer *out)
{
    const struct flow_figures *figures = flow_figures(self->flow);

    text_add(out, "\"answers\":{");
    for (uint32_t i = 0; i < ANSWER_STATUS_COUNT; i++)
        text_addf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", answer_status_name(i), figures->statuses[i]);
    text_add(out, "},\"sources\":{");
    for (uint32_t i = 0; i < ANSWER_SOURCE_COUNT; i++)
        text_addf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", answer_source_name(i), figures->sources[i]);
    text_addf(out,
              "},\"open\":%" PRIu32 ",\"held\":%" PRIu32 ",\"retries\":%" PRIu64 ",\"reasks\":%" PRIu64
              ",\"duplicates\":%" PRIu64,
              figures->open, self->errands.held_count, figures->retries, figures->reasks, figures->duplicates);
}

static void
put_log(const struct gateway *self, struct buffer *out)
{
    struct cache_figures cache = flow_cache_figures(self->flow);

    text_addf(out,
              "\"log\":{\"calls\":%" PRIu32 ",\"bytes\":%" PRIu64 "},\"cache\":{\"entries\":%" PRIu32
              ",\"bytes\":%zu,\"hits\":%" PRIu64 ",\"joins\":%" PRIu64 "}",
              self->own != NULL ? record_count(self->own) : 0, self->own != NULL ? record_size(self->own) : 0,
              cache.entries, cache.bytes, cache.hits, cache.joins);
}

static void
put_audit(const struct gateway *self, struct buffer *out)
{
    text_add(out, "\"audit\":[");
    for (uint32_t i = 0; i < self->config->role_count; i++) {
        struct replay_agreement agreement = replay_agreement(self->replay, i);

        text_addf(out, "%s{\"role\":\"%s\",\"same\":%" PRIu64 ",\"other\":%" PRIu64 "}", i > 0 ? "," : "",
                  self->config->roles[i].name, agreement.same, agreement.other);
    }
    text_add(out, "]");
}

void
gateway_write_status(const struct gateway *self, struct buffer *out)
{
    static const char *const modes[] = {"off", "record", "replay", "replay_loose", "branch", "audit"};

    text_addf(out, "{\"mode\":\"%s\",\"step\":%" PRIu64 ",", modes[self->mode], self->step);
    put_counts(self, out);
    text_add(out, ",");
    put_budget(self, out);
    text_add(out, ",");
    put_models(self, out);
    text_add(out, ",");
    put_providers(self, out);
    text_add(out, ",");
    put_log(self, out);
    if (self->mode == REPLAY_AUDIT) {
        text_add(out, ",");
        put_audit(self, out);
    }
    text_add(out, "}");
}

/* ---- metrics ---- */

static void
begin_metric(struct buffer *out, const char *name, const char *type, const char *unit, const char *help)
{
    text_addf(out, "# TYPE %s %s\n", name, type);
    if (unit != NULL)
        text_addf(out, "# UNIT %s %s\n", name, unit);
    text_addf(out, "# HELP %s %s\n", name, help);
}

/* OpenTelemetry's well-known names of providers; others as the dialect is called. */
static const char *
system_of(const struct llm_provider *provider)
{
    return strcmp(provider->params.dialect, "gemini") == 0 ? "gcp.gemini" : provider->params.dialect;
}

static void
put_labels(const struct gateway *self, uint32_t model, struct buffer *out)
{
    const struct llm_model *of = &self->config->models[model];

    text_add(out, "{gen_ai_operation_name=\"chat\",gen_ai_provider_name=");
    text_add_json(out, system_of(&self->config->providers[of->provider]),
                  strlen(system_of(&self->config->providers[of->provider])));
    text_add(out, ",gen_ai_request_model=");
    text_add_json(out, of->name, strlen(of->name));
}

static void
put_durations(const struct gateway *self, struct buffer *out)
{
    const char *name = "gen_ai_client_operation_duration_seconds";

    begin_metric(out, name, "histogram", "seconds", "Time from sending a call to the end of its answer.");
    for (uint32_t m = 0; m < self->config->model_count; m++) {
        const struct flow_histogram *bins = &flow_model_figures(self->flow, m)->provider_us;
        uint64_t count = 0;

        for (uint32_t i = 0; i < 48; i++) {
            count += bins->bins[i];
            if (i < 9 || i > 30) /* 0.5 ms to 18 minutes */
                continue;
            text_addf(out, "%s_bucket", name);
            put_labels(self, m, out);
            text_addf(out, ",le=\"%.6f\"} %" PRIu64 "\n", (double)(UINT64_C(1) << i) / 1e6, count);
        }
        text_addf(out, "%s_bucket", name);
        put_labels(self, m, out);
        text_addf(out, ",le=\"+Inf\"} %" PRIu64 "\n", count);
    }
}

static void
put_tokens(const struct gateway *self, struct buffer *out)
{
    const char *name = "gen_ai_client_token_usage";

    begin_metric(out, name, "counter", NULL, "Tokens that were paid for.");
    for (uint32_t m = 0; m < self->config->model_count; m++)
        for (int i = 0; i < 2; i++) {
            const struct flow_model_figures *figures = flow_model_figures(self->flow, m);

            text_addf(out, "%s_total", name);
            put_labels(self, m, out);
            text_addf(out, ",gen_ai_token_type=\"%s\"} %" PRIu64 "\n", i == 0 ? "input" : "output",
                      i == 0 ? figures->tokens_in : figures->tokens_out);
        }
}

static void
put_calls(const struct gateway *self, struct buffer *out)
{
    begin_metric(out, "polis_llm_calls", "counter", NULL, "Calls by how they ended: error_type as in the manual.");
    for (uint32_t m = 0; m < self->config->model_count; m++)
        for (uint32_t c = 0; c < LLM_CLASS_COUNT; c++) {
            uint64_t count = flow_model_figures(self->flow, m)->classes[c];

            if (count == 0)
                continue;
            text_add(out, "polis_llm_calls_total");
            put_labels(self, m, out);
            text_addf(out, ",error_type=\"%s\"} %" PRIu64 "\n", llm_classes[c].name, count);
        }
    begin_metric(out, "polis_llm_breaker_state", "gauge", NULL, "0 closed, 1 open, 2 half open, 3 latched.");
    for (uint32_t m = 0; m < self->config->model_count; m++) {
        text_add(out, "polis_llm_breaker_state");
        put_labels(self, m, out);
        text_addf(out, "} %d\n", (int)flow_breaker(self->flow, m)->state);
    }
    begin_metric(out, "polis_llm_cost", "counter", NULL, "Spent, in currency units.");
    for (uint32_t m = 0; m < self->config->model_count; m++) {
        text_add(out, "polis_llm_cost_total");
        put_labels(self, m, out);
        text_addf(out, "} %.6f\n", (double)flow_model_figures(self->flow, m)->cost / 1e6);
    }
}

static void
put_answers(const struct gateway *self, struct buffer *out)
{
    const struct flow_figures *figures = flow_figures(self->flow);

    begin_metric(out, "polis_llm_answers", "counter", NULL, "Questions of agents by what they were told.");
    for (uint32_t i = 0; i < ANSWER_STATUS_COUNT; i++)
        text_addf(out, "polis_llm_answers_total{status=\"%s\"} %" PRIu64 "\n", answer_status_name(i),
                  figures->statuses[i]);
    begin_metric(out, "polis_llm_sources", "counter", NULL, "Questions of agents by where the answer came from.");
    for (uint32_t i = 0; i < ANSWER_SOURCE_COUNT; i++)
        text_addf(out, "polis_llm_sources_total{source=\"%s\"} %" PRIu64 "\n", answer_source_name(i),
                  figures->sources[i]);
    begin_metric(out, "polis_llm_retries", "counter", NULL, "Calls made again after a failure.");
    text_addf(out, "polis_llm_retries_total %" PRIu64 "\n", figures->retries);
    begin_metric(out, "polis_llm_reasks", "counter", NULL, "Questions asked again after an answer that did not fit.");
    text_addf(out, "polis_llm_reasks_total %" PRIu64 "\n", figures->reasks);
    begin_metric(out, "polis_llm_open", "gauge", NULL, "Questions not answered yet.");
    text_addf(out, "polis_llm_open %" PRIu32 "\n", figures->open);
}

static void
put_queues(const struct gateway *self, struct buffer *out)
{
    static const char *const names[] = {"polis_llm_in_flight", "polis_llm_window", "polis_llm_queue_depth"};
    static const char *const helps[] = {"Calls on their way.", "Calls that may be on their way at once.",
                                        "Calls that wait for a place."};

    for (uint32_t i = 0; i < 3; i++) {
        begin_metric(out, names[i], "gauge", NULL, helps[i]);
        for (uint32_t p = 0; p < self->config->provider_count; p++) {
            struct flow_provider_figures figures = flow_provider_figures(self->flow, p, (int64_t)self->now_ms * 1000);
            uint32_t values[] = {figures.in_flight, figures.window, figures.queued};

            text_addf(out, "%s{provider=", names[i]);
            text_add_json(out, self->config->providers[p].name, strlen(self->config->providers[p].name));
            text_addf(out, "} %" PRIu32 "\n", values[i]);
        }
    }
}

void
gateway_write_metrics(const struct gateway *self, struct buffer *out)
{
    put_durations(self, out);
    put_tokens(self, out);
    put_calls(self, out);
    put_answers(self, out);
    put_queues(self, out);
    text_add(out, "# EOF\n");
}
