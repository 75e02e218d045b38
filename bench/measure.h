/* bench/measure.h - what every bench needs: a clock, medians, ratios taken pair by pair, and a table of figures against
 * their bars. Absolute numbers of a shared machine say little: the bars are ratios of two things measured in turn. */
#ifndef POLIS_BENCH_MEASURE_H
#define POLIS_BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEASURE_NONE (-1.0) /* no ratio, no bar */
#define MEASURE_ROUNDS_MAX 64u

/* Monotonic nanoseconds, the same clock in every process of this machine. */
uint64_t measure_ns(void);
/* Seconds since `since_ns`. */
double measure_seconds(uint64_t since_ns);

/* count in 1 .. 2^31; sorts the values in place. The mean of the middle two when count is even. */
double measure_median(double *values, uint32_t count);
/* Median of a[i] / b[i]: what disturbs a round disturbs both of its halves. count in 1 .. MEASURE_ROUNDS_MAX. */
double measure_ratio(const double *a, const double *b, uint32_t count);
/* As measure_median(), of a copy; count in 1 .. MEASURE_ROUNDS_MAX. */
double measure_middle(const double *values, uint32_t count);
/* The value that `share` (0 .. 1) of them do not exceed; sorts the values in place. count > 0. */
double measure_quantile(double *values, uint64_t count, double share);

/* Tells the compiler that the bytes behind `pointer` are read and written by somebody else. */
static inline void
measure_use(const void *pointer)
{
    __asm__ volatile("" : : "r"(pointer) : "memory");
}

/* Calls work(context, repeats) until `seconds` have passed, with repeats chosen so that one call takes long enough to
 * be timed; the least time of one repeat, in nanoseconds. */
double measure_repeat(void (*work)(void *context, uint64_t repeats), void *context, double seconds);

/* What a figure is held to. The bar is about the ratio when there is one, else about the value. */
enum measure_bar { BAR_NONE, BAR_AT_LEAST, BAR_AT_MOST };

struct measure_row {
    const char *what;  /* copied */
    double value;
    const char *unit;  /* "/s", "ns/agent", "ms" ...; copied */
    double ratio;      /* MEASURE_NONE: none */
    enum measure_bar bar;
    double limit;
    const char *than;  /* what the ratio is to: "floor"; NULL or "" when there is no ratio; copied */
};

struct measure;

/* Reads the common arguments: --json (one JSON object on stdout instead of the table), --folder DIR (where runs and
 * files are put; made when it is missing; it must be on a disk for the figures of the log to mean anything), --quick
 * (a tenth of the work, to see that it runs), --realtime (this program and those it starts run before all others of the
 * machine, for which it needs the right: what the bars were set with, for figures on a machine that is not idle). Exits
 * 64 at anything else. */
struct measure *measure_new(const char *bench, int argc, char **argv);
const char *measure_folder(const struct measure *self);
bool measure_is_quick(const struct measure *self);

/* A heading in the table. */
void measure_title(struct measure *self, const char *text);
__attribute__((format(printf, 2, 3))) void measure_note(struct measure *self, const char *format, ...);
void measure_report(struct measure *self, const struct measure_row *row);

/* Prints the machine's load and what was missed; returns the exit status: 0 (a missed bar is not an error). */
int measure_end(struct measure **self_p);

/* Ends the process with status 1: what the benches compute is checked, however long it takes. */
__attribute__((format(printf, 2, 3), noreturn)) void measure_wrong(const struct measure *self, const char *format, ...);

/* Removes a run's folder or a file below the bench's folder, if it is there. */
void measure_remove(const char *path);

#endif
