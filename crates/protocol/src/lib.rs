//! The wire messages of Parlor's signalling protocol and their limits.
