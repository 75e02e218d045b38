/* llm-gateway/repair.h - from what a model wrote to JSON that fits its schema, or a refusal that says why. The repairs
 * are a fixed list without guesses, one bit each; the same text gives the same answer, and what comes out, put in
 * again, comes out unchanged without a bit. One walk over the text. */
#ifndef POLIS_LLM_GATEWAY_REPAIR_H
#define POLIS_LLM_GATEWAY_REPAIR_H

#include "core/buffer.h"
#include "llm-gateway/schema.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum repair_bit {
    REPAIR_BOM = 1u << 0,            /* a byte order mark in front was dropped */
    REPAIR_FENCE = 1u << 1,          /* the lines ``` around it were dropped */
    REPAIR_PROSE = 1u << 2,          /* other words around the object were dropped */
    REPAIR_SMART_QUOTES = 1u << 3,   /* typographic quotes around a key or text became straight */
    REPAIR_TRAILING_COMMA = 1u << 4, /* a comma in front of a closing bracket went */
    REPAIR_PYTHON = 1u << 5,         /* True, False and None became true, false and null */
    REPAIR_SINGLE_QUOTES = 1u << 6,  /* 'text' became "text": only where no double quote is */
    REPAIR_CLOSERS = 1u << 7,        /* cut off by the length limit: cut back to the last whole item and closed */
    REPAIR_UNKNOWN_MEMBER = 1u << 8, /* a member that the schema does not have went */
    REPAIR_NULL_MEMBER = 1u << 9,    /* a member that may be null and was missing became null */
    REPAIR_NUMBER_TEXT = 1u << 10,   /* "12" became 12 where a number is asked */
    REPAIR_SENTENCE = 1u << 11,      /* free text that was cut off ends with its last whole sentence */
    REPAIR_BYTES = 1u << 12,         /* free text: bytes that are not UTF-8 became U+FFFD, zero bytes went */
};
#define REPAIR_BIT_COUNT 13u
/* "fence", "trailing_comma" ...: the name of bit number `bit`, for reports and counters. */
const char *repair_name(uint32_t bit);

enum repair_status {
    REPAIR_CLEAN,   /* fits as it came */
    REPAIR_MENDED,  /* fits; `bits` says what was done */
    REPAIR_REFUSED, /* does not fit; `report` says where, `text` is empty */
};

/* Start from {0}; may be used again and again; ends with repair_fini(). */
struct repair {
    enum repair_status status;
    uint32_t bits;
    struct buffer text; /* not terminated */
    struct schema_report report;
};
void repair_fini(struct repair *self);

/* `cut_off`: the provider said that the answer ended at its length limit. */
void repair_json(struct repair *self, const struct schema *schema, const char *text, size_t size, bool cut_off);

/* Free text of at most `size_max` bytes, more is cut. A text that was cut (by either) ends with its last sentence
 * (. ! ? and the like in front of a blank or the end); refused when it has none, or is empty. */
void repair_text(struct repair *self, const char *text, size_t size, size_t size_max, bool cut_off);

#endif
