/* llm-gateway/flow_inner.h - what the files of the flow share: flow.c (what happens), flow_route.c (where a request
 * goes and what comes back), flow_end.c (how it ends). */
#ifndef POLIS_LLM_GATEWAY_FLOW_INNER_H
#define POLIS_LLM_GATEWAY_FLOW_INNER_H

#include "core/buffer.h"
#include "llm-gateway/bucket.h"
#include "llm-gateway/flow.h"
#include "llm-gateway/key_map.h"
#include "llm-gateway/lanes.h"
#include "llm-gateway/retry.h"
#include "llm-gateway/spare.h"
#include "llm-gateway/timers.h"
#include "llm-gateway/window.h"

#define FLOW_SLOT_BITS 24
#define FLOW_SLOT_MASK ((UINT64_C(1) << FLOW_SLOT_BITS) - 1)

/* A request and what has become of it. Its slot is used again by a later step. */
struct flow_slot {
    bool used;
    bool shadow; /* an audit's second call: nobody waits for its answer */
    bool is_read; /* its texts are still to be read by who takes the output, or by an audit */
    uint32_t number, mark; /* mark: changes with each use, so that old timers and calls find nothing */
    enum flow_state state;
    struct flow_request request; /* its texts lie in `texts` */
    struct buffer texts, complaints, text;
    struct key key, call_key; /* the question's; the one that is asked now */
    bool leads, waits_for_leader;
    uint64_t ticket; /* 0: none */
    struct budget_amount reservation;
    int64_t received_us, deadline_us, queued_us, sent_us, wait_until_us;
    int64_t queue_us, provider_us;
    uint64_t wait_ms; /* before the next attempt */
    uint32_t link, attempts, same_class, asked_again;
    enum llm_class last_class;
    bool outcome_unknown; /* of an attempt: it may have been billed */
    bool asked_here;      /* the provider of this link has had a call of it */
    uint64_t call, breaker_sent;
    struct answer answer;
};

struct flow_line {
    struct lanes *lanes;
    struct window window;
    struct bucket requests, tokens;
    struct retry_budget retries;
    int64_t wake_us; /* its buckets are ready then; INT64_MAX: they are not waited for */
    bool dirty;      /* something may be sent */
};

struct flow {
    struct flow_plan plan;
    struct cache *cache;
    struct flow_line *lines; /* by provider */
    struct breaker *breakers; /* by model */
    struct flow_model_figures *models;
    struct flow_slot **slots;
    uint32_t *free_slots;
    uint32_t slot_count, slot_capacity, free_count;
    struct spare texts; /* of slots that are done */
    struct key_map ids; /* of this step, to slots */
    struct timers timers;
    struct flow_output *outputs; /* a queue */
    uint32_t output_first, output_count, output_capacity;
    uint64_t next_call;
    uint64_t step;
    bool is_open, is_drained;
    struct flow_report report;
    struct record_totals totals; /* of the run */
    struct flow_figures figures;
    struct buffer room;
    int broken; /* the log failed: ERR_*; nothing leaves any more */
    struct why why;
};

/* flow.c */
void flow_move(struct flow *self, struct flow_slot *slot, enum flow_state state);
void flow_put_output(struct flow *self, const struct flow_output *output);
void flow_histogram_add(struct flow_histogram *self, int64_t value_us);
void flow_free_slot(struct flow *self, struct flow_slot *slot);
static inline const struct flow_role *
flow_role_of(const struct flow *self, const struct flow_slot *slot)
{
    return &self->plan.roles[slot->request.id.role];
}
/* The model of a slot's link; not for FLOW_RULES. */
uint32_t flow_model_of(const struct flow *self, const struct flow_slot *slot);

/* flow_route.c: to the first link, from where it is, that can take it; at the end of the chain, to the rules. */
void flow_route(struct flow *self, struct flow_slot *slot, int64_t now_us);
/* Sends what can be sent. */
void flow_pump(struct flow *self, int64_t now_us);
/* Takes a slot out of whatever it is in: a queue, a flight, a call. */
void flow_withdraw(struct flow *self, struct flow_slot *slot, enum llm_class class, int64_t now_us);

/* flow_end.c: the slot's answer is complete but for text and source. */
void flow_end_whole(struct flow *self, struct flow_slot *slot, int64_t now_us);
void flow_end_rules(struct flow *self, struct flow_slot *slot, enum answer_status status, int64_t now_us);
/* From the log or the cache: slot->answer and slot->text are filled. `must_note`: it is not in the log yet. */
void flow_end_ready(struct flow *self, struct flow_slot *slot, bool must_note);
/* What an attempt has used, by the model's prices. */
struct budget_amount flow_usage(const struct flow *self, uint32_t model, uint32_t tokens_in, uint32_t tokens_cached,
    uint32_t tokens_out);

#endif
