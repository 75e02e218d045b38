/* llm-gateway/budget.h - what a run may spend on models: caps that hold whatever arrives in whatever order. A request
 * is paid for in advance: its reservation (tokens and money estimated from above, llm-gateway/price.h) is set aside
 * before anything is sent, and settled against what was used when the answer is there.
 *
 * At the start of a step what may be spent in it is split into quotas for each (client, role), by weights, with the
 * largest remainder first (core/money.h). A request is admitted iff the sum of its pair's reservations so far and its
 * own fit into the quota. What comes back (used less than reserved, cancelled, answered from the cache) is not given
 * out again before the next step: so who is admitted depends on the order of one pair's own requests and on nothing
 * else.
 *
 * Caps hold for the whole, for each client, each role and each provider. Which provider answers depends on who is well,
 * so a provider's cap is looked at when a request is sent there (budget_route()), not when it is admitted.
 *
 * Invariants, looked at by budget_check():
 * B1  settled + reserved <= cap, in every scope and every kind of thing counted, after every event.
 * B2  reserved = the sum over the open reservations, in every scope.
 * B3  at budget_close() nothing is reserved.
 * A provider that says it used more than was reserved is charged what it says as far as the cap goes; what is beyond is
 * counted in `overrun`, never hidden, and while a run's cap has an overrun nothing more is admitted. */
#ifndef POLIS_LLM_GATEWAY_BUDGET_H
#define POLIS_LLM_GATEWAY_BUDGET_H

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

#define BUDGET_NONE INT64_MAX /* no cap */
#define BUDGET_MAX INT64_C(1000000000000000000) /* the largest cap or amount: 10^18 */
#define BUDGET_NOBODY UINT32_MAX

struct budget_amount {
    int64_t calls;
    int64_t tokens;
    int64_t cost; /* millionths of a currency unit */
};

/* BUDGET_NONE, or 0 to BUDGET_MAX. */
struct budget_cap {
    struct budget_amount step; /* in one step */
    int64_t cost_run;          /* in the whole run */
};
extern const struct budget_cap budget_uncapped;

/* Lent for the call of budget_new(). The arrays may be NULL: no caps of that sort. */
struct budget_plan {
    struct budget_cap whole;
    int64_t headroom; /* of whole.cost_run: for usage over an estimate, kept out of the quotas; one call at its most */
    uint32_t client_count, role_count, provider_count; /* the first two > 0 */
    const struct budget_cap *clients, *roles, *providers;
    uint32_t again_per_mille;   /* of a quota: kept for asking again (budget_extend()) ... */
    const bool *asks_again;     /* ... in these roles; NULL: none */
};

/* What a scope (the whole, a client, a role, a provider) has spent and set aside. Steps' figures begin anew with each
 * step; cost_run does not. */
struct budget_scope {
    struct budget_cap cap, settled, reserved, overrun;
};

struct budget;
struct budget *budget_new(const struct budget_plan *plan);
void budget_destroy(struct budget **self_p);

/* Takes over what an earlier life of this run has spent. Before the first step; numbers out of range count only for the
 * whole. */
void budget_carry(struct budget *self, uint32_t client, uint32_t role, uint32_t provider, int64_t cost);

/* Step `step` begins: splits what it may spend. weights[client * role_count + role] >= 0 and finite; NULL: all equal.
 * A pair of weight 0 gets nothing where there is a cap. ERR_STATE while a step is open. */
MUST_CHECK int budget_open(struct budget *self, uint64_t step, const double *weights, struct why *why);

/* ERR_STATE, and nothing changed, while something is reserved (B3) or no step is open. */
MUST_CHECK int budget_close(struct budget *self, struct why *why);

/* Reserves, or says no. An open reservation is known by its ticket's number: never 0, never used twice. Refusals:
 * ERR_LIMIT (the reason names the cap or quota), ERR_STATE (no step is open), ERR_UNKNOWN (no such client or role),
 * ERR_INVALID (a negative amount). On refusal nothing has changed, *out is 0. */
MUST_CHECK int budget_admit(struct budget *self, uint32_t client, uint32_t role, const struct budget_amount *amount,
    uint64_t *out, struct why *why);

/* More for the same request, out of what the quota keeps for asking again. ERR_LIMIT as above. */
MUST_CHECK int budget_extend(
    struct budget *self, uint64_t ticket, const struct budget_amount *amount, struct why *why);

/* The reservation goes to this provider's scope (BUDGET_NOBODY: to none). ERR_LIMIT when its caps have no room; the
 * reservation then is in no provider's scope. ERR_UNKNOWN for a ticket that is not open. */
MUST_CHECK int budget_route(struct budget *self, uint64_t ticket, uint32_t provider, struct why *why);

/* An attempt has used something and the request goes on: charged out of its reservation. `low`, here and below, says
 * that it was more than was reserved. */
MUST_CHECK int budget_charge(
    struct budget *self, uint64_t ticket, const struct budget_amount *used, bool *low, struct why *why);

/* The request is over. `used` NULL: the provider did not say, so all that is still reserved is charged. A second
 * settlement is ERR_UNKNOWN and changes nothing. */
MUST_CHECK int budget_settle(
    struct budget *self, uint64_t ticket, const struct budget_amount *used, bool *low, struct why *why);

/* The request is over and was never sent, or was answered by somebody else's call: nothing is charged. */
MUST_CHECK int budget_release(struct budget *self, uint64_t ticket, struct why *why);

/* What is still reserved for a ticket; all 0 when it is not open. */
struct budget_amount budget_reserved(const struct budget *self, uint64_t ticket);

enum budget_kind { BUDGET_WHOLE, BUDGET_CLIENT, BUDGET_ROLE, BUDGET_PROVIDER };
const struct budget_scope *budget_scope(const struct budget *self, enum budget_kind kind, uint32_t index);
/* The pair's quota in this step (what is kept for asking again is not in it), and what of it was given out. */
struct budget_amount budget_quota(const struct budget *self, uint32_t client, uint32_t role);
struct budget_amount budget_given(const struct budget *self, uint32_t client, uint32_t role);
uint32_t budget_open_count(const struct budget *self);

/* B1 and B2, and that quotas and caps agree. ERR_DIGEST names what is broken. */
MUST_CHECK int budget_check(const struct budget *self, struct why *why);

#endif
