/* Calendar intervals of table properties. */
#include "delta/interval.h"

#include <stdlib.h>

bool pli__interval_parse(pli__str s, int64_t *us) {
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {{"week", 604800}, {"day", 86400}, {"hour", 3600}, {"minute", 60}, {"second", 1}};
    char text[128];
    if (!s.len || s.len >= sizeof text) return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    int64_t total = 0;
    bool any = false;
    const char *at = pli__str_starts(s, PLI_STR("interval ")) ? text + 9 : text;
    while (*at) {
        char *end;
        const long long n = strtoll(at, &end, 10);
        if (end == at || n < 0 || n > 1000000) return false;
        while (*end == ' ') end++;
        size_t u = 0;
        while (u < 5 && strncmp(end, units[u].name, strlen(units[u].name)) != 0) u++;
        if (u == 5) return false;
        end += strlen(units[u].name);
        if (*end == 's') end++;
        while (*end == ' ') end++;
        total += n * units[u].seconds * 1000000;
        any = true;
        at = end;
    }
    *us = total;
    return any;
}
