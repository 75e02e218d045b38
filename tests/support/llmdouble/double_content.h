/* tests/support/llmdouble/double_content.h - the text of an answer, as its rule says. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_CONTENT_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_CONTENT_H

#include "tests/support/llmdouble/double_answer.h"
#include "tests/support/llmdouble/double_ask.h"
#include "tests/support/llmdouble/double_rule.h"

/* Adds to answer->text. `fault` (with its variant chosen) may be one about what is said: F18 to F26, F41, F42.
 * `scratch` is room for the prompt's JSON. Draws depend on answer->key alone. */
void double_content_write(const struct double_ask *ask, const struct double_rule *rule,
                          const struct double_fault *fault, struct double_json *scratch, struct double_answer *answer);

/* The canary word of a prompt: what follows the word "canary" in its system text or, without one, in the prompt;
 * "CANARY-0000" when there is none. */
struct double_slice double_content_canary(const struct double_ask *ask);

#endif
