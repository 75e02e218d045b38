/* A schema as a GBNF grammar. Rule n7 is node 7 of the table. */
#include "llm-gateway/schema.h"

#include <inttypes.h>
#include <string.h>

#include "core/assert.h"
#include "core/text.h"
#include "llm-gateway/json_limits.h"
#include "llm-gateway/schema_inner.h"

/* Nothing that the reader of the answer refuses: fifteen nines and a fraction would be rounded up to 1e15; an escape
 * stands for a whole character that may be in a text, not for half a surrogate pair or a zero. */
static const char terminals[] = "ws ::= [ \\n]?\n"
                                "boolean ::= \"true\" | \"false\"\n"
                                "integer ::= \"-\"? (\"0\" | [1-9] [0-9]{0,14})\n"
                                "number ::= integer | \"-\"? (\"0\" | [1-9] [0-9]{0,13}) \".\" [0-9]{1,9}\n"
                                "string ::= \"\\\"\" char* \"\\\"\"\n"
                                "char ::= [^\"\\\\\\x00-\\x1f] | \"\\\\\" ([\"\\\\/bfnrt] | \"u\" code)\n"
                                "code ::= \"00\" [2-9a-fA-F] hex | (\"0\" [1-9a-fA-F] | [1-9a-cA-Ce-fE-F] hex |"
                                " [dD] [0-7]) hex hex | [dD] [89abAB] hex hex \"\\\\u\" [dD] [c-fC-F] hex hex\n"
                                "hex ::= [0-9a-fA-F]\n";

/* JSON text as a literal of the grammar. */
static void
write_literal(const struct buffer *json, struct buffer *out)
{
    text_add(out, "\"");
    for (size_t i = 0; i < json->size; i++) {
        if (json->data[i] == '"' || json->data[i] == '\\')
            text_add(out, "\\");
        buffer_append(out, json->data + i, 1);
    }
    text_add(out, "\"");
}

static void
write_choices(const struct schema_node *node, struct buffer *out)
{
    struct buffer json = {0};
    size_t i;
    json_t *choice;

    json_array_foreach(node->choices, i, choice) {
        buffer_clear(&json);
        json_limits_write(choice, &json);
        text_add(out, i > 0 ? " | " : "");
        write_literal(&json, out);
    }
    buffer_fini(&json);
}

static void
write_object(const struct schema *self, const struct schema_node *node, struct buffer *out)
{
    struct buffer json = {0};

    text_add(out, "\"{\" ws ");
    for (uint32_t i = 0; i < node->count; i++) {
        buffer_clear(&json);
        text_add_json(&json, self->nodes[node->first + i].key, strlen(self->nodes[node->first + i].key));
        text_add(out, i > 0 ? "\",\" ws " : "");
        write_literal(&json, out);
        text_addf(out, " ws \":\" ws n%" PRIu32 " ws ", node->first + i);
    }
    text_add(out, "\"}\"");
    buffer_fini(&json);
}

static void
write_plain(const struct schema *self, const struct schema_node *node, struct buffer *out)
{
    switch (node->types & ~(uint32_t)SCHEMA_NULL) {
    case SCHEMA_BOOLEAN: text_add(out, "boolean"); break;
    case SCHEMA_INTEGER: text_add(out, "integer"); break;
    case SCHEMA_NUMBER: text_add(out, "number"); break;
    case SCHEMA_STRING: text_add(out, "string"); break;
    case SCHEMA_OBJECT: write_object(self, node, out); break;
    case SCHEMA_LIST:
        text_addf(out, "\"[\" ws (n%" PRIu32 " ws (\",\" ws n%" PRIu32 " ws)*)? \"]\"", node->first, node->first);
        break;
    default: UNREACHABLE();
    }
}

void
schema_write_grammar(const struct schema *self, struct buffer *out)
{
    text_add(out, "root ::= ws n0 ws\n");
    for (uint32_t i = 0; i < self->count; i++) {
        const struct schema_node *node = &self->nodes[i];

        text_addf(out, "n%" PRIu32 " ::= ", i);
        if (node->choices != NULL) {
            write_choices(node, out);
        } else {
            write_plain(self, node, out);
            text_add(out, node->types & SCHEMA_NULL ? " | \"null\"" : "");
        }
        text_add(out, "\n");
    }
    text_add(out, terminals);
}
