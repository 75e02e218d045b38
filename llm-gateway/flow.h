/* llm-gateway/flow.h - the way of a request through the gateway, as a reactor: it is told what happened (a request, an
 * answer, the time) and says what is to be done (send, abort, respond). It opens no socket and reads no clock; whoever
 * drives it does, and so do the tests, on a virtual one. The call log is written through llm-gateway/replay.h before a
 * response comes out.
 *
 *     received -> from the log? -> admitted by the budget? -> kept or on its way already? -> route along the
 *     role's chain -> queued at a provider -> in flight -> checked -> settled, logged, answered
 *
 * Invariants:
 * 1. A request that flow_request() accepted is answered exactly once; later requests with its id are duplicates, and
 * are
 *    answered with the same again if their key is the same.
 * 2. Its answer is out when its deadline has passed, the step is closed or the flow is drained.
 * 3. A chain ends in the caller's own rules, which always answer.
 * 4. The budget's B1 to B3 hold after every call (llm-gateway/budget.h).
 * 5. Who is admitted depends on the order of each client's own requests only, which is the caller's business.
 *
 * Attempts share one reservation: what failed without an answer costs nothing. Where it is not known whether an attempt
 * was billed (it timed out, the connection broke, it was aborted), the whole reservation is charged in the end. After
 * an answer that was paid for and is no good, the next attempt reserves anew, out of what the quota keeps for that. */
#ifndef POLIS_LLM_GATEWAY_FLOW_H
#define POLIS_LLM_GATEWAY_FLOW_H

#include "llm-gateway/answer.h"
#include "llm-gateway/breaker.h"
#include "llm-gateway/budget.h"
#include "llm-gateway/cache.h"
#include "llm-gateway/price.h"
#include "llm-gateway/replay.h"

#include <stdbool.h>
#include <stdint.h>

#define FLOW_CHAIN_MAX 8u
#define FLOW_RULES UINT32_MAX /* as a provider: the caller's own answer */
#define FLOW_QUEUE_MAX 100000u
#define FLOW_MODELS_MAX 256u
#define FLOW_PROVIDERS_MAX 64u

struct flow_provider {
    const char *name, *dialect; /* lent for the flow's life */
    int64_t requests_per_minute, tokens_per_minute; /* 0: no limit */
    uint32_t burst_s;
    uint32_t max_in_flight;
};

struct flow_model {
    const char *name; /* as the server calls it */
    uint32_t provider;
    struct price price;
    uint32_t bytes_per_token_x10;
};

struct flow_role {
    const char *name;
    uint32_t chain[FLOW_CHAIN_MAX]; /* models, or FLOW_RULES; behind the last: the rules */
    uint32_t chain_count;
    uint32_t out_max;
    uint32_t attempts; /* in all */
    uint32_t reask;    /* times that an answer which does not fit is asked for again */
    uint32_t cache;    /* enum cache_use; a request may ask for less */
    uint32_t max_taint;
    bool share;        /* equal questions share one answer: the seed counts as 0 */
};

struct flow_plan {
    uint64_t run, seed;
    const struct flow_provider *providers; /* all arrays lent for the flow's life */
    const struct flow_model *models;
    const struct flow_role *roles;
    uint32_t provider_count, model_count, role_count, client_count;
    struct budget *budget; /* lent; made for these clients, roles and providers */
    struct replay *replay; /* lent */
    size_t cache_bytes;
    uint32_t queue_max; /* requests not yet answered; 0: FLOW_QUEUE_MAX */
    struct record_totals before; /* what earlier lives of the run had spent: the log's last mark */
};

struct flow;
struct flow *flow_new(const struct flow_plan *plan, int64_t now_us);
void flow_destroy(struct flow **self_p);

/* ---- what happens ---- */

struct flow_request {
    uint64_t run;
    struct answer_id id;
    uint64_t entity, seed;
    uint32_t template, template_version;
    uint32_t schema;
    uint64_t schema_hash; /* 0: free text */
    struct key_text system, user, fallback;
    uint32_t out_max, temperature_e4, top_p_e4;
    uint32_t deadline_ms, priority, cache, taint;
};

/* The end of a transfer. `class` LLM_OK: the text is whole and fits (perhaps mended). LLM_SCHEMA or LLM_LENGTH: it does
 * not fit; `complaints` says why, for asking again. */
struct flow_result {
    enum llm_class class;
    int64_t wait_ms;      /* the server's hint, -1 without */
    int32_t should_retry; /* -1 not said */
    struct key_text text, complaints;
    uint32_t finish, schema_ok, repairs, http_status;
    bool usage_known;
    uint32_t tokens_in, tokens_out, tokens_cached;
    const struct provider_limits *limits; /* or NULL */
};

/* These return an error only when the call log cannot be read or written: nothing may then leave any more.
 * flow_request() also refuses: ERR_INVALID, ERR_UNKNOWN, ERR_STATE, ERR_DENIED; such a request was not accepted. When
 * it answers with MISS, it returns 0 and `why` says what the log has instead. */
MUST_CHECK int flow_open(struct flow *self, uint64_t step, const double *weights, int64_t now_us, struct why *why);
MUST_CHECK int flow_request(struct flow *self, const struct flow_request *request, int64_t now_us, struct why *why);
/* A call of the open step that an earlier life of this run made: what it was given out of the quotas, and what it used,
 * counts again. flow_carry(): what was spent in other steps, for the run's totals. */
void flow_remember(struct flow *self, const struct answer_id *id, const struct answer *answer);
void flow_carry(struct flow *self, const struct record_totals *before);
/* Answers to calls that are not on their way (late, twice, aborted) change nothing and are counted. */
MUST_CHECK int flow_answer(
    struct flow *self, uint64_t call, const struct flow_result *result, int64_t now_us, struct why *why);
MUST_CHECK int flow_tick(struct flow *self, int64_t now_us, struct why *why);
/* ERR_UNKNOWN for an id that is not waiting for its answer. */
MUST_CHECK int flow_cancel(struct flow *self, const struct answer_id *id, int64_t now_us, struct why *why);
/* All that a client waits for is cancelled; its answers come out all the same. */
MUST_CHECK int flow_client_gone(struct flow *self, uint32_t client, int64_t now_us, struct why *why);
/* All is cancelled, and nothing more is accepted. */
MUST_CHECK int flow_drain(struct flow *self, int64_t now_us, struct why *why);

struct flow_report {
    uint64_t step;
    uint64_t calls, admitted, refused, live, cached, joined, replayed, fallback;
    uint64_t tokens;
    int64_t cost; /* paid */
};
/* Cancels what is still open, closes the budget's step, marks the log. */
MUST_CHECK int flow_close(
    struct flow *self, uint64_t step, int64_t now_us, struct flow_report *out, struct why *why);

/* When flow_tick() is to be called next; INT64_MAX: nothing waits for the time. */
int64_t flow_next_us(const struct flow *self);

/* The operator says that keys and models are in order. */
void flow_reload(struct flow *self);

/* ---- what is to be done ---- */

enum flow_output_kind { FLOW_SEND, FLOW_ABORT, FLOW_RESPOND };

struct flow_output {
    enum flow_output_kind kind;
    uint64_t call;                /* send, abort */
    struct answer_id id;
    uint32_t provider, model;     /* send */
    uint64_t seed;                /* send: as it is asked with */
    const struct flow_request *request; /* send: with texts that live until the answer */
    struct key_text complaints;   /* send: of the answer before, when it is asked again; else empty */
    int64_t deadline_us;          /* send */
    const struct answer *answer;  /* respond: lives until the next flow_open() */
};

/* The next thing to do, in order; false: nothing. What it points to is lent until the next call that tells something.
 * */
bool flow_take(struct flow *self, struct flow_output *out);

/* ---- looking ---- */

enum flow_state {
    FLOW_RECEIVED, FLOW_ADMITTED, FLOW_JOINED, FLOW_QUEUED, FLOW_WAITING, FLOW_IN_FLIGHT, FLOW_CHECKING, FLOW_DONE,
    FLOW_STATES
};

/* Powers of two of microseconds: bin i counts what is in [2^(i-1), 2^i), bin 0 what is 0. */
struct flow_histogram {
    uint64_t bins[48];
};

struct flow_model_figures {
    uint64_t sent, classes[LLM_CLASS_COUNT], tokens_in, tokens_out;
    int64_t cost;
    bool estimate_low; /* closed: it used more than was reserved */
    struct flow_histogram provider_us;
};

struct flow_figures {
    uint64_t edges[FLOW_STATES][FLOW_STATES];
    uint64_t statuses[ANSWER_STATUS_COUNT], sources[ANSWER_SOURCE_COUNT];
    uint64_t duplicates, late_answers, retries, reasks, repaired;
    uint32_t open;
    struct flow_histogram queue_us;
};
const struct flow_figures *flow_figures(const struct flow *self);
const struct flow_model_figures *flow_model_figures(const struct flow *self, uint32_t model);
const struct breaker *flow_breaker(const struct flow *self, uint32_t model);
struct flow_provider_figures {
    uint32_t in_flight, window, queued;
    int64_t requests_left, tokens_left; /* of the buckets */
    uint64_t retries, retries_refused;
};
struct flow_provider_figures flow_provider_figures(const struct flow *self, uint32_t provider, int64_t now_us);
struct cache_figures flow_cache_figures(const struct flow *self);

/* The invariants that can be looked at; ERR_DIGEST names what is broken. */
MUST_CHECK int flow_check(const struct flow *self, struct why *why);

#endif
