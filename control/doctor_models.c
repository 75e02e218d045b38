#include "control/doctor_models.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_MS 1000

/* Host and port of "https://host:port/path"; the port is the usual one where none is named. */
static bool
read_address(const char *url, char host[256], char port[8])
{
    bool plain = strncmp(url, "http://", 7) == 0;
    const char *at = url + (plain ? 7 : 8), *end;
    bool bracketed = false;
    size_t size;

    if (!plain && strncmp(url, "https://", 8) != 0)
        return false;
    bracketed = at[0] == '[';
    at += bracketed ? 1 : 0;
    size = strcspn(at, bracketed ? "]" : ":/");
    if (size == 0 || size >= 256)
        return false;
    snprintf(host, 256, "%.*s", (int)size, at);
    end = at + size + (bracketed && at[size] == ']' ? 1 : 0);
    snprintf(port, 8, "%s", plain ? "80" : "443");
    if (*end == ':')
        snprintf(port, 8, "%.*s", (int)(strcspn(end + 1, "/") < 7 ? strcspn(end + 1, "/") : 7), end + 1);
    return true;
}

static int
connect_to(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), number = 0;
    socklen_t size = sizeof number;
    struct pollfd wait = {.fd = fd, .events = POLLOUT};

    if (fd < 0)
        return errno;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
        number = errno;
        if (number == EINPROGRESS && poll(&wait, 1, CONNECT_MS) == 1)
            number = getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size) == 0 ? number : errno;
        else if (number == EINPROGRESS)
            number = ETIMEDOUT;
    }
    close(fd);
    return number;
}

int
doctor_models_connect(const char *url, struct why *why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    char host[256], port[8];
    int number;

    if (!read_address(url, host, port))
        return fail(why, ERR_INVALID, "%.200s is no http or https address", url);
    if ((number = getaddrinfo(host, port, &hints, &list)) != 0)
        return fail(why, ERR_MISSING, "%s: %s", host, gai_strerror(number));
    number = EHOSTUNREACH;
    for (const struct addrinfo *at = list; at != NULL && number != 0; at = at->ai_next)
        number = connect_to(at);
    freeaddrinfo(list);
    return number == 0 ? 0 : fail_errno(why, ERR_IO, number, "%s port %s", host, port);
}

static const char *
text_of(const struct yaml_node *map, const char *name)
{
    const struct yaml_node *node = yaml_find(map, name);

    return node != NULL && node->text != NULL ? node->text : "";
}

static void
look_at_key(const struct yaml_node *provider, doctor_models_fn *each, void *context)
{
    const char *variable = text_of(provider, "key_env"), *file = text_of(provider, "key_file");
    char what[80], text[600];
    bool good;

    snprintf(what, sizeof what, "key of %.60s", provider->key);
    if (variable[0] != '\0') {
        const char *value = getenv(variable);

        good = value != NULL && value[0] != '\0';
        snprintf(text, sizeof text, "%.200s is %s", variable, good ? "set" : "unset");
        each(context, what, good, text);
    } else if (file[0] != '\0') {
        good = access(file, R_OK) == 0;
        snprintf(text, sizeof text, "%.400s %s", file, good ? "can be read" : "cannot be read");
        each(context, what, good, text);
    }
}

void
doctor_models_look(const struct yaml_node *root, doctor_models_fn *each, void *context)
{
    const struct yaml_node *providers = yaml_find_path(root, "llm.providers");

    for (const struct yaml_node *one = providers != NULL ? providers->first : NULL; one != NULL; one = one->next) {
        const char *url = text_of(one, "base_url");
        char what[80], text[600];
        struct why why = {0};

        look_at_key(one, each, context);
        if (url[0] == '\0')
            continue;
        snprintf(what, sizeof what, "server of %.60s", one->key);
        if (doctor_models_connect(url, &why) == 0) {
            snprintf(text, sizeof text, "%.400s takes connections", url);
            each(context, what, true, text);
        } else {
            each(context, what, false, why.text);
        }
    }
}
