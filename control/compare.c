#include "control/compare.h"

#include "core/assert.h"
#include "core/digest.h"
#include "core/text.h"
#include "proto/columns.h"
#include "proto/registry.h"
#include "proto/sandbox.h"
#include "world/record.h"
#include "world/step.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- names ---- */

static void
name_section(const struct section *section, char out[COMPARE_TEXT])
{
    static const char *const kinds[] = {[SECTION_INPUT] = "command", [SECTION_ANSWERS] = "answers",
        [SECTION_DOCKET] = "docket", [SECTION_VERDICT] = "verdict", [SECTION_EVENTS] = "events",
        [SECTION_FIGURES] = "figures"};
    const char *kind = section->kind < sizeof kinds / sizeof kinds[0] ? kinds[section->kind] : "section";
    const struct schema *schema = schema_find(section->schema);

    if (section->kind == SECTION_FIGURES)
        snprintf(out, COMPARE_TEXT, "figures of the %s", section->round == FIGURES_EPOCH ? "epoch" : "run");
    else if (schema != NULL)
        snprintf(out, COMPARE_TEXT, "%s (%s)", kind, schema->name);
    else
        snprintf(out, COMPARE_TEXT, "%s", kind);
}

/* ---- values ---- */

static void
show_value(const struct batch *batch, uint32_t c, uint32_t i, char out[COMPARE_TEXT])
{
    char number[TEXT_NUMBER_SIZE];

    switch (batch->schema->columns[c].kind) {
    case COLUMN_U8: snprintf(out, COMPARE_TEXT, "%u", (unsigned)batch_u8(batch, c, i)); return;
    case COLUMN_U16: snprintf(out, COMPARE_TEXT, "%u", (unsigned)batch_u16(batch, c, i)); return;
    case COLUMN_U32: /* the greatest number is nobody and nothing in every schema */
        if (batch_u32(batch, c, i) == UINT32_MAX)
            snprintf(out, COMPARE_TEXT, "none");
        else
            snprintf(out, COMPARE_TEXT, "%" PRIu32, batch_u32(batch, c, i));
        return;
    case COLUMN_U64: snprintf(out, COMPARE_TEXT, "%" PRIu64, batch_u64(batch, c, i)); return;
    case COLUMN_I32: snprintf(out, COMPARE_TEXT, "%" PRId32, batch_i32(batch, c, i)); return;
    case COLUMN_I64: snprintf(out, COMPARE_TEXT, "%" PRId64, batch_i64(batch, c, i)); return;
    case COLUMN_F64:
        text_format_real(batch_f64(batch, c, i), number);
        snprintf(out, COMPARE_TEXT, "%s", number);
        return;
    case COLUMN_OFFSETS:
        snprintf(out, COMPARE_TEXT, "%" PRIu32 " of them", batch_u32(batch, c, i + 1) - batch_u32(batch, c, i));
        return;
    }
    UNREACHABLE();
}

static bool
same_value(const struct batch *a, const struct batch *b, uint32_t c, uint32_t i)
{
    const struct column *column = &a->schema->columns[c];
    size_t width = column_width(column->kind);

    if (column->kind == COLUMN_OFFSETS)
        return batch_u32(a, c, i + 1) - batch_u32(a, c, i) == batch_u32(b, c, i + 1) - batch_u32(b, c, i);
    return memcmp(a->data[c] + width * i, b->data[c] + width * i, width) == 0;
}

/* ---- whose row it is ---- */

/* The row of another axis whose list holds element i of this one; false when nobody's does. */
static bool
find_owner(const struct batch *batch, uint32_t axis, uint32_t i, uint32_t *owner_axis, uint32_t *owner)
{
    const struct schema *schema = batch->schema;

    for (uint32_t c = 0; c < schema->column_count; c++) {
        const struct column *column = &schema->columns[c];

        if (column->kind != COLUMN_OFFSETS || column->target != axis)
            continue;
        for (uint32_t row = 0; row < batch->count[column->axis]; row++)
            if (batch_u32(batch, c, row) <= i && i < batch_u32(batch, c, row + 1)) {
                *owner_axis = column->axis;
                *owner = row;
                return true;
            }
    }
    return false;
}

static bool
find_agent(const struct batch *batch, uint32_t axis, uint32_t i, uint32_t *agent)
{
    static const char *const names[] = {"agent", "actor", "initiator", "effect_agent"};
    const struct schema *schema = batch->schema;
    uint32_t owner_axis, owner;

    /* Whoever owns the list a row is in is asked first: an offer's row names who made it, but answers belong to the one
     * who gave them. */
    if (find_owner(batch, axis, i, &owner_axis, &owner) && find_agent(batch, owner_axis, owner, agent))
        return true;
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
        for (uint32_t c = 0; c < schema->column_count; c++)
            if (schema->columns[c].axis == axis && schema->columns[c].kind == COLUMN_U32 &&
                strcmp(schema->columns[c].name, names[n]) == 0) {
                *agent = batch_u32(batch, c, i);
                return true;
            }
    return false;
}

/* A row of figures has a name instead. */
static bool
name_figure(const struct batch *batch, uint32_t i, char out[COMPARE_TEXT])
{
    uint32_t begin, size;

    if (batch->schema != &schema_summary)
        return false;
    begin = batch_u32(batch, SUMMARY_names, i);
    size = batch_u32(batch, SUMMARY_names, i + 1) - begin;
    snprintf(out, COMPARE_TEXT, "%.*s", (int)(size < 100 ? size : 100),
        (const char *)batch->data[SUMMARY_text] + begin);
    return true;
}

/* ---- comparing ---- */

static void
note_value(const struct batch *a, const struct batch *b, uint32_t c, uint32_t i, struct difference *out)
{
    const struct column *column = &a->schema->columns[c];

    out->found = out->has_row = true;
    out->row = i;
    out->has_agent = find_agent(a, column->axis, i, &out->agent);
    if (column->axis != SUMMARY_ROW || !name_figure(a, i, out->field))
        snprintf(out->field, sizeof out->field, "%s", column->name);
    show_value(a, c, i, out->a);
    show_value(b, c, i, out->b);
}

static void
compare_axis(const struct batch *a, const struct batch *b, uint32_t axis, struct difference *out)
{
    const struct schema *schema = a->schema;
    uint32_t rows = a->count[axis] < b->count[axis] ? a->count[axis] : b->count[axis];

    for (uint32_t i = 0; i < rows; i++)
        for (uint32_t c = 0; c < schema->column_count; c++)
            if (schema->columns[c].axis == axis && !same_value(a, b, c, i)) {
                note_value(a, b, c, i, out);
                return;
            }
    if (a->count[axis] == b->count[axis])
        return;
    out->found = true;
    snprintf(out->field, sizeof out->field, "number of rows (%s)", schema->axes[axis].name);
    snprintf(out->a, sizeof out->a, "%" PRIu32, a->count[axis]);
    snprintf(out->b, sizeof out->b, "%" PRIu32, b->count[axis]);
}

static int
compare_batches(const struct schema *schema, const struct section *a, const struct section *b, struct difference *out,
    struct why *why)
{
    struct batch left, right;
    int error = batch_read(schema, a->bytes, a->size, &left, why);

    if (error == 0)
        error = batch_read(schema, b->bytes, b->size, &right, why);
    for (uint32_t axis = 0; error == 0 && axis < schema->axis_count && !out->found; axis++)
        compare_axis(&left, &right, axis, out);
    return error;
}

static int
compare_inputs(const struct section *a, const struct section *b, struct difference *out, struct why *why)
{
    struct step_input left, right;
    int error = step_input_read(a, &left, why);

    if (error == 0)
        error = step_input_read(b, &right, why);
    if (error != 0)
        return error;
    out->found = true;
    snprintf(out->field, sizeof out->field, "command");
    snprintf(out->a, sizeof out->a, "%s %.100s", left.verb, left.argument);
    snprintf(out->b, sizeof out->b, "%s %.100s", right.verb, right.argument);
    return 0;
}

static int
compare_sections(const struct section *a, const struct section *b, struct difference *out, struct why *why)
{
    const struct schema *schema = schema_find(a->schema);
    int error = 0;

    out->in_section = true;
    out->phase = a->phase;
    name_section(a, out->section);
    if (a->kind != b->kind || a->phase != b->phase || a->round != b->round || a->slot != b->slot ||
        a->schema != b->schema) {
        out->found = true;
        snprintf(out->field, sizeof out->field, "kind of section");
        name_section(a, out->a);
        name_section(b, out->b);
        return 0;
    }
    if (a->size == b->size && (a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0))
        return 0;
    if (a->kind == SECTION_INPUT)
        return compare_inputs(a, b, out, why);
    if (schema != NULL)
        error = compare_batches(schema, a, b, out, why);
    if (error != 0 || out->found)
        return error;
    if (schema != NULL) {
        out->only_tag = true;
        return 0;
    }
    out->found = true;
    snprintf(out->field, sizeof out->field, "bytes");
    snprintf(out->a, sizeof out->a, "%" PRIu64 " bytes", a->size);
    snprintf(out->b, sizeof out->b, "%" PRIu64 " others", b->size);
    return 0;
}

/* One record goes on where the other one ends. */
static int
note_end(const struct buffer *longer, uint64_t offset, bool a_is_longer, struct difference *out, struct why *why)
{
    struct section section;
    int error = record_next(longer->data, longer->size, &offset, &section, why);

    if (error != 0)
        return error;
    out->found = out->in_section = true;
    out->phase = section.phase;
    name_section(&section, out->section);
    snprintf(out->field, sizeof out->field, "section");
    snprintf(a_is_longer ? out->a : out->b, COMPARE_TEXT, "there");
    snprintf(a_is_longer ? out->b : out->a, COMPARE_TEXT, "not there");
    return 0;
}

int
compare_records(const struct buffer *a, const struct buffer *b, struct difference *out, struct why *why)
{
    uint64_t left = 0, right = 0;
    struct section one, other;
    int error = 0;

    /* Equal rows in unequal bytes: only the tag is left. That is noted, and what follows is looked at all the same. */
    while (error == 0 && left < a->size && right < b->size && !out->found) {
        if ((error = record_next(a->data, a->size, &left, &one, why)) == 0 &&
            (error = record_next(b->data, b->size, &right, &other, why)) == 0)
            error = compare_sections(&one, &other, out, why);
    }
    if (out->found)
        out->only_tag = false;
    if (error != 0 || out->found)
        return error;
    out->in_section = false;
    if (left < a->size)
        return note_end(a, left, true, out, why);
    if (right < b->size)
        return note_end(b, right, false, out, why);
    if (out->only_tag) {
        out->found = true;
        snprintf(out->field, sizeof out->field, "the seed that dockets are marked with");
    }
    return 0;
}

static void
note_digests(const struct store_commit *a, const struct store_commit *b, struct difference *out)
{
    char hex[2 * STORE_DIGEST + 1];

    if (memcmp(a->digest, b->digest, STORE_DIGEST) == 0)
        return;
    out->found = true;
    out->only_tag = false;
    snprintf(out->field, sizeof out->field, "state digest");
    snprintf(out->a, sizeof out->a, "%s", digest_hex(a->digest, STORE_DIGEST, hex));
    snprintf(out->b, sizeof out->b, "%s", digest_hex(b->digest, STORE_DIGEST, hex));
}

int
compare_state(struct store *a, struct store *b, uint64_t step, struct difference *out, struct why *why)
{
    struct store_commit left, right;
    int error = store_read_commit(a, step, &left, why);

    *out = (struct difference){.step = step};
    if (error == 0)
        error = store_read_commit(b, step, &right, why);
    if (error == 0)
        note_digests(&left, &right, out);
    return error;
}

int
compare_step(struct store *a, struct store *b, uint64_t step, struct difference *out, struct why *why)
{
    struct buffer header_a = {0}, header_b = {0}, data_a = {0}, data_b = {0};
    struct store_commit left, right;
    int error = store_read_step(a, step, &header_a, &data_a, &left, why);

    *out = (struct difference){.step = step};
    if (error == 0)
        error = store_read_step(b, step, &header_b, &data_b, &right, why);
    if (error == 0 && (data_a.size != data_b.size || memcmp(data_a.data, data_b.data, data_a.size) != 0))
        error = compare_records(&data_a, &data_b, out, why);
    if (error == 0 && (!out->found || out->only_tag))
        note_digests(&left, &right, out);
    if (error == 0 && !out->found &&
        (header_a.size != header_b.size || memcmp(header_a.data, header_b.data, header_a.size) != 0)) {
        out->found = true;
        snprintf(out->field, sizeof out->field, "header");
    }
    buffer_fini(&header_a);
    buffer_fini(&header_b);
    buffer_fini(&data_a);
    buffer_fini(&data_b);
    return error;
}
