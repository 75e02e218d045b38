#include "tests/unit/world/store_case.h"

#include "world/store_private.h"

#define SEED 20240229u

/* ---- round trips ---- */

static const struct size_row {
    const char *name;
    size_t size;
    bool no_thread;
    uint32_t parts; /* of data */
} size_rows[] = {
    {"no data", 0, false, 0},
    {"no data, without a thread", 0, true, 0},
    {"one byte", 1, false, 1},
    {"one less than a part", 1048559, false, 1},
    {"exactly a part", 1048560, false, 1},
    {"exactly a part, without a thread", 1048560, true, 1},
    {"one more than a part", 1048561, false, 2},
    {"exactly three parts", 3145680, false, 3},
    {"three parts and a bit", 3145690, true, 4},
};

static void
round_trip(void **state)
{
    const struct size_row *row = *state;
    const char *folder = case_folder();
    struct store_options options = {.no_thread = row->no_thread};
    struct buffer header = {0}, data = {0}, part = {0};
    struct why why = {0};
    struct store *store;

    case_create(folder);
    store = case_open(folder, &options);
    for (uint64_t step = 1; step <= 3; step++) {
        struct store_step made = case_step(SEED, step, row->size), again = case_step(SEED, step, row->size);
        struct store_commit commit;

        case_ok(store_append(store, &made, &why), &why);
        case_ok(store_wait(store, step, &why), &why);
        buffer_clear(&header);
        buffer_clear(&data);
        case_ok(store_read_step(store, step, &header, &data, &commit, &why), &why);
        assert_int_equal(header.size, again.header.size);
        assert_memory_equal(header.data, again.header.data, header.size);
        assert_int_equal(data.size, row->size);
        assert_true(row->size == 0 || memcmp(data.data, again.data.data, row->size) == 0);
        assert_memory_equal(commit.digest, again.digest, STORE_DIGEST);
        assert_int_equal(commit.data_size, row->size);
        buffer_clear(&part);
        for (uint32_t i = 1; i <= row->parts; i++)
            case_ok(store_read_part(store, step, i, &part, &why), &why);
        assert_int_equal(part.size, row->size);
        assert_int_equal(store_read_part(store, step, row->parts + 1, &part, &why), ERR_MISSING);
        assert_int_equal(part.size, row->size);
        assert_true(row->size == 0 || memcmp(part.data, again.data.data, row->size) == 0);
        buffer_clear(&part);
        case_ok(store_read_part(store, step, STORE_PART_COMMIT, &part, &why), &why);
        assert_int_equal(part.size, 64);
        assert_memory_equal(part.data, commit.chain, 32);
        case_step_fini(&again);
    }
    case_close(store);
    buffer_fini(&header);
    buffer_fini(&data);
    buffer_fini(&part);
}

/* ---- the same canonical bytes however they came about ---- */

static const struct way_row {
    const char *name;
    struct store_options options;
    uint64_t snapshots;
    uint64_t reopen; /* after every so many steps */
    bool wait;       /* after every step: groups of one */
} way_rows[] = {
    {"thread", {0}, 0, 0, false},
    {"thread, a wait after each step", {0}, 0, 0, true},
    {"no thread", {.no_thread = true}, 0, 0, false},
    {"thread and snapshots", {0}, 2, 0, false},
    {"no thread and snapshots", {.no_thread = true}, 3, 0, false},
    {"no sync", {.durability = STORE_NOSYNC}, 0, 0, false},
    {"opened anew after each step", {0}, 0, 1, false},
    {"opened anew after every third, snapshots", {.no_thread = true}, 2, 3, false},
    {"a tiny map", {.map_size = 65536}, 5, 0, false},
    {"a tiny map, no thread", {.map_size = 65536, .no_thread = true}, 5, 4, false},
    {"waits for space", {.wait_for_space = true}, 0, 0, false},
};

static void
same_bytes(void **state)
{
    const struct way_row *row = *state;
    const char *folder = case_folder();
    struct store *store;

    case_create(folder);
    store = case_open(folder, &row->options);
    for (uint64_t step = 1, last; step <= 24; step = last + 1) {
        last = row->wait ? step : row->reopen > 0 ? step + row->reopen - 1 : 24;
        last = last > 24 ? 24 : last;
        case_append(store, SEED, step, last, row->snapshots);
        if (row->reopen > 0) {
            case_close(store);
            store = case_open(folder, &row->options);
            assert_int_equal(store_committed(store).step, last);
        }
    }
    case_check(store, SEED, 24);
    case_close(store);
    store = case_open_read(folder);
    case_check(store, SEED, 24);
    case_close(store);
}

static void
random_histories(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        const char *folder = case_folder();
        struct store_options options = {.no_thread = seed % 2 == 0, .map_size = UINT64_C(65536) << seed % 5};
        uint64_t steps = case_mix(seed) % 20, at = 0;
        struct store *store;

        print_message("seed %d: %d steps\n", (int)seed, (int)steps);
        case_create(folder);
        while (at < steps) {
            uint64_t to = at + 1 + case_mix(seed * 1000 + at) % 9;

            to = to > steps ? steps : to;
            store = case_open(folder, &options);
            case_append(store, seed, at + 1, to, 1 + case_mix(at) % 4);
            case_close(store);
            at = to;
        }
        store = case_open_read(folder);
        case_check(store, seed, steps);
        case_close(store);
    }
}

/* ---- what is refused ---- */

static const struct order_row {
    const char *name;
    uint64_t before, step;
    size_t header;
    int want;
} order_rows[] = {
    {"the first is 1", 0, 1, 10, 0},
    {"the first is not 0", 0, 0, 10, ERR_INVALID},
    {"the first is not 2", 0, 2, 10, ERR_INVALID},
    {"next", 3, 4, 10, 0},
    {"no gap", 3, 5, 10, ERR_INVALID},
    {"no repetition", 3, 3, 10, ERR_INVALID},
    {"no wrapping", 3, UINT64_MAX, 10, ERR_INVALID},
    {"a header of a part", 3, 4, STORE_PART, 0},
    {"a header over a part", 3, 4, STORE_PART + 1, ERR_LIMIT},
};

static void
order(void **state)
{
    const struct order_row *row = *state;
    const char *folder = case_folder();
    struct store_step made = {.step = row->step};
    struct why why = {0};
    struct store *store;

    case_create(folder);
    store = case_open(folder, NULL);
    case_append(store, SEED, 1, row->before, 0);
    case_fill(&made.header, 5, row->header);
    assert_int_equal(store_append(store, &made, &why), row->want);
    assert_int_equal(why.code, row->want);
    assert_true((made.header.data != NULL) == (row->want != 0)); /* what is refused stays the caller's */
    case_ok(store_wait(store, row->before, &why), &why);
    assert_int_equal(store_wait(store, row->before + 2, &why), ERR_INVALID);
    case_close(store);
    case_step_fini(&made);
    store = case_open_read(folder);
    assert_int_equal(store_committed(store).step, row->before + (row->want == 0));
    case_close(store);
}

static void
missing(void **state)
{
    const char *folder = case_folder();
    struct buffer out = {0};
    struct store_commit commit;
    struct why why = {0};
    struct store *store;

    (void)state;
    case_create(folder);
    store = case_open(folder, NULL);
    assert_int_equal(store_read_commit(store, 1, &commit, &why), ERR_MISSING);
    case_append(store, SEED, 1, 2, 0);
    buffer_append(&out, "kept", 4);
    assert_int_equal(store_read_commit(store, 0, &commit, &why), ERR_MISSING);
    assert_int_equal(store_read_commit(store, 3, &commit, &why), ERR_MISSING);
    assert_int_equal(store_read_step(store, 3, &out, &out, NULL, &why), ERR_MISSING);
    assert_int_equal(store_read_part(store, 3, 0, &out, &why), ERR_MISSING);
    assert_int_equal(store_read_part(store, 2, 4000, &out, &why), ERR_MISSING);
    assert_int_equal(store_verify(store, 1, 3, &why), ERR_MISSING);
    assert_int_equal(store_verify(store, 1, 2, &why), 0);
    assert_int_equal(store_verify(store, 2, 2, &why), 0);
    assert_int_equal(out.size, 4);
    case_close(store);
    buffer_fini(&out);
}

static void
folders(void **state)
{
    const char *folder = case_folder(), *other = case_folder();
    char path[PATH_MAX + 32];
    struct why why = {0};
    struct store *store = NULL;

    (void)state;
    assert_int_equal(store_open(folder, NULL, &store, &why), ERR_MISSING);
    assert_int_equal(store_open_read(folder, &store, &why), ERR_MISSING);
    assert_null(store);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(store_open(folder, NULL, &store, &why), ERR_MISSING); /* a folder, but no run */
    case_create(folder);                                                   /* an empty one may be filled */
    assert_int_equal(store_create(folder, "x", 1, &why), ERR_STATE);
    assert_int_equal(store_create("", "x", 1, &why), ERR_INVALID);
    snprintf(path, sizeof path, "%s/none/run", other);
    assert_int_equal(store_create(path, "x", 1, &why), ERR_MISSING);
    snprintf(path, sizeof path, "%s/%s", folder, STORE_LOG_FILE);
    assert_int_equal(store_create(path, "x", 1, &why), ERR_STATE);
    assert_int_equal(store_open(path, NULL, &store, &why), ERR_MISSING);
    snprintf(path, sizeof path, "%s///", other);
    case_create(path);
    store = case_open(other, NULL);
    case_ok(store_close(&store, &why), &why);
    assert_null(store);
    case_ok(store_close(&store, &why), &why); /* nothing to close */
}

static void
one_per_process(void **state)
{
    const char *folder = case_folder();
    struct store *store, *second = NULL;
    struct store_step step = {.step = 1};
    struct why why = {0};

    (void)state;
    case_create(folder);
    store = case_open(folder, NULL);
    assert_int_equal(store_open(folder, NULL, &second, &why), ERR_STATE);
    assert_int_equal(store_open_read(folder, &second, &why), ERR_STATE);
    assert_null(second);
    case_close(store);
    store = case_open_read(folder);
    assert_int_equal(store_open(folder, NULL, &second, &why), ERR_STATE);
    assert_int_equal(store_append(store, &step, &why), ERR_STATE);
    assert_int_equal(store_acknowledge(store, &why), ERR_STATE);
    assert_int_equal(store_wait(store, 0, &why), ERR_STATE);
    assert_int_equal(store_ready_fd(store), -1);
    case_close(store);
}

static const struct magic_row {
    const char *name;
    uint64_t magic;
    bool refused, warned;
} magic_rows[] = {
    {"ext4", 0xef53, false, false},        {"tmpfs", 0x01021994, false, false},
    {"xfs", 0x58465342, false, false},     {"btrfs", 0x9123683e, false, false},
    {"overlayfs", 0x794c7630, false, true}, {"NFS", 0x6969, true, false},
    {"CIFS", 0xff534d42, true, false},     {"SMB2", 0xfe534d42, true, false},
    {"FUSE", 0x65735546, true, false},     {"9p", 0x01021997, true, false},
    {"Lustre", 0x0bd00bd0, true, false},
};

static void
filesystems(void **state)
{
    const struct magic_row *row = *state;
    const char *warn;

    assert_int_equal(store_filesystem_refused(row->magic, &warn) != NULL, row->refused);
    assert_int_equal(warn != NULL, row->warned);
}

/* ---- identity ---- */

static void
identity(void **state)
{
    const char *folder = case_folder(), *other = case_folder();
    uint8_t genesis[32];
    uint32_t run = 0;
    struct store *store;
    size_t size;

    (void)state;
    crypto_generichash(genesis, 32, (const uint8_t *)CASE_MANIFEST, strlen(CASE_MANIFEST), NULL, 0);
    case_create(folder);
    case_create(other);
    for (uint32_t epoch = 1; epoch <= 3; epoch++) {
        store = case_open(folder, NULL);
        assert_int_equal(store_epoch(store), epoch);
        assert_true(epoch == 1 || store_run_id(store) == run);
        run = store_run_id(store);
        assert_int_not_equal(run, 0);
        assert_memory_equal(store_manifest(store, &size), CASE_MANIFEST, strlen(CASE_MANIFEST));
        assert_int_equal(size, strlen(CASE_MANIFEST));
        assert_int_equal(store_committed(store).step, 0);
        assert_memory_equal(store_committed(store).chain, genesis, 32);
        case_close(store);
    }
    store = case_open_read(folder);
    assert_int_equal(store_epoch(store), 3); /* reading raises nothing */
    case_close(store);
    store = case_open(other, NULL);
    assert_int_not_equal(store_run_id(store), run); /* but for one in 2^32 times */
    case_close(store);
}

static void
large_manifest(void **state)
{
    const char *folder = case_folder();
    struct buffer manifest = {0};
    struct why why = {0};
    struct store *store;
    size_t size;

    (void)state;
    case_fill(&manifest, 3, 3000000);
    case_ok(store_create(folder, manifest.data, manifest.size, &why), &why);
    store = case_open(folder, &(struct store_options){.map_size = 65536});
    assert_memory_equal(store_manifest(store, &size), manifest.data, manifest.size);
    assert_int_equal(size, manifest.size);
    case_append(store, SEED, 1, 2, 0);
    case_close(store);
    buffer_fini(&manifest);
}

static void
announcement(void **state)
{
    const char *folder = case_folder();
    struct why why = {0};
    struct store *store;

    (void)state;
    case_create(folder);
    store = case_open(folder, NULL);
    for (uint64_t step = 1; step <= 5; step++) {
        struct store_step made = case_step(SEED, step, 100);
        struct pollfd fd = {.fd = store_ready_fd(store), .events = POLLIN};

        assert_int_equal(poll(&fd, 1, 0), 0);
        case_ok(store_append(store, &made, &why), &why);
        assert_int_equal(poll(&fd, 1, 60000), 1);
        case_ok(store_acknowledge(store, &why), &why);
        assert_int_equal(store_committed(store).step, step);
    }
    case_ok(store_acknowledge(store, &why), &why); /* with nothing to tell */
    case_close(store);
}

static void
trace(void **state)
{
    static const char *const words[] = {"", "one ", "two ", "", "four."};
    const char *folder = case_folder();
    char path[PATH_MAX + 16];
    struct why why = {0};
    struct buffer out;
    struct store *store = NULL;

    (void)state;
    case_create(folder);
    for (uint64_t step = 1; step <= 4; step++) {
        struct store_step made = {.step = step};

        if (step % 2 == 1)
            store = case_open(folder, NULL);
        if (step != 3)
            buffer_append(&made.trace, words[step], strlen(words[step]));
        case_ok(store_append(store, &made, &why), &why);
        if (step % 2 == 0)
            case_close(store);
    }
    snprintf(path, sizeof path, "%s/trace.bin", folder);
    out = case_read_file(path);
    assert_int_equal(out.size, 13);
    assert_memory_equal(out.data, "one two four.", 13);
    buffer_fini(&out);
}

/* ---- maps ---- */

static void
map_limit(void **state)
{
    const char *folder = case_folder();
    struct store_options options = {.map_size = 65536, .map_limit = 4u << 20};
    struct why why = {0};
    struct store *store;
    uint64_t step = 0, tip;
    int code = 0;

    (void)state;
    case_create(folder);
    store = case_open(folder, &options);
    while (code == 0 && step < 500) {
        struct store_step made = case_step(SEED, step + 1, case_mixed_size(SEED, step + 1));

        code = store_append(store, &made, &why);
        step += code == 0;
        case_step_fini(&made);
    }
    assert_int_equal(code, ERR_FULL);
    assert_non_null(strstr(why.text, "limit"));
    assert_int_equal(store_wait(store, step, &why), ERR_FULL);
    assert_int_equal(store_acknowledge(store, &why), ERR_FULL);
    tip = store_committed(store).step;
    assert_true(tip > 0 && tip < step);
    case_ok(store_wait(store, tip, &why), &why);
    case_check(store, SEED, tip); /* it can still be read */
    assert_int_equal(store_close(&store, &why), ERR_FULL);

    options.map_limit = 0;
    store = case_open(folder, &options);
    assert_int_equal(store_committed(store).step, tip);
    case_append(store, SEED, tip + 1, tip + 10, 0);
    case_check(store, SEED, tip + 10);
    case_close(store);
}

static void
map_growth_beside_reader(void **state)
{
    const char *folder = case_folder();
    char *arguments[] = {(char *)"test", (char *)"follow", (char *)(uintptr_t)folder, (char *)"40", NULL};
    struct why why = {0};
    struct store *store;
    uint64_t seen;
    pid_t reader;

    (void)state;
    case_create(folder);
    reader = case_spawn(arguments, NULL, NULL);
    store = case_open(folder, &(struct store_options){.map_size = 65536});
    for (uint64_t step = 1; step <= 40; step++) {
        struct store_step made = case_step(SEED, step, case_mixed_size(SEED, step));
        struct buffer data = {0};

        case_ok(store_append(store, &made, &why), &why);
        /* This process reads while its log thread writes and grows the map. */
        if ((seen = store_committed(store).step) > 0) {
            case_ok(store_read_step(store, seen, NULL, &data, NULL, &why), &why);
            assert_int_equal(data.size, case_mixed_size(SEED, seen));
        }
        buffer_fini(&data);
    }
    case_ok(store_wait(store, 40, &why), &why);
    case_check(store, SEED, 40);
    case_close(store);
    assert_int_equal(case_join(reader), 0);
}

/* The child: reads each step as it comes and compares it. */
static int
follow(const char *folder, uint64_t count)
{
    struct why why = {0};
    struct store *store;
    uint64_t seen = 0;

    if (store_open_read(folder, &store, &why) != 0) {
        fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    for (int turn = 0; seen < count && turn < 60000; turn++) {
        for (; seen < store_committed(store).step; seen++) {
            struct store_step want = case_step(SEED, seen + 1, case_mixed_size(SEED, seen + 1));
            struct buffer header = {0}, data = {0};
            int code = store_read_step(store, seen + 1, &header, &data, NULL, &why);
            bool same = code == 0 && header.size == want.header.size && data.size == want.data.size &&
                        memcmp(header.data, want.header.data, header.size) == 0 &&
                        (data.size == 0 || memcmp(data.data, want.data.data, data.size) == 0);

            if (!same) {
                fprintf(stderr, "step %d: %d %s\n", (int)seen + 1, code, why.text);
                return 2;
            }
            buffer_fini(&header);
            buffer_fini(&data);
            case_step_fini(&want);
        }
        usleep(1000);
    }
    return seen < count || store_verify(store, 0, UINT64_MAX, &why) != 0 || store_close(&store, &why) != 0;
}

static void
other_process(void **state)
{
    const char *folder = case_folder();
    char *arguments[] = {(char *)"test", (char *)"open", (char *)(uintptr_t)folder, NULL};
    struct store *store;

    (void)state;
    case_create(folder);
    store = case_open(folder, NULL);
    assert_int_equal(case_join(case_spawn(arguments, NULL, NULL)), ERR_STATE);
    case_append(store, SEED, 1, 3, 0); /* unharmed */
    case_close(store);
    assert_int_equal(case_join(case_spawn(arguments, NULL, NULL)), 0);
    store = case_open(folder, NULL);
    assert_int_equal(store_epoch(store), 3);
    case_check(store, SEED, 3);
    case_close(store);
}

static int
open_once(const char *folder)
{
    struct why why = {0};
    struct store *store;
    int code = store_open(folder, NULL, &store, &why);

    if (code == ERR_STATE && strstr(why.text, "being written by a process") == NULL)
        return 100;
    return code != 0 ? code : store_close(&store, &why);
}

/* ---- copies ---- */

static const struct copy_row {
    const char *name;
    uint64_t upto, want_step, snapshot;
    int want;
} copy_rows[] = {
    {"nothing", 0, 0, 0, 0},
    {"the first step", 1, 1, 0, 0},
    {"before the kept snapshots", 7, 7, 0, 0},
    {"at a snapshot", 9, 9, 9, 0},
    {"between snapshots", 11, 11, 9, 0},
    {"the last step", 14, 14, 12, 0},
    {"everything", UINT64_MAX, 14, 12, 0},
    {"more than there is", 15, 0, 0, ERR_MISSING},
};

static void
copies(void **state)
{
    const struct copy_row *row = *state;
    const char *folder = case_folder(), *target = case_folder();
    struct buffer snapshot = {0}, want = {0};
    struct why why = {0};
    struct store *store, *copy;
    uint64_t step;

    case_create(folder);
    store = case_open(folder, &(struct store_options){.no_thread = true});
    case_append(store, SEED, 1, 14, 3);
    assert_int_equal(store_copy(store, target, row->upto, &why), row->want);
    if (row->want == 0) {
        assert_int_equal(store_copy(store, target, row->upto, &why), ERR_STATE);
        copy = case_open_read(target);
        assert_int_equal(store_epoch(copy), 0);
        assert_int_not_equal(store_run_id(copy), store_run_id(store));
        case_ok(store_read_snapshot(copy, UINT64_MAX, &step, &snapshot, &why), &why);
        assert_int_equal(step, row->snapshot);
        case_fill(&want, SEED + step, step == 0 ? 0 : 3000 + (size_t)step);
        assert_int_equal(snapshot.size, want.size);
        assert_true(want.size == 0 || memcmp(snapshot.data, want.data, want.size) == 0);
        case_check(copy, SEED, row->want_step);
        case_close(copy);
        copy = case_open(target, NULL); /* and goes on like the first one */
        assert_int_equal(store_epoch(copy), 1);
        case_append(copy, SEED, row->want_step + 1, 16, 0);
        case_check(copy, SEED, 16);
        case_close(copy);
    }
    else
        assert_int_equal(access(target, F_OK), -1);
    case_close(store);
    buffer_fini(&snapshot);
    buffer_fini(&want);
}

static void
copy_while_writing(void **state)
{
    const char *folder = case_folder(), *target = case_folder();
    struct why why = {0};
    struct store *store, *copy;
    uint64_t tip;

    (void)state;
    case_create(folder);
    store = case_open(folder, &(struct store_options){.map_size = 65536});
    case_append(store, SEED, 1, 10, 0);
    for (uint64_t step = 11; step <= 14; step++) {
        struct store_step made = case_step(SEED, step, case_mixed_size(SEED, step));

        case_ok(store_append(store, &made, &why), &why);
    }
    case_ok(store_copy(store, target, UINT64_MAX, &why), &why);
    copy = case_open_read(target);
    tip = store_committed(copy).step;
    assert_true(tip >= 10 && tip <= 14);
    case_check(copy, SEED, tip);
    case_close(copy);
    case_ok(store_wait(store, 14, &why), &why);
    case_check(store, SEED, 14);
    case_close(store);
}

static void
export_to_closed_pipe(void **state)
{
    const char *folder = case_folder();
    struct why why = {0};
    struct store *store;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    case_create(folder);
    store = case_open(folder, NULL);
    case_append(store, SEED, 1, 3, 0);
    assert_int_equal(store_export_canonical(store, full, &why), ERR_FULL);
    assert_int_equal(store_export_canonical(store, -1, &why), ERR_IO);
    case_check(store, SEED, 3);
    case_close(store);
    close(full);
}

int
main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        {"random histories", random_histories},
        {"what is not there", missing},
        {"folders", folders},
        {"one environment per process", one_per_process},
        {"manifest, run and epoch", identity},
        {"a manifest larger than the map", large_manifest},
        {"the ready descriptor", announcement},
        {"the trace is appended", trace},
        {"a map at its limit", map_limit},
        {"a map that grows beside a reader", map_growth_beside_reader},
        {"a second writer is refused", other_process},
        {"a copy of a run that is being written", copy_while_writing},
        {"an export that cannot be written", export_to_closed_pipe},
    };

    if (argc == 4 && strcmp(argv[1], "follow") == 0)
        return follow(argv[2], strtoull(argv[3], NULL, 10));
    if (argc == 3 && strcmp(argv[1], "open") == 0)
        return open_once(argv[2]);
    return TEST_ROWS("store round trip", size_rows, round_trip) + TEST_ROWS("store same bytes", way_rows, same_bytes) +
           TEST_ROWS("store order", order_rows, order) + TEST_ROWS("store file systems", magic_rows, filesystems) +
           TEST_ROWS("store_copy", copy_rows, copies) + TEST_CASES("store", cases);
}
