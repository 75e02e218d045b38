/* llm-gateway/record.h - the call log: what every call of a run was answered, so that the run can be repeated without
 * any model. One file, append-only:
 *
 *     "POLISLLM", version u32, size u32, XXH3-64 of the payload u64, payload: the header
 *     size u32, kind u32, XXH3-64 of kind and payload u64, payload       again and again
 *
 * Numbers little-endian, payloads MessagePack. Kinds: a call; a text, which calls name by its BLAKE2b-256 (answers over
 * RECORD_INLINE_MAX bytes, prompts), each once; the mark at the end of a step, with BLAKE2b-256 of all bytes before it;
 * where a branch left its parent. Nothing of the file reaches a reader before its size, its checksum and proto/guard
 * have passed it.
 *
 * Invariants:
 * 1. A call is written before its answer leaves: the caller writes first. record_flush() makes all of it durable.
 * 2. An id (step, client, role, ordinal) is answered in a log at most once. A call that was cancelled may be there
 *    before: it is not an answer, and what it may have cost counts.
 * 3. What a crash tore at the end is cut off at the next opening, up to the last whole record. Bytes that are damaged
 *    before a whole mark were durable once: that is no tear, and the file is refused. */
#ifndef POLIS_LLM_GATEWAY_RECORD_H
#define POLIS_LLM_GATEWAY_RECORD_H

#include "core/buffer.h"
#include "core/digest.h"
#include "core/error.h"
#include "llm-gateway/answer.h"

#include <stdbool.h>
#include <stdint.h>

#define RECORD_FILE "calls.log"
#define RECORD_VERSION 1u
#define RECORD_HEAD 16u           /* bytes in front of a record's payload */
#define RECORD_PAYLOAD_MAX (1u << 20)
#define RECORD_INLINE_MAX 4096u
#define RECORD_PATH_SIZE 1024u

enum record_kind { RECORD_CALL = 1, RECORD_TEXT = 2, RECORD_MARK = 3, RECORD_BRANCH = 4 };

struct record_header {
    uint64_t run, seed;
    uint8_t scenario[DIGEST_SIZE], roles[DIGEST_SIZE], templates[DIGEST_SIZE], schemas[DIGEST_SIZE];
    uint64_t started_s;            /* Unix time, for people only */
    char build[64];
    char parent[RECORD_PATH_SIZE]; /* the log that a branch branches off; else empty */
};

/* What a run had spent when a step ended. */
struct record_totals {
    uint64_t calls, tokens;
    int64_t cost;
};

struct record;

/* Makes a new log; ERR_STATE when there is one. */
MUST_CHECK int record_create(
    const char *path, const struct record_header *header, struct record **out, struct why *why);
/* Opens one, to read it (a torn end is skipped) or to go on with it (a torn end is cut off). */
MUST_CHECK int record_open(const char *path, bool to_append, struct record **out, struct why *why);
void record_close(struct record **self_p);

const struct record_header *record_header(const struct record *self);
uint32_t record_count(const struct record *self);       /* calls */
uint64_t record_size(const struct record *self);        /* whole bytes of the file */
uint64_t record_torn_size(const struct record *self);   /* bytes that were cut off or skipped when it was opened */
/* The last mark; false when there is none. */
bool record_last_mark(const struct record *self, uint64_t *step, struct record_totals *out);

/* Adds a call; `prompt` (may be NULL) is stored beside it. ERR_STATE for an id that is there already. After ERR_IO or
 * ERR_FULL the file is as it was before. */
MUST_CHECK int record_add(struct record *self, const struct answer_id *id, const struct answer *answer,
    const struct key_text *prompt, struct why *why);
MUST_CHECK int record_mark(
    struct record *self, uint64_t step, const struct record_totals *totals, struct why *why);
/* From this call on a branch is on its own; `offset` is where its parent has the call it differs from, or its end. */
MUST_CHECK int record_branch(struct record *self, const struct answer_id *id, uint64_t offset, struct why *why);
MUST_CHECK int record_flush(struct record *self, struct why *why);

/* Call number *out < record_count(), in the order of the log. By key: the first whole answer to it (OK or REPAIRED),
 * without one the first of any status. */
bool record_find(const struct record *self, const struct answer_id *id, uint32_t *out);
bool record_find_key(const struct record *self, const struct key *key, uint32_t *out);
/* The record of a call begins here in the file. */
uint64_t record_offset(const struct record *self, uint32_t number);
/* The branch point, when the log has one. */
bool record_find_branch(const struct record *self, struct answer_id *id, uint64_t *offset);

/* Reads a call; its text lies in `room` (cleared first). `prompt` (may be NULL) gets the prompt's bytes, or nothing
 * when none was stored. */
MUST_CHECK int record_read(const struct record *self, uint32_t number, struct answer_id *id, struct answer *out,
    struct buffer *room, struct buffer *prompt, struct why *why);

#endif
