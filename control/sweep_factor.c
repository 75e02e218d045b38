#include "control/sweep_factor.h"

#include "core/assert.h"
#include "core/math.h"
#include "core/params.h"
#include "core/rng.h"
#include "core/streams.h"
#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LABEL_VALUE_SIZE 40u

#define HYPERCUBE_PARAMS(P, S)                                                                                       \
    P(S, U32, samples, 10, 1, SWEEP_LEVEL_MAX, "points", "how many are drawn")                                       \
    P(S, I64, seed, 1, 0, 9007199254740991.0, "", "of the draw; not that of the runs")
PARAMS_DEFINE(hypercube, HYPERCUBE_PARAMS)

#define RANGE_PARAMS(P, S)                                                                                           \
    P(S, F64, low, 0, -INFINITY, INFINITY, "", "least value")                                                        \
    P(S, F64, high, 0, -INFINITY, INFINITY, "", "greatest value")                                                    \
    P(S, ENUM, scale, 0, 0, 1, "linear|log", "log: each factor of ten is as likely as another")                      \
    P(S, BOOL, integer, 0, 0, 1, "", "whole numbers, both ends included")
PARAMS_DEFINE(range, RANGE_PARAMS)

/* ---- text ---- */

/* A plain scalar that would not read back as itself between commas and braces. */
static bool
needs_quotes(const char *text)
{
    return text[0] == '\0' || strpbrk(text, ",[]{}:#&*!|>'\"%@` \n\t") != NULL;
}

void
sweep_factor_write_flow(const struct yaml_node *node, struct buffer *out)
{
    bool is_map = node->kind == YAML_MAP;

    if (node->kind == YAML_NULL) {
        text_add(out, "null");
    } else if (node->kind == YAML_SCALAR && (node->quoted || needs_quotes(node->text))) {
        text_add_json(out, node->text, strlen(node->text));
    } else if (node->kind == YAML_SCALAR) {
        text_add(out, node->text);
    } else {
        text_add(out, is_map ? "{" : "[");
        for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
            if (is_map && needs_quotes(child->key))
                text_add_json(out, child->key, strlen(child->key));
            else if (is_map)
                text_add(out, child->key);
            text_add(out, is_map ? ": " : "");
            sweep_factor_write_flow(child, out);
            text_add(out, child->next != NULL ? ", " : "");
        }
        text_add(out, is_map ? "}" : "]");
    }
}

static const char *
last_word(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot != NULL ? dot + 1 : path;
}

/* "prob=0.2", or the whole path where another one that varies ends with the same word. */
static void
add_label(const char *path, const struct yaml_node *value, const struct yaml_node *root, struct buffer *out)
{
    static const char *const kinds[] = {"grid", "zip"};
    struct buffer flow = {0};
    uint32_t same = 0;

    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        const struct yaml_node *map = yaml_find(root, kinds[k]);

        for (const struct yaml_node *member = map != NULL ? map->first : NULL; member != NULL; member = member->next)
            same += strcmp(last_word(member->key), last_word(path)) == 0;
    }
    sweep_factor_write_flow(value, &flow);
    text_addf(out, "%s%s=%.*s", out->size > 0 ? " " : "", same > 1 ? path : last_word(path),
        (int)text_cut((const char *)flow.data, flow.size, LABEL_VALUE_SIZE), (const char *)flow.data);
    buffer_fini(&flow);
}

static const char *
keep_text(struct arena *arena, struct buffer *text)
{
    const char *kept = arena_text(arena, (const char *)text->data, text->size);

    buffer_fini(text);
    return kept;
}

/* ---- reading ---- */

static int
check_map(const struct yaml_node *node, const char *what, struct why *why)
{
    if (node->kind != YAML_MAP || node->count == 0)
        return yaml_fail(node, why, ERR_INVALID, "must be %s", what);
    return 0;
}

/* The seed of a run is its replicate's, so that every cell has the same ones. */
static int
check_path(const struct yaml_node *member, struct why *why)
{
    if (strcmp(member->key, "simulation.seed") == 0 || strcmp(member->key, "simulation") == 0 ||
        strcmp(member->key, "seed") == 0)
        return yaml_fail_key(
            member, why, ERR_INVALID, "the seeds of the runs are those of `seeds`; set single values of simulation");
    return 0;
}

int
sweep_factor_read_map(
    const struct yaml_node *map, struct arena *arena, struct sweep_assignment **out, uint32_t *count, struct why *why)
{
    int error;

    *count = 0;
    if (map->kind == YAML_NULL)
        return 0;
    if (map->kind != YAML_MAP)
        return yaml_fail(map, why, ERR_INVALID, "must be a map of path: value");
    *out = ARENA_ARRAY(arena, struct sweep_assignment, map->count + 1);
    for (const struct yaml_node *member = map->first; member != NULL; member = member->next) {
        if ((error = check_path(member, why)) != 0)
            return error;
        (*out)[(*count)++] = (struct sweep_assignment){.path = member->key, .value = member};
    }
    return 0;
}

static int
check_values(const struct yaml_node *member, struct why *why)
{
    int error = check_path(member, why);

    if (error != 0)
        return error;
    if (member->kind != YAML_LIST || member->count == 0)
        return yaml_fail(member, why, ERR_INVALID, "must be a list of values, as in [0.1, 0.2]");
    return 0;
}

/* One path of the grid: a level a value. */
static int
read_grid_path(const struct yaml_node *member, const struct yaml_node *root, struct arena *arena,
    struct sweep_factor *out, struct why *why)
{
    int error = check_values(member, why);

    if (error != 0)
        return error;
    out->levels = ARENA_ARRAY(arena, struct sweep_level, member->count);
    for (const struct yaml_node *value = member->first; value != NULL; value = value->next) {
        struct sweep_level *level = &out->levels[out->count++];
        struct buffer label = {0};

        level->list = ARENA_ARRAY(arena, struct sweep_assignment, 1);
        level->list[level->count++] = (struct sweep_assignment){.path = member->key, .value = value};
        add_label(member->key, value, root, &label);
        level->label = keep_text(arena, &label);
    }
    return 0;
}

static const struct yaml_node *
item_at(const struct yaml_node *list, uint32_t index)
{
    const struct yaml_node *item = list->first;

    for (uint32_t i = 0; i < index; i++)
        item = item->next;
    return item;
}

static int
read_label(const struct yaml_node *node, const char **out, struct why *why)
{
    int error = yaml_get_text(node, out, why);

    if (error == 0 && ((*out)[0] == '\0' || strpbrk(*out, "\n\r\t") != NULL))
        error = yaml_fail(node, why, ERR_INVALID, "must be a word or some, on one line");
    return error;
}

/* One level of a zip: the i-th value of every path, named by all of them or by the zip's own list of labels. */
static int
read_zip_level(const struct yaml_node *node, uint32_t i, const struct yaml_node *root, struct arena *arena,
    struct sweep_level *out, struct why *why)
{
    const struct yaml_node *labels = yaml_find(node, "label");
    struct buffer label = {0};

    out->list = ARENA_ARRAY(arena, struct sweep_assignment, node->count);
    for (const struct yaml_node *member = node->first; member != NULL; member = member->next) {
        const struct yaml_node *value = item_at(member, i);

        if (member == labels)
            continue;
        out->list[out->count++] = (struct sweep_assignment){.path = member->key, .value = value};
        if (labels == NULL)
            add_label(member->key, value, root, &label);
    }
    if (labels != NULL)
        return read_label(item_at(labels, i), &out->label, why);
    out->label = keep_text(arena, &label);
    return 0;
}

static int
read_zip(const struct yaml_node *node, const struct yaml_node *root, struct arena *arena, struct sweep_factor *out,
    struct why *why)
{
    int error = check_map(node, "a map of path: [values], all of one length", why);

    for (const struct yaml_node *member = node->first; error == 0 && member != NULL; member = member->next) {
        error = check_values(member, why);
        if (error == 0 && member->count != node->first->count)
            error = yaml_fail(member, why, ERR_INVALID, "has %u value%s, and %s has %u; a zip takes them in step",
                (unsigned)member->count, member->count == 1 ? "" : "s", node->first->key,
                (unsigned)node->first->count);
    }
    if (error != 0)
        return error;
    out->count = node->first->count;
    out->levels = ARENA_ARRAY(arena, struct sweep_level, out->count);
    for (uint32_t i = 0; i < out->count && error == 0; i++)
        error = read_zip_level(node, i, root, arena, &out->levels[i], why);
    return error;
}

static int
read_item(const struct yaml_node *item, struct arena *arena, struct sweep_level *out, struct why *why)
{
    static const char *const keys[] = {"label", "set", NULL};
    const struct yaml_node *label = yaml_find(item, "label"), *set = yaml_find(item, "set");
    int error;

    if (item->kind != YAML_MAP || label == NULL)
        return yaml_fail(item, why, ERR_INVALID, "must be a map with a label, as in {label: taxed, set: {...}}");
    for (const struct yaml_node *member = item->first; member != NULL; member = member->next) {
        const char *near = params_nearest(member->key, keys);

        if (strcmp(member->key, "label") != 0 && strcmp(member->key, "set") != 0)
            return yaml_fail_key(member, why, ERR_UNKNOWN, "unknown key '%.60s'; did you mean '%s'?", member->key,
                near != NULL ? near : "set");
    }
    if ((error = read_label(label, &out->label, why)) != 0)
        return error;
    return set != NULL ? sweep_factor_read_map(set, arena, &out->list, &out->count, why) : 0;
}

static int
read_list(const struct yaml_node *node, struct arena *arena, struct sweep_factor *out, struct why *why)
{
    int error = 0;

    if (node->kind != YAML_LIST || node->count == 0)
        return yaml_fail(node, why, ERR_INVALID, "must be a list of {label: ..., set: {...}}");
    out->levels = ARENA_ARRAY(arena, struct sweep_level, node->count);
    for (const struct yaml_node *item = node->first; error == 0 && item != NULL; item = item->next)
        error = read_item(item, arena, &out->levels[out->count++], why);
    return error;
}

/* ---- the Latin hypercube ---- */

void
sweep_factor_draw(uint64_t seed, uint32_t dimension, uint32_t samples, double out[])
{
    struct rng rng = rng_make(seed, STREAM_SWEEP, dimension, 0);

    for (uint32_t i = 0; i < samples; i++)
        out[i] = i;
    for (uint32_t i = samples; i > 1; i--) {
        uint32_t j = rng_below(&rng, i);
        double kept = out[j];

        out[j] = out[i - 1];
        out[i - 1] = kept;
    }
    for (uint32_t i = 0; i < samples; i++)
        out[i] = (out[i] + rng_real(&rng)) / samples;
}

static int
read_range(const struct yaml_node *member, struct range *out, struct why *why)
{
    int error = check_path(member, why);

    if (error == 0)
        error = check_map(member, "a range, as in {low: 0, high: 1}", why);
    if (error == 0)
        error = params_bind(&range_params, member, NULL, out, why);
    if (error != 0)
        return error;
    if (yaml_find(member, "low") == NULL || yaml_find(member, "high") == NULL)
        return yaml_fail(member, why, ERR_INVALID, "a range needs both low and high");
    if (out->low > out->high)
        return yaml_fail(member, why, ERR_INVALID, "low is greater than high");
    if (out->scale == 1 && out->low <= 0)
        return yaml_fail(yaml_find(member, "low"), why, ERR_INVALID, "must be over 0 for scale: log");
    if (out->integer && (out->low != math_floor(out->low) || out->high != math_floor(out->high) ||
                            math_abs(out->low) > 9e15 || math_abs(out->high) > 9e15))
        return yaml_fail(member, why, ERR_INVALID, "low and high must be whole numbers for integer: true");
    return 0;
}

/* Whether millionths, the smallest part of a token, are fine enough for this range: then nothing finer is drawn, so
 * that amounts of money may vary as well. */
static bool
has_millionths(const struct range *range)
{
    return range->high - range->low >= 0.01 && (range->scale == 0 || range->low >= 0.001) && range->high < 1e9;
}

/* Whole numbers share the range in equal parts, each its own. */
static double
place_in(const struct range *range, double point)
{
    double low = range->low, high = range->integer ? range->high + 1.0 : range->high;
    double value = range->scale == 1 ? math_exp(math_log(low) + point * (math_log(high) - math_log(low)))
                                     : low + point * (high - low);

    if (range->integer)
        value = math_floor(value);
    else if (has_millionths(range))
        value = math_floor(value * 1e6 + 0.5) / 1e6;
    return math_clamp(value, range->low, range->high);
}

/* A number as if it had been written where its range stands. */
static const struct yaml_node *
make_value(struct arena *arena, const struct yaml_node *place, double value, bool integer)
{
    struct yaml_node *node = ARENA_ARRAY(arena, struct yaml_node, 1);
    char number[TEXT_NUMBER_SIZE];

    if (integer)
        snprintf(number, sizeof number, "%.0f", value);
    else
        text_format_real(value, number);
    *node = (struct yaml_node){.kind = YAML_SCALAR, .file = place->file, .line = place->line, .column = place->column};
    node->text = arena_text(arena, number, strlen(number));
    return node;
}

static int
read_hypercube(const struct yaml_node *node, struct arena *arena, struct sweep_factor *out, struct why *why)
{
    static const char *const also[] = {"ranges", NULL};
    const struct yaml_node *ranges = yaml_find(node, "ranges");
    struct hypercube cube;
    double *points;
    uint32_t dimension = 0;
    int error = check_map(node, "a map of samples, seed and ranges", why);

    if (error != 0 || (error = params_bind(&hypercube_params, node, also, &cube, why)) != 0)
        return error;
    if (ranges == NULL)
        return yaml_fail(node, why, ERR_INVALID, "needs ranges: {path: {low: ..., high: ...}}");
    if ((error = check_map(ranges, "a map of path: {low: ..., high: ...}", why)) != 0)
        return error;
    points = ARENA_ARRAY(arena, double, cube.samples);
    out->count = cube.samples;
    out->levels = ARENA_ARRAY(arena, struct sweep_level, cube.samples);
    for (uint32_t i = 0; i < cube.samples; i++) {
        struct buffer label = {0};

        text_addf(&label, "point %u", (unsigned)i + 1);
        out->levels[i].label = keep_text(arena, &label);
        out->levels[i].list = ARENA_ARRAY(arena, struct sweep_assignment, ranges->count);
    }
    for (const struct yaml_node *member = ranges->first; member != NULL; member = member->next, dimension++) {
        struct range range;

        if ((error = read_range(member, &range, why)) != 0)
            return error;
        sweep_factor_draw((uint64_t)cube.seed, dimension, cube.samples, points);
        for (uint32_t i = 0; i < cube.samples; i++) {
            struct sweep_level *level = &out->levels[i];

            level->list[level->count++] = (struct sweep_assignment){.path = member->key,
                .value = make_value(arena, member, place_in(&range, points[i]), range.integer)};
        }
    }
    return 0;
}

int
sweep_factor_read(const struct yaml_node *root, struct arena *arena,
    struct sweep_factor out[SWEEP_FACTOR_MAX], uint32_t *count, struct why *why)
{
    int error = 0;

    *count = 0;
    for (const struct yaml_node *node = root->first; error == 0 && node != NULL; node = node->next) {
        bool is_grid = strcmp(node->key, "grid") == 0;
        const struct yaml_node *member;

        if (is_grid && (error = check_map(node, "a map of path: [values]", why)) != 0)
            return error;
        if (*count + (is_grid ? node->count : 1) > SWEEP_FACTOR_MAX)
            return yaml_fail(node, why, ERR_LIMIT, "more than %u things vary", SWEEP_FACTOR_MAX);
        memset(&out[*count], 0, sizeof out[0]);
        if (strcmp(node->key, "zip") == 0)
            error = read_zip(node, root, arena, &out[(*count)++], why);
        else if (strcmp(node->key, "list") == 0)
            error = read_list(node, arena, &out[(*count)++], why);
        else if (strcmp(node->key, "latin_hypercube") == 0)
            error = read_hypercube(node, arena, &out[(*count)++], why);
        for (member = is_grid ? node->first : NULL; error == 0 && member != NULL; member = member->next) {
            memset(&out[*count], 0, sizeof out[0]);
            error = read_grid_path(member, root, arena, &out[(*count)++], why);
        }
    }
    return error;
}
