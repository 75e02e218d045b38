/* governance/engine.h - the levers of one run and their state. A docket goes in, a verdict comes out: a pure function
 * of (state, docket) that advances the state, so governance is rebuilt from the logged dockets after a restart.
 *
 * Invariants:
 * 1. Dockets come in rising (step, phase) order; what is out of order or out of bounds is refused and changes nothing.
 * 2. Levers run in the order of (stage, name); an opening comes first, then actions, then interactions, by index.
 * 3. An action or interaction that one lever refuses is shown to none behind it and costs nothing.
 * 4. Parameters are part of the state: an opening may change them, first by its norms (each answered by EFFECT_NORM),
 *    then by levers that tune others, then levers act on it; what they are from then on is quoted in its verdict. */
#ifndef POLIS_GOVERNANCE_ENGINE_H
#define POLIS_GOVERNANCE_ENGINE_H

#include "core/buffer.h"
#include "core/digest.h"
#include "core/error.h"
#include "core/yaml.h"
#include "proto/sandbox.h"

#include <stdint.h>

#define ENGINE_AGENTS_MAX (1u << 24)

struct engine;

/* At genesis: the state before step 1 (and before a fork's first step, until engine_load()). `section` is the
 * scenario's governance section (NULL: no levers). */
MUST_CHECK int engine_new(
    const struct yaml_node *section, uint64_t seed, uint32_t agent_count, struct engine **out, struct why *why);
void engine_destroy(struct engine **self_p);

/* Of the newest docket; 0 at genesis. */
uint64_t engine_step(const struct engine *self);
uint32_t engine_phase(const struct engine *self);
/* A lever by its place in the scenario: number i refuses with REFUSAL_LEVER + i. */
const char *engine_lever_name(const struct engine *self, uint32_t place);

/* For a fork: takes over what `parent` has come to, step and phase as well. A lever that the
 * parent's scenario has with the same parameters keeps its state, and what its parameters were tuned to; one that is
 * new, or has others, begins anew. Both engines have the same agents. */
void engine_inherit(struct engine *self, const struct engine *parent);
/* The numbers that everybody may know under these levers, as a verdict on an opening brings them. */
void engine_quotes(const struct engine *self, double quotes[QUOTE_GOVERNANCE_END]);

/* Judges a docket (batch_read() has been done; values are checked here) and writes the verdict, with this tag, at the
 * end of `out`; `out` may be NULL when only the state matters. ERR_STATE: out of order; ERR_INVALID: its values. */
MUST_CHECK int engine_judge(struct engine *self, uint64_t step, uint32_t phase, const struct batch *docket,
    uint64_t tag, struct buffer *out, struct why *why);

/* The whole state: its digest, as bytes, and back into an engine of the same section and agent count. */
void engine_digest(const struct engine *self, uint8_t out[FOLD_SIZE]);
void engine_save(const struct engine *self, struct buffer *out);
MUST_CHECK int engine_load(struct engine *self, const void *bytes, size_t size, struct why *why);

#endif
