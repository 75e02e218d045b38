/* bench/usage.h - what a process uses, as the kernel counts it: this one's or that of a child. */
#ifndef POLIS_BENCH_USAGE_H
#define POLIS_BENCH_USAGE_H

#include <stdint.h>
#include <sys/types.h>

/* Seconds of CPU of all its threads so far. */
double usage_cpu_seconds(pid_t pid);
double usage_resident_kib(pid_t pid);
uint32_t usage_file_count(pid_t pid);
/* As many descriptors as the machine allows. */
void usage_raise_files(void);

#endif
