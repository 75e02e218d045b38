#include "control/launch.h"

#include "bus/clock.h"
#include "bus/signals.h"
#include "control/folder.h"
#include "control/progress.h"
#include "control/supervise.h"
#include "control/talk.h"
#include "core/arena.h"
#include "world/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define LOOK_EVERY_MS 100u
#define ARGUMENT_MAX 12u

/* What is told to one process. */
struct words {
    char text[ARGUMENT_MAX][FOLDER_PATH_SIZE];
    char *list[ARGUMENT_MAX + 1];
    uint32_t count;
};

static void
add_word(struct words *self, const char *word)
{
    snprintf(self->text[self->count], sizeof self->text[0], "%s", word);
    self->list[self->count] = self->text[self->count];
    self->list[++self->count] = NULL;
}

static void
add_number(struct words *self, const char *option, uint64_t number)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    add_word(self, option);
    add_word(self, text);
}

static struct words *
make_words(const struct launch *self, const char *role, uint32_t number)
{
    struct words *words = ALLOC(struct words);

    add_word(words, "polis");
    add_word(words, role);
    add_word(words, "--run");
    add_word(words, self->folder);
    add_number(words, "--parent", (uint64_t)getpid());
    add_number(words, "--number", number);
    if (strcmp(role, "world") == 0 && self->stop_after > 0)
        add_number(words, "--until", self->stop_after);
    return words;
}

static void
say(void *context, enum log_level level, const char *text)
{
    (void)context;
    if (strstr(text, ": warning: ") != NULL || strstr(text, ": error: ") != NULL)
        talk_line(text);
    else if (level == LOG_ERROR)
        talk_error("%s", text);
    else if (level == LOG_WARNING)
        talk_warn("%s", text);
    else if (level == LOG_INFO)
        talk_say("polis: %s", text);
}

/* ---- looking at the log while others write it ---- */

struct look {
    struct store *store; /* NULL: it cannot be read, so nothing is shown */
    struct progress progress;
    const struct plan *plan;
    uint64_t step, figures_step, look_ms;
};

static void
look_open(struct look *self, const struct launch *launch)
{
    struct why why = {0};

    *self = (struct look){.plan = launch->plan};
    if (store_open_read(launch->folder, &self->store, &why) != 0)
        talk_warn("no progress will be shown: %s", why.text);
    else
        self->step = store_committed(self->store).step;
    progress_init(&self->progress, launch->plan, launch->metrics, self->step, clock_ms());
}

static void
look_figures(struct look *self)
{
    uint64_t per_epoch = self->plan->simulation.steps_per_epoch;
    uint64_t newest = self->step / per_epoch * per_epoch;
    struct figures figures = {0};

    if (newest == 0 || newest == self->figures_step)
        return;
    self->figures_step = newest;
    if (figures_read_epoch(self->store, newest, &figures, NULL) == 0)
        progress_figures(&self->progress, &figures);
    figures_fini(&figures);
}

static void
look_again(struct look *self)
{
    uint64_t now_ms = clock_ms();
    struct store_commit commit;

    if (self->store == NULL || now_ms - self->look_ms < LOOK_EVERY_MS)
        return;
    self->look_ms = now_ms;
    while (store_read_commit(self->store, self->step + 1, &commit, NULL) == 0)
        self->step = commit.step;
    look_figures(self);
    progress_step(&self->progress, self->step, now_ms);
}

static void
look_close(struct look *self)
{
    progress_end(&self->progress);
    if (self->store != NULL && store_close(&self->store, NULL) != 0)
        talk_warn("the log did not close cleanly for reading");
}

/* ---- the cluster ---- */

static struct supervise_child
child_of(const char *name, uint32_t number, uint32_t stage, enum supervise_part part, const struct words *words)
{
    return (struct supervise_child){.name = name,
        .number = number,
        .stage = stage,
        .part = part,
        .program = "/proc/self/exe",
        .arguments = words->list};
}

int
launch_cluster(struct launch *self)
{
    char log[FOLDER_PATH_SIZE + 8];
    uint32_t workers = self->plan->cluster.workers;
    struct words **words = ALLOC_ARRAY(struct words *, workers + 3);
    struct supervise_child child;
    struct supervisor *supervisor;
    struct look look;
    struct why why = {0};
    int status = 0;

    signals_block();
    snprintf(log, sizeof log, "%s/log", self->folder);
    supervisor = supervise_new(&(struct supervise_options){.log_folder = log, .signals = true, .say = say});
    words[0] = make_words(self, "broker", 1);
    words[1] = make_words(self, "world", 1);
    words[2] = make_words(self, "governance", 1);
    child = child_of("broker", 1, 0, SUPERVISE_VITAL, words[0]);
    supervise_add(supervisor, &child);
    child = child_of("world", 1, 1, SUPERVISE_MAIN, words[1]);
    supervise_add(supervisor, &child);
    child = child_of("governance", 1, 2, SUPERVISE_VITAL, words[2]);
    if (self->governed)
        supervise_add(supervisor, &child);
    for (uint32_t i = 0; i < workers; i++) {
        words[3 + i] = make_words(self, "agents", i + 1);
        child = child_of("agents", i + 1, 3, SUPERVISE_SPARE, words[3 + i]);
        supervise_add(supervisor, &child);
    }
    look_open(&look, self);
    if (supervise_start(supervisor, &why) != 0)
        status = talk_failure(&why);
    else
        while (supervise_poll(supervisor, LOOK_EVERY_MS))
            look_again(&look);
    look_close(&look);
    if (status == 0)
        status = supervise_status(supervisor);
    self->restarts = supervise_restarts(supervisor);
    supervise_destroy(&supervisor);
    for (uint32_t i = 0; i < workers + 3; i++)
        free(words[i]);
    free(words);
    return status;
}
