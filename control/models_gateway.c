#include "control/models_gateway.h"

#include "control/folder.h"
#include "control/models.h"
#include "core/arena.h"
#include "core/digest.h"
#include "llm-gateway/llm_config.h"
#include "llm-gateway/record.h"
#include "world/recover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- who asks ---- */

/* The role that a slot's parameters name; NULL: it asks nobody. */
static int
find_role(const struct domain_slot *slot, const char **out, struct why *why)
{
    struct yaml_tree *tree = NULL;
    const struct yaml_node *node;
    int error;

    *out = NULL;
    if (!slot->external || strcmp(slot->policy, MODELS_POLICY) != 0)
        return 0;
    if ((error = yaml_read_text("params", slot->params, strlen(slot->params), &tree, why)) != 0)
        return error;
    node = yaml_find(yaml_root(tree), "role");
    if (node != NULL && node->text != NULL)
        *out = llm_role_find(node->text);
    if (*out == NULL)
        error = fail(why, ERR_FORMAT, "the manifest has a group of the policy %s without a role", MODELS_POLICY);
    yaml_destroy(&tree);
    return error;
}

static int
list_clients(const struct scene *scene, struct gateway_client **out, uint32_t *count, struct why *why)
{
    const struct domain_slot *slots;
    int error = 0;

    *count = scene->domain->slots(scene->domain_self, &slots);
    *out = ALLOC_ARRAY(struct gateway_client, *count + 1u);
    for (uint32_t i = 0; i < *count && error == 0; i++) {
        (*out)[i].agent_count = slots[i].agent_count;
        error = find_role(&slots[i], &(*out)[i].role, why);
    }
    return error;
}

/* ---- opening ---- */

static void
find_paths(const struct folder *folder, char own[], char parent[], size_t size, struct gateway_options *out)
{
    bool absolute = folder->models.parent[0] == '/';

    snprintf(own, size, "%s/" RECORD_FILE, folder->path);
    snprintf(parent, size, "%s%s%s", absolute ? "" : folder->path, absolute ? "" : "/", folder->models.parent);
    out->mode = (enum replay_mode)folder->models.mode;
    out->log = out->mode == REPLAY_RECORD || out->mode == REPLAY_BRANCH ? own : NULL;
    out->parent = out->mode >= REPLAY_STRICT ? parent : NULL;
}

static int
open_gateway(struct folder *folder, bool dry, struct gateway **out, struct why *why)
{
    struct yaml_node *section = yaml_find(yaml_root(folder->tree), "llm");
    struct gateway_client *clients = NULL;
    struct gateway_options options = {.section = section, .seed = (uint64_t)folder->plan.simulation.seed,
        .run = store_run_id(folder->store), .audit_per_mille = folder->models.audit_per_mille,
        .keep_prompts = folder->models.record_prompts,
        .dry = dry};
    char own[2 * FOLDER_PATH_SIZE], parent[2 * FOLDER_PATH_SIZE];
    uint8_t digest[DIGEST_SIZE];
    struct scene scene = {0};
    size_t size;
    const void *manifest = store_manifest(folder->store, &size);
    int error;

    if (section == NULL)
        return fail(why, ERR_MISSING, "%.300s asks no models: its scenario has no section llm", folder->path);
    if ((error = scene_open(manifest, size, &scene, why)) != 0)
        return error;
    digest_of(manifest, size, digest);
    options.scenario = digest;
    find_paths(folder, own, parent, sizeof own, &options);
    llm_config_put_settings(&folder->models, folder->tree, section);
    error = list_clients(&scene, &clients, &options.client_count, why);
    options.clients = clients;
    if (error == 0)
        error = gateway_new(&options, out, why);
    free(clients);
    scene_fini(&scene);
    return error;
}

int
models_gateway_open(const char *path, bool dry, struct gateway **out, struct why *why)
{
    struct folder folder;
    int error = folder_open(path, &folder, why);

    if (error != 0)
        return error;
    error = open_gateway(&folder, dry, out, why);
    folder_close(&folder);
    return error;
}

/* ---- keys ---- */

/* Whether NAME=VALUE is a variable that some provider takes its key from. */
static bool
holds_key(const char *variable, const struct yaml_node *providers)
{
    size_t size = strcspn(variable, "=");

    for (const struct yaml_node *one = providers != NULL ? providers->first : NULL; one != NULL; one = one->next) {
        const struct yaml_node *name = yaml_find(one, "key_env");

        if (name != NULL && name->text != NULL && strlen(name->text) == size && size > 0 &&
            memcmp(name->text, variable, size) == 0)
            return true;
    }
    return false;
}

char **
models_gateway_clean_environment(const struct yaml_node *section)
{
    const struct yaml_node *providers = yaml_find(section, "providers");
    uint32_t count = 0, kept = 0;
    char **clean;

    while (environ[count] != NULL)
        count++;
    clean = ALLOC_ARRAY(char *, count + 1u);
    for (uint32_t i = 0; i < count; i++)
        if (!holds_key(environ[i], providers))
            clean[kept++] = environ[i];
    return clean;
}
