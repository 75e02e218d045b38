/* The store under what may befall it: damage on the disk, death at every named place and at any other moment, and
 * disks without space. */
#include "tests/unit/world/store_case.h"

#include <sched.h>
#include <sys/mount.h>
#include <time.h>

#include "world/store_private.h"

#define SEED 77u
#define STEPS 16u

/* ---- damage ---- */

enum damage { FLIP, DROP, CUT, EXTRA, EMPTY };

static const struct damage_row {
    const char *name;
    uint64_t step;
    uint32_t part;
    enum damage damage;
    size_t byte;
    int want;          /* of a full verify */
    const char *named; /* in the reason */
    bool opens;        /* for writing: the damage is over 64 links back */
} damage_rows[] = {
    {"a header's byte", 70, 0, FLIP, 3, ERR_DIGEST, "step 70", false},
    {"a byte of the data", 70, 1, FLIP, 99, ERR_DIGEST, "step 70", false},
    {"the last byte of a later part", 69, 2, FLIP, 60, ERR_DIGEST, "step 69", false},
    {"the chain", 70, STORE_PART_COMMIT, FLIP, 0, ERR_DIGEST, "step 70", false},
    {"the digest", 70, STORE_PART_COMMIT, FLIP, 40, ERR_DIGEST, "step 70", false},
    {"the data's size", 70, STORE_PART_COMMIT, FLIP, 56, ERR_FORMAT, "step 70", false},
    {"a data size beyond all bounds", 70, STORE_PART_COMMIT, FLIP, 63, ERR_FORMAT, "step 70", false},
    {"the last commit's chain", 80, STORE_PART_COMMIT, FLIP, 0, ERR_DIGEST, "ends at step 80", false},
    {"a part is gone", 70, 1, DROP, 0, ERR_FORMAT, "step 70", false},
    {"a header is gone", 70, 0, DROP, 0, ERR_FORMAT, "step 70", false},
    {"a commit is gone", 70, STORE_PART_COMMIT, DROP, 0, ERR_FORMAT, "step 70", false},
    {"the last commit is gone", 80, STORE_PART_COMMIT, DROP, 0, ERR_FORMAT, "commit", false},
    {"a part is cut", 70, 1, CUT, 0, ERR_FORMAT, "step 70", false},
    {"a commit is cut", 70, STORE_PART_COMMIT, CUT, 0, ERR_FORMAT, "step 70", false},
    {"a part too many", 70, 7, EXTRA, 0, ERR_FORMAT, "step 70", false},
    {"an empty commit", 80, STORE_PART_COMMIT, EMPTY, 0, ERR_FORMAT, "step 80", false},
    {"the first of 64 links", 17, 1, FLIP, 0, ERR_DIGEST, "step 17", false},
    {"one before them", 16, 1, FLIP, 0, ERR_DIGEST, "step 16", true},
    {"the first step", 1, 0, FLIP, 0, ERR_DIGEST, "step 1:", true},
};

static size_t
damage_size(uint64_t step)
{
    return step == 69 ? STORE_PART + 61 : 100 + (size_t)step;
}

static void
damage_do(const char *folder, const struct damage_row *row)
{
    struct case_raw raw = case_raw_open(folder, "log.mdb", "log");
    struct buffer bytes = {0};
    uint8_t name[12];
    MDB_val key = {12, name}, value = {0};

    case_key(name, row->step, row->part);
    assert_int_equal(mdb_get(raw.txn, raw.dbi, &key, &value), row->damage == EXTRA ? MDB_NOTFOUND : 0);
    if (row->damage == EXTRA)
        value = (MDB_val){3, (void *)(uintptr_t) "abc"};
    buffer_append(&bytes, value.mv_data, value.mv_size);
    if (row->damage == FLIP)
        bytes.data[row->byte] ^= 0x80;
    if (row->damage == CUT)
        bytes.size--;
    if (row->damage == EMPTY)
        bytes.size = 0;
    value = (MDB_val){bytes.size, bytes.data};
    assert_int_equal(row->damage == DROP ? mdb_del(raw.txn, raw.dbi, &key, NULL)
                                         : mdb_put(raw.txn, raw.dbi, &key, &value, 0), 0);
    buffer_fini(&bytes);
    case_raw_close(&raw);
}

static void
damage_found(void **state)
{
    const struct damage_row *row = *state;
    const char *folder = case_folder();
    struct store *store = case_open((case_create(folder), folder), NULL);
    struct why why = {0};
    int code;

    for (uint64_t step = 1; step <= 80; step++) {
        struct store_step made = case_step(SEED, step, damage_size(step));

        case_ok(store_append(store, &made, &why), &why);
    }
    case_close(store);
    damage_do(folder, row);

    code = store_open_read(folder, &store, &why);
    if (code == 0) {
        code = store_verify(store, 0, UINT64_MAX, &why);
        case_close(store);
    }
    assert_int_equal(code, row->want);
    if (strstr(why.text, row->named) == NULL)
        print_error("'%s' is not in '%s'\n", row->named, why.text);
    assert_non_null(strstr(why.text, row->named));
    code = store_open(folder, NULL, &store, &why);
    assert_int_equal(code, row->opens ? 0 : row->want);
    if (code == 0)
        case_close(store);
}

static const struct meta_row {
    const char *name, *key, *value; /* NULL: removed */
    size_t size;
    int want;
} meta_rows[] = {
    {"no format", "format", NULL, 0, ERR_FORMAT},
    {"format of a later program", "format", "\2\0\0\0", 4, ERR_VERSION},
    {"format of another size", "format", "\1\0\0", 3, ERR_FORMAT},
    {"no manifest", "manifest", NULL, 0, ERR_FORMAT},
    {"another manifest", "manifest", "scenario: {agents: 4}\n", 22, ERR_DIGEST},
    {"no run", "run", NULL, 0, ERR_FORMAT},
    {"no epoch", "epoch", NULL, 0, ERR_FORMAT},
    {"the last epoch", "epoch", "\xff\xff\xff\xff", 4, ERR_LIMIT},
    {"no tip", "tip", NULL, 0, ERR_FORMAT},
    {"another tip", "tip", "\2\0\0\0\0\0\0\0abcdefghabcdefghabcdefghabcdefgh", 40, ERR_DIGEST},
};

static void
meta_damage(void **state)
{
    const struct meta_row *row = *state;
    const char *folder = case_folder();
    MDB_val key = {strlen(row->key), (void *)(uintptr_t)row->key}, value = {row->size, (void *)(uintptr_t)row->value};
    struct case_raw raw;
    struct store *store;
    struct why why = {0};

    case_create(folder);
    store = case_open(folder, NULL);
    case_append(store, SEED, 1, 3, 0);
    case_close(store);
    raw = case_raw_open(folder, "log.mdb", "meta");
    assert_int_equal(row->value == NULL ? mdb_del(raw.txn, raw.dbi, &key, NULL)
                                        : mdb_put(raw.txn, raw.dbi, &key, &value, 0), 0);
    case_raw_close(&raw);
    assert_int_equal(store_open(folder, NULL, &store, &why), row->want);
    assert_int_equal(why.code, row->want);
    assert_null(store);
}

static const struct file_row {
    const char *name;
    off_t keep;      /* bytes of log.mdb */
    bool garbage;    /* in place of it */
    int want_least;  /* 0: either may be */
} file_rows[] = {
    {"an empty file", 0, false, ERR_FORMAT},
    {"garbage", 100000, true, ERR_FORMAT},
    {"less than a page", 1000, false, ERR_FORMAT},
    {"the first two pages", 8192, false, ERR_FORMAT},
    {"half of it", -2, false, ERR_FORMAT},
    {"one page less", -1, false, 0},
};

static void
file_damage(void **state)
{
    const struct file_row *row = *state;
    const char *folder = case_folder();
    char path[PATH_MAX + 16];
    struct why why = {0};
    struct store *store;
    struct stat info;
    off_t size;
    int code;

    case_create(folder);
    store = case_open(folder, NULL);
    case_append(store, SEED, 1, 20, 0);
    case_close(store);
    snprintf(path, sizeof path, "%s/log.mdb", folder);
    assert_int_equal(stat(path, &info), 0);
    size = row->keep == -1 ? info.st_size - 4096 : row->keep == -2 ? info.st_size / 8192 * 4096 : row->keep;
    assert_int_equal(truncate(path, row->garbage ? 0 : size), 0);
    if (row->garbage) {
        struct buffer bytes = {0};
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        case_fill(&bytes, 4, (size_t)size);
        assert_int_equal(write(fd, bytes.data, bytes.size), (ssize_t)bytes.size);
        close(fd);
        buffer_fini(&bytes);
    }
    for (int writing = 0; writing < 2; writing++) {
        code = writing == 1 ? store_open(folder, NULL, &store, &why) : store_open_read(folder, &store, &why);
        if (code == 0 && writing == 1)
            code = store_verify(store, 0, UINT64_MAX, &why);
        if (store != NULL)
            case_close(store);
        if (row->want_least != 0)
            assert_true(code == ERR_FORMAT || code == ERR_DIGEST || code == ERR_MISSING || code == ERR_VERSION ||
                        code == ERR_DENIED);
    }
}

/* ---- snapshots ---- */

static void
snapshot_is(struct store *store, uint64_t at_or_below, uint64_t want_step)
{
    struct buffer have = {0}, want = {0};
    struct why why = {0};
    uint64_t step = 4711;

    buffer_append(&have, "old", 3);
    case_ok(store_read_snapshot(store, at_or_below, &step, &have, &why), &why);
    assert_int_equal(step, want_step);
    case_fill(&want, SEED + want_step, want_step == 0 ? 0 : 3000 + (size_t)want_step);
    assert_int_equal(have.size, want.size);
    assert_true(want.size == 0 || memcmp(have.data, want.data, want.size) == 0);
    buffer_fini(&have);
    buffer_fini(&want);
}

static uint64_t
snapshot_records(const char *folder)
{
    struct case_raw raw = case_raw_open(folder, "state.mdb", "snapshot");
    MDB_stat stat;

    assert_int_equal(mdb_stat(raw.txn, raw.dbi, &stat), 0);
    case_raw_close(&raw);
    return stat.ms_entries;
}

static const struct snapshot_row {
    const char *name;
    uint64_t step; /* whose record is damaged; 0: none */
    uint32_t part;
    enum damage damage;
    size_t byte;
    uint64_t at_or_below, want;
} snapshot_rows[] = {
    {"the newest", 0, 0, FLIP, 0, UINT64_MAX, 9},
    {"the newest at its step", 0, 0, FLIP, 0, 9, 9},
    {"the one below", 0, 0, FLIP, 0, 8, 6},
    {"only two are kept", 0, 0, FLIP, 0, 5, 0},
    {"none at step 0", 0, 0, FLIP, 0, 0, 0},
    {"a flipped byte", 9, 0, FLIP, 2999, UINT64_MAX, 6},
    {"a flipped checksum", 9, STORE_PART_COMMIT, FLIP, 8, UINT64_MAX, 6},
    {"another state than the log's", 9, STORE_PART_COMMIT, FLIP, 24, UINT64_MAX, 6},
    {"a larger size", 9, STORE_PART_COMMIT, FLIP, 2, UINT64_MAX, 6},
    {"a size beyond all bounds", 9, STORE_PART_COMMIT, FLIP, 7, UINT64_MAX, 6},
    {"torn: no manifest", 9, STORE_PART_COMMIT, DROP, 0, UINT64_MAX, 6},
    {"a short manifest", 9, STORE_PART_COMMIT, CUT, 0, UINT64_MAX, 6},
    {"a piece is gone", 9, 0, DROP, 0, UINT64_MAX, 6},
    {"a piece is cut", 9, 0, CUT, 0, UINT64_MAX, 6},
    {"the older one", 6, 0, FLIP, 7, UINT64_MAX, 9},
    {"the older one, when it is asked for", 6, 0, FLIP, 7, 8, 0},
};

static void
snapshots(void **state)
{
    const struct snapshot_row *row = *state;
    const char *folder = case_folder();
    struct store *store;

    case_create(folder);
    store = case_open(folder, NULL);
    case_append(store, SEED, 1, 10, 3);
    case_close(store);
    assert_int_equal(snapshot_records(folder), 4); /* two of one piece and a manifest */
    if (row->step > 0) {
        struct case_raw raw = case_raw_open(folder, "state.mdb", "snapshot");
        struct buffer bytes = {0};
        uint8_t name[12];
        MDB_val key = {12, name}, value;

        case_key(name, row->step, row->part);
        assert_int_equal(mdb_get(raw.txn, raw.dbi, &key, &value), 0);
        buffer_append(&bytes, value.mv_data, value.mv_size);
        bytes.data[row->byte] ^= 0x80;
        value = (MDB_val){bytes.size - (row->damage == CUT), bytes.data};
        assert_int_equal(row->damage == DROP ? mdb_del(raw.txn, raw.dbi, &key, NULL)
                                             : mdb_put(raw.txn, raw.dbi, &key, &value, 0), 0);
        case_raw_close(&raw);
        buffer_fini(&bytes);
    }
    store = case_open_read(folder);
    snapshot_is(store, row->at_or_below, row->want);
    case_close(store);
    store = case_open(folder, NULL);
    snapshot_is(store, row->at_or_below, row->want);
    case_append(store, SEED, 11, 15, 3); /* and what a crash left behind goes */
    case_close(store); /* a snapshot is written after its step's commit was announced */
    store = case_open(folder, NULL);
    snapshot_is(store, UINT64_MAX, 15);
    snapshot_is(store, 14, 12);
    case_close(store);
    assert_int_equal(snapshot_records(folder), 4);
}

static void
snapshot_large(void **state)
{
    const char *folder = case_folder();
    struct buffer want = {0}, have = {0};
    struct store_step made = {.step = 1};
    struct why why = {0};
    struct store *store;
    uint64_t step;

    (void)state;
    case_create(folder);
    store = case_open(folder, &(struct store_options){.map_size = 65536, .durability = STORE_NOSYNC});
    buffer_reserve(&want, 66u * STORE_PART); /* more pieces than go in one transaction */
    memset(buffer_extend(&want, 66u * STORE_PART - 5), 0x5a, 66u * STORE_PART - 5);
    case_fill(&made.snapshot, 1, 8);
    buffer_clear(&made.snapshot);
    buffer_append(&made.snapshot, want.data, want.size);
    case_ok(store_append(store, &made, &why), &why);
    case_close(store);
    assert_int_equal(snapshot_records(folder), 67);
    store = case_open_read(folder);
    case_ok(store_read_snapshot(store, UINT64_MAX, &step, &have, &why), &why);
    assert_int_equal(step, 1);
    assert_int_equal(have.size, want.size);
    assert_memory_equal(have.data, want.data, want.size);
    case_close(store);
    buffer_fini(&want);
    buffer_fini(&have);
}

static const struct state_file_row {
    const char *name;
    int kind; /* 0: gone, 1: empty, 2: garbage */
    bool aside;
} state_file_rows[] = {
    {"gone", 0, false},
    {"empty", 1, false},
    {"garbage", 2, true},
};

static void
state_file(void **state)
{
    const struct state_file_row *row = *state;
    const char *folder = case_folder();
    char path[PATH_MAX + 32];
    struct store *store;

    case_create(folder);
    store = case_open(folder, NULL);
    case_append(store, SEED, 1, 4, 2);
    case_close(store);
    snprintf(path, sizeof path, "%s/state.mdb", folder);
    assert_int_equal(unlink(path), 0);
    if (row->kind > 0) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        struct buffer bytes = {0};

        case_fill(&bytes, 9, row->kind == 1 ? 0 : 50000);
        assert_int_equal(write(fd, bytes.data, bytes.size), (ssize_t)bytes.size);
        close(fd);
        buffer_fini(&bytes);
    }
    store = case_open_read(folder);
    snapshot_is(store, UINT64_MAX, 0);
    case_close(store);
    store = case_open(folder, NULL);
    snapshot_is(store, UINT64_MAX, 0);
    case_append(store, SEED, 5, 6, 2);
    case_close(store);
    store = case_open(folder, NULL);
    snapshot_is(store, UINT64_MAX, 6);
    case_check(store, SEED, 6);
    case_close(store);
    snprintf(path, sizeof path, "%s/state.mdb.damaged", folder);
    assert_int_equal(access(path, F_OK) == 0, row->aside);
}

static void
snapshot_appears(void **state)
{
    const char *folder = case_folder();
    char *arguments[] = {(char *)"test", (char *)"run", (char *)(uintptr_t)folder, NULL};
    char path[PATH_MAX + 16];
    struct store *store;

    (void)state;
    case_create(folder);
    snprintf(path, sizeof path, "%s/state.mdb", folder);
    assert_int_equal(access(path, F_OK), -1); /* made by the first writer */
    store = case_open_read(folder);
    snapshot_is(store, UINT64_MAX, 0);
    assert_int_equal(case_join(case_spawn(arguments, NULL, NULL)), 0); /* while it is open here */
    snapshot_is(store, UINT64_MAX, STEPS - STEPS % 3);
    case_check(store, SEED, STEPS);
    case_close(store);
}

/* ---- death ---- */

/* The child: goes on to STEPS steps and says on its standard output what is committed. */
static int
run(const char *folder)
{
    struct store_options options = {.map_size = 65536};
    struct why why = {0};
    struct store *store;
    uint64_t said;

    if (access(folder, F_OK) != 0 && store_create(folder, CASE_MANIFEST, strlen(CASE_MANIFEST), &why) != 0)
        return 1;
    if (store_open(folder, &options, &store, &why) != 0) {
        fprintf(stderr, "%s\n", why.text);
        return 2;
    }
    said = store_committed(store).step;
    for (uint64_t step = said + 1; step <= STEPS; step++) {
        struct store_step made = case_step(SEED, step, case_mixed_size(SEED, step));

        if (step % 3 == 0)
            case_fill(&made.snapshot, SEED + step, 3000 + (size_t)step);
        if (store_append(store, &made, &why) != 0 || (step % 4 == 0 && store_wait(store, step - 1, &why) != 0))
            return 3;
        said = store_committed(store).step;
        if (write(STDOUT_FILENO, &said, sizeof said) != sizeof said)
            return 4;
    }
    if (store_wait(store, STEPS, &why) != 0)
        return 5;
    said = store_committed(store).step;
    if (write(STDOUT_FILENO, &said, sizeof said) != sizeof said)
        return 6;
    return store_close(&store, &why) != 0 ? 7 : 0;
}

/* The newest step that the child said was committed. */
static uint64_t
run_child(const char *folder, const char *crash, int *status)
{
    char *arguments[] = {(char *)"test", (char *)"run", (char *)(uintptr_t)folder, NULL};
    uint64_t said = 0, value;
    int out;
    pid_t pid = case_spawn(arguments, crash, &out);

    while (read(out, &value, sizeof value) == sizeof value)
        said = value;
    close(out);
    *status = case_join(pid);
    return said;
}

/* What a dead writer left: everything it had said, gapless and with good links; snapshots that hold. */
static void
check_remains(const char *folder, uint64_t said)
{
    struct buffer state = {0};
    struct why why = {0};
    struct store *store = case_open(folder, NULL);
    uint64_t tip = store_committed(store).step, step;

    assert_true(tip >= said && tip <= STEPS);
    case_check(store, SEED, tip);
    case_ok(store_read_snapshot(store, UINT64_MAX, &step, &state, &why), &why);
    assert_true(step <= tip && step % 3 == 0);
    assert_int_equal(state.size, step == 0 ? 0 : 3000 + step);
    buffer_fini(&state);
    case_close(store);
}

static const struct crash_row {
    const char *name;
    uint32_t last; /* pass that the run surely comes to */
} crash_rows[] = {
    {"create", 4},   {"append", STEPS},     {"before-put", STEPS},  {"between-puts", STEPS},
    {"before-commit", 4}, {"after-commit", 4}, {"snapshot", 10}, {"map-growth", 8},
};

static void
crash(void **state)
{
    const struct crash_row *row = *state;
    int status;

    for (uint32_t pass = 1; pass <= row->last; pass += pass < 4 ? 1 : 4) {
        const char *folder = case_folder();
        char wish[64];
        uint64_t said;

        snprintf(wish, sizeof wish, "%s:%u", row->name, pass);
        if (strcmp(row->name, "create") != 0)
            case_create(folder);
        said = run_child(folder, wish, &status);
        assert_int_equal(status, 137);
        if (access(folder, F_OK) == 0)
            check_remains(folder, said);
        else
            assert_int_equal(said, 0);
        assert_int_equal(run_child(folder, NULL, &status), STEPS); /* and it goes on */
        assert_int_equal(status, 0);
        check_remains(folder, STEPS);
    }
}

static void
kill_any_time(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 12; round++) {
        const char *folder = case_folder();
        char *arguments[] = {(char *)"test", (char *)"run", (char *)(uintptr_t)folder, NULL};
        uint64_t said = 0, value, killed_after = case_mix(round) % STEPS;
        int out, status;
        pid_t pid;

        case_create(folder);
        pid = case_spawn(arguments, NULL, &out);
        while (read(out, &value, sizeof value) == sizeof value) {
            said = value;
            if (said >= killed_after)
                kill(pid, SIGKILL);
        }
        close(out);
        status = case_join(pid);
        assert_true(status == -SIGKILL || status == 0);
        check_remains(folder, said);
    }
}

/* ---- a full disk: in a mount namespace of its own ---- */

static int
ballast(const char *path)
{
    static const char zeros[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), blocks = 0;

    while (fd >= 0 && write(fd, zeros, sizeof zeros) == (ssize_t)sizeof zeros)
        blocks++;
    close(fd);
    return blocks;
}

static int
append_one(struct store *store, uint64_t step, struct why *why)
{
    struct store_step made = case_step(SEED, step, case_mixed_size(SEED, step));
    int code;

    case_fill(&made.snapshot, SEED + step, 3000 + (size_t)step);
    case_fill(&made.trace, step, 10);
    code = store_append(store, &made, why);
    case_step_fini(&made);
    return code;
}

/* Waits (at most 60 s) for the log thread to stand still. */
static bool
stands_still(const struct store *store)
{
    for (int i = 0; i < 60000 && !store_waits(store); i++)
        usleep(1000);
    return store_waits(store);
}

static void
full_refuses(const char *folder, const char *filler, bool no_thread)
{
    struct store_options options = {.no_thread = no_thread};
    struct why why = {0};
    struct store *store = case_open(folder, &options);
    uint64_t step = 4, tip;

    ballast(filler);
    while (step < 200 && append_one(store, step + 1, &why) == 0)
        step++;
    assert_int_equal(why.code, ERR_FULL);
    assert_non_null(strstr(why.text, "no space left"));
    tip = store_committed(store).step;
    assert_true(tip >= 4 && tip <= step);
    assert_int_equal(store_acknowledge(store, &why), ERR_FULL);
    assert_int_equal(store_close(&store, &why), ERR_FULL);
    unlink(filler);
    store = case_open(folder, &options);
    assert_int_equal(store_committed(store).step, tip);
    case_check(store, SEED, tip);
    case_append(store, SEED, tip + 1, tip + 3, 0);
    case_check(store, SEED, tip + 3);
    case_close(store);
}

/* Opens a store of four steps that waits for space, and appends four more where there is none. */
static struct store *
open_and_fill(const char *folder, const char *filler)
{
    struct why why = {0};
    struct store *store = case_open(folder, &(struct store_options){.wait_for_space = true});

    ballast(filler);
    /* Never more than may be queued, or the append itself would wait. */
    for (uint64_t step = 5; step <= 8; step++)
        case_ok(append_one(store, step, &why), &why);
    assert_true(stands_still(store));
    return store;
}

static void
full_waits(const char *folder, const char *filler)
{
    struct why why = {0};
    struct store *store = open_and_fill(folder, filler);
    uint64_t step = 8;

    assert_true(store_committed(store).step < step);
    case_ok(store_acknowledge(store, &why), &why);
    unlink(filler);
    case_ok(store_wait(store, step, &why), &why);
    assert_false(store_waits(store));
    case_check(store, SEED, step);
    case_close(store);
}

static void
full_closes(const char *folder, const char *filler)
{
    struct why why = {0};
    struct store *store = open_and_fill(folder, filler);
    uint64_t step;

    assert_int_equal(store_close(&store, &why), ERR_FULL);
    unlink(filler);
    store = case_open(folder, NULL);
    step = store_committed(store).step;
    assert_true(step >= 4 && step < 8);
    case_check(store, SEED, step);
    case_close(store);
}

/* No new run while there is no space; then one. */
static void
full_from_the_start(const char *folder, const char *filler)
{
    struct why why = {0};
    struct store *store = NULL;

    int code;

    ballast(filler);
    assert_int_equal(store_create("/mnt/other", "x", 1, &why), ERR_FULL);
    code = store_open(folder, NULL, &store, &why); /* free pages within the file may do for an epoch */
    assert_true(code == 0 || code == ERR_FULL);
    assert_true((store == NULL) == (code != 0));
    case_ok(store_close(&store, &why), &why);
    store = case_open_read(folder);
    case_check(store, SEED, 4);
    assert_int_equal(store_copy(store, "/mnt/other", UINT64_MAX, &why), ERR_FULL);
    case_close(store);
    unlink(filler);
    case_ok(store_create("/mnt/other", "x", 1, &why), &why);
}

static const char *full_way;

static void
full(void **state)
{
    const char *folder = "/mnt/run", *filler = "/mnt/filler";
    struct store *store;

    (void)state;
    /* Large enough for four steps and a little more, small enough to fill. */
    assert_int_equal(mount("polis-test", "/mnt", "tmpfs", 0, "size=12m"), 0);
    case_create(folder);
    store = case_open(folder, NULL);
    case_append(store, SEED, 1, 4, 0);
    case_close(store);
    if (strcmp(full_way, "refuses") == 0)
        full_refuses(folder, filler, false);
    else if (strcmp(full_way, "refuses at once") == 0)
        full_refuses(folder, filler, true);
    else if (strcmp(full_way, "waits") == 0)
        full_waits(folder, filler);
    else if (strcmp(full_way, "waits until it is closed") == 0)
        full_closes(folder, filler);
    else
        full_from_the_start(folder, filler);
}

static int
full_child(const char *way)
{
    static const struct test_case cases[] = {{"a full disk", full}};

    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return 77;
    full_way = way;
    test_folder();
    return TEST_CASES("store on a full disk", cases);
}

static const struct full_row {
    const char *name;
} full_rows[] = {
    {"refuses"}, {"refuses at once"}, {"waits"}, {"waits until it is closed"}, {"from the start"},
};

static void
full_disk(void **state)
{
    const struct full_row *row = *state;
    char *arguments[] = {(char *)"test", (char *)"full", (char *)(uintptr_t)row->name, NULL};
    int status = case_join(case_spawn(arguments, NULL, NULL));

    if (status == 77)
        test_say_skipped(row->name, "no file system may be mounted here");
    else
        assert_int_equal(status, 0);
}

int
main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        {"a snapshot of many pieces", snapshot_large},
        {"snapshots that appear under a reader", snapshot_appears},
        {"killed at any time", kill_any_time},
    };

    if (argc == 3 && strcmp(argv[1], "run") == 0)
        return run(argv[2]);
    if (argc == 3 && strcmp(argv[1], "full") == 0)
        return full_child(argv[2]);
    return TEST_ROWS("store damage", damage_rows, damage_found) + TEST_ROWS("store meta", meta_rows, meta_damage) +
           TEST_ROWS("store file", file_rows, file_damage) + TEST_ROWS("store snapshots", snapshot_rows, snapshots) +
           TEST_ROWS("store state file", state_file_rows, state_file) + TEST_CASES("store faults", cases) +
           TEST_ROWS("store crash", crash_rows, crash) + TEST_ROWS("store full disk", full_rows, full_disk);
}
