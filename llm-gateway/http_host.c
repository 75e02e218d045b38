#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus/clock.h"
#include "core/assert.h"
#include "llm-gateway/http_inner.h"

#define EVENTS_MAX 256

/* ---- base URLs ---- */

static bool
is_url_letter(char c)
{
    return c > ' ' && c < 0x7f && strchr("\"<>\\^`{|}#?", c) == NULL;
}

/* Is this host the machine itself, whatever a name server says? ("localhost" never leaves curl.) */
static bool
host_is_here(const char *host, size_t size)
{
    struct in_addr address;
    char text[INET_ADDRSTRLEN];

    if ((size == 9 && memcmp(host, "localhost", 9) == 0) || (size == 5 && memcmp(host, "[::1]", 5) == 0))
        return true;
    if (size >= sizeof text)
        return false;
    memcpy(text, host, size);
    text[size] = '\0';
    return inet_pton(AF_INET, text, &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

/* Scheme, host and port of a base URL. *plain: http, *here: of this machine. */
static int
base_check(const char *url, size_t size, bool *plain, bool *here, struct why *why)
{
    const char *host, *colon;
    size_t host_size;

    *plain = strncmp(url, "http://", 7) == 0;
    if (!*plain && strncmp(url, "https://", 8) != 0)
        return fail(why, ERR_INVALID, "a base URL begins with https:// or http://");
    for (size_t i = 0; i < size; i++)
        if (!is_url_letter(url[i]))
            return fail(why, ERR_INVALID, "byte %zu of a base URL cannot stand in one", i + 1);
    host = url + (*plain ? 7 : 8);
    host_size = strcspn(host, "/");
    if (memchr(host, '@', host_size) != NULL)
        return fail(why, ERR_INVALID, "a base URL holds no user or password");
    colon = host[0] == '[' ? strchr(host, ']') : host;
    colon = colon != NULL ? memchr(colon, ':', host_size - (size_t)(colon - host)) : NULL;
    if (colon != NULL)
        host_size = (size_t)(colon - host);
    if (host_size == 0)
        return fail(why, ERR_INVALID, "a base URL without a host");
    *here = host_is_here(host, host_size);
    return 0;
}

static struct http_host *
host_new(struct http *self, const char *base, size_t size, bool here)
{
    struct http_host *host = calloc(1, sizeof *host);

    ASSERT(host != NULL);
    memcpy(host->base, base, size);
    host->http = self;
    host->here = here;
    host->waiting = (struct http_row){HTTP_NONE, HTTP_NONE};
    self->hosts[self->host_count++] = host;
    return host;
}

struct http_host *
http_host_find(struct http *self, const char *base_url, int *code, struct why *why)
{
    size_t size = strlen(base_url);
    bool plain = false, here = false;

    while (size > 0 && base_url[size - 1] == '/')
        size--;
    *code = ERR_INVALID;
    if (size > HTTP_URL_MAX) {
        (void)fail(why, ERR_INVALID, "a base URL has at most %u bytes", HTTP_URL_MAX);
        return NULL;
    }
    for (uint32_t i = 0; i < self->host_count; i++)
        if (strncmp(self->hosts[i]->base, base_url, size) == 0 && self->hosts[i]->base[size] == '\0')
            return self->hosts[i];
    if (base_check(base_url, size, &plain, &here, why) != 0)
        return NULL;
    if (plain && !here && !self->options.insecure) {
        *code = fail(why, ERR_DENIED, "plain http to another host shows key and prompts to the network: use https, or "
                                      "set insecure: yes");
        return NULL;
    }
    if (self->host_count == HTTP_HOSTS_MAX) {
        *code = fail(why, ERR_FULL, "more than %u base URLs", HTTP_HOSTS_MAX);
        return NULL;
    }
    return host_new(self, base_url, size, plain && here);
}

void
http_host_destroy(struct http_host *self)
{
    free(self->shards);
    free(self);
}

/* ---- what curl wishes to be told ---- */

static struct http_socket *
socket_at(struct http *self, curl_socket_t fd)
{
    ASSERT(fd >= 0);
    if ((uint32_t)fd >= self->socket_count) {
        uint32_t count = self->socket_count == 0 ? 256 : self->socket_count;

        while (count <= (uint32_t)fd)
            count *= 2;
        self->sockets = realloc(self->sockets, count * sizeof *self->sockets);
        ASSERT(self->sockets != NULL);
        memset(self->sockets + self->socket_count, 0, (count - self->socket_count) * sizeof *self->sockets);
        self->socket_count = count;
    }
    return &self->sockets[fd];
}

/* Makes the kernel's set what `wanted` says. A descriptor of curl's own may have been closed and its number come back
 * without our knowing, hence the second try, and no trust in `armed` for those. */
static void
socket_arm(struct http *self, curl_socket_t fd, struct http_socket *socket)
{
    struct epoll_event event = {.events = socket->wanted, .data.fd = fd};
    int operation = socket->wanted == 0 ? EPOLL_CTL_DEL : socket->armed == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    int code;

    if (socket->wanted == socket->armed && (socket->connection || socket->wanted == 0))
        return;
    code = epoll_ctl(self->epoll, operation, fd, &event);
    if (code != 0 && errno == EEXIST)
        code = epoll_ctl(self->epoll, EPOLL_CTL_MOD, fd, &event);
    else if (code != 0 && errno == ENOENT && socket->wanted != 0)
        code = epoll_ctl(self->epoll, EPOLL_CTL_ADD, fd, &event);
    /* Not watched, the transfer ends at its deadline; nothing else can be done about it. */
    socket->armed = code == 0 ? socket->wanted : 0;
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *of_socket)
{
    struct http_shard *shard = context;
    struct http *self = shard->host->http;
    struct http_socket *socket;

    (void)easy, (void)of_socket;
    socket = socket_at(self, fd);
    socket->shard = shard->index;
    socket->wanted = what == CURL_POLL_IN      ? EPOLLIN
                     : what == CURL_POLL_OUT   ? EPOLLOUT
                     : what == CURL_POLL_INOUT ? EPOLLIN | EPOLLOUT
                                               : 0;
    if (socket->wanted != 0 || !socket->connection)
        socket_arm(self, fd, socket);
    return 0;
}

static int
on_timer(CURLM *multi, long timeout_ms, void *context)
{
    struct http_shard *shard = context;
    struct http *self = shard->host->http;

    (void)multi;
    shard->deadline_ms = timeout_ms < 0 ? CLOCK_NEVER : self->now_ms + (uint64_t)timeout_ms;
    return 0;
}

static bool
address_is_here(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24) == 127;
    if (address->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr) != 0;
    return false;
}

curl_socket_t
http_socket_open(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_slot *slot = context;
    curl_socket_t fd;

    if (purpose != CURLSOCKTYPE_IPCXN || (slot->host->here && !address_is_here(&address->addr)))
        return CURL_SOCKET_BAD;
    fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    *socket_at(slot->http, fd) = (struct http_socket){.connection = true};
    slot->http->stats.opened++;
    return fd;
}

int
http_socket_close(void *context, curl_socket_t fd)
{
    struct http *self = context;

    /* Closing takes it out of the epoll set. */
    *socket_at(self, fd) = (struct http_socket){0};
    self->stats.closed++;
    return close(fd);
}

/* ---- shards ---- */

static void
shard_open(struct http *self, struct http_shard *shard)
{
    CURLM *multi = curl_multi_init();

    ASSERT(multi != NULL);
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, shard);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERDATA, shard);
    (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)self->options.shard_max);
    (void)curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    (void)curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)self->options.shard_max);
    shard->multi = multi;
    shard->deadline_ms = CLOCK_NEVER;
}

static struct http_shard *
shard_new(struct http *self, struct http_host *host)
{
    struct http_shard *shard = calloc(1, sizeof *shard);

    ASSERT(shard != NULL);
    shard->host = host;
    shard->index = self->shard_count;
    host->shards = realloc(host->shards, (host->shard_count + 1) * sizeof *host->shards);
    self->shards = realloc(self->shards, (self->shard_count + 1) * sizeof *self->shards);
    ASSERT(host->shards != NULL && self->shards != NULL);
    host->shards[host->shard_count++] = shard;
    self->shards[self->shard_count++] = shard;
    return shard;
}

struct http_shard *
http_host_shard(struct http *self, struct http_host *host)
{
    struct http_shard *shard = NULL;

    /* The first with a place: so kept connections are used, and the last ones may fall idle and close. */
    for (uint32_t i = 0; i < host->shard_count && shard == NULL; i++)
        if (host->shards[i]->in_flight < self->options.shard_max)
            shard = host->shards[i];
    if (shard == NULL)
        shard = shard_new(self, host);
    if (shard->multi == NULL)
        shard_open(self, shard);
    return shard;
}

void
http_shard_sweep(struct http *self)
{
    for (uint32_t i = 0; i < self->shard_count; i++) {
        struct http_shard *shard = self->shards[i];

        if (shard->multi == NULL || shard->in_flight > 0 ||
            self->now_ms < shard->idle_ms + self->options.idle_close_ms)
            continue;
        (void)curl_multi_cleanup(shard->multi);
        shard->multi = NULL;
        shard->deadline_ms = CLOCK_NEVER;
    }
}

void
http_shard_run(struct http *self, struct http_shard *shard, curl_socket_t fd, int events)
{
    int running;

    ASSERT(shard->multi != NULL && !self->in_curl);
    self->in_curl = true;
    shard->touched = true;
    if (fd == CURL_SOCKET_TIMEOUT)
        shard->deadline_ms = CLOCK_NEVER;
    (void)curl_multi_socket_action(shard->multi, fd, events, &running);
    self->in_curl = false;
}

void
http_sockets_run(struct http *self)
{
    struct epoll_event events[EVENTS_MAX];
    int count;

    do {
        count = epoll_wait(self->epoll, events, EVENTS_MAX, 0);
        for (int i = 0; i < count; i++) {
            curl_socket_t fd = events[i].data.fd;
            struct http_socket *socket = socket_at(self, fd);
            uint32_t bits = events[i].events;
            int mask;

            if (socket->wanted == 0) {
                /* An idle connection has something to say, mostly its end; curl will see when it wants to use it. */
                if (socket->armed != 0)
                    socket_arm(self, fd, socket);
                continue;
            }
            /* Errors come out of whatever curl was about to do. */
            if ((bits & (EPOLLERR | EPOLLHUP)) != 0)
                bits |= socket->wanted;
            mask = ((bits & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) | ((bits & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0);
            http_shard_run(self, self->shards[socket->shard], fd, mask);
        }
    } while (count == EVENTS_MAX);
}
