#include "world/sandbox/tasks.h"

#include "tests/support/test.h"

static uint32_t
make(struct tasks *tasks, int64_t bounty, double reputation, uint32_t deadline)
{
    return tasks_create(tasks, &(struct task){.bounty = bounty, .min_reputation = reputation, .deadline = deadline,
                                              .budget = 2000000, .max_steps = 2}, 1);
}

static void
life(void **state)
{
    struct tasks *tasks = tasks_new(4);
    uint32_t id = make(tasks, 10, 0.2, 0);

    (void)state;
    assert_false(tasks_claim(tasks, id, 7, 0.1, 2)); /* not good enough */
    assert_false(tasks_start(tasks, id, 2));
    assert_true(tasks_claim(tasks, id, 7, 0.2, 2));
    assert_false(tasks_claim(tasks, id, 8, 1.0, 2)); /* taken */
    assert_true(tasks_start(tasks, id, 3));
    assert_false(tasks_work(tasks, id));
    assert_close(tasks_budget_left(tasks, id), 1.98, 1e-15);
    assert_true(tasks_work(tasks, id)); /* both steps used up */
    assert_false(tasks_accept(tasks, id, 0, 1.0, 4)); /* nothing handed in */
    assert_int_equal(tasks_submit(tasks, id, 0.75, -1, 4), 0);
    assert_true(tasks_reject(tasks, id, 0, 5));
    assert_int_equal(tasks_find(tasks, id)->status, TASK_IN_PROGRESS);
    assert_int_equal(tasks_submit(tasks, id, 0.5, 1, 6), 1);
    assert_true(tasks_accept(tasks, id, 1, 0.5, 7));
    assert_int_equal(tasks_find(tasks, id)->status, TASK_COMPLETED);
    assert_int_equal(tasks_find(tasks, id)->changed, 7);
    tasks_destroy(&tasks);
}

static void
lists(void **state)
{
    struct tasks *tasks = tasks_new(8);
    uint32_t a = make(tasks, 5, -1, 0), b = make(tasks, 9, 0.5, 0), c = make(tasks, 5, -1, 0),
             d = make(tasks, 7, -1, 3);
    uint32_t out[8];

    (void)state;
    assert_int_equal(tasks_claimable(tasks, 0.0, 8, out), 3); /* highest bounty first, then lowest id */
    assert_int_equal(out[0], d);
    assert_int_equal(out[1], a);
    assert_int_equal(out[2], c);
    assert_int_equal(tasks_claimable(tasks, 1.0, 1, out), 1);
    assert_int_equal(out[0], b);
    assert_int_equal(tasks_expire(tasks, 2, 5, out), 0);
    assert_int_equal(tasks_expire(tasks, 3, 5, out), 1);
    assert_int_equal(out[0], d);
    tasks_submit(tasks, c, 0.5, 1, 4);
    tasks_submit(tasks, a, 0.5, 1, 6);
    assert_int_equal(tasks_waiting(tasks, TASK_SUBMITTED, 8, out), 2); /* waiting longest first */
    assert_int_equal(out[0], c);
    assert_int_equal(out[1], a);
    tasks_destroy(&tasks);
}

static void
room(void **state)
{
    struct tasks *tasks = tasks_new(2);
    uint32_t a = make(tasks, 1, -1, 0), b = make(tasks, 2, -1, 0), c;

    (void)state;
    assert_int_equal(make(tasks, 3, -1, 0), TASK_NONE);
    tasks_fail(tasks, a, 2);
    c = make(tasks, 3, -1, 0);
    assert_true(c != TASK_NONE && c != a && c % 2 == a % 2);
    assert_null(tasks_find(tasks, a));
    assert_non_null(tasks_find(tasks, b));
    assert_false(tasks_claim(tasks, a, 1, 1.0, 3));
    assert_int_equal(tasks_check(tasks, 9, NULL), 0);
    tasks_destroy(&tasks);
}

static const struct test_case cases[] = {{"from open to completed", life}, {"lists", lists}, {"a full pool", room}};

int
main(void)
{
    return TEST_CASES("tasks", cases);
}
