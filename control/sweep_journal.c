#include "control/sweep_journal.h"

#include "core/digest.h"
#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYNC_LINES 64u
#define SYNC_MS 1000u

static int
write_line(int fd, const struct buffer *line, struct why *why)
{
    struct buffer whole = {0};
    const uint8_t *at;
    size_t left;
    int error = 0;

    buffer_append(&whole, line->data, line->size);
    text_add(&whole, "\n");
    at = whole.data;
    left = whole.size;
    while (left > 0 && error == 0) {
        ssize_t done = write(fd, at, left);

        if (done < 0 && errno != EINTR)
            error = fail_errno(why, errno == ENOSPC ? ERR_FULL : ERR_IO, errno, "the sweep's journal");
        if (done > 0) {
            at += done;
            left -= (size_t)done;
        }
    }
    buffer_fini(&whole);
    return error;
}

static int
read_whole(int fd, struct buffer *out, struct why *why)
{
    ssize_t done;

    do {
        buffer_reserve(out, 1u << 16);
        done = pread(fd, out->data + out->size, 1u << 16, (off_t)out->size);
        if (done > 0)
            out->size += (size_t)done;
    } while (done > 0 || (done < 0 && errno == EINTR));
    return done < 0 ? fail_errno(why, ERR_IO, errno, "the sweep's journal") : 0;
}

static void
make_head(const struct buffer *sweep, struct buffer *out)
{
    uint8_t digest[DIGEST_SIZE];
    char hex[2 * DIGEST_SIZE + 1];

    digest_of(sweep->data, sweep->size, digest);
    text_addf(out, "{\"schema\": \"polis.sweep/1\", \"sweep\": \"%s\"}", digest_hex(digest, DIGEST_SIZE, hex));
}

/* All whole lines; sets *end behind the last one. */
static int
take_lines(const struct buffer *text, const struct buffer *head, struct sweep_results *results, size_t *end,
    struct why *why)
{
    uint64_t number = 0;
    int error = 0;

    *end = 0;
    while (error == 0 && *end < text->size) {
        const char *line = (const char *)text->data + *end;
        const char *stop = memchr(line, '\n', text->size - *end);
        size_t size;

        if (stop == NULL)
            return 0;
        size = (size_t)(stop - line);
        if (number++ == 0)
            error = size == head->size && memcmp(line, head->data, size) == 0
                        ? 0
                        : fail(why, ERR_DIGEST, "the journal belongs to another sweep.yaml than the one beside it");
        else
            error = sweep_results_take(results, line, size, NULL, NULL, why);
        if (error != 0 && number > 1)
            return fail_prefix(why, "line %llu of the journal", (unsigned long long)number);
        *end += size + 1;
    }
    return error;
}

int
sweep_journal_open(const char *path, const struct buffer *sweep, struct sweep_results *results,
    struct sweep_journal *out, struct why *why)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct buffer text = {0}, head = {0};
    size_t end = 0;
    int error;

    *out = (struct sweep_journal){.fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644)};
    if (out->fd < 0)
        return fail_errno(why, errno == ENOENT ? ERR_MISSING : ERR_IO, errno, "%s", path);
    make_head(sweep, &head);
    if (fcntl(out->fd, F_SETLK, &lock) != 0)
        error = fail(why, ERR_STATE, "%s: another process is at this sweep", path);
    else if ((error = read_whole(out->fd, &text, why)) == 0 &&
             (error = take_lines(&text, &head, results, &end, why)) != 0)
        fail_prefix(why, "%s", path);
    if (error == 0 && end < text.size && ftruncate(out->fd, (off_t)end) != 0)
        error = fail_errno(why, ERR_IO, errno, "%s", path);
    if (error == 0 && end == 0)
        error = write_line(out->fd, &head, why);
    out->unsynced = 1;
    buffer_fini(&text);
    buffer_fini(&head);
    if (error != 0)
        close(out->fd);
    return error;
}

static int
sync_lines(struct sweep_journal *self, struct why *why)
{
    if (self->unsynced > 0 && fdatasync(self->fd) != 0)
        return fail_errno(why, ERR_IO, errno, "the sweep's journal");
    self->unsynced = 0;
    return 0;
}

int
sweep_journal_add(struct sweep_journal *self, const struct buffer *line, uint64_t now_ms, struct why *why)
{
    int error = write_line(self->fd, line, why);

    if (error != 0)
        return error;
    self->unsynced++;
    if (self->unsynced < SYNC_LINES && now_ms - self->synced_ms < SYNC_MS)
        return 0;
    self->synced_ms = now_ms;
    return sync_lines(self, why);
}

int
sweep_journal_close(struct sweep_journal *self, struct why *why)
{
    int error = sync_lines(self, why);

    close(self->fd);
    self->fd = -1;
    return error;
}
