#include "world/store_private.h"

#include "core/assert.h"
#include "core/bytes.h"

#include <inttypes.h>
#include <string.h>

int
store_read_begin(struct store *self, MDB_txn **out, struct why *why)
{
    int number;

    pthread_mutex_lock(&self->read_lock);
    number = store_env_read(&self->log.file, out);
    if (number == 0)
        return 0;
    pthread_mutex_unlock(&self->read_lock);
    return store_env_fail(why, number, self->folder);
}

void
store_read_end(struct store *self)
{
    store_env_read_end(&self->log.file);
    pthread_mutex_unlock(&self->read_lock);
}

static int
part_get(const struct store_log *log, MDB_txn *txn, uint64_t step, uint32_t part, MDB_val *out)
{
    uint8_t name[STORE_KEY];
    MDB_val key = {.mv_size = sizeof name, .mv_data = name};

    store_key(name, step, part);
    return mdb_get(txn, log->log, &key, out);
}

static int
commit_read(const MDB_val *value, uint64_t step, struct store_commit *out, struct why *why)
{
    const uint8_t *bytes = value->mv_data;

    if (value->mv_size != STORE_COMMIT_SIZE)
        return fail(why, ERR_FORMAT, "the commit record of step %" PRIu64 " has %zu bytes", step, value->mv_size);
    *out = (struct store_commit){
        .step = step, .header_size = bytes_get_u64(bytes + 48), .data_size = bytes_get_u64(bytes + 56)};
    memcpy(out->chain, bytes, STORE_CHAIN);
    memcpy(out->digest, bytes + STORE_CHAIN, STORE_DIGEST);
    return 0;
}

int
store_commit_get(const struct store_log *log, MDB_txn *txn, uint64_t step, struct store_commit *out, struct why *why)
{
    MDB_val value;
    int number = part_get(log, txn, step, STORE_PART_COMMIT, &value);

    if (number == MDB_NOTFOUND)
        return fail(why, ERR_MISSING, "step %" PRIu64 " is not in the log", step);
    if (number != 0)
        return store_env_fail(why, number, "a commit record");
    return commit_read(&value, step, out, why);
}

int
store_tip_get(const struct store_log *log, MDB_txn *txn, const uint8_t genesis[STORE_CHAIN], struct store_commit *out,
              struct why *why)
{
    MDB_val key, value;
    MDB_cursor *cursor;
    uint64_t step;
    uint32_t part;
    int number = mdb_cursor_open(txn, log->log, &cursor), code;

    if (number != 0)
        return store_env_fail(why, number, "the end of the log");
    number = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    *out = (struct store_commit){0};
    if (number == MDB_NOTFOUND) {
        memcpy(out->chain, genesis, STORE_CHAIN);
        code = 0;
    }
    else if (number != 0)
        code = store_env_fail(why, number, "the end of the log");
    else if (!store_key_read(&key, &step, &part) || part != STORE_PART_COMMIT)
        code = fail(why, ERR_FORMAT, "the log does not end with a commit record");
    else
        code = commit_read(&value, step, out, why);
    mdb_cursor_close(cursor);
    return code;
}

int
store_chain_before(struct store *self, MDB_txn *txn, uint64_t step, uint8_t out[STORE_CHAIN], struct why *why)
{
    struct store_commit commit;
    int code = 0;

    ASSERT(step >= store_first(self));

    memcpy(commit.chain, self->genesis, STORE_CHAIN);
    if (step > store_first(self))
        code = store_commit_get(&self->log, txn, step - 1, &commit, why);
    if (code == 0)
        memcpy(out, commit.chain, STORE_CHAIN);
    return code;
}

/* Whether the record under the cursor is the one that must come next. */
static int
expect(int number, const MDB_val *key, uint64_t step, uint32_t part, struct why *why)
{
    uint64_t step_found;
    uint32_t part_found;

    if (number != 0 && number != MDB_NOTFOUND)
        return store_env_fail(why, number, "the log");
    if (number == MDB_NOTFOUND || !store_key_read(key, &step_found, &part_found) || step_found != step ||
        part_found != part)
        return fail(why, ERR_FORMAT, "step %" PRIu64 " is not whole: part %" PRIu32 " is not where it belongs", step,
                    part);
    return 0;
}

static int
walk(MDB_cursor *cursor, const struct store_commit *commit, store_part_fn *part, void *context, struct why *why)
{
    uint64_t pieces = commit->data_size / STORE_PART + (commit->data_size % STORE_PART != 0), want;
    uint8_t name[STORE_KEY];
    MDB_val key = {.mv_size = sizeof name, .mv_data = name}, value;
    int number, code;

    if (pieces >= STORE_PART_COMMIT)
        return fail(why, ERR_FORMAT, "step %" PRIu64 " claims %" PRIu64 " bytes", commit->step, commit->data_size);
    store_key(name, commit->step, 0);
    number = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    for (uint32_t i = 0; i <= pieces; i++) {
        if ((code = expect(number, &key, commit->step, i, why)) != 0)
            return code;
        want = i == 0 ? commit->header_size : i < pieces ? STORE_PART : commit->data_size - (pieces - 1) * STORE_PART;
        if (value.mv_size != want)
            return fail(why, ERR_FORMAT, "part %" PRIu32 " of step %" PRIu64 " has %zu bytes, not %" PRIu64, i,
                        commit->step, value.mv_size, want);
        if ((code = part(context, &value, why)) != 0)
            return code;
        number = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    return expect(number, &key, commit->step, STORE_PART_COMMIT, why);
}

int
store_walk(const struct store_log *log, MDB_txn *txn, uint64_t step, store_part_fn *part, void *context,
           struct store_commit *commit_out, struct why *why)
{
    MDB_cursor *cursor;
    int number, code = store_commit_get(log, txn, step, commit_out, why);

    if (code != 0)
        return code;
    if ((number = mdb_cursor_open(txn, log->log, &cursor)) != 0)
        return store_env_fail(why, number, "the log");
    code = walk(cursor, commit_out, part, context, why);
    mdb_cursor_close(cursor);
    return code;
}

int
store_read_commit(struct store *self, uint64_t step, struct store_commit *out, struct why *why)
{
    MDB_txn *txn;
    int code = store_read_begin(self, &txn, why);

    if (code != 0)
        return code;
    code = store_commit_get(&self->log, txn, step, out, why);
    store_read_end(self);
    return code;
}

int
store_read_part(struct store *self, uint64_t step, uint32_t part, struct buffer *out, struct why *why)
{
    MDB_val value;
    MDB_txn *txn;
    int number, code = store_read_begin(self, &txn, why);

    if (code != 0)
        return code;
    number = part_get(&self->log, txn, step, part, &value);
    if (number == 0)
        buffer_append(out, value.mv_data, value.mv_size);
    else if (number == MDB_NOTFOUND)
        code = fail(why, ERR_MISSING, "step %" PRIu64 " has no part %" PRIu32 " in the log", step, part);
    else
        code = store_env_fail(why, number, "the log");
    store_read_end(self);
    return code;
}

struct step_copy {
    struct buffer *header, *data;
    bool header_done;
};

static int
step_copy_part(void *context, const MDB_val *bytes, struct why *why)
{
    struct step_copy *self = context;
    struct buffer *out = self->header_done ? self->data : self->header;

    (void)why;
    self->header_done = true;
    if (out != NULL)
        buffer_append(out, bytes->mv_data, bytes->mv_size);
    return 0;
}

int
store_read_step(struct store *self, uint64_t step, struct buffer *header, struct buffer *data,
                struct store_commit *commit, struct why *why)
{
    size_t header_size = header == NULL ? 0 : header->size, data_size = data == NULL ? 0 : data->size;
    struct step_copy copy = {.header = header, .data = data};
    struct store_commit found;
    MDB_txn *txn;
    int code = store_read_begin(self, &txn, why);

    if (code != 0)
        return code;
    code = store_walk(&self->log, txn, step, step_copy_part, &copy, &found, why);
    store_read_end(self);
    if (code == 0 && commit != NULL)
        *commit = found;
    if (code != 0 && header != NULL)
        header->size = header_size;
    if (code != 0 && data != NULL)
        data->size = data_size;
    return code;
}
