//! Writing frames into files.
//!
//! A recorder writes what it is given, one frame after the other, and must be finished: only then does the file say
//! how long it is. One that is dropped leaves a file that many players can still read.

mod ivf;
mod ogg;
mod png;
mod wav;

use std::io;

pub use ivf::IvfRecorder;
pub use ogg::OggRecorder;
pub use png::write_png;
pub use wav::WavRecorder;

/// Makes the error of a frame that does not belong into a file.
fn refused(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}
