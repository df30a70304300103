/* The one table of job options: key, type, default, place in pli__job_config. */
#ifndef PLI_CONFIG_OPTIONS_H
#define PLI_CONFIG_OPTIONS_H

#include "pli/config.h"
#include "run/job_config.h"

typedef enum pli__option_kind {
    PLI__OPT_TEXT,
    PLI__OPT_PATH,
    PLI__OPT_BOOL,
    PLI__OPT_COUNT /* >= 1 or "none" */,
    PLI__OPT_NUMBER /* >= 0 */,
    PLI__OPT_SIZE /* bytes or "none" */,
    PLI__OPT_DURATION /* or "none" */,
    PLI__OPT_CHOICE,
    PLI__OPT_TEXTS,
    PLI__OPT_MAP,
    PLI__OPT_SQL,
    PLI__OPT_TIME,
    PLI__OPT_FLAG_CHOICE /* choice that sets a bool: second word = true */
} pli__option_kind;

typedef struct pli__option {
    pli_option_info info; /* first: pli_option_at gives it out */
    pli__option_kind kind;
    size_t offset; /* of the member in pli__job_config */
} pli__option;

size_t pli__option_count(void);
const pli__option *pli__option_table(void);
/** Option of a key; NULL. A key below a map ("source.options.header") gives the map and sets *member to the rest. */
const pli__option *pli__option_find(const char *key, const char **member);
/** True if some option's key begins with prefix + ".". */
bool pli__option_is_section(const char *prefix);
/** Nearest key, for "did you mean"; NULL. */
const char *pli__option_nearest(const char *key);

#endif
