#include "world/store_private.h"

#include "core/assert.h"
#include "core/bytes.h"
#include "core/digest.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#define ORIGIN_SIZE 16u
#define TIP_SIZE (8u + STORE_CHAIN)
#define CREATE_MAP (UINT64_C(1) << 20)
#define BASE_SIZE 8u

/* ---- crash points ---- */

static struct {
    pthread_once_t once;
    char name[64];
    uint64_t pass; /* 0: none */
    _Atomic uint64_t passes;
} crash = {.once = PTHREAD_ONCE_INIT};

static void
crash_read(void)
{
    const char *wish = getenv("POLIS_CRASH"), *colon = wish == NULL ? NULL : strchr(wish, ':');
    size_t size = colon == NULL ? 0 : (size_t)(colon - wish);

    if (wish == NULL || wish[0] == '\0')
        return;
    if (size == 0 || size >= sizeof crash.name || (crash.pass = strtoull(colon + 1, NULL, 10)) == 0) {
        log_line(LOG_WARNING, "world", "POLIS_CRASH=%.80s is not name:n and does nothing", wish);
        return;
    }
    memcpy(crash.name, wish, size);
}

void
store_crash_point(const char *name)
{
    pthread_once(&crash.once, crash_read);
    if (crash.pass != 0 && strcmp(crash.name, name) == 0 && atomic_fetch_add(&crash.passes, 1) + 1 == crash.pass)
        _exit(137);
}

/* ---- meta ---- */

int
store_meta_put(MDB_txn *txn, MDB_dbi meta, const char *name, const void *bytes, size_t size)
{
    MDB_val key = {.mv_size = strlen(name), .mv_data = (void *)(uintptr_t)name};
    MDB_val value = {.mv_size = size, .mv_data = (void *)(uintptr_t)bytes};

    return mdb_put(txn, meta, &key, &value, 0);
}

static int
meta_put_u32(MDB_txn *txn, MDB_dbi meta, const char *name, uint32_t value)
{
    uint8_t bytes[4];

    bytes_put_u32(bytes, value);
    return store_meta_put(txn, meta, name, bytes, sizeof bytes);
}

int
store_meta_put_tip(MDB_txn *txn, MDB_dbi meta, uint64_t step, const uint8_t chain[STORE_CHAIN])
{
    uint8_t bytes[TIP_SIZE];

    bytes_put_u64(bytes, step);
    memcpy(bytes + 8, chain, STORE_CHAIN);
    return store_meta_put(txn, meta, "tip", bytes, sizeof bytes);
}

/* size 0: any */
static int
meta_get(MDB_txn *txn, MDB_dbi meta, const char *name, size_t size, MDB_val *out, struct why *why)
{
    MDB_val key = {.mv_size = strlen(name), .mv_data = (void *)(uintptr_t)name};
    int number = mdb_get(txn, meta, &key, out);

    if (number == MDB_NOTFOUND)
        return fail(why, ERR_FORMAT, "the log's record '%s' is missing", name);
    if (number != 0)
        return store_env_fail(why, number, name);
    if (size != 0 && out->mv_size != size)
        return fail(why, ERR_FORMAT, "the log's record '%s' has %zu bytes, not %zu", name, out->mv_size, size);
    return 0;
}

/* Only a fork has this record. */
static int
base_read(struct store *self, MDB_txn *txn, struct why *why)
{
    MDB_val key = {.mv_size = strlen("base"), .mv_data = (void *)(uintptr_t)"base"}, value;
    int code;

    self->forked = mdb_get(txn, self->log.meta, &key, &value) != MDB_NOTFOUND;
    if (!self->forked)
        return 0;
    code = meta_get(txn, self->log.meta, "base", BASE_SIZE, &value, why);
    if (code == 0)
        self->base = bytes_get_u64(value.mv_data);
    return code;
}

static int
meta_read(struct store *self, MDB_txn *txn, struct why *why)
{
    MDB_dbi meta = self->log.meta;
    MDB_val value;
    int code;

    if ((code = meta_get(txn, meta, "format", 4, &value, why)) != 0)
        return code;
    if (bytes_get_u32(value.mv_data) != STORE_FORMAT)
        return fail(why, ERR_VERSION, "the log has format %" PRIu32 ", this program reads %u",
                    bytes_get_u32(value.mv_data), STORE_FORMAT);
    if ((code = meta_get(txn, meta, "manifest", 0, &value, why)) != 0)
        return code;
    buffer_clear(&self->manifest);
    buffer_append(&self->manifest, value.mv_data, value.mv_size);
    digest_of(self->manifest.data, self->manifest.size, self->genesis);
    if ((code = meta_get(txn, meta, "run", 4, &value, why)) != 0)
        return code;
    self->run_id = bytes_get_u32(value.mv_data);
    if ((code = meta_get(txn, meta, "epoch", 4, &value, why)) != 0)
        return code;
    self->epoch = bytes_get_u32(value.mv_data);
    if ((code = base_read(self, txn, why)) != 0 || (code = meta_get(txn, meta, "tip", TIP_SIZE, &value, why)) != 0)
        return code;
    code = store_tip_get(&self->log, txn, self->genesis, &self->tip, why);
    if (code == 0 && (self->tip.step != bytes_get_u64(value.mv_data) ||
                      memcmp(self->tip.chain, (const uint8_t *)value.mv_data + 8, STORE_CHAIN) != 0))
        code = fail(why, ERR_DIGEST, "the log ends at step %" PRIu64 " but says it ends at %" PRIu64, self->tip.step,
                    bytes_get_u64(value.mv_data));
    return code;
}

/* ---- creation ---- */

/* Never 0, which stands for "no run" on the wire. */
static uint32_t
run_id_of(const uint8_t genesis[STORE_CHAIN], const uint8_t origin[ORIGIN_SIZE])
{
    struct digest digest;
    uint8_t out[DIGEST_SIZE];

    digest_init(&digest);
    digest_bytes(&digest, genesis, STORE_CHAIN);
    digest_bytes(&digest, origin, ORIGIN_SIZE);
    digest_end(&digest, out);
    return bytes_get_u32(out) == 0 ? 1 : bytes_get_u32(out);
}

static int
log_fill(struct store_log *self, MDB_txn *txn, const struct store_origin *origin)
{
    uint8_t random[ORIGIN_SIZE], base[BASE_SIZE];
    struct store_commit tip = {0};
    MDB_dbi blob, meta;
    int number;

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return errno == 0 ? EIO : errno;
    digest_of(origin->manifest, origin->manifest_size, tip.chain);
    if ((number = mdb_dbi_open(txn, "log", MDB_CREATE, &self->log)) != 0 ||
        (number = mdb_dbi_open(txn, "meta", MDB_CREATE, &self->meta)) != 0 ||
        (number = mdb_dbi_open(txn, "blob", MDB_CREATE, &blob)) != 0)
        return number;
    meta = self->meta;
    if ((number = meta_put_u32(txn, meta, "format", STORE_FORMAT)) != 0 ||
        (number = store_meta_put(txn, meta, "manifest", origin->manifest, origin->manifest_size)) != 0 ||
        (number = store_meta_put(txn, meta, "origin", random, sizeof random)) != 0 ||
        (number = meta_put_u32(txn, meta, "run", run_id_of(tip.chain, random))) != 0 ||
        (number = meta_put_u32(txn, meta, "epoch", 0)) != 0)
        return number;
    bytes_put_u64(base, origin->base);
    if ((origin->forked && (number = store_meta_put(txn, meta, "base", base, sizeof base)) != 0) ||
        (origin->record != NULL && (number = store_step_put(self, txn, tip.chain, origin->record, &tip)) != 0))
        return number;
    return store_meta_put_tip(txn, meta, tip.step, tip.chain);
}

int
store_log_create(struct store_log *self, const char *folder, const struct store_origin *origin, unsigned flags,
                 uint64_t size, struct why *why)
{
    char path[PATH_MAX];
    MDB_txn *txn = NULL;
    int code, number;

    if ((code = store_path(path, folder, STORE_LOG_FILE, why)) != 0 ||
        (code = store_env_open(&self->file, path, flags, size + 4 * (uint64_t)origin->manifest_size, why)) != 0)
        return code;
    if ((number = mdb_txn_begin(self->file.env, NULL, 0, &txn)) == 0) {
        number = log_fill(self, txn, origin);
        if (number == 0)
            number = mdb_txn_commit(txn);
        else
            mdb_txn_abort(txn);
    }
    if (number == 0)
        return 0;
    store_env_close(&self->file);
    return store_env_fail(why, number, path);
}

static int
create(const char *folder, const struct store_origin *origin, struct why *why)
{
    uint64_t size = CREATE_MAP;
    struct store_place place;
    struct store_log log = {0};
    int code;

    ASSERT(folder != NULL && (origin->manifest != NULL || origin->manifest_size == 0));

    if (origin->record != NULL) /* pieces are as large as a run of pages allows, with one page for each at most */
        size += origin->record->header.size + origin->record->data.size + origin->record->data.size / 16;
    if ((code = store_place_begin(&place, folder, why)) != 0)
        return code;
    store_crash_point("create");
    code = store_log_create(&log, place.temporary, origin, 0, size, why);
    store_env_close(&log.file);
    store_crash_point("create");
    if (code == 0)
        code = store_place_finish(&place, why);
    if (code != 0)
        store_place_abandon(&place);
    return code;
}

int
store_create(const char *folder, const void *manifest, size_t manifest_size, struct why *why)
{
    return create(folder, &(struct store_origin){.manifest = manifest, .manifest_size = manifest_size}, why);
}

int
store_create_fork(
    const char *folder, const void *manifest, size_t manifest_size, const struct store_step *base, struct why *why)
{
    ASSERT(base->header.size <= STORE_PART);
    return create(folder,
                  &(struct store_origin){.manifest = manifest, .manifest_size = manifest_size, .forked = true,
                      .base = base->step, .record = base},
                  why);
}

/* ---- opening ---- */

static struct store *
store_new(const char *folder, const struct store_options *options, bool writes)
{
    struct store *self = calloc(1, sizeof *self);

    ASSERT(self != NULL);
    self->writes = writes;
    self->lock_fd = self->trace_fd = self->ready_fd = -1;
    if (options != NULL)
        self->options = *options;
    snprintf(self->folder, sizeof self->folder, "%s", folder);
    pthread_mutex_init(&self->read_lock, NULL);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->done, NULL);
    return self;
}

static void
store_free(struct store *self)
{
    store_env_close(&self->state.file);
    store_env_close(&self->log.file);
    if (self->inode != 0)
        store_unclaim(self);
    if (self->trace_fd >= 0)
        close(self->trace_fd);
    if (self->ready_fd >= 0)
        close(self->ready_fd);
    if (self->lock_fd >= 0)
        close(self->lock_fd);
    pthread_cond_destroy(&self->done);
    pthread_mutex_destroy(&self->lock);
    pthread_mutex_destroy(&self->read_lock);
    buffer_fini(&self->manifest);
    free(self);
}

/* Opens log.mdb and reads meta and tip; the handles stay valid because their transaction is committed. */
static int
log_open(struct store *self, struct why *why)
{
    bool nosync = self->options.durability == STORE_NOSYNC;
    uint64_t size = self->options.map_size == 0 ? STORE_MAP_DEFAULT : self->options.map_size;
    unsigned flags = !self->writes ? MDB_RDONLY : nosync ? MDB_NOSYNC : 0;
    char path[PATH_MAX];
    MDB_txn *txn;
    int code, number;

    if (self->options.map_limit != 0 && size > self->options.map_limit)
        size = self->options.map_limit;
    if ((code = store_path(path, self->folder, STORE_LOG_FILE, why)) != 0 ||
        (code = store_env_open(&self->log.file, path, flags, self->writes ? size : 0, why)) != 0)
        return code;
    if ((number = store_env_begin(&self->log.file, &txn)) != 0)
        return store_env_fail(why, number, path);
    if ((number = mdb_dbi_open(txn, "log", 0, &self->log.log)) != 0 ||
        (number = mdb_dbi_open(txn, "meta", 0, &self->log.meta)) != 0) {
        mdb_txn_abort(txn);
        return fail(why, ERR_FORMAT, "%s is no log: %s", path, mdb_strerror(number));
    }
    code = meta_read(self, txn, why);
    number = mdb_txn_commit(txn);
    if (code != 0)
        return why == NULL ? code : fail_prefix(why, "%s", path);
    return number == 0 ? 0 : store_env_fail(why, number, path);
}

static int
epoch_put(struct store *self)
{
    MDB_txn *txn;
    int number = mdb_txn_begin(self->log.file.env, NULL, 0, &txn);

    if (number != 0)
        return number;
    if ((number = meta_put_u32(txn, self->log.meta, "epoch", self->epoch + 1)) != 0) {
        mdb_txn_abort(txn);
        return number;
    }
    number = mdb_txn_commit(txn);
    if (number == 0 && self->options.durability == STORE_NOSYNC)
        number = mdb_env_sync(self->log.file.env, 1);
    return number;
}

static int
epoch_raise(struct store *self, struct why *why)
{
    int number, code;

    if (self->epoch == UINT32_MAX)
        return fail(why, ERR_LIMIT, "%s has been opened too often", self->folder);
    while ((number = epoch_put(self)) == MDB_MAP_FULL)
        if ((code = store_env_grow(&self->log.file, self->options.map_limit, why)) != 0)
            return code;
    if (number != 0)
        return store_env_fail(why, number, self->folder);
    self->epoch++;
    return 0;
}

static int
open_writer(struct store *self, struct why *why)
{
    char path[PATH_MAX];
    uint64_t tip, first;
    int code;

    if ((code = store_filesystem_check(self->folder, why)) != 0 ||
        (code = store_lock(self->folder, &self->lock_fd, why)) != 0 || (code = log_open(self, why)) != 0)
        return code;
    self->committed = self->tip;
    tip = self->appended = self->tip.step;
    first = tip > STORE_LINKS_CHECKED ? tip - STORE_LINKS_CHECKED + 1 : 1;
    if ((tip > 0 || self->forked) && (code = store_verify(self, first, tip, why)) != 0)
        return code;
    if ((code = store_path(path, self->folder, STORE_TRACE_FILE, why)) != 0)
        return code;
    self->trace_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (self->trace_fd < 0)
        return store_env_fail(why, errno, path);
    self->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->ready_fd < 0)
        return store_env_fail(why, errno, "eventfd");
    if ((code = store_state_open(self, why)) != 0 || (code = store_folder_sync(self->folder, why)) != 0)
        return code;
    if (self->options.durability == STORE_NOSYNC)
        log_line(LOG_WARNING, "world", "%s is written without syncs: a power cut may destroy it", self->folder);
    return epoch_raise(self, why);
}

static int
open_either(const char *folder, const struct store_options *options, bool writes, struct store **out, struct why *why)
{
    struct store *self;
    int code;

    ASSERT(folder != NULL && out != NULL);

    *out = NULL;
    if (strlen(folder) >= PATH_MAX)
        return fail(why, ERR_LIMIT, "the path %.80s... is too long", folder);
    self = store_new(folder, options, writes);
    if ((code = store_claim(self, why)) == 0)
        code = writes ? open_writer(self, why) : log_open(self, why);
    if (code == 0 && writes && !self->options.no_thread)
        code = store_thread_start(self, why);
    if (code != 0) {
        store_free(self);
        return code;
    }
    *out = self;
    return 0;
}

int
store_open(const char *folder, const struct store_options *options, struct store **out, struct why *why)
{
    return open_either(folder, options, true, out, why);
}

int
store_open_read(const char *folder, struct store **out, struct why *why)
{
    return open_either(folder, NULL, false, out, why);
}

int
store_close(struct store **self_p, struct why *why)
{
    struct store *self;
    int code;

    ASSERT(self_p != NULL);

    self = *self_p;
    *self_p = NULL;
    if (self == NULL)
        return 0;
    if (self->thread_runs)
        store_thread_stop(self);
    code = self->failed;
    if (code != 0 && why != NULL)
        *why = self->failure;
    store_free(self);
    return code;
}

bool
store_is_fork(const struct store *self)
{
    return self->forked;
}

uint64_t
store_base(const struct store *self)
{
    return self->base;
}

uint32_t
store_epoch(const struct store *self)
{
    return self->epoch;
}

uint32_t
store_run_id(const struct store *self)
{
    return self->run_id;
}

const void *
store_manifest(const struct store *self, size_t *size_out)
{
    *size_out = self->manifest.size;
    return self->manifest.data;
}
