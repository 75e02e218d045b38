#include "bench/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus/clock.h"
#include "core/assert.h"

#define SERVER_IN 8192u

struct late {
    int fd;
    uint64_t due_ms;
};

struct server {
    int epoll;
    size_t sizes[HTTP_FILES]; /* bytes of the request that have come */
    char *heads[HTTP_FILES];
    char answer[512];
    size_t answer_size;
    struct late late[HTTP_FILES]; /* a ring: all wait equally long */
    uint32_t late_first, late_count;
};

int
http_socket_new(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;

    ASSERT(fd >= 0 && fd < HTTP_FILES);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

static void
server_accept(struct server *self, int listener)
{
    int fd, yes = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

        ASSERT(fd < HTTP_FILES);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        self->sizes[fd] = 0;
        if (self->heads[fd] == NULL)
            self->heads[fd] = malloc(SERVER_IN + 1);
        ASSERT(self->heads[fd] != NULL);
        (void)epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

/* True when a whole request is there. */
static bool
is_whole(const char *in, size_t size)
{
    const char *end = strstr(in, "\r\n\r\n"), *length = strcasestr(in, "content-length:");

    if (end == NULL)
        return false;
    ASSERT(length != NULL && length < end);
    return size >= (size_t)(end - in) + 4 + strtoul(length + strlen("content-length:"), NULL, 10);
}

static void
server_read(struct server *self, int fd)
{
    char *in = self->heads[fd];
    ssize_t got = recv(fd, in + self->sizes[fd], SERVER_IN - self->sizes[fd], 0);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        (void)close(fd);
        return;
    }
    self->sizes[fd] += (size_t)got;
    in[self->sizes[fd]] = '\0';
    if (!is_whole(in, self->sizes[fd]))
        return;
    self->sizes[fd] = 0;
    if (strncmp(in, "POST /late", 10) == 0) {
        ASSERT(self->late_count < HTTP_FILES);
        self->late[(self->late_first + self->late_count++) % HTTP_FILES] =
            (struct late){fd, clock_ms() + HTTP_LATE_MS};
        return;
    }
    (void)!send(fd, self->answer, self->answer_size, MSG_NOSIGNAL);
}

static void
write_answer(struct server *self)
{
    static const char body[] =
        "{\"id\":\"1\",\"object\":\"chat.completion\",\"model\":\"fast\",\"choices\":[{\"index\":0,\"message\":"
        "{\"role\":\"assistant\",\"content\":\"{\\\"verb\\\":\\\"pass\\\"}\"},\"finish_reason\":\"stop\"}],\"usage\":"
        "{\"prompt_tokens\":400,\"completion_tokens\":8,\"total_tokens\":408},\"system_fingerprint\":\"";
    int fill = (int)(HTTP_ANSWER_SIZE - (sizeof body - 1) - 2);

    ASSERT(fill > 0);
    self->answer_size = (size_t)snprintf(
        self->answer, sizeof self->answer,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %u\r\n\r\n%s%0*d\"}", HTTP_ANSWER_SIZE,
        body, fill, 0);
    ASSERT(self->answer_size < sizeof self->answer);
}

static void
server_loop(int listener)
{
    struct server *self = calloc(1, sizeof *self);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    struct epoll_event events[256];

    ASSERT(self != NULL);
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    (void)epoll_ctl(self->epoll, EPOLL_CTL_ADD, listener, &event);
    write_answer(self);
    for (;;) {
        int count = epoll_wait(self->epoll, events, 256, self->late_count > 0 ? 1 : -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                server_accept(self, listener);
            else
                server_read(self, events[i].data.fd);
        }
        while (self->late_count > 0 && self->late[self->late_first].due_ms <= clock_ms()) {
            (void)!send(self->late[self->late_first].fd, self->answer, self->answer_size, MSG_NOSIGNAL);
            self->late_first = (self->late_first + 1) % HTTP_FILES;
            self->late_count--;
        }
    }
}

pid_t
http_server_start(struct sockaddr_in *address)
{
    socklen_t size = sizeof *address;
    int listener = http_socket_new();
    pid_t child;

    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ASSERT(bind(listener, (struct sockaddr *)address, size) == 0 && listen(listener, 4096) == 0);
    ASSERT(getsockname(listener, (struct sockaddr *)address, &size) == 0);
    child = fork();
    ASSERT(child >= 0);
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)fcntl(listener, F_SETFL, O_NONBLOCK);
        server_loop(listener);
    }
    (void)close(listener);
    return child;
}

void
http_server_stop(pid_t *server)
{
    (void)kill(*server, SIGKILL);
    (void)waitpid(*server, NULL, 0);
    *server = 0;
}
