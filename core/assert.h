/* core/assert.h - promises. ASSERT() is on in every build and ends the process: it guards the program against
 * itself. Never use it on bytes from a socket, a file, a scenario or a model; those get fail() (core/error.h). */
#ifndef POLIS_CORE_ASSERT_H
#define POLIS_CORE_ASSERT_H

#define ASSERT(x) ((x) ? (void)0 : assert_broken(#x, __FILE__, __LINE__, __func__))

/* For a place that cannot be reached. */
#define UNREACHABLE() assert_broken("unreachable", __FILE__, __LINE__, __func__)

/* Says which promise was broken, where, and aborts. */
__attribute__((noreturn, cold)) void assert_broken(const char *what, const char *file, int line, const char *function);

#endif
