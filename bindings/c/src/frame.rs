//! Frames: pictures as reference-counted handles, sound and encoded data as borrowed structs.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use bytes::Bytes;
use engine::api::{self, AudioFrame, EncodedFrame, Error, Live, Plane, Result, Status, Time, VideoFrame};

use crate::format::{codec, codec_number, parlor_frame_kind, pixel_format, pixel_format_number};
use crate::guard;
use crate::handle;
use crate::sized::{self, sized};
use crate::stats::micros;
use crate::status::parlor_status;
use crate::strings::parlor_str;
use crate::userdata::Userdata;

/// One plane of a picture.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_plane {
    /// The first byte of the first row.
    pub data: *const u8,
    /// How many bytes may be read, at least `stride * (rows - 1)` and one row.
    pub size: usize,
    /// Bytes from the start of one row to the start of the next.
    pub stride: usize,
}

/// A picture in the app's memory. Zero a struct and set what is needed.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_video_planes {
    /// `sizeof(parlor_video_planes)`.
    pub struct_size: usize,
    /// A `PARLOR_PIXEL_FORMAT_...` value.
    pub format: i32,
    /// How many of `planes` are used: 3, 2 or 1, as the format has it.
    pub plane_count: u32,
    /// Width in pixels, 1 to 16384.
    pub width: u32,
    /// Height in pixels, 1 to 16384.
    pub height: u32,
    /// The planes.
    pub planes: [parlor_plane; 3],
    /// When the picture was captured, by `parlor_time_us`; 0 means now.
    pub timestamp_us: u64,
    /// Handed to `release` as it is.
    pub userdata: *mut c_void,
    /// NULL: the pixels are copied before the call returns. Else they are not copied: they must stay as they are
    /// until this is called, exactly once, on any thread and perhaps before the call returns. It is not called
    /// when the call fails.
    pub release: Option<unsafe extern "C" fn(userdata: *mut c_void)>,
}
sized!(parlor_video_planes);

/// A picture, reference-counted and never changed.
///
/// A callback borrows the library's reference; `parlor_video_frame_ref` keeps the picture beyond it.
#[derive(Debug)]
pub struct parlor_video_frame {
    picture: VideoFrame,
    _counted: Live,
}

/// Sound. It and its samples are borrowed for the length of the callback.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_audio_frame {
    /// The size of the library's `parlor_audio_frame`.
    pub struct_size: usize,
    /// Interleaved samples.
    pub samples: *const i16,
    /// How many samples, all channels together.
    pub sample_count: usize,
    /// Samples per second and channel.
    pub sample_rate: u32,
    /// Interleaved channels.
    pub channels: u32,
    /// When the first sample is due, by `parlor_time_us`.
    pub timestamp_us: u64,
}
sized!(parlor_audio_frame);

/// One encoded picture or packet of sound. In a callback it and its bytes are borrowed; as an argument they are
/// copied.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_encoded_frame {
    /// `sizeof(parlor_encoded_frame)`.
    pub struct_size: usize,
    /// A `PARLOR_CODEC_...` value.
    pub codec: i32,
    /// 1 when a decoder can start here, else 0. Sound always can.
    pub keyframe: i32,
    /// One VP8 frame, one H.264 access unit (Annex B) or one Opus packet.
    pub data: *const u8,
    /// How many bytes.
    pub size: usize,
    /// When it was captured or is due, by `parlor_time_us`; pushed, 0 means now.
    pub timestamp_us: u64,
    /// How long a packet of sound lasts, in microseconds; 0 for pictures.
    pub duration_us: u64,
}
sized!(parlor_encoded_frame);

/// Makes a picture of the app's memory.
///
/// - Ownership: the caller owns one reference to the picture and gives it back with `parlor_video_frame_unref`.
///   The pixels are copied, or lent until `release` is called.
/// - Threads: any, also media callbacks.
/// - Errors: `PARLOR_STATUS_INVALID_FRAME` when size, format or planes do not fit, `PARLOR_STATUS_NULL_POINTER`,
///   `PARLOR_STATUS_INVALID_ARGUMENT` for an unknown format, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_frame_create(
    planes: *const parlor_video_planes,
    out_frame: *mut *mut parlor_video_frame,
) -> parlor_status {
    guard::status(|| {
        handle::require(out_frame, "out_frame")?;
        // SAFETY: as the caller promises.
        let lent = unsafe { LentFrame::read(planes) }?;
        let frame = lent.accept(Ok)?;
        // SAFETY: checked above.
        unsafe { out_frame.write(handle::give(parlor_video_frame::new(frame))) };
        Ok(())
    })
}

/// Takes one more reference to a picture; returns it, or NULL for NULL.
///
/// - Ownership: the caller gives the reference back with `parlor_video_frame_unref`.
/// - Threads: any, also media callbacks.
/// - Errors: NULL for NULL.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_frame_ref(frame: *const parlor_video_frame) -> *mut parlor_video_frame {
    guard::value(ptr::null_mut(), || {
        // SAFETY: as the caller promises.
        Ok(Arc::into_raw(unsafe { handle::share(frame, "frame") }?).cast_mut())
    })
}

/// Gives one reference to a picture back; NULL does nothing.
///
/// - Ownership: the reference must not be used again.
/// - Threads: any, also media callbacks.
/// - Errors: none.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_frame_unref(frame: *mut parlor_video_frame) {
    guard::value((), || {
        // SAFETY: as the caller promises.
        drop(unsafe { handle::take(frame) });
        Ok(())
    });
}

/// Returns what a picture holds, a `PARLOR_FRAME_KIND_...` value.
///
/// - Threads: any, also media callbacks.
/// - Errors: 0 for NULL.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_frame_kind(frame: *const parlor_video_frame) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { ask(frame, 0, |_| parlor_frame_kind::Planes as i32) }
}

/// Returns a picture's `PARLOR_PIXEL_FORMAT_...` value.
///
/// - Threads: any, also media callbacks.
/// - Errors: 0 for NULL.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_frame_format(frame: *const parlor_video_frame) -> i32 {
    // SAFETY: as the caller promises.
    unsafe { ask(frame, 0, |frame| pixel_format_number(frame.format())) }
}

/// Returns a picture's width in pixels.
///
/// - Threads: any, also media callbacks.
/// - Errors: 0 for NULL.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_frame_width(frame: *const parlor_video_frame) -> u32 {
    // SAFETY: as the caller promises.
    unsafe { ask(frame, 0, VideoFrame::width) }
}

/// Returns a picture's height in pixels.
///
/// - Threads: any, also media callbacks.
/// - Errors: 0 for NULL.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_frame_height(frame: *const parlor_video_frame) -> u32 {
    // SAFETY: as the caller promises.
    unsafe { ask(frame, 0, VideoFrame::height) }
}

/// Returns when a picture was captured or is due, by `parlor_time_us`.
///
/// - Threads: any, also media callbacks.
/// - Errors: 0 for NULL.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_frame_timestamp_us(frame: *const parlor_video_frame) -> u64 {
    // SAFETY: as the caller promises.
    unsafe { ask(frame, 0, |frame| frame.timestamp().as_micros()) }
}

/// Gets one plane of a picture, counted from 0.
///
/// - Ownership: `out_plane` points into the picture and lasts as long as the caller's reference or callback.
/// - Threads: any, also media callbacks.
/// - Errors: `PARLOR_STATUS_NULL_POINTER`; `PARLOR_STATUS_INVALID_ARGUMENT` when there is no such plane.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_frame_plane(
    frame: *const parlor_video_frame,
    index: u32,
    out_plane: *mut parlor_plane,
) -> parlor_status {
    guard::status(|| {
        handle::require(out_plane, "out_plane")?;
        // SAFETY: as the caller promises.
        let frame = unsafe { handle::share(frame, "frame") }?;
        let plane = frame.picture.planes().get(index as usize).ok_or_else(|| {
            Error::new(Status::InvalidArgument, format!("the picture has no plane {index}"))
        })?;
        let plane = parlor_plane { data: plane.data.as_ptr(), size: plane.data.len(), stride: plane.stride };
        // SAFETY: checked above. The caller's own reference keeps the bytes.
        unsafe { out_plane.write(plane) };
        Ok(())
    })
}

/// Writes a picture into the caller's memory in a pixel format of choice, all planes packed without padding.
///
/// `out_size` may be NULL; it gets the bytes needed also when `buffer` is too short, so that a capacity of 0 asks.
///
/// - Ownership: `buffer` stays the caller's.
/// - Threads: any, also media callbacks.
/// - Errors: `PARLOR_STATUS_BUFFER_TOO_SMALL`, `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_INVALID_ARGUMENT` for an
///   unknown format, `PARLOR_STATUS_CODEC_FAILED` when the conversion fails.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_frame_convert(
    frame: *const parlor_video_frame,
    format: i32,
    buffer: *mut u8,
    capacity: usize,
    out_size: *mut usize,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let frame = unsafe { handle::share(frame, "frame") }?;
        let format = pixel_format(format)?;
        if capacity > 0 {
            handle::require(buffer, "buffer")?;
        }
        let (width, height) = (frame.picture.width(), frame.picture.height());
        let sizes = (0..format.planes()).map(|plane| format.plane_size(plane, width, height));
        let needed = sizes.clone().map(|(row, rows)| row * rows).sum();
        // SAFETY: as the caller promises.
        unsafe { handle::write_optional(out_size, needed) };
        if capacity < needed {
            return Err(Error::new(Status::BufferTooSmall, format!("the picture needs {needed} bytes")));
        }
        let converted = api::convert(&frame.picture, format)?;
        let mut to = buffer;
        for (plane, (row, rows)) in converted.planes().iter().zip(sizes) {
            for line in plane.data.chunks(plane.stride).take(rows) {
                // SAFETY: the rows of all planes make up `needed` bytes, which the buffer holds.
                unsafe {
                    ptr::copy_nonoverlapping(line.as_ptr(), to, row);
                    to = to.add(row);
                }
            }
        }
        Ok(())
    })
}

/// Writes a picture to a PNG file, replacing one that is there.
///
/// It encodes and writes before it returns: keep the picture and call this elsewhere than in a media callback.
///
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_MEDIA_FILE` when the file cannot be written, `PARLOR_STATUS_INVALID_ARGUMENT` for an
///   empty path, `PARLOR_STATUS_INVALID_UTF8`, `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_frame_write_png(
    frame: *const parlor_video_frame,
    path: parlor_str,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let (frame, path) = unsafe { (handle::share(frame, "frame")?, path.path()?) };
        api::write_png(&frame.picture, path)
    })
}

impl parlor_video_frame {
    fn new(picture: VideoFrame) -> Self {
        Self { picture, _counted: Live::frame() }
    }

    /// Lends a picture to C for the length of `callback`.
    pub(crate) fn lend(frame: &VideoFrame, callback: impl FnOnce(*const Self)) {
        // An Arc, so that the app can raise its count by the pointer alone.
        let lent = Arc::new(Self::new(frame.clone()));
        callback(Arc::as_ptr(&lent));
    }

    pub(crate) fn picture(&self) -> &VideoFrame {
        &self.picture
    }
}

impl From<&AudioFrame> for parlor_audio_frame {
    fn from(frame: &AudioFrame) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            samples: frame.samples.as_ptr(),
            sample_count: frame.samples.len(),
            sample_rate: frame.sample_rate,
            channels: frame.channels.into(),
            timestamp_us: frame.timestamp.as_micros(),
        }
    }
}

impl From<&EncodedFrame> for parlor_encoded_frame {
    fn from(frame: &EncodedFrame) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            codec: codec_number(frame.codec),
            keyframe: frame.keyframe.into(),
            data: frame.data.as_ptr(),
            size: frame.data.len(),
            timestamp_us: frame.timestamp.as_micros(),
            duration_us: micros(frame.duration),
        }
    }
}

/// A picture read from C whose memory is the library's only once the call has worked.
pub(crate) struct LentFrame {
    frame: VideoFrame,
    lease: Option<(Arc<Userdata>, unsafe extern "C" fn(*mut c_void))>,
}

impl LentFrame {
    /// Reads a picture.
    ///
    /// # Safety
    ///
    /// `planes` is NULL or a struct as the header describes it.
    pub(crate) unsafe fn read(planes: *const parlor_video_planes) -> Result<Self> {
        // SAFETY: as the caller promises.
        let given = unsafe { sized::read(planes, "planes") }?;
        let format = pixel_format(given.format)?;
        let used = given
            .planes
            .get(..given.plane_count as usize)
            .ok_or_else(|| Error::new(Status::InvalidFrame, "plane_count is above 3"))?;
        let lease = given.release.map(|release| (Arc::new(Userdata::new(given.userdata)), release));
        let planes = used
            .iter()
            .map(|plane| {
                // SAFETY: as the caller promises, for the length of the call or until the release.
                let bytes = unsafe { handle::slice(plane.data, plane.size, "planes.data") }?;
                let data = match &lease {
                    None => Bytes::copy_from_slice(bytes),
                    Some((userdata, _)) => Bytes::from_owner(LentPlane { bytes, _until: userdata.clone() }),
                };
                Ok(Plane { data, stride: plane.stride })
            })
            .collect::<Result<Vec<_>>>()?;
        let frame = VideoFrame::new(format, given.width, given.height, &planes, time(given.timestamp_us))?;
        Ok(Self { frame, lease })
    }

    /// Gives the picture to `taker`; only when that works will the app's `release` be called.
    pub(crate) fn accept<T>(self, taker: impl FnOnce(VideoFrame) -> Result<T>) -> Result<T> {
        let taken = taker(self.frame)?;
        if let Some((userdata, release)) = &self.lease {
            userdata.adopt(Some(*release));
        }
        Ok(taken)
    }
}

/// A plane in the app's memory.
struct LentPlane {
    bytes: &'static [u8],
    _until: Arc<Userdata>,
}

impl AsRef<[u8]> for LentPlane {
    fn as_ref(&self) -> &[u8] {
        self.bytes
    }
}

/// Reads an encoded frame.
///
/// # Safety
///
/// `frame` is NULL or a struct as the header describes it.
pub(crate) unsafe fn read_encoded(frame: *const parlor_encoded_frame) -> Result<EncodedFrame> {
    // SAFETY: as the caller promises, here and below.
    let given = unsafe { sized::read(frame, "frame") }?;
    // SAFETY: as above.
    let bytes = unsafe { handle::slice(given.data, given.size, "frame.data") }?;
    Ok(EncodedFrame {
        codec: codec(given.codec)?,
        timestamp: time(given.timestamp_us),
        duration: std::time::Duration::from_micros(given.duration_us),
        keyframe: crate::config::flag(given.keyframe, "keyframe")?,
        data: Bytes::copy_from_slice(bytes),
    })
}

/// Reads a time stamp, of which 0 means now.
pub(crate) fn time(us: u64) -> Time {
    Time::from_micros(if us == 0 { api::time_us() } else { us })
}

/// Asks a picture for a plain value.
///
/// # Safety
///
/// `frame` is NULL or live.
unsafe fn ask<T>(frame: *const parlor_video_frame, none: T, question: impl FnOnce(&VideoFrame) -> T) -> T {
    guard::value(none, || {
        // SAFETY: as the caller promises.
        Ok(question(&unsafe { handle::share(frame, "frame") }?.picture))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::format::parlor_pixel_format;

    unsafe extern "C" fn count(userdata: *mut c_void) {
        // SAFETY: the tests below hand in a counter that outlives the frame.
        unsafe { &*userdata.cast::<AtomicU32>() }.fetch_add(1, Ordering::SeqCst);
    }

    fn rgba(pixels: &[u8], released: &AtomicU32) -> parlor_video_planes {
        let none = parlor_plane { data: ptr::null(), size: 0, stride: 0 };
        parlor_video_planes {
            struct_size: size_of::<parlor_video_planes>(),
            format: parlor_pixel_format::Rgba as i32,
            plane_count: 1,
            width: 2,
            height: 1,
            planes: [parlor_plane { data: pixels.as_ptr(), size: pixels.len(), stride: 8 }, none, none],
            timestamp_us: 5,
            userdata: ptr::from_ref(released).cast_mut().cast(),
            release: Some(count),
        }
    }

    #[test]
    fn lent_pixels_are_not_copied_and_are_released_with_the_last_reference() {
        let (pixels, released) = ([7; 8], AtomicU32::new(0));
        // SAFETY: the struct is valid and the pixels outlive the frame.
        let frame = unsafe { LentFrame::read(&rgba(&pixels, &released)) }.unwrap().accept(Ok).unwrap();
        let kept = frame.clone();
        drop(frame);
        assert_eq!(kept.planes()[0].data.as_ptr(), pixels.as_ptr());
        assert_eq!(released.load(Ordering::SeqCst), 0);
        drop(kept);
        assert_eq!(released.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn pixels_that_were_refused_stay_the_app_s() {
        let (pixels, released) = ([7; 8], AtomicU32::new(0));
        // SAFETY: the structs are valid and the pixels outlive the frames.
        let lent = unsafe { LentFrame::read(&rgba(&pixels, &released)) }.unwrap();
        let refused = lent.accept(|_| Err::<(), _>(Error::new(Status::Busy, "full")));
        assert_eq!(refused.unwrap_err().status(), Status::Busy);
        // SAFETY: as above.
        let short = unsafe { LentFrame::read(&rgba(&pixels[..4], &released)) };
        assert_eq!(short.err().unwrap().status(), Status::InvalidFrame);
        assert_eq!(released.load(Ordering::SeqCst), 0);
    }
}
