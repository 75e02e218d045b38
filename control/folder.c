#include "control/folder.h"

#include "core/buffer.h"
#include "core/text.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define RUNS "runs"
#define CHOICE_MAX 100000u

/* ---- finding ---- */

static bool
is_run(const char *path)
{
    char file[FOLDER_PATH_SIZE + 16];
    struct stat info;

    snprintf(file, sizeof file, "%s/log.mdb", path);
    return stat(file, &info) == 0;
}

static int
no_such_run(const char *name, struct why *why)
{
    struct text_nearest nearest = {.name = name};
    char best[256] = "";
    DIR *stream = opendir(RUNS);
    struct dirent *entry;

    /* The nearest name is lent by readdir(), so it is copied as soon as it is the best. */
    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        text_nearest_offer(&nearest, entry->d_name);
        if (nearest.best == entry->d_name) {
            snprintf(best, sizeof best, "%s", entry->d_name);
            nearest.best = best;
        }
    }
    if (stream != NULL)
        closedir(stream);
    if (best[0] != '\0')
        return fail(why, ERR_MISSING, "there is no run at '%.200s'; did you mean '%s/%s'?", name, RUNS, best);
    return fail(why, ERR_MISSING, "there is no run at '%.200s'", name);
}

int
folder_find(const char *name, char out[FOLDER_PATH_SIZE], struct why *why)
{
    size_t size = strlen(name);

    while (size > 1 && name[size - 1] == '/')
        size--;
    if (size == 0 || size + sizeof RUNS + 32 > FOLDER_PATH_SIZE)
        return fail(why, ERR_INVALID, "'%.60s' is no name of a run", name);
    snprintf(out, FOLDER_PATH_SIZE, "%.*s", (int)size, name);
    if (is_run(out))
        return 0;
    snprintf(out, FOLDER_PATH_SIZE, "%s/%.*s", RUNS, (int)size, name);
    if (is_run(out))
        return 0;
    return no_such_run(name, why);
}

int
folder_choose(const char *name, int64_t seed, char out[FOLDER_PATH_SIZE], struct why *why)
{
    char word[101];
    uint32_t used = 0;

    for (; *name != '\0' && used + 1 < sizeof word; name++)
        word[used++] = isalnum((unsigned char)*name) || *name == '_' || *name == '.' ? *name : '-';
    word[used] = '\0';
    if (word[0] == '.')
        word[0] = '-';
    if (mkdir(RUNS, 0755) != 0 && errno != EEXIST)
        return fail_errno(why, ERR_IO, errno, "cannot make the folder %s", RUNS);
    for (uint32_t n = 1; n < CHOICE_MAX; n++) {
        struct stat info;

        snprintf(out, FOLDER_PATH_SIZE, "%s/%s-%lld-%u", RUNS, used > 0 ? word : "run", (long long)seed, (unsigned)n);
        if (lstat(out, &info) != 0 && errno == ENOENT)
            return 0;
    }
    return fail(why, ERR_LIMIT, "%s holds %u runs of this name; name a folder with --out", RUNS, CHOICE_MAX);
}

/* ---- files ---- */

static int
write_all(int fd, const char *path, const void *bytes, size_t size, struct why *why)
{
    const char *at = bytes;

    while (size > 0) {
        ssize_t done = write(fd, at, size);

        if (done < 0 && errno != EINTR)
            return fail_errno(why, errno == ENOSPC ? ERR_FULL : ERR_IO, errno, "%s", path);
        if (done > 0) {
            at += done;
            size -= (size_t)done;
        }
    }
    return 0;
}

/* A temporary file beside `path`; `temporary` gets its name. */
static int
open_beside(const char *path, char temporary[], size_t size, int *fd, struct why *why)
{
    snprintf(temporary, size, "%s.%d.tmp", path, (int)getpid());
    *fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return *fd >= 0 ? 0 : fail_errno(why, ERR_IO, errno, "%s", temporary);
}

/* Synced and renamed when all went well (`error` 0), else gone. */
static int
close_beside(const char *path, const char *temporary, int fd, int error, struct why *why)
{
    if (error == 0 && fsync(fd) != 0)
        error = fail_errno(why, ERR_IO, errno, "%s", temporary);
    if (close(fd) != 0 && error == 0)
        error = fail_errno(why, ERR_IO, errno, "%s", temporary);
    if (error == 0 && rename(temporary, path) != 0)
        error = fail_errno(why, ERR_IO, errno, "%s", path);
    if (error != 0)
        unlink(temporary);
    return error;
}

int
folder_write_file(const char *path, const void *bytes, size_t size, struct why *why)
{
    char temporary[FOLDER_PATH_SIZE + 32];
    int fd, error = open_beside(path, temporary, sizeof temporary, &fd, why);

    if (error != 0)
        return error;
    return close_beside(path, temporary, fd, write_all(fd, temporary, bytes, size, why), why);
}

int
folder_copy_file(const char *from, const char *to, struct why *why)
{
    static char bytes[1u << 16];
    char temporary[FOLDER_PATH_SIZE + 64];
    int source = open(from, O_RDONLY | O_CLOEXEC), fd, error;
    ssize_t size;

    if (source < 0)
        return fail_errno(why, errno == ENOENT ? ERR_MISSING : ERR_IO, errno, "%.300s", from);
    if ((error = open_beside(to, temporary, sizeof temporary, &fd, why)) == 0) {
        while (error == 0 && (size = read(source, bytes, sizeof bytes)) != 0)
            error = size > 0         ? write_all(fd, temporary, bytes, (size_t)size, why)
                : errno == EINTR ? 0
                                 : fail_errno(why, ERR_IO, errno, "%.300s", from);
        error = close_beside(to, temporary, fd, error, why);
    }
    close(source);
    return error;
}

static int
write_in(const char *folder, const char *name, const void *bytes, size_t size, struct why *why)
{
    char path[FOLDER_PATH_SIZE + 32];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return folder_write_file(path, bytes, size, why);
}

static void
put_section(struct yaml_tree *tree, const char *key, const struct params *list, const void *values)
{
    struct yaml_tree *section = yaml_new("cluster");

    params_put(list, values, section, yaml_root(section));
    yaml_put(tree, yaml_root(tree), key, yaml_root(section));
    yaml_destroy(&section);
}

int
folder_write_cluster(const char *path, const struct plan *plan, const struct llm_settings *models, struct why *why)
{
    struct yaml_tree *tree = yaml_new("cluster");
    struct buffer text = {0};
    char place[64] = "bus";
    char log[FOLDER_PATH_SIZE + 8];
    int error;

    put_section(tree, "cluster", plan_cluster_params, &plan->cluster);
    put_section(tree, "log", plan_logging_params, &plan->logging);
    if (models != NULL)
        llm_config_put_settings(models, tree, yaml_put_empty(tree, yaml_root(tree), "llm", YAML_MAP));
    yaml_write(yaml_root(tree), &text);
    yaml_destroy(&tree);
    error = write_in(path, "cluster.yaml", text.data, text.size, why);
    buffer_fini(&text);
    if (plan->cluster.transport == TRANSPORT_TCP)
        snprintf(place, sizeof place, "tcp://127.0.0.1:%u", (unsigned)plan->cluster.port);
    if (error == 0)
        error = write_in(path, "place", place, strlen(place), why);
    snprintf(log, sizeof log, "%s/log", path);
    if (error == 0 && mkdir(log, 0755) != 0 && errno != EEXIST)
        error = fail_errno(why, ERR_IO, errno, "%s", log);
    return error;
}

/* An empty map where there is none. */
static int
read_layout(const char *path, struct yaml_tree **out, struct why *why)
{
    char file[FOLDER_PATH_SIZE + 16];

    snprintf(file, sizeof file, "%s/cluster.yaml", path);
    if (access(file, F_OK) == 0)
        return yaml_read_file(file, out, why);
    *out = yaml_new("cluster.yaml");
    return 0;
}

int
folder_read_models(const char *path, struct llm_settings *out, struct why *why)
{
    struct yaml_tree *tree = NULL;
    int error = read_layout(path, &tree, why);

    if (error == 0)
        error = llm_config_read_settings(yaml_find(yaml_root(tree), "llm"), out, why);
    yaml_destroy(&tree);
    return error;
}

int
folder_read_cluster(const char *path, struct cluster *cluster, struct logging *logging, struct why *why)
{
    struct yaml_tree *tree = NULL;
    const struct yaml_node *root;
    int error = read_layout(path, &tree, why);

    if (error != 0)
        return error;
    root = yaml_root(tree);
    error = params_bind(plan_cluster_params, yaml_find(root, "cluster"), NULL, cluster, why);
    if (error == 0)
        error = params_bind(plan_logging_params, yaml_find(root, "log"), NULL, logging, why);
    yaml_destroy(&tree);
    return error;
}

int
folder_read_place(const char *path, char *out, size_t out_size, struct why *why)
{
    char file[FOLDER_PATH_SIZE + 16];
    char text[256] = "bus";
    FILE *stream;
    size_t size;

    snprintf(file, sizeof file, "%s/place", path);
    stream = fopen(file, "re");
    if (stream != NULL) {
        size = fread(text, 1, sizeof text - 1, stream);
        text[size] = '\0';
        text[strcspn(text, "\n")] = '\0';
        fclose(stream);
    }
    if (strncmp(text, "tcp://", 6) == 0)
        size = (size_t)snprintf(out, out_size, "%s", text);
    else
        size = (size_t)snprintf(out, out_size, "%s/%s", path, text);
    return size < out_size ? 0 : fail(why, ERR_LIMIT, "%s: the path is too long", path);
}

/* ---- making and opening ---- */

static int
create(const char *path, struct yaml_tree *resolved, const struct store_step *base, struct why *why)
{
    const struct yaml_node *section = yaml_find(yaml_root(resolved), "llm");
    struct buffer manifest = {0};
    struct llm_settings models;
    struct plan plan;
    int error = plan_read(yaml_root(resolved), &plan, why);

    if (error != 0 || (error = llm_config_read_settings(section, &models, why)) != 0)
        return error;
    plan_write_manifest(resolved, &manifest);
    error = base == NULL ? store_create(path, manifest.data, manifest.size, why)
                         : store_create_fork(path, manifest.data, manifest.size, base, why);
    buffer_fini(&manifest);
    return error != 0 ? error : folder_write_cluster(path, &plan, section != NULL ? &models : NULL, why);
}

int
folder_create(const char *path, struct yaml_tree *resolved, struct why *why)
{
    return create(path, resolved, NULL, why);
}

int
folder_create_fork(const char *path, struct yaml_tree *resolved, const struct store_step *base, struct why *why)
{
    return create(path, resolved, base, why);
}

int
folder_read_plan(const char *path, struct store *store, struct yaml_tree **tree, struct plan *out, struct why *why)
{
    size_t size;
    const void *manifest = store_manifest(store, &size);
    uint32_t detail;
    int error = plan_read_manifest(manifest, size, tree, out, why);

    if (error != 0)
        return error;
    detail = out->logging.detail;
    error = folder_read_cluster(path, &out->cluster, &out->logging, why);
    out->logging.detail = detail; /* what the log keeps is the manifest's word alone */
    if (error != 0)
        yaml_destroy(tree);
    return error;
}

int
folder_open(const char *name, struct folder *out, struct why *why)
{
    int error;

    memset(out, 0, sizeof *out);
    if ((error = folder_find(name, out->path, why)) != 0 || (error = store_open_read(out->path, &out->store, why)) != 0)
        return error;
    error = folder_read_plan(out->path, out->store, &out->tree, &out->plan, why);
    if (error == 0)
        error = folder_read_models(out->path, &out->models, why);
    if (error != 0)
        folder_close(out);
    return error;
}

void
folder_close_store(struct folder *self)
{
    struct why why = {0};

    if (self->store != NULL && store_close(&self->store, &why) != 0)
        self->store = NULL; /* a reader has nothing to lose */
}

void
folder_close(struct folder *self)
{
    folder_close_store(self);
    yaml_destroy(&self->tree);
}

/* Whether somebody listens at a socket: the file alone outlives its broker. A path that is too long for an address may
 * have somebody. */
static bool
is_served(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    bool served;
    int fd;

    if (access(path, F_OK) != 0)
        return false;
    if (!text_copy(address.sun_path, sizeof address.sun_path, path))
        return true;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true;
    served = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN;
    close(fd);
    return served;
}

/* Whether the process that has the run's log open is there: it may wait for a broker that is being started again. */
static bool
has_world(const char *path)
{
    char file[FOLDER_PATH_SIZE + 16];
    long process = 0;
    FILE *stream;

    snprintf(file, sizeof file, "%s/world.lock", path);
    if ((stream = fopen(file, "re")) == NULL)
        return false;
    if (fscanf(stream, "%ld", &process) != 1)
        process = 0;
    fclose(stream);
    return process > 0 && (kill((pid_t)process, 0) == 0 || errno == EPERM);
}

bool
folder_is_live(const char *path)
{
    char place[FOLDER_PATH_SIZE + 64];
    char door[FOLDER_PATH_SIZE + 80];

    if (folder_read_place(path, place, sizeof place, NULL) != 0)
        return false;
    if (strncmp(place, "tcp://", 6) == 0)
        return true;
    snprintf(door, sizeof door, "%s/ctl", place);
    return is_served(door) || (access(door, F_OK) == 0 && has_world(path));
}
