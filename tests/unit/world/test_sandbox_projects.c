/* tests/unit/world/test_sandbox_projects.c - projects with scripted planners, workers and verifiers, worked by hand;
 * then wild ones by the hundred. */
#include "tests/unit/world/sandbox_driver.h"

#include "core/bytes.h"
#include "world/sandbox/state.h"

/* Two planners, three workers, a verifier, a planner with a high number. All can do everything, work takes a step. Of
 * a bounty of 10 tokens three parts get 8 / 3 = 2.666666 each, the planner 2.000002. */
enum { PLANNER, RIVAL, WORKER_A, WORKER_B, WORKER_C, VERIFIER, LATE_PLANNER, AGENTS };
#define TEAM                                                                                                         \
    "agents: [{type: honest, count: 2, role: planner}, {type: honest, count: 3, role: worker},"                      \
    " {type: honest, count: 1, role: verifier}, {type: honest, count: 1, role: planner}]\n"
#define PROJECTS                                                                                                     \
    "enabled: true, rate: 1, capacity: 1, parts_low: 3, parts_high: 3, bounty_low: 10, bounty_high: 10, capability: 1"
#define BOUNTY 10000000
#define PART 2666666
#define EFFORT 400000 /* full effort */
#define FEE 266666    /* a tenth of a part's pay, for the verifier */

struct script {
    uint32_t rejects;  /* hand-ins of a part that are sent back before one is approved */
    uint32_t idle;     /* from this step on nobody does anything */
    bool no_hand_in;   /* workers keep what they have */
    bool rivals;       /* the other planners want the project, too */
    uint32_t claimant; /* claims any open task at `claim_step` */
    uint32_t claim_step;
    uint32_t planner;
    uint32_t part_worker; /* gets all parts; 0: each gets one */
};

/* The first line that a planner sees. */
static bool
first_line(const struct batch *seen, uint32_t row, uint32_t *out)
{
    *out = batch_u32(seen, OBSERVE_parts, row);
    return *out < batch_u32(seen, OBSERVE_parts, row + 1);
}

static void
plan(const struct script *script, const struct batch *seen, uint32_t row, struct wish *out)
{
    uint32_t line, part;

    if (!first_line(seen, row, &line))
        return;
    part = batch_u32(seen, OBSERVE_part, line);
    out->target = part;
    if (batch_u8(seen, OBSERVE_part_is_project, line)) {
        assert_int_equal(batch_i64(seen, OBSERVE_part_bounty, line), BOUNTY);
        out->verb = VERB_DECOMPOSE;
        return;
    }
    assert_int_equal(batch_i64(seen, OBSERVE_part_bounty, line), PART);
    out->verb = VERB_ASSIGN;
    out->whom = script->part_worker != 0 ? script->part_worker : WORKER_A + part % 8;
}

static void
verify(const struct script *script, const struct sandbox *self, const struct batch *seen, struct wish *out)
{
    for (uint32_t i = 0; i < seen->count[ACT_TASK]; i++) {
        const struct task *task;

        if (batch_u8(seen, OBSERVE_task_status, i) != TASK_SUBMITTED)
            continue;
        task = tasks_find(self->tasks, batch_u32(seen, OBSERVE_task_id, i));
        out->verb = VERB_VERIFY;
        out->target = task->id;
        out->value = task->submissions > script->rejects;
        return;
    }
}

static void
act(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    const struct script *script = driver->context;
    uint32_t agent = batch_u32(seen, OBSERVE_agent, row), task = batch_u32(seen, OBSERVE_task, row);

    (void)rng;
    if (script->idle != 0 && driver->step >= script->idle)
        return;
    if (script->claim_step == driver->step && script->claimant == agent) {
        assert_true(seen->count[ACT_TASK] > 0);
        out->verb = VERB_CLAIM_TASK;
        out->target = batch_u32(seen, OBSERVE_task_id, 0);
    } else if (agent == script->planner || (script->rivals && agent <= RIVAL)) {
        plan(script, seen, row, out);
    } else if (task != SANDBOX_NOBODY && !script->no_hand_in && batch_u32(seen, OBSERVE_task_steps, row) > 0) {
        out->verb = VERB_SUBMIT_WORK;
        out->target = task;
        out->work = 1.0;
    } else if (agent == VERIFIER) {
        verify(script, driver->self, seen, out);
    }
}

static uint32_t
count_notes(const struct sandbox *self, enum sandbox_note kind)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < self->turn.note_count; i++)
        count += self->turn.notes[i].kind == kind;
    return count;
}

static void
begin_team(struct driver *driver, const char *projects, const char *tasks)
{
    char text[1000];

    snprintf(text, sizeof text, TEAM "simulation: {epochs: 9, steps_per_epoch: 12}\n"
             "sandbox: {candidates: 32, projects: {" PROJECTS "%s}, tasks: {work_steps: 1%s}}\n", projects, tasks);
    driver_begin(driver, text);
}

/* ---- from the first step to the last millionth ---- */

static const struct course_row {
    const char *name;
    struct script script;
    const char *projects; /* beside PROJECTS */
    uint32_t steps;       /* then look */
    enum sandbox_note last; /* noted in that step, once */
    int64_t planner, worker_a, worker_b, worker_c, verifier; /* above 100 tokens */
    int64_t escrow;
    uint32_t completed, failed, lapsed, assigned, done;
} course_rows[] = {
    /* Taken on in 1; assigned in 2, 3, 4; handed in a step later, approved another later: done in 6. */
    {"from creation to pay", .steps = 6, .last = NOTE_project_completed, .planner = BOUNTY - 3 * PART,
     .worker_a = PART - EFFORT, .worker_b = PART - EFFORT, .worker_c = PART - EFFORT, .verifier = 3 * FEE,
     .completed = 1, .assigned = 3, .done = 3},
    {"a step before that", .steps = 5, .last = NOTE_task_completed, .worker_a = PART - EFFORT,
     .worker_b = PART - EFFORT, .worker_c = -EFFORT, .verifier = 2 * FEE, .escrow = BOUNTY - 2 * PART, .assigned = 3,
     .done = 2},
    /* The verifier looks at what has waited longest: A is sent back in 4, B in 5; A's second, handed in in 5 as C's
     * first was, but of a lower number, is approved in 6; C is sent back in 7, B approved in 8, C in 9. */
    {"sent back, done again, paid once", .script = {.rejects = 1}, .steps = 9, .last = NOTE_project_completed,
     .planner = BOUNTY - 3 * PART, .worker_a = PART - 2 * EFFORT, .worker_b = PART - 2 * EFFORT,
     .worker_c = PART - 2 * EFFORT, .verifier = 6 * FEE, .completed = 1, .assigned = 3, .done = 3},
    {"one worker after another", .script = {.part_worker = WORKER_B}, .steps = 10, .last = NOTE_project_completed,
     .planner = BOUNTY - 3 * PART, .worker_b = 3 * (PART - EFFORT), .verifier = 3 * FEE, .completed = 1,
     .assigned = 3, .done = 3},
    /* max_rejections 0: the first that is sent back has failed. A fails in 4 and gets its part again in 5. */
    {"failed and assigned anew", .script = {.rejects = 1, .part_worker = WORKER_A}, .steps = 5,
     .last = NOTE_part_assigned, .worker_a = -EFFORT, .verifier = FEE, .escrow = BOUNTY, .assigned = 2},
    /* In 7 it has failed once more than is borne. */
    {"failed too often", .script = {.rejects = 1, .part_worker = WORKER_A}, .projects = ", max_failures: 1",
     .steps = 7, .last = NOTE_project_failed, .worker_a = -2 * EFFORT, .verifier = 2 * FEE, .failed = 1,
     .assigned = 2},
    {"one failure ends it and frees the others", .script = {.rejects = 9}, .projects = ", max_failures: 0",
     .steps = 4, .last = NOTE_project_failed, .worker_a = -EFFORT, .worker_b = -EFFORT, .verifier = FEE, .failed = 1,
     .assigned = 3},
    {"the deadline", .script = {.no_hand_in = true}, .projects = ", deadline_epochs: 1", .steps = 13,
     .last = NOTE_project_failed, .escrow = BOUNTY, .failed = 1, .assigned = 3},
    {"nobody takes it on", .script = {.idle = 1}, .projects = ", deadline_epochs: 1", .steps = 13,
     .last = NOTE_project_failed, .escrow = BOUNTY, .lapsed = 1},
};

static void
check_figure(const struct driver *driver, const char *name, double want)
{
    struct driver_figure figure = driver_figure(driver, true, name);

    assert_close(figure.value, want, 1e-12);
}

static void
course(void **state)
{
    const struct course_row *want = *state;
    struct driver driver = {.seed = 5, .act = act, .context = (void *)(uintptr_t)&want->script};
    const struct sandbox *self;

    begin_team(&driver, want->projects != NULL ? want->projects : "",
               want->script.part_worker == WORKER_A || want->script.rejects == 9 ? ", rate: 0, max_rejections: 0"
                                                                              : ", rate: 0, max_steps: 100");
    self = driver.self;
    for (uint32_t i = 0; i < want->steps; i++)
        driver_step(&driver);
    assert_int_equal(count_notes(self, want->last), 1);
    assert_int_equal(money_of(self, PLANNER), 100000000 + want->planner);
    assert_int_equal(money_of(self, WORKER_A), 100000000 + want->worker_a);
    assert_int_equal(money_of(self, WORKER_B), 100000000 + want->worker_b);
    assert_int_equal(money_of(self, WORKER_C), 100000000 + want->worker_c);
    assert_int_equal(money_of(self, VERIFIER), 100000000 + want->verifier);
    assert_int_equal(accounts_balance(self->accounts, ACCOUNT_ESCROW), want->escrow);
    check_figure(&driver, "projects_completed", want->completed);
    check_figure(&driver, "projects_failed", want->failed);
    check_figure(&driver, "projects_lapsed", want->lapsed);
    check_figure(&driver, "parts_assigned", want->assigned);
    check_figure(&driver, "parts_done", want->done);
    if (want->completed > 0) {
        check_figure(&driver, "part_rework", want->script.rejects);
        check_figure(&driver, "project_steps", want->steps - 1);
        check_figure(&driver, "coordination", 5.0 / (want->steps - 1)); /* the first row's pace is the best there is */
        check_figure(&driver, "capability_match", 1);
    }
    if (want->failed + want->completed > 0) /* all are free */
        for (uint32_t agent = WORKER_A; agent <= WORKER_C; agent++)
            assert_int_equal(self->agents.task[agent], TASK_NONE);
    driver_end(&driver);
}

/* ---- who comes too late ---- */

static uint32_t
refusal_of(const struct sandbox *self, uint32_t actor, enum sandbox_verb verb)
{
    for (uint32_t i = 0; i < self->turn.action_count; i++)
        if (self->turn.actions[i].actor == actor && self->turn.actions[i].verb == verb)
            return self->turn.actions[i].refused;
    fail_msg("agent %u has not tried it", actor);
    return 0;
}

static void
two_planners(void **state)
{
    struct script script = {.rivals = true, .no_hand_in = true};
    struct driver driver = {.seed = 5, .act = act, .context = &script};
    const struct sandbox *self;

    (void)state;
    begin_team(&driver, "", ", rate: 0");
    self = driver.self;
    driver_step(&driver);
    assert_int_equal(refusal_of(self, PLANNER, VERB_DECOMPOSE), REFUSAL_NONE);
    assert_int_equal(refusal_of(self, RIVAL, VERB_DECOMPOSE), REFUSAL_TARGET);
    assert_int_equal(count_notes(self, NOTE_miscoordination), 1);
    assert_int_equal(count_notes(self, NOTE_project_planned), 1);
    driver_step(&driver); /* the other one sees nothing now, and has nothing to assign */
    assert_int_equal(refusal_of(self, PLANNER, VERB_ASSIGN), REFUSAL_NONE);
    assert_int_equal(self->turn.action_count, 1);
    driver_end(&driver);
}

/* One is claimed and one assigned in the same step: who has the lower number gets its way. */
static const struct clash_row {
    const char *name;
    uint32_t planner, claim, assign;
    enum sandbox_owner owner; /* of the task that the worker is left with */
} clash_rows[] = {
    {"the planner comes first", PLANNER, REFUSAL_BUSY, REFUSAL_NONE, OWNER_PROJECT},
    {"the worker comes first", LATE_PLANNER, REFUSAL_NONE, REFUSAL_BUSY, OWNER_ENVIRONMENT},
};

static void
clash(void **state)
{
    const struct clash_row *want = *state;
    struct script script = {.planner = want->planner, .claimant = WORKER_A, .claim_step = 2, .no_hand_in = true};
    struct driver driver = {.seed = 5, .act = act, .context = &script};
    const struct sandbox *self;

    begin_team(&driver, "", ", rate: 1");
    self = driver.self;
    driver_step(&driver);
    driver_step(&driver);
    assert_int_equal(refusal_of(self, WORKER_A, VERB_CLAIM_TASK), want->claim);
    assert_int_equal(refusal_of(self, want->planner, VERB_ASSIGN), want->assign);
    assert_int_equal(tasks_find(self->tasks, self->agents.task[WORKER_A])->owner, want->owner);
    driver_step(&driver); /* refused before it is tried, and then another part goes to another worker */
    assert_int_equal(refusal_of(self, want->planner, VERB_ASSIGN),
                     want->assign == REFUSAL_BUSY ? REFUSAL_BUSY : REFUSAL_NONE);
    driver_end(&driver);
}

/* ---- nonsense ---- */

/* Project 0 is the planner's: its part 0 is assigned to A, parts 1 and 2 wait; there is no part 3. */
static const struct nonsense_row {
    const char *name;
    uint32_t actor, verb, target, whom, want;
} nonsense_rows[] = {
    {"a waiting part", PLANNER, VERB_ASSIGN, 1, WORKER_B, REFUSAL_NONE},
    {"to another planner, who may work, too", PLANNER, VERB_ASSIGN, 1, RIVAL, REFUSAL_NONE},
    {"an assigned part", PLANNER, VERB_ASSIGN, 0, WORKER_B, REFUSAL_TARGET},
    {"behind the last part", PLANNER, VERB_ASSIGN, 3, WORKER_B, REFUSAL_TARGET},
    {"of no project", PLANNER, VERB_ASSIGN, 8, WORKER_B, REFUSAL_TARGET},
    {"the greatest number", PLANNER, VERB_ASSIGN, UINT32_MAX, WORKER_B, REFUSAL_TARGET},
    {"of another's project", RIVAL, VERB_ASSIGN, 1, WORKER_B, REFUSAL_TARGET},
    {"to who has work", PLANNER, VERB_ASSIGN, 1, WORKER_A, REFUSAL_BUSY},
    {"to itself", PLANNER, VERB_ASSIGN, 1, PLANNER, REFUSAL_TARGET},
    {"to a verifier", PLANNER, VERB_ASSIGN, 1, VERIFIER, REFUSAL_TARGET},
    {"to the first who does not exist", PLANNER, VERB_ASSIGN, 1, AGENTS, REFUSAL_TARGET},
    {"to nobody", PLANNER, VERB_ASSIGN, 1, SANDBOX_NOBODY, REFUSAL_TARGET},
    {"by a worker", WORKER_B, VERB_ASSIGN, 1, WORKER_C, REFUSAL_ROLE},
    {"what is taken on already", RIVAL, VERB_DECOMPOSE, 0, 0, REFUSAL_TARGET},
    {"what never was", RIVAL, VERB_DECOMPOSE, UINT32_MAX, 0, REFUSAL_TARGET},
    {"the second, while the first goes on", PLANNER, VERB_DECOMPOSE, 1, 0, REFUSAL_REPEATED},
    {"the second, by another", RIVAL, VERB_DECOMPOSE, 1, 0, REFUSAL_NONE},
    {"by a worker", WORKER_B, VERB_DECOMPOSE, 1, 0, REFUSAL_ROLE},
};

static void
act_nonsense(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    const struct nonsense_row *want = driver->context;
    struct script script = {.no_hand_in = true};
    uint32_t agent = batch_u32(seen, OBSERVE_agent, row);

    (void)rng;
    if (driver->step < 3 && agent == PLANNER) {
        plan(&script, seen, row, out);
        if (out->verb == VERB_DECOMPOSE)
            out->target = 0;
    } else if (driver->step == 3 && agent == want->actor) {
        out->verb = want->verb;
        out->target = want->target;
        out->whom = want->whom;
    }
}

static void
judge_subject(struct driver *driver, const struct batch *docket, struct batch_writer *verdict, struct rng *rng)
{
    (void)driver, (void)verdict, (void)rng;
    for (uint32_t i = 0; i < docket->count[DOCKET_ACTION]; i++) /* whatever was said: an agent, or nobody */
        assert_true(batch_u32(docket, DOCKET_subject, i) < AGENTS ||
                    batch_u32(docket, DOCKET_subject, i) == SANDBOX_NOBODY);
}

static void
nonsense(void **state)
{
    const struct nonsense_row *want = *state;
    struct driver driver = {
        .seed = 5, .act = act_nonsense, .judge = judge_subject, .context = (void *)(uintptr_t)want};
    const struct sandbox *self;

    driver_begin(&driver, TEAM "simulation: {epochs: 9, steps_per_epoch: 12}\ngovernance: {first: {}}\n"
                 "sandbox: {candidates: 32, tasks: {rate: 0}, projects: {enabled: true, rate: 1, capacity: 2,"
                 " parts_low: 3, parts_high: 3, bounty_low: 10, bounty_high: 10, capability: 1}}\n");
    self = driver.self;
    for (uint32_t i = 0; i < 3; i++)
        driver_step(&driver);
    assert_int_equal(refusal_of(self, want->actor, want->verb), want->want);
    driver_end(&driver);
}

/* ---- what is shown, who may do what ---- */

/* The pool is full of the environment's tasks: a part finds no place and waits on. */
static void
pool_full(void **state)
{
    struct script script = {.no_hand_in = true};
    struct driver driver = {.seed = 5, .act = act, .context = &script};
    const struct sandbox *self;

    (void)state;
    begin_team(&driver, "", ", rate: 1, capacity: 3");
    self = driver.self;
    driver_step(&driver);
    driver_step(&driver);
    assert_int_equal(refusal_of(self, PLANNER, VERB_ASSIGN), REFUSAL_BUSY);
    assert_int_equal(self->agents.task[WORKER_A], TASK_NONE);
    driver_end(&driver);
}

/* Keeps the greatest bounty of those that have turned up so far. */
static void
best_created(const struct sandbox *self, int64_t *best)
{
    for (uint32_t i = 0; i < self->turn.note_count; i++)
        if (self->turn.notes[i].kind == NOTE_project_created && self->turn.notes[i].amount > *best)
            *best = self->turn.notes[i].amount;
}

static void
look(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    uint32_t agent = batch_u32(seen, OBSERVE_agent, row), begin = batch_u32(seen, OBSERVE_parts, row);
    uint32_t end = batch_u32(seen, OBSERVE_parts, row + 1);

    (void)rng, (void)out;
    if (agent != PLANNER && agent != RIVAL && agent != LATE_PLANNER) {
        assert_int_equal(begin, end);
        return;
    }
    assert_int_equal(end - begin, driver->step < 3 ? driver->step : 3); /* `visible`; one turns up each step */
    best_created(driver->self, driver->context);
    assert_int_equal(batch_i64(seen, OBSERVE_part_bounty, begin), *(int64_t *)driver->context);
    for (uint32_t i = begin; i < end; i++) {
        assert_int_equal(batch_u8(seen, OBSERVE_part_is_project, i), 1);
        assert_true(i == begin ||
                    batch_i64(seen, OBSERVE_part_bounty, i) <= batch_i64(seen, OBSERVE_part_bounty, i - 1));
    }
    for (uint32_t i = batch_u32(seen, OBSERVE_candidates, row); i < batch_u32(seen, OBSERVE_candidates, row + 1); i++)
        assert_int_equal(batch_u8(seen, OBSERVE_candidate_capabilities, i),
                         batch_u32(seen, OBSERVE_candidate, i) == VERIFIER ? 0 : 255);
}

static void
shown(void **state)
{
    int64_t best = 0;
    struct driver driver = {.seed = 8, .act = look, .chunk = 2, .context = &best};

    (void)state;
    driver_begin(&driver, TEAM "simulation: {epochs: 9, steps_per_epoch: 12}\nsandbox: {candidates: 32,"
                 " tasks: {rate: 0}, projects: {enabled: true, rate: 0.142858, capacity: 20, visible: 3,"
                 " capability: 1}}\n");
    for (uint32_t i = 0; i < 9; i++)
        driver_step(&driver);
    driver_end(&driver);
}

/* Work that needs what one cannot do is worse: the same seed, the same decisions, with and without the factor. */
static double
quality_with(const char *mismatch, double *match)
{
    struct script script = {0};
    struct driver driver = {.seed = 21, .act = act, .context = &script};
    char text[1000];
    double quality;

    snprintf(text, sizeof text, TEAM "simulation: {epochs: 99, steps_per_epoch: 12}\n"
             "sandbox: {candidates: 32, skill_low: 1, projects: {enabled: true, rate: 1, capacity: 1, parts_low: 3,"
             " parts_high: 3, bounty_low: 10, bounty_high: 10, capability: 0, mismatch: %s},"
             " tasks: {work_steps: 1, rate: 0}}\n", mismatch);
    driver_begin(&driver, text);
    for (uint32_t i = 0; i < 240; i++) /* 40 projects of 6 steps */
        driver_step(&driver);
    quality = driver_figure(&driver, true, "project_quality").value;
    *match = driver_figure(&driver, true, "capability_match").value;
    assert_int_equal((int)driver_figure(&driver, true, "projects_completed").value, 40);
    driver_end(&driver);
    return quality;
}

static void
mismatch(void **state)
{
    double match, again, full, none;

    (void)state;
    full = quality_with("1", &match);
    none = quality_with("0", &again);
    assert_true(match == again && match > 0.0 && match < 0.5); /* one of eight, drawn for each */
    /* Good work by skill 1: 0.95 less 0.1 x difficulty at full effort, 0.05 or so at none. */
    assert_true(full > 0.8);
    assert_true(none < full - 0.6 * (1.0 - match) && none > 0.0);
}

/* ---- wild ones ---- */

/* Anything: what is shown, numbers near it, any number. */
static uint32_t
wild_number(struct rng *rng, uint32_t shown)
{
    switch (rng_below(rng, 4)) {
    case 0:
        return rng_below(rng, 40);
    case 1:
        return rng_u32(rng);
    default:
        return shown;
    }
}

static void
act_wildly(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    uint32_t task = batch_u32(seen, OBSERVE_task, row), begin = batch_u32(seen, OBSERVE_parts, row);
    uint32_t lines = batch_u32(seen, OBSERVE_parts, row + 1) - begin;
    uint32_t line = begin + rng_below(rng, lines + (lines == 0));

    (void)driver;
    out->value = rng_chance(rng, 0.7) ? 1 : rng_integer(rng, -1, 1);
    out->work = rng_real(rng);
    if (lines > 0 && rng_chance(rng, 0.9)) {
        out->verb = batch_u8(seen, OBSERVE_part_is_project, line) ? VERB_DECOMPOSE : VERB_ASSIGN;
        out->target = wild_number(rng, batch_u32(seen, OBSERVE_part, line));
        out->whom = wild_number(rng, 4 + rng_below(rng, 5));
    } else if (task != SANDBOX_NOBODY && rng_chance(rng, 0.7)) {
        out->verb = VERB_SUBMIT_WORK;
        out->target = task;
    } else if (seen->count[ACT_TASK] > 0) {
        line = rng_below(rng, seen->count[ACT_TASK]);
        out->verb = batch_u8(seen, OBSERVE_task_status, line) == TASK_OPEN ? VERB_CLAIM_TASK : VERB_VERIFY;
        out->target = wild_number(rng, batch_u32(seen, OBSERVE_task_id, line));
    } else {
        out->verb = rng_below(rng, VERB_COUNT);
        out->target = rng_u32(rng);
        out->whom = rng_u32(rng);
    }
}

/* Freezes and sets free now and then. */
static void
judge_wildly(struct driver *driver, const struct batch *docket, struct batch_writer *w, struct rng *rng)
{
    for (uint32_t i = 0; i < docket->count[DOCKET_ACTION]; i++)
        if (rng_chance(rng, 0.1)) {
            ((uint8_t *)batch_column(w, VERDICT_action_allow))[i] = 0;
            ((uint8_t *)batch_column(w, VERDICT_action_reason))[i] = REFUSAL_LEVER;
        }
    if (!rng_chance(rng, 0.2))
        return;
    ((uint32_t *)batch_column(w, VERDICT_effect_agent))[0] = rng_below(rng, 12);
    ((uint8_t *)batch_column(w, VERDICT_effect_kind))[0] = EFFECT_FREEZE;
    ((int64_t *)batch_column(w, VERDICT_effect_amount))[0] = (int64_t)(driver->step / 6) + rng_below(rng, 3);
}

static const struct wild_row {
    const char *name, *turns, *projects, *tasks;
    bool levers;
} wild_rows[] = {
    {"all at once", "simultaneous", "", "", false},
    {"one after the other", "sequential", "", "", false},
    {"governed", "simultaneous", "", "", true},
    {"one after the other, governed", "sequential", ", deadline_epochs: 1", "", true},
    {"a small pool", "simultaneous", ", capacity: 3, max_failures: 0", ", capacity: 4, max_steps: 2", true},
    {"no money in it", "simultaneous", ", bounty_low: 0, bounty_high: 0.000001, planner_share: 1", "", false},
};

static void
wild_begin(struct driver *driver, const struct wild_row *row)
{
    char text[2000];

    snprintf(text, sizeof text,
             "agents: [{type: honest, count: 4, role: planner}, {type: honest, count: 5, role: worker},"
             " {type: honest, count: 2, role: verifier, initial_resources: 1}, {type: honest, count: 1}]\n"
             "simulation: {epochs: 9, steps_per_epoch: 6, turns: %s}\n"
             "sandbox: {projects: {enabled: true, rate: 0.1, parts_low: 1, parts_high: 8%s}, tasks: {rate: 0.1%s}}\n%s",
             row->turns, row->projects, row->tasks, row->levers ? "governance: {first: {}}\n" : "");
    driver_begin(driver, text);
}

/* A run that is saved in the middle and goes on in another place ends like one that is not; driver_step() checks the
 * invariants of every step. Returns how many parts were approved. */
static double
wild_run(const struct wild_row *row, uint64_t seed)
{
    struct driver one = {.seed = seed, .act = act_wildly, .judge = judge_wildly, .effects = 1, .chunk = 3};
    struct driver two = one;
    uint64_t middle = 1 + seed % 20;
    double done;

    wild_begin(&one, row);
    wild_begin(&two, row);
    while (one.step < middle)
        driver_step(&one);
    driver_copy(&one, &two);
    for (; one.step < middle + 12;) {
        driver_step(&one);
        driver_step(&two);
    }
    driver_same(&one, &two);
    done = driver_figure(&one, true, "parts_done").value;
    driver_end(&one);
    driver_end(&two);
    return done;
}

static void
wild(void **state)
{
    double done = 0.0;

    for (uint64_t seed = 1; seed <= 40; seed++)
        done += wild_run(*state, seed);
    assert_true(done > 20.0); /* it is not only refusals */
}

/* ---- snapshots from elsewhere ---- */

/* The block of that many bytes in a snapshot: behind 16 bytes each has its size before it. */
static uint8_t *
find_block(const struct buffer *saved, size_t size)
{
    size_t at = 16;

    while (bytes_get_u64(saved->data + at) != size) {
        at += 8 + bytes_get_u64(saved->data + at);
        assert_true(at + 8 + size <= saved->size);
    }
    return saved->data + at + 8;
}

/* Bits of the projects' block changed one by one: refused, or taken, and then it goes on without harm. */
static void
broken_snapshots(void **state)
{
    struct driver one = {.seed = 3, .act = act_wildly, .chunk = 3}, two = one;
    size_t size = 32 * (4 * 8 + 6 * 4 + 16 * 4 + 64 + 16 + 8); /* `capacity` projects */
    uint32_t refused = 0, taken = 0;
    struct buffer saved = {0};
    struct why why = {0};
    uint8_t *block;

    (void)state;
    wild_begin(&one, &wild_rows[0]);
    wild_begin(&two, &wild_rows[0]);
    while (one.step < 9)
        driver_step(&one);
    domain_sandbox.save(one.self, &saved);
    block = find_block(&saved, size);
    for (size_t at = 0; at < size; at += 3) {
        block[at] ^= (uint8_t)(1u << at % 8);
        two.step = 9;
        if (domain_sandbox.load(two.self, saved.data, saved.size, &why) != 0) {
            refused++;
        } else {
            taken++;
            driver_step(&two);
            driver_step(&two);
        }
        block[at] ^= (uint8_t)(1u << at % 8);
    }
    assert_true(refused > taken && taken > 10);
    buffer_fini(&saved);
    driver_end(&one);
    driver_end(&two);
}

static const struct test_case cases[] = {
    {"two planners want the same", two_planners},
    {"the pool is full", pool_full},
    {"what planners see", shown},
    {"a mismatch costs quality", mismatch},
    {"broken snapshots", broken_snapshots},
};

int
main(void)
{
    int failed = TEST_ROWS("projects_course", course_rows, course);

    failed += TEST_ROWS("projects_clash", clash_rows, clash);
    failed += TEST_ROWS("projects_nonsense", nonsense_rows, nonsense);
    failed += TEST_ROWS("projects_wild", wild_rows, wild);
    failed += TEST_CASES("projects", cases);
    return failed;
}
