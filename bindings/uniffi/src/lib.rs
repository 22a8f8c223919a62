//! libparlor_uniffi: what Swift, Kotlin and Python load.
//!
//! Translates `engine::api` and decides nothing; the generated code of each language is made from what is exported
//! here, its documentation too. Every entry catches panics and answers with an error of kind `Internal` then. Media
//! crosses by address and length, never as a list of bytes: an address that a frame tells is valid until the frame is
//! released; an address that is handed in must be readable, or writable, for the length of the call.

uniffi::setup_scaffolding!("parlor");

mod config;
mod encoded;
mod engine_handle;
mod error;
mod event;
mod frame;
mod guard;
mod jvm;
mod listener;
mod log;
mod memory;
mod peer;
mod playout;
mod process;
mod reference;
mod request;
mod session;
mod sink;
mod sound;
mod source;
mod stats;
mod stream;
#[cfg(feature = "test-hooks")]
#[path = "../../test_hooks.rs"]
mod test_hooks;
#[path = "../../timing.rs"]
mod timing;
