/* bus/signals.h - signals as a descriptor: every thread blocks them all, one loop reads them where it suits. */
#ifndef POLIS_BUS_SIGNALS_H
#define POLIS_BUS_SIGNALS_H

#include "bus/actor.h"

/* Blocks all signals but those of a broken program (SIGSEGV and its like) for the calling thread and the threads it
 * makes from now on: call it before any thread exists. */
void signals_block(void);

/* A descriptor that is readable when INT, TERM, HUP or USR2 has come; close() it. */
int signals_open(void);

/* Takes the next signal; false when none is there. */
bool signals_read(int fd, enum actor_signal *out);

/* Makes this process get TERM when its parent dies. False when the parent (whose id the caller was given when it was
 * started) is dead already. 0: no parent, true. */
bool signals_follow_parent(int parent_pid);

#endif
