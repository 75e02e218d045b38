#include "world/recover.h"

#include <lmdb.h>

#include "tests/unit/world/drill_case.h"
#include "world/replay.h"
#include "world/world.h"

#define STEPS 12u

/* A run of STEPS steps, made without a bus; `flip` (0: none) names the step whose logged answer gets another byte on
 * its way to the store, so that the chain holds and only the state disagrees. */
static const char *
make_run(const char *detail, uint32_t snapshot_every, uint64_t flip)
{
    const char *folder = case_folder();
    struct store_options options = {.durability = STORE_NOSYNC, .no_thread = true};
    struct store *store = NULL;
    struct buffer manifest = {0};
    struct scene scene = {0};
    struct step step;
    struct why why = {0};

    drill_manifest(&manifest, 50, 2, 1, STEPS, 7, detail);
    case_ok(store_create(folder, manifest.data, manifest.size, &why), &why);
    case_ok(store_open(folder, &options, &store, &why), &why);
    case_ok(scene_open(manifest.data, manifest.size, &scene, &why), &why);
    step_init(&step, scene.domain, scene.domain_self, strcmp(detail, "inputs") == 0);
    for (uint64_t number = 1; number <= STEPS; number++) {
        struct store_step made = case_make_step(&step, number, NULL, 0);

        if (number == flip) {
            struct section section;
            struct batch batch;
            uint64_t offset = 0;

            case_ok(record_next(made.data.data, made.data.size, &offset, &section, &why), &why);
            case_ok(batch_read(&schema_drill_answer, section.bytes, section.size, &batch, &why), &why);
            made.data.data[batch.data[1] - made.data.data + 5] ^= 1; /* some bit of the first agent's move */
        }
        if (snapshot_every > 0 && number % snapshot_every == 0)
            scene.domain->save(scene.domain_self, &made.snapshot);
        case_ok(store_append(store, &made, &why), &why);
    }
    step_fini(&step);
    scene_fini(&scene);
    buffer_fini(&manifest);
    case_ok(store_close(&store, &why), &why);
    return folder;
}

struct opened {
    struct store *store;
    struct scene scene;
};

static struct opened
open_run(const char *folder)
{
    struct opened out = {0};
    struct why why = {0};
    const void *manifest;
    size_t size;

    case_ok(store_open_read(folder, &out.store, &why), &why);
    manifest = store_manifest(out.store, &size);
    case_ok(scene_open(manifest, size, &out.scene, &why), &why);
    return out;
}

static void
close_run(struct opened *run)
{
    struct why why = {0};

    scene_fini(&run->scene);
    case_ok(store_close(&run->store, &why), &why);
}

/* ---- recovery ---- */

static const struct recover_row {
    const char *name;
    uint32_t snapshot_every;
    uint64_t to;
    bool use_snapshots;
    uint64_t snapshot_step, replayed;
} recover_rows[] = {
    {"from genesis to the tip", 0, 12, true, 0, 12},
    {"from genesis to some step", 0, 5, true, 0, 5},
    {"to the state before the first step", 0, 0, true, 0, 0},
    {"from the newest snapshot", 5, 12, true, 10, 2},
    {"the snapshot is of that very step", 4, 12, true, 12, 0},
    {"snapshots may be left alone", 5, 12, false, 0, 12},
    {"a snapshot above the step is no use", 11, 7, true, 0, 7},
};

static void
count_step(void *context, uint64_t step)
{
    uint64_t *steps = context;

    assert_true(steps[0] == 0 || step == steps[1] + 1);
    steps[0]++;
    steps[1] = step;
}

static void
recovers(void **state)
{
    const struct recover_row *row = *state;
    struct opened run = open_run(make_run("actions", row->snapshot_every, 0));
    struct recover_report report;
    struct store_commit commit;
    uint64_t steps[2] = {0};
    uint8_t digest[STORE_DIGEST];
    struct fold fold;
    struct why why = {0};

    case_ok(recover_to(run.store, &run.scene, row->to, row->use_snapshots, count_step, steps, &report, &why), &why);
    assert_int_equal(report.snapshot_step, row->snapshot_step);
    assert_int_equal(report.replayed, row->replayed);
    assert_int_equal(steps[0], row->replayed);
    assert_true(steps[0] == 0 || steps[1] == row->to);
    if (row->to > 0) {
        fold_init(&fold);
        run.scene.domain->digest(run.scene.domain_self, &fold);
        fold_end(&fold, digest);
        case_ok(store_read_commit(run.store, row->to, &commit, &why), &why);
        assert_memory_equal(digest, commit.digest, STORE_DIGEST);
    }
    close_run(&run);
}

static void
a_step_that_is_not_there(void **state)
{
    struct opened run = open_run(make_run("actions", 0, 0));
    struct why why = {0};

    (void)state;
    assert_int_equal(recover_to(run.store, &run.scene, STEPS + 1, true, NULL, NULL, NULL, &why), ERR_MISSING);
    close_run(&run);
}

/* ---- a log that does not hold what it claims ---- */

static const struct flip_row {
    const char *name;
    uint64_t flip;
    uint32_t snapshot_every;
    bool use_snapshots;
    int want;
    const char *says;
} flip_rows[] = {
    {"the step is named", 7, 0, true, ERR_DIGEST, "step 7:"},
    {"the first step", 1, 0, true, ERR_DIGEST, "step 1:"},
    {"the last step", 12, 0, true, ERR_DIGEST, "step 12:"},
    {"behind the snapshot it is seen", 11, 5, true, ERR_DIGEST, "step 11:"},
    {"before the snapshot only a full replay sees it", 7, 5, true, 0, ""},
    {"a full replay does", 7, 5, false, ERR_DIGEST, "step 7:"},
};

static void
flipped(void **state)
{
    const struct flip_row *row = *state;
    const char *folder = make_run("actions", row->snapshot_every, row->flip);
    struct opened run = open_run(folder);
    struct replay_options options = {.chain = true};
    struct replay_report report;
    struct world_options world = {.folder = folder, .cluster = {.chunk = 1, .credit = 1, .poison_kills = 1,
        .deadline_ms = 1}};
    struct world *opened = NULL;
    struct why why = {0};

    assert_int_equal(recover_to(run.store, &run.scene, STEPS, row->use_snapshots, NULL, NULL, NULL, &why), row->want);
    assert_non_null(strstr(why.text, row->says));
    close_run(&run);
    /* A replay always starts at genesis; the chain, which was made over the wrong bytes, holds. */
    assert_int_equal(replay_run(folder, &options, &report, &why), ERR_DIGEST);
    if (row->use_snapshots) {
        assert_int_equal(world_new(&world, &opened, &why), row->want);
        if (opened != NULL)
            case_ok(world_destroy(&opened, &why), &why);
    }
}

/* One bit of log.mdb's step 7, so that the chain does not hold. The byte is one that the state does not depend on. */
static void
flip_on_disk(const char *folder)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    uint8_t key_bytes[12] = {0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1};
    MDB_val key = {.mv_size = sizeof key_bytes, .mv_data = key_bytes}, value, copy;
    char path[PATH_MAX + 16];

    snprintf(path, sizeof path, "%s/log.mdb", folder);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_set_mapsize(env, (size_t)1 << 30), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "log", 0, &dbi), 0);
    assert_int_equal(mdb_get(txn, dbi, &key, &value), 0);
    copy = (MDB_val){.mv_size = value.mv_size, .mv_data = malloc(value.mv_size)};
    memcpy(copy.mv_data, value.mv_data, value.mv_size);
    {
        struct section section;
        struct batch batch;
        uint64_t offset = 0;
        struct why why = {0};

        case_ok(record_next(copy.mv_data, copy.mv_size, &offset, &section, &why), &why);
        case_ok(batch_read(&schema_drill_answer, section.bytes, section.size, &batch, &why), &why);
        ((uint8_t *)copy.mv_data)[batch.data[2] - (uint8_t *)copy.mv_data] ^= 1; /* the mark, which nobody reads */
    }
    assert_int_equal(mdb_put(txn, dbi, &key, &copy, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    free(copy.mv_data);
}

static void
the_chain_sees_what_the_state_does_not(void **state)
{
    const char *folder = make_run("actions", 0, 0);
    struct replay_options without = {.chain = false}, with = {.chain = true};
    struct replay_report report;
    struct why why = {0};

    (void)state;
    case_ok(replay_run(folder, &with, &report, &why), &why);
    flip_on_disk(folder);
    case_ok(replay_run(folder, &without, &report, &why), &why);
    assert_int_equal(replay_run(folder, &with, &report, &why), ERR_DIGEST);
    assert_non_null(strstr(why.text, "step 7"));
}

/* ---- replay ---- */

static void
count_replayed(void *context, uint64_t step, uint64_t steps)
{
    uint64_t *seen = context;

    assert_int_equal(step, ++seen[0]);
    seen[1] = steps;
}

static void
note_figure(void *context, const char *name, double value, bool known)
{
    uint64_t *seen = context;

    assert_string_equal(name, "mean");
    assert_true(known && value > -100.0 && value < 100.0);
    seen[2]++;
}

static void
replay_to_a_step(void **state)
{
    const char *folder = make_run("actions", 5, 0);
    uint64_t seen[3] = {0};
    struct replay_options options = {.upto = 8, .chain = true, .invariants = true, .each = count_replayed,
        .figure = note_figure, .context = seen};
    struct replay_report report;
    struct opened run;
    struct store_commit commit;
    struct why why = {0};

    (void)state;
    case_ok(replay_run(folder, &options, &report, &why), &why);
    assert_int_equal(report.steps, 8);
    assert_int_equal(seen[0], 8);
    assert_int_equal(seen[1], 8);
    assert_int_equal(seen[2], 1);
    run = open_run(folder);
    case_ok(store_read_commit(run.store, 8, &commit, &why), &why);
    assert_memory_equal(report.chain, commit.chain, 32);
    assert_memory_equal(report.digest, commit.digest, 16);
    close_run(&run);
    options = (struct replay_options){.upto = 99}; /* beyond the tip: to the tip */
    case_ok(replay_run(folder, &options, &report, &why), &why);
    assert_int_equal(report.steps, STEPS);
}

static void
replay_of_nothing(void **state)
{
    const char *folder = case_folder();
    struct replay_options options = {.chain = true};
    struct replay_report report;
    struct buffer manifest = {0};
    struct why why = {0};

    (void)state;
    drill_manifest(&manifest, 50, 2, 1, STEPS, 7, "actions");
    case_ok(store_create(folder, manifest.data, manifest.size, &why), &why);
    case_ok(replay_run(folder, &options, &report, &why), &why);
    assert_int_equal(report.steps, 0);
    buffer_fini(&manifest);
    assert_int_equal(replay_run("/nowhere/at/all", &options, &report, &why), ERR_MISSING);
}

static void
inputs_alone_cannot_be_replayed(void **state)
{
    const char *folder = make_run("inputs", 0, 0);
    struct replay_options options = {.chain = true};
    struct replay_report report;
    struct why why = {0};

    (void)state;
    assert_int_equal(replay_run(folder, &options, &report, &why), ERR_STATE);
}

/* ---- scenes ---- */

static const struct scene_row {
    const char *name, *manifest;
    int want;
    const char *says;
} scene_rows[] = {
    {"a drill", "polis: 1\ndomain: drill\n", 0, ""},
    {"another format", "polis: 2\ndomain: drill\n", ERR_VERSION, "reads 1"},
    {"an unknown domain", "polis: 1\ndomain: chess\n", ERR_UNKNOWN, "chess"},
    {"the domain that is meant when none is named", "polis: 1\n", ERR_UNKNOWN, "sandbox"},
    {"a domain that is a list", "polis: 1\ndomain: [a]\n", ERR_UNKNOWN, ""},
    {"a parameter of the domain out of its bounds", "polis: 1\ndomain: drill\ndrill:\n  agents: 0\n", ERR_INVALID,
        "agents"},
    {"no YAML", "polis: [\n", ERR_FORMAT, ""},
};

static void
scenes(void **state)
{
    const struct scene_row *row = *state;
    struct scene scene = {0};
    struct why why = {0};

    assert_int_equal(scene_open(row->manifest, strlen(row->manifest), &scene, &why), row->want);
    assert_non_null(strstr(why.text, row->says));
    if (row->want == 0) {
        assert_false(scene.governed);
        scene_fini(&scene);
    }
    assert_null(scene.domain_self);
    assert_null(scene.tree);
}

static void
governed_by_its_levers(void **state)
{
    static const char text[] = "polis: 1\ndomain: drill\ngovernance:\n  tax:\n    rate: 0.5\n";
    static const char none[] = "polis: 1\ndomain: drill\ngovernance: {}\n";
    struct scene scene = {0};
    struct why why = {0};

    (void)state;
    case_ok(scene_open(text, sizeof text - 1, &scene, &why), &why);
    assert_true(scene.governed);
    assert_non_null(memmem(scene.governance.data, scene.governance.size, "rate: 0.5", 9));
    scene_fini(&scene);
    case_ok(scene_open(none, sizeof none - 1, &scene, &why), &why);
    assert_false(scene.governed);
    scene_fini(&scene);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"a step that is not there", a_step_that_is_not_there},
        {"the chain sees what the state does not", the_chain_sees_what_the_state_does_not},
        {"replay to a step", replay_to_a_step},
        {"replay of nothing", replay_of_nothing},
        {"inputs alone cannot be replayed", inputs_alone_cannot_be_replayed},
        {"governed by its levers", governed_by_its_levers},
    };

    log_set_level(LOG_ERROR);
    return TEST_ROWS("recover", recover_rows, recovers) + TEST_ROWS("flipped", flip_rows, flipped) +
           TEST_ROWS("scene", scene_rows, scenes) + TEST_CASES("recover and replay", cases);
}
