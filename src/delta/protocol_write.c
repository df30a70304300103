/* The protocol a table needs, derived from its schema and properties (PROTOCOL.md, "Table Features"). */
#include "delta/protocol_write.h"

#include "delta/features.h"

enum { MAX_FEATURES = 64 };

/* Features a table needs. */
typedef struct {
    pli__str names[MAX_FEATURES];
    size_t n;
} feature_set;

static bool set_has(const feature_set *s, pli__str name) {
    for (size_t i = 0; i < s->n; i++)
        if (pli__str_eq(s->names[i], name)) return true;
    return false;
}

static void set_add(feature_set *s, pli__str name) {
    if (s->n < MAX_FEATURES && !set_has(s, name)) s->names[s->n++] = name;
}

/* Legacy features and the versions that bring them, in the order of the versions. */
static const struct {
    const char *name;
    int32_t reader, writer;
} legacy[] = {
    {"appendOnly", 1, 2},       {"invariants", 1, 2},    {"checkConstraints", 1, 3}, {"changeDataFeed", 1, 4},
    {"generatedColumns", 1, 4}, {"columnMapping", 2, 5}, {"identityColumns", 1, 6},
};
enum { N_LEGACY = sizeof legacy / sizeof legacy[0] };

static int legacy_index(pli__str name) {
    for (int i = 0; i < N_LEGACY; i++)
        if (pli__str_eqz(name, legacy[i].name)) return i;
    return -1;
}

static void scan_type(const pli__type *t, feature_set *need);

static void scan_field(const pli__field *f, feature_set *need) {
    static const struct {
        const char *key, *feature;
    } keys[] = {
        {"\"delta.invariants\"", "invariants"},
        {"\"delta.generationExpression\"", "generatedColumns"},
        {"\"delta.identity.start\"", "identityColumns"},
        {"\"CURRENT_DEFAULT\"", "allowColumnDefaults"},
    };
    if (!f->nullable) set_add(need, PLI_STR("invariants"));
    for (size_t i = 0; f->metadata && i < sizeof keys / sizeof keys[0]; i++)
        if (strstr(f->metadata, keys[i].key)) set_add(need, pli__str_of(keys[i].feature));
    scan_type(f->type, need);
}

static void scan_type(const pli__type *t, feature_set *need) {
    if (t->id == PLI__TYPE_TIMESTAMP_NTZ) set_add(need, PLI_STR("timestampNtz"));
    if (t->id == PLI__TYPE_VARIANT) set_add(need, PLI_STR("variantType"));
    for (size_t i = 0; i < t->n_fields; i++)
        if (t->id == PLI__TYPE_STRUCT) scan_field(&t->fields[i], need);
        else scan_type(t->fields[i].type, need);
}

static void scan_property(pli__str key, pli__str value, feature_set *need) {
    static const struct {
        const char *key, *value, *feature;
    } rules[] = {
        {"delta.appendOnly", "true", "appendOnly"},
        {"delta.enableChangeDataFeed", "true", "changeDataFeed"},
        {"delta.columnMapping.mode", "name", "columnMapping"},
        {"delta.columnMapping.mode", "id", "columnMapping"},
        {"delta.enableDeletionVectors", "true", "deletionVectors"},
        {"delta.enableTypeWidening", "true", "typeWidening"},
        {"delta.checkpointPolicy", "v2", "v2Checkpoint"},
        {"delta.enableRowTracking", "true", "rowTracking"},
        {"delta.enableRowTracking", "true", "domainMetadata"},
        {"delta.enableInCommitTimestamps", "true", "inCommitTimestamp"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (pli__str_eqz(key, rules[i].key) && pli__str_ieqz(value, rules[i].value))
            set_add(need, pli__str_of(rules[i].feature));
    if (pli__str_starts(key, PLI_STR("delta.constraints."))) set_add(need, PLI_STR("checkConstraints"));
    const pli__str prefix = PLI_STR("delta.feature.");
    if (pli__str_starts(key, prefix) && (pli__str_ieqz(value, "supported") || pli__str_ieqz(value, "enabled")))
        set_add(need, (pli__str){key.ptr + prefix.len, key.len - prefix.len});
}

static void add_base(const pli__protocol *base, feature_set *need) {
    if (base->has_writer_features)
        for (size_t i = 0; i < base->n_writer_features; i++) set_add(need, base->writer_features[i]);
    else
        for (int i = 0; i < N_LEGACY; i++)
            if (base->min_writer >= legacy[i].writer) set_add(need, pli__str_of(legacy[i].name));
    if (base->has_reader_features)
        for (size_t i = 0; i < base->n_reader_features; i++) set_add(need, base->reader_features[i]);
}

static bool base_suffices(const pli__protocol *base, const feature_set *need) {
    for (size_t i = 0; i < need->n; i++) {
        char name[128];
        if (need->names[i].len >= sizeof name) return false;
        memcpy(name, need->names[i].ptr, need->names[i].len);
        name[need->names[i].len] = '\0';
        if (!pli__protocol_has_feature(base, name)) return false;
    }
    return true;
}

static pli_status list_features(const feature_set *need, pli__arena *arena, pli__protocol *out, pli_error *err) {
    pli__str *writer = pli__arena_calloc(arena, MAX_FEATURES, sizeof *writer);
    pli__str *reader = pli__arena_calloc(arena, MAX_FEATURES, sizeof *reader);
    if (!writer || !reader) return pli__error_memory(err);
    *out = (pli__protocol){
        .min_reader = 1, .min_writer = PLI__WRITER_VERSION, .has_writer_features = true, .writer_features = writer};
    for (size_t i = 0; i < need->n; i++) {
        const pli__str name = pli__arena_str(arena, need->names[i]);
        writer[out->n_writer_features++] = name;
        if (pli__feature_is_reader(name)) reader[out->n_reader_features++] = name;
    }
    if (out->n_reader_features) {
        out->min_reader = PLI__READER_VERSION;
        out->has_reader_features = true;
        out->reader_features = reader;
    }
    return pli__arena_status(arena, err);
}

/* Legacy versions, if they can express the set; the versions of `base` are kept as a floor. */
static bool use_legacy(const feature_set *need, const pli__protocol *base, pli__protocol *out) {
    *out = (pli__protocol){.min_reader = 1, .min_writer = 2};
    if (base && (base->has_writer_features || base->has_reader_features)) return false;
    if (base) out->min_reader = base->min_reader, out->min_writer = base->min_writer;
    for (size_t i = 0; i < need->n; i++) {
        const int k = legacy_index(need->names[i]);
        if (k < 0) return false;
        if (legacy[k].reader > out->min_reader) out->min_reader = legacy[k].reader;
        if (legacy[k].writer > out->min_writer) out->min_writer = legacy[k].writer;
    }
    return true;
}

pli_status pli__protocol_derive(const pli__metadata *m, const pli__type *schema, const pli__protocol *base,
                                pli__arena *arena, pli__protocol *out, bool *changed, pli_error *err) {
    feature_set need = {0};
    scan_type(schema, &need);
    for (size_t i = 0; i < m->n_configuration; i++)
        scan_property(m->configuration[i].key, m->configuration[i].value, &need);
    *changed = true;
    if (base && base_suffices(base, &need)) {
        *out = *base;
        *changed = false;
        return pli__protocol_check_write(out, err);
    }
    if (base) add_base(base, &need);
    if (need.n >= MAX_FEATURES)
        return pli__error_set(err, PLI_E_LIMIT, "a table cannot have more than %d features", MAX_FEATURES);
    if (!use_legacy(&need, base, out)) PLI_TRY(list_features(&need, arena, out, err));
    return pli__protocol_check_write(out, err);
}

static bool steers_protocol(pli__str key) {
    return pli__str_starts(key, PLI_STR("delta.feature.")) || pli__str_eqz(key, "delta.minReaderVersion") ||
           pli__str_eqz(key, "delta.minWriterVersion") || pli__str_eqz(key, "delta.ignoreProtocolDefaults");
}

pli_status pli__metadata_strip_protocol_keys(pli__metadata *m, pli__arena *arena, pli_error *err) {
    pli__kv *kept = pli__arena_calloc(arena, m->n_configuration + 1, sizeof *kept);
    size_t n = 0;
    if (!kept) return pli__error_memory(err);
    for (size_t i = 0; i < m->n_configuration; i++)
        if (!steers_protocol(m->configuration[i].key)) kept[n++] = m->configuration[i];
    m->configuration = kept;
    m->n_configuration = n;
    return PLI_OK;
}
