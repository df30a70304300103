/* File descriptors inside src/port: open, write and close that mind EINTR and partial writes. */
#ifndef PLI_PORT_FD_H
#define PLI_PORT_FD_H

#include <fcntl.h>

#include "base/str.h"
#include "port/fs.h"

struct stat;

/** openat with O_CLOEXEC, repeated on EINTR. @param dir AT_FDCWD or a folder's descriptor. -1 and errno on failure */
int pli__fd_open(int dir, const char *path, int flags, unsigned mode);
/** Write everything; a write of nothing counts as ENOSPC. -1 and errno on failure. */
int pli__fd_write_all(int fd, const char *data, size_t len);
/** fsync once; a failed one is never repeated, because the kernel may have dropped the pages (fsync then says 0). */
int pli__fd_sync(int fd);
/** Close; -1 and errno if the file system reports a late write error. EINTR counts as closed, as Linux does it. */
int pli__fd_close(int fd);
/** Close without looking, errno kept; does nothing for a negative one; for PLI_AUTO. */
void pli__fd_auto(int *fd);
/** What stat found, in our form. */
void pli__fd_fill_info(const struct stat *st, pli__file_info *out);
/** Kind for a st_mode. */
pli__file_kind pli__fd_kind(unsigned mode);

#endif
