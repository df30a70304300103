/*
 * Drives a program through every file-changing call that it makes: first with a log, then once per call and kind of fault
 * (tests/fault/iofault.c). Counts distinct points: (scenario, call, file with ids taken out).
 */
#ifndef TESTS_SUPPORT_FAULT_POINTS_H
#define TESTS_SUPPORT_FAULT_POINTS_H

#include <stdbool.h>
#include <stddef.h>

#include "pli/env.h"

typedef struct fault_scenario {
    const char *name;
    const char *const *argv;  /**< program under test; it works in folder/work */
    /** Makes folder/start, from which every trial's folder/work is copied. */
    void (*prepare)(const char *folder);
    /** After the faulted program: run what has to repair, then check. `status` is waitpid's of the faulted program. Fails the test itself. */
    void (*check)(const char *folder, const char *what, int status);
} fault_scenario;

/** @param kinds NULL-terminated: "kill", "eio" … @return number of trials; *distinct gets the number of distinct points, added up */
size_t fault_points_run(const fault_scenario *s, const char *folder, const char *const *kinds, size_t *distinct);
/** Run a program, with or without a fault; waitpid's status. @param log file for the calls, NULL = none */
int fault_run_program(const char *const *argv, const char *root, const char *kind, size_t at, const char *log);
/** The same, or the test is skipped with a note where the fault library is not there. */
void fault_points_skip_or_run(const fault_scenario *s, const char *folder, const char *const *kinds, size_t *distinct);
/** Path of the test program itself, which scenarios run again as the program under test. */
const char *fault_self(void);
/** An environment with one thread, so that calls come in one order; NULL (with a note) if there is none to be had. */
pli_env *fault_new_env(void);
/** Exit code of a program under test; the error is shown with PLI_FAULT_VERBOSE. */
int fault_exit(pli_status status, const pli_error *err);
/** A faulted program ends well, by its signal, or with an error; never by a crash of its own. Fails the test. */
void fault_expect_end(const char *what, int status);
/** Folder in which the program under test works: folder/work. */
void fault_work_folder(const char *folder, char out[1000]);
/** system() that must succeed, in a folder. */
void fault_shell(const char *folder, const char *command);
/** Temporary folders in memory where the machine has that: thousands of syncs cost nothing there, and the faults are ours anyway. */
void fault_use_memory(void);
/** Path of iofault.so; NULL if it is not there (the test should be skipped with a note). */
const char *fault_library(void);

#endif
