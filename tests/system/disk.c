/* A full disk: the run stops with a message that says so, what is committed stays whole, and it goes on once there is
 * room. On a small tmpfs of the test's own (needs root; skipped otherwise). */
#include "tests/support/rig.h"
#include "tests/support/test.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCENARIO "tests/system/mixed.yaml"

static char output[100000];

static bool
mount_small(const char *folder)
{
    return mkdir(folder, 0700) == 0 && unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("polis-test", folder, "tmpfs", 0, "size=2m") == 0;
}

static void
full_disk(void **state)
{
    char disk[4200], folder[4300], plain[4300], hash[65], wanted[65];
    uint64_t committed;
    int status;

    (void)state;
    snprintf(disk, sizeof disk, "%s/disk", test_folder());
    snprintf(folder, sizeof folder, "%s/run", disk);
    snprintf(plain, sizeof plain, "%s/plain", test_folder());
    if (!mount_small(disk)) {
        test_say_skipped("full disk", strerror(errno));
        return;
    }
    assert_int_equal(POLIS(output, 300, "run", SCENARIO, "--out", plain, "--epochs", "60", "--quiet", "--inproc"), 0);
    rig_hash(plain, wanted);

    status = POLIS(output, 300, "run", SCENARIO, "--out", folder, "--epochs", "60", "--quiet");
    assert_int_equal(status, 74);
    assert_non_null(strstr(output, "space"));
    committed = rig_committed(folder);
    assert_true(committed > 0 && committed < 300);
    assert_int_equal(POLIS(output, 300, "check", folder), 0);

    /* Still no room: the same answer, and nothing is lost by trying. */
    assert_int_equal(POLIS(output, 300, "resume", folder, "--quiet"), 74);
    assert_true(rig_committed(folder) >= committed);

    assert_int_equal(mount("polis-test", disk, "tmpfs", MS_REMOUNT, "size=256m"), 0);
    assert_int_equal(POLIS(output, 300, "resume", folder, "--quiet"), 0);
    assert_string_equal(rig_hash(folder, hash), wanted);
    umount2(disk, MNT_DETACH);
}

static const struct test_case cases[] = {{"a full disk stops the run and loses nothing", full_disk}};

int
main(void)
{
    return TEST_CASES("disk", cases);
}
