//! Playing files: VP8 or H.264 in IVF, Opus in Ogg, WAV.
//!
//! The parsers take bytes and answer broken ones with a [`FormatError`]; what opens files adds the path to it.
//! Files are kept in memory as they are, encoded, and decoded one frame at a time.

mod audio;
mod clip;
pub(super) mod ivf;
pub(super) mod ogg;
mod video;
mod wav;

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use media::codec::CodecError;

pub use audio::AudioFile;
pub(super) use clip::Clip;
pub use video::VideoFile;

/// The largest file that is read; files are kept in memory.
const LARGEST_FILE: u64 = 1 << 30;

/// Why a file cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The content of the file is not what it should be.
    #[error("{path} cannot be played: {source}", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: FormatError,
    },
    /// The file is in order, but a frame of it cannot be decoded.
    #[error("frame {frame} of {path} cannot be decoded: {source}", path = path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// The picture or packet, counted from zero.
        frame: usize,
        /// What the decoder says.
        source: CodecError,
    },
    /// The decoder made nothing of a frame.
    #[error("frame {frame} of {path} gives nothing to show or to play", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// The picture or packet, counted from zero.
        frame: usize,
    },
    /// Encoded packets were asked for, and the file has none.
    #[error("{path} has no Opus packets: only Ogg Opus files can be passed through", path = path.display())]
    NotOpus {
        /// The file.
        path: PathBuf,
    },
}

/// What is wrong with the content of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It is another kind of file.
    #[error("it is not {0}")]
    Kind(&'static str),
    /// It ends too early.
    #[error("it ends in the middle of {0}")]
    Truncated(&'static str),
    /// A part of it makes no sense.
    #[error("{0}")]
    Broken(&'static str),
    /// It holds something that cannot be played.
    #[error("it holds {0}")]
    Unsupported(String),
}

/// Reads a whole file.
fn read(path: &Path) -> Result<Bytes, FileError> {
    let read = || {
        // A device or a pipe may never end.
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        if metadata.len() > LARGEST_FILE {
            return Err(io::Error::other("it is larger than 1 GiB"));
        }
        std::fs::read(path)
    };
    read().map(Bytes::from).map_err(|source| FileError::Read { path: path.to_owned(), source })
}

/// Makes the error of a file whose content is wrong.
fn format_error(path: &Path) -> impl FnOnce(FormatError) -> FileError {
    move |source| FileError::Format { path: path.to_owned(), source }
}
