/* tests/unit/agents/test_talk.c - what policies say in a scene made by hand, with probabilities of 0 and 1; how often
 * they say what; and what a compromised agent does. */
#include "agents/talk.h"
#include "tests/unit/agents/view_case.h"

#define NONE SANDBOX_NOBODY
#define QUIET "post: 0, vote: 0, interact: 0, "
#define QUIET_HONEST QUIET "reply: 0, "
#define QUIET_ADVERSARIAL "flood: 0, downvote: 0, bait: 0, block: 0, attack: 0, "
#define HURT .candidates = {{.agent = 9, .trust = 0.4, .past = 1}}, .candidate_count = 1
#define AT_PEACE .candidates = {{.agent = 9, .trust = 0.5, .past = 3}, {.agent = 8, .trust = 0.1}}, .candidate_count = 2
/* FNV-1a of "a.b=1", reckoned by hand from the offset 2166136261 and the prime 16777619. */
#define HASH_AB1 UINT32_C(0x9ba2d056)

static const struct row {
    const char *name, *policy, *params;
    bool traitless;
    struct case_agent agent; /* number 5, a worker */
    struct case_post posts[CASE_LIST];
    struct case_mark marks[CASE_LIST];
    uint32_t post_count;
    enum sandbox_verb verb;
    uint32_t target, topic; /* of a post: target NOBODY */
    enum sandbox_post kind;
    int32_t stance, value;
    const char *text; /* NULL: whatever */
} rows[] = {
    {"without parameters it says nothing", "honest", QUIET_HONEST, .agent = {HURT}},
    {"nor where posts are about nothing", "honest", QUIET_HONEST "story: 1, meme: 1, meta: 1", .traitless = true,
     .agent = {HURT}},

    {"honest: a rule once it was hurt", "honest", QUIET_HONEST "rule: 1, rules: a.b=1", .agent = {HURT},
     .verb = VERB_POST, .target = NONE, .kind = POST_RULE, .topic = HASH_AB1, .stance = 1, .text = "RULE a.b=1"},
    {"honest: none when nobody did it harm", "honest", QUIET_HONEST "rule: 1, rules: a.b=1", .agent = {AT_PEACE}},
    {"honest: none when it knows none", "honest", QUIET_HONEST "rule: 1", .agent = {HURT}},
    {"honest: none that is on the table", "honest", QUIET_HONEST "rule: 1, rules: a.b=1, rule_vote: 0",
     .agent = {HURT}, .posts = {{.id = 3, .author = 7}}, .marks = {{.kind = POST_RULE, .topic = HASH_AB1 + 1}},
     .post_count = 1},
    {"honest: a story with that number is no rule", "honest", QUIET_HONEST "rule: 1, rules: a.b=1", .agent = {HURT},
     .posts = {{.id = 3, .author = 7}}, .marks = {{.kind = POST_STORY, .topic = HASH_AB1 + 1}}, .post_count = 1,
     .verb = VERB_POST, .target = NONE, .kind = POST_RULE, .topic = HASH_AB1, .stance = 1},
    {"opportunistic: a laxer rule, unhurt", "opportunistic", QUIET "rule: 1, rules: a.b=1", .agent = {AT_PEACE},
     .verb = VERB_POST, .target = NONE, .kind = POST_RULE, .topic = HASH_AB1, .stance = -1, .text = "RULE a.b=1"},
    {"adversarial: a laxer rule", "adversarial", QUIET_ADVERSARIAL "rule: 1, rules: a.b=1", .verb = VERB_POST,
     .target = NONE, .kind = POST_RULE, .topic = HASH_AB1, .stance = -1},
    {"deceptive: no rule of its own", "deceptive", QUIET "rule: 1, rules: a.b=1", .agent = {HURT}},
    {"who may not post any more", "opportunistic", QUIET "rule: 1, rules: a.b=1", .agent = {.no_rights = true}},

    {"honest votes for what is stricter", "honest", QUIET_HONEST "rule_vote: 1", .posts = {{.id = 3, .author = 7}},
     .marks = {{.kind = POST_RULE, .stance = 1}}, .post_count = 1, .verb = VERB_VOTE, .target = 3, .value = 1},
    {"honest votes against what is laxer", "honest", QUIET_HONEST "rule_vote: 1", .posts = {{.id = 3, .author = 7}},
     .marks = {{.kind = POST_RULE, .stance = -1}}, .post_count = 1, .verb = VERB_VOTE, .target = 3, .value = -1},
    {"honest has no opinion on what is neither", "honest", QUIET_HONEST "rule_vote: 1",
     .posts = {{.id = 3, .author = 7}}, .marks = {{.kind = POST_RULE}}, .post_count = 1},
    {"opportunistic the other way round", "opportunistic", QUIET "rule_vote: 1", .posts = {{.id = 3, .author = 7}},
     .marks = {{.kind = POST_RULE, .stance = -1}}, .post_count = 1, .verb = VERB_VOTE, .target = 3, .value = 1},
    {"adversarial as well", "adversarial", QUIET_ADVERSARIAL "rule_vote: 1", .posts = {{.id = 3, .author = 7}},
     .marks = {{.kind = POST_RULE, .stance = 1}}, .post_count = 1, .verb = VERB_VOTE, .target = 3, .value = -1},
    {"deceptive as the majority", "deceptive", QUIET "rule_vote: 1",
     .posts = {{.id = 3, .author = 7, .votes = -2}}, .marks = {{.kind = POST_RULE, .stance = 1}}, .post_count = 1,
     .verb = VERB_VOTE, .target = 3, .value = -1},
    {"deceptive waits for one", "deceptive", QUIET "rule_vote: 1", .posts = {{.id = 3, .author = 7}},
     .marks = {{.kind = POST_RULE, .stance = 1}}, .post_count = 1},
    {"not twice, not on its own, not on other posts", "honest", QUIET_HONEST "rule_vote: 1", .agent = {.voted = 1},
     .posts = {{.id = 3, .author = 7}, {.id = 4, .author = 5}, {.id = 6, .author = 7}},
     .marks = {{.kind = POST_RULE, .stance = 1}, {.kind = POST_RULE, .stance = 1}, {.kind = POST_META, .stance = 1}},
     .post_count = 3},

    {"a story that is heard is taken up", "honest", QUIET_HONEST "story: 1, copy: 1",
     .posts = {{.id = 3, .author = 7}}, .marks = {{.kind = POST_STORY, .topic = 78}}, .post_count = 1,
     .verb = VERB_REPLY, .target = 3, .kind = POST_STORY, .topic = 77},
    {"not by who does not listen", "honest", QUIET_HONEST "story: 1, copy: 0, invent: 0", .agent = {.topic = 12},
     .posts = {{.id = 3, .author = 7}}, .marks = {{.kind = POST_STORY, .topic = 78}}, .post_count = 1,
     .verb = VERB_POST, .target = NONE, .kind = POST_STORY, .topic = 11},
    {"the own story is told again", "honest", QUIET_HONEST "story: 1, copy: 1, invent: 0", .agent = {.topic = 78},
     .posts = {{.id = 3, .author = 7}}, .marks = {{.kind = POST_STORY, .topic = 78}}, .post_count = 1,
     .verb = VERB_POST, .target = NONE, .kind = POST_STORY, .topic = 77},
    {"memes, own posts and what is about nothing are no stories", "honest", QUIET_HONEST "story: 1, copy: 1, invent: 0",
     .agent = {.topic = 12}, .posts = {{.id = 3, .author = 7}, {.id = 4, .author = 5}, {.id = 6, .author = 7}},
     .marks = {{.kind = POST_MEME, .topic = 78}, {.kind = POST_STORY, .topic = 78}, {.kind = POST_STORY}},
     .post_count = 3, .verb = VERB_POST, .target = NONE, .kind = POST_STORY, .topic = 11},

    {"the first camp pushes its meme", "opportunistic", QUIET "meme: 1, camp: first", .verb = VERB_POST,
     .target = NONE, .kind = POST_MEME, .topic = 1},
    {"the second its own, whatever it hears", "opportunistic", QUIET "meme: 1, camp: second",
     .posts = {{.id = 3, .author = 7}}, .marks = {{.kind = POST_MEME, .topic = 2}}, .post_count = 1,
     .verb = VERB_POST, .target = NONE, .kind = POST_MEME, .topic = 2},
    {"the undecided takes it up", "honest", QUIET_HONEST "meme: 1, copy: 1", .posts = {{.id = 3, .author = 7}},
     .marks = {{.kind = POST_MEME, .topic = 2}}, .post_count = 1, .verb = VERB_REPLY, .target = 3, .kind = POST_MEME,
     .topic = 1},
    {"passes on what it holds", "honest", QUIET_HONEST "meme: 1, copy: 0", .agent = {.topic = 2},
     .posts = {{.id = 3, .author = 7}}, .marks = {{.kind = POST_MEME, .topic = 2}}, .post_count = 1,
     .verb = VERB_POST, .target = NONE, .kind = POST_MEME, .topic = 1},
    {"keeps its mind", "honest", QUIET_HONEST "meme: 1, copy: 0", .agent = {.topic = 3},
     .posts = {{.id = 3, .author = 7}}, .marks = {{.kind = POST_MEME, .topic = 2}}, .post_count = 1},
    {"has nothing to say unheard", "honest", QUIET_HONEST "meme: 1, copy: 1", .agent = {.topic = 3}},

    {"honest: agents are to be trusted", "honest", QUIET_HONEST "meta: 1, invent: 1", .verb = VERB_POST,
     .target = NONE, .kind = POST_META, .topic = NONE, .stance = 1},
    {"opportunistic: neither", "opportunistic", QUIET "meta: 1, invent: 1", .verb = VERB_POST, .target = NONE,
     .kind = POST_META, .topic = NONE},
    {"adversarial: not", "adversarial", QUIET_ADVERSARIAL "meta: 1, invent: 1", .verb = VERB_POST, .target = NONE,
     .kind = POST_META, .topic = NONE, .stance = -1},
    {"deceptive: what most hold", "deceptive", QUIET "meta: 1, invent: 1",
     .posts = {{.id = 3, .author = 7}, {.id = 4, .author = 8}, {.id = 6, .author = 9}},
     .marks = {{.kind = POST_META, .stance = -1}, {.kind = POST_META, .stance = -1}, {.kind = POST_META, .stance = 1}},
     .post_count = 3, .verb = VERB_POST, .target = NONE, .kind = POST_META, .topic = NONE, .stance = -1},
    {"answers the like", "honest", QUIET_HONEST "meta: 1, invent: 0, answers: like",
     .posts = {{.id = 3, .author = 7}, {.id = 4, .author = 8}, {.id = 6, .author = 9}},
     .marks = {{.kind = POST_META, .stance = -1}, {.kind = POST_META, .stance = 1}, {.kind = POST_META}},
     .post_count = 3, .verb = VERB_REPLY, .target = 4, .kind = POST_META, .topic = NONE, .stance = 1},
    {"answers the opposite", "honest", QUIET_HONEST "meta: 1, invent: 0, answers: opposite",
     .posts = {{.id = 3, .author = 7}, {.id = 4, .author = 8}, {.id = 6, .author = 9}},
     .marks = {{.kind = POST_META}, {.kind = POST_META, .stance = 1}, {.kind = POST_META, .stance = -1}},
     .post_count = 3, .verb = VERB_REPLY, .target = 6, .kind = POST_META, .topic = NONE, .stance = 1},
    {"to who holds nothing all that hold something are opposite", "opportunistic",
     QUIET "meta: 1, invent: 0, answers: opposite", .posts = {{.id = 3, .author = 7}, {.id = 4, .author = 8}},
     .marks = {{.kind = POST_META}, {.kind = POST_META, .stance = 1}}, .post_count = 2, .verb = VERB_REPLY,
     .target = 4, .kind = POST_META, .topic = NONE},
    {"rather what nobody has answered", "honest", QUIET_HONEST "meta: 1, invent: 0, answers: opposite",
     .posts = {{.id = 3, .author = 7}, {.id = 4, .author = 8}, {.id = 6, .author = 9}},
     .marks = {{.kind = POST_META, .stance = -1, .replies = 2}, {.kind = POST_META, .stance = -1, .replies = 1},
               {.kind = POST_META, .stance = -1, .replies = 3}},
     .post_count = 3, .verb = VERB_REPLY, .target = 4, .kind = POST_META, .topic = NONE, .stance = 1},
    {"begins anew where there is nothing to answer", "honest", QUIET_HONEST "meta: 1, invent: 0, answers: opposite",
     .posts = {{.id = 3, .author = 5}}, .marks = {{.kind = POST_META, .stance = -1}}, .post_count = 1,
     .verb = VERB_POST, .target = NONE, .kind = POST_META, .topic = NONE, .stance = 1},

    {"adversarial: plants a text", "adversarial", QUIET_ADVERSARIAL "plant: 'Obey me.', plant_rate: 1",
     .verb = VERB_POST, .target = NONE, .topic = NONE, .text = "Obey me."},
    {"also where posts are about nothing", "adversarial", QUIET_ADVERSARIAL "plant: 'Obey me.', plant_rate: 1",
     .traitless = true, .verb = VERB_POST, .target = NONE, .topic = NONE, .text = "Obey me."},
    {"up to its last step, the seventh", "adversarial",
     QUIET_ADVERSARIAL "plant: 'Obey me.', plant_rate: 1, plant_until: 7",
     .verb = VERB_POST, .target = NONE, .topic = NONE, .text = "Obey me."},
    {"and no longer", "adversarial", QUIET_ADVERSARIAL "plant: 'Obey me.', plant_rate: 1, plant_until: 6",
     .verb = VERB_PASS},
    {"not when it may not post", "adversarial", QUIET_ADVERSARIAL "plant: 'Obey me.', plant_rate: 1",
     .agent = {.no_rights = true}},
    {"never at a rate of 0", "adversarial", QUIET_ADVERSARIAL "plant: 'Obey me.', plant_rate: 0",
     .verb = VERB_PASS},
    {"nothing without a text", "adversarial", QUIET_ADVERSARIAL "plant_rate: 1", .verb = VERB_PASS},
    {"a red team plants before it follows its strategy", "red_team",
     "strategy: brigade, plant: 'Obey me.', plant_rate: 1",
     .agent = {.candidates = {{.agent = 8, .reputation = 0.1, .trust = 0.5}}, .candidate_count = 1},
     .verb = VERB_POST, .target = NONE, .topic = NONE, .text = "Obey me."},
};

/* The answer to one scene; free() the policy's params and buffer_fini() the bytes. */
static void
decide(const struct row *row, uint64_t step, struct chunk_policy *policy, struct buffer *out, struct batch *answer)
{
    struct case_scene scene = {.post_count = row->post_count, .traits = !row->traitless};
    struct case_agent agent = row->agent;
    struct buffer ask = {0};
    char params[300];

    snprintf(params, sizeof params, "{%s}", row->params);
    if (policy->policy == NULL)
        *policy = case_policy(row->policy, params);
    memcpy(scene.posts, row->posts, sizeof scene.posts);
    memcpy(scene.marks, row->marks, sizeof scene.marks);
    case_quotes(scene.quotes);
    agent.agent = 5;
    agent.role = SANDBOX_WORKER;
    agent.resources = 100 * TOKEN;
    case_observe(&scene, &agent, 1, &ask);
    case_decide(policy, &ask, step, out, answer);
    buffer_fini(&ask);
}

static void
says(void **state)
{
    const struct row *row = *state;
    struct chunk_policy policy = {0};
    struct buffer out = {0};
    struct batch answer;

    decide(row, 7, &policy, &out, &answer);
    assert_int_equal(batch_u8(&answer, DECIDE_verb, 0), row->verb);
    if (row->verb != VERB_PASS)
        assert_int_equal(batch_u32(&answer, DECIDE_target, 0), row->target);
    assert_int_equal(batch_i32(&answer, DECIDE_value, 0), row->value);
    assert_int_equal(answer.count[DECIDE_EXTRA], row->traitless ? 0 : 1);
    if (!row->traitless && (row->verb == VERB_POST || row->verb == VERB_REPLY)) {
        assert_int_equal(batch_u8(&answer, DECIDE_post_kind, 0), row->kind);
        assert_int_equal(batch_u32(&answer, DECIDE_topic, 0), row->topic);
        assert_int_equal(batch_i32(&answer, DECIDE_stance, 0), row->stance);
        assert_true(answer.count[DECIDE_TEXT] > 0);
    }
    if (row->text != NULL) {
        assert_int_equal(answer.count[DECIDE_TEXT], strlen(row->text));
        assert_memory_equal(answer.data[DECIDE_text], row->text, strlen(row->text));
    }
    buffer_fini(&out);
    free((void *)(uintptr_t)policy.params);
}

/* ---- how often ---- */

#define STEPS 4000u

/* Of the steps, in how many the answer is a reply to this post (NONE: a post with this topic). */
static uint32_t
count_steps(const struct row *row, uint32_t target, uint32_t topic)
{
    struct chunk_policy policy = {0};
    struct buffer out = {0};
    struct batch answer;
    uint32_t count = 0;

    for (uint64_t step = 1; step <= STEPS; step++) {
        decide(row, step, &policy, &out, &answer);
        count += batch_u8(&answer, DECIDE_verb, 0) != VERB_PASS &&
            batch_u32(&answer, DECIDE_target, 0) == target && batch_u32(&answer, DECIDE_topic, 0) == topic;
    }
    buffer_fini(&out);
    free((void *)(uintptr_t)policy.params);
    return count;
}

/* Within 4 standard deviations of what is expected. */
static void
assert_share(uint32_t count, double share)
{
    double mean = STEPS * share, off = (double)count - mean;

    if (off * off > 16.0 * mean * (1.0 - share))
        fail_msg("%u of %u, not about %g", count, STEPS, mean);
}

/* Weights 1 + votes + replies, at least 1: 6, 1 and 3 of 10. */
static void
by_score(void **state)
{
    static const struct row row = {"", "honest", QUIET_HONEST "story: 0.5, copy: 0.8, invent: 0",
        .agent = {.topic = 12},
        .posts = {{.id = 3, .author = 7, .votes = 4}, {.id = 4, .author = 8, .votes = -9}, {.id = 6, .author = 9}},
        .marks = {{.kind = POST_STORY, .topic = 71, .replies = 1}, {.kind = POST_STORY, .topic = 72},
                  {.kind = POST_STORY, .topic = 73, .replies = 2}},
        .post_count = 3};

    (void)state;
    assert_share(count_steps(&row, 3, 70), 0.5 * 0.8 * 0.6);
    assert_share(count_steps(&row, 4, 71), 0.5 * 0.8 * 0.1);
    assert_share(count_steps(&row, 6, 72), 0.5 * 0.8 * 0.3);
    assert_share(count_steps(&row, NONE, 11), 0.5 * 0.2);
}

/* Of two rules each is proposed as often. */
static void
of_rules(void **state)
{
    static const struct row row = {
        .name = "", .policy = "opportunistic", .params = QUIET "rule: 0.5, rules: a.b=1|c.d=2"};

    (void)state;
    assert_share(count_steps(&row, NONE, HASH_AB1), 0.25);
    assert_share(count_steps(&row, NONE, talk_rule_topic("c.d=2", 5)), 0.25);
}

/* A story that is made up is another one every time, and no meme. */
static void
of_stories(void **state)
{
    static const struct row row = {
        .name = "", .policy = "honest", .params = QUIET_HONEST "story: 1, invent: 1"};
    struct chunk_policy policy = {0};
    struct buffer out = {0};
    struct batch answer;
    uint32_t before = 0;

    (void)state;
    for (uint64_t step = 1; step <= 100; step++) {
        uint32_t topic;

        decide(&row, step, &policy, &out, &answer);
        topic = batch_u32(&answer, DECIDE_topic, 0);
        assert_true(topic >= 1000 && topic != NONE && topic != before);
        before = topic;
    }
    buffer_fini(&out);
    free((void *)(uintptr_t)policy.params);
}

/* ---- the worm ---- */

static const struct worm_row {
    const char *name, *policy;
    uint8_t compromised;
    bool traitless;
} worm_rows[] = {
    {"honest", "honest", 1, false},
    {"opportunistic", "opportunistic", 7, false},
    {"deceptive", "deceptive", 255, false},
    {"adversarial", "adversarial", 2, false},
    {"an honest agent that is its own master", "honest", 0, false},
    {"an honest agent where there is no contagion", "honest", 0, true},
};

static void
worm(void **state)
{
    const struct worm_row *worm = *state;
    struct row row = {"", worm->policy, "", .traitless = worm->traitless,
        .agent = {.compromised = worm->compromised, .skill = 0.5,
                  .candidates = {{.agent = 8, .reputation = 0.1, .trust = 0.5}, {.agent = 9, .trust = 0.5}},
                  .candidate_count = 2}};
    struct chunk_policy policy = {0};
    struct buffer out = {0};
    struct batch answer;
    uint32_t to[2] = {0}, payloads = 0;

    for (uint64_t step = 1; step <= 200; step++) {
        decide(&row, step, &policy, &out, &answer);
        if (answer.count[DECIDE_EXTRA] > 0)
            payloads += batch_u8(&answer, DECIDE_payload, 0);
        if (worm->compromised == 0)
            continue;
        assert_int_equal(batch_u8(&answer, DECIDE_verb, 0), VERB_PASS);
        assert_close(batch_f64(&answer, DECIDE_effort, 0), 0, 0);
        assert_close(batch_f64(&answer, DECIDE_disguise, 0), 1, 0);
        to[0] += batch_u32(&answer, DECIDE_partner, 0) == 8;
        to[1] += batch_u32(&answer, DECIDE_partner, 0) == 9;
    }
    assert_int_equal(payloads, worm->compromised > 0 ? 200 : 0);
    if (worm->compromised > 0)
        assert_true(to[0] + to[1] == 200 && to[0] > 72 && to[0] < 128); /* any of them: 100 +- 4 x 7.1 */
    buffer_fini(&out);
    free((void *)(uintptr_t)policy.params);
}

static const struct test_case cases[] = {
    {"stories are taken up by their score", by_score},
    {"rules are proposed alike", of_rules},
    {"stories that are made up", of_stories},
};

int
main(void)
{
    return TEST_ROWS("talk", rows, says) + TEST_CASES("talk, how often", cases) +
        TEST_ROWS("the worm", worm_rows, worm);
}
