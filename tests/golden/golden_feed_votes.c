#include "world/sandbox/feed.h"

#include "tests/golden/golden.h"

#define AGENTS 16u

/* "a7" -> 7; an id may be -1: no post. */
static uint32_t
agent_of(const json_t *op, const char *key)
{
    return (uint32_t)atoi(json_string_value(json_object_get(op, key)) + 1);
}

static uint32_t
post_of(const json_t *op, const char *key)
{
    json_int_t id = json_integer_value(json_object_get(op, key));

    return id < 0 ? FEED_NONE - 1 : (uint32_t)id;
}

/* What the peers return: an id, "error", true or false, "upvote" or "downvote" (the vote that stands), or null. */
static void
add(struct feed *feed, uint32_t author, uint32_t parent, uint32_t size, const json_t *want)
{
    static const char text[10001];
    uint32_t id = feed_add(feed, author, parent, 0.0, text, size, NULL);

    if (json_is_string(want))
        assert_int_equal(id, FEED_NONE);
    else
        assert_int_equal(id, json_integer_value(want));
}

static void
vote(struct feed *feed, const json_t *op, const json_t *want)
{
    uint32_t id = post_of(op, "post"), voter = agent_of(op, "voter");
    int32_t value = strcmp(json_string_value(json_object_get(op, "type")), "upvote") == 0 ? 1 : -1;

    if (feed_vote(feed, id, voter, value, 1.0) == FEED_VOTE_MISSING)
        assert_true(json_is_null(want));
    else
        assert_string_equal(feed_voted(feed, id, voter) > 0 ? "upvote" : "downvote", json_string_value(want));
}

static void
apply(struct feed *feed, const json_t *op, const json_t *want)
{
    const char *name = json_string_value(json_object_get(op, "op"));

    if (strcmp(name, "post") == 0)
        add(feed, agent_of(op, "author"), FEED_NONE, 5, want);
    else if (strcmp(name, "post_len") == 0)
        add(feed, agent_of(op, "author"), FEED_NONE, (uint32_t)golden_real(op, "content_length"), want);
    else if (strcmp(name, "reply") == 0)
        add(feed, agent_of(op, "author"), post_of(op, "parent"), 5, want);
    else if (strcmp(name, "vote") == 0)
        vote(feed, op, want);
    else if (strcmp(name, "remove_vote") == 0)
        assert_int_equal(feed_unvote(feed, post_of(op, "post"), agent_of(op, "voter"), 1.0), json_is_true(want));
    else
        assert_string_equal(name, "a known operation");
}

static void
compare(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const json_t *ops = json_object_get(in, "ops"), *posts = json_object_get(out, "posts");
    const json_t *want = json_object_get(out, "stats");
    struct feed *feed = feed_new(&(struct feed_config){.capacity = 64,
                                                       .agent_count = AGENTS,
                                                       .text_max = (uint32_t)golden_real(in, "max_content_length"),
                                                       .alpha = 0.5,
                                                       .beta = 0.01});
    struct feed_stats stats;
    struct why why = {0};

    for (size_t i = 0; i < json_array_size(ops); i++) {
        apply(feed, json_array_get(ops, i), json_array_get(json_object_get(out, "results"), i));
        assert_int_equal(feed_check(feed, &why), 0);
        count->values++;
        count->equal++;
    }
    for (uint32_t i = 0; i < json_array_size(posts); i++) {
        const json_t *row = json_array_get(posts, i);
        struct feed_post post;

        assert_true(feed_find(feed, i, &post));
        golden_compare(count, index, "up", post.up, (double)json_integer_value(json_array_get(row, 0)), 0.0);
        golden_compare(count, index, "down", post.down, (double)json_integer_value(json_array_get(row, 1)), 0.0);
        golden_compare(count, index, "replies", post.replies, (double)json_integer_value(json_array_get(row, 2)), 0.0);
        assert_true(post.weight == (double)post.up - (double)post.down);
    }
    stats = feed_stats(feed);
    golden_compare(count, index, "posts", stats.posts, golden_real(want, "total_posts"), 0.0);
    golden_compare(count, index, "replies", stats.replies, golden_real(want, "replies"), 0.0);
    golden_compare(count, index, "votes", (double)stats.votes, golden_real(want, "total_votes"), 0.0);
    golden_compare(count, index, "up", (double)stats.up, golden_real(want, "total_upvotes"), 0.0);
    golden_compare(count, index, "down", (double)stats.down, golden_real(want, "total_downvotes"), 0.0);
    golden_compare(count, index, "authors", stats.unique_authors, golden_real(want, "unique_authors"), 0.0);
    assert_true(stats.unique_voters <= golden_real(want, "unique_voters")); /* theirs: with those who took all back */
    feed_destroy(&feed);
}

static void
votes(void **state)
{
    (void)state;
    golden_run("feed_votes", compare);
}

static const struct test_case groups[] = {{"feed_votes", votes}};

int
main(void)
{
    return TEST_CASES("golden: votes in the feed", groups);
}
