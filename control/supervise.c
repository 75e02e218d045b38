#include "control/supervise.h"

#include "bus/signals.h"
#include "control/restart.h"
#include "core/arena.h"
#include "core/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define CHILD_MAX 1100u
#define PATH_SIZE 4096u
#define TAIL_SIZE 65536u

enum child_state { CHILD_IDLE, CHILD_RUNNING, CHILD_WAITING, CHILD_ENDED };

struct child {
    struct supervise_child is;
    enum child_state state;
    pid_t pid;
    int pidfd;
    struct restart restart;
    uint64_t due_ms;     /* waiting: when it is started again */
    char log[PATH_SIZE]; /* "" when its words are not caught */
    off_t log_read;      /* how far its words were looked at */
};

enum phase { PHASE_RUNNING, PHASE_FINISHING, PHASE_STOPPING, PHASE_DONE };

struct supervisor {
    struct supervise_options options;
    struct child *children;
    uint32_t child_count;
    enum phase phase;
    enum supervise_interrupt interrupt;
    uint32_t stage;       /* stopping: the one that was told to end */
    uint64_t deadline_ms; /* finishing, stopping: then comes SIGKILL */
    int status;
    int signal_fd;
    uint32_t restarts;
};

/* ---- small things ---- */

static uint64_t
clock_now(struct supervisor *self)
{
    struct timespec now;

    if (self->options.clock_ms != NULL)
        return self->options.clock_ms(self->options.context);
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static uint32_t
draw_random(struct supervisor *self)
{
    uint32_t value = 0;

    if (self->options.random != NULL)
        return self->options.random(self->options.context);
    if (getrandom(&value, sizeof value, GRND_NONBLOCK) < 0)
        value = (uint32_t)clock_now(self);
    return value;
}

__attribute__((format(printf, 3, 4))) static void
say(struct supervisor *self, enum log_level level, const char *format, ...)
{
    char text[512];
    va_list arguments;

    if (self->options.say == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    self->options.say(self->options.context, level, text);
}

struct supervisor *
supervise_new(const struct supervise_options *options)
{
    struct supervisor *self = ALLOC(struct supervisor);

    self->options = *options;
    if (self->options.finish_ms == 0)
        self->options.finish_ms = 30000;
    if (self->options.stop_ms == 0)
        self->options.stop_ms = 3000;
    self->children = ALLOC_ARRAY(struct child, CHILD_MAX);
    self->signal_fd = options->signals ? signals_open() : -1;
    return self;
}

void
supervise_add(struct supervisor *self, const struct supervise_child *child)
{
    struct child *added = &self->children[self->child_count];

    ASSERT(self->child_count < CHILD_MAX && self->phase == PHASE_RUNNING);

    self->child_count++;
    added->is = *child;
    added->pidfd = -1;
    if (self->options.log_folder != NULL)
        snprintf(
            added->log, sizeof added->log, "%s/%s.%u", self->options.log_folder, child->name, (unsigned)child->number);
}

/* ---- starting ---- */

static int
prepare_files(posix_spawn_file_actions_t *files, const struct child *child)
{
    int error = posix_spawn_file_actions_init(files);

    if (error != 0 || child->log[0] == '\0')
        return error;
    error = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (error == 0)
        error = posix_spawn_file_actions_addopen(files, STDOUT_FILENO, child->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(files, STDOUT_FILENO, STDERR_FILENO);
    return error;
}

/* No signal is blocked or ignored in a child, and it is its own process group: an INT typed at the terminal reaches
 * the supervisor alone. */
static int
prepare_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    int error = posix_spawnattr_init(attributes);

    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    if (error == 0)
        error = posix_spawnattr_setflags(
            attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    if (error == 0)
        error = posix_spawnattr_setsigmask(attributes, &none);
    if (error == 0)
        error = posix_spawnattr_setsigdefault(attributes, &all);
    if (error == 0)
        error = posix_spawnattr_setpgroup(attributes, 0);
    return error;
}

static int
start_child(struct supervisor *self, struct child *child, struct why *why)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int error = prepare_files(&files, child);

    if (error == 0)
        error = prepare_attributes(&attributes);
    if (error == 0)
        error = posix_spawn(&child->pid, child->is.program, &files, &attributes, child->is.arguments,
            child->is.environment != NULL ? child->is.environment : environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (error != 0)
        return fail_errno(why, ERR_IO, error, "cannot start %s.%u", child->is.name, (unsigned)child->is.number);
    /* The child is not yet waited for, so its id cannot have gone to another process. */
    child->pidfd = pidfd_open(child->pid, 0);
    if (child->pidfd < 0) {
        error = errno;
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
        return fail_errno(why, ERR_IO, error, "cannot watch %s.%u", child->is.name, (unsigned)child->is.number);
    }
    child->state = CHILD_RUNNING;
    restart_started(&child->restart, clock_now(self));
    say(self, LOG_LEVEL_DEBUG, "%s.%u started as process %d", child->is.name, (unsigned)child->is.number,
        (int)child->pid);
    return 0;
}

int
supervise_start(struct supervisor *self, struct why *why)
{
    uint32_t last_stage = 0;

    for (uint32_t i = 0; i < self->child_count; i++)
        last_stage = self->children[i].is.stage > last_stage ? self->children[i].is.stage : last_stage;
    for (uint32_t stage = 0; stage <= last_stage; stage++)
        for (uint32_t i = 0; i < self->child_count; i++) {
            int error;

            if (self->children[i].is.stage == stage && (error = start_child(self, &self->children[i], why)) != 0)
                return error;
        }
    return 0;
}

/* ---- what children say ---- */

static void
echo_lines(struct supervisor *self, char *text)
{
    char *line = text;
    char *end;

    for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        if (strstr(line, ": error: ") != NULL)
            say(self, LOG_ERROR, "%s", line);
        else if (strstr(line, ": warning: ") != NULL || strstr(line, "broken promise") != NULL ||
                 strstr(line, "ERROR: ") != NULL)
            say(self, LOG_LEVEL_WARNING, "%s", line);
    }
}

/* Passes on warnings and errors that a child has written since the last look; whole lines only. */
static void
follow_log(struct supervisor *self, struct child *child)
{
    static char text[TAIL_SIZE + 1];
    ssize_t size;
    int fd;

    if (child->log[0] == '\0' || (fd = open(child->log, O_RDONLY | O_CLOEXEC)) < 0)
        return;
    while ((size = pread(fd, text, TAIL_SIZE, child->log_read)) > 0) {
        text[size] = '\0';
        if (strrchr(text, '\n') != NULL)
            size = strrchr(text, '\n') - text + 1;
        else if ((size_t)size < TAIL_SIZE)
            break;
        text[size] = '\0';
        child->log_read += size;
        echo_lines(self, text);
    }
    close(fd);
}

/* ---- stopping ---- */

static void
signal_child(struct child *child, int signal)
{
    if (child->state == CHILD_RUNNING)
        (void)pidfd_send_signal(child->pidfd, signal, NULL, 0);
}

static bool
is_alive(const struct child *child)
{
    return child->state == CHILD_RUNNING;
}

/* Tells the highest stage that is alive to end; DONE when there is none. */
static void
stop_next_stage(struct supervisor *self)
{
    bool found = false;

    for (uint32_t i = 0; i < self->child_count; i++)
        if (is_alive(&self->children[i]) && (!found || self->children[i].is.stage > self->stage)) {
            self->stage = self->children[i].is.stage;
            found = true;
        }
    if (!found) {
        self->phase = PHASE_DONE;
        return;
    }
    self->deadline_ms = clock_now(self) + self->options.stop_ms;
    for (uint32_t i = 0; i < self->child_count; i++)
        if (self->children[i].is.stage == self->stage)
            signal_child(&self->children[i], SIGTERM);
}

static void
begin_stop(struct supervisor *self, int status)
{
    if (self->phase == PHASE_STOPPING || self->phase == PHASE_DONE)
        return;
    self->phase = PHASE_STOPPING;
    self->status = status;
    for (uint32_t i = 0; i < self->child_count; i++)
        if (self->children[i].state == CHILD_WAITING)
            self->children[i].state = CHILD_ENDED;
    stop_next_stage(self);
}

void
supervise_interrupt(struct supervisor *self, enum supervise_interrupt how)
{
    bool main_runs = false;

    if (self->phase == PHASE_DONE)
        return;
    if (how == SUPERVISE_NOW) {
        self->interrupt = how;
        begin_stop(self, 128 + SIGINT);
        self->status = 128 + SIGINT;
        for (uint32_t i = 0; i < self->child_count; i++)
            signal_child(&self->children[i], SIGKILL);
        return;
    }
    if (self->phase != PHASE_RUNNING)
        return;
    self->interrupt = how;
    self->phase = PHASE_FINISHING;
    self->deadline_ms = clock_now(self) + self->options.finish_ms;
    for (uint32_t i = 0; i < self->child_count; i++)
        if (self->children[i].is.part == SUPERVISE_MAIN && self->children[i].state == CHILD_RUNNING) {
            signal_child(&self->children[i], how == SUPERVISE_FINISH ? SIGINT : SIGTERM);
            main_runs = true;
        }
    if (!main_runs) /* it is waiting for its restart: what it committed is kept */
        begin_stop(self, EX_TEMPFAIL);
}

/* ---- ends of children ---- */

static bool
is_final(const siginfo_t *end)
{
    return end->si_code == CLD_EXITED && end->si_status >= EX__BASE && end->si_status <= EX__MAX;
}

/* The end of the run, or a stop that somebody asked for: to be resumed. */
static bool
is_orderly(const siginfo_t *end)
{
    return end->si_code == CLD_EXITED && (end->si_status == 0 || end->si_status == EX_TEMPFAIL);
}

static bool
has_sibling(const struct supervisor *self, const struct child *child)
{
    for (uint32_t i = 0; i < self->child_count; i++) {
        const struct child *other = &self->children[i];

        if (other != child && strcmp(other->is.name, child->is.name) == 0 &&
            (other->state == CHILD_RUNNING || other->state == CHILD_WAITING))
            return true;
    }
    return false;
}

/* The child does not come back. */
static void
lose_child(struct supervisor *self, struct child *child, int status)
{
    child->state = CHILD_ENDED;
    if (child->is.part == SUPERVISE_SPARE && has_sibling(self, child)) {
        say(self, LOG_LEVEL_WARNING, "going on without %s.%u", child->is.name, (unsigned)child->is.number);
        return;
    }
    say(self, LOG_ERROR, "cannot go on without %s.%u", child->is.name, (unsigned)child->is.number);
    begin_stop(self, status);
}

static void
describe_end(struct supervisor *self, const struct child *child, const siginfo_t *end)
{
    enum log_level level = self->phase == PHASE_RUNNING ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG;

    if (is_orderly(end))
        say(self, LOG_LEVEL_DEBUG, "%s.%u has ended", child->is.name, (unsigned)child->is.number);
    else if (end->si_code == CLD_EXITED)
        say(self, level, "%s.%u ended with status %d", child->is.name, (unsigned)child->is.number, end->si_status);
    else
        say(self, level, "%s.%u was ended by signal %d (%s)", child->is.name, (unsigned)child->is.number,
            end->si_status, strsignal(end->si_status));
}

static void
restart_or_lose(struct supervisor *self, struct child *child)
{
    uint64_t now_ms = clock_now(self);
    uint32_t wait_ms = 0;

    if (restart_ended(&child->restart, now_ms, draw_random(self), &wait_ms)) {
        child->state = CHILD_WAITING;
        child->due_ms = now_ms + wait_ms;
        return;
    }
    say(self, LOG_ERROR, "%s.%u ended more than %u times in %u s", child->is.name, (unsigned)child->is.number,
        RESTART_INTENSITY, RESTART_WINDOW_MS / 1000);
    lose_child(self, child, EX_SOFTWARE);
}

static void
take_end(struct supervisor *self, struct child *child)
{
    siginfo_t end = {0};

    if (waitid(P_PIDFD, (id_t)child->pidfd, &end, WEXITED | WNOHANG) != 0 || end.si_pid == 0)
        return;
    close(child->pidfd);
    child->pidfd = -1;
    child->pid = 0;
    child->state = CHILD_ENDED;
    follow_log(self, child);
    describe_end(self, child, &end);
    if (self->phase == PHASE_STOPPING)
        return;
    if (child->is.part == SUPERVISE_MAIN && is_orderly(&end))
        begin_stop(self, end.si_status);
    else if (child->is.part == SUPERVISE_MAIN && self->phase == PHASE_FINISHING)
        begin_stop(self, is_final(&end) ? end.si_status : EX_SOFTWARE);
    else if (is_final(&end))
        lose_child(self, child, end.si_status);
    else
        restart_or_lose(self, child);
}

/* ---- the loop's step ---- */

static void
take_signals(struct supervisor *self)
{
    enum actor_signal signal;

    while (self->signal_fd >= 0 && signals_read(self->signal_fd, &signal)) {
        if (signal == ACTOR_FINISH && self->phase == PHASE_RUNNING) {
            say(self, LOG_LEVEL_INFO, "finishing the step; once more to stop at once");
            supervise_interrupt(self, SUPERVISE_FINISH);
        } else if (signal == ACTOR_FINISH) {
            supervise_interrupt(self, SUPERVISE_NOW);
        } else if (signal == ACTOR_CHECKPOINT) {
            supervise_interrupt(self, SUPERVISE_CHECKPOINT);
        }
    }
}

static void
start_due(struct supervisor *self, uint64_t now_ms)
{
    for (uint32_t i = 0; i < self->child_count; i++) {
        struct child *child = &self->children[i];
        struct why why = {0};

        if (child->state != CHILD_WAITING || child->due_ms > now_ms)
            continue;
        if (start_child(self, child, &why) != 0) {
            say(self, LOG_ERROR, "%s", why.text);
            restart_or_lose(self, child);
            continue;
        }
        self->restarts++;
        say(self, LOG_LEVEL_INFO, "%s.%u is back", child->is.name, (unsigned)child->is.number);
    }
}

static void
keep_deadlines(struct supervisor *self, uint64_t now_ms)
{
    if (self->phase == PHASE_FINISHING && now_ms >= self->deadline_ms) {
        say(self, LOG_LEVEL_WARNING, "the step takes too long; what was committed is kept");
        begin_stop(self, EX_TEMPFAIL);
    } else if (self->phase == PHASE_STOPPING && now_ms >= self->deadline_ms) {
        for (uint32_t i = 0; i < self->child_count; i++)
            if (self->children[i].is.stage >= self->stage)
                signal_child(&self->children[i], SIGKILL);
        self->deadline_ms = now_ms + self->options.stop_ms;
    }
}

static int
poll_timeout(struct supervisor *self, uint32_t timeout_ms, uint64_t now_ms)
{
    uint64_t until = now_ms + timeout_ms;

    for (uint32_t i = 0; i < self->child_count; i++)
        if (self->children[i].state == CHILD_WAITING && self->children[i].due_ms < until)
            until = self->children[i].due_ms;
    if (self->phase != PHASE_RUNNING && self->deadline_ms < until)
        until = self->deadline_ms;
    until = until > now_ms ? until - now_ms : 0;
    return until < 60000 ? (int)until : 60000;
}

static bool
stage_has_ended(const struct supervisor *self)
{
    for (uint32_t i = 0; i < self->child_count; i++)
        if (is_alive(&self->children[i]) && self->children[i].is.stage >= self->stage)
            return false;
    return true;
}

bool
supervise_poll(struct supervisor *self, uint32_t timeout_ms)
{
    static struct pollfd fds[CHILD_MAX + 1];
    uint64_t now_ms = clock_now(self);

    if (self->phase == PHASE_DONE)
        return false;
    /* poll() passes over entries whose descriptor is negative: children without a process, and no signals. */
    for (uint32_t i = 0; i < self->child_count; i++)
        fds[i] = (struct pollfd){.fd = self->children[i].pidfd, .events = POLLIN};
    fds[self->child_count] = (struct pollfd){.fd = self->signal_fd, .events = POLLIN};
    (void)poll(fds, self->child_count + 1, poll_timeout(self, timeout_ms, now_ms));

    take_signals(self);
    for (uint32_t i = 0; i < self->child_count; i++) {
        if (self->children[i].state == CHILD_RUNNING)
            follow_log(self, &self->children[i]);
        if (self->children[i].state == CHILD_RUNNING && (fds[i].revents & (POLLIN | POLLHUP)) != 0)
            take_end(self, &self->children[i]);
    }
    now_ms = clock_now(self);
    if (self->phase == PHASE_RUNNING || self->phase == PHASE_FINISHING)
        start_due(self, now_ms);
    keep_deadlines(self, now_ms);
    if (self->phase == PHASE_STOPPING && stage_has_ended(self))
        stop_next_stage(self);
    return self->phase != PHASE_DONE;
}

/* ---- looking ---- */

int
supervise_status(const struct supervisor *self)
{
    return self->status;
}

enum supervise_interrupt
supervise_interrupted(const struct supervisor *self)
{
    return self->interrupt;
}

int
supervise_pid(const struct supervisor *self, const char *name, uint32_t number)
{
    for (uint32_t i = 0; i < self->child_count; i++)
        if (self->children[i].is.number == number && strcmp(self->children[i].is.name, name) == 0)
            return self->children[i].state == CHILD_RUNNING ? (int)self->children[i].pid : 0;
    return 0;
}

uint32_t
supervise_restarts(const struct supervisor *self)
{
    return self->restarts;
}

void
supervise_destroy(struct supervisor **self_p)
{
    struct supervisor *self = *self_p;

    if (self == NULL)
        return;
    for (uint32_t i = 0; i < self->child_count; i++) {
        struct child *child = &self->children[i];

        if (child->state != CHILD_RUNNING)
            continue;
        signal_child(child, SIGKILL);
        (void)waitid(P_PIDFD, (id_t)child->pidfd, &(siginfo_t){0}, WEXITED);
        close(child->pidfd);
    }
    if (self->signal_fd >= 0)
        close(self->signal_fd);
    free(self->children);
    free(self);
    *self_p = NULL;
}
