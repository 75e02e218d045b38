/* polis diff: where two runs differ. */
#include "control/commands.h"
#include "control/compare.h"
#include "control/folder.h"
#include "control/paths.h"
#include "control/talk.h"
#include "core/digest.h"
#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SHOWN_VALUE 80u /* bytes of a value of the manifest */

struct diff {
    struct folder a, b;
    bool json;
    struct buffer manifest; /* what differs there, as it will be printed */
    uint32_t paths;         /* differences in the manifest but for `fork` */
    char origin[600];       /* how they are related; empty: they are not */
    uint64_t from, to;      /* steps that both logs hold; none when from > to */
    struct difference begin; /* of the states behind `from` - 1, where a fork begins */
    struct difference first;
};

/* ---- manifests ---- */

static void
add_value(struct buffer *out, const struct yaml_node *node, bool json)
{
    struct buffer text = {0};

    paths_show(node, &text);
    if (text.size > SHOWN_VALUE && !json) {
        text.size = text_cut((const char *)text.data, text.size, SHOWN_VALUE);
        text_add(&text, "...");
    }
    if (json && node == NULL)
        text_add(out, "null");
    else if (json)
        text_add_json(out, (const char *)text.data, text.size);
    else
        buffer_append(out, text.data, text.size);
    buffer_fini(&text);
}

static void
add_path(void *context, const char *path, const struct yaml_node *a, const struct yaml_node *b)
{
    struct diff *self = context;
    struct buffer *out = &self->manifest;

    if (paths_match(path, "fork"))
        return;
    if (self->json) {
        text_add(out, self->paths > 0 ? ", {\"path\": " : "{\"path\": ");
        text_add_json(out, path, strlen(path));
        text_add(out, ", \"a\": ");
        add_value(out, a, true);
        text_add(out, ", \"b\": ");
        add_value(out, b, true);
        text_add(out, "}");
    } else {
        text_addf(out, "  %s: ", path);
        add_value(out, a, false);
        text_add(out, " | ");
        add_value(out, b, false);
        text_add(out, "\n");
    }
    self->paths++;
}

/* ---- descent ---- */

/* The chain of a run behind a step. */
static bool
read_chain(const struct folder *folder, uint64_t step, char hex[2 * STORE_CHAIN + 1])
{
    uint8_t chain[STORE_CHAIN];
    struct store_commit commit;
    const void *manifest;
    size_t size;

    if (store_read_commit(folder->store, step, &commit, NULL) == 0) {
        digest_hex(commit.chain, STORE_CHAIN, hex);
        return true;
    }
    manifest = store_manifest(folder->store, &size);
    digest_of(manifest, size, chain);
    digest_hex(chain, STORE_CHAIN, hex);
    return step == 0;
}

static bool
is_child(const struct folder *child, const struct folder *parent)
{
    const struct yaml_node *chain = yaml_find_path(yaml_root(child->tree), "fork.parent_chain");
    char hex[2 * STORE_CHAIN + 1];

    return chain != NULL && read_chain(parent, store_base(child->store), hex) && strcmp(hex, chain->text) == 0;
}

static void
tell_origin(struct diff *self)
{
    const struct yaml_node *left = yaml_find_path(yaml_root(self->a.tree), "fork.parent_chain");
    const struct yaml_node *right = yaml_find_path(yaml_root(self->b.tree), "fork.parent_chain");
    const struct yaml_node *name = yaml_find_path(yaml_root(self->a.tree), "fork.parent");

    if (is_child(&self->b, &self->a))
        snprintf(self->origin, sizeof self->origin, "%.250s branched off %.250s behind step %" PRIu64, self->b.path,
            self->a.path, store_base(self->b.store));
    else if (is_child(&self->a, &self->b))
        snprintf(self->origin, sizeof self->origin, "%.250s branched off %.250s behind step %" PRIu64, self->a.path,
            self->b.path, store_base(self->a.store));
    else if (left != NULL && right != NULL && strcmp(left->text, right->text) == 0)
        snprintf(self->origin, sizeof self->origin, "both branched off %.250s behind step %" PRIu64, name->text,
            store_base(self->a.store));
}

/* ---- steps ---- */

static uint64_t
tip_of(const struct folder *folder)
{
    return store_committed(folder->store).step;
}

/* The first difference among the steps that both have. With other seeds all dockets are marked differently: that alone
 * is only told when nothing else differs. */
static int
compare_steps(struct diff *self, struct why *why)
{
    struct store *a = self->a.store, *b = self->b.store;
    bool forked = store_is_fork(a) || store_is_fork(b);
    struct difference found = {0};
    int error = 0;

    self->from = (store_base(a) > store_base(b) ? store_base(a) : store_base(b)) + 1;
    self->to = tip_of(&self->a) < tip_of(&self->b) ? tip_of(&self->a) : tip_of(&self->b);
    if (forked && self->from > 1 && self->from - 1 <= self->to)
        error = compare_state(a, b, self->from - 1, &self->begin, why);
    for (uint64_t step = self->from; step <= self->to && error == 0; step++) {
        error = compare_step(a, b, step, &found, why);
        if (!found.found || (found.only_tag && self->first.found))
            continue;
        self->first = found;
        if (!found.only_tag)
            break;
    }
    return error;
}

static bool
is_equal(const struct diff *self)
{
    return self->paths == 0 && !self->begin.found && !self->first.found && tip_of(&self->a) == tip_of(&self->b);
}

/* ---- telling ---- */

static void
write_first(const struct difference *first, struct buffer *out)
{
    text_addf(out, "the first difference is in step %" PRIu64, first->step);
    if (first->in_section)
        text_addf(out, ", exchange %" PRIu32 ", %s", first->phase, first->section);
    text_addf(out, ": %s", first->field);
    if (first->has_row)
        text_addf(out, ", row %" PRIu32, first->row);
    if (first->has_agent)
        text_addf(out, ", agent %" PRIu32, first->agent);
    text_addf(out, ": %s | %s\n", first->a, first->b);
}

static void
write_words(const struct diff *self, struct buffer *out)
{
    if (self->origin[0] != '\0')
        text_addf(out, "%s\n", self->origin);
    if (self->paths == 0) {
        text_add(out, "the scenarios are the same\n");
    } else {
        text_addf(out, "the scenarios differ in %" PRIu32 " place%s\n", self->paths, self->paths == 1 ? "" : "s");
        buffer_append(out, self->manifest.data, self->manifest.size);
    }
    if (self->begin.found)
        text_addf(out, "behind step %" PRIu64 " the fork begins in another state: what the state repeats of parameters "
                  "and levers was changed\n", self->begin.step);
    if (self->first.found)
        write_first(&self->first, out);
    else if (self->from > self->to)
        text_add(out, "no step is in both logs\n");
    else
        text_addf(out, "steps %" PRIu64 " to %" PRIu64 " are the same\n", self->from, self->to);
    if (tip_of(&self->a) != tip_of(&self->b))
        text_addf(out, "%s has come to step %" PRIu64 ", %s to step %" PRIu64 "\n", self->a.path, tip_of(&self->a),
            self->b.path, tip_of(&self->b));
}

static void
add_member(struct buffer *out, const char *name, const char *text)
{
    text_addf(out, ", \"%s\": ", name);
    text_add_json(out, text, strlen(text));
}

static void
write_json(const struct diff *self, struct buffer *out)
{
    const struct difference *first = &self->first;

    text_add(out, "{\"schema\": \"polis.diff/1\"");
    add_member(out, "a", self->a.path);
    add_member(out, "b", self->b.path);
    text_addf(out, ", \"equal\": %s, \"origin\": ", is_equal(self) ? "true" : "false");
    if (self->origin[0] != '\0')
        text_add_json(out, self->origin, strlen(self->origin));
    else
        text_add(out, "null");
    text_add(out, ", \"scenario\": [");
    buffer_append(out, self->manifest.data, self->manifest.size);
    text_addf(out, "], \"steps_a\": %" PRIu64 ", \"steps_b\": %" PRIu64 ", \"from\": %" PRIu64 ", \"to\": %" PRIu64
              ", \"begins_alike\": %s, \"first\": ", tip_of(&self->a), tip_of(&self->b), self->from, self->to,
        self->begin.found ? "false" : "true");
    if (!first->found) {
        text_add(out, "null}\n");
        return;
    }
    text_addf(out, "{\"step\": %" PRIu64, first->step);
    if (first->in_section) {
        text_addf(out, ", \"exchange\": %" PRIu32, first->phase);
        add_member(out, "section", first->section);
    }
    add_member(out, "field", first->field);
    if (first->has_row)
        text_addf(out, ", \"row\": %" PRIu32, first->row);
    if (first->has_agent)
        text_addf(out, ", \"agent\": %" PRIu32, first->agent);
    add_member(out, "a", first->a);
    add_member(out, "b", first->b);
    text_add(out, "}}\n");
}

/* A process may have a run open only once, so a run is itself with what is open already. */
static int
open_other(const char *name, struct diff *self, struct why *why)
{
    char path[FOLDER_PATH_SIZE];
    struct stat one, other;
    int error = folder_find(name, path, why);

    if (error == 0 && stat(path, &other) == 0 && stat(self->a.path, &one) == 0 && one.st_dev == other.st_dev &&
        one.st_ino == other.st_ino) {
        self->b = self->a;
        return 0;
    }
    return error != 0 ? error : folder_open(name, &self->b, why);
}

int
diff_command(const struct invocation *invocation)
{
    struct diff self = {.json = invocation_has(invocation, "json")};
    struct buffer text = {0};
    struct why why = {0};
    int status = 0, error;

    if ((error = folder_open(invocation->words[0], &self.a, &why)) == 0 &&
        (error = open_other(invocation->words[1], &self, &why)) == 0) {
        paths_differ(yaml_root(self.a.tree), yaml_root(self.b.tree), add_path, &self);
        tell_origin(&self);
        error = compare_steps(&self, &why);
    }
    if (error == 0 && self.json)
        write_json(&self, &text);
    else if (error == 0)
        write_words(&self, &text);
    if (error != 0)
        status = talk_failure(&why);
    else if ((status = talk_give(&text)) == 0 && !is_equal(&self))
        status = 1;
    buffer_fini(&self.manifest);
    if (self.b.store == self.a.store)
        self.b = (struct folder){0};
    folder_close(&self.a);
    folder_close(&self.b);
    return status;
}
