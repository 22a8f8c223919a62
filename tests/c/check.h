/* Checks that also work where NDEBUG is defined; the first that fails ends the program. */
#ifndef CHECK_H
#define CHECK_H

#include <parlor.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s\n  last error: %s\n", __FILE__, __LINE__, #condition,                 \
                    parlor_last_error_message());                                                            \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

#define CHECK_STATUS(expected, call)                                                                         \
    do {                                                                                                     \
        const parlor_status got_ = (call);                                                                   \
        if (got_ != (expected)) {                                                                            \
            fprintf(stderr, "%s:%d: %s\n  gave %s, expected %s; last error: %s\n", __FILE__, __LINE__,       \
                    #call, parlor_status_name(got_), parlor_status_name(expected),                           \
                    parlor_last_error_message());                                                            \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

#define CHECK_OK(call) CHECK_STATUS(PARLOR_STATUS_OK, call)

#endif
