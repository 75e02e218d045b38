/* tests/support/llmdouble/double_http.h - one HTTP/1 request out of the bytes of a connection. Everything is lent from
 * those bytes until they change. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_HTTP_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_HTTP_H

#include "core/buffer.h"
#include "tests/support/llmdouble/double_slice.h"

#include <stdint.h>

#define DOUBLE_HEADERS 64u
#define DOUBLE_HEAD_MAX 65536u
#define DOUBLE_BODY_MAX (32u << 20) /* bytes; what Anthropic takes at most */

struct double_header {
    struct double_slice name, value;
};

struct double_http {
    struct double_slice method, target; /* the target as it came, with its query */
    struct double_slice path, query;
    struct double_header headers[DOUBLE_HEADERS];
    uint32_t header_count;
    bool keep_alive, chunked, wants_continue;
    uint64_t content_length;
    struct double_slice body;
    size_t size;            /* bytes of the whole request, once it is there */
    struct buffer unframed; /* a chunked body put together; owned */
};

enum double_http_state {
    DOUBLE_HTTP_MORE, /* not all of it has come; wants_continue is set once the head has */
    DOUBLE_HTTP_READY,
    DOUBLE_HTTP_BAD,   /* no HTTP/1 */
    DOUBLE_HTTP_LARGE, /* a head or body over its limit */
};

/* Start from {0}. */
void double_http_fini(struct double_http *self);
enum double_http_state double_http_parse(struct double_http *self, const char *bytes, size_t size);

/* The value of a header, or an empty slice. Names are compared without regard to case. */
struct double_slice double_http_header(const struct double_http *self, const char *name);

#endif
