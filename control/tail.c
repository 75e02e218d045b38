/* polis tail: a line for every step, live from the event bus, or from the log of a run that is over. */
#include "bus/process.h"
#include "bus/subscriber.h"
#include "control/commands.h"
#include "control/figures.h"
#include "control/folder.h"
#include "control/talk.h"
#include "core/digest.h"
#include "core/log.h"
#include "core/text.h"
#include "proto/sandbox.h"

#include <inttypes.h>
#include <string.h>
#include <sysexits.h>

#define SHOWN_BYTES 6u /* of a chain hash, on a line for people */
#define COLUMNS_MAX 8u
#define OLD_STEPS 10u /* shown of a run that is over */
#define CONNECT_MS 2000u

struct tail {
    struct folder folder;
    struct subscriber *subscriber;
    const struct yaml_node *metrics;
    bool json;
    bool heard;    /* somebody was there */
    uint64_t last; /* newest step shown */
    int status;
};

/* ---- lines ---- */

static void
add_figures_words(const struct tail *self, const struct figures *figures, struct buffer *out)
{
    uint32_t columns[COLUMNS_MAX];
    uint32_t count = figures->row_count > 0 ? figures_choose(figures, self->metrics, columns, COLUMNS_MAX) : 0;

    for (uint32_t i = 0; i < count; i++) {
        char text[32];

        figures_format(&figures->rows[0].cells[columns[i]], text);
        text_addf(out, "  %s %s", figures->names[columns[i]], text);
    }
}

static void
show(struct tail *self, uint64_t step, const uint8_t *chain, const struct figures *figures)
{
    uint64_t epoch = step > 0 ? (step - 1) / self->folder.plan.simulation.steps_per_epoch : 0;
    char hex[2 * STORE_CHAIN + 1];
    struct buffer text = {0};

    if (self->json) {
        text_addf(&text,
            "{\"schema\": \"polis.step/1\", \"step\": %" PRIu64 ", \"steps\": %" PRIu64 ", \"epoch\": %" PRIu64
            ", \"chain\": \"%s\", \"figures\": ",
            step, self->folder.plan.steps, epoch, digest_hex(chain, STORE_CHAIN, hex));
        figures_write_json(figures, 0, &text);
        text_add(&text, "}\n");
    } else {
        text_addf(&text, "step %" PRIu64 "/%" PRIu64 "  epoch %" PRIu64 "  %s", step, self->folder.plan.steps,
            epoch + 1, digest_hex(chain, SHOWN_BYTES, hex));
        add_figures_words(self, figures, &text);
        text_add(&text, "\n");
    }
    if (talk_give(&text) != 0)
        self->status = EX_IOERR;
    self->last = step;
}

/* Shows the steps up to `upto` that were not shown yet, from the log. */
static void
show_logged(struct tail *self, uint64_t upto)
{
    uint64_t per_epoch = self->folder.plan.simulation.steps_per_epoch;

    if (self->last < store_base(self->folder.store))
        self->last = store_base(self->folder.store); /* what was before is in another run's log */
    while (self->last < upto && self->status == 0) {
        struct figures figures = {0};
        struct store_commit commit;
        struct why why = {0};
        uint64_t step = self->last + 1;
        int error = store_read_commit(self->folder.store, step, &commit, &why);

        if (error == 0 && step % per_epoch == 0)
            error = figures_read_epoch(self->folder.store, step, &figures, &why);
        if (error == 0)
            show(self, step, commit.chain, &figures);
        else
            self->status = talk_failure(&why);
        figures_fini(&figures);
    }
}

/* ---- live ---- */

static void
stop_if_over(struct tail *self)
{
    if (self->status != 0 || self->last >= self->folder.plan.steps)
        subscriber_stop(self->subscriber, self->status);
}

static void
on_snapshot(void *context, const struct envelope *head, const struct sync_state *state)
{
    struct tail *self = context;

    (void)head;
    self->heard = true;
    if (self->last == UINT64_MAX)
        self->last = state->step > 0 ? state->step - 1 : 0;
    show_logged(self, state->step);
    stop_if_over(self);
}

static void
on_step(void *context, const struct envelope *head, const struct step_event *event)
{
    struct tail *self = context;
    struct figures figures = {0};
    struct batch batch;

    (void)head;
    show_logged(self, event->step - 1);
    if (event->step == self->last + 1) {
        if (event->summary.size > 0 &&
            (batch_read(&schema_summary, event->summary.data, event->summary.size, &batch, NULL) != 0 ||
                figures_add(&figures, event->step, event->simulation_epoch, &batch, NULL) != 0))
            talk_warn("step %" PRIu64 " came with figures that cannot be read", event->step);
        show(self, event->step, event->chain.data, &figures);
    }
    figures_fini(&figures);
    stop_if_over(self);
}

static void
on_head(void *context, const struct envelope *head, const struct head_event *event)
{
    struct tail *self = context;

    (void)head;
    if (self->last != UINT64_MAX)
        show_logged(self, event->committed);
    if (event->ended)
        subscriber_stop(self->subscriber, self->status);
}

static int
follow(struct tail *self)
{
    struct subscriber_calls calls = {.context = self, .snapshot = on_snapshot, .step = on_step, .head = on_head};
    char place[FOLDER_PATH_SIZE + 64];
    struct why why = {0};
    int status;

    if (folder_read_place(self->folder.path, place, sizeof place, &why) != 0)
        return talk_failure(&why);
    log_set_level(LOG_ERROR);
    self->subscriber = subscriber_new(&calls, -1);
    status = process_main(
        &(struct process_options){.who = "tail", .place = place, .connect_timeout_ms = CONNECT_MS, .why = &why},
        subscriber_actor(self->subscriber));
    subscriber_destroy(&self->subscriber);
    return status;
}

int
tail_command(const struct invocation *invocation)
{
    struct tail self = {.json = invocation_has(invocation, "json"), .last = UINT64_MAX};
    struct why why = {0};
    uint64_t from = invocation_number(invocation, "from", 0);
    uint64_t tip;
    int status = 0;

    if (folder_open(invocation->words[0], &self.folder, &why) != 0)
        return talk_failure(&why);
    self.metrics = yaml_find(yaml_root(self.folder.tree), "metrics_to_track");
    tip = store_committed(self.folder.store).step;
    if (from > 0) {
        self.last = from - 1;
        show_logged(&self, tip);
    }
    if (tip < self.folder.plan.steps && folder_is_live(self.folder.path) && self.status == 0)
        status = follow(&self);
    if (!self.heard && self.status == 0) {
        if (self.last == UINT64_MAX)
            self.last = tip > OLD_STEPS ? tip - OLD_STEPS : 0;
        show_logged(&self, tip);
        status = 0;
    }
    if (status == EX_UNAVAILABLE) /* it was there, and has stopped */
        status = 0;
    folder_close(&self.folder);
    return self.status != 0 ? self.status : status;
}
