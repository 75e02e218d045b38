#include "control/figures.h"

#include "core/arena.h"
#include "core/assert.h"
#include "core/text.h"
#include "proto/sandbox.h"
#include "world/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is shown when the scenario does not say, as far as the domain has it. */
static const char *const usual[] = {"interactions", "acceptance_rate", "toxicity_rate", "hard_toxicity", "quality_gap",
    "total_welfare", "welfare_hard", NULL};
#define USUAL_MAX 7u

void
figures_fini(struct figures *self)
{
    for (uint32_t i = 0; i < self->row_count; i++)
        free(self->rows[i].cells);
    free(self->rows);
    free(self->names);
    memset(self, 0, sizeof *self);
}

uint32_t
figures_find(const struct figures *self, const char *name)
{
    for (uint32_t i = 0; i < self->name_count; i++)
        if (strcmp(self->names[i], name) == 0)
            return i;
    return UINT32_MAX;
}

static void *
grow(void *memory, size_t count, size_t size)
{
    void *grown = reallocarray(memory, count, size);

    ASSERT(grown != NULL);
    return grown;
}

static uint32_t
add_name(struct figures *self, const char *name)
{
    uint32_t column = self->name_count++;

    self->names = grow(self->names, self->name_count, FIGURE_NAME_SIZE);
    snprintf(self->names[column], FIGURE_NAME_SIZE, "%s", name);
    for (uint32_t i = 0; i < self->row_count; i++) {
        self->rows[i].cells = grow(self->rows[i].cells, self->name_count, sizeof(struct figure));
        self->rows[i].cells[column] = (struct figure){.value = 0, .known = false};
    }
    return column;
}

void
figures_begin(struct figures *self, uint64_t step, uint32_t epoch)
{
    struct figures_row *row;

    if (self->row_count == self->row_capacity) {
        self->row_capacity = self->row_capacity > 0 ? 2 * self->row_capacity : 16;
        self->rows = grow(self->rows, self->row_capacity, sizeof *self->rows);
    }
    row = &self->rows[self->row_count++];
    *row = (struct figures_row){.step = step, .epoch = epoch};
    row->cells = alloc_array(self->name_count > 0 ? self->name_count : 1, sizeof(struct figure));
}

void
figures_set(struct figures *self, const char *name, double value, bool known)
{
    uint32_t column = figures_find(self, name);

    ASSERT(self->row_count > 0);

    if (column == UINT32_MAX)
        column = add_name(self, name);
    self->rows[self->row_count - 1].cells[column] = (struct figure){.value = value, .known = known};
}

int
figures_add(struct figures *self, uint64_t step, uint32_t epoch, const struct batch *summary, struct why *why)
{
    if (summary->schema != &schema_summary)
        return fail(why, ERR_FORMAT, "step %llu: figures of schema %u", (unsigned long long)step,
            (unsigned)summary->schema->id);
    figures_begin(self, step, epoch);
    for (uint32_t i = 0; i < summary->count[SUMMARY_ROW]; i++) {
        uint32_t begin = batch_u32(summary, SUMMARY_names, i);
        uint32_t size = batch_u32(summary, SUMMARY_names, i + 1) - begin;
        char name[FIGURE_NAME_SIZE];

        if (size >= sizeof name)
            return fail(
                why, ERR_FORMAT, "step %llu: a figure's name has %u bytes", (unsigned long long)step, (unsigned)size);
        for (uint32_t j = 0; j < size; j++)
            name[j] = (char)batch_u8(summary, SUMMARY_text, begin + j);
        name[size] = '\0';
        figures_set(self, name, batch_f64(summary, SUMMARY_value, i), batch_u8(summary, SUMMARY_known, i) != 0);
    }
    return 0;
}

/* ---- reading the log ---- */

static int
read_step(struct store *store, uint64_t step, enum figures_of what, struct figures *out, struct why *why)
{
    struct buffer header = {0};
    struct buffer data = {0};
    struct store_commit commit;
    struct record_head head;
    struct section section;
    struct batch batch;
    uint64_t offset = 0;
    int error = store_read_step(store, step, &header, &data, &commit, why);

    if (error == 0)
        error = record_head_read(header.data, header.size, &head, why);
    for (uint32_t i = 0; error == 0 && i < head.section_count; i++) {
        error = record_next(data.data, data.size, &offset, &section, why);
        if (error != 0 || section.kind != SECTION_FIGURES || section.round != (uint32_t)what)
            continue;
        error = batch_read(&schema_summary, section.bytes, section.size, &batch, why);
        if (error == 0)
            error = figures_add(out, step, head.simulation_epoch, &batch, why);
    }
    buffer_fini(&header);
    buffer_fini(&data);
    return error;
}

int
figures_read_epoch(struct store *store, uint64_t step, struct figures *out, struct why *why)
{
    return read_step(store, step, FIGURES_EPOCH, out, why);
}

int
figures_read(
    struct store *store, const struct plan *plan, uint64_t upto, uint32_t at_most, struct figures *out, struct why *why)
{
    uint64_t per_epoch = plan->simulation.steps_per_epoch;
    uint64_t first = store_base(store) / per_epoch; /* a fork's own epochs begin with the one that it branched off in */
    uint64_t epochs = upto / per_epoch - first;
    uint64_t rows = at_most > 1 && epochs > at_most ? at_most : epochs;
    int error = 0;

    for (uint64_t i = 0; error == 0 && i < rows; i++) {
        /* Evenly spaced from the first epoch to the last. */
        uint64_t epoch = first + (rows == epochs ? i : i * (epochs - 1) / (rows - 1));

        error = figures_read_epoch(store, (epoch + 1) * per_epoch, out, why);
    }
    return error;
}

int
figures_read_whole(struct store *store, const struct plan *plan, struct figures *out, struct why *why)
{
    uint64_t per_epoch = plan->simulation.steps_per_epoch;
    uint64_t step = store_committed(store).step / per_epoch * per_epoch;

    if (step <= store_base(store))
        return fail(why, ERR_MISSING, "no epoch has ended yet");
    return read_step(store, step, FIGURES_RUN, out, why);
}

/* ---- showing ---- */

uint32_t
figures_choose(const struct figures *self, const struct yaml_node *metrics, uint32_t out[], uint32_t max)
{
    uint32_t count = 0;

    if (metrics != NULL && metrics->first != NULL) {
        for (const struct yaml_node *item = metrics->first; item != NULL && count < max; item = item->next) {
            uint32_t column = item->text != NULL ? figures_find(self, item->text) : UINT32_MAX;

            if (column != UINT32_MAX)
                out[count++] = column;
        }
        return count;
    }
    for (uint32_t i = 0; usual[i] != NULL && count < max && count < USUAL_MAX; i++) {
        uint32_t column = figures_find(self, usual[i]);

        if (column != UINT32_MAX)
            out[count++] = column;
    }
    for (uint32_t i = 0; count == 0 && i < self->name_count && i < max && i < USUAL_MAX; i++)
        out[i] = i;
    return count > 0 ? count : (self->name_count < USUAL_MAX ? self->name_count : USUAL_MAX);
}

void
figures_format(const struct figure *figure, char out[32])
{
    double size = fabs(figure->value);

    if (!figure->known)
        snprintf(out, 32, "-");
    else if (figure->value == floor(figure->value) && size < 1e9)
        snprintf(out, 32, "%.0f", figure->value);
    else if (size >= 1e7 || size < 1e-4)
        snprintf(out, 32, "%.3g", figure->value);
    else if (size >= 1000)
        snprintf(out, 32, "%.1f", figure->value);
    else if (size >= 10)
        snprintf(out, 32, "%.2f", figure->value);
    else
        snprintf(out, 32, "%.4f", figure->value);
}

void
figures_write_table(const struct figures *self, const uint32_t columns[], uint32_t column_count, struct buffer *out)
{
    char text[32];

    text_addf(out, "%7s", "epoch");
    for (uint32_t c = 0; c < column_count; c++)
        text_addf(out, "  %*s", 12, self->names[columns[c]]);
    text_add(out, "\n");
    for (uint32_t r = 0; r < self->row_count; r++) {
        text_addf(out, "%7u", (unsigned)self->rows[r].epoch + 1);
        for (uint32_t c = 0; c < column_count; c++) {
            size_t width = strlen(self->names[columns[c]]);

            figures_format(&self->rows[r].cells[columns[c]], text);
            text_addf(out, "  %*s", (int)(width > 12 ? width : 12), text);
        }
        text_add(out, "\n");
    }
}

void
figures_write_json(const struct figures *self, uint32_t row, struct buffer *out)
{
    if (row >= self->row_count) {
        text_add(out, "null");
        return;
    }
    text_add(out, "{");
    for (uint32_t i = 0; i < self->name_count; i++) {
        const struct figure *figure = &self->rows[row].cells[i];
        char number[TEXT_NUMBER_SIZE];

        text_add(out, i > 0 ? ", " : "");
        text_add_json(out, self->names[i], strlen(self->names[i]));
        text_format_real(figure->value, number);
        text_addf(out, ": %s", figure->known && isfinite(figure->value) ? number : "null");
    }
    text_add(out, "}");
}

static void
take_figure(void *context, const char *name, double value, bool known)
{
    figures_set(context, name, value, known);
}

/* ---- the scenario's wish ---- */

int
figures_check_names(const struct yaml_node *scenario, const struct domain *domain, uint64_t seed, struct why *why)
{
    const struct yaml_node *metrics = yaml_find(scenario, "metrics_to_track");
    struct figures known = {0};
    void *self = NULL;
    int error;

    if (metrics == NULL || metrics->kind == YAML_NULL)
        return 0;
    if (metrics->kind != YAML_LIST)
        return yaml_fail(metrics, why, ERR_INVALID, "must be a list of names of figures");
    if ((error = domain->configure(scenario, seed, &self, why)) != 0)
        return error;
    domain->genesis(self);
    figures_begin(&known, 0, 0);
    domain->figures(self, false, take_figure, &known);
    for (const struct yaml_node *item = metrics->first; item != NULL && error == 0; item = item->next) {
        struct text_nearest nearest = {0};
        const char *name;

        if ((error = yaml_get_text(item, &name, why)) != 0 || figures_find(&known, name) != UINT32_MAX)
            continue;
        nearest.name = name;
        for (uint32_t i = 0; i < known.name_count; i++)
            text_nearest_offer(&nearest, known.names[i]);
        if (nearest.best != NULL)
            error = yaml_fail(item, why, ERR_UNKNOWN, "no figure '%.60s'; did you mean '%s'?", name, nearest.best);
        else
            error = yaml_fail(item, why, ERR_UNKNOWN, "no figure '%.60s' in the domain %s", name, domain->name);
    }
    figures_fini(&known);
    domain->destroy(self);
    return error;
}
