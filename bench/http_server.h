/* bench/http_server.h - a server of chat completions that is never what is measured: one process, one epoll set, one
 * answer of 340 bytes ready in memory. Paths that begin with /late are answered after 100 ms, all others at once. */
#ifndef POLIS_BENCH_HTTP_SERVER_H
#define POLIS_BENCH_HTTP_SERVER_H

#include <netinet/in.h>
#include <sys/types.h>

#define HTTP_ANSWER_SIZE 340u /* bytes of an answer's body; its text is {"verb":"pass"} */
#define HTTP_LATE_MS 100u
#define HTTP_FILES 20000

/* A child of this process, to be ended with http_server_stop(); where it listens goes to `address`. */
pid_t http_server_start(struct sockaddr_in *address);
void http_server_stop(pid_t *server);

/* A TCP socket without delays. */
int http_socket_new(void);

#endif
