/* Metadata in Thrift's compact protocol, byte by byte (parquet.thrift of apache/parquet-format). */
#include "engine/empty_parquet.h"

#include <pthread.h>

/* clang-format off */
static const unsigned char empty[] = {
    'P', 'A', 'R', '1',
    0x15, 0x02,             /* FileMetaData 1: version = 1 */
    0x19, 0x2c,             /*   2: schema, two elements */
    0x48, 0x01, 'r',        /*     4: name of the root */
    0x15, 0x02, 0x00,       /*     5: num_children = 1, end */
    0x15, 0x02,             /*     1: type = INT32 */
    0x25, 0x02,             /*     3: repetition_type = OPTIONAL */
    0x18, 0x01, '_', 0x00,  /*     4: name, end */
    0x16, 0x00,             /*   3: num_rows = 0 */
    0x19, 0x0c, 0x00,       /*   4: row_groups, none; end */
    0x17, 0x00, 0x00, 0x00, /* bytes of the metadata */
    'P', 'A', 'R', '1',
};
/* clang-format on */
_Static_assert(sizeof empty - 12 == 0x17, "the length of the metadata stands in front of the last magic number");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pli__memory_file file = PLI__MEMORY_FILE_NONE;

const char *pli__empty_parquet(char path[PLI__MEMORY_FILE_PATH]) {
    pthread_mutex_lock(&lock);
    const char *p = pli__memory_file_path(&file, empty, sizeof empty, path);
    pthread_mutex_unlock(&lock);
    return p;
}
