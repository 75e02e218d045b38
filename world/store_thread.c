#include "world/store_private.h"

#include "core/assert.h"
#include "core/log.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

/* The object is on the heap and never const; only this view of it is. */
static struct store *
unconst(const struct store *self)
{
    return (struct store *)(uintptr_t)self;
}

static void
announce(struct store *self)
{
    uint64_t one = 1;

    /* The counter cannot overflow in a run's life, and a full one is readable all the same. */
    if (write(self->ready_fd, &one, sizeof one) < 0 && errno != EAGAIN)
        log_line(LOG_WARNING, "world", "eventfd: %s", strerror(errno));
    pthread_cond_broadcast(&self->done);
}

/* `lock` held. */
static int
failure_of(const struct store *self, struct why *why)
{
    if (self->failed != 0 && why != NULL)
        *why = self->failure;
    return self->failed;
}

/* Writes a batch and says what became of it. */
static int
batch_write(struct store *self, struct store_step *const steps[], uint32_t count)
{
    struct why why = {0};
    int code = store_write(self, steps, count, &why);

    pthread_mutex_lock(&self->lock);
    if (code == 0)
        self->committed = self->tip;
    self->failed = code;
    self->failure = why;
    announce(self);
    pthread_mutex_unlock(&self->lock);
    if (code == 0)
        store_write_aside(self, steps, count);
    return code;
}

static void *
log_thread(void *argument)
{
    struct store *self = argument;
    struct store_step *steps[STORE_BEHIND];
    uint32_t count;
    int code = 0;

    pthread_mutex_lock(&self->lock);
    while (code == 0) {
        while (self->count == 0 && !self->closing)
            pthread_cond_wait(&self->work, &self->lock);
        count = self->count;
        if (count == 0)
            break;
        for (uint32_t i = 0; i < count; i++)
            steps[i] = &self->queue[(self->first + i) % STORE_BEHIND];
        pthread_mutex_unlock(&self->lock);
        code = batch_write(self, steps, count);
        for (uint32_t i = 0; i < count; i++)
            store_step_fini(steps[i]);
        pthread_mutex_lock(&self->lock);
        self->first = (self->first + count) % STORE_BEHIND;
        self->count -= count;
        pthread_cond_broadcast(&self->done);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

int
store_thread_start(struct store *self, struct why *why)
{
    pthread_condattr_t monotonic;
    sigset_t all, before;
    int number;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    /* Signals are the main thread's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    number = pthread_create(&self->thread, NULL, log_thread, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (number != 0) {
        pthread_cond_destroy(&self->work);
        return fail_errno(why, ERR_IO, number, "the log thread cannot be started");
    }
    self->thread_runs = true;
    return 0;
}

void
store_thread_stop(struct store *self)
{
    pthread_mutex_lock(&self->lock);
    self->closing = true;
    pthread_cond_signal(&self->work);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    /* After a failure steps may have been queued behind the failed batch. */
    for (; self->count > 0; self->count--)
        store_step_fini(&self->queue[(self->first + self->count - 1) % STORE_BEHIND]);
    self->thread_runs = false;
    pthread_cond_destroy(&self->work);
}

static void
say_full(const struct store *self, int number)
{
    struct statvfs info;
    uint64_t left = statvfs(self->folder, &info) == 0 ? (uint64_t)info.f_bavail * info.f_frsize : 0;

    log_line(LOG_WARNING, "world", "disk full or failing (%s, %" PRIu64 " bytes left): the run waits; free space in %s",
             strerror(number), left, self->folder);
}

bool
store_pause(struct store *self, int number)
{
    struct timespec until;
    bool first, last;

    if (!self->options.wait_for_space || !store_env_is_space(number))
        return false;
    pthread_mutex_lock(&self->lock);
    first = !self->waiting;
    last = self->closing; /* a try has been made since store_close() */
    self->waiting = true;
    pthread_mutex_unlock(&self->lock);
    if (last)
        return false;
    if (first)
        say_full(self, number);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    if (!self->thread_runs) {
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        return true;
    }
    pthread_mutex_lock(&self->lock);
    while (!self->closing && pthread_cond_timedwait(&self->work, &self->lock, &until) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&self->lock);
    return true;
}

void
store_pause_end(struct store *self, bool written)
{
    bool waited;

    pthread_mutex_lock(&self->lock);
    waited = self->waiting;
    self->waiting = false;
    pthread_mutex_unlock(&self->lock);
    if (waited)
        log_line(LOG_INFO, "world", "%s", written ? "there is disk space again: the run goes on"
                                                  : "the wait for disk space was given up");
}

/* Moves the buffers; what is left behind is empty. */
static struct store_step
step_take(struct store_step *step)
{
    struct store_step taken = *step;

    step->header = step->data = step->snapshot = step->trace = (struct buffer){0};
    return taken;
}

static int
check_step(const struct store *self, const struct store_step *step, struct why *why)
{
    if (!self->writes)
        return fail(why, ERR_STATE, "%s is open for reading only", self->folder);
    if (step->step != self->appended + 1)
        return fail(why, ERR_INVALID, "step %" PRIu64 " cannot follow step %" PRIu64 " in the log", step->step,
                    self->appended);
    if (step->header.size > STORE_PART)
        return fail(why, ERR_LIMIT, "the header of step %" PRIu64 " has %zu bytes, at most %u go", step->step,
                    step->header.size, STORE_PART);
    return 0;
}

int
store_append(struct store *self, struct store_step *step, struct why *why)
{
    int code;

    ASSERT(self != NULL && step != NULL);

    store_crash_point("append");
    if ((code = check_step(self, step, why)) != 0)
        return code;
    pthread_mutex_lock(&self->lock);
    while (self->count == STORE_BEHIND && self->failed == 0)
        pthread_cond_wait(&self->done, &self->lock);
    code = failure_of(self, why);
    if (code == 0)
        self->appended++;
    if (code == 0 && self->thread_runs) {
        self->queue[(self->first + self->count++) % STORE_BEHIND] = step_take(step);
        pthread_cond_signal(&self->work);
    }
    pthread_mutex_unlock(&self->lock);
    if (code != 0 || self->thread_runs)
        return code;

    code = batch_write(self, &step, 1);
    if (code == 0)
        store_step_fini(step);
    else if (why != NULL)
        *why = self->failure;
    return code;
}

struct store_commit
store_committed(const struct store *const_self)
{
    struct store *self = unconst(const_self);
    struct store_commit commit;
    MDB_txn *txn;

    if (!self->writes && store_read_begin(self, &txn, NULL) == 0) {
        bool read = store_tip_get(&self->log, txn, self->genesis, &commit, NULL) == 0;

        store_read_end(self);
        if (read)
            return commit;
    }
    pthread_mutex_lock(&self->lock);
    commit = self->writes ? self->committed : self->tip;
    pthread_mutex_unlock(&self->lock);
    return commit;
}

int
store_ready_fd(const struct store *self)
{
    return self->ready_fd;
}

int
store_acknowledge(struct store *self, struct why *why)
{
    uint64_t count;
    int code;

    if (!self->writes)
        return fail(why, ERR_STATE, "%s is open for reading only", self->folder);
    if (read(self->ready_fd, &count, sizeof count) < 0 && errno != EAGAIN)
        return fail_errno(why, ERR_IO, errno, "eventfd");
    pthread_mutex_lock(&self->lock);
    code = failure_of(self, why);
    pthread_mutex_unlock(&self->lock);
    return code;
}

int
store_wait(struct store *self, uint64_t step, struct why *why)
{
    int code = 0;

    if (!self->writes)
        return fail(why, ERR_STATE, "%s is open for reading only", self->folder);
    if (step > self->appended)
        return fail(why, ERR_INVALID, "step %" PRIu64 " has not been appended", step);
    pthread_mutex_lock(&self->lock);
    while (self->committed.step < step && self->failed == 0)
        pthread_cond_wait(&self->done, &self->lock);
    if (self->committed.step < step)
        code = failure_of(self, why);
    pthread_mutex_unlock(&self->lock);
    return code;
}

bool
store_waits(const struct store *const_self)
{
    struct store *self = unconst(const_self);
    bool waits;

    pthread_mutex_lock(&self->lock);
    waits = self->waiting;
    pthread_mutex_unlock(&self->lock);
    return waits;
}
