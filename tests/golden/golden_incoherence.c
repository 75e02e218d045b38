#include "core/incoherence.h"

#include "tests/golden/golden.h"

#define NEAR 1e-12
#define CHOICES_MAX 256

/* A choice is one letter there. */
static uint32_t
choice_of(const json_t *value)
{
    const char *text = json_string_value(value);

    if (text == NULL)
        return INCOHERENCE_NO_BENCHMARK;
    assert_int_equal(strlen(text), 1);
    return (uint32_t)text[0];
}

static void
compare_case(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const json_t *list = json_object_get(in, "actions");
    uint32_t choices[CHOICES_MAX];
    size_t size = json_array_size(list);
    struct incoherence got;

    assert_true(size <= CHOICES_MAX);
    for (size_t i = 0; i < size; i++)
        choices[i] = choice_of(json_array_get(list, i));
    got = incoherence_of(choices, size, choice_of(json_object_get(in, "benchmark")));
    golden_compare(count, index, "disagreement", got.disagreement, golden_real(out, "disagreement"), NEAR);
    golden_compare(count, index, "error", got.error, golden_real(out, "error"), NEAR);
    golden_compare(count, index, "incoherence", got.incoherence, golden_real(out, "incoherence"), NEAR);
}

static void
incoherence(void **state)
{
    (void)state;
    golden_run("incoherence", compare_case);
}

static const struct test_case groups[] = {{"incoherence", incoherence}};

int
main(void)
{
    return TEST_CASES("golden incoherence", groups);
}
