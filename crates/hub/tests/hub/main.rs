//! The hub from the outside: what its clients get to read, and in which order.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod model;
mod operator;
mod ordering;
mod requests;
mod resume;
mod simulation;
mod world;
