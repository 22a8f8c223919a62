//! The server's channels, presence, routing and limits, sans-IO.
