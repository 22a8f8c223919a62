//! Parlor: an embeddable call engine.

pub mod net;
