//! Pictures.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use engine::api::{self, Live, Status, Time};

use crate::error::{ParlorError, Result, failed};
use crate::guard::guard;
use crate::memory;

/// How the pixels of a picture lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum PixelFormat {
    /// Three planes, Y then U then V, chroma halved both ways (BT.601, limited range).
    I420,
    /// Two planes, Y then interleaved UV, chroma halved both ways (BT.601, limited range).
    Nv12,
    /// One plane, four bytes a pixel: red, green, blue, alpha.
    Rgba,
}

/// One plane of a picture in memory.
#[derive(Debug, Clone, Copy, uniffi::Record)]
pub struct Plane {
    /// Where the first byte of the first row lies.
    pub address: u64,
    /// How many bytes may be read, at least `stride * (rows - 1)` and one row.
    pub length: u64,
    /// Bytes from the start of one row to the start of the next.
    pub stride: u64,
}

/// What a picture is, and where its pixels lie.
#[derive(Debug, Clone, uniffi::Record)]
pub struct PictureLayout {
    /// How the pixels lie in memory.
    pub format: PixelFormat,
    /// Width in pixels, 1 to 16384.
    pub width: u32,
    /// Height in pixels, 1 to 16384.
    pub height: u32,
    /// The planes, as many as the format has.
    pub planes: Vec<Plane>,
    /// When the picture was captured or is due, by `time_us`; handed in, 0 means now.
    pub timestamp_us: u64,
}

/// A picture, never changed. Its pixels stay where they are until it is released.
///
/// Release each as soon as it is done with: a garbage collector sees a few bytes where megabytes hang.
#[derive(uniffi::Object)]
pub struct VideoFrame(Mutex<Option<Held>>);

struct Held {
    frame: api::VideoFrame,
    _counted: Live,
}

#[uniffi::export]
impl VideoFrame {
    /// Copies a picture from the app's memory.
    ///
    /// Errors: `InvalidFrame` when size, format or planes do not fit; `NullPointer`.
    #[uniffi::constructor]
    pub fn copy(layout: PictureLayout) -> Result<Arc<Self>> {
        guard(|| copy_in(&layout).map(Self::of))
    }

    /// Copies a picture from bytes that hold all planes one after the other without padding. `timestamp_us` is by
    /// `time_us`; 0 means now.
    ///
    /// Errors: `InvalidFrame` when the size is out of range or the bytes too few.
    #[uniffi::constructor]
    pub fn packed(
        format: PixelFormat,
        width: u32,
        height: u32,
        pixels: &[u8],
        timestamp_us: u64,
    ) -> Result<Arc<Self>> {
        guard(|| {
            let pixels = Bytes::copy_from_slice(pixels);
            api::VideoFrame::packed(format.into(), width, height, pixels, time(timestamp_us))
                .map(Self::of)
                .map_err(api::Error::from)
        })
    }

    /// Returns what the picture is, and where its pixels lie until it is released.
    ///
    /// Errors: `Closed` when it was released.
    pub fn layout(&self) -> Result<PictureLayout> {
        guard(|| {
            let frame = self.picture()?;
            let planes = frame.planes().iter().map(|plane| Plane {
                address: memory::address(&plane.data),
                length: plane.data.len() as u64,
                stride: plane.stride as u64,
            });
            Ok::<_, ParlorError>(PictureLayout {
                format: frame.format().into(),
                width: frame.width(),
                height: frame.height(),
                planes: planes.collect(),
                timestamp_us: frame.timestamp().as_micros(),
            })
        })
    }

    /// Returns the picture in another pixel format; in the same format the pixels are shared.
    ///
    /// Errors: `Closed` when it was released; `CodecFailed` when the conversion fails.
    pub fn convert(&self, format: PixelFormat) -> Result<Arc<Self>> {
        guard(|| Ok::<_, ParlorError>(Self::of(api::convert(&self.picture()?, format.into())?)))
    }

    /// Writes the picture to a PNG file, replacing one that is there; not for a media thread.
    ///
    /// Errors: `Closed` when it was released; `MediaFile` when the file cannot be written.
    pub fn write_png(&self, path: &str) -> Result<()> {
        guard(|| Ok::<_, ParlorError>(api::write_png(&self.picture()?, Path::new(path))?))
    }

    /// Gives the pixels back; every later call answers `Closed`. Twice does nothing.
    pub fn release(&self) -> Result<()> {
        guard(|| {
            drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
            Ok::<_, ParlorError>(())
        })
    }
}

impl VideoFrame {
    pub(crate) fn of(frame: api::VideoFrame) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(Held { frame, _counted: Live::frame() }))))
    }

    pub(crate) fn picture(&self) -> Result<api::VideoFrame> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let released = || failed(Status::Closed, "the picture was released");
        held.as_ref().map(|held| held.frame.clone()).ok_or_else(released)
    }
}

/// Copies a picture from the app's memory.
pub(crate) fn copy_in(layout: &PictureLayout) -> Result<api::VideoFrame> {
    let plane = |plane: &Plane| -> Result<api::Plane> {
        // SAFETY: this crate's rules ask the app for readable memory.
        let bytes = unsafe { memory::read::<u8>(plane.address, plane.length, "a plane's address") }?;
        let stride = usize::try_from(plane.stride).unwrap_or(usize::MAX);
        Ok(api::Plane { data: Bytes::copy_from_slice(bytes), stride })
    };
    let planes = layout.planes.iter().map(plane).collect::<Result<Vec<_>>>()?;
    let (width, height) = (layout.width, layout.height);
    api::VideoFrame::new(layout.format.into(), width, height, &planes, time(layout.timestamp_us))
        .map_err(|error| api::Error::from(error).into())
}

/// Reads a time stamp, of which 0 means now.
pub(crate) fn time(us: u64) -> Time {
    Time::from_micros(if us == 0 { api::time_us() } else { us })
}

impl From<PixelFormat> for api::PixelFormat {
    fn from(format: PixelFormat) -> Self {
        match format {
            PixelFormat::I420 => Self::I420,
            PixelFormat::Nv12 => Self::Nv12,
            PixelFormat::Rgba => Self::Rgba,
        }
    }
}

impl From<api::PixelFormat> for PixelFormat {
    fn from(format: api::PixelFormat) -> Self {
        match format {
            api::PixelFormat::I420 => Self::I420,
            api::PixelFormat::Nv12 => Self::Nv12,
            api::PixelFormat::Rgba => Self::Rgba,
        }
    }
}
