/* tests/unit/world/test_sandbox_communities.c - who keeps to whom, from deals made by hand. */
#include "tests/unit/world/sandbox_driver.h"

#include "world/sandbox/state.h"

#define SCENARIO                                                                                                     \
    "agents: [{type: a, count: 6}]\n"                                                                                \
    "simulation: {epochs: 1, steps_per_epoch: 10}\n"                                                                 \
    "sandbox: {tasks: {rate: 0}, communities: true}\n"

#define DEAL(a, b) {.from = (a), .to = (b)}

/* In step i pair i of the list deals, twice in one step when the second offers as well. */
static const struct row {
    const char *name;
    struct {
        uint32_t from, to;
        bool back, refused;
    } steps[8];
    uint32_t step_count;
    double communities, modularity, share; /* communities 0: unknown */
} rows[] = {
    {"nobody deals", .step_count = 1, .steps = {DEAL(0, 0)}},
    {"nobody is accepted", .step_count = 1, .steps = {{.from = 0, .to = 1, .refused = true}}},
    /* Weights 3 and 2 of 5: 3/5 - (6/10)^2 + 2/5 - (4/10)^2. */
    {"two pairs", .step_count = 4, .steps = {DEAL(0, 1), {.from = 0, .to = 1, .back = true}, DEAL(2, 3), DEAL(3, 2)},
     .communities = 2, .modularity = 0.48, .share = 0.5},
    {"one pair", .step_count = 1, .steps = {DEAL(4, 5)}, .communities = 1, .modularity = 0, .share = 1},
    /* A triangle 0 1 2 and a pair 3 4 that are tied once: of 5 edges 3 and 1 lie within, strengths 7 and 3. */
    {"a triangle and a pair", .step_count = 5, .steps = {DEAL(0, 1), DEAL(1, 2), DEAL(2, 0), DEAL(3, 4), DEAL(2, 3)},
     .communities = 2, .modularity = 0.6 - 0.49 + 0.2 - 0.09, .share = 0.6},
};

static void
act(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    const struct row *script = driver->context;
    uint32_t agent = batch_u32(seen, OBSERVE_agent, row), from, to;

    (void)rng;
    from = script->steps[driver->step - 1].from;
    to = script->steps[driver->step - 1].to;
    if (from == to)
        return;
    if (agent == from)
        out->partner = to;
    else if (agent == to && script->steps[driver->step - 1].back)
        out->partner = from;
}

static bool
answer(struct driver *driver, const struct batch *seen, uint32_t offer, struct rng *rng)
{
    (void)seen;
    (void)offer;
    (void)rng;
    return !((const struct row *)driver->context)->steps[driver->step - 1].refused;
}

static void
partition(void **state)
{
    const struct row *row = *state;
    struct driver driver = {.seed = 1, .act = act, .answer = answer, .context = (void *)(uintptr_t)row};
    struct driver_figure communities, modularity, share;

    driver_begin(&driver, SCENARIO);
    while (driver.step < row->step_count)
        driver_step(&driver);
    communities = driver_figure(&driver, true, "communities");
    modularity = driver_figure(&driver, true, "modularity");
    share = driver_figure(&driver, true, "largest_community_share");
    assert_int_equal(communities.known, row->communities > 0.0);
    assert_int_equal(modularity.known, communities.known);
    assert_int_equal(share.known, communities.known);
    if (communities.known) {
        assert_close(communities.value, row->communities, 0);
        assert_close(1.0 + modularity.value, 1.0 + row->modularity, 1e-12);
        assert_close(share.value, row->share, 1e-12);
    }
    driver_end(&driver);
}

int
main(void)
{
    return TEST_ROWS("communities", rows, partition);
}
