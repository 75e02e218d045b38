#include "control/export.h"

#include "core/assert.h"
#include "core/text.h"
#include "proto/registry.h"
#include "proto/sandbox.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Tables that have a name of their own. */
static const struct export_table named[] = {
    {"interactions", &schema_sandbox_events, EVENTS_ROW, NULL, 0, NULL, 0},
    {"actions", &schema_sandbox_events, EVENTS_ACTION, NULL, 0, NULL, 0},
    {"notes", &schema_sandbox_events, EVENTS_NOTE, NULL, 0, sandbox_note_name, EVENTS_note},
    {"judgements", &schema_sandbox_docket, DOCKET_ROW, &schema_sandbox_verdict, VERDICT_ROW, NULL, 0},
    {"judged_actions", &schema_sandbox_docket, DOCKET_ACTION, &schema_sandbox_verdict, VERDICT_ACTION, NULL, 0},
    {"openings", &schema_sandbox_docket, DOCKET_AGENT, NULL, 0, NULL, 0},
    {"effects", &schema_sandbox_verdict, VERDICT_EFFECT, NULL, 0, NULL, 0},
    {"decisions", &schema_sandbox_decide, DECIDE_ROW, NULL, 0, NULL, 0},
    {"answers", &schema_sandbox_answer, ANSWER_OFFER, NULL, 0, NULL, 0},
};
#define NAMED_COUNT (sizeof named / sizeof named[0])

/* ---- names ---- */

static void
generic_name(const struct schema *schema, uint32_t axis, char out[160])
{
    snprintf(out, 160, "%s.%s", schema->name, schema->axes[axis].name);
}

int
export_table_find(const char *name, struct export_table *out, struct why *why)
{
    struct text_nearest nearest = {.name = name};

    for (size_t i = 0; i < NAMED_COUNT; i++) {
        if (strcmp(named[i].name, name) == 0) {
            *out = named[i];
            return 0;
        }
        text_nearest_offer(&nearest, named[i].name);
    }
    text_nearest_offer(&nearest, "epochs");
    text_nearest_offer(&nearest, "model_calls");
    text_nearest_offer(&nearest, "model_texts");
    for (uint32_t s = 0; proto_schemas[s] != NULL; s++)
        for (uint32_t a = 0; a < proto_schemas[s]->axis_count; a++) {
            char full[160];

            generic_name(proto_schemas[s], a, full);
            if (strcmp(full, name) == 0) {
                *out = (struct export_table){.name = "rows", .schema = proto_schemas[s], .axis = a};
                return 0;
            }
        }
    if (nearest.best != NULL)
        return fail(why, ERR_UNKNOWN, "no table '%.60s'; did you mean '%s'?", name, nearest.best);
    return fail(why, ERR_UNKNOWN, "no table '%.60s'; polis export --tables lists them", name);
}

/* ---- columns ---- */

/* The only column of an axis, when that is one of bytes: a list on such an axis is a text. */
static const struct column *
bytes_column(const struct schema *schema, uint32_t axis, uint32_t *index)
{
    const struct column *found = NULL;

    for (uint32_t i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].axis != axis)
            continue;
        if (found != NULL || schema->columns[i].kind != COLUMN_U8)
            return NULL;
        found = &schema->columns[i];
        *index = i;
    }
    return found;
}

/* The OFFSETS column whose lists are on this axis, or UINT32_MAX. */
static uint32_t
owner_of(const struct schema *schema, uint32_t axis)
{
    for (uint32_t i = 0; i < schema->column_count; i++)
        if (schema->columns[i].kind == COLUMN_OFFSETS && schema->columns[i].target == axis)
            return i;
    return UINT32_MAX;
}

/* A column's name in the table: one of the joined schema that the first has, too, is told apart by where it is from
 * ("verdict_reputation" beside "reputation"). */
static void
add_title(const struct export_table *table, const struct schema *schema, const struct column *column,
          struct buffer *out)
{
    const char *dot = strrchr(schema->name, '.');

    for (uint32_t i = 0; schema == table->joined && i < table->schema->column_count; i++)
        if (table->schema->columns[i].axis == table->axis &&
            strcmp(table->schema->columns[i].name, column->name) == 0) {
            text_addf(out, "%s_", dot != NULL ? dot + 1 : schema->name);
            break;
        }
    text_add(out, column->name);
}

static void
add_heads(const struct export_table *table, const struct schema *schema, uint32_t axis, struct buffer *out)
{
    for (uint32_t i = 0; i < schema->column_count; i++)
        if (schema->columns[i].axis == axis) {
            text_add(out, ",");
            add_title(table, schema, &schema->columns[i], out);
        }
}

void
export_write_head(const struct export_table *table, struct buffer *out)
{
    text_add(out, "step,phase,index");
    if (owner_of(table->schema, table->axis) != UINT32_MAX)
        text_add(out, ",row");
    add_heads(table, table->schema, table->axis, out);
    if (table->joined != NULL)
        add_heads(table, table->joined, table->joined_axis, out);
    text_add(out, "\n");
}

void
export_write_tables(struct buffer *out)
{
    text_add(out, "epochs: the figures of every epoch, a column each\n");
    for (size_t i = 0; i < NAMED_COUNT; i++) {
        text_addf(out, "%s: ", named[i].name);
        export_write_head(&named[i], out);
    }
    for (uint32_t s = 0; proto_schemas[s] != NULL; s++)
        for (uint32_t a = 0; a < proto_schemas[s]->axis_count; a++) {
            struct export_table table = {.schema = proto_schemas[s], .axis = a};
            char full[160];

            generic_name(proto_schemas[s], a, full);
            text_addf(out, "%s: ", full);
            export_write_head(&table, out);
        }
}

/* ---- values ---- */

void
export_add_field(struct buffer *out, const char *bytes, size_t size)
{
    bool quote = false;

    for (size_t i = 0; i < size; i++)
        quote = quote || bytes[i] == ',' || bytes[i] == '"' || bytes[i] == '\n' || bytes[i] == '\r';
    if (!quote) {
        buffer_append(out, bytes, size);
        return;
    }
    text_add(out, "\"");
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '"')
            text_add(out, "\"");
        buffer_append(out, &bytes[i], 1);
    }
    text_add(out, "\"");
}

static void
add_text(struct buffer *out, enum export_format format, const uint8_t *bytes, size_t size)
{
    struct buffer valid = {0};

    if (format == EXPORT_JSONL) {
        text_add_json(out, (const char *)bytes, size);
        return;
    }
    text_add_valid(&valid, (const char *)bytes, size);
    export_add_field(out, (const char *)valid.data, valid.size);
    buffer_fini(&valid);
}

void
export_add_real(struct buffer *out, enum export_format format, double value)
{
    char text[TEXT_NUMBER_SIZE];

    text_format_real(value, text);
    text_add(out, isfinite(value) ? text : format == EXPORT_CSV ? "NA" : "null");
}

static void
add_list(struct buffer *out, enum export_format format, const struct batch *batch, uint32_t c, uint32_t i)
{
    uint32_t begin = batch_u32(batch, c, i);
    uint32_t size = batch_u32(batch, c, i + 1) - begin;
    uint32_t index = 0;

    if (bytes_column(batch->schema, batch->schema->columns[c].target, &index) != NULL)
        add_text(out, format, batch->data[index] + begin, size);
    else
        text_addf(out, "%" PRIu32, size);
}

static void
add_value(struct buffer *out, enum export_format format, const struct batch *batch, uint32_t c, uint32_t i)
{
    switch (batch->schema->columns[c].kind) {
    case COLUMN_U8:
        text_addf(out, "%u", (unsigned)batch_u8(batch, c, i));
        return;
    case COLUMN_U16:
        text_addf(out, "%u", (unsigned)batch_u16(batch, c, i));
        return;
    case COLUMN_U32:
        text_addf(out, "%" PRIu32, batch_u32(batch, c, i));
        return;
    case COLUMN_U64:
        text_addf(out, "%" PRIu64, batch_u64(batch, c, i));
        return;
    case COLUMN_I32:
        text_addf(out, "%" PRId32, batch_i32(batch, c, i));
        return;
    case COLUMN_I64:
        text_addf(out, "%" PRId64, batch_i64(batch, c, i));
        return;
    case COLUMN_F64:
        export_add_real(out, format, batch_f64(batch, c, i));
        return;
    case COLUMN_OFFSETS:
        add_list(out, format, batch, c, i);
        return;
    }
    UNREACHABLE();
}

/* The word for a number; what has none stays a number. */
static bool
add_word(const struct export_table *table, struct buffer *out, enum export_format format, const struct batch *batch,
         uint32_t c, uint32_t i)
{
    const char *word;

    if (table->word == NULL || batch->schema != table->schema || c != table->spelled)
        return false;
    word = table->word(batch_u8(batch, c, i));
    if (word != NULL)
        add_text(out, format, (const uint8_t *)word, strlen(word));
    return word != NULL;
}

static void
add_values(const struct export_table *table, struct buffer *out, enum export_format format, const struct batch *batch,
           uint32_t axis, uint32_t i)
{
    for (uint32_t c = 0; c < batch->schema->column_count; c++) {
        if (batch->schema->columns[c].axis != axis)
            continue;
        if (format == EXPORT_CSV) {
            text_add(out, ",");
        } else {
            text_add(out, ", \"");
            add_title(table, batch->schema, &batch->schema->columns[c], out);
            text_add(out, "\": ");
        }
        if (!add_word(table, out, format, batch, c, i))
            add_value(out, format, batch, c, i);
    }
}

int
export_write_rows(const struct export_table *table, enum export_format format, uint64_t step, uint32_t phase,
    const struct batch *batch, const struct batch *joined, struct buffer *out, struct why *why)
{
    uint32_t owner = owner_of(table->schema, table->axis);
    uint32_t count = batch->count[table->axis];
    uint32_t row = 0;

    ASSERT(batch->schema == table->schema && (table->joined == NULL) == (joined == NULL));

    if (joined != NULL && joined->count[table->joined_axis] != count)
        return fail(why, ERR_FORMAT, "step %" PRIu64 ": %" PRIu32 " rows of %s beside %" PRIu32 " of %s", step, count,
            table->schema->name, joined->count[table->joined_axis], table->joined->name);
    ASSERT(table->word == NULL || table->schema->columns[table->spelled].kind == COLUMN_U8);
    for (uint32_t i = 0; i < count; i++) {
        text_addf(out,
            format == EXPORT_CSV ? "%" PRIu64 ",%" PRIu32 ",%" PRIu32
                                 : "{\"step\": %" PRIu64 ", \"phase\": %" PRIu32 ", \"index\": %" PRIu32,
            step, phase, i);
        if (owner != UINT32_MAX) {
            while (batch_u32(batch, owner, row + 1) <= i)
                row++;
            text_addf(out, format == EXPORT_CSV ? ",%" PRIu32 : ", \"row\": %" PRIu32, row);
        }
        add_values(table, out, format, batch, table->axis, i);
        if (joined != NULL)
            add_values(table, out, format, joined, table->joined_axis, i);
        text_add(out, format == EXPORT_CSV ? "\n" : "}\n");
    }
    return 0;
}
