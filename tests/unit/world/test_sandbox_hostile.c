/* tests/unit/world/test_sandbox_hostile.c - answers from a worker or governance that lies: refused by check(), by
 * name, and the state stays as it was. */
#include "tests/unit/world/sandbox_driver.h"

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
        counts[row->axis] += (uint32_t)row->value;
    batch_begin(&w, schema, out, 0, 0, counts);
    for (uint32_t column = 0; column < schema->column_count; column++) {
        uint32_t axis = schema->columns[column].axis, width = column_width(schema->columns[column].kind);
        bool offsets = schema->columns[column].kind == COLUMN_OFFSETS;
        uint8_t *to = batch_column(&w, column);

        memcpy(to, honest->data[column], (size_t)width * (honest->count[axis] + offsets));
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

static const struct test_case cases[] = {{"a late answer", late}};

int
main(void)
{
    return TEST_ROWS("lies", rows, lies) + TEST_CASES("answers", cases);
}
