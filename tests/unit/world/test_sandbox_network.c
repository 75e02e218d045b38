/* The network within the sandbox: who is seen, who may be proposed to, what use and time do to links. */
#include "world/sandbox/state.h"

#include "tests/unit/world/sandbox_driver.h"

#define SIX "agents: [{type: honest, count: 6}]\n"
#define RING "sandbox: {tasks: {rate: 0}, network: {topology: ring, k: 2}}\n"

struct seen {
    uint32_t far; /* how far behind itself each agent proposes */
    uint32_t strangers, candidates;
};

/* Everybody proposes to the agent `far` places on; candidates must be the two neighbours. */
static void
act_far(struct driver *driver, const struct batch *batch, uint32_t row, struct rng *rng, struct wish *out)
{
    struct seen *seen = driver->context;
    uint32_t agent = batch_u32(batch, OBSERVE_agent, row);

    (void)rng;
    for (uint32_t i = batch_u32(batch, OBSERVE_candidates, row); i < batch_u32(batch, OBSERVE_candidates, row + 1);
         i++) {
        uint32_t other = batch_u32(batch, OBSERVE_candidate, i);

        seen->candidates++;
        seen->strangers += other != (agent + 1) % 6 && other != (agent + 5) % 6;
    }
    out->partner = (agent + seen->far) % 6;
}

static const struct row {
    const char *name;
    uint32_t far;
    uint64_t proposals, refused;
} rows[] = {
    {"the next one", 1, 60, 0},
    {"the one before", 5, 60, 0},
    {"the next but one", 2, 0, 60},
    {"the opposite one", 3, 0, 60},
};

static void
neighbours(void **state)
{
    const struct row *row = *state;
    struct seen seen = {.far = row->far};
    struct driver driver = {.seed = 3, .act = act_far, .context = &seen};
    struct sandbox *self;

    driver_begin(&driver, SIX RING);
    self = driver.self;
    for (uint32_t step = 0; step < 10; step++)
        driver_step(&driver);
    assert_int_equal(self->run->proposals, row->proposals);
    assert_int_equal(self->run->refused[REFUSAL_LINK], row->refused);
    assert_int_equal(seen.strangers, 0);
    assert_int_equal(seen.candidates, 6 * 2 * 10); /* both neighbours, always */
    assert_true(driver_figure(&driver, false, "network_links").value == 6.0);
    assert_true(driver_figure(&driver, false, "network_path_length").value == 1.8); /* (1+1+2+2+3) / 5 */
    driver_end(&driver);
}

/* Used links keep their weight, the others lose half of it each epoch: 1 -> 0.5 -> 0.25 -> 0.125 -> below 0.1. Agent i
 * proposes to i + 1 throughout, so every link is used; with nobody proposing all six end in the fourth epoch. */
static void
links_fade(void **state)
{
    static const char scenario[] = SIX "sandbox: {tasks: {rate: 0}, network: {topology: ring, k: 2, dynamic: true, "
                                       "decay: 0.5, strengthen: 1}}\nsimulation: {steps_per_epoch: 1}\n";
    struct seen seen = {.far = 1};
    struct driver used = {.seed = 3, .act = act_far, .context = &seen}, idle = {.seed = 3};

    (void)state;
    driver_begin(&used, scenario);
    driver_begin(&idle, scenario);
    for (uint32_t step = 0; step < 3; step++) {
        driver_step(&used);
        driver_step(&idle);
    }
    assert_true(driver_figure(&idle, false, "network_links").value == 6.0);
    driver_step(&used);
    driver_step(&idle);
    assert_true(driver_figure(&used, false, "network_links").value == 6.0);
    assert_true(driver_figure(&idle, false, "network_links").value == 0.0);
    assert_false(driver_figure(&idle, false, "network_path_length").known); /* nobody reaches anybody */
    assert_true(driver_figure(&idle, true, "links_ended").value == 6.0);
    driver_end(&used);
    driver_end(&idle);
}

static void
refused(void **state)
{
    struct yaml_tree *tree;
    struct why why = {0};
    static const char text[] = SIX "sandbox: {network: {topology: complete, dynamic: true}}\n";

    (void)state;
    assert_int_equal(yaml_read_text("scenario", text, strlen(text), &tree, &why), 0);
    assert_int_not_equal(domain_sandbox.resolve(tree, &why), 0);
    assert_non_null(strstr(why.text, "scenario:2:"));
    assert_non_null(strstr(why.text, "dynamic"));
    yaml_destroy(&tree);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(links_fade), cmocka_unit_test(refused)};

    return TEST_ROWS("neighbours", rows, neighbours) + cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
