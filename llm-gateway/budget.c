#include "llm-gateway/budget.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/money.h"

/* The things counted, as a loop sees them: what a step may use of each, and money over the whole run. */
enum { CALLS, TOKENS, COST, COST_RUN, THING_COUNT };
enum { QUOTA_COUNT = COST_RUN };

static const char *const thing_names[THING_COUNT] = {
    "calls per step", "tokens per step", "cost per step", "cost per run"};

_Static_assert(sizeof(struct budget_cap) == THING_COUNT * sizeof(int64_t), "a cap is a row of THING_COUNT numbers");
_Static_assert(sizeof(struct budget_amount) == QUOTA_COUNT * sizeof(int64_t), "an amount is one of QUOTA_COUNT");

const struct budget_cap budget_uncapped = {{BUDGET_NONE, BUDGET_NONE, BUDGET_NONE}, BUDGET_NONE};

struct ticket {
    uint64_t id; /* 0: free */
    uint32_t client, role, provider;
    struct budget_amount left; /* still reserved */
};

/* One pair's share of the step: for first asks and for asking again. */
struct share {
    struct budget_amount quota, given, again_quota, again_given;
};

struct budget {
    struct budget_scope whole, *clients, *roles, *providers;
    struct share *shares; /* [client * role_count + role] */
    bool *asks_again;
    uint32_t client_count, role_count, provider_count;
    uint32_t again_per_mille;
    int64_t headroom;
    struct ticket *tickets;
    uint32_t *free_places; /* a stack */
    uint32_t ticket_capacity, free_count;
    uint64_t next_serial;
    uint64_t step;
    bool is_open;
};

static int64_t
amount_at(const struct budget_amount *amount, int thing)
{
    return thing == CALLS ? amount->calls : thing == TOKENS ? amount->tokens : amount->cost;
}

static void
amount_put(struct budget_amount *amount, int thing, int64_t value)
{
    *(thing == CALLS ? &amount->calls : thing == TOKENS ? &amount->tokens : &amount->cost) = value;
}

static int64_t
cap_at(const struct budget_cap *cap, int thing)
{
    return thing == COST_RUN ? cap->cost_run : amount_at(&cap->step, thing);
}

static void
cap_put(struct budget_cap *cap, int thing, int64_t value)
{
    if (thing == COST_RUN)
        cap->cost_run = value;
    else
        amount_put(&cap->step, thing, value);
}

/* a + b where the sum must fit: both were checked before. */
static int64_t
sum(int64_t a, int64_t b)
{
    int64_t out;
    bool fits = money_add(a, b, &out);

    ASSERT(fits);
    return out;
}

/* As sum(), but what does not fit is as much as there is: for what strangers say they used. */
static int64_t
sum_saturated(int64_t a, int64_t b)
{
    int64_t out;

    return money_add(a, b, &out) ? out : INT64_MAX;
}

static int64_t
smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* What a scope could still set aside. No cap is the cap INT64_MAX, so that sums cannot grow out of their type. */
static int64_t
room(const struct budget_scope *scope, int thing)
{
    int64_t cap = cap_at(&scope->cap, thing);

#ifdef POLIS_MUTANT_late_reserve
    /* Wrong on purpose: counts what was settled and forgets what is on its way. */
    return cap - smaller(cap, cap_at(&scope->settled, thing));
#else
    return cap - cap_at(&scope->settled, thing) - cap_at(&scope->reserved, thing);
#endif
}

static void
cap_is_valid(const struct budget_cap *cap)
{
    for (int thing = 0; thing < THING_COUNT; thing++)
        ASSERT(cap_at(cap, thing) == BUDGET_NONE || (cap_at(cap, thing) >= 0 && cap_at(cap, thing) <= BUDGET_MAX));
}

static struct budget_scope *
scopes_new(const struct budget_cap *caps, uint32_t count)
{
    struct budget_scope *scopes = ALLOC_ARRAY(struct budget_scope, count > 0 ? count : 1);

    for (uint32_t i = 0; i < count; i++) {
        scopes[i].cap = caps != NULL ? caps[i] : budget_uncapped;
        cap_is_valid(&scopes[i].cap);
    }
    return scopes;
}

struct budget *
budget_new(const struct budget_plan *plan)
{
    struct budget *self = ALLOC(struct budget);

    ASSERT(plan->client_count > 0 && plan->role_count > 0);
    ASSERT(plan->headroom >= 0 && plan->headroom <= BUDGET_MAX && plan->again_per_mille <= 1000);
    cap_is_valid(&plan->whole);
    self->whole.cap = plan->whole;
    self->headroom = plan->headroom;
    self->client_count = plan->client_count;
    self->role_count = plan->role_count;
    self->provider_count = plan->provider_count;
    self->clients = scopes_new(plan->clients, plan->client_count);
    self->roles = scopes_new(plan->roles, plan->role_count);
    self->providers = scopes_new(plan->providers, plan->provider_count);
    self->shares = ALLOC_ARRAY(struct share, (size_t)plan->client_count * plan->role_count);
    self->asks_again = ALLOC_ARRAY(bool, plan->role_count);
    for (uint32_t i = 0; i < plan->role_count && plan->asks_again != NULL; i++)
        self->asks_again[i] = plan->asks_again[i];
    self->again_per_mille = plan->again_per_mille;
    return self;
}

void
budget_destroy(struct budget **self_p)
{
    struct budget *self = *self_p;

    if (self == NULL)
        return;
    free(self->clients);
    free(self->roles);
    free(self->providers);
    free(self->shares);
    free(self->asks_again);
    free(self->tickets);
    free(self->free_places);
    free(self);
    *self_p = NULL;
}

/* The scopes a (client, role, provider) belongs to. */
struct path {
    struct budget_scope *scopes[4];
    uint32_t count;
};

static struct path
path_of(struct budget *self, uint32_t client, uint32_t role, uint32_t provider)
{
    struct path path = {.scopes = {&self->whole}, .count = 1};

    if (client < self->client_count)
        path.scopes[path.count++] = &self->clients[client];
    if (role < self->role_count)
        path.scopes[path.count++] = &self->roles[role];
    if (provider < self->provider_count)
        path.scopes[path.count++] = &self->providers[provider];
    return path;
}

/* Adds to what is settled, as far as the cap goes beyond what is still reserved; the rest is an overrun. */
static void
settle_into(struct budget_scope *scope, int thing, int64_t amount)
{
    int64_t within = smaller(amount, room(scope, thing));

    cap_put(&scope->settled, thing, sum_saturated(cap_at(&scope->settled, thing), within));
    cap_put(&scope->overrun, thing, sum_saturated(cap_at(&scope->overrun, thing), amount - within));
}

void
budget_carry(struct budget *self, uint32_t client, uint32_t role, uint32_t provider, int64_t cost)
{
    struct path path = path_of(self, client, role, provider);

    ASSERT(!self->is_open && cost >= 0);
    for (uint32_t i = 0; i < path.count; i++)
        settle_into(path.scopes[i], COST_RUN, cost);
}

/* ---- a step's quotas ---- */

/* Makes sure that the `count` quotas at `first`, `first + stride` ... sum up to no more than `cap`: cuts them in
 * proportion to what they are, or by `weights` while one of them is without bound. */
static void
tighten(int64_t *quotas, const double *weights, size_t first, size_t stride, size_t count, int64_t cap)
{
    double *parts = ALLOC_ARRAY(double, count);
    int64_t *split = ALLOC_ARRAY(int64_t, count);
    int64_t total = 0;
    bool any = false;

    for (size_t i = 0; i < count; i++)
        total = sum_saturated(total, quotas[first + i * stride]);
    for (size_t i = 0; i < count; i++) {
        parts[i] = total == BUDGET_NONE ? (weights != NULL ? weights[first + i * stride] : 1.0)
                                        : (double)quotas[first + i * stride];
        any = any || parts[i] > 0;
    }
    if (total > cap) {
        if (any)
            money_allocate(cap, parts, count, split);
        for (size_t i = 0; i < count; i++)
            quotas[first + i * stride] = smaller(quotas[first + i * stride], split[i]);
    }
    free(parts);
    free(split);
}

/* What a scope may spend in the step that begins. */
static int64_t
step_cap(const struct budget_scope *scope, int thing, int64_t headroom)
{
    int64_t cap = amount_at(&scope->cap.step, thing), left;

    if (thing != COST || scope->cap.cost_run == BUDGET_NONE)
        return cap;
    if (scope->overrun.cost_run > 0)
        return 0;
    left = scope->cap.cost_run - scope->settled.cost_run;
    return smaller(cap, left > headroom ? left - headroom : 0);
}

static void
split_thing(struct budget *self, int thing, const double *weights, int64_t *quotas)
{
    size_t pair_count = (size_t)self->client_count * self->role_count;

    for (size_t i = 0; i < pair_count; i++)
        quotas[i] = BUDGET_NONE;
    tighten(quotas, weights, 0, 1, pair_count, step_cap(&self->whole, thing, self->headroom));
    for (uint32_t role = 0; role < self->role_count; role++)
        tighten(quotas, weights, role, self->role_count, self->client_count, step_cap(&self->roles[role], thing, 0));
    for (uint32_t client = 0; client < self->client_count; client++)
        tighten(quotas, weights, (size_t)client * self->role_count, 1, self->role_count,
            step_cap(&self->clients[client], thing, 0));
    for (size_t i = 0; i < pair_count; i++) {
        bool asks_again = self->asks_again[i % self->role_count];
        int64_t per_mille = asks_again ? self->again_per_mille : 0;
        int64_t kept = quotas[i] == BUDGET_NONE
            ? BUDGET_NONE
            : quotas[i] / 1000 * per_mille + (quotas[i] % 1000 * per_mille + 500) / 1000;

        amount_put(&self->shares[i].again_quota, thing, asks_again ? kept : 0);
        amount_put(&self->shares[i].quota, thing, quotas[i] == BUDGET_NONE ? BUDGET_NONE : quotas[i] - kept);
    }
}

static void
scope_begin(struct budget_scope *scope)
{
    scope->settled.step = (struct budget_amount){0};
    scope->overrun.step = (struct budget_amount){0};
}

int
budget_open(struct budget *self, uint64_t step, const double *weights, struct why *why)
{
    size_t pair_count = (size_t)self->client_count * self->role_count;
    int64_t *quotas;

    if (self->is_open)
        return fail(why, ERR_STATE, "step %" PRIu64 " is still open", self->step);
    for (size_t i = 0; i < pair_count && weights != NULL; i++)
        if (!(weights[i] >= 0 && weights[i] <= 1e300))
            return fail(why, ERR_INVALID, "weight %zu is not a finite number of at least 0", i);
    scope_begin(&self->whole);
    for (uint32_t i = 0; i < self->client_count; i++)
        scope_begin(&self->clients[i]);
    for (uint32_t i = 0; i < self->role_count; i++)
        scope_begin(&self->roles[i]);
    for (uint32_t i = 0; i < self->provider_count; i++)
        scope_begin(&self->providers[i]);
    memset(self->shares, 0, pair_count * sizeof self->shares[0]);
    quotas = ALLOC_ARRAY(int64_t, pair_count);
    for (int thing = 0; thing < QUOTA_COUNT; thing++)
        split_thing(self, thing, weights, quotas);
    free(quotas);
    self->step = step;
    self->is_open = true;
    return 0;
}

int
budget_close(struct budget *self, struct why *why)
{
    if (!self->is_open)
        return fail(why, ERR_STATE, "no step is open");
    if (budget_open_count(self) > 0)
        return fail(why, ERR_STATE, "step %" PRIu64 " has %" PRIu32 " open reservations", self->step,
            budget_open_count(self));
    self->is_open = false;
    return 0;
}

/* ---- tickets ---- */

/* The number of a ticket is its place and a serial number, so that an old one finds nothing. */
#define PLACE_BITS 24

static struct ticket *
ticket_find(const struct budget *self, uint64_t id)
{
    uint64_t place = id & ((1u << PLACE_BITS) - 1);

    if (id == 0 || place >= self->ticket_capacity || self->tickets[place].id != id)
        return NULL;
    return &self->tickets[place];
}

static struct ticket *
ticket_new(struct budget *self)
{
    uint32_t place;

    if (self->free_count == 0) {
        uint32_t capacity = self->ticket_capacity > 0 ? 2 * self->ticket_capacity : 64;
        struct ticket *tickets = ALLOC_ARRAY(struct ticket, capacity);

        ASSERT(capacity <= 1u << PLACE_BITS);
        if (self->ticket_capacity > 0)
            memcpy(tickets, self->tickets, self->ticket_capacity * sizeof tickets[0]);
        free(self->tickets);
        free(self->free_places);
        self->tickets = tickets;
        self->free_places = ALLOC_ARRAY(uint32_t, capacity);
        for (uint32_t i = capacity; i > self->ticket_capacity; i--)
            self->free_places[self->free_count++] = i - 1;
        self->ticket_capacity = capacity;
    }
    place = self->free_places[--self->free_count];
    self->tickets[place] = (struct ticket){.id = ++self->next_serial << PLACE_BITS | place};
    return &self->tickets[place];
}

static void
ticket_free(struct budget *self, struct ticket *ticket)
{
    ticket->id = 0;
    self->free_places[self->free_count++] = (uint32_t)(ticket - self->tickets);
}

static struct path
path_of_ticket(struct budget *self, const struct ticket *ticket)
{
    return path_of(self, ticket->client, ticket->role, ticket->provider);
}

/* Moves what is reserved in a scope by `amount`, up (+1) or down (-1). */
static void
move_reserved(struct budget_scope *scope, const struct budget_amount *amount, int sign)
{
    for (int thing = 0; thing < THING_COUNT; thing++)
        cap_put(&scope->reserved, thing,
            sum(cap_at(&scope->reserved, thing), sign * amount_at(amount, thing == COST_RUN ? COST : thing)));
}

static int
amount_is_valid(const struct budget_amount *amount, struct why *why)
{
    for (int thing = 0; thing < QUOTA_COUNT; thing++)
        if (amount_at(amount, thing) < 0 || amount_at(amount, thing) > BUDGET_MAX)
            return fail(why, ERR_INVALID, "%s: %" PRId64 " is no amount", thing_names[thing], amount_at(amount, thing));
    return 0;
}

/* Does the amount fit into what a scope has left? `what` names the scope. */
static int
fits_scope(const struct budget_scope *scope, const struct budget_amount *amount, const char *what, uint32_t index,
    struct why *why)
{
    for (int thing = 0; thing < THING_COUNT; thing++) {
        int64_t wanted = amount_at(amount, thing == COST_RUN ? COST : thing);

        if (wanted > room(scope, thing))
            return fail(why, ERR_LIMIT, "%s of %s %" PRIu32 ": %" PRId64 " wanted, %" PRId64 " left",
                thing_names[thing], what, index, wanted, room(scope, thing));
    }
    if (scope->cap.cost_run != BUDGET_NONE && scope->overrun.cost_run > 0)
        return fail(why, ERR_LIMIT, "cost per run of %s %" PRIu32 ": more was used than it has", what, index);
    return 0;
}

static int
fits_quota(const struct budget_amount *quota, const struct budget_amount *given, const struct budget_amount *amount,
    const char *what, struct why *why)
{
    for (int thing = 0; thing < QUOTA_COUNT; thing++) {
        int64_t has = amount_at(quota, thing);

        if (amount_at(amount, thing) > has - amount_at(given, thing))
            return fail(why, ERR_LIMIT, "%s: the %s is %" PRId64 ", %" PRId64 " are given out, %" PRId64 " wanted",
                thing_names[thing], what, has, amount_at(given, thing), amount_at(amount, thing));
    }
    return 0;
}

static void
give(struct budget_amount *given, const struct budget_amount *amount)
{
    for (int thing = 0; thing < QUOTA_COUNT; thing++)
        amount_put(given, thing, sum(amount_at(given, thing), amount_at(amount, thing)));
}

/* The caps of a client and a role and of the whole hold by the quotas alone, until a provider has used more than was
 * reserved: then they are what stops. */
static int
fits_scopes(struct budget *self, uint32_t client, uint32_t role, const struct budget_amount *amount, struct why *why)
{
    int error = fits_scope(&self->whole, amount, "the run", 0, why);

    if (error == 0)
        error = fits_scope(&self->clients[client], amount, "client", client, why);
    if (error == 0)
        error = fits_scope(&self->roles[role], amount, "role", role, why);
    return error;
}

int
budget_admit(struct budget *self, uint32_t client, uint32_t role, const struct budget_amount *amount,
    uint64_t *out, struct why *why)
{
    struct share *share;
    struct ticket *ticket;
    struct path path;
    int error;

    *out = 0;
    if (!self->is_open)
        return fail(why, ERR_STATE, "no step is open");
    if (client >= self->client_count || role >= self->role_count)
        return fail(why, ERR_UNKNOWN, "no client %" PRIu32 " or role %" PRIu32, client, role);
    share = &self->shares[(size_t)client * self->role_count + role];
    if ((error = amount_is_valid(amount, why)) != 0 ||
        (error = fits_quota(&share->quota, &share->given, amount, "quota", why)) != 0 ||
        (error = fits_scopes(self, client, role, amount, why)) != 0)
        return error;
#ifndef POLIS_MUTANT_late_reserve
    give(&share->given, amount);
#endif
    ticket = ticket_new(self);
    ticket->client = client;
    ticket->role = role;
    ticket->provider = BUDGET_NOBODY;
    ticket->left = *amount;
    path = path_of_ticket(self, ticket);
    for (uint32_t i = 0; i < path.count; i++)
        move_reserved(path.scopes[i], amount, 1);
    *out = ticket->id;
    return 0;
}

static int
fail_ticket(struct why *why)
{
    return fail(why, ERR_UNKNOWN, "no such open reservation");
}

int
budget_extend(struct budget *self, uint64_t id, const struct budget_amount *amount, struct why *why)
{
    struct ticket *ticket = ticket_find(self, id);
    struct share *share;
    struct path path;
    int error;

    if (ticket == NULL)
        return fail_ticket(why);
    share = &self->shares[(size_t)ticket->client * self->role_count + ticket->role];
    if ((error = amount_is_valid(amount, why)) != 0 ||
        (error = fits_quota(&share->again_quota, &share->again_given, amount, "quota for asking again", why)) != 0 ||
        (error = fits_scopes(self, ticket->client, ticket->role, amount, why)) != 0)
        return error;
    if (ticket->provider != BUDGET_NOBODY) {
        error = fits_scope(&self->providers[ticket->provider], amount, "provider", ticket->provider, why);
        if (error != 0)
            return error;
    }
    give(&share->again_given, amount);
    give(&ticket->left, amount);
    path = path_of_ticket(self, ticket);
    for (uint32_t i = 0; i < path.count; i++)
        move_reserved(path.scopes[i], amount, 1);
    return 0;
}

int
budget_route(struct budget *self, uint64_t id, uint32_t provider, struct why *why)
{
    struct ticket *ticket = ticket_find(self, id);
    int error;

    if (ticket == NULL)
        return fail_ticket(why);
    if (provider != BUDGET_NOBODY && provider >= self->provider_count)
        return fail(why, ERR_UNKNOWN, "no provider %" PRIu32, provider);
    if (provider == ticket->provider)
        return 0;
    if (ticket->provider != BUDGET_NOBODY)
        move_reserved(&self->providers[ticket->provider], &ticket->left, -1);
    ticket->provider = BUDGET_NOBODY;
    if (provider == BUDGET_NOBODY)
        return 0;
    error = fits_scope(&self->providers[provider], &ticket->left, "provider", provider, why);
    if (error != 0)
        return error;
    ticket->provider = provider;
    move_reserved(&self->providers[provider], &ticket->left, 1);
    return 0;
}

/* Takes `used` out of the ticket's reservation and puts it to what is settled. True when it was more than that. */
static bool
charge(struct budget *self, struct ticket *ticket, const struct budget_amount *used)
{
    struct path path = path_of_ticket(self, ticket);
    struct budget_amount from_reserved;
    bool low = false;

    for (int thing = 0; thing < QUOTA_COUNT; thing++) {
        int64_t taken = smaller(amount_at(used, thing), amount_at(&ticket->left, thing));

        low = low || amount_at(used, thing) > taken;
        amount_put(&from_reserved, thing, taken);
        amount_put(&ticket->left, thing, amount_at(&ticket->left, thing) - taken);
    }
    for (uint32_t i = 0; i < path.count; i++) {
        move_reserved(path.scopes[i], &from_reserved, -1);
        for (int thing = 0; thing < THING_COUNT; thing++)
            settle_into(path.scopes[i], thing, amount_at(used, thing == COST_RUN ? COST : thing));
    }
    return low;
}

int
budget_charge(
    struct budget *self, uint64_t id, const struct budget_amount *used, bool *low, struct why *why)
{
    struct ticket *ticket = ticket_find(self, id);
    int error;

    *low = false;
    if (ticket == NULL)
        return fail_ticket(why);
    if ((error = amount_is_valid(used, why)) != 0)
        return error;
    *low = charge(self, ticket, used);
    return 0;
}

int
budget_release(struct budget *self, uint64_t id, struct why *why)
{
    struct ticket *ticket = ticket_find(self, id);
    struct path path;

    if (ticket == NULL)
        return fail_ticket(why);
    path = path_of_ticket(self, ticket);
    for (uint32_t i = 0; i < path.count; i++)
        move_reserved(path.scopes[i], &ticket->left, -1);
    ticket_free(self, ticket);
    return 0;
}

int
budget_settle(
    struct budget *self, uint64_t id, const struct budget_amount *used, bool *low, struct why *why)
{
    struct ticket *ticket = ticket_find(self, id);
    struct budget_amount all;
    int error;

    *low = false;
    if (ticket == NULL)
        return fail_ticket(why);
    all = ticket->left;
    if (used != NULL && (error = amount_is_valid(used, why)) != 0)
        return error;
    *low = charge(self, ticket, used != NULL ? used : &all);
    return budget_release(self, id, why);
}

/* ---- looking ---- */

struct budget_amount
budget_reserved(const struct budget *self, uint64_t id)
{
    const struct ticket *ticket = ticket_find(self, id);

    return ticket != NULL ? ticket->left : (struct budget_amount){0};
}

const struct budget_scope *
budget_scope(const struct budget *self, enum budget_kind kind, uint32_t index)
{
    const struct budget_scope *const lists[] = {&self->whole, self->clients, self->roles, self->providers};
    const uint32_t counts[] = {1, self->client_count, self->role_count, self->provider_count};

    ASSERT(kind <= BUDGET_PROVIDER && index < counts[kind]);
    return &lists[kind][index];
}

struct budget_amount
budget_quota(const struct budget *self, uint32_t client, uint32_t role)
{
    ASSERT(client < self->client_count && role < self->role_count);
    return self->shares[(size_t)client * self->role_count + role].quota;
}

struct budget_amount
budget_given(const struct budget *self, uint32_t client, uint32_t role)
{
    ASSERT(client < self->client_count && role < self->role_count);
    return self->shares[(size_t)client * self->role_count + role].given;
}

uint32_t
budget_open_count(const struct budget *self)
{
    return self->ticket_capacity - self->free_count;
}

static int
check_scope(const struct budget_scope *scope, const struct budget_amount *open, const char *what, uint32_t index,
    struct why *why)
{
    for (int thing = 0; thing < THING_COUNT; thing++) {
        int64_t settled = cap_at(&scope->settled, thing), reserved = cap_at(&scope->reserved, thing);
        int64_t cap = cap_at(&scope->cap, thing), should = amount_at(open, thing == COST_RUN ? COST : thing);

        if (settled < 0 || reserved < 0 || settled > cap || reserved > cap - settled)
            return fail(why, ERR_DIGEST,
                "B1: %s of %s %" PRIu32 ": %" PRId64 " settled + %" PRId64 " reserved > %" PRId64, thing_names[thing],
                what, index, settled, reserved, cap);
        if (reserved != should)
            return fail(why, ERR_DIGEST, "B2: %s of %s %" PRIu32 ": %" PRId64 " reserved, %" PRId64 " open",
                thing_names[thing], what, index, reserved, should);
    }
    return 0;
}

static int
check_scopes(const struct budget_scope *scopes, const struct budget_amount *open, uint32_t count, const char *what,
    struct why *why)
{
    for (uint32_t i = 0; i < count; i++) {
        int error = check_scope(&scopes[i], &open[i], what, i, why);

        if (error != 0)
            return error;
    }
    return 0;
}

int
budget_check(const struct budget *self, struct why *why)
{
    size_t others = (size_t)self->client_count + self->role_count + self->provider_count;
    struct budget_amount *open = ALLOC_ARRAY(struct budget_amount, 1 + others);
    struct budget_amount *clients = open + 1, *roles = clients + self->client_count;
    struct budget_amount *providers = roles + self->role_count;
    int error;

    for (uint32_t i = 0; i < self->ticket_capacity; i++) {
        const struct ticket *ticket = &self->tickets[i];

        if (ticket->id == 0)
            continue;
        give(open, &ticket->left);
        give(&clients[ticket->client], &ticket->left);
        give(&roles[ticket->role], &ticket->left);
        if (ticket->provider != BUDGET_NOBODY)
            give(&providers[ticket->provider], &ticket->left);
    }
    if ((error = check_scope(&self->whole, open, "the run", 0, why)) == 0 &&
        (error = check_scopes(self->clients, clients, self->client_count, "client", why)) == 0 &&
        (error = check_scopes(self->roles, roles, self->role_count, "role", why)) == 0)
        error = check_scopes(self->providers, providers, self->provider_count, "provider", why);
    for (uint32_t i = 0; i < self->client_count * self->role_count && error == 0; i++)
        if ((error = fits_quota(&self->shares[i].quota, &self->shares[i].given, &(struct budget_amount){0}, "quota",
                 why)) != 0)
            error = fail(why, ERR_DIGEST, "pair %" PRIu32 " has more than its quota", i);
    free(open);
    return error;
}
