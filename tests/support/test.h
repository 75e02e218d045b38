/* tests/support/test.h - cmocka with rows. A test is a table of named rows and one function. */
#ifndef POLIS_TESTS_SUPPORT_TEST_H
#define POLIS_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka calls a macro so; the house has a function of that name (core/error.h). */
#undef fail
#undef fail_msg
#define fail_msg(...)                                                                                                \
    do {                                                                                                             \
        print_error(__VA_ARGS__);                                                                                    \
        print_error("\n");                                                                                           \
        _fail(__FILE__, __LINE__);                                                                                   \
    } while (0)

#include <stdlib.h>

/* Runs `function` once per row of `rows` (structs whose first member is `const char *name`); returns the number of
 * failures, so that main() can add up several groups. */
#define TEST_ROWS(group, rows, function)                                                                             \
    test_run_rows((group), (rows), sizeof(rows) / sizeof((rows)[0]), sizeof((rows)[0]), (function))
int test_run_rows(const char *group, const void *rows, size_t count, size_t size, CMUnitTestFunction function);

/* A group of plain tests without rows. */
struct test_case {
    const char *name;
    CMUnitTestFunction function;
};
#define TEST_CASES(group, cases) TEST_ROWS_OF_CASES((group), (cases), sizeof(cases) / sizeof((cases)[0]))
#define TEST_ROWS_OF_CASES(group, cases, count) test_run_cases((group), (cases), (count))
int test_run_cases(const char *group, const struct test_case *cases, size_t count);

/* The folder of golden cases (POLIS_VECTORS, else ../shared/vectors), or NULL where there is none: then the
 * caller says so with test_say_skipped(). */
const char *test_vectors(void);
void test_say_skipped(const char *group, const char *reason);

/* a == b within `relative` of the larger magnitude (and exactly for infinities and zeros of 1e-300). */
#define assert_close(a, b, relative) test_assert_close((a), (b), (relative), #a, __FILE__, __LINE__)
void test_assert_close(double a, double b, double relative, const char *what, const char *file, int line);

/* A fresh empty folder below TMPDIR, removed (with what is in it) at exit. */
const char *test_folder(void);

#endif
