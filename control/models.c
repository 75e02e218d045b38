#include "control/models.h"

#include "control/library.h"
#include "core/buffer.h"
#include "core/text.h"
#include "llm-gateway/llm_config.h"
#include "proto/models.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROLE_PREFIX "swarm."
#define OVERRIDE "-s" /* the file of what was set on the command line */
#define ROLE_USUAL "worker" /* of agents that say nothing else */
#define VERSION_MAX 1000000
#define HEAD_MAX 300u /* bytes of a template's first line */

static bool
is_group(const struct yaml_node *group)
{
    const struct yaml_node *type = yaml_find(group, "type");

    return type != NULL && type->kind == YAML_SCALAR && strcmp(type->text, MODELS_POLICY) == 0;
}

/* A parameter's text; "" where it is not set. */
static int
get_text(const struct yaml_node *params, const char *name, const char **out, struct why *why)
{
    const struct yaml_node *node = yaml_find(params, name);

    *out = "";
    return node != NULL && node->kind != YAML_NULL ? yaml_get_text(node, out, why) : 0;
}

/* ---- role ---- */

static int
unknown_role(const struct yaml_node *node, const char *name, struct why *why)
{
    struct text_nearest nearest = {.name = name};

    for (uint32_t i = 0; llm_role_names[i] != NULL; i++)
        text_nearest_offer(&nearest, llm_role_names[i]);
    if (nearest.best != NULL)
        return yaml_fail(node, why, ERR_UNKNOWN, "no role '%.60s'; did you mean '%s'?", name, nearest.best);
    return yaml_fail(node, why, ERR_UNKNOWN, "no role '%.60s'; polis scenario schema --document lists them", name);
}

/* The role of the section llm: the one that is named, or that of what the agents are in the sandbox. */
static int
resolve_role(struct yaml_tree *tree, const struct yaml_node *group, struct yaml_node *params, const char **out,
    struct why *why)
{
    const struct yaml_node *named = yaml_find(params, "role"), *own = yaml_find(group, "role");
    const struct yaml_node *section = yaml_find(yaml_root(tree), "llm");
    const struct yaml_node *place = yaml_find(group, "type");
    const char *text, *word = ROLE_USUAL;
    char made[80];
    int error = get_text(params, "role", &text, why);

    if (error == 0 && own != NULL)
        error = yaml_get_text(own, &word, why);
    if (error != 0)
        return error;
    if (section == NULL)
        return yaml_fail(place, why, ERR_MISSING, "these agents ask models, and no section llm says which");
    if (text[0] != '\0')
        place = named;
    else if (own != NULL)
        place = own;
    snprintf(made, sizeof made, ROLE_PREFIX "%.60s", word);
    *out = llm_role_find(text[0] != '\0' ? text : made);
    if (*out == NULL)
        return unknown_role(place, text[0] != '\0' ? text : word, why);
    if (yaml_find(yaml_find(section, "roles"), *out) == NULL)
        return yaml_fail(place, why, ERR_MISSING, "llm.roles has no %s: it says whom these agents ask", *out);
    yaml_put_quoted(tree, params, "role", *out);
    return 0;
}

/* ---- template ---- */

struct template {
    char name[HEAD_MAX + 1];
    int64_t version;
    struct buffer text;
};

static int
read_whole(const char *path, struct buffer *out, struct why *why)
{
    FILE *stream = fopen(path, "re");
    char bytes[4096];
    size_t size;
    int error = 0;

    if (stream == NULL)
        return fail_errno(why, ERR_IO, errno, "%s", path);
    while (out->size <= MODELS_SYSTEM_MAX + HEAD_MAX && (size = fread(bytes, 1, sizeof bytes, stream)) > 0)
        buffer_append(out, bytes, size);
    if (ferror(stream))
        error = fail_errno(why, ERR_IO, errno, "%s", path);
    fclose(stream);
    return error;
}

/* "# NAME, version N" */
static bool
read_head(const char *line, size_t size, struct template *out)
{
    static const char word[] = ", version ";
    char text[HEAD_MAX + 1];
    char *at;

    if (size < 3 || size >= sizeof text || memcmp(line, "# ", 2) != 0)
        return false;
    memcpy(text, line + 2, size - 2);
    text[size - 2] = '\0';
    at = strstr(text, word);
    if (at == NULL || at == text)
        return false;
    *at = '\0';
    return text_copy(out->name, sizeof out->name, text) &&
           text_parse_integer(at + sizeof word - 1, &out->version, NULL) == 0 && out->version >= 1 &&
           out->version <= VERSION_MAX;
}

static int
read_template(const char *path, struct template *out, struct why *why)
{
    struct buffer whole = {0};
    const uint8_t *end = NULL;
    size_t size = 0;
    int error = read_whole(path, &whole, why);

    if (error == 0 && whole.size > 0)
        end = memchr(whole.data, '\n', whole.size);
    if (error == 0 && (end == NULL || !read_head((const char *)whole.data, (size_t)(end - whole.data), out)))
        error = fail(why, ERR_FORMAT, "%s:1: a template begins with a line '# NAME, version N'", path);
    if (error == 0)
        size = whole.size - (size_t)(end + 1 - whole.data);
    if (error == 0 && size == 0)
        error = fail(why, ERR_FORMAT, "%s: the template has no text behind its first line", path);
    if (error == 0 && size > MODELS_SYSTEM_MAX)
        error = fail(why, ERR_LIMIT, "%s: the text has more than %u bytes", path, MODELS_SYSTEM_MAX);
    if (error == 0 && (memchr(end + 1, '\0', size) != NULL || !text_is_utf8((const char *)end + 1, size)))
        error = fail(why, ERR_FORMAT, "%s: the text is not UTF-8", path);
    if (error == 0)
        buffer_append(&out->text, end + 1, size);
    buffer_fini(&whole);
    return error;
}

/* The template's text and version become part of the scenario. What the file calls itself is the name that stays: a
 * path would be another one on every machine. */
static int
resolve_template(struct yaml_tree *tree, const struct yaml_node *group, struct yaml_node *params, const char *role,
    struct why *why)
{
    const struct yaml_node *named = yaml_find(params, "template");
    const struct yaml_node *place = named != NULL ? named : yaml_find(group, "type");
    struct template template = {0};
    const char *name, *system;
    char path[LIBRARY_PATH_SIZE], number[24];
    struct why inner = {0};
    int error = get_text(params, "system", &system, why);

    if (error != 0 || system[0] != '\0' || (error = get_text(params, "template", &name, why)) != 0)
        return error;
    if (name[0] == '\0')
        name = role;
    error = library_find(&library_prompts, name, place->file, path, &inner);
    if (error == 0)
        error = read_template(path, &template, &inner);
    if (error != 0) {
        buffer_fini(&template.text);
        return yaml_fail(place, why, error, "%s", inner.text);
    }
    buffer_append(&template.text, "", 1);
    snprintf(number, sizeof number, "%" PRId64, template.version);
    yaml_put_quoted(tree, params, "template", template.name);
    yaml_put_quoted(tree, params, "system", (const char *)template.text.data);
    yaml_put_text(tree, params, "version", number);
    buffer_fini(&template.text);
    return 0;
}

/* ---- a group ---- */

static int
resolve_memory(struct yaml_tree *tree, struct yaml_node *params, uint32_t memory_max, struct why *why)
{
    const struct yaml_node *node = yaml_find(params, "memory");
    char number[16];
    int64_t wanted;

    if (node != NULL && yaml_get_integer(node, &wanted, NULL) == 0 && wanted > (int64_t)memory_max)
        return yaml_fail(node, why, ERR_INVALID, "%" PRId64 " bytes, and sandbox.memory_max leaves an agent %" PRIu32,
            wanted, memory_max);
    if (node != NULL && node->kind != YAML_NULL)
        return 0; /* whether it is a number is the policy's to say */
    snprintf(number, sizeof number, "%" PRIu32, memory_max < MODELS_MEMORY_MAX ? memory_max : MODELS_MEMORY_MAX);
    yaml_put_text(tree, params, "memory", number);
    return 0;
}

int
models_resolve_group(struct yaml_tree *tree, struct yaml_node *group, uint32_t memory_max, struct why *why)
{
    struct yaml_node *params = yaml_find(group, "params");
    const char *role = NULL;
    int error;

    if (params != NULL && params->kind != YAML_MAP && params->kind != YAML_NULL)
        return 0; /* the policy says what is wrong with it */
    if (params == NULL || params->kind == YAML_NULL)
        params = yaml_put_empty(tree, group, "params", YAML_MAP);
    if ((error = resolve_role(tree, group, params, &role, why)) != 0 ||
        (error = resolve_template(tree, group, params, role, why)) != 0)
        return error;
    return resolve_memory(tree, params, memory_max, why);
}

static int64_t
count_of(const struct yaml_node *group)
{
    const struct yaml_node *node = yaml_find(group, "count");
    int64_t count = 1;

    return node != NULL && yaml_get_integer(node, &count, NULL) == 0 ? count : 1;
}

int
models_check_counts(const struct yaml_node *root, struct why *why)
{
    const struct yaml_node *agents = yaml_find(root, "agents");

    for (const struct yaml_node *group = agents != NULL ? agents->first : NULL; group != NULL; group = group->next) {
        int64_t total = 0;

        if (!is_group(group))
            continue;
        for (const struct yaml_node *other = agents->first; other != NULL; other = other->next) {
            if (is_group(other) && yaml_equal(yaml_find(other, "params"), yaml_find(group, "params")))
                total += count_of(other);
            if (other == group)
                break;
        }
        if (total > (int64_t)MODELS_PLACE_MAX + 1)
            return yaml_fail(group, why, ERR_LIMIT,
                "%" PRId64 " agents with these params ask models; at most %u can", total, MODELS_PLACE_MAX + 1);
    }
    return 0;
}

bool
models_are_asked(const struct yaml_node *root)
{
    const struct yaml_node *agents = yaml_find(root, "agents"), *section = yaml_find(root, "llm");

    if (section == NULL || section->kind != YAML_MAP || agents == NULL)
        return false;
    for (const struct yaml_node *group = agents->first; group != NULL; group = group->next)
        if (is_group(group) && count_of(group) > 0)
            return true;
    return false;
}

void
models_merge_override(struct yaml_tree *tree)
{
    struct yaml_node *roles = yaml_find_path(yaml_root(tree), "llm.roles");
    struct yaml_node *next, *whole;

    for (struct yaml_node *role = roles != NULL ? roles->first : NULL; role != NULL; role = next) {
        const char *name = role->key != NULL ? llm_role_find(role->key) : NULL;

        next = role->next;
        if (name == NULL || strcmp(name, role->key) == 0 || role->kind != YAML_MAP || role->file == NULL ||
            strcmp(role->file, OVERRIDE) != 0 || (whole = yaml_find(roles, name)) == NULL)
            continue;
        for (const struct yaml_node *member = role->first; member != NULL; member = member->next)
            yaml_put(tree, whole, member->key, member);
        yaml_remove(tree, role);
    }
}

static bool
same_member(const struct yaml_node *a, const struct yaml_node *b, const char *name)
{
    const struct yaml_node *left = yaml_find(a, name), *right = yaml_find(b, name);

    return left == NULL || right == NULL ? left == right : yaml_equal(left, right);
}

void
models_forget_templates(const struct yaml_node *before, struct yaml_tree *tree)
{
    static const char *const texts[] = {"system", "version"};
    const struct yaml_node *old = yaml_find(before, "agents");
    struct yaml_node *agents = yaml_find(yaml_root(tree), "agents");
    struct yaml_node *group = agents != NULL ? agents->first : NULL;

    for (old = old != NULL ? old->first : NULL; old != NULL && group != NULL; old = old->next, group = group->next) {
        const struct yaml_node *was = yaml_find(old, "params");
        struct yaml_node *params = yaml_find(group, "params"), *member;

        if (!is_group(group) || same_member(was, params, "template") || !same_member(was, params, "system"))
            continue;
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
            if ((member = yaml_find(params, texts[i])) != NULL)
                yaml_remove(tree, member);
    }
}
