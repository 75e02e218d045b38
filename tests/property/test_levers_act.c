/* No lever is inert: for each one there is a short history of a society in which switching it on changes an event in
 * the log. A lever without a row here fails. The sandbox, the built-in policies and governance's engine are run as they
 * are, side by side in one process, without bus and store. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agents/chunk.h"
#include "core/yaml.h"
#include "governance/engine.h"
#include "governance/governance.h"
#include "governance/lever.h"
#include "proto/sandbox.h"
#include "world/domain.h"

#include "tests/support/test.h" /* behind the house's headers: cmocka takes the word "fail" */

extern const struct domain domain_sandbox;

#define SLOTS_MAX 16u
#define SEED 42u

/* A society that gives every lever something to do; a row may ask for another. */
#define AGENTS_MIXED                                                                                                 \
    "agents:\n  - {type: honest, count: 6, role: worker}\n  - {type: opportunistic, count: 4, role: worker}\n"       \
    "  - {type: deceptive, count: 4, role: worker}\n  - {type: adversarial, count: 6, role: poster}\n"
/* So few that some come to keep to each other. */
#define AGENTS_FEW                                                                                                   \
    "agents:\n  - {type: opportunistic, count: 3, role: worker}\n  - {type: deceptive, count: 3, role: worker}\n"

static const struct act_row {
    const char *lever;
    const char *base; /* levers that are on both times */
    const char *with; /* its parameters */
    const char *agents;
    uint32_t epochs;  /* in which it has to show; of 5 steps */
} act_rows[] = {
    {"adaptive_controller", "  random_audit: {prob: 0.1}\n", "{setpoint: 0, gain: 1}", AGENTS_MIXED, 3},
    {"bandwidth_cap", "", "{max_actions: 3}", AGENTS_MIXED, 1},
    {"circuit_breaker", "", "{threshold: 0.4, violations: 1, min_sample: 2}", AGENTS_MIXED, 2},
    {"collusion", "", "{threshold: 0.4, memory: 1}", AGENTS_FEW, 20},
    {"council", "", "{prob: 0.5}", AGENTS_MIXED, 1},
    {"diversity", "", "{rate: 1, max_concentration: 0.25, min_interactions: 2}", AGENTS_MIXED, 3},
    {"incoherence_friction", "", "{rate: 1, min_sample: 2}", AGENTS_MIXED, 2},
    {"moderator", "", "{prob: 0.5}", AGENTS_MIXED, 1},
    {"random_audit", "", "{prob: 0.4}", AGENTS_MIXED, 1},
    {"refinery", "", "{threshold: 0.5}", AGENTS_MIXED, 1},
    {"reputation_decay", "", "{rate: 0.9}", AGENTS_MIXED, 2},
    {"security", "", "{injection_threshold: 0.3, penalty_threshold: 0.1}", AGENTS_MIXED, 3},
    {"staking", "  random_audit: {prob: 0.5}\n", "{min_stake: 20, slash_rate: 0.2}", AGENTS_MIXED, 1},
    {"transaction_tax", "", "{rate: 0.1}", AGENTS_MIXED, 1},
    {"transparency_ledger", "", "{weight: 3}", AGENTS_MIXED, 2},
    {"vote_normalization", "", "{max_weight: 1}", AGENTS_MIXED, 1},
};

/* ---- one society ---- */

struct play {
    void *domain;
    struct engine *engine;
    struct chunk_policy policies[SLOTS_MAX];
    uint32_t policy_count;
    struct chunk_scratch scratch;
    uint64_t step;
    uint32_t phase;
    struct buffer events;
};

static void
must(int code, const struct why *why)
{
    if (code != 0)
        fail_msg("%s", why->text);
}

static void
read_back(const struct schema *schema, const struct buffer *bytes, struct batch *out)
{
    struct why why = {0};

    must(batch_read(schema, bytes->data, bytes->size, out, &why), &why);
    must(batch_check(out, &why), &why);
}

static void
bind_policies(struct play *self)
{
    const struct domain_slot *slots;

    self->policy_count = domain_sandbox.slots(self->domain, &slots);
    assert_in_range(self->policy_count, 1, SLOTS_MAX);
    for (uint32_t i = 0; i < self->policy_count; i++) {
        const struct policy *policy = policy_find(slots[i].policy);
        struct yaml_tree *tree = NULL;
        struct why why = {0};
        void *params;

        assert_non_null(policy);
        params = calloc(1, policy->params->size);
        if (slots[i].params[0] != '\0')
            must(yaml_read_text("slot", slots[i].params, strlen(slots[i].params), &tree, &why), &why);
        must(params_bind(policy->params, tree == NULL ? NULL : yaml_root(tree), NULL, params, &why), &why);
        yaml_destroy(&tree);
        self->policies[i] = (struct chunk_policy){.policy = policy, .params = params, .seed = SEED};
    }
}

static void
play_begin(struct play *self, const char *scenario)
{
    struct yaml_tree *tree = NULL;
    struct why why = {0};

    *self = (struct play){0};
    must(yaml_read_text("scenario", scenario, strlen(scenario), &tree, &why), &why);
    must(governance_resolve(tree, &why), &why);
    must(domain_sandbox.resolve(tree, &why), &why);
    must(domain_sandbox.configure(yaml_root(tree), SEED, &self->domain, &why), &why);
    must(engine_new(yaml_find(yaml_root(tree), "governance"), SEED, domain_sandbox.agent_count(self->domain),
             &self->engine, &why), &why);
    yaml_destroy(&tree);
    domain_sandbox.genesis(self->domain);
    bind_policies(self);
}

static void
play_end(struct play *self)
{
    for (uint32_t i = 0; i < self->policy_count; i++)
        free((void *)(uintptr_t)self->policies[i].params);
    chunk_scratch_fini(&self->scratch);
    buffer_fini(&self->events);
    engine_destroy(&self->engine);
    domain_sandbox.destroy(self->domain);
}

/* One group of agents, or governance; the answer's bytes go to `out`. */
static void
answer_one(struct play *self, const struct exchange *exchange, uint32_t group, const struct batch *seen,
           struct buffer *out)
{
    struct why why = {0};

    if (exchange->kind == EXCHANGE_GOVERNANCE) {
        must(engine_judge(self->engine, self->step, ++self->phase, seen, 0, out, &why), &why);
    } else {
        const struct chunk_policy *policy = &self->policies[exchange->groups[group].slot];

        must(chunk_check(policy, seen, self->step, &why), &why);
        chunk_decide(policy, seen, self->step, 0, &self->scratch, out);
    }
}

static void
play_exchange(struct play *self, const struct exchange *exchange)
{
    uint32_t count = exchange->kind == EXCHANGE_AGENTS ? exchange->group_count : 1;
    struct buffer *bytes = calloc(count, sizeof *bytes), ask = {0};
    struct batch *answers = calloc(count, sizeof *answers), seen;
    struct why why = {0};

    for (uint32_t i = 0; i < count; i++) {
        uint32_t rows = exchange->kind == EXCHANGE_AGENTS ? exchange->groups[i].count : 0;

        buffer_clear(&ask);
        domain_sandbox.ask(self->domain, exchange, i, 0, rows, &ask);
        read_back(exchange->ask, &ask, &seen);
        answer_one(self, exchange, i, &seen, &bytes[i]);
        read_back(exchange->answer, &bytes[i], &answers[i]);
        must(domain_sandbox.check(self->domain, exchange, i, 0, rows, &answers[i], &why), &why);
    }
    domain_sandbox.take(self->domain, exchange, answers, exchange->kind == EXCHANGE_GOVERNANCE ? &seen : NULL);
    for (uint32_t i = 0; i < count; i++)
        buffer_fini(&bytes[i]);
    buffer_fini(&ask);
    free(bytes);
    free(answers);
}

static void
play_step(struct play *self, struct batch *events)
{
    struct exchange exchange;
    struct why why = {0};

    self->phase = 0;
    domain_sandbox.begin(self->domain, ++self->step);
    while (domain_sandbox.next(self->domain, &exchange))
        play_exchange(self, &exchange);
    domain_sandbox.end(self->domain);
    must(domain_sandbox.check_invariants(self->domain, &why), &why);
    buffer_clear(&self->events);
    domain_sandbox.events(self->domain, &self->events);
    read_back(domain_sandbox.event_schema, &self->events, events);
}

/* ---- two of them ---- */

/* The first column that differs, or "rows" when there are more of one axis; NULL: none. */
static const char *
difference(const struct batch *a, const struct batch *b)
{
    const struct schema *schema = a->schema;

    for (uint32_t i = 0; i < schema->axis_count; i++)
        if (a->count[i] != b->count[i])
            return schema->axes[i].name;
    for (uint32_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        size_t size = (size_t)column_width(column->kind) * (a->count[column->axis] + (column->kind == COLUMN_OFFSETS));

        if (size > 0 && memcmp(a->data[i], b->data[i], size) != 0)
            return column->name;
    }
    return NULL;
}

static void
scenario_of(const struct act_row *row, bool with, char *out, size_t out_size)
{
    int size = snprintf(out, out_size, "name: act\n%ssimulation: {epochs: 20, steps_per_epoch: 5, seed: 42}\n"
                        "governance:\n%s%s%s%s%s", row->agents, row->base, with ? "  " : "",
                        with ? row->lever : "", with ? ": " : "", with ? row->with : "");

    assert_in_range(size, 1, out_size - 1);
}

static void
acts(const struct act_row *row)
{
    char scenario[2000];
    struct play off, on;
    const char *column = NULL;

    scenario_of(row, false, scenario, sizeof scenario);
    play_begin(&off, scenario);
    scenario_of(row, true, scenario, sizeof scenario);
    play_begin(&on, scenario);
    for (uint32_t step = 1; step <= row->epochs * 5 && column == NULL; step++) {
        struct batch a, b;

        play_step(&off, &a);
        play_step(&on, &b);
        column = difference(&a, &b);
        if (column != NULL)
            print_message("    %-20s step %3u: %s\n", row->lever, step, column);
    }
    play_end(&off);
    play_end(&on);
    if (column == NULL)
        fail_msg("%s %s changes no event in %u epochs", row->lever, row->with, row->epochs);
}

static void
every_lever_acts(void **state)
{
    (void)state;
    for (const struct lever *const *lever = lever_roll; *lever != NULL; lever++) {
        const struct act_row *row = NULL;

        for (size_t i = 0; i < sizeof act_rows / sizeof act_rows[0]; i++)
            if (strcmp(act_rows[i].lever, (*lever)->name) == 0)
                row = &act_rows[i];
        if (row == NULL)
            fail_msg("%s: no history shows that it acts", (*lever)->name);
        else
            acts(row);
    }
}

/* The comparison is honest: the same society twice differs in nothing. */
static void
same_is_same(void **state)
{
    struct play a, b;
    char scenario[2000];

    (void)state;
    scenario_of(&act_rows[0], true, scenario, sizeof scenario);
    play_begin(&a, scenario);
    play_begin(&b, scenario);
    for (uint32_t step = 1; step <= 50; step++) {
        struct batch seen_a, seen_b;

        play_step(&a, &seen_a);
        play_step(&b, &seen_b);
        assert_null(difference(&seen_a, &seen_b));
    }
    play_end(&a);
    play_end(&b);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"the same society twice has the same events", same_is_same},
        {"every lever changes an event", every_lever_acts},
    };

    return TEST_CASES("levers_act", cases);
}
