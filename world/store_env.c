#include "world/store_private.h"

#include "core/assert.h"
#include "core/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define READERS_MAX 512u
#define DATABASES_MAX 8u
#define LOCK_FILE_BYTES 65536 /* over what LMDB maps for READERS_MAX readers */
#define MAP_GRAIN UINT64_C(65536)

int
store_env_fail(struct why *why, int number, const char *what)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
        return fail(why, ERR_FULL, "%s: no space left on the disk", what);
    case MDB_MAP_FULL:
        return fail(why, ERR_FULL, "%s: the map is full", what);
    case MDB_NOTFOUND:
    case ENOENT:
        return fail(why, ERR_MISSING, "%s: not there", what);
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_INCOMPATIBLE:
    case MDB_KEYEXIST:
    case MDB_BAD_VALSIZE:
        return fail(why, ERR_FORMAT, "%s: the file is damaged: %s", what, mdb_strerror(number));
    case MDB_VERSION_MISMATCH:
        return fail(why, ERR_VERSION, "%s: made by another version of LMDB", what);
    case MDB_READERS_FULL:
        return fail(why, ERR_LIMIT, "%s: more than %u readers", what, READERS_MAX);
    case EACCES:
    case EPERM:
    case EROFS:
        return fail(why, ERR_DENIED, "%s: %s", what, mdb_strerror(number));
    default:
        return fail(why, ERR_IO, "%s: %s", what, mdb_strerror(number));
    }
}

bool
store_env_is_space(int number)
{
    return number == ENOSPC || number == EDQUOT || number == EIO;
}

void
store_key(uint8_t out[STORE_KEY], uint64_t step, uint32_t part)
{
    bytes_put_u64_be(out, step);
    bytes_put_u32_be(out + 8, part);
}

bool
store_key_read(const MDB_val *key, uint64_t *step, uint32_t *part)
{
    if (key->mv_size != STORE_KEY)
        return false;
    *step = bytes_get_u64_be(key->mv_data);
    *part = bytes_get_u32_be((const uint8_t *)key->mv_data + 8);
    return true;
}

/* LMDB writes to its lock file through a map; on a full disk a page that is not allocated yet would be a bus error,
 * so the pages are asked for beforehand. Done before the environment is open, because closing the descriptor lets go
 * of this process's locks on the file. */
static int
reserve_lock_file(const char *path, struct why *why)
{
    char name[PATH_MAX];
    int fd, number;

    if (snprintf(name, sizeof name, "%s-lock", path) >= (int)sizeof name)
        return fail(why, ERR_LIMIT, "the path %.80s... is too long", path);
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return store_env_fail(why, errno, name);
    number = posix_fallocate(fd, 0, LOCK_FILE_BYTES);
    close(fd);
    if (number != 0 && number != EOPNOTSUPP && number != EINVAL)
        return store_env_fail(why, number, name);
    return 0;
}

/* A file that ends before its last page would be a bus error at the first touch. LMDB may leave a few pages at the
 * end unwritten when nothing refers to them, so a writer makes the file as long as it says: zero pages are no tree
 * pages and come out as damage. A reader cannot, and refuses what is cut by more than that. */
static int
check_length(const struct store_env *self, const char *path, unsigned flags, struct why *why)
{
    uint64_t used = store_env_used(self);
    mdb_filehandle_t fd;
    struct stat info;

    if (mdb_env_get_fd(self->env, &fd) != 0 || fstat(fd, &info) != 0)
        return store_env_fail(why, errno, path);
    if ((uint64_t)info.st_size >= used)
        return 0;
    if ((flags & MDB_RDONLY) != 0 && used - (uint64_t)info.st_size > MAP_GRAIN)
        return fail(why, ERR_FORMAT, "%s is cut off: %jd bytes of %" PRIu64, path, (intmax_t)info.st_size, used);
    if ((flags & MDB_RDONLY) == 0 && ftruncate(fd, (off_t)used) != 0)
        return store_env_fail(why, errno, path);
    return 0;
}

int
store_env_open(struct store_env *self, const char *path, unsigned flags, uint64_t map_size, struct why *why)
{
    int number, dead, code;

    ASSERT(self->env == NULL);

    if ((flags & MDB_RDONLY) == 0 && (code = reserve_lock_file(path, why)) != 0)
        return code;
    if ((number = mdb_env_create(&self->env)) != 0) {
        self->env = NULL;
        return store_env_fail(why, number, path);
    }
    map_size = (map_size + MAP_GRAIN - 1) / MAP_GRAIN * MAP_GRAIN;
    if ((number = mdb_env_set_maxdbs(self->env, DATABASES_MAX)) == 0 &&
        (number = mdb_env_set_maxreaders(self->env, READERS_MAX)) == 0 &&
        (number = map_size == 0 ? 0 : mdb_env_set_mapsize(self->env, map_size)) == 0 &&
        (number = mdb_env_open(self->env, path, flags | MDB_NOSUBDIR | MDB_NOTLS, 0600)) == 0)
        number = mdb_reader_check(self->env, &dead); /* slots of readers that were killed */
    code = number != 0 ? store_env_fail(why, number, path) : check_length(self, path, flags, why);
    if (code != 0)
        store_env_close(self);
    return code;
}

void
store_env_close(struct store_env *self)
{
    if (self->env == NULL)
        return;
    if (self->reader != NULL)
        mdb_txn_abort(self->reader);
    mdb_env_close(self->env);
    *self = (struct store_env){0};
}

int
store_env_begin(struct store_env *self, MDB_txn **out)
{
    int number;

    if (self->lost)
        return ENOMEM;
    /* Another process may have grown the file: then this one's map must follow, as often as it takes to catch up. */
    for (int i = 0; i < 64; i++) {
        number = mdb_txn_begin(self->env, NULL, MDB_RDONLY, out);
        if (number != MDB_MAP_RESIZED)
            return number;
        number = mdb_env_set_mapsize(self->env, 0);
        self->lost = number != 0;
        if (self->lost)
            return number;
    }
    return MDB_MAP_RESIZED;
}

int
store_env_read(struct store_env *self, MDB_txn **out)
{
    int number;

    ASSERT(!self->reading);

    if (self->reader != NULL && mdb_txn_renew(self->reader) != 0) {
        mdb_txn_abort(self->reader);
        self->reader = NULL;
    }
    else if (self->reader != NULL) {
        self->reading = true;
        *out = self->reader;
        return 0;
    }
    number = store_env_begin(self, &self->reader);
    if (number != 0)
        self->reader = NULL;
    self->reading = number == 0;
    *out = self->reader;
    return number;
}

void
store_env_read_end(struct store_env *self)
{
    ASSERT(self->reading);

    self->reading = false;
    mdb_txn_reset(self->reader);
}

uint64_t
store_env_used(const struct store_env *self)
{
    MDB_envinfo info;
    MDB_stat stat;

    if (mdb_env_info(self->env, &info) != 0 || mdb_env_stat(self->env, &stat) != 0)
        return 0;
    return ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}

static uint64_t
map_size(const struct store_env *self)
{
    MDB_envinfo info;

    return mdb_env_info(self->env, &info) == 0 ? info.me_mapsize : 0;
}

bool
store_env_crowded(const struct store_env *self)
{
    return store_env_used(self) > map_size(self) / 10 * 7;
}

int
store_env_grow(struct store_env *self, uint64_t limit, struct why *why)
{
    uint64_t old = map_size(self), size = old * 2;
    void *probe;
    int number;

    ASSERT(!self->reading);

    if (limit != 0 && size > limit)
        size = limit / MAP_GRAIN * MAP_GRAIN;
    if (size <= old)
        return fail(why, ERR_FULL, "the log's map is full at its limit of %" PRIu64 " bytes; raise the limit", limit);
    /* LMDB lets go of the old map first and is lost without a new one, so the room is tried beforehand. */
    probe = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (probe == MAP_FAILED)
        return fail_errno(why, ERR_FULL, errno, "no address space for a map of %" PRIu64 " bytes", size);
    munmap(probe, size);
    if (self->reader != NULL)
        mdb_txn_abort(self->reader);
    self->reader = NULL;
    store_crash_point("map-growth");
    number = mdb_env_set_mapsize(self->env, size);
    self->lost = number != 0;
    store_crash_point("map-growth");
    return number == 0 ? 0 : store_env_fail(why, number, "growing the map");
}
