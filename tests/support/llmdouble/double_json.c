#include "tests/support/llmdouble/double_json.h"

#include "core/text.h"

#include <stdlib.h>

void
double_json_fini(struct double_json *self)
{
    free(self->nodes);
    buffer_fini(&self->text);
    *self = (struct double_json){0};
}

static int
wrong(struct double_json *self, struct double_slice text, struct why *why, const char *what)
{
    return fail(why, ERR_FORMAT, "byte %zu: %s", (size_t)(self->at - text.at), what);
}

static void
skip_blanks(struct double_json *self)
{
    while (self->at < self->end && (*self->at == ' ' || *self->at == '\n' || *self->at == '\r' || *self->at == '\t'))
        self->at++;
}

static uint32_t
add_node(struct double_json *self, enum double_json_kind kind)
{
    if (self->count + 1 >= self->capacity) {
        self->capacity = self->capacity == 0 ? 64 : self->capacity * 2;
        self->nodes = realloc(self->nodes, self->capacity * sizeof *self->nodes);
        if (self->nodes == NULL)
            abort();
    }
    self->nodes[++self->count] = (struct double_json_node){.kind = kind};
    return self->count;
}

static bool
read_hex(const char *at, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)at[i];
        uint32_t digit = c >= '0' && c <= '9'   ? c - '0' + 0u
                         : c >= 'a' && c <= 'f' ? c - 'a' + 10u
                         : c >= 'A' && c <= 'F' ? c - 'A' + 10u
                                                : 16u;
        if (digit == 16)
            return false;
        *out = *out * 16 + digit;
    }
    return true;
}

static void
add_point(struct buffer *out, uint32_t point)
{
    uint8_t bytes[4];
    size_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

    if (size == 1)
        bytes[0] = (uint8_t)point;
    else
        bytes[0] = (uint8_t)((size == 2 ? 0xC0u : size == 3 ? 0xE0u : 0xF0u) | (point >> (6 * (size - 1))));
    for (size_t i = 1; i < size; i++)
        bytes[i] = (uint8_t)(0x80u | ((point >> (6 * (size - 1 - i))) & 0x3Fu));
    buffer_append(out, bytes, size);
}

static bool
decode_escape(struct double_json *self)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found = *self->at != '\0' ? strchr(from, *self->at) : NULL;
    uint32_t point, low;

    if (found != NULL) {
        buffer_append(&self->text, &to[found - from], 1);
        self->at++;
        return true;
    }
    if (*self->at != 'u' || self->end - self->at < 5 || !read_hex(self->at + 1, &point))
        return false;
    self->at += 5;
    if (point >= 0xD800 && point < 0xDC00 && self->end - self->at >= 6 && self->at[0] == '\\' && self->at[1] == 'u' &&
        read_hex(self->at + 2, &low) && low >= 0xDC00 && low < 0xE000) {
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        self->at += 6;
    }
    add_point(&self->text, point);
    return true;
}

/* The room for decoded strings was reserved whole, so that what is handed out stays where it is. */
static bool
read_string(struct double_json *self, struct double_slice *out)
{
    const char *start = ++self->at, *kept;
    size_t decoded = self->text.size;

    while (self->at < self->end && *self->at != '"' && *self->at != '\\' && (unsigned char)*self->at >= 0x20)
        self->at++;
    if (self->at < self->end && *self->at == '"') {
        *out = (struct double_slice){start, (size_t)(self->at++ - start)};
        return true;
    }
    buffer_append(&self->text, start, (size_t)(self->at - start));
    while (self->at < self->end && *self->at != '"') {
        if ((unsigned char)*self->at < 0x20)
            return false;
        if (*self->at == '\\') {
            if (++self->at == self->end || !decode_escape(self))
                return false;
            continue;
        }
        kept = self->at;
        while (self->at < self->end && *self->at != '"' && *self->at != '\\' && (unsigned char)*self->at >= 0x20)
            self->at++;
        buffer_append(&self->text, kept, (size_t)(self->at - kept));
    }
    if (self->at == self->end)
        return false;
    self->at++;
    *out = (struct double_slice){(const char *)self->text.data + decoded, self->text.size - decoded};
    return true;
}

static bool
skip_digits(struct double_json *self)
{
    const char *start = self->at;

    while (self->at < self->end && *self->at >= '0' && *self->at <= '9')
        self->at++;
    return self->at > start;
}

static bool
read_number(struct double_json *self)
{
    if (*self->at == '-')
        self->at++;
    if (self->at < self->end && *self->at == '0')
        self->at++;
    else if (!skip_digits(self))
        return false;
    if (self->at < self->end && *self->at == '.') {
        self->at++;
        if (!skip_digits(self))
            return false;
    }
    if (self->at < self->end && (*self->at == 'e' || *self->at == 'E')) {
        self->at++;
        if (self->at < self->end && (*self->at == '+' || *self->at == '-'))
            self->at++;
        if (!skip_digits(self))
            return false;
    }
    return true;
}

static bool
read_word(struct double_json *self, const char *word)
{
    size_t size = strlen(word);

    if ((size_t)(self->end - self->at) < size || memcmp(self->at, word, size) != 0)
        return false;
    self->at += size;
    return true;
}

static bool
read_scalar(struct double_json *self, uint32_t node)
{
    const char *start = self->at;
    struct double_slice text = {NULL, 0};
    enum double_json_kind kind = DOUBLE_JSON_NULL;
    bool good;

    switch (*self->at) {
    case '"':
        kind = DOUBLE_JSON_STRING;
        good = read_string(self, &text);
        break;
    case 't':
        kind = DOUBLE_JSON_TRUE;
        good = read_word(self, "true");
        break;
    case 'f':
        kind = DOUBLE_JSON_FALSE;
        good = read_word(self, "false");
        break;
    case 'n': good = read_word(self, "null"); break;
    default:
        kind = DOUBLE_JSON_NUMBER;
        good = read_number(self);
        text = (struct double_slice){start, (size_t)(self->at - start)};
    }
    self->nodes[node].kind = kind;
    self->nodes[node].text = text;
    return good;
}

static bool read_value(struct double_json *self, uint32_t depth, uint32_t *out);

/* Members or items up to the closing bracket. */
static bool
read_inside(struct double_json *self, uint32_t node, uint32_t depth)
{
    bool object = *self->at++ == '{';
    uint32_t last = 0, child;
    struct double_slice key = {NULL, 0};

    self->nodes[node].kind = object ? DOUBLE_JSON_OBJECT : DOUBLE_JSON_ARRAY;
    skip_blanks(self);
    if (self->at < self->end && *self->at == (object ? '}' : ']')) {
        self->at++;
        return true;
    }
    for (;;) {
        skip_blanks(self);
        if (object) {
            if (self->at == self->end || *self->at != '"' || !read_string(self, &key))
                return false;
            skip_blanks(self);
            if (self->at == self->end || *self->at++ != ':')
                return false;
        }
        if (!read_value(self, depth + 1, &child))
            return false;
        self->nodes[child].key = key;
        *(last == 0 ? &self->nodes[node].first : &self->nodes[last].next) = child;
        self->nodes[node].count++;
        last = child;
        skip_blanks(self);
        if (self->at == self->end)
            return false;
        if (*self->at == (object ? '}' : ']')) {
            self->at++;
            return true;
        }
        if (*self->at++ != ',')
            return false;
    }
}

static bool
read_value(struct double_json *self, uint32_t depth, uint32_t *out)
{
    const char *start;

    skip_blanks(self);
    if (self->at == self->end || depth > DOUBLE_JSON_DEPTH || self->count >= DOUBLE_JSON_NODES)
        return false;
    start = self->at;
    *out = add_node(self, DOUBLE_JSON_NULL);
    if (*start == '{' || *start == '[' ? !read_inside(self, *out, depth) : !read_scalar(self, *out))
        return false;
    self->nodes[*out].source = (struct double_slice){start, (size_t)(self->at - start)};
    return true;
}

int
double_json_parse_first(struct double_json *self, struct double_slice text, struct why *why)
{
    uint32_t root;

    self->count = 0;
    buffer_clear(&self->text);
    buffer_reserve(&self->text, text.size + 1);
    self->at = text.at;
    self->end = text.at + text.size;
    if (text.size > 0 && read_value(self, 0, &root))
        return 0;
    self->count = 0;
    return wrong(self, text, why, "this is no JSON");
}

int
double_json_parse(struct double_json *self, struct double_slice text, struct why *why)
{
    int error = double_json_parse_first(self, text, why);

    if (error != 0)
        return error;
    skip_blanks(self);
    if (self->at == self->end)
        return 0;
    self->count = 0;
    return wrong(self, text, why, "something follows the JSON value");
}

const struct double_json_node *
double_json_root(const struct double_json *self)
{
    return self->count == 0 ? NULL : &self->nodes[1];
}

const struct double_json_node *
double_json_first(const struct double_json *self, const struct double_json_node *node)
{
    return node == NULL || node->first == 0 ? NULL : &self->nodes[node->first];
}

const struct double_json_node *
double_json_next(const struct double_json *self, const struct double_json_node *node)
{
    return node == NULL || node->next == 0 ? NULL : &self->nodes[node->next];
}

static const struct double_json_node *
find_key(const struct double_json *self, const struct double_json_node *object, const char *key, size_t size)
{
    const struct double_json_node *found = NULL;

    if (!double_json_is(object, DOUBLE_JSON_OBJECT))
        return NULL;
    for (const struct double_json_node *at = double_json_first(self, object); at != NULL;
         at = double_json_next(self, at))
        if (at->key.size == size && memcmp(at->key.at, key, size) == 0)
            found = at;
    return found;
}

const struct double_json_node *
double_json_find(const struct double_json *self, const struct double_json_node *object, const char *key)
{
    return find_key(self, object, key, strlen(key));
}

const struct double_json_node *
double_json_path(const struct double_json *self, const struct double_json_node *object, const char *path)
{
    while (object != NULL && *path != '\0') {
        size_t size = strcspn(path, ".");

        object = find_key(self, object, path, size);
        path += size + (path[size] == '.');
    }
    return object;
}

bool
double_json_is(const struct double_json_node *node, enum double_json_kind kind)
{
    return node != NULL && node->kind == kind;
}

struct double_slice
double_json_text(const struct double_json_node *node)
{
    return double_json_is(node, DOUBLE_JSON_STRING) ? node->text : (struct double_slice){NULL, 0};
}

double
double_json_number(const struct double_json_node *node, double otherwise)
{
    char digits[64];
    size_t size;

    if (!double_json_is(node, DOUBLE_JSON_NUMBER))
        return otherwise;
    size = node->text.size < sizeof digits ? node->text.size : sizeof digits - 1;
    memcpy(digits, node->text.at, size);
    digits[size] = '\0';
    return strtod(digits, NULL);
}

void
double_json_quote(struct buffer *out, const char *bytes, size_t size)
{
    size_t kept = 0;

    buffer_append(out, "\"", 1);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)bytes[i];
        bool surrogate = c == 0xED && i + 2 < size && (unsigned char)bytes[i + 1] >= 0xA0;
        const char *escape;

        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F && !surrogate)
            continue;
        buffer_append(out, bytes + kept, i - kept);
        escape = surrogate ? NULL : text_find_escape(c);
        if (surrogate) {
            text_addf(out, "\\u%04x",
                      0xD000u | (((unsigned)bytes[i + 1] & 0x3Fu) << 6) | ((unsigned)bytes[i + 2] & 0x3Fu));
            i += 2;
        } else if (escape != NULL) {
            text_add(out, escape);
        } else {
            text_addf(out, "\\u%04x", c);
        }
        kept = i + 1;
    }
    buffer_append(out, bytes + kept, size - kept);
    buffer_append(out, "\"", 1);
}
