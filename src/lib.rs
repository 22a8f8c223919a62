//! Parlor: an embeddable call engine.
