/* proto/models.h - what agents ask language models, and what they are told: one batch for a chunk of agents, through
 * the llm-gateway. What several of a chunk ask alike (a frame: role, template and system text; a shape: the schema of
 * the answer) stands in the batch once. */
#ifndef POLIS_PROTO_MODELS_H
#define POLIS_PROTO_MODELS_H

#include "proto/columns.h"

#define MODELS_PLACE_MAX 65535u /* of an agent in its group, and of a phase in its step: who asks more is refused */

/* clang-format off */
/* ---- questions. The envelope has step, phase and chunk; flags: the slot, which is the client whose budget counts.
 * PROMPT_SPAN has one element. ---- */
enum {
    PROMPT_ROW, PROMPT_FRAME, PROMPT_SPAN, PROMPT_USER, PROMPT_FALLBACK, PROMPT_ROLE, PROMPT_TEMPLATE, PROMPT_SYSTEM,
    PROMPT_SHAPE, PROMPT_SCHEMA, PROMPT_AXES
};
#define PROMPT_COLUMNS(C)                                                                                        \
    C(PROMPT, place,         U32, PROMPT_ROW, 0, 0, MODELS_PLACE_MAX, "place of the asker in its group: rising; budgets are given out in this order") \
    C(PROMPT, entity,        U32, PROMPT_ROW, 0, 0, 1e9, "who decides")                                          \
    C(PROMPT, seed,          U64, PROMPT_ROW, 0, 0, 1.8446744073709552e19, "for the model's sampling")           \
    C(PROMPT, frame,         U16, PROMPT_ROW, 0, 0, 65535, "index of its frame")                                 \
    C(PROMPT, shape,         U16, PROMPT_ROW, 0, 0, 65535, "index of the shape of its answer")                   \
    C(PROMPT, taint,         U8,  PROMPT_ROW, 0, 0, 255, "highest taint of what is quoted in it")                \
    C(PROMPT, users,         OFFSETS, PROMPT_ROW, PROMPT_USER, 0, 0, "the question: instructions, then data")    \
    C(PROMPT, user,          U8,  PROMPT_USER, 0, 0, 255, "UTF-8")                                               \
    C(PROMPT, fallbacks,     OFFSETS, PROMPT_ROW, PROMPT_FALLBACK, 0, 0, "a ready answer by the asker's own rules; may be empty") \
    C(PROMPT, fallback,      U8,  PROMPT_FALLBACK, 0, 0, 255, "UTF-8")                                           \
    C(PROMPT, roles,         OFFSETS, PROMPT_FRAME, PROMPT_ROLE, 0, 0, "row of the scenario's table of roles")   \
    C(PROMPT, role,          U8,  PROMPT_ROLE, 0, 0, 255, "swarm.worker")                                        \
    C(PROMPT, template_hash, U32, PROMPT_FRAME, 0, 0, 4294967295.0, "low 32 bits of the XXH3-64 of the template's text") \
    C(PROMPT, template_version, U32, PROMPT_FRAME, 0, 0, 1e6, "of the template")                                 \
    C(PROMPT, templates,     OFFSETS, PROMPT_FRAME, PROMPT_TEMPLATE, 0, 0, "name of the template")               \
    C(PROMPT, template,      U8,  PROMPT_TEMPLATE, 0, 0, 255, "UTF-8")                                           \
    C(PROMPT, systems,       OFFSETS, PROMPT_FRAME, PROMPT_SYSTEM, 0, 0, "the system text; at most 8192 bytes")  \
    C(PROMPT, system,        U8,  PROMPT_SYSTEM, 0, 0, 255, "UTF-8")                                             \
    C(PROMPT, schemas,       OFFSETS, PROMPT_SHAPE, PROMPT_SCHEMA, 0, 0, "JSON Schema of the answer; empty: free text") \
    C(PROMPT, schema,        U8,  PROMPT_SCHEMA, 0, 0, 255, "UTF-8")                                             \
    C(PROMPT, rows,          U32, PROMPT_SPAN, 0, 0, MODELS_PLACE_MAX + 1, "the chunk covers places first to first + rows - 1, also of those who ask nothing")
enum { PROMPT_COLUMNS(COLUMN_ENUM) PROMPT_COUNT };
extern const struct schema schema_prompt;

/* ---- answers to a whole chunk, in the order of its questions; the tag is the XXH3-64 of their payload ---- */
enum models_status {
    MODELS_OK,          /* a whole answer that fits its schema */
    MODELS_REPAIRED,    /* one whose form had to be mended */
    MODELS_FALLBACK,    /* nobody of the chain gave a fit answer */
    MODELS_REFUSED,     /* the model would not */
    MODELS_INVALID,     /* the question itself was not acceptable */
    MODELS_BUDGET,      /* no budget left */
    MODELS_TIMEOUT,     /* the deadline passed */
    MODELS_UNAVAILABLE, /* nobody of the chain could be asked */
    MODELS_MISS,        /* a replay has no such call */
    MODELS_CANCELLED,
    MODELS_STATUSES
};
enum { COMPLETION_ROW, COMPLETION_TEXT, COMPLETION_AXES };
#define COMPLETION_COLUMNS(C)                                                                                    \
    C(COMPLETION, place,      U32, COMPLETION_ROW, 0, 0, MODELS_PLACE_MAX, "as asked")                           \
    C(COMPLETION, status,     U8,  COMPLETION_ROW, 0, 0, MODELS_STATUSES - 1, "enum models_status: from fallback on the asker's own rules decide") \
    C(COMPLETION, source,     U8,  COMPLETION_ROW, 0, 0, 4, "live, cache, joined, replay, rules")                \
    C(COMPLETION, digest,     U64, COMPLETION_ROW, 0, 0, 1.8446744073709552e19, "first 8 bytes of the text's BLAKE2b-256; 0: no text") \
    C(COMPLETION, tokens_in,  U32, COMPLETION_ROW, 0, 0, 4294967295.0, "tokens")                                 \
    C(COMPLETION, tokens_out, U32, COMPLETION_ROW, 0, 0, 4294967295.0, "tokens")                                 \
    C(COMPLETION, texts,      OFFSETS, COMPLETION_ROW, COMPLETION_TEXT, 0, 0, "the answer; of a fallback the ready one") \
    C(COMPLETION, text,       U8,  COMPLETION_TEXT, 0, 0, 255, "UTF-8")
enum { COMPLETION_COLUMNS(COLUMN_ENUM) COMPLETION_COUNT };
extern const struct schema schema_completion;
/* clang-format on */

#endif
