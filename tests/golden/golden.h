/* tests/golden/golden.h - reading the cases that were measured elsewhere: {"cases": [{"in": ..., "out": ...}]}. */
#ifndef POLIS_TESTS_GOLDEN_H
#define POLIS_TESTS_GOLDEN_H

#include "tests/support/test.h"

#include <jansson.h>

#include <stdio.h>
#include <string.h>

/* The file's cases (a list; the caller owns one reference), or NULL after saying that the group is skipped. */
static inline json_t *
golden_cases(const char *name)
{
    const char *folder = test_vectors();
    char path[4096];
    json_error_t error;
    json_t *file, *cases;

    if (folder == NULL) {
        test_say_skipped(name, "no folder of golden cases (POLIS_VECTORS)");
        return NULL;
    }
    snprintf(path, sizeof path, "%s/%s.json", folder, name);
    file = json_load_file(path, 0, &error);
    if (file == NULL)
        fail_msg("%s: %s", path, error.text);
    cases = json_incref(json_object_get(file, "cases"));
    json_decref(file);
    assert_true(json_array_size(cases) > 0);
    return cases;
}

/* A number that must be there. */
static inline double
golden_real(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_number(value))
        fail_msg("no number \"%s\"", key);
    return json_number_value(value);
}

/* Counts a comparison: equal to the bit, or else within `relative`. */
struct golden_count {
    unsigned values, equal;
};

static inline void
golden_compare(struct golden_count *count, size_t index, const char *what, double got, double want, double relative)
{
    double larger = got * got > want * want ? got : want;
    double distance = got - want;

    count->values++;
    if (got == want) {
        count->equal++;
        return;
    }
    if (larger < 0)
        larger = -larger;
    if (distance < 0)
        distance = -distance;
    if (!(distance <= relative * larger))
        fail_msg("case %zu, %s: %.17g is not %.17g", index, what, got, want);
}

/* The same for differences of numbers of order 1, which keep no relative precision: what is within `floor` is near. */
static inline void
golden_compare_near(struct golden_count *count, size_t index, const char *what, double got, double want,
                    double relative, double floor)
{
    double distance = got > want ? got - want : want - got;

    if (got != want && distance <= floor)
        count->values++;
    else
        golden_compare(count, index, what, got, want, relative);
}

/* Looks at one case and counts what it compares. */
typedef void golden_each_fn(struct golden_count *count, size_t index, const json_t *in, const json_t *out);

/* Goes through the file's cases in order and says what was compared. */
static inline void
golden_run(const char *name, golden_each_fn *each)
{
    json_t *cases = golden_cases(name), *entry;
    struct golden_count count = {0};
    size_t index;

    if (cases == NULL)
        return;
    json_array_foreach(cases, index, entry)
        each(&count, index, json_object_get(entry, "in"), json_object_get(entry, "out"));
    printf("    %s: %u values, %u of them equal to the bit\n", name, count.values, count.equal);
    json_decref(cases);
}

#endif
