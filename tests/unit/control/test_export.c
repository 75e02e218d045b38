/* Rows of hand-made batches as CSV and JSON lines. The schema is the test's own, so every expected byte is worked by
 * hand from the rows below. */
#include "control/export.h"
#include "core/text.h"
#include "proto/sandbox.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

enum { ROW, NOTE, ITEM, AXES };
static const struct axis axes[] = {{"row", 100, "r"}, {"note", 1000, "n"}, {"item", 100, "i"}};
#define PAPER_COLUMNS(C)                                    \
    C(PAPER, who, U32, ROW, 0, 0, 1e9, "who")               \
    C(PAPER, money, I64, ROW, 0, -9e18, 9e18, "millionths") \
    C(PAPER, share, F64, ROW, 0, 0, 1, "share")             \
    C(PAPER, notes, OFFSETS, ROW, NOTE, 0, 0, "words")      \
    C(PAPER, items, OFFSETS, ROW, ITEM, 0, 0, "things")     \
    C(PAPER, note, U8, NOTE, 0, 0, 255, "UTF-8")            \
    C(PAPER, item, U16, ITEM, 0, 0, 65535, "a thing")       \
    C(PAPER, weight, I32, ITEM, 0, -10, 10, "its weight")
enum { PAPER_COLUMNS(COLUMN_ENUM) PAPER_COUNT };
static const struct column columns[] = {PAPER_COLUMNS(COLUMN_ROW)};
static const struct schema paper = {60001, "paper", "a", "b", "d", axes, AXES, columns, PAPER_COUNT};

static const struct axis stamp_axes[] = {{"row", 100, "r"}};
#define STAMP_COLUMNS(C) C(STAMP, allow, U8, 0, 0, 0, 1, "allowed")
enum { STAMP_COLUMNS(COLUMN_ENUM) STAMP_COUNT };
static const struct column stamp_columns[] = {STAMP_COLUMNS(COLUMN_ROW)};
static const struct schema stamp = {60002, "stamp", "a", "b", "d", stamp_axes, 1, stamp_columns, STAMP_COUNT};

/* Three rows: notes `plain`, `a "b",` with a line feed behind, and nothing; items [7], [], [8, 9]. */
static void
make_paper(struct buffer *bytes, struct batch *out)
{
    static const char notes[] = "plaina \"b\",\n";
    uint32_t counts[AXES] = {3, 12, 3};
    struct batch_writer writer;
    struct why why = {0};

    batch_begin(&writer, &paper, bytes, 0, 0, counts);
    memcpy(batch_column(&writer, PAPER_who), (uint32_t[]){4, 5, 4294967295u}, 12);
    memcpy(batch_column(&writer, PAPER_money), (int64_t[]){1000000, -1, 9007199254740993}, 24);
    memcpy(batch_column(&writer, PAPER_share), (double[]){0.1, 1, 1e-7}, 24);
    memcpy(batch_column(&writer, PAPER_notes), (uint32_t[]){0, 5, 12, 12}, 16);
    memcpy(batch_column(&writer, PAPER_items), (uint32_t[]){0, 1, 1, 3}, 16);
    batch_fill_bytes(&writer, PAPER_note, 0, notes, 12);
    memcpy(batch_column(&writer, PAPER_item), (uint16_t[]){7, 8, 9}, 6);
    memcpy(batch_column(&writer, PAPER_weight), (int32_t[]){-3, 0, 10}, 12);
    assert_int_equal(batch_read(&paper, bytes->data, bytes->size, out, &why), 0);
}

static void
make_stamp(struct buffer *bytes, uint32_t count, struct batch *out)
{
    struct batch_writer writer;
    struct why why = {0};

    batch_begin(&writer, &stamp, bytes, 0, 0, &count);
    for (uint32_t i = 0; i < count; i++)
        ((uint8_t *)batch_column(&writer, STAMP_allow))[i] = i % 2 == 0;
    assert_int_equal(batch_read(&stamp, bytes->data, bytes->size, out, &why), 0);
}

static const struct row {
    const char *name;
    enum export_format format;
    uint32_t axis;
    bool joined;
    const char *want;
} rows[] = {
    {"csv: numbers shortest, money whole, text quoted where it must be, lists counted", EXPORT_CSV, ROW, false,
        "step,phase,index,who,money,share,notes,items\n"
        "12,1,0,4,1000000,0.1,plain,1\n"
        "12,1,1,5,-1,1,\"a \"\"b\"\",\n\",0\n"
        "12,1,2,4294967295,9007199254740993,1e-07,,2\n"},
    {"csv: members of lists know their row", EXPORT_CSV, ITEM, false,
        "step,phase,index,row,item,weight\n"
        "12,1,0,0,7,-3\n"
        "12,1,1,2,8,0\n"
        "12,1,2,2,9,10\n"},
    {"csv: columns of the joined batch stand behind", EXPORT_CSV, ROW, true,
        "step,phase,index,who,money,share,notes,items,allow\n"
        "12,1,0,4,1000000,0.1,plain,1,1\n"
        "12,1,1,5,-1,1,\"a \"\"b\"\",\n\",0,0\n"
        "12,1,2,4294967295,9007199254740993,1e-07,,2,1\n"},
    {"jsonl: an object a row", EXPORT_JSONL, ROW, false,
        "{\"step\": 12, \"phase\": 1, \"index\": 0, \"who\": 4, \"money\": 1000000, \"share\": 0.1, \"notes\": "
        "\"plain\", \"items\": 1}\n"
        "{\"step\": 12, \"phase\": 1, \"index\": 1, \"who\": 5, \"money\": -1, \"share\": 1, \"notes\": \"a "
        "\\\"b\\\",\\n\", \"items\": 0}\n"
        "{\"step\": 12, \"phase\": 1, \"index\": 2, \"who\": 4294967295, \"money\": 9007199254740993, \"share\": "
        "1e-07, \"notes\": \"\", \"items\": 2}\n"},
    {"jsonl: members of lists, with what governance said", EXPORT_JSONL, ITEM, true,
        "{\"step\": 12, \"phase\": 1, \"index\": 0, \"row\": 0, \"item\": 7, \"weight\": -3, \"allow\": 1}\n"
        "{\"step\": 12, \"phase\": 1, \"index\": 1, \"row\": 2, \"item\": 8, \"weight\": 0, \"allow\": 0}\n"
        "{\"step\": 12, \"phase\": 1, \"index\": 2, \"row\": 2, \"item\": 9, \"weight\": 10, \"allow\": 1}\n"},
};

static void
write_rows(void **state)
{
    const struct row *row = *state;
    struct export_table table = {"t", &paper, row->axis, row->joined ? &stamp : NULL, 0, NULL, 0};
    struct buffer bytes = {0}, stamps = {0}, out = {0};
    struct batch batch, joined;
    struct why why = {0};

    make_paper(&bytes, &batch);
    make_stamp(&stamps, 3, &joined);
    if (row->format == EXPORT_CSV)
        export_write_head(&table, &out);
    assert_int_equal(
        export_write_rows(&table, row->format, 12, 1, &batch, row->joined ? &joined : NULL, &out, &why), 0);
    buffer_append(&out, "", 1);
    assert_string_equal((const char *)out.data, row->want);
    buffer_fini(&bytes);
    buffer_fini(&stamps);
    buffer_fini(&out);
}

static void
refuses_another_length(void **state)
{
    struct export_table table = {"t", &paper, ROW, &stamp, 0, NULL, 0};
    struct buffer bytes = {0}, stamps = {0}, out = {0};
    struct batch batch, joined;
    struct why why = {0};

    (void)state;
    make_paper(&bytes, &batch);
    make_stamp(&stamps, 2, &joined);
    assert_int_equal(export_write_rows(&table, EXPORT_CSV, 12, 1, &batch, &joined, &out, &why), ERR_FORMAT);
    assert_string_equal(why.text, "step 12: 3 rows of paper beside 2 of stamp");
    assert_int_equal(out.size, 0);
    buffer_fini(&bytes);
    buffer_fini(&stamps);
}

static const struct note_row {
    const char *name;
    enum export_format format;
    const char *table, *want;
} note_rows[] = {
    {"csv: by name", EXPORT_CSV, "notes",
        "12,1,0,task_created,4294967295,3,7,1000000,0.5\n12,1,1,collusion,2,0,0,0,0\n"},
    {"jsonl: by name", EXPORT_JSONL, "notes",
        "{\"step\": 12, \"phase\": 1, \"index\": 0, \"note\": \"task_created\", \"note_agent\": 4294967295, "
        "\"note_other\": 3, \"note_id\": 7, \"note_amount\": 1000000, \"note_value\": 0.5}\n"
        "{\"step\": 12, \"phase\": 1, \"index\": 1, \"note\": \"collusion\", \"note_agent\": 2, "
        "\"note_other\": 0, \"note_id\": 0, \"note_amount\": 0, \"note_value\": 0}\n"},
    {"the axis by itself keeps the numbers", EXPORT_CSV, "sandbox.events.note", NULL},
};

/* Two notes, whose names and numbers come from the list in proto/sandbox.h. */
static void
notes(void **state)
{
    const struct note_row *row = *state;
    uint32_t counts[EVENTS_AXES] = {[EVENTS_NOTE] = 2};
    struct export_table table;
    struct batch_writer writer;
    struct buffer bytes = {0}, out = {0};
    struct batch batch;
    struct why why = {0};
    char numbers[160];

    batch_begin(&writer, &schema_sandbox_events, &bytes, 0, 0, counts);
    memcpy(batch_column(&writer, EVENTS_note), (uint8_t[]){NOTE_task_created, NOTE_collusion}, 2);
    memcpy(batch_column(&writer, EVENTS_note_agent), (uint32_t[]){SANDBOX_NOBODY, 2}, 8);
    memcpy(batch_column(&writer, EVENTS_note_other), (uint32_t[]){3, 0}, 8);
    memcpy(batch_column(&writer, EVENTS_note_id), (uint32_t[]){7, 0}, 8);
    memcpy(batch_column(&writer, EVENTS_note_amount), (int64_t[]){1000000, 0}, 16);
    memcpy(batch_column(&writer, EVENTS_note_value), (double[]){0.5, 0}, 16);
    assert_int_equal(batch_read(&schema_sandbox_events, bytes.data, bytes.size, &batch, &why), 0);
    assert_int_equal(export_table_find(row->table, &table, &why), 0);
    assert_int_equal(export_write_rows(&table, row->format, 12, 1, &batch, NULL, &out, &why), 0);
    buffer_append(&out, "", 1);
    snprintf(numbers, sizeof numbers, "12,1,0,%d,4294967295,3,7,1000000,0.5\n12,1,1,%d,2,0,0,0,0\n",
        NOTE_task_created, NOTE_collusion);
    assert_string_equal((const char *)out.data, row->want != NULL ? row->want : numbers);
    buffer_fini(&bytes);
    buffer_fini(&out);
}

static void
finds_tables(void **state)
{
    struct export_table table;
    struct why why = {0};

    (void)state;
    assert_int_equal(export_table_find("judgements", &table, &why), 0);
    assert_ptr_equal(table.schema, &schema_sandbox_docket);
    assert_ptr_equal(table.joined, &schema_sandbox_verdict);
    assert_int_equal(export_table_find("sandbox.verdict.effect", &table, &why), 0);
    assert_ptr_equal(table.schema, &schema_sandbox_verdict);
    assert_int_equal(table.axis, VERDICT_EFFECT);
    assert_int_equal(export_table_find("interaction", &table, &why), ERR_UNKNOWN);
    assert_non_null(strstr(why.text, "did you mean 'interactions'?"));
    assert_int_equal(export_table_find("zzzzzzzzzzzz", &table, &why), ERR_UNKNOWN);
    assert_non_null(strstr(why.text, "--tables"));
}

static const struct field_row {
    const char *name, *text, *want;
} field_rows[] = {
    {"plain", "a b", "a b"},
    {"empty", "", ""},
    {"comma", "a,b", "\"a,b\""},
    {"quote", "say \"no\"", "\"say \"\"no\"\"\""},
    {"carriage return", "a\rb", "\"a\rb\""},
};

static void
field(void **state)
{
    const struct field_row *row = *state;
    struct buffer out = {0};

    export_add_field(&out, row->text, strlen(row->text));
    buffer_append(&out, "", 1);
    assert_string_equal((const char *)out.data, row->want);
    buffer_fini(&out);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"refuses a verdict of another length", refuses_another_length}, {"finds tables by name", finds_tables}};

    return TEST_ROWS("export_write_rows", rows, write_rows) + TEST_ROWS("export_add_field", field_rows, field) +
           TEST_ROWS("notes", note_rows, notes) +
           TEST_CASES("export", cases);
}
