/* llm-gateway/http.h - the engine that talks to providers: many transfers at once, one thread, one epoll set. It is a
 * floor without opinions: it sends what it is given, once, and says what became of it. Queues, budgets, retries and
 * breakers are other files' business, with one exception: a kept connection that turns out dead before the first byte
 * of an answer was never a try; the request goes out again on a fresh one, once, and nobody is told but the counters.
 *
 * Every ask that http_send() took ends in exactly one call of done(), unless it is cancelled: then in none. No ask
 * outlives its deadlines, whatever the server does. Redirects are never followed, bodies stop at their limit (counted
 * after decompression), keys go to the host they are for and into no text that comes out of here. */
#ifndef POLIS_LLM_GATEWAY_HTTP_H
#define POLIS_LLM_GATEWAY_HTTP_H

#include "core/error.h"
#include "llm-gateway/provider.h"
#include "llm-gateway/secrets.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_IN_FLIGHT_MAX 16384u
#define HTTP_HOSTS_MAX 64u
#define HTTP_URL_MAX 512u /* bytes of a base URL */
#define HTTP_FIELDS_MAX 32u
#define HTTP_DEADLINE_MAX_MS 3600000u

struct http;

/* 0 everywhere means the default in brackets. */
struct http_options {
    uint32_t in_flight_max;  /* asks at once, each with its buffers [256] */
    uint32_t shard_max;      /* connections to a host that one curl multi handle serves [256]: it walks their list */
    uint32_t connecting_max; /* connections to a host that may be in the making at once [128] */
    uint32_t idle_close_ms;  /* after so long without an ask the connections of a shard are closed [60000] */
    size_t body_max;         /* decoded bytes of an answer [1 MiB] */
    size_t asked_max;        /* bytes of all requests in flight [256 MiB] */
    const struct secrets *secrets; /* lent until http_destroy(); NULL: no keys, and no answer is searched for them */
    const char *ca_file;     /* the only certificates trusted, PEM; NULL: the system's */
    bool insecure;           /* plain http to other hosts than this one is allowed */
    bool http2;              /* offers HTTP/2 and puts many asks on few connections; else HTTP/1.1 */
};

/* How an ask ended. Everything is lent until done() returns. */
struct http_reply {
    uint64_t id;
    /* LLM_OK: an answer came, whatever its status; else LLM_TRANSPORT, LLM_TIMEOUT_..., LLM_BODY_LIMIT, LLM_TLS or
     * LLM_REDIRECT. */
    enum llm_class class;
    /* The status is 0 when none came. Header names are lower case; only those that matter are kept: retry and limit
     * hints, content-type, date, request ids. The body is empty with a class other than LLM_OK, and where it went to
     * piece(). */
    struct provider_reply answer;
    const char *error;  /* for a person; "" when all is well */
    uint32_t total_us;  /* the last connection's time, from its start to the end of the answer */
    bool reused;        /* went over a kept connection */
    bool revived;       /* a kept connection was dead; this is the answer to the second sending */
};

/* Everything is copied by http_send(). */
struct http_ask {
    uint64_t id;                         /* the caller's; not that of another ask in flight */
    const char *base_url;                /* "https://api.example.com/v1", from the scenario only */
    const struct provider_http *request; /* GET or POST, path, headers, body */
    uint32_t secret;                     /* behind the headers that ask for a key; SECRET_NONE: they are left out */
    /* [2 s, 30 s, 15 s, 60 s]. Connect: until the request can be sent, name and TLS included. First: from there to the
     * answer's first byte. Idle: between bytes. Total: from http_send() to the end, whatever else. */
    uint32_t connect_ms, first_ms, idle_ms, total_ms;
    void (*done)(void *context, const struct http_reply *reply);
    /* NULL: the body comes with the reply. Else each piece of a 2xx body as it comes. May call http_cancel(). */
    void (*piece)(void *context, uint64_t id, const char *bytes, size_t size);
    void *context;
};

struct http_stats {
    uint64_t sent, answered, cancelled;
    uint64_t failed[LLM_CLASS_COUNT]; /* by class */
    uint64_t revived;                 /* dead kept connections that were replaced unseen */
    uint64_t opened, closed;          /* connections */
    uint64_t bytes_out, bytes_in;     /* bodies, decoded */
    uint64_t masked;                  /* keys that came back in answers and were taken out */
    uint32_t in_flight, in_flight_peak, waiting; /* waiting: of those in flight, for a place to connect */
};

/* NULL with the reason: a certificate file that cannot be read, no files left. Ignores SIGPIPE where nobody handles it:
 * a TLS library writes to sockets that may be dead. */
struct http *http_new(const struct http_options *options, struct why *why);
/* Asks in flight end without a call. Sets it to NULL. Not from within a callback. */
void http_destroy(struct http **self_p);

/* Takes an ask; it starts with the next http_turn(), which is due at once. May be called from callbacks. ERR_FULL: as
 * many are in flight as there may be, or as many bytes: queueing is the caller's; ERR_INVALID: a URL, path or header
 * that cannot be sent; ERR_DENIED: plain http to another host; ERR_STATE: the id is in flight. */
MUST_CHECK int http_send(struct http *self, uint64_t now_ms, const struct http_ask *ask, struct why *why);
/* Lets go of an ask at any moment before its done() is called; false when there is none of that id. Its connection is
 * closed unless it had not begun. May be called from callbacks. */
bool http_cancel(struct http *self, uint64_t id);
/* How many more asks http_send() would take now. */
uint32_t http_room(const struct http *self);

/* `now_ms` everywhere: monotonic milliseconds (bus/clock.h). The descriptor is readable when there is something to do;
 * the timeout says when to call without that, as poll(2) takes it: -1 never, 0 at once. */
int http_fd(const struct http *self);
int http_timeout_ms(const struct http *self, uint64_t now_ms);
/* Does all that is due, never waits, and returns how many asks were done. Not from within a callback. */
uint32_t http_turn(struct http *self, uint64_t now_ms);

const struct http_stats *http_stats(const struct http *self);

#endif
