#include "world/store_private.h"

#include "core/assert.h"
#include "core/bytes.h"
#include "core/digest.h"
#include "core/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define MANIFEST_SIZE 40u /* u64 size, XXH3-128, digest */
#define SNAPSHOTS_KEPT 2u
#define PIECES_AT_ONCE 64u /* of a transaction: bounds the memory that LMDB holds for it */

/* ---- opening ---- */

static int
snapshot_database(struct store_state *self, bool make)
{
    MDB_txn *txn;
    int number = make ? mdb_txn_begin(self->file.env, NULL, 0, &txn) : store_env_begin(&self->file, &txn);

    if (number != 0)
        return number;
    if ((number = mdb_dbi_open(txn, "snapshot", make ? MDB_CREATE : 0, &self->snapshot)) != 0) {
        mdb_txn_abort(txn);
        return number;
    }
    return mdb_txn_commit(txn);
}

int
store_state_create(
    struct store_state *self, const char *folder, unsigned flags, uint64_t map_size, struct why *why)
{
    char path[PATH_MAX];
    int number, code;

    if ((code = store_path(path, folder, STORE_STATE_FILE, why)) != 0 ||
        (code = store_env_open(&self->file, path, flags, map_size, why)) != 0)
        return code;
    if ((number = snapshot_database(self, true)) == 0)
        return 0;
    store_env_close(&self->file);
    return store_env_fail(why, number, path);
}

/* Snapshots only shorten a recovery, so a damaged file is put aside and not a reason to stop. */
static int
state_replace(struct store *self, const char *reason, unsigned flags, uint64_t size, struct why *why)
{
    char path[PATH_MAX], aside[PATH_MAX];
    int code;

    if ((code = store_path(path, self->folder, STORE_STATE_FILE, why)) != 0 ||
        (code = store_path(aside, self->folder, STORE_STATE_FILE ".damaged", why)) != 0)
        return code;
    log_line(LOG_WARNING, "world", "%s; it is put aside as %s", reason, aside);
    if (rename(path, aside) != 0)
        return store_env_fail(why, errno, path);
    return store_state_create(&self->state, self->folder, flags, size, why);
}

static int
state_open_reader(struct store *self, struct why *why)
{
    char path[PATH_MAX];
    struct stat info;
    int number, code;

    if ((code = store_path(path, self->folder, STORE_STATE_FILE, why)) != 0)
        return code;
    if (stat(path, &info) != 0 || info.st_size == 0)
        return 0;
    if ((code = store_env_open(&self->state.file, path, MDB_RDONLY, 0, why)) != 0)
        return code;
    if ((number = snapshot_database(&self->state, false)) == 0)
        return 0;
    store_env_close(&self->state.file);
    return number == MDB_NOTFOUND ? 0 : store_env_fail(why, number, path);
}

int
store_state_open(struct store *self, struct why *why)
{
    uint64_t size = self->options.map_size == 0 ? STORE_MAP_DEFAULT : self->options.map_size;
    unsigned flags = self->options.durability == STORE_NOSYNC ? MDB_NOSYNC : 0;
    struct why reason = {0};
    int code;

    if (!self->writes)
        return state_open_reader(self, why);
    code = store_state_create(&self->state, self->folder, flags, size, &reason);
    if (code == ERR_FORMAT || code == ERR_VERSION)
        return state_replace(self, reason.text, flags, size, why);
    if (code != 0 && why != NULL)
        *why = reason;
    return code;
}

/* ---- writing ---- */

static int
piece_put(const struct store_state *self, MDB_txn *txn, uint64_t step, uint32_t part, const void *bytes, size_t size)
{
    uint8_t name[STORE_KEY];
    MDB_val key = {.mv_size = sizeof name, .mv_data = name};
    MDB_val value = {.mv_size = size, .mv_data = (void *)(uintptr_t)bytes};

    store_key(name, step, part);
    return mdb_put(txn, self->snapshot, &key, &value, 0);
}

static int
manifest_put(const struct store_state *self, MDB_txn *txn, uint64_t step, const uint8_t digest[STORE_DIGEST],
             const struct buffer *bytes)
{
    uint8_t manifest[MANIFEST_SIZE];
    struct fold fold;

    fold_init(&fold);
    fold_bytes(&fold, bytes->data, bytes->size);
    bytes_put_u64(manifest, bytes->size);
    fold_end(&fold, manifest + 8);
    memcpy(manifest + 24, digest, STORE_DIGEST);
    return piece_put(self, txn, step, STORE_PART_COMMIT, manifest, sizeof manifest);
}

/* Moves the cursor to the newest record of a step at or below `step`, or says MDB_NOTFOUND. Records with other keys
 * than ours are damage. */
static int
seek_down(MDB_cursor *cursor, uint64_t step, uint64_t *found, uint32_t *part)
{
    uint8_t name[STORE_KEY];
    MDB_val key = {.mv_size = sizeof name, .mv_data = name}, value;
    int number;

    store_key(name, step, UINT32_MAX);
    number = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    if (number == 0 && key.mv_size == sizeof name && memcmp(key.mv_data, name, sizeof name) == 0)
        number = 0;
    else if (number == 0)
        number = mdb_cursor_get(cursor, &key, &value, MDB_PREV);
    else if (number == MDB_NOTFOUND)
        number = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    if (number == 0 && !store_key_read(&key, found, part))
        number = MDB_CORRUPTED;
    return number;
}

static int
step_delete(MDB_cursor *cursor, uint64_t step)
{
    uint64_t found;
    uint32_t part;
    int number;

    while ((number = seek_down(cursor, step, &found, &part)) == 0 && found == step)
        if ((number = mdb_cursor_del(cursor, 0)) != 0)
            return number;
    return number == MDB_NOTFOUND ? 0 : number;
}

/* Keeps the newest whole ones; older ones and those a crash left without a manifest go. */
static int
prune(const struct store_state *self, MDB_txn *txn)
{
    uint64_t step = UINT64_MAX, found;
    uint32_t part, kept = 0;
    MDB_cursor *cursor;
    int number = mdb_cursor_open(txn, self->snapshot, &cursor);

    if (number != 0)
        return number;
    while ((number = seek_down(cursor, step, &found, &part)) == 0) {
        if (part == STORE_PART_COMMIT && kept < SNAPSHOTS_KEPT)
            kept++;
        else if ((number = step_delete(cursor, found)) != 0)
            break;
        if (found == 0)
            break;
        step = found - 1;
    }
    mdb_cursor_close(cursor);
    return number == MDB_NOTFOUND ? 0 : number;
}

/* One transaction with the pieces from `first` on; the last one brings the manifest and the pruning. */
static int
pieces_put(struct store_state *self, uint64_t step, const uint8_t digest[STORE_DIGEST], const struct buffer *bytes,
           uint32_t first, bool *done)
{
    uint32_t part = first;
    MDB_txn *txn;
    int number = mdb_txn_begin(self->file.env, NULL, 0, &txn);

    if (number != 0)
        return number;
    for (; part < first + PIECES_AT_ONCE && (uint64_t)part * STORE_PART < bytes->size && number == 0; part++) {
        size_t at = (size_t)part * STORE_PART, left = bytes->size - at;

        store_crash_point("snapshot");
        number = piece_put(self, txn, step, part, bytes->data + at, left < STORE_PART ? left : STORE_PART);
    }
    *done = (uint64_t)part * STORE_PART >= bytes->size;
    if (number == 0 && *done && (number = manifest_put(self, txn, step, digest, bytes)) == 0)
        number = prune(self, txn);
    if (number != 0) {
        mdb_txn_abort(txn);
        return number;
    }
    store_crash_point("snapshot");
    return mdb_txn_commit(txn);
}

int
store_snapshot_write(struct store_state *self, pthread_mutex_t *read_lock, uint64_t step,
                     const uint8_t digest[STORE_DIGEST], const struct buffer *bytes, struct why *why)
{
    bool done = false;
    int number, code;

    if (self->file.lost)
        return fail(why, ERR_FULL, "the map of state.mdb is lost");
    for (uint32_t part = 0; !done;) {
        number = pieces_put(self, step, digest, bytes, part, &done);
        if (number == 0) {
            part += PIECES_AT_ONCE;
            continue;
        }
        done = false;
        if (number != MDB_MAP_FULL)
            return store_env_fail(why, number, "state.mdb");
        pthread_mutex_lock(read_lock);
        code = store_env_grow(&self->file, 0, why);
        pthread_mutex_unlock(read_lock);
        if (code != 0)
            return code;
    }
    return 0;
}

/* ---- reading ---- */

/* Copies the snapshot of a step; ERR_MISSING or ERR_DIGEST when it is torn or damaged. */
static int
snapshot_copy(const struct store_state *self, MDB_txn *txn, uint64_t step, struct buffer *out,
              uint8_t digest[STORE_DIGEST], struct why *why)
{
    uint8_t name[STORE_KEY], sum[FOLD_SIZE], manifest[MANIFEST_SIZE];
    MDB_val key = {.mv_size = sizeof name, .mv_data = name}, value;
    struct fold fold;
    uint64_t size;

    store_key(name, step, STORE_PART_COMMIT);
    if (mdb_get(txn, self->snapshot, &key, &value) != 0 || value.mv_size != MANIFEST_SIZE)
        return fail(why, ERR_MISSING, "its manifest is missing");
    memcpy(manifest, value.mv_data, sizeof manifest);
    size = bytes_get_u64(manifest);
    memcpy(digest, manifest + 24, STORE_DIGEST);
    for (uint32_t part = 0; out->size < size; part++) {
        store_key(name, step, part);
        key = (MDB_val){.mv_size = sizeof name, .mv_data = name};
        if (mdb_get(txn, self->snapshot, &key, &value) != 0 || value.mv_size == 0 || value.mv_size > size - out->size)
            return fail(why, ERR_MISSING, "its piece %" PRIu32 " is missing", part);
        buffer_append(out, value.mv_data, value.mv_size);
    }
    fold_init(&fold);
    fold_bytes(&fold, out->data, out->size);
    fold_end(&fold, sum);
    return memcmp(sum, manifest + 8, FOLD_SIZE) == 0 ? 0 : fail(why, ERR_DIGEST, "its checksum does not hold");
}

/* The newest snapshot at or below `step`, whole or not; ERR_MISSING when there is none at all. ERR_DIGEST: found, but
 * not good. */
static int
snapshot_below(struct store *self, uint64_t step, uint64_t *found, struct buffer *out, uint8_t digest[STORE_DIGEST],
               struct why *why)
{
    MDB_cursor *cursor;
    MDB_txn *txn;
    uint32_t part;
    int number, code;

    buffer_clear(out);
    if ((number = store_env_read(&self->state.file, &txn)) != 0)
        return store_env_fail(why, number, STORE_STATE_FILE);
    if ((number = mdb_cursor_open(txn, self->state.snapshot, &cursor)) == 0) {
        number = seek_down(cursor, step, found, &part);
        mdb_cursor_close(cursor);
    }
    code = number != 0 ? store_env_fail(why, number, STORE_STATE_FILE) : 0;
    if (code == 0 && snapshot_copy(&self->state, txn, *found, out, digest, why) != 0)
        code = ERR_DIGEST;
    store_env_read_end(&self->state.file);
    return code;
}

static int
snapshot_next(struct store *self, uint64_t step, uint64_t *found, struct buffer *out, uint8_t digest[STORE_DIGEST],
              struct why *why)
{
    int code = 0;

    pthread_mutex_lock(&self->read_lock);
    if (self->state.file.env == NULL)
        code = store_state_open(self, why);
    if (code == 0 && self->state.file.env == NULL)
        code = fail(why, ERR_MISSING, "no snapshots");
    if (code == 0)
        code = snapshot_below(self, step, found, out, digest, why);
    pthread_mutex_unlock(&self->read_lock);
    return code;
}

int
store_read_snapshot(
    struct store *self, uint64_t at_or_below, uint64_t *step_out, struct buffer *out, struct why *why)
{
    uint8_t digest[STORE_DIGEST];
    struct store_commit commit;
    struct why reason = {0};
    uint64_t found;
    int code;

    for (uint64_t step = at_or_below;; step = found - 1) {
        code = snapshot_next(self, step, &found, out, digest, &reason);
        if (code != 0 && code != ERR_DIGEST)
            break;
        if (code == 0 && store_read_commit(self, found, &commit, &reason) == 0) {
            *step_out = found;
            if (memcmp(commit.digest, digest, STORE_DIGEST) == 0)
                return 0;
            (void)fail(&reason, ERR_DIGEST, "its state is not the one the log names");
        }
        log_line(LOG_WARNING, "world", "the snapshot of step %" PRIu64 " is skipped: %s", found, reason.text);
        if (found == 0)
            break;
    }
    buffer_clear(out);
    *step_out = 0;
    /* Without snapshots all is replayed, so damage there is no failure. */
    if (code == ERR_MISSING || code == ERR_DIGEST || code == 0)
        return 0;
    if (code == ERR_FORMAT || code == ERR_VERSION) {
        log_line(LOG_WARNING, "world", "no snapshot can be read: %s", reason.text);
        return 0;
    }
    if (why != NULL)
        *why = reason;
    return code;
}
