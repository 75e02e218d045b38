/* governance/governance.h - the scenario's `governance` section: which levers are on, in which order, with which
 * parameters. A member is a lever's name with a map of its parameters; shorter forms of the same are
 *     lever: 0.95   the value of its first parameter        lever: true, lever:   all defaults
 *     lever: false  as if it were not there                 transaction_tax_rate: 0.05   (governance_aliases)
 * The resolved form is always the map. */
#ifndef POLIS_GOVERNANCE_GOVERNANCE_H
#define POLIS_GOVERNANCE_GOVERNANCE_H

#include "core/buffer.h"
#include "core/yaml.h"
#include "governance/lever.h"

#define GOVERNANCE_LEVERS_MAX 64u

struct governance {
    const struct lever *levers[GOVERNANCE_LEVERS_MAX]; /* in the order of the scenario: REFUSAL_LEVER + place */
    void *params[GOVERNANCE_LEVERS_MAX];   /* as they are now; owned; of levers[i]->params->size bytes */
    void *declared[GOVERNANCE_LEVERS_MAX]; /* as the scenario has them; owned */
    uint32_t count;
};

/* Reads the section (NULL or null: no levers). Errors name file, line and path; ERR_UNKNOWN the nearest lever. `out`
 * is only to be _fini()ed after success. */
MUST_CHECK int governance_bind(const struct yaml_node *section, struct governance *out, struct why *why);
void governance_fini(struct governance *self);

/* Checks the `governance` section of a scenario and puts its resolved form in its place. */
MUST_CHECK int governance_resolve(struct yaml_tree *tree, struct why *why);

/* The member "governance": {...} of a JSON Schema's properties, and a chapter of the manual in Markdown. */
void governance_write_schema(struct buffer *out);
void governance_write_manual(struct buffer *out);

/* Spellings of one parameter as a member of the section; closed by a NULL name. */
struct governance_alias {
    const char *name, *lever, *param;
};
extern const struct governance_alias governance_aliases[];

/* Finds "lever.parameter" among the levers that are on: the lever's place, and the parameter. ERR_UNKNOWN. */
MUST_CHECK int governance_find(const struct governance *self, const char *path, uint32_t *place,
                               const struct param **row, struct why *why);
/* What lever `place` has to say about its parameters, were they these. The reason begins with the field's name. */
MUST_CHECK int governance_validate(
    const struct governance *self, uint32_t place, const void *params, struct why *why);

const char *governance_stage_name(enum lever_stage stage);

#endif
