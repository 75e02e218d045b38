#include "control/futures.h"

#include "control/figures.h"
#include "control/talk.h"
#include "core/stats.h"
#include "core/text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define LEVEL 0.95
#define COLUMNS_MAX 12u

extern char **environ;

/* ---- processes ---- */

/* INT, TERM and CHLD are waited for while branches run. */
static void
block_signals(sigset_t *watched, sigset_t *before)
{
    sigemptyset(watched);
    sigaddset(watched, SIGINT);
    sigaddset(watched, SIGTERM);
    sigaddset(watched, SIGCHLD);
    sigprocmask(SIG_BLOCK, watched, before);
}

/* What it says of itself as a run goes to its own folder: what it came to is read from its log. */
static int
start(struct future *self, uint64_t until)
{
    char step[24], log[FOLDER_PATH_SIZE + 16];
    char *words[] = {"polis", "resume", self->path, "--inproc", "--quiet", "--until", step, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t defaults, none;
    int number;

    if (until == 0)
        words[5] = NULL;
    snprintf(step, sizeof step, "%" PRIu64, until);
    snprintf(log, sizeof log, "%s/log/branch", self->path);
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGTERM);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    number = posix_spawn(&self->process, "/proc/self/exe", &files, &attributes, words, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (number == 0)
        return 0;
    self->process = 0;
    talk_error("%s cannot be started: %s", self->path, strerror(number));
    return EX_OSERR;
}

static void
hand_on(const struct futures *self, int number)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (self->list[i].process > 0)
            kill(self->list[i].process, number);
}

static void
note_ends(struct futures *self)
{
    int status;
    pid_t ended;

    while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
        for (uint32_t i = 0; i < self->count; i++)
            if (self->list[i].process == ended) {
                self->list[i].process = 0;
                self->list[i].status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            }
}

/* Waits for a branch to end or for a wish to stop; true for that. */
static bool
await(struct futures *self, const sigset_t *watched)
{
    int number = sigwaitinfo(watched, NULL);

    if (number == SIGINT || number == SIGTERM)
        hand_on(self, number);
    note_ends(self);
    return number == SIGINT || number == SIGTERM;
}

static uint32_t
running(const struct futures *self)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < self->count; i++)
        count += self->list[i].process > 0;
    return count;
}

static void
show_progress(const struct futures *self, uint32_t started)
{
    char line[80];

    snprintf(line, sizeof line, "branches: %" PRIu32 " of %" PRIu32 " done", started - running(self), self->count);
    talk_progress(line);
}

static int
run_all(struct futures *self)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t most = self->one_by_one || cores < 1 ? 1 : (uint32_t)cores;
    uint32_t started = 0;
    bool stopping = false;
    sigset_t watched, before;

    block_signals(&watched, &before);
    while (running(self) > 0 || (started < self->count && !stopping)) {
        while (started < self->count && !stopping && running(self) < most) {
            self->list[started].status = start(&self->list[started], self->until);
            started++;
        }
        show_progress(self, started);
        if (running(self) > 0 && await(self, &watched))
            stopping = true;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    talk_progress("");
    for (uint32_t i = started; i < self->count; i++)
        self->list[i].status = EX_TEMPFAIL;
    for (uint32_t i = 0; i < self->count; i++)
        if (self->list[i].status != 0)
            return self->list[i].status;
    return 0;
}

/* ---- what they came to ---- */

/* A row a branch, in order; a branch without an epoch of its own has a row of unknown figures. */
static int
read_figures(const struct futures *self, struct figures *out, struct folder *last, struct why *why)
{
    for (uint32_t i = 0; i < self->count; i++) {
        struct why none = {0};
        int error;

        folder_close(last);
        if ((error = folder_open(self->list[i].path, last, why)) != 0)
            return error;
        error = figures_read_whole(last->store, &last->plan, out, &none);
        if (error == ERR_MISSING)
            figures_begin(out, store_committed(last->store).step, 0);
        else if (error != 0) {
            *why = none;
            return error;
        }
    }
    return 0;
}

static struct stats
stats_of(const struct figures *figures, uint32_t column)
{
    struct stats stats = {0};

    for (uint32_t i = 0; i < figures->row_count; i++)
        if (figures->rows[i].cells[column].known && isfinite(figures->rows[i].cells[column].value))
            stats_add(&stats, figures->rows[i].cells[column].value);
    return stats;
}

static void
add_number(struct buffer *out, double value, bool known)
{
    char number[TEXT_NUMBER_SIZE];

    text_format_real(value, number);
    text_add(out, known && isfinite(value) ? number : "null");
}

static void
write_json(const struct futures *self, const struct figures *figures, struct buffer *out)
{
    text_add(out, "{\"schema\": \"polis.fork/1\", \"parent\": ");
    text_add_json(out, self->parent, strlen(self->parent));
    text_addf(out, ", \"step\": %" PRIu64 ", \"branches\": [", self->step);
    for (uint32_t i = 0; i < self->count; i++) {
        text_addf(out, "%s{\"branch\": %" PRIu32 ", \"seed\": %" PRId64 ", \"run\": ", i > 0 ? ", " : "", i,
            self->list[i].seed);
        text_add_json(out, self->list[i].path, strlen(self->list[i].path));
        text_addf(out, ", \"status\": %d, \"step\": %" PRIu64 ", \"figures\": ", self->list[i].status,
            figures->rows[i].step);
        figures_write_json(figures, i, out);
        text_add(out, "}");
    }
    text_addf(out, "], \"level\": %g, \"summary\": {", LEVEL);
    for (uint32_t c = 0; c < figures->name_count; c++) {
        struct stats stats = stats_of(figures, c);
        double low = 0, high = 0;
        bool known = stats_interval(&stats, LEVEL, &low, &high);

        text_add(out, c > 0 ? ", " : "");
        text_add_json(out, figures->names[c], strlen(figures->names[c]));
        text_addf(out, ": {\"count\": %" PRIu64 ", \"mean\": ", stats.count);
        add_number(out, stats.mean, stats.count > 0);
        text_add(out, ", \"sd\": ");
        add_number(out, stats.count > 1 ? stats_sd(&stats) : 0, stats.count > 1);
        text_add(out, ", \"low\": ");
        add_number(out, low, known);
        text_add(out, ", \"high\": ");
        add_number(out, high, known);
        text_add(out, "}");
    }
    text_add(out, "}}\n");
}

enum line { LINE_MEAN, LINE_LOW, LINE_HIGH };

static void
write_line(const struct figures *figures, const uint32_t columns[], uint32_t count, enum line what, struct buffer *out)
{
    static const char *const labels[] = {"mean", "95% low", "95% high"};

    text_addf(out, "%6s  %10s", "", labels[what]);
    for (uint32_t c = 0; c < count; c++) {
        struct stats stats = stats_of(figures, columns[c]);
        double low = 0, high = 0;
        bool known = stats_interval(&stats, LEVEL, &low, &high);
        struct figure figure = {.value = what == LINE_MEAN ? stats.mean : what == LINE_LOW ? low : high,
            .known = what == LINE_MEAN ? stats.count > 0 : known};
        size_t width = strlen(figures->names[columns[c]]);
        char text[32];

        figures_format(&figure, text);
        text_addf(out, "  %*s", (int)(width > 12 ? width : 12), text);
    }
    text_add(out, "\n");
}

static void
write_table(const struct futures *self, const struct figures *figures, const struct yaml_node *metrics,
    struct buffer *out)
{
    uint32_t columns[COLUMNS_MAX];
    uint32_t count = figures->name_count > 0 ? figures_choose(figures, metrics, columns, COLUMNS_MAX) : 0;

    text_addf(out, "%6s  %10s", "branch", "seed");
    for (uint32_t c = 0; c < count; c++)
        text_addf(out, "  %12s", figures->names[columns[c]]);
    text_add(out, "\n");
    for (uint32_t i = 0; i < self->count; i++) {
        text_addf(out, "%6" PRIu32 "  %10" PRId64, i, self->list[i].seed);
        for (uint32_t c = 0; c < count; c++) {
            size_t width = strlen(figures->names[columns[c]]);
            char text[32];

            figures_format(&figures->rows[i].cells[columns[c]], text);
            text_addf(out, "  %*s", (int)(width > 12 ? width : 12), text);
        }
        text_add(out, "\n");
    }
    for (enum line what = LINE_MEAN; what <= LINE_HIGH; what++)
        write_line(figures, columns, count, what, out);
}

int
futures_run(struct futures *self)
{
    struct figures figures = {0};
    struct folder last = {0};
    struct buffer text = {0};
    struct why why = {0};
    int status = run_all(self);

    for (uint32_t i = 0; i < self->count; i++)
        if (self->list[i].status != 0)
            talk_warn("branch %" PRIu32 " has ended with status %d; polis resume %s goes on with it", i,
                self->list[i].status, self->list[i].path);
    if (read_figures(self, &figures, &last, &why) != 0) {
        status = status != 0 ? status : talk_failure(&why);
    } else {
        if (self->json)
            write_json(self, &figures, &text);
        else
            write_table(self, &figures, yaml_find(yaml_root(last.tree), "metrics_to_track"), &text);
        if (talk_give(&text) != 0 && status == 0)
            status = EX_IOERR;
    }
    figures_fini(&figures);
    folder_close(&last);
    return status;
}
