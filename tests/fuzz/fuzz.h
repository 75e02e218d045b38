/* tests/fuzz/fuzz.h - what every fuzz target is: one function of some bytes that returns 0 or aborts. */
#ifndef POLIS_TESTS_FUZZ_FUZZ_H
#define POLIS_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
