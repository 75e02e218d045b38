#include "core/log.h"

#include "core/text.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What log_line() wrote: stderr is a packet pipe meanwhile, where each write(2) is a packet of its own. */
struct capture {
    int saved, ends[2];
    char text[8192];
    size_t size;
    int writes;
};

static void
capture_begin(struct capture *self)
{
    *self = (struct capture){0};
    assert_int_equal(pipe2(self->ends, O_DIRECT | O_NONBLOCK | O_CLOEXEC), 0);
    fflush(stderr);
    self->saved = dup(STDERR_FILENO);
    assert_true(self->saved >= 0 && dup2(self->ends[1], STDERR_FILENO) >= 0);
}

static void
capture_end(struct capture *self)
{
    ssize_t got;

    dup2(self->saved, STDERR_FILENO);
    close(self->saved);
    close(self->ends[1]);
    while ((got = read(self->ends[0], self->text + self->size, sizeof self->text - self->size - 1)) > 0) {
        self->size += (size_t)got;
        self->writes++;
    }
    close(self->ends[0]);
}

static const struct row {
    const char *name;
    enum log_level set, level;
    const char *text, *want;
} rows[] = {
    {"a line of news", LOG_INFO, LOG_INFO, "step 12 committed", "world: step 12 committed\n"},
    {"an error says so", LOG_INFO, LOG_ERROR, "disk full", "world: error: disk full\n"},
    {"a warning says so", LOG_INFO, LOG_WARNING, "slow", "world: warning: slow\n"},
    {"drops what is above the level", LOG_INFO, LOG_DEBUG, "detail", ""},
    {"shows it at its level", LOG_DEBUG, LOG_DEBUG, "detail", "world: detail\n"},
    {"quiet drops news", LOG_ERROR, LOG_INFO, "news", ""},
    {"quiet drops warnings", LOG_ERROR, LOG_WARNING, "slow", ""},
    {"one line stays one line", LOG_INFO, LOG_INFO, "a\nb\r\tc\x1b[31m", "world: a b  c [31m\n"},
    {"an empty text", LOG_INFO, LOG_INFO, "", "world: \n"},
};

static void
line(void **state)
{
    const struct row *row = *state;
    struct capture capture;

    log_set_level(row->set);
    assert_int_equal(log_level(), row->set);
    capture_begin(&capture);
    errno = EDOM;
    log_line(row->level, "world", "%s", row->text);
    assert_int_equal(errno, EDOM);
    capture_end(&capture);
    assert_string_equal(capture.text, row->want);
    assert_int_equal(capture.writes, row->want[0] != '\0');
}

static const struct long_row {
    const char *name;
    const char *filler; /* repeated past the end of the line */
    size_t offset;
} long_rows[] = {
    {"a long line is cut", "x", 0},
    {"two bytes are not split", "\xc3\xa9", 0},
    {"nor where they begin one byte later", "\xc3\xa9", 1},
    {"three bytes are not split", "\xe2\x82\xac", 0},
    {"nor one byte later", "\xe2\x82\xac", 1},
    {"nor two", "\xe2\x82\xac", 2},
    {"four bytes are not split", "\xf0\x9f\x98\x80", 1},
};

static void
long_line(void **state)
{
    const struct long_row *row = *state;
    struct capture capture;
    char text[4000] = "";
    size_t size = row->offset;

    memset(text, '.', row->offset);
    while (size + 4 < sizeof text) {
        memcpy(text + size, row->filler, strlen(row->filler));
        size += strlen(row->filler);
    }
    log_set_level(LOG_INFO);
    capture_begin(&capture);
    log_line(LOG_INFO, "world", "%s", text);
    capture_end(&capture);
    assert_int_equal(capture.writes, 1);
    assert_in_range(capture.size, LOG_LINE_MAX - 4, LOG_LINE_MAX);
    assert_int_equal(capture.text[capture.size - 1], '\n');
    assert_true(text_is_utf8(capture.text, capture.size));
}

static void
names(void **state)
{
    static const enum log_level levels[] = {LOG_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG};
    struct why why = {0};
    enum log_level level = LOG_ERROR;

    (void)state;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        assert_int_equal(log_level_parse(log_level_name(levels[i]), &level, &why), 0);
        assert_int_equal(level, levels[i]);
    }
    assert_int_equal(log_level_parse("loud", &level, &why), ERR_UNKNOWN);
    assert_string_equal(why.text, "no log level 'loud'; choose error, warning, info or debug");
}

int
main(void)
{
    static const struct test_case cases[] = {{"levels have names", names}};

    return TEST_ROWS("log_line", rows, line) + TEST_ROWS("log_line_max", long_rows, long_line) +
           TEST_CASES("log_level", cases);
}
