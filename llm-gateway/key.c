#include "llm-gateway/key.h"

#include "core/bytes.h"
#include "core/digest.h"

static void
add_number(struct digest *digest, uint64_t number)
{
    uint8_t bytes[8];

    bytes_put_u64(bytes, number);
    digest_bytes(digest, bytes, sizeof bytes);
}

static void
add_text(struct digest *digest, const char *text, size_t size)
{
    add_number(digest, size);
    digest_bytes(digest, text, size);
}

static struct key
cut(struct digest *digest)
{
    uint8_t whole[DIGEST_SIZE];
    struct key key;

    digest_end(digest, whole);
    memcpy(key.bytes, whole, KEY_SIZE);
    return key;
}

struct key
key_of(const struct key_fields *fields)
{
    struct digest digest;
    uint64_t stop_count = 0;

    digest_init(&digest);
    digest_bytes(&digest, "k1", 2);
    add_text(&digest, fields->dialect, strlen(fields->dialect));
    add_text(&digest, fields->model, strlen(fields->model));
    add_number(&digest, fields->template);
    add_number(&digest, fields->template_version);
    add_text(&digest, fields->system.bytes, fields->system.size);
    add_text(&digest, fields->user.bytes, fields->user.size);
    add_number(&digest, fields->schema_hash);
    add_number(&digest, fields->temperature_e4);
    add_number(&digest, fields->top_p_e4);
    add_number(&digest, fields->out_max);
    while (fields->stop != NULL && fields->stop[stop_count] != NULL)
        stop_count++;
    add_number(&digest, stop_count);
    for (uint64_t i = 0; i < stop_count; i++)
        add_text(&digest, fields->stop[i], strlen(fields->stop[i]));
    add_number(&digest, fields->seed);
    return cut(&digest);
}

struct key
key_again(const struct key *key, const char *complaints, size_t size)
{
    struct digest digest;

    digest_init(&digest);
    digest_bytes(&digest, "k1 again", 8);
    digest_bytes(&digest, key->bytes, KEY_SIZE);
    add_text(&digest, complaints, size);
    return cut(&digest);
}

char *
key_hex(const struct key *self, char out[KEY_HEX_SIZE])
{
    return digest_hex(self->bytes, KEY_SIZE, out);
}
