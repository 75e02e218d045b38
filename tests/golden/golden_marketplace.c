#include "world/compat/market.h"

#include "core/arena.h"

#include "tests/golden/golden.h"

#include <stdio.h>

static const char *const bounty_statuses[] = {
    "open", "awarded", "completed", "failed", "disputed", "expired", "cancelled"};
static const char *const bid_statuses[] = {"pending", "accepted", "rejected", "withdrawn"};
static const char *const escrow_statuses[] = {"held", "released", "refunded", "partial"};
static const char *const dispute_statuses[] = {"open", "resolved_release", "resolved_refund", "resolved_split"};
static const char *const task_statuses[] = {
    "open", "claimed", "in_progress", "submitted", "completed", "failed", "expired"};

static uint32_t
agent_of(const json_t *object, const char *key)
{
    return (uint32_t)atoi(json_string_value(json_object_get(object, key)) + 1);
}

static uint32_t
number_of(const json_t *object, const char *key)
{
    return (uint32_t)json_integer_value(json_object_get(object, key)); /* null reads as 0: none, here as there */
}

static void
equal(struct golden_count *count, bool holds, size_t index, const char *what)
{
    count->values++;
    if (!holds)
        fail_msg("case %zu: %s differs", index, what);
    count->equal++;
}

static void
equal_text(struct golden_count *count, size_t index, const char *got, const json_t *want)
{
    count->values++;
    if (strcmp(got, json_string_value(want)) != 0)
        fail_msg("case %zu: %s is not %s", index, got, json_string_value(want));
    count->equal++;
}

/* An id that was returned, or null for a refusal ("error" for a bounty below the minimum). */
static void
equal_id(struct golden_count *count, size_t index, uint32_t got, const json_t *want, const char *what)
{
    bool same = json_is_integer(want) ? got == json_integer_value(want) : got == COMPAT_NOBODY;

    equal(count, same, index, what);
}

static void
equal_ids(struct golden_count *count, size_t index, const uint32_t *ids, uint32_t id_count, const json_t *want)
{
    equal(count, id_count == json_array_size(want), index, "a number of ids");
    for (uint32_t i = 0; i < id_count; i++)
        equal(count, ids[i] == json_integer_value(json_array_get(want, i)), index, "an id");
}

static struct compat_market *
market_of(const json_t *in)
{
    struct compat_market_params params;
    struct why why = {0};

    params_default(compat_market_params_list(), &params);
    params.escrow_fee_rate = golden_real(in, "escrow_fee_rate");
    params.min_bounty_amount = golden_real(in, "min_bounty_amount");
    params.max_bids_per_bounty = number_of(in, "max_bids_per_bounty");
    params.dispute_resolution_epochs = number_of(in, "dispute_resolution_epochs");
    params.dispute_default_split = golden_real(in, "dispute_default_split");
    if (json_object_get(in, "auto_expire_bounties") != NULL)
        params.auto_expire_bounties = json_is_true(json_object_get(in, "auto_expire_bounties"));
    assert_int_equal(compat_market_params_check(&params, &why), 0);
    return compat_market_new(&params);
}

/* Saves the market and goes on with what was loaded: a state that loses anything shows in the results behind. */
static struct compat_market *
reloaded(struct compat_market *market, const json_t *in)
{
    struct compat_market *out = market_of(in);
    struct cells from = {0}, to = {0};
    struct why why = {0};

    compat_market_head(market, &from);
    compat_market_head(out, &to);
    memcpy(to.items[0].data, from.items[0].data, from.items[0].size);
    assert_int_equal(compat_market_room(out, &why), 0);
    compat_market_body(market, &from);
    compat_market_body(out, &to);
    assert_int_equal(from.count, to.count);
    for (uint32_t i = 1; i < from.count; i++) {
        assert_int_equal(from.items[i].size, to.items[i].size);
        if (from.items[i].size > 0)
            memcpy(to.items[i].data, from.items[i].data, from.items[i].size);
    }
    assert_int_equal(compat_market_check(out, 10, &why), 0);
    compat_market_destroy(&market);
    return out;
}

/* ---- the market itself ---- */

static void
compare_payout(struct golden_count *count, size_t index, bool done, const struct compat_payout *got,
               const json_t *want)
{
    equal(count, done == (json_object_size(want) > 0), index, "whether it is paid out");
    if (!done)
        return;
    golden_compare(count, index, "fee", got->fee, golden_real(want, "fee"), 1e-12);
    equal(count, got->worker_id == agent_of(want, "worker_id"), index, "the worker");
    equal(count, got->poster_id == agent_of(want, "poster_id"), index, "the poster");
    if (json_object_get(want, "worker_share") != NULL) {
        golden_compare(count, index, "share", got->share, golden_real(want, "worker_share"), 1e-12);
        golden_compare(count, index, "worker", got->worker, golden_real(want, "worker_amount"), 1e-12);
        golden_compare(count, index, "poster", got->poster, golden_real(want, "poster_amount"), 1e-12);
    } else if (got->success) {
        equal(count, json_is_true(json_object_get(want, "success")), index, "success");
        golden_compare(count, index, "worker", got->worker, golden_real(want, "released_to_worker"), 1e-12);
        golden_compare(count, index, "poster", got->poster, golden_real(want, "refund_to_poster"), 1e-12);
        golden_compare(count, index, "quality", got->share, golden_real(want, "quality_score"), 1e-12);
    } else {
        equal(count, json_is_false(json_object_get(want, "success")), index, "failure");
        golden_compare(count, index, "poster", got->poster, golden_real(want, "refunded_to_poster"), 1e-12);
        golden_compare(count, index, "quality", got->share, golden_real(want, "quality_score"), 1e-12);
    }
}

static void
end_epoch(struct golden_count *count, size_t index, struct compat_market *market, const json_t *op,
          const json_t *want)
{
    const json_t *resolved = json_object_get(want, "auto_resolved");
    uint32_t ids[64], epoch = number_of(op, "epoch"), done = 0;
    struct compat_payout payout;

    equal_ids(count, index, ids, compat_market_expire(market, epoch, ids), json_object_get(want, "expired"));
    while (compat_market_resolve_due(market, epoch, &payout))
        equal_id(count, index, payout.dispute, json_array_get(resolved, done++), "a dispute that resolved itself");
    equal(count, done == json_array_size(resolved), index, "the number of disputes resolved");
}

static void
apply(struct golden_count *count, size_t index, struct compat_market *market, const json_t *op, const json_t *want)
{
    const char *name = json_string_value(json_object_get(op, "op"));
    const json_t *reputation = json_object_get(op, "reputation");
    uint32_t bounty = number_of(op, "bounty"), bid = number_of(op, "bid"), escrow = number_of(op, "escrow"), ids[64];
    struct compat_payout payout = {0};
    bool done;

    if (strcmp(name, "post_bounty") == 0) {
        equal_id(count, index, compat_market_post(market, agent_of(op, "poster_id"), 0,
                 golden_real(op, "reward_amount"), golden_real(op, "min_reputation"),
                 number_of(op, "deadline_epoch")), want, name);
    } else if (strcmp(name, "place_bid") == 0) {
        equal_id(count, index, compat_market_bid(market, bounty, agent_of(op, "bidder_id"),
                 golden_real(op, "bid_amount")), want, name);
    } else if (strcmp(name, "accept_bid") == 0) {
        equal_id(count, index, compat_market_accept(market, bounty, bid, agent_of(op, "poster")), want, name);
    } else if (strcmp(name, "reject_bid") == 0) {
        equal(count, compat_market_reject(market, bid, agent_of(op, "poster")) == json_is_true(want), index, name);
    } else if (strcmp(name, "withdraw_bid") == 0) {
        equal(count, compat_market_withdraw(market, bid, agent_of(op, "bidder")) == json_is_true(want), index, name);
    } else if (strcmp(name, "settle") == 0) {
        done = compat_market_settle(market, escrow, json_is_true(json_object_get(op, "success")),
                                    golden_real(op, "quality"), &payout);
        compare_payout(count, index, done, &payout, want);
    } else if (strcmp(name, "file_dispute") == 0) {
        equal_id(count, index, compat_market_dispute(market, escrow, agent_of(op, "by"), number_of(op, "epoch")), want,
                 name);
    } else if (strcmp(name, "resolve") == 0) {
        done = compat_market_resolve(market, number_of(op, "dispute"), golden_real(op, "worker_share"), &payout);
        compare_payout(count, index, done, &payout, want);
    } else if (strcmp(name, "open_bounties") == 0) {
        equal_ids(count, index, ids, compat_market_open(market, number_of(op, "epoch"),
                  json_is_null(reputation) ? INFINITY : json_number_value(reputation), ids), want);
    } else if (strcmp(name, "epoch_end") == 0) {
        end_epoch(count, index, market, op, want);
    } else {
        fail_msg("case %zu: unknown operation %s", index, name);
    }
}

static void
compare_bounties(struct golden_count *count, size_t index, const struct compat_market *market, const json_t *want)
{
    uint32_t have;
    const struct compat_bounty *bounties = compat_market_bounties(market, &have);

    equal(count, have == json_array_size(want), index, "the number of bounties");
    for (uint32_t i = 0; i < have; i++) {
        const json_t *entry = json_array_get(want, i);
        const json_t *to = json_object_get(entry, "awarded_to"), *escrow = json_object_get(entry, "escrow");

        equal_text(count, index, bounty_statuses[bounties[i].status], json_object_get(entry, "status"));
        equal(count, bounties[i].awarded_to == (json_is_null(to) ? COMPAT_NOBODY : agent_of(entry, "awarded_to")),
              index, "who a bounty is awarded to");
        equal_id(count, index, bounties[i].escrow, escrow, "a bounty's escrow");
    }
}

static void
compare_bids(struct golden_count *count, size_t index, const struct compat_market *market, const json_t *want)
{
    uint32_t have;
    const struct compat_bid *bids = compat_market_bids(market, &have);

    equal(count, have == json_array_size(want), index, "the number of bids");
    for (uint32_t i = 0; i < have; i++)
        equal_text(count, index, bid_statuses[bids[i].status], json_array_get(want, i));
}

static void
compare_escrows(struct golden_count *count, size_t index, const struct compat_market *market, const json_t *want)
{
    uint32_t have;
    const struct compat_escrow *escrows = compat_market_escrows(market, &have);

    equal(count, have == json_array_size(want), index, "the number of escrows");
    for (uint32_t i = 0; i < have; i++) {
        const json_t *entry = json_array_get(want, i);

        equal(count, escrows[i].poster == agent_of(entry, "poster_id"), index, "an escrow's poster");
        equal(count, escrows[i].worker == agent_of(entry, "worker_id"), index, "an escrow's worker");
        equal_text(count, index, escrow_statuses[escrows[i].status], json_object_get(entry, "status"));
        golden_compare(count, index, "amount", escrows[i].amount, golden_real(entry, "amount"), 1e-12);
        golden_compare(count, index, "released", escrows[i].released, golden_real(entry, "released_amount"), 1e-12);
        golden_compare(count, index, "refunded", escrows[i].refunded, golden_real(entry, "refunded_amount"), 1e-12);
    }
}

static void
compare_disputes(struct golden_count *count, size_t index, const struct compat_market *market, const json_t *want)
{
    uint32_t have;
    const struct compat_dispute *disputes = compat_market_disputes(market, &have);

    equal(count, have == json_array_size(want), index, "the number of disputes");
    for (uint32_t i = 0; i < have; i++) {
        const json_t *entry = json_array_get(want, i);

        equal_text(count, index, dispute_statuses[disputes[i].status], json_object_get(entry, "status"));
        golden_compare(count, index, "share", disputes[i].worker_share, golden_real(entry, "worker_share"), 1e-12);
    }
}

static void
compare_stats(struct golden_count *count, size_t index, const struct compat_market *market, const json_t *want)
{
    struct compat_market_stats stats = compat_market_stats(market);

    golden_compare(count, index, "bounties", stats.bounties, golden_real(want, "total_bounties"), 0.0);
    golden_compare(count, index, "bids", stats.bids, golden_real(want, "total_bids"), 0.0);
    golden_compare(count, index, "escrows", stats.escrows, golden_real(want, "total_escrows"), 0.0);
    golden_compare(count, index, "disputes", stats.disputes, golden_real(want, "total_disputes"), 0.0);
    golden_compare(count, index, "posted", stats.posted, golden_real(want, "total_reward_posted"), 1e-12);
    golden_compare(count, index, "escrowed", stats.escrowed, golden_real(want, "total_escrowed"), 1e-12);
    golden_compare(count, index, "released", stats.released, golden_real(want, "total_released"), 1e-12);
    golden_compare(count, index, "refunded", stats.refunded, golden_real(want, "total_refunded"), 1e-12);
    for (uint32_t i = 0; i < COMPAT_BOUNTY_STATUSES; i++) {
        const json_t *number = json_object_get(json_object_get(want, "bounty_statuses"), bounty_statuses[i]);

        equal(count, stats.by_status[i] == json_integer_value(number), index, "bounties of a status");
    }
}

static void
compare_market(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const json_t *ops = json_object_get(in, "ops"), *results = json_object_get(out, "results");
    struct compat_market *market = market_of(in);

    for (size_t i = 0; i < json_array_size(ops); i++) {
        apply(count, index, market, json_array_get(ops, i), json_array_get(results, i));
        market = reloaded(market, in);
    }
    compare_bounties(count, index, market, json_object_get(out, "bounties"));
    compare_bids(count, index, market, json_object_get(out, "bids"));
    compare_escrows(count, index, market, json_object_get(out, "escrows"));
    compare_disputes(count, index, market, json_object_get(out, "disputes"));
    compare_stats(count, index, market, json_object_get(out, "stats"));
    compat_market_destroy(&market);
}

/* ---- the desk: resources, tasks, limits of 3 bounties and 5 bids an agent and epoch, a tax ---- */

struct desk {
    struct compat_market *market;
    struct tasks *tasks;
    struct compat_agents agents;
    uint32_t bounties[8], bids[8], epoch, step;
    double tax, split;
};

static bool
settle(struct desk *desk, const json_t *op)
{
    struct compat_interaction trade;
    double total;
    bool traded;

    if (!compat_desk_settle(desk->market, &desk->agents, number_of(op, "escrow"),
                            json_is_true(json_object_get(op, "success")), golden_real(op, "quality"), &trade, &traded))
        return false;
    if (!traded)
        return true;
    assert_int_equal(trade.kind, INTERACTION_TRADE);
    assert_true(trade.accepted);
    total = desk->tax * (trade.tau < 0.0 ? -trade.tau : trade.tau);
    desk->agents.resources[trade.initiator] -= total * desk->split;
    desk->agents.resources[trade.counterparty] -= total * (1.0 - desk->split);
    return true;
}

static void
end_desk_epoch(struct desk *desk)
{
    compat_desk_end_epoch(desk->market, &desk->agents, desk->epoch);
    desk->epoch++;
    memset(desk->bounties, 0, sizeof desk->bounties);
    memset(desk->bids, 0, sizeof desk->bids);
}

static bool
act(struct desk *desk, const json_t *op)
{
    const char *name = json_string_value(json_object_get(op, "op"));
    uint32_t agent, bounty = number_of(op, "bounty");
    bool done = false;

    if (strcmp(name, "step") == 0 || strcmp(name, "epoch") == 0) {
        desk->step++;
        if (name[0] == 'e')
            end_desk_epoch(desk);
        return false;
    }
    if (strcmp(name, "settle_task") == 0)
        return settle(desk, op);
    agent = agent_of(op, "agent");
    if (strcmp(name, "post_bounty") == 0) {
        done = desk->bounties[agent] < 3 &&
               compat_desk_post(desk->market, &desk->agents, desk->tasks, agent, golden_real(op, "reward_amount"),
                                golden_real(op, "min_reputation"), number_of(op, "deadline_epoch"), desk->step, NULL);
        desk->bounties[agent] += done;
    } else if (strcmp(name, "place_bid") == 0) {
        done = desk->bids[agent] < 5 && compat_market_bid(desk->market, bounty, agent, golden_real(op, "bid_amount")) !=
               COMPAT_NOBODY;
        desk->bids[agent] += done;
    } else if (strcmp(name, "accept_bid") == 0) {
        done = compat_desk_accept(
            desk->market, &desk->agents, desk->tasks, agent, bounty, number_of(op, "bid"), desk->step);
    } else if (strcmp(name, "file_dispute") == 0) {
        done = compat_market_dispute(desk->market, number_of(op, "escrow"), agent, desk->epoch) != COMPAT_NOBODY;
    } else {
        fail_msg("unknown operation %s", name);
    }
    return done;
}

static double
sum_open(const struct compat_market *market)
{
    uint32_t have;
    const struct compat_bounty *bounties = compat_market_bounties(market, &have);
    double out = 0.0;

    for (uint32_t i = 0; i < have; i++)
        out += bounties[i].status == COMPAT_BOUNTY_OPEN ? bounties[i].reward : 0.0;
    return out;
}

static void
compare_desk_end(struct golden_count *count, size_t index, const struct desk *desk, const json_t *out)
{
    const json_t *statuses = json_object_get(out, "bounties"), *escrows = json_object_get(out, "escrows");
    const json_t *disputes = json_object_get(out, "disputes"), *tasks = json_object_get(out, "task_status");
    double held = compat_market_stats(desk->market).escrowed, open = sum_open(desk->market), sum = 0.0, gap;
    uint32_t have;
    const struct compat_bounty *bounties = compat_market_bounties(desk->market, &have);
    const struct compat_escrow *escrow;
    const struct compat_dispute *dispute;

    equal(count, have == json_array_size(statuses), index, "the number of bounties");
    for (uint32_t i = 0; i < have; i++)
        equal_text(count, index, bounty_statuses[bounties[i].status], json_array_get(statuses, i));
    compare_bids(count, index, desk->market, json_object_get(out, "bids"));
    escrow = compat_market_escrows(desk->market, &have);
    equal(count, have == json_array_size(escrows), index, "the number of escrows");
    for (uint32_t i = 0; i < have; i++) {
        const json_t *row = json_array_get(escrows, i);

        equal_text(count, index, escrow_statuses[escrow[i].status], json_array_get(row, 0));
        golden_compare(count, index, "amount", escrow[i].amount, json_number_value(json_array_get(row, 1)), 1e-12);
        golden_compare(count, index, "released", escrow[i].released, json_number_value(json_array_get(row, 2)), 1e-12);
        golden_compare(count, index, "refunded", escrow[i].refunded, json_number_value(json_array_get(row, 3)), 1e-12);
    }
    dispute = compat_market_disputes(desk->market, &have);
    equal(count, have == json_array_size(disputes), index, "the number of disputes");
    for (uint32_t i = 0; i < have; i++)
        equal_text(count, index, dispute_statuses[dispute[i].status], json_array_get(disputes, i));
    equal(count, tasks_stats(desk->tasks).count == json_array_size(tasks), index, "the number of tasks");
    for (uint32_t i = 0; i < json_array_size(tasks); i++)
        equal_text(count, index, task_statuses[tasks_find(desk->tasks, i)->status], json_array_get(tasks, i));
    golden_compare(count, index, "held", held, golden_real(out, "held_in_escrow"), 1e-12);
    golden_compare(count, index, "reserved", open, golden_real(out, "reserved_in_open_bounties"), 1e-12);
    for (uint32_t i = 0; i < desk->agents.count; i++)
        sum += desk->agents.resources[i];
    gap = 100.0 * (double)desk->agents.count - sum - held - open;
    /* A difference of sums of 300 that may cancel: the bound is relative to those. */
    equal(count, (gap - golden_real(out, "conservation_gap")) * (gap - golden_real(out, "conservation_gap")) <
          1e-24 * 300.0 * 300.0, index, "the gap");
}

static void
compare_desk(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const json_t *ops = json_object_get(in, "ops"), *results = json_object_get(out, "results");
    const json_t *governance = json_object_get(in, "governance"), *market = json_object_get(in, "market");
    double reputation[8] = {0}, resources[8];
    struct desk desk = {.market = market_of(market), .tasks = tasks_new(256), .agents = {
        .count = (uint32_t)json_array_size(json_object_get(in, "agents")), .reputation = reputation,
        .resources = resources}};
    char key[16];

    for (uint32_t i = 0; i < 8; i++)
        resources[i] = golden_real(in, "initial_resources");
    if (!json_is_null(governance)) {
        desk.tax = golden_real(governance, "transaction_tax_rate");
        desk.split = golden_real(governance, "transaction_tax_split");
    }
    for (size_t i = 0; i < json_array_size(ops); i++) {
        const json_t *want = json_array_get(results, i);
        bool done = act(&desk, json_array_get(ops, i));

        if (!json_is_null(want))
            equal(count, done == json_is_true(want), index, "whether an act was done");
        desk.market = reloaded(desk.market, market);
    }
    for (uint32_t i = 0; i < desk.agents.count; i++) {
        snprintf(key, sizeof key, "a%u", i);
        golden_compare(count, index, key, resources[i], golden_real(json_object_get(out, "resources"), key), 1e-12);
    }
    compare_desk_end(count, index, &desk, out);
    compat_market_destroy(&desk.market);
    tasks_destroy(&desk.tasks);
}

/* ---- validation: the struct's check, and the reader of scenarios ---- */

static void
compare_validation(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const char *key = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)in));
    bool refused = strcmp(json_string_value(out), "rejected") == 0;
    const struct param *row = params_find(compat_market_params_list(), key);
    struct compat_market_params params;
    struct why why = {0};
    struct yaml_tree *tree;
    char text[80];

    assert_non_null(row);
    params_default(compat_market_params_list(), &params);
    if (row->kind == PARAM_F64)
        *(double *)(void *)((char *)&params + row->offset) = golden_real(in, key);
    else
        *(uint32_t *)(void *)((char *)&params + row->offset) = number_of(in, key);
    equal(count, (compat_market_params_check(&params, &why) != 0) == refused, index, key);
    equal(count, !refused || strstr(why.text, key) != NULL, index, "the name in the reason");

    snprintf(text, sizeof text, "%s: %g\n", key, golden_real(in, key));
    assert_int_equal(yaml_read_text("case", text, strlen(text), &tree, &why), 0);
    equal(count, (params_bind(compat_market_params_list(), yaml_root(tree), NULL, &params, &why) != 0) == refused,
          index, key);
    equal(count, !refused || strstr(why.text, key) != NULL, index, "the name in the reader's reason");
    yaml_destroy(&tree);
}

static void
market_cases(void **state)
{
    (void)state;
    golden_run("marketplace", compare_market);
}

static void
balance_cases(void **state)
{
    (void)state;
    golden_run("marketplace_balances", compare_desk);
}

static void
validation_cases(void **state)
{
    (void)state;
    golden_run("marketplace_validation", compare_validation);
}

static const struct test_case groups[] = {
    {"marketplace", market_cases},
    {"marketplace_balances", balance_cases},
    {"marketplace_validation", validation_cases}};

int
main(void)
{
    return TEST_CASES("golden: marketplace", groups);
}
