//! The one way in: panics stop here and become an error of kind `Internal`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::api::Status;

use crate::error::{ParlorError, Result, failed};

/// Runs the body of an entry.
pub(crate) fn guard<T, E: Into<ParlorError>>(body: impl FnOnce() -> std::result::Result<T, E>) -> Result<T> {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        #[cfg(feature = "test-hooks")]
        crate::test_hooks::panic_if_asked();
        body()
    }));
    // What a panic leaves half done is the engine's: its locks recover from poison and Internal warns the app.
    match outcome {
        Ok(outcome) => outcome.map_err(Into::into),
        Err(_) => Err(failed(Status::Internal, "the engine panicked; this is a bug in Parlor")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_internal_and_a_failure_its_own_status() {
        let status = |outcome: Result<()>| match outcome {
            Ok(()) => Status::Ok.into(),
            Err(ParlorError::Failed { status, .. }) => status,
        };
        let internal = status(guard(|| -> Result<()> { panic!("for the test") }));
        assert_eq!(internal, crate::error::Status::Internal);
        let busy = status(guard(|| Err::<(), _>(engine::api::Error::new(Status::Busy, "full"))));
        assert_eq!(busy, crate::error::Status::Busy);
    }
}
