/* Symbol visibility: what carries PLI_API is the library's interface, everything else is hidden. */
#ifndef PLI_EXPORT_H
#define PLI_EXPORT_H

#if defined(__GNUC__)
#define PLI_API __attribute__((visibility("default")))
#else
#define PLI_API
#endif

#endif
