//! Where frames begin and end: files, a test pattern and a tone, and recorders.
//!
//! Everything here is pulled: whoever plays a source asks for the next frame and says what time it is. Nothing
//! here owns a thread or reads a clock.
//!
//! Pictures of sources carry a [`Stamp`], so that a receiver knows which picture it sees and can compare it with
//! the sent one, which [`Reference`] makes again.

mod file;
mod ogg_crc;
mod pattern;
mod record;
mod reference;
mod sample_clock;
mod stamp;
mod tone;

pub use file::{AudioFile, FileError, FormatError, VideoFile};
pub use pattern::{PatternError, TestPattern};
pub use record::{IvfRecorder, OggRecorder, WavRecorder, write_png};
pub use reference::Reference;
pub use stamp::{Stamp, StampSource};
pub use tone::Tone;
