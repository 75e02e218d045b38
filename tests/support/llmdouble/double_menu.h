/* tests/support/llmdouble/double_menu.h - answers with sense to what agents ask (agents/choice.h): of every question in
 * the prompt's `asked` one of the options that it offers, with names it may be about and numbers within its bounds. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_MENU_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_MENU_H

#include "core/rng.h"
#include "core/yaml.h"
#include "tests/support/llmdouble/double_json.h"

/* Adds the answer. False, and nothing is added: the prompt asks no such questions. `weights` (may be NULL) are of
 * options by name; without one an option weighs 3, the first of a question 1. */
bool double_menu_answer(const struct double_json *prompt, const struct double_json *schema_of,
                        const struct double_json_node *schema, const struct yaml_node *weights, struct rng *rng,
                        struct buffer *out);

#endif
