/* How an answer to a choice is read: strictly, and as a whole. */
#include "agents/choice_inner.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

void
choice_answer_fini(struct choice_answer *self)
{
    buffer_fini(&self->texts);
    *self = (struct choice_answer){0};
}

/* A text of the answer, cut to `max` bytes; its place in `texts`. */
static void
keep_text(struct buffer *texts, const json_t *value, size_t max, size_t *begin, size_t *end)
{
    const char *text = json_string_value(value);

    *begin = texts->size;
    buffer_append(texts, text, text_cut(text, json_string_length(value), max));
    *end = texts->size;
}

/* P7 of a set: its index, or CHOICE_NONE for what is no name of this set. */
static uint32_t
member_of(const struct choice *self, uint32_t set, const char *name)
{
    char alias[16];

    for (uint32_t i = 0; i < self->sets[set].count; i++) {
        snprintf(alias, sizeof alias, "%c%u", self->sets[set].prefix, self->sets[set].number[i]);
        if (strcmp(alias, name) == 0)
            return i;
    }
    return CHOICE_NONE;
}

static int
read_name(const struct choice *self, const json_t *value, uint32_t set, uint32_t allowed, const char *what,
          uint32_t *out, struct why *why)
{
    if (!json_is_string(value))
        return fail(why, ERR_FORMAT, "%s: it names nothing", what);
    *out = member_of(self, set, json_string_value(value));
    if (*out == CHOICE_NONE || (choice_nameable(self, set, allowed) >> *out & 1u) == 0)
        return fail(why, ERR_DENIED, "%s: it names what was not offered", what);
    return 0;
}

static int
read_argument(const struct choice *self, const json_t *object, const struct choice_argument *argument,
              struct choice_value *out, struct why *why)
{
    const json_t *value = json_object_get(object, argument->name);
    double number;

    *out = (struct choice_value){.name = CHOICE_NONE};
    if ((value == NULL || json_is_null(value)) && argument->optional)
        return 0;
    out->given = true;
    if (argument->kind == CHOICE_NAME)
        return read_name(self, value, argument->set, argument->allowed, argument->name, &out->name, why);
    if (!json_is_number(value))
        return fail(why, ERR_FORMAT, "%s: it gives no number", argument->name);
    number = json_number_value(value);
    if (!(number >= argument->low && number <= argument->high))
        return fail(why, ERR_DENIED, "%s: the number is out of bounds", argument->name);
    if (argument->kind == CHOICE_WHOLE && floor(number) != number)
        return fail(why, ERR_DENIED, "%s: it is no whole number", argument->name);
    out->number = number;
    return 0;
}

static bool
has_type(const json_t *value, const char *type)
{
    if (json_is_null(value))
        return true;
    return type == NULL || strcmp(type, "string") == 0 ? json_is_string(value) : json_is_number(value);
}

/* Every member of an object is one that was asked for, and of its type. What may be null may be missing. */
static int
check_form(const json_t *object, const struct choice_form *form, struct why *why)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        uint32_t i = 0;

        if (strcmp(key, "option") == 0)
            continue;
        while (i < form->count && strcmp(form->members[i].name, key) != 0)
            i++;
        if (i == form->count)
            return fail(why, ERR_FORMAT, "it has a member that was not asked for");
        if (!has_type(value, form->members[i].type))
            return fail(why, ERR_FORMAT, "%s is of another type", form->members[i].name);
    }
    return 0;
}

static int
find_option(const struct choice *self, const struct choice_question *question, const json_t *value, uint32_t *out,
            struct why *why)
{
    if (!json_is_string(value))
        return fail(why, ERR_FORMAT, "%s: it names no option", question->name);
    for (uint32_t i = 0; i < question->option_count; i++)
        if (strcmp(question->options[i].name, json_string_value(value)) == 0 &&
            choice_is_offered(self, &question->options[i])) {
            *out = i;
            return 0;
        }
    return fail(why, ERR_DENIED, "%s: the option was not offered", question->name);
}

static int
read_pick(const struct choice *self, const struct choice_question *question, const json_t *object,
          struct choice_answer *answer, struct choice_pick *out, struct why *why)
{
    const struct choice_option *option;
    const json_t *text;
    struct choice_form form;
    int code;

    *out = (struct choice_pick){.target = CHOICE_NONE};
    if (!json_is_object(object))
        return fail(why, ERR_FORMAT, "%s: there is no answer", question->name);
    choice_form_of(self, question, &form);
    code = check_form(object, &form, why);
    if (code == 0)
        code = find_option(self, question, json_object_get(object, "option"), &out->option, why);
    if (code != 0)
        return code;
    option = &question->options[out->option];
    if (option->set != CHOICE_NONE)
        code = read_name(self, json_object_get(object, "target"), option->set, option->allowed, option->name,
                         &out->target, why);
    for (uint32_t i = 0; i < option->argument_count && code == 0; i++)
        code = read_argument(self, object, &option->arguments[i], &out->values[i], why);
    if (code != 0 || option->text_max == 0)
        return code;
    text = json_object_get(object, "text");
    if (json_string_length(text) == 0)
        return fail(why, ERR_FORMAT, "%s: it gives no text", option->name);
    keep_text(&answer->texts, text, option->text_max, &out->text_begin, &out->text_end);
    return 0;
}

/* What stands beside the questions. */
static int
read_rest(const struct choice *self, const json_t *root, struct choice_answer *out, struct why *why)
{
    const json_t *note = self->note_max > 0 ? json_object_get(root, "note") : NULL;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)root, key, value) {
        uint32_t q = 0;

        while (q < self->question_count && strcmp(self->questions[q].name, key) != 0)
            q++;
        if (q < self->question_count)
            continue;
        if (strcmp(key, "rationale") != 0 && strcmp(key, "confidence") != 0 && value != note)
            return fail(why, ERR_FORMAT, "it has a member that was not asked for");
        if (!has_type(value, strcmp(key, "confidence") == 0 ? "number" : "string"))
            return fail(why, ERR_FORMAT, "one of rationale, confidence and note is of another type");
    }
    value = json_object_get(root, "confidence");
    if (json_is_number(value) && json_number_value(value) >= 0.0 && json_number_value(value) <= 1.0)
        out->confidence = json_number_value(value);
    if (json_is_string(note)) {
        out->has_note = true;
        keep_text(&out->texts, note, self->note_max, &out->note_begin, &out->note_end);
    }
    return 0;
}

int
choice_read(const struct choice *self, const char *text, size_t size, struct choice_answer *out, struct why *why)
{
    json_error_t error;
    json_t *root;
    int code = 0;

    buffer_clear(&out->texts);
    out->confidence = 0.5;
    out->has_note = false;
    out->note_begin = out->note_end = 0;
    if (size > CHOICE_ANSWER_MAX)
        return fail(why, ERR_FORMAT, "an answer of %zu bytes, more than %u", size, CHOICE_ANSWER_MAX);
    root = json_loadb(text == NULL ? "" : text, size, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        json_decref(root);
        return fail(why, ERR_FORMAT, "the answer is no JSON object");
    }
    for (uint32_t q = 0; q < self->question_count && code == 0; q++)
        code = read_pick(self, &self->questions[q], json_object_get(root, self->questions[q].name), out,
                         &out->picks[q], why);
    if (code == 0)
        code = read_rest(self, root, out, why);
    json_decref(root);
    return code;
}
