/* A panic inside the library becomes a status, in the build that is tested: unwinding works. */
#include "check.h"

#include <string.h>

/* Only libraries built with the cargo feature `test-hooks` have it. */
parlor_status parlor_test_panic(void);

int main(void) {
    CHECK_STATUS(PARLOR_STATUS_INTERNAL, parlor_test_panic());
    CHECK(strstr(parlor_last_error_message(), "bug") != NULL);
    parlor_stream *stream = NULL;
    CHECK_OK(parlor_stream_create(&stream));
    parlor_stream_release(stream);
    return 0;
}
