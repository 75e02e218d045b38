/* tests/unit/world/test_sandbox_hostile.c - answers from a worker or governance that lies: refused by check(), by
 * name, and the state stays as it was. */
#include "tests/unit/world/sandbox_driver.h"

#include "core/money.h"
#include "world/sandbox/state.h"

#define SCENARIO                                                                                                     \
    "agents: [{type: honest, count: 4}]\nsandbox: {tasks: {rate: 0}, memory_max: 8}\n"                               \
    "governance: {first: {}, second: {}}\nsimulation: {steps_per_epoch: 4}\n"

static void
act_busy(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    (void)driver;
    (void)rng;
    out->verb = VERB_POST;
    out->partner = (batch_u32(seen, OBSERVE_agent, row) + 1) % 4;
    out->text_size = 3;
    out->memory_size = 8;
}

/* One lie about an honest answer: a column's value at a row, or a whole axis of another length. */
static const struct row {
    const char *name;
    const char *exchange; /* in which it is told */
    const struct schema *schema;
    int column;           /* or -1: `axis` gets `value` more elements */
    uint32_t at;
    double value;
    const char *says; /* part of the reason */
    uint32_t axis;
} rows[] = {
    {"another agent", "act", &schema_sandbox_decide, DECIDE_agent, 1, 3, "agent: 3 instead of 1", 0},
    {"an agent that does not exist", "act", &schema_sandbox_decide, DECIDE_agent, 3, 4, "agent", 0},
    {"one agent too many", "act", &schema_sandbox_decide, -1, 0, 1, "5 rows for 4 agents", DECIDE_ROW},
    {"too much memory", "act", &schema_sandbox_decide, DECIDE_memories, 1, 16, "memories", 0},
    {"another agent answers", "offers", &schema_sandbox_answer, ANSWER_agent, 0, 1, "agent: 1 instead of 0", 0},
    {"offers shared out otherwise", "offers", &schema_sandbox_answer, ANSWER_offers, 1, 2, "offers", 0},
    {"one answer too many", "offers", &schema_sandbox_answer, -1, 0, 1, "offers", ANSWER_OFFER},
    {"a verdict too many", "judge", &schema_sandbox_verdict, -1, 0, 1, "5 interactions", VERDICT_ROW},
    {"an action too many", "judge", &schema_sandbox_verdict, -1, 0, 1, "5 actions", VERDICT_ACTION},
    {"quotes at the wrong time", "judge", &schema_sandbox_verdict, -1, 0, 2, "quotes outside an opening",
     VERDICT_QUOTE},
    {"refused without a reason", "judge", &schema_sandbox_verdict, VERDICT_allow, 2, 0, "interaction 2", 0},
    {"a reason without refusal", "judge", &schema_sandbox_verdict, VERDICT_reason, 2, 33, "interaction 2", 0},
    {"an action refused without a reason", "judge", &schema_sandbox_verdict, VERDICT_action_allow, 1, 0, "action 1", 0},
    {"an effect on nobody known", "judge", &schema_sandbox_verdict, VERDICT_effect_agent, 0, 4, "no agent 4", 0},
    {"an effect of no lever", "judge", &schema_sandbox_verdict, VERDICT_effect_lever, 0, 2, "no lever 2", 0},
    {"too few quotes", "open", &schema_sandbox_verdict, -1, 0, 1, "quotes", VERDICT_QUOTE},
    {"an opening with a verdict", "open", &schema_sandbox_verdict, -1, 0, 1, "1 interactions", VERDICT_ROW},
};

/* The honest answer as counts and columns copied over, with the lie told. */
static void
tell(const struct row *row, const struct batch *honest, struct buffer *out)
{
    const struct schema *schema = honest->schema;
    struct batch_writer w;
    uint32_t counts[AXIS_MAX];

    memcpy(counts, honest->count, sizeof counts);
    if (row->column < 0)
        counts[row->axis] += (uint32_t)(int32_t)row->value;
    batch_begin(&w, schema, out, 0, 0, counts);
    for (uint32_t column = 0; column < schema->column_count; column++) {
        uint32_t axis = schema->columns[column].axis, width = column_width(schema->columns[column].kind);
        bool offsets = schema->columns[column].kind == COLUMN_OFFSETS;
        uint32_t kept = honest->count[axis] < counts[axis] ? honest->count[axis] : counts[axis];
        uint8_t *to = batch_column(&w, column);

        memcpy(to, honest->data[column], (size_t)width * (kept + offsets));
        if (!offsets)
            continue;
        /* Lists that became longer by themselves belong to the last row. */
        for (uint32_t i = honest->count[axis] + 1; i <= counts[axis]; i++)
            memcpy(to + 4 * (size_t)i, &counts[schema->columns[column].target], 4);
        memcpy(to + 4 * (size_t)counts[axis], &counts[schema->columns[column].target], 4);
    }
    if (row->column >= 0) {
        uint8_t *to = batch_column(&w, (uint32_t)row->column);
        uint32_t whole = (uint32_t)row->value;

        memcpy(to + (size_t)row->at * column_width(schema->columns[row->column].kind), &whole,
               column_width(schema->columns[row->column].kind));
    }
}

static void
lie(struct driver *driver, const struct exchange *exchange, const struct row *row)
{
    struct buffer bytes = {0}, lied = {0};
    struct batch honest, answer;
    struct why why = {0};
    char before[33], after[33];
    uint32_t count = exchange->kind == EXCHANGE_AGENTS ? exchange->groups[0].count : 0;

    driver->effects = exchange->kind == EXCHANGE_GOVERNANCE;
    driver_chunk(driver, exchange, 0, 0, count, &bytes, &honest);
    tell(row, &honest, &lied);
    if (batch_read(exchange->answer, lied.data, lied.size, &answer, &why) != 0)
        fail_msg("the lie is no batch: %s", why.text);
    driver_digest(driver, before);
    assert_int_not_equal(domain_sandbox.check(driver->self, exchange, 0, 0, count, &answer, &why), 0);
    driver_digest(driver, after);
    assert_string_equal(before, after);
    if (strstr(why.text, row->says) == NULL)
        fail_msg("'%s' does not say '%s'", why.text, row->says);
    driver->effects = 0;
    buffer_fini(&bytes);
    buffer_fini(&lied);
}

static void
lies(void **state)
{
    const struct row *row = *state;
    struct driver driver = {.seed = 2, .act = act_busy};
    struct exchange exchange;
    bool told = false;

    driver_begin(&driver, SCENARIO);
    domain_sandbox.begin(driver.self, ++driver.step);
    while (domain_sandbox.next(driver.self, &exchange)) {
        if (strcmp(exchange.name, row->exchange) == 0) {
            lie(&driver, &exchange, row);
            told = true;
        }
        driver_exchange(&driver, &exchange);
    }
    domain_sandbox.end(driver.self);
    assert_true(told);
    driver_end(&driver);
}

/* An answer to a round that is over. */
static void
late(void **state)
{
    struct driver driver = {.seed = 2, .act = act_busy};
    struct exchange open, act;
    struct buffer bytes = {0};
    struct batch answer;
    struct why why = {0};

    (void)state;
    driver_begin(&driver, SCENARIO);
    domain_sandbox.begin(driver.self, ++driver.step);
    assert_true(domain_sandbox.next(driver.self, &open));
    driver_chunk(&driver, &open, 0, 0, 0, &bytes, &answer);
    domain_sandbox.take(driver.self, &open, &answer, NULL);
    assert_true(domain_sandbox.next(driver.self, &act));
    assert_int_equal(domain_sandbox.check(driver.self, &open, 0, 0, 0, &answer, &why), ERR_STATE);
    buffer_fini(&bytes);
    driver_end(&driver);
}

/* ---- what rows say beside: as many as there are agents with traits, or none ---- */

static const struct extra_row {
    const char *name, *sandbox;
    int32_t more; /* elements on the extra axis than there should be */
} extra_rows[] = {
    {"one too many", "market: {enabled: true}", 1},
    {"one too few", "market: {enabled: true}", -1},
    {"none", "market: {enabled: true}", -4},
    {"some where no feature asks for them", "tasks: {rate: 0}", 4},
};

static void
extras(void **state)
{
    const struct extra_row *row = *state;
    struct row lie_told = {.name = row->name, .exchange = "act", .schema = &schema_sandbox_decide, .column = -1,
        .value = row->more, .says = "on axis extra", .axis = DECIDE_EXTRA};
    struct driver driver = {.seed = 2, .act = act_busy};
    struct exchange exchange;
    char scenario[512];

    snprintf(scenario, sizeof scenario, "agents: [{type: honest, count: 4}]\nsandbox: {%s, memory_max: 8}\n",
             row->sandbox);
    driver_begin(&driver, scenario);
    domain_sandbox.begin(driver.self, ++driver.step);
    assert_true(domain_sandbox.next(driver.self, &exchange));
    lie(&driver, &exchange, &lie_told);
    driver_end(&driver);
}

/* ---- everything at once: answers at random, within what columns can say ---- */

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define KITCHEN_STEPS 120u
#define KITCHEN_AGENTS 14u

/* Small pools that are soon full, short deadlines, little money. */
static const char kitchen[] =
    "agents:\n"
    "  - {type: honest, count: 2, role: planner}\n"
    "  - {type: honest, count: 4, role: worker, initial_resources: 40}\n"
    "  - {type: deceptive, count: 3, role: worker, initial_resources: 3}\n"
    "  - {type: honest, count: 1, role: verifier}\n"
    "  - {type: adversarial, count: 2, role: poster}\n"
    "  - {type: honest, count: 2, role: moderator}\n"
    "sandbox:\n"
    "  memory_max: 8\n"
    "  trust_slots: 3\n"
    "  communities: true\n"
    "  treasury: dividend\n"
    "  rails: {max_posts_per_epoch: 9, max_bounties: 9, max_bids: 9, max_task_claims: 9, budget_per_epoch: %s}\n"
    "  feed: {feed_capacity: 12, visible_posts: 6}\n"
    "  tasks: {rate: 0.1, capacity: %u, deadline_epochs: 1, max_steps: 6, verify_after: 2, work_steps: 2,\n"
    "    max_rejections: 1}\n"
    "  market: {enabled: true, capacity: 4, max_bids: 3, deadline_epochs: 2, work_epochs: 2, dispute_epochs: 1,\n"
    "    dispute_power: 0.5, min_bounty: 0, condition: %s, dispute_fee: 0.9}\n"
    "  projects: {enabled: true, rate: 0.1, capacity: 3, parts_low: 1, parts_high: 4, deadline_epochs: 3,\n"
    "    max_failures: 1}\n"
    "  discourse: {enabled: true, topics_max: 3, window: 3, onset: 0.5, threads: %s}\n"
    "  norms: {enabled: true, quorum: 0.05, cooldown_epochs: 0}\n"
    "  moderation: {enabled: true, budget: 9, warnings: 0, freeze_epochs: 0}\n"
    "  contagion: {enabled: true, sources: 2, susceptibility: 0.6, window: 2, onset: 0.5}\n"
    "  network: {topology: small_world, k: 6, dynamic: true, relink: 0.5, decay: 0.3}\n"
    "governance: {random_audit: {}, staking: {min_stake: 1}, transaction_tax: {}}\n"
    "simulation: {steps_per_epoch: %u, turns: %s}\n";

static const struct kitchen_row {
    const char *name, *budget, *condition, *threads, *turns;
    unsigned tasks, steps_per_epoch, seeds;
} kitchen_rows[] = {
    {"everything at once", "100", "work_approved", "false", "simultaneous", 8, 5, 40},
    {"everything, one by one", "100", "truth", "true", "sequential", 8, 4, 12},
    {"everything, with a full pool", "100", "label_at_least", "true", "simultaneous", 2, 5, 25},
    {"everything, with no limit on spending", "1e9", "truth", "false", "simultaneous", 16, 2, 25},
    {"everything, with no limit, one by one", "1e9", "label_at_least", "true", "sequential", 16, 3, 12},
};

static uint32_t
any_number(struct rng *rng)
{
    static const uint32_t edges[] = {0, 1, 2, 15, 16, 17, 63, 64, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffe,
        0xffffffff};

    return rng_below(rng, 3) == 0 ? edges[rng_below(rng, COUNT_OF(edges))] : rng_below(rng, 60);
}

static int64_t
any_amount(struct rng *rng, int64_t high)
{
    static const int64_t edges[] = {0, 1, 2, 999999, INT64_C(1000000000000000), INT64_C(8999999999999999999)};
    int64_t amount = rng_below(rng, 4) == 0 ? edges[rng_below(rng, COUNT_OF(edges))]
                                            : (int64_t)rng_below(rng, 8000000);

    return amount < high ? amount : high;
}

static double
any_share(struct rng *rng)
{
    uint32_t which = rng_below(rng, 4);

    return which == 0 ? 0.0 : which == 1 ? 1.0 : rng_real(rng);
}

/* An element of a column that all see, or of the agent's own list; any number when there is none, and now and then. */
static uint32_t
one_shared(const struct batch *seen, uint32_t column, uint32_t axis, struct rng *rng)
{
    if (seen->count[axis] == 0 || rng_below(rng, 8) == 0)
        return any_number(rng);
    return batch_u32(seen, column, rng_below(rng, seen->count[axis]));
}

static uint32_t
one_own(const struct batch *seen, uint32_t offsets, uint32_t column, uint32_t row, struct rng *rng)
{
    uint32_t begin = batch_u32(seen, offsets, row), count = batch_u32(seen, offsets, row + 1) - begin;

    if (count == 0 || rng_below(rng, 8) == 0)
        return any_number(rng);
    return batch_u32(seen, column, begin + rng_below(rng, count));
}

static uint32_t
target_of(const struct batch *seen, uint32_t row, uint32_t verb, struct rng *rng)
{
    switch (verb) {
    case VERB_REPLY:
    case VERB_VOTE:
    case VERB_MODERATE:
        return one_shared(seen, OBSERVE_post, ACT_POST, rng);
    case VERB_CLAIM_TASK:
        return one_shared(seen, OBSERVE_task_id, ACT_TASK, rng);
    case VERB_SUBMIT_WORK:
        return batch_u32(seen, OBSERVE_task, row);
    case VERB_VERIFY:
        return rng_below(rng, 2) == 0 ? one_own(seen, OBSERVE_jobs, OBSERVE_job_task, row, rng)
                                      : one_shared(seen, OBSERVE_task_id, ACT_TASK, rng);
    case VERB_BID:
        return one_shared(seen, OBSERVE_bounty, ACT_BOUNTY, rng);
    case VERB_ACCEPT_BID:
        return one_own(seen, OBSERVE_bids, OBSERVE_bid, row, rng);
    case VERB_DISPUTE:
        return one_own(seen, OBSERVE_jobs, OBSERVE_job, row, rng);
    case VERB_DECOMPOSE:
    case VERB_ASSIGN:
        return one_own(seen, OBSERVE_parts, OBSERVE_part, row, rng);
    default:
        return any_number(rng);
    }
}

static bool
has_any(const struct batch *seen, uint32_t offsets, uint32_t row)
{
    return batch_u32(seen, offsets, row + 1) > batch_u32(seen, offsets, row);
}

/* Any verb, but rather one for which there is occasion. */
static uint32_t
wanted(const struct batch *seen, uint32_t row, struct rng *rng)
{
    if (batch_u32(seen, OBSERVE_task, row) != SANDBOX_NOBODY && rng_below(rng, 3) > 0)
        return VERB_SUBMIT_WORK;
    if (has_any(seen, OBSERVE_jobs, row) && rng_below(rng, 2) == 0)
        return rng_below(rng, 3) == 0 ? VERB_DISPUTE : VERB_VERIFY;
    if (has_any(seen, OBSERVE_bids, row) && rng_below(rng, 2) == 0)
        return VERB_ACCEPT_BID;
    if (has_any(seen, OBSERVE_parts, row) && rng_below(rng, 2) == 0)
        return rng_below(rng, 3) == 0 ? VERB_DECOMPOSE : VERB_ASSIGN;
    if (seen->count[ACT_BOUNTY] > 0 && rng_below(rng, 4) == 0)
        return VERB_BID;
    return rng_below(rng, VERB_COUNT);
}

static void
act_anything(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    static const char *const texts[] = {"RULE transaction_tax.rate=0.2", "RULE transaction_tax.rate=0.3",
        "RULE staking.min_stake=2", "RULE a.b=", "RULE .=", "RULE ", "words", "\xff\xfe", ""};

    (void)driver;
    out->verb = wanted(seen, row, rng);
    out->target = target_of(seen, row, out->verb, rng);
    out->value = (int32_t)rng_below(rng, 3) - 1;
    out->amount = out->verb == VERB_BID && rng_below(rng, 2) == 0 ? 1 : any_amount(rng, INT64_MAX);
    out->work = any_share(rng);
    out->partner = rng_below(rng, 4) == 0 ? any_number(rng)
                                          : one_own(seen, OBSERVE_candidates, OBSERVE_candidate, row, rng);
    out->kind = rng_below(rng, INTERACTION_KINDS);
    out->transfer = any_amount(rng, INT64_C(1000000000000000)) * (rng_below(rng, 2) == 0 ? 1 : -1);
    out->effort = any_share(rng);
    out->disguise = any_share(rng);
    out->memory_size = rng_below(rng, 9);
    memset(out->memory, (int)rng_below(rng, 256), sizeof out->memory);
    snprintf(out->text, sizeof out->text, "%s", texts[rng_below(rng, COUNT_OF(texts))]);
    out->text_size = (uint32_t)strlen(out->text);
    out->whom = rng_below(rng, 3) == 0 ? any_number(rng) : rng_below(rng, KITCHEN_AGENTS);
    out->topic = rng_below(rng, 3) == 0 ? any_number(rng) : rng_below(rng, 5);
    out->post_kind = rng_below(rng, POST_KINDS);
    out->stance = (int32_t)rng_below(rng, 3) - 1;
    out->payload = rng_below(rng, 2) == 0;
}

static bool
answer_anything(struct driver *driver, const struct batch *seen, uint32_t offer, struct rng *rng)
{
    (void)driver, (void)seen, (void)offer;
    return rng_below(rng, 3) > 0;
}

/* Effects on anybody and everybody; rules are ruled upon, in whatever order and often, where there are some. */
static void
any_effect(const struct driver *driver, const struct batch *docket, struct batch_writer *verdict, uint32_t i,
           struct rng *rng)
{
    const struct kitchen_row *row = driver->context;
    int64_t epoch = (int64_t)((driver->step - 1) / row->steps_per_epoch);
    uint32_t kind = rng_below(rng, EFFECT_KINDS), norms = docket->count[DOCKET_NORM];
    int64_t amount = any_amount(rng, INT64_MAX);
    bool all = rng_below(rng, 6) == 0;

    if (kind == EFFECT_FREEZE && all && rng_below(rng, 4) > 0) /* nothing happens while nobody may act */
        kind = EFFECT_UNFREEZE;
    if (kind == EFFECT_NORM && norms == 0)
        kind = EFFECT_FLAG;
    if (kind == EFFECT_NORM)
        amount = rng_below(rng, norms);
    else if (kind == EFFECT_FREEZE)
        amount = rng_below(rng, 60) == 0 ? UINT32_MAX : epoch + rng_below(rng, 2);
    ((uint32_t *)batch_column(verdict, VERDICT_effect_agent))[i] =
        all ? SANDBOX_NOBODY : rng_below(rng, KITCHEN_AGENTS);
    ((uint8_t *)batch_column(verdict, VERDICT_effect_kind))[i] = (uint8_t)kind;
    ((uint8_t *)batch_column(verdict, VERDICT_effect_lever))[i] = (uint8_t)rng_below(rng, 3);
    ((int64_t *)batch_column(verdict, VERDICT_effect_amount))[i] = amount;
    ((double *)batch_column(verdict, VERDICT_effect_value))[i] = (any_share(rng) - 0.5) * (all ? 2e6 : 2.0);
}

static void
judge_anything(struct driver *driver, const struct batch *docket, struct batch_writer *verdict, struct rng *rng)
{
#define VERDICT_PUT(type, name, i, v) (((type *)batch_column(verdict, VERDICT_##name))[i] = (type)(v))
    for (uint32_t i = 0; i < docket->count[DOCKET_ROW]; i++) {
        bool allow = rng_below(rng, 4) > 0;

        VERDICT_PUT(uint8_t, allow, i, allow);
        VERDICT_PUT(uint8_t, reason, i, allow ? 0 : REFUSAL_LEVER + rng_below(rng, 3));
        VERDICT_PUT(int64_t, cost_a, i, any_amount(rng, INT64_C(1000000000000000)));
        VERDICT_PUT(int64_t, cost_b, i, any_amount(rng, INT64_C(1000000000000000)));
        VERDICT_PUT(uint8_t, audit, i, rng_below(rng, 4));
        VERDICT_PUT(double, reputation, i, 4.0 * any_share(rng) - 2.0);
    }
    for (uint32_t i = 0; i < docket->count[DOCKET_ACTION]; i++) {
        bool allow = rng_below(rng, 6) > 0;

        VERDICT_PUT(uint8_t, action_allow, i, allow);
        VERDICT_PUT(uint8_t, action_reason, i, allow ? 0 : REFUSAL_LEVER + rng_below(rng, 3));
        VERDICT_PUT(double, action_weight, i, 100.0 * any_share(rng));
        VERDICT_PUT(int64_t, action_cost, i, rng_below(rng, 3) == 0 ? any_amount(rng, INT64_C(1000000000000000)) : 0);
    }
    for (uint32_t i = 0; i < driver->effects; i++)
        any_effect(driver, docket, verdict, i, rng);
    for (uint32_t i = 0; i < verdict->count[VERDICT_QUOTE]; i++)
        VERDICT_PUT(double, quote, i, rng_below(rng, 8) == 0 ? 1e300 * (2.0 * any_share(rng) - 1.0) : any_share(rng));
}

/* Names may be there once, and what is unknown is 0. */
static void
look_at_figure(void *context, const char *name, double value, bool known)
{
    (void)context;
    if (!(value - value == 0.0) || (!known && value != 0.0))
        fail_msg("%s is %g, %s", name, value, known ? "known" : "unknown");
}

/* What is saved and loaded elsewhere is the same state, and goes on the same way. */
static void
expect_same_future(const struct driver *driver, const char *scenario)
{
    struct driver here = *driver, there = *driver;
    struct buffer bytes = {0}, again = {0};
    struct why why = {0};
    char before[33], after[33];

    domain_sandbox.save(driver->self, &bytes);
    driver_begin(&here, scenario);
    driver_begin(&there, scenario);
    if (domain_sandbox.load(here.self, bytes.data, bytes.size, &why) != 0)
        fail_msg("%s", why.text);
    driver_step(&there); /* what was there before must not shine through */
    if (domain_sandbox.load(there.self, bytes.data, bytes.size, &why) != 0)
        fail_msg("%s", why.text);
    domain_sandbox.save(there.self, &again);
    assert_int_equal(bytes.size, again.size);
    assert_memory_equal(bytes.data, again.data, bytes.size);
    here.step = there.step = driver->step;
    for (unsigned i = 0; i < 4; i++) {
        driver_step(&here);
        driver_step(&there);
        driver_digest(&here, before);
        driver_digest(&there, after);
        assert_string_equal(before, after);
    }
    driver_end(&here);
    driver_end(&there);
    buffer_fini(&bytes);
    buffer_fini(&again);
}

/* What happens in an epoch happens in the run, and nowhere else; and there is something of everything. */
static const char *const sums[] = {
    "tasks_created", "tasks_completed", "tasks_rejected", "tasks_failed", "tasks_expired", "conflicting_claims",
    "bounties_posted", "bids_placed", "bounties_awarded", "bounties_completed", "bounties_failed", "bounties_expired",
    "disputes_filed", "disputes_for_worker", "disputes_for_poster", "disputes_split", "market_volume", "market_fees",
    "projects_created", "projects_planned", "projects_completed", "projects_failed", "projects_lapsed",
    "parts_assigned", "parts_done", "topic_adoptions", "topic_inventions", "topics_untracked", "meta_posts",
    "norms_proposed", "norms_adopted", "norms_refused", "posts_harmful", "posts_hidden", "replies_hidden",
    "hidden_wrongly", "moderator_freezes", "infections", "cures", "links_ended", "links_made", "flagged", "freezes"};
struct ledger {
    double epochs[COUNT_OF(sums)], runs[COUNT_OF(sums)];
    bool whole_run;
};

static void
add_figure(void *context, const char *name, double value, bool known)
{
    struct ledger *ledger = context;

    assert_true(known || value == 0.0);
    for (unsigned i = 0; i < COUNT_OF(sums); i++)
        if (strcmp(sums[i], name) == 0)
            (ledger->whole_run ? ledger->runs : ledger->epochs)[i] += value;
}

static void
add_up(const struct driver *driver, struct ledger *ledger, bool whole_run)
{
    ledger->whole_run = whole_run;
    domain_sandbox.figures(driver->self, whole_run, add_figure, ledger);
}

static double happened[COUNT_OF(sums)]; /* in all kitchens */

static void
expect_sums(const struct ledger *ledger)
{
    for (unsigned i = 0; i < COUNT_OF(sums); i++) {
        double off = ledger->epochs[i] - ledger->runs[i];

        happened[i] += ledger->runs[i];
        if (off > 1e-6 * ledger->runs[i] || -off > 1e-6 * ledger->runs[i])
            fail_msg("%s: %.17g in the epochs, %.17g in the runs", sums[i], ledger->epochs[i], ledger->runs[i]);
    }
}

static void
everything(void **state)
{
    const struct kitchen_row *row = *state;
    char scenario[4096], one[33], other[33];
    struct ledger ledger = {0};

    snprintf(scenario, sizeof scenario, kitchen, row->budget, row->tasks, row->condition, row->threads,
             row->steps_per_epoch, row->turns);
    for (uint64_t seed = 1; seed <= row->seeds; seed++) {
        struct driver driver = {.seed = seed, .act = act_anything, .answer = answer_anything, .judge = judge_anything,
            .context = (void *)(uintptr_t)row};
        struct driver twin = driver;

        twin.chunk = 1 + (uint32_t)seed % 5;
        driver_begin(&driver, scenario);
        driver_begin(&twin, scenario);
        while (driver.step < KITCHEN_STEPS) {
            driver.effects = twin.effects = driver.step % 7 == 0 ? (uint32_t)(seed + driver.step) % 6 : 0;
            driver_step(&driver);
            driver_step(&twin);
            driver_digest(&driver, one);
            driver_digest(&twin, other);
            assert_string_equal(one, other);
            domain_sandbox.figures(driver.self, driver.step % 2 == 0, look_at_figure, NULL);
            if (driver.step % row->steps_per_epoch == 0)
                add_up(&driver, &ledger, false);
            if (driver.step % 37 == 0)
                expect_same_future(&driver, scenario);
        }
        add_up(&driver, &ledger, true);
        driver_end(&driver);
        driver_end(&twin);
    }
    expect_sums(&ledger);
}

/* Answers at random that come to nothing would test nothing. */
static void
something_of_everything(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(sums); i++)
        if (!(happened[i] >= 1.0))
            fail_msg("%s: %g in all", sums[i], happened[i]);
}

static const struct test_case cases[] = {{"a late answer", late}};
static const struct test_case last[] = {{"something of everything", something_of_everything}};

int
main(void)
{
    int failures = TEST_ROWS("lies", rows, lies) + TEST_ROWS("lies about what is said beside", extra_rows, extras) +
        TEST_CASES("answers", cases) + TEST_ROWS("everything", kitchen_rows, everything);

    return failures + TEST_CASES("everything happened", last);
}
