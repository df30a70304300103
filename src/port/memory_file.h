/*
 * Constant bytes as a file that can be opened by name but lies on no disk (memfd): nothing to clean up, whatever becomes of
 * the process. For libraries that read nothing but files.
 */
#ifndef PLI_PORT_MEMORY_FILE_H
#define PLI_PORT_MEMORY_FILE_H

#include <stddef.h>
#include <stdint.h>

enum { PLI__MEMORY_FILE_PATH = 40 };

/** One for the life of the process; initialise it with PLI__MEMORY_FILE_NONE. */
typedef struct pli__memory_file {
    int fd;
    uint64_t device, inode;
} pli__memory_file;

#define PLI__MEMORY_FILE_NONE {.fd = -1}

/** Write the file's path to `path`; makes the file on the first call, and again where somebody has closed its descriptor (a
 *  process that became a daemon). Not thread-safe. @return NULL where the system has no such files, else `path` */
const char *pli__memory_file_path(pli__memory_file *f, const void *bytes, size_t n, char path[PLI__MEMORY_FILE_PATH]);

#endif
