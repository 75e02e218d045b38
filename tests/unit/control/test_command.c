#include "control/command.h"
#include "core/text.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

/* ---- parsing ---- */

static const struct row {
    const char *name;
    const char *words[8];
    int want;
    const char *command; /* understood as; or a part of the reason */
} rows[] = {
    {"nothing at all is help", {NULL}, 0, "help"},
    {"--help", {"--help"}, 0, "help"},
    {"--version", {"--version"}, 0, "version"},
    {"a scenario", {"run", "baseline"}, 0, "run"},
    {"options anywhere", {"run", "--seed", "7", "baseline", "--json"}, 0, "run"},
    {"value behind an equals sign", {"run", "--seed=7", "baseline"}, 0, "run"},
    {"-- ends the options", {"run", "--", "-s"}, 0, "run"},
    {"a choice", {"scenario", "list"}, 0, "scenario"},
    {"the choice of ctl stands behind the run", {"ctl", "runs/x", "pause"}, 0, "ctl"},
    {"freeze takes an agent and a number of epochs", {"ctl", "runs/x", "freeze", "3", "2"}, 0, "ctl"},
    {"a list needs no sweep", {"sweep", "--list"}, 0, "sweep"},
    {"help of a command needs nothing else", {"run", "--help"}, 0, "run"},
    {"unknown command, near", {"rnu", "x"}, ERR_INVALID, "did you mean 'polis run'?"},
    {"unknown command, far", {"xylophone"}, ERR_INVALID, "polis help lists them all"},
    {"unknown option, near", {"run", "x", "--sead", "1"}, ERR_INVALID, "did you mean '--seed'?"},
    {"unknown option with a value", {"run", "x", "--sead=1"}, ERR_INVALID, "did you mean '--seed'?"},
    {"unknown option, far", {"run", "x", "--banana"}, ERR_INVALID, "see polis help run"},
    {"an option of another command", {"replay", "x", "--seed", "1"}, ERR_INVALID, "has no option '--seed'"},
    {"unknown letter", {"run", "x", "-z"}, ERR_INVALID, "has no option '-z'"},
    {"a value is missing", {"run", "x", "--seed"}, ERR_INVALID, "--seed needs a value: --seed N"},
    {"a flag takes none", {"run", "x", "--json=yes"}, ERR_INVALID, "--json takes no value"},
    {"no number", {"run", "x", "--seed", "many"}, ERR_INVALID, "from 0 to 9007199254740991, not 'many'"},
    {"a number below its range", {"run", "x", "--workers", "0"}, ERR_INVALID, "from 1 to 1024, not '0'"},
    {"a number above its range", {"run", "x", "--workers", "1025"}, ERR_INVALID, "not '1025'"},
    {"a word is missing", {"run"}, ERR_INVALID, "polis run needs SCENARIO"},
    {"a word too many", {"run", "a", "b"}, ERR_INVALID, "one word too many, 'b'"},
    {"a wrong choice", {"scenario", "shwo"}, ERR_INVALID, "did you mean 'show'?"},
    {"a wrong verb", {"ctl", "x", "paws"}, ERR_INVALID, "did you mean 'pause'?"},
};

static int
count_words(const char *const *words)
{
    int count = 0;

    while (count < 8 && words[count] != NULL)
        count++;
    return count;
}

static void
parse(void **state)
{
    const struct row *row = *state;
    static struct invocation invocation;
    struct why why = {0};

    assert_int_equal(
        command_parse(count_words(row->words), (char *const *)(uintptr_t)row->words, &invocation, &why), row->want);
    if (row->want == 0)
        assert_string_equal(invocation.command->name, row->command);
    else if (strstr(why.text, row->command) == NULL)
        assert_string_equal(why.text, row->command);
}

static void
reads_values(void **state)
{
    char *words[] = {"run", "-s", "a=1", "--set=b=2", "-sc=3", "--seed", "1", "--seed", "2", "name", "--quiet"};
    static struct invocation invocation;
    struct why why = {0};
    uint32_t cursor = 0;

    (void)state;
    assert_int_equal(command_parse(11, words, &invocation, &why), 0);
    assert_string_equal(invocation_next(&invocation, "set", &cursor), "a=1");
    assert_string_equal(invocation_next(&invocation, "set", &cursor), "b=2");
    assert_string_equal(invocation_next(&invocation, "set", &cursor), "c=3");
    assert_null(invocation_next(&invocation, "set", &cursor));
    assert_int_equal(invocation_number(&invocation, "seed", 9), 2); /* the last one counts */
    assert_int_equal(invocation_number(&invocation, "epochs", 9), 9);
    assert_true(invocation_has(&invocation, "quiet"));
    assert_false(invocation_has(&invocation, "json"));
    assert_string_equal(invocation_text(&invocation, "out", "else"), "else");
    assert_int_equal(invocation.word_count, 1);
    assert_string_equal(invocation.words[0], "name");
}

/* ---- the table itself, and what is written from it ---- */

static const char *
terminated(struct buffer *text)
{
    buffer_append(text, "", 1);
    return (const char *)text->data;
}

static void
table_is_sound(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < command_count; i++) {
        const struct subcommand *command = &command_table[i];

        assert_ptr_equal(command_find(command->name), command); /* no name twice */
        assert_non_null(command->run);
        assert_true(strlen(command->doc) > 10 && command->doc[strlen(command->doc) - 1] == '.');
        assert_true(command->word_min <= command->word_max && command->word_max < INVOCATION_WORDS);
        assert_int_equal(command->word_max > 0, command->words[0] != '\0');
        for (uint32_t j = 0; command->options[j] != NULL; j++) {
            const struct option *option = command->options[j];

            assert_int_equal(option->kind == OPTION_FLAG, option->value == NULL);
            assert_true(option->kind != OPTION_NUMBER || option->low < option->high);
            for (uint32_t k = 0; k < j; k++) {
                assert_string_not_equal(command->options[k]->name, option->name);
                assert_true(option->letter == 0 || command->options[k]->letter != option->letter);
            }
        }
    }
}

static void
help_names_everything(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < command_count; i++) {
        struct buffer text = {0};
        const char *help;

        command_write_help(&command_table[i], &text);
        help = terminated(&text);
        assert_non_null(strstr(help, command_table[i].doc));
        for (uint32_t j = 0; command_table[i].options[j] != NULL; j++) {
            char name[64];

            snprintf(name, sizeof name, "--%s", command_table[i].options[j]->name);
            assert_non_null(strstr(help, name));
        }
        /* No line is wider than a page. */
        for (const char *line = help; *line != '\0'; line += strcspn(line, "\n") + (line[strcspn(line, "\n")] == '\n'))
            assert_true(strcspn(line, "\n") <= 110);
        buffer_fini(&text);
    }
}

static void
overview_manual_and_completion_name_every_command(void **state)
{
    static void (*const writers[])(struct buffer *) = {
        command_write_overview, command_write_manual, command_write_completion};

    (void)state;
    for (size_t w = 0; w < 3; w++) {
        struct buffer text = {0};
        const char *all;

        writers[w](&text);
        all = terminated(&text);
        for (uint32_t i = 0; i < command_count; i++) {
            char name[40] = "";

            for (const char *at = command_table[i].name; *at != '\0'; at++) /* troff has its own hyphen */
                snprintf(
                    name + strlen(name), sizeof name - strlen(name), "%s%c", *at == '-' && w == 1 ? "\\" : "", *at);
            assert_non_null(strstr(all, name));
        }
        buffer_fini(&text);
    }
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"reads values", reads_values},
        {"the table is sound", table_is_sound},
        {"help names every option", help_names_everything},
        {"overview, manual and completion name every command", overview_manual_and_completion_name_every_command},
    };

    return TEST_ROWS("command_parse", rows, parse) + TEST_CASES("command", cases);
}
