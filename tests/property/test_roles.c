/* tests/property/test_roles.c - the shipped scenarios about roles: everybody does what its role asks for and nothing
 * else, and what an office is worth is seen by taking it away, seed by seed. */
#include "tests/property/motif.h"

#include "proto/sandbox_roles.h"
#include "world/sandbox/state.h"

#define SEEDS 8u

/* ---- each role's own verbs ---- */

static const struct role_row {
    const char *name;
    enum sandbox_role role;
    enum sandbox_verb verb;
    uint32_t least; /* in the run */
} role_rows[] = {
    {"planners take projects on", SANDBOX_PLANNER, VERB_DECOMPOSE, 5},
    {"planners assign parts", SANDBOX_PLANNER, VERB_ASSIGN, 20},
    {"workers claim", SANDBOX_WORKER, VERB_CLAIM_TASK, 5},
    {"workers hand in", SANDBOX_WORKER, VERB_SUBMIT_WORK, 20},
    {"workers bid", SANDBOX_WORKER, VERB_BID, 5},
    {"verifiers judge", SANDBOX_VERIFIER, VERB_VERIFY, 20},
    {"posters post", SANDBOX_POSTER, VERB_POST, 20},
    {"posters answer", SANDBOX_POSTER, VERB_REPLY, 5},
    {"posters pay for work", SANDBOX_POSTER, VERB_POST_BOUNTY, 5},
    {"posters award", SANDBOX_POSTER, VERB_ACCEPT_BID, 1},
    {"moderators moderate", SANDBOX_MODERATOR, VERB_MODERATE, 5},
};

/* Of the run: what was done, by role and verb, and whether anything was refused because of the role. */
static struct {
    bool played;
    uint32_t done[SANDBOX_ROLES][VERB_COUNT], reworked;
} seen;

static void
look(const struct sandbox *self)
{
    for (uint32_t i = 0; i < self->turn.action_count; i++) {
        const struct action *action = &self->turn.actions[i];
        uint32_t role = self->agents.role[action->actor];

        assert_true(sandbox_role_allows(role, action->verb)); /* policies know what they may do */
        seen.done[role][action->verb] += action->refused == REFUSAL_NONE;
        if (action->verb != VERB_SUBMIT_WORK || action->refused != REFUSAL_NONE)
            continue;
        seen.reworked += tasks_find(self->tasks, action->target)->submissions > 1;
    }
}

static void
play_roles(void)
{
    struct motif_players players;

    if (seen.played)
        return;
    motif_begin(&players, "roles", NULL, 42);
    while (players.step < players.scenario.plan.steps) {
        motif_step(&players);
        look(players.self);
    }
    motif_end(&players);
    seen.played = true;
}

static void
role(void **state)
{
    const struct role_row *row = *state;

    play_roles();
    if (seen.done[row->role][row->verb] < row->least)
        fail_msg("%s: %u times only", sandbox_verb_name(row->verb), seen.done[row->role][row->verb]);
    assert_true(seen.reworked > 0);
}

/* ---- what difference it makes: two versions of a scenario on the same seeds ---- */

static const struct pair_row {
    const char *name, *scenario, *with, *without; /* overrides; NULL: none */
    const char *figure;
    double least; /* of the mean difference, `without` less `with` */
} pair_rows[] = {
    {"moderators keep the flood out of sight", "moderation", NULL, "sandbox.moderation.budget=0", "harmful_shown",
     0.15},
    {"the office in bad hands lets it through", "moderation", NULL, "agents.2.type=deceptive", "harmful_shown", 0.2},
    {"and costs those who mean it", "moderation", NULL, "agents.2.type=deceptive", "suppression_cost", 0.2},
    {"who means harm hides what is sincere", "moderation", "agents.2.type=deceptive", NULL, "moderation_precision",
     0.3},
    {"without warnings more are frozen", "moderation", NULL, "sandbox.moderation.warnings=0", "moderator_freezes", 1},
    {"a planner that plans badly matches less", "projects", "agents.0.type=adversarial", NULL, "capability_match", 0.3},
    {"and projects turn out worse", "projects", "sandbox.projects.mismatch=0", "sandbox.projects.mismatch=1",
     "project_quality", 0.02},
};

static double
figure_of(const struct pair_row *row, const char *override, uint64_t seed)
{
    struct motif motif = motif_play(row->scenario, (const char *const[]){override, NULL}, seed);
    double value = motif_get(&motif.run, row->figure);

    motif_fini(&motif);
    return value;
}

/* The mean difference is at least so much, and at most one seed in eight says the opposite. */
static void
pair(void **state)
{
    const struct pair_row *row = *state;
    uint32_t against = 0;
    double sum = 0.0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        double difference = figure_of(row, row->without, seed) - figure_of(row, row->with, seed);

        sum += difference;
        against += difference <= 0.0;
    }
    if (sum / SEEDS < row->least || against > SEEDS / 8)
        fail_msg("%s: %.3f on average, %u seeds against it", row->figure, sum / SEEDS, against);
}

int
main(void)
{
    int failed = TEST_ROWS("roles", role_rows, role);

    failed += TEST_ROWS("roles_pair", pair_rows, pair);
    return failed;
}
