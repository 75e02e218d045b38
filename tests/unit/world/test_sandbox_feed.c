#include "world/sandbox/feed.h"

#include "core/rng.h"
#include "core/streams.h"
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

static struct feed *
make(uint32_t capacity)
{
    return feed_new(
        &(struct feed_config){.capacity = capacity, .agent_count = 9, .text_max = 10, .alpha = 0.5, .beta = 0.1});
}

static uint32_t
post(struct feed *feed, uint32_t parent, double born)
{
    return feed_add(feed, 3, parent, born, "hello", 5, NULL);
}

/* Three posts, born 0, 10, 20: at time 20 they score -2, -1, 0 before votes. */
static void
ranks(void **state)
{
    struct feed *feed = make(8);
    uint32_t a = post(feed, FEED_NONE, 0), b = post(feed, FEED_NONE, 10), c = post(feed, FEED_NONE, 20), out[8];

    (void)state;
    assert_int_equal(feed_visible(feed, 8, out), 3);
    assert_int_equal(out[0], c);
    assert_int_equal(out[2], a);
    assert_true(fabs(feed_score(feed, a, 20) - -2.0) < 1e-12);

    assert_int_equal(feed_vote(feed, a, 1, 1, 1.0), FEED_VOTE_NEW); /* -1: ties with b, and is older */
    assert_int_equal(feed_vote(feed, a, 2, 1, 1.0), FEED_VOTE_NEW); /* 0: ties with c */
    assert_int_equal(feed_visible(feed, 2, out), 2);
    assert_int_equal(out[0], a);
    assert_int_equal(out[1], c);

    assert_true(post(feed, b, 21) != FEED_NONE); /* two replies: b has -1 + 2 * 0.5 = 0 at 20 */
    assert_true(post(feed, b, 21) != FEED_NONE);
    assert_int_equal(feed_visible(feed, 8, out), 3);
    assert_int_equal(out[1], b);

    assert_true(feed_hide(feed, a, true));
    assert_int_equal(feed_visible(feed, 8, out), 2);
    assert_true(isinf(feed_score(feed, a, 20)));
    assert_true(feed_hide(feed, a, false));
    assert_int_equal(feed_visible(feed, 8, out), 3);
    assert_false(feed_hide(feed, 77, true));
    feed_destroy(&feed);
}

static void
votes(void **state)
{
    struct feed *feed = make(8);
    uint32_t id = post(feed, FEED_NONE, 0);
    struct feed_post seen;

    (void)state;
    assert_int_equal(feed_vote(feed, id + 1, 0, 1, 1.0), FEED_VOTE_MISSING);
    assert_int_equal(feed_vote(feed, id, 8, 1, 0.25), FEED_VOTE_NEW);
    assert_int_equal(feed_vote(feed, id, 8, 1, 1.0), FEED_VOTE_SAME);
    assert_true(feed_find(feed, id, &seen) && seen.up == 1 && seen.down == 0 && seen.weight == 0.25);
    assert_int_equal(feed_vote(feed, id, 8, -1, 0.25), FEED_VOTE_FLIPPED);
    assert_true(feed_find(feed, id, &seen) && seen.up == 0 && seen.down == 1 && seen.weight == -0.25);
    assert_int_equal(feed_voted(feed, id, 8), -1);
    assert_int_equal(feed_voted(feed, id, 7), 0);
    assert_true(feed_unvote(feed, id, 8, 0.25));
    assert_false(feed_unvote(feed, id, 8, 0.25));
    assert_true(feed_find(feed, id, &seen) && seen.down == 0 && seen.weight == 0.0);
    feed_destroy(&feed);
}

static void
refuses(void **state)
{
    struct feed *feed = make(1);

    (void)state;
    assert_int_equal(feed_add(feed, 0, FEED_NONE, 0, "01234567890", 11, NULL), FEED_NONE);
    assert_int_equal(feed_add(feed, 0, 5, 0, "x", 1, NULL), FEED_NONE);
    assert_int_equal(post(feed, FEED_NONE, 0), 0);
    assert_int_equal(post(feed, 0, 0), FEED_NONE); /* the reply would push out what it answers */
    feed_destroy(&feed);
}

/* A full feed gives up its lowest post, whose votes and id die with it. */
static void
full(void **state)
{
    struct feed *feed = make(3);
    uint32_t a = post(feed, FEED_NONE, 0), b = post(feed, FEED_NONE, 1), c = post(feed, FEED_NONE, 2), gone, d, size;

    (void)state;
    assert_int_equal(feed_vote(feed, a, 1, 1, 1.0), FEED_VOTE_NEW);
    assert_int_equal(feed_vote(feed, c, 1, -1, 1.0), FEED_VOTE_NEW); /* c is now the lowest */
    d = feed_add(feed, 4, FEED_NONE, 3, "new", 3, &gone);
    assert_int_equal(gone, c);
    assert_false(feed_find(feed, c, NULL));
    assert_true(feed_find(feed, d, NULL) && d != c);
    assert_int_equal(d % 3, c % 3);
    assert_int_equal(feed_voted(feed, d, 1), 0);
    assert_int_equal(feed_vote(feed, c, 2, 1, 1.0), FEED_VOTE_MISSING);
    assert_memory_equal(feed_text(feed, d, &size), "new", 3);
    assert_int_equal(size, 3);
    assert_true(feed_hide(feed, a, true)); /* hidden ones go first, whatever their votes */
    assert_true(feed_add(feed, 4, FEED_NONE, 4, NULL, 0, &gone) != FEED_NONE);
    assert_int_equal(gone, a);
    assert_true(feed_find(feed, b, NULL));
    feed_destroy(&feed);
}

static void
threads(void **state)
{
    struct feed *feed = make(16);
    uint32_t root = post(feed, FEED_NONE, 0), a = post(feed, root, 0), b = post(feed, root, 0), aa = post(feed, a, 0),
             out[8];
    const uint32_t want[] = {root, b, a, aa};
    struct feed_post seen;

    (void)state;
    assert_int_equal(feed_vote(feed, b, 1, 1, 1.0), FEED_VOTE_NEW); /* 1 against the half for a's reply */
    assert_int_equal(feed_thread(feed, root, 10, 8, out), 4);
    assert_memory_equal(out, want, sizeof want);
    assert_int_equal(feed_thread(feed, root, 1, 8, out), 3);
    assert_int_equal(feed_thread(feed, root, 10, 2, out), 2);
    assert_int_equal(feed_thread(feed, 99, 10, 8, out), 0);
    assert_true(feed_find(feed, aa, &seen) && seen.depth == 2 && seen.root == root);
    assert_true(feed_find(feed, root, &seen) && seen.tree_size == 4 && seen.replies == 2);
    feed_destroy(&feed);
}

/* The heap's answer is that of looking at every post, and the invariants hold, through histories with full feeds. */
static void
history(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct feed *feed = make(1 + (uint32_t)seed * 3);
        struct rng rng = rng_make(seed, STREAM_TEST, 0, 0);
        uint32_t last = 0, seen[20], want[20];

        for (uint32_t i = 0; i < 600; i++) {
            uint32_t any = last - (last > 40 ? rng_below(&rng, 40) : rng_below(&rng, last + 1)), id;
            struct why why = {0};

            switch (rng_below(&rng, 5)) {
            case 0:
            case 1:
                id = feed_add(feed, rng_below(&rng, 9), rng_chance(&rng, 0.4) ? any : FEED_NONE, i / 10, "text", 4,
                              NULL);
                last = id != FEED_NONE && id > last ? id : last;
                break;
            case 2:
                (void)feed_hide(feed, any, rng_chance(&rng, 0.3));
                break;
            default:
                (void)feed_vote(feed, any, rng_below(&rng, 9), rng_chance(&rng, 0.6) ? 1 : -1, rng_real(&rng));
            }
            if (feed_check(feed, &why) != 0) {
                print_error("seed %u: %s\n", (unsigned)seed, why.text);
                assert_int_equal(why.code, 0);
            }
            assert_int_equal(feed_visible(feed, 20, seen), feed_rank(feed, 0, 20, want));
            assert_memory_equal(seen, want, feed_rank(feed, 0, 20, want) * sizeof want[0]);
        }
        feed_destroy(&feed);
    }
}

static const struct test_case cases[] = {
    {"ranks by votes, replies and age", ranks}, {"one vote an agent and post", votes}, {"refuses", refuses},
    {"a full feed gives up its lowest", full}, {"threads", threads}, {"random histories", history},
};

int
main(void)
{
    return TEST_CASES("feed", cases);
}
