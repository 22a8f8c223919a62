//! Pictures.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use engine::api::{self, Live, Status, Time};

use crate::error::{ParlorError, Result, failed};
use crate::guard::guard;
use crate::memory;

/// How the pixels of a picture lie in memory. The number is the same in every language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
#[repr(i32)]
pub enum PixelFormat {
    /// Three planes, Y then U then V, chroma halved both ways (BT.601, limited range).
    I420 = 1,
    /// Two planes, Y then interleaved UV, chroma halved both ways (BT.601, limited range).
    Nv12 = 2,
    /// One plane, four bytes a pixel: red, green, blue, alpha.
    Rgba = 3,
}

/// What a picture is, and where its pixels lie: the numbers of [`VideoFrame::layout`]. Not a record: one costs several
/// crossings more, which is too much for what comes 30 times a second.
type Layout = [u64; 13];

/// Where the planes begin in a [`Layout`], and how many numbers each has.
const PLANES: usize = 4;
const PLANE: usize = 3;

/// A picture, never changed. Its pixels stay where they are until it is released.
///
/// Release each as soon as it is done with: a garbage collector sees a few bytes where megabytes hang.
#[derive(uniffi::Object)]
pub struct VideoFrame {
    layout: Layout,
    held: Mutex<Option<Held>>,
}

struct Held {
    frame: api::VideoFrame,
    _counted: Live,
}

#[uniffi::export]
impl VideoFrame {
    /// Copies a picture from the app's memory. `layout` is the address of 13 numbers of 64 bits, as `layout` answers.
    ///
    /// Errors: `InvalidFrame` when size, format or planes do not fit; `NullPointer`.
    #[uniffi::constructor]
    pub fn copy(layout: u64) -> Result<Arc<Self>> {
        guard(|| copy_in(layout).map(Self::of))
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

    /// Returns the address of 13 numbers of 64 bits, which stay as long as this object: the pixel format, the width and
    /// the height in pixels, and when the picture was captured or is due, by `time_us` (handed in, 0 means now); then for
    /// each of three planes where its first byte lies until the picture is released, how many bytes may be read (at
    /// least `stride * (rows - 1)` and one row), and the stride, the bytes from the start of one row to the start of the
    /// next. Planes that the format does not have are zeros.
    ///
    /// Errors: `Closed` when it was released.
    pub fn layout(&self) -> Result<u64> {
        guard(|| self.picture().map(|_| self.layout_address()))
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
            drop(self.held.lock().unwrap_or_else(PoisonError::into_inner).take());
            Ok::<_, ParlorError>(())
        })
    }
}

impl VideoFrame {
    pub(crate) fn of(frame: api::VideoFrame) -> Arc<Self> {
        let layout = layout_of(&frame);
        Arc::new(Self { layout, held: Mutex::new(Some(Held { frame, _counted: Live::frame() })) })
    }

    /// Returns where the layout lies as long as this object lives.
    pub(crate) fn layout_address(&self) -> u64 {
        memory::address(&self.layout)
    }

    pub(crate) fn picture(&self) -> Result<api::VideoFrame> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let released = || failed(Status::Closed, "the picture was released");
        held.as_ref().map(|held| held.frame.clone()).ok_or_else(released)
    }
}

fn layout_of(frame: &api::VideoFrame) -> Layout {
    let mut layout = Layout::default();
    layout[..PLANES].copy_from_slice(&[
        PixelFormat::from(frame.format()) as u64,
        frame.width().into(),
        frame.height().into(),
        frame.timestamp().as_micros(),
    ]);
    for (numbers, plane) in layout[PLANES..].chunks_exact_mut(PLANE).zip(frame.planes()) {
        let (length, stride) = (plane.data.len() as u64, plane.stride as u64);
        numbers.copy_from_slice(&[memory::address(&plane.data), length, stride]);
    }
    layout
}

/// Copies a picture from the app's memory, whose layout is at an address.
pub(crate) fn copy_in(layout: u64) -> Result<api::VideoFrame> {
    let count = Layout::default().len() as u64;
    // SAFETY: this crate's rules ask the app for readable memory.
    let layout = unsafe { memory::read::<u64>(layout, count, "layout") }?;
    let format = pixel_format(layout[0])?;
    let wrong_size = |_| failed(Status::InvalidFrame, "the picture's size is out of range");
    let width = u32::try_from(layout[1]).map_err(wrong_size)?;
    let height = u32::try_from(layout[2]).map_err(wrong_size)?;
    let plane = |numbers: &[u64]| -> Result<api::Plane> {
        // SAFETY: as above.
        let bytes = unsafe { memory::read::<u8>(numbers[0], numbers[1], "a plane's address") }?;
        let stride = usize::try_from(numbers[2]).unwrap_or(usize::MAX);
        Ok(api::Plane { data: Bytes::copy_from_slice(bytes), stride })
    };
    let (used, unused) = layout[PLANES..].split_at(format.planes() * PLANE);
    if unused.iter().any(|number| *number != 0) {
        return Err(failed(Status::InvalidFrame, "the picture has more planes than its format"));
    }
    let planes = used.chunks_exact(PLANE).map(plane).collect::<Result<Vec<_>>>()?;
    api::VideoFrame::new(format, width, height, &planes, time(layout[3]))
        .map_err(|error| api::Error::from(error).into())
}

fn pixel_format(number: u64) -> Result<api::PixelFormat> {
    let known = [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Rgba];
    let format = known.into_iter().find(|format| *format as u64 == number);
    format.map(Into::into).ok_or_else(|| failed(Status::InvalidArgument, "no pixel format has this number"))
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
