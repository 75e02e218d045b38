#include "world/sandbox/tasks.h"

#include "core/arena.h"
#include "core/math.h"
#include "core/money.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct task) == 7 * 8 + 14 * 4 + 4 + 12, "no padding in what is saved as bytes");

struct tasks {
    uint32_t capacity;
    struct {
        uint32_t cursor; /* place to look at first for the next task */
        uint32_t spare;
    } next;
    struct task *items; /* by place; id = place + capacity * uses before */
};

struct tasks *
tasks_new(uint32_t capacity)
{
    struct tasks *self = ALLOC(struct tasks);

    ASSERT(capacity > 0 && capacity <= 1u << 20);
    self->capacity = capacity;
    self->items = ALLOC_ARRAY(struct task, capacity);
    return self;
}

void
tasks_destroy(struct tasks **self_p)
{
    struct tasks *self = *self_p;

    if (self == NULL)
        return;
    free(self->items);
    free(self);
    *self_p = NULL;
}

void
tasks_clear(struct tasks *self)
{
    memset(&self->next, 0, sizeof self->next);
    memset(self->items, 0, (size_t)self->capacity * sizeof self->items[0]);
}

static struct task *
item(const struct tasks *self, uint32_t id)
{
    struct task *task = &self->items[id % self->capacity];

    return id != TASK_NONE && task->used && task->id == id ? task : NULL;
}

static struct task *
item_get(const struct tasks *self, uint32_t id)
{
    struct task *task = item(self, id);

    ASSERT(task != NULL);
    return task;
}

static bool
has_ended(const struct task *task)
{
    return task->status >= TASK_COMPLETED;
}

static void
change(struct task *task, enum sandbox_task_status status, uint64_t step)
{
    task->status = (uint8_t)status;
    task->changed = step;
}

uint32_t
tasks_create(struct tasks *self, const struct task *task, uint64_t step)
{
    for (uint32_t tried = 0; tried < self->capacity; tried++) {
        uint32_t place = (self->next.cursor + tried) % self->capacity;
        struct task *to = &self->items[place];
        uint32_t id = place;

        if (to->used && !has_ended(to))
            continue;
        if (to->used && to->id < TASK_NONE - self->capacity)
            id = to->id + self->capacity;
        self->next.cursor = (place + 1) % self->capacity;
        memset(to, 0, sizeof *to);
        to->budget = task->budget;
        to->bounty = task->bounty;
        to->min_reputation = task->min_reputation;
        to->difficulty = task->difficulty;
        to->deadline = task->deadline;
        to->max_steps = task->max_steps;
        to->owner = task->owner;
        to->owner_id = task->owner_id;
        to->poster = task->poster;
        to->capability = task->capability;
        to->id = id;
        to->worker = TASK_NONE;
        to->listed = to->used = 1;
        change(to, TASK_OPEN, step);
        return id;
    }
    return TASK_NONE;
}

const struct task *
tasks_find(const struct tasks *self, uint32_t id)
{
    return item(self, id);
}

bool
tasks_claim(struct tasks *self, uint32_t id, uint32_t worker, double reputation, uint64_t step)
{
    struct task *task = item(self, id);

    if (task == NULL || task->status != TASK_OPEN || task->min_reputation > reputation)
        return false;
    task->worker = worker;
    task->listed = 0;
    change(task, TASK_CLAIMED, step);
    return true;
}

bool
tasks_start(struct tasks *self, uint32_t id, uint64_t step)
{
    struct task *task = item(self, id);

    if (task == NULL || task->status != TASK_CLAIMED)
        return false;
    change(task, TASK_IN_PROGRESS, step);
    return true;
}

bool
tasks_work(struct tasks *self, uint32_t id)
{
    struct task *task = item_get(self, id);

    task->steps++;
    return task->max_steps != 0 && task->steps >= task->max_steps;
}

double
tasks_budget_left(const struct tasks *self, uint32_t id)
{
    const struct task *task = item_get(self, id);

    return math_max(0.0, money_to_real(task->budget) * (1.0 - 0.01 * (double)task->steps));
}

uint32_t
tasks_submit(struct tasks *self, uint32_t id, double signal, int32_t truth, uint64_t step)
{
    struct task *task = item_get(self, id);

    task->signal = signal;
    task->truth = truth;
    change(task, TASK_SUBMITTED, step);
    return task->submissions++;
}

bool
tasks_accept(struct tasks *self, uint32_t id, uint32_t submission, double quality, uint64_t step)
{
    struct task *task = item(self, id);

    if (task == NULL || submission >= task->submissions)
        return false;
    task->quality = quality;
    change(task, TASK_COMPLETED, step);
    return true;
}

bool
tasks_reject(struct tasks *self, uint32_t id, uint32_t submission, uint64_t step)
{
    struct task *task = item(self, id);

    if (task == NULL || submission >= task->submissions)
        return false;
    task->rejections++;
    change(task, TASK_IN_PROGRESS, step);
    return true;
}

void
tasks_fail(struct tasks *self, uint32_t id, uint64_t step)
{
    change(item_get(self, id), TASK_FAILED, step);
}

bool
tasks_help(struct tasks *self, uint32_t id, uint32_t agent)
{
    struct task *task = item(self, id);

    if (task == NULL || (task->status != TASK_CLAIMED && task->status != TASK_IN_PROGRESS) ||
        task->helper_count == TASK_HELPERS)
        return false;
    for (uint32_t i = 0; i < task->helper_count; i++)
        if (task->helpers[i] == agent)
            return false;
    task->helpers[task->helper_count++] = agent;
    return true;
}

static bool
is_late(const struct task *task, uint32_t epoch)
{
    return task->deadline != 0 && epoch >= task->deadline;
}

uint32_t
tasks_expire(struct tasks *self, uint32_t epoch, uint64_t step, uint32_t *out)
{
    uint32_t count = 0;

    for (uint32_t place = 0; place < self->capacity; place++) {
        struct task *task = &self->items[place];

        if (!task->used || task->status > TASK_IN_PROGRESS || !is_late(task, epoch))
            continue;
        task->listed = 0;
        change(task, TASK_EXPIRED, step);
        out[count++] = task->id;
    }
    return count;
}

uint32_t
tasks_unlist(struct tasks *self, uint32_t epoch, uint64_t step, uint32_t *out)
{
    uint32_t count = 0;

    for (uint32_t place = 0; place < self->capacity; place++) {
        struct task *task = &self->items[place];

        if (!task->listed || !is_late(task, epoch))
            continue;
        task->listed = 0;
        change(task, TASK_EXPIRED, step);
        out[count++] = task->id;
    }
    return count;
}

/* Does `a` stand before `b`: by bounty for open tasks, by age for others? */
static bool
stands_before(const struct task *a, const struct task *b)
{
    if (a->status == TASK_OPEN && a->bounty != b->bounty)
        return a->bounty > b->bounty;
    if (a->status != TASK_OPEN && a->changed != b->changed)
        return a->changed < b->changed;
    return a->id < b->id;
}

/* Puts a task into a list of at most `limit` ids kept in order. */
static uint32_t
insert(const struct tasks *self, const struct task *task, uint32_t limit, uint32_t *out, uint32_t count)
{
    uint32_t at = count;

    while (at > 0 && stands_before(task, item_get(self, out[at - 1])))
        at--;
    if (at == limit)
        return count;
    if (count < limit)
        count++;
    memmove(out + at + 1, out + at, (size_t)(count - at - 1) * sizeof out[0]);
    out[at] = task->id;
    return count;
}

uint32_t
tasks_claimable(const struct tasks *self, double reputation, uint32_t limit, uint32_t *out)
{
    uint32_t count = 0;

    for (uint32_t place = 0; place < self->capacity && limit > 0; place++) {
        const struct task *task = &self->items[place];

        if (task->used && task->listed && task->status == TASK_OPEN && task->min_reputation <= reputation)
            count = insert(self, task, limit, out, count);
    }
    return count;
}

uint32_t
tasks_waiting(const struct tasks *self, enum sandbox_task_status status, uint32_t limit, uint32_t *out)
{
    uint32_t count = 0;

    for (uint32_t place = 0; place < self->capacity && limit > 0; place++) {
        const struct task *task = &self->items[place];

        if (task->used && task->status == status)
            count = insert(self, task, limit, out, count);
    }
    return count;
}

const struct task *
tasks_at(const struct tasks *self, uint32_t place)
{
    ASSERT(place < self->capacity);
    return self->items[place].used ? &self->items[place] : NULL;
}

uint32_t
tasks_capacity(const struct tasks *self)
{
    return self->capacity;
}

struct tasks_stats
tasks_stats(const struct tasks *self)
{
    struct tasks_stats out = {0};
    double quality = 0.0;

    for (uint32_t place = 0; place < self->capacity; place++) {
        const struct task *task = tasks_at(self, place);
        bool first = true;

        if (task == NULL)
            continue;
        out.count++;
        out.listed += task->listed;
        out.by_status[task->status]++;
        out.bounty += task->bounty;
        if (task->status == TASK_COMPLETED)
            quality += task->quality;
        for (uint32_t i = 0; i < place && first; i++)
            first = !self->items[i].used || self->items[i].worker != task->worker;
        out.workers += first && task->worker != TASK_NONE;
    }
    if (out.by_status[TASK_COMPLETED] > 0)
        out.quality = quality / (double)out.by_status[TASK_COMPLETED];
    return out;
}

void
tasks_cells(struct tasks *self, struct cells *out)
{
    cells_add(out, &self->next, sizeof self->next);
    cells_add(out, self->items, (size_t)self->capacity * sizeof self->items[0]);
}

int
tasks_check(const struct tasks *self, uint32_t agent_count, struct why *why)
{
    if (self->next.cursor >= self->capacity)
        return fail(why, ERR_STATE, "tasks: cursor %" PRIu32 " of %" PRIu32, self->next.cursor, self->capacity);
    for (uint32_t place = 0; place < self->capacity; place++) {
        const struct task *task = tasks_at(self, place);

        if (task == NULL)
            continue;
        if (task->id % self->capacity != place || task->status > TASK_EXPIRED || task->bounty < 0 ||
            task->helper_count > TASK_HELPERS || task->rejections > task->submissions)
            return fail(why, ERR_STATE, "tasks: the task at place %" PRIu32 " makes no sense", place);
        if (task->worker != TASK_NONE ? task->worker >= agent_count :
            task->status == TASK_CLAIMED || task->status == TASK_SUBMITTED)
            return fail(why, ERR_STATE, "tasks: task %" PRIu32 " has no such worker", task->id);
    }
    return 0;
}
