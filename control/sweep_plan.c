#include "control/sweep_plan.h"

#include "control/alias.h"
#include "core/assert.h"
#include "core/params.h"
#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STOP_PARAMS(P, S)                                                                                            \
    P(S, TEXT, metric, "toxicity_rate", 1, 95, "figure", "whose interval counts")                                    \
    P(S, F64, half_width, 0.01, 0.0, INFINITY, "", "of the 95 % interval at which a cell stops")                     \
    P(S, U32, min_seeds, 10, 2, SWEEP_SEED_MAX, "seeds", "before the first look")                                    \
    P(S, U32, batch, 5, 1, SWEEP_SEED_MAX, "seeds", "between one look and the next")
PARAMS_DEFINE(stop, STOP_PARAMS)

#define SEEDS_PARAMS(P, S)                                                                                           \
    P(S, U32, count, 30, 1, SWEEP_SEED_MAX, "seeds", "replicates of every cell")                                     \
    P(S, I64, first, 1, 0, 9007199254740991.0 - SWEEP_SEED_MAX, "", "seed of the first replicate")
PARAMS_DEFINE(seeds, SEEDS_PARAMS)

static const char *const keys[] = {"name", "description", "scenario", "set", "grid", "zip", "list", "latin_hypercube",
    "seeds", "baseline", "metrics", "stop_when", NULL};

/* ---- the simple sections ---- */

static int
check_keys(const struct yaml_node *root, struct why *why)
{
    if (root->kind != YAML_MAP)
        return yaml_fail(root, why, ERR_INVALID, "a sweep is a map with a scenario and what varies");
    for (const struct yaml_node *member = root->first; member != NULL; member = member->next) {
        const char *near = params_nearest(member->key, keys);
        bool known = strncmp(member->key, "x-", 2) == 0;

        for (uint32_t i = 0; keys[i] != NULL; i++)
            known = known || strcmp(keys[i], member->key) == 0;
        if (!known && near != NULL)
            return yaml_fail_key(
                member, why, ERR_UNKNOWN, "unknown key '%.60s'; did you mean '%s'?", member->key, near);
        if (!known)
            return yaml_fail_key(member, why, ERR_UNKNOWN,
                "unknown key '%.60s'; polis help sweep lists them (keys of your own begin with x-)", member->key);
    }
    return 0;
}

static int
read_words(struct sweep_plan *self, const struct yaml_node *root, struct why *why)
{
    const struct yaml_node *name = yaml_find(root, "name"), *description = yaml_find(root, "description");
    const char *begin = strrchr(self->path, '/') != NULL ? strrchr(self->path, '/') + 1 : self->path;
    int error = 0;

    self->name = arena_text(self->arena, begin, strcspn(begin, "."));
    self->description = "";
    if (name != NULL)
        error = yaml_get_text(name, &self->name, why);
    if (error == 0 && description != NULL)
        error = yaml_get_text(description, &self->description, why);
    return error;
}

/* What the scenario wants shown of a run is what the sweep shows, unless it says itself. A cell need not have all of
 * these figures, so they are no part of its scenario. */
static void
take_wishes(struct sweep_plan *self)
{
    struct yaml_node *root = yaml_root(self->tree);
    struct yaml_node *wishes = yaml_find(yaml_root(self->base), "metrics_to_track");

    if (wishes == NULL)
        return;
    if (yaml_find(root, "metrics") == NULL)
        yaml_put(self->tree, root, "metrics", wishes);
    yaml_remove(self->base, wishes);
}

/* A name or file, looked for beside the sweep first, or the scenario itself. */
static int
read_scenario(struct sweep_plan *self, const struct yaml_node *root, struct why *why)
{
    const struct yaml_node *node = yaml_find(root, "scenario");
    char path[LIBRARY_PATH_SIZE];
    struct why inner = {0};
    const char *name;
    int error;

    if (node == NULL)
        return yaml_fail(root, why, ERR_MISSING, "no scenario is named, as in scenario: baseline");
    if (node->kind == YAML_MAP) {
        self->base = yaml_new("scenario");
        yaml_merge(self->base, node);
        return alias_apply(self->base, false, why);
    }
    if ((error = yaml_get_text(node, &name, why)) != 0)
        return error;
    if (library_find(&library_scenarios, name, self->path, path, &inner) != 0)
        return yaml_fail(node, why, inner.code, "%s", inner.text);
    return scenario_read(path, NULL, 0, &self->base, why);
}

static void
take_seeds(struct sweep_plan *self, uint32_t count, int64_t first)
{
    self->seed_count = count;
    self->seeds = ARENA_ARRAY(self->arena, int64_t, count);
    for (uint32_t i = 0; i < count; i++)
        self->seeds[i] = first + i;
}

static int
read_seed_list(struct sweep_plan *self, const struct yaml_node *node, struct why *why)
{
    if (node->count == 0 || node->count > SWEEP_SEED_MAX)
        return yaml_fail(node, why, ERR_INVALID, "must be a list of 1 to %u seeds", SWEEP_SEED_MAX);
    self->seeds = ARENA_ARRAY(self->arena, int64_t, node->count);
    for (const struct yaml_node *item = node->first; item != NULL; item = item->next) {
        int64_t seed;
        int error = yaml_get_integer(item, &seed, why);

        if (error != 0)
            return error;
        if (seed < 0 || seed > 9007199254740991)
            return yaml_fail(item, why, ERR_INVALID, "a seed is a whole number from 0 to 2^53 - 1");
        for (uint32_t i = 0; i < self->seed_count; i++)
            if (self->seeds[i] == seed)
                return yaml_fail(item, why, ERR_INVALID, "the seed %lld is there twice", (long long)seed);
        self->seeds[self->seed_count++] = seed;
    }
    return 0;
}

static int
read_seeds(struct sweep_plan *self, const struct yaml_node *root, uint32_t asked, struct why *why)
{
    const struct yaml_node *node = yaml_find(root, "seeds");
    struct seeds seeds = {0};
    int error;

    if (node != NULL && node->kind == YAML_LIST) {
        error = read_seed_list(self, node, why);
        if (error == 0 && asked > self->seed_count)
            return yaml_fail(node, why, ERR_INVALID, "only %u seeds are listed, and --seeds asks for %u",
                (unsigned)self->seed_count, (unsigned)asked);
        self->seed_count = asked > 0 && error == 0 ? asked : self->seed_count;
        return error;
    }
    if (node != NULL && node->kind == YAML_SCALAR) {
        error = params_bind_row(params_find(&seeds_params, "count"), node, &seeds, why);
        seeds.first = 1;
    } else {
        error = params_bind(&seeds_params, node != NULL && node->kind != YAML_NULL ? node : NULL, NULL, &seeds, why);
    }
    if (error == 0)
        take_seeds(self, asked > 0 ? asked : seeds.count, seeds.first);
    return error;
}

static int
read_metrics(struct sweep_plan *self, const struct yaml_node *root, struct why *why)
{
    const struct yaml_node *node = yaml_find(root, "metrics");
    int error = 0;

    if (node == NULL || node->kind == YAML_NULL)
        return 0;
    if (node->kind != YAML_LIST)
        return yaml_fail(node, why, ERR_INVALID, "must be a list of names of figures");
    self->metrics = ARENA_ARRAY(self->arena, const char *, node->count + 1);
    for (const struct yaml_node *item = node->first; error == 0 && item != NULL; item = item->next)
        error = yaml_get_text(item, &self->metrics[self->metric_count++], why);
    return error;
}

static int
read_stop(struct sweep_plan *self, const struct yaml_node *root, struct why *why)
{
    const struct yaml_node *node = yaml_find(root, "stop_when");
    struct stop stop;
    int error;

    if (node == NULL || node->kind == YAML_NULL)
        return 0;
    if ((error = params_bind(&stop_params, node, NULL, &stop, why)) != 0)
        return error;
    if (yaml_find(node, "metric") == NULL || yaml_find(node, "half_width") == NULL)
        return yaml_fail(node, why, ERR_INVALID, "needs a metric and a half_width");
    self->stop = (struct sweep_stop){.metric = arena_text(self->arena, stop.metric, strlen(stop.metric)),
        .half_width = stop.half_width,
        .min_seeds = stop.min_seeds,
        .batch = stop.batch};
    return 0;
}

/* ---- overrides of the command line ---- */

/* Lays "path=value" into `set`, where it is kept with the sweep. */
static int
take_override(struct sweep_plan *self, const char *override, struct why *why)
{
    struct yaml_node *root = yaml_root(self->tree);
    struct yaml_node *set = yaml_find(root, "set");
    struct yaml_tree *value = yaml_new("-s");
    struct buffer text = {0};
    const char *equals = override;
    char *path = NULL;
    bool quoted = false;
    int error;

    while (*equals != '\0' && (quoted || *equals != '='))
        quoted = *equals++ == '"' ? !quoted : quoted;
    text_addf(&text, "value%s", equals);
    buffer_append(&text, "", 1);
    error = *equals == '\0' || equals == override || (size_t)(equals - override) > YAML_KEY_MAX
                ? fail(why, ERR_INVALID, "-s: %.80s: write path=value", override)
                : yaml_set(value, "-s", (const char *)text.data, why);
    if (error == 0 && set != NULL && set->kind != YAML_MAP && set->kind != YAML_NULL)
        error = yaml_fail(set, why, ERR_INVALID, "must be a map of path: value");
    if (error == 0) {
        path = arena_text(self->arena, override, (size_t)(equals - override));
        if (set == NULL)
            set = yaml_put_empty(self->tree, root, "set", YAML_MAP);
        yaml_put(self->tree, set, path, yaml_find(yaml_root(value), "value"));
    }
    buffer_fini(&text);
    yaml_destroy(&value);
    return error;
}

/* A factor would overwrite what -s says for every cell. */
static int
check_overrides(const struct sweep_plan *self, const struct sweep_factor *factors, uint32_t count,
    const struct sweep_asked *asked, struct why *why)
{
    for (uint32_t s = 0; s < self->set_count; s++)
        for (uint32_t f = 0; f < count && self->set[s].value->line == 0 && asked->override_count > 0; f++)
            for (uint32_t i = 0; i < factors[f].levels[0].count; i++)
                if (strcmp(factors[f].levels[0].list[i].path, self->set[s].path) == 0)
                    return fail(why, ERR_INVALID, "-s %s: the sweep varies this one itself", self->set[s].path);
    return 0;
}

/* ---- cells ---- */

static void
make_cell(struct sweep_plan *self, const struct sweep_factor *factors, uint32_t factor_count, uint32_t index)
{
    struct sweep_cell *cell = &self->cells[index];
    uint32_t at[SWEEP_FACTOR_MAX], total = self->set_count;
    struct buffer label = {0};

    for (uint32_t f = factor_count; f > 0; f--) { /* the last one varies fastest */
        at[f - 1] = index % factors[f - 1].count;
        index /= factors[f - 1].count;
        total += factors[f - 1].levels[at[f - 1]].count;
    }
    cell->list = ARENA_ARRAY(self->arena, struct sweep_assignment, total + 1);
    for (uint32_t i = 0; i < self->set_count; i++)
        cell->list[cell->count++] = self->set[i];
    for (uint32_t f = 0; f < factor_count; f++) {
        const struct sweep_level *level = &factors[f].levels[at[f]];

        for (uint32_t i = 0; i < level->count; i++)
            cell->list[cell->count++] = level->list[i];
        text_addf(&label, "%s%s", label.size > 0 ? " " : "", level->label);
    }
    if (label.size == 0)
        text_add(&label, "all");
    cell->label = arena_text(self->arena, (const char *)label.data, label.size);
    buffer_fini(&label);
}

static int
compare_labels(const void *a, const void *b)
{
    const struct sweep_cell *const *left = a;
    const struct sweep_cell *const *right = b;

    return strcmp((*left)->label, (*right)->label);
}

static int
check_labels(const struct sweep_plan *self, struct why *why)
{
    const struct sweep_cell **sorted = ALLOC_ARRAY(const struct sweep_cell *, self->cell_count);
    int error = 0;

    for (uint32_t i = 0; i < self->cell_count; i++)
        sorted[i] = &self->cells[i];
    qsort(sorted, self->cell_count, sizeof sorted[0], compare_labels);
    for (uint32_t i = 1; error == 0 && i < self->cell_count; i++)
        if (strcmp(sorted[i - 1]->label, sorted[i]->label) == 0)
            error = yaml_fail(yaml_root(self->tree), why, ERR_INVALID,
                "two cells are called '%.100s'; labels and values must differ", sorted[i]->label);
    free(sorted);
    return error;
}

static int
make_cells(struct sweep_plan *self, const struct sweep_asked *asked, struct why *why)
{
    const struct yaml_node *root = yaml_root(self->tree);
    struct sweep_factor factors[SWEEP_FACTOR_MAX];
    uint32_t factor_count;
    uint64_t cells = 1;
    int error = sweep_factor_read(root, self->arena, factors, &factor_count, why);

    if (error == 0 && yaml_find(root, "set") != NULL)
        error = sweep_factor_read_map(yaml_find(root, "set"), self->arena, &self->set, &self->set_count, why);
    if (error == 0)
        error = check_overrides(self, factors, factor_count, asked, why);
    for (uint32_t f = 0; error == 0 && f < factor_count; f++)
        if ((cells *= factors[f].count) > SWEEP_CELL_MAX)
            return yaml_fail(root, why, ERR_LIMIT, "more than %u cells", SWEEP_CELL_MAX);
    if (error != 0)
        return error;
    if (cells * self->seed_count > SWEEP_RUN_MAX)
        return yaml_fail(root, why, ERR_LIMIT, "more than %u runs", SWEEP_RUN_MAX);
    self->cell_count = (uint32_t)cells;
    self->cells = ARENA_ARRAY(self->arena, struct sweep_cell, cells);
    for (uint32_t i = 0; i < self->cell_count; i++)
        make_cell(self, factors, factor_count, i);
    return check_labels(self, why);
}

static int
choose_baseline(struct sweep_plan *self, struct why *why)
{
    const struct yaml_node *node = yaml_find(yaml_root(self->tree), "baseline");
    struct text_nearest nearest = {0};
    const char *label;
    int error;

    if (node == NULL || node->kind == YAML_NULL)
        return 0;
    if ((error = yaml_get_text(node, &label, why)) != 0)
        return error;
    nearest.name = label;
    for (uint32_t i = 0; i < self->cell_count; i++) {
        if (strcmp(self->cells[i].label, label) == 0) {
            self->baseline = i;
            return 0;
        }
        text_nearest_offer(&nearest, self->cells[i].label);
    }
    return yaml_fail(node, why, ERR_UNKNOWN, "no cell is called '%.60s'; the %s is '%.60s'", label,
        nearest.best != NULL ? "nearest" : "first", nearest.best != NULL ? nearest.best : self->cells[0].label);
}

/* ---- the scenario of a cell ---- */

/* Sets one value. The value keeps its place in the sweep's file, so that a complaint about it names that place. */
static int
apply(struct yaml_tree *tree, const struct sweep_assignment *assignment, struct why *why)
{
    const struct yaml_node *value = assignment->value;
    struct buffer text = {0};
    char place[LIBRARY_PATH_SIZE + 32];
    struct yaml_node *node;
    int error;

    if (value->line > 0)
        snprintf(place, sizeof place, "%s:%u:%u", value->file, (unsigned)value->line, (unsigned)value->column);
    else
        snprintf(place, sizeof place, "%s", value->file != NULL ? value->file : "-s");
    node = yaml_find_path(yaml_root(tree), assignment->path);
    text_addf(&text, "%s=", assignment->path);
    if (node != NULL && node->parent != NULL && node->parent->kind == YAML_LIST)
        sweep_factor_write_flow(value, &text);
    buffer_append(&text, "", 1);
    error = yaml_set(tree, place, (const char *)text.data, why);
    buffer_fini(&text);
    node = yaml_find_path(yaml_root(tree), assignment->path);
    if (error == 0 && node != NULL && node->parent != NULL && node->parent->kind == YAML_MAP)
        yaml_put(tree, node->parent, node->key, value);
    return error != 0 ? error : alias_apply(tree, true, why);
}

/* What a path is called in a resolved scenario: its other spellings made ours, a map's members apart. */
static void
add_param(struct sweep_plan *self, const char *path, uint32_t *capacity)
{
    for (uint32_t i = 0; i < self->param_count; i++)
        if (strcmp(self->params[i], path) == 0)
            return;
    if (self->param_count == *capacity) {
        const char **grown;

        *capacity = *capacity > 0 ? 2 * *capacity : 16;
        grown = ARENA_ARRAY(self->arena, const char *, *capacity);
        for (uint32_t i = 0; i < self->param_count; i++)
            grown[i] = self->params[i];
        self->params = grown;
    }
    self->params[self->param_count++] = arena_text(self->arena, path, strlen(path));
}

static void
add_leaves(struct sweep_plan *self, const struct yaml_node *node, uint32_t *capacity)
{
    char path[1024];

    if (node->kind == YAML_MAP && node->count > 0) {
        for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
            add_leaves(self, child, capacity);
        return;
    }
    yaml_path(node, path, sizeof path);
    add_param(self, path, capacity);
}

static void
name_params(struct sweep_plan *self)
{
    const struct sweep_assignment *last = NULL;
    uint32_t capacity = 0;

    for (uint32_t c = 0; c < self->cell_count; c++)
        for (uint32_t i = 0; i < self->cells[c].count; i++) {
            const struct sweep_assignment *assignment = &self->cells[c].list[i];
            struct yaml_tree *tree;

            /* What one cell sets is mostly what the cell before it sets, too. */
            last = c > 0 && i < self->cells[c - 1].count ? &self->cells[c - 1].list[i] : NULL;
            if (last != NULL && last->value == assignment->value)
                continue;
            tree = yaml_new("path");
            if (apply(tree, assignment, NULL) == 0)
                add_leaves(self, yaml_root(tree), &capacity);
            else
                add_param(self, assignment->path, &capacity);
            yaml_destroy(&tree);
        }
}

static int
make_tree(const struct sweep_plan *self, uint32_t cell, struct yaml_tree **out, struct why *why)
{
    int error = 0;

    *out = yaml_new("scenario");
    yaml_merge(*out, yaml_root(self->base));
    for (uint32_t i = 0; error == 0 && i < self->cells[cell].count; i++)
        error = apply(*out, &self->cells[cell].list[i], why);
    if (error != 0)
        yaml_destroy(out);
    return error;
}

int
sweep_plan_scenario(
    const struct sweep_plan *self, uint32_t cell, int64_t seed, struct scenario *out, struct why *why)
{
    struct yaml_tree *tree;
    char assignment[64];
    int error;

    ASSERT(cell < self->cell_count);

    memset(out, 0, sizeof *out);
    if ((error = make_tree(self, cell, &tree, why)) != 0)
        return error;
    snprintf(assignment, sizeof assignment, "simulation.seed=%lld", (long long)seed);
    if ((error = yaml_set(tree, "seeds", assignment, why)) != 0) {
        yaml_destroy(&tree);
        return error;
    }
    return scenario_resolve(&tree, out, why);
}

/* Whether a cell has the figure: asked as metrics_to_track is, which keeps the place in the sweep's file. */
static int
check_metric(const struct sweep_plan *self, uint32_t cell, const struct yaml_node *metric, struct why *why)
{
    struct yaml_tree *tree;
    struct scenario scenario;
    int error = make_tree(self, cell, &tree, why);

    if (error != 0)
        return error;
    yaml_add(tree, yaml_put_empty(tree, yaml_root(tree), "metrics_to_track", YAML_LIST), metric);
    error = scenario_resolve(&tree, &scenario, why);
    scenario_fini(&scenario);
    return error;
}

/* The figures that are asked for must be some that at least one cell has; in the others they are NA. */
static int
check_metrics(const struct sweep_plan *self, struct why *why)
{
    struct yaml_node *root = yaml_root(self->tree);
    const struct yaml_node *metrics = yaml_find(root, "metrics");
    const struct yaml_node *stop = yaml_find_path(root, "stop_when.metric");
    const struct yaml_node *next = metrics != NULL ? metrics->first : NULL;

    for (const struct yaml_node *metric = next != NULL ? next : stop; metric != NULL; metric = next) {
        int error = check_metric(self, 0, metric, why);

        for (uint32_t c = 1; error != 0 && c < self->cell_count; c++)
            if (check_metric(self, c, metric, NULL) == 0)
                error = 0;
        if (error != 0)
            return error;
        next = metric == stop ? NULL : metric->next != NULL ? metric->next : stop;
    }
    return 0;
}

/* The value of a parameter in a resolved cell, as text. */
static const char *
show_value(struct sweep_plan *self, const struct yaml_node *node)
{
    struct buffer text = {0};
    const char *kept;

    if (node == NULL || node->kind == YAML_NULL)
        return NULL;
    if (node->kind == YAML_SCALAR)
        return arena_text(self->arena, node->text, strlen(node->text));
    sweep_factor_write_flow(node, &text);
    kept = arena_text(self->arena, (const char *)text.data, text.size);
    buffer_fini(&text);
    return kept;
}

static int
resolve_cell(struct sweep_plan *self, uint32_t index, struct why *why)
{
    struct sweep_cell *cell = &self->cells[index];
    struct scenario scenario;
    const struct yaml_node *agents;
    uint64_t agent_count = 0;
    int error = sweep_plan_scenario(self, index, self->seeds[0], &scenario, why);

    if (error != 0) {
        scenario_fini(&scenario);
        return fail_prefix(why, "cell %u (%.100s)", (unsigned)index + 1, cell->label);
    }
    cell->values = ARENA_ARRAY(self->arena, const char *, self->param_count + 1);
    for (uint32_t p = 0; p < self->param_count; p++)
        cell->values[p] = show_value(self, yaml_find_path(yaml_root(scenario.tree), self->params[p]));
    agents = yaml_find(yaml_root(scenario.tree), "agents");
    for (const struct yaml_node *group = agents != NULL ? agents->first : NULL; group != NULL; group = group->next) {
        const struct yaml_node *count = yaml_find(group, "count");
        int64_t number = 0;

        if (count != NULL && yaml_get_integer(count, &number, NULL) == 0 && number > 0)
            agent_count += (uint64_t)number;
    }
    cell->work = (agent_count > 0 ? agent_count : 1) * scenario.plan.steps;
    scenario_fini(&scenario);
    return 0;
}

/* ---- the whole ---- */

int
sweep_plan_read(const char *path, const struct sweep_asked *asked, struct sweep_plan *out, struct why *why)
{
    struct yaml_node *root;
    int error;

    memset(out, 0, sizeof *out);
    if (strlen(path) >= sizeof out->path)
        return fail(why, ERR_LIMIT, "the path of the sweep is too long");
    snprintf(out->path, sizeof out->path, "%s", path);
    out->arena = arena_new(1u << 16);
    if ((error = yaml_read_file(path, &out->tree, why)) != 0)
        return error;
    root = yaml_root(out->tree);
    if ((error = check_keys(root, why)) != 0)
        return error;
    for (uint32_t i = 0; error == 0 && i < asked->override_count; i++)
        error = take_override(out, asked->overrides[i], why);
    if (error != 0 || (error = read_words(out, root, why)) != 0 || (error = read_scenario(out, root, why)) != 0)
        return error;
    take_wishes(out);
    if ((error = read_seeds(out, root, asked->seed_count, why)) != 0 || (error = read_metrics(out, root, why)) != 0 ||
        (error = read_stop(out, root, why)) != 0 || (error = make_cells(out, asked, why)) != 0 ||
        (error = choose_baseline(out, why)) != 0)
        return error;
    name_params(out);
    for (uint32_t i = 0; error == 0 && i < out->cell_count; i++)
        error = resolve_cell(out, i, why);
    return error != 0 ? error : check_metrics(out, why);
}

void
sweep_plan_fini(struct sweep_plan *self)
{
    yaml_destroy(&self->tree);
    yaml_destroy(&self->base);
    if (self->arena != NULL)
        arena_destroy(&self->arena);
    memset(self, 0, sizeof *self);
}

void
sweep_plan_write(const struct sweep_plan *self, struct buffer *out)
{
    const struct yaml_node *from = yaml_root(self->tree);
    struct yaml_tree *tree = yaml_new("sweep");
    struct yaml_node *root = yaml_root(tree);
    struct yaml_node *list;

    yaml_put_quoted(tree, root, "name", self->name);
    for (uint32_t i = 1; keys[i] != NULL; i++) {
        const struct yaml_node *member = yaml_find(from, keys[i]);

        if (strcmp(keys[i], "scenario") == 0)
            yaml_put(tree, root, "scenario", yaml_root(self->base));
        else if (strcmp(keys[i], "baseline") == 0)
            yaml_put_quoted(tree, root, "baseline", self->cells[self->baseline].label);
        else if (strcmp(keys[i], "seeds") != 0 && member != NULL)
            yaml_put(tree, root, keys[i], member);
    }
    list = yaml_put_empty(tree, root, "seeds", YAML_LIST);
    for (uint32_t i = 0; i < self->seed_count; i++) {
        struct yaml_tree *one = yaml_new("seed");
        char number[24];

        snprintf(number, sizeof number, "%lld", (long long)self->seeds[i]);
        yaml_add(tree, list, yaml_put_text(one, yaml_root(one), "seed", number));
        yaml_destroy(&one);
    }
    yaml_write(root, out);
    yaml_destroy(&tree);
}
