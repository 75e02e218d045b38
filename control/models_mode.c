#include "control/models_mode.h"

#include "control/models.h"
#include "core/text.h"
#include "llm-gateway/record.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
    const char *name, *mode;
    bool reads;
} modes[] = {{"live", "off", false}, {"record", "record", false}, {"replay", "replay", true},
    {"replay_loose", "replay_loose", true}, {"branch", "branch", true}, {"audit", "audit", true},
    {"rules", NULL, false}};
#define MODE_COUNT (sizeof modes / sizeof modes[0])

/* ---- --llm ---- */

static int
no_such_mode(const char *name, struct why *why)
{
    struct text_nearest nearest = {.name = name};

    for (size_t i = 0; i < MODE_COUNT; i++)
        text_nearest_offer(&nearest, modes[i].name);
    if (nearest.best != NULL)
        return fail(why, ERR_INVALID, "--llm: no mode '%.40s'; did you mean '%s'?", name, nearest.best);
    return fail(why, ERR_INVALID,
        "--llm: no mode '%.40s'; there are live, record, replay, replay_loose, branch, audit and rules", name);
}

int
models_wish_read(const char *text, bool needs_run, struct models_wish *out, struct why *why)
{
    const char *run = strchr(text, '=');
    size_t size = run != NULL ? (size_t)(run - text) : strlen(text), i = 0;
    char name[41];

    *out = (struct models_wish){0};
    snprintf(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : sizeof name - 1), text);
    while (i < MODE_COUNT && strcmp(modes[i].name, name) != 0)
        i++;
    if (i == MODE_COUNT)
        return no_such_mode(name, why);
    out->mode = modes[i].mode;
    if (run != NULL && !modes[i].reads)
        return fail(why, ERR_INVALID, "--llm %s reads no other run's log", name);
    if (modes[i].reads && ((run == NULL && needs_run) || (run != NULL && run[1] == '\0')))
        return fail(why, ERR_INVALID, "--llm %s needs the run whose call log it reads: --llm %s=RUN", name, name);
    if (run != NULL && !text_copy(out->run, sizeof out->run, run + 1))
        return fail(why, ERR_LIMIT, "--llm: the path %.60s... is too long", run + 1);
    return 0;
}

/* Every chain becomes [rules]. */
static void
ask_nobody(struct yaml_tree *tree, struct yaml_node *section)
{
    struct yaml_node *roles = yaml_find(section, "roles");
    struct yaml_tree *word = yaml_new("--llm");
    struct yaml_node *rules = yaml_put_text(word, yaml_root(word), "word", "rules");

    for (struct yaml_node *role = roles != NULL ? roles->first : NULL; role != NULL; role = role->next)
        if (role->kind == YAML_MAP)
            yaml_add(tree, yaml_put_empty(tree, role, "chain", YAML_LIST), rules);
    yaml_destroy(&word);
}

int
models_wish_apply(const struct models_wish *self, struct yaml_tree *tree, struct why *why)
{
    struct yaml_node *section = yaml_find(yaml_root(tree), "llm");

    if (section == NULL || section->kind != YAML_MAP)
        return fail(why, ERR_INVALID, "--llm: the scenario has no section llm, so it asks no models");
    if (self->mode == NULL) {
        ask_nobody(tree, section);
        return 0;
    }
    yaml_put_text(tree, section, "mode", self->mode);
    if (self->run[0] != '\0' || yaml_find(section, "parent") == NULL ||
        strcmp(self->mode, "off") == 0 || strcmp(self->mode, "record") == 0)
        yaml_put_quoted(tree, section, "parent", self->run);
    return 0;
}

/* ---- logs ---- */

static bool
is_file(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static int
make_absolute(const char *path, char out[FOLDER_PATH_SIZE], struct why *why)
{
    char *whole = realpath(path, NULL);
    int error = 0;

    if (whole == NULL)
        return fail_errno(why, errno == ENOENT ? ERR_MISSING : ERR_IO, errno, "%.300s", path);
    if (!text_copy(out, FOLDER_PATH_SIZE, whole))
        error = fail(why, ERR_LIMIT, "the path %.60s... is too long", whole);
    free(whole);
    return error;
}

int
models_mode_find_log(const char *run, char out[FOLDER_PATH_SIZE], struct why *why)
{
    char folder[FOLDER_PATH_SIZE], path[2 * FOLDER_PATH_SIZE + 16];
    struct llm_settings settings;
    int error;

    if (is_file(run))
        return make_absolute(run, out, why);
    if ((error = folder_find(run, folder, why)) != 0 || (error = folder_read_models(folder, &settings, why)) != 0)
        return error;
    snprintf(path, sizeof path, "%s/" RECORD_FILE, folder);
    if (!is_file(path) && settings.mode >= REPLAY_STRICT)
        snprintf(path, sizeof path, "%s%s%s", settings.parent[0] == '/' ? "" : folder,
            settings.parent[0] == '/' ? "" : "/", settings.parent);
    if (!is_file(path))
        return fail(why, ERR_MISSING, "%.300s has kept no call log", folder);
    return make_absolute(path, out, why);
}

int
models_mode_settle(struct yaml_tree *tree, struct why *why)
{
    struct yaml_node *section = yaml_find(yaml_root(tree), "llm");
    char path[FOLDER_PATH_SIZE];
    struct llm_settings settings;
    int error;

    if (!models_are_asked(yaml_root(tree)))
        return 0;
    if ((error = llm_config_read_settings(section, &settings, why)) != 0)
        return error;
    if (settings.mode < REPLAY_STRICT || strcmp(settings.parent, MODELS_PARENT_FILE) == 0)
        return 0;
    if ((error = models_mode_find_log(settings.parent, path, why)) != 0)
        return fail_prefix(why, "llm.parent");
    if (!text_copy(settings.parent, sizeof settings.parent, path))
        return fail(why, ERR_LIMIT, "llm.parent: the path %.60s... is too long", path);
    llm_config_put_settings(&settings, tree, section);
    return 0;
}

/* ---- forks ---- */

void
models_mode_inherit(const struct llm_settings *parent, bool has_log, struct llm_settings *out)
{
    *out = *parent;
    if (has_log)
        out->mode = REPLAY_BRANCH;
    else if (out->mode >= REPLAY_STRICT)
        out->mode = REPLAY_RECORD;
    snprintf(out->parent, sizeof out->parent, "%s", has_log ? MODELS_PARENT_FILE : "");
}

void
models_mode_forget_parent(struct yaml_tree *tree)
{
    struct yaml_node *section = yaml_find(yaml_root(tree), "llm");
    const struct yaml_node *mode = yaml_find(section, "mode"), *parent = yaml_find(section, "parent");

    if (mode != NULL && mode->text != NULL && parent != NULL && parent->text != NULL &&
        strcmp(parent->text, MODELS_PARENT_FILE) == 0 &&
        (strcmp(mode->text, "off") == 0 || strcmp(mode->text, "record") == 0))
        yaml_put_quoted(tree, section, "parent", "");
}

bool
models_mode_wants_copy(const struct yaml_node *root)
{
    const struct yaml_node *parent = yaml_find_path(root, "llm.parent");

    return parent != NULL && parent->text != NULL && strcmp(parent->text, MODELS_PARENT_FILE) == 0;
}
