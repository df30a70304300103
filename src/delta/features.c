/* Table features (PROTOCOL.md, "Table Features"): one list of what is known and what this library can do with it. */
#include "delta/features.h"

enum { CAN_READ = 1, CAN_WRITE = 2, READER_FEATURE = 4 };

typedef struct {
    const char *name;
    unsigned flags;
    int8_t reader, writer; /* first legacy versions that imply it; 0 = none does */
} feature;

/* CAN_WRITE: a table with the feature listed can be written; what an active feature then demands of a writer (a
 * constraint, an expression) is looked at where it is written. */
static const feature features[] = {
    {"appendOnly", CAN_WRITE, 0, 2},
    {"invariants", CAN_WRITE, 0, 2},
    {"checkConstraints", CAN_WRITE, 0, 3},
    {"changeDataFeed", CAN_WRITE, 0, 4},
    {"generatedColumns", CAN_WRITE, 0, 4},
    {"columnMapping", READER_FEATURE | CAN_READ | CAN_WRITE, 2, 5},
    {"identityColumns", CAN_WRITE, 0, 6},
    {"deletionVectors", READER_FEATURE | CAN_READ | CAN_WRITE, 0, 0},
    {"timestampNtz", READER_FEATURE | CAN_READ | CAN_WRITE, 0, 0},
    {"typeWidening", READER_FEATURE | CAN_READ | CAN_WRITE, 0, 0},
    {"typeWidening-preview", READER_FEATURE | CAN_READ | CAN_WRITE, 0, 0},
    {"v2Checkpoint", READER_FEATURE | CAN_READ | CAN_WRITE, 0, 0},
    {"vacuumProtocolCheck", READER_FEATURE | CAN_READ | CAN_WRITE, 0, 0},
    {"variantType", READER_FEATURE | CAN_READ | CAN_WRITE, 0, 0},
    {"variantType-preview", READER_FEATURE | CAN_READ | CAN_WRITE, 0, 0},
    {"variantShredding", READER_FEATURE | CAN_READ | CAN_WRITE, 0, 0},
    {"variantShredding-preview", READER_FEATURE | CAN_READ | CAN_WRITE, 0, 0},
    {"domainMetadata", CAN_WRITE, 0, 0},
    {"rowTracking", CAN_WRITE, 0, 0},
    {"inCommitTimestamp", CAN_WRITE, 0, 0},
    {"clustering", CAN_WRITE, 0, 0},
    {"allowColumnDefaults", CAN_WRITE, 0, 0},
    {"checkpointProtection", CAN_WRITE, 0, 0}, /* log_clean.c */
};

static const feature *find_feature(pli__str name) {
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++)
        if (pli__str_eqz(name, features[i].name)) return &features[i];
    return NULL;
}

static bool list_has(const pli__str *list, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (pli__str_eqz(list[i], name)) return true;
    return false;
}

bool pli__protocol_has_feature(const pli__protocol *p, const char *name) {
    if (list_has(p->writer_features, p->n_writer_features, name)) return true;
    if (list_has(p->reader_features, p->n_reader_features, name)) return true;
    const feature *f = find_feature(pli__str_of(name));
    return f && f->writer && p->min_writer < PLI__WRITER_VERSION && p->min_writer >= f->writer;
}

bool pli__feature_is_reader(pli__str name) {
    const feature *f = find_feature(name);
    return f && (f->flags & READER_FEATURE);
}

/* Names of the features that lack a flag, joined by ", ". */
static void join_missing(const pli__str *list, size_t n, unsigned flag, pli__buf *out) {
    for (size_t i = 0; i < n; i++) {
        const feature *f = find_feature(list[i]);
        if (f && (f->flags & flag)) continue;
        if (out->len) pli__buf_addz(out, ", ");
        pli__buf_addc(out, '\'');
        pli__buf_adds(out, list[i]);
        pli__buf_addc(out, '\'');
    }
}

static pli_status refuse_missing(const pli__str *list, size_t n, unsigned flag, const char *verb, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf names = {0};
    pli__buf_init(&names, 700);
    join_missing(list, n, flag, &names);
    if (!names.len) return PLI_OK;
    return pli__error_set(err, PLI_E_UNSUPPORTED, "cannot %s the table: it needs the feature %s", verb, names.ptr);
}

static pli_status check_shape(const pli__protocol *p, pli_error *err) {
    if (p->min_reader < 1 || p->min_writer < 1)
        return pli__error_set(err, PLI_E_CORRUPT, "protocol versions (%d, %d) make no sense", p->min_reader,
                              p->min_writer);
    if (p->min_reader == PLI__READER_VERSION && p->min_writer < PLI__WRITER_VERSION)
        return pli__error_set(err, PLI_E_CORRUPT, "protocol versions (%d, %d) make no sense: reader 3 needs writer 7",
                              p->min_reader, p->min_writer);
    return PLI_OK;
}

pli_status pli__protocol_check_read(const pli__protocol *p, pli_error *err) {
    PLI_TRY(check_shape(p, err));
    if (p->min_reader > PLI__READER_VERSION)
        return pli__error_set(err, PLI_E_UNSUPPORTED, "cannot read the table: it needs reader version %d, known is %d",
                              p->min_reader, PLI__READER_VERSION);
    return refuse_missing(p->reader_features, p->n_reader_features, CAN_READ, "read", err);
}

pli_status pli__protocol_check_write(const pli__protocol *p, pli_error *err) {
    PLI_TRY(pli__protocol_check_read(p, err));
    if (p->min_writer > PLI__WRITER_VERSION)
        return pli__error_set(err, PLI_E_UNSUPPORTED, "cannot write the table: it needs writer version %d, known is %d",
                              p->min_writer, PLI__WRITER_VERSION);
    return refuse_missing(p->writer_features, p->n_writer_features, CAN_WRITE, "write", err);
}
