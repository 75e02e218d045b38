#include "tests/support/tls_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/llmdouble/double_rig.h"
#include "tests/support/test.h"

static bool
run_openssl(const char *arguments)
{
    char line[2000];

    (void)snprintf(line, sizeof line, "cd '%s' && openssl %s >/dev/null 2>&1", test_folder(), arguments);
    return system(line) == 0;
}

#define NEW_KEY "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"

bool
tls_make_authority(const char *name)
{
    char line[400];

    (void)snprintf(line, sizeof line, "req -x509 " NEW_KEY " -keyout %s.key -out %s.pem -days 2 -subj /CN=%s", name,
                   name, name);
    return run_openssl(line);
}

bool
tls_make_certificate(const char *name, const char *subject, int days)
{
    char line[600], path[300];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s.ext", test_folder(), name);
    file = fopen(path, "w");
    if (file == NULL || fprintf(file, "subjectAltName=%s\n", subject) < 0 || fclose(file) != 0)
        return false;
    (void)snprintf(line, sizeof line, "req " NEW_KEY " -keyout %s.key -out %s.csr -subj /CN=%s", name, name, name);
    if (!run_openssl(line))
        return false;
    (void)snprintf(line, sizeof line,
                   "x509 -req -in %s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days %d -extfile %s.ext -out %s.pem",
                   name, days, name, name);
    return run_openssl(line);
}

uint16_t
tls_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

pid_t
tls_start(const char *name, uint16_t port, int *keep)
{
    char accept[64], certificate[64], key[64];
    int ends[2];
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)snprintf(accept, sizeof accept, "127.0.0.1:%u", port);
        (void)snprintf(certificate, sizeof certificate, "%s.pem", name);
        (void)snprintf(key, sizeof key, "%s.key", name);
        if (chdir(test_folder()) != 0)
            _exit(1);
        (void)dup2(ends[0], STDIN_FILENO);
        (void)close(ends[1]);
        (void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
        (void)dup2(STDOUT_FILENO, STDERR_FILENO);
        (void)execlp("openssl", "openssl", "s_server", "-www", "-accept", accept, "-cert", certificate, "-key", key,
                     (char *)NULL);
        _exit(1);
    }
    (void)close(ends[0]);
    *keep = ends[1];
    for (uint32_t i = 0; i < 500; i++) {
        int fd = double_rig_connect(port);

        if (fd >= 0) {
            (void)close(fd);
            break;
        }
        (void)usleep(20000);
    }
    return child;
}
