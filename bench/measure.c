#include "bench/measure.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "core/assert.h"

#define FOREIGN_WARN 0.15
#define TMPFS 0x01021994L

/* CPU time in seconds: of the whole machine (idle and waiting for the disk excluded), and of this bench. */
struct load {
    double busy, own;
    uint64_t at_ns;
};

struct measure {
    const char *bench;
    char folder[4096];
    bool json, quick;
    json_t *rows, *notes;
    const char *title;
    uint32_t bars, missed;
    struct load start;
};

/* ---- time ---- */

uint64_t
measure_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

double
measure_seconds(uint64_t since_ns)
{
    return (double)(measure_ns() - since_ns) / 1e9;
}

double
measure_repeat(void (*work)(void *context, uint64_t repeats), void *context, double seconds)
{
    uint64_t repeats = 1, begin = measure_ns();
    double best = 1e300;

    while (measure_seconds(begin) < seconds) {
        uint64_t from = measure_ns();
        double took;

        work(context, repeats);
        took = (double)(measure_ns() - from);
        if (took < 2e6) {
            repeats *= 2;
            continue;
        }
        if (took / (double)repeats < best)
            best = took / (double)repeats;
    }
    return best;
}

/* ---- statistics ---- */

static int
compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

double
measure_median(double *values, uint32_t count)
{
    ASSERT(count > 0);
    qsort(values, count, sizeof *values, compare);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2.0;
}

double
measure_quantile(double *values, uint64_t count, double share)
{
    ASSERT(count > 0);
    qsort(values, count, sizeof *values, compare);
    return values[(uint64_t)((double)(count - 1) * share)];
}

double
measure_middle(const double *values, uint32_t count)
{
    double copy[MEASURE_ROUNDS_MAX];

    ASSERT(count <= MEASURE_ROUNDS_MAX);
    memcpy(copy, values, count * sizeof *copy);
    return measure_median(copy, count);
}

double
measure_ratio(const double *a, const double *b, uint32_t count)
{
    double ratios[MEASURE_ROUNDS_MAX];

    ASSERT(count <= MEASURE_ROUNDS_MAX);
    for (uint32_t i = 0; i < count; i++)
        ratios[i] = a[i] / b[i];
    return measure_median(ratios, count);
}

/* ---- load ---- */

static double
rusage_seconds(int who)
{
    struct rusage usage;

    if (getrusage(who, &usage) != 0)
        return 0.0;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* /proc/stat: user nice system idle iowait irq softirq steal. Time the hypervisor stole counts as busy. */
static struct load
load_now(void)
{
    struct load out = {.own = rusage_seconds(RUSAGE_SELF) + rusage_seconds(RUSAGE_CHILDREN), .at_ns = measure_ns()};
    uint64_t t[8] = {0};
    FILE *file = fopen("/proc/stat", "re");

    if (file == NULL)
        return out;
    if (fscanf(file, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
               &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) == 8)
        out.busy = (double)(t[0] + t[1] + t[2] + t[5] + t[6] + t[7]) / (double)sysconf(_SC_CLK_TCK);
    fclose(file);
    return out;
}

/* The share of the machine that others used since the bench began: 0 .. 1. */
static double
foreign_share(const struct measure *self)
{
    struct load now = load_now();
    double room = (double)(now.at_ns - self->start.at_ns) / 1e9 * (double)sysconf(_SC_NPROCESSORS_ONLN);
    double foreign = (now.busy - self->start.busy) - (now.own - self->start.own);

    return foreign <= 0.0 || room <= 0.0 ? 0.0 : foreign / room;
}

/* ---- files ---- */

static int
remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

void
measure_remove(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void
open_folder(struct measure *self)
{
    struct statfs status;

    if (mkdir(self->folder, 0700) != 0 && errno != EEXIST) {
        fprintf(stderr, "bench %s: cannot make %s: %s\n", self->bench, self->folder, strerror(errno));
        exit(EX_CANTCREAT);
    }
    if (statfs(self->folder, &status) == 0 && (long)status.f_type == TMPFS)
        fprintf(stderr, "bench %s: %s is in memory, not on a disk: syncs cost nothing there\n", self->bench,
                self->folder);
}

static void
be_realtime(const struct measure *self)
{
    if (sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 10}) != 0)
        fprintf(stderr, "bench %s: no realtime priority: %s\n", self->bench, strerror(errno));
}

/* ---- the table ---- */

struct measure *
measure_new(const char *bench, int argc, char **argv)
{
    struct measure *self = calloc(1, sizeof *self);

    ASSERT(self != NULL);
    self->bench = bench;
    self->rows = json_array();
    self->notes = json_array();
    self->title = "";
    snprintf(self->folder, sizeof self->folder, "/tmp/polis-bench-%ld", (long)getpid());
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            self->json = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            self->quick = true;
        } else if (strcmp(argv[i], "--realtime") == 0) {
            be_realtime(self);
        } else if (strcmp(argv[i], "--folder") == 0 && i + 1 < argc) {
            snprintf(self->folder, sizeof self->folder, "%s", argv[++i]);
        } else {
            fprintf(stderr, "usage: %s [--json] [--quick] [--realtime] [--folder DIR]\n", argv[0]);
            exit(EX_USAGE);
        }
    }
    open_folder(self);
    setvbuf(stdout, NULL, _IOLBF, 0);
    self->start = load_now();
    if (!self->json)
        printf("\n== %s%s ==\n%-58s %12s  %-19s %7s  %s\n", bench, self->quick ? " (quick: figures mean little)" : "",
               "what", "value", "bar", "ratio", "met?");
    return self;
}

const char *
measure_folder(const struct measure *self)
{
    return self->folder;
}

bool
measure_is_quick(const struct measure *self)
{
    return self->quick;
}

void
measure_title(struct measure *self, const char *text)
{
    self->title = text;
    if (!self->json)
        printf("-- %s\n", text);
}

void
measure_note(struct measure *self, const char *format, ...)
{
    char text[1000];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json_array_append_new(self->notes, json_string(text));
    if (!self->json)
        printf("   %s\n", text);
}

/* "14.2 M/s", "312 us", "0.85 GB/s": three digits and a prefix that fits. A difference may be negative. */
static void
write_value(double value, const char *unit, char *out, size_t size)
{
    static const struct {
        double from, scale;
        const char *prefix;
    } steps[] = {{1e9, 1e-9, "G"}, {1e6, 1e-6, "M"}, {1e4, 1e-3, "k"}, {0, 1, ""}};
    double large = fabs(value);
    uint32_t i = 0;

    if (unit[0] != '/' && strcmp(unit, "B/s") != 0 && strcmp(unit, "B") != 0)
        i = 3;
    while (large < steps[i].from)
        i++;
    value *= steps[i].scale;
    large *= steps[i].scale;
    snprintf(out, size, "%.*f %s%s", large >= 100 ? 0 : large >= 10 ? 1 : large >= 0.1 || large == 0 ? 2 : 4, value,
             steps[i].prefix, unit);
}

static void
write_bar(const struct measure_row *row, char *out, size_t size)
{
    const char *sign = row->bar == BAR_AT_LEAST ? ">=" : "<=";

    if (row->bar == BAR_NONE && row->ratio >= 0 && row->than != NULL)
        snprintf(out, size, "(x %s)", row->than);
    else if (row->bar == BAR_NONE)
        snprintf(out, size, "%s", "");
    else if (row->ratio >= 0)
        snprintf(out, size, "%s %.4gx %s", sign, row->limit, row->than != NULL ? row->than : "");
    else
        snprintf(out, size, "%s %.4g %s", sign, row->limit, row->unit);
}

void
measure_report(struct measure *self, const struct measure_row *row)
{
    double judged = row->ratio >= 0 ? row->ratio : row->value;
    bool met = row->bar == BAR_AT_LEAST ? judged >= row->limit : judged <= row->limit;
    char value[64], bar[64], ratio[32] = "";
    json_t *object = json_object();

    json_object_set_new(object, "group", json_string(self->title));
    json_object_set_new(object, "what", json_string(row->what));
    json_object_set_new(object, "value", json_real(row->value));
    json_object_set_new(object, "unit", json_string(row->unit));
    json_object_set_new(object, "ratio", row->ratio >= 0 ? json_real(row->ratio) : json_null());
    json_object_set_new(object, "ratio_to", row->than != NULL ? json_string(row->than) : json_null());
    json_object_set_new(object, "bar", row->bar == BAR_NONE ? json_null() : json_real(row->limit));
    json_object_set_new(object, "met", row->bar == BAR_NONE ? json_null() : json_boolean(met));
    json_array_append_new(self->rows, object);
    self->bars += row->bar != BAR_NONE;
    self->missed += row->bar != BAR_NONE && !met;
    if (self->json)
        return;
    write_value(row->value, row->unit, value, sizeof value);
    write_bar(row, bar, sizeof bar);
    if (row->ratio >= 0)
        snprintf(ratio, sizeof ratio, "%.*f", row->ratio >= 1000 ? 0 : row->ratio >= 0.1 ? 2 : 4, row->ratio);
    printf("%-58s %12s  %-19s %7s  %s\n", row->what, value, bar, ratio, row->bar == BAR_NONE ? "" : met ? "yes" : "NO");
}

int
measure_end(struct measure **self_p)
{
    struct measure *self = *self_p;
    double foreign = foreign_share(self);
    json_t *whole;

    rmdir(self->folder); /* if nothing is left in it */
    if (self->json) {
        whole = json_pack("{s:s, s:b, s:f, s:f, s:i, s:i, s:i, s:O, s:O}", "bench", self->bench, "quick", self->quick,
                          "seconds", measure_seconds(self->start.at_ns), "foreign_cpu", foreign, "cpus",
                          (int)sysconf(_SC_NPROCESSORS_ONLN), "bars", (int)self->bars, "missed", (int)self->missed,
                          "rows", self->rows, "notes", self->notes);
        ASSERT(whole != NULL);
        json_dumpf(whole, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
        putchar('\n');
        json_decref(whole);
    } else {
        printf("   %u of %u bars met; %.0f s; others used %.0f %% of %ld CPUs%s\n", self->bars - self->missed,
               self->bars, measure_seconds(self->start.at_ns), foreign * 100.0, sysconf(_SC_NPROCESSORS_ONLN),
               foreign > FOREIGN_WARN ? " - TOO BUSY: these figures are too low, and ratios uncertain" : "");
    }
    json_decref(self->rows);
    json_decref(self->notes);
    free(self);
    *self_p = NULL;
    return 0;
}

void
measure_wrong(const struct measure *self, const char *format, ...)
{
    char text[1000];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "bench %s: wrong: %s\n", self->bench, text);
    exit(EXIT_FAILURE);
}
