#include "llm-gateway/secrets.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test.h"

#define KEY "planted-7f3a9c-0123456789"
#define OTHER "planted-7f3a"

static struct secrets *
loaded(const char *first, const char *second)
{
    struct secrets *secrets = secrets_new(NULL);
    uint32_t id;

    assert_non_null(secrets);
    assert_int_equal(setenv("POLIS_TEST_FIRST", first, 1), 0);
    assert_int_equal(secrets_load_env(secrets, "POLIS_TEST_FIRST", &id, NULL), 0);
    assert_int_equal(id, 1);
    if (second != NULL) {
        assert_int_equal(setenv("POLIS_TEST_SECOND", second, 1), 0);
        assert_int_equal(secrets_load_env(secrets, "POLIS_TEST_SECOND", &id, NULL), 0);
        assert_int_equal(id, 2);
    }
    return secrets;
}

/* ---- what may be a key ---- */

static const struct value_row {
    const char *name, *value;
    int want;
} values[] = {
    {"a key", KEY, 0},
    {"eight bytes", "12345678", 0},
    {"too short", "1234567", ERR_INVALID},
    {"empty", "", ERR_MISSING},
    {"with a blank", "12345 6789", ERR_INVALID},
    {"with a line break: a second header", "12345678\r\nX-Admin: 1", ERR_INVALID},
    {"not ASCII", "12345678\xc3\xa4", ERR_INVALID},
};

static void
value(void **state)
{
    const struct value_row *row = *state;
    struct secrets *secrets = secrets_new(NULL);
    struct why why = {0};
    uint32_t id = 77;

    assert_int_equal(setenv("POLIS_TEST_VALUE", row->value, 1), 0);
    assert_int_equal(secrets_load_env(secrets, "POLIS_TEST_VALUE", &id, &why), row->want);
    if (row->want == 0)
        assert_int_equal(secrets_size(secrets, id), strlen(row->value));
    else
        assert_non_null(strstr(why.text, "POLIS_TEST_VALUE"));
    if (strlen(row->value) > 0) {
        assert_null(strstr(why.text, row->value));
        assert_null(getenv("POLIS_TEST_VALUE")); /* a bad key is a key all the same */
    }
    assert_int_equal(secrets_find(secrets, "POLIS_TEST_VALUE", NULL), row->want == 0);
    secrets_destroy(&secrets);
    assert_null(secrets);
}

/* ---- files ---- */

static const struct file_row {
    const char *name, *bytes;
    mode_t mode;
    int want;
} files[] = {
    {"a key and a newline", KEY "\n", 0600, 0},
    {"a key, blanks and newlines", KEY " \t\r\n\n", 0400, 0},
    {"the group may read", KEY, 0640, 0},
    {"the group may write", KEY, 0660, ERR_DENIED},
    {"everybody may write", KEY, 0602, ERR_DENIED},
    {"empty", "", 0600, ERR_INVALID},
    {"two lines", KEY "\n" KEY "\n", 0600, ERR_INVALID},
    {"not there", NULL, 0, ERR_MISSING},
};

static void
file(void **state)
{
    const struct file_row *row = *state;
    struct secrets *secrets = secrets_new(NULL);
    struct why why = {0};
    char path[300], copy[sizeof KEY];
    uint32_t id = 0;

    (void)snprintf(path, sizeof path, "%s/key", test_folder());
    (void)unlink(path);
    if (row->bytes != NULL) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, row->bytes, strlen(row->bytes)), strlen(row->bytes));
        assert_int_equal(fchmod(fd, row->mode), 0);
        (void)close(fd);
    }
    assert_int_equal(secrets_load_file(secrets, path, &id, &why), row->want);
    assert_null(strstr(why.text, "planted"));
    if (row->want == 0) {
        assert_int_equal(secrets_size(secrets, id), strlen(KEY));
        secrets_copy(secrets, id, copy);
        assert_memory_equal(copy, KEY, strlen(KEY));
    }
    secrets_destroy(&secrets);
}

static void
no_files(void **state)
{
    struct secrets *secrets = secrets_new(NULL);
    struct why why = {0};
    char path[300], line[6000];
    uint32_t id;
    int fd;

    (void)state;
    assert_int_equal(secrets_load_file(secrets, test_folder(), &id, &why), ERR_INVALID);
    assert_int_equal(secrets_load_file(secrets, "/dev/zero", &id, &why), ERR_INVALID);
    (void)snprintf(path, sizeof path, "%s/long", test_folder());
    memset(line, 'k', sizeof line);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, line, sizeof line), sizeof line);
    (void)close(fd);
    assert_int_equal(secrets_load_file(secrets, path, &id, &why), ERR_INVALID);
    assert_int_equal(secrets_count(secrets), 0);
    secrets_destroy(&secrets);
}

/* ---- hiding ---- */

static const struct mask_row {
    const char *name, *text, *want;
    uint32_t count;
    bool more;
} masks[] = {
    {"nothing to hide", "an answer", "an answer", 0, false},
    {"empty", "", "", 0, false},
    {"all of it", KEY, "[redacted]", 1, false},
    {"in the middle, twice", "a " KEY " b " KEY ".", "a [redacted] b [redacted].", 2, false},
    {"one behind the other", KEY KEY, "[redacted][redacted]", 2, false},
    {"the longer of two that begin alike", "x" KEY, "x[redacted]", 1, false},
    {"the shorter of two that begin alike", "x" OTHER "!", "x[redacted]!", 1, false},
    {"a short one by stars", "is 12345678?", "is ********?", 1, false},
    {"cut off at the end", "key: planted-7f3a9c-01", "key: [redacted]9c-01", 1, false},
    {"cut off at the end, too short to matter", "key: plant", "key: plant", 0, false},
    {"cut off, but more is to come", "key: planted-", "key: planted-", 0, true},
    {"what only looks like one is data", "sk-abcdefghijklmnop", "sk-abcdefghijklmnop", 0, false},
};

static void
mask(void **state)
{
    const struct mask_row *row = *state;
    struct secrets *secrets = loaded(KEY, OTHER);
    char text[256];
    size_t size = strlen(row->text);
    uint32_t id;

    assert_int_equal(setenv("POLIS_TEST_SHORT", "12345678", 1), 0);
    assert_int_equal(secrets_load_env(secrets, "POLIS_TEST_SHORT", &id, NULL), 0);
    memcpy(text, row->text, size + 1);
    assert_int_equal(secrets_mask(secrets, text, &size, row->more), row->count);
    text[size] = '\0';
    assert_string_equal(text, row->want);
    assert_false(secrets_found(secrets, text, size));
    secrets_destroy(&secrets);
}

static const struct tail_row {
    const char *name, *text;
    size_t want;
} tails[] = {
    {"nothing", "an answer", 0},
    {"empty", "", 0},
    {"one byte", "up", 1},
    {"many", "key: planted-7f3a9c-012345678", 24},
    {"a whole one is no beginning", KEY, 0},
    {"one of two", "planted-7", 9},
};

static void
tail(void **state)
{
    const struct tail_row *row = *state;
    struct secrets *secrets = loaded(KEY, NULL);

    assert_int_equal(secrets_tail(secrets, row->text, strlen(row->text)), row->want);
    secrets_destroy(&secrets);
}

/* Cut at every place, a stream hands on the same masked text. */
static void
any_cut(void **state)
{
    static const char text[] = "a " KEY ", pl, planted-, " OTHER "; " KEY;
    struct secrets *secrets = loaded(KEY, OTHER);

    (void)state;
    for (size_t cut = 0; cut < sizeof text; cut++) {
        char held[256], out[256];
        size_t held_size = 0, out_size = 0, at = 0;

        for (int part = 0; part < 2; part++) {
            size_t size = part == 0 ? cut : sizeof text - 1 - cut, keep;

            memcpy(held + held_size, text + at, size);
            at += size;
            held_size += size;
            (void)secrets_mask(secrets, held, &held_size, part == 0);
            keep = part == 0 ? secrets_tail(secrets, held, held_size) : 0;
            memcpy(out + out_size, held, held_size - keep);
            out_size += held_size - keep;
            memmove(held, held + held_size - keep, keep);
            held_size = keep;
        }
        assert_false(secrets_found(secrets, out, out_size));
    }
    secrets_destroy(&secrets);
}

static void
redacts(void **state)
{
    struct secrets *secrets = loaded(KEY, NULL);
    struct buffer out = {0};
    char text[128] = "curl: bad header Authorization: Bearer " KEY;

    (void)state;
    assert_true(secrets_redact(secrets, text, strlen(text), &out) > 0);
    assert_true(out.size > 20);
    assert_false(secrets_found(secrets, out.data, out.size));
    assert_true(secrets_redact_in_place(secrets, text, sizeof text) > 0);
    assert_null(strstr(text, "planted"));
    assert_non_null(strstr(text, "curl: bad header"));
    buffer_fini(&out);
    secrets_destroy(&secrets);
}

/* ---- where a key must not be ---- */

/* The scanner finds a planted key, and does not find what is not there. */
static void
scanner(void **state)
{
    struct secrets *secrets = loaded(KEY, NULL);

    (void)state;
    assert_true(secrets_found(secrets, "xx" KEY "yy", strlen(KEY) + 4));
    assert_true(secrets_found(secrets, KEY, strlen(KEY)));
    assert_false(secrets_found(secrets, KEY, strlen(KEY) - 1));
    assert_false(secrets_found(secrets, "", 0));
    assert_false(secrets_found(secrets, NULL, 0));
    secrets_destroy(&secrets);
}

/* Reads a file of /proc; -1: not allowed, which hides it as well. */
static ssize_t
read_proc(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got, all = 0;

    if (fd < 0)
        return -1;
    while ((size_t)all < size && (got = read(fd, out + all, size - (size_t)all)) > 0)
        all += got;
    (void)close(fd);
    return all;
}

/* Started with the key in its environment: the program loads it and looks at itself and at a child of its own. */
static int
inner(void)
{
    static char text[1 << 20];
    struct secrets *secrets;
    struct rlimit limit;
    uint32_t id, again;
    ssize_t before = read_proc("/proc/self/environ", text, sizeof text), size;
    bool was_there = before > 0 && memmem(text, (size_t)before, KEY, strlen(KEY)) != NULL;

    secrets = secrets_new(NULL);
    if (!was_there || secrets == NULL || secrets_load_env(secrets, "POLIS_TEST_INNER", &id, NULL) != 0)
        return 10;
    size = read_proc("/proc/self/environ", text, sizeof text);
    if (size > 0 && secrets_found(secrets, text, (size_t)size))
        return 11;
    for (char **entry = environ; *entry != NULL; entry++)
        if (secrets_found(secrets, *entry, strlen(*entry)) || strncmp(*entry, "POLIS_TEST_INNER", 16) == 0)
            return 12;
    if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 || getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_max != 0)
        return 13;
    /* Once read it is known by its name, the environment is not asked again. */
    if (secrets_load_env(secrets, "POLIS_TEST_INNER", &again, NULL) != 0 || again != id || secrets_count(secrets) != 1)
        return 14;
    return system("env | grep -q planted") == 0 ? 15 : 0;
}

/* A child made after loading has no key in its memory. */
static void
not_inherited(void **state)
{
    struct secrets *secrets = loaded(KEY, NULL);
    int status = 0;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        char copy[sizeof KEY] = {0};

        secrets_copy(secrets, 1, copy);
        _exit(memcmp(copy, KEY, strlen(KEY)) == 0 ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    secrets_destroy(&secrets);
}

static const char *program;

static void
hidden_from_proc(void **state)
{
    int status = 0;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        char *const words[] = {(char *)(uintptr_t)program, (char[]){"inner"}, NULL};
        /* A leak checker could not look into a process that nobody may look into. */
        char *const variables[] = {(char[]){"PATH=/usr/bin:/bin"}, (char[]){"POLIS_TEST_INNER=" KEY},
                                   (char[]){"ASAN_OPTIONS=detect_leaks=0"}, (char[]){"POLIS_TEST_INNER=" KEY}, NULL};

        (void)execve(program, words, variables);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void
many(void **state)
{
    struct secrets *secrets = secrets_new(NULL);
    struct why why = {0};
    char name[32], key[32];
    uint32_t id = 0;

    (void)state;
    for (uint32_t i = 0; i < SECRETS_MAX; i++) {
        (void)snprintf(name, sizeof name, "POLIS_TEST_%u", i);
        (void)snprintf(key, sizeof key, "planted-%08u", i);
        assert_int_equal(setenv(name, key, 1), 0);
        assert_int_equal(secrets_load_env(secrets, name, &id, &why), 0);
        assert_int_equal(id, i + 1);
    }
    assert_int_equal(setenv("POLIS_TEST_MORE", KEY, 1), 0);
    assert_int_equal(secrets_load_env(secrets, "POLIS_TEST_MORE", &id, &why), ERR_FULL);
    assert_true(secrets_find(secrets, "POLIS_TEST_7", &id));
    assert_int_equal(id, 8);
    assert_int_equal(secrets_load_env(secrets, "POLIS_TEST_7", &id, &why), 0);
    secrets_destroy(&secrets);
    assert_int_equal(unsetenv("POLIS_TEST_MORE"), 0);
}

static const struct test_case cases[] = {
    {"files that are none, and too long", no_files},
    {"a stream cut at any place holds no key", any_cut},
    {"texts for people", redacts},
    {"the scanner finds a planted key", scanner},
    {"a child has no key in its memory", not_inherited},
    {"neither /proc nor the environment nor a child's shows it", hidden_from_proc},
    {"as many as there is room for", many},
};

int
main(int count, char **words)
{
    int failed;

    if (count == 2 && strcmp(words[1], "inner") == 0)
        return inner();
    program = words[0];
    failed = TEST_ROWS("secrets_load_env", values, value);
    failed += TEST_ROWS("secrets_load_file", files, file);
    failed += TEST_ROWS("secrets_mask", masks, mask);
    failed += TEST_ROWS("secrets_tail", tails, tail);
    failed += TEST_CASES("secrets", cases);
    (void)prctl(PR_SET_DUMPABLE, 1); /* a leak checker looks from outside */
    return failed;
}
