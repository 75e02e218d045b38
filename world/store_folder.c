#include "world/store_private.h"

#include "core/assert.h"
#include "core/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Numbers of statfs(2). On these, locks and shared maps are not what LMDB needs: the log could be damaged unseen. */
static const struct {
    uint64_t magic;
    const char *name;
} refused[] = {
    {0x6969, "NFS"},       {0x517b, "SMB"},           {0xff534d42, "CIFS"},   {0xfe534d42, "SMB"},
    {0x65735546, "FUSE"},  {0x01021997, "9p"},        {0x0bd00bd0, "Lustre"}, {0x5346414f, "AFS"},
    {0x00c36400, "Ceph"},  {0x73757245, "Coda"},      {0x47504653, "GPFS"},   {0x19830326, "BeeGFS"},
};
#define OVERLAYFS UINT64_C(0x794c7630)

const char *
store_filesystem_refused(uint64_t magic, const char **warn)
{
    /* Containers live on overlayfs, and a file made there behaves; only one inherited from a lower layer does not. */
    *warn = magic == OVERLAYFS ? "overlayfs" : NULL;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (refused[i].magic == magic)
            return refused[i].name;
    return NULL;
}

int
store_filesystem_check(const char *folder, struct why *why)
{
    const char *override = getenv("POLIS_ANY_FILESYSTEM"), *name, *warn;
    bool any = override != NULL && strcmp(override, "1") == 0;
    struct statfs info;

    if (statfs(folder, &info) != 0)
        return store_env_fail(why, errno, folder);
    name = store_filesystem_refused((uint64_t)info.f_type & UINT32_MAX, &warn);
    if (name != NULL && !any)
        return fail(why, ERR_DENIED, "%s is on %s, where the log cannot be kept safely: use a local disk, "
                    "or set POLIS_ANY_FILESYSTEM=1 at your own risk", folder, name);
    if (warn != NULL && !any)
        log_line(LOG_WARNING, "world", "%s is on %s: keep runs on a volume of the host", folder, warn);
    return 0;
}

int
store_path(char out[PATH_MAX], const char *folder, const char *name, struct why *why)
{
    int size = snprintf(out, PATH_MAX, "%s%s%s", folder, name[0] == '\0' ? "" : "/", name);

    if (size < 0 || size >= PATH_MAX)
        return fail(why, ERR_LIMIT, "the path %.80s... is too long", folder);
    return 0;
}

int
store_folder_sync(const char *folder, struct why *why)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), number = 0;

    if (fd < 0)
        return store_env_fail(why, errno, folder);
    if (fsync(fd) != 0)
        number = errno;
    close(fd);
    return number == 0 ? 0 : store_env_fail(why, number, folder);
}

/* 0 when nothing is at the path, or an empty folder. */
static int
check_free(const char *folder, struct why *why)
{
    DIR *list = opendir(folder);
    struct dirent *entry;
    bool empty = true;

    if (list == NULL && errno == ENOENT)
        return 0;
    if (list == NULL && errno == ENOTDIR)
        return fail(why, ERR_STATE, "%s is there already, and no folder", folder);
    if (list == NULL)
        return store_env_fail(why, errno, folder);
    while ((entry = readdir(list)) != NULL)
        empty = empty && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
    closedir(list);
    return empty ? 0 : fail(why, ERR_STATE, "%s is there already and not empty", folder);
}

static int
place_name(struct store_place *self, const char *folder, struct why *why)
{
    char *slash;
    size_t size;
    int code;

    if (folder[0] == '\0')
        return fail(why, ERR_INVALID, "a run needs a folder");
    if ((code = store_path(self->folder, folder, "", why)) != 0)
        return code;
    for (size = strlen(self->folder); size > 1 && self->folder[size - 1] == '/'; size--)
        self->folder[size - 1] = '\0';
    memcpy(self->parent, self->folder, sizeof self->parent);
    slash = strrchr(self->parent, '/');
    if (slash == NULL)
        memcpy(self->parent, ".", 2);
    else
        slash[slash == self->parent ? 1 : 0] = '\0';
    if (snprintf(self->temporary, sizeof self->temporary, "%s.new-XXXXXX", self->folder) >= PATH_MAX)
        return fail(why, ERR_LIMIT, "the path %.80s... is too long", folder);
    return 0;
}

int
store_place_begin(struct store_place *self, const char *folder, struct why *why)
{
    int code;

    *self = (struct store_place){0};
    if ((code = place_name(self, folder, why)) != 0 || (code = check_free(self->folder, why)) != 0 ||
        (code = store_filesystem_check(self->parent, why)) != 0)
        return code;
    if (mkdtemp(self->temporary) == NULL)
        return store_env_fail(why, errno, self->temporary);
    return 0;
}

int
store_place_finish(struct store_place *self, struct why *why)
{
    int code = store_folder_sync(self->temporary, why);

    if (code != 0)
        return code;
    store_crash_point("create");
    if (rename(self->temporary, self->folder) != 0) {
        if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
            return fail(why, ERR_STATE, "%s has come into being meanwhile", self->folder);
        return store_env_fail(why, errno, self->folder);
    }
    store_crash_point("create");
    return store_folder_sync(self->parent, why);
}

void
store_place_abandon(struct store_place *self)
{
    static const char *const names[] = {STORE_LOG_FILE, STORE_LOG_FILE "-lock", STORE_STATE_FILE,
                                        STORE_STATE_FILE "-lock", STORE_TRACE_FILE, STORE_LOCK_FILE};
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (store_path(path, self->temporary, names[i], NULL) == 0)
            unlink(path);
    rmdir(self->temporary);
}

int
store_lock(const char *folder, int *fd_out, struct why *why)
{
    char path[PATH_MAX], owner[32] = "";
    int fd, code;

    if ((code = store_path(path, folder, STORE_LOCK_FILE, why)) != 0)
        return code;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return store_env_fail(why, errno, path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int number = errno;
        ssize_t size = read(fd, owner, sizeof owner - 1);

        close(fd);
        owner[size > 0 ? strspn(owner, "0123456789") : 0] = '\0';
        if (number == EWOULDBLOCK)
            return fail(why, ERR_STATE, "%s is being written by a process (%s); one run has one writer", folder,
                        owner[0] == '\0' ? "of unknown number" : owner);
        return store_env_fail(why, number, path);
    }
    /* For the message above only, so trouble with it does not matter. */
    if (ftruncate(fd, 0) == 0) {
        int size = snprintf(owner, sizeof owner, "%jd\n", (intmax_t)getpid());

        if (pwrite(fd, owner, (size_t)size, 0) != size)
            log_line(LOG_DEBUG, "world", "%s could not be labelled", path);
    }
    *fd_out = fd;
    return 0;
}

static pthread_mutex_t claims_lock = PTHREAD_MUTEX_INITIALIZER;
static struct store *claims;

int
store_claim(struct store *self, struct why *why)
{
    char path[PATH_MAX];
    struct stat info;
    int code = store_path(path, self->folder, STORE_LOG_FILE, why);

    if (code != 0)
        return code;
    if (stat(path, &info) != 0)
        return errno == ENOENT || errno == ENOTDIR ? fail(why, ERR_MISSING, "%s holds no run", self->folder)
                                                   : store_env_fail(why, errno, path);
    if (info.st_size == 0) /* LMDB would make a new one of it */
        return fail(why, ERR_FORMAT, "%s is empty", path);
    self->device = info.st_dev;
    self->inode = info.st_ino;
    pthread_mutex_lock(&claims_lock);
    for (const struct store *other = claims; other != NULL; other = other->next_claim)
        if (other->device == self->device && other->inode == self->inode)
            code = fail(why, ERR_STATE, "%s is already open in this process; share that store", self->folder);
    if (code == 0) {
        self->next_claim = claims;
        claims = self;
    }
    pthread_mutex_unlock(&claims_lock);
    if (code != 0)
        self->inode = 0;
    return code;
}

void
store_unclaim(struct store *self)
{
    pthread_mutex_lock(&claims_lock);
    for (struct store **at = &claims; *at != NULL; at = &(*at)->next_claim)
        if (*at == self) {
            *at = self->next_claim;
            break;
        }
    pthread_mutex_unlock(&claims_lock);
}
