#include "control/command.h"

#include "control/talk.h"
#include "core/assert.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

const struct subcommand *
command_find(const char *name)
{
    for (uint32_t i = 0; i < command_count; i++)
        if (strcmp(command_table[i].name, name) == 0)
            return &command_table[i];
    return NULL;
}

/* ---- parsing ---- */

static const struct option *
find_option(const struct subcommand *command, const char *name, size_t size)
{
    for (uint32_t i = 0; command->options[i] != NULL; i++)
        if (strlen(command->options[i]->name) == size && memcmp(command->options[i]->name, name, size) == 0)
            return command->options[i];
    return NULL;
}

static int
unknown_option(const struct subcommand *command, const char *word, struct why *why)
{
    char name[64];
    struct text_nearest nearest = {.name = name};
    const char *begin = word + strspn(word, "-");
    size_t size = strcspn(begin, "=");

    snprintf(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : sizeof name - 1), begin);
    text_nearest_offer(&nearest, "help");
    for (uint32_t i = 0; command->options[i] != NULL; i++)
        text_nearest_offer(&nearest, command->options[i]->name);
    if (nearest.best != NULL)
        return fail(why, ERR_INVALID, "polis %s has no option '%.60s'; did you mean '--%s'?", command->name, word,
            nearest.best);
    return fail(
        why, ERR_INVALID, "polis %s has no option '%.60s'; see polis help %s", command->name, word, command->name);
}

static int
unknown_command(const char *word, struct why *why)
{
    struct text_nearest nearest = {.name = word};

    for (uint32_t i = 0; i < command_count; i++)
        text_nearest_offer(&nearest, command_table[i].name);
    if (nearest.best != NULL)
        return fail(why, ERR_INVALID, "no command '%.60s'; did you mean 'polis %s'?", word, nearest.best);
    return fail(why, ERR_INVALID, "no command '%.60s'; polis help lists them all", word);
}

static int
take_value(struct invocation *self, const struct option *option, const char *text, struct why *why)
{
    int64_t number = 0;

    if (self->given_count == INVOCATION_OPTIONS)
        return fail(why, ERR_INVALID, "more than %u options", INVOCATION_OPTIONS);
    if (option->kind == OPTION_NUMBER && (text_parse_integer(text, &number, NULL) != 0 || number < 0 ||
                                             (uint64_t)number < option->low || (uint64_t)number > option->high))
        return fail(why, ERR_INVALID, "--%s takes a whole number from %llu to %llu, not '%.60s'", option->name,
            (unsigned long long)option->low, (unsigned long long)option->high, text);
    self->given[self->given_count].option = option;
    self->given[self->given_count].text = text;
    self->given[self->given_count].number = (uint64_t)number;
    self->given_count++;
    return 0;
}

/* One option at words[*at]; moves *at past a value that stands apart. */
static int
parse_option(struct invocation *self, int count, char *const *words, int *at, struct why *why)
{
    const char *word = words[*at];
    const struct option *option = NULL;
    const char *value = NULL;

    if (word[1] == '-') {
        size_t size = strcspn(word + 2, "=");

        option = find_option(self->command, word + 2, size);
        value = word[2 + size] == '=' ? word + 2 + size + 1 : NULL;
    } else {
        for (uint32_t i = 0; self->command->options[i] != NULL; i++)
            if (self->command->options[i]->letter == word[1])
                option = self->command->options[i];
        value = word[2] != '\0' ? word + 2 : NULL;
    }
    if (option == NULL)
        return unknown_option(self->command, word, why);
    if (option->kind == OPTION_FLAG && value != NULL)
        return fail(why, ERR_INVALID, "--%s takes no value ('%.60s')", option->name, word);
    if (option->kind != OPTION_FLAG && value == NULL) {
        if (*at + 1 >= count)
            return fail(why, ERR_INVALID, "--%s needs a value: --%s %s", option->name, option->name, option->value);
        value = words[++*at];
    }
    return take_value(self, option, value, why);
}

static int
check_choice(const struct subcommand *command, const char *word, struct why *why)
{
    struct text_nearest nearest = {.name = word};
    char known[200] = "";

    for (uint32_t i = 0; command->choices[i] != NULL; i++) {
        size_t used = strlen(known);

        if (strcmp(command->choices[i], word) == 0)
            return 0;
        text_nearest_offer(&nearest, command->choices[i]);
        snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", command->choices[i]);
    }
    if (nearest.best != NULL)
        return fail(why, ERR_INVALID, "polis %s: '%.60s' is none of %s; did you mean '%s'?", command->name, word, known,
            nearest.best);
    return fail(why, ERR_INVALID, "polis %s: '%.60s' is none of %s", command->name, word, known);
}

static int
check_words(const struct invocation *self, uint32_t choice_at, struct why *why)
{
    const struct subcommand *command = self->command;

    if (self->word_count < command->word_min)
        return fail(why, ERR_INVALID, "polis %s needs %s: polis %s %s", command->name, command->words, command->name,
            command->words);
    if (self->word_count > command->word_max)
        return fail(
            why, ERR_INVALID, "polis %s: one word too many, '%.60s'", command->name, self->words[command->word_max]);
    if (command->choices != NULL && self->word_count > choice_at)
        return check_choice(command, self->words[choice_at], why);
    return 0;
}

static bool
asks_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int
command_parse(int count, char *const *words, struct invocation *out, struct why *why)
{
    bool options = true;

    memset(out, 0, sizeof *out);
    if (count < 1 || asks_help(words[0])) {
        out->command = command_find("help");
        return 0;
    }
    out->command = command_find(strcmp(words[0], "--version") == 0 ? "version" : words[0]);
    if (out->command == NULL)
        return unknown_command(words[0], why);
    for (int i = 1; i < count; i++) {
        int error;

        if (options && asks_help(words[i])) {
            out->help = true;
            return 0;
        }
        if (options && strcmp(words[i], "--") == 0) {
            options = false;
        } else if (options && words[i][0] == '-' && words[i][1] != '\0') {
            if ((error = parse_option(out, count, words, &i, why)) != 0)
                return error;
        } else if (out->word_count < INVOCATION_WORDS) {
            out->words[out->word_count++] = words[i];
        } else {
            return fail(why, ERR_INVALID, "more than %u words", INVOCATION_WORDS);
        }
    }
    /* Commands about a run name it first and say then what to do with it. */
    return check_words(out, out->command->completes == WORDS_RUN ? 1 : 0, why);
}

/* ---- reading ---- */

static const struct option *
own_option(const struct invocation *self, const char *name)
{
    const struct option *option = find_option(self->command, name, strlen(name));

    ASSERT(option != NULL);
    return option;
}

static uint32_t
last_given(const struct invocation *self, const char *name)
{
    const struct option *option = own_option(self, name);
    uint32_t i = self->given_count;

    while (i > 0 && self->given[i - 1].option != option)
        i--;
    return i;
}

bool
invocation_has(const struct invocation *self, const char *name)
{
    return last_given(self, name) > 0;
}

const char *
invocation_text(const struct invocation *self, const char *name, const char *otherwise)
{
    uint32_t i = last_given(self, name);

    return i > 0 ? self->given[i - 1].text : otherwise;
}

uint64_t
invocation_number(const struct invocation *self, const char *name, uint64_t otherwise)
{
    uint32_t i = last_given(self, name);

    return i > 0 ? self->given[i - 1].number : otherwise;
}

const char *
invocation_next(const struct invocation *self, const char *name, uint32_t *cursor)
{
    const struct option *option = own_option(self, name);

    while (*cursor < self->given_count) {
        uint32_t i = (*cursor)++;

        if (self->given[i].option == option)
            return self->given[i].text;
    }
    return NULL;
}

/* ---- the program ---- */

int
command_main(int count, char **words)
{
    struct invocation invocation;
    struct why why = {0};
    struct buffer text = {0};

    if (command_parse(count - 1, words + 1, &invocation, &why) != 0) {
        talk_error("%s", why.text);
        return EX_USAGE;
    }
    if (invocation.help) {
        command_write_help(invocation.command, &text);
        return talk_give(&text);
    }
    return invocation.command->run(&invocation);
}
