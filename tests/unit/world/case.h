/* tests/unit/world/case.h - what all tests of the engine and of its store share: folders, and calls that must work. */
#ifndef POLIS_TESTS_CASE_H
#define POLIS_TESTS_CASE_H

#include "core/error.h"

#include "tests/support/test.h" /* behind the house's headers: cmocka takes the word "fail" */

#include <limits.h>
#include <stdio.h>

#define CASE_UNUSED __attribute__((unused))

/* A path of its own for every call. */
CASE_UNUSED static const char *
case_folder(void)
{
    static char path[8][PATH_MAX];
    static unsigned count;
    char *out = path[count % 8];

    snprintf(out, PATH_MAX, "%s/run%u", test_folder(), count++);
    return out;
}

/* Ends the test with the reason. */
#define case_ok(call, why) case_ok_at((call), (why), #call, __FILE__, __LINE__)
CASE_UNUSED static void
case_ok_at(int code, const struct why *why, const char *what, const char *file, int line)
{
    if (code == 0)
        return;
    print_error("%s: %s: %s\n", what, error_name(code), why->text);
    _fail(file, line);
}

#endif
