#include "world/sandbox/tasks.h"

#include "core/money.h"

#include "tests/golden/golden.h"

static uint32_t
agent_of(const json_t *op)
{
    return (uint32_t)atoi(json_string_value(json_object_get(op, "agent")) + 1);
}

static uint32_t
number_or_zero(const json_t *op, const char *key)
{
    return (uint32_t)json_integer_value(json_object_get(op, key)); /* null reads as 0: none, here as there */
}

static void
expect(bool got, const json_t *want)
{
    assert_int_equal(got, json_is_true(want));
}

static void
create(struct tasks *tasks, const json_t *op, const json_t *want)
{
    struct task task = {
        .budget = money_from_real(golden_real(op, "budget")), .bounty = money_from_real(golden_real(op, "bounty")),
        .min_reputation = golden_real(op, "min_reputation"), .deadline = number_or_zero(op, "deadline_epoch"),
        .max_steps = number_or_zero(op, "max_steps")};

    assert_int_equal(tasks_create(tasks, &task, 0), json_integer_value(want));
}

static void
compare_ids(const uint32_t *ids, uint32_t count, const json_t *want)
{
    assert_int_equal(count, json_array_size(want));
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(ids[i], json_integer_value(json_array_get(want, i)));
}

/* The peers' query expires on the way what is listed and late. */
static void
claimable(struct tasks *tasks, const json_t *op, const json_t *want)
{
    uint32_t ids[64];

    tasks_unlist(tasks, number_or_zero(op, "epoch"), 0, ids);
    compare_ids(ids, tasks_claimable(tasks, golden_real(op, "reputation"), number_or_zero(op, "limit"), ids), want);
}

static void
apply(struct golden_count *count, size_t index, struct tasks *tasks, const json_t *op, const json_t *want)
{
    const char *name = json_string_value(json_object_get(op, "op"));
    uint32_t task = number_or_zero(op, "task"), output = number_or_zero(op, "output"), ids[64];

    if (strcmp(name, "create") == 0) {
        create(tasks, op, want);
    } else if (strcmp(name, "claim") == 0) {
        expect(tasks_claim(tasks, task, agent_of(op), golden_real(op, "reputation"), 0), want);
    } else if (strcmp(name, "start") == 0) {
        expect(tasks_start(tasks, task, 0), want);
    } else if (strcmp(name, "record_step") == 0) {
        expect(tasks_work(tasks, task), json_array_get(want, 0));
        golden_compare(count, index, "budget", tasks_budget_left(tasks, task),
                       json_number_value(json_array_get(want, 1)), 1e-12);
    } else if (strcmp(name, "submit") == 0) {
        assert_int_equal(tasks_submit(tasks, task, 0.5, 1, 0), json_integer_value(want));
    } else if (strcmp(name, "accept_output") == 0) {
        expect(tasks_accept(tasks, task, output, golden_real(op, "quality"), 0), want);
    } else if (strcmp(name, "reject_output") == 0) {
        expect(tasks_reject(tasks, task, output, 0), want);
    } else if (strcmp(name, "fail") == 0) {
        tasks_fail(tasks, task, 0);
    } else if (strcmp(name, "add_collaborator") == 0) {
        expect(tasks_help(tasks, task, agent_of(op)), want);
    } else if (strcmp(name, "expire_overdue") == 0) {
        compare_ids(ids, tasks_expire(tasks, number_or_zero(op, "epoch"), 0, ids), want);
    } else if (strcmp(name, "claimable") == 0) {
        claimable(tasks, op, want);
    } else {
        assert_string_equal(name, "a known operation");
    }
    count->values++;
    count->equal++;
}

static const char *const statuses[] = {"open", "claimed", "in_progress", "submitted", "completed", "failed", "expired"};

static void
compare_end(struct golden_count *count, size_t index, const struct tasks *tasks, const json_t *out)
{
    const json_t *status = json_object_get(out, "status"), *claimed = json_object_get(out, "claimed_by");
    const json_t *want = json_object_get(out, "stats");
    struct tasks_stats stats = tasks_stats(tasks);

    for (uint32_t i = 0; i < json_array_size(status); i++) {
        const struct task *task = tasks_find(tasks, i);
        const json_t *worker = json_array_get(claimed, i);

        assert_string_equal(statuses[task->status], json_string_value(json_array_get(status, i)));
        assert_int_equal(task->worker,
                         json_is_null(worker) ? TASK_NONE : (uint32_t)atoi(json_string_value(worker) + 1));
    }
    for (uint32_t i = 0; i < 7; i++) {
        const json_t *number = json_object_get(json_object_get(want, "status_counts"), statuses[i]);

        assert_int_equal(stats.by_status[i], json_integer_value(number));
    }
    golden_compare(count, index, "tasks", stats.count, golden_real(want, "total_tasks"), 0.0);
    golden_compare(count, index, "open", stats.listed, golden_real(want, "open_tasks"), 0.0);
    golden_compare(count, index, "bounty", money_to_real(stats.bounty), golden_real(want, "total_bounty"), 1e-12);
    golden_compare(count, index, "quality", stats.quality, golden_real(want, "avg_completion_quality"), 1e-12);
    golden_compare(count, index, "workers", stats.workers, golden_real(want, "unique_claimants"), 0.0);
}

static void
compare(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const json_t *ops = json_object_get(in, "ops");
    struct tasks *tasks = tasks_new(64);

    for (size_t i = 0; i < json_array_size(ops); i++)
        apply(count, index, tasks, json_array_get(ops, i), json_array_get(json_object_get(out, "results"), i));
    compare_end(count, index, tasks, out);
    tasks_destroy(&tasks);
}

static void
tasks_cases(void **state)
{
    (void)state;
    golden_run("tasks", compare);
}

static const struct test_case groups[] = {{"tasks", tasks_cases}};

int
main(void)
{
    return TEST_CASES("golden: tasks", groups);
}
