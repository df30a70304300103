/* Open folders inside src/port: reading entries with their kinds. */
#ifndef PLI_PORT_DIRS_H
#define PLI_PORT_DIRS_H

#include <dirent.h>

#include "port/fs.h"

/** Open a folder relative to a descriptor (or AT_FDCWD). @param flags O_NOFOLLOW or 0. NULL and errno on failure */
DIR *pli__dir_open(int parent, const char *name, int flags);
/** Next entry but . and ..; NULL at the end (errno 0) or on an error (errno). */
struct dirent *pli__dir_next(DIR *d);
/** Kind of an entry, by fstatat where the file system does not tell it in the listing; NONE if it has vanished. */
pli__file_kind pli__dir_kind(int dir, const struct dirent *e);
void pli__dir_close(DIR **d); /**< errno is kept; NULL inside is allowed; for PLI_AUTO */

#endif
