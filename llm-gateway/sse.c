#include "llm-gateway/sse.h"

#include <string.h>

#include "core/assert.h"
#include "core/text.h"

void
sse_init(struct sse *self, size_t size_max)
{
    *self = (struct sse){.size_max = size_max};
}

void
sse_fini(struct sse *self)
{
    buffer_fini(&self->line);
    buffer_fini(&self->data);
}

static void
dispatch(struct sse *self, const struct sse_sink *sink)
{
    if (self->has_data)
        sink->event(sink->context, self->event, self->data.size > 0 ? (const char *)self->data.data : "",
                    self->data.size);
    buffer_clear(&self->data);
    self->event[0] = '\0';
    self->has_data = false;
}

static void
take_field(struct sse *self, const char *name, size_t name_size, const char *value, size_t size)
{
    if (name_size == 4 && memcmp(name, "data", 4) == 0) {
        if (self->has_data)
            text_add(&self->data, "\n");
        buffer_append(&self->data, value, size);
        self->has_data = true;
    } else if (name_size == 5 && memcmp(name, "event", 5) == 0) {
        size_t length = size < sizeof self->event ? size : sizeof self->event - 1;

        memcpy(self->event, value, length);
        self->event[length] = '\0';
    }
}

static void
take_line(struct sse *self, const struct sse_sink *sink)
{
    const char *line = self->line.size > 0 ? (const char *)self->line.data : "";
    size_t size = self->line.size;
    const char *colon;

    if (!self->begun && size >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
        size -= 3;
    }
    self->begun = true;
    buffer_clear(&self->line);
    if (size == 0) {
        dispatch(self, sink);
        return;
    }
    colon = memchr(line, ':', size);
    if (colon == line)
        return;
    if (colon == NULL) {
        take_field(self, line, size, "", 0);
    } else {
        size_t name_size = (size_t)(colon - line);
        size_t skip = name_size + 1 < size && colon[1] == ' ' ? 2 : 1;

        take_field(self, line, name_size, line + name_size + skip, size - name_size - skip);
    }
}

int
sse_feed(struct sse *self, const char *bytes, size_t size, const struct sse_sink *sink, struct why *why)
{
    size_t at = 0;

    ASSERT(bytes != NULL || size == 0);
    while (at < size) {
        size_t run = at;

        if (self->after_cr && bytes[at] == '\n') {
            self->after_cr = false;
            at++;
            continue;
        }
        self->after_cr = false;
        while (run < size && bytes[run] != '\n' && bytes[run] != '\r')
            run++;
        /* Checked before anything is kept, so that memory stays within the bound. */
        if (run - at > self->size_max || self->line.size + self->data.size + (run - at) > self->size_max)
            return fail(why, ERR_LIMIT, "an event of more than %zu bytes", self->size_max);
        buffer_append(&self->line, bytes + at, run - at);
        if (run < size) {
            self->after_cr = bytes[run] == '\r';
            take_line(self, sink);
            run++;
        }
        at = run;
    }
    return 0;
}

int
sse_end(struct sse *self, const struct sse_sink *sink, struct why *why)
{
    if (self->line.size > 0) {
        int code = sse_feed(self, "\n", 1, sink, why);

        if (code != 0)
            return code;
    }
    dispatch(self, sink);
    self->after_cr = false;
    return 0;
}
