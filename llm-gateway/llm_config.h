/* llm-gateway/llm_config.h - the scenario's `llm` section: which models may be asked, by whom, for how much.
 *
 *     llm:
 *       mode: record
 *       budgets: {max_cost_per_run: 2.5, max_tokens_per_step: 100000}
 *       schemas: {writer.v1: '{"type": "object", ...}'}
 *       providers:
 *         local: {dialect: ollama, base_url: "http://127.0.0.1:11434", models: {gemma3: {price: free}}}
 *       roles:
 *         society.writer_pair: {chain: [local/gemma3, rules], out_max: 220, schema: writer.v1}
 *
 * Nothing secret may stand here: keys are named by the variable or file that holds them. */
#ifndef POLIS_LLM_GATEWAY_LLM_CONFIG_H
#define POLIS_LLM_GATEWAY_LLM_CONFIG_H

#include "core/params.h"
#include "core/yaml.h"
#include "llm-gateway/flow.h"
#include "llm-gateway/provider.h"

#include <stdbool.h>
#include <stdint.h>

#define LLM_NAME_MAX 32
#define LLM_SCHEMAS_MAX 256u
#define LLM_ROLES_MAX 256u

#define LLM_PARAMS(P, S)                                                                                               \
    P(S, ENUM, mode, REPLAY_RECORD, 0, 5, REPLAY_MODE_NAMES,                                                           \
      "off: asks, keeps nothing; record: asks and keeps a log; replay: from a log only, place and question must "      \
      "agree; replay_loose: by the question alone; branch: from a log as far as questions agree, then asks; audit: "   \
      "replay, and asks a share again")                                                                                \
    P(S, TEXT, parent, "", 0, 500, "path", "the run whose log is replayed, branched off or audited")                   \
    P(S, U32, audit_per_mille, 50, 0, 1000, "1/1000", "audit: calls that are made again")                              \
    P(S, U32, cache_mb, 64, 0, 65536, "MiB", "memory for kept answers")                                                \
    P(S, BOOL, record_prompts, true, 0, 1, "", "keeps what was asked in the call log, too, each text once")
PARAMS_STRUCT(llm_settings, LLM_PARAMS)

/* Caps; absent: none. */
#define LLM_CAP_PARAMS(P, S)                                                                                           \
    P(S, I64, max_calls_per_step, -1, -1, 1e12, "calls", "in one step; -1: no cap")                                    \
    P(S, I64, max_tokens_per_step, -1, -1, 1e15, "tokens", "in and out, in one step; -1: no cap")                      \
    P(S, MONEY, max_cost_per_step, -1, -1, 1e12, "currency", "in one step; -1: no cap")                                \
    P(S, MONEY, max_cost_per_run, -1, -1, 1e12, "currency", "in the whole run; -1: no cap")

#define LLM_BUDGET_PARAMS(P, S)                                                                                        \
    LLM_CAP_PARAMS(P, S)                                                                                               \
    P(S, U32, again_per_mille, 100, 0, 1000, "1/1000",                                                                 \
      "of what a role may spend: kept for asking again after an answer that was paid for and is no good")
PARAMS_STRUCT(llm_budgets, LLM_BUDGET_PARAMS)

#define LLM_CLIENT_PARAMS(P, S) LLM_CAP_PARAMS(P, S)
PARAMS_STRUCT(llm_client, LLM_CLIENT_PARAMS)

#define LLM_PROVIDER_PARAMS(P, S)                                                                                      \
    P(S, TEXT, dialect, "", 1, 40, "", "what it speaks")                                                               \
    P(S, TEXT, base_url, "", 0, 400, "URL", "where it is: https, or http on this machine")                             \
    P(S, TEXT, key_env, "", 0, 100, "variable", "environment variable that holds its key")                             \
    P(S, TEXT, key_file, "", 0, 400, "path", "file that holds its key")                                                \
    P(S, I64, rpm, 0, 0, 1e9, "1/min", "requests a minute; 0: no limit")                                               \
    P(S, I64, tpm, 0, 0, 1e9, "tokens/min", "tokens a minute; 0: no limit")                                            \
    P(S, U32, burst_s, 10, 1, 60, "s", "so much of both limits may go at once")                                        \
    P(S, U32, max_in_flight, 256, 1, 4000, "calls", "on their way at once")                                            \
    P(S, U32, connect_ms, 2000, 1, 600000, "ms", "until a connection stands, its name and certificate included")       \
    P(S, U32, first_ms, 30000, 1, 600000, "ms", "from there to the first byte; a whole answer is written before it")   \
    P(S, U32, idle_ms, 15000, 1, 600000, "ms", "between bytes")                                                        \
    P(S, BOOL, insecure, false, 0, 1, "", "http to another machine is allowed: everybody on the way reads it")         \
    LLM_CAP_PARAMS(P, S)
PARAMS_STRUCT(llm_provider_params, LLM_PROVIDER_PARAMS)

#define LLM_MODEL_PARAMS(P, S)                                                                                         \
    P(S, U32, bytes_per_token_x10, 25, 1, 1000, "1/10 byte", "bytes of prompt that are taken for a token")             \
    P(S, U32, context, 0, 0, 1e8, "tokens", "longest prompt and answer; 0: not said")
PARAMS_STRUCT(llm_model_params, LLM_MODEL_PARAMS)

#define LLM_ROLE_PARAMS(P, S)                                                                                          \
    P(S, U32, out_max, 256, 1, 8192, "tokens", "longest answer")                                                       \
    P(S, F64, temperature, 0.7, 0, 2, "", "0: always the likeliest word")                                              \
    P(S, F64, top_p, 1, 0, 1, "", "share of the likely words that are drawn from")                                     \
    P(S, TEXT, schema, "", 0, 63, "", "shape of the answer; empty: free text")                                         \
    P(S, U32, deadline_ms, 60000, 10, 600000, "ms", "after this long the rules answer")                                \
    P(S, U32, attempts, 3, 1, 16, "calls", "in all, over the whole chain")                                             \
    P(S, U32, reask, 0, 0, 3, "times", "an answer that does not fit is asked for again")                               \
    P(S, U32, cache, 1, 0, 3, "", "0: off; 1: equal questions on their way join; 2: also reads; 3: also keeps")        \
    P(S, U32, priority, 1, 0, 3, "", "0 goes first")                                                                   \
    P(S, U32, max_taint, 3, 0, 255, "", "texts of models, of models' texts and so on, that a prompt may quote")        \
    P(S, BOOL, share, false, 0, 1, "", "equal prompts get the same answer, not a draw of their own")                   \
    P(S, F64, weight, 1, 0, 1e6, "", "share of the budgets, against the other roles")                                  \
    LLM_CAP_PARAMS(P, S)
PARAMS_STRUCT(llm_role_params, LLM_ROLE_PARAMS)

struct llm_provider {
    char name[LLM_NAME_MAX + 1];
    struct llm_provider_params params;
    const struct provider *provider;
    struct provider_dialect dialect;
};

struct llm_model {
    char name[ANSWER_MODEL_SIZE];
    uint32_t provider;
    struct llm_model_params params;
    struct price price;
};

struct llm_role {
    const char *name;
    struct llm_role_params params;
    uint32_t chain[FLOW_CHAIN_MAX], chain_count; /* models, or FLOW_RULES */
    uint32_t schema;                             /* FLOW_RULES: free text */
};

struct llm_schema {
    char name[SCHEMA_NAME_SIZE];
    struct schema *schema;
};

/* Everything in the order of the scenario; owned. The arrays of the flow point into it. */
struct llm_config {
    struct llm_settings settings;
    struct llm_budgets budgets;
    struct llm_client client;
    struct llm_provider *providers;
    struct llm_model *models;
    struct llm_role *roles;
    struct llm_schema *schemas;
    uint32_t provider_count, model_count, role_count, schema_count;
    struct flow_provider *flow_providers;
    struct flow_model *flow_models;
    struct flow_role *flow_roles;
    struct budget_cap *role_caps, *provider_caps;
    bool *asks_again;
    int64_t headroom; /* the dearest call there can be */
};

/* Reads the section (NULL or null: *out is NULL, there are no models). Errors name file:line:col and path; unknown
 * names of roles, schemas, providers and models the nearest known. */
MUST_CHECK int llm_config_read(const struct yaml_node *section, struct llm_config **out, struct why *why);
void llm_config_destroy(struct llm_config **self_p);

/* The budget of so many clients; `caps` has room for them and is lent to the plan. */
void llm_config_budget(
    const struct llm_config *self, uint32_t client_count, struct budget_cap *caps, struct budget_plan *out);
/* The tables of a flow's plan; the caller adds run, seed, clients, budget and replay. */
void llm_config_flow(const struct llm_config *self, struct flow_plan *out);
/* weights[client * role_count + role] for budget_open(): each client has the roles' weights. */
void llm_config_weights(const struct llm_config *self, uint32_t client_count, double *out);

/* An earlier life of the run has spent what its log says; before the budget's first step. Calls of step `except` (0:
 * none) are left out: they are for flow_remember(), but for those that were cancelled: only what they cost counts. */
MUST_CHECK int llm_config_carry(const struct llm_config *self, const struct record *log, uint64_t except,
    struct budget *budget, struct record_totals *totals, struct why *why);

/* Checks the `llm` section of a scenario, if there is one, and puts its resolved form in its place. */
MUST_CHECK int llm_config_resolve(struct yaml_tree *tree, struct why *why);

/* The settings of the section alone, and back into it: how models are asked, not what they are asked. They are no part
 * of a run's manifest. */
MUST_CHECK int llm_config_read_settings(
    const struct yaml_node *section, struct llm_settings *out, struct why *why);
void llm_config_put_settings(const struct llm_settings *settings, struct yaml_tree *tree, struct yaml_node *section);

/* The member "llm": {...} of a JSON Schema's properties, and a chapter of the manual in Markdown. */
void llm_config_write_schema(struct buffer *out);
void llm_config_write_manual(struct buffer *out);

/* The roles that there are, NULL-ended: "society.writer_pair" and so on. A role may be called by what is behind its dot
 * where that is clear. */
extern const char *const llm_role_names[];
/* The whole name, or NULL when there is no such role. */
const char *llm_role_find(const char *name);

#endif
