/* Seeded histories of a whole cluster: a troubled run must leave the same log as a calm one.
 *
 *   POLIS_SIM_SEEDS=n   so many seeds of each play
 *   POLIS_SIM_SEED=n    this one alone, and says what happened in it
 *
 * Exit status 0 when every seed held, else 1: the failing seeds are printed. The deliberately wrong build
 * (MUTANT=unfenced) must end with 1. */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agents/worker.h"
#include "control/scenario.h"
#include "core/digest.h"
#include "core/log.h"
#include "governance/court.h"
#include "tests/support/drill.h"
#include "tests/support/test.h"
#include "world/plan.h"

#define SEEDS 300u         /* of the drill, which is quick */
#define COMMAND_SEEDS 150u /* of the drill with a busy operator */
#define SANDBOX_SEEDS 100u /* of the sandbox with its governance */
#define FAILURES_SHOWN 5u

extern const struct domain domain_sandbox;

const struct domain *const domains[] = {&domain_drill, &domain_sandbox, NULL};

const struct domain *
domain_find(const char *name)
{
    for (size_t i = 0; domains[i] != NULL; i++)
        if (strcmp(domains[i]->name, name) == 0)
            return domains[i];
    return NULL;
}

static uint64_t
number_from(const char *name, uint64_t none)
{
    const char *text = getenv(name);

    return text == NULL || text[0] == '\0' ? none : strtoull(text, NULL, 10);
}

/* What is run: a function of the seed. */
typedef void play_fn(uint64_t seed, struct buffer *manifest, struct sim_options *options);

static void
play_drill(uint64_t seed, struct buffer *manifest, struct sim_options *options)
{
    uint64_t random = ~seed;
    uint32_t agents = 1 + sim_below(&random, 1500), slots = 1 + sim_below(&random, 4);
    uint32_t rounds = 1 + sim_below(&random, 3), steps = 3 + sim_below(&random, 8);

    drill_manifest(manifest, agents, slots, rounds, steps, seed, sim_below(&random, 4) == 0 ? "inputs" : "actions");
    options->hire_worker = sim_hire_drill;
}

/* With an operator whose commands are repeated until they are answered. */
static void
play_commands(uint64_t seed, struct buffer *manifest, struct sim_options *options)
{
    uint64_t random = ~seed;
    uint32_t agents = 1 + sim_below(&random, 500), slots = 1 + sim_below(&random, 2);
    uint32_t steps = 10 + sim_below(&random, 20);

    drill_manifest(manifest, agents, slots, 1, steps, seed, sim_below(&random, 4) == 0 ? "inputs" : "actions");
    options->hire_worker = sim_hire_drill;
    options->commands = 1 + sim_below(&random, 30);
}

/* The sandbox with the house's own workers and governance. */

static void
free_worker(void *self)
{
    struct worker *worker = self;

    worker_destroy(&worker);
}

static void
hire_worker(struct sim_hand *out)
{
    struct worker *worker = worker_new(&(struct worker_options){.serves = "*"});

    worker_actor(worker, &out->actor);
    out->self = worker;
    out->destroy = free_worker;
}

static void
free_court(void *self)
{
    struct courthouse *court = self;

    court_destroy(&court);
}

static void
hire_court(struct sim_hand *out)
{
    struct courthouse *court = court_new();

    court_actor(court, &out->actor);
    out->self = court;
    out->destroy = free_court;
}

static const char levers[] =
    "governance:\n  staking: {min_stake: 10, slash_rate: 0.2}\n  bandwidth_cap: {max_actions: 20}\n"
    "  transaction_tax: {rate: 0.02}\n  vote_normalization: {max_weight: 5}\n  random_audit: {prob: 0.4, penalty: 2}\n"
    "  circuit_breaker: {threshold: 0.5, violations: 3, duration: 2}\n  transparency_ledger: {weight: 3}\n"
    "  reputation_decay: {rate: 0.95}\n";

static void
play_sandbox(uint64_t seed, struct buffer *manifest, struct sim_options *options)
{
    uint64_t random = ~seed;
    bool governed = sim_below(&random, 4) > 0, inputs = sim_below(&random, 4) == 0;
    uint32_t honest = 1 + sim_below(&random, 300), opportunistic = 1 + sim_below(&random, 100);
    uint32_t deceptive = 1 + sim_below(&random, 50), adversarial = 1 + sim_below(&random, 50);
    uint32_t epochs = 1 + sim_below(&random, 4), steps = 1 + sim_below(&random, 4);
    struct yaml_tree *tree = NULL;
    struct scenario scenario = {0};
    struct why why = {0};
    char text[2000];

    snprintf(text, sizeof text,
             "name: play\nagents:\n  - {type: honest, count: %u}\n  - {type: opportunistic, count: %u}\n"
             "  - {type: deceptive, count: %u}\n  - {type: adversarial, count: %u}\n"
             "simulation: {epochs: %u, steps_per_epoch: %u, seed: %" PRIu64 "}\nlog: {detail: %s}\n%s",
             honest, opportunistic, deceptive, adversarial, epochs, steps, seed, inputs ? "inputs" : "actions",
             governed ? levers : "");
    if (yaml_read_text("play", text, strlen(text), &tree, &why) != 0 || scenario_resolve(&tree, &scenario, &why) != 0) {
        print_error("%s\n", why.text);
        _fail(__FILE__, __LINE__);
    }
    plan_write_manifest(scenario.tree, manifest);
    scenario_fini(&scenario);
    options->hire_worker = hire_worker;
    options->hire_governance = governed ? hire_court : NULL;
}

static void
say(uint64_t seed, const struct sim_options *options, const struct sim_report *report)
{
    char hex[65];
    uint8_t digest[DIGEST_SIZE];

    digest_of(report->canonical.data, report->canonical.size, digest);
    print_message("seed %" PRIu64 ": %u workers, %" PRIu64 " steps in %" PRIu64 " turns and %" PRIu64
                  " virtual ms; letters: %u lost, %u late, %u doubled; %u workers killed, %u left; governance killed"
                  " %u, world %u, bus %u times, %" PRIu64 " steps rebuilt; %u commands, %u repetitions; canonical %s\n",
                  seed, options->workers, report->steps, report->turns, report->virtual_ms, report->drops,
                  report->lates, report->twices, report->worker_kills, report->worker_byes, report->governance_kills,
                  report->world_kills, report->bus_kills, report->rebuilt_steps, report->commands_applied,
                  report->commands_repeated, digest_hex(digest, sizeof digest, hex));
}

/* A calm run by one worker, and the troubled one: the same log, unless an operator was busy. */
static int
try_seed(play_fn *play, uint64_t seed, bool loud, struct sim_report *sum, struct why *why)
{
    struct sim_options troubled = {.folder = test_folder()}, calm;
    struct sim_report want = {0}, have = {0};
    struct buffer manifest = {0};
    int error;

    play(seed, &manifest, &troubled);
    troubled.manifest = manifest.data;
    troubled.manifest_size = manifest.size;
    calm = troubled;
    calm.commands = 0;
    calm.workers = 1;
    calm.chunk = 8192;
    calm.credit = 2;
    calm.deadline_ms = 1000;
    sim_draw(seed, &troubled);
    if ((error = sim_run(&calm, &want, why)) != 0)
        fail_prefix(why, "calm run");
    else if ((error = sim_run(&troubled, &have, why)) == 0 &&
             troubled.commands == 0 &&
             (have.canonical.size != want.canonical.size ||
              memcmp(have.canonical.data, want.canonical.data, want.canonical.size) != 0))
        error = fail(why, ERR_DIGEST, "the log differs from that of a calm run");
    if (loud)
        say(seed, &troubled, &have);
    sum->drops += have.drops;
    sum->lates += have.lates;
    sum->twices += have.twices;
    sum->worker_kills += have.worker_kills;
    sum->governance_kills += have.governance_kills;
    sum->world_kills += have.world_kills;
    sum->bus_kills += have.bus_kills;
    sum->commands_applied += have.commands_applied;
    sum->commands_repeated += have.commands_repeated;
    sum->rebuilt_steps += have.rebuilt_steps;
    buffer_fini(&have.canonical);
    buffer_fini(&want.canonical);
    buffer_fini(&manifest);
    return error;
}

static struct sim_report
run_play(play_fn *play, uint64_t usual)
{
    uint64_t only = number_from("POLIS_SIM_SEED", 0), count = number_from("POLIS_SIM_SEEDS", usual);
    uint64_t first = only > 0 ? only : 1, last = only > 0 ? only : count;
    struct sim_report sum = {0};
    uint32_t failures = 0;

    for (uint64_t seed = first; seed <= last && failures < FAILURES_SHOWN; seed++) {
        struct why why = {0};

        if (try_seed(play, seed, only > 0, &sum, &why) == 0)
            continue;
        failures++;
        print_error("seed %" PRIu64 ": %s (POLIS_SIM_SEED=%" PRIu64 " runs it alone)\n", seed, why.text, seed);
    }
    assert_int_equal(failures, 0);
    if (only > 0 || count < 100)
        return sum;
    /* A simulator without troubles would prove nothing. */
    assert_true(sum.drops > count && sum.lates > count && sum.twices > count);
    assert_true(sum.worker_kills > count && sum.world_kills > count / 4 && sum.bus_kills > count / 4);
    assert_true(sum.rebuilt_steps > count / 4);
    return sum;
}

static void
drill(void **state)
{
    (void)state;
    (void)run_play(play_drill, SEEDS);
}

static void
commands(void **state)
{
    uint64_t count = number_from("POLIS_SIM_SEEDS", COMMAND_SEEDS);
    struct sim_report sum = run_play(play_commands, COMMAND_SEEDS);

    (void)state;
    assert_true(number_from("POLIS_SIM_SEED", 0) > 0 || count < 100 ||
                (sum.commands_applied > count && sum.commands_repeated > count / 2));
}

static void
sandbox(void **state)
{
    (void)state;
    assert_true(run_play(play_sandbox, SANDBOX_SEEDS).governance_kills > 0 || number_from("POLIS_SIM_SEED", 0) > 0 ||
                number_from("POLIS_SIM_SEEDS", 100) < 100);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"a troubled drill leaves the log of a calm one", drill},
        {"commands that are repeated are applied once", commands},
        {"a troubled sandbox leaves the log of a calm one", sandbox},
    };

    /* Thousands of small folders that nobody will look for after a power cut. */
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    log_set_level(LOG_ERROR);
    return TEST_CASES("sim", cases) == 0 ? 0 : 1;
}
