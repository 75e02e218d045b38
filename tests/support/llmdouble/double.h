/* tests/support/llmdouble/double.h - a server that stands in for language model providers: OpenAI, Anthropic, Ollama,
 * llama.cpp and Gemini, streams included, with faults on demand. What it answers is a function of its rules, the seed,
 * the hash of a request's body and the number of times this body was seen; never of the clock, which only paces
 * replies and drives faults that are about time. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_H

#include <stdint.h>
#include <sys/types.h>

struct double_options {
    const char *rules_path;  /* YAML; NULL: every request gets the reply `sandbox` */
    uint64_t seed;           /* of all draws; `seed` in the rules wins */
    uint16_t port;           /* on 127.0.0.1; 0: the system chooses */
    uint16_t control_port;   /* the same */
    uint32_t connection_max; /* 0: as many as the process may have files */
    int announce_fd;         /* gets "listening PORT CONTROL\n" once both ports are open; -1: nobody is told */
    pid_t parent;            /* ends within half a second when its parent is no longer this process; 0: never */
};

/* Serves until POST /shutdown on the control port or the parent's death. Returns an exit status of sysexits(3), having
 * said on stderr what was wrong. Keeps no state outside, so several may run in threads of one process. Signals are the
 * caller's: none is handled, none is needed. */
int double_main(const struct double_options *options);

#endif
