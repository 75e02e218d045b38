/* llm-gateway/http_inner.h - the insides of http.h, shared by the http_*.c files and nobody else.
 *
 * An ask is a slot (request, curl handle, buffers; kept for the next ask). Its way, and what must hold on it:
 *   1. FREE -> WAITING (in its host's row) -> CONNECTING (in a shard's multi handle) -> SENT -> BODY -> DONE (in the
 *      row of those to be told) -> FREE. A dead kept connection sends it from SENT back to the head of the WAITING.
 *   2. It is in the table of ids from WAITING to DONE, in the timer from WAITING to BODY, in a multi handle from
 *      CONNECTING to BODY, and at no other time.
 *   3. While curl runs (`in_curl`) no handle is added to or taken from a multi: sending queues, cancelling marks.
 *   4. The timer's moment of a slot is never later than its true deadline, it may be earlier: bytes that come only note
 *      their time, and the moment is corrected when it is reached. */
#ifndef POLIS_LLM_GATEWAY_HTTP_INNER_H
#define POLIS_LLM_GATEWAY_HTTP_INNER_H

#include "llm-gateway/http.h"

#include <curl/curl.h>

#include "core/buffer.h"
#include "core/table.h"

#define HTTP_NONE UINT32_MAX
#define HTTP_HEAD_MAX 65536u  /* bytes of all headers of an answer, interim ones included */
#define HTTP_KEEP_SIZE 65536u /* a slot's buffer that grew larger is freed after the ask */
#define HTTP_LINES_MAX (PROVIDER_HEADER_MAX + 3u)

enum http_phase { HTTP_FREE, HTTP_WAITING, HTTP_CONNECTING, HTTP_SENT, HTTP_BODY, HTTP_DONE };

struct http_row { /* slots in order, linked through them */
    uint32_t first, last;
};

struct http_slot {
    struct http *http;
    CURL *easy;
    uint32_t index;
    uint32_t previous, next; /* of the row it is in */
    enum http_phase phase;
    struct http_host *host;
    struct http_shard *shard; /* from CONNECTING to BODY */

    uint64_t id;
    void (*done)(void *context, const struct http_reply *reply);
    void (*piece)(void *context, uint64_t id, const char *bytes, size_t size);
    void *context;

    uint64_t due_ms;   /* in the timer */
    uint32_t timer_at; /* place in the timer's heap, or HTTP_NONE */
    uint64_t began_ms, phase_ms, heard_ms; /* the ask; the phase; the last byte */
    uint32_t connect_ms, first_ms, idle_ms, total_ms;

    struct buffer url, request; /* the URL as the handle knows it, terminated */
    struct buffer head;         /* header lines, keys among them: wiped after the ask */
    struct curl_slist lines[HTTP_LINES_MAX]; /* into `head`; curl only reads them */
    struct buffer body;         /* the answer; of a stream what may be the beginning of a key */
    struct buffer fields;       /* "name\0value\0" */
    uint32_t field_at[HTTP_FIELDS_MAX];
    uint32_t field_count;
    size_t body_size, head_size; /* bytes of the answer so far, handed on or not */
    int status;

    bool is_post;    /* as the handle is set */
    bool cancelled;  /* while curl ran, or while the done were told */
    bool over;       /* body or head passed their limit */
    bool revived;    /* went out twice */
    bool dead_twice; /* curl itself took a second kept connection: stopped, to use a fresh one */
    uint32_t sendings; /* since it was given to curl */

    enum llm_class class; /* in DONE */
    bool reused;
    uint32_t total_us;
    char error[CURL_ERROR_SIZE];
};

/* At most `shard_max` asks and as many connections of one host. */
struct http_shard {
    struct http_host *host;
    CURLM *multi;         /* NULL while nothing was asked for long */
    uint64_t deadline_ms; /* when curl wants to be called; CLOCK_NEVER */
    uint64_t idle_ms;     /* when the last ask left */
    uint32_t index, in_flight;
    bool touched; /* may have finished transfers */
};

struct http_host {
    struct http *http;
    char base[HTTP_URL_MAX + 1]; /* without a slash at its end */
    bool here;                   /* plain http: only to addresses of this machine */
    struct http_row waiting;
    uint32_t connecting;
    uint32_t shard_count;
    struct http_shard **shards;
};

/* What the epoll set knows of a descriptor. Descriptors of connections stay in the set while they are kept idle: curl's
 * wish to leave and enter it again would be two system calls an ask. */
struct http_socket {
    uint32_t shard;
    uint32_t wanted, armed; /* epoll events: curl's wish, and what the kernel was told */
    bool connection;        /* we open and close it; else it is one of curl's own, which must leave when it says so */
};

struct http {
    struct http_options options;
    char *ca_file; /* owned; as options.ca_file */
    int epoll;
    uint64_t now_ms;
    bool in_curl, turning;
    uint32_t cancelled; /* slots marked while curl ran */

    CURLSH *share;      /* names and TLS sessions */
    struct http_slot **slots;
    uint32_t slot_count;
    struct http_row spare, finished;
    struct table ids; /* to slots */
    uint32_t *heap;   /* slots by due_ms */
    uint32_t heap_count;
    size_t asked_size; /* bytes of requests in flight */

    struct http_host *hosts[HTTP_HOSTS_MAX];
    uint32_t host_count;
    struct http_shard **shards;
    uint32_t shard_count;
    struct http_socket *sockets; /* by descriptor */
    uint32_t socket_count;
    struct http_stats stats;
};

/* ---- http_row.c: rows and the timer ---- */

void http_row_append(struct http *self, struct http_row *row, struct http_slot *slot);
void http_row_prepend(struct http *self, struct http_row *row, struct http_slot *slot);
void http_row_remove(struct http *self, struct http_row *row, struct http_slot *slot);
/* The first, or NULL. */
struct http_slot *http_row_first(const struct http *self, const struct http_row *row);

/* Puts the slot at the moment that its phase says, or moves it there. */
void http_timer_set(struct http_slot *slot);
void http_timer_remove(struct http_slot *slot);
/* The slot whose moment is over, or NULL; *class says by which of its limits. */
struct http_slot *http_timer_due(struct http *self, uint64_t now_ms, enum llm_class *class);
uint64_t http_timer_next(const struct http *self); /* CLOCK_NEVER: none */

/* ---- http_host.c: hosts, shards and the epoll set ---- */

/* NULL with the reason. */
struct http_host *http_host_find(struct http *self, const char *base_url, int *code, struct why *why);
void http_host_destroy(struct http_host *self);
/* A shard of the host with a place left. */
struct http_shard *http_host_shard(struct http *self, struct http_host *host);
void http_shard_sweep(struct http *self); /* closes what nobody used for long */
/* Lets curl do what is due: one descriptor, or the shard's deadline. */
void http_shard_run(struct http *self, struct http_shard *shard, curl_socket_t fd, int events);
void http_sockets_run(struct http *self);
curl_socket_t http_socket_open(void *context, curlsocktype purpose, struct curl_sockaddr *address);
int http_socket_close(void *context, curl_socket_t fd);

/* ---- http_slot.c: one ask ---- */

/* NULL with the reason. */
struct http_slot *http_slot_new(struct http *http, uint32_t index, struct why *why);
void http_slot_destroy(struct http_slot *self);
/* Copies the ask into a free slot. On refusal the slot is as before. */
MUST_CHECK int http_slot_fill(struct http_slot *self, const struct http_host *host, const struct http_ask *ask,
                              struct why *why);
void http_slot_clear(struct http_slot *self);
/* Forgets what has come of an answer. */
void http_slot_restart(struct http_slot *self);
/* The class of a transfer that curl ended so, with its text in `error`. */
enum llm_class http_slot_judge(struct http_slot *self, CURLcode code);
/* It failed, but only because its kept connection was dead. */
bool http_slot_was_dead(struct http_slot *self, CURLcode code);
void http_slot_reply(struct http_slot *self, struct http_reply *out, struct provider_field *fields);
/* Hands on the held-back end of a stream. */
void http_slot_flush(struct http_slot *self);

#endif
