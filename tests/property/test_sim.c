/* Seeded histories of a whole cluster: a troubled run must leave the same log as a calm one.
 *
 *   POLIS_SIM_SEEDS=n   so many seeds of each play (default 300)
 *   POLIS_SIM_SEED=n    this one alone, and says what happened in it
 *
 * Exit status 0 when every seed held, else 1: the failing seeds are printed. The deliberately wrong build
 * (MUTANT=unfenced) must end with 1. */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/digest.h"
#include "core/log.h"
#include "tests/support/drill.h"
#include "tests/support/test.h"

#define SEEDS 300u
#define FAILURES_SHOWN 5u

const struct domain *const domains[] = {&domain_drill, NULL};

const struct domain *
domain_find(const char *name)
{
    return strcmp(name, domain_drill.name) == 0 ? &domain_drill : NULL;
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
    uint32_t agents = 1 + sim_below(&random, 1500), slots = 1 + sim_below(&random, 4), rounds = 1 + sim_below(&random, 3);

    drill_manifest(manifest, agents, slots, rounds, 3 + sim_below(&random, 8), seed,
                   sim_below(&random, 4) == 0 ? "inputs" : "actions");
    options->hire_worker = sim_hire_drill;
}

static void
say(uint64_t seed, const struct sim_options *options, const struct sim_report *report)
{
    char hex[65];
    uint8_t digest[DIGEST_SIZE];

    digest_of(report->canonical.data, report->canonical.size, digest);
    print_message("seed %" PRIu64 ": %u workers, %" PRIu64 " steps in %" PRIu64 " turns and %" PRIu64 " virtual ms; letters: %u"
                  " lost, %u late, %u doubled; %u workers killed, %u left; governance killed %u, world %u times, %" PRIu64
                  " steps rebuilt; canonical %s\n",
                  seed, options->workers, report->steps, report->turns, report->virtual_ms, report->drops, report->lates,
                  report->twices, report->worker_kills, report->worker_byes, report->governance_kills, report->world_kills,
                  report->rebuilt_steps, digest_hex(digest, sizeof digest, hex));
}

/* A calm run by one worker, and the troubled one. */
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
    calm.workers = 1;
    calm.chunk = 8192;
    calm.credit = 2;
    calm.deadline_ms = 1000;
    sim_draw(seed, &troubled);
    if ((error = sim_run(&calm, &want, why)) != 0)
        fail_prefix(why, "calm run");
    else if ((error = sim_run(&troubled, &have, why)) == 0 &&
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
    sum->rebuilt_steps += have.rebuilt_steps;
    buffer_fini(&have.canonical);
    buffer_fini(&want.canonical);
    buffer_fini(&manifest);
    return error;
}

static void
run_play(play_fn *play)
{
    uint64_t only = number_from("POLIS_SIM_SEED", 0), count = number_from("POLIS_SIM_SEEDS", SEEDS);
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
        return;
    /* A simulator without troubles would prove nothing. */
    assert_true(sum.drops > count && sum.lates > count && sum.twices > count);
    assert_true(sum.worker_kills > count && sum.world_kills > count / 4 && sum.rebuilt_steps > count / 4);
}

static void
drill(void **state)
{
    (void)state;
    run_play(play_drill);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"a troubled drill leaves the log of a calm one", drill},
    };

    log_set_level(LOG_ERROR);
    return TEST_CASES("sim", cases) == 0 ? 0 : 1;
}
