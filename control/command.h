/* control/command.h - a command of the operator, declared once: its row becomes the parser, `polis help`, the manual
 * page and the shell's completion. The rows themselves stand in control/catalog.c. */
#ifndef POLIS_CONTROL_COMMAND_H
#define POLIS_CONTROL_COMMAND_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

#define POLIS_VERSION "0.1.0"

enum option_kind {
    OPTION_FLAG,   /* no value */
    OPTION_TEXT,   /* --out DIR or --out=DIR; the last one counts */
    OPTION_NUMBER, /* a whole number within low..high; the last one counts */
    OPTION_LIST,   /* as text, and every one counts, in order */
};

struct option {
    const char *name; /* "out": written --out */
    char letter;      /* 's': also written -s; 0: none */
    enum option_kind kind;
    const char *value; /* what stands for the value in help: "DIR"; NULL for a flag */
    uint64_t low, high;
    const char *doc;
};

/* What the shell offers for the words of a command. */
enum command_words { WORDS_NONE, WORDS_SCENARIO, WORDS_RUN, WORDS_RUN_OR_SCENARIO, WORDS_SWEEP, WORDS_COMMAND };

struct invocation;

struct subcommand {
    const char *name;
    const char *words; /* in help: "RUN"; "" for none */
    uint32_t word_min, word_max;
    const char *const *choices; /* what the first word may be, NULL-ended; NULL: anything */
    enum command_words completes;
    const struct option *const *options;             /* NULL-ended */
    const char *doc;                                 /* one line */
    const char *text;                                /* some paragraphs, separated by an empty line */
    bool role;                                       /* a process of the cluster: listed apart */
    int (*run)(const struct invocation *invocation); /* returns the exit status */
};

#define INVOCATION_WORDS 256u
#define INVOCATION_OPTIONS 512u

/* A command line that was understood. Lends the words of argv. */
struct invocation {
    const struct subcommand *command;
    const char *words[INVOCATION_WORDS];
    uint32_t word_count;
    struct {
        const struct option *option;
        const char *text;
        uint64_t number;
    } given[INVOCATION_OPTIONS];
    uint32_t given_count;
    bool help; /* --help was among the words: nothing else was checked */
};

/* Every command, in the order of help (control/catalog.c). */
extern const struct subcommand command_table[];
extern const uint32_t command_count;
const struct subcommand *command_find(const char *name);

/* Understands the words behind the program's name. An unknown command or option is answered with the nearest known one
 * (ERR_INVALID: exit 64). `--` ends the options. */
MUST_CHECK int command_parse(int count, char *const *words, struct invocation *out, struct why *why);

/* Reading an invocation; `name` is an option of its command. */
bool invocation_has(const struct invocation *self, const char *name);
const char *invocation_text(const struct invocation *self, const char *name, const char *otherwise);
uint64_t invocation_number(const struct invocation *self, const char *name, uint64_t otherwise);
/* The next value of a list from *cursor (start with 0), or NULL. */
const char *invocation_next(const struct invocation *self, const char *name, uint32_t *cursor);

/* `polis`, `polis help NAME`, troff for man(1), and a script for bash. */
void command_write_overview(struct buffer *out);
void command_write_help(const struct subcommand *command, struct buffer *out);
void command_write_manual(struct buffer *out);
void command_write_completion(struct buffer *out);

/* The whole program: parses, runs, returns the exit status. */
int command_main(int count, char **words);

#endif
