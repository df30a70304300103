/*
 * Runs a part of the test program again in a child process under fault/iofault.c (see there for what the fields mean).
 *
 *   int main(void) {
 *       if (iofault_child()) return iofault_child_main();      // a function of the test: does the work in iofault_folder()
 *       ...
 *   const iofault f = {.at = 3, .what = "kill"};
 *   const int ended = iofault_run(*state, "publish", &f);      // as waitpid says
 *
 * The child is the same program with the name of its work in the environment. Needs $PLI_IOFAULT, which ctest sets;
 * iofault_available is false without it, and a test then skips.
 */
#ifndef TEST_SUPPORT_IOFAULT_RUN_H
#define TEST_SUPPORT_IOFAULT_RUN_H

#include <stdbool.h>
#include <stddef.h>

typedef struct iofault {
    unsigned at;
    const char *what;       /**< IOFAULT_DO; NULL: none */
    const char *only, *call; /**< may be NULL */
    bool sticky;
    unsigned ms;
    bool log; /**< write the log, which iofault_log reads */
} iofault;

/** In main: the name of the work if this process is a child, else NULL. */
const char *iofault_child(void);
/** In a child: the folder whose calls count. */
const char *iofault_folder(void);
/** Prints a note once when it is not available. */
bool iofault_available(void);
/** Run the work in a child, with the folder "root" of the temporary folder (support/temp_dir.h) as its own. Waits for it.
 *  @return wait status */
int iofault_run(void *temp, const char *work, const iofault *f);
/** Start it without waiting. @return process id */
int iofault_start(void *temp, const char *work, const iofault *f);
/** The log of the runs so far: text, freed with the test; "" if there is none. */
const char *iofault_log(void *temp);
/** Number of calls in the log. */
unsigned iofault_calls(void *temp);

#endif
