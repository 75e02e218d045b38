/* A gateway's whole life with a key: a process that gets it in its environment, asks a server that fails in every way
 * and one that says the key back in every way it can, and leaves a call log, messages to workers, a status, metrics and
 * lines on stderr. The key is in none of them, not in what /proc shows, not in what children inherit. The same search
 * finds a key that was planted. */
#include "tests/support/gateway_rig.h"
#include "tests/support/llmdouble/double_rig.h"
#include "tests/support/test.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/text.h"

#define VARIABLE "POLIS_SECRETS_KEY"
#define KEY "sk-planted-5d1e8a77c0b94f02"
#define NEEDLE "5d1e8a77c0b9" /* a part of it is too much, too */
#define MARKER "nothing secret about a heron"

/* ---- the server that says the key back ---- */

enum { SHAPES = 20 };

struct parrot {
    pid_t pid;
    uint16_t port;
    uint32_t *heard; /* by shape: requests that had the key; shared with its process */
};

/* Every letter as \u00xx, each backslash `times` times over: so it is a key only to whoever reads JSON. */
static void
add_escaped(struct buffer *out, const char *key, const char *backslash)
{
    for (; *key != '\0'; key++)
        text_addf(out, "%su00%02x", backslash, (unsigned)(unsigned char)*key);
}

static void
add_choice(struct buffer *out, const char *before, const char *key, const char *backslash, const char *behind)
{
    text_addf(out,
              "{\"id\":\"x\",\"model\":\"m\",\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"message\":"
              "{\"role\":\"assistant\",\"content\":\"%s",
              before);
    if (backslash != NULL)
        add_escaped(out, key, backslash);
    else
        text_add(out, key);
    text_addf(out, "%s\"}}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":5}}", behind);
}

static void
add_reply(struct buffer *out, const char *line, const char *headers, const struct buffer *body)
{
    text_addf(out,
              "HTTP/1.1 %s\r\nContent-Type: application/json\r\n%sConnection: close\r\nContent-Length: %zu\r\n\r\n",
              line, headers, body->size);
    buffer_append(out, body->data, body->size);
}

/* 200 with the key in the answer. */
static void
say_in_answer(uint32_t shape, const char *key, const char *request, struct buffer *body)
{
    switch (shape) {
    case 0: add_choice(body, "The key is ", key, NULL, ", is it not?"); break;
    case 1: add_choice(body, "", key, "\\", ""); break;
    case 2: add_choice(body, "{\\\"verb\\\":\\\"pass\\\",\\\"note\\\":\\\"", key, NULL, "\\\"}"); break;
    case 3: add_choice(body, "{\\\"verb\\\":\\\"pass\\\",\\\"note\\\":\\\"", key, "\\", "\\\"}"); break;
    case 4: add_choice(body, "{\\\"verb\\\":\\\"pass\\\",\\\"note\\\":\\\"", key, "\\\\", "\\\"}"); break;
    case 5: add_choice(body, "{\\\"verb\\\":\\\"pass\\\",\\\"note\\\":\\\"n\\\",\\\"", key, "\\", "\\\":1}"); break;
    case 6: add_choice(body, "", request, NULL, ""); break; /* no JSON, with its ends of lines */
    case 7: text_addf(body, "{\"choices\": %s", key); break;
    case 8:
        text_addf(body,
                  "{\"id\":\"%s\",\"model\":\"%s\",\"system_fingerprint\":\"%s\",\"choices\":[{\"finish_reason\":"
                  "\"%s\",\"message\":{\"content\":\"x.\"}}],\"usage\":{\"prompt_tokens\":\"%s\"}}",
                  key, key, key, key, key);
        break;
    default: add_choice(body, key, key, NULL, key); break;
    }
}

/* Anything but an answer. */
static void
say_otherwise(uint32_t shape, const char *key, struct buffer *out)
{
    static const char *const lines[] = {"401 Unauthorized", "500 Oops", "429 Slow", "400 Bad", "404 None", "402 Pay"};
    struct buffer body = {0}, headers = {0};

    text_addf(&body, "{\"error\":{\"type\":\"%s\",\"code\":\"%s\",\"message\":\"Incorrect API key provided: ", key,
              key);
    if (shape % 2 == 0)
        add_escaped(&body, key, "\\");
    else
        text_add(&body, key);
    text_add(&body, ".\"}}");
    if (shape == 16) {
        text_addf(out, "HTTP/1.1 400 %s\r\nX-%s: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", key, key, key);
    } else if (shape == 17) {
        text_addf(out, "%s %s\r\n\r\n%s", key, key, key);
    } else if (shape == 18) {
        text_addf(&headers, "Location: http://127.0.0.2:9/%s?key=%s\r\n", key, key);
        add_reply(out, "307 Elsewhere",
                  (headers.data[headers.size - 1] = '\n', buffer_append(&headers, "", 1), (const char *)headers.data),
                  &body);
    } else if (shape == 19) {
        text_addf(out,
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n%zx\r\n%.*s\r\n%s\r\n",
                  strlen(key) / 2, (int)(strlen(key) / 2), key, key);
    } else {
        text_addf(&headers,
                  "Retry-After: %s\r\nretry-after-ms: %s\r\nx-request-id: %s\r\nx-ratelimit-remaining-tokens: "
                  "%s\r\nDate: %s\r\n",
                  key, key, key, key, key);
        buffer_append(&headers, "", 1);
        add_reply(out, lines[shape - 10], (const char *)headers.data, &body);
    }
    buffer_fini(&headers);
    buffer_fini(&body);
}

static void
parrot_talk(const struct parrot *self, int fd)
{
    char request[16384], key[200] = "";
    struct buffer out = {0}, body = {0};
    const char *place;
    size_t size = 0;
    uint32_t shape;

    for (;;) { /* the question's text ends the body's interesting part: "shape 12;" */
        ssize_t more = recv(fd, request + size, sizeof request - 1 - size, 0);

        if (more <= 0)
            return;
        size += (size_t)more;
        request[size] = '\0';
        if ((place = strstr(request, "shape ")) != NULL && strchr(place, ';') != NULL)
            break;
    }
    shape = (uint32_t)atoi(place + 6) % SHAPES;
    place = strstr(request, "Bearer ");
    if (place != NULL && sscanf(place, "Bearer %199[^\r\n]", key) == 1 && strcmp(key, KEY) == 0)
        self->heard[shape]++;
    *strchr(request, '{') = '\0'; /* the head is echoed alone: it has the key */
    for (char *at = request; *at != '\0'; at++)
        if (*at == '\r' || *at == '\n' || *at == '"')
            *at = ' ';
    if (shape < 10) {
        say_in_answer(shape, key, request, &body);
        add_reply(&out, "200 OK", "", &body);
    } else {
        say_otherwise(shape, key, &out);
    }
    (void)send(fd, out.data, out.size, MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    while (recv(fd, request, sizeof request, 0) > 0)
        continue;
    buffer_fini(&out);
    buffer_fini(&body);
}

static void
parrot_start(struct parrot *self)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    self->heard = mmap(NULL, SHAPES * sizeof(uint32_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (self->heard == MAP_FAILED || bind(door, (struct sockaddr *)&address, size) != 0 || listen(door, 100) != 0 ||
        getsockname(door, (struct sockaddr *)&address, &size) != 0)
        abort();
    self->port = ntohs(address.sin_port);
    self->pid = fork();
    if (self->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            int fd = accept4(door, NULL, NULL, SOCK_CLOEXEC);

            if (fd >= 0) {
                parrot_talk(self, fd);
                (void)close(fd);
            }
        }
    }
    (void)close(door);
}

/* ---- the gateway's process ---- */

static void
put_file(const char *folder, const char *name, const void *bytes, size_t size)
{
    char path[700];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "a");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        abort();
}

/* What a worker would make of it: the texts, and those that are JSON as whoever parses them reads them. */
static void
put_heard(const char *folder, const struct gateway_rig *rig)
{
    for (uint32_t h = 0; h < rig->heard_count; h++) {
        struct batch batch;

        put_file(folder, "completions", rig->heard[h].bytes.data, rig->heard[h].bytes.size);
        gateway_rig_read(&rig->heard[h], &batch);
        for (uint32_t i = 0; i < batch.count[COMPLETION_ROW]; i++) {
            uint32_t begin = batch_u32(&batch, COMPLETION_texts, i), end = batch_u32(&batch, COMPLETION_texts, i + 1);
            json_error_t error;
            json_t *root = json_loadb((const char *)batch.data[COMPLETION_text] + begin, end - begin, 0, &error);
            char *plain = root != NULL ? json_dumps(root, JSON_ENCODE_ANY) : NULL;

            if (plain != NULL)
                put_file(folder, "as-read", plain, strlen(plain));
            free(plain);
            json_decref(root);
        }
    }
}

static void
ask(struct gateway_rig *rig, uint32_t slot, uint32_t phase, const char *user, bool in_json)
{
    static const char schema[] = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"verb\",\"note\"],"
                                 "\"properties\":{\"verb\":{\"type\":\"string\",\"enum\":[\"pass\"]},\"note\":{"
                                 "\"type\":\"string\"}}}";
    static const char *const roles[] = {"swarm.worker", "swarm.planner"};
    struct prompt_row row = {.seed = phase, .user = user, .fallback = MARKER};
    struct prompt_plan plan = {
        .role = roles[slot], .schema = in_json ? schema : NULL, .span = 1, .rows = &row, .row_count = 1};

    gateway_rig_send(rig, 1, slot, phase, 0, 0, &plan);
}

/* Everything the process can be made to say at the end. */
static void
say_all(const char *folder, struct gateway_rig *rig)
{
    static const char *const verbs[] = {"status", "metrics", "nonsense"};
    struct rlimit core = {0};
    struct buffer text = {0};
    char line[200], command[900];

    gateway_write_status(rig->gateway, &text);
    put_file(folder, "status", text.data, text.size);
    buffer_clear(&text);
    gateway_write_metrics(rig->gateway, &text);
    put_file(folder, "metrics", text.data, text.size);
    buffer_clear(&text);
    for (uint32_t i = 0; i < 3; i++) {
        struct command asked = {.source_seq = i + 1u};
        struct letter letter = {.channel = CHANNEL_CONTROL, .head = {.type = MSG_COMMAND, .run = GATEWAY_RIG_RUN}};
        struct outbox_parcel parcel;

        (void)text_copy(asked.verb, sizeof asked.verb, verbs[i]);
        buffer_clear(&text);
        message_pack(MSG_COMMAND, &asked, &text);
        letter.payload = text.data;
        letter.size = text.size;
        rig->actor.receive(rig->actor.self, rig->now_ms, &letter, &rig->out);
        assert_true(outbox_queue_pop(&rig->out.queue, &parcel));
        put_file(folder, "results", parcel.bytes, parcel.size);
        free(parcel.bytes);
    }
    rig->actor.signal(rig->actor.self, rig->now_ms, ACTOR_DUMP, &rig->out); /* to stderr */
    (void)getrlimit(RLIMIT_CORE, &core);
    (void)snprintf(line, sizeof line, "dumpable %d core %" PRIuMAX " masked %" PRIu64 " variable %s\n",
                   prctl(PR_GET_DUMPABLE), (uintmax_t)core.rlim_max, asker_stats(rig->gateway->asker)->masked,
                   getenv(VARIABLE) != NULL ? "set" : "unset");
    put_file(folder, "self", line, strlen(line));
    (void)snprintf(command, sizeof command, "cat /proc/self/environ >'%s/child-environ'; env >'%s/child-env'", folder,
                   folder);
    if (system(command) != 0)
        abort();
    buffer_fini(&text);
}

static int
gateway_life(const char *folder, unsigned parrot, unsigned faults)
{
    static const struct gateway_client clients[] = {{"swarm.worker", 1}, {"swarm.planner", 1}};
    char yaml[2000], log[600], user[100], letter;
    struct gateway_rig rig;

    (void)snprintf(log, sizeof log, "%s/calls.log", folder);
    (void)snprintf(
        yaml, sizeof yaml,
        "llm:\n  providers:\n"
        "    parrot: {dialect: openai, base_url: \"http://127.0.0.1:%u\", key_env: %s, idle_ms: 500, models: "
        "{m: {price: free}}}\n"
        "    double: {dialect: anthropic, base_url: \"http://127.0.0.1:%u\", key_env: %s, models: {m: "
        "{price: free}}}\n"
        "  roles:\n"
        "    swarm.worker: {chain: [parrot/m, rules], deadline_ms: 2000, attempts: 2, reask: 1}\n"
        "    swarm.planner: {chain: [double/m, rules], deadline_ms: 400, attempts: 2}\n",
        parrot, VARIABLE, faults, VARIABLE);
    gateway_rig_open(&rig, &(struct gateway_rig_options){
                               .yaml = yaml, .mode = REPLAY_RECORD, .log = log, .clients = clients, .client_count = 2});
    for (uint32_t shape = 0; shape < SHAPES; shape++) {
        for (uint32_t again = 0; again < 2; again++) { /* as free text, and where JSON is asked for */
            (void)snprintf(user, sizeof user, "shape %u; " MARKER, shape);
            ask(&rig, 0, 2 * shape + again, user, again == 1);
            gateway_rig_drive(&rig);
            rig.actor.signal(rig.actor.self, rig.now_ms, ACTOR_RELOAD, &rig.out);
            rig.actor.signal(rig.actor.self, rig.now_ms, ACTOR_DUMP, &rig.out); /* with the last error */
            gateway_rig_drive_until(&rig, rig.now_ms + 120000); /* whatever breaker has opened lets one through again */
        }
    }
    for (uint32_t i = 0; i < 43; i++) {
        (void)snprintf(user, sizeof user, "question %u of a fault", i);
        ask(&rig, 1, i, user, i % 2 == 1);
    }
    gateway_rig_drive(&rig);
    put_heard(folder, &rig);
    say_all(folder, &rig);
    (void)!write(STDOUT_FILENO, "!", 1);
    (void)!read(STDIN_FILENO, &letter, 1); /* until it was looked at from outside */
    gateway_rig_finish(&rig);
    gateway_rig_close(&rig);
    (void)prctl(PR_SET_DUMPABLE, 1); /* a leak checker looks from outside */
    return 0;
}

/* ---- the search ---- */

static bool
file_has(const char *path, const char *needle, size_t *size)
{
    FILE *file = fopen(path, "r");
    struct buffer bytes = {0};
    bool found = false;
    size_t more = 1;

    *size = 0;
    if (file == NULL)
        return false;
    while (more > 0) {
        buffer_reserve(&bytes, 65536);
        more = fread(bytes.data + bytes.size, 1, 65536, file);
        bytes.size += more;
    }
    (void)fclose(file);
    *size = bytes.size;
    found = bytes.size > 0 && memmem(bytes.data, bytes.size, needle, strlen(needle)) != NULL;
    buffer_fini(&bytes);
    return found;
}

/* How many files of the folder have it; `names` says which. */
static uint32_t
search(const char *folder, const char *needle, char *names, size_t names_size)
{
    DIR *list = opendir(folder);
    const struct dirent *entry;
    uint32_t found = 0;
    size_t used = 0, size;

    assert_non_null(list);
    names[0] = '\0';
    while ((entry = readdir(list)) != NULL) {
        char path[1000];

        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' || !file_has(path, needle, &size))
            continue;
        found++;
        used += (size_t)snprintf(names + used, names_size - used, "%s ", entry->d_name);
        assert_true(used < names_size);
    }
    (void)closedir(list);
    return found;
}

/* ---- the test ---- */

static char self_path[600], folder[600];

/* Files of /proc, while the gateway lives. What its owner may not read is safe. */
static void
copy_proc(pid_t pid, const char *name)
{
    char path[100], out[100];
    struct buffer bytes = {0};
    ssize_t more = 1;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    (void)snprintf(out, sizeof out, "proc-%s", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        put_file(folder, out, "denied", 6);
        return;
    }
    while (more > 0) {
        buffer_reserve(&bytes, 65536);
        more = read(fd, bytes.data + bytes.size, 65536);
        bytes.size += more > 0 ? (size_t)more : 0;
    }
    (void)close(fd);
    put_file(folder, out, bytes.data, bytes.size);
    buffer_fini(&bytes);
}

/* The gateway's process, with the key where the kernel puts it for a new program. */
static pid_t
gateway_start(const struct parrot *parrot, const struct double_rig *rig, int *input, int *output)
{
    char ports[2][20], path[700];
    int in[2], out[2];
    pid_t pid;

    (void)snprintf(ports[0], sizeof ports[0], "%u", parrot->port);
    (void)snprintf(ports[1], sizeof ports[1], "%u", rig->port);
    (void)snprintf(path, sizeof path, "%s/stderr", folder);
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    pid = fork();
    if (pid == 0) {
        char *const words[] = {self_path, "--gateway", folder, ports[0], ports[1], NULL};
        char *const environment[] = {"PATH=/usr/bin:/bin", VARIABLE "=" KEY, "ANOTHER=" MARKER, NULL};

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(in[0], STDIN_FILENO);
        (void)dup2(out[1], STDOUT_FILENO);
        (void)dup2(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644), STDERR_FILENO);
        (void)close(in[1]);
        (void)close(out[0]);
        (void)execve(self_path, words, environment);
        _exit(1);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    *input = in[1];
    *output = out[0];
    return pid;
}

static void
write_rules(struct buffer *out)
{
    text_add(out, "seed: 5\nrules:\n");
    for (uint32_t i = 1; i < 43; i++)
        text_addf(out, "  - match: {body_has: question %u of}\n    reply: echo\n    fault: F%02u\n", i, i);
    text_add(out, "  - reply: echo\n");
    buffer_append(out, "", 1);
}

static void
whole_life(void **state)
{
    struct double_rig_answer got = {0};
    struct parrot parrot = {0};
    struct buffer rules = {0};
    struct double_rig rig;
    int input, output, status;
    char letter = 0;
    pid_t pid;

    (void)state;
    parrot_start(&parrot);
    assert_true(double_rig_start(&rig, NULL));
    write_rules(&rules);
    if (!double_rig_rules(&rig, (const char *)rules.data, &got))
        fail_msg("%s", (const char *)got.body.data);
    pid = gateway_start(&parrot, &rig, &input, &output);
    assert_int_equal(read(output, &letter, 1), 1);
    assert_int_equal(letter, '!');
    copy_proc(pid, "environ");
    copy_proc(pid, "cmdline");
    copy_proc(pid, "limits");
    (void)close(input);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (uint32_t i = 0; i < SHAPES; i++)
        if (parrot.heard[i] < 2)
            fail_msg("shape %u was said %u times: this shows too little", i, parrot.heard[i]);
    (void)kill(parrot.pid, SIGKILL);
    (void)waitpid(parrot.pid, NULL, 0);
    (void)double_rig_stop(&rig);
    (void)close(output);
    double_rig_answer_fini(&got);
    buffer_fini(&rules);
}

/* Every artefact is there, is not empty, and holds what it should: the search looks in the right places. */
static void
artefacts(void **state)
{
    static const struct {
        const char *name, *has;
    } rows[] = {
        {"calls.log", MARKER},
        {"completions", MARKER},
        {"status", "\"last_error\""},
        {"metrics", "# EOF"},
        {"results", "breaker"},
        {"stderr", "\"last_error\""},
        {"self", "dumpable 0 core 0 masked"},
        {"self", "variable unset"},
        {"child-env", "ANOTHER"},
        {"child-environ", "ANOTHER"},
        {"proc-limits", ""},
        {"proc-cmdline", ""},
        {"proc-environ", ""},
        {"as-read", "[redacted]"},
    };
    char path[700];
    size_t size;

    (void)state;
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, rows[i].name);
        if (!file_has(path, rows[i].has, &size) || size == 0)
            fail_msg("%s: %zu bytes without '%s'", rows[i].name, size, rows[i].has);
    }
    (void)snprintf(path, sizeof path, "%s/self", folder);
    assert_false(file_has(path, "masked 0", &size));
}

static void
no_key(void **state)
{
    char names[1000], path[700];
    size_t size;

    (void)state;
    if (search(folder, NEEDLE, names, sizeof names) != 0)
        fail_msg("the key is in %s", names);
    (void)snprintf(path, sizeof path, "%s/child-env", folder);
    assert_false(file_has(path, VARIABLE, &size));
}

/* The search finds what was put there: in the middle of zeros, across the pieces that are read, at an end. */
static void
planted(void **state)
{
    static const size_t places[] = {0, 5, 65530, 65536, 200000 - sizeof KEY + 1};
    char *bytes = calloc(1, 200000), names[1000], path[700];

    (void)state;
    assert_non_null(bytes);
    for (uint32_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        memset(bytes, 0, 200000);
        memcpy(bytes + places[i], KEY, sizeof KEY - 1);
        put_file(folder, "planted", bytes, 200000);
        assert_int_equal(search(folder, NEEDLE, names, sizeof names), 1);
        assert_string_equal(names, "planted ");
        (void)snprintf(path, sizeof path, "%s/planted", folder);
        assert_int_equal(unlink(path), 0);
    }
    free(bytes);
}

static const struct literal_row {
    const char *name, *provider;
} literals[] = {
    {"as key_env", "key_env: " KEY},
    {"as key_file", "key_file: " KEY},
    {"as a model", "models: {" KEY ": {price: free}}"},
    {"in a setting of the dialect", "key_env: A, keep_alive: " KEY},
    {"as a setting that there is not", "key_env: A, api_key: 0123456789abcdef5d1e8a77c0b9cdef0123"},
    {"as the name of a setting", KEY ": true"},
};

/* A key in the scenario itself is refused, and not said again in the refusal. */
static void
literal(void **state)
{
    const struct literal_row *row = *state;
    struct llm_config *config = NULL;
    struct yaml_tree *tree = NULL;
    struct why why = {0};
    char yaml[700];

    (void)snprintf(yaml, sizeof yaml,
                   "llm:\n  providers:\n    p: {dialect: ollama, base_url: 'http://127.0.0.1:1', %s}\n  roles:\n    "
                   "swarm.worker: {chain: [rules]}\n",
                   row->provider);
    assert_int_equal(yaml_read_text("test.yaml", yaml, strlen(yaml), &tree, &why), 0);
    assert_int_equal(llm_config_read(yaml_find(yaml_root(tree), "llm"), &config, &why), ERR_DENIED);
    assert_null(strstr(why.text, NEEDLE));
    yaml_destroy(&tree);
}

int
main(int count, char **words)
{
    static const struct test_case cases[] = {
        {"a whole life with a key", whole_life},
        {"everything that it left", artefacts},
        {"the key is nowhere", no_key},
        {"a planted key is found", planted},
    };
    int failed;

    if (count == 5 && strcmp(words[1], "--gateway") == 0)
        return gateway_life(words[2], (unsigned)atoi(words[3]), (unsigned)atoi(words[4]));
    (void)snprintf(self_path, sizeof self_path, "%s", words[0]);
    (void)snprintf(folder, sizeof folder, "%s", test_folder());
    failed = TEST_ROWS("a key in the scenario", literals, literal);
    failed += TEST_CASES("a key in the environment", cases);
    return failed;
}
