//! What happens to frames and packets between source, link and sink, decided without IO.
//!
//! Frames come in from sources, go through one encoder per source and codec, and leave as RTP payloads for
//! every link that carries them; packets come in from links, are put in order and leave as frames for
//! decoders. Time is handed in; nothing here reads a clock, a socket or a thread.
//!
//! | way | modules, in the order in which a frame meets them |
//! | --- | --- |
//! | out | [`framer`] (sound only), [`fanout`], the app's or the engine's [`codec`], [`packetize`] |
//! | in | [`depacketize`] inside [`video_receiver`] and [`audio_receiver`], [`codec`] |
//! | beside | [`bitstream`] and [`opus`] (what encoded bytes say about themselves), [`level`], [`psnr`] |

#![forbid(unsafe_code)]

pub mod audio_receiver;
pub mod bitstream;
pub mod codec;
pub mod depacketize;
pub mod fanout;
pub mod frame;
pub mod framer;
pub mod level;
pub mod opus;
pub mod packetize;
pub mod psnr;
pub mod rtp;
mod sequence;
pub mod video_receiver;
