/* agents/choice_inner.h - what the files of a choice share: choice.c (how it is put), choice_answer.c (how an answer is
 * read). */
#ifndef POLIS_AGENTS_CHOICE_INNER_H
#define POLIS_AGENTS_CHOICE_INNER_H

#include "agents/choice.h"

/* Members of sets, a bit each. */
struct choice_names {
    uint32_t of[CHOICE_SETS_MAX];
};

/* The members of a question's answer: what the options that are offered can say. By name, so that two options may share
 * an argument. */
struct choice_form {
    struct choice_form_member {
        const char *name;
        const char *type; /* NULL: one of `names` */
        struct choice_names names;
    } members[CHOICE_OPTIONS_MAX * CHOICE_ARGUMENTS_MAX + 2];
    uint32_t count;
};

void choice_form_of(
    const struct choice *self, const struct choice_question *question, struct choice_form *out);

/* Those of some members that are kept and can be named. */
uint32_t choice_nameable(const struct choice *self, uint32_t set, uint32_t members);

#endif
