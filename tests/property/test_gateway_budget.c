/* The caps of llm-gateway/budget.h hold in any history: seeded random ones with clients that crash, answers that come
 * late, twice or never, and providers that lie about what they used. What a provider could send a bill for is counted
 * here a second time, by other means. A build of the same file that forgets what is on its way must be found out. */
#include "llm-gateway/budget.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "core/rng.h"
#include "core/streams.h"
#include "tests/support/test.h"

/* The wrong build, under other names. */
#define budget_uncapped wrong_uncapped
#define budget_new wrong_new
#define budget_destroy wrong_destroy
#define budget_carry wrong_carry
#define budget_open wrong_open
#define budget_close wrong_close
#define budget_admit wrong_admit
#define budget_extend wrong_extend
#define budget_route wrong_route
#define budget_charge wrong_charge
#define budget_settle wrong_settle
#define budget_release wrong_release
#define budget_reserved wrong_reserved
#define budget_scope(self, kind, index) wrong_scope(self, kind, index)
#define budget_quota wrong_quota
#define budget_given wrong_given
#define budget_open_count wrong_open_count
#define budget_check wrong_check
#define POLIS_MUTANT_late_reserve 1
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
int wrong_close(struct budget *self, struct why *why);
uint32_t wrong_open_count(const struct budget *self);
int wrong_release(struct budget *self, uint64_t id, struct why *why);
#include "llm-gateway/budget.c"
#pragma GCC diagnostic pop
#undef budget_uncapped
#undef budget_new
#undef budget_destroy
#undef budget_carry
#undef budget_open
#undef budget_close
#undef budget_admit
#undef budget_extend
#undef budget_route
#undef budget_charge
#undef budget_settle
#undef budget_release
#undef budget_reserved
#undef budget_scope
#undef budget_quota
#undef budget_given
#undef budget_open_count
#undef budget_check
#undef POLIS_MUTANT_late_reserve

static const struct build {
    struct budget *(*make)(const struct budget_plan *plan);
    void (*destroy)(struct budget **self_p);
    int (*open)(struct budget *self, uint64_t step, const double *weights, struct why *why);
    int (*close)(struct budget *self, struct why *why);
    int (*admit)(struct budget *self, uint32_t client, uint32_t role, const struct budget_amount *amount, uint64_t *out,
        struct why *why);
    int (*extend)(struct budget *self, uint64_t ticket, const struct budget_amount *amount, struct why *why);
    int (*route)(struct budget *self, uint64_t ticket, uint32_t provider, struct why *why);
    int (*charge)(
        struct budget *self, uint64_t ticket, const struct budget_amount *used, bool *low, struct why *why);
    int (*settle)(
        struct budget *self, uint64_t ticket, const struct budget_amount *used, bool *low, struct why *why);
    int (*release)(struct budget *self, uint64_t ticket, struct why *why);
    int (*check)(const struct budget *self, struct why *why);
    const struct budget_scope *(*scope)(const struct budget *self, enum budget_kind kind, uint32_t index);
} real = {budget_new, budget_destroy, budget_open, budget_close, budget_admit, budget_extend, budget_route,
          budget_charge, budget_settle, budget_release, budget_check, budget_scope},
  wrong = {wrong_new, wrong_destroy, wrong_open, wrong_close, wrong_admit, wrong_extend, wrong_route, wrong_charge,
           wrong_settle, wrong_release, wrong_check, wrong_scope};

enum { CLIENTS = 64, ROLE_ROWS = 4, PROVIDERS = 3, SCOPES = 1 + CLIENTS + ROLE_ROWS + PROVIDERS, OPEN_MAX = 600 };

/* What is known about a request, independently of the budget. */
struct request {
    uint64_t ticket;
    uint32_t client, role, provider; /* BUDGET_NOBODY: not sent */
    struct budget_amount left;       /* of the reservation */
};

/* One scope's bill: what providers could ask for in this step, and over the run; what of it were lies. */
struct bill {
    struct budget_amount used, lied;
    int64_t run, run_lied;
};

struct history {
    const struct build *build;
    struct budget *budget;
    struct budget_plan plan;
    struct budget_cap caps[SCOPES];
    struct bill bills[SCOPES];
    struct request open[OPEN_MAX];
    uint32_t open_count;
    uint64_t stale[64]; /* tickets that are over */
    uint32_t stale_count;
    uint64_t events, admitted, refused, lies;
    struct rng rng;
    char broken[200]; /* what was found wrong */
};

static void
accuse(struct history *self, const char *what, uint32_t scope, int64_t a, int64_t b)
{
    if (self->broken[0] == '\0')
        snprintf(self->broken, sizeof self->broken, "%s, scope %" PRIu32 ": %" PRId64 " against %" PRId64, what, scope,
            a, b);
}

static int64_t
draw_cap(struct rng *rng, uint32_t low, uint32_t span, bool may_be_none)
{
    return may_be_none && rng_chance(rng, 0.5) ? BUDGET_NONE : (int64_t)low + rng_below(rng, span);
}

static void
draw_plan(struct history *self)
{
    static const bool asks_again[ROLE_ROWS] = {true, false, true, false};

    for (uint32_t i = 0; i < SCOPES; i++) {
        uint32_t size = i == 0 ? 60 : i <= CLIENTS ? 2 : i <= CLIENTS + ROLE_ROWS ? 15 : 3;
        struct budget_cap *cap = &self->caps[i];

        cap->step.calls = draw_cap(&self->rng, size, 20 * size, i > 0);
        cap->step.tokens = draw_cap(&self->rng, 1000 * size, 20000 * size, true);
        cap->step.cost = draw_cap(&self->rng, 1000 * size, 20000 * size, true);
        cap->cost_run = draw_cap(&self->rng, 4000 * size, 40000 * size, i > 0);
    }
    self->plan = (struct budget_plan){.whole = self->caps[0], .headroom = 3000, .client_count = CLIENTS,
        .role_count = ROLE_ROWS, .provider_count = PROVIDERS, .clients = &self->caps[1],
        .roles = &self->caps[1 + CLIENTS], .providers = &self->caps[1 + CLIENTS + ROLE_ROWS], .again_per_mille = 100,
        .asks_again = asks_again};
}

static const struct budget_scope *
scope_at(const struct history *self, uint32_t i)
{
    if (i == 0)
        return self->build->scope(self->budget, BUDGET_WHOLE, 0);
    if (i <= CLIENTS)
        return self->build->scope(self->budget, BUDGET_CLIENT, i - 1);
    if (i <= CLIENTS + ROLE_ROWS)
        return self->build->scope(self->budget, BUDGET_ROLE, i - 1 - CLIENTS);
    return self->build->scope(self->budget, BUDGET_PROVIDER, i - 1 - CLIENTS - ROLE_ROWS);
}

/* Puts a bill into every scope a request belongs to; what exceeds its reservation was a lie. */
static void
bill(struct history *self, struct request *request, const struct budget_amount *used)
{
    uint32_t scopes[4] = {0, 1 + request->client, 1 + CLIENTS + request->role,
                          1 + CLIENTS + ROLE_ROWS + request->provider};
    int64_t lied[3] = {used->calls > request->left.calls ? used->calls - request->left.calls : 0,
                       used->tokens > request->left.tokens ? used->tokens - request->left.tokens : 0,
                       used->cost > request->left.cost ? used->cost - request->left.cost : 0};

    for (uint32_t i = 0; i < (request->provider == BUDGET_NOBODY ? 3u : 4u); i++) {
        struct bill *at = &self->bills[scopes[i]];

        at->used.calls += used->calls;
        at->used.tokens += used->tokens;
        at->used.cost += used->cost;
        at->run += used->cost;
        at->lied.calls += lied[0];
        at->lied.tokens += lied[1];
        at->lied.cost += lied[2];
        at->run_lied += lied[2];
    }
    request->left.calls -= used->calls - lied[0];
    request->left.tokens -= used->tokens - lied[1];
    request->left.cost -= used->cost - lied[2];
    self->lies += lied[0] + lied[1] + lied[2] > 0;
}

/* A cap against the bill, and the budget's own figures against the bill to the last unit. */
static void
compare(struct history *self, uint32_t i, const char *what, int64_t cap, int64_t used, int64_t lied, int64_t settled,
    int64_t overrun)
{
    if (used - lied > cap)
        accuse(self, what, i, used - lied, cap);
    if (settled + overrun != used)
        accuse(self, "settled and overrun are not what was used", i, settled + overrun, used);
    if (overrun > lied)
        accuse(self, "an overrun without a lie", i, overrun, lied);
}

static void
look(struct history *self)
{
    struct why why = {0};

    self->events++;
    if (self->build->check(self->budget, &why) != 0 && self->broken[0] == '\0')
        snprintf(self->broken, sizeof self->broken, "%.150s", why.text);
    for (uint32_t i = 0; i < SCOPES; i++) {
        const struct budget_scope *scope = scope_at(self, i);
        const struct bill *bill_of = &self->bills[i];

        compare(self, i, "calls over the cap", self->caps[i].step.calls, bill_of->used.calls, bill_of->lied.calls,
            scope->settled.step.calls, scope->overrun.step.calls);
        compare(self, i, "tokens over the cap", self->caps[i].step.tokens, bill_of->used.tokens, bill_of->lied.tokens,
            scope->settled.step.tokens, scope->overrun.step.tokens);
        compare(self, i, "cost over the step's cap", self->caps[i].step.cost, bill_of->used.cost, bill_of->lied.cost,
            scope->settled.step.cost, scope->overrun.step.cost);
        compare(self, i, "cost over the run's cap", self->caps[i].cost_run, bill_of->run, bill_of->run_lied,
            scope->settled.cost_run, scope->overrun.cost_run);
    }
}

static void
ask(struct history *self)
{
    struct request request = {.client = rng_below(&self->rng, CLIENTS), .role = rng_below(&self->rng, ROLE_ROWS),
                              .provider = BUDGET_NOBODY};
    struct why why = {0};

    request.left = (struct budget_amount){1, rng_below(&self->rng, 2000), rng_below(&self->rng, 2000)};
    if (self->open_count == OPEN_MAX)
        return;
    if (self->build->admit(self->budget, request.client, request.role, &request.left, &request.ticket, &why) != 0) {
        self->refused++;
        return;
    }
    self->admitted++;
    self->open[self->open_count++] = request;
}

static void
drop(struct history *self, uint32_t i)
{
    self->stale[self->stale_count++ % 64] = self->open[i].ticket;
    self->open[i] = self->open[--self->open_count];
}

/* Somewhere between nothing and all of the reservation; a liar has more. */
static struct budget_amount
draw_usage(struct history *self, const struct request *request, bool lies)
{
    int64_t more = lies ? 1 + rng_below(&self->rng, 3000) : 0;

    return (struct budget_amount){request->left.calls,
        request->left.tokens > 0 ? (int64_t)rng_below(&self->rng, (uint32_t)request->left.tokens + 1) + more : more,
        request->left.cost > 0 ? (int64_t)rng_below(&self->rng, (uint32_t)request->left.cost + 1) + more : more};
}

/* The request ends: answered, answered without usage, with a lie, cancelled. Only who was sent can be billed. */
static void
end(struct history *self, uint32_t i, uint32_t manner)
{
    struct request *request = &self->open[i];
    struct budget_amount used = request->left;
    struct why why = {0};
    bool low;
    int error;

    if (request->provider == BUDGET_NOBODY) {
        error = self->build->release(self->budget, request->ticket, &why);
    } else if (manner == 0) {
        bill(self, request, &used);
        error = self->build->settle(self->budget, request->ticket, NULL, &low, &why);
    } else {
        used = draw_usage(self, request, manner == 1);
        bill(self, request, &used);
        error = self->build->settle(self->budget, request->ticket, &used, &low, &why);
    }
    if (error != 0)
        accuse(self, "an open reservation was refused", i, error, 0);
    drop(self, i);
}

static void
send(struct history *self, struct request *request)
{
    struct why why = {0};
    uint32_t provider = rng_below(&self->rng, PROVIDERS);

    request->provider =
        self->build->route(self->budget, request->ticket, provider, &why) == 0 ? provider : BUDGET_NOBODY;
}

/* An answer that was no good: charged, and asked again if there is something kept for that. */
static void
again(struct history *self, struct request *request)
{
    struct budget_amount used, more = {1, rng_below(&self->rng, 1000), rng_below(&self->rng, 1000)};
    struct why why = {0};
    bool low;

    if (request->provider == BUDGET_NOBODY)
        return;
    used = draw_usage(self, request, false);
    bill(self, request, &used);
    if (self->build->charge(self->budget, request->ticket, &used, &low, &why) != 0 || low)
        accuse(self, "a charge was refused or called low", 0, low, 0);
    if (self->build->extend(self->budget, request->ticket, &more, &why) != 0)
        return;
    request->left.calls += more.calls;
    request->left.tokens += more.tokens;
    request->left.cost += more.cost;
}

/* An answer that comes a second time, or after its request is over: nothing may change. */
static void
settle_stale(struct history *self)
{
    struct budget_amount used = {1, 100000, 100000};
    uint64_t ticket = self->stale_count > 0 ? self->stale[rng_below(&self->rng, 64)] : 12345;
    struct why why = {0};
    bool low;

    if (self->build->settle(self->budget, ticket, &used, &low, &why) == 0)
        accuse(self, "a reservation was settled twice", 0, 0, 0);
}

static void
crash(struct history *self, uint32_t client)
{
    for (uint32_t i = self->open_count; i > 0; i--)
        if (self->open[i - 1].client == client)
            end(self, i - 1, 0);
}

static void
event(struct history *self)
{
    uint32_t what = rng_below(&self->rng, 1000);
    struct request *request = self->open_count > 0 ? &self->open[rng_below(&self->rng, self->open_count)] : NULL;

    if (what < 400 || request == NULL)
        ask(self);
    else if (what < 650)
        send(self, request);
    else if (what < 880)
        end(self, (uint32_t)(request - self->open), what < 700 ? 0 : what < 703 ? 1 : 2);
    else if (what < 940)
        again(self, request);
    else if (what < 995)
        settle_stale(self);
    else
        crash(self, rng_below(&self->rng, CLIENTS));
    look(self);
}

static void
one_step(struct history *self, uint64_t step)
{
    static double weights[CLIENTS * ROLE_ROWS];
    uint32_t count = 100 + rng_below(&self->rng, 700);
    bool equal = rng_chance(&self->rng, 0.3);
    struct why why = {0};

    for (uint32_t i = 0; i < CLIENTS * ROLE_ROWS; i++)
        weights[i] = rng_chance(&self->rng, 0.1) ? 0 : rng_real(&self->rng);
    for (uint32_t i = 0; i < SCOPES; i++) {
        self->bills[i].used = (struct budget_amount){0};
        self->bills[i].lied = (struct budget_amount){0};
    }
    if (self->build->open(self->budget, step, equal ? NULL : weights, &why) != 0)
        accuse(self, "a step did not open", 0, 0, 0);
    look(self);
    for (uint32_t i = 0; i < count; i++)
        event(self);
    if (self->open_count > 0 && self->build->close(self->budget, &why) == 0)
        accuse(self, "B3: a step was closed with reservations", 0, self->open_count, 0);
    while (self->open_count > 0)
        end(self, self->open_count - 1, rng_below(&self->rng, 200) == 0 ? 1 : 2 * rng_below(&self->rng, 2));
    if (self->build->close(self->budget, &why) != 0)
        accuse(self, "B3: a step did not close", 0, 0, 0);
    look(self);
}

static struct history *
run_history(const struct build *build, uint64_t seed)
{
    struct history *self = test_calloc(1, sizeof *self);
    uint64_t steps;

    self->build = build;
    self->rng = rng_make(seed, STREAM_TEST, 1, 0);
    draw_plan(self);
    self->budget = build->make(&self->plan);
    steps = 2 + rng_below(&self->rng, 5);
    for (uint64_t step = 1; step <= steps && self->broken[0] == '\0'; step++)
        one_step(self, step);
    build->destroy(&self->budget);
    return self;
}

#define EVENTS_WANTED 1000000u

static void
caps_hold(void **state)
{
    uint64_t events = 0, admitted = 0, refused = 0, lies = 0;

    (void)state;
    for (uint64_t seed = 1; events < EVENTS_WANTED; seed++) {
        struct history *history = run_history(&real, seed);

        if (history->broken[0] != '\0')
            fail_msg("seed %" PRIu64 ", event %" PRIu64 ": %s", seed, history->events, history->broken);
        events += history->events;
        admitted += history->admitted;
        refused += history->refused;
        lies += history->lies;
        test_free(history);
    }
    print_message("             %" PRIu64 " events, %" PRIu64 " admitted, %" PRIu64 " refused, %" PRIu64 " lies\n",
        events, admitted, refused, lies);
    assert_true(admitted > EVENTS_WANTED / 20 && refused > EVENTS_WANTED / 20 && lies > 100);
}

static void
wrong_is_found(void **state)
{
    uint32_t found = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct history *history = run_history(&wrong, seed);

        found += history->broken[0] != '\0';
        test_free(history);
    }
    print_message("             found in %" PRIu32 " of 40 histories\n", found);
    assert_true(found >= 15);
}

/* ---- the same are admitted, whoever comes first (T6) ---- */

enum { SCRIPT_SIZE = 60, SCRIPT_STEPS = 3, INTERLEAVINGS = 100 };

/* What client `client` asks for as its `i`th request, and what becomes of it: a function of nothing else. */
static void
script(uint32_t client, uint64_t step, uint32_t i, uint32_t *role, struct budget_amount *amount, uint32_t *fate)
{
    struct rng rng = rng_make(77, STREAM_TEST, client, step << 16 | i);

    *role = rng_below(&rng, ROLE_ROWS);
    *amount = (struct budget_amount){1, rng_below(&rng, 2000), rng_below(&rng, 2000)};
    *fate = rng_below(&rng, 4);
}

struct interleaving {
    struct budget *budget;
    uint64_t tickets[CLIENTS][SCRIPT_SIZE];
    uint32_t asked[CLIENTS], ended[CLIENTS];
};

static void
interleaved_end(struct interleaving *self, uint32_t client, uint64_t step)
{
    uint32_t i = self->ended[client]++, role, fate;
    struct budget_amount amount;
    struct why why = {0};
    bool low;

    if (self->tickets[client][i] == 0)
        return;
    script(client, step, i, &role, &amount, &fate);
    if (fate == 0) {
        assert_int_equal(budget_release(self->budget, self->tickets[client][i], &why), 0);
        return;
    }
    amount.tokens = amount.tokens * fate / 3;
    amount.cost = amount.cost * fate / 3;
    assert_int_equal(
        budget_settle(self->budget, self->tickets[client][i], fate == 3 ? NULL : &amount, &low, &why), 0);
    assert_int_equal(budget_settle(self->budget, self->tickets[client][i], &amount, &low, &why), ERR_UNKNOWN);
}

static void
interleaved_step(
    struct interleaving *self, uint64_t step, struct rng *rng, bool admitted[CLIENTS][SCRIPT_SIZE], uint32_t *count)
{
    uint32_t left = CLIENTS * SCRIPT_SIZE;
    struct why why = {0};

    memset(self->asked, 0, sizeof self->asked);
    memset(self->ended, 0, sizeof self->ended);
    assert_int_equal(budget_open(self->budget, step, NULL, &why), 0);
    while (left > 0) {
        uint32_t client = rng_below(rng, CLIENTS), i = self->asked[client], role, fate;
        struct budget_amount amount;

        if (self->ended[client] < i && rng_chance(rng, 0.4)) {
            interleaved_end(self, client, step);
            left--;
        } else if (i < SCRIPT_SIZE) {
            script(client, step, i, &role, &amount, &fate);
            admitted[client][i] =
                budget_admit(self->budget, client, role, &amount, &self->tickets[client][i], &why) == 0;
            *count += admitted[client][i];
            self->asked[client]++;
        }
    }
    assert_int_equal(budget_close(self->budget, &why), 0);
}

static void
order_does_not_matter(void **state)
{
    static bool first[SCRIPT_STEPS][CLIENTS][SCRIPT_SIZE], now[SCRIPT_STEPS][CLIENTS][SCRIPT_SIZE];
    static struct interleaving self;
    struct budget_plan plan = {.whole = {{2000, 2000000, 1500000}, 3000000}, .headroom = 5000, .client_count = CLIENTS,
        .role_count = ROLE_ROWS};

    (void)state;
    for (uint64_t seed = 0; seed < INTERLEAVINGS; seed++) {
        struct rng rng = rng_make(seed, STREAM_TEST, 2, 0);
        uint32_t count = 0;

        self.budget = budget_new(&plan);
        for (uint64_t step = 0; step < SCRIPT_STEPS; step++)
            interleaved_step(&self, step, &rng, seed == 0 ? first[step] : now[step], &count);
        budget_destroy(&self.budget);
        if (seed > 0)
            assert_memory_equal(first, now, sizeof first);
        else
            print_message("             %" PRIu32 " of %d admitted\n", count, SCRIPT_STEPS * CLIENTS * SCRIPT_SIZE);
        assert_true(count > 500 && count < SCRIPT_STEPS * CLIENTS * SCRIPT_SIZE - 500);
    }
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"a million events, no cap overshot", caps_hold},
        {"a build that forgets what is on its way is found out", wrong_is_found},
        {"who is admitted does not depend on who comes first", order_does_not_matter},
    };

    return TEST_CASES("gateway_budget", cases);
}
