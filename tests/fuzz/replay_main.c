/*
 * Runs a fuzz target over files, once each: what the fuzzer once found stays found, in every ordinary build and
 * without libFuzzer. Arguments are files and folders; a folder stands for the files in it and a missing one for none.
 * The two lines at the end have cmocka's form, so that tests/run can count the inputs.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return -1;
    }
    struct stat info;
    int status = -1;
    uint8_t *data = NULL;
    if (fstat(fileno(file), &info) == 0 && info.st_size >= 0) {
        size_t size = (size_t)info.st_size;
        /* Exactly as long as the input, so that the address sanitizer sees the first byte read past it. */
        data = malloc(size ? size : 1);
        if (data && fread(data, 1, size, file) == size) {
            /* Said before the run: if the target crashes, the last line names the input. */
            printf("[ RUN      ] %s\n", path);
            fflush(stdout);
            LLVMFuzzerTestOneInput(data, size);
            printf("[       OK ] %s\n", path);
            status = 0;
        }
    }
    if (status != 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
    }
    free(data);
    fclose(file);
    return status;
}

static int is_input(const struct dirent *entry) { return entry->d_name[0] != '.'; }

int main(int argc, char **argv) {
    size_t passed = 0;
    size_t failed = 0;
    for (int i = 1; i < argc; i++) {
        struct stat info;
        if (stat(argv[i], &info) != 0) {
            continue;
        }
        if (!S_ISDIR(info.st_mode)) {
            replay_file(argv[i]) == 0 ? passed++ : failed++;
            continue;
        }
        struct dirent **entries = NULL;
        int count = scandir(argv[i], &entries, is_input, alphasort);
        for (int j = 0; j < count; j++) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], entries[j]->d_name);
            free(entries[j]);
            if (stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
                replay_file(path) == 0 ? passed++ : failed++;
            }
        }
        free(entries);
    }
    printf("[  PASSED  ] %zu test(s).\n", passed);
    if (failed) {
        printf("[  FAILED  ] %zu test(s), listed below:\n", failed);
    }
    return failed != 0;
}
