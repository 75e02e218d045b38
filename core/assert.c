#include "core/assert.h"

#include <stdio.h>
#include <stdlib.h>

void
assert_broken(const char *what, const char *file, int line, const char *function)
{
    fprintf(stderr, "polis: broken promise: %s (%s:%d, %s)\n", what, file, line, function);
    fflush(stderr);
    abort();
}
