/* governance/tuning.h - changing parameters of levers while a run goes on: by another lever, or by a norm that agents
 * have adopted. Whatever is asked, a lever only ever has parameters that its scenario could have had: within their
 * bounds and past its own checks. Texts never change. */
#ifndef POLIS_GOVERNANCE_TUNING_H
#define POLIS_GOVERNANCE_TUNING_H

#include "core/buffer.h"
#include "core/digest.h"
#include "governance/governance.h"

#define TUNING_NORM_MAX 300u /* bytes of a norm */
#define TUNING_ENTRY 16u     /* bytes of a saved parameter: place, row, bits */

/* "lever.parameter" to a number: whole ones are rounded to, a switch is on when it is not 0, a choice is its number.
 * ERR_UNKNOWN, ERR_INVALID; then nothing has changed. */
MUST_CHECK int tuning_set(struct governance *law, const char *path, double value, struct why *why);
MUST_CHECK int tuning_get(const struct governance *law, const char *path, double *out, struct why *why);

/* A norm's text, "lever.parameter=value" (bytes from outside, `size` of them), the value as a scenario would have it.
 * *place is the lever's place when there is such a lever, else left alone. */
MUST_CHECK int tuning_apply_norm(
    struct governance *law, const void *text, size_t size, uint32_t *place, struct why *why);

/* Parameters that are not what the scenario says: how many; folded (nothing when there are none); as bytes at the end
 * of `out`. */
uint32_t tuning_count(const struct governance *law);
void tuning_fold(const struct governance *law, struct fold *fold);
void tuning_save(const struct governance *law, struct buffer *out);
/* Reads them back: all other parameters become what the scenario says. The bytes are all there is. */
MUST_CHECK int tuning_load(struct governance *law, const void *bytes, size_t size, struct why *why);

#endif
