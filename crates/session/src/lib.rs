//! The client's state machine: membership, negotiation, reconnection.
