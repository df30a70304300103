/*
 * Errors: one list of codes, one form of error.
 *
 * Every fallible function of libpli returns a pli_status (PLI_OK is 0) and takes, as its last argument, a nullable
 * caller-owned pli_error that is filled in on failure. A pli_error never allocates, so it can also say that memory
 * is out. Codes are stable; messages are for people and are never to be matched.
 */
#ifndef PLI_ERROR_H
#define PLI_ERROR_H

#include <stddef.h>
#include <stdint.h>

#include "pli/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The list of codes: X(symbol, number, NAME, exit code of `pli`, one-line explanation, what to do).
 * It makes the enum, the names, `pli explain`, the exit codes and the reference page.
 */
#define PLI_ERROR_MAP(X)                                                                                               \
    X(PLI_E_MEMORY, 1, "OUT_OF_MEMORY", 1, "memory could not be allocated",                                            \
      "raise the memory of the machine or container, or lower `memory` and `threads` of the job")                      \
    X(PLI_E_IO, 2, "IO_ERROR", 1, "the operating system reported an error while reading or writing",                   \
      "look at the path and the system's message; the run can be repeated as it is")                                   \
    X(PLI_E_DISK_FULL, 3, "DISK_FULL", 1, "a disk or quota is full",                                                   \
      "free space and run again; the batch at hand is repeated with the same inputs")                                  \
    X(PLI_E_NOT_FOUND, 4, "NOT_FOUND", 1, "a file, folder, table or version does not exist", "check the path")         \
    X(PLI_E_EXISTS, 5, "ALREADY_EXISTS", 1, "the thing to be created exists already", "choose another name")           \
    X(PLI_E_ACCESS, 6, "ACCESS_DENIED", 1, "the operating system denies access",                                       \
      "change the permissions or run as a user who may read and write the path")                                       \
    X(PLI_E_ARGUMENT, 7, "INVALID_ARGUMENT", 2, "a value handed in is not allowed", "see the message")                 \
    X(PLI_E_USAGE, 8, "USAGE", 2, "the command line is not understood", "see `pli help COMMAND`")                      \
    X(PLI_E_CONFIG, 9, "INVALID_CONFIG", 78, "the job file is not valid",                                              \
      "`pli validate` lists every error with its line")                                                                \
    X(PLI_E_CORRUPT, 10, "CORRUPT_RECORD", 1, "a file of a checkpoint or table cannot be understood",                  \
      "restore the named file from a copy; nothing is skipped or guessed")                                             \
    X(PLI_E_UNSUPPORTED, 11, "UNSUPPORTED_FEATURE", 4, "the table needs a feature that this version does not have",    \
      "read the table with another engine, or drop the feature there")                                                 \
    X(PLI_E_SCHEMA, 12, "SCHEMA_MISMATCH", 4, "the schema of the input does not fit, and the policy forbids a change", \
      "allow the change (`merge_schema`, schema mode), or mend the file and allow `on_changed_file: reread`")          \
    X(PLI_E_DATA, 13, "BAD_DATA", 1, "an input file cannot be read as its format",                                     \
      "mend the named file and allow `on_changed_file: reread`, or set `on_bad_file: skip` or `quarantine`")           \
    X(PLI_E_SQL, 14, "INVALID_SQL", 1, "a SQL text cannot be run", "correct the SQL; `pli validate` checks it")        \
    X(PLI_E_LOCKED, 15, "LOCKED", 6, "another run holds the checkpoint", "wait for it, or use --lock-timeout")         \
    X(PLI_E_CONFLICT, 16, "COMMIT_CONFLICT", 1, "another writer changed the table in a way that cannot be combined",   \
      "run again; the operation is computed anew on the new version")                                                  \
    X(PLI_E_UNKNOWN, 17, "OUTCOME_UNKNOWN", 1, "it is not known whether a write took effect",                          \
      "run again; the next run looks at what is there and goes on from that")                                          \
    X(PLI_E_DATA_LOSS, 18, "DATA_LOSS", 5, "inputs that the checkpoint needs are gone",                                \
      "restore them, or accept the gap with `fail_on_data_loss: false`")                                               \
    X(PLI_E_SINK_AHEAD, 19, "SINK_AHEAD", 5, "the sink holds batches that this checkpoint does not know",              \
      "find out who wrote them (a copied or restored checkpoint?); then `pli checkpoint accept DIR --yes`")            \
    X(PLI_E_SINK_BEHIND, 20, "SINK_BEHIND", 5, "the sink lacks batches that this checkpoint has committed",            \
      "restore the sink, or truncate the checkpoint to the batch the sink has")                                        \
    X(PLI_E_FILE_CHANGED, 21, "FILE_CHANGED", 1, "an input file changed between planning and commit",                  \
      "read it as it is now by `on_changed_file: reread`; a longer `settle_time` leaves growing files for later")      \
    X(PLI_E_CANCELLED, 22, "CANCELLED", 130, "the run was stopped from outside", "run again to go on")                 \
    X(PLI_E_ENGINE, 23, "ENGINE_ERROR", 1, "the query engine failed or could not be loaded", "see `pli doctor`")       \
    X(PLI_E_LIMIT, 24, "LIMIT_EXCEEDED", 1, "something read from outside is larger than its limit",                    \
      "see the message for the limit")                                                                                 \
    X(PLI_E_NOT_A_TABLE, 25, "NOT_A_TABLE", 1, "the path is not a Delta table", "check the path")                      \
    X(PLI_E_FOREIGN, 26, "FOREIGN_RECORD", 1, "a record belongs to another checkpoint",                                \
      "do not mix checkpoints; restore metadata.json of this one")                                                     \
    X(PLI_E_TABLE_CHANGED, 27, "TABLE_REPLACED", 5, "the table was dropped and created again, or went backwards",      \
      "start a new checkpoint for the new table, or `pli checkpoint rebind`")                                          \
    X(PLI_E_TIMEOUT, 28, "TIMEOUT", 1, "a time limit ran out", "run again, or raise the limit")                        \
    X(PLI_E_NO_FEED, 29, "NO_CHANGE_FEED", 1, "the change data feed was not recorded for the range",                   \
      "enable `delta.enableChangeDataFeed`, or derive the changes with --synthesize")                                  \
    X(PLI_E_CONSTRAINT, 30, "CONSTRAINT_VIOLATED", 1, "a row breaks a constraint of the table",                        \
      "mend the rows; the message names the constraint")                                                               \
    X(PLI_E_STATE, 31, "INVALID_STATE", 1, "a function was called out of order", "see the header of the function")     \
    X(PLI_E_CALLBACK, 33, "CALLBACK_FAILED", 1, "a reader, transform or writer of the caller failed",                  \
      "see what it raised (`__cause__` in Python); the next run repeats the batch with the same inputs")               \
    X(PLI_E_INTERNAL, 32, "INTERNAL", 1, "a bug of this library", "please report it")

/** Result of a fallible call. 0 is success; the numbers are stable. */
typedef enum pli_status {
    PLI_OK = 0,
#define PLI_ERROR_ENUM_(sym, num, name, exitcode, text, hint) sym = num,
    PLI_ERROR_MAP(PLI_ERROR_ENUM_)
#undef PLI_ERROR_ENUM_
} pli_status;

/** Properties of an error that decide what a caller may do next. */
enum {
    PLI_ERR_RETRIABLE = 1, /**< the same call may succeed later without any change */
    PLI_ERR_CONFLICT = 2,  /**< another writer was there first */
    PLI_ERR_FATAL = 4      /**< nothing but closing the object makes sense */
};

/** An error in the caller's hands. Fixed size, no allocation, may be copied. */
typedef struct pli_error {
    pli_status code;
    unsigned flags;     /**< PLI_ERR_* */
    int native_code;    /**< errno, SQLite's or HTTP's code; 0 if none */
    int64_t position;   /**< line (from 1) or byte in the named file; 0 if unknown */
    char message[1000]; /**< lower case, no full stop, UTF-8, always terminated */
    char hint[280];     /**< how to mend it; empty if there is nothing particular to say */
} pli_error;

/** Name of a code such as "DISK_FULL"; "OK" for PLI_OK, "INTERNAL" for numbers that are not codes. Static string. */
PLI_API const char *pli_status_name(pli_status code);
/** One line on what the code means. Static string. */
PLI_API const char *pli_status_text(pli_status code);
/** What to do about it in general. Static string. */
PLI_API const char *pli_status_hint(pli_status code);
/** The exit code of the command `pli` for it. */
PLI_API int pli_status_exit_code(pli_status code);
/** Code of a name (case-insensitive). @return PLI_OK if there is no such name */
PLI_API pli_status pli_status_from_name(const char *name);

#ifdef __cplusplus
}
#endif
#endif
