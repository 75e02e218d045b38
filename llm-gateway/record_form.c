/* The payloads of the call log: written by msgpack-c's packer, read by proto/cursor after proto/guard. Flat arrays; a
 * new field goes at the end, with a new version. */
#include "llm-gateway/record_inner.h"

#include <msgpack/pack.h>
#include <string.h>

#include "core/assert.h"
#include "proto/cursor.h"

#define DEPTH_MAX 3u
#define VALUES_MAX 256u

enum { HEADER_FIELDS = 9, CALL_FIELDS = 29, ATTEMPT_FIELDS = 4, MARK_FIELDS = 5, BRANCH_FIELDS = 5 };

/* ---- writing ---- */

static int
pack_write(void *data, const char *bytes, size_t size)
{
    buffer_append(data, bytes, size);
    return 0;
}

static void
put_bin(msgpack_packer *packer, const void *bytes, size_t size)
{
    msgpack_pack_bin(packer, size);
    if (size > 0)
        msgpack_pack_bin_body(packer, bytes, size);
}

static void
put_text(msgpack_packer *packer, const char *text)
{
    msgpack_pack_str_with_body(packer, text, strlen(text));
}

static void
put_id(msgpack_packer *packer, const struct answer_id *id)
{
    msgpack_pack_uint64(packer, id->step);
    msgpack_pack_uint32(packer, id->client);
    msgpack_pack_uint32(packer, id->role);
    msgpack_pack_uint32(packer, id->ordinal);
}

/* Two fields: where, and the bytes. */
static void
put_kept(msgpack_packer *packer, const struct record_text *text)
{
    msgpack_pack_uint32(packer, text->where);
    put_bin(packer, text->bytes, text->size);
}

void
record_put_header(const struct record_header *header, struct buffer *out)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, pack_write);
    msgpack_pack_array(&packer, HEADER_FIELDS);
    msgpack_pack_uint64(&packer, header->run);
    msgpack_pack_uint64(&packer, header->seed);
    put_bin(&packer, header->scenario, DIGEST_SIZE);
    put_bin(&packer, header->roles, DIGEST_SIZE);
    put_bin(&packer, header->templates, DIGEST_SIZE);
    put_bin(&packer, header->schemas, DIGEST_SIZE);
    msgpack_pack_uint64(&packer, header->started_s);
    put_text(&packer, header->build);
    put_bin(&packer, header->parent, strlen(header->parent)); /* a path need not be UTF-8 */
}

static void
put_attempts(msgpack_packer *packer, const struct answer *answer)
{
    ASSERT(answer->attempt_count <= ANSWER_ATTEMPTS_MAX);
    msgpack_pack_array(packer, answer->attempt_count);
    for (uint32_t i = 0; i < answer->attempt_count; i++) {
        msgpack_pack_array(packer, ATTEMPT_FIELDS);
        msgpack_pack_uint32(packer, answer->attempts[i].provider);
        msgpack_pack_uint32(packer, answer->attempts[i].class);
        msgpack_pack_uint32(packer, answer->attempts[i].http_status);
        msgpack_pack_uint64(packer, answer->attempts[i].wait_ms);
    }
}

void
record_put_call(const struct record_call *call, struct buffer *out)
{
    const struct answer *answer = &call->answer;
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, pack_write);
    msgpack_pack_array(&packer, CALL_FIELDS);
    put_id(&packer, &call->id);
    put_bin(&packer, answer->key.bytes, KEY_SIZE);
    msgpack_pack_uint32(&packer, answer->entity);
    msgpack_pack_uint32(&packer, answer->status);
    msgpack_pack_uint32(&packer, answer->source);
    msgpack_pack_uint32(&packer, answer->reason);
    put_text(&packer, answer->provider);
    put_text(&packer, answer->model);
    msgpack_pack_uint32(&packer, answer->finish);
    msgpack_pack_uint32(&packer, answer->schema_ok);
    msgpack_pack_uint32(&packer, answer->repairs);
    put_kept(&packer, &call->text);
    put_kept(&packer, &call->prompt);
    msgpack_pack_uint32(&packer, answer->tokens_in);
    msgpack_pack_uint32(&packer, answer->tokens_out);
    msgpack_pack_uint32(&packer, answer->tokens_cached);
    msgpack_pack_int64(&packer, answer->cost);
    msgpack_pack_int64(&packer, answer->paid);
    msgpack_pack_int64(&packer, answer->reserved_tokens);
    msgpack_pack_int64(&packer, answer->reserved_cost);
    msgpack_pack_uint32(&packer, answer->http_status);
    msgpack_pack_uint64(&packer, answer->queue_us);
    msgpack_pack_uint64(&packer, answer->provider_us);
    put_attempts(&packer, answer);
}

void
record_put_mark(const struct record_mark_form *mark, struct buffer *out)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, pack_write);
    msgpack_pack_array(&packer, MARK_FIELDS);
    msgpack_pack_uint64(&packer, mark->step);
    msgpack_pack_uint64(&packer, mark->totals.calls);
    msgpack_pack_uint64(&packer, mark->totals.tokens);
    msgpack_pack_int64(&packer, mark->totals.cost);
    put_bin(&packer, mark->chain, DIGEST_SIZE);
}

void
record_put_branch(const struct record_branch_form *branch, struct buffer *out)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, pack_write);
    msgpack_pack_array(&packer, BRANCH_FIELDS);
    put_id(&packer, &branch->id);
    msgpack_pack_uint64(&packer, branch->offset);
}

/* ---- reading ---- */

static bool
get_u32(struct cursor *cursor, uint64_t max, uint32_t *out)
{
    uint64_t number;

    if (!cursor_u64(cursor, &number))
        return false;
    if (number > max) {
        cursor->failed = fail(cursor->why, ERR_FORMAT, "a number at offset %zu is out of its range", cursor->offset);
        return false;
    }
    *out = (uint32_t)number;
    return true;
}

static bool
get_hash(struct cursor *cursor, void *out, uint32_t wanted)
{
    const uint8_t *bytes;
    uint32_t size;

    if (!cursor_bin(cursor, &bytes, &size))
        return false;
    if (size != wanted) {
        cursor->failed = fail(cursor->why, ERR_FORMAT, "a hash at offset %zu has another length", cursor->offset);
        return false;
    }
    memcpy(out, bytes, size);
    return true;
}

static bool
get_text(struct cursor *cursor, char *out, uint32_t out_size)
{
    const char *text;
    uint32_t size;

    if (!cursor_text(cursor, &text, &size))
        return false;
    if (size >= out_size || memchr(text, 0, size) != NULL) {
        cursor->failed = fail(cursor->why, ERR_FORMAT, "a text at offset %zu does not fit", cursor->offset);
        return false;
    }
    memcpy(out, text, size);
    out[size] = '\0';
    return true;
}

static bool
get_count(struct cursor *cursor, uint32_t wanted)
{
    uint32_t count;

    if (!cursor_array(cursor, &count))
        return false;
    if (count != wanted)
        cursor->failed =
            fail(cursor->why, ERR_FORMAT, "%u fields where %u should be", (unsigned)count, (unsigned)wanted);
    return count == wanted;
}

static bool
get_id(struct cursor *cursor, struct answer_id *out)
{
    if (!cursor_u64(cursor, &out->step) || !get_u32(cursor, ANSWER_CLIENT_MAX, &out->client) ||
        !get_u32(cursor, ANSWER_ROLE_MAX, &out->role) || !get_u32(cursor, UINT32_MAX, &out->ordinal))
        return false;
    if (out->step > ANSWER_STEP_MAX)
        cursor->failed = fail(cursor->why, ERR_FORMAT, "a step is out of its range");
    return out->step <= ANSWER_STEP_MAX;
}

static bool
get_kept(struct cursor *cursor, struct record_text *out)
{
    uint32_t where;

    if (!get_u32(cursor, RECORD_BY_HASH, &where) || !cursor_bin(cursor, &out->bytes, &out->size))
        return false;
    out->where = where;
    if ((out->where == RECORD_BY_HASH && out->size != DIGEST_SIZE) ||
        (out->where == RECORD_INLINE && out->size > RECORD_INLINE_MAX) ||
        (out->where == RECORD_NOT_KEPT && out->size > 0)) {
        cursor->failed = fail(cursor->why, ERR_FORMAT, "a text at offset %zu has a wrong length", cursor->offset);
        return false;
    }
    return true;
}

/* Starts on bytes that guard_check() has passed. */
static int
begin(struct cursor *cursor, const void *bytes, size_t size, struct why *why)
{
    int error = guard_check(bytes, size, DEPTH_MAX, VALUES_MAX, why);

    if (error == 0)
        cursor_init(cursor, bytes, size, why);
    return error;
}

/* Refuses what is behind the last field. */
static int
finish(struct cursor *cursor, bool whole, struct why *why)
{
    if (whole && cursor_end(cursor))
        return 0;
    return cursor->failed != 0 ? cursor->failed : fail(why, ERR_FORMAT, "bytes behind the last field");
}

int
record_get_header(const void *bytes, size_t size, struct record_header *out, struct why *why)
{
    struct cursor cursor;
    const uint8_t *parent = NULL;
    uint32_t parent_size = 0;
    int error = begin(&cursor, bytes, size, why);
    bool whole;

    memset(out, 0, sizeof *out);
    if (error != 0)
        return error;
    whole = get_count(&cursor, HEADER_FIELDS) && cursor_u64(&cursor, &out->run) && cursor_u64(&cursor, &out->seed) &&
        get_hash(&cursor, out->scenario, DIGEST_SIZE) && get_hash(&cursor, out->roles, DIGEST_SIZE) &&
        get_hash(&cursor, out->templates, DIGEST_SIZE) && get_hash(&cursor, out->schemas, DIGEST_SIZE) &&
        cursor_u64(&cursor, &out->started_s) && get_text(&cursor, out->build, sizeof out->build) &&
        cursor_bin(&cursor, &parent, &parent_size);
    if ((error = finish(&cursor, whole, why)) != 0)
        return error;
    if (parent_size >= sizeof out->parent || (parent_size > 0 && memchr(parent, 0, parent_size) != NULL))
        return fail(why, ERR_FORMAT, "the parent's path does not fit");
    if (parent_size > 0)
        memcpy(out->parent, parent, parent_size);
    return 0;
}

static bool
get_attempts(struct cursor *cursor, struct answer *out)
{
    if (!cursor_array(cursor, &out->attempt_count))
        return false;
    if (out->attempt_count > ANSWER_ATTEMPTS_MAX) {
        cursor->failed = fail(cursor->why, ERR_FORMAT, "more attempts than there can be");
        return false;
    }
    for (uint32_t i = 0; i < out->attempt_count; i++)
        if (!get_count(cursor, ATTEMPT_FIELDS) || !get_u32(cursor, UINT32_MAX, &out->attempts[i].provider) ||
            !get_u32(cursor, UINT32_MAX, &out->attempts[i].class) ||
            !get_u32(cursor, UINT32_MAX, &out->attempts[i].http_status) ||
            !cursor_u64(cursor, &out->attempts[i].wait_ms))
            return false;
    return true;
}

/* Money and tokens are never negative in a log. */
static bool
get_amount(struct cursor *cursor, int64_t *out)
{
    if (!cursor_i64(cursor, out))
        return false;
    if (*out < 0)
        cursor->failed = fail(cursor->why, ERR_FORMAT, "an amount at offset %zu is negative", cursor->offset);
    return *out >= 0;
}

int
record_get_call(const void *bytes, size_t size, struct record_call *out, struct why *why)
{
    struct answer *answer = &out->answer;
    struct cursor at;
    int error = begin(&at, bytes, size, why);
    bool whole;

    memset(out, 0, sizeof *out);
    if (error != 0)
        return error;
    whole = get_count(&at, CALL_FIELDS) && get_id(&at, &out->id) && get_hash(&at, answer->key.bytes, KEY_SIZE) &&
        get_u32(&at, UINT32_MAX, &answer->entity) && get_u32(&at, ANSWER_STATUS_COUNT - 1, &answer->status) &&
        get_u32(&at, ANSWER_SOURCE_COUNT - 1, &answer->source) && get_u32(&at, UINT32_MAX, &answer->reason) &&
        get_text(&at, answer->provider, sizeof answer->provider) &&
        get_text(&at, answer->model, sizeof answer->model) && get_u32(&at, UINT32_MAX, &answer->finish) &&
        get_u32(&at, UINT32_MAX, &answer->schema_ok) && get_u32(&at, UINT32_MAX, &answer->repairs) &&
        get_kept(&at, &out->text) && get_kept(&at, &out->prompt) && get_u32(&at, UINT32_MAX, &answer->tokens_in) &&
        get_u32(&at, UINT32_MAX, &answer->tokens_out) && get_u32(&at, UINT32_MAX, &answer->tokens_cached) &&
        get_amount(&at, &answer->cost) && get_amount(&at, &answer->paid) &&
        get_amount(&at, &answer->reserved_tokens) && get_amount(&at, &answer->reserved_cost) &&
        get_u32(&at, UINT32_MAX, &answer->http_status) && cursor_u64(&at, &answer->queue_us) &&
        cursor_u64(&at, &answer->provider_us) && get_attempts(&at, answer);
    return finish(&at, whole, why);
}

int
record_get_mark(const void *bytes, size_t size, struct record_mark_form *out, struct why *why)
{
    struct cursor at;
    int error = begin(&at, bytes, size, why);
    bool whole;

    memset(out, 0, sizeof *out);
    if (error != 0)
        return error;
    whole = get_count(&at, MARK_FIELDS) && cursor_u64(&at, &out->step) && cursor_u64(&at, &out->totals.calls) &&
        cursor_u64(&at, &out->totals.tokens) && get_amount(&at, &out->totals.cost) &&
        get_hash(&at, out->chain, DIGEST_SIZE);
    return finish(&at, whole, why);
}

int
record_get_branch(const void *bytes, size_t size, struct record_branch_form *out, struct why *why)
{
    struct cursor at;
    int error = begin(&at, bytes, size, why);
    bool whole;

    memset(out, 0, sizeof *out);
    if (error != 0)
        return error;
    whole = get_count(&at, BRANCH_FIELDS) && get_id(&at, &out->id) && cursor_u64(&at, &out->offset);
    return finish(&at, whole, why);
}
