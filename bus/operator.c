#include "bus/operator.h"

#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

#include "bus/actor.h"
#include "bus/clock.h"
#include "bus/process.h"
#include "core/assert.h"
#include "core/text.h"

#define RESEND_MIN_MS 5u
#define RESEND_MAX_MS 1000u
#define NUMBER_MAX UINT64_C(1000000000000000000)

struct errand {
    struct command command;
    struct peer whom;
    uint64_t until_ms, resend_ms;
    uint32_t backoff_ms;
    struct buffer *text;
    struct why *why;
    int code; /* -1 until it is known */
};

static void
send_command(struct errand *self, uint64_t now_ms, struct outbox *out)
{
    outbox_send_message(out, CHANNEL_CONTROL, &self->whom, NULL, MSG_COMMAND, &self->command);
    self->resend_ms = now_ms + self->backoff_ms;
    self->backoff_ms = self->backoff_ms * 2 < RESEND_MAX_MS ? self->backoff_ms * 2 : RESEND_MAX_MS;
    outbox_wake(out, clock_earlier(self->resend_ms, self->until_ms));
}

static void
start(void *context, uint64_t now_ms, struct outbox *out)
{
    struct errand *self = context;

    self->backoff_ms = RESEND_MIN_MS;
    send_command(self, now_ms, out);
}

static void
receive(void *context, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct errand *self = context;
    struct result result;

    (void)now_ms;
    if (letter->head.type != MSG_RESULT ||
        message_unpack(MSG_RESULT, letter->payload, letter->size, &result, NULL) != 0 ||
        result.source_seq != self->command.source_seq)
        return;
    self->code = result.code < ERROR_COUNT ? (int)result.code : ERR_INVALID;
    if (self->code == ERR_OK)
        buffer_append(self->text, result.text, strlen(result.text));
    else
        fail(self->why, self->code, "%.480s", result.text);
    outbox_stop(out, EX_OK);
}

static void
tick(void *context, uint64_t now_ms, struct outbox *out)
{
    struct errand *self = context;

    if (self->code >= 0)
        return;
    if (now_ms >= self->until_ms) {
        self->code = fail(self->why, ERR_TIMEOUT, "the %s did not answer \"%s\"",
                          peer_equal(&self->whom, &PEER_WORLD) ? "world" : "gateway", self->command.verb);
        outbox_stop(out, EX_TEMPFAIL);
    } else if (now_ms >= self->resend_ms) {
        send_command(self, now_ms, out);
    } else {
        outbox_wake(out, clock_earlier(self->resend_ms, self->until_ms));
    }
}

int
operator_request(const char *place, const struct peer *whom, const char *verb, const char *argument,
                 uint32_t timeout_ms, struct buffer *text, struct why *why)
{
    struct errand errand = {.whom = *whom, .until_ms = clock_ms() + timeout_ms, .text = text, .why = why, .code = -1};
    const struct actor actor = {.role = ROLE_OPERATOR, .self = &errand, .ready_fd = -1, .start = start,
                                .receive = receive, .tick = tick};
    struct why trouble = {0};
    const struct process_options options = {
        .place = place, .connect_timeout_ms = timeout_ms, .embedded = true, .quiet = true, .why = &trouble};
    uint64_t number;

    ASSERT(timeout_ms > 0);
    if (!text_copy(errand.command.verb, sizeof errand.command.verb, verb) || verb[0] == '\0')
        return fail(why, ERR_LIMIT, "\"%.40s\" is no command", verb);
    if (!text_copy(errand.command.argument, sizeof errand.command.argument, argument != NULL ? argument : ""))
        return fail(why, ERR_LIMIT, "the argument is longer than %zu bytes", sizeof errand.command.argument - 1);
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        return fail(why, ERR_IO, "no random bytes for the command's number");
    errand.command.source_seq = number % NUMBER_MAX;
    process_main(&options, &actor);
    if (errand.code >= 0)
        return errand.code;
    return fail(why, trouble.code != 0 ? trouble.code : ERR_IO, "%s",
                trouble.code != 0 ? trouble.text : "the connection ended");
}
