/*
 * Job files: libyaml gives the tree with its lines, the table of options says what may stand where. All errors of a file
 * are collected as problems, so that `pli validate` shows them at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/json.h"
#include "config/spec.h"
#include "port/fs.h"

#define MAX_FILE ((size_t)1 << 20)
#define MAX_NODES 100000 /* visited nodes: aliases must not blow a file up */
#define MAX_PROBLEMS 200
#define MAX_DEPTH 32

typedef struct problem {
    int64_t line;
    char *message;
} problem;

typedef struct job_entry {
    pli_job_spec *spec;
    int64_t line;
} job_entry;

struct pli_config {
    char *path, *dir;
    problem *problems;
    size_t n_problems;
    job_entry *jobs;
    size_t n_jobs;
};

/* What a walk over the document needs. */
typedef struct walker {
    pli_config *config;
    yaml_document_t *doc;
    size_t visited;
    pli_job_spec *spec; /* receives the options */
} walker;

static void add_problem(pli_config *c, int64_t line, const char *message) {
    if (c->n_problems >= MAX_PROBLEMS) return;
    problem *grown = realloc(c->problems, (c->n_problems + 1) * sizeof *grown);
    if (!grown) return;
    c->problems = grown;
    c->problems[c->n_problems++] = (problem){line, pli__strz_dup(message)};
}

static int64_t line_of(const yaml_node_t *n) { return (int64_t)n->start_mark.line + 1; }

__attribute__((format(printf, 3, 4))) static void report(walker *w, const yaml_node_t *at, const char *fmt, ...) {
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    add_problem(w->config, line_of(at), text);
}

static void report_error(walker *w, const yaml_node_t *at, const pli_error *e) {
    if (e->hint[0]) report(w, at, "%s (%s)", e->message, e->hint);
    else report(w, at, "%s", e->message);
}

static yaml_node_t *node(walker *w, int id) {
    w->visited++;
    return w->visited > MAX_NODES ? NULL : yaml_document_get_node(w->doc, id);
}

static pli__str scalar(const yaml_node_t *n) {
    return (pli__str){(const char *)n->data.scalar.value, n->data.scalar.length};
}

/* ${VAR} and ${VAR:-default}; $$ stays as it is. @return false with a problem reported */
static bool expand(walker *w, const yaml_node_t *n, pli__buf *out) {
    const pli__str s = scalar(n);
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '$' || i + 1 >= s.len || s.ptr[i + 1] != '{') {
            pli__buf_addc(out, s.ptr[i]);
            continue;
        }
        const char *end = memchr(s.ptr + i, '}', s.len - i);
        if (!end) return report(w, n, "'${' without '}'"), false;
        char name[256];
        const char *from = s.ptr + i + 2;
        const size_t len = (size_t)(end - from);
        if (len >= sizeof name) return report(w, n, "name of a variable is too long"), false;
        memcpy(name, from, len);
        name[len] = '\0';
        char *fallback = strstr(name, ":-");
        if (fallback) *fallback = '\0', fallback += 2;
        const char *value = getenv(name);
        if ((!value || !*value) && fallback) value = fallback;
        if (!value) return report(w, n, "environment variable '%s' is not set", name), false;
        pli__buf_addz(out, value);
        i = (size_t)(end - s.ptr);
    }
    if (out->len > 0 || s.len == 0) pli__buf_room(out, 1);
    return !out->failed;
}

/* A value inside a map option: scalars are texts, lists and maps stay what they are. NULL = problem reported. */
static json_t *value_of(walker *w, const yaml_node_t *n, int depth) {
    if (depth > MAX_DEPTH) return report(w, n, "nested too deeply"), NULL;
    if (n->type == YAML_SCALAR_NODE) {
        PLI_AUTO(pli__buf_clear) pli__buf text = {0};
        if (!expand(w, n, &text)) return NULL;
        json_t *v = json_stringn(text.ptr ? text.ptr : "", text.len);
        if (!v) report(w, n, "a value is not valid UTF-8");
        return v;
    }
    PLI_AUTO(pli__json_unref) json_t *v = n->type == YAML_SEQUENCE_NODE ? json_array() : json_object();
    if (n->type == YAML_SEQUENCE_NODE)
        for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
            const yaml_node_t *item = node(w, *i);
            json_t *child = item ? value_of(w, item, depth + 1) : NULL;
            if (!child || json_array_append_new(v, child) != 0) return NULL;
        }
    else
        for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++) {
            const yaml_node_t *key = node(w, p->key), *item = node(w, p->value);
            if (!key || !item || key->type != YAML_SCALAR_NODE || memchr(scalar(key).ptr, '\0', scalar(key).len))
                return report(w, n, "a key must be a word"), NULL;
            json_t *child = value_of(w, item, depth + 1);
            if (!child || json_object_set_new(v, scalar(key).ptr, child) != 0)
                return NULL; /* libyaml ends it with NUL */
        }
    return PLI_TAKE(v);
}

/* A list of a job file may also be written as one text "a,b". */
static void set_list(walker *w, const pli__option *o, const yaml_node_t *n) {
    pli_error e = {0};
    PLI_AUTO(pli__json_unref) json_t *list = value_of(w, n, 0);
    if (!list) return;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_string(json_array_get(list, i))) {
            report(w, n, "option '%s' must be a list of texts", o->info.key);
            return;
        }
    if (pli__job_spec_set_json(w->spec, o, PLI_TAKE(list), &e) != PLI_OK) report_error(w, n, &e);
}

static void set_map(walker *w, const pli__option *o, const yaml_node_t *n) {
    pli_error e = {0};
    if (n->type != YAML_MAPPING_NODE) {
        report(w, n, "option '%s' must be a map", o->info.key);
        return;
    }
    json_t *map = value_of(w, n, 0);
    if (map && pli__job_spec_set_json(w->spec, o, map, &e) != PLI_OK) report_error(w, n, &e);
}

static void set_scalar(walker *w, const char *key, const yaml_node_t *n) {
    pli_error e = {0};
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    if (!expand(w, n, &text)) return;
    if (pli_job_spec_set(w->spec, key, text.ptr ? text.ptr : "", &e) != PLI_OK) report_error(w, n, &e);
}

/* Names that other tools use for ours. */
static const char *alias_of(const char *key) {
    static const char *const table[][2] = {
        {"schema.rescue", "schema.rescue_mode"}, {"sql", "transform.sql"}, {"transform", "transform.sql"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(key, table[i][0]) == 0) return table[i][1];
    return key;
}

static void walk_options(walker *w, const char *prefix, const yaml_node_t *map, int depth);

static void walk_option(walker *w, const char *key, const yaml_node_t *key_node, const yaml_node_t *value, int depth) {
    const char *member;
    const char *name = value->type == YAML_SCALAR_NODE ? alias_of(key) : key;
    const pli__option *o = pli__option_find(name, &member);
    if (!o && value->type == YAML_MAPPING_NODE && pli__option_is_section(key)) {
        walk_options(w, key, value, depth + 1);
    } else if (!o) {
        const char *near = pli__option_nearest(key);
        if (near) report(w, key_node, "unknown option '%s' (did you mean '%s'?)", key, near);
        else report(w, key_node, "unknown option '%s'", key);
    } else if (o->kind == PLI__OPT_MAP) {
        set_map(w, o, value);
    } else if (value->type == YAML_SCALAR_NODE) {
        set_scalar(w, name, value);
    } else if (value->type == YAML_SEQUENCE_NODE && o->kind == PLI__OPT_TEXTS) {
        set_list(w, o, value);
    } else {
        report(w, value, "option '%s' must be a %s", key, o->info.type);
    }
}

static bool is_repeated(walker *w, const yaml_node_t *map, const yaml_node_pair_t *pair, pli__str key) {
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
        const yaml_node_t *k = node(w, p->key);
        if (k && k->type == YAML_SCALAR_NODE && pli__str_eq(scalar(k), key)) return true;
    }
    return false;
}

static void walk_options(walker *w, const char *prefix, const yaml_node_t *map, int depth) {
    if (depth > 4) return;
    if (map->type != YAML_MAPPING_NODE) {
        report(w, map, "'%s' must be a map of options", *prefix ? prefix : "job");
        return;
    }
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = node(w, p->key), *value = node(w, p->value);
        if (!key || !value || key->type != YAML_SCALAR_NODE) {
            report(w, map, "a key must be a word");
            continue;
        }
        char path[300];
        snprintf(path, sizeof path, "%s%s%.*s", prefix, *prefix ? "." : "", PLI_STR_ARG(scalar(key)));
        if (is_repeated(w, map, p, scalar(key))) report(w, key, "option '%s' is given twice", path);
        else walk_option(w, path, key, value, depth);
    }
}

static pli_status new_job(walker *w, const yaml_node_t *key, const yaml_node_t *value, const pli_job_spec *defaults,
                          pli_error *err) {
    pli_config *c = w->config;
    char name[300];
    snprintf(name, sizeof name, "%.*s", PLI_STR_ARG(scalar(key)));
    pli_error e = {0};
    pli_job_spec *spec = NULL;
    if (pli_job_spec_new(name, &spec, &e) != PLI_OK) {
        report_error(w, key, &e);
        return PLI_OK;
    }
    job_entry *grown = realloc(c->jobs, (c->n_jobs + 1) * sizeof *grown);
    if (!grown) return pli_job_spec_free(spec), pli__error_memory(err);
    c->jobs = grown;
    c->jobs[c->n_jobs++] = (job_entry){spec, line_of(key)};
    PLI_TRY(pli__job_spec_set_base(spec, c->dir, err));
    const size_t before = c->n_problems;
    w->spec = spec;
    walk_options(w, "", value, 0);
    if (defaults) PLI_TRY(pli__job_spec_inherit(spec, defaults, err));
    if (c->n_problems == before && pli_job_spec_check(spec, &e) != PLI_OK) {
        pli__error_prefix(&e, e.code, "job '%s'", name);
        report_error(w, key, &e);
    }
    return PLI_OK;
}

static pli_status walk_jobs(walker *w, const yaml_node_t *jobs, const pli_job_spec *defaults, pli_error *err) {
    if (jobs->type != YAML_MAPPING_NODE) {
        report(w, jobs, "'jobs' must be a map of jobs by name");
        return PLI_OK;
    }
    for (yaml_node_pair_t *p = jobs->data.mapping.pairs.start; p < jobs->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = node(w, p->key), *value = node(w, p->value);
        if (!key || !value || key->type != YAML_SCALAR_NODE) continue;
        if (is_repeated(w, jobs, p, scalar(key))) report(w, key, "job '%.*s' is given twice", PLI_STR_ARG(scalar(key)));
        else PLI_TRY(new_job(w, key, value, defaults, err));
    }
    return PLI_OK;
}

static void check_version(walker *w, const yaml_node_t *value) {
    if (!value || value->type != YAML_SCALAR_NODE || !pli__str_eqz(scalar(value), "1"))
        report(w, value ? value : yaml_document_get_root_node(w->doc), "'version' must be 1");
}

static void spec_auto(pli_job_spec **spec) { pli_job_spec_free(*spec); }

static pli_status walk_document(walker *w, pli_error *err) {
    const yaml_node_t *root = yaml_document_get_root_node(w->doc);
    if (!root || root->type != YAML_MAPPING_NODE) {
        add_problem(w->config, 1, "the file must be a map with 'version' and 'jobs'");
        return PLI_OK;
    }
    const yaml_node_t *version = NULL, *jobs = NULL, *defaults_node = NULL;
    for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = node(w, p->key), *value = node(w, p->value);
        if (!key || !value || key->type != YAML_SCALAR_NODE) continue;
        if (pli__str_eqz(scalar(key), "version")) version = value;
        else if (pli__str_eqz(scalar(key), "jobs")) jobs = value;
        else if (pli__str_eqz(scalar(key), "defaults")) defaults_node = value;
        else report(w, key, "unknown key '%.*s': expected version, defaults or jobs", PLI_STR_ARG(scalar(key)));
    }
    check_version(w, version);
    PLI_AUTO(spec_auto) pli_job_spec *defaults = NULL;
    if (defaults_node) {
        PLI_TRY(pli_job_spec_new("defaults", &defaults, err));
        PLI_TRY(pli__job_spec_set_base(defaults, w->config->dir, err));
        w->spec = defaults;
        walk_options(w, "", defaults_node, 0);
    }
    if (!jobs) {
        report(w, root, "'jobs' is missing");
        return PLI_OK;
    }
    return walk_jobs(w, jobs, defaults, err);
}

static pli_status parse(pli_config *c, pli__str text, pli_error *err) {
    yaml_parser_t parser;
    yaml_document_t doc;
    if (!yaml_parser_initialize(&parser)) return pli__error_memory(err);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
    if (!yaml_parser_load(&parser, &doc)) {
        const int64_t line = (int64_t)parser.problem_mark.line + 1;
        pli__error_set(err, PLI_E_CONFIG, "%s:%lld: %s", c->path, (long long)line,
                       parser.problem ? parser.problem : "not YAML");
        if (err) err->position = line;
        yaml_parser_delete(&parser);
        return PLI_E_CONFIG;
    }
    walker w = {.config = c, .doc = &doc};
    const pli_status status = walk_document(&w, err);
    if (w.visited > MAX_NODES) add_problem(c, 1, "the file is too large: more than 100000 nodes");
    yaml_document_delete(&doc);
    yaml_parser_delete(&parser);
    return status;
}

static void config_auto(pli_config **c) { pli_config_free(*c); }

pli_status pli_config_load(const char *path, pli_config **out, pli_error *err) {
    if (!path || !out) return pli__error_set(err, PLI_E_ARGUMENT, "path and out must not be NULL");
    *out = NULL;
    PLI_AUTO(config_auto) pli_config *c = calloc(1, sizeof *c);
    if (!c) return pli__error_memory(err);
    PLI_TRY(pli__fs_abs_path(path, &c->path, err));
    if (!(c->dir = pli__path_dir(c->path))) return pli__error_memory(err);
    PLI_AUTO(pli__buf_clear) pli__buf text = {0};
    PLI_TRY(pli__fs_read(path, MAX_FILE, &text, err));
    PLI_TRY(parse(c, pli__buf_str(&text), err));
    *out = PLI_TAKE(c);
    return PLI_OK;
}

pli_status pli_config_find(const char *dir, char **path, pli_error *err) {
    static const char *const names[] = {"pli.yaml", "pli.yml", "pli.json"};
    if (!path) return pli__error_set(err, PLI_E_ARGUMENT, "path must not be NULL");
    *path = NULL;
    PLI_AUTO(pli__free_ptr) char *at = NULL;
    PLI_TRY(pli__fs_abs_path(dir ? dir : ".", &at, err));
    for (;;) {
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            PLI_AUTO(pli__free_ptr) char *file = pli__path_join(at, names[i]);
            pli__file_info info = {0};
            if (!file) return pli__error_memory(err);
            if (pli__fs_stat(file, &info, NULL) == PLI_OK && info.kind == PLI__FILE_REGULAR) {
                *path = PLI_TAKE(file);
                return PLI_OK;
            }
        }
        char *up = pli__path_dir(at);
        if (!up) return pli__error_memory(err);
        const bool top = strcmp(up, at) == 0;
        free(at);
        at = up;
        if (top) break;
    }
    pli__error_set(err, PLI_E_NOT_FOUND, "no job file: pli.yaml was not found here or in a folder above");
    return pli__error_hint(err, "make one with `pli init`, or name it with -c FILE");
}

const char *pli_config_path(const pli_config *c) { return c->path; }
size_t pli_config_problem_count(const pli_config *c) { return c->n_problems; }
const char *pli_config_problem_at(const pli_config *c, size_t i, int64_t *line) {
    if (i >= c->n_problems) return NULL;
    if (line) *line = c->problems[i].line;
    return c->problems[i].message ? c->problems[i].message : "out of memory";
}
size_t pli_config_job_count(const pli_config *c) { return c->n_jobs; }
const char *pli_config_job_name(const pli_config *c, size_t i) {
    return i < c->n_jobs ? pli_job_spec_name(c->jobs[i].spec) : NULL;
}
int64_t pli_config_job_line(const pli_config *c, size_t i) { return i < c->n_jobs ? c->jobs[i].line : 0; }

pli_job_spec *pli_config_job(const pli_config *c, const char *name) {
    for (size_t i = 0; name && i < c->n_jobs; i++)
        if (strcmp(pli_job_spec_name(c->jobs[i].spec), name) == 0) return c->jobs[i].spec;
    return NULL;
}

void pli_config_free(pli_config *c) {
    if (!c) return;
    for (size_t i = 0; i < c->n_problems; i++) free(c->problems[i].message);
    for (size_t i = 0; i < c->n_jobs; i++) pli_job_spec_free(c->jobs[i].spec);
    free(c->problems);
    free(c->jobs);
    free(c->path);
    free(c->dir);
    free(c);
}
