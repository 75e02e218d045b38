#include "llm-gateway/schema_pool.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/digest.h"

static void
remember(struct schema_pool *self, const char *text, size_t size, uint32_t place)
{
    buffer_clear(&self->last);
    buffer_append(&self->last, text, size);
    self->last_place = place;
}

int
schema_pool_find(struct schema_pool *self, const char *name, const char *text, size_t size, uint32_t *out,
                 struct why *why)
{
    uint8_t digest[DIGEST_SIZE];
    struct schema *schema = NULL;
    struct key key;
    int error;

    if (size == self->last.size && size > 0 && memcmp(self->last.data, text, size) == 0) {
        *out = self->last_place;
        return 0;
    }
    digest_of(text, size, digest);
    memcpy(key.bytes, digest, sizeof key.bytes);
    if (key_map_find(&self->places, &key, out)) {
        remember(self, text, size, *out);
        return 0;
    }
    if ((error = schema_compile(name, text, size, &schema, why)) != 0)
        return error;
    if (self->count == self->capacity) {
        self->capacity = self->capacity > 0 ? 2 * self->capacity : 16;
        self->schemas = realloc(self->schemas, self->capacity * sizeof self->schemas[0]);
        ASSERT(self->schemas != NULL);
    }
    self->schemas[self->count] = schema;
    *out = self->count++;
    key_map_put(&self->places, &key, *out);
    remember(self, text, size, *out);
    return 0;
}

const struct schema *
schema_pool_get(const struct schema_pool *self, uint32_t number)
{
    ASSERT(number == SCHEMA_POOL_NONE || number < self->count);
    return number == SCHEMA_POOL_NONE ? NULL : self->schemas[number];
}

void
schema_pool_clear(struct schema_pool *self)
{
    for (uint32_t i = 0; i < self->count; i++)
        schema_destroy(&self->schemas[i]);
    self->count = 0;
    key_map_clear(&self->places);
    buffer_clear(&self->last);
}

void
schema_pool_fini(struct schema_pool *self)
{
    schema_pool_clear(self);
    free(self->schemas);
    buffer_fini(&self->last);
    key_map_fini(&self->places);
    *self = (struct schema_pool){0};
}
