#include "core/params.h"

#include "core/assert.h"
#include "core/money.h"
#include "core/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void *
member(const struct param *row, void *out)
{
    return (char *)out + row->offset;
}

static const void *
member_of(const struct param *row, const void *in)
{
    return (const char *)in + row->offset;
}

/* ---- the choices of an ENUM ---- */

#define CHOICE_SIZE 64

/* Copies choice number `index` of "a|b|c"; false behind the last. */
static bool
choice_at(const char *choices, uint32_t index, char out[CHOICE_SIZE])
{
    size_t size;

    for (; index > 0; index--) {
        choices = strchr(choices, '|');
        if (choices == NULL)
            return false;
        choices++;
    }
    size = strcspn(choices, "|");
    ASSERT(size > 0 && size < CHOICE_SIZE);
    memcpy(out, choices, size);
    out[size] = '\0';
    return true;
}

static int
bind_choice(const struct param *row, const struct yaml_node *value, uint32_t *out, struct why *why)
{
    char choice[CHOICE_SIZE];
    char nearest[CHOICE_SIZE] = "";
    struct text_nearest near = {0};
    struct buffer list = {0};
    const char *text;
    int code = yaml_get_text(value, &text, why);

    if (code != 0)
        return code;
    near.name = text;
    for (uint32_t i = 0; choice_at(row->unit, i, choice); i++) {
        if (strcmp(choice, text) == 0) {
            *out = i;
            buffer_fini(&list);
            return 0;
        }
        near.best = nearest[0] != '\0' ? nearest : NULL;
        text_nearest_offer(&near, choice);
        if (near.best == choice)
            memcpy(nearest, choice, sizeof nearest);
        text_addf(&list, "%s%s", i > 0 ? ", " : "", choice);
    }
    if (nearest[0] != '\0')
        code = yaml_fail(value, why, ERR_UNKNOWN, "unknown choice '%.60s'; did you mean '%s'?", text, nearest);
    else
        code = yaml_fail(value, why, ERR_UNKNOWN, "unknown choice '%.60s'; choose one of %.*s", text,
            (int)text_cut((const char *)list.data, list.size, 200), (const char *)list.data);
    buffer_fini(&list);
    return code;
}

/* ---- bounds ---- */

/* "between 0 and 1 (share)", "at least 0". */
static void
range_text(const struct param *row, char *out, size_t out_size)
{
    char low[TEXT_NUMBER_SIZE];
    char high[TEXT_NUMBER_SIZE];
    bool unit = row->unit != NULL && row->unit[0] != '\0';

    text_format_real(row->low, low);
    text_format_real(row->high, high);
    if (isinf(row->low) && isinf(row->high))
        snprintf(out, out_size, "a number");
    else if (isinf(row->high))
        snprintf(out, out_size, "at least %s", low);
    else if (isinf(row->low))
        snprintf(out, out_size, "at most %s", high);
    else
        snprintf(out, out_size, "between %s and %s", low, high);
    if (unit) {
        size_t used = strlen(out);

        snprintf(out + used, out_size - used, " (%s)", row->unit);
    }
}

static int
fail_range(const struct param *row, const struct yaml_node *value, struct why *why)
{
    char range[160];

    range_text(row, range, sizeof range);
    return yaml_fail(value, why, ERR_INVALID, "must be %s, not %.40s", range, value->text);
}

/* Exact: the bounds are doubles, and a large integer made a double may round over one. */
static bool
integer_within(int64_t value, double low, double high)
{
    bool above = low <= -0x1p63 || (low < 0x1p63 && value >= (int64_t)ceil(low));
    bool below = high >= 0x1p63 || (high >= -0x1p63 && value <= (int64_t)floor(high));

    return above && below;
}

/* ---- reading ---- */

static int
bind_real(const struct param *row, const struct yaml_node *value, double *out, struct why *why)
{
    double real;
    int code = yaml_get_real(value, &real, why);

    if (code != 0)
        return code;
    if (!(real >= row->low && real <= row->high))
        return fail_range(row, value, why);
    *out = real;
    return 0;
}

static int
bind_integer(const struct param *row, const struct yaml_node *value, int64_t *out, struct why *why)
{
    int64_t integer;
    int code = yaml_get_integer(value, &integer, why);

    if (code != 0)
        return code;
    if (!integer_within(integer, row->low, row->high))
        return fail_range(row, value, why);
    *out = integer;
    return 0;
}

/* An amount without exponent is read digit by digit: a double would not hold all of them. */
static int
bind_money(const struct param *row, const struct yaml_node *value, int64_t *out, struct why *why)
{
    struct why inner = {0};
    int64_t amount;
    double real;
    int code = yaml_get_real(value, &real, why);

    if (code != 0)
        return code;
    if (!(real >= row->low && real <= row->high))
        return fail_range(row, value, why);
    if (strpbrk(value->text, "eE") != NULL)
        amount = money_from_real(real);
    else if ((code = money_parse(value->text, &amount, &inner)) != 0)
        return yaml_fail(value, why, code, "%s", inner.text);
    if (amount < money_from_real(row->low) || amount > money_from_real(row->high))
        return fail_range(row, value, why);
    *out = amount;
    return 0;
}

static int
bind_text(const struct param *row, const struct yaml_node *value, char *out, struct why *why)
{
    const char *text;
    size_t size;
    int code = yaml_get_text(value, &text, why);

    if (code != 0)
        return code;
    size = strlen(text);
    if ((double)size < row->low || (double)size > row->high)
        return yaml_fail(value, why, ERR_INVALID, "must have %.0f to %.0f bytes, not %zu", row->low, row->high, size);
    memset(out, 0, (size_t)row->high + 1);
    memcpy(out, text, size);
    return 0;
}

int
params_bind_row(const struct param *row, const struct yaml_node *value, void *out, struct why *why)
{
    int64_t integer = 0;
    void *to;
    int code;

    ASSERT(row != NULL && value != NULL && out != NULL);

    to = member(row, out);
    switch (row->kind) {
    case PARAM_F64:
        return bind_real(row, value, to, why);
    case PARAM_I64:
        return bind_integer(row, value, to, why);
    case PARAM_U32:
        ASSERT(row->low >= 0 && row->high <= UINT32_MAX); /* params_check() says so in words */
        code = bind_integer(row, value, &integer, why);
        if (code == 0)
            *(uint32_t *)to = (uint32_t)integer;
        return code;
    case PARAM_BOOL:
        return yaml_get_bool(value, to, why);
    case PARAM_MONEY:
        return bind_money(row, value, to, why);
    case PARAM_ENUM:
        return bind_choice(row, value, to, why);
    case PARAM_TEXT:
        return bind_text(row, value, to, why);
    }
    UNREACHABLE();
}

static void
set_default(const struct param *row, void *out)
{
    void *to = member(row, out);

    switch (row->kind) {
    case PARAM_F64:
        *(double *)to = row->number;
        return;
    case PARAM_I64:
        *(int64_t *)to = (int64_t)row->number;
        return;
    case PARAM_U32:
    case PARAM_ENUM:
        *(uint32_t *)to = (uint32_t)row->number;
        return;
    case PARAM_BOOL:
        *(bool *)to = row->number != 0;
        return;
    case PARAM_MONEY:
        *(int64_t *)to = money_from_real(row->number);
        return;
    case PARAM_TEXT:
        ASSERT(strlen(row->text) <= (size_t)row->high);
        memcpy(to, row->text, strlen(row->text));
        return;
    }
    UNREACHABLE();
}

void
params_default(const struct params *list, void *out)
{
    ASSERT(list != NULL && out != NULL);

    memset(out, 0, list->size);
    for (uint32_t i = 0; i < list->count; i++)
        set_default(&list->rows[i], out);
}

const struct param *
params_find(const struct params *list, const char *name)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (strcmp(list->rows[i].name, name) == 0)
            return &list->rows[i];
    return NULL;
}

static bool
is_among(const char *name, const char *const *names)
{
    for (; names != NULL && *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static int
fail_unknown(
    const struct params *list, const struct yaml_node *found, const char *const *also, struct why *why)
{
    struct text_nearest near = {.name = found->key};
    struct buffer known = {0};
    size_t shown;
    int code;

    for (uint32_t i = 0; i < list->count; i++) {
        text_nearest_offer(&near, list->rows[i].name);
        text_addf(&known, "%s%s", known.size > 0 ? ", " : "", list->rows[i].name);
    }
    for (; also != NULL && *also != NULL; also++) {
        text_nearest_offer(&near, *also);
        text_addf(&known, "%s%s", known.size > 0 ? ", " : "", *also);
    }
    if (near.best != NULL) {
        buffer_fini(&known);
        return yaml_fail_key(
            found, why, ERR_UNKNOWN, "unknown key '%.60s'; did you mean '%s'?", found->key, near.best);
    }
    text_add(&known, known.size > 0 ? "" : "none");
    shown = text_cut((const char *)known.data, known.size, 160);
    code = yaml_fail_key(found, why, ERR_UNKNOWN, "unknown key '%.60s'; the keys here are %.*s%s", found->key,
        (int)shown, (const char *)known.data, shown < known.size ? "..." : "");
    buffer_fini(&known);
    return code;
}

int
params_bind(
    const struct params *list, const struct yaml_node *map, const char *const *also, void *out, struct why *why)
{
    char shown[YAML_SHOWN_SIZE];

    params_default(list, out);
    if (map == NULL || map->kind == YAML_NULL)
        return 0;
    if (map->kind != YAML_MAP)
        return yaml_fail(map, why, ERR_INVALID, "expected a map of %s, found %s", list->name, yaml_shown(map, shown));
    for (const struct yaml_node *found = map->first; found != NULL; found = found->next) {
        const struct param *row = params_find(list, found->key);
        int code = 0;

        if (row != NULL)
            code = params_bind_row(row, found, out, why);
        else if (!is_among(found->key, also))
            code = fail_unknown(list, found, also, why);
        if (code != 0)
            return code;
    }
    return 0;
}

const char *
params_nearest(const char *name, const char *const *names)
{
    struct text_nearest near = {.name = name};

    for (; *names != NULL; names++)
        text_nearest_offer(&near, *names);
    return near.best;
}

/* ---- writing ---- */

/* The value in `in` as YAML would show it without quotes. The same text stands in a schema, where an ENUM and a TEXT
 * get quotes. */
static void
value_text(const struct param *row, const void *in, struct buffer *out)
{
    const void *from = member_of(row, in);
    char text[TEXT_NUMBER_SIZE];
    char choice[CHOICE_SIZE];
    bool found;

    _Static_assert(MONEY_TEXT <= TEXT_NUMBER_SIZE, "an amount fits where a number fits");
    switch (row->kind) {
    case PARAM_F64:
        text_format_real(*(const double *)from, text);
        text_add(out, text);
        return;
    case PARAM_I64:
        text_addf(out, "%" PRId64, *(const int64_t *)from);
        return;
    case PARAM_U32:
        text_addf(out, "%" PRIu32, *(const uint32_t *)from);
        return;
    case PARAM_BOOL:
        text_add(out, *(const bool *)from ? "true" : "false");
        return;
    case PARAM_MONEY:
        money_format(*(const int64_t *)from, text);
        text_add(out, text);
        return;
    case PARAM_ENUM:
        found = choice_at(row->unit, *(const uint32_t *)from, choice);
        ASSERT(found);
        text_add(out, choice);
        return;
    case PARAM_TEXT:
        text_add(out, from);
        return;
    }
    UNREACHABLE();
}

static bool
is_words(const struct param *row)
{
    return row->kind == PARAM_ENUM || row->kind == PARAM_TEXT;
}

void
params_put(const struct params *list, const void *in, struct yaml_tree *tree, struct yaml_node *map)
{
    struct buffer text = {0};

    ASSERT(list != NULL && in != NULL && tree != NULL && map != NULL);

    for (uint32_t i = 0; i < list->count; i++) {
        const struct param *row = &list->rows[i];

        buffer_clear(&text);
        value_text(row, in, &text);
        buffer_append(&text, "", 1);
        if (is_words(row))
            yaml_put_quoted(tree, map, row->name, (const char *)text.data);
        else
            yaml_put_text(tree, map, row->name, (const char *)text.data);
    }
    buffer_fini(&text);
}

/* The default of one row, as value_text() writes it. */
static void
default_text(const struct param *row, struct buffer *out)
{
    union {
        double real;
        int64_t integer;
        uint32_t number;
        bool truth;
    } place = {0};
    struct param moved = *row;

    if (row->kind == PARAM_TEXT) {
        text_add(out, row->text);
        return;
    }
    moved.offset = 0; /* as if the struct had this member alone */
    set_default(&moved, &place);
    value_text(&moved, &place, out);
}

/* What a kind is called in a JSON schema and in the manual. */
static const struct {
    const char *schema, *manual;
} kinds[] = {
    [PARAM_F64] = {"number", "number"},
    [PARAM_I64] = {"integer", "integer"},
    [PARAM_U32] = {"integer", "integer"},
    [PARAM_BOOL] = {"boolean", "boolean"},
    [PARAM_MONEY] = {"number", "amount"},
    [PARAM_ENUM] = {"string", "choice"},
    [PARAM_TEXT] = {"string", "text"},
};

static void
add_json(struct buffer *out, const char *text)
{
    text_add_json(out, text, strlen(text));
}

static void
write_schema_bound(const char *name, double bound, struct buffer *out)
{
    char text[TEXT_NUMBER_SIZE];

    if (!isfinite(bound))
        return;
    text_format_real(bound, text);
    text_addf(out, ", \"%s\": %s", name, text);
}

static void
write_schema_type(const struct param *row, struct buffer *out)
{
    char choice[CHOICE_SIZE];

    text_addf(out, "{\"type\": \"%s\"", kinds[row->kind].schema);
    if (row->kind == PARAM_ENUM) {
        text_add(out, ", \"enum\": [");
        for (uint32_t i = 0; choice_at(row->unit, i, choice); i++) {
            text_add(out, i > 0 ? ", " : "");
            add_json(out, choice);
        }
        text_add(out, "]");
    } else if (row->kind == PARAM_TEXT) {
        /* A schema counts code points of up to four bytes, we count bytes. */
        text_addf(out, ", \"minLength\": %.0f, \"maxLength\": %.0f", ceil(row->low / 4), row->high);
    } else if (row->kind != PARAM_BOOL) {
        write_schema_bound("minimum", row->low, out);
        write_schema_bound("maximum", row->high, out);
    }
}

void
params_write_schema_rows(const struct params *list, struct buffer *out)
{
    struct buffer text = {0};

    ASSERT(list != NULL && out != NULL);

    for (uint32_t i = 0; i < list->count; i++) {
        const struct param *row = &list->rows[i];

        text_add(out, i > 0 ? ", " : "");
        add_json(out, row->name);
        text_add(out, ": ");
        write_schema_type(row, out);
        buffer_clear(&text);
        default_text(row, &text);
        text_add(out, ", \"default\": ");
        if (is_words(row))
            text_add_json(out, (const char *)text.data, text.size);
        else
            buffer_append(out, text.data, text.size);
        buffer_clear(&text);
        text_add(&text, row->doc);
        if (row->kind != PARAM_ENUM && row->unit != NULL && row->unit[0] != '\0')
            text_addf(&text, " (%s)", row->unit);
        text_add(out, ", \"description\": ");
        text_add_json(out, (const char *)text.data, text.size);
        text_add(out, "}");
    }
    buffer_fini(&text);
}

void
params_write_schema(const struct params *list, struct buffer *out)
{
    text_add(out, "\"properties\": {");
    params_write_schema_rows(list, out);
    text_add(out, "}, \"additionalProperties\": false");
}

/* A cell of a Markdown table: a bar would end it. */
static void
write_cell(const char *text, size_t size, struct buffer *out)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '|')
            text_add(out, "\\");
        buffer_append(out, text[i] == '\n' ? " " : &text[i], 1);
    }
}

static void
write_manual_range(const struct param *row, struct buffer *out)
{
    char low[TEXT_NUMBER_SIZE];
    char high[TEXT_NUMBER_SIZE];
    char choice[CHOICE_SIZE];

    if (row->kind == PARAM_ENUM) {
        for (uint32_t i = 0; choice_at(row->unit, i, choice); i++)
            text_addf(out, "%s`%s`", i > 0 ? ", " : "", choice);
        return;
    }
    if (row->kind == PARAM_BOOL) {
        text_add(out, "`true`, `false`");
        return;
    }
    text_format_real(row->low, low);
    text_format_real(row->high, high);
    text_addf(out, "%s to %s%s", isinf(row->low) ? "any" : low, isinf(row->high) ? "any" : high,
        row->kind == PARAM_TEXT ? " bytes" : "");
}

void
params_write_manual(const struct params *list, struct buffer *out)
{
    struct buffer text = {0};

    ASSERT(list != NULL && out != NULL);

    text_add(out, "| name | kind | default | range | unit | meaning |\n|---|---|---|---|---|---|\n");
    for (uint32_t i = 0; i < list->count; i++) {
        const struct param *row = &list->rows[i];
        const char *unit = row->kind == PARAM_ENUM || row->unit == NULL ? "" : row->unit;

        buffer_clear(&text);
        default_text(row, &text);
        text_addf(out, "| `%s` | %s | ", row->name, kinds[row->kind].manual);
        if (text.size > 0) {
            text_add(out, "`");
            write_cell((const char *)text.data, text.size, out);
            text_add(out, "`");
        }
        text_add(out, " | ");
        write_manual_range(row, out);
        text_add(out, " | ");
        write_cell(unit, strlen(unit), out);
        text_add(out, " | ");
        write_cell(row->doc, strlen(row->doc), out);
        text_add(out, " |\n");
    }
    buffer_fini(&text);
}

/* ---- looking at a list itself ---- */

static int
check_row(const struct params *list, const struct param *row, struct why *why)
{
    const char *name = row->name;
    char choice[CHOICE_SIZE];
    double value = row->kind == PARAM_TEXT ? (double)strlen(row->text) : row->number;
    bool whole = row->kind != PARAM_F64 && row->kind != PARAM_MONEY;

    if (params_find(list, name) != row)
        return fail(why, ERR_INVALID, "%s.%s: two rows of one name", list->name, name);
    if (isnan(row->low) || isnan(row->high) || row->low > row->high)
        return fail(why, ERR_INVALID, "%s.%s: the bounds are upside down", list->name, name);
    if (!isfinite(value) || value < row->low || value > row->high)
        return fail(why, ERR_INVALID, "%s.%s: the default lies outside the bounds", list->name, name);
    if (whole && value != floor(value))
        return fail(why, ERR_INVALID, "%s.%s: the default is no whole number", list->name, name);
    if (row->kind == PARAM_U32 && (row->low < 0 || row->high > UINT32_MAX))
        return fail(why, ERR_INVALID, "%s.%s: the bounds leave 32 bits", list->name, name);
    if (row->kind == PARAM_BOOL && (row->low != 0 || row->high != 1))
        return fail(why, ERR_INVALID, "%s.%s: the bounds of a boolean are 0 and 1", list->name, name);
    if (row->kind == PARAM_ENUM && (row->low != 0 || !choice_at(row->unit, (uint32_t)row->high, choice) ||
                                       choice_at(row->unit, (uint32_t)row->high + 1, choice)))
        return fail(why, ERR_INVALID, "%s.%s: the bounds are not 0 and the last choice", list->name, name);
    if (row->doc == NULL || row->doc[0] == '\0')
        return fail(why, ERR_INVALID, "%s.%s: says nothing of itself", list->name, name);
    return 0;
}

int
params_check(const struct params *list, struct why *why)
{
    for (uint32_t i = 0; i < list->count; i++) {
        int code = check_row(list, &list->rows[i], why);

        if (code != 0)
            return code;
    }
    return 0;
}
