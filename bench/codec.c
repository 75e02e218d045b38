/* bench/codec.c - what a message costs without its journey: header, cold messages, batches and hashes against memcpy
 * and msgpack-c, and the house's elementary functions against glibc's. */
#include <math.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure.h"
#include "core/arena.h"
#include "core/digest.h"
#include "core/math.h"
#include "core/rng.h"
#include "proto/columns.h"
#include "proto/envelope.h"
#include "proto/messages.h"
#include "tests/support/drill.h"

#define POINTS 4096u

static double seconds_each = 0.12;

/* Nanoseconds of both in turn, three rounds; returns the ratio a / b and the medians. */
static double
pair(void (*a)(void *, uint64_t), void (*b)(void *, uint64_t), void *context, double *a_out, double *b_out)
{
    double as[3], bs[3];

    for (uint32_t i = 0; i < 3; i++) {
        as[i] = measure_repeat(a, context, seconds_each);
        bs[i] = measure_repeat(b, context, seconds_each);
    }
    *a_out = measure_middle(as, 3);
    *b_out = measure_middle(bs, 3);
    return measure_ratio(as, bs, 3);
}

/* ---- header and hashes ---- */

struct bytes_case {
    uint8_t *from, *to;
    size_t size;
    uint8_t header[ENVELOPE_SIZE];
};

static void
run_memcpy(void *context, uint64_t repeats)
{
    struct bytes_case *c = context;

    for (uint64_t i = 0; i < repeats; i++) {
        memcpy(c->to, c->from, c->size);
        measure_use(c->to);
    }
}

static void
run_envelope(void *context, uint64_t repeats)
{
    struct bytes_case *c = context;
    struct envelope head = {.type = MSG_ACTION};

    for (uint64_t i = 0; i < repeats; i++) {
        head.seq = i;
        envelope_write(&head, c->from, c->size, c->header);
        if (envelope_read(c->header, sizeof c->header, &head, NULL) != 0 ||
            envelope_check(&head, c->from, c->size, NULL) != 0)
            abort();
    }
}

static void
run_blake2b(void *context, uint64_t repeats)
{
    struct bytes_case *c = context;
    uint8_t out[DIGEST_SIZE];

    for (uint64_t i = 0; i < repeats; i++) {
        digest_of(c->from, c->size, out);
        measure_use(out);
    }
}

static void
run_fold(void *context, uint64_t repeats)
{
    struct bytes_case *c = context;
    uint8_t out[FOLD_SIZE];
    struct fold fold;

    for (uint64_t i = 0; i < repeats; i++) {
        fold_init(&fold);
        fold_bytes(&fold, c->from, c->size);
        fold_end(&fold, out);
        measure_use(out);
    }
}

static void
measure_bytes(struct measure *self)
{
    static const size_t sizes[] = {0, 4096, 1u << 20};
    struct bytes_case c = {.from = calloc(1, 1u << 20), .to = calloc(1, 1u << 20)};
    double a, b, ratio;
    char what[100];

    measure_title(self, "header (write, read, check: both ends) and hashes");
    for (uint32_t i = 0; i < 3; i++) {
        c.size = sizes[i];
        snprintf(what, sizeof what, "header with a payload of %zu bytes", c.size);
        a = measure_repeat(run_envelope, &c, seconds_each);
        measure_report(self, &(struct measure_row){.what = what, .value = a, .unit = "ns", .ratio = MEASURE_NONE});
    }
    c.size = 1u << 16;
    ratio = pair(run_fold, run_memcpy, &c, &a, &b);
    measure_report(self, &(struct measure_row){.what = "state digest (XXH3-128), 64 KiB",
        .value = (double)c.size / a * 1e9, .unit = "B/s", .ratio = 1.0 / ratio, .than = "memcpy"});
    ratio = pair(run_blake2b, run_memcpy, &c, &a, &b);
    measure_report(self, &(struct measure_row){.what = "chain (BLAKE2b-256), 64 KiB",
        .value = (double)c.size / a * 1e9, .unit = "B/s", .ratio = 1.0 / ratio, .than = "memcpy"});
    free(c.from);
    free(c.to);
}

/* ---- cold messages ---- */

struct message_case {
    struct step_event event;
    struct buffer packed;
};

static void
run_pack(void *context, uint64_t repeats)
{
    struct message_case *c = context;

    for (uint64_t i = 0; i < repeats; i++) {
        buffer_clear(&c->packed);
        message_pack(MSG_STEP, &c->event, &c->packed);
        measure_use(c->packed.data);
    }
}

static void
run_unpack(void *context, uint64_t repeats)
{
    struct message_case *c = context;
    struct step_event out;

    for (uint64_t i = 0; i < repeats; i++) {
        if (message_unpack(MSG_STEP, c->packed.data, c->packed.size, &out, NULL) != 0)
            abort();
        measure_use(&out);
    }
}

/* The library's own way: everything into its zone, nothing checked against the table yet. */
static void
run_unpack_library(void *context, uint64_t repeats)
{
    struct message_case *c = context;
    msgpack_unpacked out;

    msgpack_unpacked_init(&out);
    for (uint64_t i = 0; i < repeats; i++) {
        size_t offset = 0;

        if (msgpack_unpack_next(&out, (const char *)c->packed.data, c->packed.size, &offset) != MSGPACK_UNPACK_SUCCESS)
            abort();
        measure_use(&out);
    }
    msgpack_unpacked_destroy(&out);
}

static void
measure_messages(struct measure *self)
{
    static const uint8_t zero[64];
    struct message_case c = {.event = {.step = 12345, .committed = 12341, .steps = 100000, .simulation_epoch = 123,
        .chain = {zero, 32}, .digest = {zero, 16}, .summary = {zero, 0}}};
    double a, b, ratio;

    measure_title(self, "cold messages: STEP, a map of 7 named fields");
    a = measure_repeat(run_pack, &c, seconds_each);
    measure_report(self, &(struct measure_row){.what = "pack", .value = a, .unit = "ns", .ratio = MEASURE_NONE});
    ratio = pair(run_unpack, run_unpack_library, &c, &a, &b);
    measure_report(self, &(struct measure_row){.what = "guard, unpack and check every field", .value = a, .unit = "ns",
        .ratio = ratio, .than = "msgpack-c's unpack"});
    buffer_fini(&c.packed);
}

/* ---- batches ---- */

struct batch_case {
    uint32_t rows, parts;
    struct buffer *asks, *answers;
    struct buffer joined, copy;
    size_t answer_bytes, ask_bytes;
};

static void
fill_case(struct batch_case *c, uint32_t rows, uint32_t chunk)
{
    *c = (struct batch_case){.rows = rows, .parts = (rows + chunk - 1) / chunk};
    c->asks = ALLOC_ARRAY(struct buffer, c->parts);
    c->answers = ALLOC_ARRAY(struct buffer, c->parts);
    for (uint32_t p = 0; p < c->parts; p++) {
        uint32_t first = p * chunk, count = rows - first < chunk ? rows - first : chunk;
        struct batch_writer writer;
        uint32_t *agent;

        batch_begin(&writer, &schema_drill_ask, &c->asks[p], 42, first, &count);
        agent = batch_column(&writer, 0);
        for (uint32_t i = 0; i < count; i++)
            agent[i] = first + i;
        if (drill_answer(c->asks[p].data, c->asks[p].size, 1, 1, &c->answers[p], NULL) != 0)
            abort();
        c->ask_bytes += c->asks[p].size;
        c->answer_bytes += c->answers[p].size;
    }
    buffer_extend(&c->copy, c->ask_bytes);
}

static void
fini_case(struct batch_case *c)
{
    for (uint32_t p = 0; p < c->parts; p++) {
        buffer_fini(&c->asks[p]);
        buffer_fini(&c->answers[p]);
    }
    free(c->asks);
    free(c->answers);
    buffer_fini(&c->joined);
    buffer_fini(&c->copy);
}

static void
copy_parts(struct batch_case *c, const struct buffer *parts, uint64_t repeats)
{
    for (uint64_t i = 0; i < repeats; i++) {
        size_t at = 0;

        for (uint32_t p = 0; p < c->parts; at += parts[p++].size)
            memcpy(c->copy.data + at, parts[p].data, parts[p].size);
        measure_use(c->copy.data);
    }
}

static void
run_copy_answers(void *context, uint64_t repeats)
{
    struct batch_case *c = context;

    copy_parts(c, c->answers, repeats);
}

static void
run_copy_asks(void *context, uint64_t repeats)
{
    struct batch_case *c = context;

    copy_parts(c, c->asks, repeats);
}

static void
run_join(void *context, uint64_t repeats)
{
    struct batch_case *c = context;
    struct batch parts[1024];

    for (uint64_t i = 0; i < repeats; i++) {
        for (uint32_t p = 0; p < c->parts; p++)
            if (batch_read(&schema_drill_answer, c->answers[p].data, c->answers[p].size, &parts[p], NULL) != 0)
                abort();
        buffer_clear(&c->joined);
        batch_concatenate(&schema_drill_answer, parts, c->parts, 0, &c->joined);
        measure_use(c->joined.data);
    }
}

static void
run_check(void *context, uint64_t repeats)
{
    struct batch_case *c = context;
    struct batch batch;

    for (uint64_t i = 0; i < repeats; i++)
        for (uint32_t p = 0; p < c->parts; p++)
            if (batch_read(&schema_drill_answer, c->answers[p].data, c->answers[p].size, &batch, NULL) != 0 ||
                batch_check(&batch, NULL) != 0)
                abort();
}

/* Writes observations from plain arrays: layout and five columns. */
static void
run_write(void *context, uint64_t repeats)
{
    struct batch_case *c = context;

    for (uint64_t i = 0; i < repeats; i++)
        for (uint32_t p = 0; p < c->parts; p++) {
            uint32_t count = p + 1 < c->parts || c->rows % 8192u == 0 ? 8192u : c->rows % 8192u;
            struct batch_writer writer;

            buffer_clear(&c->asks[p]);
            batch_begin(&writer, &schema_drill_ask, &c->asks[p], i, 0, &count);
            for (uint32_t k = 0; k < schema_drill_ask.column_count; k++)
                memcpy(batch_column(&writer, k), c->copy.data,
                       (size_t)count * column_width(schema_drill_ask.columns[k].kind));
            measure_use(c->asks[p].data);
        }
}

static void
report_batch(struct measure *self, const char *what, double ns, uint32_t rows, double ratio, double limit)
{
    measure_report(self, &(struct measure_row){.what = what, .value = ns / rows, .unit = "ns/row", .ratio = 1.0 / ratio,
        .than = "memcpy", .bar = limit > 0 ? BAR_AT_LEAST : BAR_NONE, .limit = limit});
}

static void
measure_batches(struct measure *self, uint32_t rows)
{
    struct batch_case c;
    char title[100];
    double a, b, ratio;

    snprintf(title, sizeof title, "batches: %u rows in chunks of 8,192; observation 36 bytes a row, answer 13", rows);
    measure_title(self, title);
    fill_case(&c, rows, 8192);
    ratio = pair(run_write, run_copy_asks, &c, &a, &b);
    report_batch(self, "write observations", a, rows, ratio, 0);
    ratio = pair(run_join, run_copy_answers, &c, &a, &b);
    report_batch(self, "read and concatenate answers", a, rows, ratio, 0.5);
    ratio = pair(run_check, run_copy_answers, &c, &a, &b);
    report_batch(self, "read and check every value of answers", a, rows, ratio, 0);
    fini_case(&c);
}

/* ---- elementary functions ---- */

struct points {
    double x[POINTS], y[POINTS];
    double (*function)(double);
};

static void
run_function(void *context, uint64_t repeats)
{
    struct points *c = context;

    for (uint64_t i = 0; i < repeats; i++)
        c->y[i % POINTS] = c->function(c->x[i % POINTS]);
    measure_use(c->y);
}

static double house_pow(double x) { return math_pow(x, 1.7); }
static double glibc_pow(double x) { return pow(x, 1.7); }

static void
measure_functions(struct measure *self)
{
    static const struct {
        const char *name;
        double (*house)(double), (*glibc)(double);
        double low, high;
    } rows[] = {
        {"exp on [-20, 20]", math_exp, exp, -20, 20},
        {"log on [0.001, 1000]", math_log, log, 0.001, 1000},
        {"pow to 1.7 on [0.001, 100]", house_pow, glibc_pow, 0.001, 100},
        {"tanh on [-5, 5]", math_tanh, tanh, -5, 5},
        {"sin on [-100, 100]", math_sin, sin, -100, 100},
        {"cos on [-100, 100]", math_cos, cos, -100, 100},
    };
    struct points *c = calloc(1, sizeof *c);

    measure_title(self, "elementary functions: the same bits on every machine, against glibc's");
    for (uint32_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        double as[3], bs[3];
        struct rng rng = rng_make(1, 1, r, 0);

        for (uint32_t i = 0; i < POINTS; i++)
            c->x[i] = rng_between(&rng, rows[r].low, rows[r].high);
        for (uint32_t i = 0; i < 3; i++) {
            c->function = rows[r].house;
            as[i] = measure_repeat(run_function, c, seconds_each);
            c->function = rows[r].glibc;
            bs[i] = measure_repeat(run_function, c, seconds_each);
        }
        measure_report(self, &(struct measure_row){.what = rows[r].name, .value = measure_middle(as, 3), .unit = "ns",
            .ratio = measure_ratio(as, bs, 3), .than = "glibc's time"});
    }
    free(c);
}

static void
run_draws(void *context, uint64_t repeats)
{
    double *sum = context;
    struct rng rng = rng_make(42, 1, 2, 3);

    for (uint64_t i = 0; i < repeats; i++)
        *sum += rng_real(&rng);
}

static void
run_streams(void *context, uint64_t repeats)
{
    double *sum = context;

    for (uint64_t i = 0; i < repeats; i++) {
        struct rng rng = rng_make(42, 1, (uint32_t)i, 3);

        *sum += rng_real(&rng);
    }
}

int
main(int argc, char **argv)
{
    struct measure *self = measure_new("codec", argc, argv);
    double sum = 0;

    if (measure_is_quick(self))
        seconds_each /= 10;
    measure_bytes(self);
    measure_messages(self);
    measure_batches(self, 8192);
    measure_batches(self, 1000000);
    measure_functions(self);
    measure_title(self, "random numbers (Philox4x32-10)");
    measure_report(self, &(struct measure_row){.what = "a real number from a running stream",
        .value = measure_repeat(run_draws, &sum, seconds_each), .unit = "ns", .ratio = MEASURE_NONE});
    measure_report(self, &(struct measure_row){.what = "a new stream and its first real number",
        .value = measure_repeat(run_streams, &sum, seconds_each), .unit = "ns", .ratio = MEASURE_NONE});
    measure_use(&sum);
    return measure_end(&self);
}
