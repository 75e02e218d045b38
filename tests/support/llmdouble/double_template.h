/* tests/support/llmdouble/double_template.h - texts with places to fill: ${model}, ${number} (the how manyeth request
 * with this body), ${key} (16 hexadecimal digits), ${prompt}, ${system}, ${prompt json} and ${system json} (escaped as
 * inside a JSON string), ${integer 1 9} and ${pick red|green|blue} (drawn), and $$ for a dollar sign. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_TEMPLATE_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_TEMPLATE_H

#include "core/rng.h"
#include "core/yaml.h"
#include "tests/support/llmdouble/double_answer.h"
#include "tests/support/llmdouble/double_ask.h"

MUST_CHECK int double_template_check(const struct yaml_node *node, const char *text, struct why *why);
/* `text` has passed double_template_check(). Draws come from `rng`. */
void double_template_fill(struct double_slice text, const struct double_ask *ask, const struct double_answer *answer,
                          struct rng *rng, struct buffer *out);

#endif
