/* tests/unit/world/test_compat_board.c - posts by net votes and then newest first, after every change. */
#include "core/rng.h"
#include "tests/support/test.h"
#include "world/compat/board.h"

#include <string.h>

/* Operations: p post, u vote up, d vote down; for votes a post and a voter (9: who does not sign). */
static const struct row {
    const char *name, *does, *order; /* ids, best first */
    uint64_t votes;
} rows[] = {
    {"newest first", "p p p", "210", 0},
    {"votes before age", "p p p u00", "021", 1},
    {"the same again changes nothing", "p p u00 u00", "01", 1},
    {"the opposite takes its place", "p p u00 d00", "10", 1},
    {"two voters, two votes", "p p p u10 u11 u00", "102", 3},
    {"down goes behind everybody", "p p p d20", "102", 1},
    {"those who do not sign are one voter", "p p u09 u09 u00", "01", 2},
};

static void
run_ops(struct compat_board *board, const char *does)
{
    for (; *does != '\0'; does++)
        if (*does == 'p') {
            compat_board_post(board, 0);
        } else if (*does != ' ') {
            uint32_t post = (uint32_t)(does[1] - '0'), voter = (uint32_t)(does[2] - '0');

            compat_board_vote(board, post, voter == 9 ? COMPAT_NOBODY : voter, *does == 'u' ? 1 : -1);
            does += 2;
        }
}

static void
order(void **state)
{
    const struct row *row = *state;
    struct compat_board board;
    struct why why = {0};

    compat_board_init(&board, 3);
    run_ops(&board, row->does);
    assert_int_equal(board.count, strlen(row->order));
    for (uint32_t i = 0; i < board.count; i++)
        assert_int_equal(board.order[i], row->order[i] - '0');
    assert_int_equal(board.vote_count, row->votes);
    assert_int_equal(compat_board_check(&board, &why), 0);
    compat_board_fini(&board);
}

/* After a thousand random operations the order is the sorted one, and it survives being saved. */
static void
history(void **state)
{
    struct rng rng = rng_make(3, 60000, 0, 0);
    struct compat_board board, copy;
    struct buffer bytes = {0}, again = {0};
    struct why why = {0};
    size_t offset = 0;

    (void)state;
    compat_board_init(&board, 70);
    compat_board_init(&copy, 70);
    for (uint32_t i = 0; i < 1000; i++) {
        if (board.count == 0 || rng_below(&rng, 3) == 0)
            compat_board_post(&board, rng_below(&rng, 70));
        else
            compat_board_vote(&board, rng_below(&rng, board.count), rng_below(&rng, 70), rng_below(&rng, 2) ? 1 : -1);
        if (compat_board_check(&board, &why) != 0)
            fail_msg("operation %u: %s", i, why.text);
    }
    compat_board_save(&board, &bytes);
    assert_int_equal(compat_board_load(&copy, bytes.data, bytes.size, &offset, &why), 0);
    assert_int_equal(offset, bytes.size);
    compat_board_save(&copy, &again);
    assert_int_equal(again.size, bytes.size);
    assert_memory_equal(again.data, bytes.data, bytes.size);
    for (size_t size = 0; size < bytes.size; size += 97) {
        offset = 0;
        assert_int_equal(compat_board_load(&copy, bytes.data, size, &offset, &why), ERR_FORMAT);
    }
    buffer_fini(&bytes);
    buffer_fini(&again);
    compat_board_fini(&board);
    compat_board_fini(&copy);
}

static const struct test_case cases[] = {{"a history", history}};

int
main(void)
{
    return TEST_ROWS("compat_board", rows, order) + TEST_CASES("compat_board history", cases);
}
