/* tests/support/llmdouble/double_control.h - the control port: PUT /rules (YAML), GET /stats, GET /faults
 * (the table of faults), POST /reset, POST /shutdown. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_CONTROL_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_CONTROL_H

#include "tests/support/llmdouble/double_service.h"

/* `connections` as for double_service_stats(). Sets *stop for POST /shutdown. */
void double_control_answer(struct double_service *service, const struct double_visit *visit, const char *connections,
                           bool *stop, struct double_reply *out);

#endif
