#include "tests/support/llmdouble/double_http.h"

void
double_http_fini(struct double_http *self)
{
    buffer_fini(&self->unframed);
}

struct double_slice
double_http_header(const struct double_http *self, const char *name)
{
    for (uint32_t i = 0; i < self->header_count; i++)
        if (double_slice_is_word(self->headers[i].name, name))
            return self->headers[i].value;
    return (struct double_slice){NULL, 0};
}

static struct double_slice
trimmed(const char *from, const char *to)
{
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
        to--;
    return (struct double_slice){from, (size_t)(to - from)};
}

static bool
parse_request_line(struct double_http *self, const char *line, const char *end)
{
    const char *space = memchr(line, ' ', (size_t)(end - line)), *next, *mark;
    struct double_slice version;

    if (space == NULL || space == line)
        return false;
    self->method = (struct double_slice){line, (size_t)(space - line)};
    next = memchr(space + 1, ' ', (size_t)(end - space - 1));
    if (next == NULL || space[1] != '/')
        return false;
    self->target = (struct double_slice){space + 1, (size_t)(next - space - 1)};
    version = trimmed(next + 1, end);
    if (!double_slice_is(version, "HTTP/1.1") && !double_slice_is(version, "HTTP/1.0"))
        return false;
    self->keep_alive = double_slice_is(version, "HTTP/1.1");
    self->path = self->target;
    mark = memchr(self->target.at, '?', self->target.size);
    if (mark != NULL) {
        self->path.size = (size_t)(mark - self->target.at);
        self->query = (struct double_slice){mark + 1, self->target.size - self->path.size - 1};
    }
    return true;
}

static bool
parse_length(struct double_slice value, uint64_t *out)
{
    *out = 0;
    if (value.size == 0 || value.size > 12)
        return false;
    for (size_t i = 0; i < value.size; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(value.at[i] - '0');
    }
    return true;
}

/* The headers that say how the bytes go on. */
static bool
take_framing(struct double_http *self, struct double_header header)
{
    if (double_slice_is_word(header.name, "content-length"))
        return parse_length(header.value, &self->content_length);
    if (double_slice_is_word(header.name, "transfer-encoding"))
        self->chunked = double_slice_is_word(header.value, "chunked");
    else if (double_slice_is_word(header.name, "connection"))
        self->keep_alive = double_slice_is_word(header.value, "close")        ? false
                           : double_slice_is_word(header.value, "keep-alive") ? true
                                                                              : self->keep_alive;
    else if (double_slice_is_word(header.name, "expect"))
        self->wants_continue = double_slice_is_word(header.value, "100-continue");
    return true;
}

static bool
parse_head(struct double_http *self, const char *bytes, size_t size)
{
    const char *line = bytes, *end = bytes + size;

    for (bool first = true; line < end; first = false) {
        const char *stop = memchr(line, '\n', (size_t)(end - line)), *colon;

        if (stop == NULL)
            stop = end;
        if (first) {
            if (!parse_request_line(self, line, stop))
                return false;
        } else if (trimmed(line, stop).size > 0) {
            colon = memchr(line, ':', (size_t)(stop - line));
            if (colon == NULL || self->header_count == DOUBLE_HEADERS)
                return false;
            self->headers[self->header_count++] =
                (struct double_header){{line, (size_t)(colon - line)}, trimmed(colon + 1, stop)};
            if (!take_framing(self, self->headers[self->header_count - 1]))
                return false;
        }
        line = stop + 1;
    }
    return self->method.size > 0;
}

static bool
parse_chunk_size(const char *at, const char *end, size_t *out)
{
    const char *start = at;

    for (*out = 0; at < end && at - start < 8; at++) {
        unsigned digit = *at >= '0' && *at <= '9'   ? (unsigned)(*at - '0')
                         : *at >= 'a' && *at <= 'f' ? (unsigned)(*at - 'a') + 10
                         : *at >= 'A' && *at <= 'F' ? (unsigned)(*at - 'A') + 10
                                                    : 16;
        if (digit == 16)
            break;
        *out = *out * 16 + digit;
    }
    return at > start && (at == end || *at == '\r' || *at == ';' || *at == ' ');
}

static enum double_http_state
parse_chunks(struct double_http *self, const char *bytes, size_t head, size_t size)
{
    const char *at = bytes + head, *end = bytes + size;
    size_t chunk;

    buffer_clear(&self->unframed);
    for (;;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        if (stop == NULL)
            return end - at > 4096 ? DOUBLE_HTTP_BAD : DOUBLE_HTTP_MORE;
        if (!parse_chunk_size(at, stop, &chunk))
            return DOUBLE_HTTP_BAD;
        if (chunk > DOUBLE_BODY_MAX || self->unframed.size + chunk > DOUBLE_BODY_MAX)
            return DOUBLE_HTTP_LARGE;
        at = stop + 1;
        if ((size_t)(end - at) < chunk + 2)
            return DOUBLE_HTTP_MORE;
        buffer_append(&self->unframed, at, chunk);
        at += chunk;
        if (at[0] != '\r' || at[1] != '\n')
            return DOUBLE_HTTP_BAD; /* trailers are not sent by anybody we stand in for */
        at += 2;
        if (chunk == 0)
            break;
    }
    self->body = (struct double_slice){(const char *)self->unframed.data, self->unframed.size};
    self->size = (size_t)(at - bytes);
    return DOUBLE_HTTP_READY;
}

enum double_http_state
double_http_parse(struct double_http *self, const char *bytes, size_t size)
{
    const char *end = size == 0 ? NULL : memmem(bytes, size, "\r\n\r\n", 4);
    size_t head;

    self->method = self->target = self->path = self->query = self->body = (struct double_slice){NULL, 0};
    self->header_count = 0;
    self->keep_alive = self->chunked = self->wants_continue = false;
    self->content_length = 0;
    if (end == NULL)
        return size > DOUBLE_HEAD_MAX ? DOUBLE_HTTP_LARGE : DOUBLE_HTTP_MORE;
    head = (size_t)(end - bytes) + 4;
    if (head > DOUBLE_HEAD_MAX)
        return DOUBLE_HTTP_LARGE;
    if (!parse_head(self, bytes, head - 4))
        return DOUBLE_HTTP_BAD;
    if (self->chunked)
        return parse_chunks(self, bytes, head, size);
    if (self->content_length > DOUBLE_BODY_MAX)
        return DOUBLE_HTTP_LARGE;
    if (size - head < self->content_length)
        return DOUBLE_HTTP_MORE;
    self->body = (struct double_slice){bytes + head, (size_t)self->content_length};
    self->size = head + (size_t)self->content_length;
    return DOUBLE_HTTP_READY;
}
