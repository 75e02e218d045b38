#include "world/record.h"

#include "core/assert.h"
#include "core/bytes.h"
#include "proto/cursor.h"

#include <inttypes.h>
#include <msgpack.h>
#include <stdbool.h>
#include <string.h>

/* A section's header, little-endian: u32 kind, u32 phase, u32 round, u32 slot, u32 schema, u32 0, u64 size. */

static bool
is_kind(uint32_t kind)
{
    return (kind >= SECTION_INPUT && kind <= SECTION_FIGURES) || kind == SECTION_STATE || kind == SECTION_COURT;
}

void
record_put(struct buffer *data, const struct section *section)
{
    uint8_t *header;

    ASSERT(is_kind(section->kind));
    ASSERT(section->schema <= UINT16_MAX);
    ASSERT(section->bytes != NULL || section->size == 0);

    buffer_reserve(data, SECTION_HEADER + section->size);
    header = buffer_extend(data, SECTION_HEADER);
    bytes_put_u32(header, section->kind);
    bytes_put_u32(header + 4, section->phase);
    bytes_put_u32(header + 8, section->round);
    bytes_put_u32(header + 12, section->slot);
    bytes_put_u32(header + 16, section->schema);
    bytes_put_u32(header + 20, 0);
    bytes_put_u64(header + 24, section->size);
    buffer_append(data, section->bytes, section->size);
}

int
record_next(const void *data, uint64_t size, uint64_t *offset, struct section *out, struct why *why)
{
    const uint8_t *header;
    uint64_t left;

    ASSERT(*offset <= size);

    left = size - *offset;
    if (left == 0)
        return fail(why, ERR_MISSING, "no more sections");
    if (left < SECTION_HEADER)
        return fail(why, ERR_FORMAT, "%" PRIu64 " bytes are left at offset %" PRIu64 ", too few for a section", left,
                    *offset);
    header = (const uint8_t *)data + *offset;
    *out = (struct section){
        .kind = bytes_get_u32(header),
        .phase = bytes_get_u32(header + 4),
        .round = bytes_get_u32(header + 8),
        .slot = bytes_get_u32(header + 12),
        .schema = bytes_get_u32(header + 16),
        .bytes = header + SECTION_HEADER,
        .size = bytes_get_u64(header + 24),
    };
    if (!is_kind(out->kind))
        return fail(why, ERR_FORMAT, "the section at offset %" PRIu64 " is of kind %" PRIu32, *offset, out->kind);
    if (out->schema > UINT16_MAX || bytes_get_u32(header + 20) != 0)
        return fail(why, ERR_FORMAT, "the section at offset %" PRIu64 " has a malformed header", *offset);
    if (out->size > left - SECTION_HEADER)
        return fail(why, ERR_FORMAT, "the section at offset %" PRIu64 " claims %" PRIu64 " bytes, %" PRIu64 " are left",
                    *offset, out->size, left - SECTION_HEADER);
    *offset += SECTION_HEADER + out->size;
    return 0;
}

/* ---- header: a map of four in a fixed order, so that equal headers are equal bytes ---- */

static int
pack_write(void *context, const char *bytes, size_t size)
{
    buffer_append(context, bytes, size);
    return 0;
}

static void
pack_name(msgpack_packer *packer, const char *name)
{
    msgpack_pack_str_with_body(packer, name, strlen(name));
}

static void
pack_number(msgpack_packer *packer, const char *name, uint64_t value)
{
    pack_name(packer, name);
    msgpack_pack_uint64(packer, value);
}

void
record_head_write(const struct record_head *self, struct buffer *out)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, pack_write);
    msgpack_pack_map(&packer, 4);
    pack_number(&packer, "step", self->step);
    pack_number(&packer, "simulation_epoch", self->simulation_epoch);
    pack_number(&packer, "section_count", self->section_count);
    pack_number(&packer, "data_size", self->data_size);
}

static bool
read_name(struct cursor *cursor, const char *name, struct why *why)
{
    const char *text;
    uint32_t size;

    if (!cursor_text(cursor, &text, &size))
        return false;
    if (size == strlen(name) && memcmp(text, name, size) == 0)
        return true;
    cursor->failed = fail(why, ERR_FORMAT, "'%.*s' stands where '%s' should", (int)(size < 40 ? size : 40), text, name);
    return false;
}

static bool
read_number(struct cursor *cursor, const char *name, uint64_t most, uint64_t *out, struct why *why)
{
    if (!read_name(cursor, name, why) || !cursor_u64(cursor, out))
        return false;
    if (*out <= most)
        return true;
    cursor->failed = fail(why, ERR_FORMAT, "%s of %" PRIu64 " is over %" PRIu64, name, *out, most);
    return false;
}

int
record_head_read(const void *bytes, size_t size, struct record_head *out, struct why *why)
{
    uint64_t step, epoch, sections, data_size;
    struct cursor cursor;
    uint32_t count = 0;

    cursor_init(&cursor, bytes, size, why);
    if (!cursor_map(&cursor, &count) || !read_number(&cursor, "step", UINT64_MAX, &step, why) ||
        !read_number(&cursor, "simulation_epoch", UINT32_MAX, &epoch, why) ||
        !read_number(&cursor, "section_count", UINT32_MAX, &sections, why) ||
        !read_number(&cursor, "data_size", UINT64_MAX, &data_size, why) || !cursor_end(&cursor))
        return cursor.failed;
    if (count != 4)
        return fail(why, ERR_FORMAT, "the header of step %" PRIu64 " claims %" PRIu32 " fields, not 4", step, count);
    *out = (struct record_head){
        .step = step,
        .simulation_epoch = (uint32_t)epoch,
        .section_count = (uint32_t)sections,
        .data_size = data_size,
    };
    return 0;
}
