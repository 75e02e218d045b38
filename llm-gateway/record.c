#include "llm-gateway/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/bytes.h"
#include "core/text.h"
#include "llm-gateway/key_map.h"
#include "llm-gateway/record_inner.h"

static const char magic[8] = {'P', 'O', 'L', 'I', 'S', 'L', 'L', 'M'};

#define FILE_HEAD 24u /* magic, version, size, checksum */
#define MARK_SIZE_MAX 128u

/* What is known of a call without reading it. */
struct call {
    uint64_t offset;
    uint32_t size; /* of the payload */
    uint32_t status;
};

struct text {
    uint8_t hash[DIGEST_SIZE];
    uint64_t offset; /* of the payload */
    uint32_t size;
};

struct record {
    int file;
    bool to_append;
    char path[RECORD_PATH_SIZE];
    struct record_header header;
    uint64_t size, torn_size;
    struct digest chain; /* over the whole records so far */
    struct key_map ids, keys, text_places;
    struct buffer calls, texts; /* of struct call and struct text */
    bool has_mark, has_branch;
    struct record_mark_form mark;
    struct record_branch_form branch;
};

static struct call *
call_at(const struct record *self, uint32_t number)
{
    return &((struct call *)(void *)self->calls.data)[number];
}

static struct text *
text_at(const struct record *self, uint32_t number)
{
    return &((struct text *)(void *)self->texts.data)[number];
}

/* ---- the file ---- */

static int
fail_file(struct why *why, int number, const struct record *self, const char *what)
{
    int code = number == ENOENT ? ERR_MISSING : number == ENOSPC || number == EDQUOT ? ERR_FULL : ERR_IO;

    return fail_errno(why, code, number, "%s: %s", self->path, what);
}

static int
read_at(const struct record *self, uint64_t offset, void *out, size_t size, struct why *why)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got = pread(self->file, (char *)out + done, size - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_file(why, errno, self, "cannot be read");
        if (got == 0)
            return fail(why, ERR_FORMAT, "%s: ends at byte %" PRIu64, self->path, offset + done);
        done += (size_t)got;
    }
    return 0;
}

/* All of it behind the last whole record, or nothing. */
static int
append(struct record *self, const struct buffer *bytes, struct why *why)
{
    size_t done = 0;

    while (done < bytes->size) {
        ssize_t put = pwrite(self->file, bytes->data + done, bytes->size - done, (off_t)(self->size + done));
        int number = errno;

        if (put < 0 && number == EINTR)
            continue;
        if (put < 0) {
            if (ftruncate(self->file, (off_t)self->size) != 0)
                return fail_file(why, errno, self, "cannot be written, nor be cut back");
            return fail_file(why, number, self, "cannot be written");
        }
        done += (size_t)put;
    }
    self->size += bytes->size;
    digest_bytes(&self->chain, bytes->data, bytes->size);
    return 0;
}

int
record_flush(struct record *self, struct why *why)
{
    ASSERT(self->to_append);
    return fdatasync(self->file) == 0 ? 0 : fail_file(why, errno, self, "cannot be made durable");
}

static uint64_t
checksum(uint32_t kind, const void *payload, size_t size)
{
    uint8_t bytes[8];

    bytes_put_u32(bytes, (uint32_t)size);
    bytes_put_u32(bytes + 4, kind);
    return digest_xxh3(bytes, sizeof bytes) ^ digest_xxh3(payload, size);
}

/* Puts a record's head in front of the payload that was added to `out` from `start` + RECORD_HEAD on. */
static void
seal(struct buffer *out, size_t start, uint32_t kind)
{
    size_t size = out->size - start - RECORD_HEAD;
    uint8_t *head = out->data + start;

    ASSERT(size <= RECORD_PAYLOAD_MAX);
    bytes_put_u32(head, (uint32_t)size);
    bytes_put_u32(head + 4, kind);
    bytes_put_u64(head + 8, checksum(kind, head + RECORD_HEAD, size));
}

/* ---- what is where ---- */

static void
note_call(struct record *self, const struct record_call *form, uint64_t offset, uint32_t size)
{
    struct key id = answer_id_key(&form->id);
    uint32_t number = record_count(self), older;
    struct call *call = buffer_extend(&self->calls, sizeof *call);
    bool whole = form->answer.status == ANSWER_OK || form->answer.status == ANSWER_REPAIRED;

    *call = (struct call){.offset = offset, .size = size, .status = form->answer.status};
    key_map_put(&self->ids, &id, number);
    if (!key_map_find(&self->keys, &form->answer.key, &older) ||
        (whole && call_at(self, older)->status != ANSWER_OK && call_at(self, older)->status != ANSWER_REPAIRED))
        key_map_put(&self->keys, &form->answer.key, number);
}

/* A call that was taken back (the process ended, the step was left undone) may be made again. */
static bool
is_answered(const struct record *self, const struct answer_id *id)
{
    struct key key = answer_id_key(id);
    uint32_t number;

    return key_map_find(&self->ids, &key, &number) && call_at(self, number)->status != ANSWER_CANCELLED;
}

static struct key
text_key(const uint8_t hash[DIGEST_SIZE])
{
    struct key key;

    memcpy(key.bytes, hash, KEY_SIZE);
    return key;
}

static void
note_text(struct record *self, const uint8_t hash[DIGEST_SIZE], uint64_t offset, uint32_t size)
{
    struct key key = text_key(hash);
    uint32_t number = (uint32_t)(self->texts.size / sizeof(struct text));
    struct text *text = buffer_extend(&self->texts, sizeof *text);

    *text = (struct text){.offset = offset, .size = size};
    memcpy(text->hash, hash, DIGEST_SIZE);
    key_map_put(&self->text_places, &key, number);
}

static bool
find_text(const struct record *self, const uint8_t hash[DIGEST_SIZE], uint32_t *number)
{
    struct key key = text_key(hash);

    return key_map_find(&self->text_places, &key, number) &&
        memcmp(text_at(self, *number)->hash, hash, DIGEST_SIZE) == 0;
}

/* ---- reading a whole log ---- */

static int
note_mark(struct record *self, const void *payload, size_t size, struct why *why)
{
    struct digest chain = self->chain;
    uint8_t so_far[DIGEST_SIZE];
    int error = record_get_mark(payload, size, &self->mark, why);

    if (error != 0)
        return error;
    digest_end(&chain, so_far);
    if (memcmp(so_far, self->mark.chain, DIGEST_SIZE) != 0)
        return fail(why, ERR_DIGEST, "the mark of step %" PRIu64 " does not fit what is before it", self->mark.step);
    self->has_mark = true;
    return 0;
}

static int
note_record(struct record *self, uint32_t kind, uint64_t offset, const uint8_t *payload, uint32_t size, struct why *why)
{
    struct record_call call;
    uint8_t hash[DIGEST_SIZE];
    uint32_t number;
    int error;

    switch (kind) {
    case RECORD_CALL:
        if ((error = record_get_call(payload, size, &call, why)) != 0)
            return error;
        if (is_answered(self, &call.id))
            return fail(why, ERR_FORMAT, "a call is there twice");
        if ((call.text.where == RECORD_BY_HASH && !find_text(self, call.text.bytes, &number)) ||
            (call.prompt.where == RECORD_BY_HASH && !find_text(self, call.prompt.bytes, &number)))
            return fail(why, ERR_MISSING, "a call names a text that is not there");
        note_call(self, &call, offset, size);
        return 0;
    case RECORD_TEXT:
        digest_of(payload, size, hash);
        note_text(self, hash, offset + RECORD_HEAD, size);
        return 0;
    case RECORD_MARK: return note_mark(self, payload, size, why);
    case RECORD_BRANCH:
        self->has_branch = true;
        return record_get_branch(payload, size, &self->branch, why);
    default: return fail(why, ERR_VERSION, "a record of kind %" PRIu32 " is not known here", kind);
    }
}

/* Reads the record at `offset` into `room`, whole and with the right checksum. False: there is none. */
static bool
read_record(const struct record *self, uint64_t offset, uint64_t end, struct buffer *room)
{
    struct why ignored = {0};
    uint8_t head[RECORD_HEAD];
    uint32_t size;

    if (end - offset < RECORD_HEAD || read_at(self, offset, head, sizeof head, &ignored) != 0)
        return false;
    size = bytes_get_u32(head);
    if (size > RECORD_PAYLOAD_MAX || size > end - offset - RECORD_HEAD)
        return false;
    buffer_clear(room);
    buffer_append(room, head, sizeof head);
    if (read_at(self, offset + RECORD_HEAD, buffer_extend(room, size), size, &ignored) != 0)
        return false;
    return checksum(bytes_get_u32(head + 4), room->data + RECORD_HEAD, size) == bytes_get_u64(head + 8);
}

/* Is there a whole mark anywhere behind `offset`? Then what is before it was durable. */
static bool
mark_follows(const struct record *self, uint64_t offset, uint64_t end)
{
    enum { BLOCK = 1 << 16 };
    struct buffer block = {0}, room = {0};
    struct why ignored = {0};
    bool found = false;

    buffer_reserve(&block, BLOCK);
    while (!found && end - offset >= RECORD_HEAD) {
        size_t size = end - offset < BLOCK ? (size_t)(end - offset) : BLOCK;

        if (read_at(self, offset, block.data, size, &ignored) != 0)
            break;
        for (size_t i = 0; i + 8 <= size && !found; i++)
            found = bytes_get_u32(block.data + i + 4) == RECORD_MARK &&
                bytes_get_u32(block.data + i) <= MARK_SIZE_MAX && read_record(self, offset + i, end, &room);
        offset += size < BLOCK ? size : BLOCK - 7; /* a head may lie across the border */
    }
    buffer_fini(&block);
    buffer_fini(&room);
    return found;
}

static int
read_head(struct record *self, uint64_t end, struct why *why)
{
    uint8_t head[FILE_HEAD];
    struct buffer payload = {0};
    uint32_t size;
    int error;

    if (end < FILE_HEAD)
        return fail(why, ERR_FORMAT, "%s: too short for a call log", self->path);
    if ((error = read_at(self, 0, head, sizeof head, why)) != 0)
        return error;
    if (memcmp(head, magic, sizeof magic) != 0)
        return fail(why, ERR_FORMAT, "%s: is no call log", self->path);
    if (bytes_get_u32(head + 8) != RECORD_VERSION)
        return fail(why, ERR_VERSION, "%s: is of version %" PRIu32 ", not %u", self->path, bytes_get_u32(head + 8),
            RECORD_VERSION);
    size = bytes_get_u32(head + 12);
    if (size > RECORD_PAYLOAD_MAX || size > end - FILE_HEAD)
        return fail(why, ERR_FORMAT, "%s: its header is cut off", self->path);
    error = read_at(self, FILE_HEAD, buffer_extend(&payload, size), size, why);
    if (error == 0 && digest_xxh3(payload.data, size) != bytes_get_u64(head + 16))
        error = fail(why, ERR_DIGEST, "%s: its header is damaged", self->path);
    if (error == 0 && (error = record_get_header(payload.data, size, &self->header, why)) != 0)
        error = fail_prefix(why, "%s", self->path);
    if (error == 0) {
        digest_bytes(&self->chain, head, sizeof head);
        digest_bytes(&self->chain, payload.data, size);
        self->size = FILE_HEAD + size;
    }
    buffer_fini(&payload);
    return error;
}

static int
read_all(struct record *self, uint64_t end, struct why *why)
{
    struct buffer room = {0};
    int error = read_head(self, end, why);

    while (error == 0 && self->size < end) {
        if (!read_record(self, self->size, end, &room)) {
            if (mark_follows(self, self->size + 1, end))
                error = fail(why, ERR_DIGEST, "%s: damaged at byte %" PRIu64 ", before a mark", self->path, self->size);
            break;
        }
        error = note_record(self, bytes_get_u32(room.data + 4), self->size, room.data + RECORD_HEAD,
            (uint32_t)(room.size - RECORD_HEAD), why);
        if (error != 0) {
            error = fail_prefix(why, "%s: byte %" PRIu64, self->path, self->size);
            break;
        }
        digest_bytes(&self->chain, room.data, room.size);
        self->size += room.size;
    }
    self->torn_size = error == 0 ? end - self->size : 0;
    buffer_fini(&room);
    return error;
}

/* ---- opening ---- */

static struct record *
record_new(const char *path, bool to_append)
{
    struct record *self = ALLOC(struct record);

    (void)text_copy(self->path, sizeof self->path, path);
    self->file = -1;
    self->to_append = to_append;
    digest_init(&self->chain);
    return self;
}

void
record_close(struct record **self_p)
{
    struct record *self = *self_p;

    if (self == NULL)
        return;
    if (self->file >= 0)
        close(self->file);
    key_map_fini(&self->ids);
    key_map_fini(&self->keys);
    key_map_fini(&self->text_places);
    buffer_fini(&self->calls);
    buffer_fini(&self->texts);
    free(self);
    *self_p = NULL;
}

/* A new name is durable when its folder is. */
static int
flush_folder(const struct record *self, struct why *why)
{
    char copy[RECORD_PATH_SIZE];
    int folder, error = 0;

    (void)text_copy(copy, sizeof copy, self->path);
    folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return fail_file(why, errno, self, "its folder cannot be opened");
    if (fsync(folder) != 0)
        error = fail_file(why, errno, self, "its folder cannot be made durable");
    close(folder);
    return error;
}

static int
lock(const struct record *self, struct why *why)
{
    if (flock(self->file, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return fail(why, ERR_STATE, "%s: another process writes to it", self->path);
}

static int
write_head(struct record *self, struct why *why)
{
    struct buffer bytes = {0};
    int error;

    memcpy(buffer_extend(&bytes, sizeof magic), magic, sizeof magic);
    bytes_put_u32(buffer_extend(&bytes, 4), RECORD_VERSION);
    buffer_extend(&bytes, 12);
    record_put_header(&self->header, &bytes);
    bytes_put_u32(bytes.data + 12, (uint32_t)(bytes.size - FILE_HEAD));
    bytes_put_u64(bytes.data + 16, digest_xxh3(bytes.data + FILE_HEAD, bytes.size - FILE_HEAD));
    error = append(self, &bytes, why);
    buffer_fini(&bytes);
    return error;
}

int
record_create(const char *path, const struct record_header *header, struct record **out, struct why *why)
{
    struct record *self = record_new(path, true);
    int error = 0;

    *out = NULL;
    self->header = *header;
    if (strlen(path) >= sizeof self->path)
        error = fail(why, ERR_LIMIT, "the path of the call log is too long");
    if (error == 0 && (self->file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) < 0)
        error = errno == EEXIST ? fail(why, ERR_STATE, "%s: is there already", path)
                                : fail_file(why, errno, self, "cannot be made");
    if (error == 0 && (error = lock(self, why)) == 0 && (error = write_head(self, why)) == 0 &&
        (error = record_flush(self, why)) == 0)
        error = flush_folder(self, why);
    if (error != 0) {
        record_close(&self);
        return error;
    }
    *out = self;
    return 0;
}

int
record_open(const char *path, bool to_append, struct record **out, struct why *why)
{
    struct record *self = record_new(path, to_append);
    struct stat info;
    int error = 0;

    *out = NULL;
    if (strlen(path) >= sizeof self->path)
        error = fail(why, ERR_LIMIT, "the path of the call log is too long");
    if (error == 0 && (self->file = open(path, (to_append ? O_RDWR : O_RDONLY) | O_CLOEXEC)) < 0)
        error = fail_file(why, errno, self, "cannot be opened");
    if (error == 0 && to_append)
        error = lock(self, why);
    if (error == 0 && fstat(self->file, &info) != 0)
        error = fail_file(why, errno, self, "cannot be looked at");
    if (error == 0 && !S_ISREG(info.st_mode))
        error = fail(why, ERR_INVALID, "%s: is no file", path);
    if (error == 0)
        error = read_all(self, (uint64_t)info.st_size, why);
    if (error == 0 && to_append && self->torn_size > 0 && ftruncate(self->file, (off_t)self->size) != 0)
        error = fail_file(why, errno, self, "its torn end cannot be cut off");
    if (error != 0) {
        record_close(&self);
        return error;
    }
    *out = self;
    return 0;
}

/* ---- adding ---- */

/* Where a text is kept: nowhere, in the call, or as a record of its own, which is added to `out` when it is new. */
static struct record_text
keep(struct record *self, const char *text, size_t size, size_t inline_max, uint8_t hash[DIGEST_SIZE],
    struct buffer *out)
{
    size_t start = out->size;
    uint32_t number;

    if (size <= inline_max)
        return (struct record_text){RECORD_INLINE, (const uint8_t *)text, (uint32_t)size};
    digest_of(text, size, hash);
    if (!find_text(self, hash, &number)) {
        buffer_extend(out, RECORD_HEAD);
        buffer_append(out, text, size);
        seal(out, start, RECORD_TEXT);
    }
    return (struct record_text){RECORD_BY_HASH, hash, DIGEST_SIZE};
}

static int
check_call(const struct record *self, const struct answer_id *id, const struct answer *answer,
    const struct key_text *prompt, struct why *why)
{
    ASSERT(self->to_append);
    if (id->step > ANSWER_STEP_MAX || id->client > ANSWER_CLIENT_MAX || id->role > ANSWER_ROLE_MAX ||
        answer->text_size > ANSWER_TEXT_MAX || answer->cost < 0 ||
        answer->paid < 0 || answer->reserved_tokens < 0 || answer->reserved_cost < 0 ||
        answer->attempt_count > ANSWER_ATTEMPTS_MAX || answer->status >= ANSWER_STATUS_COUNT ||
        answer->source >= ANSWER_SOURCE_COUNT || (prompt != NULL && prompt->size > RECORD_PAYLOAD_MAX) ||
        !text_is_utf8(answer->provider, strlen(answer->provider)) ||
        !text_is_utf8(answer->model, strlen(answer->model)))
        return fail(why, ERR_INVALID, "a call with a field out of its range");
    if (is_answered(self, id))
        return fail(why, ERR_STATE, "step %" PRIu64 ", client %" PRIu32 ", role %" PRIu32 ", ordinal %" PRIu32
            " has been answered", id->step, id->client, id->role, id->ordinal);
    return 0;
}

/* After the write: where the texts and the call have come to lie. */
static void
note_added(struct record *self, const struct record_call *call, uint64_t start, const struct buffer *bytes)
{
    uint64_t at = 0;

    while (at < bytes->size) {
        uint32_t size = bytes_get_u32(bytes->data + at), kind = bytes_get_u32(bytes->data + at + 4);
        uint8_t hash[DIGEST_SIZE];

        if (kind == RECORD_TEXT) {
            digest_of(bytes->data + at + RECORD_HEAD, size, hash);
            note_text(self, hash, start + at + RECORD_HEAD, size);
        } else {
            note_call(self, call, start + at, size);
        }
        at += RECORD_HEAD + size;
    }
}

int
record_add(struct record *self, const struct answer_id *id, const struct answer *answer, const struct key_text *prompt,
    struct why *why)
{
    uint8_t text_hash[DIGEST_SIZE], prompt_hash[DIGEST_SIZE];
    struct record_call call = {.id = *id, .answer = *answer};
    struct buffer bytes = {0};
    uint64_t start = self->size;
    size_t call_start;
    int error = check_call(self, id, answer, prompt, why);

    if (error != 0)
        return error;
    call.text = keep(self, answer->text, answer->text_size, RECORD_INLINE_MAX, text_hash, &bytes);
    if (prompt != NULL)
        call.prompt = keep(self, prompt->bytes, prompt->size, 0, prompt_hash, &bytes);
    call_start = bytes.size;
    buffer_extend(&bytes, RECORD_HEAD);
    record_put_call(&call, &bytes);
    seal(&bytes, call_start, RECORD_CALL);
    error = append(self, &bytes, why);
    if (error == 0)
        note_added(self, &call, start, &bytes);
    buffer_fini(&bytes);
    return error;
}

int
record_mark(struct record *self, uint64_t step, const struct record_totals *totals, struct why *why)
{
    struct record_mark_form mark = {.step = step, .totals = *totals};
    struct digest chain = self->chain;
    struct buffer bytes = {0};
    int error;

    ASSERT(self->to_append);
    digest_end(&chain, mark.chain);
    buffer_extend(&bytes, RECORD_HEAD);
    record_put_mark(&mark, &bytes);
    ASSERT(bytes.size - RECORD_HEAD <= MARK_SIZE_MAX);
    seal(&bytes, 0, RECORD_MARK);
    error = append(self, &bytes, why);
    buffer_fini(&bytes);
    if (error != 0)
        return error;
    self->mark = mark;
    self->has_mark = true;
    return 0;
}

int
record_branch(struct record *self, const struct answer_id *id, uint64_t offset, struct why *why)
{
    struct record_branch_form branch = {.id = *id, .offset = offset};
    struct buffer bytes = {0};
    int error;

    ASSERT(self->to_append && !self->has_branch);
    buffer_extend(&bytes, RECORD_HEAD);
    record_put_branch(&branch, &bytes);
    seal(&bytes, 0, RECORD_BRANCH);
    error = append(self, &bytes, why);
    buffer_fini(&bytes);
    if (error != 0)
        return error;
    self->branch = branch;
    self->has_branch = true;
    return 0;
}

/* ---- looking ---- */

const struct record_header *
record_header(const struct record *self)
{
    return &self->header;
}

uint32_t
record_count(const struct record *self)
{
    return (uint32_t)(self->calls.size / sizeof(struct call));
}

uint64_t
record_size(const struct record *self)
{
    return self->size;
}

uint64_t
record_torn_size(const struct record *self)
{
    return self->torn_size;
}

bool
record_last_mark(const struct record *self, uint64_t *step, struct record_totals *out)
{
    if (!self->has_mark)
        return false;
    *step = self->mark.step;
    *out = self->mark.totals;
    return true;
}

bool
record_find(const struct record *self, const struct answer_id *id, uint32_t *out)
{
    struct key key = answer_id_key(id);

    return key_map_find(&self->ids, &key, out);
}

bool
record_find_key(const struct record *self, const struct key *key, uint32_t *out)
{
    return key_map_find(&self->keys, key, out);
}

uint64_t
record_offset(const struct record *self, uint32_t number)
{
    ASSERT(number < record_count(self));
    return call_at(self, number)->offset;
}

bool
record_find_branch(const struct record *self, struct answer_id *id, uint64_t *offset)
{
    if (!self->has_branch)
        return false;
    *id = self->branch.id;
    *offset = self->branch.offset;
    return true;
}

/* Puts a kept text behind what is in `out`; what comes from elsewhere in the file must have its hash. */
static int
fetch(const struct record *self, const struct record_text *text, struct buffer *out, struct why *why)
{
    uint8_t hash[DIGEST_SIZE];
    const struct text *place;
    uint32_t number;
    int error;

    if (text->where != RECORD_BY_HASH) {
        buffer_append(out, text->bytes, text->size);
        return 0;
    }
    if (!find_text(self, text->bytes, &number))
        return fail(why, ERR_MISSING, "%s: a text that a call names is not there", self->path);
    place = text_at(self, number);
    error = read_at(self, place->offset, buffer_extend(out, place->size), place->size, why);
    if (error != 0)
        return error;
    digest_of(out->data + out->size - place->size, place->size, hash);
    if (memcmp(hash, place->hash, DIGEST_SIZE) != 0)
        return fail(why, ERR_DIGEST, "%s: the text at byte %" PRIu64 " has changed", self->path, place->offset);
    return 0;
}

int
record_read(const struct record *self, uint32_t number, struct answer_id *id, struct answer *out, struct buffer *room,
    struct buffer *prompt, struct why *why)
{
    struct buffer payload = {0};
    struct record_call call;
    const struct call *at;
    int error = 0;

    ASSERT(number < record_count(self));
    at = call_at(self, number);
    if (!read_record(self, at->offset, self->size, &payload) || payload.size - RECORD_HEAD != at->size)
        error = fail(why, ERR_DIGEST, "%s: the record at byte %" PRIu64 " has changed", self->path, at->offset);
    if (error == 0)
        error = record_get_call(payload.data + RECORD_HEAD, at->size, &call, why);
    buffer_clear(room);
    if (error == 0)
        error = fetch(self, &call.text, room, why);
    if (error == 0 && prompt != NULL) {
        buffer_clear(prompt);
        error = fetch(self, &call.prompt, prompt, why);
    }
    if (error == 0 && room->size > ANSWER_TEXT_MAX)
        error = fail(why, ERR_LIMIT, "%s: an answer is longer than it can be", self->path);
    if (error == 0) {
        *id = call.id;
        *out = call.answer;
        out->text = (const char *)room->data;
        out->text_size = (uint32_t)room->size;
    }
    buffer_fini(&payload);
    return error;
}
