//! One link to a remote peer, sans-IO: commands in, events out, packets in and out.
