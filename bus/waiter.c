#include "bus/waiter.h"

#include <sys/epoll.h>
#include <unistd.h>
#include <zmq.h>

#include "core/assert.h"

void
waiter_init(struct waiter *self)
{
    *self = (struct waiter){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    ASSERT(self->epoll_fd >= 0);
    for (uint32_t i = 0; i < WAITER_MAX; i++)
        self->fds[i] = -1;
}

void
waiter_fini(struct waiter *self)
{
    close(self->epoll_fd);
    self->epoll_fd = -1;
}

void
waiter_add_fd(struct waiter *self, uint32_t item, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = item}};

    ASSERT(item < WAITER_MAX && self->fds[item] < 0 && fd >= 0);
    ASSERT(epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
    self->fds[item] = fd;
}

void
waiter_add_socket(struct waiter *self, uint32_t item, void *socket)
{
    int fd = -1;
    size_t size = sizeof fd;

    ASSERT(zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0);
    waiter_add_fd(self, item, fd);
    waiter_touch(self, item);
}

void
waiter_remove(struct waiter *self, uint32_t item)
{
    ASSERT(item < WAITER_MAX);
    if (self->fds[item] < 0)
        return;
    ASSERT(epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, self->fds[item], NULL) == 0);
    self->fds[item] = -1;
    self->due &= ~(1u << item);
}

void
waiter_wait(struct waiter *self, int timeout_ms)
{
    struct epoll_event events[WAITER_MAX];
    int count = epoll_wait(self->epoll_fd, events, (int)WAITER_MAX, self->due != 0 ? 0 : timeout_ms);

    for (int i = 0; i < count; i++)
        waiter_touch(self, events[i].data.u32);
}
