#include "llm-gateway/ndjson.h"

#include <string.h>

#include "core/assert.h"

void
ndjson_init(struct ndjson *self, size_t size_max)
{
    *self = (struct ndjson){.size_max = size_max};
}

void
ndjson_fini(struct ndjson *self)
{
    buffer_fini(&self->line);
}

static void
take_line(struct ndjson *self, const struct ndjson_sink *sink)
{
    size_t size = self->line.size;

    if (size > 0 && self->line.data[size - 1] == '\r')
        size--;
    if (size > 0)
        sink->line(sink->context, (const char *)self->line.data, size);
    buffer_clear(&self->line);
}

int
ndjson_feed(struct ndjson *self, const char *bytes, size_t size, const struct ndjson_sink *sink, struct why *why)
{
    size_t at = 0;

    ASSERT(bytes != NULL || size == 0);
    while (at < size) {
        const char *end = memchr(bytes + at, '\n', size - at);
        size_t run = end == NULL ? size - at : (size_t)(end - (bytes + at));

        if (run > self->size_max || self->line.size + run > self->size_max)
            return fail(why, ERR_LIMIT, "a line of more than %zu bytes", self->size_max);
        buffer_append(&self->line, bytes + at, run);
        at += run;
        if (end != NULL) {
            take_line(self, sink);
            at++;
        }
    }
    return 0;
}

void
ndjson_end(struct ndjson *self, const struct ndjson_sink *sink)
{
    take_line(self, sink);
}
