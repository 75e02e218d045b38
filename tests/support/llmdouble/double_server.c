/* tests/support/llmdouble/double_server.c - the loop: three doors (API, control, and the address only a redirect leads
 * to), links, timers, one epoll. */
#include "tests/support/llmdouble/double.h"

#include "core/log.h"
#include "tests/support/llmdouble/double_control.h"
#include "tests/support/llmdouble/double_link.h"
#include "tests/support/llmdouble/double_timer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256
#define LISTEN_QUEUE 4096
#define PARENT_MS 400u                               /* how often the parent is looked for */
#define PATIENCE 65536u                              /* bytes that may wait behind a request that is being answered */
#define ROOM (DOUBLE_BODY_MAX + 2 * DOUBLE_HEAD_MAX) /* bytes of one request, with its framing */
#define DOOR_MARK (UINT64_C(1) << 32)

struct server {
    const struct double_options *options;
    struct double_service service;
    struct double_timers timers;
    struct double_link *links;
    uint32_t *vacant; /* numbers of free links, a stack */
    uint32_t link_max, vacant_count, peak;
    uint64_t accepted;
    struct double_http http;
    int epoll, doors[DOUBLE_DOORS];
    uint16_t ports[DOUBLE_DOORS];
    uint64_t now_ms;
    bool stop;
};

static uint64_t
clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- links ---- */

static void
watch(struct server *self, struct double_link *link, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = link->number};

    if (link->events == events)
        return;
    (void)epoll_ctl(self->epoll, link->events == UINT32_MAX ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, link->fd, &event);
    link->events = events;
}

static void
drop(struct server *self, struct double_link *link, bool reset)
{
    double_timers_cancel(&self->timers, link->number);
    double_link_close(link, reset);
    self->vacant[self->vacant_count++] = link->number;
}

/* A reply is out, or cannot go further: what comes of the link. False when it is gone. */
static bool
finish_reply(struct server *self, struct double_link *link)
{
    enum double_end end = link->reply.end;

    if (end == DOUBLE_STALL && !link->ended)
        return true; /* stays busy until the other side gives up */
    if (end != DOUBLE_KEEP || (link->ended && link->in.size == 0)) {
        drop(self, link, end == DOUBLE_RESET);
        return false;
    }
    link->busy = false;
    link->continued = false;
    link->requests++;
    link->part = 0;
    link->sent = 0;
    link->round = 0;
    link->waited = false;
    if (link->reply.bytes.capacity > 65536)
        buffer_fini(&link->reply.bytes);
    return true;
}

/* Sends what can be sent now. False when the link is gone; `busy` says whether the reply is. */
static bool
advance(struct server *self, struct double_link *link)
{
    uint32_t wait_ms = 0, idle = EPOLLIN;

    if (link->ended || link->in.size >= PATIENCE)
        idle = 0; /* there is nothing to read, or nothing to read now */
    switch (double_link_send(link, &wait_ms)) {
    case DOUBLE_SENT: watch(self, link, idle); return finish_reply(self, link);
    case DOUBLE_BLOCKED: watch(self, link, idle | EPOLLOUT); return true;
    case DOUBLE_PAUSED:
        watch(self, link, idle);
        double_timers_set(&self->timers, link->number, self->now_ms + wait_ms);
        return true;
    default: drop(self, link, false); return false;
    }
}

static void
answer_badly(struct double_link *link, enum double_http_state state)
{
    struct double_wire wire = {
        .status = state == DOUBLE_HTTP_LARGE ? 413 : 400, .type = "text/plain", .extra = "", .keep_alive = false};
    struct buffer body = {0};

    double_reply_clear(&link->reply);
    buffer_append(&body, "no request\n", 11);
    double_wire_whole(&wire, &body, &link->reply);
    buffer_fini(&body);
}

static void
answer(struct server *self, struct double_link *link)
{
    struct double_visit visit = {&self->http, link->requests == 0, link->door == DOUBLE_DOOR_STRAY, self->now_ms};
    char connections[160];

    if (link->door != DOUBLE_DOOR_CONTROL) {
        double_service_answer(&self->service, &visit, &link->reply);
        return;
    }
    snprintf(connections, sizeof connections,
             "\"connections\":%u,\"connections_peak\":%u,\"connections_accepted\":%llu",
             self->link_max - self->vacant_count, self->peak, (unsigned long long)self->accepted);
    double_control_answer(&self->service, &visit, connections, &self->stop, &link->reply);
}

/* Answers every whole request that waits. */
static void
serve(struct server *self, struct double_link *link)
{
    while (!link->busy && link->in.size > 0) {
        enum double_http_state state = double_http_parse(&self->http, (const char *)link->in.data, link->in.size);

        if (state == DOUBLE_HTTP_MORE && link->in.size >= ROOM)
            state = DOUBLE_HTTP_LARGE;
        if (state == DOUBLE_HTTP_MORE) {
            if (self->http.wants_continue && !link->continued) {
                static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

                link->continued = send(link->fd, go_on, sizeof go_on - 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
            }
            break;
        }
        if (state == DOUBLE_HTTP_READY) {
            answer(self, link);
            link->in.size -= self->http.size;
            memmove(link->in.data, link->in.data + self->http.size, link->in.size);
        } else {
            answer_badly(link, state);
            link->in.size = 0;
        }
        link->busy = true;
        if (!advance(self, link))
            return;
    }
    if (!link->busy && link->in.size == 0 && link->in.capacity > 65536)
        buffer_fini(&link->in);
    if (link->ended && !link->busy)
        drop(self, link, false); /* half a request will not become a whole one */
    else if (!link->busy)
        watch(self, link, EPOLLIN);
}

static void
on_link(struct server *self, struct double_link *link, uint32_t events)
{
    if (link->fd < 0)
        return;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        drop(self, link, false);
        return;
    }
    if ((events & EPOLLIN) != 0) {
        if (!double_link_receive(link, link->busy ? PATIENCE : ROOM)) {
            drop(self, link, false);
            return;
        }
        if (link->busy && link->ended && link->reply.end == DOUBLE_STALL) {
            drop(self, link, false);
            return;
        }
        if (link->busy && (link->ended || link->in.size >= PATIENCE))
            watch(self, link, link->events & ~(uint32_t)EPOLLIN);
    }
    if (link->busy && (events & EPOLLOUT) != 0 && !advance(self, link))
        return;
    if (!link->busy)
        serve(self, link);
}

static void
on_timer(struct server *self, uint32_t number)
{
    struct double_link *link = &self->links[number];

    link->waited = true;
    if (advance(self, link) && !link->busy)
        serve(self, link);
}

/* ---- doors ---- */

static void
accept_links(struct server *self, enum double_door door)
{
    for (int i = 0; i < 64; i++) {
        int fd = accept4(self->doors[door], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
        struct double_link *link;

        if (fd < 0)
            return;
        if (self->vacant_count == 0) {
            close(fd);
            continue;
        }
        link = &self->links[self->vacant[--self->vacant_count]];
        link->fd = fd;
        link->door = door;
        link->events = UINT32_MAX;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(self, link, EPOLLIN);
        self->accepted++;
        if (self->link_max - self->vacant_count > self->peak)
            self->peak = self->link_max - self->vacant_count;
    }
}

static int
open_door(struct server *self, enum double_door door, uint32_t address, uint16_t port, struct why *why)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = DOOR_MARK | door};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

    self->doors[door] = fd;
    if (fd < 0)
        return fail_errno(why, ERR_IO, errno, "no socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 || listen(fd, LISTEN_QUEUE) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0 || epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        return fail_errno(why, ERR_IO, errno, "port %u cannot be opened", port);
    self->ports[door] = ntohs(at.sin_port);
    return 0;
}

static int
open_doors(struct server *self, struct why *why)
{
    int error = open_door(self, DOUBLE_DOOR_API, INADDR_LOOPBACK, self->options->port, why);

    if (error == 0)
        error = open_door(self, DOUBLE_DOOR_CONTROL, INADDR_LOOPBACK, self->options->control_port, why);
    /* The stray door is a convenience: where 127.0.0.2 is not to be had, nobody is counted there. */
    if (error == 0)
        (void)open_door(self, DOUBLE_DOOR_STRAY, INADDR_LOOPBACK + 1, self->ports[DOUBLE_DOOR_API], NULL);
    return error;
}

/* ---- the server ---- */

static int
read_rules(struct server *self, struct why *why)
{
    const char *path = self->options->rules_path, *slash;
    struct buffer text = {0};
    char folder[4096] = ".";
    size_t size;
    FILE *file;
    int error;

    if (path == NULL)
        return 0;
    file = fopen(path, "rbe");
    if (file == NULL)
        return fail_errno(why, ERR_MISSING, errno, "%s", path);
    do {
        buffer_reserve(&text, 65536);
        size = fread(text.data + text.size, 1, 65536, file);
        text.size += size;
    } while (size > 0 && text.size < YAML_SIZE_MAX);
    fclose(file);
    slash = strrchr(path, '/');
    if (slash != NULL && (size_t)(slash - path) < sizeof folder)
        snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    error = double_service_rules(&self->service, path, (struct double_slice){(const char *)text.data, text.size},
                                 folder, self->now_ms, why);
    buffer_fini(&text);
    return error;
}

static int
start(struct server *self, struct why *why)
{
    struct rlimit files;
    char line[64];
    int error, size;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
        (void)getrlimit(RLIMIT_NOFILE, &files);
    }
    self->link_max = self->options->connection_max > 0 ? self->options->connection_max
                     : files.rlim_cur > 20064          ? 20000
                                                       : (uint32_t)files.rlim_cur - 64;
    self->links = calloc(self->link_max, sizeof *self->links);
    self->vacant = calloc(self->link_max, sizeof *self->vacant);
    if (self->links == NULL || self->vacant == NULL)
        return fail(why, ERR_LIMIT, "no memory for %u connections", self->link_max);
    for (uint32_t i = 0; i < self->link_max; i++) {
        self->links[i].fd = -1;
        self->links[i].number = i;
        self->vacant[self->vacant_count++] = self->link_max - 1 - i;
    }
    double_timers_init(&self->timers, self->link_max);
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (self->epoll < 0)
        return fail_errno(why, ERR_IO, errno, "no epoll");
    error = read_rules(self, why);
    if (error == 0)
        error = open_doors(self, why);
    if (error != 0)
        return error;
    self->service.port = self->ports[DOUBLE_DOOR_API];
    size = snprintf(line, sizeof line, "listening %u %u\n", self->ports[DOUBLE_DOOR_API],
                    self->ports[DOUBLE_DOOR_CONTROL]);
    if (self->options->announce_fd >= 0 && write(self->options->announce_fd, line, (size_t)size) != size)
        return fail_errno(why, ERR_IO, errno, "the ports cannot be announced");
    return 0;
}

static void
run(struct server *self)
{
    struct epoll_event events[EVENTS];
    uint32_t number;

    while (!self->stop) {
        uint64_t wait = double_timers_wait(&self->timers, self->now_ms, PARENT_MS);
        int count = epoll_wait(self->epoll, events, EVENTS, (int)wait);

        self->now_ms = clock_ms();
        if (self->options->parent > 0 && getppid() != self->options->parent)
            return;
        for (int i = 0; i < count; i++) {
            uint64_t what = events[i].data.u64;

            if ((what & DOOR_MARK) != 0)
                accept_links(self, (enum double_door)(what & ~DOOR_MARK));
            else
                on_link(self, &self->links[what], events[i].events);
        }
        while (double_timers_take(&self->timers, self->now_ms, &number))
            on_timer(self, number);
    }
}

static void
finish(struct server *self)
{
    for (uint32_t i = 0; self->links != NULL && i < self->link_max; i++)
        double_link_fini(&self->links[i]);
    for (unsigned i = 0; i < DOUBLE_DOORS; i++)
        if (self->doors[i] >= 0)
            close(self->doors[i]);
    if (self->epoll >= 0)
        close(self->epoll);
    double_timers_fini(&self->timers);
    double_http_fini(&self->http);
    double_service_fini(&self->service);
    free(self->links);
    free(self->vacant);
}

int
double_main(const struct double_options *options)
{
    struct server self = {.options = options, .epoll = -1, .doors = {-1, -1, -1}, .now_ms = clock_ms()};
    struct why why = {0};
    int error;

    double_service_init(&self.service, options->seed, 0, self.now_ms);
    error = start(&self, &why);
    if (error == 0)
        run(&self);
    else
        log_line(LOG_ERROR, "double", "%s", why.text);
    finish(&self);
    return error == 0 ? 0 : error_exit_status(error);
}
