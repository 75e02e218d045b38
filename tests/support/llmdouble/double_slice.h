/* tests/support/llmdouble/double_slice.h - bytes lent from a buffer that somebody else owns. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_SLICE_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct double_slice {
    const char *at; /* NULL only when size is 0 */
    size_t size;
};

static inline struct double_slice
double_slice_of(const char *text)
{
    return (struct double_slice){text, strlen(text)};
}

static inline bool
double_slice_is(struct double_slice self, const char *text)
{
    return self.size == strlen(text) && memcmp(self.at, text, self.size) == 0;
}

/* Without regard to the case of ASCII letters. */
static inline bool
double_slice_is_word(struct double_slice self, const char *word)
{
    return self.size == strlen(word) && strncasecmp(self.at, word, self.size) == 0;
}

static inline bool
double_slice_ends(struct double_slice self, const char *tail)
{
    size_t size = strlen(tail);

    return self.size >= size && memcmp(self.at + (self.size - size), tail, size) == 0;
}

static inline bool
double_slice_has(struct double_slice self, const char *text)
{
    return self.size > 0 && memmem(self.at, self.size, text, strlen(text)) != NULL;
}

#endif
