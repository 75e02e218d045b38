#include "tests/support/llmdouble/double_society.h"

#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>

#define ALIAS 32u

/* What a sentence says. */
struct deed {
    char one[ALIAS], other[ALIAS], ref[ALIAS], rate[ALIAS], amount[ALIAS], word[ALIAS];
    int due_in;
};

/* ---- the sentences: written by the format, read by the pattern ---- */

enum { GIVES, SELLS, LENDS, REPAYS, HIRES, DISPUTES, ALLIES, GOSSIPS, TEACHES, FOUNDS, FORGIVES, BREAKS, MAKES, PARTS };

_Static_assert(PARTS + 1 == DOUBLE_SENTENCES, "fourteen");

#define NAME "%31[A-Za-z0-9_]"
#define COIN "%31[0-9.]"

static bool
read_deed(const char *text, unsigned kind, struct deed *deed)
{
    int used = -1;

    *deed = (struct deed){0};
    /* clang-format off */
    switch (kind) {
    case GIVES: sscanf(text, NAME " gives " NAME " " COIN " coin.%n", deed->one, deed->other, deed->amount, &used); break;
    case SELLS:
        sscanf(text, NAME " sells " NAME " " NAME " for " COIN " coin.%n", deed->one, deed->other, deed->ref, deed->amount, &used);
        break;
    case LENDS:
        sscanf(text, NAME " lends " NAME " " COIN " coin, due in %d steps at " COIN "%n", deed->one, deed->other, deed->amount,
            &deed->due_in, deed->rate, &used);
        break;
    case REPAYS:
        sscanf(text, NAME " repays " NAME " " COIN " coin on " NAME ".%n", deed->one, deed->other, deed->amount, deed->ref, &used);
        break;
    case HIRES: sscanf(text, NAME " hires " NAME " for " COIN " coin.%n", deed->one, deed->other, deed->amount, &used); break;
    case DISPUTES: sscanf(text, NAME " disputes " NAME " with " NAME ".%n", deed->one, deed->ref, deed->other, &used); break;
    case ALLIES: sscanf(text, NAME " and " NAME " form an alliance.%n", deed->one, deed->other, &used); break;
    case GOSSIPS: sscanf(text, NAME " gossips about " NAME ".%n", deed->one, deed->other, &used); break;
    case TEACHES: sscanf(text, NAME " teaches " NAME " the art of " NAME ".%n", deed->one, deed->other, deed->word, &used); break;
    case FOUNDS: sscanf(text, NAME " founds the " NAME " with " NAME ".%n", deed->one, deed->word, deed->other, &used); break;
    case FORGIVES: sscanf(text, NAME " forgives " NAME " what is owed by " NAME ".%n", deed->one, deed->other, deed->ref, &used); break;
    case BREAKS: sscanf(text, NAME " breaks with " NAME ".%n", deed->one, deed->other, &used); break;
    case MAKES: sscanf(text, NAME " makes goods worth " COIN " coin.%n", deed->one, deed->amount, &used); break;
    default: sscanf(text, NAME " and " NAME " part without a deal.%n", deed->one, deed->other, &used);
    }
    /* clang-format on */
    if (kind == LENDS && used > 0 && deed->rate[strlen(deed->rate) - 1] == '.')
        deed->rate[strlen(deed->rate) - 1] = '\0'; /* the full stop */
    return used >= 0;
}

void
double_society_sentence(uint32_t number, const char *one, const char *other, struct rng *rng, struct buffer *out)
{
    static const char *const arts[] = {"weaving", "masonry", "accounting", "brewing"};
    static const char *const houses[] = {"Guild", "Bank", "School", "Council"};
    uint32_t cents = 50 + rng_below(rng, 950), due = 2 + rng_below(rng, 9), rate = rng_below(rng, 20);
    uint32_t whole = cents / 100, part = cents % 100, word = rng_below(rng, 4);

    switch (number) {
    case GIVES: text_addf(out, "%s gives %s %u.%02u coin.", one, other, whole, part); break;
    case SELLS: text_addf(out, "%s sells %s A2 for %u.%02u coin.", one, other, whole, part); break;
    case LENDS:
        text_addf(out, "%s lends %s %u.%02u coin, due in %u steps at 0.%02u.", one, other, whole, part, due, rate);
        break;
    case REPAYS: text_addf(out, "%s repays %s %u.%02u coin on O1.", one, other, whole, part); break;
    case HIRES: text_addf(out, "%s hires %s for %u.%02u coin.", one, other, whole, part); break;
    case DISPUTES: text_addf(out, "%s disputes O1 with %s.", one, other); break;
    case ALLIES: text_addf(out, "%s and %s form an alliance.", one, other); break;
    case GOSSIPS: text_addf(out, "%s gossips about %s.", one, other); break;
    case TEACHES: text_addf(out, "%s teaches %s the art of %s.", one, other, arts[word]); break;
    case FOUNDS: text_addf(out, "%s founds the %s with %s.", one, houses[word], other); break;
    case FORGIVES: text_addf(out, "%s forgives %s what is owed by O1.", one, other); break;
    case BREAKS: text_addf(out, "%s breaks with %s.", one, other); break;
    case MAKES: text_addf(out, "%s makes goods worth %u.%02u coin.", one, whole, part); break;
    default: text_addf(out, "%s and %s part without a deal.", one, other);
    }
}

/* ---- the packet ---- */

/* The first two different texts that stand under this key. */
static unsigned
find_names(const struct double_json *packet, const char *key, char names[2][ALIAS])
{
    unsigned count = 0;

    for (uint32_t i = 1; packet != NULL && i <= packet->count && count < 2; i++) {
        const struct double_json_node *node = &packet->nodes[i];
        char name[ALIAS];

        if (node->kind != DOUBLE_JSON_STRING || !double_slice_is(node->key, key) || node->text.size >= ALIAS)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)node->text.size, node->text.at);
        if (name[0] != '\0' && (count == 0 || strcmp(name, names[0]) != 0))
            memcpy(names[count++], name, ALIAS);
    }
    return count;
}

static bool
is_obligation(uint32_t number)
{
    return number == REPAYS || number == DISPUTES || number == FORGIVES;
}

void
double_society_write(const struct double_json *packet, struct rng *rng, struct buffer *out)
{
    char names[2][ALIAS] = {"N1", "N2"};
    struct buffer sentence = {0};
    unsigned count = find_names(packet, "alias", names);
    uint32_t number = rng_below(rng, DOUBLE_SENTENCES);
    bool owes = false;

    for (uint32_t i = 1; packet != NULL && i <= packet->count; i++)
        owes = owes || double_slice_is(packet->nodes[i].text, "O1");
    if (is_obligation(number) && !owes)
        number = LENDS; /* nothing is owed yet */
    if (count == 1 || number == MAKES)
        number = count == 1 ? MAKES : PARTS;
    double_society_sentence(number, names[0], names[1], rng, &sentence);
    text_addf(out,
              "{\"scene\":\"%s %s. They look at what they have, and at each other.\",\"outcome_summary\":", names[0],
              number == MAKES ? "goes to work" : "meets the other");
    double_json_quote(out, (const char *)sentence.data, sentence.size);
    text_add(out, "}");
    buffer_fini(&sentence);
}

/* ---- the patch ---- */

struct edit {
    const char *what, *path, *ref, *text, *number, *status, *party, *rate;
    int due_in;
};

static void
add_member(struct buffer *out, const char *name, const char *text, bool quoted)
{
    text_addf(out, ",\"%s\":", name);
    if (text == NULL || text[0] == '\0')
        text_add(out, "null");
    else if (quoted)
        double_json_quote(out, text, strlen(text));
    else
        text_add(out, text);
}

static void
begin_op(struct buffer *out, const char *op, const char *target, const char *other)
{
    text_addf(out, "%s{\"op\":\"%s\"", out->data[out->size - 1] == '[' ? "" : ",", op);
    add_member(out, "target", target, true);
    add_member(out, "other", other, true);
}

static void
add_edit_op(struct buffer *out, const char *target, const struct edit *edit)
{
    char due[16] = "";

    if (edit->due_in > 0)
        snprintf(due, sizeof due, "%d", edit->due_in);
    begin_op(out, "update_node", target, NULL);
    text_addf(out, ",\"edits\":[{\"do\":\"%s\"", edit->what);
    add_member(out, "path", edit->path, true);
    add_member(out, "ref", edit->ref, true);
    add_member(out, "text", edit->text, true);
    add_member(out, "number", edit->number, false);
    add_member(out, "status", edit->status, true);
    add_member(out, "party", edit->party, true);
    add_member(out, "due_in", due, false);
    add_member(out, "rate", edit->rate, false);
    text_add(out, "}],\"node\":null,\"edge\":null}");
}

/* Goods or coin go from one to the other: an addition to the receiver's assets with the giver's item as reference. */
static void
add_transfer(struct buffer *out, const char *from, const char *to, const char *item, const char *amount)
{
    struct edit edit = {.what = "append", .path = "assets", .ref = item, .number = amount, .party = from};

    add_edit_op(out, to, &edit);
}

static void
add_edge_op(struct buffer *out, const char *op, const struct deed *deed, const char *relation)
{
    begin_op(out, op, deed->one, deed->other);
    text_add(out, ",\"edits\":[],\"node\":null,\"edge\":");
    if (relation == NULL)
        text_add(out, "null}");
    else
        text_addf(
            out,
            "{\"strength\":null,\"consent\":null,\"visibility\":null,\"activation_rate\":null,\"enforceability\":null,"
            "\"decay_rate\":null,\"expires_in\":null,\"relation\":\"%s\",\"expectations\":null,\"stipulations\":null,"
            "\"rights_and_powers\":null,\"history\":null}}",
            relation);
}

static void
add_institution(struct buffer *out, const struct deed *deed)
{
    begin_op(out, "create_node", deed->word, deed->one);
    text_add(out, ",\"edits\":[],\"node\":{\"name\":");
    double_json_quote(out, deed->word, strlen(deed->word));
    text_addf(out,
              ",\"institution_type\":\"association\",\"description\":\"Founded by %s with "
              "%s.\",\"policies\":\"\",\"governance\":"
              "\"by its founders\"},\"edge\":null}",
              deed->one, deed->other);
}

static void
add_ops(struct buffer *out, unsigned kind, const struct deed *deed)
{
    struct edit edit = {.what = "append", .ref = deed->ref};

    /* clang-format off */
    switch (kind) {
    case GIVES: add_transfer(out, deed->one, deed->other, "A1", deed->amount); return;
    case SELLS:
        add_transfer(out, deed->one, deed->other, deed->ref, deed->amount);
        add_transfer(out, deed->other, deed->one, "A1", deed->amount);
        return;
    case LENDS:
        add_transfer(out, deed->one, deed->other, "A1", deed->amount);
        edit = (struct edit){.what = "append", .path = "debts", .number = deed->amount, .party = deed->one,
            .due_in = deed->due_in, .rate = deed->rate};
        add_edit_op(out, deed->other, &edit);
        return;
    case REPAYS:
        add_transfer(out, deed->one, deed->other, "A1", deed->amount);
        edit = (struct edit){.what = "update_item", .path = "debts", .ref = deed->ref, .status = "repaid", .party = deed->other};
        break;
    case HIRES:
        add_transfer(out, deed->one, deed->other, "A1", deed->amount);
        add_edge_op(out, "update_edge", deed, "employer");
        return;
    case DISPUTES: edit = (struct edit){.what = "update_item", .path = "debts", .ref = deed->ref, .status = "disputed"}; break;
    case FORGIVES: edit = (struct edit){.what = "update_item", .path = "claims", .ref = deed->ref, .status = "forgiven"}; break;
    case GOSSIPS: edit = (struct edit){.what = "append", .path = "memories", .text = "Talked about another.", .party = deed->other}; break;
    case TEACHES:
        edit = (struct edit){.what = "append", .path = "capabilities", .text = deed->word, .party = deed->one};
        add_edit_op(out, deed->other, &edit);
        return;
    case MAKES: edit = (struct edit){.what = "append", .path = "assets", .text = "goods", .number = deed->amount}; break;
    case ALLIES: add_edge_op(out, "update_edge", deed, "alliance"); return;
    case BREAKS: add_edge_op(out, "delete_edge", deed, NULL); return;
    case FOUNDS: add_institution(out, deed); return;
    default: return;
    }
    /* clang-format on */
    add_edit_op(out, deed->one, &edit);
}

void
double_society_compile(const struct double_json *packet, struct buffer *out)
{
    struct deed deed;
    char summary[512] = "";
    bool known = false;

    for (uint32_t i = 1; packet != NULL && i <= packet->count; i++)
        if (double_slice_is(packet->nodes[i].key, "outcome_summary") && packet->nodes[i].kind == DOUBLE_JSON_STRING)
            snprintf(summary, sizeof summary, "%.*s", (int)packet->nodes[i].text.size, packet->nodes[i].text.at);
    text_add(out, "{\"ops\":[");
    for (unsigned kind = 0; kind < DOUBLE_SENTENCES && !known; kind++) {
        known = read_deed(summary, kind, &deed);
        if (known)
            add_ops(out, kind, &deed);
    }
    text_addf(out, "],\"notes\":\"%s\"}", known ? "" : "none of the sentences");
}
