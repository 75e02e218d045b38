/* tests/unit/world/test_sandbox_moderation.c - moderators with scripted acts: what is refused, what is hidden, what a
 * budget is worth, and figures against what authors meant. */
#include "tests/unit/world/sandbox_driver.h"

#include "world/sandbox/state.h"

enum { MODERATOR, SECOND, HARMFUL, SINCERE, AGENTS };
#define TEAM "agents: [{type: honest, count: 2, role: moderator}, {type: honest, count: 2, role: poster}]\n"

/* In step 1 everybody but the second moderator posts, in id order, so these are the posts' ids; in step 2 SINCERE
 * answers its own. */
enum { POST_OWN, POST_HARMFUL, POST_SINCERE, POST_REPLY };

static void
begin_team(struct driver *driver, const char *moderation)
{
    char text[1000];

    snprintf(text, sizeof text, TEAM "simulation: {epochs: 9, steps_per_epoch: 6}\n"
             "sandbox: {tasks: {rate: 0}, moderation: {enabled: true, %s}}\n", moderation);
    driver_begin(driver, text);
}

static void
say(uint64_t step, uint32_t agent, struct wish *out)
{
    if (step == 1 && agent != SECOND) {
        out->verb = VERB_POST;
        out->work = agent == HARMFUL ? 0.2 : 0.9;
    } else if (step == 2 && agent == SINCERE) {
        out->verb = VERB_REPLY;
        out->target = POST_SINCERE;
    }
}

static uint32_t
refusal_of(const struct sandbox *self, uint32_t actor)
{
    for (uint32_t i = 0; i < self->turn.action_count; i++)
        if (self->turn.actions[i].actor == actor)
            return self->turn.actions[i].refused;
    fail_msg("agent %u has not tried anything", actor);
    return 0;
}

static double
figure(const struct driver *driver, const char *name)
{
    struct driver_figure found = driver_figure(driver, true, name);

    assert_true(found.known);
    return found.value;
}

/* ---- single acts ---- */

struct act {
    uint32_t actor, target;
    int32_t value;
};

/* Two acts in step 3, or in steps 3 and 4. */
static const struct act_row {
    const char *name, *moderation;
    struct act first, second;
    bool together;
    uint32_t want, want_second;
    uint32_t hidden; /* posts, at the end */
    uint32_t frozen_until; /* of HARMFUL */
} act_rows[] = {
    {"hides", "budget: 5", .first = {MODERATOR, POST_HARMFUL, 0}, .hidden = 1},
    {"hides what is sincere, too", "budget: 5", .first = {MODERATOR, POST_SINCERE, 0}, .hidden = 1},
    {"hides a reply", "budget: 5", .first = {MODERATOR, POST_REPLY, 0}, .hidden = 1},
    {"not its own", "budget: 5", .first = {MODERATOR, POST_OWN, 0}, .want = REFUSAL_TARGET},
    {"but that of the other moderator", "budget: 5", .first = {SECOND, POST_OWN, 0}, .hidden = 1},
    {"not what is hidden", "budget: 5", .first = {MODERATOR, POST_HARMFUL, 0}, .second = {SECOND, POST_HARMFUL, 0},
     .want_second = REFUSAL_TARGET, .hidden = 1},
    {"nor what another hides in the same step", "budget: 5", .first = {MODERATOR, POST_HARMFUL, 0},
     .second = {SECOND, POST_HARMFUL, 0}, .together = true, .want_second = REFUSAL_TARGET, .hidden = 1},
    {"not what was never said", "budget: 5", .first = {MODERATOR, 4, 0}, .want = REFUSAL_TARGET},
    {"nor the greatest number", "budget: 5", .first = {MODERATOR, UINT32_MAX, 0}, .want = REFUSAL_TARGET},
    {"hide or freeze, nothing else", "budget: 5", .first = {MODERATOR, POST_HARMFUL, -1}, .want = REFUSAL_TARGET},
    {"only moderators", "budget: 5", .first = {SINCERE, POST_HARMFUL, 0}, .want = REFUSAL_ROLE},
    {"nothing without a budget", "budget: 0", .first = {MODERATOR, POST_HARMFUL, 0}, .want = REFUSAL_RATE},
    {"no more than the budget", "budget: 1", .first = {MODERATOR, POST_HARMFUL, 0},
     .second = {MODERATOR, POST_SINCERE, 0}, .want_second = REFUSAL_RATE, .hidden = 1},
    {"but each has one", "budget: 1", .first = {MODERATOR, POST_HARMFUL, 0}, .second = {SECOND, POST_SINCERE, 0},
     .hidden = 2},
    {"what was refused takes nothing from it", "budget: 1", .first = {MODERATOR, POST_OWN, 0},
     .second = {MODERATOR, POST_HARMFUL, 0}, .want = REFUSAL_TARGET, .hidden = 1},
    {"no freeze without a warning", "budget: 5, warnings: 1", .first = {MODERATOR, POST_HARMFUL, 1},
     .want = REFUSAL_TARGET},
    {"a warning, but nothing left on show", "budget: 5, warnings: 1", .first = {MODERATOR, POST_HARMFUL, 0},
     .second = {MODERATOR, POST_HARMFUL, 1}, .want_second = REFUSAL_TARGET, .hidden = 1},
    /* Epoch 0; frozen for the rest of it and the one after it. */
    {"a freeze", "budget: 5, warnings: 0", .first = {MODERATOR, POST_HARMFUL, 1}, .frozen_until = 2},
    {"a long one", "budget: 5, warnings: 0, freeze_epochs: 7", .first = {MODERATOR, POST_HARMFUL, 1},
     .frozen_until = 8},
    {"not twice", "budget: 5, warnings: 0", .first = {MODERATOR, POST_HARMFUL, 1}, .second = {SECOND, POST_HARMFUL, 1},
     .want_second = REFUSAL_FROZEN, .frozen_until = 2},
    {"nor twice in one step", "budget: 5, warnings: 0", .first = {MODERATOR, POST_HARMFUL, 1},
     .second = {SECOND, POST_HARMFUL, 1}, .together = true, .want_second = REFUSAL_FROZEN, .frozen_until = 2},
    {"frozen, then hidden", "budget: 5, warnings: 0", .first = {MODERATOR, POST_HARMFUL, 1},
     .second = {SECOND, POST_HARMFUL, 0}, .frozen_until = 2, .hidden = 1},
};

static void
act_once(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    const struct act_row *want = driver->context;
    const struct act *acts[2] = {&want->first, &want->second};
    uint32_t agent = batch_u32(seen, OBSERVE_agent, row);

    (void)rng;
    say(driver->step, agent, out);
    for (uint32_t i = 0; i < 2; i++) {
        bool is_there = i == 0 || want->second.actor != 0 || want->second.target != 0;

        if (!is_there || agent != acts[i]->actor || driver->step != 3 + (want->together ? 0 : i))
            continue;
        out->verb = VERB_MODERATE;
        out->target = acts[i]->target;
        out->value = acts[i]->value;
    }
}

static void
single_act(void **state)
{
    const struct act_row *want = *state;
    struct driver driver = {.seed = 4, .act = act_once, .context = (void *)(uintptr_t)want};
    const struct sandbox *self;

    begin_team(&driver, want->moderation);
    self = driver.self;
    for (uint32_t i = 0; i < 3; i++)
        driver_step(&driver);
    assert_int_equal(refusal_of(self, want->first.actor), want->want);
    if (!want->together)
        driver_step(&driver);
    if (want->second.actor != 0 || want->second.target != 0)
        assert_int_equal(refusal_of(self, want->second.actor), want->want_second);
    assert_int_equal(feed_stats(self->feed).hidden, want->hidden);
    assert_int_equal(self->agents.frozen_until[HARMFUL], want->frozen_until);
    assert_int_equal(is_frozen(self, HARMFUL), want->frozen_until > 0);
    assert_true(figure(&driver, "moderator_freezes") == (want->frozen_until > 0));
    assert_true(figure(&driver, "posts_hidden") + figure(&driver, "replies_hidden") == want->hidden);
    driver_end(&driver);
}

/* ---- a budget ---- */

/* HARMFUL posts in every step; the moderator hides it in the next. */
static void
act_daily(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    uint32_t agent = batch_u32(seen, OBSERVE_agent, row), left = batch_u16(seen, OBSERVE_moderation_left, row);
    uint64_t in_epoch = (driver->step - 1) % 6;

    (void)rng;
    if (agent == HARMFUL)
        out->verb = VERB_POST;
    if (agent != MODERATOR) {
        assert_int_equal(left, agent == SECOND ? 3 : 0);
        return;
    }
    if (driver->step > 1) { /* in the first epoch it begins a step later */
        uint64_t used = driver->step <= 6 ? in_epoch - 1 : in_epoch;

        assert_int_equal(left, used < 3 ? 3 - used : 0);
        out->verb = VERB_MODERATE;
        out->target = (uint32_t)driver->step - 2;
    }
}

static void
budget(void **state)
{
    struct driver driver = {.seed = 4, .act = act_daily};
    const struct sandbox *self;
    struct note hidden = {0};

    (void)state;
    begin_team(&driver, "budget: 3");
    self = driver.self;
    for (uint32_t i = 0; i < 12; i++) {
        driver_step(&driver);
        if (i > 0)
            assert_int_equal(refusal_of(self, MODERATOR), (i >= 1 && i <= 3) || (i >= 6 && i <= 8) ? 0 : REFUSAL_RATE);
        for (uint32_t note = 0; note < self->turn.note_count && i == 1; note++)
            if (self->turn.notes[note].kind == NOTE_post_hidden)
                hidden = self->turn.notes[note];
    }
    assert_int_equal(hidden.agent, HARMFUL);
    assert_int_equal(hidden.other, MODERATOR);
    assert_int_equal(hidden.id, 0);
    assert_true(hidden.value == 0.0); /* not sincere */
    assert_true(figure(&driver, "posts_hidden") == 6.0);
    driver_end(&driver);
}

/* ---- what it is worth ---- */

/* One post a step by SINCERE, meant like this; the moderator hides the posts 0, 1 and 3 in the steps 6 to 8. */
static const double meant[] = {1.0, 0.0, 0.5, 0.499999, 0.3};

static void
act_meaning(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    static const uint32_t hides[] = {0, 1, 3};
    uint32_t agent = batch_u32(seen, OBSERVE_agent, row);

    (void)rng;
    if (agent == SINCERE && driver->step <= 5) {
        out->verb = VERB_POST;
        out->work = meant[driver->step - 1];
    } else if (agent == MODERATOR && driver->step >= 6 && driver->step <= 8) {
        out->verb = VERB_MODERATE;
        out->target = hides[driver->step - 6];
    }
}

static void
figures(void **state)
{
    struct driver driver = {.seed = 4, .act = act_meaning};
    double shown = 1 + 2 + 3 + 4 + 5 + 4 + 3 + 2;
    double harmful = 0 + 1 + 1 + 2 + 3 + 3 + 2 + 1;

    (void)state;
    begin_team(&driver, "budget: 5");
    for (uint32_t i = 0; i < 5; i++)
        driver_step(&driver);
    assert_false(driver_figure(&driver, true, "moderation_precision").known);
    for (uint32_t i = 0; i < 3; i++)
        driver_step(&driver);
    assert_true(figure(&driver, "posts_harmful") == 3.0);
    assert_true(figure(&driver, "posts_hidden") == 3.0);
    assert_true(figure(&driver, "hidden_wrongly") == 1.0);
    assert_close(figure(&driver, "moderation_precision"), 2.0 / 3.0, 1e-15);
    assert_close(figure(&driver, "moderation_recall"), 2.0 / 3.0, 1e-15);
    assert_close(figure(&driver, "suppression_cost"), 1.0 / 2.0, 1e-15);
    assert_close(figure(&driver, "harmful_shown"), harmful / shown, 1e-15);
    assert_true(driver_figure(&driver, false, "posts_hidden").value == 2.0); /* an epoch has six steps */
    assert_false(driver_figure(&driver, false, "moderation_recall").known);  /* nothing was posted in this one */
    driver_end(&driver);
}

/* ---- wild ones ---- */

static void
act_wildly(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    uint32_t posts = seen->count[ACT_POST];

    (void)driver, (void)row;
    out->verb = (uint32_t[]){VERB_POST, VERB_REPLY, VERB_VOTE, VERB_MODERATE, VERB_MODERATE}[rng_below(rng, 5)];
    out->target = posts > 0 && rng_chance(rng, 0.8) ? batch_u32(seen, OBSERVE_post, rng_below(rng, posts))
        : rng_chance(rng, 0.5) ? rng_below(rng, 100) : rng_u32(rng);
    out->value = rng_integer(rng, -1, 1);
    out->work = rng_real(rng);
}

static const struct wild_row {
    const char *name, *turns, *others;
} wild_rows[] = {
    {"all at once", "simultaneous", ""},
    {"one after the other", "sequential", ""},
    {"with threads on show", "simultaneous", ", discourse: {enabled: true, threads: true}"},
    {"with rules", "simultaneous", ", norms: {enabled: true}"},
};

static void
wild(void **state)
{
    const struct wild_row *row = *state;
    double hidden = 0.0, freezes = 0.0;
    char text[1000];

    snprintf(text, sizeof text,
             "agents: [{type: honest, count: 4, role: moderator}, {type: honest, count: 6, role: poster}]\n"
             "simulation: {epochs: 9, steps_per_epoch: 5, turns: %s}\n"
             "sandbox: {tasks: {rate: 0}, feed: {feed_capacity: 12},"
             " moderation: {enabled: true, budget: 4, freeze_epochs: 0}%s}\n", row->turns, row->others);
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct driver one = {.seed = seed, .act = act_wildly, .chunk = 3}, two = one;

        driver_begin(&one, text);
        driver_begin(&two, text);
        while (one.step < 3 + seed % 13)
            driver_step(&one);
        driver_copy(&one, &two);
        while (two.step < 30) {
            driver_step(&one);
            driver_step(&two);
        }
        driver_same(&one, &two);
        hidden += figure(&one, "posts_hidden");
        freezes += figure(&one, "moderator_freezes");
        driver_end(&one);
        driver_end(&two);
    }
    assert_true(hidden > 100.0 && freezes > 10.0);
}

static const struct test_case cases[] = {
    {"a budget for each epoch", budget},
    {"figures against what was meant", figures},
};

int
main(void)
{
    int failed = TEST_ROWS("moderation_act", act_rows, single_act);

    failed += TEST_ROWS("moderation_wild", wild_rows, wild);
    failed += TEST_CASES("moderation", cases);
    return failed;
}
