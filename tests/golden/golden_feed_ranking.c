#include "world/sandbox/feed.h"

#include "tests/golden/golden.h"

#include <math.h>

#define VOTERS 64u
#define POSTS 64u

/* Age a at time 0 is a birth at -a: then scores at time 0 are computed as the peers compute them. Votes come from
 * different voters; a reply count is what replies there are. */
static struct feed *
feed_of(const json_t *in)
{
    const json_t *posts = json_object_get(in, "posts");
    struct feed *feed = feed_new(&(struct feed_config){
        .capacity = POSTS, .agent_count = VOTERS, .alpha = golden_real(in, "reply_weight"),
        .beta = golden_real(in, "age_decay")});

    for (size_t i = 0; i < json_array_size(posts); i++) {
        const json_t *post = json_array_get(posts, i), *parent = json_object_get(post, "parent");
        uint32_t above = json_is_null(parent) ? FEED_NONE : (uint32_t)json_integer_value(parent);

        assert_int_equal(feed_add(feed, 0, above, -golden_real(post, "age_hours"), NULL, 0, NULL), i);
    }
    for (size_t i = 0; i < json_array_size(posts); i++) {
        const json_t *post = json_array_get(posts, i);
        uint32_t up = (uint32_t)golden_real(post, "upvotes"), down = (uint32_t)golden_real(post, "downvotes");

        for (uint32_t voter = 0; voter < up + down; voter++)
            assert_int_equal(feed_vote(feed, (uint32_t)i, voter, voter < up ? 1 : -1, 1.0), FEED_VOTE_NEW);
        feed_hide(feed, (uint32_t)i, json_is_true(json_object_get(post, "hidden")));
    }
    return feed;
}

static void
compare_list(struct golden_count *count, size_t index, const char *what, const uint32_t *got, uint32_t size,
             const json_t *want)
{
    if (size != json_array_size(want)) {
        print_error("case %zu, %s: %u ids, not %zu\n", index, what, size, json_array_size(want));
        assert_int_equal(size, json_array_size(want));
    }
    for (uint32_t i = 0; i < size; i++)
        golden_compare(count, index, what, got[i], (double)json_integer_value(json_array_get(want, i)), 0.0);
}

static void
compare_threads(struct golden_count *count, size_t index, const struct feed *feed, const json_t *want, uint32_t depth)
{
    const char *root;
    json_t *list;
    uint32_t out[POSTS];

    json_object_foreach((json_t *)(uintptr_t)want, root, list)
        compare_list(count, index, "thread", out, feed_thread(feed, (uint32_t)atoi(root), depth, POSTS, out), list);
}

static void
compare(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    struct feed *feed = feed_of(in);
    const json_t *scores = json_object_get(out, "scores");
    uint32_t ids[POSTS];
    struct feed_stats stats = feed_stats(feed);
    struct why why = {0};

    assert_int_equal(feed_check(feed, &why), 0);
    for (uint32_t i = 0; i < json_array_size(scores); i++) {
        const json_t *want = json_array_get(scores, i);
        double score = feed_score(feed, i, 0.0);

        if (json_is_string(want))
            assert_true(isinf(score) && score < 0);
        else
            golden_compare(count, index, "score", score, json_number_value(want), 1e-12);
    }
    compare_list(count, index, "top 3", ids, feed_visible(feed, 3, ids), json_object_get(out, "ranked_top_3"));
    compare_list(count, index, "top 20", ids, feed_visible(feed, 20, ids), json_object_get(out, "ranked_top_20"));
    compare_list(count, index, "top 50", ids, feed_visible(feed, 50, ids), json_object_get(out, "ranked_top_50"));
    compare_list(count, index, "ranked", ids, feed_rank(feed, 0, 50, ids), json_object_get(out, "ranked_top_50"));
    compare_list(count, index, "with replies", ids, feed_rank(feed, FEED_WITH_REPLIES, 50, ids),
                 json_object_get(out, "ranked_with_replies"));
    compare_list(count, index, "with hidden", ids, feed_rank(feed, FEED_WITH_REPLIES | FEED_WITH_HIDDEN, 50, ids),
                 json_object_get(out, "ranked_with_replies_hidden"));
    compare_threads(count, index, feed, json_object_get(out, "threads"), 10);
    compare_threads(count, index, feed, json_object_get(out, "threads_depth1"), 1);
    out = json_object_get(out, "stats");
    golden_compare(count, index, "posts", stats.posts, golden_real(out, "total_posts"), 0.0);
    golden_compare(count, index, "top level", stats.top_level, golden_real(out, "top_level_posts"), 0.0);
    golden_compare(count, index, "replies", stats.replies, golden_real(out, "replies"), 0.0);
    golden_compare(count, index, "hidden", stats.hidden, golden_real(out, "hidden_posts"), 0.0);
    golden_compare(count, index, "up", (double)stats.up, golden_real(out, "total_upvotes"), 0.0);
    golden_compare(count, index, "down", (double)stats.down, golden_real(out, "total_downvotes"), 0.0);
    feed_destroy(&feed);
}

static void
ranking(void **state)
{
    (void)state;
    golden_run("feed_ranking", compare);
}

static const struct test_case groups[] = {{"feed_ranking", ranking}};

int
main(void)
{
    return TEST_CASES("golden: ranking of the feed", groups);
}
