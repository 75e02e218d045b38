/* world/compat/market.h - the marketplace of the earlier implementation: bounties, sealed bids, escrows, disputes. Its
 * mistakes are kept, because what is compared is the arithmetic: money is lost when a settlement fails or a dispute is
 * resolved (reward - bid goes nowhere), made when a dispute outlives the settlement of its escrow (both pay out), and a
 * bounty below the minimum leaves a free task behind (docs/compat.md).
 *
 *     bounty   OPEN -> AWARDED -> COMPLETED | FAILED, OPEN -> EXPIRED, any of the others -> DISPUTED -> as settled
 *     bid      PENDING -> ACCEPTED | REJECTED | WITHDRAWN
 *     escrow   HELD -> RELEASED | REFUNDED | PARTIAL (and again, by a dispute that outlived it)
 *     dispute  OPEN -> RELEASE | REFUND | SPLIT
 *
 * Ids count from 0 in the order of creation; nothing is ever removed. Two layers: the market itself (compat_market_*),
 * which moves no money, and the desk (compat_desk_*), what the original's run loop does with an agent's act: it moves
 * the agents' resources and the tasks. Rate limits (3 bounties and 5 bids an agent and epoch) are the caller's: it asks
 * before it calls the desk, and counts what the desk said yes to. */
#ifndef POLIS_WORLD_COMPAT_MARKET_H
#define POLIS_WORLD_COMPAT_MARKET_H

#include "core/params.h"
#include "world/compat/compat.h"
#include "world/sandbox/cells.h"
#include "world/sandbox/tasks.h"

#include <math.h>

/* The keys of `marketplace:`, named as there. */
#define COMPAT_MARKET_PARAMS(P, S)                                                                                   \
    P(S, BOOL, enabled, 1, 0, 1, "", "whether there is a marketplace")                                               \
    P(S, F64, escrow_fee_rate, 0.02, 0.0, 1.0, "share", "part of an escrow that is kept when it is paid out")        \
    P(S, F64, min_bounty_amount, 1.0, 0.0, INFINITY, "tokens", "smallest reward of a bounty")                        \
    P(S, U32, max_bids_per_bounty, 10, 1, UINT32_MAX, "bids", "pending bids a bounty can have")                      \
    P(S, U32, bid_deadline_epochs, 3, 0, UINT32_MAX, "epochs", "read by nothing, here as there")                     \
    P(S, U32, dispute_resolution_epochs, 2, 0, UINT32_MAX, "epochs", "age at which a dispute resolves itself")       \
    P(S, BOOL, auto_expire_bounties, 1, 0, 1, "", "whether open bounties expire at their deadline")                  \
    P(S, F64, dispute_default_split, 0.5, 0.0, 1.0, "share", "worker's part when a dispute resolves itself")
PARAMS_STRUCT(compat_market_params, COMPAT_MARKET_PARAMS)

enum compat_bounty_status {
    COMPAT_BOUNTY_OPEN, COMPAT_BOUNTY_AWARDED, COMPAT_BOUNTY_COMPLETED, COMPAT_BOUNTY_FAILED,
    COMPAT_BOUNTY_DISPUTED, COMPAT_BOUNTY_EXPIRED, COMPAT_BOUNTY_CANCELLED, COMPAT_BOUNTY_STATUSES
};
enum compat_bid_status { COMPAT_BID_PENDING, COMPAT_BID_ACCEPTED, COMPAT_BID_REJECTED, COMPAT_BID_WITHDRAWN };
enum compat_escrow_status {
    COMPAT_ESCROW_HELD, COMPAT_ESCROW_RELEASED, COMPAT_ESCROW_REFUNDED, COMPAT_ESCROW_PARTIAL
};
enum compat_dispute_status {
    COMPAT_DISPUTE_OPEN, COMPAT_DISPUTE_RELEASE, COMPAT_DISPUTE_REFUND, COMPAT_DISPUTE_SPLIT
};

/* Amounts in tokens; COMPAT_NOBODY where there is none. No padding: their bytes are what is saved. */
struct compat_bounty {
    double reward, min_reputation;
    uint32_t poster, task, deadline; /* deadline: an epoch; 0: none */
    uint32_t awarded_to, escrow, status;
};
struct compat_bid {
    double amount;
    uint32_t bounty, bidder, status, spare;
};
struct compat_escrow {
    double amount, released, refunded;
    uint32_t poster, worker, bounty, status;
};
struct compat_dispute {
    double worker_share; /* 0.5 while it is open */
    uint32_t escrow, filed_by, filed, status; /* filed: epoch */
};

/* How an escrow was paid out. */
struct compat_payout {
    bool success;               /* of a settlement */
    double worker, poster, fee; /* tokens */
    double share;               /* the worker's share of a dispute; the quality of a settlement */
    uint32_t worker_id, poster_id, escrow, dispute; /* dispute: COMPAT_NOBODY of a settlement */
};

struct compat_market_stats {
    uint32_t bounties, bids, escrows, disputes, by_status[COMPAT_BOUNTY_STATUSES];
    double posted, escrowed, released, refunded; /* escrowed: what is held now */
};

struct compat_market;

/* The parameters' list: defaults, bounds, reader and manual (core/params.h). */
const struct params *compat_market_params_list(void);
/* The same bounds for a struct that was filled by hand. Names the field; ERR_INVALID. */
MUST_CHECK int compat_market_params_check(const struct compat_market_params *params, struct why *why);

struct compat_market *compat_market_new(const struct compat_market_params *params);
void compat_market_destroy(struct compat_market **self_p);
void compat_market_clear(struct compat_market *self);

/* ---- The market. COMPAT_NOBODY or false: refused, and nothing has changed. ---- */

/* Refused when the reward is below the minimum. */
uint32_t compat_market_post(struct compat_market *self, uint32_t poster, uint32_t task, double reward,
                            double min_reputation, uint32_t deadline);
/* Refused: unknown or not open bounty, amount over the reward or not positive, the poster's own, full, bids already. */
uint32_t compat_market_bid(struct compat_market *self, uint32_t bounty, uint32_t bidder, double amount);
/* By the poster, an open bounty, a pending bid of it. The other pending bids are rejected; returns the escrow. */
uint32_t compat_market_accept(struct compat_market *self, uint32_t bounty, uint32_t bid, uint32_t poster);
bool compat_market_reject(struct compat_market *self, uint32_t bid, uint32_t poster);
bool compat_market_withdraw(struct compat_market *self, uint32_t bid, uint32_t bidder);
/* A held escrow, disputed or not. */
bool compat_market_settle(
    struct compat_market *self, uint32_t escrow, bool success, double quality, struct compat_payout *out);
/* A held escrow, one of its parties, no open dispute about it; returns the dispute. */
uint32_t compat_market_dispute(struct compat_market *self, uint32_t escrow, uint32_t by, uint32_t epoch);
/* An open dispute, whatever became of its escrow. The share is brought into 0 .. 1. */
bool compat_market_resolve(struct compat_market *self, uint32_t dispute, double share, struct compat_payout *out);

/* Expires open bounties whose deadline has come: their ids into out (room for all bounties); returns how many. */
uint32_t compat_market_expire(struct compat_market *self, uint32_t epoch, uint32_t *out);
/* The lowest open dispute that is due is resolved by the default split; false when none is. Call until false. */
bool compat_market_resolve_due(struct compat_market *self, uint32_t epoch, struct compat_payout *out);

/* Everything by id. The pointers hold until the next call that changes the market. */
const struct compat_bounty *compat_market_bounties(const struct compat_market *self, uint32_t *count);
const struct compat_bid *compat_market_bids(const struct compat_market *self, uint32_t *count);
const struct compat_escrow *compat_market_escrows(const struct compat_market *self, uint32_t *count);
const struct compat_dispute *compat_market_disputes(const struct compat_market *self, uint32_t *count);
struct compat_market_stats compat_market_stats(const struct compat_market *self);

/* What an agent is shown, ids in order of creation into out (room for all bounties, bids or escrows); how many.
 * Open bounties before their deadline that ask for no more than `reputation` (INFINITY: any), whoever posted them. */
uint32_t compat_market_open(const struct compat_market *self, uint32_t epoch, double reputation, uint32_t *out);
/* Pending bids on the poster's own open bounties; an agent's own pending bids; held escrows an agent is party to. */
uint32_t compat_market_bids_on(const struct compat_market *self, uint32_t poster, uint32_t *out);
uint32_t compat_market_bids_by(const struct compat_market *self, uint32_t bidder, uint32_t *out);
uint32_t compat_market_escrows_of(const struct compat_market *self, uint32_t agent, uint32_t *out);

/* ---- The desk: an agent's act with its money. True when it was done. ---- */

/* Refused when resources do not suffice (then no task is made) or the reward is below the minimum (then the task stays,
 * open and free). The task's bounty, reputation and deadline are the bounty's; it is TASK_NONE when the pool is full (a
 * task that was claimed never ends here, so make the pool large). `bounty_out` may be NULL. */
bool compat_desk_post(struct compat_market *self, struct compat_agents *agents, struct tasks *tasks, uint32_t poster,
                      double reward, double min_reputation, uint32_t deadline, uint64_t step, uint32_t *bounty_out);
/* Accepts, and claims the task for the bidder as far as the task allows. */
bool compat_desk_accept(struct compat_market *self, const struct compat_agents *agents, struct tasks *tasks,
                        uint32_t poster, uint32_t bounty, uint32_t bid, uint64_t step);
/* Settles and pays. After a success `trade_out` is the accepted TRADE from poster to worker (tau: what was released;
 * p: quality; v_hat: 2 quality - 1) and `*traded` true: the caller runs the levers on it, then takes their cost_a from
 * the poster's and cost_b from the worker's resources. No run of the original ever settles. */
bool compat_desk_settle(struct compat_market *self, struct compat_agents *agents, uint32_t escrow, bool success,
                        double quality, struct compat_interaction *trade_out, bool *traded);
/* The end of an epoch, called with its number before it advances: expired bounties are paid back, due disputes pay out
 * to both sides. */
void compat_desk_end_epoch(struct compat_market *self, struct compat_agents *agents, uint32_t epoch);

/* ---- Saving. The head holds how many there are of each. To save: head, then body. To load: read the head's cells,
 * call compat_market_room(), then ask for the body's cells (they now have the sizes of the head) and read them, then
 * compat_market_check(). To digest: head and body. ---- */
void compat_market_head(struct compat_market *self, struct cells *out);
void compat_market_body(struct compat_market *self, struct cells *out);
/* Makes room for what a loaded head says; refuses numbers over 2^24 (ERR_FORMAT) and empties the market then. */
MUST_CHECK int compat_market_room(struct compat_market *self, struct why *why);
MUST_CHECK int compat_market_check(const struct compat_market *self, uint32_t agent_count, struct why *why);

#endif
