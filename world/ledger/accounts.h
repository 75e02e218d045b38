/* world/ledger/accounts.h - who holds how much money, in millionths, double entry. A transfer makes and loses none:
 * the sum over all accounts is zero at all times. Money enters and leaves the economy through the ENVIRONMENT
 * account, the only one that may be overdrawn; what it owes is what everybody else holds.
 *
 * Invariants (accounts_check): 1. the sum of all balances is 0; 2. no account but ENVIRONMENT is below 0. */
#ifndef POLIS_WORLD_LEDGER_ACCOUNTS_H
#define POLIS_WORLD_LEDGER_ACCOUNTS_H

#include "core/buffer.h"
#include "core/digest.h"
#include "core/error.h"

#include <stdint.h>

/* The first accounts of every ledger; the others follow from ACCOUNT_FIRST. */
enum { ACCOUNT_ENVIRONMENT, ACCOUNT_TREASURY, ACCOUNT_ESCROW, ACCOUNT_FIRST };

/* Why money moved. The volume of each is kept. Add at the end. */
#define MONEY_REASONS(R)                                                                                             \
    R(genesis, "what accounts hold at the start")                                                                    \
    R(payoff, "what an interaction is worth, from or to the environment")                                            \
    R(effort, "effort and disguise, paid to the environment")                                                        \
    R(transfer, "what one agent pays another")                                                                       \
    R(escrow, "money set aside, or given back")                                                                      \
    R(stake, "money put at stake, or freed")                                                                         \
    R(cost, "taxes, fees and penalties of governance, to the treasury")                                              \
    R(fine, "fines, to the treasury")                                                                                \
    R(slash, "stakes taken, to the treasury")                                                                        \
    R(bounty, "pay for work")                                                                                        \
    R(dividend, "the treasury's money, handed back")

#define MONEY_REASON_ENUM(name, doc) MONEY_##name,
enum money_reason { MONEY_REASONS(MONEY_REASON_ENUM) MONEY_REASON_COUNT };

struct accounts;

/* `count` accounts besides the special ones, all empty. */
struct accounts *accounts_new(uint32_t count);
void accounts_destroy(struct accounts **self_p);
/* Empties every account and forgets the volumes. */
void accounts_clear(struct accounts *self);

int64_t accounts_balance(const struct accounts *self, uint32_t account);
/* Balances by account number: lent, for reading many at once. */
const int64_t *accounts_balances(const struct accounts *self);
/* Money moved for a reason since the start; stays at INT64_MAX once it gets there. */
int64_t accounts_volume(const struct accounts *self, enum money_reason reason);

/* Moves `amount` millionths, 0 and more. ERR_UNKNOWN: no such account; ERR_INVALID: a negative amount, or to oneself;
 * ERR_FUNDS: too little there; ERR_LIMIT: more than an account can count. On refusal nothing has changed. */
MUST_CHECK int accounts_transfer(
    struct accounts *self, uint32_t from, uint32_t to, int64_t amount, enum money_reason reason, struct why *why);

/* Moves as much of `amount` (>= 0) as `from` holds, and returns it. */
int64_t accounts_collect(
    struct accounts *self, uint32_t from, uint32_t to, int64_t amount, enum money_reason reason);

MUST_CHECK int accounts_check(const struct accounts *self, struct why *why);
void accounts_digest(const struct accounts *self, struct fold *fold);
void accounts_save(const struct accounts *self, struct buffer *out);
/* Reads what accounts_save() wrote, at *offset, and moves it past. ERR_FORMAT, and then the content is undefined. */
MUST_CHECK int accounts_load(
    struct accounts *self, const void *bytes, size_t size, size_t *offset, struct why *why);

#endif
