/*
 * Allocations that fail on purpose: the nth one of the calling thread from now on returns NULL.
 *
 *   ALLOC_FAULT_EACH(n) {                        // n = 1, 2, 3 … until no allocation was struck
 *       const long before = alloc_fault_live();
 *       alloc_fault_arm(n);
 *       status = thing_to_test();
 *       alloc_fault_disarm();
 *       if (alloc_fault_struck()) { assert_int_equal(status, PLI_E_MEMORY); assert_int_equal(alloc_fault_live(), before); }
 *   }
 *
 * Replaces malloc in the tests that use it, except under sanitizers, which have one of their own: there
 * alloc_fault_available is false, nothing is struck and the loop runs once.
 */
#ifndef TEST_SUPPORT_ALLOC_FAULT_H
#define TEST_SUPPORT_ALLOC_FAULT_H

#include <stdbool.h>

bool alloc_fault_available(void);
/** The nth allocation from now fails; later ones do not. */
void alloc_fault_arm(unsigned nth);
void alloc_fault_disarm(void);
/** Has the armed allocation been asked for (and refused)? */
bool alloc_fault_struck(void);
/** Blocks that are allocated now, of all threads; 0 where it is not available. */
long alloc_fault_live(void);

#define ALLOC_FAULT_EACH(n) for (unsigned n = 1; n == 1 || alloc_fault_struck(); n++)

#endif
