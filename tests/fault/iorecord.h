/*
 * The recorder of iofault.c: every call that changed a file or folder, in order and with the bytes that it wrote, so that
 * powerloss.py can say what a disk may show after the power was cut.
 *
 * One record: "<call>\t<inode>\t<at>\t<length>\t<path>\t<second path>\n", followed by <length> bytes where the call is "write".
 * "open" stands for one that may have made the file (at 1: it was emptied), fsync is of files and folders alike.
 */
#ifndef PLI_TEST_IORECORD_H
#define PLI_TEST_IORECORD_H

#include <sys/types.h>

void iorecord_start(const char *log);
/** fsync, ftruncate (to `at`), open. */
void iorecord_fd(const char *call, int fd, const char *path, off_t at);
/** What was written is read back. at < 0: it ends at the position of fd. */
void iorecord_write(int fd, const char *path, off_t at, size_t len);
/** to: NULL where the call has one name. The inode is that of the last name. */
void iorecord_names(const char *call, const char *path, const char *to);

#endif
