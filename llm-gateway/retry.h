/* llm-gateway/retry.h - whether and when a failed call is made again. Waits are what the server asked for, and a tenth
 * more at most; else full jitter, U(0, min(8 s, 0.25 s * 2^n)) (Brooker 2015, "Exponential backoff and jitter"), drawn
 * from the request's own key, so that the same request waits the same in every run. A provider has a budget of retries
 * that grows with its requests (Finagle's RetryBudget): when everything fails, few are repeated. */
#ifndef POLIS_LLM_GATEWAY_RETRY_H
#define POLIS_LLM_GATEWAY_RETRY_H

#include "llm-gateway/key.h"
#include "llm-gateway/provider.h"

#include <stdbool.h>
#include <stdint.h>

#define RETRY_HINT_MAX_US INT64_C(120000000)
#define RETRY_BASE_US INT64_C(250000)
#define RETRY_CEILING_US INT64_C(8000000)
#define RETRY_BUDGET_MAX 20u       /* retries in a row before requests have to bring new ones */
#define RETRY_BUDGET_PER_REQUEST 10u /* requests for one retry */

/* In tenths of a retry. */
struct retry_budget {
    uint32_t tenths;
    uint64_t spent, refused; /* retries */
};
void retry_budget_init(struct retry_budget *self);    /* full */
void retry_budget_request(struct retry_budget *self); /* a request goes out for the first time */
bool retry_budget_take(struct retry_budget *self);    /* false: not now */

/* What is known when an attempt has failed. */
struct retry_case {
    uint64_t seed; /* the run's */
    struct key key;
    enum llm_class class;
    int32_t should_retry; /* x-should-retry: 1, 0, or -1 when not said; goes before the class */
    int64_t hint_us;      /* the server's wait, -1 without one */
    uint32_t attempts;    /* made so far, this one included; > 0 */
    uint32_t attempts_max;
    uint32_t same_class;  /* of them, how many ended with this class */
    int64_t left_us;      /* to the request's deadline */
};

/* True, and the wait in microseconds into *out, when the same provider is worth another try. The budget is not asked
 * here. */
bool retry_wanted(const struct retry_case *of, int64_t *out);

#endif
