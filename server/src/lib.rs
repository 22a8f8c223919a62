//! Parlor's self-hosted server: signalling and presence in one binary.
