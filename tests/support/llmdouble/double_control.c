#include "tests/support/llmdouble/double_control.h"

#include "core/text.h"

#include <inttypes.h>

static unsigned
put_rules(struct double_service *service, const struct double_visit *visit, struct buffer *body)
{
    struct why why = {0};

    if (double_service_rules(service, "rules", visit->http->body, NULL, visit->now_ms, &why) == 0) {
        text_addf(body, "{\"rules\":%" PRIu32 "}", service->rules.count);
        return 200;
    }
    text_add(body, "{\"error\":");
    double_json_quote(body, why.text, strlen(why.text));
    text_add(body, "}");
    return 400;
}

static void
list_faults(struct buffer *body)
{
    text_add(body, "[");
    for (unsigned i = 1; i < DOUBLE_FAULT_END; i++) {
        const struct double_fault_kind *kind = double_fault_kind((enum double_fault_id)i);

        text_addf(body,
                  "%s{\"id\":\"F%02u\",\"does\":\"%s\",\"variants\":\"%s\",\"ms\":%" PRIu32 ",\"size\":%" PRIu64 "}",
                  i == 1 ? "" : ",\n", i, kind->doc, kind->variants, kind->ms, kind->size);
    }
    text_add(body, "]");
}

void
double_control_answer(struct double_service *service, const struct double_visit *visit, const char *connections,
                      bool *stop, struct double_reply *out)
{
    const struct double_http *http = visit->http;
    struct double_wire wire = {.status = 200, .type = "application/json", .extra = "", .keep_alive = http->keep_alive};
    struct buffer body = {0};

    double_reply_clear(out);
    if (double_slice_is(http->path, "/rules") && double_slice_is(http->method, "PUT")) {
        wire.status = put_rules(service, visit, &body);
    } else if (double_slice_is(http->path, "/stats") && double_slice_is(http->method, "GET")) {
        double_service_stats(service, connections, &body);
    } else if (double_slice_is(http->path, "/faults") && double_slice_is(http->method, "GET")) {
        list_faults(&body);
    } else if (double_slice_is(http->path, "/reset") && double_slice_is(http->method, "POST")) {
        double_service_reset(service, visit->now_ms);
        text_add(&body, "{}");
    } else if (double_slice_is(http->path, "/shutdown") && double_slice_is(http->method, "POST")) {
        *stop = true;
        text_add(&body, "{}");
    } else {
        wire.status = 404;
        text_add(&body, "{\"error\":\"PUT /rules, GET /stats, GET /faults, POST /reset, POST /shutdown\"}");
    }
    text_add(&body, "\n");
    double_wire_whole(&wire, &body, out);
    buffer_fini(&body);
}
