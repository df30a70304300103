/* Setting options from texts: one parser per kind of option, writing into pli__job_config by the table's offsets. */
#include "config/spec.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/time.h"
#include "port/fs.h"

static void *place(pli_job_spec *spec, const pli__option *o) { return (char *)&spec->config + o->offset; }

static size_t index_of(const pli__option *o) { return (size_t)(o - pli__option_table()); }

static pli_status bad_value(const pli__option *o, const char *value, const char *expected, pli_error *err) {
    return pli__error_set(err, PLI_E_CONFIG, "option '%s' cannot be '%.200s': expected %s", o->info.key, value,
                          expected);
}

static pli_status keep_text(pli_job_spec *spec, const char *value, const char **out, pli_error *err) {
    const char *copy = pli__arena_strdup(&spec->arena, pli__str_of(value));
    if (!copy) return pli__arena_status(&spec->arena, err);
    *out = copy;
    return PLI_OK;
}

static bool is_none(const char *value) {
    const pli__str s = pli__str_of(value);
    return pli__str_ieqz(s, "none") || pli__str_ieqz(s, "unlimited");
}

static pli_status parse_bool(const pli__option *o, const char *value, bool *out, pli_error *err) {
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < 4; i++) {
        if (pli__str_ieqz(pli__str_of(value), yes[i])) return *out = true, PLI_OK;
        if (pli__str_ieqz(pli__str_of(value), no[i])) return *out = false, PLI_OK;
    }
    return bad_value(o, value, "true or false", err);
}

static pli_status parse_number(const pli__option *o, const char *value, int64_t *out, pli_error *err) {
    const pli__str s = pli__str_of(value);
    int64_t n = -1;
    switch (o->kind) {
        case PLI__OPT_COUNT:
            if (is_none(value)) break;
            if (!pli__str_to_i64(s, &n) || n < 1) return bad_value(o, value, "a number from 1, or none", err);
            break;
        case PLI__OPT_SIZE:
            if (is_none(value)) break;
            if (!pli__size_parse(s, &n) || n < 1) return bad_value(o, value, "a size such as 128MiB, or none", err);
            break;
        case PLI__OPT_DURATION:
            if (is_none(value)) break;
            if (!pli__time_parse_duration(s, &n) || n < 0)
                return bad_value(o, value, "a duration such as 30s, 5m or 1d, or none", err);
            break;
        default:
            if (!pli__str_to_i64(s, &n) || n < 0) return bad_value(o, value, "a number from 0", err);
    }
    *out = n;
    return PLI_OK;
}

/* `choices` is "a|b|c"; gives the word as it stands there, whatever its case in the value. */
static pli_status parse_choice(pli_job_spec *spec, const pli__option *o, const char *value, const char **out,
                               pli_error *err) {
    const char *p = o->info.choices;
    while (*p) {
        const size_t n = strcspn(p, "|");
        if (pli__str_ieqz((pli__str){p, n}, value)) {
            const char *word = pli__arena_strdup(&spec->arena, (pli__str){p, n});
            if (!word) return pli__arena_status(&spec->arena, err);
            *out = word;
            return PLI_OK;
        }
        p += n + (p[n] == '|');
    }
    char expected[200];
    snprintf(expected, sizeof expected, "one of %s", o->info.choices);
    return bad_value(o, value, expected, err);
}

static pli_status texts_from_json(pli_job_spec *spec, const json_t *list, pli__texts *out, pli_error *err) {
    const size_t n = json_array_size(list);
    const char **items = pli__arena_calloc(&spec->arena, n ? n : 1, sizeof *items);
    if (!items) return pli__arena_status(&spec->arena, err);
    for (size_t i = 0; i < n; i++) PLI_TRY(keep_text(spec, json_string_value(json_array_get(list, i)), &items[i], err));
    *out = (pli__texts){n, items};
    return PLI_OK;
}

/* "a, b" -> ["a","b"]; empty text is an empty list. */
static json_t *split_list(const char *value) {
    json_t *list = json_array();
    for (const char *p = value; *p;) {
        size_t n = strcspn(p, ",");
        const size_t step = n + (p[n] == ',');
        const char *from = p;
        while (n && (*from == ' ')) from++, n--;
        while (n && from[n - 1] == ' ') n--;
        if (n) json_array_append_new(list, json_stringn(from, n));
        p += step;
    }
    return list;
}

static pli_status set_path(pli_job_spec *spec, const char *value, const char **out, pli_error *err) {
    if (!*value) return keep_text(spec, value, out, err);
    PLI_AUTO(pli__free_ptr)
    char *joined = spec->base_dir ? pli__path_join(spec->base_dir, value) : pli__strz_dup(value);
    if (!joined) return pli__error_memory(err);
    /* absolute from here on: a run must not depend on where it was started */
    PLI_AUTO(pli__free_ptr) char *absolute = NULL;
    PLI_TRY(pli__fs_abs_path(joined, &absolute, err));
    return keep_text(spec, absolute, out, err);
}

static pli_status set_value(pli_job_spec *spec, const pli__option *o, const char *value, pli_error *err) {
    void *at = place(spec, o);
    switch (o->kind) {
        case PLI__OPT_TEXT:
        case PLI__OPT_SQL: return keep_text(spec, value, at, err);
        case PLI__OPT_PATH: return set_path(spec, value, at, err);
        case PLI__OPT_BOOL: return parse_bool(o, value, at, err);
        case PLI__OPT_CHOICE: return parse_choice(spec, o, value, at, err);
        case PLI__OPT_COUNT:
        case PLI__OPT_NUMBER:
        case PLI__OPT_SIZE:
        case PLI__OPT_DURATION: return parse_number(o, value, at, err);
        case PLI__OPT_FLAG_CHOICE: {
            const char *word = NULL;
            PLI_TRY(parse_choice(spec, o, value, &word, err));
            *(bool *)at = strncmp(word, o->info.choices, strlen(word)) != 0;
            return PLI_OK;
        }
        case PLI__OPT_TIME: {
            int64_t us;
            if (!pli__time_parse_iso(pli__str_of(value), &us))
                return bad_value(o, value, "an ISO 8601 date or time", err);
            return keep_text(spec, value, at, err);
        }
        case PLI__OPT_TEXTS: {
            PLI_AUTO(pli__json_unref) json_t *list = split_list(value);
            return texts_from_json(spec, list, at, err);
        }
        case PLI__OPT_MAP: break;
    }
    return bad_value(o, value, "a map: give its members as KEY.MEMBER", err);
}

static pli_status set_member(pli_job_spec *spec, const pli__option *o, const char *member, json_t *take_value,
                             pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *value = take_value;
    json_t **map = place(spec, o);
    if (!*map) *map = json_object();
    if (!value || !*map || json_object_set(*map, member, value) != 0) return pli__error_memory(err);
    return PLI_OK;
}

static pli_status unknown_key(const char *key, pli_error *err) {
    pli__error_set(err, PLI_E_CONFIG, "unknown option '%.200s'", key);
    const char *near = pli__option_nearest(key);
    return near ? pli__error_hint(err, "did you mean '%s'?", near) : PLI_E_CONFIG;
}

pli_status pli_job_spec_set(pli_job_spec *spec, const char *key, const char *value, pli_error *err) {
    if (!spec || !key || !value) return pli__error_set(err, PLI_E_ARGUMENT, "spec, key and value must not be NULL");
    const char *member;
    const pli__option *o = pli__option_find(key, &member);
    if (!o) return unknown_key(key, err);
    if (strlen(value) > PLI__SPEC_MAX_TEXT)
        return pli__error_set(err, PLI_E_LIMIT, "option '%s' is longer than 4 MiB", key);
    if (member) PLI_TRY(set_member(spec, o, member, json_string(value), err));
    else PLI_TRY(set_value(spec, o, value, err));
    spec->set[index_of(o)] = true;
    spec->checked = false;
    return PLI_OK;
}

pli_status pli__job_spec_set_json(pli_job_spec *spec, const pli__option *o, json_t *take_value, pli_error *err) {
    PLI_AUTO(pli__json_unref) json_t *value = take_value;
    if (!value) return pli__error_memory(err);
    spec->checked = false;
    spec->set[index_of(o)] = true;
    if (o->kind == PLI__OPT_TEXTS) return texts_from_json(spec, value, place(spec, o), err);
    json_t **map = place(spec, o);
    json_decref(*map);
    *map = json_incref(value);
    return PLI_OK;
}

pli_status pli__job_spec_set_base(pli_job_spec *spec, const char *dir, pli_error *err) {
    free(spec->base_dir);
    spec->base_dir = pli__strz_dup(dir);
    return spec->base_dir ? PLI_OK : pli__error_memory(err);
}

static pli_status inherit_one(pli_job_spec *to, const pli_job_spec *from, const pli__option *o, pli_error *err) {
    const void *source = (const char *)&from->config + o->offset;
    void *target = place(to, o);
    switch (o->kind) {
        case PLI__OPT_BOOL:
        case PLI__OPT_FLAG_CHOICE: *(bool *)target = *(const bool *)source; return PLI_OK;
        case PLI__OPT_COUNT:
        case PLI__OPT_NUMBER:
        case PLI__OPT_SIZE:
        case PLI__OPT_DURATION: *(int64_t *)target = *(const int64_t *)source; return PLI_OK;
        case PLI__OPT_MAP: {
            json_t *copy = json_deep_copy(*(json_t *const *)source);
            if (!copy) return pli__error_memory(err);
            json_t *mine = *(json_t **)target;
            if (mine && json_object_update(copy, mine) != 0) return json_decref(copy), pli__error_memory(err);
            json_decref(mine);
            *(json_t **)target = copy;
            return PLI_OK;
        }
        case PLI__OPT_TEXTS: {
            const pli__texts *texts = source;
            const char **items = pli__arena_calloc(&to->arena, texts->n ? texts->n : 1, sizeof *items);
            if (!items) return pli__arena_status(&to->arena, err);
            for (size_t i = 0; i < texts->n; i++) PLI_TRY(keep_text(to, texts->items[i], &items[i], err));
            *(pli__texts *)target = (pli__texts){texts->n, items};
            return PLI_OK;
        }
        default: return keep_text(to, *(const char *const *)source, target, err);
    }
}

pli_status pli__job_spec_inherit(pli_job_spec *to, const pli_job_spec *from, pli_error *err) {
    for (size_t i = 0; i < pli__option_count(); i++) {
        const pli__option *o = &pli__option_table()[i];
        if (!from->set[i] || (to->set[i] && o->kind != PLI__OPT_MAP)) continue;
        PLI_TRY(inherit_one(to, from, o, err));
        to->set[i] = true;
    }
    return PLI_OK;
}

static pli_status set_defaults(pli_job_spec *spec, pli_error *err) {
    for (size_t i = 0; i < pli__option_count(); i++) {
        const pli__option *o = &pli__option_table()[i];
        if (o->info.def[0]) PLI_TRY(set_value(spec, o, o->info.def, err));
    }
    spec->config.source.starting_version = spec->config.source.ending_version = -1;
    spec->config.max_retries = -1;
    return PLI_OK;
}

static bool name_is_valid(const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    const size_t n = name ? strlen(name) : 0;
    return n > 0 && n <= 200 && name[0] != '.' && strspn(name, allowed) == n;
}

static void spec_auto(pli_job_spec **spec) { pli_job_spec_free(*spec); }

pli_status pli_job_spec_new(const char *name, pli_job_spec **out, pli_error *err) {
    if (!out) return pli__error_set(err, PLI_E_ARGUMENT, "'out' must not be NULL");
    *out = NULL;
    if (!name_is_valid(name))
        return pli__error_set(err, PLI_E_CONFIG,
                              "job name '%.200s' is not allowed: letters, digits, '_', '-' and '.' only",
                              name ? name : "");
    PLI_AUTO(spec_auto) pli_job_spec *spec = calloc(1, sizeof *spec);
    if (!spec) return pli__error_memory(err);
    spec->set = calloc(pli__option_count(), sizeof *spec->set);
    if (!spec->set) return pli__error_memory(err);
    PLI_TRY(keep_text(spec, name, &spec->config.name, err));
    PLI_TRY(set_defaults(spec, err));
    *out = PLI_TAKE(spec);
    return PLI_OK;
}

void pli_job_spec_free(pli_job_spec *spec) {
    if (!spec) return;
    for (size_t i = 0; i < pli__option_count(); i++)
        if (pli__option_table()[i].kind == PLI__OPT_MAP) json_decref(*(json_t **)place(spec, &pli__option_table()[i]));
    pli__arena_clear(&spec->arena);
    free(spec->base_dir);
    free(spec->set);
    free(spec);
}

const pli__job_config *pli__job_spec_config(const pli_job_spec *spec) { return &spec->config; }
const char *pli_job_spec_name(const pli_job_spec *spec) { return spec->config.name; }
const char *pli_job_spec_checkpoint(const pli_job_spec *spec) { return spec->config.checkpoint; }
const char *pli_job_spec_sink_path(const pli_job_spec *spec) { return spec->config.sink.path; }
const char *pli_job_spec_source_path(const pli_job_spec *spec) { return spec->config.source.path; }

void pli_job_spec_env_options(const pli_job_spec *spec, pli_env_options *into) {
    into->memory_limit = spec->config.memory;
    into->threads = (int)spec->config.threads;
    into->spill_dir = spec->config.spill_dir;
    into->time_zone = spec->config.time_zone;
}

void pli_free(void *p) { free(p); }
