//! Sinks: where received media goes.

use std::ffi::c_void;
use std::sync::Arc;

use engine::api::{AudioFrame, AudioSink, EncodedFrame, Error, Result, Status, VideoFrame, VideoSink};

use crate::frame::{parlor_audio_frame, parlor_encoded_frame, parlor_video_frame};
use crate::sized::{self, sized};
use crate::timing::{Told, timed};
use crate::userdata::{Destroy, Userdata};

type OnVideo = unsafe extern "C" fn(*mut c_void, *const parlor_video_frame);
type OnAudio = unsafe extern "C" fn(*mut c_void, *const parlor_audio_frame);
type OnEncoded = unsafe extern "C" fn(*mut c_void, *const parlor_encoded_frame);

/// Receives one remote video track, on a media thread.
///
/// The callbacks must not block, may call only functions that are marked for media callbacks, and a C++ callback
/// must not let an exception out. A slow sink loses frames, counted as dropped. At least one callback is set.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_video_sink {
    /// `sizeof(parlor_video_sink)`.
    pub struct_size: usize,
    /// Called for each decoded picture. NULL saves the decoding.
    pub on_frame: Option<unsafe extern "C" fn(userdata: *mut c_void, frame: *const parlor_video_frame)>,
    /// Called for each encoded frame before it is decoded; may be NULL.
    pub on_encoded: Option<unsafe extern "C" fn(userdata: *mut c_void, frame: *const parlor_encoded_frame)>,
    /// Handed to the callbacks as it is.
    pub userdata: *mut c_void,
    /// Called exactly once, after the last frame; may be NULL.
    pub destroy: Option<unsafe extern "C" fn(userdata: *mut c_void)>,
}
sized!(parlor_video_sink);

/// Receives one remote audio track, on the playout thread.
///
/// The callbacks must not block, may call only functions that are marked for media callbacks, and a C++ callback
/// must not let an exception out. At least one callback is set.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct parlor_audio_sink {
    /// `sizeof(parlor_audio_sink)`.
    pub struct_size: usize,
    /// Called for each 20 ms of sound, 48 kHz stereo, with losses concealed; may be NULL.
    pub on_frame: Option<unsafe extern "C" fn(userdata: *mut c_void, frame: *const parlor_audio_frame)>,
    /// Called for each Opus packet as it arrives, in arrival order; may be NULL.
    pub on_encoded: Option<unsafe extern "C" fn(userdata: *mut c_void, frame: *const parlor_encoded_frame)>,
    /// Handed to the callbacks as it is.
    pub userdata: *mut c_void,
    /// Called exactly once, after the last frame; may be NULL.
    pub destroy: Option<unsafe extern "C" fn(userdata: *mut c_void)>,
}
sized!(parlor_audio_sink);

/// A video sink of C as the facade's.
struct VideoBridge {
    on_frame: Option<OnVideo>,
    on_encoded: Option<OnEncoded>,
    userdata: Arc<Userdata>,
}

impl VideoSink for VideoBridge {
    fn on_frame(&self, frame: &VideoFrame) {
        let Some(on_frame) = self.on_frame else { return };
        timed(Told::Frame, || {
            parlor_video_frame::lend(frame, |frame| {
                // SAFETY: the app promised a function for this userdata; the frame outlives the call.
                self.userdata.call(|userdata| unsafe { on_frame(userdata, frame) });
            });
        });
    }

    fn on_encoded(&self, frame: &EncodedFrame) {
        call_encoded(self.on_encoded, &self.userdata, frame);
    }

    fn wants_pictures(&self) -> bool {
        self.on_frame.is_some()
    }
}

/// An audio sink of C as the facade's.
struct AudioBridge {
    on_frame: Option<OnAudio>,
    on_encoded: Option<OnEncoded>,
    userdata: Arc<Userdata>,
}

impl AudioSink for AudioBridge {
    fn on_frame(&self, frame: &AudioFrame) {
        let Some(on_frame) = self.on_frame else { return };
        let frame = parlor_audio_frame::from(frame);
        // SAFETY: the app promised a function for this userdata; the frame outlives the call.
        self.userdata.call(|userdata| unsafe { on_frame(userdata, &raw const frame) });
    }

    fn on_encoded(&self, frame: &EncodedFrame) {
        call_encoded(self.on_encoded, &self.userdata, frame);
    }
}

fn call_encoded(callback: Option<OnEncoded>, userdata: &Userdata, frame: &EncodedFrame) {
    let Some(callback) = callback else { return };
    let frame = parlor_encoded_frame::from(frame);
    // SAFETY: the app promised a function for this userdata; the frame outlives the call.
    userdata.call(|userdata| unsafe { callback(userdata, &raw const frame) });
}

/// A sink read from C: the bridge for the facade, and what ends its registration.
pub(crate) struct Registration<T: ?Sized> {
    pub(crate) bridge: Arc<T>,
    pub(crate) userdata: Arc<Userdata>,
    pub(crate) destroy: Destroy,
}

/// Reads a video sink.
///
/// # Safety
///
/// `sink` is a struct as the header describes it.
pub(crate) unsafe fn read_video(sink: *const parlor_video_sink) -> Result<Registration<dyn VideoSink>> {
    // SAFETY: as the caller promises.
    let sink = unsafe { sized::read(sink, "sink") }?;
    require_callback(sink.on_frame.is_some() || sink.on_encoded.is_some())?;
    let userdata = Arc::new(Userdata::new(sink.userdata));
    let bridge =
        VideoBridge { on_frame: sink.on_frame, on_encoded: sink.on_encoded, userdata: userdata.clone() };
    Ok(Registration { bridge: Arc::new(bridge), userdata, destroy: sink.destroy })
}

/// Reads an audio sink.
///
/// # Safety
///
/// `sink` is a struct as the header describes it.
pub(crate) unsafe fn read_audio(sink: *const parlor_audio_sink) -> Result<Registration<dyn AudioSink>> {
    // SAFETY: as the caller promises.
    let sink = unsafe { sized::read(sink, "sink") }?;
    require_callback(sink.on_frame.is_some() || sink.on_encoded.is_some())?;
    let userdata = Arc::new(Userdata::new(sink.userdata));
    let bridge =
        AudioBridge { on_frame: sink.on_frame, on_encoded: sink.on_encoded, userdata: userdata.clone() };
    Ok(Registration { bridge: Arc::new(bridge), userdata, destroy: sink.destroy })
}

fn require_callback(there: bool) -> Result<()> {
    there.then_some(()).ok_or_else(|| Error::new(Status::NullPointer, "the sink has no callback"))
}
