/* world/sandbox/market.h - bounties for work: posted with a reward set aside, bid for, awarded to a bid, done, and
 * settled; and disputes about them. It says who gets what of the money set aside; moving it is the caller's part
 * (market_pay_fn). Knows nothing of agents' states, tasks or chance, so that any sequence of its operations can be
 * tried without the rest of the sandbox.
 *
 *     OPEN -> AWARDED -> COMPLETED | FAILED             OPEN -> EXPIRED
 *             AWARDED -> DISPUTED -> COMPLETED | FAILED
 *
 * 1. What a bounty holds is its reward while it is OPEN, the accepted bid while it is AWARDED or DISPUTED, and nothing
 * afterwards. 2. Money leaves it only when the status changes, and all that leaves is paid to somebody: of an award,
 * what the bid asks less than the reward, to the poster; of an end, everything, by market_split_fn. So nothing is paid
 * twice, lost or made. 3. Bids are pending only on OPEN bounties, at most one a bidder. 4. An ended bounty keeps its
 * place until a new one takes it (oldest place first).
 *
 * Epochs are those of the economy. A deadline is the first epoch in which it is too late; 0 is none. */
#ifndef POLIS_WORLD_SANDBOX_MARKET_H
#define POLIS_WORLD_SANDBOX_MARKET_H

#include "core/error.h"
#include "core/params.h"
#include "proto/sandbox.h"
#include "world/sandbox/cells.h"

#include <stdbool.h>
#include <stdint.h>

enum { CONDITION_WORK_APPROVED, CONDITION_LABEL_AT_LEAST, CONDITION_TRUTH };

#define MARKET_PARAMS(P, S)                                                                                          \
    P(S, BOOL, enabled, 0, 0, 1, "", "whether agents can post bounties and bid for them")                            \
    P(S, F64, escrow_fee, 0.02, 0, 1, "share", "of what a worker is paid that goes to the treasury")                 \
    P(S, MONEY, min_bounty, 1, 0, 1e9, "tokens", "least reward of a bounty")                                         \
    P(S, U32, max_bids, 10, 1, 64, "bids", "pending on one bounty")                                                  \
    P(S, U32, capacity, 256, 1, 65536, "bounties", "alive at a time; more cannot be posted")                         \
    P(S, U32, visible, 16, 0, 32, "bounties", "that agents see, best paid first")                                    \
    P(S, U32, deadline_epochs, 3, 0, 100000, "epochs", "that a bounty takes bids; 0: for ever")                      \
    P(S, U32, work_epochs, 3, 1, 100000, "epochs", "until an awarded job must be handed in, or it fails")            \
    P(S, BOOL, auto_expire, 1, 0, 1, "", "whether a bounty ends at its deadline, or waits on with the bids it has")  \
    P(S, U32, dispute_epochs, 2, 1, 100000, "epochs", "from a dispute to its hearing")                               \
    P(S, F64, dispute_power, 0.8, 0, 1, "probability", "that a hearing finds out whether the work is good")          \
    P(S, F64, dispute_default_split, 0.5, 0, 1, "share", "of the escrow for the worker where it does not")           \
    P(S, F64, dispute_fee, 0.05, 0, 1, "share", "of the escrow that the loser of a hearing pays to the treasury")    \
    P(S, ENUM, condition, CONDITION_WORK_APPROVED, 0, CONDITION_TRUTH, "work_approved|label_at_least|truth",         \
      "what releases the escrow when a job ends: its approval, the label of the last work, or its truth")            \
    P(S, F64, condition_label, 0.5, 0, 1, "label", "that releases the escrow under label_at_least")                  \
    P(S, F64, min_reputation, -1, -1, 1, "reputation", "needed to bid for the hardest bounties; the easiest take -1")
PARAMS_STRUCT(market_params, MARKET_PARAMS)
extern const struct params market_params_list;

#define MARKET_NONE UINT32_MAX

/* A bounty and, once it is awarded, the job. Plain bytes without padding: it is state. */
struct bounty {
    int64_t reward;        /* millionths; as posted */
    int64_t held;          /* in escrow for it now */
    double difficulty;     /* of the work, 0 .. 1 */
    double min_reputation; /* needed to bid */
    double label;          /* DISPUTED: of the work in question */
    uint32_t id, poster;
    uint32_t worker;       /* MARKET_NONE until awarded */
    uint32_t task;         /* AWARDED: the caller's number for the work; else MARKET_NONE */
    uint32_t deadline;     /* OPEN: no bids from then on; 0: none */
    uint32_t due;          /* AWARDED: epoch in which the work is late; DISPUTED: epoch of the hearing */
    int32_t truth;         /* DISPUTED: v of the work in question */
    uint8_t status;        /* enum sandbox_bounty */
    uint8_t used, disputed_by_worker, spare;
};

/* Its id is the bounty's id * max_bids + its place there. */
struct bid {
    int64_t amount;  /* asked for, millionths */
    uint32_t bidder;
    uint8_t used, spare[3];
};

/* How what a bounty holds is divided; the parts make the whole. */
struct market_split {
    int64_t worker, poster, fee;
};

/* `share` of the work's pay, in [0, 1], goes to the worker, less the escrow fee on it; the rest to the poster. */
typedef struct market_split market_split_fn(const struct market_params *params, const struct bounty *bounty,
                                            double share);
market_split_fn market_split;

enum market_party { MARKET_WORKER, MARKET_POSTER, MARKET_TREASURY };
/* Moves money out of the escrow: `amount` > 0 for one of a bounty's parties. `bank` is the caller's. */
typedef void market_pay_fn(void *bank, const struct bounty *bounty, enum market_party to, int64_t amount);

struct market;

/* `params` is copied. `split` is market_split, but for tests that want to see a wrong one found. */
struct market *market_new(const struct market_params *params, market_split_fn *split, market_pay_fn *pay, void *bank);
void market_destroy(struct market **self_p);
/* No bounty and no bid. */
void market_clear(struct market *self);
const struct market_params *market_params_of(const struct market *self);

/* ---- operations. Each _check says whether it may be (REFUSAL_NONE) and changes nothing; the operation itself is only
 * to be called when it may ---- */

/* REFUSAL_TARGET: the reward is too low; REFUSAL_BUSY: no place. */
enum sandbox_refusal market_post_check(const struct market *self, int64_t reward);
/* The reward is in escrow already. Returns the bounty's id. */
uint32_t market_post(struct market *self, uint32_t poster, int64_t reward, double difficulty, uint32_t epoch);

/* REFUSAL_TARGET: no such open bounty, one's own, past its deadline, reputation too low, amount not in
 * (0, reward]; REFUSAL_REPEATED: has a bid there; REFUSAL_BUSY: too many bids there. */
enum sandbox_refusal market_bid_check(
    const struct market *self, uint32_t id, uint32_t bidder, double reputation, int64_t amount, uint32_t epoch);
uint32_t market_bid(struct market *self, uint32_t id, uint32_t bidder, int64_t amount);

/* By the bounty's poster; `bid` is a bid's id. REFUSAL_TARGET: no such pending bid on an open bounty of its own. */
enum sandbox_refusal market_accept_check(const struct market *self, uint32_t bid, uint32_t agent);
/* The other bids are gone; what the bid leaves of the reward goes back. */
void market_accept(struct market *self, uint32_t bid, uint32_t task, uint32_t epoch);

/* By one of the parties of an awarded bounty. REFUSAL_TARGET: it is none. Whether there is work to dispute about is for
 * the caller to know. */
enum sandbox_refusal market_dispute_check(const struct market *self, uint32_t id, uint32_t agent);
void market_dispute(struct market *self, uint32_t id, uint32_t agent, int32_t truth, double label, uint32_t epoch);

/* Ends a bounty and pays out what it holds: of an OPEN one all to its poster (EXPIRED); else by `share`, COMPLETED when
 * the worker gets more than half, else FAILED. */
struct market_split market_end(struct market *self, uint32_t id, double share);

/* What time has brought about for the bounty at a place: to be looked at when an epoch begins. */
enum market_due { DUE_NOTHING, DUE_EXPIRY, DUE_WORK, DUE_HEARING };
enum market_due market_due(const struct market *self, uint32_t place, uint32_t epoch);

/* ---- looking ---- */

/* NULL when it is gone. */
const struct bounty *market_find(const struct market *self, uint32_t id);
/* place < capacity; NULL for an unused one. */
const struct bounty *market_at(const struct market *self, uint32_t place);
/* Whether it takes bids in this epoch, as far as its age and status go. */
bool market_takes_bids(const struct bounty *bounty, uint32_t epoch);
/* A pending bid, or NULL; *bounty_out is whose. */
const struct bid *market_bid_find(const struct market *self, uint32_t bid, const struct bounty **bounty_out);
/* Of an open bounty: slot < max_bids; NULL for none there. */
const struct bid *market_bid_at(const struct market *self, const struct bounty *bounty, uint32_t slot);
uint32_t market_bid_id(const struct market *self, const struct bounty *bounty, uint32_t slot);
uint32_t market_bid_count(const struct market *self, const struct bounty *bounty);
/* What is in escrow for all bounties, millionths. */
int64_t market_escrow(const struct market *self);

void market_cells(struct market *self, struct cells *out);
/* The invariants above, agents being 0 .. agent_count - 1. */
MUST_CHECK int market_check(const struct market *self, uint32_t agent_count, struct why *why);

#endif
