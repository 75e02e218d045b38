/* tests/support/tls_server.h - certificates and a server that shows them, by the program openssl, in test_folder().
 * Programs that use this link libdouble, too. */
#ifndef POLIS_TESTS_SUPPORT_TLS_SERVER_H
#define POLIS_TESTS_SUPPORT_TLS_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* NAME.pem and NAME.key. False: there is no openssl, or it does not work. */
bool tls_make_authority(const char *name);
/* By the authority `ca`, for "DNS:localhost,IP:127.0.0.1"; valid for so many days, below 0: no more. */
bool tls_make_certificate(const char *name, const char *subject, int days);
/* Nobody listens there now. */
uint16_t tls_free_port(void);
/* Answers a GET with a page, until it is killed or *keep is closed. */
pid_t tls_start(const char *name, uint16_t port, int *keep);

#endif
