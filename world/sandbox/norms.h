/* world/sandbox/norms.h - rules that agents give themselves. A post of kind POST_RULE whose text is
 * "RULE lever.parameter=value" proposes one; votes decide. When an epoch ends, the proposals behind which a quorum
 * stands (net weighted votes) are adopted, best first; they go to governance with the next opening, which applies them
 * and says whether they hold.
 *
 * 1. A post is ruled upon once, whatever its votes do later. 2. What already holds is not adopted again. 3. A parameter
 * that was changed is left alone for `cooldown_epochs`. 4. Of one parameter only the best proposal is adopted at a
 * time. */
#ifndef POLIS_WORLD_SANDBOX_NORMS_H
#define POLIS_WORLD_SANDBOX_NORMS_H

#include "core/params.h"

#include <stdbool.h>
#include <stdint.h>

#define NORMS_PENDING_MAX 16u
#define NORMS_TEXT_MAX 120u /* bytes of "lever.parameter=value" */

#define NORMS_PARAMS(P, S)                                                                                           \
    P(S, BOOL, enabled, 0, 0, 1, "", "whether agents may adopt rules for governance to apply")                       \
    P(S, F64, quorum, 0.3, 0, 1, "share", "of the agents whose net votes must stand behind a proposal")              \
    P(S, U32, max_per_epoch, 3, 1, NORMS_PENDING_MAX, "rules", "adopted at the end of an epoch at most")             \
    P(S, U32, cooldown_epochs, 1, 0, 1000000, "epochs", "in which a parameter that was changed is not changed again")
PARAMS_STRUCT(norms_params, NORMS_PARAMS)

/* Whether a post's text proposes a rule: "RULE ", a lever, a dot, a parameter, '=', a value, of [a-z0-9_.+-] without
 * blanks. `rule` gets what follows "RULE " (lent), `key_size` the bytes of it before '='. */
bool norms_parse(const char *text, uint32_t size, const char **rule, uint32_t *rule_size, uint32_t *key_size);

#endif
