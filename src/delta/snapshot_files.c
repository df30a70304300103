/* Files of a snapshot: those of the checkpoint that the commits behind it do not speak of, and those of the commits. */
#include <stdlib.h>

#include "base/hash.h"
#include "delta/snapshot_impl.h"

/* ---- what the commits say ---- */

static bool is_wasteful(const pli__tail *t) { return pli__tail_replaced(t) > pli__tail_size(t) + 1000; }

/* A tail through the snapshot's version that holds the fields; what an earlier snapshot read is gone on from. */
static pli_status build_tail(const pli__snapshot *s, unsigned fields, pli__replay *r, pli__tail **out, pli_error *err) {
    PLI_AUTO(pli__tail_auto) pli__tail *t = NULL;
    const pli__tail *old = s->tail;
    const unsigned all = fields | (old ? pli__tail_fields(old) : 0);
    if (old && all == pli__tail_fields(old) && !is_wasteful(old)) {
        PLI_TRY(pli__tail_copy(old, &t, err));
    } else {
        t = pli__tail_new(all, pli__snapshot_checkpoint_version(s));
        if (!t) return pli__error_memory(err);
    }
    r->tail = t;
    PLI_TRY(pli__snapshot_replay(s, pli__tail_through(t) + 1, r, err));
    *out = PLI_TAKE(t);
    return PLI_OK;
}

static pli_status read_tail(pli__snapshot *s, unsigned fields, pli__replay *r, pli_error *err) {
    const bool enough = s->tail && (pli__tail_fields(s->tail) & fields) == fields;
    if (enough && pli__tail_through(s->tail) == s->version) return PLI_OK;
    if (enough && !pli__tail_is_shared(s->tail) && !is_wasteful(s->tail)) {
        r->tail = s->tail;
        const pli_status st = pli__snapshot_replay(s, pli__tail_through(s->tail) + 1, r, err);
        if (st != PLI_OK) { /* half a commit may be in it */
            pli__tail_unref(s->tail);
            s->tail = NULL;
        }
        return st;
    }
    pli__tail *t = NULL;
    PLI_TRY(build_tail(s, fields, r, &t, err));
    pli__tail_unref(s->tail);
    s->tail = t;
    return PLI_OK;
}

/* A file of the log broke: take another way to the same version. The failure stands if there is none. */
static pli_status fall_back(pli__snapshot *s, const char *broken, const pli_error *failure, pli_error *err) {
    PLI_TRY(pli__delta_pass_over(s->table, broken, failure->message, err));
    const pli_status st = pli__snapshot_plan(s, err);
    if (st == PLI_OK || pli__snapshot_gives_up(st)) return st;
    if (err) *err = *failure;
    return failure->code;
}

static pli_status ensure_tail(pli__snapshot *s, unsigned fields, pli_error *err) {
    if (s->unplanned) PLI_TRY(pli__snapshot_plan(s, err));
    for (;;) {
        pli__replay r = {.ict_ms = -1};
        pli_error failure = {0};
        const pli_status st = read_tail(s, fields, &r, &failure);
        if (st == PLI_OK) return PLI_OK;
        if (!r.broken[0]) {
            if (err) *err = failure;
            return st;
        }
        PLI_TRY(fall_back(s, r.broken, &failure, err));
    }
}

pli_status pli__snapshot_layers(pli__snapshot *s, unsigned fields, pli__log_checkpoint **checkpoint,
                                const pli__tail **tail, pli_error *err) {
    PLI_TRY(ensure_tail(s, fields, err));
    *checkpoint = s->checkpoint;
    *tail = s->tail;
    return PLI_OK;
}

/* ---- handing out ---- */

/* A file that was handed out. Two different ones with the same hash and size are not met. */
typedef struct {
    uint64_t hash;
    int64_t size;
} handed;

/* What the caller has been given; remembered because a checkpoint may break halfway, and what another way then gives must
 * not be given twice. */
typedef struct {
    pli__add_fn *add;
    pli__remove_fn *remove;
    void *arg;
    bool stopped; /* the caller's function ended it */
    handed *files;
    size_t n, cap;
    size_t n_before; /* of earlier attempts: sorted */
    size_t n_repeated; /* met again in this attempt */
} hand_out;

static void hand_out_clear(hand_out *h) { free(h->files); }

static int compare_handed(const void *a, const void *b) {
    const handed *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return (x->size > y->size) - (x->size < y->size);
}

static pli_status remember(hand_out *h, handed file, pli_error *err) {
    if (h->n == h->cap) {
        const size_t cap = h->cap ? h->cap * 2 : 1024;
        handed *moved = realloc(h->files, cap * sizeof *moved);
        if (!moved) return pli__error_memory(err);
        h->files = moved;
        h->cap = cap;
    }
    h->files[h->n++] = file;
    return PLI_OK;
}

/* *again: the caller has it already. */
static pli_status note_file(hand_out *h, pli__str path, const pli__dv *dv, int64_t size, bool *again, pli_error *err) {
    const handed file = {pli__tail_hash(path, dv), size};
    *again = h->n_before && bsearch(&file, h->files, h->n_before, sizeof file, compare_handed);
    h->n_repeated += *again;
    return *again ? PLI_OK : remember(h, file, err);
}

static pli_status hand_add(void *arg, const pli__add *add, pli_error *err) {
    hand_out *h = arg;
    bool again;
    PLI_TRY(note_file(h, add->path, &add->dv, add->size, &again, err));
    if (again) return PLI_OK;
    const pli_status st = h->add(h->arg, add, err);
    h->stopped = st != PLI_OK;
    return st;
}

static pli_status hand_remove(void *arg, const pli__remove *remove, pli_error *err) {
    hand_out *h = arg;
    bool again;
    PLI_TRY(note_file(h, remove->path, &remove->dv, remove->size, &again, err));
    if (again) return PLI_OK;
    const pli_status st = h->remove(h->arg, remove, err);
    h->stopped = st != PLI_OK;
    return st;
}

static pli_status from_checkpoint(pli__snapshot *s, unsigned fields, hand_out *h, pli_error *err) {
    if (!s->checkpoint) return PLI_OK;
    return h->add ? pli__log_checkpoint_files(s->checkpoint, fields, s->tail, hand_add, h, err)
                  : pli__log_checkpoint_removes(s->checkpoint, s->tail, hand_remove, h, err);
}

/* Another way must lead to all that was handed out already; else the checkpoint spoke of files that the table lacks. */
static pli_status check_repeated(const pli__snapshot *s, const hand_out *h, pli_error *err) {
    if (h->n_repeated == h->n_before || h->remove) return PLI_OK;
    return pli__error_set(err, PLI_E_CORRUPT,
                          "a checkpoint of '%s' that broke halfway listed %zu files which version %lld does not have",
                          s->table->root, h->n_before - h->n_repeated, (long long)s->version);
}

static pli_status list(pli__snapshot *s, unsigned fields, hand_out *h, pli_error *err) {
    for (;;) {
        pli_error failure = {0};
        PLI_TRY(ensure_tail(s, fields, err));
        h->n_repeated = 0;
        const pli_status st = from_checkpoint(s, fields, h, &failure);
        if (st == PLI_OK) break;
        if (h->stopped || pli__snapshot_gives_up(st)) {
            if (err) *err = failure;
            return st;
        }
        PLI_TRY(fall_back(s, pli__log_checkpoint_name(s->checkpoint), &failure, err));
        if (h->n) qsort(h->files, h->n, sizeof *h->files, compare_handed);
        h->n_before = h->n;
    }
    PLI_TRY(h->add ? pli__tail_each_add(s->tail, hand_add, h, err)
                   : pli__tail_each_remove(s->tail, hand_remove, h, err));
    return check_repeated(s, h, err);
}

pli_status pli__snapshot_files(pli__snapshot *s, unsigned what, pli__add_fn *fn, void *arg, pli_error *err) {
    const unsigned fields = what & (PLI__FILES_PARTITIONS | PLI__FILES_STATS | PLI__FILES_DV | PLI__FILES_OTHER);
    PLI_AUTO(hand_out_clear) hand_out h = {.add = fn, .arg = arg};
    return list(s, fields, &h, err);
}

pli_status pli__snapshot_removes(pli__snapshot *s, pli__remove_fn *fn, void *arg, pli_error *err) {
    const unsigned fields = PLI__FILES_PARTITIONS | PLI__FILES_DV | PLI__FILES_OTHER;
    PLI_AUTO(hand_out_clear) hand_out h = {.remove = fn, .arg = arg};
    return list(s, fields, &h, err);
}

/* ---- totals ---- */

static pli_status count_file(void *arg, const pli__add *add, pli_error *err) {
    pli__totals *n = arg;
    (void)err;
    n->files++;
    n->bytes += add->size;
    n->deleted_rows += add->dv.storage ? add->dv.cardinality : 0;
    return PLI_OK;
}

pli_status pli__snapshot_totals(pli__snapshot *s, pli__totals *out, pli_error *err) {
    if (s->totals.files < 0) {
        pli__totals n = {0};
        PLI_TRY(pli__snapshot_files(s, PLI__FILES_PATHS, count_file, &n, err));
        s->totals = n;
    }
    *out = s->totals;
    return PLI_OK;
}
