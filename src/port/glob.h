/*
 * Globs as Python's pathlib has them: `*` `?` `[abc]` `[a-z]` `[!a]` within a name, `**` as a whole component for any
 * number of folders (none too); `*` also matches a leading dot. Case-sensitive, no braces, no escape character: `[*]` is
 * a literal `*`. A trailing `**` means every file below. A character is a code point; a byte that is not UTF-8 counts as one.
 */
#ifndef PLI_PORT_GLOB_H
#define PLI_PORT_GLOB_H

#include "base/str.h"

typedef struct pli__glob pli__glob;

enum { PLI__GLOB_PARTS_MAX = 60 /**< components of a pattern */, PLI__GLOB_LEN_MAX = 4096 /**< bytes of a pattern */ };

/** Prepare a pattern of relative paths. INVALID_ARGUMENT if it is empty, absolute, holds '..', or ends with '/' (it would
 *  name folders only). @param recursive as if the pattern began with two stars and a slash */
pli_status pli__glob_compile(const char *pattern, bool recursive, pli__glob **out, pli_error *err);
void pli__glob_free(pli__glob *g);
void pli__glob_auto(pli__glob **g); /**< for PLI_AUTO */
/** Does the path of a file (relative, clean) match? */
bool pli__glob_match(const pli__glob *g, const char *path);
/** Can anything below this folder (relative, clean; "" is the root) match? If not, it need not be listed. */
bool pli__glob_may_hold(const pli__glob *g, const char *dir);

/** Does a single name match a single component? */
bool pli__glob_match_name(pli__str pattern, pli__str name);
/** True if the text holds `*`, `?` or `[`. */
bool pli__glob_has_magic(pli__str s);
/** Length of the leading folders of a path that hold no magic, without the '/' behind them ("/data/in" of "/data/in/x*.csv");
 *  0 if there are none, 1 for "/" alone. The whole length if nothing is magic. */
size_t pli__glob_fixed_prefix(pli__str path);

#endif
