#include "llm-gateway/repair.h"

#include <string.h>

#include "core/assert.h"
#include "core/text.h"
#include "llm-gateway/json_limits.h"

#define DEPTH_MAX 16u

static const char bom[] = "\xef\xbb\xbf";

/* A part of a text that somebody else owns. */
struct span {
    const char *text;
    size_t size;
};

const char *
repair_name(uint32_t bit)
{
    static const char *const names[REPAIR_BIT_COUNT] = {
        "bom",           "fence",    "prose",          "smart_quotes", "trailing_comma", "python", "single_quotes",
        "missing_closers", "unknown_member", "null_member",  "number_in_text", "sentence", "bytes"};

    ASSERT(bit < REPAIR_BIT_COUNT);
    return names[bit];
}

void
repair_fini(struct repair *self)
{
    buffer_fini(&self->text);
    *self = (struct repair){0};
}

static void
repair_start(struct repair *self)
{
    buffer_clear(&self->text);
    self->status = REPAIR_REFUSED;
    self->bits = 0;
    self->report = (struct schema_report){0};
}

static void
repair_refuse(struct repair *self, const char *what)
{
    buffer_clear(&self->text);
    self->status = REPAIR_REFUSED;
    self->report.count = 1;
    self->report.first[0].path[0] = '\0';
    text_copy(self->report.first[0].what, sizeof self->report.first[0].what, what);
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static struct span
trim(struct span span)
{
    while (span.size > 0 && is_blank(span.text[0]))
        span = (struct span){span.text + 1, span.size - 1};
    while (span.size > 0 && is_blank(span.text[span.size - 1]))
        span.size--;
    return span;
}

static struct span
drop_bom(struct span span, uint32_t *bits)
{
    span = trim(span);
    while (span.size >= 3 && memcmp(span.text, bom, 3) == 0) {
        *bits |= REPAIR_BOM;
        span = trim((struct span){span.text + 3, span.size - 3});
    }
    return span;
}

/* Length of the typographic quote at `at`, 0 when there is none. */
static size_t
smart_quote(const struct span *span, size_t at, bool *twofold)
{
    const char *c = span->text + at;

    if (span->size - at < 3 || memcmp(c, "\xe2\x80", 2) != 0)
        return 0;
    *twofold = c[2] == '\x9c' || c[2] == '\x9d' || c[2] == '\x9e';
    return *twofold || c[2] == '\x98' || c[2] == '\x99' ? 3 : 0;
}

/* Where the first object begins: a brace with a quote or the closing brace behind it, so that {x} in a sentence is
 * none. span.size when there is none. */
static size_t
object_start(const struct span *span)
{
    bool twofold;

    for (size_t i = 0; i < span->size; i++) {
        size_t next = i + 1;

        if (span->text[i] != '{')
            continue;
        while (next < span->size && is_blank(span->text[next]))
            next++;
        if (next < span->size && (strchr("\"'}", span->text[next]) != NULL || smart_quote(span, next, &twofold) > 0) &&
            span->text[next] != '\0')
            return i;
        i = next - 1; /* blanks are looked at once */
    }
    return span->size;
}

/* ---- the walk ----
 * Copies an object with the repairs of the list. What it does not know it copies as it is: the strict reader behind it
 * refuses what is still wrong. */

struct walk {
    struct span span;
    size_t at;
    struct buffer *out;
    uint32_t bits;
    bool single; /* ' opens a text: there is no " anywhere */
    char stack[DEPTH_MAX];
    uint32_t depth;
    /* Behind the last whole item of a list: where to cut back to. */
    struct { bool some; size_t size; uint32_t depth; char stack[DEPTH_MAX]; } item;
};

static void
walk_copy(struct walk *self, size_t size)
{
    buffer_append(self->out, self->span.text + self->at, size);
    self->at += size;
}

static void
walk_mark_item(struct walk *self)
{
    if (self->depth == 0 || self->stack[self->depth - 1] != '[')
        return;
    self->item.some = true;
    self->item.size = self->out->size;
    self->item.depth = self->depth;
    memcpy(self->item.stack, self->stack, sizeof self->stack);
}

/* Length of the quote that ends a text which `open` ('"', '\'', 's'mart double or 'c'urved single) began. */
static size_t
walk_closing(const struct walk *self, char open)
{
    bool twofold;
    size_t length;
    char c = self->span.text[self->at];

    if (open == '"' || open == '\'')
        return c == open;
    if (c == '"')
        return 1;
    length = smart_quote(&self->span, self->at, &twofold);
    return length > 0 && twofold == (open == 's') ? length : 0;
}

/* At a quote of `length` bytes. False when the text does not end. */
static bool
walk_string(struct walk *self, char open, size_t length)
{
    self->at += length;
    text_add(self->out, "\"");
    while (self->at < self->span.size) {
        char c = self->span.text[self->at];

        length = walk_closing(self, open);
        if (length > 0) {
            self->at += length;
            text_add(self->out, "\"");
            return true;
        }
        if (c == '\\' && self->span.size - self->at >= 2) {
            if (open == '\'' && self->span.text[self->at + 1] == '\'')
                self->at++;
            else
                walk_copy(self, 1);
        }
        walk_copy(self, 1);
    }
    return false;
}

static void
walk_word(struct walk *self)
{
    static const char *const python[][2] = {{"True", "true"}, {"False", "false"}, {"None", "null"}};
    const char *word = self->span.text + self->at;
    size_t length = 0;

    while (self->at + length < self->span.size && is_letter(word[length]))
        length++;
    for (size_t i = 0; i < sizeof python / sizeof python[0]; i++) {
        if (strlen(python[i][0]) == length && memcmp(word, python[i][0], length) == 0) {
            text_add(self->out, python[i][1]);
            self->at += length;
            self->bits |= REPAIR_PYTHON;
            return;
        }
    }
    walk_copy(self, length);
}

static void
walk_comma(struct walk *self)
{
    size_t next = self->at + 1;

    while (next < self->span.size && is_blank(self->span.text[next]))
        next++;
    if (next < self->span.size && (self->span.text[next] == '}' || self->span.text[next] == ']')) {
        self->bits |= REPAIR_TRAILING_COMMA;
        self->at = next;
        return;
    }
    walk_mark_item(self);
    walk_copy(self, 1);
}

static bool
walk_bracket(struct walk *self, char c)
{
    if (c == '{' || c == '[') {
        if (self->depth == DEPTH_MAX)
            return false;
        self->stack[self->depth++] = c;
        walk_copy(self, 1);
        return true;
    }
    if (self->depth == 0 || self->stack[self->depth - 1] != (c == '}' ? '{' : '['))
        return false;
    self->depth--;
    walk_copy(self, 1);
    walk_mark_item(self);
    return true;
}

/* A quote, of whatever kind, or 0; *length its bytes. */
static char
walk_opening(struct walk *self, size_t *length)
{
    bool twofold;
    char c = self->span.text[self->at];

    *length = 1;
    if (c == '"')
        return c;
    if (c == '\'' && self->single) {
        self->bits |= REPAIR_SINGLE_QUOTES;
        return c;
    }
    *length = smart_quote(&self->span, self->at, &twofold);
    if (*length == 0)
        return 0;
    self->bits |= REPAIR_SMART_QUOTES;
    return twofold ? 's' : 'c';
}

/* From the opening brace to the closing one. NULL, or what is wrong; `unfinished` says that it is only the end. */
static const char *
walk_object(struct walk *self, bool *unfinished)
{
    *unfinished = false;
    while (self->at < self->span.size) {
        char c = self->span.text[self->at];
        size_t length;
        char open = walk_opening(self, &length);

        if (open != 0) {
            if (!walk_string(self, open, length))
                break;
        } else if (c == '{' || c == '}' || c == '[' || c == ']') {
            if (!walk_bracket(self, c))
                return "brackets that do not match or lie too deep";
            if (self->depth == 0)
                return NULL;
        } else if (c == ',') {
            walk_comma(self);
        } else if (is_letter(c)) {
            walk_word(self);
        } else {
            walk_copy(self, 1);
        }
    }
    *unfinished = true;
    return "the text ends too early";
}

static void
walk_close(struct walk *self)
{
    self->out->size = self->item.size;
    for (uint32_t i = self->item.depth; i > 0; i--)
        text_add(self->out, self->item.stack[i - 1] == '{' ? "}" : "]");
    self->bits |= REPAIR_CLOSERS;
}

/* What stood around the object: a fence, other words, or both. */
static uint32_t
around(struct span before, struct span after)
{
    uint32_t bits = 0;
    size_t tag;

    before = trim(before);
    after = trim(after);
    tag = before.size;
    while (tag > 0 && is_letter(before.text[tag - 1]))
        tag--;
    if (tag >= 3 && memcmp(before.text + tag - 3, "```", 3) == 0) {
        bits |= REPAIR_FENCE;
        before = trim((struct span){before.text, tag - 3});
    }
    if (after.size >= 3 && memcmp(after.text, "```", 3) == 0) {
        bits |= REPAIR_FENCE;
        after = trim((struct span){after.text + 3, after.size - 3});
    }
    return bits | (before.size > 0 || after.size > 0 ? REPAIR_PROSE : 0);
}

/* The tree of the first object in a text that is no JSON as it stands; NULL with *what when there is none. */
static json_t *
salvage(struct repair *self, struct span span, bool cut_off, struct why *why)
{
    size_t start = object_start(&span);
    struct walk walk = {.span = span, .at = start, .out = &self->text};
    bool unfinished;
    json_t *tree = NULL;
    const char *wrong;

    if (start == span.size) {
        (void)fail(why, ERR_FORMAT, "no JSON object");
        return NULL;
    }
    walk.single = memchr(span.text, '"', span.size) == NULL;
    buffer_clear(&self->text);
    wrong = walk_object(&walk, &unfinished);
    if (wrong != NULL && !(unfinished && cut_off && walk.item.some)) {
        (void)fail(why, ERR_FORMAT, "%s", wrong);
        return NULL;
    }
    if (wrong != NULL)
        walk_close(&walk);
    if (json_limits_parse(&json_limits_answer, (const char *)self->text.data, self->text.size, &tree, why) != 0)
        return NULL;
    self->bits |= walk.bits | around((struct span){span.text, start},
                                     (struct span){span.text + walk.at, span.size - walk.at});
    return tree;
}

/* Puts the tree's text into the result: as it came when nothing was done to it. */
static void
settle(struct repair *self, struct span span, const json_t *tree)
{
    struct why why = {0};

    buffer_clear(&self->text);
    if (self->bits == 0) {
        buffer_append(&self->text, span.text, span.size);
        self->status = REPAIR_CLEAN;
        return;
    }
    json_limits_write(tree, &self->text);
    self->status = REPAIR_MENDED;
    /* Written anew, a text may be longer than it was and a number may round up to the bound. */
    if (json_limits_check(&json_limits_answer, (const char *)self->text.data, self->text.size, &why) != 0)
        repair_refuse(self, why.text);
}

void
repair_json(struct repair *self, const struct schema *schema, const char *text, size_t size, bool cut_off)
{
    struct span span = {text, size};
    struct why why = {0};
    json_t *tree;
    bool fits;

    ASSERT(schema != NULL && (text != NULL || size == 0));
    repair_start(self);
    if (size > json_limits_answer.size_max) {
        repair_refuse(self, "longer than an answer may be");
        return;
    }
    span = drop_bom(span, &self->bits);
    if (json_limits_parse(&json_limits_answer, span.text, span.size, &tree, &why) != 0) {
        tree = salvage(self, span, cut_off, &why);
        if (tree == NULL) {
            repair_refuse(self, why.text);
            return;
        }
    }
    fits = schema_validate(schema, tree, &self->report);
    if (!fits) {
        schema_mend(schema, tree, &self->bits);
        fits = schema_validate(schema, tree, &self->report);
    }
    if (fits)
        settle(self, span, tree);
    else
        buffer_clear(&self->text);
    json_decref(tree);
}

/* ---- free text ---- */

/* Length of the sentence's end at `at`, 0 when there is none. */
static size_t
sentence_end(const struct span *span, size_t at)
{
    static const char *const ends[] = {".", "!", "?", "\xe2\x80\xa6", "\xe3\x80\x82", "\xef\xbc\x81", "\xef\xbc\x9f"};
    static const char *const closers[] = {"\"", "'", ")", "]", "\xe2\x80\x9d", "\xe2\x80\x99"};
    size_t end = at;

    for (size_t i = 0; i < sizeof ends / sizeof ends[0] && end == at; i++)
        if (span->size - at >= strlen(ends[i]) && memcmp(span->text + at, ends[i], strlen(ends[i])) == 0)
            end = at + strlen(ends[i]);
    if (end == at)
        return 0;
    for (size_t i = 0; i < sizeof closers / sizeof closers[0]; i++) {
        if (span->size - end >= strlen(closers[i]) && memcmp(span->text + end, closers[i], strlen(closers[i])) == 0) {
            end += strlen(closers[i]);
            break;
        }
    }
    /* Wide full stops need no blank behind them. */
    return end == span->size || is_blank(span->text[end]) || (unsigned char)span->text[at] >= 0xe3 ? end - at : 0;
}

/* Up to the end of the last sentence; nothing when there is none. */
static struct span
whole_sentences(struct span span)
{
    for (size_t at = span.size; at > 0; at--) {
        size_t length = sentence_end(&span, at - 1);

        if (length > 0)
            return (struct span){span.text, at - 1 + length};
    }
    return (struct span){span.text, 0};
}

void
repair_text(struct repair *self, const char *text, size_t size, size_t size_max, bool cut_off)
{
    struct buffer valid = {0};
    struct span span = {text, size};
    size_t kept = 0;

    ASSERT(text != NULL || size == 0);
    repair_start(self);
    span = drop_bom(span, &self->bits);
    text_add_valid(&valid, span.text, span.size);
    for (size_t i = 0; i < valid.size; i++)
        if (valid.data[i] != '\0')
            valid.data[kept++] = valid.data[i];
    if (kept != span.size || (kept > 0 && memcmp(valid.data, span.text, kept) != 0))
        self->bits |= REPAIR_BYTES;
    span = drop_bom((struct span){kept > 0 ? (const char *)valid.data : "", kept}, &self->bits);
    if (cut_off || span.size > size_max) {
        struct span whole = whole_sentences((struct span){span.text, text_cut(span.text, span.size, size_max)});

        self->bits |= whole.size < span.size ? REPAIR_SENTENCE : 0;
        span = trim(whole);
    }
    buffer_append(&self->text, span.text, span.size);
    buffer_fini(&valid);
    self->status = self->bits == 0 ? REPAIR_CLEAN : REPAIR_MENDED;
    if (self->text.size == 0)
        repair_refuse(self, size == 0 ? "an empty text" : "no whole sentence");
}
