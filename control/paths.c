#include "control/paths.h"

#include "core/text.h"

#include <string.h>

static void
report(const struct yaml_node *a, const struct yaml_node *b, paths_fn *each, void *context)
{
    char path[PATH_SIZE];

    yaml_path(a != NULL ? a : b, path, sizeof path);
    each(context, path, a, b);
}

static void
lists_differ(const struct yaml_node *a, const struct yaml_node *b, paths_fn *each, void *context)
{
    const struct yaml_node *left = a->first, *right = b->first;

    while (left != NULL || right != NULL) {
        paths_differ(left, right, each, context);
        left = left != NULL ? left->next : NULL;
        right = right != NULL ? right->next : NULL;
    }
}

void
paths_differ(const struct yaml_node *a, const struct yaml_node *b, paths_fn *each, void *context)
{
    if (a == NULL || b == NULL || a->kind != b->kind || a->kind == YAML_SCALAR || a->kind == YAML_NULL) {
        if (a == NULL || b == NULL || !yaml_equal(a, b))
            report(a, b, each, context);
    } else if (a->kind == YAML_LIST) {
        lists_differ(a, b, each, context);
    } else {
        for (const struct yaml_node *member = a->first; member != NULL; member = member->next)
            paths_differ(member, yaml_find(b, member->key), each, context);
        for (const struct yaml_node *member = b->first; member != NULL; member = member->next)
            if (yaml_find(a, member->key) == NULL)
                report(NULL, member, each, context);
    }
}

void
paths_each(const struct yaml_node *a, paths_fn *each, void *context)
{
    if ((a->kind != YAML_LIST && a->kind != YAML_MAP) || a->first == NULL)
        report(a, NULL, each, context);
    else
        for (const struct yaml_node *member = a->first; member != NULL; member = member->next)
            paths_each(member, each, context);
}

/* Takes the next segment off a path; both "a.0.b" and "a[0].b" have the segments a, 0, b. */
static bool
next_segment(const char **at, const char **segment, size_t *size)
{
    *at += strspn(*at, ".[]");
    *segment = *at;
    *size = **at == '"' ? strcspn(*at + 1, "\"") + 2 : strcspn(*at, ".[]");
    *at += *size;
    return *size > 0;
}

bool
paths_match(const char *path, const char *pattern)
{
    const char *left, *right;
    size_t left_size, right_size;

    while (next_segment(&path, &left, &left_size) && next_segment(&pattern, &right, &right_size))
        if (!(right_size == 1 && right[0] == '*') &&
            (left_size != right_size || memcmp(left, right, left_size) != 0))
            return false;
    return true;
}

void
paths_show(const struct yaml_node *node, struct buffer *out)
{
    const struct yaml_node *member;

    if (node == NULL) {
        text_add(out, "none");
    } else if (node->kind == YAML_NULL) {
        text_add(out, "null");
    } else if (node->kind == YAML_SCALAR) {
        text_add(out, node->text);
    } else {
        text_add(out, node->kind == YAML_LIST ? "[" : "{");
        for (member = node->first; member != NULL; member = member->next) {
            if (member->key != NULL)
                text_addf(out, "%s: ", member->key);
            paths_show(member, out);
            text_add(out, member->next != NULL ? ", " : "");
        }
        text_add(out, node->kind == YAML_LIST ? "]" : "}");
    }
}
