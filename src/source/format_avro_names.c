/*
 * Names that Avro's rules forbid and its writers write all the same (Polars: a record without a name, columns called as they
 * are in the frame). The engine's reader refuses them, so its copy of the file has names of ours; the SQL over it gives the
 * fields their own ones again.
 */
#include <stdio.h>
#include <string.h>

#include "source/format_avro.h"
#include "source/format_avro_bytes.h"

static bool is_identifier(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char c = s[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) return false;
    }
    return n > 0;
}

/* Identifiers between dots. */
static bool is_type_name(const char *name) {
    for (;;) {
        const size_t n = strcspn(name, ".");
        if (!is_identifier(name, n)) return false;
        if (!name[n]) return true;
        name += n + 1;
    }
}

const char *pli__avro_field_name(const json_t *field, size_t i, char room[PLI__AVRO_NAME_ROOM]) {
    const char *name = json_string_value(json_object_get(field, "name"));
    if (!name || is_identifier(name, strlen(name))) return name;
    (void)snprintf(room, PLI__AVRO_NAME_ROOM, "pli_field_%zu", i);
    return room;
}

typedef struct names {
    bool change;
    size_t n;       /* forbidden ones so far */
    json_t *types;  /* name → ours */
} names;

static void mend(names *w, json_t *type);

/* The type's own name; references that follow are found by it. */
static void mend_own(names *w, json_t *type) {
    const char *name = json_string_value(json_object_get(type, "name"));
    char ours[PLI__AVRO_NAME_ROOM];
    if (!name || is_type_name(name)) return;
    (void)snprintf(ours, sizeof ours, "pli_type_%zu", w->n++);
    if (!w->change) return;
    (void)json_object_set_new(w->types, name, json_string(ours));
    (void)json_object_set_new(type, "name", json_string(ours));
}

static void mend_fields(names *w, json_t *fields) {
    json_t *field;
    size_t i;
    json_array_foreach(fields, i, field) {
        char room[PLI__AVRO_NAME_ROOM];
        if (pli__avro_field_name(field, i, room) == room) {
            w->n++;
            if (w->change) (void)json_object_set_new(field, "name", json_string(room));
        }
        mend(w, json_object_get(field, "type"));
    }
}

static void mend(names *w, json_t *type) {
    static const char *const parts[] = {"type", "items", "values"};
    json_t *branch;
    size_t i;
    if (json_is_string(type)) {
        const char *ours = json_string_value(json_object_get(w->types, json_string_value(type)));
        if (ours) (void)json_string_set(type, ours);
    }
    json_array_foreach(type, i, branch) mend(w, branch);
    if (!json_is_object(type)) return;
    mend_own(w, type);
    for (i = 0; i < sizeof parts / sizeof *parts; i++) mend(w, json_object_get(type, parts[i]));
    mend_fields(w, json_object_get(type, "fields"));
}

size_t pli__avro_mend_names(json_t *schema, bool change) {
    names w = {.change = change, .types = json_object()};
    mend(&w, schema);
    json_decref(w.types);
    return w.n;
}
