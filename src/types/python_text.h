/* Python's string literals, as repr() writes them and as people type them. Internal to src/types. */
#ifndef PLI_TYPES_PYTHON_TEXT_H
#define PLI_TYPES_PYTHON_TEXT_H

#include "types/type_text.h"

/** The literal at the cursor ('...' or "..."), its value appended to out. */
pli_status pli__python_text_parse(pli__type_text *t, pli__buf *out, pli_error *err);
/** Append repr(s). */
void pli__python_text_add(pli__buf *b, pli__str s);

#endif
