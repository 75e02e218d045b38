/* llm-gateway/record_inner.h - what record.c (the file) and record_form.c (the payloads) share. */
#ifndef POLIS_LLM_GATEWAY_RECORD_INNER_H
#define POLIS_LLM_GATEWAY_RECORD_INNER_H

#include "llm-gateway/record.h"

/* A text that may be kept elsewhere in the file. */
struct record_text {
    enum { RECORD_NOT_KEPT, RECORD_INLINE, RECORD_BY_HASH } where;
    const uint8_t *bytes; /* of the text, or DIGEST_SIZE bytes of its hash; lent */
    uint32_t size;
};

/* A call as it stands in the file. answer.text is not used: the text is in `text`. */
struct record_call {
    struct answer_id id;
    struct answer answer;
    struct record_text text, prompt;
};

struct record_mark_form {
    uint64_t step;
    struct record_totals totals;
    uint8_t chain[DIGEST_SIZE];
};

struct record_branch_form {
    struct answer_id id;
    uint64_t offset;
};

void record_put_header(const struct record_header *header, struct buffer *out);
void record_put_call(const struct record_call *call, struct buffer *out);
void record_put_mark(const struct record_mark_form *mark, struct buffer *out);
void record_put_branch(const struct record_branch_form *branch, struct buffer *out);

/* Each bounds the bytes with guard_check() before anything else; ERR_FORMAT or ERR_LIMIT. Texts are lent from `bytes`.
 * */
MUST_CHECK int record_get_header(const void *bytes, size_t size, struct record_header *out, struct why *why);
MUST_CHECK int record_get_call(const void *bytes, size_t size, struct record_call *out, struct why *why);
MUST_CHECK int record_get_mark(const void *bytes, size_t size, struct record_mark_form *out, struct why *why);
MUST_CHECK int record_get_branch(const void *bytes, size_t size, struct record_branch_form *out, struct why *why);

#endif
