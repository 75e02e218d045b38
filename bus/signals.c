#include "bus/signals.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/assert.h"

static const struct {
    int number;
    enum actor_signal means;
} rows[] = {{SIGINT, ACTOR_FINISH}, {SIGTERM, ACTOR_CHECKPOINT}, {SIGHUP, ACTOR_RELOAD}, {SIGUSR2, ACTOR_DUMP}};

void
signals_block(void)
{
    static const int left[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    sigset_t set;

    sigfillset(&set);
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++)
        sigdelset(&set, left[i]);
    ASSERT(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
}

int
signals_open(void)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        sigaddset(&set, rows[i].number);
    fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    ASSERT(fd >= 0);
    return fd;
}

bool
signals_read(int fd, enum actor_signal *out)
{
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            if (info.ssi_signo == (uint32_t)rows[i].number) {
                *out = rows[i].means;
                return true;
            }
    return false;
}

bool
signals_follow_parent(int parent_pid)
{
    if (parent_pid == 0)
        return true;
    ASSERT(prctl(PR_SET_PDEATHSIG, SIGTERM) == 0);
    return getppid() == parent_pid; /* it may have died before the line above */
}
