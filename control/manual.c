/* What a person reads of the table of commands: help, the manual page, the shell's completion. */
#include "control/command.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>

#define HELP_WIDTH 100u

/* Adds `text` broken into lines of HELP_WIDTH, each behind `indent` spaces; an empty line in it stays one. */
static void
add_wrapped(struct buffer *out, const char *text, uint32_t indent, uint32_t column)
{
    while (*text != '\0') {
        size_t word = strcspn(text, " \n");

        if (column > indent && column + 1 + word > HELP_WIDTH) {
            text_add(out, "\n");
            column = 0;
        } else if (column > indent && word > 0) {
            text_add(out, " ");
            column++;
        }
        if (word > 0 && column < indent) {
            text_addf(out, "%*s", (int)(indent - column), "");
            column = indent;
        }
        buffer_append(out, text, word);
        column += (uint32_t)word;
        text += word;
        if (strncmp(text, "\n\n", 2) == 0) {
            text_add(out, "\n\n");
            column = 0;
        }
        text += strspn(text, " \n");
    }
    text_add(out, "\n");
}

static void
option_label(const struct option *option, char *out, size_t size)
{
    char letter[5] = "";

    if (option->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    snprintf(out, size, "%s--%s%s%s%s", letter, option->name, option->value != NULL ? " " : "",
        option->value != NULL ? option->value : "", option->kind == OPTION_LIST ? " ..." : "");
}

static void
add_row(struct buffer *out, const char *label, uint32_t width, const char *doc)
{
    text_addf(out, "  %-*s", (int)width, label);
    if (strlen(label) >= width)
        text_add(out, "  ");
    add_wrapped(out, doc, width + 2, strlen(label) >= width ? (uint32_t)strlen(label) + 4 : width + 2);
}

void
command_write_overview(struct buffer *out)
{
    text_add(out, "Polis runs economies of many agents as a cluster of processes.\n\n"
                  "  polis run baseline              the first run: 20 agents, some seconds\n"
                  "  polis scenario list             what else there is\n"
                  "  polis help COMMAND              options and examples of one command\n\n");
    for (int roles = 0; roles < 2; roles++) {
        text_add(out, roles == 0 ? "Commands\n" : "\nProcesses of a run (started by polis run)\n");
        for (uint32_t i = 0; i < command_count; i++)
            if (command_table[i].role == (roles == 1))
                add_row(out, command_table[i].name, 12, command_table[i].doc);
    }
    text_add(out,
        "\nData goes to stdout, talk to stderr. Exit status as in sysexits(3); 75: interrupted, go on with polis "
        "resume.\n");
}

static void
write_synopsis(const struct subcommand *command, struct buffer *out)
{
    text_addf(out, "polis %s%s%s%s", command->name, command->words[0] != '\0' ? " " : "", command->words,
        command->options[0] != NULL ? " [options]" : "");
}

void
command_write_help(const struct subcommand *command, struct buffer *out)
{
    char label[80];

    text_addf(out, "%s\n\n  ", command->doc);
    write_synopsis(command, out);
    text_add(out, "\n");
    if (command->text != NULL) {
        text_add(out, "\n");
        add_wrapped(out, command->text, 0, 0);
    }
    if (command->options[0] != NULL)
        text_add(out, "\nOptions\n");
    for (uint32_t i = 0; command->options[i] != NULL; i++) {
        option_label(command->options[i], label, sizeof label);
        add_row(out, label, 26, command->options[i]->doc);
    }
}

/* troff: a leading dot or quote would be a request, a backslash an escape, a hyphen could be broken. */
static void
add_troff(struct buffer *out, const char *text)
{
    bool line_start = true;

    for (; *text != '\0'; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            text_add(out, "\\&");
        line_start = *text == '\n';
        if (strncmp(text, "\n\n", 2) == 0) {
            text_add(out, "\n.PP\n");
            text++;
        } else if (*text == '\\') {
            text_add(out, "\\e");
        } else if (*text == '-') {
            text_add(out, "\\-");
        } else {
            buffer_append(out, text, 1);
        }
    }
}

static void
write_manual_command(const struct subcommand *command, struct buffer *out)
{
    struct buffer line = {0};
    char label[80];

    write_synopsis(command, &line);
    buffer_append(&line, "", 1);
    text_add(out, ".SS \"");
    add_troff(out, (const char *)line.data);
    text_add(out, "\"\n");
    buffer_fini(&line);
    add_troff(out, command->doc);
    text_add(out, "\n");
    if (command->text != NULL) {
        text_add(out, ".PP\n");
        add_troff(out, command->text);
        text_add(out, "\n");
    }
    for (uint32_t i = 0; command->options[i] != NULL; i++) {
        option_label(command->options[i], label, sizeof label);
        text_add(out, ".TP\n.B ");
        add_troff(out, label);
        text_add(out, "\n");
        add_troff(out, command->options[i]->doc);
        text_add(out, "\n");
    }
}

void
command_write_manual(struct buffer *out)
{
    text_add(out, ".TH POLIS 1\n.SH NAME\npolis \\- runs economies of many agents as a cluster of processes\n"
                  ".SH SYNOPSIS\n.B polis\n.I command\n[options]\n.SH COMMANDS\n");
    for (uint32_t i = 0; i < command_count; i++)
        write_manual_command(&command_table[i], out);
    text_add(out,
        ".SH EXIT STATUS\nAs in sysexits(3): 0 all is well, 1 a comparison or check did not hold, 64 usage, 65 a "
        "wrong scenario or log, 66 no such input, 69 something is not available, 70 a fault of the program, 72 a "
        "log whose digests do not hold, 73 the output cannot be made, 74 input or output failed, 75 interrupted "
        "(go on with polis resume), 77 denied, 78 another version.\n");
    text_add(out,
        ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nNo colours.\n.TP\n.B POLIS_SCENARIOS\nA folder of scenarios that is "
        "looked into before the usual ones.\n.TP\n.B POLIS_SWEEPS\nThe same for sweeps.\n"
        ".TP\n.B POLIS_PROMPTS\nThe same for templates of what models are told.\n"
        ".TP\n.B XDG_RUNTIME_DIR\nWhere sockets are made.\n");
}

static void
write_completion_options(const struct subcommand *command, struct buffer *out)
{
    for (uint32_t i = 0; command->options[i] != NULL; i++)
        text_addf(out, " --%s", command->options[i]->name);
    text_add(out, " --help");
}

void
command_write_completion(struct buffer *out)
{
    static const char *const offers[] = {
        [WORDS_SCENARIO] = "polis scenario list --names 2>/dev/null",
        [WORDS_RUN] = "compgen -d -- \"$word\"; compgen -d runs/",
        [WORDS_RUN_OR_SCENARIO] =
            "polis scenario list --names 2>/dev/null; compgen -d -- \"$word\"; compgen -d runs/",
        [WORDS_SWEEP] = "polis sweep --names 2>/dev/null",
        [WORDS_COMMAND] = NULL,
    };

    text_add(out,
        "# bash completion for polis: polis help --completion > ~/.local/share/bash-completion/completions/polis\n"
        "_polis() {\n    local word=${COMP_WORDS[COMP_CWORD]} options='' words=''\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        COMPREPLY=($(compgen -W '");
    for (uint32_t i = 0; i < command_count; i++)
        text_addf(out, "%s%s", i > 0 ? " " : "", command_table[i].name);
    text_add(out, "' -- \"$word\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n");
    for (uint32_t i = 0; i < command_count; i++) {
        const struct subcommand *command = &command_table[i];

        text_addf(out, "    %s) options='", command->name);
        write_completion_options(command, out);
        text_add(out, "'");
        if (offers[command->completes] != NULL)
            text_addf(out, "; words=$(%s)", offers[command->completes]);
        if (command->completes == WORDS_COMMAND) {
            text_add(out, "; words='");
            for (uint32_t j = 0; j < command_count; j++)
                text_addf(out, "%s%s", j > 0 ? " " : "", command_table[j].name);
            text_add(out, "'");
        }
        if (command->choices != NULL) {
            text_add(out, "; words=\"$words");
            for (uint32_t j = 0; command->choices[j] != NULL; j++)
                text_addf(out, " %s", command->choices[j]);
            text_add(out, "\"");
        }
        text_add(out, " ;;\n");
    }
    text_add(out, "    esac\n    case ${COMP_WORDS[COMP_CWORD-1]} in\n"
                  "    --resume) words=$(compgen -d -- \"$word\"; compgen -d sweeps/) ;;\n"
                  "    --keep) words='none failed all' ;;\n"
                  "    -f|--format) words='csv jsonl canonical' ;;\n"
                  "    -t|--table) words=$(polis export --tables 2>/dev/null | cut -d: -f1) ;;\n"
                  "    esac\n    case $word in\n    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
                  "    *) COMPREPLY=($(compgen -W \"$words\" -- \"$word\")"
                  " $(compgen -f -- \"$word\")) ;;\n    esac\n}\ncomplete -o filenames -F _polis polis\n");
}
