/* A fork's log: it begins with a base, its chain is that of the layout, and nothing of it is lost. */
#include "tests/unit/world/store_case.h"

#include <sys/wait.h>

#define SEED 77u
#define BASE 30u

static struct store_step
make_base(uint64_t step, size_t size)
{
    struct store_step base = case_step(SEED, step, size);

    base.step = step;
    return base;
}

static void
create(const char *folder, uint64_t step, size_t size)
{
    struct store_step base = make_base(step, size);
    struct why why = {0};

    case_ok(store_create_fork(folder, CASE_MANIFEST, strlen(CASE_MANIFEST), &base, &why), &why);
    case_step_fini(&base);
}

/* The chain behind `last`, worked out from the layout's description. */
static void
expected_chain(uint64_t step, size_t size, uint64_t last, uint8_t chain[32])
{
    struct store_step made = make_base(step, size);

    crypto_generichash(chain, 32, (const uint8_t *)CASE_MANIFEST, strlen(CASE_MANIFEST), NULL, 0);
    case_hash_step(chain, &made);
    case_step_fini(&made);
    for (uint64_t number = step + 1; number <= last; number++) {
        made = case_step(SEED, number, case_mixed_size(SEED, number));
        case_hash_step(chain, &made);
        case_step_fini(&made);
    }
}

static void
check(struct store *store, uint64_t step, size_t size, uint64_t last)
{
    struct store_commit tip = store_committed(store);
    uint8_t chain[32];
    struct why why = {0};

    expected_chain(step, size, last, chain);
    assert_true(store_is_fork(store));
    assert_int_equal(store_base(store), step);
    assert_int_equal(tip.step, last);
    assert_memory_equal(tip.chain, chain, 32);
    case_ok(store_verify(store, 0, UINT64_MAX, &why), &why);
    case_ok(store_verify(store, step, last, &why), &why);
}

static const struct row {
    const char *name;
    uint64_t base;
    size_t size;
} rows[] = {
    {"in the middle", BASE, 1000},
    {"before the first step", 0, 1000},
    {"a base of several pieces", BASE, 3 * 1048560 + 17},
    {"a base of just two pieces", 1, 2 * 1048560},
    {"an empty base", 5, 0},
};

static void
forks(void **state)
{
    const struct row *row = *state;
    const char *folder = case_folder();
    struct store_options options = {.durability = STORE_NOSYNC};
    struct store_step base = make_base(row->base, row->size);
    struct buffer header = {0}, data = {0};
    struct store_commit commit;
    struct store *store;
    struct why why = {0};

    create(folder, row->base, row->size);
    store = case_open(folder, &options);
    check(store, row->base, row->size, row->base);
    case_append(store, SEED, row->base + 1, row->base + 70, 20);
    check(store, row->base, row->size, row->base + 70);
    case_close(store);
    store = case_open_read(folder);
    check(store, row->base, row->size, row->base + 70);
    case_ok(store_read_step(store, row->base, &header, &data, &commit, &why), &why);
    assert_int_equal(data.size, row->size);
    assert_memory_equal(header.data, base.header.data, base.header.size);
    assert_true(data.size == 0 || memcmp(data.data, base.data.data, data.size) == 0);
    assert_memory_equal(commit.digest, base.digest, STORE_DIGEST);
    if (row->base > 0)
        assert_int_equal(store_read_commit(store, row->base - 1, &commit, &why), ERR_MISSING);
    case_close(store);
    case_step_fini(&base);
    buffer_fini(&header);
    buffer_fini(&data);
}

/* The next step is the one behind the base, and no other. */
static void
steps_go_on(void **state)
{
    const char *folder = case_folder();
    struct store_step first = case_step(SEED, 1, 10), next = case_step(SEED, BASE + 1, 10);
    struct store *store;
    struct why why = {0};

    (void)state;
    create(folder, BASE, 100);
    store = case_open(folder, NULL);
    assert_int_equal(store_append(store, &first, &why), ERR_INVALID);
    case_ok(store_append(store, &next, &why), &why);
    case_ok(store_wait(store, BASE + 1, &why), &why);
    case_close(store);
    case_step_fini(&first);
}

/* A copy has the base, too, and is a fork. */
static void
copies(void **state)
{
    const char *folder = case_folder();
    char target[PATH_MAX];
    struct store *store, *copy;
    struct buffer a, b;
    struct why why = {0};

    (void)state;
    snprintf(target, sizeof target, "%s-copy", folder);
    create(folder, BASE, 5000);
    store = case_open(folder, NULL);
    case_append(store, SEED, BASE + 1, BASE + 9, 4);
    assert_int_equal(store_copy(store, target, BASE - 1, &why), ERR_MISSING);
    case_ok(store_copy(store, target, UINT64_MAX, &why), &why);
    copy = case_open_read(target);
    check(copy, BASE, 5000, BASE + 9);
    a = case_export(store);
    b = case_export(copy);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    buffer_fini(&a);
    buffer_fini(&b);
    case_close(copy);
    case_close(store);
}

/* A bit of the base that is not as it was is found, by whoever looks at all of it. */
static void
damage(void **state)
{
    const char *folder = case_folder();
    char path[PATH_MAX], needle[16];
    struct store_step base = make_base(BASE, 5000);
    struct buffer file;
    struct store *store;
    struct why why = {0};
    uint8_t *at;
    FILE *stream;

    (void)state;
    create(folder, BASE, 5000);
    snprintf(path, sizeof path, "%s/log.mdb", folder);
    file = case_read_file(path);
    memcpy(needle, base.data.data + 2000, sizeof needle);
    at = memmem(file.data, file.size, needle, sizeof needle);
    assert_non_null(at);
    stream = fopen(path, "r+b");
    assert_non_null(stream);
    assert_int_equal(fseek(stream, at - file.data, SEEK_SET), 0);
    assert_int_equal(fputc(at[0] ^ 1, stream), at[0] ^ 1);
    assert_int_equal(fclose(stream), 0);
    store = case_open_read(folder);
    assert_int_equal(store_verify(store, 0, UINT64_MAX, &why), ERR_DIGEST);
    assert_non_null(strstr(why.text, "step 30"));
    case_close(store);
    assert_int_equal(store_open(folder, NULL, &store, &why), ERR_DIGEST);
    buffer_fini(&file);
    case_step_fini(&base);
}

int
main(void)
{
    static const struct test_case cases[] = {{"steps go on behind the base", steps_go_on},
        {"a copy is a fork, too", copies}, {"a damaged base is found", damage}};

    return TEST_ROWS("store_create_fork", rows, forks) + TEST_CASES("store_fork", cases);
}
