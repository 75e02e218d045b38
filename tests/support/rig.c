#include "tests/support/rig.h"

#include "control/folder.h"
#include "control/scenario.h"
#include "core/digest.h"
#include "tests/support/test.h"
#include "world/store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

const char *
rig_binary(void)
{
    const char *binary = getenv("POLIS_BINARY");

    return binary != NULL && binary[0] != '\0' ? binary : "build/release/polis";
}

uint64_t
rig_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void
rig_sleep_ms(unsigned ms)
{
    struct timespec wait = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&wait, NULL);
}

/* ---- commands ---- */

static pid_t
spawn(const char *binary, const char *const *words, int output_fd, char *const *environment)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    char *arguments[64];
    size_t count = 0;
    pid_t pid = 0;
    int error;

    arguments[count++] = (char *)(uintptr_t)binary;
    for (size_t i = 0; words[i] != NULL && count < 63; i++)
        arguments[count++] = (char *)(uintptr_t)words[i];
    arguments[count] = NULL;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (output_fd >= 0) {
        posix_spawn_file_actions_adddup2(&actions, output_fd, 1);
        posix_spawn_file_actions_adddup2(&actions, output_fd, 2);
    }
    error = posix_spawn(&pid, binary, &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error == 0 ? pid : 0;
}

static int
decode(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

int
rig_command(const char *binary, const char *const *words, unsigned seconds, char *output, size_t output_size)
{
    int pipe_fds[2], status = 0;
    uint64_t deadline = rig_now_ms() + seconds * 1000u;
    size_t used = 0;
    bool late = false;
    pid_t pid;

    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        abort();
    pid = spawn(binary, words, pipe_fds[1], environ);
    close(pipe_fds[1]);
    assert_true(pid > 0);
    for (;;) {
        struct pollfd ready = {pipe_fds[0], POLLIN, 0};
        uint64_t now = rig_now_ms();
        char piece[4096];
        ssize_t size;

        late = now >= deadline;
        if (late)
            break;
        if (poll(&ready, 1, (int)(deadline - now)) <= 0)
            continue;
        size = read(pipe_fds[0], piece, sizeof piece);
        if (size <= 0)
            break;
        for (ssize_t i = 0; i < size && output != NULL && used + 1 < output_size; i++)
            output[used++] = piece[i];
    }
    if (output != NULL && output_size > 0)
        output[used] = '\0';
    close(pipe_fds[0]);
    if (late)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return late ? 1000 : decode(status);
}

/* ---- runs ---- */

const char *
rig_hash(const char *folder, char out[65])
{
    struct store *store = NULL;
    struct digest digest;
    uint8_t bytes[65536], sum[DIGEST_SIZE];
    ssize_t size;
    int fd = memfd_create("canonical", MFD_CLOEXEC);

    out[0] = '\0';
    if (fd < 0 || store_open_read(folder, &store, NULL) != 0)
        return out;
    if (store_export_canonical(store, fd, NULL) == 0) {
        digest_init(&digest);
        lseek(fd, 0, SEEK_SET);
        while ((size = read(fd, bytes, sizeof bytes)) > 0)
            digest_bytes(&digest, bytes, (size_t)size);
        digest_end(&digest, sum);
        digest_hex(sum, sizeof sum, out);
    }
    close(fd);
    if (store_close(&store, NULL) != 0)
        out[0] = '\0';
    return out;
}

uint64_t
rig_committed(const char *folder)
{
    struct store *store = NULL;
    uint64_t step;

    if (store_open_read(folder, &store, NULL) != 0)
        return 0;
    step = store_committed(store).step;
    (void)!store_close(&store, NULL);
    return step;
}

void
rig_create(const char *folder, const char *scenario, const char *const *overrides)
{
    struct scenario loaded;
    struct why why = {0};
    uint32_t count = 0;
    int error;

    while (overrides != NULL && overrides[count] != NULL)
        count++;
    error = scenario_load(scenario, overrides, count, &loaded, &why);
    if (error == 0) {
        error = folder_create(folder, loaded.tree, &why);
        scenario_fini(&loaded);
    }
    if (error != 0)
        print_error("%s: %s\n", scenario, why.text);
    assert_int_equal(error, 0);
}

/* ---- processes ---- */

pid_t
rig_spawn(const struct rig *self, const char *role)
{
    char parent[16];
    const char *words[] = {role, "--run", self->folder, "--parent", parent, NULL};
    char *environment[512];
    size_t count = 0;
    char path[4200];
    pid_t pid;
    int log;

    for (char **at = environ; *at != NULL && count < 500; at++)
        environment[count++] = *at;
    if (strcmp(role, "world") == 0)
        for (size_t i = 0; i < 4; i++)
            if (self->environment[i][0] != '\0')
                environment[count++] = (char *)(uintptr_t)self->environment[i];
    environment[count] = NULL;
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    snprintf(path, sizeof path, "%s/log/%s.test", self->folder, role);
    log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    pid = spawn(self->binary, words, log, environment);
    if (log >= 0)
        close(log);
    assert_true(pid > 0);
    return pid;
}

static void
start(const struct rig *self, struct rig_process *process, const char *role)
{
    process->role = role;
    if (process->pid == 0)
        process->pid = rig_spawn(self, role);
}

void
rig_start(struct rig *self, uint32_t agents, bool governed)
{
    assert_true(agents <= RIG_PEERS);

    if (self->binary == NULL)
        self->binary = rig_binary();
    start(self, &self->broker, "broker");
    start(self, &self->world, "world");
    if (governed)
        start(self, &self->governance, "governance");
    self->agent_count = agents;
    for (uint32_t i = 0; i < agents; i++)
        start(self, &self->agents[i], "agents");
}

void
rig_kill(struct rig_process *process)
{
    if (process->pid == 0)
        return;
    kill(process->pid, SIGKILL);
    while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    process->pid = 0;
}

int
rig_reap(struct rig_process *process)
{
    int status = 0;

    if (process->pid == 0 || waitpid(process->pid, &status, WNOHANG) != process->pid)
        return -1;
    process->pid = 0;
    return decode(status);
}

static unsigned
revive(struct rig *self, struct rig_process *process)
{
    if (process->role == NULL)
        return 0;
    (void)rig_reap(process);
    if (process->pid != 0)
        return 0;
    process->pid = rig_spawn(self, process->role);
    return 1;
}

unsigned
rig_revive(struct rig *self)
{
    unsigned count = revive(self, &self->broker) + revive(self, &self->governance);

    for (uint32_t i = 0; i < self->agent_count; i++)
        count += revive(self, &self->agents[i]);
    return count;
}

static void
stop_one(struct rig_process *process)
{
    uint64_t deadline = rig_now_ms() + 3000;

    process->role = NULL;
    if (process->pid == 0)
        return;
    kill(process->pid, SIGTERM);
    while (rig_now_ms() < deadline && process->pid != 0) {
        if (rig_reap(process) >= 0)
            return;
        rig_sleep_ms(1);
    }
    rig_kill(process);
}

void
rig_stop(struct rig *self)
{
    stop_one(&self->world);
    for (uint32_t i = 0; i < self->agent_count; i++)
        stop_one(&self->agents[i]);
    stop_one(&self->governance);
    stop_one(&self->broker);
}
