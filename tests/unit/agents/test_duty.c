/* tests/unit/agents/test_duty.c - what a role asks of whoever has it, row by row on small scenes. Where a coin decides,
 * many steps are tried and the share is compared. */
#include "agents/duty.h"
#include "core/buffer.h"
#include "core/streams.h"
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#define LIST 4u
#define TRIES 2000u
#define SELF 1u /* the agent that looks */

struct scene {
    uint8_t role;
    bool no_traits, no_rights;
    uint16_t moderation_left;
    uint32_t rework;
    struct {
        uint32_t agent;
        double reputation;
        uint8_t able, kin;
    } candidates[LIST];
    struct {
        uint32_t id;
        bool is_project;
        int64_t bounty;
        uint8_t capability;
    } parts[LIST];
    struct {
        uint32_t id, author;
        int32_t votes;
        uint32_t replies;
        double reputation;
    } posts[LIST];
    struct {
        uint32_t id;
        uint8_t status, owner;
        double signal;
        uint32_t worker, poster;
    } tasks[LIST];
    uint32_t candidate_count, part_count, post_count, task_count;
};

#define PUT(column, type, i, value) (((type *)batch_column(&w, OBSERVE_##column))[i] = (value))

static void
write_lists(const struct scene *scene, const struct batch_writer *writer)
{
    struct batch_writer w = *writer;

    for (uint32_t i = 0; i < scene->candidate_count; i++) {
        PUT(candidate, uint32_t, i, scene->candidates[i].agent);
        PUT(candidate_reputation, double, i, scene->candidates[i].reputation);
        PUT(candidate_trust, double, i, 0.5);
        PUT(candidate_capabilities, uint8_t, i, scene->candidates[i].able);
        PUT(candidate_kin, uint8_t, i, scene->candidates[i].kin);
    }
    for (uint32_t i = 0; i < scene->part_count && !scene->no_traits; i++) {
        PUT(part, uint32_t, i, scene->parts[i].id);
        PUT(part_is_project, uint8_t, i, scene->parts[i].is_project);
        PUT(part_bounty, int64_t, i, scene->parts[i].bounty);
        PUT(part_capability, uint8_t, i, scene->parts[i].capability);
    }
    for (uint32_t i = 0; i < scene->post_count; i++) {
        PUT(post, uint32_t, i, scene->posts[i].id);
        PUT(post_author, uint32_t, i, scene->posts[i].author);
        PUT(post_votes, int32_t, i, scene->posts[i].votes);
        PUT(post_replies, uint32_t, i, scene->posts[i].replies);
        PUT(post_reputation, double, i, scene->posts[i].reputation);
    }
    for (uint32_t i = 0; i < scene->task_count; i++) {
        PUT(task_id, uint32_t, i, scene->tasks[i].id);
        PUT(task_status, uint8_t, i, scene->tasks[i].status);
        PUT(task_owner, uint8_t, i, scene->tasks[i].owner);
        PUT(task_signal, double, i, scene->tasks[i].signal);
        PUT(task_worker, uint32_t, i, scene->tasks[i].worker);
        PUT(task_poster, uint32_t, i, scene->tasks[i].poster);
    }
}

static void
observe(const struct scene *scene, struct buffer *bytes, struct batch *out)
{
    uint32_t parts = scene->no_traits ? 0 : scene->part_count;
    struct batch_writer w;
    struct why why = {0};

    batch_begin(&w, &schema_sandbox_observe, bytes, 1, 0, (uint32_t[ACT_AXES]){
        [ACT_ROW] = 1, [ACT_CANDIDATE] = scene->candidate_count, [ACT_POST] = scene->post_count,
        [ACT_TASK] = scene->task_count, [ACT_QUOTE] = QUOTE_COUNT, [ACT_TRAIT] = !scene->no_traits,
        [ACT_PART] = parts});
    PUT(agent, uint32_t, 0, SELF);
    PUT(role, uint8_t, 0, scene->role);
    PUT(posts_left, uint16_t, 0, scene->no_rights ? 0 : 10);
    PUT(task, uint32_t, 0, SANDBOX_NOBODY);
    PUT(candidates, uint32_t, 1, scene->candidate_count);
    if (!scene->no_traits) {
        PUT(moderation_left, uint16_t, 0, scene->moderation_left);
        PUT(rework, uint32_t, 0, scene->rework);
        PUT(parts, uint32_t, 1, parts);
    }
    write_lists(scene, &w);
    if (batch_read(&schema_sandbox_observe, bytes->data, bytes->size, out, &why) != 0 || batch_check(out, &why) != 0)
        fail_msg("%s", why.text);
}

/* What is asked of duty.c, with everything that it may be told. */
enum duty { PLAN_WELL, PLAN_BADLY, VERIFY, VERIFY_FLIPPED, POSTING, MODERATE, SILENCE };

static bool
ask(enum duty duty, const struct batch *batch, uint64_t step, double number, struct sandbox_decision *out)
{
    static const char *const texts[] = {"A word", NULL};
    struct sandbox_view view = {.batch = batch, .agent = SELF, .candidate_end = batch->count[ACT_CANDIDATE],
        .rng = rng_make(42, STREAM_DECIDE, SELF, step)};
    struct sandbox_view before = view;
    struct reason reason;
    bool decided = false;

    reason_read(batch, OBSERVE_quote, &reason);
    *out = (struct sandbox_decision){.target = SANDBOX_NOBODY, .whom = SANDBOX_NOBODY, .partner = SANDBOX_NOBODY};
    switch (duty) {
    case PLAN_WELL:
    case PLAN_BADLY:
        decided = duty_plan(&reason, &view, duty == PLAN_WELL ? DUTY_PLAN_WELL : DUTY_PLAN_BADLY, out);
        break;
    case VERIFY:
    case VERIFY_FLIPPED:
        decided = duty_verify(&view, number, duty == VERIFY_FLIPPED, out);
        break;
    case POSTING:
        decided = duty_post(&reason, &view, number, texts, out);
        break;
    case MODERATE:
        decided = duty_moderate(&view, number, out);
        break;
    case SILENCE:
        decided = duty_silence(&view, out);
        break;
    }
    assert_int_equal(decided, out->verb != VERB_PASS);
    if (batch->count[ACT_TRAIT] == 0 && duty != VERIFY && duty != VERIFY_FLIPPED) /* nothing is drawn */
        assert_memory_equal(&view.rng, &before.rng, sizeof view.rng);
    return decided;
}

/* ---- rows with one answer: of 50 steps, each gives it ---- */

#define PLANNER .scene.role = SANDBOX_PLANNER
#define PROJECTS .scene.part_count = 3, .scene.parts = {{10, true, 5, 1}, {11, true, 9, 3}, {12, true, 9, 4}}
#define ONE_PART .scene.part_count = 1, .scene.parts = {{80, false, 5, 4}}
#define MODERATOR .scene.role = SANDBOX_MODERATOR, .scene.moderation_left = 3
#define SUBMITTED(signal) .scene.task_count = 1, \
    .scene.tasks = {{7, TASK_SUBMITTED, OWNER_ENVIRONMENT, signal, 5, SANDBOX_NOBODY}}

static const struct row {
    const char *name;
    enum duty duty;
    double number; /* criterion, sincerity or freeze_below */
    struct scene scene;
    enum sandbox_verb verb;
    uint32_t target, whom;
    int32_t value;
} rows[] = {
    {"takes on the best paid, the first of equals", PLAN_WELL, PLANNER, PROJECTS, .verb = VERB_DECOMPOSE, .target = 11},
    {"so does who means harm", PLAN_BADLY, PLANNER, PROJECTS, .verb = VERB_DECOMPOSE, .target = 11},
    {"nothing to plan", PLAN_WELL, PLANNER},
    {"a worker does not plan", PLAN_WELL, .scene.role = SANDBOX_WORKER, PROJECTS},
    {"nor does anybody without projects", PLAN_WELL, PLANNER, PROJECTS, .scene.no_traits = true},
    {"who can do it comes first", PLAN_WELL, PLANNER, ONE_PART, .scene.candidate_count = 3,
     .scene.candidates = {{3, 1, 3, 0}, {4, -0.9, 5, 0}, {5, 0.9, 8, 0}}, .verb = VERB_ASSIGN, .target = 80, .whom = 4},
    {"then who is believed", PLAN_WELL, PLANNER, ONE_PART, .scene.candidate_count = 3,
     .scene.candidates = {{3, 0.1, 4, 0}, {4, 0.3, 5, 0}, {5, 0.2, 255, 0}}, .verb = VERB_ASSIGN, .target = 80,
     .whom = 4},
    {"the part for which the right one is there", PLAN_WELL, PLANNER, .scene.part_count = 3,
     .scene.parts = {{80, false, 5, 4}, {81, false, 5, 2}, {82, false, 5, 8}}, .scene.candidate_count = 2,
     .scene.candidates = {{3, 0.9, 1, 0}, {4, -0.9, 3, 0}}, .verb = VERB_ASSIGN, .target = 81, .whom = 4},
    {"who can do nothing now is nobody", PLAN_WELL, PLANNER, ONE_PART, .scene.candidate_count = 2,
     .scene.candidates = {{3, 1, 0, 0}, {4, 1, 0, 0}}},
    {"also to who means harm", PLAN_BADLY, PLANNER, ONE_PART, .scene.candidate_count = 3,
     .scene.candidates = {{3, -1, 0, 0}, {4, 0.2, 4, 0}, {5, 0.1, 1, 0}}, .verb = VERB_ASSIGN, .target = 80,
     .whom = 5},
    {"nobody there", PLAN_WELL, PLANNER, ONE_PART},

    {"approves at the criterion", VERIFY, 0.7, .scene.role = SANDBOX_VERIFIER, SUBMITTED(0.7), .verb = VERB_VERIFY,
     .target = 7, .value = 1},
    {"rejects below it", VERIFY, 0.7, .scene.role = SANDBOX_VERIFIER, SUBMITTED(0.699), .verb = VERB_VERIFY,
     .target = 7, .value = 0},
    {"a criterion of nothing approves all", VERIFY, 0, .scene.role = SANDBOX_VERIFIER, SUBMITTED(0),
     .verb = VERB_VERIFY, .target = 7, .value = 1},
    {"flipped", VERIFY_FLIPPED, 0.7, .scene.role = SANDBOX_VERIFIER, SUBMITTED(0.7), .verb = VERB_VERIFY, .target = 7,
     .value = 0},
    {"also without projects", VERIFY, 0.7, .scene.role = SANDBOX_VERIFIER, SUBMITTED(0.9), .scene.no_traits = true,
     .verb = VERB_VERIFY, .target = 7, .value = 1},
    {"a worker does not judge", VERIFY, 0.7, .scene.role = SANDBOX_WORKER, SUBMITTED(0.9)},
    {"a planner judges its own project's parts", VERIFY, 0.7, PLANNER, .scene.task_count = 2,
     .scene.tasks = {{7, TASK_SUBMITTED, OWNER_PROJECT, 0.9, 5, 6}, {8, TASK_SUBMITTED, OWNER_PROJECT, 0.9, 5, SELF}},
     .verb = VERB_VERIFY, .target = 8, .value = 1},

    {"hides the post of the worst name", MODERATE, -0.5, MODERATOR, .scene.post_count = 3,
     .scene.posts = {{20, 5, 9, 0, -0.1}, {21, 6, 9, 0, -0.2}, {22, 7, -9, 0, 0.1}}, .verb = VERB_MODERATE,
     .target = 21},
    {"of equals the one with fewer votes", MODERATE, -0.5, MODERATOR, .scene.post_count = 3,
     .scene.posts = {{20, 5, 1, 0, -0.2}, {21, 5, -1, 0, -0.2}, {22, 5, 0, 0, -0.2}}, .verb = VERB_MODERATE,
     .target = 21},
    {"never its own", MODERATE, -1, MODERATOR, .scene.post_count = 1, .scene.posts = {{20, SELF, -3, 0, -0.2}}},
    {"nothing by good names", MODERATE, -0.5, MODERATOR, .scene.post_count = 1, .scene.posts = {{20, 5, -9, 0, 0}}},
    {"nothing without a budget", MODERATE, -0.5, .scene.role = SANDBOX_MODERATOR, .scene.post_count = 1,
     .scene.posts = {{20, 5, -9, 0, -0.9}}},
    {"a worker does not moderate", MODERATE, -0.5, .scene.role = SANDBOX_WORKER, .scene.moderation_left = 3,
     .scene.post_count = 1, .scene.posts = {{20, 5, -9, 0, -0.9}}},
    {"nor does anybody without moderation", MODERATE, -0.5, MODERATOR, .scene.no_traits = true, .scene.post_count = 1,
     .scene.posts = {{20, 5, -9, 0, -0.9}}},
    {"nothing to silence", SILENCE, 0, MODERATOR, .scene.post_count = 1, .scene.posts = {{20, 5, 9, 0, -0.1}}},
    {"its own kind is spared", SILENCE, 0, MODERATOR, .scene.post_count = 1, .scene.posts = {{20, 5, 9, 0, 0.5}},
     .scene.candidate_count = 1, .scene.candidates = {{5, 0.5, 0, 1}}},

    {"only posters have to post", POSTING, 1, .scene.role = SANDBOX_WORKER},
    {"no rights left", POSTING, 1, .scene.role = SANDBOX_POSTER, .scene.no_rights = true},
    {"an old poster does what it always did", POSTING, 1, .scene.role = SANDBOX_POSTER, .scene.no_traits = true},
};

static void
decides(void **state)
{
    const struct row *row = *state;
    struct buffer bytes = {0};
    struct batch batch;

    observe(&row->scene, &bytes, &batch);
    for (uint64_t step = 1; step <= 50; step++) {
        struct sandbox_decision out;

        ask(row->duty, &batch, step, row->number, &out);
        assert_int_equal(out.verb, row->verb);
        if (row->verb == VERB_PASS)
            continue;
        assert_int_equal(out.target, row->target);
        assert_int_equal(out.value, row->value);
        if (row->verb == VERB_ASSIGN)
            assert_int_equal(out.whom, row->whom);
    }
    buffer_fini(&bytes);
}

/* ---- rows with a coin ---- */

static const struct coin_row {
    const char *name;
    enum duty duty;
    double number;
    struct scene scene;
    uint32_t target, other;           /* of the first outcome, of the second */
    double first, second;             /* how often: what is left is nothing */
    enum sandbox_verb verb;           /* of the first */
    int32_t value, second_value;
} coin_rows[] = {
    {"any waiting part", PLAN_WELL, PLANNER, .scene.part_count = 2,
     .scene.parts = {{80, false, 5, 4}, {81, false, 5, 2}},
     .scene.candidate_count = 1, .scene.candidates = {{3, 0, 255, 0}}, .verb = VERB_ASSIGN, .target = 80, .other = 81,
     .first = 0.5, .second = 0.5},
    {"who cannot do it is better than nobody, in the end", PLAN_WELL, PLANNER, ONE_PART, .scene.candidate_count = 2,
     .scene.candidates = {{3, 0, 1, 0}, {4, 0.5, 2, 0}}, .verb = VERB_ASSIGN, .target = 80, .other = 80,
     .first = 0.25},
    {"who means harm picks any part for the wrong one", PLAN_BADLY, PLANNER, .scene.part_count = 2,
     .scene.parts = {{80, false, 5, 4}, {81, false, 5, 2}}, .scene.candidate_count = 2,
     .scene.candidates = {{3, 0, 255, 0}, {4, 0, 1, 0}}, .verb = VERB_ASSIGN, .target = 80, .other = 81, .first = 0.5,
     .second = 0.5},
    /* 0.5, and of the other half a half. */
    {"answers where there is life, else posts", POSTING, 1, .scene.role = SANDBOX_POSTER, .scene.post_count = 3,
     .scene.posts = {{20, 5, 1, 1, 0}, {21, 6, 1, 2, 0}, {22, SELF, 9, 9, 0}}, .verb = VERB_REPLY, .target = 21,
     .other = SANDBOX_NOBODY, .first = 0.5, .second = 0.25},
    /* 0.25, and a half of three quarters. */
    {"answers less where there is none", POSTING, 1, .scene.role = SANDBOX_POSTER, .scene.post_count = 2,
     .scene.posts = {{20, 5, 1, 1, 0}, {21, 6, 2, 0, 0}}, .verb = VERB_REPLY, .target = 20, .other = SANDBOX_NOBODY,
     .first = 0.25, .second = 0.375},
    {"nobody else has said anything", POSTING, 1, .scene.role = SANDBOX_POSTER, .verb = VERB_POST,
     .target = SANDBOX_NOBODY, .other = SANDBOX_NOBODY, .first = 0.5},
    {"freezes a very bad name every other time", MODERATE, -0.5, MODERATOR, .scene.post_count = 1,
     .scene.posts = {{20, 5, 9, 0, -0.6}}, .verb = VERB_MODERATE, .target = 20, .other = 20, .first = 0.5,
     .second = 0.5, .value = 1},
    {"silences the best name", SILENCE, 0, MODERATOR, .scene.post_count = 3,
     .scene.posts = {{20, 5, 9, 0, 0.5}, {21, 6, 0, 0, 0.6}, {22, SELF, 0, 0, 0.9}}, .verb = VERB_MODERATE,
     .target = 21, .other = 21, .first = 0.5, .second = 0.5, .value = 1},
};

static void
tosses(void **state)
{
    const struct coin_row *row = *state;
    double first = 0.0, second = 0.0;
    struct buffer bytes = {0};
    struct batch batch;

    observe(&row->scene, &bytes, &batch);
    for (uint64_t step = 1; step <= TRIES; step++) {
        struct sandbox_decision out;

        if (!ask(row->duty, &batch, step, row->number, &out))
            continue;
        if (row->duty == POSTING)
            assert_true(out.work == 1.0 && out.text_size > 0);
        if (out.verb == row->verb && out.target == row->target && out.value == row->value) {
            first++;
        } else {
            assert_int_equal(out.target, row->other);
            second++;
        }
    }
    /* Five deviations of a share over so many tries. */
    assert_true(fabs(first / TRIES - row->first) < 5.0 * 0.5 / sqrt(TRIES));
    assert_true(fabs(second / TRIES - row->second) < 5.0 * 0.5 / sqrt(TRIES));
    buffer_fini(&bytes);
}

/* ---- rework ---- */

static const struct steps_row {
    const char *name;
    uint32_t rework;
    bool no_traits;
    uint32_t want; /* of 3 */
} steps_rows[] = {
    {"the first time", 0, false, 3},
    {"sent back once", 1, false, 6},
    {"three times", 3, false, 12},
    {"no longer than that", UINT32_MAX, false, 12},
    {"where it is not told", 2, true, 3},
};

static void
steps(void **state)
{
    const struct steps_row *row = *state;
    struct scene scene = {.role = SANDBOX_WORKER, .rework = row->rework, .no_traits = row->no_traits};
    struct buffer bytes = {0};
    struct batch batch;

    observe(&scene, &bytes, &batch);
    assert_int_equal(duty_steps(&(struct sandbox_view){.batch = &batch, .agent = SELF}, 3), row->want);
    buffer_fini(&bytes);
}

int
main(void)
{
    int failed = TEST_ROWS("duty", rows, decides);

    failed += TEST_ROWS("duty_coin", coin_rows, tosses);
    failed += TEST_ROWS("duty_steps", steps_rows, steps);
    return failed;
}
