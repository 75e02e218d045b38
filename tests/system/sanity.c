/* What the shipped scenarios must show (the sandbox model's first study). Honest agents alone: what they accept is
 * better than what they refuse. Mostly deceivers and no governance: in some epochs it is the other way round (adverse
 * selection), and disguised bad work that is accepted loses money in truth while it pays its author in reputation. */
#include "control/folder.h"
#include "proto/sandbox.h"
#include "tests/support/rig.h"
#include "tests/support/test.h"
#include "world/record.h"

#include <stdio.h>
#include <string.h>

static char output[200000];

/* What is added up over a run. */
struct tally {
    uint32_t epochs, gap_above, gap_below, gap_unknown;
    uint64_t accepted, accepted_bad;
    double bad_surplus;    /* hard: s_plus for v = +1, -(s_minus + h) for v = -1, with the defaults 2, 1, 2 */
    double bad_reputation; /* gained by the authors of accepted bad work that was disguised */
};

static void
add_figures(struct tally *tally, const struct batch *batch)
{
    tally->epochs++;
    for (uint32_t i = 0; i < batch->count[SUMMARY_ROW]; i++) {
        uint32_t begin = batch_u32(batch, SUMMARY_names, i), end = batch_u32(batch, SUMMARY_names, i + 1);

        if (end - begin != strlen("quality_gap") ||
            memcmp(batch->data[SUMMARY_text] + begin, "quality_gap", end - begin) != 0)
            continue;
        if (!batch_u8(batch, SUMMARY_known, i))
            tally->gap_unknown++;
        else if (batch_f64(batch, SUMMARY_value, i) > 0.0)
            tally->gap_above++;
        else if (batch_f64(batch, SUMMARY_value, i) < 0.0)
            tally->gap_below++;
    }
}

static void
add_events(struct tally *tally, const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->count[EVENTS_ROW]; i++) {
        if (!batch_u8(batch, EVENTS_accepted, i))
            continue;
        tally->accepted++;
        if (batch_i32(batch, EVENTS_truth, i) > 0)
            continue;
        tally->accepted_bad++;
        tally->bad_surplus -= 1.0 + 2.0;
        if (batch_f64(batch, EVENTS_disguise, i) > 0.0)
            tally->bad_reputation += batch_f64(batch, EVENTS_reputation_a, i);
    }
}

static void
add_step(struct tally *tally, const struct buffer *data)
{
    struct section section;
    struct batch batch;
    uint64_t offset = 0;

    while (offset < data->size) {
        assert_int_equal(record_next(data->data, data->size, &offset, &section, NULL), 0);
        if (section.kind == SECTION_FIGURES && section.round == FIGURES_EPOCH) {
            assert_int_equal(batch_read(&schema_summary, section.bytes, section.size, &batch, NULL), 0);
            add_figures(tally, &batch);
        } else if (section.kind == SECTION_EVENTS) {
            assert_int_equal(batch_read(&schema_sandbox_events, section.bytes, section.size, &batch, NULL), 0);
            add_events(tally, &batch);
        }
    }
}

static struct tally
run(const char *scenario)
{
    struct tally tally = {0};
    struct folder folder;
    char path[4200];

    snprintf(path, sizeof path, "%s/%s", test_folder(), scenario);
    assert_int_equal(POLIS(output, 120, "run", scenario, "--out", path, "--inproc", "--quiet"), 0);
    assert_int_equal(folder_open(path, &folder, NULL), 0);
    for (uint64_t step = 1; step <= folder.plan.steps; step++) {
        struct buffer header = {0}, data = {0};
        struct store_commit commit;

        assert_int_equal(store_read_step(folder.store, step, &header, &data, &commit, NULL), 0);
        add_step(&tally, &data);
        buffer_fini(&header);
        buffer_fini(&data);
    }
    folder_close(&folder);
    return tally;
}

static void
honest_only(void **state)
{
    struct tally tally = run("honest_only");

    (void)state;
    assert_true(tally.epochs > 0 && tally.accepted > 100);
    assert_int_equal(tally.gap_above + tally.gap_unknown, tally.epochs);
}

static void
adverse_selection(void **state)
{
    struct tally tally = run("adverse_selection");

    (void)state;
    printf("# gap below 0 in %u of %u epochs; %llu of %llu accepted were bad\n", tally.gap_below, tally.epochs,
           (unsigned long long)tally.accepted_bad, (unsigned long long)tally.accepted);
    assert_true(tally.gap_below > 0);
    assert_true(tally.accepted_bad * 2 > tally.accepted);
    assert_true(tally.bad_surplus < 0.0);
    assert_true(tally.bad_reputation > 0.0);
}

static const struct test_case cases[] = {
    {"honest only: accepted work is better than refused work", honest_only},
    {"deceivers, no governance: adverse selection", adverse_selection},
};

int
main(void)
{
    return TEST_CASES("sanity of the shipped scenarios", cases);
}
