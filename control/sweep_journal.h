/* control/sweep_journal.h - DIR/journal.jsonl: a line for every run that has ended, written when it ends and synced now
 * and then, so that what was finished is still there whatever happens. Its first line says to which sweep it belongs:
 * {"schema": "polis.sweep/1", "sweep": HASH of sweep.yaml}. A last line that was cut by a crash is dropped. */
#ifndef POLIS_CONTROL_SWEEP_JOURNAL_H
#define POLIS_CONTROL_SWEEP_JOURNAL_H

#include "control/sweep_results.h"
#include "core/buffer.h"
#include "core/error.h"

#include <stdint.h>

struct sweep_journal {
    int fd;
    uint32_t unsynced; /* lines */
    uint64_t synced_ms;
};

/* Opens the file, makes it when there is none, and takes its lines into `results`. `sweep` holds the bytes of
 * sweep.yaml. ERR_STATE: another process has it; ERR_DIGEST: it belongs to another sweep; ERR_FORMAT. */
MUST_CHECK int sweep_journal_open(const char *path, const struct buffer *sweep, struct sweep_results *results,
    struct sweep_journal *out, struct why *why);

/* Adds a line (without its end). ERR_FULL, ERR_IO. */
MUST_CHECK int sweep_journal_add(
    struct sweep_journal *self, const struct buffer *line, uint64_t now_ms, struct why *why);

/* Syncs what is not yet synced, and closes. */
MUST_CHECK int sweep_journal_close(struct sweep_journal *self, struct why *why);

#endif
