#include "llm-gateway/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/text.h"
#include "llm-gateway/json_limits.h"
#include "llm-gateway/schema_inner.h"

static const struct type_name {
    const char *name;
    uint32_t bit;
} type_names[] = {
    {"null", SCHEMA_NULL},     {"boolean", SCHEMA_BOOLEAN}, {"integer", SCHEMA_INTEGER}, {"number", SCHEMA_NUMBER},
    {"string", SCHEMA_STRING}, {"array", SCHEMA_LIST},      {"object", SCHEMA_OBJECT},
};

void
schema_path_key(struct schema_path *self, const char *key)
{
    struct buffer token = {0};
    size_t length;

    text_add(&token, "/");
    for (const char *c = key; *c != '\0'; c++)
        if (*c == '~')
            text_add(&token, "~0");
        else if (*c == '/')
            text_add(&token, "~1");
        else
            buffer_append(&token, c, 1);
    length = text_cut((const char *)token.data, token.size, sizeof self->text - 1 - self->size);
    memcpy(self->text + self->size, token.data, length);
    schema_path_back(self, self->size + length);
    buffer_fini(&token);
}

void
schema_path_index(struct schema_path *self, size_t index)
{
    char text[24];

    snprintf(text, sizeof text, "%zu", index);
    schema_path_key(self, text);
}

/* ---- compiling ---- */

struct compiler {
    struct schema *schema;
    struct schema_path path;
    struct why *why;
};

__attribute__((format(printf, 2, 3))) static int
refuse(struct compiler *self, const char *format, ...)
{
    char what[200];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return fail(self->why, ERR_INVALID, "schema %s, at \"%s\": %s", self->schema->name, self->path.text, what);
}

static int
add_type(struct compiler *self, const json_t *name, uint32_t *types)
{
    for (size_t i = 0; i < sizeof type_names / sizeof type_names[0] && json_is_string(name); i++) {
        if (strcmp(json_string_value(name), type_names[i].name) == 0) {
            if (*types & type_names[i].bit)
                return refuse(self, "names the type %s twice", type_names[i].name);
            *types |= type_names[i].bit;
            return 0;
        }
    }
    return refuse(self, "a type is one of null, boolean, integer, number, string, array and object");
}

/* One type, or one and null. */
static int
read_types(struct compiler *self, const json_t *node, uint32_t *types)
{
    const json_t *type = json_object_get(node, "type");
    uint32_t plain;
    size_t i;
    json_t *name;

    *types = 0;
    if (type == NULL)
        return refuse(self, "has no type");
    if (!json_is_array(type)) {
        int code = add_type(self, type, types);

        if (code != 0)
            return code;
    }
    json_array_foreach(type, i, name) {
        int code = add_type(self, name, types);

        if (code != 0)
            return code;
    }
    plain = *types & ~(uint32_t)SCHEMA_NULL;
    if (plain == 0 || (plain & (plain - 1)) != 0)
        return refuse(self, "has one type, or one and null");
    return 0;
}

static int
check_keywords(struct compiler *self, const json_t *node, uint32_t types)
{
    static const struct keyword {
        const char *name;
        uint32_t types; /* where it has a meaning */
    } keywords[] = {
        {"type", UINT32_MAX},
        {"title", UINT32_MAX},
        {"description", UINT32_MAX},
        {"enum", SCHEMA_STRING | SCHEMA_INTEGER | SCHEMA_NUMBER},
        {"items", SCHEMA_LIST},
        {"properties", SCHEMA_OBJECT},
        {"required", SCHEMA_OBJECT},
        {"additionalProperties", SCHEMA_OBJECT},
    };
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)node, key, value) {
        size_t i = 0;

        while (i < sizeof keywords / sizeof keywords[0] && strcmp(key, keywords[i].name) != 0)
            i++;
        if (i == sizeof keywords / sizeof keywords[0])
            return refuse(self, "%.64s is outside of what all providers enforce", key);
        if ((keywords[i].types & types) == 0)
            return refuse(self, "%s says nothing about this type", key);
        if (keywords[i].name[0] != 't' && strcmp(key, "description") != 0)
            continue;
        if (strcmp(key, "type") != 0 && !json_is_string(value))
            return refuse(self, "%s is a text", key);
    }
    return 0;
}

static bool
type_holds(uint32_t types, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL: return types & SCHEMA_NULL;
    case JSON_TRUE:
    case JSON_FALSE: return types & SCHEMA_BOOLEAN;
    case JSON_STRING: return types & SCHEMA_STRING;
    case JSON_ARRAY: return types & SCHEMA_LIST;
    case JSON_OBJECT: return types & SCHEMA_OBJECT;
    case JSON_INTEGER: return types & (SCHEMA_INTEGER | SCHEMA_NUMBER);
    case JSON_REAL:
        if (types & SCHEMA_NUMBER)
            return true;
        /* 3.0 is a whole number to JSON Schema. Answers hold nothing of 1e15 or more. */
        return (types & SCHEMA_INTEGER) && json_real_value(value) > -1e15 && json_real_value(value) < 1e15 &&
               json_real_value(value) == (double)(int64_t)json_real_value(value);
    }
    return false;
}

/* Equal numbers are equal however they are written. */
static bool
same_value(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b) == 1;
}

static int
read_choices(struct compiler *self, const json_t *node, struct schema_node *out)
{
    const json_t *choices = json_object_get(node, "enum");
    size_t i;
    json_t *choice;

    if (choices == NULL)
        return 0;
    if (!json_is_array(choices) || json_array_size(choices) == 0)
        return refuse(self, "an enum is a list of at least one value");
    self->schema->choice_count += (uint32_t)json_array_size(choices);
    if (json_array_size(choices) > SCHEMA_CHOICE_MAX || self->schema->choice_count > SCHEMA_CHOICE_MAX)
        return refuse(self, "more than %u values in enums", SCHEMA_CHOICE_MAX);
    json_array_foreach(choices, i, choice) {
        if (!type_holds(out->types, choice))
            return refuse(self, "value %zu of the enum is not of the type", i);
        for (size_t k = 0; k < i; k++)
            if (same_value(choice, json_array_get(choices, k)))
                return refuse(self, "value %zu of the enum stands there twice", i);
    }
    out->choices = choices;
    return 0;
}

static int
take_nodes(struct compiler *self, size_t count, uint32_t *first)
{
    struct schema *schema = self->schema;

    if (count > SCHEMA_NODE_MAX - schema->count)
        return refuse(self, "more than %u values altogether", SCHEMA_NODE_MAX);
    *first = schema->count;
    schema->count += (uint32_t)count;
    return 0;
}

/* Every property is in `required`, and nothing else is. */
static int
check_required(struct compiler *self, const json_t *node, const json_t *properties)
{
    const json_t *required = json_object_get(node, "required");
    size_t i;
    json_t *name;

    if (!json_is_array(required) || json_array_size(required) != json_object_size(properties))
        return refuse(self, "required lists every property (what is optional may be null instead)");
    json_array_foreach(required, i, name) {
        if (!json_is_string(name) || json_object_get(properties, json_string_value(name)) == NULL)
            return refuse(self, "required names what is no property");
        for (size_t k = 0; k < i; k++)
            if (json_equal(name, json_array_get(required, k)))
                return refuse(self, "required names a property twice");
    }
    if (!json_is_false(json_object_get(node, "additionalProperties")))
        return refuse(self, "additionalProperties must be false");
    return 0;
}

static int compile_node(struct compiler *self, const json_t *node, uint32_t depth, struct schema_node *out);

static int
compile_object(struct compiler *self, const json_t *node, uint32_t depth, struct schema_node *out)
{
    const json_t *properties = json_object_get(node, "properties");
    size_t size = self->path.size;
    const char *key;
    json_t *value;
    uint32_t i = 0;
    int code;

    if (!json_is_object(properties))
        return refuse(self, "an object has properties");
    code = check_required(self, node, properties);
    if (code == 0)
        code = take_nodes(self, json_object_size(properties), &out->first);
    if (code != 0)
        return code;
    out->count = (uint32_t)json_object_size(properties);
    json_object_foreach((json_t *)(uintptr_t)properties, key, value) {
        struct schema_node *child = &self->schema->nodes[out->first + i++];

        schema_path_key(&self->path, "properties");
        schema_path_key(&self->path, key);
        if (key[0] == '\0' || strlen(key) >= SCHEMA_NAME_SIZE)
            return refuse(self, "a property's name has 1 to %u bytes", SCHEMA_NAME_SIZE - 1);
        child->key = key;
        code = compile_node(self, value, depth, child);
        if (code != 0)
            return code;
        schema_path_back(&self->path, size);
    }
    return 0;
}

static int
compile_list(struct compiler *self, const json_t *node, uint32_t depth, struct schema_node *out)
{
    const json_t *items = json_object_get(node, "items");
    size_t size = self->path.size;
    int code;

    if (items == NULL)
        return refuse(self, "an array says what its items are");
    code = take_nodes(self, 1, &out->first);
    if (code != 0)
        return code;
    out->count = 1;
    schema_path_key(&self->path, "items");
    code = compile_node(self, items, depth, &self->schema->nodes[out->first]);
    schema_path_back(&self->path, code == 0 ? size : self->path.size);
    return code;
}

/* `depth` lists and objects are around this node. */
static int
compile_node(struct compiler *self, const json_t *node, uint32_t depth, struct schema_node *out)
{
    int code;

    if (!json_is_object(node))
        return refuse(self, "a schema is an object");
    code = read_types(self, node, &out->types);
    if (code == 0)
        code = check_keywords(self, node, out->types);
    if (code == 0)
        code = read_choices(self, node, out);
    if (code != 0)
        return code;
    if ((out->types & (SCHEMA_OBJECT | SCHEMA_LIST)) == 0)
        return 0;
    if (depth >= SCHEMA_DEPTH_MAX)
        return refuse(self, "more than %u levels", SCHEMA_DEPTH_MAX);
    return out->types & SCHEMA_OBJECT ? compile_object(self, node, depth + 1, out)
                                      : compile_list(self, node, depth + 1, out);
}

static bool
name_is_good(const char *name)
{
    size_t length = strlen(name);

    return length > 0 && length < SCHEMA_NAME_SIZE &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == length;
}

int
schema_compile(const char *name, const char *text, size_t size, struct schema **out, struct why *why)
{
    struct schema *self;
    struct compiler compiler = {.why = why};
    struct buffer written = {0};
    int code;

    *out = NULL;
    if (!name_is_good(name))
        return fail(why, ERR_INVALID, "a schema's name has 1 to %u letters, digits, _ - and .", SCHEMA_NAME_SIZE - 1);
    self = ALLOC(struct schema);
    text_copy(self->name, sizeof self->name, name);
    compiler.schema = self;
    code = json_limits_parse(&json_limits_answer, text, size, &self->tree, why);
    if (code != 0)
        code = fail_prefix(why, "schema %s", name);
    else
        code = take_nodes(&compiler, 1, &self->nodes[0].first);
    if (code == 0)
        code = compile_node(&compiler, self->tree, 0, &self->nodes[0]);
    if (code == 0 && self->nodes[0].types != SCHEMA_OBJECT)
        code = refuse(&compiler, "the root is an object");
    if (code != 0) {
        schema_destroy(&self);
        return code;
    }
    json_limits_write(self->tree, &written);
    buffer_append(&written, "", 1);
    self->text = (char *)buffer_take(&written, NULL);
    *out = self;
    return 0;
}

void
schema_destroy(struct schema **self_p)
{
    struct schema *self = *self_p;

    if (self == NULL)
        return;
    json_decref(self->tree);
    free(self->text);
    free(self);
    *self_p = NULL;
}

const char *
schema_name(const struct schema *self)
{
    return self->name;
}

const char *
schema_text(const struct schema *self)
{
    return self->text;
}

/* ---- checking a value ---- */

struct checker {
    const struct schema *schema;
    struct schema_path path;
    struct schema_report *report;
};

__attribute__((format(printf, 2, 3))) static void
complain(struct checker *self, const char *format, ...)
{
    struct schema_report *report = self->report;
    va_list arguments;

    if (report->count < SCHEMA_SHOWN) {
        _Static_assert(sizeof report->first[0].path == sizeof self->path.text, "a path fits");
        memcpy(report->first[report->count].path, self->path.text, sizeof self->path.text);
        va_start(arguments, format);
        vsnprintf(report->first[report->count].what, sizeof report->first[0].what, format, arguments);
        va_end(arguments);
    }
    report->count++;
}

static const char *
type_name(uint32_t types)
{
    for (size_t i = 0; i < sizeof type_names / sizeof type_names[0]; i++)
        if ((types & ~(uint32_t)SCHEMA_NULL) == type_names[i].bit)
            return type_names[i].name;
    UNREACHABLE();
}

static void check_value(struct checker *self, const struct schema_node *node, const json_t *value);

static void
check_object(struct checker *self, const struct schema_node *node, const json_t *value)
{
    size_t size = self->path.size;
    size_t known = 0;

    for (uint32_t i = 0; i < node->count; i++) {
        const struct schema_node *child = &self->schema->nodes[node->first + i];
        const json_t *member = json_object_get(value, child->key);

        schema_path_key(&self->path, child->key);
        if (member == NULL)
            complain(self, "is missing");
        else
            check_value(self, child, member);
        known += member != NULL;
        schema_path_back(&self->path, size);
    }
    if (json_object_size(value) > known)
        complain(self, "has %zu members that are not in the schema", json_object_size(value) - known);
}

static void
check_value(struct checker *self, const struct schema_node *node, const json_t *value)
{
    size_t size = self->path.size;
    size_t i;
    json_t *item;
    bool chosen = node->choices == NULL;

    if (!type_holds(node->types, value)) {
        complain(self, "must be %s%s", type_name(node->types), node->types & SCHEMA_NULL ? " or null" : "");
        return;
    }
    for (i = 0; !chosen && i < json_array_size(node->choices); i++)
        chosen = same_value(value, json_array_get(node->choices, i));
    if (!chosen)
        complain(self, "is none of the %zu allowed values", json_array_size(node->choices));
    if (json_is_object(value))
        check_object(self, node, value);
    json_array_foreach(value, i, item) {
        schema_path_index(&self->path, i);
        check_value(self, &self->schema->nodes[node->first], item);
        schema_path_back(&self->path, size);
    }
}

bool
schema_validate(const struct schema *self, const json_t *value, struct schema_report *report)
{
    struct checker checker = {.schema = self, .report = report};

    *report = (struct schema_report){0};
    check_value(&checker, &self->nodes[0], value);
    return report->count == 0;
}
