#include "llm-gateway/redact.h"

#include <string.h>
#include <strings.h>

#include "core/assert.h"
#include "core/text.h"

static const char mark[] = "[redacted]";

bool
redact_add(struct redact *self, const char *bytes, size_t size)
{
    if (size < REDACT_SECRET_MIN || self->count == REDACT_SECRETS_MAX)
        return false;
    self->secrets[self->count].bytes = bytes;
    self->secrets[self->count].size = size;
    self->count++;
    return true;
}

static bool
is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Letters of keys: base64, its form for URLs, and the dots of web tokens. */
static bool
is_key_letter(char c)
{
    return is_word(c) || c == '+' || c == '/' || c == '=' || c == '.' || c == '~';
}

static size_t
key_run(const char *text, size_t size)
{
    size_t length = 0;

    while (length < size && is_key_letter(text[length]))
        length++;
    return length;
}

static bool
begins(const char *text, size_t size, const char *word)
{
    return size >= strlen(word) && strncasecmp(text, word, strlen(word)) == 0;
}

/* The longest loaded secret that stands here: a secret may begin with another one. */
static size_t
match_loaded(const struct redact *self, const char *text, size_t size)
{
    size_t best = 0;

    for (uint32_t i = 0; i < self->count; i++)
        if (self->secrets[i].size > best && self->secrets[i].size <= size &&
            memcmp(text, self->secrets[i].bytes, self->secrets[i].size) == 0)
            best = self->secrets[i].size;
    return best;
}

/* Keys that begin with what their issuer begins all of them with. */
static const struct prefix {
    const char *text;
    size_t rest; /* letters behind it, at least */
} prefixes[] = {
    {"sk-", 8}, {"AIza", 16}, {"gsk_", 8}, {"hf_", 16}, {"xai-", 16}, {"ghp_", 16}, {"github_pat_", 16}, {"ya29.", 16},
};

static size_t
match_prefix(const char *text, size_t size)
{
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t length = strlen(prefixes[i].text);

        if (size < length || memcmp(text, prefixes[i].text, length) != 0)
            continue;
        if (key_run(text + length, size - length) >= prefixes[i].rest)
            return length + key_run(text + length, size - length);
    }
    return 0;
}

/* Names in front of a secret: "Authorization: Bearer X", "x-api-key: X", "?key=X", "\"api_key\": \"X\"". Returns the
 * length up to the secret, 0 when there is none. */
static size_t
match_name(const char *text, size_t size)
{
    static const char *const names[] = {"authorization", "x-api-key", "x-goog-api-key", "api-key", "api_key",
                                        "apikey",        "access_token", "client_secret", "key", "token"};
    size_t at = 0;

    for (size_t i = 0; i < sizeof names / sizeof names[0] && at == 0; i++)
        if (begins(text, size, names[i]) && !(size > strlen(names[i]) && is_word(text[strlen(names[i])])))
            at = strlen(names[i]);
    if (at == 0)
        return 0;
    if (at < size && (text[at] == '"' || text[at] == '\''))
        at++;
    while (at < size && text[at] == ' ')
        at++;
    if (at >= size || (text[at] != ':' && text[at] != '='))
        return 0;
    at++;
    while (at < size && (text[at] == ' ' || text[at] == '"' || text[at] == '\''))
        at++;
    return at;
}

/* Behind a name or the word Bearer: a run that is long enough to be a secret. */
static size_t
named_run(const char *text, size_t size, size_t at)
{
    static const char *const schemes[] = {"bearer ", "basic ", "key "};
    size_t run;

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (begins(text + at, size - at, schemes[i])) {
            at += strlen(schemes[i]);
            break;
        }
    }
    run = key_run(text + at, size - at);
    return run >= REDACT_SECRET_MIN ? at + run : 0;
}

/* What stands at `at` of a text without loaded secrets: *keep bytes that stay, then *drop bytes that go. */
static bool
match_pattern(const char *text, size_t size, size_t at, size_t *keep, size_t *drop)
{
    const char *here = text + at;
    size_t left = size - at;
    size_t name, end;

    *keep = 0;
    if (at > 0 && is_word(text[at - 1]))
        return false;
    *drop = match_prefix(here, left);
    if (*drop > 0)
        return true;
    name = begins(here, left, "bearer ") ? 7 : match_name(here, left);
    end = name > 0 ? named_run(here, left, name) : 0;
    if (end == 0)
        return false;
    *keep = name;
    *drop = end - name;
    return true;
}

/* With `self`: its loaded secrets; without: what looks like a key. */
static uint32_t
redact_pass(const struct redact *self, const char *text, size_t size, struct buffer *out)
{
    uint32_t count = 0;
    size_t at = 0;

    while (at < size) {
        size_t keep = 0;
        size_t drop = self != NULL ? match_loaded(self, text + at, size - at) : 0;

        if (drop == 0 && (self != NULL || !match_pattern(text, size, at, &keep, &drop))) {
            buffer_append(out, text + at++, 1);
            continue;
        }
        buffer_append(out, text + at, keep);
        text_add(out, mark);
        at += keep + drop;
        count++;
    }
    return count;
}

static bool
holds_loaded(const struct redact *self, const char *text, size_t size)
{
    for (size_t at = 0; at < size; at++)
        if (match_loaded(self, text + at, size - at) > 0)
            return true;
    return false;
}

uint32_t
redact_text(const struct redact *self, const char *text, size_t size, struct buffer *out)
{
    struct buffer unloaded = {0};
    size_t start = out->size;
    uint32_t count;

    ASSERT(text != NULL || size == 0);
    /* In two passes, since a pattern may begin or end in the middle of a loaded secret. */
    count = redact_pass(self, text, size, &unloaded);
    count += redact_pass(NULL, (const char *)unloaded.data, unloaded.size, out);
    buffer_fini(&unloaded);
    /* What was taken out may have brought the halves of another secret together; then the whole text goes. */
    if (out->size > start && holds_loaded(self, (const char *)out->data + start, out->size - start)) {
        out->size = start;
        text_add(out, mark);
        count++;
    }
    return count;
}

uint32_t
redact_in_place(const struct redact *self, char *text, size_t size)
{
    struct buffer out = {0};
    uint32_t count;
    size_t length;

    ASSERT(size > 0);
    count = redact_text(self, text, strnlen(text, size), &out);
    length = text_cut(out.size > 0 ? (const char *)out.data : "", out.size, size - 1);
    if (length > 0)
        memcpy(text, out.data, length);
    text[length] = '\0';
    buffer_fini(&out);
    return count;
}

static bool
name_is_secret(const char *name)
{
    size_t length = strlen(name);

    if (length >= 4 && strcasecmp(name + length - 4, "_env") == 0)
        return false;
    return strcasestr(name, "key") != NULL || strcasestr(name, "token") != NULL || strcasestr(name, "secret") != NULL;
}

bool
redact_looks_secret(const char *name, const char *value)
{
    size_t size = strlen(value);

    for (size_t at = 0; at < size; at++)
        if ((at == 0 || !is_word(value[at - 1])) && match_prefix(value + at, size - at) > 0)
            return true;
    return name_is_secret(name) && size >= 32 && key_run(value, size) == size;
}
