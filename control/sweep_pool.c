#include "control/sweep_pool.h"

#include "core/arena.h"
#include "core/assert.h"
#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_SIZE 4200u
#define ERROR_MARK "polis: error: "
#define ANSWER_MAX (64u << 20)

struct job {
    int socket; /* -1: there is no process */
    pid_t process;
    bool busy;
    uint64_t task;
};

struct sweep_pool {
    struct sweep_pool_options options;
    struct job *jobs;
    uint32_t next; /* whose turn it is to be looked at first, so that nobody is left waiting */
};

/* All bytes or false: the other side is gone. */
static bool
read_all(int fd, void *bytes, size_t size)
{
    char *at = bytes;

    while (size > 0) {
        ssize_t done = recv(fd, at, size, 0);

        if (done == 0 || (done < 0 && errno != EINTR))
            return false;
        if (done > 0) {
            at += done;
            size -= (size_t)done;
        }
    }
    return true;
}

static bool
write_all(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;

    while (size > 0) {
        ssize_t done = send(fd, at, size, MSG_NOSIGNAL);

        if (done < 0 && errno != EINTR)
            return false;
        if (done > 0) {
            at += done;
            size -= (size_t)done;
        }
    }
    return true;
}

/* ---- in the other process ---- */

static void
log_path(const struct sweep_pool *self, uint32_t number, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/%u.log", self->options.log_folder, (unsigned)number + 1);
}

/* What is said goes to a file that begins anew with every task: its end is the reason should the task be the last. */
static void
catch_words(const struct sweep_pool *self, uint32_t number)
{
    char path[PATH_SIZE];
    int fd;

    log_path(self, number, path);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)dup2(fd, STDERR_FILENO);
        (void)dup2(fd, STDOUT_FILENO);
        close(fd);
    }
}

__attribute__((noreturn)) static void
serve(struct sweep_pool *self, uint32_t number, int fd, pid_t parent)
{
    uint64_t task;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(1); /* it died before the line above */
    for (uint32_t i = 0; i < self->options.jobs; i++)
        if (self->jobs[i].socket >= 0)
            close(self->jobs[i].socket);
    catch_words(self, number);
    while (read_all(fd, &task, sizeof task)) {
        struct buffer answer = {0};
        uint64_t size;

        (void)!ftruncate(STDERR_FILENO, 0);
        self->options.work(self->options.context, task, &answer);
        size = answer.size;
        if (!write_all(fd, &size, sizeof size) || !write_all(fd, answer.data, answer.size))
            break;
        buffer_fini(&answer);
    }
    _exit(0);
}

/* ---- in this one ---- */

struct sweep_pool *
sweep_pool_new(const struct sweep_pool_options *options)
{
    struct sweep_pool *self = ALLOC(struct sweep_pool);

    ASSERT(options->jobs > 0 && options->jobs <= SWEEP_POOL_MAX && options->work != NULL);

    self->options = *options;
    self->jobs = ALLOC_ARRAY(struct job, options->jobs);
    for (uint32_t i = 0; i < options->jobs; i++)
        self->jobs[i].socket = -1;
    return self;
}

/* Lets go of the process and waits for its end. */
static int
bury(struct job *job)
{
    int status = 0;

    close(job->socket);
    job->socket = -1;
    job->busy = false;
    while (waitpid(job->process, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

void
sweep_pool_destroy(struct sweep_pool **self_p)
{
    struct sweep_pool *self = *self_p;

    if (self == NULL)
        return;
    for (uint32_t i = 0; i < self->options.jobs; i++)
        if (self->jobs[i].socket >= 0)
            kill(self->jobs[i].process, SIGKILL);
    for (uint32_t i = 0; i < self->options.jobs; i++) {
        char path[PATH_SIZE];

        if (self->jobs[i].socket >= 0)
            (void)bury(&self->jobs[i]);
        log_path(self, i, path);
        unlink(path);
    }
    free(self->jobs);
    free(self);
    *self_p = NULL;
}

uint32_t
sweep_pool_idle(const struct sweep_pool *self)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < self->options.jobs; i++)
        count += !self->jobs[i].busy;
    return count;
}

static int
start(struct sweep_pool *self, uint32_t number, struct why *why)
{
    struct job *job = &self->jobs[number];
    pid_t parent = getpid();
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return fail_errno(why, ERR_IO, errno, "no pair of sockets");
    fflush(NULL); /* or the other process would write it as well */
    job->process = fork();
    if (job->process < 0) {
        int error = errno;

        close(pair[0]);
        close(pair[1]);
        return fail_errno(why, ERR_IO, error, "no further process could be made");
    }
    if (job->process == 0) {
        close(pair[0]);
        serve(self, number, pair[1], parent);
    }
    close(pair[1]);
    job->socket = pair[0];
    return 0;
}

int
sweep_pool_give(struct sweep_pool *self, uint64_t task, struct why *why)
{
    uint32_t number = 0;
    struct job *job;
    int error;

    while (number < self->options.jobs && self->jobs[number].busy)
        number++;
    ASSERT(number < self->options.jobs);
    job = &self->jobs[number];
    /* An idle process that has died meanwhile is made again, once. */
    for (uint32_t attempt = 0; attempt < 2; attempt++) {
        if (job->socket < 0 && (error = start(self, number, why)) != 0)
            return error;
        if (write_all(job->socket, &task, sizeof task)) {
            job->busy = true;
            job->task = task;
            return 0;
        }
        kill(job->process, SIGKILL);
        (void)bury(job);
    }
    return fail(why, ERR_IO, "a process that was just made is gone");
}

/* The last two lines that the process said, without warnings: those are no reasons. */
static void
read_last_words(const struct sweep_pool *self, uint32_t number, char *out, size_t size)
{
    char path[PATH_SIZE], text[4096], *rest = text;
    const char *lines[2] = {"", ""};
    FILE *stream;
    size_t used;

    log_path(self, number, path);
    out[0] = '\0';
    if ((stream = fopen(path, "re")) == NULL)
        return;
    if (fseek(stream, -(long)(sizeof text - 1), SEEK_END) != 0)
        rewind(stream);
    used = fread(text, 1, sizeof text - 1, stream);
    fclose(stream);
    text[used] = '\0';
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        if (line[0] == '\0' || strstr(line, "warning: ") != NULL)
            continue;
        lines[0] = lines[1];
        lines[1] = line + (strncmp(line, ERROR_MARK, strlen(ERROR_MARK)) == 0 ? strlen(ERROR_MARK) : 0);
    }
    snprintf(out, size, "%s%s%s", lines[0], lines[0][0] != '\0' ? "; " : "", lines[1]);
}

static void
tell_loss(const struct sweep_pool *self, uint32_t number, int status, char *out, size_t size)
{
    char words[200];

    read_last_words(self, number, words, sizeof words);
    if (WIFSIGNALED(status))
        snprintf(out, size, "its process was ended by signal %d (%s)%s%s", WTERMSIG(status),
            strsignal(WTERMSIG(status)), words[0] != '\0' ? ": " : "", words);
    else
        snprintf(out, size, "its process ended with status %d%s%s", WEXITSTATUS(status), words[0] != '\0' ? ": " : "",
            words);
}

static enum sweep_pool_event
take(struct sweep_pool *self, uint32_t number, struct sweep_pool_report *out)
{
    struct job *job = &self->jobs[number];
    uint64_t size = 0;

    *out = (struct sweep_pool_report){.task = job->task};
    if (read_all(job->socket, &size, sizeof size) && size <= ANSWER_MAX &&
        (size == 0 || read_all(job->socket, buffer_extend(&out->answer, size), size))) {
        job->busy = false;
        read_last_words(self, number, out->reason, sizeof out->reason);
        return size > 0 ? SWEEP_POOL_ANSWER : SWEEP_POOL_LOST;
    }
    buffer_fini(&out->answer);
    kill(job->process, SIGKILL); /* it has ended, or talks nonsense */
    tell_loss(self, number, bury(job), out->reason, sizeof out->reason);
    return SWEEP_POOL_LOST;
}

enum sweep_pool_event
sweep_pool_wait(struct sweep_pool *self, int signal_fd, int timeout_ms, struct sweep_pool_report *out)
{
    struct pollfd polled[SWEEP_POOL_MAX + 1];
    uint32_t jobs = self->options.jobs;

    for (uint32_t i = 0; i < jobs; i++)
        polled[i] = (struct pollfd){.fd = self->jobs[i].busy ? self->jobs[i].socket : -1, .events = POLLIN};
    polled[jobs] = (struct pollfd){.fd = signal_fd, .events = POLLIN};
    if (poll(polled, jobs + 1, timeout_ms) <= 0)
        return SWEEP_POOL_NOTHING;
    if (polled[jobs].revents != 0)
        return SWEEP_POOL_SIGNAL;
    for (uint32_t i = 0; i < jobs; i++) {
        uint32_t number = (self->next + i) % jobs;

        if (polled[number].fd >= 0 && polled[number].revents != 0) {
            self->next = number + 1;
            return take(self, number, out);
        }
    }
    return SWEEP_POOL_NOTHING;
}
