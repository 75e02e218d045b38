#include "core/assert.h"
#include "core/text.h"
#include "core/yaml.h"
#include "core/yaml_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <yaml.h>

/* An open list or map. */
struct frame {
    struct yaml_node *node, *last;
    const char *key; /* of a map: read, its value not yet */
    uint32_t key_line, key_column;
};

struct reader {
    yaml_parser_t parser;
    struct yaml_tree *tree;
    const char *name;
    const char *path; /* of an override; NULL for a file */
    const char *text;
    size_t size;
    size_t line_start; /* the cursor of check_indent(): where line `line` begins */
    uint32_t line;
    struct frame frames[YAML_DEPTH_MAX];
    uint32_t depth;
    struct why *why;
};

/* Where we are: the path of the value that is being read. */
static void
current_path(const struct reader *self, char *out, size_t out_size)
{
    const struct frame *top;
    struct yaml_node here = {0};

    out[0] = '\0';
    if (self->depth == 0)
        return;
    top = &self->frames[self->depth - 1];
    here.parent = top->node;
    here.key = top->key;
    yaml_path(top->node->kind == YAML_MAP && top->key == NULL ? top->node : &here, out, out_size);
}

/* Fails with "file:line:col: path: what", or "-s: path: what" for an override. */
__attribute__((format(printf, 5, 6))) static int
refuse(struct reader *self, uint32_t line, uint32_t column, int code, const char *format, ...)
{
    struct yaml_node place = {.file = self->name, .line = line, .column = column};
    char text[sizeof self->why->text];
    char path[160];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    current_path(self, path, sizeof path);
    if (self->path != NULL) {
        place.line = 0;
        return yaml_fail(&place, self->why, code, "%.160s: %s", self->path, text);
    }
    if (path[0] == '\0')
        return yaml_fail(&place, self->why, code, "%s", text);
    return yaml_fail(&place, self->why, code, "%s: %s", path, text);
}

static uint32_t
line_of(yaml_mark_t mark)
{
    return (uint32_t)mark.line + 1;
}

static uint32_t
column_of(yaml_mark_t mark)
{
    return (uint32_t)mark.column + 1;
}

/* Length of the line break at `at`, 0 where there is none: those that libyaml counts as lines. */
static size_t
break_size(const char *at, size_t left)
{
    uint32_t point = 0;
    size_t length;

    if (left > 1 && at[0] == '\r' && at[1] == '\n')
        return 2;
    length = text_decode(at, left, &point);
    return point == '\n' || point == '\r' || point == 0x85 || point == 0x2028 || point == 0x2029 ? length : 0;
}

/* Every byte is looked at before libyaml sees one. */
static int
check_bytes(struct reader *self)
{
    uint32_t line = 1;
    uint32_t column = 1;
    size_t at = 0;

    if (self->size > YAML_SIZE_MAX)
        return refuse(self, 0, 0, ERR_LIMIT, "larger than %u MiB", YAML_SIZE_MAX >> 20);
    while (at < self->size) {
        size_t skip = break_size(self->text + at, self->size - at);
        uint32_t point = 0;

        if (skip > 0) {
            at += skip;
            line++;
            column = 1;
            continue;
        }
        skip = text_decode(self->text + at, self->size - at, &point);
        if (skip == 0)
            return refuse(self, line, column, ERR_FORMAT, "byte 0x%02x is not UTF-8; save the file as UTF-8",
                (unsigned)(unsigned char)self->text[at]);
        if ((point < 0x20 && point != '\t') || (point >= 0x7f && point < 0xa0) || point == 0xfffe || point == 0xffff ||
            point == 0xfeff)
            return refuse(self, line, column, ERR_FORMAT,
                "the control character U+%04X; remove it, or write it as \"\\u%04X\" in double quotes",
                (unsigned)point, (unsigned)point);
        at += skip;
        column++;
    }
    return 0;
}

/* Moves the cursor to a line, counted from 1 and never going back, and tells whether its indent holds a tab. `end`
 * is the column, from 1, of what stands behind the indent. */
static bool
indent_has_tab(struct reader *self, uint32_t line, uint32_t *end)
{
    const char *start;
    size_t left;
    size_t indent = 0;

    while (self->line < line && self->line_start < self->size) {
        size_t skip = break_size(self->text + self->line_start, self->size - self->line_start);

        self->line += skip > 0;
        self->line_start += skip > 0 ? skip : 1; /* a byte that begins no break: never mind code points */
    }
    start = self->text + self->line_start;
    left = self->size - self->line_start;
    while (indent < left && (start[indent] == ' ' || start[indent] == '\t'))
        indent++;
    *end = (uint32_t)indent + 1;
    return memchr(start, '\t', indent) != NULL;
}

static int
refuse_tab(struct reader *self, uint32_t line)
{
    return refuse(self, line, 1, ERR_FORMAT, "a tab in the indentation; indent with spaces");
}

/* libyaml lets tabs pass inside [] and {}. */
static int
check_indent(struct reader *self, yaml_mark_t mark)
{
    uint32_t end;
    bool tab = indent_has_tab(self, line_of(mark), &end);

    return tab && column_of(mark) == end ? refuse_tab(self, line_of(mark)) : 0;
}

static int
refuse_syntax(struct reader *self)
{
    const yaml_parser_t *parser = &self->parser;
    uint32_t line = line_of(parser->problem_mark);
    uint32_t column = column_of(parser->problem_mark);
    const char *problem = parser->problem != NULL ? parser->problem : "no YAML";
    uint32_t end;

    if (parser->error == YAML_MEMORY_ERROR)
        return refuse(self, 0, 0, ERR_LIMIT, "too large to be read");
    if (line >= self->line && indent_has_tab(self, line, &end) && column <= end)
        return refuse_tab(self, line);
    if (parser->context != NULL)
        return refuse(self, line, column, ERR_FORMAT,
            "%s %s that begins in line %u; check the indentation, the colons and the quotes", problem, parser->context,
            (unsigned)line_of(parser->context_mark));
    return refuse(self, line, column, ERR_FORMAT, "%s; check the indentation, the colons and the quotes", problem);
}

/* A scalar's text in the tree's arena. */
static int
take_text(struct reader *self, const yaml_event_t *event, const char **out)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t size = event->data.scalar.length;

    if (memchr(text, '\0', size) != NULL)
        return refuse(self, line_of(event->start_mark), column_of(event->start_mark), ERR_FORMAT,
            "a text with a zero character (\"\\0\"); remove it");
    *out = arena_text(self->tree->arena, text, size);
    return 0;
}

static int
take_key(struct reader *self, const yaml_event_t *event)
{
    struct frame *top = &self->frames[self->depth - 1];
    uint32_t line = line_of(event->start_mark);
    uint32_t column = column_of(event->start_mark);
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    const char *key;
    int code;

    if (event->type != YAML_SCALAR_EVENT)
        return refuse(self, line, column, ERR_INVALID, "a key that is a %s; keys are text",
            event->type == YAML_MAPPING_START_EVENT ? "map" : "list");
    code = take_text(self, event, &key);
    if (code != 0)
        return code;
    if (event->data.scalar.length > YAML_KEY_MAX)
        return refuse(self, line, column, ERR_LIMIT, "a key of over %u bytes; shorten it", YAML_KEY_MAX);
    if (key[0] == '\0')
        return refuse(self, line, column, ERR_INVALID, "an empty key; give it a name");
    if (plain && strcmp(key, "<<") == 0)
        return refuse(self, line, column, ERR_INVALID, "merge keys (<<) are not read; write the members out");
    if (plain && (yaml_is_null(key) || yaml_is_bool(key, NULL) || text_number(key) != TEXT_NO_NUMBER))
        return refuse(self, line, column, ERR_INVALID, "the key %.40s is no text; write \"%.40s\"", key, key);
    top->key = key;
    top->key_line = line;
    top->key_column = column;
    return 0;
}

/* Links a new node where the reader stands. */
static void
link_node(struct reader *self, struct yaml_node *node)
{
    struct frame *top;

    if (self->depth == 0) {
        self->tree->root = node;
        return;
    }
    top = &self->frames[self->depth - 1];
    if (top->node->kind == YAML_MAP) {
        node->key = top->key;
        node->key_line = top->key_line;
        node->key_column = top->key_column;
        top->key = NULL;
    }
    yaml_node_link(top->node, top->last, node);
    top->last = node;
}

static int
take_value(struct reader *self, const yaml_event_t *event)
{
    uint32_t line = line_of(event->start_mark);
    uint32_t column = column_of(event->start_mark);
    bool scalar = event->type == YAML_SCALAR_EVENT;
    const char *text = NULL;
    struct yaml_node *node;
    int code;

    if (self->tree->node_count >= YAML_NODE_MAX)
        return refuse(self, line, column, ERR_LIMIT, "more than %u values", YAML_NODE_MAX);
    if (!scalar && self->depth == YAML_DEPTH_MAX)
        return refuse(self, line, column, ERR_LIMIT, "deeper than %u levels", YAML_DEPTH_MAX);
    if (scalar && (code = take_text(self, event, &text)) != 0)
        return code;
    node = yaml_node_new(self->tree, event->type == YAML_SEQUENCE_START_EVENT ? YAML_LIST : YAML_MAP, self->tree->name);
    node->line = line;
    node->column = column;
    if (scalar) {
        node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        node->kind = !node->quoted && yaml_is_null(text) ? YAML_NULL : YAML_SCALAR;
        node->text = node->kind == YAML_SCALAR ? text : NULL;
    }
    link_node(self, node);
    if (!scalar)
        self->frames[self->depth++] = (struct frame){.node = node};
    return 0;
}

static int
compare_keys(const void *a, const void *b)
{
    const struct yaml_node *x = *(struct yaml_node *const *)a;
    const struct yaml_node *y = *(struct yaml_node *const *)b;
    int order = strcmp(x->key, y->key);

    if (order != 0)
        return order;
    if (x->key_line != y->key_line)
        return x->key_line < y->key_line ? -1 : 1;
    return x->key_column < y->key_column ? -1 : x->key_column > y->key_column;
}

/* Closes the innermost map. Its keys are sorted, not compared each with each: a hostile file has many. */
static int
check_duplicates(struct reader *self, const struct yaml_node *map)
{
    struct yaml_node **members = ALLOC_ARRAY(struct yaml_node *, map->count + 1);
    const struct yaml_node *first = NULL;
    const struct yaml_node *second = NULL;
    uint32_t count = 0;
    int code = 0;

    for (struct yaml_node *member = map->first; member != NULL; member = member->next)
        members[count++] = member;
    qsort(members, count, sizeof members[0], compare_keys);
    for (uint32_t i = 1; i < count; i++) {
        const struct yaml_node *again = members[i];

        if (strcmp(members[i - 1]->key, again->key) != 0)
            continue;
        if (second == NULL || again->key_line < second->key_line ||
            (again->key_line == second->key_line && again->key_column < second->key_column)) {
            first = members[i - 1];
            second = again;
        }
    }
    if (second != NULL)
        code = refuse(self, second->key_line, second->key_column, ERR_INVALID,
            "duplicate key '%.60s', already given in line %u, column %u; remove one of the two", second->key,
            (unsigned)first->key_line, (unsigned)first->key_column);
    free(members);
    return code;
}

/* What no node may carry. */
static int
check_properties(struct reader *self, const yaml_event_t *event)
{
    uint32_t line = line_of(event->start_mark);
    uint32_t column = column_of(event->start_mark);
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;

    if (event->type == YAML_ALIAS_EVENT)
        return refuse(self, line, column, ERR_INVALID,
            "aliases (*%.40s) are not read; write the value out, or quote a text that begins with *",
            (const char *)event->data.alias.anchor);
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor != NULL)
        return refuse(self, line, column, ERR_INVALID,
            "anchors (&%.40s) are not read; remove it, or quote a text that begins with &", (const char *)anchor);
    if (tag != NULL)
        return refuse(self, line, column, ERR_INVALID,
            "tags (%.40s) are not read; remove it, or quote a text that begins with !", (const char *)tag);
    return check_indent(self, event->start_mark);
}

/* One event; *end is set by the last. */
static int
take_event(struct reader *self, const yaml_event_t *event, bool *end)
{
    struct frame *top = self->depth > 0 ? &self->frames[self->depth - 1] : NULL;
    int code;

    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (self->tree->root != NULL)
            return refuse(self, line_of(event->start_mark), column_of(event->start_mark), ERR_INVALID,
                "a second document begins; write one document a file");
        return 0;
    case YAML_MAPPING_END_EVENT:
        code = check_duplicates(self, top->node);
        self->depth--;
        return code;
    case YAML_SEQUENCE_END_EVENT:
        self->depth--;
        return 0;
    case YAML_ALIAS_EVENT:
    case YAML_SCALAR_EVENT:
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        code = check_properties(self, event);
        if (code != 0)
            return code;
        return top != NULL && top->node->kind == YAML_MAP && top->key == NULL ? take_key(self, event)
                                                                              : take_value(self, event);
    case YAML_STREAM_END_EVENT:
        *end = true;
        return 0;
    default:
        return 0;
    }
}

static int
read_events(struct reader *self)
{
    bool end = false;
    int code = 0;

    while (code == 0 && !end) {
        yaml_event_t event;

        if (yaml_parser_parse(&self->parser, &event) == 0)
            return refuse_syntax(self);
        code = take_event(self, &event, &end);
        yaml_event_delete(&event);
    }
    return code;
}

/* `path` as in struct reader. */
static int
read_tree(const char *name, const char *path, const char *text, size_t size, struct yaml_tree **out, struct why *why)
{
    struct reader reader = {.name = name, .path = path, .text = text, .size = size, .line = 1, .why = why};
    int code;

    /* Some editors begin a file with a byte order mark. */
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        reader.text += 3;
        reader.size -= 3;
    }
    code = check_bytes(&reader);
    if (code != 0)
        return code;
    if (yaml_parser_initialize(&reader.parser) == 0)
        return fail(why, ERR_LIMIT, "%s: no memory for a parser", name);
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)reader.text, reader.size);
    reader.tree = yaml_tree_new(name);
    code = read_events(&reader);
    if (code == 0 && reader.tree->root == NULL && path != NULL)
        reader.tree->root = yaml_node_new(reader.tree, YAML_NULL, reader.tree->name);
    if (code == 0 && reader.tree->root == NULL)
        code = fail(why, ERR_INVALID, "%s: empty; write at least one key and value", name);
    yaml_parser_delete(&reader.parser);
    if (code == 0)
        *out = reader.tree;
    else
        yaml_destroy(&reader.tree);
    return code;
}

int
yaml_read_text(const char *name, const char *text, size_t size, struct yaml_tree **out, struct why *why)
{
    ASSERT(name != NULL && out != NULL && (text != NULL || size == 0));

    return read_tree(name, NULL, text != NULL ? text : "", size, out, why);
}

int
yaml_read_value(
    const char *name, const char *path, const char *text, size_t size, struct yaml_tree **out, struct why *why)
{
    ASSERT(path != NULL);

    return read_tree(name, path, text, size, out, why);
}

static int
fail_open(const char *path, int error_number, struct why *why)
{
    if (error_number == ENOENT || error_number == ENOTDIR)
        return fail(why, ERR_MISSING, "%s: no such file; check the name and the folder", path);
    if (error_number == EACCES || error_number == EPERM)
        return fail(why, ERR_DENIED, "%s: not allowed to read it; check its permissions", path);
    return fail_errno(why, ERR_IO, error_number, "%s: cannot be read", path);
}

/* Reads to the end, or one byte past the largest size, which is then refused. */
static int
read_bytes(int file, const char *path, struct buffer *out, struct why *why)
{
    while (out->size <= YAML_SIZE_MAX) {
        ssize_t got;

        buffer_reserve(out, 65536);
        got = read(file, out->data + out->size, 65536);
        if (got == 0)
            return 0;
        if (got > 0)
            out->size += (size_t)got;
        else if (errno != EINTR)
            return fail_open(path, errno, why);
    }
    return 0;
}

int
yaml_read_file(const char *path, struct yaml_tree **out, struct why *why)
{
    struct buffer text = {0};
    struct stat info;
    int code = 0;
    int file;

    ASSERT(path != NULL && out != NULL);

    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return fail_open(path, errno, why);
    if (fstat(file, &info) != 0)
        code = fail_open(path, errno, why);
    else if (S_ISDIR(info.st_mode))
        code = fail(why, ERR_INVALID, "%s: a folder, not a file; name a file in it", path);
    else
        code = read_bytes(file, path, &text, why);
    close(file);
    if (code == 0)
        code = yaml_read_text(path, (const char *)text.data, text.size, out, why);
    buffer_fini(&text);
    return code;
}
