//! libparlor: the C binding of the Parlor engine.
//!
//! Translates `engine::api` and decides nothing. Every entry does the same three steps: catch panics, check the
//! pointers, call the facade. `include/parlor.h` is generated from this crate; its rules are at its top and in
//! `bindings/c/cbindgen.toml`.

// The names are those that C sees.
#![allow(non_camel_case_types)]

mod channel;
mod config;
mod engine_handle;
mod event;
mod format;
mod frame;
mod guard;
mod handle;
mod last_error;
mod live;
mod log;
mod names;
mod peers;
mod playout;
mod record;
mod reference;
mod session;
mod sink;
mod sized;
mod source;
mod stats;
mod status;
mod stream;
mod strings;
#[cfg(feature = "test-hooks")]
#[path = "../../test_hooks.rs"]
mod test_hooks;
#[path = "../../timing.rs"]
mod timing;
mod userdata;
mod version;
