/* control/document.h - texts that are put together from the program itself, so that they cannot fall behind it. */
#ifndef POLIS_CONTROL_DOCUMENT_H
#define POLIS_CONTROL_DOCUMENT_H

#include "core/buffer.h"
#include "core/error.h"

/* All parameters of a scenario, as Markdown: polis scenario schema --document. */
void document_parameters(struct buffer *out);

/* docs/model.md from its template, docs/model.in.md: the line that says `@parameters@` becomes all parameters, their
 * headings one level down. ERR_FORMAT: the template has no such line, or two. */
MUST_CHECK int document_model(const struct buffer *template, struct buffer *out, struct why *why);

#endif
