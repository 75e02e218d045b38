/* tests/unit/world/test_sandbox_norms.c - proposals and votes by hand: what is adopted, and what governance is told. */
#include "tests/unit/world/sandbox_driver.h"

#include "world/sandbox/state.h"

/* ---- what is a proposal ---- */

static const struct text_row {
    const char *name, *text;
    const char *rule; /* NULL: none */
    uint32_t key_size;
} text_rows[] = {
    {"a rule", "RULE random_audit.prob=0.3", "random_audit.prob=0.3", 17},
    {"the shortest", "RULE a.b=1", "a.b=1", 3},
    {"a value with a sign and an exponent", "RULE a.b=-1.5e+3", "a.b=-1.5e+3", 3},
    {"a word as a value", "RULE a.b=true", "a.b=true", 3},
    {"no rule at all", "Good morning", NULL, 0},
    {"nothing", "", NULL, 0},
    {"nothing behind the word", "RULE ", NULL, 0},
    {"in small letters", "rule a.b=1", NULL, 0},
    {"without a lever", "RULE .b=1", NULL, 0},
    {"without a parameter", "RULE a.=1", NULL, 0},
    {"without a dot", "RULE ab=1", NULL, 0},
    {"with two dots", "RULE a.b.c=1", NULL, 0},
    {"without a value", "RULE a.b=", NULL, 0},
    {"without an equals sign", "RULE a.b", NULL, 0},
    {"that ends with a dot", "RULE a.", NULL, 0},
    {"with two equals signs", "RULE a.b=1=2", NULL, 0},
    {"with a blank", "RULE a.b= 1", NULL, 0},
    {"with a capital letter", "RULE A.b=1", NULL, 0},
    {"too long", "RULE a.b=1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901"
     "234567890123456789012345678", NULL, 0},
};

static void
parse(void **state)
{
    const struct text_row *row = *state;
    uint32_t size = 0, key_size = 0;
    const char *rule = NULL;
    bool found = norms_parse(row->text, (uint32_t)strlen(row->text), &rule, &size, &key_size);

    assert_int_equal(found, row->rule != NULL);
    if (!found)
        return;
    assert_int_equal(size, strlen(row->rule));
    assert_memory_equal(rule, row->rule, size);
    assert_int_equal(key_size, row->key_size);
}

/* ---- votes ---- */

/* Ten agents, epochs of three steps. Posts are made in step 1 of an epoch by the agents 0, 1, 2 in order, who get the
 * ids 0, 1, 2 in the first; agents from 3 on vote in the other steps: agent 3 first. */
#define SCENARIO                                                                                                     \
    "agents: [{type: a, count: 10, role: poster}]\n"                                                                 \
    "simulation: {epochs: 9, steps_per_epoch: 3}\n"                                                                  \
    "governance: {first: {}}\n"                                                                                      \
    "sandbox: {tasks: {rate: 0}, norms: {enabled: true"

static const struct vote_row {
    const char *name, *more;
    struct {
        uint32_t step;
        const char *text;
        uint32_t kind;
    } posts[4]; /* by agent 0, 1, 2 ... */
    struct {
        uint32_t step, first, count, post; /* agents [first, first + count) */
        int32_t value;
    } votes[7];
    bool refuses;
    uint32_t epochs;
    const char *dockets; /* what governance is told in all openings, one behind the other */
    double proposed, adopted, refused, support; /* support < 0: unknown */
} vote_rows[] = {
    {"a quorum", "", .posts = {{1, "RULE a.b=1", POST_RULE}}, .votes = {{2, 3, 3, 0, 1}}, .epochs = 2,
     .dockets = "a.b=1;", .proposed = 1, .adopted = 1, .support = 0.3},
    {"one short of it", "", .posts = {{1, "RULE a.b=1", POST_RULE}}, .votes = {{2, 3, 2, 0, 1}}, .epochs = 2,
     .dockets = "", .proposed = 1, .support = -1},
    {"votes against it count", "", .posts = {{1, "RULE a.b=1", POST_RULE}},
     .votes = {{2, 3, 4, 0, 1}, {2, 7, 2, 0, -1}}, .epochs = 2, .dockets = "", .proposed = 1, .support = -1},
    {"nobody's rule", ", quorum: 0", .posts = {{1, "RULE a.b=1", POST_RULE}}, .epochs = 2, .dockets = "",
     .proposed = 1, .support = -1},
    {"a plain post with the words of a rule", "", .posts = {{1, "RULE a.b=1", POST_PLAIN}},
     .votes = {{2, 3, 5, 0, 1}}, .epochs = 2, .dockets = "", .support = -1},
    {"a rule that is none", "", .posts = {{1, "RULE of thumb", POST_RULE}}, .votes = {{2, 3, 5, 0, 1}}, .epochs = 2,
     .dockets = "", .support = -1},
    {"governance cannot apply it", "", .posts = {{1, "RULE a.b=1", POST_RULE}}, .votes = {{2, 3, 3, 0, 1}},
     .refuses = true, .epochs = 2, .dockets = "a.b=1;", .proposed = 1, .refused = 1, .support = -1},
    {"the best first, and not too many", ", quorum: 0.2, max_per_epoch: 2",
     .posts = {{1, "RULE a.b=1", POST_RULE}, {1, "RULE a.c=2", POST_RULE}, {1, "RULE d.e=3", POST_RULE}},
     .votes = {{2, 3, 2, 0, 1}, {2, 5, 4, 2, 1}, {3, 3, 3, 1, 1}}, .epochs = 2, .dockets = "d.e=3;a.c=2;",
     .proposed = 3, .adopted = 2, .support = 0.35},
    {"what was left over comes next", ", quorum: 0.2, max_per_epoch: 1",
     .posts = {{1, "RULE a.b=1", POST_RULE}, {1, "RULE a.c=2", POST_RULE}},
     .votes = {{2, 3, 2, 0, 1}, {2, 5, 3, 1, 1}}, .epochs = 3, .dockets = "a.c=2;a.b=1;", .proposed = 2,
     .adopted = 2, .support = 0.25},
    {"the older of equals", ", quorum: 0.2, max_per_epoch: 1",
     .posts = {{1, "RULE z.z=1", POST_RULE}, {2, "RULE a.c=2", POST_RULE}},
     .votes = {{3, 3, 2, 1, 1}, {3, 5, 2, 0, 1}}, .epochs = 2, .dockets = "z.z=1;", .proposed = 2, .adopted = 1,
     .support = 0.2},
    {"one of a parameter", ", quorum: 0.2",
     .posts = {{1, "RULE a.b=1", POST_RULE}, {1, "RULE a.b=2", POST_RULE}},
     .votes = {{2, 3, 2, 0, 1}, {2, 5, 3, 1, 1}}, .epochs = 2, .dockets = "a.b=2;", .proposed = 2, .adopted = 1,
     .support = 0.3},
    {"a post is ruled upon once", "", .posts = {{1, "RULE a.b=1", POST_RULE}}, .votes = {{2, 3, 3, 0, 1}},
     .epochs = 5, .dockets = "a.b=1;", .proposed = 1, .adopted = 1, .support = 0.3},
    {"also when it was refused", "", .posts = {{1, "RULE a.b=1", POST_RULE}}, .votes = {{2, 3, 3, 0, 1}},
     .refuses = true, .epochs = 5, .dockets = "a.b=1;", .proposed = 1, .refused = 1, .support = -1},
    {"what holds already is not adopted again", "",
     .posts = {{1, "RULE a.b=1", POST_RULE}, {4, "RULE a.b=1", POST_RULE}},
     .votes = {{2, 3, 3, 0, 1}, {5, 3, 4, 1, 1}}, .epochs = 6, .dockets = "a.b=1;", .proposed = 2, .adopted = 1,
     .support = 0.3},
    /* Ruled in epoch 1; another value has its votes at the end of epoch 1, would be ruled in 2, and is in 3. */
    {"a parameter that was changed is left alone", "",
     .posts = {{1, "RULE a.b=1", POST_RULE}, {4, "RULE a.b=2", POST_RULE}},
     .votes = {{2, 3, 3, 0, 1}, {5, 3, 4, 1, 1}}, .epochs = 3, .dockets = "a.b=1;", .proposed = 2, .adopted = 1,
     .support = 0.3},
    {"but not for ever", "",
     .posts = {{1, "RULE a.b=1", POST_RULE}, {4, "RULE a.b=2", POST_RULE}},
     .votes = {{2, 3, 3, 0, 1}, {5, 3, 4, 1, 1}}, .epochs = 4, .dockets = "a.b=1;a.b=2;", .proposed = 2, .adopted = 2,
     .support = 0.35},
    {"nor when there is no such time", ", cooldown_epochs: 0",
     .posts = {{1, "RULE a.b=1", POST_RULE}, {4, "RULE a.b=2", POST_RULE}},
     .votes = {{2, 3, 3, 0, 1}, {5, 3, 4, 1, 1}}, .epochs = 3, .dockets = "a.b=1;a.b=2;", .proposed = 2, .adopted = 2,
     .support = 0.35},
};

static char told[400];

static void
act(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    const struct vote_row *script = driver->context;
    uint32_t agent = batch_u32(seen, OBSERVE_agent, row);

    (void)rng;
    if (agent < 4 && script->posts[agent].text != NULL && script->posts[agent].step == driver->step) {
        out->verb = VERB_POST;
        out->post_kind = script->posts[agent].kind;
        out->text_size = (uint32_t)strlen(script->posts[agent].text);
        memcpy(out->text, script->posts[agent].text, out->text_size);
    }
    for (uint32_t i = 0; i < 7; i++) {
        if (script->votes[i].step != driver->step || agent < script->votes[i].first ||
            agent >= script->votes[i].first + script->votes[i].count)
            continue;
        out->verb = VERB_VOTE;
        out->target = script->votes[i].post;
        out->value = script->votes[i].value;
    }
}

static void
judge(struct driver *driver, const struct batch *docket, struct batch_writer *verdict, struct rng *rng)
{
    const struct vote_row *script = driver->context;

    (void)rng;
    for (uint32_t i = 0; i < docket->count[DOCKET_NORM]; i++) {
        uint32_t begin = batch_u32(docket, DOCKET_norms, i), end = batch_u32(docket, DOCKET_norms, i + 1);

        snprintf(told + strlen(told), sizeof told - strlen(told), "%.*s;", (int)(end - begin),
                 (const char *)docket->data[DOCKET_norm_text] + begin);
        ((uint8_t *)batch_column(verdict, VERDICT_effect_kind))[i] = EFFECT_NORM;
        ((int64_t *)batch_column(verdict, VERDICT_effect_amount))[i] = i;
        ((double *)batch_column(verdict, VERDICT_effect_value))[i] = script->refuses ? 0.0 : 1.0;
    }
}

static void
vote(void **state)
{
    const struct vote_row *row = *state;
    struct driver driver = {
        .seed = 1, .act = act, .judge = judge, .effects = 3, .context = (void *)(uintptr_t)row};
    struct driver_figure support;
    char scenario[600];

    snprintf(scenario, sizeof scenario, "%s%s}}\n", SCENARIO, row->more);
    told[0] = '\0';
    driver_begin(&driver, scenario);
    while (driver.step < 3 * row->epochs)
        driver_step(&driver);
    support = driver_figure(&driver, true, "norm_support");
    assert_string_equal(told, row->dockets);
    assert_close(driver_figure(&driver, true, "norms_proposed").value, row->proposed, 0);
    assert_close(driver_figure(&driver, true, "norms_adopted").value, row->adopted, 0);
    assert_close(driver_figure(&driver, true, "norms_refused").value, row->refused, 0);
    assert_int_equal(support.known, row->support >= 0.0);
    if (support.known)
        assert_close(support.value, row->support, 1e-12);
    driver_end(&driver);
}

/* Where nobody governs, nothing that is adopted holds. */
static void
ungoverned(void **state)
{
    struct driver driver = {.seed = 1, .act = act, .context = (void *)(uintptr_t)&vote_rows[0]};

    (void)state;
    driver_begin(&driver, "agents: [{type: a, count: 10, role: poster}]\nsimulation: {epochs: 9, steps_per_epoch: 3}\n"
                          "sandbox: {tasks: {rate: 0}, norms: {enabled: true}}\n");
    for (uint32_t i = 0; i < 6; i++)
        driver_step(&driver);
    assert_close(driver_figure(&driver, true, "norms_adopted").value, 0, 0);
    assert_close(driver_figure(&driver, true, "norms_refused").value, 1, 0);
    driver_end(&driver);
}

/* A copy made from a snapshot between the vote and the opening goes on alike. */
static void
saved(void **state)
{
    struct driver first = {.seed = 1, .act = act, .judge = judge, .effects = 3,
        .context = (void *)(uintptr_t)&vote_rows[0]};
    struct driver second = first;

    (void)state;
    told[0] = '\0';
    driver_begin(&first, SCENARIO "}}\n");
    driver_begin(&second, SCENARIO "}}\n");
    for (uint32_t i = 0; i < 3; i++)
        driver_step(&first);
    driver_copy(&first, &second);
    driver_step(&first);
    driver_step(&second);
    driver_same(&first, &second);
    assert_string_equal(told, "a.b=1;a.b=1;");
    driver_end(&first);
    driver_end(&second);
}

static const struct test_case cases[] = {
    {"without levers rules are refused", ungoverned},
    {"a snapshot between vote and opening", saved},
};

int
main(void)
{
    return TEST_ROWS("norms_parse", text_rows, parse) + TEST_ROWS("norms", vote_rows, vote) +
           TEST_CASES("norms, ungoverned and saved", cases);
}
