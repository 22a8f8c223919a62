//! The facade that every binding translates: engine, session, streams, sources, sinks, events and errors.
//!
//! The types here are shaped for C: no generics, no lifetimes, no closures. Every function may be called from
//! any thread, also from inside an event callback; none waits for the network. Handles are cheap to clone and
//! share what they name.

mod session;
mod source;
mod stream;

pub use session::Session;
pub use source::{AudioSource, VideoSource};
pub use stream::MediaStream;

pub use crate::shell::{
    AudioPlayout, AudioSink, Credential, EncodedSourceObserver, Engine, EngineConfig, Error, Event, FileMode,
    IceServer, Listener, Live, LiveObjects, LogLevel, LogSink, MessageKind, PeerInfo, PeerState, PeerStats,
    Reference, RequestOutcome, Result, SessionConfig, SessionState, Status, TrackStats, VideoSink, convert,
    live_objects, set_log_sink, time_us, write_png,
};
pub use media::frame::{AudioFrame, EncodedFrame, FrameError, PixelFormat, Plane, VideoFrame};
pub use units::{
    BitRate, ChannelId, ChannelOptions, Codec, MediaKind, PeerId, RequestId, Secret, StreamId, Time, TrackId,
};
