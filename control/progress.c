#include "control/progress.h"

#include "control/talk.h"
#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SHOW_EVERY_MS 100u
#define HEADLINE_MAX 3u

void
progress_init(struct progress *self, const struct plan *plan, const struct yaml_node *metrics, uint64_t first_step,
    uint64_t now_ms)
{
    *self = (struct progress){.steps = plan->steps,
        .steps_per_epoch = plan->simulation.steps_per_epoch,
        .metrics = metrics,
        .first_step = first_step,
        .step = first_step,
        .started_ms = now_ms};
    self->next_plain = (first_step * 10 / plan->steps + 1) * plan->steps / 10;
}

void
progress_figures(struct progress *self, const struct figures *figures)
{
    uint32_t columns[HEADLINE_MAX];
    uint32_t count = figures_choose(figures, self->metrics, columns, HEADLINE_MAX);
    size_t used = 0;

    if (figures->row_count == 0)
        return;
    self->headline[0] = '\0';
    for (uint32_t i = 0; i < count && i < HEADLINE_MAX && used < sizeof self->headline; i++) {
        char text[32];

        figures_format(&figures->rows[figures->row_count - 1].cells[columns[i]], text);
        used += (size_t)snprintf(
            self->headline + used, sizeof self->headline - used, "  %.50s %s", figures->names[columns[i]], text);
    }
}

void
progress_format(const struct progress *self, uint64_t now_ms, char out[PROGRESS_LINE_SIZE])
{
    uint64_t done = self->step - self->first_step;
    uint64_t spent_ms = now_ms - self->started_ms;
    uint64_t epochs = self->steps / self->steps_per_epoch;
    uint64_t epoch = self->step / self->steps_per_epoch + 1;
    char left[TEXT_NUMBER_SIZE] = "?";
    double speed = spent_ms > 0 ? (double)done * 1000.0 / (double)spent_ms : 0;

    if (speed > 0)
        text_format_duration((uint64_t)((double)(self->steps - self->step) * 1000.0 / speed), left);
    snprintf(out, PROGRESS_LINE_SIZE,
        "step %" PRIu64 "/%" PRIu64 "  epoch %" PRIu64 "/%" PRIu64 "  %.*f steps/s  %s left%s", self->step, self->steps,
        epoch < epochs ? epoch : epochs, epochs, speed < 10 ? 1 : 0, speed, left, self->headline);
}

void
progress_step(struct progress *self, uint64_t step, uint64_t now_ms)
{
    char line[PROGRESS_LINE_SIZE];

    self->step = step;
    if (talk_is_terminal()) {
        if (now_ms - self->shown_ms < SHOW_EVERY_MS)
            return;
        self->shown_ms = now_ms;
        progress_format(self, now_ms, line);
        talk_progress(line);
    } else if (step >= self->next_plain && step < self->steps) {
        self->next_plain = (step * 10 / self->steps + 1) * self->steps / 10;
        progress_format(self, now_ms, line);
        talk_say("%s", line);
    }
}

void
progress_end(struct progress *self)
{
    (void)self;
    talk_progress("");
}
