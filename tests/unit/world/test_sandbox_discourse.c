/* tests/unit/world/test_sandbox_discourse.c - posts by hand: what is taken up from whom, and who answers whom. */
#include "tests/unit/world/sandbox_driver.h"

#include "world/sandbox/state.h"

#define SCENARIO                                                                                                     \
    "agents: [{type: a, count: 4, role: poster}]\n"                                                                  \
    "simulation: {epochs: 3, steps_per_epoch: 5}\n"                                                                  \
    "sandbox: {tasks: {rate: 0}, discourse: {enabled: true"

/* Posts get the ids 0, 1, 2 ... in the order in which they are made. NEW: no reply. */
#define NEW SANDBOX_NOBODY
#define NONE SANDBOX_NOBODY

static const struct row {
    const char *name;
    const char *more; /* parameters of sandbox.discourse */
    struct {
        uint32_t step, agent, parent, kind, topic;
        int32_t stance;
    } posts[8];
    uint32_t post_count, steps;
    struct {
        const char *figure;
        double value;
    } want[6];
    const char *unknown[3];
} rows[] = {
    {"nothing is said", "", .steps = 2,
     .want = {{"topic_holders", 0}, {"topic_adoptions", 0}, {"topic_inventions", 0}, {"adoption_size", 0}},
     .unknown = {"narrative_concentration", "topic_r0", "meta_assortativity"}},
    {"plain posts are about nothing", "", .posts = {{1, 0, NEW, POST_PLAIN, 7, 1}, {1, 1, NEW, POST_RULE, 7, 1}},
     .post_count = 2, .steps = 1, .want = {{"topic_holders", 0}, {"topic_inventions", 0}, {"meta_posts", 0}}},
    {"a story is made up", "", .posts = {{1, 0, NEW, POST_STORY, 7, 0}}, .post_count = 1, .steps = 1,
     .want = {{"topic_holders", 0.25}, {"topic_inventions", 1}, {"topic_adoptions", 0},
              {"narrative_concentration", 1}, {"top_topic", 7}, {"adoption_depth", 0}}},
    {"a story without a topic is none", "", .posts = {{1, 0, NEW, POST_STORY, NONE, 0}}, .post_count = 1, .steps = 1,
     .want = {{"topic_holders", 0}, {"topic_inventions", 0}}},
    {"who replies about the same has taken it up", "",
     .posts = {{1, 0, NEW, POST_STORY, 7, 0}, {2, 1, 0, POST_STORY, 7, 0}, {2, 2, 0, POST_STORY, 7, 0},
               {3, 3, 1, POST_STORY, 7, 0}},
     .post_count = 4, .steps = 3,
     .want = {{"topic_adoptions", 3}, {"topic_inventions", 1}, {"adoption_depth", 2}, {"adoption_size", 4},
              {"narrative_concentration", 1}, {"effective_topics", 1}}},
    {"who replies about something else has not", "",
     .posts = {{1, 0, NEW, POST_STORY, 7, 0}, {2, 1, 0, POST_STORY, 8, 0}}, .post_count = 2, .steps = 2,
     .want = {{"topic_adoptions", 0}, {"topic_inventions", 2}, {"narrative_concentration", 0.5},
              {"effective_topics", 2}, {"camp_balance", 1}, {"adoption_depth", 0}}},
    {"telling it again is no adoption", "",
     .posts = {{1, 0, NEW, POST_STORY, 7, 0}, {2, 0, NEW, POST_STORY, 7, 0}, {3, 0, 0, POST_STORY, 7, 0}},
     .post_count = 3, .steps = 3, .want = {{"topic_adoptions", 0}, {"topic_inventions", 1}, {"adoption_size", 1}}},
    {"hearsay of hearsay, told anew, keeps its generation", "",
     .posts = {{1, 0, NEW, POST_MEME, 1, 0}, {2, 1, 0, POST_MEME, 1, 0}, {3, 1, NEW, POST_MEME, 1, 0},
               {4, 2, 2, POST_MEME, 1, 0}},
     .post_count = 4, .steps = 4, .want = {{"topic_adoptions", 2}, {"adoption_depth", 2}, {"camp_balance", 0}}},
    {"three against one", "",
     .posts = {{1, 0, NEW, POST_MEME, 1, 0}, {1, 1, NEW, POST_MEME, 2, 0}, {2, 2, 0, POST_MEME, 1, 0},
               {2, 3, 0, POST_MEME, 1, 0}},
     .post_count = 4, .steps = 2,
     .want = {{"narrative_concentration", 10.0 / 16.0}, {"top_topic_share", 0.75}, {"camp_balance", 0.5}}},
    {"who turns to something else holds only that", "",
     .posts = {{1, 0, NEW, POST_STORY, 7, 0}, {1, 1, NEW, POST_STORY, 8, 0}, {2, 0, 1, POST_STORY, 8, 0}},
     .post_count = 3, .steps = 2, .want = {{"narrative_concentration", 1}, {"top_topic", 8}, {"adoption_size", 2}}},
    /* 0 passes it on to 1 and 2, 1 to 3: 3 cases over 4 adopters. */
    {"R0 of all", ", window: 2, onset: 1",
     .posts = {{1, 0, NEW, POST_MEME, 1, 0}, {2, 1, 0, POST_MEME, 1, 0}, {2, 2, 0, POST_MEME, 1, 0},
               {3, 3, 1, POST_MEME, 1, 0}},
     .post_count = 4, .steps = 5, .want = {{"topic_r0", 0.75}, {"top_topic_r0", 0.75}}},
    {"R0 of the first of four", ", window: 2, onset: 0.25",
     .posts = {{1, 0, NEW, POST_MEME, 1, 0}, {2, 1, 0, POST_MEME, 1, 0}, {2, 2, 0, POST_MEME, 1, 0},
               {3, 3, 1, POST_MEME, 1, 0}},
     .post_count = 4, .steps = 5, .want = {{"topic_r0", 2}}},
    {"R0 is not known while windows are open", ", window: 5, onset: 1",
     .posts = {{1, 0, NEW, POST_MEME, 1, 0}, {2, 1, 0, POST_MEME, 1, 0}}, .post_count = 2, .steps = 5,
     .want = {{"topic_adoptions", 1}}, .unknown = {"topic_r0"}},
    {"R0 leaves out what comes after the window", ", window: 1, onset: 0.25",
     .posts = {{1, 0, NEW, POST_MEME, 1, 0}, {3, 1, 0, POST_MEME, 1, 0}}, .post_count = 2, .steps = 3,
     .want = {{"topic_r0", 0}, {"topic_adoptions", 1}}},
    {"who turns away is counted with what it did", ", window: 100, onset: 0.25",
     .posts = {{1, 0, NEW, POST_MEME, 1, 0}, {2, 1, 0, POST_MEME, 1, 0}, {3, 0, NEW, POST_MEME, 2, 0}},
     .post_count = 3, .steps = 3, .want = {{"topic_r0", 1}}},
    {"more topics than are followed", ", topics_max: 2",
     .posts = {{1, 0, NEW, POST_STORY, 7, 0}, {1, 1, NEW, POST_STORY, 8, 0}, {1, 2, NEW, POST_STORY, 9, 0}},
     .post_count = 3, .steps = 1, .want = {{"topics_untracked", 1}, {"topic_holders", 0.5}, {"topic_inventions", 2}}},
    {"a topic that nobody holds makes room", ", topics_max: 2",
     .posts = {{1, 0, NEW, POST_STORY, 7, 0}, {1, 1, NEW, POST_STORY, 8, 0}, {2, 1, 0, POST_STORY, 7, 0},
               {3, 2, NEW, POST_STORY, 9, 0}},
     .post_count = 4, .steps = 3, .want = {{"topics_untracked", 0}, {"topic_holders", 0.75}, {"top_topic", 7}}},
    {"like answers like", "",
     .posts = {{1, 0, NEW, POST_META, NONE, 1}, {1, 1, NEW, POST_META, NONE, -1}, {2, 2, 0, POST_META, NONE, 1},
               {2, 3, 1, POST_META, NONE, -1}},
     .post_count = 4, .steps = 2,
     .want = {{"meta_posts", 4}, {"meta_assortativity", 1}, {"meta_reply_depth", 1}, {"meta_dispersion", 1}}},
    {"opposites answer each other, deeper and deeper", "",
     .posts = {{1, 0, NEW, POST_META, NONE, 1}, {2, 1, 0, POST_META, NONE, -1}, {3, 0, 1, POST_META, NONE, 1},
               {4, 1, 2, POST_META, NONE, -1}},
     .post_count = 4, .steps = 4,
     .want = {{"meta_assortativity", -1}, {"meta_reply_depth", 2}, {"meta_dispersion", 1}}},
    /* (1, 1) and (-1, 1) and (0, -1), (0, -1): x has mean 0, xy sums to 0. */
    {"who answers anybody", "",
     .posts = {{1, 0, NEW, POST_META, NONE, 1}, {1, 1, NEW, POST_META, NONE, -1}, {2, 2, 0, POST_META, NONE, 1},
               {2, 3, 0, POST_META, NONE, -1}, {3, 2, 1, POST_META, NONE, 0}, {3, 3, 1, POST_META, NONE, 0}},
     .post_count = 6, .steps = 3, .want = {{"meta_assortativity", 0}, {"meta_dispersion", 0.5}}},
    {"answering oneself is no edge", "",
     .posts = {{1, 0, NEW, POST_META, NONE, 1}, {2, 0, 0, POST_META, NONE, 1}}, .post_count = 2, .steps = 2,
     .want = {{"meta_reply_depth", 1}, {"meta_dispersion", 0}}, .unknown = {"meta_assortativity"}},
};

static void
act(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    const struct row *script = driver->context;

    (void)rng;
    for (uint32_t i = 0; i < script->post_count; i++) {
        if (script->posts[i].step != driver->step ||
            script->posts[i].agent != batch_u32(seen, OBSERVE_agent, row))
            continue;
        out->verb = script->posts[i].parent == NEW ? VERB_POST : VERB_REPLY;
        out->target = script->posts[i].parent;
        out->post_kind = script->posts[i].kind;
        out->topic = script->posts[i].topic;
        out->stance = script->posts[i].stance;
        snprintf(out->text, sizeof out->text, "post %u", i);
        out->text_size = (uint32_t)strlen(out->text);
    }
}

static void
begin(struct driver *driver, const struct row *row)
{
    char scenario[600];

    snprintf(scenario, sizeof scenario, "%s%s}}\n", SCENARIO, row->more);
    driver_begin(driver, scenario);
}

static void
talk(void **state)
{
    const struct row *row = *state;
    struct driver driver = {.seed = 1, .act = act, .context = (void *)(uintptr_t)row};

    begin(&driver, row);
    while (driver.step < row->steps)
        driver_step(&driver);
    for (uint32_t i = 0; i < 6 && row->want[i].figure != NULL; i++) {
        struct driver_figure figure = driver_figure(&driver, true, row->want[i].figure);

        if (!figure.known)
            fail_msg("%s is not known", figure.name);
        assert_close(figure.value, row->want[i].value, 1e-12);
    }
    for (uint32_t i = 0; i < 3 && row->unknown[i] != NULL; i++)
        assert_false(driver_figure(&driver, true, row->unknown[i]).known);
    driver_end(&driver);
}

/* ---- what agents see ---- */

static const struct row seen_row = {
    "", ", threads: true",
    .posts = {{1, 0, NEW, POST_MEME, 5, 0}, {1, 1, NEW, POST_META, NONE, -1}, {2, 2, 0, POST_MEME, 5, 0}},
    .post_count = 3};

static void
act_and_look(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    uint32_t meta;

    act(driver, seen, row, rng, out);
    if (driver->step == 1) {
        assert_int_equal(batch_u32(seen, OBSERVE_topic, row), SANDBOX_NOBODY);
        assert_int_equal(seen->count[ACT_POST], 0);
        return;
    }
    assert_int_equal(batch_u32(seen, OBSERVE_topic, 0), 5);
    assert_int_equal(batch_u32(seen, OBSERVE_topic, 1), SANDBOX_NOBODY);
    assert_int_equal(batch_u32(seen, OBSERVE_topic, 2), driver->step == 3 ? 5 : SANDBOX_NOBODY);
    assert_int_equal(seen->count[ACT_POST], driver->step == 3 ? 3 : 2); /* replies as well */
    assert_int_equal(batch_u8(seen, OBSERVE_post_kind, 0), POST_MEME);
    assert_int_equal(batch_u32(seen, OBSERVE_post_topic, 0), 5);
    meta = driver->step == 3 ? 2 : 1; /* behind the reply, which is younger */
    assert_int_equal(batch_u8(seen, OBSERVE_post_kind, meta), POST_META);
    assert_int_equal(batch_u32(seen, OBSERVE_post_topic, meta), SANDBOX_NOBODY);
    assert_int_equal(batch_i32(seen, OBSERVE_post_stance, meta), -1);
    if (driver->step == 3)
        assert_int_equal(batch_u32(seen, OBSERVE_post_topic, 1), 5);
}

static void
observed(void **state)
{
    struct driver driver = {.seed = 1, .act = act_and_look, .context = (void *)(uintptr_t)&seen_row};

    (void)state;
    begin(&driver, &seen_row);
    for (uint32_t i = 0; i < 3; i++)
        driver_step(&driver);
    driver_end(&driver);
}

/* A copy made from a snapshot in the middle goes on alike. */
static void
saved(void **state)
{
    const struct row *row = &rows[10];
    struct driver first = {.seed = 1, .act = act, .context = (void *)(uintptr_t)row}, second = first;

    (void)state;
    begin(&first, row);
    begin(&second, row);
    driver_step(&first);
    driver_step(&first);
    driver_copy(&first, &second);
    for (uint32_t i = 0; i < 3; i++) {
        driver_step(&first);
        driver_step(&second);
        driver_same(&first, &second);
    }
    assert_close(driver_figure(&second, true, "topic_r0").value, 0.75, 1e-12);
    driver_end(&first);
    driver_end(&second);
}

/* A post that takes the place of another has nothing of its tag; a feed without tags keeps none. */
static void
tags(void **state)
{
    struct feed_config config = {.capacity = 1, .agent_count = 2, .text_max = 8};
    const struct feed_tag tag = {.topic = 7, .generation = 3, .kind = POST_MEME, .stance = -1, .spent = 1};

    (void)state;
    for (int tagged = 0; tagged < 2; tagged++) {
        struct feed *feed;
        struct feed_post post;
        uint32_t id;

        config.tagged = tagged != 0;
        feed = feed_new(&config);
        assert_int_equal(feed_at(feed, 0), FEED_NONE);
        id = feed_add(feed, 0, FEED_NONE, 1.0, "", 0, NULL);
        feed_mark(feed, id, &tag);
        assert_int_equal(feed_at(feed, 0), id);
        assert_true(feed_find(feed, id, &post));
        assert_int_equal(post.tag.topic, tagged ? 7 : FEED_NONE);
        assert_int_equal(post.tag.stance, tagged ? -1 : 0);
        assert_int_equal(post.tag.spent, tagged);
        id = feed_add(feed, 1, FEED_NONE, 2.0, "", 0, NULL);
        assert_true(feed_find(feed, id, &post));
        assert_int_equal(post.tag.topic, FEED_NONE);
        assert_int_equal(post.tag.kind, POST_PLAIN);
        assert_int_equal(post.tag.generation, 0);
        assert_int_equal(post.tag.spent, 0);
        feed_destroy(&feed);
    }
}

static const struct test_case cases[] = {
    {"agents see kinds, topics, stances and replies", observed},
    {"a snapshot in the middle", saved},
    {"a place used again has no tag", tags},
};

int
main(void)
{
    return TEST_ROWS("discourse", rows, talk) + TEST_CASES("discourse, seen and saved", cases);
}
