#include "core/log.h"

#include "core/assert.h"
#include "core/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    enum log_level level;
} levels[] = {{"error", LOG_ERROR}, {"warning", LOG_WARNING}, {"info", LOG_INFO}, {"debug", LOG_DEBUG}};
#define LEVEL_COUNT (sizeof levels / sizeof levels[0])

static atomic_int highest = LOG_INFO;

void
log_set_level(enum log_level level)
{
    ASSERT(level >= LOG_ERROR && level <= LOG_DEBUG);

    atomic_store_explicit(&highest, (int)level, memory_order_relaxed);
}

enum log_level
log_level(void)
{
    return (enum log_level)atomic_load_explicit(&highest, memory_order_relaxed);
}

const char *
log_level_name(enum log_level level)
{
    for (size_t i = 0; i < LEVEL_COUNT; i++)
        if (levels[i].level == level)
            return levels[i].name;
    UNREACHABLE();
}

int
log_level_parse(const char *name, enum log_level *out, struct why *why)
{
    for (size_t i = 0; i < LEVEL_COUNT; i++)
        if (strcmp(name, levels[i].name) == 0) {
            *out = levels[i].level;
            return 0;
        }
    return fail(why, ERR_UNKNOWN, "no log level '%.40s'; choose error, warning, info or debug", name);
}

static void
write_out(const char *line, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t written = write(STDERR_FILENO, line + done, size - done);

        if (written > 0)
            done += (size_t)written;
        else if (written == 0 || errno != EINTR)
            return;
    }
}

void
log_line(enum log_level level, const char *who, const char *format, ...)
{
    char line[LOG_LINE_MAX];
    int errno_before = errno;
    va_list arguments;
    size_t size;

    ASSERT(level <= LOG_DEBUG && who != NULL);

    if (level > log_level())
        return;
    snprintf(line, sizeof line, "%.64s: %s", who,
        level == LOG_ERROR ? "error: " : level == LOG_WARNING ? "warning: " : "");
    size = strlen(line);
    va_start(arguments, format);
    vsnprintf(line + size, sizeof line - size, format, arguments);
    va_end(arguments);

    /* Where vsnprintf cut, the last code point may be in pieces; what it kept is sound up to there. */
    size = strlen(line);
    if (size == sizeof line - 1) {
        size_t start = size;

        while (start > 0 && start + 4 > size && ((unsigned char)line[start - 1] & 0xc0) == 0x80)
            start--;
        if (start > 0 && text_decode(line + start - 1, size - start + 1, NULL) == 0)
            size = start - 1;
    }
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    line[size] = '\n'; /* over the terminator, which write(2) does not need */
    write_out(line, size + 1);
    errno = errno_before;
}
