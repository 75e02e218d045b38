/* bus/rights.h - who may say what to whom, and on which channel. Taken from the message list (its "from" and "to"
 * columns), so that a new message needs no second entry. The broker and the local bus ask the same table. */
#ifndef POLIS_BUS_RIGHTS_H
#define POLIS_BUS_RIGHTS_H

#include "bus/actor.h"

#include <stdbool.h>
#include <stdint.h>

struct rights {
    struct {
        uint16_t from, to; /* a bit for each enum role */
        uint8_t channels;  /* a bit for each enum channel; 0: nobody knows this type */
    } rows[MSG_COUNT];
};

void rights_init(struct rights *self);
bool rights_allow(const struct rights *self, uint32_t type, enum role from, enum role to, enum channel channel);

/* Roles of which only one may live at a time, and to which a well-known address leads. */
bool rights_is_single(enum role role);
/* Roles that have a data channel. */
bool rights_has_data(enum role role);
/* The role that a well-known address stands for, ROLE_NONE when it is none. */
enum role rights_alias(const struct peer *peer);

#endif
