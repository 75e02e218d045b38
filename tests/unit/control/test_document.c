/* The documents that are put together from the program are those that are checked in: `make docs` writes them. */
#include "control/document.h"
#include "core/text.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

static struct buffer
read_file(const char *path)
{
    struct buffer out = {0};
    FILE *file = fopen(path, "rb");
    size_t size;

    if (file == NULL)
        fail_msg("%s is not there: run from the project's root", path);
    do {
        buffer_reserve(&out, 1u << 16);
        size = fread(out.data + out.size, 1, 1u << 16, file);
        out.size += size;
    } while (size > 0);
    fclose(file);
    return out;
}

static void
model_is_checked_in(void **state)
{
    struct buffer template = read_file("docs/model.in.md"), want = {0}, have;
    struct why why = {0};
    FILE *file;

    (void)state;
    if (document_model(&template, &want, &why) != 0)
        fail_msg("docs/model.in.md: %s", why.text);
    if (getenv("POLIS_GOLDEN_UPDATE") != NULL && strcmp(getenv("POLIS_GOLDEN_UPDATE"), "1") == 0) {
        file = fopen("docs/model.md", "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(want.data, 1, want.size, file), want.size);
        assert_int_equal(fclose(file), 0);
    }
    have = read_file("docs/model.md");
    if (have.size != want.size || memcmp(have.data, want.data, want.size) != 0)
        fail_msg("docs/model.md is not what the program would write: `make docs` writes it anew");
    buffer_fini(&template);
    buffer_fini(&want);
    buffer_fini(&have);
}

static const struct row {
    const char *name, *template, *begin, *end;
    int want;
} rows[] = {
    {"the mark becomes the tables", "# A\n@parameters@\nB\n", "# A\n\n### simulation\n\n| name |", "\nB\n", 0},
    {"a mark within a line is words", "# A @parameters@\n@parameters@\n", "# A @parameters@\n\n### simulation", "\n",
        0},
    {"no mark", "# A\n", "", "", ERR_FORMAT},
    {"two marks", "@parameters@\n@parameters@\n", "", "", ERR_FORMAT},
    {"an empty template", "", "", "", ERR_FORMAT},
};

static void
templates(void **state)
{
    const struct row *row = *state;
    struct buffer template = {0}, out = {0};
    struct why why = {0};

    text_add(&template, row->template);
    assert_int_equal(document_model(&template, &out, &why), row->want);
    if (row->want == 0) {
        assert_true(out.size > 2000);
        assert_memory_equal(out.data, row->begin, strlen(row->begin));
        assert_memory_equal(out.data + out.size - strlen(row->end), row->end, strlen(row->end));
        assert_null(memmem(out.data, out.size, "\n# ", 3)); /* all headings are below the template's own */
    }
    buffer_fini(&template);
    buffer_fini(&out);
}

int
main(void)
{
    static const struct test_case cases[] = {{"docs/model.md is what the program writes", model_is_checked_in}};

    return TEST_ROWS("document_model", rows, templates) + TEST_CASES("document", cases);
}
