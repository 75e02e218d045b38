#include "world/ledger/accounts.h"

#include "core/arena.h"
#include "core/assert.h"
#include "core/bytes.h"
#include "core/money.h"
#include "core/wide.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct accounts {
    uint32_t count; /* with the special ones */
    int64_t *balance;
    int64_t volume[MONEY_REASON_COUNT];
};

struct accounts *
accounts_new(uint32_t count)
{
    struct accounts *self = ALLOC(struct accounts);

    ASSERT(count <= UINT32_MAX - ACCOUNT_FIRST);
    self->count = count + ACCOUNT_FIRST;
    self->balance = ALLOC_ARRAY(int64_t, self->count);
    return self;
}

void
accounts_destroy(struct accounts **self_p)
{
    struct accounts *self = *self_p;

    if (self == NULL)
        return;
    free(self->balance);
    free(self);
    *self_p = NULL;
}

void
accounts_clear(struct accounts *self)
{
    memset(self->balance, 0, (size_t)self->count * sizeof self->balance[0]);
    memset(self->volume, 0, sizeof self->volume);
}

int64_t
accounts_balance(const struct accounts *self, uint32_t account)
{
    ASSERT(account < self->count);
    return self->balance[account];
}

const int64_t *
accounts_balances(const struct accounts *self)
{
    return self->balance;
}

int64_t
accounts_volume(const struct accounts *self, enum money_reason reason)
{
    ASSERT(reason < MONEY_REASON_COUNT);
    return self->volume[reason];
}

int
accounts_transfer(
    struct accounts *self, uint32_t from, uint32_t to, int64_t amount, enum money_reason reason, struct why *why)
{
    int64_t left, more;

    ASSERT(reason < MONEY_REASON_COUNT);
    if (from >= self->count || to >= self->count)
        return fail(why, ERR_UNKNOWN, "no account %" PRIu32 " or %" PRIu32, from, to);
    if (amount < 0 || from == to)
        return fail(why, ERR_INVALID, "amount %" PRId64 " from account %" PRIu32 " to %" PRIu32, amount, from, to);
    if (from != ACCOUNT_ENVIRONMENT && self->balance[from] < amount)
        return fail(why, ERR_FUNDS, "account %" PRIu32 " holds %" PRId64 ", less than %" PRId64, from,
                    self->balance[from], amount);
    if (!money_add(self->balance[from], -amount, &left) || !money_add(self->balance[to], amount, &more))
        return fail(why, ERR_LIMIT, "account %" PRIu32 " or %" PRIu32 " cannot count that much", from, to);

    self->balance[from] = left;
    self->balance[to] = more;
    if (!money_add(self->volume[reason], amount, &self->volume[reason]))
        self->volume[reason] = INT64_MAX;
    return 0;
}

int64_t
accounts_collect(struct accounts *self, uint32_t from, uint32_t to, int64_t amount, enum money_reason reason)
{
    ASSERT(from < self->count && from != ACCOUNT_ENVIRONMENT && amount >= 0);
    if (amount > self->balance[from])
        amount = self->balance[from];
    if (accounts_transfer(self, from, to, amount, reason, NULL) != 0)
        return 0;
    return amount;
}

int
accounts_check(const struct accounts *self, struct why *why)
{
    int64_t environment = self->balance[ACCOUNT_ENVIRONMENT];
    uint64_t owed = environment < 0 ? (uint64_t)0 - (uint64_t)environment : 0;
    uint128 held = environment > 0 ? (uint64_t)environment : 0;

    for (uint32_t i = ACCOUNT_ENVIRONMENT + 1; i < self->count; i++) {
        if (self->balance[i] < 0)
            return fail(why, ERR_STATE, "account %" PRIu32 " is overdrawn: %" PRId64, i, self->balance[i]);
        held = held + (uint64_t)self->balance[i];
    }
    if (held != owed)
        return fail(why, ERR_STATE, "the accounts' sum is not 0: the environment owes %" PRIu64
                    ", the others hold %" PRIu64 " (modulo 2^64)", owed, (uint64_t)held);
    return 0;
}

void
accounts_digest(const struct accounts *self, struct fold *fold)
{
    fold_bytes(fold, self->balance, (size_t)self->count * sizeof self->balance[0]);
    fold_bytes(fold, self->volume, sizeof self->volume);
}

void
accounts_save(const struct accounts *self, struct buffer *out)
{
    uint8_t count[4];

    bytes_put_u32(count, self->count);
    buffer_append(out, count, sizeof count);
    buffer_append(out, self->balance, (size_t)self->count * sizeof self->balance[0]);
    buffer_append(out, self->volume, sizeof self->volume);
}

int
accounts_load(struct accounts *self, const void *bytes, size_t size, size_t *offset, struct why *why)
{
    const uint8_t *from = (const uint8_t *)bytes + *offset;
    size_t balances = (size_t)self->count * sizeof self->balance[0];

    ASSERT(*offset <= size);
    if (size - *offset < 4 + balances + sizeof self->volume)
        return fail(why, ERR_FORMAT, "accounts: the bytes end early");
    if (bytes_get_u32(from) != self->count)
        return fail(why, ERR_FORMAT, "accounts: %" PRIu32 " of them, not %" PRIu32, bytes_get_u32(from), self->count);
    memcpy(self->balance, from + 4, balances);
    memcpy(self->volume, from + 4 + balances, sizeof self->volume);
    *offset += 4 + balances + sizeof self->volume;
    return accounts_check(self, why) == 0 ? 0 : ERR_FORMAT;
}
