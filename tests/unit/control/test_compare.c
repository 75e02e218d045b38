/* Records made by hand that differ in one place: is it named? */
#include "control/compare.h"
#include "core/text.h"
#include "proto/columns.h"
#include "proto/sandbox.h"
#include "tests/support/test.h"
#include "world/record.h"

#include <string.h>

enum twist {
    NOTHING, EFFORT, ACCEPT, FIGURE, TAG, TAG_AND_ROW, MORE_ROWS, OTHER_PHASE, SECTION_MORE, RAW
};

static void
add_section(struct buffer *record, enum section_kind kind, uint32_t phase, uint32_t schema, struct buffer *bytes)
{
    record_put(record, &(struct section){.kind = kind, .phase = phase, .slot = 0, .schema = schema,
                           .bytes = bytes->data, .size = bytes->size});
    buffer_fini(bytes);
}

/* Three agents' decisions: 10, 11, 12. */
static void
add_decisions(struct buffer *record, enum twist twist)
{
    struct buffer bytes = {0};
    struct batch_writer writer;
    uint32_t rows = twist == MORE_ROWS ? 4 : 3;
    uint32_t counts[AXIS_MAX] = {rows};

    batch_begin(&writer, &schema_sandbox_decide, &bytes, twist == TAG || twist == TAG_AND_ROW ? 7 : 0, 0, counts);
    for (uint32_t i = 0; i < rows; i++) {
        ((uint32_t *)batch_column(&writer, DECIDE_agent))[i] = 10 + i;
        ((double *)batch_column(&writer, DECIDE_effort))[i] = 0.25;
    }
    if (twist == EFFORT)
        ((double *)batch_column(&writer, DECIDE_effort))[1] = 0.75;
    add_section(record, SECTION_ANSWERS, twist == OTHER_PHASE ? 1 : 0, schema_sandbox_decide.id, &bytes);
}

/* Agent 20 answers one offer, agent 21 two. */
static void
add_answers(struct buffer *record, enum twist twist)
{
    struct buffer bytes = {0};
    struct batch_writer writer;

    batch_begin(&writer, &schema_sandbox_answer, &bytes, 0, 0, (uint32_t[ANSWER_AXES]){2, 3});
    memcpy(batch_column(&writer, ANSWER_agent), (uint32_t[]){20, 21}, 8);
    memcpy(batch_column(&writer, ANSWER_offers), (uint32_t[]){0, 1, 3}, 12);
    if (twist == ACCEPT || twist == TAG_AND_ROW)
        ((uint8_t *)batch_column(&writer, ANSWER_accept))[2] = 1;
    add_section(record, SECTION_ANSWERS, 1, schema_sandbox_answer.id, &bytes);
}

static void
add_figures(struct buffer *record, enum twist twist)
{
    struct buffer bytes = {0};
    struct batch_writer writer;

    batch_begin(&writer, &schema_summary, &bytes, 0, 0, (uint32_t[SUMMARY_AXES]){2, 7});
    memcpy(batch_column(&writer, SUMMARY_names), (uint32_t[]){0, 3, 7}, 12);
    memcpy(batch_column(&writer, SUMMARY_text), "oneharm", 7);
    memcpy(batch_column(&writer, SUMMARY_value), (double[]){1.5, twist == FIGURE ? 2.5 : 0.5}, 16);
    add_section(record, SECTION_FIGURES, 2, schema_summary.id, &bytes);
}

static struct buffer
make_record(enum twist twist)
{
    struct buffer record = {0}, bytes = {0};

    add_decisions(&record, twist);
    add_answers(&record, twist);
    add_figures(&record, twist);
    buffer_append(&bytes, twist == RAW ? "abd" : "abc", 3);
    add_section(&record, SECTION_STATE, 3, 0, &bytes);
    if (twist == SECTION_MORE) {
        buffer_append(&bytes, "more", 4);
        add_section(&record, SECTION_COURT, 3, 0, &bytes);
    }
    return record;
}

static const struct row {
    const char *name;
    enum twist twist;
    bool found;
    uint32_t phase;
    const char *section, *field;
    bool has_row;
    uint32_t row;
    bool has_agent;
    uint32_t agent;
    const char *a, *b;
} rows[] = {
    {"equal records", NOTHING, .found = false},
    {"a number of one agent", EFFORT, true, 0, "answers (sandbox.decide)", "effort", true, 1, true, 11, "0.25", "0.75"},
    {"an element of a list: its owner's", ACCEPT, true, 1, "answers (sandbox.answer)", "accept", true, 2, true, 21, "0",
        "1"},
    {"a figure has its name", FIGURE, true, 2, "figures of the epoch", "harm", true, 1, false, 0, "0.5", "2.5"},
    {"the tag alone", TAG, true, 0, "", "the seed that dockets are marked with", false, 0, false, 0, "", ""},
    {"behind another tag, what differs", TAG_AND_ROW, true, 1, "answers (sandbox.answer)", "accept", true, 2, true, 21,
        "0", "1"},
    {"more rows", MORE_ROWS, true, 0, "answers (sandbox.decide)", "number of rows (agent)", false, 0, false, 0, "3",
        "4"},
    {"another exchange", OTHER_PHASE, true, 0, "answers (sandbox.decide)", "kind of section", false, 0, false, 0,
        "answers (sandbox.decide)", "answers (sandbox.decide)"},
    {"a section more", SECTION_MORE, true, 3, "section", "section", false, 0, false, 0, "not there", "there"},
    {"bytes of no known kind", RAW, true, 3, "section", "bytes", false, 0, false, 0, "3 bytes", "3 others"},
};

static void
records(void **state)
{
    const struct row *row = *state;
    struct buffer a = make_record(NOTHING), b = make_record(row->twist);
    struct difference difference = {0};
    struct why why = {0};

    assert_int_equal(compare_records(&a, &b, &difference, &why), 0);
    assert_int_equal(difference.found, row->found);
    if (row->found) {
        if (row->section[0] != '\0') {
            assert_true(difference.in_section);
            assert_int_equal(difference.phase, row->phase);
            assert_string_equal(difference.section, row->section);
        }
        assert_string_equal(difference.field, row->field);
        assert_int_equal(difference.has_row, row->has_row);
        assert_int_equal(difference.has_agent, row->has_agent);
        if (row->has_row)
            assert_int_equal(difference.row, row->row);
        if (row->has_agent)
            assert_int_equal(difference.agent, row->agent);
        assert_string_equal(difference.a, row->a);
        assert_string_equal(difference.b, row->b);
        assert_int_equal(difference.only_tag, row->twist == TAG);
    }
    buffer_fini(&a);
    buffer_fini(&b);
}

/* Bytes that are no record are said to be none. */
static void
damage_is_named(void **state)
{
    struct buffer a = make_record(NOTHING), b = make_record(EFFORT);
    struct difference difference = {0};
    struct why why = {0};

    (void)state;
    b.data[0] = 99;
    assert_int_equal(compare_records(&a, &b, &difference, &why), ERR_FORMAT);
    buffer_fini(&a);
    buffer_fini(&b);
}

int
main(void)
{
    static const struct test_case cases[] = {{"damage is named", damage_is_named}};

    return TEST_ROWS("compare_records", rows, records) + TEST_CASES("compare", cases);
}
