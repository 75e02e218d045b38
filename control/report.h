/* control/report.h - what a run came to, read back from its log: a table of epochs and a summary, for people or as
 * JSON. */
#ifndef POLIS_CONTROL_REPORT_H
#define POLIS_CONTROL_REPORT_H

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

struct report_options {
    bool json;
    bool quiet;
    uint64_t spent_ms; /* wall time of this part of the run; 0: not told */
    uint64_t begun_at; /* step at which this part began */
    uint32_t restarts;
};

/* Writes to stdout. The folder is a run's. */
MUST_CHECK int report_write(const char *folder, const struct report_options *options, struct why *why);

#endif
