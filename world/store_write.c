#include "world/store_private.h"

#include "core/assert.h"
#include "core/bytes.h"
#include "core/digest.h"
#include "core/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SPACE_LEAST (1u << 20) /* bytes; with less left on the disk, EIO means that it is full */

void
store_step_fini(struct store_step *step)
{
    buffer_fini(&step->header);
    buffer_fini(&step->data);
    buffer_fini(&step->snapshot);
    buffer_fini(&step->trace);
}

void
store_commit_write(const struct store_commit *self, uint8_t out[STORE_COMMIT_SIZE])
{
    memcpy(out, self->chain, STORE_CHAIN);
    memcpy(out + STORE_CHAIN, self->digest, STORE_DIGEST);
    bytes_put_u64(out + 48, self->header_size);
    bytes_put_u64(out + 56, self->data_size);
}

static struct store_commit
chain_step(const uint8_t before[STORE_CHAIN], const struct store_step *step)
{
    struct store_commit commit = {
        .step = step->step, .header_size = step->header.size, .data_size = step->data.size};
    uint8_t number[8];
    struct digest digest;

    bytes_put_u64_be(number, step->step);
    digest_init(&digest);
    digest_bytes(&digest, before, STORE_CHAIN);
    digest_bytes(&digest, number, sizeof number);
    digest_bytes(&digest, step->header.data, step->header.size);
    digest_bytes(&digest, step->data.data, step->data.size);
    digest_bytes(&digest, step->digest, STORE_DIGEST);
    digest_end(&digest, commit.chain);
    memcpy(commit.digest, step->digest, STORE_DIGEST);
    return commit;
}

static int
part_put(const struct store_log *log, MDB_txn *txn, uint64_t step, uint32_t part, const void *bytes, size_t size)
{
    static uint8_t nothing;
    uint8_t name[STORE_KEY];
    MDB_val key = {.mv_size = sizeof name, .mv_data = name};
    MDB_val value = {.mv_size = size, .mv_data = size == 0 ? &nothing : (void *)(uintptr_t)bytes};

    store_key(name, step, part);
    return mdb_put(txn, log->log, &key, &value, MDB_APPEND);
}

static int
parts_put(const struct store_log *log, MDB_txn *txn, const struct store_step *step, const struct store_commit *commit)
{
    uint8_t record[STORE_COMMIT_SIZE];
    uint32_t part = 0;
    int number;

    store_crash_point("before-put");
    number = part_put(log, txn, step->step, part++, step->header.data, step->header.size);
    for (size_t at = 0; at < step->data.size && number == 0; at += STORE_PART) {
        size_t size = step->data.size - at < STORE_PART ? step->data.size - at : STORE_PART;

        store_crash_point("between-puts");
        number = part_put(log, txn, step->step, part++, step->data.data + at, size);
    }
    if (number != 0)
        return number;
    store_crash_point("between-puts");
    store_commit_write(commit, record);
    return part_put(log, txn, step->step, STORE_PART_COMMIT, record, sizeof record);
}

int
store_step_put(const struct store_log *log, MDB_txn *txn, const uint8_t before[STORE_CHAIN],
               const struct store_step *step, struct store_commit *commit_out)
{
    *commit_out = chain_step(before, step);
    return parts_put(log, txn, step, commit_out);
}

/* The steps, their commit records and the new tip, or nothing. */
static int
batch_put(
    struct store *self, struct store_step *const steps[], const struct store_commit commits[], uint32_t count)
{
    const struct store_commit *last = &commits[count - 1];
    MDB_txn *txn;
    int number = mdb_txn_begin(self->log.file.env, NULL, 0, &txn);

    if (number != 0)
        return number;
    for (uint32_t i = 0; i < count && number == 0; i++)
        number = parts_put(&self->log, txn, steps[i], &commits[i]);
    if (number == 0)
        number = store_meta_put_tip(txn, self->log.meta, last->step, last->chain);
    if (number != 0) {
        mdb_txn_abort(txn);
        return number;
    }
    store_crash_point("before-commit");
    number = mdb_txn_commit(txn);
    if (number == 0)
        store_crash_point("after-commit");
    return number;
}

static int
grow(struct store *self, struct why *why)
{
    int code;

    pthread_mutex_lock(&self->read_lock);
    code = store_env_grow(&self->log.file, self->options.map_limit, why);
    pthread_mutex_unlock(&self->read_lock);
    return code;
}

/* LMDB calls a short write EIO, and a short write is what a full disk gives. */
static int
write_fail(const struct store *self, int number, const char *what, struct why *why)
{
    struct statvfs info;

    if (number == EIO && statvfs(self->folder, &info) == 0 && info.f_bavail < SPACE_LEAST / info.f_frsize)
        number = ENOSPC;
    return store_env_fail(why, number, what);
}

int
store_write(struct store *self, struct store_step *const steps[], uint32_t count, struct why *why)
{
    struct store_commit commits[STORE_BEHIND];
    const uint8_t *before = self->tip.chain;
    char what[64];
    int number, code;

    ASSERT(count > 0 && count <= STORE_BEHIND);

    for (uint32_t i = 0; i < count; i++) {
        ASSERT(steps[i]->step == self->tip.step + 1 + i);
        commits[i] = chain_step(before, steps[i]);
        before = commits[i].chain;
    }
    /* Early growth spares most batches a second try; at the limit the map may still be filled up. */
    if (store_env_crowded(&self->log.file) && (code = grow(self, why)) != 0 && self->log.file.lost)
        return code;
    while ((number = batch_put(self, steps, commits, count)) != 0) {
        snprintf(what, sizeof what, "step %" PRIu64 " cannot be written", steps[0]->step);
        if (number == MDB_MAP_FULL && (code = grow(self, why)) == 0)
            continue;
        if (number != MDB_MAP_FULL && store_pause(self, number))
            continue;
        store_pause_end(self, false);
        if (number == MDB_MAP_FULL)
            return why == NULL ? code : fail_prefix(why, "%s", what);
        return write_fail(self, number, what, why);
    }
    store_pause_end(self, true);
    self->tip = commits[count - 1];
    return 0;
}

/* One write, so that a reader of the trace meets whole records; what did not fit is taken back. */
static void
trace_append(struct store *self, const struct store_step *step)
{
    struct stat info;
    ssize_t done;

    if (step->trace.size == 0 || fstat(self->trace_fd, &info) != 0)
        return;
    done = write(self->trace_fd, step->trace.data, step->trace.size);
    if (done == (ssize_t)step->trace.size)
        return;
    log_line(LOG_WARNING, "world", "the trace of step %" PRIu64 " is lost: %s", step->step,
             done < 0 ? strerror(errno) : "no space left on the disk");
    if (done > 0 && ftruncate(self->trace_fd, info.st_size) != 0)
        log_line(LOG_WARNING, "world", "the trace of step %" PRIu64 " stays torn: %s", step->step, strerror(errno));
}

void
store_write_aside(struct store *self, struct store_step *const steps[], uint32_t count)
{
    struct why why = {0};

    for (uint32_t i = 0; i < count; i++) {
        trace_append(self, steps[i]);
        if (steps[i]->snapshot.size > 0 &&
            store_snapshot_write(&self->state, &self->read_lock, steps[i]->step, steps[i]->digest,
                                 &steps[i]->snapshot, &why) != 0)
            log_line(LOG_WARNING, "world", "no snapshot of step %" PRIu64 ", a recovery begins at an older one: %s",
                     steps[i]->step, why.text);
    }
}
