/* core/injection.h - text that a model or a stranger wrote, before it is quoted to another model. Cleaning takes
 * out what no reader sees (control, bidirectional, zero-width and tag characters); the detector counts what looks like
 * an attempt to give orders, by fixed rules, and changes nothing; the canary tells when a system text leaks. None of
 * this is the barrier (that is authority: closed schemas, checked answers); it is hygiene and measurement. */
#ifndef POLIS_LLM_GATEWAY_INJECTION_H
#define POLIS_LLM_GATEWAY_INJECTION_H

#include "core/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum injection_kind {
    INJECTION_OVERRIDE,  /* "ignore the previous instructions" */
    INJECTION_ORDER,     /* an order to the model itself: "you must", "respond only", "as an AI" */
    INJECTION_ROLE,      /* a role marker: "system:", "<|im_start|>", "[INST]" */
    INJECTION_OPERATION, /* JSON or the name of an operation where a sentence belongs */
    INJECTION_ENCODED,   /* 64 and more base64 or hexadecimal characters without a blank */
    INJECTION_LINK,      /* an address, or an image of Markdown */
    INJECTION_HIDDEN,    /* characters that nobody sees */
    INJECTION_KIND_COUNT
};
const char *injection_kind_name(enum injection_kind kind);

/* How often each kind was found; added to, so one may serve a whole run. */
struct injection_counts {
    uint64_t of[INJECTION_KIND_COUNT];
};

/* Adds a cleaned copy of the text, at most `size_max` bytes of it, cut between characters; bytes that are not UTF-8
 * become U+FFFD; tabs and line ends become one blank with `one_line`, stay otherwise. Returns how many characters were
 * taken out. Cleaning what is clean changes nothing. */
uint32_t injection_clean(const char *text, size_t size, size_t size_max, bool one_line, struct buffer *out);

/* Looks for the kinds in a text as it came. `operations` (NULL-ended, may be NULL): names that have no business in it.
 * Case, blanks and hidden characters do not matter. Returns the bits (1 << kind) of what was found. */
uint32_t injection_scan(
    const char *text, size_t size, const char *const *operations, struct injection_counts *counts);

/* A word that nobody writes by chance, for the system texts of one step: 16 lower-case letters and the terminator. */
#define INJECTION_CANARY_SIZE 17u
void injection_canary(uint64_t run_seed, uint64_t step, char out[INJECTION_CANARY_SIZE]);

/* True when the canary stands in the text, also in capitals, backwards, or with other characters than letters between
 * its letters. */
bool injection_leaks(const char *text, size_t size, const char *canary);

#endif
