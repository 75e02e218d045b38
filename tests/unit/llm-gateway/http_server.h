/* tests/unit/llm-gateway/http_server.h - a small HTTP server in a child process, badly behaved on request: the path
 * says how. It parses no more than a test needs: requests come one at a time on a connection, as the engine sends
 * them. */
#ifndef POLIS_TESTS_UNIT_LLM_GATEWAY_HTTP_SERVER_H
#define POLIS_TESTS_UNIT_LLM_GATEWAY_HTTP_SERVER_H

#include "bus/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
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

#define SERVER_FILES 8192
#define SERVER_IN 16384
#define SERVER_KEY "key-0123456789-planted-abcdef"
#define SERVER_LATE_MS 100

struct server_connection {
    int fd;
    uint32_t requests;
    size_t size;
    char in[SERVER_IN];
    const char *repeat; /* sent again and again */
    size_t repeat_size, repeat_at;
    uint64_t wake_ms;   /* 0: no */
    void (*wake)(struct server_connection *self);
    uint32_t step;
};

static struct server_connection *server_connections[SERVER_FILES];
static int server_epoll;
static uint32_t server_landed;
static char server_junk[65536], server_chunks[1000 * 9], server_bomb[131072];
static size_t server_bomb_size;

static void
server_close(struct server_connection *self, bool reset)
{
    struct linger linger = {1, 0};

    if (reset)
        (void)setsockopt(self->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    server_connections[self->fd] = NULL;
    (void)close(self->fd);
    free(self);
}

static void
server_put(struct server_connection *self, const char *text)
{
    if (send(self->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        return; /* the peer has had enough: epoll will say so */
}

static void
server_answer(struct server_connection *self, const char *status, const char *fields, const char *body)
{
    char text[SERVER_IN + 512];

    (void)snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body), fields,
                   body);
    server_put(self, text);
}

static void
server_plain(struct server_connection *self)
{
    server_answer(self, "200 OK", "Content-Type: application/json\r\nX-Request-Id: r1\r\nX-Other: z\r\n",
                  "{\"ok\":true}");
}

static void
server_drip(struct server_connection *self)
{
    server_put(self, "x");
    self->wake_ms = clock_ms() + 5;
}

/* A stream of which the key is the middle, cut in two. */
static void
server_stream(struct server_connection *self)
{
    static const char *const pieces[] = {"6\r\none ke\r\n", "9\r\ny-0123456\r\n", "18\r\n789-planted-abcdef two z\r\n",
                                         "6\r\nlast k\r\n", "0\r\n\r\n"};

    server_put(self, pieces[self->step++]);
    self->wake_ms = self->step < 5 ? clock_ms() + 5 : 0;
}

static bool
server_is(const struct server_connection *self, const char *path)
{
    const char *space = strchr(self->in, ' ');

    return space != NULL && strncmp(space + 1, path, strlen(path)) == 0 && space[1 + strlen(path)] == ' ';
}

static void
server_wake(struct server_connection *self, void (*wake)(struct server_connection *self), uint32_t ms)
{
    self->wake = wake;
    self->wake_ms = clock_ms() + ms;
    self->step = 0;
}

static void
server_repeat(struct server_connection *self, const char *bytes, size_t size)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.fd = self->fd};

    self->repeat = bytes;
    self->repeat_size = size;
    (void)epoll_ctl(server_epoll, EPOLL_CTL_MOD, self->fd, &event);
}

static void
server_more(struct server_connection *self)
{
    ssize_t sent = send(self->fd, self->repeat + self->repeat_at, self->repeat_size - self->repeat_at, MSG_NOSIGNAL);

    if (sent > 0)
        self->repeat_at = (self->repeat_at + (size_t)sent) % self->repeat_size;
}

/* Answers that are odd but whole, or faults that leave the connection open. False: no such path. */
static bool
server_serve_open(struct server_connection *self)
{
    char text[256];

    if (server_is(self, "/ok")) {
        server_plain(self);
    } else if (server_is(self, "/landing")) {
        server_landed++;
        server_plain(self);
    } else if (server_is(self, "/landed")) {
        (void)snprintf(text, sizeof text, "%u", server_landed);
        server_answer(self, "200 OK", "", text);
    } else if (server_is(self, "/echo")) {
        server_answer(self, "200 OK", "X-Request-Id: " SERVER_KEY "\r\n", self->in);
    } else if (server_is(self, "/key")) {
        server_answer(self, "200 OK", "",
                      strstr(self->in, "authorization: Bearer " SERVER_KEY "\r\n") != NULL ? "yes" : "no");
    } else if (server_is(self, "/late")) {
        server_wake(self, server_plain, SERVER_LATE_MS);
    } else if (server_is(self, "/stall")) {
        server_put(self, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
    } else if (server_is(self, "/drip")) {
        server_put(self, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        server_wake(self, server_drip, 5);
    } else if (server_is(self, "/stream")) {
        server_put(self, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        server_wake(self, server_stream, 1);
    } else if (server_is(self, "/500") || server_is(self, "/429") || server_is(self, "/529")) {
        (void)snprintf(text, sizeof text, "%.3s Because", strchr(self->in, '/') + 1);
        server_answer(self, text, "Retry-After: 2\r\nX-RateLimit-Limit-Requests: 7\r\n", "{\"error\":1}");
    } else if (server_is(self, "/redirect")) {
        server_answer(self, "307 Elsewhere", "Location: /landing\r\n", "");
    } else if (server_is(self, "/continue")) {
        server_put(self, "HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\n");
        server_plain(self);
    } else if (server_is(self, "/204")) {
        server_put(self, "HTTP/1.1 204 No Content\r\n\r\n");
    } else if (!server_is(self, "/silent")) {
        return false;
    }
    return true;
}

/* The others. */
static void
server_serve_hard(struct server_connection *self)
{
    char text[512];

    if (server_is(self, "/large")) {
        server_put(self, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
        server_repeat(self, server_junk, sizeof server_junk);
    } else if (server_is(self, "/endless")) {
        server_put(self, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        server_repeat(self, server_chunks, sizeof server_chunks);
    } else if (server_is(self, "/until_close")) {
        server_put(self, "HTTP/1.1 200 OK\r\n\r\n");
        server_repeat(self, server_junk, sizeof server_junk);
    } else if (server_is(self, "/head")) {
        server_put(self, "HTTP/1.1 200 OK\r\n");
        server_repeat(self, "X-Junk: aaaaaaaaaaaaaaaaaaaa\r\n", 30);
    } else if (server_is(self, "/interim")) {
        server_repeat(self, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    } else if (server_is(self, "/bomb")) {
        (void)snprintf(text, sizeof text,
                       "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", server_bomb_size);
        server_put(self, text);
        (void)!send(self->fd, server_bomb, server_bomb_size, MSG_NOSIGNAL);
    } else if (server_is(self, "/short")) {
        server_put(self, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it");
        server_close(self, false);
    } else if (server_is(self, "/cut_chunk")) {
        server_put(self, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        server_close(self, false);
    } else if (server_is(self, "/bad_chunk")) {
        server_put(self, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n");
    } else if (server_is(self, "/reset")) {
        server_put(self, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it");
        server_close(self, true);
    } else if (server_is(self, "/gone")) {
        server_close(self, true);
    } else if (server_is(self, "/http10")) {
        server_put(self, "HTTP/1.0 200 OK\r\n\r\n{\"old\":1}");
        server_close(self, false);
    } else if (server_is(self, "/no_http")) {
        server_put(self, "220 welcome to the post office\r\n\r\n");
    } else if ((server_is(self, "/reused_reset") || server_is(self, "/reused_close")) && self->requests > 1) {
        server_close(self, server_is(self, "/reused_reset"));
    } else {
        server_plain(self);
    }
}

/* Are head and body there? */
static bool
server_whole(const struct server_connection *self)
{
    const char *end = strstr(self->in, "\r\n\r\n");
    const char *length = strstr(self->in, "Content-Length: ");

    if (end == NULL)
        return false;
    return length == NULL || length > end ||
           self->size >= (size_t)(end + 4 - self->in) + strtoul(length + 16, NULL, 10);
}

static void
server_read(struct server_connection *self)
{
    ssize_t got = recv(self->fd, self->in + self->size, sizeof self->in - 1 - self->size, 0);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        server_close(self, false);
        return;
    }
    self->size += (size_t)got;
    self->in[self->size] = '\0';
    if (!server_whole(self))
        return;
    self->requests++;
    self->size = 0;
    if (!server_serve_open(self))
        server_serve_hard(self);
}

static void
server_accept(int listener)
{
    int fd, yes = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

        if (fd >= SERVER_FILES)
            _exit(1);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        server_connections[fd] = calloc(1, sizeof(struct server_connection));
        server_connections[fd]->fd = fd;
        (void)epoll_ctl(server_epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static void
server_bits(uint32_t bits, uint32_t count, uint32_t *at)
{
    for (uint32_t i = 0; i < count; i++, (*at)++)
        if ((bits >> i & 1u) != 0)
            server_bomb[*at / 8] = (char)(server_bomb[*at / 8] | (1 << (*at % 8)));
}

/* 8 MB of the letter a in some 50 KB: one literal, then matches of length 258 and distance 1 in fixed Huffman codes
 * (RFC 1951 3.2.6, first bit of a code first). */
static void
server_bomb_make(void)
{
    static const unsigned char head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
    uint32_t at = 80;

    memcpy(server_bomb, head, sizeof head);
    server_bits(1, 1, &at);    /* the last block */
    server_bits(1, 2, &at);    /* fixed codes */
    server_bits(0x89, 8, &at); /* 'a' = 0x61: 0x30 + 0x61 = 10010001, mirrored */
    for (uint32_t i = 0; i < 32000; i++) {
        server_bits(0xa3, 8, &at); /* 285: 11000101, mirrored */
        server_bits(0, 5, &at);
    }
    server_bits(0, 7, &at);
    server_bomb_size = at / 8 + 1 + 8;
}

static void
server_loop(int listener)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    struct epoll_event events[64];

    server_epoll = epoll_create1(EPOLL_CLOEXEC);
    (void)epoll_ctl(server_epoll, EPOLL_CTL_ADD, listener, &event);
    memset(server_junk, 'j', sizeof server_junk);
    for (size_t i = 0; i < sizeof server_chunks; i += 9)
        memcpy(server_chunks + i, "4\r\nabcd\r\n", 9);
    server_bomb_make();
    for (;;) {
        int count = epoll_wait(server_epoll, events, 64, 2);
        uint64_t now = clock_ms();

        for (int i = 0; i < count; i++) {
            struct server_connection *self = server_connections[events[i].data.fd];

            if (events[i].data.fd == listener)
                server_accept(listener);
            else if (self != NULL && self->repeat != NULL && (events[i].events & EPOLLIN) == 0)
                server_more(self);
            else if (self != NULL)
                server_read(self);
        }
        for (int fd = 0; fd < SERVER_FILES; fd++) {
            struct server_connection *self = server_connections[fd];

            if (self != NULL && self->wake_ms != 0 && self->wake_ms <= now) {
                self->wake_ms = 0;
                self->wake(self);
            }
        }
    }
}

/* A socket on 127.0.0.1 that listens (backlog >= 0) or only keeps its port from others (-1). */
static int
server_listen(int backlog, uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0 || (backlog >= 0 && listen(fd, backlog) != 0))
        abort();
    *port = ntohs(address.sin_port);
    return fd;
}

/* Starts it; it ends with this process. */
static pid_t
server_start(uint16_t *port)
{
    int listener = server_listen(4096, port);
    pid_t child = fork();

    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)fcntl(listener, F_SETFL, O_NONBLOCK);
        server_loop(listener);
    }
    (void)close(listener);
    return child;
}

static void
server_stop(pid_t child)
{
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
}

#endif
