#include "bus/place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/text.h"

static const char *const doors[PLACE_DOORS] = {
    [PLACE_CONTROL] = "ctl", [PLACE_DATA] = "data", [PLACE_EVENTS_OUT] = "evout", [PLACE_FETCH] = "fetch",
    [PLACE_EVENTS_IN] = "evin",
};

#define DOOR_SIZE_MAX 6u /* "/evout" */

static int
parse_tcp(const char *text, struct place *out, struct why *why)
{
    const char *colon = strrchr(text, ':');
    unsigned char address[sizeof(struct in_addr)];
    int64_t port;

    if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof out->host)
        return fail(why, ERR_INVALID, "\"tcp://%.100s\" is not tcp://ADDRESS:PORT", text);
    memcpy(out->host, text, (size_t)(colon - text));
    out->host[colon - text] = '\0';
    if (inet_pton(AF_INET, out->host, address) != 1)
        return fail(why, ERR_INVALID, "\"%s\" is not a numeric IPv4 address", out->host);
    if (text_parse_integer(colon + 1, &port, why) != 0)
        return fail_prefix(why, "port");
    if (port < 1 || port > 65535 - (PLACE_DOORS - 1))
        return fail(why, ERR_LIMIT, "base port %" PRId64 " is not in 1..%d", port, 65535 - (PLACE_DOORS - 1));
    out->tcp = true;
    out->port = (uint16_t)port;
    return 0;
}

int
place_parse(const char *text, struct place *out, struct why *why)
{
    *out = (struct place){.folder_fd = -1};
    if (strncmp(text, "tcp://", 6) == 0)
        return parse_tcp(text + 6, out, why);
    if (strncmp(text, "ipc://", 6) == 0)
        text += 6;
    if (text[0] == '\0')
        return fail(why, ERR_INVALID, "no run directory was named");
    /* libzmq reads '@' at the start of a path as the abstract namespace, where no directory guards the socket. */
    if (text[0] == '@')
        return fail(why, ERR_INVALID, "a run directory must not begin with '@'; write \"./%.100s\"", text);
    if (strlen(text) + DOOR_SIZE_MAX >= sizeof out->folder)
        return fail(why, ERR_LIMIT, "the run directory's path is longer than %zu bytes", sizeof out->folder - 8);
    memcpy(out->folder, text, strlen(text) + 1);
    return 0;
}

/* The directory exists and is this user's alone. */
static int
claim(const struct place *self, struct why *why)
{
    struct stat info;

    if (mkdir(self->folder, 0700) != 0 && errno != EEXIST)
        return fail_errno(why, ERR_IO, errno, "cannot make the run directory %s", self->folder);
    if (stat(self->folder, &info) != 0)
        return fail_errno(why, ERR_IO, errno, "cannot look at %s", self->folder);
    if (!S_ISDIR(info.st_mode))
        return fail(why, ERR_INVALID, "%s is not a directory", self->folder);
    if (info.st_uid != geteuid())
        return fail(why, ERR_DENIED, "the run directory %s belongs to another user", self->folder);
    if ((info.st_mode & 077) != 0 && chmod(self->folder, info.st_mode & 07700) != 0)
        return fail_errno(why, ERR_IO, errno, "cannot close %s to other users", self->folder);
    return 0;
}

int
place_open(struct place *self, bool create, struct why *why)
{
    ASSERT(self->folder_fd == -1);
    if (self->tcp)
        return 0;
    if (create && claim(self, why) != 0)
        return why->code;
    if (strlen(self->folder) + DOOR_SIZE_MAX < sizeof((struct sockaddr_un *)NULL)->sun_path)
        return 0;
    self->folder_fd = open(self->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (self->folder_fd < 0)
        return fail_errno(why, errno == ENOENT ? ERR_MISSING : ERR_IO, errno, "cannot open the run directory %s",
                          self->folder);
    return 0;
}

void
place_close(struct place *self)
{
    if (self->folder_fd >= 0)
        close(self->folder_fd);
    self->folder_fd = -1;
}

void
place_endpoint(const struct place *self, enum place_door door, char out[PLACE_ENDPOINT_SIZE])
{
    int size;

    ASSERT(door < PLACE_DOORS);
    if (self->tcp)
        size = snprintf(out, PLACE_ENDPOINT_SIZE, "tcp://%s:%d", self->host, self->port + (int)door);
    else if (self->folder_fd >= 0)
        size = snprintf(out, PLACE_ENDPOINT_SIZE, "ipc:///proc/self/fd/%d/%s", self->folder_fd, doors[door]);
    else
        size = snprintf(out, PLACE_ENDPOINT_SIZE, "ipc://%s/%s", self->folder, doors[door]);
    ASSERT(size > 0 && (size_t)size < PLACE_ENDPOINT_SIZE);
}

bool
place_is_local(const struct place *self)
{
    struct in_addr address;

    if (!self->tcp)
        return true;
    return inet_pton(AF_INET, self->host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}
