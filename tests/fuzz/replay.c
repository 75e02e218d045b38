/* Feeds files, and the files of folders in the order of their names, to a fuzz target: for compilers without a fuzzer.
 * A find of the fuzzer becomes a test by being put into the corpus. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/buffer.h"
#include "tests/fuzz/fuzz.h"

static int
replay_file(const char *path)
{
    struct buffer bytes = {0};
    uint8_t block[4096];
    uint8_t *exact;
    size_t got;
    FILE *file = fopen(path, "rb");

    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    while ((got = fread(block, 1, sizeof block, file)) > 0)
        buffer_append(&bytes, block, got);
    fclose(file);
    /* A block of exactly this size lets a sanitizer see a read behind its end. */
    exact = malloc(bytes.size > 0 ? bytes.size : 1);
    if (exact == NULL)
        abort();
    if (bytes.size > 0)
        memcpy(exact, bytes.data, bytes.size);
    LLVMFuzzerTestOneInput(exact, bytes.size);
    free(exact);
    buffer_fini(&bytes);
    return 1;
}

static int
is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Files read, or -1. */
static int
replay_path(const char *path)
{
    struct dirent **entries;
    struct stat info;
    int count, files = 0;

    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return replay_file(path);
    count = scandir(path, &entries, is_visible, alphasort);
    if (count < 0)
        return -1;
    for (int i = 0; i < count; i++) {
        char inner[4096];

        snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
        if (files >= 0)
            files = replay_file(inner) < 0 ? -1 : files + 1;
        free(entries[i]);
    }
    free(entries);
    return files;
}

int
main(int argc, char **argv)
{
    int files = 0;

    for (int i = 1; i < argc; i++) {
        int more = replay_path(argv[i]);

        if (more < 0)
            return EXIT_FAILURE;
        files += more;
    }
    if (files == 0) {
        fprintf(stderr, "%s: nothing to replay\n", argv[0]);
        return EXIT_FAILURE;
    }
    printf("%s: %d inputs replayed\n", argv[0], files);
    return EXIT_SUCCESS;
}
