#include "tests/support/llmdouble/double_rig.h"

#include "core/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MS 10000u
#define ANSWER_MOST (256u << 20)

extern char **environ;

uint64_t
double_rig_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t
double_rig_resident(pid_t pid)
{
    char path[64];
    unsigned long long size = 0, resident = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &size, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- the process ---- */

const char *
double_rig_binary(void)
{
    const char *binary = getenv("POLIS_LLMDOUBLE");

    return binary != NULL && binary[0] != '\0' ? binary : "build/" POLIS_VARIANT "/tests/support/llmdouble/llmdouble";
}

static bool
read_line(int fd, char *line, size_t size)
{
    uint64_t deadline = double_rig_now_ms() + 10000;
    size_t used = 0;

    while (used + 1 < size && double_rig_now_ms() < deadline) {
        struct pollfd ready = {fd, POLLIN, 0};

        if (poll(&ready, 1, 100) <= 0)
            continue;
        if (read(fd, line + used, 1) != 1)
            return false;
        line[++used] = '\0';
        if (line[used - 1] == '\n')
            return true;
    }
    return false;
}

bool
double_rig_start(struct double_rig *self, const char *rules_path)
{
    char *words[] = {"llmdouble", "--parent", rules_path != NULL ? "--rules" : NULL, (char *)(uintptr_t)rules_path,
                     NULL};
    posix_spawn_file_actions_t actions;
    unsigned port = 0, control = 0;
    char line[100] = "";
    int pipe_fds[2], error;

    *self = (struct double_rig){0};
    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        return false;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
    error = posix_spawn(&self->pid, double_rig_binary(), &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_fds[1]);
    if (error == 0 && read_line(pipe_fds[0], line, sizeof line) &&
        sscanf(line, "listening %u %u", &port, &control) == 2) {
        self->port = (uint16_t)port;
        self->control = (uint16_t)control;
    }
    close(pipe_fds[0]);
    return port != 0;
}

int
double_rig_stop(struct double_rig *self)
{
    uint64_t deadline = double_rig_now_ms() + 5000;
    struct double_rig_answer answer = {0};
    int status = -1;

    if (self->pid <= 0)
        return -1;
    if (self->control != 0)
        double_rig_ask(self->control, "POST", "/shutdown", "", NULL, &answer);
    double_rig_answer_fini(&answer);
    while (waitpid(self->pid, &status, WNOHANG) == 0) {
        struct timespec wait = {0, 2000000};

        if (double_rig_now_ms() > deadline)
            kill(self->pid, SIGKILL);
        nanosleep(&wait, NULL);
    }
    self->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- the client ---- */

int
double_rig_connect(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (const struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    close(fd);
    return -1;
}

void
double_rig_answer_fini(struct double_rig_answer *self)
{
    buffer_fini(&self->head);
    buffer_fini(&self->body);
    buffer_fini(&self->wire);
}

static void
set_terminated(struct buffer *out, const void *bytes, size_t size)
{
    buffer_clear(out);
    buffer_append(out, bytes, size);
    buffer_append(out, "", 1);
    out->size--;
}

/* Takes the chunks apart. True when the last one has come. */
static bool
unchunk(const char *at, const char *end, struct buffer *body)
{
    buffer_clear(body);
    while (at < end) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        size_t size;

        if (line == NULL)
            return false;
        size = strtoul(at, NULL, 16);
        at = line + 1;
        if (size == 0)
            return end - at >= 2;
        if ((size_t)(end - at) < size) {
            buffer_append(body, at, (size_t)(end - at));
            return false;
        }
        buffer_append(body, at, size);
        at += size + 2;
    }
    return false;
}

/* Looks at what has come; true when it is whole. `closed`: nothing more comes. */
static bool
look(struct double_rig_answer *out, bool closed)
{
    const char *wire = (const char *)out->wire.data, *head = wire, *end, *length;
    size_t size = out->wire.size, expected;

    for (;;) {
        end = size == 0 ? NULL : memmem(head, size - (size_t)(head - wire), "\r\n\r\n", 4);
        if (end == NULL)
            return false;
        out->status = atoi(head + 9);
        if (out->status != 100)
            break;
        head = end + 4;
    }
    end += 4;
    set_terminated(&out->head, wire, (size_t)(end - wire));
    if (strstr((const char *)out->head.data, "Transfer-Encoding: chunked") != NULL) {
        bool whole = unchunk(end, wire + size, &out->body);

        buffer_append(&out->body, "", 1);
        out->body.size--;
        return whole;
    }
    set_terminated(&out->body, end, size - (size_t)(end - wire));
    length = strstr((const char *)out->head.data, "Content-Length: ");
    if (length == NULL)
        return out->status == 204 || closed;
    expected = strtoul(length + 16, NULL, 10);
    return out->body.size >= expected;
}

void
double_rig_exchange(int fd, const void *bytes, size_t size, uint32_t deadline_ms, size_t most,
                    struct double_rig_answer *out)
{
    uint64_t start = double_rig_now_ms(), now = start;

    double_rig_answer_fini(out);
    *out = (struct double_rig_answer){.end = DOUBLE_RIG_LATE};
    for (size_t sent = 0; sent < size;) {
        ssize_t step = send(fd, (const char *)bytes + sent, size - sent, MSG_NOSIGNAL);

        if (step <= 0)
            break; /* an answer may be there all the same */
        sent += (size_t)step;
    }
    for (; now < start + deadline_ms; now = double_rig_now_ms()) {
        struct pollfd ready = {fd, POLLIN, 0};
        ssize_t step;

        if (poll(&ready, 1, (int)(start + deadline_ms - now)) <= 0)
            continue;
        buffer_reserve(&out->wire, 65536);
        step = recv(fd, out->wire.data + out->wire.size, 65536, 0);
        if (step <= 0) {
            bool whole = look(out, true);

            out->end = step < 0 ? DOUBLE_RIG_RESET : whole ? DOUBLE_RIG_WHOLE : DOUBLE_RIG_CLOSED;
            break;
        }
        out->wire.size += (size_t)step;
        out->reads++;
        if (out->wire.size > most) {
            out->end = DOUBLE_RIG_ENOUGH;
            break;
        }
        if (out->wire.size < (1u << 20) || out->reads % 64 == 0 || step < 65536)
            if (look(out, false)) {
                out->end = DOUBLE_RIG_WHOLE;
                break;
            }
    }
    if (out->end == DOUBLE_RIG_LATE || out->end == DOUBLE_RIG_ENOUGH)
        (void)look(out, false);
    out->took_ms = double_rig_now_ms() - start;
}

void
double_rig_request(struct buffer *out, const char *method, const char *target, const char *headers, const char *body)
{
    buffer_clear(out);
    text_addf(out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s", method, target, headers);
    if (body != NULL)
        text_addf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    text_add(out, "\r\n");
    if (body != NULL)
        text_add(out, body);
}

void
double_rig_ask(uint16_t port, const char *method, const char *target, const char *headers, const char *body,
               struct double_rig_answer *out)
{
    struct buffer request = {0};
    int fd = double_rig_connect(port);

    if (fd < 0) {
        double_rig_answer_fini(out);
        *out = (struct double_rig_answer){.end = DOUBLE_RIG_RESET};
        return;
    }
    double_rig_request(&request, method, target, headers, body);
    double_rig_exchange(fd, request.data, request.size, ANSWER_MS, ANSWER_MOST, out);
    buffer_fini(&request);
    close(fd);
}

bool
double_rig_rules(const struct double_rig *self, const char *yaml, struct double_rig_answer *out)
{
    double_rig_ask(self->control, "PUT", "/rules", "", yaml, out);
    return out->status == 200;
}
