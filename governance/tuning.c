#include "governance/tuning.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/bytes.h"
#include "core/yaml.h"

/* ---- a parameter as a number, and as bits ---- */

static size_t
size_of(const struct param *row)
{
    switch (row->kind) {
    case PARAM_F64: return sizeof(double);
    case PARAM_I64:
    case PARAM_MONEY: return sizeof(int64_t);
    case PARAM_U32:
    case PARAM_ENUM: return sizeof(uint32_t);
    case PARAM_BOOL: return sizeof(bool);
    case PARAM_TEXT: break;
    }
    return 0;
}

static bool
is_same(const struct param *row, const void *a, const void *b)
{
    const char *x = a, *y = b;

    return memcmp(x + row->offset, y + row->offset, size_of(row)) == 0;
}

static double
real_of(const struct param *row, const void *params)
{
    const void *at = (const char *)params + row->offset;

    switch (row->kind) {
    case PARAM_F64: return *(const double *)at;
    case PARAM_I64: return (double)*(const int64_t *)at;
    case PARAM_MONEY: return money_to_real(*(const int64_t *)at);
    case PARAM_U32:
    case PARAM_ENUM: return *(const uint32_t *)at;
    case PARAM_BOOL: return *(const bool *)at ? 1.0 : 0.0;
    case PARAM_TEXT: break;
    }
    UNREACHABLE();
}

/* `value` lies within the bounds. */
static void
put_real(const struct param *row, void *params, double value)
{
    void *at = (char *)params + row->offset;

    switch (row->kind) {
    case PARAM_F64: *(double *)at = value; return;
    case PARAM_I64: *(int64_t *)at = (int64_t)value; return;
    case PARAM_MONEY: *(int64_t *)at = money_from_real(value); return;
    case PARAM_U32:
    case PARAM_ENUM: *(uint32_t *)at = (uint32_t)value; return;
    case PARAM_BOOL: *(bool *)at = value != 0.0; return;
    case PARAM_TEXT: break;
    }
    UNREACHABLE();
}

static uint64_t
bits_of(const struct param *row, const void *params)
{
    const void *at = (const char *)params + row->offset;
    uint64_t bits = 0;

    switch (row->kind) {
    case PARAM_F64:
    case PARAM_I64:
    case PARAM_MONEY: memcpy(&bits, at, sizeof bits); return bits;
    case PARAM_U32:
    case PARAM_ENUM: return *(const uint32_t *)at;
    case PARAM_BOOL: return *(const bool *)at;
    case PARAM_TEXT: break;
    }
    UNREACHABLE();
}

/* False when no such value can be within the bounds. */
static bool
put_bits(const struct param *row, void *params, uint64_t bits)
{
    void *at = (char *)params + row->offset;
    double value;

    if (size_of(row) == 0 || (size_of(row) == sizeof(uint32_t) && bits > UINT32_MAX) ||
        (row->kind == PARAM_BOOL && bits > 1))
        return false;
    if (size_of(row) == sizeof bits)
        memcpy(at, &bits, sizeof bits);
    else
        put_real(row, params, (double)bits);
    value = real_of(row, params);
    return value >= row->low && value <= row->high;
}

/* ---- changing ---- */

/* A copy of the lever's parameters as they are now, to try something out on. */
static void *
copy_of(const struct governance *law, uint32_t place)
{
    void *copy = alloc_array(1, law->levers[place]->params->size);

    memcpy(copy, law->params[place], law->levers[place]->params->size);
    return copy;
}

/* Takes over what was tried out when the lever has nothing against it, and lets it go. */
static int
settle(struct governance *law, uint32_t place, void *copy, int code, struct why *why)
{
    if (code == 0)
        code = governance_validate(law, place, copy, why);
    if (code == 0)
        memcpy(law->params[place], copy, law->levers[place]->params->size);
    free(copy);
    return code;
}

int
tuning_set(struct governance *law, const char *path, double value, struct why *why)
{
    const struct param *row;
    uint32_t place;
    void *copy;
    int code = governance_find(law, path, &place, &row, why);

    if (code != 0)
        return code;
    if (row->kind == PARAM_TEXT)
        return fail(why, ERR_INVALID, "%s: a text cannot be tuned", path);
    if (row->kind == PARAM_I64 || row->kind == PARAM_U32 || row->kind == PARAM_ENUM)
        value = math_floor(value + 0.5);
    if (!(value >= row->low && value <= row->high) || (row->kind == PARAM_I64 && math_abs(value) >= 0x1p63))
        return fail(why, ERR_INVALID, "%s: %g is out of its bounds", path, value);
    copy = copy_of(law, place);
    put_real(row, copy, value);
    return settle(law, place, copy, 0, why);
}

int
tuning_get(const struct governance *law, const char *path, double *out, struct why *why)
{
    const struct param *row;
    uint32_t place;
    int code = governance_find(law, path, &place, &row, why);

    if (code != 0)
        return code;
    if (row->kind == PARAM_TEXT)
        return fail(why, ERR_INVALID, "%s: a text is no number", path);
    *out = real_of(row, law->params[place]);
    return 0;
}

/* Reads the value as a scenario's reader would. */
static int
bind_value(const struct param *row, const char *value, void *params, struct why *why)
{
    struct yaml_tree *tree = yaml_new("norm");
    int code = params_bind_row(row, yaml_put_text(tree, yaml_root(tree), row->name, value), params, why);

    yaml_destroy(&tree);
    return code;
}

int
tuning_apply_norm(struct governance *law, const void *text, size_t size, uint32_t *place, struct why *why)
{
    char path[TUNING_NORM_MAX + 1];
    const struct param *row;
    uint32_t at;
    char *value;
    void *copy;
    int code;

    if (size > TUNING_NORM_MAX || memchr(text, '\0', size) != NULL || memchr(text, '=', size) == NULL)
        return fail(why, ERR_INVALID, "a norm reads lever.parameter=value, in at most %u bytes", TUNING_NORM_MAX);
    memcpy(path, text, size);
    path[size] = '\0';
    value = strchr(path, '=');
    *value++ = '\0';
    code = governance_find(law, path, &at, &row, why);
    if (code != 0)
        return code;
    *place = at;
    if (row->kind == PARAM_TEXT)
        return fail(why, ERR_INVALID, "%s: a text cannot be changed", path);
    copy = copy_of(law, at);
    return settle(law, at, copy, bind_value(row, value, copy, why), why);
}

/* ---- as state ---- */

typedef void tuned_fn(void *context, uint32_t place, uint32_t index, uint64_t bits);

static uint32_t
each_tuned(const struct governance *law, tuned_fn *each, void *context)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < law->count; i++) {
        const struct params *list = law->levers[i]->params;

        for (uint32_t j = 0; j < list->count; j++) {
            if (is_same(&list->rows[j], law->params[i], law->declared[i]))
                continue;
            count++;
            if (each != NULL)
                each(context, i, j, bits_of(&list->rows[j], law->params[i]));
        }
    }
    return count;
}

static void
fold_tuned(void *context, uint32_t place, uint32_t index, uint64_t bits)
{
    fold_u32(context, place);
    fold_u32(context, index);
    fold_u64(context, bits);
}

static void
save_tuned(void *context, uint32_t place, uint32_t index, uint64_t bits)
{
    uint8_t *at = buffer_extend(context, TUNING_ENTRY);

    bytes_put_u32(at, place);
    bytes_put_u32(at + 4, index);
    bytes_put_u64(at + 8, bits);
}

uint32_t
tuning_count(const struct governance *law)
{
    return each_tuned(law, NULL, NULL);
}

void
tuning_fold(const struct governance *law, struct fold *fold)
{
    (void)each_tuned(law, fold_tuned, fold);
}

void
tuning_save(const struct governance *law, struct buffer *out)
{
    (void)each_tuned(law, save_tuned, out);
}

static int
read_entry(const struct governance *law, void *const *loaded, const uint8_t *at, struct why *why)
{
    uint32_t place = bytes_get_u32(at), index = bytes_get_u32(at + 4);

    if (place >= law->count || index >= law->levers[place]->params->count ||
        !put_bits(&law->levers[place]->params->rows[index], loaded[place], bytes_get_u64(at + 8)))
        return fail(why, ERR_FORMAT, "saved governance: parameter %u of lever %u cannot be that", index, place);
    return 0;
}

int
tuning_load(struct governance *law, const void *bytes, size_t size, struct why *why)
{
    void *loaded[GOVERNANCE_LEVERS_MAX];
    int code = 0;

    if (size % TUNING_ENTRY != 0)
        return fail(why, ERR_FORMAT, "saved governance: %zu bytes are no whole parameters", size);
    for (uint32_t i = 0; i < law->count; i++) {
        loaded[i] = alloc_array(1, law->levers[i]->params->size);
        memcpy(loaded[i], law->declared[i], law->levers[i]->params->size);
    }
    for (size_t at = 0; at < size && code == 0; at += TUNING_ENTRY)
        code = read_entry(law, loaded, (const uint8_t *)bytes + at, why);
    for (uint32_t i = 0; i < law->count && code == 0; i++)
        code = governance_validate(law, i, loaded[i], why);
    for (uint32_t i = 0; i < law->count; i++) {
        if (code == 0)
            memcpy(law->params[i], loaded[i], law->levers[i]->params->size);
        free(loaded[i]);
    }
    return code;
}
