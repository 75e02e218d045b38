#include "agents/choice_inner.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "core/injection.h"
#include "core/money.h"
#include "core/text.h"

#define WITHHELD "[withheld]"

void
choice_fini(struct choice *self)
{
    buffer_fini(&self->facts);
    buffer_fini(&self->items);
    *self = (struct choice){0};
}

void
choice_begin(struct choice *self, uint32_t note_max)
{
    buffer_clear(&self->facts);
    buffer_clear(&self->items);
    self->set_count = self->quote_count = self->quote_kept = self->question_count = 0;
    self->open = CHOICE_NONE;
    self->note_max = note_max;
}

/* ---- what is known ---- */

static void
add_key(struct buffer *out, const char *name)
{
    if (out->size > 0 && out->data[out->size - 1] != '{')
        text_add(out, ",");
    text_addf(out, "\"%s\":", name);
}

static struct buffer *
fact(struct choice *self, const char *name)
{
    struct buffer *out = self->open == CHOICE_NONE ? &self->facts : &self->items;

    add_key(out, name);
    return out;
}

static void
add_real(struct buffer *out, double value)
{
    char text[TEXT_NUMBER_SIZE] = "null";

    if (isfinite(value))
        text_format_real(value, text);
    text_add(out, text);
}

void
choice_real(struct choice *self, const char *name, double value)
{
    add_real(fact(self, name), value);
}

void
choice_whole(struct choice *self, const char *name, int64_t value)
{
    text_addf(fact(self, name), "%lld", (long long)value);
}

void
choice_money(struct choice *self, const char *name, int64_t millionths)
{
    char text[MONEY_TEXT];

    money_format(millionths, text);
    text_add(fact(self, name), text);
}

void
choice_word(struct choice *self, const char *name, const char *word)
{
    text_add_json(fact(self, name), word, strlen(word));
}

void
choice_group(struct choice *self, const char *name)
{
    ASSERT(self->open == CHOICE_NONE);
    text_add(fact(self, name), "{");
}

void
choice_group_end(struct choice *self)
{
    text_add(&self->facts, "}");
}

uint32_t
choice_set(struct choice *self, char prefix, const char *title, uint32_t room)
{
    ASSERT(self->set_count < CHOICE_SETS_MAX && room <= CHOICE_MEMBERS_MAX);
    self->sets[self->set_count] = (struct choice_set){.prefix = prefix, .title = title, .room = room};
    return self->set_count++;
}

uint32_t
choice_item(struct choice *self, uint32_t set, uint32_t number)
{
    struct choice_set *own = &self->sets[set];

    ASSERT(set < self->set_count && self->open == CHOICE_NONE && own->count < CHOICE_MEMBERS_MAX);
    self->open = set;
    own->begin[own->count] = self->items.size;
    own->number[own->count] = number;
    text_addf(&self->items, "{\"id\":\"%c%u\"", own->prefix, number);
    return own->count++;
}

void
choice_item_end(struct choice *self)
{
    struct choice_set *own = &self->sets[self->open];

    ASSERT(self->open < self->set_count);
    text_add(&self->items, "}");
    own->end[own->count - 1] = self->items.size;
    self->open = CHOICE_NONE;
}

/* Whether a text, as it came, looks like an attempt to give orders. */
static bool
looks_hostile(const struct choice_words *words)
{
    static const char *const operations[] = {"\"option\"", "\"target\"", "\"rationale\"", NULL};
    struct injection_counts counts = {0};

    return injection_scan(words->text, words->size, operations, &counts) != 0;
}

void
choice_quote(struct choice *self, uint32_t set, uint32_t member, const struct choice_words *words)
{
    struct choice_quote *quote = &self->quotes[self->quote_count];
    struct buffer clean = {0};

    ASSERT(self->open == CHOICE_NONE);
    if (self->quote_count == CHOICE_QUOTES_MAX)
        return;
    *quote = (struct choice_quote){.set = set, .member = member, .taint = words->taint, .withheld = words->withheld,
        .hostile = !words->withheld && looks_hostile(words), .begin = self->items.size};
    if (set == CHOICE_NONE) {
        text_add(&self->items, "{\"of\":\"note\"");
    } else {
        ASSERT(set < self->set_count && member < self->sets[set].count);
        text_addf(&self->items, "{\"of\":\"%c%u\"", self->sets[set].prefix, self->sets[set].number[member]);
    }
    if (words->withheld)
        text_add(&clean, WITHHELD);
    else
        (void)injection_clean(words->text, words->size, words->size_max, true, &clean);
    text_addf(&self->items, ",\"by\":\"%s\",\"taint\":%u,\"text\":", words->by, words->taint);
    text_add_json(&self->items, (const char *)clean.data, clean.size);
    text_add(&self->items, "}");
    buffer_fini(&clean);
    quote->end = self->items.size;
    self->quote_count++;
}

/* ---- what is asked ---- */

struct choice_question *
choice_ask(struct choice *self, const char *name, const char *doc)
{
    struct choice_question *question = &self->questions[self->question_count];

    ASSERT(self->question_count < CHOICE_QUESTIONS_MAX);
    self->question_count++;
    question->name = name;
    question->doc = doc;
    question->option_count = 0;
    return question;
}

struct choice_option *
choice_offer(struct choice_question *question, const char *name, const char *doc, bool offered)
{
    struct choice_option *option = &question->options[question->option_count];

    ASSERT(question->option_count < CHOICE_OPTIONS_MAX && (offered || question->option_count > 0));
    question->option_count++;
    option->name = name;
    option->doc = doc;
    option->offered = offered;
    option->set = CHOICE_NONE;
    option->allowed = option->argument_count = option->text_max = 0;
    return option;
}

void
choice_aim(struct choice_option *option, uint32_t set, uint32_t allowed)
{
    option->set = set;
    option->allowed = allowed;
}

void
choice_number(struct choice_option *option, const char *name, const char *unit, enum choice_kind kind, double low,
              double high)
{
    ASSERT(option->argument_count < CHOICE_ARGUMENTS_MAX && kind != CHOICE_NAME);
    option->arguments[option->argument_count++] =
        (struct choice_argument){.name = name, .unit = unit, .kind = kind, .low = low, .high = high};
}

void
choice_name(struct choice_option *option, const char *name, const char *unit, uint32_t set, uint32_t allowed)
{
    ASSERT(option->argument_count < CHOICE_ARGUMENTS_MAX);
    option->arguments[option->argument_count++] =
        (struct choice_argument){.name = name, .unit = unit, .kind = CHOICE_NAME, .set = set, .allowed = allowed};
}

/* ---- what is left of it ---- */

/* Those of some members that are kept and have a name in the schema. */
uint32_t
choice_nameable(const struct choice *self, uint32_t set, uint32_t members)
{
    const struct choice_set *own = &self->sets[set];
    uint32_t count = own->kept < own->room ? own->kept : own->room;

    return count >= 32 ? members : members & ((1u << count) - 1u);
}

bool
choice_is_offered(const struct choice *self, const struct choice_option *option)
{
    if (!option->offered || (option->set != CHOICE_NONE && choice_nameable(self, option->set, option->allowed) == 0))
        return false;
    for (uint32_t i = 0; i < option->argument_count; i++) {
        const struct choice_argument *argument = &option->arguments[i];

        if (argument->optional)
            continue;
        if (argument->kind == CHOICE_NAME ? choice_nameable(self, argument->set, argument->allowed) == 0
                                          : !(argument->low <= argument->high))
            return false;
    }
    return true;
}

bool
choice_is_open(const struct choice *self)
{
    for (uint32_t q = 0; q < self->question_count; q++)
        for (uint32_t i = 1; i < self->questions[q].option_count; i++)
            if (choice_is_offered(self, &self->questions[q].options[i]))
                return true;
    return false;
}

static bool
is_kept(const struct choice *self, uint32_t quote)
{
    const struct choice_quote *own = &self->quotes[quote];

    return quote < self->quote_kept && (own->set == CHOICE_NONE || own->member < self->sets[own->set].kept);
}

uint8_t
choice_taint(const struct choice *self)
{
    uint8_t most = 0;

    for (uint32_t i = 0; i < self->quote_kept; i++)
        if (is_kept(self, i) && !self->quotes[i].withheld && self->quotes[i].taint > most)
            most = self->quotes[i].taint;
    return most;
}

bool
choice_is_hostile(const struct choice *self)
{
    bool found = false;

    for (uint32_t i = 0; i < self->quote_kept; i++)
        found |= is_kept(self, i) && self->quotes[i].hostile;
    return found;
}

bool
choice_withholds(const struct choice *self)
{
    bool found = false;

    for (uint32_t i = 0; i < self->quote_kept; i++)
        found |= is_kept(self, i) && self->quotes[i].withheld;
    return found;
}

uint32_t
choice_quoted(const struct choice *self, uint32_t set)
{
    uint32_t members = 0;

    for (uint32_t i = 0; i < self->quote_kept; i++)
        if (is_kept(self, i) && self->quotes[i].set == set && !self->quotes[i].withheld)
            members |= 1u << self->quotes[i].member;
    return members;
}

/* ---- the user text ---- */

static void
add_names(const struct choice *self, uint32_t set, uint32_t members, struct buffer *out)
{
    const char *comma = "";

    text_add(out, "[");
    for (uint32_t i = 0; i < CHOICE_MEMBERS_MAX; i++)
        if ((members >> i & 1u) != 0) {
            text_addf(out, "%s\"%c%u\"", comma, self->sets[set].prefix, self->sets[set].number[i]);
            comma = ",";
        }
    text_add(out, "]");
}

static void
add_argument(const struct choice *self, const struct choice_argument *argument, struct buffer *out)
{
    add_key(out, argument->name);
    text_addf(out, "{\"is\":\"%s\"", argument->unit);
    if (argument->kind == CHOICE_NAME) {
        text_add(out, ",\"one_of\":");
        add_names(self, argument->set, choice_nameable(self, argument->set, argument->allowed), out);
    } else {
        text_add(out, argument->kind == CHOICE_WHOLE ? ",\"whole\":true,\"from\":" : ",\"from\":");
        add_real(out, argument->low);
        text_add(out, ",\"to\":");
        add_real(out, argument->high);
    }
    text_add(out, argument->optional ? ",\"or\":null}" : "}");
}

static void
add_option(const struct choice *self, const struct choice_option *option, struct buffer *out)
{
    add_key(out, option->name);
    text_add(out, "{");
    if (option->doc != NULL) {
        add_key(out, "does");
        text_addf(out, "\"%s\"", option->doc);
    }
    if (option->set != CHOICE_NONE) {
        add_key(out, "target");
        add_names(self, option->set, choice_nameable(self, option->set, option->allowed), out);
    }
    for (uint32_t i = 0; i < option->argument_count; i++)
        add_argument(self, &option->arguments[i], out);
    if (option->text_max > 0) {
        add_key(out, "text");
        text_addf(out, "{\"bytes\":%u}", option->text_max);
    }
    text_add(out, "}");
}

static void
add_questions(const struct choice *self, struct buffer *out)
{
    text_add(out, ",\"asked\":{");
    for (uint32_t q = 0; q < self->question_count; q++) {
        const struct choice_question *question = &self->questions[q];

        add_key(out, question->name);
        text_add(out, "{");
        if (question->doc != NULL) {
            add_key(out, "about");
            text_addf(out, "\"%s\"", question->doc);
        }
        add_key(out, "options");
        text_add(out, "{");
        for (uint32_t i = 0; i < question->option_count; i++)
            if (choice_is_offered(self, &question->options[i]))
                add_option(self, &question->options[i], out);
        text_add(out, "}}");
    }
    text_add(out, "}");
    if (self->note_max > 0)
        text_addf(out, ",\"note\":{\"is\":\"what you will remember; null: as before\",\"bytes\":%u}", self->note_max);
}

static void
write_user(const struct choice *self, struct buffer *out)
{
    const char *comma = "";

    text_add(out, "{\"task\":\"Answer every question in asked with one of its options.\",\"you\":{");
    buffer_append(out, self->facts.data, self->facts.size);
    text_add(out, "}");
    for (uint32_t s = 0; s < self->set_count; s++) {
        const struct choice_set *set = &self->sets[s];

        if (set->kept == 0)
            continue;
        text_addf(out, ",\"%s\":[", set->title);
        for (uint32_t i = 0; i < set->kept; i++) {
            text_add(out, i > 0 ? "," : "");
            buffer_append(out, self->items.data + set->begin[i], set->end[i] - set->begin[i]);
        }
        text_add(out, "]");
    }
    add_questions(self, out);
    text_add(out, ",\"data\":[");
    for (uint32_t i = 0; i < self->quote_kept; i++) {
        const struct choice_quote *quote = &self->quotes[i];

        if (!is_kept(self, i))
            continue;
        text_add(out, comma);
        buffer_append(out, self->items.data + quote->begin, quote->end - quote->begin);
        comma = ",";
    }
    text_add(out, "]}");
}

static bool
has_texts(const struct choice *self, uint32_t set)
{
    for (uint32_t i = 0; i < self->quote_kept; i++)
        if (self->quotes[i].set == set)
            return true;
    return false;
}

/* The last member of the largest set goes (`silent`: of those without texts); false when none has more than `least`. */
static bool
drop_member(struct choice *self, uint32_t least, bool silent)
{
    struct choice_set *most = NULL;

    for (uint32_t s = 0; s < self->set_count; s++)
        if (self->sets[s].kept > least && (most == NULL || self->sets[s].kept >= most->kept) &&
            !(silent && has_texts(self, s)))
            most = &self->sets[s];
    if (most == NULL)
        return false;
    most->kept--;
    return true;
}

static bool
drop_quote(struct choice *self, uint32_t least)
{
    if (self->quote_kept <= least)
        return false;
    self->quote_kept--;
    return true;
}

void
choice_close(struct choice *self, struct buffer *user)
{
    size_t start = user->size;
    bool some = true;

    ASSERT(self->open == CHOICE_NONE);
    for (uint32_t s = 0; s < self->set_count; s++)
        self->sets[s].kept = self->sets[s].count;
    self->quote_kept = self->quote_count;
    for (;;) {
        user->size = start;
        write_user(self, user);
        if (user->size - start <= CHOICE_TEXT_MAX)
            return;
        ASSERT(some);
        some = drop_member(self, CHOICE_KEEP, true) || drop_quote(self, CHOICE_KEEP) ||
            drop_member(self, CHOICE_KEEP, false) || drop_quote(self, 0) || drop_member(self, 0, false);
    }
}

/* ---- the schema ---- */

/* `"NAME":{"type":["TYPE","null"]}` */
static void
add_nullable(struct buffer *out, const char *name, const char *type)
{
    add_key(out, name);
    text_addf(out, "{\"type\":[\"%s\",\"null\"]}", type);
}

/* An enum of these names, or null. */
static void
add_enum(const struct choice *self, const char *name, const struct choice_names *names, struct buffer *out)
{
    add_key(out, name);
    text_add(out, "{\"type\":[\"string\",\"null\"],\"enum\":[");
    for (uint32_t s = 0; s < self->set_count; s++)
        for (uint32_t i = 0; i < CHOICE_MEMBERS_MAX; i++)
            if ((names->of[s] >> i & 1u) != 0)
                text_addf(out, "\"%c%u\",", self->sets[s].prefix, self->sets[s].number[i]);
    text_add(out, "null]}");
}

/* `set` CHOICE_NONE: no name. */
static void
form_add(struct choice_form *self, const char *name, const char *type, uint32_t set, uint32_t members)
{
    struct choice_form_member *member = self->members;

    while (member < self->members + self->count && strcmp(member->name, name) != 0)
        member++;
    if (member == self->members + self->count) {
        *member = (struct choice_form_member){.name = name, .type = type};
        self->count++;
    }
    ASSERT((member->type == NULL) == (type == NULL));
    if (set != CHOICE_NONE)
        member->names.of[set] |= members;
}

static void
form_add_option(const struct choice *self, const struct choice_option *option, struct choice_form *out)
{
    for (uint32_t k = 0; k < option->argument_count; k++) {
        const struct choice_argument *argument = &option->arguments[k];

        if (argument->kind == CHOICE_NAME)
            form_add(out, argument->name, NULL, argument->set, choice_nameable(self, argument->set, argument->allowed));
        else
            form_add(out, argument->name, argument->kind == CHOICE_WHOLE ? "integer" : "number", CHOICE_NONE, 0);
    }
}

void
choice_form_of(const struct choice *self, const struct choice_question *question, struct choice_form *out)
{
    bool has_text = false;

    out->count = 0;
    for (uint32_t i = 0; i < question->option_count; i++) {
        const struct choice_option *option = &question->options[i];

        if (choice_is_offered(self, option) && option->set != CHOICE_NONE)
            form_add(out, "target", NULL, option->set, choice_nameable(self, option->set, option->allowed));
    }
    for (uint32_t i = 0; i < question->option_count; i++) {
        if (!choice_is_offered(self, &question->options[i]))
            continue;
        form_add_option(self, &question->options[i], out);
        has_text |= question->options[i].text_max > 0;
    }
    if (has_text)
        form_add(out, "text", "string", CHOICE_NONE, 0);
}

static void
add_required(struct buffer *out, const char *first, const struct choice_form *form)
{
    text_addf(out, "\"required\":[\"%s\"", first);
    for (uint32_t i = 0; i < form->count; i++)
        text_addf(out, ",\"%s\"", form->members[i].name);
    text_add(out, "],");
}

static void
add_question_schema(const struct choice *self, const struct choice_question *question, struct buffer *out)
{
    struct choice_form form;

    choice_form_of(self, question, &form);
    add_key(out, question->name);
    text_add(out, "{\"type\":\"object\",\"additionalProperties\":false,");
    add_required(out, "option", &form);
    text_add(out, "\"properties\":{\"option\":{\"type\":\"string\",\"enum\":[");
    for (uint32_t i = 0; i < question->option_count; i++)
        if (choice_is_offered(self, &question->options[i]))
            text_addf(out, "%s\"%s\"", i > 0 ? "," : "", question->options[i].name);
    text_add(out, "]}");
    for (uint32_t i = 0; i < form.count; i++)
        if (form.members[i].type == NULL)
            add_enum(self, form.members[i].name, &form.members[i].names, out);
        else
            add_nullable(out, form.members[i].name, form.members[i].type);
    text_add(out, "}}");
}

void
choice_write_schema(const struct choice *self, struct buffer *out)
{
    text_add(out, "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"rationale\"");
    for (uint32_t q = 0; q < self->question_count; q++)
        text_addf(out, ",\"%s\"", self->questions[q].name);
    text_add(out, self->note_max > 0 ? ",\"confidence\",\"note\"]" : ",\"confidence\"]");
    text_add(out, ",\"properties\":{");
    add_nullable(out, "rationale", "string"); /* first: models that write in order think before they choose */
    for (uint32_t q = 0; q < self->question_count; q++)
        add_question_schema(self, &self->questions[q], out);
    add_nullable(out, "confidence", "number");
    if (self->note_max > 0)
        add_nullable(out, "note", "string");
    text_add(out, "}}");
}
