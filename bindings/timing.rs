//! Callbacks into the app, timed where a bench asks for it.

#[cfg(feature = "test-hooks")]
pub(crate) use crate::test_hooks::{Told, timed};

#[cfg(not(feature = "test-hooks"))]
pub(crate) use plain::{Told, timed};

#[cfg(not(feature = "test-hooks"))]
mod plain {
    /// What a callback tells.
    #[derive(Debug, Clone, Copy)]
    pub(crate) enum Told {
        Event,
        Frame,
    }

    /// Calls the app.
    pub(crate) fn timed<T>(_: Told, call: impl FnOnce() -> T) -> T {
        call()
    }
}
