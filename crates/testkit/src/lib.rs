//! A virtual clock, an in-memory network and whole worlds of sessions for tests.
