/* core/error.h - how a function says no. A function that can fail because of the outside world returns 0 or
 * ERR_*, is MUST_CHECK, and explains itself into `why` where the trouble was found; callers pass it on. */
#ifndef POLIS_CORE_ERROR_H
#define POLIS_CORE_ERROR_H

#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))

enum error {
    ERR_OK = 0,
    ERR_INVALID,  /* a value that is malformed or out of its range */
    ERR_UNKNOWN,  /* a name, id or key nobody knows */
    ERR_FUNDS,    /* an account that holds too little */
    ERR_LIMIT,    /* a bound (size, depth, count, rate) was passed */
    ERR_STATE,    /* right request, wrong moment */
    ERR_FORMAT,   /* bytes that are not what they claim to be */
    ERR_DIGEST,   /* two things that must be equal differ */
    ERR_MISSING,  /* a file, key or record that should be there is not */
    ERR_DENIED,   /* not allowed */
    ERR_IO,       /* the operating system said no (disk, socket, process) */
    ERR_FULL,     /* no space left: disk, map, table */
    ERR_TIMEOUT,  /* did not happen in time */
    ERR_VERSION,  /* a peer or file of another version or build */
    ERROR_COUNT
};

/* The reason of a failure, for a person: one sentence that names the place and, where there is one, the next
 * action. Start from `struct why why = {0}`. */
struct why {
    int code;       /* enum error */
    char text[500]; /* always terminated; empty while nothing failed */
};

/* Notes the reason (overwriting an earlier one; `why` may be NULL) and returns `code`, so that a caller can
 * `return fail(why, ERR_INVALID, "...")`. Text longer than the room is cut. */
__attribute__((format(printf, 3, 4), cold)) int fail(struct why *why, int code, const char *format, ...);

/* As fail(), with ": strerror(error_number)" behind the text. */
__attribute__((format(printf, 4, 5), cold)) int fail_errno(
    struct why *why, int code, int error_number, const char *format, ...);

/* Puts "prefix: " before the reason already noted, and returns its code: for a caller that knows the file or step. */
__attribute__((format(printf, 2, 3), cold)) int fail_prefix(struct why *why, const char *format, ...);

/* Short stable name of an error: "invalid", "funds". */
const char *error_name(int code);

/* The sysexits(3) status for an error, as documented for the command line (64 usage .. 78 config). */
int error_exit_status(int code);

#endif
