/* core/log.h - one line on stderr per event worth a person's eye: "world: step 12 committed". Results of the
 * simulation never go here, they go to the event bus. */
#ifndef POLIS_CORE_LOG_H
#define POLIS_CORE_LOG_H

#include <syslog.h>

#include "core/error.h"

/* The numbers of syslog(3), whose header brings LOG_WARNING, LOG_INFO and LOG_DEBUG as macros (CZMQ includes it too,
 * so these names are taken): write LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG. */
enum log_level {
    LOG_ERROR = LOG_ERR,
    LOG_LEVEL_WARNING = LOG_WARNING,
    LOG_LEVEL_INFO = LOG_INFO,
    LOG_LEVEL_DEBUG = LOG_DEBUG
};

#define LOG_LINE_MAX 2048 /* bytes of a line with its newline; what is longer is cut */

/* Lines above this level are dropped; LOG_INFO until it is set. For the whole process. */
void log_set_level(enum log_level level);
enum log_level log_level(void);

/* "error", "warning", "info", "debug". */
const char *log_level_name(enum log_level level);
MUST_CHECK int log_level_parse(const char *name, enum log_level *out, struct why *why);

/* Writes "who: text\n" ("who: error: text", "who: warning: text") in one write(2), so that lines of several
 * processes and threads do not mix. Newlines and other control bytes become spaces; errno is left as it was. A
 * line that cannot be written is lost: there is nowhere to complain. */
__attribute__((format(printf, 3, 4))) void log_line(
    enum log_level level, const char *who, const char *format, ...);

#endif
