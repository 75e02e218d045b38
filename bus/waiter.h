/* bus/waiter.h - waits for many sockets at the price of those that have something: one epoll, where zmq_poll() would
 * make two system calls for every socket and turn.
 *
 * libzmq's descriptor of a socket (ZMQ_FD) tells only that commands wait for it, and any send or receive may swallow
 * that. Hence the rule: an item that is due must be read until nothing is left (EAGAIN), or be touched again; and
 * whoever sends on a socket touches it afterwards. What is neither signalled nor touched has nothing to read. */
#ifndef POLIS_BUS_WAITER_H
#define POLIS_BUS_WAITER_H

#include <stdbool.h>
#include <stdint.h>

#define WAITER_MAX 16u

struct waiter {
    int epoll_fd;
    uint32_t due;          /* a bit for each item */
    int fds[WAITER_MAX];   /* -1: no such item */
};

void waiter_init(struct waiter *self);
void waiter_fini(struct waiter *self);

/* Adds a socket, due at once, or a plain descriptor, due whenever it is readable, under a number below WAITER_MAX. */
void waiter_add_socket(struct waiter *self, uint32_t item, void *socket);
void waiter_add_fd(struct waiter *self, uint32_t item, int fd);
/* Before the socket or descriptor is closed. Does nothing when there is no such item. */
void waiter_remove(struct waiter *self, uint32_t item);

/* Makes the item due. */
static inline void waiter_touch(struct waiter *self, uint32_t item) { self->due |= 1u << item; }

/* Waits until something is due, or `timeout_ms` are over (-1: for ever); looks without waiting when something is. */
void waiter_wait(struct waiter *self, int timeout_ms);

/* Whether the item is due; it is not any more then. */
static inline bool
waiter_take(struct waiter *self, uint32_t item)
{
    bool is_due = (self->due >> item & 1u) != 0;

    self->due &= ~(1u << item);
    return is_due;
}

#endif
