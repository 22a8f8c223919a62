//! Sources: where sent media comes from.

use std::ffi::c_void;
use std::sync::Arc;

use engine::api::{
    AudioSource, BitRate, EncodedSourceObserver, Error, FileMode, Result, Status, VideoSource,
};

use crate::format::video_codec;
use crate::frame::{
    LentFrame, parlor_encoded_frame, parlor_video_frame, parlor_video_planes, read_encoded, time,
};
use crate::guard;
use crate::handle;
use crate::sized::{self, sized};
use crate::status::parlor_status;
use crate::strings::parlor_str;
use crate::userdata::Userdata;

/// A source of pictures. Each is encoded once per codec, however many peers receive it.
pub struct parlor_video_source(pub(crate) VideoSource);

/// A source of sound.
pub struct parlor_audio_source(pub(crate) AudioSource);

/// How a media file is played.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum parlor_file_mode {
    /// Decoded, stamped with frame number and send time, and encoded again at the call's rate.
    Decode = 1,
    /// The file's own frames, as they are.
    Passthrough = 2,
}

/// Tells the app that feeds encoded frames what the receivers need.
///
/// The callbacks run on threads of the engine, must not block, may call only functions that are marked for media
/// callbacks, and a C++ callback must not let an exception out.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_encoded_observer {
    /// `sizeof(parlor_encoded_observer)`.
    pub struct_size: usize,
    /// Called when the next frame should be a keyframe: a receiver joined or lost too much. Not NULL.
    pub on_keyframe_request: Option<unsafe extern "C" fn(userdata: *mut c_void)>,
    /// Called when the rate to aim at changes; may be NULL.
    pub on_target_bitrate: Option<unsafe extern "C" fn(userdata: *mut c_void, bits_per_second: u64)>,
    /// Handed to the callbacks as it is.
    pub userdata: *mut c_void,
    /// Called exactly once, after the last callback, when the source has ended; may be NULL.
    pub destroy: Option<unsafe extern "C" fn(userdata: *mut c_void)>,
}
sized!(parlor_encoded_observer);

/// Makes a source that the app feeds with `parlor_video_source_push` or `parlor_video_source_push_planes`.
///
/// - Ownership: the caller releases it with `parlor_video_source_release`.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_source_create(
    out_source: *mut *mut parlor_video_source,
) -> parlor_status {
    // SAFETY: as the caller promises.
    unsafe { create(out_source, || Ok(parlor_video_source(VideoSource::new()))) }
}

/// Makes a source that the app feeds with `parlor_video_source_push_encoded` frames of one codec.
///
/// - Ownership: the caller releases it with `parlor_video_source_release`. `observer` is copied; its `userdata`
///   is the library's until `destroy`, if the call works.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_UNSUPPORTED_CODEC` when the codec is not one for pictures,
///   `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_source_create_encoded(
    codec: i32,
    observer: *const parlor_encoded_observer,
    out_source: *mut *mut parlor_video_source,
) -> parlor_status {
    // SAFETY: as the caller promises.
    unsafe {
        create(out_source, || {
            let observer = sized::read(observer, "observer")?;
            let bridge = ObserverBridge::new(&observer)?;
            let userdata = bridge.userdata.clone();
            let source = VideoSource::encoded(video_codec(codec)?, Arc::new(bridge))?;
            userdata.adopt(observer.destroy);
            Ok(parlor_video_source(source))
        })
    }
}

/// Makes a moving test pattern, stamped with frame number and send time.
///
/// - Ownership: the caller releases it with `parlor_video_source_release`.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` when size or rate is out of range, `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_source_create_test_pattern(
    width: u32,
    height: u32,
    frames_per_second: u32,
    out_source: *mut *mut parlor_video_source,
) -> parlor_status {
    let make = || Ok(parlor_video_source(VideoSource::test_pattern(width, height, frames_per_second)?));
    // SAFETY: as the caller promises.
    unsafe { create(out_source, make) }
}

/// Plays a VP8 file in IVF, over and over. `mode` is a `PARLOR_FILE_MODE_...` value.
///
/// - Ownership: the caller releases it with `parlor_video_source_release`. `path` is copied.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_MEDIA_FILE` when the file cannot be read or is something else,
///   `PARLOR_STATUS_INVALID_ARGUMENT`, `PARLOR_STATUS_INVALID_UTF8`, `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_source_create_from_file(
    path: parlor_str,
    mode: i32,
    out_source: *mut *mut parlor_video_source,
) -> parlor_status {
    // SAFETY: as the caller promises.
    unsafe {
        create(out_source, || {
            Ok(parlor_video_source(VideoSource::from_file(path.path()?, file_mode(mode)?)?))
        })
    }
}

/// Gives a picture to the encoders; returns at once. A picture that comes before the one before it was encoded
/// takes its place.
///
/// - Ownership: the library takes a reference of its own; the caller's stays the caller's.
/// - Threads: any, also media callbacks, so that a received picture can be passed on.
/// - Errors: `PARLOR_STATUS_INVALID_STATE` when this source is fed otherwise, `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_source_push(
    source: *mut parlor_video_source,
    frame: *const parlor_video_frame,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let (source, frame) = unsafe { (handle::share(source, "source")?, handle::share(frame, "frame")?) };
        source.0.push(frame.picture().clone())
    })
}

/// Gives a picture in the app's memory to the encoders; otherwise as `parlor_video_source_push`.
///
/// - Ownership: the pixels are copied, or lent until `release` is called.
/// - Threads: any, also media callbacks.
/// - Errors: `PARLOR_STATUS_INVALID_FRAME` when size, format or planes do not fit, `PARLOR_STATUS_INVALID_STATE` when
///   this source is fed otherwise, `PARLOR_STATUS_INVALID_ARGUMENT` for an unknown format,
///   `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_source_push_planes(
    source: *mut parlor_video_source,
    planes: *const parlor_video_planes,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let (source, frame) = unsafe { (handle::share(source, "source")?, LentFrame::read(planes)?) };
        frame.accept(|frame| source.0.push(frame))
    })
}

/// Sends an encoded frame; returns at once.
///
/// - Ownership: the bytes are copied.
/// - Threads: any, also media callbacks.
/// - Errors: `PARLOR_STATUS_INVALID_STATE` when this source is fed otherwise, `PARLOR_STATUS_INVALID_FRAME` when the
///   frame is empty or of another codec, `PARLOR_STATUS_UNSUPPORTED_CODEC`, `PARLOR_STATUS_INVALID_ARGUMENT`,
///   `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_source_push_encoded(
    source: *mut parlor_video_source,
    frame: *const parlor_encoded_frame,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let (source, frame) = unsafe { (handle::share(source, "source")?, read_encoded(frame)?) };
        source.0.push_encoded(frame)
    })
}

/// Gets how many pictures this source was given so far.
///
/// - Threads: any, also media callbacks.
/// - Errors: `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_source_frames(
    source: *const parlor_video_source,
    out_frames: *mut u64,
) -> parlor_status {
    guard::status(|| {
        handle::require(out_frames, "out_frames")?;
        // SAFETY: as the caller promises; checked above.
        unsafe { out_frames.write(handle::share(source, "source")?.0.frames()) };
        Ok(())
    })
}

/// Gives the source back; NULL does nothing. Streams that have it keep it.
///
/// - Ownership: the handle must not be used again.
/// - Threads: any, also event callbacks.
/// - Errors: none.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_video_source_release(source: *mut parlor_video_source) {
    guard::value((), || {
        // SAFETY: as the caller promises.
        drop(unsafe { handle::take(source) });
        Ok(())
    });
}

/// Makes a source that the app feeds with `parlor_audio_source_push_i16` or `parlor_audio_source_push_f32`, encoded
/// with 1 or 2 channels.
///
/// - Ownership: the caller releases it with `parlor_audio_source_release`.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` when `channels` is not 1 or 2, `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_audio_source_create(
    channels: u32,
    out_source: *mut *mut parlor_audio_source,
) -> parlor_status {
    // SAFETY: as the caller promises.
    unsafe { create(out_source, || Ok(parlor_audio_source(AudioSource::new(channel_count(channels)?)?))) }
}

/// Makes a source that the app feeds with Opus packets by `parlor_audio_source_push_encoded`.
///
/// - Ownership: the caller releases it with `parlor_audio_source_release`.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_audio_source_create_encoded(
    out_source: *mut *mut parlor_audio_source,
) -> parlor_status {
    // SAFETY: as the caller promises.
    unsafe { create(out_source, || Ok(parlor_audio_source(AudioSource::encoded()))) }
}

/// Makes a sine tone at -12 dBFS; `frequency` is in hertz, 20 to 20000.
///
/// - Ownership: the caller releases it with `parlor_audio_source_release`.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_INVALID_ARGUMENT` when the frequency is out of range, `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_audio_source_create_tone(
    frequency: f32,
    out_source: *mut *mut parlor_audio_source,
) -> parlor_status {
    // SAFETY: as the caller promises.
    unsafe { create(out_source, || Ok(parlor_audio_source(AudioSource::tone(frequency)?))) }
}

/// Plays an Ogg Opus or WAV (48 kHz) file, over and over. `mode` is a `PARLOR_FILE_MODE_...` value.
///
/// - Ownership: the caller releases it with `parlor_audio_source_release`. `path` is copied.
/// - Threads: any, also event callbacks.
/// - Errors: `PARLOR_STATUS_MEDIA_FILE` when the file cannot be read or is something else,
///   `PARLOR_STATUS_INVALID_ARGUMENT`, `PARLOR_STATUS_INVALID_UTF8`, `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_audio_source_create_from_file(
    path: parlor_str,
    mode: i32,
    out_source: *mut *mut parlor_audio_source,
) -> parlor_status {
    // SAFETY: as the caller promises.
    unsafe {
        create(out_source, || {
            Ok(parlor_audio_source(AudioSource::from_file(path.path()?, file_mode(mode)?)?))
        })
    }
}

/// Gives interleaved 16-bit sound to the encoder, 48 kHz, any length; returns at once.
///
/// `sample_count` counts the samples of all channels together. `captured_us` is when the first one was captured, by
/// `parlor_time_us`; 0 means now.
///
/// - Ownership: the samples are copied.
/// - Threads: any, also media callbacks.
/// - Errors: `PARLOR_STATUS_INVALID_FRAME` when the sound is not 48 kHz, 1 or 2 channels, in whole samples;
///   `PARLOR_STATUS_INVALID_STATE` when this source is fed otherwise; `PARLOR_STATUS_BUSY` when more than a second
///   waits for the encoder; `PARLOR_STATUS_NULL_POINTER`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_audio_source_push_i16(
    source: *mut parlor_audio_source,
    samples: *const i16,
    sample_count: usize,
    sample_rate: u32,
    channels: u32,
    captured_us: u64,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let (source, samples) =
            unsafe { (handle::share(source, "source")?, handle::slice(samples, sample_count, "samples")?) };
        source.0.push_i16(samples, sample_rate, channel_count(channels)?, time(captured_us))
    })
}

/// Gives interleaved sound of ±1.0 to the encoder; otherwise as `parlor_audio_source_push_i16`.
///
/// - Ownership: the samples are copied.
/// - Threads: any, also media callbacks.
/// - Errors: as `parlor_audio_source_push_i16`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_audio_source_push_f32(
    source: *mut parlor_audio_source,
    samples: *const f32,
    sample_count: usize,
    sample_rate: u32,
    channels: u32,
    captured_us: u64,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let (source, samples) =
            unsafe { (handle::share(source, "source")?, handle::slice(samples, sample_count, "samples")?) };
        source.0.push_f32(samples, sample_rate, channel_count(channels)?, time(captured_us))
    })
}

/// Sends an Opus packet; returns at once.
///
/// - Ownership: the bytes are copied.
/// - Threads: any, also media callbacks.
/// - Errors: `PARLOR_STATUS_INVALID_STATE` when this source is fed otherwise, `PARLOR_STATUS_INVALID_FRAME` when the
///   packet is empty or not Opus, `PARLOR_STATUS_UNSUPPORTED_CODEC`, `PARLOR_STATUS_INVALID_ARGUMENT`,
///   `PARLOR_STATUS_NULL_POINTER`, `PARLOR_STATUS_UNSUPPORTED_FIELD`.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_audio_source_push_encoded(
    source: *mut parlor_audio_source,
    frame: *const parlor_encoded_frame,
) -> parlor_status {
    guard::status(|| {
        // SAFETY: as the caller promises.
        let (source, frame) = unsafe { (handle::share(source, "source")?, read_encoded(frame)?) };
        source.0.push_encoded(frame)
    })
}

/// Gives the source back; NULL does nothing. Streams that have it keep it.
///
/// - Ownership: the handle must not be used again.
/// - Threads: any, also event callbacks.
/// - Errors: none.
/// - Since: 0.1.0
///
/// # Safety
///
/// Pointers are NULL or as the rules at the top say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn parlor_audio_source_release(source: *mut parlor_audio_source) {
    guard::value((), || {
        // SAFETY: as the caller promises.
        drop(unsafe { handle::take(source) });
        Ok(())
    });
}

/// An observer of C as the facade's.
struct ObserverBridge {
    on_keyframe_request: unsafe extern "C" fn(*mut c_void),
    on_target_bitrate: Option<unsafe extern "C" fn(*mut c_void, u64)>,
    userdata: Arc<Userdata>,
}

impl ObserverBridge {
    fn new(observer: &parlor_encoded_observer) -> Result<Self> {
        let on_keyframe_request = observer
            .on_keyframe_request
            .ok_or_else(|| Error::new(Status::NullPointer, "observer.on_keyframe_request is NULL"))?;
        let userdata = Arc::new(Userdata::new(observer.userdata));
        Ok(Self { on_keyframe_request, on_target_bitrate: observer.on_target_bitrate, userdata })
    }
}

impl EncodedSourceObserver for ObserverBridge {
    fn on_keyframe_request(&self) {
        // SAFETY: the app promised a function for this userdata.
        self.userdata.call(|userdata| unsafe { (self.on_keyframe_request)(userdata) });
    }

    fn on_target_bitrate(&self, rate: BitRate) {
        let Some(callback) = self.on_target_bitrate else { return };
        // SAFETY: the app promised a function for this userdata.
        self.userdata.call(|userdata| unsafe { callback(userdata, rate.bps()) });
    }
}

/// Makes an object and writes its handle.
///
/// # Safety
///
/// `out` is NULL or writable.
unsafe fn create<T>(out: *mut *mut T, make: impl FnOnce() -> Result<T>) -> parlor_status {
    guard::status(|| {
        handle::require(out, "out_source")?;
        let object = make()?;
        // SAFETY: checked above.
        unsafe { out.write(handle::give(object)) };
        Ok(())
    })
}

fn file_mode(mode: i32) -> Result<FileMode> {
    const DECODE: i32 = parlor_file_mode::Decode as i32;
    const PASSTHROUGH: i32 = parlor_file_mode::Passthrough as i32;
    match mode {
        DECODE => Ok(FileMode::Decode),
        PASSTHROUGH => Ok(FileMode::Passthrough),
        _ => Err(Error::new(Status::InvalidArgument, "mode is none of PARLOR_FILE_MODE_...")),
    }
}

fn channel_count(channels: u32) -> Result<u16> {
    u16::try_from(channels).map_err(|_| Error::new(Status::InvalidArgument, "channels is not 1 or 2"))
}
