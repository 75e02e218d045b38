#include "proto/messages.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <msgpack/pack.h>
#include <msgpack/sbuffer.h>
#include <msgpack/unpack.h>

#include "core/digest.h"
#include "core/streams.h"
#include "proto/cursor.h"
#include "proto/registry.h"
#include "tests/support/test.h"
#include "tests/unit/proto/random.h"

/* Room for the struct of any message. */
union any {
    uint64_t align;
    uint8_t bytes[RANDOM_STRUCT_MAX];
};

/* ---- one message by hand: CREDIT has one field, PONG one, BYE one text, COURT_READY a number and a bin ---- */

#define S(literal) literal, sizeof(literal) - 1
#define DIGEST_THEN_STEP "\x82\xa6" "digest" "\xc4\x10" "0123456789abcdef" "\xa4" "step" "\x07"
#define STEP_THEN_DIGEST "\x82\xa4" "step" "\x07\xa6" "digest" "\xc4\x10" "0123456789abcdef"

static const struct row {
    const char *name;
    enum message_type type;
    const char *bytes;
    size_t size;
    int want;
} rows[] = {
    {"takes a credit", MSG_CREDIT, S("\x81\xa6" "chunks" "\x05"), 0},
    {"takes a credit of 0", MSG_CREDIT, S("\x81\xa6" "chunks" "\x00"), 0},
    {"takes its largest value", MSG_CREDIT, S("\x81\xa6" "chunks" "\xcd\x04\x00"), 0},
    {"takes a number wider than needed", MSG_CREDIT, S("\x81\xa6" "chunks" "\xcf\0\0\0\0\0\0\0\x05"), 0},
    {"takes a signed number that fits", MSG_CREDIT, S("\x81\xa6" "chunks" "\xd0\x05"), 0},
    {"takes wider heads than needed", MSG_CREDIT, S("\xdf\0\0\0\x01\xdb\0\0\0\x06" "chunks" "\x05"), 0},
    {"refuses a value over its bound", MSG_CREDIT, S("\x81\xa6" "chunks" "\xcd\x04\x01"), ERR_INVALID},
    {"refuses 2^32 + 5 for a u32", MSG_CREDIT, S("\x81\xa6" "chunks" "\xcf\0\0\0\x01\0\0\0\x05"), ERR_INVALID},
    {"refuses a negative value", MSG_CREDIT, S("\x81\xa6" "chunks" "\xff"), ERR_INVALID},
    {"refuses a float", MSG_CREDIT, S("\x81\xa6" "chunks" "\xca\0\0\0\0"), ERR_FORMAT},
    {"refuses a text for a number", MSG_CREDIT, S("\x81\xa6" "chunks" "\xa1" "5"), ERR_FORMAT},
    {"refuses nil for a number", MSG_CREDIT, S("\x81\xa6" "chunks" "\xc0"), ERR_FORMAT},
    {"refuses an empty payload", MSG_CREDIT, S(""), ERR_FORMAT},
    {"refuses an array", MSG_CREDIT, S("\x91\x05"), ERR_FORMAT},
    {"refuses a number", MSG_CREDIT, S("\x05"), ERR_FORMAT},
    {"refuses a missing field", MSG_CREDIT, S("\x80"), ERR_MISSING},
    {"refuses an unknown field", MSG_CREDIT, S("\x81\xa6" "chunkz" "\x05"), ERR_UNKNOWN},
    {"refuses the start of a field's name", MSG_CREDIT, S("\x81\xa5" "chunk" "\x05"), ERR_UNKNOWN},
    {"refuses a field's name with more behind it", MSG_CREDIT, S("\x81\xa7" "chunks\0" "\x05"), ERR_UNKNOWN},
    {"refuses an unknown field beside the known", MSG_CREDIT,
     S("\x82\xa6" "chunks" "\x05\xa1" "x" "\x01"), ERR_UNKNOWN},
    {"refuses a repeated field", MSG_CREDIT, S("\x82\xa6" "chunks" "\x05\xa6" "chunks" "\x05"), ERR_FORMAT},
    {"refuses a number as a name", MSG_CREDIT, S("\x81\x01\x05"), ERR_FORMAT},
    {"refuses a name that is no UTF-8", MSG_CREDIT, S("\x81\xa1\xff\x05"), ERR_FORMAT},
    {"refuses a byte behind the map", MSG_CREDIT, S("\x81\xa6" "chunks" "\x05\xc0"), ERR_FORMAT},
    {"refuses a nested value", MSG_CREDIT, S("\x81\xa6" "chunks" "\x91\x05"), ERR_LIMIT},
    {"refuses the tag that is none", MSG_CREDIT, S("\x81\xa6" "chunks" "\xc1"), ERR_FORMAT},
    {"refuses a map of 268 million pairs", MSG_CREDIT, S("\xdf\x10\0\0\0"), ERR_FORMAT},
    {"refuses an array of 268 million values", MSG_CREDIT, S("\xdd\x10\0\0\0"), ERR_FORMAT},
    {"refuses a map of 15 pairs with one there", MSG_CREDIT, S("\x8f\xa6" "chunks" "\x05"), ERR_FORMAT},
    {"takes an empty text", MSG_BYE, S("\x81\xa6" "reason" "\xa0"), 0},
    {"takes a text", MSG_BYE, S("\x81\xa6" "reason" "\xa2\xc3\xa9"), 0},
    {"refuses a text that is no UTF-8", MSG_BYE, S("\x81\xa6" "reason" "\xa2\xc3\x28"), ERR_FORMAT},
    {"refuses a zero byte in a text", MSG_BYE, S("\x81\xa6" "reason" "\xa3" "a\0b"), ERR_INVALID},
    {"refuses a bin for a text", MSG_BYE, S("\x81\xa6" "reason" "\xc4\x01" "a"), ERR_FORMAT},
    {"takes fields in any order", MSG_COURT_READY, S(DIGEST_THEN_STEP), 0},
    {"refuses a bin that is too short", MSG_COURT_READY,
     S("\x82\xa6" "digest" "\xc4\x0f" "0123456789abcde" "\xa4" "step" "\x07"), ERR_INVALID},
    {"refuses a bin that is too long", MSG_COURT_READY,
     S("\x82\xa6" "digest" "\xc4\x11" "0123456789abcdefg" "\xa4" "step" "\x07"), ERR_INVALID},
    {"refuses a text for a bin", MSG_COURT_READY,
     S("\x82\xa6" "digest" "\xb0" "0123456789abcdef" "\xa4" "step" "\x07"), ERR_FORMAT},
    {"refuses a short peer", MSG_PEER_UP,
     S("\x83\xa4" "peer" "\xc4\x0f" "0123456789abcde" "\xa4" "role" "\x02\xa6" "serves" "\xa0"), ERR_INVALID},
    {"takes a peer", MSG_PEER_UP,
     S("\x83\xa4" "peer" "\xc4\x10" "0123456789abcdef" "\xa4" "role" "\x02\xa6" "serves" "\xa0"), 0},
    {"refuses a role of nobody", MSG_PEER_UP,
     S("\x83\xa4" "peer" "\xc4\x10" "0123456789abcdef" "\xa4" "role" "\x00\xa6" "serves" "\xa0"), ERR_INVALID},
    {"refuses 1 for a boolean", MSG_HEAD,
     S("\x83\xa3" "seq" "\x01\xa9" "committed" "\x01\xa5" "ended" "\x01"), ERR_FORMAT},
    {"takes a boolean", MSG_HEAD, S("\x83\xa3" "seq" "\x01\xa9" "committed" "\x01\xa5" "ended" "\xc3"), 0},
    {"takes the least i64 of its bounds", MSG_PROC_EXIT, S("\x82\xa3" "pid" "\x01\xa6" "status" "\xd2\x80\0\0\0"), 0},
    {"refuses an i64 under its bound", MSG_PROC_EXIT,
     S("\x82\xa3" "pid" "\x01\xa6" "status" "\xd3\xff\xff\xff\xff\x7f\xff\xff\xff"), ERR_INVALID},
    {"refuses a number of no message", (enum message_type)63, S("\x80"), ERR_UNKNOWN},
    {"refuses a batch's number", (enum message_type)MSG_OBSERVATION, S("\x80"), ERR_UNKNOWN},
};

static void
message_row(void **state)
{
    static union any out, zero;
    const struct row *row = *state;
    const struct message *table = message_find(row->type);
    struct why why = {0};

    memset(&out, 0xff, sizeof out);
    assert_int_equal(message_unpack(row->type, row->bytes, row->size, &out, &why), row->want);
    assert_int_equal(why.code, row->want);
    assert_int_equal(message_unpack(row->type, row->bytes, row->size, &out, NULL), row->want);
    if (row->want != 0 && table != NULL)
        assert_memory_equal(&out, &zero, table->size);
}

static void
values_arrive(void **state)
{
    const uint8_t digest[16] = "0123456789abcdef";
    struct court_ready ready;
    struct buffer out = {0};
    struct bye bye;

    (void)state;
    assert_int_equal(message_unpack(MSG_COURT_READY, S(DIGEST_THEN_STEP), &ready, NULL), 0);
    assert_true(ready.step == 7 && ready.digest.size == 16);
    assert_memory_equal(ready.digest.data, digest, 16);
    message_pack(MSG_COURT_READY, &ready, &out);
    assert_int_equal(out.size, 32);
    assert_memory_equal(out.data, STEP_THEN_DIGEST, 32);
    assert_int_equal(message_unpack(MSG_BYE, "\x81\xa6reason\xa2\xc3\xa9", 11, &bye, NULL), 0);
    assert_string_equal(bye.reason, "\xc3\xa9");
    buffer_fini(&out);
}

/* ---- every message of the tables ---- */

/* What msgpack-c unpacked for a field against the struct's member. */
static bool
field_agrees(const struct field *field, const uint8_t *member, const msgpack_object *value)
{
    struct blob blob;
    int64_t integer;
    uint64_t large;
    uint32_t natural;
    double real;

    switch (field->kind) {
    case FIELD_U32:
        memcpy(&natural, member, sizeof natural);
        return value->type == MSGPACK_OBJECT_POSITIVE_INTEGER && value->via.u64 == natural;
    case FIELD_U64:
        memcpy(&large, member, sizeof large);
        return value->type == MSGPACK_OBJECT_POSITIVE_INTEGER && value->via.u64 == large;
    case FIELD_I64:
        memcpy(&integer, member, sizeof integer);
        return value->type == (integer < 0 ? MSGPACK_OBJECT_NEGATIVE_INTEGER : MSGPACK_OBJECT_POSITIVE_INTEGER) &&
               value->via.i64 == integer;
    case FIELD_F64:
        memcpy(&real, member, sizeof real);
        return value->type == MSGPACK_OBJECT_FLOAT64 && value->via.f64 == real;
    case FIELD_BOOL: return value->type == MSGPACK_OBJECT_BOOLEAN && value->via.boolean == *(const bool *)member;
    case FIELD_TEXT:
        return value->type == MSGPACK_OBJECT_STR && value->via.str.size == strlen((const char *)member) &&
               memcmp(value->via.str.ptr, member, value->via.str.size) == 0;
    case FIELD_PEER:
        return value->type == MSGPACK_OBJECT_BIN && value->via.bin.size == 16 &&
               memcmp(value->via.bin.ptr, member, 16) == 0;
    case FIELD_BIN:
        memcpy(&blob, member, sizeof blob);
        return value->type == MSGPACK_OBJECT_BIN && value->via.bin.size == blob.size &&
               (blob.size == 0 || memcmp(value->via.bin.ptr, blob.data, blob.size) == 0);
    }
    return false;
}

static void
assert_oracle_agrees(const struct message *table, const union any *message, const struct buffer *bytes, uint32_t seed)
{
    msgpack_unpacked value;
    size_t offset = 0;

    msgpack_unpacked_init(&value);
    assert_int_equal(msgpack_unpack_next(&value, (char *)bytes->data, bytes->size, &offset), MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(offset, bytes->size);
    assert_int_equal(value.data.type, MSGPACK_OBJECT_MAP);
    assert_int_equal(value.data.via.map.size, table->field_count);
    for (uint32_t i = 0; i < table->field_count; i++) {
        const msgpack_object_kv *pair = &value.data.via.map.ptr[i];
        const struct field *field = &table->fields[i];

        assert_int_equal(pair->key.via.str.size, strlen(field->name));
        assert_memory_equal(pair->key.via.str.ptr, field->name, strlen(field->name));
        if (!field_agrees(field, message->bytes + field->offset, &pair->val))
            fail_msg("%s, seed %u: msgpack-c sees another %s", table->name, seed, field->name);
    }
    msgpack_unpacked_destroy(&value);
}

/* As the oracle would write it, fields in another order: read back to the same struct. */
static void
assert_reads_oracle(const struct message *table, const struct buffer *bytes, struct rng *rng)
{
    static union any got;
    struct buffer again = {0};
    msgpack_unpacked value;
    msgpack_sbuffer theirs;
    msgpack_packer p;
    uint32_t order[32];
    size_t offset = 0;

    for (uint32_t i = 0; i < table->field_count; i++)
        order[i] = i;
    rng_shuffle(rng, order, table->field_count);
    msgpack_unpacked_init(&value);
    assert_int_equal(msgpack_unpack_next(&value, (char *)bytes->data, bytes->size, &offset), MSGPACK_UNPACK_SUCCESS);
    msgpack_sbuffer_init(&theirs);
    msgpack_packer_init(&p, &theirs, msgpack_sbuffer_write);
    msgpack_pack_map(&p, table->field_count);
    for (uint32_t i = 0; i < table->field_count; i++) {
        msgpack_pack_object(&p, value.data.via.map.ptr[order[i]].key);
        msgpack_pack_object(&p, value.data.via.map.ptr[order[i]].val);
    }
    assert_int_equal(message_unpack((enum message_type)table->type, theirs.data, theirs.size, &got, NULL), 0);
    message_pack((enum message_type)table->type, &got, &again);
    assert_int_equal(again.size, bytes->size);
    assert_memory_equal(again.data, bytes->data, again.size);
    msgpack_sbuffer_destroy(&theirs);
    msgpack_unpacked_destroy(&value);
    buffer_fini(&again);
}

static void
random_round_trips(void **state)
{
    static union any message, got;

    (void)state;
    for (uint32_t t = 0; t < proto_message_count; t++) {
        const struct message *table = &proto_messages[t];
        enum message_type type = (enum message_type)table->type;

        for (uint32_t seed = 0; seed < 200; seed++) {
            struct rng rng = rng_make(17, STREAM_TEST, table->type, seed);
            struct buffer bytes = {0};
            struct why why = {0};

            random_message(table, &rng, &message);
            message_pack(type, &message, &bytes);
            if (message_unpack(type, bytes.data, bytes.size, &got, &why) != 0)
                fail_msg("%s, seed %u: %s", table->name, seed, why.text);
            assert_oracle_agrees(table, &message, &bytes, seed);
            assert_oracle_agrees(table, &got, &bytes, seed);
            assert_reads_oracle(table, &bytes, &rng);
            buffer_fini(&bytes);
        }
    }
}

/* A message cut anywhere is refused, and one with any byte changed is refused or is a message. */
static void
every_byte_cut_or_changed(void **state)
{
    static union any message, got;

    (void)state;
    for (uint32_t t = 0; t < proto_message_count; t++) {
        const struct message *table = &proto_messages[t];
        enum message_type type = (enum message_type)table->type;
        struct rng rng = rng_make(18, STREAM_TEST, table->type, 0);
        struct buffer bytes = {0}, again = {0};

        do {
            buffer_clear(&bytes);
            random_message(table, &rng, &message);
            message_pack(type, &message, &bytes);
        } while (bytes.size > 3000);
        for (size_t size = 0; size < bytes.size; size++) {
            uint8_t *cut = malloc(size > 0 ? size : 1);

            memcpy(cut, bytes.data, size);
            assert_int_equal(message_unpack(type, cut, size, &got, NULL), ERR_FORMAT);
            free(cut);
        }
        for (size_t at = 0; at < bytes.size; at++) {
            uint8_t before = bytes.data[at];

            for (uint32_t flip = 1; flip < 256; flip <<= 1) {
                bytes.data[at] = (uint8_t)(before ^ flip);
                if (message_unpack(type, bytes.data, bytes.size, &got, NULL) == 0) {
                    buffer_clear(&again);
                    message_pack(type, &got, &again);
                    assert_int_equal(message_unpack(type, again.data, again.size, &message, NULL), 0);
                }
            }
            bytes.data[at] = before;
        }
        buffer_append(&bytes, "\xc0", 1);
        assert_int_equal(message_unpack(type, bytes.data, bytes.size, &got, NULL), ERR_FORMAT);
        buffer_fini(&bytes);
        buffer_fini(&again);
    }
}

/* One field at a time left out, sent twice, or of another kind: the refusal names it. */
static void
every_field_missing_or_wrong(void **state)
{
    static union any message, got;

    (void)state;
    for (uint32_t t = 0; t < proto_message_count; t++) {
        const struct message *table = &proto_messages[t];
        enum message_type type = (enum message_type)table->type;
        struct rng rng = rng_make(19, STREAM_TEST, table->type, 0);
        struct buffer bytes = {0};
        msgpack_unpacked value;
        msgpack_sbuffer out;
        msgpack_packer p;
        size_t offset = 0;

        random_message(table, &rng, &message);
        message_pack(type, &message, &bytes);
        msgpack_unpacked_init(&value);
        assert_int_equal(msgpack_unpack_next(&value, (char *)bytes.data, bytes.size, &offset), MSGPACK_UNPACK_SUCCESS);
        msgpack_sbuffer_init(&out);
        msgpack_packer_init(&p, &out, msgpack_sbuffer_write);
        for (uint32_t i = 0; i < table->field_count * 3; i++) {
            static const int wants[] = {ERR_MISSING, ERR_FORMAT, ERR_FORMAT};
            uint32_t which = i / 3, how = i % 3;
            struct why why = {0};

            msgpack_sbuffer_clear(&out);
            msgpack_pack_map(&p, table->field_count + (how == 1) - (how == 0));
            for (uint32_t f = 0; f < table->field_count; f++) {
                for (uint32_t k = 0; k < (f != which ? 1u : how == 2 ? 1u : 2 * how); k++) {
                    msgpack_pack_object(&p, value.data.via.map.ptr[f].key);
                    if (f == which && how == 2)
                        msgpack_pack_nil(&p);
                    else
                        msgpack_pack_object(&p, value.data.via.map.ptr[f].val);
                }
            }
            assert_int_equal(message_unpack(type, out.data, out.size, &got, &why), wants[how]);
            assert_non_null(strstr(why.text, table->fields[which].name));
        }
        msgpack_sbuffer_destroy(&out);
        msgpack_unpacked_destroy(&value);
        buffer_fini(&bytes);
    }
}

static void
bad_text_is_packed_readable(void **state)
{
    struct bye bye = {.reason = "a\xff" "b\xc3"}, got;
    struct buffer out = {0};

    (void)state;
    message_pack(MSG_BYE, &bye, &out);
    assert_int_equal(message_unpack(MSG_BYE, out.data, out.size, &got, NULL), 0);
    assert_string_equal(got.reason, "a?b?");
    buffer_fini(&out);
}

static void
tables_are_sound(void **state)
{
    (void)state;
    for (uint32_t t = 0; t < proto_message_count; t++) {
        const struct message *table = &proto_messages[t];

        assert_true(table->type > 0 && table->type < MSG_COUNT);
        assert_true(t == 0 || proto_messages[t - 1].type < table->type);
        assert_true(table->size <= RANDOM_STRUCT_MAX);
        for (uint32_t f = 0; f < table->field_count; f++)
            assert_true(table->fields[f].low <= table->fields[f].high);
    }
    assert_string_equal(message_name(1), "HELLO");
    assert_string_equal(message_name(61), "RESULT");
    assert_string_equal(message_name(MSG_OBSERVATION), "OBSERVATION");
    assert_string_equal(message_name(MSG_VERDICT), "VERDICT");
    assert_null(message_name(0));
    assert_null(message_name(63));
    assert_null(message_name(UINT32_MAX));
    for (uint32_t role = ROLE_NONE + 1; role < ROLE_COUNT; role++)
        assert_int_equal(role_find(role_name(role)), role);
    assert_string_equal(role_name(ROLE_WORLD), "world");
    assert_string_equal(role_name(ROLE_NONE), "nobody");
    assert_string_equal(role_name(ROLE_COUNT), "nobody");
    assert_int_equal(role_find("nobody"), ROLE_NONE);
    assert_int_equal(role_find("wor"), ROLE_NONE);
}

/* ---- the printed texts are the ones checked in ---- */

static const struct printed {
    const char *name, *path;
    void (*write)(struct buffer *out);
} printed[] = {
    {"the schema is the one checked in", "tests/golden/schema.json", proto_write_schema},
    {"the manual is the one checked in", "docs/protocol.md", proto_write_document},
};

static void
printed_row(void **state)
{
    const struct printed *row = *state;
    struct buffer want = {0}, have = {0};
    char block[4096];
    size_t got;
    FILE *file;

    row->write(&want);
    if (getenv("POLIS_GOLDEN_UPDATE") != NULL && strcmp(getenv("POLIS_GOLDEN_UPDATE"), "1") == 0) {
        file = fopen(row->path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(want.data, 1, want.size, file), want.size);
        assert_int_equal(fclose(file), 0);
    }
    file = fopen(row->path, "rb");
    if (file == NULL)
        fail_msg("%s is not there: run from the project's root, with POLIS_GOLDEN_UPDATE=1 to write it", row->path);
    while ((got = fread(block, 1, sizeof block, file)) > 0)
        buffer_append(&have, block, got);
    fclose(file);
    if (have.size != want.size || memcmp(have.data, want.data, want.size) != 0)
        fail_msg("%s is not what the tables say now: if the change is meant, run this test with "
                 "POLIS_GOLDEN_UPDATE=1", row->path);
    buffer_fini(&want);
    buffer_fini(&have);
}

/* A JSON reader finds every message, field, schema and bound in the printed schema. */
static void
schema_is_json(void **state)
{
    struct buffer text = {0};
    json_error_t error;
    json_t *root, *messages, *schemas;

    (void)state;
    proto_write_schema(&text);
    root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
    if (root == NULL)
        fail_msg("line %d: %s", error.line, error.text);
    messages = json_object_get(root, "messages");
    schemas = json_object_get(root, "schemas");
    assert_int_equal(json_array_size(messages), proto_message_count);
    assert_int_equal(json_array_size(schemas), proto_schema_count);
    for (uint32_t t = 0; t < proto_message_count; t++) {
        const struct message *table = &proto_messages[t];
        json_t *fields = json_object_get(json_array_get(messages, t), "fields");

        assert_int_equal(json_array_size(fields), table->field_count);
        for (uint32_t f = 0; f < table->field_count; f++) {
            json_t *field = json_array_get(fields, f);

            assert_string_equal(json_string_value(json_object_get(field, "name")), table->fields[f].name);
            assert_close(json_real_value(json_object_get(field, "high")), table->fields[f].high, 1e-15);
            assert_close(json_real_value(json_object_get(field, "low")), table->fields[f].low, 1e-15);
        }
    }
    for (uint32_t s = 0; s < proto_schema_count; s++) {
        json_t *schema = json_array_get(schemas, s);

        assert_true(json_real_value(json_object_get(schema, "id")) == proto_schemas[s]->id);
        assert_int_equal(json_array_size(json_object_get(schema, "axes")), proto_schemas[s]->axis_count);
        assert_int_equal(json_array_size(json_object_get(schema, "columns")), proto_schemas[s]->column_count);
    }
    assert_true(proto_digest() == digest_xxh3(text.data, text.size));
    json_decref(root);
    buffer_fini(&text);
}

int
main(void)
{
    const struct test_case cases[] = {
        {"values arrive", values_arrive},
        {"random messages of every type, both ways with msgpack-c", random_round_trips},
        {"every byte cut away or changed", every_byte_cut_or_changed},
        {"every field missing, twice, of another kind", every_field_missing_or_wrong},
        {"text that is no UTF-8 is packed readable", bad_text_is_packed_readable},
        {"tables are sound", tables_are_sound},
        {"the schema is JSON that says what the tables say", schema_is_json},
    };

    return TEST_ROWS("message_unpack", rows, message_row) + TEST_CASES("messages", cases) +
           TEST_ROWS("printed tables", printed, printed_row);
}
