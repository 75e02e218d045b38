#include "control/sweep_pool.h"

#include "core/text.h"
#include "tests/support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TASKS 60u

/* Answers with the square; every tenth task ends its process, and every tenth after the fifth says that it cannot. */
static void
square(void *context, uint64_t task, struct buffer *answer)
{
    const char *greeting = context;

    if (task % 10 == 9) {
        fprintf(stderr, "first\nwarning: beside the point\npolis: error: the end of %u\n", (unsigned)task);
        abort();
    }
    if (task % 10 == 5)
        fprintf(stderr, "polis: error: cannot do %u\n", (unsigned)task);
    else
        text_addf(answer, "%s %u", greeting, (unsigned)(task * task));
}

static struct sweep_pool *
make_pool(uint32_t jobs, void (*work)(void *, uint64_t, struct buffer *), char *context)
{
    return sweep_pool_new(&(struct sweep_pool_options){
        .jobs = jobs, .log_folder = test_folder(), .work = work, .context = context});
}

static void
check(const struct sweep_pool_report *report, enum sweep_pool_event event)
{
    char want[100];

    if (report->task % 10 == 9) {
        snprintf(want, sizeof want, "its process was ended by signal 6 (%s): first; the end of %u", strsignal(SIGABRT),
            (unsigned)report->task);
        assert_int_equal(event, SWEEP_POOL_LOST);
        assert_string_equal(report->reason, want);
    } else if (report->task % 10 == 5) {
        snprintf(want, sizeof want, "cannot do %u", (unsigned)report->task);
        assert_int_equal(event, SWEEP_POOL_LOST);
        assert_string_equal(report->reason, want);
    } else {
        snprintf(want, sizeof want, "hello %u", (unsigned)(report->task * report->task));
        assert_int_equal(event, SWEEP_POOL_ANSWER);
        assert_int_equal(report->answer.size, strlen(want));
        assert_memory_equal(report->answer.data, want, strlen(want));
    }
}

/* Every task comes back exactly once, whatever the others do. */
static void
every_task_once(void **state)
{
    char greeting[] = "hello";

    (void)state;
    for (uint32_t jobs = 1; jobs <= 5; jobs += 2) {
        struct sweep_pool *pool = make_pool(jobs, square, greeting);
        bool back[TASKS] = {false};
        uint32_t given = 0, ended = 0;

        while (ended < TASKS) {
            struct sweep_pool_report report = {0};
            enum sweep_pool_event event;
            struct why why = {0};

            while (given < TASKS && sweep_pool_idle(pool) > 0)
                assert_int_equal(sweep_pool_give(pool, given++, &why), 0);
            event = sweep_pool_wait(pool, -1, 10000, &report);
            assert_true(event == SWEEP_POOL_ANSWER || event == SWEEP_POOL_LOST);
            assert_true(report.task < TASKS && !back[report.task]);
            back[report.task] = true;
            ended++;
            check(&report, event);
            buffer_fini(&report.answer);
        }
        assert_int_equal(sweep_pool_idle(pool), jobs);
        sweep_pool_destroy(&pool);
    }
}

static void
for_ever(void *context, uint64_t task, struct buffer *answer)
{
    (void)context;
    (void)task;
    (void)answer;
    for (;;)
        pause();
}

/* A pool that is taken away takes its processes along; waiting has an end, and a signal goes first. */
static void
ends_at_once(void **state)
{
    struct sweep_pool *pool = make_pool(2, for_ever, NULL);
    struct sweep_pool_report report;
    struct why why = {0};
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(sweep_pool_give(pool, 1, &why), 0);
    assert_int_equal(sweep_pool_give(pool, 2, &why), 0);
    assert_int_equal(sweep_pool_wait(pool, ends[0], 20, &report), SWEEP_POOL_NOTHING);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(sweep_pool_wait(pool, ends[0], 10000, &report), SWEEP_POOL_SIGNAL);
    sweep_pool_destroy(&pool);
    assert_null(pool);
    close(ends[0]);
    close(ends[1]);
}

/* More than a socket holds at once. */
static void
long_answer(void *context, uint64_t task, struct buffer *answer)
{
    (void)context;
    memset(buffer_extend(answer, (size_t)task), 'x', (size_t)task);
}

static void
large(void **state)
{
    struct sweep_pool *pool = make_pool(1, long_answer, NULL);
    struct sweep_pool_report report;
    struct why why = {0};

    (void)state;
    assert_int_equal(sweep_pool_give(pool, 5000000, &why), 0);
    assert_int_equal(sweep_pool_wait(pool, -1, 10000, &report), SWEEP_POOL_ANSWER);
    assert_int_equal(report.answer.size, 5000000);
    assert_int_equal(report.answer.data[4999999], 'x');
    buffer_fini(&report.answer);
    sweep_pool_destroy(&pool);
}

static const struct test_case cases[] = {
    {"every task comes back once", every_task_once},
    {"ends at once", ends_at_once},
    {"a large answer", large},
};

int
main(void)
{
    return TEST_CASES("sweep_pool", cases);
}
