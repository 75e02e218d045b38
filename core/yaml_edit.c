#include "core/assert.h"
#include "core/text.h"
#include "core/yaml.h"
#include "core/yaml_inner.h"

#include <string.h>

/* Copies texts and nodes from one tree into another. A file's name is copied once, not once a node. */
struct copier {
    struct yaml_tree *tree;
    const char *file_from, *file_to;
};

static const char *
copy_text(struct yaml_tree *tree, const char *text)
{
    struct buffer valid = {0};
    const char *copy;
    size_t size = strlen(text);

    if (text_is_utf8(text, size))
        return arena_text(tree->arena, text, size);
    text_add_valid(&valid, text, size);
    copy = arena_text(tree->arena, (const char *)valid.data, valid.size);
    buffer_fini(&valid);
    return copy;
}

static struct yaml_node *
copy_node(struct copier *self, const struct yaml_node *from)
{
    struct yaml_node *node;
    struct yaml_node *last = NULL;

    if (from->file != NULL && from->file != self->file_from) {
        self->file_from = from->file;
        self->file_to = copy_text(self->tree, from->file);
    }
    node = yaml_node_new(self->tree, from->kind, from->file != NULL ? self->file_to : NULL);
    node->quoted = from->quoted;
    node->text = from->text != NULL ? copy_text(self->tree, from->text) : NULL;
    node->key = from->key != NULL ? copy_text(self->tree, from->key) : NULL;
    node->line = from->line;
    node->column = from->column;
    node->key_line = from->key_line;
    node->key_column = from->key_column;
    for (const struct yaml_node *child = from->first; child != NULL; child = child->next) {
        struct yaml_node *copy = copy_node(self, child);

        yaml_node_link(node, last, copy);
        last = copy;
    }
    return node;
}

/* Turns `node` into what `fresh` is and keeps its place in the tree: whoever holds the node keeps a good pointer. */
static void
replace_content(struct yaml_node *node, struct yaml_node *fresh)
{
    struct yaml_node kept = *node;

    *node = *fresh;
    node->key = kept.key;
    node->parent = kept.parent;
    node->next = kept.next;
    for (struct yaml_node *child = node->first; child != NULL; child = child->next)
        child->parent = node;
}

static struct yaml_node *
last_of(const struct yaml_node *node)
{
    struct yaml_node *last = node->first;

    while (last != NULL && last->next != NULL)
        last = last->next;
    return last;
}

/* `fresh` becomes the member `key`. */
static struct yaml_node *
put_node(struct yaml_tree *self, struct yaml_node *map, const char *key, struct yaml_node *fresh)
{
    struct yaml_node *member;

    ASSERT(map->kind == YAML_MAP || map->kind == YAML_NULL);
    ASSERT(key[0] != '\0' && strlen(key) <= YAML_KEY_MAX);

    map->kind = YAML_MAP;
    key = copy_text(self, key);
    member = yaml_find(map, key);
    if (member != NULL) {
        replace_content(member, fresh);
        return member;
    }
    fresh->key = key;
    yaml_node_link(map, last_of(map), fresh);
    return fresh;
}

struct yaml_node *
yaml_put(struct yaml_tree *self, struct yaml_node *map, const char *key, const struct yaml_node *value)
{
    struct copier copier = {.tree = self};

    ASSERT(self != NULL && map != NULL && key != NULL && value != NULL);

    return put_node(self, map, key, copy_node(&copier, value));
}

static struct yaml_node *
put_scalar(struct yaml_tree *self, struct yaml_node *map, const char *key, const char *text, bool quoted)
{
    struct yaml_node *fresh;

    ASSERT(self != NULL && map != NULL && key != NULL && text != NULL);

    fresh = yaml_node_new(self, YAML_SCALAR, self->name);
    fresh->text = copy_text(self, text);
    fresh->quoted = quoted;
    return put_node(self, map, key, fresh);
}

struct yaml_node *
yaml_put_text(struct yaml_tree *self, struct yaml_node *map, const char *key, const char *text)
{
    return put_scalar(self, map, key, text, false);
}

struct yaml_node *
yaml_put_quoted(struct yaml_tree *self, struct yaml_node *map, const char *key, const char *text)
{
    return put_scalar(self, map, key, text, true);
}

struct yaml_node *
yaml_put_empty(struct yaml_tree *self, struct yaml_node *map, const char *key, enum yaml_kind kind)
{
    ASSERT(self != NULL && map != NULL && key != NULL && kind != YAML_SCALAR);

    return put_node(self, map, key, yaml_node_new(self, kind, self->name));
}

struct yaml_node *
yaml_add(struct yaml_tree *self, struct yaml_node *list, const struct yaml_node *value)
{
    struct copier copier = {.tree = self};
    struct yaml_node *fresh;

    ASSERT(self != NULL && list != NULL && value != NULL);
    ASSERT(list->kind == YAML_LIST || list->kind == YAML_NULL);

    list->kind = YAML_LIST;
    fresh = copy_node(&copier, value);
    fresh->key = NULL;
    yaml_node_link(list, last_of(list), fresh);
    return fresh;
}

void
yaml_remove(struct yaml_tree *self, struct yaml_node *member)
{
    struct yaml_node **link;

    ASSERT(self != NULL && member != NULL && member->parent != NULL);

    link = &member->parent->first;
    while (*link != NULL && *link != member)
        link = &(*link)->next;
    ASSERT(*link == member);
    *link = member->next;
    member->parent->count--;
    member->parent = NULL;
    member->next = NULL;
}

static void
merge_into(struct copier *copier, struct yaml_node *base, const struct yaml_node *over)
{
    if (base->kind != YAML_MAP || over->kind != YAML_MAP) {
        struct yaml_node *fresh = copy_node(copier, over);

        replace_content(base, fresh);
        return;
    }
    for (const struct yaml_node *member = over->first; member != NULL; member = member->next) {
        struct yaml_node *below = yaml_find(base, member->key);

        if (below != NULL)
            merge_into(copier, below, member);
        else
            yaml_node_link(base, last_of(base), copy_node(copier, member));
    }
}

void
yaml_merge(struct yaml_tree *self, const struct yaml_node *over)
{
    struct copier copier = {.tree = self};

    ASSERT(self != NULL && over != NULL);

    if (over->kind != YAML_NULL)
        merge_into(&copier, self->root, over);
}

/* ---- path=value ---- */

struct path {
    struct yaml_step steps[YAML_DEPTH_MAX];
    uint32_t count;
    char text[YAML_DEPTH_MAX * 8]; /* for messages: cut when longer */
    const char *value;
};

static int
parse_assignment(const char *name, const char *assignment, struct path *path, struct why *why)
{
    const char *at = assignment;
    size_t size;
    int more = 1;

    while (more > 0 && path->count < YAML_DEPTH_MAX) {
        more = yaml_step_next(&at, path->count == 0, &path->steps[path->count]);
        path->count += more > 0;
    }
    if (more > 0 && *at != '=')
        return fail(why, ERR_LIMIT, "%s: %.80s: the path has over %u steps", name, assignment, YAML_DEPTH_MAX);
    if (more < 0)
        return fail(why, ERR_INVALID, "%s: %.80s: no path at '%.20s'; write path=value, as in agents[0].count=3", name,
            assignment, at);
    if (*at != '=')
        return fail(why, ERR_INVALID, "%s: %.80s: no value; write path=value", name, assignment);
    size = text_cut(assignment, (size_t)(at - assignment), sizeof path->text - 1);
    memcpy(path->text, assignment, size);
    path->text[size] = '\0';
    path->value = at + 1;
    return 0;
}

static uint32_t
depth_of(const struct yaml_node *node)
{
    uint32_t deepest = 0;

    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        uint32_t depth = depth_of(child);

        deepest = depth > deepest ? depth : deepest;
    }
    return node->kind == YAML_MAP || node->kind == YAML_LIST ? deepest + 1 : 0;
}

/* Looks at everything that can be wrong with the step that finds nothing in `node`, and the steps behind it. */
static int
check_new_steps(const char *name, const struct path *path, uint32_t from, const struct yaml_node *node, struct why *why)
{
    const char *key = path->steps[from].key;

    if (node->kind == YAML_LIST && path->steps[from].is_key)
        return fail(why, ERR_INVALID, "%s: %s: '%s' is no item of a list; write its number, from 0", name, path->text,
            key);
    if (node->kind == YAML_LIST)
        return fail(why, ERR_UNKNOWN, "%s: %s: there is no item %s; the list has %u, counted from 0", name, path->text,
            key, (unsigned)node->count);
    if (node->kind == YAML_SCALAR)
        return fail(why, ERR_INVALID, "%s: %s: '%s' lies below a value that is no map", name, path->text, key);
    for (uint32_t i = from; i < path->count; i++)
        if (!path->steps[i].is_key)
            return fail(why, ERR_UNKNOWN,
                "%s: %s: there is no list with an item %s; set the whole list, or quote a key", name, path->text,
                path->steps[i].key);
    return 0;
}

static void
forget_places(struct yaml_node *node)
{
    node->line = node->column = node->key_line = node->key_column = 0;
    for (struct yaml_node *child = node->first; child != NULL; child = child->next)
        forget_places(child);
}

/* Lays a copy of `value` at the path, which check_new_steps() found good. */
static void
set_node(struct yaml_tree *self, const struct path *path, uint32_t found, struct yaml_node *node,
    const struct yaml_tree *value)
{
    struct copier copier = {.tree = self};
    struct yaml_node *fresh = copy_node(&copier, value->root);

    forget_places(fresh);
    if (found == path->count) {
        replace_content(node, fresh);
        return;
    }
    for (uint32_t i = found; i + 1 < path->count; i++)
        node = put_node(self, node, path->steps[i].key, yaml_node_new(self, YAML_MAP, fresh->file));
    put_node(self, node, path->steps[path->count - 1].key, fresh);
}

int
yaml_set(struct yaml_tree *self, const char *name, const char *assignment, struct why *why)
{
    struct path path = {.count = 0};
    struct yaml_tree *value = NULL;
    struct yaml_node *node = self->root;
    uint32_t found = 0;
    int code;

    ASSERT(name != NULL && assignment != NULL);

    if (!text_is_utf8(assignment, strlen(assignment)))
        return fail(why, ERR_FORMAT, "%s: an assignment is not UTF-8", name);
    code = parse_assignment(name, assignment, &path, why);
    if (code == 0)
        code = yaml_read_value(name, path.text, path.value, strlen(path.value), &value, why);
    if (code != 0)
        return code;
    while (found < path.count) {
        struct yaml_node *child = yaml_step_find(node, &path.steps[found]);

        if (child == NULL)
            break;
        node = child;
        found++;
    }
    if (found < path.count)
        code = check_new_steps(name, &path, found, node, why);
    if (code == 0 && path.count + depth_of(value->root) > YAML_DEPTH_MAX)
        code = fail(why, ERR_LIMIT, "%s: %s: deeper than %u levels", name, path.text, YAML_DEPTH_MAX);
    if (code == 0 && self->node_count + path.count + value->node_count > YAML_NODE_MAX)
        code = fail(why, ERR_LIMIT, "%s: %s: more than %u values", name, path.text, YAML_NODE_MAX);
    if (code == 0)
        set_node(self, &path, found, node, value);
    yaml_destroy(&value);
    return code;
}
