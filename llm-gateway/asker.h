/* llm-gateway/asker.h - asks providers: what the flow wants sent becomes an HTTP request (or a call of a provider that
 * answers in the process), what comes back becomes a flow_result: read, mended, checked against its schema. It has no
 * opinion on when and whom: that is the flow's. Keys and connections live here. */
#ifndef POLIS_LLM_GATEWAY_ASKER_H
#define POLIS_LLM_GATEWAY_ASKER_H

#include "llm-gateway/flow.h"
#include "llm-gateway/http.h"
#include "llm-gateway/llm_config.h"

#include <stdbool.h>
#include <stdint.h>

struct asker;

/* Loads the keys that the configuration names (only where a role's chain leads to their provider), opens the providers
 * of `section`. The configuration is lent for the asker's life. `dry`: neither; every call fails with LLM_BAD_REQUEST.
 * So is the asker of a replay, which needs nobody's key. */
MUST_CHECK int asker_new(
    const struct llm_config *config, const struct yaml_node *section, bool dry, struct asker **out, struct why *why);
void asker_destroy(struct asker **self_p);

/* Takes a FLOW_SEND; its answer comes out of asker_take(), whatever happens. `schema` (NULL: free text) is lent until
 * then, or until asker_cancel(). */
void asker_send(struct asker *self, const struct flow_output *output, const struct schema *schema, uint64_t now_ms);
/* The call gives no answer any more. */
void asker_cancel(struct asker *self, uint64_t call);
/* The next answer; its texts are lent until the next call. False: none is there. */
bool asker_take(struct asker *self, uint64_t *call, struct flow_result *out);

/* As those of llm-gateway/http.h. */
int asker_fd(const struct asker *self);
int asker_timeout_ms(const struct asker *self, uint64_t now_ms);
void asker_turn(struct asker *self, uint64_t now_ms);

const struct http_stats *asker_stats(const struct asker *self);
/* What the last failure of a provider said, without keys; "" when there was none. */
const char *asker_last_error(const struct asker *self, uint32_t provider);

#endif
