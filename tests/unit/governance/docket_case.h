/* tests/unit/governance/docket_case.h - dockets made from plain rows, for the tests of governance. */
#ifndef POLIS_TESTS_DOCKET_CASE_H
#define POLIS_TESTS_DOCKET_CASE_H

#include <string.h>

#include "core/buffer.h"
#include "core/digest.h"
#include "core/rng.h"
#include "core/streams.h"
#include "core/yaml.h"
#include "governance/engine.h"
#include "governance/governance.h"
#include "governance/lever.h"

#include "tests/support/test.h" /* behind the house's headers: cmocka takes the word "fail" */

#define CASE_UNUSED __attribute__((unused))
#define CASE_AGENTS 4u

/* cmocka's own words for this need a name that the house uses. */
static CASE_UNUSED void
case_fail(const char *text)
{
    print_error("%s\n", text);
    assert_true(false);
}

struct case_row {
    uint32_t initiator, counterparty;
    bool accepted;
    int64_t transfer;
    double p;
    int32_t truth;
    int64_t stake;
};
struct case_action {
    uint32_t actor;
    enum sandbox_verb verb;
    uint8_t refused;
};

/* `epoch` < 0: no opening. Stakes at an opening: 10 tokens for agent 0, 20 for agent 1 ... */
struct case_docket {
    const struct case_row *rows;
    uint32_t row_count;
    const struct case_action *actions;
    uint32_t action_count;
    int64_t epoch;
    uint32_t agents;
    uint8_t misuse, rejections; /* of every row */
    int64_t resources; /* of everybody, at an opening */
    bool no_stakes;            /* at an opening: nobody has any */
    const double *reputations; /* by agent, at an opening; NULL: 0 */
    const char *const *norms;  /* at an opening */
    uint32_t norm_count;
};

static CASE_UNUSED void
case_write_opening(const struct case_docket *docket, const struct batch_writer *w, uint32_t agents)
{
    uint32_t *norms = batch_column(w, DOCKET_norms), at = 0;

    ((uint32_t *)batch_column(w, DOCKET_epoch))[0] = (uint32_t)docket->epoch;
    for (uint32_t i = 0; i < agents; i++) {
        ((int64_t *)batch_column(w, DOCKET_agent_stake))[i] = docket->no_stakes ? 0 : (int64_t)(i + 1) * 10000000;
        ((int64_t *)batch_column(w, DOCKET_agent_resources))[i] = docket->resources;
        if (docket->reputations != NULL)
            ((double *)batch_column(w, DOCKET_agent_reputation))[i] = docket->reputations[i];
    }
    for (uint32_t i = 0; i < docket->norm_count; i++) {
        uint32_t size = (uint32_t)strlen(docket->norms[i]);

        norms[i] = at;
        batch_fill_bytes(w, DOCKET_norm_text, at, docket->norms[i], size);
        at += size;
    }
    norms[docket->norm_count] = at;
}

static CASE_UNUSED void
case_write(const struct case_docket *docket, struct buffer *out)
{
    uint32_t agents = docket->agents > 0 ? docket->agents : CASE_AGENTS;
    uint32_t counts[DOCKET_AXES] = {
        docket->row_count, docket->action_count, docket->epoch >= 0, docket->epoch >= 0 ? agents : 0};
    struct batch_writer w;

    for (uint32_t i = 0; i < docket->norm_count; i++)
        counts[DOCKET_TEXT] += (uint32_t)strlen(docket->norms[i]);
    counts[DOCKET_NORM] = docket->norm_count;
    batch_begin(&w, &schema_sandbox_docket, out, 0, 0, counts);
    for (uint32_t i = 0; i < docket->row_count; i++) {
        const struct case_row *row = &docket->rows[i];

        ((uint32_t *)batch_column(&w, DOCKET_initiator))[i] = row->initiator;
        ((uint32_t *)batch_column(&w, DOCKET_counterparty))[i] = row->counterparty;
        ((uint8_t *)batch_column(&w, DOCKET_accepted))[i] = row->accepted;
        ((uint8_t *)batch_column(&w, DOCKET_answered))[i] = 1;
        ((int64_t *)batch_column(&w, DOCKET_transfer))[i] = row->transfer;
        ((double *)batch_column(&w, DOCKET_p))[i] = row->p;
        ((int32_t *)batch_column(&w, DOCKET_truth))[i] = row->truth;
        ((int64_t *)batch_column(&w, DOCKET_stake))[i] = row->stake;
        ((uint8_t *)batch_column(&w, DOCKET_misuse))[i] = docket->misuse;
        ((uint8_t *)batch_column(&w, DOCKET_rejections))[i] = docket->rejections;
    }
    for (uint32_t i = 0; i < docket->action_count; i++) {
        ((uint32_t *)batch_column(&w, DOCKET_actor))[i] = docket->actions[i].actor;
        ((uint8_t *)batch_column(&w, DOCKET_verb))[i] = (uint8_t)docket->actions[i].verb;
        ((uint8_t *)batch_column(&w, DOCKET_refused))[i] = docket->actions[i].refused;
    }
    if (docket->epoch >= 0)
        case_write_opening(docket, &w, agents);
}

static CASE_UNUSED struct engine *
case_engine(const char *section, uint64_t seed, uint32_t agents)
{
    struct why why = {0};
    struct yaml_tree *tree = NULL;
    struct engine *engine = NULL;

    assert_int_equal(yaml_read_text("test", section, strlen(section), &tree, &why), 0);
    if (engine_new(yaml_root(tree), seed, agents, &engine, &why) != 0)
        case_fail(why.text);
    yaml_destroy(&tree);
    return engine;
}

/* A verdict and the bytes it lies in. */
struct case_verdict {
    struct buffer bytes;
    struct batch batch;
};

static CASE_UNUSED void
case_judge(
    struct engine *engine, uint64_t step, uint32_t phase, const struct case_docket *docket, struct case_verdict *out)
{
    struct buffer bytes = {0};
    struct batch batch;
    struct why why = {0};

    case_write(docket, &bytes);
    assert_int_equal(batch_read(&schema_sandbox_docket, bytes.data, bytes.size, &batch, &why), 0);
    buffer_clear(&out->bytes);
    if (engine_judge(engine, step, phase, &batch, 77, &out->bytes, &why) != 0)
        case_fail(why.text);
    assert_int_equal(batch_read(&schema_sandbox_verdict, out->bytes.data, out->bytes.size, &out->batch, &why), 0);
    if (batch_check(&out->batch, &why) != 0)
        case_fail(why.text);
    assert_int_equal(out->batch.tag, 77);
    buffer_fini(&bytes);
}

/* How many verbs are drawn from: a new verb must not change the histories whose digests tests know. */
#define CASE_VERBS ((uint32_t)VERB_MODERATE + 1)

/* A docket drawn at random: for histories. `rows` and `actions` have room for 32. */
static CASE_UNUSED struct case_docket
case_random(struct rng *rng, struct case_row *rows, struct case_action *actions, int64_t epoch)
{
    struct case_docket docket = {.rows = rows, .row_count = rng_below(rng, 33), .actions = actions,
        .action_count = rng_below(rng, 33), .epoch = epoch};

    docket.misuse = (uint8_t)(docket.row_count % 3);
    docket.rejections = (uint8_t)(docket.row_count % 2);
    for (uint32_t i = 0; i < docket.row_count; i++)
        rows[i] = (struct case_row){.initiator = rng_below(rng, CASE_AGENTS),
            .counterparty = rng_below(rng, CASE_AGENTS),
            .accepted = rng_chance(rng, 0.7),
            .transfer = rng_integer(rng, -3000000, 3000000),
            .p = rng_real(rng),
            .truth = rng_chance(rng, 0.5) ? 1 : -1,
            .stake = rng_integer(rng, 0, 30000000)};
    for (uint32_t i = 0; i < docket.action_count; i++)
        actions[i] = (struct case_action){.actor = rng_below(rng, CASE_AGENTS),
            .verb = (enum sandbox_verb)rng_below(rng, CASE_VERBS), .refused = rng_chance(rng, 0.1)};
    return docket;
}

/* The levers there were when the digests that tests know were taken; and the others, hot enough to do something. */
#define CASE_ALL                                                                                                     \
    "circuit_breaker: {threshold: 0.5, violations: 2, duration: 1}\nrandom_audit: {prob: 0.5, audit_power: 0.7}\n"   \
    "staking: {min_stake: 5, slash_rate: 0.25}\ntransaction_tax: {rate: 0.1, surplus_rate: 0.05}\n"                  \
    "reputation_decay: 0.9\nvote_normalization: 4\nbandwidth_cap: 40\ntransparency_ledger: true\n"
#define CASE_MORE                                                                                                    \
    CASE_ALL "moderator: {prob: 0.5}\nrefinery: 0.2\ncouncil: {prob: 0.5, size: 1, min_reputation: -1}\n"            \
             "diversity: {rate: 1, max_concentration: 0.2}\nincoherence_friction: {rate: 0.5}\n"                     \
             "collusion: {threshold: 0.2, min_interactions: 1, realtime: true}\n"                                    \
             "security: {injection_threshold: 0.1, manipulation_threshold: 0.1, penalty_threshold: 0.01,\n"          \
             "  quarantine_threshold: 0.05, chain_min: 2, duration: 1, laundering_gap: 0.01, realtime: true,\n"      \
             "  realtime_threshold: 0.1}\nadaptive_controller: {target: random_audit.prob, setpoint: 0.4}\n"

#endif
