/* tests/fuzz/fuzz_yaml.c - any bytes as a YAML file: read, walk, write, read again, and both trees must be equal. */
#include "core/assert.h"
#include "core/buffer.h"
#include "core/text.h"
#include "core/yaml.h"

#include <stdbool.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Asks everything of every node; answers how many there are. */
static uint32_t
walk(const struct yaml_node *root, const struct yaml_node *node, uint32_t depth)
{
    struct why why = {0};
    char path[16384]; /* longer than the longest path of a small file */
    const char *text;
    double real;
    int64_t integer;
    bool truth;
    uint32_t count = 1;
    uint32_t children = 0;

    ASSERT(depth <= YAML_DEPTH_MAX);
    ASSERT((node->kind == YAML_SCALAR) == (node->text != NULL));
    yaml_path(node, path, sizeof path);
    ASSERT(node == root ? path[0] == '\0' : yaml_find_path(root, path) == node);
    if (yaml_get_integer(node, &integer, &why) == 0) {
        int got = yaml_get_real(node, &real, &why);

        ASSERT(got == 0 && !node->quoted);
    }
    if (yaml_get_bool(node, &truth, &why) != 0 || yaml_get_text(node, &text, &why) != 0)
        ASSERT(why.text[0] != '\0' && text_is_utf8(node->file, strlen(node->file)));
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        ASSERT(child->parent == node && child->line > 0 && child->column > 0);
        ASSERT((node->kind == YAML_MAP) == (child->key != NULL));
        ASSERT(child->key == NULL || yaml_find(node, child->key) == child);
        count += walk(root, child, depth + 1);
        children++;
    }
    ASSERT(children == node->count);
    return count;
}

/* The first line is also tried as an override of the tree that the rest makes. */
static void
try_set(struct yaml_tree *tree, const uint8_t *data, size_t size)
{
    char assignment[256];
    struct why why = {0};
    size_t length = 0;

    while (length < size && length < sizeof assignment - 1 && data[length] != '\n' && data[length] != '\0')
        length++;
    memcpy(assignment, data, length);
    assignment[length] = '\0';
    if (yaml_set(tree, "-s", assignment, &why) != 0)
        ASSERT(memcmp(why.text, "-s: ", 4) == 0);
}

static void
check_round_trip(struct yaml_tree *tree)
{
    struct yaml_tree *again = NULL;
    struct buffer first = {0};
    struct buffer second = {0};
    struct why why = {0};
    int code;

    yaml_write(yaml_root(tree), &first);
    code = yaml_read_text("again", (const char *)first.data, first.size, &again, &why);
    ASSERT(code == 0);
    ASSERT(yaml_equal(yaml_root(tree), yaml_root(again)));
    yaml_write(yaml_root(again), &second);
    ASSERT(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    buffer_fini(&first);
    buffer_fini(&second);
    yaml_destroy(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yaml_tree *tree = NULL;
    struct why why = {0};

    if (yaml_read_text("fuzz", (const char *)data, size, &tree, &why) != 0) {
        ASSERT(tree == NULL && memcmp(why.text, "fuzz:", 5) == 0);
        return 0;
    }
    (void)walk(yaml_root(tree), yaml_root(tree), 0);
    check_round_trip(tree);
    try_set(tree, data, size);
    check_round_trip(tree);
    yaml_merge(tree, yaml_root(tree));
    check_round_trip(tree);
    yaml_destroy(&tree);
    return 0;
}
