//! Comparing what came with what was sent.

use std::path::Path;
use std::sync::Arc;

use engine::api;

use crate::error::{ParlorError, Result};
use crate::frame::VideoFrame;
use crate::guard::guard;

/// The pictures that were sent, to compare with those that came. The stamps that Parlor's own sources draw into their
/// pictures name them.
#[derive(uniffi::Object)]
pub struct Reference(api::Reference);

#[uniffi::export]
impl Reference {
    /// Opens a VP8 file in IVF that somebody in the call plays with `FileMode.Decode`.
    ///
    /// Errors: `MediaFile` when the file cannot be read or is something else.
    #[uniffi::constructor]
    pub fn from_file(path: &str) -> Result<Arc<Self>> {
        guard(|| api::Reference::file(Path::new(path)).map(|reference| Arc::new(Self(reference))))
    }

    /// Makes the reference of the test pattern, for pictures of one size.
    ///
    /// Errors: `InvalidArgument` when the size is out of range.
    #[uniffi::constructor]
    pub fn test_pattern(width: u32, height: u32) -> Result<Arc<Self>> {
        guard(|| api::Reference::test_pattern(width, height).map(|reference| Arc::new(Self(reference))))
    }

    /// Returns the peak signal-to-noise ratio of a received picture in dB, all samples together, against the picture
    /// that the stamp in it names.
    ///
    /// Errors: `InvalidFrame` when the picture has no readable stamp or another size; `Closed` when it was released.
    pub fn psnr(&self, frame: Arc<VideoFrame>) -> Result<f64> {
        guard(|| Ok::<_, ParlorError>(self.0.psnr(&frame.picture()?)?))
    }
}
