//! What happens to frames and packets between source, link and sink, decided without IO.
//!
//! Frames come in from sources, go through one encoder per source and codec, and leave as RTP payloads for
//! every link that carries them; packets come in from links, are put in order and leave as frames for
//! decoders. Time is handed in; nothing here reads a clock, a socket or a thread.

#![forbid(unsafe_code)]

pub mod codec;
pub mod frame;
pub mod rtp;
