#include "world/step.h"

#include "proto/cursor.h"
#include "proto/sandbox.h"
#include "tests/unit/world/drill_case.h"
#include "world/record.h"

#define AGENTS 10u
#define SLOTS 3u
#define ROUNDS 2u

static const struct step_input two_inputs[2] = {
    {.source_seq = 3, .verb = "kill_switch", .argument = "on"}, {.source_seq = 9, .verb = "kill_switch",
        .argument = "off"}};

/* ---- how a step lies in the log ---- */

static const struct section_row {
    const char *name;
    uint32_t kind, phase, round, slot, schema;
    uint32_t rows; /* of a batch */
} section_rows[] = {
    {"inputs come first", SECTION_INPUT, 0, 0, UINT32_MAX, 0, 0},
    {"in their order", SECTION_INPUT, 0, 0, UINT32_MAX, 0, 0},
    {"then the first exchange, a section a group", SECTION_ANSWERS, 0, 0, 0, 60001, 3},
    {"group 1", SECTION_ANSWERS, 0, 0, 1, 60001, 3},
    {"group 2", SECTION_ANSWERS, 0, 0, 2, 60001, 4},
    {"then the second exchange", SECTION_ANSWERS, 1, 1, 0, 60001, 3},
    {"group 1 again", SECTION_ANSWERS, 1, 1, 1, 60001, 3},
    {"group 2 again", SECTION_ANSWERS, 1, 1, 2, 60001, 4},
    {"and the epoch's figures", SECTION_FIGURES, 2, FIGURES_EPOCH, UINT32_MAX, 3, 1},
    {"and those of the run so far", SECTION_FIGURES, 2, FIGURES_RUN, UINT32_MAX, 3, 1},
};
#define SECTION_COUNT (sizeof section_rows / sizeof section_rows[0])

static void
sections(void **state)
{
    const struct section_row *row = *state;
    struct scene scene = case_scene(AGENTS, SLOTS, ROUNDS);
    struct step step;
    struct store_step made;
    struct section section;
    uint64_t offset = 0;
    struct why why = {0};

    step_init(&step, scene.domain, scene.domain_self, false);
    made = case_make_step(&step, 1, two_inputs, 2);
    for (const struct section_row *at = section_rows; at <= row; at++)
        case_ok(record_next(made.data.data, made.data.size, &offset, &section, &why), &why);
    assert_int_equal(section.kind, row->kind);
    assert_int_equal(section.phase, row->phase);
    assert_int_equal(section.round, row->round);
    assert_int_equal(section.slot, row->slot);
    if (row->kind == SECTION_ANSWERS) {
        struct batch batch;

        assert_int_equal(section.schema, row->schema);
        case_ok(batch_read(&schema_drill_answer, section.bytes, section.size, &batch, &why), &why);
        assert_int_equal(batch.count[0], row->rows);
        assert_int_equal(batch.tag, 0);
        assert_int_equal(batch.first, 0);
    } else if (row->kind == SECTION_FIGURES) {
        struct batch batch;

        assert_int_equal(section.schema, schema_summary.id);
        case_ok(batch_read(&schema_summary, section.bytes, section.size, &batch, &why), &why);
        assert_int_equal(batch.count[0], row->rows);
        assert_int_equal(offset == made.data.size, row->round == FIGURES_RUN);
    }
    case_step_fini(&made);
    step_fini(&step);
    scene_fini(&scene);
}

static void
header_counts(void **state)
{
    struct scene scene = case_scene(AGENTS, SLOTS, ROUNDS);
    struct step step;
    struct store_step made;
    struct record_head header;
    struct why why = {0};

    (void)state;
    step_init(&step, scene.domain, scene.domain_self, false);
    made = case_make_step(&step, 4, two_inputs, 2);
    case_ok(record_head_read(made.header.data, made.header.size, &header, &why), &why);
    assert_int_equal(made.step, 4);
    assert_int_equal(header.step, 4);
    assert_int_equal(header.simulation_epoch, 3); /* epochs of one step, from 0 */
    assert_int_equal(header.section_count, SECTION_COUNT);
    assert_int_equal(header.data_size, made.data.size);
    case_step_fini(&made);
    step_fini(&step);
    scene_fini(&scene);
}

static void
inputs_come_back(void **state)
{
    struct scene scene = case_scene(AGENTS, SLOTS, ROUNDS);
    struct step_input *inputs = ALLOC_ARRAY(struct step_input, STEP_INPUTS_MAX);
    struct step step;
    struct store_step made;
    struct section section;
    uint64_t end = 0, offset;
    uint32_t count = 0;
    struct why why = {0};

    (void)state;
    step_init(&step, scene.domain, scene.domain_self, false);
    made = case_make_step(&step, 1, two_inputs, 2);
    case_ok(step_inputs_read(&made.data, inputs, &count, &end, &why), &why);
    assert_int_equal(count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(inputs[i].source_seq, two_inputs[i].source_seq);
        assert_string_equal(inputs[i].verb, two_inputs[i].verb);
        assert_string_equal(inputs[i].argument, two_inputs[i].argument);
    }
    offset = end; /* what follows the inputs */
    case_ok(record_next(made.data.data, made.data.size, &offset, &section, &why), &why);
    assert_int_equal(section.kind, SECTION_ANSWERS);
    made.data.data[SECTION_HEADER] ^= 1; /* the map's tag of the first one */
    assert_int_equal(step_inputs_read(&made.data, inputs, &count, &end, &why), ERR_FORMAT);
    case_step_fini(&made);
    free(inputs);
    step_fini(&step);
    scene_fini(&scene);
}

static void
inputs_only_leaves_the_answers_out(void **state)
{
    struct scene full_scene = case_scene(AGENTS, SLOTS, ROUNDS), lean_scene = case_scene(AGENTS, SLOTS, ROUNDS);
    struct step full, lean;
    struct store_step full_made, lean_made;
    struct section section;
    uint64_t offset = 0;
    struct why why = {0};

    (void)state;
    step_init(&full, full_scene.domain, full_scene.domain_self, false);
    step_init(&lean, lean_scene.domain, lean_scene.domain_self, true);
    full_made = case_make_step(&full, 1, two_inputs, 1 + 1);
    lean_made = case_make_step(&lean, 1, two_inputs, 1 + 1);
    assert_memory_equal(full_made.digest, lean_made.digest, STORE_DIGEST);
    case_ok(record_next(lean_made.data.data, lean_made.data.size, &offset, &section, &why), &why);
    assert_int_equal(section.kind, SECTION_INPUT);
    case_ok(record_next(lean_made.data.data, lean_made.data.size, &offset, &section, &why), &why);
    case_ok(record_next(lean_made.data.data, lean_made.data.size, &offset, &section, &why), &why);
    assert_int_equal(section.kind, SECTION_FIGURES);
    case_ok(record_next(lean_made.data.data, lean_made.data.size, &offset, &section, &why), &why);
    assert_int_equal(section.kind, SECTION_FIGURES);
    assert_int_equal(offset, lean_made.data.size);
    case_step_fini(&full_made);
    case_step_fini(&lean_made);
    step_fini(&full);
    step_fini(&lean);
    scene_fini(&full_scene);
    scene_fini(&lean_scene);
}

/* With detail `inputs` the answers of a slot whose decisions come from outside are in the record all the same, and are
 * found there again; a record without them is not accepted. */
static void
inputs_only_keeps_what_comes_from_outside(void **state)
{
    struct buffer manifest = {0};
    struct scene scene = {0}, other = {0};
    struct step step, again;
    struct store_step made;
    struct section section;
    struct exchange exchange;
    struct blob given[SLOTS];
    struct step_replay replay;
    uint64_t offset = 0;
    uint32_t found = 0;
    struct why why = {0};

    (void)state;
    drill_manifest(&manifest, AGENTS, SLOTS, ROUNDS, 10, 7, "inputs");
    buffer_append(&manifest, "  external: 1\n", strlen("  external: 1\n"));
    case_ok(scene_open(manifest.data, manifest.size, &scene, &why), &why);
    case_ok(scene_open(manifest.data, manifest.size, &other, &why), &why);
    buffer_fini(&manifest);
    step_init(&step, scene.domain, scene.domain_self, true);
    made = case_make_step(&step, 1, NULL, 0);
    while (record_next(made.data.data, made.data.size, &offset, &section, NULL) == 0)
        if (section.kind == SECTION_ANSWERS) {
            assert_int_equal(section.slot, 1);
            assert_int_equal(section.phase, found++);
        }
    assert_int_equal(found, ROUNDS);

    step_init(&again, other.domain, other.domain_self, true);
    case_ok(step_begin(&again, 1, NULL, 0, &why), &why);
    assert_true(step_next(&again, &exchange));
    replay = (struct step_replay){.data = &made.data, .number = 1, .skip_answers = true};
    case_ok(step_find_logged_answers(&again, &replay, &exchange, given, &why), &why);
    for (uint32_t g = 0; g < exchange.group_count; g++)
        assert_int_equal(given[g].size > 0, g == 1);
    again.phase = ROUNDS; /* a phase of which the record has nothing */
    assert_int_not_equal(step_find_logged_answers(&again, &replay, &exchange, given, &why), 0);
    case_step_fini(&made);
    step_fini(&step);
    step_fini(&again);
    scene_fini(&scene);
    scene_fini(&other);
}

static void
a_refused_input_fails_before_the_step(void **state)
{
    struct scene scene = case_scene(AGENTS, SLOTS, ROUNDS);
    struct step_input input = {.source_seq = 1, .verb = "dance", .argument = ""};
    struct step step;
    struct why why = {0};

    (void)state;
    step_init(&step, scene.domain, scene.domain_self, false);
    assert_int_equal(step_begin(&step, 1, &input, 1, &why), ERR_UNKNOWN);
    step_fini(&step);
    scene_fini(&scene);
}

static void
summary_holds_the_figures(void **state)
{
    struct scene scene = case_scene(AGENTS, SLOTS, ROUNDS);
    struct buffer bytes = {0};
    struct batch batch;
    struct why why = {0};

    (void)state;
    scene.domain->begin(scene.domain_self, 1); /* which is where the drill takes its mean */
    step_summary(scene.domain, scene.domain_self, false, &bytes);
    case_ok(batch_read(&schema_summary, bytes.data, bytes.size, &batch, &why), &why);
    assert_int_equal(batch.count[0], 1);
    assert_int_equal(batch.count[1], 4);
    assert_memory_equal(batch.data[SUMMARY_text], "mean", 4);
    assert_int_equal(batch_u8(&batch, SUMMARY_known, 0), 1);
    assert_true(batch_f64(&batch, SUMMARY_value, 0) > 0.0 && batch_f64(&batch, SUMMARY_value, 0) < 1.0);
    buffer_fini(&bytes);
    scene_fini(&scene);
}

/* ---- replay ---- */

enum damage { DAMAGE_NONE, DAMAGE_ANSWER, DAMAGE_NAN, DAMAGE_AGENT, DAMAGE_INPUT, DAMAGE_FIGURES, DAMAGE_HEADER,
              DAMAGE_DIGEST, DAMAGE_CUT, DAMAGE_MORE, DAMAGE_KIND, DAMAGE_PHASE, DAMAGE_SLOT };

static const struct replay_row {
    const char *name;
    enum damage damage;
    int want;
    const char *says;
} replay_rows[] = {
    {"an untouched record is made again", DAMAGE_NONE, 0, ""},
    {"a flipped byte of an answer", DAMAGE_ANSWER, ERR_DIGEST, "step 2"},
    {"an answer that is no number", DAMAGE_NAN, ERR_INVALID, "step 2, phase 0 (drill)"},
    {"an answer about another agent", DAMAGE_AGENT, ERR_INVALID, "step 2, phase 0 (drill)"},
    {"a flipped byte of an input", DAMAGE_INPUT, ERR_UNKNOWN, "xill_switch"},
    {"a flipped byte of the figures", DAMAGE_FIGURES, ERR_DIGEST, "step 2: the replayed record"},
    {"a flipped byte of the header", DAMAGE_HEADER, ERR_DIGEST, "step 2: the replayed header"},
    {"another state digest", DAMAGE_DIGEST, ERR_DIGEST, "step 2: the replayed state"},
    {"a record that ends too early", DAMAGE_CUT, ERR_FORMAT, "step 2"},
    {"a record that goes on", DAMAGE_MORE, ERR_DIGEST, "step 2: the replayed record"},
    {"a section of another kind", DAMAGE_KIND, ERR_DIGEST, "step 2: expected section"},
    {"a section of another phase", DAMAGE_PHASE, ERR_DIGEST, "step 2: expected section"},
    {"a section of another slot", DAMAGE_SLOT, ERR_DIGEST, "step 2: the replayed record"},
};

static void
damage_record(enum damage damage, struct store_step *made)
{
    struct section section;
    uint64_t offset = 0, begin = 0;
    uint8_t *header, *move = NULL;
    struct batch batch;
    struct why why = {0};

    do {
        begin = offset;
        case_ok(record_next(made->data.data, made->data.size, &offset, &section, &why), &why);
    } while (section.kind != SECTION_ANSWERS);
    header = made->data.data + begin;
    case_ok(batch_read(&schema_drill_answer, section.bytes, section.size, &batch, &why), &why);
    move = made->data.data + (batch.data[1] - made->data.data);
    switch (damage) {
    case DAMAGE_NONE: break;
    case DAMAGE_ANSWER: move[5] ^= 1; break;
    case DAMAGE_NAN: memset(move, 0xff, 8); break;
    case DAMAGE_AGENT: made->data.data[batch.data[0] - made->data.data] ^= 1; break;
    case DAMAGE_INPUT: *(char *)memmem(made->data.data, made->data.size, "kill_switch", 11) = 'x'; break;
    case DAMAGE_FIGURES: made->data.data[made->data.size - 1] ^= 1; break;
    case DAMAGE_HEADER: made->header.data[made->header.size - 1] ^= 1; break;
    case DAMAGE_DIGEST: made->digest[15] ^= 1; break;
    case DAMAGE_CUT: made->data.size = offset - 1; break;
    case DAMAGE_MORE: record_put(&made->data, &(struct section){.kind = SECTION_EVENTS}); break;
    case DAMAGE_KIND: header[0] = SECTION_DOCKET; break;
    case DAMAGE_PHASE: header[4] = 1; break;
    case DAMAGE_SLOT: header[12] = 1; break;
    }
}

static void
replay(void **state)
{
    const struct replay_row *row = *state;
    struct scene live = case_scene(AGENTS, SLOTS, ROUNDS), again = case_scene(AGENTS, SLOTS, ROUNDS);
    struct step live_step, again_step;
    struct why why = {0};

    step_init(&live_step, live.domain, live.domain_self, false);
    step_init(&again_step, again.domain, again.domain_self, false);
    for (uint64_t number = 1; number <= 2; number++) {
        struct store_step made = case_make_step(&live_step, number, two_inputs, 2);

        if (number == 2)
            damage_record(row->damage, &made);
        assert_int_equal(step_replay(&again_step, number, &made.header, &made.data, made.digest, &why),
                         number == 2 ? row->want : 0);
        case_step_fini(&made);
    }
    assert_non_null(strstr(why.text, row->says));
    step_fini(&live_step);
    step_fini(&again_step);
    scene_fini(&live);
    scene_fini(&again);
}

/* A step in which nobody was asked and no epoch ended has a record without a byte. */
static void
an_empty_step_is_made_again(void **state)
{
    static const char text[] = "polis: 1\nname: drill\ndomain: drill\nsimulation:\n  epochs: 1\n  steps_per_epoch: 5\n";
    static const struct step_input off = {.source_seq = 1, .verb = "kill_switch", .argument = "on"};
    struct scene live = {0}, again = {0};
    struct step live_step, again_step;
    struct why why = {0};

    (void)state;
    case_ok(scene_open(text, sizeof text - 1, &live, &why), &why);
    case_ok(scene_open(text, sizeof text - 1, &again, &why), &why);
    step_init(&live_step, live.domain, live.domain_self, false);
    step_init(&again_step, again.domain, again.domain_self, false);
    for (uint64_t number = 1; number <= 5; number++) {
        struct store_step made = case_make_step(&live_step, number, &off, number == 1 ? 1 : 0);

        assert_int_equal(made.data.size == 0, number > 1 && number < 5);
        case_ok(step_replay(&again_step, number, &made.header, &made.data, made.digest, &why), &why);
        case_step_fini(&made);
    }
    step_fini(&live_step);
    step_fini(&again_step);
    scene_fini(&live);
    scene_fini(&again);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"the header counts", header_counts},
        {"inputs come back", inputs_come_back},
        {"inputs only leaves the answers out", inputs_only_leaves_the_answers_out},
        {"inputs only keeps what comes from outside", inputs_only_keeps_what_comes_from_outside},
        {"a refused input fails before the step", a_refused_input_fails_before_the_step},
        {"the summary holds the figures", summary_holds_the_figures},
        {"an empty step is made again", an_empty_step_is_made_again},
    };

    return TEST_ROWS("sections", section_rows, sections) + TEST_ROWS("replay", replay_rows, replay) +
           TEST_CASES("step", cases);
}
