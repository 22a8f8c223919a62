//! The one way in: panics stop here, failures become a status and a message.

use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::api::{Error, Result, Status};

use crate::last_error;
use crate::status::parlor_status;

/// Runs the body of a function that answers with a status.
pub(crate) fn status(body: impl FnOnce() -> Result<()>) -> parlor_status {
    match catch(body) {
        Ok(()) => parlor_status::Ok,
        Err(error) => {
            last_error::set(&error);
            error.status().into()
        }
    }
}

/// Runs the body of a function that answers with a plain value; a failure answers with `fallback`.
pub(crate) fn value<T>(fallback: T, body: impl FnOnce() -> Result<T>) -> T {
    catch(body).unwrap_or_else(|error| {
        last_error::set(&error);
        fallback
    })
}

fn catch<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        #[cfg(feature = "test-hooks")]
        crate::test_hooks::panic_if_asked();
        body()
    }));
    // What a panic leaves half done is the engine's: its locks recover from poison and Internal warns the app.
    let panicked = |_| Err(Error::new(Status::Internal, "the engine panicked; this is a bug in Parlor"));
    outcome.unwrap_or_else(panicked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_internal_and_a_failure_its_own_status() {
        assert_eq!(status(|| panic!("for the test")), parlor_status::Internal);
        assert_eq!(status(|| Err(Error::new(Status::Busy, "full"))), parlor_status::Busy);
        assert_eq!(status(|| Ok(())), parlor_status::Ok);
        assert_eq!(value(7, || panic!("for the test")), 7);
    }
}
