#include "control/library.h"

#include "core/text.h"
#include "core/yaml.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_MAX 4u

static const char *const yaml_endings[] = {".yaml", ".yml", NULL};
static const char *const text_endings[] = {".md", NULL};

const struct library library_scenarios = {
    "scenario", "scenarios", "POLIS_SCENARIOS", "polis scenario list", yaml_endings};
const struct library library_sweeps = {"sweep", "sweeps", "POLIS_SWEEPS", "polis sweep --list", yaml_endings};
const struct library library_prompts = {
    "template", "prompts", "POLIS_PROMPTS", "the folder configs/prompts", text_endings};

/* ---- folders ---- */

/* First one first; those that do not exist are kept, they are just empty. */
static uint32_t
list_folders(const struct library *self, char out[FOLDER_MAX][LIBRARY_PATH_SIZE])
{
    static const char *const beside[] = {"../share/polis", "../../configs"};
    const char *given = getenv(self->variable);
    char program[LIBRARY_PATH_SIZE / 2];
    ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    uint32_t count = 0;

    if (given != NULL && given[0] != '\0')
        snprintf(out[count++], LIBRARY_PATH_SIZE, "%s", given);
    snprintf(out[count++], LIBRARY_PATH_SIZE, "configs/%s", self->folder);
    if (size <= 0)
        return count;
    program[size] = '\0';
    if (strrchr(program, '/') == NULL)
        return count;
    *strrchr(program, '/') = '\0';
    for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++)
        snprintf(out[count++], LIBRARY_PATH_SIZE, "%s/%s/%s", program, beside[i], self->folder);
    return count;
}

static bool
is_file(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* ---- all of them ---- */

struct found {
    char name[LIBRARY_NAME_SIZE];
    char path[LIBRARY_PATH_SIZE + LIBRARY_NAME_SIZE];
    uint32_t folder;
};

static int
compare_found(const void *a, const void *b)
{
    const struct found *left = a;
    const struct found *right = b;
    int order = strcmp(left->name, right->name);

    return order != 0 ? order : (left->folder > right->folder) - (left->folder < right->folder);
}

bool
library_stem(const struct library *self, const char *file, char out[LIBRARY_NAME_SIZE])
{
    const char *end = strrchr(file, '.');

    for (uint32_t i = 0; file[0] != '.' && end != NULL && self->endings[i] != NULL; i++)
        if (strcmp(end, self->endings[i]) == 0) {
            snprintf(out, LIBRARY_NAME_SIZE, "%.*s", (int)(end - file), file);
            return true;
        }
    return false;
}

static void
list_folder(const struct library *self, const char *folder, uint32_t index, struct buffer *out)
{
    DIR *stream = opendir(folder);
    struct dirent *entry;

    if (stream == NULL)
        return;
    while ((entry = readdir(stream)) != NULL) {
        char stem[LIBRARY_NAME_SIZE];

        if (library_stem(self, entry->d_name, stem)) {
            struct found *found = buffer_extend(out, sizeof *found);

            memset(found, 0, sizeof *found);
            memcpy(found->name, stem, sizeof stem);
            snprintf(found->path, sizeof found->path, "%s/%s", folder, entry->d_name);
            found->folder = index;
        }
    }
    closedir(stream);
}

void
library_each(const struct library *self, library_each_fn *each, void *context)
{
    static char folders[FOLDER_MAX][LIBRARY_PATH_SIZE];
    uint32_t folder_count = list_folders(self, folders);
    struct buffer all = {0};
    struct found *list;
    size_t count;

    for (uint32_t i = 0; i < folder_count; i++)
        list_folder(self, folders[i], i, &all);
    list = (struct found *)(void *)all.data;
    count = all.size / sizeof *list;
    if (count > 0)
        qsort(list, count, sizeof *list, compare_found);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(list[i].name, list[i - 1].name) != 0)
            each(context, list[i].name, list[i].path);
    buffer_fini(&all);
}

/* ---- one ---- */

/* Names are lent for the call, so the best one is kept as a copy. */
struct guess {
    struct text_nearest nearest;
    char best[LIBRARY_NAME_SIZE];
};

static void
offer_name(void *context, const char *name, const char *path)
{
    struct guess *guess = context;

    (void)path;
    text_nearest_offer(&guess->nearest, name);
    if (guess->nearest.best == name) {
        snprintf(guess->best, sizeof guess->best, "%s", name);
        guess->nearest.best = guess->best;
    }
}

static bool
try_folder(
    const struct library *self, const char *folder, size_t size, const char *name, char out[LIBRARY_PATH_SIZE])
{
    const char *const *ending = self->endings;

    snprintf(out, LIBRARY_PATH_SIZE, "%.*s%s%s", (int)size, folder, size > 0 ? "/" : "", name);
    for (; !is_file(out) && *ending != NULL; ending++)
        snprintf(out, LIBRARY_PATH_SIZE, "%.*s%s%s%s", (int)size, folder, size > 0 ? "/" : "", name, *ending);
    return is_file(out);
}

int
library_find(const struct library *self, const char *name, const char *beside, char out[LIBRARY_PATH_SIZE],
    struct why *why)
{
    static char folders[FOLDER_MAX][LIBRARY_PATH_SIZE];
    struct guess guess = {.nearest.name = name};
    uint32_t count = list_folders(self, folders);

    if (name[0] == '\0' || strlen(name) + 8 > LIBRARY_PATH_SIZE)
        return fail(why, ERR_INVALID, "'%.60s' is no name of a %s", name, self->what);
    if (beside != NULL && name[0] != '/' && strrchr(beside, '/') != NULL &&
        try_folder(self, beside, (size_t)(strrchr(beside, '/') - beside), name, out))
        return 0;
    if (try_folder(self, "", 0, name, out))
        return 0;
    if (strchr(name, '/') == NULL)
        for (uint32_t i = 0; i < count; i++)
            if (try_folder(self, folders[i], strlen(folders[i]), name, out))
                return 0;
    library_each(self, offer_name, &guess);
    if (guess.nearest.best != NULL)
        return fail(why, ERR_MISSING, "there is no %s '%.100s'; did you mean '%s'?", self->what, name, guess.best);
    return fail(why, ERR_MISSING, "there is no %s '%.100s'; %s shows what there is", self->what, name, self->listing);
}

/* ---- for people ---- */

struct listing {
    struct buffer *out;
    bool names;
};

static void
write_one(void *context, const char *name, const char *path)
{
    struct listing *listing = context;
    struct yaml_tree *tree = NULL;
    const struct yaml_node *doc;
    struct why why = {0};

    text_addf(listing->out, listing->names ? "%s" : "%-22s", name);
    if (!listing->names && yaml_read_file(path, &tree, &why) == 0) {
        doc = yaml_find(yaml_root(tree), "description");
        text_addf(listing->out, " %s", doc != NULL && doc->text != NULL ? doc->text : path);
        yaml_destroy(&tree);
    } else if (!listing->names) {
        text_addf(listing->out, " (cannot be read: %.100s)", why.text);
    }
    text_add(listing->out, "\n");
}

void
library_write(const struct library *self, bool names, struct buffer *out)
{
    struct listing listing = {.out = out, .names = names};

    library_each(self, write_one, &listing);
}
