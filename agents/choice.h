/* agents/choice.h - what a mind outside is asked, and what it may answer. A choice is built from what an agent
 * observes: facts, things that can be named (P1, P2, A1 ..), texts of others, and questions with options. It becomes
 * the user text of a prompt and a JSON Schema of the answer; and it reads the answer. What was not offered cannot be
 * wanted: an answer with an option, a name or a number that is not among the offered ones is refused as a whole,
 * nothing is mended or clamped.
 *
 * 1. The user text is one line of JSON: {"task", "you": facts, a list for each set, "asked": questions, "data": texts
 *    of others}. Words of others stand nowhere but in `data`, cleaned and escaped, each with its author and taint.
 * 2. It has at most CHOICE_TEXT_MAX bytes. Where there is more, things go in this order, each time the last one first:
 *    members of the set that has most of those without texts (the last set of equals), while it has more than
 *    CHOICE_KEEP; texts but the first CHOICE_KEEP; members of any set while it has more than CHOICE_KEEP; the texts
 *    that are left; the members that are left. A member that goes takes its text with it and is no longer offered.
 * 3. The schema is in the subset that all providers enforce (llm-gateway/schema.h). It holds the options that are
 *    offered and the names that they may be about, and no others.
 * 4. Of an option that was chosen, the arguments of the other options mean nothing and are not looked at. */
#ifndef POLIS_AGENTS_CHOICE_H
#define POLIS_AGENTS_CHOICE_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHOICE_TEXT_MAX 6000u
#define CHOICE_ANSWER_MAX 65536u /* bytes of an answer that are read at all */
#define CHOICE_KEEP 3u
#define CHOICE_SETS_MAX 8u
#define CHOICE_MEMBERS_MAX 32u   /* of a set: who is allowed is a bit each */
#define CHOICE_QUOTES_MAX 40u
#define CHOICE_QUESTIONS_MAX 8u
#define CHOICE_OPTIONS_MAX 20u
#define CHOICE_ARGUMENTS_MAX 4u
#define CHOICE_NONE UINT32_MAX

enum choice_kind { CHOICE_REAL, CHOICE_WHOLE, CHOICE_NAME };

/* Names and docs are lent for as long as the choice is used; they are the house's own words, without quotes. */
struct choice_argument {
    const char *name, *unit;
    enum choice_kind kind;
    bool optional;
    double low, high;      /* both allowed */
    uint32_t set, allowed; /* CHOICE_NAME */
};

struct choice_option {
    const char *name, *doc; /* doc NULL: as told before */
    bool offered;
    uint32_t set, allowed;  /* what it may be about: a bit for each member; set CHOICE_NONE: nothing */
    struct choice_argument arguments[CHOICE_ARGUMENTS_MAX];
    uint32_t argument_count;
    uint32_t text_max;      /* bytes of the text that it must come with; 0: none */
};

struct choice_question {
    const char *name, *doc;
    struct choice_option options[CHOICE_OPTIONS_MAX]; /* the first one needs nothing and is always offered */
    uint32_t option_count;
};

struct choice_set {
    char prefix;
    const char *title;
    uint32_t room;        /* members that can be named, from the first; 0: they are only shown */
    uint32_t number[CHOICE_MEMBERS_MAX]; /* what stands behind the prefix in their names */
    uint32_t count, kept; /* members; and how many of them, from the first, fit into the text */
    size_t begin[CHOICE_MEMBERS_MAX], end[CHOICE_MEMBERS_MAX]; /* in `items` */
};

struct choice_quote {
    uint32_t set, member; /* whose text it is; set CHOICE_NONE: the asker's own note */
    uint8_t taint;
    bool hostile, withheld;
    size_t begin, end; /* in `items` */
};

/* Start from {0}; choice_begin() makes it empty again and keeps the room; ends with choice_fini(). */
struct choice {
    struct buffer facts, items;
    struct choice_set sets[CHOICE_SETS_MAX];
    struct choice_quote quotes[CHOICE_QUOTES_MAX];
    struct choice_question questions[CHOICE_QUESTIONS_MAX];
    uint32_t set_count, quote_count, quote_kept, question_count;
    uint32_t open; /* set of the member that facts go to; CHOICE_NONE: they are about the asker */
    uint32_t note_max;
};
void choice_fini(struct choice *self);
/* `note_max`: bytes of notes that the asker may keep; 0: it is not asked for any. */
void choice_begin(struct choice *self, uint32_t note_max);

/* ---- what is known ---- */

/* About the asker, or about the member that was begun last and not ended. What is no finite number is null. */
void choice_real(struct choice *self, const char *name, double value);
void choice_whole(struct choice *self, const char *name, int64_t value);
void choice_money(struct choice *self, const char *name, int64_t millionths); /* in tokens, exact */
void choice_word(struct choice *self, const char *name, const char *word);
/* Facts about the asker that stand together, under one name. */
void choice_group(struct choice *self, const char *name);
void choice_group_end(struct choice *self);

uint32_t choice_set(struct choice *self, char prefix, const char *title, uint32_t room);
/* A member of a set that has less than CHOICE_MEMBERS_MAX and none of this number; returns its index. Its name is
 * prefix and number. */
uint32_t choice_item(struct choice *self, uint32_t set, uint32_t number);
void choice_item_end(struct choice *self);

/* A text that somebody else wrote, of a member (`set` CHOICE_NONE: the asker's own note). `by`: the author's alias.
 * At most `size_max` bytes are quoted. Texts that are withheld say only that. Beyond CHOICE_QUOTES_MAX none is
 * added. */
struct choice_words {
    const char *text;
    size_t size, size_max;
    const char *by;
    uint8_t taint;
    bool withheld;
};
void choice_quote(struct choice *self, uint32_t set, uint32_t member, const struct choice_words *words);

/* ---- what is asked ---- */

struct choice_question *choice_ask(struct choice *self, const char *name, const char *doc);
/* Returned pointers are valid until the next choice_begin(). */
struct choice_option *choice_offer(struct choice_question *question, const char *name, const char *doc, bool offered);
void choice_aim(struct choice_option *option, uint32_t set, uint32_t allowed);
void choice_number(struct choice_option *option, const char *name, const char *unit, enum choice_kind kind, double low,
                   double high);
void choice_name(struct choice_option *option, const char *name, const char *unit, uint32_t set, uint32_t allowed);

/* ---- what it becomes ---- */

/* Cuts it down to what fits and adds the user text. Everything else below is of what is left. ASSERT: that the facts
 * and questions without members and texts fit, which is up to the caller's own words. */
void choice_close(struct choice *self, struct buffer *user);
bool choice_is_offered(const struct choice *self, const struct choice_option *option);
/* Whether there is any option but the first in any question. */
bool choice_is_open(const struct choice *self);
/* The highest taint of the texts that are quoted, those withheld aside; and whether any looks like an order, or is
 * withheld. */
uint8_t choice_taint(const struct choice *self);
bool choice_is_hostile(const struct choice *self);
bool choice_withholds(const struct choice *self);
/* Members of a set whose texts are quoted, those withheld aside: a bit each. */
uint32_t choice_quoted(const struct choice *self, uint32_t set);
void choice_write_schema(const struct choice *self, struct buffer *out);

/* ---- what is answered ---- */

struct choice_pick {
    uint32_t option;
    uint32_t target; /* member of the option's set; CHOICE_NONE: it is about nothing */
    struct choice_value {
        bool given;
        double number; /* CHOICE_REAL, CHOICE_WHOLE */
        uint32_t name; /* CHOICE_NAME: member of the argument's set */
    } values[CHOICE_ARGUMENTS_MAX];
    size_t text_begin, text_end; /* in `texts`: UTF-8, no zero bytes, cut to the limit between characters */
};

/* Start from {0}; may be read into again and again; ends with choice_answer_fini(). */
struct choice_answer {
    struct choice_pick picks[CHOICE_QUESTIONS_MAX];
    double confidence; /* 0.5 when it said none, or none within 0 .. 1 */
    bool has_note;
    size_t note_begin, note_end; /* in `texts`, cut to note_max */
    struct buffer texts;
};
void choice_answer_fini(struct choice_answer *self);

/* Reads an answer to a closed choice. ERR_FORMAT: it has not the form that was asked for, or lacks what its option
 * needs. ERR_DENIED: it names an option, a member or a number that it was not offered. `out` makes sense only after
 * 0. */
MUST_CHECK int choice_read(
    const struct choice *self, const char *text, size_t size, struct choice_answer *out, struct why *why);

#endif
