#include "control/launch.h"

#include "bus/clock.h"
#include "bus/signals.h"
#include "control/folder.h"
#include "control/models.h"
#include "control/models_gateway.h"
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

/* Who is started, and what is told to them. */
struct cluster_cast {
    const struct launch *launch;
    struct supervisor *supervisor;
    struct words **words;
    uint32_t count;
    char **environment; /* without keys */
};

static void
add_child(struct cluster_cast *self, const char *name, uint32_t number, uint32_t stage, enum supervise_part part)
{
    struct words *words = make_words(self->launch, name, number);

    self->words[self->count++] = words;
    supervise_add(self->supervisor,
        &(struct supervise_child){.name = name, .number = number, .stage = stage, .part = part,
            .program = "/proc/self/exe", .arguments = words->list,
            .environment = strcmp(name, "llm-gateway") == 0 ? NULL : self->environment});
}

static void
add_children(struct cluster_cast *self)
{
    add_child(self, "broker", 1, 0, SUPERVISE_VITAL);
    add_child(self, "world", 1, 1, SUPERVISE_MAIN);
    if (self->launch->governed)
        add_child(self, "governance", 1, 2, SUPERVISE_VITAL);
    if (self->launch->scenario != NULL && models_are_asked(self->launch->scenario))
        add_child(self, "llm-gateway", 1, 2, SUPERVISE_VITAL);
    for (uint32_t i = 0; i < self->launch->plan->cluster.workers; i++)
        add_child(self, "agents", i + 1, 3, SUPERVISE_SPARE);
}

int
launch_cluster(struct launch *self)
{
    struct cluster_cast cast = {.launch = self,
        .words = ALLOC_ARRAY(struct words *, self->plan->cluster.workers + 4u),
        .environment = models_gateway_clean_environment(yaml_find(self->scenario, "llm"))};
    char log[FOLDER_PATH_SIZE + 8];
    struct look look;
    struct why why = {0};
    int status = 0;

    signals_block();
    snprintf(log, sizeof log, "%s/log", self->folder);
    cast.supervisor = supervise_new(&(struct supervise_options){.log_folder = log, .signals = true, .say = say});
    add_children(&cast);
    look_open(&look, self);
    if (supervise_start(cast.supervisor, &why) != 0)
        status = talk_failure(&why);
    else
        while (supervise_poll(cast.supervisor, LOOK_EVERY_MS))
            look_again(&look);
    look_close(&look);
    if (status == 0)
        status = supervise_status(cast.supervisor);
    self->restarts = supervise_restarts(cast.supervisor);
    supervise_destroy(&cast.supervisor);
    for (uint32_t i = 0; i < cast.count; i++)
        free(cast.words[i]);
    free(cast.words);
    free(cast.environment);
    return status;
}
