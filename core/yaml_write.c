#include "core/assert.h"
#include "core/text.h"
#include "core/yaml.h"
#include "core/yaml_inner.h"

#include <string.h>
#include <strings.h>

/* Words that this reader, or another one of an older YAML, takes for something else than text. */
static bool
is_reserved(const char *text)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

static bool
is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Code points that YAML allows in a line as they are. */
static bool
is_printable(uint32_t point)
{
    return (point >= 0x20 && point < 0x7f) ||
           (point >= 0xa0 && point != 0x2028 && point != 0x2029 && point != 0xfeff && point != 0xfffe &&
               point != 0xffff);
}

/* True where text needs no quotes to stay the same text. Tells less than YAML would allow: a letter first, then
 * nothing that means anything to any reader. */
static bool
is_plain(const char *text)
{
    size_t size = strlen(text);

    if (size == 0 || is_reserved(text) || text[size - 1] == ' ')
        return false;
    if (!is_letter((unsigned char)text[0]) && text[0] != '_' && text[0] != '/' && (unsigned char)text[0] < 0x80)
        return false;
    for (size_t i = 0; i < size;) {
        uint32_t point;
        size_t length = text_decode(text + i, size - i, &point);

        if (length == 0 || !is_printable(point))
            return false;
        if (length == 1 && !is_letter((unsigned char)text[i]) && strchr("0123456789 _./+-,()%$=;'", text[i]) == NULL &&
            !(text[i] == ':' && i + 1 < size && text[i + 1] != ' '))
            return false;
        i += length;
    }
    return true;
}

static void
write_escape(uint32_t point, struct buffer *out)
{
    const char *escape = text_find_escape(point);

    if (escape != NULL)
        text_add(out, escape);
    else
        text_addf(out, point < 0x100 ? "\\x%02X" : "\\u%04X", (unsigned)point);
}

static void
write_quoted(const char *text, struct buffer *out)
{
    size_t size = strlen(text);

    text_add(out, "\"");
    for (size_t i = 0; i < size;) {
        uint32_t point;
        size_t length = text_decode(text + i, size - i, &point);

        ASSERT(length > 0); /* the reader and yaml_put() let nothing else in */
        if (is_printable(point) && point != '"' && point != '\\')
            buffer_append(out, text + i, length);
        else
            write_escape(point, out);
        i += length;
    }
    text_add(out, "\"");
}

static void
write_text(const char *text, struct buffer *out)
{
    if (is_plain(text))
        text_add(out, text);
    else
        write_quoted(text, out);
}

static void
write_small(const struct yaml_node *node, struct buffer *out)
{
    if (node->kind == YAML_MAP)
        text_add(out, "{}");
    else if (node->kind == YAML_LIST)
        text_add(out, "[]");
    else if (node->kind == YAML_NULL)
        text_add(out, "null");
    else if (!node->quoted && (text_number(node->text) != TEXT_NO_NUMBER || yaml_is_bool(node->text, NULL)))
        text_add(out, node->text);
    else
        write_text(node->text, out);
    text_add(out, "\n");
}

static void
write_spaces(uint32_t count, struct buffer *out)
{
    if (count > 0)
        memset(buffer_extend(out, count), ' ', count);
}

/* The members or items of `node`, one per line. The cursor already stands at the first one's indent. */
static void
write_block(const struct yaml_node *node, uint32_t indent, struct buffer *out)
{
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        if (child != node->first)
            write_spaces(indent, out);
        if (node->kind == YAML_MAP) {
            write_text(child->key, out);
            text_add(out, child->first != NULL ? ":\n" : ": ");
            if (child->first != NULL)
                write_spaces(indent + 2, out);
        } else {
            text_add(out, "- ");
        }
        if (child->first != NULL)
            write_block(child, indent + 2, out);
        else
            write_small(child, out);
    }
}

void
yaml_write(const struct yaml_node *node, struct buffer *out)
{
    ASSERT(node != NULL && out != NULL);

    if (node->first != NULL)
        write_block(node, 0, out);
    else
        write_small(node, out);
}
