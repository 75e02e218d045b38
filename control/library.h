/* control/library.h - files that have a name: scenarios, sweeps and prompts are found by it in a few usual folders, the
 * first of which that has one counts. */
#ifndef POLIS_CONTROL_LIBRARY_H
#define POLIS_CONTROL_LIBRARY_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>

#define LIBRARY_PATH_SIZE 4096u
#define LIBRARY_NAME_SIZE 256u

struct library {
    const char *what;     /* one of them: "scenario" */
    const char *folder;   /* below configs here, and below ../share/polis and ../../configs beside the program */
    const char *variable; /* of the environment: a folder that comes first */
    const char *listing;  /* the command that shows them */
    const char *const *endings; /* of their files' names, NULL-ended */
};

extern const struct library library_scenarios, library_sweeps;
extern const struct library library_prompts; /* what models are told: texts that a group's `template` names */

/* The file of that name: a path, or a name that is looked for in the usual folders. `beside` (may be NULL) is a file
 * whose folder comes first. ERR_MISSING names the nearest known one. */
MUST_CHECK int library_find(const struct library *self, const char *name, const char *beside,
    char out[LIBRARY_PATH_SIZE], struct why *why);

/* Each known one once, by name. Name and path are lent for the call. */
typedef void library_each_fn(void *context, const char *name, const char *path);
void library_each(const struct library *self, library_each_fn *each, void *context);

/* "baseline" of "baseline.yaml"; false for other files. */
bool library_stem(const struct library *self, const char *file, char out[LIBRARY_NAME_SIZE]);

/* A line for each: its name, and unless only names are wanted, what its file says of itself. */
void library_write(const struct library *self, bool names, struct buffer *out);

#endif
