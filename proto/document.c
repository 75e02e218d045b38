/* The protocol described by the tables that run it: once for programs (schema.json, whose hash peers compare), once
 * for people (docs/protocol.md). The texts depend on nothing but the tables. */
#include <inttypes.h>
#include <string.h>

#include "core/text.h"
#include "proto/envelope.h"
#include "proto/messages.h"
#include "proto/registry.h"

static const char *const field_kinds[] = {
    [FIELD_U32] = "u32",   [FIELD_U64] = "u64",   [FIELD_I64] = "i64",   [FIELD_F64] = "f64",
    [FIELD_BOOL] = "bool", [FIELD_TEXT] = "text", [FIELD_PEER] = "peer", [FIELD_BIN] = "bin",
};
static const char *const column_kinds[] = {
    [COLUMN_U8] = "u8",   [COLUMN_U16] = "u16", [COLUMN_U32] = "u32", [COLUMN_U64] = "u64",
    [COLUMN_I32] = "i32", [COLUMN_I64] = "i64", [COLUMN_F64] = "f64", [COLUMN_OFFSETS] = "offsets",
};

/* ---- numbers ---- */

/* A bound of something whole, without an exponent. */
static void
add_whole(struct buffer *out, double bound)
{
    if (bound < 0)
        text_addf(out, "%" PRId64, field_bound_signed(bound));
    else
        text_addf(out, "%" PRIu64, field_bound_unsigned(bound, UINT64_MAX));
}

static void
add_real(struct buffer *out, double bound)
{
    char text[TEXT_NUMBER_SIZE];

    text_format_real(bound, text);
    text_add(out, text);
}

static void
add_bounds(struct buffer *out, bool is_real, double low, double high, const char *between)
{
    void (*add)(struct buffer *, double) = is_real ? add_real : add_whole;

    add(out, low);
    text_add(out, between);
    add(out, high);
}

/* ---- schema.json ---- */

static void
json_text(struct buffer *out, const char *key, const char *value)
{
    text_addf(out, "\"%s\": ", key);
    text_add_json(out, value, strlen(value));
}

static void
json_route(struct buffer *out, const char *name, const char *from, const char *to, const char *doc)
{
    json_text(out, "name", name);
    text_add(out, ", ");
    json_text(out, "from", from);
    text_add(out, ", ");
    json_text(out, "to", to);
    text_add(out, ", ");
    json_text(out, "doc", doc);
}

static void
json_envelope(struct buffer *out)
{
    text_addf(out, "  \"envelope\": {\"size\": %u, \"magic\": %u, \"fields\": [\n", ENVELOPE_SIZE, ENVELOPE_MAGIC);
    for (uint32_t i = 0; i < ENVELOPE_FIELDS; i++) {
        const struct envelope_field *field = &envelope_fields[i];

        text_addf(out, "    {\"offset\": %u, \"tag\": %u, ", (unsigned)field->offset, (unsigned)field->tag);
        json_text(out, "name", field->name);
        text_add(out, ", ");
        json_text(out, "kind", field->kind);
        text_add(out, ", ");
        json_text(out, "doc", field->doc);
        text_add(out, i + 1 < ENVELOPE_FIELDS ? "},\n" : "}\n");
    }
    text_add(out, "  ]},\n");
}

static void
json_field(struct buffer *out, const struct field *field)
{
    text_add(out, "      {");
    json_text(out, "name", field->name);
    text_add(out, ", ");
    json_text(out, "kind", field_kinds[field->kind]);
    text_add(out, ", \"low\": ");
    add_bounds(out, field->kind == FIELD_F64, field->low, field->high, ", \"high\": ");
    text_add(out, ", ");
    json_text(out, "doc", field->doc);
    text_add(out, "}");
}

static void
json_messages(struct buffer *out, const char *key, const struct message *messages, uint32_t count)
{
    text_addf(out, "  \"%s\": [\n", key);
    for (uint32_t i = 0; i < count; i++) {
        const struct message *message = &messages[i];

        text_addf(out, "    {\"type\": %" PRIu32 ", ", message->type);
        json_route(out, message->name, message->from, message->to, message->doc);
        text_add(out, message->field_count > 0 ? ", \"fields\": [\n" : "");
        for (uint32_t f = 0; f < message->field_count; f++) {
            json_field(out, &message->fields[f]);
            text_add(out, f + 1 < message->field_count ? ",\n" : "\n    ]");
        }
        text_add(out, i + 1 < count ? "},\n" : "}\n");
    }
    text_add(out, "  ],\n");
}

static void
json_column(struct buffer *out, const struct schema *schema, const struct column *column)
{
    text_add(out, "      {");
    json_text(out, "name", column->name);
    text_add(out, ", ");
    json_text(out, "kind", column_kinds[column->kind]);
    text_add(out, ", ");
    json_text(out, "axis", schema->axes[column->axis].name);
    if (column->kind == COLUMN_OFFSETS) {
        text_add(out, ", ");
        json_text(out, "target", schema->axes[column->target].name);
    } else {
        text_add(out, ", \"low\": ");
        add_bounds(out, column->kind == COLUMN_F64, column->low, column->high, ", \"high\": ");
    }
    text_add(out, ", ");
    json_text(out, "doc", column->doc);
    text_add(out, "}");
}

static void
json_schema(struct buffer *out, const struct schema *schema)
{
    text_addf(out, "    {\"id\": %u, ", (unsigned)schema->id);
    json_route(out, schema->name, schema->from, schema->to, schema->doc);
    text_add(out, ", \"axes\": [\n");
    for (uint32_t a = 0; a < schema->axis_count; a++) {
        text_addf(out, "      {\"max\": %" PRIu32 ", ", schema->axes[a].max);
        json_text(out, "name", schema->axes[a].name);
        text_add(out, ", ");
        json_text(out, "doc", schema->axes[a].doc);
        text_add(out, a + 1 < schema->axis_count ? "},\n" : "}\n    ], \"columns\": [\n");
    }
    for (uint32_t c = 0; c < schema->column_count; c++) {
        json_column(out, schema, &schema->columns[c]);
        text_add(out, c + 1 < schema->column_count ? ",\n" : "\n");
    }
    text_add(out, "    ]}");
}

void
proto_write_schema(struct buffer *out)
{
    text_addf(out, "{\n  \"protocol\": {\"major\": %u, \"minor\": %u, \"payload_max\": %u, \"control_max\": %u},\n",
              PROTO_MAJOR, PROTO_MINOR, PAYLOAD_MAX, PAYLOAD_CONTROL_MAX);
    json_envelope(out);
    json_messages(out, "messages", proto_messages, proto_message_count);
    json_messages(out, "batch_messages", proto_batch_messages, proto_batch_message_count);
    text_add(out, "  \"schemas\": [\n");
    for (uint32_t i = 0; i < proto_schema_count; i++) {
        json_schema(out, proto_schemas[i]);
        text_add(out, i + 1 < proto_schema_count ? ",\n" : "\n");
    }
    text_add(out, "  ]\n}\n");
}

/* ---- docs/protocol.md ---- */

/* Text inside a table's cell: a bar would end it. */
static void
add_cell(struct buffer *out, const char *text)
{
    text_add(out, " ");
    for (const char *at = text; *at != '\0'; at++)
        text_addf(out, *at == '|' ? "\\%c" : "%c", *at);
    text_add(out, " |");
}

static const char frames_text[] =
    "# Protocol\n"
    "\n"
    "This page is printed from the tables that pack, check and unpack every message (`proto/`). The same tables as\n"
    "JSON are in `tests/golden/schema.json`; their XXH3-64 is exchanged in HELLO, and peers that differ do not talk.\n"
    "\n"
    "A message is three frames: the destination's id (16 bytes; the broker puts the sender's in its place), a header,\n"
    "and a payload, which may be empty. Header and payload are both MessagePack, so any MessagePack tool can print\n"
    "them.\n"
    "\n"
    "## Header\n"
    "\n"
    "An array of 15 whose tags have forced widths: every field sits at a fixed offset. Numbers are big-endian, as\n"
    "MessagePack wants them. A wrong tag, a wrong magic and another major version are refused, and so is a payload\n"
    "whose size or hash is not the one announced.\n"
    "\n";

static const char classes_text[] =
    "(run, epoch, step, phase, chunk, attempt) is the fence: an answer is taken only while its fence is outstanding,\n"
    "and everything that comes later, or twice, is counted and dropped. So work may be given out again at any time.\n"
    "\n"
    "## Channels and delivery\n"
    "\n"
    "Each class has its own sockets, so that a large payload cannot delay a sign of life.\n"
    "\n"
    "| channel | numbers | delivery |\n"
    "| --- | --- | --- |\n"
    "| control | 1 to 19, 60 and above | command: must arrive. Who sent it asks again until it is answered; who "
    "receives it twice answers twice and acts once. |\n"
    "| data | 20 to 39 | data: bounded by credit. A sender has at most as many chunks outstanding as the receiver "
    "has room for; a lost one is given out again under a new attempt. |\n"
    "| event | 40 to 49 | event: may be dropped. Numbered without gaps, so that a subscriber sees what it missed and "
    "fetches it. |\n"
    "| fetch | 50 to 59 | asked for by the reader, part by part, from the committed log. |\n"
    "\n"
    "## Coming and going\n"
    "\n"
    "A peer is in one of four states, and every lost connection leads back to the first.\n"
    "\n"
    "1. **Unknown.** The peer has sent nothing, or has lost its connection. Its only word is HELLO, with a fresh\n"
    "   random id. On WELCOME it is ready. On REJECT it exits with status 78 and does not come back: its build, its\n"
    "   schema or its arithmetic differs, and trying again would not change that. With no answer it says HELLO again.\n"
    "2. **Ready.** Everything may be sent. The broker has told the world PEER_UP. A peer that has sent nothing for a\n"
    "   heartbeat's time sends PING and gets PONG. WELCOME or EPOCH with a newer epoch: all that belongs to older\n"
    "   ones is forgotten, and the peer stays ready.\n"
    "3. **Leaving.** The peer has sent BYE and sends nothing more. It keeps its sockets until BYE_ACK has come, which\n"
    "   says that everything before the BYE has been read, or until two seconds have passed.\n"
    "4. **Gone.** After BYE_ACK, or when the broker has noticed a closed connection, an ended process (PROC_EXIT) or\n"
    "   a silence. The world hears PEER_DOWN and gives the peer's chunks to others. An id that is gone never returns.\n"
    "\n"
    "## Messages of fields\n"
    "\n"
    "The payload is a map from field name to value, in any order. Every field is there once; unknown, missing and\n"
    "repeated ones are refused, as are values out of their bounds and bytes behind the map. `text` is UTF-8 without\n"
    "zero bytes, `peer` is a bin of 16 bytes, integers may have any width and floats are float 64 or float 32. The\n"
    "bounds of `text` and `bin` are those of their length in bytes.\n"
    "\n";

static const char batch_text[] =
    "## Messages of columns\n"
    "\n"
    "The payload is a batch: many rows as columns.\n"
    "\n"
    "    [schema u16, tag u64, first u32, [count u32 of each axis], pad, column, pad, column, ...]\n"
    "\n"
    "It begins with an array 16 (tag `dc`) of 4 + 2 x columns elements; the integers have the widths named (`cd`,\n"
    "`cf`, `ce`), the counts are a fixarray of `ce` integers, a pad is a bin 8 of 0 to 7 zero bytes, and a column is\n"
    "a bin 32 of little-endian numbers whose first byte stands at a multiple of 8 from the start of the payload.\n"
    "There is one way to write a batch: equal contents are equal bytes.\n"
    "\n"
    "`first` is the index of row 0 within its group. Axis 0 is the rows; the others are lists that rows own or share.\n"
    "A column has one element for each of its axis. One of kind `offsets` has one more, starts at 0, never falls and\n"
    "ends at the count of its target axis: the list of element i is [offset i, offset i + 1) of that axis.\n"
    "Counts over an axis's limit, lengths that do not fit the counts, padding that is not zero and bytes left over\n"
    "are refused; so are values out of their column's bounds, and NaN.\n"
    "\n";

static void
page_envelope(struct buffer *out)
{
    text_add(out, "| offset | tag | field | kind | meaning |\n| --- | --- | --- | --- | --- |\n");
    for (uint32_t i = 0; i < ENVELOPE_FIELDS; i++) {
        const struct envelope_field *field = &envelope_fields[i];

        text_addf(out, "| %u | `%02x` | %s | %s |", (unsigned)field->offset, (unsigned)field->tag, field->name,
                  field->kind);
        add_cell(out, field->doc);
        text_add(out, "\n");
    }
    text_addf(out, "\nA header has %u bytes, a payload at most %u, on the control channel %u.\n\n", ENVELOPE_SIZE,
              PAYLOAD_MAX, PAYLOAD_CONTROL_MAX);
}

static void
page_fields(struct buffer *out, const struct message *message)
{
    text_add(out, "| field | kind | bounds | meaning |\n| --- | --- | --- | --- |\n");
    for (uint32_t f = 0; f < message->field_count; f++) {
        const struct field *field = &message->fields[f];

        text_addf(out, "| `%s` | %s | ", field->name, field_kinds[field->kind]);
        if (field->kind == FIELD_PEER)
            text_add(out, "16 bytes");
        else if (field->kind == FIELD_BOOL)
            text_add(out, "false, true");
        else
            add_bounds(out, field->kind == FIELD_F64, field->low, field->high, " .. ");
        if (field->kind == FIELD_TEXT || field->kind == FIELD_BIN)
            text_add(out, " bytes");
        text_add(out, " |");
        add_cell(out, field->doc);
        text_add(out, "\n");
    }
    text_add(out, "\n");
}

static void
page_schema(struct buffer *out, const struct schema *schema)
{
    text_addf(out, "### Schema %u: %s (%s to %s)\n\n%s\n\n", (unsigned)schema->id, schema->name, schema->from,
              schema->to, schema->doc);
    text_add(out, "| axis | at most | meaning |\n| --- | --- | --- |\n");
    for (uint32_t a = 0; a < schema->axis_count; a++) {
        text_addf(out, "| %s | %" PRIu32 " |", schema->axes[a].name, schema->axes[a].max);
        add_cell(out, schema->axes[a].doc);
        text_add(out, "\n");
    }
    text_add(out, "\n| column | kind | axis | bounds | meaning |\n| --- | --- | --- | --- | --- |\n");
    for (uint32_t c = 0; c < schema->column_count; c++) {
        const struct column *column = &schema->columns[c];

        text_addf(out, "| `%s` | %s | %s | ", column->name, column_kinds[column->kind],
                  schema->axes[column->axis].name);
        if (column->kind == COLUMN_OFFSETS)
            text_addf(out, "into %s", schema->axes[column->target].name);
        else
            add_bounds(out, column->kind == COLUMN_F64, column->low, column->high, " .. ");
        text_add(out, " |");
        add_cell(out, column->doc);
        text_add(out, "\n");
    }
    text_add(out, "\n");
}

void
proto_write_document(struct buffer *out)
{
    text_add(out, frames_text);
    page_envelope(out);
    text_add(out, classes_text);
    for (uint32_t i = 0; i < proto_message_count; i++) {
        const struct message *message = &proto_messages[i];

        text_addf(out, "### %" PRIu32 " %s (%s to %s)\n\n%s\n\n", message->type, message->name, message->from,
                  message->to, message->doc);
        page_fields(out, message);
    }
    text_add(out, batch_text);
    text_add(out, "| number | message | from | to | meaning |\n| --- | --- | --- | --- | --- |\n");
    for (uint32_t i = 0; i < proto_batch_message_count; i++) {
        const struct message *message = &proto_batch_messages[i];

        text_addf(out, "| %" PRIu32 " | %s | %s | %s |", message->type, message->name, message->from, message->to);
        add_cell(out, message->doc);
        text_add(out, "\n");
    }
    text_add(out, "\n");
    for (uint32_t i = 0; i < proto_schema_count; i++)
        page_schema(out, proto_schemas[i]);
    while (out->size > 1 && out->data[out->size - 1] == '\n' && out->data[out->size - 2] == '\n')
        out->size--;
}
