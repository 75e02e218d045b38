/* The feature `projects`; a part's number is its project's id x PROJECT_PARTS_MAX + its place.
 *
 * Invariants (check_state): 1. a project holds in escrow its bounty less what was paid of it, until it has ended; 2. a
 * part that is assigned has a living task of this owner, every other part has none, and there are no others; 3. a
 * planner has at most one project; 4. a place that holds no project is all zeros. */
#include "world/sandbox/projects.h"

#include "core/assert.h"
#include "core/math.h"
#include "core/money.h"
#include "proto/sandbox_roles.h"
#include "world/sandbox/feature.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PROJECT_FREE, PROJECT_OPEN, PROJECT_RUNNING };
enum { PART_WAITING, PART_ASSIGNED, PART_DONE };

struct project {
    int64_t bounty, paid;
    double labels; /* sum over the approved parts */
    uint64_t begun; /* step in which it was taken on */
    uint32_t id, planner, deadline, failures, assignments, matches;
    uint32_t task[PROJECT_PARTS_MAX], worker[PROJECT_PARTS_MAX];
    double difficulty[PROJECT_PARTS_MAX];
    uint8_t capability[PROJECT_PARTS_MAX], part[PROJECT_PARTS_MAX];
    uint8_t status, part_count, spare[6];
};

/* Of an epoch, or of the run. */
struct projects_tally {
    uint64_t created, planned, completed, failed, lapsed, assigned, matched, parts_done, rework, makespan;
    double labels, synergy, coordination; /* sums over the completed ones */
    uint64_t covered;                     /* capabilities that completed projects needed, a bit each */
    uint64_t epoch;                       /* which it is about */
};

struct projects {
    struct project *items;
    uint8_t *capabilities; /* by agent */
    uint64_t created;      /* so far; the next id */
    struct projects_tally epoch, run;
    uint32_t shown[PROJECTS_VISIBLE_MAX], shown_count; /* places of the open ones that planners see; not state */
};

_Static_assert(sizeof(struct project) == 4 * 8 + 6 * 4 + 16 * 4 + 64 + 16 + 8 &&
                   sizeof(struct projects_tally) == 15 * 8,
               "no padding in what is saved as bytes");

#define COUNT(self, name, amount)                                                                                    \
    do {                                                                                                             \
        tally_now(self)->name += (amount);                                                                           \
        (self)->projects->run.name += (amount);                                                                      \
    } while (0)

/* Tasks move on before features are told that an epoch has begun, so the first to count something clears the last. */
static struct projects_tally *
tally_now(struct sandbox *self)
{
    struct projects_tally *tally = &self->projects->epoch;

    if (tally->epoch != self->now.epoch)
        *tally = (struct projects_tally){.epoch = self->now.epoch};
    return tally;
}

static bool
is_on(const struct config *config)
{
    return config->projects.enabled;
}

static void
make(struct sandbox *self)
{
    self->projects = ALLOC(struct projects);
    self->projects->items = ALLOC_ARRAY(struct project, self->config.projects.capacity);
    self->projects->capabilities = ALLOC_ARRAY(uint8_t, self->config.agent_count);
}

static void
destroy(struct sandbox *self)
{
    if (self->projects == NULL)
        return;
    free(self->projects->items);
    free(self->projects->capabilities);
    free(self->projects);
    self->projects = NULL;
}

static void
genesis(struct sandbox *self)
{
    struct projects *projects = self->projects;

    memset(projects->items, 0, self->config.projects.capacity * sizeof *projects->items);
    projects->created = 0;
    projects->epoch = projects->run = (struct projects_tally){0};
    for (uint32_t agent = 0; agent < self->config.agent_count; agent++) {
        struct rng rng = rng_make(self->seed, STREAM_PROJECTS, agent, 0);
        uint32_t has = 0, first = rng_below(&rng, SANDBOX_CAPABILITIES);

        for (uint32_t i = 0; i < SANDBOX_CAPABILITIES; i++)
            has |= (uint32_t)rng_chance(&rng, self->config.projects.capability) << i;
        projects->capabilities[agent] = (uint8_t)(has != 0 ? has : 1u << first);
    }
}

uint8_t
projects_capabilities(const struct sandbox *self, uint32_t agent)
{
    return self->projects != NULL ? self->projects->capabilities[agent] : 0;
}

double
projects_fitness(const struct sandbox *self, uint32_t agent, uint8_t capability)
{
    return capability == 0 || (projects_capabilities(self, agent) & capability) != 0
        ? 1.0 : self->config.projects.mismatch;
}

/* ---- finding ---- */

static struct project *
find(const struct sandbox *self, uint32_t id)
{
    for (uint32_t i = 0; i < self->config.projects.capacity; i++)
        if (self->projects->items[i].status != PROJECT_FREE && self->projects->items[i].id == id)
            return &self->projects->items[i];
    return NULL;
}

/* The project whose part it is, when the part exists. */
static struct project *
find_part(const struct sandbox *self, uint32_t part)
{
    struct project *project = find(self, part / PROJECT_PARTS_MAX);

    return project != NULL && part % PROJECT_PARTS_MAX < project->part_count ? project : NULL;
}

static struct project *
find_of_planner(const struct sandbox *self, uint32_t planner)
{
    for (uint32_t i = 0; i < self->config.projects.capacity; i++)
        if (self->projects->items[i].status == PROJECT_RUNNING && self->projects->items[i].planner == planner)
            return &self->projects->items[i];
    return NULL;
}

/* ---- the end of a project ---- */

static void
note(struct sandbox *self, enum sandbox_note kind, const struct project *project, int64_t amount, double value)
{
    settle_note(self, &(struct note){.kind = (uint8_t)kind,
        .agent = project->status == PROJECT_RUNNING ? project->planner : SANDBOX_NOBODY, .other = SANDBOX_NOBODY,
        .id = project->id, .amount = amount, .value = value});
}

static void
pay_out(struct sandbox *self, struct project *project, uint32_t to, int64_t amount)
{
    int64_t moved = accounts_collect(self->accounts, ACCOUNT_ESCROW, to, amount, MONEY_bounty);

    ASSERT(moved == amount);
    project->paid += amount;
}

static void
fail_project(struct sandbox *self, struct project *project)
{
    for (uint32_t i = 0; i < project->part_count; i++)
        if (project->part[i] == PART_ASSIGNED)
            labour_cancel(self, project->task[i]);
    pay_out(self, project, ACCOUNT_ENVIRONMENT, project->bounty - project->paid);
    note(self, NOTE_project_failed, project, 0, 0.0);
    COUNT(self, failed, project->status == PROJECT_RUNNING);
    COUNT(self, lapsed, project->status == PROJECT_OPEN);
    *project = (struct project){0};
}

/* Steps from taking a project on to its last approval when nobody waits: a planner assigns a part a step, hardest
 * first; a part is worked on for as many steps as its difficulty asks for and judged in the step after the last. */
static uint64_t
least_steps(const struct sandbox *self, const struct project *project)
{
    double needed[PROJECT_PARTS_MAX];
    uint64_t least = 1;

    for (uint32_t i = 0; i < project->part_count; i++)
        needed[i] = -math_floor(-1.0 - project->difficulty[i] * (double)(self->config.tasks.work_steps - 1));
    for (uint32_t i = 0; i < project->part_count; i++) {
        uint64_t steps = (uint64_t)needed[i] + 2; /* assigned in the first, judged after the last */

        for (uint32_t j = 0; j < project->part_count; j++)
            steps += needed[j] > needed[i] || (needed[j] == needed[i] && j < i);
        least = steps > least ? steps : least;
    }
    return least;
}

/* The capabilities that its parts needed against those of the ablest of its workers: how far the group goes beyond its
 * best member; and the steps it would have taken at least against those it took. */
static void
measure(struct sandbox *self, const struct project *project)
{
    uint64_t steps = self->now.step - project->begun, least = least_steps(self, project);
    uint32_t needed = 0, best = 1;

    for (uint32_t i = 0; i < project->part_count; i++) {
        uint32_t held = (uint32_t)__builtin_popcount(projects_capabilities(self, project->worker[i]));

        needed |= project->capability[i];
        best = held > best ? held : best;
    }
    tally_now(self)->covered |= needed;
    self->projects->run.covered |= needed;
    COUNT(self, synergy, (double)__builtin_popcount(needed) / (double)best);
    COUNT(self, labels, project->labels / (double)project->part_count);
    COUNT(self, makespan, steps);
    COUNT(self, coordination, least < steps ? (double)least / (double)steps : 1.0);
}

static void
complete_project(struct sandbox *self, struct project *project)
{
    measure(self, project);
    COUNT(self, completed, 1);
    note(self, NOTE_project_completed, project, project->bounty, project->labels / (double)project->part_count);
    pay_out(self, project, account_of(project->planner), project->bounty - project->paid);
    *project = (struct project){0};
}

/* What a part is worth: all alike; the planner's share and what does not divide stay to the end. */
static int64_t
pay_of_part(const struct sandbox *self, const struct project *project)
{
    return money_share(project->bounty, 1.0 - self->config.projects.planner_share) / (int64_t)project->part_count;
}

static void
task_ended(struct sandbox *self, const struct task *task, enum sandbox_task_status how)
{
    struct project *project = find_part(self, task->owner_id);
    uint32_t i = task->owner_id % PROJECT_PARTS_MAX;
    bool all = true;

    ASSERT(project != NULL && project->part[i] == PART_ASSIGNED && project->task[i] == task->id);
    project->part[i] = how == TASK_COMPLETED ? PART_DONE : PART_WAITING;
    project->task[i] = TASK_NONE;
    if (how != TASK_COMPLETED) {
        if (++project->failures > self->config.projects.max_failures)
            fail_project(self, project);
        return;
    }
    project->labels += task->signal;
    COUNT(self, parts_done, 1);
    COUNT(self, rework, task->rejections);
    pay_out(self, project, account_of(task->worker), pay_of_part(self, project));
    for (uint32_t part = 0; part < project->part_count; part++)
        all = all && project->part[part] == PART_DONE;
    if (all)
        complete_project(self, project);
}

/* ---- the start of a step ---- */

static void
draw_parts(const struct projects_params *params, struct rng *rng, struct project *project)
{
    uint32_t range = params->parts_high - params->parts_low + 1;

    project->part_count = (uint8_t)(params->parts_low + rng_below(rng, range));
    project->bounty = params->bounty_low + money_share(params->bounty_high - params->bounty_low, rng_real(rng));
    for (uint32_t i = 0; i < PROJECT_PARTS_MAX; i++) {
        project->task[i] = TASK_NONE;
        project->worker[i] = SANDBOX_NOBODY;
        if (i >= project->part_count)
            continue;
        project->capability[i] = (uint8_t)(1u << rng_below(rng, SANDBOX_CAPABILITIES));
        project->difficulty[i] = rng_real(rng);
    }
}

static void
create(struct sandbox *self, struct rng *rng)
{
    for (uint32_t i = 0; i < self->config.projects.capacity; i++) {
        struct project *project = &self->projects->items[i];

        if (project->status != PROJECT_FREE)
            continue;
        draw_parts(&self->config.projects, rng, project);
        /* As with tasks: the environment may be as deep in debt as can be counted. */
        if (accounts_balance(self->accounts, ACCOUNT_ENVIRONMENT) < INT64_MIN + 1 + project->bounty) {
            *project = (struct project){0};
            return;
        }
        if (accounts_transfer(self->accounts, ACCOUNT_ENVIRONMENT, ACCOUNT_ESCROW, project->bounty, MONEY_escrow,
                              NULL) != 0)
            UNREACHABLE();
        project->status = PROJECT_OPEN;
        project->planner = SANDBOX_NOBODY;
        project->id = (uint32_t)(self->projects->created++ % (UINT32_MAX / PROJECT_PARTS_MAX));
        project->deadline = self->now.epoch + self->config.projects.deadline_epochs;
        COUNT(self, created, 1);
        note(self, NOTE_project_created, project, project->bounty, project->part_count);
        return;
    }
}

static void
begin(struct sandbox *self)
{
    struct rng rng = rng_make(self->seed, STREAM_PROJECTS, UINT32_MAX, self->now.step);
    double expected = self->config.projects.rate * (double)self->config.agent_count;
    double whole = math_floor(expected);
    uint64_t count = (uint64_t)whole + rng_chance(&rng, expected - whole);

    tally_now(self);
    for (uint32_t i = 0; i < self->config.projects.capacity && is_epoch_start(self); i++)
        if (self->projects->items[i].status != PROJECT_FREE && self->projects->items[i].deadline <= self->now.epoch)
            fail_project(self, &self->projects->items[i]);
    for (uint64_t i = 0; i < count && i < self->config.projects.capacity; i++)
        create(self, &rng);
}

/* ---- what planners see ---- */

/* May it be given work, as far as it is concerned? */
static bool
is_free_to_work(const struct sandbox *self, uint32_t agent)
{
    return self->agents.task[agent] == TASK_NONE && sandbox_role_allows(self->agents.role[agent], VERB_SUBMIT_WORK);
}

/* Fixes which open projects planners see in this turn: the best paid; ties go to the lower place. */
static void
show(struct sandbox *self)
{
    struct projects *projects = self->projects;
    uint32_t limit = self->config.projects.visible, count = 0;

    for (uint32_t i = 0; i < self->config.projects.capacity; i++) {
        uint32_t at = count;

        if (projects->items[i].status != PROJECT_OPEN)
            continue;
        while (at > 0 && projects->items[i].bounty > projects->items[projects->shown[at - 1]].bounty)
            at--;
        if (at == limit)
            continue;
        count += count < limit;
        memmove(projects->shown + at + 1, projects->shown + at, (count - at - 1) * sizeof projects->shown[0]);
        projects->shown[at] = i;
    }
    projects->shown_count = count;
}

typedef void line_fn(
    void *context, uint32_t id, bool is_project, int64_t bounty, uint8_t capability, double difficulty);

/* Each line that an agent sees. */
static void
each_line(const struct sandbox *self, uint32_t agent, line_fn *line, void *context)
{
    const struct project *project;

    if (self->agents.role[agent] != SANDBOX_PLANNER)
        return;
    project = find_of_planner(self, agent);
    if (project != NULL) {
        for (uint32_t i = 0; i < project->part_count; i++)
            if (project->part[i] == PART_WAITING)
                line(context, project->id * PROJECT_PARTS_MAX + i, false, pay_of_part(self, project),
                     project->capability[i], project->difficulty[i]);
        return;
    }
    for (uint32_t i = 0; i < self->projects->shown_count; i++) {
        const struct project *open = &self->projects->items[self->projects->shown[i]];
        uint32_t needed = 0;
        double hardest = 0.0;

        for (uint32_t part = 0; part < open->part_count; part++) {
            needed |= open->capability[part];
            hardest = math_max(hardest, open->difficulty[part]);
        }
        line(context, open->id, true, open->bounty, (uint8_t)needed, hardest);
    }
}

static void
count_line(void *context, uint32_t id, bool is_project, int64_t bounty, uint8_t capability, double difficulty)
{
    (void)id, (void)is_project, (void)bounty, (void)capability, (void)difficulty;
    (*(uint32_t *)context)++;
}

static void
count_axes(const struct sandbox *self, const uint32_t *agents, uint32_t agent_count, uint32_t counts[ACT_AXES])
{
    for (uint32_t i = 0; i < agent_count; i++)
        each_line(self, agents[i], count_line, &counts[ACT_PART]);
}

struct lines {
    uint32_t *part, at;
    uint8_t *is_project, *capability;
    int64_t *bounty;
    double *difficulty;
};

static void
write_line(void *context, uint32_t id, bool is_project, int64_t bounty, uint8_t capability, double difficulty)
{
    struct lines *lines = context;

    lines->part[lines->at] = id;
    lines->is_project[lines->at] = is_project;
    lines->bounty[lines->at] = bounty;
    lines->capability[lines->at] = capability;
    lines->difficulty[lines->at] = difficulty;
    lines->at++;
}

static void
write_axes(const struct sandbox *self, const struct batch_writer *writer, const uint32_t *agents)
{
    struct lines lines = {.part = batch_column(writer, OBSERVE_part),
        .is_project = batch_column(writer, OBSERVE_part_is_project),
        .capability = batch_column(writer, OBSERVE_part_capability),
        .bounty = batch_column(writer, OBSERVE_part_bounty),
        .difficulty = batch_column(writer, OBSERVE_part_difficulty)};
    uint8_t *capabilities = batch_column(writer, OBSERVE_capabilities);
    uint8_t *others = batch_column(writer, OBSERVE_candidate_capabilities);
    const uint32_t *candidates = batch_column(writer, OBSERVE_candidate);
    uint32_t *rework = batch_column(writer, OBSERVE_rework), *parts = batch_column(writer, OBSERVE_parts);

    for (uint32_t i = 0; i < writer->count[ACT_TRAIT]; i++) {
        const struct task *task = tasks_find(self->tasks, self->agents.task[agents[i]]);

        capabilities[i] = projects_capabilities(self, agents[i]);
        rework[i] = task != NULL ? task->rejections : 0;
        parts[i] = lines.at;
        each_line(self, agents[i], write_line, &lines);
    }
    parts[writer->count[ACT_TRAIT]] = lines.at;
    for (uint32_t i = 0; i < writer->count[ACT_CANDIDATE]; i++)
        others[i] = is_free_to_work(self, candidates[i]) ? projects_capabilities(self, candidates[i]) : 0;
}

/* ---- what planners do ---- */

static enum sandbox_refusal
check_assign(const struct sandbox *self, const struct action *action)
{
    const struct project *project = find_part(self, action->target);

    if (project == NULL || project->status != PROJECT_RUNNING || project->planner != action->actor ||
        project->part[action->target % PROJECT_PARTS_MAX] != PART_WAITING)
        return REFUSAL_TARGET;
    if (action->whom >= self->config.agent_count || action->whom == action->actor ||
        !sandbox_role_allows(self->agents.role[action->whom], VERB_SUBMIT_WORK))
        return REFUSAL_TARGET;
    if (is_frozen(self, action->whom))
        return REFUSAL_FROZEN;
    return self->agents.task[action->whom] != TASK_NONE ? REFUSAL_BUSY : REFUSAL_NONE;
}

static enum sandbox_refusal
check(const struct sandbox *self, const struct action *action)
{
    const struct project *project;

    if (action->verb == VERB_ASSIGN)
        return check_assign(self, action);
    project = find(self, action->target);
    if (project == NULL || project->status != PROJECT_OPEN)
        return REFUSAL_TARGET;
    return find_of_planner(self, action->actor) != NULL ? REFUSAL_REPEATED : REFUSAL_NONE;
}

static void
decompose(struct sandbox *self, struct action *action)
{
    struct project *project = find(self, action->target);

    if (project == NULL || project->status != PROJECT_OPEN) { /* somebody with a lower id was faster */
        action->refused = REFUSAL_TARGET;
        TALLY_ADD(self, conflicting_claims, 1);
        settle_note(self, &(struct note){.kind = NOTE_miscoordination, .agent = action->actor,
            .other = SANDBOX_NOBODY, .id = action->target});
        return;
    }
    project->status = PROJECT_RUNNING;
    project->planner = action->actor;
    project->begun = self->now.step;
    COUNT(self, planned, 1);
    note(self, NOTE_project_planned, project, 0, 0.0);
}

static void
assign(struct sandbox *self, struct action *action)
{
    enum sandbox_refusal refusal = check_assign(self, action); /* the worker may have got another task since */
    struct project *project = find_part(self, action->target);
    uint32_t i = action->target % PROJECT_PARTS_MAX;

    if (refusal == REFUSAL_NONE) {
        project->task[i] = labour_create(self, &(struct task){
            .budget = 2 * pay_of_part(self, project), .min_reputation = -1.0, .difficulty = project->difficulty[i],
            .max_steps = self->config.tasks.max_steps, .owner = OWNER_PROJECT, .owner_id = action->target,
            .poster = action->actor, .capability = project->capability[i]}, action->whom);
        refusal = project->task[i] == TASK_NONE ? REFUSAL_BUSY : REFUSAL_NONE;
    }
    if (refusal != REFUSAL_NONE) {
        action->refused = (uint8_t)refusal;
        return;
    }
    project->part[i] = PART_ASSIGNED;
    project->worker[i] = action->whom;
    COUNT(self, assigned, 1);
    COUNT(self, matched, (projects_capabilities(self, action->whom) & project->capability[i]) != 0);
    settle_note(self, &(struct note){.kind = NOTE_part_assigned, .agent = action->whom, .other = action->actor,
        .id = project->task[i]});
}

static void
settle(struct sandbox *self, struct action *action)
{
    if (action->verb == VERB_DECOMPOSE)
        decompose(self, action);
    else
        assign(self, action);
}

static uint32_t
subject(const struct sandbox *self, const struct action *action)
{
    return action->verb == VERB_ASSIGN && action->whom < self->config.agent_count ? action->whom : SANDBOX_NOBODY;
}

/* ---- figures and state ---- */

static void
figures(const struct sandbox *self, bool whole_run, const struct figure_sink *sink)
{
    const struct projects_tally *tally = whole_run ? &self->projects->run : &self->projects->epoch;
    double completed = (double)tally->completed;

    figure_put(sink, "projects_created", (double)tally->created, true);
    figure_put(sink, "projects_planned", (double)tally->planned, true);
    figure_put(sink, "projects_completed", completed, true);
    figure_put(sink, "projects_failed", (double)tally->failed, true);
    figure_put(sink, "projects_lapsed", (double)tally->lapsed, true);
    figure_put(sink, "parts_assigned", (double)tally->assigned, true);
    figure_put(sink, "parts_done", (double)tally->parts_done, true);
    figure_put_share(sink, "part_rework", (double)tally->rework, (double)tally->parts_done);
    figure_put_share(sink, "capability_match", (double)tally->matched, (double)tally->assigned);
    figure_put(sink, "capability_coverage", (double)__builtin_popcountll(tally->covered) / SANDBOX_CAPABILITIES, true);
    figure_put_share(sink, "project_quality", tally->labels, completed);
    figure_put_share(sink, "project_steps", (double)tally->makespan, completed);
    figure_put_share(sink, "synergy", tally->synergy, completed);
    figure_put_share(sink, "coordination", tally->coordination, completed);
}

static void
cells(struct sandbox *self, struct cells *out)
{
    struct projects *projects = self->projects;

    cells_add(out, projects->items, self->config.projects.capacity * sizeof *projects->items);
    cells_add(out, projects->capabilities, self->config.agent_count);
    cells_add(out, &projects->created, sizeof projects->created);
    cells_add(out, &projects->epoch, sizeof projects->epoch);
    cells_add(out, &projects->run, sizeof projects->run);
}

static int64_t
escrow(const struct sandbox *self)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < self->config.projects.capacity; i++) {
        const struct project *project = &self->projects->items[i];
        int64_t left;

        /* Before they are checked, after loading, the numbers may be anything: then nothing matches the account. */
        if (!money_add(project->bounty, project->paid > 0 ? -project->paid : 0, &left) ||
            !money_add(sum, left, &sum))
            return INT64_MIN;
    }
    return sum;
}

static bool
is_part_sane(const struct sandbox *self, const struct project *project, uint32_t i)
{
    const struct task *task = tasks_find(self->tasks, project->task[i]);
    bool lives = task != NULL && task->owner == OWNER_PROJECT && task->status <= TASK_SUBMITTED &&
        task->owner_id == project->id * PROJECT_PARTS_MAX + i;

    if (project->part[i] > PART_DONE || (project->part[i] == PART_ASSIGNED) != lives)
        return false;
    if (project->part[i] == PART_WAITING && project->task[i] != TASK_NONE)
        return false;
    if (project->part[i] != PART_WAITING &&
        (project->status != PROJECT_RUNNING || project->worker[i] >= self->config.agent_count))
        return false;
    return __builtin_popcount(project->capability[i]) == 1 && project->difficulty[i] >= 0.0 &&
        project->difficulty[i] <= 1.0;
}

static int
check_project(const struct sandbox *self, const struct project *project, struct why *why)
{
    bool running = project->status == PROJECT_RUNNING;

    if (project->part_count < 1 || project->part_count > PROJECT_PARTS_MAX || project->paid < 0 ||
        project->paid > project->bounty || project->status > PROJECT_RUNNING || project->begun > self->now.step ||
        project->id >= UINT32_MAX / PROJECT_PARTS_MAX || !(math_abs(project->labels) <= PROJECT_PARTS_MAX))
        return fail(why, ERR_STATE, "project %" PRIu32 ": out of range", project->id);
    if (find(self, project->id) != project)
        return fail(why, ERR_STATE, "project %" PRIu32 " is there twice", project->id);
    if (running ? project->planner >= self->config.agent_count || find_of_planner(self, project->planner) != project
                : project->planner != SANDBOX_NOBODY)
        return fail(why, ERR_STATE, "project %" PRIu32 ": its planner has another, or does not exist", project->id);
    for (uint32_t i = 0; i < project->part_count; i++)
        if (!is_part_sane(self, project, i))
            return fail(why, ERR_STATE, "project %" PRIu32 ": part %" PRIu32 " and its task disagree", project->id, i);
    return 0;
}

/* Every living task of a project is that of an assigned part: there are as many of these as of those. */
static int
check_tasks(const struct sandbox *self, struct why *why)
{
    uint32_t assigned = 0, living = 0;

    for (uint32_t i = 0; i < self->config.projects.capacity; i++)
        for (uint32_t part = 0; part < self->projects->items[i].part_count; part++)
            assigned += self->projects->items[i].part[part] == PART_ASSIGNED;
    for (uint32_t place = 0; place < tasks_capacity(self->tasks); place++) {
        const struct task *task = tasks_at(self->tasks, place);

        living += task != NULL && task->owner == OWNER_PROJECT && task->status <= TASK_SUBMITTED;
    }
    if (assigned != living)
        return fail(why, ERR_STATE, "projects: %" PRIu32 " parts are assigned, %" PRIu32 " tasks live", assigned,
                    living);
    return 0;
}

static int
check_state(const struct sandbox *self, struct why *why)
{
    static const struct project none;

    for (uint32_t agent = 0; agent < self->config.agent_count; agent++)
        if (self->projects->capabilities[agent] == 0)
            return fail(why, ERR_STATE, "agent %" PRIu32 " can do nothing", agent);
    for (uint32_t i = 0; i < self->config.projects.capacity; i++) {
        const struct project *project = &self->projects->items[i];
        int code = 0;

        if (project->status != PROJECT_FREE)
            code = check_project(self, project, why);
        else if (memcmp(project, &none, sizeof none) != 0)
            code = fail(why, ERR_STATE, "projects: place %" PRIu32 " is free, but not empty", i);
        if (code != 0)
            return code;
    }
    return check_tasks(self, why);
}

const struct feature feature_projects = {
    .name = "projects",
    .verbs = 1u << VERB_DECOMPOSE | 1u << VERB_ASSIGN,
    .traits = true,
    .is_on = is_on,
    .make = make,
    .destroy = destroy,
    .genesis = genesis,
    .begin = begin,
    .show = show,
    .count = count_axes,
    .write = write_axes,
    .check = check,
    .settle = settle,
    .subject = subject,
    .owner = OWNER_PROJECT,
    .task_ended = task_ended,
    .figures = figures,
    .cells = cells,
    .escrow = escrow,
    .check_state = check_state,
};
