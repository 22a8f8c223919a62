//! Parlor: an embeddable call engine.

pub mod net;
pub mod signal;
