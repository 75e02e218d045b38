/* control/calls.h - a run's call log as rows: one for every question that was put to a model, with what it was told and
 * what that cost. Texts only when they are asked for. */
#ifndef POLIS_CONTROL_CALLS_H
#define POLIS_CONTROL_CALLS_H

#include "control/export.h"
#include "core/yaml.h"

struct calls;

/* The log of the run in `folder`; `manifest` names the roles. ERR_MISSING: the run has none. */
MUST_CHECK int calls_open(const char *folder, const struct yaml_node *manifest, struct calls **out, struct why *why);
void calls_close(struct calls **self_p);
uint32_t calls_count(const struct calls *self);

/* All of it added up. `paid` in millionths of a currency unit. */
struct calls_sum {
    uint64_t questions, answered, tokens_in, tokens_out;
    int64_t paid;
};
MUST_CHECK int calls_add_up(struct calls *self, struct calls_sum *out, struct why *why);

/* The line of column names (CSV; nothing for JSON). `texts`: question and answer stand in the row, too. */
void calls_write_head(enum export_format format, bool texts, struct buffer *out);
MUST_CHECK int calls_write_row(struct calls *self, uint32_t number, enum export_format format, bool texts,
                               struct buffer *out, struct why *why);

/* Both tables with their columns and what those mean, for people. */
void calls_write_columns(struct buffer *out);

#endif
