/* The supervisor with real children (this program again, told what to do by its arguments) and a clock that only the
 * test moves, so that nothing here depends on how fast the machine is. */
#include "bus/signals.h"
#include "control/restart.h"
#include "control/supervise.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- what a child does ---- */

static void
append(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        _exit(99);
    close(fd);
}

/* Says "ready NAME" in the file, waits for a signal, says "NAME" and the signal's letter, ends with `status`. */
static int
wait_for_signal(const char *path, const char *name, int status, bool deaf)
{
    char text[100];
    sigset_t set;
    int signal = 0;

    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    snprintf(text, sizeof text, "ready %s\n", name);
    append(path, text);
    do
        sigwait(&set, &signal);
    while (deaf || (signal != SIGINT && signal != SIGTERM));
    snprintf(text, sizeof text, "%s %c\n", name, signal == SIGINT ? 'i' : 't');
    append(path, text);
    return status;
}

static long
size_of(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? (long)info.st_size : 0;
}

/* arguments: VERB FILE NAME NUMBER */
static int
be_child(char **words)
{
    const char *verb = words[1];
    int number = atoi(words[4]);

    if (strcmp(verb, "wait") == 0)
        return wait_for_signal(words[2], words[3], number, false);
    if (strcmp(verb, "deaf") == 0)
        return wait_for_signal(words[2], words[3], number, true);
    if (strcmp(verb, "exit") == 0)
        return number;
    if (strcmp(verb, "warn") == 0) {
        fprintf(stderr, "child: a quiet word\nchild: warning: a loud one\nchild: error: cut off");
        return number;
    }
    /* crash: `number` times (a byte of the file each), then ends well */
    if (size_of(words[2]) >= number)
        return 0;
    append(words[2], "x");
    raise(SIGKILL);
    return 98;
}

/* ---- the scene ---- */

struct scene {
    struct supervisor *supervisor;
    char file[4200], log[4200];
    char *const *environment; /* of who is added next; NULL: as ours */
    char words[8][5][4200];
    char *lists[8][6];
    uint32_t count;
    uint64_t now_ms;
    char said[20000];
};

static uint64_t
read_clock(void *context)
{
    return ((struct scene *)context)->now_ms;
}

static uint32_t
no_random(void *context)
{
    (void)context;
    return 0;
}

static void
hear(void *context, enum log_level level, const char *text)
{
    struct scene *scene = context;
    size_t used = strlen(scene->said);

    snprintf(scene->said + used, sizeof scene->said - used, "%d %s\n", (int)level, text);
}

static void
scene_init(struct scene *self)
{
    static int number;

    memset(self, 0, sizeof *self);
    self->now_ms = 1000;
    number++;
    snprintf(self->file, sizeof self->file, "%s/file.%d", test_folder(), number);
    snprintf(self->log, sizeof self->log, "%s/log.%d", test_folder(), number);
    assert_int_equal(mkdir(self->log, 0755), 0);
    self->supervisor = supervise_new(&(struct supervise_options){
        .log_folder = self->log, .clock_ms = read_clock, .random = no_random, .say = hear, .context = self});
}

static void
scene_fini(struct scene *self)
{
    supervise_destroy(&self->supervisor);
    assert_null(self->supervisor);
}

static void
add(struct scene *self, const char *name, uint32_t number, uint32_t stage, enum supervise_part part, const char *verb,
    const char *file, int value)
{
    char(*words)[4200] = self->words[self->count];
    char **list = self->lists[self->count++];

    snprintf(words[0], sizeof words[0], "child");
    snprintf(words[1], sizeof words[1], "%s", verb);
    snprintf(words[2], sizeof words[2], "%s", file);
    snprintf(words[3], sizeof words[3], "%s.%u", name, (unsigned)number);
    snprintf(words[4], sizeof words[4], "%d", value);
    for (int i = 0; i < 5; i++)
        list[i] = words[i];
    supervise_add(self->supervisor, &(struct supervise_child){.name = name,
                                        .number = number,
                                        .stage = stage,
                                        .part = part,
                                        .program = "/proc/self/exe",
                                        .arguments = list,
                                        .environment = self->environment});
}

static void
start(struct scene *self)
{
    struct why why = {0};

    assert_int_equal(supervise_start(self->supervisor, &why), 0);
}

static void
read_file(const char *path, char out[1000])
{
    FILE *stream = fopen(path, "re");
    size_t size = stream != NULL ? fread(out, 1, 999, stream) : 0;

    out[size] = '\0';
    if (stream != NULL)
        fclose(stream);
}

__attribute__((format(printf, 1, 2), noreturn)) static void
give_up(const char *format, ...)
{
    char text[21000];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_error("%s\n", text);
    _fail(__FILE__, __LINE__);
    abort(); /* not reached */
}

#define PATIENCE 600 /* looks of up to 50 ms, before a test says that something will never happen */

/* Polls until the text is in the children's file. */
static void
until_written(struct scene *self, const char *text)
{
    char found[1000];

    for (int i = 0; i < PATIENCE; i++) {
        read_file(self->file, found);
        if (strstr(found, text) != NULL)
            return;
        supervise_poll(self->supervisor, 50);
    }
    give_up("'%s' was never written", text);
}

static void
until_said(struct scene *self, const char *text)
{
    for (int i = 0; i < PATIENCE; i++) {
        if (strstr(self->said, text) != NULL)
            return;
        supervise_poll(self->supervisor, 50);
    }
    give_up("'%s' was never said, but:\n%s", text, self->said);
}

static void
until_done(struct scene *self)
{
    for (int i = 0; i < PATIENCE; i++)
        if (!supervise_poll(self->supervisor, 50))
            return;
    give_up("it never ended; said:\n%s", self->said);
}

/* ---- cases ---- */

static void
stops_in_order(void **state)
{
    struct scene scene;
    char found[1000];

    (void)state;
    scene_init(&scene);
    add(&scene, "broker", 1, 0, SUPERVISE_VITAL, "wait", scene.file, 0);
    add(&scene, "world", 1, 1, SUPERVISE_MAIN, "wait", scene.file, 0);
    add(&scene, "governance", 1, 2, SUPERVISE_VITAL, "wait", scene.file, 0);
    add(&scene, "agents", 1, 3, SUPERVISE_SPARE, "wait", scene.file, 0);
    start(&scene);
    until_written(&scene, "ready broker.1");
    until_written(&scene, "ready world.1");
    until_written(&scene, "ready governance.1");
    until_written(&scene, "ready agents.1");
    assert_int_equal(unlink(scene.file), 0);
    /* The world ends of its own accord. */
    assert_int_equal(kill(supervise_pid(scene.supervisor, "world", 1), SIGINT), 0);
    until_done(&scene);
    read_file(scene.file, found);
    assert_string_equal(found, "world.1 i\nagents.1 t\ngovernance.1 t\nbroker.1 t\n");
    assert_int_equal(supervise_status(scene.supervisor), 0);
    assert_int_equal(supervise_interrupted(scene.supervisor), SUPERVISE_NOT_INTERRUPTED);
    scene_fini(&scene);
}

static void
restarts_after_the_back_off(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene);
    add(&scene, "world", 1, 0, SUPERVISE_MAIN, "crash", scene.file, 2);
    start(&scene);
    until_said(&scene, "world.1 was ended by signal 9");
    scene.now_ms += RESTART_FIRST_MS / 2 - 1;
    supervise_poll(scene.supervisor, 0);
    assert_int_equal(supervise_pid(scene.supervisor, "world", 1), 0);
    assert_int_equal(size_of(scene.file), 1);
    scene.now_ms += 1;
    supervise_poll(scene.supervisor, 0);
    assert_int_equal(supervise_restarts(scene.supervisor), 1);
    scene.said[0] = '\0';
    until_said(&scene, "world.1 was ended by signal 9");
    scene.now_ms += RESTART_FIRST_MS - 1; /* now half of twice as much */
    supervise_poll(scene.supervisor, 0);
    assert_int_equal(supervise_restarts(scene.supervisor), 1);
    scene.now_ms += 1;
    until_done(&scene);
    assert_int_equal(supervise_restarts(scene.supervisor), 2);
    assert_int_equal(supervise_status(scene.supervisor), 0);
    scene_fini(&scene);
}

static void
gives_up_on_a_crashing_world(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene);
    add(&scene, "world", 1, 0, SUPERVISE_MAIN, "crash", scene.file, 1000);
    add(&scene, "agents", 1, 1, SUPERVISE_SPARE, "wait", scene.file, 0);
    start(&scene);
    /* A second or so for each life: the sixth end is still within ten seconds of the first. */
    for (uint32_t life = 0; life < PATIENCE && supervise_poll(scene.supervisor, 50); life++)
        scene.now_ms += supervise_pid(scene.supervisor, "world", 1) == 0 ? 1600 : 0;
    assert_int_equal(supervise_status(scene.supervisor), EX_SOFTWARE);
    assert_int_equal(supervise_restarts(scene.supervisor), RESTART_INTENSITY);
    assert_non_null(strstr(scene.said, "world.1 ended more than 5 times in 10 s"));
    scene_fini(&scene);
}

static void
goes_on_with_fewer_workers(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene);
    add(&scene, "world", 1, 0, SUPERVISE_MAIN, "wait", scene.file, 0);
    add(&scene, "agents", 1, 1, SUPERVISE_SPARE, "exit", scene.file, EX_CONFIG);
    add(&scene, "agents", 2, 1, SUPERVISE_SPARE, "wait", scene.file, 0);
    start(&scene);
    until_written(&scene, "ready world.1");
    until_written(&scene, "ready agents.2");
    until_said(&scene, "going on without agents.1");
    assert_int_not_equal(supervise_pid(scene.supervisor, "agents", 2), 0);
    assert_int_equal(supervise_restarts(scene.supervisor), 0); /* 78 is final */
    kill(supervise_pid(scene.supervisor, "world", 1), SIGINT);
    until_done(&scene);
    assert_int_equal(supervise_status(scene.supervisor), 0);
    scene_fini(&scene);
}

static void
stops_without_any_worker(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene);
    add(&scene, "world", 1, 0, SUPERVISE_MAIN, "wait", scene.file, 0);
    add(&scene, "agents", 1, 1, SUPERVISE_SPARE, "exit", scene.file, EX_CONFIG);
    add(&scene, "agents", 2, 1, SUPERVISE_SPARE, "exit", scene.file, EX_CONFIG);
    start(&scene);
    until_done(&scene);
    assert_int_equal(supervise_status(scene.supervisor), EX_CONFIG);
    assert_non_null(strstr(scene.said, "cannot go on without agents."));
    scene_fini(&scene);
}

static void
takes_the_status_of_what_is_vital(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene);
    add(&scene, "broker", 1, 0, SUPERVISE_VITAL, "exit", scene.file, EX_UNAVAILABLE);
    add(&scene, "world", 1, 1, SUPERVISE_MAIN, "wait", scene.file, 0);
    start(&scene);
    until_done(&scene);
    assert_int_equal(supervise_status(scene.supervisor), EX_UNAVAILABLE);
    assert_int_equal(supervise_restarts(scene.supervisor), 0);
    scene_fini(&scene);
}

/* A broker and the world that it serves, both at work: what they do is in `verb`. */
static void
start_pair(struct scene *self, const char *verb, int world_status)
{
    scene_init(self);
    add(self, "broker", 1, 0, SUPERVISE_VITAL, verb, self->file, 0);
    add(self, "world", 1, 1, SUPERVISE_MAIN, verb, self->file, world_status);
    start(self);
    until_written(self, "ready broker.1");
    until_written(self, "ready world.1");
}

static void
finishes_when_interrupted(void **state)
{
    struct scene scene;
    char found[1000];

    (void)state;
    start_pair(&scene, "wait", EX_TEMPFAIL);
    unlink(scene.file);
    supervise_interrupt(scene.supervisor, SUPERVISE_FINISH);
    until_done(&scene);
    read_file(scene.file, found);
    assert_string_equal(found, "world.1 i\nbroker.1 t\n"); /* the broker hears nothing of the INT */
    assert_int_equal(supervise_status(scene.supervisor), EX_TEMPFAIL);
    assert_int_equal(supervise_interrupted(scene.supervisor), SUPERVISE_FINISH);
    scene_fini(&scene);
}

static void
kills_who_does_not_listen(void **state)
{
    struct scene scene;

    (void)state;
    start_pair(&scene, "deaf", 0);
    supervise_interrupt(scene.supervisor, SUPERVISE_CHECKPOINT);
    supervise_poll(scene.supervisor, 0);
    assert_int_not_equal(supervise_pid(scene.supervisor, "world", 1), 0);
    scene.now_ms += 30000; /* finish_ms: now it is told to stop like the others */
    supervise_poll(scene.supervisor, 0);
    assert_int_not_equal(supervise_pid(scene.supervisor, "world", 1), 0);
    scene.now_ms += 3000; /* stop_ms */
    until_said(&scene, "world.1 was ended by signal 9");
    assert_int_not_equal(supervise_pid(scene.supervisor, "broker", 1), 0);
    scene.now_ms += 3000;
    until_done(&scene);
    assert_int_equal(supervise_status(scene.supervisor), EX_TEMPFAIL);
    scene_fini(&scene);
}

static void
stops_at_once(void **state)
{
    struct scene scene;

    (void)state;
    start_pair(&scene, "deaf", 0);
    supervise_interrupt(scene.supervisor, SUPERVISE_FINISH);
    supervise_interrupt(scene.supervisor, SUPERVISE_NOW);
    until_done(&scene);
    assert_int_equal(supervise_status(scene.supervisor), 128 + SIGINT);
    assert_int_equal(supervise_interrupted(scene.supervisor), SUPERVISE_NOW);
    scene_fini(&scene);
}

static void
interrupted_while_the_world_is_away(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene);
    add(&scene, "world", 1, 0, SUPERVISE_MAIN, "crash", scene.file, 1);
    start(&scene);
    until_said(&scene, "world.1 was ended by signal 9");
    supervise_interrupt(scene.supervisor, SUPERVISE_FINISH);
    until_done(&scene);
    assert_int_equal(supervise_status(scene.supervisor), EX_TEMPFAIL);
    assert_int_equal(supervise_restarts(scene.supervisor), 0);
    scene_fini(&scene);
}

static void
main_may_stop_by_itself(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene);
    add(&scene, "world", 1, 0, SUPERVISE_MAIN, "exit", scene.file, EX_TEMPFAIL);
    add(&scene, "agents", 1, 1, SUPERVISE_SPARE, "wait", scene.file, 0);
    start(&scene);
    until_done(&scene);
    assert_int_equal(supervise_status(scene.supervisor), EX_TEMPFAIL);
    assert_null(strstr(scene.said, "cannot go on"));
    scene_fini(&scene);
}

static void
passes_on_warnings(void **state)
{
    struct scene scene;
    char path[4300], found[1000];

    (void)state;
    scene_init(&scene);
    add(&scene, "world", 1, 0, SUPERVISE_MAIN, "warn", scene.file, 0);
    start(&scene);
    until_done(&scene);
    assert_non_null(strstr(scene.said, "4 child: warning: a loud one"));
    assert_null(strstr(scene.said, "quiet"));
    snprintf(path, sizeof path, "%s/world.1", scene.log);
    read_file(path, found);
    assert_non_null(strstr(found, "a quiet word\n"));
    scene_fini(&scene);
}

/* ---- the back-off alone ---- */

static const struct row {
    const char *name;
    uint32_t random;
    struct {
        uint64_t started_ms, ended_ms;
        uint32_t wait_ms; /* UINT32_MAX: too often */
    } lives[8];
} rows[] = {
    {"doubles; no luck: half of it", 0, {{0, 10, 25}, {35, 3000, 50}, {3050, 6000, 100}, {6100, 9000, 200}}},
    {"doubles; the most of it", 25, {{0, 10, 50}}},
    {"five in ten seconds, not six", 0,
        {{0, 1, 25}, {1, 2, 50}, {2, 3, 100}, {3, 4, 200}, {4, 5, 400}, {5, 10000, UINT32_MAX}}},
    {"the sixth ten seconds after the first", 0,
        {{0, 1, 25}, {1, 2, 50}, {2, 3, 100}, {3, 4, 200}, {4, 5, 400}, {5, 10001, 800}}},
    {"never more than five seconds", 0,
        {{0, 10000, 25}, {0, 20000, 50}, {0, 30000, 100}, {0, 40000, 200}, {0, 50000, 400}, {1, 60000, 800},
            {60000, 70000, 1600}, {70000, 80000, 2500}}},
    {"anew after a minute of calm", 0, {{0, 10, 25}, {10, 20, 50}, {20, 60020, 25}, {60020, 60030, 50}}},
};

/* Whether /proc/PID/environ of a child has the variable. */
static bool
inherited(const struct scene *scene, const char *name, uint32_t number, const char *variable)
{
    static char bytes[1u << 20];
    char path[64];
    size_t size;
    FILE *stream;

    snprintf(path, sizeof path, "/proc/%d/environ", supervise_pid(scene->supervisor, name, number));
    stream = fopen(path, "re");
    assert_non_null(stream);
    size = fread(bytes, 1, sizeof bytes, stream);
    fclose(stream);
    assert_true(size > 0 && size < sizeof bytes);
    return memmem(bytes, size, variable, strlen(variable)) != NULL;
}

/* A child gets the environment it is given, and when it is started again, too; one that is given none gets ours. */
static void
gives_each_its_environment(void **state)
{
    char *clean[] = {"PATH=/usr/bin:/bin", NULL};
    struct scene scene;

    (void)state;
    assert_int_equal(setenv("TEST_SUPERVISE_KEY", "a-key-for-one", 1), 0);
    scene_init(&scene);
    scene.environment = clean;
    add(&scene, "world", 1, 1, SUPERVISE_MAIN, "wait", scene.file, 0);
    add(&scene, "agents", 1, 2, SUPERVISE_SPARE, "wait", scene.file, 0);
    scene.environment = NULL;
    add(&scene, "llm-gateway", 1, 2, SUPERVISE_VITAL, "wait", scene.file, 0);
    start(&scene);
    until_written(&scene, "ready world.1");
    until_written(&scene, "ready agents.1");
    until_written(&scene, "ready llm-gateway.1");
    assert_true(inherited(&scene, "llm-gateway", 1, "TEST_SUPERVISE_KEY=a-key-for-one"));
    assert_false(inherited(&scene, "world", 1, "TEST_SUPERVISE_KEY"));
    assert_false(inherited(&scene, "agents", 1, "TEST_SUPERVISE_KEY"));
    assert_false(inherited(&scene, "agents", 1, "a-key-for-one"));
    assert_int_equal(unlink(scene.file), 0);
    kill(supervise_pid(scene.supervisor, "agents", 1), SIGKILL);
    while (supervise_restarts(scene.supervisor) == 0) {
        scene.now_ms += 50;
        assert_true(supervise_poll(scene.supervisor, 5));
    }
    until_written(&scene, "ready agents.1");
    assert_false(inherited(&scene, "agents", 1, "a-key-for-one"));
    supervise_interrupt(scene.supervisor, SUPERVISE_NOW);
    while (supervise_poll(scene.supervisor, 5))
        ;
    assert_int_equal(unsetenv("TEST_SUPERVISE_KEY"), 0);
    scene_fini(&scene);
}

static void
back_off(void **state)
{
    const struct row *row = *state;
    struct restart restart = {0};

    for (uint32_t i = 0; i < 8 && row->lives[i].ended_ms > 0; i++) {
        uint32_t wait_ms = UINT32_MAX;

        restart_started(&restart, row->lives[i].started_ms);
        if (!restart_ended(&restart, row->lives[i].ended_ms, row->random, &wait_ms))
            wait_ms = UINT32_MAX;
        assert_int_equal(wait_ms, row->lives[i].wait_ms);
    }
}

int
main(int count, char **words)
{
    static const struct test_case cases[] = {
        {"stops in order, last stage first", stops_in_order},
        {"restarts after the back-off, not before", restarts_after_the_back_off},
        {"gives up on a world that crashes too often", gives_up_on_a_crashing_world},
        {"goes on with fewer workers", goes_on_with_fewer_workers},
        {"stops when no worker is left", stops_without_any_worker},
        {"takes the final status of what is vital", takes_the_status_of_what_is_vital},
        {"an interrupt lets the world finish, then stops the rest", finishes_when_interrupted},
        {"kills who does not listen, stage by stage", kills_who_does_not_listen},
        {"a second interrupt ends everything at once", stops_at_once},
        {"an interrupt while the world waits for its restart", interrupted_while_the_world_is_away},
        {"a stop of the world's own is no loss", main_may_stop_by_itself},
        {"gives each its environment", gives_each_its_environment},
        {"passes on warnings, keeps the rest in files", passes_on_warnings},
    };

    if (count == 5)
        return be_child(words);
    return TEST_ROWS("restart", rows, back_off) + TEST_CASES("supervise", cases);
}
