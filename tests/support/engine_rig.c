#include "tests/support/engine_rig.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/test.h"

#define FOLDER "build/engine"
#define START_MS 120000u
#define STOP_MS 20000u

static uint64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the files ---- */

static enum engine_rig_state
set_up(char *why, size_t size)
{
    FILE *script = popen("tests/engine/setup.sh " FOLDER " 2>&1", "r");
    char line[300] = "";
    int status;

    why[0] = '\0';
    if (script == NULL)
        abort();
    while (fgets(line, sizeof line, script) != NULL) { /* the last one says it */
        line[strcspn(line, "\n")] = '\0';
        (void)snprintf(why, size, "%s", line);
    }
    status = pclose(script);
    if (status == 0) {
        why[0] = '\0';
        return ENGINE_RIG_RUNS;
    }
    if (why[0] == '\0')
        (void)snprintf(why, size, "tests/engine/setup.sh ended without a word");
    return WIFEXITED(status) && WEXITSTATUS(status) == 1 ? ENGINE_RIG_UNUSABLE : ENGINE_RIG_BROKEN;
}

/* ---- the process ---- */

/* A line without its end. What there is of it when no whole one comes. */
static void
read_line(int fd, char *line, size_t size)
{
    uint64_t end = now_ms() + START_MS;
    size_t used = 0;

    while (used + 1 < size && now_ms() < end) {
        struct pollfd ready = {fd, POLLIN, 0};

        if (poll(&ready, 1, 1000) <= 0)
            continue;
        if (read(fd, line + used, 1) != 1 || line[used] == '\n')
            break;
        used++;
    }
    line[used] = '\0';
}

static void
spawn(struct engine_rig *self)
{
    char model[5000];
    int in[2], out[2];

    (void)snprintf(model, sizeof model, "%s/model.gguf", test_folder());
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        abort();
    self->pid = fork();
    if (self->pid < 0)
        abort();
    if (self->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(in[0], STDIN_FILENO);
        (void)dup2(out[1], STDOUT_FILENO);
        (void)execlp("node", "node", FOLDER "/server.mjs", model, (char *)NULL);
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    self->in = in[1];
    self->out = out[0];
}

/* Waits for its end, for so long. */
static int
reap(struct engine_rig *self, uint32_t patience_ms)
{
    uint64_t end = now_ms() + patience_ms;
    int status = -1;

    while (waitpid(self->pid, &status, WNOHANG) == 0) {
        if (now_ms() > end)
            (void)kill(self->pid, SIGKILL);
        (void)usleep(2000);
    }
    (void)close(self->out);
    self->pid = 0;
    return status;
}

enum engine_rig_state
engine_rig_start(struct engine_rig *self, char *why, size_t size)
{
    static const char unusable[] = "unusable: ";
    enum engine_rig_state state = set_up(why, size);
    char line[300];
    unsigned port = 0;
    int status;

    *self = (struct engine_rig){0};
    if (state != ENGINE_RIG_RUNS)
        return state;
    spawn(self);
    read_line(self->out, line, sizeof line);
    if (sscanf(line, "listening %u", &port) == 1) {
        self->port = (uint16_t)port;
        return ENGINE_RIG_RUNS;
    }
    (void)close(self->in);
    status = reap(self, STOP_MS);
    if (strncmp(line, unusable, sizeof unusable - 1) == 0) {
        (void)snprintf(why, size, "%s", line + sizeof unusable - 1);
        return ENGINE_RIG_UNUSABLE;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGILL) {
        (void)snprintf(why, size, "this processor lacks instructions that the engine needs");
        return ENGINE_RIG_UNUSABLE;
    }
    (void)snprintf(why, size, "the server does not start (status %d): %s", status, line);
    return ENGINE_RIG_BROKEN;
}

int
engine_rig_stop(struct engine_rig *self, int signal)
{
    int status;

    if (self->pid <= 0)
        return -1;
    if (signal != 0)
        (void)kill(self->pid, signal);
    else
        (void)close(self->in);
    status = reap(self, STOP_MS);
    if (signal != 0)
        (void)close(self->in);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
