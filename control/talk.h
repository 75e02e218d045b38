/* control/talk.h - words for the operator. Data goes to stdout, talk to stderr; colour only on a terminal, and never
 * when NO_COLOR is set. A progress line lives on a terminal alone, and steps aside for what is said. */
#ifndef POLIS_CONTROL_TALK_H
#define POLIS_CONTROL_TALK_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

/* --quiet: only warnings and errors are said. */
void talk_set_quiet(bool quiet);

__attribute__((format(printf, 1, 2))) void talk_say(const char *format, ...);
__attribute__((format(printf, 1, 2))) void talk_warn(const char *format, ...);
__attribute__((format(printf, 1, 2))) void talk_error(const char *format, ...);

/* A line that says itself how grave it is; never quiet. */
void talk_line(const char *text);

/* Says why and returns the exit status that belongs to it. */
int talk_failure(const struct why *why);

/* Writes all of it to stdout. Returns the exit status: 74 when it cannot be written; a reader that has gone (EPIPE) is
 * no error. */
int talk_data(const void *bytes, size_t size);
/* The same with all that is in a buffer; empties it (buffer_fini). */
int talk_give(struct buffer *text);

/* Whether stderr is a terminal that can rewrite a line. */
bool talk_is_terminal(void);
/* Rewrites the line of progress (terminal only); "" takes it away. */
void talk_progress(const char *line);

/* "\033[1m" .. or "" where there is no colour. */
const char *talk_strong(void);
const char *talk_plain(void);

#endif
