/* The real job for tests. */
#include "support/delta_job.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "delta/snapshot.h"
#include "port/fs.h"

void delta_job_add_file(const char *folder, int i) {
    char path[1200];
    snprintf(path, sizeof path, "%s/in", folder);
    if (pli__fs_mkdirs(path, NULL) != PLI_OK) fail_msg("cannot make %s", path);
    snprintf(path, sizeof path, "%s/in/f%03d.csv", folder, i);
    FILE *f = fopen(path, "w");
    if (!f) fail_msg("cannot write %s", path);
    fprintf(f, "id,name\n%d,a\n%d,b\n", 2 * i, 2 * i + 1);
    fclose(f);
    struct timespec old[2] = {{.tv_sec = 1700000000 + i}, {.tv_sec = 1700000000 + i}};
    utimensat(AT_FDCWD, path, old, 0);
}

static pli_status open_job(pli_env *env, const char *folder, const char *const *pairs, pli_job_spec **spec,
                           pli_job **job, pli_error *err) {
    static const char *const places[][2] = {{"source.path", "in"}, {"sink.path", "out"}, {"checkpoint", "cp"}};
    char path[1200];
    PLI_TRY(pli_job_spec_new("job", spec, err));
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, places[i][1]);
        PLI_TRY(pli_job_spec_set(*spec, places[i][0], path, err));
    }
    PLI_TRY(pli_job_spec_set(*spec, "source.format", "csv", err));
    PLI_TRY(pli_job_spec_set(*spec, "source.max_files_per_trigger", "1", err));
    for (size_t i = 0; pairs && pairs[i]; i += 2) PLI_TRY(pli_job_spec_set(*spec, pairs[i], pairs[i + 1], err));
    return pli_job_open(env, *spec, NULL, job, err);
}

pli_status delta_job_promote(pli_env *env, const char *folder, const char *const *pairs, const char *path,
                             pli_error *err) {
    const pli_promotion promotion = {.size = sizeof promotion, .path = path, .type = "BIGINT"};
    pli_job_spec *spec = NULL;
    pli_job *job = NULL;
    pli_status status = open_job(env, folder, pairs, &spec, &job, err);
    if (status == PLI_OK) status = pli_job_promote(job, &promotion, NULL, NULL, err);
    pli_job_close(job);
    pli_job_spec_free(spec);
    return status;
}

static pli_status drive(pli_job *job, int steps, pli_error *err) {
    pli_run *run = NULL;
    pli_step step = {.size = sizeof step};
    pli_status status = pli_run_new(job, NULL, &run, err);
    for (int i = 0; status == PLI_OK && (steps < 0 || i < steps) && step.kind != PLI_STEP_DONE; i++)
        status = pli_run_next(run, &step, err);
    pli_run_free(run);
    return status;
}

pli_status delta_job_run(pli_env *env, const char *folder, const char *const *pairs, int steps, pli_error *err) {
    pli_job_spec *spec = NULL;
    pli_job *job = NULL;
    pli_status status = open_job(env, folder, pairs, &spec, &job, err);
    if (status == PLI_OK) status = drive(job, steps, err);
    pli_job_close(job);
    pli_job_spec_free(spec);
    return status;
}

static pli_status cancel_after(pli_env *env, pli_job *job, int steps, pli_error *err) {
    pli_run *run = NULL;
    pli_step step = {.size = sizeof step};
    PLI_TRY(pli_run_new(job, NULL, &run, err));
    pli_status status = PLI_OK;
    for (int i = 0; status == PLI_OK && (i == 0 || step.kind != PLI_STEP_DONE); i++) {
        if (i == steps) pli_env_cancel(env, false);
        status = pli_run_next(run, &step, err);
    }
    pli_run_free(run);
    return status;
}

pli_status delta_job_cancel(pli_env *env, const char *folder, int steps, pli_error *err) {
    pli_job_spec *spec = NULL;
    pli_job *job = NULL;
    pli_status status = open_job(env, folder, NULL, &spec, &job, err);
    if (status == PLI_OK) status = cancel_after(env, job, steps, err);
    pli_env_resume(env);
    pli_job_close(job);
    pli_job_spec_free(spec);
    return status;
}

static pli_status collect_rows(pli_env *env, const char *folder, const char *expression, pli__buf *out,
                               pli_error *err) {
    char path[1200];
    snprintf(path, sizeof path, "%s/out", folder);
    PLI_AUTO(pli__delta_auto) pli__delta *table = NULL;
    PLI_AUTO(pli__snapshot_auto) pli__snapshot *snapshot = NULL;
    PLI_AUTO(pli__buf_clear) pli__buf sql = {0};
    pli__engine *engine = NULL;
    pli__scan *scan = NULL;
    bool exists = false;
    PLI_TRY(pli__delta_open(env, path, &table, err));
    PLI_TRY(pli__delta_exists(table, &exists, err));
    if (!exists) {
        pli__buf_addz(out, "none");
        return PLI_OK;
    }
    PLI_TRY(pli__snapshot_open(table, PLI__LATEST, NULL, &snapshot, err));
    PLI_TRY(pli__scan_new(snapshot, NULL, &scan, err));
    pli__buf_addf(&sql, "SELECT coalesce(string_agg((%s)::VARCHAR, ' ' ORDER BY id), '') FROM (%s)", expression,
                  pli__scan_sql(scan));
    pli_status status = pli__env_engine(env, &engine, err);
    if (status == PLI_OK) status = pli__engine_query_str(engine, sql.ptr, out, err);
    pli__scan_free(scan);
    return status;
}

char *delta_job_rows(pli_env *env, const char *folder, const char *expression) {
    pli__buf out = {0};
    pli_error err = {0};
    pli__buf_addz(&out, "");
    if (collect_rows(env, folder, expression, &out, &err) != PLI_OK) {
        pli__buf_reset(&out);
        pli__buf_addf(&out, "%s: %s", pli_status_name(err.code), err.message);
    }
    return out.ptr ? pli__buf_take(&out) : calloc(1, 1);
}

char *delta_job_ids(pli_env *env, const char *folder) { return delta_job_rows(env, folder, "id"); }

char *delta_job_expected(int files) {
    pli__buf out = {0};
    for (int i = 0; i < 2 * files; i++) pli__buf_addf(&out, "%s%d", i ? " " : "", i);
    return pli__buf_take(&out);
}
