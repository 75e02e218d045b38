#include "tests/support/llmdouble/double_wire.h"

#include "core/text.h"
#include "tests/support/llmdouble/double_deflate.h"

#include <inttypes.h>

#define RESET_MS 20u /* so that what was sent before is read before the reset arrives */
#define FILLER 65536u
#define SPLITS_MAX 100u

static const char *
reason(unsigned status)
{
    switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 307: return "Temporary Redirect";
    case 400: return "Bad Request";
    case 402: return "Payment Required";
    case 404: return "Not Found";
    case 413: return "Content Too Large";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    default: return "Unknown";
    }
}

static bool
is_odd(const struct double_wire *self, uint32_t variant)
{
    return self->fault.id == DOUBLE_FAULT_ODD && self->fault.variant == variant;
}

/* All of the head but how its body is framed. */
static void
add_head(const struct double_wire *self, struct buffer *out)
{
    if (is_odd(self, DOUBLE_ODD_CONTINUE))
        text_add(out, "HTTP/1.1 100 Continue\r\n\r\n");
    text_addf(out, "HTTP/1.%d %u %s\r\n", is_odd(self, DOUBLE_ODD_HTTP10) ? 0 : 1, self->status, reason(self->status));
    if (self->status != 204)
        text_addf(out, "Content-Type: %s\r\n", is_odd(self, DOUBLE_ODD_TYPE) ? "text/html; charset=utf-8" : self->type);
    if (self->id_name != NULL)
        text_addf(out, "%s: req_%016" PRIx64 "\r\n", self->id_name, self->key);
    text_add(out, self->extra);
    if (!self->keep_alive)
        text_add(out, "Connection: close\r\n");
}

static void
add_length(size_t size, struct buffer *out)
{
    text_addf(out, "Content-Length: %zu\r\n\r\n", size);
}

static void
add_chunk(struct double_reply *out, const uint8_t *bytes, size_t size)
{
    text_addf(&out->bytes, "%zx\r\n", size);
    buffer_append(&out->bytes, bytes, size);
    text_add(&out->bytes, "\r\n");
}

static void
finish(const struct double_wire *self, struct double_reply *out)
{
    out->end = self->keep_alive ? DOUBLE_KEEP : DOUBLE_CLOSE;
}

/* Everything sent so far in pieces of the fault's size; a reply is at most some kilobytes. */
static void
drip(const struct double_wire *self, struct double_reply *out)
{
    struct buffer all = out->bytes;
    size_t step = self->fault.size == 0 ? 1 : (size_t)self->fault.size;

    out->bytes = (struct buffer){0};
    out->count = 0;
    out->taken = 0;
    for (size_t at = 0; at < all.size; at += step) {
        buffer_append(&out->bytes, all.data + at, all.size - at < step ? all.size - at : step);
        double_reply_part(out, self->fault.ms, 1);
    }
    buffer_fini(&all);
}

/* After half a body: closed, or reset once the bytes had time to be read. */
static void
break_off(const struct double_wire *self, struct double_reply *out)
{
    double_reply_part(out, self->ttft_ms, 1);
    if (self->fault.id == DOUBLE_FAULT_RESET)
        double_reply_part(out, RESET_MS, 1);
    out->end = self->fault.id == DOUBLE_FAULT_RESET ? DOUBLE_RESET : DOUBLE_CLOSE;
}

static void
add_filler(struct double_reply *out, char blank, size_t size)
{
    memset(buffer_extend(&out->bytes, size), blank, size);
}

/* A body that is `size` bytes of blanks longer than it needs to be; JSON and streams do not mind. */
static void
large(const struct double_wire *self, const struct buffer *body, char blank, struct double_reply *out)
{
    uint64_t times = self->fault.size / FILLER, rest = self->fault.size % FILLER;

    add_head(self, &out->bytes);
    add_length((size_t)self->fault.size + body->size, &out->bytes);
    add_filler(out, blank, (size_t)rest);
    double_reply_part(out, self->ttft_ms, 1);
    add_filler(out, blank, FILLER);
    if (times > 0)
        double_reply_part(out, 0, times == 1 ? 1 : times);
    else
        out->bytes.size = out->taken;
    buffer_append(&out->bytes, body->data, body->size);
    double_reply_part(out, 0, 1);
    finish(self, out);
}

static void
bomb(const struct double_wire *self, const struct buffer *body, char blank, struct double_reply *out)
{
    struct buffer packed = {0};

    double_deflate_bomb(&packed, blank, self->fault.size, body->data, body->size);
    add_head(self, &out->bytes);
    text_add(&out->bytes, "Content-Encoding: deflate\r\n");
    add_length(packed.size, &out->bytes);
    buffer_append(&out->bytes, packed.data, packed.size);
    double_reply_part(out, self->ttft_ms, 1);
    buffer_fini(&packed);
    finish(self, out);
}

/* What whole bodies and streams have in common. False: not one of these faults. */
static bool
fail_early(const struct double_wire *self, const struct buffer *body, char blank, struct double_reply *out)
{
    switch (self->fault.id) {
    case DOUBLE_FAULT_SILENT: out->end = DOUBLE_STALL; return true;
    case DOUBLE_FAULT_RESET_REUSED: out->end = DOUBLE_RESET; return true;
    case DOUBLE_FAULT_STALL:
        add_head(self, &out->bytes);
        add_length(body->size, &out->bytes);
        double_reply_part(out, self->ttft_ms, 1);
        out->end = DOUBLE_STALL;
        return true;
    case DOUBLE_FAULT_LARGE: large(self, body, blank, out); return true;
    case DOUBLE_FAULT_BOMB: bomb(self, body, blank, out); return true;
    case DOUBLE_FAULT_ODD:
        if (self->fault.variant == DOUBLE_ODD_EMPTY) {
            add_head(self, &out->bytes);
            text_add(&out->bytes, "\r\n");
        } else if (self->fault.variant == DOUBLE_ODD_HTTP10) { /* the end of the connection ends the body */
            add_head(self, &out->bytes);
            text_add(&out->bytes, "\r\n");
            buffer_append(&out->bytes, body->data, body->size);
        } else {
            return false;
        }
        double_reply_part(out, self->ttft_ms, 1);
        out->end = self->fault.variant == DOUBLE_ODD_HTTP10 || !self->keep_alive ? DOUBLE_CLOSE : DOUBLE_KEEP;
        return true;
    default: return false;
    }
}

void
double_wire_whole(const struct double_wire *self, const struct buffer *body, struct double_reply *out)
{
    enum double_fault_id id = self->fault.id;
    size_t said = id == DOUBLE_FAULT_TRUNCATED ? body->size / 2 : body->size;
    size_t sent = id == DOUBLE_FAULT_SHORT_BODY || id == DOUBLE_FAULT_RESET ? said / 2 : said;

    if (fail_early(self, body, ' ', out))
        return;
    add_head(self, &out->bytes);
    if (id == DOUBLE_FAULT_ENDLESS) {
        text_add(&out->bytes, "Transfer-Encoding: chunked\r\n\r\n");
        double_reply_part(out, self->ttft_ms, 1);
        text_add(&out->bytes, "1000\r\n");
        add_filler(out, ' ', 0x1000);
        text_add(&out->bytes, "\r\n");
        double_reply_part(out, 0, DOUBLE_FOREVER);
        return;
    }
    add_length(said, &out->bytes);
    buffer_append(&out->bytes, body->data, sent);
    if (sent < said) {
        break_off(self, out);
        return;
    }
    double_reply_part(out, self->ttft_ms, 1);
    finish(self, out);
    if (id == DOUBLE_FAULT_DRIP)
        drip(self, out);
}

/* Where a stream is cut: inside the word data and behind the first byte of characters that have several. */
static bool
splits_here(const struct buffer *body, size_t at)
{
    return (at >= 2 && at + 3 <= body->size && memcmp(body->data + at - 2, "data:", 5) == 0) ||
           (at >= 1 && body->data[at - 1] >= 0xC0 && (body->data[at] & 0xC0u) == 0x80);
}

static void
stream_split(const struct double_wire *self, const struct double_stream *stream, struct double_reply *out)
{
    const struct buffer *body = &stream->body;
    size_t from = 0;
    uint32_t splits = 0;

    for (size_t at = 1; at < body->size && splits < SPLITS_MAX; at++) {
        if (!splits_here(body, at))
            continue;
        add_chunk(out, body->data + from, at - from);
        double_reply_part(out, splits == 0 ? self->ttft_ms : self->fault.ms, 1);
        from = at;
        splits++;
    }
    add_chunk(out, body->data + from, body->size - from);
    double_reply_part(out, self->fault.ms, 1);
}

static void
stream_events(const struct double_wire *self, const struct double_stream *stream, uint32_t count,
              struct double_reply *out)
{
    size_t from = 0;

    for (uint32_t i = 0; i < count; i++) {
        add_chunk(out, stream->body.data + from, stream->ends[i] - from);
        double_reply_part(out, i == 0 ? self->ttft_ms : self->per_chunk_ms, 1);
        from = stream->ends[i];
    }
}

/* The events, then the last of them again and again. */
static void
stream_endless(const struct double_wire *self, const struct double_stream *stream, struct double_reply *out)
{
    uint32_t count = stream->count < 3 ? stream->count : 3, last = count - 1;
    size_t from = last == 0 ? 0 : stream->ends[last - 1];

    stream_events(self, stream, count, out);
    add_chunk(out, stream->body.data + from, stream->ends[last] - from);
    double_reply_part(out, 0, DOUBLE_FOREVER);
}

void
double_wire_stream(const struct double_wire *self, const struct double_stream *stream, struct double_reply *out)
{
    enum double_fault_id id = self->fault.id;

    if (fail_early(self, &stream->body, '\n', out))
        return;
    add_head(self, &out->bytes);
    text_add(&out->bytes, "Transfer-Encoding: chunked\r\n\r\n");
    if (id == DOUBLE_FAULT_ENDLESS && stream->count > 0) {
        stream_endless(self, stream, out);
        return;
    }
    if (id == DOUBLE_FAULT_SHORT_BODY || id == DOUBLE_FAULT_RESET) {
        add_chunk(out, stream->body.data, stream->body.size / 2);
        break_off(self, out);
        return;
    }
    if (id == DOUBLE_FAULT_SPLIT) {
        stream_split(self, stream, out);
    } else if (id == DOUBLE_FAULT_TRUNCATED) { /* ends in good order in the middle of an event */
        add_chunk(out, stream->body.data, stream->body.size / 2);
        double_reply_part(out, self->ttft_ms, 1);
    } else {
        stream_events(self, stream, stream->count, out);
    }
    text_add(&out->bytes, "0\r\n\r\n");
    double_reply_part(out, 0, 1);
    finish(self, out);
    if (id == DOUBLE_FAULT_DRIP)
        drip(self, out);
}
