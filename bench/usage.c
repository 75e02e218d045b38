#include "bench/usage.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/assert.h"

double
usage_cpu_seconds(pid_t pid)
{
    clockid_t clock;
    struct timespec used;

    ASSERT(clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &used) == 0);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

double
usage_resident_kib(pid_t pid)
{
    char path[64];
    FILE *file;
    unsigned long size = 0, resident = 0;

    (void)snprintf(path, sizeof path, "/proc/%ld/statm", (long)pid);
    file = fopen(path, "re");
    ASSERT(file != NULL && fscanf(file, "%lu %lu", &size, &resident) == 2);
    (void)fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
}

uint32_t
usage_file_count(pid_t pid)
{
    char path[64];
    DIR *folder;
    uint32_t count = 0;

    (void)snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    folder = opendir(path);
    ASSERT(folder != NULL);
    while (readdir(folder) != NULL)
        count++;
    (void)closedir(folder);
    return count;
}

void
usage_raise_files(void)
{
    struct rlimit files;

    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}
