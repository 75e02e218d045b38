/* tests/unit/proto/random.h - messages and batches with random content inside their bounds, the bounds themselves
 * often among it. For tests, and for the seeds of the fuzz targets. */
#ifndef POLIS_TESTS_UNIT_PROTO_RANDOM_H
#define POLIS_TESTS_UNIT_PROTO_RANDOM_H

#include <stdlib.h>
#include <string.h>

#include "core/rng.h"
#include "proto/columns.h"
#include "proto/messages.h"

#define RANDOM_BLOB_MAX (1u << 20)
#define RANDOM_STRUCT_MAX (1u << 17) /* bytes; no message's struct is larger */

/* All widths come up: the number of leading zeros is drawn first. */
static inline uint64_t
random_bits(struct rng *rng)
{
    return rng_u64(rng) >> rng_below(rng, 64);
}

static inline uint64_t
random_unsigned(struct rng *rng, uint64_t low, uint64_t high)
{
    uint64_t span = high - low;

    if (rng_chance(rng, 0.15))
        return rng_chance(rng, 0.5) ? low : high;
    return span == UINT64_MAX ? random_bits(rng) : low + random_bits(rng) % (span + 1);
}

static inline int64_t
random_signed(struct rng *rng, int64_t low, int64_t high)
{
    return (int64_t)((uint64_t)low + random_unsigned(rng, 0, (uint64_t)high - (uint64_t)low));
}

/* Written so that the width of low .. high cannot overflow. */
static inline double
random_real(struct rng *rng, double low, double high)
{
    double share = rng_real(rng);

    if (rng_chance(rng, 0.15))
        return rng_chance(rng, 0.5) ? low : high;
    return low * (1 - share) + high * share;
}

/* Mostly short, sometimes as long as it may be. */
static inline uint32_t
random_size(struct rng *rng, double low, double high, uint32_t usual)
{
    uint32_t lo = (uint32_t)low, hi = (uint32_t)high;

    if (rng_chance(rng, 0.1))
        return rng_chance(rng, 0.5) ? lo : hi;
    hi = hi < lo + usual ? hi : lo + usual;
    return (uint32_t)random_unsigned(rng, lo, hi);
}

static inline void
random_text(struct rng *rng, char *out, uint32_t size)
{
    static const char *const points[] = {"a", "Z", " ", "\n", "\x7f", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    uint32_t at = 0;

    while (at < size) {
        const char *point = points[rng_below(rng, 8)];

        if (strlen(point) > size - at)
            continue;
        memcpy(out + at, point, strlen(point));
        at += (uint32_t)strlen(point);
    }
    out[size] = '\0';
}

static inline const uint8_t *
random_blob(void)
{
    static uint8_t pool[RANDOM_BLOB_MAX];

    if (pool[1] == 0)
        for (uint32_t i = 0; i < RANDOM_BLOB_MAX; i++)
            pool[i] = (uint8_t)(i * 37u ^ i >> 8);
    return pool;
}

static inline void
random_field(const struct field *field, struct rng *rng, uint8_t *member)
{
    uint32_t natural;
    uint64_t large;
    int64_t integer;
    double real;
    bool truth;
    struct blob blob;

    switch (field->kind) {
    case FIELD_U32:
        natural = (uint32_t)random_unsigned(rng, field_bound_unsigned(field->low, UINT32_MAX),
                                            field_bound_unsigned(field->high, UINT32_MAX));
        memcpy(member, &natural, sizeof natural);
        return;
    case FIELD_U64:
        large = random_unsigned(rng, field_bound_unsigned(field->low, UINT64_MAX),
                                field_bound_unsigned(field->high, UINT64_MAX));
        memcpy(member, &large, sizeof large);
        return;
    case FIELD_I64:
        integer = random_signed(rng, field_bound_signed(field->low), field_bound_signed(field->high));
        memcpy(member, &integer, sizeof integer);
        return;
    case FIELD_F64:
        real = random_real(rng, field->low, field->high);
        memcpy(member, &real, sizeof real);
        return;
    case FIELD_BOOL:
        truth = rng_chance(rng, 0.5);
        memcpy(member, &truth, sizeof truth);
        return;
    case FIELD_TEXT:
        random_text(rng, (char *)member, random_size(rng, field->low, field->high, 40));
        return;
    case FIELD_PEER:
        for (uint32_t i = 0; i < sizeof(struct peer); i++)
            member[i] = (uint8_t)rng_u32(rng);
        return;
    case FIELD_BIN:
        blob.size = random_size(rng, field->low, field->high, 300);
        blob.data = random_blob() + rng_below(rng, RANDOM_BLOB_MAX - blob.size);
        memcpy(member, &blob, sizeof blob);
        return;
    }
    abort();
}

/* Fills the struct of a message, padding included. */
static inline void
random_message(const struct message *message, struct rng *rng, void *out)
{
    memset(out, 0, message->size);
    for (uint32_t i = 0; i < message->field_count; i++)
        random_field(&message->fields[i], rng, (uint8_t *)out + message->fields[i].offset);
}

static inline void
random_column(const struct batch_writer *writer, uint32_t c, struct rng *rng)
{
    const struct column *column = &writer->schema->columns[c];
    uint32_t count = writer->count[column->axis], end = 0;
    uint8_t *data = batch_column(writer, c);
    double lo = column->low, hi = column->high;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t left = column->kind == COLUMN_OFFSETS ? writer->count[column->target] - end : 0;

        switch (column->kind) {
        case COLUMN_U8: data[i] = (uint8_t)random_unsigned(rng, (uint64_t)lo, (uint64_t)hi); break;
        case COLUMN_U16: bytes_put_u16(data + 2 * i, (uint16_t)random_unsigned(rng, (uint64_t)lo, (uint64_t)hi)); break;
        case COLUMN_U32: bytes_put_u32(data + 4 * i, (uint32_t)random_unsigned(rng, (uint64_t)lo, (uint64_t)hi)); break;
        case COLUMN_U64:
            bytes_put_u64(data + 8 * i, random_unsigned(rng, (uint64_t)lo, field_bound_unsigned(hi, UINT64_MAX)));
            break;
        case COLUMN_I32: bytes_put_i32(data + 4 * i, (int32_t)random_signed(rng, (int64_t)lo, (int64_t)hi)); break;
        case COLUMN_I64:
            bytes_put_i64(data + 8 * i, random_signed(rng, field_bound_signed(lo), field_bound_signed(hi)));
            break;
        case COLUMN_F64: bytes_put_f64(data + 8 * i, random_real(rng, lo, hi)); break;
        case COLUMN_OFFSETS:
            end += i + 1 == count ? left : rng_below(rng, left + 1);
            bytes_put_u32(data + 4 * i + 4, end);
            break;
        }
    }
}

/* Adds a batch of up to `most` elements an axis. An axis that lists point into is empty where nobody could own one. */
static inline void
random_batch(const struct schema *schema, struct rng *rng, uint32_t most, struct buffer *out)
{
    struct batch_writer writer;
    uint32_t counts[AXIS_MAX] = {0};

    for (uint32_t a = 0; a < schema->axis_count; a++)
        counts[a] = rng_below(rng, (most < schema->axes[a].max ? most : schema->axes[a].max) + 1);
    for (uint32_t c = 0; c < schema->column_count; c++)
        if (schema->columns[c].kind == COLUMN_OFFSETS && counts[schema->columns[c].axis] == 0)
            counts[schema->columns[c].target] = 0;
    batch_begin(&writer, schema, out, rng_u64(rng), rng_below(rng, 1000), counts);
    for (uint32_t c = 0; c < schema->column_count; c++)
        random_column(&writer, c, rng);
}

#endif
