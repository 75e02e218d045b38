#include "llm-gateway/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "core/assert.h"
#include "core/log.h"
#include "llm-gateway/redact.h"

#define ROOM_SIZE 32768u /* bytes of locked memory; half of what Linux has always let everybody lock */
#define NAME_SIZE 256u

static const char mark[] = "[redacted]";

struct secret {
    char name[NAME_SIZE]; /* of the variable or file */
    const char *bytes;    /* in the room */
    size_t size;
};

struct secrets {
    char *room; /* locked; each key once, one behind the other */
    size_t used;
    bool locked;
    uint32_t count;
    struct secret all[SECRETS_MAX];
    struct redact redact; /* borrows from the room */
};

static int
process_harden(struct why *why)
{
    const struct rlimit none = {0, 0};

    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return fail_errno(why, ERR_IO, errno, "cannot make this process undumpable");
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        return fail_errno(why, ERR_IO, errno, "cannot forbid core files");
    return 0;
}

struct secrets *
secrets_new(struct why *why)
{
    struct secrets *self;

    if (sodium_init() < 0) {
        (void)fail(why, ERR_STATE, "libsodium cannot be set up");
        return NULL;
    }
    if (process_harden(why) != 0)
        return NULL;
    self = calloc(1, sizeof *self);
    ASSERT(self != NULL);
    self->room = mmap(NULL, ROOM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (self->room == MAP_FAILED) {
        (void)fail_errno(why, ERR_IO, errno, "no memory for keys");
        free(self);
        return NULL;
    }
    self->locked = mlock(self->room, ROOM_SIZE) == 0;
    if (!self->locked)
        log_line(LOG_LEVEL_WARNING, "llm-gateway", "memory for keys cannot be locked (ulimit -l): they may be swapped");
    /* Both are hints that old kernels do not know; without them the promises above still hold for this process. */
    (void)madvise(self->room, ROOM_SIZE, MADV_DONTDUMP);
    (void)madvise(self->room, ROOM_SIZE, MADV_WIPEONFORK);
    return self;
}

void
secrets_destroy(struct secrets **self_p)
{
    struct secrets *self = *self_p;

    if (self == NULL)
        return;
    sodium_memzero(self->room, ROOM_SIZE);
    if (self->locked)
        (void)munlock(self->room, ROOM_SIZE);
    (void)munmap(self->room, ROOM_SIZE);
    sodium_memzero(self, sizeof *self);
    free(self);
    *self_p = NULL;
}

/* ---- loading ---- */

/* What stands at the room's free end becomes a key, or is wiped. */
static int
secret_keep(struct secrets *self, const char *name, size_t size, uint32_t *out, struct why *why)
{
    char *bytes = self->room + self->used;
    struct secret *secret = &self->all[self->count];
    bool printable = true;

    for (size_t i = 0; i < size; i++)
        printable = printable && bytes[i] > ' ' && bytes[i] < 0x7f;
    if (!printable || size < SECRET_SIZE_MIN || size > SECRET_SIZE_MAX) {
        sodium_memzero(bytes, ROOM_SIZE - self->used);
        return fail(why, ERR_INVALID, "the key in %s is not %u to %u printable characters without blanks", name,
                    SECRET_SIZE_MIN, SECRET_SIZE_MAX);
    }
    if (!redact_add(&self->redact, bytes, size))
        UNREACHABLE(); /* its bounds are wider than ours */
    memcpy(secret->name, name, strlen(name) + 1);
    secret->bytes = bytes;
    secret->size = size;
    self->used += size;
    self->count++;
    *out = self->count;
    return 0;
}

static int
room_check(const struct secrets *self, const char *name, struct why *why)
{
    if (name[0] == '\0' || strlen(name) >= NAME_SIZE)
        return fail(why, ERR_INVALID, "the name of a key is empty or longer than %u bytes", NAME_SIZE - 1);
    if (self->count == SECRETS_MAX || ROOM_SIZE - self->used < SECRET_SIZE_MAX + 2)
        return fail(why, ERR_FULL, "no room for the key in %s: %u are loaded", name, self->count);
    return 0;
}

/* Every entry of that name is wiped where it stands: the kernel shows that memory as /proc/PID/environ. */
static void
environment_wipe(const char *variable)
{
    size_t length = strlen(variable);

    for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
        if (strncmp(*entry, variable, length) == 0 && (*entry)[length] == '=')
            sodium_memzero(*entry + length + 1, strlen(*entry + length + 1));
    (void)unsetenv(variable);
}

int
secrets_load_env(struct secrets *self, const char *variable, uint32_t *out, struct why *why)
{
    const char *value;
    size_t size;
    int code;

    ASSERT(self != NULL && variable != NULL && out != NULL);

    if (secrets_find(self, variable, out))
        return 0;
    if (strchr(variable, '=') != NULL)
        return fail(why, ERR_INVALID, "the name of a variable has no '='");
    code = room_check(self, variable, why);
    if (code != 0)
        return code;
    value = getenv(variable);
    if (value == NULL || value[0] == '\0')
        return fail(why, ERR_MISSING, "the environment has no %s: export it before the start", variable);
    size = strlen(value);
    if (size <= SECRET_SIZE_MAX)
        memcpy(self->room + self->used, value, size);
    code = secret_keep(self, variable, size <= SECRET_SIZE_MAX ? size : 0, out, why);
    environment_wipe(variable);
    return code;
}

static int
file_check(const char *path, int fd, struct why *why)
{
    struct stat about;

    if (fstat(fd, &about) != 0)
        return fail_errno(why, ERR_IO, errno, "%s", path);
    if (!S_ISREG(about.st_mode))
        return fail(why, ERR_INVALID, "%s is not a regular file", path);
    if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail(why, ERR_DENIED, "others may write %s: chmod 600 it", path);
    if ((about.st_mode & S_IROTH) != 0)
        log_line(LOG_LEVEL_WARNING, "llm-gateway", "everybody may read the key in %s", path);
    return 0;
}

/* Reads at most one byte more than a key may have, straight into the room. */
static int
file_read(struct secrets *self, const char *path, int fd, size_t *size, struct why *why)
{
    char *bytes = self->room + self->used;
    ssize_t got = 1;

    for (*size = 0; *size <= SECRET_SIZE_MAX && got != 0;) {
        got = read(fd, bytes + *size, SECRET_SIZE_MAX + 1 - *size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int number = errno;

            sodium_memzero(bytes, *size);
            return fail_errno(why, ERR_IO, number, "%s", path);
        }
        *size += (size_t)got;
    }
    while (*size > 0 && strchr(" \t\r\n", bytes[*size - 1]) != NULL)
        bytes[--*size] = '\0';
    return 0;
}

int
secrets_load_file(struct secrets *self, const char *path, uint32_t *out, struct why *why)
{
    size_t size = 0;
    int code, fd;

    ASSERT(self != NULL && path != NULL && out != NULL);

    if (secrets_find(self, path, out))
        return 0;
    code = room_check(self, path, why);
    if (code != 0)
        return code;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return fail_errno(why, ERR_MISSING, errno, "the key in %s", path);
    code = file_check(path, fd, why);
    if (code == 0)
        code = file_read(self, path, fd, &size, why);
    (void)close(fd);
    return code != 0 ? code : secret_keep(self, path, size, out, why);
}

bool
secrets_find(const struct secrets *self, const char *name, uint32_t *out)
{
    for (uint32_t i = 0; i < self->count; i++) {
        if (strcmp(self->all[i].name, name) == 0) {
            if (out != NULL)
                *out = i + 1;
            return true;
        }
    }
    return false;
}

uint32_t
secrets_count(const struct secrets *self)
{
    return self->count;
}

bool
secrets_is_locked(const struct secrets *self)
{
    return self->locked;
}

/* ---- use ---- */

static const struct secret *
secret_get(const struct secrets *self, uint32_t secret)
{
    ASSERT(secret != SECRET_NONE && secret <= self->count);
    return &self->all[secret - 1];
}

size_t
secrets_size(const struct secrets *self, uint32_t secret)
{
    return secret_get(self, secret)->size;
}

void
secrets_copy(const struct secrets *self, uint32_t secret, char *out)
{
    memcpy(out, secret_get(self, secret)->bytes, secret_get(self, secret)->size);
}

/* ---- hiding ---- */

uint32_t
secrets_redact(const struct secrets *self, const char *text, size_t size, struct buffer *out)
{
    return redact_text(&self->redact, text, size, out);
}

uint32_t
secrets_redact_in_place(const struct secrets *self, char *text, size_t size)
{
    return redact_in_place(&self->redact, text, size);
}

/* Puts the mark in the place of `length` bytes at `at`, and closes the gap. Returns where the text goes on. */
static size_t
mask_at(char *bytes, size_t *size, size_t at, size_t length)
{
    size_t put = length < sizeof mark - 1 ? length : sizeof mark - 1;

    if (put < sizeof mark - 1)
        memset(bytes + at, '*', put);
    else
        memcpy(bytes + at, mark, put);
    memmove(bytes + at + put, bytes + at + length, *size - at - length);
    *size -= length - put;
    return at + put;
}

/* The longest key at its first place; false when none is there. */
static bool
secret_next(const struct secrets *self, const char *bytes, size_t size, size_t from, size_t *at, size_t *length)
{
    bool found = false;

    for (uint32_t i = 0; i < self->count && from < size; i++) {
        const struct secret *secret = &self->all[i];
        const char *place = memmem(bytes + from, size - from, secret->bytes, secret->size);
        size_t here = place != NULL ? (size_t)(place - bytes) : 0;

        if (place == NULL || (found && (here > *at || (here == *at && secret->size < *length))))
            continue;
        *at = here;
        *length = secret->size;
        found = true;
    }
    return found;
}

size_t
secrets_tail(const struct secrets *self, const char *bytes, size_t size)
{
    size_t longest = 0;

    for (uint32_t i = 0; i < self->count; i++) {
        const struct secret *secret = &self->all[i];

        for (size_t n = secret->size - 1 < size ? secret->size - 1 : size; n > longest; n--)
            if (bytes[size - n] == secret->bytes[0] && memcmp(bytes + size - n, secret->bytes, n) == 0)
                longest = n;
    }
    return longest;
}

uint32_t
secrets_mask(const struct secrets *self, char *bytes, size_t *size, bool more)
{
    size_t from = 0, at = 0, length = 0, tail;
    uint32_t count = 0;

    while (secret_next(self, bytes, *size, from, &at, &length)) {
        from = mask_at(bytes, size, at, length);
        count++;
    }
    tail = more ? 0 : secrets_tail(self, bytes + from, *size - from);
    if (tail >= SECRET_SIZE_MIN) {
        (void)mask_at(bytes, size, *size - tail, tail);
        count++;
    }
    return count;
}

bool
secrets_found(const struct secrets *self, const void *bytes, size_t size)
{
    size_t at = 0, length = 0;

    return secret_next(self, bytes, size, 0, &at, &length);
}
