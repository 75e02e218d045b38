/* llm-gateway/gateway.h - the gateway process: an actor that takes what chunks of agents ask (PROMPT), brings it
 * through the flow (llm-gateway/flow.h) to the providers, and gives the answers of a chunk back together (COMPLETION).
 *
 * 1. A question's id in the call log is (step, slot, role, phase * 65536 + place): a function of the simulation alone,
 *    so that a log fits whatever the workers and chunks.
 * 2. Budgets are given out in the order of (phase, place) of each slot. A chunk that comes before one of lower places
 *    waits for it. Only where the gateway itself has come back within the step, and cannot know who was served before,
 *    it waits for no longer than GATEWAY_SETTLE_MS; what its log has of the step is reserved anew.
 * 3. The first question of a step opens it and closes the one before. A world that was recovered (a newer epoch) may
 *    ask an older step again: what the log has is answered from it.
 * 4. A question that comes again is answered again, with the same, as long as its step is open.
 * 5. What a replay has no answer for ends the process with status 65 (EX_DATAERR), and so the run.
 *
 * Operators may ask `status` (JSON), `metrics` (OpenMetrics text, names of OpenTelemetry's GenAI conventions) and
 * `reload` (keys and models are in order again). Keys never leave llm-gateway/secrets. */
#ifndef POLIS_LLM_GATEWAY_GATEWAY_H
#define POLIS_LLM_GATEWAY_GATEWAY_H

#include "bus/actor.h"
#include "core/yaml.h"
#include "llm-gateway/replay.h"

#include <stdbool.h>
#include <stdint.h>

#define GATEWAY_SETTLE_MS 5000u

/* Who may ask: by slot of the world. */
struct gateway_client {
    const char *role;     /* of llm_role_names; NULL: this slot asks nobody */
    uint32_t agent_count; /* its weight against the others */
};

/* All lent for the call of gateway_new(). */
struct gateway_options {
    const struct yaml_node *section; /* the scenario's `llm`, resolved */
    uint64_t seed;                   /* the run's */
    uint32_t run;                    /* as in envelopes */
    const struct gateway_client *clients;
    uint32_t client_count;
    enum replay_mode mode;
    const char *log;    /* path of this run's call log; made, or gone on with. Only in modes that write */
    const char *parent; /* path of the call log that is read. Only in modes that read */
    uint32_t audit_per_mille;
    bool keep_prompts;
    bool dry;                 /* for estimates: what would be sent is reserved and logged, and fails unsent; no keys */
    const uint8_t *scenario; /* DIGEST_SIZE bytes, for the log's header; NULL: zeros */
};

struct gateway;

/* Loads keys, opens logs. ERR_*: a key that is missing, a log that is damaged or another run's. */
MUST_CHECK int gateway_new(const struct gateway_options *options, struct gateway **out, struct why *why);
void gateway_destroy(struct gateway **self_p);
/* Lends `self` to the actor. */
void gateway_actor(struct gateway *self, struct actor *out);

/* As the operator's `status` and `metrics`. */
void gateway_write_status(const struct gateway *self, struct buffer *out);
void gateway_write_metrics(const struct gateway *self, struct buffer *out);

#endif
