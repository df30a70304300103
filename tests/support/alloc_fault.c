/* malloc and its family over glibc's own, with a counter per thread. */
#include "support/alloc_fault.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

static _Thread_local unsigned countdown; /* 0: not armed */
static _Thread_local bool struck;

void alloc_fault_arm(unsigned nth) {
    struck = false;
    countdown = nth;
}

void alloc_fault_disarm(void) { countdown = 0; }

bool alloc_fault_struck(void) { return struck; }

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define HAS_OWN_MALLOC 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define HAS_OWN_MALLOC 1
#endif

#ifdef HAS_OWN_MALLOC

bool alloc_fault_available(void) { return false; }
long alloc_fault_live(void) { return 0; }

#else

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);
extern void __libc_free(void *p);

static atomic_long live;

bool alloc_fault_available(void) { return true; }
long alloc_fault_live(void) { return atomic_load(&live); }

static bool strike(void) {
    if (countdown == 0 || --countdown > 0) return false;
    struck = true;
    errno = ENOMEM;
    return true;
}

static void *count(void *p) {
    if (p) atomic_fetch_add(&live, 1);
    return p;
}

void *malloc(size_t n) { return strike() ? NULL : count(__libc_malloc(n)); }
void *calloc(size_t n, size_t size) { return strike() ? NULL : count(__libc_calloc(n, size)); }
void *memalign(size_t alignment, size_t n) { return strike() ? NULL : count(__libc_memalign(alignment, n)); }
void *aligned_alloc(size_t alignment, size_t n) { return memalign(alignment, n); }

int posix_memalign(void **out, size_t alignment, size_t n) {
    void *p = memalign(alignment, n);
    if (!p) return ENOMEM;
    *out = p;
    return 0;
}

void *realloc(void *p, size_t n) {
    if (!p) return malloc(n);
    return strike() ? NULL : __libc_realloc(p, n);
}

void free(void *p) {
    if (p) atomic_fetch_sub(&live, 1);
    __libc_free(p);
}

#endif
