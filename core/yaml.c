#include "core/yaml.h"

#include "core/assert.h"
#include "core/text.h"
#include "core/yaml_inner.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct yaml_tree *
yaml_tree_new(const char *name)
{
    struct yaml_tree *self = ALLOC(struct yaml_tree);

    self->arena = arena_new(16384);
    self->name = arena_text(self->arena, name, strlen(name));
    return self;
}

struct yaml_tree *
yaml_new(const char *name)
{
    struct yaml_tree *self = yaml_tree_new(name);

    self->root = yaml_node_new(self, YAML_MAP, self->name);
    return self;
}

void
yaml_destroy(struct yaml_tree **self_p)
{
    ASSERT(self_p != NULL);

    if (*self_p == NULL)
        return;
    arena_destroy(&(*self_p)->arena);
    free(*self_p);
    *self_p = NULL;
}

struct yaml_node *
yaml_root(struct yaml_tree *self)
{
    ASSERT(self != NULL);

    return self->root;
}

struct yaml_node *
yaml_node_new(struct yaml_tree *self, enum yaml_kind kind, const char *file)
{
    struct yaml_node *node = ARENA_ARRAY(self->arena, struct yaml_node, 1);

    node->kind = kind;
    node->file = file;
    self->node_count++;
    return node;
}

void
yaml_node_link(struct yaml_node *parent, struct yaml_node *last, struct yaml_node *child)
{
    ASSERT((last == NULL) == (parent->first == NULL));

    child->parent = parent;
    child->next = NULL;
    if (last == NULL)
        parent->first = child;
    else
        last->next = child;
    parent->count++;
}

bool
yaml_is_null(const char *text)
{
    return text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 ||
           strcmp(text, "NULL") == 0;
}

bool
yaml_is_bool(const char *text, bool *out)
{
    bool yes = strcmp(text, "true") == 0 || strcmp(text, "True") == 0 || strcmp(text, "TRUE") == 0;
    bool no = strcmp(text, "false") == 0 || strcmp(text, "False") == 0 || strcmp(text, "FALSE") == 0;

    if (out != NULL)
        *out = yes;
    return yes || no;
}

struct yaml_node *
yaml_find(const struct yaml_node *map, const char *key)
{
    if (map == NULL || map->kind != YAML_MAP)
        return NULL;
    for (struct yaml_node *member = map->first; member != NULL; member = member->next)
        if (strcmp(member->key, key) == 0)
            return member;
    return NULL;
}

/* The digits of a step as a number. */
static uint32_t
step_index(const char *digits)
{
    uint64_t index = 0;

    for (; *digits != '\0'; digits++) {
        index = index * 10 + (uint64_t)(*digits - '0');
        if (index > UINT32_MAX)
            return UINT32_MAX;
    }
    return (uint32_t)index;
}

int
yaml_step_next(const char **at, bool first, struct yaml_step *out)
{
    const char *from = *at;
    size_t size = 0;
    char end = '\0';

    *out = (struct yaml_step){0};
    if (*from == '\0' || *from == '=')
        return first ? -1 : 0;
    if (*from == '[') {
        out->is_index = true;
        end = ']';
        from++;
    } else {
        if (!first && *from++ != '.')
            return -1;
        if (*from == '"') {
            out->is_key = true;
            end = '"';
            from++;
        }
    }
    while (*from != '\0' && (end != '\0' ? *from != end : strchr(".[]=\"", *from) == NULL)) {
        if (end == '"' && *from == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        if (size == YAML_KEY_MAX)
            return -1;
        out->key[size++] = *from++;
    }
    if (size == 0 || (end != '\0' && *from++ != end))
        return -1;
    if (strspn(out->key, "0123456789") != size) {
        if (out->is_index)
            return -1;
        out->is_key = true;
    }
    if (!out->is_key)
        out->index = step_index(out->key);
    *at = from;
    return 1;
}

struct yaml_node *
yaml_step_find(const struct yaml_node *node, const struct yaml_step *step)
{
    if (node->kind == YAML_MAP)
        return step->is_index ? NULL : yaml_find(node, step->key);
    if (node->kind == YAML_LIST && !step->is_key) {
        struct yaml_node *item = node->first;

        for (uint32_t i = 0; i < step->index && item != NULL; i++)
            item = item->next;
        return item;
    }
    return NULL;
}

struct yaml_node *
yaml_find_path(const struct yaml_node *root, const char *path)
{
    const struct yaml_node *node = root;
    struct yaml_step step;
    bool first = true;
    int more;

    while (node != NULL && (more = yaml_step_next(&path, first, &step)) > 0) {
        node = yaml_step_find(node, &step);
        first = false;
    }
    /* The tree is the caller's: it is const here only so that a reader may ask. */
    return node != NULL && more == 0 && *path == '\0' ? (struct yaml_node *)(uintptr_t)node : NULL;
}

static void
add_step(const struct yaml_node *node, struct buffer *out)
{
    if (node->parent->kind == YAML_LIST) {
        uint32_t index = 0;

        for (const struct yaml_node *item = node->parent->first; item != NULL && item != node; item = item->next)
            index++;
        text_addf(out, "[%u]", (unsigned)index);
        return;
    }
    if (out->size > 0)
        text_add(out, ".");
    if (node->key[0] != '\0' && strpbrk(node->key, ".[]=\"") == NULL) {
        text_add(out, node->key);
        return;
    }
    text_add(out, "\"");
    for (const char *at = node->key; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            text_add(out, "\\");
        buffer_append(out, at, 1);
    }
    text_add(out, "\"");
}

void
yaml_path(const struct yaml_node *node, char *out, size_t out_size)
{
    struct buffer path = {0};
    const struct yaml_node *top = NULL;

    ASSERT(out_size > 0);

    /* From the root down: each round finds the topmost ancestor below the one before. Trees are shallow. */
    while (node != NULL && top != node) {
        const struct yaml_node *above = node;

        while (above->parent != top)
            above = above->parent;
        if (above->parent != NULL)
            add_step(above, &path);
        top = above;
    }
    buffer_append(&path, "", 1);
    text_copy(out, out_size, (const char *)path.data);
    buffer_fini(&path);
}

/* The end of a long text, which says more of a file name than its beginning. */
static const char *
tail_of(const char *text, size_t max)
{
    size_t size = strlen(text);

    if (size <= max)
        return text;
    text += size - max;
    while (((unsigned char)*text & 0xc0) == 0x80)
        text++;
    return text;
}

#define FILE_SHOWN 160
#define PATH_SHOWN 160

static void
add_place(const struct yaml_node *node, uint32_t line, uint32_t column, const struct yaml_node *named, struct why *why)
{
    char path[PATH_SHOWN];

    yaml_path(named, path, sizeof path);
    if (path[0] != '\0')
        fail_prefix(why, "%s", path);
    if (line > 0)
        fail_prefix(why, "%s:%u:%u", tail_of(node->file, FILE_SHOWN), (unsigned)line, (unsigned)column);
    else if (node->file != NULL)
        fail_prefix(why, "%s", tail_of(node->file, FILE_SHOWN));
}

int
yaml_fail(const struct yaml_node *node, struct why *why, int code, const char *format, ...)
{
    char text[sizeof why->text];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fail(why, code, "%s", text);
    if (why != NULL && node != NULL)
        add_place(node, node->line, node->column, node, why);
    return code;
}

int
yaml_fail_key(const struct yaml_node *member, struct why *why, int code, const char *format, ...)
{
    char text[sizeof why->text];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fail(why, code, "%s", text);
    if (why != NULL && member != NULL)
        add_place(member, member->key_line, member->key_column, member->parent, why);
    return code;
}

const char *
yaml_shown(const struct yaml_node *node, char out[YAML_SHOWN_SIZE])
{
    char text[YAML_SHOWN_SIZE - 20];
    const char *more;

    if (node->kind != YAML_SCALAR)
        return node->kind == YAML_LIST ? "a list" : node->kind == YAML_MAP ? "a map" : "nothing";
    more = text_copy(text, sizeof text, node->text) ? "" : "...";
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20)
            *at = ' ';
    if (node->quoted)
        snprintf(out, YAML_SHOWN_SIZE, "the text \"%s%s\"", text, more);
    else if (text_number(node->text) != TEXT_NO_NUMBER)
        snprintf(out, YAML_SHOWN_SIZE, "%s%s", text, more);
    else
        snprintf(out, YAML_SHOWN_SIZE, "'%s%s'", text, more);
    return out;
}

/* Says that `node` is no `wanted`, or returns 0 when it is a number without quotes. */
static int
check_plain_number(const struct yaml_node *node, const char *wanted, struct why *why)
{
    char shown[YAML_SHOWN_SIZE];

    if (node->kind == YAML_SCALAR && !node->quoted && text_number(node->text) != TEXT_NO_NUMBER)
        return 0;
    if (node->kind == YAML_SCALAR && node->quoted && text_number(node->text) != TEXT_NO_NUMBER)
        return yaml_fail(
            node, why, ERR_INVALID, "expected %s, found %s; remove the quotes", wanted, yaml_shown(node, shown));
    if (node->kind == YAML_NULL)
        return yaml_fail(
            node, why, ERR_INVALID, "expected %s, found nothing; write a value or remove the key", wanted);
    return yaml_fail(node, why, ERR_INVALID, "expected %s, found %s", wanted, yaml_shown(node, shown));
}

int
yaml_get_real(const struct yaml_node *node, double *out, struct why *why)
{
    struct why inner = {0};
    int code;

    ASSERT(node != NULL);

    code = check_plain_number(node, "a number", why);
    if (code != 0)
        return code;
    code = text_parse_real(node->text, out, &inner);
    return code == 0 ? 0 : yaml_fail(node, why, code, "%s", inner.text);
}

int
yaml_get_integer(const struct yaml_node *node, int64_t *out, struct why *why)
{
    struct why inner = {0};
    int code;

    ASSERT(node != NULL);

    code = check_plain_number(node, "a whole number", why);
    if (code != 0)
        return code;
    code = text_parse_integer(node->text, out, &inner);
    return code == 0 ? 0 : yaml_fail(node, why, code, "%s", inner.text);
}

int
yaml_get_bool(const struct yaml_node *node, bool *out, struct why *why)
{
    static const char *const words[][2] = {
        {"yes", "true"}, {"on", "true"}, {"y", "true"}, {"no", "false"}, {"off", "false"}, {"n", "false"}};
    char shown[YAML_SHOWN_SIZE];
    bool value;

    ASSERT(node != NULL);

    if (node->kind != YAML_SCALAR)
        return yaml_fail(node, why, ERR_INVALID, "expected true or false, found %s", yaml_shown(node, shown));
    if (!yaml_is_bool(node->text, &value)) {
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (strcasecmp(node->text, words[i][0]) == 0)
                return yaml_fail(node, why, ERR_INVALID, "expected true or false, found %s; write %s",
                    yaml_shown(node, shown), words[i][1]);
        return yaml_fail(node, why, ERR_INVALID, "expected true or false, found %s", yaml_shown(node, shown));
    }
    if (node->quoted)
        return yaml_fail(node, why, ERR_INVALID, "expected true or false, found %s; remove the quotes",
            yaml_shown(node, shown));
    *out = value;
    return 0;
}

int
yaml_get_text(const struct yaml_node *node, const char **out, struct why *why)
{
    char shown[YAML_SHOWN_SIZE];

    ASSERT(node != NULL);

    if (node->kind == YAML_NULL)
        return yaml_fail(node, why, ERR_INVALID, "expected text, found nothing; write a value, or \"\" for no text");
    if (node->kind != YAML_SCALAR)
        return yaml_fail(node, why, ERR_INVALID, "expected text, found %s", yaml_shown(node, shown));
    *out = node->text;
    return 0;
}

static bool
is_typed(const struct yaml_node *node)
{
    return !node->quoted && (text_number(node->text) != TEXT_NO_NUMBER || yaml_is_bool(node->text, NULL));
}

bool
yaml_equal(const struct yaml_node *a, const struct yaml_node *b)
{
    const struct yaml_node *x = a->first;
    const struct yaml_node *y = b->first;

    if (a->kind != b->kind || a->count != b->count)
        return false;
    if (a->kind == YAML_SCALAR)
        return strcmp(a->text, b->text) == 0 && is_typed(a) == is_typed(b);
    for (; x != NULL && y != NULL; x = x->next, y = y->next)
        if ((a->kind == YAML_MAP && strcmp(x->key, y->key) != 0) || !yaml_equal(x, y))
            return false;
    return x == NULL && y == NULL;
}
