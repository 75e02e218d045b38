#include "control/figures.h"
#include "control/folder.h"
#include "control/progress.h"
#include "core/text.h"
#include "proto/sandbox.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- rows ---- */

/* A summary of two figures, the second one unknown when `known` is 0. */
static void
make_summary(
    const char *first, const char *second, double a, double b, uint8_t known, struct buffer *bytes, struct batch *out)
{
    uint32_t counts[SUMMARY_AXES] = {2, (uint32_t)(strlen(first) + strlen(second))};
    struct batch_writer writer;
    struct why why = {0};

    buffer_clear(bytes);
    batch_begin(&writer, &schema_summary, bytes, 0, 0, counts);
    memcpy(batch_column(&writer, SUMMARY_names), (uint32_t[]){0, (uint32_t)strlen(first), counts[1]}, 12);
    memcpy(batch_column(&writer, SUMMARY_value), (double[]){a, b}, 16);
    memcpy(batch_column(&writer, SUMMARY_known), (uint8_t[]){1, known}, 2);
    batch_fill_bytes(&writer, SUMMARY_text, 0, first, (uint32_t)strlen(first));
    batch_fill_bytes(&writer, SUMMARY_text, (uint32_t)strlen(first), second, (uint32_t)strlen(second));
    assert_int_equal(batch_read(&schema_summary, bytes->data, bytes->size, out, &why), 0);
}

static void
collects_rows(void **state)
{
    struct figures figures = {0};
    struct buffer bytes = {0}, text = {0};
    struct batch batch;
    struct why why = {0};
    uint32_t columns[3] = {0, 1, 2};

    (void)state;
    make_summary("harm", "gap", 3, 0.25, 0, &bytes, &batch);
    assert_int_equal(figures_add(&figures, 10, 0, &batch, &why), 0);
    make_summary("gap", "new", -0.5, 1e7, 1, &bytes, &batch); /* another order, and a name that is new */
    assert_int_equal(figures_add(&figures, 20, 1, &batch, &why), 0);
    assert_int_equal(figures.name_count, 3);
    assert_int_equal(figures_find(&figures, "new"), 2);
    assert_int_equal(figures_find(&figures, "old"), UINT32_MAX);
    figures_write_table(&figures, columns, 3, &text);
    buffer_append(&text, "", 1);
    assert_string_equal((const char *)text.data, "  epoch          harm           gap           new\n"
                                                 "      1             3             -             -\n"
                                                 "      2             -       -0.5000      10000000\n");
    buffer_fini(&bytes);
    buffer_fini(&text);
    figures_fini(&figures);
}

static void
chooses_columns(void **state)
{
    static const char wanted[] = "[gap, nothing, harm]";
    struct figures figures = {0};
    struct yaml_tree *tree = NULL;
    struct why why = {0};
    uint32_t columns[8];

    (void)state;
    figures_begin(&figures, 10, 0);
    figures_set(&figures, "harm", 1, true);
    figures_set(&figures, "toxicity_rate", 1, true);
    figures_set(&figures, "gap", 1, true);
    figures_set(&figures, "interactions", 1, true);
    assert_int_equal(yaml_read_text("t", wanted, strlen(wanted), &tree, &why), 0);
    assert_int_equal(figures_choose(&figures, yaml_root(tree), columns, 8), 2);
    assert_int_equal(columns[0], 2);
    assert_int_equal(columns[1], 0);
    assert_int_equal(figures_choose(&figures, yaml_root(tree), columns, 1), 1);
    /* Without a wish: the usual ones, in their usual order. */
    assert_int_equal(figures_choose(&figures, NULL, columns, 8), 2);
    assert_int_equal(columns[0], 3);
    assert_int_equal(columns[1], 1);
    yaml_destroy(&tree);
    figures_fini(&figures);
}

static const struct row {
    const char *name;
    double value;
    bool known;
    const char *want;
} rows[] = {
    {"unknown", 1, false, "-"},
    {"whole", 42, true, "42"},
    {"zero", 0, true, "0"},
    {"negative", -3, true, "-3"},
    {"small", 0.12345, true, "0.1235"},
    {"tens", 113.54817, true, "113.55"},
    {"thousands", 2343.849, true, "2343.8"},
    {"tiny", 0.00001234, true, "1.23e-05"},
    {"huge", 123456789.5, true, "1.23e+08"},
};

static void
format(void **state)
{
    const struct row *row = *state;
    char text[32];

    figures_format(&(struct figure){row->value, row->known}, text);
    assert_string_equal(text, row->want);
}

/* ---- progress ---- */

static void
says_how_far_it_is(void **state)
{
    struct plan plan = {.steps = 200, .simulation.steps_per_epoch = 10};
    struct progress progress;
    char line[PROGRESS_LINE_SIZE];

    (void)state;
    progress_init(&progress, &plan, NULL, 100, 5000);
    progress.step = 150; /* 50 steps in 2 s, 50 to go */
    progress_format(&progress, 7000, line);
    assert_string_equal(line, "step 150/200  epoch 16/20  25 steps/s  2.0s left");
    progress.step = 200;
    progress_format(&progress, 9000, line);
    assert_non_null(strstr(line, "step 200/200  epoch 20/20  25 steps/s  "));
}

/* ---- the folder beside the store ---- */

/* A socket that somebody listens at; then its file alone; then with the world, which may wait for another broker. */
static void
is_live_with_a_listener(const char *folder, const char *place)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[4400];
    FILE *lock;
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(mkdir(place, 0700), 0);
    snprintf(path, sizeof path, "%s/ctl", place);
    assert_true(text_copy(address.sun_path, sizeof address.sun_path, path));
    assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_true(folder_is_live(folder));
    assert_int_equal(close(listener), 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_false(folder_is_live(folder));
    snprintf(path, sizeof path, "%s/world.lock", folder);
    lock = fopen(path, "we");
    assert_non_null(lock);
    assert_true(fprintf(lock, "%jd\n", (intmax_t)getpid()) > 0);
    assert_int_equal(fclose(lock), 0);
    assert_true(folder_is_live(folder));
}

static void
keeps_the_layout(void **state)
{
    struct plan plan = {.cluster = {.workers = 5,
                            .chunk = 100,
                            .transport = TRANSPORT_TCP,
                            .port = 9000,
                            .deadline_ms = 300,
                            .credit = 3,
                            .poison_kills = 2},
        .logging = {.snapshot_every = 7}};
    const struct llm_settings models = {.mode = REPLAY_BRANCH, .parent = "calls.parent.log", .cache_mb = 3};
    struct llm_settings kept;
    struct cluster cluster;
    struct logging logging;
    char folder[4200], place[4300];
    struct why why = {0};

    (void)state;
    snprintf(folder, sizeof folder, "%s/layout", test_folder());
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(folder_read_cluster(folder, &cluster, &logging, &why), 0); /* nothing there: defaults */
    assert_int_equal(cluster.workers, 2);
    assert_int_equal(folder_read_place(folder, place, sizeof place, &why), 0);
    assert_string_equal(place + strlen(folder), "/bus");
    assert_false(folder_is_live(folder));
    is_live_with_a_listener(folder, place);

    assert_int_equal(folder_write_cluster(folder, &plan, NULL, &why), 0);
    assert_int_equal(folder_read_cluster(folder, &cluster, &logging, &why), 0);
    assert_memory_equal(&cluster, &plan.cluster, sizeof cluster);
    assert_int_equal(logging.snapshot_every, 7);
    assert_int_equal(folder_read_place(folder, place, sizeof place, &why), 0);
    assert_string_equal(place, "tcp://127.0.0.1:9000");

    assert_int_equal(folder_read_models(folder, &kept, &why), 0); /* nothing there: defaults */
    assert_int_equal(kept.mode, REPLAY_RECORD);
    assert_int_equal(folder_write_cluster(folder, &plan, &models, &why), 0);
    assert_int_equal(folder_read_cluster(folder, &cluster, &logging, &why), 0);
    assert_memory_equal(&cluster, &plan.cluster, sizeof cluster);
    assert_int_equal(folder_read_models(folder, &kept, &why), 0);
    assert_int_equal(kept.mode, REPLAY_BRANCH);
    assert_string_equal(kept.parent, "calls.parent.log");
    assert_int_equal(kept.cache_mb, 3);
}

static void
chooses_a_free_folder(void **state)
{
    char path[FOLDER_PATH_SIZE];
    struct why why = {0};

    (void)state;
    assert_int_equal(chdir(test_folder()), 0);
    assert_int_equal(folder_choose("a b/../c", 7, path, &why), 0);
    assert_string_equal(path, "runs/a-b-..-c-7-1");
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(folder_choose("a b/../c", 7, path, &why), 0);
    assert_string_equal(path, "runs/a-b-..-c-7-2");
    assert_int_equal(folder_choose("", 7, path, &why), 0);
    assert_string_equal(path, "runs/run-7-1");
    assert_int_equal(folder_find("a-b-..-c-71", path, &why), ERR_MISSING);
    assert_string_equal(why.text, "there is no run at 'a-b-..-c-71'; did you mean 'runs/a-b-..-c-7-1'?");
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"collects rows", collects_rows},
        {"chooses columns", chooses_columns},
        {"says how far it is", says_how_far_it_is},
        {"keeps the layout", keeps_the_layout},
        {"chooses a free folder", chooses_a_free_folder},
    };

    return TEST_ROWS("figures_format", rows, format) + TEST_CASES("figures", cases);
}
