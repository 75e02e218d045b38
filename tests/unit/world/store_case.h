/* tests/unit/world/store_case.h - what the tests of the store share: steps made from numbers, folders, children, and
 * a second, independent idea of how the log lies on the disk. */
#ifndef POLIS_TESTS_STORE_CASE_H
#define POLIS_TESTS_STORE_CASE_H

#include "world/store.h"

#include "tests/support/test.h" /* behind the house's headers: cmocka takes the word "fail" */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/world/case.h"

#define CASE_MANIFEST "scenario: {agents: 3}\n"

extern char **environ;

/* A fixed generator, so that a step can be made again from (seed, step) wherever it is needed. */
static uint64_t
case_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void
case_fill(struct buffer *out, uint64_t seed, size_t size)
{
    uint8_t *at = buffer_extend(out, size);

    for (size_t i = 0; i < size; i += 8) {
        uint64_t random = case_mix(seed + i / 8);

        memcpy(at + i, &random, size - i < 8 ? size - i : 8);
    }
}

/* Sizes that matter, by turns: nothing, little, and both sides of one and of two parts. */
static size_t
case_mixed_size(uint64_t seed, uint64_t step)
{
    static const size_t sizes[] = {0, 1, 100, 5000, STORE_PART - 1, STORE_PART, STORE_PART + 1, 2 * STORE_PART + 77};
    uint64_t random = case_mix(seed ^ (step << 20));

    return random % 3 == 0 ? sizes[random / 3 % 8] : (size_t)(random / 3 % 20000);
}

static struct store_step
case_step(uint64_t seed, uint64_t step, size_t size)
{
    struct store_step out = {.step = step};

    case_fill(&out.header, seed ^ (step * 1000003), 20 + (size_t)(step % 50));
    case_fill(&out.data, seed + step * 77777777, size);
    for (size_t i = 0; i < STORE_DIGEST; i++)
        out.digest[i] = (uint8_t)(step * 16 + i);
    return out;
}

CASE_UNUSED static void
case_step_fini(struct store_step *step)
{
    buffer_fini(&step->header);
    buffer_fini(&step->data);
    buffer_fini(&step->snapshot);
    buffer_fini(&step->trace);
}

CASE_UNUSED static struct store *
case_open(const char *folder, const struct store_options *options)
{
    struct store *store = NULL;
    struct why why = {0};

    case_ok(store_open(folder, options, &store, &why), &why);
    return store;
}

CASE_UNUSED static struct store *
case_open_read(const char *folder)
{
    struct store *store = NULL;
    struct why why = {0};

    case_ok(store_open_read(folder, &store, &why), &why);
    return store;
}

CASE_UNUSED static void
case_close(struct store *store)
{
    struct why why = {0};

    case_ok(store_close(&store, &why), &why);
    assert_null(store);
}

CASE_UNUSED static void
case_create(const char *folder)
{
    struct why why = {0};

    case_ok(store_create(folder, CASE_MANIFEST, strlen(CASE_MANIFEST), &why), &why);
}

/* Appends steps [from, to] of the mixed kind, with a snapshot after every `snapshots`-th (0: none). */
CASE_UNUSED static void
case_append(struct store *store, uint64_t seed, uint64_t from, uint64_t to, uint64_t snapshots)
{
    struct why why = {0};

    for (uint64_t step = from; step <= to; step++) {
        struct store_step made = case_step(seed, step, case_mixed_size(seed, step));

        if (snapshots > 0 && step % snapshots == 0)
            case_fill(&made.snapshot, seed + step, 3000 + (size_t)step);
        case_ok(store_append(store, &made, &why), &why);
        assert_null(made.header.data);
    }
    case_ok(store_wait(store, to, &why), &why);
}

CASE_UNUSED static struct buffer
case_read_file(const char *path)
{
    struct buffer out = {0};
    FILE *file = fopen(path, "rb");
    size_t size;

    assert_non_null(file);
    do {
        buffer_reserve(&out, 1u << 16);
        size = fread(out.data + out.size, 1, 1u << 16, file);
        out.size += size;
    } while (size > 0);
    fclose(file);
    return out;
}

CASE_UNUSED static struct buffer
case_export(struct store *store)
{
    char path[PATH_MAX];
    struct why why = {0};
    struct buffer out;
    int fd;

    snprintf(path, sizeof path, "%s/export", test_folder());
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    case_ok(store_export_canonical(store, fd, &why), &why);
    close(fd);
    out = case_read_file(path);
    unlink(path);
    return out;
}

/* ---- the layout, once more, from its description ---- */

static void
case_hash_step(uint8_t chain[32], const struct store_step *step)
{
    crypto_generichash_state hash;
    uint8_t number[8];

    for (int i = 0; i < 8; i++)
        number[i] = (uint8_t)(step->step >> (56 - 8 * i));
    crypto_generichash_init(&hash, NULL, 0, 32);
    crypto_generichash_update(&hash, chain, 32);
    crypto_generichash_update(&hash, number, 8);
    if (step->header.size > 0)
        crypto_generichash_update(&hash, step->header.data, step->header.size);
    if (step->data.size > 0)
        crypto_generichash_update(&hash, step->data.data, step->data.size);
    crypto_generichash_update(&hash, step->digest, 16);
    crypto_generichash_final(&hash, chain, 32);
}

static void
case_put_record(struct buffer *out, uint64_t step, uint32_t part, const void *bytes, size_t size)
{
    uint8_t key[13] = {12};
    size_t left = size;

    for (int i = 0; i < 8; i++)
        key[1 + i] = (uint8_t)(step >> (56 - 8 * i));
    for (int i = 0; i < 4; i++)
        key[9 + i] = (uint8_t)(part >> (24 - 8 * i));
    buffer_append(out, key, sizeof key);
    do {
        uint8_t byte = (uint8_t)(left % 128 + (left >= 128 ? 128 : 0));

        buffer_append(out, &byte, 1);
        left /= 128;
    } while (left > 0);
    buffer_append(out, bytes, size);
}

/* The canonical stream of mixed steps 1..count, written down without the store; the chain's head goes to `chain`. */
CASE_UNUSED static struct buffer
case_expected(uint64_t seed, uint64_t count, uint8_t chain[32])
{
    struct buffer out = {0};

    crypto_generichash(chain, 32, (const uint8_t *)CASE_MANIFEST, strlen(CASE_MANIFEST), NULL, 0);
    for (uint64_t step = 1; step <= count; step++) {
        struct store_step made = case_step(seed, step, case_mixed_size(seed, step));
        uint8_t commit[64];
        uint32_t part = 0;

        case_hash_step(chain, &made);
        case_put_record(&out, step, part++, made.header.data, made.header.size);
        for (size_t at = 0; at < made.data.size; at += 1048560)
            case_put_record(&out, step, part++, made.data.data + at,
                            made.data.size - at < 1048560 ? made.data.size - at : 1048560);
        memcpy(commit, chain, 32);
        memcpy(commit + 32, made.digest, 16);
        for (int i = 0; i < 8; i++) {
            commit[48 + i] = (uint8_t)(made.header.size >> (8 * i));
            commit[56 + i] = (uint8_t)(made.data.size >> (8 * i));
        }
        case_put_record(&out, step, 0xffffffffu, commit, sizeof commit);
        case_step_fini(&made);
    }
    return out;
}

/* Verifies, exports, compares with what must be there, and says how far it goes. */
CASE_UNUSED static void
case_check(struct store *store, uint64_t seed, uint64_t count)
{
    uint8_t chain[32];
    struct buffer want = case_expected(seed, count, chain), have = case_export(store);
    struct store_commit tip = store_committed(store);
    struct why why = {0};

    assert_int_equal(tip.step, count);
    assert_memory_equal(tip.chain, chain, 32);
    case_ok(store_verify(store, 0, UINT64_MAX, &why), &why);
    assert_int_equal(have.size, want.size);
    assert_true(want.size == 0 || memcmp(have.data, want.data, want.size) == 0);
    buffer_fini(&want);
    buffer_fini(&have);
}

/* ---- LMDB without the store (which must be closed) ---- */

struct case_raw {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
};

CASE_UNUSED static struct case_raw
case_raw_open(const char *folder, const char *file, const char *database)
{
    struct case_raw raw = {0};
    char path[PATH_MAX + 16];

    snprintf(path, sizeof path, "%s/%s", folder, file);
    assert_int_equal(mdb_env_create(&raw.env), 0);
    assert_int_equal(mdb_env_set_maxdbs(raw.env, 8), 0);
    assert_int_equal(mdb_env_set_mapsize(raw.env, (size_t)1 << 30), 0);
    assert_int_equal(mdb_env_open(raw.env, path, MDB_NOSUBDIR, 0600), 0);
    assert_int_equal(mdb_txn_begin(raw.env, NULL, 0, &raw.txn), 0);
    assert_int_equal(mdb_dbi_open(raw.txn, database, 0, &raw.dbi), 0);
    return raw;
}

CASE_UNUSED static void
case_raw_close(struct case_raw *raw)
{
    assert_int_equal(mdb_txn_commit(raw->txn), 0);
    mdb_env_close(raw->env);
}

CASE_UNUSED static void
case_key(uint8_t key[12], uint64_t step, uint32_t part)
{
    for (int i = 0; i < 8; i++)
        key[i] = (uint8_t)(step >> (56 - 8 * i));
    for (int i = 0; i < 4; i++)
        key[8 + i] = (uint8_t)(part >> (24 - 8 * i));
}

/* ---- children: this program once more ---- */

/* `crash` as POLIS_CRASH, or NULL. The child's standard output is read at *out_fd when that is not NULL. */
CASE_UNUSED static pid_t
case_spawn(char *const arguments[], const char *crash, int *out_fd)
{
    posix_spawn_file_actions_t actions;
    int ends[2] = {-1, -1};
    pid_t pid;

    if (crash != NULL)
        setenv("POLIS_CRASH", crash, 1);
    posix_spawn_file_actions_init(&actions);
    if (out_fd != NULL) {
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    }
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    unsetenv("POLIS_CRASH");
    if (out_fd != NULL) {
        close(ends[1]);
        *out_fd = ends[0];
    }
    return pid;
}

/* Exit status, or -signal. */
CASE_UNUSED static int
case_join(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#endif
