#include "world/store_private.h"

#include "core/assert.h"
#include "core/bytes.h"
#include "core/digest.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define BATCH_BYTES (UINT64_C(16) << 20)
#define STATE_COPY_MAP (UINT64_C(1) << 20) /* grows as needed */

/* ---- the chain ---- */

static int
digest_part(void *context, const MDB_val *bytes, struct why *why)
{
    (void)why;
    digest_bytes(context, bytes->mv_data, bytes->mv_size);
    return 0;
}

/* Recomputes the link of `step` behind `chain`, which becomes the step's. */
static int
verify_step(struct store *self, MDB_txn *txn, uint64_t step, uint8_t chain[STORE_CHAIN], struct why *why)
{
    char want[2 * STORE_CHAIN + 1], have[2 * STORE_CHAIN + 1];
    struct store_commit commit;
    struct digest digest;
    uint8_t number[8];
    int code;

    bytes_put_u64_be(number, step);
    digest_init(&digest);
    digest_bytes(&digest, chain, STORE_CHAIN);
    digest_bytes(&digest, number, sizeof number);
    code = store_walk(&self->log, txn, step, digest_part, &digest, &commit, why);
    /* A gap is damage; a step that is not there was looked for and found missing. */
    if (code == ERR_MISSING)
        code = fail(why, ERR_FORMAT, "step %" PRIu64 " is missing from the log", step);
    if (code != 0)
        return code;
    digest_bytes(&digest, commit.digest, STORE_DIGEST);
    digest_end(&digest, chain);
    if (memcmp(chain, commit.chain, STORE_CHAIN) == 0)
        return 0;
    return fail(why, ERR_DIGEST, "step %" PRIu64 ": its bytes give chain %.16s..., the log says %.16s...", step,
                digest_hex(chain, STORE_CHAIN, have), digest_hex(commit.chain, STORE_CHAIN, want));
}

static int
tip_read(struct store *self, struct store_commit *out, struct why *why)
{
    MDB_txn *txn;
    int code = store_read_begin(self, &txn, why);

    if (code != 0)
        return code;
    code = store_tip_get(&self->log, txn, self->genesis, out, why);
    store_read_end(self);
    return code;
}

/* The tip, and `upto` cut to it when it is UINT64_MAX. */
static int
clamp(struct store *self, uint64_t *upto, struct why *why)
{
    struct store_commit tip;
    int code = tip_read(self, &tip, why);

    if (code != 0)
        return code;
    if (*upto == UINT64_MAX)
        *upto = tip.step;
    if (*upto > tip.step)
        return fail(why, ERR_MISSING, "step %" PRIu64 " is not in the log, which ends at step %" PRIu64, *upto,
                    tip.step);
    return 0;
}

int
store_verify(struct store *self, uint64_t from, uint64_t to, struct why *why)
{
    uint8_t chain[STORE_CHAIN];
    MDB_txn *txn;
    int code = clamp(self, &to, why);

    if (from < store_first(self))
        from = store_first(self);
    for (uint64_t step = from; code == 0 && step <= to; step++) {
        /* One transaction a step: it waits for nobody, and nobody waits long for it. */
        if ((code = store_read_begin(self, &txn, why)) != 0)
            break;
        if (step == from)
            code = store_chain_before(self, txn, step, chain, why);
        if (code == 0)
            code = verify_step(self, txn, step, chain, why);
        store_read_end(self);
    }
    return code;
}

/* ---- running over all records ---- */

/* Where a run over the records stands: everything before (step, part) is done. */
struct sweep {
    uint64_t step, upto;
    uint32_t part;
    bool done;
};

typedef int sweep_fn(void *context, const MDB_val *key, const MDB_val *value, struct why *why);

/* Hands about BATCH_BYTES of records to `take`, within one transaction. */
static int
sweep_some(struct store *self, struct sweep *sweep, sweep_fn *take, void *context, MDB_cursor *cursor, struct why *why)
{
    uint8_t name[STORE_KEY];
    MDB_val key = {.mv_size = sizeof name, .mv_data = name}, value;
    uint64_t bytes = 0;
    int number, code;

    store_key(name, sweep->step, sweep->part);
    for (number = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE); number == 0;
         number = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        if (!store_key_read(&key, &sweep->step, &sweep->part))
            return fail(why, ERR_FORMAT, "%s holds a record that is none", self->folder);
        sweep->done = sweep->step > sweep->upto;
        if (sweep->done || bytes >= BATCH_BYTES)
            return 0;
        if ((code = take(context, &key, &value, why)) != 0)
            return code;
        bytes += value.mv_size + STORE_KEY;
    }
    sweep->done = true;
    return number == MDB_NOTFOUND ? 0 : store_env_fail(why, number, self->folder);
}

static int
sweep_batch(struct store *self, struct sweep *sweep, sweep_fn *take, void *context, struct why *why)
{
    MDB_cursor *cursor;
    MDB_txn *txn;
    int number, code = store_read_begin(self, &txn, why);

    if (code != 0)
        return code;
    if ((number = mdb_cursor_open(txn, self->log.log, &cursor)) != 0)
        code = store_env_fail(why, number, self->folder);
    else {
        code = sweep_some(self, sweep, take, context, cursor, why);
        mdb_cursor_close(cursor);
    }
    store_read_end(self);
    return code;
}

/* ---- export ---- */

static void
put_varint(struct buffer *out, uint64_t value)
{
    uint8_t byte;

    for (; value >= 0x80; value >>= 7) {
        byte = (uint8_t)(value | 0x80);
        buffer_append(out, &byte, 1);
    }
    byte = (uint8_t)value;
    buffer_append(out, &byte, 1);
}

static int
export_record(void *context, const MDB_val *key, const MDB_val *value, struct why *why)
{
    struct buffer *out = context;

    (void)why;
    put_varint(out, key->mv_size);
    buffer_append(out, key->mv_data, key->mv_size);
    put_varint(out, value->mv_size);
    buffer_append(out, value->mv_data, value->mv_size);
    return 0;
}

static int
write_all(int fd, const uint8_t *bytes, size_t size, struct why *why)
{
    while (size > 0) {
        ssize_t done = write(fd, bytes, size);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return store_env_fail(why, errno, "the export cannot be written");
        bytes += done;
        size -= (size_t)done;
    }
    return 0;
}

int
store_export_canonical(struct store *self, int fd, struct why *why)
{
    struct sweep sweep = {.upto = UINT64_MAX};
    struct buffer out = {0};
    int code = clamp(self, &sweep.upto, why);

    /* The bytes are copied first, so that a slow reader of `fd` holds up no transaction. */
    while (code == 0 && !sweep.done) {
        buffer_clear(&out);
        code = sweep_batch(self, &sweep, export_record, &out, why);
        if (code == 0)
            code = write_all(fd, out.data, out.size, why);
    }
    buffer_fini(&out);
    return code;
}

/* ---- copy ---- */

struct copy {
    struct store_log *log;
    MDB_txn *txn;
};

static int
copy_record(void *context, const MDB_val *key, const MDB_val *value, struct why *why)
{
    struct copy *self = context;
    MDB_val key_copy = *key, value_copy = *value;
    int number = mdb_put(self->txn, self->log->log, &key_copy, &value_copy, MDB_APPEND);

    return number == 0 ? 0 : store_env_fail(why, number, "the copy");
}

static int
copy_batch(struct store *self, struct sweep *sweep, struct store_log *log, struct why *why)
{
    struct copy copy = {.log = log};
    int code, number = mdb_txn_begin(log->file.env, NULL, 0, &copy.txn);

    if (number != 0)
        return store_env_fail(why, number, "the copy");
    if ((code = sweep_batch(self, sweep, copy_record, &copy, why)) != 0) {
        mdb_txn_abort(copy.txn);
        return code;
    }
    number = mdb_txn_commit(copy.txn);
    return number == 0 ? 0 : store_env_fail(why, number, "the copy");
}

/* The tip goes in last; then all of it to the disk at once (a copy that is cut short never gets its name). */
static int
copy_seal(struct store_log *log, const struct store_commit *tip)
{
    MDB_txn *txn;
    int number = mdb_txn_begin(log->file.env, NULL, 0, &txn);

    if (number != 0)
        return number;
    if ((number = store_meta_put_tip(txn, log->meta, tip->step, tip->chain)) != 0) {
        mdb_txn_abort(txn);
        return number;
    }
    if ((number = mdb_txn_commit(txn)) != 0)
        return number;
    return mdb_env_sync(log->file.env, 1);
}

static int
copy_log(struct store *self, const char *folder, const struct store_commit *tip, struct why *why)
{
    struct store_origin origin = {.manifest = self->manifest.data, .manifest_size = self->manifest.size,
        .forked = self->forked, .base = self->base};
    struct sweep sweep = {.upto = tip->step, .done = tip->step < store_first(self)};
    struct store_log log = {0};
    uint64_t size;
    int code, number;

    pthread_mutex_lock(&self->read_lock);
    size = self->log.file.lost ? STORE_MAP_DEFAULT : 2 * store_env_used(&self->log.file) + STORE_MAP_DEFAULT;
    pthread_mutex_unlock(&self->read_lock);
    if ((code = store_log_create(&log, folder, &origin, MDB_NOSYNC, size, why)) != 0)
        return code;
    while (code == 0 && !sweep.done)
        code = copy_batch(self, &sweep, &log, why);
    if (code == 0 && (number = copy_seal(&log, tip)) != 0)
        code = store_env_fail(why, number, "the copy");
    store_env_close(&log.file);
    return code;
}

static int
copy_snapshot(struct store *self, const char *folder, uint64_t upto, struct why *why)
{
    pthread_mutex_t alone = PTHREAD_MUTEX_INITIALIZER;
    struct store_state state = {0};
    struct buffer bytes = {0};
    struct store_commit commit;
    uint64_t step;
    int code = store_read_snapshot(self, upto, &step, &bytes, why);

    if (code == 0 && step > 0 && (code = store_read_commit(self, step, &commit, why)) == 0 &&
        (code = store_state_create(&state, folder, 0, STATE_COPY_MAP, why)) == 0)
        code = store_snapshot_write(&state, &alone, step, commit.digest, &bytes, why);
    store_env_close(&state.file);
    buffer_fini(&bytes);
    return code;
}

static int
copy_check(const char *folder, const struct store_commit *tip, struct why *why)
{
    struct store *copy;
    struct why ignored = {0};
    int code = store_open_read(folder, &copy, why);

    if (code != 0)
        return code;
    code = store_verify(copy, 0, UINT64_MAX, why);
    if (code == 0 && (copy->tip.step != tip->step || memcmp(copy->tip.chain, tip->chain, STORE_CHAIN) != 0))
        code = fail(why, ERR_DIGEST, "the copy of step %" PRIu64 " has another chain", tip->step);
    if (store_close(&copy, &ignored) != 0)
        ASSERT(ignored.code != 0);
    return code;
}

int
store_copy(struct store *self, const char *folder, uint64_t upto, struct why *why)
{
    struct store_commit tip = {0};
    struct store_place place;
    int code;

    memcpy(tip.chain, self->genesis, STORE_CHAIN);
    if ((code = clamp(self, &upto, why)) != 0)
        return code;
    if (((upto > 0 || self->forked) && (code = store_read_commit(self, upto, &tip, why)) != 0) ||
        (code = store_place_begin(&place, folder, why)) != 0)
        return code;
    if ((code = copy_log(self, place.temporary, &tip, why)) == 0 &&
        (code = copy_snapshot(self, place.temporary, upto, why)) == 0 &&
        (code = copy_check(place.temporary, &tip, why)) == 0)
        code = store_place_finish(&place, why);
    if (code != 0)
        store_place_abandon(&place);
    return code;
}
