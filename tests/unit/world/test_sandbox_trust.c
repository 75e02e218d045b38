#include "world/sandbox/trust.h"

#include "core/rng.h"
#include "core/streams.h"
#include "tests/support/test.h"

static void
means(void **state)
{
    struct trust *trust = trust_new(5, 4);

    (void)state;
    assert_true(trust_value(trust_find(trust, 0, 1)) == 0.5);
    trust_note(trust, 0, 1, 0.25, true);
    trust_note(trust, 0, 1, 0.75, false);
    assert_true(trust_value(trust_find(trust, 0, 1)) == 0.5);
    trust_note(trust, 0, 1, 1.0, true);
    assert_close(trust_value(trust_find(trust, 0, 1)), 2.0 / 3.0, 1e-12);
    assert_int_equal(trust_find(trust, 0, 1)->past, 3);
    assert_int_equal(trust_find(trust, 0, 1)->accepted, 2);
    assert_null(trust_find(trust, 1, 0)); /* each remembers for itself */
    trust_punish(trust, 0, 1, 3);         /* 2 of 6 */
    assert_close(trust_value(trust_find(trust, 0, 1)), 1.0 / 3.0, 1e-12);
    assert_int_equal(trust_find(trust, 0, 1)->past, 3);
    trust_punish(trust, 0, 4, 3); /* unknown: nothing to hold it against */
    assert_null(trust_find(trust, 0, 4));
    assert_int_equal(trust_count(trust, 0, 2), 1);
    assert_int_equal(trust_count(trust, 0, 3), 0);
    trust_destroy(&trust);
}

static void
forgets(void **state)
{
    struct trust *trust = trust_new(9, 2);
    const struct trust_entry *table;
    uint32_t count;

    (void)state;
    trust_note(trust, 0, 1, 1.0, true);
    trust_note(trust, 0, 2, 1.0, true);
    trust_note(trust, 0, 1, 1.0, true); /* now 2 is the one used longest ago */
    trust_note(trust, 0, 3, 1.0, true);
    assert_null(trust_find(trust, 0, 2));
    table = trust_table(trust, 0, &count);
    assert_int_equal(count, 2);
    assert_int_equal(table[0].partner, 3);
    assert_int_equal(table[1].partner, 1);
    assert_int_equal(table[1].past, 2);
    trust_table(trust, 1, &count);
    assert_int_equal(count, 0);
    assert_true(trust_flag(trust, 0, 1, TRUST_DOWNVOTED));
    assert_false(trust_flag(trust, 0, 1, TRUST_DOWNVOTED));
    assert_false(trust_flag(trust, 0, 2, TRUST_DOWNVOTED));
    trust_destroy(&trust);
}

/* Counters that fill up keep the mean and the invariants. */
static void
fills(void **state)
{
    struct trust *trust = trust_new(2, 1);
    struct why why = {0};

    (void)state;
    for (uint32_t i = 0; i < 200000; i++)
        trust_note(trust, 0, 1, i % 4 == 0 ? 0.0 : 1.0, true);
    assert_close(trust_value(trust_find(trust, 0, 1)), 0.75, 1e-3);
    assert_int_equal(trust_find(trust, 0, 1)->past, UINT16_MAX);
    assert_int_equal(trust_check(trust, &why), 0);
    for (uint32_t i = 0; i < 1000; i++)
        trust_punish(trust, 0, 1, 1000);
    assert_true(trust_value(trust_find(trust, 0, 1)) < 1e-3);
    assert_int_equal(trust_check(trust, &why), 0);
    trust_destroy(&trust);
}

/* Against a plain list of partners in order of use. */
static void
history(void **state)
{
    struct trust *trust = trust_new(30, 8);
    struct rng rng = rng_make(4, STREAM_TEST, 0, 0);
    uint32_t recent[8], known = 0;
    struct why why = {0};

    (void)state;
    for (uint32_t i = 0; i < 5000; i++) {
        uint32_t partner = 1 + rng_below(&rng, 12), at = 0, count;
        const struct trust_entry *table;

        trust_note(trust, 0, partner, rng_real(&rng), false);
        while (at < known && recent[at] != partner)
            at++;
        if (at == known)
            at = known < 8 ? known++ : 7;
        for (; at > 0; at--)
            recent[at] = recent[at - 1];
        recent[0] = partner;
        table = trust_table(trust, 0, &count);
        assert_int_equal(count, known);
        for (uint32_t j = 0; j < known; j++)
            assert_int_equal(table[j].partner, recent[j]);
    }
    assert_int_equal(trust_check(trust, &why), 0);
    trust_destroy(&trust);
}

static const struct test_case cases[] = {
    {"mean label, penalised by proof", means},
    {"the least recently used is forgotten", forgets},
    {"full counters", fills},
    {"random histories", history},
};

int
main(void)
{
    return TEST_CASES("trust", cases);
}
