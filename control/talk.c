#include "control/talk.h"

#include "core/log.h"
#include "core/text.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

static bool is_quiet;
static char shown[512]; /* the line of progress on the terminal */

void
talk_set_quiet(bool quiet)
{
    is_quiet = quiet;
}

bool
talk_is_terminal(void)
{
    const char *term = getenv("TERM");

    return isatty(STDERR_FILENO) == 1 && (term == NULL || strcmp(term, "dumb") != 0);
}

static bool
has_colour(void)
{
    const char *none = getenv("NO_COLOR");

    return talk_is_terminal() && (none == NULL || none[0] == '\0');
}

const char *
talk_strong(void)
{
    return has_colour() ? "\033[1m" : "";
}

const char *
talk_plain(void)
{
    return has_colour() ? "\033[0m" : "";
}

static void
write_error(const char *text)
{
    size_t size = strlen(text);

    while (size > 0) {
        ssize_t done = write(STDERR_FILENO, text, size);

        if (done < 0 && errno != EINTR)
            return;
        if (done > 0) {
            text += done;
            size -= (size_t)done;
        }
    }
}

static void
say(const char *label, const char *format, va_list arguments)
{
    char text[LOG_LINE_MAX];
    char line[LOG_LINE_MAX + sizeof shown + 64];

    vsnprintf(text, sizeof text, format, arguments);
    snprintf(line, sizeof line, "%s%s%s\n%s", shown[0] != '\0' ? "\r\033[K" : "", label, text, shown);
    write_error(line);
}

void
talk_say(const char *format, ...)
{
    va_list arguments;

    if (is_quiet)
        return;
    va_start(arguments, format);
    say("", format, arguments);
    va_end(arguments);
}

void
talk_warn(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say("polis: warning: ", format, arguments);
    va_end(arguments);
}

void
talk_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(has_colour() ? "\033[1mpolis: error:\033[0m " : "polis: error: ", format, arguments);
    va_end(arguments);
}

__attribute__((format(printf, 1, 2))) static void
say_formatted(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say("", format, arguments);
    va_end(arguments);
}

void
talk_line(const char *text)
{
    say_formatted("%s", text);
}

int
talk_failure(const struct why *why)
{
    talk_error("%s", why->text);
    return error_exit_status(why->code);
}

int
talk_data(const void *bytes, size_t size)
{
    const char *at = bytes;

    if (fflush(stdout) != 0)
        return EX_IOERR;
    while (size > 0) {
        ssize_t done = write(STDOUT_FILENO, at, size);

        if (done < 0 && errno == EPIPE)
            return EX_OK;
        if (done < 0 && errno != EINTR) {
            talk_error("stdout: %s", strerror(errno));
            return EX_IOERR;
        }
        if (done > 0) {
            at += done;
            size -= (size_t)done;
        }
    }
    return EX_OK;
}

int
talk_give(struct buffer *text)
{
    int status = talk_data(text->data, text->size);

    buffer_fini(text);
    return status;
}

static size_t
terminal_width(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10)
        return size.ws_col;
    return 80;
}

void
talk_progress(const char *line)
{
    char text[sizeof shown + 16];
    size_t width = terminal_width();

    if (is_quiet || !talk_is_terminal() || (line[0] == '\0' && shown[0] == '\0'))
        return;
    text_copy(shown, width < sizeof shown ? width : sizeof shown, line);
    snprintf(text, sizeof text, "\r\033[K%s", shown);
    write_error(text);
}
