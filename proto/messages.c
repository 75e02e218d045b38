#include "proto/messages.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include <msgpack/pack.h>

#include "core/assert.h"
#include "core/digest.h"
#include "core/text.h"
#include "proto/cursor.h"

#define LENGTH(a) ((uint32_t)(sizeof(a) / sizeof((a)[0])))

/* A message is one flat map. Room for more fields than any has, so that a stray one is named and not just counted. */
#define DEPTH_MAX 1u
#define VALUES_MAX 128u

#define FIELD_ROW(S, kind, name, lo, hi, doc)                                                                        \
    {#name, FIELD_##kind, offsetof(struct S, name), (double)(lo), (double)(hi), doc},
#define FIELD_TABLE(TYPE, s, fields, number, from, to, doc)                                                          \
    static const struct field s##_fields[] = {fields(FIELD_ROW, s)};                                                 \
    _Static_assert(2 * LENGTH(s##_fields) + 1 <= VALUES_MAX && LENGTH(s##_fields) <= 32, "too many fields");
MESSAGES(FIELD_TABLE)

#define MESSAGE_ROW(TYPE, s, fields, number, from, to, doc)                                                          \
    {number, #TYPE, sizeof(struct s), s##_fields, LENGTH(s##_fields), from, to, doc},
const struct message proto_messages[] = {MESSAGES(MESSAGE_ROW)};
const uint32_t proto_message_count = LENGTH(proto_messages);

const struct message proto_batch_messages[] = {
    {.type = MSG_OBSERVATION, .name = "OBSERVATION", .from = "world", .to = "agents",
     .doc = "What a chunk of agents sees. The batch's tag is the run's seed."},
    {.type = MSG_ACTION, .name = "ACTION", .from = "agents", .to = "world",
     .doc = "What they decide. The batch's tag is the XXH3-64 of the observation's payload."},
    {.type = MSG_DOCKET, .name = "DOCKET", .from = "world", .to = "governance",
     .doc = "What is to be judged. The batch's tag is the run's seed."},
    {.type = MSG_VERDICT, .name = "VERDICT", .from = "governance", .to = "world",
     .doc = "The judgement. The batch's tag is the XXH3-64 of the docket's payload."},
    {.type = MSG_PROMPT, .name = "PROMPT", .from = "agents", .to = "llm-gateway",
     .doc = "What a chunk of agents asks models. The chunk's fence; flags: its slot. Sent again until answered."},
    {.type = MSG_COMPLETION, .name = "COMPLETION", .from = "llm-gateway", .to = "agents",
     .doc = "The answers. The batch's tag is the XXH3-64 of the prompt's payload."},
};
const uint32_t proto_batch_message_count = LENGTH(proto_batch_messages);

static const char *const role_names[ROLE_COUNT] = {
    [ROLE_NONE] = "nobody",             [ROLE_BROKER] = "broker",       [ROLE_WORLD] = "world",
    [ROLE_AGENTS] = "agents",           [ROLE_GOVERNANCE] = "governance", [ROLE_GATEWAY] = "llm-gateway",
    [ROLE_MONITOR] = "monitor",         [ROLE_OPERATOR] = "operator",
};

const char *
role_name(uint32_t role)
{
    return role_names[role < ROLE_COUNT ? role : ROLE_NONE];
}

uint32_t
role_find(const char *name)
{
    for (uint32_t role = ROLE_NONE + 1; role < ROLE_COUNT; role++)
        if (strcmp(role_names[role], name) == 0)
            return role;
    return ROLE_NONE;
}

const struct message *
message_find(uint32_t type)
{
    for (uint32_t i = 0; i < proto_message_count; i++)
        if (proto_messages[i].type == type)
            return &proto_messages[i];
    return NULL;
}

const char *
message_name(uint32_t type)
{
    const struct message *message = message_find(type);

    if (message != NULL)
        return message->name;
    for (uint32_t i = 0; i < proto_batch_message_count; i++)
        if (proto_batch_messages[i].type == type)
            return proto_batch_messages[i].name;
    return NULL;
}

uint64_t
field_bound_unsigned(double bound, uint64_t most)
{
    return !(bound > 0) ? 0 : bound >= (double)most ? most : (uint64_t)bound;
}

int64_t
field_bound_signed(double bound)
{
    return !(bound > (double)INT64_MIN) ? INT64_MIN : bound >= (double)INT64_MAX ? INT64_MAX : (int64_t)bound;
}

static bool
fits_unsigned(const struct field *field, uint64_t value)
{
    uint64_t most = field->kind == FIELD_U32 ? UINT32_MAX : UINT64_MAX;

    return value >= field_bound_unsigned(field->low, most) && value <= field_bound_unsigned(field->high, most);
}

static bool
fits_signed(const struct field *field, int64_t value)
{
    return value >= field_bound_signed(field->low) && value <= field_bound_signed(field->high);
}

/* Numbers and lengths alike; NaN fits nowhere. */
static bool
fits_real(const struct field *field, double value)
{
    return value >= field->low && value <= field->high;
}

/* ---- packing ---- */

static int
write_buffer(void *data, const char *bytes, size_t size)
{
    buffer_append(data, bytes, size);
    return 0;
}

static void
pack_text(msgpack_packer *packer, const struct field *field, const char *text)
{
    size_t size = strnlen(text, (size_t)field->high + 1);
    size_t at = 0;

    ASSERT(fits_real(field, (double)size));
    msgpack_pack_str(packer, size);
    while (at < size) {
        size_t valid = text_valid_size(text + at, size - at);

        msgpack_pack_str_body(packer, text + at, valid);
        at += valid;
        if (at < size) {
            msgpack_pack_str_body(packer, "?", 1);
            at++;
        }
    }
}

static void
pack_field(msgpack_packer *packer, const struct field *field, const uint8_t *member)
{
    const struct blob *blob = (const void *)member;

    switch (field->kind) {
    case FIELD_U32:
        ASSERT(fits_unsigned(field, *(const uint32_t *)(const void *)member));
        msgpack_pack_uint32(packer, *(const uint32_t *)(const void *)member);
        return;
    case FIELD_U64:
        ASSERT(fits_unsigned(field, *(const uint64_t *)(const void *)member));
        msgpack_pack_uint64(packer, *(const uint64_t *)(const void *)member);
        return;
    case FIELD_I64:
        ASSERT(fits_signed(field, *(const int64_t *)(const void *)member));
        msgpack_pack_int64(packer, *(const int64_t *)(const void *)member);
        return;
    case FIELD_F64:
        ASSERT(fits_real(field, *(const double *)(const void *)member));
        msgpack_pack_double(packer, *(const double *)(const void *)member);
        return;
    case FIELD_BOOL:
        if (*(const bool *)member)
            msgpack_pack_true(packer);
        else
            msgpack_pack_false(packer);
        return;
    case FIELD_TEXT:
        pack_text(packer, field, (const char *)member);
        return;
    case FIELD_PEER:
        msgpack_pack_bin_with_body(packer, member, sizeof(struct peer));
        return;
    case FIELD_BIN:
        ASSERT(fits_real(field, blob->size) && (blob->data != NULL || blob->size == 0));
        msgpack_pack_bin(packer, blob->size);
        if (blob->size > 0)
            msgpack_pack_bin_body(packer, blob->data, blob->size);
        return;
    }
    UNREACHABLE();
}

void
message_pack(enum message_type type, const void *message, struct buffer *out)
{
    const struct message *table = message_find(type);
    msgpack_packer packer;

    ASSERT(table != NULL && message != NULL && out != NULL);

    msgpack_packer_init(&packer, out, write_buffer);
    msgpack_pack_map(&packer, table->field_count);
    for (uint32_t i = 0; i < table->field_count; i++) {
        const struct field *field = &table->fields[i];

        msgpack_pack_str_with_body(&packer, field->name, strlen(field->name));
        pack_field(&packer, field, (const uint8_t *)message + field->offset);
    }
}

/* ---- unpacking ---- */

/* The reads return false with the cursor failed; bounds are reported by the caller through `fits`. */
static bool
unpack_number(struct cursor *cursor, const struct field *field, uint8_t *member, bool *fits)
{
    uint64_t natural = 0;
    uint32_t small;

    switch (field->kind) {
    case FIELD_U32:
        if (!cursor_u64(cursor, &natural))
            return false;
        *fits = fits_unsigned(field, natural);
        small = (uint32_t)natural;
        memcpy(member, &small, sizeof small);
        return true;
    case FIELD_U64:
        if (!cursor_u64(cursor, (uint64_t *)(void *)member))
            return false;
        *fits = fits_unsigned(field, *(uint64_t *)(void *)member);
        return true;
    case FIELD_I64:
        if (!cursor_i64(cursor, (int64_t *)(void *)member))
            return false;
        *fits = fits_signed(field, *(int64_t *)(void *)member);
        return true;
    default:
        ASSERT(field->kind == FIELD_F64);
        if (!cursor_f64(cursor, (double *)(void *)member))
            return false;
        *fits = fits_real(field, *(double *)(void *)member);
        return true;
    }
}

static bool
unpack_field(struct cursor *cursor, const struct field *field, uint8_t *member, bool *fits)
{
    const uint8_t *bytes = NULL;
    const char *text = NULL;
    uint32_t size = 0;

    switch (field->kind) {
    case FIELD_U32:
    case FIELD_U64:
    case FIELD_I64:
    case FIELD_F64:
        return unpack_number(cursor, field, member, fits);
    case FIELD_BOOL:
        *fits = true;
        return cursor_bool(cursor, (bool *)member);
    case FIELD_TEXT:
        if (!cursor_text(cursor, &text, &size))
            return false;
        /* A zero byte would end the copy early: what was read would not be what was sent. */
        *fits = fits_real(field, size) && memchr(text, 0, size) == NULL;
        if (*fits)
            memcpy(member, text, size); /* the terminator is there already */
        return true;
    case FIELD_PEER:
        if (!cursor_bin(cursor, &bytes, &size))
            return false;
        *fits = size == sizeof(struct peer);
        if (*fits)
            memcpy(member, bytes, size);
        return true;
    case FIELD_BIN:
        if (!cursor_bin(cursor, &bytes, &size))
            return false;
        *fits = fits_real(field, size);
        *(struct blob *)(void *)member = (struct blob){.data = bytes, .size = size};
        return true;
    }
    UNREACHABLE();
}

/* The field with this name; the one at `hint`, where our own packer puts it, is tried first. */
static int32_t
find_field(const struct message *table, uint32_t hint, const char *name, uint32_t size)
{
    for (uint32_t k = 0; k < table->field_count; k++) {
        uint32_t i = (hint + k) % table->field_count;

        if (strlen(table->fields[i].name) == size && memcmp(table->fields[i].name, name, size) == 0)
            return (int32_t)i;
    }
    return -1;
}

static int
unpack_pair(const struct message *table, struct cursor *cursor, uint32_t hint, uint32_t *seen, uint8_t *out)
{
    const char *name = NULL;
    uint32_t size = 0;
    bool fits = false;
    int32_t i;

    if (!cursor_text(cursor, &name, &size))
        return cursor->failed;
    i = find_field(table, hint, name, size);
    if (i < 0)
        return fail(cursor->why, ERR_UNKNOWN, "%s has no field %.*s", table->name, size < 64 ? (int)size : 64, name);
    if ((*seen >> i & 1) != 0)
        return fail(cursor->why, ERR_FORMAT, "%s: field %s twice", table->name, table->fields[i].name);
    *seen |= 1u << i;
    if (!unpack_field(cursor, &table->fields[i], out + table->fields[i].offset, &fits)) {
        if (cursor->why != NULL)
            cursor->failed = fail_prefix(cursor->why, "%s: field %s", table->name, table->fields[i].name);
        return cursor->failed;
    }
    if (!fits)
        return fail(cursor->why, ERR_INVALID, "%s: field %s is not within its bounds (%.17g .. %.17g)", table->name,
                    table->fields[i].name, table->fields[i].low, table->fields[i].high);
    return 0;
}

static int
unpack_map(const struct message *table, const void *bytes, size_t size, uint8_t *out, struct why *why)
{
    struct cursor cursor;
    uint32_t count = 0, seen = 0;
    int code = guard_check(bytes, size, DEPTH_MAX, VALUES_MAX, why);

    if (code != 0)
        return code;
    cursor_init(&cursor, bytes, size, why);
    if (!cursor_map(&cursor, &count))
        return cursor.failed;
    for (uint32_t i = 0; i < count; i++) {
        code = unpack_pair(table, &cursor, i, &seen, out);
        if (code != 0)
            return code;
    }
    for (uint32_t i = 0; i < table->field_count; i++)
        if ((seen >> i & 1) == 0)
            return fail(why, ERR_MISSING, "%s: field %s is missing", table->name, table->fields[i].name);
    return cursor_end(&cursor) ? 0 : cursor.failed;
}

int
message_unpack(enum message_type type, const void *bytes, size_t size, void *out, struct why *why)
{
    const struct message *table = message_find(type);
    int code;

    ASSERT(out != NULL);

    if (table == NULL)
        return fail(why, ERR_UNKNOWN, "no message of fields has the number %u", (unsigned)type);
    memset(out, 0, table->size);
    code = unpack_map(table, bytes, size, out, why);
    if (code != 0)
        memset(out, 0, table->size);
    return code;
}

/* ---- what two programs must agree on ---- */

static uint64_t digest;

static void
make_digest(void)
{
    struct buffer text = {0};

    proto_write_schema(&text);
    digest = digest_xxh3(text.data, text.size);
    buffer_fini(&text);
}

uint64_t
proto_digest(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_digest);
    return digest;
}
