/* tests/unit/world/test_sandbox_contagion.c - proposals with payloads by hand: who is compromised, how deep, until
 * when. */
#include "tests/unit/world/sandbox_driver.h"

#include "world/sandbox/feature.h"

extern const struct feature feature_contagion;

/* Six agents, epochs of four steps; who is sent a payload is compromised unless a row says otherwise. */
#define SCENARIO                                                                                                     \
    "agents: [{type: a, count: 6}]\n"                                                                                \
    "simulation: {epochs: 4, steps_per_epoch: 4}\n"                                                                  \
    "governance: {first: {}}\n"                                                                                      \
    "sandbox: {tasks: {rate: 0}, contagion: {enabled: true, onset: 1"

static const struct row {
    const char *name, *more;
    struct {
        uint32_t step, from, to;
        bool payload, refused, denied, audited;
    } offers[6];
    struct {
        uint32_t step, agent, until; /* frozen from then on, until this epoch; 0: until the next step */
    } freezes[2];
    uint32_t offer_count, steps;
    double infected, infections, cures, depth, contained, r0; /* contained, r0 < 0: unknown */
} rows[] = {
    {"nobody sends anything", ", susceptibility: 1", .steps = 2, .contained = -1, .r0 = -1},
    {"a payload", ", susceptibility: 1", .offers = {{1, 0, 1, .payload = true}}, .offer_count = 1, .steps = 1,
     .infected = 1, .infections = 1, .depth = 2, .contained = -1, .r0 = -1},
    {"a proposal without", ", susceptibility: 1", .offers = {{.step = 1, .from = 0, .to = 1}}, .offer_count = 1,
     .steps = 1, .contained = -1, .r0 = -1},
    {"who is not susceptible", ", susceptibility: 0", .offers = {{1, 0, 1, .payload = true}}, .offer_count = 1,
     .steps = 1, .contained = -1, .r0 = -1},
    {"who refuses", ", susceptibility: 1", .offers = {{1, 0, 1, .payload = true, .refused = true}}, .offer_count = 1,
     .steps = 1, .contained = -1, .r0 = -1},
    {"what governance stops", ", susceptibility: 1", .offers = {{1, 0, 1, .payload = true, .denied = true}},
     .offer_count = 1, .steps = 1, .contained = -1, .r0 = -1},
    {"nobody falls twice", ", susceptibility: 1",
     .offers = {{1, 0, 1, .payload = true}, {2, 2, 1, .payload = true}}, .offer_count = 2, .steps = 2, .infected = 1,
     .infections = 1, .depth = 2, .contained = -1, .r0 = -1},
    {"a chain", ", susceptibility: 1",
     .offers = {{1, 0, 1, .payload = true}, {2, 1, 2, .payload = true}, {3, 2, 3, .payload = true}},
     .offer_count = 3, .steps = 3, .infected = 3, .infections = 3, .depth = 4, .contained = -1, .r0 = -1},
    /* 1 infects 2 and 4, 2 infects 3, 3 and 4 none: windows of two steps. Agent 0 is no case: it is its own master. */
    {"R0 of a tree", ", susceptibility: 1, window: 2",
     .offers = {{1, 0, 1, .payload = true}, {2, 1, 2, .payload = true}, {3, 2, 3, .payload = true},
                {3, 1, 4, .payload = true}},
     .offer_count = 4, .steps = 5, .infected = 4, .infections = 4, .depth = 4, .contained = -1, .r0 = 0.75},
    {"an audit finds it", ", susceptibility: 1",
     .offers = {{1, 0, 1, .payload = true}, {3, 1, 2, .audited = true}}, .offer_count = 2, .steps = 3,
     .infections = 1, .cures = 1, .depth = 2, .contained = 3, .r0 = 0},
    {"after it has infected", ", susceptibility: 1",
     .offers = {{1, 0, 1, .payload = true}, {3, 1, 2, .payload = true, .audited = true}}, .offer_count = 2,
     .steps = 3, .infected = 1, .infections = 2, .cures = 1, .depth = 3, .contained = -1, .r0 = 1},
    {"an audit that cures nobody", ", susceptibility: 1, cure_on_audit: false",
     .offers = {{1, 0, 1, .payload = true}, {3, 1, 2, .audited = true}}, .offer_count = 2, .steps = 3, .infected = 1,
     .infections = 1, .depth = 2, .contained = -1, .r0 = -1},
    {"frozen, not free yet", ", susceptibility: 1", .offers = {{1, 0, 1, .payload = true}}, .offer_count = 1,
     .freezes = {{2, 1, 1}}, .steps = 4, .infected = 1, .infections = 1, .depth = 2, .contained = -1, .r0 = -1},
    {"frozen until the next epoch", ", susceptibility: 1", .offers = {{1, 0, 1, .payload = true}}, .offer_count = 1,
     .freezes = {{2, 1, 1}}, .steps = 5, .infections = 1, .cures = 1, .depth = 2, .contained = 5, .r0 = 0},
    {"a freeze that cures nobody", ", susceptibility: 1, cure_on_freeze: false",
     .offers = {{1, 0, 1, .payload = true}}, .offer_count = 1, .freezes = {{2, 1, 1}}, .steps = 5, .infected = 1,
     .infections = 1, .depth = 2, .contained = -1, .r0 = -1},
    {"a freeze before it fell is no cure", ", susceptibility: 1",
     .offers = {{1, 0, 1, .payload = true}, {6, 0, 2, .payload = true}}, .offer_count = 2, .freezes = {{1, 2, 1}},
     .steps = 7, .infected = 2, .infections = 2, .depth = 2, .contained = -1, .r0 = -1},
    {"a second outbreak", ", susceptibility: 1",
     .offers = {{1, 0, 1, .payload = true}, {2, 1, 2, .audited = true}, {4, 0, 1, .payload = true},
                {7, 1, 2, .audited = true}},
     .offer_count = 4, .steps = 7, .infections = 2, .cures = 2, .depth = 2, .contained = 4, .r0 = 0},
    {"sources", ", sources: 2", .steps = 1, .infected = 2, .infections = 2, .depth = 1, .contained = -1, .r0 = -1},
    {"everybody a source", ", sources: 100", .steps = 1, .infected = 6, .infections = 6, .depth = 1, .contained = -1,
     .r0 = -1},
};

static void
act(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    const struct row *script = driver->context;

    (void)rng;
    for (uint32_t i = 0; i < script->offer_count; i++) {
        if (script->offers[i].step != driver->step ||
            script->offers[i].from != batch_u32(seen, OBSERVE_agent, row))
            continue;
        out->partner = script->offers[i].to;
        out->payload = script->offers[i].payload;
    }
}

/* Position of the offer in the script. */
static uint32_t
offer_from(const struct driver *driver, uint32_t from)
{
    const struct row *script = driver->context;

    for (uint32_t i = 0; i < script->offer_count; i++)
        if (script->offers[i].step == driver->step && script->offers[i].from == from)
            return i;
    fail_msg("nobody expects an offer from %u", from);
    return 0;
}

static bool
answer(struct driver *driver, const struct batch *seen, uint32_t offer, struct rng *rng)
{
    (void)rng;
    return !((const struct row *)driver->context)
                ->offers[offer_from(driver, batch_u32(seen, OFFERS_initiator, offer))].refused;
}

/* Everybody is freed in every step (an effect that does nothing), but for whom the script freezes. */
static void
judge(struct driver *driver, const struct batch *docket, struct batch_writer *verdict, struct rng *rng)
{
    const struct row *script = driver->context;

    (void)rng;
    ((uint32_t *)batch_column(verdict, VERDICT_effect_agent))[0] = 5;
    for (uint32_t i = 0; i < 2; i++) {
        if (script->freezes[i].step != driver->step || docket->count[DOCKET_OPENING] > 0)
            continue;
        ((uint32_t *)batch_column(verdict, VERDICT_effect_agent))[0] = script->freezes[i].agent;
        ((uint8_t *)batch_column(verdict, VERDICT_effect_kind))[0] = EFFECT_FREEZE;
        ((int64_t *)batch_column(verdict, VERDICT_effect_amount))[0] = script->freezes[i].until;
    }
    for (uint32_t i = 0; i < docket->count[DOCKET_ROW]; i++) {
        uint32_t offer = offer_from(driver, batch_u32(docket, DOCKET_initiator, i));

        ((uint8_t *)batch_column(verdict, VERDICT_allow))[i] = !script->offers[offer].denied;
        ((uint8_t *)batch_column(verdict, VERDICT_reason))[i] = script->offers[offer].denied ? REFUSAL_LEVER : 0;
        ((uint8_t *)batch_column(verdict, VERDICT_audit))[i] =
            script->offers[offer].audited ? AUDIT_CAUGHT : AUDIT_NONE;
    }
}

/* In every step somebody must do something, or governance is not asked: agent 5 posts. */
static void
act_awake(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    act(driver, seen, row, rng, out);
    if (batch_u32(seen, OBSERVE_agent, row) == 5)
        out->verb = VERB_POST;
}

static void
maybe(const struct driver *driver, const char *name, double want)
{
    struct driver_figure figure = driver_figure(driver, true, name);

    if (figure.known != (want >= 0.0))
        fail_msg("%s is %s", name, figure.known ? "known" : "not known");
    if (figure.known)
        assert_close(figure.value, want, 1e-12);
}

static void
spread(void **state)
{
    const struct row *row = *state;
    struct driver driver = {.seed = 1, .act = act_awake, .answer = answer, .judge = judge, .effects = 1,
        .context = (void *)(uintptr_t)row};
    char scenario[600];

    snprintf(scenario, sizeof scenario, "%s%s}}\n", SCENARIO, row->more);
    driver_begin(&driver, scenario);
    while (driver.step < row->steps)
        driver_step(&driver);
    maybe(&driver, "infected", row->infected);
    maybe(&driver, "infected_share", row->infected / 6.0);
    maybe(&driver, "infections", row->infections);
    maybe(&driver, "cures", row->cures);
    maybe(&driver, "contagion_depth", row->depth);
    maybe(&driver, "contagion_containment_steps", row->contained);
    maybe(&driver, "contagion_r0", row->r0);
    driver_end(&driver);
}

/* ---- what shows ---- */

static const struct row one_payload = {"", "", .offers = {{1, 0, 1, .payload = true}}, .offer_count = 1};
static uint8_t misuse;

static void
judge_misuse(struct driver *driver, const struct batch *docket, struct batch_writer *verdict, struct rng *rng)
{
    judge(driver, docket, verdict, rng);
    if (docket->count[DOCKET_ROW] > 0)
        misuse = batch_u8(docket, DOCKET_misuse, 0);
}

static uint8_t
misuse_shown(uint64_t seed, const char *detectability)
{
    struct driver driver = {.seed = seed, .act = act_awake, .answer = answer, .judge = judge_misuse, .effects = 1,
        .context = (void *)(uintptr_t)&one_payload};
    char scenario[600];

    snprintf(scenario, sizeof scenario, "%s, detectability: %s}}\n", SCENARIO, detectability);
    driver_begin(&driver, scenario);
    driver_step(&driver);
    driver_end(&driver);
    return misuse;
}

/* One flag more than without, always, never, or about half of the time. */
static void
shows(void **state)
{
    uint32_t half = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint8_t none = misuse_shown(seed, "0");

        assert_int_equal(misuse_shown(seed, "1"), none + 1);
        half += (uint32_t)(misuse_shown(seed, "0.5") - none);
    }
    assert_true(half > 70 && half < 130); /* 4 standard deviations are 28 */
}

static void
look_for_depth(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    act_awake(driver, seen, row, rng, out);
    assert_int_equal(batch_u8(seen, OBSERVE_compromised, 0), 0);
    assert_int_equal(batch_u8(seen, OBSERVE_compromised, 1), driver->step > 1 ? 2 : 0);
    assert_int_equal(batch_u8(seen, OBSERVE_compromised, 2), driver->step > 2 ? 3 : 0);
}

static void
told(void **state)
{
    struct driver driver = {.seed = 1, .act = look_for_depth, .answer = answer, .judge = judge, .effects = 1,
        .context = (void *)(uintptr_t)&rows[7]};

    (void)state;
    driver_begin(&driver, SCENARIO ", susceptibility: 1}}\n");
    for (uint32_t i = 0; i < 3; i++)
        driver_step(&driver);
    driver_end(&driver);
}

/* Sources are drawn from all agents alike: of 600 draws of 2 of 6 each agent gets a third, give or take 4 standard
 * deviations. */
static void
sources(void **state)
{
    uint32_t drawn[6] = {0};

    (void)state;
    for (uint64_t seed = 0; seed < 600; seed++) {
        struct driver driver = {.seed = seed};
        struct cells cells = {0};

        driver_begin(&driver, SCENARIO ", sources: 2}}\n");
        feature_contagion.cells(driver.self, &cells); /* the second block: depths */
        for (uint32_t agent = 0; agent < 6; agent++)
            drawn[agent] += ((const uint32_t *)cells.items[1].data)[agent];
        driver_end(&driver);
    }
    for (uint32_t agent = 0; agent < 6; agent++)
        assert_true(drawn[agent] > 200 - 46 && drawn[agent] < 200 + 46);
}

/* A copy made from a snapshot in the middle goes on alike. */
static void
saved(void **state)
{
    struct driver first = {.seed = 1, .act = act_awake, .answer = answer, .judge = judge, .effects = 1,
        .context = (void *)(uintptr_t)&rows[8]};
    struct driver second = first;

    (void)state;
    driver_begin(&first, SCENARIO ", susceptibility: 1, window: 2}}\n");
    driver_begin(&second, SCENARIO ", susceptibility: 1, window: 2}}\n");
    driver_step(&first);
    driver_step(&first);
    driver_copy(&first, &second);
    for (uint32_t i = 0; i < 3; i++) {
        driver_step(&first);
        driver_step(&second);
        driver_same(&first, &second);
    }
    maybe(&second, "contagion_r0", 0.75);
    driver_end(&first);
    driver_end(&second);
}

static const struct test_case cases[] = {
    {"a payload shows as one flag of misuse more", shows},
    {"agents are told how deep they are", told},
    {"sources are drawn from all alike", sources},
    {"a snapshot in the middle", saved},
};

int
main(void)
{
    return TEST_ROWS("contagion", rows, spread) + TEST_CASES("contagion, seen and saved", cases);
}
