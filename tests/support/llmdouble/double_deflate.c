#include "tests/support/llmdouble/double_deflate.h"

#include "core/bytes.h"

#define ADLER 65521u
#define STORED_MAX 65535u

struct bits {
    struct buffer *out;
    uint32_t held, count;
};

/* Numbers go in with their lowest bit first. */
static void
put(struct bits *self, uint32_t value, uint32_t count)
{
    self->held |= value << self->count;
    self->count += count;
    while (self->count >= 8) {
        uint8_t byte = (uint8_t)self->held;

        buffer_append(self->out, &byte, 1);
        self->held >>= 8;
        self->count -= 8;
    }
}

/* Huffman codes go in with their highest bit first. */
static void
put_code(struct bits *self, uint32_t code, uint32_t count)
{
    while (count-- > 0)
        put(self, (code >> count) & 1, 1);
}

static void
put_stored(struct bits *self, const uint8_t *bytes, size_t size, bool last)
{
    uint8_t head[4];

    put(self, last ? 1 : 0, 3); /* block type 0 */
    if (self->count > 0)
        put(self, 0, 8 - self->count);
    bytes_put_u16(head, (uint16_t)size);
    bytes_put_u16(head + 2, (uint16_t)~size);
    buffer_append(self->out, head, sizeof head);
    buffer_append(self->out, bytes, size);
}

/* Adler-32 of `count` equal bytes and a tail: a = 1 + sum of bytes, b = sum of all a; a run in closed form. */
static uint32_t
adler(uint8_t blank, uint64_t count, const uint8_t *tail, size_t tail_size)
{
    uint64_t n = count % ADLER;
    uint64_t triangle =
        count % 2 == 0 ? (count / 2 % ADLER) * ((count + 1) % ADLER) : (count % ADLER) * ((count + 1) / 2 % ADLER);
    uint64_t a = (1 + n * blank) % ADLER, b = (n + blank * (triangle % ADLER)) % ADLER;

    for (size_t i = 0; i < tail_size; i++) {
        a = (a + tail[i]) % ADLER;
        b = (b + a) % ADLER;
    }
    return (uint32_t)(b << 16 | a);
}

void
double_deflate_bomb(struct buffer *out, char blank, uint64_t size, const uint8_t *tail, size_t tail_size)
{
    static const uint8_t head[2] = {0x78, 0x9C};
    struct bits bits = {out, 0, 0};
    uint64_t matches = (size + 257) / 258;
    uint8_t sum[4];
    size_t at = 0;

    buffer_append(out, head, sizeof head);
    /* One block of fixed codes: the byte itself, then matches of length 258 at distance 1, then the end. */
    put(&bits, 2, 3);
    put_code(&bits, 0x30u + (uint8_t)blank, 8);
    for (uint64_t i = 0; i < matches; i++) {
        put_code(&bits, 0xC5, 8); /* symbol 285 */
        put_code(&bits, 0, 5);
    }
    put_code(&bits, 0, 7);
    do {
        size_t step = tail_size - at < STORED_MAX ? tail_size - at : STORED_MAX;

        put_stored(&bits, tail + at, step, at + step == tail_size);
        at += step;
    } while (at < tail_size);
    bytes_put_u32_be(sum, adler((uint8_t)blank, 1 + matches * 258, tail, tail_size));
    buffer_append(out, sum, sizeof sum);
}
