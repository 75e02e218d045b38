#include "llm-gateway/answer.h"

#include "core/bytes.h"

#define WORD(name, word, doc) word,

const char *
answer_status_name(uint32_t status)
{
    static const char *const names[] = {ANSWER_STATUSES(WORD)};

    return status < ANSWER_STATUS_COUNT ? names[status] : "none";
}

const char *
answer_source_name(uint32_t source)
{
    static const char *const names[] = {ANSWER_SOURCES(WORD)};

    return source < ANSWER_SOURCE_COUNT ? names[source] : "none";
}

bool
answer_id_equal(const struct answer_id *a, const struct answer_id *b)
{
    return answer_id_compare(a, b) == 0;
}

int
answer_id_compare(const struct answer_id *a, const struct answer_id *b)
{
    if (a->step != b->step)
        return a->step < b->step ? -1 : 1;
    if (a->client != b->client)
        return a->client < b->client ? -1 : 1;
    if (a->role != b->role)
        return a->role < b->role ? -1 : 1;
    return a->ordinal == b->ordinal ? 0 : a->ordinal < b->ordinal ? -1 : 1;
}

_Static_assert(ANSWER_CLIENT_MAX < 1u << 24 && ANSWER_ROLE_MAX < 1u << 8, "client and role share four bytes");

struct key
answer_id_key(const struct answer_id *id)
{
    struct key key;

    bytes_put_u64(key.bytes, id->step);
    bytes_put_u32(key.bytes + 8, id->client << 8 | id->role);
    bytes_put_u32(key.bytes + 12, id->ordinal);
    return key;
}
