/* polis doctor: looks at the machine and says what would get in the way of a run. */
#include "bus/canary.h"
#include "control/commands.h"
#include "control/doctor_models.h"
#include "control/scenario.h"
#include "control/talk.h"
#include "core/digest.h"
#include "core/text.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <jansson.h>
#include <linux/magic.h>
#include <lmdb.h>
#include <msgpack.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>
#include <yaml.h>
#include <zmq.h>
#include <zstd.h>

#define FILES_MIN 256u
#define SPACE_MIN (1ull << 30)

enum verdict { GOOD, DOUBTFUL, BAD };

struct examination {
    struct buffer text;
    bool json;
    uint32_t count, worst;
};

__attribute__((format(printf, 4, 5))) static void
note(struct examination *self, const char *what, enum verdict verdict, const char *format, ...)
{
    static const char *const words[] = {"ok", "look", "bad"};
    char text[300];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (self->json) {
        text_addf(&self->text, "%s{\"what\": \"%s\", \"verdict\": \"%s\", \"text\": ", self->count > 0 ? ", " : "",
            what, words[verdict]);
        text_add_json(&self->text, text, strlen(text));
        text_add(&self->text, "}");
    } else {
        text_addf(&self->text, "%-5s %-14s %s\n", words[verdict], what, text);
    }
    self->count++;
    self->worst = verdict > self->worst ? verdict : self->worst;
}

static void
look_at_libraries(struct examination *self)
{
    int major, minor, patch;

    zmq_version(&major, &minor, &patch);
    note(self, "libzmq", major == 4 && minor >= 3 ? GOOD : BAD, "%d.%d.%d, wants 4.3 or newer of 4", major, minor,
        patch);
    note(self, "curve", zmq_has("curve") ? GOOD : DOUBTFUL,
        zmq_has("curve") ? "libzmq can encrypt" : "libzmq cannot encrypt: no runs over several machines");
    mdb_version(&major, &minor, &patch);
    note(self, "lmdb", major == 0 && minor == 9 ? GOOD : BAD, "%d.%d.%d, wants 0.9", major, minor, patch);
    note(self, "others", GOOD, "libsodium %s, libyaml %s, jansson %s, msgpack-c %s, zstd %s, libcurl %s",
        sodium_version_string(), yaml_get_version_string(), JANSSON_VERSION, msgpack_version(), ZSTD_versionString(),
        curl_version_info(CURLVERSION_NOW)->version);
}

static void
look_at_limits(struct examination *self)
{
    struct rlimit limit;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    long pages = sysconf(_SC_PHYS_PAGES);
    char text[TEXT_NUMBER_SIZE];

    text_format_size((uint64_t)(pages > 0 ? pages : 0) * (uint64_t)sysconf(_SC_PAGESIZE), text);
    note(self, "machine", cores > 0 ? GOOD : DOUBTFUL, "%ld cores, %s of memory", cores, text);
    getrlimit(RLIMIT_NOFILE, &limit);
    note(self, "open files", limit.rlim_cur >= FILES_MIN ? GOOD : BAD, "at most %llu, wants %u: ulimit -n",
        (unsigned long long)limit.rlim_cur, FILES_MIN);
    getrlimit(RLIMIT_AS, &limit);
    note(self, "address space", limit.rlim_cur == RLIM_INFINITY ? GOOD : DOUBTFUL, "%s",
        limit.rlim_cur == RLIM_INFINITY ? "unlimited"
                                        : "limited: a long run's log must fit into it (ulimit -v unlimited)");
    getrlimit(RLIMIT_FSIZE, &limit);
    note(self, "file size", limit.rlim_cur == RLIM_INFINITY ? GOOD : DOUBTFUL, "%s",
        limit.rlim_cur == RLIM_INFINITY ? "unlimited"
                                        : "limited: a long run's log must fit into it (ulimit -f unlimited)");
}

static void
look_at_disk(struct examination *self)
{
    static const struct {
        unsigned long magic;
        const char *name;
        bool bad;
    } kinds[] = {{EXT4_SUPER_MAGIC, "ext4", false}, {XFS_SUPER_MAGIC, "xfs", false},
        {BTRFS_SUPER_MAGIC, "btrfs", false}, {TMPFS_MAGIC, "tmpfs (gone at a restart)", false},
        {OVERLAYFS_SUPER_MAGIC, "overlayfs", false}, {NFS_SUPER_MAGIC, "NFS: a log cannot be there", true},
        {SMB_SUPER_MAGIC, "SMB: a log cannot be there", true}, {CIFS_SUPER_MAGIC, "CIFS: a log cannot be there", true},
        {SMB2_SUPER_MAGIC, "SMB: a log cannot be there", true}, {V9FS_MAGIC, "9p: a log cannot be there", true}};
    const char *folder = access("runs", F_OK) == 0 ? "runs" : ".";
    struct statfs info;
    char space[TEXT_NUMBER_SIZE];
    const char *name = "of a kind not tried";
    bool bad = false;

    if (statfs(folder, &info) != 0) {
        note(self, "runs folder", BAD, "%s cannot be looked at", folder);
        return;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if ((unsigned long)info.f_type == kinds[i].magic) {
            name = kinds[i].name;
            bad = kinds[i].bad;
        }
    text_format_size((uint64_t)info.f_bavail * (uint64_t)info.f_bsize, space);
    note(self, "runs folder",
        bad                         ? BAD
        : access(folder, W_OK) == 0 ? GOOD
                                    : BAD,
        "%s is %s%s", folder, name, access(folder, W_OK) == 0 ? "" : ", and cannot be written");
    note(self, "space", (uint64_t)info.f_bavail * (uint64_t)info.f_bsize >= SPACE_MIN ? GOOD : DOUBTFUL, "%s free",
        space);
    note(self, "sockets", access("/proc/self/fd", R_OK) == 0 ? GOOD : DOUBTFUL, "%s",
        access("/proc/self/fd", R_OK) == 0 ? "folders of any length"
                                           : "no /proc: a run's folder may have some 90 bytes");
}

static void
look_at_numbers(struct examination *self)
{
    char build[CANARY_BUILD_SIZE] = "unknown";
    struct why why = {0};
    struct timespec now;

    note(self, "canary", GOOD, "%016" PRIx64 ": machines of one run must agree in it", canary_compute());
    note(self, "program", canary_build(build, &why) == 0 ? GOOD : BAD, "%s (%s)", build, POLIS_VARIANT);
    clock_gettime(CLOCK_REALTIME, &now);
    note(self, "clock", now.tv_sec > 1700000000 ? GOOD : DOUBTFUL, "%s",
        now.tv_sec > 1700000000 ? "plausible" : "the date is in the past; results do not depend on it");
}

static void
note_model(void *context, const char *what, bool good, const char *text)
{
    note(context, what, good ? GOOD : DOUBTFUL, "%s", text);
}

/* A scenario that was named: is there what its models need? */
static int
look_at_scenario(struct examination *self, const char *name)
{
    struct scenario scenario;
    struct why why = {0};
    int error = scenario_load(name, NULL, 0, &scenario, &why);

    if (error == 0)
        doctor_models_look(yaml_root(scenario.tree), note_model, self);
    scenario_fini(&scenario);
    return error != 0 ? talk_failure(&why) : 0;
}

int
doctor_command(const struct invocation *invocation)
{
    struct examination self = {.json = invocation_has(invocation, "json")};
    int status;

    if (sodium_init() < 0)
        note(&self, "libsodium", BAD, "cannot be started");
    if (self.json)
        text_add(&self.text, "{\"schema\": \"polis.doctor/1\", \"findings\": [");
    look_at_libraries(&self);
    look_at_limits(&self);
    look_at_disk(&self);
    look_at_numbers(&self);
    status = invocation->word_count > 0 ? look_at_scenario(&self, invocation->words[0]) : 0;
    if (status != 0) {
        buffer_fini(&self.text);
        return status;
    }
    if (self.json)
        text_add(&self.text, "]}\n");
    status = talk_give(&self.text);
    if (status == 0 && self.worst == BAD)
        status = EX_UNAVAILABLE;
    return status;
}
