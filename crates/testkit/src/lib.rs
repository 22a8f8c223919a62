//! A virtual clock, an in-memory network and whole worlds of sessions for tests; never published.
//!
//! [`simulation`] lets things go wrong in calls of five, one for each seed, and looks whether all is well again.
//!
//! A [`World`] holds real sessions, real links and the real hub, and plays the shell's and the server's part
//! between them on one clock, with one seed. Nothing waits: [`World::step`] goes straight to the next thing that
//! is due. A [`Network`] alone serves tests of anything else that exchanges datagrams.
//!
//! What the world and the sessions decide follows from the seed. The WebRTC stack inside a link draws randomness
//! of its own (ICE credentials, transaction ids, the order of hash maps), on which a call's course may hang. The test of
//! the simulation gives it randomness of the seed's, so that a seed has one course; other tests do without. The lengths of
//! DTLS messages vary by a few bytes with their signatures all the same, so bottlenecks count by classes of sizes, and
//! [`World::trace`] rounds times to 10 ms.

#![forbid(unsafe_code)]

mod link;
mod network;
mod node;
mod random;
mod signalling;
pub mod simulation;
mod world;

pub use network::{Arrival, Bottleneck, Bursts, Network, Path};
pub use node::{Flow, NodeId, Stamped};
pub use world::{Identity, MessageKind, World, WorldConfig};
