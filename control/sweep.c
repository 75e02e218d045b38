/* polis sweep: many runs of a scenario, a table of what they came to. */
#include "bus/clock.h"
#include "bus/signals.h"
#include "control/commands.h"
#include "control/folder.h"
#include "control/library.h"
#include "control/models.h"
#include "control/sweep_journal.h"
#include "control/sweep_plan.h"
#include "control/sweep_pool.h"
#include "control/sweep_results.h"
#include "control/sweep_run.h"
#include "control/sweep_show.h"
#include "control/sweep_stop.h"
#include "control/talk.h"
#include "core/assert.h"
#include "core/text.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define OVERRIDE_MAX 256u
#define FOLDER_COUNT_MAX 100000u
#define SHOW_MS 200
#define CALIBRATE_MS 20000
#define CALIBRATE_WHOLE_MS 1000u
#define EXIT_FAILED 1 /* the sweep has ended, but some of its runs failed */

/* A task of the pool is the number of a run, cell * seeds + replicate; with this bit, its first epoch only, and with
 * both the whole of it, for the clock. */
#define TASK_FIRST_EPOCH (UINT64_C(1) << 62)
#define TASK_WHOLE (UINT64_C(1) << 61)
#define TASK_RUN (TASK_WHOLE - 1)

struct sweep {
    const struct invocation *invocation;
    struct sweep_plan plan;
    char folder[FOLDER_PATH_SIZE - 64];
    char runs_folder[FOLDER_PATH_SIZE];
    struct sweep_runs runs;
    struct sweep_results *results;
    struct sweep_stopper *stopper;
    struct sweep_journal journal;
    struct sweep_pool *pool;
    struct sweep_outlook outlook;
    int signal_fd;
    bool interrupted;
    uint64_t started_ms, shown_tenth;
    uint64_t ended; /* runs that came back in this process */
};

/* ---- a run, in another process ---- */

static void
work(void *context, uint64_t task, struct buffer *answer)
{
    const struct sweep *self = context;
    uint32_t cell = (uint32_t)((task & TASK_RUN) / self->plan.seed_count);
    uint32_t replicate = (uint32_t)((task & TASK_RUN) % self->plan.seed_count);
    struct buffer figures = {0};
    struct scenario scenario;
    struct why why = {0};
    char path[FOLDER_PATH_SIZE];
    uint64_t upto = 0;
    int error = 0;

    if ((task & TASK_FIRST_EPOCH) != 0) {
        error = sweep_plan_scenario(&self->plan, cell, self->plan.seeds[replicate], &scenario, &why);
        upto = error == 0 ? scenario.plan.simulation.steps_per_epoch : 0;
        scenario_fini(&scenario);
    }
    if (error == 0)
        error = sweep_run_make(&self->runs, cell, replicate, upto, &figures, &why);
    sweep_run_path(&self->runs, cell, replicate, path);
    if (task > TASK_RUN || self->runs.keep == SWEEP_KEEP_NONE ||
        (self->runs.keep == SWEEP_KEEP_FAILED && error == 0))
        if (sweep_run_remove(path, NULL) != 0)
            talk_warn("%s could not be removed", path);
    if (error != 0) /* no answer: what is said last is the reason */
        talk_error("%s", why.text);
    else
        sweep_results_format_done(&self->plan, cell, replicate, &figures, answer);
    buffer_fini(&figures);
}

/* ---- folders ---- */

static int
make_folder(const char *path, struct why *why)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return fail_errno(why, ERR_IO, errno, "cannot make the folder %s", path);
    return 0;
}

static int
choose_folder(const char *name, char *out, size_t size, struct why *why)
{
    char word[101];
    uint32_t used = 0;
    struct stat info;
    int error = make_folder("sweeps", why);

    if (error != 0)
        return error;
    for (; *name != '\0' && used + 1 < sizeof word; name++)
        word[used++] = isalnum((unsigned char)*name) || *name == '_' ? *name : '-';
    word[used] = '\0';
    for (uint32_t n = 1; n < FOLDER_COUNT_MAX; n++) {
        snprintf(out, size, "sweeps/%s-%u", used > 0 ? word : "sweep", (unsigned)n);
        if (lstat(out, &info) != 0 && errno == ENOENT)
            return 0;
    }
    return fail(why, ERR_LIMIT, "sweeps holds %u sweeps of this name; name a folder with --out", FOLDER_COUNT_MAX);
}

static int
write_file(const struct sweep *self, const char *name, const struct buffer *text, struct why *why)
{
    char path[FOLDER_PATH_SIZE];

    snprintf(path, sizeof path, "%s/%s", self->folder, name);
    return folder_write_file(path, text->data, text->size, why);
}

static int
make_runs_folder(struct sweep *self, struct why *why)
{
    snprintf(self->runs_folder, sizeof self->runs_folder, "%s/runs", self->folder);
    self->runs.folder = self->runs_folder;
    self->runs.plan = &self->plan;
    return make_folder(self->runs_folder, why);
}

/* Whether "3-17" in runs/ is a run that has ended, and was kept. */
static bool
is_kept(const struct sweep *self, const char *name)
{
    unsigned cell;
    long long seed;
    char same[64];

    if (sscanf(name, "%u-%lld", &cell, &seed) != 2 || cell < 1 || cell > self->plan.cell_count)
        return false;
    snprintf(same, sizeof same, "%u-%lld", cell, seed);
    for (uint32_t r = 0; r < self->plan.seed_count && strcmp(same, name) == 0; r++)
        if (self->plan.seeds[r] == seed)
            return sweep_results_status(self->results, cell - 1, r) != SWEEP_MISSING;
    return false;
}

/* Removes from runs/ what was cut off in its middle, and runs/ itself when nothing is left. */
static void
tidy_runs_folder(const struct sweep *self)
{
    DIR *stream = opendir(self->runs_folder);
    struct dirent *entry;
    struct why why = {0};

    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        char path[FOLDER_PATH_SIZE + 260];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || is_kept(self, entry->d_name))
            continue;
        snprintf(path, sizeof path, "%s/%s", self->runs_folder, entry->d_name);
        if (sweep_run_remove(path, &why) != 0)
            talk_warn("%s", why.text);
    }
    if (stream != NULL)
        closedir(stream);
    (void)rmdir(self->runs_folder);
}

static int
create_folder(struct sweep *self, struct why *why)
{
    const char *asked = invocation_text(self->invocation, "out", NULL);
    struct buffer text = {0};
    int error = 0;

    if (asked == NULL)
        error = choose_folder(self->plan.name, self->folder, sizeof self->folder, why);
    else if ((size_t)snprintf(self->folder, sizeof self->folder, "%s", asked) >= sizeof self->folder)
        error = fail(why, ERR_LIMIT, "the path of the folder is too long");
    if (error == 0 && mkdir(self->folder, 0755) != 0)
        error = fail_errno(why, ERR_IO, errno, "%s", self->folder);
    if (error == 0)
        error = make_runs_folder(self, why);
    sweep_plan_write(&self->plan, &text);
    if (error == 0)
        error = write_file(self, "sweep.yaml", &text, why);
    buffer_fini(&text);
    return error;
}

static int
read_whole_file(const char *path, struct buffer *out, struct why *why)
{
    FILE *stream = fopen(path, "re");
    size_t done;

    if (stream == NULL)
        return fail_errno(why, errno == ENOENT ? ERR_MISSING : ERR_IO, errno, "%s", path);
    do {
        buffer_reserve(out, 1u << 16);
        done = fread(out->data + out->size, 1, 1u << 16, stream);
        out->size += done;
    } while (done > 0);
    fclose(stream);
    return 0;
}

/* ---- before the start ---- */

static uint32_t
count_cores(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

    return count < 1 ? 1 : (uint32_t)count > SWEEP_POOL_MAX ? SWEEP_POOL_MAX : (uint32_t)count;
}

/* How long the pool takes for one task; 0 when it does not come back in time, or fails. */
static uint64_t
measure(struct sweep *self, struct sweep_pool *pool, uint64_t task)
{
    struct sweep_pool_report report = {0};
    uint64_t begun_ms = clock_ms();
    uint64_t spent_ms;
    bool answered;

    if (sweep_pool_give(pool, task, NULL) != 0)
        return 0;
    answered = sweep_pool_wait(pool, self->signal_fd, CALIBRATE_MS, &report) == SWEEP_POOL_ANSWER;
    spent_ms = clock_ms() - begun_ms;
    buffer_fini(&report.answer);
    return !answered ? 0 : spent_ms > 0 ? spent_ms : 1;
}

/* Runs the first epoch of the first cell, and all of it when that is soon over, and reckons from the number of agents
 * and steps what the other cells will take. What was run is thrown away, so nothing is where models are asked: their
 * answers cost money. */
static void
calibrate(struct sweep *self)
{
    struct sweep_pool *pool = sweep_pool_new(&(struct sweep_pool_options){
        .jobs = 1, .log_folder = self->runs_folder, .work = work, .context = self});
    struct scenario scenario;
    uint64_t epochs = 1, spent_ms = 0;
    double work_total = 0;
    bool asks = false;

    if (sweep_plan_scenario(&self->plan, 0, self->plan.seeds[0], &scenario, NULL) == 0) {
        epochs = scenario.plan.simulation.epochs;
        asks = models_are_asked(yaml_root(scenario.tree));
    }
    scenario_fini(&scenario);
    if (!asks)
        spent_ms = measure(self, pool, TASK_FIRST_EPOCH) * epochs;
    if (spent_ms > 0 && spent_ms <= CALIBRATE_WHOLE_MS)
        spent_ms = measure(self, pool, TASK_WHOLE);
    sweep_pool_destroy(&pool);
    for (uint32_t c = 0; c < self->plan.cell_count; c++)
        work_total += (double)self->plan.cells[c].work * self->plan.seed_count;
    self->outlook.run_seconds = (double)spent_ms / 1000.0;
    self->outlook.seconds = self->outlook.run_seconds * work_total /
                            (double)(self->plan.cells[0].work > 0 ? self->plan.cells[0].work : 1) /
                            (double)self->outlook.jobs;
}

static int
plan_only(struct sweep *self)
{
    const char *parent = getenv("TMPDIR");
    struct buffer text = {0};
    struct why why = {0};

    snprintf(self->runs_folder, sizeof self->runs_folder, "%s/polis-sweep-XXXXXX",
        parent != NULL && parent[0] == '/' ? parent : "/tmp");
    if (mkdtemp(self->runs_folder) != NULL) {
        self->runs = (struct sweep_runs){.plan = &self->plan, .folder = self->runs_folder};
        calibrate(self);
        if (sweep_run_remove(self->runs_folder, &why) != 0)
            talk_warn("%s", why.text);
    }
    if (invocation_has(self->invocation, "json"))
        sweep_show_plan_json(&self->plan, &self->outlook, &text);
    else
        sweep_show_plan(&self->plan, &self->outlook, &text);
    return talk_give(&text);
}

static void
warn_of_waste(const struct sweep *self)
{
    struct scenario scenario;

    if (self->runs.keep == SWEEP_KEEP_NONE &&
        sweep_plan_scenario(&self->plan, 0, self->plan.seeds[0], &scenario, NULL) == 0) {
        if (models_are_asked(yaml_root(scenario.tree)))
            talk_warn("models' answers go with the folders of their runs; --keep all keeps what was paid for");
        scenario_fini(&scenario);
    }
}

static void
say_plan(struct sweep *self)
{
    struct buffer text = {0};

    if (invocation_has(self->invocation, "quiet"))
        return;
    calibrate(self);
    sweep_show_plan(&self->plan, &self->outlook, &text);
    buffer_append(&text, "", 1);
    for (char *line = strtok((char *)text.data, "\n"); line != NULL; line = strtok(NULL, "\n"))
        talk_line(line);
    buffer_fini(&text);
}

/* ---- while it runs ---- */

static uint64_t
count_needed(const struct sweep *self)
{
    const uint32_t *needs = sweep_stop_needs(self->stopper);
    uint64_t needed = 0;

    for (uint32_t c = 0; c < self->plan.cell_count; c++)
        needed += needs[c];
    return needed;
}

/* One line that is rewritten on a terminal; elsewhere a plain one each tenth of the way. */
static void
show_progress(struct sweep *self, uint64_t known)
{
    uint64_t done = known + self->ended, needed = count_needed(self);
    uint64_t spent_ms = clock_ms() - self->started_ms;
    uint64_t left = needed > done ? needed - done : 0;
    char line[200], time[TEXT_NUMBER_SIZE] = "";

    if (self->ended > 0)
        text_format_duration(spent_ms * left / self->ended, time);
    snprintf(line, sizeof line, "%" PRIu64 "/%" PRIu64 " runs  %.1f a second  %s left", done, needed,
        (double)self->ended * 1000.0 / (double)(spent_ms > 0 ? spent_ms : 1), time);
    if (talk_is_terminal()) {
        talk_progress(line);
    } else if (needed > 0 && done * 10 / needed > self->shown_tenth) {
        self->shown_tenth = done * 10 / needed;
        talk_say("%s", line);
    }
}

/* What came back goes to the journal and to the results by the same words, so that a sweep that is resumed from its
 * journal has the same results. */
static int
take_report(struct sweep *self, struct sweep_pool_report *report, bool answered, struct why *why)
{
    uint32_t cell = (uint32_t)(report->task / self->plan.seed_count);
    uint32_t replicate = (uint32_t)(report->task % self->plan.seed_count);
    char path[FOLDER_PATH_SIZE];
    int error;

    if (!answered) {
        sweep_results_format_failed(&self->plan, cell, replicate, report->reason, &report->answer);
        sweep_run_path(&self->runs, cell, replicate, path);
        if (self->runs.keep == SWEEP_KEEP_NONE && sweep_run_remove(path, why) != 0)
            talk_warn("%s", why->text);
    }
    error = sweep_results_take(
        self->results, (const char *)report->answer.data, report->answer.size, &cell, &replicate, why);
    if (error == 0)
        error = sweep_journal_add(&self->journal, &report->answer, clock_ms(), why);
    self->ended++;
    buffer_fini(&report->answer);
    return error;
}

/* Gives every idle process something to do, as long as there is something. */
static int
feed(struct sweep *self, struct why *why)
{
    uint32_t cell, replicate;
    int error = 0;

    while (error == 0 && sweep_pool_idle(self->pool) > 0 && sweep_stop_next(self->stopper, &cell, &replicate))
        error = sweep_pool_give(self->pool, (uint64_t)cell * self->plan.seed_count + replicate, why);
    return error;
}

static int
run_all(struct sweep *self, uint64_t known, struct why *why)
{
    int error = 0;

    sweep_stop_look(self->stopper);
    while (error == 0 && !self->interrupted && !sweep_stop_ended(self->stopper)) {
        struct sweep_pool_report report = {0};
        enum sweep_pool_event event;

        if ((error = feed(self, why)) != 0)
            break;
        event = sweep_pool_wait(self->pool, self->signal_fd, SHOW_MS, &report);
        if (event == SWEEP_POOL_SIGNAL) {
            enum actor_signal signal;

            while (signals_read(self->signal_fd, &signal))
                self->interrupted = self->interrupted || signal == ACTOR_FINISH || signal == ACTOR_CHECKPOINT;
        } else if (event != SWEEP_POOL_NOTHING) {
            error = take_report(self, &report, event == SWEEP_POOL_ANSWER, why);
            sweep_stop_look(self->stopper);
        }
        show_progress(self, known);
    }
    talk_progress("");
    return error;
}

/* ---- after the end ---- */

static int
write_results(const struct sweep *self, struct why *why)
{
    const uint32_t *rows = sweep_stop_needs(self->stopper);
    struct buffer text = {0};
    int error;

    sweep_results_write_rows(self->results, rows, &text);
    error = write_file(self, "results.csv", &text, why);
    buffer_clear(&text);
    sweep_results_write_summary(self->results, rows, &text);
    if (error == 0)
        error = write_file(self, "summary.csv", &text, why);
    buffer_fini(&text);
    return error;
}

static int
conclude(struct sweep *self)
{
    const uint32_t *rows = sweep_stop_needs(self->stopper);
    uint64_t failed = sweep_show_count_failed(self->results, &self->plan, rows);
    struct buffer text = {0};
    char spent[TEXT_NUMBER_SIZE];
    int status = 0;

    if (invocation_has(self->invocation, "json"))
        sweep_show_json(self->results, &self->plan, rows, self->folder, &text);
    else if (!invocation_has(self->invocation, "quiet"))
        sweep_show_tables(self->results, &self->plan, rows, &text);
    status = talk_give(&text);
    text_format_duration(clock_ms() - self->started_ms, spent);
    talk_say("%" PRIu64 " runs in %s: a row each in %s/results.csv, estimates in %s/summary.csv", self->ended, spent,
        self->folder, self->folder);
    if (failed == 0)
        return status;
    talk_error("%" PRIu64 " run%s failed and %s NA in the tables; try them again with\n  polis sweep --resume %s",
        failed, failed == 1 ? "" : "s", failed == 1 ? "is" : "are", self->folder);
    return status != 0 ? status : EXIT_FAILED;
}

static int
tell_interrupted(const struct sweep *self)
{
    talk_say("%sThe sweep is not complete.%s What has ended is kept; go on with:\n  polis sweep --resume %s",
        talk_strong(), talk_plain(), self->folder);
    return EX_TEMPFAIL;
}

/* ---- the command ---- */

static int
run_missing(struct sweep *self, uint64_t known, bool resumed, struct why *why)
{
    int error = make_runs_folder(self, why);

    if (error != 0)
        return error;
    tidy_runs_folder(self);
    if ((error = make_runs_folder(self, why)) != 0)
        return error;
    if (!resumed) {
        warn_of_waste(self);
        say_plan(self);
    }
    self->stopper = sweep_stop_new(&self->plan, self->results);
    self->pool = sweep_pool_new(&(struct sweep_pool_options){
        .jobs = self->outlook.jobs, .log_folder = self->runs_folder, .work = work, .context = self});
    self->started_ms = clock_ms();
    error = run_all(self, known, why);
    sweep_pool_destroy(&self->pool);
    tidy_runs_folder(self);
    return error;
}

/* The folder and the plan are there: opens the journal, runs what is missing, writes the tables. */
static int
go(struct sweep *self, const struct buffer *file, bool resumed)
{
    char path[FOLDER_PATH_SIZE];
    struct why why = {0}, closing = {0};
    uint64_t known;
    int error;

    self->results = sweep_results_new(&self->plan);
    snprintf(path, sizeof path, "%s/journal.jsonl", self->folder);
    if (sweep_journal_open(path, file, self->results, &self->journal, &why) != 0) {
        sweep_results_destroy(&self->results);
        return talk_failure(&why);
    }
    known = sweep_results_forget_failed(self->results);
    if (resumed)
        talk_say("%s goes on: %" PRIu64 " runs are there", self->folder, known);
    error = run_missing(self, known, resumed, &why);
    if (sweep_journal_close(&self->journal, &closing) != 0 && error == 0) {
        error = closing.code;
        why = closing;
    }
    if (error == 0 && !self->interrupted)
        error = write_results(self, &why);
    error = error != 0 ? talk_failure(&why) : self->interrupted ? tell_interrupted(self) : conclude(self);
    sweep_stop_destroy(&self->stopper);
    sweep_results_destroy(&self->results);
    return error;
}

/* Whether there is a sweep to go on with; a run has a command of its own for that. */
static int
find_begun(const char *path, const char *folder, struct why *why)
{
    char log[FOLDER_PATH_SIZE + 16];

    snprintf(log, sizeof log, "%s/log.mdb", folder);
    if (access(path, F_OK) == 0)
        return 0;
    if (access(folder, F_OK) != 0)
        return fail(why, ERR_MISSING, "there is no sweep at '%.200s'", folder);
    if (access(log, F_OK) == 0)
        return fail(why, ERR_MISSING, "%.200s is a run, not a sweep: polis resume goes on with it", folder);
    return fail(why, ERR_MISSING, "%.200s is no folder of a sweep: there is no sweep.yaml in it", folder);
}

static int
resume(struct sweep *self)
{
    const char *folder = invocation_text(self->invocation, "resume", "");
    static const char *const fixed[] = {"set", "seeds", "out"};
    struct sweep_asked asked = {0};
    struct buffer file = {0};
    char path[FOLDER_PATH_SIZE];
    struct why why = {0};
    int status;

    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (invocation_has(self->invocation, fixed[i])) {
            talk_error("--%s cannot go with --resume: a sweep stays what it was begun as", fixed[i]);
            return EX_USAGE;
        }
    snprintf(self->folder, sizeof self->folder, "%.*s", (int)(sizeof self->folder - 1), folder);
    snprintf(path, sizeof path, "%s/sweep.yaml", self->folder);
    if (find_begun(path, folder, &why) != 0 || read_whole_file(path, &file, &why) != 0 ||
        sweep_plan_read(path, &asked, &self->plan, &why) != 0)
        status = talk_failure(&why);
    else if (invocation_has(self->invocation, "dry-run"))
        status = plan_only(self);
    else
        status = go(self, &file, true);
    buffer_fini(&file);
    return status;
}

static int
begin(struct sweep *self)
{
    const struct invocation *invocation = self->invocation;
    const char *overrides[OVERRIDE_MAX];
    struct sweep_asked asked = {.overrides = overrides};
    struct buffer file = {0};
    char path[LIBRARY_PATH_SIZE];
    struct why why = {0};
    const char *text;
    uint32_t cursor = 0;
    int status;

    while (asked.override_count < OVERRIDE_MAX && (text = invocation_next(invocation, "set", &cursor)) != NULL)
        overrides[asked.override_count++] = text;
    asked.seed_count = (uint32_t)invocation_number(invocation, "seeds", 0);
    if (library_find(&library_sweeps, invocation->words[0], NULL, path, &why) != 0 ||
        sweep_plan_read(path, &asked, &self->plan, &why) != 0)
        return talk_failure(&why);
    if (invocation_has(invocation, "dry-run"))
        return plan_only(self);
    if (create_folder(self, &why) != 0) {
        talk_error("%s", why.text);
        return EX_CANTCREAT;
    }
    sweep_plan_write(&self->plan, &file);
    status = go(self, &file, false);
    buffer_fini(&file);
    return status;
}

static int
read_keep(const struct invocation *invocation, enum sweep_keep *out)
{
    static const char *const words[] = {"none", "failed", "all"};
    const char *asked = invocation_text(invocation, "keep", "none");

    for (int i = 0; i < 3; i++)
        if (strcmp(asked, words[i]) == 0) {
            *out = (enum sweep_keep)i;
            return 0;
        }
    talk_error("--keep takes none, failed or all, not '%.60s'", asked);
    return EX_USAGE;
}

static int
list_sweeps(const struct invocation *invocation)
{
    struct buffer text = {0};

    library_write(&library_sweeps, invocation_has(invocation, "names"), &text);
    if (text.size == 0)
        talk_say("no sweeps found; POLIS_SWEEPS may name a folder of them");
    return talk_give(&text);
}

int
sweep_command(const struct invocation *invocation)
{
    struct sweep self = {.invocation = invocation, .signal_fd = -1};
    bool resumed = invocation_has(invocation, "resume");
    int status = read_keep(invocation, &self.runs.keep);

    talk_set_quiet(invocation_has(invocation, "quiet"));
    if (status != 0)
        return status;
    if (invocation_has(invocation, "list") || invocation_has(invocation, "names"))
        return list_sweeps(invocation);
    if (resumed == (invocation->word_count > 0)) {
        talk_error("polis sweep takes either a FILE (polis sweep --list shows those there are) or --resume DIR");
        return EX_USAGE;
    }
    self.outlook.jobs = (uint32_t)invocation_number(invocation, "jobs", count_cores());
    signals_block();
    self.signal_fd = signals_open();
    status = resumed ? resume(&self) : begin(&self);
    sweep_plan_fini(&self.plan);
    close(self.signal_fd);
    return status;
}
