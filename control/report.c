#include "control/report.h"

#include "control/calls.h"
#include "control/figures.h"
#include "control/folder.h"
#include "control/talk.h"
#include "core/digest.h"
#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROWS_SHOWN 20u
#define COLUMNS_MAX 16u

struct report {
    const struct report_options *options;
    struct folder folder;
    struct store_commit tip;
    struct figures epochs, whole;
    struct why no_whole; /* why there are no figures of the whole run */
    bool has_calls;
    struct calls_sum calls;
};

/* What models were asked, where the run keeps it. */
static void
add_up_calls(struct report *self)
{
    struct calls *calls = NULL;
    struct why why = {0};

    if (calls_open(self->folder.path, yaml_root(self->folder.tree), &calls, &why) == 0)
        self->has_calls = calls_add_up(calls, &self->calls, &why) == 0;
    if (why.code != 0 && why.code != ERR_MISSING)
        talk_warn("the call log cannot be read: %s", why.text);
    calls_close(&calls);
}

static void
write_calls_json(const struct calls_sum *calls, struct buffer *out)
{
    text_addf(out, ", \"models\": {\"questions\": %" PRIu64 ", \"answered\": %" PRIu64 ", \"tokens_in\": %" PRIu64
        ", \"tokens_out\": %" PRIu64 ", \"paid\": %.6f}",
        calls->questions, calls->answered, calls->tokens_in, calls->tokens_out, (double)calls->paid / 1e6);
}

static void
write_json(const struct report *self, struct buffer *out)
{
    char chain[2 * STORE_CHAIN + 1], digest[2 * STORE_DIGEST + 1];
    double spent_s = (double)self->options->spent_ms / 1000.0;

    text_add(out, "{\"schema\": \"polis.report/1\", \"scenario\": ");
    text_add_json(out, self->folder.plan.name, strlen(self->folder.plan.name));
    text_add(out, ", \"run\": ");
    text_add_json(out, self->folder.path, strlen(self->folder.path));
    text_addf(out, ", \"seed\": %" PRId64 ", \"step\": %" PRIu64 ", \"steps\": %" PRIu64 ", \"complete\": %s",
        self->folder.plan.simulation.seed, self->tip.step, self->folder.plan.steps,
        self->tip.step >= self->folder.plan.steps ? "true" : "false");
    text_addf(out, ", \"chain\": \"%s\", \"digest\": \"%s\", \"restarts\": %u, \"seconds\": %.3f",
        digest_hex(self->tip.chain, STORE_CHAIN, chain), digest_hex(self->tip.digest, STORE_DIGEST, digest),
        (unsigned)self->options->restarts, spent_s);
    if (self->has_calls)
        write_calls_json(&self->calls, out);
    text_add(out, ", \"figures\": ");
    figures_write_json(&self->whole, 0, out);
    text_add(out, ", \"epochs\": [");
    for (uint32_t i = 0; i < self->epochs.row_count; i++) {
        text_addf(out, "%s{\"epoch\": %u, \"step\": %" PRIu64 ", \"figures\": ", i > 0 ? ", " : "",
            (unsigned)self->epochs.rows[i].epoch, self->epochs.rows[i].step);
        figures_write_json(&self->epochs, i, out);
        text_add(out, "}");
    }
    text_add(out, "]}\n");
}

/* The figures of the whole run that the table shows by epoch, as its last line. */
static void
write_whole(const struct report *self, const uint32_t columns[], uint32_t count, struct buffer *out)
{
    text_addf(out, "%7s", "run");
    for (uint32_t c = 0; c < count; c++) {
        const char *name = self->epochs.names[columns[c]];
        uint32_t column = figures_find(&self->whole, name);
        char text[32] = "-";

        if (column != UINT32_MAX)
            figures_format(&self->whole.rows[0].cells[column], text);
        text_addf(out, "  %*s", (int)(strlen(name) > 12 ? strlen(name) : 12), text);
    }
    text_add(out, "\n");
}

static void
write_words(const struct report *self, struct buffer *out)
{
    const struct yaml_node *metrics = yaml_find(yaml_root(self->folder.tree), "metrics_to_track");
    const struct plan *plan = &self->folder.plan;
    uint32_t columns[COLUMNS_MAX];
    uint32_t count = figures_choose(&self->epochs, metrics, columns, COLUMNS_MAX);
    char chain[2 * STORE_CHAIN + 1], spent[TEXT_NUMBER_SIZE];

    if (self->epochs.row_count > 0) {
        figures_write_table(&self->epochs, columns, count, out);
        if (self->whole.row_count > 0)
            write_whole(self, columns, count, out);
        text_add(out, "\n");
    }
    text_addf(out, "%s, seed %" PRId64 ": step %" PRIu64 " of %" PRIu64, plan->name, plan->simulation.seed,
        self->tip.step, plan->steps);
    if (self->options->spent_ms > 0 && self->tip.step > self->options->begun_at) {
        text_format_duration(self->options->spent_ms, spent);
        text_addf(out, " in %s (%.0f steps/s)", spent,
            (double)(self->tip.step - self->options->begun_at) * 1000.0 / (double)self->options->spent_ms);
    }
    if (self->has_calls)
        text_addf(out, "\nmodels: %" PRIu64 " questions, %" PRIu64 " answered, %" PRIu64 " tokens in, %" PRIu64
            " out, paid %.4f", self->calls.questions, self->calls.answered, self->calls.tokens_in,
            self->calls.tokens_out, (double)self->calls.paid / 1e6);
    text_addf(out, "\nchain %s\nrun   %s\n", digest_hex(self->tip.chain, STORE_CHAIN, chain), self->folder.path);
}

int
report_write(const char *folder, const struct report_options *options, struct why *why)
{
    struct report self = {.options = options};
    struct buffer text = {0};
    int error = folder_open(folder, &self.folder, why);

    if (error != 0)
        return error;
    self.tip = store_committed(self.folder.store);
    add_up_calls(&self);
    error = figures_read(
        self.folder.store, &self.folder.plan, self.tip.step, options->json ? 0 : ROWS_SHOWN, &self.epochs, why);
    if (error == 0 && self.tip.step > 0 &&
        figures_read_whole(self.folder.store, &self.folder.plan, &self.whole, &self.no_whole) != 0 &&
        self.no_whole.code != ERR_MISSING)
        talk_warn("no figures of the whole run: %s", self.no_whole.text);
    if (error == 0) {
        if (options->json)
            write_json(&self, &text);
        else if (!options->quiet)
            write_words(&self, &text);
        if (text.size > 0 && talk_data(text.data, text.size) != 0)
            error = fail(why, ERR_IO, "the report cannot be written");
    }
    buffer_fini(&text);
    figures_fini(&self.epochs);
    figures_fini(&self.whole);
    folder_close(&self.folder);
    return error;
}
