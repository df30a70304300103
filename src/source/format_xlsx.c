/* A workbook is a ZIP archive; xl/workbook.xml lists its sheets. Just enough of both formats to read that list. */
#include "source/format_xlsx.h"

#include <inttypes.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/utf8.h"
#include "port/fs.h"

#define TAIL_MAX ((size_t)66000)          /* end record and comment of an archive */
#define DIRECTORY_MAX ((size_t)64 << 20)
#define WORKBOOK_MAX ((size_t)16 << 20)   /* xl/workbook.xml, unpacked */

static uint32_t le(const char *p, size_t n) {
    uint32_t v = 0;
    for (size_t i = n; i-- > 0;) v = v << 8 | (unsigned char)p[i];
    return v;
}

/* Workbooks of Excel before 2007 are OLE documents. */
static bool is_old_workbook(const char *path) {
    PLI_AUTO(pli__buf_clear) pli__buf head = {0};
    return pli__fs_read_at(path, 0, 8, &head, NULL) == PLI_OK && head.len == 8 &&
           memcmp(head.ptr, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", 8) == 0;
}

static pli_status no_workbook(const char *path, pli_error *err) {
    if (is_old_workbook(path)) {
        const pli_status status = pli__error_set(
            err, PLI_E_DATA, "'%s' is a workbook of the old form (.xls), which cannot be read", path);
        (void)pli__error_hint(err, "save it as .xlsx or as CSV");
        return status;
    }
    return pli__error_set(err, PLI_E_DATA, "'%s' is not an Excel workbook (.xlsx)", path);
}

typedef struct zip_entry {
    uint32_t method, packed, unpacked, offset;
} zip_entry;

/* The archive's directory, found from its end. */
static pli_status read_directory(const char *path, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf tail = {0};
    PLI_TRY(pli__fs_read_at(path, -(int64_t)TAIL_MAX, TAIL_MAX, &tail, err));
    for (size_t i = tail.len; i-- > 0;) {
        if (tail.len - i < 22 || memcmp(tail.ptr + i, "PK\5\6", 4) != 0) continue;
        uint32_t size = le(tail.ptr + i + 12, 4), offset = le(tail.ptr + i + 16, 4);
        if (size > DIRECTORY_MAX) break;
        PLI_TRY(pli__fs_read_at(path, offset, size, out, err));
        return out->len == size ? PLI_OK : no_workbook(path, err);
    }
    return no_workbook(path, err);
}

static bool find_entry(const pli__buf *directory, pli__str name, zip_entry *out) {
    for (size_t at = 0; at + 46 <= directory->len && memcmp(directory->ptr + at, "PK\1\2", 4) == 0;) {
        const char *p = directory->ptr + at;
        size_t name_len = le(p + 28, 2), next = at + 46 + name_len + le(p + 30, 2) + le(p + 32, 2);
        if (next > directory->len) return false;
        if (pli__str_eq((pli__str){p + 46, name_len}, name)) {
            *out = (zip_entry){le(p + 10, 2), le(p + 20, 4), le(p + 24, 4), le(p + 42, 4)};
            return true;
        }
        at = next;
    }
    return false;
}

static pli_status inflate_raw(const char *path, const pli__buf *packed, uint32_t size, pli__buf *out, pli_error *err) {
    char *room = pli__buf_room(out, size);
    if (!room) return pli__buf_status(out, err);
    z_stream z = {
        .next_in = (Bytef *)packed->ptr, .avail_in = (uInt)packed->len, .next_out = (Bytef *)room, .avail_out = size};
    if (inflateInit2(&z, -15) != Z_OK) return pli__error_memory(err);
    int rc = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    if (rc != Z_STREAM_END) return no_workbook(path, err);
    pli__buf_used(out, z.total_out);
    return PLI_OK;
}

pli_status pli__xlsx_check(const char *path, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf directory = {0};
    zip_entry e;
    PLI_TRY(read_directory(path, &directory, err));
    return find_entry(&directory, PLI_STR("xl/workbook.xml"), &e) ? PLI_OK : no_workbook(path, err);
}

static pli_status read_entry(const char *path, pli__str name, pli__buf *out, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf directory = {0}, head = {0}, packed = {0};
    zip_entry e;
    PLI_TRY(read_directory(path, &directory, err));
    if (!find_entry(&directory, name, &e) || e.unpacked > WORKBOOK_MAX || e.packed > WORKBOOK_MAX ||
        (e.method != 0 && e.method != 8))
        return no_workbook(path, err);
    PLI_TRY(pli__fs_read_at(path, e.offset, 30, &head, err));
    if (head.len < 30 || memcmp(head.ptr, "PK\3\4", 4) != 0) return no_workbook(path, err);
    int64_t begin = (int64_t)e.offset + 30 + le(head.ptr + 26, 2) + le(head.ptr + 28, 2);
    PLI_TRY(pli__fs_read_at(path, begin, e.packed, e.method == 0 ? out : &packed, err));
    return e.method == 0 ? PLI_OK : inflate_raw(path, &packed, e.unpacked, out, err);
}

/* &amp; and its four companions, and &#...; */
static void add_unescaped(pli__buf *out, pli__str text) {
    static const struct {
        const char *name;
        char c;
    } named[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t i = 0; i < text.len;) {
        pli__str rest = {text.ptr + i, text.len - i};
        size_t used = 0;
        for (size_t k = 0; k < sizeof named / sizeof *named && !used; k++) {
            if (!pli__str_starts(rest, pli__str_of(named[k].name))) continue;
            pli__buf_addc(out, named[k].c);
            used = strlen(named[k].name);
        }
        const char *end = rest.len > 3 && rest.ptr[0] == '&' && rest.ptr[1] == '#' ? memchr(rest.ptr, ';', rest.len)
                                                                                   : NULL;
        if (!used && end && end - rest.ptr < 12) {
            bool hex = rest.ptr[2] == 'x';
            unsigned long cp = strtoul(rest.ptr + 2 + hex, NULL, hex ? 16 : 10);
            char utf8[4];
            if (cp && cp <= 0x10FFFF) pli__buf_add(out, utf8, pli__utf8_encode((uint32_t)cp, utf8));
            used = (size_t)(end - rest.ptr) + 1;
        }
        if (!used) pli__buf_addc(out, rest.ptr[0]);
        i += used ? used : 1;
    }
}

/* The value of name="…" within a tag. */
static bool attribute(const char *tag, const char *end, const char *name, pli__str *out) {
    size_t len = strlen(name);
    for (const char *p = tag; p + len + 2 < end; p++) {
        if ((p[-1] != ' ' && p[-1] != '\t' && p[-1] != '\n' && p[-1] != '\r') || memcmp(p, name, len) != 0 ||
            p[len] != '=')
            continue;
        char quote = p[len + 1];
        const char *close = quote == '"' || quote == '\'' ? memchr(p + len + 2, quote, (size_t)(end - p) - len - 2)
                                                          : NULL;
        if (!close) return false;
        *out = (pli__str){p + len + 2, (size_t)(close - p) - len - 2};
        return true;
    }
    return false;
}

/* Called for each sheet with its name; true ends the walk. */
typedef bool sheet_fn(void *arg, int64_t number, pli__str name);

static pli_status each_sheet(const char *path, sheet_fn *fn, void *arg, bool *ended, int64_t *count, pli_error *err) {
    PLI_AUTO(pli__buf_clear) pli__buf xml = {0};
    PLI_TRY(read_entry(path, PLI_STR("xl/workbook.xml"), &xml, err));
    pli__buf_addc(&xml, ' ');
    PLI_TRY(pli__buf_status(&xml, err));
    *ended = false;
    *count = 0;
    for (const char *p = xml.ptr; !*ended && (p = strchr(p, '<'));) {
        p++;
        const char *end = strchr(p, '>');
        if (!end) break;
        const char *colon = memchr(p, ':', (size_t)(end - p) < 16 ? (size_t)(end - p) : 16); /* a namespace's prefix */
        const char *tag = colon && memchr(p, ' ', (size_t)(colon - p)) == NULL ? colon + 1 : p;
        pli__str value;
        if (strncmp(tag, "sheet ", 6) != 0 || !attribute(tag + 6, end, "name", &value)) continue;
        PLI_AUTO(pli__buf_clear) pli__buf name = {0};
        add_unescaped(&name, value);
        PLI_TRY(pli__buf_status(&name, err));
        *ended = fn(arg, ++*count, pli__buf_str(&name));
    }
    return PLI_OK;
}

typedef struct wanted_sheet {
    int64_t number; /* 0: by name */
    const char *name;
    pli__buf *out;
    pli__buf others; /* names that were passed */
} wanted_sheet;

static bool is_wanted(void *arg, int64_t number, pli__str name) {
    wanted_sheet *w = arg;
    const bool found = w->number ? number == w->number : pli__str_ieqz(name, w->name);
    if (found && w->out) pli__buf_adds(w->out, name);
    pli__buf_addf(&w->others, "%s'%.*s'", number > 1 ? ", " : "", PLI_STR_ARG(name));
    return found;
}

pli_status pli__xlsx_sheet_name(const char *path, int64_t number, pli__buf *out, pli_error *err) {
    wanted_sheet w = {.number = number, .out = out};
    bool found = false;
    int64_t count = 0;
    const pli_status status = each_sheet(path, is_wanted, &w, &found, &count, err);
    pli__buf_clear(&w.others);
    PLI_TRY(status);
    if (found) return pli__buf_status(out, err);
    return pli__error_set(err, PLI_E_NOT_FOUND, "'%s' has %" PRId64 " sheets, there is no number %" PRId64, path, count,
                          number);
}

pli_status pli__xlsx_find_sheet(const char *path, const char *name, pli__buf *out, pli_error *err) {
    wanted_sheet w = {.name = name, .out = out};
    bool found = false;
    int64_t count = 0;
    pli_status status = each_sheet(path, is_wanted, &w, &found, &count, err);
    if (status == PLI_OK && !found)
        status = pli__error_set(err, PLI_E_NOT_FOUND, "'%s' has no sheet '%s'; it has %s", path, name,
                                w.others.ptr ? w.others.ptr : "none");
    pli__buf_clear(&w.others);
    return status;
}
