/* Marks of writers at work. */
#include "delta/active.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "port/process.h"

#define FOREIGN_MARK_MS (INT64_C(7) * 86400 * 1000)
#define MARK_MAX 4096

pli_status pli__active_begin(pli__delta *t, char **path, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf name = {0}, text = {0};
    const char *folder = pli__store_local_path(pli__delta_log(t));
    char uuid[37];
    if (!folder) return PLI_OK;
    pli__uuid_new(uuid);
    pli__buf_addf(&name, "%s/" PLI__ACTIVE_PREFIX "%s", folder, uuid);
    PLI_TRY(pli__buf_status(&name, err));
    char host[PLI__HOST_NAME_MAX];
    int64_t ticks = 0;
    pli__host_name(host);
    (void)pli__process_start(pli__process_id(), &ticks);
    pli__buf_addz(&text, "{\"host\":");
    pli__buf_add_json(&text, pli__str_of(host));
    pli__buf_addf(&text, ",\"pid\":%lld,\"pidStart\":%lld,\"startMs\":%lld}\n", (long long)pli__process_id(),
                  (long long)ticks, (long long)(pli__env_now_us(pli__delta_env(t)) / 1000));
    PLI_TRY(pli__buf_status(&text, err));
    PLI_TRY(pli__fs_mkdirs(folder, err));
    PLI_TRY(pli__fs_publish(name.ptr, pli__buf_str(&text), PLI__PUBLISH_NEW | PLI__PUBLISH_RELAXED, err));
    *path = pli__buf_take(&name);
    return PLI_OK;
}

void pli__active_end(char **path) {
    if (*path) (void)pli__fs_unlink(*path, true, NULL);
    free(*path);
    *path = NULL;
}

/* ---- looking at the marks of others ---- */

typedef struct {
    const char *folder;
    int64_t now_ms, oldest;
} survey;

/* Is the writer of this machine gone? Then its mark means nothing any more. */
static bool is_dead(const json_t *mark) {
    char host[PLI__HOST_NAME_MAX];
    int64_t ticks;
    pli__host_name(host);
    const char *of = json_string_value(json_object_get(mark, "host"));
    const int64_t pid = json_integer_value(json_object_get(mark, "pid")),
                  start = json_integer_value(json_object_get(mark, "pidStart"));
    if (!of || strcmp(of, host) != 0) return false;
    if (!pli__process_is_alive(pid)) return true;
    return start && pli__process_start(pid, &ticks) && ticks != start;
}

static pli_status look_at_mark(void *arg, const pli__dir_entry *entry, pli_error *err) {
    survey *s = arg;
    PLI_AUTO(pli__buf_clear) pli__buf path = {0}, text = {0};
    PLI_AUTO(pli__json_unref) json_t *mark = NULL;
    pli__file_info info;
    if (strncmp(entry->name, PLI__ACTIVE_PREFIX, strlen(PLI__ACTIVE_PREFIX)) != 0) return PLI_OK;
    pli__buf_addf(&path, "%s/%s", s->folder, entry->name);
    PLI_TRY(pli__buf_status(&path, err));
    PLI_TRY(pli__fs_stat(path.ptr, &info, err));
    if (info.kind == PLI__FILE_NONE) return PLI_OK;
    int64_t start = info.mtime_ns / 1000000;
    if (pli__fs_read(path.ptr, MARK_MAX, &text, NULL) == PLI_OK &&
        pli__json_parse(pli__buf_str(&text), entry->name, &mark, NULL) == PLI_OK) {
        if (is_dead(mark)) return pli__fs_unlink(path.ptr, true, err);
        const int64_t said = json_integer_value(json_object_get(mark, "startMs"));
        if (said > 0 && said < start) start = said;
    }
    if (s->now_ms - start < FOREIGN_MARK_MS && start < s->oldest) s->oldest = start;
    return PLI_OK;
}

pli_status pli__active_oldest(pli__delta *t, int64_t *start_ms, pli_error *err) {
    survey s = {pli__store_local_path(pli__delta_log(t)), pli__env_now_us(pli__delta_env(t)) / 1000, INT64_MAX};
    if (s.folder) {
        const pli_status status = pli__fs_list(s.folder, look_at_mark, &s, err);
        if (status != PLI_OK && status != PLI_E_NOT_FOUND) return status;
    }
    *start_ms = s.oldest;
    return PLI_OK;
}
