#include "llm-gateway/errands.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/bytes.h"
#include "core/digest.h"

_Static_assert((int)MODELS_OK == (int)ANSWER_OK && (int)MODELS_REPAIRED == (int)ANSWER_REPAIRED &&
                   (int)MODELS_FALLBACK == (int)ANSWER_FALLBACK && (int)MODELS_REFUSED == (int)ANSWER_REFUSED &&
                   (int)MODELS_INVALID == (int)ANSWER_INVALID && (int)MODELS_BUDGET == (int)ANSWER_BUDGET &&
                   (int)MODELS_TIMEOUT == (int)ANSWER_TIMEOUT && (int)MODELS_UNAVAILABLE == (int)ANSWER_UNAVAILABLE &&
                   (int)MODELS_MISS == (int)ANSWER_MISS && (int)MODELS_CANCELLED == (int)ANSWER_CANCELLED &&
                   (int)MODELS_STATUSES == (int)ANSWER_STATUS_COUNT,
               "an answer's status is what goes over the wire");

void
errands_init(struct errands *self, uint32_t client_count)
{
    *self =
        (struct errands){.client_count = client_count, .orders = ALLOC_ARRAY(struct errand_order, client_count + 1)};
}

void
errands_fini(struct errands *self)
{
    for (uint32_t i = 0; i < self->room; i++) {
        buffer_fini(&self->list[i]->payload);
        free(self->list[i]->rows);
        free(self->list[i]);
    }
    spare_fini(&self->payloads);
    key_map_fini(&self->fences);
    key_map_fini(&self->ids);
    free(self->list);
    free(self->questions);
    free(self->orders);
    free(self->done);
    free(self->held);
    *self = (struct errands){0};
}

void
errands_clear(struct errands *self)
{
    self->count = 0;
    self->question_count = 0;
    self->done_first = 0;
    self->done_count = 0;
    self->held_count = 0;
    key_map_clear(&self->fences);
    key_map_clear(&self->ids);
    memset(self->orders, 0, self->client_count * sizeof self->orders[0]);
}

/* ---- coming ---- */

/* Attempts of one world have numbers of their own, so two letters with this key are the same; but for the peer, which
 * is compared: a broken one may send anything. */
static struct key
fence_key(const struct envelope *head)
{
    struct key key;

    bytes_put_u32(key.bytes, head->phase);
    bytes_put_u32(key.bytes + 4, head->chunk);
    bytes_put_u32(key.bytes + 8, head->attempt << 16 | head->flags);
    bytes_put_u32(key.bytes + 12, head->epoch);
    return key;
}

struct errand *
errands_find(struct errands *self, const struct peer *peer, const struct envelope *head)
{
    struct key key = fence_key(head);
    uint32_t place;

    if (!key_map_find(&self->fences, &key, &place))
        return NULL;
    return peer_equal(&self->list[place]->peer, peer) && self->list[place]->tag == head->payload_hash
               ? self->list[place]
               : NULL;
}

static void
put_place(uint32_t **list, uint32_t *count, uint32_t *capacity, uint32_t place)
{
    if (*count == *capacity) {
        *capacity = *capacity > 0 ? 2 * *capacity : 16;
        *list = realloc(*list, *capacity * sizeof **list);
        ASSERT(*list != NULL);
    }
    (*list)[(*count)++] = place;
}

struct errand *
errands_add(struct errands *self, const struct letter *letter, const struct batch *prompt)
{
    struct key key = fence_key(&letter->head);
    struct errand *errand;

    if (self->count == self->room) {
        if (self->room == self->capacity) {
            self->capacity = self->capacity > 0 ? 2 * self->capacity : 16;
            self->list = realloc(self->list, self->capacity * sizeof(struct errand *));
            ASSERT(self->list != NULL);
        }
        self->list[self->room++] = ALLOC(struct errand);
    }
    errand = self->list[self->count];
    free(errand->rows);
    *errand = (struct errand){.place = self->count,
                              .peer = letter->peer,
                              .head = letter->head,
                              .tag = letter->head.payload_hash,
                              .client = letter->head.flags,
                              .first = prompt->first,
                              .span = batch_u32(prompt, PROMPT_rows, 0),
                              .payload = errand->payload.data != NULL ? errand->payload : spare_take(&self->payloads),
                              .row_count = prompt->count[PROMPT_ROW],
                              .open = prompt->count[PROMPT_ROW],
                              .rows = ALLOC_ARRAY(struct errand_row, prompt->count[PROMPT_ROW] + 1)};
    buffer_clear(&errand->payload);
    buffer_append(&errand->payload, letter->payload, letter->size);
    for (uint32_t i = 0; i < errand->row_count; i++)
        errand->rows[i] = (struct errand_row){.place = batch_u32(prompt, PROMPT_place, i), .question = ERRANDS_NONE};
    key_map_put(&self->fences, &key, self->count++);
    put_place(&self->held, &self->held_count, &self->held_capacity, errand->place);
    return errand;
}

/* ---- beginning ---- */

static bool
may_begin(const struct errands *self, const struct errand *errand)
{
    const struct errand_order *order = &self->orders[errand->client];

    if (!order->any || errand->head.phase > order->phase)
        return errand->first == 0;
    return errand->head.phase < order->phase || errand->first <= order->next;
}

static bool
comes_before(const struct errand *a, const struct errand *b)
{
    if (a->client != b->client)
        return a->client < b->client;
    if (a->head.phase != b->head.phase)
        return a->head.phase < b->head.phase;
    return a->first != b->first ? a->first < b->first : a->place < b->place;
}

static void
move_on(struct errand_order *order, const struct errand *errand)
{
    uint32_t end = errand->first + errand->span;

    if (!order->any || errand->head.phase > order->phase)
        *order = (struct errand_order){.any = true, .phase = errand->head.phase, .next = end};
    else if (errand->head.phase == order->phase && end > order->next)
        order->next = end;
}

struct errand *
errands_begin(struct errands *self, bool any)
{
    struct errand *best = NULL;
    uint32_t at = 0;

    for (uint32_t i = 0; i < self->held_count; i++) {
        struct errand *errand = self->list[self->held[i]];

        ASSERT(errand->state == ERRAND_HELD);
        if ((any || may_begin(self, errand)) && (best == NULL || comes_before(errand, best))) {
            best = errand;
            at = i;
        }
    }
    if (best == NULL)
        return NULL;
    best->state = ERRAND_BEGUN;
    self->held[at] = self->held[--self->held_count];
    move_on(&self->orders[best->client], best);
    return best;
}

static void
put_done(struct errands *self, struct errand *errand)
{
    errand->state = ERRAND_DONE;
    put_place(&self->done, &self->done_count, &self->done_capacity, errand->place);
}

static void
told(struct errands *self, struct errand *errand)
{
    ASSERT(errand->open > 0);
    if (--errand->open == 0 && errand->payload.size == 0)
        put_done(self, errand);
}

void
errands_begun(struct errands *self, struct errand *errand)
{
    ASSERT(errand->state == ERRAND_BEGUN);
    spare_give(&self->payloads, &errand->payload);
    if (errand->open == 0)
        put_done(self, errand);
}

/* ---- questions ---- */

static struct errand_question *
question_of(struct errands *self, const struct answer_id *id, uint32_t *number)
{
    struct key key = answer_id_key(id);

    if (key_map_find(&self->ids, &key, number))
        return &self->questions[*number];
    if (self->question_count == self->question_capacity) {
        self->question_capacity = self->question_capacity > 0 ? 2 * self->question_capacity : 64;
        self->questions = realloc(self->questions, self->question_capacity * sizeof self->questions[0]);
        ASSERT(self->questions != NULL);
    }
    *number = self->question_count++;
    self->questions[*number] = (struct errand_question){.id = *id, .first_errand = ERRANDS_NONE};
    key_map_put(&self->ids, &key, *number);
    return &self->questions[*number];
}

void
errands_wait(struct errands *self, struct errand *errand, uint32_t row, const struct answer_id *id)
{
    uint32_t number;
    struct errand_question *question = question_of(self, id, &number);

    errand->rows[row].question = number;
    if (question->answer != NULL) {
        told(self, errand);
        return;
    }
    errand->rows[row].next = question->first_row;
    errand->rows[row].next_errand = question->first_errand;
    question->first_row = row;
    question->first_errand = errand->place;
}

void
errands_refuse(struct errands *self, struct errand *errand, uint32_t row)
{
    ASSERT(errand->rows[row].question == ERRANDS_NONE);
    told(self, errand);
}

void
errands_tell(struct errands *self, const struct answer_id *id, const struct answer *answer)
{
    struct key key = answer_id_key(id);
    struct errand_question *question;
    uint32_t number, errand, row;

    if (!key_map_find(&self->ids, &key, &number))
        return;
    question = &self->questions[number];
    question->answer = answer;
    errand = question->first_errand;
    row = question->first_row;
    question->first_errand = ERRANDS_NONE;
    while (errand != ERRANDS_NONE) {
        const struct errand_row *waits = &self->list[errand]->rows[row];

        told(self, self->list[errand]);
        errand = waits->next_errand;
        row = waits->next;
    }
}

/* ---- answering ---- */

struct errand *
errands_take_done(struct errands *self)
{
    if (self->done_first == self->done_count) {
        self->done_first = 0;
        self->done_count = 0;
        return NULL;
    }
    return self->list[self->done[self->done_first++]];
}

static const struct answer *
answer_of(const struct errands *self, const struct errand_row *row)
{
    static const struct answer refused = {.status = ANSWER_INVALID, .source = ANSWER_FROM_RULES};

    return row->question == ERRANDS_NONE ? &refused : self->questions[row->question].answer;
}

static uint64_t
digest_of_text(const struct answer *answer)
{
    uint8_t digest[DIGEST_SIZE];

    if (answer->text_size == 0 || answer->status > ANSWER_REPAIRED)
        return 0;
    digest_of(answer->text, answer->text_size, digest);
    return bytes_get_u64(digest);
}

void
errands_write(const struct errands *self, const struct errand *errand, struct buffer *out)
{
    uint32_t bytes = 0, at = 0;
    struct batch_writer writer;
    uint32_t *texts;

    for (uint32_t i = 0; i < errand->row_count; i++)
        bytes += answer_of(self, &errand->rows[i])->text_size;
    batch_begin(&writer, &schema_completion, out, errand->tag, errand->first, (uint32_t[]){errand->row_count, bytes});
    texts = batch_column(&writer, COMPLETION_texts);
    for (uint32_t i = 0; i < errand->row_count; i++) {
        const struct answer *answer = answer_of(self, &errand->rows[i]);

        ((uint32_t *)batch_column(&writer, COMPLETION_place))[i] = errand->rows[i].place;
        ((uint8_t *)batch_column(&writer, COMPLETION_status))[i] = (uint8_t)answer->status;
        ((uint8_t *)batch_column(&writer, COMPLETION_source))[i] = (uint8_t)answer->source;
        ((uint64_t *)batch_column(&writer, COMPLETION_digest))[i] = digest_of_text(answer);
        ((uint32_t *)batch_column(&writer, COMPLETION_tokens_in))[i] = answer->tokens_in;
        ((uint32_t *)batch_column(&writer, COMPLETION_tokens_out))[i] = answer->tokens_out;
        batch_fill_bytes(&writer, COMPLETION_text, at, answer->text, answer->text_size);
        at += answer->text_size;
        texts[i + 1] = at;
    }
}
