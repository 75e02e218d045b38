/* polis export: walks a run's log and writes rows. */
#include "control/calls.h"
#include "control/commands.h"
#include "control/export.h"
#include "control/figures.h"
#include "control/folder.h"
#include "control/talk.h"
#include "core/text.h"
#include "world/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define FLUSH_SIZE (1u << 20)

struct dump {
    struct folder folder;
    struct export_table table;
    enum export_format format;
    struct buffer text;
    int fd;
    bool reader_gone; /* EPIPE: nobody wants more, which is no error */
};

static int
flush(struct dump *self, struct why *why)
{
    size_t done = 0;

    while (done < self->text.size && !self->reader_gone) {
        ssize_t size = write(self->fd, self->text.data + done, self->text.size - done);

        if (size < 0 && errno == EPIPE)
            self->reader_gone = true;
        else if (size < 0 && errno != EINTR)
            return fail_errno(why, errno == ENOSPC ? ERR_FULL : ERR_IO, errno, "the rows cannot be written");
        if (size > 0)
            done += (size_t)size;
    }
    buffer_clear(&self->text);
    return 0;
}

/* ---- epochs ---- */

static int
dump_epochs(struct dump *self, struct why *why)
{
    struct figures figures = {0};
    bool csv = self->format == EXPORT_CSV;
    int error = figures_read(
        self->folder.store, &self->folder.plan, store_committed(self->folder.store).step, 0, &figures, why);

    if (csv)
        text_add(&self->text, "epoch,step");
    for (uint32_t c = 0; csv && c < figures.name_count; c++) {
        text_add(&self->text, ",");
        export_add_field(&self->text, figures.names[c], strlen(figures.names[c]));
    }
    if (csv)
        text_add(&self->text, "\n");
    for (uint32_t r = 0; error == 0 && r < figures.row_count; r++) {
        text_addf(&self->text, csv ? "%" PRIu32 ",%" PRIu64 : "{\"epoch\": %" PRIu32 ", \"step\": %" PRIu64,
            figures.rows[r].epoch, figures.rows[r].step);
        for (uint32_t c = 0; c < figures.name_count; c++) {
            const struct figure *figure = &figures.rows[r].cells[c];

            text_add(&self->text, csv ? "," : ", ");
            if (!csv) {
                text_add_json(&self->text, figures.names[c], strlen(figures.names[c]));
                text_add(&self->text, ": ");
            }
            export_add_real(&self->text, self->format, figure->known ? figure->value : (double)NAN);
        }
        text_add(&self->text, csv ? "\n" : "}\n");
    }
    figures_fini(&figures);
    return error;
}

/* ---- rows of batches ---- */

static bool
is_of(const struct section *section, const struct schema *schema)
{
    return schema != NULL && section->schema == schema->id;
}

/* Sections of one step. A joined batch (the verdict) stands behind its own (the docket) in the same phase. */
static int
dump_step(struct dump *self, uint64_t step, const struct buffer *data, struct why *why)
{
    const struct export_table *table = &self->table;
    struct section section;
    struct batch batch = {0};
    struct batch joined;
    uint64_t offset = 0;
    bool waiting = false;
    int error = 0;

    while (error == 0 && offset < data->size) {
        if ((error = record_next(data->data, data->size, &offset, &section, why)) != 0)
            break;
        if (is_of(&section, table->schema)) {
            error = batch_read(table->schema, section.bytes, section.size, &batch, why);
            if (error == 0 && table->joined == NULL)
                error = export_write_rows(table, self->format, step, section.phase, &batch, NULL, &self->text, why);
            waiting = true;
        } else if (waiting && is_of(&section, table->joined)) {
            error = batch_read(table->joined, section.bytes, section.size, &joined, why);
            if (error == 0)
                error = export_write_rows(table, self->format, step, section.phase, &batch, &joined, &self->text, why);
            waiting = false;
        }
    }
    return error;
}

static int
dump_rows(struct dump *self, struct why *why)
{
    uint64_t last = store_committed(self->folder.store).step;
    struct buffer header = {0};
    struct buffer data = {0};
    struct store_commit commit;
    int error = 0;

    if (self->format == EXPORT_CSV)
        export_write_head(&self->table, &self->text);
    for (uint64_t step = store_base(self->folder.store) + 1; step <= last && error == 0 && !self->reader_gone; step++) {
        buffer_clear(&header);
        buffer_clear(&data);
        error = store_read_step(self->folder.store, step, &header, &data, &commit, why);
        if (error == 0)
            error = dump_step(self, step, &data, why);
        if (error == 0 && self->text.size >= FLUSH_SIZE)
            error = flush(self, why);
    }
    buffer_fini(&header);
    buffer_fini(&data);
    return error;
}

/* ---- calls of models ---- */

static bool
is_calls(const char *table)
{
    return strcmp(table, "model_calls") == 0 || strcmp(table, "model_texts") == 0;
}

static int
dump_calls(struct dump *self, bool texts, struct why *why)
{
    struct calls *calls = NULL;
    int error = calls_open(self->folder.path, yaml_root(self->folder.tree), &calls, why);

    if (error != 0)
        return error;
    calls_write_head(self->format, texts, &self->text);
    for (uint32_t i = 0; i < calls_count(calls) && error == 0 && !self->reader_gone; i++) {
        error = calls_write_row(calls, i, self->format, texts, &self->text, why);
        if (error == 0 && self->text.size >= FLUSH_SIZE)
            error = flush(self, why);
    }
    calls_close(&calls);
    return error;
}

/* ---- the command ---- */

static int
choose_format(const struct invocation *invocation, struct dump *self, bool *canonical)
{
    const char *format = invocation_text(invocation, "format", "csv");

    *canonical = strcmp(format, "canonical") == 0;
    self->format = strcmp(format, "jsonl") == 0 ? EXPORT_JSONL : EXPORT_CSV;
    if (*canonical || strcmp(format, "jsonl") == 0 || strcmp(format, "csv") == 0)
        return 0;
    talk_error("no format '%.60s'; choose csv, jsonl or canonical", format);
    return EX_USAGE;
}

static int
dump_all(struct dump *self, const char *table, bool canonical, struct why *why)
{
    int error;

    if (canonical)
        return store_export_canonical(self->folder.store, self->fd, why);
    if (strcmp(table, "epochs") == 0)
        error = dump_epochs(self, why);
    else if (is_calls(table))
        error = dump_calls(self, strcmp(table, "model_texts") == 0, why);
    else
        error = dump_rows(self, why);
    return error != 0 ? error : flush(self, why);
}

static int
open_output(struct dump *self, const char *path, struct why *why)
{
    self->fd = path == NULL ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return self->fd >= 0 ? 0 : fail_errno(why, ERR_IO, errno, "%s", path);
}

int
export_command(const struct invocation *invocation)
{
    const char *table = invocation_text(invocation, "table", "epochs");
    const char *path = invocation_text(invocation, "output", NULL);
    struct dump self = {.fd = -1};
    struct why why = {0};
    bool canonical;
    int status;

    if (invocation_has(invocation, "tables")) {
        export_write_tables(&self.text);
        calls_write_columns(&self.text);
        return talk_give(&self.text);
    }
    if (invocation->word_count == 0) {
        talk_error("polis export needs RUN: polis export RUN [options]");
        return EX_USAGE;
    }
    if ((status = choose_format(invocation, &self, &canonical)) != 0)
        return status;
    if (strcmp(table, "epochs") != 0 && !is_calls(table) && export_table_find(table, &self.table, &why) != 0) {
        talk_error("%s", why.text);
        return EX_USAGE;
    }
    if (folder_open(invocation->words[0], &self.folder, &why) != 0)
        return talk_failure(&why);
    if (open_output(&self, path, &why) != 0 || dump_all(&self, table, canonical, &why) != 0)
        status = talk_failure(&why);
    if (path != NULL && self.fd >= 0 && close(self.fd) != 0 && status == 0) {
        talk_error("%s: %s", path, strerror(errno));
        status = EX_IOERR;
    }
    buffer_fini(&self.text);
    folder_close(&self.folder);
    return status;
}
