#include "tests/support/test.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEST_MAX 4096u

static int
run(const char *group, struct CMUnitTest *tests, size_t count)
{
    return _cmocka_run_group_tests(group, tests, count, NULL, NULL);
}

int
test_run_rows(const char *group, const void *rows, size_t count, size_t size, CMUnitTestFunction function)
{
    static struct CMUnitTest tests[TEST_MAX];

    if (count > TEST_MAX)
        abort();
    for (size_t i = 0; i < count; i++) {
        const char *row = (const char *)rows + i * size;
        const char *name;

        memcpy(&name, row, sizeof name);
        tests[i] = (struct CMUnitTest){
            .name = name, .test_func = function, .initial_state = (void *)(uintptr_t)row};
    }
    return run(group, tests, count);
}

int
test_run_cases(const char *group, const struct test_case *cases, size_t count)
{
    static struct CMUnitTest tests[TEST_MAX];

    if (count > TEST_MAX)
        abort();
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){.name = cases[i].name, .test_func = cases[i].function};
    return run(group, tests, count);
}

const char *
test_vectors(void)
{
    const char *folder = getenv("POLIS_VECTORS");

    if (folder == NULL || folder[0] == '\0')
        folder = "../shared/vectors";
    return access(folder, R_OK) == 0 ? folder : NULL;
}

void
test_say_skipped(const char *group, const char *reason)
{
    fprintf(stderr, "[  SKIPPED ] %s: %s\n", group, reason);
}

void
test_assert_close(double a, double b, double relative, const char *what, const char *file, int line)
{
    double larger = fabs(a) > fabs(b) ? fabs(a) : fabs(b);

    if (a == b || (isnan(a) && isnan(b)))
        return;
    if (isfinite(a) && isfinite(b) && fabs(a - b) <= relative * larger + 1e-300)
        return;
    print_error("%s: %.17g is not %.17g within %.3g\n", what, a, b, relative);
    _fail(file, line);
}

static char folder[4096];

static int
remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void
remove_folder(void)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *
test_folder(void)
{
    const char *base = getenv("TMPDIR");

    if (folder[0] == '\0') {
        snprintf(folder, sizeof folder, "%s/polis-test-XXXXXX", base != NULL && base[0] != '\0' ? base : "/tmp");
        if (mkdtemp(folder) == NULL)
            abort();
        atexit(remove_folder);
    }
    return folder;
}
